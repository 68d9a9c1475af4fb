/*
 * The queue dies at each of its flushes in the life of a message: before it is
 * accepted, before the start of an attempt is on disk, after the answer and
 * before the result is, while the report is written.  It dies once with what
 * the kernel had (kill -9), and once without what had not been flushed, as if
 * the power had gone.  Meanwhile the loop goes on: what is not to be done
 * before the flush would show.
 *
 * What was accepted is there afterwards; a worker gets it twice only if it had
 * it before, and then the log says so; a store gets one delivery id only.
 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "standin.h"

#define FLUSHES	7	/* at most */
#define MANY	3000	/* recipients of one message (M11) */
#define HANDED	15	/* groups of them that workers have, then it dies */
#define LOG	"log.0000000001"
#define LOG_MAX	(4 << 20)	/* more than these write */
#define LOG_FEW	(256 << 10)	/* one message */
#define LINGER	100000000	/* ns the loop goes on after the last one */

static const char	 body[] = "From: alice@letterlock.test\r\n\r\nhello\r\n";

static const struct {
	const char	*name, *to;
	enum result	 relay;
	unsigned	 workers, stores;	/* deliveries of a quiet life */
	unsigned	 first, last;		/* flushes, and one more */
} scenes[] = {
	/* accepted, begun, result */
	{ "relayed",	"y@example.org",	RESULT_OK,	1, 0, 1, 4 },
	/* the result, then the report, and that one's result */
	{ "refused",	"y@example.org",	RESULT_NO,	1, 1, 3, 7 },
	{ "local",	"bob@letterlock.test",	RESULT_OK,	0, 1, 1, 3 },
};

/* What a run came to, for the process that tells. */
static struct run {
	int	 accepted;		/* 250 was said */
	int	 whole;			/* no flush was the last */
	unsigned workers[2], stores[2];	/* before and after the crash */
	uint8_t	 id[16];		/* of the first at a store */
	unsigned ids;			/* different ones */
	int	 warned;		/* "possible duplicate" in the log */
	int	 empty;
}			*runs, *run;
static struct many {
	uint8_t	 got[2][MANY];		/* by recipient, before and after */
	unsigned twice, warned, missing;
}			*many;
static int		 life;		/* 0: before the crash, 1: after it */
static int		 left;		/* flushes until it; 0: none */
static int		 power;
static uint8_t		*durable;	/* the log as it is on disk */
static size_t		 extent = LOG_FEW;

int	 fdatasync(int);

static int
is_log(int fd)
{
	struct stat	 a, b;

	return (fstat(fd, &a) == 0 && stat(LOG, &b) == 0 &&
	    a.st_ino == b.st_ino);
}

/* What was not flushed is not there. */
static void
power_loss(void)
{
	int	 fd = open(LOG, O_WRONLY);

	if (fd == -1 || pwrite(fd, durable, extent, 0) != (ssize_t)extent)
		_exit(4);
	close(fd);
}

/* libdb's, in the thread that flushes. */
int
fdatasync(int fd)
{
	struct timespec	 t = { 0, LINGER };

	if (left > 0 && --left == 0) {
		nanosleep(&t, NULL);
		if (power)
			power_loss();
		kill(getpid(), SIGKILL);
	}
	if (is_log(fd) &&
	    pread(fd, durable, extent, 0) != (ssize_t)extent)
		_exit(4);
	return ((int)syscall(SYS_fdatasync, fd));
}

static void
told_many(const struct got *g)
{
	char		*s, *e, room[sizeof(g->to)];
	unsigned long	 n;

	memcpy(room, g->to, sizeof(room));
	for (s = room; *s != '\0'; s = *e == '\0' ? e : e + 1) {
		n = strtoul(s, &e, 10);
		if (n < MANY)
			many->got[life][n]++;
		e += strcspn(e, " ");
	}
	if (life == 0 && ++run->workers[0] == HANDED)
		left = 1;
}

