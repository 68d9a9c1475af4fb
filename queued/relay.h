/*
 * Inside a relay worker: deliveries wait at destinations, connections carry
 * them one after another.
 *
 *	relay.c		the role: deliveries come from queued, answers go there
 *	relay_dest.c	destinations: who waits, how many connections
 *	relay_find.c	where a destination is: MX and addresses through lookup
 *	relay_tlsa.c	what DNS says about their TLS
 *	relay_dial.c	one connection: candidates in turn, its end
 *	relay_conn.c	what is said through it: TLS, messages
 *	relay_policy.c	decisions, as pure functions
 */
#ifndef RELAY_H
#define RELAY_H

#include <sys/queue.h>

#include "queued/relay_policy.h"
#include "smtpclient.h"

/* Seconds. */
#define RELAY_CONNECT		30	/* for a connection to be made */
#define RELAY_DNS		60	/* to find out where a destination is */
#define RELAY_HANDSHAKE		60	/* for TLS */
#define RELAY_SESSION		1800	/* of a connection in all */
#define RELAY_REUSE		300	/* age at which none is kept */
#define RELAY_KEEP		5	/* that one waits for another message */
#define RELAY_FRESH		300	/* that found addresses are good */
#define RELAY_STOP		4	/* to finish what is under way */
#define RELAY_RATE		500	/* least octets a second of a body */
#define RELAY_QUEUE		65536	/* octets of a body on their way out */
#define RELAY_MESSAGES		1000	/* through one connection */
#define RELAY_TLSA_MAX		32	/* usable TLSA records of a host */

struct conn;
struct dest;
struct event;
struct io;
struct peer;
struct tlsa;
struct tlsctx_client;

struct delivery {
	TAILQ_ENTRY(delivery)		 entry;		/* where it waits */
	TAILQ_ENTRY(delivery)		 all;
	struct peer			*peer;
	uint32_t			 request;
	int				 fd;		/* of the body */
	struct buf			 octets;	/* of the request */
	struct msg_relay		 m;		/* borrows from it */
	struct smtpclient_message	 msg;
	struct smtpclient_rcpt		*rcpts;
	char				*destination;	/* in lower case */
	struct buf			 addresses;	/* in A-labels */
	struct dest			*dest;
	int				 again;		/* a kept one ended */
	int				 family;	/* other one tried */
};
TAILQ_HEAD(deliveries, delivery);
TAILQ_HEAD(conns, conn);

/* What the outside said when a delivery ended. */
struct relay_facts {
	const char	*host, *address, *tls;
	int		 dsn;
};

/* A destination's servers, and when that was found out. */
struct place {
	struct dns_mx		 hosts[RELAY_MX_MAX];
	size_t			 nhosts;
	struct relay_candidate	 candidates[RELAY_ADDRS_MAX];
	size_t			 ncandidates;
	struct tlsa		*tlsa;		/* of the hosts; NULL: none */
	enum relay_sts		 sts[RELAY_MX_MAX];	/* of each */
	int			 skipped;	/* a host whose TLSA is unknown */
	uint64_t		 found;		/* ms */
};

struct dest {
	TAILQ_ENTRY(dest)		 entry;
	/* Domain or literal, or the transport's host. */
	char				*name;
	const struct conf		*conf;		/* generation */
	const struct conf_transport	*t;
	int				 requiretls;	/* REQUIRETLS_ */
	struct deliveries		 waiting;
	struct conns			 conns;
	unsigned			 nconns;
	struct place			 place;
	struct find			*find;		/* under way */
};

/* relay.c */
extern struct relay {
	struct deliveries	 deliveries;	/* all of them */
	struct tlsctx_client	*tls;
	int			 stopping;
} relay;
/* The transport as proc_conf() has it, NULL: it is no more. */
const struct conf_transport	*relay_transport(void);
uint32_t			 relay_random(uint32_t);
/*
 * The end of a delivery: the same result for every recipient that has none.
 * why may be NULL when all have one.
 */
void	 delivery_end(struct delivery *, const struct relay_result *why,
	    const struct relay_facts *);

/* relay_dest.c */
int	 dests_start(void);
void	 dest_add(struct delivery *);
/* Use what there is: idle connections, addresses, room for connections. */
void	 dest_run(struct dest *);
/* Its addresses are known, or why says why not. */
void	 dest_found(struct dest *, const struct relay_result *why);
/* A connection is done with its delivery: the next one for it, or NULL. */
struct delivery	*dest_next(struct dest *);
/* A connection could not be made anywhere: if there is no other, those
 * waiting get the same result. */
void	 dest_unreachable(struct dest *, const struct relay_result *,
	    const struct relay_facts *);
/* A connection is idle: others may need its room. */
void	 dest_idle(struct dest *);
/* A connection ended. */
void	 dest_left(struct dest *);
void	 dests_stop(void);
/* Configurations changed: kept connections of old ones end. */
void	 dests_commit(void);
unsigned	 dests_connections(void);

/* relay_find.c: ends with dest_found(), maybe at once. */
void	 find_start(struct dest *);
/* The destination goes: no answer is wanted. */
void	 find_cancel(struct find *);

/* relay_tlsa.c: records of up to RELAY_MX_MAX hosts, by number; counted. */
struct tlsa	*tlsa_new(void);
struct tlsa	*tlsa_ref(struct tlsa *);
void		 tlsa_unref(struct tlsa *);
/* The name they are asked for: the host's, or where its CNAMEs lead. */
void		 tlsa_base(struct tlsa *, size_t host, const char *);
const char	*tlsa_base_name(const struct tlsa *, size_t host);
void		 tlsa_take(struct tlsa *, size_t host,
		    const struct msg_dns_answer *);
void		 tlsa_failed(struct tlsa *, size_t host);
enum relay_dane	 tlsa_state(const struct tlsa *, size_t host);
/*
 * Do the records vouch for the peer, with these names of the host and of the
 * recipients' domain?  0, or -1 with a reason appended to why.
 */
int		 tlsa_verify(const struct tlsa *, size_t host,
		    const char *name, const char *domain, const struct io *,
		    struct buf *why);

/* relay_dial.c, relay_conn.c */
/* For this delivery; -1 without memory. */
int	 conn_start(struct dest *, struct delivery *);
/* An idle one takes it. */
void	 conn_give(struct conn *, struct delivery *);
int	 conn_idle(const struct conn *);
struct conn	*conn_next(struct conn *);
/* An idle one: end it politely. */
void	 conn_quit(struct conn *);

#endif
