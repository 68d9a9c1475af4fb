/*
 * Connections of programs that wait: looking up, connecting, TLS with the
 * server's name, and sessions with servers that follow a script, on threads.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "netclient.h"
#include "test.h"
#include "../tlsctx/certs.h"

static char	 dir[] = "/tmp/netclient.XXXXXX";
static char	 cafile[64];
static SSL_CTX	*server_ctx;

/* ---- connecting ----------------------------------------------------------- */

/* A socket of a kind: its address in host and port; listening, or not. */
static int
local_socket(int family, int listening, char host[64], char port[8])
{
	struct sockaddr_un	 un = { .sun_family = AF_UNIX };
	struct sockaddr_in	 in = { .sin_family = AF_INET };
	socklen_t		 n = sizeof(in);
	int			 fd = socket(family, SOCK_STREAM, 0), rc;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/socket", dir);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	rc = family == AF_UNIX ?
	    bind(fd, (struct sockaddr *)&un, sizeof(un)) :
	    bind(fd, (struct sockaddr *)&in, sizeof(in));
	CHECK(rc == 0 && (!listening || listen(fd, 5) == 0), "a socket");
	strcpy(host, family == AF_UNIX ? un.sun_path : "127.0.0.1");
	if (family == AF_INET)
		getsockname(fd, (struct sockaddr *)&in, &n);
	snprintf(port, 8, "%u", (unsigned)ntohs(in.sin_port));
	return (fd);
}

static const struct open_case {
	const char	*name;
	int		 family;	/* of the server; 0: there is none */
	int		 listening;
	const char	*host, *port;	/* other than the server's */
	int		 only;		/* settings.family */
	int		 err;		/* errno, if it matters */
	const char	*why;		/* NULL: it connects */
} opens[] = {
	{ .name = "address", .family = AF_INET, .listening = 1 },
	{ .name = "nobody listens", .family = AF_INET, .why = "refused" },
	{ .name = "local socket", .family = AF_UNIX, .listening = 1 },
	{ .name = "local socket, nobody listens", .family = AF_UNIX,
	    .why = "socket: Connection refused" },
	{ .name = "no local socket", .host = "/nowhere/at/all",
	    .err = ENOENT, .why = "/nowhere/at/all: No such file" },
	{ .name = "a path too long", .host = "/"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
	    .why = "too long for a socket" },
	{ .name = "no such service", .host = "127.0.0.1",
	    .port = "no-such-service", .why = "127.0.0.1: " },
	{ .name = "the other family", .family = AF_INET, .listening = 1,
	    .only = AF_INET6, .why = "127.0.0.1: " },
};

static void
open_one(const struct open_case *k)
{
	struct netclient_settings	 set = { .family = k->only };
	struct netclient		*n;
	struct buf			 why = { .max = 1000 };
	char				 host[64] = "", port[8] = "", at[128];
	int				 fd = -1;

	if (k->family != 0)
		fd = local_socket(k->family, k->listening, host, port);
	set.host = k->host != NULL ? k->host : host;
	set.port = k->port != NULL ? k->port : port;
	n = netclient_open(&set, &why);
	CHECK(k->err == 0 || errno == k->err, "%s: errno %d", k->name, errno);
	if (k->why != NULL) {
		CHECK(n == NULL && strstr(buf_cstr(&why), k->why) != NULL,
		    "%s: %s", k->name, buf_cstr(&why));
	} else {
		snprintf(at, sizeof(at), k->family == AF_UNIX ? "%s" :
		    "%s port %s", host, port);
		CHECK(n != NULL && strcmp(netclient_peer(n), at) == 0,
		    "%s: connected to %s %s", k->name, at, buf_cstr(&why));
	}
	netclient_free(n);
	if (fd != -1)
		close(fd);
	unlink(host);
	buf_free(&why);
}

/* Both ends of a connection; the other one is *peer. */
static struct netclient *
pair(const struct netclient_settings *set, int *peer)
{
	int	 fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == -1)
		abort();
	*peer = fds[1];
	return (netclient_new(fds[0], set));
}

