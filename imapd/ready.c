/*
 * Ready-made answers about a message.  See ready.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/ready.h"

struct ready_build {
	uint64_t	 size;
};

struct ready_build *
ready_begin(void)
{
	return (calloc(1, sizeof(struct ready_build)));
}

int
ready_feed(struct ready_build *r, struct span s)
{
	r->size += s.n;
	return (0);
}

int
ready_end(struct ready_build *r)
{
	(void)r;
	return (0);
}

void
ready_free(struct ready_build *r)
{
	free(r);
}

int
ready_put(struct part *p, uint64_t body, const struct ready_build *r)
{
	(void)p;
	(void)body;
	(void)r;
	return (0);
}

/* Pieces are numbered from 0 without a gap. */
static int
drop_pieces(struct part *p, uint64_t body)
{
	struct buf	 k = { 0 };
	unsigned	 i;
	int		 rc;

	for (i = 0, rc = 0; i <= UINT8_MAX && rc == 0; i++) {
		buf_reset(&k);
		(void)buf_put_u64(&k, body);
		(void)buf_put_u8(&k, (uint8_t)i);
		if (buf_failed(&k))
			rc = -1;
		else if ((rc = dbenv_del(p->ready, span_buf(&k))) == -1 &&
		    errno == ENOENT) {
			buf_free(&k);
			return (0);
		}
	}
	buf_free(&k);
	return (rc);
}

int
ready_unref(struct part *p, uint64_t body)
{
	struct body_info	 info;

	if (body_stat(p->bodies, body, &info) == -1)
		return (-1);
	if (info.refs <= 1 && drop_pieces(p, body) == -1)
		return (-1);
	return (body_unref(p->bodies, body));
}
