/*
 * Workers: a process for each transport in use.  What is handed to one is
 * marked so on disk before; if it dies, its deliveries are tried again.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "log.h"
#include "queued/attempt.h"

#define IDLE_S		60	/* without work a worker ends */
#define WORKERS		60	/* the parent has no more than 64 */
#define ASK_S		10	/* the parent is asked again */
#define TICK_S		5
#define CONNECTIONS	10	/* of "default": to one destination */
#define TOTAL		200	/* and in all */
#define AHEAD		4	/* messages there for each connection: none
				 * waits for us between two */
#define HOPS		1000	/* that wait for room, each by itself */
#define CREDIT		4096	/* requests: the transport's limits are less */
#define SICK_FIRST	60	/* seconds a destination is left alone */
#define SICK_MOST	900

struct worker {
	LIST_ENTRY(worker)	 entry;
	char			*name;
	struct peer		*peer;		/* NULL: not up */
	unsigned		 inflight;
	uint64_t		 asked;		/* 0: not */
	uint64_t		 used;
	TAILQ_HEAD(, dest)	 waiting;
	unsigned		 nwaiting;
};

static LIST_HEAD(, worker)	 workers = LIST_HEAD_INITIALIZER(workers);
static struct event		*tick_ev;

static struct worker	*worker_get(const char *);
static int	 is_idle(const struct worker *);
static void	 end(struct worker *);
static void	 make_room(void);
static void	 ask(struct worker *);
static void	 block(struct worker *, struct attempt *);
static void	 unblock(struct worker *, size_t);
static size_t	 room(const struct worker *);
static unsigned	 total(const struct conf_transport *);
static int	 enter(struct attempt *);
static int	 mark(struct attempt *);
static void	 on_marked(struct dbenv_wait *, int);
static void	 hand(struct attempt *, int);
static void	 avoid(struct attempt *);
static int	 unmark(struct attempt *);
static int	 is_stopping(const struct attempt *);
static void	 not_begun(struct attempt *);
static int	 is_sick(const struct attempt *);
static int	 on_done(void *, struct peer *, struct imsg *);
static void	 leave(struct attempt *);
static void	 lost(struct attempt *);
static void	 on_tick(evutil_socket_t, short, void *);

static struct worker *
worker_get(const char *name)
{
	struct worker	*w;

	LIST_FOREACH(w, &workers, entry)
		if (strcasecmp(w->name, name) == 0)
			return (w);
	if ((w = calloc(1, sizeof(*w))) == NULL ||
	    (w->name = strdup(name)) == NULL) {
		free(w);
		return (NULL);
	}
	TAILQ_INIT(&w->waiting);
	LIST_INSERT_HEAD(&workers, w, entry);
	return (w);
}

static int
is_idle(const struct worker *w)
{
	return (w->peer != NULL && w->inflight == 0 &&
	    TAILQ_EMPTY(&w->waiting));
}

static void
end(struct worker *w)
{
	struct msg_text	 t = { span_str(w->name) };

	(void)peer_put(proc_parent(), M_WORKER_END, &c_text, &t, -1);
	w->peer = NULL;
	w->asked = 0;
}

/* So that no transport waits for ever: who has been idle longest ends. */
static void
make_room(void)
{
	struct worker	*w, *idle = NULL;
	unsigned	 n = 0;

	LIST_FOREACH(w, &workers, entry) {
		n += w->peer != NULL || w->asked != 0;
		if (is_idle(w) && (idle == NULL || w->used < idle->used))
			idle = w;
	}
	if (n >= WORKERS && idle != NULL)
		end(idle);
}

static void
ask(struct worker *w)
{
	struct msg_text	 t = { span_str(w->name) };

	if (w->asked != 0 && q_now() < w->asked + ASK_S)
		return;
	make_room();
	w->asked = q_now();
	(void)peer_put(proc_parent(), M_WORKER_START, &c_text, &t, -1);
}

/* The hop waits until there is room at the worker.  Beyond so many of them all
 * others wait together, as if they were for one server. */
