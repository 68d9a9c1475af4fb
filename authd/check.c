/*
 * What no single line of letterlock.conf shows: names that nothing declares,
 * things declared twice, settings that contradict or endanger.
 */
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "dns.h"
#include "parse.h"

#define PLUS	((1u << MECH_SCRAM_SHA_256_PLUS) | \
		    (1u << MECH_SCRAM_SHA_1_PLUS))
#define EXTERNAL	(1u << MECH_EXTERNAL)
#define CLEAR	((1u << MECH_PLAIN) | (1u << MECH_LOGIN))

static void	 check_listener(const struct conf *, const struct conf_listener *,
		    struct report *, unsigned);
static void	 check_twice(const struct conf *, struct report *);
static void	 check_routes(const struct conf *, const struct list *,
		    struct report *, unsigned);
static int	 loopback(const struct sockaddr_storage *);
static int	 covers(const struct list *, const struct list *);
static int	 shadows(const struct conf_route *, const struct conf_route *);

static int
loopback(const struct sockaddr_storage *ss)
{
	const struct sockaddr_in	*in = (const void *)ss;
	const struct sockaddr_in6	*in6 = (const void *)ss;

	if (ss->ss_family == AF_INET)
		return ((ntohl(in->sin_addr.s_addr) >> 24) == 127);
	return (IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr));
}

static void
check_local_socket(const struct conf_listener *l, struct report *r)
{
	if (l->kind != KIND_SUBMISSION)
		report_error(r, l->where,
		    "a local socket serves submission alone");
	if (l->tls != TLS_OFF || l->mechs != 0 || l->cleartext_auth ||
	    l->ccert != CCERT_OFF)
		report_error(r, l->where, "on a local socket the kernel says "
		    "who it is: no tls, mechanisms or client certificates");
}

static void
check_listener(const struct conf *c, const struct conf_listener *l,
    struct report *r, unsigned broken)
{
	if (l->path[0] != '\0') {
		check_local_socket(l, r);
		return;
	}
	if (l->tls != TLS_OFF && l->certs.n == 0 &&
	    (broken & BROKEN_CERTIFICATE) == 0)
		report_error(r, l->where, c->certs.n > 0 ? "tls without a "
		    "certificate: all are transports'; name the one to use" :
		    "tls without a certificate; there is none");
	if (l->kind == KIND_SMTP) {
		if (l->mechs != 0 || l->cleartext_auth ||
		    l->ccert != CCERT_OFF)
			report_error(r, l->where, "nobody logs in to smtp; "
			    "use submission");
		if (l->tls == TLS_REQUIRED || l->tls == TLS_IMPLICIT)
			report_warning(r, l->where, "mail from servers that "
			    "do not use TLS is refused");
		else if (l->tls == TLS_OFF && !loopback(&l->addr))
			report_warning(r, l->where, "mail arrives in clear "
			    "text");
		return;
	}
	if (l->mechs == 0)
		report_error(r, l->where, "no mechanism is left to log in");
	if (l->tls == TLS_OFF && (l->mechs & PLUS) != 0)
		report_error(r, l->where, "a mechanism with channel binding "
		    "(-PLUS) needs tls");
	if (l->tls == TLS_OFF && l->ccert != CCERT_OFF)
		report_error(r, l->where, "client certificates need tls");
	if (l->ccert == CCERT_OFF && (l->mechs & ~EXTERNAL) == 0 &&
	    l->mechs != 0)
		report_error(r, l->where, "EXTERNAL alone needs client "
		    "certificates");
	if (l->tls == TLS_OFF && !l->cleartext_auth &&
	    l->mechs != EXTERNAL && (l->mechs & ~(CLEAR | EXTERNAL)) == 0)
		report_error(r, l->where, "PLAIN and LOGIN need tls, or "
		    "allow-cleartext-auth");
	if (l->cleartext_auth && l->tls >= TLS_REQUIRED)
		report_warning(r, l->where, "allow-cleartext-auth means "
		    "nothing where tls is required");
	else if (l->cleartext_auth && !loopback(&l->addr))
		report_warning(r, l->where, "passwords may cross the network "
		    "in clear text");
}

/* Equal address and port; "all" and one of its addresses differ. */
static int
same_place(const struct conf_listener *a, const struct conf_listener *b)
{
	if (a->path[0] != '\0' || b->path[0] != '\0')
		return (strcmp(a->path, b->path) == 0);
	return (memcmp(&a->addr, &b->addr, sizeof(a->addr)) == 0);
}

