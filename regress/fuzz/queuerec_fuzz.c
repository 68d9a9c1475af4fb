/* Records of the queue: what decodes is written again as it was. */
#include <stdint.h>
#include <stdlib.h>

#include "queued/db.h"

#define KINDS	5

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct codec	*const kinds[] = { &c_rec_msg,
					    &c_rec_rcpt, &c_rec_attempt,
					    &c_rec_holdrule, &c_rec_suppress };
	union {
		struct rec_msg		 m;
		struct rec_rcpt		 r;
		struct rec_attempt	 a;
		struct rec_holdrule	 h;
		struct rec_suppress	 u;
	} v;
	struct rec_retired	 t;
	struct span	 s;
	struct buf	 b = { 0 };

	if (n == 0)
		return (0);
	s = span_of(data + 1, n - 1);
	if (db_retired_decode(s, &t) == 0 && t.how >= RETIRED_COUNT)
		abort();
	if (codec_get(&s, kinds[data[0] % KINDS], &v) == -1)
		return (0);
	if (codec_put(&b, kinds[data[0] % KINDS], &v) == -1 ||
	    !span_eq(span_buf(&b), span_of(data + 1, n - 1 - s.n)))
		abort();
	codec_free(kinds[data[0] % KINDS], &v);
	buf_free(&b);
	return (0);
}
