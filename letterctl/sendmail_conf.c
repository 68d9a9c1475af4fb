/*
 * The configuration of sendmail(8), and the secret that it names.  Whatever is
 * wrong is said with file and line, and never with what a secret's file holds.
 */
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "clientcert.h"
#include "dns.h"
#include "letterctl/sendmail.h"

#define WORDS	(SASL_MECHS + 2)	/* of a line */

struct line {
	struct sendmail_conf	*c;
	char			*w[WORDS];
	size_t			 n;
	struct buf		*why;
};

static int	 set_server(struct line *);
static int	 set_port(struct line *);
static int	 set_tls(struct line *);
static int	 set_verify(struct line *);
static int	 set_mechanism(struct line *);
static int	 set_from(struct line *);
static int	 set_requiretls(struct line *);
static int	 set_string(struct line *);
static int	 set_secret(struct line *);
static int	 words(struct line *, struct span);
static int	 whole(struct sendmail_conf *, const char *, struct buf *);
static int	 read_file(const char *, int, struct buf *, struct buf *);
static int	 load_secret(struct sendmail_conf *, struct buf *);

static const struct {
	const char	*name;
	int		(*set)(struct line *);
	size_t		 min, max;	/* values */
} statements[] = {
	{ "server",	set_server,	1, 1 },
	{ "port",	set_port,	1, 1 },
	{ "tls",	set_tls,	1, 1 },
	{ "verify",	set_verify,	1, 1 },
	{ "mechanism",	set_mechanism,	1, SASL_MECHS },
	{ "from",	set_from,	1, 1 },
	{ "requiretls",	set_requiretls,	1, 1 },
	{ "password-file", set_secret,	1, 1 },
	{ "certificate", set_secret,	1, 1 },
	{ "key",	set_secret,	1, 1 },
	{ "authorities", set_string,	1, 1 },
	{ "socket",	set_string,	1, 1 },
	{ "user",	set_string,	1, 1 },
	{ "domain",	set_string,	1, 1 },
	{ "hostname",	set_string,	1, 1 },
	{ "failures",	set_string,	1, 1 },
};

void
sendmail_conf_init(struct sendmail_conf *c)
{
	memset(c, 0, sizeof(*c));
	c->tls = SMTPCLIENT_TLS_IMPLICIT;
	c->verify = 1;
}

void
sendmail_conf_free(struct sendmail_conf *c)
{
	free(c->server);
	free(c->socket);
	free(c->ca);
	free(c->user);
	free(c->secret_file);
	free(c->from);
	free(c->domain);
	free(c->hostname);
	free(c->failures);
	buf_freezero(&c->password);
	buf_freezero(&c->key);
	buf_freezero(&c->cert);	/* may be the same file */
}

static int
replace(struct line *l, char **at, const char *v)
{
	if (*at != NULL) {
		buf_adds(l->why, "said twice");
		return (-1);
	}
	if ((*at = strdup(v)) == NULL) {
		buf_adds(l->why, "no memory");
		return (-1);
	}
	return (0);
}

static int
set_server(struct line *l)
{
	struct dns_addr	 a;

	if (!dns_host_valid(span_str(l->w[1])) &&
	    dns_addr_parse(span_str(l->w[1]), &a) == -1) {
		buf_adds(l->why, "not the name of a host, or its address");
		return (-1);
	}
	return (replace(l, &l->c->server, l->w[1]));
}

static int
set_port(struct line *l)
{
	uint64_t	 n;

	if (span_num(span_str(l->w[1]), 65535, &n) == -1 || n == 0) {
		buf_adds(l->why, "not a port");
		return (-1);
	}
	l->c->port = (uint16_t)n;
	return (0);
}

/* One word of several; its number, or -1. */
static int
one_of(struct line *l, const char *const *names, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (strcmp(l->w[1], names[i]) == 0)
			return ((int)i);
	buf_adds(l->why, "takes");
	for (i = 0; i < n; i++)
		buf_addf(l->why, "%s %s", i == 0 ? "" : i + 1 == n ? " or" :
		    ",", names[i]);
	return (-1);
}

