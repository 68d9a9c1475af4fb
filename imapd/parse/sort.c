/*
 * SORT and THREAD.  See sort.h.
 */
#include <string.h>

#include "sort.h"

static const char *const	 names[SORT_KEYS] = {
	[SORT_ARRIVAL] = "ARRIVAL", [SORT_CC] = "CC", [SORT_DATE] = "DATE",
	[SORT_DISPLAYFROM] = "DISPLAYFROM", [SORT_DISPLAYTO] = "DISPLAYTO",
	[SORT_FROM] = "FROM", [SORT_SIZE] = "SIZE",
	[SORT_SUBJECT] = "SUBJECT", [SORT_TO] = "TO",
};

static int	 key(struct cursor *, struct sort *);
static int	 program(struct cursor *, struct search *);

static int
key(struct cursor *c, struct sort *s)
{
	int	 reverse = 0;
	size_t	 i, k;

	if (cur_is(c, "REVERSE") == 0) {
		reverse = 1;
		if (cur_sp(c) == -1)
			return (-1);
	}
	for (i = 0; i < SORT_KEYS; i++)
		if (cur_is(c, names[i]) == 0)
			break;
	if (i == SORT_KEYS) {
		c->error = "unknown sort key";
		return (-1);
	}
	for (k = 0; k < s->nkeys; k++)
		if (s->keys[k].by == (enum sort_by)i)
			return (0);
	s->keys[k].by = (enum sort_by)i;
	s->keys[k].reverse = reverse;
	s->nkeys++;
	return (0);
}

/* SP charset SP keys */
static int
program(struct cursor *c, struct search *s)
{
	if (cur_sp(c) == 0 && cur_astring(c, &s->charset) == 0 &&
	    cur_sp(c) == 0)
		return (cur_search_keys(c, s));
	search_free(s);
	return (-1);
}

int
cur_sort(struct cursor *c, struct sort *s)
{
	memset(s, 0, sizeof(*s));
	if (cur_is(c, "RETURN") == 0 && cur_search_return(c, &s->search) == -1)
		return (-1);
	if (cur_char(c, '(') == -1 || key(c, s) == -1)
		goto bad;
	while (cur_peek(c) == ' ')
		if (cur_sp(c) == -1 || key(c, s) == -1)
			goto bad;
	if (cur_char(c, ')') == 0)
		return (program(c, &s->search));
bad:
	search_free(&s->search);
	return (-1);
}

int
cur_thread(struct cursor *c, struct thread_args *t)
{
	memset(t, 0, sizeof(*t));
	if (cur_is(c, "REFERENCES") == 0)
		t->how = THREAD_REFERENCES;
	else if (cur_is(c, "ORDEREDSUBJECT") == 0)
		t->how = THREAD_ORDEREDSUBJECT;
	else {
		c->error = "unknown way of threading";
		return (-1);
	}
	return (program(c, &t->search));
}
