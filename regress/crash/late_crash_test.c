/*
 * Late changes of flags, and the store dies while they are told: killed, without
 * power (what was not flushed is not there), or of a flush that fails.  The
 * flush that is the last takes its time, so that the loop goes on telling.
 *
 * After a mere kill all flags are as the client was told.  Otherwise those that
 * are not have a modification sequence above all that it was told of, so that
 * asking for what has changed since is enough.
 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../imapd/imaptest.h"
#include "imapd/account.h"

#define ROUNDS		21
#define UIDS		40
#define LINGER		20000000	/* ns, of the last flush */
#define LOG_MAX		(4 << 20)	/* more than all rounds write */

enum end { KILLED, POWER, FAILED, ENDS };

/* What the client was told, for the process that looks. */
static struct told {
	uint64_t	 most;			/* modification sequence */
	uint32_t	 n;			/* messages: UIDs 1 to n */
	uint32_t	 lo, hi;		/* asked to be changed, no answer */
	uint32_t	 flags[UIDS + 1];
	unsigned	 answers;
}			*told;
static uint8_t		*durable;	/* the log as it is on disk */

static char		 log_name[128];
static enum end		 how;
static int		 left;			/* flushes until it */

static const char *const names[] = {
	"\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"
};

int	 fdatasync(int);

static int
is_log(int fd)
{
	struct stat	 a, b;

	return (log_name[0] != '\0' && fstat(fd, &a) == 0 &&
	    stat(log_name, &b) == 0 && a.st_ino == b.st_ino);
}

/* libdb's, in the thread that flushes. */
int
fdatasync(int fd)
{
	struct timespec	 t = { 0, LINGER };

	if (left > 0 && is_log(fd) && --left == 0) {
		nanosleep(&t, NULL);
		if (how != FAILED)
			kill(getpid(), SIGKILL);
		errno = EIO;
		return (-1);
	}
	if (left > 0 && is_log(fd) &&
	    pread(fd, durable, LOG_MAX, 0) != LOG_MAX)
		_exit(4);
	return ((int)syscall(SYS_fdatasync, fd));
}

/* What was not flushed is not there, and the system was booted. */
static void
power_loss(const char *dir)
{
	char	 boot[160];
	int	 fd = open(log_name, O_WRONLY);

	if (fd == -1 || pwrite(fd, durable, LOG_MAX, 0) != LOG_MAX)
		exit(1);
	close(fd);
	snprintf(boot, sizeof(boot), "%s/boot", dir);
	if (how == FAILED) {
		CHECK(access(boot, F_OK) == -1, "the boot is forgotten");
		return;
	}
	if ((fd = open(boot, O_WRONLY | O_TRUNC)) == -1 ||
	    write(fd, "another\n", 8) != 8)
		exit(1);
	close(fd);
}

static uint32_t
bits_of(const char *flags)
{
	uint32_t	 bits = 0;
	unsigned	 i;

	for (i = 0; i < 5; i++)
		if (strstr(flags, names[i]) != NULL)
			bits |= 1u << i;
	return (bits);
}

/* Up to the tagged answer: what is told is noted. */
static void
hear(void)
{
	unsigned long long	 modseq;
	const char		*line;
	char			 flags[128];
	unsigned		 uid;

	while ((line = t_line(1)) != NULL && line[0] == '*') {
		flags[0] = '\0';
		if (sscanf(line, "* %*u FETCH (UID %u FLAGS (%127[^)]) "
		    "MODSEQ (%llu))", &uid, flags, &modseq) != 3 &&
		    sscanf(line, "* %*u FETCH (UID %u FLAGS () "
		    "MODSEQ (%llu))", &uid, &modseq) != 2)
			continue;
		told->flags[uid] = bits_of(flags);
		if (modseq > told->most)
			told->most = modseq;
	}
	if (line == NULL || strncmp(line, "a OK", 4) != 0)
		_exit(3);
	told->answers++;
}

static void
say(const char *text)
{
	t_send(1, text, strlen(text));
	hear();
}

static void
store_some(void)
{
	char		 cmd[160];
	uint32_t	 lo = (uint32_t)random() % told->n + 1;
	uint32_t	 hi = random() % 3 == 0 ? told->n : lo;
	size_t		 n;
	unsigned	 i;

	told->lo = lo;
	told->hi = hi;
	n = (size_t)snprintf(cmd, sizeof(cmd), "a UID STORE %u:%u %sFLAGS (",
	    lo, hi, random() % 2 == 0 ? "" : random() % 2 == 0 ? "+" : "-");
	for (i = 0; i < 5; i++)
		if (random() % 2 == 0)
			n += (size_t)snprintf(cmd + n, sizeof(cmd) - n, "%s%s",
			    cmd[n - 1] == '(' ? "" : " ", names[i]);
	snprintf(cmd + n, sizeof(cmd) - n, ")\r\n");
	say(cmd);
	told->lo = told->hi = 0;
}

