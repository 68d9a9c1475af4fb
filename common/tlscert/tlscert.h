/*
 * Certificates of clients: a minimal self-signed one around a private key, and
 * what a file in PEM form holds of certificate and key.  Who proves a key that
 * way is known by the key alone; the certificate is but its envelope.
 */
#ifndef TLSCERT_H
#define TLSCERT_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "buf.h"

#define TLSCERT_ID	32	/* SHA-256 of the SubjectPublicKeyInfo */
#define TLSCERT_FILE	65536	/* octets of a file at most */

/* PEM, for tlsctx_client_key().  Wipe with tlscert_free(). */
struct tlscert {
	struct buf	 cert;		/* the leaf, then its chain */
	struct buf	 key;		/* PKCS#8, not encrypted */
};

/*
 * A certificate of a name and a key, signed by that key, valid from 1970 to
 * 9999, its serial number made of the name: the same name and the same Ed25519
 * key make the same octets.  NULL with no memory or a key that cannot sign.
 */
X509		*tlscert_self_signed(EVP_PKEY *, const char *cn);
/* The id under which a key is known.  0 or -1. */
int		 tlscert_id(EVP_PKEY *, uint8_t id[TLSCERT_ID]);
/* A new Ed25519 key; one of its 32 octets of seed.  NULL: no memory. */
EVP_PKEY	*tlscert_generate(void);
EVP_PKEY	*tlscert_ed25519(const uint8_t seed[32]);
/*
 * The pair of a key, with tlscert_self_signed().  Begin with all zeroes.  0, or
 * -1 with nothing to free.
 */
int		 tlscert_make(struct tlscert *, EVP_PKEY *, const char *cn);
/*
 * What a PEM text holds: one unencrypted private key, and certificates, the
 * first of which is that key's; or the key alone: then a certificate is made
 * for cn.  Nothing else may stand between or behind.  0, or -1 with nothing to
 * free and a reason appended to why, which never has any of the text.
 */
int		 tlscert_parse(struct tlscert *, struct span pem,
		    const char *cn, struct buf *why);
/* The same of a file.  Only a regular file is read. */
int		 tlscert_load(struct tlscert *, const char *path,
		    const char *cn, struct buf *why);
/* Wipes both. */
void		 tlscert_free(struct tlscert *);

#endif
