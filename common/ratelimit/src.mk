LIB += common/ratelimit/ratelimit.c common/ratelimit/ratelimit_key.c \
	common/ratelimit/ratelimit_open.c
TESTS += regress/ratelimit/ratelimit_test
EXAMPLES += common/ratelimit/example
MAN += man/ratelimit.3
