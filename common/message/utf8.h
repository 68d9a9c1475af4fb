/*
 * UTF-8, RFC 3629: one place that says what is well formed.
 */
#ifndef UTF8_H
#define UTF8_H

#include "buf.h"

/*
 * Octets of the well-formed sequence at the front, and its code point; 0:
 * malformed; -1: what is there is the beginning of one.
 */
int	 utf8_decode(struct span, uint32_t *);
int	 utf8_valid(struct span);
/* Append a code point; one that cannot be becomes U+FFFD. */
int	 utf8_add(struct buf *, uint32_t);
/* Append s; each octet that is in no well-formed sequence becomes U+FFFD. */
int	 utf8_add_clean(struct buf *, struct span);
/* The longest front of s that has at most n octets and cuts no sequence. */
size_t	 utf8_cut(struct span, size_t n);

#endif
