/*
 * Quoted-printable and base64.  See transfer.h.
 */
#include <stddef.h>
#include <string.h>

#include "transfer.h"

#define PAD	64
#define NONE	255

static void	 un64_init(uint8_t *);
static int	 un64(struct transfer *, struct buf *, struct span);
static int	 hex(int);
static int	 unqp(struct transfer *, struct buf *, struct span);
static int	 unqp_hold(struct transfer *, struct buf *, uint8_t);
static void	 unqp_flush(struct transfer *, struct buf *);
static void	 qp_octet(struct transfer *, struct buf *, uint8_t, int);
static void	 qp(struct transfer *, struct buf *, uint8_t);
static void	 to64(struct transfer *, struct buf *, struct span);
static void	 to64_group(struct transfer *, struct buf *, unsigned);

static const char	 digits64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char	 digits16[] = "0123456789ABCDEF";

void
transfer_start(struct transfer *t, enum mime_encoding e)
{
	memset(t, 0, offsetof(struct transfer, blank));
	t->broken = 0;
	t->encoding = e;
}

static void
un64_init(uint8_t *value)
{
	int	 i;

	memset(value, NONE, 256);
	for (i = 0; i < 64; i++)
		value[(uint8_t)digits64[i]] = (uint8_t)i;
	value['='] = PAD;
}

static int
un64(struct transfer *t, struct buf *b, struct span s)
{
	uint8_t	 value[256], v, *to;
	size_t	 i, n = 0;

	if ((to = buf_reserve(b, s.n / 4 * 3 + 3)) == NULL)
		return (-1);
	un64_init(value);
	for (i = 0; i < s.n; i++) {
		/* four at once, the usual case */
		while (t->nbits == 0 && i + 4 <= s.n) {
			uint32_t	 a = value[s.p[i]], c = value[s.p[i + 1]],
					 d = value[s.p[i + 2]],
					 e = value[s.p[i + 3]];

			if ((a | c | d | e) >= PAD)
				break;
			a = a << 18 | c << 12 | d << 6 | e;
			to[n++] = (uint8_t)(a >> 16);
			to[n++] = (uint8_t)(a >> 8);
			to[n++] = (uint8_t)a;
			i += 4;
		}
		if (i == s.n)
			break;
		v = value[s.p[i]];
		if (v == PAD) {			/* what follows begins anew */
			t->nbits = t->bits = 0;
			continue;
		}
		if (v == NONE) {
			t->broken |= s.p[i] > ' ';
			continue;
		}
		t->bits = t->bits << 6 | v;
		t->nbits += 6;
		if (t->nbits >= 8) {
			t->nbits -= 8;
			to[n++] = (uint8_t)(t->bits >> t->nbits);
			t->bits &= (1u << t->nbits) - 1;
		}
	}
	buf_commit(b, n);
	return (0);
}

static int
hex(int c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	if (c >= 'A' && c <= 'F')
		return (c - 'A' + 10);
	if (c >= 'a' && c <= 'f')
		return (c - 'a' + 10);
	return (-1);
}

/* Held octets and blanks as they stand. */
static void
unqp_flush(struct transfer *t, struct buf *b)
{
	buf_add(b, t->hold, t->nhold);
	buf_add(b, t->blank, t->blanks);
	t->nhold = t->blanks = 0;
}

/*
 * An octet behind held ones: "=", "=X", "=" and blanks (a soft line end with
 * something behind it), "=...CR", or blanks, which may end the line.  Returns
 * 1 when the octet was taken, 0 when it is to be looked at anew.
 */
static int
unqp_hold(struct transfer *t, struct buf *b, uint8_t c)
{
	if (t->nhold == 0) {			/* only blanks */
		if (c == '\r' || c == '\n')
			t->blanks = 0;		/* RFC 2045 section 6.7 (3) */
		else if (c != ' ' && c != '\t')
			unqp_flush(t, b);
		else if (t->blanks < TRANSFER_BLANKS) {
			t->blank[t->blanks++] = c;
			return (1);
		} else {
			unqp_flush(t, b);
			t->blank[t->blanks++] = c;
			return (1);
		}
		return (0);
	}
	if (c == '\n') {			/* soft line end */
		t->nhold = t->blanks = 0;
		return (1);
	}
	if (t->nhold == 1 && c == '\r') {
		t->hold[t->nhold++] = c;
		return (1);
	}
	if (t->nhold == 1 && (c == ' ' || c == '\t') &&
	    t->blanks < TRANSFER_BLANKS) {
		t->blank[t->blanks++] = c;
		return (1);
	}
	if (t->nhold == 1 && t->blanks == 0 && hex(c) != -1) {
		t->hold[t->nhold++] = c;
		return (1);
	}
	if (t->nhold == 2 && hex(t->hold[1]) != -1 && hex(c) != -1) {
		buf_addc(b, hex(t->hold[1]) << 4 | hex(c));
		t->nhold = 0;
		return (1);
	}
	t->broken = 1;
	unqp_flush(t, b);
	return (0);
}

