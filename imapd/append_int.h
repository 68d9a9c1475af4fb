/*
 * An APPEND or REPLACE on its way, for those that take it in and that store it.
 */
#ifndef APPEND_INT_H
#define APPEND_INT_H

#include "imapd/append.h"
#include "imapd/intake.h"

#define APPEND_FLAGS	(KEYWORDS_MAX + 8)	/* in one list */

struct msg {
	struct intake	 in;
	struct append	*append;
	struct buf	 mem;
	int		 fd;		/* spool of a large one, or -1 */
	uint64_t	 size;		/* in a spool */
	uint64_t	 at;		/* a small one's place in append's */
	int		 started;	/* its intake */
	int		 pending;	/* it is being read */
	struct msgrec	 rec;
};

struct append {
	struct session	*session;
	struct msg	**msgs;
	size_t		 n;
	uint64_t	 octets;
	uint64_t	 memory;	/* of small ones, waiting in memory */
	uint64_t	 small;		/* of small ones */
	int		 spool;		/* of those that had no room in
					 * memory, or -1 */
	uint64_t	 spooled;
	struct stage	*stage;
	size_t		 pending;	/* intakes */
	int		 error;		/* errno of the first that failed */
	int		 nul;		/* RFC 3501: no literal has one */
	int		 binary;	/* but a literal8, RFC 3516 */
	struct account	*account;	/* where they go */
	uint64_t	 mailbox;
	uint32_t	 replaced;	/* UID in the open mailbox; 0: none */
	char		 why[64];	/* one more is refused */
	size_t		 at;		/* while parsing: message */
	uint32_t	 flags;		/* of the next one */
	uint64_t	 date;
	int		 zone;
	struct span	 words[APPEND_FLAGS];	/* its keywords */
	size_t		 nwords;
};

/* One more is about to come; NULL: no memory. */
struct msg	*append_msg_new(struct append *);
/* It is here: parse it.  As intake_start(), 1 for a small one. */
int		 append_msg_start(struct msg *);

#endif
