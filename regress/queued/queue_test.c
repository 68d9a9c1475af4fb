/*
 * The queue with stand-ins for its peers: what smtpd commits, what sessions
 * submit, stores and workers that work, refuse, or die.
 */
#include <string.h>

#include "queued/attempt.h"
#include "queued/route.h"
#include "standin.h"

static const char	 body[] = "From: alice@letterlock.test\r\n"
    "Message-ID: <one@letterlock.test>\r\nSubject: one\r\n\r\nhello\r\n";

static void
empty(const char *what)
{
	UNTIL(si_count(q.rcpt) == 0, 60);
	CHECK(si_count(q.rcpt) == 0 && si_count(q.message) == 0 &&
	    si_count(q.attempt) == 0, "%s: nothing is left in the queue",
	    what);
}

static const struct got *
got_with(const char *text)
{
	struct got	*g;

	for (g = si.got; g != NULL; g = g->next)
		if (strstr(buf_cstr(&g->body), text) != NULL)
			return (g);
	return (NULL);
}

/* Does the list of the queue say it so many times? */
static int
listed(const char *text, int n)
{
	const char	*s;

	if (si_ctl("queue list", "") != 0)
		return (0);
	for (s = si.rows; (s = strstr(s, text)) != NULL; s++)
		n--;
	return (n == 0);
}

static void
test_commit(void)
{
	static const char	*const both[] = { "alice@letterlock.test",
				    "bob@letterlock.test", NULL };
	uint8_t			 id[16];

	UNTIL(si.nslots == 32, 60);
	CHECK(si.nslots == 32, "an smtpd gets 32 slots: %u", si.nslots);
	memcpy(id, si.slots[3].id, 16);
	si_commit("x@example.org", both, body);
	CHECK(si.stored.result == RESULT_OK && si.stored.code == 250,
	    "committed: %s", si.text);
	UNTIL(si.ngot == 2, 60);
	CHECK(si.ngot == 2, "two deliveries");
	CHECK(si.got != NULL && memcmp(si.got->id, id, 16) == 0 &&
	    strcmp(buf_cstr(&si.got->body), body) == 0,
	    "under smtpd's id, with its octets");
	CHECK(si.ngot == 2 && si.got->inst != si.got->next->inst,
	    "one for each partition");
	empty("commit");
	UNTIL(memcmp(id, si.slots[3].id, 16) != 0, 60);
	CHECK(memcmp(id, si.slots[3].id, 16) != 0, "the slot is another now");
	si_forget();
}

static void
test_store_down(void)
{
	static const char	*const one[] = { "alice@letterlock.test",
				    NULL };

	si_disconnect(ROLE_STORE, 0);
	si_commit("x@example.org", one, body);
	CHECK(si.stored.code == 250, "queued while the store is down");
	UNTIL(0, 1);
	CHECK(si.ngot == 0 && si_count(q.rcpt) == 1, "it waits");
	si_connect(ROLE_STORE, 0, NULL);
	UNTIL(si.ngot == 1, 60);
	CHECK(si.ngot == 1, "delivered when the store is back");
	empty("store");
	si_forget();
}

/* What a store says decides when it is asked again. */
static void
test_store_later(void)
{
	static const struct {
		const char	*enhanced;
		int		 scheduled;
	}			 said[] = { { "4.2.2", 1 }, { "4.3.0", 0 } };
	static const char	*const one[] = { "bob@letterlock.test", NULL };
	struct q_rcpt		 r;
	uint64_t		 msg;
	size_t			 i;

	si.store = RESULT_TEMP;
	for (i = 0; i < nitems(said); i++) {
		si.store_enhanced = said[i].enhanced;
		si_commit("x@example.org", one, body);
		UNTIL(listed(said[i].enhanced, 1), 60);
		msg = 0;
		CHECK(db_rcpt_next(&msg, 0, &r) == 0 && r.r.attempts > 0 &&
		    (r.r.next >= r.r.last + 270) == said[i].scheduled,
		    "%s: again after %llu s", said[i].enhanced,
		    (unsigned long long)(r.r.next - r.r.last));
		db_rcpt_free(&r);
		CHECK(si_ctl("queue drop", "--from x@example.org") == 0, "%s",
		    si.text);
		empty(said[i].enhanced);
	}
	si.store = RESULT_OK;
	si.store_enhanced = NULL;
	si_forget();
}

