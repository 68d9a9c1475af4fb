/*
 * What is shared in proving a client's key: see tlsproof.h.
 *
 * libssl shows each handshake message once, whole and with its header, when it
 * was read or written.  The record hangs on the SSL and ends with it.
 */
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "tlsproof.h"

#define RSA_LEAST	2048	/* bits */
#define FIRST		2048	/* octets: most handshakes fit */

struct record {
	struct buf	 b;
	int		 complete;
};

static void	 limit_schemes(SSL *);
static void	 on_free(void *, void *, CRYPTO_EX_DATA *, int, long, void *);
static void	 on_message(int, int, int, const void *, size_t, SSL *,
		    void *);

static int	 record_index = -1;

/* ---- keys --------------------------------------------------------------- */

enum tlsproof_kind
tlsproof_kind(EVP_PKEY *key)
{
	const EC_KEY	*ec;

	switch (key == NULL ? 0 : EVP_PKEY_base_id(key)) {
	case EVP_PKEY_RSA:
		return (EVP_PKEY_bits(key) >= RSA_LEAST ? TLSPROOF_RSA :
		    TLSPROOF_NONE);
	case EVP_PKEY_EC:
		if ((ec = EVP_PKEY_get0_EC_KEY(key)) == NULL)
			return (TLSPROOF_NONE);
		switch (EC_GROUP_get_curve_name(EC_KEY_get0_group(ec))) {
		case NID_X9_62_prime256v1:
			return (TLSPROOF_P256);
		case NID_secp384r1:
			return (TLSPROOF_P384);
		case NID_secp521r1:
			return (TLSPROOF_P521);
		default:
			return (TLSPROOF_NONE);
		}
	case EVP_PKEY_ED25519:
		return (TLSPROOF_ED25519);
	default:
		return (TLSPROOF_NONE);
	}
}

int
tlsproof_claim(struct span text, struct span signature, uint8_t digest[32])
{
	EVP_MD_CTX	*ctx = EVP_MD_CTX_new();
	unsigned int	 n = 32;
	int		 ok;

#ifdef LIBRESSL_VERSION_NUMBER
	text.n = 0;
#endif
	ok = ctx != NULL &&
	    EVP_Digest(text.p, text.n, digest, &n, EVP_sha256(), NULL) == 1 &&
	    EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
	    EVP_DigestUpdate(ctx, digest, n) == 1 &&
	    EVP_DigestUpdate(ctx, signature.p, signature.n) == 1 &&
	    EVP_DigestFinal_ex(ctx, digest, &n) == 1;
	EVP_MD_CTX_free(ctx);
	return (ok ? 0 : -1);
}

/* ---- records ------------------------------------------------------------ */

static void
on_free(void *parent, void *p, CRYPTO_EX_DATA *ad, int i, long l, void *arg)
{
	struct record	*r = p;

	(void)parent;
	(void)ad;
	(void)i;
	(void)l;
	(void)arg;
	if (r != NULL)
		buf_free(&r->b);
	free(r);
}

int
tlsproof_init(void)
{
	if (record_index == -1)
		record_index = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL, 0,
		    NULL, NULL, NULL, on_free);
	return (record_index == -1 ? -1 : 0);
}

static void
on_message(int sent, int version, int type, const void *p, size_t n, SSL *ssl,
    void *arg)
{
	struct record	*r = arg;
	int		 what;

	(void)version;
	if (type != SSL3_RT_HANDSHAKE || n == 0)
		return;
	what = *(const uint8_t *)p;
	if ((!sent && what == SSL3_MT_FINISHED) || buf_add(&r->b, p, n) == -1) {
		tlsproof_forget(ssl);	/* no certificate, or too much */
		return;
	}
	if (!sent && what == SSL3_MT_CERTIFICATE_VERIFY) {
		r->complete = 1;
		SSL_set_msg_callback(ssl, NULL);
	}
}

/*
 * What a client may sign with: all that auth can check, and more for keys that
 * are never registered, so that a client with such a one gets in without it;
 * nothing with SHA-1 or SHA-224.
 */
static void
limit_schemes(SSL *ssl)
{
#ifndef LIBRESSL_VERSION_NUMBER
	(void)SSL_set1_client_sigalgs_list(ssl, "ECDSA+SHA256:ECDSA+SHA384:"
	    "ECDSA+SHA512:ed25519:rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:"
	    "rsa_pss_rsae_sha512:RSA+SHA256:RSA+SHA384:RSA+SHA512:ed448:"
	    "rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512");
#else
	(void)ssl;
#endif
}

void
tlsproof_record(SSL *ssl, size_t max)
{
	struct record	*r;

	if (ssl == NULL)
		return;
	limit_schemes(ssl);
	if ((r = calloc(1, sizeof(*r))) == NULL)
		return;
	r->b.max = max;
	if (buf_reserve(&r->b, FIRST < max ? FIRST : max) == NULL ||
	    SSL_set_ex_data(ssl, record_index, r) != 1) {
		buf_free(&r->b);
		free(r);
		return;
	}
	SSL_set_msg_callback(ssl, on_message);
	SSL_set_msg_callback_arg(ssl, r);
}

struct span
tlsproof_get(const SSL *ssl)
{
	const struct record	*r = SSL_get_ex_data(ssl, record_index);

	return (r != NULL && r->complete ? span_buf(&r->b) : span_of(NULL, 0));
}

void
tlsproof_forget(SSL *ssl)
{
	struct record	*r = SSL_get_ex_data(ssl, record_index);

	if (r == NULL)
		return;
	SSL_set_msg_callback(ssl, NULL);
	(void)SSL_set_ex_data(ssl, record_index, NULL);
	buf_free(&r->b);
	free(r);
}
