/*
 * Flags of messages by name: those of the system, RFC 3501 section 2.3.2, and a
 * mailbox's keywords.
 */
#ifndef FLAGS_H
#define FLAGS_H

#include "imapd/account.h"

/* MF_SEEN and so on, in any case of letters; 0: it is none of the system's. */
uint32_t	 flag_bit(struct span name);
/* Append each behind sp, that is "" or " ": what stands before the next one. */
const char	*flags_write(struct buf *, uint32_t flags, const char *sp);
const char	*keywords_write(struct buf *, const struct mailbox *,
		    uint64_t keywords, const char *sp);

#endif
