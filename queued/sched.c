/*
 * Destinations and their turns.  See sched.h.
 */
#include <errno.h>
#include <event2/event.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "queued/attempt.h"
#include "queued/change.h"
#include "queued/report.h"
#include "queued/sched.h"

#define SLICE_US	5000	/* of one turn of the loop */
#define GROUP_MAX	MSG_RCPTS_MAX
#define LIMIT_FIRST	10	/* at once, until a transport says */
#define LIMIT_STORE	64	/* deliveries to one partition at once */

TAILQ_HEAD(dests, dest);

static struct {
	void		 *tree;		/* by name */
	struct dest	**timer;	/* a heap by wake() */
	size_t		 ntimer, captimer;
	struct dests	 ready;
	size_t		 items, dests;
	struct event	*run_ev, *timer_ev;
	/* what is in the database at the start, read in slices */
	struct dbenv_iter it;
	int		 recovering;
	uint64_t	 new;		/* messages from here on came since */
	uint64_t	 found;
} s;

static int		 compare(const void *, const void *);
static struct dest	*dest_get(const char *);
static void		 dest_free(struct dest *);
static uint64_t		 wake(const struct dest *);
static void		 timer_place(struct dest *);
static void		 timer_remove(struct dest *);
static void		 timer_arm(void);
static void		 on_timer(evutil_socket_t, short, void *);
static void		 on_run(evutil_socket_t, short, void *);
static void		 serve(struct dest *);
static int		 recover(void);
static void		 recovered(uint64_t, uint32_t, struct rec_rcpt *);

/* ---- heaps ---------------------------------------------------------------- */

static int
item_before(const struct item *a, const struct item *b)
{
	if (a->due != b->due)
		return (a->due < b->due);
	if (a->msg != b->msg)
		return (a->msg < b->msg);
	return (a->n < b->n);
}

static int
items_push(struct dest *d, const struct item *it)
{
	struct item	*v;
	size_t		 i, up, cap;

	if (d->n == d->cap) {
		cap = d->cap == 0 ? 4 : d->cap * 2;
		if ((v = reallocarray(d->items, cap, sizeof(*v))) == NULL)
			return (-1);
		d->items = v;
		d->cap = cap;
	}
	for (i = d->n++; i > 0; i = up) {
		up = (i - 1) / 2;
		if (!item_before(it, &d->items[up]))
			break;
		d->items[i] = d->items[up];
	}
	d->items[i] = *it;
	s.items++;
	return (0);
}

static void
items_pop(struct dest *d, struct item *it)
{
	struct item	 last, *v;
	size_t		 i, k;

	*it = d->items[0];
	last = d->items[--d->n];
	s.items--;
	for (i = 0; (k = 2 * i + 1) < d->n; i = k) {
		if (k + 1 < d->n && item_before(&d->items[k + 1],
		    &d->items[k]))
			k++;
		if (!item_before(&d->items[k], &last))
			break;
		d->items[i] = d->items[k];
	}
	if (d->n > 0)
		d->items[i] = last;
	if (d->cap > 64 && d->n < d->cap / 4 && (v = reallocarray(d->items,
	    d->cap / 2, sizeof(*v))) != NULL) {
		d->items = v;
		d->cap /= 2;
	}
}

static uint64_t
wake(const struct dest *d)
{
	return (d->items[0].due > d->not_before ||
	    d->items[0].due <= d->doomed ? d->items[0].due : d->not_before);
}

/* Where it belongs in the timer's heap, from where it is. */
static void
timer_sift(struct dest *d, size_t i)
{
	size_t	 up, k;

	for (; i > 0 && wake(d) < wake(s.timer[up = (i - 1) / 2]); i = up) {
		s.timer[i] = s.timer[up];
		s.timer[i]->place = i + 1;
	}
	for (; (k = 2 * i + 1) < s.ntimer; i = k) {
		if (k + 1 < s.ntimer && wake(s.timer[k + 1]) <
		    wake(s.timer[k]))
			k++;
		if (wake(s.timer[k]) >= wake(d))
			break;
		s.timer[i] = s.timer[k];
		s.timer[i]->place = i + 1;
	}
	s.timer[i] = d;
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
	last = s.timer[--s.ntimer];
	if (last != d)
		timer_sift(last, i);
}

static void
timer_place(struct dest *d)
{
	struct dest	**v;
	size_t		 cap;

	if (d->place == 0) {
		if (s.ntimer == s.captimer) {
			cap = s.captimer == 0 ? 64 : s.captimer * 2;
			v = reallocarray(s.timer, cap, sizeof(struct dest *));
			if (v == NULL) {
				log_error("no memory for the schedule");
				exit(1);
			}
			s.timer = v;
			s.captimer = cap;
		}
		d->place = ++s.ntimer;
	}
	timer_sift(d, d->place - 1);
}

