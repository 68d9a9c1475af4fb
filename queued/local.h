/*
 * Stores, and the delivery ids they may forget.
 */
#ifndef QUEUED_LOCAL_H
#define QUEUED_LOCAL_H

#include <stddef.h>
#include <stdint.h>

struct event_base;
struct imsg;
struct msg_settled;
struct peer;

/* At once: nobody will deliver that id any more. */
void	 local_settled(const struct msg_settled *, size_t n);
/* Later: a delivery that smtpd gave up may still be read by a store. */
void	 local_settle_later(const uint8_t id[16], uint32_t partition);
/* No account moves any more: what waits for that is tried now. */
int	 on_move_off(struct peer *, struct imsg *);
int	 local_start(struct event_base *);

#endif
