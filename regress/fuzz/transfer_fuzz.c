/* Transfer encodings: there and back, and decoding cut anywhere. */
#include <stdint.h>
#include <stdlib.h>

#include "content.h"
#include "transfer.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define must(ok) do {	\
	if (!(ok))	\
		abort();\
} while (0)

static void
one(enum mime_encoding e, const uint8_t *data, size_t n)
{
	struct transfer	 t;
	struct buf	 a = { 0 }, b = { 0 };
	size_t		 i;

	transfer_start(&t, e);
	transfer_feed(&t, &a, span_of(data, n));
	transfer_end(&t, &a);
	must(a.n <= n);
	transfer_start(&t, e);
	for (i = 0; i < n; i++)
		transfer_feed(&t, &b, span_of(data + i, 1));
	transfer_end(&t, &b);
	must(span_eq(span_buf(&a), span_buf(&b)));
	buf_reset(&a);
	buf_reset(&b);
	transfer_start(&t, e);
	for (i = 0; i < n; i++)
		transfer_encode(&t, &a, span_of(data + i, 1));
	transfer_encode_end(&t, &a);
	transfer_start(&t, e);
	transfer_feed(&t, &b, span_buf(&a));
	transfer_end(&t, &b);
	must(span_eq(span_buf(&b), span_of(data, n)) && !t.broken);
	buf_free(&a);
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct content	 c;
	size_t		 i;

	one(MIME_QP, data, n);
	one(MIME_BASE64, data, n);
	content_init(&c);
	if (content_type(&c, span_of(data, n)) == 0) {
		must(c.type.n > 0 && c.subtype.n > 0 &&
		    c.nparams <= CONTENT_PARAMS);
		for (i = 0; i < c.nparams; i++)
			must(c.params[i].name.n > 0);
	}
	content_free(&c);
	return (0);
}
