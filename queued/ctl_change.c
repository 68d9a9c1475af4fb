/*
 * Changes to recipients in the queue, some at a time, each page flushed before
 * it is answered.  What is under way is marked, and changed when its attempt
 * ends.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "queued/attempt.h"
#include "queued/change.h"
#include "queued/ctl.h"
#include "queued/report.h"

/* 1 changed, 0 it was so already, -1 an error; within a command. */
typedef int	(*change_fn)(struct ctl *, struct q_msg *, struct q_rcpt *);

static void	 change(struct ctl *, const char *, change_fn);
static void	 on_flushed(struct dbenv_wait *, int);

static int
put(struct q_msg *m, struct q_rcpt *r)
{
	return (db_rcpt_put(m->num, r->n, &r->r) == -1 ? -1 : 1);
}

static int
hold(struct ctl *c, struct q_msg *m, struct q_rcpt *r)
{
	(void)c;
	if (r->r.state != RS_QUEUED || (r->r.flags & RF_HELD) != 0)
		return (0);
	r->r.flags |= RF_HELD;
	return (put(m, r));
}

static int
release(struct ctl *c, struct q_msg *m, struct q_rcpt *r)
{
	(void)c;
	if ((r->r.flags & RF_HELD) == 0)
		return (0);
	r->r.flags &= (uint8_t)~RF_HELD;
	return (put(m, r));
}

static int
kick(struct ctl *c, struct q_msg *m, struct q_rcpt *r)
{
	(void)c;
	return (change_next(m, r, q_now()));
}

static int
drop(struct ctl *c, struct q_msg *m, struct q_rcpt *r)
{
	(void)c;
	return (change_drop(m, r));
}

static int
fail(struct ctl *c, struct q_msg *m, struct q_rcpt *r)
{
	(void)c;
	return (change_fail(m, r));
}

/* From now on, or from when it would be next. */
static int
schedule(struct ctl *c, struct q_msg *m, struct q_rcpt *r)
{
	uint64_t	 now = q_now(), when;

	when = c->from_now || r->r.next < now ? now : r->r.next;
	if (c->delay < 0)
		when -= (uint64_t)-c->delay < when - now ?
		    (uint64_t)-c->delay : when - now;
	else
		when += (uint64_t)c->delay;
	return (change_next(m, r, when));
}

/* What is under way takes it at its next attempt. */
static int
transport(struct ctl *c, struct q_msg *m, struct q_rcpt *r)
{
	struct span	 pin = span_buf(&c->value);

	if (r->r.state != RS_QUEUED || r->r.kind == RK_LOCAL ||
	    span_eq(r->r.pin, pin))
		return (0);
	r->r.pin = pin;
	if (pin.n > 0 && pin_put(buf_cstr(&c->value), m->num, r->n) == -1)
		return (-1);
	return (put(m, r));
}

static int
requiretls(struct ctl *c, struct q_msg *m, struct q_rcpt *r)
{
	if (r->r.state != RS_QUEUED || r->r.kind == RK_LOCAL ||
	    r->r.tls == c->tls)
		return (0);
	r->r.tls = c->tls;
	return (put(m, r));
}

static int
is_there(const struct filter_id *id)
{
	struct q_rcpt	 r;
	uint64_t	 msg = id->msg;
	int		 is;

	if (db_rcpt_next(&msg, id->n, &r) == -1)
		return (0);
	is = msg == id->msg && (id->n == 0 || r.n == id->n);
	db_rcpt_free(&r);
	return (is);
}

/* The cursor: how many so far, where to go on, and what was not there:
 * "12 0000002a.1 00000007, 00000008". */
static int
cursor(struct ctl *c, uint64_t *count, uint64_t *msg, uint32_t *n)
{
	struct span	 s = c->m.cursor, head;
	size_t		 i;

	*count = *msg = 0;
	*n = 0;
	if (s.n == 0) {
		for (i = 0; i < c->filter.nids; i++)
			if (!is_there(&c->filter.ids[i]))
				ctl_missing(c, c->filter.ids[i].msg,
				    c->filter.ids[i].n);
		return (0);
	}
	if (span_split(&s, ' ', &head) == 0 ||
	    span_num(head, UINT64_MAX, count) == -1)
		return (-1);
	(void)span_split(&s, ' ', &head);
	buf_add_span(&c->missing, s);
	return (q_id_parse(head, msg, n));
}

static int
remember(uint64_t **v, size_t *n, uint64_t msg, uint32_t rcpt)
{
	uint64_t	*more;

	if ((more = reallocarray(*v, *n + 2, sizeof(**v))) == NULL)
		return (-1);
	*v = more;
	more[(*n)++] = msg;
	more[(*n)++] = rcpt;
	return (0);
}

