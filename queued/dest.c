/*
 * Destinations and their timer.  See dest.h.
 */
#include <event2/event.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "queued/dest.h"
#include "queued/queued.h"

#define LIMIT_DOMAIN	64	/* looking for their hop at once */
#define LIMIT_STORE	64	/* deliveries to one partition at once */
#define LIMIT_FIRST	4	/* at once, until some succeeded */
#define WORKS_S		2	/* a hop that works is remembered */
#define FAILS_S		3600	/* one that does not, after its back-off */
#define KNOWN_MAX	20000	/* with so many, none is remembered */
#define TROUBLE_MAX	256	/* octets kept of why */

static struct {
	void		 *tree;		/* by name */
	size_t		  n;
	struct dest	**heap;		/* by wake() */
	size_t		  nheap, cap;
	struct event	 *ev;
} s;

static int	 compare(const void *, const void *);
static void	 dest_free(struct dest *);
static uint64_t	 wake(const struct dest *);
static void	 sift(struct dest *, size_t);
static void	 timer_place(struct dest *);
static void	 timer_remove(struct dest *);
static void	 timer_arm(void);
static void	 on_timer(evutil_socket_t, short, void *);

/* ---- by name -------------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	const struct dest	*x = a, *y = b;

	return (strcmp(x->name, y->name));
}

static int
is_hop(const struct dest *d)
{
	return (d->name[0] == '@' || d->name[0] == '>');
}

struct dest *
dest_of(const char *name)
{
	struct dest	*d, **found, key = { 0 };

	if ((key.name = strdup(name)) == NULL)
		return (NULL);
	if ((found = tfind(&key, &s.tree, compare)) != NULL) {
		free(key.name);
		return (*found);
	}
	if ((d = calloc(1, sizeof(*d))) == NULL) {
		free(key.name);
		return (NULL);
	}
	d->name = key.name;
	d->limit = d->most = name[0] == '@' ? LIMIT_STORE :
	    name[0] == '>' ? LIMIT_FIRST : LIMIT_DOMAIN;
	d->group = MSG_RCPTS_MAX;
	if (tsearch(d, &s.tree, compare) == NULL) {
		free(d->name);
		free(d);
		return (NULL);
	}
	s.n++;
	return (d);
}

/* FNV-1a. */
struct dest *
dest_of_domain(struct span domain)
{
	uint32_t	 h = 2166136261u;
	size_t		 i;
	char		 name[16];

	for (i = 0; i < domain.n; i++)
		h = (h ^ domain.p[i]) * 16777619u;
	snprintf(name, sizeof(name), "#%u", (h ^ h >> 16) % DEST_DOMAINS);
	return (dest_of(name));
}

static void
dest_free(struct dest *d)
{
	timer_remove(d);
	tdelete(d, &s.tree, compare);
	s.n--;
	items_free(&d->items);
	free(d->trouble);
	free(d->name);
	free(d);
}

size_t
dest_count(void)
{
	return (s.n);
}

/* ---- limits and back-off -------------------------------------------------- */

int
dest_open(const struct dest *d, uint64_t due)
{
	return (due <= d->doomed || (d->items.n == 0 && d->blocked == NULL &&
	    d->inflight < d->limit && d->not_before <= q_now()));
}

void
dest_limits(struct dest *d, unsigned most, unsigned group)
{
	d->most = most;
	if (d->limit > most)
		d->limit = most;
	d->group = group;
}

void
dest_failed(struct dest *d, unsigned first, unsigned most)
{
	uint64_t	 wait = first;
	unsigned	 i;

	for (i = 0; i < d->failures && wait < most; i++)
		wait *= 2;
	if (d->not_before > q_now())
		return;		/* several at once failed: one failure */
	d->failures++;
	d->not_before = q_now() + (wait < most ? wait : most);
	d->known = d->not_before + FAILS_S;
	if (d->limit > LIMIT_FIRST && d->name[0] == '>')
		d->limit = LIMIT_FIRST;
}

void
dest_trouble(struct dest *d, struct span why)
{
	struct buf	 b = { 0 };

	if (d->failures < 2)
		return;
	buf_adds(&b, "not tried, nobody there took anything: ");
	buf_add_span(&b, span_of(why.p, why.n < TROUBLE_MAX ? why.n :
	    TROUBLE_MAX));
	free(d->trouble);
	d->trouble = span_dup(span_buf(&b));
	buf_free(&b);
	if (d->trouble != NULL)
		d->doomed = q_now();
}

