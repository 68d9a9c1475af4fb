/*
 * An account goes to another partition, which may be another process's: all of
 * its records and bodies through a socket, with its UIDs, modification sequences
 * and identities.  auth begins it and alone decides where the account is:
 *
 *	step				a crash leaves
 *	auth: "gone" names the target	the account where it is; the target is
 *					told to remove what it has of it
 *	source: "left" says moving	the same; auth says M_MOVE_OFF
 *	target: mailboxes "dead", then	the same; what is dead goes at the start
 *	messages, in slices
 *	target: records, "dead" gone	the same
 *	auth: the account is in the	the account there; the source is told to
 *	target, "gone" names the source	remove what it has of it
 */
#ifndef MOVE_H
#define MOVE_H

#include "imapd/store.h"
#include "imsg.h"
#include "io.h"
#include "msg.h"

/* Each answers its request with a msg_result once it is done or failed; fd is
 * taken over. */
void	 move_out(struct store *, struct peer *, uint32_t id,
	    const struct msg_account *, int fd);
void	 move_in(struct store *, struct peer *, uint32_t id,
	    const struct msg_account *, int fd);
/* The account is to be removed here: what arrives of it is given up. */
void	 move_stop(struct part *, uint64_t account);
/* Nobody waits for answers any more; the store ends (peer NULL). */
void	 move_link_down(struct peer *);
/* Writes of a partition were undone: what moves there is given up. */
void	 move_undone(struct part *);

/* ---- between move.c, move_out.c and move_in.c ------------------------------ */

#define MOVE_FRAME	(64 * 1024)	/* octets of one, at most */
#define MOVE_OCTETS	(32 * 1024)	/* of a body in one */

/* A frame: its length (without these four octets), its kind, then that. */
enum move_kind {
	MOVE_LATER,	/* database, length of the key, key, value: written at
			 * the end */
	MOVE_NOW,	/* the same: written at once */
	MOVE_BODY,	/* its number, its size, whether it comes but once; right
			 * before the first message that has it */
	MOVE_OF_BODY,	/* octets of it */
	MOVE_MESSAGE,	/* key and value, of the index */
	MOVE_END
};
enum move_db { MOVE_ACCOUNT, MOVE_MAILBOX, MOVE_STATE, MOVE_SUB,
    MOVE_ANNOTATION, MOVE_KEY, MOVE_VANISHED, MOVE_DBS };
struct dbenv_db	*move_database(const struct part *, unsigned);

/* Bodies that several messages have, by number. */
struct move_map {
	uint64_t	*v;		/* pairs; a number 0: free */
	size_t		 n, cap;	/* cap: a power of two, or 0 */
};
/* What was set for a number, 0: nothing. */
uint64_t	 move_map_get(const struct move_map *, uint64_t);
int		 move_map_set(struct move_map *, uint64_t, uint64_t value);

/* What both sides have; each has it first in a struct of its own. */
struct move {
	struct work		 work;		/* first */
	struct store		*store;
	struct part		*part;
	struct peer		*peer;		/* NULL: nobody waits */
	enum msg_type		 type;		/* M_MOVE_OUT, M_MOVE_IN */
	uint32_t		 id;
	uint64_t		 account;
	struct io		*io;
	struct dbenv_wait	 wait;
	uint64_t		*mailboxes;	/* read or "dead" */
	size_t			 nmailboxes, capmailboxes;
	struct move_map		 is_mailbox;	/* the same, to 1 */
	struct move_map		 bodies;	/* sent, or theirs to ours */
	uint64_t		 messages;
	/* Its end: what only this side has is given back. */
	void			(*drop)(struct move *, int failed);
	LIST_ENTRY(move)	 entry;
};
/* One of so many octets begins; NULL: it could not, which is answered. */
struct move	*move_begin(struct store *, struct peer *, enum msg_type,
		    uint32_t id, const struct msg_account *, int fd,
		    size_t size, void (*on_io)(struct io *, enum io_event,
		    void *), void (*drop)(struct move *, int));
/* The answer, and it is freed; NULL: it is done. */
void		 move_finish(struct move *, const char *why);
/* The same when all that is known is that the other side ended it. */
void		 move_gave_up(struct move *);
int		 move_note_mailbox(struct move *, uint64_t);

#endif
