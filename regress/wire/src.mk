SCRIPTS += $(sort $(wildcard regress/wire/*_test.py))
PROGS += regress/wire/hostile
SRCS.regress/wire/hostile := regress/wire/hostile.c
# it stands in for common/proc.c, also where that is not in an archive
LIBS.regress/wire/hostile := -Wl,-z,muldefs
PROGS += regress/wire/clientlib
SRCS.regress/wire/clientlib := regress/wire/clientlib.c
