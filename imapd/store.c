/*
 * The store without its links: works in slices, the tick, partitions.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "imapd/ending.h"
#include "imapd/session.h"
#include "imapd/store.h"

#define TICK_S	5

static void	 run_works(evutil_socket_t, short, void *);
static void	 tick(evutil_socket_t, short, void *);

uint64_t
store_us(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return ((uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000);
}

uint64_t
store_now(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return ((uint64_t)t.tv_sec);
}

uint64_t
store_time(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_REALTIME_COARSE, &t);
	return ((uint64_t)t.tv_sec);
}

int
store_init(struct store *st, struct event_base *base)
{
	static const struct store_limits	 defaults = {
		.line = 65536, .literals = 1024 * 1024, .nliterals = 1000,
		.out_high = 256 * 1024, .out_low = 64 * 1024,
		.sessions = 200, .autologout = 1860, .still_here = 110,
		.progress = 10,
		.stalled = 300, .bad = 20, .slice = 500, .filter_pause = 250,
		.mailboxes = 10000,
		.memory = 512u << 20, .memory_one = 384u << 20,
	};
	static const struct timeval	 every = { TICK_S, 0 };

	memset(st, 0, sizeof(*st));
	st->base = base;
	st->limits = defaults;
	st->hostname = "localhost";
	st->step_session = 1;
	TAILQ_INIT(&st->sessions);
	TAILQ_INIT(&st->shares);
	TAILQ_INIT(&st->share.works);
	event_assign(&st->work_ev, base, -1, 0, run_works, st);
	event_assign(&st->tick_ev, base, -1, EV_PERSIST, tick, st);
	return (event_add(&st->tick_ev, &every));
}

void
store_free(struct store *st)
{
	struct session	*s;
	size_t		 i;

	while ((s = TAILQ_FIRST(&st->sessions)) != NULL)
		session_free(s);
	for (i = 0; i < st->nparts; i++) {
		ending_stop(st->parts[i]);
		part_close(st->parts[i]);
	}
	free(st->parts);
	free(st->away);
	free(st->own);
	st->own = NULL;
	st->nown = 0;
	st->parts = NULL;
	st->away = NULL;
	st->nparts = st->naway = 0;
	event_del(&st->work_ev);
	event_del(&st->tick_ev);
}

struct part *
store_part(struct store *st, unsigned num)
{
	size_t	 i;

	for (i = 0; i < st->nparts; i++)
		if (st->parts[i]->num == num)
			return (st->parts[i]);
	return (NULL);
}

void
store_work(struct store *st, struct work *w)
{
	static const struct timeval	 soon = { 0, 0 };
	struct share			*s;

	if (w->queued)
		return;
	w->queued = 1;
	if (w->share == NULL)
		w->share = &st->share;
	s = w->share;
	if (TAILQ_EMPTY(&s->works))
		TAILQ_INSERT_TAIL(&st->shares, s, entry);
	TAILQ_INSERT_TAIL(&s->works, w, entry);
	/* By the timer, so that sockets are looked at between two turns. */
	if (!event_pending(&st->work_ev, EV_TIMEOUT, NULL))
		event_add(&st->work_ev, &soon);
}

void
store_unwork(struct store *st, struct work *w)
{
	if (!w->queued)
		return;
	w->queued = 0;
	TAILQ_REMOVE(&w->share->works, w, entry);
	if (TAILQ_EMPTY(&w->share->works))
		TAILQ_REMOVE(&st->shares, w->share, entry);
}

/* Whose turn it is; the share is behind the others then. */
static struct work *
next_work(struct store *st)
{
	struct share	*s = TAILQ_FIRST(&st->shares);
	struct work	*w;

	if (s == NULL)
		return (NULL);
	w = TAILQ_FIRST(&s->works);
	TAILQ_REMOVE(&st->shares, s, entry);
	TAILQ_INSERT_TAIL(&st->shares, s, entry);
	store_unwork(st, w);
	return (w);
}

/* Each in its turn, for as long as one turn of the loop may take. */
static void
run_works(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	 soon = { 0, 0 };
	struct store			*st = arg;
	struct work			*w;
	uint64_t			 until = store_us() + st->limits.slice;

	(void)fd;
	(void)what;
	while ((w = next_work(st)) != NULL) {
		if (w->run(w) == 1)
			store_work(st, w);
		if (store_us() >= until)
			break;
	}
	if (!TAILQ_EMPTY(&st->shares))
		event_add(&st->work_ev, &soon);
}

static void
tick(evutil_socket_t fd, short what, void *arg)
{
	struct store	*st = arg;
	struct session	*s, *next;
	size_t		 i;

	(void)fd;
	(void)what;
	for (s = TAILQ_FIRST(&st->sessions); s != NULL; s = next) {
		next = TAILQ_NEXT(s, entry);
		session_tick(s);
	}
	for (i = 0; i < st->nparts; i++)
		part_tick(st->parts[i]);
}
