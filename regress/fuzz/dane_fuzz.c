/*
 * TLSA records of any kind and a chain of any kind: only what is a usable record
 * can match, and what is none never does.
 */
#include <stdlib.h>
#include <string.h>

#include "dane.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define must(ok) do {	\
	if (!(ok))	\
		abort();\
} while (0)

/* Two octets of length and the data of a record, then the chain. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const	 names[] = { "mx.example.org" };
	struct dane_record	 r;
	struct buf		 why = { 0 }, text = { 0 };
	struct span		 in = span_of(data, n);
	uint16_t		 len;
	size_t			 which = 1;
	enum dane_result	 got;

	if (span_get_u16(&in, &len) == -1 || len > in.n ||
	    dane_parse(span_of(in.p, len), &r) == -1)
		return (0);
	in.p += len;
	in.n -= len;
	dane_text(&r, &text);
	must(text.n >= 2 * r.data.n);
	got = dane_verify(&r, 1, in, names, 1, 1700000000, &which, &why);
	must((got == DANE_MATCH) == (why.n == 0));
	must(got != DANE_MATCH || (dane_usable(&r) && which == 0));
	must(got != DANE_NOT_USABLE || !dane_usable(&r));
	buf_free(&why);
	buf_free(&text);
	return (0);
}
