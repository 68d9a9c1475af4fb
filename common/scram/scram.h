/*
 * SCRAM, both sides: RFC 5802, RFC 7677 for SHA-256, RFC 9266 for
 * tls-exporter.  Messages are octets after base64 decoding.  Does no I/O,
 * keeps no global state; one exchange belongs to one thread at a time.
 *
 * The server never sees the password, nor what is equal to it: it works with
 * StoredKey and ServerKey.  A user that does not exist gets an invented secret,
 * with a salt that stays the same, and fails at the proof like a wrong
 * password.
 */
#ifndef SCRAM_H
#define SCRAM_H

#include "buf.h"

enum scram_hash { SCRAM_SHA_1, SCRAM_SHA_256, SCRAM_HASHES };

#define SCRAM_KEY_MAX		32	/* octets of a key: 20 or 32 */
#define SCRAM_SALT_MIN		8	/* octets of a salt that a client takes */
#define SCRAM_SALT_MAX		64	/* octets of a salt */
#define SCRAM_SALT_NEW		16	/* octets of a salt that we make */
#define SCRAM_MSG_MAX		12288	/* octets of a message */
#define SCRAM_NONCE_MIN		8	/* octets that each side must add */
#define SCRAM_NONCE_MAX		1024
#define SCRAM_BINDING_MAX	64	/* octets of channel binding data */
#define SCRAM_ITERATIONS_MIN	4096	/* RFC 7677 section 4 */
#define SCRAM_ITERATIONS_MAX	600000	/* what a client computes, 0.2 s */

/* --- secrets ------------------------------------------------------------- */
/* What a server keeps of a password; to be wiped like one. */
struct scram_secret {
	enum scram_hash	 hash;
	uint32_t	 iterations;
	uint8_t		 saltlen;
	uint8_t		 invented;	/* matches no password whatsoever */
	uint8_t		 salt[SCRAM_SALT_MAX];
	uint8_t		 stored_key[SCRAM_KEY_MAX];
	uint8_t		 server_key[SCRAM_KEY_MAX];
};

/* Octets of a key, 20 or 32. */
size_t		 scram_key_size(enum scram_hash);
/*
 * The secret of a password that precis_password() made, with this salt.  Takes
 * its time: a millisecond for 4096 iterations.  0, or -1 (EINVAL: salt empty
 * or too long, no iterations; ENOMEM).
 */
int		 scram_derive(struct scram_secret *, enum scram_hash,
		    struct span password, struct span salt,
		    uint32_t iterations);
/* The same with a fresh salt of SCRAM_SALT_NEW random octets. */
int		 scram_secret_new(struct scram_secret *, enum scram_hash,
		    struct span password, uint32_t iterations);
/*
 * The secret of a user that has none: salt and keys are HMACs of the name under
 * a key that the installation keeps (32 random octets), so that a name gets
 * the same salt every day.  The iterations should be those of new accounts.
 * It is marked invented and nothing matches it, in the same time as another.
 * Give the name in the form that decides about identity (canonical address).
 */
int		 scram_secret_invent(struct scram_secret *, enum scram_hash,
		    struct span key, struct span name, uint32_t iterations);
/*
 * Is this the password (as precis_password() made it)?  For PLAIN and LOGIN.
 * Runs the whole derivation, also for an invented secret, and compares in
 * constant time; meant for a helper thread.  1 yes, 0 no, -1 without memory.
 */
int		 scram_verify(const struct scram_secret *,
		    struct span password);

/* --- channel bindings ---------------------------------------------------- */
enum scram_binding {			/* in the order a client prefers */
	SCRAM_TLS_EXPORTER,		/* RFC 9266; TLS 1.3 */
	SCRAM_TLS_UNIQUE,		/* RFC 5929; TLS 1.2 with EMS */
	SCRAM_TLS_SERVER_END_POINT,	/* RFC 5929; any */
	SCRAM_BINDINGS
};
extern const char *const scram_binding_names[SCRAM_BINDINGS];

/* The data of each on this connection; empty: it cannot be had.  Borrowed. */
struct scram_bindings {
	struct span	 data[SCRAM_BINDINGS];
};
/* Is there any? */
int		 scram_bindings_any(const struct scram_bindings *);

/* --- exchanges ----------------------------------------------------------- */
enum scram_status {
	SCRAM_MORE,
	SCRAM_LOOKUP,		/* server */
	SCRAM_WORK,		/* client */
	SCRAM_DONE,
	SCRAM_FAIL,
	SCRAM_ERROR
};

