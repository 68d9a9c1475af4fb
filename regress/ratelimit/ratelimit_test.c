/* Counting by network: behaviour 0.4, hardcases F22. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "ratelimit.h"
#include "ratelimit_int.h"
#include "test.h"

static struct ratelimit_key
key(const char *text)
{
	struct ratelimit_key	 k;
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	struct sockaddr_in6	 sin6 = { .sin6_family = AF_INET6 };
	int			 rc;

	if (inet_pton(AF_INET, text, &sin.sin_addr) == 1)
		rc = ratelimit_address(&k, (struct sockaddr *)&sin);
	else if (inet_pton(AF_INET6, text, &sin6.sin6_addr) == 1)
		rc = ratelimit_address(&k, (struct sockaddr *)&sin6);
	else {
		ratelimit_name(&k, span_str(text));
		rc = 0;
	}
	if (rc == -1)
		abort();
	return (k);
}

/* One limiter, 2, 4 and 6 in ten seconds, 5, 10 and 20 in a hundred. */
static const struct step {
	char		 op;		/* add, check, force, reset */
	const char	*who;
	uint64_t	 now;
	uint32_t	 n;
	int		 want;		/* of add, check */
	uint32_t	 count;		/* then, first window */
} steps[] = {
	/* the address */
	{ 'c', "192.0.2.1", 1000, 2, 1, 0 },
	{ 'a', "192.0.2.1", 1000, 1, 1, 1 },
	{ 'a', "192.0.2.1", 1000, 1, 1, 2 },
	{ 'a', "192.0.2.1", 1000, 1, 0, 2 },
	{ 'c', "192.0.2.1", 1009, 1, 0, 2 },
	{ 'c', "192.0.2.1", 1010, 1, 0, 2 },	/* a slot more */
	{ 'c', "192.0.2.1", 1012, 1, 1, 0 },
	{ 'c', "192.0.2.1", 900, 1, 0, 2 },	/* a clock that went back */
	/* its /26 */
	{ 'a', "192.0.2.2", 1009, 2, 1, 2 },
	{ 'a', "192.0.2.3", 1009, 1, 0, 0 },
	{ 'a', "192.0.2.63", 1009, 1, 0, 0 },
	/* its /21 */
	{ 'a', "192.0.2.64", 1009, 1, 1, 1 },
	{ 'a', "192.0.7.1", 1009, 1, 1, 1 },
	{ 'a', "192.0.7.2", 1009, 1, 0, 0 },
	{ 'a', "192.0.8.1", 1009, 1, 1, 1 },
	/* a success forgets the address and takes it off the nets */
	{ 'r', "192.0.2.2", 1009, 0, 0, 0 },
	{ 'a', "192.0.2.2", 1009, 1, 1, 1 },
	{ 'a', "192.0.2.3", 1009, 1, 1, 1 },
	{ 'a', "192.0.2.4", 1009, 1, 0, 0 },
	{ 'r', "192.0.2.4", 1009, 0, 0, 0 },	/* nothing to forget */
	/* the long window */
	{ 'a', "192.0.2.1", 1020, 2, 1, 2 },
	{ 'a', "192.0.2.1", 1032, 2, 0, 0 },
	{ 'a', "192.0.2.1", 1032, 1, 1, 1 },
	{ 'a', "192.0.2.1", 1044, 1, 0, 0 },
	{ 'a', "192.0.2.1", 1100, 1, 0, 0 },
	{ 'a', "192.0.2.1", 1113, 1, 1, 1 },
	/* IPv6 and IPv4 in it */
	{ 'a', "2001:db8::1", 1000, 2, 1, 2 },
	{ 'a', "2001:db8::2", 1000, 1, 0, 2 },
	{ 'a', "2001:db8:0:1::2", 1000, 2, 1, 2 },
	{ 'a', "2001:db8:0:2::2", 1000, 1, 0, 0 },
	{ 'a', "2001:db8:1::2", 1000, 2, 1, 2 },
	{ 'a', "2001:db8:2::2", 1000, 1, 0, 0 },
	{ 'a', "2001:db9::1", 1000, 1, 1, 1 },
	{ 'a', "198.51.100.7", 1000, 1, 1, 1 },
	{ 'a', "::ffff:198.51.100.7", 1000, 1, 1, 2 },
	{ 'a', "198.51.100.7", 1000, 1, 0, 2 },
	/* names have no nets */
	{ 'a', "alice", 1000, 2, 1, 2 },
	{ 'a', "alice", 1000, 1, 0, 2 },
	{ 'a', "bob", 1000, 2, 1, 2 },
	{ 'r', "alice", 1000, 0, 0, 0 },
	{ 'a', "alice", 1000, 2, 1, 2 },
	/* by force, to the end of the counter */
	{ 'f', "203.0.113.1", 1000, 3, 1, 3 },
	{ 'c', "203.0.113.1", 1000, 0, 0, 3 },
	{ 'f', "203.0.113.1", 1000, UINT32_MAX, 1, UINT32_MAX },
	{ 'c', "203.0.113.1", 1000, 1, 0, UINT32_MAX },
	{ 'c', "203.0.113.1", 1000, UINT32_MAX, 0, UINT32_MAX },
};

