/*
 * Accounts that go from a partition, because they were removed or live elsewhere
 * now, and those that were to go and stay.  auth says which; it repeats both until
 * the answer says that it is on disk.
 */
#ifndef GONE_H
#define GONE_H

#include "imapd/store.h"
#include "msg.h"

struct peer;

/* M_ACCOUNT_GONE: its sessions end, and when nobody uses it any more all of it
 * goes, in slices.  Answered when that has begun. */
void	 gone_account(struct store *, struct peer *, uint32_t id,
	    const struct msg_account *);
/* M_MOVE_OFF: what is frozen is served again, unless auth has said that it goes.
 * account 0: each. */
void	 gone_thaw(struct store *, struct peer *, uint32_t id,
	    uint64_t account);
/* Nobody waits for answers any more. */
void	 gone_link_down(const struct peer *);

#endif
