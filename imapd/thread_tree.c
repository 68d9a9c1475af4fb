/*
 * From linked messages to the tree that is told, in steps.  See thread.h; the
 * numbers in comments are the steps of RFC 5256 section 3.
 *
 * Each phase is a walk over all nodes, or over a list of them, that can stop
 * anywhere; a phase function does one of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/parse/write.h"
#include "imapd/thread_int.h"

#define STEP		2000		/* nodes in one */

typedef int	 phase_fn(struct threads *, uint32_t);

static phase_fn	 clear, over, count, prune, roots, table, gather, least, all,
		 by_subject, build;

/* The walks, in their order. */
static const struct {
	phase_fn	*run;
	int		 listed;	/* over the list, else over all */
} phases[PHASES] = {
	[PHASE_CLEAR] = { clear, 0 },		/* REFERENCES begins here */
	[PHASE_OVER] = { over, 0 },
	[PHASE_COUNT] = { count, 0 },
	[PHASE_PRUNE] = { prune, 0 },
	[PHASE_ROOTS] = { roots, 0 },
	[PHASE_SORT_ROOTS] = { NULL, 1 },
	[PHASE_TABLE] = { table, 1 },
	[PHASE_GATHER] = { gather, 1 },
	[PHASE_LEAST] = { least, 0 },
	[PHASE_ALL] = { all, 0 },		/* ORDEREDSUBJECT begins here */
	[PHASE_SORT] = { NULL, 1 },
	[PHASE_BY_SUBJECT] = { by_subject, 1 },
	[PHASE_BUILD] = { build, 1 },
};

static int	 is_dummy(const struct node *);
static uint32_t	 real_above(struct threads *, uint32_t);
static void	 lower(struct threads *, uint32_t, uint32_t);
static uint32_t	 shown(const struct threads *, uint32_t);
static int	 begin(struct threads *);
static int	 end(struct threads *);

static int
is_dummy(const struct node *n)
{
	return (n->number == 0);
}

/* Forget the paths: from here on the fields are those of the result. */
static int
clear(struct threads *t, uint32_t i)
{
	struct node	*n = &t->nodes[i];

	n->first = n->next = n->kids = 0;
	n->over = UNSET;
	return (0);
}

/*
 * What is left above a dummy when those between messages go: the next message
 * above it, or else the topmost dummy.  Kept in over of each dummy on the way.
 */
static uint32_t
real_above(struct threads *t, uint32_t dummy)
{
	struct node	*v = t->nodes;
	uint32_t	 x = dummy, top, next;

	while (is_dummy(&v[x]) && v[x].over == UNSET && v[x].parent != 0)
		x = v[x].parent;
	top = is_dummy(&v[x]) && v[x].over != UNSET ? v[x].over : x;
	for (x = dummy; is_dummy(&v[x]) && v[x].over == UNSET; x = next) {
		next = v[x].parent;
		v[x].over = top;
		if (next == 0)
			break;
	}
	return (top);
}

/* 2 and 3: a dummy that is not the topmost goes, its children go up. */
static int
over(struct threads *t, uint32_t i)
{
	struct node	*n = &t->nodes[i];

	if (is_dummy(n))
		return (0);
	n->over = n->parent == 0 ? 0 : is_dummy(&t->nodes[n->parent]) ?
	    real_above(t, n->parent) : n->parent;
	return (0);
}

static int
count(struct threads *t, uint32_t i)
{
	struct node	*n = &t->nodes[i];

	if (!is_dummy(n) && n->over != 0)
		t->nodes[n->over].kids++;
	return (0);
}

/* The first of the children of a dummy, by date: kept in its first. */
static void
lower(struct threads *t, uint32_t dummy, uint32_t child)
{
	struct node		*d = &t->nodes[dummy];
	const struct node	*c = &t->nodes[child], *f = &t->nodes[d->first];

	if (d->first == 0 || c->date < f->date ||
	    (c->date == f->date && c->order < f->order))
		d->first = child;
}

/* 3: a dummy of one child gives it to the root. */
static int
prune(struct threads *t, uint32_t i)
{
	struct node	*n = &t->nodes[i], *p;

	if (is_dummy(n) || n->over == 0)
		return (0);
	p = &t->nodes[n->over];
	if (!is_dummy(p))
		return (0);
	if (p->kids == 1)
		n->over = 0;
	else
		lower(t, n->over, i);
	return (0);
}

/* The siblings at the top. */
static int
roots(struct threads *t, uint32_t i)
{
	struct node	*n = &t->nodes[i];

	if (is_dummy(n)) {
		n->dropped = n->kids < 2 || n->over != i;
		n->over = 0;
		if (n->dropped)
			return (0);
	}
	if (n->over == 0)
		t->list[t->nlist++] = i;
	return (0);
}

/* The message that stands for a node: a dummy's first child. */
static uint32_t
shown(const struct threads *t, uint32_t i)
{
	return (is_dummy(&t->nodes[i]) ? t->nodes[i].first : i);
}

static int
by_date(const void *arg, uint32_t a, uint32_t b)
{
	const struct threads	*t = arg;
	const struct node	*x = &t->nodes[shown(t, t->list[a])];
	const struct node	*y = &t->nodes[shown(t, t->list[b])];

	if (x->date != y->date)
		return (x->date < y->date ? -1 : 1);
	return (x->order < y->order ? -1 : x->order > y->order);
}

/* 5.B: who of a subject takes the others in. */
static int
table(struct threads *t, uint32_t i)
{
	const struct node	*n = &t->nodes[shown(t, i)], *w;
	uint32_t		*who = &t->who[n->subject];

	if (n->subject == 0)
		return (0);
	w = &t->nodes[*who];
	if (*who == 0 || (!is_dummy(w) && (is_dummy(&t->nodes[i]) ||
	    (w->reply && !n->reply))))
		*who = i;
	return (0);
}

