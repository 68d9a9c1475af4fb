/*
 * Stand-ins for private keys, with LibreSSL, for RSA and ECDSA.
 *
 * It signs through the method of the RSA or EC_KEY object, which sees the
 * finished padding or the digest; that goes to keys, which looks whether it is
 * well formed.  (It works with OpenSSL too, where the tests run it.)
 */
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>
#include <string.h>

#include "tlskey.h"

static int	 init(void);
static void	 free_id(void *, void *, CRYPTO_EX_DATA *, int, long, void *);
static int	 sign_rsa(int, const unsigned char *, unsigned char *, RSA *,
		    int);
static ECDSA_SIG	*sign_ec(const unsigned char *, int, const BIGNUM *,
			    const BIGNUM *, EC_KEY *);
static EVP_PKEY	*low_rsa(X509 *, EVP_PKEY *);
static EVP_PKEY	*low_ec(X509 *, EVP_PKEY *);

static RSA_METHOD	*rsa_method;
static EC_KEY_METHOD	*ec_method;
static int		 rsa_index = -1, ec_index = -1;	/* of ids */

static int
sign_rsa(int n, const unsigned char *from, unsigned char *to, RSA *rsa,
    int padding)
{
	struct msg_sign	 m = { 0 };
	const void	*id = RSA_get_ex_data(rsa, rsa_index);
	size_t		 got;

	if (id == NULL || n <= 0 ||
	    (padding != RSA_PKCS1_PADDING && padding != RSA_NO_PADDING))
		return (-1);
	memcpy(m.key, id, sizeof(m.key));
	m.op = padding == RSA_PKCS1_PADDING ? SIGN_RSA_PKCS1 : SIGN_RSA_PSS;
	m.data = span_of(from, (size_t)n);
	if (tlskey_ask(&m, to, (size_t)RSA_size(rsa), &got) != 1)
		return (-1);
	return ((int)got);
}

static ECDSA_SIG *
sign_ec(const unsigned char *digest, int n, const BIGNUM *kinv,
    const BIGNUM *r, EC_KEY *ec)
{
	struct msg_sign		 m = { .op = SIGN_ECDSA };
	const unsigned char	*p;
	unsigned char		 der[1024];
	const void		*id = EC_KEY_get_ex_data(ec, ec_index);
	size_t			 got;

	(void)kinv;
	(void)r;
	if (id == NULL || n <= 0)
		return (NULL);
	memcpy(m.key, id, sizeof(m.key));
	m.data = span_of(digest, (size_t)n);
	if (tlskey_ask(&m, der, sizeof(der), &got) != 1)
		return (NULL);
	p = der;
	return (d2i_ECDSA_SIG(NULL, &p, (long)got));
}

static void
free_id(void *parent, void *p, CRYPTO_EX_DATA *ad, int i, long l, void *arg)
{
	(void)parent;
	(void)ad;
	(void)i;
	(void)l;
	(void)arg;
	OPENSSL_free(p);
}

/* Once, before the first stand-in. */
static int
init(void)
{
	int	(*plain)(int, const unsigned char *, int, unsigned char *,
		    unsigned int *, const BIGNUM *, const BIGNUM *, EC_KEY *);
	int	(*setup)(EC_KEY *, BN_CTX *, BIGNUM **, BIGNUM **);

	if (rsa_index != -1)
		return (0);
	if ((rsa_method = RSA_meth_dup(RSA_get_default_method())) == NULL ||
	    (ec_method = EC_KEY_METHOD_new(EC_KEY_get_default_method())) ==
	    NULL)
		return (-1);
	RSA_meth_set_priv_enc(rsa_method, sign_rsa);
	RSA_meth_set_flags(rsa_method, RSA_meth_get_flags(rsa_method) |
	    RSA_METHOD_FLAG_NO_CHECK);
	EC_KEY_METHOD_get_sign(ec_method, &plain, &setup, NULL);
	EC_KEY_METHOD_set_sign(ec_method, plain, setup, sign_ec);
	ec_index = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_EC_KEY, 0, NULL,
	    NULL, NULL, free_id);
	rsa_index = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_RSA, 0, NULL, NULL,
	    NULL, free_id);
	return (ec_index == -1 || rsa_index == -1 ? -1 : 0);
}

/* The method first, then the EVP_PKEY: that makes the key a foreign one. */
static EVP_PKEY *
low_rsa(X509 *x, EVP_PKEY *pub)
{
	EVP_PKEY	*key = EVP_PKEY_new();
	uint8_t		*id = OPENSSL_malloc(TLSKEY_ID);
	RSA		*rsa = EVP_PKEY_get1_RSA(pub), *own = NULL;

	if (rsa != NULL)
		own = RSAPublicKey_dup(rsa);
	RSA_free(rsa);
	if (key == NULL || id == NULL || own == NULL ||
	    tlskey_id(x, id) == -1 ||
	    RSA_set_ex_data(own, rsa_index, id) != 1)
		OPENSSL_free(id);
	else if (RSA_set_method(own, rsa_method) == 1 &&
	    EVP_PKEY_set1_RSA(key, own) == 1) {
		RSA_free(own);
		return (key);
	}
	RSA_free(own);
	EVP_PKEY_free(key);
	return (NULL);
}

static EVP_PKEY *
low_ec(X509 *x, EVP_PKEY *pub)
{
	EVP_PKEY	*key = EVP_PKEY_new();
	uint8_t		*id = OPENSSL_malloc(TLSKEY_ID);
	EC_KEY		*ec = EVP_PKEY_get1_EC_KEY(pub), *own = NULL;

	if (ec != NULL)
		own = EC_KEY_dup(ec);
	EC_KEY_free(ec);
	if (key == NULL || id == NULL || own == NULL ||
	    tlskey_id(x, id) == -1 ||
	    EC_KEY_set_ex_data(own, ec_index, id) != 1)
		OPENSSL_free(id);
	else if (EC_KEY_set_method(own, ec_method) == 1 &&
	    EVP_PKEY_set1_EC_KEY(key, own) == 1) {
		EC_KEY_free(own);
		return (key);
	}
	EC_KEY_free(own);
	EVP_PKEY_free(key);
	return (NULL);
}

EVP_PKEY *
tlskey_low(X509 *x)
{
	EVP_PKEY	*pub = X509_get0_pubkey(x);

	if (pub == NULL || init() == -1)
		return (NULL);
	switch (EVP_PKEY_base_id(pub)) {
	case EVP_PKEY_RSA:
		return (low_rsa(x, pub));
	case EVP_PKEY_EC:
		return (low_ec(x, pub));
	default:
		return (NULL);
	}
}
