/*
 * Memory that commands keep until they can answer: what SORT, THREAD and some
 * searches know of each message that was found.  The number of messages alone
 * bounds what one of them needs, so all of a store are counted together, and
 * those of an account.
 */
#ifndef MEMUSE_H
#define MEMUSE_H

#include <stddef.h>

struct account;
struct session;
struct store;

/* One command's, or a part of it; all zero: nothing is counted. */
struct memuse {
	struct store	*store;
	struct account	*account;
	size_t		 n;		/* octets */
};

/* It is the session's. */
void	 memuse_begin(struct memuse *, struct session *);
/* So many octets it is from here on: 0, or -1 with ENOBUFS and as before: over
 * store_limits.memory or store_limits.memory_one. */
int	 memuse_set(struct memuse *, size_t);
void	 memuse_end(struct memuse *);

#endif
