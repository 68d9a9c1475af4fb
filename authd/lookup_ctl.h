/* letterctl's requests to lookup. */
#ifndef LOOKUP_CTL_H
#define LOOKUP_CTL_H

#include "lookup.h"

int	 lookup_ctl(struct peer *, struct imsg *, struct resolver *);
void	 lookup_ctl_down(struct peer *);
/* lookup.c: a name as libunbound gets it; NULL when it is none. */
char	*lookup_name(struct span);

/* The one that is used now; it may be another after a reload. */
struct resolver	*lookup_resolver(void);

#endif
