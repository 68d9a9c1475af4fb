/*
 * What keys remembers of its signatures: for whom, for a minute, to be claimed
 * once.
 */
#include <stdint.h>

#include "authd/keys.h"
#include "test.h"

#define MANY	200000u
#define KEPT	131072u		/* of them, at most */

static uint8_t	 digest[32];

/* A digest with this number in it. */
static const uint8_t *
number(uint32_t n)
{
	memset(digest, 0, sizeof(digest));
	memcpy(digest, &n, sizeof(n));
	return (digest);
}

/* In one chain all: they differ behind what is hashed. */
static const uint8_t *
alike(uint8_t n)
{
	memset(digest, 0, sizeof(digest));
	digest[31] = n;
	return (digest);
}

static const struct step {
	const char	*name;
	char		 what;		/* add, claim */
	uint8_t		 digest;
	enum role	 role;
	unsigned	 instance;
	uint64_t	 now;
	int		 want;
} steps[] = {
	{ "before anything", 'c', 1, ROLE_FRONT, 0, 0, 0 },
	{ "", 'a', 1, ROLE_FRONT, 0, 1000, 0 },
	{ "another signature", 'c', 2, ROLE_FRONT, 0, 1000, 0 },
	{ "of another role", 'c', 1, ROLE_SMTPD, 0, 1000, 0 },
	{ "of another instance", 'c', 1, ROLE_FRONT, 1, 1000, 0 },
	{ "an instance that is the same in 16 bits", 'c', 1, ROLE_FRONT,
	    65536, 1000, 0 },
	{ "after a minute", 'c', 1, ROLE_FRONT, 0, 61000, 1 },
	{ "twice", 'c', 1, ROLE_FRONT, 0, 61000, 0 },
	{ "", 'a', 1, ROLE_FRONT, 0, 61000, 0 },
	{ "made again, claimed before", 'c', 1, ROLE_FRONT, 0, 61000, 0 },
	{ "", 'a', 2, ROLE_FRONT, 0, 61000, 0 },
	{ "", 'a', 2, ROLE_SMTPD, 0, 61000, 0 },
	{ "made again for another", 'c', 2, ROLE_SMTPD, 0, 61000, 0 },
	{ "and still its own", 'c', 2, ROLE_FRONT, 0, 61000, 1 },
	{ "", 'a', 3, ROLE_SMTPD, 7, 70000, 0 },
	{ "", 'a', 4, ROLE_SMTPD, 7, 70001, 0 },
	{ "more than a minute old", 'c', 3, ROLE_SMTPD, 7, 130001, 0 },
	{ "the one behind it", 'c', 4, ROLE_SMTPD, 7, 130001, 1 },
};

static void
test_steps(void)
{
	const struct step	*s;

	for (s = steps; s < steps + nitems(steps); s++)
		if (s->what == 'a')
			seen_add(alike(s->digest), s->role, s->instance,
			    s->now);
		else
			CHECK(seen_claim(alike(s->digest), s->role,
			    s->instance, s->now) == s->want, "%s", s->name);
	seen_clear();
}

/* More than fit: the oldest give way, the others are all there. */
static void
test_many(void)
{
	uint32_t	 i, lost = 0, kept = 0;

	for (i = 0; i < MANY; i++)
		seen_add(number(i), ROLE_FRONT, 0, 1000);
	for (i = 0; i < MANY - KEPT; i++)
		lost += !seen_claim(number(i), ROLE_FRONT, 0, 1000);
	for (; i < MANY; i++)
		kept += (uint32_t)seen_claim(number(i), ROLE_FRONT, 0, 1000);
	CHECK(lost == MANY - KEPT, "the oldest are gone, %u", lost);
	CHECK(kept == KEPT, "the others are there, %u", kept);
	CHECK(!seen_claim(number(MANY - 1), ROLE_FRONT, 0, 1000),
	    "all are claimed");
	/* A minute later there is room, through all chains. */
	for (i = 0; i < MANY; i++)
		seen_add(number(i), ROLE_FRONT, 0, 61001 + i);
	CHECK(seen_claim(number(MANY - 60001), ROLE_FRONT, 0, 61000 + MANY) ==
	    1, "one of the last minute");
	CHECK(seen_claim(number(MANY - 60002), ROLE_FRONT, 0, 61000 + MANY) ==
	    0, "one of before");
	seen_clear();
	CHECK(!seen_claim(number(MANY - 1), ROLE_FRONT, 0, 1000), "cleared");
}

int
main(void)
{
	test_steps();
	test_many();
	return (test_done());
}
