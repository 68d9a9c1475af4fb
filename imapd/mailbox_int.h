/*
 * Between account.c and mailbox.c.
 */
#ifndef MAILBOX_INT_H
#define MAILBOX_INT_H

#include "imapd/account.h"

/* Writes, in the open command; memory is not touched but for uidvalidity. */
int	 account_write(struct account *);
int	 account_write_sub(struct account *, struct span name, int on);
int	 mailbox_write_new(struct account *, struct span name, uint32_t uses,
	    uint64_t *id);
int	 mailbox_put(const struct mailbox *, struct span name,
	    uint32_t uses, struct span new_keyword);

/* Memory. */
void	 mailbox_drop_keywords(struct mailbox *);
int	 mailbox_note_keyword(struct mailbox *, struct span);
/* Out of the list: freed, or left to the view that still holds it. */
void	 mailbox_detach(struct mailbox *);
void	 mailbox_free(struct mailbox *);

#endif
