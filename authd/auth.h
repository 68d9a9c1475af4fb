/*
 * "authd: auth": who may log in, whose an address is.  It holds the credentials
 * database and is asked by everybody; what it says to store and queued about a
 * session goes with the session's own descriptor (vouching).
 */
#ifndef AUTH_H
#define AUTH_H

#include <sys/queue.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdint.h>

#include "authd/auth_address.h"
#include "authd/auth_tlskey.h"
#include "authd/auth_userdb.h"
#include "conf.h"
#include "msg.h"
#include "proc.h"
#include "ratelimit.h"
#include "sasl.h"

#define CONN_BUCKETS	1024		/* of the connections of one link */
#define REMOTE_MAX	64		/* octets of an address as text */
#define GUESS_LEN	32

#define TLSCLIENTAUTH	"tlsclientauth"	/* the mechanism, in logs */

struct exchange;
struct verify;

/* One smtpd or front, from the moment its link is up. */
struct link {
	struct peer		*peer;
	LIST_HEAD(, conn)	 conns[CONN_BUCKETS];
	size_t			 nconns;
	size_t			 nwaiting;	/* its requests not answered yet */
};

enum login_state {
	IN_NOT,
	IN_BY_KEY,		/* submission, without AUTH: one may follow */
	IN_FOR_GOOD
};

/* A connection of a client, a lease that ends with "closed" or the link. */
struct conn {
	LIST_ENTRY(conn)		 entry;
	struct link			*link;
	uint64_t			 number;	/* the link's word for it */
	const struct conf_listener	*listener;
	uint32_t			 index;		/* of the listener */
	struct ratelimit_key		 key;
	char				 remote[REMOTE_MAX], local_address[REMOTE_MAX];
	uint16_t			 port;
	uid_t				 uid;		/* local */
	unsigned			 failures;
	unsigned			 local : 1,	/* a unix socket */
					 loopback : 1,	/* 127.0.0.0/8, ::1 */
					 tls : 1,
					 key_told : 1,	/* M_CONN_KEY came */
					 claiming : 1,	/* keys is asked */
					 known_key : 1;	/* proven */
	enum login_state		 in;
	uint8_t				 client_key[TLSKEY_ID];
	struct peer			*asked;		/* if claiming */
	uint32_t			 ask, key_request;
	char				*version;	/* of TLS, cipher suite; or NULL */
	char				*agent;		/* what ID said, or NULL */
	struct buf			 bindings[SCRAM_BINDINGS];
	struct exchange			*exchange;
};

enum exchange_state {
	EXCHANGE_CLIENT,	/* the client's turn */
	EXCHANGE_VERIFY,	/* a password is being verified */
	EXCHANGE_VOUCH		/* store or queued was told */
};

/* One SASL exchange; a connection has one at a time. */
struct exchange {
	struct conn			*conn;
	enum exchange_state		 state;
	uint32_t			 type, request;	/* to be answered */
	unsigned			 open : 1;	/* it is not yet */
	const char			*mech;		/* for logs */
	struct sasl_server		*sasl;		/* NULL: certificate */
	unsigned			 certificate : 1,	/* no command */
					 by_key : 1;	/* or EXTERNAL */
	struct buf			 address;	/* of a certificate */
	int				 fd;		/* of the session */
	struct buf			 tag, pending;
	uint8_t				 plain_socket;
	struct account			 account;	/* id 0: unknown */
	uint8_t				 guess[GUESS_LEN];
	unsigned			 guessed : 1;	/* guess is set */
	unsigned			 unready : 1;	/* nothing to compare with is
							 * stored of its password */
	/* EXCHANGE_VERIFY */
	struct verify			*verify;
	TAILQ_ENTRY(exchange)		 waiter;
	/* EXCHANGE_VOUCH */
	struct peer			*asked;
	uint32_t			 ask;
};

struct auth {
	struct userdb		 db;
	struct event		 notify, turn, tick;
	struct ratelimit	*failures;		/* of logins */
	uint32_t		 failures_limit;	/* it was made with */
	struct ratelimit	*connects[KIND_IMAP + 1];	/* by kind */
	uint32_t		 connects_limit[KIND_IMAP + 1];
	struct ratelimit_open	*open[KIND_IMAP + 1];	/* by kind */
	struct ratelimit_open	*verifying;
};
extern struct auth	 auth;

#define CONNECTS_ADDRESS	300		/* a minute, where none is given */

uint64_t	 auth_now(void);	/* seconds, never back */

/* auth.c */
/* Open the database in home and make what else there is before the cage. */
int	 auth_init(const char *home, uid_t, gid_t);

/* auth_sessions.c */
/* Tell everybody who has sessions to end what matches. */
void	 auth_end_sessions(const struct msg_end_sessions *);
/* Tell the stores of accounts that are gone. */
void	 auth_tell_gone(void);
/* The same, all of them, and then that nothing else moves. */
void	 auth_thaw(void);
/* The account that is being moved, auth_move.c; 0: none. */
uint64_t	 auth_moving(void);
/* auth_limits.c: what accounts may keep; all of it. */
void	 auth_tell_limits(struct peer *);
/* Those of one account, to the store that it is in. */
void	 auth_tell_limits_of(uint64_t account);
int	 limits_get(struct userdb *, uint64_t account, struct msg_limits *);
/* What could not be said to it before. */
void	 auth_sessions_link_up(struct peer *);

