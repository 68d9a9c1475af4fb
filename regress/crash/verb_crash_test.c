/*
 * The store is killed at each call that changes the disk, before it, in the
 * middle of it and behind it, while it does one command that writes: afterwards
 * all that a client sees is as it was, or as the command leaves it, and that it
 * is when anybody was told anything.  Another session idles in the mailbox, or
 * wants to be told anyway (RFC 5465).  A delivery is handed over once more and is there once.
 *
 * CRASH_SWEEP=all: at every call, else at a choice of them.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../imapd/imaptest.h"

#define LARGE		70000		/* octets: a file */
#define CHOICE		1		/* calls of each, in an ordinary run */
#define TURNS		20000

enum moment { BEFORE, WITHIN, BEHIND, MOMENTS };

/* %L: a literal with a large message; %S: one with a small one. */
static const struct verb {
	const char	*name;
	const char	*text;		/* NULL: a delivery */
} verbs[] = {
	{ "APPEND",		"APPEND INBOX (\\Seen $new) %S" },
	{ "APPEND of a file",	"APPEND Work %L" },
	{ "MULTIAPPEND",	"APPEND INBOX %S (\\Flagged) %L %S" },
	{ "COPY",		"COPY 1:4 Work" },
	{ "MOVE",		"MOVE 1:4 Work/Deep" },
	{ "UID MOVE",		"UID MOVE 4 Archive" },
	{ "STORE",		"STORE 1:5 +FLAGS (\\Flagged $new)" },
	{ "STORE of one",	"STORE 4 -FLAGS (\\Seen)" },
	{ "EXPUNGE",		"EXPUNGE" },
	{ "UID EXPUNGE",	"UID EXPUNGE 2:3" },
	{ "CLOSE",		"CLOSE" },
	{ "CREATE",		"CREATE New/Deep" },
	{ "RENAME",		"RENAME Work Play/Hard" },
	{ "RENAME INBOX",	"RENAME INBOX Old" },
	{ "DELETE",		"DELETE Work/Deep" },
	{ "SUBSCRIBE",		"SUBSCRIBE Work" },
	{ "UNSUBSCRIBE",	"UNSUBSCRIBE Sent" },
	{ "SETMETADATA",	"SETMETADATA Work (/private/comment \"other\" "
				    "/shared/comment NIL)" },
	{ "SETACL",		"SETACL Work user2 lrswi" },
	{ "DELETEACL",		"DELETEACL Work/Deep user2" },
	{ "REPLACE",		"REPLACE 4 Work (\\Draft) %L" },
	{ "a delivery",		NULL },
};

/* What clients 1 and 2 were told before it died, for the process that looks. */
static struct told {
	char		 text[3][4096];
	size_t		 n[3];
	int		 answered;
	unsigned	 calls;
}			*told;

static pthread_mutex_t	 lock = PTHREAD_MUTEX_INITIALIZER;
static int		 fds[3] = { -1, -1, -1 };
static unsigned		 at;		/* this call; 0: none is counted */
static enum moment	 when;
static char		 large[LARGE + 1];
static const uint8_t	 delivery[16] = { 7 };

/* ---- calls that change the disk ------------------------------------------------ */

int	 fdatasync(int);
int	 fsync(int);
int	 ftruncate(int, off_t);
int	 posix_fallocate(int, off_t, off_t);
int	 rename(const char *, const char *);
int	 link(const char *, const char *);
int	 linkat(int, const char *, int, const char *, int);
int	 unlink(const char *);
int	 unlinkat(int, const char *, int);
ssize_t	 pwrite(int, const void *, size_t, off_t);

/* What has come to the clients. */
static void
pump(void)
{
	ssize_t	 k;
	int	 i;

	pthread_mutex_lock(&lock);
	for (i = 1; i <= 2; i++)
		while (fds[i] != -1 && (k = recv(fds[i], told->text[i] +
		    told->n[i], sizeof(told->text[i]) - 1 - told->n[i],
		    MSG_DONTWAIT)) > 0)
			told->n[i] += (size_t)k;
	pthread_mutex_unlock(&lock);
}

