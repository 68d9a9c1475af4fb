/*
 * Does a message match a SEARCH program?  Knows no database and no session: it
 * is given what is known about a message and says what it needs to know more,
 * the cheap things first.
 */
#ifndef MATCH_H
#define MATCH_H

#include "imapd/parse/search.h"
#include "imapd/part.h"
#include "text.h"

#define MATCH_HEADER	TEXT_HEADER	/* octets of a header read at
					 * once */

struct known;

enum match_result {
	MATCH_NO,
	MATCH_YES,
	MATCH_READY,		/* set ready: fields, whole, day, dated */
	MATCH_HEADER_WANTED,	/* set header */
	MATCH_FILTER,		/* set filter, and filtered */
	MATCH_TREE,		/* set tree and source */
	MATCH_LATER,		/* that was enough for one slice; call again */
	MATCH_ERROR		/* errno; the message cannot be read */
};

/* What is known about a message; begin with rec and recent alone. */
struct match_message {
	const struct msgrec	*rec;
	int			 recent;
	struct known		*known;		/* of the mailbox; or NULL */

	int			 ready;		/* the next four are set */
	struct span		 fields;	/* READY_FIELDS */
	int			 whole;		/* they are all there are */
	int			 dated;
	int32_t			 day;		/* of the Date field */

	struct span		 header;	/* p NULL: not yet */
	uint64_t		 header_long;	/* octets of all of it, when these
						 * are but its beginning */

	int			 filtered;	/* it was looked for */
	struct span		 filter;	/* its bits; p NULL: none */

	const struct mime	*tree;
	struct message_source	 source;
};

/* What a program needs of its surroundings, when it is made. */
struct match_env {
	/* The bit of a keyword, -1: nobody has it. */
	int			(*keyword)(void *, struct span);
	/* A set of sequence numbers (or of UIDs, when uid is set) into one of
	 * UIDs, sorted.  -1 with errno. */
	int			(*uids)(void *, struct seqset *, int uid);
	void			*arg;
	const struct charsets	*charsets;
	int64_t			 now;		/* seconds since 1970 */
};

struct match;

/*
 * Make a program ready to run; it takes what is in *s (which is empty
 * afterwards), the texts stay borrowed.  NULL with errno: EILSEQ, the charset
 * is not known; ENOMEM.
 */
struct match		*match_new(struct search *s, const struct match_env *);
void			 match_free(struct match *);
/* The sets that every match must be in: each is given one after another, until
 * it gives back -1.  How many there were, or -1. */
int			 match_sets(const struct match *,
			    int (*each)(void *, const struct seqset *), void *);
/* Another message begins. */
void			 match_begin(struct match *);
enum match_result	 match_step(struct match *,
			    const struct match_message *);

#endif