static void
test_steps(void)
{
	static const struct ratelimit_window	 w[] = {
		{ 10, { 2, 4, 6 } }, { 100, { 5, 10, 20 } } };
	struct ratelimit	*r = ratelimit_new(w, nitems(w), 100);
	struct ratelimit_key	 k;
	size_t			 i;
	int			 got;

	for (i = 0; i < nitems(steps); i++) {
		k = key(steps[i].who);
		got = steps[i].want;
		if (steps[i].op == 'a')
			got = ratelimit_add(r, &k, steps[i].now, steps[i].n);
		else if (steps[i].op == 'c')
			got = ratelimit_check(r, &k, steps[i].now,
			    steps[i].n);
		else if (steps[i].op == 'f')
			ratelimit_force(r, &k, steps[i].now, steps[i].n);
		else
			ratelimit_reset(r, &k, steps[i].now);
		CHECK(got == steps[i].want && ratelimit_count(r, &k,
		    steps[i].now, 0) == steps[i].count, "%zu: %c %s: %d, %u",
		    i, steps[i].op, steps[i].who, got,
		    ratelimit_count(r, &k, steps[i].now, 0));
	}
	CHECK(ratelimit_count(r, &k, 1000, 2) == 0, "no such window");
	ratelimit_free(r);
}

/* Whoever tries every second, from whatever second on: no minute ever has more
 * than the limit, and what is allowed comes back within an eighth more. */
static void
test_sliding(void)
{
	static const struct ratelimit_window	 w[] = { { 60, { 10, 0, 0 } } };
	struct ratelimit	*r;
	struct ratelimit_key	 k = key("192.0.2.1");
	uint64_t		 from, t, taken[400];
	size_t			 n, i, over = 0, late = 0;

	for (from = 5000; from < 5130; from++) {
		r = ratelimit_new(w, 1, 100);
		for (t = from, n = 0; t < from + 600; t++)
			while (n < nitems(taken) && ratelimit_add(r, &k, t, 1))
				taken[n++] = t;
		for (i = 10; i < n; i++) {
			over += taken[i] - taken[i - 10] < 60;
			late += taken[i] - taken[i - 10] > 68;
		}
		CHECK(n >= 80, "from %llu: %zu taken", (unsigned long long)from,
		    n);
		ratelimit_free(r);
	}
	CHECK(over == 0 && late == 0, "%zu too early, %zu too late", over,
	    late);
}

/* A flood of addresses: memory stays, and who is still at it is not let off. */
static void
test_bounded(void)
{
	struct ratelimit	*r = ratelimit_new(ratelimit_logins, 2, 300);
	struct ratelimit_key	 k, busy = key("203.0.113.9");
	uint32_t		 i;

	for (i = 0; i < 20000; i++) {
		memset(&k, 0, sizeof(k));
		k.kind = 6;
		memcpy(k.octets, &i, sizeof(i));
		(void)ratelimit_add(r, &k, 5000, 1);
		if (i % 50 == 0)
			ratelimit_force(r, &busy, 5000, 1);
	}
	CHECK(ratelimit_entries(r) == 300, "%zu counters",
	    ratelimit_entries(r));
	CHECK(ratelimit_count(r, &busy, 5000, 0) == 400, "%u kept",
	    ratelimit_count(r, &busy, 5000, 0));
	CHECK(!ratelimit_check(r, &busy, 5000, 1), "still refused");
	ratelimit_free(r);
}

