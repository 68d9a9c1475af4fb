/* Dates: what parses is within bounds, and the same after it was written. */
#include <stdint.h>
#include <stdlib.h>

#include "date.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define must(ok) do {	\
	if (!(ok))	\
		abort();\
} while (0)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct date	 d, e;
	struct buf	 b = { 0 };

	if (date_parse(span_of(data, n), &d) == 0) {
		must(d.zone >= -DATE_ZONE_MAX && d.zone <= DATE_ZONE_MAX);
		must(date_day(&d) >= -25567 && date_day(&d) <= 2932896);
		if (date_write(&b, d.time, d.zone) == 0)
			must(date_parse(span_buf(&b), &e) == 0 &&
			    e.time == d.time && e.zone == d.zone);
		buf_reset(&b);
		if (date_imap_write(&b, d.time, d.zone) == 0)
			must(b.n == 26 &&
			    date_imap_parse(span_buf(&b), &e) == 0 &&
			    e.time == d.time && e.zone == d.zone);
	}
	if (date_imap_parse(span_of(data, n), &d) == 0) {
		buf_reset(&b);
		if (date_imap_write(&b, d.time, d.zone) == 0)
			must(date_imap_parse(span_buf(&b), &e) == 0 &&
			    e.time == d.time);
	}
	if (date_rfc3339_parse(span_of(data, n), &d) == 0) {
		buf_reset(&b);
		if (date_rfc3339_write(&b, d.time) == 0)
			must(date_rfc3339_parse(span_buf(&b), &e) == 0 &&
			    e.time == d.time && e.zone == 0);
	}
	buf_free(&b);
	return (0);
}