static void
die(void)
{
	pump();
	kill(getpid(), SIGKILL);
	pause();
}

/* Is this the call?  It dies before it. */
static int
is_it(void)
{
	if (at == 0 || __atomic_add_fetch(&told->calls, 1,
	    __ATOMIC_SEQ_CST) != at)
		return (0);
	if (when == BEFORE)
		die();
	return (1);
}

static int
done(int it, long rc)
{
	if (it)
		die();
	return ((int)rc);
}

/* Who is killed leaves what it wrote to the system: no need to wait for it. */
int
fdatasync(int fd)
{
	(void)fd;
	return (done(is_it(), 0));
}

int
fsync(int fd)
{
	(void)fd;
	return (done(is_it(), 0));
}

int
ftruncate(int fd, off_t n)
{
	int	 it = is_it();

	return (done(it, syscall(SYS_ftruncate, fd, n)));
}

/* For time's sake: the file given up when a disk is full is none. */
int
posix_fallocate(int fd, off_t off, off_t n)
{
	return (syscall(SYS_ftruncate, fd, off + n) == -1 ? errno : 0);
}

int
rename(const char *a, const char *b)
{
	int	 it = is_it();

	return (done(it, syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 0)));
}

int
link(const char *a, const char *b)
{
	int	 it = is_it();

	return (done(it, syscall(SYS_linkat, AT_FDCWD, a, AT_FDCWD, b, 0)));
}

int
linkat(int da, const char *a, int db, const char *b, int flags)
{
	int	 it = is_it();

	return (done(it, syscall(SYS_linkat, da, a, db, b, flags)));
}

int
unlink(const char *p)
{
	int	 it = is_it();

	return (done(it, syscall(SYS_unlinkat, AT_FDCWD, p, 0)));
}

int
unlinkat(int d, const char *p, int flags)
{
	int	 it = is_it();

	return (done(it, syscall(SYS_unlinkat, d, p, flags)));
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t off)
{
	int	 it = is_it();
	ssize_t	 k;

	k = syscall(SYS_pwrite64, fd, p, it && when == WITHIN ? n / 2 : n, off);
	if (it)
		die();
	return (k);
}

/* ---- the one that dies ---------------------------------------------------------- */

static void
say(int n, const char *text)
{
	const char	*line;

	t_send(n, "s ", 2);
	t_send(n, text, strlen(text));
	t_send(n, "\r\n", 2);
	while ((line = t_line(n)) != NULL && strncmp(line, "s ", 2) != 0 &&
	    line[0] != '+')
		continue;
	if (line == NULL || strncmp(line, "s OK", line[0] == '+' ? 0 : 4) != 0) {
		printf("# %s: %s\n", text, line == NULL ? "(nothing)" : line);
		exit(5);
	}
}

static void
say_verb(const char *text)
{
	char	 head[64];

	t_send(1, "t ", 2);
	for (; *text != '\0'; text++) {
		if (*text != '%') {
			t_send(1, text, 1);
			continue;
		}
		if (*++text == 'S')
			snprintf(head, sizeof(head), "{25+}\r\nSubject: small"
			    "\r\n\r\nhello\r\n");
		else
			snprintf(head, sizeof(head), "{%d+}\r\n", LARGE);
		t_send(1, head, strlen(head));
		if (*text == 'L')
			t_send(1, large, LARGE);
	}
	t_send(1, "\r\n", 2);
}

static int
deliver_it(void)
{
	static const uint64_t	 to[] = { 1, 2 };

	return (t_deliver(delivery, large, LARGE, to, 2) == RESULT_OK);
}

