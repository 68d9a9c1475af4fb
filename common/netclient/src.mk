LIB += common/netclient/netclient.c common/netclient/netconnect.c \
	common/netclient/netlogin.c common/netclient/netsmtp.c \
	common/netclient/netimap.c
