/*
 * TLSA records against chains: an authority, a server of it, and servers that
 * are out of date or of another name.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "dane.h"
#include "test.h"

enum who { CA, LEAF, OLD, OTHER, NOBODY };	/* whose digest */

static EVP_PKEY	*keys[5];
static X509	*certs[5];

static X509 *
make(enum who who, const char *name, long from, long until)
{
	X509		*x = X509_new();
	X509_NAME	*n;
	X509_EXTENSION	*e;
	char		 alt[80];

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), (long)who + 1);
	X509_gmtime_adj(X509_getm_notBefore(x), from);
	X509_gmtime_adj(X509_getm_notAfter(x), until);
	X509_set_pubkey(x, keys[who]);
	n = X509_get_subject_name(x);
	X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8,
	    (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, who == CA || who == NOBODY ? n :
	    X509_get_subject_name(certs[CA]));
	snprintf(alt, sizeof(alt), "DNS:%s", name);
	e = X509V3_EXT_conf_nid(NULL, NULL, who == CA ?
	    NID_basic_constraints : NID_subject_alt_name,
	    who == CA ? "critical,CA:TRUE" : alt);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	X509_sign(x, who == NOBODY ? keys[NOBODY] : keys[CA], EVP_sha256());
	return (x);
}

static void
add_pem(X509 *x, struct buf *pem)
{
	BIO	*b = BIO_new(BIO_s_mem());
	char	*p;
	long	 n;

	PEM_write_bio_X509(b, x);
	n = BIO_get_mem_data(b, &p);
	buf_add(pem, p, (size_t)n);
	BIO_free(b);
}

/* The data of a record about that certificate. */
static void
rdata(struct buf *b, int usage, int selector, int matching, enum who who)
{
	uint8_t		*der = NULL, md[64];
	unsigned	 mdn = sizeof(md);
	int		 n;

	buf_reset(b);
	buf_put_u8(b, (uint8_t)usage);
	buf_put_u8(b, (uint8_t)selector);
	buf_put_u8(b, (uint8_t)matching);
	n = selector == DANE_CERT ? i2d_X509(certs[who], &der) :
	    i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certs[who]), &der);
	if (matching == DANE_FULL)
		buf_add(b, der, (size_t)n);
	else {
		EVP_Digest(der, (size_t)n, md, &mdn,
		    matching == DANE_SHA512 ? EVP_sha512() : EVP_sha256(),
		    NULL);
		buf_add(b, md, mdn);
	}
	OPENSSL_free(der);
}

static const struct test {
	const char		*what;
	int			 usage, selector, matching;
	enum who		 about, server;
	int			 with_ca;	/* the server shows it */
	const char		*name;
	enum dane_result	 want;
} tests[] = {
	{ "3 1 1", 3, 1, 1, LEAF, LEAF, 0, "x", DANE_MATCH },
	{ "3 1 2", 3, 1, 2, LEAF, LEAF, 0, "x", DANE_MATCH },
	{ "3 1 0", 3, 1, 0, LEAF, LEAF, 0, "x", DANE_MATCH },
	{ "3 0 0", 3, 0, 0, LEAF, LEAF, 0, "x", DANE_MATCH },
	{ "3 0 1", 3, 0, 1, LEAF, LEAF, 1, "x", DANE_MATCH },
	{ "3 0 2", 3, 0, 2, LEAF, LEAF, 1, "x", DANE_MATCH },
	{ "3 1 1, expired", 3, 1, 1, OLD, OLD, 1, "x", DANE_MATCH },
	{ "3 1 1, another name", 3, 1, 1, OTHER, OTHER, 0, "x", DANE_MATCH },
	{ "3 1 1 of another", 3, 1, 1, OTHER, LEAF, 0, "mx.example",
	  DANE_NO_MATCH },
	{ "3 1 1 of the authority", 3, 1, 1, CA, LEAF, 1, "mx.example",
	  DANE_NO_MATCH },
	{ "2 1 1", 2, 1, 1, CA, LEAF, 1, "mx.example", DANE_MATCH },
	{ "2 0 1", 2, 0, 1, CA, LEAF, 1, "mx.example", DANE_MATCH },
	{ "2 0 2", 2, 0, 2, CA, LEAF, 1, "mx.example", DANE_MATCH },
	{ "2 1 0", 2, 1, 0, CA, LEAF, 1, "mx.example", DANE_MATCH },
	{ "2 1 1, the authority is not shown", 2, 1, 1, CA, LEAF, 0,
	  "mx.example", DANE_NO_MATCH },
	{ "2 0 0, the record has it", 2, 0, 0, CA, LEAF, 0, "mx.example",
	  DANE_MATCH },
	{ "2 0 0 of an authority of others", 2, 0, 0, NOBODY, LEAF, 0,
	  "mx.example", DANE_NO_MATCH },
	{ "2 1 1, another name", 2, 1, 1, CA, LEAF, 1, "other.example",
	  DANE_NO_MATCH },
	{ "2 1 1, expired", 2, 1, 1, CA, OLD, 1, "mx.example",
	  DANE_NO_MATCH },
	{ "2 1 1 of the server itself", 2, 1, 1, LEAF, LEAF, 0, "mx.example",
	  DANE_MATCH },
	{ "2 1 1 of the server itself, another name", 2, 1, 1, LEAF, LEAF, 0,
	  "x.example", DANE_NO_MATCH },
	{ "0 0 1", 0, 0, 1, CA, LEAF, 1, "mx.example", DANE_NOT_USABLE },
	{ "1 1 1", 1, 1, 1, LEAF, LEAF, 1, "mx.example", DANE_NOT_USABLE },
};

