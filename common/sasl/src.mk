LIB += common/sasl/sasl_mech.c common/sasl/sasl_server.c \
	common/sasl/sasl_server_mech.c common/sasl/sasl_server_scram.c \
	common/sasl/sasl_cram.c common/sasl/sasl_client.c
TESTS += regress/sasl/sasl_test
FUZZ += regress/fuzz/sasl_fuzz regress/fuzz/saslforge_fuzz
EXAMPLES += common/sasl/example
MAN += man/sasl.3
