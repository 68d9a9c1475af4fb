/*
 * What NOTIFY asks for, RFC 5465 section 8.
 */
#ifndef IMAP_NOTIFY_PARSE_H
#define IMAP_NOTIFY_PARSE_H

#include "fetch.h"

#define NOTIFY_GROUPS	32		/* in one command */
#define NOTIFY_NAMES	256		/* of mailboxes in one command */
#define NOTIFY_EVENTS	64		/* in one group */

/* Events, as bits. */
#define EVENT_NEW		0x01u
#define EVENT_EXPUNGE		0x02u
#define EVENT_FLAGS		0x04u
#define EVENT_NAME		0x08u
#define EVENT_SUBSCRIPTION	0x10u
#define EVENT_METADATA		0x20u	/* of a mailbox */
#define EVENT_SERVER_METADATA	0x40u
#define EVENT_UNKNOWN		0x80u	/* or not supported */
#define EVENTS_MESSAGE		(EVENT_NEW | EVENT_EXPUNGE | EVENT_FLAGS)

enum notify_filter { FILTER_SELECTED, FILTER_DELAYED, FILTER_INBOXES,
    FILTER_PERSONAL, FILTER_SUBSCRIBED, FILTER_SUBTREE, FILTER_MAILBOXES };

struct notify_group {
	enum notify_filter	 filter;
	unsigned		 events;
	size_t			 name, nnames;	/* in names */
};

struct notify_request {
	int			 none;		/* NOTIFY NONE */
	int			 status;
	int			 unknown;	/* some event is */
	int			 many;		/* more than there is room for:
						 * what is beyond is not here */
	struct notify_group	 groups[NOTIFY_GROUPS];
	size_t			 ngroups;
	struct span		 names[NOTIFY_NAMES];
	size_t			 nnames;
	struct span		 fetch;		/* of MessageNew, with its
						 * parentheses; or empty */
};

/* Everything after "NOTIFY", up to the end.  The spans are borrowed. */
int	 cur_notify(struct cursor *, struct notify_request *);
/* The events that there are, with spaces between. */
void	 notify_events_write(struct buf *);

#endif
