LIB += common/tlscert/tlscert.c common/tlscert/tlscert_pem.c
