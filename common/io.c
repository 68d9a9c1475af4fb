/*
 * Buffered sockets, in clear or under TLS.  See io.h.
 *
 * Output is sent once a turn, from an event that a write makes active.  Reading
 * is paused lazily: only when octets arrive while paused does the event go, so
 * a client that waits for its reply costs no system call for that.  The deadline
 * is lazy as well: the timer, when it fires early, is set anew.
 */
#include <sys/socket.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tls.h>
#include <unistd.h>

#include "deflate.h"
#include "io.h"
#include "tlsctx.h"

#define IN_MAX		16384	/* default of io_inmax() */
#define SCRATCH		65536	/* read at once */
#define KEPT		512	/* octets of an empty buffer that stays */
#define TLS_CHUNK	16384	/* tls_write takes no more */
#define LINGER		5	/* seconds to see the peer go */
#define KEEPALIVE	120	/* seconds idle before the first probe */

struct io {
	struct event_base	*base;
	int			 fd;
	io_fn			 fn;
	void			*arg;
	struct buf		 in, out;
	size_t			 sent;		/* of what wire() is, not
						 * drained yet */
	struct deflate		*z;		/* then also, deflated: */
	struct buf		 zin, zout;
	size_t			 inmax, lowat;
	struct event		 rev, wev, tev, fev;
	uint64_t		 deadline;	/* ms, monotonic; 0 none */
	struct tls		*tls;
	struct tlsctx		*ctx;		/* until the handshake is done */
	void			*ssl;
	const char		*error;
	unsigned		 depth;
	unsigned		 paused : 1, reading : 1, full : 1, above : 1,
				 handshake : 1, starting : 1, finishing : 1,
				 closing : 1, dead : 1, eof : 1, again : 1, told : 1,
				 by_line : 1, resting : 1, busy : 1;
};

static void	 on_read(evutil_socket_t, short, void *);
static void	 on_write(evutil_socket_t, short, void *);
static void	 on_flush(evutil_socket_t, short, void *);
static void	 on_time(evutil_socket_t, short, void *);
static void	 tell(struct io *, enum io_event);
static void	 destroy(struct io *);
static void	 failed(struct io *, const char *);
static void	 handshake(struct io *);
static void	 flush(struct io *);
static void	 closing(struct io *);
static void	 want(struct io *, ssize_t);
static void	 read_on(struct io *);
static ssize_t	 read_some(struct io *, uint8_t *, size_t);
static ssize_t	 write_some(struct io *);

static uint8_t	 scratch[SCRATCH];

