/*
 * A connection that is waited for; see netclient.h.
 */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tls.h>
#include <unistd.h>

#include "netclient_int.h"

#define IN_PIECE	16384
#define IN_MAX		(1024 * 1024)	/* received and not taken */

struct netclient {
	int			 fd;
	struct tls		*tls;
	void			*ssl;
	int			 trusted;	/* the server's name is proven */
	struct tlsctx_client	*ctx;
	struct tlsctx_facts	 facts;
	char			*tlsname;
	int			 unverified, tls12;
	unsigned		 handshake;
	uint64_t		 end;		/* of the session */
	struct buf		 in, error;
	char			 peer[128];
};

static int	 fail(struct netclient *, const char *, const char *);
static uint64_t	 deadline(const struct netclient *, unsigned);
static int	 wait_tls(struct netclient *, ssize_t, uint64_t);
static int	 handshake(struct netclient *);
static ssize_t	 send_some(struct netclient *, struct span, uint64_t);

static int
fail(struct netclient *n, const char *what, const char *text)
{
	buf_reset(&n->error);
	buf_addf(&n->error, "%s: %s: %s", n->peer, what,
	    text == NULL ? "unknown error" : text);
	(void)buf_cstr(&n->error);	/* for netclient_error() */
	return (-1);
}

static uint64_t
deadline(const struct netclient *n, unsigned seconds)
{
	uint64_t	 t = net_clock() + seconds * 1000ULL;

	return (n->end != 0 && n->end < t ? n->end : t);
}

struct netclient *
netclient_new(int fd, const struct netclient_settings *set)
{
	struct netclient	*n = calloc(1, sizeof(*n));
	const char		*name;
	int			 fl = fcntl(fd, F_GETFL);

	name = set->tlsname != NULL ? set->tlsname : set->host;
	if (n == NULL || fl == -1 ||
	    fcntl(fd, F_SETFL, fl | O_NONBLOCK) == -1 || (name != NULL &&
	    (n->tlsname = strdup(name)) == NULL)) {
		free(n);
		close(fd);
		return (NULL);
	}
	n->fd = fd;
	n->in.max = IN_MAX;
	n->error.max = 1024;
	n->ctx = set->tls;
	n->unverified = set->unverified;
	n->tls12 = set->tls12;
	n->handshake = set->handshake != 0 ? set->handshake : 60;
	if (set->session != 0)
		n->end = net_clock() + set->session * 1000ULL;
	strcpy(n->peer, "server");
	return (n);
}

struct netclient *
netclient_open(const struct netclient_settings *set, struct buf *why)
{
	struct netclient	*n;
	char			 peer[sizeof(n->peer)] = "";
	int			 fd, on = 1;

	if ((fd = net_connect(set, why, peer, sizeof(peer))) == -1)
		return (NULL);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if ((n = netclient_new(fd, set)) == NULL) {
		buf_adds(why, "no memory");
		return (NULL);
	}
	memcpy(n->peer, peer, sizeof(peer));
	return (n);
}

void
netclient_free(struct netclient *n)
{
	if (n == NULL)
		return;
	if (n->tls != NULL) {
		(void)tls_close(n->tls);
		tls_free(n->tls);
	}
	close(n->fd);
	buf_freezero(&n->in);
	buf_free(&n->error);
	free(n->tlsname);
	explicit_bzero(n, sizeof(*n));
	free(n);
}

/* What libtls answered: 0 when it is to be called again, or -1. */
static int
wait_tls(struct netclient *n, ssize_t rc, uint64_t until)
{
	if (rc == TLS_WANT_POLLIN)
		return (net_poll(n->fd, POLLIN, until) == -1 ?
		    fail(n, "TLS", strerror(errno)) : 0);
	if (rc == TLS_WANT_POLLOUT)
		return (net_poll(n->fd, POLLOUT, until) == -1 ?
		    fail(n, "TLS", strerror(errno)) : 0);
	return (fail(n, "TLS", tls_error(n->tls)));
}

static int
handshake(struct netclient *n)
{
	uint64_t	 until = deadline(n, n->handshake);
	int		 rc;

	while ((rc = tls_handshake(n->tls)) != 0)
		if (wait_tls(n, rc, until) == -1)
			return (-1);
	return (0);
}

