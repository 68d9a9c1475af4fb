/*
 * Strings in answers: quoted where that can be, else a literal, so that nothing
 * from outside is ever read as more than a string.
 */
#ifndef IMAP_WRITE_H
#define IMAP_WRITE_H

#include "buf.h"

void	 number_write(struct buf *, uint64_t);
void	 astring_write(struct buf *, struct span, int space_before);
void	 string_write(struct buf *, struct span);
/* A mailbox name, UTF-8 in: modified UTF-7, or quoted UTF-8 when utf8. */
void	 mailbox_write(struct buf *, struct span, int utf8);

#endif
