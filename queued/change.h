/*
 * What administrators ask of a recipient: to be removed, to be given up, to be
 * tried at another time.  Of one under way it is written into the record, and
 * done when its attempt ends without a final result, or is put off.
 */
#ifndef QUEUED_CHANGE_H
#define QUEUED_CHANGE_H

#include "queued/queued.h"

/* Within a command: 1 changed, 0 it is not like that, -1 an error. */
int	 change_drop(const struct q_msg *, struct q_rcpt *);
int	 change_fail(const struct q_msg *, struct q_rcpt *);
int	 change_next(const struct q_msg *, struct q_rcpt *, uint64_t when);

/* Is something asked of it that was not done? */
#define CHANGE_OWED(r)	((r)->state == RS_QUEUED && ((r)->asked != 0 ||	\
    ((r)->flags & (RF_DROP | RF_FAIL)) != 0))
/*
 * Do it, in a command of its own, and schedule what remains: 1; 0: there was
 * nothing to do, or it cannot be written now.
 */
int	 change_owed(uint64_t msg, uint32_t n);

/* pin.c: transports that recipients were pinned to. */
int	 pin_put(const char *transport, uint64_t msg, uint32_t n);
/* Is any pinned to what that configuration lacks?  -1: which, in why. */
int	 pins_check(const struct conf *, struct buf *why);
/* Forget those of recipients that are gone, or pinned to it no longer. */
void	 pins_sweep(void);

#endif