static void
check_twice(const struct conf *c, struct report *r)
{
	CONF_EACH(struct conf_listener, l, &c->listeners)
		for (struct conf_listener *m = c->listeners.v; m < l; m++)
			if (same_place(l, m)) {
				report_error(r, l->where, "the same place is "
				    "listened on twice, first at %s",
				    m->where);
				break;
			}
	CONF_EACH(struct conf_domain, d, &c->domains)
		for (struct conf_domain *e = c->domains.v; e < d; e++)
			if (strcmp(d->name, e->name) == 0 &&
			    d->name[0] != '\0') {
				report_error(r, d->where, "domain \"%s\" is "
				    "given twice, first at %s", d->text,
				    e->where);
				break;
			}
	CONF_EACH(struct conf_transport, t, &c->transports) {
		if (strcasecmp(t->name, "default") == 0)
			report_error(r, t->where, "\"default\" is the "
			    "transport that is there anyway; choose another "
			    "name");
		for (struct conf_transport *u = c->transports.v; u < t; u++)
			if (strcasecmp(t->name, u->name) == 0) {
				report_error(r, t->where, "transport \"%s\" "
				    "is given twice, first at %s", t->name,
				    u->where);
				break;
			}
	}
}

static void
check_certificates(const struct conf *c, struct report *r, unsigned broken)
{
	CONF_EACH(struct conf_transport, t, &c->transports)
		if (t->certificate[0] != '\0' &&
		    conf_certificate(c, t->certificate) == NULL &&
		    (broken & BROKEN_CERTIFICATE) == 0)
			report_error(r, t->where,
			    "there is no certificate \"%s\"", t->certificate);
}

/* Does a pattern take everything that another takes? */
static int
pattern_covers(const char *a, const char *b)
{
	size_t	 na = strlen(a), nb = strlen(b);

	if (strcmp(a, b) == 0)
		return (1);
	if (a[0] != '.' || na < 2 || strcmp(b, ".") == 0)
		return (0);
	if (b[0] != '.' && strcmp(a + 1, b) == 0)
		return (1);
	return (nb > na && strcmp(b + nb - na, a) == 0);
}

static int
covers(const struct list *a, const struct list *b)
{
	int	 found;

	if (a->n == 0)
		return (1);
	if (b->n == 0)
		return (0);
	CONF_EACH(char *, p, b) {
		found = 0;
		CONF_EACH(char *, q, a)
			found |= pattern_covers(*q, *p);
		if (!found)
			return (0);
	}
	return (1);
}

/* Does the earlier route leave nothing to the later one? */
static int
shadows(const struct conf_route *earlier, const struct conf_route *later)
{
	return (earlier->attempts <= later->attempts &&
	    covers(&earlier->from, &later->from) &&
	    covers(&earlier->to, &later->to));
}

/* Mail to domains of ours takes no route. */
static int
only_ours(const struct conf *c, const struct list *to)
{
	CONF_EACH(char *, p, to)
		if (conf_domain(c, span_str(*p)) == NULL)
			return (0);
	return (to->n > 0);
}

/* Seconds from arrival to the attempt that has n before it. */
static uint64_t
attempt_at(const struct conf_schedule *s, uint32_t n)
{
	uint32_t	 last = s->nfirst > 0 ? s->nfirst - 1 : 0;

	if (n <= last)
		return (s->first[n] - s->first[0]);
	return (s->first[last] - s->first[0] + (uint64_t)(n - last) *
	    s->every);
}

/*
 * Does mail expire before so many attempts?  It takes the last of them to find
 * that out; each may be a tenth early, and four are made in any case.
 */
static int
never_so_many(const struct conf_schedule *s, uint32_t n)
{
	return (n >= 4 && attempt_at(s, n - 1) / 10 * 9 >= s->expire);
}

static void
check_routes(const struct conf *c, const struct list *routes,
    struct report *r, unsigned broken)
{
	const struct conf_route	*first = routes->v, *e;

	CONF_EACH(struct conf_route, x, routes) {
		if (strcasecmp(x->transport, "default") != 0 &&
		    conf_transport(c, x->transport) == NULL &&
		    (broken & BROKEN_TRANSPORT) == 0)
			report_error(r, x->where,
			    "there is no transport \"%s\"", x->transport);
		if (only_ours(c, &x->to))
			report_warning(r, x->where, "this route never "
			    "matches: mail to domains of ours takes none");
		if (never_so_many(&c->schedule, x->attempts))
			report_warning(r, x->where, "this route never "
			    "matches by itself: mail expires before %u "
			    "attempts, see retry", x->attempts);
		for (e = first; e < x; e++)
			if (shadows(e, x)) {
				report_warning(r, x->where, "this route never "
				    "matches: the one at %s comes first",
				    e->where);
				break;
			}
	}
}

static int
used_by(const struct list *routes, const struct conf_transport *t)
{
	CONF_EACH(struct conf_route, x, routes)
		if (strcasecmp(x->transport, t->name) == 0)
			return (1);
	return (0);
}

