/*
 * Where a destination is: its mail servers and their addresses, asked of
 * "authd: lookup", and what its MTA-STS policy says of them, of queued, which
 * keeps these.  Every question gets one answer, a NULL when who is asked is away;
 * the last one ends the search.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "log.h"
#include "mtasts.h"
#include "proc.h"
#include "queued/relay.h"

struct find {
	struct dest		*dest;		/* NULL: nobody wants to know */
	unsigned		 open;		/* questions */
	int			 asking;	/* more of them follow */
	int			 failed;	/* one without an answer */
	int			 secure;	/* DNSSEC, which host they are */
	int			 unsure;	/* if there is a policy */
	struct mtasts_policy	*policy;	/* NULL: there is none */
	struct tlsa		*tlsa;
	struct {
		int		 left;		/* answers about addresses */
		int		 insecure;	/* one of these */
		int		 out;		/* not to be used */
	}			 host[RELAY_MX_MAX];
	struct event		*patience;
	struct dns_mx		 hosts[RELAY_MX_MAX];
	struct relay_host	 addrs[RELAY_MX_MAX];
	size_t			 nhosts;
};

/* Hosts that were not to be used, and addresses. */
struct refused {
	unsigned	 skipped, weak, other, addresses;
};

struct question {
	struct find	*f;
	size_t		 host;
	uint16_t	 type;		/* enum dns_type */
};

static int	 ask(struct find *, size_t, uint16_t, const char *);
static int	 on_answer(void *, struct peer *, struct imsg *);
static void	 take_mx(struct find *, const struct msg_dns_answer *);
static void	 take_addrs(struct find *, const struct question *,
		    const struct msg_dns_answer *);
static void	 ask_addresses(struct find *);
static void	 ask_tlsa(struct find *, size_t, const char *);
static void	 take_tlsa(struct find *, size_t,
		    const struct msg_dns_answer *);
static int	 on_policy(void *, struct peer *, struct imsg *);
static void	 choose(struct find *, struct refused *);
static void	 one_address(struct find *, const struct dns_addr *);
static void	 nobody(const struct find *, const struct refused *,
		    struct relay_result *);
static void	 check(struct find *);
static void	 on_patience(evutil_socket_t, short, void *);
static void	 find_free(struct find *);
static void	 finish(struct find *, const struct relay_result *);

/* End it; why NULL: with what was found. */
static void
finish(struct find *f, const struct relay_result *why)
{
	struct dest	*e = f->dest;

	f->dest = NULL;
	if (e != NULL)
		dest_found(e, why);
}

void
find_cancel(struct find *f)
{
	if (f != NULL)
		f->dest = NULL;	/* freed with its last answer */
}

static void
find_free(struct find *f)
{
	if (f->patience != NULL)
		event_free(f->patience);
	tlsa_unref(f->tlsa);
	free(f->policy);
	free(f);
}

/* Lookup is there and says nothing. */
static void
on_patience(evutil_socket_t fd, short what, void *arg)
{
	struct find		*f = arg;
	struct relay_result	 why;

	(void)fd;
	(void)what;
	if (f->dest == NULL)
		return;
	relay_result(&why, RESULT_TEMP, 0, "4.4.3",
	    "no answer from DNS about %s in time", f->dest->name);
	finish(f, &why);
}

static int
ask(struct find *f, size_t host, uint16_t type, const char *name)
{
	struct msg_dns	 m = { .name = span_str(name), .type = type };
	struct question	*q;

	if ((q = calloc(1, sizeof(*q))) == NULL) {
		f->failed = 1;
		return (-1);
	}
	q->f = f;
	q->host = host;
	q->type = type;
	if (peer_ask(proc_peer(ROLE_LOOKUP, 0), M_DNS, &c_dns, &m, -1,
	    on_answer, q) == 0) {
		free(q);
		f->failed = 1;
		return (-1);
	}
	f->open++;
	return (0);
}

static int
on_policy(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_sts_answer	 a = { .status = STS_TEMPFAIL };
	struct find		*f = arg;
	struct buf		 why = { 0 };
	int			 bad;

	(void)p;
	bad = m != NULL && imsg_get(m, &c_sts_answer, &a) == -1;
	f->open--;
	if (!bad && a.status == STS_POLICY &&
	    ((f->policy = malloc(sizeof(*f->policy))) == NULL ||
	    mtasts_parse(a.text, f->policy, &why) == -1))
		a.status = STS_TEMPFAIL;
	f->unsure = bad || a.status == STS_TEMPFAIL;
	buf_free(&why);
	if (m != NULL && !bad)
		codec_free(&c_sts_answer, &a);
	check(f);
	return (bad ? -1 : 0);
}

