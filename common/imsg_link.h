/*
 * What imsg.c (the link and its packets) and imsg_ask.c (requests, and those of
 * them that wait for credit) know of each other.  Nobody else includes this.
 */
#ifndef IMSG_LINK_H
#define IMSG_LINK_H

#include <sys/types.h>
#include <sys/queue.h>
#include <stdint.h>

#include "imsg.h"

#define IMSG_HEADER	8	/* octets: type, id */

struct event;

struct packet {
	TAILQ_ENTRY(packet)	 entry;
	int			 fd;
	size_t			 n;
	uint8_t			 data[];
};
TAILQ_HEAD(packets, packet);

struct ask {
	TAILQ_ENTRY(ask)	 entry;
	uint32_t		 id;
	uint32_t		 type;
	reply_fn		 fn;	/* NULL: forgotten */
	void			*arg;
	struct packet		*held;	/* not sent yet */
	int			 behind;	/* lets others pass */
	uint32_t		 who;		/* then: for whom it is */
	uint64_t		 turn;
};
TAILQ_HEAD(asks, ask);

struct peer {
	struct event_base	*base;
	struct event		*rev, *wev, *stall;
	int			 fd;
	enum role		 role;
	unsigned		 inst;
	const struct peer_ops	*ops;
	void			*arg;
	char			 name[32];
	struct packets		 out;
	size_t			 waiting;	/* octets in it, all told */
	struct asks		 open;	/* sent, in order of sending */
	struct asks		 held;
	struct asks		 behind;	/* held until few of them are open */
	size_t			 nopen, credit;
	size_t			 nbehind;	/* of the open ones */
	size_t			 nheld_behind;
	uint64_t		 turn;		/* of the last that was let go */
	uint32_t		*owed;	/* ids of its requests without answer */
	size_t			 nowed, owed_room;
	uint32_t		 next_id;
	int			 depth;	/* handlers running */
	int			 gone;	/* free when depth is 0 */
	const char		*why;
};

/* Sends, or keeps until it can be sent.  fd goes with it unless it is lent; -1
 * with errno when the link is over or has no room. */
int	 imsg_transmit(struct peer *, uint32_t type, uint32_t id,
	    const uint8_t *, size_t, int fd, int lent);
void	 imsg_free_packet(struct packet *);	/* wiped: may be a password */
int	 imsg_keep_fd(int *fd, int lent);	/* what is lent is duplicated */
void	 imsg_give_up(int fd, int lent);

/* An answer came: to an open request of that id and type; or -1, malformed. */
int	 imsg_answered(struct peer *, struct imsg *);
/* Every request, open or waiting, is answered with NULL. */
void	 imsg_end_asks(struct peer *);

#endif
