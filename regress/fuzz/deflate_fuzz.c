/*
 * Compressed octets of anybody, in slices and with little room; what is deflated
 * comes back, also with rests in between.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "deflate.h"

#define ROOM	700

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Whatever they are: no more room is taken than there is. */
static void
foreign(struct span s)
{
	struct deflate	*z = deflate_new();
	struct buf	 out = { 0 };
	struct span	 part;
	size_t		 n = 0;
	int		 rc = 0;

	if (z == NULL)
		abort();
	while (rc == 0 && s.n > 0 && n < 200) {
		part = span_of(s.p, s.n < 1 + n % 13 ? s.n : 1 + n % 13);
		s.p += part.n;
		s.n -= part.n;
		do {
			buf_reset(&out);
			rc = deflate_in(z, &part, &out, ROOM);
			if (out.n > ROOM)
				abort();
		} while (rc == 0 && (part.n > 0 || out.n == ROOM) &&
		    n++ < 200);
		n++;
		if (n % 5 == 0)
			deflate_rest(z);
	}
	buf_free(&out);
	deflate_free(z);
}

static void
round_trip(struct span s)
{
	struct deflate	*a = deflate_new(), *b = deflate_new();
	struct buf	 wire = { 0 }, out = { 0 };
	struct span	 part, w, all = s;
	size_t		 n;

	if (a == NULL || b == NULL)
		abort();
	for (n = 1; s.n > 0; n = n * 3 % 257 + 1) {
		(void)span_take(&s, s.n < n ? s.n : n, &part);
		buf_reset(&wire);
		if (deflate_out(a, part, &wire) == -1)
			abort();
		w = span_buf(&wire);
		if (deflate_in(b, &w, &out, SIZE_MAX) == -1 || w.n != 0)
			abort();
		if (n % 3 == 0)
			deflate_rest(a);
		if (n % 4 == 0)
			deflate_rest(b);
	}
	if (!span_eq(span_buf(&out), all))
		abort();
	buf_free(&wire);
	buf_free(&out);
	deflate_free(a);
	deflate_free(b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	foreign(span_of(data, n));
	if (n > 0 && n < 65536)
		round_trip(span_of(data, n));
	return (0);
}
