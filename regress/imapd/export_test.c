/*
 * An export goes on when messages of it are expunged, and over what is damaged.
 */
#include <sys/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dbenv_int.h"
#include "imapd/account.h"
#include "imapd/store_ctl.h"
#include "imaptest.h"
#include "jobtest.h"

#define LARGE	3000000		/* octets: more than is queued */

static int		 fd;	/* where letterctl reads */
static struct buf	 got;

static void
start(void)
{
	struct imsg	 m = { .fd = -1 };
	struct ctl_ask	 a = { .store = &t_store, .imsg = &m, .nargs = 3 };
	int		 fds[2], small = 65536;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == -1 ||
	    setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &small,
	    sizeof(small)) == -1)
		abort();
	fd = fds[0];
	m.fd = fds[1];
	job_status = -1;
	buf_reset(&got);
	ctl_export(&a);
}

/* Up to n octets, and what is behind them when all is wanted. */
static void
take(size_t n)
{
	static uint8_t	 room[65536];
	ssize_t		 k;
	int		 i;

	for (i = 0; i < 100000 && got.n < n && job_status == -1; i++) {
		t_loop();
		while ((k = read(fd, room, sizeof(room))) > 0)
			(void)buf_add(&got, room, (size_t)k);
	}
	while (job_status != -1 && (k = read(fd, room, sizeof(room))) > 0)
		(void)buf_add(&got, room, (size_t)k);
}

static void
end(void)
{
	take(SIZE_MAX);
	close(fd);
	(void)buf_addc(&job_said, '\0');
}

static int
has(const char *text)
{
	return (memmem(got.p, got.n, text, strlen(text)) != NULL);
}

static void
do_command(const char *command)
{
	const char	*l;

	t_send(1, command, strlen(command));
	while ((l = t_line(1)) != NULL && strncmp(l, "t ", 2) != 0)
		continue;
	CHECK(l != NULL && strncmp(l, "t OK", 4) == 0, "%s", command);
}

static void
fill(void)
{
	char	*large = malloc(LARGE + 1);
	size_t	 i;

	if (large == NULL)
		abort();
	for (i = 0; i < LARGE; i++)
		large[i] = i % 64 == 63 ? '\n' : 'x';
	memcpy(large, "A: 1\n\nfirst\n", 12);
	memcpy(large + LARGE - 5, "last\n", 5);
	large[LARGE] = '\0';
	t_open(NULL);
	t_login(1, 1);
	(void)t_line(1);
	t_append("INBOX", "", " 1-Jan-2020 00:00:00 +0000", large);
	t_append("INBOX", "", " 1-Jan-2020 00:00:00 +0000", "A: 2\n\nsecond\n");
	t_append("INBOX", "", " 1-Jan-2020 00:00:00 +0000", "A: 3\n\nthird\n");
	free(large);
	t_settle();
}

/* The reader is slow; meanwhile all is expunged. */
static void
test_expunged(void)
{
	fill();
	start();
	take(1000);
	do_command("t SELECT INBOX\r\n");
	do_command("t STORE 1:* +FLAGS.SILENT (\\Deleted)\r\n");
	do_command("t EXPUNGE\r\n");
	t_settle();
	end();
	CHECK(job_status == 0 && strncmp(buf_cstr(&job_said), "1 messages ",
	    11) == 0, "expunged: %d %s", job_status, buf_cstr(&job_said));
	CHECK(has("first\n") && has("last\n\n") && !has("second") &&
	    got.n > LARGE, "the one that had begun is whole: %zu", got.n);
	t_close();
	t_remove();
}

/* The record of one is damaged, and the body of another away. */
static void
test_damaged(void)
{
	struct account	*a;
	struct msgrec	 r;
	struct span	 val;
	DB_TXN		*txn;
	DBT		 k = { 0 }, v = { 0 };
	uint8_t		 key[12];

	fill();
	t_append("INBOX", "", " 1-Jan-2020 00:00:00 +0000", "A: 4\n\nfourth\n");
	t_settle();
	a = account_get(t_part, 1, span_str("one"));
	CHECK(dbenv_get(t_part->index, key_msg(key, a->inbox->id, 3), &val) ==
	    0 && msgrec_get(val, &r) == 0 &&
	    body_unref(t_part->bodies, r.body) == 0, "a body is away");
	(void)key_msg(key, a->inbox->id, 2);
	k.data = v.data = key;
	k.size = sizeof(key);
	v.size = 3;
	CHECK(dbenv_writer(t_part->env, &txn) == 0 &&
	    t_part->index->db->put(t_part->index->db, txn, &k, &v, 0) == 0,
	    "a record is damaged");
	account_put(a);
	t_settle();
	start();
	end();
	CHECK(job_status == 0 && strncmp(buf_cstr(&job_said), "2 messages ",
	    11) == 0 && strstr(buf_cstr(&job_said), "\"damaged\":2") != NULL,
	    "damaged: %d %s", job_status, buf_cstr(&job_said));
	CHECK(has("first\n") && has("last\n\n") && !has("second") &&
	    !has("third") && has("fourth\n"), "what is behind them is there");
	t_close();
	t_remove();
}

int
main(void)
{
	test_expunged();
	test_damaged();
	buf_free(&got);
	buf_free(&job_said);
	return (t_done());
}
