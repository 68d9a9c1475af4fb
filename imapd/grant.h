/*
 * Changes of a list of rights, as SETACL, DELETEACL and "letterctl acl" ask for
 * them: memory, database, log, and sessions that lose what they have open.
 */
#ifndef GRANT_H
#define GRANT_H

#include "imapd/sharing.h"
#include "imapd/store.h"

/* "-" in front of an identifier: what is taken from it.  It goes. */
int	 grant_negative(struct span *id);
/*
 * Rights, with "+" or "-" in front or in place of those there are, for an
 * account (0: anyone) whom auth knows; by: who asks, for the log.  0, or -1 with
 * errno: EAGAIN (the account is leaving), those of sharing_set().
 */
int	 grant_set(struct store *, struct mailbox *, uint64_t account,
	    struct span name, struct span rights, int negative,
	    const char *by);
/* An identifier as it stands in the list, though no account may have that name
 * any more: 1, 0 there is none, -1 with errno. */
int	 grant_delete(struct store *, struct mailbox *, struct span id,
	    int negative, const char *by);

#endif
