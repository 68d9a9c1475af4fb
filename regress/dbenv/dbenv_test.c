/* Records, iterators, commands, opening: dbenv(3) without any damage. */
#include <sys/file.h>
#include <sys/wait.h>

#include "dbenv_int.h"
#include "dbtest.h"

static void
records(struct dbenv *env, struct dbenv_db *db)
{
	struct span	 k, v;

	CHECK(dbtest_is(db, "a", NULL), "get of nothing: ENOENT");
	CHECK(dbenv_has(db, span_str("a")) == 0, "has nothing");
	CHECK(dbtest_put(db, "a", "one") == 0, "put");
	CHECK(dbtest_is(db, "a", "one"), "a put is read before its commit");
	CHECK(dbtest_put(db, "a", "two") == 0 && dbtest_is(db, "a", "two"),
	    "put replaces");
	CHECK(dbenv_add(db, span_str("a"), span_str("x")) == -1 &&
	    errno == EEXIST && dbtest_is(db, "a", "two"),
	    "add does not replace");
	CHECK(dbenv_add(db, span_str("b"), span_str("")) == 0 &&
	    dbtest_is(db, "b", ""), "add, an empty value");
	CHECK(dbenv_has(db, span_str("b")) == 1, "has it");
	CHECK(dbenv_del(db, span_str("b")) == 0 && dbtest_is(db, "b", NULL),
	    "del");
	CHECK(dbenv_del(db, span_str("b")) == -1 && errno == ENOENT,
	    "del of nothing");
	CHECK(dbenv_put(db, span_of("", 0), span_str("x")) == -1 &&
	    errno == EINVAL, "an empty key");
	CHECK(dbtest_flush(env) == 0, "flush");

	dbtest_put(db, "p1", "x");
	dbtest_put(db, "p3", "y");
	dbtest_put(db, "q", "z");
	CHECK(dbenv_next(db, span_str("p2"), &k, &v) == 0 &&
	    span_eqs(k, "p3") && span_eqs(v, "y"), "next");
	CHECK(dbenv_next(db, span_str("r"), &k, &v) == -1 && errno == ENOENT,
	    "next at the end");
	CHECK(dbenv_next(db, span_of(NULL, 0), &k, &v) == 0 &&
	    span_eqs(k, "a"), "next of nothing is the first");
	CHECK(dbenv_prev(db, span_str("p3"), &k, &v) == 0 &&
	    span_eqs(k, "p1") && span_eqs(v, "x"), "prev");
	CHECK(dbenv_prev(db, span_str("zz"), &k, &v) == 0 && span_eqs(k, "q"),
	    "prev behind the end");
	CHECK(dbenv_prev(db, span_of(NULL, 0), &k, &v) == 0 &&
	    span_eqs(k, "q"), "prev of nothing is the last");
	CHECK(dbenv_prev(db, span_str("a"), &k, &v) == -1 && errno == ENOENT,
	    "prev at the beginning");
	CHECK(dbenv_last(db, span_str("p"), &k, &v) == 0 &&
	    span_eqs(k, "p3"), "last with a prefix");
	CHECK(dbenv_last(db, span_str("o"), &k, &v) == -1 && errno == ENOENT,
	    "last with a prefix that none has");
	dbtest_put(db, "\xff\xff", "high");
	CHECK(dbenv_last(db, span_str("\xff"), &k, &v) == 0 &&
	    span_eqs(v, "high"), "last with the highest prefix");
	CHECK(dbtest_flush(env) == 0, "flush");
}

static void
large(struct dbenv *env, struct dbenv_db *db)
{
	static uint8_t	 big[300000];
	struct span	 v;
	size_t		 i;

	for (i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7);
	CHECK(dbenv_put(db, span_str("big"), span_of(big, sizeof(big))) == 0,
	    "put of 300,000 octets");
	CHECK(dbenv_get(db, span_str("big"), &v) == 0 &&
	    span_eq(v, span_of(big, sizeof(big))), "and get");
	CHECK(dbenv_put(db, span_str("over"), span_of(big,
	    DBENV_VALUE_MAX + 1)) == -1 && errno == EINVAL, "over the limit");
	CHECK(dbtest_flush(env) == 0, "flush");
}

