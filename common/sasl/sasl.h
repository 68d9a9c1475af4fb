/*
 * SASL, RFC 4422, both sides, as step functions: no I/O, no database, no event
 * loop, no global state.  Data are octets after base64 decoding.  Mechanisms:
 * EXTERNAL, SCRAM-SHA-256[-PLUS], SCRAM-SHA-1[-PLUS], CRAM-MD5 (RFC 2195),
 * PLAIN (RFC 4616), LOGIN, and what IMAP's LOGIN command carries.
 *
 * A server is driven like this:
 *
 *	mech = sasl_mech_by_name(name);
 *	if (sasl_refuse(&facts, mech) != SASL_MAY) ...
 *	s = sasl_server_new(mech, &facts);
 *	step = sasl_server_step(s, has_initial ? &initial : NULL, &out);
 *	for (;;) switch (step) {
 *	case SASL_STEP_MORE:	send out, step again with the client's answer
 *	case SASL_STEP_LOOKUP:	look sasl_server_name() up, give what
 *				sasl_server_wants(), step with NULL
 *	case SASL_STEP_VERIFY:	compare sasl_server_password() with what is
 *				stored for sasl_server_name(), say the
 *				verdict, step with NULL
 *	case SASL_STEP_DONE:	sasl_server_name() may act
 *	...
 */
#ifndef SASL_H
#define SASL_H

#include "buf.h"
#include "scram.h"

#define SASL_DATA_MAX	12288		/* octets, either way */

enum sasl_mech {			/* strongest first */
	SASL_MECH_EXTERNAL,
	SASL_MECH_SCRAM_SHA_256_PLUS,
	SASL_MECH_SCRAM_SHA_256,
	SASL_MECH_SCRAM_SHA_1_PLUS,
	SASL_MECH_SCRAM_SHA_1,
	SASL_MECH_CRAM_MD5,
	SASL_MECH_PLAIN,
	SASL_MECH_LOGIN,
	SASL_MECHS
};
#define SASL_BIT(mech)	(1u << (mech))
#define SASL_ALL	((1u << SASL_MECHS) - 1)

/* "SCRAM-SHA-256-PLUS" and so on. */
extern const char *const sasl_mech_names[SASL_MECHS];
/* SASL_MECHS when there is no such mechanism; ASCII case does not count. */
enum sasl_mech	 sasl_mech_by_name(struct span);
/* Whoever reads the data knows the password: PLAIN and LOGIN. */
int		 sasl_mech_cleartext(enum sasl_mech);
/* The bits of a list of names with spaces between, as in "AUTH PLAIN LOGIN". */
uint32_t	 sasl_mechs_parse(struct span);

enum sasl_step {
	SASL_STEP_MORE,			/* send out, get the answer */
	SASL_STEP_LOOKUP,		/* server: find what is stored */
	SASL_STEP_VERIFY,		/* server: compare the password */
	SASL_STEP_WORK,			/* client: sasl_client_work() */
	SASL_STEP_DONE,			/* let in */
	SASL_STEP_FAIL,			/* not let in: 535, NO */
	SASL_STEP_MALFORMED,		/* no such message here: 501, BAD */
	SASL_STEP_ABORTED,		/* by "*" */
	SASL_STEP_ERROR			/* no memory: try again later */
};
extern const char *const sasl_step_names[];

/* --- server -------------------------------------------------------------- */
/* What is so on this connection.  Spans are borrowed. */
struct sasl_facts {
	uint32_t	 mechs;		/* SASL_BIT()s of the listener */
	uint8_t		 tls;		/* it is encrypted */
	uint8_t		 tls_required;	/* no login before it is */
	uint8_t		 cleartext;	/* PLAIN and LOGIN without TLS too */
	struct scram_bindings	 bindings;	/* empty: cannot be had */
	struct span	 external;	/* login name of the client's proven
					 * key; empty: there is none */
};

/* The mechanisms to announce. */
uint32_t	 sasl_offer(const struct sasl_facts *);

enum sasl_refusal {
	SASL_MAY,
	SASL_NOT_KNOWN,		/* 504 5.5.4: unknown, or not here */
	SASL_AFTER_TLS,		/* 538 5.7.11: not before TLS */
	SASL_NO_BINDING,	/* -PLUS, and there is no binding: 535 */
	SASL_NO_KEY		/* EXTERNAL, and no proven key: 535 */
};
/* May it be used here?  mech may be SASL_MECHS. */
enum sasl_refusal	 sasl_refuse(const struct sasl_facts *, enum sasl_mech);

