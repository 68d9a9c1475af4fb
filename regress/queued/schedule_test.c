/*
 * When attempts are made, when patience ends, when delays are told; names of
 * what is in the queue.
 */
#include "queued/sched.h"
#include "test.h"

static const struct conf_schedule usual = {
	.first = { 0, 300, 900, 2100, 4500, 9300 }, .nfirst = 6,
	.every = 14400, .expire = 345600, .delay_report = 14400,
	.delay_again = 86400
};
static const struct conf_schedule quick = {
	.first = { 0, 1 }, .nfirst = 2, .every = 2, .expire = 3,
};

/* The gap after so many attempts, without jitter. */
static const struct { uint32_t attempts; uint64_t want; } gaps[] = {
	{ 1, 300 }, { 2, 600 }, { 3, 1200 }, { 4, 2400 }, { 5, 4800 },
	{ 6, 14400 }, { 7, 14400 }, { 1000, 14400 }, { UINT32_MAX, 14400 },
};

static const struct {
	const struct conf_schedule	*s;
	uint64_t			 age;
	uint32_t			 attempts;
	int				 want;
} expiries[] = {
	{ &usual, 0, 1, 0 },
	{ &usual, 345599, 30, 0 },
	{ &usual, 345600, 30, 1 },
	{ &usual, 345600, 4, 1 },
	{ &usual, 345600, 3, 0 },	/* the service was down */
	{ &usual, 1ull << 40, 1, 0 },	/* or the clock is wrong */
	{ &quick, 3, 1, 0 },
	{ &quick, 3, 2, 1 },
};

static const struct {
	uint64_t	 reported, now;
	int		 want;
} reports[] = {
	{ 0, 1000, 0 }, { 0, 15399, 0 }, { 0, 15400, 1 },
	{ 15400, 15401, 0 }, { 15400, 101799, 0 }, { 15400, 101800, 1 },
};

static const struct {
	const char	*text;
	int		 rc;
	uint64_t	 msg;
	uint32_t	 n;
} ids[] = {
	{ "0000002a", 0, 42, 0 }, { "2A", 0, 42, 0 }, { "2a.1", 0, 42, 1 },
	{ "ffffffffffffffff.4294967295", 0, UINT64_MAX, UINT32_MAX },
	{ "", -1, 0, 0 }, { ".1", -1, 0, 0 }, { "2a.", -1, 0, 0 },
	{ "2a.0", -1, 0, 0 }, { "2a.1.1", -1, 0, 0 }, { "xy", -1, 0, 0 },
	{ "10000000000000000", -1, 0, 0 }, { "2a.4294967296", -1, 0, 0 },
	{ "-1", -1, 0, 0 },
};

int
main(void)
{
	uint64_t	 gap, least, most, msg;
	uint32_t	 n;
	char		 room[Q_ID];
	size_t		 i, k;
	int		 rc;

	for (i = 0; i < nitems(gaps); i++) {
		least = UINT64_MAX;
		most = 0;
		for (k = 0; k < 1000; k++) {
			gap = schedule_gap(&usual, gaps[i].attempts);
			least = gap < least ? gap : least;
			most = gap > most ? gap : most;
		}
		CHECK(least >= gaps[i].want * 9 / 10 && most <=
		    gaps[i].want * 11 / 10 && least < most,
		    "after %u attempts: %llu to %llu", gaps[i].attempts,
		    (unsigned long long)least, (unsigned long long)most);
	}
	CHECK(schedule_gap(&(struct conf_schedule){ 0 }, 1) > 10000,
	    "an empty schedule hammers nobody");
	for (i = 0; i < nitems(expiries); i++)
		CHECK(schedule_expired(expiries[i].s, expiries[i].age,
		    expiries[i].attempts) == expiries[i].want,
		    "age %llu, %u attempts", (unsigned long long)
		    expiries[i].age, expiries[i].attempts);
	for (i = 0; i < nitems(reports); i++)
		CHECK(schedule_report(&usual, 1000, reports[i].reported,
		    reports[i].now) == reports[i].want, "delay at %llu",
		    (unsigned long long)reports[i].now);
	CHECK(schedule_clamp(&usual, 5000, 1000) == 5000, "a time to come");
	CHECK(schedule_clamp(&usual, 1000000, 1000) == 1000 + 15841,
	    "not later than the schedule can say");
	for (i = 0; i < nitems(ids); i++) {
		rc = q_id_parse(span_str(ids[i].text), &msg, &n);
		CHECK(rc == ids[i].rc && (rc == -1 || (msg == ids[i].msg &&
		    n == ids[i].n)), "id %s", ids[i].text);
	}
	CHECK(strcmp(q_id(room, 42, 0), "0000002a") == 0 &&
	    strcmp(q_id(room, 42, 7), "0000002a.7") == 0 &&
	    strcmp(q_id(room, UINT64_MAX, UINT32_MAX),
	    "ffffffffffffffff.4294967295") == 0, "ids as they are written");
	return (test_done());
}