static void
test_submission(void)
{
	const struct got	*g;

	si_session(1, "alice");
	CHECK(si_mail("bob@letterlock.test") == 550 &&
	    strcmp(si.enhanced, "5.7.1") == 0, "another's address: 550 5.7.1");
	CHECK(si_mail("alice@letterlock.test") == 250, "one's own");
	CHECK(si_mail("alice@letterlock.test") == 503, "MAIL twice");
	CHECK(si_rcpt("nobody@letterlock.test", 0) == 550 &&
	    strcmp(si.enhanced, "5.1.1") == 0, "no such local address");
	CHECK(si_rcpt("x@..", 0) == 553, "no such domain can be");
	CHECK(si_rcpt("bob@letterlock.test", 0) == 250, "a local one");
	CHECK(si_data("From: bob@letterlock.test\r\n\r\nx\r\n") == 550 &&
	    strcmp(si.enhanced, "5.7.1") == 0, "From of another: %s", si.text);
	CHECK(si_rcpt("bob@letterlock.test", 0) == 503,
	    "the transaction is over");
	CHECK(si_count(q.rcpt) == 0, "nothing was queued");
	si_mail("alice@letterlock.test");
	si_rcpt("bob@letterlock.test", 0);
	CHECK(si_data("no header\r\n\r\n") == 550, "no From at all");
	si_mail("alice@letterlock.test");
	si_rcpt("bob@letterlock.test", 0);
	si_rcpt("y@example.org", 0);
	si_rcpt("z@Example.ORG", 0);
	si_rcpt("y@example.org", 0);
	CHECK(si_data(body) == 250, "submitted: %s", si.text);
	UNTIL(si.ngot == 2, 60);
	CHECK(si.ngot == 2, "one delivery here, one to a worker: %u", si.ngot);
	CHECK(got_with("Received: by test\r\nFrom: alice") != NULL,
	    "with the field in front");
	for (g = si.got; g != NULL && !g->relay; g = g->next)
		;
	CHECK(g != NULL && strcmp(g->to, "y@example.org z@Example.ORG") == 0 &&
	    strcmp(g->dest, "example.org") == 0, "both foreign ones at once");
	empty("submission");
	si_forget();
}

/* TLS-Required, RFC 8689 section 5: what a worker is told. */
static const struct tls_field {
	const char	*field;
	unsigned	 want;
} tls_fields[] = {
	{ "", REQUIRETLS_NONE },
	{ "TLS-Required: No\r\n", REQUIRETLS_NO },
	{ "tls-required:\r\n nO \r\n", REQUIRETLS_NO },
	{ "TLS-Required: Yes\r\n", REQUIRETLS_NONE },
	{ "TLS-Required: No, really\r\n", REQUIRETLS_NONE },
	{ "TLS-Required:\r\n", REQUIRETLS_NONE },
	{ "TLS-Required: No\r\nTLS-Required: No\r\n", REQUIRETLS_NONE },
	{ "X-TLS-Required: No\r\n", REQUIRETLS_NONE },
};

static void
test_tls_required(void)
{
	struct buf	 b = { 0 };
	size_t		 i;

	for (i = 0; i < nitems(tls_fields); i++) {
		buf_reset(&b);
		buf_addf(&b, "%s%s", tls_fields[i].field, body);
		si_session(1, "alice");
		si_mail("alice@letterlock.test");
		si_rcpt("y@example.org", 0);
		CHECK(si_data(buf_cstr(&b)) == 250, "%zu: submitted", i);
		UNTIL(si.ngot == 1, 60);
		CHECK(si.got != NULL &&
		    si.got->requiretls == tls_fields[i].want,
		    "TLS-Required %zu: %u", i,
		    si.got == NULL ? 99 : si.got->requiretls);
		empty("TLS-Required");
		si_forget();
	}
	buf_free(&b);
}

