/*
 * Public keys of client certificates, in the credentials database.  A key is
 * known by its fingerprint, the SHA-256 of its SubjectPublicKeyInfo; it belongs
 * to one account and logs in with one address of it.  No certificate is parsed
 * here: one may be kept, as octets, to be shown.
 *
 * Functions return 0 or -1 with errno, as those of auth_userdb.h.
 */
#ifndef AUTH_TLSKEY_H
#define AUTH_TLSKEY_H

#include "authd/auth_address.h"
#include "authd/auth_userdb.h"

#define TLSKEY_ID	32
#define TLSKEY_TEXT	43	/* octets of a fingerprint as text */
#define TLSKEY_TYPE	16
#define TLSKEY_NAME	128	/* octets */
#define TLSKEY_SPKI	1200	/* RSA up to 8192 bits */
#define TLSKEY_CERT	6000	/* a longer certificate is not kept */
#define TLSKEY_ACCOUNT	100	/* keys of one account */

struct tlskey {
	uint8_t		 id[TLSKEY_ID];
	uint64_t	 account;
	uint64_t	 created;
	uint8_t		 no_preauth;	/* IMAP: EXTERNAL only */
	char		 type[TLSKEY_TYPE + 1];
	char		 name[TLSKEY_NAME + 1];
	char		 address[CANON_MAX + 1];	/* canonical */
	uint8_t		 spki[TLSKEY_SPKI];		/* DER */
	size_t		 nspki;
};

/*
 * A public key from outside into k: id, type, spki.  Only what TLS clients
 * should have: RSA from 2048 to 8192 bits, ECDSA on P-256, P-384 and P-521,
 * Ed25519, in DER to the last octet.  0, or -1 and *why.
 */
int		 tlskey_read(struct span spki, struct tlskey *k,
		    const char **why);
/* Fingerprints are written in base64url without padding (RFC 4648 section 5). */
const char	*tlskey_text(const uint8_t id[TLSKEY_ID],
		    char text[TLSKEY_TEXT + 1]);
int		 tlskey_parse(struct span text, uint8_t id[TLSKEY_ID]);

int		 tlskey_get(struct userdb *, const uint8_t id[TLSKEY_ID],
		    struct tlskey *);
/* Octets; ENOENT: none was kept. */
int		 tlskey_cert(struct userdb *, const uint8_t id[TLSKEY_ID],
		    struct buf *);
/* 1: the account has as many as it may. */
int		 tlskey_full(struct userdb *, uint64_t account);
/* EEXIST: it is somebody's already; EMLINK: the account has too many.  cert may
 * be empty. */
int		 tlskey_add(struct userdb *, const struct tlskey *,
		    struct span cert);
/* Name, address and no_preauth as they are now. */
int		 tlskey_put(struct userdb *, const struct tlskey *);
int		 tlskey_del(struct userdb *, const struct tlskey *);
int		 tlskey_del_all(struct userdb *, uint64_t account);
/* Keys by fingerprint: the next one at or after id. */
int		 tlskey_next(struct userdb *, const uint8_t id[TLSKEY_ID],
		    struct tlskey *);
/* The same of one account. */
int		 tlskey_next_of(struct userdb *, uint64_t account,
		    const uint8_t id[TLSKEY_ID], struct tlskey *);
/* Does every key log in at a domain of that configuration?  0; -1, and which
 * one does not is appended to why. */
int		 tlskey_domains(struct userdb *, const struct conf *,
		    struct buf *why);
/* The fingerprint behind this one; -1 at the end. */
int		 tlskey_step(uint8_t id[TLSKEY_ID]);

#endif
