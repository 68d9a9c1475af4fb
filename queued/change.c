/*
 * Changes to one recipient that administrators ask for.  See change.h.
 */
#include "log.h"
#include "queued/admin.h"
#include "queued/attempt.h"
#include "queued/change.h"

static int
put(const struct q_msg *m, struct q_rcpt *r)
{
	return (db_rcpt_put(m->num, r->n, &r->r) == -1 ? -1 : 1);
}

/* Later, when the attempt under way ends. */
static int
later(const struct q_msg *m, struct q_rcpt *r, uint8_t flag)
{
	r->r.flags |= flag;
	attempt_mark(m->num, r->n);
	return (put(m, r));
}

int
change_drop(const struct q_msg *m, struct q_rcpt *r)
{
	char	 id[Q_ID];

	if (attempt_running(m->num, r->n))
		return (later(m, r, RF_DROP));
	log_info("%s: removed by the administrator to=<%s> from=<%s>",
	    q_id(id, m->num, r->n), log_esc(r->r.address),
	    log_esc(m->r.from));
	return (retire(m, r->n, &r->r, RETIRED_REMOVED) == -1 ? -1 : 1);
}

int
change_fail(const struct q_msg *m, struct q_rcpt *r)
{
	char	 id[Q_ID];

	if (r->r.state != RS_QUEUED)
		return (0);
	if (attempt_running(m->num, r->n))
		return (later(m, r, RF_FAIL));
	log_info("%s: failed by the administrator to=<%s> from=<%s>",
	    q_id(id, m->num, r->n), log_esc(r->r.address),
	    log_esc(m->r.from));
	r->r.state = RS_FAILED;
	r->r.flags &= (uint8_t)~RF_FAIL;
	r->r.code = 0;
	r->r.enhanced = span_str("5.7.0");
	r->r.host = span_of(NULL, 0);
	r->r.text = span_str("given up by the administrator");
	if (!report_wanted(&m->r, &r->r, NOTIFY_FAILURE))
		return (retire(m, r->n, &r->r, RETIRED_FAILED) == -1 ? -1 : 1);
	return (put(m, r));
}

int
change_next(const struct q_msg *m, struct q_rcpt *r, uint64_t when)
{
	if (r->r.state != RS_QUEUED)
		return (0);
	r->r.release = when;
	if (attempt_running(m->num, r->n)) {
		r->r.asked = when;
		return (later(m, r, 0));
	}
	r->r.asked = 0;
	r->r.next = when;
	return (put(m, r));
}

int
change_owed(uint64_t msg, uint32_t n)
{
	struct q_msg	 m = { 0 };
	struct q_rcpt	 r = { 0 };
	int		 rc = 0;

	if (db_rcpt(msg, n, &r) == -1)
		return (0);
	if (CHANGE_OWED(&r.r) && db_msg(msg, &m) == 0) {
		if (db_begin() == -1)
			rc = -1;
		else {
			rc = (r.r.flags & RF_DROP) != 0 ? change_drop(&m, &r) :
			    (r.r.flags & RF_FAIL) != 0 ? change_fail(&m, &r) :
			    change_next(&m, &r, r.r.asked);
			if (db_end(rc == -1 ? -1 : 0) == -1)
				rc = -1;
		}
		if (rc == -1)
			log_error("queue: %s", dbenv_error(q.env));
	}
	db_msg_free(&m);
	db_rcpt_free(&r);
	if (rc == 1)
		sched_again(msg, n);
	return (rc == 1);
}