static int
set_tls(struct line *l)
{
	static const char *const	 names[] = { "implicit", "required",
					    "off" };
	static const enum smtpclient_tls modes[] = { SMTPCLIENT_TLS_IMPLICIT,
					    SMTPCLIENT_TLS_REQUIRED,
					    SMTPCLIENT_TLS_OFF };
	int				 i;

	if ((i = one_of(l, names, nitems(names))) == -1)
		return (-1);
	l->c->tls = modes[i];
	return (0);
}

static const char *const	 yes_no[] = { "yes", "no" };

static int
set_verify(struct line *l)
{
	int	 i = one_of(l, yes_no, nitems(yes_no));

	l->c->verify = i == 0;
	return (i == -1 ? -1 : 0);
}

static int
set_requiretls(struct line *l)
{
	int	 i = one_of(l, yes_no, nitems(yes_no));

	l->c->requiretls = i == 0 ? 1 : -1;
	return (i == -1 ? -1 : 0);
}

static int
set_mechanism(struct line *l)
{
	enum sasl_mech	 m;
	size_t		 i;

	l->c->nmechs = 0;
	for (i = 1; i < l->n; i++) {
		m = sasl_mech_by_name(span_str(l->w[i]));
		if (m == SASL_MECHS) {
			buf_addf(l->why, "no mechanism \"%.64s\"", l->w[i]);
			return (-1);
		}
		l->c->mechs[l->c->nmechs++] = m;
	}
	return (0);
}

static int
set_from(struct line *l)
{
	struct sendmail_list	 a = { NULL, 0 };
	int			 rc = -1;

	if (sendmail_addresses(&a, span_str(l->w[1]), l->why) == 0) {
		if (a.n == 1 && strrchr(a.v[0], '@') != NULL)
			rc = replace(l, &l->c->from, a.v[0]);
		else
			buf_adds(l->why, "takes one address with a domain");
	}
	sendmail_list_free(&a);
	return (rc);
}

static int
set_string(struct line *l)
{
	const struct {
		const char	*name;
		char		**at;
		int		 path;
	} where[] = {
		{ "authorities", &l->c->ca, 1 },
		{ "socket", &l->c->socket, 1 },
		{ "user", &l->c->user, 0 },
		{ "domain", &l->c->domain, 0 },
		{ "hostname", &l->c->hostname, 0 },
		{ "failures", &l->c->failures, 1 },
	};
	size_t	 i;

	for (i = 0; strcmp(where[i].name, l->w[0]) != 0; i++)
		continue;
	if (where[i].path && l->w[1][0] != '/') {
		buf_adds(l->why, "takes an absolute path");
		return (-1);
	}
	if ((where[i].at == &l->c->domain || where[i].at == &l->c->hostname) &&
	    !dns_host_valid(span_str(l->w[1]))) {
		buf_adds(l->why, "takes a domain, in ASCII");
		return (-1);
	}
	return (replace(l, where[i].at, l->w[1]));
}

static int
set_secret(struct line *l)
{
	if (l->c->secret != SECRET_NONE) {
		buf_adds(l->why, "there is to be exactly one of "
		    "password-file, certificate and key");
		return (-1);
	}
	if (l->w[1][0] != '/') {
		buf_adds(l->why, "takes an absolute path");
		return (-1);
	}
	l->c->secret = l->w[0][0] == 'p' ? SECRET_PASSWORD :
	    l->w[0][0] == 'c' ? SECRET_CERTIFICATE : SECRET_KEY;
	return (replace(l, &l->c->secret_file, l->w[1]));
}

