/*
 * Recipients that left the queue, remembered for a time: their records move
 * here, their attempts stay where they are, their message's octets go.  An
 * index by the moment when they are forgotten finds those.
 */
#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "log.h"
#include "queued/admin.h"

#define SWEEP		200	/* forgotten in one transaction */
#define SWEEP_S		60	/* between two looks */

static struct event	*sweep_ev;

static struct span	 key_until(uint8_t [20], uint64_t, struct span);
static int		 forget(struct span);
static void		 on_sweep(evutil_socket_t, short, void *);

/* Moment, message, recipient. */
static struct span
key_until(uint8_t k[20], uint64_t until, struct span rcpt)
{
	(void)key_msg(k, until);
	memcpy(k + 8, rcpt.p, 12);
	return (span_of(k, 20));
}

int
retire(const struct q_msg *m, uint32_t n, const struct rec_rcpt *r, int how)
{
	struct rec_retired	 t = { .how = (uint8_t)how };
	uint32_t		 keep = conf_keep_retired(proc_conf(),
				    m->r.name);
	uint8_t			 k[12], u[20];

	if (keep == 0)
		return (db_rcpt_del(m->num, n));
	t.m = m->r;
	t.r = *r;
	t.ended = q_now();
	t.until = t.ended + keep;
	if (db_retired_put(m->num, n, &t) == -1 || dbenv_put(q.until,
	    key_until(u, t.until, key_rcpt(k, m->num, n)), span_str("-")) ==
	    -1 || db_count("retired", 1) == UINT64_MAX)
		return (-1);
	return (db_rcpt_leave(m->num, n));
}

/* key is one of the index. */
static int
forget(struct span key)
{
	struct span	 rcpt = span_of(key.p + 8, 12);
	uint64_t	 msg;
	uint32_t	 n;

	if (key_rcpt_get(rcpt, &msg, &n) == -1 ||
	    db_attempts_del(msg, n) == -1)
		return (-1);
	if (dbenv_del(q.retired, rcpt) == -1 && errno != ENOENT)
		return (-1);
	return (dbenv_del(q.until, key));
}

int
retired_sweep(void)
{
	struct span	 key, val;
	uint64_t	 until, now = q_now(), count;
	uint8_t		 k[20];
	int64_t		 gone = 0;
	int		 rc = 0;

	if (db_begin() == -1)
		return (0);
	if ((count = db_count("retired", 0)) == UINT64_MAX)
		rc = -1;
	while (rc == 0 && gone < SWEEP) {
		if (dbenv_next(q.until, span_of(NULL, 0), &key, &val) == -1 &&
		    errno != EILSEQ) {
			rc = errno == ENOENT ? 0 : -1;
			break;
		}
		if (key.n != sizeof(k)) {
			rc = dbenv_del(q.until, key);
			continue;
		}
		memcpy(k, key.p, sizeof(k));
		(void)span_get_u64(&key, &until);
		if (until > now && count <= RETIRED_MAX)
			break;
		rc = forget(span_of(k, sizeof(k)));
		gone++;
		count -= count > 0;
	}
	if (rc == 0 && gone > 0 && db_count("retired", -gone) == UINT64_MAX)
		rc = -1;
	if (db_end(rc) == -1) {
		log_warn("queue: what is over cannot be forgotten: %s",
		    dbenv_error(q.env));
		return (0);
	}
	return (gone == SWEEP);
}

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct timeval	 next = { SWEEP_S, 0 };

	(void)fd;
	(void)what;
	(void)arg;
	if (retired_sweep()) {		/* let others have their turn */
		next.tv_sec = 0;
		next.tv_usec = 10000;
	}
	event_add(sweep_ev, &next);
}

int
retired_start(struct event_base *base)
{
	static const struct timeval	 first = { 1, 0 };

	sweep_ev = event_new(base, -1, 0, on_sweep, NULL);
	return (sweep_ev == NULL ? -1 : event_add(sweep_ev, &first));
}
