/*
 * The base subject that threads and SORT go by, RFC 5256 section 2.1.
 */
#ifndef SUBJECT_H
#define SUBJECT_H

#include "buf.h"

/*
 * Append the base of a subject that is decoded already (rfc2047_decode()), not
 * folded for comparison (fold_text() does that).  *reply (may be NULL) is set
 * when "Re:", "Fwd:", "(fwd)" or "[Fwd: ...]" were taken off.  Linear.
 */
int	 subject_base(struct buf *, struct span utf8, int *reply);

#endif
