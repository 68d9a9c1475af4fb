/*
 * What the queue looks at in an address: the domain, which says where mail for
 * it goes.
 */
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "queued/queued.h"

/* Behind the last @; a quoted local part may have others. */
struct span
address_domain(struct span a)
{
	size_t	 i;

	for (i = a.n; i > 0; i--)
		if (a.p[i - 1] == '@')
			return (span_of(a.p + i, a.n - i));
	return (span_of(NULL, 0));
}

/* An address literal, RFC 5321 section 4.1.3; the worker reads what is in it. */
static int
is_literal(struct span d)
{
	size_t	 i;

	if (d.n < 3 || d.n > 64 || d.p[0] != '[' || d.p[d.n - 1] != ']')
		return (0);
	for (i = 1; i < d.n - 1; i++)
		if (d.p[i] <= ' ' || d.p[i] >= 0x7f || d.p[i] == '[' ||
		    d.p[i] == ']' || d.p[i] == '\\')
			return (0);
	return (1);
}

static int
ascii_domain(struct span d, struct buf *b)
{
	struct buf	 why = { 0 };
	char		*s, *out = NULL;
	int		 rc = -1;

	if (d.n > 0 && d.n <= MSG_ADDR_MAX && (s = span_dup(d)) != NULL) {
		if (conf_ascii_domain(s, &out, &why) == 0)
			rc = buf_adds(b, out);
		free(out);
		free(s);
	}
	buf_free(&why);
	return (rc);
}

int
address_destination(struct span a, struct buf *b)
{
	struct span	 d = address_domain(a);
	size_t		 i;

	if (a.n > MSG_ADDR_MAX || a.n - d.n < 2)	/* "x@" at least */
		return (-1);
	if (!is_literal(d))
		return (ascii_domain(d, b));
	for (i = 0; i < d.n; i++)
		buf_addc(b, d.p[i] >= 'A' && d.p[i] <= 'Z' ? d.p[i] | 0x20 :
		    d.p[i]);
	return (buf_failed(b) ? -1 : 0);
}

void
address_route_domain(struct span a, struct buf *b)
{
	struct span	 d = address_domain(a);

	if (!is_literal(d))
		(void)ascii_domain(d, b);
}