/* ---- destinations --------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	const struct dest	*x = a, *y = b;

	return (strcmp(x->name, y->name));
}

static struct dest *
dest_get(const char *name)
{
	struct dest	*d, key = { 0 }, **found;

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
	d->limit = name[0] == '@' ? LIMIT_STORE : LIMIT_FIRST;
	d->group = GROUP_MAX;
	if (tsearch(d, &s.tree, compare) == NULL) {
		free(d->name);
		free(d);
		return (NULL);
	}
	s.dests++;
	return (d);
}

static void
dest_free(struct dest *d)
{
	timer_remove(d);
	tdelete(d, &s.tree, compare);
	s.dests--;
	free(d->items);
	buf_free(&d->trouble);
	free(d->name);
	free(d);
}

/* On the list it belongs on; nothing of it is used after this. */
void
dest_update(struct dest *d)
{
	static const struct timeval	 at_once = { 0, 0 };
	uint64_t			 now = q_now();
	int				 waits;

	waits = d->n > 0 && d->inflight < d->limit && d->blocked == NULL;
	if (waits && wake(d) <= now) {
		timer_remove(d);
		if (!d->ready) {
			d->ready = 1;
			TAILQ_INSERT_TAIL(&s.ready, d, ready_entry);
		}
		if (!event_pending(s.run_ev, EV_TIMEOUT, NULL))
			event_add(s.run_ev, &at_once);
		return;
	}
	if (d->ready) {
		d->ready = 0;
		TAILQ_REMOVE(&s.ready, d, ready_entry);
	}
	if (waits) {
		timer_place(d);
		timer_arm();
	} else {
		timer_remove(d);
		if (d->n == 0 && d->attempts == 0 && d->blocked == NULL)
			dest_free(d);
	}
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
}

void
dest_trouble(struct dest *d, struct span why)
{
	if (d->failures < 2)
		return;
	buf_reset(&d->trouble);
	d->trouble.max = Q_TEXT_MAX;
	buf_adds(&d->trouble, "not tried, nobody was reached there: ");
	buf_add_span(&d->trouble, span_of(why.p, why.n < 256 ? why.n : 256));
	d->doomed = q_now();
}

void
dest_works(struct dest *d)
{
	d->failures = 0;
	d->not_before = 0;
	d->doomed = 0;
}

void
sched_kick(void)
{
	struct dest	**v = s.timer;
	size_t		  i, n = s.ntimer;

	s.timer = NULL;
	s.ntimer = s.captimer = 0;
	for (i = 0; i < n; i++) {
		v[i]->place = 0;
		v[i]->not_before = v[i]->doomed = 0;
	}
	for (i = 0; i < n; i++)
		dest_update(v[i]);
	free(v);
}

size_t
sched_items(void)
{
	return (s.items);
}

size_t
sched_dests(void)
{
	return (s.dests);
}

/* ---- recipients ----------------------------------------------------------- */

void
sched_push(struct dest *d, uint64_t msg, uint32_t n, uint64_t due)
{
	struct item	 it = { msg, n, (uint32_t)due };

	if (items_push(d, &it) == -1) {
		/* It stays in the database, until the next start. */
		log_error("no memory for the schedule");
		exit(1);
	}
	dest_update(d);
}

