LIB += common/mtasts/mtasts.c
TESTS += regress/mtasts/mtasts_test
EXAMPLES += common/mtasts/example
FUZZ += regress/fuzz/mtasts_fuzz
MAN += man/mtasts.3
