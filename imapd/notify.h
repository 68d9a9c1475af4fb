/*
 * NOTIFY, RFC 5465: what a session wants to be told about all mailboxes of its
 * account, whenever no command of its runs.  A session that asks has one of
 * these on its account's list; who changes something posts it there, which
 * costs a glance at an empty list where nobody asked.
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
/* Message events that it wants of a mailbox that is not the selected one. */
unsigned	 notify_wanted(const struct notify *, const struct mailbox *);
/* The items of STATUS that tell these events to who wants those. */
unsigned	 notify_items(const struct session *, unsigned events,
		    unsigned wanted);

/* This session is at work, or with NULL none: it knows what it does. */
void		 notify_by(const struct session *);
/* Something happened, and memory shows it. */
void		 notify_messages(struct mailbox *, unsigned events);
/* A mailbox of that name is there, or not any more; old: its former name. */
void		 notify_name(struct account *, const char *name,
		    const char *old);
void		 notify_subscription(struct account *, const char *name);
/* Of a mailbox, or with "" of the account. */
void		 notify_metadata(struct account *, struct span name,
		    const struct span *entries, size_t n);
/* What was told to these may not have happened. */
void		 notify_undone(struct account *);

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
/* It counts these from now on. */
void		 notify_arrived(struct session *, uint32_t lo, uint32_t hi);
/* It leaves its mailbox; untold: with something that it was not told. */
void		 notify_left(struct session *, int untold);

#endif
