/*
 * Turns: what a recipient that waits takes, that destinations are in nobody's
 * way, that a change of routes reaches those that wait.
 */
#include <malloc.h>
#include <string.h>

#include "queued/attempt.h"
#include "standin.h"

extern const struct role_ops	 queued_ops;

#define MANY	300
#define WAITING	100000
#define PLACES	2500

static char			*no_list[1];
static struct conf_transport	 smart;
static struct conf_route	 routes[2];
static uint8_t			 tls_wanted;	/* of queue_many() */

/* Alternately to both, NULL: each to another, with the same body; scheduled. */
static void
queue_many(unsigned messages, unsigned rcpts, const char *const *dest,
    const char *pin)
{
	struct body_source	 src = { .fd = -1, .max = 100,
				    .prefix = span_str("Subject: x\r\n\r\nx\r\n") };
	struct rec_msg		 m = { .nrcpts = rcpts,
				    .from = span_str("x@letterlock.test") };
	struct rec_rcpt		 r[2] = { { .kind = RK_REMOTE } };
	struct body_in		*in;
	uint64_t		 first = 0, msg;
	unsigned		 i, k;
	char			 to[2][64];
	int			 rc = 0;

	for (k = 0; k < 2; k++) {
		r[k].kind = RK_REMOTE;
		if (dest != NULL) {
			snprintf(to[k], sizeof(to[k]), "y@%s", dest[k]);
			r[k].address = span_str(to[k]);
			r[k].dest = span_str(dest[k]);
		}
		r[k].pin = span_str(pin);
		r[k].next = q_now();
	}
	m.arrival = q_now();
	m.requiretls = tls_wanted;
	(void)body_in_start(q.bodies, &src, &in);
	m.size = body_in_size(in);
	(void)db_begin();
	rc = body_in_put(in, messages, &m.body);
	for (i = 0; rc == 0 && i < messages; i++) {
		msg = db_number();
		first = first == 0 ? msg : first;
		rc = db_msg_put(msg, &m);
		if (dest == NULL) {
			snprintf(to[0], sizeof(to[0]), "y@d%u.example", i);
			r[0].address = r[1].address = span_str(to[0]);
			r[0].dest = r[1].dest = span_str(to[0] + 2);
		}
		for (k = 1; k <= rcpts; k++)
			rc |= db_rcpt_put(msg, k, &r[(i + k) & 1]);
	}
	CHECK(db_end(rc) == 0, "%u messages are put", messages);
	body_in_free(in);
	for (i = 0; i < messages; i++)
		for (k = 1; k <= rcpts; k++)
			sched_again(first + i, k);
}

static unsigned
got_by(const char *transport, const char *dest)
{
	struct got	*g;
	unsigned	 n = 0;

	for (g = si.got; g != NULL; g = g->next)
		n += strcmp(g->transport, transport) == 0 &&
		    strcmp(g->dest, dest) == 0;
	return (n);
}

static void
empty(const char *what)
{
	/* what costs least is looked at first */
	UNTIL(sched_items() == 0 && attempts_now() == 0 &&
	    si_count(q.rcpt) == 0, 120);
	CHECK(si_count(q.rcpt) == 0, "%s: all went out", what);
	si_forget();
}

static void
test_items(void)
{
	struct items	 h = { 0 };
	struct item	 it, last = { 0 };
	unsigned	 i, bad = 0;

	CHECK(sizeof(struct item) == 16, "16 octets each");
	for (i = 0; i < WAITING; i++) {
		it.msg = i * 7919u % 5003;
		it.n = i;
		it.due = i * 104729u % 997;
		if (items_push(&h, &it) == -1)
			bad++;
	}
	CHECK(bad == 0 && h.cap <= 2 * h.n, "and at most as many free");
	for (i = 0; i < WAITING; i++) {
		items_pop(&h, &it);
		bad += it.due < last.due || (it.due == last.due &&
		    it.msg < last.msg) || (it.due == last.due &&
		    it.msg == last.msg && it.n < last.n);
		last = it;
	}
	CHECK(bad == 0, "in order");
	CHECK(h.cap <= 64, "what is free is given back: %zu", h.cap);
	items_free(&h);
}

