/*
 * Nobody else's lock is in the way of a group: a backup opens each database
 * while groups take pages from it.  And where one is, the log says whose.
 */
#include "dbenv_int.h"
#include "dbtest.h"

#define DATABASES	8
#define BACKUPS		12
#define OLD		200		/* groups whose records go again */

static int	 undone, told, ended, error;

static void
on_log(void *arg, enum dbenv_level level, const char *text)
{
	dbtest_log(arg, level, text);
	told |= strstr(text, "taken.db") != NULL &&
	    strstr(text, "READ") != NULL && strstr(text, "HELD") != NULL;
}

static void
on_undone(void *arg, uint64_t seq, int e)
{
	(void)arg;
	(void)seq;
	undone++;
	error = e;
}

static int
bk_open(struct dbenv_backup *bk, const char *name)
{
	(void)bk;
	(void)name;
	return (0);
}

static int
bk_write(struct dbenv_backup *bk, uint64_t off, const void *p, size_t n)
{
	(void)bk;
	(void)off;
	(void)p;
	(void)n;
	return (0);
}

static void
bk_done(struct dbenv_backup *bk, int e)
{
	(void)bk;
	ended = 1;
	error = e;
}

/* One that needs pages of each database, and gives some back. */
static int
group(struct dbenv_db *const *dbs, unsigned n)
{
	static uint8_t	 val[3000];
	char		 key[16];
	unsigned	 i;
	int		 rc = 0;

	for (i = 0; i < DATABASES; i++) {
		snprintf(key, sizeof(key), "%08u", n);
		rc |= dbenv_put(dbs[i], span_str(key), span_of(val,
		    sizeof(val)));
		if (n < OLD)
			continue;
		snprintf(key, sizeof(key), "%08u", n - OLD);
		rc |= dbenv_del(dbs[i], span_str(key));
	}
	return (rc);
}

static void
backups(void)
{
	struct dbenv_conf	 c = dbtest_conf("live");
	struct dbenv_backup	 bk = { .open = bk_open, .write = bk_write,
				    .close = bk_open, .done = bk_done };
	struct dbenv		*env;
	struct dbenv_db		*dbs[DATABASES];
	char			 name[16];
	unsigned		 i, n = 0, bad = 0;

	c.undone = on_undone;
	env = dbtest_open(&c);
	for (i = 0; i < DATABASES; i++) {
		snprintf(name, sizeof(name), "data%u", i);
		dbs[i] = dbenv_db(env, name, 0);
	}
	dbenv_start(env);
	for (i = 0; i < BACKUPS; i++) {
		ended = 0;
		if (dbenv_backup(env, &bk) == -1)
			break;
		while (!ended) {
			bad += group(dbs, n++) != 0;
			dbtest_loop(env, NULL);
		}
		bad += error != 0;
	}
	CHECK(i == BACKUPS && bad == 0 && undone == 0,
	    "%u backups beside %u groups, %d of them undone", i, n, undone);
	dbenv_close(env);
}

/* A lock that is in the way. */
static void
taken(void)
{
	struct dbenv_conf	 c = dbtest_conf("taken");
	struct dbenv		*env;
	struct dbenv_db		*db;
	DB_LOCK_ILOCK		 page = { .type = DB_PAGE_LOCK };
	DB_LOCK			 lock;
	DBT			 o = { .data = &page, .size = sizeof(page) };
	uint32_t		 id;
	unsigned		 i;
	int			 rc;

	undone = 0;
	c.undone = on_undone;
	c.log = on_log;
	env = dbtest_open(&c);
	db = dbenv_db(env, "taken", 0);
	dbenv_start(env);
	memcpy(page.fileid, db->db->mpf->fileid, sizeof(page.fileid));
	CHECK(env->e->lock_id(env->e, &id) == 0 && env->e->lock_get(env->e, id,
	    DB_LOCK_NOWAIT, &o, DB_LOCK_READ, &lock) == 0, "the first page");
	for (i = 0, rc = 0; i < 10 && rc == 0; i++)
		rc = group((struct dbenv_db *[DATABASES]){ db, db, db, db, db,
		    db, db, db }, i);
	CHECK(rc == -1 && errno == EDEADLK, "a page is not to be had: %s",
	    dbenv_error(env));
	dbtest_loop(env, NULL);
	dbtest_loop(env, NULL);
	CHECK(undone == 1 && error == EDEADLK, "its group is undone");
	CHECK(told, "and who has it is in the log");
	CHECK(env->e->lock_put(env->e, &lock) == 0 && dbtest_put(db, "k",
	    "v") == 0 && dbtest_flush(env) == 0, "then all goes on");
	(void)env->e->lock_id_free(env->e, id);
	dbenv_close(env);
}

int
main(void)
{
	dbtest_begin();
	backups();
	taken();
	return (test_done());
}
