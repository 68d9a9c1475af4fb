LIB += common/netclient/netclient.c common/netclient/netconnect.c \
	common/netclient/netlogin.c common/netclient/netsmtp.c \
	common/netclient/netimap.c
TESTS += regress/netclient/netclient_test
EXAMPLES += common/netclient/example
MAN += man/netclient.3
