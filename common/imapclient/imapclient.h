/*
 * The client's side of IMAP sessions, RFC 9051 and 3501, as step functions:
 * octets of the server in, octets for the server out, and what is waited for.
 * No socket, no event loop, no clock: the caller has these.
 *
 *	c = imapclient_new(&settings);
 *	on input, on room for output, and once at the start:
 *		switch (imapclient_step(c, &in, out)) {
 *		case IMAPCLIENT_READ:	send out, wait for input
 *		case IMAPCLIENT_WRITE:	send out, step again
 *		case IMAPCLIENT_TLS_NOW: send out, handshake,
 *					imapclient_tls_done(), step
 *		case IMAPCLIENT_READY:	look at imapclient_result(); begin a
 *					command, then step
 *		case IMAPCLIENT_END:	close
 *		case IMAPCLIENT_FAILED:	close; imapclient_error() says why
 *		}
 *
 * The first READY is there when the greeting was read, TLS is there as far as
 * it was asked for, the client is logged in as far as that was asked for, and
 * the capabilities are known.
 *
 * Used where the server has them: STARTTLS, SASL-IR (RFC 4959), LITERAL+ and
 * LITERAL- (RFC 7888).  A server that says PREAUTH where TLS is still to begin
 * is refused, as is one that has more to say behind its OK to STARTTLS.
 */
#ifndef IMAPCLIENT_H
#define IMAPCLIENT_H

#include <sys/types.h>
#include <stdint.h>
#include "buf.h"

struct imapclient;

enum imapclient_tls {
	IMAPCLIENT_TLS_OFF,		/* do not ask for it */
	IMAPCLIENT_TLS_REQUIRED,	/* STARTTLS, or the session fails */
	IMAPCLIENT_TLS_IMPLICIT		/* it is there before the first step */
};

/* What the server can; bits. */
#define IMAPCLIENT_STARTTLS		0x01u
#define IMAPCLIENT_LOGINDISABLED	0x02u
#define IMAPCLIENT_SASL_IR		0x04u
#define IMAPCLIENT_LITERAL_PLUS		0x08u
#define IMAPCLIENT_LITERAL_MINUS	0x10u
#define IMAPCLIENT_IMAP4REV1		0x20u
#define IMAPCLIENT_IMAP4REV2		0x40u

/*
 * One SASL exchange, by somebody who knows mechanisms and secrets; as in
 * smtpclient.h.
 *  OFFER	data: the mechanisms, with spaces between.  mech gets the
 *		chosen one's name; out the initial response.  SEND without out:
 *		there is none; SEND_EMPTY: it is empty.  ABORT: none will do
 *  CHALLENGE	data: the server's, after base64
 *  DONE	ABORT: the success proves nothing
 *  REFUSED	data: the reply's text; the answer does not matter
 */
enum imapclient_sasl_event {
	IMAPCLIENT_SASL_OFFER, IMAPCLIENT_SASL_CHALLENGE,
	IMAPCLIENT_SASL_DONE, IMAPCLIENT_SASL_REFUSED
};
enum imapclient_sasl_answer {
	IMAPCLIENT_SASL_SEND, IMAPCLIENT_SASL_SEND_EMPTY, IMAPCLIENT_SASL_ABORT
};
typedef enum imapclient_sasl_answer
    (*imapclient_sasl_fn)(void *arg, enum imapclient_sasl_event,
    struct span data, struct buf *mech, struct buf *out);

/*
 * What the server says, in pieces: a response is TEXT (LITERAL... TEXT)... END.
 * TEXT is the line without CRLF, up to and with the "{n}" of a literal; LITERAL
 * comes in pieces, and once with nothing for an empty one.  Spans are borrowed
 * for the call.
 */
enum imapclient_piece {
	IMAPCLIENT_TEXT, IMAPCLIENT_LITERAL, IMAPCLIENT_RESPONSE_END
};

struct imapclient_settings {
	enum imapclient_tls	 tls;
	int			 in_clear;	/* log in also without TLS */
	int			 by_login;	/* a server without any AUTH=: READY,
						 * for imapclient_login() */
	imapclient_sasl_fn	 sasl;		/* NULL: no AUTHENTICATE */
	/* Untagged responses; -1 ends the session.  NULL: not wanted. */
	int			(*data)(void *arg, enum imapclient_piece,
				    struct span);
	/* Lines sent and received, without secrets and literals; or NULL. */
	void			(*trace)(void *arg, int sent, struct span);
	void			*arg;		/* of data and trace */
	void			*sasl_arg;
	size_t			 line_max;	/* octets of a response that are
						 * not literals; 0: 65536 */
	uint64_t		 literal_max;	/* octets; 0: 128 MiB */
	unsigned		 literals_max;	/* in a response; 0: 64 */
	uint64_t		 untagged_max;	/* for a command; 0: 1000000 */
};

enum imapclient_want {
	IMAPCLIENT_READ, IMAPCLIENT_WRITE, IMAPCLIENT_TLS_NOW, IMAPCLIENT_READY,
	IMAPCLIENT_END, IMAPCLIENT_FAILED
};

enum imapclient_status {
	IMAPCLIENT_NONE, IMAPCLIENT_OK, IMAPCLIENT_NO, IMAPCLIENT_BAD
};

/* NULL: no memory.  The settings are copied. */
struct imapclient	*imapclient_new(const struct imapclient_settings *);
/* NULL is fine.  Wipes. */
void			 imapclient_free(struct imapclient *);
/* Go on: takes octets from the front of in, appends to out. */
enum imapclient_want	 imapclient_step(struct imapclient *, struct span *in,
			    struct buf *out);
/* The handshake succeeded; what the server said before is forgotten. */
void			 imapclient_tls_done(struct imapclient *);
/* The connection ended, or the caller gives up: FAILED from now on, END after
 * LOGOUT. */
void			 imapclient_abort(struct imapclient *, const char *);

/*
 * A command, READY only: begin with its name and what needs no quoting, add
 * arguments, each with a space before it, then step.  -1 when no command can
 * begin, or an argument cannot be sent (a NUL, a line end in an atom).
 */
int			 imapclient_begin(struct imapclient *, const char *);
/* As it is: a sequence set, a list in parentheses. */
int			 imapclient_atom(struct imapclient *, struct span);
/* Quoted, or a literal where it must be. */
int			 imapclient_string(struct imapclient *, struct span);
/*
 * A literal of size octets by read, as pread(2); the last argument of a
 * command.  arg is borrowed until the next READY.
 */
int			 imapclient_literal(struct imapclient *, uint64_t size,
			    ssize_t (*read)(void *arg, uint64_t off, void *,
			    size_t n), void *arg);
/* LOGIN with name and password, in place of AUTHENTICATE. */
int			 imapclient_login(struct imapclient *, struct span user,
			    struct span password);
/* LOGOUT; END follows. */
int			 imapclient_logout(struct imapclient *);

/* Of the last command; NONE: there was none yet. */
enum imapclient_status	 imapclient_result(const struct imapclient *);
/* Its text, printable, response code included; never NULL. */
const char		*imapclient_text(const struct imapclient *);
/* Did the greeting say PREAUTH?  Is the client logged in, by whatever? */
int			 imapclient_preauth(const struct imapclient *);
int			 imapclient_authenticated(const struct imapclient *);
unsigned		 imapclient_capabilities(const struct imapclient *);
/* Any other capability, in the last list. */
int			 imapclient_can(const struct imapclient *,
			    const char *name);
/* Why it failed; never NULL. */
const char		*imapclient_error(const struct imapclient *);

#endif