/* The session ends between the write and its flush: delivered all the same. */
static void
test_gone(void)
{
	struct msg_sub_commit	 m = { 0 };
	unsigned		 i;

	for (i = 0; i < 20; i++) {
		si_session(1, "alice");
		si_mail("alice@letterlock.test");
		si_rcpt("bob@letterlock.test", 0);
		si_data_only(body);
		memcpy(m.id, si.slot, 16);
		m.size = strlen(body);
		peer_ask(si.session, M_SUB_COMMIT, &c_sub_commit, &m, -1, NULL,
		    NULL);
		while (i % 4 > 0 && si_count(q.message) == 0)
			event_base_loop(si.base, EVLOOP_ONCE);
		peer_free(si.session);
		si.session = NULL;
		UNTIL(si_count(q.rcpt) == 0, 60);
	}
	empty("gone");
	CHECK(si.ngot >= 15, "delivered without a session: %u", si.ngot);
	si_forget();
}

static void
submit_to(const char *to, uint32_t notify)
{
	si_session(1, "alice");
	si_mail("alice@letterlock.test");
	si_rcpt(to, notify);
	CHECK(si_data(body) == 250, "submitted to %s", to);
}

static void
test_failure(void)
{
	si.relay = RESULT_NO;
	si.relay_code = 550;
	si.relay_text = "no\r\nsuch user";
	submit_to("gone@example.org", 0);
	UNTIL(si.ngot == 2, 60);
	CHECK(si.ngot == 2 && !si.got->relay && si.got->account == 1,
	    "the report is in the sender's mailbox");
	CHECK(got_with("Action: failed\r\nStatus: 5.1.1\r\n"
	    "Remote-MTA: dns; mx.example.org\r\n"
	    "Diagnostic-Code: smtp; 550 5.1.1 no such user") != NULL,
	    "and says why");
	CHECK(got_with("In-Reply-To: <one@letterlock.test>") != NULL &&
	    got_with("Subject: one") != NULL, "and about which message");
	CHECK(si.got != NULL && si.got->from[0] == '\0', "from <>");
	empty("failure");
	si_forget();
	submit_to("nobody@example.org", NOTIFY_NEVER);
	UNTIL(si.ngot == 1, 60);
	empty("NOTIFY=NEVER");
	UNTIL(0, 1);
	CHECK(si.ngot == 1, "O7 NOTIFY=NEVER: no report");
	si_forget();
	si.relay = RESULT_OK;
	si.relay_code = 250;
	si.relay_text = NULL;
}

/* What a worker says is a code: digits and dots, or nothing. */
static void
test_code(void)
{
	struct outcome	 o = { 0 };

	outcome_set(&o, RESULT_NO, 550, span_str("5.1.1"), span_str("no"));
	CHECK(strcmp(o.enhanced, "5.1.1") == 0, "a code: %s", o.enhanced);
	outcome_set(&o, RESULT_NO, 550, span_str("5.1.1\r\nX: y"),
	    span_str("no"));
	CHECK(o.enhanced[0] == '\0', "no code");
	outcome_set(&o, RESULT_NO, 550, span_str("1234567890123456"),
	    span_str("no"));
	CHECK(o.enhanced[0] == '\0', "too long for one");
	buf_free(&o.text);
}

/* A report that cannot be delivered is told to postmaster, once. */
static void
test_double(void)
{
	static const char	*const one[] = { "alice@letterlock.test",
				    NULL };

	si.store = RESULT_NO;
	free(si.conf->postmaster);
	si.conf->postmaster = strdup("boss@example.net");
	si.relay = RESULT_NO;
	si.relay_code = 550;
	si_commit("x@example.org", one, body);
	UNTIL(si.ngot == 2, 60);
	CHECK(si.ngot == 2 && strcmp(si.got->to, "boss@example.net") == 0 &&
	    si.got->from[0] == '\0' && strcmp(si.got->next->to,
	    "x@example.org") == 0, "O2 the sender, then postmaster");
	empty("double bounce");
	UNTIL(0, 1);
	CHECK(si.ngot == 2, "O1 and there it ends: no report about a report");
	CHECK(si.got->requiretls == 0, "and as if nobody cared for TLS");
	si_forget();
	si.relay = RESULT_OK;
	si.relay_code = 250;
	si.requiretls = 1;
	si_commit("x@example.org", one, body);
	UNTIL(si.ngot == 1, 60);
	CHECK(si.ngot == 1 && si.got->requiretls == REQUIRETLS_ALL,
	    "the report of REQUIRETLS wants it, too");
	empty("REQUIRETLS");
	si.requiretls = 0;
	si.store = RESULT_OK;
	si_forget();
}