static void
block(struct worker *w, struct attempt *a)
{
	struct dest	*d = a->dest;
	struct buf	 name = { 0 };

	if (d->blocked == NULL && w->nwaiting >= HOPS &&
	    buf_addf(&name, ">%s", w->name) == 0 &&
	    (d = dest_of(buf_cstr(&name))) != NULL && d != a->dest)
		d->group = 1;		/* each for a domain of its own */
	else
		d = a->dest;
	buf_free(&name);
	if (d->blocked == NULL) {
		d->blocked = w;
		TAILQ_INSERT_TAIL(&w->waiting, d, blocked_entry);
		w->nwaiting++;
	}
	attempt_park(a, d);
}

static void
unblock(struct worker *w, size_t n)
{
	struct dest	*d;

	for (; n > 0 && (d = TAILQ_FIRST(&w->waiting)) != NULL; n--) {
		TAILQ_REMOVE(&w->waiting, d, blocked_entry);
		w->nwaiting--;
		d->blocked = NULL;
		dest_update(d);
	}
}

void
worker_up(struct peer *p)
{
	struct worker	*w;

	if (peer_arg(p) == NULL || (w = worker_get(peer_arg(p))) == NULL) {
		log_error("a worker without a transport");
		return;
	}
	peer_set_credit(p, CREDIT);
	w->peer = p;
	w->asked = 0;
	w->used = q_now();
	unblock(w, SIZE_MAX);
}

void
worker_down(struct peer *p)
{
	struct worker	*w;

	LIST_FOREACH(w, &workers, entry) {
		if (w->peer != p)
			continue;
		w->peer = NULL;
		if (!TAILQ_EMPTY(&w->waiting))
			ask(w);
	}
	free(peer_arg(p));
	peer_set_arg(p, NULL);
}

/* Transports may be others now: let all choose anew. */
void
workers_commit(void)
{
	struct worker	*w;

	LIST_FOREACH(w, &workers, entry)
		unblock(w, SIZE_MAX);
	dest_kick();
}

static unsigned
total(const struct conf_transport *t)
{
	return (AHEAD * (t != NULL && t->connections_total > 0 ?
	    t->connections_total : TOTAL));
}

static size_t
room(const struct worker *w)
{
	unsigned	 most = total(conf_transport(proc_conf(), w->name));

	return (w->peer != NULL && w->inflight < most ? most - w->inflight :
	    0);
}

/* What was asked of this recipient later goes before what its sender wants. */
static uint8_t
requiretls(const struct attempt *a)
{
	return (a->r[0].r.tls == 0 ? a->m.r.requiretls :
	    (uint8_t)(a->r[0].r.tls - 1));
}

/*
 * Whose connections it takes: its domain's, or those of the one server.  A
 * domain's servers may do for mail that wants no TLS and not for other, or not
 * for mail with REQUIRETLS alone: that is no reason to let both wait.
 */
static int
enter(struct attempt *a)
{
	const struct conf_transport	*t = a->t;
	struct buf			 hop = { 0 };
	int				 rc = 0;

	buf_addf(&hop, ">%s", a->transport);
	if (t == NULL || TRANSPORT_BY_MX(t)) {
		buf_addc(&hop, ' ');
		buf_add_span(&hop, a->r[0].r.dest);
		if (requiretls(a) != REQUIRETLS_NONE)
			buf_addf(&hop, "/%u", requiretls(a));
	}
	if (buf_cstr(&hop) == NULL)
		attempt_putoff(a, 1);
	else
		rc = attempt_enter(a, buf_cstr(&hop));
	buf_free(&hop);
	if (rc == 1)
		dest_limits(a->dest, AHEAD * (t != NULL &&
		    t->connections > 0 ? t->connections : CONNECTIONS),
		    t != NULL && t->recipients > 0 &&
		    t->recipients < MSG_RCPTS_MAX ? t->recipients :
		    MSG_RCPTS_MAX);
	return (rc);
}

void
worker_deliver(struct attempt *a)
{
	struct worker	*w = worker_get(a->transport);

	if (w == NULL) {
		attempt_putoff(a, 1);
		return;
	}
	if (!enter(a))
		return;
	if (a->due <= a->dest->doomed) {
		attempt_all(a, RESULT_TEMP, 0, "4.4.1",
		    span_str(a->dest->trouble));
		attempt_result(a);
		return;
	}
	if (w->peer == NULL)
		ask(w);
	if (w->peer == NULL || w->inflight >= total(a->t)) {
		block(w, a);
		return;
	}
	attempt_cut(a, a->dest->group);
	if (mark(a) == -1) {
		attempt_putoff(a, 1);
		return;
	}
	a->counted = 1;
	a->worker = w;
	w->inflight++;
	a->wait.done = on_marked;
	a->wait.arg = a;
	if (dbenv_wait(q.env, dbenv_seq(q.env), &a->wait) == 1)
		on_marked(&a->wait, 0);
}

