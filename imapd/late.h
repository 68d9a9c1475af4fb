/*
 * Flag changes that are late: told when they are committed, flushed up to half
 * a second later.  A loss of power may take them back, though clients saw them
 * and their modification sequences.  So the first one of a mailbox sets a mark,
 * which is on disk before anybody is told: up to its number modification
 * sequences may have been seen.  The mark goes in a later group, thus after all
 * that it stands for.  A start that finds marks, and may have lost something,
 * gives every message of such a mailbox a modification sequence above the
 * mark's, so that clients ask for the flags again.
 */
#ifndef LATE_H
#define LATE_H

#include "imapd/account.h"

#define LATE_RANGE	1000000		/* sequences that a mark allows */

/* Before anything else is read, and before dbenv_start(): 0, or -1 with errno
 * after logging why. */
int	 late_start(struct part *);
/* At a clean end all marks go. */
void	 late_stop(struct part *);
/* The marks of an account's mailboxes, as the disk has them. */
int	 late_load(struct account *);
/* In the open command: a mark for what comes after modseq; what it allows goes
 * to *ceiling. */
int	 late_mark(const struct mailbox *, uint64_t modseq,
	    uint64_t *ceiling);
/* Its mailbox is removed, in the open command. */
int	 late_remove(const struct mailbox *);
/* Take it away, if nothing late happened for a while. */
void	 late_tick(struct mailbox *);

#endif
