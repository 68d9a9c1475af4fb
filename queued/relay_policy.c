/*
 * Where a message goes, and under which TLS.  See relay_policy.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "queued/relay_policy.h"
#include "smtpreply.h"

static size_t	 add_host(const struct relay_host *, size_t, size_t, int,
		    struct relay_candidate *, size_t);
static int	 next_of(const struct relay_host *, int, uint32_t *);

void
relay_result(struct relay_result *r, enum result result, unsigned code,
    const char *enhanced, const char *fmt, ...)
{
	va_list	 ap;

	r->result = result;
	r->code = code;
	snprintf(r->enhanced, sizeof(r->enhanced), "%s", enhanced);
	va_start(ap, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, ap);
	va_end(ap);
	smtpreply_clean(r->text, strlen(r->text));
}

enum relay_dane
relay_dane(const struct msg_dns_answer *a, size_t usable)
{
	switch (a->status) {
	case DNS_OK:
		if (!a->secure)
			return (RELAY_DANE_NONE);
		return (usable > 0 ? RELAY_DANE_USABLE : RELAY_DANE_UNUSABLE);
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		return (RELAY_DANE_NONE);
	default:
		return (RELAY_DANE_FAILED);
	}
}

enum relay_tls_result
relay_tls_policy(const struct conf_transport *t, enum relay_dane dane,
    enum relay_sts sts, int requiretls, struct relay_tls *p)
{
	int	 policies = TRANSPORT_BY_MX(t) && t->tls != TLS_OFF &&
		    requiretls != REQUIRETLS_NO;

	p->mode = (enum conf_tls)t->tls;
	p->verify = TRANSPORT_SMARTHOST(t) && t->verify &&
	    t->tls >= TLS_REQUIRED;
	p->dane = 0;
	p->how = p->verify ? "verified" : "unverified";
	/* "tls off" is the administrator's word; a smarthost's is verify. */
	if (TRANSPORT_BY_MX(t) && requiretls == REQUIRETLS_NO) {
		p->how = "unverified, TLS-Required: No";
	} else if (TRANSPORT_BY_MX(t) && p->mode != TLS_OFF) {
		if (dane != RELAY_DANE_NONE)
			p->mode = TLS_REQUIRED;
		p->dane = dane == RELAY_DANE_USABLE;
		if (p->dane)
			p->how = "dane";
		else if (dane == RELAY_DANE_UNUSABLE)
			p->how = "unverified, no TLSA record can be used";
		else if (sts == RELAY_STS_TESTING)
			p->how = "unverified, mta-sts is tested";
		if (sts == RELAY_STS_ENFORCE) {
			p->mode = TLS_REQUIRED;
			p->verify = 1;
			p->how = p->dane ? "dane, mta-sts" : "mta-sts";
		}
	}
	p->fallback = p->mode == TLS_OPTIONAL;
	if (policies && sts == RELAY_STS_OTHER)
		return (RELAY_TLS_OTHER);
	if (policies && dane == RELAY_DANE_FAILED)
		return (RELAY_TLS_SKIP);
	return (requiretls == REQUIRETLS_ALL && !p->verify && !p->dane ? RELAY_TLS_WEAK :
	    RELAY_TLS_GO);
}

int
relay_tls_never(const struct conf_transport *t, int requiretls)
{
	struct relay_tls	 p;

	return (relay_tls_policy(t, RELAY_DANE_USABLE, RELAY_STS_NONE,
	    requiretls, &p) ==
	    RELAY_TLS_WEAK);
}

size_t
relay_mx(const struct msg_dns_answer *a, const char *destination,
    const char *ours, uint32_t (*random)(uint32_t),
    struct dns_mx hosts[RELAY_MX_MAX], struct relay_result *why)
{
	const struct msg_dns_record	*rr = a->records.v;
	struct span			 rdata[100];
	size_t				 n, i, all = a->records.n;

