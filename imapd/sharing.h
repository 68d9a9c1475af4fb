/*
 * Mailboxes that accounts of a partition share: the lists of rights as they are
 * stored, and who has something for whom.
 *
 * A list stands with its mailbox in memory.  Each of its entries has a record in
 * "acl" and one in "share", written together, so that an account finds what
 * others have for it by their names alone.  Accounts are known by their numbers;
 * names are for people, and never change.
 */
#ifndef SHARING_H
#define SHARING_H

#include "imapd/account.h"
#include "imapd/acl.h"

/* What an account may do with a mailbox; its own: everything. */
uint32_t	 sharing_rights(const struct mailbox *, uint64_t account);
/* The entry of an account (0: anyone), or NULL. */
const struct acl_entry *sharing_entry(const struct mailbox *,
		    uint64_t account);
/*
 * What an identifier has from now on; nothing: no entry.  A command of its own:
 * 0, or -1 with errno: EMLINK (too many), EINVAL (the owner's name is not known
 * yet), or that of the database.  What the reply waits for is the owner's seq.
 */
int		 sharing_set(struct mailbox *, uint64_t account,
		    struct span name, uint32_t give, uint32_t take);
/*
 * Of those who have something for an account, or for anyone: the number of the
 * one with this name, 0 for none; the first name behind another ("": the first
 * of all), appended: 1, 0 at the end, -1 with errno.
 */
uint64_t	 sharing_owner(struct part *, uint64_t account, struct span name);
int		 sharing_next(struct part *, uint64_t account, struct span after,
		    struct buf *name);

/* For account.c and mailbox.c, in the open command: */
/* Records of a mailbox go. */
int		 sharing_write_removed(const struct mailbox *);
/* Records of a new mailbox: what is nearest above it has them. */
int		 sharing_write_new(const struct account *, struct span name,
		    uint64_t id);
/* Does a list name an account? */
int		 sharing_named(struct part *, uint64_t account);
/*
 * With whom an account shares, in words, appended: "INBOX with bob; carol with
 * it".  1, 0: with nobody, and nothing is appended; -1 with errno.
 */
int		 sharing_words(struct part *, uint64_t account, struct buf *);
/* Who has something for an account: what keys of "share" begin with. */
void		 sharing_key(struct buf *, uint64_t account, struct span owner);
/* All that names an account goes. */
int		 sharing_write_gone(struct part *, uint64_t account);
/* After a salvage: an entry and its record in "share" stay together, or go with
 * what is lost.  0 or -1. */
int		 sharing_repair(struct part *);
/*
 * Do these two belong together?  n records from where *from says (empty: the
 * beginning); bad is told of what does not.  1 there is more, 0, -1 with errno.
 */
int		 sharing_verify(struct part *, struct buf *from, int n,
		    void (*bad)(void *, const char *db, struct span key,
		    const char *problem), void *arg);
/* Memory: read lists (v: by identity); what was written is applied. */
int		 sharing_load(struct account *, struct mailbox **v, size_t n);
int		 sharing_apply_new(struct mailbox *);
void		 sharing_apply_gone(struct part *, uint64_t account);
void		 sharing_drop(struct mailbox *);

#endif
