LIB += common/message/header.c common/message/header_select.c \
	common/message/date.c common/message/address.c \
	common/message/content.c common/message/mime.c \
	common/message/mime_tree.c common/message/imap_form.c \
	common/message/utf8.c