/* Why somebody was not let in; for log, login log and statistics. */
enum sasl_why {
	SASL_WHY_NONE,
	SASL_WHY_PROTOCOL,	/* badprotocol */
	SASL_WHY_USER,		/* baduser: unknown, or no name at all */
	SASL_WHY_PASSWORD,	/* badpassword: wrong, or cannot be one */
	SASL_WHY_BINDING,	/* badchanbind */
	SASL_WHY_AUTHZID,	/* badcreds: asks to act for another */
	SASL_WHY_ABORTED,	/* aborted */
	SASL_WHY_MEMORY		/* error */
};
extern const char *const sasl_why_names[];	/* the words above */

/* What LOOKUP wants. */
enum sasl_want {
	SASL_WANT_NOTHING,
	SASL_WANT_SCRAM,	/* set_scram(), of sasl_server_hash() */
	SASL_WANT_CRAM		/* sasl_server_set_cram() */
};

/*
 * What CRAM-MD5 needs of a password: the state of MD5 after the inner and the
 * outer pad (RFC 2104).  As good as the password for CRAM-MD5.
 */
struct sasl_cram_secret {
	uint8_t		 invented;	/* matches nothing */
	uint8_t		 inner[16];
	uint8_t		 outer[16];
};
/* Of a password that precis_password() made.  0 or -1 without memory. */
int		 sasl_cram_derive(struct sasl_cram_secret *,
		    struct span password);
/* For a user who has none; fails like a wrong password. */
void		 sasl_cram_invent(struct sasl_cram_secret *);

struct sasl_server;

/*
 * A server of one exchange; copies what it needs of the facts.  Does not ask
 * sasl_refuse() again, the caller did.  NULL: no memory.
 */
struct sasl_server	*sasl_server_new(enum sasl_mech,
			    const struct sasl_facts *);
/*
 * A server of IMAP's LOGIN command: its first step takes "user NUL password"
 * and there is no other answer.
 */
struct sasl_server	*sasl_server_new_command(void);
/* NULL is fine.  Wipes everything. */
void			 sasl_server_free(struct sasl_server *);
/*
 * Advance by one response.
 *
 *  in		the client's octets, borrowed; empty is not absent.  NULL: no
 *		initial response (first step), or the answer to LOOKUP or
 *		VERIFY was given
 *  out		set to the challenge for MORE, which may be empty; owned by the
 *		server, valid until the next call
 *
 * Returns one of enum sasl_step but WORK.  After DONE, FAIL, MALFORMED,
 * ABORTED and ERROR no further step is valid, and passwords and secrets are
 * wiped already; names and reason stay.  The same reply, in the same number of
 * steps and the same time, is due to FAIL whatever the reason.
 *
 * A failure that SCRAM tells the client ("e=") comes as MORE first; the step
 * after it is FAIL whatever the client says.
 */
enum sasl_step		 sasl_server_step(struct sasl_server *,
			    const struct span *in, struct span *out);
/* The client sent "*".  ABORTED; FAIL when it had failed before. */
enum sasl_step		 sasl_server_abort(struct sasl_server *);

/*
 * Who logs in: NFC, as the client wrote it, not yet an address of ours.  Set
 * from LOOKUP, VERIFY and DONE on, and after a FAIL that got so far.
 * EXTERNAL: whom the holder of the key wants to be, which is facts.external or
 * another name: only the caller can say if that is the key's account too, and
 * it must.
 */
struct span		 sasl_server_name(const struct sasl_server *);
/* The authorization identity as given (NFC); empty: none.  For the log. */
struct span		 sasl_server_authzid(const struct sasl_server *);
/* For the log: never NULL; "LOGIN" for the command too. */
const char		*sasl_server_mech(const struct sasl_server *);
/* NULL when no channel binding was proven. */
const char		*sasl_server_binding(const struct sasl_server *);

enum sasl_want		 sasl_server_wants(const struct sasl_server *);
enum scram_hash		 sasl_server_hash(const struct sasl_server *);
/*
 * Answer LOOKUP; always, with an invented secret for users that have none.
 * Copied.  0, or -1 EINVAL when this is not what it waits for.
 */
int			 sasl_server_set_scram(struct sasl_server *,
			    const struct scram_secret *);
