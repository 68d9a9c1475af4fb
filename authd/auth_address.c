/*
 * Addresses in canonical form.  Plain ASCII, which nearly all of them are,
 * takes no call of a library.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>

#include "address.h"
#include "authd/auth_address.h"
#include "utf8.h"

static const struct conf		*conf;
static struct place {			/* by name */
	const struct conf_domain	*domain;
}					*domains;
static size_t				 ndomains;

static int	 by_name(const void *, const void *);
static int	 is_ascii(struct span);
static const struct conf_domain	*find(const char *);
static int	 host_part(struct span, struct buf *);
static int	 local_part(struct span, struct buf *);
static void	 cut(struct canon *, struct buf *);

static int
by_name(const void *a, const void *b)
{
	const struct place	*x = a, *y = b;

	return (strcmp(x->domain->name, y->domain->name));
}

int
canon_conf(const struct conf *c)
{
	struct place	*v = NULL;
	size_t		 n = 0;

	if (c->domains.n > 0 &&
	    (v = calloc(c->domains.n, sizeof(*v))) == NULL)
		return (-1);
	CONF_EACH(const struct conf_domain, d, &c->domains)
		v[n++].domain = d;
	if (n > 0)
		qsort(v, n, sizeof(*v), by_name);
	free(domains);
	domains = v;
	ndomains = n;
	conf = c;
	return (0);
}

static const struct conf_domain *
find(const char *name)
{
	size_t	 lo = 0, hi = ndomains, mid;
	int	 k;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if ((k = strcmp(name, domains[mid].domain->name)) == 0)
			return (domains[mid].domain);
		if (k < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return (NULL);
}

static int
is_ascii(struct span s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] >= 0x80)
			return (0);
	return (1);
}

int
canon_text(struct span s, int lower, struct buf *out)
{
	uint8_t	*p;
	size_t	 i, n;
	int	 rc;

	if (is_ascii(s)) {
		for (i = 0; i < s.n; i++)
			buf_addc(out, lower && s.p[i] >= 'A' && s.p[i] <= 'Z' ?
			    s.p[i] | 0x20 : s.p[i]);
		return (buf_failed(out) ? -1 : 0);
	}
	if (!utf8_valid(s)) {
		errno = EILSEQ;
		return (-1);
	}
	p = lower ? u8_tolower(s.p, s.n, NULL, UNINORM_NFC, NULL, &n) :
	    u8_normalize(UNINORM_NFC, s.p, s.n, NULL, &n);
	if (p == NULL)
		return (-1);
	rc = buf_add(out, p, n);
	free(p);
	return (rc);
}

/* A domain in the form of conf->domains. */
static int
host_part(struct span s, struct buf *out)
{
	struct buf	 why = { 0 };
	char		*u, *a = NULL;
	size_t		 i;
	int		 plain = s.n > 0 && is_ascii(s), rc = -1;

	/* An A-label is looked at by the library: it may be a false one. */
	for (i = 0; plain && i + 4 <= s.n; i++)
		if (span_caseprefix(span_of(s.p + i, s.n - i), "xn--"))
			plain = 0;
	if (plain && s.n <= 253 && span_find(s, '\0') == -1)
		return (canon_text(s, 1, out));
	if ((u = span_dup(s)) != NULL && conf_ascii_domain(u, &a, &why) == 0)
		rc = buf_adds(out, a);
	buf_free(&why);
	free(u);
	free(a);
	return (rc);
}

/* Without quoting; a control character is in no address. */
static int
local_part(struct span s, struct buf *out)
{
	size_t	 i;

	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"') {
		s = span_of(s.p + 1, s.n - 2);
		for (i = 0; i < s.n; i++) {
			if (s.p[i] == '"' ||
			    (s.p[i] == '\\' && ++i == s.n))
				return (-1);
			if (s.p[i] < 0x20 || s.p[i] == 0x7f)
				return (-1);
			buf_addc(out, s.p[i]);
		}
	} else {
		for (i = 0; i < s.n; i++)
			if (s.p[i] <= 0x20 || s.p[i] == 0x7f ||
			    s.p[i] == '"' || s.p[i] == '\\')
				return (-1);
		buf_add_span(out, s);
	}
	return (buf_failed(out) ? -1 : 0);
}

/* Every separator cuts; what is left may be nothing. */
static void
cut(struct canon *c, struct buf *local)
{
	ptrdiff_t	 at;
	const char	*sep;

	for (sep = c->domain->separators; *sep != '\0'; sep++)
		if ((at = span_find(span_buf(local), *sep)) != -1) {
			buf_truncate(local, (size_t)at);
			c->cut = 1;
		}
}

int
canon_address(struct span s, int flags, struct canon *c)
{
	struct buf	 raw = { .max = CANON_LOCAL }, host = { .max = 253 },
			 local = { .max = CANON_LOCAL };
	struct span	 l = s, h = { 0 };
	size_t		 i;
	int		 rc = -1;

	memset(c, 0, sizeof(*c));
	for (i = s.n; i > 0 && s.p[i - 1] != '@'; i--)
		continue;
	if (i > 0) {
		l = span_of(s.p, i - 1);
		h = span_of(s.p + i, s.n - i);
	}
	c->postmaster = span_caseeqs(l, "postmaster");
	c->bare = i == 0;
	if ((c->bare && !c->postmaster) ||
	    (l.n == 0 && (flags & CANON_CATCHALL) == 0) ||
	    local_part(l, &raw) == -1 ||
	    (!c->bare && host_part(h, &host) == -1))
		goto out;
	if (!c->bare) {
		c->domain = find(buf_cstr(&host));
		c->host = c->domain == NULL &&
		    span_eqs(span_buf(&host), conf->hostname);
	}
	if (c->domain != NULL && !c->postmaster) {
		cut(c, &raw);
		c->postmaster = span_caseeqs(span_buf(&raw), "postmaster");
	}
	if (canon_text(span_buf(&raw), c->postmaster || (c->domain != NULL &&
	    !c->domain->case_sensitive), &local) == -1)
		goto out;
	c->nlocal = local.n;
	memcpy(c->text, local.p == NULL ? (uint8_t *)"" : local.p, local.n);
	c->n = local.n;
	if (!c->bare) {
		c->text[c->n++] = '@';
		memcpy(c->text + c->n, host.p, host.n);
		c->n += host.n;
	}
	rc = 0;
out:
	buf_free(&raw);
	buf_free(&host);
	buf_free(&local);
	return (rc);
}

struct span
canon_span(const struct canon *c)
{
	return (span_of(c->text, c->n));
}

struct span
canon_local(const struct canon *c)
{
	return (span_of(c->text, c->nlocal));
}

struct span
canon_host(const struct canon *c)
{
	return (c->bare ? span_of("", 0) : span_of(c->text + c->nlocal + 1,
	    c->n - c->nlocal - 1));
}

int
canon_write(struct buf *b, const struct canon *c)
{
	if (c->bare || c->nlocal == 0)
		return (buf_add_span(b, canon_span(c)));
	return (address_write_spec(b, canon_local(c), canon_host(c)));
}
