/* sendmail(8): the message reader and the configuration; the first octet says
 * which. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "header.h"
#include "letterctl/sendmail.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define must(ok) do {	\
	if (!(ok))	\
		abort();\
} while (0)

static void
message(struct span in, int dots)
{
	struct sendmail_facts	 facts = { .host = "example.org",
				    .now = 1, .recipients = 1 };
	struct sendmail_message	 m;
	struct buf		 raw = { 0 }, why = { .max = 4096 };
	struct span		 s;
	FILE			*f;
	size_t			 i;

	facts.from = span_str("<a@example.org>");
	if (in.n > 0) {
		must((f = fmemopen((void *)(uintptr_t)in.p, in.n, "r")) != NULL);
		must(sendmail_read(&raw, f, dots, &why) == 0);
		fclose(f);
	}
	if (sendmail_compose(&m, span_buf(&raw), &facts, &why) == 0) {
		s = span_of(m.text.p, header_length(span_buf(&m.text), NULL));
		must(header_count(s, "Bcc") == 0);
		must(header_count(s, "Resent-Bcc") == 0);
		must(header_count(s, "Date") > 0);
		must(header_count(s, "Message-ID") > 0);
		must(header_count(s, "From") > 0);
		for (i = 0; i < m.text.n; i++)	/* line ends are CRLF */
			if (m.text.p[i] == '\n')
				must(i > 0 && m.text.p[i - 1] == '\r');
			else if (m.text.p[i] == '\r')
				must(i + 1 < m.text.n &&
				    m.text.p[i + 1] == '\n');
		for (i = 0; i < m.rcpts.n; i++)
			must(strpbrk(m.rcpts.v[i], "\r\n") == NULL);
	} else
		must(why.n > 0);
	sendmail_message_free(&m);
	buf_free(&raw);
	buf_free(&why);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct sendmail_conf	 c;
	struct buf		 why = { .max = 4096 };

	if (n == 0)
		return (0);
	if (data[0] != 'c') {
		message(span_of(data + 1, n - 1), data[0] == 'i');
		return (0);
	}
	sendmail_conf_init(&c);
	must((sendmail_conf_parse(&c, span_of(data + 1, n - 1), "conf",
	    &why) == 0) == (why.n == 0));
	sendmail_conf_free(&c);
	buf_free(&why);
	return (0);
}