void
dest_works(struct dest *d)
{
	d->failures = 0;
	d->not_before = 0;
	d->doomed = 0;
	d->known = q_now() + WORKS_S;
	if (d->limit < d->most)
		d->limit++;
}

/* ---- when ----------------------------------------------------------------- */

/* When something is to be done about it. */
static uint64_t
wake(const struct dest *d)
{
	const struct item	*first = d->items.v;

	if (d->items.n == 0)
		return (d->known);
	return (first->due > d->not_before || first->due <= d->doomed ?
	    first->due : d->not_before);
}

/* Where it belongs in the timer's heap, from where it is. */
static void
sift(struct dest *d, size_t i)
{
	size_t	 up, k;

	for (; i > 0 && wake(d) < wake(s.heap[up = (i - 1) / 2]); i = up) {
		s.heap[i] = s.heap[up];
		s.heap[i]->place = i + 1;
	}
	for (; (k = 2 * i + 1) < s.nheap; i = k) {
		if (k + 1 < s.nheap && wake(s.heap[k + 1]) < wake(s.heap[k]))
			k++;
		if (wake(s.heap[k]) >= wake(d))
			break;
		s.heap[i] = s.heap[k];
		s.heap[i]->place = i + 1;
	}
	s.heap[i] = d;
	d->place = i + 1;
}

static void
timer_remove(struct dest *d)
{
	struct dest	*last;
	size_t		 i = d->place - 1;

	if (d->place == 0)
		return;
	d->place = 0;
	last = s.heap[--s.nheap];
	if (last != d)
		sift(last, i);
}

static void
timer_place(struct dest *d)
{
	struct dest	**v;
	size_t		  cap;

	if (d->place == 0) {
		if (s.nheap == s.cap) {
			cap = s.cap == 0 ? 64 : s.cap * 2;
			v = reallocarray(s.heap, cap, sizeof(struct dest *));
			if (v == NULL) {
				log_error("no memory for the schedule");
				exit(1);
			}
			s.heap = v;
			s.cap = cap;
		}
		d->place = ++s.nheap;
	}
	sift(d, d->place - 1);
}

static void
timer_arm(void)
{
	struct timeval	 tv = { 0, 0 };
	uint64_t	 now = q_now(), w;

	if (s.nheap == 0) {
		event_del(s.ev);
		return;
	}
	w = wake(s.heap[0]);
	tv.tv_sec = w <= now ? 0 : w - now > 60 ? 60 : (time_t)(w - now);
	event_add(s.ev, &tv);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	while (s.nheap > 0 && wake(s.heap[0]) <= q_now())
		dest_update(s.heap[0]);
	timer_arm();
}

/* On the list it belongs on; nothing of it is used after this. */
void
dest_update(struct dest *d)
{
	uint64_t	 now = q_now();
	int		 waits, idle;

	waits = d->items.n > 0 && d->inflight < d->limit &&
	    d->blocked == NULL;
	idle = d->items.n == 0 && d->attempts == 0 && d->blocked == NULL;
	if (waits && wake(d) <= now) {
		timer_remove(d);
		sched_ready(d);
		return;
	}
	sched_unready(d);
	if (waits || (idle && is_hop(d) && d->known > now &&
	    s.n <= KNOWN_MAX)) {
		timer_place(d);
		timer_arm();
	} else if (idle)
		dest_free(d);
	else
		timer_remove(d);
}

void
dest_kick(void)
{
	struct dest	**v = s.heap;
	size_t		  i, n = s.nheap;

	s.heap = NULL;
	s.nheap = s.cap = 0;
	for (i = 0; i < n; i++) {
		v[i]->place = 0;
		v[i]->not_before = v[i]->doomed = 0;
	}
	for (i = 0; i < n; i++)
		dest_update(v[i]);
	free(v);
}

int
dest_start(struct event_base *base)
{
	s.ev = event_new(base, -1, 0, on_timer, NULL);
	return (s.ev == NULL ? -1 : 0);
}
