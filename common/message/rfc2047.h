/*
 * Encoded words, RFC 2047 (and RFC 2231 section 5): text of header fields to
 * UTF-8 and back.
 */
#ifndef RFC2047_H
#define RFC2047_H

#include "buf.h"

struct charsets;

#define RFC2047_LINE	76	/* octets of a line of encoded words */

/*
 * Append the text of an unstructured field or a phrase, folded or not, as
 * UTF-8.  Neighbouring words in one charset are put together before they are
 * converted, so that a character cut in two survives.  What cannot be decoded
 * (unknown charset, bad encoding) stays as it stands; octets outside encoded
 * words that are not UTF-8 become U+FFFD.  CR, LF, NUL and other controls
 * never come out.  charsets NULL: those that need no iconv.
 * Returns as buf_add().
 */
int	 rfc2047_decode(struct buf *, struct span,
	    const struct charsets *);
/* The same, for comparing: octets that are not UTF-8 stay as they are. */
int	 rfc2047_decode_raw(struct buf *, struct span,
	    const struct charsets *);
/*
 * Append UTF-8 text for an unstructured field, ASCII as it is, else as encoded
 * words of at most 75 octets in lines folded by CRLF and a space; col is how
 * much of the first line is taken.  Controls become spaces.
 */
int	 rfc2047_encode(struct buf *, struct span utf8, size_t col);
/* The same as a display name: an atom, a quoted string, or encoded words. */
int	 rfc2047_encode_phrase(struct buf *, struct span utf8);

#endif