/* One command, and what comes after it. */
static void
work(const char *dir, const struct verb *v, unsigned call, enum moment m)
{
	unsigned	 turn;

	t_open(dir);
	fds[1] = t_login(1, 1);
	fds[2] = t_login(2, 1);
	(void)t_line(1);
	(void)t_line(2);
	say(1, "ENABLE QRESYNC");
	say(1, "SELECT INBOX");
	say(2, "SELECT INBOX (CONDSTORE)");
	say(2, random() % 2 == 0 ? "IDLE" : "NOTIFY SET (selected (MessageNew "
	    "MessageExpunge FlagChange))");
	t_settle();
	memset(told, 0, sizeof(*told));
	when = m;
	at = call;
	if (v->text == NULL)
		told->answered = deliver_it();
	else
		say_verb(v->text);
	for (turn = 0; turn < TURNS && v->text != NULL &&
	    strstr(told->text[1], "t OK") == NULL; turn++) {
		t_loop();
		pump();
	}
	t_settle();
	pump();
	at = 0;
	_exit(0);
}

/* ---- the one that looks ---------------------------------------------------------- */

/*
 * Not a part of what was done: \Recent is a late write; a keyword is known before
 * it is on a message.
 */
static int
is_aside(char *line)
{
	size_t	 n = strlen(line);
	char	*p = strstr(line, "\\Recent");

	if (strstr(line, "FETCH (") != NULL && p != NULL) {
		n = p[-1] == ' ';
		memmove(p - n, p + 7, strlen(p + 7) + 1);
		if (n == 0 && *p == ' ')
			memmove(p, p + 1, strlen(p + 1) + 1);
		return (0);
	}
	return (strncmp(line, "* OK", 4) == 0 ||
	    strncmp(line, "* FLAGS", 7) == 0 ||
	    (n > 7 && strcmp(line + n - 7, " RECENT") == 0));
}

static const char *
ask(struct buf *out, const char *fmt, const char *arg)
{
	const char	*line;
	char		 text[512];

	snprintf(text, sizeof(text), fmt, arg);
	t_send(1, "a ", 2);
	t_send(1, text, strlen(text));
	t_send(1, "\r\n", 2);
	while ((line = t_line(1)) != NULL && strncmp(line, "a ", 2) != 0) {
		snprintf(text, sizeof(text), "%s", line);
		if (!is_aside(text))
			(void)buf_addf(out, "%s\n", text);
	}
	return (line);
}

/* All that an account has. */
static void
dump(struct buf *out, uint64_t account)
{
	struct buf	 list = { 0 };
	struct span	 s, line;
	char		 name[128];

	t_login(1, account);
	(void)t_line(1);
	(void)ask(&list, "LIST (RECURSIVEMATCH SUBSCRIBED) \"\" *%s", "");
	(void)buf_add_span(out, span_buf(&list));
	buf_reset(&list);
	(void)ask(&list, "LIST \"\" *%s", "");
	(void)buf_add_span(out, span_buf(&list));
	for (s = span_buf(&list); s.n > 0;) {
		(void)span_split(&s, '\n', &line);
		if (span_caseprefix(line, "* LIST (\\No"))
			continue;
		while (line.n > 0 && memcmp(line.p, "\"/\" ", 4) != 0)
			line = span_of(line.p + 1, line.n - 1);
		snprintf(name, sizeof(name), "%.*s", (int)line.n - 4,
		    (const char *)line.p + 4);
		(void)ask(out, "STATUS %s (MESSAGES UIDNEXT UNSEEN DELETED "
		    "SIZE)", name);
		(void)ask(out, "GETACL %s", name);
		(void)ask(out, "GETMETADATA %s (/private/comment "
		    "/shared/comment)", name);
		(void)ask(out, "EXAMINE %s", name);
		(void)ask(out, "UID FETCH 1:* (FLAGS RFC822.SIZE BODY.PEEK[])",
		    name);
	}
	(void)buf_addc(out, '\0');
	buf_free(&list);
	t_logout(1);
}

