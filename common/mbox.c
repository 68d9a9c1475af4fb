/*
 * Reading and writing mboxes.  See mbox.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mbox.h"

#define FROM		"From "
#define FROM_N		5
#define OURS		"X-Letterlock: "
#define HELD_MAX	65536	/* line ends handed on at once */

/* ---- writing ---------------------------------------------------------------- */

enum { START, QUOTED, MATCH, REST };	/* of a line: before and in "From ", behind */

int
mbox_begin(struct mbox_writer *w, struct buf *b, struct span sender,
    const struct mbox_meta *m)
{
	time_t		 t = (time_t)(m->date < 0 ? 0 : m->date);
	struct tm	 tm;
	char		 when[64];
	size_t		 i;

	w->state = START;
	w->cr = 0;
	w->matched = 0;
	if (gmtime_r(&t, &tm) == NULL) {	/* a time there must be */
		t = 0;
		(void)gmtime_r(&t, &tm);
	}
	(void)strftime(when, sizeof(when), "%a %b %e %H:%M:%S %Y", &tm);
	(void)buf_adds(b, FROM);
	for (i = 0; i < sender.n; i++)
		if (sender.p[i] > ' ' && sender.p[i] != 0x7f)
			(void)buf_addc(b, sender.p[i]);
	(void)buf_adds(b, i == 0 ? "MAILER-DAEMON " : " ");
	(void)buf_addf(b, "%s\n" OURS "date=%lld zone=%d", when,
	    (long long)m->date, m->zone);
	if (m->only)
		(void)buf_adds(b, " only=1");
	if (m->mark.n > 0) {
		(void)buf_adds(b, " mark=");
		(void)buf_add_span(b, m->mark);
	}
	(void)buf_adds(b, " flags=(");
	(void)buf_add_span(b, m->flags);
	(void)buf_addf(b, ") noeol=%d mailbox=", m->noeol);
	(void)buf_add_span(b, m->mailbox);
	return (buf_addc(b, '\n'));
}

static void
write_octet(struct mbox_writer *w, struct buf *b, int c)
{
	if (c == '\n') {
		if (w->state == MATCH)
			(void)buf_add(b, FROM, w->matched);
		w->state = START;
		w->matched = 0;
	} else if ((w->state == START || w->state == QUOTED) && c == '>') {
		w->state = QUOTED;	/* as many as there are */
	} else if (w->state != REST && c == FROM[w->matched]) {
		w->state = MATCH;
		if (++w->matched < FROM_N)
			return;
		(void)buf_adds(b, ">" FROM);
		w->state = REST;
		return;
	} else {
		if (w->state == MATCH)
			(void)buf_add(b, FROM, w->matched);
		w->state = REST;
	}
	(void)buf_addc(b, c);
}

int
mbox_octets(struct mbox_writer *w, struct buf *b, struct span s)
{
	const uint8_t	*p = s.p, *end, *q;

	if (s.n == 0)
		return (buf_failed(b) ? -1 : 0);
	end = p + s.n;
	while (p < end) {
		/* The bulk of a line needs no looking at. */
		if (w->state == REST && !w->cr) {
			for (q = p; q < end && *q != '\r' && *q != '\n'; q++)
				continue;
			(void)buf_add(b, p, (size_t)(q - p));
			if ((p = q) == end)
				break;
		}
		if (w->cr && *p != '\n')
			write_octet(w, b, '\r');
		w->cr = *p == '\r';
		if (!w->cr)
			write_octet(w, b, *p);
		p++;
	}
	return (buf_failed(b) ? -1 : 0);
}

int
mbox_end(struct mbox_writer *w, struct buf *b)
{
	if (w->cr)
		write_octet(w, b, '\r');
	if (w->state == MATCH)
		(void)buf_add(b, FROM, w->matched);
	if (w->state != START)
		(void)buf_addc(b, '\n');
	return (buf_addc(b, '\n'));
}

/* ---- reading ---------------------------------------------------------------- */

enum { R_BEGIN, R_FROM, R_OURS, R_START, R_REST, R_MAYBE };

static int	 flush(struct mbox_reader *);
static int	 flush_held(struct mbox_reader *, uint64_t);
static int	 put(struct mbox_reader *, const void *, size_t);
static int	 unmatched(struct mbox_reader *);
static int	 message_end(struct mbox_reader *);
static int	 header(struct mbox_reader *, int);
static int	 read_octet(struct mbox_reader *, int);

void
mbox_reader_init(struct mbox_reader *r, const struct mbox_ops *ops, void *arg)
{
	memset(r, 0, sizeof(*r));
	r->ops = ops;
	r->arg = arg;
	r->state = R_BEGIN;
}

void
mbox_reader_free(struct mbox_reader *r)
{
	buf_free(&r->line);
	buf_free(&r->from);
	buf_free(&r->out);
}

