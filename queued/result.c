/*
 * What an attempt came to: written in one transaction, then flushed, then
 * logged.  While the disk does not take it the attempt stays under way, so
 * that nothing is sent twice for want of space.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "queued/admin.h"
#include "queued/attempt.h"
#include "queued/local.h"
#include "queued/report.h"

#define AGAIN_S		1	/* seconds until it is written again */
#define LOST_MOST	3	/* workers a recipient may cost at once */
#define LOCAL_MOST	30	/* seconds between attempts at a store */

static int	 write_all(struct attempt *);
static int	 write_one(struct attempt *, size_t);
static void	 apply(struct attempt *, struct rec_rcpt *, struct outcome *);
static void	 keep(struct attempt *, struct rec_rcpt *,
		    const struct outcome *);
static void	 on_written(struct dbenv_wait *, int);
static void	 on_again(evutil_socket_t, short, void *);
static void	 again(struct attempt *);
static void	 tell(const struct attempt *, size_t);

int
report_wanted(const struct rec_msg *m, const struct rec_rcpt *r,
    unsigned notify)
{
	if ((r->notify & NOTIFY_NEVER) != 0)
		return (0);
	/* RFC 3461 section 4.1: without NOTIFY, failures; delays, by custom */
	if (r->notify == 0 && notify == NOTIFY_SUCCESS)
		return (0);
	if (r->notify != 0 && (r->notify & notify) == 0)
		return (0);
	if (m->from.n > 0)
		return (1);
	/* Of a report nobody is told but postmaster, once. */
	return (notify == NOTIFY_FAILURE && (m->flags & MF_DOUBLE) == 0);
}

/* A store that says "later" is soon ready again; a mailbox that is full is so
 * for long. */
static uint64_t
gap(const struct attempt *a, const struct outcome *o, uint32_t attempts)
{
	unsigned	 s = 1;

	if (!a->local || strcmp(o->enhanced, "4.2.2") == 0)
		return (schedule_gap(&proc_conf()->schedule, attempts));
	if (local_moved(a))
		return (0);
	for (; attempts > 1 && s < LOCAL_MOST; attempts--)
		s *= 2;
	return (s < LOCAL_MOST ? s : LOCAL_MOST);
}

/* When patience began to count: a sender may have wanted it later. */
static uint64_t
since(const struct attempt *a)
{
	return (a->m.r.release > a->m.r.arrival ? a->m.r.release :
	    a->m.r.arrival);
}

/* When the clock was ahead before a restart a message may be from later. */
static uint64_t
age(const struct attempt *a, uint64_t now)
{
	return (now > since(a) ? now - since(a) : 0);
}

/*
 * The record as it becomes.  What was asked of it meanwhile (drop, fail) counts
 * only where the attempt did not settle it.
 */
static void
apply(struct attempt *a, struct rec_rcpt *r, struct outcome *o)
{
	const struct conf_schedule	*s = &proc_conf()->schedule;
	uint64_t			 now = q_now(), asked = r->asked;

	r->asked = 0;
	if (!a->counted)
		r->attempts++;
	r->last = a->began;
	if (o->result == RESULT_TEMP && (r->flags & RF_FAIL) != 0)
		outcome_set(o, RESULT_NO, 0, span_str("5.7.0"),
		    span_str("given up by the administrator"));
	else if (o->result == RESULT_TEMP && schedule_expired(s,
	    age(a, now), r->attempts)) {
		/* The code stays: it is the last that was heard. */
		o->result = RESULT_NO;
		o->expired = 1;
		if (o->code == 0 && o->enhanced[0] == '\0')
			memcpy(o->enhanced, "4.4.7", sizeof("4.4.7"));
	}
	r->flags &= (uint8_t)~(RF_STARTED | RF_FAIL);
	if (a->lost) {
		r->flags |= RF_DUPLICATE;
		r->lost++;
	}
	if (o->result != RESULT_TEMP) {
		r->flags &= (uint8_t)~RF_DROP;
		return;
	}
	r->next = asked != 0 ? asked : now + (a->lost &&
	    r->lost <= LOST_MOST ? 1 : gap(a, o, r->attempts));
	if (report_wanted(&a->m.r, r, NOTIFY_DELAY) &&
	    schedule_report(s, since(a), r->delayed, now)) {
		r->flags |= RF_DELAYED;
		r->delayed = now;
	}
}

