/*
 * FETCH BODY[section]<partial>: the octets of a message as they were stored, in
 * slices, so that a large one is never in memory whole; and BINARY[section],
 * RFC 3516, with their transfer encoding undone.
 */
#include <errno.h>
#include <string.h>

#include "imapd/fetching.h"
#include "imapd/parse/write.h"
#include "imapd/section.h"

#define SELECT_SLICE	65536	/* octets looked at in one slice */

static void	 literal(const struct fetch *, struct buf *, uint64_t);
static enum fetch_result decode(struct session *, struct fetch *,
		    const struct section *);
static int	 through(struct fetch *);
static int	 select_slice(struct fetch *);
static enum fetch_result section_end(struct fetch *);
static enum fetch_result nothing(struct session *, struct fetch *);

static void
literal(const struct fetch *f, struct buf *b, uint64_t n)
{
	(void)buf_adds(b, f->nul ? " ~{" : " {");
	number_write(b, n);
	(void)buf_adds(b, "}\r\n");
}

static enum fetch_result
section_end(struct fetch *f)
{
	f->section++;
	f->stage = FETCH_SECTION;
	return (FETCH_MORE);
}

static int
is_size(const struct fetch *f)
{
	return (f->items.sections[f->section].form == FORM_BINARY_SIZE);
}

/* Octets that cannot be read are told from octets that are not there. */
static enum fetch_result
nothing(struct session *s, struct fetch *f)
{
	(void)buf_adds(session_out(s), is_size(f) ? " 0" : " NIL");
	return (section_end(f));
}

/* All that is in memory goes out at once. */
static enum fetch_result
send_chosen(struct session *s, struct fetch *f, const struct section *x)
{
	struct buf	*b = session_out(s);
	uint64_t	 at = 0, end = f->chosen.n;

	section_window(x, &at, &end);
	literal(f, b, end - at);
	if (end > at)		/* damaged fields may be none at all */
		(void)buf_add(b, f->chosen.p + at, (size_t)(end - at));
	(void)section_end(f);
	/* A header of many fields is work enough for one slice. */
	return (f->letter.ready.header > SELECT_SLICE ? FETCH_LATER :
	    FETCH_MORE);
}

static enum fetch_result
octets(struct fetch *f, const struct section *x)
{
	section_window(x, &f->at, &f->end);
	f->counting = 1;		/* its length was not said yet */
	f->stage = FETCH_OCTETS;
	return (FETCH_MORE);
}

enum fetch_result
fetch_section(struct session *s, struct fetch *f)
{
	struct buf		*b = session_out(s);
	const struct section	*x;
	struct mime_range	 r;

	if (f->section == f->items.nsections) {
		(void)buf_adds(b, ")\r\n");
		f->stage = FETCH_NEXT;
		return (FETCH_MORE);
	}
	x = &f->items.sections[f->section];
	if (f->section > 0)
		(void)buf_addc(b, ' ');
	(void)buf_add(b, f->labels.p + x->label, x->labeln);
	if (section_range(x, &f->letter.ready, f->letter.tree,
	    f->letter.rec.size, &r) == -1)
		return (nothing(s, f));
	buf_reset(&f->chosen);
	f->nul = f->decoding = 0;
	if (section_ready(x, &f->letter.ready)) {
		(void)header_select(&f->chosen, ready_section(&f->letter.ready,
		    READY_FIELDS), x->fields, x->nfields, 0);
		return (send_chosen(s, f, x));
	}
	f->at = r.at;
	f->end = r.at + r.n;
	if (x->form == FORM_BINARY || x->form == FORM_BINARY_SIZE)
		return (decode(s, f, x));
	if (x->kind == SECTION_FIELDS || x->kind == SECTION_FIELDS_NOT) {
		f->begin = r.at;
		f->total = 0;
		f->counting = 1;
		header_selector_start(&f->selector, x->fields, x->nfields,
		    x->kind == SECTION_FIELDS_NOT);
		f->stage = FETCH_SELECT;
		return (FETCH_MORE);
	}
	return (octets(f, x));
}

/* The part that a section names, with an encoding that is to be undone; or
 * NULL. */
static const struct mime_part *
encoded(const struct fetch *f, const struct section *x)
{
	const struct mime	*tree = f->letter.tree;
	uint32_t		 i = MIME_NONE;

	if (x->nparts > 0 && (x->form == FORM_BINARY ||
	    x->form == FORM_BINARY_SIZE))
		i = mime_find(tree, x->part, x->nparts);
	if (i == MIME_NONE || tree->parts[i].kind != MIME_LEAF ||
	    tree->parts[i].encoding <= MIME_BINARY)
		return (NULL);
	return (&tree->parts[i]);
}

int
fetch_decodable(const struct fetch *f)
{
	const struct mime_part	*p;
	size_t			 i;

	for (i = 0; i < f->items.nsections; i++)
		if ((p = encoded(f, &f->items.sections[i])) != NULL &&
		    p->encoding == MIME_UNKNOWN)
			return (0);
	return (1);
}

