/*
 * Making filters, behind deliveries, in slices.  It begins when a pause
 * went by in which few messages came, or when a search misses one; until then
 * deliveries, and after that sessions at work, go first.  See filter.h.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "imapd/filter.h"
#include "imapd/letter.h"
#include "imapd/store.h"

#define SLICE_US	500
#define MANY		100	/* messages in a tick; then it waits */
#define FEW		5	/* messages in a pause, when it begins */
#define YIELDS		9	/* turns left to others, to one of its own */
#define GROUP		20	/* bodies in one transaction, at most */

struct filter_maker {
	struct work	 work;
	struct part	*part;
	int		 loaded;
	int		 wanted;	/* a search missed one */
	int		 resting;	/* until the next tick: it failed */
	uint64_t	 at;		/* all up to it are made */
	uint64_t	 seen;		/* messages, at the last tick */
	uint64_t	 came;		/* likewise, when the pause began */
	struct event	 pause;
	unsigned	 yielded;

	/* the body at work */
	struct letter	 letter;
	int		 busy;
	struct filter_build *build;	/* once its tree is there */

	/* made and not yet written */
	struct buf	 records;
	struct {
		uint64_t	 body;
		size_t		 end;	/* in records */
	} made[GROUP];
	unsigned	 n;
};

static int	 run(struct work *);
static int	 yield(struct filter_maker *);
static uint64_t	 messages(struct filter_maker *);
static void	 paused(evutil_socket_t, short, void *);
static int	 load(struct filter_maker *);
static int	 keep(struct filter_maker *, uint64_t);
static void	 idle(struct filter_maker *);
static int	 step(struct filter_maker *);
static int	 make(struct filter_maker *, uint64_t, uint64_t);
static void	 begin(struct filter_maker *);

/* How far it is, if that was by this version. */
static int
load(struct filter_maker *f)
{
	struct span	 v;
	uint8_t		 k[8];

	if (f->loaded)
		return (0);
	if (dbenv_get(f->part->filter, key_u64(k, 0), &v) == -1) {
		if (errno != ENOENT && errno != EILSEQ)
			return (-1);
	} else if (!filter_head(&v, f->part->store->charsets) ||
	    span_get_u64(&v, &f->at) == -1)
		f->at = 0;
	f->loaded = 1;
	return (0);
}

/* Write what was made, and that all up to there are. */
static int
keep(struct filter_maker *f, uint64_t at)
{
	struct dbenv	*env = f->part->env;
	struct buf	 how = { 0 };
	size_t		 begin = 0;
	unsigned	 i;
	uint8_t		 k[8];
	int		 rc = -1;

	if (!dbenv_writable(env) || dbenv_begin(env) == -1)
		goto out;
	if (filter_head_put(&how, f->part->store->charsets) == -1 ||
	    buf_put_u64(&how, at) == -1 ||
	    dbenv_put(f->part->filter, key_u64(k, 0), span_buf(&how)) == -1)
		goto abort;
	for (i = 0; i < f->n; begin = f->made[i++].end)
		if (filter_put(f->part, f->made[i].body, span_of(
		    f->records.p + begin, f->made[i].end - begin)) == -1)
			goto abort;
	if ((rc = dbenv_commit(env)) == 0)
		f->at = at;
	goto out;
abort:
	dbenv_abort(env);
out:
	buf_free(&how);
	buf_reset(&f->records);
	f->n = 0;
	return (rc);
}

/* The body at work is gone, or done. */
static void
idle(struct filter_maker *f)
{
	filter_build_free(f->build);
	f->build = NULL;
	f->busy = 0;
}

/* As filter_build_step(). */
static int
step(struct filter_maker *f)
{
	int	 rc;

	if (f->build != NULL)
		return (filter_build_step(f->build, &f->records));
	if ((rc = letter_need(&f->letter, READY_BIT(READY_TREE))) != 0)
		return (rc);
	f->build = filter_build_new(f->letter.tree, &f->letter.source,
	    f->part->store->charsets);
	return (f->build == NULL ? -1 : 1);
}