static int
unqp(struct transfer *t, struct buf *b, struct span s)
{
	size_t	 i = 0, n;

	if (buf_reserve(b, s.n) == NULL)
		return (-1);
	while (i < s.n) {
		if ((t->nhold > 0 || t->blanks > 0) &&
		    unqp_hold(t, b, s.p[i])) {
			i++;
			continue;
		}
		for (n = i; n < s.n && s.p[n] != '=' && s.p[n] != ' ' &&
		    s.p[n] != '\t'; n++)
			;
		/* a blank with something behind it is only itself */
		while (n + 1 < s.n && s.p[n] == ' ' && s.p[n + 1] > '=')
			for (n++; n < s.n && s.p[n] != '=' && s.p[n] != ' ' &&
			    s.p[n] != '\t'; n++)
				;
		buf_add(b, s.p + i, n - i);
		i = n;
		if (i == s.n)
			break;
		if (s.p[i] == '=')
			t->hold[t->nhold++] = '=';
		else
			t->blank[t->blanks++] = s.p[i];
		i++;
	}
	return (buf_failed(b) ? -1 : 0);
}

int
transfer_feed(struct transfer *t, struct buf *b, struct span s)
{
	switch (t->encoding) {
	case MIME_BASE64:
		return (un64(t, b, s));
	case MIME_QP:
		return (unqp(t, b, s));
	case MIME_7BIT:
	case MIME_8BIT:
	case MIME_BINARY:
	case MIME_UNKNOWN:
		break;
	}
	return (buf_add_span(b, s));
}

int
transfer_end(struct transfer *t, struct buf *b)
{
	if (t->encoding == MIME_QP) {
		if (t->nhold == 0)
			t->blanks = 0;
		else if (t->nhold == 1)		/* a soft end, the last */
			t->nhold = t->blanks = 0;
		unqp_flush(t, b);
	} else if (t->encoding == MIME_BASE64 && t->nbits >= 6)
		t->broken = 1;
	return (buf_failed(b) ? -1 : 0);
}

/* One octet of a line, encoded or not; a soft line end first if need be. */
static void
qp_octet(struct transfer *t, struct buf *b, uint8_t c, int encode)
{
	unsigned	 n = encode ? 3 : 1;

	if (t->col + n > TRANSFER_LINE - 1) {
		buf_adds(b, "=\r\n");
		t->col = 0;
	}
	if (c == '.' && t->col == 0)		/* no line is a dot */
		encode = 1, n = 3;
	if (encode) {
		buf_addc(b, '=');
		buf_addc(b, digits16[c >> 4]);
		buf_addc(b, digits16[c & 15]);
	} else
		buf_addc(b, c);
	t->col += n;
}

/* One octet is held back: a blank or a CR, whose meaning shows behind it. */
static void
qp(struct transfer *t, struct buf *b, uint8_t c)
{
	uint8_t	 h = t->hold[0];

	if (t->nhold == 1) {
		t->nhold = 0;
		if (h == '\r' && c == '\n') {
			buf_adds(b, "\r\n");
			t->col = 0;
			return;
		}
		qp_octet(t, b, h, h == '\r' || c == '\r' || c == '\n');
	}
	if (c == ' ' || c == '\t' || c == '\r') {
		t->hold[0] = c;
		t->nhold = 1;
	} else
		qp_octet(t, b, c, c < 0x20 || c >= 0x7f || c == '=');
}

static void
to64_group(struct transfer *t, struct buf *b, unsigned n)
{
	uint32_t	 v = (uint32_t)t->hold[0] << 16;
	unsigned	 i;

	if (n > 1)
		v |= (uint32_t)t->hold[1] << 8;
	if (n > 2)
		v |= t->hold[2];
	for (i = 0; i < 4; i++)
		buf_addc(b, i <= n ? digits64[v >> (18 - 6 * i) & 63] : '=');
	t->col += 4;
	if (t->col >= TRANSFER_LINE) {
		buf_adds(b, "\r\n");
		t->col = 0;
	}
	t->nhold = 0;
}

static void
to64(struct transfer *t, struct buf *b, struct span s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++) {
		t->hold[t->nhold++] = s.p[i];
		if (t->nhold == 3)
			to64_group(t, b, 3);
	}
}

int
transfer_encode(struct transfer *t, struct buf *b, struct span s)
{
	size_t	 i;

	if (t->encoding == MIME_BASE64)
		to64(t, b, s);
	else if (t->encoding == MIME_QP)
		for (i = 0; i < s.n; i++)
			qp(t, b, s.p[i]);
	else
		buf_add_span(b, s);
	return (buf_failed(b) ? -1 : 0);
}

int
transfer_encode_end(struct transfer *t, struct buf *b)
{
	if (t->encoding == MIME_BASE64) {
		if (t->nhold > 0)
			to64_group(t, b, t->nhold);
		if (t->col > 0)
			buf_adds(b, "\r\n");
	} else if (t->encoding == MIME_QP) {
		if (t->nhold > 0)
			qp_octet(t, b, t->hold[0], 1);
		if (t->col > 0)
			buf_adds(b, "=\r\n");
	}
	t->col = t->nhold = 0;
	return (buf_failed(b) ? -1 : 0);
}
