#ifndef NETCLIENT_INT_H
#define NETCLIENT_INT_H

#include "netclient.h"

struct sockaddr;

/* Milliseconds of a clock that nobody sets. */
uint64_t	 net_clock(void);
/* Wait for the descriptor: 0, or -1 when the time is over. */
int		 net_poll(int fd, short events, uint64_t until);
/*
 * A connected, non-blocking socket, or -1 with a reason appended to why.  peer
 * gets a text.
 */
int		 net_connect(const struct netclient_settings *,
		    struct buf *why, char *peer, size_t peersize);
/*
 * Take what has arrived, without waiting and without a word about what is
 * wrong: 1 when there was something.
 */
int		 net_hear(struct netclient *);

#endif
