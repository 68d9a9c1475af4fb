/*
 * Listening sockets of smtpd and front: a few connections a turn from each,
 * none for a while when there is no descriptor for one.  A reload prepares new
 * ones, with the TLS contexts of its configuration, beside those in use.
 */
#ifndef DOORS_H
#define DOORS_H

#include <sys/socket.h>

#include "conf.h"

struct tlsctx;

/*
 * A connection: fd is the callee's, the rest is lent.  The listener lives as
 * long as its configuration does (proc.h), the context while it is referenced.
 */
typedef void	(*door_fn)(int fd, const struct sockaddr_storage *from,
		    const struct conf_listener *, struct tlsctx *);

/* One for each listener whose kind is a bit of kinds, closed yet.  0, or -1
 * with the reason in why. */
int	 doors_prepare(const struct conf *, unsigned kinds, struct buf *why);
void	 doors_cancel(void);
/* Those that were prepared are open from now on, the former ones closed. */
void	 doors_open(door_fn);
void	 doors_close(void);

#endif
