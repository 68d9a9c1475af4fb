/*
 * Where a section of FETCH is: octets of the message as it was stored, or
 * fields that are kept ready.
 */
#ifndef SECTION_H
#define SECTION_H

#include "imapd/parse/fetch.h"
#include "imapd/ready.h"
#include "mime.h"

/*
 * Of a message of size octets; the tree is needed only when the section has
 * part numbers.  FIELDS and FIELDS_NOT: the header that they are taken from.
 * 0, or -1: there is no such part.
 */
int	 section_range(const struct section *, const struct ready *,
	    const struct mime *tree, uint64_t size, struct mime_range *);
/* Are all its fields among those that are kept ready? */
int	 section_ready(const struct section *, const struct ready *);
/* What a <partial> leaves of the octets from at to end. */
void	 section_window(const struct section *, uint64_t *at, uint64_t *end);

#endif
