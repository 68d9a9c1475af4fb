/*
 * Looking at messages one after another: does each match a program?  The
 * program (match.h) says what it needs to know, this gets it from the store
 * (letter.h), in slices.
 */
#ifndef LOOK_H
#define LOOK_H

#include "imapd/filter.h"
#include "imapd/letter.h"
#include "imapd/match.h"

enum look_result {
	LOOK_NO,
	LOOK_YES,
	LOOK_LATER,		/* that was enough for one slice; call again */
	LOOK_FAILED		/* it cannot be read; logged */
};

struct look {
	struct match		*match;		/* or NULL, for look_fields() */
	int			 busy;		/* a message is at work */
	struct letter		 letter;
	struct match_message	 msg;
	struct filter_read	 filter;
	struct buf		 header;
};

/* Another message begins; its record is copied. */
void			 look_begin(struct look *, struct part *,
			    const struct msgrec *, int recent);
/* busy is over with any result but LOOK_LATER. */
enum look_result	 look_on(struct look *);
/*
 * The header's fields of the message at work, those that are kept ready, or all
 * of the header when these are not all of them: 0; 1 call again in a later
 * slice; -1 it cannot be read.  Needs no program.
 */
int			 look_fields(struct look *, struct span *);
/* The program too. */
void			 look_free(struct look *);

#endif