/* In a process of its own, until it dies. */
static void
work(const char *dir, unsigned seed, int flushes)
{
	int	 fd;

	if (freopen("/dev/null", "w", stdout) == NULL ||
	    freopen("/dev/null", "w", stderr) == NULL)
		_exit(2);
	srandom(seed);
	t_open(dir);
	t_login(1, 1);
	(void)t_line(1);
	say("a SELECT INBOX (CONDSTORE)\r\n");
	t_settle();
	if ((fd = open(log_name, O_RDONLY)) == -1 ||
	    pread(fd, durable, LOG_MAX, 0) != LOG_MAX)
		_exit(4);
	close(fd);
	left = flushes;
	for (;;) {
		if (told->n < 3 || (told->n < UIDS && random() % 20 == 0)) {
			/* it may be there, flags or not */
			told->lo = told->hi = told->n + 1;
			atomic_signal_fence(memory_order_seq_cst);
			told->n++;
			say("a APPEND INBOX {1+}\r\nx\r\n");
			told->lo = told->hi = 0;
		} else if (random() % 12 == 0)
			say("a CHECK\r\n");
		else
			store_some();
	}
}

/* All that is there is compared, and is what the next round knows. */
static void
look(unsigned round)
{
	struct dbenv_iter	 it;
	struct account		*a = account_find(t_part, 1);
	struct span		 key, val;
	struct msgrec		 r;
	uint32_t		 uid = 0;
	unsigned		 wrong = 0, differ = 0;
	uint8_t			 k[8];

	if (a == NULL)
		exit(1);
	wrong += a->inbox->st.modseq < told->most;
	dbenv_iter_init(&it, t_part->index, key_u64(k, a->inbox->id),
	    key_u64(k, a->inbox->id));
	while (dbenv_iter_next(&it, &key, &val) == 1 &&
	    msgrec_get(val, &r) == 0) {
		uid = key_uid(key);
		if (r.flags != told->flags[uid]) {
			differ++;
			if (how == KILLED ? uid < told->lo || uid > told->hi :
			    r.modseq <= told->most)
				wrong++;
		}
		wrong += r.modseq > a->inbox->st.modseq;
		told->flags[uid] = r.flags;
	}
	dbenv_iter_free(&it);
	/* the one that was under way may have come */
	wrong += uid != told->n && (uid + 1 != told->n || told->lo == 0);
	CHECK(wrong == 0, "round %u, end %d: %u answers, %u of %u differ: "
	    "%u wrong", round, (int)how, told->answers, differ, uid, wrong);
	told->n = uid;
	told->most = a->inbox->st.modseq;
	told->lo = told->hi = 0;
	account_put(a);
}

static void *
shared(size_t n)
{
	void	*p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED |
		    MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		exit(1);
	return (p);
}

int
main(void)
{
	char		 dir[64];
	unsigned	 r, answers = 0, seed = 20;
	int		 status, flushes;
	pid_t		 pid;

	if (getenv("SEED") != NULL)
		seed = (unsigned)strtoul(getenv("SEED"), NULL, 10);
	printf("# SEED=%u\n", seed);
	srandom(seed);
	told = shared(sizeof(*told));
	durable = shared(LOG_MAX);
	t_open(NULL);
	snprintf(dir, sizeof(dir), "%s", t_dir());
	t_login(1, 1);
	(void)t_line(1);
	t_close();
	for (r = 0; r < ROUNDS; r++) {
		snprintf(log_name, sizeof(log_name), "%s/log.0000000001", dir);
		how = (enum end)(r % ENDS);
		flushes = (int)random() % 6 + 1;
		seed = (unsigned)random();
		told->answers = 0;
		fflush(stdout);
		if ((pid = fork()) == 0)
			work(dir, seed, flushes);
		waitpid(pid, &status, 0);
		CHECK(how == FAILED ? WIFEXITED(status) &&
		    WEXITSTATUS(status) == 1 : WIFSIGNALED(status),
		    "round %u: died of %d", r, status);
		if (how != KILLED)
			power_loss(dir);
		log_name[0] = '\0';
		answers += told->answers;
		t_open(dir);
		look(r);
		t_close();
	}
	CHECK(answers > ROUNDS * 3, "%u answers", answers);
	t_remove();
	return (t_done());
}
