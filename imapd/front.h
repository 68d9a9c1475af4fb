/*
 * IMAP up to login, "imapd: front": connections and what they wait for.
 */
#ifndef FRONT_H
#define FRONT_H

#include "buf.h"
#include "conf.h"
#include "io.h"
#include "msg.h"
#include "parse/lex.h"

struct tlsctx;

/*
 * Octets of a command before login without its literals, or of a SASL response.
 * The largest response that can let anybody in is SCRAM's first: two names of 512
 * octets (PRECIS_NAME_MAX), each octet written as three, and a nonce of 1,024,
 * 4,127 octets in all, or 5,504 in base64.  PLAIN with a password of 1,024 octets
 * has 2,736, EXTERNAL with a name to act for 684.
 */
#define FRONT_LINE	8192
#define FRONT_LITERAL	4096	/* of a literal before login */
#define FRONT_LITERALS	8192	/* of all of a command */
#define FRONT_COUNT	4	/* literals in a command */
#define FRONT_COMMANDS	200	/* before login, then BYE */
#define FRONT_BAD	3	/* commands that are none, then BYE */
#define FRONT_OUT	16384	/* octets of answers that wait to be read, then
				 * no further command is */
#define FRONT_PATIENCE	60	/* seconds for auth's answer */
#define FRONT_WINDOW	65536	/* relayed octets held back in one direction */

enum front_state {
	FRONT_OPENING,		/* auth is asked whether it may stay */
	FRONT_TLS,		/* handshake */
	FRONT_KEY,		/* auth looks at the client's key */
	FRONT_COMMAND,		/* waiting for a command */
	FRONT_CHALLENGED,	/* waiting for a SASL response */
	FRONT_ASKED,		/* auth is at work */
	FRONT_DELAYED,		/* a refusal that waits */
	FRONT_RELAY,		/* logged in: octets to and from the store */
	FRONT_ENDING
};

struct front {
	uint64_t			 id;
	enum front_state		 state;
	struct io			*io;
	struct io			*store;	/* our end of the session's pair */
	const struct conf_listener	*listener;
	struct tlsctx			*ctx;	/* until there is TLS */
	struct lex			 lex;
	uint32_t			 ask;	/* open request to auth, or 0 */
	uint32_t			 again;	/* another: it forgot us, or 0 */
	uint32_t			 who;	/* comes there, for its turns */
	char				*unwanted;	/* why it may not stay */
	char				*tag;
	char				*agent;	/* what ID said, or NULL */
	int				 pair;	/* our end until OK, or -1 */
	uint64_t			 since;	/* proc_now_ms() */
	unsigned			 commands, bad;
	enum sasl_outcome		 refusal;	/* FRONT_DELAYED */
	unsigned			 tls : 1, counted : 1, binding : 1,
					 key : 1,	/* auth knows it */
					 key_lost : 1,	/* it cannot say now */
					 preauth : 1,	/* by key, no command */
					 busy : 1, dead : 1,
					 half : 1,	/* a line is half relayed */
					 overlong : 1;	/* a response that is
							 * passed over */
	struct front			*next, *prev;
};

extern const struct role_ops	 front_ops;

/* front.c */
void	 front_free(struct front *);
void	 front_drop_pair(struct front *);
void	 front_bye(struct front *, const char *text);
void	 front_tagged(struct front *, struct span tag, const char *fmt, ...)
	    __attribute__((__format__(printf, 3, 4)));
void	 front_ready(struct front *);		/* for the next command */
/* Of the time until it must be logged in, what is left. */
void	 front_deadline(struct front *);
void	 front_capability(const struct front *, struct buf *);
/* auth's word on the socket came, or auth is away. */
void	 front_welcome(struct front *);
void	 front_greet(struct front *);

/* front_auth.c */
/* Start an exchange; initial is octets, already decoded. */
void	 front_sasl_start(struct front *, struct span mech, struct span tag,
	    int has_initial, struct span initial, int login_command);
void	 front_sasl_response(struct front *, struct span line);
/* What came is no response, whatever it was. */
void	 front_sasl_malformed(struct front *);
/* By the client's key alone: the store greets. */
void	 front_preauth(struct front *);
/* The delay of a refusal is over. */
void	 front_sasl_refuse(struct front *);
unsigned front_has(const struct front *);	/* for offer_refuse() */

/* front_conn.c: what auth knows of the connection */
/* Ask whether it may be there.  -1: auth is away. */
int	 front_open(struct front *);
/* The handshake is done. */
void	 front_on_tls(struct front *);
/* auth said nothing about a key in time. */
void	 front_key_late(struct front *);
/* auth is there again: let it know of this connection. */
void	 front_register(struct front *);
/* It is gone, and what it knew with it. */
void	 front_forgotten(struct front *);

/* front_relay.c */
void	 front_relay(struct front *);
/* It ends from our side: the client hears why if nothing is half sent. */
void	 front_relay_end(struct front *, const char *text);

#endif
