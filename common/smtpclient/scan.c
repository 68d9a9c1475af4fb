/*
 * What a message is made of, for a next hop that does not take everything; and
 * what may stand in a command line.
 */
#include <string.h>

#include "smtpclient_int.h"

#define LINE_MAX_	998	/* octets without CRLF, RFC 5321 4.5.3.1.6 */

static int	 eight_bit(struct span);
static void	 line_ends(struct scan *, struct span);

static int
eight_bit(struct span s)
{
	uint8_t	 all = 0;
	size_t	 i;

	for (i = 0; i < s.n; i++)
		all |= s.p[i];
	return ((all & 0x80) != 0);
}

/* Octets up to and with an LF, or without one. */
static void
line_ends(struct scan *s, struct span piece)
{
	const uint8_t	*cr;
	size_t		 n = piece.n;
	int		 lf = piece.p[n - 1] == '\n', crlf;

	crlf = lf && (n > 1 ? piece.p[n - 2] == '\r' : s->cr);
	cr = memchr(piece.p, '\r', n);
	if ((s->cr && !(lf && n == 1)) || (lf && !crlf) ||
	    (cr != NULL && cr < piece.p + n - 1 &&
	    !(crlf && cr == piece.p + n - 2)) ||
	    memchr(piece.p, '\0', n) != NULL)
		s->binary = 1;
	s->cr = piece.p[n - 1] == '\r';
	s->line += n;
	if (s->line - (lf ? 1 : 0) - (crlf ? 1 : 0) > LINE_MAX_)
		s->binary = 1;
	if (!lf)
		return;
	if (s->line <= 2 && s->line == (crlf ? 2u : 1u))
		s->in_body = 1;		/* an empty line */
	s->line = 0;
}

void
scan_octets(struct scan *s, struct span in)
{
	struct span	 piece;
	ptrdiff_t	 lf;

	while (in.n > 0) {
		lf = span_find(in, '\n');
		piece = span_of(in.p, lf == -1 ? in.n : (size_t)lf + 1);
		if (eight_bit(piece)) {
			s->any8 = 1;
			if (!s->in_body)
				s->header8 = 1;
		}
		line_ends(s, piece);
		in.p += piece.n;
		in.n -= piece.n;
	}
}

int
scan_ascii(struct span s)
{
	return (!eight_bit(s));
}

int
scan_address(struct span a)
{
	size_t	 i;
	int	 quoted = 0;

	for (i = 0; i < a.n; i++) {
		if (a.p[i] < 0x20 || a.p[i] == 0x7f)
			return (-1);
		if (quoted && a.p[i] == '\\' && i + 1 < a.n)
			i++;
		else if (a.p[i] == '"')
			quoted = !quoted;
		else if (!quoted && strchr(" <>", a.p[i]) != NULL)
			return (-1);
		if (a.p[i] < 0x20 || a.p[i] == 0x7f)
			return (-1);
	}
	return (quoted ? -1 : 0);
}

int
scan_xtext(struct span s, size_t max, int utf8)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] == 0x7f || s.p[i] == '=' ||
		    (s.p[i] > 0x7f && !utf8))
			return (-1);
	return (s.n <= max ? 0 : -1);
}
