/*
 * The grammar of SPF records, RFC 7208 section 12, and macros, section 7.
 */
#include <sys/socket.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "spf_int.h"

static const struct {
	const char		*name;
	enum spf_mechanism	 what;
} mechanisms[] = {
	{ "all", M_ALL }, { "include", M_INCLUDE }, { "a", M_A },
	{ "mx", M_MX }, { "ptr", M_PTR }, { "ip4", M_IP4 },
	{ "ip6", M_IP6 }, { "exists", M_EXISTS },
};

static int	 cidr(struct span, int, int *);
static int	 dual_cidr(struct span *, struct spf_term *);
static int	 arguments(struct span, struct spf_term *);
static int	 modifier(struct span, size_t, struct spf_term *);
static int	 macro(struct span *, const struct spf_who *, const char *, int,
		    struct buf *);
static int	 value_of(int, const struct spf_who *, const char *,
		    struct buf *);
static void	 transform(struct span, unsigned, int, const char *,
		    struct buf *);

int
spf_record_begins(struct span *s)
{
	if (!span_caseprefix(*s, "v=spf1") || (s->n > 6 && s->p[6] != ' '))
		return (0);
	*s = span_of(s->p + 6, s->n - 6);
	return (1);
}

/* "/24": digits without a zero in front. */
static int
cidr(struct span s, int most, int *out)
{
	uint64_t	 n;

	if (s.n == 0 || s.n > 3 || (s.n > 1 && s.p[0] == '0') ||
	    span_num(s, (uint64_t)most, &n) == -1)
		return (-1);
	*out = (int)n;
	return (0);
}

/* "/24", "//64", "/24//64" at the end, cut off. */
static int
dual_cidr(struct span *s, struct spf_term *t)
{
	size_t	 i, end = s->n;

	for (i = end; i > 0 && (isdigit(s->p[i - 1]) || s->p[i - 1] == '/');
	    i--)
		continue;
	/* Only from the first slash on: digits may belong to a name. */
	while (i < end && s->p[i] != '/')
		i++;
	if (i == end)
		return (0);
	s->n = i;
	if (s->p[i + 1 < end ? i + 1 : i] != '/' || i + 1 == end) {
		size_t	 j = i + 1;

		while (j < end && s->p[j] != '/')
			j++;
		if (cidr(span_of(s->p + i + 1, j - i - 1), 32,
		    &t->cidr4) == -1)
			return (-1);
		i = j;
	}
	if (i == end)
		return (0);
	if (i + 1 >= end || s->p[i + 1] != '/')
		return (-1);
	return (cidr(span_of(s->p + i + 2, end - i - 2), 128, &t->cidr6));
}

static int
ip_network(struct span s, struct spf_term *t)
{
	int		 v6 = t->what == M_IP6;
	ptrdiff_t	 at = span_find(s, '/');
	int		*bits = v6 ? &t->cidr6 : &t->cidr4;

	if (at != -1) {
		if (cidr(span_of(s.p + at + 1, s.n - (size_t)at - 1),
		    v6 ? 128 : 32, bits) == -1)
			return (-1);
		s.n = (size_t)at;
	}
	return (dns_addr_parse(s, &t->ip) == 0 &&
	    t->ip.family == (v6 ? AF_INET6 : AF_INET) ? 0 : -1);
}

/* What stands behind the name of a mechanism, with its ':' or '/'. */
static int
arguments(struct span s, struct spf_term *t)
{
	int	 colon = s.n > 0 && s.p[0] == ':';

	switch (t->what) {
	case M_ALL:
		return (s.n == 0 ? 0 : -1);
	case M_IP4:
	case M_IP6:
		return (colon ? ip_network(span_of(s.p + 1, s.n - 1), t) : -1);
	case M_A:
	case M_MX:
		if (dual_cidr(&s, t) == -1)
			return (-1);
		if (s.n == 0)
			return (0);
		break;
	case M_PTR:
		if (s.n == 0)
			return (0);
		break;
	default:
		break;
	}
	if (!colon || s.n == 1)
		return (-1);
	t->domain = span_of(s.p + 1, s.n - 1);
	return (spf_macro_valid(t->domain, 0) ? 0 : -1);
}

static int
modifier(struct span s, size_t at, struct spf_term *t)
{
	struct span	 name = span_of(s.p, at);
	size_t		 i;

	if (at == 0 || !isalpha(s.p[0]))
		return (-1);
	for (i = 1; i < at; i++)
		if (!isalnum(s.p[i]) && strchr("-_.", s.p[i]) == NULL)
			return (-1);
	t->domain = span_of(s.p + at + 1, s.n - at - 1);
	t->what = span_caseeqs(name, "redirect") ? M_REDIRECT :
	    span_caseeqs(name, "exp") ? M_EXP : M_UNKNOWN;
	if (t->what != M_UNKNOWN && t->domain.n == 0)
		return (-1);
	return (spf_macro_valid(t->domain, t->what == M_UNKNOWN) ? 0 : -1);
}

