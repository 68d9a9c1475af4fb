/*
 * Names: of hosts, of domains with other letters than ASCII, and as the wire has
 * them.  See dns.h.
 */
#include <errno.h>
#include <idn2.h>
#include <stdlib.h>
#include <string.h>

#include "dns.h"

#define LABEL_MAX	63	/* octets, RFC 1035 2.3.4 */
#define INPUT_MAX	4096	/* octets looked at for a domain */

static int	 plain(int);
static int	 unescape(struct span *, uint8_t *);
static int	 ascii_only(const char *);

/* An octet of a label that is written as it is. */
static int
plain(int c)
{
	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '_');
}

int
dns_host_valid(struct span s)
{
	size_t	 i, label = 0;
	int	 last = '.';

	if (s.n == 0 || s.n > DNS_HOST_MAX)
		return (0);
	for (i = 0; i < s.n; last = s.p[i++]) {
		if (s.p[i] == '.') {
			if (label == 0 || last == '-')
				return (0);
			label = 0;
			continue;
		}
		if (!plain(s.p[i]) || (s.p[i] == '-' && label == 0) ||
		    ++label > LABEL_MAX)
			return (0);
	}
	return (label > 0 && last != '-');
}

static int
ascii_only(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s >= 0x80)
			return (0);
	return (1);
}

int
dns_domain_ascii(const char *s, char **out)
{
	char	*ascii = NULL, *p;
	size_t	 n;
	int	 rc = IDN2_OK;

	*out = NULL;
	if (strlen(s) > INPUT_MAX) {
		errno = EINVAL;
		return (-1);
	}
	/* libidn2 would refuse what DNS allows, "r3---a" for one. */
	if (ascii_only(s))
		ascii = strdup(s);
	else
		rc = idn2_to_ascii_8z(s, &ascii, IDN2_NFC_INPUT |
		    IDN2_NONTRANSITIONAL);
	if (ascii == NULL) {
		errno = rc == IDN2_OK || rc == IDN2_MALLOC ? ENOMEM : EINVAL;
		return (-1);
	}
	for (p = ascii; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p |= 0x20;
	n = (size_t)(p - ascii);
	if (n > 1 && ascii[n - 1] == '.')
		ascii[--n] = '\0';
	if (dns_host_valid(span_of(ascii, n))) {
		if ((*out = strdup(ascii)) == NULL)
			errno = ENOMEM;
	} else
		errno = EINVAL;
	if (ascii_only(s))
		free(ascii);
	else
		idn2_free(ascii);
	return (*out == NULL ? -1 : 0);
}

/* What follows a backslash, RFC 1035 5.1. */
static int
unescape(struct span *s, uint8_t *c)
{
	unsigned	 v = 0;
	int		 i;

	if (s->n == 0)
		return (-1);
	if (s->p[0] < '0' || s->p[0] > '9')
		return (span_get_u8(s, c));
	for (i = 0; i < 3; i++) {
		if (span_get_u8(s, c) == -1 || *c < '0' || *c > '9')
			return (-1);
		v = v * 10 + (*c - '0');
	}
	*c = (uint8_t)v;
	return (v > 255 ? -1 : 0);
}

int
dns_name_put(struct buf *b, struct span s)
{
	uint8_t	 wire[DNS_WIRE_MAX], c;
	size_t	 n = 1, len = 0;	/* wire[len] counts the label */
	int	 escaped;

	errno = EINVAL;
	wire[0] = 0;
	if (s.n == 0)
		return (-1);
	if (s.n == 1 && s.p[0] == '.')
		return (buf_put_u8(b, 0));
	while (s.n > 0) {
		(void)span_get_u8(&s, &c);
		if ((escaped = c == '\\') && unescape(&s, &c) == -1)
			return (-1);
		if (c == '.' && !escaped) {
			if (wire[len] == 0 || n == sizeof(wire))
				return (-1);
			len = n;
			wire[n++] = 0;
			continue;
		}
		if (wire[len] == LABEL_MAX || n == sizeof(wire))
			return (-1);
		wire[n++] = c;
		wire[len]++;
	}
	/* The last label is the root's, whether it was written or not. */
	if (wire[len] != 0) {
		if (n == sizeof(wire))
			return (-1);
		wire[n++] = 0;
	}
	return (buf_add(b, wire, n));
}

int
dns_name_get(struct span *s, struct buf *b)
{
	struct span	 in = *s, label;
	size_t		 total = 0, was = b->n;
	uint8_t		 n;
	size_t		 i;

	for (;;) {
		if (span_get_u8(&in, &n) == -1 || n > LABEL_MAX ||
		    (total += n + 1u) > DNS_WIRE_MAX ||
		    span_take(&in, n, &label) == -1)
			break;
		if (n == 0) {
			if (b->n == was)
				buf_addc(b, '.');
			if (buf_failed(b))
				break;
			*s = in;
			return (0);
		}
		if (b->n != was)
			buf_addc(b, '.');
		for (i = 0; i < n; i++)
			if (!plain(label.p[i]))
				buf_addf(b, "\\%03u", label.p[i]);
			else
				buf_addc(b, label.p[i] >= 'A' &&
				    label.p[i] <= 'Z' ? label.p[i] | 0x20 :
				    label.p[i]);
	}
	buf_truncate(b, was);
	errno = EINVAL;
	return (-1);
}
