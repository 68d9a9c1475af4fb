/*
 * Rights on a mailbox, RFC 4314: letters, and what a list of identifiers gives
 * to an account.  Nothing here knows databases or sessions.
 */
#ifndef ACL_H
#define ACL_H

#include <stdint.h>

#include "buf.h"

#define RIGHT_LOOKUP	0x001u	/* l */
#define RIGHT_READ	0x002u	/* r */
#define RIGHT_SEEN	0x004u	/* s */
#define RIGHT_WRITE	0x008u	/* w: other flags and keywords */
#define RIGHT_INSERT	0x010u	/* i */
#define RIGHT_POST	0x020u	/* p */
#define RIGHT_CREATE	0x040u	/* k: mailboxes below */
#define RIGHT_DELETE	0x080u	/* x: the mailbox itself */
#define RIGHT_DELETED	0x100u	/* t: the flag */
#define RIGHT_EXPUNGE	0x200u	/* e */
#define RIGHT_ADMIN	0x400u	/* a */
#define RIGHTS_ALL	0x7ffu
/* RFC 5464 section 3.3: with one of these annotations are seen. */
#define RIGHTS_METADATA	(RIGHT_READ | RIGHT_SEEN | RIGHT_WRITE | \
    RIGHT_INSERT | RIGHT_POST)

#define ACL_ENTRIES	100	/* of a mailbox */
#define ACL_ALL		10000	/* of all mailboxes of an account */
#define ACL_ANYONE	"anyone"

/* What an identifier has: give is of "name", take of "-name". */
struct acl_entry {
	uint64_t	 account;	/* 0: anyone */
	char		*name;
	uint32_t	 give, take;
};

/* Letters of rights, the obsolete c and d too: 0, or -1 when one is none. */
int		 acl_parse(struct span, uint32_t *);
/* The same with "+" or "-" in front, or in the place of those there are. */
int		 acl_modify(struct span, uint32_t *);
/* As letters, with c and d for clients of RFC 2086. */
void		 acl_write(struct buf *, uint32_t);
/*
 * What an account that is not the owner may do: what is given to it or to anyone
 * but what is taken from either.  Without l it is nothing.
 */
uint32_t	 acl_rights(const struct acl_entry *, size_t, uint64_t account);

#endif
