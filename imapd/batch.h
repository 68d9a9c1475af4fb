/*
 * What one command writes to mailboxes: messages added, flags changed, messages
 * removed; with the counters, the modification sequence and the record of what
 * vanished, in one transaction.  Memory (mailbox, view) follows when it is
 * committed.  One batch at a time.
 *
 *	batch_begin(p);
 *	batch_add(), batch_flags(), batch_expunge() ...
 *	batch_commit() or batch_abort()
 *
 * All return 0, or -1 with errno; after a -1 call batch_abort(), which
 * leaves errno as it is.
 */
#ifndef BATCH_H
#define BATCH_H

#include "imapd/account.h"
#include "imapd/view.h"

#define BATCH_MAX	500		/* messages; more is staged */

int		 batch_begin(struct part *);
/* Something else of it is new: it takes a modseq. */
int		 batch_touch(struct mailbox *);
/*
 * A message; r needs flags, keywords, date, zone, body, email, size.  Gets uid,
 * modseq and saved.  The body's reference is the caller's doing.
 */
int		 batch_add(struct mailbox *, struct msgrec *r);
/* Those of a stage, whose records are written: see stage.h. */
int		 batch_staged(struct mailbox *, const struct msgrec *,
		    size_t n);
/* flags and keywords of r are new, old is what stands in the index now.  r
 * gets a new modseq.  author: told otherwise, see view_flags(). */
int		 batch_flags(struct mailbox *, const struct msgrec *old,
		    struct msgrec *r, uint32_t author);
/* Drops its reference too, unless another session but self counts it. */
int		 batch_expunge(struct mailbox *, const struct msgrec *,
		    const struct seen *self);
/*
 * A command that removes messages of this mailbox in one batch after another:
 * before is the modseq of its last one, 0 at first.  Its record of what vanished
 * goes on, so that a long command leaves no more of them than a short one.
 */
void		 batch_again(const struct mailbox *, uint64_t before);
/* Memory follows; the reply waits for the mailbox's seq. */
int		 batch_commit(void);
void		 batch_abort(void);

#endif
