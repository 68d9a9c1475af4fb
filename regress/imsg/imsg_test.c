/*
 * Links: requests and answers, credit, descriptors, and what a hostile peer
 * sends.  Two peers of one process over a pair.
 */
#include <sys/socket.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <unistd.h>

#include "log.h"
#include "msg.h"
#include "test.h"

static struct event_base	*base;
static struct peer		*a, *b;
static int			 a_down, b_down, served, answers, nulls, got_fd;
static uint32_t			 late[256];
static int			 nlate, hold;

static int
on_number(struct peer *p, struct imsg *m)
{
	struct msg_number	 n;

	if (imsg_get(m, &c_number, &n) == -1)
		return (-1);
	served++;
	if (hold) {
		if (hold == 1)
			late[nlate++] = m->id;
		return (0);
	}
	n.number++;
	return (peer_reply(p, M_CONN_OPEN, m->id, &c_number, &n, -1));
}

static int
on_fd(struct peer *p, struct imsg *m)
{
	(void)p;
	got_fd = m->fd != -1 && fcntl(m->fd, F_GETFD) == FD_CLOEXEC;
	m->data.n = 0;
	return (0);
}

static const struct msg_rule rules[] = {
	{ M_CONN_OPEN,	PEER(ROLE_SMTPD),	MSG_BODY,		on_number },
	{ M_SLOT,	PEER(ROLE_SMTPD),	MSG_BODY | MSG_FD,	on_fd },
	{ M_STOP,	PEER(ROLE_PARENT),	MSG_EMPTY,		on_fd },
};

static void
down_a(struct peer *p, const char *why)
{
	(void)p;
	(void)why;
	a_down++;
	a = NULL;
}

static void
down_b(struct peer *p, const char *why)
{
	(void)p;
	(void)why;
	b_down++;
	b = NULL;
}

static const struct peer_ops ops_a = { NULL, 0, down_a };
static const struct peer_ops ops_b = { rules, nitems(rules), down_b };

static int
answer(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_number	 n;

	(void)p;
	if (m == NULL) {
		nulls++;
		return (0);
	}
	if (imsg_get(m, &c_number, &n) == -1)
		return (-1);
	answers += n.number == (uint64_t)(uintptr_t)arg + 1;
	return (0);
}

