/*
 * Private keys that are elsewhere: an EVP_PKEY that holds the public half and
 * has "authd: keys" sign.  For tlsctx.c.
 */
#ifndef TLSKEY_H
#define TLSKEY_H

#include <stdint.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#define TLSKEY_ID	32	/* SHA-256 of the SubjectPublicKeyInfo */
#define TLSKEY_PATIENCE	1000	/* ms for keys to answer */

/* The id of a certificate's key.  0 or -1. */
int		 tlskey_id(X509 *, uint8_t id[TLSKEY_ID]);
/*
 * A stand-in for the private key of a certificate.  Only TLS server handshakes
 * can be signed with it.  NULL when its kind is not supported, or without
 * memory.
 */
EVP_PKEY	*tlskey_new(X509 *);

#endif
