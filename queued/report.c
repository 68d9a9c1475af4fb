/*
 * When a report is written, to whom, and how it gets into the queue.
 */
#include <errno.h>
#include <event2/event.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "queued/admin.h"
#include "queued/attempt.h"
#include "queued/report.h"

#define QUIET_MS	300	/* without news, then it is written */
#define PATIENCE_MS	30000	/* however much news there is */
#define ALL_MS		100	/* between two looks */

/* A message with something to report. */
struct pending {
	TAILQ_ENTRY(pending)	 entry;
	uint64_t		 msg;
	uint64_t		 since, news;	/* ms */
	/* while one is written */
	int			 busy;
	enum report_kind	 kind;
	uint32_t		*v;		/* recipients it is about */
	size_t			 n;
	struct intake		*in;
	struct dbenv_wait	 wait;
};

static TAILQ_HEAD(, pending)	 pendings = TAILQ_HEAD_INITIALIZER(pendings);
static void			*tree;
static struct event		*tick_ev;

static int	 compare(const void *, const void *);
static void	 on_tick(evutil_socket_t, short, void *);
static void	 begin(struct pending *);
static size_t	 gather(struct pending *, struct q_rcpt *);
static int	 compose(struct pending *, struct q_msg *, struct q_rcpt *,
		    size_t);
static void	 on_read(struct intake *, int);
static int	 settle(struct pending *);
static void	 write_down(struct pending *);
static void	 on_flushed(struct dbenv_wait *, int);
static void	 end(struct pending *, int);

static int
compare(const void *a, const void *b)
{
	const struct pending	*x = a, *y = b;

	return (x->msg < y->msg ? -1 : x->msg > y->msg);
}

void
report_pending(uint64_t msg)
{
	static const struct timeval	 soon = { 0, ALL_MS * 1000 };
	struct pending			 key = { .msg = msg }, *p, **found;

	if ((found = tfind(&key, &tree, compare)) != NULL) {
		(*found)->news = proc_now_ms();
		return;
	}
	if ((p = calloc(1, sizeof(*p))) == NULL)
		return;		/* at the next start */
	p->msg = msg;
	p->since = p->news = proc_now_ms();
	if (tsearch(p, &tree, compare) == NULL) {
		free(p);
		return;
	}
	TAILQ_INSERT_TAIL(&pendings, p, entry);
	if (!event_pending(tick_ev, EV_TIMEOUT, NULL))
		event_add(tick_ev, &soon);
}

/* Looked at again later, or done with. */
static void
end(struct pending *p, int again)
{
	intake_free(p->in);
	p->in = NULL;
	free(p->v);
	p->v = NULL;
	p->n = 0;
	p->busy = 0;
	if (again) {
		p->since = p->news = proc_now_ms();
		return;
	}
	tdelete(p, &tree, compare);
	TAILQ_REMOVE(&pendings, p, entry);
	free(p);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	 soon = { 0, ALL_MS * 1000 };
	uint64_t			 now = proc_now_ms();
	struct pending			*p, *next;

	(void)fd;
	(void)what;
	(void)arg;
	for (p = TAILQ_FIRST(&pendings); p != NULL; p = next) {
		next = TAILQ_NEXT(p, entry);
		if (p->busy || (now < p->since + PATIENCE_MS &&
		    (now < p->news + QUIET_MS || attempt_of_message(p->msg))))
			continue;
		p->busy = 1;
		begin(p);
	}
	if (!TAILQ_EMPTY(&pendings))
		event_add(tick_ev, &soon);
}

/*
 * Recipients of one kind, failures and successes before delays; how many.
 */
