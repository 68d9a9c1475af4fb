/*
 * Which UIDs vanished, RFC 7162: a record for each command that removed some,
 * and what a session that comes back with a modification sequence is told.
 */
#ifndef VANISHED_H
#define VANISHED_H

#include "imapd/account.h"
#include "imapd/parse/seqset.h"
#include "imapd/view.h"

#define VANISHED_RECORDS	10000	/* of a mailbox */
#define VANISHED_S		(90 * 86400)	/* they are kept */
#define VANISHED_RANGES		10000	/* more are not looked for */

/*
 * In the open command: these UIDs (ascending) vanished with modseq; old records
 * go, a few with each new one, and raise *floor.  before: the modseq of what the
 * same client's command removed right before, all of it below, or 0; a record of
 * that which has room is taken into the new one.  0, or -1 with errno.
 */
int	 vanished_put(struct mailbox *, uint64_t before, uint64_t modseq,
	    const uint32_t *uids, size_t n, uint64_t *floor);
/* It was undone: how many there are is to be counted again. */
void	 vanished_undone(struct mailbox *);
/*
 * Of those asked for (resolved) the ones that vanished since, but for what the
 * session counts or has not been told of.  When that is not known, or too much,
 * all that do not exist, above `from'.  0, or -1 with errno.
 */
int	 vanished_since(const struct seen *, uint64_t since,
	    const struct seqset *asked, uint32_t from, struct seqset *out);
/* Lines "* VANISHED ranges". */
void	 vanished_write(struct buf *, const struct seqset *, int earlier);

#endif
