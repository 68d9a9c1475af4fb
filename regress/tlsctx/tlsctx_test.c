/*
 * TLS servers whose keys are in another process: that process is "authd: keys"
 * as it is, forked, at the other end of a socketpair.
 */
#include <sys/socket.h>
#include <sys/wait.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <tls.h>
#include <unistd.h>

#include "authd/keys.h"
#include "authd/roles.h"
#include "certs.h"
#include "io.h"
#include "log.h"
#include "proc.h"
#include "test.h"
#include "tlsctx.h"

/* ---- the certificates --------------------------------------------------- */

static const struct {
	enum kind	 kind;
	const char	*name;
} certs[] = {
	{ P256,		"p256.example" },
	{ RSA2048,	"rsa.example" },
	{ ED25519,	"ed.example" },
	{ P384,		"p384.example" },
	{ RSA2048,	"unused.example" },
};
#define USED	4

/* ---- what proc.c is for a role ------------------------------------------ */

static struct event_base	*base;
static struct conf		*conf;
static int			 keyfiles[8];
static int			 link_fd = -1, losses;

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
proc_keyfile(size_t i)
{
	return (keyfiles[i]);
}

uint64_t
proc_now_ms(void)
{
	return (1);
}

int
proc_keys_fd(void)
{
	return (link_fd);
}

void
proc_keys_lost(void)
{
	losses++;
	if (link_fd != -1)
		close(link_fd);
	link_fd = -1;
}

/* ---- the process with the keys ------------------------------------------ */

/*
 * All of them are started first: once a process has had a server's context it
 * cannot sign by itself any more.
 */
static int	 links[6];

#define RELAY	4	/* of the transport that has a certificate */

static void
on_down(struct peer *p, const char *why)
{
	(void)why;
	keys_ops.link_down(p);
	exit(0);
}

static pid_t	 keys_pid;	/* of the one whose keys are misused */

/* Keys for a peer of this role, a relay's transport; our end of the link. */
static int
start_keys(enum role role, const char *transport)
{
	static struct peer_ops	 ops;
	struct peer		*p;
	char			 path[64];
	size_t			 i;
	pid_t			 pid;
	int			 fds[2];

	if (imsg_pair(fds) == -1)
		exit(1);
	fflush(stdout);
	if ((pid = fork()) != 0) {
		if (role == ROLE_SMTPD)
			keys_pid = pid;
		close(fds[1]);
		return (fds[0]);
	}
	close(fds[0]);
	for (i = 0; i < nitems(certs); i++) {	/* an offset of its own */
		snprintf(path, sizeof(path), "/proc/self/fd/%d", keyfiles[i]);
		keyfiles[i] = open(path, O_RDONLY);
	}
	base = event_base_new();
	ops.rules = keys_ops.rules;
	ops.nrules = keys_ops.nrules;
	ops.down = on_down;
	if (keys_ops.open() == -1 ||
	    (p = peer_new(base, fds[1], role, 0, &ops, NULL)) == NULL)
		_exit(1);
	peer_set_arg(p, transport == NULL ? NULL : strdup(transport));
	keys_ops.link_up(p);
	event_base_dispatch(base);
	_exit(1);
}

static void
use_keys(int fd)
{
	if (link_fd != -1)
		close(link_fd);
	link_fd = fd;
}

/* ---- a configuration ---------------------------------------------------- */

static void
make_conf(void)
{
	struct conf_listener	*l;
	struct conf_transport	*t;
	struct conf_cert	*c;
	uint32_t		*use;
	size_t			 i;

	conf = conf_new();
	conf->transports.v = t = calloc(1, sizeof(*t));
	conf->transports.n = 1;
	t->name = strdup("out");
	t->certificate = strdup("p256.example");
	conf->certs.v = c = calloc(nitems(certs), sizeof(*c));
	conf->certs.n = nitems(certs);
	for (i = 0; i < nitems(certs); i++)
		keyfiles[i] = make_conf_cert(&c[i], certs[i].kind,
		    certs[i].name);
	conf->listeners.v = l = calloc(1, sizeof(*l));
	conf->listeners.n = 1;
	l->kind = KIND_IMAP;
	l->tls = TLS_IMPLICIT;
	l->ccert = CCERT_IGNORE_UNKNOWN;
	l->path = strdup("");
	l->hostname = strdup("");
	l->where = strdup("test:2");
	l->certs.v = use = calloc(USED, sizeof(*use));
	l->certs.n = USED;
	for (i = 0; i < USED; i++)
		use[i] = (uint32_t)i;
}