static void
test_limit(void)
{
	struct dest	*d = dest_of(">x limit.example");
	unsigned	 i, first = d->limit;

	dest_limits(d, 12, 100);
	CHECK(first > 0 && first < 12 && dest_open(d, q_now()),
	    "few at first: %u", first);
	d->inflight = first;
	CHECK(!dest_open(d, q_now()), "and no more");
	dest_works(d);
	CHECK(dest_open(d, q_now()), "one more for each that succeeds");
	for (i = 0; i < 100; i++)
		dest_works(d);
	CHECK(d->limit == 12, "up to the transport's limit: %u", d->limit);
	dest_failed(d, 60, 900);
	CHECK(d->limit == first, "few again: %u", d->limit);
	d->inflight = 0;
	CHECK(!dest_open(d, q_now()), "none for a while");
	dest_works(d);
	dest_failed(d, 60, 900);
	dest_works(d);
	dest_update(d);
}

/* Nothing comes back from one place. */
static void
test_silent(void)
{
	static const char	*const dead[2] = { "dead.example",
				    "dead.example" };
	static const char	*const live[2] = { "live.example",
				    "live.example" };
	unsigned		 n;

	si.relay_silent = 1;
	queue_many(MANY, 1, dead, "");
	UNTIL(si.ngot == 4, 60);
	UNTIL(sched_items() == MANY - 4, 60);
	CHECK(si.ngot == 4 && attempts_now() == 4,
	    "a few are tried, the others wait in memory alone: %u, %zu",
	    si.ngot, attempts_now());
	queue_many(1, 1, live, "");
	UNTIL(got_by("default", "live.example") == 1, 60);
	n = got_by("default", "dead.example");
	CHECK(n == 4 && si.ngot == 5, "another place has its turn at once: "
	    "%u", n);
	si.relay_silent = 0;
	si_disconnect(ROLE_RELAY, 0);	/* what it had is tried again */
	empty("silent");
}

/* A transport without a worker holds up no other, for the same domain either;
 * when pins change, those that wait there go another way. */
static void
test_down(void)
{
	static const char	*const both[2] = { "a.example", "b.example" };

	si.relay_down = "smart";
	queue_many(MANY, 1, both, "smart");
	queue_many(10, 1, both, "");
	UNTIL(si_count(q.rcpt) == MANY, 60);
	CHECK(si_count(q.rcpt) == MANY && got_by("default", "a.example") ==
	    5 && got_by("default", "b.example") == 5 && si.ngot == 10,
	    "the others pass: %u", si.ngot);
	si_forget();
	CHECK(si_ctl("queue transport", "--domain a.example -") == 0, "%s",
	    si.text);
	UNTIL(si_count(q.rcpt) == MANY / 2, 60);
	CHECK(got_by("default", "a.example") == MANY / 2 && si.ngot ==
	    MANY / 2, "no longer pinned: they go: %u", si.ngot);
	si_connect(ROLE_RELAY, 1, "smart");
	UNTIL(si_count(q.rcpt) == 0, 60);
	CHECK(got_by("smart", "b.example") == MANY / 2,
	    "the worker is there: %u", got_by("smart", "b.example"));
	empty("down");
	si_disconnect(ROLE_RELAY, 1);
}

/* Those that wait for one server go together, and ask for their way again. */
static void
test_together(void)
{
	static const char	*const both[2] = { "a.example", "b.example" };

	si.relay_down = "smart";
	si.conf->routes.n = 2;
	queue_many(2, 2, both, "");
	UNTIL(dest_of(">smart")->items.n == 4, 60);
	CHECK(dest_of(">smart")->items.n == 4 && si.ngot == 0,
	    "they wait for the server");
	si_connect(ROLE_RELAY, 1, "smart");
	UNTIL(si.ngot == 2, 60);
	CHECK(si.ngot == 2 && si.got->nto == 2 && si.got->next->nto == 2,
	    "two messages for two recipients");
	empty("together");
	si_disconnect(ROLE_RELAY, 1);
	queue_many(2, 2, both, "");
	UNTIL(dest_of(">smart")->items.n == 4, 60);
	si.conf->routes.n = 1;		/* b.example: "default" now */
	si_connect(ROLE_RELAY, 1, "smart");
	UNTIL(si.ngot == 4, 60);
	CHECK(got_by("smart", "a.example") == 2 && got_by("default",
	    "b.example") == 2 && si.ngot == 4, "one of them goes another "
	    "way: %u", si.ngot);
	empty("two ways");
	si_disconnect(ROLE_RELAY, 1);
	si.conf->routes.n = 2;
	queue_many(2, 2, both, "");
	UNTIL(dest_of(">smart")->items.n == 4, 60);
	si.conf->routes.n = 0;
	queued_ops.commit();
	empty("a new configuration, without that route");
	si.relay_down = NULL;
}

