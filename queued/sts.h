/*
 * MTA-STS policies, RFC 8461, kept for as long as they say: database "sts",
 * domain to the id, when it was fetched, and the text that lookup made of it.
 */
#ifndef QUEUED_STS_H
#define QUEUED_STS_H

#include "imsg.h"

/* Handler of M_STS, from workers. */
int	 on_sts(struct peer *, struct imsg *);
/* The link ended. */
void	 sts_down(struct peer *);
/* Once an hour: what is over goes. */
void	 sts_sweep(void);

#endif
