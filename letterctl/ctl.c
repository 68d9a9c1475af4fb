/*
 * Requests to the control socket.  See ctl.h.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"

#define NOT_WRITTEN	(-2)	/* what the service sends */

struct ctl {
	int		 fd;
	uint32_t	 id;
};

static int	 send_request(struct ctl *, const struct msg_ctl *, int);
static ssize_t	 receive(struct ctl *, uint8_t *, size_t);
static int	 pump(const struct ctl_ask *, int *);
static ssize_t	 wait_answer(struct ctl *, const struct ctl_ask *, int *,
		    uint8_t *, size_t);
static int	 show(const struct ctl_ask *, const struct msg_ctl_page *);

struct ctl *
ctl_open(const char *path)
{
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	struct ctl		*c;

	if (strlen(path) >= sizeof(sun.sun_path)) {
		warnx("%s: too long for a socket's name", path);
		return (NULL);
	}
	memcpy(sun.sun_path, path, strlen(path));
	if ((c = calloc(1, sizeof(*c))) == NULL)
		err(EXIT_AWAY, NULL);
	c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (c->fd == -1 || connect(c->fd, (struct sockaddr *)&sun,
	    sizeof(sun)) == -1) {
		warn("%s", path);
		if (errno == ENOENT || errno == ECONNREFUSED)
			warnx("is authd running?");
		ctl_close(c);
		return (NULL);
	}
	return (c);
}

void
ctl_close(struct ctl *c)
{
	if (c == NULL)
		return;
	if (c->fd != -1)
		close(c->fd);
	free(c);
}

static int
send_request(struct ctl *c, const struct msg_ctl *m, int fd)
{
	union {
		struct cmsghdr	 hdr;
		char		 room[CMSG_SPACE(sizeof(int))];
	} control;
	struct buf	 b = { .max = IMSG_MAX };
	struct msghdr	 h = { 0 };
	struct cmsghdr	*cm;
	struct iovec	 iov;
	int		 rc;

	buf_put_u32(&b, M_CTL);
	buf_put_u32(&b, ++c->id);
	if (codec_put(&b, &c_ctl, m) == -1 || buf_failed(&b)) {
		warnx("arguments too long");
		buf_freezero(&b);
		return (-1);
	}
	iov.iov_base = b.p;
	iov.iov_len = b.n;
	h.msg_iov = &iov;
	h.msg_iovlen = 1;
	if (fd != -1) {
		memset(&control, 0, sizeof(control));
		h.msg_control = control.room;
		h.msg_controllen = sizeof(control.room);
		cm = CMSG_FIRSTHDR(&h);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cm), &fd, sizeof(int));
	}
	rc = sendmsg(c->fd, &h, MSG_NOSIGNAL) == -1 ? -1 : 0;
	if (rc == -1)
		warn("control socket");
	buf_freezero(&b);
	return (rc);
}

static ssize_t
receive(struct ctl *c, uint8_t *room, size_t n)
{
	ssize_t	 got;

	while ((got = recv(c->fd, room, n, 0)) == -1 && errno == EINTR)
		continue;
	if (got <= 0)
		warnx("the service ended the connection");
	return (got);
}

/* How much of the stream has gone, once a second, for who watches. */
static void
moved(const struct ctl_ask *a, size_t n)
{
	static uint64_t	 octets;
	static time_t	 when;
	static int	 shown;
	time_t		 now = time(NULL);
	struct stat	 st;

	if (a->whole != NULL || !isatty(STDERR_FILENO) ||
	    (!a->in && a->take == NULL && isatty(a->stream)))
		return;
	octets += n;
	if (n == 0 && shown)
		fprintf(stderr, "\r%32s\r", "");
	if (n == 0 || now == when)
		return;
	shown = when != 0;
	when = now;
	if (!shown)		/* it may be done at once */
		return;
	fprintf(stderr, "\r%llu MiB", (unsigned long long)(octets >> 20));
	if (a->in && fstat(a->stream, &st) == 0 && S_ISREG(st.st_mode))
		fprintf(stderr, " of %llu",
		    (unsigned long long)st.st_size >> 20);
	fprintf(stderr, "\r");
	fflush(stderr);
}