/* Words, some in quotes; a # outside of them ends the line. */
static int
words(struct line *l, struct span s)
{
	struct buf	 b = { .max = 1024 };
	int		 quoted;

	for (;;) {
		while (s.n > 0 && (*s.p == ' ' || *s.p == '\t' ||
		    *s.p == '\r')) {
			s.p++;
			s.n--;
		}
		if (s.n == 0 || *s.p == '#') {
			buf_free(&b);
			return (0);
		}
		buf_reset(&b);
		quoted = *s.p == '"';
		s.p += quoted;
		s.n -= (size_t)quoted;
		while (s.n > 0 && (quoted ? *s.p != '"' :
		    strchr(" \t\r#\"", *s.p) == NULL)) {
			buf_addc(&b, *s.p++);
			s.n--;
		}
		if (quoted && s.n == 0) {
			buf_adds(l->why, "a quotation mark is missing");
			break;
		}
		s.p += quoted;
		s.n -= (size_t)quoted;
		if (!quoted && s.n > 0 && *s.p == '"') {
			buf_adds(l->why, "a quotation mark within a word");
			break;
		}
		if (l->n == WORDS || (l->w[l->n] =
		    span_dup(span_buf(&b))) == NULL || buf_failed(&b)) {
			buf_adds(l->why, "too many words, or one too long");
			l->n += l->n < WORDS && l->w[l->n] != NULL;
			break;
		}
		l->n++;
		if (b.n == 0) {
			buf_adds(l->why, "an empty word");
			break;
		}
	}
	buf_free(&b);
	return (-1);
}

static int
statement(struct line *l)
{
	size_t	 i;

	for (i = 0; i < nitems(statements); i++)
		if (strcmp(statements[i].name, l->w[0]) == 0)
			break;
	if (i == nitems(statements)) {
		buf_adds(l->why, "unknown: ");
		buf_add_escaped(l->why, span_str(l->w[0]));
		return (-1);
	}
	if (l->n - 1 < statements[i].min || l->n - 1 > statements[i].max) {
		buf_addf(l->why, "%s takes %s", l->w[0],
		    statements[i].max == 1 ? "one value" : "some values");
		return (-1);
	}
	return (statements[i].set(l));
}

/* Does it make sense together? */
static int
whole(struct sendmail_conf *c, const char *name, struct buf *why)
{
	const char	*text = NULL;

	if (c->server == NULL) {
		if (c->secret != SECRET_NONE || c->user != NULL ||
		    c->nmechs > 0 || c->port != 0)
			text = "user, mechanism, port and secrets are for a "
			    "server, and there is none";
	} else if (c->socket != NULL)
		text = "a server or a socket, not both";
	else if (c->secret == SECRET_NONE)
		text = "exactly one of password-file, certificate and key is "
		    "missing";
	else if (c->secret == SECRET_PASSWORD && c->user == NULL)
		text = "password-file without user";
	else if (c->tls == SMTPCLIENT_TLS_OFF && c->secret != SECRET_PASSWORD)
		text = "a certificate without TLS";
	else if (c->requiretls == 1 && (c->tls == SMTPCLIENT_TLS_OFF ||
	    !c->verify))
		text = "requiretls without TLS to a server that is verified";
	if (text != NULL) {
		buf_addf(why, "%s: %s", name, text);
		return (EX_CONFIG);
	}
	if (c->port == 0)
		c->port = c->tls == SMTPCLIENT_TLS_IMPLICIT ? 465 : 587;
	return (0);
}

int
sendmail_conf_parse(struct sendmail_conf *c, struct span text,
    const char *name, struct buf *why)
{
	struct buf	 reason = { .max = 512 };
	struct line	 l;
	struct span	 s;
	unsigned	 number = 0;
	int		 more, rc = 0;

	do {
		more = span_split(&text, '\n', &s);
		number++;
		memset(&l, 0, sizeof(l));
		l.c = c;
		l.why = &reason;
		rc = words(&l, s);
		if (rc == 0 && l.n > 0)
			rc = statement(&l);
		while (l.n > 0)
			free(l.w[--l.n]);
	} while (rc == 0 && more);
	if (rc == -1)
		buf_addf(why, "%s:%u: %s", name, number, buf_cstr(&reason));
	buf_free(&reason);
	return (rc == -1 ? EX_CONFIG : whole(c, name, why));
}

