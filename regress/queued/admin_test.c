/*
 * What administrators decide beforehand: hold rules, suppression lists, how long
 * it is remembered what left the queue; what a sender asks for with MAIL.
 */
#include <string.h>
#include <unistd.h>

#include "queued/admin.h"
#include "queued/attempt.h"
#include "queued/ctl.h"
#include "queued/route.h"
#include "standin.h"

static const char	 body[] = "From: alice@letterlock.test\r\n\r\nhello\r\n";
static struct conf_transport	 transports[2];
static struct conf_route	 route;
static char			*pattern;

/* Everything has left the queue, and nothing is under way. */
#define EMPTY()	do {							\
	UNTIL(si_count(q.rcpt) == 0 && attempts_now() == 0, 60);	\
	CHECK(si_count(q.rcpt) == 0, "the queue is empty");		\
} while (0)

static int
submit_to(const char *to)
{
	int	 rc;

	si_session(1, "alice");
	if ((rc = si_mail("alice@letterlock.test")) != 250 ||
	    (rc = si_rcpt(to, NOTIFY_NEVER)) != 250)
		return (rc);
	return (si_data(body));
}

static void
relay_says(uint8_t result, uint32_t code, const char *enhanced)
{
	si.relay = result;
	si.relay_code = code;
	si.relay_enhanced = enhanced;
}

static void
test_mail(void)
{
	struct q_msg	 m;
	uint64_t	 msg = 0;
	struct q_rcpt	 r;

	relay_says(RESULT_OK, 250, NULL);
	si.hold = 3600;
	si.future = "for;3600";
	si.requiretls = 1;
	CHECK(submit_to("later@example.org") == 250, "held for an hour");
	CHECK(db_rcpt_next(&msg, 0, &r) == 0 && db_msg(msg, &m) == 0 &&
	    m.r.requiretls == REQUIRETLS_ALL && m.r.release > q_now() + 3500 &&
	    m.r.release <= q_now() + 3600 && r.r.next == m.r.release,
	    "in the record");
	db_rcpt_free(&r);
	db_msg_free(&m);
	CHECK(si_ctl("queue list", "--next >50m") == 0 && si.nrows == 1 &&
	    strstr(si.rows, "\"future\":\"for;3600\"") != NULL &&
	    strstr(si.rows, "\"release_at\":") != NULL &&
	    strstr(si.rows, "\"requiretls\":\"yes\"") != NULL, "listed: %s",
	    si.rows);
	CHECK(si.ngot == 0, "not tried");
	CHECK(si_ctl("queue kick", "--to later@example.org") == 0, "kicked");
	EMPTY();
	CHECK(si.ngot == 1 && si.got->requiretls == REQUIRETLS_ALL,
	    "sent, with what was asked for");
	si_forget();

	/* A recipient here: where, auth says when its time has come. */
	si.hold = UINT64_MAX;
	CHECK(submit_to("bob@letterlock.test") == 250, "held, for here");
	msg = 0;
	CHECK(db_rcpt_next(&msg, 0, &r) == 0 && r.r.kind == RK_UNKNOWN &&
	    r.r.next <= q_now() + MSG_HOLD_MAX, "no longer than the longest");
	db_rcpt_free(&r);
	CHECK(si_ctl("queue kick", "--held no") == 0, "kicked");
	EMPTY();
	CHECK(si.ngot == 1 && !si.got->relay && si.got->inst == 1,
	    "delivered here");
	si_forget();
}

/* ---- reject early ----------------------------------------------------------- */

