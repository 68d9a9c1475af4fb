/*
 * Opening an environment: the directory and its lock, the reserve file,
 * recovery, databases, the version of what they hold; and closing it.
 */
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dbenv_int.h"

#define MAX_LOCKS	(4 * 1024 * 1024)
#define LOCK_TABLE	65536	/* else it grows with MAX_LOCKS, all of it touched */
#define CACHE_BUCKETS	32768	/* at most; Berkeley DB's own choice for a */
#define CACHE_MUTEXES	4096	/* cache of 2 GiB takes 0.7 s of each start */
#define MUTEXES		20000	/* at first; each page in the cache has one */
#define MORE_MUTEXES	1000000	/* beside those of pages, at most */
#define SCHEMA_KEY	"version"
#define DBERR_LINES	6	/* of Berkeley DB's for the log, in so many */
#define DBERR_SECONDS	10	/* seconds */

/* As root: who we were, and the user whose files these are. */
struct who {
	uid_t	 uid;
	gid_t	 gid;
	int	 changed;
};

static int
become(const struct dbenv_conf *c, struct who *w)
{
	w->uid = geteuid();
	w->gid = getegid();
	w->changed = 0;
	if (w->uid != 0 || c->uid == 0)
		return (0);
	if (setegid(c->gid) == -1)
		return (-1);
	if (seteuid(c->uid) == -1) {
		if (setegid(w->gid) == -1)
			abort();
		return (-1);
	}
	w->changed = 1;
	return (0);
}

static void
unbecome(const struct who *w)
{
	/* going on as somebody else would be worse than not going on */
	if (w->changed && (seteuid(w->uid) == -1 || setegid(w->gid) == -1))
		abort();
}

static void
on_dberr(const DB_ENV *e, const char *pfx, const char *msg)
{
	struct dbenv	*env = e->app_private;
	struct timespec	 now;
	char		*s;
	unsigned int	 n;

	(void)pfx;
	s = strdup(msg);
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	pthread_mutex_lock(&env->mtx);
	/* what it panics of says more than that it does */
	if (strstr(msg, "PANIC:") != NULL && env->dberr != NULL &&
	    pthread_equal(env->dberr_by, pthread_self()))
		free(s);
	else {
		free(env->dberr);
		env->dberr = s;
		env->dberr_by = pthread_self();
	}
	/* a failing disk says so for every page */
	if (now.tv_sec - env->dberr_since >= DBERR_SECONDS) {
		env->dberr_since = now.tv_sec;
		env->dberr_lines = 0;
	}
	n = env->dberr_lines++;
	pthread_mutex_unlock(&env->mtx);
	if (n < DBERR_LINES)
		dbenv_line(env, DBENV_LOG_WARN, "%s: Berkeley DB: %s",
		    env->home, msg);
}

static void
on_event(DB_ENV *e, uint32_t what, void *info)
{
	struct dbenv	*env = e->app_private;
	struct buf	 why = { 0 };

	(void)info;
	if (what != DB_EVENT_PANIC)
		return;
	(void)buf_adds(&why, DBENV_PANIC);
	pthread_mutex_lock(&env->mtx);
	if (env->dberr != NULL &&
	    pthread_equal(env->dberr_by, pthread_self()))
		(void)buf_addf(&why, ": %s", env->dberr);
	pthread_mutex_unlock(&env->mtx);
	dbenv_lost(env, buf_failed(&why) ? DBENV_PANIC : buf_cstr(&why));
	buf_free(&why);
}

/* The directory: made, ours, closed to others, local, without DB_CONFIG. */
static int
check_dir(struct dbenv *env)
{
	struct stat	 st;

	if (fstat(env->dirfd, &st) == -1)
		return (dbenv_fail(env, errno, "fstat"));
	if (st.st_uid != geteuid())
		return (dbenv_fail(env, EPERM, "belongs to user %u, not to %u",
		    (unsigned int)st.st_uid, (unsigned int)geteuid()));
	if ((st.st_mode & 077) != 0 && fchmod(env->dirfd, 0700) == -1)
		return (dbenv_fail(env, errno, "fchmod"));
	switch (dbenv_network_fs(env->dirfd)) {
	case -1:
		return (dbenv_fail(env, errno, "fstatfs"));
	case 1:
		return (dbenv_fail(env, ENOTSUP, "a network file system"));
	}
	if (faccessat(env->dirfd, "DB_CONFIG", F_OK, 0) == 0)
		return (dbenv_fail(env, EPERM,
		    "holds a DB_CONFIG file, which is not used here"));
	return (0);
}

