/*
 * Many SMTP clients in one process, to load a server on this machine: each
 * waits for every reply, sends messages of one size in turn to the recipients
 * and begins a new connection after so many.
 *	smtpload [-c connections] [-m messages] [-l octets] [-k a connection]
 *	    [-t rcpt,...] port
 * Prints messages a second and the time from MAIL to the last reply, as JSON.
 */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RCPTS	1000

enum step { BANNER, EHLO, MAIL, RCPT, DATA, DOT, QUIT };

struct conn {
	int		 fd;
	enum step	 step;
	char		 in[4096];	/* what is not a whole line yet */
	size_t		 n;
	int		 done;		/* messages on this connection */
	double		 began;
};

static char		*rcpts[RCPTS];
static size_t		 nrcpts, next_rcpt;
static int		 total = 1000, per = 1000000, started, nsent, nfailed;
static int		 ep, live;
static in_port_t	 port;
static char		*body;
static size_t		 bodylen;
static double		*took;

static double
now(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return ((double)t.tv_sec + (double)t.tv_nsec / 1e9);
}

static void
put(struct conn *c, const char *s, size_t n)
{
	while (n > 0) {
		ssize_t	 w = send(c->fd, s, n, MSG_NOSIGNAL);

		if (w == -1)
			err(1, "send");
		s += w;
		n -= (size_t)w;
	}
}

static void
dial(struct conn *c)
{
	struct sockaddr_in	 a = { .sin_family = AF_INET,
				    .sin_port = htons(port) };
	struct epoll_event	 e = { .events = EPOLLIN, .data.ptr = c };
	int			 on = 1;

	memset(c, 0, sizeof(*c));
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd == -1 ||
	    connect(c->fd, (struct sockaddr *)&a, sizeof(a)) == -1)
		err(1, "connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e) == -1)
		err(1, "epoll_ctl");
	live++;
}

static void
hang_up(struct conn *c)
{
	close(c->fd);
	live--;
	if (started < total)
		dial(c);
}

static void
begin(struct conn *c)
{
	static const char	 mail[] = "MAIL FROM:<x@remote.example>\r\n";

	if (started >= total || c->done >= per) {
		put(c, "QUIT\r\n", 6);
		c->step = QUIT;
		return;
	}
	started++;
	c->done++;
	c->began = now();
	put(c, mail, sizeof(mail) - 1);
	c->step = MAIL;
}

static void
reply(struct conn *c, const char *line)
{
	char	 b[512];

	if (c->step != QUIT && atoi(line) >= 400) {
		if (nfailed++ < 3)
			warnx("%s", line);
		put(c, "QUIT\r\n", 6);
		c->step = QUIT;
		return;
	}
	switch (c->step) {
	case BANNER:
		put(c, "EHLO localhost\r\n", 16);
		c->step = EHLO;
		break;
	case MAIL:
		snprintf(b, sizeof(b), "RCPT TO:<%s>\r\n",
		    rcpts[next_rcpt++ % nrcpts]);
		put(c, b, strlen(b));
		c->step = RCPT;
		break;
	case RCPT:
		put(c, "DATA\r\n", 6);
		c->step = DATA;
		break;
	case DATA:
		put(c, body, bodylen);
		c->step = DOT;
		break;
	case DOT:
		took[nsent++] = now() - c->began;
		/* FALLTHROUGH */
	case EHLO:
		begin(c);
		break;
	case QUIT:
		hang_up(c);
		break;
	}
}

static void
readable(struct conn *c)
{
	ssize_t	 n = recv(c->fd, c->in + c->n, sizeof(c->in) - c->n, 0);
	char	*nl;
	int	 fd = c->fd;

	if (n <= 0) {
		if (c->step != QUIT)
			nfailed++;
		hang_up(c);
		return;
	}
	c->n += (size_t)n;
	while (c->fd == fd && (nl = memchr(c->in, '\n', c->n)) != NULL) {
		char	 line[512];
		size_t	 len = (size_t)(nl + 1 - c->in);

		snprintf(line, sizeof(line), "%.*s", (int)len - 1, c->in);
		memmove(c->in, c->in + len, c->n - len);
		c->n -= len;
		if (strlen(line) >= 3 && line[3] != '-')
			reply(c, line);
		if (c->step == BANNER)
			break;		/* a new connection in its place */
	}
	if (c->n == sizeof(c->in))
		errx(1, "a line that does not end");
}

static void
make_body(size_t len)
{
	static const char	 head[] = "From: Load <x@remote.example>\r\n"
	    "To: somebody <somebody@letterlock.test>\r\n"
	    "Subject: a message to measure with\r\n"
	    "Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n"
	    "Message-ID: <load@remote.example>\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n\r\n";
	static const char	 line[] = "Twelve jolly postmen bring very quick "
	    "mail to 99 exact boxes, one by one.\r\n";

	if ((body = malloc(sizeof(head) + len + sizeof(line) + 8)) == NULL)
		err(1, NULL);
	memcpy(body, head, bodylen = sizeof(head) - 1);
	while (bodylen < len) {
		memcpy(body + bodylen, line, sizeof(line) - 1);
		bodylen += sizeof(line) - 1;
	}
	memcpy(body + bodylen, ".\r\n", 3);
	bodylen += 3;
}

static int
compare(const void *a, const void *b)
{
	double	 x = *(const double *)a, y = *(const double *)b;

	return ((x > y) - (x < y));
}

int
main(int argc, char **argv)
{
	struct epoll_event	 ev[64];
	struct conn		*conns;
	size_t			 len = 4096;
	double			 t;
	char			*s;
	int			 ch, i, n, nconns = 16;

	while ((ch = getopt(argc, argv, "c:m:l:k:t:")) != -1)
		switch (ch) {
		case 'c':
			nconns = atoi(optarg);
			break;
		case 'm':
			total = atoi(optarg);
			break;
		case 'l':
			len = (size_t)atol(optarg);
			break;
		case 'k':
			per = atoi(optarg);
			break;
		case 't':
			for (s = strtok(optarg, ","); s != NULL &&
			    nrcpts < RCPTS; s = strtok(NULL, ","))
				rcpts[nrcpts++] = s;
			break;
		default:
			return (2);
		}
	if (argc - optind != 1 || nrcpts == 0 || nconns < 1 || total < 1)
		errx(2, "usage: smtpload [-c connections] [-m messages] "
		    "[-l octets] [-k per] -t rcpt,... port");
	port = (in_port_t)atoi(argv[optind]);
	make_body(len);
	conns = calloc((size_t)nconns, sizeof(*conns));
	took = calloc((size_t)total + 1, sizeof(*took));
	if (conns == NULL || took == NULL ||
	    (ep = epoll_create1(EPOLL_CLOEXEC)) == -1)
		err(1, NULL);
	t = now();
	for (i = 0; i < nconns && i < total; i++)
		dial(&conns[i]);
	while (live > 0) {
		if ((n = epoll_wait(ep, ev, 64, 60000)) <= 0)
			errx(1, "no reply for 60 s");
		for (i = 0; i < n; i++)
			readable(ev[i].data.ptr);
	}
	t = now() - t;
	qsort(took, (size_t)nsent, sizeof(*took), compare);
	printf("{\"sent\":%d,\"failed\":%d,\"seconds\":%.3f,\"rate\":%.1f,"
	    "\"p50_ms\":%.2f,\"p99_ms\":%.2f}\n", nsent, nfailed, t, nsent / t,
	    took[nsent / 2] * 1e3, took[(size_t)nsent * 99 / 100] * 1e3);
	return (nfailed != 0);
}
