/*
 * Texts to numbers.  See idtable.h.
 */
#include <stdlib.h>
#include <string.h>

#include "imapd/idtable.h"

#define SMALLEST	64

static struct idslot *place(const struct idtable *, const uint64_t *);
static int	 grow(struct idtable *);

int
idtable_init(struct idtable *t, size_t expected)
{
	memset(t, 0, sizeof(*t));
	for (t->size = SMALLEST; t->size / 2 < expected; t->size *= 2)
		;
	if (siphash_init(&t->key) == -1 ||
	    (t->slots = calloc(t->size, sizeof(*t->slots))) == NULL)
		return (-1);
	return (0);
}

void
idtable_free(struct idtable *t)
{
	free(t->slots);
	memset(t, 0, sizeof(*t));
}

/* Where it is, or would be. */
static struct idslot *
place(const struct idtable *t, const uint64_t *h)
{
	struct idslot	*s;
	size_t		 i;

	for (i = h[0] & (t->size - 1);; i = (i + 1) & (t->size - 1)) {
		s = &t->slots[i];
		if (!s->used || (s->hash[0] == h[0] && s->hash[1] == h[1]))
			return (s);
	}
}

static int
grow(struct idtable *t)
{
	struct idtable	 more = *t;
	size_t		 i;

	more.size *= 2;
	if ((more.slots = calloc(more.size, sizeof(*more.slots))) == NULL)
		return (-1);
	for (i = 0; i < t->size; i++)
		if (t->slots[i].used)
			*place(&more, t->slots[i].hash) = t->slots[i];
	free(t->slots);
	*t = more;
	return (0);
}

int
idtable_get(struct idtable *t, struct span text, uint32_t **value)
{
	struct idslot	*s;
	uint64_t	 h[2];

	if (t->n >= t->size / 2 && grow(t) == -1)
		return (-1);
	siphash_long(&t->key, text.p, text.n, h);
	s = place(t, h);
	*value = &s->value;
	if (s->used)
		return (1);
	s->used = 1;
	memcpy(s->hash, h, sizeof(s->hash));
	t->n++;
	return (0);
}

int
idtable_find(const struct idtable *t, struct span text, uint32_t *value)
{
	struct idslot	*s;
	uint64_t	 h[2];

	siphash_long(&t->key, text.p, text.n, h);
	s = place(t, h);
	*value = s->value;
	return ((int)s->used);
}
