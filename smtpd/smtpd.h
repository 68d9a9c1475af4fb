/*
 * smtpd: connections, and what a session asks of other processes.
 */
#ifndef SMTPD_H
#define SMTPD_H

#include <sys/queue.h>
#include <sys/socket.h>

#include "conf.h"
#include "imsg.h"
#include "io.h"
#include "msg.h"
#include "proc.h"
#include "session.h"

#define CONN_IN		16384	/* octets received and not yet looked at */
#define CONN_IN_DATA	65536	/* within a message */
#define CONN_AWAY_MAX	500	/* connections while auth is away */
#define CONN_AUTH_WAIT	60	/* seconds for auth's word on a connection */
#define CONN_GREET_WAIT	2000	/* microseconds: does the client wait, too? */
#define CONN_STORE_WAIT	30	/* seconds for a store, then the queue */
#define CONN_QUEUE_WAIT	120	/* seconds for the queue */
#define CONN_FILE_WAIT	20	/* seconds for a file */
#define CONN_TLS_WAIT	30	/* seconds for a handshake */
#define CONN_STOP_WAIT	8	/* seconds that an orderly stop waits */

struct event;
struct slot;
struct delivery;
struct tlsctx;

struct conn {
	TAILQ_ENTRY(conn)	 entry;
	TAILQ_ENTRY(conn)	 waiter;	/* for a slot */
	uint64_t		 number;	/* for auth */
	struct io		*io;
	struct tlsctx		*ctx;
	struct event		*greeting;	/* soon */
	struct session		 s;
	time_t			 since;
	uint64_t		 login_by;	/* ms; 0: no matter */
	uint64_t		 budget, last;	/* ms, within a message */
	uint32_t		 ask;		/* open request to auth, or 0 */
	uint32_t		 again;		/* another: it forgot us, or 0 */
	uint32_t		 seen;		/* commands at the last deadline */
	enum session_state	 was;		/* state at the last deadline */
	char			*refusal;	/* to be told after TLS */

	/* a message from outside */
	struct slot		*slot;
	struct delivery		*delivery;

	/* a submission */
	struct peer		*link;		/* to queued */
	uint32_t		 link_ask;	/* open request on it, or 0 */
	int			 link_fd;	/* our end until the login is done */
	int			 file;
	uint8_t			 file_id[16];

	unsigned		 counted : 1,	/* auth counts it */
				 local : 1,	/* a unix socket */
				 waits : 1,	/* in line for a slot */
				 key_asked : 1,	/* auth, by that request */
				 busy : 1, dead : 1, late : 1, big_in : 1,
				 paused : 1;
};

TAILQ_HEAD(conns, conn);
extern struct conns	 conns;		/* in order of number */
extern size_t		 nconns;
extern const struct role_ops	 smtpd_ops;

/* conn.c */
/* Takes fd and a reference to ctx. */
void		 conn_new(int fd, const struct sockaddr_storage *,
		    const struct conf_listener *, struct tlsctx *);
void		 conn_free(struct conn *);
/* Go on after an answer. */
void		 conn_run(struct conn *);
/* A new auth: tell it of this one, too. */
void		 conn_register(struct conn *);
/* auth is gone, and what it knew with it. */
void		 conn_forgotten(struct conn *);
/* 421 and the end, soon if something is being stored. */
void		 conn_end(struct conn *, const char *enhanced, const char *why);

/* sasl.c: session_ops */
int		 sasl_start(struct session *, struct span, int, struct span);
int		 sasl_step(struct session *, struct span);
int		 sasl_abort(struct session *);
int		 sasl_key(struct session *);
void		 sasl_cancel(struct session *);

/* deliver.c: messages from outside */
int		 deliver_rcpt(struct session *);
int		 deliver_file(struct session *);
int		 deliver_write(struct session *, struct span);
int		 deliver_commit(struct session *);
void		 deliver_late(struct session *);
void		 deliver_drop(struct session *);
/* The connection is going. */
void		 deliver_forget(struct conn *);

/* slot.c: files and ids in stock */
struct slot {
	TAILQ_ENTRY(slot)	 entry;
	TAILQ_ENTRY(slot)	 stock;
	uint32_t		 number;
	uint8_t			 id[16];
	int			 wfd, rfd;	/* -1: not there yet */
	uint32_t		 partition;	/* of the message in it */
	uint64_t		 size;		/* octets in it, maybe old ones */
	unsigned		 free : 1,	/* in stock */
				 idle : 1,	/* was so at the last look */
				 leaving : 1,	/* soon to be settled */
				 settled : 1,	/* waiting for its next id */
				 stale : 1;	/* of a queued that is gone */
};
/* NULL: none in stock. */
struct slot	*slot_take(void);
/* The connection gets the next one, session_on_file() then. */
int		 slot_wait(struct conn *);
void		 slot_unwait(struct conn *);
/* Nobody saw its octets: it goes back with its id. */
void		 slot_return(struct slot *);
/* Done with; see M_SLOT_SETTLED. */
void		 slot_settle(struct slot *, uint32_t partition);
/* It is queued's now. */
void		 slot_given(struct slot *);
void		 slot_queued_down(void);
int		 slot_on_slot(struct peer *, struct imsg *);
int		 slot_on_read(struct peer *, struct imsg *);
int		 slot_on_id(struct peer *, struct imsg *);

/* submit.c: messages of those logged in */
/* Another session takes the place of the one that was there. */
int		 submit_begin(struct conn *, int fd);
int		 submit_mail(struct session *);
int		 submit_rcpt(struct session *);
int		 submit_file(struct session *);
int		 submit_write(struct session *, struct span);
int		 submit_commit(struct session *);
void		 submit_late(struct session *);
void		 submit_drop(struct session *);
void		 submit_forget(struct conn *);

/* control.c */
int		 control_on_ctl(struct peer *, struct imsg *);

/* role.c */
/* A connection is gone; during a stop the last one ends the process. */
void		 role_conn_gone(void);

#endif