/* More places than there is room at a worker for. */
static void
test_places(void)
{
	si.relay_silent = 1;
	queue_many(PLACES, 1, NULL, "");
	UNTIL(si.ngot == 800 && dest_of(">default")->items.n ==
	    PLACES - 800 - 1000, 60);
	CHECK(si.ngot == 800 && attempts_now() == 800, "as many as there is "
	    "room for: %u, %zu", si.ngot, attempts_now());
	CHECK(dest_of(">default")->items.n == PLACES - 800 - 1000,
	    "a thousand wait by themselves, the others together: %zu",
	    dest_of(">default")->items.n);
	CHECK(dest_count() < 800 + 1000 + 100, "and take no more memory: %zu",
	    dest_count());
	si.relay_silent = 0;
	si_disconnect(ROLE_RELAY, 0);
	empty("places");
}

/* Those that would go next are held; the others wait for nobody. */
static void
test_room(void)
{
	si.relay_waits = 1;
	queue_many(PLACES, 1, NULL, "");
	UNTIL(si.ngot == 800 && dest_of(">default")->items.n ==
	    PLACES - 800 - 1000, 60);
	CHECK(si.ngot == 800 && dest_of(">default")->blocked != NULL,
	    "they wait for room");
	CHECK(si_ctl("queue hold", "--from x@letterlock.test") == 0, "%s",
	    si.text);
	si.relay_waits = 0;
	si_relayed();
	UNTIL(si_count(q.rcpt) == PLACES - 800 && attempts_now() == 0, 60);
	CHECK(si_count(q.rcpt) == PLACES - 800, "what is under way goes");
	UNTIL(dest_of(">default")->blocked == NULL, 60);
	CHECK(dest_of(">default")->blocked == NULL && si.ngot == 800,
	    "none waits for room that is there: %u", si.ngot);
	CHECK(si_ctl("queue release", "--held yes") == 0, "%s", si.text);
	empty("room");
}

/*
 * What ordinary mail cannot get past stops none that asks for less or more; of
 * one server all are the same.
 */
static void
test_demands(void)
{
	static const char	*const both[2] = { "tls.example",
				    "tls.example" };
	static const uint8_t	 wanted[] = { REQUIRETLS_NO, REQUIRETLS_ALL };
	struct dest		*d;
	unsigned		 i;

	si.relay = RESULT_TEMP;
	si.relay_code = 0;
	si.relay_enhanced = "4.7.5";
	queue_many(20, 1, both, "");
	d = dest_of(">default tls.example");
	UNTIL(d->failures == 1 && attempts_now() == 0 && d->items.n == 16,
	    120);
	CHECK(d->failures == 1 && d->items.n == 16, "ordinary mail waits");
	d->not_before += 3600;
	dest_update(d);
	si.relay = RESULT_OK;
	si.relay_code = 250;
	si.relay_enhanced = NULL;
	for (i = 0; i < nitems(wanted); i++) {
		si_forget();
		tls_wanted = wanted[i];
		queue_many(1, 1, both, "");
		UNTIL(si.ngot == 1 && attempts_now() == 0, 120);
		CHECK(si.ngot == 1 && si.got->requiretls == wanted[i] &&
		    d->failures == 1 && d->items.n == 16,
		    "not that with %u: %u", wanted[i], si.ngot);
	}
	dest_kick();
	CHECK(si_ctl("queue kick", "--domain tls.example") == 0, "%s",
	    si.text);
	si.relay_down = "smart";
	for (i = 0; i < nitems(wanted); i++) {
		tls_wanted = wanted[i];
		queue_many(1, 1, both, "smart");
	}
	UNTIL(dest_of(">smart")->items.n == 2, 120);
	CHECK(dest_of(">smart")->items.n == 2, "all wait for the one server");
	si.relay_down = NULL;
	si_connect(ROLE_RELAY, 1, "smart");
	UNTIL(attempts_now() == 0 && si_count(q.rcpt) == 0, 120);
	CHECK(si_count(q.rcpt) == 0, "all went out");
	si_forget();
	si_disconnect(ROLE_RELAY, 1);
	tls_wanted = REQUIRETLS_NONE;
}

