TESTS += regress/smtpd/receive_test regress/smtpd/path_test \
    regress/smtpd/filter_test regress/smtpd/state_test \
    regress/smtpd/session_test
SRCS.regress/smtpd/receive_test := smtpd/receive.c
SRCS.regress/smtpd/path_test := smtpd/path.c
SRCS.regress/smtpd/filter_test := smtpd/filter.c
SRCS.regress/smtpd/state_test = $(SMTP_SESSION) regress/smtpd/stub.c
SRCS.regress/smtpd/session_test = $(SMTP_SESSION) regress/smtpd/stub.c
FUZZ += regress/fuzz/smtpsession_fuzz regress/fuzz/smtppath_fuzz \
    regress/fuzz/smtpreceive_fuzz
SRCS.regress/fuzz/smtpsession_fuzz = $(SMTP_SESSION) regress/smtpd/stub.c
SRCS.regress/fuzz/smtppath_fuzz := smtpd/path.c
SRCS.regress/fuzz/smtpreceive_fuzz := smtpd/receive.c smtpd/filter.c
