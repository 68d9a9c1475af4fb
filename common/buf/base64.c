/*
 * Base64, RFC 4648 section 4.  The decoder takes the canonical form alone:
 * padded, no white space, no bits set behind the last octet.
 */
#include <errno.h>
#include <string.h>

#include "buf.h"

static const char	 alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int	 value(uint8_t);

static int
value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (c - 'A');
	if (c >= 'a' && c <= 'z')
		return (c - 'a' + 26);
	if (c >= '0' && c <= '9')
		return (c - '0' + 52);
	if (c == '+')
		return (62);
	return (c == '/' ? 63 : -1);
}

int
buf_add_base64(struct buf *b, struct span s)
{
	uint8_t		*o;
	uint32_t	 v;
	size_t		 i, k, left;

	if ((o = buf_reserve(b, (s.n + 2) / 3 * 4)) == NULL)
		return (-1);
	for (i = 0; i < s.n; i += 3) {
		left = s.n - i < 3 ? s.n - i : 3;
		v = (uint32_t)s.p[i] << 16;
		if (left > 1)
			v |= (uint32_t)s.p[i + 1] << 8;
		if (left > 2)
			v |= s.p[i + 2];
		for (k = 0; k < 4; k++)
			*o++ = (uint8_t)(k <= left ?
			    alphabet[v >> (18 - 6 * k) & 63] : '=');
	}
	buf_commit(b, (s.n + 2) / 3 * 4);
	return (0);
}

int
buf_add_unbase64(struct buf *b, struct span s)
{
	uint8_t		*o;
	uint32_t	 v;
	size_t		 i, k, have, n = 0;
	int		 d;

	if (s.n % 4 != 0)
		goto bad;
	if ((o = buf_reserve(b, s.n / 4 * 3)) == NULL)
		return (-1);
	for (i = 0; i < s.n; i += 4) {
		have = 4;
		if (i + 4 == s.n && s.p[i + 3] == '=')
			have = s.p[i + 2] == '=' ? 2 : 3;
		for (v = 0, k = 0; k < have; k++) {
			if ((d = value(s.p[i + k])) == -1)
				goto bad;
			v |= (uint32_t)d << (18 - 6 * k);
		}
		if ((have == 2 && (v & 0xffff) != 0) ||
		    (have == 3 && (v & 0xff) != 0))
			goto bad;
		for (k = 0; k + 1 < have; k++)
			o[n++] = (uint8_t)(v >> (16 - 8 * k));
	}
	buf_commit(b, n);
	return (0);
bad:
	errno = EINVAL;
	return (-1);
}