/* Go on with that body: 0 it is made, 1 later, -1. */
static int
make(struct filter_maker *f, uint64_t body, uint64_t until)
{
	struct msgrec		 r = { .body = body };
	struct body_info	 info;
	int			 rc;

	if (!f->busy) {
		if (body_stat(f->part->bodies, body, &info) == -1)
			return (0);
		r.size = (uint32_t)info.size;
		letter_open(&f->letter, f->part, &r);
		f->busy = 1;
	}
	while ((rc = step(f)) == 1)
		if (store_us() >= until)
			return (1);
	idle(f);
	if (rc == -1) {		/* none, so that it is not tried again */
		buf_truncate(&f->records, f->n == 0 ? 0 :
		    f->made[f->n - 1].end);
		if (filter_head_put(&f->records,
		    f->part->store->charsets) == -1)
			return (-1);
	}
	f->made[f->n].body = body;
	f->made[f->n++].end = f->records.n;
	return (0);
}

/* Who searches for what is missing does not wait for nothing. */
static int
yield(struct filter_maker *f)
{
	if (f->wanted || f->yielded++ == YIELDS ||
	    TAILQ_EMPTY(&f->part->store->shares)) {
		f->yielded = 0;
		return (0);
	}
	return (1);
}

static int
run(struct work *w)
{
	struct filter_maker	*f = (void *)((uint8_t *)w -
				    offsetof(struct filter_maker, work));
	uint64_t		 until = store_us() + SLICE_US, at, body;
	int			 rc, more, all = 0;

	if (yield(f))
		return (1);
	if (!dbenv_writable(f->part->env) || load(f) == -1) {
		f->resting = 1;
		return (0);
	}
	for (at = f->at, more = 1; more && f->n < GROUP; at = body) {
		if (store_us() >= until)
			break;
		if (body_next(f->part->bodies, at, &body) == -1 ||
		    body == 0) {
			idle(f);	/* the one at work is gone */
			all = 1;
			break;
		}
		if (f->busy && body != f->letter.rec.body)
			idle(f);
		if (!f->busy && filter_has(f->part, body))
			continue;
		if ((rc = make(f, body, until)) == 1)
			break;
		if (rc == -1)
			more = 0;
	}
	if (f->at == at && f->n == 0)
		more = more && !all;
	else if (keep(f, at) == -1) {
		f->resting = 1;
		more = 0;
	}
	if (!more) {
		f->wanted = 0;
		idle(f);
		letter_close(&f->letter);
	}
	return (more);
}

struct filter_maker *
filter_maker_new(struct part *p)
{
	struct filter_maker	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return (NULL);
	f->work.run = run;
	f->part = p;
	return (f);
}

void
filter_maker_free(struct filter_maker *f)
{
	if (f == NULL)
		return;
	store_unwork(f->part->store, &f->work);
	if (event_initialized(&f->pause))
		event_del(&f->pause);
	idle(f);
	letter_close(&f->letter);
	buf_free(&f->records);
	free(f);
}

/* What failed, with a full disk say, would fail at once again. */
static void
begin(struct filter_maker *f)
{
	if (!f->resting)
		store_work(f->part->store, &f->work);
}

/* How many came since the partition was opened. */
static uint64_t
messages(struct filter_maker *f)
{
	struct body_stats	 st;

	body_stats(f->part->bodies, &st);
	return (st.in_small + st.in_big);
}

static void
paused(evutil_socket_t fd, short what, void *arg)
{
	struct filter_maker	*f = arg;

	(void)fd;
	(void)what;
	if (messages(f) - f->came > FEW)
		filter_soon(f->part);
	else
		begin(f);
}

void
filter_soon(struct part *p)
{
	struct filter_maker	*f = p->filters;
	unsigned		 ms = p->store->limits.filter_pause;
	struct timeval		 tv = { ms / 1000, ms % 1000 * 1000 };

	if (ms == 0)
		return;
	if (!event_initialized(&f->pause))
		event_assign(&f->pause, p->store->base, -1, 0, paused, f);
	if (event_pending(&f->pause, EV_TIMEOUT, NULL))
		return;
	f->came = messages(f);
	event_add(&f->pause, &tv);
}

void
filter_missed(struct part *p, uint64_t body)
{
	struct filter_maker	*f = p->filters;

	f->wanted = 1;
	if (f->loaded && body > 0 && body <= f->at)
		f->at = body - 1;
	if (p->store->limits.filter_pause != 0)
		begin(f);
}

void
filter_tick(struct part *p)
{
	struct filter_maker	*f = p->filters;
	uint64_t		 n = messages(f) - f->seen;

	f->seen += n;
	f->resting = 0;
	if (n <= MANY || f->wanted)
		begin(f);
}

int
filter_all(struct part *p)
{
	while (run(&p->filters->work) == 1)
		continue;
	return (0);
}
