/*
 * Requests to sign: whatever keys signs is the text of that end of TLS and not
 * of the other, and the signature is one of that text.
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
tls_text(struct span s, enum key_end end)
{
	static const char	*labels[] = {
		[KEY_SERVER] = "TLS 1.3, server CertificateVerify",
		[KEY_CLIENT] = "TLS 1.3, client CertificateVerify",
	};

	if (s.n > 98 && memcmp(s.p + 64, labels[end],
	    strlen(labels[end]) + 1) == 0)
		return (1);
	if (end == KEY_CLIENT)
		return (s.n > 100 && s.p[0] == 1 && s.p[4] == 3 &&
		    s.p[5] == 3);
	return (s.n > 68 && s.p[64] == 3 && s.n == 68u + s.p[67]);
}

static void
check(EVP_PKEY *key, enum key_end end, const struct msg_sign *m,
    const struct buf *sig)
{
	EVP_MD_CTX	*ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX	*p;

	if (!tls_text(m->data, end) || EVP_DigestVerifyInit(ctx, &p, m->hash == 0 ?
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
	enum key_end	 end;
	size_t		 i, signed_n;

	for (i = 0; i < nitems(kinds); i++)
		if (keys[i] == NULL)
			keys[i] = kinds[i].curve != NULL ? EVP_PKEY_Q_keygen(
			    NULL, NULL, kinds[i].kind, kinds[i].curve) :
			    EVP_PKEY_Q_keygen(NULL, NULL, kinds[i].kind,
			    (size_t)2048);
	if (codec_get(&s, &c_sign, &m) == -1)
		return (0);
	for (i = 0; i < nitems(kinds); i++) {
		signed_n = 0;
		for (end = KEY_SERVER; end <= KEY_CLIENT; end++) {
			buf_reset(&sig);
			if (key_sign(keys[i], end, &m, &sig) == 0) {
				check(keys[i], end, &m, &sig);
				signed_n++;
			}
		}
		if (signed_n > 1)
			abort();
	}
	buf_free(&sig);
	return (0);
}