static void
test_early(void)
{
	static const struct {
		uint8_t		 early;
		uint32_t	 code;
		const char	*to;
		int		 rc;
	} cases[] = {
		{ 1, 554, "x@no.example", 554 },
		{ 1, 451, "x@no.example", 451 },
		{ 1, 554, "x@yes.example", 250 },
		{ 1, 554, "bob@letterlock.test", 250 },
		{ 0, 554, "x@no.example", 250 },
	};
	struct conf	*c = si.conf;
	size_t		 i;

	relay_says(RESULT_OK, 250, NULL);
	pattern = strdup("no.example");
	transports[0] = (struct conf_transport){ .kind = TRANSPORT_FAIL,
	    .name = (char[]){ "no" }, .message = (char[]){ "never there" } };
	route.to.v = &pattern;
	route.to.n = 1;
	route.transport = transports[0].name;
	route.text = (char[]){ "route to no.example" };
	c->transports.v = transports;
	c->transports.n = 1;
	c->routes.v = &route;
	c->routes.n = 1;
	for (i = 0; i < nitems(cases); i++) {
		transports[0].reject_early = cases[i].early;
		transports[0].code = cases[i].code;
		CHECK(submit_to(cases[i].to) == cases[i].rc, "%s, %u, %d",
		    cases[i].to, cases[i].code, cases[i].early);
	}
	EMPTY();
	transports[0].reject_early = 1;
	si.routes = "unreadable\n";
	routes_forget(1);
	CHECK(submit_to("x@yes.example") == 451,
	    "the account's routes cannot be read");
	si.routes = NULL;
	routes_forget(1);
	CHECK(si_ctl("route explain", "alice@letterlock.test x@no.example") ==
	    0 && strstr(si.rows, "\"refuses\":\"554 never there\"") != NULL &&
	    strstr(si.rows, "\"reject_early\":true") != NULL, "explained: %s",
	    si.rows);
	c->transports.n = c->routes.n = 0;
	c->transports.v = c->routes.v = NULL;
	free(pattern);
	si_forget();
}

/* ---- hold rules --------------------------------------------------------------- */

static const struct {
	const char	*account, *from, *to;	/* of the rule */
	uint64_t	 number;		/* of the account, 0: none */
	const char	*sender, *recipient;
	uint8_t		 flags;
	int		 held;
} rule_cases[] = {
	{ "", "", "", 1, "a@x.example", "b@y.example", 0, 1 },
	{ "", "", "", 0, "a@x.example", "b@y.example", 0, 0 },
	{ "", "", "", 0, "", "b@y.example", MF_REPORT, 1 },
	{ "alice", "", "", 1, "a@x.example", "b@y.example", 0, 1 },
	{ "bob", "", "", 1, "a@x.example", "b@y.example", 0, 0 },
	{ "alice", "", "", 0, "", "b@y.example", MF_REPORT, 0 },
	{ "", "x.example", "", 1, "a@X.example", "b@y.example", 0, 1 },
	{ "", "x.example", "", 1, "a@z.x.example", "b@y.example", 0, 0 },
	{ "", ".x.example", "", 1, "a@z.x.example", "b@y.example", 0, 1 },
	{ "", ".", "", 1, "", "b@y.example", 0, 1 },
	{ "", ".", "", 1, "a@x.example", "b@y.example", 0, 0 },
	{ "", "", "y.example", 1, "a@x.example", "b@y.example", 0, 1 },
	{ "", "", "y.example", 1, "a@y.example", "b@x.example", 0, 0 },
	{ "", "x.example", "y.example", 1, "a@x.example", "b@z.example", 0,
	    0 },
	{ "alice", "x.example", "y.example", 1, "a@x.example", "b@y.example",
	    0, 1 },
};

static void
test_rules(void)
{
	struct holdrule	 r = { 0 };
	struct rec_msg	 m;
	struct rec_rcpt	 rcpt = { 0 };
	size_t		 i;

	for (i = 0; i < nitems(rule_cases); i++) {
		r.account = strdup(rule_cases[i].account);
		r.from = strdup(rule_cases[i].from);
		r.to = strdup(rule_cases[i].to);
		memset(&m, 0, sizeof(m));
		m.account = rule_cases[i].number;
		m.name = span_str(m.account == 0 ? "" : "alice");
		m.from = span_str(rule_cases[i].sender);
		m.flags = rule_cases[i].flags;
		rcpt.address = span_str(rule_cases[i].recipient);
		CHECK(holdrule_is(&r, &m, &rcpt) == rule_cases[i].held,
		    "rule %zu", i);
		free(r.account);
		free(r.from);
		free(r.to);
	}
}

