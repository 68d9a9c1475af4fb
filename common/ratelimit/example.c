/*
 * Nine logins that fail, and what is let through; then connections.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "ratelimit.h"

static const struct ratelimit_window	 windows[] = {
	{ 60, { 2, 3, 5 } },		/* a minute: address, /26, /21 */
	{ 86400, { 4, 9, 20 } },	/* a day */
};

static const struct {
	const char	*address;
	uint64_t	 now;
} tries[] = {
	{ "192.0.2.1", 0 },
	{ "192.0.2.1", 1 },
	{ "192.0.2.1", 2 },	/* third in a minute */
	{ "192.0.2.2", 3 },
	{ "192.0.2.3", 4 },	/* fourth of its /26 */
	{ "192.0.2.1", 60 },	/* a minute is over, but not for all of it */
	{ "192.0.2.1", 68 },
	{ "192.0.2.1", 69 },
	{ "192.0.2.1", 140 },	/* fifth in a day */
	{ "2001:db8::1", 141 },
};

static struct ratelimit_key
key(const char *text)
{
	struct ratelimit_key	 k;
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	struct sockaddr_in6	 sin6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &sin.sin_addr) == 1)
		(void)ratelimit_address(&k, (struct sockaddr *)&sin);
	else {
		(void)inet_pton(AF_INET6, text, &sin6.sin6_addr);
		(void)ratelimit_address(&k, (struct sockaddr *)&sin6);
	}
	return (k);
}

int
main(void)
{
	const struct ratelimit_bounds	 bounds = { 100, 2, 3 };
	struct ratelimit		*r;
	struct ratelimit_open		*o;
	struct ratelimit_key		 k;
	size_t				 i;

	if ((r = ratelimit_new(windows, nitems(windows), 1000)) == NULL ||
	    (o = ratelimit_open_new(100)) == NULL)
		return (1);
	for (i = 0; i < nitems(tries); i++) {
		k = key(tries[i].address);
		printf("%3llu s  %-12s %s\n",
		    (unsigned long long)tries[i].now, tries[i].address,
		    ratelimit_add(r, &k, tries[i].now, 1) ? "counted" :
		    "over the limit");
	}
	k = key("192.0.2.1");
	ratelimit_reset(r, &k, 130);
	printf("after a success: %s\n", ratelimit_check(r, &k, 130, 1) ?
	    "free" : "over the limit");

	for (i = 0; i < 3; i++)
		printf("connection %zu: %s\n", i + 1,
		    ratelimit_open_add(o, &k, &bounds) == RATELIMIT_OK ?
		    "taken" : "too many from there");
	ratelimit_open_remove(o, &k);
	printf("%zu open\n", ratelimit_open_total(o));
	ratelimit_free(r);
	ratelimit_open_free(o);
	return (0);
}
