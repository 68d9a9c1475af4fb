/*
 * Questions to DNS through the running suite: "authd: lookup" answers.
 */
#ifndef DNSASK_H
#define DNSASK_H

#include "ctl.h"
#include "dns.h"

#define DNS_ANSWER_MAX	100	/* records of an answer */

struct dns_answer {
	char		 status[16];
	int		 secure;
	struct buf	 rdata[DNS_ANSWER_MAX];
	size_t		 n;
};

/*
 * Ask; dns_answer_free() afterwards.  1 there are records, 0 there are none, -1
 * no answer.  Ends the program when the suite does not answer.
 */
int	 dns_ask(struct ctl *, const char *name, const char *type,
	    struct dns_answer *);
void	 dns_answer_free(struct dns_answer *);
/* Append the host of an MX record: 0, or -1. */
int	 dns_mx_get(struct span rdata, struct buf *host);
/* The addresses of a host, at most max: how many. */
size_t	 dns_addresses(struct ctl *, const char *name, struct dns_addr *,
	    size_t max);

#endif