static void
commands(struct dbenv *env, struct dbenv_db *db)
{
	struct dbtest_wait	 t = { .w.done = dbtest_done };
	uint64_t		 seq;

	t.w.arg = &t;
	seq = dbenv_seq(env);
	CHECK(seq == dbenv_flushed(env), "nothing is open");
	CHECK(dbenv_begin(env) == 0 && dbtest_is(db, "c1", NULL) &&
	    dbenv_commit(env) == 0 && dbenv_seq(env) == seq,
	    "a command that reads begins no group");
	CHECK(dbenv_begin(env) == 0 && dbtest_put(db, "c1", "1") == 0 &&
	    dbenv_commit(env) == 0 && dbenv_seq(env) == seq + 1,
	    "a command that writes begins one");
	CHECK(dbenv_begin(env) == 0, "a command");
	CHECK(dbenv_begin(env) == -1 && errno == EINVAL,
	    "commands do not nest");
	CHECK(dbtest_put(db, "c2", "2") == 0 && dbtest_is(db, "c1", "1") &&
	    dbtest_is(db, "c2", "2"), "the next sees both");
	dbenv_abort(env);
	CHECK(dbtest_is(db, "c1", "1") && dbtest_is(db, "c2", NULL),
	    "abort undoes one command");
	CHECK(dbenv_commit(env) == -1 && errno == EINVAL,
	    "commit without a command");
	CHECK(dbenv_wait(env, seq, &t.w) == 1, "wait for what is on disk");
	CHECK(dbenv_wait(env, dbenv_seq(env), &t.w) == 0, "wait");
	CHECK(!t.called, "not before the turn's end");
	dbtest_loop(env, &t.called);
	CHECK(t.called && t.error == 0 && dbenv_flushed(env) == seq + 1,
	    "called when flushed");
	CHECK(dbenv_begin(env) == 0 && dbtest_put(db, "c3", "3") == 0,
	    "a command left open");
	dbenv_turn_end(env);
	CHECK(dbtest_is(db, "c3", NULL), "is undone at the turn's end");
}

static void
iterate(struct dbenv *env, struct dbenv_db *db)
{
	struct dbenv_iter	 it;
	struct span		 k, v;
	char			 key[32], val[64];
	int			 i, n, ok = 1, r;

	for (i = 0; i < 5000; i++) {
		snprintf(key, sizeof(key), "i%05d", i);
		snprintf(val, sizeof(val), "value %d and some more of it", i);
		ok &= dbtest_put(db, key, val) == 0;
	}
	dbtest_put(db, "h", "before");
	dbtest_put(db, "j", "behind");
	CHECK(ok && dbtest_flush(env) == 0, "5,000 records");
	dbenv_iter_init(&it, db, span_of(NULL, 0), span_str("i"));
	for (n = 0; (r = dbenv_iter_next(&it, &k, &v)) == 1; n++) {
		snprintf(key, sizeof(key), "i%05d", n);
		snprintf(val, sizeof(val), "value %d and some more of it", n);
		ok &= span_eqs(k, key) && span_eqs(v, val);
		/* writing under way does no harm */
		ok &= dbenv_del(db, k) == 0;
		if (n % 1000 == 0)
			dbtest_loop(env, NULL);
	}
	CHECK(r == 0 && n == 5000 && ok, "iterate over a prefix: %d", n);
	CHECK(dbenv_iter_next(&it, &k, &v) == 0, "the end stays the end");
	dbenv_iter_free(&it);
	dbenv_iter_init(&it, db, span_of(NULL, 0), span_str("i"));
	CHECK(dbenv_iter_next(&it, &k, &v) == 0, "all deleted meanwhile");
	dbenv_iter_free(&it);
	dbenv_iter_init(&it, db, span_str("h"), span_of(NULL, 0));
	CHECK(dbenv_iter_next(&it, &k, &v) == 1 && span_eqs(k, "h") &&
	    dbenv_iter_next(&it, &k, &v) == 1 && span_eqs(k, "j"),
	    "from a key, without a prefix");
	dbenv_iter_free(&it);
	dbenv_iter_init(&it, db, span_str("h"), span_str("j"));
	CHECK(dbenv_iter_next(&it, &k, &v) == 1 && span_eqs(k, "j") &&
	    dbenv_iter_next(&it, &k, &v) == 0, "from before the prefix");
	dbenv_iter_free(&it);
	dbenv_iter_init(&it, db, span_str("z"), span_str("j"));
	CHECK(dbenv_iter_next(&it, &k, &v) == 0, "from behind the prefix");
	dbenv_iter_free(&it);
	dbtest_flush(env);
}