static void
octets(void)
{
	struct netclient_settings	 set = { .host = "test" };
	struct buf			 out = { 0 };
	struct netclient		*n;
	struct tlsctx_facts		 f;
	char				 got[8];
	int				 fd;

	n = pair(&set, &fd);
	CHECK(netclient_recv(n, 0) == -1 &&
	    strstr(netclient_error(n), "timed out") != NULL,
	    "nothing comes: %s", netclient_error(n));
	CHECK(write(fd, "hello", 5) == 5 && netclient_recv(n, 10) == 1 &&
	    span_eqs(netclient_in(n), "hello"), "something comes");
	netclient_drain(n, 2);
	CHECK(span_eqs(netclient_in(n), "llo"), "and stays until it is taken");
	buf_adds(&out, "answer");
	CHECK(netclient_send(n, &out, 10) == 0 && out.n == 0 &&
	    read(fd, got, sizeof(got)) == 6 && memcmp(got, "answer", 6) == 0,
	    "something goes");
	CHECK(netclient_facts(n, &f) == 0 && netclient_tls(n) == -1,
	    "no TLS without certificates: %s", netclient_error(n));
	while (buf_add(&out, opens, sizeof(opens)) == 0 && out.n < 4000000)
		continue;
	CHECK(netclient_send(n, &out, 0) == -1 && out.n == 0,
	    "nobody reads: %s", netclient_error(n));
	close(fd);
	CHECK(netclient_recv(n, 10) != 1, "the end");
	netclient_free(n);
	netclient_free(NULL);
}

/* Somebody who sends without end. */
static void
flood(void)
{
	static uint8_t			 zeroes[16384];
	struct netclient_settings	 set = { .host = "test" };
	struct netclient		*n;
	int				 fd, rc = 1, i;

	n = pair(&set, &fd);
	for (i = 0; i < 100 && rc == 1; i++) {
		if (write(fd, zeroes, sizeof(zeroes)) == -1)
			break;
		rc = netclient_recv(n, 10);
	}
	CHECK(rc == -1 && netclient_in(n).n <= 1024 * 1024,
	    "more than anybody takes: %s", netclient_error(n));
	close(fd);
	netclient_free(n);
}

/* ---- TLS ------------------------------------------------------------------ */

static void *
tls_server(void *arg)
{
	SSL	*ssl = SSL_new(server_ctx);
	int	 fd = *(int *)arg;
	char	 c;

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1) {
		SSL_write(ssl, "x", 1);
		while (SSL_read(ssl, &c, 1) == 1)
			SSL_write(ssl, &c, 1);
	}
	SSL_free(ssl);
	close(fd);
	return (NULL);
}

static void
make_server(void)
{
	EVP_PKEY	*key = make_key(P256);
	X509		*x = make_certificate(key, "mail.example", 3600);
	FILE		*f;

	snprintf(cafile, sizeof(cafile), "%s/ca.pem", dir);
	f = fopen(cafile, "w");
	PEM_write_X509(f, x);
	fclose(f);
	server_ctx = SSL_CTX_new(TLS_server_method());
	CHECK(SSL_CTX_use_certificate(server_ctx, x) == 1 &&
	    SSL_CTX_use_PrivateKey(server_ctx, key) == 1, "a server");
	X509_free(x);
	EVP_PKEY_free(key);
}

