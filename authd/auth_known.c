/*
 * Whose an address is, remembered.  smtpd asks for each recipient, mostly for
 * the same few hundred.  What is remembered is what is on disk: while a write
 * is not flushed yet, and for the first question after it, the database is
 * read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authd/auth_address.h"
#include "authd/auth_userdb.h"

#define KNOWN	256	/* places; an address has one */

struct known {
	struct account	 account;
	int		 rc;			/* of userdb_at(), 0 or 1 */
	size_t		 n;			/* 0: nothing here */
	uint8_t		 address[CANON_MAX];
};

static struct known	*place(struct userdb *, struct span);
static int		 look_up(struct userdb *, struct span,
			    struct account *);

static int
look_up(struct userdb *u, struct span canonical, struct account *a)
{
	uint64_t	 id;

	if (userdb_address(u, canonical, &id) == 0 &&
	    userdb_get(u, id, a) == 0)
		return (0);
	return (errno == ENOENT ? 1 : -1);
}

/* NULL: nothing is remembered now. */
static struct known *
place(struct userdb *u, struct span canonical)
{
	uint64_t	 seq = dbenv_seq(u->env);

	if (seq != dbenv_flushed(u->env) || canonical.n == 0 ||
	    canonical.n > CANON_MAX)
		return (NULL);
	if (u->known == NULL || u->known_seq != seq) {
		free(u->known);
		u->known = calloc(KNOWN, sizeof(*u->known));
		u->known_seq = seq;
	}
	return (u->known == NULL ? NULL : &u->known[crc32c(0, canonical.p,
	    canonical.n) % KNOWN]);
}

int
userdb_at(struct userdb *u, struct span canonical, struct account *a)
{
	struct known	*k = place(u, canonical);

	if (k != NULL && k->n == canonical.n &&
	    memcmp(k->address, canonical.p, k->n) == 0) {
		*a = k->account;
		return (k->rc);
	}
	if (k == NULL)
		return (look_up(u, canonical, a));
	k->n = 0;
	memset(&k->account, 0, sizeof(k->account));
	if ((k->rc = look_up(u, canonical, &k->account)) == -1)
		return (-1);
	memcpy(k->address, canonical.p, canonical.n);
	k->n = canonical.n;
	*a = k->account;
	return (k->rc);
}
