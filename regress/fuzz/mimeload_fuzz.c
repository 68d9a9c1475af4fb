/*
 * A stored tree from a damaged disk: refused, or sane enough for everything
 * that is done with one.
 */
#include <stdint.h>
#include <stdlib.h>

#include "mime.h"
#include "text.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const uint32_t	 path[] = { 1, 2, 1, 1 };
	struct span		 msg = span_of(data, n);
	struct message_source	 src = { message_source_span, &msg };
	struct mime		*m;
	struct mime_range	 r;
	struct buf		 b = { 0 };
	uint32_t		 i;
	size_t			 k;
	int			 what;

	if ((m = mime_load(span_of(data, n))) == NULL)
		return (0);
	for (i = 0; i < m->nparts; i++)
		if (m->parts[i].header > m->parts[i].body ||
		    m->parts[i].body > m->parts[i].end ||
		    m->parts[i].end > m->size || (i > 0 &&
		    (m->parts[i].parent >= i || m->parts[i].end >
		    m->parts[m->parts[i].parent].end)))
			abort();
	for (k = 0; k <= 4; k++)
		for (what = 0; what <= MIME_SECTION_MIME; what++)
			if (mime_section(m, path, k, (enum mime_section)what,
			    &r) == 0 && r.at + r.n > m->size)
				abort();
	/* the source is shorter than the tree says */
	(void)text_find(m, &src, NULL, TEXT_SEARCH_TEXT, span_str("X"));
	(void)message_preview(&b, m, &src, NULL, 0);
	mime_save(&b, m);
	mime_free(m);
	buf_free(&b);
	return (0);
}
