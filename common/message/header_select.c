/*
 * Some fields of a header, at once or as it comes: HEADER.FIELDS.
 */
#include <string.h>

#include "header.h"

/* Where a selector is. */
enum { BEGIN,		/* of a line */
    NAME,		/* in what may be a name; the octets are held */
    REST,		/* in a line whose fate is known */
    OVER };		/* behind the empty line */

static int	 wanted(const struct header_selector *, struct span);
static void	 decide(struct header_selector *, int);
static int	 flush(struct header_selector *, struct buf *);
static void	 hold(struct header_selector *, int);
static int	 at_hand(struct header_selector *, struct span);

int
header_select(struct buf *b, struct span h, const struct span *names, size_t n,
    int except)
{
	struct header_selector	 s;

	header_selector_start(&s, names, n, except);
	if (header_selector_feed(&s, b, h) == -1)
		return (-1);
	return (header_selector_end(&s, b));
}

void
header_selector_start(struct header_selector *s, const struct span *names,
    size_t n, int except)
{
	memset(s, 0, sizeof(*s));
	s->names = names;
	s->n = n;
	s->except = except;
	s->take = except;		/* a continuation of nothing is no field */
	s->state = BEGIN;
}

static int
wanted(const struct header_selector *s, struct span name)
{
	size_t	 i;

	while (name.n > 0 && (name.p[name.n - 1] == ' ' ||
	    name.p[name.n - 1] == '\t'))
		name.n--;
	if (name.n == 0)
		return (s->except);
	for (i = 0; i < s->n; i++)
		if (s->names[i].n == name.n && span_caseeq(s->names[i], name))
			return (!s->except);
	return (s->except);
}

/* The held octets are all of a name, or no field's. */
static void
decide(struct header_selector *s, int field)
{
	s->take = field ? wanted(s, span_of(s->hold, s->held)) : s->except;
	s->state = REST;
}

static int
flush(struct header_selector *s, struct buf *b)
{
	size_t	 n = s->held;

	s->held = 0;
	return (s->take ? buf_add(b, s->hold, n) : 0);
}

static void
hold(struct header_selector *s, int c)
{
	s->hold[s->held++] = (uint8_t)c;
}

/* One octet at the start of a line, or in a name. */
static int
step(struct header_selector *s, struct buf *b, uint8_t c)
{
	if (s->held == 0 && (c == ' ' || c == '\t')) {
		s->state = REST;		/* the field goes on */
		return (s->take ? buf_addc(b, c) : 0);
	}
	hold(s, c);
	if (c == '\n') {
		if (s->held == 1 || (s->held == 2 && s->hold[0] == '\r')) {
			s->state = OVER;
			s->take = 1;
			return (flush(s, b));
		}
		decide(s, 0);
		s->state = BEGIN;
		return (flush(s, b));
	}
	s->state = NAME;
	if (c == ':') {
		s->held--;
		decide(s, 1);
		hold(s, c);
		return (flush(s, b));
	}
	if (s->held > HEADER_NAME_MAX) {	/* not one that was asked for */
		decide(s, 0);
		return (flush(s, b));
	}
	return (0);
}

/* Where a line begins with a name that is there whole, nothing is held. */
static int
at_hand(struct header_selector *s, struct span in)
{
	size_t	 i;

	if (s->state != BEGIN || in.p[0] == ' ' || in.p[0] == '\t')
		return (0);
	for (i = 0; i < in.n && i <= HEADER_NAME_MAX && in.p[i] != '\n'; i++)
		if (in.p[i] == ':') {
			s->take = wanted(s, span_of(in.p, i));
			return (1);
		}
	return (0);
}

int
header_selector_feed(struct header_selector *s, struct buf *b, struct span in)
{
	const uint8_t	*lf;
	size_t		 n;

	while (in.n > 0 && s->state != OVER) {
		n = 1;
		if (s->state == REST || at_hand(s, in)) {
			s->state = REST;
			lf = memchr(in.p, '\n', in.n);
			n = lf == NULL ? in.n : (size_t)(lf - in.p) + 1;
			if (s->take && buf_add(b, in.p, n) == -1)
				return (-1);
			if (lf != NULL)
				s->state = BEGIN;
		} else if (step(s, b, in.p[0]) == -1)
			return (-1);
		in.p += n;
		in.n -= n;
	}
	return (0);
}

int
header_selector_end(struct header_selector *s, struct buf *b)
{
	if (s->state == NAME)
		decide(s, 0);
	return (flush(s, b));
}
