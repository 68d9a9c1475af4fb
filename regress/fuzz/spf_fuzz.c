/*
 * A zone that says anything: lines of the input answer one question after the
 * other.  It comes to an end within the limits, the same each time.
 */
#include <stdlib.h>
#include <string.h>

#include "spf.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define must(ok) do {	\
	if (!(ok))	\
		abort();\
} while (0)

static void
answer(struct spf *s, const struct spf_question *q, struct span line)
{
	struct buf	 b = { 0 };
	struct span	 v[12];
	size_t		 n = 0, i;

	if (line.n == 0 || line.p[0] == '!') {
		spf_answer(s, line.n == 0 ? SPF_NOTHING : SPF_FAILED, NULL, 0);
		return;
	}
	if (q->type == SPF_TXT) {
		for (i = 0; i < line.n; i += 255) {
			buf_put_u8(&b, (uint8_t)(line.n - i > 255 ? 255 :
			    line.n - i));
			buf_add(&b, line.p + i, line.n - i > 255 ? 255 :
			    line.n - i);
		}
		v[n++] = span_buf(&b);
	} else if (q->type == SPF_MX || q->type == SPF_PTR) {
		if (q->type == SPF_MX)
			buf_put_u16(&b, 1);
		(void)dns_name_put(&b, span_of(line.p, line.n > 60 ? 60 :
		    line.n));
		while (n < 12 && n < line.n)
			v[n++] = span_buf(&b);
	} else
		v[n++] = line;
	spf_answer(s, SPF_FOUND, v, n);
	buf_free(&b);
}

static enum spf_result
evaluate(struct span in, struct buf *trace)
{
	struct spf_question	 q;
	struct dns_addr		 ip;
	struct span		 line, sender;
	struct spf		*s;
	char			*text;
	unsigned		 asked = 0;
	enum spf_result		 r;

	(void)span_split(&in, '\n', &sender);
	(void)dns_addr_parse(span_str(in.n % 2 == 0 ? "192.0.2.3" :
	    "2001:db8::1"), &ip);
	text = span_dup(sender);
	must(text != NULL);
	s = spf_new(&ip, "helo.example", text, "us.example");
	must(s != NULL);
	while (spf_step(s, &q) == SPF_ASK) {
		must(++asked <= 300 && strlen(q.name) <= 253);
		buf_addf(trace, "%d %s\n", (int)q.type, q.name);
		(void)span_split(&in, '\n', &line);
		answer(s, &q, line);
	}
	r = spf_result(s);
	must(r <= SPF_PERMERROR && spf_lookups(s) <= 12);
	buf_adds(trace, spf_reason(s));
	must(spf_explanation(s)[0] == '\0' || r == SPF_FAIL);
	spf_free(s);
	free(text);
	return (r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf	 a = { 0 }, b = { 0 }, why = { 0 };

	if (memchr(data, '\0', n) != NULL)
		return (0);
	must(evaluate(span_of(data, n), &a) == evaluate(span_of(data, n),
	    &b));
	must(span_eq(span_buf(&a), span_buf(&b)));
	(void)spf_check_record(span_of(data, n), &why);
	buf_free(&a);
	buf_free(&b);
	buf_free(&why);
	return (0);
}