static void
test_success(void)
{
	submit_to("y@example.org", NOTIFY_SUCCESS);
	UNTIL(si.ngot == 2, 60);
	CHECK(got_with("Action: relayed\r\nStatus: 2.0.0") != NULL,
	    "O7 NOTIFY=SUCCESS: relayed to one that reports nothing");
	empty("relayed");
	si_forget();
	si.relay_dsn = 1;
	submit_to("y@example.org", NOTIFY_SUCCESS);
	empty("relayed on");
	UNTIL(0, 1);
	CHECK(si.ngot == 1, "O7 no report where the next hop reports");
	si_forget();
	submit_to("bob@letterlock.test", NOTIFY_SUCCESS);
	UNTIL(si.ngot == 2, 60);
	CHECK(got_with("Action: delivered\r\n") != NULL, "delivered here");
	empty("delivered");
	si_forget();
	si.relay_dsn = 0;
}

static void
test_worker_dies(void)
{
	si.relay_dies = 2;
	submit_to("y@example.org", 0);
	UNTIL(si.ngot == 3, 60);
	CHECK(si.ngot == 3, "M10 tried again when a worker died: %u", si.ngot);
	empty("dead worker");
	si_forget();
}

static void
test_retry(void)
{
	si.relay = RESULT_TEMP;
	si.relay_code = 451;
	si.conf->schedule.first[1] = 1;
	si.conf->schedule.first[2] = 2;
	si.conf->schedule.nfirst = 3;
	si.conf->schedule.every = 1;
	si.conf->schedule.delay_report = 1;
	si.conf->schedule.delay_again = 100;
	si.conf->schedule.expire = 4;
	submit_to("y@example.org", 0);
	UNTIL(got_with("Action: failed") != NULL, 60);
	CHECK(got_with("Action: delayed\r\nStatus: 4.2.0") != NULL,
	    "a delay is reported");
	CHECK(got_with("Action: failed\r\nStatus: 5.4.7") != NULL,
	    "and the end of patience");
	CHECK(si.ngot >= 5 && si.ngot <= 9, "after some attempts: %u",
	    si.ngot);
	empty("retry");
	si_forget();
	si.relay = RESULT_OK;
	si.relay_code = 250;
}

/* Nobody answers there: all expire, though few are tried. */
static void
test_dead(void)
{
	struct got	*g;
	unsigned	 i, n = 0, tried = 0;

	si.relay = RESULT_TEMP;
	si.relay_code = 0;
	si.conf->schedule.delay_report = 0;
	for (i = 0; i < 60; i++) {
		si_session(1, "alice");
		si_mail("alice@letterlock.test");
		si_rcpt("y@dead.example", 0);
		n += si_data(body) == 250;
	}
	CHECK(n == 60, "60 messages for a place that does not answer");
	UNTIL(si_count(q.rcpt) == 0, 60);
	for (n = 0, g = si.got; g != NULL; g = g->next) {
		n += strstr(buf_cstr(&g->body), "Action: failed") != NULL;
		tried += g->relay != 0;
	}
	CHECK(n == 60, "each sender hears of it: %u", n);
	CHECK(tried < 200, "few were tried: %u", tried);
	empty("dead");
	si_forget();
	si.relay = RESULT_OK;
	si.relay_code = 250;
}

static void
add_transport(struct conf_transport *t, const char *name, uint8_t kind)
{
	static char	 none[] = "", where[] = "outbox",
			 why[] = "we do not send there";

	memset(t, 0, sizeof(*t));
	t->kind = kind;
	t->name = strdup(name);
	t->host = t->source4 = t->source6 = t->helo = t->text = t->where =
	    none;
	t->account = where;
	t->code = 554;
	t->message = why;
}

