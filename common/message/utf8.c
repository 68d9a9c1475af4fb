/*
 * UTF-8, RFC 3629.
 */
#include <string.h>

#include "utf8.h"

int
utf8_decode(struct span s, uint32_t *cp)
{
	uint8_t	 lo = 0x80, hi = 0xbf;
	int	 n, i;

	*cp = 0xfffd;
	if (s.n == 0)
		return (-1);
	if (s.p[0] < 0x80) {
		*cp = s.p[0];
		return (1);
	}
	if (s.p[0] < 0xc2 || s.p[0] > 0xf4)
		return (0);
	n = s.p[0] < 0xe0 ? 2 : s.p[0] < 0xf0 ? 3 : 4;
	if (s.p[0] == 0xe0)
		lo = 0xa0;		/* no overlong forms */
	else if (s.p[0] == 0xed)
		hi = 0x9f;		/* no surrogates */
	else if (s.p[0] == 0xf0)
		lo = 0x90;
	else if (s.p[0] == 0xf4)
		hi = 0x8f;		/* U+10FFFF is the last */
	*cp = s.p[0] & (0xff >> (n + 1));
	for (i = 1; i < n; i++) {
		if ((size_t)i == s.n)
			return (-1);
		if (s.p[i] < lo || s.p[i] > hi) {
			*cp = 0xfffd;
			return (0);
		}
		*cp = *cp << 6 | (s.p[i] & 0x3f);
		lo = 0x80;
		hi = 0xbf;
	}
	return (n);
}

int
utf8_valid(struct span s)
{
	uint32_t	 cp;
	int		 n;

	while (s.n > 0) {
		if (s.p[0] < 0x80)
			n = 1;
		else if ((n = utf8_decode(s, &cp)) <= 0)
			return (0);
		s.p += n;
		s.n -= (size_t)n;
	}
	return (1);
}

int
utf8_add(struct buf *b, uint32_t cp)
{
	uint8_t	 o[4];
	size_t	 n;

	if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		cp = 0xfffd;
	if (cp < 0x80) {
		o[0] = (uint8_t)cp;
		n = 1;
	} else if (cp < 0x800) {
		o[0] = (uint8_t)(0xc0 | cp >> 6);
		n = 2;
	} else if (cp < 0x10000) {
		o[0] = (uint8_t)(0xe0 | cp >> 12);
		n = 3;
	} else {
		o[0] = (uint8_t)(0xf0 | cp >> 18);
		n = 4;
	}
	if (n > 1)
		o[n - 1] = (uint8_t)(0x80 | (cp & 0x3f));
	if (n > 2)
		o[n - 2] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
	if (n > 3)
		o[n - 3] = (uint8_t)(0x80 | (cp >> 12 & 0x3f));
	return (buf_add(b, o, n));
}

int
utf8_add_clean(struct buf *b, struct span s)
{
	uint32_t	 cp;
	size_t		 ok = 0;
	int		 n;

	while (ok < s.n) {
		if (s.p[ok] < 0x80 || (n = utf8_decode(span_of(s.p + ok,
		    s.n - ok), &cp)) > 0) {
			ok += s.p[ok] < 0x80 ? 1 : (size_t)n;
			continue;
		}
		buf_add(b, s.p, ok);
		utf8_add(b, 0xfffd);
		s.p += ok + 1;
		s.n -= ok + 1;
		ok = 0;
	}
	return (buf_add(b, s.p, ok));
}

size_t
utf8_cut(struct span s, size_t n)
{
	size_t	 back;

	if (n >= s.n)
		return (s.n);
	for (back = 0; back < 3 && back < n &&
	    (s.p[n - back] & 0xc0) == 0x80; back++)
		;
	return ((s.p[n - back] & 0xc0) == 0x80 ? n : n - back);
}
