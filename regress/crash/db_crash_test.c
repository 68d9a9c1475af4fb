/*
 * Killed at any system call that changes the disk: what was acknowledged is
 * there, nothing is there half, no identity is given twice.
 *
 * This program runs itself as a writer under strace, which kills it at the
 * Nth call of a kind; then it opens what is left.  Message S is a record and a
 * body; the command that writes it removes message S - KEPT, so the messages
 * there are always the last KEPT ones.
 *
 * CRASH_SWEEP=all tries every N, else a choice of them.
 */
#include <sys/wait.h>

#include <dirent.h>
#include <signal.h>

#include "body.h"
#include "dbtest.h"

#define KEPT		10
#define MESSAGES	48	/* a run of the writer */
#define INFLIGHT	4
#define SMALL		4500
#define LARGE		70000	/* every 7th */

static struct dbenv	*env;
static struct body	*bodies;
static struct dbenv_db	*db;

static void
setup(void)
{
	struct dbenv_conf	 c = dbtest_conf("env");

	c.checkpoint = 128 * 1024;
	c.log_file = 256 * 1024;
	c.lock_wait_s = 120;
	c.log = NULL;
	if ((env = dbtest_open(&c)) == NULL ||
	    (bodies = body_open(env)) == NULL ||
	    (db = dbenv_db(env, "index", 0)) == NULL ||
	    dbenv_schema(env, 1, NULL, NULL) == -1 || dbenv_start(env) == -1) {
		printf("# %s\n", env == NULL ? "open" : dbenv_error(env));
		exit(4);
	}
}

static size_t
size_of(uint64_t serial)
{
	return ((serial % 7 == 0 ? LARGE : SMALL) + serial % 100);
}

static void
fill(uint8_t *p, uint64_t serial)
{
	size_t	 i, n = size_of(serial);

	for (i = 0; i < n; i++)
		p[i] = (uint8_t)(serial * 131 + i * 7 + i / 256);
}

static struct span
key_of(struct buf *b, uint64_t serial)
{
	buf_reset(b);
	buf_put_u64(b, serial);
	return (span_buf(b));
}

/* The identity of message serial; 0 when it is not there. */
static uint64_t
body_of(uint64_t serial)
{
	struct buf	 b = { 0 };
	struct span	 v;
	uint64_t	 id = 0;

	if (dbenv_get(db, key_of(&b, serial), &v) == 0)
		span_get_u64(&v, &id);
	buf_free(&b);
	return (id);
}

/*
 * The writer.
 */
struct message {
	struct dbenv_wait	 w;
	struct body_in		*in;
	uint64_t		 serial;
	uint64_t		 id;
};

static uint64_t	 next_serial;
static int	 started, ended;

static void
acknowledge(struct dbenv_wait *w, int error)
{
	struct message	*m = w->arg;
	char		 line[64];
	int		 n;

	if (error == 0) {
		n = snprintf(line, sizeof(line), "%llu %llu\n",
		    (unsigned long long)m->serial, (unsigned long long)m->id);
		if (write(STDOUT_FILENO, line, (size_t)n) != n)
			_exit(5);
	}
	ended++;
	free(m);
}

static void
put(struct message *m)
{
	struct buf	 k = { 0 }, v = { 0 };
	uint64_t	 old;

	/* in the order of the serials whatever finished first */
	m->serial = next_serial++;
	dbenv_begin(env);
	if (body_in_put(m->in, 1, &m->id) == -1)
		exit(6);
	buf_put_u64(&v, m->id);
	if (dbenv_add(db, key_of(&k, m->serial), span_buf(&v)) == -1)
		exit(6);
	if (m->serial > KEPT && (old = body_of(m->serial - KEPT)) != 0 &&
	    (dbenv_del(db, key_of(&k, m->serial - KEPT)) == -1 ||
	    body_unref(bodies, old) == -1))
		exit(6);
	if (dbenv_commit(env) == -1)
		exit(6);
	body_in_free(m->in);
	m->w.done = acknowledge;
	m->w.arg = m;
	dbenv_wait(env, dbenv_seq(env), &m->w);
	buf_free(&k);
	buf_free(&v);
}

