/*
 * Recipients that wait, 16 octets each, ordered by when they are due, then by
 * message: those of one message come one after another.
 */
#ifndef QUEUED_ITEMS_H
#define QUEUED_ITEMS_H

#include <stddef.h>
#include <stdint.h>

struct item {
	uint64_t	 msg;
	uint32_t	 n;
	uint32_t	 due;		/* seconds of q_now() */
};

struct items {			/* a heap; all zeroes is an empty one */
	struct item	*v;		/* v[0] is the first */
	size_t		 n, cap;
};

/* -1: no memory. */
int	 items_push(struct items *, const struct item *);
/* There must be one. */
void	 items_pop(struct items *, struct item *);
void	 items_free(struct items *);

#endif
