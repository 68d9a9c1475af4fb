/*
 * The role "authd: lookup": it asks DNS for those that have no network, caches,
 * and says of each answer whether it was proven.  An answer that is bogus or late
 * is a temporary failure for whoever asked.
 */
#include <sys/queue.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "lookup.h"
#include "lookup_ctl.h"
#include "lookup_https.h"
#include "lookup_sts.h"
#include "proc.h"
#include "roles.h"

#define PATIENCE	30	/* seconds until who asks is told to try later */
#define QUESTIONS_MAX	4096	/* open at the resolver, of all together */
#define PROBE_AGAIN	60	/* seconds */

struct query {
	TAILQ_ENTRY(query)	 entry;
	struct peer		*peer;		/* NULL: nobody waits any more */
	uint32_t		 id;
	uint16_t		 type;
	uint64_t		 due;
	char			*name;
};

struct asker {			/* what a peer has open */
	unsigned	 open;
	char		*transport;		/* of a relay */
};

static int	 on_dns(struct peer *, struct imsg *);
static int	 on_ctl(struct peer *, struct imsg *);
static void	 on_answer(void *, enum dns_status, int, struct span);
static void	 on_late(evutil_socket_t, short, void *);
static void	 on_probe(evutil_socket_t, short, void *);
static void	 on_probed(void *, enum dns_status, int, struct span);
static void	 respond(struct query *, struct answer *, int);
static void	 respond_at_once(struct peer *, uint32_t, enum dns_status);
static void	 free_query(struct query *);
static void	 watch(void);
static int	 same_resolvers(const struct conf *, const struct conf *);

static TAILQ_HEAD(, query)	 queries = TAILQ_HEAD_INITIALIZER(queries);
static size_t			 nqueries;
static struct resolver		*resolver, *next;
static struct event		*late_ev, *probe_ev;
static struct buf		 anchors;	/* lines, of the configuration
						 * that the role began with */
static char			*anchor_owner;

/* ---- requests ----------------------------------------------------------- */

static void
free_query(struct query *q)
{
	TAILQ_REMOVE(&queries, q, entry);
	nqueries--;
	free(q->name);
	free(q);
}

static void
respond_at_once(struct peer *p, uint32_t id, enum dns_status status)
{
	struct msg_dns_answer	 m = { .status = (uint8_t)status };

	(void)peer_reply(p, M_DNS, id, &c_dns_answer, &m, -1);
}

static void
respond(struct query *q, struct answer *a, int secure)
{
	struct msg_dns_answer	 m = { 0 };
	struct asker		*k;

	if (q->peer == NULL)
		return;
	m.status = (uint8_t)a->status;
	m.secure = (uint8_t)secure;
	m.ttl = a->ttl;
	m.canonical = span_buf(&a->canonical);
	m.records.v = a->records;
	m.records.n = a->n;
	if (peer_reply(q->peer, M_DNS, q->id, &c_dns_answer, &m, -1) == -1)
		respond_at_once(q->peer, q->id, DNS_TEMPFAIL);
	if ((k = peer_arg(q->peer)) != NULL)
		k->open--;
	q->peer = NULL;
}

static void
on_answer(void *arg, enum dns_status status, int secure, struct span message)
{
	struct query	*q = arg;
	struct answer	 a;

	if (q->peer != NULL && status == DNS_OK)
		answer_parse(&a, message, span_str(q->name), q->type);
	else {
		memset(&a, 0, sizeof(a));
		a.status = status;
	}
	respond(q, &a, secure && a.status != DNS_TEMPFAIL);
	answer_free(&a);
	free_query(q);
}

