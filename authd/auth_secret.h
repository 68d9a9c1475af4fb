/*
 * Secrets for logging in to other servers, by name; and the strongest mechanism
 * that ever let each transport in.  Functions return 0 or -1 with errno, ENOENT
 * when there is none; writes belong to the open command.
 */
#ifndef AUTH_SECRET_H
#define AUTH_SECRET_H

#include <stdint.h>

#include "authd/auth_userdb.h"
#include "sasl.h"

#define SECRET_NAME	64	/* octets */
#define SECRET_TEXT	1024	/* of user and of password, each */

/* Wipe both with buf_freezero(). */
struct secret {
	struct buf	 user, password;
	uint64_t	 created;
};

int	 secret_get(struct userdb *, struct span name, struct secret *);
void	 secret_wipe(struct secret *);
/* Nothing weaker than this; SASL_MECHS: nothing known. */
enum sasl_mech	 secret_floor(struct userdb *, const char *transport);
int	 secret_set_floor(struct userdb *, const char *transport,
	    enum sasl_mech);

#endif
