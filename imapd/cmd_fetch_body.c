/*
 * FETCH BODY[section]<partial>: the octets of a message as they were stored, in
 * slices, so that a large one is never in memory whole.
 */
#include <errno.h>
#include <string.h>

#include "imapd/fetching.h"
#include "imapd/parse/write.h"
#include "imapd/section.h"

#define SELECT_SLICE	65536	/* octets of a header looked at in one slice */

static void	 literal(struct buf *, uint64_t);
static enum fetch_result section_end(struct fetch *);
static enum fetch_result nothing(struct session *, struct fetch *);

static void
literal(struct buf *b, uint64_t n)
{
	(void)buf_adds(b, " {");
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

/* Octets that cannot be read are told from octets that are not there. */
static enum fetch_result
nothing(struct session *s, struct fetch *f)
{
	(void)buf_adds(session_out(s), " NIL");
	return (section_end(f));
}

/* All that is in memory goes out at once. */
static enum fetch_result
send_chosen(struct session *s, struct fetch *f, const struct section *x)
{
	struct buf	*b = session_out(s);
	uint64_t	 at = 0, end = f->chosen.n;

	section_window(x, &at, &end);
	literal(b, end - at);
	(void)buf_add(b, f->chosen.p + at, (size_t)(end - at));
	(void)section_end(f);
	/* A header of many fields is work enough for one slice. */
	return (f->letter.ready.header > SELECT_SLICE ? FETCH_LATER :
	    FETCH_MORE);
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
	section_write(b, x);
	if (section_range(x, &f->letter.ready, f->letter.tree,
	    f->letter.rec.size, &r) == -1)
		return (nothing(s, f));
	buf_reset(&f->chosen);
	if (section_ready(x, &f->letter.ready)) {
		(void)header_select(&f->chosen, ready_section(&f->letter.ready,
		    READY_FIELDS), x->fields, x->nfields, 0);
		return (send_chosen(s, f, x));
	}
	f->at = r.at;
	f->end = r.at + r.n;
	if (x->kind == SECTION_FIELDS || x->kind == SECTION_FIELDS_NOT) {
		f->begin = r.at;
		f->total = 0;
		f->counting = 1;
		header_selector_start(&f->selector, x->fields, x->nfields,
		    x->kind == SECTION_FIELDS_NOT);
		f->stage = FETCH_SELECT;
		return (FETCH_MORE);
	}
	section_window(x, &f->at, &f->end);
	f->counting = 1;		/* its length was not said yet */
	f->stage = FETCH_OCTETS;
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
		literal(b, f->end - f->at);
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

/* One slice of a header through the selector, into chosen. */
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
	if (header_selector_feed(&f->selector, &f->chosen,
	    span_buf(&f->slice)) == -1)
		return (-1);
	if (f->at == f->end)
		return (header_selector_end(&f->selector, &f->chosen));
	return (0);
}

/*
 * Twice through the header, since its length goes first; once when it fits
 * into one slice.
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
		return (f->at == f->end ? section_end(f) : FETCH_LATER);
	}
	f->total += f->chosen.n;
	if (f->at < f->end)
		return (FETCH_LATER);
	if (f->end - f->begin <= SELECT_SLICE)
		return (send_chosen(s, f, x));
	end = f->total;
	section_window(x, &at, &end);
	literal(session_out(s), end - at);
	f->skip = at;
	f->left = end - at;
	f->at = f->begin;
	f->counting = 0;
	header_selector_start(&f->selector, x->fields, x->nfields,
	    x->kind == SECTION_FIELDS_NOT);
	return (FETCH_LATER);
}