static const struct tls_case {
	const char	*name;
	const char	*host, *tlsname;
	int		 unverified, tls12, no_ca, early;
	int		 trusted;	/* -1: no TLS */
	const char	*version;
	const char	*error;
} handshakes[] = {
	{ .name = "TLS", .host = "mail.example", .trusted = 1,
	    .version = "TLSv1.3" },
	{ .name = "TLS 1.2", .host = "mail.example", .tls12 = 1, .trusted = 1,
	    .version = "TLSv1.2" },
	{ .name = "an address", .host = "192.0.2.1", .trusted = 1,
	    .version = "TLSv1.3" },
	{ .name = "by another name", .host = "127.0.0.1",
	    .tlsname = "mail.example", .trusted = 1, .version = "TLSv1.3" },
	{ .name = "wrong name", .host = "mail.example.org", .trusted = -1,
	    .error = "mail.example.org: " },
	{ .name = "wrong address", .host = "192.0.2.2", .trusted = -1,
	    .error = "192.0.2.2: " },
	{ .name = "whoever it is", .host = "mail.example.org",
	    .unverified = 1, .trusted = 0, .version = "TLSv1.3" },
	{ .name = "an authority that nobody knows", .host = "mail.example",
	    .no_ca = 1, .trusted = -1, .error = "mail.example: " },
	{ .name = "no name", .trusted = -1, .error = "not to be had" },
	{ .name = "more in clear before it begins", .host = "mail.example",
	    .early = 1, .trusted = -1, .error = "injection" },
};

static void
tls_facts(const struct tls_case *k, struct netclient *n)
{
	struct sasl_login	 who = { 0 };
	struct buf		 out = { 0 };
	struct tlsctx_facts	 f;
	int			 new = strcmp(k->version, "TLSv1.3") == 0;

	netclient_sasl(n, &who);
	CHECK(netclient_facts(n, &f) == 1 && strcmp(f.version,
	    k->version) == 0, "%s: %s", k->name, f.version);
	CHECK(who.tls == 1 && who.trusted == k->trusted && !who.key,
	    "%s: who it is", k->name);
	CHECK(who.bindings.data[SCRAM_TLS_EXPORTER].n == 32 &&
	    who.bindings.data[SCRAM_TLS_SERVER_END_POINT].n == 32 &&
	    (who.bindings.data[SCRAM_TLS_UNIQUE].n > 0) == !new,
	    "%s: bindings", k->name);
	CHECK(netclient_recv(n, 30) == 1 && span_eqs(netclient_in(n), "x"),
	    "%s: octets come", k->name);
	netclient_drain(n, 1);
	buf_adds(&out, "y");
	CHECK(netclient_send(n, &out, 30) == 0 && netclient_recv(n, 30) == 1 &&
	    span_eqs(netclient_in(n), "y"), "%s: octets go", k->name);
	CHECK(netclient_tls(n) == -1, "%s: no TLS in TLS", k->name);
}

static void
handshake(const struct tls_case *k)
{
	struct netclient_settings	 set = { .host = k->host,
					    .tlsname = k->tlsname,
					    .unverified = k->unverified,
					    .tls12 = k->tls12 };
	struct buf			 why = { .max = 500 };
	struct netclient		*n;
	pthread_t			 thread;
	int				 fd, rc;

	set.tls = tlsctx_client_new(k->no_ca ? "/nowhere" : cafile, &why);
	n = pair(&set, &fd);
	if (k->early)
		CHECK(write(fd, "x", 1) == 1 && netclient_recv(n, 10) == 1,
		    "%s: an octet", k->name);
	pthread_create(&thread, NULL, tls_server, &fd);
	rc = netclient_tls(n);
	CHECK(rc == (k->trusted == -1 ? -1 : 0), "%s: %s", k->name,
	    netclient_error(n));
	if (k->error != NULL)
		CHECK(strstr(netclient_error(n), k->error) != NULL,
		    "%s: it says why", k->name);
	if (rc == 0 && k->trusted != -1)
		tls_facts(k, n);
	netclient_free(n);
	pthread_join(thread, NULL);
	tlsctx_client_free(set.tls);
	buf_free(&why);
}

/* ---- sessions ------------------------------------------------------------- */

/* Says the first line; then, for each line that comes, the next. */
struct script {
	int			 fd;
	const char *const	*say;
	struct buf		 got;
};

static void *
script_server(void *arg)
{
	struct script	*s = arg;
	size_t		 i = 0;
	char		 c = '\n';

	do {
		if (c == '\n' && (s->say[i] == NULL || (size_t)write(s->fd,
		    s->say[i], strlen(s->say[i])) != strlen(s->say[i])))
			break;
		i += c == '\n';
		if (read(s->fd, &c, 1) != 1)
			break;
		buf_addc(&s->got, c);
	} while (s->got.n < 10000);
	shutdown(s->fd, SHUT_RDWR);
	return (NULL);
}

