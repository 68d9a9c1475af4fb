/*
 * What an account has and may have.  See quota.h.
 */
#include <stdlib.h>

#include "imapd/account.h"
#include "imapd/quota.h"
#include "imapd/store.h"
#include "log.h"
#include "msg.h"

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

static int
by_account(const void *x, const void *y)
{
	const struct msg_limits	*a = x, *b = y;

	return (a->account < b->account ? -1 : a->account > b->account);
}

static struct msg_limits *
own(const struct store *st, uint64_t account)
{
	struct msg_limits	 key = { .account = account };

	return (st->nown == 0 ? NULL : bsearch(&key, st->own, st->nown,
	    sizeof(key), by_account));
}

/* One of them, in the place of what was known of that account. */
static int
learn(struct store *st, const struct msg_limits *l)
{
	struct msg_limits	*o, *nv;

	if ((o = own(st, l->account)) != NULL) {
		*o = *l;
		return (0);
	}
	if ((nv = reallocarray(st->own, st->nown + 1, sizeof(*nv))) == NULL)
		return (-1);
	st->own = nv;
	for (o = nv + st->nown++; o > nv && o[-1].account > l->account; o--)
		*o = o[-1];
	*o = *l;
	return (0);
}

void
quota_told(struct store *st, const struct msg_limits_list *m)
{
	const struct msg_limits	*l = m->limits.v;
	size_t			 i;

	if (m->whole)
		st->nown = 0;
	for (i = 0; i < m->limits.n; i++)
		if (learn(st, &l[i]) == -1)
			log_error("no memory for the limits of accounts");
}

static uint64_t
limit(uint64_t its, uint64_t all)
{
	return (its == 0 ? all : its - 1);
}

struct usage
quota_limits(const struct account *a)
{
	const struct store	*st = a->part->store;
	const struct msg_limits	*l = own(st, a->id);
	struct usage		 u = { st->limits.quota,
				    st->limits.quota_messages };

	if (l != NULL) {
		u.octets = limit(l->octets, u.octets);
		u.messages = limit(l->messages, u.messages);
	}
	return (u);
}

int
quota_over(const struct account *a, uint64_t octets, uint64_t messages)
{
	struct usage	 l = quota_limits(a), u;

	if (l.octets == 0 && l.messages == 0)
		return (0);
	quota_usage(a, &u);
	return ((l.octets != 0 && u.octets + octets > l.octets) ||
	    (l.messages != 0 && u.messages + messages > l.messages));
}
