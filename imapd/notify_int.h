/*
 * What notify.c (who wants what), notify_event.c (what happened) and
 * notify_tell.c (telling it) share.
 */
#ifndef NOTIFY_INT_H
#define NOTIFY_INT_H

#include "imapd/fetching.h"
#include "imapd/notify.h"
#include "imapd/place.h"
#include "imapd/session.h"

struct notify_dirty {
	uint64_t	 account, id;
	unsigned	 events;
};

struct notify {
	struct session		*session;	/* NULL: not on the list */
	struct notify_group	 groups[NOTIFY_GROUPS];
	size_t			 ngroups;
	char			**names;	/* of the groups */
	size_t			 nnames;
	unsigned		 selected;	/* events of that mailbox */
	int			 at_once;	/* its expunged ones, too */
	struct buf		 items;		/* of FETCH, as they came */

	struct notify_dirty	*dirty;
	size_t			 ndirty, capdirty;
	struct buf		 lines;
	uint64_t		 seq;		/* group that they wait for */
	uint32_t		 had;		/* rights, see notify_had() */
	int			 over;		/* it is too much */

	/* messages whose items are to be told, and are being; those that the
	 * command at work has brought */
	struct seqset		 fresh, brought;
	struct fetch		*fetch;
	struct buf		 scratch;	/* of fetch's items */
	LIST_ENTRY(notify)	 entry;		/* of the account */
	LIST_ENTRY(notify)	 every;		/* of the partition */
};

/* Without these nothing of a mailbox is told. */
#define NOTIFY_RIGHTS	(RIGHT_LOOKUP | RIGHT_READ)

/* Events that it wants of what its owner calls so, whoever may have them ("":
 * what is above all of it); of a mailbox, with these rights. */
unsigned notify_wants(const struct notify *, const struct account *owner,
	    struct span inner);
unsigned notify_of(const struct notify *, const struct mailbox *);
/* These happened in a mailbox. */
void	 notify_dirty(struct notify *, const struct mailbox *,
	    unsigned events);

#endif
