/*
 * Tokens of IMAP commands.  See cursor.h.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistr.h>

#include "cursor.h"
#include "mboxname.h"
#include "mutf7.h"

#define FAIL(c, why)	do { (c)->error = (why); return (-1); } while (0)

enum { ATOM = 1, RESP = 2, WILD = 4, WORD = 8 };

static int	 class(uint8_t);
static int	 take_class(struct cursor *, int, struct span *);
static int	 quoted(struct cursor *, struct span *);
static int	 literal(struct cursor *, struct span *, int *);
static int	 name(struct cursor *, struct span, struct span *);
static int	 month(struct span);
static int	 digits(struct cursor *, size_t, int *);
static int	 day(struct cursor *, int *, int *, int *);
static int64_t	 days(int, int, int);

void
cursor_init_span(struct cursor *c, struct span s, struct buf *scratch)
{
	memset(c, 0, sizeof(*c));
	c->s = s;
	c->error = "";
	c->scratch = scratch;
	/* Room for everything at once, so that what is borrowed stays put. */
	scratch->max = 0;
	(void)buf_reserve(scratch, 3 * s.n + 64);
	scratch->max = scratch->cap;
}

void
cursor_init(struct cursor *c, const struct lex *lex, struct buf *scratch,
    int utf8)
{
	cursor_init_span(c, lex_command(lex), scratch);
	c->lex = lex;
	c->utf8 = utf8;
}

static int
class(uint8_t o)
{
	if (o <= 0x20 || o >= 0x7f)
		return (0);
	if (strchr("(){\"\\", o) != NULL)
		return (0);
	if (o == '%' || o == '*')
		return (WILD);
	if (o == ']')
		return (RESP);
	if ((o >= 'a' && o <= 'z') || (o >= 'A' && o <= 'Z') ||
	    (o >= '0' && o <= '9') || strchr("-.+=&_", o) != NULL)
		return (ATOM | WORD);
	return (ATOM);
}

static int
take_class(struct cursor *c, int which, struct span *out)
{
	size_t	 n = 0;

	while (n < c->s.n && (class(c->s.p[n]) & which) != 0)
		n++;
	if (n == 0)
		return (-1);
	return (span_take(&c->s, n, out));
}

int
cur_peek(const struct cursor *c)
{
	return (c->s.n == 0 ? -1 : c->s.p[0]);
}

int
cur_end(struct cursor *c)
{
	if (c->s.n != 0)
		FAIL(c, "more arguments than expected");
	return (0);
}

int
cur_char(struct cursor *c, int o)
{
	if (cur_peek(c) != o)
		FAIL(c, o == '(' ? "expected \"(\"" : o == ')' ?
		    "expected \")\"" : "unexpected character");
	c->s.p++;
	c->s.n--;
	return (0);
}

int
cur_sp(struct cursor *c)
{
	if (cur_peek(c) != ' ')
		FAIL(c, c->s.n == 0 ? "missing argument" : "expected a space");
	return (cur_char(c, ' '));
}

int
cur_tag(struct cursor *c, struct span *out)
{
	size_t	 n = 0;

	while (n < c->s.n && (class(c->s.p[n]) & (ATOM | RESP)) != 0 &&
	    c->s.p[n] != '+')
		n++;
	if (n == 0 || n > CUR_TAG_MAX)
		FAIL(c, "malformed tag");
	return (span_take(&c->s, n, out));
}

int
cur_word(struct cursor *c, struct span *out)
{
	if (take_class(c, WORD, out) == -1)
		FAIL(c, "expected a keyword");
	return (0);
}

int
cur_is(struct cursor *c, const char *word)
{
	struct span	 save = c->s, w;

	if (take_class(c, WORD, &w) == 0 && span_caseeqs(w, word))
		return (0);
	c->s = save;
	FAIL(c, "unexpected keyword");
}

int
cur_atom(struct cursor *c, struct span *out)
{
	if (take_class(c, ATOM, out) == -1)
		FAIL(c, "expected an atom");
	return (0);
}

