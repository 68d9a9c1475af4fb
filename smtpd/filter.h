/*
 * The header of a message as it passes: how often it was received, and, for one
 * that our own users hand in, what RFC 6409 section 8 adds and takes away (see
 * submit.h, whose submit_header() does the same to a header in memory).  A step
 * function; it holds the beginning of one field's name and nothing else.  Where
 * a header ends is what header.h says.
 */
#ifndef FILTER_H
#define FILTER_H

#include "buf.h"

#define FILTER_NAME	24	/* octets of a name that matter */

struct filter {
	uint32_t	 received;	/* Received fields */
	uint8_t		 edit;		/* take away and add */
	uint8_t		 body;		/* the header is over */
	uint8_t		 state;
	uint8_t		 drop;		/* the field we are in */
	uint8_t		 date, message_id;	/* there is one */
	uint8_t		 line;		/* the last octet was a LF, or none was */
	uint8_t		 held;
	uint8_t		 hold[FILTER_NAME];
};

/* What is put in front of the empty line where it is missing: whole values. */
struct filter_add {
	const char	*date, *message_id;
};

void	 filter_begin(struct filter *, int edit);
/*
 * Octets of the message in order.  With edit they are appended to out as they
 * go on; without, out is not looked at.  Returns 0, -1 without memory.
 */
int	 filter_feed(struct filter *, struct span, struct buf *out,
	    const struct filter_add *);
/* The message is over. */
int	 filter_end(struct filter *, struct buf *out, const struct filter_add *);

#endif
