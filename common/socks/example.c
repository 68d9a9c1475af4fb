/* A connection through a proxy that asks for a password, both sides shown. */
#include <stdio.h>
#include <sys/socket.h>

#include "socks.h"

static void
show(const char *who, struct span s)
{
	size_t	 i;

	printf("%s", who);
	for (i = 0; i < s.n; i++)
		printf(" %02x", s.p[i]);
	printf("\n");
}

int
main(void)
{
	/* What the proxy answers: login, fine, connected from 192.0.2.7:4000 */
	static const struct {
		const char	*octets;
		size_t		 n;
	} proxy[] = {
		{ "\5\2", 2 }, { "\1\0", 2 },
		{ "\5\0\0\1\xc0\0\2\7\x0f\xa0" "220 hello", 19 },
	};
	struct socks_target	 target = { .port = 25 };
	struct socks_login	 login = { span_str("user"), span_str("secret") };
	struct dns_addr		 bound;
	struct socks		*s;
	struct span		 in = span_of("", 0);
	struct buf		 out = { 0 };
	enum socks_want		 want;
	uint16_t		 port;
	char			 text[DNS_ADDR_TEXT];
	size_t			 i = 0;

	(void)dns_addr_parse(span_str("198.51.100.1"), &target.addr);
	if ((s = socks_new(&target, &login)) == NULL)
		return (1);
	while ((want = socks_step(s, &in, &out)) == SOCKS_MORE &&
	    i < sizeof(proxy) / sizeof(proxy[0])) {
		show("we:   ", span_buf(&out));
		buf_reset(&out);
		in = span_of(proxy[i].octets, proxy[i].n);
		show("proxy:", in);
		i++;
	}
	if (want == SOCKS_DONE && socks_bound(s, &bound, &port) == 0)
		printf("connected, from %s port %u; the server says \"%.*s\"\n",
		    dns_addr_text(&bound, text), port, (int)in.n,
		    (const char *)in.p);
	else
		printf("%s\n", socks_error(s));
	socks_free(s);
	buf_free(&out);
	return (0);
}
