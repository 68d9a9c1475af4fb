/*
 * Who a message says wrote it: the same however its octets are cut, and no
 * address twice.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "queued/session.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define must(ok) do {	\
	if (!(ok))	\
		abort();\
} while (0)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct authors	 whole = { 0 }, cut = { 0 };
	size_t		 i, k, step = n == 0 ? 1 : data[0] % 7u + 1;
	int		 a, b;

	must(authors_feed(&whole, span_of(data, n)) == 0);
	for (i = 0; i < n; i += step)
		must(authors_feed(&cut, span_of(data + i,
		    n - i < step ? n - i : step)) == 0);
	a = authors_find(&whole);
	b = authors_find(&cut);
	must(a == b && whole.n == cut.n);
	for (i = 0; i < whole.n; i++) {
		must(strcmp(whole.v[i], cut.v[i]) == 0);
		for (k = 0; k < i; k++)
			must(strcmp(whole.v[i], whole.v[k]) != 0);
	}
	authors_free(&whole);
	authors_free(&cut);
	return (0);
}
