/*
 * Many IMAP clients in one process, to load a server on this machine with
 * connections: each greets, logs in, logs out and begins anew.
 *	loginload [-t] [-k file] [-c connections] [-n logins] [-m how]
 *	    [-p password] -u user,... port
 * -t is TLS from the first octet, -k a certificate and its key to show.  How is
 * greeting (nothing but the connection), login, plain, scram or external.
 * Prints connections a second and the time that one takes, as JSON.
 */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"

#define USERS		1000
#define NONCE		"abcdefghijklmnopqrstuvwx"
#define HASH		32		/* octets of SHA-256 */

enum step { GREETING, LOGIN, SCRAM_FIRST, SCRAM_FINAL, LOGOUT };

struct user {
	const char	*name;
	struct buf	 salt;		/* of which the keys below are */
	uint8_t		 client_key[HASH], stored_key[HASH];
};

struct conn {
	int		 fd;
	SSL		*ssl;
	enum step	 step;
	int		 shaking;	/* the handshake is under way */
	char		 in[4096];	/* what is not a whole line yet */
	size_t		 n;
	struct user	*user;
	double		 began;
	int		 turn;		/* which connection; 0: none */
};

static struct user	 users[USERS];
static size_t		 nusers, next_user;
static const char	*password = "letterlock", *how = "login";
static int		 total = 1000, started, ndone, nfailed, ep, live;
static in_port_t	 port;
static SSL_CTX		*ctx;
static double		*took;

static double
now(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return ((double)t.tv_sec + (double)t.tv_nsec / 1e9);
}

/* ---- connections -------------------------------------------------------- */

static void
put(struct conn *c, const char *s, size_t n)
{
	int	 rc = c->ssl == NULL ?
	    (int)send(c->fd, s, n, MSG_NOSIGNAL) :
	    SSL_write(c->ssl, s, (int)n);

	if (rc != (int)n)
		errx(1, "a command cannot be sent");
}

static void
puts_buf(struct conn *c, struct buf *b)
{
	if (buf_adds(b, "\r\n") == -1)
		err(1, NULL);
	put(c, (const char *)b->p, b->n);
	buf_free(b);
}

static void
dial(struct conn *c)
{
	struct sockaddr_in	 a = { .sin_family = AF_INET,
				    .sin_port = htons(port) };
	struct epoll_event	 e = { .events = EPOLLIN, .data.ptr = c };
	int			 on = 1;

	memset(c, 0, sizeof(*c));
	c->turn = ++started;
	live++;
	c->began = now();
	c->user = &users[next_user++ % nusers];
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd == -1 ||
	    connect(c->fd, (struct sockaddr *)&a, sizeof(a)) == -1)
		err(1, "connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e) == -1)
		err(1, "epoll_ctl");
	if (ctx == NULL)
		return;
	if ((c->ssl = SSL_new(ctx)) == NULL || SSL_set_fd(c->ssl, c->fd) != 1)
		errx(1, "no memory");
	SSL_set_connect_state(c->ssl);
	c->shaking = 1;
	(void)SSL_do_handshake(c->ssl);		/* it speaks first */
}

static void
hang_up(struct conn *c, int good)
{
	if (good)
		took[ndone++] = now() - c->began;
	else
		nfailed++;
	if (c->ssl != NULL && !c->shaking)
		(void)SSL_shutdown(c->ssl);
	SSL_free(c->ssl);
	ERR_clear_error();
	close(c->fd);
	live--;
	c->turn = 0;
	if (started < total)
		dial(c);
}

/* ---- SCRAM-SHA-256, RFC 5802, RFC 7677 ---------------------------------- */

static void
hmac(const uint8_t key[HASH], const void *text, size_t n, uint8_t out[HASH])
{
	unsigned	 len = HASH;

	if (HMAC(EVP_sha256(), key, HASH, text, n, out, &len) == NULL)
		errx(1, "HMAC");
}

/* Slow, once a user and salt, as clients do it that keep the keys. */
static void
derive(struct user *u, struct span salt, int iterations)
{
	uint8_t	 salted[HASH];

	if (span_eq(salt, span_buf(&u->salt)) && u->salt.n > 0)
		return;
	buf_reset(&u->salt);
	if (buf_add_span(&u->salt, salt) == -1 ||
	    PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt.p,
	    (int)salt.n, iterations, EVP_sha256(), HASH, salted) != 1)
		errx(1, "PBKDF2");
	hmac(salted, "Client Key", 10, u->client_key);
	EVP_Digest(u->client_key, HASH, u->stored_key, NULL, EVP_sha256(),
	    NULL);
}

