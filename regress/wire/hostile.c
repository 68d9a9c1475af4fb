/*
 * Stands in for smtpd or a front that was taken over.  Born as one of them, it
 * hands everything that the parent sends to whoever listens on "hostile" in its
 * program's folder, and says to the parent what they want said.  A handshake it
 * makes itself, with the suite's own code and signed by keys.  Instance 0 is the
 * real program, NAME.real in that folder, so that there is somebody to serve.
 *
 * To the listener, one packet each:
 *	M packet	from the parent, with its descriptor
 *	T conf-facts	a handshake was made, see tell_facts()
 *	E text		it failed
 * From it:
 *	P packet	to the parent
 *	H listener	make a handshake on this descriptor
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <errno.h>
#include <event2/event.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "msg.h"
#include "proc.h"
#include "tlsctx.h"

#define PATIENCE	60	/* s for a handshake */

static struct event_base	*base;
static struct conf		*conf;
static struct buf		 conf_octets = { .max = CONF_MAX };
static int			 keys = -1;
static int			 orders;
static uint8_t			 packet[IMSG_MAX + 1];

/* ---- in place of proc.c ------------------------------------------------------ */

struct event_base *
proc_base(void)
{
	return (base);
}

const struct conf *
proc_conf(void)
{
	return (conf);
}

int
proc_keys_fd(void)
{
	return (keys);
}

void
proc_keys_lost(void)
{
	if (keys != -1)
		close(keys);
	keys = -1;
}

int
proc_listener(size_t i)
{
	(void)i;
	return (-1);
}

/* ---- packets ------------------------------------------------------------------- */

