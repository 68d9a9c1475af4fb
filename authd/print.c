/*
 * A configuration as letterlock.conf text, everything said: it parses again.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "imapcap.h"
#include "parse.h"

static void	 quote(struct buf *, const char *);
static void	 setting(struct buf *, const char *, const char *);
static void	 patterns(struct buf *, const char *, const struct list *);
static void	 print_limits(struct buf *, const struct conf_limits *);
static void	 print_no_caps(struct buf *, const char *, uint64_t);
static void	 print_listener(struct buf *, const struct conf *,
		    const struct conf_listener *);
static void	 print_domain(struct buf *, const struct conf_domain *);

static void
quote(struct buf *b, const char *s)
{
	(void)buf_add_quoted(b, span_str(s));
}

/* A line, if there is something to say. */
static void
setting(struct buf *b, const char *name, const char *value)
{
	if (value[0] == '\0')
		return;
	buf_addf(b, "%s ", name);
	quote(b, value);
	buf_addc(b, '\n');
}

void
print_address(struct buf *b, const struct sockaddr_storage *ss)
{
	char		 text[INET6_ADDRSTRLEN];
	const void	*a;

	if (ss->ss_family == AF_INET)
		a = &((const struct sockaddr_in *)ss)->sin_addr;
	else
		a = &((const struct sockaddr_in6 *)ss)->sin6_addr;
	if (inet_ntop(ss->ss_family, a, text, sizeof(text)) != NULL)
		buf_adds(b, text);
}

uint16_t
address_port(const struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_INET)
		return (ntohs(((const struct sockaddr_in *)ss)->sin_port));
	return (ntohs(((const struct sockaddr_in6 *)ss)->sin6_port));
}

static void
patterns(struct buf *b, const char *word, const struct list *l)
{
	size_t	 i;

	if (l->n == 0)
		return;
	buf_addf(b, " %s ", word);
	if (l->n > 1)
		buf_adds(b, "{ ");
	for (i = 0; i < l->n; i++) {
		if (i > 0)
			buf_adds(b, ", ");
		quote(b, ((char **)l->v)[i]);
	}
	if (l->n > 1)
		buf_adds(b, " }");
}

void
print_route(struct buf *b, const struct conf_route *r)
{
	buf_adds(b, "route");
	patterns(b, "from", &r->from);
	patterns(b, "to", &r->to);
	if (r->attempts != 0)
		buf_addf(b, " minimum-attempts %u", r->attempts);
	buf_adds(b, " transport ");
	quote(b, r->transport);
}

static void
print_socks(struct buf *b, const struct conf_transport *t)
{
	buf_addf(b, " address %s port %u remote-port %u remote-ips {", t->proxy,
	    t->proxy_port, t->port);
	CONF_EACH(char *, ip, &t->remote_ips)
		buf_addf(b, "%s %s", ip == t->remote_ips.v ? "" : ",", *ip);
	buf_adds(b, " }");
	if (t->remote_dns)
		buf_adds(b, " remote-dns");
}

