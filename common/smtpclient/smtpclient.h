/*
 * The client's side of SMTP sessions, RFC 5321, as step functions: octets of
 * the server in, octets for the server out, and what is waited for.  No socket,
 * no event loop, no clock: the caller has these.
 *
 * LMTP, RFC 2033, is spoken when that is asked for: each recipient gets a reply
 * of its own at the end of the message.
 *
 * Extensions used when the server offers them: PIPELINING (RFC 2920), SIZE
 * (1870), 8BITMIME (6152), SMTPUTF8 (6531), DSN (3461), ENHANCEDSTATUSCODES
 * (2034), STARTTLS (3207), AUTH (4954), CHUNKING and BINARYMIME (3030, for
 * binary messages alone), REQUIRETLS (8689), LIMITS (9422).
 *
 *	c = smtpclient_new(&settings);
 *	on input, on room for output, and once at the start:
 *		switch (smtpclient_step(c, &in, out)) {
 *		case SMTPCLIENT_READ:	send out, wait for input
 *		case SMTPCLIENT_WRITE:	send out, step again when most is gone
 *		case SMTPCLIENT_AGAIN:	step again after others had their turn
 *		case SMTPCLIENT_TLS_NOW: send out, handshake,
 *					smtpclient_tls_done(), step
 *		case SMTPCLIENT_SASL:	smtpclient_sasl_ready() later, then step
 *		case SMTPCLIENT_READY:	smtpclient_send() or smtpclient_quit(),
 *					then step; or wait and keep it
 *		case SMTPCLIENT_END:	send out, close
 *		case SMTPCLIENT_FAILED:	close; smtpclient_failure() says where
 *		}
 *
 * A session carries one message after another.  Each recipient of a message
 * gets exactly one result; a message is over when READY, END or FAILED comes
 * back.
 */
#ifndef SMTPCLIENT_H
#define SMTPCLIENT_H

#include <sys/types.h>
#include <stdint.h>
#include "buf.h"

struct smtpclient;

enum smtpclient_tls {
	SMTPCLIENT_TLS_OFF,		/* do not ask for it */
	SMTPCLIENT_TLS_OPTIONAL,	/* when it is offered */
	SMTPCLIENT_TLS_REQUIRED,	/* or the session fails */
	SMTPCLIENT_TLS_IMPLICIT		/* it is there before the first step */
};

/* What the server can, of this session's last EHLO; bits. */
#define SMTPCLIENT_PIPELINING	0x001u
#define SMTPCLIENT_SIZE		0x002u
#define SMTPCLIENT_8BITMIME	0x004u
#define SMTPCLIENT_SMTPUTF8	0x008u
#define SMTPCLIENT_DSN		0x010u
#define SMTPCLIENT_STARTTLS	0x020u
#define SMTPCLIENT_AUTH		0x040u
#define SMTPCLIENT_CHUNKING	0x080u
#define SMTPCLIENT_BINARYMIME	0x100u
#define SMTPCLIENT_REQUIRETLS	0x200u
#define SMTPCLIENT_LIMITS	0x400u
#define SMTPCLIENT_ENHANCED	0x800u

/*
 * One SASL exchange, by somebody who knows mechanisms and secrets.  out is
 * empty; the answer goes there, before base64.
 *  OFFER	data: the mechanisms, as the server lists them.  mech gets the
 *		chosen one's name; out the initial response, and SEND_EMPTY for
 *		an empty one.  ABORT: none will do
 *  CHALLENGE	data: the server's, after base64
 *  DONE	data: what came with the success.  ABORT: it proves nothing
 *  REFUSED	data: the reply's text; the answer does not matter
 */
enum smtpclient_sasl_event {
	SMTPCLIENT_SASL_OFFER, SMTPCLIENT_SASL_CHALLENGE,
	SMTPCLIENT_SASL_DONE, SMTPCLIENT_SASL_REFUSED
};
enum smtpclient_sasl_answer {
	SMTPCLIENT_SASL_SEND,		/* out; nothing when it is empty */
	SMTPCLIENT_SASL_SEND_EMPTY,	/* an empty initial response: "=" */
	SMTPCLIENT_SASL_WAIT,		/* smtpclient_sasl_ready() brings it */
	SMTPCLIENT_SASL_ABORT
};
typedef enum smtpclient_sasl_answer
    (*smtpclient_sasl_fn)(void *arg, enum smtpclient_sasl_event,
    struct span data, struct buf *mech, struct buf *out);

struct smtpclient_settings {
	const char		*hostname;	/* for EHLO; copied */
	int			 lmtp;		/* LMTP, RFC 2033, instead */
	enum smtpclient_tls	 tls;
	smtpclient_sasl_fn	 sasl;		/* NULL: no login */
	int			 sasl_in_clear;	/* also without TLS */
	unsigned		 rcpts;		/* in one transaction; 0: 100 */
	size_t			 out_high;	/* octets queued; 0: 65536 */
	/* Every line sent and reply received, without secrets; may be NULL. */
	void			(*trace)(void *arg, int sent, struct span);
	void			*arg;		/* of sasl and trace */
};

enum smtpclient_outcome {
	SMTPCLIENT_PENDING, SMTPCLIENT_OK, SMTPCLIENT_TEMP, SMTPCLIENT_PERM
};

struct smtpclient_result {
	enum smtpclient_outcome	 outcome;
	unsigned		 code;		/* the server's reply, or 0 */
	char			 enhanced[12];	/* never empty once there */
	char			*text;		/* printable; NULL: no memory */
};

