/*
 * Message identifications, RFC 5322 section 3.6.4.
 */
#ifndef MSGID_H
#define MSGID_H

#include "buf.h"

#define MSGID_MAX	1000	/* octets; longer ones are none */

/*
 * Take the next "<left@right>" out of a Message-ID, In-Reply-To or References
 * value; whatever stands between them is passed over.  *id is what is within
 * the <>, borrowed, not empty.  Returns 1, or 0: there is none left.
 */
int	 msgid_next(struct span *value, struct span *id);
/*
 * Append an id as it is compared (RFC 5256): without folding, comments and
 * quoting that is not needed.  Case counts.
 */
int	 msgid_normal(struct buf *, struct span id);
/*
 * Append a new "<...@host>" made of the time and 16 octets that the caller
 * takes from a good source of randomness.
 */
int	 msgid_write(struct buf *, uint64_t time, const uint8_t random[16],
	    const char *host);

#endif
