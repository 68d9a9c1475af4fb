/*
 * The configuration as a value: defaults, octets and back, look-ups.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf.h"

#define NAME_MAX_	512	/* octets of a name, an address, a path */
#define TEXT_MAX_	65536	/* of a route's text */
#define PEM_MAX		1048576	/* of a certificate chain */
#define COUNT_MAX	10000	/* of routes, domains, ... */

const char *const mech_names[MECH_COUNT] = {
	"EXTERNAL", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256",
	"SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"
};

/* One element of a list of strings or of numbers. */
struct one_string { char *s; };
struct one_number { uint32_t n; };

static const struct field f_string[] = { F_CSTR(one_string, s, NAME_MAX_) };
static const struct codec c_string = CODEC(one_string, f_string);
static const struct field f_index[] = { F_U32(one_number, n) };
static const struct codec c_index = CODEC(one_number, f_index);

static const struct field f_cert[] = {
	F_CSTR(conf_cert, name, NAME_MAX_), F_CSTR(conf_cert, certfile, 4096),
	F_CSTR(conf_cert, keyfile, 4096), F_CSTR(conf_cert, pem, PEM_MAX),
	F_RAW(conf_cert, key), F_CSTR(conf_cert, where, 4096),
};
const struct codec c_conf_cert = CODEC(conf_cert, f_cert);

static const struct field f_listener[] = {
	F_U8(conf_listener, kind), F_U8(conf_listener, tls),
	F_U8(conf_listener, ccert), F_U8(conf_listener, cleartext_auth),
	F_U32(conf_listener, mechs), F_U64(conf_listener, no_caps),
	F_CSTR(conf_listener, path, 4096),
	F_RAW(conf_listener, addr), F_CSTR(conf_listener, hostname, NAME_MAX_),
	F_LIST(conf_listener, certs, 64, &c_index),
	F_U64(conf_listener, limits.message_size),
	F_U32(conf_listener, limits.recipients),
	F_U32(conf_listener, limits.commands),
	F_U32(conf_listener, limits.errors), F_U32(conf_listener, limits.junk),
	F_U32(conf_listener, limits.line), F_U32(conf_listener, limits.timeout),
	F_U32(conf_listener, limits.login_timeout),
	F_U32(conf_listener, limits.data_rate),
	F_U32(conf_listener, limits.connections),
	F_U32(conf_listener, limits.connections_address),
	F_U32(conf_listener, limits.connections_prefix),
	F_U32(conf_listener, limits.login_failures),
	F_U32(conf_listener, limits.login_failures_address),
	F_U32(conf_listener, limits.connects_address),
	F_CSTR(conf_listener, where, 4096),
};
const struct codec c_conf_listener = CODEC(conf_listener, f_listener);

static const struct field f_route[] = {
	F_LIST(conf_route, from, COUNT_MAX, &c_string),
	F_LIST(conf_route, to, COUNT_MAX, &c_string),
	F_U32(conf_route, attempts), F_CSTR(conf_route, transport, NAME_MAX_),
	F_CSTR(conf_route, text, TEXT_MAX_), F_CSTR(conf_route, where, 4096),
};
const struct codec c_conf_route = CODEC(conf_route, f_route);

static const struct field f_domain[] = {
	F_CSTR(conf_domain, name, NAME_MAX_),
	F_CSTR(conf_domain, text, NAME_MAX_),
	F_U8(conf_domain, case_sensitive),
	F_CSTR(conf_domain, separators, 16),
	F_LIST(conf_domain, routes, COUNT_MAX, &c_conf_route),
	F_CSTR(conf_domain, where, 4096),
};
const struct codec c_conf_domain = CODEC(conf_domain, f_domain);

static const struct field f_transport[] = {
	F_U8(conf_transport, kind), F_CSTR(conf_transport, name, NAME_MAX_),
	F_CSTR(conf_transport, host, NAME_MAX_), F_U16(conf_transport, port),
	F_U8(conf_transport, tls), F_U8(conf_transport, verify),
	F_U8(conf_transport, no_ipv4), F_U8(conf_transport, no_ipv6),
	F_CSTR(conf_transport, source4, NAME_MAX_),
	F_CSTR(conf_transport, source6, NAME_MAX_),
	F_CSTR(conf_transport, helo, NAME_MAX_),
	F_CSTR(conf_transport, socket, 4096),
	F_CSTR(conf_transport, proxy, NAME_MAX_),
	F_U16(conf_transport, proxy_port),
	F_LIST(conf_transport, remote_ips, COUNT_MAX, &c_string),
	F_U8(conf_transport, remote_dns),
	F_CSTR(conf_transport, certificate, NAME_MAX_),
	F_CSTR(conf_transport, auth, NAME_MAX_),
	F_LIST(conf_transport, mechs, MECH_COUNT, &c_index),
	F_CSTR(conf_transport, account, NAME_MAX_),
	F_U32(conf_transport, code), F_CSTR(conf_transport, message, 256),
	F_U8(conf_transport, reject_early),
	F_U32(conf_transport, connections),
	F_U32(conf_transport, connections_total),
	F_U32(conf_transport, recipients),
	F_CSTR(conf_transport, text, TEXT_MAX_),
	F_CSTR(conf_transport, where, 4096),
};
const struct codec c_conf_transport = CODEC(conf_transport, f_transport);

