/*
 * Who is counted: addresses, the networks around them, names; and the hash that
 * finds them.
 */
#include <sys/random.h>
#include <netinet/in.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "ratelimit_int.h"

#define ROTL(x, n)	((x) << (n) | (x) >> (64 - (n)))

static uint64_t	 load64(const uint8_t *);
static void	 sipround(uint64_t *);

int
ratelimit_address(struct ratelimit_key *k, const struct sockaddr *sa)
{
	const struct sockaddr_in	*sin;
	const struct sockaddr_in6	*sin6;

	memset(k, 0, sizeof(*k));
	if (sa->sa_family == AF_INET) {
		sin = (const void *)sa;
		k->kind = 4;
		memcpy(k->octets, &sin->sin_addr, 4);
		return (0);
	}
	if (sa->sa_family != AF_INET6) {
		errno = EAFNOSUPPORT;
		return (-1);
	}
	sin6 = (const void *)sa;
	if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
		k->kind = 4;
		memcpy(k->octets, &sin6->sin6_addr.s6_addr[12], 4);
	} else {
		k->kind = 6;
		memcpy(k->octets, &sin6->sin6_addr, 16);
	}
	return (0);
}

void
ratelimit_name(struct ratelimit_key *k, struct span name)
{
	uint8_t		 digest[EVP_MAX_MD_SIZE];
	unsigned	 n = 0;

	memset(k, 0, sizeof(*k));
	memset(digest, 0, sizeof(digest));
	k->kind = 'n';
	(void)EVP_Digest(name.p, name.n, digest, &n, EVP_sha256(), NULL);
	memcpy(k->octets, digest, sizeof(k->octets));
}

struct slot_key
slot_key(const struct ratelimit_key *k, unsigned bits)
{
	struct slot_key	 s;
	unsigned	 i;

	memset(&s, 0, sizeof(s));
	s.kind = k->kind;
	s.bits = (uint8_t)bits;
	if (k->kind == 'n')
		bits = 128;
	for (i = 0; i < sizeof(s.octets) && bits >= 8; i++, bits -= 8)
		s.octets[i] = k->octets[i];
	if (bits > 0 && i < sizeof(s.octets))
		s.octets[i] = (uint8_t)(k->octets[i] & (0xff00u >> bits));
	return (s);
}

int
slot_key_eq(const struct slot_key *a, const struct slot_key *b)
{
	return (a->kind == b->kind && a->bits == b->bits &&
	    memcmp(a->octets, b->octets, sizeof(a->octets)) == 0);
}

int
seed_init(struct seed *s)
{
	return (getentropy(s, sizeof(*s)));
}

static uint64_t
load64(const uint8_t *p)
{
	uint64_t	 v = 0;
	int		 i;

	for (i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return (v);
}

static void
sipround(uint64_t *v)
{
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

uint64_t
siphash(const struct seed *s, const void *data, size_t n)
{
	const uint8_t	*p = data;
	uint8_t		 tail[8] = { 0 };
	uint64_t	 v[4], m;
	size_t		 left;

	v[0] = s->k0 ^ 0x736f6d6570736575;
	v[1] = s->k1 ^ 0x646f72616e646f6d;
	v[2] = s->k0 ^ 0x6c7967656e657261;
	v[3] = s->k1 ^ 0x7465646279746573;
	for (left = n; left >= 8; left -= 8, p += 8) {
		m = load64(p);
		v[3] ^= m;
		sipround(v);
		sipround(v);
		v[0] ^= m;
	}
	memcpy(tail, p, left);
	tail[7] = (uint8_t)n;
	m = load64(tail);
	v[3] ^= m;
	sipround(v);
	sipround(v);
	v[0] ^= m;
	v[2] ^= 0xff;
	sipround(v);
	sipround(v);
	sipround(v);
	sipround(v);
	return (v[0] ^ v[1] ^ v[2] ^ v[3]);
}