static void
keep(struct attempt *a, struct rec_rcpt *r, const struct outcome *o)
{
	r->transport = span_str(a->transport == NULL ? "" : a->transport);
	r->host = span_buf(&a->host);
	r->code = o->code;
	r->enhanced = span_str(o->enhanced);
	r->text = span_buf(&o->text);
}

static int
write_attempt(struct attempt *a, const struct rec_rcpt *r, uint32_t n,
    const struct outcome *o)
{
	struct rec_attempt	 t = { 0 };

	t.began = a->began;
	t.ended = q_now();
	t.transport = r->transport;
	t.host = r->host;
	t.address = span_buf(&a->address);
	t.tls = span_buf(&a->tls);
	t.result = o->result;
	t.code = o->code;
	t.enhanced = r->enhanced;
	t.text = r->text;
	/* stores are asked often: their last word is enough */
	return (db_attempt_put(a->m.num, n, a->local ? 0 :
	    r->attempts % Q_ATTEMPTS_MAX, &t));
}

/* It leaves the queue: removed, or remembered with this attempt too. */
static int
leave(struct attempt *a, const struct q_rcpt *now, const struct outcome *o)
{
	if (conf_keep_retired(proc_conf(), a->m.r.name) > 0 &&
	    write_attempt(a, &now->r, now->n, o) == -1)
		return (-1);
	return (retire(&a->m, now->n, &now->r, o->result == RESULT_OK ?
	    RETIRED_DELIVERED : o->result == RESULT_NO ? RETIRED_FAILED :
	    RETIRED_REMOVED));
}

/*
 * A word of the recipient's server, which an account's list goes by; that a
 * server lacks REQUIRETLS is ours, and who says "later" until patience is at
 * its end, or refuses our login, says nothing about the recipient.
 */
static int
remember(struct attempt *a, const struct rec_rcpt *r, const struct outcome *o)
{
	return (!proc_conf()->suppress_failures || a->local ||
	    a->host.n == 0 || o->code == 0 ||
	    strcmp(o->enhanced, "5.7.30") == 0 || o->expired ||
	    o->result == RESULT_TEMP ? 0 :
	    suppress_result(&a->m, r, o->result));
}

static int
write_one(struct attempt *a, size_t i)
{
	struct outcome	*o = &a->out[i];
	struct q_rcpt	 now;
	int		 state = RS_QUEUED, rc;

	/* Nothing can be written to what is damaged; verify tells of it. */
	if (db_rcpt(a->m.num, a->r[i].n, &now) == -1)
		return (errno == ENOENT || errno == EILSEQ ? 0 : -1);
	apply(a, &now.r, o);
	keep(a, &now.r, o);
	if (o->result == RESULT_NO) {
		if (report_wanted(&a->m.r, &now.r, NOTIFY_FAILURE))
			state = RS_FAILED;
	} else if (o->result == RESULT_OK && !a->dsn &&
	    report_wanted(&a->m.r, &now.r, NOTIFY_SUCCESS))
		state = a->local ? RS_DELIVERED : RS_RELAYED;
	if (remember(a, &now.r, o) == -1)
		rc = -1;
	else if ((o->result != RESULT_TEMP && state == RS_QUEUED) ||
	    (o->result == RESULT_TEMP && (now.r.flags & RF_DROP) != 0)) {
		rc = leave(a, &now, o);
		o->gone = 1;
	} else {
		o->gone = 0;
		now.r.state = (uint8_t)state;
		rc = db_rcpt_put(a->m.num, now.n, &now.r);
		if (rc == 0)
			rc = write_attempt(a, &now.r, now.n, o);
	}
	db_rcpt_free(&now);
	return (rc);
}