static void
scram_first(struct conn *c)
{
	struct buf	 out = { 0 }, msg = { 0 };

	buf_addf(&msg, "n,,n=%s,r=" NONCE, c->user->name);
	buf_adds(&out, "t AUTHENTICATE SCRAM-SHA-256 ");
	buf_add_base64(&out, span_buf(&msg));
	puts_buf(c, &out);
	buf_free(&msg);
}

static void
scram_final(struct conn *c, const char *challenge)
{
	struct buf	 first = { 0 }, msg = { 0 }, text = { 0 }, out = { 0 },
			 salt = { 0 };
	char		 nonce[256], b64[256];
	uint8_t		 proof[HASH];
	int		 iterations, i;

	if (buf_add_unbase64(&first, span_str(challenge)) == -1 ||
	    sscanf(buf_cstr(&first), "r=%255[^,],s=%255[^,],i=%d", nonce, b64,
	    &iterations) != 3 ||
	    buf_add_unbase64(&salt, span_str(b64)) == -1)
		errx(1, "no SCRAM challenge: %s", challenge);
	derive(c->user, span_buf(&salt), iterations);
	buf_addf(&msg, "c=biws,r=%s", nonce);
	buf_addf(&text, "n=%s,r=" NONCE ",%s,%s", c->user->name,
	    buf_cstr(&first), buf_cstr(&msg));
	hmac(c->user->stored_key, text.p, text.n, proof);
	for (i = 0; i < HASH; i++)
		proof[i] ^= c->user->client_key[i];
	buf_adds(&msg, ",p=");
	buf_add_base64(&msg, span_of(proof, HASH));
	buf_add_base64(&out, span_buf(&msg));
	puts_buf(c, &out);
	buf_free(&first);
	buf_free(&msg);
	buf_free(&text);
	buf_free(&salt);
}

/* ---- the session -------------------------------------------------------- */

static void
begin(struct conn *c)
{
	struct buf	 out = { 0 }, msg = { 0 };

	c->step = LOGIN;
	if (strcmp(how, "greeting") == 0) {
		hang_up(c, 1);
		return;
	}
	if (strcmp(how, "scram") == 0) {
		c->step = SCRAM_FIRST;
		scram_first(c);
		return;
	}
	if (strcmp(how, "external") == 0)
		buf_adds(&out, "t AUTHENTICATE EXTERNAL =");
	else if (strcmp(how, "plain") == 0) {
		buf_addf(&msg, "%c%s%c%s", 0, c->user->name, 0, password);
		buf_adds(&out, "t AUTHENTICATE PLAIN ");
		buf_add_base64(&out, span_buf(&msg));
		buf_free(&msg);
	} else
		buf_addf(&out, "t LOGIN %s %s", c->user->name, password);
	puts_buf(c, &out);
}

static void
line_in(struct conn *c, const char *line)
{
	int	 ok = strncmp(line, "t OK", 4) == 0;

	if (strncmp(line, "* ", 2) == 0) {
		if (c->step == GREETING) {
			if (strncmp(line, "* OK", 4) != 0)
				errx(1, "%s", line);
			begin(c);
		}
		return;
	}
	if (line[0] == '+' && c->step == SCRAM_FIRST) {
		c->step = SCRAM_FINAL;
		scram_final(c, line + 2);
	} else if (line[0] == '+' && c->step == SCRAM_FINAL)
		put(c, "\r\n", 2);
	else if (ok && c->step == LOGOUT)
		hang_up(c, 1);
	else if (ok) {
		c->step = LOGOUT;
		put(c, "t LOGOUT\r\n", 10);
	} else {
		if (nfailed < 3)
			warnx("%s", line);
		hang_up(c, 0);
	}
}

static ssize_t
get(struct conn *c)
{
	size_t	 room = sizeof(c->in) - c->n;
	int	 rc;

	if (c->ssl == NULL) {
		ssize_t	 n = recv(c->fd, c->in + c->n, room, MSG_DONTWAIT);

		return (n == -1 && errno == EAGAIN ? 0 : n == 0 ? -1 : n);
	}
	rc = SSL_read(c->ssl, c->in + c->n, (int)room);
	if (rc > 0)
		return (rc);
	return (SSL_get_error(c->ssl, rc) == SSL_ERROR_WANT_READ ? 0 : -1);
}

