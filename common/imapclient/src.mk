LIB += common/imapclient/imapclient.c common/imapclient/imapcommand.c \
	common/imapclient/imapscan.c
TESTS += regress/imapclient/imapclient_test
EXAMPLES += common/imapclient/example
FUZZ += regress/fuzz/imapclient_fuzz
MAN += man/imapclient.3