static void
test_hold(void)
{
	static const struct {
		const char	*args;
		int		 rc;
	} adds[] = {
		{ "--all --account alice", 1 }, { "--account", 1 },
		{ "--to example.org", 1 }, { "--account a --account b", 1 },
		{ "--recipient-domain ..", 1 },
		{ "--recipient-domain Held.example", 0 },
		{ "--recipient-domain held.example", 1 },
		{ "--account bob --sender-domain .", 0 },
	};
	size_t		 i;

	relay_says(RESULT_TEMP, 451, NULL);
	CHECK(submit_to("a@held.example") == 250, "before the rule");
	UNTIL(si.ngot == 1 && attempts_now() == 0, 60);
	for (i = 0; i < nitems(adds); i++)
		CHECK(si_ctl("queue holdrule add", adds[i].args) ==
		    adds[i].rc, "add %s", adds[i].args);
	CHECK(si_ctl("queue holdrule list", "") == 0 && si.nrows == 2 &&
	    strstr(si.rows, "\"recipient_domain\":\"held.example\"") != NULL &&
	    strstr(si.rows, "\"account\":\"bob\"") != NULL, "listed: %s",
	    si.rows);
	CHECK(si_ctl("queue list", "--held yes") == 0 && si.nrows == 1,
	    "what was there is held: %s", si.rows);
	CHECK(submit_to("b@held.example") == 250 &&
	    submit_to("c@free.example") == 250, "after the rule");
	UNTIL(si.ngot == 2 && attempts_now() == 0, 60);
	CHECK(si.ngot == 2 && strcmp(si.got->to, "c@free.example") == 0,
	    "only what no rule holds is tried");
	CHECK(si_ctl("queue list", "--held yes") == 0 && si.nrows == 2,
	    "held: %s", si.rows);
	/* it is there after a start */
	CHECK(holdrules_start() == 0 && holdrule_find("", "", "held.example")
	    != NULL && holdrule_find("bob", ".", "") != NULL, "kept");
	CHECK(si_ctl("queue holdrule remove", "1") == 0, "removed");
	CHECK(si_ctl("queue holdrule remove", "1") == 1 &&
	    si_ctl("queue holdrule remove", "x") == 1 &&
	    si_ctl("queue holdrule remove", "2") == 0 &&
	    si_count(q.holdrule) == 0, "removed");
	CHECK(si_ctl("queue list", "--held yes") == 0 && si.nrows == 2,
	    "what is held stays so");
	relay_says(RESULT_OK, 250, NULL);
	CHECK(si_ctl("queue release", "--held yes") == 0 &&
	    si_ctl("queue kick", "--held no") == 0, "released");
	EMPTY();
	CHECK(si.ngot == 5, "and sent: %u", si.ngot);
	CHECK(si_ctl("queue holdrule add", "--all") == 0 &&
	    si_ctl("queue holdrule list", "") == 0 && si.nrows == 1 &&
	    strstr(si.rows, "\"number\":3") != NULL, "numbers are new: %s",
	    si.rows);
	CHECK(si_ctl("queue holdrule remove", "3") == 0, "removed");
	si_forget();
}

/* ---- suppression -------------------------------------------------------------- */

static const struct {
	const char	*a, *b;
	int		 same;		/* -1: a has no key */
} keys[] = {
	{ "x@example.org", "X@EXAMPLE.ORG", 1 },
	{ "x.y@example.org", "xy@example.org", 1 },
	{ "x+tag@example.org", "x@example.org", 1 },
	{ "x-list@example.org", "x@example.org", 1 },
	{ "x-a+b@example.org", "x+b-a@example.org", 1 },
	{ "x@example.org", "x@example.net", 0 },
	{ "x@example.org", "y@example.org", 0 },
	{ "+@example.org", "-@example.org", 0 },
	{ "+@example.org", "@example.org", 0 },
	{ "\"x.y\"@example.org", "xy@example.org", 0 },
	{ "x@b\xc3\xbc" "cher.example", "x@xn--bcher-kva.example", 1 },
	{ "x@[192.0.2.1]", "x@[192.0.2.2]", 0 },
	{ "", "x", -1 }, { "x", "x", -1 }, { "@", "@", -1 },
};

static void
test_keys(void)
{
	static const struct {
		uint32_t	 code;
		const char	*enhanced;
		int		 at_once;
	} answers[] = {
		{ 550, "", 1 }, { 521, "", 1 }, { 551, "", 1 }, { 553, "", 1 },
		{ 556, "5.1.10", 1 }, { 554, "5.1.1", 1 }, { 554, "5.7.1", 1 },
		{ 554, "5.2.1", 1 }, { 554, "5.3.0", 0 }, { 554, "", 0 },
		{ 552, "5.2.2", 0 }, { 451, "5.1.1", 0 }, { 450, "4.2.1", 0 },
		{ 554, "5.1.11", 0 }, { 0, "5.1.1", 0 },
	};
	struct buf	 a = { 0 }, b = { 0 };
	size_t		 i;
	int		 rc;

	for (i = 0; i < nitems(keys); i++) {
		buf_reset(&a);
		buf_reset(&b);
		rc = suppress_key(&a, 1, span_str(keys[i].a));
		(void)suppress_key(&b, 1, span_str(keys[i].b));
		CHECK(keys[i].same == -1 ? rc == -1 : rc == 0 &&
		    span_eq(span_buf(&a), span_buf(&b)) == keys[i].same,
		    "%s and %s", keys[i].a, keys[i].b);
	}
	buf_free(&a);
	buf_free(&b);
	for (i = 0; i < nitems(answers); i++)
		CHECK(suppress_at_once(answers[i].code,
		    span_str(answers[i].enhanced)) == answers[i].at_once,
		    "%u %s", answers[i].code, answers[i].enhanced);
}