static void
spin(void)
{
	int	 i;

	for (i = 0; i < 200; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
fresh(void)
{
	int	 fds[2];

	peer_free(a);
	peer_free(b);
	if (imsg_pair(fds) == -1)
		exit(1);
	a = peer_new(base, fds[0], ROLE_AUTH, 0, &ops_a, NULL);
	b = peer_new(base, fds[1], ROLE_SMTPD, 1, &ops_b, NULL);
	a_down = b_down = served = answers = nulls = nlate = hold = 0;
}

static void
test_ask(void)
{
	struct msg_number	 n;
	uintptr_t		 i;

	fresh();
	for (i = 0; i < 200; i++) {
		n.number = i;
		peer_ask(a, M_CONN_OPEN, &c_number, &n, -1, answer, (void *)i);
	}
	CHECK(peer_pending(a) == 200, "200 requests pending");
	spin();
	CHECK(answers == 200 && served == 200, "all answered, in their turn");
	CHECK(peer_pending(a) == 0, "none pending");

	fresh();
	hold = 1;
	for (i = 0; i < 200; i++)
		peer_ask(a, M_CONN_OPEN, &c_number, &n, -1, answer, (void *)i);
	spin();
	CHECK(served == IMSG_CREDIT, "no more than the credit at the peer");
	peer_free(b);
	b = NULL;
	spin();
	CHECK(nulls == 200 && a_down == 1, "each gets its NULL when it ends");

	fresh();
	hold = 1;
	peer_set_credit(a, 150);
	for (i = 0; i < 200; i++)
		peer_ask(a, M_CONN_OPEN, &c_number, &n, -1, answer, (void *)i);
	spin();
	CHECK(served == 150, "another credit");

	fresh();
	hold = 1;
	n.number = 7;
	peer_forget(a, peer_ask(a, M_CONN_OPEN, &c_number, &n, -1, answer,
	    (void *)7));
	spin();
	peer_reply(b, M_CONN_OPEN, late[0], &c_number, &n, -1);
	spin();
	CHECK(answers == 0 && nulls == 0 && a != NULL, "a forgotten one");
}

/* What takes its time leaves room for others, and keeps its order. */
static void
test_behind(void)
{
	struct msg_number	 n = { 0 };
	uintptr_t		 i;

	fresh();
	hold = 1;
	for (i = 0; i < 100; i++)
		(void)peer_ask_behind(a, 1, M_CONN_OPEN, &c_number, &n, -1,
		    answer, (void *)(uintptr_t)0);
	spin();
	CHECK(served == IMSG_CREDIT / 2 && peer_behind(a, NULL) == 100 -
	    IMSG_CREDIT / 2 && peer_pending(a) == 100, "half of the credit");
	(void)peer_ask(a, M_CONN_OPEN, &c_number, &n, -1, answer,
	    (void *)(uintptr_t)0);
	spin();
	CHECK(served == IMSG_CREDIT / 2 + 1, "another passes them");
	hold = 0;
	n.number = 1;		/* as it is answered */
	for (i = 0; i < IMSG_CREDIT / 2 + 1; i++)
		(void)peer_reply(b, M_CONN_OPEN, late[i], &c_number, &n, -1);
	spin();
	CHECK(answers == 101 && peer_behind(a, NULL) == 0 && peer_pending(a) == 0,
	    "all are answered: %d", answers);

	fresh();
	hold = 1;
	for (i = 0; i < 100; i++)
		(void)peer_ask_behind(a, 1, M_CONN_OPEN, &c_number, &n, -1,
		    answer, (void *)(uintptr_t)0);
	spin();
	peer_free(b);
	b = NULL;
	spin();
	CHECK(nulls == 100 && a_down == 1, "each gets its NULL when it ends");
}

/* Who asks much does not keep waiting who asks once. */
static void
test_turns(void)
{
	const uint32_t		 one = 1, two = 2;
	struct msg_number	 n = { 1 };
	unsigned		 i;

	fresh();
	hold = 1;
	for (i = 0; i < 100; i++)
		(void)peer_ask_behind(a, one, M_CONN_OPEN, &c_number, &n, -1,
		    answer, (void *)(uintptr_t)0);
	for (i = 0; i < 2; i++)
		(void)peer_ask_behind(a, two, M_CONN_OPEN, &c_number, &n, -1,
		    answer, (void *)(uintptr_t)(5 + i));
	spin();
	CHECK(peer_behind(a, &one) == 100 - IMSG_CREDIT / 2 &&
	    peer_behind(a, &two) == 1 && served == IMSG_CREDIT / 2 + 1,
	    "the first of another goes, nothing else");
	n.number = 6;
	(void)peer_reply(b, M_CONN_OPEN, late[IMSG_CREDIT / 2], &c_number, &n,
	    -1);
	spin();
	CHECK(answers == 1 && peer_behind(a, &two) == 0,
	    "and then its next, though all others wait");
	n.number = 1;
	for (i = 0; i < 2; i++)
		(void)peer_reply(b, M_CONN_OPEN, late[i], &c_number, &n, -1);
	spin();
	CHECK(answers == 3 && served == IMSG_CREDIT / 2 + 3,
	    "what is above the half is not filled up by who has some open");
	n.number = 7;
	(void)peer_reply(b, M_CONN_OPEN, late[IMSG_CREDIT / 2 + 1], &c_number,
	    &n, -1);
	spin();
	CHECK(answers == 4, "each in its order");
	for (i = 0; i < 100; i++)
		(void)peer_ask_behind(a, 3 + i, M_CONN_OPEN, &c_number, &n, -1,
		    answer, (void *)(uintptr_t)0);
	spin();
	CHECK(served == IMSG_CREDIT * 3 / 4 + 4,
	    "a quarter stays free of all firsts: %d", served);
}

static void
test_fd(void)
{
	struct msg_slot	 s = { 0 };
	int		 fd = open("/dev/null", O_RDONLY);

	fresh();
	peer_put(a, M_SLOT, &c_slot, &s, fd);
	spin();
	CHECK(got_fd, "a descriptor arrives, close-on-exec");
	CHECK(fcntl(fd, F_GETFD) == -1, "and is closed here");

	fresh();
	fd = open("/dev/null", O_RDONLY);
	peer_set_credit(a, 1);
	(void)peer_ask_lend(a, M_SLOT, &c_slot, &s, fd, answer, NULL);
	(void)peer_ask_lend(a, M_SLOT, &c_slot, &s, fd, answer, NULL);
	got_fd = 0;
	spin();
	CHECK(got_fd, "one that is lent arrives");
	peer_free(a);
	a = NULL;
	CHECK(close(fd) == 0, "and stays the sender's");
}

/* What closes the link, and only the link. */
static const struct bad_case {
	const char	*name;
	const char	*data;
	size_t		 n;
	int		 fd;
} bad[] = {
	{ "empty type",		"\0\0\0", 3, 0 },
	{ "header alone",	"\0\0\0\x64\0\0\0\1", 8, 0 },
	{ "too short",		"\0\0\0\x64\0\0\0\1\0\0\0", 11, 0 },
	{ "octets left",	"\0\0\0\x64\0\0\0\1\0\0\0\0\0\0\0\0\1", 17, 0 },
	{ "unknown type",	"\x7f\0\0\x64\0\0\0\1\0\0\0\0\0\0\0\0", 16, 0 },
	{ "not its message",	"\0\0\0\x0c\0\0\0\0", 8, 0 },
	{ "answer to nothing",	"\x80\0\0\x64\0\0\0\1\0\0\0\0\0\0\0\0", 16, 0 },
	{ "unwanted descriptor", "\0\0\0\x64\0\0\0\1\0\0\0\0\0\0\0\0", 16, 1 },
};

static void
send_raw(int s, const void *p, size_t n, int nfds)
{
	char		 control[CMSG_SPACE(8 * sizeof(int))] = { 0 };
	struct iovec	 iov;
	struct msghdr	 h = { 0 };
	struct cmsghdr	*c;
	int		 i, zero = 0;

	memcpy(&iov.iov_base, &p, sizeof(p));
	iov.iov_len = n;
	h.msg_iov = &iov;
	h.msg_iovlen = 1;
	if (nfds > 0) {
		h.msg_control = control;
		h.msg_controllen = CMSG_SPACE((size_t)nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)nfds * sizeof(int));
		for (i = 0; i < nfds; i++)
			memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int), &zero,
			    sizeof(int));
	}
	if (sendmsg(s, &h, MSG_NOSIGNAL) == -1)
		perror("sendmsg");
}

