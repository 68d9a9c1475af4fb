/*
 * Borrowed octets, read from the front.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "buf.h"

static uint8_t	 lower(uint8_t);

static uint8_t
lower(uint8_t c)
{
	return (c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c);
}

struct span
span_of(const void *p, size_t n)
{
	struct span	 s = { p, n };

	return (s);
}

struct span
span_str(const char *s)
{
	return (span_of(s, strlen(s)));
}

struct span
span_buf(const struct buf *b)
{
	return (span_of(b->p, b->n));
}

int
span_eq(struct span a, struct span b)
{
	return (a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0));
}

int
span_eqs(struct span a, const char *s)
{
	return (span_eq(a, span_str(s)));
}

int
span_caseeq(struct span a, struct span b)
{
	size_t	 i;

	if (a.n != b.n)
		return (0);
	for (i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return (0);
	return (1);
}

int
span_caseeqs(struct span a, const char *s)
{
	return (span_caseeq(a, span_str(s)));
}

int
span_caseprefix(struct span a, const char *s)
{
	size_t	 n = strlen(s);

	return (a.n >= n && span_caseeqs(span_of(a.p, n), s));
}

ptrdiff_t
span_find(struct span s, int c)
{
	const uint8_t	*at;

	if (s.n == 0 || (at = memchr(s.p, c, s.n)) == NULL)
		return (-1);
	return (at - s.p);
}

struct span
span_trim(struct span s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return (s);
}

int
span_split(struct span *s, int c, struct span *head)
{
	ptrdiff_t	 at = span_find(*s, c);

	*head = *s;
	if (at == -1) {
		s->p = s->n == 0 ? s->p : s->p + s->n;
		s->n = 0;
		return (0);
	}
	head->n = (size_t)at;
	s->p += at + 1;
	s->n -= (size_t)at + 1;
	return (1);
}

int
span_take(struct span *s, size_t n, struct span *out)
{
	if (s->n < n)
		return (-1);
	*out = span_of(s->p, n);
	if (n != 0) {
		s->p += n;
		s->n -= n;
	}
	return (0);
}

char *
span_dup(struct span s)
{
	char	*t;

	if (span_find(s, '\0') != -1) {
		errno = EINVAL;
		return (NULL);
	}
	if ((t = malloc(s.n + 1)) == NULL)
		return (NULL);
	if (s.n != 0)
		memcpy(t, s.p, s.n);
	t[s.n] = '\0';
	return (t);
}

int
span_num(struct span s, uint64_t max, uint64_t *out)
{
	uint64_t	 v = 0;
	size_t		 i;

	*out = 0;
	if (s.n == 0) {
		errno = EINVAL;
		return (-1);
	}
	for (i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9') {
			errno = EINVAL;
			return (-1);
		}
		if (v > (UINT64_MAX - (uint64_t)(s.p[i] - '0')) / 10) {
			errno = ERANGE;
			return (-1);
		}
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	if (v > max) {
		errno = ERANGE;
		return (-1);
	}
	*out = v;
	return (0);
}

int
span_get_raw(struct span *s, void *out, size_t n)
{
	struct span	 t;

	if (span_take(s, n, &t) == -1)
		return (-1);
	if (n != 0)
		memcpy(out, t.p, n);
	return (0);
}

int
span_get_u8(struct span *s, uint8_t *v)
{
	return (span_get_raw(s, v, 1));
}

int
span_get_u16(struct span *s, uint16_t *v)
{
	uint8_t	 o[2];

	if (span_get_raw(s, o, sizeof(o)) == -1)
		return (-1);
	*v = (uint16_t)(o[0] << 8 | o[1]);
	return (0);
}

int
span_get_u32(struct span *s, uint32_t *v)
{
	uint8_t	 o[4];

	if (span_get_raw(s, o, sizeof(o)) == -1)
		return (-1);
	*v = (uint32_t)o[0] << 24 | (uint32_t)o[1] << 16 |
	    (uint32_t)o[2] << 8 | o[3];
	return (0);
}

int
span_get_u64(struct span *s, uint64_t *v)
{
	uint8_t	 o[8];
	int	 i;

	if (span_get_raw(s, o, sizeof(o)) == -1)
		return (-1);
	for (*v = 0, i = 0; i < 8; i++)
		*v = *v << 8 | o[i];
	return (0);
}

int
span_get_str(struct span *s, struct span *out)
{
	struct span	 save = *s;
	uint32_t	 n;

	if (span_get_u32(s, &n) == -1 || span_take(s, n, out) == -1) {
		*s = save;
		return (-1);
	}
	return (0);
}

int
span_get_cstr(struct span *s, char **out)
{
	struct span	 save = *s, t;

	*out = NULL;
	if (span_get_str(s, &t) == -1 || (*out = span_dup(t)) == NULL) {
		*s = save;
		return (-1);
	}
	return (0);
}
