/*
 * A client's or server's socket in an event loop, in clear or under TLS: lines
 * and octets in, octets out, deadlines.  Nothing is read past what was asked
 * for while a protocol waits (io_pause), and what arrived in clear is forgotten
 * when TLS begins.  Memory is given back while nothing is under way.
 */
#ifndef IO_H
#define IO_H

#include <stdint.h>
#include "buf.h"

struct event_base;
struct io;
struct tlsctx;			/* tlsctx.h: certificates of a listener */

enum io_event {
	IO_DATA,		/* in io_in() there is more than before */
	IO_TLS,			/* the handshake is done */
	IO_LOWAT,		/* output fell under the low-water mark */
	IO_EOF,			/* the peer closed; nothing more comes.  A TLS
				 * connection cut without close_notify is
				 * IO_ERROR, not this */
	IO_ERROR,		/* io_error() says what */
	IO_TIMEOUT		/* the deadline passed */
};

/* Called from the loop.  May free the io. */
typedef void	(*io_fn)(struct io *, enum io_event, void *arg);

/* Owns fd (non-blocking, TCP_NODELAY and keep-alive are set). */
struct io	*io_new(struct event_base *, int fd, io_fn, void *arg);
/* Closes at once. */
void		 io_free(struct io *);
/* Send what is queued, close_notify, shut down, then free; no more events. */
void		 io_finish(struct io *);
/* Give up the descriptor (clear text only) and free the rest; -1 if output is
 * still queued. */
int		 io_release(struct io *);
int		 io_fd(const struct io *);
void		 io_set(struct io *, io_fn, void *arg);

/* Received and not yet consumed octets; consume with io_drain(). */
struct span	 io_in(const struct io *);
void		 io_drain(struct io *, size_t);
/* Most octets held in io_in(); reading stops there.  Default 16384. */
void		 io_inmax(struct io *, size_t);
/* In clear, take no octet past the next LF from the socket: whoever gets the
 * descriptor after io_release() misses nothing. */
void		 io_by_line(struct io *, int);
/* Stop reading, start again.  io_resume() calls back with IO_DATA soon when
 * octets are waiting already. */
void		 io_pause(struct io *);
void		 io_resume(struct io *);

/* Queue for sending; the socket is tried at the end of the turn. */
int		 io_write(struct io *, const void *, size_t);
int		 io_printf(struct io *, const char *, ...)
		    __attribute__((__format__(printf, 2, 3)));
/* The output buffer itself, to append to; then io_kick(). */
struct buf	*io_out(struct io *);
void		 io_kick(struct io *);
size_t		 io_outlen(const struct io *);
/* IO_LOWAT when queued output falls to this or less (after being above). */
void		 io_lowat(struct io *, size_t);

/*
 * From now on both directions are deflated (deflate.h), behind what is queued
 * already; what was received and not consumed counts as the first of it.  -1: no
 * memory, or it is so already.  io_outlen() counts octets in either form.
 */
int		 io_compress(struct io *);
/* More output is to come, soon: its buffers stay as they are until this is said
 * to be over, or io_rest(). */
void		 io_busy(struct io *, int);
/* Nothing will be under way for a while, once what is queued is sent. */
void		 io_rest(struct io *);

/* IO_TIMEOUT once when this many seconds have passed; 0: none.  Each call
 * starts anew. */
void		 io_deadline(struct io *, unsigned seconds);
const char	*io_error(const struct io *);

/*
 * Begin TLS: what is queued is sent first; what was received and not consumed
 * is an injection: -1 (the caller closes).  As server with a listener's
 * context; as client with a struct tls ready made by tls_client() and
 * tls_configure(), owned from now on.
 */
int		 io_tls_server(struct io *, struct tlsctx *);
struct tls;
int		 io_tls_client(struct io *, struct tls *, const char *servername);
/* NULL in clear. */
struct tls	*io_tls(const struct io *);
void		*io_ssl(const struct io *);	/* SSL * as captured, or NULL */

#endif