static int
quoted(struct cursor *c, struct span *out)
{
	const uint8_t	*p = c->s.p + 1, *end = c->s.p + c->s.n;
	size_t		 was = c->scratch->n;
	int		 escaped = 0;

	for (; p < end && *p != '"'; p++) {
		if (*p == '\r' || *p == '\n' || *p == '\0')
			FAIL(c, "control character in a quoted string");
		if (*p >= 0x80 && !c->utf8)
			FAIL(c, "8-bit character in a quoted string");
		if (*p == '\\') {
			escaped = 1;
			if (++p == end || (*p != '"' && *p != '\\'))
				FAIL(c, "bad escape in a quoted string");
		}
	}
	if (p == end)
		FAIL(c, "unterminated quoted string");
	*out = span_of(c->s.p + 1, (size_t)(p - c->s.p - 1));
	if (c->utf8 && u8_check(out->p, out->n) != NULL)
		FAIL(c, "a quoted string that is not UTF-8");
	c->s = span_of(p + 1, (size_t)(end - p - 1));
	if (escaped) {
		for (p = out->p; p < out->p + out->n; p++) {
			if (*p == '\\')
				p++;
			buf_addc(c->scratch, *p);
		}
		if (buf_failed(c->scratch))
			FAIL(c, "no memory");
		*out = span_of(c->scratch->p + was, c->scratch->n - was);
	}
	return (0);
}

/* {n}CRLF and n octets.  *streamed is its number when it went elsewhere. */
static int
literal(struct cursor *c, struct span *out, int *streamed)
{
	struct span	 s = c->s, num;
	uint64_t	 n;
	size_t		 i, at;

	*streamed = -1;
	s.p++;
	s.n--;
	if (span_split(&s, '}', &num) == 0 || s.n < 2 || s.p[0] != '\r' ||
	    s.p[1] != '\n')
		FAIL(c, "malformed literal");
	if (num.n > 0 && num.p[num.n - 1] == '+')
		num.n--;
	if (span_num(num, INT64_MAX, &n) == -1)
		FAIL(c, "malformed literal size");
	s.p += 2;
	s.n -= 2;
	at = c->lex == NULL ? 0 : (size_t)(s.p - lex_command(c->lex).p);
	for (i = 0; c->lex != NULL && i < c->lex->nstreamed; i++)
		if (c->lex->streamed[i] == at) {
			*streamed = (int)i;
			*out = span_of(s.p, 0);
			out->n = n;	/* its size; no octets are here */
			c->s = s;
			return (0);
		}
	if (n > s.n || span_take(&s, (size_t)n, out) == -1)
		FAIL(c, "literal cut short");
	c->s = s;
	return (0);
}

int
cur_octets(struct cursor *c, struct span *out)
{
	struct span	 save = c->s;
	int		 streamed;

	if (cur_peek(c) != '{')
		FAIL(c, "expected a literal");
	if (literal(c, out, &streamed) == -1)
		return (-1);
	if (streamed != -1) {
		c->s = save;
		FAIL(c, "literal too large");
	}
	return (0);
}

int
cur_string(struct cursor *c, struct span *out)
{
	struct span	 save = c->s;

	if (cur_peek(c) == '"')
		return (quoted(c, out));
	if (cur_peek(c) != '{')
		FAIL(c, "expected a string");
	if (cur_octets(c, out) == -1)
		return (-1);
	if (span_find(*out, '\0') != -1) {
		c->s = save;
		FAIL(c, "NUL in a string");
	}
	return (0);
}

int
cur_astring(struct cursor *c, struct span *out)
{
	if (cur_peek(c) == '"' || cur_peek(c) == '{')
		return (cur_string(c, out));
	if (take_class(c, ATOM | RESP, out) == -1)
		FAIL(c, "expected a string");
	return (0);
}

int
cur_nstring(struct cursor *c, struct span *out, int *nil)
{
	*nil = 0;
	*out = span_of("", 0);
	if (cur_peek(c) == '"' || cur_peek(c) == '{')
		return (cur_string(c, out));
	if (cur_is(c, "NIL") == -1)
		FAIL(c, "expected a string or NIL");
	*nil = 1;
	return (0);
}

int
cur_list_mailbox(struct cursor *c, struct span *out)
{
	if (cur_peek(c) == '"' || cur_peek(c) == '{')
		return (cur_string(c, out));
	if (take_class(c, ATOM | RESP | WILD, out) == -1)
		FAIL(c, "expected a mailbox pattern");
	return (0);
}

