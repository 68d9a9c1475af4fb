/*
 * The MIME parser: cut anywhere it gives the same tree, which is sane, comes
 * back from mime_save(), and reads by the grammar of IMAP; so does ENVELOPE.
 * The header selector agrees with itself however it is fed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "header.h"
#include "imap_form.h"
#include "mime.h"
#include "regress/message/sexp.h"
#include "submit.h"
#include "text.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define must(ok) do {	\
	if (!(ok))	\
		abort();\
} while (0)

static void
sane(const struct mime *m)
{
	const struct mime_part	*p;
	uint32_t		 i, k, n;

	for (i = 0; i < m->nparts; i++) {
		p = &m->parts[i];
		must(p->header <= p->body && p->body <= p->end &&
		    p->end <= m->size);
		for (n = 0, k = p->child; k != MIME_NONE;
		    k = m->parts[k].next, n++)
			must(k > i && m->parts[k].parent == i &&
			    m->parts[k].header >= p->body &&
			    m->parts[k].end <= p->end);
		must(n == p->children);
	}
}

static void
forms(const struct mime *m)
{
	struct buf	 b = { 0 };
	unsigned	 flags;

	for (flags = 0; flags < 8; flags++) {
		buf_reset(&b);
		must(message_bodystructure(&b, m, flags) == 0);
		must(sexp_body(span_buf(&b), flags & 1));
	}
	buf_reset(&b);
	must(message_envelope(&b, mime_text(m, m->parts[0].kept), 0) == 0);
	must(sexp_envelope(span_buf(&b)));
	buf_free(&b);
}

static void
select_split(struct span s, unsigned seed)
{
	struct span		 names[2] = { span_str("subject"),
				    span_str("x") }, part;
	struct header_selector	 sel;
	struct buf		 a = { 0 }, b = { 0 };
	int			 not;

	for (not = 0; not < 2; not++) {
		struct span	 left = s;

		buf_reset(&a);
		buf_reset(&b);
		header_select(&a, s, names, 2, not);
		header_selector_start(&sel, names, 2, not);
		while (left.n > 0) {
			seed = seed * 1103515245 + 12345;
			(void)span_take(&left, left.n < 1 + (seed >> 16) % 9 ?
			    left.n : 1 + (seed >> 16) % 9, &part);
			header_selector_feed(&sel, &b, part);
		}
		header_selector_end(&sel, &b);
		must(span_eq(span_buf(&a), span_buf(&b)));
	}
	buf_free(&a);
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span		 s = span_of(data, n), left = s, part;
	struct message_source	 src = { message_source_span, &s };
	struct mime_parser	*p = mime_parser_new(NULL);
	struct mime		*m = message_parse(s), *loaded;
	const struct mime	*t;
	struct submit_facts	 sf;
	struct buf		 a = { 0 }, b = { 0 };
	unsigned		 seed = (unsigned)n;
	uint32_t		 i;

	must(p != NULL && m != NULL);
	sane(m);
	forms(m);
	mime_save(&a, m);
	must((loaded = mime_load(span_buf(&a))) != NULL);
	sane(loaded);
	mime_save(&b, loaded);
	must(span_eq(span_buf(&a), span_buf(&b)));
	mime_free(loaded);
	while (left.n > 0) {
		seed = seed * 1103515245 + 12345;
		i = 1 + (seed >> 16) % ((seed >> 8 & 7) == 0 ? 200 : 5);
		(void)span_take(&left, left.n < i ? left.n : i, &part);
		must(mime_feed(p, part) == 0);
	}
	must((t = mime_end(p)) != NULL);
	buf_reset(&b);
	mime_save(&b, t);
	must(span_eq(span_buf(&a), span_buf(&b)));
	for (i = 0; i < m->nparts; i++)
		must(span_eq(mime_text(m, m->parts[i].kept),
		    mime_text(t, t->parts[i].kept)));
	select_split(s, seed);
	submit_facts(s, &sf);
	must(text_find(m, &src, NULL, TEXT_SEARCH_TEXT,
	    span_str("NEEDLE")) != -1);
	buf_reset(&b);
	must(message_preview(&b, m, &src, NULL, 0) == 0);
	mime_parser_free(p);
	mime_free(m);
	buf_free(&a);
	buf_free(&b);
	return (0);
}