/* The first due is the first in line: all have the same patience. */
static void
watch(void)
{
	struct timeval	 tv;
	struct query	*q;
	uint64_t	 now = proc_now_ms(), left;

	TAILQ_FOREACH(q, &queries, entry)
		if (q->peer != NULL)
			break;
	if (q == NULL) {
		event_del(late_ev);
		return;
	}
	left = q->due > now ? q->due - now : 0;
	tv.tv_sec = (time_t)(left / 1000);
	tv.tv_usec = (suseconds_t)(left % 1000) * 1000;
	event_add(late_ev, &tv);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct answer	 a = { .status = DNS_TEMPFAIL };
	struct query	*q;
	uint64_t	 now = proc_now_ms();

	(void)fd;
	(void)what;
	(void)arg;
	TAILQ_FOREACH(q, &queries, entry) {
		if (q->due > now)
			break;
		respond(q, &a, 0);
	}
	watch();
}

char *
lookup_name(struct span name)
{
	struct buf	 wire = { .max = DNS_WIRE_MAX }, text = { 0 };
	struct span	 s;
	char		*out = NULL;

	if (dns_name_put(&wire, name) == 0) {
		s = span_buf(&wire);
		if (dns_name_get(&s, &text) == 0)
			out = span_dup(span_buf(&text));
	}
	buf_free(&wire);
	buf_free(&text);
	return (out);
}

static int
known_type(uint16_t type)
{
	static const uint16_t	 types[] = { DNS_A, DNS_CNAME, DNS_PTR, DNS_MX,
				    DNS_TXT, DNS_AAAA, DNS_TLSA };
	size_t			 i;

	for (i = 0; i < nitems(types); i++)
		if (types[i] == type)
			return (1);
	return (0);
}

static int
on_dns(struct peer *p, struct imsg *m)
{
	struct asker	*k = peer_arg(p);
	struct msg_dns	 d;
	struct query	*q;

	/* More than its credit, or what nobody asks for: out of order. */
	if (k == NULL || k->open >= IMSG_CREDIT ||
	    imsg_get(m, &c_dns, &d) == -1 || !known_type(d.type))
		return (-1);
	if ((q = calloc(1, sizeof(*q))) == NULL ||
	    nqueries >= QUESTIONS_MAX) {
		free(q);
		respond_at_once(p, m->id, DNS_TEMPFAIL);
		return (0);
	}
	if ((q->name = lookup_name(d.name)) == NULL) {
		free(q);
		respond_at_once(p, m->id, DNS_NXDOMAIN);
		return (0);
	}
	q->peer = p;
	q->id = m->id;
	q->type = d.type;
	q->due = proc_now_ms() + PATIENCE * 1000;
	TAILQ_INSERT_TAIL(&queries, q, entry);
	nqueries++;
	k->open++;
	/* What is cached is answered before this returns. */
	if (resolver_ask(resolver, q->name, q->type, on_answer, q) == -1) {
		on_answer(q, DNS_TEMPFAIL, 0, span_of("", 0));
		return (0);
	}
	if (!event_pending(late_ev, EV_TIMEOUT, NULL))
		watch();
	return (0);
}

static int
on_ctl(struct peer *p, struct imsg *m)
{
	return (lookup_ctl(p, m, resolver));
}

struct resolver *
lookup_resolver(void)
{
	return (resolver);
}

static void
lookup_link_up(struct peer *p)
{
	struct asker	*k;
	char		*transport = peer_arg(p);

	peer_set_arg(p, NULL);
	if ((k = calloc(1, sizeof(*k))) == NULL) {
		free(transport);
		return;
	}
	k->transport = transport;
	peer_set_arg(p, k);
}

static void
lookup_link_down(struct peer *p)
{
	struct asker	*k = peer_arg(p);
	struct query	*q;

	TAILQ_FOREACH(q, &queries, entry)
		if (q->peer == p)
			q->peer = NULL;
	lookup_ctl_down(p);
	lookup_sts_down(p);
	if (k != NULL)
		free(k->transport);
	free(k);
	peer_set_arg(p, NULL);
}

/* ---- is DNSSEC there? --------------------------------------------------- */