static void
test_arguments(void)
{
	static const struct ratelimit_window	 zero[] = { { 0, { 1, 1, 1 } } };
	static const struct ratelimit_window	 open[] = { { 9, { 0, 0, 0 } } };
	struct ratelimit_key	 k = key("192.0.2.1"), unix_key;
	struct sockaddr		 sa = { .sa_family = AF_UNIX };
	struct ratelimit	*r;

	CHECK(ratelimit_new(zero, 1, 10) == NULL && errno == EINVAL,
	    "window of no time");
	CHECK(ratelimit_new(open, 0, 10) == NULL && errno == EINVAL,
	    "no window");
	CHECK(ratelimit_new(open, 5, 10) == NULL && errno == EINVAL,
	    "too many windows");
	CHECK(ratelimit_new(open, 1, 2) == NULL && errno == EINVAL,
	    "no room for one event");
	r = ratelimit_new(open, 1, 3);
	CHECK(ratelimit_add(r, &k, 0, 1000000) == 1, "no limit");
	ratelimit_free(r);
	ratelimit_free(NULL);
	CHECK(ratelimit_address(&unix_key, &sa) == -1 && errno ==
	    EAFNOSUPPORT, "no address");
}

static const struct {
	const char		*who;
	struct ratelimit_bounds	 b;
	enum ratelimit_verdict	 want;		/* RATELIMIT_NOMEM: give back */
	size_t			 total;
} opens[] = {
	{ "192.0.2.1", { 8, 2, 3 }, RATELIMIT_OK, 1 },
	{ "192.0.2.1", { 8, 2, 3 }, RATELIMIT_OK, 2 },
	{ "192.0.2.1", { 8, 2, 3 }, RATELIMIT_ADDRESS, 2 },
	{ "192.0.2.1", { 8, 0, 0 }, RATELIMIT_OK, 3 },
	{ "192.0.2.9", { 8, 2, 3 }, RATELIMIT_PREFIX, 3 },
	{ "192.0.2.9", { 8, 2, 4 }, RATELIMIT_OK, 4 },
	{ "192.0.3.9", { 8, 2, 3 }, RATELIMIT_OK, 5 },
	{ "192.0.3.9", { 5, 2, 3 }, RATELIMIT_TOTAL, 5 },
	{ "2001:db8::1", { 9, 1, 2 }, RATELIMIT_OK, 6 },
	{ "2001:db8::2", { 9, 1, 2 }, RATELIMIT_ADDRESS, 6 },
	{ "2001:db8:0:1::2", { 9, 1, 2 }, RATELIMIT_OK, 7 },
	{ "2001:db8:0:2::2", { 9, 1, 2 }, RATELIMIT_PREFIX, 7 },
	{ "alice", { 9, 1, 0 }, RATELIMIT_OK, 8 },
	{ "alice", { 9, 1, 0 }, RATELIMIT_ADDRESS, 8 },
	{ "192.0.4.1", { 0, 0, 0 }, RATELIMIT_OK, 9 },
	{ "192.0.4.1", { 0, 0, 0 }, RATELIMIT_OK, 10 },
	{ "192.0.4.1", { 0, 0, 0 }, RATELIMIT_TOTAL, 10 },
	{ "192.0.2.1", { 0, 0, 0 }, RATELIMIT_NOMEM, 9 },
	{ "192.0.2.1", { 0, 0, 0 }, RATELIMIT_NOMEM, 8 },
	{ "192.0.2.1", { 0, 2, 3 }, RATELIMIT_OK, 9 },
	{ "192.0.2.77", { 0, 0, 0 }, RATELIMIT_NOMEM, 9 },
	{ "alice", { 0, 0, 0 }, RATELIMIT_NOMEM, 8 },
	{ "alice", { 0, 1, 0 }, RATELIMIT_OK, 9 },
};

static void
test_open(void)
{
	struct ratelimit_open	*o = ratelimit_open_new(10);
	struct ratelimit_key	 k;
	enum ratelimit_verdict	 v;
	size_t			 i;

	for (i = 0; i < nitems(opens); i++) {
		k = key(opens[i].who);
		v = opens[i].want;
		if (v == RATELIMIT_NOMEM)
			ratelimit_open_remove(o, &k);
		else
			v = ratelimit_open_add(o, &k, &opens[i].b);
		CHECK(v == opens[i].want &&
		    ratelimit_open_total(o) == opens[i].total,
		    "open %zu: %s: %d, %zu", i, opens[i].who, v,
		    ratelimit_open_total(o));
	}
	ratelimit_open_free(o);
	ratelimit_open_free(NULL);
	CHECK(ratelimit_open_new(0) == NULL && errno == EINVAL, "no room");
}

int
main(void)
{
	test_steps();
	test_sliding();
	test_bounded();
	test_arguments();
	test_open();
	return (test_done());
}