/* auth_conn.c */
int		 on_conn_open(struct peer *, struct imsg *);
int		 on_conn_tls(struct peer *, struct imsg *);
int		 on_conn_closed(struct peer *, struct imsg *);
struct link	*link_new(struct peer *);
void		 link_free(struct link *);
struct conn	*conn_find(struct link *, uint64_t number);

/* auth_identity.c */
int		 on_conn_key(struct peer *, struct imsg *);
/* M_CONN_KEY will not be waited for any more; it is answered. */
void		 identity_drop(struct conn *);
/*
 * For whom the key of the client stands, now.  0; 1: for nobody, *why; -1:
 * errno.
 */
int		 identity_of(const struct conn *, struct tlskey *,
		    struct account *, const char **why);

/* auth_exchange.c */
int	 on_sasl_start(struct peer *, struct imsg *);
int	 on_sasl_step(struct peer *, struct imsg *);
int	 on_sasl_abort(struct peer *, struct imsg *);
/* It is over; a request that is open is answered "aborted". */
void	 exchange_free(struct exchange *);
/* The same, because the client or its connection went away. */
void	 exchange_dropped(struct exchange *);
/* A login, or why it was none, to the log, in a form that fail2ban can read,
 * and to the log of logins.  The account may be NULL; so may why: it is in. */
void	 login_note(const struct conn *, const char *mech,
	    const struct account *, struct span address, const char *result,
	    const char *why);
/* Its password was right, or not. */
void	 exchange_verdict(struct exchange *, int ok);

/* auth_verify.c */
int	 verify_init(void);
/*
 * Is this the password of x->account?  1: yes, it was lately; 0: exchange_verdict()
 * will say; -1: too many are waiting.
 */
int	 verify_begin(struct exchange *, const struct scram_secret *,
	    struct span password);
void	 verify_cancel(struct exchange *);
/* A digest of what is tried, under the key of this start.  0, -1. */
int	 verify_guess(const struct conn *, struct span name, struct span password,
	    uint8_t *);
/* A wrong password: was it that the last time too?  1; 0: it is remembered. */
int	 verify_guessed(const uint8_t *);
size_t	 verify_waiting(void);
/* Forget the passwords that were right. */
void	 verify_forget(void);

/* auth_upgrade.c */
/* Does some listener have CRAM-MD5? */
int	 upgrade_cram_served(void);
/* That is the password of the account, of this serial: store what is missing. */
void	 upgrade_consider(uint64_t account, uint64_t serial,
	    struct span password);
/* The listeners are what they are now: at the start, after a reload. */
void	 upgrade_settle(void);

/* auth_relay.c */
int	 on_relay_login(struct peer *, struct imsg *);
int	 on_relay_step(struct peer *, struct imsg *);
int	 on_relay_secret(struct peer *, struct imsg *);
int	 on_relay_left(struct peer *, struct imsg *);
void	 relay_link_down(struct peer *);

/* auth_rcpt.c */
/* The account that an address leads to: 0; 1: none; -1: errno.  login: without
 * what holds for incoming mail alone. */
int	 account_of(const struct canon *, int login, struct account *);
int	 on_rcpt(struct peer *, struct imsg *);
int	 on_may_use(struct peer *, struct imsg *);
int	 on_account_routes(struct peer *, struct imsg *);
/* auth_route.c: 0; -1: a route of an account would lead nowhere. */
int	 account_routes_check(const struct conf *, struct buf *why);
int	 on_account_named(struct peer *, struct imsg *);

/* auth_logins.c */
struct login {
	uint64_t	 account;	/* 0: unknown */
	const char	*name;		/* "-" when unknown */
	struct span	 address;	/* as given */
	const char	*remote;
	const char	*protocol;
	const char	*mech;
	const char	*tls;		/* version, cipher suite; or "" */
	const char	*local;		/* our address */
	const char	*key;		/* fingerprint of the client's, or "" */
	const char	*agent;		/* what IMAP's ID said, or "" */
	const char	*result;
};
/* With a loop, rows are written a moment later, those alike together. */
void	 logins_init(struct event_base *);
/* Remember it, in a row with others like it. */
void	 logins_note(const struct login *);
/* What is to be written later, now. */
void	 logins_flush(void);
/* Forget what is old; a bounded piece of work at a time. */
void	 logins_prune(void);
/* Which rows are wanted; what is empty does not matter. */
struct login_filter {
	const uint64_t	*account;
	struct span	 address, remote, protocol, mech, result;
	uint64_t	 since;		/* last at this time or later */
	int		 failed;	/* 1: what failed, -1: what did not */
};
/* The next row from the key *from on, which is moved behind it.  1 and the row
 * for letterctl, or NULL when it is not wanted; 0 at the end, -1. */
struct json_object;
int	 logins_next(const struct login_filter *, struct buf *from,
	    struct json_object **row);

/* auth_ctl.c */
int	 on_ctl(struct peer *, struct imsg *);
void	 ctl_link_down(struct peer *);

#endif