static void
told(const struct got *g)
{
	if (many != NULL) {
		told_many(g);
		return;
	}
	if (g->relay) {
		run->workers[life]++;
		return;
	}
	run->stores[life]++;
	if (run->ids == 0 || memcmp(run->id, g->id, 16) != 0)
		run->ids++;
	memcpy(run->id, g->id, 16);
}

static int
quiet(size_t i)
{
	return (si_count(q.rcpt) == 0 && dbenv_flushed(q.env) ==
	    dbenv_seq(q.env) && run->stores[0] + run->stores[1] >=
	    (run->accepted ? scenes[i].stores : 0));
}

static void
up(size_t i)
{
	si_base();
	si.told = told;
	si.relay = (uint8_t)scenes[i].relay;
	si.relay_code = scenes[i].relay == RESULT_OK ? 250 : 550;
	si_up();
}

/* Until its last flush; or the whole of it. */
static void
before(size_t i, int flushes)
{
	up(i);
	UNTIL(dbenv_flushed(q.env) == dbenv_seq(q.env), 60);
	si_session(1, "alice");
	si_mail("alice@letterlock.test");
	si_rcpt(scenes[i].to, 0);
	left = flushes;
	run->accepted = si_data(body) == 250;
	UNTIL(quiet(i), 60);
	run->whole = 1;
	_exit(0);
}

/* The log of the second life. */
static int
log_has(const char *text)
{
	static char	 room[1 << 20];
	ssize_t		 n;
	int		 fd = open("log", O_RDONLY);

	fflush(stderr);
	n = fd == -1 ? -1 : read(fd, room, sizeof(room) - 1);
	if (fd != -1)
		close(fd);
	if (n < 0)
		return (0);
	room[n] = '\0';
	return (strstr(room, text) != NULL);
}

static void
one(size_t i, int flushes)
{
	pid_t	 pid;
	int	 status;

	si_open_only();
	if ((pid = fork()) == 0)
		before(i, flushes);
	waitpid(pid, &status, 0);
	life = 1;
	if (freopen("log", "w", stderr) == NULL)
		_exit(1);
	log_level(LOG_LEVEL_WARN);
	up(i);
	UNTIL(quiet(i), 60);
	run->empty = quiet(i);
	run->warned = log_has("possible duplicate");
	si_close();
	_exit(0);
}

static void
check(const char *name, const struct run *r, unsigned workers, unsigned stores)
{
	unsigned	 w = r->workers[0] + r->workers[1];

	CHECK(r->empty, "%s: it runs empty", name);
	if (r->accepted) {
		CHECK(w >= workers && r->ids == stores, "%s: accepted, and "
		    "there: %u at workers, %u at stores", name, w, r->ids);
	} else
		CHECK(w <= workers && r->ids <= stores, "%s: not accepted, "
		    "and not there twice", name);
	CHECK(r->workers[1] == 0 || r->workers[0] == 0 || r->warned,
	    "%s: twice at a worker, and the log says so", name);
	CHECK(r->workers[0] <= 1 && r->workers[1] <= 1,
	    "%s: no more than twice: %u, %u", name, r->workers[0],
	    r->workers[1]);
	CHECK(!r->whole || r->workers[1] + r->stores[1] == 0,
	    "%s: what was over stays so", name);
}

static void
scene(size_t i)
{
	pid_t		 pids[2 * FLUSHES];
	char		 name[64];
	unsigned	 k, n, twice = 0;
	int		 status;

	n = 2 * (scenes[i].last - scenes[i].first + 1);
	memset(runs, 0, 2 * FLUSHES * sizeof(*runs));
	for (k = 0; k < n; k++) {
		run = &runs[k];
		power = k % 2 == 1;
		if ((pids[k] = fork()) == 0)
			one(i, (int)(k / 2 + scenes[i].first));
	}
	for (k = 0; k < n; k++) {
		waitpid(pids[k], &status, 0);
		snprintf(name, sizeof(name), "%s, %s at flush %u",
		    scenes[i].name, k % 2 == 1 ? "no power" : "killed",
		    k / 2 + scenes[i].first);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		    "%s: and up again", name);
		check(name, &runs[k], scenes[i].workers, scenes[i].stores);
		twice += runs[k].workers[0] + runs[k].workers[1] > 1;
	}
	CHECK(scenes[i].first > 1 ||
	    (!runs[0].accepted && !runs[1].accepted),
	    "%s: not accepted before the first flush", scenes[i].name);
	CHECK(runs[n - 1].whole && runs[n - 1].accepted,
	    "%s: all its flushes were tried", scenes[i].name);
	/* the answer was there, the result was not */
	CHECK(scenes[i].workers == 0 || twice > 0,
	    "%s: a lost result is among these", scenes[i].name);
}