void
print_transport(struct buf *b, const struct conf_transport *t)
{
	int	 net = TRANSPORT_BY_MX(t) || TRANSPORT_SMARTHOST(t);

	buf_adds(b, "transport ");
	quote(b, t->name);
	buf_addf(b, " %s", transport_names[t->kind]);
	if (t->socket[0] != '\0') {
		buf_adds(b, " socket ");
		quote(b, t->socket);
	} else if (TRANSPORT_SMARTHOST(t)) {
		buf_adds(b, " host ");
		quote(b, t->host);
	}
	if (t->kind == TRANSPORT_SOCKS)
		print_socks(b, t);
	else if (net && t->socket[0] == '\0')
		buf_addf(b, " port %u", t->port);
	if (net && t->socket[0] == '\0')
		buf_addf(b, " tls %s", tls_names[t->tls]);
	if (TRANSPORT_SMARTHOST(t) && t->socket[0] == '\0')
		buf_addf(b, " verify %s", yes_names[t->verify]);
	if (t->certificate[0] != '\0') {
		buf_adds(b, " certificate ");
		quote(b, t->certificate);
	}
	if (t->auth[0] != '\0') {
		buf_adds(b, " auth ");
		quote(b, t->auth);
	}
	if (t->mechs.n > 0) {
		buf_adds(b, " mechanisms {");
		CONF_EACH(uint32_t, m, &t->mechs)
			buf_addf(b, "%s %s", m == t->mechs.v ? "" : ",",
			    mech_names[*m]);
		buf_adds(b, " }");
	}
	if (t->source4[0] != '\0')
		buf_addf(b, " source %s", t->source4);
	if (t->source6[0] != '\0')
		buf_addf(b, " source %s", t->source6);
	if (t->helo[0] != '\0') {
		buf_adds(b, t->kind == TRANSPORT_SOCKS ? " remote-hostname " :
		    " helo ");
		quote(b, t->helo);
	}
	if (t->no_ipv4 && t->kind == TRANSPORT_DIRECT)
		buf_adds(b, " no-ipv4");
	if (t->no_ipv6 && t->kind == TRANSPORT_DIRECT)
		buf_adds(b, " no-ipv6");
	if (net)
		buf_addf(b, " connections %u connections-total %u "
		    "recipients %u", t->connections, t->connections_total,
		    t->recipients);
	if (t->kind == TRANSPORT_DELIVER) {
		buf_adds(b, " account ");
		quote(b, t->account);
	}
	if (t->kind == TRANSPORT_FAIL) {
		buf_addf(b, " code %u", t->code);
		if (t->message[0] != '\0') {
			buf_adds(b, " text ");
			quote(b, t->message);
		}
		if (t->reject_early)
			buf_adds(b, " reject early");
	}
}

/* What differs from the defaults. */
static void
print_limits(struct buf *b, const struct conf_limits *l)
{
	struct conf_limits	 d;
	const char		*open = " limits {";
	size_t			 i;

	limits_default(&d);
	for (i = 0; i < nlimits; i++) {
		if (limit_get(l, &limits[i]) == limit_get(&d, &limits[i]))
			continue;
		buf_addf(b, "%s %s %llu", open, limits[i].name,
		    (unsigned long long)limit_get(l, &limits[i]));
		open = ",";
	}
	if (open[0] == ',')
		buf_adds(b, " }");
}

static void
print_no_caps(struct buf *b, const char *before, uint64_t set)
{
	buf_addf(b, "%sno-capabilities { ", before);
	imapcap_names(b, set);
	buf_adds(b, " }");
}

static void
print_listener(struct buf *b, const struct conf *c,
    const struct conf_listener *l)
{
	const struct conf_cert	*certs = c->certs.v;
	const char		*comma = "";
	int			 m;

	buf_adds(b, "listen on ");
	if (l->path[0] != '\0') {
		buf_adds(b, "socket ");
		quote(b, l->path);
	} else {
		print_address(b, &l->addr);
		buf_addf(b, " port %u", address_port(&l->addr));
	}
	buf_addf(b, " %s tls %s hostname ", kind_names[l->kind],
	    tls_names[l->tls]);
	quote(b, l->hostname);
	if (l->certs.n > 0) {
		buf_adds(b, " certificate {");
		CONF_EACH(uint32_t, i, &l->certs) {
			buf_addf(b, "%s ", comma);
			quote(b, certs[*i].name);
			comma = ",";
		}
		buf_adds(b, " }");
	}
	if (l->kind != KIND_SMTP && l->tls != TLS_OFF)
		buf_addf(b, " client-certificates %s", ccert_names[l->ccert]);
	if (l->mechs != 0) {
		comma = "";
		buf_adds(b, " mechanisms {");
		for (m = 0; m < MECH_COUNT; m++)
			if (l->mechs & (1u << m)) {
				buf_addf(b, "%s %s", comma, mech_names[m]);
				comma = ",";
			}
		buf_adds(b, " }");
	}
	if (l->no_caps != 0)
		print_no_caps(b, " ", l->no_caps);
	if (l->cleartext_auth)
		buf_adds(b, " allow-cleartext-auth");
	print_limits(b, &l->limits);
	buf_addc(b, '\n');
}

static void
print_domain(struct buf *b, const struct conf_domain *d)
{
	buf_adds(b, "domain ");
	quote(b, d->text);
	buf_addf(b, " {\n\tcase-sensitive %s\n\tseparators ",
	    yes_names[d->case_sensitive]);
	quote(b, d->separators);
	buf_addc(b, '\n');
	CONF_EACH(struct conf_route, r, &d->routes)
		buf_addf(b, "\t%s\n", r->text);
	buf_adds(b, "}\n");
}

