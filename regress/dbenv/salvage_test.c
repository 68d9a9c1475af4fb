/*
 * Pages read past the trees: values of all sizes come back, however damaged
 * pages are nothing is made up, and nothing is read outside of them.
 */
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <db.h>

#include "dbenv_salvage.h"
#include "test.h"

#define RECORDS	400

static char	 base[] = "/tmp/salvage-XXXXXX";
static unsigned	 lost_lines;

static void
say(void *arg, const char *text)
{
	(void)arg;
	(void)text;
	lost_lines++;
}

static const char *
path(const char *name)
{
	static char	 room[4][256];
	static unsigned	 n;
	char		*p = room[n++ % 4];

	snprintf(p, sizeof(room[0]), "%s/%s", base, name);
	return (p);
}

/* What record i is: some on pages of their own. */
static void
content(unsigned i, char key[32], struct buf *val)
{
	unsigned	 k, n = i % 10 == 0 ? i * 50 : i % 97;

	snprintf(key, 32, "key %06u", i * 7919 % 1000003);
	buf_reset(val);
	for (k = 0; k < n; k++)
		(void)buf_addc(val, (int)((i + k) & 0xff));
}

static struct dbenv *
open_at(const char *home, struct dbenv_db **db)
{
	struct dbenv_conf	 conf = { .home = home };
	struct dbenv		*env;
	struct buf		 why = { 0 };

	if (dbenv_open(&conf, &env, &why) == -1) {
		printf("Bail out! %s\n", buf_cstr(&why));
		exit(1);
	}
	*db = dbenv_db(env, "a", 0);
	return (env);
}

static void
fill(void)
{
	struct dbenv_db	*db;
	struct dbenv	*env = open_at(path("home"), &db);
	struct buf	 val = { 0 };
	char		 key[32];
	unsigned	 i;
	int		 rc = 0;

	for (i = 0; i < RECORDS; i++) {
		content(i, key, &val);
		rc |= dbenv_put(db, span_str(key), span_buf(&val));
		if (i % 50 == 0)
			dbenv_turn_end(env);
	}
	for (i = 0; i < RECORDS; i += 4) {	/* every fourth goes */
		content(i, key, &val);
		rc |= dbenv_del(db, span_str(key));
	}
	CHECK(rc == 0, "filled");
	buf_free(&val);
	dbenv_close(env);
}

static int
salvage_it(int strict, struct dbenv_salvage *s)
{
	struct buf	 why = { 0 };
	int		 rc;

	memset(s, 0, sizeof(*s));
	s->home = path("home");
	s->dir = open(s->home, O_RDONLY | O_DIRECTORY);
	s->work = path("work");
	s->into = path("into");
	s->strict = strict;
	s->say = say;
	lost_lines = 0;
	(void)dbenv_remove(s->work);
	(void)dbenv_remove(s->into);
	if (mkdir(s->work, 0700) == -1 || mkdir(s->into, 0700) == -1)
		exit(1);
	rc = dbenv_salvage(s, &why);
	close(s->dir);
	buf_free(&why);
	return (rc);
}

/* How many are there; -1: one that is not as it was. */
static int
count(const char *home)
{
	struct dbenv_db	*db;
	struct dbenv	*env = open_at(home, &db);
	struct buf	 val = { 0 };
	struct span	 v;
	char		 key[32];
	unsigned	 i;
	int		 n = 0;

	for (i = 0; i < RECORDS && n >= 0; i++) {
		content(i, key, &val);
		if (dbenv_get(db, span_str(key), &v) == 0)
			n = i % 4 != 0 && span_eq(v, span_buf(&val)) ? n + 1 :
			    -1;
	}
	buf_free(&val);
	dbenv_close(env);
	return (n);
}

static void
scribble(unsigned seed)
{
	struct stat	 sb;
	uint8_t		 junk[64];
	int		 fd = open(path("home/a.db"), O_RDWR);
	unsigned	 i, k;
	off_t		 at;

	srandom(seed);
	if (fd == -1 || fstat(fd, &sb) == -1)
		exit(1);
	for (i = 0; i < 1 + seed % 4; i++) {
		at = DBENV_PAGE + random() % (sb.st_size - DBENV_PAGE -
		    (off_t)sizeof(junk));
		for (k = 0; k < sizeof(junk); k++)
			junk[k] = (uint8_t)random();
		if (pwrite(fd, junk, 1 + seed % sizeof(junk), at) == -1)
			exit(1);
	}
	close(fd);
}

