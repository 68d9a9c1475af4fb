/*
 * From a recipient's turn to the place it goes to.  See attempt.h.
 */
#include <errno.h>
#include <event2/event.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "queued/admin.h"
#include "queued/attempt.h"
#include "queued/change.h"

#define AWAY_S	1	/* seconds until auth is asked again */
#define PACKET	10000	/* octets of recipients in one message to a peer */

/* A recipient under way, in a tree by message and number. */
struct running {
	uint64_t	 msg;
	uint32_t	 n;
	int		 marked;
};

static void	*running;
static TAILQ_HEAD(, attempt)	 attempts = TAILQ_HEAD_INITIALIZER(attempts);
static size_t	 nattempts;

static int	 compare(const void *, const void *);
static int	 became_ours(const struct rec_rcpt *);
static int	 add(struct attempt *, const struct item *, uint64_t);
static void	 find_place(struct attempt *);
static int	 on_who(void *, struct peer *, struct imsg *);
static void	 route(struct attempt *);
static void	 on_routes(void *, const struct account_routes *);
static void	 take_route(struct attempt *, const struct account_routes *);
static void	 take_transport(struct attempt *, const char *);
static void	 deliver_to(struct attempt *);
static int	 on_named(void *, struct peer *, struct imsg *);

/* ---- who is under way ------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	const struct running	*x = a, *y = b;

	if (x->msg != y->msg)
		return (x->msg < y->msg ? -1 : 1);
	return (x->n < y->n ? -1 : x->n > y->n);
}

int
attempt_running(uint64_t msg, uint32_t n)
{
	struct running	 key = { .msg = msg, .n = n };

	return (tfind(&key, &running, compare) != NULL);
}

void
attempt_mark(uint64_t msg, uint32_t n)
{
	struct running	 key = { .msg = msg, .n = n }, **found;

	if ((found = tfind(&key, &running, compare)) != NULL)
		(*found)->marked = 1;
}

static int
run_mark(uint64_t msg, uint32_t n)
{
	struct running	*k;

	if ((k = malloc(sizeof(*k))) == NULL)
		return (-1);
	k->msg = msg;
	k->n = n;
	k->marked = 0;
	if (tsearch(k, &running, compare) == NULL) {
		free(k);
		return (-1);
	}
	return (0);
}

/* Is there something to do that was asked meanwhile? */
static int
run_unmark(uint64_t msg, uint32_t n)
{
	struct running	 key = { .msg = msg, .n = n }, *k, **found;
	int		 marked;

	if ((found = tfind(&key, &running, compare)) == NULL)
		return (0);
	k = *found;
	marked = k->marked;
	tdelete(&key, &running, compare);
	free(k);
	return (marked);
}

/* It is not tried now after all: what was asked of it is done, or it waits. */
static void
give_back(struct attempt *a, size_t i, struct dest *d, uint64_t due)
{
	if (run_unmark(a->m.num, a->r[i].n) == 0 ||
	    change_owed(a->m.num, a->r[i].n) == 0)
		sched_push(d, a->m.num, a->r[i].n, due);
}

void
attempt_next(struct attempt *a, size_t i)
{
	if (run_unmark(a->m.num, a->r[i].n) == 0 ||
	    change_owed(a->m.num, a->r[i].n) == 0)
		sched_again(a->m.num, a->r[i].n);
}

int
attempt_of_message(uint64_t msg)
{
	const struct attempt	*a;

	TAILQ_FOREACH(a, &attempts, entry)
		if (a->m.num == msg)
			return (1);
	return (0);
}

size_t
attempts_now(void)
{
	return (nattempts);
}

/* ---- begin and end ---------------------------------------------------------- */

/* What it takes in a message to a store or a worker. */
static size_t
octets(const struct rec_rcpt *r)
{
	return (r->address.n + r->orcpt.n + r->name.n + 48);
}

