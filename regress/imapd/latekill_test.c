/*
 * Flags that a client was told, and a kill at any moment after: one changes
 * them as fast as it can, one is told in IDLE, one by NOTIFY.  Then the store
 * is opened again: whatever any of them has seen is there, or is overtaken by a
 * higher mod-sequence; no mod-sequence means two things; counters are right.
 *	latekill_test [kills [seed]]
 */
#include <sys/wait.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imaptest.h"
#include "told.h"

#define MESSAGES	30
#define KILLS		8
#define CLIENTS		3
#define AT_MOST		400	/* lines before a kill */

/* What a client was told, through a pipe that outlives who writes it. */
struct line {
	uint64_t	 modseq;
	uint32_t	 uid, flags, client;
};

static struct line	 told[MESSAGES + 1];	/* by UID, the newest */
static struct buf	 heard[CLIENTS + 1];
static uint32_t		 seed = 1;
static unsigned		 lines;

static unsigned
pick(unsigned n)
{
	seed = seed * 1664525u + 1013904223u;
	return ((seed >> 8) % n);
}

/* A FETCH response with UID, FLAGS and MODSEQ, in whatever order: 1 it is. */
static int
fetch(const char *s, struct line *l)
{
	const char	*uid = strstr(s, "UID "), *flags = strstr(s, "FLAGS ("),
			*modseq = strstr(s, "MODSEQ (");
	struct span	 all, f;

	memset(l, 0, sizeof(*l));
	if (uid == NULL || flags == NULL || modseq == NULL)
		return (0);
	l->uid = (uint32_t)strtoul(uid + 4, NULL, 10);
	l->modseq = strtoull(modseq + 8, NULL, 10);
	all = span_of(flags + 7, strcspn(flags + 7, ")"));
	while (all.n > 0) {
		(void)span_split(&all, ' ', &f);
		l->flags |= told_flag(f);
	}
	return (l->uid >= 1 && l->uid <= MESSAGES);
}

/* ---- the one that is killed ------------------------------------------------- */

static void
report(int fd, uint32_t client, const char *s)
{
	struct line	 l;

	if (!fetch(s, &l))
		return;
	l.client = client;
	if (write(fd, &l, sizeof(l)) != (ssize_t)sizeof(l))
		_exit(1);
}

static void
listen_to(int fd, int n)
{
	struct span	 got = t_take(n), line;
	char		*s;

	(void)buf_add_span(&heard[n], got);
	got = span_buf(&heard[n]);
	while (span_split(&got, '\n', &line) == 1) {
		if ((s = span_dup(line)) == NULL)
			_exit(1);
		report(fd, (uint32_t)n, s);
		free(s);
	}
	buf_drain(&heard[n], heard[n].n - got.n);
}

static void
say(int n, const char *text)
{
	t_send(n, text, strlen(text));
}

/* Until a tagged answer. */
static void
answer(int fd, int n)
{
	const char	*s;

	while ((s = t_line(n)) != NULL && strncmp(s, "t ", 2) != 0 &&
	    s[0] != '+')
		report(fd, (uint32_t)n, s);
}

static void
store(void)
{
	static const char *const flags[] = { "", "\\Seen", "\\Flagged",
	    "\\Seen \\Draft", "$k1", "$k2 \\Answered", "\\Seen $k1 $k3" };
	static const char *const hows[] = { "", "+", "-" };
	unsigned	 lo = 1 + pick(MESSAGES), hi = lo;
	char		 text[128];

	if (pick(8) == 0)
		hi = MESSAGES;
	snprintf(text, sizeof(text), "t UID STORE %u:%u %sFLAGS (%s)\r\n", lo,
	    hi, hows[pick(nitems(hows))], flags[pick(nitems(flags))]);
	say(1, text);
}

static void
change(const char *dir, int fd)
{
	static const char *const begins[] = { "t ENABLE QRESYNC\r\n",
	    "t SELECT INBOX\r\n" };
	unsigned	 i, k;
	int		 n;

	(void)alarm(300);
	t_open(dir);
	for (n = 1; n <= CLIENTS; n++) {
		(void)t_login(n, 1);
		(void)t_line(n);
		for (i = 0; i < nitems(begins); i++) {
			say(n, begins[i]);
			answer(fd, n);
		}
	}
	say(2, "t IDLE\r\n");
	answer(fd, 2);
	say(3, "t NOTIFY SET (selected (MessageNew MessageExpunge "
	    "FlagChange))\r\n");
	answer(fd, 3);
	for (;;) {
		/* one after the other, or several at once */
		for (i = k = 1 + (pick(4) == 0) * pick(6); i > 0; i--)
			store();
		for (i = 0; i < k; i++) {
			answer(fd, 1);
			listen_to(fd, 2);
			listen_to(fd, 3);
		}
	}
}

