/*
 * The data of resource records.  See dns.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns.h"

static int	 mx_get(struct span, struct dns_mx *);
static void	 insert(struct dns_mx *, size_t *, size_t, const struct dns_mx *);
static void	 shuffle(struct dns_mx *, size_t, uint32_t (*)(uint32_t));

/* A host's name, or "."; everything else is of no use. */
static int
mx_get(struct span rdata, struct dns_mx *mx)
{
	uint8_t		 room[DNS_TEXT_MAX];
	struct buf	 b = { room, 0, sizeof(room), sizeof(room), 0 };

	if (span_get_u16(&rdata, &mx->preference) == -1 ||
	    dns_name_get(&rdata, &b) == -1 || rdata.n != 0 ||
	    b.n > DNS_HOST_MAX)
		return (-1);
	if (!span_eqs(span_buf(&b), ".") && !dns_host_valid(span_buf(&b)))
		return (-1);
	memcpy(mx->host, b.p, b.n);
	mx->host[b.n] = '\0';
	return (0);
}

/* In order of preference; a host that is there already keeps the better. */
static void
insert(struct dns_mx *v, size_t *n, size_t max, const struct dns_mx *mx)
{
	size_t	 i, end = *n;

	for (i = 0; i < *n; i++)
		if (strcmp(v[i].host, mx->host) == 0) {
			if (v[i].preference <= mx->preference)
				return;
			end = i;	/* moves to the front from here */
			break;
		}
	if (end == *n) {
		if (*n == max) {
			if (max == 0 ||
			    v[max - 1].preference <= mx->preference)
				return;
			end = max - 1;
		} else
			(*n)++;
	}
	for (i = end; i > 0 && v[i - 1].preference > mx->preference; i--)
		v[i] = v[i - 1];
	v[i] = *mx;
}

/* Among those of equal preference, RFC 5321 5.1. */
static void
shuffle(struct dns_mx *v, size_t n, uint32_t (*random)(uint32_t))
{
	struct dns_mx	 mx;
	size_t		 i, k, first;

	for (i = first = 0; i < n; i++) {
		if (v[i].preference != v[first].preference)
			first = i;
		if (i == first)
			continue;
		k = first + random((uint32_t)(i - first + 1));
		mx = v[i];
		v[i] = v[k];
		v[k] = mx;
	}
}

enum dns_mx_result
dns_mx_list(const struct span *rdata, size_t nrdata,
    uint32_t (*random)(uint32_t), struct dns_mx *v, size_t max, size_t *n)
{
	struct dns_mx	 mx;
	size_t		 i;

	*n = 0;
	for (i = 0; i < nrdata; i++) {
		if (mx_get(rdata[i], &mx) == -1)
			continue;
		if (strcmp(mx.host, ".") != 0)
			insert(v, n, max, &mx);
		else if (nrdata == 1)
			return (DNS_MX_NULL);
	}
	shuffle(v, *n, random);
	return (*n == 0 ? DNS_MX_BROKEN : DNS_MX_LIST);
}

int
dns_target_get(struct span rdata, struct buf *b)
{
	size_t	 was = b->n;

	if (dns_name_get(&rdata, b) == -1)
		return (-1);
	if (rdata.n == 0)
		return (0);
	buf_truncate(b, was);
	errno = EINVAL;
	return (-1);
}

/* Character strings, RFC 1035 3.3.14. */
int
dns_txt_get(struct span rdata, struct buf *b)
{
	struct span	 s;
	uint8_t		 n;
	size_t		 was = b->n;

	while (rdata.n > 0)
		if (span_get_u8(&rdata, &n) == -1 ||
		    span_take(&rdata, n, &s) == -1 ||
		    b->n - was + n > DNS_TXT_MAX || buf_add_span(b, s) == -1) {
			buf_truncate(b, was);
			errno = EINVAL;
			return (-1);
		}
	return (0);
}
