LIB += common/imapclient/imapclient.c common/imapclient/imapscan.c \
	common/imapclient/imapcommand.c
