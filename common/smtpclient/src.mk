LIB += common/smtpclient/smtpclient.c common/smtpclient/session.c \
	common/smtpclient/mail.c common/smtpclient/scan.c \
	common/smtpclient/smtpreply.c common/smtpclient/smtpdots.c
TESTS += regress/smtpclient/reply_test regress/smtpclient/client_test \
	regress/smtpclient/body_test
EXAMPLES += common/smtpclient/example
FUZZ += regress/fuzz/smtpreply_fuzz regress/fuzz/smtpclient_fuzz
MAN += man/smtpclient.3
