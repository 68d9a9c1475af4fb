/*
 * An import says what is in: no more than that when a group is undone under it,
 * and all of it when the account is to move meanwhile.
 */
#include <sys/socket.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imapd/account.h"
#include "imapd/move.h"
#include "imapd/store_ctl.h"
#include "imaptest.h"
#include "jobtest.h"

static int		 fd;		/* what letterctl writes to */

/* ---- what is told --------------------------------------------------------------- */

static void
start(void)
{
	struct imsg	 m = { .fd = -1 };
	struct ctl_ask	 a = { .store = &t_store, .imsg = &m, .nargs = 3 };
	int		 fds[2];

	t_open(NULL);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == -1)
		abort();
	fd = fds[0];
	m.fd = fds[1];
	job_status = -1;
	ctl_import(&a);
}

static void
feed(const char *octets)
{
	if (job_status == -1 && write(fd, octets, strlen(octets)) !=
	    (ssize_t)strlen(octets))
		abort();
	t_settle();
}

#define FROM(m)	"From x Thu Jan  1 00:00:00 1970\n" \
    "X-Letterlock: date=0 zone=0 " m "\n"
#define IN(m)	FROM("flags=() noeol=0 mailbox=" m)

static const char *
finish(void)
{
	int	 i;

	if (job_status == -1)
		(void)shutdown(fd, SHUT_WR);
	for (i = 0; i < 10000 && job_status == -1; i++)
		t_turn();
	close(fd);
	t_settle();
	return (buf_cstr(&job_said));
}

static uint32_t
messages(const char *name)
{
	struct account	*a = account_get(t_part, 1, span_str("one"));
	struct mailbox	*mb = mailbox_named(a, span_str(name));
	uint32_t	 n = mb == NULL ? UINT32_MAX : mb->st.messages;

	account_put(a);
	return (n);
}

/* ---- tests ------------------------------------------------------------------------ */

/* Stages that ended, and the group of the second was undone; the third is not
 * on disk with anything yet. */
static void
test_stage(void)
{
	const char	*s;
	char		 large[1001];
	int		 i;

	memset(large, 'x', 1000);
	large[999] = '\n';
	large[1000] = '\0';
	start();
	feed(IN("INBOX") "A: 1\n\nx\n\n");
	feed(IN("Drafts") "A: 2\n\nx\n\nFrom y Thu Jan  1 00:00:00 1970\n");
	t_undo();
	feed("X-Letterlock: date=0 zone=0 flags=() noeol=0 mailbox=Archive\n"
	    "A: 3\n\n");
	for (i = 0; i < 3; i++)
		feed(large);
	s = finish();
	CHECK(t_undone() && job_status == 1, "an undone stage: %d %s", job_status, s);
	CHECK(strcmp(s, "the disk is full, at message 3: the first 1 are in") ==
	    0, "and how much is in: %s", s);
	CHECK(messages("INBOX") == 1 && messages("Drafts") == 0 &&
	    messages("Archive") == 0, "as it is: %u %u %u", messages("INBOX"),
	    messages("Drafts"), messages("Archive"));
	t_close();
	t_remove();
}

/* A mailbox alone. */
static void
test_folder(void)
{
	const char	*s;

	start();
	feed(IN("INBOX") "A: 1\n\nx\n\n");
	feed(IN("Archive") "A: 2\n\nx\n\nFrom y Thu Jan  1 00:00:00 1970\n");
	t_undo();
	feed("X-Letterlock: date=0 zone=0 only=1 flags=() noeol=0 mailbox=New\n"
	    "\n");
	feed(IN("Drafts") "A: 3\n\nx\n\n");
	s = finish();
	CHECK(t_undone() && job_status == 1 && messages("New") == UINT32_MAX &&
	    strcmp(s, "the disk is full, at message 3: the first 1 are in") ==
	    0, "an undone mailbox: %d %s", job_status, s);
	t_close();
	t_remove();
}

/* It goes on in an account that is to move, which waits for it. */
static void
test_moving(void)
{
	const char	*s;

	start();
	feed(IN("INBOX") "A: 1\n\nx\n\n" FROM("flags=() noeol=0 mailbox=INBOX")
	    "A: 2\n\nx\n\n");
	CHECK(account_freeze(t_part, 1) == -1 && errno == EBUSY, "in use: %s",
	    strerror(errno));
	feed(IN("Archive") "A: 3\n\nx\n\n");
	feed(IN("New") "A: 4\n\nx\n\n");
	CHECK(account_freeze(t_part, 1) == -1 && errno == EBUSY, "yet: %s",
	    strerror(errno));
	s = finish();
	CHECK(job_status == 0 && strcmp(s, "4 messages") == 0,
	    "an account that is to move: %d %s", job_status, s);
	CHECK(account_freeze(t_part, 1) == 0, "then it is free");
	t_settle();
	CHECK(account_thaw(t_part, 1) == 0, "and stays here");
	CHECK(messages("INBOX") == 2 && messages("Archive") == 1 &&
	    messages("New") == 1, "all of it is in");
	t_settle();
	t_close();
	t_remove();
}

/* An account comes with a message as large as the configuration allows one to
 * be: what is refused ends the connection. */
static void
test_size(void)
{
	static const struct {
		uint64_t	 size;
		int		 taken;
	} t[] = {
		{ (1u << 30) + 1, 1 }, { 1u << 31, 1 }, { UINT32_MAX, 1 },
		{ 1ull << 32, 0 },
	};
	struct msg_account	 m = { .account = 7 };
	struct pollfd		 p = { .events = POLLIN };
	struct buf		 b = { 0 };
	int			 fds[2], ended;
	size_t			 i;

	t_open(NULL);
	m.partition = t_part->num;
	for (i = 0; i < nitems(t); i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == -1)
			abort();
		move_in(&t_store, NULL, 0, &m, fds[1]);
		buf_reset(&b);
		(void)buf_put_u32(&b, 18);
		(void)buf_put_u8(&b, MOVE_BODY);
		(void)buf_put_u64(&b, 1);
		(void)buf_put_u64(&b, t[i].size);
		(void)buf_put_u8(&b, 1);
		if (write(fds[0], b.p, b.n) != (ssize_t)b.n)
			abort();
		t_settle();
		p.fd = fds[0];
		ended = poll(&p, 1, 0) == 1;
		CHECK(ended == !t[i].taken, "a message of %llu octets",
		    (unsigned long long)t[i].size);
		close(fds[0]);
		t_settle();
	}
	buf_free(&b);
	t_close();
	t_remove();
}

int
main(void)
{
	test_stage();
	test_folder();
	test_moving();
	test_size();
	return (t_done());
}
