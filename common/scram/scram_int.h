/* Between the files of this component: arithmetic and grammar. */
#ifndef SCRAM_INT_H
#define SCRAM_INT_H

#include "scram.h"

#define SCRAM_OURS		18	/* random octets of our nonce */
#define SCRAM_OURS_TEXT		64	/* room for it as text */

/* --- scram_secret.c ------------------------------------------------------------ */
/* Each 0, or -1 without memory. */
int		 scram_hmac(enum scram_hash, const uint8_t *key, size_t,
		    struct span data, uint8_t *out);
int		 scram_digest(enum scram_hash, const uint8_t *, uint8_t *out);
int		 scram_salted(enum scram_hash, struct span password,
		    struct span salt, uint32_t iterations, uint8_t *out);
/* StoredKey and ServerKey of a salted password; ClientKey if client is given. */
int		 scram_keys(enum scram_hash, const uint8_t *salted,
		    uint8_t *stored, uint8_t *server, uint8_t *client);
/* Random octets as base64. */
int		 scram_random_nonce(char *out, size_t);

/* --- scram_grammar.c, RFC 5802 section 7 --------------------------------------- */
/* Take "x=" off the front and its value up to the next comma or the end. */
int		 scram_attr(struct span *, int letter, struct span *value);
/* Take "," off the front. */
int		 scram_comma(struct span *);
/* Unescape a saslname: "=2C", "=3D"; not empty, no NUL. */
int		 scram_unescape(struct buf *, struct span);
int		 scram_escape(struct buf *, struct span);
/* Printable ASCII without comma, at most SCRAM_NONCE_MAX. */
int		 scram_nonce_valid(struct span);
/*
 * What may follow: ("," ALPHA "=" value)*.  Letters that mean something are not
 * extensions, and "m=" is one that nobody knows.  Stops before ",p=".
 */
enum scram_why	 scram_extensions(struct span *);
/* posit-number: [1-9][0-9]*, at most max. */
int		 scram_number(struct span, uint32_t max, uint32_t *);

#endif
