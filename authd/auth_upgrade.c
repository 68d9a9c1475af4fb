/*
 * What is stored of a password follows the configuration.  A password that a
 * client just proved with PLAIN or LOGIN is the chance to store what is missing:
 * a verifier for CRAM-MD5 where a listener has that mechanism, keys with the
 * configured iterations.  That is done by a helper thread after the client was
 * answered.  Where no listener has CRAM-MD5 any more its verifiers are removed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authd/auth.h"
#include "log.h"

#define WALK_AT_ONCE	200	/* accounts in a go */
#define NAMES_MAX	1000	/* octets of names in a line of the log */
#define UPGRADES_MAX	64	/* under way */

struct upgrade {
	LIST_ENTRY(upgrade)	 entry;
	struct dbenv_job	 job;
	uint64_t		 account, serial;
	struct buf		 password;
	uint32_t		 iterations;	/* 0: the keys stay */
	struct scram_secret	 secrets[SCRAM_HASHES];
	struct sasl_cram_secret	 cram;
	int			 ok;
};

static LIST_HEAD(, upgrade)	 upgrades = LIST_HEAD_INITIALIZER(upgrades);
static size_t			 nupgrades;

/* A walk over all accounts, when listeners change. */
static struct {
	struct event	 go;
	uint64_t	 next;
	uint64_t	 n;		/* missing, or removed */
	struct buf	 names;
	int		 listed;	/* as the last walk began; -1: none did */
} walk = { .listed = -1 };

static void	 upgrade_free(struct upgrade *);
static void	 derive(struct dbenv_job *);
static void	 derived(struct dbenv_job *);
static int	 store(const struct upgrade *);
static int	 walk_account(const struct account *);
static void	 walk_end(void);
static void	 on_walk(evutil_socket_t, short, void *);

int
upgrade_cram_served(void)
{
	CONF_EACH(const struct conf_listener, l, &proc_conf()->listeners)
		if ((l->mechs & SASL_BIT(SASL_MECH_CRAM_MD5)) != 0)
			return (1);
	return (0);
}

/* ---- at a login ------------------------------------------------------------ */

static void
upgrade_free(struct upgrade *g)
{
	LIST_REMOVE(g, entry);
	nupgrades--;
	buf_freezero(&g->password);
	explicit_bzero(g, sizeof(*g));
	free(g);
}

static void
derive(struct dbenv_job *j)
{
	struct upgrade	*g = j->arg;
	int		 h;

	g->ok = sasl_cram_derive(&g->cram, span_buf(&g->password)) == 0;
	for (h = 0; g->iterations != 0 && h < SCRAM_HASHES; h++)
		if (scram_secret_new(&g->secrets[h], (enum scram_hash)h,
		    span_buf(&g->password), g->iterations) == -1)
			g->ok = 0;
}

static int
store(const struct upgrade *g)
{
	int	 h, rc = 0;

	if (dbenv_begin(auth.db.env) == -1)
		return (-1);
	if (upgrade_cram_served())
		rc = userdb_set_cram(&auth.db, g->account, &g->cram);
	for (h = 0; rc == 0 && g->iterations != 0 && h < SCRAM_HASHES; h++)
		rc = userdb_set_verifier(&auth.db, g->account, &g->secrets[h]);
	if (rc == -1) {
		dbenv_abort(auth.db.env);
		userdb_recount(&auth.db);
		return (-1);
	}
	if ((rc = dbenv_commit(auth.db.env)) == -1)
		userdb_recount(&auth.db);
	return (rc);
}

/* Unless the password was changed since. */
static void
derived(struct dbenv_job *j)
{
	struct upgrade	*g = j->arg;
	struct account	 a;

	if (g->ok && dbenv_writable(auth.db.env) &&
	    userdb_get(&auth.db, g->account, &a) == 0 &&
	    a.serial == g->serial) {
		if (store(g) == -1)
			log_warn("accounts: what is stored of the password of "
			    "%s stays as it was: %s", a.name,
			    dbenv_error(auth.db.env));
		else
			log_info("account %s: what is stored of its password "
			    "follows the configuration", a.name);
	}
	upgrade_free(g);
}

