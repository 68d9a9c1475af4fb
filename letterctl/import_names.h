/*
 * What the mailboxes of another server are called here, and whose they are.
 */
#ifndef IMPORT_NAMES_H
#define IMPORT_NAMES_H

#include "imapd/parse/cursor.h"

/* What it answers to NAMESPACE, RFC 2342; what there is no room for is not kept. */
struct import_spaces {
	struct import_space {
		struct buf	 prefix;	/* of the names in it */
		int		 others;	/* not the account's own */
	}		 v[32];
	size_t		 n;
};

/* The answer, behind "NAMESPACE". */
void	 import_namespace(struct import_spaces *, struct cursor *);
/* Is a mailbox of another user, or of all?  The longest prefix says: some servers
 * have an empty one. */
int	 import_is_of_others(const struct import_spaces *, struct span name);
/* Its name here, UTF-8: without the account's first prefix, "/" between the levels.
 * The caller frees; NULL when there is no memory or it has a NUL. */
char	*import_local(const struct import_spaces *, struct span name,
	    int separator);
void	 import_spaces_free(struct import_spaces *);

#endif
