LIB += common/buf/buf.c common/buf/span.c common/buf/base64.c common/buf/crc32c.c
TESTS += regress/buf/buf_test
EXAMPLES += common/buf/example
MAN += man/buf.3
