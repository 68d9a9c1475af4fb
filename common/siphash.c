/*
 * SipHash-2-4.  See siphash.h.
 */
#include <sys/random.h>
#include <string.h>
#include <unistd.h>

#include "siphash.h"

#define ROTL(x, n)	((x) << (n) | (x) >> (64 - (n)))

static uint64_t
load(const uint8_t *p, size_t n)
{
	uint64_t	 v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return (v);
}

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

/* All of the input; what is left are the rounds of the end. */
static void
absorb(const struct siphash_key *k, const uint8_t *p, size_t n, uint64_t *v)
{
	uint64_t	 w;
	size_t		 left;

	v[0] = k->k0 ^ 0x736f6d6570736575;
	v[1] ^= k->k1 ^ 0x646f72616e646f6d;
	v[2] = k->k0 ^ 0x6c7967656e657261;
	v[3] = k->k1 ^ 0x7465646279746573;
	for (left = n; left >= 8; left -= 8, p += 8) {
		w = load(p, 8);
		v[3] ^= w;
		rounds(v, 2);
		v[0] ^= w;
	}
	w = (uint64_t)n << 56 | load(p, left);
	v[3] ^= w;
	rounds(v, 2);
	v[0] ^= w;
}

int
siphash_init(struct siphash_key *k)
{
	return (getentropy(k, sizeof(*k)));
}

uint64_t
siphash(const struct siphash_key *k, const void *data, size_t n)
{
	uint64_t	 v[4] = { 0 };

	absorb(k, data, n, v);
	v[2] ^= 0xff;
	rounds(v, 4);
	return (v[0] ^ v[1] ^ v[2] ^ v[3]);
}

void
siphash_long(const struct siphash_key *k, const void *data, size_t n,
    uint64_t hash[2])
{
	uint64_t	 v[4] = { 0, 0xee, 0, 0 };

	absorb(k, data, n, v);
	v[2] ^= 0xee;
	rounds(v, 4);
	hash[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
	v[1] ^= 0xdd;
	rounds(v, 4);
	hash[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}
