/*
 * What keys signed in the last minute, and for whom: the proof that a recorded
 * handshake was made just now, by that process.  A ring, the oldest first.
 */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"

#define REMEMBERED	60000	/* ms */
#define SEEN_FIRST	1024	/* entries at first, doubled when all are young */
#define SEEN_MAX	131072

struct seen {
	uint8_t		 digest[32];	/* SHA-256 of what was signed */
	uint64_t	 when;
	uint16_t	 role, instance;
	uint8_t		 claimed;
};

static struct seen	*ring;
static size_t		 size, head, count;	/* head: the oldest */

static int	 grow(void);
static void	 forget(uint64_t);

static void
forget(uint64_t now)
{
	while (count > 0 && ring[head].when + REMEMBERED < now) {
		head = (head + 1) % size;
		count--;
	}
}

static int
grow(void)
{
	size_t		 i, n = size == 0 ? SEEN_FIRST : size * 2;
	struct seen	*more;

	if (n > SEEN_MAX || (more = calloc(n, sizeof(*more))) == NULL)
		return (-1);
	for (i = 0; i < count; i++)
		more[i] = ring[(head + i) % size];
	free(ring);
	ring = more;
	size = n;
	head = 0;
	return (0);
}

void
seen_add(struct span text, enum role role, unsigned instance, uint64_t now)
{
	struct seen	*s;
	unsigned int	 n = sizeof(s->digest);

	forget(now);
	if (count == size && grow() == -1) {
		if (size == 0)
			return;
		head = (head + 1) % size;	/* the oldest gives way */
		count--;
	}
	s = &ring[(head + count) % size];
	memset(s, 0, sizeof(*s));
	if (EVP_Digest(text.p, text.n, s->digest, &n, EVP_sha256(), NULL) != 1)
		return;
	s->when = now;
	s->role = (uint16_t)role;
	s->instance = (uint16_t)instance;
	count++;
}

int
seen_claim(const uint8_t digest[32], enum role role, unsigned instance,
    uint64_t now)
{
	struct seen	*s;
	size_t		 i;

	forget(now);
	for (i = 0; i < count; i++) {
		s = &ring[(head + i) % size];
		if (s->claimed || s->role != role || s->instance != instance ||
		    memcmp(s->digest, digest, sizeof(s->digest)) != 0)
			continue;
		s->claimed = 1;
		return (1);
	}
	return (0);
}

void
seen_clear(void)
{
	free(ring);
	ring = NULL;
	size = head = count = 0;
}
