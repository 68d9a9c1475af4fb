/*
 * Data from a client.  See receive.h.
 *
 *	state	so far				CR	LF	.	other
 *	LINE	at the start of a line		CR	MID!	DOT	MID
 *	DOT	a dot at the start, held	DOTCR	MID!	MID	MID
 *	DOTCR	. CR, held			CR!	end	MID!	MID!
 *	MID	within a line			CR	MID!	MID	MID
 *	CR	a CR within a line		CR!	LINE	MID!	MID!
 *
 * "!" is dirty.  The dot that is held is dropped in every case: that is the
 * transparency of RFC 5321 section 4.5.2.
 */
#include <string.h>

#include "receive.h"

enum { LINE, DOT, DOTCR, MID, CR };

static void	 look(struct receive *, struct span);
static size_t	 plain(struct span);
static int	 step(struct receive *, int, struct buf *);

void
receive_begin(struct receive *r)
{
	memset(r, 0, sizeof(*r));
}

static void
look(struct receive *r, struct span s)
{
	uint8_t	 high = 0;
	size_t	 i;

	for (i = 0; i < s.n; i++)
		high |= s.p[i];
	r->high |= high & 0x80;
	if (memchr(s.p, '\0', s.n) != NULL)
		r->dirty = 1;
}

/* How many octets stand before the next CR or LF. */
static size_t
plain(struct span s)
{
	const uint8_t	*cr, *lf;
	size_t		 n = s.n;

	if ((lf = memchr(s.p, '\n', n)) != NULL)
		n = (size_t)(lf - s.p);
	if ((cr = memchr(s.p, '\r', n)) != NULL)
		n = (size_t)(cr - s.p);
	return (n);
}

/* One octet that matters.  1: the end. */
static int
step(struct receive *r, int c, struct buf *out)
{
	int	 held = r->state == DOTCR;

	if (c == '\n') {
		if (r->state == DOTCR)
			return (1);
		if (r->state == CR)
			r->state = LINE;
		else {
			r->dirty = 1;
			r->state = MID;
		}
	} else if (c == '\r') {
		if (r->state == DOT) {
			r->state = DOTCR;
			return (0);
		}
		if (r->state == CR || r->state == DOTCR)
			r->dirty = 1;
		r->state = CR;
	} else {
		if (r->state == LINE && c == '.') {
			r->state = DOT;
			return (0);
		}
		if (r->state == CR || r->state == DOTCR)
			r->dirty = 1;
		r->state = MID;
	}
	if (held) {
		buf_addc(out, '\r');
		r->size++;
	}
	buf_addc(out, c);
	r->size++;
	return (0);
}

int
receive_data(struct receive *r, struct span *in, struct buf *out)
{
	struct span	 s;
	size_t		 n;
	int		 c;

	/* A dot and a CR may be held from the input before: two octets more. */
	if (buf_reserve(out, in->n + 2) == NULL)
		return (-1);
	while (in->n > 0) {
		if (r->state == MID) {
			n = plain(*in);
			(void)span_take(in, n, &s);
			look(r, s);
			buf_add_span(out, s);
			r->size += n;
			if (in->n == 0)
				break;
		}
		c = *in->p++;
		in->n--;
		r->high |= c & 0x80;
		r->dirty |= c == '\0';
		if (step(r, c, out) == 1)
			return (1);
	}
	return (0);
}

int
receive_chunk(struct receive *r, struct span s, struct buf *out)
{
	size_t	 n;

	if (buf_add_span(out, s) == -1)
		return (-1);
	r->size += s.n;
	look(r, s);
	/* Lines matter here only for what is bare. */
	while (s.n > 0) {
		n = plain(s);
		if (r->state == CR && (n > 0 || s.p[0] != '\n'))
			r->dirty = 1;
		if (n > 0)
			r->state = MID;
		if (n == s.n)
			break;
		if (s.p[n] == '\n') {
			r->dirty |= r->state != CR;
			r->state = LINE;
		} else
			r->state = CR;
		s.p += n + 1;
		s.n -= n + 1;
	}
	return (0);
}

void
receive_chunks_end(struct receive *r)
{
	if (r->state == CR)
		r->dirty = 1;
}
