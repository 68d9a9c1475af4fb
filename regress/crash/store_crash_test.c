/*
 * A store that is killed at any moment: deliveries under way are sent again with
 * their ids, a session moves and appends meanwhile.  Afterwards everything that
 * was acknowledged is there exactly once, and no UID ever means another message.
 */
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imapd/account.h"
#include "imapd/session.h"
#include "../imapd/imaptest.h"

#define KILLS		40
#define ACCOUNTS	3
#define NUMBERS		60000
#define UIDS		65536

/* What a message's number is is in its text; large ones are files. */
#define NUMBER_AT	"Subject: "

static uint8_t	 acked[NUMBERS], count[NUMBERS];
static struct seen_uid {
	uint64_t	 mailbox;
	uint32_t	 uid, number;
} *uids;
static size_t	 nuids;
static unsigned	 wrong;

static void
bad(const char *what, uint32_t number)
{
	if (wrong++ < 10)
		printf("# %s: message %u\n", what, number);
}

static size_t
text_of(uint32_t number, char *text, size_t max)
{
	int	 n = snprintf(text, max, NUMBER_AT "%u\r\n\r\n", number);
	size_t	 pad = number % 17 == 0 ? 80000 : number % 3000;

	memset(text + n, 'x', pad);
	memcpy(text + (size_t)n + pad, "\r\n", 2);
	return ((size_t)n + pad + 2);
}

/* Deliver from this number on, say what was acknowledged, until killed. */
static void
work(const char *dir, uint32_t from, int out)
{
	static char	 text[90000];
	uint8_t		 id[16] = { 0 };
	uint64_t	 a;
	uint32_t	 n;
	char		 cmd[128];
	size_t		 len;

	t_open(dir);
	t_login(1, 1);
	(void)t_line(1);
	t_send(1, "a SELECT INBOX\r\n", 16);
	n = 0;
	if (write(out, &n, sizeof(n)) != (ssize_t)sizeof(n))
		_exit(1);
	for (n = from; n < NUMBERS; n++) {
		len = text_of(n, text, sizeof(text));
		memcpy(id, &n, sizeof(n));
		a = n % ACCOUNTS + 1;
		if (t_deliver(id, text, len, &a, 1) != RESULT_OK)
			_exit(1);
		if (write(out, &n, sizeof(n)) != (ssize_t)sizeof(n))
			_exit(1);
		if (n % 2 == 0) {	/* nobody waits for these */
			snprintf(cmd, sizeof(cmd), "b UID MOVE %u Archive\r\n",
			    n % 500 + 1);
			t_send(1, cmd, strlen(cmd));
		}
		t_drain(1);
	}
	_exit(0);
}

/* The number in a message's text, 0 when it is not whole. */
static uint32_t
number_of(uint64_t body)
{
	static char	 got[100000], want[90000];
	const char	*p;
	unsigned	 n = 0;
	ssize_t		 k, len = 0;

	while ((k = body_read(t_part->bodies, body, (uint64_t)len, got + len,
	    sizeof(got) - 1 - (size_t)len)) > 0)
		len += k;
	got[len] = '\0';
	if ((p = strstr(got, NUMBER_AT)) == NULL ||
	    sscanf(p, NUMBER_AT "%u", &n) != 1 || n >= NUMBERS ||
	    (size_t)(got + len - p) != text_of(n, want, sizeof(want)) ||
	    memcmp(p, want, (size_t)(got + len - p)) != 0)
		return (0);
	return (n);
}

/* Has this UID meant another message? */
static void
note_uid(uint64_t mailbox, uint32_t uid, uint32_t number)
{
	size_t	 i;

	for (i = 0; i < nuids; i++)
		if (uids[i].mailbox == mailbox && uids[i].uid == uid) {
			if (uids[i].number != number)
				bad("a UID is used again", number);
			return;
		}
	if (nuids == UIDS)
		return;
	uids[nuids].mailbox = mailbox;
	uids[nuids].uid = uid;
	uids[nuids++].number = number;
}

static void
look_at(const struct mailbox *mb)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	struct msgrec		 r;
	uint32_t		 number, n = 0;
	uint8_t			 k[8];

	dbenv_iter_init(&it, t_part->index, key_u64(k, mb->id),
	    key_u64(k, mb->id));
	while (dbenv_iter_next(&it, &key, &val) == 1) {
		if (msgrec_get(val, &r) == -1 ||
		    (number = number_of(r.body)) == 0) {
			bad("a message is damaged, UID", key_uid(key));
			continue;
		}
		n++;
		if (++count[number] > 1)
			bad("stored twice", number);
		if (key_uid(key) >= mb->st.uidnext)
			bad("above UIDNEXT", number);
		note_uid(mb->id, key_uid(key), number);
	}
	dbenv_iter_free(&it);
	if (n != mb->st.messages)
		bad("the counter is wrong, messages", n);
}

/* Everything in the store, after recovery. */
static void
look(const char *dir)
{
	struct account	*a;
	uint64_t	 id;
	uint32_t	 n;
	size_t		 i;

	t_open(dir);
	t_settle();
	memset(count, 0, sizeof(count));
	for (id = 1; id <= ACCOUNTS; id++) {
		if ((a = account_find(t_part, id)) == NULL)
			continue;
		for (i = 0; i < a->nmailboxes; i++)
			look_at(a->mailboxes[i]);
		account_put(a);
	}
	for (n = 0; n < NUMBERS; n++)
		if (acked[n] && count[n] == 0)
			bad("acknowledged and lost", n);
	t_close();
}

int
main(void)
{
	char		 dir[] = "/tmp/imapd.XXXXXX";
	uint32_t	 n, next = 1;
	unsigned	 r, total = 0;
	int		 fds[2], status;
	pid_t		 pid;

	if (mkdtemp(dir) == NULL ||
	    (uids = calloc(UIDS, sizeof(*uids))) == NULL)
		return (1);
	srandom((unsigned)getpid());
	for (r = 0; r < KILLS && wrong == 0; r++) {
		if (pipe(fds) == -1)
			return (1);
		if ((pid = fork()) == 0) {
			close(fds[0]);
			work(dir, next, fds[1]);
		}
		close(fds[1]);
		/* Some while it recovers. */
		if (r % 5 != 4)
			(void)!read(fds[0], &n, sizeof(n));
		usleep((unsigned)random() % 120000);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		if (WIFEXITED(status))
			bad("the store ended by itself", next);
		while (read(fds[0], &n, sizeof(n)) == (ssize_t)sizeof(n)) {
			if (n == 0)
				continue;
			acked[n] = 1;
			next = n + 1;
			total++;
		}
		close(fds[0]);
		look(dir);
	}
	CHECK(wrong == 0 && total > 0, "%u kills, %u messages acknowledged",
	    r, total);
	t_open(dir);
	t_close();
	t_remove();
	free(uids);
	return (t_done());
}
