/*
 * What DNS vouches for: the TLSA records of a destination's servers, and
 * whether a server that was reached is one of these.  RFC 7672.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tls.h>

#include "dane.h"
#include "io.h"
#include "queued/relay.h"

struct tlsa {
	unsigned	 refs;
	enum relay_dane	 state[RELAY_MX_MAX];
	struct buf	 octets[RELAY_MX_MAX];	/* usable ones, a length before
						 * each */
	char		 base[RELAY_MX_MAX][DNS_HOST_MAX + 1];
};

struct tlsa *
tlsa_new(void)
{
	struct tlsa	*t = calloc(1, sizeof(*t));

	if (t != NULL)
		t->refs = 1;
	return (t);
}

struct tlsa *
tlsa_ref(struct tlsa *t)
{
	if (t != NULL)
		t->refs++;
	return (t);
}

void
tlsa_unref(struct tlsa *t)
{
	size_t	 i;

	if (t == NULL || --t->refs > 0)
		return;
	for (i = 0; i < RELAY_MX_MAX; i++)
		buf_free(&t->octets[i]);
	free(t);
}

void
tlsa_base(struct tlsa *t, size_t host, const char *name)
{
	snprintf(t->base[host], sizeof(t->base[host]), "%s", name);
}

const char *
tlsa_base_name(const struct tlsa *t, size_t host)
{
	return (t->base[host]);
}

void
tlsa_take(struct tlsa *t, size_t host, const struct msg_dns_answer *a)
{
	const struct msg_dns_record	*r = a->records.v;
	struct buf			*b = &t->octets[host];
	struct dane_record		 d;
	size_t				 i, usable = 0;

	for (i = 0; a->status == DNS_OK && a->secure && i < a->records.n &&
	    usable < RELAY_TLSA_MAX; i++) {
		if (dane_parse(r[i].rdata, &d) == -1 || !dane_usable(&d))
			continue;
		buf_put_u16(b, (uint16_t)r[i].rdata.n);
		buf_add_span(b, r[i].rdata);
		usable++;
	}
	t->state[host] = buf_failed(b) ? RELAY_DANE_FAILED :
	    relay_dane(a, usable);
}

void
tlsa_failed(struct tlsa *t, size_t host)
{
	t->state[host] = RELAY_DANE_FAILED;
}

enum relay_dane
tlsa_state(const struct tlsa *t, size_t host)
{
	return (t == NULL ? RELAY_DANE_NONE : t->state[host]);
}

int
tlsa_verify(const struct tlsa *t, size_t host, const char *name,
    const char *domain, const struct io *io, struct buf *why)
{
	struct dane_record	 r[RELAY_TLSA_MAX];
	struct span		 s = span_buf(&t->octets[host]), rdata;
	const char		*names[3] = { t->base[host], domain, name };
	const uint8_t		*pem;
	size_t			 n = 0, len = 0;
	uint16_t		 k;

	while (n < RELAY_TLSA_MAX && span_get_u16(&s, &k) == 0 && k <= s.n) {
		rdata = span_of(s.p, k);
		s.p += k;
		s.n -= k;
		if (dane_parse(rdata, &r[n]) == 0)
			n++;
	}
	pem = tls_peer_cert_chain_pem(io_tls(io), &len);
	return (dane_verify(r, n, span_of(pem, pem == NULL ? 0 : len), names,
	    nitems(names), (int64_t)time(NULL), NULL, why) == DANE_MATCH ?
	    0 : -1);
}