/* Notifications asked for, RFC 3461 section 4.1; 0: no word about it. */
#define SMTPCLIENT_NOTIFY_NEVER		0x01u
#define SMTPCLIENT_NOTIFY_SUCCESS	0x02u
#define SMTPCLIENT_NOTIFY_FAILURE	0x04u
#define SMTPCLIENT_NOTIFY_DELAY		0x08u

struct smtpclient_rcpt {
	struct span			 address;	/* without <> */
	struct span			 orcpt;		/* "rfc822;xtext" */
	unsigned			 notify;
	struct smtpclient_result	 result;	/* filled */
	unsigned			 progress;	/* the engine's */
};

enum smtpclient_body {
	SMTPCLIENT_7BIT, SMTPCLIENT_8BIT, SMTPCLIENT_BINARY
};

/* Everything is borrowed until the message is over. */
struct smtpclient_message {
	struct span		 from;		/* without <>; may be empty */
	struct span		 envid;		/* xtext, or empty */
	unsigned		 ret;		/* 0, 1 FULL, 2 HDRS */
	int			 utf8;		/* came with SMTPUTF8 */
	enum smtpclient_body	 body;		/* as it was declared */
	int			 requiretls;
	uint64_t		 size;		/* octets read() will give */
	/*
	 * Up to n octets from offset off, as pread(2).  Less than size in all,
	 * or -1: the message is not sent.
	 */
	ssize_t			(*read)(void *arg, uint64_t off, void *,
				    size_t n);
	void			*arg;
	struct smtpclient_rcpt	*rcpts;
	size_t			 nrcpts;
};

enum smtpclient_want {
	SMTPCLIENT_READ, SMTPCLIENT_WRITE, SMTPCLIENT_AGAIN, SMTPCLIENT_TLS_NOW,
	SMTPCLIENT_SASL, SMTPCLIENT_READY, SMTPCLIENT_END, SMTPCLIENT_FAILED
};

/* Where a session failed. */
enum smtpclient_failure {
	SMTPCLIENT_NO_FAILURE,
	SMTPCLIENT_FAIL_GREETING,	/* the server refused the session */
	SMTPCLIENT_FAIL_HELLO,		/* EHLO, HELO or RSET refused */
	SMTPCLIENT_FAIL_TLS,		/* STARTTLS missing or refused */
	SMTPCLIENT_FAIL_AUTH,		/* no mechanism, or login refused */
	SMTPCLIENT_FAIL_PROTOCOL,	/* a reply that is none */
	SMTPCLIENT_FAIL_CLOSED,		/* 421, or the connection ended */
	SMTPCLIENT_FAIL_LOCAL		/* body unreadable, no memory */
};

/* NULL: no memory.  The settings are copied. */
struct smtpclient	*smtpclient_new(const struct smtpclient_settings *);
/* NULL is fine.  A message that is not over gets no results. */
void			 smtpclient_free(struct smtpclient *);
/*
 * Go on: takes octets from the front of in, appends to out.  Everything of in
 * is taken always; when TLS_NOW is returned what stood behind the server's 220
 * is among it, for ever.  Body octets are appended while out holds less than
 * out_high.
 */
enum smtpclient_want	 smtpclient_step(struct smtpclient *, struct span *in,
			    struct buf *out);
/* The handshake succeeded; everything the server said before is forgotten. */
void			 smtpclient_tls_done(struct smtpclient *);
/* The answer that the callback put off. */
void			 smtpclient_sasl_ready(struct smtpclient *,
			    enum smtpclient_sasl_answer, struct span mech,
			    struct span out);
/* READY only: begin a message.  -1 otherwise. */
int			 smtpclient_send(struct smtpclient *,
			    struct smtpclient_message *);
/* READY only: end the session politely.  END follows, from step. */
void			 smtpclient_quit(struct smtpclient *);
/*
 * The connection ended or the caller gives up (code 0, an enhanced code such as
 * "4.4.2", a text): recipients without a result get this one, except after
 * QUIT.
 */
void			 smtpclient_abort(struct smtpclient *,
			    const char *enhanced, const char *text);

/* Seconds to wait for what is waited for now, RFC 5321 section 4.5.3.2. */
unsigned		 smtpclient_patience(const struct smtpclient *);
unsigned		 smtpclient_extensions(const struct smtpclient *);
/* Octets the server takes at most; 0: it did not say. */
uint64_t		 smtpclient_size_max(const struct smtpclient *);
/* May another message be sent (LIMITS MAILMAX)? */
int			 smtpclient_more(const struct smtpclient *);
/* Octets of the body that were handed over: shows progress. */
uint64_t		 smtpclient_sent(const struct smtpclient *);
/*
 * Was there any reply about the last message?  If not, a session that was kept
 * had just ended, and the message may go through another one at once.
 */
int			 smtpclient_answered(const struct smtpclient *);
const char		*smtpclient_state(const struct smtpclient *);
enum smtpclient_failure	 smtpclient_failure(const struct smtpclient *);
/* Why it failed: the server's reply, or one of ours. */
const struct smtpclient_result	*smtpclient_error(const struct smtpclient *);
/* Free the texts of all results and make them pending again. */
void			 smtpclient_results_free(struct smtpclient_message *);

/*
 * The body as DATA carries it, RFC 5321 section 4.5.2: dots at the beginning of
 * lines doubled, every end of line CRLF, also of those that were a bare CR or
 * LF.  State between pieces; begin with all zeroes.
 */
struct smtpclient_dots {
	int	 mid;			/* in the middle of a line */
	int	 cr;			/* the last octet was a CR */
};
int	 smtpclient_dots(struct smtpclient_dots *, struct span, struct buf *);
/* The end of the line that is open, and ".\r\n". */
int	 smtpclient_dots_end(struct smtpclient_dots *, struct buf *);

#endif
