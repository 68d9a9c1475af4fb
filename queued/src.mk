PROGS += queued
QUEUE := queued/address.c queued/attempt.c queued/authors.c queued/change.c queued/clock.c \
    queued/ctl_page.c queued/ctl_retired.c queued/ctl_rule.c queued/ctl_sts.c queued/ctl_suppress.c \
    queued/holdrule.c queued/retired.c queued/suppress.c queued/suppress_gone.c \
    queued/commit.c queued/ctl.c queued/ctl_change.c queued/ctl_more.c \
    queued/ctl_queue.c queued/ctl_verify.c queued/db.c queued/dest.c queued/filter.c \
    queued/intake.c queued/items.c queued/local.c queued/pin.c queued/recover.c queued/sts.c queued/sts_refresh.c \
    queued/report.c queued/report_text.c queued/result.c queued/route.c queued/sched.c \
    queued/schedule.c queued/session.c queued/slot.c queued/submit.c \
    queued/worker.c
SRCS.queued := queued/main.c queued/queued.c $(QUEUE) $(wildcard queued/relay*.c)

# regress: the queue with stand-ins for its peers
STANDIN := queued/queued.c $(QUEUE) regress/queued/standin.c
TESTS += regress/queued/queue_test
SRCS.regress/queued/queue_test := $(STANDIN)
TESTS += regress/queued/change_test regress/queued/sched_test
SRCS.regress/queued/sched_test := $(STANDIN)
TESTS += regress/queued/admin_test regress/queued/sts_test
SRCS.regress/queued/sts_test := $(STANDIN)
SRCS.regress/queued/admin_test := $(STANDIN)
SRCS.regress/queued/change_test := $(STANDIN)
TESTS += regress/queued/clock_test
SRCS.regress/queued/clock_test := $(STANDIN)
TESTS += regress/queued/flush_test regress/queued/moving_test \
    regress/queued/ours_test
SRCS.regress/queued/moving_test := $(STANDIN)
SRCS.regress/queued/ours_test := $(STANDIN)
SRCS.regress/queued/flush_test := $(STANDIN)
TESTS += regress/queued/recover_test regress/queued/report_test \
    regress/queued/route_test regress/queued/schedule_test
SRCS.regress/queued/recover_test := $(STANDIN)
SRCS.regress/queued/report_test := queued/address.c queued/report_text.c
SRCS.regress/queued/route_test := queued/address.c queued/route.c
SRCS.regress/queued/schedule_test := queued/clock.c queued/schedule.c
FUZZ += regress/fuzz/authors_fuzz regress/fuzz/queuecommit_fuzz \
    regress/fuzz/queuerec_fuzz
SRCS.regress/fuzz/authors_fuzz := queued/authors.c
SRCS.regress/fuzz/queuecommit_fuzz := $(STANDIN)
SRCS.regress/fuzz/queuerec_fuzz := queued/db.c
MAN += man/queued.8
