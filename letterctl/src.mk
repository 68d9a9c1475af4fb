PROGS += letterctl
SRCS.letterctl := letterctl/backup.c letterctl/ctl.c letterctl/gen.c letterctl/list.c letterctl/main.c letterctl/password.c letterctl/quickstart.c letterctl/tlspubkey.c
MAN += man/letterctl.8 man/letterlock.7
SCRIPTS += regress/docs/docs_test.py regress/docs/install_test.sh
