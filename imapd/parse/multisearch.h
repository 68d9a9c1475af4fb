/*
 * The mailboxes of the ESEARCH command, RFC 7377 section 2.2.
 */
#ifndef IMAP_MULTISEARCH_H
#define IMAP_MULTISEARCH_H

#include "cursor.h"

#define MULTI_GROUPS	32		/* in one command */
#define MULTI_NAMES	256		/* of mailboxes in one command */

enum multi_filter { MULTI_SELECTED, MULTI_INBOXES, MULTI_PERSONAL,
    MULTI_SUBSCRIBED, MULTI_SUBTREE, MULTI_SUBTREE_ONE, MULTI_MAILBOXES };

struct multi_group {
	enum multi_filter	 filter;
	size_t			 name, nnames;	/* in names */
};

struct multi_sources {
	struct multi_group	 groups[MULTI_GROUPS];
	size_t			 ngroups;
	struct span		 names[MULTI_NAMES];	/* borrowed */
	size_t			 nnames;
	int			 selected_only;
};

/* What follows "IN", with the space behind it. */
int	 cur_multi_sources(struct cursor *, struct multi_sources *);

#endif
