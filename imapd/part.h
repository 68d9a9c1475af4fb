/*
 * A partition: one Berkeley DB environment with the accounts in it.  Databases
 * and what a record of each is:
 *
 *	account		account			name, last UIDVALIDITY
 *	mailbox		account mailbox		name, uses, keywords
 *	state		account mailbox		UIDNEXT, counters: changes often
 *	sub		account name		subscribed; nothing else
 *	annotation	account mailbox name	a value, RFC 5464; mailbox 0: of
 *						the account
 *	acl		account mailbox account	what it has for the last account (0:
 *						anyone), sharing.h
 *	share		account name NUL mailbox	that account is in an acl of
 *						the mailbox of the account with
 *						this name: its number
 *	index		mailbox uid		one message, fixed size
 *	ready		body piece		ENVELOPE and so on, ready-made
 *	fields		body piece		header fields, likewise
 *	filter		body [piece]		trigrams of its text, for SEARCH;
 *						body 0: how far they are made,
 *						see filter.h
 *	late		account mailbox		the highest modseq that may be
 *						seen before it is flushed,
 *						see late.h
 *	vanished	mailbox modseq		UIDs that one command removed
 *	gone		mailbox uid		removed, but counted by a session:
 *						its body goes at the next start
 *	dead		mailbox			removed: its messages go in slices
 *			mailbox uid		account: staged from there on, see
 *						stage.h
 *	key		delivery account crc	delivered already
 *	left		account			is not, or is no longer here, see
 *						left.h
 *
 * Numbers in keys are in network order.  Accounts and mailboxes have 64-bit
 * identities that stay for their life; a name is never part of a path.
 */
#ifndef PART_H
#define PART_H

#include <sys/queue.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdint.h>

#include "body.h"
#include "buf.h"
#include "codec.h"
#include "dbenv.h"

#define PART_SCHEMA	3	/* 1: without "fields", see ready.h;
				 * 2: see msgrec.c */
#define PART_BUCKETS	1024		/* of the accounts in memory */
#define PART_UNUSED	1000		/* accounts kept though nobody uses them */
#define MESSAGE_MAX	UINT32_MAX	/* octets of one: what a record can say */

struct store;
struct account;
struct ending;
struct filter_maker;
struct notify;
struct stage;

/* Who has written what is not answered yet, and is none of those that the
 * partition knows: told when a group is undone, and frees nothing then. */
struct part_watch {
	void			(*undone)(struct part_watch *, uint64_t seq,
				    int error);
	void			*arg;
	LIST_ENTRY(part_watch)	 entry;
};

struct part {
	struct store		*store;
	unsigned		 num;
	struct dbenv		*env;
	struct body		*bodies;
	struct dbenv_db		*account, *mailbox, *state, *sub, *annotation,
				*acl, *share, *index, *ready, *late, *vanished, *gone, *dead,
				*key, *left, *filter, *fields;
	struct filter_maker	*filters;
	struct event		 ev;		/* dbenv_fd() */
	struct event		 turn;		/* end of the loop's turn */
	struct account		*accounts[PART_BUCKETS];
	size_t			 naccounts;
	struct ending		*endings;	/* removals under way */
	LIST_HEAD(, notify)	 notifies;	/* of all accounts, notify.h */
	LIST_HEAD(, stage)	 stages;
	LIST_HEAD(, part_watch)	 watches;
	uint64_t		 swept;		/* store_now() of the last sweep */
	struct buf		 key_at;	/* where expiry of keys goes on */
};

/* Records.  Spans borrow from what was decoded. */
struct rec_account {
	struct span	 name;
	uint32_t	 uidvalidity;		/* the last one given */
	uint64_t	 created;
};

struct rec_mailbox {
	struct span	 name;			/* UTF-8 */
	uint32_t	 uidvalidity;
	uint32_t	 uses;			/* account.h */
	uint64_t	 created;
	struct span	 keywords;		/* names with a space between */
};

struct rec_acl {
	struct span	 name;			/* of the account, or "anyone" */
	uint32_t	 give, take;		/* acl.h */
};

struct mbstate {
	uint32_t	 uidnext;
	uint32_t	 recent;		/* first UID that is \Recent */
	uint32_t	 messages;
	uint32_t	 unseen;
	uint32_t	 deleted;
	uint64_t	 octets;
	uint64_t	 modseq;		/* highest */
	uint64_t	 floor;			/* vanished records begin above */
};

/* One message in a mailbox; the UID stands in the key. */
struct msgrec {
	uint32_t	 uid;
	uint32_t	 flags;			/* MF_* */
	uint64_t	 keywords;		/* bit n: mailbox's keyword n */
	uint64_t	 modseq;
	uint64_t	 date;			/* INTERNALDATE, s since 1970 */
	uint64_t	 saved;			/* when it came to this mailbox */
	uint64_t	 body;
	uint64_t	 email;			/* stable over copies and moves */
	uint32_t	 size;
	int16_t		 zone;			/* of date, minutes east */
};

#define MF_SEEN		0x01u
#define MF_ANSWERED	0x02u
#define MF_FLAGGED	0x04u
#define MF_DELETED	0x08u
#define MF_DRAFT	0x10u
#define MF_ALL		0x1fu

extern const struct codec c_rec_account, c_rec_mailbox, c_rec_acl, c_mbstate;

struct part_conf {
	const char	*home;		/* relative to the working directory */
	unsigned	 num;
	size_t		 cache;
	uint64_t	 margin;
	uid_t		 uid;
	gid_t		 gid;
};

/* A message's record in octets, and back: 0, or -1 with errno, EBADMSG where it
 * is none.  The UID is not touched, and becomes 0. */
int		 msgrec_put(struct buf *, const struct msgrec *);
int		 msgrec_get(struct span, struct msgrec *);
/* Into the index. */
int		 msgrec_write(struct part *, struct span key,
		    const struct msgrec *);

/* Open or create.  NULL with errno, after logging why; EILSEQ: it panicked
 * twice of the same within an hour, which the file "panic" in it says. */
struct part	*part_open(struct store *, const struct part_conf *);
/* In the cage: helper threads, the loop.  0 or -1. */
int		 part_start(struct part *);
void		 part_close(struct part *);
/* Once every few seconds: what is old goes. */
void		 part_tick(struct part *);

/* Keys, in k (big enough); the span covers them. */
struct span	 key_u64(uint8_t k[8], uint64_t);
struct span	 key_u64_2(uint8_t k[16], uint64_t, uint64_t);
struct span	 key_u64_3(uint8_t k[24], uint64_t, uint64_t, uint64_t);
struct span	 key_msg(uint8_t k[12], uint64_t mailbox, uint32_t uid);
uint32_t	 key_uid(struct span);		/* of a key_msg() */
/* Put a struct by its codec. */
int		 part_put(struct dbenv_db *, struct span key,
		    const struct codec *, const void *);
/* Get one: 0; -1 ENOENT, EILSEQ (also when it does not decode).  Strings
 * borrow until the next read of that database. */
int		 part_get(struct dbenv_db *, struct span key,
		    const struct codec *, void *);

#endif
