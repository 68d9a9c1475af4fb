/*
 * IMAP command lexer and grammar.  Beyond not crashing: the lexer gives the same
 * events however its input is cut, and a decoded mailbox name encodes back.
 */
#include <stdlib.h>

#include "imapd/parse/fetch.h"
#include "mutf7.h"
#include "imapd/parse/multisearch.h"
#include "imapd/parse/sort.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);
static void	 lex(const uint8_t *, size_t, size_t, struct buf *);
static void	 grammar(const struct lex *);

static enum lex_policy
policy(void *arg, struct span so_far, uint64_t size, int nonsync)
{
	(void)arg;
	(void)nonsync;
	return (so_far.n % 3 == 0 ? LEX_STREAM : size % 7 == 0 ? LEX_REFUSE :
	    LEX_KEEP);
}

static void
grammar(const struct lex *l)
{
	struct fetch_items	 f;
	struct multi_sources	 boxes;
	struct thread_args	 how;
	struct search		 s;
	struct sort		 by;
	struct seqset		 set;
	struct cursor		 c, d;
	struct buf		 scratch = { 0 }, b = { 0 };
	struct span		 t;
	int64_t			 when;
	int			 zone, streamed;

	cursor_init(&c, l, &scratch, 0);
	(void)cur_tag(&c, &t);
	(void)cur_sp(&c);
	(void)cur_word(&c, &t);
	(void)cur_sp(&c);
	d = c;
	(void)cur_multi_sources(&d, &boxes);
	d = c;
	if (cur_sort(&d, &by) == 0)
		search_free(&by.search);
	d = c;
	if (cur_thread(&d, &how) == 0)
		search_free(&how.search);
	if (cur_seqset(&c, &set) == 0) {
		seqset_resolve(&set, 1000);
		seqset_free(&set);
		(void)cur_sp(&c);
	}
	if (cur_fetch(&c, &f) == 0) {
		if (f.nsections > 0)
			section_write(&b, &f.sections[0]);
		fetch_free(&f);
	}
	if (cur_search(&c, &s) == 0)
		search_free(&s);
	if (cur_mailbox(&c, &t) == 0 && mutf7_encode(&b, t) == -1)
		abort();
	(void)cur_date_time(&c, &when, &zone);
	(void)cur_message(&c, &t, &streamed, &zone);
	buf_free(&scratch);
	buf_free(&b);
}

static void
lex(const uint8_t *p, size_t n, size_t step, struct buf *out)
{
	static const struct lex_limits	 limits = { 400, 100, 200, 8 };
	struct lex			 l;
	struct span			 s;
	enum lex_event			 e;
	size_t				 i, k;

	lex_init(&l, &limits);
	l.policy = policy;
	for (i = 0; i < n; i += k) {
		k = n - i < step ? n - i : step;
		s = span_of(p + i, k);
		while ((e = lex_step(&l, &s)) != LEX_MORE) {
			if (e == LEX_DATA)
				buf_add_span(out, l.data);
			else
				buf_addf(out, "<%d>", e);
			if (e == LEX_COMMAND) {
				buf_add_span(out, lex_command(&l));
				grammar(&l);
			}
			if (e == LEX_COMMAND || e == LEX_BAD)
				lex_next(&l);
		}
	}
	lex_free(&l);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf	 a = { 0 }, b = { 0 }, u = { 0 }, back = { 0 };

	if (n > 4096)
		return (0);
	lex(p, n, n, &a);
	lex(p, n, 1, &b);
	if (!span_eq(span_buf(&a), span_buf(&b)))
		abort();
	if (mutf7_decode(&u, span_of(p, n)) == 0 &&
	    (mutf7_encode(&back, span_buf(&u)) == -1 ||
	    !span_eq(span_buf(&back), span_of(p, n))))
		abort();
	buf_free(&a);
	buf_free(&b);
	buf_free(&u);
	buf_free(&back);
	return (0);
}
