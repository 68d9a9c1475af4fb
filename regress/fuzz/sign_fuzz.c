/*
 * Requests to sign: whatever keys signs is the text of a TLS server, and the
 * signature is one of that text.
 */
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "authd/keys.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const struct {
	const char	*kind, *curve;
} kinds[] = {
	{ "EC", "P-256" }, { "ED25519", NULL }, { "RSA", NULL },
};
static EVP_PKEY	*keys[nitems(kinds)];

static int
tls_text(struct span s)
{
	static const char	 label[] = "TLS 1.3, server CertificateVerify";

	return ((s.n > 98 && memcmp(s.p + 64, label, sizeof(label)) == 0) ||
	    (s.n > 68 && s.p[64] == 3 && s.n == 68u + s.p[67]));
}

static void
check(EVP_PKEY *key, const struct msg_sign *m, const struct buf *sig)
{
	EVP_MD_CTX	*ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX	*p;

	if (!tls_text(m->data) || EVP_DigestVerifyInit(ctx, &p, m->hash == 0 ?
	    NULL : EVP_get_digestbynid((int)m->hash), NULL, key) != 1 ||
	    (m->op == SIGN_RSA_PSS && EVP_PKEY_CTX_set_rsa_padding(p,
	    RSA_PKCS1_PSS_PADDING) != 1) || EVP_DigestVerify(ctx, sig->p,
	    sig->n, m->data.p, m->data.n) != 1)
		abort();
	EVP_MD_CTX_free(ctx);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span	 s = span_of(p, n);
	struct msg_sign	 m;
	struct buf	 sig = { 0 };
	size_t		 i;

	for (i = 0; i < nitems(kinds); i++)
		if (keys[i] == NULL)
			keys[i] = kinds[i].curve != NULL ? EVP_PKEY_Q_keygen(
			    NULL, NULL, kinds[i].kind, kinds[i].curve) :
			    EVP_PKEY_Q_keygen(NULL, NULL, kinds[i].kind,
			    (size_t)2048);
	if (codec_get(&s, &c_sign, &m) == -1)
		return (0);
	for (i = 0; i < nitems(kinds); i++) {
		buf_reset(&sig);
		if (key_sign(keys[i], &m, &sig) == 0)
			check(keys[i], &m, &sig);
	}
	buf_free(&sig);
	return (0);
}
