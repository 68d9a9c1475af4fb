/*
 * The capabilities of IMAP that this suite has, in the order in which they are
 * announced, and those that an administrator switches off: a set of them is a
 * number with a bit each.
 */
#ifndef IMAPCAP_H
#define IMAPCAP_H

#include <stdint.h>
#include "buf.h"

enum imapcap_when {
	IMAPCAP_BEFORE,		/* announced before login alone */
	IMAPCAP_BOTH,
	IMAPCAP_AFTER,		/* announced after login alone */
	IMAPCAP_VALUED		/* after login, with a value, if there is one */
};

/*
 * One of them.  base names another one or is NULL: switched off, that takes
 * this one along.  commands are the commands that a session does not know
 * without it, with a space behind each, or NULL.
 */
struct imapcap {
	const char	*name;
	enum imapcap_when when;
	const char	*base;
	const char	*commands;
};

/* The bits of a name, of any case, and of what goes with it; 0: unknown. */
uint64_t	 imapcap_bits(struct span name);
/* Is this name, as it is written in the table, not in the set off? */
int		 imapcap_on(uint64_t off, const char *name);
/* Does a command, of any case, belong to one that is in the set off? */
int		 imapcap_no_command(uint64_t off, struct span command);
/* Add what is announced then, but for those in off, with a space before each. */
void		 imapcap_write(struct buf *, enum imapcap_when, uint64_t off);
/* Add the names of a set, with ", " between them. */
void		 imapcap_names(struct buf *, uint64_t set);

#endif
