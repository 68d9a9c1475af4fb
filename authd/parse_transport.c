/*
 * Transports in letterlock.conf: an option is a row that says which kinds have it.
 */
#include <sys/un.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "parse_int.h"

#define NAME_OCTETS	64	/* of a transport's name */
#define TEXT_OCTETS	256	/* of a refusal */

#define D	(1u << TRANSPORT_DIRECT)
#define B	(1u << TRANSPORT_SUBMISSION | 1u << TRANSPORT_SUBMISSIONS)
#define M	(1u << TRANSPORT_LMTP)
#define S	(1u << TRANSPORT_SMTP | B | M)	/* to a smarthost */
#define P5	(1u << TRANSPORT_SOCKS)
#define L	(1u << TRANSPORT_DELIVER)
#define F	(1u << TRANSPORT_FAIL)

static void	 opt_host(const struct lex_token *);
static void	 opt_socket(const struct lex_token *);
static void	 opt_port(const struct lex_token *);
static void	 opt_tls(const struct lex_token *);
static void	 opt_verify(const struct lex_token *);
static void	 opt_source(const struct lex_token *);
static void	 opt_helo(const struct lex_token *);
static void	 opt_address(const struct lex_token *);
static void	 opt_remote_port(const struct lex_token *);
static void	 opt_remote_ips(const struct lex_token *);
static void	 opt_remote_dns(const struct lex_token *);
static void	 opt_certificate(const struct lex_token *);
static void	 opt_auth(const struct lex_token *);
static void	 opt_mechanisms(const struct lex_token *);
static void	 opt_account(const struct lex_token *);
static void	 opt_code(const struct lex_token *);
static void	 opt_text(const struct lex_token *);
static void	 opt_connections(const struct lex_token *);
static void	 opt_total(const struct lex_token *);
static void	 opt_recipients(const struct lex_token *);
static void	 opt_no4(const struct lex_token *);
static void	 opt_no6(const struct lex_token *);
static void	 opt_early(const struct lex_token *);

static const struct option {
	const char	*name;
	unsigned	 kinds;		/* that have it */
	unsigned	 needed;	/* by these kinds */
	void		(*set)(const struct lex_token *);
} options[] = {
	{ "host",		S,	S & ~M,	opt_host },
	{ "socket",		M,	0,	opt_socket },
	{ "port",		D | S | P5, 0,	opt_port },
	{ "tls",		D | S | P5, 0,	opt_tls },
	{ "verify",		S,	0,	opt_verify },
	{ "source",		D | S | P5, 0,	opt_source },
	{ "helo",		D | S,	0,	opt_helo },
	{ "address",		P5,	P5,	opt_address },
	{ "remote-port",	P5,	0,	opt_remote_port },
	{ "remote-ips",		P5,	P5,	opt_remote_ips },
	{ "remote-hostname",	P5,	P5,	opt_helo },
	{ "remote-dns",		P5,	0,	opt_remote_dns },
	{ "certificate",	S,	0,	opt_certificate },
	{ "auth",		B | P5,	0,	opt_auth },
	{ "mechanisms",		S,	0,	opt_mechanisms },
	{ "account",		L,	L,	opt_account },
	{ "code",		F,	0,	opt_code },
	{ "text",		F,	0,	opt_text },
	{ "connections",	D | S | P5, 0,	opt_connections },
	{ "connections-total",	D | S | P5, 0,	opt_total },
	{ "recipients",		D | S | P5, 0,	opt_recipients },
	{ "no-ipv4",		D,	0,	opt_no4 },
	{ "no-ipv6",		D,	0,	opt_no6 },
	{ "reject early",	F,	0,	opt_early },
};

static unsigned
bit_of(const char *name)
{
	size_t	 i;

	for (i = 0; i < nitems(options); i++)
		if (strcmp(options[i].name, name) == 0)
			return (1u << i);
	return (0);
}