/* ---- handshakes --------------------------------------------------------- */

struct end {
	struct io	*io;
	int		 up, failed;
};

static void
on_io(struct io *io, enum io_event what, void *arg)
{
	struct end	*e = arg;

	(void)io;
	if (what == IO_TLS)
		e->up = 1;
	else if (what != IO_DATA && what != IO_LOWAT)
		e->failed = 1;
}

struct pair {
	struct end	 server, client;
};

/* Both ends over a socketpair, ready to begin. */
static void
connect_ends(struct pair *p, struct tlsctx *ctx, struct tlsctx_client *cc,
    const char *sni)
{
	int	 fds[2];

	memset(p, 0, sizeof(*p));
	if (stream_pair(fds) == -1)
		exit(1);
	p->server.io = io_new(base, fds[0], on_io, &p->server);
	p->client.io = io_new(base, fds[1], on_io, &p->client);
	if (io_tls_server(p->server.io, ctx) == -1 ||
	    io_tls_client(p->client.io, tlsctx_client_tls(cc), sni) == -1)
		exit(1);
}

/* 1 when both say that it is done, 0 when one failed. */
static int
shake(struct pair *p)
{
	while (!(p->server.up && p->client.up) && !p->server.failed &&
	    !p->client.failed)
		if (event_base_loop(base, EVLOOP_ONCE) == -1)
			exit(1);
	return (p->server.up && p->client.up);
}

static void
disconnect(struct pair *p)
{
	io_free(p->server.io);
	io_free(p->client.io);
}

static const struct shake_case {
	const char	*name;
	int		 version;
	const char	*sni;
	char		*groups, *sigalgs;	/* as its macros want them */
	const char	*ciphers;
	const char	*want;		/* common name, NULL: it must fail */
	const char	*bindings;	/* e u p: exporter, unique, end point */
} shakes[] = {
	{ "P-256, 1.3", TLS1_3_VERSION, "p256.example", NULL, NULL, NULL,
	    "p256.example", "ep" },
	{ "P-256, 1.2", TLS1_2_VERSION, "p256.example", NULL, NULL, NULL,
	    "p256.example", "eup" },
	{ "P-384, 1.3", TLS1_3_VERSION, "p384.example", NULL, NULL, NULL,
	    "p384.example", "ep" },
	{ "P-384, 1.2", TLS1_2_VERSION, "p384.example", NULL, NULL, NULL,
	    "p384.example", "eup" },
	{ "RSA, 1.3", TLS1_3_VERSION, "rsa.example", NULL, NULL, NULL,
	    "rsa.example", "ep" },
	{ "RSA, 1.2, PSS", TLS1_2_VERSION, "rsa.example", NULL,
	    "rsa_pss_rsae_sha256:RSA+SHA256", NULL, "rsa.example", "eup" },
	{ "RSA, 1.2, PKCS #1", TLS1_2_VERSION, "rsa.example", NULL,
	    "RSA+SHA256", NULL, "rsa.example", "eup" },
	{ "RSA, 1.2, SHA-512", TLS1_2_VERSION, "rsa.example", NULL,
	    "RSA+SHA512:RSA+SHA256", NULL, "rsa.example", "eup" },
	{ "Ed25519, 1.3", TLS1_3_VERSION, "ed.example", NULL, NULL, NULL,
	    "ed.example", "e" },
	{ "Ed25519, 1.2", TLS1_2_VERSION, "ed.example", NULL, NULL, NULL,
	    "ed.example", "eu" },
	{ "groups of the NIST, 1.3", TLS1_3_VERSION, "p256.example", "P-256",
	    NULL, NULL, "p256.example", "ep" },
	{ "groups of the NIST, 1.2", TLS1_2_VERSION, "rsa.example", "P-521",
	    NULL, NULL, "rsa.example", "eup" },
	{ "a retry for another group", TLS1_3_VERSION, "p256.example",
	    "X448:P-384", NULL, NULL, "p256.example", "ep" },
	{ "no such name", TLS1_3_VERSION, "other.example", NULL, NULL, NULL,
	    "p256.example", "ep" },
	{ "no name", TLS1_2_VERSION, NULL, NULL, NULL, NULL, "p256.example",
	    "eup" },
	{ "no forward secrecy", TLS1_2_VERSION, "rsa.example", NULL, NULL,
	    "AES128-GCM-SHA256", NULL, NULL },
	{ "no AEAD", TLS1_2_VERSION, "rsa.example", NULL, NULL,
	    "ECDHE-RSA-AES128-SHA", NULL, NULL },
	{ "SHA-1", TLS1_2_VERSION, "rsa.example", NULL, "RSA+SHA1",
	    NULL, NULL, NULL },
};