static int
parse_term(struct span s, struct spf_term *t)
{
	static const char		 marks[] = "+-~?";
	static const enum spf_result	 results[] = { SPF_PASS, SPF_FAIL,
					    SPF_SOFTFAIL, SPF_NEUTRAL };
	const char			*mark;
	size_t				 i, n;

	for (n = 0; n < s.n && (isalnum(s.p[n]) ||
	    strchr("-_.", s.p[n]) != NULL); n++)
		continue;
	if (n > 0 && n < s.n && s.p[n] == '=')
		return (modifier(s, n, t));
	if (s.n > 0 && (mark = memchr(marks, s.p[0], 4)) != NULL) {
		t->qualifier = results[mark - marks];
		s = span_of(s.p + 1, s.n - 1);
	}
	for (n = 0; n < s.n && s.p[n] != ':' && s.p[n] != '/'; n++)
		continue;
	for (i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++)
		if (span_caseeqs(span_of(s.p, n), mechanisms[i].name)) {
			t->what = mechanisms[i].what;
			return (arguments(span_of(s.p + n, s.n - n), t));
		}
	return (-1);
}

int
spf_term_next(struct span *record, struct spf_term *t, struct buf *why)
{
	struct span	 word;

	do {
		if (record->n == 0)
			return (0);
		(void)span_split(record, ' ', &word);
	} while (word.n == 0);
	memset(t, 0, sizeof(*t));
	t->qualifier = SPF_PASS;
	t->cidr4 = t->cidr6 = -1;
	t->text = word;
	if (parse_term(word, t) == 0)
		return (1);
	buf_addf(why, "malformed term \"%.*s\"", word.n > 200 ? 200 :
	    (int)word.n, (const char *)word.p);
	return (-1);
}

int
spf_check_record(struct span text, struct buf *why)
{
	struct spf_term	 t;
	int		 rc, redirects = 0, exps = 0;

	if (!spf_record_begins(&text))
		return (1);
	if (text.n > SPF_RECORD) {
		buf_adds(why, "the record is too long");
		return (-1);
	}
	while ((rc = spf_term_next(&text, &t, why)) == 1) {
		redirects += t.what == M_REDIRECT;
		exps += t.what == M_EXP;
	}
	if (rc == 0 && (redirects > 1 || exps > 1)) {
		buf_adds(why, "redirect or exp is there twice");
		rc = -1;
	}
	return (rc);
}

/* ---- macros ---- */

static int
macro_letter(int c, int exp)
{
	c = tolower(c);
	return (c != '\0' && strchr(exp ? "slodipvhcrt" : "slodipvh", c) !=
	    NULL);
}

/* Of "%{" letter, digits, r, delimiters "}"; the end of it, or 0. */
static size_t
macro_end(struct span s, int exp)
{
	size_t	 i = 2;

	if (s.n < 4 || s.p[1] != '{' || !macro_letter(s.p[i], exp))
		return (0);
	for (i++; i < s.n && isdigit(s.p[i]); i++)
		continue;
	if (i > 3 && (i > 6 || strtol((const char *)s.p + 3, NULL, 10) == 0))
		return (0);
	if (i < s.n && tolower(s.p[i]) == 'r')
		i++;
	while (i < s.n && s.p[i] != '\0' && strchr(".-+,/_=", s.p[i]) != NULL)
		i++;
	return (i < s.n && s.p[i] == '}' ? i + 1 : 0);
}

/* The top label of a domain-spec that ends in none of the macros. */
static int
top_label(struct span s)
{
	size_t	 i, start;
	int	 letters = 0;

	if (s.n > 0 && s.p[s.n - 1] == '.')
		s.n--;
	for (start = s.n; start > 0 && s.p[start - 1] != '.'; start--)
		continue;
	if (start == 0 || start == s.n)
		return (0);
	for (i = start; i < s.n; i++) {
		if (!isalnum(s.p[i]) && s.p[i] != '-')
			return (0);
		letters |= !isdigit(s.p[i]);
	}
	return (letters && s.p[start] != '-' && s.p[s.n - 1] != '-');
}

int
spf_macro_valid(struct span s, int exp)
{
	size_t	 i = 0, n, last = 0;

	while (i < s.n) {
		if (s.p[i] != '%') {
			if (s.p[i] < (exp ? 0x20 : 0x21) || s.p[i] > 0x7e)
				return (0);
			i++;
			continue;
		}
		if (i + 1 < s.n && memchr("%_-", s.p[i + 1], 3) != NULL) {
			i += 2;
			continue;
		}
		if ((n = macro_end(span_of(s.p + i, s.n - i), exp)) == 0)
			return (0);
		i += n;
		last = i;
	}
	return (exp || (s.n > 0 && last == s.n) || top_label(s));
}

