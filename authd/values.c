/*
 * Words of letterlock.conf to values: domains, addresses, sizes, names out of a
 * list.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "parse.h"

#define CORES_MAX	64	/* processes of a role, without being asked */

/* In the order of the enums of conf.h. */
const char *const kind_names[] = { "smtp", "submission", "imap", NULL };
const char *const tls_names[] = { "off", "optional", "required", "implicit",
    NULL };
const char *const ccert_names[] = { "off", "ignore-unknown", "strict", NULL };
const char *const level_names[] = { "error", "warning", "info", "debug", NULL };
const char *const transport_names[] = { "direct", "smtp", "submission",
    "submissions", "lmtp", "socks", "deliver", "fail", NULL };
const char *const yes_names[] = { "no", "yes", NULL };
const char *const role_names_conf[] = { "control", "auth", "keys", "lookup",
    "smtpd", "front", "store", "queued", "relay", NULL };

#define LIMIT(name, field, unit, min, max)				\
	{ name, offsetof(struct conf_limits, field),			\
	    sizeof(((struct conf_limits *)0)->field), unit, min, max }

const struct limit limits[] = {
	LIMIT("message-size", message_size, 'b', 1024, 1ull << 31),
	LIMIT("recipients", recipients, 0, 1, 100000),
	LIMIT("commands", commands, 0, 10, 1000000000),
	LIMIT("errors", errors, 0, 1, 1000000),
	LIMIT("junk", junk, 0, 1, 1000000),
	LIMIT("line", line, 'b', 512, 65536),
	LIMIT("timeout", timeout, 's', 1, 86400),
	LIMIT("login-timeout", login_timeout, 's', 1, 86400),
	LIMIT("data-rate", data_rate, 'b', 0, 1 << 30),
	LIMIT("connections", connections, 0, 1, 1000000),
	LIMIT("connections-address", connections_address, 0, 1, 1000000),
	LIMIT("connections-prefix", connections_prefix, 0, 1, 1000000),
	LIMIT("login-failures", login_failures, 0, 1, 100),
	LIMIT("login-failures-address", login_failures_address, 0, 1, 1000000),
	LIMIT("new-connections-address", connects_address, 0, 1, 10000000),
};
const size_t nlimits = nitems(limits);

#define BIT(m)	(1u << (m))

const uint32_t mechs_served = BIT(MECH_EXTERNAL) |
    BIT(MECH_SCRAM_SHA_256_PLUS) | BIT(MECH_SCRAM_SHA_256) |
    BIT(MECH_SCRAM_SHA_1_PLUS) | BIT(MECH_SCRAM_SHA_1) |
    BIT(MECH_CRAM_MD5) | BIT(MECH_PLAIN) | BIT(MECH_LOGIN);

/* SMTP from strangers knows no login; PLUS needs a channel to bind to, EXTERNAL a
 * certificate; what is stored for CRAM-MD5 is as good as the password, so it is
 * there if asked for. */
uint32_t
mechs_default(const struct conf_listener *l)
{
	uint32_t	 m = mechs_served;

	if (l->kind == KIND_SMTP)
		return (0);
	m &= ~BIT(MECH_CRAM_MD5);
	if (l->tls == TLS_OFF)
		m &= ~(BIT(MECH_EXTERNAL) | BIT(MECH_SCRAM_SHA_256_PLUS) |
		    BIT(MECH_SCRAM_SHA_1_PLUS));
	return (m);
}

uint64_t
limit_get(const struct conf_limits *l, const struct limit *d)
{
	const uint8_t	*p = (const uint8_t *)l + d->off;
	uint64_t	 n64;
	uint32_t	 n32;

	if (d->width == sizeof(n64)) {
		memcpy(&n64, p, sizeof(n64));
		return (n64);
	}
	memcpy(&n32, p, sizeof(n32));
	return (n32);
}

void
limit_set(struct conf_limits *l, const struct limit *d, uint64_t n)
{
	uint8_t		*p = (uint8_t *)l + d->off;
	uint32_t	 n32 = (uint32_t)n;

	if (d->width == sizeof(n))
		memcpy(p, &n, sizeof(n));
	else
		memcpy(p, &n32, sizeof(n32));
}

void
limits_default(struct conf_limits *l)
{
	static const struct conf_limits	 d = {
		.message_size = 50 << 20, .recipients = 1000,
		.commands = 10000, .errors = 20, .junk = 100, .line = 4096,
		.timeout = 300, .login_timeout = 180, .data_rate = 500,
		.connections = 10000, .connections_address = 50,
		.connections_prefix = 200, .login_failures = 3,
		.login_failures_address = 10
	};

	*l = d;
}

