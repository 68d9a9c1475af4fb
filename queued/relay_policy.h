/*
 * What a relay worker decides before it connects: where to, in which order, and
 * what TLS must be.  Pure functions, with everything as an argument.
 */
#ifndef RELAY_POLICY_H
#define RELAY_POLICY_H

#include "conf.h"
#include "dns.h"
#include "msg.h"

#define RELAY_MX_MAX		10	/* hosts of a destination */
#define RELAY_ADDRS_HOST	16	/* addresses of a host that are kept */
#define RELAY_ADDRS_MAX		5	/* addresses tried in one attempt */

struct relay_result {
	enum result	 result;
	unsigned	 code;		/* SMTP reply code or 0 */
	char		 enhanced[12];
	char		 text[512];	/* printable ASCII */
};

/* Set it; the text is formatted, cut and made printable. */
void	 relay_result(struct relay_result *, enum result, unsigned code,
	    const char *enhanced, const char *fmt, ...)
	    __attribute__((__format__(printf, 5, 6)));

/* What DNS says about the TLS of a host: TLSA records, RFC 7672 section 2.2. */
enum relay_dane {
	RELAY_DANE_NONE,		/* nothing that is secure */
	RELAY_DANE_USABLE,
	RELAY_DANE_UNUSABLE,		/* records, none we can use */
	RELAY_DANE_FAILED		/* no answer, or a bogus one */
};
/* By the answer to TLSA, so many records of which can be used. */
enum relay_dane	 relay_dane(const struct msg_dns_answer *, size_t usable);

/* What the domain's MTA-STS policy says of a host, RFC 8461 section 4. */
enum relay_sts {
	RELAY_STS_NONE,
	RELAY_STS_TESTING,		/* nothing changes, but is recorded */
	RELAY_STS_ENFORCE,		/* TLS, verified by name */
	RELAY_STS_OTHER			/* it is none of the domain's hosts */
};

struct relay_tls {
	enum conf_tls	 mode;
	int		 verify;	/* the name, by an authority */
	int		 dane;		/* the certificate, by TLSA records */
	int		 fallback;	/* TLS that fails: again in clear */
	const char	*how;		/* what TLS then is, for the record */
};
enum relay_tls_result {
	RELAY_TLS_GO,
	RELAY_TLS_WEAK,			/* not for a message that requires TLS
					 * all the way, RFC 8689 */
	RELAY_TLS_SKIP,			/* not now: DNS keeps from us what it
					 * has to be */
	RELAY_TLS_OTHER			/* not the domain's, says its policy */
};
/* TLS towards a host of a transport; requiretls as in struct msg_relay. */
enum relay_tls_result	 relay_tls_policy(const struct conf_transport *,
			    enum relay_dane, enum relay_sts, int requiretls,
			    struct relay_tls *);
/* Is it decided without a look at the hosts that such a message cannot go? */
int	 relay_tls_never(const struct conf_transport *, int requiretls);

/*
 * Hosts for a destination by the answer to MX.  *n is set; 0 when the answer
 * decides it already, then why says how.  ours: our own name: hosts no better
 * than ourselves are left out, RFC 5321 section 5.1.
 */
size_t	 relay_mx(const struct msg_dns_answer *, const char *destination,
	    const char *ours, uint32_t (*random)(uint32_t),
	    struct dns_mx hosts[RELAY_MX_MAX], struct relay_result *why);

struct relay_host {
	const char	*name;
	struct dns_addr	 addrs[RELAY_ADDRS_HOST];
	size_t		 n;
};
struct relay_candidate {
	size_t		 host;		/* which of the hosts */
	struct dns_addr	 addr;
};
/*
 * Addresses in the order in which they are tried: hosts in their order, within
 * each the families in turn, begun by lot; each address once.  Left out are
 * families the transport has not, and addresses that are not public unless
 * private is set; *refused counts these.
 */
size_t	 relay_candidates(const struct relay_host *, size_t nhosts,
	    const struct conf_transport *, int private,
	    uint32_t (*random)(uint32_t),
	    struct relay_candidate out[RELAY_ADDRS_MAX], unsigned *refused);

/*
 * May a proxy be asked for that host?  Not where the name says by itself that it
 * leads to the proxy's own machine or network: a single label, "localhost", an
 * IPv4 address in any spelling (the last label is a number).
 */
int	 relay_name_public(const char *host);

#endif
