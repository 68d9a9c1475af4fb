/*
 * What the statements of letterlock.conf do, but for transports.
 */
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "imapcap.h"
#include "parse_int.h"

/* A listener whose certificates and limits are settled at the end. */
struct pending {
	size_t		 listener;
	struct list	 certs;		/* char *, of the lexer */
	uint32_t	 limits_set;
	int		 has_tls, has_mechs, has_ccert;
};

struct once {
	char		*name, *where;
};

struct parsing	 P;

static void	 vreport(struct report *, const char *, const char *,
		    const char *, va_list)
		    __attribute__((__format__(printf, 4, 0)));
static void	 free_words(struct list *);
static int	 of_transport(const struct conf_cert *);
static void	 settle_certs(struct conf_listener *, const struct pending *);

static void
vreport(struct report *r, const char *where, const char *kind,
    const char *fmt, va_list ap)
{
	struct buf	 line = { 0 };
	struct span	 all = span_buf(&r->text);

	buf_addf(&line, "%s: %s", where, kind);
	buf_addv(&line, fmt, ap);
	buf_addc(&line, '\n');
	/* "listen on all" makes two of a kind */
	if (all.n < line.n || memcmp(all.p + all.n - line.n, line.p,
	    line.n) != 0)
		buf_add_span(&r->text, span_buf(&line));
	buf_free(&line);
}

void
report_error(struct report *r, const char *where, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vreport(r, where, "", fmt, ap);
	va_end(ap);
	r->errors++;
}

void
report_warning(struct report *r, const char *where, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vreport(r, where, "warning: ", fmt, ap);
	va_end(ap);
	r->warnings++;
}

void
parse_fail(const char *fmt, ...)
{
	struct buf	 where = { 0 };
	va_list		 ap;

	buf_addf(&where, "%s:%d", lex_file(P.lex), P.tok.line);
	va_start(ap, fmt);
	vreport(P.report, buf_cstr(&where), "", fmt, ap);
	va_end(ap);
	P.report->errors++;
	buf_free(&where);
}

int
parse_failed(int rc)
{
	if (rc == -1) {
		parse_fail("%s", P.why.n == 0 ? "no memory" : buf_cstr(&P.why));
		buf_reset(&P.why);
	}
	return (rc == -1);
}

void *
list_add(struct list *l, size_t size)
{
	static union {
		struct conf_listener	 l;
		struct conf_transport	 t;
		struct conf_domain	 d;
		struct pending		 p;
	} scrap;
	uint8_t	*v;

	if ((v = reallocarray(l->v, l->n + 1, size)) == NULL) {
		parse_fail("no memory");
		memset(&scrap, 0, sizeof(scrap));
		return (&scrap);
	}
	l->v = v;
	memset(v + l->n * size, 0, size);
	return (v + l->n++ * size);
}

void
set_string(char **p, const char *s)
{
	char	*copy = strdup(s);

	if (copy == NULL) {
		parse_fail("no memory");
		return;
	}
	free(*p);
	*p = copy;
}

int
parse_once(const char *name)
{
	struct once	*o = P.seen.v;
	size_t		 i;

	for (i = 0; i < P.seen.n; i++)
		if (strcmp(o[i].name, name) == 0) {
			parse_fail("%s is given twice, first at %s", name,
			    o[i].where);
			return (0);
		}
	o = list_add(&P.seen, sizeof(*o));
	o->name = strdup(name);
	o->where = strdup(P.where);
	if (o->name == NULL || o->where == NULL)
		P.seen.n--;
	return (1);
}

void
statement_begin(void)
{
	struct buf	 b = { 0 };

	P.place = P.in_domain && P.depth == 1 ? "in-domain" : "top";
	buf_addf(&b, "%s:%d", lex_file(P.lex), P.tok.line);
	set_string(&P.where, buf_cstr(&b));
	buf_free(&b);
	buf_reset(&P.value);
	codec_free(&c_conf_route, &P.route);
}

/* ---- numbers -------------------------------------------------------------- */

static uint64_t
within(const char *name, uint64_t n, uint64_t min, uint64_t max)
{
	if (n >= min && n <= max)
		return (n);
	parse_fail("%s is from %llu to %llu", name, (unsigned long long)min,
	    (unsigned long long)max);
	return (min);
}

uint32_t
ranged(const char *name, const struct lex_token *t, uint64_t min, uint64_t max)
{
	if (t->unit != 0) {
		parse_fail("%s is a number without a unit", name);
		return ((uint32_t)min);
	}
	return ((uint32_t)within(name, t->n, min, max));
}