static char	 order[16];
static int	 norder;

static void
note(struct dbenv_wait *w, int error)
{
	order[norder++] = error == 0 ? *(char *)w->arg : '!';
}

static void
waits(struct dbenv *env, struct dbenv_db *db)
{
	struct dbenv_wait	 w[4] = { { 0 } };
	char			 names[] = "abcd";
	int			 i;

	dbtest_put(db, "w", "1");
	for (i = 0; i < 4; i++) {
		w[i].done = note;
		w[i].arg = names + i;
	}
	/* d waits for a group to come, queued first */
	CHECK(dbenv_wait(env, dbenv_seq(env) + 1, &w[3]) == 0, "wait ahead");
	for (i = 0; i < 3; i++)
		dbenv_wait(env, dbenv_seq(env), &w[i]);
	dbenv_unwait(env, &w[1]);
	dbenv_unwait(env, &w[1]);
	dbtest_flush(env);
	CHECK(strcmp(order, "ac") == 0, "waits in order, one forgotten: %s",
	    order);
	dbtest_put(db, "w", "2");
	dbtest_flush(env);
	CHECK(strcmp(order, "acd") == 0, "and the one ahead: %s", order);
}

static void
lazy(struct dbenv *env, struct dbenv_db *db)
{
	uint64_t	 seq;
	int		 i;

	dbtest_put(db, "lazy", "1");
	seq = dbenv_seq(env);
	for (i = 0; i < 6000 && dbenv_flushed(env) < seq; i++) {
		dbtest_loop(env, NULL);
		usleep(10000);
	}
	CHECK(dbenv_flushed(env) == seq,
	    "what nobody waits for is flushed as well");
}

static void
job_run(struct dbenv_job *j)
{
	(*(int *)j->arg)++;
}

static void
job_done(struct dbenv_job *j)
{
	*(int *)j->arg += 10;
}

static void
jobs(struct dbenv *env)
{
	struct dbenv_job	 j[5];
	int			 flag[5] = { 0 }, all = 0, i;

	for (i = 0; i < 5; i++) {
		j[i].run = job_run;
		j[i].done = job_done;
		j[i].arg = &flag[i];
		dbenv_job(env, &j[i]);
	}
	for (i = 0; i < 60000 && !all; i++) {
		dbtest_loop(env, NULL);
		usleep(1000);
		all = flag[0] == 11 && flag[1] == 11 && flag[2] == 11 &&
		    flag[3] == 11 && flag[4] == 11;
	}
	CHECK(all, "jobs run and end");
}

static void
reopen(const struct dbenv_conf *conf)
{
	struct dbenv	*env, *second;
	struct dbenv_db	*db;
	struct stat	 st;
	struct buf	 why = { 0 };
	struct dbenv_stats stats;

	env = dbtest_open(conf);
	db = dbenv_db(env, "test", 0);
	CHECK(dbtest_is(db, "a", "two") && dbtest_is(db, "c1", "1"),
	    "all is there after a close and an open");
	CHECK(stat("env", &st) == 0 && (st.st_mode & 07777) == 0700 &&
	    stat("env/test.db", &st) == 0 && (st.st_mode & 07777) == 0600,
	    "modes");
	errno = 0;
	CHECK(dbenv_open(conf, &second, &why) == -1 && errno == EAGAIN &&
	    second == NULL, "a second owner: %s", buf_cstr(&why));
	CHECK(dbenv_start(env) == 0 && dbenv_db(env, "late", 0) == NULL &&
	    errno == EINVAL, "a database opened too late");
	dbenv_stats(env, &stats);
	CHECK(stats.writable && dbenv_writable(env) &&
	    stats.free_octets > stats.need_octets, "statistics");
	dbenv_close(env);
	dbenv_close(NULL);
	close(open("env/DB_CONFIG", O_CREAT | O_WRONLY, 0600));
	CHECK(dbenv_open(conf, &second, NULL) == -1 && errno == EPERM,
	    "a DB_CONFIG file");
	unlink("env/DB_CONFIG");
	buf_free(&why);
}