static uint64_t
now_ms(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return ((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000);
}

struct io *
io_new(struct event_base *base, int fd, io_fn fn, void *arg)
{
	struct io	*io;
	int		 on = 1, idle = KEEPALIVE;

	if ((io = calloc(1, sizeof(*io))) == NULL ||
	    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == -1) {
		free(io);
		close(fd);
		return (NULL);
	}
	/* A unix socket knows neither; that is fine. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	io->base = base;
	io->fd = fd;
	io->fn = fn;
	io->arg = arg;
	io->inmax = IN_MAX;
	event_assign(&io->rev, base, fd, EV_READ | EV_PERSIST, on_read, io);
	event_assign(&io->wev, base, fd, EV_WRITE, on_write, io);
	event_assign(&io->tev, base, -1, 0, on_time, io);
	event_assign(&io->fev, base, -1, 0, on_flush, io);
	read_on(io);
	return (io);
}

static void
destroy(struct io *io)
{
	event_del(&io->rev);
	event_del(&io->wev);
	event_del(&io->tev);
	event_del(&io->fev);
	tls_free(io->tls);
	tlsctx_unref(io->ctx);
	if (io->fd != -1)
		close(io->fd);
	buf_freezero(&io->in);
	buf_freezero(&io->out);
	deflate_free(io->z);
	buf_freezero(&io->zin);
	buf_freezero(&io->zout);
	free(io);
}

void
io_free(struct io *io)
{
	if (io == NULL)
		return;
	io->dead = 1;
	if (io->depth == 0)
		destroy(io);
}

/* Call back; afterwards io may be gone. */
static void
tell(struct io *io, enum io_event what)
{
	if (io->dead || io->finishing)
		return;
	io->depth++;
	io->fn(io, what, io->arg);
	io->depth--;
	if (io->dead && io->depth == 0)
		destroy(io);
	else if (io->in.n == 0 && io->in.cap != 0 && io->depth == 0)
		buf_freezero(&io->in);
}

static void
failed(struct io *io, const char *why)
{
	event_del(&io->rev);
	event_del(&io->wev);
	io->reading = 0;
	io->error = why;
	if (io->finishing) {
		io_free(io);
		return;
	}
	tell(io, IO_ERROR);
}

static void
read_on(struct io *io)
{
	if (!io->reading && !io->eof && io->fd != -1) {
		event_add(&io->rev, NULL);
		io->reading = 1;
	}
}

/* What a TLS call waits for. */
static void
want(struct io *io, ssize_t rc)
{
	if (rc == TLS_WANT_POLLIN)
		read_on(io);
	else if (rc == TLS_WANT_POLLOUT)
		event_add(&io->wev, NULL);
}

static void
handshake(struct io *io)
{
	int	 rc = tls_handshake(io->tls);

	if (rc == TLS_WANT_POLLIN || rc == TLS_WANT_POLLOUT) {
		want(io, rc);
		return;
	}
	if (rc == -1) {
		failed(io, tls_error(io->tls));
		return;
	}
	io->handshake = 0;
	tlsctx_unref(io->ctx);
	io->ctx = NULL;
	io->depth++;
	tell(io, IO_TLS);
	if (!io->dead && !io->paused) {
		read_on(io);
		/* What came with the last flight makes no event. */
		event_active(&io->rev, EV_READ, 0);
	} else if (!io->dead) {		/* io_resume() is to look there */
		event_del(&io->rev);
		io->reading = 0;
	}
	if (!io->dead && io_outlen(io) > 0)
		io_kick(io);
	if (--io->depth == 0 && io->dead)
		destroy(io);
}

/* Octets; 0 end of file; TLS_WANT_POLLIN or _POLLOUT; -1 failed. */
static ssize_t
read_some(struct io *io, uint8_t *p, size_t n)
{
	const uint8_t	*lf;
	ssize_t		 rc;

	if (io->tls != NULL) {
		if ((rc = tls_read(io->tls, p, n)) == -1)
			io->error = tls_error(io->tls);
		return (rc);
	}
	if (io->by_line && (rc = recv(io->fd, p, n,
	    MSG_DONTWAIT | MSG_PEEK)) > 0 &&
	    (lf = memchr(p, '\n', (size_t)rc)) != NULL) {
		n = (size_t)(lf - p) + 1;
		explicit_bzero(p + n, (size_t)rc - n);
	}
	while ((rc = recv(io->fd, p, n, MSG_DONTWAIT)) == -1 && errno == EINTR)
		continue;
	if (rc == -1 && errno == EAGAIN)
		return (TLS_WANT_POLLIN);
	if (rc == -1)
		io->error = strerror(errno);
	return (rc);
}

/* The peer of a connection that we are ending: swallow until it is gone. */
static void
swallow(struct io *io)
{
	ssize_t	 n;
	int	 i;

	for (i = 0; i < 16; i++) {
		n = recv(io->fd, scratch, sizeof(scratch), MSG_DONTWAIT);
		if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
			io_free(io);
			return;
		}
		if (n == -1)
			return;
		explicit_bzero(scratch, (size_t)n);
	}
}

/* Octets of the socket into in, which is where they all go sooner or later. */
static int
take(struct io *io, const uint8_t *p, size_t n)
{
	struct span	 s;
	int		 rc;

	if (io->z == NULL)
		rc = buf_add(&io->in, p, n);
	else if ((rc = buf_add(&io->zin, p, n)) == 0) {
		s = span_buf(&io->zin);
		n = s.n;
		if (deflate_in(io->z, &s, &io->in, io->inmax) == -1) {
			io->error = "malformed compressed data";
			return (-1);
		}
		buf_drain(&io->zin, n - s.n);
		if (io->zin.n == 0)
			buf_freezero(&io->zin);
	}
	if (rc == -1)
		io->error = "no memory";
	return (rc);
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	struct io	*io = arg;
	size_t		 room = 1, had = io->in.n, raw = 0, got;
	ssize_t		 n = 0;

	(void)fd;
	(void)what;
	if (io->starting || (io->paused && !io->handshake &&
	    !io->finishing)) {
		event_del(&io->rev);
		io->reading = 0;
		return;
	}
	if (io->handshake) {
		handshake(io);
		return;
	}
	if (io->finishing && io->closing) {
		swallow(io);
		return;
	}
	if (io->finishing) {
		/* Nothing of it is read any more before all is sent, and it
		 * would be here again at once. */
		event_del(&io->rev);
		io->reading = 0;
		flush(io);
		return;
	}
	if (io->z != NULL && take(io, NULL, 0) == -1)	/* held back */
		n = -1;
	while (n != -1 && !io->eof &&
	    (room = io->in.n < io->inmax ? io->inmax - io->in.n : 0) > 0) {
		if (room > sizeof(scratch))
			room = sizeof(scratch);
		if ((n = read_some(io, scratch, room)) <= 0)
			break;
		raw = (size_t)n > raw ? (size_t)n : raw;
		if (take(io, scratch, (size_t)n) == -1) {
			n = -1;
			break;
		}
		/* In clear what is left makes an event of its own. */
		if (io->tls == NULL && (size_t)n < room)
			break;
		if (io->tls == NULL)
			break;
	}
	explicit_bzero(scratch, raw);
	got = io->in.n - had;
	/* What is held back then makes no event. */
	if (room == 0 || (io->z != NULL && io->in.n >= io->inmax)) {
		event_del(&io->rev);
		io->reading = 0;
		io->full = 1;
	}
	if (n == TLS_WANT_POLLOUT)
		event_add(&io->wev, NULL);
	if (n == 0 && room > 0 && !io->full && !io->eof) {
		event_del(&io->rev);
		io->reading = 0;
		io->eof = 1;
	}
	io->depth++;
	if (got > 0 || io->again) {
		io->again = 0;
		tell(io, IO_DATA);
	}
	if (!io->dead && io->eof && !io->told && !io->paused) {
		io->told = 1;		/* what came before it is consumed */
		tell(io, IO_EOF);
	} else if (!io->dead && n == -1)
		failed(io, io->error);
	if (--io->depth == 0 && io->dead)
		destroy(io);
	else if (io->depth == 0 && io->in.n == 0 && io->in.cap != 0)
		buf_freezero(&io->in);
}

/* What goes to the socket as it is. */
static struct buf *
wire(struct io *io)
{
	return (io->z == NULL ? &io->out : &io->zout);
}

/* More for the socket, when it has had all: 1, 0 there is nothing, -1. */
static int
next_piece(struct io *io)
{
	size_t	 n = io->out.n < SCRATCH ? io->out.n : SCRATCH;

	if (io->z == NULL || n == 0)
		return (0);
	buf_freezero(&io->zout);
	io->sent = 0;
	if (deflate_out(io->z, span_of(io->out.p, n), &io->zout) == -1) {
		io->error = "no memory";
		return (-1);
	}
	buf_drain(&io->out, n);
	return (1);
}

/* Octets taken; TLS_WANT_*; -1 failed. */
static ssize_t
write_some(struct io *io)
{
	const uint8_t	*p = wire(io)->p + io->sent;
	size_t		 n = wire(io)->n - io->sent;
	ssize_t		 rc;

	if (io->tls != NULL && !io->starting) {
		if ((rc = tls_write(io->tls, p,
		    n > TLS_CHUNK ? TLS_CHUNK : n)) == -1)
			io->error = tls_error(io->tls);
		return (rc);
	}
	while ((rc = send(io->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT)) == -1 &&
	    errno == EINTR)
		continue;
	if (rc == -1 && errno == EAGAIN)
		return (TLS_WANT_POLLOUT);
	if (rc == -1)
		io->error = strerror(errno);
	return (rc);
}

/* Everything is out: close_notify, then no more from us. */
static void
closing(struct io *io)
{
	static const struct timeval	 linger = { LINGER, 0 };
	int				 rc;

	if (io->tls != NULL && !io->handshake &&
	    (rc = tls_close(io->tls)) == TLS_WANT_POLLOUT) {
		event_add(&io->wev, NULL);
		return;
	}
	io->closing = 1;
	/* Nothing to wait for when the peer has closed already. */
	if (io->eof || shutdown(io->fd, SHUT_WR) == -1) {
		io_free(io);
		return;
	}
	event_del(&io->tev);
	io->deadline = 0;
	event_add(&io->tev, &linger);
	read_on(io);
}

/* The socket takes no more now, or never. */
static void
unsent(struct io *io, ssize_t why)
{
	if (why == -1) {
		failed(io, io->error);
		return;
	}
	if (io->sent > wire(io)->n / 2) {
		buf_drain(wire(io), io->sent);
		io->sent = 0;
	}
	want(io, why);
}

static void
flush(struct io *io)
{
	ssize_t	 n;
	int	 more;

	if (io->handshake && !io->starting) {
		if (io->finishing)
			closing(io);
		return;
	}
	do {
		while (io->sent < wire(io)->n) {
			if ((n = write_some(io)) < 0) {
				unsent(io, n);
				return;
			}
			io->sent += (size_t)n;
		}
	} while ((more = next_piece(io)) == 1);
	if (more == -1) {
		failed(io, io->error);
		return;
	}
	if (io->busy)
		buf_reset(&io->out);
	else if (io->out.cap > KEPT || io->out.n != 0)
		buf_freezero(&io->out);
	buf_freezero(&io->zout);
	io->sent = 0;
	if (io->resting)
		io_rest(io);
	if (io->starting) {	/* the answer to STARTTLS is out */
		io->starting = 0;
		handshake(io);
		return;
	}
	if (io->finishing && !io->closing) {
		closing(io);
		return;
	}
	if (io->above && io_outlen(io) <= io->lowat) {
		io->above = 0;
		tell(io, IO_LOWAT);
	}
}

static void
on_write(evutil_socket_t fd, short what, void *arg)
{
	struct io	*io = arg;

	(void)fd;
	(void)what;
	if (io->handshake && !io->starting)
		handshake(io);
	else
		flush(io);
}

static void
on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct io	*io = arg;

	(void)fd;
	(void)what;
	if (!event_pending(&io->wev, EV_WRITE, NULL))
		flush(io);
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
	struct io	*io = arg;
	struct timeval	 left;
	uint64_t	 now = now_ms();

	(void)fd;
	(void)what;
	if (io->closing || (io->finishing && io->deadline <= now)) {
		io_free(io);
		return;
	}
	if (io->deadline == 0)
		return;
	if (io->deadline > now) {
		left.tv_sec = (time_t)((io->deadline - now) / 1000);
		left.tv_usec = (suseconds_t)((io->deadline - now) % 1000) *
		    1000;
		event_add(&io->tev, &left);
		return;
	}
	io->deadline = 0;
	tell(io, IO_TIMEOUT);
}

