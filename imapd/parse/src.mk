IMAP_PARSE := imapd/parse/cursor.c imapd/parse/fetch.c imapd/parse/lex.c \
	imapd/parse/search.c imapd/parse/seqset.c imapd/parse/multisearch.c imapd/parse/sort.c \
	imapd/parse/write.c
TESTS += regress/imapparse/lex_test regress/imapparse/grammar_test
SRCS.regress/imapparse/lex_test := imapd/parse/lex.c
SRCS.regress/imapparse/grammar_test := $(IMAP_PARSE)
FUZZ += regress/fuzz/imapcmd_fuzz
SRCS.regress/fuzz/imapcmd_fuzz := $(IMAP_PARSE)
