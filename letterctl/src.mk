PROGS += letterctl
SRCS.letterctl := letterctl/backup.c letterctl/ctl.c letterctl/list.c letterctl/main.c letterctl/password.c letterctl/quickstart.c
