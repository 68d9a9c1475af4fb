/* A disk that is full: what is refused, undone, kept and recovered. */
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include <signal.h>

#include "dbtest.h"

#define DISK	"size=48m"

/* Berkeley DB leaks a little when it panics. */
const char	*__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return ("leak:__os_malloc");
}

static int	 undone, undone_errno;

static void
on_undone(void *arg, uint64_t seq, int error)
{
	(void)arg;
	(void)seq;
	undone++;
	undone_errno = error;
}

static void
key_of(char *key, int i)
{
	snprintf(key, 16, "k%08d", i);
}

/* Leave so much space on the disk. */
static void
fill(const char *name, uint64_t leave)
{
	static char	 block[65536];
	struct statvfs	 sv;
	int		 fd = open(name, O_CREAT | O_WRONLY | O_APPEND, 0600);

	while (statvfs(".", &sv) == 0 &&
	    (uint64_t)sv.f_bavail * sv.f_frsize > leave)
		if (write(fd, block, (uint64_t)sv.f_bavail * sv.f_frsize -
		    leave < sizeof(block) ? 4096 : sizeof(block)) == -1)
			break;
	close(fd);
}

/* Write without asking dbenv_writable() until it fails; how many were kept. */
static int
until_full(struct dbenv *env, struct dbenv_db *db)
{
	static uint8_t	 val[3000];
	char		 key[16];
	int		 i, r;

	for (i = 0; i < 20000; i++) {
		key_of(key, i);
		memset(val, i, sizeof(val));
		dbenv_begin(env);
		if (dbenv_put(db, span_str(key), span_of(val,
		    sizeof(val))) == -1) {
			dbenv_abort(env);
			printf("# put %d: %s\n", i, dbenv_error(env));
			dbtest_flush(env);
			return (i);
		}
		if (dbenv_commit(env) == -1 || (r = dbtest_flush(env)) != 0)
			return (i);
	}
	return (-1);
}

static int
all_there(struct dbenv_db *db, int n)
{
	uint8_t		 val[3000];
	struct span	 v;
	char		 key[16];
	int		 i;

	for (i = 0; i < n; i++) {
		key_of(key, i);
		memset(val, i, sizeof(val));
		if (dbenv_get(db, span_str(key), &v) == -1 ||
		    !span_eq(v, span_of(val, sizeof(val)))) {
			printf("# %s is missing\n", key);
			return (0);
		}
	}
	return (1);
}

/* As an owner that is killed while the disk is full. */
static int
child(const struct dbenv_conf *c, int out)
{
	struct dbenv	*env;
	struct dbenv_db	*db;
	int		 n;

	if ((env = dbtest_open(c)) == NULL ||
	    (db = dbenv_db(env, "test", 0)) == NULL || dbenv_start(env) == -1)
		return (1);
	fill("stuff", 7 << 20);
	n = until_full(env, db);
	printf("# %d before the disk was full, undone %d: %s\n", n, undone,
	    strerror(undone_errno));
	fflush(stdout);
	if (n <= 0 || undone == 0)
		return (2);
	if (dbenv_writable(env))
		return (3);
	/* space returns, and with it everything goes on */
	unlink("stuff");
	usleep(600000);
	if (!dbenv_writable(env) || !all_there(db, n) ||
	    dbtest_put(db, "again", "1") == -1 || dbtest_flush(env) != 0 ||
	    !dbtest_is(db, "again", "1"))
		return (4);
	fill("stuff", 0);
	if (write(out, &n, sizeof(n)) != sizeof(n))
		return (4);
	fflush(stdout);
	/* die as it is */
	raise(SIGKILL);
	return (5);
}

