/*
 * DATA as RFC 5321 has it, an octet at a time, nothing clever: what receive.c
 * must equal.  Looks at all input at once.
 */
#ifndef REFERENCE_H
#define REFERENCE_H

#include <string.h>

#include "buf.h"

/* Octets used up to and with the end, or 0 when there is none. */
static inline size_t
reference(const uint8_t *p, size_t n, struct buf *out, int *dirty)
{
	size_t	 i;
	int	 start = 1;	/* of a line */

	*dirty = 0;
	for (i = 0; i < n; i++) {
		if (start && n - i >= 3 && memcmp(p + i, ".\r\n", 3) == 0)
			return (i + 3);
		if (start && p[i] == '.') {
			start = 0;
			continue;
		}
		if (p[i] == '\0')
			*dirty = 1;
		if (p[i] == '\n' && (i == 0 || p[i - 1] != '\r'))
			*dirty = 1;
		if (p[i] == '\r' && i + 1 < n && p[i + 1] != '\n')
			*dirty = 1;
		buf_addc(out, p[i]);
		start = p[i] == '\n' && i > 0 && p[i - 1] == '\r';
	}
	return (0);
}

#endif
