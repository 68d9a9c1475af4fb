/* Between the files of this component. */
#ifndef SASL_INT_H
#define SASL_INT_H

#include "sasl.h"

#define CRAM_HEX	32		/* octets of a digest as text */
#define CRAM_CHALLENGE	128		/* room for ours */

enum server_wait {
	WAIT_START,		/* for the initial response, or none */
	WAIT_CLIENT,		/* for a response */
	WAIT_LOOKUP,		/* for set_scram() or set_cram(), then a step */
	WAIT_VERIFY,		/* for set_verdict(), then a step */
	WAIT_REFUSED,		/* for anything, after "e=" */
	WAIT_NEVER		/* over */
};

/* What a mechanism is to the server. */
struct server_mech {
	const char	 *name;		/* for the log */
	/* no initial response: NULL is an empty challenge */
	enum sasl_step	(*start)(struct sasl_server *);
	enum sasl_step	(*response)(struct sasl_server *, struct span);
	/* LOOKUP or VERIFY was answered */
	enum sasl_step	(*resume)(struct sasl_server *);
	uint8_t		 no_initial;	/* the server speaks first */
};

struct sasl_server {
	const struct server_mech *mech;
	enum sasl_mech		 which;
	enum server_wait	 wait;
	enum sasl_want		 want;		/* at WAIT_LOOKUP */
	int			 answered;
	int			 ok, known;	/* at WAIT_VERIFY */
	int			 impossible;	/* the password cannot be one */
	struct buf		 name, authzid, password, out;
	struct buf		 external;
	struct scram_server	*scram;
	int			 stage;		/* 1: LOGIN has its name, SCRAM
						 * sent "v=" */
	char			 challenge[CRAM_CHALLENGE];
	uint8_t			 digest[16];	/* the client's */
	struct sasl_cram_secret	 cram;
	enum sasl_why		 why;
	const char		*error;
};

/* --- sasl_server.c ------------------------------------------------------- */
/* Ends of an exchange; each wipes, and returns the step to return. */
enum sasl_step	 server_done(struct sasl_server *);
enum sasl_step	 server_fail(struct sasl_server *, enum sasl_why,
		    const char *text);
enum sasl_step	 server_malformed(struct sasl_server *, const char *text);
enum sasl_step	 server_nomem(struct sasl_server *);
/* Send a challenge. */
enum sasl_step	 server_more(struct sasl_server *, struct span);

/* --- sasl_server_mech.c, sasl_server_scram.c, sasl_cram.c ----------------- */
/*
 * Take a name as NFC.  SASL_STEP_MORE: taken; anything else is the end.
 */
enum sasl_step	 server_take_name(struct sasl_server *, struct buf *,
		    struct span);
extern const struct server_mech	 server_plain, server_login, server_command,
    server_external, server_scram, server_cram;

/* HMAC-MD5 of a challenge under a secret.  0 or -1. */
int		 cram_digest(const struct sasl_cram_secret *, struct span,
		    uint8_t *out);

#endif
