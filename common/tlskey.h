/*
 * Private keys that are elsewhere: an EVP_PKEY that holds the public half and
 * has "authd: keys" sign.  For tlsctx.c.
 */
#ifndef TLSKEY_H
#define TLSKEY_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdint.h>

#include "msg.h"

#define TLSKEY_ID	32	/* SHA-256 of the SubjectPublicKeyInfo */
#define TLSKEY_PATIENCE	1000	/* ms for keys to answer */

/* The id of a certificate's key.  0 or -1. */
int		 tlskey_id(X509 *, uint8_t id[TLSKEY_ID]);
/*
 * A stand-in for the private key of a certificate.  Only TLS handshakes can be
 * signed with it, those of servers or those of a relay worker.  NULL when its kind is not supported, or without
 * memory.
 */
EVP_PKEY	*tlskey_new(X509 *);
/* By EVP_PKEY_METHOD, RSA_METHOD and EC_KEY_METHOD; what tlskey_new() is. */
EVP_PKEY	*tlskey_high(X509 *);
EVP_PKEY	*tlskey_low(X509 *);
/* Have keys sign: 1, or 0 as libcrypto's methods say it. */
int		 tlskey_ask(const struct msg_sign *, uint8_t *sig, size_t max,
		    size_t *n);

#endif