int
value_address(const char *s, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in6	 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in	 in = { .sin_family = AF_INET };

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, s, &in.sin_addr) == 1) {
		in.sin_port = htons(port);
		memcpy(out, &in, sizeof(in));
		return (0);
	}
	if (inet_pton(AF_INET6, s, &in6.sin6_addr) == 1) {
		in6.sin6_port = htons(port);
		memcpy(out, &in6, sizeof(in6));
		return (0);
	}
	return (-1);
}

/* local@domain; the domain becomes A-labels, the local part stays. */
int
value_mailbox(const char *s, char **out, struct buf *why)
{
	const char	*at = strrchr(s, '@');
	struct buf	 b = { 0 };
	char		*d;

	if (at == NULL || at == s || at - s > 64 || strpbrk(s, " \t<>\",")) {
		buf_addf(why, "\"%s\" is not a mail address", s);
		return (-1);
	}
	if (conf_ascii_domain(at + 1, &d, why) == -1)
		return (-1);
	buf_add(&b, s, (size_t)(at - s) + 1);
	buf_adds(&b, d);
	free(d);
	*out = strdup(buf_cstr(&b));
	buf_free(&b);
	return (*out == NULL ? -1 : 0);
}

/* "192.0.2.1", "::1", either with "@port". */
int
value_resolver(const char *s, char **out, struct buf *why)
{
	struct sockaddr_storage	 ss;
	struct span		 all = span_str(s), head;
	uint64_t		 port;
	char			*addr;
	int			 ok;

	ok = span_split(&all, '@', &head) == 0 ||
	    (span_num(all, 65535, &port) == 0 && port > 0);
	if ((addr = span_dup(head)) == NULL)
		return (-1);
	ok = ok && value_address(addr, 0, &ss) == 0;
	free(addr);
	if (ok)
		return ((*out = strdup(s)) == NULL ? -1 : 0);
	buf_addf(why, "\"%s\" is not an address, or an address@port", s);
	return (-1);
}

int
value_size(uint64_t n, int unit, uint64_t *out, struct buf *why)
{
	int	 shift = unit == 'k' ? 10 : unit == 'm' ? 20 :
		    unit == 'g' ? 30 : 0;

	if (unit != 0 && shift == 0) {
		buf_addf(why, "a size has no unit, or k, m or g; not %c", unit);
		return (-1);
	}
	if (n > UINT64_MAX >> shift) {
		buf_adds(why, "number too large");
		return (-1);
	}
	*out = n << shift;
	return (0);
}

int
value_seconds(uint64_t n, int unit, uint64_t *out, struct buf *why)
{
	uint64_t	 by = unit == 'm' ? 60 : unit == 'h' ? 3600 :
			    unit == 'd' ? 86400 : unit == 'w' ? 604800 : 1;

	if (unit != 0 && unit != 's' && by == 1) {
		buf_addf(why, "a time has no unit, or s, m, h, d or w; not %c",
		    unit);
		return (-1);
	}
	if (n > UINT32_MAX / by) {
		buf_adds(why, "number too large");
		return (-1);
	}
	*out = n * by;
	return (0);
}

int
value_choice(const char *s, const char *const *names, struct buf *why)
{
	int	 i;

	for (i = 0; names[i] != NULL; i++)
		if (strcasecmp(s, names[i]) == 0)
			return (i);
	buf_addf(why, "\"%s\" is not one of ", s);
	for (i = 0; names[i] != NULL; i++)
		buf_addf(why, "%s%s", i > 0 ? ", " : "", names[i]);
	return (-1);
}

void
conf_settle(struct conf *c, unsigned partitions_found)
{
	long		 n = sysconf(_SC_NPROCESSORS_ONLN);
	uint32_t	 cores = n < 1 ? 1 : n > CORES_MAX ? CORES_MAX :
			    (uint32_t)n;

	if (c->nsmtpd == 0)
		c->nsmtpd = cores;
	if (c->nfront == 0)
		c->nfront = cores;
	if (c->npartitions == 0)
		c->npartitions = partitions_found > 0 ? partitions_found :
		    cores < 4 ? 4 : cores;
	if (c->nstore == 0)
		c->nstore = cores;
	if (c->nstore > c->npartitions)
		c->nstore = c->npartitions;
}
