/*
 * The configuration, as letterlock.conf(5) describes it and as every role gets
 * it: parsed by the parent, sent in pieces at birth and at a reload.  It holds
 * no secret.  All strings are owned by the struct and never NULL unless said.
 * Domains are in lower-case A-label form (what the administrator wrote is kept
 * in "text" members for printing).
 */
#ifndef CONF_H
#define CONF_H

#include <sys/socket.h>
#include <stdint.h>
#include "buf.h"
#include "imsg.h"

#define CONF_MAX	(4u << 20)	/* octets of a whole configuration, sent */

enum conf_kind { KIND_SMTP, KIND_SUBMISSION, KIND_IMAP };
enum conf_tls { TLS_OFF, TLS_OPTIONAL, TLS_REQUIRED, TLS_IMPLICIT };
enum conf_ccert { CCERT_OFF, CCERT_IGNORE_UNKNOWN, CCERT_STRICT };

/* Bits of conf_listener.mechs and of a transport's list, strongest first. */
enum mech {
	MECH_EXTERNAL, MECH_SCRAM_SHA_256_PLUS, MECH_SCRAM_SHA_256,
	MECH_SCRAM_SHA_1_PLUS, MECH_SCRAM_SHA_1, MECH_CRAM_MD5, MECH_PLAIN,
	MECH_LOGIN, MECH_COUNT
};
extern const char *const mech_names[MECH_COUNT];	/* "SCRAM-SHA-256" ... */

struct conf_limits {		/* per listener; defaults in conf.c */
	uint64_t	 message_size;		/* octets, 50 MiB */
	uint32_t	 recipients;		/* a message, 1000 */
	uint32_t	 commands;		/* a session, 10000 */
	uint32_t	 errors;		/* a session, 20 */
	uint32_t	 junk;			/* NOOP RSET VRFY HELP, 100 */
	uint32_t	 line;			/* command line octets, 4096 */
	uint32_t	 timeout;		/* s per command, 300 */
	uint32_t	 login_timeout;		/* s until logged in, 180 */
	uint32_t	 data_rate;		/* least octets a second, 500 */
	uint32_t	 connections;		/* whole suite and listener, 10000 */
	uint32_t	 connections_address;	/* per /32 or /64, 50 */
	uint32_t	 connections_prefix;	/* per /24 or /48, 200 */
	uint32_t	 login_failures;	/* a connection, 3 */
	uint32_t	 login_failures_address; /* a minute, per /32 or /64, 10 */
	uint32_t	 connects_address;	/* new ones a minute, per /32 or
						 * /64; 0: 300, but any number
						 * from this machine itself */
};

struct conf_cert {
	char		*name;
	char		*certfile, *keyfile;	/* paths; the parent's business */
	char		*pem;			/* the chain, loaded by the parent */
	uint8_t		 key[32];		/* SHA-256 of the leaf's SPKI */
	char		*where;			/* "file:line", for messages */
};

struct conf_listener {
	uint8_t		 kind;			/* enum conf_kind */
	uint8_t		 tls;			/* enum conf_tls */
	uint8_t		 ccert;			/* enum conf_ccert */
	uint8_t		 cleartext_auth;	/* PLAIN, LOGIN without TLS */
	uint32_t	 mechs;			/* bit per enum mech */
	uint64_t	 no_caps;		/* imapcap.h */
	char		*path;			/* unix socket, or "" */
	struct sockaddr_storage	 addr;		/* when path is "" */
	char		*hostname;		/* greeting name */
	struct list	 certs;			/* uint32_t index into conf.certs */
	struct conf_limits	 limits;
	char		*where;			/* "file:line", for messages */
};

struct conf_route {
	struct list	 from, to;		/* char * patterns, letterlock.conf(5) */
	uint32_t	 attempts;		/* minimum-attempts */
	char		*transport;		/* name or "default" */
	char		*text;			/* the route as a line */
	char		*where;
};

