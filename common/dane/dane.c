/*
 * TLSA records and certificates.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "dane.h"

#define CHAIN_MAX	16	/* certificates looked at */
#define RECORDS_MAX	64

static int	 digest(const struct dane_record *, const uint8_t *, size_t);
static int	 matches(const struct dane_record *, X509 *);
static int	 read_chain(struct span, STACK_OF(X509) *);
static int	 by_anchor(X509 *anchor, STACK_OF(X509) *, const char *const *,
		    size_t, int64_t, const char **);

int
dane_parse(struct span s, struct dane_record *r)
{
	if (span_get_u8(&s, &r->usage) == -1 ||
	    span_get_u8(&s, &r->selector) == -1 ||
	    span_get_u8(&s, &r->matching) == -1 || s.n == 0)
		return (-1);
	r->data = s;
	return (0);
}

int
dane_usable(const struct dane_record *r)
{
	if ((r->usage != DANE_TA && r->usage != DANE_EE) ||
	    r->selector > DANE_SPKI)
		return (0);
	switch (r->matching) {
	case DANE_FULL:
		return (r->data.n > 0);
	case DANE_SHA256:
		return (r->data.n == SHA256_DIGEST_LENGTH);
	case DANE_SHA512:
		return (r->data.n == SHA512_DIGEST_LENGTH);
	default:
		return (0);
	}
}

int
dane_text(const struct dane_record *r, struct buf *b)
{
	buf_addf(b, "%u %u %u ", r->usage, r->selector, r->matching);
	return (buf_add_hex(b, r->data));
}

/* Is that what the record is about? */
static int
digest(const struct dane_record *r, const uint8_t *der, size_t n)
{
	uint8_t		 md[SHA512_DIGEST_LENGTH];
	unsigned	 mdn = sizeof(md);

	if (r->matching == DANE_FULL)
		return (span_eq(r->data, span_of(der, n)));
	return (EVP_Digest(der, n, md, &mdn, r->matching == DANE_SHA256 ?
	    EVP_sha256() : EVP_sha512(), NULL) == 1 &&
	    span_eq(r->data, span_of(md, mdn)));
}

static int
matches(const struct dane_record *r, X509 *x)
{
	uint8_t	*der = NULL;
	int	 n, ok;

	n = r->selector == DANE_CERT ? i2d_X509(x, &der) :
	    i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	ok = n > 0 && digest(r, der, (size_t)n);
	OPENSSL_free(der);
	return (ok);
}

/* How many; the first is the server's own. */
static int
read_chain(struct span pem, STACK_OF(X509) *chain)
{
	BIO	*b = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509	*x;

	while (b != NULL && sk_X509_num(chain) < CHAIN_MAX &&
	    (x = PEM_read_bio_X509(b, NULL, NULL, NULL)) != NULL)
		if (sk_X509_push(chain, x) == 0) {
			X509_free(x);
			break;
		}
	BIO_free(b);
	return (sk_X509_num(chain));
}

/* A path from the server's certificate to this one, for one of the names. */
static int
by_anchor(X509 *anchor, STACK_OF(X509) *chain, const char *const *names,
    size_t nnames, int64_t now, const char **why)
{
	X509_STORE		*store = X509_STORE_new();
	X509_STORE_CTX		*ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM	*p;
	size_t			 i;
	int			 ok = 0;

	*why = "no memory";
	if (store != NULL && ctx != NULL &&
	    X509_STORE_add_cert(store, anchor) == 1 &&
	    X509_STORE_CTX_init(ctx, store, sk_X509_value(chain, 0),
	    chain) == 1) {
		p = X509_STORE_CTX_get0_param(ctx);
		X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_PARTIAL_CHAIN);
		X509_VERIFY_PARAM_set_purpose(p, X509_PURPOSE_SSL_SERVER);
		X509_VERIFY_PARAM_set_time(p, (time_t)now);
		X509_VERIFY_PARAM_set_hostflags(p,
		    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		for (i = 0; i < nnames; i++)
			if (X509_VERIFY_PARAM_add1_host(p, names[i], 0) != 1)
				break;
		if (i == nnames) {
			ok = X509_verify_cert(ctx) == 1;
			*why = X509_verify_cert_error_string(
			    X509_STORE_CTX_get_error(ctx));
		}
	}
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return (ok);
}

/* A trust anchor of the chain, or one that the record holds itself. */
static int
try_anchor(const struct dane_record *r, STACK_OF(X509) *chain,
    const char *const *names, size_t nnames, int64_t now, const char **why)
{
	const uint8_t	*p = r->data.p;
	X509		*x;
	int		 i, ok = 0;

	for (i = 0; i < sk_X509_num(chain); i++)
		if (matches(r, sk_X509_value(chain, i)))
			return (by_anchor(sk_X509_value(chain, i), chain,
			    names, nnames, now, why));
	if (r->selector != DANE_CERT || r->matching != DANE_FULL ||
	    (x = d2i_X509(NULL, &p, (long)r->data.n)) == NULL)
		return (0);
	ok = by_anchor(x, chain, names, nnames, now, why);
	X509_free(x);
	return (ok);
}

enum dane_result
dane_verify(const struct dane_record *r, size_t n, struct span pem,
    const char *const *names, size_t nnames, int64_t now, size_t *which,
    struct buf *why)
{
	STACK_OF(X509)	*chain = sk_X509_new_null();
	const char	*reason = NULL;
	size_t		 i, usable = 0;
	int		 ok = 0;

	if (chain == NULL || read_chain(pem, chain) == 0) {
		sk_X509_free(chain);
		buf_adds(why, "the server's certificate cannot be read");
		return (DANE_NO_MATCH);
	}
	if (n > RECORDS_MAX)
		n = RECORDS_MAX;
	for (i = 0; i < n && !ok; i++) {
		if (!dane_usable(&r[i]))
			continue;
		usable++;
		if (r[i].usage == DANE_EE)
			ok = matches(&r[i], sk_X509_value(chain, 0));
		else
			ok = try_anchor(&r[i], chain, names, nnames, now,
			    &reason);
		if (ok && which != NULL)
			*which = i;
	}
	sk_X509_pop_free(chain, X509_free);
	if (ok)
		return (DANE_MATCH);
	if (usable == 0) {
		buf_adds(why, "no TLSA record can be used");
		return (DANE_NOT_USABLE);
	}
	buf_adds(why, "no TLSA record matches the server's certificate");
	if (reason != NULL)
		buf_addf(why, " (%s)", reason);
	return (DANE_NO_MATCH);
}
