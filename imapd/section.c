/*
 * Sections of messages.  See section.h.
 */
#include "imapd/section.h"

int
section_range(const struct section *x, const struct ready *ready,
    const struct mime *tree, uint64_t size, struct mime_range *r)
{
	static const enum mime_section	 kinds[] = {
		[SECTION_ALL] = MIME_SECTION_ALL,
		[SECTION_HEADER] = MIME_SECTION_HEADER,
		[SECTION_FIELDS] = MIME_SECTION_HEADER,
		[SECTION_FIELDS_NOT] = MIME_SECTION_HEADER,
		[SECTION_TEXT] = MIME_SECTION_TEXT,
		[SECTION_MIME] = MIME_SECTION_MIME,
	};
	uint64_t	 header;

	if (x->nparts > 0) {
		if (mime_section(tree, x->part, x->nparts, kinds[x->kind],
		    r) == -1)
			return (-1);
		/* What was read from disk promises no more than there is. */
		if (r->at > size)
			r->at = size;
		if (r->n > size - r->at)
			r->n = size - r->at;
		return (0);
	}
	r->at = 0;
	r->n = size;
	if (x->kind == SECTION_ALL)
		return (0);
	header = ready->header < size ? ready->header : size;
	if (x->kind == SECTION_TEXT) {
		r->at = header;
		r->n -= header;
	} else
		r->n = header;
	return (0);
}

int
section_ready(const struct section *x, const struct ready *ready)
{
	size_t	 i;

	if (x->kind != SECTION_FIELDS || x->nparts > 0 ||
	    (ready->flags & READY_WHOLE) == 0)
		return (0);
	for (i = 0; i < x->nfields; i++)
		if (!ready_field(x->fields[i]))
			return (0);
	return (1);
}

void
section_window(const struct section *x, uint64_t *at, uint64_t *end)
{
	uint64_t	 n = *end - *at;

	if (!x->partial)
		return;
	if (x->offset >= n) {
		*at = *end;
		return;
	}
	*at += x->offset;
	if (x->length < *end - *at)
		*end = *at + x->length;
}
