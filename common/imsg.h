/*
 * Messages between processes: one message is one packet of at most
 * IMSG_MAX octets on a SOCK_SEQPACKET socketpair, with at most one descriptor.
 *
 * A peer is one end of such a link.  Who is at the other end is known from the
 * socket alone, never from a message.  A table says which peer may send which
 * message, with a payload or not, with a descriptor or not; everything else is
 * logged and closes that link, never the process.
 *
 * A request gets exactly one answer.  peer_ask() numbers it, keeps the callback
 * and calls it once: with the answer, or with NULL when the link ended.  At most
 * IMSG_CREDIT requests are open on a link; more wait here in order, so an asker
 * whose clients each wait for one answer never floods a peer.  Who asks under an
 * id that is not answered yet, or for far too much at once, is out of order.
 */
#ifndef IMSG_H
#define IMSG_H

#include <sys/types.h>
#include <stdint.h>
#include "buf.h"
#include "codec.h"

#define IMSG_MAX	16384	/* octets in a packet, header included */
#define IMSG_CREDIT	64	/* requests open on a link, unless set otherwise */
#define IMSG_STALL	10	/* seconds a peer may leave packets unread */
#define IMSG_REPLY	0x80000000u	/* set in the type of every answer */

enum role {
	ROLE_PARENT, ROLE_CONTROL, ROLE_AUTH, ROLE_KEYS, ROLE_LOOKUP,
	ROLE_SMTPD, ROLE_FRONT, ROLE_STORE, ROLE_QUEUED, ROLE_RELAY,
	ROLE_SESSION,		/* a link that stands for one login, not a process */
	ROLE_COUNT
};
#define PEER(role)	(1u << (role))

struct event_base;
struct peer;

struct imsg {
	uint32_t	 type;
	uint32_t	 id;		/* of the request; 0 for a notice */
	struct span	 data;		/* what is not consumed is malformed */
	int		 fd;		/* -1, or owned: set to -1 when taken */
};

/* Handler flags. */
#define MSG_EMPTY	0x01	/* no payload */
#define MSG_BODY	0x02	/* a payload */
#define MSG_FD		0x04	/* comes with a descriptor */
#define MSG_MAYFD	0x08	/* may come with one */

struct msg_rule {
	uint32_t	 type;
	unsigned	 from;		/* PEER() bits */
	unsigned	 flags;
	/*
	 * 0 when handled; -1 when malformed: the link is closed.  May call
	 * peer_reply() at once or keep imsg->id and do so later, exactly once.
	 */
	int		(*run)(struct peer *, struct imsg *);
};

/* The answer to a request, or NULL when the link ended before it came.  The
 * imsg is borrowed; return -1 to call it malformed. */
typedef int	(*reply_fn)(void *arg, struct peer *, struct imsg *);

struct peer_ops {
	const struct msg_rule	*rules;
	size_t			 nrules;
	/* The link ended; the peer is freed after this returns. */
	void			(*down)(struct peer *, const char *why);
};

const char	*role_name(enum role);
const char	*msg_name(uint32_t type);	/* for logs */

/*
 * Own fd (made non-blocking) as a link.  arg is the caller's.  NULL without
 * memory (the fd is closed).
 */
struct peer	*peer_new(struct event_base *, int fd, enum role, unsigned inst,
		    const struct peer_ops *, void *arg);
/* Close the link: open requests get their NULL, ops->down is not called. */
void		 peer_free(struct peer *);
/* As peer_free, but logs why and calls ops->down; for use by a receiver that
 * finds the peer out of order outside a handler. */
void		 peer_close(struct peer *, const char *why);

/* The other process is gone: read what it said before.  The link has ended
 * afterwards, and ops->down was called. */
void		 peer_drain(struct peer *);

enum role	 peer_role(const struct peer *);
unsigned	 peer_instance(const struct peer *);
void		*peer_arg(const struct peer *);
void		 peer_set_arg(struct peer *, void *);
const char	*peer_name(const struct peer *);	/* "smtpd 1" */

/*
 * Send a notice (id 0).  payload may be NULL; it is borrowed.  fd is -1 or is
 * taken over (closed in any case).  0, or -1 when the message is too large or
 * the peer is NULL or gone.
 */
int		 peer_send(struct peer *, uint32_t type, const struct buf *,
		    int fd);
/* The same with a struct and its codec. */
int		 peer_put(struct peer *, uint32_t type, const struct codec *,
		    const void *, int fd);
/* The single answer to request id; type without IMSG_REPLY, it is added.  A
 * second one, or one to an id of a former link, is dropped: -1.  Too large
 * (EMSGSIZE): it is still to be answered. */
int		 peer_reply(struct peer *, uint32_t type, uint32_t id,
		    const struct codec *, const void *, int fd);
int		 peer_reply_buf(struct peer *, uint32_t type, uint32_t id,
		    const struct buf *, int fd);
/*
 * Ask.  Returns the id (never 0), to be named in peer_forget(); 0 when the peer
 * is NULL, gone or the message too large: then fn is not called.
 */
uint32_t	 peer_ask(struct peer *, uint32_t type, const struct codec *,
		    const void *, int fd, reply_fn fn, void *arg);
/*
 * The same, for what takes the other end its time: at most half of the credit is
 * open for such requests, so that all others pass them by; a quarter more only for
 * a "who" that has none open.  Those for one "who" keep their order; different
 * ones take turns.  peer_behind(): how many of them wait, for *who or, NULL, in
 * all; who may not wait for that long looks before it asks.
 */
uint32_t	 peer_ask_behind(struct peer *, uint32_t who, uint32_t type,
		    const struct codec *, const void *, int fd, reply_fn fn,
		    void *arg);
size_t		 peer_behind(const struct peer *, const uint32_t *who);
/* The same; the descriptor stays the caller's, who may close it at once. */
uint32_t	 peer_ask_lend(struct peer *, uint32_t type,
		    const struct codec *, const void *, int fd, reply_fn fn,
		    void *arg);
uint32_t	 peer_ask_buf(struct peer *, uint32_t type, const struct buf *,
		    int fd, reply_fn fn, void *arg);
/* The asker lost interest: the answer, when it comes, is dropped (and its
 * descriptor closed).  The id stays taken until then. */
void		 peer_forget(struct peer *, uint32_t id);
/* Another number than IMSG_CREDIT, for requests that are long under way. */
void		 peer_set_credit(struct peer *, size_t);
/* Requests open and waiting. */
size_t		 peer_pending(const struct peer *);

/*
 * Decode the whole payload.  -1 when malformed (too short, octets left): return
 * that from the handler.  Afterwards codec_free() when the struct has lists.
 */
int		 imsg_get(struct imsg *, const struct codec *, void *);

/* A SOCK_SEQPACKET pair, non-blocking and close-on-exec, with buffers for
 * IMSG_CREDIT packets.  0 or -1. */
int		 imsg_pair(int fds[2]);
/* A SOCK_STREAM pair, non-blocking and close-on-exec. */
int		 stream_pair(int fds[2]);

#endif