static void
dump_all(const char *dir, struct buf *out, const char **why)
{
	char			 text[160];
	const char		*p;
	unsigned long long	 told_modseq, most = 0, is = 0;
	int			 i;

	t_open(dir);
	buf_reset(out);
	dump(out, 1);
	dump(out, 2);
	for (i = 1; i <= 2; i++)
		for (p = told->text[i]; (p = strstr(p, "MODSEQ ")) != NULL; p++)
			if ((sscanf(p, "MODSEQ (%llu", &told_modseq) == 1 ||
			    sscanf(p, "MODSEQ %llu", &told_modseq) == 1) &&
			    told_modseq > most)
				most = told_modseq;
	t_login(1, 1);
	(void)t_line(1);
	t_send(1, "a STATUS INBOX (HIGHESTMODSEQ)\r\n", 32);
	snprintf(text, sizeof(text), "%s", t_line(1));
	if (sscanf(text, "* STATUS INBOX (HIGHESTMODSEQ %llu)", &is) != 1 ||
	    is < most)
		*why = "HIGHESTMODSEQ is below what was told";
	t_logout(1);
}

static void
copy_of(const char *from, const char *to)
{
	char	 cmd[512];

	/* its many directories stay */
	snprintf(cmd, sizeof(cmd), "mkdir -p '%s' && find '%s' -type f -delete "
	    "&& cp -a --sparse=always '%s/.' '%s'", to, to, from, to);
	if (system(cmd) != 0)
		exit(1);
}

/* One kill, or none (call 0): the number of calls, and what is left. */
static unsigned
one(const char *template, const char *dir, const struct verb *v, unsigned call,
    enum moment m, struct buf *left, const char **why)
{
	int	 status;
	pid_t	 pid;

	copy_of(template, dir);
	fflush(stdout);
	memset(told, 0, sizeof(*told));
	if ((pid = fork()) == 0)
		work(dir, v, call, m);
	waitpid(pid, &status, 0);
	if (v->text != NULL)
		told->answered = strstr(told->text[1], "t OK") != NULL;
	if (WIFEXITED(status) ? WEXITSTATUS(status) != 0 || !told->answered :
	    WTERMSIG(status) != SIGKILL)
		*why = "it ended by itself";
	dump_all(dir, left, why);
	return (told->calls);
}

static int
same(const struct buf *a, const struct buf *b)
{
	return (a->n == b->n && memcmp(a->p, b->p, a->n) == 0);
}

/* Was anybody told that it is done? */
static int
told_anything(void)
{
	const char	*p, *end;
	char		 line[64];
	int		 i;

	for (i = 1; i <= 2; i++)
		for (p = told->text[i]; (end = strchr(p, '\r')) != NULL;
		    p = end + 2) {
			snprintf(line, sizeof(line), "%.*s", (int)(end - p),
			    p);
			if (strncmp(line, "* FLAGS", 7) != 0)
				return (1);
		}
	return (told->answered);
}

/* Where they begin to differ. */
static void
show(const char *name, const struct buf *b, const struct buf *other)
{
	size_t	 i = 0, k;

	while (i < b->n && i < other->n && b->p[i] == other->p[i])
		i++;
	k = i;
	while (k > 0 && b->p[k - 1] != '\n')
		k--;
	printf("# %s: %.*s\n", name, b->n - k > 200 ? 200 : (int)(b->n - k),
	    (const char *)b->p + k);
}

static void
check(const char *template, const char *dir, const struct verb *v,
    const struct buf *was, const struct buf *will, unsigned call, enum moment m)
{
	static const char *const moments[] = { "before", "within", "behind" };
	struct buf	 left = { 0 };
	const char	*why = NULL;

	(void)one(template, dir, v, call, m, &left, &why);
	if (why == NULL && !same(&left, was) && !same(&left, will))
		why = "something is half done";
	if (why == NULL && told_anything() && !same(&left, will))
		why = "what was told is not so";
	if (!CHECK(why == NULL, "%s, killed %s call %u: %s%s", v->name,
	    moments[m], call, told->answered ? "answered" : "not answered",
	    why == NULL ? "" : why)) {
		printf("# %s\n# told: %s\n# and: %s\n", why, told->text[1],
		    told->text[2]);
		show("left", &left, will);
		show("done", will, &left);
		show("was", was, &left);
	}
	if (v->text == NULL) {
		CHECK(deliver_it(), "it is handed over again");
		buf_reset(&left);
		dump(&left, 1);
		dump(&left, 2);
		CHECK(same(&left, will), "and is there once");
	}
	t_close();
	buf_free(&left);
}