static enum fetch_result
say_size(struct session *s, struct fetch *f, uint64_t n)
{
	(void)buf_addc(session_out(s), ' ');
	number_write(session_out(s), n);
	return (section_end(f));
}

/* The octets from at to end, of a part that has an encoding or has none. */
static enum fetch_result
decode(struct session *s, struct fetch *f, const struct section *x)
{
	const struct mime_part	*p = encoded(f, x);

	if (p == NULL && is_size(f))
		return (say_size(s, f, f->end - f->at));
	if (p == NULL) {
		f->nul = f->letter.tree->nul;
		return (octets(f, x));
	}
	f->begin = f->at;
	f->total = 0;
	f->counting = 1;
	f->decoding = 1;
	transfer_start(&f->decoder, (enum mime_encoding)p->encoding);
	f->stage = FETCH_SELECT;
	return (FETCH_MORE);
}

/*
 * The first slice is read before the length is promised.  Once it is, nothing
 * can take its place: the session ends.
 */
enum fetch_result
fetch_octets(struct session *s, struct fetch *f)
{
	struct buf	*b = session_out(s);
	size_t		 n = LETTER_SLICE, was = b->n;

	if (f->counting)
		literal(f, b, f->end - f->at);
	if (n > f->end - f->at)
		n = (size_t)(f->end - f->at);
	if (n > 0 && letter_read(&f->letter, b, f->at, n) == -1) {
		if (!f->counting) {
			s->broken = 1;
			return (FETCH_LATER);
		}
		buf_truncate(b, was);
		f->failed++;
		return (nothing(s, f));
	}
	f->counting = 0;
	f->at += n;
	return (f->at == f->end ? section_end(f) : FETCH_MORE);
}

/* What the window lets through of the octets chosen in this slice. */
static void
send_some(struct session *s, struct fetch *f)
{
	struct span	 some = span_buf(&f->chosen);
	size_t		 n;

	n = f->skip < some.n ? (size_t)f->skip : some.n;
	f->skip -= n;
	some.p += n;
	some.n -= n;
	if (some.n > f->left)
		some.n = (size_t)f->left;
	f->left -= some.n;
	(void)buf_add_span(session_out(s), some);
}

/* What was read goes through, into chosen. */
static int
through(struct fetch *f)
{
	struct span	 s = span_buf(&f->slice);

	if (!f->decoding)
		return (header_selector_feed(&f->selector, &f->chosen, s) ==
		    -1 || (f->at == f->end &&
		    header_selector_end(&f->selector, &f->chosen) == -1) ?
		    -1 : 0);
	if (transfer_feed(&f->decoder, &f->chosen, s) == -1 ||
	    (f->at == f->end &&
	    transfer_end(&f->decoder, &f->chosen) == -1))
		return (-1);
	f->nul |= f->chosen.n > 0 &&
	    memchr(f->chosen.p, '\0', f->chosen.n) != NULL;
	return (0);
}

/* The next slice of a header or a part. */
static int
select_slice(struct fetch *f)
{
	size_t	 n = SELECT_SLICE;

	if (n > f->end - f->at)
		n = (size_t)(f->end - f->at);
	buf_reset(&f->slice);
	buf_reset(&f->chosen);
	if (n > 0 && letter_read(&f->letter, &f->slice, f->at, n) == -1)
		return (-1);
	f->at += n;
	return (through(f));
}

/* Is all of the window counted? */
static int
covers(const struct fetch *f, const struct section *x)
{
	return (x->partial && f->total >= x->offset &&
	    f->total - x->offset >= x->length);
}

/*
 * Twice through the header or part, since its length goes first, as far as the
 * window needs; once when it fits into one slice.
 */
enum fetch_result
fetch_select(struct session *s, struct fetch *f)
{
	const struct section	*x = &f->items.sections[f->section];
	uint64_t		 at = 0, end;

	if (select_slice(f) == -1) {
		if (f->counting) {
			f->failed++;
			return (nothing(s, f));
		}
		s->broken = 1;
		return (FETCH_LATER);
	}
	if (!f->counting) {
		send_some(s, f);
		if (f->left == 0)
			return (section_end(f));
		s->broken = f->at == f->end;	/* more was promised */
		return (FETCH_LATER);
	}
	f->total += f->chosen.n;
	if (f->at < f->end && !covers(f, x))
		return (FETCH_LATER);
	if (is_size(f))
		return (say_size(s, f, f->total));
	if (f->end - f->begin <= SELECT_SLICE)
		return (send_chosen(s, f, x));
	end = f->total;
	section_window(x, &at, &end);
	literal(f, session_out(s), end - at);
	f->skip = at;
	f->left = end - at;
	f->at = f->begin;
	f->counting = 0;
	if (f->decoding)
		transfer_start(&f->decoder, f->decoder.encoding);
	else
		header_selector_start(&f->selector, x->fields, x->nfields,
		    x->kind == SECTION_FIELDS_NOT);
	return (FETCH_LATER);
}