int
netclient_tls(struct netclient *n)
{
	struct buf	 why = { .max = 512 };

	if (n->ctx == NULL || n->tlsname == NULL || n->tls != NULL)
		return (fail(n, "TLS", "not to be had here"));
	if (n->in.n != 0)
		return (fail(n, "TLS", "octets in clear before the handshake, "
		    "perhaps an injection"));
	if ((n->tls = tlsctx_client_tls(n->ctx)) == NULL)
		return (fail(n, "TLS", "no memory"));
	if (tls_connect_socket(n->tls, n->fd, n->tlsname) == -1)
		return (fail(n, "TLS", tls_error(n->tls)));
	if ((n->ssl = tlsctx_ssl(n->tls)) == NULL)
		return (fail(n, "TLS", "libtls is not as expected"));
	if (n->tls12)
		SSL_set_max_proto_version(n->ssl, TLS1_2_VERSION);
	if (handshake(n) == -1)
		return (-1);
	n->trusted = tlsctx_verify_ssl(n->ctx, n->ssl, n->tlsname, &why) == 0;
	if (!n->trusted && !n->unverified) {
		(void)fail(n, n->tlsname, buf_cstr(&why));
		buf_free(&why);
		return (-1);
	}
	buf_free(&why);
	tlsctx_facts_ssl(n->tls, n->ssl, &n->facts);
	return (0);
}

static ssize_t
send_some(struct netclient *n, struct span s, uint64_t until)
{
	ssize_t	 rc;

	for (;;) {
		if (n->tls != NULL) {
			if ((rc = tls_write(n->tls, s.p, s.n)) >= 0)
				return (rc);
			if (wait_tls(n, rc, until) == -1)
				return (-1);
			continue;
		}
		if ((rc = send(n->fd, s.p, s.n, MSG_NOSIGNAL)) >= 0)
			return (rc);
		if (errno == EINTR)
			continue;
		if ((errno != EAGAIN && errno != EWOULDBLOCK) ||
		    net_poll(n->fd, POLLOUT, until) == -1)
			return (fail(n, "send", strerror(errno)));
	}
}

int
netclient_send(struct netclient *n, struct buf *out, unsigned seconds)
{
	struct span	 s = span_buf(out);
	ssize_t		 k = 0;

	while (s.n > 0) {
		k = send_some(n, s, deadline(n, seconds));
		if (k == -1)
			break;
		s.p += k;
		s.n -= (size_t)k;
	}
	buf_freezero(out);
	return (k == -1 ? -1 : 0);
}

int
netclient_recv(struct netclient *n, unsigned seconds)
{
	uint64_t	 until = deadline(n, seconds);
	uint8_t		*p;
	ssize_t		 k;

	if ((p = buf_reserve(&n->in, IN_PIECE)) == NULL)
		return (fail(n, "receive", "more than there is room for"));
	for (;;) {
		if (n->tls != NULL)
			k = tls_read(n->tls, p, IN_PIECE);
		else
			k = recv(n->fd, p, IN_PIECE, 0);
		if (k >= 0)
			break;
		if (n->tls != NULL) {
			if (wait_tls(n, k, until) == -1)
				return (-1);
		} else if (errno != EINTR && ((errno != EAGAIN &&
		    errno != EWOULDBLOCK) ||
		    net_poll(n->fd, POLLIN, until) == -1))
			return (fail(n, "receive", strerror(errno)));
	}
	buf_commit(&n->in, (size_t)k);
	return (k > 0);
}

int
net_hear(struct netclient *n)
{
	struct buf	 was = n->error;
	int		 rc;

	buf_init(&n->error, was.max);
	rc = netclient_recv(n, 0);
	buf_free(&n->error);
	n->error = was;
	return (rc == 1);
}

struct span
netclient_in(const struct netclient *n)
{
	return (span_buf(&n->in));
}

void
netclient_drain(struct netclient *n, size_t octets)
{
	buf_drain(&n->in, octets);
}

const char *
netclient_error(const struct netclient *n)
{
	return (n->error.n == 0 ? "nothing wrong" : (const char *)n->error.p);
}

const char *
netclient_peer(const struct netclient *n)
{
	return (n->peer);
}

int
netclient_facts(const struct netclient *n, struct tlsctx_facts *f)
{
	*f = n->facts;
	return (n->tls != NULL);
}

void
netclient_sasl(struct netclient *n, struct sasl_login *l)
{
	struct scram_bindings	*b = &l->bindings;

	memset(b, 0, sizeof(*b));
	l->tls = n->tls != NULL;
	l->trusted = n->trusted != 0;
	l->key = n->tls != NULL && tlsctx_client_shows(n->ctx);
	if (n->tls == NULL)
		return;
	b->data[SCRAM_TLS_EXPORTER] = span_of(n->facts.exporter,
	    n->facts.exporter_n);
	b->data[SCRAM_TLS_UNIQUE] = span_of(n->facts.unique,
	    n->facts.unique_n);
	b->data[SCRAM_TLS_SERVER_END_POINT] = span_of(n->facts.end_point,
	    n->facts.end_point_n);
}
