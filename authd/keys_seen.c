/*
 * What keys signed in the last minute, and for whom: the proof that a recorded
 * handshake was made just now, by that process.  A ring, the oldest first, with
 * a hash table beside it: the digests are spread evenly and nobody chooses them.
 */
#include <stdlib.h>
#include <string.h>

#include "keys.h"

#define REMEMBERED	60000	/* ms */
#define SEEN_FIRST	1024	/* entries at first, doubled when all are young */
#define SEEN_MAX	131072
#define NONE		UINT32_MAX

struct seen {
	uint8_t		 digest[32];
	uint64_t	 when;
	uint32_t	 instance;
	uint32_t	 next;		/* in its chain */
	uint8_t		 role;
	uint8_t		 claimed;
};

static struct seen	*ring;
static uint32_t		*chains;		/* as many as entries */
static size_t		 size, head, count;	/* head: the oldest */

static uint32_t	*chain(const uint8_t [32]);
static struct seen	*find(const uint8_t [32]);
static void	 put(const struct seen *);
static void	 drop_oldest(void);
static void	 forget(uint64_t);
static int	 grow(void);

static uint32_t *
chain(const uint8_t digest[32])
{
	uint32_t	 h;

	memcpy(&h, digest, sizeof(h));
	return (&chains[h & (size - 1)]);	/* a power of two */
}

static struct seen *
find(const uint8_t digest[32])
{
	uint32_t	 i;

	if (size == 0)
		return (NULL);
	for (i = *chain(digest); i != NONE; i = ring[i].next)
		if (memcmp(ring[i].digest, digest, 32) == 0)
			return (&ring[i]);
	return (NULL);
}

/* As the youngest; there is room. */
static void
put(const struct seen *s)
{
	uint32_t	 i = (uint32_t)((head + count) % size);
	uint32_t	*c = chain(s->digest);

	ring[i] = *s;
	ring[i].next = *c;
	*c = i;
	count++;
}

static void
drop_oldest(void)
{
	uint32_t	*c = chain(ring[head].digest);

	while (*c != head)
		c = &ring[*c].next;
	*c = ring[head].next;
	head = (head + 1) % size;
	count--;
}

static void
forget(uint64_t now)
{
	while (count > 0 && ring[head].when + REMEMBERED < now)
		drop_oldest();
}

static int
grow(void)
{
	struct seen	*old = ring, *more;
	uint32_t	*heads;
	size_t		 i, n = size == 0 ? SEEN_FIRST : size * 2;
	size_t		 oldsize = size, oldhead = head, oldcount = count;

	if (n > SEEN_MAX)
		return (-1);
	more = calloc(n, sizeof(*more));
	heads = malloc(n * sizeof(*heads));
	if (more == NULL || heads == NULL) {
		free(more);
		free(heads);
		return (-1);
	}
	for (i = 0; i < n; i++)
		heads[i] = NONE;
	free(chains);
	chains = heads;
	ring = more;
	size = n;
	head = count = 0;
	for (i = 0; i < oldcount; i++)
		put(&old[(oldhead + i) % oldsize]);
	free(old);
	return (0);
}

void
seen_add(const uint8_t digest[32], enum role role, unsigned instance,
    uint64_t now)
{
	struct seen	 s = { .when = now, .instance = instance,
			    .role = (uint8_t)role };

	forget(now);
	/* Made once more, as Ed25519 does for the same text: not a new one. */
	if (find(digest) != NULL)
		return;
	if (count == size && grow() == -1) {
		if (size == 0)
			return;
		drop_oldest();		/* gives way */
	}
	memcpy(s.digest, digest, sizeof(s.digest));
	put(&s);
}

int
seen_claim(const uint8_t digest[32], enum role role, unsigned instance,
    uint64_t now)
{
	struct seen	*s;

	forget(now);
	if ((s = find(digest)) == NULL || s->claimed || s->role != role ||
	    s->instance != instance)
		return (0);
	s->claimed = 1;
	return (1);
}

void
seen_clear(void)
{
	free(ring);
	free(chains);
	ring = NULL;
	chains = NULL;
	size = head = count = 0;
}