/* What went wrong, for logs and statistics. */
enum scram_why {
	SCRAM_WHY_NONE,
	SCRAM_WHY_SYNTAX,	/* malformed, out of order, too long */
	SCRAM_WHY_EXTENSION,	/* m= */
	SCRAM_WHY_BINDING,	/* flag refused, unknown type, c= differs */
	SCRAM_WHY_AUTHZID,	/* asks to act for another */
	SCRAM_WHY_NONCE,	/* r= of the final message is not ours */
	SCRAM_WHY_PROOF,	/* wrong password */
	SCRAM_WHY_UNKNOWN,	/* the secret was invented */
	SCRAM_WHY_ITERATIONS,	/* client: out of bounds */
	SCRAM_WHY_SERVER,	/* client: the server sent e= */
	SCRAM_WHY_SIGNATURE,	/* client: v= is wrong, not our server */
	SCRAM_WHY_MEMORY
};

struct scram_server;

/*
 * Begin the server's side of one exchange.
 *
 *  hash		of the mechanism
 *  plus		it is the -PLUS mechanism
 *  announced		some -PLUS mechanism was announced on this connection:
 *			then a client that says "y" was tampered with
 *  bindings		of this connection, copied; NULL: none
 *
 * NULL: no memory.
 */
struct scram_server	*scram_server_new(enum scram_hash hash, int plus,
			    int announced, const struct scram_bindings *);
/* NULL is fine.  Wipes. */
void			 scram_server_free(struct scram_server *);
/*
 * Advance by one client message (RFC 5802 section 5).
 *
 *  in		the message, at most SCRAM_MSG_MAX octets, borrowed
 *  out		set to what to send, owned by the server and valid until the
 *		next call; empty when there is nothing
 *
 * Returns SCRAM_MORE    send out, call again with the client's answer
 *         SCRAM_LOOKUP  look scram_server_name() up, set_secret(), then call
 *                       again with an empty in
 *         SCRAM_DONE    send out ("v="): the client proved its password
 *         SCRAM_FAIL    not let in.  Send out ("e=") if it is not empty.
 *                       Wrong proof and unknown user are not told apart
 *         SCRAM_ERROR   malformed or out of order: nothing to send
 *
 * After the last three no further step is valid, and the secret is wiped.
 * scram_server_error() says what was wrong, with the RFC section.
 */
enum scram_status	 scram_server_step(struct scram_server *,
			    struct span in, struct span *out);
/*
 * Answer SCRAM_LOOKUP; always with a secret, an invented one for a user who
 * has none.  Copied.  0, or -1 EINVAL: not waiting for one, another hash, a
 * secret that cannot be.
 */
int			 scram_server_set_secret(struct scram_server *,
			    const struct scram_secret *);
/* From SCRAM_LOOKUP on: who says they want in; NFC, unescaped. */
struct span		 scram_server_name(const struct scram_server *);
/*
 * Whom they want to act for; empty when they did not say.  One that is not the
 * name itself was already refused.
 */
struct span		 scram_server_authzid(const struct scram_server *);
/* Which binding was proven; NULL: none. */
const char		*scram_server_binding(const struct scram_server *);
enum scram_why		 scram_server_why(const struct scram_server *);
/* The reason in words; for the log only, never for the client. */
const char		*scram_server_error(const struct scram_server *);
/* Our part of the nonce instead of a random one: for tests.  0 or -1. */
int			 scram_server_set_nonce(struct scram_server *,
			    const char *);

struct scram_client;

/*
 * Begin the client's side.  All spans are copied.
 *
 *  user, authzid	mapped to NFC here; authzid is usually empty
 *  password		made OpaqueString here; taken as it is if it cannot be
 *  plus		bind with the first of bindings that there is (-PLUS)
 *  missed		we would have bound, but no -PLUS was announced ("y");
 *			not together with plus
 *
 * NULL with EINVAL (a name that cannot be, plus without bindings or with
 * missed) or ENOMEM.
 */
struct scram_client	*scram_client_new(enum scram_hash, struct span user,
			    struct span authzid, struct span password,
			    int plus, int missed,
			    const struct scram_bindings *);
void			 scram_client_free(struct scram_client *);
/*
 * Advance by one server message; the first call has an empty in.  in and out
 * as in scram_server_step().
 *
 * Returns SCRAM_MORE    send out
 *         SCRAM_WORK    call scram_client_work(), on any thread, then again
 *                       with an empty in
 *         SCRAM_DONE    the server proved that it knows us: nothing to send
 *         SCRAM_FAIL    the server sent "e=", or its signature is wrong
 *         SCRAM_ERROR   malformed, or bounds exceeded: salt SCRAM_SALT_MIN to _MAX
 *                       octets, SCRAM_ITERATIONS_MIN to _MAX, a nonce that
 *                       begins with ours and adds SCRAM_NONCE_MIN
 *
 * Without SCRAM_DONE the server is nobody we know: send nothing there.
 */
enum scram_status	 scram_client_step(struct scram_client *,
			    struct span in, struct span *out);
/* The key derivation: up to 0.2 s of arithmetic, nothing else. */
void			 scram_client_work(struct scram_client *);
enum scram_why		 scram_client_why(const struct scram_client *);
const char		*scram_client_error(const struct scram_client *);
int			 scram_client_set_nonce(struct scram_client *,
			    const char *);

#endif
