/*
 * Sequence sets.  See seqset.h.
 */
#include <stdlib.h>
#include <string.h>

#include "seqset.h"

static int	 number(struct cursor *, uint32_t *);
static int	 order(const void *, const void *);

static int
number(struct cursor *c, uint32_t *out)
{
	uint64_t	 v;

	if (cur_peek(c) == '*') {
		*out = 0;
		return (cur_char(c, '*'));
	}
	if (cur_number(c, UINT32_MAX, &v) == -1)
		return (-1);
	if (v == 0) {
		c->error = "zero in a sequence set";
		return (-1);
	}
	*out = (uint32_t)v;
	return (0);
}

int
cur_seqset(struct cursor *c, struct seqset *s)
{
	struct span	 save = c->s;
	struct range	*more, r;
	size_t		 cap = 0;

	memset(s, 0, sizeof(*s));
	if (cur_peek(c) == '$') {
		s->saved = 1;
		return (cur_char(c, '$'));
	}
	for (;;) {
		if (number(c, &r.lo) == -1)
			goto bad;
		r.hi = r.lo;
		if (cur_peek(c) == ':' && (cur_char(c, ':') == -1 ||
		    number(c, &r.hi) == -1))
			goto bad;
		if (s->n == SEQSET_RANGES) {
			c->error = "sequence set too long";
			goto bad;
		}
		if (s->n == cap) {
			cap = cap == 0 ? 4 : cap * 2;
			if ((more = reallocarray(s->r, cap,
			    sizeof(*more))) == NULL) {
				c->error = "no memory";
				goto bad;
			}
			s->r = more;
		}
		s->r[s->n++] = r;
		if (cur_peek(c) != ',')
			return (0);
		(void)cur_char(c, ',');
	}
bad:
	seqset_free(s);
	c->s = save;
	return (-1);
}

int
cur_partial(struct cursor *c, struct partial *p)
{
	struct span	 save = c->s;
	uint64_t	 v[2];
	int		 i;

	p->from_end = cur_peek(c) == '-';
	for (i = 0; i < 2; i++) {
		if ((i == 1 && cur_char(c, ':') == -1) || (p->from_end &&
		    cur_char(c, '-') == -1) || cur_number(c, UINT32_MAX,
		    &v[i]) == -1)
			goto bad;
		if (v[i] == 0) {
			c->error = "results are counted from one";
			goto bad;
		}
	}
	p->swapped = v[0] > v[1];
	p->lo = (uint32_t)v[p->swapped];
	p->hi = (uint32_t)v[!p->swapped];
	return (0);
bad:
	c->s = save;
	return (-1);
}

void
partial_write(struct buf *b, const struct partial *p)
{
	const char	*minus = p->from_end ? "-" : "";

	buf_addf(b, "%s%u:%s%u", minus, p->swapped ? p->hi : p->lo, minus,
	    p->swapped ? p->lo : p->hi);
}

void
partial_of(const struct partial *p, size_t n, size_t *first, size_t *end)
{
	size_t	 lo = p->lo - 1 < n ? p->lo - 1 : n;
	size_t	 hi = p->hi < n ? p->hi : n;

	*first = p->from_end ? n - hi : lo;
	*end = p->from_end ? n - lo : hi;
}

static int
order(const void *a, const void *b)
{
	const struct range	*x = a, *y = b;

	return (x->lo < y->lo ? -1 : x->lo > y->lo);
}

void
seqset_resolve(struct seqset *s, uint32_t largest)
{
	struct range	*r, t;
	size_t		 i, n = 0;

	for (i = 0; i < s->n; i++) {
		r = &s->r[i];
		if (r->lo == 0)
			r->lo = largest;
		if (r->hi == 0)
			r->hi = largest;
		if (r->lo > r->hi) {
			t = *r;
			r->lo = t.hi;
			r->hi = t.lo;
		}
		if (r->hi == 0)
			continue;	/* "*" where there is nothing */
		if (r->lo == 0)
			r->lo = r->hi;
		s->r[n++] = *r;
	}
	s->n = n;
	if (n == 0)
		return;
	qsort(s->r, n, sizeof(*s->r), order);
	for (i = 1, n = 0; i < s->n; i++) {
		if (s->r[n].hi == UINT32_MAX || s->r[i].lo <= s->r[n].hi + 1) {
			if (s->r[i].hi > s->r[n].hi)
				s->r[n].hi = s->r[i].hi;
		} else
			s->r[++n] = s->r[i];
	}
	s->n = n + 1;
}

size_t
seqset_lower(const struct seqset *s, uint32_t v)
{
	size_t	 lo = 0, hi = s->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (s->r[mid].hi < v)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo);
}

int
seqset_has(const struct seqset *s, uint32_t v)
{
	size_t	 i = seqset_lower(s, v);

	return (i < s->n && s->r[i].lo <= v);
}

uint64_t
seqset_count(const struct seqset *s)
{
	uint64_t	 n = 0;
	size_t		 i;

	for (i = 0; i < s->n; i++)
		n += (uint64_t)s->r[i].hi - s->r[i].lo + 1;
	return (n);
}

int
seqset_add(struct seqset *s, uint32_t v)
{
	struct range	*more;

	if (s->n > 0 && s->r[s->n - 1].hi + 1 == v) {
		s->r[s->n - 1].hi = v;
		return (0);
	}
	/* powers of two */
	if ((s->n & (s->n - 1)) == 0) {
		more = reallocarray(s->r, s->n == 0 ? 1 : s->n * 2,
		    sizeof(*more));
		if (more == NULL)
			return (-1);
		s->r = more;
	}
	s->r[s->n].lo = s->r[s->n].hi = v;
	s->n++;
	return (0);
}

void
seqset_write(struct buf *b, const struct seqset *s)
{
	size_t	 i;

	for (i = 0; i < s->n; i++) {
		if (i > 0)
			buf_addc(b, ',');
		buf_addf(b, "%u", s->r[i].lo);
		if (s->r[i].hi != s->r[i].lo)
			buf_addf(b, ":%u", s->r[i].hi);
	}
}

void
seqset_free(struct seqset *s)
{
	free(s->r);
	memset(s, 0, sizeof(*s));
}
