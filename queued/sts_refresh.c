/*
 * Policies of MTA-STS are looked at before their time is over, RFC 8461 sections
 * 3.3 and 10.2: once a day where mail asked for them within the time that they
 * hold, so that whoever keeps a domain's record and server from us must do so
 * for all of that time.  An hour's are spread over the hour by lot; a thousand
 * at most, those that are left the next hour.
 */
#include <sys/queue.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "proc.h"
#include "queued/queued.h"
#include "queued/sts.h"

#define KEPT_MOST	100000	/* looked at in an hour */
#define LOOK_MOST	10000	/* of these, for what is due */
#define DUE_MOST	1000	/* asked about in an hour */
#define HOUR		3600
#define DAY		86400

struct due {
	STAILQ_ENTRY(due)	 entry;
	char			 domain[];
};

static STAILQ_HEAD(, due)	 dues = STAILQ_HEAD_INITIALIZER(dues);
static size_t			 ndues;
static struct event		*timer;
static uint32_t			 gap_ms;	/* between two */
static struct buf		 from;	/* where the next look begins */

int
sts_is_due(const struct rec_sts *r)
{
	uint64_t	 now = q_now(), every = r->max_age / 2;

	if (every > DAY)
		every = DAY;
	return (!sts_is_over(r) && r->used + r->max_age > now &&
	    r->checked + every <= now && (r->failed == 0 ||
	    r->failed + HOUR <= now));
}

static void
wait_next(void)
{
	uint32_t	 ms = arc4random_uniform(2 * gap_ms) + 1;
	struct timeval	 t = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

	if (timer != NULL && ndues > 0)
		event_add(timer, &t);
}

/* What came of it is in the record. */
static void
on_done(void *arg, enum sts_status status, struct span text)
{
	(void)arg;
	(void)status;
	(void)text;
}

size_t
sts_refresh(void)
{
	struct due	*d;
	struct rec_sts	 r;

	if ((d = STAILQ_FIRST(&dues)) == NULL)
		return (0);
	STAILQ_REMOVE_HEAD(&dues, entry);
	ndues--;
	if (sts_kept(d->domain, &r) && sts_is_due(&r))
		(void)sts_ask(d->domain, 0, on_done, NULL);
	free(d);
	return (ndues);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	(void)sts_refresh();
	wait_next();
}

int
sts_start(struct event_base *base)
{
	timer = event_new(base, -1, 0, on_timer, NULL);
	return (timer == NULL ? -1 : 0);
}

static void
add_due(struct span domain)
{
	struct due	*d;

	if ((d = calloc(1, sizeof(*d) + domain.n + 1)) == NULL)
		return;
	memcpy(d->domain, domain.p, domain.n);
	STAILQ_INSERT_TAIL(&dues, d, entry);
	ndues++;
}

/* A part of what is kept, from where the last one ended. */
static void
collect(void)
{
	struct dbenv_iter	 it;
	struct rec_sts		 r;
	struct span		 key, val;
	size_t			 looked = 0;
	int			 rc;

	if (ndues > 0)
		return;
	dbenv_iter_init(&it, q.sts, span_buf(&from), span_of("", 0));
	while ((rc = dbenv_iter_next(&it, &key, &val)) != 0) {
		if (rc == -1 && errno != EILSEQ) {
			rc = 0;
			break;
		}
		if (looked++ == LOOK_MOST || ndues == DUE_MOST)
			break;
		if (rc == 1 && sts_decode(val, &r) == 0 && sts_is_due(&r))
			add_due(key);
	}
	buf_reset(&from);
	if (rc != 0)
		buf_add_span(&from, key);
	dbenv_iter_free(&it);
	if (ndues > 0)
		gap_ms = HOUR * 1000 / (uint32_t)ndues;
	wait_next();
}

void
sts_sweep(void)
{
	struct dbenv_iter	 it;
	struct rec_sts		 r;
	struct span		 key, val;
	size_t			 n = 0;
	int			 rc;

	if (db_begin() == -1)
		return;
	dbenv_iter_init(&it, q.sts, span_of("", 0), span_of("", 0));
	while (n++ < KEPT_MOST &&
	    (rc = dbenv_iter_next(&it, &key, &val)) != 0) {
		if (rc == -1 && errno != EILSEQ)
			break;
		if ((rc == -1 || sts_decode(val, &r) == -1 ||
		    sts_is_over(&r)) && dbenv_del(q.sts, key) == -1)
			break;
	}
	dbenv_iter_free(&it);
	(void)db_end(0);
	collect();
}
