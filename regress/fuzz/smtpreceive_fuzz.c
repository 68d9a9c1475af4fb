/*
 * DATA equals the reference, in pieces as well; the header in passing equals
 * submit_header().
 */
#include <stdint.h>
#include <stdlib.h>

#include "header.h"
#include "regress/smtpd/reference.h"
#include "smtpd/filter.h"
#include "smtpd/receive.h"
#include "submit.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);
static size_t	 run(const uint8_t *, size_t, size_t, struct buf *, int *);
static int	 blanks(struct span);
static void	 filter(struct span);

static size_t
run(const uint8_t *p, size_t n, size_t piece, struct buf *out, int *dirty)
{
	struct receive	 r;
	struct span	 s;
	size_t		 i, k, used = 0;

	receive_begin(&r);
	for (i = 0; i < n && used == 0; i += k) {
		k = n - i < piece ? n - i : piece;
		s = span_of(p + i, k);
		if (receive_data(&r, &s, out) == 1)
			used = i + k - s.n;
	}
	if (r.size != out->n)
		abort();
	*dirty = r.dirty;
	return (used);
}

/* Nobody writes so many blanks before a colon; then it is enough that a line
 * that must go is gone, see filter_test.c. */
static int
blanks(struct span s)
{
	size_t	 i, run = 0;

	for (i = 0; i < s.n && run < 8; i++)
		run = s.p[i] == ' ' || s.p[i] == '\t' ? run + 1 : 0;
	return (run == 8);
}

static void
filter(struct span s)
{
	const struct filter_add	 add = { "D", "M" };
	struct buf		 out = { 0 }, want = { 0 };
	struct filter		 f;
	size_t			 n = header_length(s, NULL);

	filter_begin(&f, 1);
	filter_feed(&f, span_of(s.p, s.n / 3), &out, &add);
	filter_feed(&f, span_of(s.p + s.n / 3, s.n - s.n / 3), &out, &add);
	filter_end(&f, &out, &add);
	submit_header(&want, span_of(s.p, n), add.date, add.message_id);
	buf_add(&want, s.p + n, s.n - n);
	if (!span_eq(span_buf(&out), span_buf(&want)) ||
	    f.received != header_count(span_of(s.p, n), "Received"))
		abort();
	buf_free(&out);
	buf_free(&want);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf	 want = { 0 }, a = { 0 }, b = { 0 };
	size_t		 end;
	int		 d0, d1, d2;

	end = reference(p, n, &want, &d0);
	if (run(p, n, n, &a, &d1) != end || run(p, n, 3, &b, &d2) != end ||
	    d1 != d2 || !span_eq(span_buf(&a), span_buf(&b)))
		abort();
	if (end != 0 && (d0 != d1 || !span_eq(span_buf(&a),
	    span_buf(&want))))
		abort();
	if (end != 0 && !d0 && !blanks(span_buf(&a)))
		filter(span_buf(&a));
	buf_free(&want);
	buf_free(&a);
	buf_free(&b);
	return (0);
}
