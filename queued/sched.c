/*
 * Turns of destinations.  See sched.h.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "log.h"
#include "queued/attempt.h"
#include "queued/report.h"
#include "queued/sched.h"

#define GROUP_MAX	MSG_RCPTS_MAX

static TAILQ_HEAD(, dest)	 ready = TAILQ_HEAD_INITIALIZER(ready);
static size_t			 waiting;
static struct event		*run_ev;

static void	 run_soon(void);
static void	 on_run(evutil_socket_t, short, void *);
static void	 serve(struct dest *);

/* ---- recipients ----------------------------------------------------------- */

void
sched_push(struct dest *d, uint64_t msg, uint32_t n, uint64_t due)
{
	struct item	 it = { msg, n, (uint32_t)due };

	if (items_push(&d->items, &it) == -1) {
		/* It stays in the database, until the next start. */
		log_error("no memory for the schedule");
		exit(1);
	}
	waiting++;
	dest_update(d);
}

void
sched_add(uint64_t msg, uint32_t n, const struct rec_rcpt *r)
{
	struct dest	*d;
	char		 store[16];

	if (r->state != RS_QUEUED || (r->flags & RF_DELAYED) != 0)
		report_pending(msg);
	if (r->state != RS_QUEUED || (r->flags & RF_HELD) != 0)
		return;
	snprintf(store, sizeof(store), "@%u", r->partition);
	d = r->kind == RK_LOCAL ? dest_of(store) : dest_of_domain(r->dest);
	if (d == NULL) {
		log_error("no memory for the schedule");
		exit(1);
	}
	sched_push(d, msg, n, r->next);
}

void
sched_again(uint64_t msg, uint32_t n)
{
	struct q_rcpt	 r;

	if (db_rcpt(msg, n, &r) == -1)
		return;
	sched_add(msg, n, &r.r);
	db_rcpt_free(&r);
}

size_t
sched_items(void)
{
	return (waiting);
}

/* ---- turns ---------------------------------------------------------------- */

static void
run_soon(void)
{
	static const struct timeval	 at_once = { 0, 0 };

	if (!event_pending(run_ev, EV_TIMEOUT, NULL))
		event_add(run_ev, &at_once);
}

void
sched_ready(struct dest *d)
{
	if (!d->ready) {
		d->ready = 1;
		TAILQ_INSERT_TAIL(&ready, d, ready_entry);
	}
	run_soon();
}

void
sched_unready(struct dest *d)
{
	if (d->ready) {
		d->ready = 0;
		TAILQ_REMOVE(&ready, d, ready_entry);
	}
}

/* The first that is due, with the others of that message. */
static void
serve(struct dest *d)
{
	struct item	 group[GROUP_MAX];
	uint64_t	 now = q_now();
	size_t		 n = 0;

	do
		items_pop(&d->items, &group[n++]);
	while (n < d->group && n < nitems(group) && d->items.n > 0 &&
	    d->items.v[0].msg == group[0].msg && d->items.v[0].due <= now);
	waiting -= n;
	attempt_begin(d, group, n);
}

uint64_t
sched_microseconds(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return ((uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000);
}

static void
on_run(evutil_socket_t fd, short what, void *arg)
{
	uint64_t	 until = sched_microseconds() + SLICE_US;
	struct dest	*d;
	int		 more;

	(void)fd;
	(void)what;
	(void)arg;
	more = recover();
	while ((d = TAILQ_FIRST(&ready)) != NULL) {
		sched_unready(d);
		d->attempts++;		/* it stays while it is served */
		serve(d);
		d->attempts--;
		dest_update(d);
		if (sched_microseconds() >= until)
			break;
	}
	if (more || !TAILQ_EMPTY(&ready))
		run_soon();
}

int
sched_start(struct event_base *base)
{
	run_ev = event_new(base, -1, 0, on_run, NULL);
	if (run_ev == NULL || dest_start(base) == -1)
		return (-1);
	recover_start();
	run_soon();
	return (0);
}
