LIB += common/socks/socks.c
TESTS += regress/socks/socks_test
EXAMPLES += common/socks/example
FUZZ += regress/fuzz/socks_fuzz
MAN += man/socks.3
