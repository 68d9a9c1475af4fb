/*
 * Lines and literals of a server, bounded.
 */
#include <string.h>

#include "imapclient_int.h"

#define LINE_MAX_	65536
#define LITERAL_MAX_	(128ULL * 1024 * 1024)

static int	 has_literals(struct span);
static int	 literal_size(struct span, uint64_t *);
static void	 tell(struct imapclient *, enum imapclient_piece, struct span);
static void	 take_literal(struct imapclient *, struct span *);
static void	 end_of_line(struct imapclient *);

/* Untagged, and not one that ends in a text for humans. */
static int
has_literals(struct span s)
{
	return (!imap_is(s, "OK") && !imap_is(s, "NO") && !imap_is(s, "BAD") &&
	    !imap_is(s, "BYE") && !imap_is(s, "PREAUTH"));
}

/* "{n}" at the end: 1 and n; 0: there is none; -1: too much. */
static int
literal_size(struct span s, uint64_t *n)
{
	size_t	 i = s.n;

	if (s.n < 3 || s.p[s.n - 1] != '}')
		return (0);
	while (i > 0 && s.p[i - 1] != '{')
		i--;
	if (i == 0 || i == s.n - 1)
		return (0);
	for (size_t k = i; k < s.n - 1; k++)
		if (s.p[k] < '0' || s.p[k] > '9')
			return (0);
	return (span_num(span_of(s.p + i, s.n - 1 - i), UINT32_MAX, n) == -1 ?
	    -1 : 1);
}

static void
tell(struct imapclient *c, enum imapclient_piece piece, struct span s)
{
	if (c->set.data != NULL && c->set.data(c->set.arg, piece, s) == -1)
		imap_fail(c, "given up by the caller");
}

static void
take_literal(struct imapclient *c, struct span *in)
{
	struct span	 s;
	size_t		 n = in->n < c->left ? in->n : (size_t)c->left;

	(void)span_take(in, n, &s);
	c->left -= n;
	tell(c, IMAPCLIENT_LITERAL, s);
}

static void
end_of_line(struct imapclient *c)
{
	struct span	 s = span_buf(&c->line);
	uint64_t	 max = c->set.literal_max, n = 0;
	int		 lit, starts = !c->inside;

	if (s.n > 0 && s.p[s.n - 1] == '\r')
		s.n--;
	if (starts)
		c->star = s.n > 1 && s.p[0] == '*' && s.p[1] == ' ';
	if (c->star && starts && ++c->untagged > (c->set.untagged_max != 0 ?
	    c->set.untagged_max : 1000000)) {
		imap_fail(c, "too many responses to one command");
		return;
	}
	lit = c->star && (!starts || has_literals(s)) ?
	    literal_size(s, &n) : 0;
	if (lit == -1 || n > (max != 0 ? max : LITERAL_MAX_) ||
	    (lit == 1 && ++c->literals > (c->set.literals_max != 0 ?
	    c->set.literals_max : 64))) {
		imap_fail(c, "a literal too many, or too long");
		return;
	}
	if (c->star)
		tell(c, IMAPCLIENT_TEXT, s);
	if (c->state != I_FAILED && starts)
		imap_line(c, s);
	buf_reset(&c->line);
	c->inside = lit == 1;
	if (lit == 1 && c->state != I_FAILED) {
		c->left = n;
		if (n == 0)
			tell(c, IMAPCLIENT_LITERAL, span_of(NULL, 0));
	} else if (lit != 1) {
		if (c->star && c->state != I_FAILED)
			tell(c, IMAPCLIENT_RESPONSE_END, span_of(NULL, 0));
		c->whole = 0;
		c->literals = 0;
	}
}

int
imap_scan(struct imapclient *c, struct span *in)
{
	ptrdiff_t	 lf;
	struct span	 s;
	size_t		 n;

	if (in->n == 0)
		return (0);
	if (c->left > 0) {
		take_literal(c, in);
		return (1);
	}
	lf = span_find(*in, '\n');
	n = lf == -1 ? in->n : (size_t)lf + 1;
	(void)span_take(in, n, &s);
	c->whole += n;
	if (c->whole > (c->set.line_max != 0 ? c->set.line_max : LINE_MAX_)) {
		imap_fail(c, "a line too long");
		return (1);
	}
	buf_add(&c->line, s.p, lf == -1 ? s.n : s.n - 1);
	if (buf_failed(&c->line))
		imap_fail(c, "no memory");
	else if (memchr(s.p, 0, s.n) != NULL)
		imap_fail(c, "a NUL in a line");
	else if (lf != -1)
		end_of_line(c);
	return (1);
}