/* Patience at its end is no word about the recipient, whatever was said. */
static void
test_expired(void)
{
	static const struct {
		uint32_t	 code;
		const char	*enhanced;
	}				 said[] = {
		{ 535, "4.7.8" }, { 535, "5.7.8" }, { 451, "4.7.1" },
	};
	struct conf_schedule		*s = &si.conf->schedule;
	const struct conf_schedule	 was = *s;
	size_t				 i;

	s->expire = 0;
	for (i = 0; i < nitems(said); i++) {
		relay_says(RESULT_TEMP, said[i].code, said[i].enhanced);
		CHECK(submit_to("patience@example.org") == 250, "expires");
		EMPTY();
		CHECK(si_count(q.suppress) == 0, "%u %s does not count",
		    said[i].code, said[i].enhanced);
		dest_kick();
	}
	*s = was;
}

static void
test_suppress(void)
{
	int	 i;

	relay_says(RESULT_NO, 550, "5.1.1");
	CHECK(submit_to("gone@example.org") == 250, "to nobody");
	EMPTY();
	CHECK(si_ctl("suppression list", "--account alice") == 0 &&
	    si.nrows == 1 && strstr(si.rows, "gone@example.org") != NULL &&
	    strstr(si.rows, "550 5.1.1") != NULL, "listed at once: %s",
	    si.rows);
	CHECK(si_ctl("suppression list", "--account bob") == 0 &&
	    si.nrows == 0, "for that account alone");
	si_forget();
	relay_says(RESULT_OK, 250, NULL);
	si_session(1, "alice");
	si_mail("alice@letterlock.test");
	si_rcpt("fine@example.org", 0);
	si_rcpt("Gone+tag@example.org", 0);
	si_rcpt("other@example.org", 0);
	CHECK(si_data(body) == 250, "with others");
	UNTIL(si_count(q.rcpt) == 0 && si.ngot == 3, 60);
	CHECK(si.ngot == 3 && si.got->account == 1 && !si.got->relay &&
	    strstr(buf_cstr(&si.got->body), "suppression list") != NULL &&
	    strstr(buf_cstr(&si.got->body), "Gone+tag@example.org") != NULL,
	    "a report says so, the others get it: %u", si.ngot);
	si_forget();
	CHECK(si_ctl("suppression lookup", "alice gone@example.org") == 0 &&
	    si.nrows == 1 && si_ctl("suppression lookup",
	    "bob gone@example.org") == 0 && si.nrows == 0, "looked up");
	CHECK(si_ctl("suppression add", "alice GONE@example.org") == 1 &&
	    si_ctl("suppression add", "nobody x@example.org") == 1 &&
	    si_ctl("suppression add", "alice nothing") == 1 &&
	    si_ctl("suppression add", "bob gone@example.org moved") == 0 &&
	    si_ctl("suppression list", "") == 0 && si.nrows == 2, "added: %s",
	    si.rows);
	CHECK(si_ctl("suppression remove", "alice gone@example.org") == 0,
	    "removed");
	CHECK(si_ctl("suppression remove", "alice gone@example.org") == 1 &&
	    si_ctl("suppression remove", "bob gone@example.org") == 0,
	    "removed");
	CHECK(submit_to("gone@example.org") == 250, "again");
	EMPTY();
	CHECK(si.ngot == 1, "it is sent");
	si_forget();

	/* Twice, then a success, then three times. */
	for (i = 0; i < 6; i++) {
		if (i == 2)
			relay_says(RESULT_OK, 250, NULL);
		else
			relay_says(RESULT_NO, 554, "5.3.0");
		CHECK(submit_to("often@example.org") == 250, "failure");
		EMPTY();
		CHECK(si_ctl("suppression lookup", "alice often@example.org")
		    == 0 && si.nrows == (i == 5), "after %d: %s", i, si.rows);
	}
	CHECK(si.ngot == 6, "all were tried");
	CHECK(db_count("suppressed", 0) == si_count(q.suppress), "counted");
	CHECK(si_ctl("suppression remove", "alice often@example.org") == 0,
	    "removed");
	si.conf->suppress_failures = 0;
	relay_says(RESULT_NO, 550, "5.1.1");
	CHECK(submit_to("spared@example.org") == 250, "to nobody");
	EMPTY();
	CHECK(si_count(q.suppress) == 0, "not when the configuration says no");
	si.conf->suppress_failures = 1;
	test_expired();
	relay_says(RESULT_NO, 554, "5.3.0");
	CHECK(submit_to("once@example.org") == 250, "a failure");
	EMPTY();
	CHECK(si_count(q.suppress) == 1 && si_ctl("suppression list", "") ==
	    0 && si.nrows == 0, "counted is not listed");
	suppress_sweep();
	CHECK(si_count(q.suppress) == 1, "and kept for a time");
	si_forget();
}