static int
write_all(struct attempt *a)
{
	size_t	 i;

	if (db_begin() == -1)
		return (-1);
	for (i = 0; i < a->n; i++)
		if (write_one(a, i) == -1)
			return (db_end(-1));
	return (db_end(0));
}

static void
again(struct attempt *a)
{
	static const struct timeval	 soon = { AGAIN_S, 0 };

	if (a->retry == NULL)
		a->retry = event_new(proc_base(), -1, 0, on_again, a);
	if (a->retry == NULL || event_add(a->retry, &soon) == -1) {
		log_error("no memory for a delivery");
		exit(1);
	}
}

void
attempt_result(struct attempt *a)
{
	attempt_land(a);
	if (write_all(a) == -1) {
		log_error("queue: a result cannot be written, trying again: "
		    "%s", dbenv_error(q.env));
		again(a);
		return;
	}
	a->wait.done = on_written;
	a->wait.arg = a;
	if (dbenv_wait(q.env, dbenv_seq(q.env), &a->wait) == 1)
		on_written(&a->wait, 0);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	attempt_result(arg);
}

static const char *
outcome_name(const struct outcome *o)
{
	switch (o->result) {
	case RESULT_OK:
		return ("delivered");
	case RESULT_NO:
		return (o->expired ? "expired" : "failed");
	default:
		return ("deferred");
	}
}

/* The line that says what became of a recipient. */
static void
tell(const struct attempt *a, size_t i)
{
	const struct outcome	*o = &a->out[i];
	const struct rec_rcpt	*r = &a->r[i].r;
	char			 id[Q_ID];

	log_info("%s: %s to=<%s> from=<%s> session=%s transport=%s host=%s "
	    "address=%s tls=%s attempt=%u delay=%llus %s%u %s %s",
	    q_id(id, a->m.num, a->r[i].n), outcome_name(o),
	    log_esc(r->address), log_esc(a->m.r.from),
	    log_esc(a->m.r.session), a->transport == NULL ? "-" :
	    a->transport, a->host.n == 0 ? "-" : log_esc(span_buf(&a->host)),
	    a->address.n == 0 ? "-" : log_esc(span_buf(&a->address)),
	    a->tls.n == 0 ? "-" : log_esc(span_buf(&a->tls)),
	    r->attempts + (a->counted ? 0 : 1),
	    (unsigned long long)age(a, q_now()),
	    a->lost || (r->flags & RF_DUPLICATE) != 0 ?
	    "(possible duplicate) " : "", o->code,
	    o->enhanced, log_esc(span_buf(&o->text)));
}

/* Is there more of this message for that partition, as far as is known? */
static int
owed(const struct attempt *a)
{
	struct q_rcpt	 r;
	uint64_t	 msg = a->m.num;
	uint32_t	 n;
	int		 more = 0;

	for (n = 1; !more && db_rcpt_next(&msg, n, &r) == 0; n++) {
		n = r.n;
		if (msg == a->m.num)
			more = (r.r.state == RS_QUEUED &&
			    (r.r.kind != RK_LOCAL ||
			    r.r.partition == a->partition));
		db_rcpt_free(&r);
		if (msg != a->m.num)
			break;
	}
	return (more);
}

static void
on_written(struct dbenv_wait *w, int error)
{
	struct attempt	*a = w->arg;
	size_t		 i;

	if (error != 0) {
		again(a);
		return;
	}
	for (i = 0; i < a->n; i++) {
		tell(a, i);
		if (!a->out[i].gone)
			attempt_next(a, i);
	}
	if (a->local && !owed(a))
		local_settle_later(a->m.r.id, a->partition);
	attempt_end(a);
}
