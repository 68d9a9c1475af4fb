/*
 * The grammar of SCRAM messages, RFC 5802 section 7.  Attribute letters are
 * case-sensitive and their order is fixed (section 5.1).
 */
#include <string.h>

#include "scram_int.h"

const char *const	 scram_binding_names[SCRAM_BINDINGS] = {
	[SCRAM_TLS_EXPORTER] = "tls-exporter",
	[SCRAM_TLS_UNIQUE] = "tls-unique",
	[SCRAM_TLS_SERVER_END_POINT] = "tls-server-end-point",
};

int
scram_bindings_any(const struct scram_bindings *b)
{
	size_t	 i;

	for (i = 0; i < SCRAM_BINDINGS; i++)
		if (b->data[i].n != 0)
			return (1);
	return (0);
}

int
scram_attr(struct span *in, int letter, struct span *value)
{
	ptrdiff_t	 n;

	if (in->n < 2 || in->p[0] != letter || in->p[1] != '=')
		return (-1);
	in->p += 2;
	in->n -= 2;
	if ((n = span_find(*in, ',')) == -1)
		n = (ptrdiff_t)in->n;
	return (span_take(in, (size_t)n, value));
}

int
scram_comma(struct span *in)
{
	struct span	 c;

	if (in->n == 0 || in->p[0] != ',')
		return (-1);
	return (span_take(in, 1, &c));
}

int
scram_unescape(struct buf *out, struct span in)
{
	struct span	 esc;

	if (in.n == 0)
		return (-1);
	while (in.n > 0) {
		if (in.p[0] == 0 || in.p[0] == ',')
			return (-1);
		if (in.p[0] != '=') {
			buf_addc(out, in.p[0]);
			in.p++;
			in.n--;
			continue;
		}
		if (span_take(&in, 3, &esc) == -1)
			return (-1);
		if (span_caseeqs(esc, "=2C"))
			buf_addc(out, ',');
		else if (span_caseeqs(esc, "=3D"))
			buf_addc(out, '=');
		else
			return (-1);
	}
	return (buf_failed(out) ? -1 : 0);
}

int
scram_escape(struct buf *out, struct span in)
{
	size_t	 i;

	for (i = 0; i < in.n; i++) {
		if (in.p[i] == ',')
			buf_adds(out, "=2C");
		else if (in.p[i] == '=')
			buf_adds(out, "=3D");
		else
			buf_addc(out, in.p[i]);
	}
	return (buf_failed(out) ? -1 : 0);
}

int
scram_nonce_valid(struct span s)
{
	size_t	 i;

	if (s.n > SCRAM_NONCE_MAX)
		return (0);
	for (i = 0; i < s.n; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e || s.p[i] == ',')
			return (0);
	return (1);
}

enum scram_why
scram_extensions(struct span *in)
{
	struct span	 rest, value;
	int		 letter;

	for (;;) {
		rest = *in;
		if (rest.n == 0 || scram_comma(&rest) == -1)
			return (rest.n == 0 ? SCRAM_WHY_NONE :
			    SCRAM_WHY_SYNTAX);
		letter = rest.n == 0 ? 0 : rest.p[0];
		if (letter == 'p')
			return (SCRAM_WHY_NONE);
		if (letter == 'm')
			return (SCRAM_WHY_EXTENSION);
		if (!((letter >= 'a' && letter <= 'z') ||
		    (letter >= 'A' && letter <= 'Z')) ||
		    strchr("acinrsve", letter) != NULL ||
		    scram_attr(&rest, letter, &value) == -1 ||
		    value.n == 0 || memchr(value.p, 0, value.n) != NULL)
			return (SCRAM_WHY_SYNTAX);
		*in = rest;
	}
}

int
scram_number(struct span s, uint32_t max, uint32_t *out)
{
	uint64_t	 n;

	if (s.n == 0 || s.p[0] == '0' || span_num(s, max, &n) == -1)
		return (-1);
	*out = (uint32_t)n;
	return (0);
}
