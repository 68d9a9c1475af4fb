/*
 * Header fields and texts.  See compose.h.
 */
#include <string.h>

#include "address.h"
#include "compose.h"
#include "date.h"
#include "mime.h"
#include "rfc2047.h"
#include "transfer.h"
#include "utf8.h"

#define LINE_GOOD	78	/* octets, RFC 5322 section 2.1.1 */
#define LINE_LIMIT	998		/* no line is longer */

static void	 fold(struct buf *, struct span, size_t);
static int	 is_simple(struct span);

int
compose_field(struct buf *b, const char *name, struct span utf8)
{
	buf_addf(b, "%s: ", name);
	rfc2047_encode(b, utf8, strlen(name) + 2);
	return (buf_adds(b, "\r\n"));
}

/* One line, broken at spaces; a word too long for any line is cut up. */
static void
fold(struct buf *b, struct span s, size_t col)
{
	size_t	 n;

	while (s.n > 0) {
		for (n = 0; n < s.n && (n == 0 || s.p[n] != ' '); n++)
			;
		if (n > LINE_LIMIT - LINE_GOOD)
			n = utf8_cut(s, LINE_LIMIT - LINE_GOOD);
		if (col + n > LINE_GOOD && s.p[0] == ' ') {
			buf_adds(b, "\r\n");
			col = 0;
		} else if (col + n > LINE_LIMIT) {
			buf_adds(b, "\r\n ");
			col = 1;
		}
		buf_add(b, s.p, n);
		col += n;
		s.p += n;
		s.n -= n;
	}
}

int
compose_raw(struct buf *b, const char *name, struct span value)
{
	struct buf	 t = { 0 };
	size_t		 i;

	for (i = 0; i < value.n; i++) {		/* runs of space are one */
		if (value.p[i] > ' ' && value.p[i] != 0x7f)
			buf_addc(&t, value.p[i]);
		else if (t.n > 0 && t.p[t.n - 1] != ' ')
			buf_addc(&t, ' ');
	}
	if (t.n > 0 && t.p[t.n - 1] == ' ')
		t.n--;
	buf_addf(b, "%s: ", name);
	fold(b, span_buf(&t), strlen(name) + 2);
	if (buf_failed(&t))
		b->failed = t.failed;
	buf_free(&t);
	return (buf_adds(b, "\r\n"));
}

int
compose_mailbox(struct buf *b, const char *name, struct span display,
    struct span local, struct span host)
{
	buf_addf(b, "%s: ", name);
	address_write(b, display, local, host);
	return (buf_adds(b, "\r\n"));
}

int
compose_date(struct buf *b, int64_t t, int zone)
{
	buf_adds(b, "Date: ");
	if (date_write(b, t, zone) == -1)
		date_write(b, 0, 0);
	return (buf_adds(b, "\r\n"));
}

int
compose_lines(struct buf *b, struct span s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '\n')
			buf_adds(b, "\r\n");
		else if (s.p[i] == '\r') {
			if (i + 1 == s.n || s.p[i + 1] != '\n')
				buf_adds(b, "\r\n");
		} else if (s.p[i] != '\0')
			buf_addc(b, s.p[i]);
	}
	if (s.n > 0 && b->n > 0 && b->p[b->n - 1] != '\n')
		buf_adds(b, "\r\n");
	return (buf_failed(b) ? -1 : 0);
}

/* ASCII text in lines of a good length. */
static int
is_simple(struct span s)
{
	size_t	 i, col;

	for (i = col = 0; i < s.n; i++) {
		if (s.p[i] == '\n')
			col = 0;
		else if (s.p[i] != '\r' && ++col > LINE_GOOD)
			return (0);
		if (s.p[i] >= 0x7f || (s.p[i] < ' ' && s.p[i] != '\n' &&
		    s.p[i] != '\r' && s.p[i] != '\t'))
			return (0);
	}
	return (1);
}

int
compose_text(struct buf *b, struct span utf8)
{
	struct buf	 clean = { 0 }, t = { 0 };
	struct transfer	 qp;
	int		 simple;

	utf8_add_clean(&clean, utf8);
	compose_lines(&t, span_buf(&clean));
	simple = is_simple(span_buf(&t));
	buf_addf(b, "Content-Type: text/plain; charset=%s\r\n"
	    "Content-Transfer-Encoding: %s\r\n\r\n",
	    simple ? "us-ascii" : "utf-8",
	    simple ? "7bit" : "quoted-printable");
	if (simple)
		buf_add_span(b, span_buf(&t));
	else {
		transfer_start(&qp, MIME_QP);
		transfer_encode(&qp, b, span_buf(&t));
		transfer_encode_end(&qp, b);
	}
	if (buf_failed(&clean) || buf_failed(&t))
		b->failed = buf_failed(&clean) ? clean.failed : t.failed;
	buf_free(&clean);
	buf_free(&t);
	return (buf_failed(b) ? -1 : 0);
}
