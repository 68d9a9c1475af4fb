/*
 * The stand-ins that LibreSSL has, here with OpenSSL: handshakes whose
 * signatures come from another process, and what that refuses to sign.
 */
#include <sys/socket.h>
#include <sys/wait.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>

#include "authd/keys.h"
#include "certs.h"
#include "imsg.h"
#include "log.h"
#include "proc.h"
#include "test.h"
#include "tlskey.h"

static const struct {
	const char	*name;
	enum kind	 kind;
} kinds[] = {
	{ "RSA", RSA2048 }, { "P-256", P256 }, { "P-384", P384 },
};
static EVP_PKEY	*keys[nitems(kinds)];
static X509	*certs[nitems(kinds)];
static uint8_t	 ids[nitems(kinds)][TLSKEY_ID];
static int	 link_fd = -1;

int
proc_keys_fd(void)
{
	return (link_fd);
}

void
proc_keys_lost(void)
{
	close(link_fd);
	link_fd = -1;
}

/* One request after the other, until the link ends. */
static void
serve(int fd)
{
	struct msg_signature	 r;
	struct msg_sign		 m;
	struct buf		 out = { 0 }, sig = { 0 };
	struct span		 s;
	uint8_t			 in[IMSG_MAX];
	uint32_t		 type, id;
	ssize_t			 n;
	size_t			 i;

	fcntl(fd, F_SETFL, 0);
	while ((n = recv(fd, in, sizeof(in), 0)) > 0) {
		s = span_of(in, (size_t)n);
		if (span_get_u32(&s, &type) == -1 ||
		    span_get_u32(&s, &id) == -1 ||
		    codec_get(&s, &c_sign, &m) == -1)
			_exit(1);
		buf_reset(&sig);
		buf_reset(&out);
		memset(&r, 0, sizeof(r));
		r.result = RESULT_NO;
		for (i = 0; i < nitems(kinds); i++)
			if (memcmp(ids[i], m.key, sizeof(m.key)) == 0 &&
			    key_sign_raw(keys[i], KEY_SERVER, &m,
			    &sig) == 0)
				r.result = RESULT_OK;
		r.signature = span_buf(&sig);
		buf_put_u32(&out, type | IMSG_REPLY);
		buf_put_u32(&out, id);
		codec_put(&out, &c_signature, &r);
		if (send(fd, out.p, out.n, 0) == -1)
			_exit(1);
	}
	_exit(0);
}

static void
start(void)
{
	int	 fds[2];

	if (imsg_pair(fds) == -1)
		exit(1);
	fflush(stdout);
	if (fork() == 0) {
		close(fds[0]);
		serve(fds[1]);
	}
	close(fds[1]);
	link_fd = fds[0];
}

/* Both ends in memory. */
static int
shake(SSL *server, SSL *client)
{
	BIO	*a, *b;
	int	 i, done = 0;

	if (BIO_new_bio_pair(&a, 0, &b, 0) != 1)
		return (0);
	SSL_set_bio(server, a, a);
	SSL_set_bio(client, b, b);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	for (i = 0; i < 20 && done != 3; i++) {
		done |= SSL_do_handshake(client) == 1;
		done |= (SSL_do_handshake(server) == 1) << 1;
	}
	ERR_clear_error();
	return (done == 3);
}

static void
test_shakes(void)
{
	static const struct {
		int	 version;
		char	*sigalgs;	/* as the macro wants it */
	} how[] = {
		{ TLS1_3_VERSION, NULL }, { TLS1_2_VERSION, NULL },
		{ TLS1_2_VERSION, "RSA+SHA256:ECDSA+SHA256" },
		{ TLS1_2_VERSION, "RSA+SHA512:ECDSA+SHA512" },
		{ TLS1_2_VERSION,
		    "rsa_pss_rsae_sha384:ECDSA+SHA384" },
	};
	SSL_CTX		*sctx, *cctx = SSL_CTX_new(TLS_client_method());
	EVP_PKEY	*key;
	SSL		*s, *c;
	size_t		 i, k;
	int		 ok;

	for (i = 0; i < nitems(kinds); i++) {
		sctx = SSL_CTX_new(TLS_server_method());
		key = tlskey_low(certs[i]);
		CHECK(key != NULL &&
		    SSL_CTX_use_certificate(sctx, certs[i]) == 1 &&
		    SSL_CTX_use_PrivateKey(sctx, key) == 1 &&
		    SSL_CTX_check_private_key(sctx) == 1, "%s: a stand-in",
		    kinds[i].name);
		EVP_PKEY_free(key);
		for (k = 0; k < nitems(how); k++) {
			s = SSL_new(sctx);
			c = SSL_new(cctx);
			SSL_set_min_proto_version(c, how[k].version);
			SSL_set_max_proto_version(c, how[k].version);
			if (how[k].sigalgs != NULL &&
			    !SSL_set1_sigalgs_list(c, how[k].sigalgs))
				exit(1);
			ok = shake(s, c);
			CHECK(ok && SSL_version(c) == how[k].version,
			    "%s: %s, %s", kinds[i].name, SSL_get_version(c),
			    how[k].sigalgs == NULL ?
			    "as it comes" : how[k].sigalgs);
			SSL_free(s);
			SSL_free(c);
		}
		SSL_CTX_free(sctx);
	}
	SSL_CTX_free(cctx);
}