void
io_deadline(struct io *io, unsigned seconds)
{
	struct timeval	 tv = { (time_t)seconds, 0 }, due, now;

	if (seconds == 0) {
		io->deadline = 0;
		return;
	}
	io->deadline = now_ms() + (uint64_t)seconds * 1000;
	if (event_pending(&io->tev, EV_TIMEOUT, &due)) {
		evutil_gettimeofday(&now, NULL);
		if (due.tv_sec <= now.tv_sec + (time_t)seconds)
			return;		/* it fires soon enough */
	}
	event_add(&io->tev, &tv);
}

void
io_finish(struct io *io)
{
	static const struct timeval	 patience = { 30, 0 };

	if (io == NULL || io->dead || io->finishing)
		return;
	io->finishing = 1;
	io->deadline = now_ms() + 30000;
	event_add(&io->tev, &patience);
	buf_freezero(&io->in);
	io_kick(io);
}

int
io_release(struct io *io)
{
	int	 fd = io->fd;

	if (io->tls != NULL || io_outlen(io) != 0)
		return (-1);
	event_del(&io->rev);
	event_del(&io->wev);
	io->reading = 0;
	io->fd = -1;
	io_free(io);
	return (fd);
}

int
io_fd(const struct io *io)
{
	return (io->fd);
}

