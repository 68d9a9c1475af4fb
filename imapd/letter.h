/*
 * A stored message that a command looks into: its record, what is kept ready
 * about it, its octets.  Ready-made data that is missing or damaged is made
 * anew from the octets, in slices, and kept again.
 */
#ifndef LETTER_H
#define LETTER_H

#include "imapd/ready.h"
#include "mime.h"
#include "text.h"

#define LETTER_SLICE	BODY_SLICE	/* octets read at once */

struct letter {
	struct part		*part;
	struct msgrec		 rec;
	struct ready		 ready;
	struct mime		*tree;	/* NULL unless it was asked for */
	struct message_source	 source;	/* its octets */
	uint64_t		 mailbox;	/* 0: it cannot go meanwhile */

	/* private */
	struct ready_build	*build;
	uint64_t		 at;
	int			 made;
	int			 rev2;	/* not to be kept */
	struct buf		 slice;
};

/*
 * Another message; what the last one left is used again.  No session may count a
 * message of a mailbox that is not selected: then the octets go when it is
 * expunged, and who says its mailbox afterwards hears of no damage.
 */
void	 letter_open(struct letter *, struct part *, const struct msgrec *);
/* It was expunged meanwhile. */
int	 letter_gone(const struct letter *);
/*
 * Have these sections (READY_BIT) at hand; with READY_TREE, the tree too.
 * Returns 0; 1: call again in a later slice; -1: it cannot be read, which is
 * logged.
 */
int	 letter_need(struct letter *, unsigned sections);
/*
 * Once it is at hand: does the structure say that a part is message/global?
 * Then that is made anew as RFC 9051 has it: 1, letter_need() goes on; 0 not;
 * -1 as above.
 */
int	 letter_rev2(struct letter *);
/* Append octets: 0, or -1 with errno, which is logged. */
int	 letter_read(struct letter *, struct buf *, uint64_t at, size_t n);
void	 letter_close(struct letter *);

#endif
