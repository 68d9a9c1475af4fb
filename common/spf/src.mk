LIB += common/spf/spf.c common/spf/spf_record.c
TESTS += regress/spf/spf_test
EXAMPLES += common/spf/example
FUZZ += regress/fuzz/spf_fuzz
MAN += man/spf.3