static int
is_entry(struct span name)
{
	size_t	 i;

	if (name.n < 2 || name.n > CUR_ENTRY_MAX || name.p[0] != '/' ||
	    name.p[name.n - 1] == '/')
		return (0);
	for (i = 0; i < name.n; i++)
		if (name.p[i] < ' ' || name.p[i] >= 0x7f ||
		    name.p[i] == '*' || name.p[i] == '%' ||
		    (i > 0 && name.p[i] == '/' && name.p[i - 1] == '/'))
			return (0);
	return (1);
}

int
cur_entry(struct cursor *c, struct span *name)
{
	struct cursor	 back = *c;

	if (cur_astring(c, name) == -1)
		return (-1);
	if (is_entry(*name))
		return (0);
	*c = back;
	c->error = "expected the name of an entry";
	return (-1);
}

int
cur_number(struct cursor *c, uint64_t max, uint64_t *out)
{
	size_t	 n = 0;

	while (n < c->s.n && c->s.p[n] >= '0' && c->s.p[n] <= '9')
		n++;
	if (span_num(span_of(c->s.p, n), max, out) == -1)
		FAIL(c, n == 0 ? "expected a number" : "number too large");
	c->s.p += n;
	c->s.n -= n;
	return (0);
}

/* A name as it came, to the form that it is kept in. */
static int
name(struct cursor *c, struct span in, struct span *out)
{
	struct buf	 utf8 = { 0 };
	size_t		 was = c->scratch->n, i;
	int		 rc;

	for (i = 0; i < in.n && in.p[i] < 0x80; i++)
		continue;
	if (i < in.n && !c->utf8)
		FAIL(c, "8-bit character in a mailbox name");
	if (!c->utf8 && mutf7_decode(&utf8, in) == -1) {
		buf_free(&utf8);
		FAIL(c, "mailbox name is not canonical modified UTF-7");
	}
	rc = mailbox_normal(c->scratch, c->utf8 ? in : span_buf(&utf8));
	buf_free(&utf8);
	if (rc == -1)
		FAIL(c, errno == EILSEQ ? "mailbox name is not UTF-8" :
		    errno == EINVAL ? "control character in a mailbox name" :
		    "mailbox name too long");
	*out = span_of(c->scratch->p + was, c->scratch->n - was);
	return (0);
}

/* As it is read by one of these. */
static int
named(struct cursor *c, int (*get)(struct cursor *, struct span *),
    struct span *out)
{
	struct span	 s, save = c->s;

	if (get(c, &s) == -1)
		return (-1);
	if (name(c, s, out) == -1) {
		c->s = save;
		return (-1);
	}
	return (0);
}

int
cur_mailbox(struct cursor *c, struct span *out)
{
	return (named(c, cur_astring, out));
}

int
cur_pattern(struct cursor *c, struct span *out)
{
	return (named(c, cur_list_mailbox, out));
}

int
cur_flag(struct cursor *c, struct span *out)
{
	static const char *const system[] = { "\\Answered", "\\Flagged",
	    "\\Deleted", "\\Seen", "\\Draft" };
	struct span	 save = c->s, s;
	size_t		 i;

	if (cur_peek(c) != '\\') {
		if (take_class(c, ATOM, out) == -1)
			FAIL(c, "expected a flag");
		return (0);
	}
	c->s.p++;
	c->s.n--;
	if (take_class(c, ATOM, &s) == 0)
		for (i = 0; i < nitems(system); i++)
			if (span_caseeqs(s, system[i] + 1)) {
				*out = span_str(system[i]);
				return (0);
			}
	c->s = save;
	FAIL(c, "unknown system flag");
}

int
cur_flags(struct cursor *c, int bare_ok, int (*fn)(void *, struct span),
    void *arg)
{
	struct span	 f;
	int		 paren = cur_peek(c) == '(';

	if (!paren && !bare_ok)
		FAIL(c, "expected a list of flags");
	if (paren) {
		(void)cur_char(c, '(');
		if (cur_peek(c) == ')')
			return (cur_char(c, ')'));
	}
	for (;;) {
		if (cur_flag(c, &f) == -1)
			return (-1);
		if (fn(arg, f) == -1)
			FAIL(c, "too many flags");
		if (cur_peek(c) != ' ')
			break;
		(void)cur_sp(c);
	}
	return (paren ? cur_char(c, ')') : 0);
}

