/*
 * Sections of FETCH against what is kept ready about a message.  The first line
 * of the input is what a client asks for, the rest is the message.  What the
 * stored tree says is what a fresh one says, every range lies in the message,
 * fields that are kept ready are those of the header, and a window is a part of
 * what it is cut from.
 */
#include <stdlib.h>
#include <string.h>

#include "header.h"
#include "imapd/section.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);
static void	 one(const struct section *, const struct ready *,
		    const struct mime *, const struct mime *, struct span);
static void	 fields(const struct section *, const struct ready *,
		    struct span);

static void
fields(const struct section *x, const struct ready *r, struct span header)
{
	struct buf	 a = { 0 }, b = { 0 };

	if (header_select(&a, ready_section(r, READY_FIELDS), x->fields,
	    x->nfields, 0) == -1 ||
	    header_select(&b, header, x->fields, x->nfields, 0) == -1 ||
	    !span_eq(span_buf(&a), span_buf(&b)))
		abort();
	buf_free(&a);
	buf_free(&b);
}

static void
one(const struct section *x, const struct ready *r, const struct mime *stored,
    const struct mime *fresh, struct span msg)
{
	struct mime_range	 a, b;
	uint64_t		 at, end;
	int			 rc;

	rc = section_range(x, r, stored, msg.n, &a);
	if (section_range(x, r, fresh, msg.n, &b) != rc)
		abort();
	if (rc == -1)
		return;
	if (a.at != b.at || a.n != b.n || a.at > msg.n ||
	    a.n > msg.n - a.at)
		abort();
	at = a.at;
	end = a.at + a.n;
	section_window(x, &at, &end);
	if (at < a.at || end > a.at + a.n || at > end ||
	    (x->partial && end - at > x->length))
		abort();
	if (section_ready(x, r))
		fields(x, r, span_of(msg.p + a.at, (size_t)a.n));
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span		 msg = span_of(p, n), line;
	struct fetch_items	 items;
	struct cursor		 c;
	struct buf		 scratch = { 0 };
	struct ready_build	*build;
	struct ready		 r = { 0 };
	struct mime		*stored, *fresh;
	size_t			 i;

	if (n > 65536 || span_split(&msg, '\n', &line) == 0)
		return (0);
	cursor_init_span(&c, line, &scratch);
	if (cur_fetch(&c, &items) == 0) {
		if ((build = ready_begin()) == NULL ||
		    ready_feed(build, msg) == -1 || ready_end(build) == -1 ||
		    ready_take(&r, 1, build) == -1 ||
		    (stored = mime_load(ready_section(&r,
		    READY_TREE))) == NULL ||
		    (fresh = message_parse(msg)) == NULL)
			abort();
		for (i = 0; i < items.nsections; i++)
			one(&items.sections[i], &r, stored, fresh, msg);
		mime_free(stored);
		mime_free(fresh);
		ready_free(build);
		ready_clear(&r);
		fetch_free(&items);
	}
	buf_free(&scratch);
	return (0);
}
