/*
 * "authd: keys": private keys and what may be signed with them.
 */
#ifndef KEYS_H
#define KEYS_H

#include <openssl/evp.h>
#include <stdint.h>

#include "buf.h"
#include "msg.h"

#define KEY_ID		32	/* SHA-256 of the SubjectPublicKeyInfo */
#define KEY_SIG_MAX	1024	/* octets of a signature: RSA with 8192 bits */

/* keys_sign.c */
/*
 * The private key in an open file; path is for messages.  Its public half must
 * have this id.  NULL with a reason appended to why.
 */
EVP_PKEY	*key_load(int fd, const char *path, const uint8_t id[KEY_ID],
		    struct buf *why);
enum key_end { KEY_SERVER, KEY_CLIENT };	/* of TLS */
/*
 * Sign for a TLS server or client: the text must be what that end signs in TLS
 * 1.3 or 1.2, the hash and the padding what TLS has for this kind of key.  0, or
 * -1 with errno EINVAL when it is something else, EIO when libcrypto fails.
 */
int		 key_sign(EVP_PKEY *, enum key_end, const struct msg_sign *,
		    struct buf *sig);

/* keys_raw.c: the same for stand-ins that know no text: a digest, the block of a
 * padding, which must be one of TLS, whichever end's. */
int		 key_sign_raw(EVP_PKEY *, enum key_end, const struct msg_sign *,
		    struct buf *sig);

/*
 * keys_seen.c: what was signed for whom in the last minute, by the names of
 * tlsproof_claim().
 */
void		 seen_add(const uint8_t digest[32], enum role,
		    unsigned instance, uint64_t now_ms);
/* Was it, and did nobody claim it yet?  Then it is claimed. */
int		 seen_claim(const uint8_t digest[32], enum role,
		    unsigned instance, uint64_t now_ms);
void		 seen_clear(void);

#endif
