PROGS += regress/bench/smtpload
SRCS.regress/bench/smtpload := regress/bench/smtpload.c
