/*
 * The proof that a client holds a private key: the messages of a TLS handshake
 * up to and with the client's CertificateVerify, as the process that ends TLS
 * recorded them.  No certificate is parsed.
 */
#ifndef AUTH_PROOF_H
#define AUTH_PROOF_H

#include <stdint.h>

#include "buf.h"

/*
 * Did the holder of this key sign this handshake?  TLS 1.3 (RFC 8446 4.4.3) and
 * 1.2 (RFC 5246 7.4.8); RSA from 2048 bits, ECDSA P-256, P-384, P-521, Ed25519.
 *
 *  record	handshake messages, each with its header of 4 octets, in order;
 *		from outside, at most MSG_RECORD_MAX
 *  spki	the registered SubjectPublicKeyInfo, DER
 *  server	set to the name of the server's signature in it, which says when
 *		and by whom the handshake was made: msg_key_claim's digest, which
 *		"authd: keys" knows; zeroes when not
 *  why		set to a reason in words when not
 *
 * Returns 0, or -1.
 */
int	 proof_check(struct span record, struct span spki,
	    uint8_t server[32], const char **why);

#endif
