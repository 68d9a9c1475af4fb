/*
 * One SMTP session, RFC 5321, as a step function: octets in, replies out, and
 * what it waits for.  It knows no event loop, no socket and no other process;
 * what it needs of them it asks through session_ops, and is told the answer by
 * the session_on_ functions.  After each of those the caller runs
 * session_input() again.
 */
#ifndef SESSION_H
#define SESSION_H

#include "buf.h"
#include "conf.h"
#include "filter.h"
#include "msg.h"
#include "receive.h"

#define SESSION_SASL_LINE	12288	/* octets, RFC 4954 section 4 */
#define SESSION_HOPS		100	/* Received fields, more: a loop */
#define SESSION_HELO_MAX	255
#define SESSION_OUT_MAX	16384	/* octets of replies before it waits */
#define SESSION_KEEP		1024	/* octets kept between transactions */

struct session;

enum session_state {
	S_START,		/* no EHLO or HELO yet */
	S_READY,
	S_MAIL,			/* a sender, no recipient yet */
	S_RCPT,			/* recipients */
	S_CHUNKS,		/* between two chunks of BDAT */
	S_MAIL_WAIT,		/* a peer decides */
	S_RCPT_WAIT,
	S_FILE_WAIT,		/* for a file to write to */
	S_DATA,
	S_CHUNK,
	S_SKIP,			/* swallowing a chunk that nobody wants */
	S_STORING,		/* a peer takes the message */
	S_CHALLENGED,		/* waiting for a SASL response */
	S_AUTH_WAIT,
	S_KEY_WAIT,		/* auth opens a session by the client's key */
	S_DELAY,		/* a refusal that waits */
	S_TLS,			/* handshake */
	S_END,
	S_COUNT
};

/* What session_input() waits for. */
enum want {
	WANT_READ,		/* octets */
	WANT_PEER,		/* an answer */
	WANT_WRITE,		/* the client to read; then again */
	WANT_TLS,		/* begin TLS, then session_on_tls() */
	WANT_CLOSE		/* send what is in out, then close */
};

/* A recipient; its strings are in the envelope's text. */
struct rcpt {
	uint64_t	 account;
	uint32_t	 partition;
	uint32_t	 notify;
	uint32_t	 address, address_n;
	uint32_t	 orcpt, orcpt_n;
	uint32_t	 name, name_n;
};

struct envelope {
	struct buf	 text;
	uint32_t	 from, from_n;
	uint32_t	 envid, envid_n;
	uint64_t	 size;			/* as announced */
	uint64_t	 hold;			/* seconds, RFC 4865 */
	uint32_t	 future, future_n;	/* the same in words */
	uint8_t		 ret, utf8, body, has_from;
	uint8_t		 requiretls;		/* RFC 8689 */
	struct rcpt	*rcpts;
	size_t		 nrcpts, room;
	size_t		 tried;			/* also those refused */
};

/*
 * Each returns 0, or -1: cannot be asked now.  file may call session_on_file()
 * at once, the others answer in a later turn.
 */
struct session_ops {
	/* Submission alone: may this sender be used?  session_on_mail() */
	int	(*mail)(struct session *);
	/* The last of the envelope's recipients.  session_on_rcpt() */
	int	(*rcpt)(struct session *);
	/* A file for the message.  session_on_file() */
	int	(*file)(struct session *);
	/* Append to it.  -1 with errno */
	int	(*write)(struct session *, struct span);
	/* The message is whole.  session_on_stored() */
	int	(*commit)(struct session *);
	/* It is taking long: session_on_stored() soon. */
	void	(*late)(struct session *);
	/* The transaction is over without commit. */
	void	(*drop)(struct session *);
	/* SASL: session_on_sasl() */
	int	(*auth_start)(struct session *, struct span mech,
		    int has_initial, struct span initial);
	int	(*auth_step)(struct session *, struct span);
	int	(*auth_abort)(struct session *);
	/* Tell auth that it is over; no answer is wanted. */
	void	(*auth_cancel)(struct session *);
	/* By the client's key alone: session_on_sasl() */
	int	(*auth_key)(struct session *);
};

struct session {
	const struct session_ops	*ops;
	void				*arg;	/* the caller's */
	const struct conf_listener	*listener;
	struct buf			*out;	/* replies; the caller's */
	enum session_state		 state;
	char				 id[32];	/* for logs and Received */
	char				 remote[56];	/* "192.0.2.1", "local" */
	char				*helo;
	char				*account, *login; /* once logged in */
	/* The caller's, set at session_on_tls(). */
	const char			*tls_version, *tls_cipher;
	unsigned			 tls : 1, can_tls : 1, binding : 1,
					 client_key : 1, /* auth knows it */
					 key_lost : 1,	/* it cannot say now */
					 sasl : 1,	/* logged in by AUTH */
					 esmtp : 1,
					 skip_line : 1,	/* to its end */
					 chunked : 1, last : 1,
					 has_file : 1, full : 1,
					 too_big : 1, any : 1,
					 more : 1,	/* octets follow the line */
					 close_after : 1, implicit : 1,
					 plain : 1;	/* the login under way */
	uint32_t			 commands, errors, junk, over;
	uint32_t			 logins_failed, transactions;
	uint64_t			 accepted;	/* messages */
	struct envelope			 env;
	struct receive			 rx;
	struct filter			 filter;
	uint64_t			 chunk;		/* octets left of it */
	/* The reply to a chunk that is swallowed, and the state after it. */
	const char			*skip_enhanced, *skip_text;
	uint16_t			 skip_code;
	uint8_t				 skip_back;
	uint64_t			 written;	/* octets in the file */
	enum sasl_outcome		 refusal;	/* S_DELAY */
	uint32_t			 delay_ms;
};