static void
check_bindings(const struct shake_case *c, struct pair *p)
{
	struct tlsctx_facts	 s, k;

	tlsctx_facts(p->server.io, &s);
	tlsctx_facts(p->client.io, &k);
	CHECK(strcmp(s.version, c->version == TLS1_3_VERSION ? "TLSv1.3" :
	    "TLSv1.2") == 0 && s.cipher[0] != '\0' &&
	    strcmp(s.sni, c->sni == NULL ? "" : c->sni) == 0,
	    "%s: %s, %s, \"%s\"", c->name, s.version, s.cipher, s.sni);
	CHECK(s.exporter_n == k.exporter_n &&
	    memcmp(s.exporter, k.exporter, s.exporter_n) == 0 &&
	    (s.exporter_n == 32) == (strchr(c->bindings, 'e') != NULL),
	    "%s: tls-exporter, %zu", c->name, s.exporter_n);
	CHECK(s.unique_n == k.unique_n &&
	    memcmp(s.unique, k.unique, s.unique_n) == 0 &&
	    (s.unique_n == 12) == (strchr(c->bindings, 'u') != NULL),
	    "%s: tls-unique, %zu", c->name, s.unique_n);
	CHECK(s.end_point_n == k.end_point_n &&
	    memcmp(s.end_point, k.end_point, s.end_point_n) == 0 &&
	    (s.end_point_n == 32) == (strchr(c->bindings, 'p') != NULL),
	    "%s: tls-server-end-point, %zu", c->name, s.end_point_n);
}

/* Asked for a certificate, and none was shown; nothing is left behind. */
static void
check_server(const struct shake_case *c, struct pair *p)
{
	SSL			*ssl = io_ssl(p->server.io);
	struct tlsctx_facts	 f;

	tlsctx_facts(p->server.io, &f);
	CHECK((SSL_get_verify_mode(ssl) & (SSL_VERIFY_PEER |
	    SSL_VERIFY_FAIL_IF_NO_PEER_CERT)) == SSL_VERIFY_PEER &&
	    sk_X509_NAME_num(SSL_get_client_CA_list(ssl)) <= 0,
	    "%s: any certificate or none", c->name);
	CHECK(!f.has_key && f.record.n == 0, "%s: no key, no record", c->name);
	CHECK((SSL_get_options(ssl) & SSL_OP_CLEANSE_PLAINTEXT) != 0 &&
	    SSL_get_num_tickets(ssl) == 0, "%s: wiped, no tickets", c->name);
	tlsctx_forget(p->server.io);	/* of none */
}

static void
test_shakes(struct tlsctx *ctx, struct tlsctx_client *cc)
{
	const struct shake_case	*c;
	struct pair		 p;
	SSL			*ssl;
	X509			*x;
	char			 cn[64];
	int			 ok;

	for (c = shakes; c < shakes + nitems(shakes); c++) {
		connect_ends(&p, ctx, cc, c->sni);
		ssl = io_ssl(p.client.io);
		SSL_set_security_level(ssl, 0);
		SSL_set_min_proto_version(ssl, c->version);
		SSL_set_max_proto_version(ssl, c->version);
		if ((c->groups != NULL && !SSL_set1_groups_list(ssl,
		    c->groups)) || (c->sigalgs != NULL &&
		    !SSL_set1_sigalgs_list(ssl, c->sigalgs)) ||
		    (c->ciphers != NULL && !SSL_set_cipher_list(ssl,
		    c->ciphers)))
			exit(1);
		ok = shake(&p);
		CHECK(ok == (c->want != NULL), "%s: %s", c->name, ok ? "done" :
		    io_error(p.server.io));
		if (ok && c->want != NULL) {
			x = SSL_get_peer_certificate(ssl);
			X509_NAME_get_text_by_NID(X509_get_subject_name(x),
			    NID_commonName, cn, sizeof(cn));
			CHECK(strcmp(cn, c->want) == 0, "%s: certificate %s",
			    c->name, cn);
			X509_free(x);
			CHECK(!SSL_session_reused(ssl) &&
			    !SSL_SESSION_has_ticket(SSL_get_session(ssl)),
			    "%s: no session ticket", c->name);
			check_server(c, &p);
			check_bindings(c, &p);
		}
		disconnect(&p);
	}
	CHECK(losses == 0 && link_fd != -1, "the link is as it was");
}

