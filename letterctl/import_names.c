/*
 * What the mailboxes of another server are called here.  See import_names.h.
 */
#include <stdlib.h>
#include <string.h>

#include "letterctl/import_names.h"
#include "mutf7.h"

static int	 on_space(struct import_spaces *, struct cursor *, int);
static int	 is_within(struct span, struct span);

/* "(" prefix SP separator *(SP name SP "(" values ")") ")" */
static int
on_space(struct import_spaces *x, struct cursor *c, int others)
{
	struct span	 prefix, s;
	int		 nil;

	if (cur_char(c, '(') == -1 || cur_string(c, &prefix) == -1 ||
	    cur_sp(c) == -1 || cur_nstring(c, &s, &nil) == -1)
		return (-1);
	while (cur_sp(c) == 0) {
		if (cur_string(c, &s) == -1 || cur_sp(c) == -1 ||
		    cur_char(c, '(') == -1)
			return (-1);
		do {
			if (cur_string(c, &s) == -1)
				return (-1);
		} while (cur_sp(c) == 0);
		if (cur_char(c, ')') == -1)
			return (-1);
	}
	if (cur_char(c, ')') == -1 || x->n == nitems(x->v))
		return (-1);
	x->v[x->n].others = others;
	return (buf_add_span(&x->v[x->n++].prefix, prefix));
}

void
import_namespace(struct import_spaces *x, struct cursor *c)
{
	int	 kind;

	for (kind = 0; kind < 3 && cur_sp(c) == 0; kind++) {
		if (cur_is(c, "NIL") == 0)
			continue;
		if (cur_char(c, '(') == -1)
			return;
		while (cur_peek(c) == '(')
			if (on_space(x, c, kind > 0) == -1)
				return;
		if (cur_char(c, ')') == -1)
			return;
	}
}

static int
is_within(struct span name, struct span prefix)
{
	return (name.n > prefix.n && (prefix.n == 0 ||
	    memcmp(name.p, prefix.p, prefix.n) == 0));
}

int
import_is_of_others(const struct import_spaces *x, struct span name)
{
	const struct import_space	*s, *best = NULL;
	size_t				 i;

	for (i = 0; i < x->n; i++) {
		s = &x->v[i];
		if (is_within(name, span_buf(&s->prefix)) && (best == NULL ||
		    s->prefix.n > best->prefix.n))
			best = s;
	}
	return (best != NULL && best->others && !span_caseeqs(name, "INBOX"));
}

char *
import_local(const struct import_spaces *x, struct span name, int separator)
{
	struct buf	 b = { 0 };
	struct span	 pre = span_buf(&x->v[0].prefix);
	char		*s = NULL;
	size_t		 i;

	if (span_caseeqs(name, "INBOX"))
		return (strdup("INBOX"));
	if (!x->v[0].others && pre.n > 0 && is_within(name, pre))
		name = span_of(name.p + pre.n, name.n - pre.n);
	if (mutf7_decode(&b, name) == -1) {	/* UTF-8 as it is, then */
		buf_reset(&b);
		(void)buf_add_span(&b, name);
	}
	for (i = 0; i < b.n; i++)
		if (separator != '/' && b.p[i] == separator)
			b.p[i] = '/';
		else if (separator != '/' && b.p[i] == '/')
			b.p[i] = '_';
	if (!buf_failed(&b))
		s = span_dup(span_buf(&b));
	buf_free(&b);
	return (s);
}

void
import_spaces_free(struct import_spaces *x)
{
	while (x->n > 0)
		buf_free(&x->v[--x->n].prefix);
}