static int
lock_dir(struct dbenv *env)
{
	const struct timespec	 nap = { 0, 50 * 1000 * 1000 };
	unsigned int		 i, n;

	n = (env->conf.lock_wait_s == 0 ? LOCK_WAIT : env->conf.lock_wait_s) *
	    20;
	for (i = 0; flock(env->dirfd, LOCK_EX | LOCK_NB) == -1; i++) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return (dbenv_fail(env, errno, "flock"));
		if (i == 0)
			dbenv_line(env, DBENV_LOG_INFO, "%s: in use, waiting",
			    env->home);
		if (i >= n)
			return (dbenv_fail(env, EAGAIN,
			    "in use by another process"));
		nanosleep(&nap, NULL);
	}
	return (0);
}

static int
make_env(struct dbenv *env)
{
	uint32_t	 log = env->conf.log_file, buckets;
	size_t		 pages;
	DB_ENV		*e;
	int		 r;

	if ((r = db_env_create(&env->e, 0)) != 0) {
		env->e = NULL;
		return (r);
	}
	e = env->e;
	pages = env->conf.cache / DBENV_PAGE;
	buckets = pages < CACHE_BUCKETS ? (uint32_t)pages : CACHE_BUCKETS;
	e->app_private = env;
	e->set_errcall(e, on_dberr);
	e->set_msgcall(e, NULL);
	if ((r = e->set_event_notify(e, on_event)) != 0 ||
	    (r = e->set_tmp_dir(e, ".")) != 0 ||
	    (r = e->set_cachesize(e, (uint32_t)(env->conf.cache >> 30),
	    (uint32_t)(env->conf.cache & ((1U << 30) - 1)), 1)) != 0 ||
	    (r = e->set_lg_max(e, log)) != 0 ||
	    (r = e->set_lg_bsize(e, log / 4 < LOG_BUFFER ? log / 4 :
	    LOG_BUFFER)) != 0 ||
	    (r = e->set_mp_tablesize(e, buckets)) != 0 ||
	    (r = e->set_mp_mtxcount(e, CACHE_MUTEXES)) != 0 ||
	    (r = e->mutex_set_init(e, MUTEXES)) != 0 ||
	    (r = e->mutex_set_max(e, 2 * (uint32_t)pages +
	    MORE_MUTEXES)) != 0 ||
	    (r = e->set_lk_max_locks(e, MAX_LOCKS)) != 0 ||
	    (r = e->set_lk_max_objects(e, MAX_LOCKS)) != 0 ||
	    (r = e->set_lk_tablesize(e, LOCK_TABLE)) != 0 ||
	    (r = e->set_lk_max_lockers(e, 1000)) != 0 ||
	    (r = e->log_set_config(e, DB_LOG_AUTO_REMOVE, 0)) != 0)
		return (r);
	return (e->open(e, env->home, DB_CREATE | DB_PRIVATE | DB_THREAD |
	    DB_INIT_LOCK | DB_INIT_LOG | DB_INIT_MPOOL | DB_INIT_TXN |
	    (faccessat(env->dirfd, RESTORED_NAME, F_OK, 0) == 0 ?
	    DB_RECOVER_FATAL : DB_RECOVER), 0600));
}

static void
drop_env(struct dbenv *env)
{
	if (env->e != NULL)
		env->e->close(env->e, 0);
	env->e = NULL;
	/* what it said of itself went with it */
	free(env->lost);
	env->lost = NULL;
}

