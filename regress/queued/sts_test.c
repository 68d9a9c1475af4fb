/*
 * Policies of MTA-STS that are kept: what workers are told, what is looked at
 * again and when, letterctl's commands.
 */
#include <string.h>

#include "log.h"
#include "queued/queued.h"
#include "queued/sts.h"
#include "standin.h"

#define DAY	86400
#define TEXT(mode, age)	"version: STSv1\nmode: " mode "\nmax_age: " age	\
	"\nmx: mx.a.example\n"

static struct {
	int	 done, status;
	char	 text[256];
} told;

static int
on_told(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_sts_answer	 a;

	(void)arg;
	(void)p;
	if (m == NULL || imsg_get(m, &c_sts_answer, &a) == -1)
		return (-1);
	told.done = 1;
	told.status = a.status;
	snprintf(told.text, sizeof(told.text), "%.*s", (int)a.text.n,
	    (const char *)a.text.p);
	codec_free(&c_sts_answer, &a);
	return (0);
}

/* A worker asks. */
static int
worker_asks(const char *domain)
{
	struct msg_sts	 m = { span_str(domain), span_of("", 0) };

	memset(&told, 0, sizeof(told));
	told.status = -1;
	peer_ask(si.there[ROLE_RELAY][0], M_STS, &c_sts, &m, -1, on_told,
	    NULL);
	UNTIL(told.done, 60);
	return (told.status);
}

static void
lookup_says(enum sts_status s, const char *id, const char *text)
{
	si.sts = (uint8_t)s;
	si.sts_id = id;
	si.sts_text = text;
	si.sts_asked = 0;
}

/* As if it had been written so many seconds ago. */
static void
keep(const char *domain, uint32_t max_age, uint64_t fetched, uint64_t used,
    uint64_t checked, uint64_t failed)
{
	struct rec_sts	 r = { .max_age = max_age };
	uint64_t	 now = q_now();

	r.fetched = now - fetched;
	r.used = now - used;
	r.checked = now - checked;
	r.failed = failed == 0 ? 0 : now - failed;
	r.id = span_str("1");
	r.text = span_str(TEXT("enforce", "864000"));
	CHECK(sts_put(domain, &r) == 0, "kept: %s", domain);
}

static void
test_workers(void)
{
	struct rec_sts	 r;
	static const struct {
		enum sts_status	 says;
		int		 kept;
		int		 want;
	} cases[] = {
		{ STS_NONE, 0, STS_NONE }, { STS_NONE, 1, STS_POLICY },
		{ STS_FAILED, 0, STS_NONE }, { STS_FAILED, 1, STS_POLICY },
		{ STS_TEMPFAIL, 0, STS_TEMPFAIL },
		{ STS_TEMPFAIL, 1, STS_POLICY },
	};
	size_t		 i;

	for (i = 0; i < nitems(cases); i++) {
		if (cases[i].kept)
			keep("a.example", DAY, 60, 60, 60, 0);
		else
			(void)si_ctl("mtasts forget", "a.example");
		lookup_says(cases[i].says, NULL, NULL);
		CHECK(worker_asks("A.example") == cases[i].want, "%d, %d: %d",
		    cases[i].says, cases[i].kept, told.status);
		CHECK(strcmp(si.sts_domain, "a.example") == 0 &&
		    strcmp(si.sts_known, cases[i].kept ? "1" : "") == 0,
		    "asked of %s, %s", si.sts_domain, si.sts_known);
	}
	lookup_says(STS_POLICY, "2", TEXT("enforce", "604800"));
	CHECK(worker_asks("a.example") == STS_POLICY && strstr(told.text,
	    "604800") != NULL, "a new one: %s", told.text);
	CHECK(sts_kept("a.example", &r) && span_eqs(r.id, "2") &&
	    r.max_age == 604800 && r.used + 50 > q_now(), "is kept");
	lookup_says(STS_POLICY, "3", "nothing of a policy");
	CHECK(worker_asks("a.example") == STS_POLICY, "what is none");
	CHECK(sts_kept("a.example", &r) && span_eqs(r.id, "2"),
	    "is not kept");
	/* in the second half of its time it is fetched whatever its id */
	keep("a.example", 10 * DAY, 6 * DAY, 2 * DAY, 60, 0);
	lookup_says(STS_POLICY, "1", TEXT("testing", "864000"));
	CHECK(worker_asks("a.example") == STS_POLICY && si.sts_known[0] ==
	    '\0' && sts_kept("a.example", &r) && r.fetched + 50 > q_now(),
	    "fetched anew");
	/* use is noted, and that it was confirmed */
	keep("a.example", 10 * DAY, 2 * DAY, 2 * DAY, DAY, DAY);
	CHECK(worker_asks("a.example") == STS_POLICY && sts_kept("a.example",
	    &r) && r.used + 50 > q_now() && r.checked + 50 > q_now() &&
	    r.failed == 0 && r.fetched + 5 < q_now(), "noted");
}

