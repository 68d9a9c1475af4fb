/*
 * Certificates of clients; see clientcert.h.
 */
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <string.h>

#include "clientcert.h"

#define SEED		32	/* octets of an Ed25519 private key */
#define SEED_TEXT	43	/* of its base64url */
#define SERIAL		15	/* octets of a serial number */
#define CHAIN_MAX	16	/* certificates in a file */

static int	 no_password(char *, int, int, void *);
static void	 url_alphabet(char *, size_t, int);
static EVP_PKEY	*seed_read(struct span);
static int	 take_bio(struct buf *, BIO *);

EVP_PKEY *
clientcert_key_new(enum clientcert_type type)
{
	EVP_PKEY_CTX	*c;
	EVP_PKEY	*k = NULL;

	c = EVP_PKEY_CTX_new_id(type == CLIENTCERT_ED25519 ? EVP_PKEY_ED25519 :
	    EVP_PKEY_EC, NULL);
	if (c != NULL && EVP_PKEY_keygen_init(c) > 0 &&
	    (type == CLIENTCERT_ED25519 ||
	    EVP_PKEY_CTX_set_ec_paramgen_curve_nid(c,
	    NID_X9_62_prime256v1) > 0))
		(void)EVP_PKEY_keygen(c, &k);
	EVP_PKEY_CTX_free(c);
	ERR_clear_error();
	return (k);
}

X509 *
clientcert_make(EVP_PKEY *key, const char *cn)
{
	X509		*x = X509_new();
	X509_NAME	*name;
	BIGNUM		*bn = NULL;
	unsigned char	 sn[EVP_MAX_MD_SIZE];

	if (x == NULL || EVP_Digest(cn, strlen(cn), sn, NULL, EVP_sha256(),
	    NULL) != 1)
		goto err;
	sn[0] = (sn[0] & 0x7f) | 0x40;
	name = X509_get_subject_name(x);
	/* Seconds before 2050 are a UTCTime, RFC 5280 section 4.1.2.5. */
	if ((bn = BN_bin2bn(sn, SERIAL, NULL)) == NULL ||
	    BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) == NULL ||
	    X509_set_version(x, 2) != 1 ||
	    ASN1_TIME_set_string(X509_getm_notBefore(x),
	    "700101000000Z") != 1 ||
	    ASN1_TIME_set_string(X509_getm_notAfter(x),
	    "99991231235959Z") != 1 || X509_set_pubkey(x, key) != 1 ||
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
	    (const unsigned char *)cn, -1, -1, 0) != 1 ||
	    X509_set_issuer_name(x, name) != 1 ||
	    X509_sign(x, key, EVP_PKEY_id(key) == EVP_PKEY_ED25519 ? NULL :
	    EVP_sha256()) == 0)
		goto err;
	BN_free(bn);
	return (x);
err:
	ERR_clear_error();
	BN_free(bn);
	X509_free(x);
	return (NULL);
}

/* An encrypted key is refused: nobody is there to ask. */
static int
no_password(char *p, int n, int writing, void *arg)
{
	(void)p;
	(void)n;
	(void)writing;
	(void)arg;
	return (-1);
}

/* RFC 4648 section 5. */
static void
url_alphabet(char *s, size_t n, int to_url)
{
	const char	*from = to_url ? "+/" : "-_", *to = to_url ? "-_" : "+/";
	size_t		 i;

	for (i = 0; i < n; i++)
		if (s[i] == from[0])
			s[i] = to[0];
		else if (s[i] == from[1])
			s[i] = to[1];
}

static EVP_PKEY *
seed_read(struct span s)
{
	char		 text[SEED_TEXT + 1];
	struct buf	 seed = { 0 };
	EVP_PKEY	*k = NULL;

	if (memchr(s.p, '+', s.n) != NULL || memchr(s.p, '/', s.n) != NULL)
		return (NULL);
	memcpy(text, s.p, SEED_TEXT);
	text[SEED_TEXT] = '=';
	url_alphabet(text, SEED_TEXT, 0);
	if (buf_reserve(&seed, SEED + 3) != NULL &&
	    buf_add_unbase64(&seed, span_of(text, sizeof(text))) == 0 &&
	    seed.n == SEED)
		k = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL,
		    seed.p, seed.n);
	explicit_bzero(text, sizeof(text));
	buf_freezero(&seed);
	return (k);
}

