/*
 * Modified UTF-7 and LIST patterns.  See mutf7.h.
 */
#include <stdlib.h>
#include <string.h>

#include "mutf7.h"

static const char	 alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static int	 digit(uint8_t);
static int	 put_utf8(struct buf *, uint32_t);
static int	 get_utf8(struct span *, uint32_t *);
static int	 decode_shift(struct buf *, struct span);

static int
digit(uint8_t c)
{
	const char	*at;

	return (c == '\0' || (at = strchr(alphabet, c)) == NULL ? -1 :
	    (int)(at - alphabet));
}

static int
put_utf8(struct buf *b, uint32_t c)
{
	if (c < 0x80)
		return (buf_addc(b, (int)c));
	if (c < 0x800)
		buf_addc(b, (int)(0xc0 | c >> 6));
	else if (c < 0x10000) {
		buf_addc(b, (int)(0xe0 | c >> 12));
		buf_addc(b, (int)(0x80 | (c >> 6 & 63)));
	} else {
		buf_addc(b, (int)(0xf0 | c >> 18));
		buf_addc(b, (int)(0x80 | (c >> 12 & 63)));
		buf_addc(b, (int)(0x80 | (c >> 6 & 63)));
	}
	return (buf_addc(b, (int)(0x80 | (c & 63))));
}

/* One scalar value of strict UTF-8 (RFC 3629). */
static int
get_utf8(struct span *s, uint32_t *c)
{
	static const uint32_t	 least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t			 n, i;
	uint8_t			 o;

	if (s->n == 0)
		return (-1);
	o = s->p[0];
	n = o < 0x80 ? 1 : o < 0xc2 ? 0 : o < 0xe0 ? 2 : o < 0xf0 ? 3 :
	    o < 0xf5 ? 4 : 0;
	if (n == 0 || s->n < n)
		return (-1);
	*c = n == 1 ? o : o & (0xffu >> (n + 1));
	for (i = 1; i < n; i++) {
		if ((s->p[i] & 0xc0) != 0x80)
			return (-1);
		*c = *c << 6 | (s->p[i] & 63u);
	}
	if (*c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000))
		return (-1);
	s->p += n;
	s->n -= n;
	return (0);
}

/* The base64 of UTF-16BE between "&" and "-". */
static int
decode_shift(struct buf *b, struct span s)
{
	uint32_t	 bits = 0, unit, high = 0;
	unsigned	 have = 0;
	size_t		 i;
	int		 d;

	for (i = 0; i < s.n; i++) {
		if ((d = digit(s.p[i])) == -1)
			return (-1);
		bits = bits << 6 | (uint32_t)d;
		have += 6;
		if (have < 16)
			continue;
		have -= 16;
		unit = bits >> have & 0xffff;
		bits &= (1u << have) - 1;
		if (high != 0) {
			if (unit < 0xdc00 || unit > 0xdfff)
				return (-1);
			put_utf8(b, 0x10000 + ((high - 0xd800) << 10) +
			    (unit - 0xdc00));
			high = 0;
		} else if (unit >= 0xd800 && unit <= 0xdbff)
			high = unit;
		else if (unit == 0 || (unit >= 0xdc00 && unit <= 0xdfff) ||
		    (unit >= 0x20 && unit < 0x7f))
			return (-1);	/* NUL, half, needless shift */
		else
			put_utf8(b, unit);
	}
	return (high != 0 || have >= 6 || bits != 0 ? -1 : 0);
}

int
mutf7_decode(struct buf *b, struct span s)
{
	struct span	 shift;
	size_t		 was = b->n;
	int		 shifted = 0;

	while (s.n > 0) {
		if (s.p[0] < 0x20 || s.p[0] >= 0x7f)
			goto bad;
		if (s.p[0] != '&') {
			buf_addc(b, s.p[0]);
			s.p++;
			s.n--;
			shifted = 0;
			continue;
		}
		s.p++;
		s.n--;
		if (span_split(&s, '-', &shift) == 0)
			goto bad;
		if (shift.n == 0) {
			buf_addc(b, '&');
			shifted = 0;
			continue;
		}
		if (shifted || decode_shift(b, shift) == -1)
			goto bad;	/* two shifts side by side are one */
		shifted = 1;
	}
	if (!buf_failed(b))
		return (0);
bad:
	buf_truncate(b, was);
	return (-1);
}

int
mutf7_encode(struct buf *b, struct span s)
{
	uint32_t	 c, bits = 0, units[2];
	unsigned	 have = 0, i, n;
	int		 shifted = 0;

	while (s.n > 0) {
		if (get_utf8(&s, &c) == -1)
			return (-1);
		if (c >= 0x20 && c < 0x7f) {
			if (shifted) {
				if (have > 0)
					buf_addc(b, alphabet[bits <<
					    (6 - have) & 63]);
				buf_addc(b, '-');
				shifted = 0;
			}
			buf_addc(b, (int)c);
			if (c == '&')
				buf_addc(b, '-');
			continue;
		}
		if (!shifted) {
			buf_addc(b, '&');
			shifted = 1;
			bits = 0;
			have = 0;
		}
		n = c >= 0x10000 ? 2 : 1;
		units[0] = n == 1 ? c : 0xd800 + ((c - 0x10000) >> 10);
		units[1] = 0xdc00 + ((c - 0x10000) & 0x3ff);
		for (i = 0; i < n; i++) {
			bits = bits << 16 | units[i];
			for (have += 16; have >= 6; have -= 6)
				buf_addc(b, alphabet[bits >> (have - 6) & 63]);
			bits &= (1u << have) - 1;
		}
	}
	if (shifted) {
		if (have > 0)
			buf_addc(b, alphabet[bits << (6 - have) & 63]);
		buf_addc(b, '-');
	}
	return (buf_failed(b) ? -1 : 0);
}

/* Row by row: which prefixes of the name the pattern so far matches. */
int
list_match(struct span pattern, struct span name, int separator)
{
	uint8_t	*row;
	size_t	 i, k;
	int	 c, match, before, was;

	if ((row = calloc(name.n + 1, 1)) == NULL)
		return (0);
	row[0] = 1;
	for (i = 0; i < pattern.n; i++) {
		c = pattern.p[i];
		if (c == '*' || c == '%') {
			for (k = 1; k <= name.n; k++)
				if (row[k - 1] &&
				    (c == '*' || name.p[k - 1] != separator))
					row[k] = 1;
			continue;
		}
		before = row[0];
		row[0] = 0;
		for (k = 1; k <= name.n; k++) {
			was = row[k];
			row[k] = (uint8_t)(before && name.p[k - 1] == c);
			before = was;
		}
	}
	match = row[name.n];
	free(row);
	return (match);
}
