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
/* An identity as RFC 8474 section 7 has it: a letter for what it is of, and 16
 * hexadecimal digits. */
#define OBJECTID_MAILBOX	'F'
#define OBJECTID_EMAIL		'M'
void	 objectid_write(struct buf *, int kind, uint64_t);
/* The number of one of that kind; 0: it is none of ours. */
uint64_t objectid_read(struct span, int kind);
/* A mailbox name, UTF-8 in: modified UTF-7, or quoted UTF-8 when utf8. */
void	 mailbox_write(struct buf *, struct span, int utf8);

#endif
