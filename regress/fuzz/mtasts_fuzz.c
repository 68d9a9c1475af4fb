/*
 * A policy of anything: what is good is within its bounds, and each of its
 * patterns is for some host.
 */
#include <stdlib.h>
#include <string.h>

#include "mtasts.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define must(ok) do {	\
	if (!(ok))	\
		abort();\
} while (0)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct mtasts_policy	 p;
	struct span			 s = span_of(data, n), id;
	struct buf			 why = { 0 };
	char				 host[MTASTS_NAME + 8];
	size_t				 i;

	if (mtasts_record(&s, 1, &id))
		must(id.n > 0 && id.n <= MTASTS_ID && id.p >= data &&
		    id.p + id.n <= data + n);
	if (mtasts_parse(s, &p, &why) == -1) {
		must(why.n > 0);
		buf_free(&why);
		return (0);
	}
	must(why.n == 0 && p.nmx <= MTASTS_MX && p.max_age <= MTASTS_AGE &&
	    (p.nmx > 0 || p.mode == MTASTS_NONE));
	for (i = 0; i < p.nmx; i++) {
		must(strlen(p.mx[i]) <= MTASTS_NAME);
		strcpy(host, p.mx[i][0] == '*' ? "x" : "");
		strcat(host, p.mx[i] + (p.mx[i][0] == '*'));
		must(mtasts_match(&p, host));
	}
	return (0);
}