static size_t
gather(struct pending *p, struct q_rcpt *v)
{
	static const enum report_kind	 order[] = { REPORT_FAILED,
	    REPORT_DONE, REPORT_DELAYED };
	enum report_kind		 kind;
	struct q_rcpt			 r;
	uint64_t			 msg;
	uint32_t			 at;
	size_t				 i, n = 0;

	for (i = 0; n == 0 && i < nitems(order); i++) {
		p->kind = order[i];
		msg = p->msg;
		for (at = 1; n < REPORT_RCPTS && db_rcpt_next(&msg, at, &r) ==
		    0 && msg == p->msg; at++) {
			at = r.n;
			kind = r.r.state == RS_FAILED ? REPORT_FAILED :
			    r.r.state != RS_QUEUED ? REPORT_DONE :
			    REPORT_DELAYED;
			if (kind == p->kind && (kind != REPORT_DELAYED ||
			    (r.r.flags & RF_DELAYED) != 0))
				v[n++] = r;
			else
				db_rcpt_free(&r);
		}
		if (msg != p->msg)
			db_rcpt_free(&r);
	}
	return (n);
}

static void
begin(struct pending *p)
{
	struct q_rcpt	*v;
	struct q_msg	 m;
	size_t		 i, n = 0;

	if ((v = calloc(REPORT_RCPTS, sizeof(*v))) == NULL ||
	    db_msg(p->msg, &m) == -1) {
		free(v);
		end(p, v == NULL);
		return;
	}
	if ((n = gather(p, v)) > 0 &&
	    (p->v = calloc(n, sizeof(*p->v))) != NULL)
		for (i = 0; i < n; i++)
			p->v[p->n++] = v[i].n;
	if (n == 0)
		end(p, 0);
	else if (p->v == NULL || compose(p, &m, v, n) == -1)
		end(p, 1);
	for (i = 0; i < n; i++)
		db_rcpt_free(&v[i]);
	db_msg_free(&m);
	free(v);
}

/* Whom to tell: 0, or -1 when there is nobody. */
static int
addressee(const struct q_msg *m, struct buf *to, struct buf *dest)
{
	const struct conf	*c = proc_conf();

	if (m->r.from.n > 0)
		buf_add_span(to, m->r.from);
	else if ((m->r.flags & MF_DOUBLE) != 0)
		return (-1);
	else if (c->postmaster[0] != '\0')
		buf_adds(to, c->postmaster);
	else
		buf_addf(to, "postmaster@%s", c->hostname);
	return (address_destination(span_buf(to), dest));
}

/* The start of the original, or all of it if it is short. */
static void
read_original(const struct q_msg *m, struct buf *b, int *whole)
{
	uint8_t	*room;
	size_t	 want = m->r.size <= REPORT_WHOLE ? (size_t)m->r.size :
		    REPORT_HEADER;
	ssize_t	 k;

	while (b->n < want && (room = buf_reserve(b, want - b->n)) != NULL &&
	    (k = body_read(q.bodies, m->r.body, b->n, room, want - b->n)) > 0)
		buf_commit(b, (size_t)k);
	*whole = b->n == m->r.size;
}

/* The report's own envelope. */
static int
envelope(struct pending *p, const struct q_msg *m, const struct buf *to,
    const struct buf *dest)
{
	struct intake	*in = p->in;
	struct rec_rcpt	*r = intake_rcpt(in);

	if (r == NULL)
		return (-1);
	arc4random_buf(in->m.id, sizeof(in->m.id));
	in->m.session = intake_keep(in, span_str("report"));
	in->m.utf8 = m->r.utf8;
	in->m.bodytype = 1;
	/* RFC 8689 section 5: what it quotes is as secret as before */
	if (m->r.requiretls == REQUIRETLS_ALL)
		in->m.requiretls = REQUIRETLS_ALL;
	in->m.flags = MF_REPORT | (m->r.from.n == 0 ? MF_DOUBLE : 0);
	r->address = intake_keep(in, span_buf(to));
	r->dest = intake_keep(in, span_buf(dest));
	r->kind = RK_UNKNOWN;
	in->arg = p;
	return (in->failed ? -1 : 0);
}

