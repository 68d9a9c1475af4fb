/*
 * A minimal certificate around a key; see tlscert.h.
 */
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <string.h>

#include "tlscert.h"

static int	 serial(X509 *, const char *);
static int	 add_bio(struct buf *, BIO *);

/* Fifteen octets of the name's hash: positive, and short enough for all. */
static int
serial(X509 *x, const char *cn)
{
	uint8_t	 hash[SHA256_DIGEST_LENGTH];
	BIGNUM	*bn;
	int	 ok;

	SHA256((const uint8_t *)cn, strlen(cn), hash);
	hash[0] &= 0x7f;
	hash[0] |= 0x40;
	if ((bn = BN_bin2bn(hash, 15, NULL)) == NULL)
		return (0);
	ok = BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) != NULL;
	BN_free(bn);
	return (ok);
}

X509 *
tlscert_self_signed(EVP_PKEY *key, const char *cn)
{
	const EVP_MD	*md;
	X509_NAME	*name;
	X509		*x = X509_new();

	/* Ed25519 has its hash inside. */
	md = EVP_PKEY_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
	/* RFC 5280, 4.1.2.5: UTCTime before 2050; no end has a value too. */
	if (x == NULL || X509_set_version(x, 2) != 1 || !serial(x, cn) ||
	    ASN1_TIME_set_string(X509_getm_notBefore(x), "700101000000Z") !=
	    1 ||
	    ASN1_TIME_set_string(X509_getm_notAfter(x), "99991231235959Z") !=
	    1 || X509_set_pubkey(x, key) != 1)
		goto err;
	name = X509_get_subject_name(x);
	if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
	    (const unsigned char *)cn, -1, -1, 0) != 1 ||
	    X509_set_issuer_name(x, name) != 1 || X509_sign(x, key, md) == 0)
		goto err;
	return (x);
err:
	ERR_clear_error();
	X509_free(x);
	return (NULL);
}

int
tlscert_id(EVP_PKEY *key, uint8_t id[TLSCERT_ID])
{
	unsigned char	*der = NULL;
	int		 n;

	if ((n = i2d_PUBKEY(key, &der)) <= 0)
		return (-1);
	SHA256(der, (size_t)n, id);
	OPENSSL_free(der);
	return (0);
}

EVP_PKEY *
tlscert_generate(void)
{
	EVP_PKEY_CTX	*ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, NULL);
	EVP_PKEY	*key = NULL;

	if (ctx == NULL || EVP_PKEY_keygen_init(ctx) != 1 ||
	    EVP_PKEY_keygen(ctx, &key) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return (key);
}

EVP_PKEY *
tlscert_ed25519(const uint8_t seed[32])
{
	return (EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32));
}

static int
add_bio(struct buf *b, BIO *bio)
{
	char	*p;
	long	 n = BIO_get_mem_data(bio, &p);

	return (n <= 0 ? -1 : buf_add(b, p, (size_t)n));
}

int
tlscert_make(struct tlscert *t, EVP_PKEY *key, const char *cn)
{
	X509	*x = tlscert_self_signed(key, cn);
	BIO	*c = BIO_new(BIO_s_mem()), *k = BIO_new(BIO_s_secmem());
	int	 rc = -1;

	if (x != NULL && c != NULL && k != NULL &&
	    PEM_write_bio_X509(c, x) == 1 &&
	    PEM_write_bio_PrivateKey(k, key, NULL, NULL, 0, NULL, NULL) == 1 &&
	    add_bio(&t->cert, c) == 0 && add_bio(&t->key, k) == 0)
		rc = 0;
	else
		tlscert_free(t);
	ERR_clear_error();
	X509_free(x);
	BIO_free(c);
	BIO_free(k);
	return (rc);
}

void
tlscert_free(struct tlscert *t)
{
	buf_freezero(&t->cert);
	buf_freezero(&t->key);
}