static int
on_ended(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_number	 n;

	(void)arg;
	(void)p;
	return (m == NULL ? 0 : imsg_get(m, &c_number, &n));
}

/* What is no account any more: number 9 never was one, 3 is bob's no longer. */
static void
test_gone(void)
{
	struct msg_end_sessions	 e = { .account = 3 };
	struct rec_suppress	 s = { .listed = 1 };
	char			 to[32];
	uint64_t		 before = db_count("suppressed", 0);
	unsigned		 i;
	int			 bad = 0;

	CHECK(db_begin() == 0, "begin");
	for (i = 0; i < 2100; i++) {
		snprintf(to, sizeof(to), "x%u@example.org", i);
		s.address = span_str(to);
		s.name = span_str("carol");
		bad |= suppress_add(9, &s);
		s.name = span_str("bob");
		bad |= i < 2 ? suppress_add(2, &s) : 0;
		bad |= i < 3 ? suppress_add(3, &s) : 0;
	}
	CHECK(db_end(0) == 0 && bad == 0, "added");
	CHECK(db_count("suppressed", 0) == before + 2105, "counted");
	peer_ask(si.there[ROLE_AUTH][0], M_END_SESSIONS, &c_end_sessions, &e,
	    -1, on_ended, NULL);
	UNTIL(db_count("suppressed", 0) == before + 2102, 60);
	CHECK(db_count("suppressed", 0) == before + 2102,
	    "the name is another account's now: they go at once");
	suppress_accounts();
	UNTIL(db_count("suppressed", 0) == before + 2, 60);
	CHECK(db_count("suppressed", 0) == before + 2 &&
	    si_count(q.suppress) == before + 2,
	    "a thousand at a time: %llu", (unsigned long long)
	    db_count("suppressed", 0));
	CHECK(si_ctl("suppression list", "--account bob") == 0 && si.nrows ==
	    2, "those of whom is there stay");
	e.account = 2;
	peer_ask(si.there[ROLE_AUTH][0], M_END_SESSIONS, &c_end_sessions, &e,
	    -1, on_ended, NULL);
	suppress_accounts();
	for (i = 0; i < 20; i++)
		si_turn();
	CHECK(db_count("suppressed", 0) == before + 2, "they do");
	CHECK(si_ctl("suppression remove", "bob x0@example.org") == 0 &&
	    si_ctl("suppression remove", "bob x1@example.org") == 0,
	    "removed");
}

/* ---- retired -------------------------------------------------------------------- */

static const struct {
	const char	*args;
	int		 rows;		/* -1: an error */
} retired_cases[] = {
	{ "", 3 }, { "--result delivered", 1 }, { "--result failed", 1 },
	{ "--result removed", 1 }, { "--result lost", -1 },
	{ "--to ok@example.org", 1 }, { "--domain example.org", 3 },
	{ "--code 250", 1 }, { "--code 5xx", 1 }, { "--ended <1h", 3 },
	{ "--ended >1h", 0 }, { "--ended 1h", -1 }, { "--age <1h", 3 },
	{ "--account alice --result failed", 1 }, { "--account bob", 0 },
	{ "--held yes", -1 }, { "--next <1h", -1 }, { "--transport default",
	    3 },
};

