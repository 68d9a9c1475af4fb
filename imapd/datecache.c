/*
 * Sent dates by UID.  See datecache.h.
 */
#include <stdlib.h>
#include <string.h>

#include "imapd/datecache.h"

#define SMALLEST	256
#define SPARE		1000		/* known that are gone */

struct dateslot {
	int64_t		 date;
	uint32_t	 uid;		/* 0: nobody's */
};

static struct dateslot	*place(const struct datecache *, uint32_t);
static int		 grow(struct datecache *);

/* UIDs follow each other, so they are a hash already. */
static struct dateslot *
place(const struct datecache *c, uint32_t uid)
{
	size_t	 i;

	for (i = uid & (c->size - 1); c->slots[i].uid != 0 &&
	    c->slots[i].uid != uid; i = (i + 1) & (c->size - 1))
		;
	return (&c->slots[i]);
}

int
datecache_find(const struct datecache *c, uint32_t uid, int64_t *date)
{
	const struct dateslot	*s;

	if (c->size == 0 || (s = place(c, uid))->uid == 0)
		return (0);
	*date = s->date;
	return (1);
}

static int
grow(struct datecache *c)
{
	struct datecache	 more = *c;
	size_t			 i;

	more.size = c->size == 0 ? SMALLEST : c->size * 2;
	if ((more.slots = calloc(more.size, sizeof(*more.slots))) == NULL)
		return (-1);
	for (i = 0; i < c->size; i++)
		if (c->slots[i].uid != 0)
			*place(&more, c->slots[i].uid) = c->slots[i];
	free(c->slots);
	*c = more;
	return (0);
}

void
datecache_add(struct datecache *c, uint32_t uid, int64_t date,
    size_t messages)
{
	struct dateslot	*s;

	if (c->n > messages * 2 + SPARE)
		datecache_free(c);
	if (c->n >= c->size / 2 && grow(c) == -1)
		return;
	s = place(c, uid);
	c->n += s->uid == 0;
	s->uid = uid;
	s->date = date;
}

void
datecache_free(struct datecache *c)
{
	free(c->slots);
	memset(c, 0, sizeof(*c));
}
