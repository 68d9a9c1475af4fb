/*
 * What letterctl asks of lookup: records of DNS as they are, and what the
 * configuration says that ought to be published.
 */
#include <sys/queue.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dane.h"
#include "lookup.h"
#include "lookup_ctl.h"
#include "lookup_sts.h"
#include "page.h"
#include "proc.h"

#define OPEN_MAX_CTL	64	/* questions under way */

/* A question of letterctl, until it is answered. */
struct ask {
	LIST_ENTRY(ask)	 entry;
	struct peer	*peer;		/* NULL: it went away */
	uint32_t	 id;
	uint16_t	 type;
	char		*name;
};

/* What is configured, from the row on that the cursor names. */
struct listing {
	struct page	 page;
	uint64_t	 from, n;	/* rows before the page, and so far */
	int		 full;
};

static LIST_HEAD(, ask)	 asks = LIST_HEAD_INITIALIZER(asks);
static size_t		 nasks;

static const struct {
	const char	*name;
	uint16_t	 type;
} types[] = {
	{ "A", DNS_A }, { "AAAA", DNS_AAAA }, { "CNAME", DNS_CNAME },
	{ "MX", DNS_MX }, { "PTR", DNS_PTR }, { "SRV", DNS_SRV },
	{ "TLSA", DNS_TLSA }, { "TXT", DNS_TXT },
};

static void	 on_answer(void *, enum dns_status, int, struct span);
static void	 query(struct peer *, uint32_t, const struct msg_ctl *,
		    struct resolver *);
static void	 facts(struct peer *, uint32_t, const struct msg_ctl *);

/* ---- questions ---- */

static void
on_answer(void *arg, enum dns_status status, int secure, struct span message)
{
	static const char *const	 words[] = { "ok", "nodata", "nxdomain",
					    "tempfail", "bogus" };
	struct json_object	*o = json_object_new_object(),
				*v = json_object_new_array();
	struct ask		*a = arg;
	struct answer		 r = { 0 };
	struct page		 page = { 0 };
	struct buf		 hex = { 0 };
	size_t			 i, total = 0;

	r.status = status;
	if (status == DNS_OK)
		answer_parse(&r, message, span_str(a->name), a->type);
	row_str(o, "status", span_str(words[r.status]));
	row_bool(o, "secure", secure && r.status != DNS_TEMPFAIL);
	row_num(o, "ttl", r.ttl);
	for (i = 0; i < r.n && total < PAGE_OCTETS / 3; i++) {
		total += r.records[i].rdata.n;
		buf_reset(&hex);
		buf_add_hex(&hex, r.records[i].rdata);
		json_object_array_add(v, json_object_new_string(
		    buf_cstr(&hex)));
	}
	json_object_object_add(o, "records", v);
	(void)page_row(&page, o);
	page_answer(a->peer, a->id, &page, span_of("", 0), span_of("", 0));
	page_free(&page);
	buf_free(&hex);
	answer_free(&r);
	LIST_REMOVE(a, entry);
	nasks--;
	free(a->name);
	free(a);
}

static void
query(struct peer *p, uint32_t id, const struct msg_ctl *m,
    struct resolver *resolver)
{
	const struct msg_ctl_arg	*v = m->args.v;
	struct ask			*a;
	size_t				 i;

	if (m->args.n != 2) {
		page_error(p, id, "usage: dns query NAME TYPE");
		return;
	}
	for (i = 0; i < nitems(types); i++)
		if (span_caseeqs(v[1].arg, types[i].name))
			break;
	if (i == nitems(types) || nasks >= OPEN_MAX_CTL ||
	    (a = calloc(1, sizeof(*a))) == NULL) {
		page_error(p, id, i == nitems(types) ?
		    "unknown type of record" : "too many questions");
		return;
	}
	a->peer = p;
	a->id = id;
	a->type = types[i].type;
	LIST_INSERT_HEAD(&asks, a, entry);
	nasks++;
	/* What is cached is answered before this returns. */
	if ((a->name = lookup_name(v[0].arg)) == NULL)
		on_answer(a, DNS_NXDOMAIN, 0, span_of("", 0));
	else if (resolver_ask(resolver, a->name, a->type, on_answer, a) == -1)
		on_answer(a, DNS_TEMPFAIL, 0, span_of("", 0));
}

/* ---- what is configured ---- */

static void
put(struct listing *l, struct json_object *o)
{
	if (l->full || l->n < l->from)
		json_object_put(o);
	else
		l->full = page_row(&l->page, o) == -1;
	l->n += !l->full;
}