/* Another takes its place while it is waited for: that is what is opened. */
static void
replaced(void)
{
	struct dbenv_conf	 c = dbtest_conf("old");
	struct dbenv		*env;
	struct stat		 opened, named;
	pid_t			 pid;
	int			 status;

	c.lock_wait_s = 120;
	dbenv_close(dbtest_open(&c));
	if (mkdir("new", 0700) == -1 || (pid = fork()) == -1)
		exit(1);
	if (pid == 0) {
		if (flock(open("old", O_RDONLY), LOCK_EX) == -1)
			_exit(1);
		close(open("held", O_CREAT | O_WRONLY, 0600));
		usleep(200000);
		_exit(rename("old", "gone") == -1 || rename("new", "old") ==
		    -1);
	}
	while (access("held", F_OK) == -1)
		usleep(1000);
	env = dbtest_open(&c);
	CHECK(env != NULL && fstat(dbenv_dirfd(env), &opened) == 0 &&
	    stat("old", &named) == 0 && opened.st_ino == named.st_ino,
	    "replaced while it was waited for");
	dbenv_close(env);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0,
	    "by another process");
}

static int
upgrade(struct dbenv *env, uint32_t from, void *arg)
{
	struct dbenv_db	*db = arg;
	char		 key[16];

	(void)env;
	if (from == 6) {
		errno = ENODATA;
		return (-1);
	}
	snprintf(key, sizeof(key), "up%u", from);
	return (dbtest_put(db, key, "x"));
}

static void
schema(void)
{
	struct dbenv_conf	 c = dbtest_conf("schema");
	struct dbenv		*env = dbtest_open(&c);
	struct dbenv_db		*db = dbenv_db(env, "test", 0);

	CHECK(dbenv_schema(env, 3, NULL, NULL) == 0, "a new one");
	CHECK(dbenv_schema(env, 3, NULL, NULL) == 0, "the same version");
	CHECK(dbenv_schema(env, 2, upgrade, db) == -1 && errno == EPROTO,
	    "a newer one: %s", dbenv_error(env));
	CHECK(dbenv_schema(env, 5, NULL, NULL) == -1 && errno == EPROTO,
	    "an older one, not read: %s", dbenv_error(env));
	CHECK(dbenv_schema(env, 5, upgrade, db) == 0 &&
	    dbtest_is(db, "up3", "x") && dbtest_is(db, "up4", "x") &&
	    dbtest_is(db, "up5", NULL), "upgraded step by step");
	CHECK(dbenv_schema(env, 7, upgrade, db) == -1 && errno == ENODATA &&
	    dbtest_is(db, "up5", NULL) && dbenv_schema(env, 5, NULL, NULL) == 0,
	    "a failing upgrade undoes all of it");
	dbenv_close(env);
}

/* What was not flushed may be lost with the system, not with the process. */
static void
boots(void)
{
	static const struct {
		const char	*text;		/* of the file; NULL: as it is */
		int		 remove, uncertain;
	} was[] = {
		{ NULL,			1, 1 },
		{ NULL,			0, 0 },
		{ "another\n",		0, 1 },
		{ "",			0, 1 },
		{ NULL,			0, 0 },
		{ NULL,			1, 1 },
	};
	struct dbenv_conf	 c = dbtest_conf("boots");
	struct dbenv_db		*db;
	struct dbenv		*env;
	struct stat		 st;
	uint64_t		 before;
	size_t			 i;
	int			 fd;

	for (i = 0; i < sizeof(was) / sizeof(was[0]); i++) {
		if (was[i].remove)
			unlink("boots/boot");
		if (was[i].text != NULL && (fd = open("boots/boot",
		    O_WRONLY | O_TRUNC)) != -1) {
			(void)!write(fd, was[i].text, strlen(was[i].text));
			close(fd);
		}
		if ((env = dbtest_open(&c)) == NULL)
			return;
		CHECK(dbenv_uncertain(env) == was[i].uncertain, "start %zu", i);
		if ((db = dbenv_db(env, "test", 0)) == NULL)
			return;
		before = dbenv_committed(env);
		CHECK(dbtest_put(db, "a", "b") == 0 &&
		    dbenv_committed(env) == before && dbenv_certain(env) == 0 &&
		    dbenv_committed(env) == before + 1 &&
		    dbenv_flushed(env) == before + 1 && !dbenv_uncertain(env),
		    "start %zu: certain, with what was open", i);
		CHECK(stat("boots/boot", &st) == 0 && st.st_size > 1 &&
		    (st.st_mode & 07777) == 0600, "start %zu: recorded", i);
		dbenv_close(env);
	}
}

#define MANY	3000

