/*
 * NOTIFY, RFC 5465: what a session wants to be told about all mailboxes that it
 * sees, its account's and what others share with it, whenever no command of its
 * runs.  A session that asks has one of these on its account's list and on the
 * partition's; who changes something posts it there, which costs a glance at
 * empty lists where nobody asked.  Whoever has rights on a mailbox is found by
 * its list of rights.
 *
 * Section 5: of a mailbox without the rights l and r nothing is told.  When
 * these come or go (sections 5.4, 5.9) the name is told as it is now: with
 * \NonExistent without l, for nobody is to learn that it is still there; with
 * \NoAccess when r alone is missing.
 *
 * What is to be told is kept small: a set of mailboxes that changed, each once,
 * whose state is told as it is when it is told; and lines, made when it
 * happened, about names, subscriptions, metadata.  When it would be too much
 * the client is told so (NOTIFICATIONOVERFLOW) and no more.
 *
 * Events of the selected mailbox come from its view, see seen_tell().  The
 * numbers of messages and what was expunged are told at the end of commands
 * (RFC 3501 section 7) though nobody asked for them here.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include "imapd/account.h"
#include "imapd/parse/notify.h"

#define NOTIFY_DIRTY	1000		/* mailboxes changed and not told */
#define NOTIFY_LINES	(64 * 1024)	/* octets of lines not told */

struct session;
struct notify;

/*
 * From now on the session wants this: 0, or -1 with errno, and what it wanted
 * before stands.
 */
int		 notify_set(struct session *, const struct notify_request *);
void		 notify_free(struct notify *);
/* What it wants of a name as the session says it: EVENT_* of any kind, whoever
 * may have it; and whether other names than its account's are in question. */
unsigned	 notify_named(const struct notify *, int own, struct span name);
int		 notify_others(const struct notify *);
/* Message events that it wants, and may have, of a mailbox that is not the
 * selected one. */
unsigned	 notify_wanted(const struct notify *, const struct mailbox *);
/* The items of STATUS that tell these events to who wants those. */
unsigned	 notify_items(const struct session *, unsigned events,
		    unsigned wanted);
/* Those that NOTIFY SET STATUS shows. */
unsigned	 notify_items_first(const struct session *, unsigned wanted);

/* This session is at work, or with NULL none: it knows what it does. */
void		 notify_by(struct session *);
/* Something happened, and memory shows it. */
void		 notify_messages(const struct mailbox *, unsigned events);
/* A mailbox is there, or is not any more in its account's list. */
void		 notify_name(const struct mailbox *);
/* It has a new name, with top octets that all have who are renamed with it. */
void		 notify_renamed(const struct mailbox *, const char *old,
		    size_t top);
/* Who may do what with it is about to change; has changed. */
void		 notify_had(const struct mailbox *);
void		 notify_rights(const struct mailbox *);
void		 notify_subscription(struct account *, const char *name);
/* Of a mailbox, or with NULL of the account. */
void		 notify_metadata(const struct account *,
		    const struct mailbox *, const struct span *entries,
		    size_t n);
/* What was told of this account may not have happened; others: to anyone. */
void		 notify_undone(struct account *, int others);
/* Group seq was undone: lines that wait for it are not told. */
void		 notify_group_undone(struct part *, uint64_t seq);

/*
 * No command runs.  1: something was written, or is at work: flush what it
 * depends on and call again; 0: there is nothing; -1: the client has to read
 * first, and until then no command may run.
 */
int		 notify_some(struct session *);
/* What was written is not to be told: its group was undone. */
void		 notify_lost(struct session *);
/* Are expunged messages told though no command runs?  Flags at all? */
int		 notify_expunges(const struct session *);
int		 notify_flags(const struct session *);
/* It counts these from now on; some it has brought itself. */
void		 notify_arrived(struct session *, uint32_t lo, uint32_t hi);
void		 notify_brought(struct session *, const struct mailbox *,
		    uint32_t lo, uint32_t hi);
/* It leaves its mailbox; untold: with something that it was not told. */
void		 notify_left(struct session *, int untold);

#endif