/* On disk: it has begun, and when it would come again if we died now. */
static int
mark(struct attempt *a)
{
	const struct conf_schedule	*s = &proc_conf()->schedule;
	struct q_rcpt			 now;
	size_t				 i;
	int				 rc = 0;

	if (db_begin() == -1)
		return (-1);
	for (i = 0; rc == 0 && i < a->n; i++) {
		if ((rc = db_rcpt(a->m.num, a->r[i].n, &now)) == -1)
			break;
		now.r.flags |= RF_STARTED;
		now.r.attempts++;
		now.r.last = q_now();
		now.r.next = now.r.last + schedule_gap(s, now.r.attempts);
		rc = db_rcpt_put(a->m.num, now.n, &now.r);
		db_rcpt_free(&now);
	}
	if (db_end(rc) == -1)
		return (-1);
	for (i = 0; i < a->n; i++)
		a->r[i].r.attempts++;
	return (0);
}

/* It has not begun: as before. */
static int
unmark(struct attempt *a)
{
	struct q_rcpt	 now;
	size_t		 i;
	int		 rc = 0;

	if (db_begin() == -1)
		return (-1);
	for (i = 0; rc == 0 && i < a->n; i++) {
		if ((rc = db_rcpt(a->m.num, a->r[i].n, &now)) == -1)
			break;
		now.r.flags &= (uint8_t)~RF_STARTED;
		now.r.attempts--;
		now.r.last = a->r[i].r.last;
		now.r.next = a->r[i].r.next;
		rc = db_rcpt_put(a->m.num, now.n, &now.r);
		db_rcpt_free(&now);
	}
	return (db_end(rc));
}

static void
on_marked(struct dbenv_wait *w, int error)
{
	struct attempt	*a = w->arg;
	int		 fd;

	if (error != 0) {	/* undone: nothing has begun */
		leave(a);
		attempt_putoff(a, 1);
		return;
	}
	if ((fd = body_fd(q.bodies, a->m.r.body)) == -1) {
		log_error("message %llu: its body: %s",
		    (unsigned long long)a->m.num, strerror(errno));
		leave(a);
		attempt_all(a, RESULT_TEMP, 451, "4.3.0",
		    span_str("the message cannot be read here"));
		attempt_result(a);
		return;
	}
	hand(a, fd);
}

static void
hand(struct attempt *a, int fd)
{
	static uint64_t		 number;
	struct msg_relay	 m = { 0 };
	struct msg_relay_rcpt	*v;
	size_t			 i;
	uint32_t		 id = 0;

	if (a->worker->peer == NULL) {
		close(fd);
		attempt_all(a, RESULT_TEMP, 0, "4.3.2",
		    span_str("the worker ended"));
		not_begun(a);
		return;
	}
	m.id = ++number;
	m.from = a->m.r.from;
	m.size = a->m.r.size;
	m.destination = a->r[0].r.dest;
	m.envid = a->m.r.envid;
	m.ret = a->m.r.ret;
	m.utf8 = a->m.r.utf8;
	m.body = a->m.r.bodytype;
	m.requiretls = requiretls(a);
	if ((v = calloc(a->n, sizeof(*v))) != NULL) {
		for (i = 0; i < a->n; i++) {
			v[i].id = a->r[i].n;
			v[i].address = a->r[i].r.address;
			v[i].orcpt = a->r[i].r.orcpt;
			/* RFC 3461 section 6.1: of a report, never */
			v[i].notify = (a->m.r.flags & MF_REPORT) != 0 ?
			    NOTIFY_NEVER : a->r[i].r.notify;
		}
		m.rcpts.v = v;
		m.rcpts.n = a->n;
		id = peer_ask(a->worker->peer, M_RELAY, &c_relay, &m, fd,
		    on_done, a);
		free(v);
	} else
		close(fd);
	if (id == 0)
		lost(a);
}

/* Its place at the worker is free. */
static void
leave(struct attempt *a)
{
	struct worker	*w = a->worker;

	a->worker = NULL;
	w->inflight--;
	w->used = q_now();
	if (w->peer != NULL)
		unblock(w, 1);
}

