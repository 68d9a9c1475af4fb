TESTS += regress/letterctl/sendmail_test regress/letterctl/clientcert_test
SRCS.regress/letterctl/sendmail_test := letterctl/sendmail_args.c letterctl/sendmail_conf.c letterctl/sendmail_message.c
FUZZ += regress/fuzz/sendmail_fuzz
SRCS.regress/fuzz/sendmail_fuzz := letterctl/sendmail_args.c letterctl/sendmail_conf.c letterctl/sendmail_message.c
TESTS += regress/letterctl/list_test
SRCS.regress/letterctl/list_test := letterctl/list.c
