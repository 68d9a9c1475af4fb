LIB += common/message/header.c common/message/header_select.c \
	common/message/date.c common/message/address.c \
	common/message/address_write.c common/message/content.c \
	common/message/mime.c common/message/mime_tree.c \
	common/message/imap_form.c common/message/utf8.c \
	common/message/transfer.c common/message/charset.c \
	common/message/rfc2047.c common/message/html.c common/message/fold.c \
	common/message/text.c common/message/preview.c \
	common/message/msgid.c common/message/subject.c \
	common/message/compose.c common/message/dsn.c common/message/submit.c
TESTS += regress/message/header_test regress/message/address_test \
	regress/message/date_test regress/message/mime_test \
	regress/message/form_test regress/message/word_test \
	regress/message/text_test regress/message/compose_test
TESTS += regress/message/work_test
SRCS.regress/message/work_test := $(addprefix counted/,\
	$(wildcard common/message/*.c common/buf/*.c))
SRCS.regress/message/work_test := $(filter-out %/example.c,\
	$(SRCS.regress/message/work_test))
LIBS.regress/message/work_test := -Wl,--wrap=memchr,--wrap=memrchr \
	-Wl,--wrap=memmem,--wrap=memcmp,--wrap=memcpy,--wrap=memmove \
	-Wl,--wrap=memset,--wrap=strlen
FUZZ += regress/fuzz/mime_fuzz regress/fuzz/mimeload_fuzz \
	regress/fuzz/address_fuzz regress/fuzz/word_fuzz \
	regress/fuzz/date_fuzz regress/fuzz/html_fuzz regress/fuzz/transfer_fuzz
EXAMPLES += common/message/example
MAN += man/message.3 man/message_header.3 man/message_text.3 \
	man/message_compose.3
