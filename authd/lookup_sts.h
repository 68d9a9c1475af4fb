/*
 * MTA-STS policies, RFC 8461, for queued, which keeps them.
 */
#ifndef LOOKUP_STS_H
#define LOOKUP_STS_H

#include "imsg.h"

/* Handler of M_STS. */
int	 lookup_sts(struct peer *, struct imsg *);
/* The link ended. */
void	 lookup_sts_down(struct peer *);

#endif
