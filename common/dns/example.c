/*
 * Where to send mail for a domain, from the data of its MX records; and what to
 * think of an address.
 */
#include <stdio.h>
#include <stdlib.h>

#include "dns.h"

static uint32_t
lot(uint32_t below)
{
	return (below - 1);	/* a program has arc4random_uniform() */
}

int
main(void)
{
	static const char	 backup[] = "\0\24\6backup\7example\3net";
	static const char	 mx[] = "\0\12\2MX\7example\3org";
	const struct span	 records[] = {
		span_of(backup, sizeof(backup)), span_of(mx, sizeof(mx))
	};
	struct dns_mx		 hosts[10];
	struct dns_addr		 addr;
	struct buf		 name = { 0 };
	char			*domain, text[DNS_ADDR_TEXT];
	size_t			 i, n;

	if (dns_domain_ascii("B\303\274cher.Example", &domain) == 0) {
		printf("mail for %s goes to\n", domain);
		free(domain);
	}
	switch (dns_mx_list(records, nitems(records), lot, hosts,
	    nitems(hosts), &n)) {
	case DNS_MX_NULL:
		printf("nobody: it takes no mail\n");
		break;
	case DNS_MX_BROKEN:
		printf("nowhere: its records are of no use\n");
		break;
	case DNS_MX_LIST:
		for (i = 0; i < n; i++)
			printf("%u %s\n", hosts[i].preference, hosts[i].host);
		break;
	}
	if (dns_addr_literal(span_str("[IPv6:::ffff:127.0.0.1]"), &addr) == 0)
		printf("%s is ours: %d\n", dns_addr_text(&addr, text),
		    dns_addr_kind(&addr) == DNS_ADDR_LOOPBACK);
	if (dns_addr_parse(span_str("192.0.2.25"), &addr) == 0 &&
	    dns_addr_reverse(&addr, &name) == 0)
		printf("its name is at %s\n", buf_cstr(&name));
	buf_free(&name);
	return (0);
}
