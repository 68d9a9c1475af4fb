/*
 * Strings in answers.  See write.h.
 */
#include <string.h>

#include "mutf7.h"
#include "write.h"

#define QUOTED_MAX	512	/* octets; longer ones are literals */

void
number_write(struct buf *b, uint64_t v)
{
	uint8_t	 d[20];
	size_t	 i = sizeof(d);

	do {
		d[--i] = (uint8_t)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	buf_add(b, d + i, sizeof(d) - i);
}

void
string_write(struct buf *b, struct span s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] >= 0x7f)
			break;
	if (i < s.n || s.n > QUOTED_MAX) {
		buf_addf(b, "{%zu}\r\n", s.n);
		buf_add_span(b, s);
	} else
		(void)buf_add_quoted(b, s);
}

void
astring_write(struct buf *b, struct span s, int space_before)
{
	size_t	 i;

	if (space_before)
		buf_addc(b, ' ');
	for (i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f ||
		    strchr("(){%*\"\\", s.p[i]) != NULL)
			break;
	if (s.n == 0 || i < s.n || span_caseeqs(s, "NIL"))
		string_write(b, s);
	else
		buf_add_span(b, s);
}

void
mailbox_write(struct buf *b, struct span s, int utf8)
{
	struct buf	 enc = { 0 };

	if (utf8) {
		(void)buf_add_quoted(b, s);
		return;
	}
	if (mutf7_encode(&enc, s) == 0)
		astring_write(b, span_buf(&enc), 0);
	else
		buf_adds(b, "\"\"");
	buf_free(&enc);
}

void
objectid_write(struct buf *b, int kind, uint64_t id)
{
	(void)buf_addf(b, "%c%016llx", kind, (unsigned long long)id);
}

uint64_t
objectid_read(struct span s, int kind)
{
	static const char	 digits[] = "0123456789abcdef";
	const char		*d;
	uint64_t		 id = 0;
	size_t			 i;

	if (s.n != 17 || s.p[0] != kind)
		return (0);
	for (i = 1; i < s.n; i++) {
		if (s.p[i] == '\0' || (d = strchr(digits, s.p[i])) == NULL)
			return (0);
		id = id << 4 | (uint64_t)(d - digits);
	}
	return (id);
}
