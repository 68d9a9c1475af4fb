/*
 * Deliveries: exactly once, all recipients or none; stages; what goes with an
 * account; what a full disk undoes.
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imapd/account.h"
#include "imapd/deliver.h"
#include "imapd/ending.h"
#include "imapd/session.h"
#include "imapd/stage.h"
#include "imaptest.h"

#define TEXT	"Subject: hello\r\n\r\nworld\r\n"
#define MANY	250	/* mailboxes */
#define PREFIX	"Return-Path: <sender@example.org>\r\n"

static uint8_t	 id[16];

/* How many messages are in somebody's INBOX. */
static unsigned
messages(uint64_t n)
{
	struct account	*a;
	unsigned	 m;

	if ((a = account_find(t_part, n)) == NULL)
		return (0);
	m = a->inbox->st.messages;
	account_put(a);
	return (m);
}

/* Bodies in the partition; references of the last. */
static unsigned
bodies(unsigned *refs)
{
	struct body_info	 info = { 0 };
	uint64_t		 b = 0, next;
	unsigned		 n = 0;

	while (body_next(t_part->bodies, b, &next) == 0) {
		b = next;
		n++;
		if (body_stat(t_part->bodies, b, &info) == 0)
			*refs = info.refs;
	}
	return (n);
}

static enum result
to(const char *text, size_t n, ...)
{
	va_list		 ap;
	uint64_t	 v[8];
	size_t		 i;

	va_start(ap, n);
	for (i = 0; i < n; i++)
		v[i] = va_arg(ap, unsigned);
	va_end(ap);
	return (t_deliver(id, text, strlen(text), v, n));
}

/* The octets of the first body. */
static int
body_is(const char *prefix, const char *text)
{
	static char	 room[1 << 20];
	uint64_t	 b, off = 0;
	size_t		 n = strlen(prefix);
	ssize_t		 k;

	if (body_next(t_part->bodies, 0, &b) == -1)
		return (0);
	while ((k = body_read(t_part->bodies, b, off, room + off,
	    sizeof(room) - off)) > 0)
		off += (uint64_t)k;
	return (off == n + strlen(text) && memcmp(room, prefix, n) == 0 &&
	    memcmp(room + n, text, strlen(text)) == 0);
}

static void
test_once(void)
{
	struct msg_settled	 done = { .partition = 0 };
	unsigned		 refs = 0;

	t_open(NULL);
	id[0] = 1;
	CHECK(to(TEXT, 3, 1, 2, 1) == RESULT_OK, "delivered");
	CHECK(messages(1) == 1 && messages(2) == 1, "each has it once");
	CHECK(bodies(&refs) == 1 && refs == 2, "one body, two references");
	CHECK(body_is(PREFIX, TEXT), "with Return-Path");
	CHECK(to(TEXT, 2, 1, 2) == RESULT_OK, "the same again is accepted");
	CHECK(messages(1) == 1 && messages(2) == 1 && bodies(&refs) == 1,
	    "and not delivered again");
	CHECK(to(TEXT, 3, 1, 2, 3) == RESULT_OK && messages(1) == 1 &&
	    messages(3) == 1, "who did not have it gets it");
	CHECK(to("other\r\n", 1, 1) == RESULT_OK && messages(1) == 2,
	    "another message under that id is another");
	t_close();
	t_open(t_dir());
	CHECK(to(TEXT, 2, 1, 2) == RESULT_OK && messages(1) == 2 &&
	    messages(2) == 1, "known after a restart");
	memcpy(done.id, id, 16);
	deliver_settled(&t_store, &done);
	CHECK(to(TEXT, 1, 1) == RESULT_OK && messages(1) == 3,
	    "settled: the key is gone");
	t_store.limits.quota = 300;
	id[0] = 2;
	CHECK(to("x\r\n", 2, 1, 3) == RESULT_OK && messages(3) == 2,
	    "within the quota");
	CHECK(t_deliver(id, (char[400]){ 1 }, 400, (uint64_t[]){ 1, 3 }, 2) ==
	    RESULT_TEMP && messages(3) == 2, "over the quota nobody gets it");
	id[0] = 2;
	t_store.limits.quota = 1;
	CHECK(to("x\r\n", 2, 1, 3) == RESULT_OK && messages(3) == 2,
	    "who has it already needs no room for it");
	t_close();
	t_remove();
}