uint32_t
seconds(const char *name, const struct lex_token *t, uint64_t min,
    uint64_t max)
{
	uint64_t	 n;

	if (parse_failed(value_seconds(t->n, t->unit, &n, &P.why)))
		return ((uint32_t)min);
	return ((uint32_t)within(name, n, min, max));
}

uint64_t
octets(const char *name, const struct lex_token *t, uint64_t min,
    uint64_t max)
{
	uint64_t	 n;

	if (parse_failed(value_size(t->n, t->unit, &n, &P.why)))
		return (min);
	return (within(name, n, min, max));
}

/* ---- single settings ------------------------------------------------------ */

void
absolute(const char *what, char **out, const char *s)
{
	struct span	 path = span_str(s);
	char		*copy;

	if (s[0] != '/' || path.n > 1024 || strstr(s, "/../") != NULL) {
		parse_fail("%s is a whole path that begins with /", what);
		return;
	}
	while (path.n > 1 && path.p[path.n - 1] == '/')
		path.n--;
	if ((copy = span_dup(path)) == NULL) {
		parse_fail("no memory");
		return;
	}
	free(*out);
	*out = copy;
}

void
certificate(const char *name, const char *cert, const char *key)
{
	struct conf_cert	*c;

	CONF_EACH(struct conf_cert, o, &P.conf->certs)
		if (strcasecmp(o->name, name) == 0) {
			parse_fail("certificate \"%s\" is given twice", name);
			return;
		}
	c = list_add(&P.conf->certs, sizeof(*c));
	set_string(&c->name, name);
	set_string(&c->pem, "");
	set_string(&c->where, P.where);
	set_string(&c->certfile, "");
	set_string(&c->keyfile, "");
	absolute("the certificate's file", &c->certfile, cert);
	absolute("the key's file", &c->keyfile, key);
}

/* account: NULL, all others. */
void
keep_retired(const struct lex_token *t, const char *account)
{
	struct conf_keep	*k;
	uint32_t		 n = seconds("keep-retired", t, 0, 365 * 86400);

	if (account == NULL) {
		if (parse_once("keep-retired"))
			P.conf->keep_retired = n;
		return;
	}
	CONF_EACH(struct conf_keep, o, &P.conf->keeps)
		if (strcmp(o->account, account) == 0) {
			parse_fail("keep-retired of account \"%s\" is given "
			    "twice", account);
			return;
		}
	k = list_add(&P.conf->keeps, sizeof(*k));
	set_string(&k->account, account);
	k->seconds = n;
}

uint64_t
capabilities(void)
{
	char		**words = P.words.v;
	uint64_t	 bits, all = 0;
	size_t		 i;

	for (i = 0; i < P.words.n; i++) {
		if ((bits = imapcap_bits(span_str(words[i]))) == 0)
			parse_fail("IMAP has no capability \"%s\" here that "
			    "can be switched off", words[i]);
		all |= bits;
	}
	return (all);
}

/* account: NULL, all. */
void
no_capabilities(const char *account)
{
	struct conf_nocaps	*o;

	o = list_add(&P.conf->no_caps, sizeof(*o));
	set_string(&o->account, account == NULL ? "" : account);
	o->off = capabilities();
}

void
user_name(const char *role, const char *name)
{
	struct buf	 what = { 0 };
	int		 r;

	if (parse_failed(r = value_choice(role, role_names_conf, &P.why)))
		return;
	buf_addf(&what, "user %s", role_names_conf[r]);
	if (name[0] == '\0' || strlen(name) > 32)
		parse_fail("not the name of a user: \"%s\"", name);
	else if (parse_once(buf_cstr(&what)))
		set_string(&P.conf->users[ROLE_CONTROL + r], name);
	buf_free(&what);
}

void
process_count(const char *role, const struct lex_token *t)
{
	static const char *const	 names[] = { "smtpd", "front", "store",
					    NULL };
	uint32_t			*counts[] = { &P.conf->nsmtpd,
					    &P.conf->nfront, &P.conf->nstore };
	struct buf			 what = { 0 };
	int				 r;

	if (parse_failed(r = value_choice(role, names, &P.why)))
		return;
	buf_addf(&what, "processes %s", names[r]);
	if (parse_once(buf_cstr(&what)))
		*counts[r] = ranged(buf_cstr(&what), t, 1, 64);
	buf_free(&what);
}