static const enum sasl_mech	 only_login[] = { SASL_MECH_LOGIN };

static const struct session_case {
	const char	*name;
	int		 imap;
	int		 tls;		/* the engine is to begin it */
	int		 in_clear;	/* the engine may log in, */
	int		 cleartext;	/* and so may the mechanism */
	const enum sasl_mech	*order;
	const char	*say[10];
	const char	*got;
	int		 ready;		/* 0: it failed */
	enum sasl_mech	 used;
	const char	*error;		/* of netlogin, or NULL */
	const char	*failure;	/* of the engine, or NULL */
} sessions[] = {
	{ .name = "smtp, PLAIN", .in_clear = 1, .cleartext = 1,
	    .say = { "220 hi\r\n", "250-srv\r\n250 AUTH LOGIN PLAIN\r\n",
	    "235 in\r\n" }, .ready = 1, .used = SASL_MECH_PLAIN,
	    .got = "EHLO me\r\nAUTH PLAIN AHVzZXIAcGFzcw==\r\n" },
	{ .name = "smtp, as ordered", .in_clear = 1, .cleartext = 1,
	    .order = only_login,
	    .say = { "220 hi\r\n", "250-srv\r\n250 AUTH LOGIN PLAIN\r\n",
	    "334 UGFzc3dvcmQ6\r\n", "235 in\r\n" }, .ready = 1,
	    .used = SASL_MECH_LOGIN,
	    .got = "EHLO me\r\nAUTH LOGIN dXNlcg==\r\ncGFzcw==\r\n" },
	{ .name = "smtp, no password in clear", .in_clear = 1,
	    .say = { "220 hi\r\n", "250-srv\r\n250 AUTH LOGIN PLAIN\r\n" },
	    .got = "EHLO me\r\nQUIT\r\n", .used = SASL_MECHS,
	    .error = "no mechanism" },
	{ .name = "smtp, refused", .in_clear = 1, .cleartext = 1,
	    .say = { "220 hi\r\n", "250-srv\r\n250 AUTH PLAIN\r\n",
	    "535 5.7.8 wrong\r\n" }, .used = SASL_MECH_PLAIN,
	    .got = "EHLO me\r\nAUTH PLAIN AHVzZXIAcGFzcw==\r\n"
	    "QUIT\r\n", .error = "wrong", .failure = "wrong" },
	{ .name = "smtp, TLS required and not there", .tls = 1,
	    .in_clear = 1, .cleartext = 1, .used = SASL_MECHS,
	    .say = { "220 hi\r\n", "250-srv\r\n250 AUTH PLAIN\r\n" },
	    .got = "EHLO me\r\nQUIT\r\n" },
	{ .name = "smtp, success that proves nothing", .in_clear = 1,
	    .say = { "220 hi\r\n", "250-srv\r\n250 AUTH CRAM-MD5\r\n",
	    "235 in\r\n" }, .used = SASL_MECH_CRAM_MD5,
	    .got = "EHLO me\r\nAUTH CRAM-MD5\r\nQUIT\r\n",
	    .error = "before it can know" },
	{ .name = "smtp, the end", .say = { "220 hi\r\n", NULL },
	    .got = "EHLO me\r\n", .used = SASL_MECHS,
	    .failure = "the server ended the connection" },
	{ .name = "imap, PLAIN", .imap = 1, .in_clear = 1, .cleartext = 1,
	    .say = { "* OK [CAPABILITY SASL-IR AUTH=LOGIN AUTH=PLAIN] hi\r\n",
	    "a1 OK [CAPABILITY X] in\r\n" }, .ready = 1,
	    .used = SASL_MECH_PLAIN,
	    .got = "a1 AUTHENTICATE PLAIN AHVzZXIAcGFzcw==\r\n" },
	{ .name = "imap, LOGIN", .imap = 1, .in_clear = 1, .cleartext = 1,
	    .order = only_login,
	    .say = { "* OK [CAPABILITY AUTH=LOGIN AUTH=PLAIN] hi\r\n",
	    "+ VXNlcm5hbWU6\r\n", "+ UGFzc3dvcmQ6\r\n",
	    "a1 OK [CAPABILITY X] in\r\n" }, .ready = 1,
	    .used = SASL_MECH_LOGIN,
	    .got = "a1 AUTHENTICATE LOGIN\r\ndXNlcg==\r\ncGFzcw==\r\n" },
	{ .name = "imap, no password in clear", .imap = 1, .in_clear = 1,
	    .say = { "* OK [CAPABILITY AUTH=LOGIN AUTH=PLAIN] hi\r\n" },
	    .got = "", .used = SASL_MECHS, .error = "no mechanism" },
	{ .name = "imap, refused", .imap = 1, .in_clear = 1, .cleartext = 1,
	    .say = { "* OK [CAPABILITY SASL-IR AUTH=PLAIN] hi\r\n",
	    "a1 NO [AUTHENTICATIONFAILED] wrong\r\n" },
	    .used = SASL_MECH_PLAIN,
	    .got = "a1 AUTHENTICATE PLAIN AHVzZXIAcGFzcw==\r\n",
	    .error = "wrong", .failure = "[AUTHENTICATIONFAILED] wrong" },
	{ .name = "imap, a server that makes a nonce of its own", .imap = 1,
	    .in_clear = 1,
	    .say = { "* OK [CAPABILITY AUTH=SCRAM-SHA-256] hi\r\n", "+ \r\n",
	    /* r=other,s=AAAAAAAAAAAAAAAAAAAAAA==,i=4096 */
	    "+ cj1vdGhlcixzPUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE9PSxpPTQwOTY=\r\n",
	    "a1 OK in\r\n" }, .used = SASL_MECH_SCRAM_SHA_256,
	    .error = "nonce", .failure = "that was none" },
	{ .name = "imap, PREAUTH in clear", .imap = 1, .tls = 1,
	    .say = { "* PREAUTH [CAPABILITY STARTTLS] hi\r\n" }, .got = "",
	    .used = SASL_MECHS, .failure = "PREAUTH in clear" },
	{ .name = "imap, an injection", .imap = 1, .tls = 1,
	    .say = { "* OK [CAPABILITY STARTTLS] hi\r\n",
	    "a1 OK go\r\na2 OK [CAPABILITY AUTH=PLAIN] x\r\n" },
	    .got = "a1 STARTTLS\r\n", .used = SASL_MECHS,
	    .failure = "injection" },
	{ .name = "imap, the end", .imap = 1, .used = SASL_MECHS,
	    .say = { "* OK hi\r\n", NULL }, .got = "a1 CAPABILITY\r\n",
	    .failure = "the server ended the connection" },
};