/* Those that fill() leaves, from one on. */
static void
fill_from(unsigned from, unsigned to)
{
	struct dbenv_db	*db;
	struct dbenv	*env = open_at(path("home"), &db);
	struct buf	 val = { 0 };
	char		 key[32];
	unsigned	 i;

	for (i = from; i < to; i++) {
		if (i % 4 == 0)
			continue;
		content(i, key, &val);
		if (dbenv_put(db, span_str(key), span_buf(&val)) == -1)
			exit(1);
	}
	buf_free(&val);
	dbenv_close(env);
}

/*
 * A backup that took a while: its pages are older than the checkpoint that its
 * log ends with.  Only all of the log makes it whole.
 */
static void
restored(void)
{
	struct dbenv_salvage	 s;
	char			 cmd[512];
	int			 rc;

	(void)dbenv_remove(path("home"));
	fill_from(0, RECORDS / 2);
	snprintf(cmd, sizeof(cmd), "cp %s %s", path("home/a.db"),
	    path("a.db"));
	rc = system(cmd);
	fill_from(RECORDS / 2, RECORDS);
	snprintf(cmd, sizeof(cmd), "cp %s %s && : >%s", path("a.db"),
	    path("home/a.db"), path("home/restored"));
	rc |= system(cmd);
	CHECK(rc == 0, "a restored directory that was not yet opened");
	rc = salvage_it(1, &s);
	CHECK(rc == 0 && s.lost == 0 && s.records ==
	    RECORDS - RECORDS / 4, "all of it is copied: %llu",
	    (unsigned long long)s.records);
	CHECK(count(path("into")) == RECORDS - RECORDS / 4, "and the same");
}

static int	 failing;

/* A full disk, once: when the records are committed. */
static ssize_t
fail_once(int fd, const void *p, size_t n)
{
	if (failing && n > 100000) {
		failing = 0;
		errno = ENOSPC;
		return (-1);
	}
	return (write(fd, p, n));
}

/* What was undone is not taken for written. */
static void
undone(void)
{
	struct dbenv_salvage	 s;

	(void)dbenv_remove(path("home"));
	fill();
	(void)db_env_set_func_write(fail_once);
	failing = 1;
	CHECK(salvage_it(0, &s) == -1 && !failing,
	    "a group of records cannot be written");
	(void)db_env_set_func_write(write);
	CHECK(salvage_it(0, &s) == 0, "and when it can");
	CHECK(count(path("into")) == RECORDS - RECORDS / 4, "all are there");
}

static void
note_boot(void)
{
	int	 fd = open(path("home/boot"), O_WRONLY | O_CREAT, 0600);

	if (fd == -1)
		exit(1);
	close(fd);
}

int
main(void)
{
	struct dbenv_salvage	 s;
	unsigned		 seed;
	int			 n, least = RECORDS;

	if (mkdtemp(base) == NULL)
		return (1);
	fill();
	note_boot();
	CHECK(salvage_it(1, &s) == 0 && s.lost == 0 &&
	    s.records == RECORDS - RECORDS / 4, "whole: all is copied: %llu",
	    (unsigned long long)s.records);
	CHECK(count(path("into")) == RECORDS - RECORDS / 4, "and the same");
	CHECK(access(path("into/boot"), F_OK) == 0, "as certain as it was");
	for (seed = 0; seed < 12; seed++) {
		(void)dbenv_remove(path("home"));
		fill();
		note_boot();
		scribble(seed);
		if (seed % 8 == 0)
			CHECK(salvage_it(1, &s) == -1, "strict: refused");
		CHECK(salvage_it(0, &s) == 0 && s.lost == lost_lines &&
		    s.lost > 0, "scribbled on, %u: salvaged, %llu lost", seed,
		    (unsigned long long)s.lost);
		CHECK(access(path("into/boot"), F_OK) == -1,
		    "what was certain is not");
		n = count(path("into"));
		CHECK(n >= 0, "and nothing is made up: %d", n);
		if (n < least)
			least = n;
	}
	CHECK(least > RECORDS / 4, "most of it is there each time: %d", least);
	restored();
	undone();
	(void)dbenv_remove(base);
	return (test_done());
}
