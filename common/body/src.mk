LIB += common/body/body.c common/body/body_in.c common/body/body_file.c \
	common/body/body_repair.c
TESTS += regress/body/body_test
EXAMPLES += common/body/example
MAN += man/body.3
