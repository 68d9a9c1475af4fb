LIB += common/scram/scram_secret.c common/scram/scram_grammar.c \
	common/scram/scram_server.c common/scram/scram_client.c
TESTS += regress/scram/scram_test
FUZZ += regress/fuzz/scram_fuzz
EXAMPLES += common/scram/example
MAN += man/scram.3
