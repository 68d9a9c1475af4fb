/*
 * What notify.c (who wants what, what happened) and notify_tell.c (telling it)
 * share.
 */
#ifndef NOTIFY_INT_H
#define NOTIFY_INT_H

#include "imapd/fetching.h"
#include "imapd/notify.h"
#include "imapd/session.h"

struct notify_dirty {
	uint64_t	 id;
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
	int			 over;		/* it is too much */

	/* messages whose items are to be told, and are being */
	uint32_t		 lo, hi;
	struct fetch		*fetch;
	struct buf		 scratch;	/* of fetch's items */
	LIST_ENTRY(notify)	 entry;		/* of the account */
};

/* These happened in a mailbox. */
void	 notify_dirty(struct notify *, uint64_t mailbox, unsigned events);

#endif