static void
test_transports(void)
{
	static struct conf_transport	 t[2];

	add_transport(&t[0], "outbox", TRANSPORT_DELIVER);
	add_transport(&t[1], "no", TRANSPORT_FAIL);
	si.conf->transports.v = t;
	si.conf->transports.n = 2;
	si.routes = "to \"out.example\" transport \"outbox\"\n"
	    "to \".no.example\" transport \"no\"\n"
	    "to \"bad.example\" transport \"bad\"\n";
	UNTIL(0, 2.5);		/* what was remembered of routes is old */
	submit_to("y@out.example", 0);
	UNTIL(si.ngot == 1, 60);
	CHECK(si.ngot == 1 && si.got->account == 3 &&
	    strcmp(si.got->to, "y@out.example") == 0, "to an account instead");
	empty("deliver");
	si_forget();
	submit_to("y@a.no.example", 0);
	UNTIL(si.ngot == 1, 60);
	CHECK(got_with("Diagnostic-Code: x-letterlock; 554 5.7.0 we do not "
	    "send there") != NULL, "failed at once");
	empty("fail");
	si_forget();
	si.conf->schedule.first[1] = 1;
	si.conf->schedule.first[2] = 4;
	submit_to("y@bad.example", 0);
	UNTIL(0, 0.5);
	CHECK(si_count(q.rcpt) == 1, "no such transport: it waits");
	si.routes = NULL;
	UNTIL(si.ngot == 1, 60);
	CHECK(si.ngot == 1 && si.got->relay &&
	    strcmp(si.got->transport, "default") == 0, "until the route is "
	    "another");
	empty("bad");
	si_forget();
	si.conf->transports.n = 0;
	free(t[0].name);
	free(t[1].name);
}

/* An account's routes that are not all there lead nowhere: mail waits. */
static void
test_unreadable(void)
{
	static const char	*const lines[] = { "unreadable\n",
				    "transport \"default\"\nto {\n" };
	size_t			 i;

	for (i = 0; i < nitems(lines); i++) {
		si.routes = lines[i];
		routes_forget(1);
		submit_to("y@example.org", 0);
		UNTIL(listed("451 4.3.5 the routes of the account", 1) &&
		    listed("\"state\":\"queued\"", 1), 60);
		CHECK(listed("451 4.3.5 the routes of the account", 1) &&
		    si.ngot == 0, "it waits: %s", si.rows);
		CHECK(si_ctl("route explain", "alice@letterlock.test "
		    "y@example.org") == 1, "explain: %s", si.text);
		si.routes = NULL;
		routes_forget(1);
		CHECK(si_ctl("queue kick", "--to y@example.org") == 0, "%s",
		    si.text);
		UNTIL(si.ngot == 1, 60);
		CHECK(si.ngot == 1, "until they can be read");
		empty("unreadable");
		si_forget();
	}
}

/* letterctl, while the next hop says "later". */
static void
test_control(void)
{
	si.relay = RESULT_TEMP;
	si.relay_code = 451;
	si.conf->schedule.first[1] = 300;
	si.conf->schedule.first[2] = 600;
	submit_to("y@example.org", 0);
	submit_to("z@example.net", 0);
	UNTIL(si.ngot == 2, 60);
	UNTIL(listed("451 4.2.0 the other", 2) &&
	    listed("\"state\":\"queued\"", 2), 60);
	si_forget();
	CHECK(si_ctl("queue list", "") == 0 && si.nrows == 2 &&
	    strstr(si.rows, "\"to\":\"y@example.org\"") != NULL &&
	    strstr(si.rows, "\"state\":\"queued\"") != NULL &&
	    strstr(si.rows, "451 4.2.0 the other says (mx.example.org)") !=
	    NULL, "queue list: %s", si.rows);
	CHECK(si_ctl("queue list", "--domain example.net --from "
	    "@letterlock.test --account alice") == 0 && si.nrows == 1 &&
	    strstr(si.rows, "z@example.net") != NULL, "filters are AND-ed");
	CHECK(si_ctl("queue list", "--domain example.net --to y@example.org")
	    == 0 && si.nrows == 0, "all of them");
	CHECK(si_ctl("queue list", "--what x") == 1, "no such filter: %s",
	    si.text);
	CHECK(si_ctl("queue drop", "") == 1, "drop needs a filter: %s",
	    si.text);
	CHECK(si_ctl("queue hold", "--to y@example.org") == 0 &&
	    strcmp(si.text, "1 recipient held") == 0, "hold: %s", si.text);
	CHECK(si_ctl("queue list", "--held yes") == 0 && si.nrows == 1,
	    "held: %s", si.rows);
	CHECK(si_ctl("queue kick", "--from alice@letterlock.test") == 0 &&
	    strcmp(si.text, "2 recipients to be tried now") == 0, "kick: %s",
	    si.text);
	UNTIL(si.ngot == 1, 60);
	UNTIL(listed("\"attempts\":2", 1) &&
	    listed("\"state\":\"queued\"", 1), 60);
	CHECK(si.ngot == 1 && strcmp(si.got->to, "z@example.net") == 0,
	    "the one that is not held");
	si.relay = RESULT_OK;
	CHECK(si_ctl("queue release", "--held yes") == 0 &&
	    strcmp(si.text, "1 recipient released") == 0, "release: %s",
	    si.text);
	UNTIL(si.ngot == 2, 60);
	CHECK(si.ngot == 2 && strcmp(si.got->to, "y@example.org") == 0,
	    "goes at once");
	UNTIL(si_count(q.rcpt) == 1, 60);
	CHECK(si_ctl("queue show", "ffff") == 1, "show: %s", si.text);
	CHECK(si_ctl("queue fail", "--domain example.net") == 0, "fail: %s",
	    si.text);
	UNTIL(got_with("given up by the administrator") != NULL, 60);
	CHECK(got_with("given up by the administrator") != NULL,
	    "the sender hears of it");
	empty("control");
	si_forget();
}

