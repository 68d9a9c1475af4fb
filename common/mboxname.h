/*
 * What a mailbox may be called: one form for each name, whether an IMAP client
 * says it or an import brings it, so that there is none that cannot be reached.
 */
#ifndef MBOXNAME_H
#define MBOXNAME_H

#include "buf.h"

#define MAILBOX_NAME_MAX	480	/* octets, UTF-8 */
#define MAILBOX_DEPTH		30	/* levels */
#define MAILBOX_SEPARATOR	'/'
/* Before the name of an account and of a mailbox of it: what others share. */
#define OTHER_USERS		"Other Users"

/*
 * Append a name in its form: NFC, and INBOX in any case, as the first level, as
 * "INBOX".  0, or -1: EILSEQ (it is not UTF-8), EINVAL (a control is in it),
 * ENOMEM.
 */
int	 mailbox_normal(struct buf *, struct span);
/*
 * May there be a mailbox of that name, which is in its form; and of an account's
 * own, not of what others share?  0, or -1 with EINVAL.
 */
int	 mailbox_check_form(struct span);
int	 mailbox_check_name(struct span);
/* Append a name in its form, which an account's own mailbox may have: 0, or -1 as
 * these. */
int	 mailbox_own_name(struct buf *, struct span);

#endif
