/*
 * The certificate that a client shows to be known by its key: made on the fly
 * from the key alone, or read from a file.  Names and dates in it mean nothing;
 * who we are is the SHA-256 of the key's SubjectPublicKeyInfo.
 */
#ifndef CLIENTCERT_H
#define CLIENTCERT_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "buf.h"

#define CLIENTCERT_PEM_MAX	65536	/* octets of a file */
#define CLIENTCERT_FINGERPRINT	44	/* 43 characters of base64url, NUL */

enum clientcert_type { CLIENTCERT_ED25519, CLIENTCERT_ECDSA_P256 };

/* A new key; NULL when the library cannot. */
EVP_PKEY	*clientcert_key_new(enum clientcert_type);
/*
 * The smallest certificate there is for a key: signed by itself, from 1970 to
 * the end of 9999.  The same key and name give the same serial number, and with
 * Ed25519 the same octets.  NULL when it cannot be made.
 */
X509		*clientcert_make(EVP_PKEY *, const char *name);
/*
 * A private key alone: 32 octets of Ed25519 as base64url without padding, or
 * PKCS#8 in PEM form, not encrypted.  NULL with the reason appended to why,
 * which holds nothing of the key.
 */
EVP_PKEY	*clientcert_key_read(struct span, struct buf *why);
/*
 * A file with exactly one private key (PKCS#8, not encrypted) and certificates,
 * the first of which is the key's.  Nothing else in PEM form may be there.
 * Checks it and returns the key; the text itself is what TLS takes.
 */
EVP_PKEY	*clientcert_pem_read(struct span, struct buf *why);
/* Append in PEM form.  0 or -1. */
int		 clientcert_key_pem(struct buf *, EVP_PKEY *);
int		 clientcert_pem(struct buf *, X509 *);
/* Base64url of SHA-256 of the SubjectPublicKeyInfo.  0 or -1. */
int		 clientcert_fingerprint(EVP_PKEY *,
		    char [CLIENTCERT_FINGERPRINT]);

#endif