void
transport_begin(const char *name, const char *kind)
{
	struct conf_transport	*t = &P.transport;
	int			 n;

	P.place = "option";
	codec_free(&c_conf_transport, t);
	P.transport_has = 0;
	set_string(&t->name, name);
	set_string(&t->where, P.where);
	set_string(&t->host, "");
	set_string(&t->source4, "");
	set_string(&t->source6, "");
	set_string(&t->helo, "");
	set_string(&t->socket, "");
	set_string(&t->proxy, "");
	t->proxy_port = 1080;
	set_string(&t->certificate, "");
	set_string(&t->auth, "");
	set_string(&t->account, "");
	set_string(&t->message, "");
	t->connections = 10;
	t->connections_total = 200;
	t->recipients = 100;
	t->port = 25;
	t->code = 554;
	t->tls = TLS_OPTIONAL;
	if (name[0] == '\0' || strlen(name) > NAME_OCTETS)
		parse_fail("a transport's name has 1 to %d octets",
		    NAME_OCTETS);
	if (!parse_failed(n = value_choice(kind, transport_names, &P.why)))
		t->kind = (uint8_t)n;
	if (t->kind == TRANSPORT_SMTP || t->kind == TRANSPORT_SUBMISSION)
		t->tls = TLS_REQUIRED;
	if (t->kind == TRANSPORT_SUBMISSION) {
		t->port = 587;
	} else if (t->kind == TRANSPORT_SUBMISSIONS) {
		t->port = 465;
		t->tls = TLS_IMPLICIT;
	} else if (t->kind == TRANSPORT_LMTP)
		t->port = 24;
}

void
transport_option(const char *name, const struct lex_token *v)
{
	const struct conf_transport	*t = &P.transport;
	const struct option		*o;

	for (o = options; strcmp(o->name, name) != 0; o++)
		;
	if ((o->kinds & (1u << t->kind)) == 0)
		parse_fail("a transport of kind %s has no %s",
		    transport_names[t->kind], name);
	else if ((P.transport_has & bit_of(name)) != 0 && o->set != opt_source)
		parse_fail("%s is given twice", name);
	else
		o->set(v);
	P.transport_has |= bit_of(name);
}

/* The kind says how TLS begins; an opportunity of it would be none: whoever is
 * between could take it away. */
static void
check_submission(const struct conf_transport *t)
{
	if (t->kind == TRANSPORT_SUBMISSION && t->tls != TLS_REQUIRED &&
	    t->tls != TLS_OFF)
		parse_fail("tls is required or off for kind submission");
	if (t->kind == TRANSPORT_SUBMISSIONS && t->tls != TLS_IMPLICIT)
		parse_fail("tls is implicit for kind submissions");
}

/* EXTERNAL has our certificate, all others have a secret. */
static void
check_login(const struct conf_transport *t)
{
	int	 external = 0, others = 0;

	CONF_EACH(uint32_t, m, &t->mechs)
		if (*m == MECH_EXTERNAL)
			external = 1;
		else
			others = 1;
	if (t->certificate[0] != '\0' && t->tls == TLS_OFF)
		parse_fail("a certificate without tls");
	if (external && t->certificate[0] == '\0')
		parse_fail("EXTERNAL without certificate");
	else if (external && t->tls < TLS_REQUIRED)
		parse_fail("EXTERNAL needs tls required or implicit");
	if (others && ((1u << t->kind) & B) == 0)
		parse_fail("a transport of kind %s has no mechanism but "
		    "EXTERNAL", transport_names[t->kind]);
	else if (others && t->auth[0] == '\0')
		parse_fail("mechanisms without auth");
}

/* Which families the proxy has, its addresses say. */
static void
check_socks(struct conf_transport *t)
{
	int	 v6 = strchr(t->proxy, ':') != NULL;

	t->no_ipv4 = t->no_ipv6 = 1;
	CONF_EACH(char *, ip, &t->remote_ips)
		if (strchr(*ip, ':') != NULL)
			t->no_ipv6 = 0;
		else
			t->no_ipv4 = 0;
	if (t->source4[0] != '\0' && t->source6[0] != '\0')
		parse_fail("one source address is enough towards a proxy");
	else if ((v6 ? t->source4 : t->source6)[0] != '\0')
		parse_fail("source is not of the family of address");
}

/* On this machine or on another. */
static void
check_lmtp(struct conf_transport *t)
{
	if ((t->socket[0] == '\0') == (t->host[0] == '\0'))
		parse_fail("a transport of kind lmtp needs socket or host%s",
		    t->host[0] != '\0' ? ", not both" : "");
	if (t->socket[0] == '\0')
		return;
	if ((P.transport_has & bit_of("tls")) == 0)
		t->tls = TLS_OFF;
	if (t->tls != TLS_OFF || t->source4[0] != '\0' ||
	    t->source6[0] != '\0' || (P.transport_has & bit_of("port")) != 0)
		parse_fail("a socket has no TLS, no port and no addresses");
}