/* ---- the one that kills ------------------------------------------------------- */

static void
take(const struct line *l)
{
	struct line	*t = &told[l->uid];

	lines++;
	if (t->modseq == l->modseq && t->flags != l->flags)
		CHECK(0, "UID %u, MODSEQ %llu: client %u was told %x, client "
		    "%u %x", l->uid, (unsigned long long)l->modseq, t->client,
		    t->flags, l->client, l->flags);
	if (l->modseq > t->modseq)
		*t = *l;
}

/* Some lines, then it dies; what it has said until then counts. */
static void
kill_one(const char *dir)
{
	unsigned	 n = 1 + pick(AT_MOST);
	struct line	 l;
	int		 p[2], status;
	pid_t		 pid;

	if (pipe(p) == -1)
		abort();
	seed += 7919;		/* for both */
	fflush(stdout);
	if ((pid = fork()) == 0) {
		close(p[0]);
		change(dir, p[1]);
		_exit(1);
	}
	close(p[1]);
	while (read(p[0], &l, sizeof(l)) == (ssize_t)sizeof(l)) {
		take(&l);
		if (n > 0 && --n == 0)
			(void)kill(pid, SIGKILL);
	}
	close(p[0]);
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
	    WTERMSIG(status) == SIGKILL, "killed");
}

static void
one_message(const struct line *l, uint64_t highest)
{
	const struct line	*t = &told[l->uid];

	if (l->modseq < t->modseq)
		CHECK(0, "UID %u: MODSEQ %llu, client %u was told %llu",
		    l->uid, (unsigned long long)l->modseq, t->client,
		    (unsigned long long)t->modseq);
	if (l->modseq == t->modseq && l->flags != t->flags)
		CHECK(0, "UID %u, MODSEQ %llu: %x, client %u was told %x",
		    l->uid, (unsigned long long)l->modseq, l->flags,
		    t->client, t->flags);
	if (l->modseq > highest)
		CHECK(0, "UID %u: MODSEQ %llu above %llu", l->uid,
		    (unsigned long long)l->modseq,
		    (unsigned long long)highest);
}

/* All of it as a fresh session sees it. */
static void
look(const char *dir)
{
	uint64_t	 highest = 0;
	unsigned	 n = 0, unseen = 0;
	struct line	 l;
	const char	*s, *at;

	t_open(dir);
	(void)t_login(1, 1);
	(void)t_line(1);
	say(1, "s STATUS INBOX (UNSEEN HIGHESTMODSEQ)\r\n");
	if ((s = t_line(1)) != NULL && (at = strstr(s, "MODSEQ ")) != NULL)
		highest = strtoull(at + 7, NULL, 10);
	if (s != NULL && (at = strstr(s, "UNSEEN ")) != NULL)
		unseen = (unsigned)strtoul(at + 7, NULL, 10);
	say(1, "t EXAMINE INBOX\r\nu UID FETCH 1:* (FLAGS MODSEQ)\r\n");
	while ((s = t_line(1)) != NULL && strncmp(s, "u ", 2) != 0) {
		if (!fetch(s, &l))
			continue;
		one_message(&l, highest);
		n++;
		unseen -= (l.flags & TOLD_SEEN) == 0;
	}
	CHECK(n == MESSAGES && unseen == 0, "%u messages, UNSEEN is off by %d",
	    n, (int)unseen);
	t_close();
}

int
main(int argc, char **argv)
{
	char	 dir[128];
	int	 i, kills = argc > 1 ? atoi(argv[1]) : KILLS;

	if (argc > 2)
		seed = (uint32_t)strtoul(argv[2], NULL, 10);
	t_open(NULL);
	snprintf(dir, sizeof(dir), "%s", t_dir());
	(void)t_login(1, 1);
	(void)t_line(1);
	for (i = 0; i < MESSAGES; i++)
		t_append("INBOX", "", " 1-Jan-2020 00:00:00 +0000",
		    "Subject: s\r\n\r\n");
	t_close();
	for (i = 0; i < kills; i++) {
		kill_one(dir);
		look(dir);
	}
	CHECK(lines > 0, "%u lines, %d kills", lines, kills);
	t_remove();
	return (t_done());
}