static void
sweep(const char *template, const char *dir, const struct verb *v,
    const struct buf *was)
{
	const char	*all = getenv("CRASH_SWEEP"), *why = NULL;
	struct buf	 will = { 0 };
	unsigned	 n, calls, i;

	calls = one(template, dir, v, UINT32_MAX, BEFORE, &will, &why);
	t_close();
	CHECK(why == NULL && calls > 0 && !same(&will, was), "%s: %u calls%s",
	    v->name, calls, why == NULL ? "" : why);
	if (all != NULL && strcmp(all, "all") == 0)
		for (n = 1; n <= calls; n++)
			for (i = 0; i < MOMENTS; i++)
				check(template, dir, v, was, &will, n, i);
	else
		for (i = 0; i < CHOICE; i++)
			check(template, dir, v, was, &will, 1 +
			    (unsigned)random() % calls, (enum moment)(random() %
			    MOMENTS));
	buf_free(&will);
}

/* What all of them begin with. */
static void
fill(void)
{
	char	 text[512];
	int	 i;

	t_open(NULL);
	t_login(1, 2);
	(void)t_line(1);
	t_logout(1);
	t_login(1, 1);
	(void)t_line(1);
	say(1, "CREATE Work/Deep");
	say(1, "CREATE Work");
	say(1, "SETACL Work/Deep user2 lr");
	say(1, "SETMETADATA Work (/private/comment \"mine\" /shared/comment "
	    "\"ours\")");
	for (i = 1; i <= 5; i++) {
		snprintf(text, sizeof(text), "APPEND %s (%s) {14+}\r\n"
		    "Subject: %d\r\n\r\n", i == 5 ? "Work/Deep" : "INBOX", i ==
		    2 || i == 3 ? "\\Deleted" : "\\Seen $old", i);
		say(1, text);
	}
	say_verb("APPEND INBOX %L");
	while (strncmp(t_line(1), "t OK", 4) != 0)
		continue;
	say(1, "SELECT INBOX");
	say(1, "UID COPY 5 Work/Deep");
	t_settle();
	t_close();
}

int
main(void)
{
	char		 template[128], dir[160], cmd[512];
	const char	*why = NULL, *name = getenv("CRASH_VERB");
	struct buf	 was = { 0 };
	unsigned	 seed = (unsigned)getpid();
	size_t		 i;

	if (getenv("SEED") != NULL)
		seed = (unsigned)strtoul(getenv("SEED"), NULL, 10);
	printf("# SEED=%u\n", seed);
	srandom(seed);
	if ((told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0)) == MAP_FAILED)
		return (1);
	for (i = 0; i < LARGE; i++)
		large[i] = i % 70 == 68 ? '\r' : i % 70 == 69 ? '\n' :
		    (char)('a' + i % 23);
	memcpy(large, "Subject: large\r\n\r\n", 18);
	fill();
	snprintf(template, sizeof(template), "%s", t_dir());
	snprintf(cmd, sizeof(cmd), "rm -f %s/reserve", template);
	snprintf(dir, sizeof(dir), "%s.killed", template);
	if (system(cmd) != 0)
		return (1);
	copy_of(template, dir);
	dump_all(dir, &was, &why);
	t_close();
	for (i = 0; i < nitems(verbs); i++)
		if (name == NULL || strcmp(name, verbs[i].name) == 0)
			sweep(template, dir, &verbs[i], &was);
	buf_free(&was);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s' '%s'", template, dir);
	if (system(cmd) != 0)
		return (1);
	return (t_done());
}
