/*
 * Memory that commands keep.  See memuse.h.
 */
#include <errno.h>
#include <string.h>

#include "imapd/memuse.h"
#include "imapd/session.h"

void
memuse_begin(struct memuse *m, struct session *s)
{
	m->store = s->store;
	m->account = s->account;
	m->n = 0;
}

int
memuse_set(struct memuse *m, size_t n)
{
	const struct store_limits	*l;

	if (m->store == NULL)
		return (0);
	l = &m->store->limits;
	if (n > m->n && (n > l->memory ||
	    m->store->memory - m->n > l->memory - n ||
	    n > l->memory_one || m->account->memory - m->n >
	    l->memory_one - n)) {
		errno = ENOBUFS;
		return (-1);
	}
	m->store->memory += n - m->n;
	m->account->memory += n - m->n;
	m->n = n;
	return (0);
}

void
memuse_end(struct memuse *m)
{
	(void)memuse_set(m, 0);
	memset(m, 0, sizeof(*m));
}
