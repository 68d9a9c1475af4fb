/*
 * Asking "authd: keys" to sign.
 *
 * The wait is synchronous, on a link with nothing else on it.  After any failure
 * that link is closed: a late answer would be taken for the next one.
 */
#include <sys/socket.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "proc.h"
#include "tlskey.h"

#define SLICE	100	/* ms of one look */
#define MORE	20	/* looks when time is up */

static int64_t	 now_ms(void);
static int	 wait_for(int, short, int64_t, int *);
static int	 ask(const struct msg_sign *, struct buf *);

static int64_t
now_ms(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return ((int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

/*
 * Until the socket is ready; -1 when it is time to give up.  When all of the
 * machine stood still keys did so too, and a busy one may be slow to give it a
 * processor: some looks more are its due, two seconds of ours.
 */
static int
wait_for(int fd, short events, int64_t until, int *more)
{
	struct pollfd	 p = { .fd = fd, .events = events };
	int		 n;

	for (;;) {
		if (now_ms() >= until && (*more)-- <= 0)
			return (-1);
		n = poll(&p, 1, SLICE);
		if (n > 0)
			return (0);
		if (n == -1 && errno != EINTR)
			return (-1);
	}
}

/* One question, one answer.  0, or -1 when the link is to be closed. */
static int
ask(const struct msg_sign *m, struct buf *sig)
{
	static uint32_t		 last;
	int64_t			 until = now_ms() + TLSKEY_PATIENCE;
	struct msg_signature	 r;
	struct buf		 b = { .max = IMSG_MAX };
	uint8_t			 room[IMSG_MAX];
	struct span		 s;
	uint32_t		 type, id;
	ssize_t			 n;
	int			 fd = proc_keys_fd(), more = MORE, rc;

	if (fd == -1)
		return (-1);
	buf_put_u32(&b, M_SIGN);
	buf_put_u32(&b, ++last);
	rc = codec_put(&b, &c_sign, m);
	while (rc == 0 && (n = send(fd, b.p, b.n, MSG_DONTWAIT |
	    MSG_NOSIGNAL)) != (ssize_t)b.n)
		if (n != -1 || (errno != EINTR && (errno != EAGAIN ||
		    wait_for(fd, POLLOUT, until, &more) == -1)))
			rc = -1;
	buf_free(&b);
	if (rc == -1)
		return (-1);
	while ((n = recv(fd, room, sizeof(room), MSG_DONTWAIT)) == -1)
		if (errno != EINTR && (errno != EAGAIN ||
		    wait_for(fd, POLLIN, until, &more) == -1))
			return (-1);
	s = span_of(room, (size_t)n);
	if (span_get_u32(&s, &type) == -1 || span_get_u32(&s, &id) == -1 ||
	    type != (M_SIGN | IMSG_REPLY) || id != last ||
	    codec_get(&s, &c_signature, &r) == -1 || s.n != 0)
		return (-1);
	if (r.result != RESULT_OK)
		log_warn("keys does not sign this");
	else
		buf_add_span(sig, r.signature);
	return (0);
}

int
tlskey_ask(const struct msg_sign *m, uint8_t *sig, size_t max, size_t *n)
{
	uint8_t		 room[1024];
	struct buf	 got = { room, 0, sizeof(room), sizeof(room), 0 };

	/* Of a client in TLS 1.2: with the chains of both ends in it. */
	if (m->data.n > MSG_RECORD_MAX) {
		log_warn("a handshake of %zu octets is too long to be signed; "
		    "TLS 1.3 would do", m->data.n);
		return (0);
	}
	if (ask(m, &got) == -1) {
		if (proc_keys_fd() != -1)
			log_warn("no answer from keys");
		proc_keys_lost();
		return (0);
	}
	if (got.n == 0 || got.n > max)
		return (0);
	memcpy(sig, got.p, got.n);
	*n = got.n;
	return (1);
}

int
tlskey_id(X509 *x, uint8_t id[TLSKEY_ID])
{
	unsigned char	*der = NULL;
	unsigned int	 n = TLSKEY_ID;
	int		 len, rc;

	if ((len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der)) <= 0)
		return (-1);
	rc = EVP_Digest(der, (size_t)len, id, &n, EVP_sha256(), NULL);
	OPENSSL_free(der);
	return (rc == 1 ? 0 : -1);
}

EVP_PKEY *
tlskey_new(X509 *x)
{
#ifdef LIBRESSL_VERSION_NUMBER
	return (tlskey_low(x));
#else
	return (tlskey_high(x));
#endif
}
