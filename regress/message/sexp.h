/*
 * A reader of ENVELOPE and BODYSTRUCTURE by the grammar of RFC 3501 section 9,
 * written from the grammar alone, for the tests.
 */
#ifndef SEXP_H
#define SEXP_H

#include <string.h>

#include "buf.h"

static inline int
sx_char(struct span *s, int c)
{
	if (s->n == 0 || s->p[0] != c)
		return (0);
	s->p++;
	s->n--;
	return (1);
}

/* string: quoted or literal, without NUL, CR or LF in it. */
static inline int
sx_string(struct span *s)
{
	uint64_t	 n;
	struct span	 num, text;
	size_t		 i;

	if (sx_char(s, '"')) {
		for (; s->n > 0 && s->p[0] != '"'; s->p++, s->n--) {
			if (s->p[0] == '\\') {
				s->p++;
				s->n--;
				if (s->n == 0 ||
				    (s->p[0] != '"' && s->p[0] != '\\'))
					return (0);
			}
			if (s->p[0] == '\0' || s->p[0] == '\r' ||
			    s->p[0] == '\n')
				return (0);
		}
		return (sx_char(s, '"'));
	}
	if (!sx_char(s, '{') || !span_split(s, '}', &num) ||
	    span_num(num, 100000000, &n) == -1 || !sx_char(s, '\r') ||
	    !sx_char(s, '\n') || span_take(s, (size_t)n, &text) == -1)
		return (0);
	for (i = 0; i < text.n; i++)
		if (text.p[i] == '\0' || text.p[i] == '\r' ||
		    text.p[i] == '\n')
			return (0);
	return (1);
}

static inline int
sx_nil(struct span *s)
{
	if (s->n < 3 || memcmp(s->p, "NIL", 3) != 0)
		return (0);
	s->p += 3;
	s->n -= 3;
	return (1);
}

static inline int
sx_nstring(struct span *s)
{
	return (sx_nil(s) || sx_string(s));
}

static inline int
sx_number(struct span *s)
{
	size_t	 n = 0;

	while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
		n++;
	s->p += n;
	s->n -= n;
	return (n > 0 && n < 20);
}

static inline int
sx_address(struct span *s)
{
	return (sx_char(s, '(') && sx_nstring(s) && sx_char(s, ' ') &&
	    sx_nstring(s) && sx_char(s, ' ') && sx_nstring(s) &&
	    sx_char(s, ' ') && sx_nstring(s) && sx_char(s, ')'));
}

static inline int
sx_addresses(struct span *s)
{
	if (sx_nil(s))
		return (1);
	if (!sx_char(s, '(') || !sx_address(s))
		return (0);
	while (s->n > 0 && s->p[0] == '(')
		if (!sx_address(s))
			return (0);
	return (sx_char(s, ')'));
}

static inline int
sx_envelope(struct span *s)
{
	int	 i;

	if (!sx_char(s, '(') || !sx_nstring(s) || !sx_char(s, ' ') ||
	    !sx_nstring(s))
		return (0);
	for (i = 0; i < 6; i++)
		if (!sx_char(s, ' ') || !sx_addresses(s))
			return (0);
	return (sx_char(s, ' ') && sx_nstring(s) && sx_char(s, ' ') &&
	    sx_nstring(s) && sx_char(s, ')'));
}

/* body-fld-param */
static inline int
sx_params(struct span *s)
{
	if (sx_nil(s))
		return (1);
	if (!sx_char(s, '('))
		return (0);
	do {
		if (!sx_string(s) || !sx_char(s, ' ') || !sx_string(s))
			return (0);
	} while (sx_char(s, ' '));
	return (sx_char(s, ')'));
}

static inline int
sx_language(struct span *s)
{
	if (s->n == 0 || s->p[0] != '(')
		return (sx_nstring(s));
	sx_char(s, '(');
	do {
		if (!sx_string(s))
			return (0);
	} while (sx_char(s, ' '));
	return (sx_char(s, ')'));
}

/* disposition, language, location, each with its space */
static inline int
sx_ext(struct span *s)
{
	if (!sx_char(s, ' '))
		return (0);
	if (!sx_nil(s) && !(sx_char(s, '(') && sx_string(s) &&
	    sx_char(s, ' ') && sx_params(s) && sx_char(s, ')')))
		return (0);
	return (sx_char(s, ' ') && sx_language(s) && sx_char(s, ' ') &&
	    sx_nstring(s));
}

static inline int
sx_is(struct span type, const char *a)
{
	return (span_caseeqs(span_of(type.p + 1, type.n - 2), a));
}

static inline int
sx_body(struct span *s, int ext)
{
	struct span	 type = *s, sub;

	if (!sx_char(s, '('))
		return (0);
	if (s->n > 0 && s->p[0] == '(') {
		while (s->n > 0 && s->p[0] == '(')
			if (!sx_body(s, ext))
				return (0);
		if (!sx_char(s, ' ') || !sx_string(s))
			return (0);
		if (ext && (!sx_char(s, ' ') || !sx_params(s) || !sx_ext(s)))
			return (0);
		return (sx_char(s, ')'));
	}
	type = *s;
	if (!sx_string(s))
		return (0);
	type.n = (size_t)(s->p - type.p);
	if (!sx_char(s, ' '))
		return (0);
	sub = *s;
	if (!sx_string(s))
		return (0);
	sub.n = (size_t)(s->p - sub.p);
	if (!sx_char(s, ' ') || !sx_params(s) || !sx_char(s, ' ') ||
	    !sx_nstring(s) || !sx_char(s, ' ') || !sx_nstring(s) ||
	    !sx_char(s, ' ') || !sx_string(s) || !sx_char(s, ' ') ||
	    !sx_number(s))
		return (0);
	if (sx_is(type, "message") && (sx_is(sub, "rfc822") ||
	    (sx_is(sub, "global") && s->n > 1 && s->p[1] == '('))) {
		if (!sx_char(s, ' ') || !sx_envelope(s) || !sx_char(s, ' ') ||
		    !sx_body(s, ext) || !sx_char(s, ' ') || !sx_number(s))
			return (0);
	} else if (sx_is(type, "text") &&
	    (!sx_char(s, ' ') || !sx_number(s)))
		return (0);
	if (ext && (!sx_char(s, ' ') || !sx_nstring(s) || !sx_ext(s)))
		return (0);
	return (sx_char(s, ')'));
}

static inline int
sexp_envelope(struct span s)
{
	return (sx_envelope(&s) && s.n == 0);
}

static inline int
sexp_body(struct span s, int ext)
{
	return (sx_body(&s, ext) && s.n == 0);
}

#endif