void
transport_done(void)
{
	struct conf_transport	*t = &P.transport, *copy;
	struct buf		 b = { 0 };
	size_t			 i;

	for (i = 0; i < nitems(options); i++)
		if ((options[i].needed & (1u << t->kind)) != 0 &&
		    (P.transport_has & (1u << i)) == 0)
			parse_fail("a transport of kind %s needs %s",
			    transport_names[t->kind], options[i].name);
	if (t->kind == TRANSPORT_LMTP)
		check_lmtp(t);
	if (TRANSPORT_SMARTHOST(t)) {
		if ((P.transport_has & bit_of("verify")) == 0)
			t->verify = t->tls >= TLS_REQUIRED;
		check_submission(t);
		check_login(t);
		if ((P.transport_has & bit_of("port")) == 0 &&
		    t->tls == TLS_IMPLICIT)
			t->port = 465;
		if (t->verify && t->tls < TLS_REQUIRED)
			parse_fail("verify needs tls required or implicit");
	} else if (TRANSPORT_BY_MX(t)) {
		if (t->tls == TLS_IMPLICIT)
			parse_fail("other mail servers do not begin with TLS; "
			    "tls is off, optional or required here");
		if (t->kind == TRANSPORT_SOCKS)
			check_socks(t);
		else if (t->no_ipv4 && t->no_ipv6)
			parse_fail("no-ipv4 and no-ipv6 leave nothing");
		if (t->kind == TRANSPORT_DIRECT &&
		    ((t->no_ipv4 && t->source4[0] != '\0') ||
		    (t->no_ipv6 && t->source6[0] != '\0')))
			parse_fail("a source address of a family that is "
			    "switched off");
	}
	print_transport(&b, t);
	set_string(&t->text, buf_cstr(&b));
	buf_free(&b);
	copy = list_add(&P.conf->transports, sizeof(*copy));
	*copy = *t;
	memset(t, 0, sizeof(*t));
}

/* A name, or an address, kept as a literal; RFC 5321 section 4.1.3. */
static void
opt_host(const struct lex_token *v)
{
	struct sockaddr_storage	 ss;
	struct buf		 b = { 0 };
	struct span		 s = span_str(v->s);
	char			*plain, *name;

	if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
		s = span_of(s.p + 1, s.n - 2);
	if (span_caseprefix(s, "IPv6:"))
		s = span_of(s.p + 5, s.n - 5);
	if ((plain = span_dup(s)) == NULL)
		return;
	if (value_address(plain, 0, &ss) == 0) {
		buf_adds(&b, ss.ss_family == AF_INET6 ? "[IPv6:" : "[");
		print_address(&b, &ss);
		buf_addc(&b, ']');
		set_string(&P.transport.host, buf_cstr(&b));
	} else if (!parse_failed(conf_ascii_domain(v->s, &name, &P.why))) {
		free(P.transport.host);
		P.transport.host = name;
	}
	buf_free(&b);
	free(plain);
}

static void
opt_socket(const struct lex_token *v)
{
	struct sockaddr_un	 un;
	const char		*name = strrchr(v->s, '/');

	/* Its directory is the worker's root, its name all that is left. */
	if (v->s[0] != '/' || name == v->s || name[1] == '\0' ||
	    strlen(name + 1) >= sizeof(un.sun_path) - 1)
		parse_fail("a socket is a whole path, in a directory of its "
		    "own");
	else
		set_string(&P.transport.socket, v->s);
}

static void
opt_port(const struct lex_token *v)
{
	uint16_t	*to = P.transport.kind == TRANSPORT_SOCKS ?
			    &P.transport.proxy_port : &P.transport.port;

	if (v->unit != 0 || v->n == 0 || v->n > 65535)
		parse_fail("a port is a number from 1 to 65535");
	else
		*to = (uint16_t)v->n;
}

static void
opt_remote_port(const struct lex_token *v)
{
	if (v->unit != 0 || v->n == 0 || v->n > 65535)
		parse_fail("a port is a number from 1 to 65535");
	else
		P.transport.port = (uint16_t)v->n;
}

/* Printed as it is always printed; -1: it is none. */
static int
set_address(const char *s, char **to)
{
	struct sockaddr_storage	 ss;
	struct buf		 b = { 0 };

	if (value_address(s, 0, &ss) == -1) {
		parse_fail("\"%s\" is not an address", s);
		return (-1);
	}
	print_address(&b, &ss);
	set_string(to, buf_cstr(&b));
	buf_free(&b);
	return (0);
}

static void
opt_address(const struct lex_token *v)
{
	(void)set_address(v->s, &P.transport.proxy);
}