struct conf_domain {
	char		*name;			/* A-label */
	char		*text;			/* as written */
	uint8_t		 case_sensitive;	/* local parts */
	char		*separators;		/* "+" by default, "" for none */
	struct list	 routes;		/* struct conf_route */
	char		*where;
};

enum transport_kind { TRANSPORT_DIRECT, TRANSPORT_SMTP, TRANSPORT_SUBMISSION,
    TRANSPORT_SUBMISSIONS, TRANSPORT_LMTP, TRANSPORT_SOCKS,
    TRANSPORT_DELIVER, TRANSPORT_FAIL };
/* To one server, whose name is configured. */
#define TRANSPORT_SMARTHOST(t)	((t)->kind == TRANSPORT_SMTP ||		\
    (t)->kind == TRANSPORT_SUBMISSION ||				\
    (t)->kind == TRANSPORT_SUBMISSIONS || (t)->kind == TRANSPORT_LMTP)
/* To the servers that DNS names. */
#define TRANSPORT_BY_MX(t)	((t)->kind == TRANSPORT_DIRECT ||	\
    (t)->kind == TRANSPORT_SOCKS)
/* With a login there: of submission a certificate alone means one, elsewhere
 * it is asked for by "mechanisms". */
#define TRANSPORT_LOGIN(t)	(TRANSPORT_SMARTHOST(t) &&		\
    ((t)->auth[0] != '\0' || (t)->mechs.n > 0 ||			\
    ((t)->certificate[0] != '\0' && ((t)->kind == TRANSPORT_SUBMISSION ||\
    (t)->kind == TRANSPORT_SUBMISSIONS))))

struct conf_transport {
	uint8_t		 kind;
	char		*name;
	char		*host;			/* SMARTHOST: name or address literal */
	uint16_t	 port;			/* SMARTHOST, BY_MX (25) */
	uint8_t		 tls;			/* OFF, OPTIONAL, REQUIRED, IMPLICIT */
	uint8_t		 verify;		/* by name */
	uint8_t		 no_ipv4, no_ipv6;	/* BY_MX */
	char		*source4, *source6;	/* source addresses or "" */
	char		*helo;			/* EHLO name; hostname when "" */
	char		*socket;		/* LMTP: unix socket, instead of host */
	char		*proxy;			/* SOCKS: its address */
	uint16_t	 proxy_port;
	struct list	 remote_ips;		/* SOCKS: char *, where it connects from */
	uint8_t		 remote_dns;		/* SOCKS: it looks up names of hosts */
	char		*certificate;		/* SMARTHOST: name of ours or "" */
	char		*auth;			/* SUBMISSION(S), SOCKS: secret or "" */
	struct list	 mechs;			/* uint32_t, enum mech, best first;
						 * none: all, by strength */
	char		*account;		/* DELIVER */
	uint32_t	 code;			/* FAIL, 4xx or 5xx */
	char		*message;		/* FAIL */
	uint8_t		 reject_early;		/* FAIL: at a submission's RCPT */
	uint32_t	 connections;		/* at once, per destination (10) */
	uint32_t	 connections_total;	/* at once, per transport (200) */
	uint32_t	 recipients;		/* in one transaction (100) */
	char		*text, *where;
};

struct conf_schedule {		/* seconds */
	uint32_t	 first[8];		/* 0 300 900 2100 4500 9300: from arrival */
	uint32_t	 nfirst;
	uint32_t	 every;			/* then every 4 h */
	uint32_t	 expire;		/* 4 days */
	uint32_t	 delay_report;		/* 4 h */
	uint32_t	 delay_again;		/* 24 h */
};

/* How long what an account sent is remembered, whatever holds for others. */
struct conf_keep {
	char		*account;
	uint32_t	 seconds;
};

/* Capabilities of IMAP that sessions of an account do not have. */
struct conf_nocaps {
	char		*account;		/* "": all */
	uint64_t	 off;			/* imapcap.h */
};