static void
test_large(void)
{
	static char	 text[300001];
	unsigned	 refs = 0;
	uint64_t	 seq;
	struct body_stats st;

	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "Subject: large\r\n\r\n", 18);
	t_open(NULL);
	id[0] = 3;
	CHECK(to(text, 2, 1, 2) == RESULT_OK && messages(1) == 1 &&
	    messages(2) == 1, "a large one");
	CHECK(body_is(PREFIX, text), "its octets");
	CHECK(to(text, 2, 1, 2) == RESULT_OK && messages(1) == 1,
	    "once, though sent twice");
	CHECK(bodies(&refs) == 1 && refs == 2, "one body");
	CHECK(account_remove(t_part, 1, &seq) == 0 && seq != 0,
	    "an account is removed");
	t_settle();
	CHECK(bodies(&refs) == 1 && refs == 1, "a reference went");
	CHECK(account_remove(t_part, 1, &seq) == 0 && seq == 0,
	    "it is not there any more");
	CHECK(account_remove(t_part, 2, &seq) == 0, "the other one");
	t_settle();
	body_stats(t_part->bodies, &st);
	CHECK(bodies(&refs) == 0 && st.unlinked >= 1, "the body went");
	t_close();
	t_remove();
}

/* An account with many mailboxes: a bounded number in a turn. */
static void
test_many(void)
{
	struct account	*a;
	struct mailbox	*mb;
	struct span	 s;
	unsigned	 i, turns = 1;
	uint64_t	 seq;
	size_t		 left;
	int		 rc = 0;
	char		 name[16];

	t_open(NULL);
	t_login(1, 1);
	(void)t_line(1);
	if ((a = account_find(t_part, 1)) == NULL)
		exit(1);
	for (i = 0; rc == 0 && i < MANY; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		s = span_str(name);
		rc = mailbox_create(a, s, 0, &mb) == -1 ||
		    account_subscribe(a, s, 1) == -1;
	}
	CHECK(rc == 0 && a->nmailboxes > MANY && a->nsubs > MANY, "%u", i);
	account_put(a);
	t_logout(1);
	t_settle();
	left = t_count(t_part->mailbox) + t_count(t_part->sub);
	CHECK(account_remove(t_part, 1, &seq) == -1 && errno == EAGAIN &&
	    t_count(t_part->mailbox) + t_count(t_part->sub) == left - 100,
	    "some of it goes");
	CHECK(to("one\r\n", 1, 1) == RESULT_OK, "a late delivery");
	t_close();
	t_open(t_dir());
	CHECK(messages(1) == 1, "it can be used after a restart");
	for (; account_remove(t_part, 1, &seq) == -1 && errno == EAGAIN; turns++)
		t_loop();
	CHECK(seq != 0 && turns == (left - 1) / 100, "%u turns", turns);
	t_settle();
	CHECK(t_count(t_part->mailbox) + t_count(t_part->sub) +
	    t_count(t_part->dead) + t_count(t_part->index) +
	    t_count(t_part->state) + t_count(t_part->account) == 0,
	    "all of it is gone");
	t_close();
	t_remove();
}