static void
asked(struct dbenv_conf *c)
{
	struct dbenv	*env;
	struct dbenv_db	*db;
	char		 key[16];
	int		 i;

	c->home = "asked";
	env = dbtest_open(c);
	db = dbenv_db(env, "test", 0);
	dbenv_start(env);
	CHECK(dbenv_writable(env), "writable at first");
	dbtest_put(db, "r", "1");
	CHECK(dbtest_flush(env) == 0, "flush");
	fill("stuff", 2 << 20);
	usleep(600000);
	CHECK(!dbenv_writable(env), "near full is noticed");
	CHECK(dbtest_is(db, "r", "1"), "reads go on");
	CHECK(dbenv_del(db, span_str("r")) == 0 && dbtest_flush(env) == 0,
	    "a removal goes on");
	unlink("stuff");
	usleep(600000);
	CHECK(dbenv_writable(env), "writable when space is back");
	for (i = 0; i < 100; i++) {
		key_of(key, i);
		dbtest_put(db, key, "x");
	}
	CHECK(dbtest_flush(env) == 0, "and writes go");
	dbenv_close(env);
}

static void
killed(struct dbenv_conf *c)
{
	struct dbenv	*env;
	struct dbenv_db	*db;
	struct stat	 st;
	int		 p[2], status, n = 0;
	pid_t		 pid;

	c->home = "full";
	c->reserve = 8 << 20;
	c->undone = on_undone;
	if (pipe(p) == -1)
		return;
	fflush(stdout);
	if ((pid = fork()) == 0)
		_exit(child(c, p[1]));
	close(p[1]);
	waitpid(pid, &status, 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
	    read(p[0], &n, sizeof(n)) == sizeof(n),
	    "a put fails with what was flushed kept (status %x)", status);
	CHECK(stat("full/reserve", &st) == 0, "the reserve file is there");
	env = dbtest_open(c);
	CHECK(env != NULL, "recovery on the full disk");
	if (env == NULL)
		return;
	db = dbenv_db(env, "test", 0);
	CHECK(db != NULL && all_there(db, n), "all %d are there", n);
	CHECK(dbtest_is(db, "again", "1"), "and what was written after");
	unlink("stuff");
	dbenv_close(env);
	env = dbtest_open(c);
	db = dbenv_db(env, "test", 0);
	CHECK(db != NULL && all_there(db, n), "and with space again");
	CHECK(stat("full/reserve", &st) == 0, "the reserve file is back");
	dbenv_close(env);
}

/* The boot is recorded with the reserve's space; without it all goes on. */
static void
another_boot(struct dbenv_conf *c)
{
	struct dbenv	*env;
	struct stat	 st;
	int		 rc;

	c->home = "boot";
	c->reserve = 1 << 20;
	c->undone = NULL;
	env = dbtest_open(c);
	CHECK(env != NULL && stat("boot/reserve", &st) == 0,
	    "a new environment");
	fill("stuff", 0);
	CHECK(dbenv_certain(env) == 0 && !dbenv_uncertain(env) &&
	    stat("boot/boot", &st) == 0 && st.st_size > 0 &&
	    stat("boot/reserve", &st) == -1,
	    "the boot is recorded for the reserve");
	unlink("stuff");
	dbenv_close(env);
	unlink("boot/boot");
	env = dbtest_open(c);
	unlink("boot/reserve");
	fill("stuff", 0);
	rc = dbenv_certain(env);
	CHECK(rc == 0 && dbenv_uncertain(env) &&
	    stat("boot/boot", &st) == -1 && stat("boot/boot.new", &st) == -1,
	    "or is not, and all goes on: %d, %d, %d", rc, dbenv_uncertain(env),
	    stat("boot/boot", &st));
	unlink("stuff");
	CHECK(dbenv_certain(env) == 0 && !dbenv_uncertain(env),
	    "with space it is");
	dbenv_close(env);
}

int
main(void)
{
	struct dbenv_conf	 c = dbtest_conf("x");

	dbtest_begin();
	if (mkdir("disk", 0700) == -1 ||
	    mount("tmpfs", "disk", "tmpfs", 0, DISK) == -1) {
		printf("ok 1 # skip a small tmpfs cannot be mounted: %s\n"
		    "1..1\n", strerror(errno));
		return (0);
	}
	if (chdir("disk") == -1)
		return (1);
	/* gone for others at once, for us when the last file is closed */
	umount2(".", MNT_DETACH);
	asked(&c);
	killed(&c);
	another_boot(&c);
	return (test_done());
}
