/*
 * Accounts that a partition must not serve or make anew, "left": one that is
 * being moved away, and those that were here once.  A late delivery, addressed
 * by where an account was, would else make an empty one that nobody reads.
 */
#ifndef LEFT_H
#define LEFT_H

#include "imapd/part.h"

enum left { LEFT_NOT, LEFT_MOVING, LEFT_GONE };

/* What is known of an account; -1 with errno. */
int	 left_get(struct part *, uint64_t account);
/* In the open command: 0, or -1 with errno. */
int	 left_put(struct part *, uint64_t account, enum left);
/* The first that is being moved, above `after': 1, 0 none, -1 with errno. */
int	 left_moving(struct part *, uint64_t after, uint64_t *account);

#endif
