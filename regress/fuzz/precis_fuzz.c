/*
 * PRECIS: what comes out is UTF-8, within bounds, in the NFC that libunistring
 * makes of it, and the same when it goes in again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <uninorm.h>

#include "precis.h"
#include "utf8.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define must(ok) do {	\
	if (!(ok))	\
		abort();\
} while (0)

/* The NFC of the whole as u8_normalize() has it. */
static int
is_nfc_of(struct span got, struct span in)
{
	uint8_t	*p;
	size_t	 n = 0;
	int	 same;

	if ((p = u8_normalize(UNINORM_NFC, in.p, in.n, NULL, &n)) == NULL)
		return (1);
	same = n == got.n && memcmp(p, got.p, n) == 0;
	free(p);
	return (same);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span	 in = span_of(data, n);
	struct buf	 a = { 0 }, b = { 0 };
	size_t		 i;

	if (precis_name(&a, in) == PRECIS_OK) {
		must(a.n > 0 && a.n <= PRECIS_NAME_MAX && n <=
		    PRECIS_NAME_MAX && utf8_valid(span_buf(&a)));
		must(is_nfc_of(span_buf(&a), in));
		must(precis_name_check(span_buf(&a)) == PRECIS_OK);
		must((precis_name_check(in) == PRECIS_OK) ==
		    span_eq(span_buf(&a), in));
		for (i = 0; i < a.n; i++)
			must(a.p[i] >= 0x20 && a.p[i] != 0x7f);
	} else
		must(a.n == 0 && precis_name_check(in) != PRECIS_OK);
	buf_reset(&a);
	if (precis_password(&a, in) == PRECIS_OK) {
		must(a.n > 0 && a.n <= PRECIS_PASSWORD_MAX &&
		    utf8_valid(span_buf(&a)));
		must(is_nfc_of(span_buf(&a), span_buf(&a)));
		must(precis_password(&b, span_buf(&a)) == PRECIS_OK &&
		    span_eq(span_buf(&a), span_buf(&b)));
	} else
		must(a.n == 0);
	buf_freezero(&a);
	buf_freezero(&b);
	return (0);
}
