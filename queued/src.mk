PROGS += queued
SRCS.queued := queued/main.c queued/queued.c $(wildcard queued/relay*.c)
