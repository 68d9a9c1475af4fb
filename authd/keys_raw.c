/*
 * Signing for stand-ins of LibreSSL (tlskey_low.c), which know only what is to be
 * signed in the end: a digest, the block of a padding.  So that keys does not
 * sign, or decrypt, any block whatever, it must be a padding of TLS.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>

#include "keys.h"

static int	 is_digest(struct span);
static int	 is_digest_info(struct span);
static int	 mgf1(uint8_t *, size_t, const uint8_t *, size_t,
		    const EVP_MD *);
static int	 is_pss_of(struct span, unsigned, const EVP_MD *);
static int	 is_pss(struct span, unsigned);

static int
is_digest(struct span s)
{
	return (s.n == 32 || s.n == 48 || s.n == 64);
}

/* RFC 8017, 9.2: SHA-256, SHA-384, SHA-512 */
static int
is_digest_info(struct span s)
{
	static const struct {
		uint8_t	 head[19];
		size_t	 n;
	} infos[] = {
		{ "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02"
		    "\x01\x05\x00\x04\x20", 32 },
		{ "\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02"
		    "\x02\x05\x00\x04\x30", 48 },
		{ "\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02"
		    "\x03\x05\x00\x04\x40", 64 },
	};
	size_t	 i;

	for (i = 0; i < nitems(infos); i++)
		if (s.n == sizeof(infos[i].head) + infos[i].n &&
		    memcmp(s.p, infos[i].head, sizeof(infos[i].head)) == 0)
			return (1);
	return (0);
}

/* Remove the mask, RFC 8017 B.2.1. */
static int
mgf1(uint8_t *p, size_t n, const uint8_t *seed, size_t nseed,
    const EVP_MD *md)
{
	uint8_t		 block[EVP_MAX_MD_SIZE], in[EVP_MAX_MD_SIZE + 4];
	unsigned int	 len = 0;
	uint32_t	 counter = 0;
	size_t		 i, k;

	memcpy(in, seed, nseed);
	for (i = 0; i < n; i += len, counter++) {
		in[nseed] = (uint8_t)(counter >> 24);
		in[nseed + 1] = (uint8_t)(counter >> 16);
		in[nseed + 2] = (uint8_t)(counter >> 8);
		in[nseed + 3] = (uint8_t)counter;
		if (EVP_Digest(in, nseed + 4, block, &len, md, NULL) != 1)
			return (-1);
		for (k = 0; k < len && i + k < n; k++)
			p[i + k] ^= block[k];
	}
	return (0);
}

/* RFC 8017, 9.1.2, with a salt as long as the hash. */
static int
is_pss_of(struct span s, unsigned bits, const EVP_MD *md)
{
	uint8_t	 db[KEY_SIG_MAX];
	size_t	 h = (size_t)EVP_MD_size(md), n, i;
	unsigned unused = (8 - (bits - 1) % 8) % 8;

	if ((bits - 1) % 8 == 0) {	/* a block that is an octet shorter */
		if (s.n == 0 || s.p[0] != 0)
			return (0);
		s.p++;
		s.n--;
	}
	if (s.n < 2 * h + 2 || s.n > sizeof(db) || s.p[s.n - 1] != 0xbc ||
	    (s.p[0] & ~(0xffu >> unused) & 0xffu) != 0)
		return (0);
	n = s.n - h - 1;
	memcpy(db, s.p, n);
	if (mgf1(db, n, s.p + n, h, md) == -1)
		return (0);
	db[0] &= (uint8_t)(0xffu >> unused);
	for (i = 0; i < n - h - 1; i++)
		if (db[i] != 0)
			return (0);
	return (db[i] == 1);
}

static int
is_pss(struct span s, unsigned bits)
{
	return (is_pss_of(s, bits, EVP_sha256()) ||
	    is_pss_of(s, bits, EVP_sha384()) ||
	    is_pss_of(s, bits, EVP_sha512()));
}

int
key_sign_raw(EVP_PKEY *key, enum key_end end, const struct msg_sign *m,
    struct buf *sig)
{
	EVP_PKEY_CTX	*ctx;
	uint8_t		 room[KEY_SIG_MAX];
	size_t		 n = sizeof(room), size = (size_t)EVP_PKEY_size(key);
	int		 id = EVP_PKEY_base_id(key), padding = 0, ok;

	(void)end;		/* a digest does not tell */
	errno = EINVAL;
	if (id == EVP_PKEY_RSA && m->op == SIGN_RSA_PKCS1) {
		padding = RSA_PKCS1_PADDING;
		ok = is_digest_info(m->data);
	} else if (id == EVP_PKEY_RSA && m->op == SIGN_RSA_PSS) {
		padding = RSA_NO_PADDING;
		ok = m->data.n == size &&
		    is_pss(m->data, (unsigned)EVP_PKEY_bits(key));
	} else
		ok = id == EVP_PKEY_EC && m->op == SIGN_ECDSA &&
		    is_digest(m->data);
	if (!ok || size > sizeof(room))
		return (-1);
	errno = EIO;
	if ((ctx = EVP_PKEY_CTX_new(key, NULL)) == NULL ||
	    EVP_PKEY_sign_init(ctx) != 1 || (padding != 0 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, padding) != 1) ||
	    EVP_PKEY_sign(ctx, room, &n, m->data.p, m->data.n) != 1 ||
	    buf_add(sig, room, n) == -1) {
		ERR_clear_error();
		EVP_PKEY_CTX_free(ctx);
		return (-1);
	}
	EVP_PKEY_CTX_free(ctx);
	return (0);
}