void
upgrade_consider(uint64_t account, uint64_t serial, struct span password)
{
	struct sasl_cram_secret	 cram;
	struct scram_secret	 s;
	struct upgrade		*g;
	uint32_t		 iterations = proc_conf()->iterations;
	int			 missing;

	missing = upgrade_cram_served() &&
	    userdb_cram(&auth.db, account, &cram) == -1 && errno == ENOENT;
	if (userdb_verifier(&auth.db, account, SCRAM_SHA_256, &s) == -1 ||
	    s.iterations == iterations)
		iterations = 0;
	explicit_bzero(&cram, sizeof(cram));
	explicit_bzero(&s, sizeof(s));
	if ((!missing && iterations == 0) || nupgrades >= UPGRADES_MAX)
		return;
	LIST_FOREACH(g, &upgrades, entry)
		if (g->account == account && g->serial == serial)
			return;
	if ((g = calloc(1, sizeof(*g))) == NULL)
		return;
	LIST_INSERT_HEAD(&upgrades, g, entry);
	nupgrades++;
	g->account = account;
	g->serial = serial;
	g->iterations = iterations;
	g->job.run = derive;
	g->job.done = derived;
	g->job.arg = g;
	if (buf_add_span(&g->password, password) == -1)
		upgrade_free(g);
	else
		dbenv_job(auth.db.env, &g->job);
}

/* ---- when listeners change --------------------------------------------------- */

/* 0, -1: stop here. */
static int
walk_account(const struct account *a)
{
	struct sasl_cram_secret	 cram;
	int			 rc;

	rc = userdb_cram(&auth.db, a->id, &cram);
	explicit_bzero(&cram, sizeof(cram));
	if (rc == -1 && errno != ENOENT)
		return (-1);
	if ((rc == 0) == walk.listed)
		return (0);
	walk.n++;
	if (walk.listed) {
		if (walk.names.n + strlen(a->name) < NAMES_MAX)
			buf_addf(&walk.names, " %s", a->name);
		else if (walk.names.n < NAMES_MAX)
			buf_adds(&walk.names, " ...");
		return (0);
	}
	if (dbenv_begin(auth.db.env) == -1)
		return (-1);
	if (userdb_set_cram(&auth.db, a->id, NULL) == -1) {
		dbenv_abort(auth.db.env);
		userdb_recount(&auth.db);
		return (-1);
	}
	return (dbenv_commit(auth.db.env));
}

static void
walk_end(void)
{
	if (walk.n > 0 && walk.listed)
		log_warn("%llu accounts have no verifier for CRAM-MD5 yet: it "
		    "is made at their next login with PLAIN or LOGIN, or with "
		    "a new password:%s", (unsigned long long)walk.n,
		    walk.names.n == 0 ? "" : buf_cstr(&walk.names));
	else if (walk.n > 0)
		log_info("no listener has CRAM-MD5: %llu verifiers removed",
		    (unsigned long long)walk.n);
	buf_free(&walk.names);
}

static void
on_walk(evutil_socket_t fd, short what, void *arg)
{
	struct account	 a;
	int		 i;

	(void)fd;
	(void)what;
	(void)arg;
	for (i = 0; i < WALK_AT_ONCE; i++) {
		if (userdb_next(&auth.db, walk.next, &a) == -1) {
			if (errno != ENOENT)
				log_warn("accounts: %s",
				    dbenv_error(auth.db.env));
			walk_end();
			return;
		}
		walk.next = a.id + 1;
		if (walk_account(&a) == -1) {
			log_warn("accounts: verifiers for CRAM-MD5: %s",
			    dbenv_error(auth.db.env));
			walk_end();
			return;
		}
	}
	event_active(&walk.go, EV_TIMEOUT, 0);
}

void
upgrade_settle(void)
{
	int	 listed = upgrade_cram_served();

	if (listed == walk.listed)
		return;
	if (walk.listed == -1)
		event_assign(&walk.go, proc_base(), -1, 0, on_walk, NULL);
	else if (listed)
		verify_forget();	/* to see passwords again */
	walk.listed = listed;
	walk.next = walk.n = 0;
	buf_free(&walk.names);
	event_active(&walk.go, EV_TIMEOUT, 0);
}
