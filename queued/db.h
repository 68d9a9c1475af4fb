/*
 * The queue on disk: a Berkeley DB environment with these databases
 *
 *	meta		name			a number: message numbers given
 *	message		message			one for all of its recipients
 *	rcpt		message recipient	one recipient: state, schedule
 *	attempt		message recipient n	what an attempt came to
 *	pin		transport message recipient	who is pinned to it, or was
 *	holdrule	number			what is held as it comes
 *	retired		message recipient	what left the queue; its attempts
 *						stay in "attempt" as long
 *	until		moment message recipient	when that goes
 *	suppress	account address		nobody is to be written to
 *	sts		domain			a policy of MTA-STS, see sts.h
 *	body, bodyref	of common/body
 *
 * What is there at each step, and what a crash leaves:
 *
 *	message + recipients + body	one transaction; 250 after its flush
 *	an attempt by a worker		RF_STARTED, flushed before the worker
 *					has the body.  A crash: the recipient is
 *					marked "possible duplicate", tried again
 *	an attempt at a store		nothing: a store knows the delivery id
 *	its result			one transaction: a recipient done is
 *					gone, one failed is RS_FAILED
 *	a report			one transaction: the report's message is
 *					there, the recipients it is about gone
 *
 * Times in records are those of q_now().
 *
 * Schema 3 has more databases.  Records of schema 1 end earlier: they are read as they are, what they lack is
 * zero, and written whole when they change.
 */
#ifndef QUEUED_DB_H
#define QUEUED_DB_H

#include "body.h"
#include "buf.h"
#include "codec.h"
#include "dbenv.h"

#define Q_SCHEMA	3
#define Q_FUTURE_MAX	64	/* octets of a request of RFC 4865 */
#define Q_TEXT_MAX	512	/* octets kept of a reply */
#define Q_ATTEMPTS_MAX	64	/* attempts kept of a recipient */

/* Flags of a message. */
#define MF_REPORT	0x01u	/* one of our reports */
#define MF_DOUBLE	0x02u	/* about a report that could not be delivered */

/* What all its recipients share.  Spans borrow from the record. */
struct rec_msg {
	uint8_t		 id[16];	/* delivery id */
	uint64_t	 body;
	uint64_t	 size;
	uint64_t	 arrival;
	uint64_t	 account;	/* that submitted it, or 0 */
	struct span	 name;		/* of that account */
	struct span	 from;
	struct span	 envid;		/* as in the MAIL command */
	struct span	 session;	/* smtpd's, for logs */
	struct span	 remote;
	uint8_t		 ret, utf8, bodytype;
	uint8_t		 requiretls;	/* REQUIRETLS_ */
	uint8_t		 flags;		/* MF_ */
	uint32_t	 nrcpts;	/* recipients are 1 to this */
	/* since schema 2 */
	uint64_t	 release;	/* not before, as its sender asked; 0 */
	struct span	 future;	/* the same as RFC 4865 writes it */
};

/* How a recipient is found. */
enum { RK_LOCAL = 1, RK_REMOTE, RK_UNKNOWN /* auth says at the attempt */ };
/* Where it stands. */
enum { RS_QUEUED, RS_FAILED, RS_DELIVERED, RS_RELAYED /* to be reported */ };
/* Flags of a recipient. */
#define RF_HELD		0x01u
#define RF_STARTED	0x02u	/* a worker has it */
#define RF_DUPLICATE	0x04u	/* may have been delivered before a crash */
#define RF_DROP		0x08u	/* removed when the attempt under way ends */
#define RF_FAIL		0x10u	/* failed when it ends */
#define RF_DELAYED	0x20u	/* a delay report is to be written */

struct rec_rcpt {
	struct span	 address, orcpt;
	struct span	 dest;		/* domain (A-label), [literal], or "" */
	struct span	 name;		/* of the account */
	uint64_t	 account;
	uint32_t	 partition;
	uint32_t	 notify;
	uint8_t		 kind, state, flags;
	uint32_t	 attempts;	/* begun */
	uint32_t	 lost;		/* of these ended by a crash */
	uint64_t	 next, last;
	uint64_t	 delayed;	/* last delay report */
	/* what the last attempt came to */
	struct span	 transport, host, enhanced, text;
	uint32_t	 code;
	/* since schema 2 */
	struct span	 pin;		/* transport, whatever routes say; "" */
	uint8_t		 tls;		/* 0: the message's; 1 + REQUIRETLS_ */
	uint64_t	 asked;		/* when next, after what is under way */
	uint64_t	 release;	/* somebody wanted it that late */
};