static int
flush(struct mbox_reader *r)
{
	int	 rc;

	if (buf_failed(&r->out)) {
		errno = ENOMEM;
		return (-1);
	}
	rc = r->out.n == 0 ? 0 : r->ops->octets(r->arg, span_buf(&r->out));
	buf_reset(&r->out);
	return (rc);
}

static int
flush_held(struct mbox_reader *r, uint64_t n)
{
	for (r->held = 0; n > 0; n--) {
		(void)buf_adds(&r->out, "\r\n");
		if (r->out.n >= HELD_MAX && flush(r) == -1)
			return (-1);
	}
	return (0);
}

static int
put(struct mbox_reader *r, const void *p, size_t n)
{
	if (r->held > 0 && flush_held(r, r->held) == -1)
		return (-1);
	r->some = 1;
	return (buf_add(&r->out, p, n));
}

/* What looked like a quoted or a separating From_ is neither. */
static int
unmatched(struct mbox_reader *r)
{
	size_t	 n = r->quotes;

	for (r->quotes = 0; n > 0; n--)
		if (put(r, ">", 1) == -1)
			return (-1);
	n = r->matched;
	r->matched = 0;
	return (n == 0 ? 0 : put(r, FROM, n));
}

/*
 * The line ends held: the last is that of the empty line that separates, the
 * one before it of the last line, unless that has none.
 */
static int
message_end(struct mbox_reader *r)
{
	uint64_t	 keep = r->held;

	if (keep >= 2 || (keep == 1 && (!r->some || r->noeol)))
		keep--;
	if (r->noeol && keep > 0 && r->some)
		keep--;
	if (flush_held(r, keep) == -1 || flush(r) == -1)
		return (-1);
	return (r->ops->end(r->arg));
}

/* What follows name in one of the words, or nothing. */
static struct span
value(struct span s, const char *name)
{
	size_t		 n = strlen(name);
	struct span	 word;
	int		 more;

	do {
		more = span_split(&s, ' ', &word);
		if (word.n > n && memcmp(word.p, name, n) == 0)
			return (span_of(word.p + n, word.n - n));
	} while (more);
	return (span_of("", 0));
}

static int64_t
field(struct span s, const char *name, int64_t otherwise)
{
	struct span	 word = value(s, name);
	uint64_t	 v;
	int		 minus = word.n > 0 && word.p[0] == '-';

	if (minus)
		word = span_of(word.p + 1, word.n - 1);
	if (span_num(word, INT64_MAX, &v) == -1)
		return (otherwise);
	return (minus ? -(int64_t)v : (int64_t)v);
}

/* What stands before a word, which goes with it; nothing if it is not there. */
static struct span
until(struct span *s, const char *word)
{
	const uint8_t	*p = s->n == 0 ? NULL : memmem(s->p, s->n, word,
			    strlen(word));
	struct span	 head = span_of("", 0);

	if (p == NULL)
		return (head);
	head = span_of(s->p, (size_t)(p - s->p));
	s->n -= head.n + strlen(word);
	s->p = p + strlen(word);
	return (head);
}

/* Its words have their order, so that no name is taken for one. */
static void
our_line(struct span s, struct mbox_meta *m)
{
	struct span	 head = until(&s, " flags=(");

	m->ours = 1;
	m->date = field(head, "date=", -1);
	m->zone = (int)(field(head, "zone=", 0) % 1440);
	m->only = field(head, "only=", 0) != 0;
	m->mark = value(head, "mark=");
	m->flags = until(&s, ") ");
	head = until(&s, " mailbox=");
	m->noeol = field(head, "noeol=", 0) != 0;
	if (head.n != 0)
		m->mailbox = s;
}

/* A line in front of a message is whole (c is LF), or goes on. */
static int
header(struct mbox_reader *r, int c)
{
	struct mbox_meta	 m = { .date = -1 };
	struct span		 s;

	if (c != '\n') {
		if (r->line.n < MBOX_LINE)
			(void)buf_addc(&r->line, c);
		return (0);
	}
	s = span_buf(&r->line);
	while (s.n > 0 && s.p[s.n - 1] == '\r')
		s.n--;
	if (r->state == R_OURS) {
		our_line(s, &m);
		r->ours = 1;
		r->noeol = m.noeol;
	} else
		(void)mbox_from(span_buf(&r->from), &m);
	r->state = R_START;
	r->held = r->quotes = r->matched = 0;
	r->some = r->cr = 0;
	buf_free(&r->from);
	return (r->ops->begin(r->arg, &m));
}

/* What was held of a line is read as the message's. */
static int
reread(struct mbox_reader *r)
{
	struct buf	 had = r->line;
	size_t		 i;
	int		 rc = 0;

	memset(&r->line, 0, sizeof(r->line));
	for (i = 0; rc == 0 && i < had.n; i++)
		rc = read_octet(r, had.p[i]);
	buf_free(&had);
	return (rc);
}