static int
speak_smtp(const struct session_case *k, struct netlogin *l)
{
	struct smtpclient_settings	 set = { .hostname = "me",
		.tls = k->tls ? SMTPCLIENT_TLS_REQUIRED : SMTPCLIENT_TLS_OFF,
		.sasl = netlogin_smtp, .sasl_in_clear = k->in_clear,
		.arg = l };
	struct smtpclient		*c = smtpclient_new(&set);
	const char			*text;
	int				 ready;

	ready = netclient_smtp(l->net, c) == SMTPCLIENT_READY;
	text = smtpclient_error(c)->text;
	if (k->failure != NULL)
		CHECK(text != NULL && strstr(text, k->failure) != NULL,
		    "%s: %s", k->name, text);
	smtpclient_free(c);
	return (ready);
}

static int
speak_imap(const struct session_case *k, struct netlogin *l)
{
	struct imapclient_settings	 set = {
		.tls = k->tls ? IMAPCLIENT_TLS_REQUIRED : IMAPCLIENT_TLS_OFF,
		.sasl = netlogin_imap, .in_clear = k->in_clear,
		.sasl_arg = l };
	struct imapclient		*c = imapclient_new(&set);
	int				 ready;

	ready = netclient_imap(l->net, c) == IMAPCLIENT_READY;
	if (k->failure != NULL)
		CHECK(strstr(imapclient_error(c), k->failure) != NULL,
		    "%s: %s", k->name, imapclient_error(c));
	imapclient_free(c);
	return (ready);
}