static void
opt_remote_ips(const struct lex_token *v)
{
	char	**words = P.words.v, *ip;
	size_t	  i;

	(void)v;
	for (i = 0; i < P.words.n; i++) {
		ip = NULL;
		if (set_address(words[i], &ip) == 0)
			*(char **)list_add(&P.transport.remote_ips,
			    sizeof(char *)) = ip;
	}
}

static void
opt_early(const struct lex_token *v)
{
	(void)v;
	P.transport.reject_early = 1;
}

static void
opt_remote_dns(const struct lex_token *v)
{
	(void)v;
	P.transport.remote_dns = 1;
}

static void
opt_tls(const struct lex_token *v)
{
	int	 n;

	if (!parse_failed(n = value_choice(v->s, tls_names, &P.why)))
		P.transport.tls = (uint8_t)n;
}

static void
opt_verify(const struct lex_token *v)
{
	int	 n;

	if (!parse_failed(n = value_choice(v->s, yes_names, &P.why)))
		P.transport.verify = (uint8_t)n;
}

static void
opt_source(const struct lex_token *v)
{
	struct sockaddr_storage	 ss;
	struct buf		 b = { 0 };
	char			**to;

	if (value_address(v->s, 0, &ss) == -1) {
		parse_fail("\"%s\" is not an address", v->s);
		return;
	}
	to = ss.ss_family == AF_INET ? &P.transport.source4 :
	    &P.transport.source6;
	if ((*to)[0] != '\0')
		parse_fail("source is given twice for that family");
	print_address(&b, &ss);
	set_string(to, buf_cstr(&b));
	buf_free(&b);
}

static void
opt_helo(const struct lex_token *v)
{
	char	*s;

	if (!parse_failed(conf_ascii_domain(v->s, &s, &P.why))) {
		free(P.transport.helo);
		P.transport.helo = s;
	}
}

static void
opt_certificate(const struct lex_token *v)
{
	if (v->s[0] == '\0')
		parse_fail("not the name of a certificate: \"\"");
	else
		set_string(&P.transport.certificate, v->s);
}

static void
opt_auth(const struct lex_token *v)
{
	if (v->s[0] == '\0' || strlen(v->s) > NAME_OCTETS)
		parse_fail("not the name of a secret: \"%s\"", v->s);
	else
		set_string(&P.transport.auth, v->s);
}

/* In the order in which they are to be tried. */
static void
opt_mechanisms(const struct lex_token *v)
{
	char		**words = P.words.v;
	uint32_t	 had = 0;
	enum mech	 m;
	size_t		 i;

	(void)v;
	for (i = 0; i < P.words.n; i++) {
		m = mech_by_name(span_str(words[i]));
		if (m == MECH_COUNT)
			parse_fail("there is no mechanism \"%s\"", words[i]);
		else if ((had & (1u << m)) != 0)
			parse_fail("%s is given twice", mech_names[m]);
		else {
			had |= 1u << m;
			*(uint32_t *)list_add(&P.transport.mechs,
			    sizeof(uint32_t)) = (uint32_t)m;
		}
	}
}

static void
opt_account(const struct lex_token *v)
{
	if (v->s[0] == '\0' || strlen(v->s) > NAME_OCTETS)
		parse_fail("not the name of an account: \"%s\"", v->s);
	else
		set_string(&P.transport.account, v->s);
}

static void
opt_code(const struct lex_token *v)
{
	if (v->unit != 0 || v->n < 400 || v->n > 599)
		parse_fail("code is from 400 to 599");
	else
		P.transport.code = (uint32_t)v->n;
}

static void
opt_text(const struct lex_token *v)
{
	const char	*p;

	for (p = v->s; *p >= 0x20 && *p < 0x7f; p++)
		;
	if (*p != '\0' || p - v->s > TEXT_OCTETS)
		parse_fail("text has at most %d printable ASCII characters",
		    TEXT_OCTETS);
	else
		set_string(&P.transport.message, v->s);
}

static void
opt_connections(const struct lex_token *v)
{
	P.transport.connections = ranged("connections", v, 1, 1000);
}

static void
opt_total(const struct lex_token *v)
{
	P.transport.connections_total = ranged("connections-total", v, 1,
	    10000);
}

static void
opt_recipients(const struct lex_token *v)
{
	P.transport.recipients = ranged("recipients", v, 1, 10000);
}

static void
opt_no4(const struct lex_token *v)
{
	(void)v;
	P.transport.no_ipv4 = 1;
}

static void
opt_no6(const struct lex_token *v)
{
	(void)v;
	P.transport.no_ipv6 = 1;
}