static int
compose(struct pending *p, struct q_msg *m, struct q_rcpt *v, size_t n)
{
	struct report_in	 ri = { .kind = p->kind, .m = m, .r = v,
				    .n = n };
	struct intake_body	 body = { .fd = -1, .max = 16 << 20 };
	struct buf		 to = { 0 }, dest = { 0 }, orig = { 0 },
				 out = { 0 };
	int			 rc = -1;

	if (addressee(m, &to, &dest) == -1) {
		log_warn("message %llu: no report: there is nobody to tell",
		    (unsigned long long)p->msg);
		write_down(p);
		rc = 0;
		goto done;
	}
	read_original(m, &orig, &ri.whole);
	ri.to = span_buf(&to);
	ri.original = span_buf(&orig);
	ri.hostname = proc_conf()->hostname;
	ri.now = (int64_t)time(NULL);
	ri.arrival = (int64_t)q_clock(m->r.arrival);
	ri.clock = ri.arrival - (int64_t)m->r.arrival;
	/* Patience counts from when its sender wanted it to leave. */
	ri.until = (m->r.release > m->r.arrival ?
	    (int64_t)m->r.release + ri.clock : ri.arrival) +
	    proc_conf()->schedule.expire;
	arc4random_buf(ri.random, sizeof(ri.random));
	if ((p->in = intake_new()) == NULL ||
	    envelope(p, m, &to, &dest) == -1 || report_write(&out, &ri) == -1)
		goto done;
	body.prefix = span_buf(&out);
	intake_read(p->in, &body, on_read);
	rc = 0;
done:
	buf_free(&to);
	buf_free(&dest);
	buf_free(&orig);
	buf_free(&out);
	return (rc);
}

static void
on_read(struct intake *in, int error)
{
	struct pending	*p = in->arg;

	if (error != 0) {
		log_warn("message %llu: its report: %s",
		    (unsigned long long)p->msg, strerror(error));
		end(p, 1);
	} else
		write_down(p);
}

/* What was reported is over, or was a delay. */
static int
settle(struct pending *p)
{
	struct q_msg	 m;
	struct q_rcpt	 r;
	size_t		 i;
	int		 rc = 0;

	if (db_msg(p->msg, &m) == -1)
		return (errno == ENOENT ? 0 : -1);
	for (i = 0; rc == 0 && i < p->n; i++) {
		if (db_rcpt(p->msg, p->v[i], &r) == -1) {
			rc = errno == ENOENT ? 0 : -1;
			continue;
		}
		r.r.flags &= (uint8_t)~RF_DELAYED;
		if (p->kind == REPORT_DELAYED)
			rc = db_rcpt_put(p->msg, p->v[i], &r.r);
		else if (r.r.state != RS_QUEUED)
			rc = retire(&m, p->v[i], &r.r, r.r.state == RS_FAILED ?
			    RETIRED_FAILED : RETIRED_DELIVERED);
		db_rcpt_free(&r);
	}
	db_msg_free(&m);
	return (rc);
}

static void
write_down(struct pending *p)
{
	int	 rc;

	if (db_begin() == -1) {
		end(p, 1);
		return;
	}
	rc = p->in == NULL ? 0 : intake_put(p->in);
	if (db_end(rc == -1 ? -1 : settle(p)) == -1) {
		log_error("queue: a report cannot be written, trying again: "
		    "%s", dbenv_error(q.env));
		end(p, 1);
		return;
	}
	p->wait.done = on_flushed;
	p->wait.arg = p;
	if (dbenv_wait(q.env, dbenv_seq(q.env), &p->wait) == 1)
		on_flushed(&p->wait, 0);
}

static void
on_flushed(struct dbenv_wait *w, int error)
{
	struct pending	*p = w->arg;
	char		 id[Q_ID], about[Q_ID];

	if (error == 0 && p->in != NULL) {
		log_info("%s: queued from=<> to=<%s>: report about %s, %zu "
		    "recipients", q_id(id, p->in->num, 0),
		    log_esc(p->in->rcpts[0].address),
		    q_id(about, p->msg, 0), p->n);
		intake_schedule(p->in);
	}
	end(p, 1);	/* there may be more of another kind */
}

int
report_start(struct event_base *base)
{
	static const struct timeval	 soon = { 0, ALL_MS * 1000 };

	tick_ev = event_new(base, -1, 0, on_tick, NULL);
	return (tick_ev == NULL ? -1 : event_add(tick_ev, &soon));
}