/* ---- names -------------------------------------------------------------- */

static void
test_verify(struct tlsctx *ctx)
{
	static const struct {
		const char	*name;
		int		 want;
	} names[] = {
		{ "p256.example", 0 }, { "P256.EXAMPLE", 0 },
		{ "192.0.2.1", 0 }, { "192.0.2.2", -1 },
		{ "rsa.example", -1 }, { "example", -1 }, { "", -1 },
		{ "p256.example.", -1 },
	};
	const struct conf_cert	*c = conf->certs.v;
	struct tlsctx_client	*cc, *none;
	struct pair		 p;
	struct buf		 why = { 0 };
	char			 path[] = "/tmp/letterlock-ca-XXXXXX";
	size_t			 i;
	int			 fd = mkstemp(path), rc;

	if (fd == -1 || write(fd, c->pem, strlen(c->pem)) == -1)
		exit(1);
	cc = tlsctx_client_new(path, &why);
	CHECK(cc != NULL && why.n == 0, "an authority's certificate");
	none = tlsctx_client_new("/nonexistent", &why);
	CHECK(none != NULL && why.n != 0, "no authority: %s", buf_cstr(&why));
	(void)unlink(path);
	close(fd);
	connect_ends(&p, ctx, cc, "p256.example");
	CHECK(shake(&p), "a handshake to verify");
	for (i = 0; i < nitems(names); i++) {
		buf_reset(&why);
		rc = tlsctx_verify_name(cc, p.client.io, names[i].name, &why);
		CHECK(rc == names[i].want && (rc == -1) == (why.n != 0),
		    "\"%s\": %d %s", names[i].name, rc, buf_cstr(&why));
	}
	buf_reset(&why);
	rc = tlsctx_verify_name(none, p.client.io, "p256.example", &why);
	CHECK(rc == -1, "by nobody we know: %s", buf_cstr(&why));
	disconnect(&p);
	connect_ends(&p, ctx, cc, "rsa.example");
	buf_reset(&why);
	rc = shake(&p) ? tlsctx_verify_name(cc, p.client.io, "rsa.example",
	    &why) : 0;
	CHECK(rc == -1, "by another authority: %s", buf_cstr(&why));
	disconnect(&p);
	tlsctx_client_free(cc);
	tlsctx_client_free(none);
	buf_free(&why);
}

/* ---- what keys refuses -------------------------------------------------- */

#define SPACES	"                                " \
		"                                "
#define RANDOMS	"0123456789abcdef0123456789abcdef" \
		"0123456789abcdef0123456789abcdef"
#define HASH32	"0123456789abcdef0123456789abcdef"
#define TLS13	SPACES "TLS 1.3, server CertificateVerify\0" HASH32
#define TLS12	RANDOMS "\3\0\35\40" HASH32		/* X25519 */
#define TEXT(s)	{ (const uint8_t *)(s), sizeof(s) - 1 }