static void
lines(struct conn *c)
{
	char	 line[2048], *nl;
	int	 turn = c->turn;
	size_t	 len;

	while (c->turn == turn &&
	    (nl = memchr(c->in, '\n', c->n)) != NULL) {
		len = (size_t)(nl + 1 - c->in);
		snprintf(line, sizeof(line), "%.*s", (int)len - 1, c->in);
		line[strcspn(line, "\r")] = '\0';
		memmove(c->in, c->in + len, c->n - len);
		c->n -= len;
		line_in(c, line);
	}
	if (c->n == sizeof(c->in))
		errx(1, "a line that does not end");
}

static void
readable(struct conn *c)
{
	int	 turn = c->turn, rc;
	ssize_t	 n;

	if (c->shaking) {
		if ((rc = SSL_do_handshake(c->ssl)) != 1) {
			if (SSL_get_error(c->ssl, rc) != SSL_ERROR_WANT_READ)
				hang_up(c, 0);
			return;
		}
		c->shaking = 0;
	}
	while (c->turn == turn && (n = get(c)) != 0) {
		if (n == -1) {
			hang_up(c, 0);
			return;
		}
		c->n += (size_t)n;
		lines(c);
		if (ctx == NULL)
			return;
	}
}

/* ---- the whole ---------------------------------------------------------- */

/* Every handshake whole; certificates are not looked at. */
static void
tls(const char *file)
{
	if (ctx == NULL && (ctx = SSL_CTX_new(TLS_client_method())) == NULL)
		errx(1, "TLS");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	if (file != NULL && (SSL_CTX_use_certificate_chain_file(ctx,
	    file) != 1 || SSL_CTX_use_PrivateKey_file(ctx, file,
	    SSL_FILETYPE_PEM) != 1))
		errx(1, "%s", file);
}

static int
compare(const void *a, const void *b)
{
	double	 x = *(const double *)a, y = *(const double *)b;

	return ((x > y) - (x < y));
}

static void
report(double t)
{
	qsort(took, (size_t)ndone, sizeof(*took), compare);
	printf("{\"done\":%d,\"failed\":%d,\"seconds\":%.3f,\"rate\":%.1f,"
	    "\"p50_ms\":%.2f,\"p99_ms\":%.2f}\n", ndone, nfailed, t, ndone / t,
	    took[ndone / 2] * 1e3, took[(size_t)ndone * 99 / 100] * 1e3);
}

static void
run(int nconns)
{
	struct epoll_event	 ev[64];
	struct conn		*conns;
	int			 i, n;

	conns = calloc((size_t)nconns, sizeof(*conns));
	took = calloc((size_t)total + 1, sizeof(*took));
	if (conns == NULL || took == NULL ||
	    (ep = epoll_create1(EPOLL_CLOEXEC)) == -1)
		err(1, NULL);
	for (i = 0; i < nconns && i < total; i++)
		dial(&conns[i]);
	while (live > 0) {
		if ((n = epoll_wait(ep, ev, 64, 60000)) <= 0)
			errx(1, "no reply for 60 s");
		for (i = 0; i < n; i++)
			readable(ev[i].data.ptr);
	}
	free(conns);
}

int
main(int argc, char **argv)
{
	double	 t;
	char	*s;
	int	 ch, nconns = 16;

	while ((ch = getopt(argc, argv, "c:k:m:n:p:tu:")) != -1)
		switch (ch) {
		case 'c':
			nconns = atoi(optarg);
			break;
		case 'k':
		case 't':
			tls(ch == 'k' ? optarg : NULL);
			break;
		case 'm':
			how = optarg;
			break;
		case 'n':
			total = atoi(optarg);
			break;
		case 'p':
			password = optarg;
			break;
		case 'u':
			for (s = strtok(optarg, ","); s != NULL &&
			    nusers < USERS; s = strtok(NULL, ","))
				users[nusers++].name = s;
			break;
		default:
			return (2);
		}
	if (argc - optind != 1 || nusers == 0 || nconns < 1 || total < 1)
		errx(2, "usage: loginload [-t] [-k file] [-c connections] "
		    "[-n logins] [-m how] [-p password] -u user,... port");
	port = (in_port_t)atoi(argv[optind]);
	t = now();
	run(nconns);
	report(now() - t);
	return (nfailed != 0);
}
