/*
 * A header in passing.  See filter.h.
 */
#include <string.h>

#include "compose.h"
#include "filter.h"
#include "header.h"

enum {
	START,			/* at the start of a line */
	NAME,			/* within what may be a name; held */
	REST,			/* behind it */
	CR			/* a CR at the start of a line; held */
};

static int	 octet(struct filter *, int, struct buf *,
		    const struct filter_add *);
static void	 release(struct filter *, struct buf *);
static int	 blank(int);
static void	 named(struct filter *);
static void	 add_missing(struct filter *, struct buf *,
		    const struct filter_add *);

void
filter_begin(struct filter *f, int edit)
{
	memset(f, 0, sizeof(*f));
	f->edit = edit != 0;
	f->line = 1;
}

static void
release(struct filter *f, struct buf *out)
{
	if (f->edit && !f->drop)
		buf_add(out, f->hold, f->held);
	f->held = 0;
}

static int
blank(int c)
{
	return (c == ' ' || c == '\t');
}

/* A whole name is held. */
static void
named(struct filter *f)
{
	struct span	 name = span_trim(span_of(f->hold, f->held));

	switch (header_id(name)) {
	case HDR_RECEIVED:
		f->received++;
		break;
	case HDR_DATE:
		f->date = 1;
		break;
	case HDR_MESSAGE_ID:
		f->message_id = 1;
		break;
	case HDR_BCC:
	case HDR_RETURN_PATH:
		f->drop = f->edit;
		break;
	default:
		if (span_caseeqs(name, "Resent-Bcc"))
			f->drop = f->edit;
	}
}

static void
add_missing(struct filter *f, struct buf *out, const struct filter_add *add)
{
	if (!f->edit)
		return;
	if (!f->date)
		compose_raw(out, "Date", span_str(add->date));
	if (!f->message_id)
		compose_raw(out, "Message-ID", span_str(add->message_id));
}

/* One octet of the header. */
static int
octet(struct filter *f, int c, struct buf *out, const struct filter_add *add)
{
	if (f->state == START || f->state == CR) {
		if (c == '\n') {
			add_missing(f, out, add);
			f->drop = 0;
			release(f, out);
			if (f->edit)
				buf_addc(out, c);
			f->body = 1;
			return (0);
		}
		if (f->state == START && !blank(c))
			f->drop = 0;
		if (f->state == START && c == '\r') {
			f->hold[f->held++] = (uint8_t)c;
			f->state = CR;
			return (0);
		}
		f->state = f->state == CR || blank(c) ? REST : NAME;
	}
	if (f->state == NAME) {
		if (c == ':') {
			named(f);
			f->state = REST;
		} else if (c != '\n' && f->held < FILTER_NAME) {
			f->hold[f->held++] = (uint8_t)c;
			return (0);
		} else {
			/* blanks before a colon that is too far away */
			if (c != '\n' && blank(f->hold[f->held - 1]))
				named(f);
			f->state = REST;
		}
	}
	release(f, out);
	if (f->edit && !f->drop)
		buf_addc(out, c);
	f->line = c == '\n';
	if (f->line)
		f->state = START;
	return (0);
}

int
filter_feed(struct filter *f, struct span s, struct buf *out,
    const struct filter_add *add)
{
	const uint8_t	*lf;
	size_t		 n;

	while (s.n > 0 && !f->body) {
		if (f->state == REST && f->held == 0 && s.p[0] != '\n') {
			/* The rest of the line at once. */
			lf = memchr(s.p, '\n', s.n);
			n = lf == NULL ? s.n : (size_t)(lf - s.p);
			if (f->edit && !f->drop)
				buf_add(out, s.p, n);
			f->line = 0;
			s.p += n;
			s.n -= n;
			continue;
		}
		(void)octet(f, *s.p++, out, add);
		s.n--;
	}
	if (s.n > 0 && f->edit)
		buf_add_span(out, s);
	return (f->edit && buf_failed(out) ? -1 : 0);
}

int
filter_end(struct filter *f, struct buf *out, const struct filter_add *add)
{
	if (f->body || !f->edit)
		return (0);
	if (f->held > 0) {
		f->line = 0;
		release(f, out);
	}
	/* The header is all there is: its last line may have no end. */
	if (!f->line && !f->drop)
		buf_adds(out, "\r\n");
	add_missing(f, out, add);
	buf_adds(out, "\r\n");
	return (buf_failed(out) ? -1 : 0);
}
