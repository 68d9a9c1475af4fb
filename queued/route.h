/*
 * Routes: which transport an attempt takes.
 */
#ifndef QUEUED_ROUTE_H
#define QUEUED_ROUTE_H

#include "conf.h"

/* An account's. */
struct account_routes {
	struct list	 list;		/* struct conf_route */
	int		 unreadable;	/* not all are there: none counts */
};

struct route_choice {
	const char	*source;	/* account, domain, global, none */
	const char	*transport;	/* a name; "default" */
	const char	*text;		/* the route's own, or "" */
};
/*
 * The first that matches of the account's routes (NULL: it has none), those of
 * the sender's domain, the global ones.  Domains are lower-case A-labels, ""
 * for the null sender and literals; attempts were already made.
 */
void	 route_choose(const struct conf *, const struct list *account,
	    const char *from, const char *to, uint32_t attempts,
	    struct route_choice *);
int	 route_pattern_matches(const char *pattern, const char *domain);
/* Is there a transport that refuses recipients of a submission at once? */
int	 route_rejects(const struct conf *);

/*
 * An account's routes, from auth or remembered for a moment.  1: *routes is
 * set, good for this turn of the loop; 0: fn will be called once; -1: auth is
 * away.  fn's routes are NULL when it is.
 */
void	 routes_forget(uint64_t account);
typedef void	(*routes_fn)(void *, const struct account_routes *);
int	 routes_of(uint64_t account, const struct account_routes **, routes_fn,
	    void *arg);

#endif
