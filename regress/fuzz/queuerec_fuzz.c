/* Records of the queue: what decodes is written again as it was. */
#include <stdint.h>
#include <stdlib.h>

#include "queued/db.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct codec	*const kinds[] = { &c_rec_msg,
					    &c_rec_rcpt, &c_rec_attempt };
	union {
		struct rec_msg		 m;
		struct rec_rcpt		 r;
		struct rec_attempt	 a;
	} v;
	struct span	 s;
	struct buf	 b = { 0 };

	if (n == 0)
		return (0);
	s = span_of(data + 1, n - 1);
	if (codec_get(&s, kinds[data[0] % 3], &v) == -1)
		return (0);
	if (codec_put(&b, kinds[data[0] % 3], &v) == -1 ||
	    !span_eq(span_buf(&b), span_of(data + 1, n - 1 - s.n)))
		abort();
	codec_free(kinds[data[0] % 3], &v);
	buf_free(&b);
	return (0);
}