static void
test_retired(void)
{
	struct conf_keep	 alice = { (char[]){ "alice" }, 3600 };
	struct rec_retired	 t = { .until = 1 };
	uint8_t			 u[20] = { 0 };
	uint64_t		 before;
	size_t			 i;
	int			 rc;

	si.conf->keep_retired = 3600;
	relay_says(RESULT_OK, 250, NULL);
	CHECK(submit_to("ok@example.org") == 250, "delivered");
	EMPTY();
	relay_says(RESULT_NO, 554, "5.3.0");
	CHECK(submit_to("no@example.org") == 250, "failed");
	EMPTY();
	relay_says(RESULT_TEMP, 451, NULL);
	CHECK(submit_to("later@example.org") == 250, "deferred");
	UNTIL(si.ngot == 3 && attempts_now() == 0, 60);
	CHECK(si_ctl("queue drop", "--to later@example.org") == 0, "removed");
	EMPTY();
	for (i = 0; i < nitems(retired_cases); i++) {
		rc = si_ctl("queue retired list", retired_cases[i].args);
		CHECK(retired_cases[i].rows == -1 ? rc == 1 : rc == 0 &&
		    (int)si.nrows == retired_cases[i].rows, "\"%s\": %d %u %s",
		    retired_cases[i].args, rc, si.nrows, si.rows);
	}
	CHECK(si_ctl("queue list", "--result failed") == 1, "not of these");
	CHECK(si_ctl("queue retired list", "--result removed") == 0 &&
	    strstr(si.rows, "\"state\":\"removed\"") != NULL, "%s", si.rows);
	CHECK(si_ctl("queue retired show", "ffffff") == 1 &&
	    si_ctl("queue retired show", "x") == 1, "not there");
	CHECK(si_ctl("queue retired list", "--result failed") == 0, "which");
	si.rows[strcspn(si.rows, ",")] = '\0';
	{
		char	 id[Q_ID];

		snprintf(id, sizeof(id), "%.10s", si.rows + strlen("{\"id\":\""));
		CHECK(si_ctl("queue retired show", id) == 0 && si.nrows == 1 &&
		    strstr(si.rows, "\"results\":[{") != NULL &&
		    strstr(si.rows, "554 5.3.0") != NULL, "%s: %s", id,
		    si.rows);
	}
	CHECK(si_count(q.message) == 0 && si_count(q.attempt) == 3 &&
	    db_count("retired", 0) == 3, "records and attempts alone");

	/* One whose time is over goes, with its attempts. */
	before = si_count(q.retired);
	u[7] = 1;
	u[19] = 1;
	CHECK(db_begin() == 0 && db_end(db_retired_put(0, 1, &t) == -1 ||
	    dbenv_put(q.until, span_of(u, 20), span_str("-")) == -1 ||
	    db_attempt_put(0, 1, 1, &(struct rec_attempt){ 0 }) == -1 ||
	    db_count("retired", 1) == UINT64_MAX ? -1 : 0) == 0, "an old one");
	CHECK(retired_sweep() == 0 && si_count(q.retired) == before &&
	    si_count(q.attempt) == 3 && si_count(q.until) == before &&
	    db_count("retired", 0) == before, "it goes alone");
	si.conf->keep_retired = 0;
	relay_says(RESULT_OK, 250, NULL);
	CHECK(submit_to("ok@example.org") == 250, "delivered");
	EMPTY();
	CHECK(si_count(q.retired) == before && si_count(q.attempt) == 3,
	    "nothing is kept when nothing is to be");
	si.conf->keeps.v = &alice;
	si.conf->keeps.n = 1;
	CHECK(submit_to("ok@example.org") == 250, "delivered");
	EMPTY();
	CHECK(si_count(q.retired) == before + 1, "what is alice's is kept");
	si.conf->keep_retired = 3600;
	alice.seconds = 0;
	CHECK(submit_to("ok@example.org") == 250, "delivered");
	EMPTY();
	CHECK(si_count(q.retired) == before + 1, "hers alone is not");
	si.conf->keep_retired = 0;
	si.conf->keeps.v = NULL;
	si.conf->keeps.n = 0;
	si_forget();
}

int
main(void)
{
	si_open();
	test_mail();
	test_early();
	test_rules();
	test_hold();
	test_keys();
	test_suppress();
	test_gone();
	test_retired();
	si_close();
	return (test_done());
}