struct conf {
	uint64_t	 generation;
	char		*path;			/* of the file */
	char		*hostname;		/* A-label */
	char		*state;			/* directory, absolute */
	char		*control;		/* socket path */
	char		*postmaster;		/* address for double bounces, or "" */
	uint32_t	 nsmtpd, nfront, nstore, npartitions;
	uint64_t	 cache;			/* octets per store process, 0: quarter of memory */
	uint64_t	 disk_reserve;		/* octets kept free, 64 MiB + logs */
	uint32_t	 iterations;		/* of new verifiers, 32768 */
	uint64_t	 mailbox_quota;		/* octets per account, 0: none */
	uint64_t	 mailbox_messages;	/* likewise */
	uint32_t	 message_limit;		/* of one IMAP command, 0: none */
	uint32_t	 save_limit;		/* of COPY and APPEND, likewise */
	uint8_t		 suppress_failures;	/* addresses that failed for good */
	uint32_t	 keep_retired;		/* s, of mail that left the queue; 0 */
	struct list	 keeps;			/* struct conf_keep, of accounts */
	struct list	 no_caps;		/* struct conf_nocaps */
	char		*log;			/* "stderr", "syslog" or a path */
	uint8_t		 log_level;
	struct list	 resolvers;		/* char *, "addr" or "addr@port"; none: recurse */
	char		*trust_anchor;		/* path or "" */
	char		*authorities;		/* path, "": the system's */
	uint8_t		 allow_private;		/* direct transports may reach loopback
						 * and private addresses */
	char		*users[ROLE_COUNT];	/* user name of each role */
	struct list	 certs;			/* struct conf_cert */
	struct list	 listeners;		/* struct conf_listener */
	struct list	 domains;		/* struct conf_domain */
	struct list	 routes;		/* struct conf_route, global */
	struct list	 transports;		/* struct conf_transport */
	struct conf_schedule	 schedule;
};

/* Iterate: CONF_EACH(struct conf_domain, d, &conf->domains) { ... } */
#define CONF_EACH(type, var, in)					\
	for (type *var = (in)->v; var != NULL &&			\
	    var < (type *)(in)->v + (in)->n; var++)

/* Of the parts, so that each can be freed by codec_free(). */
extern const struct codec	c_conf_cert, c_conf_listener, c_conf_route,
    c_conf_domain, c_conf_transport;

struct conf	*conf_new(void);		/* with all defaults */
void		 conf_free(struct conf *);
/*
 * Serialise for a role (a relay gets its own transport alone); CONF_MAX at
 * most.  conf_get() checks everything, NULL with errno when malformed.
 */
int		 conf_put(struct buf *, const struct conf *, enum role,
		    const char *name);
struct conf	*conf_get(struct span);

/* The domain, transport, certificate of that name, or NULL.  Names compare as
 * ASCII, case-insensitively. */
const struct conf_domain	*conf_domain(const struct conf *, struct span);
const struct conf_transport	*conf_transport(const struct conf *,
				    const char *);
const struct conf_cert		*conf_certificate(const struct conf *,
				    const char *);
/*
 * A domain in lower-case A-labels; a pattern of a route, "example.org",
 * ".example.org" or ".", as which "<>" is kept.  *out is for the caller to free.
 * 0, or -1 with the reason appended to why.
 */
int		 conf_ascii_domain(const char *, char **out, struct buf *why);
int		 conf_pattern(const char *, char **out, struct buf *why);
/*
 * One route as a line, with or without the word "route" in front; freed by
 * codec_free(&c_conf_route, ...).  Whether the transport exists is for the
 * caller to see.  0, or -1 with nothing to free and the reason in why.
 */
int		 conf_route_parse(struct span, struct conf_route *,
		    struct buf *why);
/* How long what left the queue is remembered; "" is nobody's account. */
uint32_t	 conf_keep_retired(const struct conf *, struct span account);
/* What a session of an account, or of nobody yet, does not have; l: where it
 * came in, or NULL. */
uint64_t	 conf_no_caps(const struct conf *, const struct conf_listener *l,
		    struct span account);
const char	*kind_name(enum conf_kind);
/* MECH_COUNT when there is no such mechanism; ASCII case does not count. */
enum mech	 mech_by_name(struct span);

#endif