/* Where policies count: to others' servers, with TLS, unless the sender would
 * rather have the message there (RFC 8689 section 5). */
static void
ask_policy(struct find *f)
{
	const struct conf_transport	*t = f->dest->t;
	struct msg_sts			 m = { .id = span_of("", 0) };

	if (!TRANSPORT_BY_MX(t) || t->tls == TLS_OFF ||
	    f->dest->requiretls == REQUIRETLS_NO)
		return;
	m.domain = span_str(f->dest->name);
	if (peer_ask(proc_peer(ROLE_QUEUED, 0), M_STS, &c_sts, &m, -1,
	    on_policy, f) == 0)
		f->unsure = 1;
	else
		f->open++;
}

static enum relay_sts
sts_of(const struct find *f, const char *host)
{
	const struct mtasts_policy	*p = f->policy;

	if (p == NULL || p->mode == MTASTS_NONE)
		return (RELAY_STS_NONE);
	if (p->mode == MTASTS_TESTING)
		return (RELAY_STS_TESTING);
	return (mtasts_match(p, host) ? RELAY_STS_ENFORCE : RELAY_STS_OTHER);
}

static int
on_answer(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_dns_answer	 a = { .status = DNS_TEMPFAIL };
	struct question		*q = arg;
	struct find		*f = q->f;
	int			 bad;

	(void)p;
	bad = m != NULL && imsg_get(m, &c_dns_answer, &a) == -1;
	if (bad)
		a.status = DNS_TEMPFAIL;
	f->open--;
	if (f->dest != NULL && q->type == DNS_MX)
		take_mx(f, &a);
	else if (f->dest != NULL && q->type == DNS_TLSA)
		take_tlsa(f, q->host, &a);
	else if (f->dest != NULL)
		take_addrs(f, q, &a);
	if (!bad && m != NULL)
		codec_free(&c_dns_answer, &a);
	free(q);
	check(f);
	return (bad ? -1 : 0);
}

static void
take_mx(struct find *f, const struct msg_dns_answer *a)
{
	struct relay_result	 why;

	f->secure = a->secure;
	f->nhosts = relay_mx(a, f->dest->name, f->dest->conf->hostname,
	    relay_random, f->hosts, &why);
	if (f->nhosts == 0)
		finish(f, &why);
	else
		ask_addresses(f);
}

static void
ask_addresses(struct find *f)
{
	const struct conf_transport	*t = f->dest->t;
	const char			*name;
	size_t				 i;

	f->asking = 1;
	for (i = 0; i < f->nhosts; i++) {
		f->addrs[i].name = name = f->hosts[i].host;
		tlsa_base(f->tlsa, i, name);
		if (t->remote_dns) {	/* the proxy finds it */
			ask_tlsa(f, i, name);
			continue;
		}
		f->host[i].left = !t->no_ipv4 + !t->no_ipv6;
		if (!t->no_ipv4 && ask(f, i, DNS_A, name) == -1)
			f->host[i].left--;
		if (!t->no_ipv6 && ask(f, i, DNS_AAAA, name) == -1)
			f->host[i].left--;
	}
	f->asking = 0;
}

/* RFC 7672 section 2.2: where the servers and their addresses are proven. */
static void
ask_tlsa(struct find *f, size_t host, const char *name)
{
	const struct conf_transport	*t = f->dest->t;
	char				 owner[DNS_HOST_MAX + 16];

	if (!f->secure || f->host[host].insecure || !TRANSPORT_BY_MX(t) ||
	    t->tls == TLS_OFF || f->dest->requiretls == REQUIRETLS_NO)
		return;
	tlsa_base(f->tlsa, host, name);
	snprintf(owner, sizeof(owner), "_%u._tcp.%s", t->port, name);
	if (ask(f, host, DNS_TLSA, owner) == -1)
		tlsa_failed(f->tlsa, host);
}