int			 sasl_server_set_cram(struct sasl_server *,
			    const struct sasl_cram_secret *);
/*
 * At VERIFY: the password as OpaqueString, borrowed until the next step.  One
 * that cannot be a password comes as it is, is to be run through the same
 * arithmetic, and fails whatever the verdict.
 */
struct span		 sasl_server_password(const struct sasl_server *);
/*
 * Answer VERIFY: does scram_verify() (or a memory of it) say yes?  known: there
 * is such a user; for the reason in the log alone.  0 or -1 EINVAL.
 */
int			 sasl_server_set_verdict(struct sasl_server *, int ok,
			    int known);

/*
 * CRAM-MD5's challenge, SCRAM's part of the nonce, instead of a random one: for
 * tests.  0 or -1.
 */
int			 sasl_server_set_nonce(struct sasl_server *,
			    const char *);

enum sasl_why		 sasl_server_why(const struct sasl_server *);
/* In words, with the RFC section where it is about syntax; never NULL. */
const char		*sasl_server_error(const struct sasl_server *);

/* --- client -------------------------------------------------------------- */
/* Who we are there, and what is so on this connection.  Spans are borrowed. */
struct sasl_login {
	struct span	 user;
	struct span	 authzid;	/* usually empty */
	struct span	 password;
	uint8_t		 tls;		/* it is encrypted */
	uint8_t		 trusted;	/* and the server is the right one */
	uint8_t		 cleartext;	/* PLAIN and LOGIN even if not */
	uint8_t		 key;		/* it showed a client certificate */
	struct scram_bindings	 bindings;
};

/*
 * Choose from what the server announced.
 *
 *  announced	bits, sasl_mechs_parse()
 *  order	the mechanisms that we would use, best first, n of them; NULL:
 *		all, by strength
 *  floor	nothing weaker than this; SASL_MECHS: anything
 *
 * Passes over what cannot work here: -PLUS without bindings, EXTERNAL without a
 * key, anything with a password that we do not have, PLAIN and LOGIN where they
 * are not safe.  Returns SASL_MECHS when nothing is left.
 */
enum sasl_mech	 sasl_choose(const struct sasl_login *, uint32_t announced,
		    const enum sasl_mech *order, size_t n,
		    enum sasl_mech floor);
/*
 * Must this mechanism say that we would have bound (the "y" flag of RFC 5802)?
 * Yes if we could have: the -PLUS mechanism of the same hash is in order and
 * not announced.
 */
int		 sasl_missed_plus(const struct sasl_login *, enum sasl_mech,
		    uint32_t announced, const enum sasl_mech *order, size_t n);

struct sasl_client;

struct sasl_reply {
	struct span	 data;		/* owned by the client */
	uint8_t		 present;	/* 0: no initial response, which
					 * is not the same as an empty one */
	uint8_t		 last;		/* now the server must decide */
};

/*
 * Copies what it needs of the login.  missed: from sasl_missed_plus().  NULL
 * with EINVAL (a name or password that this mechanism cannot send, -PLUS
 * without bindings) or ENOMEM.
 */
struct sasl_client	*sasl_client_new(enum sasl_mech,
			    const struct sasl_login *, int missed);
void			 sasl_client_free(struct sasl_client *);
/* The mechanism's name; whether to keep its data out of traces. */
const char		*sasl_client_name(const struct sasl_client *);
int			 sasl_client_cleartext(const struct sasl_client *);
/*
 * Advance by one challenge; NULL the first time and after WORK.
 *
 * Returns SASL_STEP_MORE       send the reply
 *         SASL_STEP_WORK       sasl_client_work(), on any thread, then step
 *                              with NULL
 *         SASL_STEP_FAIL       the server says no, or is not who we know
 *         SASL_STEP_MALFORMED  it does not follow the protocol
 *         SASL_STEP_ERROR      no memory
 *
 * After the last three send "*" and give the connection up.
 */
enum sasl_step		 sasl_client_step(struct sasl_client *,
			    const struct span *in, struct sasl_reply *);
void			 sasl_client_work(struct sasl_client *);
/*
 * The server said that we are in.  0; -1 when it said so before it could know
 * (before "last"): then it is not to be trusted with anything.
 */
int			 sasl_client_success(struct sasl_client *);
/* What was wrong, never NULL. */
const char		*sasl_client_error(const struct sasl_client *);

#endif
