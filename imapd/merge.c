/*
 * Sorting in slices.  See merge.h.
 */
#include <stdlib.h>
#include <string.h>

#include "imapd/merge.h"

#define STEP		4096		/* numbers moved in one */
#define CHEAP		16		/* so much faster is it to copy a run */

static size_t	 pair(struct merge *, merge_order *, const void *);

size_t
merge_size(size_t n)
{
	return (2 * (n + 1) * sizeof(uint32_t));
}

int
merge_begin(struct merge *m, size_t n)
{
	size_t	 i;

	memset(m, 0, sizeof(*m));
	m->from = calloc(n + 1, sizeof(*m->from));
	m->to = calloc(n + 1, sizeof(*m->to));
	if (m->from == NULL || m->to == NULL) {
		merge_end(m);
		return (-1);
	}
	for (i = 0; i < n; i++)
		m->from[i] = (uint32_t)i;
	m->n = n;
	m->width = 1;
	return (0);
}

void
merge_end(struct merge *m)
{
	free(m->from);
	free(m->to);
	memset(m, 0, sizeof(*m));
}

/* The next two runs; copied at once when they are in order.  What that cost. */
static size_t
pair(struct merge *m, merge_order *order, const void *arg)
{
	size_t	 len;

	m->lo = m->i = m->k = m->hi;
	len = m->n - m->lo;
	m->mid = m->j = m->lo + (len < m->width ? len : m->width);
	len = m->n - m->mid;
	m->hi = m->mid + (len < m->width ? len : m->width);
	if (m->mid < m->hi && order(arg, m->from[m->mid - 1],
	    m->from[m->mid]) > 0)
		return (1);
	len = m->hi - m->lo;
	memcpy(m->to + m->lo, m->from + m->lo, len * sizeof(*m->to));
	m->k = m->hi;
	return (1 + len / CHEAP);
}

int
merge_step(struct merge *m, merge_order *order, const void *arg)
{
	uint32_t	*tmp;
	size_t		 done = 0;

	while (m->width < m->n) {
		if (done >= STEP)
			return (1);
		if (m->k < m->hi) {
			if (m->j == m->hi || (m->i < m->mid && order(arg,
			    m->from[m->i], m->from[m->j]) <= 0))
				m->to[m->k++] = m->from[m->i++];
			else
				m->to[m->k++] = m->from[m->j++];
			done++;
		} else if (m->hi < m->n)
			done += pair(m, order, arg);
		else {				/* another round */
			tmp = m->from;
			m->from = m->to;
			m->to = tmp;
			m->width *= 2;
			m->hi = m->k = 0;
		}
	}
	return (0);
}
