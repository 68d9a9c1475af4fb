PROGS += smtpd
MAN += man/smtpd.8
SMTP_SESSION := smtpd/auth.c smtpd/cmd_data.c smtpd/cmd_hello.c \
    smtpd/cmd_mail.c smtpd/filter.c smtpd/path.c smtpd/receive.c \
    smtpd/received.c smtpd/session.c
SRCS.smtpd := $(SMTP_SESSION) smtpd/conn.c smtpd/control.c smtpd/deliver.c \
    smtpd/main.c smtpd/role.c smtpd/sasl.c smtpd/slot.c \
    smtpd/submit.c