#define SHA256_INFO	"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03" \
			"\x04\x02\x01\x05\x00\x04\x20"
#define HASH32		"0123456789abcdef0123456789abcdef"

static int
sign(size_t k, enum sign_op op, struct span data)
{
	struct msg_sign	 m = { .op = (uint8_t)op, .data = data };
	uint8_t		 sig[1024];
	size_t		 n;

	memcpy(m.key, ids[k], sizeof(m.key));
	return (tlskey_ask(&m, sig, sizeof(sig), &n));
}

/* A block that EMSA-PSS made, salted, and the same with a bit turned. */
static void
test_pss(void)
{
	static const int	 salts[] = { 32, 31, 0 };
	EVP_PKEY_CTX		*ctx;
	uint8_t			 sig[256], block[256], was;
	size_t			 n, i, refused = 0;
	int			 k;

	for (k = 0; k < 3; k++) {
		ctx = EVP_PKEY_CTX_new(keys[0], NULL);
		n = sizeof(sig);
		if (EVP_PKEY_sign_init(ctx) != 1 ||
		    EVP_PKEY_CTX_set_rsa_padding(ctx,
		    RSA_PKCS1_PSS_PADDING) != 1 ||
		    EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salts[k]) != 1 ||
		    EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) != 1 ||
		    EVP_PKEY_sign(ctx, sig, &n, (const uint8_t *)HASH32, 32) !=
		    1)
			exit(1);
		EVP_PKEY_CTX_free(ctx);
		/* what was signed, by the public half */
		ctx = EVP_PKEY_CTX_new(keys[0], NULL);
		n = sizeof(block);
		if (EVP_PKEY_verify_recover_init(ctx) != 1 ||
		    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) != 1 ||
		    EVP_PKEY_verify_recover(ctx, block, &n, sig, 256) != 1)
			exit(1);
		EVP_PKEY_CTX_free(ctx);
		CHECK(sign(0, SIGN_RSA_PSS, span_of(block, 256)) == (k == 0),
		    "PSS with a salt of %d", salts[k]);
		for (i = 0; k == 0 && i < sizeof(block); i++) {
			if (i > 190 && i < 255)
				continue;	/* salt, hash: anybody's */
			was = block[i];
			block[i] ^= 1;
			refused += sign(0, SIGN_RSA_PSS,
			    span_of(block, 256)) == 0;
			block[i] = was;
		}
		if (k == 0)
			CHECK(refused == 192, "a bit turned: %zu", refused);
	}
	memset(block, 'x', sizeof(block));
	CHECK(!sign(0, SIGN_RSA_PSS, span_of(block, 256)), "any block");
	CHECK(!sign(0, SIGN_RSA_PSS, span_of(block, 255)), "a short one");
	CHECK(!sign(0, SIGN_RSA_PSS, span_of(block, 0)), "none");
}

static void
test_refused(void)
{
	static const struct {
		const char	*name;
		size_t		 key;
		enum sign_op	 op;
		const char	*data;
		size_t		 n;
		int		 want;
	} asks[] = {
		{ "a DigestInfo", 0, SIGN_RSA_PKCS1, SHA256_INFO HASH32, 51,
		    1 },
		{ "an octet more", 0, SIGN_RSA_PKCS1, SHA256_INFO HASH32, 52,
		    0 },
		{ "a digest with RSA", 0, SIGN_RSA_PKCS1, HASH32, 32, 0 },
		{ "another key", 1, SIGN_RSA_PKCS1, SHA256_INFO HASH32, 51,
		    0 },
		{ "a digest", 1, SIGN_ECDSA, HASH32, 32, 1 },
		{ "20 octets", 1, SIGN_ECDSA, HASH32, 20, 0 },
		{ "51 octets", 1, SIGN_ECDSA, SHA256_INFO HASH32, 51, 0 },
		{ "ECDSA with RSA", 0, SIGN_ECDSA, HASH32, 32, 0 },
		{ "Ed25519", 1, SIGN_ED25519, HASH32, 32, 0 },
	};
	size_t	 i;

	for (i = 0; i < nitems(asks); i++)
		CHECK(sign(asks[i].key, asks[i].op, span_of(asks[i].data,
		    asks[i].n)) == asks[i].want, "sign: %s", asks[i].name);
}

int
main(void)
{
	EVP_PKEY	*ed = make_key(ED25519);
	X509		*x = make_certificate(ed, "ed.example", 3600);
	size_t		 i;

	signal(SIGPIPE, SIG_IGN);
	log_init("low_test");
	log_level(LOG_LEVEL_ERROR);
	for (i = 0; i < nitems(kinds); i++) {
		keys[i] = make_key(kinds[i].kind);
		certs[i] = make_certificate(keys[i], "a.example", 3600);
		if (tlskey_id(certs[i], ids[i]) == -1)
			return (1);
	}
	start();
	CHECK(tlskey_low(x) == NULL, "Ed25519 cannot be");
	test_shakes();
	test_pss();
	test_refused();
	CHECK(link_fd != -1, "the link is as it was");
	close(link_fd);
	while (wait(NULL) > 0)
		;
	for (i = 0; i < nitems(kinds); i++) {
		EVP_PKEY_free(keys[i]);
		X509_free(certs[i]);
	}
	EVP_PKEY_free(ed);
	X509_free(x);
	return (test_done());
}
