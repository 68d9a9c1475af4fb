/*
 * MTA-STS policies, RFC 8461, for queued, which keeps them, and to look at.
 */
#ifndef LOOKUP_STS_H
#define LOOKUP_STS_H

#include "imsg.h"
#include "msg.h"

/* Handler of M_STS. */
int	 lookup_sts(struct peer *, struct imsg *);
/* "dns sts DOMAIN" of letterctl: now, whether or not it failed a moment ago. */
void	 lookup_sts_ctl(struct peer *, uint32_t id, const struct msg_ctl *);
/* The link ended. */
void	 lookup_sts_down(struct peer *);

#endif