static void
lost(struct attempt *a)
{
	leave(a);
	a->lost = 1;
	attempt_all(a, RESULT_TEMP, 0, "4.3.0",
	    span_str("the delivery was cut off here; it may have succeeded"));
	attempt_result(a);
}

static void
take_results(struct attempt *a, const struct msg_relay_done *d)
{
	const struct msg_relay_result	*r = d->results.v;
	size_t				 i, k;

	attempt_all(a, RESULT_TEMP, 0, "4.3.0",
	    span_str("the worker did not say what became of it"));
	for (k = 0; k < d->results.n; k++)
		for (i = 0; i < a->n; i++)
			if (a->r[i].n == r[k].id)
				outcome_set(&a->out[i],
				    r[k].result > RESULT_TEMP ? RESULT_TEMP :
				    (enum result)r[k].result, r[k].code,
				    r[k].enhanced, r[k].text);
}

/* Not for longer than the schedule would wait. */
static void
avoid(struct attempt *a)
{
	const struct conf_schedule	*s = &proc_conf()->schedule;
	uint64_t			 first = schedule_step(s, 1);
	uint64_t			 most = schedule_step(s, s->nfirst);

	dest_failed(a->dest, first < SICK_FIRST ? (unsigned)first :
	    SICK_FIRST, most < SICK_MOST ? (unsigned)most : SICK_MOST);
	dest_trouble(a->dest, span_buf(&a->out[0].text));
}

/* What a worker that was told to end has not begun it gives back. */
static int
is_stopping(const struct attempt *a)
{
	size_t	 i;

	for (i = 0; i < a->n; i++)
		if (a->out[i].result != RESULT_TEMP || a->out[i].code != 0 ||
		    strcmp(a->out[i].enhanced, "4.3.2") != 0)
			return (0);
	return (1);
}

/* For the next worker. */
static void
not_begun(struct attempt *a)
{
	leave(a);
	if (unmark(a) == -1)
		attempt_result(a);
	else
		attempt_putoff(a, 0);
}

/*
 * No reply to any recipient: it is the place, not the message.  So it is when a
 * server does not let us in: asked again and again it would lock us out.
 */
static int
is_sick(const struct attempt *a)
{
	const struct outcome	*o;
	size_t			 i;

	for (i = 0; i < a->n; i++) {
		o = &a->out[i];
		if (o->result != RESULT_TEMP || (o->code != 0 &&
		    o->code != 421 && strcmp(o->enhanced, "4.7.8") != 0))
			return (0);
	}
	return (1);
}

static int
on_done(void *arg, struct peer *p, struct imsg *m)
{
	struct attempt		*a = arg;
	struct msg_relay_done	 d;

	if (m == NULL || imsg_get(m, &c_relay_done, &d) == -1) {
		lost(a);
		return (m == NULL ? 0 : -1);
	}
	take_results(a, &d);
	buf_add_span(&a->host, d.host);
	buf_add_span(&a->address, d.address);
	buf_add_span(&a->tls, d.tls);
	a->dsn = d.dsn;
	codec_free(&c_relay_done, &d);
	if (is_stopping(a)) {
		if (a->worker->peer == p)
			a->worker->peer = NULL;
		not_begun(a);
		return (0);
	}
	if (is_sick(a))
		avoid(a);
	else
		dest_works(a->dest);
	leave(a);
	attempt_result(a);
	return (0);
}

/*
 * Ask again for those that are missing; end those without work.  Where one
 * delivery ends one hop goes on, but may have nothing to send any more: then
 * others find room here.
 */
static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct worker	*w;

	(void)fd;
	(void)what;
	(void)arg;
	LIST_FOREACH(w, &workers, entry) {
		if (w->peer == NULL && !TAILQ_EMPTY(&w->waiting))
			ask(w);
		unblock(w, room(w));
		if (is_idle(w) && q_now() >= w->used + IDLE_S)
			end(w);
	}
}

int
workers_start(struct event_base *base)
{
	static const struct timeval	 every = { TICK_S, 0 };

	tick_ev = event_new(base, -1, EV_PERSIST, on_tick, NULL);
	return (tick_ev == NULL ? -1 : event_add(tick_ev, &every));
}