static const struct field f_keep[] = {
	F_CSTR(conf_keep, account, NAME_MAX_), F_U32(conf_keep, seconds),
};
static const struct codec c_keep = CODEC(conf_keep, f_keep);

static const struct field f_nocaps[] = {
	F_CSTR(conf_nocaps, account, NAME_MAX_), F_U64(conf_nocaps, off),
};
static const struct codec c_nocaps = CODEC(conf_nocaps, f_nocaps);

static const struct field f_conf[] = {
	F_U64(conf, generation), F_CSTR(conf, path, 4096),
	F_CSTR(conf, hostname, NAME_MAX_), F_CSTR(conf, state, 4096),
	F_CSTR(conf, control, 4096), F_CSTR(conf, postmaster, NAME_MAX_),
	F_U32(conf, nsmtpd), F_U32(conf, nfront), F_U32(conf, nstore),
	F_U32(conf, npartitions), F_U64(conf, cache),
	F_U64(conf, disk_reserve), F_U32(conf, iterations),
	F_U64(conf, mailbox_quota), F_U64(conf, mailbox_messages),
	F_U32(conf, message_limit), F_U32(conf, save_limit),
	F_U32(conf, keep_retired), F_LIST(conf, keeps, COUNT_MAX, &c_keep),
	F_LIST(conf, no_caps, COUNT_MAX, &c_nocaps),
	F_U8(conf, suppress_failures),
	F_CSTR(conf, log, 4096), F_U8(conf, log_level), F_LIST(conf, resolvers, 64, &c_string),
	F_CSTR(conf, trust_anchor, 4096), F_CSTR(conf, authorities, 4096),
	F_U8(conf, allow_private),
	F_CSTR(conf, users[ROLE_PARENT], 64),
	F_CSTR(conf, users[ROLE_CONTROL], 64),
	F_CSTR(conf, users[ROLE_AUTH], 64), F_CSTR(conf, users[ROLE_KEYS], 64),
	F_CSTR(conf, users[ROLE_LOOKUP], 64),
	F_CSTR(conf, users[ROLE_SMTPD], 64),
	F_CSTR(conf, users[ROLE_FRONT], 64),
	F_CSTR(conf, users[ROLE_STORE], 64),
	F_CSTR(conf, users[ROLE_QUEUED], 64),
	F_CSTR(conf, users[ROLE_RELAY], 64),
	F_CSTR(conf, users[ROLE_SESSION], 64),
	F_LIST(conf, certs, 1000, &c_conf_cert),
	F_LIST(conf, listeners, 1000, &c_conf_listener),
	F_LIST(conf, domains, COUNT_MAX, &c_conf_domain),
	F_LIST(conf, routes, COUNT_MAX, &c_conf_route),
	F_LIST(conf, transports, 1000, &c_conf_transport),
	F_U32(conf, schedule.first[0]), F_U32(conf, schedule.first[1]),
	F_U32(conf, schedule.first[2]), F_U32(conf, schedule.first[3]),
	F_U32(conf, schedule.first[4]), F_U32(conf, schedule.first[5]),
	F_U32(conf, schedule.first[6]), F_U32(conf, schedule.first[7]),
	F_U32(conf, schedule.nfirst), F_U32(conf, schedule.every),
	F_U32(conf, schedule.expire), F_U32(conf, schedule.delay_report),
	F_U32(conf, schedule.delay_again),
};
static const struct codec c_conf = CODEC(conf, f_conf);

static const char *const default_users[ROLE_COUNT] = {
	"root", "_lockctl", "_lockauth", "_lockkeys", "_lockdns",
	"_locksmtp", "_lockimap", "_lockmail", "_lockqueue", "_lockrelay", ""
};

static int	 valid(const struct conf *);

struct conf *
conf_new(void)
{
	static const struct conf_schedule	 schedule = {
		{ 0, 300, 900, 2100, 4500, 9300 }, 6, 4 * 3600, 4 * 86400,
		4 * 3600, 86400
	};
	struct conf	*c;
	size_t		 i;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	c->nsmtpd = c->nfront = c->nstore = 1;
	c->npartitions = 4;
	c->disk_reserve = 64 << 20;
	c->iterations = 32768;
	c->log_level = 2;
	c->suppress_failures = 1;
	c->schedule = schedule;
	c->path = strdup("");
	c->hostname = strdup("");
	c->state = strdup(STATEDIR);
	c->control = strdup(RUNDIR "/control.sock");
	c->postmaster = strdup("");
	c->log = strdup("syslog");
	c->trust_anchor = strdup("");
	c->authorities = strdup("");
	for (i = 0; i < ROLE_COUNT; i++)
		if ((c->users[i] = strdup(default_users[i])) == NULL)
			goto err;
	if (c->path != NULL && c->hostname != NULL && c->state != NULL &&
	    c->control != NULL && c->postmaster != NULL && c->log != NULL &&
	    c->trust_anchor != NULL && c->authorities != NULL)
		return (c);
err:
	conf_free(c);
	return (NULL);
}