/* Recipients from there on, until the page has enough.  1 more, 0, -1. */
static int
walk(struct ctl *c, change_fn fn, uint64_t *msg, uint32_t *n, uint64_t *count)
{
	struct q_msg	 m = { 0 };
	struct q_rcpt	 r;
	size_t		 looked = 0, done = 0;
	int		 rc = 0;

	while (rc >= 0 && filter_seek(&c->filter, msg, n) &&
	    db_rcpt_next(msg, *n, &r) == 0) {
		*n = r.n;
		rc = 0;
		if (++looked > CTL_SCAN || done == CTL_CHANGES) {
			rc = 1;
			db_rcpt_free(&r);
			break;
		}
		if (m.num != *msg) {
			db_msg_free(&m);
			if (db_msg(*msg, &m) == -1)
				m.num = 0;
		}
		if (m.num != 0 && filter_matches(&c->filter, &m.r, *msg, r.n,
		    &r.r) && (rc = fn(c, &m, &r)) == 1) {
			done++;
			rc = remember(&c->changed, &c->nchanged, *msg, r.n);
		}
		db_rcpt_free(&r);
		(*n)++;
	}
	db_msg_free(&m);
	*count += done;
	return (rc);
}

static void
change(struct ctl *c, const char *what, change_fn fn)
{
	struct buf	 why = { 0 };
	uint64_t	 count, msg;
	uint32_t	 n;
	int		 rc;

	if (c->filter.rule == NULL &&
	    filter_parse(&c->m, &c->filter, &why) == -1) {
		ctl_error(c, "%s", buf_cstr(&why));
		buf_free(&why);
		return;
	}
	if (!c->filter.any || cursor(c, &count, &msg, &n) == -1) {
		ctl_error(c, c->filter.any ? "malformed cursor" :
		    "say which recipients: ids, " FILTERS);
		return;
	}
	if (db_begin() == -1) {
		ctl_error(c, "queue: %s", dbenv_error(q.env));
		return;
	}
	rc = walk(c, fn, &msg, &n, &count);
	if (db_end(rc == -1 ? -1 : 0) == -1) {
		ctl_error(c, "queue: %s", dbenv_error(q.env));
		return;
	}
	if (rc == 1) {
		buf_addf(&c->cursor, "%llu %s ", (unsigned long long)count,
		    q_id((char[Q_ID]){ 0 }, msg, n));
		buf_add_span(&c->cursor, span_buf(&c->missing));
		buf_addf(&c->text, "%llu %s so far",
		    (unsigned long long)count, what);
	} else
		buf_addf(&c->text, "%llu %s %s", (unsigned long long)count,
		    count == 1 ? "recipient" : "recipients", what);
	c->wait.done = on_flushed;
	c->wait.arg = c;
	if (dbenv_wait(q.env, dbenv_seq(q.env), &c->wait) == 1)
		on_flushed(&c->wait, 0);
}

static void
on_flushed(struct dbenv_wait *w, int error)
{
	struct ctl	*c = w->arg;
	size_t		 i;

	if (error != 0) {
		ctl_error(c, "queue: not written: %s", strerror(error));
		return;
	}
	for (i = 0; i + 1 < c->nchanged; i += 2)
		if (!attempt_running(c->changed[i],
		    (uint32_t)c->changed[i + 1]))
			sched_again(c->changed[i],
			    (uint32_t)c->changed[i + 1]);
	if (c->kicked)
		dest_kick();
	ctl_done(c);
}

void
ctl_hold(struct ctl *c)
{
	change(c, "held", hold);
}

/* What came before the rule. */
void
ctl_hold_by(struct ctl *c, const struct holdrule *rule)
{
	c->filter.held = -1;
	c->filter.result = -1;
	c->filter.any = 1;
	c->filter.rule = rule;
	change(c, "held", hold);
}

void
ctl_release(struct ctl *c)
{
	change(c, "released", release);
}

void
ctl_kick(struct ctl *c)
{
	c->kicked = 1;
	change(c, "to be tried now", kick);
}

/* The argument that no filter has. */
void
ctl_schedule(struct ctl *c)
{
	struct span	 last = ctl_last(c);

	c->from_now = ctl_flag(c, "--now");
	if (duration_parse(last, &c->delay) == -1) {
		ctl_error(c, "a duration reads 90s, 20m, 4h, 1d12h or -1h");
		return;
	}
	change(c, "rescheduled", schedule);
}

void
ctl_transport(struct ctl *c)
{
	const struct conf_transport	*t;
	struct buf			 name = { 0 };
	struct span			 last = ctl_last(c);

	buf_add_span(&name, last);
	t = buf_cstr(&name) == NULL ? NULL :
	    conf_transport(proc_conf(), buf_cstr(&name));
	buf_free(&name);
	if (t != NULL)
		buf_adds(&c->value, t->name);
	else if (span_caseeqs(last, "default"))
		buf_adds(&c->value, "default");
	else if (!span_eqs(last, "-")) {
		ctl_error(c, "there is no transport \"%s\"", log_esc(last));
		return;
	}
	change(c, c->value.n > 0 ? "pinned" : "left to routes", transport);
}

void
ctl_requiretls(struct ctl *c)
{
	struct span	 last = ctl_last(c);

	if (span_eqs(last, "yes"))
		c->tls = 1 + REQUIRETLS_ALL;
	else if (span_eqs(last, "no"))
		c->tls = 1 + REQUIRETLS_NO;
	else if (!span_eqs(last, "default")) {
		ctl_error(c, "requiretls is yes, no or default");
		return;
	}
	change(c, "changed", requiretls);
}

void
ctl_drop(struct ctl *c)
{
	change(c, "removed", drop);
}

void
ctl_fail(struct ctl *c)
{
	change(c, "given up", fail);
}