void
retry_first(void)
{
	struct conf_schedule	*s = &P.conf->schedule;
	struct span		 digits;
	uint64_t		 n;
	char			**words = P.words.v;
	size_t			 i;
	int			 unit;

	if (P.words.n > nitems(s->first)) {
		parse_fail("first has at most %zu times", nitems(s->first));
		return;
	}
	for (i = 0; i < P.words.n; i++) {
		digits = span_str(words[i]);
		unit = digits.n == 0 ? 0 : digits.p[digits.n - 1] | 0x20;
		if (unit >= 'a' && unit <= 'z')
			digits.n--;
		else
			unit = 0;
		if (span_num(digits, UINT32_MAX, &n) == -1) {
			parse_fail("\"%s\" is not a time", words[i]);
			return;
		}
		if (parse_failed(value_seconds(n, unit, &n, &P.why)))
			return;
		if (i > 0 && n <= s->first[i - 1]) {
			parse_fail("the times after first must grow");
			return;
		}
		s->first[i] = (uint32_t)n;
	}
	s->nfirst = (uint32_t)i;
}

void
retry_done(void)
{
	const struct conf_schedule	*s = &P.conf->schedule;

	if (s->nfirst > 0 && s->expire <= s->first[s->nfirst - 1])
		parse_fail("mail expires before the last of the first "
		    "attempts");
}

void
limit_word(const char *name, const struct lex_token *t)
{
	const struct limit	*d;
	uint64_t		 n;
	size_t			 i;

	for (i = 0; i < nlimits && strcasecmp(limits[i].name, name) != 0; i++)
		;
	if (i == nlimits) {
		buf_reset(&P.why);
		for (i = 0; i < nlimits; i++)
			buf_addf(&P.why, "%s%s", i > 0 ? ", " : "",
			    limits[i].name);
		parse_fail("\"%s\" is not one of %s", name, buf_cstr(&P.why));
		buf_reset(&P.why);
		return;
	}
	d = &limits[i];
	if (P.limits_set & (1u << i))
		parse_fail("%s is given twice", name);
	n = d->unit == 's' ? seconds(name, t, d->min, d->max) :
	    d->unit == 'b' ? octets(name, t, d->min, d->max) :
	    ranged(name, t, d->min, d->max);
	limit_set(&P.limits, d, n);
	P.limits_set |= 1u << i;
}

void
limits_global(void)
{
	size_t	 i;

	for (i = 0; i < nlimits; i++)
		if (P.limits_set & (1u << i)) {
			if (P.defaults_set & (1u << i))
				parse_fail("%s is given twice",
				    limits[i].name);
			limit_set(&P.defaults, &limits[i],
			    limit_get(&P.limits, &limits[i]));
		}
	P.defaults_set |= P.limits_set;
}

/* ---- listeners ------------------------------------------------------------ */

void
listener_begin(void)
{
	P.place = "place";
	codec_free(&c_conf_listener, &P.listener);
	set_string(&P.listener.path, "");
	set_string(&P.listener.hostname, "");
	set_string(&P.listener.where, P.where);
	limits_default(&P.listener.limits);
	P.listener_limits = 0;
	P.addresses.n = P.cert_names.n = 0;
	P.has_tls = P.has_mechs = P.has_ccert = 0;
	P.port = 0;
}

void
listener_address(const char *s)
{
	struct sockaddr_storage	 ss;

	if (value_address(s, 0, &ss) == -1)
		parse_fail("\"%s\" is not an address, nor all", s);
	else
		*(struct sockaddr_storage *)list_add(&P.addresses,
		    sizeof(ss)) = ss;
}

void
listener_port(const struct lex_token *t)
{
	if (t->unit != 0 || t->n == 0 || t->n > 65535)
		parse_fail("a port is a number from 1 to 65535");
	else
		P.port = (uint16_t)t->n;
}

void
listener_kind(const char *s)
{
	int	 n;

	if (!parse_failed(n = value_choice(s, kind_names, &P.why)))
		P.listener.kind = (uint8_t)n;
}