static void
print_numbers(struct buf *b, const struct conf *c)
{
	const struct conf_schedule	*s = &c->schedule;
	uint32_t			 i;

	if (c->nsmtpd != 0)
		buf_addf(b, "processes smtpd %u\n", c->nsmtpd);
	if (c->nfront != 0)
		buf_addf(b, "processes front %u\n", c->nfront);
	if (c->nstore != 0)
		buf_addf(b, "processes store %u\n", c->nstore);
	if (c->npartitions != 0)
		buf_addf(b, "partitions %u\n", c->npartitions);
	if (c->cache != 0)
		buf_addf(b, "cache %llu\n", (unsigned long long)c->cache);
	buf_addf(b, "disk-reserve %llu\niterations %u\n",
	    (unsigned long long)c->disk_reserve, c->iterations);
	if (c->mailbox_quota != 0)
		buf_addf(b, "quota %llu\n",
		    (unsigned long long)c->mailbox_quota);
	if (c->mailbox_messages != 0)
		buf_addf(b, "quota-messages %llu\n",
		    (unsigned long long)c->mailbox_messages);
	if (c->message_limit != 0)
		buf_addf(b, "message-limit %u\n", c->message_limit);
	if (c->save_limit != 0)
		buf_addf(b, "save-limit %u\n", c->save_limit);
	if (!c->suppress_failures)
		buf_adds(b, "suppress-failures no\n");
	if (c->keep_retired != 0)
		buf_addf(b, "keep-retired %us\n", c->keep_retired);
	CONF_EACH(struct conf_keep, k, &c->keeps) {
		buf_addf(b, "keep-retired %us account ", k->seconds);
		quote(b, k->account);
		buf_addc(b, '\n');
	}
	CONF_EACH(struct conf_nocaps, o, &c->no_caps) {
		print_no_caps(b, "", o->off);
		if (o->account[0] != '\0') {
			buf_adds(b, " account ");
			quote(b, o->account);
		}
		buf_addc(b, '\n');
	}
	buf_adds(b, "retry first {");
	for (i = 0; i < s->nfirst; i++)
		buf_addf(b, "%s %us", i > 0 ? "," : "", s->first[i]);
	buf_addf(b, " } every %us expire %us delay-report %us "
	    "delay-again %us\n", s->every, s->expire, s->delay_report,
	    s->delay_again);
}

void
print_conf(struct buf *b, const struct conf *c)
{
	size_t	 i;

	setting(b, "hostname", c->hostname);
	setting(b, "state", c->state);
	setting(b, "control", c->control);
	setting(b, "postmaster", c->postmaster);
	setting(b, "log", c->log);
	buf_addf(b, "log level %s\n", level_names[c->log_level]);
	for (i = 0; role_names_conf[i] != NULL; i++) {
		buf_addf(b, "user %s ", role_names_conf[i]);
		quote(b, c->users[ROLE_CONTROL + i]);
		buf_addc(b, '\n');
	}
	print_numbers(b, c);
	CONF_EACH(char *, r, &c->resolvers)
		setting(b, "resolver", *r);
	setting(b, "trust-anchor", c->trust_anchor);
	setting(b, "authorities", c->authorities);
	if (c->allow_private)
		buf_adds(b, "allow-private-addresses\n");
	CONF_EACH(struct conf_cert, k, &c->certs) {
		buf_adds(b, "certificate ");
		quote(b, k->name);
		buf_adds(b, " cert ");
		quote(b, k->certfile);
		buf_adds(b, " key ");
		quote(b, k->keyfile);
		buf_addc(b, '\n');
	}
	CONF_EACH(struct conf_listener, l, &c->listeners)
		print_listener(b, c, l);
	CONF_EACH(struct conf_transport, t, &c->transports)
		buf_addf(b, "%s\n", t->text);
	CONF_EACH(struct conf_route, r, &c->routes)
		buf_addf(b, "%s\n", r->text);
	CONF_EACH(struct conf_domain, d, &c->domains)
		print_domain(b, d);
}