static int	 busy;		/* a large one is on its way in */

static void
on_in(struct body_in *in, int error, void *arg)
{
	(void)in;
	if (error != 0)
		exit(7);
	busy = 0;
	put(arg);
}

static void
one_message(void)
{
	static uint8_t		 octets[LARGE + 100];
	struct body_source	 src = { .max = 1 << 20, .done = on_in };
	struct message		*m = calloc(1, sizeof(*m));

	started++;
	fill(octets, next_serial);
	src.fd = body_spool(bodies);
	src.arg = m;
	if (m == NULL || src.fd == -1 || write(src.fd, octets,
	    size_of(next_serial)) != (ssize_t)size_of(next_serial))
		exit(8);
	busy = 1;
	switch (body_in_start(bodies, &src, &m->in)) {
	case 1:
		busy = 0;
		put(m);
		break;
	case -1:
		exit(9);
	}
	close(src.fd);
}

static int
writer(const char *dir)
{
	struct pollfd	 p;
	struct span	 k, v;

	if (chdir(dir) == -1)
		return (2);
	setup();
	next_serial = 1;
	if (dbenv_prev(db, span_of(NULL, 0), &k, &v) == 0 &&
	    span_get_u64(&k, &next_serial) == 0)
		next_serial++;
	p.fd = dbenv_fd(env);
	p.events = POLLIN;
	while (ended < MESSAGES) {
		while (!busy && started < MESSAGES &&
		    started - ended < INFLIGHT)
			one_message();
		dbenv_turn_end(env);
		poll(&p, 1, 1000);
		dbenv_notify(env);
	}
	dbenv_turn_end(env);
	body_close(bodies);
	dbenv_close(env);
	return (0);
}

/*
 * The judge.
 */
static uint64_t	 acked, acked_id;	/* highest so far */

static int
intact(uint64_t serial)
{
	static uint8_t	 want[LARGE + 100], got[LARGE + 100];
	uint64_t	 id = body_of(serial);
	ssize_t		 n;

	fill(want, serial);
	n = id == 0 ? -1 : body_read(bodies, id, 0, got, sizeof(got));
	if (n == (ssize_t)size_of(serial) &&
	    memcmp(want, got, (size_t)n) == 0)
		return (1);
	printf("# message %llu is damaged: body %llu, %zd octets\n",
	    (unsigned long long)serial, (unsigned long long)id, n);
	return (0);
}

static int
big_files(void)
{
	struct dirent	*d;
	char		 path[64];
	DIR		*dir;
	int		 i, n = 0;

	for (i = 0; i < 256; i++) {
		snprintf(path, sizeof(path), "env/big/%02x", i);
		if ((dir = opendir(path)) == NULL)
			continue;
		while ((d = readdir(dir)) != NULL)
			n += d->d_name[0] != '.';
		closedir(dir);
	}
	return (n);
}

/* Number of complaints. */
static int
judge(void)
{
	struct dbenv_iter	 it;
	struct span		 k, v;
	uint64_t		 serial = 0, first = 0, last = 0, id = 0, big = 0;
	int			 bad = 0, r, n = 0, nbody = 0;

	setup();
	dbenv_iter_init(&it, db, span_of(NULL, 0), span_of(NULL, 0));
	while ((r = dbenv_iter_next(&it, &k, &v)) == 1) {
		span_get_u64(&k, &serial);
		bad += (last != 0 && serial != last + 1) || !intact(serial);
		bad += body_of(serial) <= id;
		id = body_of(serial);
		big += size_of(serial) > BODY_INLINE;
		if (first == 0)
			first = serial;
		last = serial;
		n++;
	}
	dbenv_iter_free(&it);
	bad += r == -1;
	if (last < acked || n != (last < KEPT ? (int)last : KEPT))
		printf("# %llu to %llu are there, %llu was acknowledged (%d)\n",
		    (unsigned long long)first, (unsigned long long)last,
		    (unsigned long long)acked, ++bad);
	id = 0;
	while (body_next(bodies, id, &id) == 0)
		nbody++;
	if (nbody != n || big_files() != (int)big)
		printf("# %d messages, %d bodies, %d files (%d)\n", n, nbody,
		    big_files(), ++bad);
	if (acked_id != 0 && last == acked && body_of(last) != acked_id)
		printf("# another identity (%d)\n", ++bad);
	body_close(bodies);
	dbenv_close(env);
	return (bad);
}

