/*
 * Addresses: as text, in brackets, in records, and whose they are.  See dns.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "dns.h"

static const uint8_t	*embedded(const uint8_t *);
static int		 within(const uint8_t *, const uint8_t *, unsigned);

static const uint8_t	 mapped[12] = { [10] = 0xff, [11] = 0xff };
static const uint8_t	 nat64[12] = { 0x00, 0x64, 0xff, 0x9b };

int
dns_addr_parse(struct span s, struct dns_addr *a)
{
	char	 text[DNS_ADDR_TEXT];

	memset(a, 0, sizeof(*a));
	if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, 0, s.n) != NULL)
		return (-1);
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	a->family = strchr(text, ':') == NULL ? AF_INET : AF_INET6;
	return (inet_pton(a->family, text, a->octets) == 1 ? 0 : -1);
}

int
dns_addr_literal(struct span s, struct dns_addr *a)
{
	int	 v6;

	if (s.n < 3 || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return (-1);
	s = span_of(s.p + 1, s.n - 2);
	if ((v6 = span_caseprefix(s, "IPv6:")) != 0)
		s = span_of(s.p + 5, s.n - 5);
	return (dns_addr_parse(s, a) == 0 && (a->family == AF_INET6) == v6 ?
	    0 : -1);
}

int
dns_addr_get(struct span rdata, int family, struct dns_addr *a)
{
	memset(a, 0, sizeof(*a));
	if (rdata.n != (family == AF_INET ? 4u : 16u))
		return (-1);
	a->family = family;
	memcpy(a->octets, rdata.p, rdata.n);
	return (0);
}

int
dns_addr_from(const struct sockaddr *sa, struct dns_addr *a, uint16_t *port)
{
	struct sockaddr_in	 in;
	struct sockaddr_in6	 in6;
	uint16_t		 p;

	memset(a, 0, sizeof(*a));
	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		a->family = AF_INET;
		memcpy(a->octets, &in.sin_addr, 4);
		p = ntohs(in.sin_port);
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof(in6));
		p = ntohs(in6.sin6_port);
		if (memcmp(&in6.sin6_addr, mapped, sizeof(mapped)) == 0) {
			a->family = AF_INET;
			memcpy(a->octets, in6.sin6_addr.s6_addr + 12, 4);
		} else {
			a->family = AF_INET6;
			memcpy(a->octets, &in6.sin6_addr, 16);
		}
	} else
		return (-1);
	if (port != NULL)
		*port = p;
	return (0);
}

socklen_t
dns_addr_to(const struct dns_addr *a, uint16_t port,
    struct sockaddr_storage *ss)
{
	struct sockaddr_in	 in = { .sin_family = AF_INET };
	struct sockaddr_in6	 in6 = { .sin6_family = AF_INET6 };

	memset(ss, 0, sizeof(*ss));
	if (a->family == AF_INET) {
		in.sin_port = htons(port);
		memcpy(&in.sin_addr, a->octets, 4);
		memcpy(ss, &in, sizeof(in));
		return (sizeof(in));
	}
	in6.sin6_port = htons(port);
	memcpy(&in6.sin6_addr, a->octets, 16);
	memcpy(ss, &in6, sizeof(in6));
	return (sizeof(in6));
}

int
dns_addr_eq(const struct dns_addr *a, const struct dns_addr *b)
{
	return (a->family == b->family &&
	    memcmp(a->octets, b->octets, sizeof(a->octets)) == 0);
}

/* The IPv4 address that an IPv6 one stands for, or NULL. */
static const uint8_t *
embedded(const uint8_t *p)
{
	if (memcmp(p, mapped, sizeof(mapped)) == 0 ||
	    memcmp(p, nat64, sizeof(nat64)) == 0)
		return (p + 12);
	if (p[0] == 0x20 && p[1] == 0x02)	/* 6to4, RFC 3056 */
		return (p + 2);
	return (NULL);
}

static int
within(const uint8_t *p, const uint8_t *prefix, unsigned bits)
{
	unsigned	 whole = bits / 8, rest = bits % 8;

	return (memcmp(p, prefix, whole) == 0 && (rest == 0 ||
	    ((p[whole] ^ prefix[whole]) & (0xff00u >> rest) & 0xff) == 0));
}

/* RFC 6890 and what followed; the first that fits. */
static const struct range {
	uint8_t			 prefix[16];
	unsigned		 bits;
	enum dns_addr_kind	 kind;
} ranges4[] = {
	{ { 0 },		8,	DNS_ADDR_NONE },
	{ { 10 },		8,	DNS_ADDR_PRIVATE },
	{ { 100, 64 },		10,	DNS_ADDR_PRIVATE },
	{ { 127 },		8,	DNS_ADDR_LOOPBACK },
	{ { 169, 254 },		16,	DNS_ADDR_PRIVATE },
	{ { 172, 16 },		12,	DNS_ADDR_PRIVATE },
	{ { 192, 0, 0 },	24,	DNS_ADDR_NONE },
	{ { 192, 168 },		16,	DNS_ADDR_PRIVATE },
	{ { 198, 18 },		15,	DNS_ADDR_PRIVATE },
	{ { 224 },		3,	DNS_ADDR_NONE },
}, ranges6[] = {
	{ { [15] = 1 },		128,	DNS_ADDR_LOOPBACK },
	{ { 0 },		96,	DNS_ADDR_NONE },
	{ { 0x00, 0x64, 0xff, 0x9b, 0, 1 }, 48, DNS_ADDR_PRIVATE },
	{ { 0x01, 0x00 },	64,	DNS_ADDR_NONE },
	{ { 0xfc },		7,	DNS_ADDR_PRIVATE },
	{ { 0xfe, 0x80 },	10,	DNS_ADDR_PRIVATE },
	{ { 0xfe, 0xc0 },	10,	DNS_ADDR_PRIVATE },
	{ { 0xff },		8,	DNS_ADDR_NONE },
};

enum dns_addr_kind
dns_addr_kind(const struct dns_addr *a)
{
	const struct range	*r = ranges6;
	const uint8_t		*p = a->octets, *v4;
	size_t			 n = nitems(ranges6);

	if (a->family == AF_INET || (v4 = embedded(p)) != NULL) {
		if (a->family != AF_INET)
			p = v4;
		r = ranges4;
		n = nitems(ranges4);
	}
	for (; n > 0; r++, n--)
		if (within(p, r->prefix, r->bits))
			return (r->kind);
	return (DNS_ADDR_PUBLIC);
}

const char *
dns_addr_text(const struct dns_addr *a, char text[DNS_ADDR_TEXT])
{
	if (inet_ntop(a->family, a->octets, text, DNS_ADDR_TEXT) == NULL)
		text[0] = '\0';
	return (text);
}

int
dns_addr_reverse(const struct dns_addr *a, struct buf *b)
{
	const uint8_t	*p = a->octets;
	int		 i;

	if (a->family == AF_INET)
		return (buf_addf(b, "%u.%u.%u.%u.in-addr.arpa", p[3], p[2],
		    p[1], p[0]));
	for (i = 15; i >= 0; i--)
		buf_addf(b, "%x.%x.", p[i] & 15u, p[i] >> 4u);
	return (buf_adds(b, "ip6.arpa"));
}
