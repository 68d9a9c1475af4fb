/*
 * Who a message says wrote it, found in the octets that are stored, while they
 * are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "header.h"
#include "queued/session.h"
#include "submit.h"

#define HEADER_LARGEST	(1024 * 1024)	/* octets */
#define AUTHORS_MAX	100		/* different ones */

static int	 add(void *, struct span, struct span);

/* Maybe by a helper thread: touches its argument alone. */
int
authors_feed(void *arg, struct span s)
{
	struct authors	*a = arg;
	size_t		 n;

	if (a->done || a->too_large)
		return (0);
	n = HEADER_LARGEST - a->header.n;
	if (buf_add(&a->header, s.p, s.n < n ? s.n : n) == -1)
		return (ENOMEM);
	n = header_length(span_buf(&a->header), &a->done);
	if (a->done)
		buf_truncate(&a->header, n);
	else if (a->header.n == HEADER_LARGEST)
		a->too_large = 1;
	return (0);
}

static int
add(void *arg, struct span local, struct span host)
{
	struct authors	*a = arg;
	struct buf	 b = { .max = MSG_ADDR_MAX };
	char		**v, *s;
	size_t		 i;

	address_write_spec(&b, local, host);
	s = buf_failed(&b) ? NULL : span_dup(span_buf(&b));
	buf_free(&b);
	if (s == NULL)
		return (1);
	for (i = 0; i < a->n; i++)
		if (strcmp(a->v[i], s) == 0) {
			free(s);
			return (0);
		}
	if (a->n == AUTHORS_MAX || (v = reallocarray(a->v, a->n + 1,
	    sizeof(char *))) == NULL) {
		free(s);
		return (1);
	}
	a->v = v;
	a->v[a->n++] = s;
	return (0);
}

int
authors_find(struct authors *a)
{
	if (a->too_large || submit_authors(span_buf(&a->header), add, a) != 0 ||
	    a->n == 0)
		return (-1);
	return (0);
}

/* "TLS-Required: No", RFC 8689 section 5; in doubt it is not said. */
int
authors_tls_no(const struct authors *a)
{
	struct header_field	 f;
	struct buf		 value = { .max = 64 };
	int			 no;

	if (header_count(span_buf(&a->header), "TLS-Required") != 1 ||
	    !header_find(span_buf(&a->header), "TLS-Required", 0, &f) ||
	    header_dirty(f.value))
		return (0);
	no = header_unfold(&value, f.value) == 0 &&
	    span_caseeqs(span_buf(&value), "No");
	buf_free(&value);
	return (no);
}

void
authors_free(struct authors *a)
{
	size_t	 i;

	for (i = 0; i < a->n; i++)
		free(a->v[i]);
	free(a->v);
	buf_free(&a->header);
	memset(a, 0, sizeof(*a));
}
