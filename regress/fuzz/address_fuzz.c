/*
 * Addresses: what is not broken is the same after it was written; groups are
 * balanced; no control octet comes out.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "msgid.h"
#include "subject.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define must(ok) do {	\
	if (!(ok))	\
		abort();\
} while (0)

static int
ordinary(struct span s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] == 0x7f)
			return (0);
	return (1);
}

static void
again(const struct address *a)
{
	struct address_list	 l;
	struct address		 x;
	struct buf		 b = { 0 };

	address_write_spec(&b, a->local, a->host);
	address_begin(&l, span_buf(&b));
	must(address_next(&l, &x) == 1 && x.kind == ADDRESS_MAILBOX &&
	    !x.broken && span_eq(x.local, a->local) &&
	    span_eq(x.host, a->host) && address_next(&l, &x) == 0);
	address_end(&l);
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct address_list	 l;
	struct address		 a;
	struct span		 s = span_of(data, n), id;
	struct buf		 b = { 0 };
	int			 group = 0, rc;

	address_begin(&l, s);
	while ((rc = address_next(&l, &a)) == 1) {
		if (a.kind == ADDRESS_GROUP)
			must(!group++);
		else if (a.kind == ADDRESS_GROUP_END)
			must(group--);
		else if (!a.broken && ordinary(a.local) && ordinary(a.host))
			again(&a);
	}
	must(rc == 0 && !group);
	address_end(&l);
	while (msgid_next(&s, &id))
		must(id.n > 0 && msgid_normal(&b, id) == 0);
	buf_reset(&b);
	must(subject_base(&b, span_of(data, n), NULL) == 0 && b.n <= n);
	buf_free(&b);
	return (0);
}