/* ---- one message, many recipients -------------------------------------- */

static void
fill_read(struct intake *in, int error)
{
	if (error != 0 || db_begin() == -1 || db_end(intake_put(in)) == -1)
		_exit(3);
	intake_schedule(in);
}

static void
fill(void)
{
	struct intake_body	 b = { .fd = -1, .max = 1000 };
	struct intake		*in = intake_new();
	struct rec_rcpt		*r;
	char			 address[32];
	int			 i;

	in->m.from = intake_keep(in, span_str("alice@letterlock.test"));
	b.prefix = span_str(body);
	for (i = 0; i < MANY; i++) {
		snprintf(address, sizeof(address), "%d@h.ex", i);
		r = intake_rcpt(in);
		r->kind = RK_REMOTE;
		r->address = intake_keep(in, span_str(address));
		r->dest = intake_keep(in, span_str("h.ex"));
	}
	intake_read(in, &b, fill_read);
}

/* Those that it went to twice, and of these the log says so. */
static void
count_many(void)
{
	char	 text[64];
	int	 i;

	for (i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "possible duplicate to=<%d@h.ex>",
		    i);
		if (many->got[0][i] + many->got[1][i] == 0)
			many->missing++;
		if (many->got[0][i] + many->got[1][i] > 1) {
			many->twice++;
			many->warned += log_has(text) != 0;
		}
	}
}

static void
many_one(void)
{
	pid_t	 pid;
	int	 status;

	si_open_only();
	if ((pid = fork()) == 0) {
		up(0);
		fill();
		UNTIL(0, 120);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	life = 1;
	if (!WIFSIGNALED(status) || freopen("log", "w", stderr) == NULL)
		_exit(1);
	log_level(LOG_LEVEL_WARN);
	up(0);
	UNTIL(si_count(q.rcpt) == 0, 60);
	if (si_count(q.rcpt) == 0)
		count_many();
	si_close();
	_exit(0);
}

static void
test_many(int without_power)
{
	unsigned	 before = 0, i;
	pid_t		 pid;
	int		 status;

	memset(many, 0, sizeof(*many));
	memset(runs, 0, sizeof(*runs));
	run = runs;
	power = without_power;
	life = 0;
	if ((pid = fork()) == 0)
		many_one();
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "M11 died among many recipients, and up again");
	for (i = 0; i < MANY; i++)
		before += many->got[0][i];
	CHECK(before >= HANDED * 50 && before < MANY,
	    "M11 when some of them were done: %u", before);
	CHECK(many->missing == 0, "M11 each is delivered");
	CHECK(many->twice < before, "M11 those done are not again: %u twice",
	    many->twice);
	CHECK(many->twice == many->warned, "M11 and of each that may be "
	    "the log says so: %u", many->warned);
}

int
main(void)
{
	size_t	 i;

	runs = mmap(NULL, 2 * FLUSHES * sizeof(*runs), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (runs == MAP_FAILED || (durable = calloc(1, LOG_MAX)) == NULL)
		return (1);
	for (i = 0; i < nitems(scenes); i++)
		scene(i);
	many = mmap(NULL, sizeof(*many), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (many == MAP_FAILED)
		return (1);
	extent = LOG_MAX;
	test_many(0);
	test_many(1);
	free(durable);
	return (test_done());
}
