/*
 * Many idle IMAP sessions: each logs in, selects the INBOX, looks at it as
 * clients do, and says IDLE.  All of them stay until standard input ends.
 *	idleload [-t] [-z] [-n sessions] [-p password] -u user,... port
 * -t is TLS from the first octet, -z COMPRESS=DEFLATE.  Prints "idle" and a line
 * end when all are; then, for each line that it reads, holds as many sessions
 * more as the line says and prints "idle" again.  They come from several
 * addresses of the loopback network, so that ports suffice.
 */
#include <sys/socket.h>
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define USERS	1000
#define SOURCES	16		/* addresses to come from */

struct conn {
	int		 fd;
	SSL		*ssl;
	int		 compress;
	z_stream	 in, out;
};

static const char	*users[USERS];
static size_t		 nusers, next;
static const char	*password = "letterlock";
static in_port_t	 port;
static SSL_CTX		*ctx;
static int		 compress_too;

static void
dial(struct conn *c)
{
	struct sockaddr_in	 a = { .sin_family = AF_INET };
	int			 on = 1;

	memset(c, 0, sizeof(*c));
	if ((c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		err(1, "socket");
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(next % SOURCES));
	(void)setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
	    sizeof(on));
	if (bind(c->fd, (struct sockaddr *)&a, sizeof(a)) == -1)
		err(1, "bind");
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons(port);
	if (connect(c->fd, (struct sockaddr *)&a, sizeof(a)) == -1)
		err(1, "connect");
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (ctx == NULL)
		return;
	if ((c->ssl = SSL_new(ctx)) == NULL || SSL_set_fd(c->ssl, c->fd) != 1 ||
	    SSL_connect(c->ssl) != 1)
		errx(1, "TLS");
}

static size_t
get_raw(struct conn *c, void *p, size_t n)
{
	ssize_t	 got = c->ssl != NULL ? SSL_read(c->ssl, p, (int)n) :
		    recv(c->fd, p, n, 0);

	if (got <= 0)
		errx(1, "the server has closed");
	return ((size_t)got);
}

static void
put_raw(struct conn *c, const void *p, size_t n)
{
	if ((c->ssl != NULL ? SSL_write(c->ssl, p, (int)n) :
	    send(c->fd, p, n, MSG_NOSIGNAL)) != (ssize_t)n)
		errx(1, "a command cannot be sent");
}

static void
put(struct conn *c, const char *s)
{
	unsigned char	 room[1024];

	if (!c->compress) {
		put_raw(c, s, strlen(s));
		return;
	}
	c->out.next_in = (Bytef *)(uintptr_t)s;
	c->out.avail_in = (uInt)strlen(s);
	c->out.next_out = room;
	c->out.avail_out = sizeof(room);
	if (deflate(&c->out, Z_SYNC_FLUSH) != Z_OK)
		errx(1, "deflate");
	put_raw(c, room, sizeof(room) - c->out.avail_out);
}

static size_t
get(struct conn *c, char *p, size_t n)
{
	static unsigned char	 raw[4096];
	int			 rc;

	if (!c->compress)
		return (get_raw(c, p, n));
	for (;;) {
		c->in.next_out = (Bytef *)p;
		c->in.avail_out = (uInt)n;
		rc = inflate(&c->in, Z_SYNC_FLUSH);
		if (rc != Z_OK && rc != Z_BUF_ERROR)
			errx(1, "inflate");
		if (c->in.avail_out < n)
			return (n - c->in.avail_out);
		c->in.next_in = raw;
		c->in.avail_in = (uInt)get_raw(c, raw, sizeof(raw));
	}
}

/* Until a line that begins like that is whole: the last one of an answer. */
static void
expect(struct conn *c, const char *begin)
{
	char	 in[4096], line[128];
	size_t	 n, i, len = 0;

	for (;;) {
		n = get(c, in, sizeof(in));
		for (i = 0; i < n; i++) {
			if (len < sizeof(line) - 1)
				line[len++] = in[i];
			if (in[i] != '\n')
				continue;
			line[len] = '\0';
			len = 0;
			if (strncmp(line, begin, strlen(begin)) == 0)
				return;
			if (strncmp(line, "i9 ", 3) == 0)
				errx(1, "%s", line);
		}
	}
}

static void
command(struct conn *c, const char *text)
{
	put(c, text);
	expect(c, "i9 OK");
}

static void
hold(void)
{
	struct conn	 c;
	char		 login[512];

	dial(&c);
	expect(&c, "* OK");
	snprintf(login, sizeof(login), "i9 LOGIN %s %s\r\n",
	    users[next++ % nusers], password);
	command(&c, login);
	if (compress_too) {
		command(&c, "i9 COMPRESS DEFLATE\r\n");
		if (inflateInit2(&c.in, -MAX_WBITS) != Z_OK ||
		    deflateInit2(&c.out, 6, Z_DEFLATED, -MAX_WBITS, 8,
		    Z_DEFAULT_STRATEGY) != Z_OK)
			errx(1, "zlib");
		c.compress = 1;
	}
	command(&c, "i9 LIST \"\" *\r\n");
	command(&c, "i9 SELECT INBOX\r\n");
	command(&c, "i9 UID FETCH 1:* (FLAGS)\r\n");
	command(&c, "i9 FETCH * (UID ENVELOPE BODYSTRUCTURE BODY.PEEK[])\r\n");
	put(&c, "i9 IDLE\r\n");
	expect(&c, "+ ");
	/* The connection stays; what we need for it does not. */
	if (compress_too) {
		(void)inflateEnd(&c.in);
		(void)deflateEnd(&c.out);
	}
	if (c.ssl != NULL) {
		SSL_set_quiet_shutdown(c.ssl, 1);
		SSL_free(c.ssl);
	}
}

static int
tls(void)
{
	if ((ctx = SSL_CTX_new(TLS_client_method())) == NULL)
		return (-1);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	return (0);
}

int
main(int argc, char **argv)
{
	char	 line[32], *s;
	int	 ch, n = 1000;

	while ((ch = getopt(argc, argv, "n:p:tu:z")) != -1)
		switch (ch) {
		case 'n':
			n = atoi(optarg);
			break;
		case 'p':
			password = optarg;
			break;
		case 't':
			if (tls() == -1)
				errx(1, "TLS");
			break;
		case 'u':
			for (s = strtok(optarg, ","); s != NULL &&
			    nusers < USERS; s = strtok(NULL, ","))
				users[nusers++] = s;
			break;
		case 'z':
			compress_too = 1;
			break;
		default:
			return (2);
		}
	if (argc - optind != 1 || nusers == 0)
		errx(2, "usage: idleload [-tz] [-n sessions] [-p password] "
		    "-u user,... port");
	port = (in_port_t)atoi(argv[optind]);
	do {
		while (n-- > 0)
			hold();
		puts("idle");
		fflush(stdout);
	} while (fgets(line, sizeof(line), stdin) != NULL &&
	    (n = atoi(line)) >= 0);
	return (0);
}