/* Whose addresses mail comes from then is for SPF to say; we sign nothing. */
static void
check_smarthosts(const struct conf *c, struct report *r)
{
	int	 used;

	CONF_EACH(struct conf_transport, t, &c->transports) {
		if (!TRANSPORT_SMARTHOST(t) || t->kind == TRANSPORT_LMTP ||
		    t->host[0] == '\0')
			continue;
		used = used_by(&c->routes, t);
		CONF_EACH(struct conf_domain, d, &c->domains)
			used |= used_by(&d->routes, t);
		if (used)
			report_warning(r, t->where, "mail that takes transport "
			    "\"%s\" comes from the addresses of %s: the SPF "
			    "records of your domains must allow them, and it "
			    "must sign with a DKIM key of theirs", t->name,
			    t->host);
	}
}

/* Do we listen there, as far as names and addresses tell? */
static int
is_here(const struct conf *c, const struct conf_listener *l,
    const struct conf_transport *t)
{
	struct span		 host = span_str(t->host);
	struct dns_addr		 a, b;
	enum dns_addr_kind	 kind;
	uint16_t		 port;

	if (l->kind == KIND_IMAP || l->path[0] != '\0' || dns_addr_from(
	    (const struct sockaddr *)&l->addr, &b, &port) == -1 ||
	    port != t->port)
		return (0);
	kind = dns_addr_kind(&b);	/* NONE: all addresses */
	if (dns_addr_literal(host, &a) == 0)
		return (dns_addr_eq(&a, &b) || (kind == DNS_ADDR_NONE &&
		    dns_addr_kind(&a) == DNS_ADDR_LOOPBACK));
	return (span_caseeqs(host, c->hostname) ||
	    span_caseeqs(host, l->hostname) ||
	    (span_caseeqs(host, "localhost") && (kind == DNS_ADDR_NONE ||
	    kind == DNS_ADDR_LOOPBACK)));
}

static void
check_loops(const struct conf *c, struct report *r)
{
	CONF_EACH(struct conf_transport, t, &c->transports) {
		if (!TRANSPORT_SMARTHOST(t) || t->host[0] == '\0')
			continue;
		CONF_EACH(struct conf_listener, l, &c->listeners)
			if (is_here(c, l, t)) {
				report_warning(r, t->where, "transport \"%s\" "
				    "leads to this machine (%s): its mail "
				    "goes in a circle", t->name, l->where);
				break;
			}
	}
}

/* The password leaves auth where a mechanism sends it as it is. */
static void
check_secrets(const struct conf *c, struct report *r)
{
	uint32_t	 bits;

	CONF_EACH(struct conf_transport, t, &c->transports) {
		bits = 0;
		CONF_EACH(uint32_t, m, &t->mechs)
			bits |= 1u << *m;
		if (bits != 0 && (bits & ~(1u << MECH_PLAIN |
		    1u << MECH_LOGIN)) == 0)
			report_warning(r, t->where, "the worker of transport "
			    "\"%s\" sees its password: only PLAIN and LOGIN "
			    "may be used%s", t->name, t->tls == TLS_OFF ?
			    ", and it crosses the network in clear text" : "");
		if (t->kind == TRANSPORT_SOCKS && t->auth[0] != '\0')
			report_warning(r, t->where, "the worker of transport "
			    "\"%s\" sees its password, which crosses the "
			    "network in clear text", t->name);
	}
}

void
check_conf(const struct conf *c, struct report *r, unsigned broken)
{
	struct buf	 where = { 0 };
	const char	*file;

	buf_addf(&where, "%s:1", c->path);	/* what stands nowhere */
	file = buf_cstr(&where);
	if (c->hostname[0] == '\0' && (broken & BROKEN_HOSTNAME) == 0)
		report_error(r, file, "hostname is missing");
	if (c->listeners.n == 0 && broken == 0)
		report_warning(r, file, "nothing is listened on");
	CONF_EACH(struct conf_listener, l, &c->listeners)
		check_listener(c, l, r, broken);
	check_twice(c, r);
	check_certificates(c, r, broken);
	check_secrets(c, r);
	check_smarthosts(c, r);
	check_loops(c, r);
	check_routes(c, &c->routes, r, broken);
	CONF_EACH(struct conf_domain, d, &c->domains) {
		check_routes(c, &d->routes, r, broken);
		/* Routes of a domain are for its senders. */
		CONF_EACH(struct conf_route, x, &d->routes)
			if (x->from.n > 0 && !covers(&x->from,
			    &(const struct list){ (char *[]){ d->name }, 1 }))
				report_warning(r, x->where, "this route never "
				    "matches: senders here are of %s",
				    d->text);
	}
	if (c->nstore > c->npartitions && c->npartitions != 0)
		report_error(r, file, "more store processes than partitions");
	buf_free(&where);
}
