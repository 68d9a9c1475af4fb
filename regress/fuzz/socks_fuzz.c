/*
 * A SOCKS proxy that says anything: the same however it is cut, nothing is read
 * past what came, and what is left belongs to the target.
 */
#include <stdlib.h>
#include <string.h>

#include "socks.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define must(ok) do {	\
	if (!(ok))	\
		abort();\
} while (0)

static enum socks_want
feed(struct span all, size_t step, int login, struct buf *out, size_t *left)
{
	struct socks_target	 to = { .name = "mx.example", .port = 25 };
	struct socks_login	 l = { span_str("u"), span_str("p") };
	struct socks		*s = socks_new(&to, login ? &l : NULL);
	struct span		 in = span_of("", 0);
	enum socks_want		 want;
	size_t			 n;

	must(s != NULL);
	want = socks_step(s, &in, out);
	must(want == SOCKS_MORE);
	while (want == SOCKS_MORE && all.n > 0) {
		n = all.n < step ? all.n : step;
		in = span_of(all.p, n);
		want = socks_step(s, &in, out);
		must(want != SOCKS_MORE || in.n == 0);
		n -= in.n;
		all.p += n;
		all.n -= n;
	}
	must((want == SOCKS_FAILED) == (socks_failure(s) !=
	    SOCKS_NO_FAILURE));
	*left = all.n;
	socks_free(s);
	return (want);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf	 a = { 0 }, b = { 0 };
	size_t		 la, lb;
	int		 login;

	if (n == 0)
		return (0);
	login = data[0] & 1;
	data++;
	n--;
	must(feed(span_of(data, n), n + 1, login, &a, &la) ==
	    feed(span_of(data, n), 1 + n % 3, login, &b, &lb));
	must(la == lb && span_eq(span_buf(&a), span_buf(&b)));
	buf_free(&a);
	buf_free(&b);
	return (0);
}
