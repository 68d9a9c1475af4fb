/*
 * Many clients at random over shared mailboxes, none of which waits for
 * another: storm.h says what they are held against.
 *	stress_test [-l] [-s seed] [-t seconds [-e seconds]] [-n steps]
 * On its own it takes a few seeds that are always the same; -t goes on from a
 * seed for that long, with -e with another one each so many seconds (an hour of
 * seeds: -s 1 -t 3600 -e 60); -l shows all that is said.
 *	stress_test -p port -u user [-g user] -w password [-c] ...
 * The same with a server that runs somewhere; -g: another account of the same
 * partition, which shares; -c: connections may be cut off at any time, as when
 * its processes are killed.  Accounts are called as their addresses begin.
 */
#include <sys/socket.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "imaptest.h"
#include "storm.h"

#define STEPS		1500	/* between two looks */
#define LOOKS		3	/* of one seed */
#define LOOKS_MAX	30	/* if they do nothing */
#define LINE_MAX_	2048

static const char	*user, *guest, *password;
static int		 port;
static int		 fds[STORM_CLIENTS + 1];

/* ---- a store in this process ---------------------------------------------- */

static int
near_open(int n, int as_guest)
{
	int	 fd = t_login(n, as_guest ? 2 : 1);

	if (t_line(n) == NULL) {
		t_logout(n);
		return (-1);
	}
	return (fd);
}

static void
near_turn(int busy)
{
	struct pollfd	 p = { .fd = dbenv_fd(t_part->env), .events = POLLIN };

	if (!busy)		/* flushes take their time */
		(void)poll(&p, 1, 1);
	t_loop();
}

static void
near_restart(void)
{
	t_close();
	t_open(t_dir());
	t_live();
}

static const struct storm_net near = { near_open, t_logout, near_turn,
    t_settle, near_restart, 0, "user1", "user2" };

/* ---- over the wire ----------------------------------------------------------- */

/* One line, octet by octet: what follows is the storm's. */
static int
read_line(int fd, char *line, size_t max)
{
	size_t	 n = 0;

	while (n + 1 < max && recv(fd, line + n, 1, 0) == 1)
		if (line[n++] == '\n') {
			line[n] = '\0';
			return (0);
		}
	return (-1);
}

static int
far_open(int n, int as_guest)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	struct timeval		 tv = { 60, 0 };
	char			 line[LINE_MAX_];
	int			 fd, on = 1, k;

	sin.sin_port = htons((uint16_t)port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return (-1);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	k = snprintf(line, sizeof(line), "login LOGIN %s \"%s\"\r\n",
	    as_guest ? guest : user, password);
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    send(fd, line, (size_t)k, MSG_NOSIGNAL) != k ||
	    read_line(fd, line, sizeof(line)) == -1 ||
	    read_line(fd, line, sizeof(line)) == -1 ||
	    strncmp(line, "login OK ", 9) != 0) {
		close(fd);
		return (-1);
	}
	return (fds[n] = fd);
}

static void
far_close(int n)
{
	close(fds[n]);
	fds[n] = -1;
}

static void
far_turn(int busy)
{
	struct pollfd	 p[nitems(fds)];
	size_t		 i;

	if (busy)
		return;
	for (i = 0; i < nitems(fds); i++) {
		p[i].fd = fds[i];
		p[i].events = POLLIN;
	}
	(void)poll(p, nitems(p), 5);
}

static struct storm_net	 far = { far_open, far_close, far_turn, NULL,
    NULL, 0, NULL, NULL };

/* ---- a seed ----------------------------------------------------------------- */

/* The name of an account. */
static const char *
named(const char *address)
{
	return (address == NULL ? NULL : strndup(address, strcspn(address,
	    "@")));
}

/* Did it do something?  What a seed does is a matter of time, too. */
static int
enough(const struct storm *s)
{
	return (s->resyncs > 5 && s->answers > 500 && s->statuses > 20 &&
	    (s->net->guest == NULL || (s->denied > 20 && s->grants > 20)));
}

/* So many looks, or until then. */
static int
one(uint32_t seed, unsigned steps, time_t until, int loud)
{
	static struct storm	 s;
	unsigned		 n;
	int			 right;

	if (port == 0) {
		t_open(NULL);
		t_live();
	}
	storm_begin(&s, port == 0 ? &near : &far, seed);
	s.loud = loud;
	for (n = 0; s.wrong == 0 && (until != 0 ? n == 0 || time(NULL) <
	    until : n < LOOKS || (!enough(&s) && n < LOOKS_MAX)); n++)
		storm_run(&s, steps);
	right = CHECK(s.wrong == 0, "seed %u: %u answers (%u refused, %u of "
	    "them for rights), %u looks, %u restarts, %u came back with what "
	    "they had, %u times rights changed, %u states told, %u wrong", seed,
	    s.answers, s.refused, s.denied, s.looks, s.restarts, s.resyncs,
	    s.grants, s.statuses, s.wrong);
	if (until == 0)
		CHECK(enough(&s), "it did something");
	storm_end(&s);
	if (port == 0) {
		t_close();
		if (right)
			t_remove();
		else
			printf("# left in %s\n", t_dir());
	}
	return (right);
}

int
main(int argc, char **argv)
{
	static const uint32_t	 seeds[] = { 1, 2 };
	uint32_t		 seed = 0;
	unsigned		 steps = STEPS;
	time_t			 until = 0, each = 0, now;
	size_t			 i;
	int			 c, loud = 0;

	for (i = 0; i < nitems(fds); i++)
		fds[i] = -1;
	while ((c = getopt(argc, argv, "ce:g:ln:p:s:t:u:w:")) != -1)
		switch (c) {
		case 'c':
			far.cut = 1;
			break;
		case 'e':
			each = strtol(optarg, NULL, 10);
			break;
		case 'g':
			guest = optarg;
			break;
		case 'l':
			loud = 1;
			break;
		case 'n':
			steps = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'p':
			port = (int)strtol(optarg, NULL, 10);
			break;
		case 's':
			seed = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 't':
			until = time(NULL) + strtol(optarg, NULL, 10);
			break;
		case 'u':
			user = optarg;
			break;
		case 'w':
			password = optarg;
			break;
		default:
			return (1);
		}
	far.owner = named(user);
	far.guest = named(guest);
	if (each != 0)
		for (; (now = time(NULL)) < until; seed++)
			(void)one(seed, steps, now + each < until ? now + each :
			    until, loud);
	else if (seed != 0 || port != 0)
		(void)one(seed, steps, until, loud);
	else
		for (i = 0; i < nitems(seeds); i++)
			(void)one(seeds[i], steps, 0, loud);
	return (t_done());
}