static void
session(const struct session_case *k)
{
	struct netclient_settings	 set = { .host = "mail.example" };
	struct script			 s = { .say = k->say };
	struct netlogin			 l = { .order = k->order,
					    .norder = k->order != NULL };
	pthread_t			 thread;
	int				 ready;

	l.net = pair(&set, &s.fd);
	l.who.user = span_str("user");
	l.who.password = span_str("pass");
	l.who.cleartext = k->cleartext != 0;
	l.used = SASL_MECHS;
	pthread_create(&thread, NULL, script_server, &s);
	ready = k->imap ? speak_imap(k, &l) : speak_smtp(k, &l);
	CHECK(ready == k->ready && l.used == k->used, "%s: it %s, %s",
	    k->name, ready ? "is ready" : "failed",
	    l.used == SASL_MECHS ? "no login" : sasl_mech_names[l.used]);
	CHECK(k->error == NULL ? l.error == NULL : l.error != NULL &&
	    strstr(l.error, k->error) != NULL, "%s: %s", k->name,
	    l.error == NULL ? "nothing wrong" : l.error);
	netlogin_clear(&l);
	netclient_free(l.net);
	pthread_join(thread, NULL);
	if (k->got != NULL)
		CHECK(strcmp(buf_cstr(&s.got), k->got) == 0, "%s: it said %s",
		    k->name, strcmp(buf_cstr(&s.got), k->got) == 0 ?
		    "what it should" : buf_cstr(&s.got));
	close(s.fd);
	buf_free(&s.got);
}

static ssize_t
read_body(void *arg, uint64_t off, void *p, size_t n)
{
	(void)arg;
	(void)off;
	memset(p, '\n', n);
	return ((ssize_t)n);
}

/* A server that has enough, says so and is gone: what it said counts. */
static void
enough(void)
{
	static const char *const	 say[] = { "220 hi\r\n", "250 srv\r\n",
	    "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
	    "552 5.3.4 enough\r\n", NULL };
	struct netclient_settings	 to = { .host = "mail.example" };
	struct smtpclient_settings	 set = { .hostname = "me" };
	struct script			 s = { .say = say };
	struct smtpclient_rcpt		 rcpt = { .address = span_str("a@b") };
	struct smtpclient_message	 m = { .read = read_body,
					    .size = 8000000, .rcpts = &rcpt,
					    .nrcpts = 1 };
	struct netclient		*n = pair(&to, &s.fd);
	struct smtpclient		*c = smtpclient_new(&set);
	enum smtpclient_want		 want;
	pthread_t			 thread;

	pthread_create(&thread, NULL, script_server, &s);
	CHECK(netclient_smtp(n, c) == SMTPCLIENT_READY &&
	    smtpclient_send(c, &m) == 0, "a large message");
	want = netclient_smtp(n, c);
	CHECK(want == SMTPCLIENT_FAILED && rcpt.result.code == 552, "refused on its way: %u %s",
	    rcpt.result.code, rcpt.result.text);
	smtpclient_results_free(&m);
	smtpclient_free(c);
	netclient_free(n);
	pthread_join(thread, NULL);
	close(s.fd);
	buf_free(&s.got);
}

int
main(void)
{
	size_t	 i;

	signal(SIGPIPE, SIG_IGN);
	if (mkdtemp(dir) == NULL)
		return (1);
	for (i = 0; i < nitems(opens); i++)
		open_one(&opens[i]);
	octets();
	flood();
	make_server();
	for (i = 0; i < nitems(handshakes); i++)
		handshake(&handshakes[i]);
	for (i = 0; i < nitems(sessions); i++)
		session(&sessions[i]);
	enough();
	SSL_CTX_free(server_ctx);
	unlink(cafile);
	rmdir(dir);
	return (test_done());
}
