/*
 * A backup as a stream: what a role writes into the descriptor that letterctl
 * gave it, and what letterctl makes files of.  A record is
 *
 *	ARCHIVE_OPEN	name		a file begins
 *	ARCHIVE_DATA	offset octets	of the open file
 *	ARCHIVE_CLOSE
 *	ARCHIVE_END	error		0, or errno: the copy is not whole
 *
 * with one octet for the kind, and strings and numbers as in buf.h.
 */
#ifndef ARCHIVE_H
#define ARCHIVE_H

#include "body.h"
#include "dbenv.h"
#include "msg.h"

#define ARCHIVE_CHUNK	65536		/* octets in one DATA, at most */
#define ARCHIVE_NAME	256		/* octets of a name, at most */

enum archive_kind { ARCHIVE_OPEN = 1, ARCHIVE_DATA, ARCHIVE_CLOSE,
    ARCHIVE_END };

/*
 * Answer an M_CTL request for a copy: body may be NULL.  Files are named
 * "dir/NAME".  Takes the descriptor of the message; answers now or when the copy
 * is done.  A role has one copy under way at a time.
 */
void	 archive_backup(struct peer *, struct imsg *, struct dbenv *,
	    struct body *, const char *dir);
/* The same of a role with several: next is the cursor that brings the next one
 * and is said when this one is done, "" after the last. */
void	 archive_backup_next(struct peer *, struct imsg *, struct dbenv *,
	    struct body *, const char *dir, const char *next);

#endif