static const struct sign_case {
	const char	*name;
	size_t		 cert;
	enum sign_op	 op;
	int		 hash;
	struct span	 text;
	enum result	 want;
} signs[] = {
	{ "ECDSA, 1.3", 0, SIGN_ECDSA, NID_sha256, TEXT(TLS13), RESULT_OK },
	{ "ECDSA, 1.2", 0, SIGN_ECDSA, NID_sha256, TEXT(TLS12), RESULT_OK },
	{ "a hash of 48", 0, SIGN_ECDSA, NID_sha384,
	    TEXT(TLS13 "0123456789abcdef"), RESULT_OK },
	{ "RSA, PSS", 1, SIGN_RSA_PSS, NID_sha256, TEXT(TLS13), RESULT_OK },
	{ "Ed25519", 2, SIGN_ED25519, 0, TEXT(TLS13), RESULT_OK },
	{ "PKCS #1 in 1.2", 1, SIGN_RSA_PKCS1, NID_sha256, TEXT(TLS12),
	    RESULT_OK },
	{ "PKCS #1 in 1.3", 1, SIGN_RSA_PKCS1, NID_sha256, TEXT(TLS13),
	    RESULT_NO },
	{ "SHA-1", 1, SIGN_RSA_PSS, NID_sha1, TEXT(TLS13), RESULT_NO },
	{ "no hash", 0, SIGN_ECDSA, 0, TEXT(TLS13), RESULT_NO },
	{ "a hash with Ed25519", 2, SIGN_ED25519, NID_sha256, TEXT(TLS13),
	    RESULT_NO },
	{ "no such hash", 0, SIGN_ECDSA, 1 << 30, TEXT(TLS13), RESULT_NO },
	{ "another kind of key", 0, SIGN_RSA_PSS, NID_sha256, TEXT(TLS13),
	    RESULT_NO },
	{ "no such operation", 0, (enum sign_op)9, NID_sha256, TEXT(TLS13),
	    RESULT_NO },
	{ "nothing", 0, SIGN_ECDSA, NID_sha256, TEXT(""), RESULT_NO },
	{ "a digest", 0, SIGN_ECDSA, NID_sha256, TEXT(HASH32), RESULT_NO },
	{ "a client's proof", 0, SIGN_ECDSA, NID_sha256, TEXT(SPACES
	    "TLS 1.3, client CertificateVerify\0" HASH32), RESULT_NO },
	{ "an octet more", 0, SIGN_ECDSA, NID_sha256, TEXT(TLS13 "x"),
	    RESULT_NO },
	{ "an octet less", 0, SIGN_ECDSA, NID_sha256,
	    { (const uint8_t *)TLS13, sizeof(TLS13) - 2 }, RESULT_NO },
	{ "a space less", 0, SIGN_ECDSA, NID_sha256,
	    { (const uint8_t *)TLS13 + 1, sizeof(TLS13) - 2 }, RESULT_NO },
	{ "an explicit curve", 0, SIGN_ECDSA, NID_sha256,
	    TEXT(RANDOMS "\1\0\35\40" HASH32), RESULT_NO },
	{ "an unknown group", 0, SIGN_ECDSA, NID_sha256,
	    TEXT(RANDOMS "\3\1\0\40" HASH32), RESULT_NO },
	{ "a point of the wrong size", 0, SIGN_ECDSA, NID_sha256,
	    TEXT(RANDOMS "\3\0\27\40" HASH32), RESULT_NO },
	{ "a compressed point", 0, SIGN_ECDSA, NID_sha256,
	    TEXT(RANDOMS "\3\0\27\101" "\2" HASH32 HASH32), RESULT_NO },
	{ "a point", 0, SIGN_ECDSA, NID_sha256,
	    TEXT(RANDOMS "\3\0\27\101" "\4" HASH32 HASH32), RESULT_OK },
	{ "more than the point", 0, SIGN_ECDSA, NID_sha256,
	    TEXT(TLS12 "x"), RESULT_NO },
	{ "a key that is not for it", 4, SIGN_RSA_PSS, NID_sha256, TEXT(TLS13),
	    RESULT_NO },
};

/* What a client signs in TLS 1.2: all messages until then. */
#define MSG(type, len, body)	type "\0\0" len body
#define HELLO(end)	"\3\3" HASH32 "\0" end
#define HELLOS		MSG("\1", "\52", HELLO("\0\2\300\53\1\0") "x") \
			MSG("\2", "\46", HELLO("\300\53\0"))
#define CERT		MSG("\13", "\11", "\0\0\6\0\0\3abc")
#define EXCHANGE	MSG("\14", "\10", "\3\0\35\4abcd")
#define REQUEST		MSG("\15", "\10", "\1\100\0\2\4\3\0\0")
#define DONE12		MSG("\16", "\0", "")
#define CLIENT12	CERT MSG("\20", "\5", "\4abcd")
#define CLIENT13	SPACES "TLS 1.3, client CertificateVerify\0" HASH32

