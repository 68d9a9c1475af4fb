/*
 * Proving a client's key: which keys count, what is recorded of a handshake, and
 * by which name "authd: keys" remembers that it signed one.
 */
#ifndef TLSPROOF_H
#define TLSPROOF_H

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdint.h>

#include "buf.h"

/* The kinds of keys that a client is known by. */
enum tlsproof_kind {
	TLSPROOF_NONE,		/* another kind, or too weak */
	TLSPROOF_RSA,		/* 2048 bits at least */
	TLSPROOF_P256, TLSPROOF_P384, TLSPROOF_P521,
	TLSPROOF_ED25519
};

/* NULL is none. */
enum tlsproof_kind	 tlsproof_kind(EVP_PKEY *);

/*
 * The name of a server's signature: a digest of it and of the text that it
 * signs, so that it stands for that one handshake.  A signature alone would not:
 * whoever may choose the key that is to verify it finds one for any text.  With
 * LibreSSL keys never sees the text, there it is the signature alone.
 * 0, or -1 without memory.
 */
int		 tlsproof_claim(struct span text, struct span signature,
		    uint8_t digest[32]);

/*
 * Record the messages of a server's handshake, until the client's
 * CertificateVerify.  Nothing is kept of a handshake without one, or of one
 * with more octets than max.  Without memory there is no record.
 */
void		 tlsproof_record(SSL *, size_t max);
/* What is recorded, if it is complete; lives until it is forgotten. */
struct span	 tlsproof_get(const SSL *);
void		 tlsproof_forget(SSL *);
/* Once, before the first SSL is made.  0 or -1. */
int		 tlsproof_init(void);

#endif