/*
 * Nobody but root and us may have written it, and what is secret nobody else
 * may read but the group, which is how a setgid sendmail shares one.
 */
static int
read_file(const char *path, int secret, struct buf *out, struct buf *why)
{
	struct stat	 st;
	uint8_t		*p;
	ssize_t		 n = 0;
	int		 fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK |
	    O_NOCTTY)) == -1 || fstat(fd, &st) == -1) {
		n = errno;
		if (fd != -1)
			close(fd);
		if (!secret && (n == ENOENT || n == ENOTDIR))
			return (EX_NOINPUT);
		buf_addf(why, "%s: %s", path, strerror((int)n));
		return (EX_CONFIG);
	}
	if (!S_ISREG(st.st_mode) || (st.st_uid != 0 &&
	    st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		buf_addf(why, "%s: not a file that only its owner, root or "
		    "you, can write", path);
	else if (secret && (st.st_mode & S_IRWXO) != 0)
		buf_addf(why, "%s: everybody can read it: chmod o= first",
		    path);
	else {
		out->max = SENDMAIL_CONF;
		if ((p = buf_reserve(out, SENDMAIL_CONF)) != NULL)
			while ((n = read(fd, out->p + out->n,
			    SENDMAIL_CONF - out->n)) > 0)
				buf_commit(out, (size_t)n);
		if (p == NULL || n == -1 || out->n == SENDMAIL_CONF)
			buf_addf(why, "%s: it cannot be read, or is too long",
			    path);
	}
	close(fd);
	return (why->n > 0 ? EX_CONFIG : 0);
}

static int
load_secret(struct sendmail_conf *c, struct buf *why)
{
	struct buf	 text = { 0 }, reason = { .max = 256 };
	EVP_PKEY	*k = NULL;
	X509		*x = NULL;
	int		 rc;

	rc = read_file(c->secret_file, 1, &text, why);
	if (rc == 0 && c->secret == SECRET_PASSWORD) {
		while (text.n > 0 && (text.p[text.n - 1] == '\n' ||
		    text.p[text.n - 1] == '\r'))
			buf_truncate(&text, text.n - 1);
		if (text.n == 0 || memchr(text.p, '\n', text.n) != NULL)
			buf_adds(&reason, "a password is one line");
		c->password = text;
		memset(&text, 0, sizeof(text));
	} else if (rc == 0 && c->secret == SECRET_CERTIFICATE) {
		k = clientcert_pem_read(span_buf(&text), &reason);
		buf_add_span(&c->cert, span_buf(&text));
		c->key = text;
		memset(&text, 0, sizeof(text));
	} else if (rc == 0 &&
	    (k = clientcert_key_read(span_buf(&text), &reason)) != NULL) {
		if (EVP_PKEY_id(k) != EVP_PKEY_ED25519)
			buf_adds(&reason, "not an Ed25519 key");
		else if (buf_reserve(&c->key, 1024) == NULL ||
		    (x = clientcert_make(k, "client")) == NULL ||
		    clientcert_pem(&c->cert, x) == -1 ||
		    clientcert_key_pem(&c->key, k) == -1)
			buf_adds(&reason, "no certificate can be made for it");
	}
	if (rc == 0 && reason.n > 0) {
		buf_addf(why, "%s: %s", c->secret_file, buf_cstr(&reason));
		rc = EX_CONFIG;
	}
	buf_freezero(&text);
	buf_free(&reason);
	EVP_PKEY_free(k);
	X509_free(x);
	return (rc);
}

int
sendmail_conf_load(struct sendmail_conf *c, const char *path, struct buf *why)
{
	struct buf	 text = { 0 };
	int		 rc;

	if ((rc = read_file(path, 0, &text, why)) == 0 &&
	    (rc = sendmail_conf_parse(c, span_buf(&text), path, why)) == 0 &&
	    c->secret != SECRET_NONE)
		rc = load_secret(c, why);
	buf_free(&text);
	return (rc);
}