static void
test_bad(void)
{
	static char	 big[IMSG_MAX + 1];
	int		 fds[2], before, after;
	size_t		 i;

	peer_free(a);
	peer_free(b);
	a = b = NULL;
	before = open("/dev/null", O_RDONLY);
	close(before);
	for (i = 0; i <= nitems(bad) + 1; i++) {
		fresh();
		peer_free(b);
		if (imsg_pair(fds) == -1)
			exit(1);
		b = peer_new(base, fds[1], ROLE_SMTPD, 1, &ops_b, NULL);
		if (i < nitems(bad))
			send_raw(fds[0], bad[i].data, bad[i].n, bad[i].fd);
		else if (i == nitems(bad))
			send_raw(fds[0], big, sizeof(big), 0);
		else
			send_raw(fds[0], big, 8, 8);	/* many descriptors */
		spin();
		CHECK(b == NULL && b_down == 1, "%s: the link is closed",
		    i < nitems(bad) ? bad[i].name : i == nitems(bad) ?
		    "too long" : "eight descriptors");
		close(fds[0]);
	}
	peer_free(a);
	a = NULL;
	after = open("/dev/null", O_RDONLY);
	CHECK(after == before, "no descriptor is left behind");
	close(after);
}

/* An id is taken until its answer; an answer goes out once. */
static void
test_once(void)
{
	static const char	 request[] = "\0\0\0\x64\0\0\0\1\0\0\0\0\0\0\0\1";
	struct msg_number	 n = { 1 };
	uint8_t			 packet[64];
	int			 fds[2], i;

	fresh();
	peer_free(b);
	if (imsg_pair(fds) == -1)
		exit(1);
	b = peer_new(base, fds[1], ROLE_SMTPD, 1, &ops_b, NULL);
	hold = 1;
	send_raw(fds[0], request, 16, 0);
	spin();
	CHECK(served == 1 && b != NULL, "a request");
	CHECK(peer_reply(b, M_CONN_OPEN, 1, &c_number, &n, -1) == 0,
	    "is answered");
	CHECK(peer_reply(b, M_CONN_OPEN, 1, &c_number, &n, -1) == -1,
	    "but not twice");
	CHECK(peer_reply(b, M_CONN_OPEN, 2, &c_number, &n, -1) == -1,
	    "nor one that was not asked");
	for (i = 0; recv(fds[0], packet, sizeof(packet), MSG_DONTWAIT) > 0;)
		i++;
	CHECK(i == 1, "one answer is there");
	send_raw(fds[0], request, 16, 0);
	spin();
	CHECK(served == 2 && b != NULL, "the id again, after its answer");
	send_raw(fds[0], request, 16, 0);
	spin();
	CHECK(served == 2 && b == NULL, "the id again, before its answer");
	close(fds[0]);
}

