/*
 * Read a line with a cursor, build an answer in a buffer that may not grow
 * past a bound.
 */
#include <stdio.h>

#include "buf.h"

int
main(void)
{
	struct span	 line = span_str("RCPT TO:<bob+x@example.org> NOTIFY=NEVER");
	struct span	 verb, address = { 0 };
	struct buf	 b = { .max = 64 };
	uint64_t	 n;

	span_split(&line, ' ', &verb);
	printf("verb %.*s, is it rcpt: %d\n", (int)verb.n,
	    (const char *)verb.p, span_caseeqs(verb, "rcpt"));
	if (span_split(&line, '<', &verb) && span_split(&line, '>', &address))
		printf("address %.*s, '@' at %td\n", (int)address.n,
		    (const char *)address.p, span_find(address, '@'));

	buf_addf(&b, "250 %s ", "2.1.5");
	buf_add_base64(&b, address);
	printf("%s\n", buf_cstr(&b));

	/* An append that does not fit fails, and so does every later one. */
	while (buf_adds(&b, "0123456789") == 0)
		continue;
	buf_addc(&b, '!');
	printf("failed: %d, octets held: %zu\n", buf_failed(&b) != 0, b.n);

	printf("number: %d, ", span_num(span_str("50"), 100, &n));
	printf("too large: %d\n", span_num(span_str("500"), 100, &n));
	printf("checksum: %08x\n", crc32c(0, "123456789", 9));
	buf_free(&b);
	return (0);
}
