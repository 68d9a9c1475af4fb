/* The record to publish for a key, and what it vouches for. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>

#include "dane.h"

/* A certificate without anything but a key, as PEM. */
static void
certificate(EVP_PKEY *key, struct buf *pem)
{
	X509	*x = X509_new();
	BIO	*b = BIO_new(BIO_s_mem());
	char	*p;
	long	 n;

	X509_set_version(x, 2);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	X509_sign(x, key, EVP_sha256());
	PEM_write_bio_X509(b, x);
	n = BIO_get_mem_data(b, &p);
	buf_add(pem, p, (size_t)n);
	BIO_free(b);
	X509_free(x);
}

int
main(void)
{
	static const char *const	 names[] = { "mx.example.org" };
	static const char *const	 words[] = { "match", "no match",
					    "not usable" };
	EVP_PKEY		*key = EVP_PKEY_Q_keygen(NULL, NULL, "EC",
				    "P-256");
	struct dane_record	 r;
	struct buf		 pem = { 0 }, rdata = { 0 }, why = { 0 };
	uint8_t			*spki = NULL, md[32];
	int			 n;

	certificate(key, &pem);
	n = i2d_PUBKEY(key, &spki);
	EVP_Digest(spki, (size_t)n, md, NULL, EVP_sha256(), NULL);
	/* _25._tcp.mx.example.org. IN TLSA 3 1 1 (digest of the key) */
	buf_put_u8(&rdata, DANE_EE);
	buf_put_u8(&rdata, DANE_SPKI);
	buf_put_u8(&rdata, DANE_SHA256);
	buf_add(&rdata, md, sizeof(md));
	if (dane_parse(span_buf(&rdata), &r) == -1)
		return (1);
	printf("%u %u %u: %s\n", r.usage, r.selector, r.matching,
	    words[dane_verify(&r, 1, span_buf(&pem), names, 1, 0, NULL,
	    &why)]);
	rdata.p[10] ^= 1;
	printf("another digest: %s: ", words[dane_verify(&r, 1,
	    span_buf(&pem), names, 1, 0, NULL, &why)]);
	printf("%s\n", buf_cstr(&why));
	OPENSSL_free(spki);
	EVP_PKEY_free(key);
	buf_free(&pem);
	buf_free(&rdata);
	buf_free(&why);
	return (0);
}
