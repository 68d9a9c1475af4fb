/*
 * No more than so many messages in one command, RFC 9738: where an administrator
 * sets a limit.  Of more only the last ones are worked on, and the answer says
 * with which it began.
 */
#ifndef LIMITED_H
#define LIMITED_H

#include "imapd/targets.h"

/* The number that a command may work on, and that one may copy; 0: no limit. */
uint32_t	 limited_all(const struct session *);
uint32_t	 limited_copies(const struct session *);
/* Of more than that, keep the last ones. */
void		 limited_cut(struct session *, struct targets *);
/* NO, because it must be all or nothing; lowest: the UID at which one command
 * would have stopped, 0: not known. */
enum step	 limited_refuse(struct session *, uint32_t most,
		    uint32_t lowest);
/* What is to be said of it beside another code, untagged; and the tagged OK. */
void		 limited_tell(struct session *, const struct targets *);
enum step	 limited_reply(struct session *, const struct targets *);

#endif
