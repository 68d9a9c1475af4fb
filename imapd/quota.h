/*
 * What an account may keep, RFC 9208: one quota root, "", for all its mailboxes.
 */
#ifndef QUOTA_H
#define QUOTA_H

#include <stdint.h>

struct account;
struct msg_limits_list;
struct store;

struct usage {
	uint64_t	 octets;
	uint64_t	 messages;
};

/* What it may keep; 0: no limit. */
struct usage	 quota_limits(const struct account *);
/* What auth says of accounts that have limits of their own. */
void		 quota_told(struct store *, const struct msg_limits_list *);
void		 quota_usage(const struct account *, struct usage *);
/* Would it be too much, with so much more?  Marked \Deleted counts too. */
int		 quota_over(const struct account *, uint64_t octets,
		    uint64_t messages);

#endif