/* ---- for the caller ----------------------------------------------------- */

/* Zeroes and what is given here; then session_greet(). */
void		 session_init(struct session *, const struct session_ops *,
		    void *arg, const struct conf_listener *, struct buf *out);
void		 session_free(struct session *);
void		 session_greet(struct session *);
/* Consume octets from the span as far as possible now. */
enum want	 session_input(struct session *, struct span *);
/* The time for what it waits for is over. */
void		 session_timeout(struct session *);
/* End it with 421; what is being stored is answered first. */
void		 session_end(struct session *, const char *enhanced,
		    const char *why);
/* Refuse a connection instead of a greeting. */
void		 session_refuse(struct session *, int code,
		    const char *enhanced, const char *why);

void		 session_on_tls(struct session *);
/* What auth makes of the key that the client showed; NULL: it does not say. */
void		 session_on_identity(struct session *,
		    const struct msg_conn_identity *);
/* code 0: the usual one for that result. */
void		 session_on_mail(struct session *, const struct msg_result *);
void		 session_on_rcpt(struct session *, const struct msg_rcpt *);
/* Submission's answer to a recipient. */
void		 session_on_rcpt_result(struct session *,
		    const struct msg_result *);
/* 0, or -1: there is none. */
void		 session_on_file(struct session *, int);
void		 session_on_stored(struct session *, const struct msg_stored *);
void		 session_on_sasl(struct session *, const struct msg_sasl *);
/* On a unix socket: log in as whoever it is, then greet. */
void		 session_login_peer(struct session *);
/* Is a message coming in (a data rate counts, not a deadline)? */
int		 session_receiving(const struct session *);
/* Is what it waits for a peer's answer? */
int		 session_waiting(const struct session *);
const char	*session_state_name(enum session_state);

struct span	 envelope_span(const struct envelope *, uint32_t at, uint32_t n);

/* ---- between its files -------------------------------------------------- */

void		 session_enter(struct session *, enum session_state,
		    const char *why);
/* One line; enhanced may be NULL.  From 500 on it counts as an error. */
void		 session_reply(struct session *, int code, const char *enhanced,
		    const char *fmt, ...)
		    __attribute__((__format__(printf, 4, 5)));
/* The same, not counted. */
void		 session_say(struct session *, int code, const char *enhanced,
		    const char *fmt, ...)
		    __attribute__((__format__(printf, 4, 5)));
void		 session_reply_result(struct session *, uint8_t result,
		    uint32_t code, struct span enhanced, struct span text,
		    const char *usual);
/* Forget the transaction; the state is S_READY. */
void		 session_reset(struct session *, const char *why);
void		 session_count(struct session *);
/* NOOP and others like it. */
void		 session_junk(struct session *);
int		 session_is_mx(const struct session *);
unsigned	 session_has(const struct session *);	/* for offer_refuse() */
/* May it hand in mail now?  If not, the reply was given. */
int		 session_may_send(struct session *);

void		 cmd_ehlo(struct session *, struct span);
void		 cmd_helo(struct session *, struct span);
void		 cmd_mail(struct session *, struct span);
void		 cmd_rcpt(struct session *, struct span);
void		 cmd_data(struct session *, struct span);
void		 cmd_bdat(struct session *, struct span);
void		 cmd_starttls(struct session *, struct span);
void		 cmd_auth(struct session *, struct span);
void		 cmd_rset(struct session *, struct span);
void		 cmd_noop(struct session *, struct span);
void		 cmd_help(struct session *, struct span);
void		 cmd_vrfy(struct session *, struct span);
void		 cmd_quit(struct session *, struct span);

/* cmd_data.c: octets of a message; 1 when it or its chunk is over. */
int		 data_input(struct session *, struct span *);
/* auth.c */
void		 auth_line(struct session *, struct span);
void		 auth_too_long(struct session *);
/* The delay of a refusal is over. */
void		 auth_refuse(struct session *);
/* Open a session by the client's key; then MAIL goes on. */
void		 auth_by_key(struct session *);

/* cmd_mail.c: may the account use this sender? */
void		 mail_ask(struct session *);

/* received.c */
void		 received_write(struct buf *, const struct session *);
/* What a submission gets where it is missing; borrowed until the next call. */
void		 received_add(const struct session *, struct filter_add *);

#endif
