/*
 * Messages for a mailbox that are too many for one transaction: MULTIAPPEND,
 * COPY, import.  Their bodies and records are written in slices, under UIDs
 * well above UIDNEXT, where nobody looks; a last, small transaction raises
 * UIDNEXT over them, and with it they are messages.
 *
 *	step				a crash, or stage_free(), leaves
 *	"dead" record with the first	nothing
 *	UID, in the first slice
 *	slices				records above UIDNEXT: removed in slices
 *	UIDNEXT raised, "dead" gone	the messages
 *
 * Deliveries meanwhile take the UIDs below, STAGE_GAP of them.  One stage a
 * mailbox at a time.
 *
 *	st = stage_new(mb);
 *	a slice:  dbenv_begin(); the body's reference; stage_add(); ...
 *		  dbenv_commit()
 *	stage_commit(st, &seq); stage_free(st);
 */
#ifndef STAGE_H
#define STAGE_H

#include <sys/queue.h>

#include "imapd/account.h"

#define STAGE_GAP	10000		/* UIDs left for others */
#define STAGE_OCTETS	(1024 * 1024)	/* more of bodies than this is staged */
#define STAGE_SLICE	100		/* messages in one slice, at most */

struct stage;

/* NULL with errno: EAGAIN: another is under way in this mailbox; when it ends
 * all sessions that use the account are woken. */
struct stage	*stage_new(struct mailbox *);
/*
 * A message, in the open command; r needs what batch_add() needs and gets uid,
 * modseq and saved.  0, or -1 with errno: then the stage has failed.
 */
int		 stage_add(struct stage *, struct msgrec *r);
/* The mailbox; NULL when it was removed meanwhile. */
struct mailbox	*stage_mailbox(const struct stage *);
/* How many, and the UID of the first; those of the others follow it. */
size_t		 stage_count(const struct stage *);
uint32_t	 stage_first(const struct stage *);
/* Is it too much for the quota by now?  Others may have filled it meanwhile. */
int		 stage_over(const struct stage *);
/* Something of the caller's in the command that makes them messages: 0, or -1
 * with errno; then nothing of either is done. */
void		 stage_with(struct stage *, int (*)(void *), void *);
/*
 * They are messages.  0, and *seq is the group to wait for; -1 with errno:
 * ENOENT: the mailbox is gone.
 */
int		 stage_commit(struct stage *, uint64_t *seq);
/* Always.  What was not committed goes, in slices. */
void		 stage_free(struct stage *);

/* Is it under way? */
int		 stage_is(const struct part *, uint64_t mailbox, uint32_t first);
/* Group seq was undone: stages that wrote in it have failed. */
void		 stage_undone(struct part *, uint64_t seq, int error);

#endif