static struct json_object *
fact(const char *kind, const char *name)
{
	struct json_object	*o = json_object_new_object();

	row_str(o, "kind", span_str(kind));
	row_str(o, "name", span_str(name));
	return (o);
}

static void
add_transport(struct listing *l, const struct conf_transport *t)
{
	struct json_object	*o, *v = json_object_new_array();

	o = fact(t->kind == TRANSPORT_SOCKS ? "proxy" :
	    TRANSPORT_SMARTHOST(t) ? "smarthost" : "direct", t->name);
	row_str(o, "host", span_str(t->kind == TRANSPORT_SOCKS ||
	    *t->host == '\0' ? t->helo : t->host));
	CONF_EACH(char *, ip, &t->remote_ips)
		json_object_array_add(v, json_object_new_string(*ip));
	/* A proxy's is where it sees us come from, and nobody else. */
	if (t->kind == TRANSPORT_DIRECT && *t->source4 != '\0')
		json_object_array_add(v, json_object_new_string(t->source4));
	if (t->kind == TRANSPORT_DIRECT && *t->source6 != '\0')
		json_object_array_add(v, json_object_new_string(t->source6));
	json_object_object_add(o, "ips", v);
	put(l, o);
}

/* A service, and the records of the keys that its port 25 shows. */
static void
add_listener(struct listing *list, const struct conf *c,
    const struct conf_listener *l)
{
	const struct conf_cert	*certs = c->certs.v;
	struct dane_record	 r = { DANE_EE, DANE_SPKI, DANE_SHA256,
				    { 0 } };
	struct json_object	*o;
	struct buf		 b = { 0 };
	uint16_t		 port = 0;
	struct dns_addr		 a;

	if (l->path[0] != '\0' || dns_addr_from(
	    (const struct sockaddr *)&l->addr, &a, &port) == -1)
		return;
	o = fact(l->kind == KIND_SMTP ? "smtp" : l->kind == KIND_IMAP ?
	    l->tls == TLS_IMPLICIT ? "imaps" : "imap" :
	    l->tls == TLS_IMPLICIT ? "submissions" : "submission",
	    l->hostname);
	row_num(o, "port", port);
	put(list, o);
	if (l->kind != KIND_SMTP || l->tls == TLS_OFF)
		return;
	CONF_EACH(uint32_t, i, &l->certs) {
		r.data = span_of(certs[*i].key, sizeof(certs[*i].key));
		buf_reset(&b);
		(void)dane_text(&r, &b);
		put(list, fact("tlsa", buf_cstr(&b)));
	}
	buf_free(&b);
}

static void
facts(struct peer *p, uint32_t id, const struct msg_ctl *m)
{
	const struct msg_ctl_arg	*v = m->args.v;
	const struct conf		*c = proc_conf();
	const struct conf_domain	*d;
	struct listing			 list = { 0 };
	struct buf			 cursor = { 0 };

	if (m->args.n != 1 || (m->cursor.n > 0 && span_num(m->cursor,
	    UINT64_MAX, &list.from) == -1)) {
		page_error(p, id, "usage: dns facts DOMAIN");
		return;
	}
	put(&list, fact("host", c->hostname));
	if ((d = conf_domain(c, v[0].arg)) != NULL)
		put(&list, fact("domain", d->name));
	CONF_EACH(const struct conf_transport, t, &c->transports)
		if (TRANSPORT_BY_MX(t) || (TRANSPORT_SMARTHOST(t) &&
		    t->kind != TRANSPORT_LMTP))
			add_transport(&list, t);
	CONF_EACH(const struct conf_listener, l, &c->listeners)
		add_listener(&list, c, l);
	if (list.full)
		buf_addf(&cursor, "%llu", (unsigned long long)list.n);
	page_answer(p, id, &list.page, span_of("", 0), span_buf(&cursor));
	buf_free(&cursor);
}

int
lookup_ctl(struct peer *p, struct imsg *im, struct resolver *resolver)
{
	struct msg_ctl	 m;

	if (imsg_get(im, &c_ctl, &m) == -1)
		return (-1);
	if (span_eqs(m.verb, "dns query"))
		query(p, im->id, &m, resolver);
	else if (span_eqs(m.verb, "dns facts"))
		facts(p, im->id, &m);
	else if (span_eqs(m.verb, "dns sts"))
		lookup_sts_ctl(p, im->id, &m);
	else
		page_error(p, im->id, "lookup has no such command");
	codec_free(&c_ctl, &m);
	return (0);
}

void
lookup_ctl_down(struct peer *p)
{
	struct ask	*a;

	LIST_FOREACH(a, &asks, entry)
		if (a->peer == p)
			a->peer = NULL;
}