EVP_PKEY *
clientcert_key_read(struct span s, struct buf *why)
{
	EVP_PKEY	*k = NULL;
	BIO		*b;

	while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]) != NULL &&
	    s.p[s.n - 1] != '\0')
		s.n--;
	if (s.n > CLIENTCERT_PEM_MAX) {
		buf_adds(why, "too long for a key");
		return (NULL);
	}
	if (s.n == SEED_TEXT)
		k = seed_read(s);
	else if ((b = BIO_new_mem_buf(s.p, (int)s.n)) != NULL) {
		k = PEM_read_bio_PrivateKey(b, NULL, no_password, NULL);
		BIO_free(b);
	}
	ERR_clear_error();
	if (k == NULL)
		buf_adds(why, "neither 32 octets of base64url nor a private "
		    "key in PEM form without a password");
	return (k);
}

EVP_PKEY *
clientcert_pem_read(struct span s, struct buf *why)
{
	char		*name = NULL, *head = NULL;
	unsigned char	*der = NULL;
	const unsigned char *p;
	const char	*wrong = NULL;
	long		 n = 0;
	EVP_PKEY	*key = NULL, *k;
	X509		*leaf = NULL, *x;
	int		 certs = 0;
	BIO		*b;

	if (s.n > CLIENTCERT_PEM_MAX ||
	    (b = BIO_new_mem_buf(s.p, (int)s.n)) == NULL) {
		buf_adds(why, "too long");
		return (NULL);
	}
	while (wrong == NULL && PEM_read_bio(b, &name, &head, &der, &n) == 1) {
		p = der;
		if (strcmp(name, PEM_STRING_PKCS8INF) == 0) {
			k = d2i_AutoPrivateKey(NULL, &p, n);
			if (key != NULL || k == NULL) {
				wrong = key != NULL ? "two private keys" :
				    "the private key does not decode";
				EVP_PKEY_free(k);
			} else
				key = k;
		} else if (strcmp(name, PEM_STRING_X509) == 0) {
			x = d2i_X509(NULL, &p, n);
			if (x == NULL || ++certs > CHAIN_MAX)
				wrong = "a certificate does not decode";
			if (leaf == NULL)
				leaf = x;
			else
				X509_free(x);
		} else
			wrong = "it holds something that is neither a "
			    "certificate nor a PKCS#8 private key";
		OPENSSL_cleanse(der, (size_t)n);
		OPENSSL_free(name);
		OPENSSL_free(head);
		OPENSSL_free(der);
		name = head = NULL;
		der = NULL;
	}
	BIO_free(b);
	if (wrong == NULL && key == NULL)
		wrong = "it has no private key";
	else if (wrong == NULL && leaf == NULL)
		wrong = "it has no certificate";
	else if (wrong == NULL && X509_check_private_key(leaf, key) != 1)
		wrong = "the first certificate is not this key's";
	ERR_clear_error();
	X509_free(leaf);
	if (wrong == NULL)
		return (key);
	buf_adds(why, wrong);
	EVP_PKEY_free(key);
	return (NULL);
}

static int
take_bio(struct buf *out, BIO *b)
{
	char	*p;
	long	 n = BIO_get_mem_data(b, &p);
	int	 rc = n <= 0 ? -1 : buf_add(out, p, (size_t)n);

	if (n > 0)
		OPENSSL_cleanse(p, (size_t)n);
	BIO_free(b);
	return (rc);
}

int
clientcert_key_pem(struct buf *out, EVP_PKEY *k)
{
	BIO	*b = BIO_new(BIO_s_mem());

	if (b == NULL || PEM_write_bio_PKCS8PrivateKey(b, k, NULL, NULL, 0,
	    NULL, NULL) != 1) {
		BIO_free(b);
		return (-1);
	}
	return (take_bio(out, b));
}

int
clientcert_pem(struct buf *out, X509 *x)
{
	BIO	*b = BIO_new(BIO_s_mem());

	if (b == NULL || PEM_write_bio_X509(b, x) != 1) {
		BIO_free(b);
		return (-1);
	}
	return (take_bio(out, b));
}

int
clientcert_fingerprint(EVP_PKEY *k, char out[CLIENTCERT_FINGERPRINT])
{
	unsigned char	*spki = NULL, id[EVP_MAX_MD_SIZE];
	struct buf	 b = { 0 };
	int		 n, rc = -1;

	if ((n = i2d_PUBKEY(k, &spki)) > 0 && EVP_Digest(spki, (size_t)n, id,
	    NULL, EVP_sha256(), NULL) == 1 && buf_add_base64(&b, span_of(id,
	    SHA256_DIGEST_LENGTH)) == 0 && b.n >= CLIENTCERT_FINGERPRINT - 1) {
		memcpy(out, b.p, CLIENTCERT_FINGERPRINT - 1);
		out[CLIENTCERT_FINGERPRINT - 1] = '\0';
		url_alphabet(out, CLIENTCERT_FINGERPRINT - 1, 1);
		rc = 0;
	}
	OPENSSL_free(spki);
	buf_free(&b);
	return (rc);
}