/* The first line behind From_: ours, or the message's already. */
static int
maybe_ours(struct mbox_reader *r, int c)
{
	size_t	 n = r->line.n;
	int	 rc;

	if (n < sizeof(OURS) - 1 && c == OURS[n])
		return (buf_addc(&r->line, c));
	if (n >= sizeof(OURS) - 1) {
		rc = header(r, c);
		if (r->state != R_OURS)
			buf_free(&r->line);
		return (rc);
	}
	r->state = R_FROM;
	if (header(r, '\n') == -1 || reread(r) == -1)
		return (-1);
	return (read_octet(r, c));
}

/* From_ behind an empty line: it separates, or is the message's. */
static int
maybe_from(struct mbox_reader *r, int c)
{
	struct mbox_meta	 m;
	int			 rc;

	if (c != '\n' && r->line.n < MBOX_LINE)
		return (buf_addc(&r->line, c));
	if (c != '\n' || mbox_from(span_buf(&r->line), &m) == -1) {
		r->state = R_REST;
		return (reread(r) == -1 ? -1 : read_octet(r, c));
	}
	if ((rc = message_end(r)) == -1)
		return (-1);
	r->from = r->line;
	memset(&r->line, 0, sizeof(r->line));
	r->state = R_OURS;
	r->ours = r->noeol = 0;
	return (rc);
}

/* A line's start: quotes, then "From ". */
static int
line_start(struct mbox_reader *r, int c)
{
	if (c == '>' && r->matched == 0) {
		r->quotes++;
		return (0);
	}
	if (c != FROM[r->matched]) {
		if (unmatched(r) == -1)
			return (-1);
		r->state = R_REST;
		return (read_octet(r, c));
	}
	if (++r->matched < FROM_N)
		return (0);
	if (r->quotes > 0) {
		r->quotes--;
		r->state = R_REST;
		return (unmatched(r));
	}
	if (r->held < 2 && (r->held == 0 || r->some)) {
		r->state = R_REST;	/* no empty line before it */
		return (unmatched(r));
	}
	r->matched = 0;
	r->state = R_MAYBE;
	return (buf_adds(&r->line, FROM));
}

static int
read_octet(struct mbox_reader *r, int c)
{
	switch (r->state) {
	case R_BEGIN:
		if (c != FROM[r->matched]) {
			errno = EINVAL;
			return (-1);
		}
		if (++r->matched == FROM_N) {
			r->state = R_FROM;
			r->matched = 0;
			return (buf_adds(&r->line, FROM));
		}
		return (0);
	case R_FROM:
		if (c != '\n')
			return (header(r, c));
		r->from = r->line;
		memset(&r->line, 0, sizeof(r->line));
		r->state = R_OURS;
		return (0);
	case R_OURS:
		return (maybe_ours(r, c));
	case R_MAYBE:
		return (maybe_from(r, c));
	default:
		break;
	}
	if (c == '\n') {
		if (r->state != R_REST && unmatched(r) == -1)
			return (-1);
		/* An mbox of ours has LF alone: a CR is the message's. */
		if (r->cr && r->ours && put(r, "\r", 1) == -1)
			return (-1);
		r->cr = 0;
		r->held++;
		r->state = R_START;
		return (0);
	}
	if (r->cr) {
		r->cr = 0;
		if (put(r, "\r", 1) == -1)
			return (-1);
	}
	if (r->state != R_REST)
		return (line_start(r, c));
	if (c == '\r') {
		r->cr = 1;
		return (0);
	}
	return (put(r, &(uint8_t){ (uint8_t)c }, 1));
}

int
mbox_feed(struct mbox_reader *r, struct span *s)
{
	const uint8_t	*p = s->p, *end = s->p + s->n, *q;
	int		 rc = 0;

	while (p < end && rc == 0) {
		if (r->state == R_REST && !r->cr) {
			for (q = p; q < end && *q != '\r' && *q != '\n'; q++)
				continue;
			if (q > p && put(r, p, (size_t)(q - p)) == -1)
				return (-1);
			if ((p = q) == end)
				break;
		}
		rc = read_octet(r, *p++);
	}
	s->n -= (size_t)(p - s->p);
	s->p = p;
	if (rc == 0 && r->state >= R_START)
		rc = flush(r);
	return (rc);
}

int
mbox_feed_end(struct mbox_reader *r)
{
	struct mbox_meta	 m;

	if (r->state == R_BEGIN && r->matched == 0)
		return (0);		/* nothing at all */
	if (r->state == R_MAYBE && mbox_from(span_buf(&r->line), &m) == -1) {
		r->state = R_REST;
		if (reread(r) == -1)
			return (-1);
	}
	if (r->state == R_BEGIN || r->state == R_FROM || r->state == R_MAYBE) {
		errno = EINVAL;
		return (-1);
	}
	if (r->state == R_OURS && read_octet(r, '\n') == -1)
		return (-1);
	if (r->state != R_REST && unmatched(r) == -1)
		return (-1);
	if (r->cr && put(r, "\r", 1) == -1)
		return (-1);
	r->cr = 0;
	return (message_end(r));
}