int
spf_macro_wants_name(struct span s)
{
	size_t	 i;

	for (i = 0; i + 2 < s.n; i++) {
		if (s.p[i] != '%')
			continue;
		if (s.p[i + 1] == '{' && tolower(s.p[i + 2]) == 'p')
			return (1);
		i++;
	}
	return (0);
}

/* Dotted decimal; nibbles with dots for IPv6. */
static void
put_ip(const struct dns_addr *a, struct buf *b)
{
	char	 text[DNS_ADDR_TEXT];
	int	 i;

	if (a->family == AF_INET) {
		buf_adds(b, dns_addr_text(a, text));
		return;
	}
	for (i = 0; i < 32; i++)
		buf_addf(b, "%s%x", i == 0 ? "" : ".", i % 2 == 0 ?
		    a->octets[i / 2] >> 4 : a->octets[i / 2] & 15);
}

static int
value_of(int letter, const struct spf_who *w, const char *domain,
    struct buf *b)
{
	char	 text[DNS_ADDR_TEXT];

	switch (tolower(letter)) {
	case 's':
		buf_add_span(b, w->local);
		buf_addc(b, '@');
		return (buf_add_span(b, w->domain));
	case 'l':
		return (buf_add_span(b, w->local));
	case 'o':
		return (buf_add_span(b, w->domain));
	case 'd':
		return (buf_adds(b, domain));
	case 'i':
		put_ip(&w->ip, b);
		return (0);
	case 'p':
		return (buf_adds(b, w->validated));
	case 'v':
		return (buf_adds(b, w->ip.family == AF_INET ? "in-addr" :
		    "ip6"));
	case 'h':
		return (buf_adds(b, w->helo));
	case 'c':
		return (buf_adds(b, dns_addr_text(&w->ip, text)));
	case 'r':
		return (buf_adds(b, w->receiver));
	default:
		return (buf_addf(b, "%lld", (long long)time(NULL)));
	}
}

/* Split at delimiters, maybe turn around, keep so many from the right. */
static void
transform(struct span s, unsigned keep, int reverse, const char *delimiters,
    struct buf *b)
{
	struct span	 parts[128];
	size_t		 n = 0, i, from;

	parts[0] = span_of(s.p, 0);
	for (i = 0; i < s.n; i++)
		if (s.p[i] != '\0' && strchr(delimiters, s.p[i]) != NULL &&
		    n + 1 < sizeof(parts) / sizeof(parts[0]))
			parts[++n] = span_of(s.p + i + 1, 0);
		else
			parts[n].n++;
	n++;
	from = keep != 0 && keep < n ? n - keep : 0;
	for (i = from; i < n; i++) {
		if (i > from)
			buf_addc(b, '.');
		buf_add_span(b, parts[reverse ? n - 1 - i : i]);
	}
}

static void
url_escape(struct span s, struct buf *b)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		if (isalnum(s.p[i]) || (s.p[i] != '\0' &&
		    strchr("-._~", s.p[i]) != NULL))
			buf_addc(b, s.p[i]);
		else
			buf_addf(b, "%%%02X", s.p[i]);
}

/* One macro, taken from the front. */
static int
macro(struct span *s, const struct spf_who *w, const char *domain, int exp,
    struct buf *b)
{
	struct buf	 value = { 0 }, out = { 0 };
	char		 delimiters[8] = "";
	size_t		 end = macro_end(*s, exp), i = 3, n = 0;
	unsigned	 keep = 0;
	int		 letter = s->n > 2 ? s->p[2] : 0, reverse = 0;

	if (end == 0)
		return (-1);
	for (; isdigit(s->p[i]); i++)
		keep = keep * 10 + (unsigned)(s->p[i] - '0');
	if (tolower(s->p[i]) == 'r') {
		reverse = 1;
		i++;
	}
	for (; s->p[i] != '}' && n < sizeof(delimiters) - 1; i++)
		delimiters[n++] = (char)s->p[i];
	(void)value_of(letter, w, domain, &value);
	transform(span_buf(&value), keep, reverse, n == 0 ? "." : delimiters,
	    &out);
	if (isupper(letter))
		url_escape(span_buf(&out), b);
	else
		buf_add_span(b, span_buf(&out));
	buf_free(&value);
	buf_free(&out);
	*s = span_of(s->p + end, s->n - end);
	return (0);
}

int
spf_macro_expand(struct span s, const struct spf_who *w, const char *domain,
    int exp, struct buf *b)
{
	while (s.n > 0) {
		if (s.p[0] != '%') {
			buf_addc(b, s.p[0]);
			s = span_of(s.p + 1, s.n - 1);
			continue;
		}
		if (s.n > 1 && memchr("%_-", s.p[1], 3) != NULL) {
			buf_adds(b, s.p[1] == '%' ? "%" : s.p[1] == '_' ?
			    " " : "%20");
			s = span_of(s.p + 2, s.n - 2);
			continue;
		}
		if (macro(&s, w, domain, exp, b) == -1)
			return (-1);
	}
	return (buf_failed(b) ? -1 : 0);
}