static int
month(struct span s)
{
	static const char	 names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
	int			 i;

	for (i = 0; i < 12; i++)
		if (s.n == 3 && span_caseeq(s, span_of(names + 3 * i, 3)))
			return (i + 1);
	return (0);
}

static int
digits(struct cursor *c, size_t n, int *out)
{
	struct span	 s;
	uint64_t	 v;

	if (c->s.n < n)
		FAIL(c, "malformed date");
	s = span_of(c->s.p, n);
	if (span_num(s, 9999, &v) == -1)
		FAIL(c, "malformed date");
	c->s.p += n;
	c->s.n -= n;
	*out = (int)v;
	return (0);
}

/* Days since 1970-01-01 of a Gregorian date. */
static int64_t
days(int y, int m, int d)
{
	int64_t	 era, yoe, doy;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return (era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468);
}

/* [SP]d-Mon-yyyy */
static int
day(struct cursor *c, int *y, int *m, int *d)
{
	static const int	 length[] = { 31, 29, 31, 30, 31, 30, 31, 31,
				    30, 31, 30, 31 };
	struct span		 s;
	uint64_t		 v;

	if (cur_peek(c) == ' ')
		(void)cur_sp(c);
	if (cur_number(c, 31, &v) == -1 || cur_char(c, '-') == -1 ||
	    span_take(&c->s, 3, &s) == -1 || (*m = month(s)) == 0 ||
	    cur_char(c, '-') == -1 || digits(c, 4, y) == -1)
		FAIL(c, "malformed date");
	*d = (int)v;
	if (*d < 1 || *d > length[*m - 1] || (*m == 2 && *d == 29 &&
	    (*y % 4 != 0 || (*y % 100 == 0 && *y % 400 != 0))))
		FAIL(c, "no such day");
	return (0);
}

int
cur_date(struct cursor *c, int64_t *out)
{
	struct span	 save = c->s;
	int		 y, m, d, q = cur_peek(c) == '"';

	if ((q && cur_char(c, '"') == -1) || day(c, &y, &m, &d) == -1 ||
	    (q && cur_char(c, '"') == -1)) {
		c->s = save;
		FAIL(c, "malformed date");
	}
	*out = days(y, m, d) * 86400;
	return (0);
}

int
cur_date_time(struct cursor *c, int64_t *out, int *zone)
{
	struct span	 save = c->s;
	int		 y, mo, d, h, mi, s, zh, zm, sign;

	if (cur_char(c, '"') == -1 || day(c, &y, &mo, &d) == -1 ||
	    cur_sp(c) == -1 || digits(c, 2, &h) == -1 ||
	    cur_char(c, ':') == -1 || digits(c, 2, &mi) == -1 ||
	    cur_char(c, ':') == -1 || digits(c, 2, &s) == -1 ||
	    cur_sp(c) == -1)
		goto bad;
	sign = cur_peek(c) == '-' ? -1 : 1;
	if (cur_char(c, sign == 1 ? '+' : '-') == -1 ||
	    digits(c, 2, &zh) == -1 || digits(c, 2, &zm) == -1 ||
	    cur_char(c, '"') == -1 || h > 23 || mi > 59 || s > 60 || zh > 23 ||
	    zm > 59)
		goto bad;
	*zone = sign * (zh * 60 + zm);
	*out = days(y, mo, d) * 86400 + h * 3600 + mi * 60 + s - *zone * 60;
	return (0);
bad:
	c->s = save;
	FAIL(c, "malformed date-time");
}

int
cur_message(struct cursor *c, struct span *msg, int *streamed, int *binary)
{
	struct span	 save = c->s;

	*binary = cur_peek(c) == '~';
	if (*binary)
		(void)cur_char(c, '~');
	if (cur_peek(c) != '{') {
		c->s = save;
		FAIL(c, "expected a literal");
	}
	if (literal(c, msg, streamed) == -1) {
		c->s = save;
		return (-1);
	}
	return (0);
}
