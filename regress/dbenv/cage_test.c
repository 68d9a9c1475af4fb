/*
 * Opened as root for another user, then caged: chroot into the directory, the
 * user, no descriptor of the outside; log files begun and removed, a group
 * undone, a backup and a new start inside.
 */
#include <sys/wait.h>

#include <grp.h>

#include "body.h"
#include "dbtest.h"

#define USER	54321

static int
mine(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)type;
	(void)f;
	if (st->st_uid != USER || (st->st_mode & 077) != 0) {
		printf("# %s: uid %u, mode %o\n", path,
		    (unsigned int)st->st_uid, (unsigned int)st->st_mode);
		return (1);
	}
	return (0);
}

static int	 ended;

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
bk_done(struct dbenv_backup *bk, int error)
{
	(void)bk;
	ended = error == 0 ? 1 : 2;
}

static void
in_done(struct body_in *in, int error, void *arg)
{
	(void)in;
	*(int *)arg = error == 0 ? 1 : 2;
}

/* A number says what failed. */
static int
inside(struct dbenv *env, struct dbenv_db *db, struct body *b)
{
	static uint8_t		 val[20000];
	struct dbenv_backup	 bk = { .open = bk_open, .write = bk_write,
				    .close = bk_open, .done = bk_done };
	struct body_source	 src = { .max = 1 << 20, .done = in_done };
	struct body_in		*in;
	struct stat		 st;
	char			 key[16];
	uint64_t		 id;
	int			 i, did = 0;

	if (dbenv_start(env) == -1)
		return (1);
	for (i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "%d", i % 100);
		val[0] = (uint8_t)i;
		dbenv_begin(env);
		if (dbenv_put(db, span_str(key), span_of(val,
		    sizeof(val))) == -1)
			return (2);
		/* undoing reads the log again */
		if (i % 10 == 9)
			dbenv_abort(env);
		else if (dbenv_commit(env) == -1)
			return (3);
		if (i % 50 == 0 && dbtest_flush(env) != 0)
			return (4);
	}
	if (dbtest_flush(env) != 0)
		return (5);
	src.fd = body_spool(b);
	src.arg = &did;
	for (i = 0; i < 10; i++)
		if (write(src.fd, val, sizeof(val)) != sizeof(val))
			return (6);
	if (body_in_start(b, &src, &in) != 0)
		return (7);
	dbtest_loop(env, &did);
	if (did != 1 || body_in_put(in, 1, &id) == -1 ||
	    dbtest_flush(env) != 0)
		return (8);
	body_in_free(in);
	for (i = 0; i < 6000 && stat("00/log.0000000001", &st) == 0; i++) {
		usleep(10000);
		dbtest_loop(env, NULL);
	}
	if (stat("00/log.0000000001", &st) == 0)
		return (9);
	if (dbenv_backup(env, &bk) == -1)
		return (10);
	dbtest_loop(env, &ended);
	return (ended == 1 ? 0 : 11);
}

static int
cage(void)
{
	gid_t	 gid = USER;

	return (chroot(".") == -1 || chdir("/") == -1 ||
	    setgroups(1, &gid) == -1 || setresgid(gid, gid, gid) == -1 ||
	    setresuid(USER, USER, USER) == -1 ? -1 : 0);
}

static int
child(struct dbenv_conf *c, int again)
{
	struct dbenv	*env;
	struct dbenv_db	*db;
	struct body	*b;
	int		 r;

	if ((env = dbtest_open(c)) == NULL ||
	    (b = body_open(env)) == NULL ||
	    (db = dbenv_db(env, "test", 0)) == NULL ||
	    dbenv_schema(env, 1, NULL, NULL) == -1 || cage() == -1)
		return (20);
	if (!again && (r = inside(env, db, b)) != 0)
		return (r);
	if (again && (dbenv_has(db, span_str("55")) != 1 ||
	    dbenv_start(env) == -1))
		return (21);
	body_close(b);
	dbenv_close(env);
	return (0);
}

static int
run(struct dbenv_conf *c, int again)
{
	int	 status;
	pid_t	 pid;

	fflush(stdout);
	if ((pid = fork()) == 0) {
		status = child(c, again);
		fflush(stdout);
		_exit(status);
	}
	waitpid(pid, &status, 0);
	return (status);
}

int
main(void)
{
	struct dbenv_conf	 c = dbtest_conf("./00");
	int			 status;

	if (geteuid() != 0) {
		printf("ok 1 # skip not root\n1..1\n");
		return (0);
	}
	dbtest_begin();
	if (chmod(".", 0711) == -1 || mkdir("root", 0700) == -1 ||
	    chown("root", USER, USER) == -1 || chdir("root") == -1)
		return (1);
	c.uid = c.gid = USER;
	c.checkpoint = 2 << 20;
	c.checkpoint_s = 1;
	status = run(&c, 0);
	CHECK(status == 0, "a life in the cage (status %x)", status);
	CHECK(nftw("00", mine, 8, FTW_PHYS) == 0,
	    "every file is the user's, mode 0600");
	status = run(&c, 1);
	CHECK(status == 0, "and the next (status %x)", status);
	CHECK(nftw("00", mine, 8, FTW_PHYS) == 0, "every file still is");
	if (chdir("00") == -1)
		return (1);
	c.home = ".";
	status = run(&c, 1);
	CHECK(status == 0, "with the directory itself as root (status %x)",
	    status);
	return (test_done());
}
