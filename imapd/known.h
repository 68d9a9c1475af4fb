/*
 * What is known of the header fields of a mailbox's messages, folded as SEARCH
 * compares them: who looks for words in subjects, as clients do while their
 * users type, has each one read and decoded once.  Belongs to a view and goes
 * with its records; bounded, a field for itself and all of them together.
 */
#ifndef KNOWN_H
#define KNOWN_H

#include "buf.h"

#define KNOWN_FIELDS	6		/* of a mailbox at once */
#define KNOWN_NAME	32		/* octets of a field's name */
#define KNOWN_TEXT	1024		/* octets of one message's */
#define KNOWN_MAX	(8u * 1024 * 1024)	/* octets of one field's texts */
#define KNOWN_ALL	(64u * 1024 * 1024)	/* of all in this process */

struct known;

/* NULL without memory: nothing is known, then. */
struct known	*known_new(void);
void		 known_free(struct known *);
/*
 * The values of the field in a message, each with a NUL behind it, borrowed until
 * the next known_put().  0: not known.
 */
int		 known_get(struct known *, struct span field, uint32_t uid,
		    struct span *text);
/* Remember it, if there is room and no later message of it is known. */
void		 known_put(struct known *, struct span field, uint32_t uid,
		    struct span text);

#endif
