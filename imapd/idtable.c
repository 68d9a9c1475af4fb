/*
 * Texts to numbers.  See idtable.h.
 */
#include <sys/random.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imapd/idtable.h"

#define SMALLEST	64

#define ROTL(x, n)	((x) << (n) | (x) >> (64 - (n)))

static void	 rounds(uint64_t *, int);
static void	 hash(const struct idtable *, struct span, uint64_t *);
static struct idslot *place(const struct idtable *, const uint64_t *);
static int	 grow(struct idtable *);

static void
rounds(uint64_t *v, int n)
{
	while (n-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = ROTL(v[1], 13) ^ v[0];
		v[3] = ROTL(v[3], 16) ^ v[2];
		v[0] = ROTL(v[0], 32) + v[3];
		v[2] += v[1];
		v[1] = ROTL(v[1], 17) ^ v[2];
		v[3] = ROTL(v[3], 21) ^ v[0];
		v[2] = ROTL(v[2], 32);
	}
}

/* SipHash-2-4 with a result of 128 bits (Aumasson, Bernstein). */
static void
hash(const struct idtable *t, struct span s, uint64_t *to)
{
	uint64_t	 v[4], w;
	size_t		 i, n;

	v[0] = t->key[0] ^ 0x736f6d6570736575;
	v[1] = t->key[1] ^ 0x646f72616e646f6d ^ 0xee;
	v[2] = t->key[0] ^ 0x6c7967656e657261;
	v[3] = t->key[1] ^ 0x7465646279746573;
	for (i = 0; i + 8 <= s.n; i += 8) {
		memcpy(&w, s.p + i, 8);
		v[3] ^= w;
		rounds(v, 2);
		v[0] ^= w;
	}
	w = (uint64_t)s.n << 56;
	for (n = 0; i + n < s.n; n++)
		w |= (uint64_t)s.p[i + n] << (8 * n);
	v[3] ^= w;
	rounds(v, 2);
	v[0] ^= w;
	v[2] ^= 0xee;
	rounds(v, 4);
	to[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
	v[1] ^= 0xdd;
	rounds(v, 4);
	to[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}

int
idtable_init(struct idtable *t, size_t expected)
{
	memset(t, 0, sizeof(*t));
	for (t->size = SMALLEST; t->size / 2 < expected; t->size *= 2)
		;
	if (getentropy(t->key, sizeof(t->key)) == -1 ||
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
	hash(t, text, h);
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

	hash(t, text, h);
	s = place(t, h);
	*value = s->value;
	return ((int)s->used);
}
