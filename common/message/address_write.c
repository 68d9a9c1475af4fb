/*
 * Addresses as they stand in a header field.
 */
#include <string.h>

#include "address.h"
#include "rfc2047.h"

#define SPECIALS	"()<>[]:;@\\,\""

int
address_write_spec(struct buf *b, struct span local, struct span host)
{
	size_t	 i;
	int	 plain = local.n > 0 && local.p[local.n - 1] != '.';

	for (i = 0; i < local.n; i++) {
		if (local.p[i] == '.' && (i == 0 || local.p[i - 1] == '.'))
			plain = 0;
		else if (local.p[i] != '.' && (local.p[i] <= 0x20 ||
		    local.p[i] == 0x7f || strchr(SPECIALS, local.p[i]) != NULL))
			plain = 0;
	}
	if (plain)
		buf_add_span(b, local);
	else {
		buf_addc(b, '"');
		for (i = 0; i < local.n; i++) {
			if (local.p[i] < 0x20 || local.p[i] == 0x7f)
				continue;
			if (local.p[i] == '"' || local.p[i] == '\\')
				buf_addc(b, '\\');
			buf_addc(b, local.p[i]);
		}
		buf_addc(b, '"');
	}
	buf_addc(b, '@');
	for (i = 0; i < host.n; i++)
		if (host.p[i] > 0x20 && host.p[i] != 0x7f)
			buf_addc(b, host.p[i]);
	return (buf_failed(b) ? -1 : 0);
}

int
address_write(struct buf *b, struct span name, struct span local,
    struct span host)
{
	if (name.n == 0)
		return (address_write_spec(b, local, host));
	rfc2047_encode_phrase(b, name);
	buf_adds(b, " <");
	address_write_spec(b, local, host);
	return (buf_addc(b, '>'));
}
