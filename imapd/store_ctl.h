/*
 * What letterctl asks of a store: M_CTL.
 */
#ifndef STORE_CTL_H
#define STORE_CTL_H

#include "imapd/store.h"
#include "imsg.h"

/* The store of this process. */
struct store	*store_self(void);
/* Handler of M_CTL. */
int		 store_ctl(struct peer *, struct imsg *);
/* The link to control ended. */
void		 store_ctl_down(struct peer *);

#endif
