/*
 * Who is counted: addresses, the networks around them, names.
 */
#include <netinet/in.h>
#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

#include "ratelimit_int.h"

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
