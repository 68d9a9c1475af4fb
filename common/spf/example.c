/* A policy with an include, asked of a zone that stands right here. */
#include <stdio.h>
#include <string.h>

#include "spf.h"

static const struct {
	const char	*name;
	const char	*text;
} zone[] = {
	{ "example.org", "v=spf1 ip4:192.0.2.0/25 include:_spf.example.net "
	    "-all" },
	{ "_spf.example.net", "v=spf1 ip6:2001:db8::/32 ?all" },
};

/* Text in the form in which DNS carries it. */
static void
answer(struct spf *s, const struct spf_question *q)
{
	struct buf	 rdata = { 0 };
	struct span	 span;
	size_t		 i;

	for (i = 0; i < sizeof(zone) / sizeof(zone[0]); i++)
		if (q->type == SPF_TXT && strcmp(zone[i].name, q->name) == 0) {
			buf_put_u8(&rdata, (uint8_t)strlen(zone[i].text));
			buf_adds(&rdata, zone[i].text);
		}
	span = span_buf(&rdata);
	printf("    asked for %s\n", q->name);
	spf_answer(s, rdata.n > 0 ? SPF_FOUND : SPF_NOTHING, &span, 1);
	buf_free(&rdata);
}

int
main(void)
{
	static const char *const	 from[] = { "192.0.2.7", "2001:db8::1",
					    "192.0.2.200" };
	struct spf_question		 q;
	struct dns_addr			 ip;
	struct spf			*s;
	size_t				 i;

	for (i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		(void)dns_addr_parse(span_str(from[i]), &ip);
		s = spf_new(&ip, "mail.example.org", "user@example.org",
		    "mx.example.com");
		if (s == NULL)
			return (1);
		printf("%s\n", from[i]);
		while (spf_step(s, &q) == SPF_ASK)
			answer(s, &q);
		printf("    %s: %s\n", spf_result_names[spf_result(s)],
		    spf_reason(s));
		spf_free(s);
	}
	return (0);
}