static void
test_routes(void)
{
	UNTIL(0, 2.1);
	si.routes = "to \"example.org\" minimum-attempts 2 transport \"x\"";
	CHECK(si_ctl("route explain", "alice@letterlock.test y@example.org")
	    == 0 && strstr(si.rows, "\"source\":\"none\"") != NULL &&
	    strstr(si.rows, "\"transport\":\"default\"") != NULL,
	    "explain: %s", si.rows);
	CHECK(si_ctl("route explain", "alice@letterlock.test y@example.org "
	    "--attempt 2") == 0 && strstr(si.rows, "\"source\":\"account\"")
	    != NULL && strstr(si.rows, "\"transport\":\"x\"") != NULL,
	    "explain: %s", si.rows);
	CHECK(si_ctl("route explain", "x@y.example bob@letterlock.test") == 0
	    && strstr(si.rows, "\"transport\":\"local\"") != NULL,
	    "explain: %s", si.rows);
	si.routes = NULL;
	CHECK(si_ctl("submissions list", "") == 0 && si.nrows == 1 &&
	    strstr(si.rows, "\"account\":\"alice\"") != NULL, "sessions: %s",
	    si.rows);
	CHECK(si_ctl("verify queue", "") == 0 && si.nrows == 0 &&
	    strcmp(si.text, "queue: checked") == 0, "verify: %s%s", si.rows,
	    si.text);
}

static void
test_end_sessions(void)
{
	struct msg_end_sessions	 m = { .account = 1, .serial_below = 7 };

	si_session(1, "alice");
	si.answered = 0;
	m.why = span_str("password changed");
	peer_ask(si.there[ROLE_AUTH][0], M_END_SESSIONS, &c_end_sessions, &m,
	    -1, NULL, NULL);
	UNTIL(si.answered != 0, 0.5);
	CHECK(si.answered == 0 && si.session != NULL,
	    "a session by the newest password stays");
	m.serial_below = 8;
	peer_ask(si.there[ROLE_AUTH][0], M_END_SESSIONS, &c_end_sessions, &m,
	    -1, NULL, NULL);
	UNTIL(si.answered != 0 && si.session == NULL, 60);
	CHECK(si.answered == 421 && strcmp(si.text, "password changed") == 0 &&
	    si.session == NULL, "an older one ends");
}

int
main(void)
{
	si_open();
	test_commit();
	test_store_down();
	test_store_later();
	test_submission();
	test_tls_required();
	test_gone();
	test_failure();
	test_code();
	test_double();
	test_success();
	test_worker_dies();
	test_transports();
	test_unreadable();
	test_control();
	test_routes();
	test_end_sessions();
	test_retry();
	test_dead();
	si_close();
	return (test_done());
}