/* When it came, mail to its domain was not ours.  A pin holds all the same. */
static int
became_ours(const struct rec_rcpt *r)
{
	return (r->kind == RK_REMOTE && r->pin.n == 0 &&
	    conf_domain(proc_conf(), r->dest) != NULL);
}

/*
 * One more recipient, if its record says so too.  1 taken, 0 not in this
 * group, -1 there is nothing to do for it.
 */
static int
add(struct attempt *a, const struct item *it, uint64_t now)
{
	struct q_rcpt		*r = &a->r[a->n];
	const struct q_rcpt	*f = &a->r[0];

	if (attempt_running(it->msg, it->n) ||
	    db_rcpt(it->msg, it->n, r) == -1)
		return (-1);
	if (CHANGE_OWED(&r->r) && change_owed(it->msg, it->n) != 0) {
		db_rcpt_free(r);
		return (-1);
	}
	if (r->r.state != RS_QUEUED || (r->r.flags & RF_HELD) != 0 ||
	    r->r.next > now) {
		db_rcpt_free(r);
		return (-1);
	}
	/* Together only where place and route must be the same, or is looked
	 * at for each: at a hop. */
	if (a->n > 0 && ((a->dest->name[0] == '#' &&
	    !span_eq(f->r.dest, r->r.dest)) || f->r.kind != r->r.kind || r->r.kind == RK_UNKNOWN ||
	    f->r.attempts != r->r.attempts || f->r.tls != r->r.tls ||
	    !span_eq(f->r.pin, r->r.pin) ||
	    (r->r.kind == RK_LOCAL && r->r.attempts > 0) ||
	    became_ours(&f->r) || became_ours(&r->r) ||
	    a->octets + octets(&r->r) > PACKET)) {
		db_rcpt_free(r);
		return (0);
	}
	if (run_mark(it->msg, it->n) == -1) {
		db_rcpt_free(r);
		return (0);
	}
	a->octets += octets(&r->r);
	a->n++;
	return (1);
}

void
attempt_begin(struct dest *d, const struct item *items, size_t n)
{
	struct attempt	*a;
	uint64_t	 now = q_now();
	size_t		 i;
	int		 full = 0;

	d->inflight++;
	d->attempts++;
	if ((a = calloc(1, sizeof(*a))) == NULL ||
	    (a->r = calloc(n, sizeof(*a->r))) == NULL ||
	    (a->out = calloc(n, sizeof(*a->out))) == NULL) {
		log_error("no memory for a delivery");
		exit(1);
	}
	a->dest = d;
	a->began = now;
	a->due = items[0].due;
	TAILQ_INSERT_TAIL(&attempts, a, entry);
	nattempts++;
	if (db_msg(items[0].msg, &a->m) == -1) {
		if (errno != ENOENT)
			log_error("queue: message %llu cannot be read: "
			    "letterctl verify", (unsigned long long)
			    items[0].msg);
		attempt_end(a);
		return;
	}
	for (i = 0; i < n; i++)
		if (full || (full = add(a, &items[i], now) == 0))
			sched_push(d, items[i].msg, items[i].n, items[i].due);
	if (a->n == 0)
		attempt_end(a);
	else
		find_place(a);
}

void
attempt_park(struct attempt *a, struct dest *d)
{
	size_t	 i;

	d->attempts++;			/* it stays meanwhile */
	for (i = 0; i < a->n; i++)
		give_back(a, i, d, a->due);
	attempt_end(a);
	d->attempts--;
	dest_update(d);
}

int
attempt_enter(struct attempt *a, const char *hop)
{
	struct dest	*from = a->dest, *d = dest_of(hop);

	if (d == NULL) {
		attempt_putoff(a, AWAY_S);
		return (0);
	}
	if (d == from)
		return (1);
	if (!dest_open(d, a->due)) {
		attempt_park(a, d);
		return (0);
	}
	a->dest = d;
	d->inflight++;
	d->attempts++;
	from->inflight--;
	from->attempts--;
	dest_update(from);
	return (1);
}