void
io_set(struct io *io, io_fn fn, void *arg)
{
	io->fn = fn;
	io->arg = arg;
}

struct span
io_in(const struct io *io)
{
	return (span_buf(&io->in));
}

void
io_drain(struct io *io, size_t n)
{
	size_t	 had = io->in.n;

	buf_drain(&io->in, n);
	/* It may have been a password.  An empty buffer is wiped when the
	 * callback returns, if it is in one. */
	if (io->in.n < had && (io->in.n > 0 || io->depth == 0))
		explicit_bzero(io->in.p + io->in.n, had - io->in.n);
	if (io->full && io->in.n < io->inmax) {
		io->full = 0;
		if (!io->paused)
			io_resume(io);
	}
}

void
io_inmax(struct io *io, size_t n)
{
	io->inmax = n;
	if (io->full && io->in.n < n)
		io_drain(io, 0);
}

void
io_by_line(struct io *io, int on)
{
	io->by_line = on != 0;
}

void
io_pause(struct io *io)
{
	io->paused = 1;
}

void
io_resume(struct io *io)
{
	int	 look = io->in.n > 0;	/* or the end, not told yet */

	io->paused = 0;
	if (io->handshake)
		return;
	io->again = look ? 1 : 0;
	look |= io->eof && !io->told;
	if (!io->full && !io->reading && !io->eof) {
		read_on(io);
		/* libssl may hold more, or zlib */
		look |= io->tls != NULL || io->z != NULL;
	}
	if (look)
		event_active(&io->rev, EV_READ, 0);
}

