/*
 * What goes away in slices: the messages of removed mailboxes and accounts, and
 * bodies that waited for the last session that counted their message.
 *
 *	step				a crash leaves
 *	mailbox record gone, "dead"	messages; the next start goes on
 *	index, reference gone, a few
 *	messages a transaction		the rest
 *	"dead" record gone		nothing
 */
#ifndef ENDING_H
#define ENDING_H

#include "part.h"

#define ENDING_MESSAGES	50	/* in one transaction */

/* Begin, and go on with what the last process left.  0 or -1. */
int	 ending_start(struct part *);
void	 ending_stop(struct part *);
/* Mailbox id has its "dead" record, written in group seq. */
int	 ending_add(struct part *, uint64_t id, uint64_t seq);
/* A message of "gone": nobody counts it any more.  Never fails: what does not
 * fit into memory waits for the next start. */
void	 ending_message(struct part *, uint64_t mailbox,
	    const struct msgrec *);
/* Staged messages that came to nothing, see stage.h.  Never fails. */
void	 ending_staged(struct part *, uint64_t account, uint64_t mailbox,
	    uint32_t first);
/* A group was undone: what is to be removed is as the disk has it. */
void		 ending_undone(struct part *);
/* Try again what failed. */
void	 ending_kick(struct part *);
/* Removals under way? */
int	 ending_busy(const struct part *);

#endif