/* Of a relay worker. */
static const struct sign_case	 client_signs[] = {
	{ "client, 1.3", 0, SIGN_ECDSA, NID_sha256, TEXT(CLIENT13),
	    RESULT_OK },
	{ "client, 1.2", 0, SIGN_ECDSA, NID_sha256,
	    TEXT(HELLOS CERT EXCHANGE REQUEST DONE12 CLIENT12), RESULT_OK },
	{ "client, no ephemeral key", 0, SIGN_ECDSA, NID_sha256,
	    TEXT(HELLOS CERT REQUEST DONE12 CLIENT12), RESULT_OK },
	{ "client, with a status", 0, SIGN_ECDSA, NID_sha256,
	    TEXT(HELLOS CERT MSG("\26", "\1", "x") EXCHANGE REQUEST DONE12
	    CLIENT12), RESULT_OK },
	{ "client, what a server signs, 1.3", 0, SIGN_ECDSA, NID_sha256,
	    TEXT(TLS13), RESULT_NO },
	{ "client, what a server signs, 1.2", 0, SIGN_ECDSA, NID_sha256,
	    TEXT(TLS12), RESULT_NO },
	{ "client, a digest", 0, SIGN_ECDSA, NID_sha256, TEXT(HASH32),
	    RESULT_NO },
	{ "client, nothing", 0, SIGN_ECDSA, NID_sha256, TEXT(""), RESULT_NO },
	{ "client, hellos alone", 0, SIGN_ECDSA, NID_sha256, TEXT(HELLOS),
	    RESULT_NO },
	{ "client, not asked", 0, SIGN_ECDSA, NID_sha256,
	    TEXT(HELLOS CERT EXCHANGE DONE12 CLIENT12), RESULT_NO },
	{ "client, no certificate", 0, SIGN_ECDSA, NID_sha256,
	    TEXT(HELLOS CERT EXCHANGE REQUEST DONE12
	    MSG("\20", "\5", "\4abcd")), RESULT_NO },
	{ "client, an empty certificate", 0, SIGN_ECDSA, NID_sha256,
	    TEXT(HELLOS CERT EXCHANGE REQUEST DONE12
	    MSG("\13", "\3", "\0\0\0") MSG("\20", "\5", "\4abcd")),
	    RESULT_NO },
	{ "client, a message more", 0, SIGN_ECDSA, NID_sha256,
	    TEXT(HELLOS CERT EXCHANGE REQUEST DONE12 CLIENT12
	    MSG("\17", "\1", "x")), RESULT_NO },
	{ "client, an octet more", 0, SIGN_ECDSA, NID_sha256,
	    TEXT(HELLOS CERT EXCHANGE REQUEST DONE12 CLIENT12 "x"),
	    RESULT_NO },
	{ "client, a length too far", 0, SIGN_ECDSA, NID_sha256,
	    TEXT(HELLOS CERT EXCHANGE REQUEST DONE12 CERT "\20\0\0\6\4abcd"),
	    RESULT_NO },
	{ "client, version 1.1", 0, SIGN_ECDSA, NID_sha256,
	    TEXT(MSG("\1", "\52", "\3\2" HASH32 "\0\0\2\300\53\1\0x")
	    MSG("\2", "\46", HELLO("\300\53\0")) CERT EXCHANGE REQUEST
	    DONE12 CLIENT12), RESULT_NO },
	{ "client, out of order", 0, SIGN_ECDSA, NID_sha256,
	    TEXT(HELLOS CERT REQUEST EXCHANGE DONE12 CLIENT12), RESULT_NO },
	{ "client, a listener's key", 3, SIGN_ECDSA, NID_sha256,
	    TEXT(CLIENT13), RESULT_NO },
	{ "client, nobody's key", 4, SIGN_RSA_PSS, NID_sha256, TEXT(CLIENT13),
	    RESULT_NO },
};

/* One request by hand; the result, -1 when the link ended. */
static void
request(uint32_t id, const struct msg_sign *m)
{
	struct buf	 b = { 0 };

	buf_put_u32(&b, M_SIGN);
	buf_put_u32(&b, id);
	codec_put(&b, &c_sign, m);
	if (send(link_fd, b.p, b.n, 0) != (ssize_t)b.n)
		exit(1);
	buf_free(&b);
}

