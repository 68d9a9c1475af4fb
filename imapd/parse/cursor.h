/*
 * The tokens of a command, RFC 3501 section 9.  A cursor goes over a whole
 * command as lex_command() gives it.  Every getter takes its token or leaves
 * the cursor alone and returns -1; error then says what was expected.
 */
#ifndef IMAP_CURSOR_H
#define IMAP_CURSOR_H

#include "buf.h"
#include "lex.h"

#define CUR_TAG_MAX	255	/* octets of a tag, more is none */
#define CUR_ENTRY_MAX	255	/* of the name of an entry */

struct cursor {
	struct span	 s;		/* what is left */
	const char	*error;		/* static text */
	const struct lex *lex;		/* for streamed literals; may be NULL */
	int		 utf8;		/* 8-bit in quoted strings */
	int		 uidonly;	/* no numbers of messages, RFC 9586 */
	int		 accept;	/* UTF8=ACCEPT: no CHARSET, RFC 9755 */
	int		 rev2;		/* without what RFC 9051 took out */
	struct buf	*scratch;	/* unescaped strings live here until the
					 * command is done; borrowed */
};

void	 cursor_init(struct cursor *, const struct lex *, struct buf *scratch,
	    int utf8);
/* The same over plain octets, for tests and stored text. */
void	 cursor_init_span(struct cursor *, struct span, struct buf *scratch);

int	 cur_peek(const struct cursor *);	/* next octet, -1 at the end */
int	 cur_end(struct cursor *);		/* nothing left, else -1 */
int	 cur_sp(struct cursor *);		/* one SP */
int	 cur_char(struct cursor *, int o);
int	 cur_tag(struct cursor *, struct span *);
/* A keyword of letters, digits, "-", ".", "+", "=". */
int	 cur_word(struct cursor *, struct span *);
/* The keyword itself (ASCII case does not count), followed by no more of it. */
int	 cur_is(struct cursor *, const char *);
int	 cur_atom(struct cursor *, struct span *);
/* Strings: borrowed from the command, or from scratch when unescaped. */
int	 cur_string(struct cursor *, struct span *);	/* quoted or literal */
int	 cur_octets(struct cursor *, struct span *);	/* literal, any octets */
int	 cur_astring(struct cursor *, struct span *);
int	 cur_nstring(struct cursor *, struct span *, int *nil);
int	 cur_list_mailbox(struct cursor *, struct span *);
int	 cur_number(struct cursor *, uint64_t max, uint64_t *);
/*
 * A mailbox name as UTF-8, INBOX in upper case, from modified UTF-7 (RFC 3501
 * 5.1.3; canonical encodings only) or, with UTF8=ACCEPT, from UTF-8; NFC.
 */
int	 cur_mailbox(struct cursor *, struct span *);
/* The same for a LIST reference or pattern: wildcards pass. */
int	 cur_pattern(struct cursor *, struct span *);
/* The name of an entry, RFC 5464 section 3.2: "/" and so on. */
int	 cur_entry(struct cursor *, struct span *);
/* \Flag or keyword; canonical case for the system flags. */
int	 cur_flag(struct cursor *, struct span *);
/* "(" flags ")" or bare flags as STORE allows: calls fn for each. */
int	 cur_flags(struct cursor *, int bare_ok,
	    int (*fn)(void *, struct span), void *);
/* date-time (RFC 3501 INTERNALDATE) and date; seconds since 1970, UTC, and the
 * zone in minutes east. */
int	 cur_date_time(struct cursor *, int64_t *, int *zone);
int	 cur_date(struct cursor *, int64_t *day_start);
/*
 * A message literal of APPEND: kept octets, or streamed (then *streamed is its
 * number, from 0, and msg has its size alone).  *binary: literal8.
 */
int	 cur_message(struct cursor *, struct span *msg, int *streamed,
	    int *binary);

#endif