/* Give everything back. */
void
attempt_end(struct attempt *a)
{
	struct dest	*d = a->dest;
	size_t		 i;
	int		 landed = a->landed;

	for (i = 0; i < a->n; i++) {
		(void)run_unmark(a->m.num, a->r[i].n);
		db_rcpt_free(&a->r[i]);
		buf_free(&a->out[i].text);
	}
	TAILQ_REMOVE(&attempts, a, entry);
	nattempts--;
	dbenv_unwait(q.env, &a->wait);
	if (a->retry != NULL)
		event_free(a->retry);
	db_msg_free(&a->m);
	buf_free(&a->host);
	buf_free(&a->address);
	buf_free(&a->tls);
	free(a->transport);
	free(a->name);
	free(a->r);
	free(a->out);
	free(a);
	d->inflight -= !landed;
	d->attempts--;
	dest_update(d);
}

void
attempt_land(struct attempt *a)
{
	if (a->landed)
		return;
	a->landed = 1;
	a->dest->inflight--;
	dest_update(a->dest);
}

void
attempt_putoff(struct attempt *a, unsigned seconds)
{
	uint64_t	 due = seconds == 0 ? a->due : q_now() + seconds;
	size_t		 i;

	for (i = 0; i < a->n; i++)
		give_back(a, i, a->dest, due);
	attempt_end(a);
}

void
attempt_cut(struct attempt *a, size_t n)
{
	while (a->n > n) {
		a->n--;
		give_back(a, a->n, a->dest, a->due);
		db_rcpt_free(&a->r[a->n]);
	}
}

void
outcome_set(struct outcome *o, enum result result, uint32_t code,
    struct span enhanced, struct span text)
{
	size_t	 i;

	o->result = (uint8_t)result;
	o->code = code;
	/* It goes into logs and reports as it is. */
	for (i = 0; i < enhanced.n; i++)
		if (enhanced.p[i] != '.' &&
		    (enhanced.p[i] < '0' || enhanced.p[i] > '9'))
			break;
	if (i < enhanced.n || enhanced.n >= sizeof(o->enhanced))
		enhanced.n = 0;
	memset(o->enhanced, 0, sizeof(o->enhanced));
	if (enhanced.n > 0)
		memcpy(o->enhanced, enhanced.p, enhanced.n);
	buf_reset(&o->text);
	o->text.max = Q_TEXT_MAX;
	if (text.n > Q_TEXT_MAX)
		text.n = Q_TEXT_MAX;
	buf_add_span(&o->text, text);
}

void
attempt_all(struct attempt *a, enum result result, uint32_t code,
    const char *enhanced, struct span text)
{
	size_t	 i;

	for (i = 0; i < a->n; i++)
		outcome_set(&a->out[i], result, code, span_str(enhanced),
		    text);
}

/* ---- place ------------------------------------------------------------------ */

/*
 * At first what was known when it came counts; later auth is asked again.  About
 * mail that was to leave us only where the configuration has its domain by now.
 */
static void
find_place(struct attempt *a)
{
	const struct rec_rcpt	*r = &a->r[0].r;
	struct msg_text		 t = { r->address };

	if (r->kind == RK_REMOTE && !became_ours(r)) {
		route(a);
	} else if (r->kind == RK_LOCAL && r->attempts == 0) {
		a->partition = r->partition;
		local_deliver(a);
	} else if (peer_ask(proc_peer(ROLE_AUTH, 0), M_RCPT, &c_text, &t, -1,
	    on_who, a) == 0)
		attempt_putoff(a, AWAY_S);
}

/* Auth's answer about an account: it has the message then, or is asked again
 * later.  1: there is none, w says why; 0; -1 for the link. */