static int
descriptors(void)
{
	int	 fd, n = 0;

	for (fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return (n);
}

/* Each of the messages of test_stage() is the one that came. */
static void
each_its_own(void)
{
	static const char	 ask[] = "b SELECT INBOX\r\n"
				    "c FETCH 1:* BODY.PEEK[]<0.3>\r\n";
	const char		*l;
	unsigned		 n = 0;

	t_send(1, ask, sizeof(ask) - 1);
	while ((l = t_line(1)) != NULL && strncmp(l, "c OK", 4) != 0)
		if (strstr(l, "{3}") != NULL && (l = t_line(1)) != NULL)
			n += strtoul(l, NULL, 10) == n;
	CHECK(n == 40, "%u of them are what came", n);
	t_send(1, "d UNSELECT\r\n", 12);
	(void)t_line(1);
}

/* MULTIAPPEND of more than one transaction holds. */
static void
test_stage(void)
{
	static char		 text[60001];
	static const char	 head[] = "a APPEND INBOX";
	struct msgrec		 r = { .size = 3, .body = 1 };
	struct stage		*st;
	struct account		*a;
	unsigned		 refs, i;
	int			 open_before;

	memset(text, 'x', sizeof(text) - 1);
	t_open(NULL);
	t_login(1, 1);
	(void)t_line(1);
	open_before = descriptors();
	t_send(1, head, sizeof(head) - 1);
	for (i = 0; i < 40; i++) {
		t_send(1, " {60000+}\r\n", 11);
		(void)snprintf(text, sizeof(text), "%03u", i);
		text[3] = 'x';
		t_send(1, text, 60000);
		t_loop();
	}
	t_settle();
	CHECK(descriptors() < open_before + 10, "%d descriptors, %d before",
	    descriptors(), open_before);
	t_send(1, "\r\n", 2);
	CHECK(strstr(t_line(1), " 10001:10040] APPEND") != NULL,
	    "40 messages at once");
	CHECK(messages(1) == 40 && bodies(&refs) == 40, "all are there");
	each_its_own();
	id[0] = 4;
	CHECK(to(TEXT, 1, 1) == RESULT_OK && messages(1) == 41,
	    "a delivery behind them");
	/* A stage that comes to nothing, and one that a crash ended. */
	a = account_find(t_part, 1);
	st = stage_new(a->inbox);
	CHECK(st != NULL && stage_new(a->inbox) == NULL && errno == EAGAIN,
	    "one at a time");
	(void)dbenv_begin(t_part->env);
	for (i = 0; i < 120; i++)
		(void)stage_add(st, &r);
	CHECK(dbenv_commit(t_part->env) == 0, "staged");
	CHECK(to("behind\r\n", 1, 1) == RESULT_OK &&
	    a->inbox->st.uidnext == 10043, "a delivery meanwhile");
	stage_free(st);
	t_settle();
	CHECK(!ending_busy(t_part) && (st = stage_new(a->inbox)) != NULL,
	    "given up, and another can begin");
	stage_free(st);
	account_put(a);
	t_close();
	t_remove();
}

/* Killed while something is staged. */
static void
test_crash(void)
{
	char		 dir[] = "/tmp/imapd.XXXXXX";
	struct msgrec	 r = { .size = 3 };
	struct stage	*st;
	struct account	*a;
	struct span	 key, val;
	uint8_t		 k[12];
	unsigned	 refs = 0, i;
	int		 status;
	pid_t		 pid;

	id[0] = 5;
	if (mkdtemp(dir) == NULL)
		exit(1);
	if ((pid = fork()) == 0) {
		t_open(dir);
		(void)to(TEXT, 1, 1);
		a = account_find(t_part, 1);
		(void)body_next(t_part->bodies, 0, &r.body);
		st = stage_new(a->inbox);
		(void)dbenv_begin(t_part->env);
		for (i = 0; i < 120; i++)
			if (body_ref(t_part->bodies, r.body, 1) == -1 ||
			    stage_add(st, &r) == -1)
				_exit(1);
		(void)dbenv_commit(t_part->env);
		(void)dbenv_seq(t_part->env);
		(void)to(TEXT "x", 1, 1);	/* flushes */
		_exit(0);
	}
	waitpid(pid, &status, 0);
	CHECK(status == 0, "killed with a stage");
	t_open(dir);
	a = account_find(t_part, 1);
	t_settle();
	CHECK(messages(1) == 2 && bodies(&refs) == 2, "none of it is seen");
	CHECK(dbenv_next(t_part->index, key_msg(k, a->inbox->id, 3), &key,
	    &val) == -1 && refs == 1, "and none of it is left");
	account_put(a);
	t_close();
	t_remove();
}

/* Leave so much space on the disk of dir. */
static void
fill(const char *dir, uint64_t leave)
{
	static char	 block[65536];
	char		 name[64];
	struct statvfs	 sv;
	int		 fd;

	snprintf(name, sizeof(name), "%s/filler", dir);
	fd = open(name, O_CREAT | O_WRONLY | O_APPEND, 0600);
	while (statvfs(dir, &sv) == 0 &&
	    (uint64_t)sv.f_bavail * sv.f_frsize > leave)
		if (write(fd, block, (uint64_t)sv.f_bavail * sv.f_frsize -
		    leave < sizeof(block) ? 4096 : sizeof(block)) == -1)
			break;
	close(fd);
}

/*
 * The disk fills up behind the store's back: some are refused, or the process
 * ends.  How many were accepted goes to out, one octet each.
 */
static void
until_full(const char *dir, int out)
{
	static char	 text[20001];
	const char	*l;
	enum result	 r = RESULT_OK;
	char		 want[32];
	int		 i;

	memset(text, 'x', sizeof(text) - 1);
	t_open(dir);
	t_login(1, 1);
	(void)t_line(1);
	t_send(1, "a SELECT INBOX\r\n", 16);
	for (i = 0; i < 200 && r == RESULT_OK; i++) {
		if (i == 5)
			fill(dir, 600 * 1024);
		id[2]++;
		if ((r = to(text, 1, 1)) == RESULT_OK &&
		    write(out, "x", 1) != 1)
			_exit(2);
	}
	if (r != RESULT_TEMP || messages(1) != (unsigned)i - 1)
		_exit(3);
	/* The session is told of those, and of no other. */
	snprintf(want, sizeof(want), "* %d EXISTS", i - 1);
	t_send(1, "b NOOP\r\n", 8);
	while ((l = t_line(1)) != NULL && strncmp(l, "b ", 2) != 0)
		if (strcmp(l, want) == 0)
			want[0] = '\0';
	_exit(want[0] == '\0' && l != NULL ? 0 : 4);
}

static void
test_full(void)
{
	char		 dir[] = "/tmp/imapd.XXXXXX", name[64], c;
	unsigned	 kept = 0, refs;
	int		 fds[2], status;
	pid_t		 pid;

	if (mkdtemp(dir) == NULL || pipe(fds) == -1)
		exit(1);
	if (mount("tmpfs", dir, "tmpfs", 0, "size=128m") == -1) {
		CHECK(1, "# skip no tmpfs of our own: %s", strerror(errno));
		rmdir(dir);
		return;
	}
	id[0] = 6;
	if ((pid = fork()) == 0)
		until_full(dir, fds[1]);
	close(fds[1]);
	while (read(fds[0], &c, 1) == 1)
		kept++;
	close(fds[0]);
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) < 2 && kept > 0,
	    "%u accepted, then refused (%#x)", kept, status);
	snprintf(name, sizeof(name), "%s/filler", dir);
	(void)unlink(name);
	t_open(dir);
	CHECK(messages(1) == kept && bodies(&refs) == kept,
	    "what was accepted is there: %u", messages(1));
	CHECK(to(TEXT, 1, 1) == RESULT_OK && messages(1) == kept + 1,
	    "and with space it goes on");
	t_close();
	(void)umount(dir);
	rmdir(dir);
}

int
main(void)
{
	test_once();
	test_large();
	test_many();
	test_stage();
	test_crash();
	test_full();
	return (t_done());
}
