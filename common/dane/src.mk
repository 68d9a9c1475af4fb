LIB += common/dane/dane.c
TESTS += regress/dane/dane_test
EXAMPLES += common/dane/example
FUZZ += regress/fuzz/dane_fuzz
MAN += man/dane.3
