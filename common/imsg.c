/*
 * Links between processes.  See imsg.h for the contract.
 *
 * Sending: a packet is sent at once; what the socket does not take waits in
 * "out" in order, until the socket is writable, at most IMSG_STALL seconds.
 * Requests beyond the credit wait in "held" with their number already given.
 */
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imsg_link.h"
#include "log.h"

#define ROUND		64	/* packets read from one peer a turn */
#define OWED_MAX	4096	/* answers to one peer under way: no credit is
				 * larger */

#define OUT_MAX		((size_t)OWED_MAX * IMSG_MAX)	/* octets that wait */

static const char *const role_names[ROLE_COUNT] = {
	"parent", "control", "auth", "keys", "lookup", "smtpd", "front",
	"store", "queued", "relay", "session"
};

static int	 send_packet(struct peer *, const uint8_t *, size_t, int);
static void	 on_write(evutil_socket_t, short, void *);
static void	 on_read(evutil_socket_t, short, void *);
static void	 leave(struct peer *);
static void	 on_stall(evutil_socket_t, short, void *);
static ssize_t	 receive(struct peer *, struct imsg *, uint8_t *);
static int	 dispatch(struct peer *, struct imsg *);
static void	 lose(struct peer *);
static int	 hold(struct peer *, const uint8_t *, size_t, int *, int);
static int	 owe(struct peer *, uint32_t);
static int	 settle(struct peer *, uint32_t);
static void	 finish(struct peer *);
static void	 end(struct peer *, const char *, int);

const char *
role_name(enum role r)
{
	return (r < ROLE_COUNT ? role_names[r] : "nobody");
}

static int
make_pair(int type, int fds[2])
{
	/* Linux counts a packet's bookkeeping too, hence the factor. */
	int	 size = IMSG_MAX * 16;
	int	 i;

	if (socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	    fds) == -1)
		return (-1);
	for (i = 0; i < 2 && type == SOCK_SEQPACKET; i++)
		(void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size,
		    sizeof(size));
	return (0);
}

int
imsg_pair(int fds[2])
{
	return (make_pair(SOCK_SEQPACKET, fds));
}

int
stream_pair(int fds[2])
{
	return (make_pair(SOCK_STREAM, fds));
}

struct peer *
peer_new(struct event_base *base, int fd, enum role role, unsigned inst,
    const struct peer_ops *ops, void *arg)
{
	struct peer	*p;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		goto err;
	p->base = base;
	p->fd = fd;
	p->role = role;
	p->inst = inst;
	p->ops = ops;
	p->credit = IMSG_CREDIT;
	p->arg = arg;
	snprintf(p->name, sizeof(p->name), "%s %u", role_name(role), inst);
	TAILQ_INIT(&p->out);
	TAILQ_INIT(&p->open);
	TAILQ_INIT(&p->held);
	TAILQ_INIT(&p->behind);
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == -1)
		goto err;
	p->rev = event_new(base, fd, EV_READ | EV_PERSIST, on_read, p);
	if (p->rev == NULL || event_add(p->rev, NULL) == -1)
		goto err;
	return (p);
err:
	if (p != NULL && p->rev != NULL)
		event_free(p->rev);
	free(p);
	close(fd);
	return (NULL);
}

/* It may hold a password. */
void
imsg_free_packet(struct packet *k)
{
	if (k->fd != -1)
		close(k->fd);
	explicit_bzero(k->data, k->n);
	free(k);
}

/* Whoever waits for what cannot be sent would wait for ever: the link ends, in
 * a turn of its reader. */
static void
lose(struct peer *p)
{
	(void)shutdown(p->fd, SHUT_RDWR);
}

/* Answer every open request with NULL, give everything back. */
static void
finish(struct peer *p)
{
	struct packet	*k;

	imsg_end_asks(p);
	while ((k = TAILQ_FIRST(&p->out)) != NULL) {
		TAILQ_REMOVE(&p->out, k, entry);
		imsg_free_packet(k);
	}
	free(p->owed);
	if (p->wev != NULL)
		event_free(p->wev);
	if (p->stall != NULL)
		event_free(p->stall);
	event_free(p->rev);
	free(p);
}

/* The link is over: at once, or when the running handler returns. */
static void
end(struct peer *p, const char *why, int tell)
{
	if (p->gone)
		return;
	p->gone = tell ? 2 : 1;
	p->why = why;
	event_del(p->rev);
	close(p->fd);
	p->fd = -1;
	if (p->depth == 0) {
		if (tell && p->ops != NULL && p->ops->down != NULL)
			p->ops->down(p, why);
		finish(p);
	}
}

