/*
 * What DNS says, understood: names between their forms, address literals, and
 * the data of resource records as the wire has it (names inside uncompressed).
 * It asks nobody and keeps nothing.
 *
 * A name as text is in lower case and without the final dot; the root is ".".
 * Every octet of a label that is not a letter, digit, - or _ is written \DDD.
 */
#ifndef DNS_H
#define DNS_H

#include <sys/socket.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#define DNS_WIRE_MAX	255	/* octets of a name, RFC 1035 2.3.4 */
#define DNS_HOST_MAX	253	/* of a host's name as text */
#define DNS_TEXT_MAX	1008	/* of any name as text, every octet escaped */
#define DNS_TXT_MAX	65535	/* of a TXT record's strings together */
#define DNS_ADDR_TEXT	46	/* of an address as text, with its NUL */

/* ---- names -------------------------------------------------------------- */

/*
 * A host's name as text: labels of 1 to 63 letters (in either case), digits, -
 * (not at an end) and _, at most DNS_HOST_MAX octets; no final dot.
 */
int	 dns_host_valid(struct span);
/*
 * A domain in lower-case A-labels: UTF-8 is normalised and mapped (IDNA 2008,
 * RFC 5891), what is ASCII already is put into lower case.  One final dot is
 * dropped.  *out is for the caller to free.  0, or -1 when it is no domain
 * (EINVAL) or there is no memory (ENOMEM); then *out is NULL.
 */
int	 dns_domain_ascii(const char *, char **out);
/* Append a name in wire form: \DDD and \X are understood.  0, or -1 EINVAL with
 * nothing appended. */
int	 dns_name_put(struct buf *, struct span text);
/* Take an uncompressed name from the front and append it as text.  0, or -1
 * EINVAL with nothing taken or appended. */
int	 dns_name_get(struct span *, struct buf *text);

/* ---- addresses ---------------------------------------------------------- */

struct dns_addr {
	int	 family;		/* AF_INET or AF_INET6 */
	uint8_t	 octets[16];		/* 4 or 16, in network order; then 0 */
};

enum dns_addr_kind {
	DNS_ADDR_PUBLIC,
	DNS_ADDR_LOOPBACK,		/* 127/8, ::1 */
	DNS_ADDR_PRIVATE,		/* RFC 1918, shared, link-local, ULA */
	DNS_ADDR_NONE			/* nobody's: 0/8, multicast, reserved */
};

/* "192.0.2.1", "2001:db8::1"; no scope, no brackets.  0 or -1. */
int	 dns_addr_parse(struct span, struct dns_addr *);
/* "[192.0.2.1]", "[IPv6:2001:db8::1]": RFC 5321, 4.1.3.  0 or -1. */
int	 dns_addr_literal(struct span, struct dns_addr *);
/* From the data of an A (AF_INET) or AAAA (AF_INET6) record.  0 or -1. */
int	 dns_addr_get(struct span rdata, int family, struct dns_addr *);
/* An IPv4 address mapped into IPv6 becomes AF_INET.  port may be NULL.
 * 0, or -1 when it is neither family. */
int	 dns_addr_from(const struct sockaddr *, struct dns_addr *,
	    uint16_t *port);
/* Its length for connect(). */
socklen_t	 dns_addr_to(const struct dns_addr *, uint16_t port,
		    struct sockaddr_storage *);
int	 dns_addr_eq(const struct dns_addr *, const struct dns_addr *);
/* As IPv4 where IPv6 only wraps it (mapped, NAT64 64:ff9b::/96, 6to4). */
enum dns_addr_kind	 dns_addr_kind(const struct dns_addr *);
const char	*dns_addr_text(const struct dns_addr *,
		    char [DNS_ADDR_TEXT]);	/* returns its argument */
/* Append the name to ask for its PTR: "1.2.0.192.in-addr.arpa". */
int	 dns_addr_reverse(const struct dns_addr *, struct buf *);

/* ---- records ------------------------------------------------------------ */

struct dns_mx {
	uint16_t	 preference;
	char		 host[DNS_HOST_MAX + 1];
};

enum dns_mx_result {
	DNS_MX_LIST,		/* at least one host */
	DNS_MX_NULL,		/* the domain takes no mail, RFC 7505 */
	DNS_MX_BROKEN		/* records, but none that can be used */
};

/*
 * The data of MX records as a list of hosts to try in order: by preference,
 * those of equal preference by lot (random gives a number below its argument),
 * each host once, with its best preference.  "." beside other hosts is
 * ignored, malformed records and hosts with no valid name as well; beyond max
 * the worst are dropped.  *n is set to how many there are.
 */
enum dns_mx_result	 dns_mx_list(const struct span *rdata, size_t nrdata,
			    uint32_t (*random)(uint32_t), struct dns_mx *,
			    size_t max, size_t *n);
/* The name that a CNAME or PTR record holds, appended.  0 or -1. */
int	 dns_target_get(struct span rdata, struct buf *);
/* The strings of a TXT record, one behind the other, appended.  0, or -1 when
 * malformed. */
int	 dns_txt_get(struct span rdata, struct buf *);

#endif
