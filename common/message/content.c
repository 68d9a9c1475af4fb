/*
 * Content-Type and its like.  Values are unquoted into one buf; because that
 * may move, they are kept as offsets until all is read.  RFC 2231 pieces are
 * sorted and put together in one go.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "content.h"

struct piece {				/* one parameter as it stands */
	struct span	 name;		/* without "*0*" */
	size_t		 at, n;		/* value in content.text */
	uint32_t	 order;		/* as written */
	int32_t		 index;		/* of a continuation, else -1 */
	int		 extended;
};

static int		 is_tspecial(int);
static void		 skip(struct span *);
static struct span	 token(struct span *);
static int		 piece_value(struct content *, struct span *,
			    struct piece *);
static void		 piece_name(struct piece *, struct span);
static int		 compare(const void *, const void *);
static int		 same(const struct piece *, const struct piece *);
static int		 letter_compare(struct span, struct span);
static int		 piece_add(struct content *, const struct piece *,
			    int);
static int		 join(struct content *, struct piece *, size_t);
static int		 params(struct content *, struct span);
static int		 parse(struct content *, struct span, struct span,
			    struct span);

void
content_init(struct content *c)
{
	memset(c, 0, offsetof(struct content, params));
	c->nparams = 0;
	buf_init(&c->text, 0);
}

void
content_free(struct content *c)
{
	buf_free(&c->text);
	c->nparams = 0;
}

static int
is_tspecial(int c)
{
	return (c <= ' ' || c == 0x7f ||
	    (c < 0x80 && strchr("()<>@,;:\\\"/[]?=", c) != NULL));
}

/* White space, line ends, comments of any depth. */
static void
skip(struct span *s)
{
	size_t	 depth = 0;

	for (; s->n > 0; s->p++, s->n--) {
		if (s->p[0] == '(')
			depth++;
		else if (depth > 0 && s->p[0] == ')')
			depth--;
		else if (depth > 0 && s->p[0] == '\\' && s->n > 1) {
			s->p++;
			s->n--;
		} else if (depth == 0 && (s->p[0] > ' ' || s->p[0] == '\0'))
			return;
	}
}

static struct span
token(struct span *s)
{
	struct span	 t;
	size_t		 n = 0;

	while (n < s->n && !is_tspecial(s->p[n]))
		n++;
	(void)span_take(s, n, &t);
	return (t);
}

/* Behind the "=": a token or a quoted string; to the next ";" if neither. */
static int
piece_value(struct content *c, struct span *s, struct piece *p)
{
	size_t	 n;

	p->at = c->text.n;
	if (s->n > 0 && s->p[0] == '"') {
		for (s->p++, s->n--; s->n > 0 && s->p[0] != '"';
		    s->p++, s->n--) {
			if (s->p[0] == '\r' || s->p[0] == '\n' ||
			    s->p[0] == '\0')
				continue;
			if (s->p[0] == '\\' && s->n > 1) {
				s->p++;
				s->n--;
			}
			buf_addc(&c->text, s->p[0]);
		}
		if (s->n > 0)
			s->p++, s->n--;
	} else {	/* names with spaces and slashes, without quotes, exist */
		for (n = 0; n < s->n && s->p[n] != ';' && s->p[n] != '\r' &&
		    s->p[n] != '\n' && s->p[n] != '\0' && s->p[n] != '('; n++)
			;
		buf_add_span(&c->text, span_trim(span_of(s->p, n)));
		s->p += n;
		s->n -= n;
	}
	p->n = c->text.n - p->at;
	return (buf_failed(&c->text) ? -1 : 0);
}

