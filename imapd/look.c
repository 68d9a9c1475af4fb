/*
 * Looking at messages one after another.  See look.h.
 */
#include <string.h>

#include "imapd/look.h"

static int	 need(struct look *, unsigned);
static int	 read_header(struct look *);

void
look_begin(struct look *l, struct part *p, const struct msgrec *r, int recent)
{
	letter_open(&l->letter, p, r);
	memset(&l->msg, 0, sizeof(l->msg));
	l->msg.rec = &l->letter.rec;
	l->msg.recent = recent;
	l->msg.source = l->letter.source;
	if (l->match != NULL)
		match_begin(l->match);
	l->busy = 1;
}

/* 0, 1: later, -1. */
static int
need(struct look *l, unsigned sections)
{
	const struct ready	*r = &l->letter.ready;
	int			 rc;

	sections |= READY_BIT(READY_FIELDS);
	if ((rc = letter_need(&l->letter, sections)) != 0)
		return (rc);
	l->msg.ready = 1;
	l->msg.fields = ready_section(r, READY_FIELDS);
	l->msg.whole = (r->flags & READY_WHOLE) != 0;
	l->msg.dated = (r->flags & READY_DATED) != 0;
	l->msg.day = r->day;
	l->msg.tree = l->letter.tree;
	return (0);
}

static int
read_header(struct look *l)
{
	uint64_t	 n = l->letter.ready.header;

	if (n > l->letter.rec.size)
		n = l->letter.rec.size;
	l->msg.header_long = 0;
	if (n > MATCH_HEADER) {
		l->msg.header_long = n;
		n = MATCH_HEADER;
	}
	buf_reset(&l->header);
	if (letter_read(&l->letter, &l->header, 0, (size_t)n) == -1)
		return (-1);
	l->msg.header = span_of(n == 0 ? (const uint8_t *)"" : l->header.p,
	    (size_t)n);
	return (0);
}

enum look_result
look_on(struct look *l)
{
	int	 rc = 0;

	while (rc == 0)
		switch (match_step(l->match, &l->msg)) {
		case MATCH_YES:
			l->busy = 0;
			return (LOOK_YES);
		case MATCH_NO:
			l->busy = 0;
			return (LOOK_NO);
		case MATCH_READY:
			rc = need(l, 0);
			break;
		case MATCH_HEADER_WANTED:
			rc = read_header(l);
			break;
		case MATCH_FILTER:
			l->msg.filter = filter_get(&l->filter,
			    l->letter.part, l->letter.rec.body);
			l->msg.filtered = 1;
			break;
		case MATCH_TREE:
			rc = need(l, READY_BIT(READY_TREE));
			break;
		case MATCH_LATER:
			return (LOOK_LATER);
		case MATCH_ERROR:
			rc = -1;
			break;
		}
	if (rc == 1)
		return (LOOK_LATER);
	l->busy = 0;
	return (LOOK_FAILED);
}

int
look_fields(struct look *l, struct span *fields)
{
	int	 rc;

	if ((rc = need(l, 0)) != 0)
		return (rc);
	if (!l->msg.whole && l->msg.header.p == NULL && read_header(l) == -1)
		return (-1);
	*fields = l->msg.header.p != NULL ? l->msg.header : l->msg.fields;
	return (0);
}

void
look_free(struct look *l)
{
	match_free(l->match);
	letter_close(&l->letter);
	filter_read_end(&l->filter);
	buf_free(&l->header);
	memset(l, 0, sizeof(*l));
}