static int
result(uint32_t id, size_t *n)
{
	struct msg_signature	 r;
	uint8_t			 room[IMSG_MAX];
	struct span		 s;
	uint32_t		 type, got;
	ssize_t			 len;

	fcntl(link_fd, F_SETFL, 0);
	if ((len = recv(link_fd, room, sizeof(room), 0)) <= 0)
		return (-1);
	s = span_of(room, (size_t)len);
	if (span_get_u32(&s, &type) == -1 || span_get_u32(&s, &got) == -1 ||
	    got != id || codec_get(&s, &c_signature, &r) == -1 || s.n != 0)
		return (-2);
	*n = r.signature.n;
	return (r.result);
}

/* The last of them stays in m. */
static void
try_signs(const struct sign_case *c, size_t count, struct msg_sign *m)
{
	const struct conf_cert	*certv = conf->certs.v;
	size_t			 n = 0;
	int			 rc;

	for (; count > 0; count--, c++) {
		memset(m, 0, sizeof(*m));
		memcpy(m->key, certv[c->cert].key, sizeof(m->key));
		m->op = (uint8_t)c->op;
		m->hash = (uint32_t)c->hash;
		m->data = c->text;
		request(77, m);
		rc = result(77, &n);
		CHECK(rc == (int)c->want && (n > 0) == (rc == RESULT_OK),
		    "sign: %s: %d, %zu octets", c->name, rc, n);
	}
}

/* A worker may sign with its own transport's key, and as a client alone. */
static void
test_client_signs(void)
{
	struct sign_case	 other = client_signs[0];
	struct msg_sign		 m;

	use_keys(links[RELAY]);
	try_signs(client_signs, nitems(client_signs), &m);
	use_keys(links[RELAY + 1]);
	other.name = "client, the key of another transport";
	other.want = RESULT_NO;
	try_signs(&other, 1, &m);
}

static void
test_signs(void)
{
	const struct conf_cert	*certv = conf->certs.v;
	struct msg_sign		 m;
	size_t			 n = 0;
	int			 rc;

	try_signs(signs, nitems(signs), &m);
	/* keys is as before; another role may not use this one's keys. */
	use_keys(links[2]);
	memcpy(m.key, certv[0].key, sizeof(m.key));
	m.op = SIGN_ECDSA;
	m.hash = NID_sha256;
	m.data = signs[0].text;
	request(1, &m);
	CHECK(result(1, &n) == RESULT_NO, "sign: a key of other processes");
	/* Two at once: the second ends the link. */
	kill(keys_pid, SIGSTOP);
	request(2, &m);
	request(3, &m);
	kill(keys_pid, SIGCONT);
	while ((rc = result(2, &n)) >= 0)
		;
	CHECK(rc == -1, "sign: two requests at once");
}

/* ---- without keys ------------------------------------------------------- */

static void
test_away(struct tlsctx *ctx, struct tlsctx_client *cc)
{
	struct pair	 p;
	int		 fds[2];

	use_keys(-1);
	losses = 0;
	connect_ends(&p, ctx, cc, "p256.example");
	CHECK(!shake(&p), "keys are away: %s", io_error(p.server.io));
	disconnect(&p);
	CHECK(losses == 1, "that is told, %d", losses);

	if (imsg_pair(fds) == -1)
		exit(1);
	link_fd = fds[0];
	connect_ends(&p, ctx, cc, "p256.example");
	CHECK(!shake(&p) && link_fd == -1, "keys say nothing: closed");
	disconnect(&p);
	close(fds[1]);

	use_keys(links[1]);
	connect_ends(&p, ctx, cc, "p256.example");
	CHECK(shake(&p), "keys are back");
	disconnect(&p);
}

/* ---- contexts ----------------------------------------------------------- */

static void
test_refs(struct tlsctx *ctx, struct tlsctx_client *cc)
{
	struct pair	 p;

	/* The listener goes, the handshake goes on. */
	connect_ends(&p, tlsctx_ref(ctx), cc, "rsa.example");
	tlsctx_unref(ctx);
	tlsctx_unref(ctx);
	CHECK(shake(&p), "a context lives until its last handshake is done");
	disconnect(&p);
	tlsctx_unref(NULL);
	CHECK(tlsctx_ref(NULL) == NULL, "none is none");
}