static void
read_acks(int fd, int *bad)
{
	unsigned long long	 serial, id;
	FILE			*f = fdopen(fd, "r");
	char			 line[128];

	while (fgets(line, sizeof(line), f) != NULL) {
		if (line[0] == '#')
			continue;
		if (sscanf(line, "%llu %llu\n", &serial, &id) != 2 ||
		    line[strlen(line) - 1] != '\n')
			continue;	/* the writer died over it */
		if (serial <= acked || id <= acked_id) {
			printf("# %llu %llu was given twice\n", serial, id);
			(*bad)++;
		}
		acked = serial;
		acked_id = id;
	}
	fclose(f);
}

/* Run the writer, under strace when inject is not NULL; its exit status. */
static int
run_writer(const char *self, const char *inject, int *bad)
{
	char	 trace[64] = "";
	int	 p[2], status;
	pid_t	 pid;

	if (pipe(p) == -1)
		exit(1);
	if (inject != NULL)
		snprintf(trace, sizeof(trace), "trace=%.*s",
		    (int)strcspn(inject + 7, ":"), inject + 7);
	fflush(stdout);
	if ((pid = fork()) == 0) {
		dup2(p[1], STDOUT_FILENO);
		close(p[0]);
		close(p[1]);
		if (inject == NULL)
			execl(self, self, "write", dbtest_dir, (char *)NULL);
		else
			/* stopping at the calls in question alone */
			execlp("strace", "strace", "-f", "--seccomp-bpf",
			    "-qq", "-o", "/dev/null", "-e", trace, "-e", inject,
			    self, "write", dbtest_dir, (char *)NULL);
		_exit(127);
	}
	close(p[1]);
	read_acks(p[0], bad);
	waitpid(pid, &status, 0);
	return (status);
}

static const char	*calls[] = {
	"fdatasync", "fsync", "pwrite64", "linkat", "unlinkat", "openat",
	"write",
};

static void
sweep(const char *self, const char *call, const char *how, int all)
{
	char	 inject[96];
	int	 n, status, kills = 0, bad = 0, runs = 0;

	for (n = 1; n < 100000; n += all ? 1 : 1 + n / 2) {
		snprintf(inject, sizeof(inject), "inject=%s:%s:when=%d", call,
		    how, n);
		status = run_writer(self, inject, &bad);
		runs++;
		bad += judge();
		if (bad != 0)
			break;
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			break;
		kills++;
	}
	CHECK(bad == 0 && kills > 0, "%s, %s: %d of %d runs ended early, "
	    "%llu messages acknowledged so far%s%s", call, how, kills, runs,
	    (unsigned long long)acked, bad != 0 ? ", wrong at " : "",
	    bad != 0 ? inject : "");
}

int
main(int argc, char **argv)
{
	const char	*env_all = getenv("CRASH_SWEEP");
	char		*self;
	size_t		 i;
	int		 bad = 0, all;

	if (argc == 3 && strcmp(argv[1], "write") == 0)
		return (writer(argv[2]));
	all = env_all != NULL && strcmp(env_all, "all") == 0;
	if ((self = realpath(argv[0], NULL)) == NULL)
		return (1);
	dbtest_begin();
	CHECK(run_writer(self, NULL, &bad) == 0 && bad == 0 &&
	    acked == MESSAGES && judge() == 0, "a whole run");
	if (run_writer(self, "inject=mlock:error=EPERM:when=1", &bad) != 0) {
		printf("ok 2 # skip strace does not run here\n1..2\n");
		free(self);
		return (test_failed);
	}
	for (i = 0; i < nitems(calls); i++)
		sweep(self, calls[i], "signal=KILL", all);
	sweep(self, "fdatasync", "error=EIO", all);
	sweep(self, "pwrite64", "error=ENOSPC", all);
	free(self);
	return (test_done());
}
