/*
 * Flags of messages by name.  See flags.h.
 */
#include "imapd/flags.h"

/* In the order of their bits. */
static const char *const	 names[] = { "\\Seen", "\\Answered",
				    "\\Flagged", "\\Deleted", "\\Draft" };

uint32_t
flag_bit(struct span name)
{
	size_t	 i;

	for (i = 0; i < nitems(names); i++)
		if (span_caseeqs(name, names[i]))
			return (1u << i);
	return (0);
}

const char *
flags_write(struct buf *b, uint32_t flags, const char *sp)
{
	size_t	 i;

	for (i = 0; i < nitems(names); i++)
		if ((flags & 1u << i) != 0) {
			(void)buf_adds(b, sp);
			(void)buf_adds(b, names[i]);
			sp = " ";
		}
	return (sp);
}

const char *
keywords_write(struct buf *b, const struct mailbox *mb, uint64_t keywords,
    const char *sp)
{
	size_t	 i;

	for (i = 0; i < mb->nkeywords; i++)
		if ((keywords >> i & 1) != 0) {
			(void)buf_adds(b, sp);
			(void)buf_adds(b, mb->keywords[i]);
			sp = " ";
		}
	return (sp);
}