static void
one(const struct test *t)
{
	const char		*names[] = { "mx.unrelated.example", t->name };
	struct dane_record	 r[2];
	struct buf		 pem = { 0 }, data = { 0 }, why = { 0 };
	size_t			 which = 99;
	enum dane_result	 got;

	add_pem(certs[t->server], &pem);
	if (t->with_ca)
		add_pem(certs[CA], &pem);
	rdata(&data, t->usage, t->selector, t->matching, t->about);
	/* behind one that says nothing */
	r[0] = (struct dane_record){ 3, 1, 9, span_str("x") };
	CHECK(dane_parse(span_buf(&data), &r[1]) == 0, "%s: a record",
	    t->what);
	got = dane_verify(r, 2, span_buf(&pem), names, 2, time(NULL), &which,
	    &why);
	CHECK(got == t->want, "%s", t->what);
	CHECK(got == DANE_MATCH ? which == 1 && why.n == 0 : why.n > 0,
	    "%s: which, or why", t->what);
	buf_free(&pem);
	buf_free(&data);
	buf_free(&why);
}

static void
usable(void)
{
	static const struct {
		const char	*what;
		uint8_t		 octets[3];
		size_t		 n;
		int		 parsed, usable;
	} v[] = {
		{ "3 1 1", { 3, 1, 1 }, 32, 0, 1 },
		{ "3 1 1, an octet less", { 3, 1, 1 }, 31, 0, 0 },
		{ "3 1 1, an octet more", { 3, 1, 1 }, 33, 0, 0 },
		{ "3 1 2", { 3, 1, 2 }, 64, 0, 1 },
		{ "3 1 2, short", { 3, 1, 2 }, 32, 0, 0 },
		{ "3 1 0", { 3, 1, 0 }, 1, 0, 1 },
		{ "3 2 1", { 3, 2, 1 }, 32, 0, 0 },
		{ "3 1 3", { 3, 1, 3 }, 32, 0, 0 },
		{ "4 1 1", { 4, 1, 1 }, 32, 0, 0 },
		{ "255 1 1", { 255, 1, 1 }, 32, 0, 0 },
		{ "no data", { 3, 1, 1 }, 0, -1, 0 },
	};
	uint8_t			 octets[80];
	struct dane_record	 r;
	struct buf		 b = { 0 };
	size_t			 i;
	int			 rc;

	for (i = 0; i < nitems(v); i++) {
		memset(octets, 0xab, sizeof(octets));
		memcpy(octets, v[i].octets, 3);
		rc = dane_parse(span_of(octets, 3 + v[i].n), &r);
		CHECK(rc == v[i].parsed, "%s: parsed", v[i].what);
		CHECK(rc == -1 || dane_usable(&r) == v[i].usable,
		    "%s: usable", v[i].what);
	}
	CHECK(dane_parse(span_of(octets, 2), &r) == -1, "two octets");
	(void)dane_parse(span_of(octets, 5), &r);
	dane_text(&r, &b);
	CHECK(span_eqs(span_buf(&b), "3 1 1 abab"), "as text");
	buf_free(&b);
}

int
main(void)
{
	struct dane_record	 r = { 3, 1, 1, span_str(
				    "12345678901234567890123456789012") };
	struct buf		 why = { 0 };
	size_t			 i;

	for (i = 0; i < nitems(keys); i++)
		keys[i] = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	certs[CA] = make(CA, "authority", -7200, 7200);
	certs[LEAF] = make(LEAF, "mx.example", -7200, 7200);
	certs[OLD] = make(OLD, "mx.example", -7200, -3600);
	certs[OTHER] = make(OTHER, "other.example", -7200, 7200);
	certs[NOBODY] = make(NOBODY, "authority", -7200, 7200);
	for (i = 0; i < nitems(tests); i++)
		one(&tests[i]);
	usable();
	CHECK(dane_verify(&r, 1, span_str("nonsense"), NULL, 0, 0, NULL,
	    &why) == DANE_NO_MATCH, "no certificate");
	CHECK(dane_verify(NULL, 0, span_str(""), NULL, 0, 0, NULL, &why) ==
	    DANE_NO_MATCH, "nothing at all");
	for (i = 0; i < nitems(keys); i++) {
		X509_free(certs[i]);
		EVP_PKEY_free(keys[i]);
	}
	buf_free(&why);
	return (test_done());
}