/* A peer that asks and asks and reads nothing. */
static void
test_flood(void)
{
	uint8_t	 request[16] = { 0, 0, 0, 0x64 };
	int	 fds[2], i;

	fresh();
	peer_free(b);
	if (imsg_pair(fds) == -1)
		exit(1);
	b = peer_new(base, fds[1], ROLE_SMTPD, 1, &ops_b, NULL);
	hold = 2;
	for (i = 1; i < 10000 && b != NULL; i++) {
		request[6] = (uint8_t)(i >> 8);
		request[7] = (uint8_t)i;
		send_raw(fds[0], request, sizeof(request), 0);
		if (i % 16 == 0)
			event_base_loop(base, EVLOOP_NONBLOCK);
	}
	CHECK(b == NULL && served <= 4096, "a flood ends: after %d", served);
	close(fds[0]);
}

/* A peer that reads nothing of what it is told. */
static void
test_unread(void)
{
	static uint8_t	 x[IMSG_MAX];
	struct buf	 o = { x, IMSG_MAX - 8, sizeof(x), 0, 0 };
	int		 fds[2], i;

	fresh();
	peer_free(a);
	if (imsg_pair(fds) == -1)
		exit(1);
	a = peer_new(base, fds[0], ROLE_AUTH, 0, &ops_a, NULL);
	for (i = 0; i < 10000 && peer_send(a, M_CONF, &o, -1) == 0; i++)
		;
	CHECK(i > 1000 && i < 5000, "so much waits: %d packets", i);
	spin();
	CHECK(a == NULL && a_down == 1, "then the link ends");
	close(fds[1]);
}

/* Its last words, before it ends with something that it did not read. */
static void
test_last_words(void)
{
	struct buf	 m = { 0 };
	int		 fds[2];

	fresh();
	peer_free(b);
	if (imsg_pair(fds) == -1)
		exit(1);
	b = peer_new(base, fds[1], ROLE_SMTPD, 1, &ops_b, NULL);
	CHECK(peer_send(b, M_STOP, NULL, -1) == 0, "it is told something");
	buf_put_u32(&m, M_SLOT);
	buf_put_u32(&m, 0);
	buf_addc(&m, 0);
	got_fd = 0;
	send_raw(fds[0], m.p, m.n, 1);
	close(fds[0]);
	spin();
	CHECK(got_fd == 1 && b == NULL && b_down == 1,
	    "what it said is heard before its end: %d, %d", got_fd, b_down);
	buf_free(&m);
}

static void
test_large(void)
{
	static uint8_t	 x[IMSG_MAX];
	struct buf	 o = { x, IMSG_MAX - 8, sizeof(x), 0, 0 };

	fresh();
	CHECK(peer_send(a, M_CONF, &o, -1) == 0, "the largest");
	o.n++;
	CHECK(peer_send(a, M_CONF, &o, -1) == -1 && errno == EMSGSIZE,
	    "one octet more is refused by the sender");
	CHECK(peer_send(NULL, M_CONF, NULL, -1) == -1, "nobody there");
	CHECK(peer_ask(NULL, M_CONF, NULL, NULL, -1, answer, NULL) == 0,
	    "nobody to ask");
	peer_free(a);
	peer_free(b);
	a = b = NULL;
}

int
main(void)
{
	log_level(LOG_LEVEL_ERROR);
	base = event_base_new();
	test_ask();
	test_behind();
	test_turns();
	test_fd();
	test_bad();
	test_once();
	test_flood();
	test_unread();
	test_last_words();
	test_large();
	event_base_free(base);
	return (test_done());
}
