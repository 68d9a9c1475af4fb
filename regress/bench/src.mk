PROGS += regress/bench/smtpload
SRCS.regress/bench/smtpload := regress/bench/smtpload.c
PROGS += regress/bench/loginload
SRCS.regress/bench/loginload := regress/bench/loginload.c
# imapd with the private key in the front, to compare with
PROGS += regress/bench/imapd
SRCS.regress/bench/imapd := $(SRCS.imapd) regress/bench/ownkey.c
PROGS += regress/bench/queueload
SRCS.regress/bench/queueload := regress/bench/queueload.c queued/db.c
PROGS += regress/bench/idleload
SRCS.regress/bench/idleload := regress/bench/idleload.c