/* Many at once, larger ones than there is room for at once among them. */
static void
many(struct dbenv *env, struct dbenv_db *db)
{
	static struct dbenv_record	 recs[MANY];
	static char			 keys[MANY][8], vals[MANY][8];
	static uint8_t			 large[100000];
	static uint8_t			 larger[DBENV_VALUE_MAX + 1];
	struct span			 v;
	size_t				 i, wrong = 0;

	for (i = 0; i < MANY; i++) {
		snprintf(keys[i], sizeof(keys[i]), "m%05zu", i % 2900);
		snprintf(vals[i], sizeof(vals[i]), "%zu", i);
		recs[i].key = span_str(keys[i]);
		recs[i].val = span_str(vals[i]);
	}
	recs[7].val = span_of(large, sizeof(large));
	recs[1000].val = span_of(large, 30000);
	CHECK(dbenv_begin(env) == 0 && dbenv_put_many(db, recs, MANY) == 0,
	    "%d puts", MANY);
	dbenv_abort(env);
	CHECK(dbenv_has(db, recs[0].key) == 0 &&
	    dbenv_has(db, recs[2899].key) == 0, "are one command");
	CHECK(dbenv_put_many(db, recs, 0) == 0, "none");
	CHECK(dbenv_put_many(db, recs, MANY) == 0 && dbtest_flush(env) == 0,
	    "flushed");
	for (i = 100; i < MANY; i++)
		wrong += dbenv_get(db, recs[i].key, &v) == -1 ||
		    !span_eq(v, recs[i].val);
	wrong += dbenv_get(db, recs[7].key, &v) == -1 ||
	    !span_eq(v, recs[2907].val);
	CHECK(wrong == 0, "all are there, the later of two: %zu wrong", wrong);
	for (i = 0; i < MANY; i++) {	/* from there and back all over it */
		snprintf(keys[i], sizeof(keys[i]), "m%05zu", i * 1009 % 5009);
		recs[i].val = span_of(keys[i], i % 7);
	}
	CHECK(dbenv_put_many(db, recs, MANY) == 0 && dbtest_flush(env) == 0,
	    "in no order");
	for (i = 0, wrong = 0; i < MANY; i++)
		wrong += dbenv_get(db, recs[i].key, &v) == -1 ||
		    !span_eq(v, recs[i].val);
	CHECK(wrong == 0, "all are there: %zu wrong", wrong);
	recs[3].key = span_of("", 0);
	CHECK(dbenv_put_many(db, recs, 5) == -1 && errno == EINVAL,
	    "no key");
	recs[3].key = span_str("large");
	recs[3].val = span_of(larger, sizeof(larger));
	CHECK(dbenv_put_many(db, recs, 5) == -1 && errno == EINVAL,
	    "no value of so many octets");
}

#define SMALL	400
#define LARGE	60

/* Read them all; pages that were not in the cache. */
static uint64_t
missed(struct dbenv *env, struct dbenv_db *db, size_t n)
{
	struct dbenv_stats	 before, after;
	struct span		 v;
	char			 key[8];
	size_t			 i, wrong = 0;

	dbenv_stats(env, &before);
	for (i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "%05zu", i);
		wrong += dbenv_get(db, span_str(key), &v) == -1;
	}
	CHECK(wrong == 0, "%zu of %zu cannot be read", wrong, n);
	dbenv_stats(env, &after);
	return (after.misses - before.misses);
}

/* Large values, more than the cache holds, leave the small ones there. */
static void
leaving(void)
{
	struct dbenv_conf	 c = dbtest_conf("leaving");
	static uint8_t		 octets[60000];
	struct dbenv		*env;
	struct dbenv_db		*small, *large;
	char			 key[8];
	uint64_t		 first, lots, again;
	size_t			 i, wrong = 0;
	int			 k;

	c.cache = 1024 * 1024;
	for (k = 0; k < 2; k++) {
		if ((env = dbtest_open(&c)) == NULL ||
		    (small = dbenv_db(env, "small", 0)) == NULL ||
		    (large = dbenv_db(env, "large", DBENV_NOSUM)) == NULL)
			return;
		for (i = 0; k == 0 && i < SMALL; i++) {
			snprintf(key, sizeof(key), "%05zu", i);
			wrong += dbenv_put(small, span_str(key),
			    span_of(octets, 500)) == -1 || (i < LARGE &&
			    dbenv_put(large, span_str(key), span_of(octets,
			    sizeof(octets))) == -1);
			dbenv_turn_end(env);
		}
		if (k == 0)
			dbenv_close(env);
	}
	CHECK(wrong == 0, "%zu cannot be written", wrong);
	first = missed(env, small, SMALL);
	lots = missed(env, large, LARGE);
	again = missed(env, small, SMALL);
	CHECK(first > 40 && lots > LARGE * sizeof(octets) / 4096,
	    "read: %llu and %llu", (unsigned long long)first,
	    (unsigned long long)lots);
	CHECK(again < first / 4, "%llu were gone", (unsigned long long)again);
	dbenv_close(env);
}