/* What a worker that ends gives back goes by the next one, and was not tried. */
static void
test_stopping(void)
{
	static const char	*const both[2] = { "stop.example",
				    "stop.example" };
	struct q_rcpt		 r;
	uint64_t		 msg = 0;
	unsigned		 bad = 0;

	si.relay = RESULT_TEMP;
	si.relay_code = 0;
	si.relay_enhanced = "4.3.2";
	si.relay_down = "default";	/* none comes in its place, for now */
	queue_many(20, 1, both, "");
	UNTIL(si.ngot > 0 && attempts_now() == 0 &&
	    dest_of(">default stop.example")->items.n == 20, 120);
	CHECK(si.ngot > 0 && si.ngot <= 4 &&
	    dest_of(">default stop.example")->failures == 0,
	    "no more is handed to it, and the place is not to blame: %u",
	    si.ngot);
	for (; db_rcpt_next(&msg, 0, &r) == 0; msg++) {
		bad += r.r.attempts != 0 || (r.r.flags & RF_STARTED) != 0 ||
		    r.r.next > q_now();
		db_rcpt_free(&r);
	}
	CHECK(bad == 0, "all are as they were: %u", bad);
	si.relay = RESULT_OK;
	si.relay_code = 250;
	si.relay_enhanced = NULL;
	si_disconnect(ROLE_RELAY, 0);
	si_connect(ROLE_RELAY, 0, "default");
	si.relay_down = NULL;
	UNTIL(attempts_now() == 0 && si_count(q.rcpt) == 0, 120);
	CHECK(si_count(q.rcpt) == 0, "the next worker has them");
	si_forget();
}

static void
test_memory(void)
{
	struct rec_rcpt		 r = { .kind = RK_REMOTE };
	struct mallinfo2	 before = mallinfo2(), after;
	char			 dest[64];
	unsigned		 i;

	r.next = q_now() + 86400;
	for (i = 0; i < WAITING; i++) {
		snprintf(dest, sizeof(dest), "d%u.example", i);
		r.dest = span_str(dest);
		sched_add(1000000 + i, 1, &r);
	}
	after = mallinfo2();
	CHECK(sched_items() == WAITING, "they wait, each for a domain of its "
	    "own: %zu", sched_items());
	CHECK(after.uordblks + after.hblkhd <= before.uordblks +
	    before.hblkhd + 64 * WAITING, "64 octets each at most: %zu",
	    (after.uordblks + after.hblkhd - before.uordblks -
	    before.hblkhd) / WAITING);
}

/* A server that does not let us in is asked seldom, and by few. */
static void
test_login(void)
{
	static const char	*const both[2] = { "login.example",
				    "login.example" };
	struct dest		*d;

	si.relay = RESULT_TEMP;
	si.relay_code = 535;
	si.relay_enhanced = "4.7.8";
	queue_many(MANY, 1, both, "");
	d = dest_of(">default login.example");
	UNTIL(d->failures == 1 && attempts_now() == 0 &&
	    d->items.n == MANY - 4, 60);
	CHECK(si.ngot == 4 && d->items.n == MANY - 4, "a few logins are "
	    "refused: %u", si.ngot);
	CHECK(d->failures == 1 && d->not_before > 0 && d->limit == 4,
	    "the server is left alone: %u", d->failures);
	dest_kick();
	UNTIL(d->failures == 2 && d->items.n == 0 && attempts_now() == 0,
	    60);
	CHECK(si.ngot == 8 && d->failures == 2 && d->items.n == 0 &&
	    d->limit == 4, "then the others are not even tried: %u, %zu",
	    si.ngot, d->items.n);
	si.relay = RESULT_OK;
	si.relay_code = 250;
	si.relay_enhanced = NULL;
	CHECK(si_ctl("queue kick", "--domain login.example") == 0, "%s",
	    si.text);
	UNTIL(attempts_now() == 0 && si_count(q.rcpt) == 0, 120);
	CHECK(si_count(q.rcpt) == 0, "then all are");
	si_forget();
}

static void
configure(void)
{
	static char	 none[] = "", name[] = "smart", a[] = "a.example",
			 b[] = "b.example";
	static char	*to[2] = { a, b };
	unsigned	 i;

	smart.kind = TRANSPORT_SMTP;
	smart.name = name;
	smart.host = smart.source4 = smart.source6 = smart.helo = smart.text =
	    smart.where = smart.socket = smart.proxy = smart.auth = none;
	si.conf->transports.v = &smart;
	si.conf->transports.n = 1;
	for (i = 0; i < 2; i++) {
		routes[i].from.v = no_list;
		routes[i].to.v = &to[i];
		routes[i].to.n = 1;
		routes[i].transport = name;
		routes[i].text = none;
	}
	si.conf->routes.v = routes;
	si.conf->routes.n = 0;
}

int
main(void)
{
	si_open();
	configure();
	test_items();
	test_limit();
	test_silent();
	test_down();
	test_together();
	test_places();
	test_room();
	test_stopping();
	test_memory();
	test_login();
	test_demands();
	si.conf->transports.n = 0;
	si.conf->routes.n = 0;
	si_close();
	return (test_done());
}
