/*
 * Going through the messages of a set.  See targets.h.
 */
#include <stdlib.h>
#include <string.h>

#include "imapd/targets.h"

static size_t	 gone_at(const struct seen *, uint32_t);
static void	 place(struct targets *, const struct seen *, uint32_t);

static size_t
gone_at(const struct seen *n, uint32_t uid)
{
	size_t	 lo = 0, hi = n->ngone, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (n->gone[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo);
}

static int
has_star(const struct seqset *set)
{
	size_t	 i;

	for (i = 0; i < set->n; i++)
		if (set->r[i].lo == 0 || set->r[i].hi == 0)
			return (1);
	return (0);
}

/* UIDs grow with the numbers, so a range stays a range. */
int
targets_resolve(struct seqset *set, const struct seen *n, int uid)
{
	uint32_t	 count = seen_count(n);
	size_t		 i, to = 0;
	int		 beyond = 0;

	if (uid) {
		seqset_resolve(set, count == 0 ? 0 : seen_uid(n, count));
		return (0);
	}
	if (count == 0 && has_star(set)) {	/* "1:*" of nothing */
		set->n = 0;
		return (0);
	}
	seqset_resolve(set, count);
	for (i = 0; i < set->n; i++) {
		beyond |= set->r[i].hi > count;
		if (set->r[i].lo > count)
			break;
		if (set->r[i].hi > count)
			set->r[i].hi = count;
		set->r[to].lo = seen_uid(n, set->r[i].lo);
		set->r[to++].hi = seen_uid(n, set->r[i].hi);
	}
	set->n = to;
	return (beyond);
}

int
targets_read(struct targets *t, struct session *s, struct cursor *c)
{
	memset(t, 0, sizeof(*t));
	if (cur_seqset(c, &t->set) == -1)
		return (-1);
	if (t->set.saved) {
		if (targets_saved(&t->set, s) == 0)
			return (0);
		c->error = "no memory";
	} else if (targets_resolve(&t->set, &s->seen, s->uid) == 0)
		return (0);
	else
		c->error = "no message has that number";
	targets_free(t);
	return (-1);
}

int
targets_saved(struct seqset *set, const struct session *s)
{
	const struct seqset	*saved = &s->saved;

	if ((set->r = calloc(saved->n + 1, sizeof(*set->r))) == NULL)
		return (-1);
	if (saved->n > 0)
		memcpy(set->r, saved->r, saved->n * sizeof(*set->r));
	set->n = saved->n;
	return (0);
}

int
targets_all(struct targets *t, const struct seen *n)
{
	memset(t, 0, sizeof(*t));
	if ((t->set.r = calloc(1, sizeof(*t->set.r))) == NULL)
		return (-1);
	t->set.r[0].lo = 1;
	t->set.r[0].hi = n->maxuid;
	t->set.n = n->maxuid == 0 ? 0 : 1;
	return (0);
}

static void
place(struct targets *t, const struct seen *n, uint32_t uid)
{
	t->i = view_lower(n->view, uid);
	t->g = gone_at(n, uid);
	t->placed = 1;
}

int
targets_next(struct targets *t, const struct seen *n, struct target *m)
{
	const struct view	*v = n->view;
	const struct range	*r;
	uint32_t		 uid, gone;

	if (t->uid == UINT32_MAX)
		return (0);
	if (!t->placed)
		place(t, n, t->uid + 1);
	while (t->range < t->set.n) {
		r = &t->set.r[t->range];
		uid = t->i < v->n && v->recs[t->i].uid <= n->maxuid ?
		    v->recs[t->i].uid : UINT32_MAX;
		gone = t->g < n->ngone ? n->gone[t->g].uid : UINT32_MAX;
		if (uid == UINT32_MAX && gone == UINT32_MAX)
			break;
		m->gone = gone < uid;
		if (m->gone)
			uid = gone;
		if (uid > r->hi) {
			t->range++;
			continue;
		}
		if (uid < r->lo) {
			place(t, n, r->lo);
			continue;
		}
		m->seq = (uint32_t)(t->i + t->g + 1);
		m->rec = m->gone ? seen_rec(n, uid) : &v->recs[t->i];
		if (m->gone)
			t->g++;
		else
			t->i++;
		t->uid = uid;
		if (m->rec != NULL)
			return (1);
	}
	t->range = t->set.n;
	return (0);
}

/* How many that the session counts have a lower UID. */
static uint32_t
below(const struct seen *n, uint32_t uid)
{
	if (uid > n->maxuid)
		return (seen_count(n));
	return ((uint32_t)(view_lower(n->view, uid) + gone_at(n, uid)));
}

/* Those of a range. */
static uint32_t
within(const struct seen *n, const struct range *r)
{
	uint32_t	 to = r->hi >= n->maxuid ? seen_count(n) :
			    below(n, r->hi + 1);

	return (to - below(n, r->lo));
}

uint32_t
targets_count(const struct targets *t, const struct seen *n)
{
	uint32_t	 sum = 0;
	size_t		 i;

	for (i = 0; i < t->set.n; i++)
		sum += within(n, &t->set.r[i]);
	return (sum);
}

uint32_t
targets_number(const struct targets *t, const struct seen *n, uint32_t k)
{
	uint32_t	 some;
	size_t		 i;

	for (i = 0; i < t->set.n; i++) {
		some = within(n, &t->set.r[i]);
		if (k <= some)
			return (seen_uid(n, below(n, t->set.r[i].lo) + k));
		k -= some;
	}
	return (0);
}

/* Only the UIDs from there to there. */
static void
clip(struct targets *t, uint32_t from, uint32_t to)
{
	struct range	 r;
	size_t		 i, k = 0;

	for (i = 0; i < t->set.n; i++) {
		r = t->set.r[i];
		if (r.hi < from || r.lo > to)
			continue;
		if (r.lo < from)
			r.lo = from;
		if (r.hi > to)
			r.hi = to;
		t->set.r[k++] = r;
	}
	t->set.n = k;
}

void
targets_from(struct targets *t, uint32_t uid)
{
	clip(t, uid, UINT32_MAX);
}

void
targets_between(struct targets *t, const struct seen *n, uint32_t lo,
    uint32_t hi)
{
	uint32_t	 all = targets_count(t, n);

	if (hi > all)
		hi = all;
	if (lo > hi)
		t->set.n = 0;
	else
		clip(t, targets_number(t, n, lo), targets_number(t, n, hi));
}

void
targets_partial(struct targets *t, const struct seen *n,
    const struct partial *p)
{
	size_t	 first, end;

	partial_of(p, targets_count(t, n), &first, &end);
	targets_between(t, n, (uint32_t)first + 1, (uint32_t)end);
}

/* Ranges of both go upwards; each step is past the end of one. */
int
targets_within(struct targets *t, const struct seqset *set)
{
	const struct range	*a = t->set.r, *b = set->r;
	const struct range	*aend = a + t->set.n, *bend = b + set->n;
	struct range		*r;
	size_t			 n = 0;

	if ((r = calloc(t->set.n + set->n + 1, sizeof(*r))) == NULL)
		return (-1);
	while (a < aend && b < bend) {
		r[n].lo = a->lo > b->lo ? a->lo : b->lo;
		r[n].hi = a->hi < b->hi ? a->hi : b->hi;
		if (r[n].lo <= r[n].hi)
			n++;
		if (a->hi < b->hi)
			a++;
		else
			b++;
	}
	free(t->set.r);
	t->set.r = r;
	t->set.n = n;
	return (0);
}

void
targets_pause(struct targets *t)
{
	t->placed = 0;
}

void
targets_rewind(struct targets *t)
{
	t->uid = 0;
	t->range = 0;
	t->placed = 0;
}

int
targets_gone(const struct targets *t, const struct seen *n)
{
	size_t	 i;

	for (i = 0; i < n->ngone; i++)
		if (seqset_has(&t->set, n->gone[i].uid))
			return (1);
	return (0);
}

void
targets_free(struct targets *t)
{
	seqset_free(&t->set);
}