/* A piece of the stream.  0 at its end, 1 when there may be more, -1. */
static int
pump(const struct ctl_ask *a, int *fd)
{
	uint8_t	 room[65536];
	ssize_t	 n, k, w;

	if (a->in) {
		n = read(a->stream, room, sizeof(room));
		if (n == -1 && errno == EINTR)
			return (1);
		if (n == -1)
			warn("standard input");
		/* The service tells an end from one that was broken off. */
		if (n == 0 && (a->whole == NULL || a->whole(a->arg) == 0)) {
			(void)shutdown(*fd, SHUT_WR);
			return (0);
		}
		if (n <= 0) {
			close(*fd);
			*fd = -1;
			return (-1);
		}
	} else if ((n = read(*fd, room, sizeof(room))) <= 0) {
		if (n == -1 && errno == EINTR)
			return (1);
		close(*fd);
		*fd = -1;
		return (n == 0 ? 0 : -1);
	}
	moved(a, (size_t)n);
	if (a->octets != NULL)
		*a->octets += (uint64_t)n;
	if (!a->in && a->take != NULL)
		return (a->take(a->arg, span_of(room, (size_t)n)) == -1 ? -1 :
		    1);
	for (k = 0; k < n; k += w) {
		w = a->in ? send(*fd, room + k, (size_t)(n - k), MSG_NOSIGNAL) :
		    write(a->stream, room + k, (size_t)(n - k));
		if (w == -1 && errno == EINTR)
			w = 0;
		else if (w == -1) {
			if (!a->in)
				warn("standard output");
			close(*fd);
			*fd = -1;
			return (-1);
		}
	}
	return (1);
}

/* Move the stream until the answer is there, and then to its end. */
static ssize_t
wait_answer(struct ctl *c, const struct ctl_ask *a, int *fd, uint8_t *room,
    size_t max)
{
	struct pollfd	 p[2];
	ssize_t		 n = 0;
	int		 rc, ended = 0;

	for (;;) {
		p[0].fd = n == 0 ? c->fd : -1;
		p[1].fd = *fd == -1 || ended ? -1 : a->in ? a->stream : *fd;
		p[0].events = p[1].events = POLLIN;
		if ((*fd == -1 || ended) && n != 0)
			return (n);
		if (poll(p, 2, -1) == -1) {
			if (errno == EINTR)
				continue;
			return (-1);
		}
		if (p[1].fd != -1 && p[1].revents != 0) {
			if ((rc = pump(a, fd)) == -1 && !a->in) {
				warnx("cannot write what the service sends");
				return (NOT_WRITTEN);
			}
			ended = a->in && rc == 0;
		}
		if (n == 0 && p[0].revents != 0) {
			if ((n = receive(c, room, max)) <= 0)
				return (-1);
			if (a->in && *fd != -1) {	/* it has had enough */
				close(*fd);
				*fd = -1;
			}
		}
	}
}

/* How far it is, for who watches. */
static void
progress(struct span text)
{
	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r%.*s\r", (int)text.n, (const char *)text.p);
	fflush(stderr);
}

static int
show(const struct ctl_ask *a, const struct msg_ctl_page *page)
{
	const struct msg_ctl_row	*r = page->rows.v;
	size_t				 i;

	if (page->status != 0) {
		warnx("%.*s", (int)page->text.n, (const char *)page->text.p);
		return (EXIT_REFUSED);
	}
	for (i = 0; i < page->rows.n && a->row != NULL; i++)
		a->row(a->arg, r[i].json);
	if (page->text.n > 0 && page->more)
		progress(page->text);
	else if (page->text.n > 0 && a->text != NULL)
		a->text(a->arg, page->text);
	return (EXIT_OK);
}

int
ctl_ask(struct ctl *c, const struct ctl_ask *a)
{
	struct msg_ctl		 m = { .verb = span_str(a->verb) };
	struct msg_ctl_page	 page;
	struct buf		 cursor = { 0 };
	struct span		 s;
	uint8_t			 room[IMSG_MAX];
	uint32_t		 type, id;
	ssize_t			 n;
	int			 fds[2], more, rc, mine;

	m.args.v = a->args;
	m.args.n = a->nargs;
	do {
		fds[0] = fds[1] = mine = -1;
		if (a->stream != -1 || a->take != NULL) {
			if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
			    fds) == -1)
				err(EXIT_AWAY, "socketpair");
			mine = fds[0];
		}
		m.cursor = span_buf(&cursor);
		rc = send_request(c, &m, fds[1]);
		if (fds[1] != -1)
			close(fds[1]);
		n = rc == -1 ? -1 : wait_answer(c, a, &mine, room,
		    sizeof(room));
		if (mine != -1)
			close(mine);
		if (n < 0) {
			buf_free(&cursor);
			return (n == NOT_WRITTEN ? EXIT_REFUSED : EXIT_AWAY);
		}
		moved(a, 0);
		s = span_of(room, (size_t)n);
		if (span_get_u32(&s, &type) == -1 ||
		    span_get_u32(&s, &id) == -1 ||
		    type != (M_CTL | IMSG_REPLY) || id != c->id ||
		    codec_get(&s, &c_ctl_page, &page) == -1)
			errx(EXIT_AWAY, "malformed answer from the service");
		rc = show(a, &page);
		more = page.more && rc == EXIT_OK && (a->enough == NULL ||
		    !a->enough(a->arg));
		buf_reset(&cursor);
		buf_add_span(&cursor, page.cursor);
		codec_free(&c_ctl_page, &page);
	} while (more);
	buf_free(&cursor);
	return (rc);
}
