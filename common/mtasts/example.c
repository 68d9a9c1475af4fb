/* A policy, and which servers it lets mail go to. */
#include <stdio.h>

#include "mtasts.h"

int
main(void)
{
	static const char	 text[] =
	    "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\n"
	    "mx: *.example.net\r\nmax_age: 604800\r\n";
	static const char *const hosts[] = { "mail.example.com",
	    "MX1.example.net.", "a.b.example.net", "example.net" };
	struct span		 txt = span_str("v=STSv1; id=20260101;"), id;
	struct mtasts_policy	 p;
	struct buf		 why = { 0 };
	size_t			 i;

	if (mtasts_record(&txt, 1, &id) == 1)
		printf("id %.*s\n", (int)id.n, (const char *)id.p);
	if (mtasts_parse(span_str(text), &p, &why) == -1) {
		printf("%s\n", buf_cstr(&why));
		return (1);
	}
	printf("%s for %u s\n", mtasts_mode_name(p.mode), p.max_age);
	for (i = 0; i < nitems(hosts); i++)
		printf("%s: %s\n", hosts[i], mtasts_match(&p, hosts[i]) ?
		    "yes" : "no");
	buf_free(&why);
	return (0);
}
