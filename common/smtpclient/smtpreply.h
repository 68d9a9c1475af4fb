/*
 * Replies of an SMTP server, RFC 5321 section 4.2, with enhanced status codes
 * (RFC 2034), from octets as they arrive.  Bounded whatever the server sends;
 * the text that is kept is printable ASCII.
 */
#ifndef SMTPREPLY_H
#define SMTPREPLY_H

#include "buf.h"

#define SMTPREPLY_LINE		4096	/* octets of a line */
#define SMTPREPLY_LINES		128	/* lines of a reply */
#define SMTPREPLY_OCTETS	65536	/* octets of a reply */
#define SMTPREPLY_TEXT		1024	/* octets of text that are kept */
#define SMTPREPLY_ENHANCED	12	/* "5.123.123" and its NUL */

struct smtpreply {
	unsigned	 code;		/* 200 to 599; 0: none seen yet */
	char		 enhanced[SMTPREPLY_ENHANCED];	/* or "" */
	/* The lines' texts without codes, joined by a space; text[n] is NUL. */
	char		 text[SMTPREPLY_TEXT + 1];
	size_t		 ntext;
	size_t		 line_max;	/* of a line; 0: SMTPREPLY_LINE */
	/* The rest is the parser's. */
	struct buf	 line;
	unsigned	 lines;
	size_t		 octets;
	unsigned	 last : 1;
	const char	*why;
	/* Called with the text of each line, enhanced code included. */
	void		(*each)(void *arg, unsigned nth, struct span text);
	void		*arg;
};

enum smtpreply_status {
	SMTPREPLY_MORE,		/* not yet all of it; the span is used up */
	SMTPREPLY_DONE,		/* a reply; the span is behind it */
	SMTPREPLY_BAD		/* why says what; the connection is no use */
};

/* Ready for the first reply, or for the next one; each and arg are kept. */
void	 smtpreply_reset(struct smtpreply *);
void	 smtpreply_free(struct smtpreply *);
/*
 * Take octets from the front of the span.  Refused are lines without three
 * digits from 200 to 599 and a space, a hyphen or their end behind these, a
 * code that changes within a reply, and whatever is over a bound.
 */
enum smtpreply_status	 smtpreply_parse(struct smtpreply *, struct span *);
/* Outside text as printable ASCII, everything else as a question mark. */
void	 smtpreply_clean(char *, size_t);

#endif