/* None where the host's CNAMEs lead: those of its own name, section 2.2.2. */
static void
take_tlsa(struct find *f, size_t host, const struct msg_dns_answer *a)
{
	const char	*name = f->hosts[host].host;

	tlsa_take(f->tlsa, host, a);
	if (tlsa_state(f->tlsa, host) == RELAY_DANE_NONE &&
	    strcasecmp(tlsa_base_name(f->tlsa, host), name) != 0)
		ask_tlsa(f, host, name);
}

static void
take_addrs(struct find *f, const struct question *q,
    const struct msg_dns_answer *a)
{
	const struct msg_dns_record	*r = a->records.v;
	struct relay_host		*h = &f->addrs[q->host];
	size_t				 i;
	int				 family = q->type == DNS_A ? AF_INET :
					    AF_INET6;
	char				 name[DNS_HOST_MAX + 1];

	if (a->status == DNS_TEMPFAIL || a->status == DNS_BOGUS)
		f->failed = 1;
	else if (!a->secure)
		f->host[q->host].insecure = 1;
	/* Half of the room is each family's. */
	for (i = 0; a->status == DNS_OK && i < a->records.n &&
	    i < RELAY_ADDRS_HOST / 2 && h->n < RELAY_ADDRS_HOST; i++)
		if (dns_addr_get(r[i].rdata, family, &h->addrs[h->n]) == 0)
			h->n++;
	if (a->status == DNS_OK && a->canonical.n > 0 &&
	    a->canonical.n < sizeof(name)) {
		snprintf(name, sizeof(name), "%.*s", (int)a->canonical.n,
		    (const char *)a->canonical.p);
		tlsa_base(f->tlsa, q->host, name);
	}
	if (--f->host[q->host].left == 0 && h->n > 0) {
		snprintf(name, sizeof(name), "%s",
		    tlsa_base_name(f->tlsa, q->host));
		ask_tlsa(f, q->host, name);
	}
}

/* The destination is an address itself. */
static void
one_address(struct find *f, const struct dns_addr *a)
{
	snprintf(f->hosts[0].host, sizeof(f->hosts[0].host), "%s",
	    f->dest->name);
	f->addrs[0].name = f->hosts[0].host;
	f->addrs[0].addrs[0] = *a;
	f->addrs[0].n = 1;
	f->nhosts = 1;
}

/* The proxy looks them up; or it is a socket. */
static size_t
by_name(const struct find *f, int family, struct relay_candidate *out,
    unsigned *refused)
{
	size_t	 i, n = 0;

	*refused = 0;
	for (i = 0; i < f->nhosts && n < RELAY_ADDRS_MAX; i++) {
		if (f->host[i].out)
			continue;
		if (family != AF_UNIX && !f->dest->conf->allow_private &&
		    !relay_name_public(f->hosts[i].host)) {
			(*refused)++;
			continue;
		}
		memset(&out[n], 0, sizeof(out[n]));
		out[n].host = i;
		out[n++].addr.family = family;
	}
	return (n);
}

/* Hosts whose TLS is not known, or not enough for the message. */
static void
choose(struct find *f, struct refused *no)
{
	struct dest		*e = f->dest;
	struct relay_tls	 p;
	size_t			 i;

	memset(no, 0, sizeof(*no));
	for (i = 0; i < f->nhosts; i++) {
		e->place.sts[i] = sts_of(f, f->hosts[i].host);
		switch (relay_tls_policy(e->t, tlsa_state(f->tlsa, i),
		    e->place.sts[i], e->requiretls, &p)) {
		case RELAY_TLS_GO:
			continue;
		case RELAY_TLS_SKIP:
			log_info("%s: no answer about TLSA that can be "
			    "believed: not used for now", f->hosts[i].host);
			no->skipped++;
			break;
		case RELAY_TLS_OTHER:
			log_info("%s: none of the servers that the MTA-STS "
			    "policy of %s names", f->hosts[i].host, e->name);
			no->other++;
			break;
		case RELAY_TLS_WEAK:
			no->weak++;
			break;
		}
		f->host[i].out = 1;
		f->addrs[i].n = 0;
	}
}

/* Why there is nobody to connect to. */
static void
nobody(const struct find *f, const struct refused *no,
    struct relay_result *why)
{
	struct dest	*e = f->dest;
	int		 smarthost = TRANSPORT_SMARTHOST(e->t);