static ssize_t
take(int from, int *fd)
{
	union {
		struct cmsghdr	 h;
		char		 room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec		 iov = { packet + 1, sizeof(packet) - 1 };
	struct msghdr		 m = { .msg_iov = &iov, .msg_iovlen = 1,
				    .msg_control = &control,
				    .msg_controllen = sizeof(control) };
	struct cmsghdr		*c;
	ssize_t			 n = recvmsg(from, &m, MSG_CMSG_CLOEXEC);

	*fd = -1;
	c = n == -1 ? NULL : CMSG_FIRSTHDR(&m);
	if (c != NULL && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return (n);
}

static void
give(int to, const void *p, size_t n, int fd)
{
	union {
		struct cmsghdr	 h;
		char		 room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec		 iov;
	struct msghdr		 m = { .msg_iov = &iov, .msg_iovlen = 1 };

	iov.iov_base = memcpy(malloc(n + 1), p, n);
	iov.iov_len = n;
	if (fd != -1) {
		memset(&control, 0, sizeof(control));
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		control.h.cmsg_level = SOL_SOCKET;
		control.h.cmsg_type = SCM_RIGHTS;
		control.h.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.h), &fd, sizeof(fd));
	}
	if (sendmsg(to, &m, MSG_NOSIGNAL) == -1)
		exit(1);
	free(iov.iov_base);
}

static void
tell(int kind, struct buf *what)
{
	struct buf	 b = { 0 };

	buf_addc(&b, kind);
	buf_add_span(&b, span_buf(what));
	give(orders, b.p, b.n, -1);
	buf_free(&b);
	buf_free(what);
}

/* ---- handshakes ------------------------------------------------------------------ */

static void
tell_facts(struct io *io)
{
	struct tlsctx_facts	 f;
	struct buf		 b = { 0 };

	tlsctx_facts(io, &f);
	buf_put_u8(&b, f.has_key);
	buf_put_str(&b, span_of(f.key, sizeof(f.key)));
	buf_put_str(&b, f.record);
	buf_put_cstr(&b, f.version);
	buf_put_str(&b, span_of(f.exporter, f.exporter_n));
	buf_put_str(&b, span_of(f.unique, f.unique_n));
	buf_put_str(&b, span_of(f.end_point, f.end_point_n));
	tell('T', &b);
}

static void
on_io(struct io *io, enum io_event what, void *arg)
{
	struct buf	 b = { 0 };

	(void)arg;
	if (what == IO_DATA)
		return;
	if (what == IO_TLS)
		tell_facts(io);
	else {
		buf_adds(&b, what == IO_ERROR ? io_error(io) : "ended");
		tell('E', &b);
	}
	io_free(io);
	event_base_loopbreak(base);
}

static void
handshake(size_t i, int fd)
{
	const struct conf_listener	*l = conf->listeners.v;
	struct buf			 why = { 0 };
	struct tlsctx			*ctx;
	struct io			*io;

	if (i >= conf->listeners.n || fd == -1 ||
	    (ctx = tlsctx_server(conf, &l[i], &why)) == NULL) {
		buf_adds(&why, "no context");
		tell('E', &why);
		return;
	}
	io = io_new(base, fd, on_io, NULL);
	io_deadline(io, PATIENCE);
	if (io == NULL || io_tls_server(io, ctx) == -1)
		exit(1);
	tlsctx_unref(ctx);
	event_base_loop(base, 0);
	buf_free(&why);
}

/* ---- both sides -------------------------------------------------------------------- */

/* What the stand-in needs itself: configuration and the link to keys. */
static void
note(struct span s, int fd)
{
	struct msg_link	 l;
	uint32_t	 type, id;

	if (span_get_u32(&s, &type) == -1 || span_get_u32(&s, &id) == -1)
		exit(1);
	if (type == M_CONF)
		buf_add_span(&conf_octets, s);
	if (type == M_BIRTH_END &&
	    (conf = conf_get(span_buf(&conf_octets))) == NULL)
		exit(1);
	if (type == M_LINK && codec_get(&s, &c_link, &l) == 0 &&
	    l.role == ROLE_KEYS) {
		proc_keys_lost();
		keys = dup(fd);
	}
}

static void
from_parent(void)
{
	int	 fd;
	ssize_t	 n = take(PROC_FD, &fd);

	if (n <= 0)
		exit(0);
	note(span_of(packet + 1, (size_t)n), fd);
	packet[0] = 'M';
	give(orders, packet, (size_t)n + 1, fd);
	if (fd != -1)
		close(fd);
}

static void
from_orders(void)
{
	struct span	 s;
	uint8_t		 kind;
	uint32_t	 i;
	int		 fd;
	ssize_t		 n = take(orders, &fd);

	if (n <= 0)
		exit(0);
	s = span_of(packet + 1, (size_t)n);
	(void)span_get_u8(&s, &kind);
	if (kind == 'H' && span_get_u32(&s, &i) == 0) {
		handshake(i, fd);
		return;			/* the descriptor went with it */
	}
	if (kind == 'P')
		give(PROC_FD, s.p, s.n, fd);
	if (fd != -1)
		close(fd);
}

/* The real one, for instance 0 and for every other role. */
static void
be_real(char **argv)
{
	struct msg_birth	 birth;
	struct span		 s;
	struct pollfd		 p = { PROC_FD, POLLIN, 0 };
	char			 path[4096];
	uint32_t		 type, id;
	ssize_t			 n;

	(void)poll(&p, 1, -1);
	n = recv(PROC_FD, packet, sizeof(packet), MSG_PEEK);
	s = span_of(packet, n < 0 ? 0 : (size_t)n);
	if (span_get_u32(&s, &type) == -1 || span_get_u32(&s, &id) == -1 ||
	    codec_get(&s, &c_birth, &birth) == -1)
		exit(1);
	if (birth.instance > 0 && (birth.role == ROLE_SMTPD ||
	    birth.role == ROLE_FRONT))
		return;
	n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(".real"));
	if (n <= 0)
		exit(1);
	strcpy(path + n, ".real");
	execv(path, argv);
	exit(127);
}

int
main(int argc, char **argv)
{
	struct sockaddr_un	 un = { .sun_family = AF_UNIX };
	struct pollfd		 p[2] = { { PROC_FD, POLLIN, 0 } };
	char			 path[4096];
	ssize_t			 n;

	(void)argc;
	be_real(argv);
	base = event_base_new();
	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = '\0';
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/hostile",
	    dirname(path));
	orders = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (base == NULL ||
	    connect(orders, (struct sockaddr *)&un, sizeof(un)) == -1) {
		perror(un.sun_path);
		return (1);
	}
	p[1] = (struct pollfd){ orders, POLLIN, 0 };
	for (;;) {
		if (poll(p, 2, -1) == -1)
			return (1);
		if (p[0].revents != 0)
			from_parent();
		if (p[1].revents != 0)
			from_orders();
	}
}