static void
on_probed(void *arg, enum dns_status status, int secure, struct span message)
{
	static const struct timeval	 again = { PROBE_AGAIN, 0 };
	static int			 told;
	int				 forwards = proc_conf()->resolvers.n > 0;

	(void)arg;
	(void)message;
	if (secure) {
		log_info("DNS: answers are validated, from %s on",
		    log_escs(anchor_owner));
		told = 0;
		return;
	}
	if (!told && status == DNS_TEMPFAIL)
		log_warn("DNS: the keys of %s cannot be had: no answer from %s",
		    log_escs(anchor_owner), forwards ? "the resolver" :
		    "their servers");
	else if (!told)
		log_error("DNS: %s: every answer will be refused as a "
		    "forgery.  Name another resolver, or take trust-anchor "
		    "out and do without DANE", forwards ?
		    "the resolver does not pass DNSSEC" :
		    "the trust anchor is out of date");
	told = 1;
	event_add(probe_ev, &again);
}

static void
on_probe(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (anchor_owner == NULL)
		log_warn("DNS: no trust-anchor is configured: answers are "
		    "believed as they come, and DANE is off");
	else if (resolver_ask(resolver, anchor_owner, 48 /* DNSKEY */,
	    on_probed, NULL) == -1)
		on_probed(NULL, DNS_TEMPFAIL, 0, span_of("", 0));
}

/* ---- the role ----------------------------------------------------------- */

static int
lookup_open(void)
{
	const struct conf	*c = proc_conf();
	struct buf		 why = { 0 };

	late_ev = event_new(proc_base(), -1, 0, on_late, NULL);
	probe_ev = event_new(proc_base(), -1, 0, on_probe, NULL);
	if (late_ev == NULL || probe_ev == NULL)
		return (-1);
	if ((c->trust_anchor[0] != '\0' && anchor_read(c->trust_anchor,
	    &anchors, &anchor_owner, &why) == -1) ||
	    (resolver = resolver_new(c, &anchors, &why)) == NULL)
		log_error("%s", buf_cstr(&why));
	else if (https_open(proc_base(), c->authorities, &why) == -1)
		log_warn("%s", buf_cstr(&why));	/* without policies, then */
	buf_free(&why);
	return (resolver == NULL ? -1 : 0);
}

static int
lookup_start(void)
{
	event_active(probe_ev, EV_TIMEOUT, 0);
	return (0);
}

static int
same_resolvers(const struct conf *a, const struct conf *b)
{
	char	**x = a->resolvers.v, **y = b->resolvers.v;
	size_t	  i;

	if (a->resolvers.n != b->resolvers.n)
		return (0);
	for (i = 0; i < a->resolvers.n; i++)
		if (strcmp(x[i], y[i]) != 0)
			return (0);
	return (1);
}

static int
lookup_prepare(const struct conf *c, struct buf *why)
{
	if (strcmp(c->trust_anchor, proc_conf()->trust_anchor) != 0) {
		buf_adds(why, "another trust-anchor needs a restart");
		return (-1);
	}
	/* The cache is kept when it can be. */
	if (same_resolvers(c, proc_conf()))
		return (0);
	next = resolver_new(c, &anchors, why);
	return (next == NULL ? -1 : 0);
}

static void
lookup_commit(void)
{
	if (next == NULL)
		return;
	resolver_end(resolver);
	resolver = next;
	next = NULL;
	event_active(probe_ev, EV_TIMEOUT, 0);
}

static void
lookup_cancel(void)
{
	resolver_end(next);
	next = NULL;
}

static const struct msg_rule rules[] = {
	{ M_DNS, PEER(ROLE_SMTPD) | PEER(ROLE_QUEUED) | PEER(ROLE_RELAY),
	    MSG_BODY, on_dns },
	{ M_STS, PEER(ROLE_QUEUED), MSG_BODY, lookup_sts },
	{ M_CTL, PEER(ROLE_CONTROL), MSG_BODY, on_ctl },
};

const struct role_ops lookup_ops = {
	.role = ROLE_LOOKUP,
	.rules = rules,
	.nrules = nitems(rules),
	.open = lookup_open,
	.start = lookup_start,
	.link_up = lookup_link_up,
	.link_down = lookup_link_down,
	.prepare = lookup_prepare,
	.commit = lookup_commit,
	.cancel = lookup_cancel,
};
