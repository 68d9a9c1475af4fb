/*
 * The credentials database: accounts, their addresses, password verifiers,
 * routes, the log of logins.  One Berkeley DB environment, owned by
 * "authd: auth" alone.  Databases and what a record of each is:
 *
 *	account		id		name, partition, state
 *	name		account name	id
 *	user		uid		id: whose mail a local user's is
 *	address		canonical	id of the account; "@domain": all others
 *	owner		id address	order in which the address came
 *	verifier	id hash		SCRAM keys of the password
 *	verifier	id 255		CRAM-MD5's state of it, which is as good as
 *					the password: only while a listener has
 *					that mechanism
 *	route		id		routes, one a line
 *	limits		id		what it may keep, auth_limits.c
 *	gone		id, partition	what that has of it is to be removed; its
 *					store was not told yet
 *	tlskey		fingerprint	a client's public key, auth_tlskey.h
 *	tlsowner	id fingerprint	nothing: whose it is
 *	tlscert		fingerprint	the certificate it came in, to be shown
 *	login		id digest	a login, tried or made
 *	logins		id		how many rows of it there are
 *	secrets		name		user and password at another server
 *	floors		transport	the strongest mechanism that let it in
 *	meta		word		"next": last id given; "salt": a secret
 *
 * Numbers in keys are in network order; an id is never given twice.  Functions
 * return 0 or -1 with errno, ENOENT when there is none.  Writes belong to the
 * open command, see dbenv.h.
 */
#ifndef AUTH_USERDB_H
#define AUTH_USERDB_H

#include <sys/types.h>
#include <stdint.h>

#include "buf.h"
#include "codec.h"
#include "dbenv.h"
#include "sasl.h"
#include "scram.h"

#define USERDB_SCHEMA	2
#define ACCOUNT_NAME	128	/* octets of a name */
#define ACCOUNT_TEXT	256	/* of why it is disabled */
#define ACCOUNT_ROUTES	8192	/* of all its routes */
#define ACCOUNT_ADDRESSES 10000	/* of one account */
#define PARTITIONS_MAX	100
#define ITERATIONS_MAX	16	/* different counts that are told apart */

struct userdb {
	struct dbenv		*env;
	struct dbenv_db		*account, *name, *user, *address, *owner,
				*verifier, *route, *limits, *gone, *login, *logins,
				*secrets, *floors, *meta, *tlskey, *tlsowner,
				*tlscert;
	uint8_t			 secret[32];	/* of invented salts */
	uint32_t		 load[PARTITIONS_MAX];	/* accounts in each */
	struct {
		uint32_t	 n, accounts;
	}			 iterations[ITERATIONS_MAX];	/* by n */
	struct known		*known;		/* auth_known.c; or NULL */
	uint64_t		 known_seq;	/* group that it is of */
};

struct account {
	uint64_t	 id;
	uint32_t	 partition;
	uint64_t	 created;
	uint64_t	 serial;	/* of the password, grows */
	uint64_t	 user;		/* uid + 1, or 0 */
	char		 name[ACCOUNT_NAME + 1];
	char		 disabled[ACCOUNT_TEXT + 1];
};

/* conf: as of dbenv_open(); home "." is the role's directory. */
int	 userdb_open(struct userdb *, const struct dbenv_conf *, struct buf *why);
void	 userdb_close(struct userdb *);
/* Writes were undone: what is counted in memory is counted anew. */
void	 userdb_recount(struct userdb *);

int	 userdb_get(struct userdb *, uint64_t id, struct account *);
int	 userdb_by_name(struct userdb *, struct span, struct account *);
int	 userdb_by_user(struct userdb *, uid_t, struct account *);
/* Whose address that is, exactly as it stands here. */
int	 userdb_address(struct userdb *, struct span canonical, uint64_t *id);
/* And that account, maybe remembered.  0, 1 nobody's, -1. */
int	 userdb_at(struct userdb *, struct span canonical, struct account *);
int	 userdb_verifier(struct userdb *, uint64_t id, enum scram_hash,
	    struct scram_secret *);
/* CRAM-MD5's; ENOENT: none is stored. */
int	 userdb_cram(struct userdb *, uint64_t id, struct sasl_cram_secret *);
/*
 * The iterations that a name without an account shows: some that accounts have,
 * as often as they have them, always the same for a name.  When all move to
 * another count, one by one, so do such names, once each.  otherwise: when there
 * are no accounts.
 */
uint32_t userdb_invented_iterations(const struct userdb *, struct span name,
	    uint32_t otherwise);
/* Lines, each with its newline; appended. */
int	 userdb_routes(struct userdb *, uint64_t id, struct buf *);

/* The name in the form in which names are stored, or -1: not a name. */
int	 userdb_name(struct span, struct buf *);
/* Which partition a new account goes to. */
uint32_t userdb_partition(const struct userdb *, uint32_t npartitions);

/* A new account; id, created and serial are set.  EEXIST. */
int	 userdb_add(struct userdb *, struct account *);
/* The record as it is now; name and partition do not change. */
int	 userdb_put(struct userdb *, const struct account *);
/* With all that belongs to it but the log of its logins; it is "gone" until its
 * store has been told. */
int	 userdb_remove(struct userdb *, const struct account *);
int	 userdb_set_verifier(struct userdb *, uint64_t id,
	    const struct scram_secret *);
/* NULL: it has none. */
int	 userdb_set_cram(struct userdb *, uint64_t id,
	    const struct sasl_cram_secret *);
int	 userdb_set_user(struct userdb *, struct account *, uint64_t user);
int	 userdb_set_routes(struct userdb *, uint64_t id, struct span);
/* EEXIST: it is somebody's already; EMLINK: too many. */
int	 userdb_add_address(struct userdb *, uint64_t id, struct span);
int	 userdb_del_address(struct userdb *, uint64_t id, struct span);
/*
 * The addresses of an account in the order in which they came, each with a NUL
 * behind it, at most max octets; 1 when there are more.
 */
int	 userdb_addresses(struct userdb *, uint64_t id, size_t max,
	    struct buf *);
/* The first of them that is not a whole domain's. */
int	 userdb_first_address(struct userdb *, uint64_t id, struct buf *);
/* Accounts by id: the next one at or after id. */
int	 userdb_next(struct userdb *, uint64_t id, struct account *);
/* The account is in another partition. */
int	 userdb_move(struct userdb *, struct account *, uint32_t partition);
/* What that partition has of it is to be removed; is that to be in any? */
int	 userdb_gone_add(struct userdb *, uint64_t id, uint32_t partition);
int	 userdb_gone_has(struct userdb *, uint64_t id);
/* Those whose store has not been told, at or after both. */
int	 userdb_gone_next(struct userdb *, uint64_t *id, uint32_t *partition);
int	 userdb_gone_done(struct userdb *, uint64_t id, uint32_t partition);

/* A record, decoded or encoded; what does not decode is EILSEQ, and logged. */
int	 userdb_read(struct dbenv_db *, struct span key, const struct codec *,
	    void *);
int	 userdb_write(struct dbenv_db *, struct span key, const struct codec *,
	    const void *);
/* Every record whose key begins so. */
int	 userdb_del_all(struct dbenv_db *, struct span prefix);

/* auth_userdb_verifier.c */
/* Count the iterations that are in use. */
int	 userdb_load_verifiers(struct userdb *);
int	 userdb_del_verifiers(struct userdb *, uint64_t id);

struct span	 key64(uint8_t k[8], uint64_t);
uint64_t	 unkey64(struct span);

#endif