/* 5.C */
static int
gather(struct threads *t, uint32_t i)
{
	struct node	*n = &t->nodes[i];
	uint32_t	 subject = t->nodes[shown(t, i)].subject, d;
	uint32_t	 who = t->who[subject];

	if (subject == 0 || who == i)
		return (0);
	if (is_dummy(&t->nodes[who])) {
		n->over = who;		/* of a dummy: its children follow */
		n->dropped = is_dummy(n) != 0;
	} else if (n->reply && !t->nodes[who].reply)
		n->over = who;
	else {
		if ((d = node_new(t)) == 0)
			return (-1);
		t->nodes[i].over = t->nodes[who].over = d;
		t->who[subject] = d;
	}
	return (0);
}

/* Children of a dummy that was merged into another; dates of dummies. */
static int
least(struct threads *t, uint32_t i)
{
	struct node	*n = &t->nodes[i];

	if (is_dummy(n) || n->over == 0 || !is_dummy(&t->nodes[n->over]))
		return (0);
	if (t->nodes[n->over].dropped)
		n->over = t->nodes[n->over].over;
	lower(t, n->over, i);
	return (0);
}

static int
all(struct threads *t, uint32_t i)
{
	struct node	*n = &t->nodes[i];

	if (t->how == THREAD_ORDEREDSUBJECT)
		n->over = 0;
	if (!is_dummy(n) || !n->dropped)
		t->list[t->nlist++] = i;
	return (0);
}

/* ORDEREDSUBJECT: the first is the parent of all others. */
static int
by_subject(struct threads *t, uint32_t i)
{
	uint32_t	*who = &t->who[t->nodes[i].subject];

	if (t->how != THREAD_ORDEREDSUBJECT)
		return (0);
	if (*who == 0)
		*who = i;
	else
		t->nodes[i].over = *who;
	return (0);
}

/* 6: as they come, by date, each becomes the last of its siblings. */
static int
build(struct threads *t, uint32_t i)
{
	struct node	*p = &t->nodes[t->nodes[i].over];

	if (p->kids == 0)
		p->first = i;
	else
		t->nodes[p->kids].next = i;
	p->kids = i;
	return (0);
}

/* A phase begins. */
static int
begin(struct threads *t)
{
	size_t	 i;

	t->all = t->n;
	switch (t->phase) {
	case PHASE_ROOTS:
	case PHASE_ALL:
		free(t->list);
		t->nlist = 0;
		t->list = calloc(t->n, sizeof(*t->list));
		return (t->list == NULL ? -1 : 0);
	case PHASE_SORT_ROOTS:
	case PHASE_SORT:
		return (merge_begin(&t->merge, t->nlist));
	case PHASE_TABLE:
	case PHASE_BY_SUBJECT:
		free(t->who);
		t->who = calloc((size_t)t->nsubjects + 1, sizeof(*t->who));
		return (t->who == NULL ? -1 : 0);
	case PHASE_BUILD:
		for (i = 0; i < t->n; i++)
			t->nodes[i].first = t->nodes[i].kids = 0;
		return (0);
	default:
		return (0);
	}
}

/* It ends. */
static int
end(struct threads *t)
{
	uint32_t	*sorted;
	size_t		 i;

	if (t->phase == PHASE_SORT_ROOTS || t->phase == PHASE_SORT) {
		if ((sorted = calloc(t->nlist + 1, sizeof(*sorted))) == NULL)
			return (-1);
		for (i = 0; i < t->nlist; i++)
			sorted[i] = t->list[t->merge.from[i]];
		free(t->list);
		t->list = sorted;
		merge_end(&t->merge);
	}
	t->phase++;
	t->at = 0;
	return (0);
}

int
threads_step(struct threads *t)
{
	size_t	 i, n, first;

	if (t->phase == PHASE_DONE) {
		t->node = t->nodes[0].first;
		return (0);
	}
	if (t->at == 0 && begin(t) == -1)
		goto err;
	if (phases[t->phase].run == NULL) {
		t->at = 1;
		if (merge_step(&t->merge, by_date, t) == 0 && end(t) == -1)
			goto err;
		return (1);
	}
	first = phases[t->phase].listed ? 0 : 1;	/* not the root */
	n = phases[t->phase].listed ? t->nlist : t->all - 1;
	for (i = 0; i < STEP && t->at < n; i++, t->at++)
		if (phases[t->phase].run(t, phases[t->phase].listed ?
		    t->list[t->at] : (uint32_t)(t->at + first)) == -1)
			goto err;
	if (t->at == n && end(t) == -1)
		goto err;
	return (1);
err:
	errno = ENOMEM;
	return (-1);
}

/*
 * "(" members ")" for each thread: one child goes on in the same parentheses,
 * several have their own.
 */
int
threads_write(struct threads *t, struct buf *b)
{
	const struct node	*v = t->nodes, *n;
	int			 i;

	for (i = 0; i < STEP && t->node != 0; i++) {
		n = &v[t->node];
		if (!t->rising) {
			if (n->over == 0 || v[v[n->over].first].next != 0)
				(void)buf_addc(b, '(');
			if (!is_dummy(n))
				number_write(b, n->number);
			if (n->first != 0) {
				if (!is_dummy(n))
					(void)buf_addc(b, ' ');
				t->node = n->first;
				continue;
			}
		}
		if (n->over == 0 || v[v[n->over].first].next != 0)
			(void)buf_addc(b, ')');
		t->rising = n->next == 0;
		t->node = n->next != 0 ? n->next : n->over;
	}
	return (t->node != 0);
}