/* Only writing tells: after an error of the disk statvfs() does not. */
static int
is_readonly(struct dbenv *env)
{
	int	 fd;

	fd = openat(env->dirfd, PROBE_NAME,
	    O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return (errno == EROFS);
	close(fd);
	return (unlinkat(env->dirfd, PROBE_NAME, 0) == -1 && errno == EROFS);
}

static int
space_is_low(struct dbenv *env)
{
	struct statvfs	 sv;

	return (fstatvfs(env->dirfd, &sv) == 0 &&
	    (uint64_t)sv.f_bavail * sv.f_frsize <
	    env->conf.margin + 2ULL * env->conf.log_file);
}

/* Give up the reserve file: 1, or 0 there is none. */
int
dbenv_reserve_free(struct dbenv *env)
{
	if (unlinkat(env->dirfd, RESERVE_NAME, 0) == -1)
		return (0);
	dbenv_line(env, DBENV_LOG_WARN,
	    "%s: disk full, going on with the reserve file's space", env->home);
	return (1);
}

/*
 * Berkeley DB reports a full disk in several ways, so any failure with little
 * space left is taken for one.
 */
static int
recover(struct dbenv *env)
{
	int	 r;

	if (is_readonly(env))	/* else it looks like damage */
		return (dbenv_fail(env, EROFS, "its file system is "
		    "read-only"));
	if ((r = make_env(env)) == 0)
		return (0);
	drop_env(env);
	if (!space_is_low(env))
		return (dbenv_fail(env, dbenv_errno(r), "recovery"));
	if (dbenv_reserve_free(env)) {
		if ((r = make_env(env)) == 0)
			return (0);
		drop_env(env);
	}
	return (dbenv_fail(env, ENOSPC, "recovery needs space"));
}

/* The reserve file is made when there is plenty of space, else next time. */
static void
make_reserve(struct dbenv *env)
{
	struct statvfs	 sv;
	int		 fd;

	if (faccessat(env->dirfd, RESERVE_NAME, F_OK, 0) == 0)
		return;
	if (fstatvfs(env->dirfd, &sv) == -1 ||
	    (uint64_t)sv.f_bavail * sv.f_frsize < env->conf.margin +
	    2ULL * env->conf.log_file + env->conf.reserve)
		return;
	fd = openat(env->dirfd, RESERVE_NAME,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return;
	if (posix_fallocate(fd, 0, (off_t)env->conf.reserve) != 0)
		unlinkat(env->dirfd, RESERVE_NAME, 0);
	close(fd);
}

static int
defaults(struct dbenv *env, const struct dbenv_conf *conf)
{
	struct dbenv_conf	*c = &env->conf;

	*c = *conf;
	if (conf->home == NULL || conf->home[0] == '\0')
		return (EINVAL);
	if ((env->home = strdup(conf->home)) == NULL)
		return (ENOMEM);
	c->home = env->home;
	if (c->cache == 0)
		c->cache = CACHE_DEFAULT;
	if (c->log_file == 0)
		c->log_file = DBENV_LOG_FILE;
	if (c->checkpoint == 0)
		c->checkpoint = CKPT_OCTETS;
	if (c->checkpoint_s == 0)
		c->checkpoint_s = CKPT_SECONDS;
	if (c->margin == 0)
		c->margin = MARGIN_DEFAULT;
	if (c->reserve == 0)
		c->reserve = 2ULL * c->log_file;
	return (0);
}

static struct dbenv *
new_env(void)
{
	struct dbenv		*env;
	pthread_condattr_t	 ca;

	if ((env = calloc(1, sizeof(*env))) == NULL)
		return (NULL);
	env->dirfd = env->evfd = -1;
	env->waits_tail = &env->waits;
	env->jobs_tail = &env->jobs;
	env->ends_tail = &env->ends;
	env->lines_tail = &env->lines;
	pthread_mutex_init(&env->mtx, NULL);
	pthread_mutex_init(&env->arch_mtx, NULL);
	pthread_condattr_init(&ca);
	pthread_condattr_setclock(&ca, CLOCK_MONOTONIC);
	pthread_cond_init(&env->flush_cond, &ca);
	pthread_cond_init(&env->keep_cond, &ca);
	pthread_cond_init(&env->job_cond, &ca);
	pthread_cond_init(&env->gate_cond, &ca);
	pthread_condattr_destroy(&ca);
	return (env);
}

static void
free_env(struct dbenv *env)
{
	struct dbenv_db	*db;

	while ((db = env->dbs) != NULL) {
		env->dbs = db->next;
		if (db->db != NULL)
			db->db->close(db->db, 0);
		free(db->name);
		free(db->val);
		free(db);
	}
	drop_env(env);
	dbenv_lines(env);
	if (env->evfd != -1)
		close(env->evfd);
	if (env->dirfd != -1)
		close(env->dirfd);
	pthread_mutex_destroy(&env->mtx);
	pthread_mutex_destroy(&env->arch_mtx);
	pthread_cond_destroy(&env->flush_cond);
	pthread_cond_destroy(&env->keep_cond);
	pthread_cond_destroy(&env->job_cond);
	pthread_cond_destroy(&env->gate_cond);
	buf_free(&env->scratch);
	buf_free(&env->error);
	free(env->dberr);
	free(env->lost);
	free(env->home);
	free(env);
}

/* Databases are opened by name: the lock is on what that name means, also when
 * another took its place while the lock was waited for (letterctl compact). */
static int
hold_dir(struct dbenv *env)
{
	struct stat	 a, b;

	do {
		if (env->dirfd != -1)
			close(env->dirfd);
		env->dirfd = open(env->home, O_RDONLY | O_DIRECTORY |
		    O_CLOEXEC);
		if (env->dirfd == -1)
			return (dbenv_fail(env, errno, "open"));
		if (check_dir(env) == -1 || lock_dir(env) == -1)
			return (-1);
		if (fstat(env->dirfd, &a) == -1 || stat(env->home, &b) == -1)
			return (dbenv_fail(env, errno, "stat"));
	} while (a.st_dev != b.st_dev || a.st_ino != b.st_ino);
	return (0);
}

/* As the user whose it is: everything that touches files. */
static int
open_inside(struct dbenv *env)
{
	if (hold_dir(env) == -1 || recover(env) == -1)
		return (-1);
	dbenv_boot_read(env);
	make_reserve(env);
	if ((env->schema = dbenv_db(env, SCHEMA_NAME, 0)) == NULL)
		return (-1);
	if (dbenv_flush_now(env) == -1 || fsync(env->dirfd) == -1)
		return (dbenv_fail(env, errno, "fsync"));
	if (unlinkat(env->dirfd, RESTORED_NAME, 0) == -1 && errno != ENOENT)
		return (dbenv_fail(env, errno, RESTORED_NAME));
	return (0);
}

int
dbenv_open(const struct dbenv_conf *conf, struct dbenv **out, struct buf *why)
{
	struct dbenv	*env;
	struct who	 w;
	int		 e, r = -1;

	*out = NULL;
	if ((env = new_env()) == NULL)
		return (-1);
	if ((e = defaults(env, conf)) != 0) {
		dbenv_fail(env, e, "home");
		goto done;
	}
	env->evfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (env->evfd == -1) {
		dbenv_fail(env, errno, "eventfd");
		goto done;
	}
	if (mkdir(env->home, 0700) == 0) {
		if (geteuid() == 0 && env->conf.uid != 0 &&
		    chown(env->home, env->conf.uid, env->conf.gid) == -1) {
			dbenv_fail(env, errno, "chown");
			goto done;
		}
	} else if (errno != EEXIST) {
		dbenv_fail(env, errno, "mkdir");
		goto done;
	}
	if (become(&env->conf, &w) == -1) {
		dbenv_fail(env, errno, "becoming user %u",
		    (unsigned int)env->conf.uid);
		goto done;
	}
	r = open_inside(env);
	unbecome(&w);
done:
	if (r == 0) {
		dbenv_space_check(env);
		*out = env;
		return (0);
	}
	e = errno;
	if (why != NULL)
		buf_adds(why, dbenv_error(env));
	free_env(env);
	errno = e;
	return (-1);
}

void
dbenv_close(struct dbenv *env)
{
	if (env == NULL)
		return;
	if (env->in_cmd)
		dbenv_abort(env);
	dbenv_turn_end(env);
	dbenv_stop(env);
	dbenv_flush_now(env);
	dbenv_job_ends(env);
	dbenv_turn_end(env);	/* what they wrote; the backup waits for it */
	dbenv_flush_now(env);
	dbenv_backup_end(env);
	env->e->txn_checkpoint(env->e, 0, 0, 0);
	dbenv_remove_logs(env);
	free_env(env);
}

/* A database's file is made as the user whose it is, as in dbenv_open(). */
struct dbenv_db *
dbenv_db(struct dbenv *env, const char *name, int flags)
{
	struct dbenv_db	*db, **p;
	struct buf	 file = { 0 };
	struct who	 w;
	int		 r;

	if (env->started) {
		dbenv_fail(env, EINVAL, "%s: opened too late", name);
		return (NULL);
	}
	if ((db = calloc(1, sizeof(*db))) == NULL ||
	    (db->name = strdup(name)) == NULL ||
	    buf_addf(&file, "%s.db", name) == -1) {
		r = ENOMEM;
		goto fail;
	}
	db->env = env;
	if (become(&env->conf, &w) == -1) {
		r = errno;
		goto fail;
	}
	if ((r = db_create(&db->db, env->e, 0)) != 0)
		db->db = NULL;
	else if ((r = db->db->set_pagesize(db->db, DBENV_PAGE)) == 0 &&
	    ((flags & DBENV_NOSUM) != 0 ||
	    (r = db->db->set_flags(db->db, DB_CHKSUM)) == 0))
		r = db->db->open(db->db, NULL, buf_cstr(&file), NULL, DB_BTREE,
		    DB_CREATE | DB_THREAD | DB_AUTO_COMMIT, 0600);
	/* Large values leave the cache first, else whoever reads them drives
	 * out all that is small and read often. */
	if (r == 0 && (flags & DBENV_NOSUM) != 0)
		r = db->db->set_priority(db->db, DB_PRIORITY_VERY_LOW);
	unbecome(&w);
	if (r != 0)
		goto fail;
	buf_free(&file);
	for (p = &env->dbs; *p != NULL; p = &(*p)->next)
		;
	*p = db;
	return (db);
fail:
	dbenv_fail(env, dbenv_errno(r), "%s: open", name);
	if (db != NULL) {
		if (db->db != NULL)
			db->db->close(db->db, 0);
		free(db->name);
	}
	free(db);
	buf_free(&file);
	errno = dbenv_errno(r);
	return (NULL);
}

int
dbenv_is_salvaged(const struct dbenv *env)
{
	return (faccessat(env->dirfd, DBENV_SALVAGED, F_OK, 0) == 0);
}

/* What was made to agree is on disk before the word of it goes. */
int
dbenv_salvaged_done(struct dbenv *env)
{
	if (dbenv_turn_end(env) == -1)
		return (-1);
	if (dbenv_flush_now(env) == -1 ||
	    (unlinkat(env->dirfd, DBENV_SALVAGED, 0) == -1 && errno != ENOENT))
		return (dbenv_fail(env, errno, DBENV_SALVAGED));
	return (0);
}

struct dbenv_db *
dbenv_db_next(struct dbenv *env, struct dbenv_db *db)
{
	return (db == NULL ? env->dbs : db->next);
}

const char *
dbenv_db_name(const struct dbenv_db *db)
{
	return (db->name);
}

struct dbenv *
dbenv_db_env(const struct dbenv_db *db)
{
	return (db->env);
}

static int
put_version(struct dbenv *env, uint32_t now)
{
	uint8_t	 v[4] = { now >> 24, now >> 16 & 255, now >> 8 & 255,
		    now & 255 };

	return (dbenv_put(env->schema, span_str(SCHEMA_KEY),
	    span_of(v, sizeof(v))));
}

int
dbenv_schema(struct dbenv *env, uint32_t now,
    int (*upgrade)(struct dbenv *, uint32_t, void *), void *arg)
{
	struct span	 v;
	uint32_t	 have = now;

	if (dbenv_get(env->schema, span_str(SCHEMA_KEY), &v) == 0) {
		if (span_get_u32(&v, &have) == -1 || v.n != 0)
			return (dbenv_fail(env, EPROTO, "schema: bad record"));
		if (have == now)
			return (0);
	} else if (errno != ENOENT)
		return (-1);
	if (have > now)
		return (dbenv_fail(env, EPROTO, "is of version %u, this "
		    "program knows %u: start the newer one", have, now));
	if (have < now && upgrade == NULL)
		return (dbenv_fail(env, EPROTO,
		    "is of version %u, which is no longer read", have));
	if (dbenv_begin(env) == -1)
		return (-1);
	for (; have < now; have++) {
		if (upgrade(env, have, arg) == -1) {
			dbenv_abort(env);
			return (dbenv_fail(env, errno,
			    "upgrade from version %u", have));
		}
	}
	if (put_version(env, now) == -1) {
		dbenv_abort(env);
		return (-1);
	}
	if (dbenv_commit(env) == -1 || dbenv_turn_end(env) == -1)
		return (-1);
	if (dbenv_get(env->schema, span_str(SCHEMA_KEY), &v) == -1)
		return (dbenv_fail(env, EIO, "schema: not written"));
	return (0);
}