/* "name", "name*", "name*0", "name*0*". */
static void
piece_name(struct piece *p, struct span name)
{
	uint64_t	 index;
	struct span	 digits;
	ptrdiff_t	 star;

	p->name = name;
	p->index = -1;
	p->extended = 0;
	if ((star = span_find(name, '*')) <= 0)
		return;
	digits = span_of(name.p + star + 1, name.n - (size_t)star - 1);
	if (digits.n == 0) {
		p->extended = 1;
		p->name.n = (size_t)star;
		return;
	}
	if (digits.n > 1 && digits.p[digits.n - 1] == '*') {
		p->extended = 1;
		digits.n--;
	}
	if (span_num(digits, CONTENT_PARAMS, &index) == -1) {
		p->extended = 0;	/* a name of its own kind */
		return;
	}
	p->index = (int32_t)index;
	p->name.n = (size_t)star;
}

static int
letter_compare(struct span a, struct span b)
{
	size_t	 i;
	int	 ca, cb;

	if (a.n != b.n)
		return (a.n < b.n ? -1 : 1);
	for (i = 0; i < a.n; i++) {
		ca = a.p[i] | (a.p[i] >= 'A' && a.p[i] <= 'Z' ? 0x20 : 0);
		cb = b.p[i] | (b.p[i] >= 'A' && b.p[i] <= 'Z' ? 0x20 : 0);
		if (ca != cb)
			return (ca < cb ? -1 : 1);
	}
	return (0);
}

/* Continuations by name, then by index, then as written. */
static int
compare(const void *va, const void *vb)
{
	const struct piece	*a = va, *b = vb;
	int			 c;

	if ((a->index == -1) != (b->index == -1))
		return (a->index == -1 ? -1 : 1);
	if (a->index != -1) {
		if ((c = letter_compare(a->name, b->name)) != 0)
			return (c);
		if (a->index != b->index)
			return (a->index < b->index ? -1 : 1);
	}
	return (a->order < b->order ? -1 : a->order > b->order);
}

static int
same(const struct piece *a, const struct piece *b)
{
	return (letter_compare(a->name, b->name) == 0);
}

/* A piece behind the others; plain text among percents has its own. */
static int
piece_add(struct content *c, const struct piece *p, int ext)
{
	size_t	 i;
	uint8_t	 o;

	if (buf_reserve(&c->text, 3 * p->n) == NULL)
		return (-1);
	if (!ext || p->extended)
		return (buf_add(&c->text, c->text.p + p->at, p->n));
	for (i = 0; i < p->n; i++) {
		o = c->text.p[p->at + i];
		if (o != '%' && o != '\'' && o != '*' && !is_tspecial(o) &&
		    o < 0x80)
			buf_addc(&c->text, o);
		else
			buf_addf(&c->text, "%%%02X", o);
	}
	return (buf_failed(&c->text) ? -1 : 0);
}

/*
 * Pieces, sorted, to parameters.  Of a continued one the pieces 0, 1, 2 ... as
 * far as they go; the first of two with one number counts.
 */
static int
join(struct content *c, struct piece *p, size_t n)
{
	size_t		 i, k, m = 0, at[CONTENT_PARAMS][4];
	int32_t		 want;
	int		 ext;

	c->nparams = 0;
	for (i = 0; i < n; i = k) {
		size_t	*o = at[m];

		o[0] = c->text.n;
		buf_add_span(&c->text, p[i].name);
		k = i + 1;
		if (p[i].index == -1) {
			if (p[i].extended)
				buf_addc(&c->text, '*');
			o[1] = c->text.n - o[0];
			o[2] = p[i].at;
			o[3] = p[i].n;
			m++;
			continue;
		}
		while (k < n && same(&p[i], &p[k]))
			k++;
		ext = p[i].extended;
		if (ext)
			buf_addc(&c->text, '*');
		o[1] = c->text.n - o[0];
		o[2] = c->text.n;
		for (want = 0; i < k; i++) {
			if (p[i].index != want)
				continue;
			want++;
			if (piece_add(c, &p[i], ext) == -1)
				return (-1);
		}
		o[3] = c->text.n - o[2];
		if (want > 0)			/* piece 0 was there */
			m++;
	}
	if (buf_failed(&c->text))
		return (-1);
	c->nparams = m;
	for (i = 0; i < m; i++) {
		c->params[i].name = span_of(c->text.p + at[i][0], at[i][1]);
		c->params[i].value = span_of(c->text.p + at[i][2], at[i][3]);
	}
	return (0);
}

