/*
 * Domains, patterns and routes as letterlock.conf(5) writes them, for those who
 * get them one at a time: the parser, and accounts, which have routes of their
 * own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "dns.h"

#define PATTERNS_MAX	1000	/* in one list of a route */
#define WORD_MAX_	512	/* octets of a word */

/* A word of a route, or one of { } , by itself. */
struct word {
	struct buf	 text;
	int		 punct;
	int		 quoted;
};

static int	 next(struct span *, struct word *, struct buf *);
static int	 is(const struct word *, const char *);
static int	 add_pattern(struct list *, struct word *, struct buf *);
static int	 patterns(struct span *, struct list *, struct word *,
		    struct buf *);

int
conf_ascii_domain(const char *s, char **out, struct buf *why)
{
	if (dns_domain_ascii(s, out) == 0)
		return (0);
	buf_addf(why, "\"%s\" is not a domain name", s);
	return (-1);
}

int
conf_pattern(const char *s, char **out, struct buf *why)
{
	struct buf	 b = { 0 };
	char		*d;

	*out = NULL;
	if (strcmp(s, ".") == 0 || strcmp(s, "<>") == 0)
		*out = strdup(".");
	else {
		if (conf_ascii_domain(s[0] == '.' ? s + 1 : s, &d, why) == -1)
			return (-1);
		buf_addf(&b, "%s%s", s[0] == '.' ? "." : "", d);
		*out = strdup(buf_cstr(&b));
		buf_free(&b);
		free(d);
	}
	if (*out == NULL)
		buf_adds(why, "no memory");
	return (*out == NULL ? -1 : 0);
}

/* 1 a word, 0 the end, -1 the reason in why. */
static int
next(struct span *s, struct word *w, struct buf *why)
{
	buf_reset(&w->text);
	w->text.max = WORD_MAX_;
	w->punct = w->quoted = 0;
	*s = span_trim(*s);
	if (s->n == 0)
		return (0);
	if (strchr("{},", s->p[0]) != NULL) {
		w->punct = s->p[0];
		s->p++;
		s->n--;
		return (1);
	}
	w->quoted = s->p[0] == '"';
	for (s->p += w->quoted, s->n -= (size_t)w->quoted; s->n > 0 &&
	    (w->quoted ? s->p[0] != '"' : strchr(" \t{},\"", s->p[0]) == NULL);
	    s->p++, s->n--)
		buf_addc(&w->text, s->p[0]);
	if (buf_failed(&w->text) || (w->quoted && s->n == 0)) {
		buf_adds(why, "quoted text without an end, or a word too long");
		return (-1);
	}
	s->p += w->quoted;
	s->n -= (size_t)w->quoted;
	return (1);
}

static int
is(const struct word *w, const char *s)
{
	return (w->punct == 0 && !w->quoted &&
	    span_caseeqs(span_buf(&w->text), s));
}

static int
add_pattern(struct list *l, struct word *w, struct buf *why)
{
	char	**v, *s;

	if (w->punct != 0 || l->n >= PATTERNS_MAX) {
		buf_adds(why, "a domain is missing in a list, or there are "
		    "too many");
		return (-1);
	}
	if (conf_pattern(buf_cstr(&w->text), &s, why) == -1)
		return (-1);
	if ((v = reallocarray(l->v, l->n + 1, sizeof(*v))) == NULL) {
		free(s);
		buf_adds(why, "no memory");
		return (-1);
	}
	l->v = v;
	v[l->n++] = s;
	return (0);
}

/* One pattern, or several in braces. */
static int
patterns(struct span *s, struct list *l, struct word *w, struct buf *why)
{
	if (l->n > 0) {
		buf_adds(why, "from and to stand in a route once each");
		return (-1);
	}
	if (next(s, w, why) != 1)
		return (-1);
	if (w->punct != '{')
		return (add_pattern(l, w, why));
	while (next(s, w, why) == 1) {
		if (w->punct == '}')
			return (l->n > 0 ? 0 : -1);
		if (w->punct != ',' && add_pattern(l, w, why) == -1)
			return (-1);
	}
	return (-1);
}

int
conf_route_parse(struct span line, struct conf_route *r, struct buf *why)
{
	struct word	 w = { 0 };
	struct span	 s = line;
	uint64_t	 n;
	int		 rc = -1, got = 0, some = 0;

	memset(r, 0, sizeof(*r));
	r->where = strdup("");
	if ((r->text = span_dup(span_trim(line))) == NULL || r->where == NULL)
		goto out;
	if ((got = next(&s, &w, why)) == 1 && is(&w, "route"))
		got = next(&s, &w, why);
	for (; got == 1; got = next(&s, &w, why), some = 1) {
		if (is(&w, "from")) {
			if (patterns(&s, &r->from, &w, why) == -1)
				goto out;
		} else if (is(&w, "to")) {
			if (patterns(&s, &r->to, &w, why) == -1)
				goto out;
		} else if (is(&w, "minimum-attempts")) {
			if (next(&s, &w, why) != 1 ||
			    span_num(span_buf(&w.text), 1000, &n) == -1) {
				buf_adds(why, "minimum-attempts is a number "
				    "up to 1000");
				goto out;
			}
			r->attempts = (uint32_t)n;
		} else if (is(&w, "transport") && r->transport == NULL) {
			if (next(&s, &w, why) != 1 || w.punct != 0 ||
			    (r->transport = span_dup(span_buf(&w.text))) ==
			    NULL)
				goto out;
		} else
			goto out;
	}
	if (got == 0 && some && r->transport != NULL &&
	    r->transport[0] != '\0')
		rc = 0;
out:
	buf_free(&w.text);
	if (rc == -1) {
		codec_free(&c_conf_route, r);
		if (why->n == 0)
			buf_adds(why, "a route reads: [from DOMAIN] "
			    "[to DOMAIN] [minimum-attempts NUMBER] "
			    "transport NAME");
		errno = EINVAL;
	}
	return (rc);
}
