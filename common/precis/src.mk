LIB += common/precis/precis.c common/precis/precis_nfc.c \
	common/precis/precis_class.c
TESTS += regress/precis/precis_test
FUZZ += regress/fuzz/precis_fuzz
EXAMPLES += common/precis/example
MAN += man/precis.3