static int
params(struct content *c, struct span s)
{
	struct piece	 pieces[CONTENT_PARAMS];
	struct span	 name;
	size_t		 n = 0;
	int		 sort = 0;

	while (n < CONTENT_PARAMS) {
		while (s.n > 0 && s.p[0] != ';')
			s.p++, s.n--;
		if (s.n == 0)
			break;
		s.p++, s.n--;
		skip(&s);
		name = token(&s);
		skip(&s);
		if (name.n == 0 || s.n == 0 || s.p[0] != '=')
			continue;
		s.p++, s.n--;
		skip(&s);
		piece_name(&pieces[n], name);
		pieces[n].order = (uint32_t)n;
		if (pieces[n].index != -1)
			sort = 1;
		if (piece_value(c, &s, &pieces[n]) == -1)
			return (-1);
		n++;
	}
	if (sort)
		qsort(pieces, n, sizeof(pieces[0]), compare);
	return (join(c, pieces, n));
}

/* The type goes into text as well, so that nothing borrows from the value. */
static int
parse(struct content *c, struct span type, struct span subtype, struct span s)
{
	buf_add_span(&c->text, type);
	buf_add_span(&c->text, subtype);
	if (params(c, s) == -1) {
		c->nparams = 0;
		errno = ENOMEM;
		return (-1);
	}
	c->type = span_of(c->text.p, type.n);
	c->subtype = span_of(c->text.p + type.n, subtype.n);
	return (0);
}

int
content_type(struct content *c, struct span s)
{
	struct span	 type, subtype = { NULL, 0 };

	buf_reset(&c->text);
	c->nparams = 0;
	skip(&s);
	type = token(&s);
	skip(&s);
	if (type.n != 0 && s.n > 0 && s.p[0] == '/') {
		s.p++, s.n--;
		skip(&s);
		subtype = token(&s);
	}
	if (subtype.n == 0) {
		errno = EINVAL;
		return (-1);
	}
	return (parse(c, type, subtype, s));
}

int
content_disposition(struct content *c, struct span s)
{
	struct span	 type;

	buf_reset(&c->text);
	c->nparams = 0;
	skip(&s);
	type = token(&s);
	if (type.n == 0) {
		errno = EINVAL;
		return (-1);
	}
	return (parse(c, type, span_of(type.p, 0), s));
}

struct span
content_param(const struct content *c, const char *name, int *extended)
{
	struct span	 v = { NULL, 0 }, want = span_str(name), have;
	size_t		 i;

	if (extended != NULL)
		*extended = 0;
	for (i = 0; i < c->nparams; i++) {
		have = c->params[i].name;
		if (span_caseeq(have, want)) {
			if (extended != NULL)
				*extended = 0;
			return (c->params[i].value);
		}
		if (v.p == NULL && have.n == want.n + 1 &&
		    have.p[want.n] == '*' &&
		    span_caseeq(span_of(have.p, want.n), want)) {
			v = c->params[i].value;
			if (extended != NULL)
				*extended = 1;
		}
	}
	return (v);
}

enum mime_encoding
content_encoding(struct span s)
{
	static const struct {
		const char		*name;
		enum mime_encoding	 encoding;
	} all[] = {
		{ "7bit", MIME_7BIT }, { "8bit", MIME_8BIT },
		{ "binary", MIME_BINARY }, { "base64", MIME_BASE64 },
		{ "quoted-printable", MIME_QP },
	};
	struct span	 t;
	size_t		 i;

	skip(&s);
	t = token(&s);
	for (i = 0; i < nitems(all); i++)
		if (span_caseeqs(t, all[i].name))
			return (all[i].encoding);
	return (MIME_UNKNOWN);
}
