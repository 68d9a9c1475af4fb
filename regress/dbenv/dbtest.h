/*
 * What the tests of dbenv and body share: a directory that goes afterwards,
 * an environment with small limits, and a loop.
 */
#ifndef DBTEST_H
#define DBTEST_H

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dbenv.h"
#include "test.h"

static char	 dbtest_dir[64];

static inline int
dbtest_unlink(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return (remove(path));
}

static inline void
dbtest_clean(void)
{
	if (dbtest_dir[0] != '\0' && chdir("/") == 0)
		nftw(dbtest_dir, dbtest_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

/* Work in a new empty directory. */
static inline void
dbtest_begin(void)
{
	strcpy(dbtest_dir, "/tmp/dbtest.XXXXXX");
	if (mkdtemp(dbtest_dir) == NULL || chdir(dbtest_dir) == -1) {
		perror(dbtest_dir);
		exit(1);
	}
	atexit(dbtest_clean);
}

static inline void
dbtest_log(void *arg, enum dbenv_level level, const char *text)
{
	(void)arg;
	printf("# %s%s\n", level == DBENV_LOG_ERR ? "error: " : "", text);
}

static inline void
dbtest_fatal(void *arg, const char *text)
{
	(void)arg;
	printf("# fatal: %s\n", text);
	fflush(stdout);
	_exit(3);
}

static inline struct dbenv_conf
dbtest_conf(const char *home)
{
	struct dbenv_conf	 c = {
		.home = home, .cache = 4 << 20, .log_file = 1 << 20,
		.margin = 1 << 20, .reserve = 1 << 20, .lock_wait_s = 1,
		.log = dbtest_log, .fatal = dbtest_fatal,
	};

	return (c);
}

static inline struct dbenv *
dbtest_open(const struct dbenv_conf *conf)
{
	struct dbenv	*env;
	struct buf	 why = { 0 };

	if (dbenv_open(conf, &env, &why) == -1)
		printf("# %s\n", buf_cstr(&why));
	buf_free(&why);
	return (env);
}

static inline time_t
dbtest_now(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (t.tv_sec);
}

/* Turn the loop once, or until *flag is set (two minutes at most). */
static inline void
dbtest_loop(struct dbenv *env, const int *flag)
{
	struct pollfd	 p = { .fd = dbenv_fd(env), .events = POLLIN };
	time_t		 until = dbtest_now() + 120;

	dbenv_turn_end(env);
	while (flag == NULL || (!*flag && dbtest_now() < until)) {
		if (poll(&p, 1, flag == NULL ? 0 : 10) == 1)
			dbenv_notify(env);
		dbenv_turn_end(env);
		if (flag == NULL)
			break;
	}
}

struct dbtest_wait {
	struct dbenv_wait	 w;
	int			 called;
	int			 error;
};

static inline void
dbtest_done(struct dbenv_wait *w, int error)
{
	struct dbtest_wait	*t = w->arg;

	t->called = 1;
	t->error = error;
}

/* End the group and wait for its flush; returns its errno. */
static inline int
dbtest_flush(struct dbenv *env)
{
	struct dbtest_wait	 t = { .w.done = dbtest_done };

	t.w.arg = &t;
	if (dbenv_wait(env, dbenv_seq(env), &t.w) == 1)
		return (0);
	dbtest_loop(env, &t.called);
	if (!t.called) {
		dbenv_unwait(env, &t.w);
		return (ETIMEDOUT);
	}
	return (t.error);
}

static inline int
dbtest_put(struct dbenv_db *db, const char *k, const char *v)
{
	return (dbenv_put(db, span_str(k), span_str(v)));
}

/* Is this what is stored?  v NULL: nothing. */
static inline int
dbtest_is(struct dbenv_db *db, const char *k, const char *v)
{
	struct span	 got;

	if (dbenv_get(db, span_str(k), &got) == -1)
		return (v == NULL && errno == ENOENT);
	return (v != NULL && span_eqs(got, v));
}

#endif
