/*
 * Stand-ins for private keys, with OpenSSL.
 *
 * libssl signs with EVP_DigestSign(), which asks the key's EVP_PKEY_METHOD.
 * Ours are copies of the built-in ones but for signing: the text that is to be
 * signed goes to keys, which looks at it, hashes, pads and salts.  The methods
 * count for the whole process; a key that is no stand-in cannot sign here at
 * all, and everything else, verifying above all, is the built-in methods' work.
 */
#include <openssl/opensslv.h>
#ifndef LIBRESSL_VERSION_NUMBER		/* it has no such methods any more */
#include <openssl/rsa.h>
#include <string.h>

#include "tlskey.h"

static int	 init(void);
static int	 sign(EVP_PKEY *, enum sign_op, const EVP_MD *,
		    unsigned char *, size_t *, const unsigned char *, size_t);
static int	 sign_rsa(EVP_MD_CTX *, unsigned char *, size_t *,
		    const unsigned char *, size_t);
static int	 sign_ec(EVP_MD_CTX *, unsigned char *, size_t *,
		    const unsigned char *, size_t);
static int	 sign_ed25519(EVP_MD_CTX *, unsigned char *, size_t *,
		    const unsigned char *, size_t);
static void	 free_id(void *, void *, CRYPTO_EX_DATA *, int, long, void *);

static int	 id_index = -1;		/* of a stand-in's id */

static int
sign(EVP_PKEY *key, enum sign_op op, const EVP_MD *md, unsigned char *sig,
    size_t *n, const unsigned char *text, size_t len)
{
	struct msg_sign	 m = { .op = (uint8_t)op };
	const void	*id = EVP_PKEY_get_ex_data(key, id_index);
	size_t		 size = (size_t)EVP_PKEY_size(key);

	if (id == NULL)
		return (0);	/* no stand-in: it has no business here */
	if (sig == NULL) {
		*n = size;
		return (1);
	}
	memcpy(m.key, id, sizeof(m.key));
	m.hash = md == NULL ? 0 : (uint32_t)EVP_MD_type(md);
	m.data = span_of(text, len);
	return (tlskey_ask(&m, sig, *n < size ? *n : size, n));
}

static int
sign_rsa(EVP_MD_CTX *ctx, unsigned char *sig, size_t *n,
    const unsigned char *text, size_t len)
{
	EVP_PKEY_CTX	*p = EVP_MD_CTX_pkey_ctx(ctx);
	const EVP_MD	*md = NULL;
	int		 padding = 0;

	if (EVP_PKEY_CTX_get_signature_md(p, &md) <= 0 || md == NULL ||
	    EVP_PKEY_CTX_get_rsa_padding(p, &padding) <= 0 ||
	    (padding != RSA_PKCS1_PADDING && padding != RSA_PKCS1_PSS_PADDING))
		return (0);
	return (sign(EVP_PKEY_CTX_get0_pkey(p), padding == RSA_PKCS1_PADDING ?
	    SIGN_RSA_PKCS1 : SIGN_RSA_PSS, md, sig, n, text, len));
}

static int
sign_ec(EVP_MD_CTX *ctx, unsigned char *sig, size_t *n,
    const unsigned char *text, size_t len)
{
	EVP_PKEY_CTX	*p = EVP_MD_CTX_pkey_ctx(ctx);
	const EVP_MD	*md = NULL;

	if (EVP_PKEY_CTX_get_signature_md(p, &md) <= 0 || md == NULL)
		return (0);
	return (sign(EVP_PKEY_CTX_get0_pkey(p), SIGN_ECDSA, md, sig, n, text,
	    len));
}

static int
sign_ed25519(EVP_MD_CTX *ctx, unsigned char *sig, size_t *n,
    const unsigned char *text, size_t len)
{
	EVP_PKEY_CTX	*p = EVP_MD_CTX_pkey_ctx(ctx);

	return (sign(EVP_PKEY_CTX_get0_pkey(p), SIGN_ED25519, NULL, sig, n,
	    text, len));
}

static const struct {
	int	 id;
	int	(*run)(EVP_MD_CTX *, unsigned char *, size_t *,
		    const unsigned char *, size_t);
} kinds[] = {
	{ EVP_PKEY_RSA,		sign_rsa },
	{ EVP_PKEY_EC,		sign_ec },
	{ EVP_PKEY_ED25519,	sign_ed25519 },
};

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
	const EVP_PKEY_METHOD	*builtin;
	EVP_PKEY_METHOD		*m;
	size_t			 i;
	int			 id, flags;

	if (id_index != -1)
		return (0);
	for (i = 0; i < nitems(kinds); i++) {
		if ((builtin = EVP_PKEY_meth_find(kinds[i].id)) == NULL)
			return (-1);
		EVP_PKEY_meth_get0_info(&id, &flags, builtin);
		if ((m = EVP_PKEY_meth_new(id, flags)) == NULL)
			return (-1);
		EVP_PKEY_meth_copy(m, builtin);		/* but id and flags */
		EVP_PKEY_meth_set_digestsign(m, kinds[i].run);
		if (EVP_PKEY_meth_add0(m) != 1) {
			EVP_PKEY_meth_free(m);
			return (-1);
		}
	}
	id_index = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_EVP_PKEY, 0, NULL,
	    NULL, NULL, free_id);
	return (id_index == -1 ? -1 : 0);
}

EVP_PKEY *
tlskey_high(X509 *x)
{
	const unsigned char	*p;
	unsigned char		*der = NULL, *id;
	EVP_PKEY		*key;
	size_t			 i;
	int			 len;

	if (init() == -1 ||
	    (len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der)) <= 0)
		return (NULL);
	p = der;
	/* An object of its own: the certificate's is shared. */
	key = d2i_PUBKEY(NULL, &p, len);
	OPENSSL_free(der);
	for (i = 0; key != NULL && i < nitems(kinds) &&
	    EVP_PKEY_base_id(key) != kinds[i].id; i++)
		;
	if (key == NULL || i == nitems(kinds) ||
	    (id = OPENSSL_malloc(TLSKEY_ID)) == NULL) {
		EVP_PKEY_free(key);
		return (NULL);
	}
	if (tlskey_id(x, id) == -1 ||
	    EVP_PKEY_set_ex_data(key, id_index, id) != 1) {
		OPENSSL_free(id);
		EVP_PKEY_free(key);
		return (NULL);
	}
	return (key);
}
#endif
