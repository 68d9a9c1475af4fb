/*
 * DNS: the first octet says what the rest is.  Names that are read can be
 * written and read again the same; lists are in order; an answer's records are
 * what common/dns understands.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "authd/lookup.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static uint32_t
none(uint32_t below)
{
	return (below / 2);
}

static void
name(struct span s)
{
	struct buf	 text = { 0 }, wire = { 0 }, again = { 0 };
	struct span	 w;

	if (dns_name_get(&s, &text) == 0) {
		if (text.n > DNS_TEXT_MAX ||
		    dns_name_put(&wire, span_buf(&text)) == -1)
			abort();
		w = span_buf(&wire);
		if (dns_name_get(&w, &again) == -1 || w.n != 0 ||
		    !span_eq(span_buf(&text), span_buf(&again)))
			abort();
	}
	buf_free(&text);
	buf_free(&wire);
	buf_free(&again);
}

static void
text(struct span s)
{
	struct dns_addr	 a;
	struct buf	 wire = { 0 };
	char		*c, *out, addr[DNS_ADDR_TEXT];

	if (dns_name_put(&wire, s) == 0)
		name(span_buf(&wire));
	buf_free(&wire);
	if (dns_addr_literal(s, &a) == 0 || dns_addr_parse(s, &a) == 0) {
		(void)dns_addr_kind(&a);
		if (dns_addr_parse(span_str(dns_addr_text(&a, addr)), &a) == -1)
			abort();
	}
	if ((c = span_dup(s)) == NULL)
		return;
	if (dns_domain_ascii(c, &out) == 0) {
		if (!dns_host_valid(span_str(out)))
			abort();
		free(out);
	}
	free(c);
}

static void
mx(struct span s)
{
	struct span	 v[16];
	struct dns_mx	 list[8];
	size_t		 i, n = 0, got;
	uint8_t		 len;

	while (n < nitems(v) && span_get_u8(&s, &len) == 0 &&
	    span_take(&s, len, &v[n]) == 0)
		n++;
	if (dns_mx_list(v, n, none, list, nitems(list), &got) !=
	    DNS_MX_LIST && got != 0)
		abort();
	for (i = 0; i < got; i++)
		if (!dns_host_valid(span_str(list[i].host)) || (i > 0 &&
		    list[i - 1].preference > list[i].preference))
			abort();
}

static void
answer(struct span s, uint16_t type)
{
	struct answer	 a;
	struct buf	 b = { 0 };
	size_t		 i;

	answer_parse(&a, s, span_str("a.example"), type);
	if (a.octets.n > ANSWER_OCTETS || (a.status == DNS_OK) != (a.n > 0))
		abort();
	for (i = 0; i < a.n; i++) {
		buf_reset(&b);
		if (type == DNS_TXT && dns_txt_get(a.records[i].rdata,
		    &b) == -1)
			abort();
		if (type == DNS_CNAME && dns_target_get(a.records[i].rdata,
		    &b) == -1)
			abort();
	}
	buf_free(&b);
	answer_free(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const uint16_t	 types[] = { DNS_A, DNS_MX, DNS_CNAME,
				    DNS_TXT, DNS_TLSA };
	struct buf		 b = { 0 };
	struct span		 s = span_of(p, n);
	uint8_t			 what;

	if (span_get_u8(&s, &what) == -1)
		return (0);
	switch (what) {
	case 'n':
		name(s);
		break;
	case 't':
		text(s);
		break;
	case 'm':
		mx(s);
		break;
	case 'x':
		(void)dns_txt_get(s, &b);
		(void)dns_target_get(s, &b);
		buf_free(&b);
		break;
	default:
		answer(s, types[what % nitems(types)]);
	}
	return (0);
}
