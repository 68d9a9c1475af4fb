/*
 * Whom a session asks, without processes: answers come as soon as it waits.
 *
 *	RCPT	temp@...: not now; a domain other than here.example: not ours;
 *		nobody@...: unknown; else fine
 *	MAIL	(submission) foreign@...: refused
 *	AUTH	any mechanism: "good" is in, "more" is asked for more, others fail
 *	storing	a message with "REFUSE", "LATER" or "QUOTA" in it is not taken
 */
#ifndef STUB_H
#define STUB_H

#include "smtpd/session.h"

struct stub {
	struct session		 s;
	struct conf_listener	 l;
	struct buf		 out;		/* replies */
	struct buf		 message;	/* of the transaction */
	struct buf		 stored;	/* envelopes and messages taken */
	unsigned		 taken;		/* messages */
	unsigned		 dropped;
	int			 no_file;	/* there is none */
	int			 no_room;	/* after so many octets; 0: room */
	int			 no_auth;
	int			 late;		/* never answers a commit */
	enum session_state	 asked;
	enum sasl_outcome	 outcome;
	enum sasl_outcome	 by_key;	/* of a login by key alone */
	unsigned		 keys;		/* those */
	int			 closed;	/* what it wants: the end */
	int			 tls_begun;
};

void	 stub_init(struct stub *, enum conf_kind, enum conf_tls);
void	 stub_free(struct stub *);
/* Over TLS, with a certificate that auth thinks that of; -1: it is away. */
void	 stub_key(struct stub *, int identity);
/* Octets in pieces of at most so many. */
void	 stub_send(struct stub *, const void *, size_t n, size_t piece);
void	 stub_sends(struct stub *, const char *);
/* The codes of all replies since the last call, "250 354 421", '-' for lines
 * with more to come left out. */
const char	*stub_codes(struct stub *);

#endif
