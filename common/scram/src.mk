LIB += common/scram/secret.c common/scram/grammar.c common/scram/server.c \
	common/scram/client.c
TESTS += regress/scram/scram_test