static int
to_account(struct attempt *a, struct imsg *m, struct msg_rcpt *w)
{
	if (m == NULL || imsg_get(m, &c_rcpt, w) == -1) {
		attempt_putoff(a, AWAY_S);
		return (m == NULL ? 0 : -1);
	}
	if (w->result != RESULT_OK)
		return (1);
	a->account = w->account;
	a->partition = w->partition;
	if ((a->name = span_dup(w->name)) == NULL)
		attempt_putoff(a, AWAY_S);
	else
		local_deliver(a);
	return (0);
}

static int
on_who(void *arg, struct peer *p, struct imsg *m)
{
	struct attempt	*a = arg;
	struct msg_rcpt	 w;
	int		 rc;

	(void)p;
	if ((rc = to_account(a, m, &w)) != 1)
		return (rc);
	if (w.result == RESULT_TEMP) {
		attempt_all(a, RESULT_TEMP, 451, "4.3.0", w.text);
		attempt_result(a);
	} else if (w.local && a->r[0].r.kind == RK_REMOTE) {
		/* We took it for elsewhere: its account may be made yet. */
		attempt_all(a, RESULT_TEMP, 450, "4.1.1",
		    span_str("the domain is ours now, and has no such "
		    "address yet"));
		attempt_result(a);
	} else if (w.local) {
		attempt_all(a, RESULT_NO, 550, "5.1.1",
		    span_str("no such address here"));
		attempt_result(a);
	} else
		route(a);
	return (0);
}

/* ---- route and transport ---------------------------------------------------- */

/*
 * Those whom the account does not write to any more fail, by themselves.  1: it
 * was so; -1: it cannot be said now.
 */
static int
suppressed(struct attempt *a)
{
	struct rec_suppress	 s;
	struct buf		 octets = { 0 }, text = { 0 };
	size_t			 i;
	int			 rc = 0, is = 0;

	if (a->m.r.account == 0)
		return (0);
	for (i = 0; i < a->n; i++) {
		if ((rc = suppress_get(a->m.r.account, a->r[i].r.address, &s,
		    &octets)) == -1)
			break;
		if (i == 0)
			is = rc;
		else if (rc != is)
			break;
		else
			continue;
		if (is) {
			buf_addf(&text, "account %s does not send to this "
			    "address any more (suppression list)",
			    log_esc(a->m.r.name));
			if (s.reason.n > 0)
				buf_addf(&text, "; the reason: %s",
				    log_esc(s.reason));
		}
	}
	buf_free(&octets);
	if (i < a->n && i > 0)
		attempt_cut(a, i);
	if (rc != -1 && is) {
		attempt_all(a, RESULT_NO, 0, "5.7.1", span_buf(&text));
		attempt_result(a);
	}
	buf_free(&text);
	return (rc == -1 ? -1 : is);
}

static void
route(struct attempt *a)
{
	const struct account_routes	*routes = NULL;
	const struct rec_rcpt		*r = &a->r[0].r;
	char				*pin;

	switch (suppressed(a)) {
	case 1:
		return;
	case -1:
		attempt_putoff(a, AWAY_S);
		return;
	}
	if (r->pin.n > 0) {
		if ((pin = span_dup(r->pin)) == NULL)
			attempt_putoff(a, AWAY_S);
		else
			take_transport(a, pin);
		free(pin);
		return;
	}
	if (a->m.r.account == 0) {
		take_route(a, NULL);
		return;
	}
	switch (routes_of(a->m.r.account, &routes, on_routes, a)) {
	case 1:
		take_route(a, routes);
		break;
	case -1:
		attempt_putoff(a, AWAY_S);
		break;
	}
}

static void
on_routes(void *arg, const struct account_routes *routes)
{
	if (routes == NULL)
		attempt_putoff(arg, AWAY_S);
	else
		take_route(arg, routes);
}

