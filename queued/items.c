/*
 * Recipients that wait.  See items.h.
 */
#include <stdlib.h>
#include <string.h>

#include "queued/items.h"

#define CAP_SMALL	64	/* is not made smaller */

static int
before(const struct item *a, const struct item *b)
{
	if (a->due != b->due)
		return (a->due < b->due);
	if (a->msg != b->msg)
		return (a->msg < b->msg);
	return (a->n < b->n);
}

static int
resize(struct items *h, size_t cap)
{
	struct item	*v;

	if ((v = reallocarray(h->v, cap, sizeof(*v))) == NULL)
		return (-1);
	h->v = v;
	h->cap = cap;
	return (0);
}

int
items_push(struct items *h, const struct item *it)
{
	size_t	 i, up;

	if (h->n == h->cap && resize(h, h->cap == 0 ? 1 : h->cap * 2) == -1)
		return (-1);
	for (i = h->n++; i > 0; i = up) {
		up = (i - 1) / 2;
		if (!before(it, &h->v[up]))
			break;
		h->v[i] = h->v[up];
	}
	h->v[i] = *it;
	return (0);
}

void
items_pop(struct items *h, struct item *it)
{
	struct item	 last;
	size_t		 i, k;

	*it = h->v[0];
	last = h->v[--h->n];
	for (i = 0; (k = 2 * i + 1) < h->n; i = k) {
		if (k + 1 < h->n && before(&h->v[k + 1], &h->v[k]))
			k++;
		if (!before(&h->v[k], &last))
			break;
		h->v[i] = h->v[k];
	}
	if (h->n > 0)
		h->v[i] = last;
	if (h->cap > CAP_SMALL && h->n < h->cap / 4)
		(void)resize(h, h->cap / 2);
}

void
items_free(struct items *h)
{
	free(h->v);
	memset(h, 0, sizeof(*h));
}