void
listener_mechs(void)
{
	char		**words = P.words.v;
	enum mech	 m;
	size_t		 i;

	if (P.has_mechs)
		parse_fail("mechanisms are given twice");
	P.has_mechs = 1;
	for (i = 0; i < P.words.n; i++) {
		m = mech_by_name(span_str(words[i]));
		if (m == MECH_COUNT)
			parse_fail("there is no mechanism \"%s\"", words[i]);
		else if ((mechs_served & (1u << m)) == 0)
			parse_fail("%s: this version does not serve it",
			    mech_names[m]);
		else if (P.listener.mechs & (1u << m))
			parse_fail("%s is given twice", mech_names[m]);
		else
			P.listener.mechs |= 1u << m;
	}
}

/* One listener for each address. */
void
listener_done(void)
{
	struct sockaddr_storage	*ss = P.addresses.v;
	struct sockaddr_storage	 none = { 0 };
	struct conf_listener	*l;
	struct pending		*p;
	size_t			 i, n = P.addresses.n;

	if (P.listener.path[0] != '\0') {
		if (strlen(P.listener.path) >=
		    sizeof(((struct sockaddr_un *)0)->sun_path))
			parse_fail("the path of a socket is too long");
		ss = &none;
		n = 1;
	}
	for (i = 0; i < n; i++) {
		p = list_add(&P.pending, sizeof(*p));
		p->listener = P.conf->listeners.n;
		p->limits_set = P.listener_limits;
		p->has_tls = P.has_tls;
		p->has_mechs = P.has_mechs;
		p->has_ccert = P.has_ccert;
		for (size_t k = 0; k < P.cert_names.n; k++)
			*(char **)list_add(&p->certs, sizeof(char *)) =
			    ((char **)P.cert_names.v)[k];
		l = list_add(&P.conf->listeners, sizeof(*l));
		*l = P.listener;
		l->path = l->hostname = l->where = NULL;
		set_string(&l->path, P.listener.path);
		set_string(&l->hostname, P.listener.hostname);
		set_string(&l->where, P.listener.where);
		l->addr = ss[i];
		if (ss[i].ss_family == AF_INET)
			((struct sockaddr_in *)&l->addr)->sin_port =
			    htons(P.port);
		else if (ss[i].ss_family == AF_INET6)
			((struct sockaddr_in6 *)&l->addr)->sin6_port =
			    htons(P.port);
	}
}

/* One that a transport shows is for listeners only where they name it. */
static int
of_transport(const struct conf_cert *c)
{
	CONF_EACH(struct conf_transport, t, &P.conf->transports)
		if (strcasecmp(t->certificate, c->name) == 0)
			return (1);
	return (0);
}

static void
settle_certs(struct conf_listener *l, const struct pending *p)
{
	struct conf_cert	*all = P.conf->certs.v;
	char			**names = p->certs.v;
	size_t			 i, k, n = P.conf->certs.n;

	if (l->path[0] != '\0' || l->tls == TLS_OFF) {
		if (p->certs.n > 0)
			report_error(P.report, l->where,
			    "a certificate without tls");
		return;
	}
	for (k = 0; k < n && p->certs.n == 0; k++)
		if (!of_transport(&all[k]))
			*(uint32_t *)list_add(&l->certs, sizeof(uint32_t)) =
			    (uint32_t)k;
	for (i = 0; i < p->certs.n; i++) {
		for (k = 0; k < n && strcasecmp(all[k].name, names[i]); k++)
			;
		if (k < n)
			*(uint32_t *)list_add(&l->certs, sizeof(uint32_t)) =
			    (uint32_t)k;
		else if ((P.broken & BROKEN_CERTIFICATE) == 0)
			report_error(P.report, l->where,
			    "there is no certificate \"%s\"", names[i]);
	}
}

void
listeners_settle(void)
{
	struct conf_listener	*l;
	struct pending		*p = P.pending.v;
	size_t			 i, k;

	for (i = 0; i < P.pending.n; i++, p++) {
		l = (struct conf_listener *)P.conf->listeners.v + p->listener;
		if (!p->has_tls && l->path[0] == '\0')
			l->tls = l->kind != KIND_SMTP ? TLS_REQUIRED :
			    P.conf->certs.n > 0 ? TLS_OPTIONAL : TLS_OFF;
		if (!p->has_mechs && l->path[0] == '\0')
			l->mechs = mechs_default(l);
		if (!p->has_ccert && l->kind != KIND_SMTP &&
		    l->tls != TLS_OFF && l->path[0] == '\0')
			l->ccert = CCERT_IGNORE_UNKNOWN;
		if (l->hostname[0] == '\0')
			set_string(&l->hostname, P.conf->hostname);
		for (k = 0; k < nlimits; k++)
			if ((p->limits_set & (1u << k)) == 0)
				limit_set(&l->limits, &limits[k],
				    limit_get(&P.defaults, &limits[k]));
		settle_certs(l, p);
		if (l->no_caps != 0 && l->kind != KIND_IMAP)
			report_error(P.report, l->where,
			    "no-capabilities is for listeners of imap");
	}
}

