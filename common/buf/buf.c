/*
 * Owned, growing octets with a sticky error.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

#define COPIED	16384	/* octets; a larger one is moved when it grows */

static int	 fail(struct buf *, int);
static uint8_t	*larger(struct buf *, size_t);

static int
fail(struct buf *b, int err)
{
	if (b->failed == 0)
		b->failed = err;
	errno = b->failed;
	return (-1);
}

void
buf_init(struct buf *b, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->max = max;
}

void
buf_free(struct buf *b)
{
	size_t	 max = b->max;

	free(b->p);
	buf_init(b, max);
}

void
buf_freezero(struct buf *b)
{
	if (b->p != NULL)
		explicit_bzero(b->p, b->cap);
	buf_free(b);
}

void
buf_reset(struct buf *b)
{
	b->n = 0;
	b->failed = 0;
}

int
buf_failed(const struct buf *b)
{
	return (b->failed != 0);
}

void
buf_drain(struct buf *b, size_t n)
{
	if (n >= b->n) {
		b->n = 0;
		return;
	}
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

void
buf_truncate(struct buf *b, size_t n)
{
	if (n < b->n)
		b->n = n;
}

/* It may hold a password: no copy of it stays behind.  Those do not get large,
 * and large ones are better moved than copied. */
static uint8_t *
larger(struct buf *b, size_t cap)
{
	uint8_t	*p;

	if (b->p == NULL || b->cap > COPIED)
		return (realloc(b->p, cap));
	if ((p = malloc(cap)) == NULL)
		return (NULL);
	memcpy(p, b->p, b->cap);
	explicit_bzero(b->p, b->cap);
	free(b->p);
	return (p);
}

uint8_t *
buf_reserve(struct buf *b, size_t n)
{
	size_t	 cap;
	uint8_t	*p;

	if (b->failed != 0) {
		errno = b->failed;
		return (NULL);
	}
	if (n > SIZE_MAX / 2 - b->n || (b->max != 0 && b->n + n > b->max)) {
		(void)fail(b, EMSGSIZE);
		return (NULL);
	}
	if (b->n + n > b->cap || b->p == NULL) {
		for (cap = b->cap < 64 ? 64 : b->cap; cap < b->n + n;)
			cap *= 2;
		if ((p = larger(b, cap)) == NULL) {
			(void)fail(b, ENOMEM);
			return (NULL);
		}
		b->p = p;
		b->cap = cap;
	}
	return (b->p + b->n);
}

void
buf_commit(struct buf *b, size_t n)
{
	b->n += n;
}

int
buf_add(struct buf *b, const void *p, size_t n)
{
	uint8_t	*to;

	if ((to = buf_reserve(b, n)) == NULL)
		return (-1);
	if (n != 0)
		memcpy(to, p, n);
	b->n += n;
	return (0);
}

int
buf_add_span(struct buf *b, struct span s)
{
	return (buf_add(b, s.p, s.n));
}

int
buf_adds(struct buf *b, const char *s)
{
	return (buf_add(b, s, strlen(s)));
}

int
buf_add_quoted(struct buf *b, struct span s)
{
	size_t	 i, from;

	(void)buf_addc(b, '"');
	for (i = from = 0; i < s.n; i++)
		if (s.p[i] == '"' || s.p[i] == '\\') {
			(void)buf_add(b, s.p + from, i - from);
			(void)buf_addc(b, '\\');
			from = i;
		}
	if (from < s.n)		/* an empty one may be at NULL */
		(void)buf_add(b, s.p + from, s.n - from);
	return (buf_addc(b, '"'));
}

int
buf_addc(struct buf *b, int c)
{
	uint8_t	 o = (uint8_t)c;

	return (buf_add(b, &o, 1));
}

int
buf_addv(struct buf *b, const char *fmt, va_list ap)
{
	va_list	 again;
	uint8_t	*to;
	size_t	 room;
	int	 n;

	if ((to = buf_reserve(b, 1)) == NULL)
		return (-1);
	room = b->cap - b->n;
	va_copy(again, ap);
	n = vsnprintf((char *)to, room, fmt, ap);
	if (n >= 0 && (size_t)n >= room) {
		if ((to = buf_reserve(b, (size_t)n + 1)) == NULL)
			n = -1;
		else
			n = vsnprintf((char *)to, (size_t)n + 1, fmt, again);
	} else if (n >= 0 && b->max != 0 && b->n + (size_t)n > b->max)
		n = fail(b, EMSGSIZE);
	va_end(again);
	if (n < 0)
		return (fail(b, EINVAL));
	b->n += (size_t)n;
	return (0);
}

int
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list	 ap;
	int	 rc;

	va_start(ap, fmt);
	rc = buf_addv(b, fmt, ap);
	va_end(ap);
	return (rc);
}

int
buf_add_escaped(struct buf *b, struct span s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] < 0x20 || s.p[i] >= 0x7f || s.p[i] == '\\')
			buf_addf(b, "\\x%02x", s.p[i]);
		else
			buf_addc(b, s.p[i]);
	}
	return (b->failed ? -1 : 0);
}

int
buf_add_hex(struct buf *b, struct span s)
{
	static const char	 digits[] = "0123456789abcdef";
	uint8_t			*to;
	size_t			 i;

	if ((to = buf_reserve(b, s.n * 2)) == NULL)
		return (-1);
	for (i = 0; i < s.n; i++) {
		to[2 * i] = (uint8_t)digits[s.p[i] >> 4];
		to[2 * i + 1] = (uint8_t)digits[s.p[i] & 15];
	}
	b->n += s.n * 2;
	return (0);
}

int
buf_put_u8(struct buf *b, uint8_t v)
{
	return (buf_add(b, &v, 1));
}

int
buf_put_u16(struct buf *b, uint16_t v)
{
	uint8_t	 o[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	return (buf_add(b, o, sizeof(o)));
}

int
buf_put_u32(struct buf *b, uint32_t v)
{
	uint8_t	 o[4];
	int	 i;

	for (i = 0; i < 4; i++)
		o[i] = (uint8_t)(v >> (24 - 8 * i));
	return (buf_add(b, o, sizeof(o)));
}

int
buf_put_u64(struct buf *b, uint64_t v)
{
	uint8_t	 o[8];
	int	 i;

	for (i = 0; i < 8; i++)
		o[i] = (uint8_t)(v >> (56 - 8 * i));
	return (buf_add(b, o, sizeof(o)));
}

int
buf_put_str(struct buf *b, struct span s)
{
	if (s.n > UINT32_MAX)
		return (fail(b, EMSGSIZE));
	if (buf_put_u32(b, (uint32_t)s.n) == -1)
		return (-1);
	return (buf_add_span(b, s));
}

int
buf_put_cstr(struct buf *b, const char *s)
{
	return (buf_put_str(b, span_str(s == NULL ? "" : s)));
}

const char *
buf_cstr(struct buf *b)
{
	uint8_t	*to;
	size_t	 max = b->max;

	b->max = 0;		/* the NUL is ours, not counted */
	to = buf_reserve(b, 1);
	b->max = max;
	if (to == NULL)
		return ("");
	*to = '\0';
	return ((const char *)b->p);
}
