/*
 * A domain becomes ours while mail for it waits that was to leave us: it goes to
 * the accounts, but for what is held or pinned.
 */
#include <string.h>

#include "queued/attempt.h"
#include "standin.h"

extern const struct role_ops	 queued_ops;

#define OURS	"letterlock.test"

static char			 none[] = "", ours[] = OURS, smart[] = "smart";
static struct conf_domain	 domain = { .name = ours, .text = ours,
				    .separators = none, .where = none };
static struct conf_transport	 transport = { .kind = TRANSPORT_SMTP,
				    .name = smart, .host = none, .source4 =
				    none, .source6 = none, .helo = none,
				    .text = none, .where = none, .socket =
				    none, .proxy = none, .auth = none };
static struct conf_route	 all = { .transport = smart, .text = none };

/* A message as it stands when none of these domains was ours. */
static void
queue_one(const char *const *to, uint32_t attempts, uint8_t flags,
    const char *pin)
{
	struct body_source	 src = { .fd = -1, .max = 100,
				    .prefix = span_str("Subject: x\r\n\r\nx\r\n") };
	struct rec_msg		 m = { .from = span_str("x@example.com") };
	struct rec_rcpt		 r = { .kind = RK_REMOTE, .flags = flags,
				    .attempts = attempts };
	struct body_in		*in;
	uint64_t		 msg;
	uint32_t		 i;
	int			 rc;

	while (to[m.nrcpts] != NULL)
		m.nrcpts++;
	m.arrival = r.next = q_now();
	r.pin = span_str(pin);
	(void)body_in_start(q.bodies, &src, &in);
	m.size = body_in_size(in);
	(void)db_begin();
	rc = body_in_put(in, 1, &m.body);
	msg = db_number();
	if (rc == 0)
		rc = db_msg_put(msg, &m);
	for (i = 0; to[i] != NULL; i++) {
		r.address = span_str(to[i]);
		r.dest = address_domain(r.address);
		rc |= db_rcpt_put(msg, i + 1, &r);
	}
	CHECK(db_end(rc) == 0, "a message is put");
	body_in_free(in);
	for (i = 0; to[i] != NULL; i++)
		sched_again(msg, i + 1);
}

static void
set_ours(int is)
{
	si.conf->domains.v = is ? &domain : NULL;
	si.conf->domains.n = is ? 1 : 0;
	queued_ops.commit();
}

static const struct {
	const char	*name;
	int		 ours;
	uint32_t	 attempts;
	const char	*pin;
	int		 relay;		/* or to alice's store */
} cases[] = {
	{ "not ours, first attempt",	0, 0, "",	1 },
	{ "not ours, later",		0, 3, "",	1 },
	{ "ours, first attempt",	1, 0, "",	0 },
	{ "ours, later",		1, 3, "",	0 },
	{ "ours, pinned",		1, 0, "default", 1 },
	{ "ours, pinned, later",	1, 3, "default", 1 },
};

static void
test_one(size_t i)
{
	static const char	*const to[] = { "alice@" OURS, NULL };

	set_ours(cases[i].ours);
	queue_one(to, cases[i].attempts, 0, cases[i].pin);
	UNTIL(si_count(q.rcpt) == 0, 60);
	CHECK(si.ngot == 1 && si.got->relay == cases[i].relay &&
	    (cases[i].relay || si.got->account == 1), "%s: %u, %s",
	    cases[i].name, si.ngot, si.got == NULL ? "-" : si.got->relay ?
	    "it left" : "to an account");
	si_forget();
}

/* Each of ours by itself, the others together. */
static void
test_group(void)
{
	static const char	*const to[] = { "alice@" OURS, "y@example.org",
				    "bob@" OURS, "z@example.org", NULL };
	const struct got	*a, *b;

	set_ours(1);
	queue_one(to, 0, 0, "");
	UNTIL(si_count(q.rcpt) == 0, 60);
	a = si_got_to("alice@" OURS);
	b = si_got_to("bob@" OURS);
	CHECK(a != NULL && !a->relay && a->account == 1 && a->inst == 0,
	    "one to alice");
	CHECK(b != NULL && !b->relay && b->account == 2 && b->inst == 1,
	    "one to bob");
	CHECK(si.ngot == 3 && si_got_to("y@example.org z@example.org") != NULL,
	    "one for two elsewhere: %u", si.ngot);
	si_forget();
}

/* They waited for a server together, whichever came first. */
static void
test_hop(const char *const *to)
{
	const struct got	*g;

	set_ours(0);
	si.conf->transports.v = &transport;
	si.conf->transports.n = 1;
	si.conf->routes.v = &all;
	si.conf->routes.n = 1;
	si.relay_down = smart;
	queue_one(to, 0, 0, "");
	UNTIL(dest_of(">smart")->items.n == 2, 60);
	CHECK(dest_of(">smart")->items.n == 2 && si.ngot == 0,
	    "two wait for a server");
	set_ours(1);
	si.relay_down = NULL;
	si_connect(ROLE_RELAY, 1, smart);
	UNTIL(si_count(q.rcpt) == 0, 60);
	g = si_got_to("alice@" OURS);
	CHECK(g != NULL && !g->relay && g->account == 1, "%s first: one that "
	    "is ours now is delivered", to[0]);
	g = si_got_to("y@example.org");
	CHECK(si.ngot == 2 && g != NULL && g->relay, "%s first: the other "
	    "leaves: %u", to[0], si.ngot);
	si_disconnect(ROLE_RELAY, 1);
	si.conf->transports.n = 0;
	si.conf->routes.n = 0;
	queued_ops.commit();
	si_forget();
}

static void
test_held(void)
{
	static const char	*const to[] = { "alice@" OURS, NULL };

	set_ours(1);
	queue_one(to, 2, RF_HELD, "");
	CHECK(si_ctl("queue list", "--held yes") == 0 && si.nrows == 1 &&
	    si.ngot == 0, "held: it stays: %s", si.rows);
	CHECK(si_ctl("queue release", "--held yes") == 0, "%s", si.text);
	UNTIL(si_count(q.rcpt) == 0, 60);
	CHECK(si.ngot == 1 && !si.got->relay && si.got->account == 1,
	    "released: to the account");
	si_forget();
}

/* No account has that address yet: nobody is told that it failed. */
static void
test_nobody(void)
{
	static const char	*const to[] = { "carol@" OURS, NULL };

	set_ours(1);
	queue_one(to, 0, 0, "");
	UNTIL(si_ctl("queue list", "--code 450") == 0 && si.nrows == 1, 60);
	CHECK(si.nrows == 1 && strstr(si.rows, "4.1.1") != NULL,
	    "it waits: %s", si.rows);
	CHECK(si_count(q.rcpt) == 1 && si.ngot == 0, "and nothing else");
	UNTIL(attempts_now() == 0, 60);
	CHECK(si_ctl("queue drop", "--code 450") == 0, "%s", si.text);
	UNTIL(si_count(q.rcpt) == 0, 60);
	si_forget();
}

int
main(void)
{
	static const char	*const first[] = { "alice@" OURS,
				    "y@example.org", NULL };
	static const char	*const last[] = { "y@example.org",
				    "alice@" OURS, NULL };
	size_t			 i;

	si_open();
	for (i = 0; i < nitems(cases); i++)
		test_one(i);
	test_group();
	test_hop(first);
	test_hop(last);
	test_held();
	test_nobody();
	set_ours(0);
	si_close();
	return (test_done());
}