static void *
say_so(void *arg)
{
	struct dbenv	*env = arg;

	env->e->errx(env->e, "of the disk");
	return (NULL);
}

/* What Berkeley DB said of something else is no reason. */
static void
words(void)
{
	struct dbenv_conf	 c = dbtest_conf("words");
	struct dbenv		*env = dbtest_open(&c);
	pthread_t		 t;

	if (env == NULL)
		return;
	(void)say_so(env);
	CHECK(dbenv_commit(env) == -1 && strstr(dbenv_error(env),
	    "of the disk") != NULL, "a word at once: %s", dbenv_error(env));
	CHECK(dbenv_commit(env) == -1 && strstr(dbenv_error(env),
	    "of the disk") == NULL, "said once: %s", dbenv_error(env));
	(void)say_so(env);
	(void)dbenv_turn_end(env);
	CHECK(dbenv_commit(env) == -1 && strstr(dbenv_error(env),
	    "of the disk") == NULL, "one of an earlier turn: %s",
	    dbenv_error(env));
	CHECK(pthread_create(&t, NULL, say_so, env) == 0 &&
	    pthread_join(t, NULL) == 0 && dbenv_commit(env) == -1 &&
	    strstr(dbenv_error(env), "of the disk") == NULL,
	    "one of a helper: %s", dbenv_error(env));
	dbenv_close(env);
}

/* A group that is undone is not taken for written. */
static void
undone(void)
{
	struct dbenv_conf	 c = dbtest_conf("undone");
	struct dbenv		*env = dbtest_open(&c);
	struct dbenv_db		*db = env == NULL ? NULL :
				    dbenv_db(env, "test", 0);

	if (db == NULL)
		return;
	CHECK(dbenv_turn_end(env) == 0, "there is no group");
	CHECK(dbtest_put(db, "a", "b") == 0 && dbenv_turn_end(env) == 0,
	    "one is written");
	CHECK(dbtest_put(db, "a", "c") == 0, "another one");
	dbenv_break(env, EIO);
	errno = 0;
	CHECK(dbenv_turn_end(env) == -1 && errno == EIO &&
	    dbtest_is(db, "a", "b"), "is undone");
	CHECK(dbtest_put(db, "a", "c") == 0, "and one more");
	dbenv_break(env, EIO);
	CHECK(dbenv_certain(env) == -1 && dbenv_uncertain(env) &&
	    access("undone/boot", F_OK) == -1, "nothing is certain then");
	CHECK(close(open("undone/salvaged", O_WRONLY | O_CREAT, 0600)) == 0 &&
	    dbtest_put(db, "a", "c") == 0, "the last of a repair");
	dbenv_break(env, EIO);
	CHECK(dbenv_salvaged_done(env) == -1 && dbenv_is_salvaged(env),
	    "it is to be repaired again");
	CHECK(dbenv_salvaged_done(env) == 0 && !dbenv_is_salvaged(env),
	    "until it could be");
	dbenv_close(env);
}

int
main(void)
{
	struct dbenv_conf	 c = dbtest_conf("env");
	struct dbenv		*env;
	struct dbenv_db		*db;

	dbtest_begin();
	if ((env = dbtest_open(&c)) == NULL ||
	    (db = dbenv_db(env, "test", 0)) == NULL)
		return (1);
	CHECK(dbtest_put(db, "early", "1") == 0 && dbtest_flush(env) == 0,
	    "before the threads begin");
	CHECK(dbenv_start(env) == 0, "start");
	records(env, db);
	large(env, db);
	commands(env, db);
	iterate(env, db);
	many(env, db);
	waits(env, db);
	lazy(env, db);
	jobs(env);
	dbenv_close(env);
	reopen(&c);
	replaced();
	schema();
	boots();
	leaving();
	undone();
	words();
	return (test_done());
}
