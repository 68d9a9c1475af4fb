/*
 * The body of a message as DATA carries it.  See smtpclient.h.
 */
#include <string.h>

#include "smtpclient.h"

/* Octets before the first CR or LF. */
static size_t
line_length(struct span s)
{
	const uint8_t	*lf = memchr(s.p, '\n', s.n), *cr;
	size_t		 n = lf == NULL ? s.n : (size_t)(lf - s.p);

	cr = memchr(s.p, '\r', n);
	return (cr == NULL ? n : (size_t)(cr - s.p));
}

int
smtpclient_dots(struct smtpclient_dots *d, struct span s, struct buf *out)
{
	size_t	 n;

	while (s.n > 0) {
		if (d->cr) {
			/* The LF of a CRLF, or a line that began after a CR. */
			d->cr = d->mid = 0;
			buf_add(out, "\r\n", 2);
			if (*s.p == '\n') {
				s.p++;
				s.n--;
			}
			continue;
		}
		if (!d->mid && *s.p == '.')
			buf_addc(out, '.');
		n = line_length(s);
		buf_add(out, s.p, n);
		d->mid = d->mid || n > 0;
		if (n == s.n)
			break;
		if (s.p[n] == '\r') {
			d->cr = 1;
		} else {
			d->mid = 0;
			buf_add(out, "\r\n", 2);
		}
		s.p += n + 1;
		s.n -= n + 1;
	}
	return (buf_failed(out) ? -1 : 0);
}

int
smtpclient_dots_end(struct smtpclient_dots *d, struct buf *out)
{
	if (d->mid || d->cr)
		buf_add(out, "\r\n", 2);
	d->mid = d->cr = 0;
	return (buf_add(out, ".\r\n", 3));
}
