/*
 * Accounts and mailboxes in memory.  An account is read whole, but for its
 * messages, when it is first used, and kept while somebody uses it and for some
 * time after.  Memory follows the database: a change is written first and
 * applied here when its command is committed; when the group is undone the
 * account is read anew.
 */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include <sys/queue.h>
#include <stdint.h>

#include "mboxname.h"
#include "part.h"
#include "work.h"

#define KEYWORDS_MAX		64	/* of a mailbox */
#define KEYWORD_MAX		64	/* octets of one */

/* Uses, RFC 6154; one a mailbox, one mailbox each. */
#define USE_ARCHIVE	0x01u
#define USE_DRAFTS	0x02u
#define USE_JUNK	0x04u
#define USE_SENT	0x08u
#define USE_TRASH	0x10u
#define USE_FLAGGED	0x20u
#define USE_ALL		0x40u

struct acl_entry;
struct notify;
struct view;

struct mailbox {
	struct account	*account;
	uint64_t	 id;
	char		*name;
	uint32_t	 uidvalidity;
	uint32_t	 uses;
	uint64_t	 created;
	char		**keywords;		/* KEYWORDS_MAX at most */
	size_t		 nkeywords;
	struct acl_entry *acl;			/* by account, acl.h */
	size_t		 nacl;
	struct mbstate	 st;
	uint64_t	 seq;			/* group of the last change */
	uint64_t	 late;			/* the same, of late ones */
	uint64_t	 late_at;		/* store_now() */
	uint64_t	 ceiling;		/* of the mark, late.h; 0: none */
	uint64_t	 marked;		/* group that wrote it */
	struct view	*view;			/* NULL while nobody looks */
	size_t		 nvanished;		/* records, vanished.h */
	int		 vanished_counted;
	int		 removed;		/* only sessions still hold it */
	uint32_t	 staged;		/* UIDs from here on are, stage.h */
};

struct account {
	struct part	*part;
	uint64_t	 id;			/* 0: its making was undone, or
						 * it cannot be read again */
	char		*name;
	uint32_t	 uidvalidity;
	uint64_t	 created;
	struct mailbox	**mailboxes;		/* by name */
	size_t		 nmailboxes;
	struct mailbox	*inbox;
	char		**subs;			/* by name */
	size_t		 nsubs;
	uint64_t	 seq;			/* group of the last change to the
						 * list of mailboxes or subs */
	int		 moving;		/* away: nobody finds it, left.h */
	unsigned	 refs;
	unsigned	 nsessions;
	struct share	 share;			/* their work */
	size_t		 memory;		/* that commands keep, memuse.h */
	uint64_t	 used;			/* store_now() */
	LIST_HEAD(, notify) notifies;		/* who asked, notify.h */
	struct account	*next;			/* in the bucket */
};

/*
 * The account, made with the usual mailboxes when it is new.  name is for logs
 * and listings.  NULL with errno; EBUSY: it is on its way to another partition,
 * or was here once.  account_put() gives it back.
 */
struct account	*account_get(struct part *, uint64_t id, struct span name);
/* The same, or NULL with ENOENT: none is made. */
struct account	*account_find(struct part *, uint64_t id);
/* Once more, what the caller has; also while it is to move. */
struct account	*account_hold(struct account *);
void		 account_put(struct account *);
/* It is in memory, or NULL; nothing is read, nobody holds it. */
struct account	*account_lookup(const struct part *, uint64_t id);
void		 account_free_all(struct part *);
/* Views that nobody used for a while go, or rest. */
void		 account_tick(struct part *);
/*
 * Everything of it goes, its messages in slices; nobody may use it (end its
 * sessions first; EBUSY).  0 with the group to wait for in *seq (none: 0), or
 * -1 with errno; EAGAIN: of its many mailboxes some are gone: call again in the
 * next turn.
 */
int		 account_remove(struct part *, uint64_t id, uint64_t *seq);
/*
 * It begins to move to another partition, or does not after all: a command of
 * its own.  0, or -1 with errno; EXDEV: it shares mailboxes with others; EBUSY: it
 * is in use, by nobody new from now on: try again, or account_thaw() it.
 */
int		 account_freeze(struct part *, uint64_t id);
int		 account_thaw(struct part *, uint64_t id);
/* A group was undone: read again what it changed. */
void		 account_undone(struct part *, uint64_t seq);

struct mailbox	*mailbox_named(const struct account *, struct span name);
/* The same, as an administrator may write it: a name in any form. */
struct mailbox	*mailbox_called(const struct account *, struct span name);
struct mailbox	*mailbox_by_id(const struct account *, uint64_t id);
/*
 * Positions in the list of mailboxes, and in that of subscriptions: of the first
 * whose name is not less; of the first behind this name, there or not ("": the
 * first of all); of the first that may be under it: all that are stand together.
 */
size_t		 mailbox_lower(const struct account *, struct span name);
size_t		 mailbox_behind(const struct account *, struct span name);
size_t		 mailbox_first_under(const struct account *, struct span name);
size_t		 account_sub_lower(const struct account *, struct span name);
size_t		 account_sub_behind(const struct account *, struct span name);
size_t		 account_sub_under(const struct account *, struct span name);
/* Is this name that one, or under it?  All are under "".  Is it under that one?
 * Is there a mailbox under it? */
int		 mailbox_is_within(struct span name, struct span top);
int		 mailbox_is_under(const char *name, struct span parent);
int		 mailbox_has_children(const struct account *, struct span name);

/*
 * Changes to the list, each a command of its own: 0, or -1 with errno: EEXIST,
 * ENOENT, EINVAL (such a name is not possible), EMLINK (too many), EPERM (the
 * INBOX), or that of the database.  What the reply waits for is account->seq.
 */
int		 mailbox_create(struct account *, struct span name,
		    uint32_t uses, struct mailbox **);
/* Its messages go in slices, see ending.h. */
int		 mailbox_delete(struct mailbox *);
/* With what is under it; the INBOX alone, and it leaves an empty one behind. */
int		 mailbox_rename(struct account *, struct span from,
		    struct span to);
int		 account_subscribe(struct account *, struct span name, int on);
int		 account_subscribed(const struct account *, struct span name);
/*
 * The bit of a keyword, -1 when there is none.  mailbox_keyword_add() gives it
 * one: -1 with EMLINK when there are KEYWORDS_MAX.
 */
int		 mailbox_keyword(const struct mailbox *, struct span);
int		 mailbox_keyword_add(struct mailbox *, struct span);

const char	*use_name(uint32_t use);	/* "\\Sent" */
/* The bit of "\Sent", 0 for none. */
uint32_t	 use_by_name(struct span);

#endif