void
conf_free(struct conf *c)
{
	if (c == NULL)
		return;
	codec_free(&c_conf, c);
	free(c);
}

int
conf_put(struct buf *b, const struct conf *c, enum role role, const char *name)
{
	struct conf		 its = *c;
	const struct conf_cert	*cert;
	struct conf_cert	 shown;

	/* A worker knows its own transport and nobody's mail domains. */
	if (role == ROLE_RELAY) {
		its.transports.n = 0;		/* "default": none of ours */
		its.certs.n = its.keeps.n = its.no_caps.n = 0;
		CONF_EACH(struct conf_transport, t, &c->transports) {
			if (strcasecmp(t->name, name) != 0)
				continue;
			its.transports.v = t;
			its.transports.n = 1;
			cert = conf_certificate(c, t->certificate);
			if (cert == NULL)
				continue;
			shown = *cert;
			its.certs.v = &shown;
			its.certs.n = 1;
		}
		its.routes.n = its.domains.n = its.listeners.n = 0;
	}
	return (codec_put(b, &c_conf, &its));
}

/* What roles rely on without looking again. */
static int
valid(const struct conf *c)
{
	if (c->nsmtpd == 0 || c->nfront == 0 || c->nstore == 0 ||
	    c->npartitions == 0 || c->nsmtpd > 64 || c->nfront > 64 ||
	    c->nstore > 64 || c->npartitions > 99 ||
	    c->schedule.nfirst > nitems(c->schedule.first))
		return (0);
	CONF_EACH(struct conf_listener, l, &c->listeners) {
		CONF_EACH(uint32_t, i, &l->certs)
			if (*i >= c->certs.n)
				return (0);
		if (l->kind > KIND_IMAP || l->tls > TLS_IMPLICIT ||
		    l->ccert > CCERT_STRICT)
			return (0);
	}
	CONF_EACH(struct conf_transport, t, &c->transports) {
		if (t->kind > TRANSPORT_FAIL || t->tls > TLS_IMPLICIT ||
		    (t->socket[0] != '\0' && t->socket[0] != '/') ||
		    (t->certificate[0] != '\0' &&
		    conf_certificate(c, t->certificate) == NULL))
			return (0);
		CONF_EACH(uint32_t, m, &t->mechs)
			if (*m >= MECH_COUNT)
				return (0);
	}
	return (1);
}

struct conf *
conf_get(struct span s)
{
	struct conf	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	if (codec_get(&s, &c_conf, c) == -1) {
		free(c);
		return (NULL);
	}
	if (s.n != 0 || !valid(c)) {
		conf_free(c);
		errno = EBADMSG;
		return (NULL);
	}
	return (c);
}

const struct conf_domain *
conf_domain(const struct conf *c, struct span name)
{
	CONF_EACH(struct conf_domain, d, &c->domains)
		if (span_caseeqs(name, d->name))
			return (d);
	return (NULL);
}

const struct conf_transport *
conf_transport(const struct conf *c, const char *name)
{
	CONF_EACH(struct conf_transport, t, &c->transports)
		if (strcasecmp(t->name, name) == 0)
			return (t);
	return (NULL);
}

const struct conf_cert *
conf_certificate(const struct conf *c, const char *name)
{
	CONF_EACH(struct conf_cert, k, &c->certs)
		if (strcasecmp(k->name, name) == 0)
			return (k);
	return (NULL);
}

uint32_t
conf_keep_retired(const struct conf *c, struct span account)
{
	CONF_EACH(struct conf_keep, k, &c->keeps)
		if (span_eqs(account, k->account))
			return (k->seconds);
	return (c->keep_retired);
}

uint64_t
conf_no_caps(const struct conf *c, const struct conf_listener *l,
    struct span account)
{
	uint64_t	 off = l != NULL ? l->no_caps : 0;

	CONF_EACH(struct conf_nocaps, o, &c->no_caps)
		if (o->account[0] == '\0' || span_eqs(account, o->account))
			off |= o->off;
	return (off);
}

const char *
kind_name(enum conf_kind k)
{
	static const char *const names[] = { "smtp", "submission", "imap" };

	return (k < nitems(names) ? names[k] : "?");
}

enum mech
mech_by_name(struct span s)
{
	int	 m;

	for (m = 0; m < MECH_COUNT; m++)
		if (span_caseeqs(s, mech_names[m]))
			break;
	return ((enum mech)m);
}
