/* HTML: the same text however it is cut, of bounded length, no controls. */
#include <stdint.h>
#include <stdlib.h>

#include "html.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct html	 h;
	struct buf	 a = { 0 }, b = { 0 };
	size_t		 i;

	html_start(&h);
	html_feed(&h, &a, span_of(data, n));
	html_end(&h, &a);
	html_start(&h);
	for (i = 0; i < n; i++)
		html_feed(&h, &b, span_of(data + i, 1));
	html_end(&h, &b);
	if (!span_eq(span_buf(&a), span_buf(&b)) || a.n > n + 8)
		abort();
	for (i = 0; i < a.n; i++)
		if ((a.p[i] < ' ' && a.p[i] != '\n') || a.p[i] == 0x7f)
			abort();
	buf_free(&a);
	buf_free(&b);
	return (0);
}
