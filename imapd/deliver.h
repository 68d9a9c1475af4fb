/*
 * Local delivery: M_DELIVER from smtpd and queued, M_SETTLED.
 *
 * All recipients of one message that are in one partition get it in one
 * transaction: the body once, with a reference for each, and for each a key
 * (delivery id, account, CRC-32C of the octets).  Who has that key already has
 * the message: what is sent twice is delivered once.  The answer goes out when
 * all of that is on disk.
 */
#ifndef DELIVER_H
#define DELIVER_H

#include "imapd/store.h"
#include "imsg.h"
#include "msg.h"

/*
 * Deliver m's message from fd (which stays the caller's); done is called once,
 * maybe before this returns, with what to answer.
 */
typedef void	(*deliver_fn)(void *arg, const struct msg_stored *);
void		 deliver(struct store *, const struct msg_deliver *, int fd,
		    deliver_fn done, void *arg);
/* Those under way are answered that they failed for now: the store ends. */
void		 deliver_stop(void);
/* queued will not send this id again. */
void		 deliver_settled(struct store *, const struct msg_settled *);

#endif