int
io_write(struct io *io, const void *p, size_t n)
{
	int	 rc = buf_add(&io->out, p, n);

	io_kick(io);
	return (rc);
}

int
io_printf(struct io *io, const char *fmt, ...)
{
	va_list	 ap;
	int	 rc;

	va_start(ap, fmt);
	rc = buf_addv(&io->out, fmt, ap);
	va_end(ap);
	io_kick(io);
	return (rc);
}

struct buf *
io_out(struct io *io)
{
	return (&io->out);
}

void
io_kick(struct io *io)
{
	if (io->dead)
		return;
	if (io_outlen(io) > io->lowat)
		io->above = 1;
	event_active(&io->fev, EV_WRITE, 0);
}

size_t
io_outlen(const struct io *io)
{
	return (io->out.n + io->zout.n - io->sent);
}

void
io_lowat(struct io *io, size_t n)
{
	io->lowat = n;
}

int
io_compress(struct io *io)
{
	if (io->z != NULL || (io->z = deflate_new()) == NULL)
		return (-1);
	io->zout = io->out;
	memset(&io->out, 0, sizeof(io->out));
	io->out.max = io->zout.max;
	io->zout.max = 0;
	io->zin = io->in;
	memset(&io->in, 0, sizeof(io->in));
	if (io->zin.n > 0)
		event_active(&io->rev, EV_READ, 0);
	return (0);
}

void
io_busy(struct io *io, int busy)
{
	io->busy = busy != 0;
}

void
io_rest(struct io *io)
{
	io->busy = 0;
	io->resting = io_outlen(io) > 0;
	if (io->resting)
		return;
	buf_freezero(&io->out);
	if (io->in.n > 0)
		return;
	if (io->depth == 0)		/* else its end does it */
		buf_freezero(&io->in);
	if (io->z != NULL && io->zin.n == 0)
		deflate_rest(io->z);
}

const char *
io_error(const struct io *io)
{
	return (io->error == NULL ? "" : io->error);
}

int
io_tls_server(struct io *io, struct tlsctx *ctx)
{
	if (io->tls != NULL || io->in.n != 0 ||
	    (io->tls = tlsctx_accept(ctx, io->fd)) == NULL)
		return (-1);
	io->ssl = tlsctx_ssl(io->tls);
	io->ctx = tlsctx_ref(ctx);
	io->handshake = 1;
	io->starting = 1;
	io_kick(io);
	return (0);
}

int
io_tls_client(struct io *io, struct tls *tls, const char *servername)
{
	if (io->tls != NULL || io->in.n != 0 ||
	    tls_connect_socket(tls, io->fd, servername) == -1) {
		tls_free(tls);
		return (-1);
	}
	io->tls = tls;
	io->ssl = tlsctx_ssl(tls);
	io->handshake = 1;
	io->starting = 1;
	io_kick(io);
	return (0);
}

struct tls *
io_tls(const struct io *io)
{
	return (io->tls);
}

void *
io_ssl(const struct io *io)
{
	return (io->ssl);
}