	if (no->skipped > 0)
		relay_result(why, RESULT_TEMP, 0, "4.4.3", "no answer from "
		    "DNS about the TLS of the mail servers of %s that can be "
		    "believed", e->name);
	else if (f->failed)
		relay_result(why, RESULT_TEMP, 0, "4.4.3",
		    "no answer from DNS about %s", e->name);
	else if (no->other > 0)
		relay_result(why, RESULT_TEMP, 0, "4.7.5", "no mail server of "
		    "%s is one that its MTA-STS policy names", e->name);
	else if (no->weak > 0)
		relay_result(why, RESULT_NO, 554, "5.7.30", "the sender asked "
		    "for TLS with verified servers all the way (REQUIRETLS), "
		    "and nothing vouches for those of %s", e->name);
	else if (no->addresses > 0)
		relay_result(why, RESULT_NO, 0, "5.4.4", "the mail "
		    "servers of %s have no public address", e->name);
	else		/* of our own server: somebody will notice */
		relay_result(why, smarthost ? RESULT_TEMP : RESULT_NO,
		    0, smarthost ? "4.4.4" : "5.4.4",
		    "no address for the mail servers of %s", e->name);
}

/* Is everything here? */
static void
check(struct find *f)
{
	struct dest		*e = f->dest;
	struct relay_result	 why;
	struct refused		 no;
	int			 by_proxy;

	if (f->open > 0 || f->asking)
		return;
	if (e == NULL) {
		find_free(f);
		return;
	}
	if (f->unsure) {	/* no word of DNS if there is a policy */
		relay_result(&why, RESULT_TEMP, 0, "4.4.3", "no answer from "
		    "DNS about an MTA-STS policy of %s", e->name);
		finish(f, &why);
		find_free(f);
		return;
	}
	by_proxy = e->t->remote_dns && f->nhosts > 0 && f->addrs[0].n == 0;
	choose(f, &no);
	if (*e->t->socket != '\0' || by_proxy)
		e->place.ncandidates = by_name(f,
		    *e->t->socket != '\0' ? AF_UNIX : 0, e->place.candidates,
		    &no.addresses);
	else
		e->place.ncandidates = relay_candidates(f->addrs, f->nhosts,
		    e->t, TRANSPORT_SMARTHOST(e->t) || e->conf->allow_private,
		    relay_random, e->place.candidates, &no.addresses);
	if (e->place.ncandidates > 0) {
		memcpy(e->place.hosts, f->hosts, sizeof(f->hosts));
		e->place.nhosts = f->nhosts;
		e->place.skipped = no.skipped > 0;
		tlsa_unref(e->place.tlsa);
		e->place.tlsa = tlsa_ref(f->tlsa);
		e->place.found = proc_now_ms();
		finish(f, NULL);
	} else {
		nobody(f, &no, &why);
		finish(f, &why);
	}
	find_free(f);
}

void
find_start(struct dest *e)
{
	static const struct timeval	 patience = { RELAY_DNS, 0 };
	struct relay_result		 why;
	struct dns_addr			 addr;
	struct find			*f;
	struct span			 name = span_str(e->name);

	if ((f = calloc(1, sizeof(*f))) == NULL ||
	    (f->tlsa = tlsa_new()) == NULL ||
	    (f->patience = event_new(proc_base(), -1, 0, on_patience,
	    f)) == NULL) {
		if (f != NULL)
			tlsa_unref(f->tlsa);
		free(f);
		relay_result(&why, RESULT_TEMP, 0, "4.3.0", "no memory");
		dest_found(e, &why);
		return;
	}
	event_add(f->patience, &patience);
	f->dest = e;
	e->find = f;
	if (*e->t->socket != '\0') {
		snprintf(f->hosts[0].host, sizeof(f->hosts[0].host), "%s",
		    e->name);
		f->nhosts = 1;
	} else if (dns_addr_literal(name, &addr) == 0 ||
	    (TRANSPORT_SMARTHOST(e->t) &&
	    dns_addr_parse(name, &addr) == 0)) {
		one_address(f, &addr);
	} else if (!dns_host_valid(name)) {
		relay_result(&why, RESULT_NO, 0, "5.1.2",
		    "%s is no domain", e->name);
		finish(f, &why);
	} else if (TRANSPORT_SMARTHOST(e->t)) {
		snprintf(f->hosts[0].host, sizeof(f->hosts[0].host), "%s",
		    e->name);
		f->nhosts = 1;
		ask_addresses(f);
	} else {
		ask_policy(f);
		(void)ask(f, 0, DNS_MX, e->name);
	}
	check(f);
}