void
peer_free(struct peer *p)
{
	if (p != NULL)
		end(p, "freed", 0);
}

void
peer_close(struct peer *p, const char *why)
{
	if (p == NULL || p->gone)
		return;
	log_warn("link to %s closed: %s", p->name, why);
	end(p, why, 1);
}

enum role
peer_role(const struct peer *p)
{
	return (p->role);
}

unsigned
peer_instance(const struct peer *p)
{
	return (p->inst);
}

void *
peer_arg(const struct peer *p)
{
	return (p->arg);
}

void
peer_set_arg(struct peer *p, void *arg)
{
	p->arg = arg;
}

const char *
peer_name(const struct peer *p)
{
	return (p->name);
}

/* 0 sent, 1 would block, -1 the link is dead; fd is open still. */
static int
send_packet(struct peer *p, const uint8_t *data, size_t n, int fd)
{
	union {
		struct cmsghdr	 hdr;
		char		 room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec	 iov;
	struct msghdr	 m = { 0 };
	struct cmsghdr	*c;

	memcpy(&iov.iov_base, &data, sizeof(data));
	iov.iov_len = n;
	m.msg_iov = &iov;
	m.msg_iovlen = 1;
	if (fd != -1) {
		memset(&control, 0, sizeof(control));
		m.msg_control = control.room;
		m.msg_controllen = sizeof(control.room);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	while (sendmsg(p->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == -1) {
		if (errno == EINTR)
			continue;
		return (errno == EAGAIN || errno == ENOBUFS ||
		    errno == ETOOMANYREFS ? 1 : -1);
	}
	return (0);
}

/* What is lent must be there for as long as the packet waits. */
int
imsg_keep_fd(int *fd, int lent)
{
	if (*fd == -1 || !lent)
		return (0);
	*fd = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
	return (*fd == -1 ? -1 : 0);
}

void
imsg_give_up(int fd, int lent)
{
	if (fd != -1 && !lent)
		close(fd);
}

/* It waits until the socket is writable.  1 when it does, and has fd; -1, -2. */
static int
hold(struct peer *p, const uint8_t *data, size_t n, int *fd, int lent)
{
	struct packet	*k;

	if (p->wev == NULL)
		p->wev = event_new(p->base, p->fd, EV_WRITE | EV_PERSIST,
		    on_write, p);
	if (p->stall == NULL)
		p->stall = event_new(p->base, -1, 0, on_stall, p);
	if (p->wev == NULL || p->stall == NULL)
		return (-1);
	/* It asks and asks, and does not read what it is told. */
	if (p->waiting + sizeof(*k) + n > OUT_MAX) {
		event_active(p->stall, EV_TIMEOUT, 0);
		return (-2);
	}
	if ((k = malloc(sizeof(*k) + n)) == NULL)
		return (-1);
	if (imsg_keep_fd(fd, lent) == -1) {	/* only what it belongs to fails */
		free(k);
		return (-2);
	}
	k->fd = *fd;
	k->n = n;
	memcpy(k->data, data, n);
	TAILQ_INSERT_TAIL(&p->out, k, entry);
	p->waiting += sizeof(*k) + n;
	return (1);
}

int
imsg_transmit(struct peer *p, uint32_t type, uint32_t id, const uint8_t *data,
    size_t n, int fd, int lent)
{
	static const struct timeval	 patience = { IMSG_STALL, 0 };
	uint8_t				 head[IMSG_MAX];
	struct buf			 b = { head, 0, sizeof(head),
					    sizeof(head), 0 };
	int				 rc;

	buf_put_u32(&b, type);
	buf_put_u32(&b, id);
	if (p->gone || buf_add(&b, data, n) == -1) {
		imsg_give_up(fd, lent);
		errno = p->gone ? ENOTCONN : EMSGSIZE;
		return (-1);
	}
	if ((rc = TAILQ_EMPTY(&p->out) ? send_packet(p, b.p, b.n, fd) : 1) == 1)
		rc = hold(p, b.p, b.n, &fd, lent);
	explicit_bzero(head, b.n);
	if (rc != 1) {
		imsg_give_up(fd, lent);
		if (rc == -1)
			lose(p);
		return (rc == 0 ? 0 : -1);
	}
	event_add(p->wev, NULL);
	if (!event_pending(p->stall, EV_TIMEOUT, NULL))
		event_add(p->stall, &patience);
	return (0);
}

static void
on_write(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	 patience = { IMSG_STALL, 0 };
	struct peer			*p = arg;
	struct packet			*k;
	int				 rc;

	(void)fd;
	(void)what;
	while ((k = TAILQ_FIRST(&p->out)) != NULL) {
		if ((rc = send_packet(p, k->data, k->n, k->fd)) == 1)
			return;
		if (rc == -1) {
			event_del(p->wev);
			lose(p);
			return;
		}
		TAILQ_REMOVE(&p->out, k, entry);
		p->waiting -= sizeof(*k) + k->n;
		imsg_free_packet(k);
		event_add(p->stall, &patience);
	}
	event_del(p->wev);
	event_del(p->stall);
}

static void
on_stall(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	peer_close(arg, "packets left unread");
}

int
peer_send(struct peer *p, uint32_t type, const struct buf *b, int fd)
{
	if (p == NULL) {
		if (fd != -1)
			close(fd);
		errno = ENOTCONN;
		return (-1);
	}
	return (imsg_transmit(p, type, 0, b == NULL ? NULL : b->p,
	    b == NULL ? 0 : b->n, fd, 0));
}

/* Encode on the stack and send. */
static int
put(struct peer *p, uint32_t type, uint32_t id, const struct codec *c,
    const void *v, int fd)
{
	uint8_t		 room[IMSG_MAX];
	struct buf	 b = { room, 0, sizeof(room), IMSG_MAX - IMSG_HEADER, 0 };
	int		 rc;

	if (p == NULL || (c != NULL && codec_put(&b, c, v) == -1)) {
		explicit_bzero(room, b.n);
		if (fd != -1)
			close(fd);
		if (p == NULL)
			errno = ENOTCONN;
		return (-1);
	}
	rc = imsg_transmit(p, type, id, b.p, b.n, fd, 0);
	explicit_bzero(room, b.n);
	return (rc);
}

int
peer_put(struct peer *p, uint32_t type, const struct codec *c, const void *v,
    int fd)
{
	return (put(p, type, 0, c, v, fd));
}

int
peer_reply(struct peer *p, uint32_t type, uint32_t id, const struct codec *c,
    const void *v, int fd)
{
	int	 rc;

	if (p != NULL && settle(p, id) == -1) {
		if (fd != -1)
			close(fd);
		return (-1);
	}
	if ((rc = put(p, type | IMSG_REPLY, id, c, v, fd)) == -1 &&
	    errno == EMSGSIZE && p != NULL)
		(void)owe(p, id);	/* a shorter one may follow */
	return (rc);
}

int
peer_reply_buf(struct peer *p, uint32_t type, uint32_t id,
    const struct buf *b, int fd)
{
	if (p == NULL || settle(p, id) == -1) {
		if (fd != -1)
			close(fd);
		return (-1);
	}
	return (imsg_transmit(p, type | IMSG_REPLY, id, b == NULL ? NULL : b->p,
	    b == NULL ? 0 : b->n, fd, 0));
}

/* A request came: an answer is owed.  -1: its id is taken still, or it is one
 * too many. */
static int
owe(struct peer *p, uint32_t id)
{
	uint32_t	*more;
	size_t		 i, n;

	for (i = 0; i < p->nowed; i++)
		if (p->owed[i] == id)
			return (-1);
	if (p->nowed == p->owed_room) {
		n = p->owed_room == 0 ? 16 : p->owed_room * 2;
		if (n > OWED_MAX ||
		    (more = reallocarray(p->owed, n, sizeof(*more))) == NULL)
			return (-1);
		p->owed = more;
		p->owed_room = n;
	}
	p->owed[p->nowed++] = id;
	return (0);
}

/* It is answered.  -1: it was before, or was asked on a link that is no more;
 * the peer must not be told. */
static int
settle(struct peer *p, uint32_t id)
{
	size_t	 i;

	for (i = 0; i < p->nowed; i++)
		if (p->owed[i] == id) {
			p->owed[i] = p->owed[--p->nowed];
			return (0);
		}
	log_debug("an answer to %s that it does not wait for", p->name);
	errno = ENOENT;
	return (-1);
}

/* One packet.  Its octets; 0 nothing there; -1 the link is over. */
static ssize_t
receive(struct peer *p, struct imsg *m, uint8_t *room)
{
	union {
		struct cmsghdr	 hdr;
		char		 space[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec	 iov = { room, IMSG_MAX };
	struct msghdr	 h = { 0 };
	struct cmsghdr	*c;
	struct span	 s;
	ssize_t		 n;
	size_t		 i, nfd;
	int		 fd;

	h.msg_iov = &iov;
	h.msg_iovlen = 1;
	h.msg_control = control.space;
	h.msg_controllen = sizeof(control.space);
	/* Who ends with something unread resets the link; what it said before
	 * that is behind the error, which is told once. */
	while ((n = recvmsg(p->fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)) == -1)
		if (errno != EINTR && errno != ECONNRESET)
			return (errno == EAGAIN ? 0 : -1);
	m->fd = -1;
	for (c = CMSG_FIRSTHDR(&h); c != NULL; c = CMSG_NXTHDR(&h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		nfd = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < nfd; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (m->fd == -1)
				m->fd = fd;
			else
				close(fd);
		}
	}
	if (n == 0 && m->fd == -1) {
		errno = 0;
		return (-1);
	}
	s = span_of(room, (size_t)n);
	if ((h.msg_flags & MSG_TRUNC) != 0 ||
	    span_get_u32(&s, &m->type) == -1 || span_get_u32(&s, &m->id) == -1) {
		if (m->fd != -1)
			close(m->fd);
		errno = EBADMSG;
		return (-1);
	}
	m->data = s;
	return (n);
}

static int
dispatch(struct peer *p, struct imsg *m)
{
	const struct msg_rule	*r = NULL;
	size_t			 i;

	if ((m->type & IMSG_REPLY) != 0) {
		if (imsg_answered(p, m) == 0)
			return (0);
		errno = EBADMSG;
		return (-1);
	}
	for (i = 0; p->ops != NULL && i < p->ops->nrules && r == NULL; i++)
		if (p->ops->rules[i].type == m->type &&
		    (p->ops->rules[i].from & PEER(p->role)) != 0)
			r = &p->ops->rules[i];
	if (r == NULL) {
		errno = EPERM;
		return (-1);
	}
	if (((r->flags & MSG_BODY) != 0) != (m->data.n != 0) ||
	    (m->fd != -1 && (r->flags & (MSG_FD | MSG_MAYFD)) == 0) ||
	    (m->id != 0 && owe(p, m->id) == -1)) {
		errno = EBADMSG;
		return (-1);
	}
	/*
	 * A descriptor that should be there and is not: this process or the
	 * kernel was out of them.  The handler fails that request.
	 */
	if (r->run(p, m) == -1 || (!p->gone && m->data.n != 0)) {
		errno = EBADMSG;
		return (-1);
	}
	return (0);
}

/* The end of a turn in which the link may have ended. */
static void
leave(struct peer *p)
{
	if (--p->depth > 0 || !p->gone)
		return;
	if (p->gone == 2 && p->ops != NULL && p->ops->down != NULL)
		p->ops->down(p, p->why);
	finish(p);
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	struct peer	*p = arg;
	struct imsg	 m;
	uint8_t		 room[IMSG_MAX];
	char		 why[96];
	ssize_t		 n;
	int		 i, rc;

	(void)fd;
	(void)what;
	p->depth++;
	for (i = 0; i < ROUND && !p->gone; i++) {
		if ((n = receive(p, &m, room)) == 0)
			break;
		if (n == -1 && errno == EBADMSG) {
			log_warn("link to %s closed: no message", p->name);
			end(p, "protocol", 1);
			break;
		}
		if (n == -1) {
			end(p, "closed", 1);
			break;
		}
		rc = dispatch(p, &m);
		if (m.fd != -1)
			close(m.fd);
		explicit_bzero(room, (size_t)n);	/* may be a password */
		if (rc == -1 && !p->gone) {
			snprintf(why, sizeof(why), "%s %s%s",
			    errno == EPERM ? "may not send" : "malformed",
			    msg_name(m.type),
			    (m.type & IMSG_REPLY) != 0 ? " answer" : "");
			log_warn("link to %s closed: %s", p->name, why);
			end(p, "protocol", 1);
		}
	}
	leave(p);
}

void
peer_drain(struct peer *p)
{
	struct pollfd	 pfd = { p->fd, POLLIN, 0 };

	p->depth++;
	while (!p->gone && poll(&pfd, 1, 0) == 1)
		on_read(p->fd, EV_READ, p);
	leave(p);
}

int
imsg_get(struct imsg *m, const struct codec *c, void *v)
{
	if (codec_get(&m->data, c, v) == -1)
		return (-1);
	if (m->data.n != 0) {
		codec_free(c, v);
		errno = EBADMSG;
		return (-1);
	}
	return (0);
}