static const struct {
	const char	*what;
	uint32_t	 max_age;
	uint64_t	 fetched, used, checked, failed;	/* seconds ago */
	int		 due;
} dues[] = {
	{ "new", 10 * DAY, 60, 60, 60, 0, 0 },
	{ "of a day", 10 * DAY, DAY, 60, DAY, 0, 1 },
	{ "looked at since", 10 * DAY, 3 * DAY, 60, DAY / 2, 0, 0 },
	{ "unused for long, but not too long", 10 * DAY, DAY, 9 * DAY, DAY, 0,
	    1 },
	{ "unused for as long as it holds", 10 * DAY, DAY, 10 * DAY, DAY, 0,
	    0 },
	{ "over", 10 * DAY, 10 * DAY, 60, DAY, 0, 0 },
	{ "short, its half over", DAY / 2, DAY / 4, 60, DAY / 4, 0, 1 },
	{ "short", DAY / 2, DAY / 5, 60, DAY / 5, 0, 0 },
	{ "failed just now", 10 * DAY, 3 * DAY, 60, 2 * DAY, 60, 0 },
	{ "failed an hour ago", 10 * DAY, 3 * DAY, 60, 2 * DAY, 3600, 1 },
};

static void
test_due(void)
{
	char	 domain[32];
	struct rec_sts	 r;
	size_t	 i;
	unsigned want = 0;

	(void)si_ctl("mtasts forget", "a.example");
	for (i = 0; i < nitems(dues); i++) {
		snprintf(domain, sizeof(domain), "d%zu.example", i);
		keep(domain, dues[i].max_age, dues[i].fetched, dues[i].used,
		    dues[i].checked, dues[i].failed);
		want += (unsigned)dues[i].due;
	}
	sts_sweep();
	CHECK(si_count(q.sts) == nitems(dues) - 1, "what is over goes");
	lookup_says(STS_POLICY, "1", TEXT("enforce", "864000"));
	for (i = 0; i < 100 && sts_refresh() > 0; i++)
		continue;
	UNTIL(si.sts_asked == want, 60);
	si_turn();
	CHECK(si.sts_asked == want, "all that are due: %u of %u",
	    si.sts_asked, want);
	for (i = 0; i < nitems(dues); i++) {
		snprintf(domain, sizeof(domain), "d%zu.example", i);
		UNTIL(!dues[i].due || (sts_kept(domain, &r) &&
		    !sts_is_due(&r)), 60);
		if (dues[i].due)
			CHECK(sts_kept(domain, &r) && r.checked + 50 > q_now()
			    && r.failed == 0, "%s: confirmed", dues[i].what);
		else if (sts_kept(domain, &r))
			CHECK(r.checked + 5 < q_now(), "%s: left alone",
			    dues[i].what);
	}
	CHECK(sts_kept("d6.example", &r) && r.fetched + 50 > q_now() &&
	    r.used + 50 < q_now(), "its half over: fetched, and not used");
	CHECK(sts_kept("d1.example", &r) && r.fetched + DAY / 2 < q_now(),
	    "unchanged: not fetched");
	sts_sweep();
	si.sts_asked = 0;
	CHECK(sts_refresh() == 0, "nothing more");
	/* one that cannot be had holds, and is asked for in an hour again */
	keep("d1.example", 10 * DAY, 2 * DAY, 60, DAY, 0);
	lookup_says(STS_FAILED, NULL, "no such page");
	sts_sweep();
	(void)sts_refresh();
	UNTIL(sts_kept("d1.example", &r) && r.failed != 0, 60);
	CHECK(sts_kept("d1.example", &r) && r.failed + 50 > q_now() &&
	    r.checked + 5 < q_now() && !sts_is_due(&r), "failed");
}

static void
test_letterctl(void)
{
	CHECK(si_ctl("mtasts list", "") == 0 && si.nrows == nitems(dues) - 1 &&
	    strstr(si.rows, "\"domain\":\"d1.example\",\"mode\":\"enforce\","
	    "\"id\":\"1\"") != NULL, "list: %s", si.rows);
	CHECK(si_ctl("mtasts show", "D1.Example") == 0 && si.nrows == 1 &&
	    strstr(si.rows, "\"mx\":[\"mx.a.example\"]") != NULL, "show: %s",
	    si.rows);
	CHECK(si_ctl("mtasts show", "none.example") == 1 &&
	    si_ctl("mtasts show", "[192.0.2.1]") == 1 &&
	    si_ctl("mtasts forget", "none.example") == 1, "not kept");
	CHECK(si_ctl("mtasts forget", "d1.example") == 0 &&
	    si_ctl("mtasts show", "d1.example") == 1, "forgotten");
	lookup_says(STS_FAILED, NULL, "no such page");
	CHECK(si_ctl("mtasts refresh", "d1.example") == 1 && strcmp(si.text,
	    "not fetched: no such page") == 0, "refresh: %s", si.text);
	CHECK(si_ctl("mtasts refresh", "d2.example") == 1 && strcmp(si.text,
	    "not fetched: no such page; the policy that is kept holds") == 0,
	    "refresh: %s", si.text);
	lookup_says(STS_NONE, NULL, NULL);
	CHECK(si_ctl("mtasts refresh", "d1.example") == 1 && strstr(si.text,
	    "publishes no policy") != NULL, "refresh: %s", si.text);
	lookup_says(STS_POLICY, "7", TEXT("testing", "604800"));
	CHECK(si_ctl("mtasts refresh", "d2.example") == 0 && si.nrows == 1 &&
	    strstr(si.rows, "\"mode\":\"testing\",\"id\":\"7\"") != NULL &&
	    si.sts_known[0] == '\0', "refresh: %s", si.rows);
	si_disconnect(ROLE_LOOKUP, 0);
	CHECK(si_ctl("mtasts refresh", "d2.example") == 1 && strstr(si.text,
	    "DNS does not say") != NULL, "without lookup: %s", si.text);
}

int
main(void)
{
	si_open();
	si_connect(ROLE_RELAY, 0, "default");
	test_workers();
	test_due();
	test_letterctl();
	si_close();
	return (test_done());
}