static void
refused(const struct conf_listener *l, const char *name)
{
	struct buf	 why = { 0 };
	int		 none = tlsctx_server(conf, l, &why) == NULL;

	CHECK(none && why.n != 0, "context: %s: %s", name, buf_cstr(&why));
	buf_free(&why);
}

static void
test_wrong(void)
{
	struct conf_listener	*l = conf->listeners.v;
	struct conf_cert	*c = conf->certs.v;
	char			*pem = c[0].pem;

	c[0].pem = c[1].pem;
	refused(l, "another key");
	c[0].pem = strdup("nonsense");
	refused(l, "nonsense");
	free(c[0].pem);
	c[0].pem = pem;
	l->certs.n = 0;
	refused(l, "none");
	l->certs.n = USED;
}

/* Key files that keys does not take, and a kind that TLS has no use for. */
static void
test_files(void)
{
	static const struct {
		const char	*name;
		enum kind	 kind;
		int		 want;
	} kinds[] = {
		{ "RSA", RSA2048, 1 }, { "P-256", P256, 1 },
		{ "Ed25519", ED25519, 1 }, { "Ed448", ED448, 0 },
		{ "RSA with 1024 bits", RSA1024, 0 },
	};
	struct conf_cert	 c;
	struct buf		 why = { 0 };
	EVP_PKEY		*key;
	size_t			 i;
	int			 fd, null = open("/dev/null", O_RDONLY);

	for (i = 0; i < nitems(kinds); i++) {
		memset(&c, 0, sizeof(c));
		fd = make_conf_cert(&c, kinds[i].kind, "a");
		buf_reset(&why);
		key = key_load(fd, "f", c.key, &why);
		CHECK((key != NULL) == kinds[i].want, "file: %s: %s",
		    kinds[i].name, buf_cstr(&why));
		EVP_PKEY_free(key);
		c.key[0] ^= 1;
		buf_reset(&why);
		key = key_load(fd, "f", c.key, &why);
		CHECK(key == NULL, "file: %s: %s", kinds[i].name,
		    buf_cstr(&why));
		c.key[0] ^= 1;
		buf_reset(&why);
		key = ftruncate(fd, 100) == 0 ? key_load(fd, "f", c.key,
		    &why) : NULL;
		CHECK(key == NULL && why.n != 0, "file: %s, cut: %s",
		    kinds[i].name, buf_cstr(&why));
		close(fd);
		codec_free(&c_conf_cert, &c);
	}
	buf_reset(&why);
	key = key_load(null, "f", (const uint8_t[KEY_ID]){ 0 }, &why);
	CHECK(key == NULL, "file: nothing: %s", buf_cstr(&why));
	close(null);
	buf_free(&why);
}

int
main(void)
{
	struct tlsctx_client	*cc;
	struct tlsctx		*ctx;
	struct buf		 why = { 0 };
	size_t			 i;

	signal(SIGPIPE, SIG_IGN);
	log_init("tlsctx_test");
	log_level(LOG_LEVEL_ERROR);
	make_conf();
	test_files();
	for (i = 0; i < nitems(links); i++)
		links[i] = start_keys(i == 2 ? ROLE_SMTPD : i < RELAY ?
		    ROLE_FRONT : ROLE_RELAY, i < RELAY ? NULL : i == RELAY ?
		    "Out" : "other");
	use_keys(links[0]);
	base = event_base_new();
	ctx = tlsctx_server(conf, conf->listeners.v, &why);
	cc = tlsctx_client_new(NULL, &why);
	if (!CHECK(ctx != NULL && cc != NULL, "contexts: %s", buf_cstr(&why)))
		return (1);
	buf_free(&why);
	test_shakes(ctx, cc);
	test_verify(ctx);
	test_away(ctx, cc);
	test_signs();
	test_client_signs();
	test_wrong();
	use_keys(links[3]);
	test_refs(ctx, cc);
	use_keys(-1);
	while (wait(NULL) > 0)
		;
	tlsctx_client_free(cc);
	conf_free(conf);
	event_base_free(base);
	return (test_done());
}
