/*
 * Mailbox names: modified UTF-7 (RFC 3501 section 5.1.3) to UTF-8 and back,
 * and patterns of LIST.
 */
#ifndef IMAP_MUTF7_H
#define IMAP_MUTF7_H

#include "buf.h"

/*
 * Decode.  -1 unless the encoding is canonical: printable ASCII as itself, no
 * needless or adjacent shifts, no surrogate halves, no NUL, no bits left over.
 * So no mailbox has two names.
 */
int	 mutf7_decode(struct buf *, struct span);
/* Encode valid UTF-8; -1 when it is not. */
int	 mutf7_encode(struct buf *, struct span utf8);
/*
 * Does a pattern of LIST match: "*" anything, "%" anything but the separator.
 * Time and memory are bounded by the product of both lengths.
 */
int	 list_match(struct span pattern, struct span name, int separator);

#endif
