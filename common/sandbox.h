/*
 * The cage of a role: what a process gives up before it hears from anyone.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

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

#endif
