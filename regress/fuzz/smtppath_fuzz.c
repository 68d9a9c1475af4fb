/*
 * Paths and parameters.  What was understood is well-formed itself: it parses
 * again, to the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/path.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span	 s = span_of(p, n), again, key, value;
	struct buf	 a = { 0 }, b = { 0 }, c = { 0 };
	struct path	 one, two;
	int		 utf8 = 0;

	if (path_parse(&s, PATH_NULL | PATH_POSTMASTER, &a, &one) == 0) {
		buf_addc(&b, '<');
		buf_add_span(&b, span_buf(&a));
		buf_addc(&b, '>');
		again = span_buf(&b);
		if (path_parse(&again, PATH_NULL | PATH_POSTMASTER, &c,
		    &two) == -1 || again.n != 0 || one.utf8 != two.utf8 ||
		    one.null != two.null ||
		    !span_eq(span_buf(&a), span_buf(&c)) ||
		    memchr(a.p == NULL ? (const uint8_t *)"" : a.p, '\n',
		    a.n) != NULL)
			abort();
		while (path_param(&s, &key, &value) == 1) {
			(void)path_xtext(value);
			(void)path_orcpt(value, (int)(n & 1));
		}
	}
	(void)path_domain(span_of(p, n), &utf8);
	(void)path_literal(span_of(p, n));
	buf_free(&a);
	buf_free(&b);
	buf_free(&c);
	return (0);
}