void
sched_add(uint64_t msg, uint32_t n, const struct rec_rcpt *r)
{
	struct dest	*d;
	struct buf	 name = { 0 };

	if (r->state != RS_QUEUED || (r->flags & RF_DELAYED) != 0)
		report_pending(msg);
	if (r->state != RS_QUEUED || (r->flags & RF_HELD) != 0)
		return;
	if (r->kind == RK_LOCAL)
		buf_addf(&name, "@%u", r->partition);
	else
		buf_add_span(&name, r->dest);
	if (buf_cstr(&name) == NULL || (d = dest_get(buf_cstr(&name))) ==
	    NULL) {
		log_error("no memory for the schedule");
		exit(1);
	}
	buf_free(&name);
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

/* ---- turns ---------------------------------------------------------------- */

static void
timer_arm(void)
{
	struct timeval	 tv = { 0, 0 };
	uint64_t	 now = q_now(), w;

	if (s.ntimer == 0) {
		event_del(s.timer_ev);
		return;
	}
	w = wake(s.timer[0]);
	tv.tv_sec = w <= now ? 0 : w - now > 60 ? 60 : (time_t)(w - now);
	event_add(s.timer_ev, &tv);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	while (s.ntimer > 0 && wake(s.timer[0]) <= q_now())
		dest_update(s.timer[0]);
	timer_arm();
}

/* The first that is due, with the others of that message. */
static void
serve(struct dest *d)
{
	struct item	 group[GROUP_MAX];
	uint64_t	 now = q_now();
	size_t		 n = 0;

	do
		items_pop(d, &group[n++]);
	while (n < d->group && n < nitems(group) && d->n > 0 &&
	    d->items[0].msg == group[0].msg && d->items[0].due <= now);
	attempt_begin(d, group, n, group[0].due <= d->doomed);
}

static uint64_t
microseconds(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return ((uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000);
}

static void
on_run(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	 at_once = { 0, 0 };
	uint64_t			 until = microseconds() + SLICE_US;
	struct dest			*d;
	int				 more;

	(void)fd;
	(void)what;
	(void)arg;
	more = s.recovering ? recover() : 0;
	while ((d = TAILQ_FIRST(&s.ready)) != NULL) {
		TAILQ_REMOVE(&s.ready, d, ready_entry);
		d->ready = 0;
		d->attempts++;		/* it stays while it is served */
		serve(d);
		d->attempts--;
		dest_update(d);
		if (microseconds() >= until)
			break;
	}
	if (more || !TAILQ_EMPTY(&s.ready))
		event_add(s.run_ev, &at_once);
}

/* ---- the start ------------------------------------------------------------ */

/* One that a worker had when we died may have been delivered. */
static void
recovered(uint64_t msg, uint32_t n, struct rec_rcpt *r)
{
	uint64_t	 now = q_now();
	struct q_rcpt	 fresh = { 0 };
	char		 id[Q_ID];

	/* What the iterator shows may be old by now: somebody had it tried. */
	if ((r->flags & RF_STARTED) != 0) {
		if (attempt_running(msg, n) || db_rcpt(msg, n, &fresh) == -1)
			return;
		r = &fresh.r;
	}
	if (r->release == 0 || r->next > r->release)
		r->next = schedule_clamp(&proc_conf()->schedule, r->next,
		    now);
	if ((r->flags & RF_STARTED) != 0) {
		r->flags &= (uint8_t)~RF_STARTED;
		r->flags |= RF_DUPLICATE;
		if (++r->lost < 3 && r->next > now)
			r->next = now;
		log_warn("%s: possible duplicate to=<%s>: an attempt was cut "
		    "off, it may have been delivered", q_id(id, msg, n),
		    log_esc(r->address));
		if (db_begin() == -1 || db_end(db_rcpt_put(msg, n, r)) == -1)
			log_error("queue: %s", dbenv_error(q.env));
	}
	if (!CHANGE_OWED(r) || attempt_running(msg, n) ||
	    change_owed(msg, n) == 0)
		sched_add(msg, n, r);
	db_rcpt_free(&fresh);
}

static int
recover(void)
{
	struct span	 key, val;
	struct rec_rcpt	 r;
	uint64_t	 msg, until = microseconds() + SLICE_US;
	uint32_t	 n;
	int		 rc;

	while ((rc = dbenv_iter_next(&s.it, &key, &val)) != 0) {
		if (rc == -1 || key_rcpt_get(key, &msg, &n) == -1 ||
		    db_rcpt_decode(val, &r) == -1) {
			if (key.n == 0) {
				log_error("queue: not all of it can be read: "
				    "%s", dbenv_error(q.env));
				break;
			}
			log_error("queue: a recipient's record is damaged: "
			    "letterctl verify");
			continue;
		}
		if (msg >= s.new)
			break;
		recovered(msg, n, &r);
		if ((++s.found & 63) == 0 && microseconds() >= until)
			return (1);
	}
	dbenv_iter_free(&s.it);
	s.recovering = 0;
	if (s.found > 0)
		log_info("%llu recipients wait in the queue",
		    (unsigned long long)s.found);
	return (0);
}

int
sched_start(struct event_base *base)
{
	static const struct timeval	 at_once = { 0, 0 };

	TAILQ_INIT(&s.ready);
	s.run_ev = event_new(base, -1, 0, on_run, NULL);
	s.timer_ev = event_new(base, -1, 0, on_timer, NULL);
	if (s.run_ev == NULL || s.timer_ev == NULL)
		return (-1);
	dbenv_iter_init(&s.it, q.rcpt, span_of(NULL, 0), span_of(NULL, 0));
	s.recovering = 1;
	s.new = q.next_num;
	return (event_add(s.run_ev, &at_once));
}
