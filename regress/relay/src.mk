PROGS += regress/relay/born
SRCS.regress/relay/born := regress/relay/born.c $(PARSE)
TESTS += regress/relay/policy_test
SRCS.regress/relay/policy_test := queued/relay_policy.c
SCRIPTS += regress/relay/worker_test.py regress/relay/dane_test.py \
    regress/relay/hard_relay_test.py regress/relay/ourselves_test.py