struct rec_attempt {
	uint64_t	 began, ended;
	struct span	 transport, host, address, tls;
	uint8_t		 result;	/* enum result */
	uint32_t	 code;
	struct span	 enhanced, text;
};

/* A rule of what is held when it comes; patterns as routes have them, or "". */
struct rec_holdrule {
	uint64_t	 created;
	struct span	 account;	/* name */
	struct span	 from, to;
};

/* How a recipient left the queue. */
enum { RETIRED_DELIVERED, RETIRED_FAILED, RETIRED_REMOVED, RETIRED_COUNT };
struct rec_retired {
	uint8_t		 how;
	uint64_t	 ended, until;
	struct rec_msg	 m;
	struct rec_rcpt	 r;
};

/* An address that an account is not to write to, or may not for long. */
struct rec_suppress {
	uint8_t		 listed;	/* 0: failures are counted */
	uint32_t	 failures;	/* in a row */
	uint64_t	 since, last;
	struct span	 name;		/* of the account */
	struct span	 address, reason;
};

extern const struct codec	c_rec_msg, c_rec_rcpt, c_rec_attempt,
    c_rec_holdrule, c_rec_suppress;

/* Copies that live as long as the caller likes. */
struct q_msg {
	uint64_t	 num;
	struct rec_msg	 r;
	struct buf	 octets;
};
struct q_rcpt {
	uint32_t	 n;
	struct rec_rcpt	 r;
	struct buf	 octets;
};

struct queue {
	struct dbenv	*env;
	struct body	*bodies;
	struct dbenv_db	*meta, *message, *rcpt, *attempt, *pin, *sts;
	struct dbenv_db	*holdrule, *retired, *until, *suppress;
	uint64_t	 next_num, num_limit;
};
extern struct queue	 q;

struct db_conf {
	const char	*home;
	uid_t		 uid;
	gid_t		 gid;
	uint64_t	 margin;
};
/* -1 after logging why. */
int		 db_open(const struct db_conf *);
struct event_base;
int		 db_start(struct event_base *);
void		 db_close(void);

/* A command; db_end() undoes it when rc is -1, and returns -1 when it was. */
int		 db_begin(void);
int		 db_end(int rc);
/* A number for a message, never used twice; within a command.  0: failed. */
uint64_t	 db_number(void);

/* Keys, in k; the span covers them. */
struct span	 key_msg(uint8_t k[8], uint64_t msg);
struct span	 key_rcpt(uint8_t k[12], uint64_t msg, uint32_t n);
/* 0, or -1 when it is no such key. */
int		 key_rcpt_get(struct span, uint64_t *msg, uint32_t *n);

/*
 * Reads: 0, or -1 with errno (ENOENT; EILSEQ for a record that does not
 * decode, logged).  db_rcpt_next: the first recipient at or after the key that
 * can be read.
 */
int		 db_msg(uint64_t msg, struct q_msg *);
void		 db_msg_free(struct q_msg *);
int		 db_rcpt(uint64_t msg, uint32_t n, struct q_rcpt *);
int		 db_rcpt_next(uint64_t *msg, uint32_t n, struct q_rcpt *);
void		 db_rcpt_free(struct q_rcpt *);
/* Of octets that a record holds, of any schema; spans borrow. */
int		 db_rcpt_decode(struct span, struct rec_rcpt *);
int		 db_msg_decode(struct span, struct rec_msg *);

/* Writes, within a command. */
int		 db_msg_put(uint64_t msg, const struct rec_msg *);
int		 db_rcpt_put(uint64_t msg, uint32_t n, const struct rec_rcpt *);
int		 db_attempt_put(uint64_t msg, uint32_t n, uint32_t attempt,
		    const struct rec_attempt *);
/* The recipient and its attempts; the last one takes the message along.
 * leave: its attempts stay. */
int		 db_rcpt_del(uint64_t msg, uint32_t n);
int		 db_rcpt_leave(uint64_t msg, uint32_t n);
int		 db_attempts_del(uint64_t msg, uint32_t n);
int		 db_retired_put(uint64_t msg, uint32_t n,
		    const struct rec_retired *);
int		 db_retired_decode(struct span, struct rec_retired *);
/* A number kept by name, how many there are of something: changed by so much;
 * it is returned, UINT64_MAX on error. */
uint64_t	 db_count(const char *name, int64_t change);
int		 db_record_put(struct dbenv_db *, struct span key,
		    const struct codec *, const void *);

#endif
