/*
 * What an account has and may have.  See quota.h.
 */
#include "imapd/account.h"
#include "imapd/quota.h"
#include "imapd/store.h"

void
quota_usage(const struct account *a, struct usage *u)
{
	size_t	 i;

	u->octets = u->messages = 0;
	for (i = 0; i < a->nmailboxes; i++) {
		u->octets += a->mailboxes[i]->st.octets;
		u->messages += a->mailboxes[i]->st.messages;
	}
}

int
quota_over(const struct account *a, uint64_t octets, uint64_t messages)
{
	const struct store_limits	*l = &a->part->store->limits;
	struct usage			 u;

	if (l->quota == 0 && l->quota_messages == 0)
		return (0);
	quota_usage(a, &u);
	return ((l->quota != 0 && u.octets + octets > l->quota) ||
	    (l->quota_messages != 0 &&
	    u.messages + messages > l->quota_messages));
}
