/*
 * Writing an environment anew that no process has open: what is damaged is left
 * out, and so is the room that removed records left behind.
 *
 * Records are read from the pages themselves, so nothing that is wrong with the
 * tree above them is in the way; each is believed for its own checksum (dbenv.h).
 * The environment is copied first and recovered in the copy; it is not written
 * to itself.
 */
#ifndef DBENV_SALVAGE_H
#define DBENV_SALVAGE_H

#include "dbenv.h"

struct dbenv_salvage {
	const char	*home;
	/* It, open.  Locked from here until the caller closes it: what takes its
	 * place has it then, and who waits for the lock sees that. */
	int		 dir;
	const char	*work;		/* an empty directory, to remove after it */
	const char	*into;		/* one on the same file system */
	int		 strict;	/* anything that is damaged ends it */
	/* A line for the administrator: this is lost. */
	void		(*say)(void *arg, const char *text);
	void		*arg;
	uint64_t	 records;	/* copied */
	uint64_t	 lost;		/* records and pages that were not */
	uint64_t	 octets[2];	/* of the databases: before and after */
};

/*
 * Copies.  Everything else that is in home is linked into the new one.  Blocks;
 * for programs that do nothing else.  0, or -1 with one line in why: EAGAIN: a
 * process has it open; EILSEQ: strict, and it is damaged.
 */
int	 dbenv_salvage(struct dbenv_salvage *, struct buf *why);
/* Remove a directory with all that is in it, 3 levels down: 0, or -1 with
 * errno. */
int	 dbenv_remove(const char *path);

#endif
