/*
 * What LIST asks for: RFC 3501 section 6.3.8, RFC 5258, RFC 5819, RFC 6154, RFC 9590;
 * and the items of STATUS.
 */
#ifndef IMAP_LIST_H
#define IMAP_LIST_H

#include "cursor.h"

#define LIST_PATTERNS	16		/* in one command */
#define LIST_ENTRIES	16		/* of METADATA in one command */

/* Bits of list_request.select. */
#define LIST_SUBSCRIBED		0x01u
#define LIST_SPECIAL_USE	0x02u
#define LIST_RECURSIVE		0x04u
#define LIST_REMOTE		0x08u	/* there are none */
/* Bits of list_request.returns; special uses are always shown. */
#define LIST_RETURN_SUBSCRIBED	0x01u
#define LIST_RETURN_STATUS	0x02u
#define LIST_RETURN_METADATA	0x04u
#define LIST_RETURN_MYRIGHTS	0x08u

/* Items of STATUS, as bits. */
enum status_item { STATUS_MESSAGES, STATUS_RECENT, STATUS_UIDNEXT,
    STATUS_UIDVALIDITY, STATUS_UNSEEN, STATUS_APPENDLIMIT, STATUS_SIZE,
    STATUS_HIGHESTMODSEQ, STATUS_DELETED, STATUS_DELETED_STORAGE,
    STATUS_MAILBOXID, STATUS_ITEMS };

struct list_request {
	int		 extended;	/* in some way of RFC 5258 */
	unsigned	 select;
	unsigned	 returns;
	unsigned	 status;	/* bits of status_item */
	struct span	 reference;
	struct span	 patterns[LIST_PATTERNS];
	size_t		 npatterns;
	struct span	 entries[LIST_ENTRIES];	/* of METADATA */
	size_t		 nentries;
};

/* Everything after "LIST", up to the end.  The spans are borrowed. */
int		 cur_list(struct cursor *, struct list_request *);
/* "(" items ")", at least one. */
int		 cur_status_items(struct cursor *, unsigned *);
const char	*status_name(enum status_item);

#endif
