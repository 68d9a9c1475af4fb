PROGS += queued
QUEUE := queued/address.c queued/attempt.c queued/authors.c queued/clock.c \
    queued/commit.c queued/ctl.c queued/ctl_change.c queued/ctl_more.c \
    queued/ctl_queue.c queued/ctl_verify.c queued/db.c queued/filter.c \
    queued/intake.c queued/local.c \
    queued/report.c queued/report_text.c queued/result.c queued/route.c queued/sched.c \
    queued/schedule.c queued/session.c queued/slot.c queued/submit.c \
    queued/worker.c
SRCS.queued := queued/main.c queued/queued.c $(QUEUE) $(wildcard queued/relay*.c)

# regress: the queue with stand-ins for its peers
STANDIN := queued/queued.c $(QUEUE) regress/queued/standin.c
TESTS += regress/queued/queue_test
SRCS.regress/queued/queue_test := $(STANDIN)