static const char *
choose(const struct attempt *a, size_t i, const struct list *routes)
{
	struct route_choice	 c;
	struct buf		 from = { 0 }, to = { 0 };

	address_route_domain(a->m.r.from, &from);
	address_route_domain(a->r[i].r.address, &to);
	route_choose(proc_conf(), routes, buf_cstr(&from), buf_cstr(&to),
	    a->r[i].r.attempts, &c);
	buf_free(&from);
	buf_free(&to);
	return (c.transport);
}

/*
 * Those that waited for one server may be in several domains: who does not go
 * the way of the first any more waits in its own place again.  A NULL name:
 * other domains than the first one's have other ways.
 */
static void
split(struct attempt *a, const struct list *routes, const char *name)
{
	struct q_rcpt	*r;
	size_t		 i, n = 1;

	for (i = 1; i < a->n; i++) {
		r = &a->r[i];
		if (span_eq(r->r.dest, a->r[0].r.dest) || (name != NULL &&
		    strcmp(choose(a, i, routes), name) == 0)) {
			if (n < i) {
				a->r[n] = *r;
				memset(r, 0, sizeof(*r));
			}
			n++;
			continue;
		}
		if (run_unmark(a->m.num, r->n) == 0 ||
		    change_owed(a->m.num, r->n) == 0)
			sched_add(a->m.num, r->n, &r->r);
		db_rcpt_free(r);
	}
	a->n = n;
}

static void
take_route(struct attempt *a, const struct account_routes *r)
{
	const struct list	*routes = r == NULL ? NULL : &r->list;
	const char		*name;

	if (r != NULL && r->unreadable) {
		attempt_all(a, RESULT_TEMP, 451, "4.3.5",
		    span_str("the routes of the account cannot be read"));
		attempt_result(a);
		return;
	}
	name = choose(a, 0, routes);
	split(a, routes, name);
	take_transport(a, name);
}

static void
take_transport(struct attempt *a, const char *name)
{
	struct buf	 text = { 0 };

	a->t = conf_transport(proc_conf(), name);
	if ((a->transport = strdup(name)) == NULL) {
		attempt_putoff(a, AWAY_S);
		return;
	}
	if (a->t == NULL || !TRANSPORT_SMARTHOST(a->t))
		split(a, NULL, NULL);
	if (a->t == NULL && strcmp(name, "default") != 0) {
		buf_addf(&text, "there is no transport \"%s\"", name);
		attempt_all(a, RESULT_TEMP, 451, "4.3.5", span_buf(&text));
		attempt_result(a);
		buf_free(&text);
	} else if (a->t != NULL && a->t->kind == TRANSPORT_FAIL) {
		attempt_all(a, a->t->code / 100 == 4 ? RESULT_TEMP : RESULT_NO,
		    a->t->code, a->t->code / 100 == 4 ? "4.7.0" : "5.7.0",
		    span_str(a->t->message));
		attempt_result(a);
	} else if (a->t != NULL && a->t->kind == TRANSPORT_DELIVER)
		deliver_to(a);
	else
		worker_deliver(a);
}

static void
deliver_to(struct attempt *a)
{
	struct msg_text	 t = { span_str(a->t->account) };

	if (peer_ask(proc_peer(ROLE_AUTH, 0), M_ACCOUNT_NAMED, &c_text, &t, -1,
	    on_named, a) == 0)
		attempt_putoff(a, AWAY_S);
}

static int
on_named(void *arg, struct peer *p, struct imsg *m)
{
	struct attempt	*a = arg;
	struct msg_rcpt	 w;
	struct buf	 text = { 0 };
	int		 rc;

	(void)p;
	if ((rc = to_account(a, m, &w)) != 1)
		return (rc);
	buf_addf(&text, "the account \"%s\" of transport \"%s\" is not there",
	    a->t->account, a->transport);
	attempt_all(a, RESULT_TEMP, 451, "4.3.5", span_buf(&text));
	attempt_result(a);
	buf_free(&text);
	return (0);
}