	switch (a->status) {
	case DNS_OK:
		break;
	case DNS_NODATA:	/* the domain is its own server */
		if (a->canonical.n > 0 && a->canonical.n <= DNS_HOST_MAX)
			snprintf(hosts[0].host, sizeof(hosts[0].host), "%.*s",
			    (int)a->canonical.n,
			    (const char *)a->canonical.p);
		else
			snprintf(hosts[0].host, sizeof(hosts[0].host), "%s",
			    destination);
		hosts[0].preference = 0;
		return (1);
	case DNS_NXDOMAIN:
		relay_result(why, RESULT_NO, 0, "5.1.2",
		    "the domain %s does not exist", destination);
		return (0);
	default:
		relay_result(why, RESULT_TEMP, 0, "4.4.3", "no answer about "
		    "the mail servers of %s%s", destination,
		    a->status == DNS_BOGUS ? " passes DNSSEC" : "");
		return (0);
	}
	all = all > nitems(rdata) ? nitems(rdata) : all;
	for (i = 0; i < all; i++)
		rdata[i] = rr[i].rdata;
	switch (dns_mx_list(rdata, all, random, hosts, RELAY_MX_MAX, &n)) {
	case DNS_MX_LIST:
		break;
	case DNS_MX_NULL:
		relay_result(why, RESULT_NO, 556, "5.1.10",
		    "the domain %s takes no mail", destination);
		return (0);
	default:
		relay_result(why, RESULT_TEMP, 0, "4.4.4",
		    "no usable mail server is named for %s", destination);
		return (0);
	}
	for (i = 0; i < n && strcasecmp(hosts[i].host, ours) != 0; i++)
		continue;
	if (i == n)
		return (n);
	while (n > 0 && hosts[n - 1].preference >= hosts[i].preference)
		n--;
	if (n == 0)
		relay_result(why, RESULT_NO, 0, "5.4.6", "mail for %s loops "
		    "back to us: we are its mail server and do not know it",
		    destination);
	return (n);
}

int
relay_name_public(const char *host)
{
	const char	*last = strrchr(host, '.'), *digits = "0123456789";

	if (last == NULL || strcasecmp(++last, "localhost") == 0)
		return (0);
	if (strncasecmp(last, "0x", 2) == 0) {
		digits = "0123456789abcdefABCDEF";
		last += 2;
	}
	return (last[strspn(last, digits)] != '\0');
}

/* The next address of that family, in a mask of those already taken. */
static int
next_of(const struct relay_host *h, int family, uint32_t *taken)
{
	size_t	 i;

	for (i = 0; i < h->n; i++)
		if ((*taken & 1u << i) == 0 && h->addrs[i].family == family) {
			*taken |= 1u << i;
			return ((int)i);
		}
	return (-1);
}

/* Up to max addresses of a host, families in turn. */
static size_t
add_host(const struct relay_host *h, size_t which, size_t max, int first6,
    struct relay_candidate *out, size_t n)
{
	uint32_t	 taken = 0;
	size_t		 i, got = 0;
	int		 six = first6, at;

	while (got < max && n < RELAY_ADDRS_MAX) {
		if ((at = next_of(h, six ? AF_INET6 : AF_INET, &taken)) == -1 &&
		    (at = next_of(h, six ? AF_INET : AF_INET6, &taken)) == -1)
			break;
		six = !six;
		got++;
		for (i = 0; i < n; i++)
			if (dns_addr_eq(&out[i].addr, &h->addrs[at]))
				break;
		if (i < n)
			continue;
		out[n].host = which;
		out[n++].addr = h->addrs[at];
	}
	return (n);
}

size_t
relay_candidates(const struct relay_host *hosts, size_t nhosts,
    const struct conf_transport *t, int private,
    uint32_t (*random)(uint32_t), struct relay_candidate out[RELAY_ADDRS_MAX],
    unsigned *refused)
{
	struct relay_host	 h;
	const struct dns_addr	*a;
	size_t			 i, k, n = 0;

	*refused = 0;
	for (i = 0; i < nhosts; i++) {
		h.name = hosts[i].name;
		h.n = 0;
		for (k = 0; k < hosts[i].n && k < RELAY_ADDRS_HOST; k++) {
			a = &hosts[i].addrs[k];
			if (a->family == AF_INET ? t->no_ipv4 : t->no_ipv6)
				continue;
			if (!private && dns_addr_kind(a) != DNS_ADDR_PUBLIC)
				(*refused)++;
			else
				h.addrs[h.n++] = *a;
		}
		for (k = h.n; k > 1; k--) {	/* none before another */
			struct dns_addr	 swap = h.addrs[k - 1];
			uint32_t	 with = random((uint32_t)k);

			h.addrs[k - 1] = h.addrs[with];
			h.addrs[with] = swap;
		}
		/* Other servers are to have their turn as well. */
		n = add_host(&h, i, nhosts == 1 ? RELAY_ADDRS_MAX : 2,
		    random(2) == 0, out, n);
	}
	return (n);
}