void
listeners_free(void)
{
	struct pending	*p = P.pending.v;
	size_t		 i;

	for (i = 0; i < P.pending.n; i++)
		free(p[i].certs.v);
	free(P.pending.v);
	free(P.addresses.v);
	free(P.cert_names.v);
	codec_free(&c_conf_listener, &P.listener);
}

/* ---- routes and domains --------------------------------------------------- */

static void
free_words(struct list *l)
{
	size_t	 i;

	for (i = 0; i < l->n; i++)
		free(((char **)l->v)[i]);
	free(l->v);
	memset(l, 0, sizeof(*l));
}

void
copy_patterns(struct list *l)
{
	char	**words = P.words.v;
	char	*s;
	size_t	 i;

	if (l->n > 0) {
		parse_fail("from and to stand in a route once each");
		free_words(l);
	}
	for (i = 0; i < P.words.n; i++)
		if (!parse_failed(conf_pattern(words[i], &s, &P.why)))
			*(char **)list_add(l, sizeof(char *)) = s;
}

void
route_done(struct list *routes)
{
	struct conf_route	*r;
	struct buf		 b = { 0 };

	if (P.route.transport == NULL)
		return;
	set_string(&P.route.where, P.where);
	print_route(&b, &P.route);
	set_string(&P.route.text, buf_cstr(&b));
	buf_free(&b);
	r = list_add(routes, sizeof(*r));
	*r = P.route;
	memset(&P.route, 0, sizeof(P.route));
}

void
domain_begin(const char *name)
{
	codec_free(&c_conf_domain, &P.domain);
	set_string(&P.domain.where, P.where);
	set_string(&P.domain.text, name);
	set_string(&P.domain.separators, "+");
	if (parse_failed(conf_ascii_domain(name, &P.domain.name, &P.why)))
		set_string(&P.domain.name, "");
}

void
domain_done(void)
{
	struct conf_domain	*d;

	P.in_domain = 0;
	if (P.domain.name == NULL)
		return;
	d = list_add(&P.conf->domains, sizeof(*d));
	*d = P.domain;
	memset(&P.domain, 0, sizeof(P.domain));
}

void
separators(const char *s)
{
	static const char	 allowed[] = "!#$%&'*+-/=?^_`{|}~.";

	if (strspn(s, allowed) != strlen(s) || strlen(s) > 16)
		parse_fail("separators are up to 16 of %s", allowed);
	else
		set_string(&P.domain.separators, s);
}

/* ---- the whole ------------------------------------------------------------ */

int
parse_open(const char *path, struct report *r)
{
	memset(&P, 0, sizeof(P));
	P.report = r;
	P.place = "top";
	P.newline = 1;
	limits_default(&P.defaults);
	if ((P.lex = lex_new(path, r)) == NULL)
		return (-1);
	if ((P.conf = conf_new()) == NULL) {
		report_error(r, path, "no memory");
		lex_free(P.lex);
		return (-1);
	}
	P.conf->nsmtpd = P.conf->nfront = P.conf->nstore = 0;
	P.conf->npartitions = 0;
	set_string(&P.conf->path, path);
	set_string(&P.where, path);
	return (0);
}

struct conf *
parse_close(void)
{
	struct once	*o = P.seen.v;
	struct conf	*c = P.conf;
	size_t		 i;

	listeners_settle();
	check_conf(c, P.report, P.broken);
	for (i = 0; i < P.seen.n; i++) {
		free(o[i].name);
		free(o[i].where);
	}
	free(P.seen.v);
	free(P.words.v);
	free(P.where);
	buf_free(&P.value);
	buf_free(&P.why);
	listeners_free();
	codec_free(&c_conf_route, &P.route);
	codec_free(&c_conf_domain, &P.domain);
	codec_free(&c_conf_transport, &P.transport);
	lex_free(P.lex);
	P.lex = NULL;
	P.conf = NULL;
	if (P.report->errors > 0) {
		conf_free(c);
		return (NULL);
	}
	return (c);
}

int
parse_macro(const char *s)
{
	return (lex_command_line(s));
}
