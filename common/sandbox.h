/*
 * The cage of a role: what a process gives up before it hears from anyone.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <sys/types.h>
#include "conf.h"
#include "imsg.h"

/*
 * Enter the cage of a role and prove it.  privileged: the suite runs as root, so
 * chroot and a user of its own are possible.  Whatever the role needs from the
 * outside must be open by now; afterwards its directory, if it has one, is "."
 * (authd(8) has the table).  No thread may have been started.
 *
 * Returns 0, or -1 after logging the step that failed.
 */
int	 sandbox_enter(enum role, const struct conf *, int privileged,
	    unsigned instance);

/* The directory of a role below the state directory: "auth", "queue", "mail";
 * "empty" for those without files.  NULL for the parent. */
const char	*sandbox_directory(enum role);

/*
 * The ids of a user by name or number.  A number alone is its group too.
 * 0, or -1 when there is no such user, or it is root.
 */
int	 sandbox_user(const char *name, uid_t *, gid_t *);

/* Octets of the largest file a role may write; UINT64_MAX: no limit. */
uint64_t sandbox_file_limit(enum role, const struct conf *);

#endif
