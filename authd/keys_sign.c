/*
 * Loading a private key, and signing with it for one end of TLS and for nothing
 * else: no certificate, no message, nothing that is a hash of who knows what.
 */
#include <sys/types.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>
#include <unistd.h>

#include "keys.h"

#define FILE_MAX	65536	/* octets of a key file */
#define SPACES		64
#define RANDOMS		64	/* client's and server's */
#define CONTEXT(end)	"TLS 1.3, " end " CertificateVerify"

static int	 read_all(int, struct buf *);
static int	 is_tls13(struct span, enum key_end);
static int	 is_tls12_server(struct span);
static int	 is_hello(struct span);
static int	 is_tls12_client(struct span);
static int	 is_tls12(struct span, enum key_end);
static int	 id_of(EVP_PKEY *, uint8_t [KEY_ID]);

/* ---- what is signed ----------------------------------------------------- */

/* RFC 8446, 4.4.3 */
static int
is_tls13(struct span s, enum key_end end)
{
	static const char	 contexts[][sizeof(CONTEXT("server"))] = {
		[KEY_SERVER] = CONTEXT("server"),
		[KEY_CLIENT] = CONTEXT("client"),
	};
	size_t			 i;

	if (s.n < SPACES + sizeof(contexts[0]))
		return (0);
	for (i = 0; i < SPACES; i++)
		if (s.p[i] != ' ')
			return (0);
	if (memcmp(s.p + SPACES, contexts[end], sizeof(contexts[0])) != 0)
		return (0);
	s.n -= SPACES + sizeof(contexts[0]);
	return (s.n == 32 || s.n == 48);	/* SHA-256, SHA-384 */
}

/* The parameters of an ephemeral key, RFC 8422, 5.4. */
static int
is_tls12_server(struct span s)
{
	static const struct {
		uint16_t	 group;
		uint8_t		 n;	/* octets of the public key */
		int		 point;
	} groups[] = {
		{ 23, 65, 1 }, { 24, 97, 1 }, { 25, 133, 1 },	/* P-256 ... */
		{ 29, 32, 0 },					/* X25519 */
	};
	struct span	 key, randoms;
	uint16_t	 group;
	uint8_t		 type, n;
	size_t		 i;

	if (span_take(&s, RANDOMS, &randoms) == -1 ||
	    span_get_u8(&s, &type) == -1 || type != 3 ||
	    span_get_u16(&s, &group) == -1 || span_get_u8(&s, &n) == -1 ||
	    span_take(&s, n, &key) == -1 || s.n != 0)
		return (0);
	for (i = 0; i < nitems(groups); i++)
		if (groups[i].group == group && groups[i].n == n)
			return (!groups[i].point || key.p[0] == 4);
	return (0);
}

/* The head of either hello: version 1.2, random, session id. */
static int
is_hello(struct span s)
{
	struct span	 random, session;
	uint16_t	 version;
	uint8_t		 n;

	return (span_get_u16(&s, &version) == 0 && version == 0x0303 &&
	    span_take(&s, RANDOMS / 2, &random) == 0 &&
	    span_get_u8(&s, &n) == 0 && n <= 32 &&
	    span_take(&s, n, &session) == 0 && s.n >= 3);
}

/*
 * A client signs all messages of the handshake until then, RFC 5246 7.4.8; there
 * is a certificate of its own among them.
 */
static int
is_tls12_client(struct span s)
{
	static const struct {
		uint8_t	 type;
		int	 may;		/* be missing */
		size_t	 least;		/* octets */
	} order[] = {
		{ SSL3_MT_CLIENT_HELLO, 0, 41 },
		{ SSL3_MT_SERVER_HELLO, 0, 38 },
		{ SSL3_MT_CERTIFICATE, 0, 7 },
		{ SSL3_MT_CERTIFICATE_STATUS, 1, 0 },
		{ SSL3_MT_SERVER_KEY_EXCHANGE, 1, 4 },
		{ SSL3_MT_CERTIFICATE_REQUEST, 0, 8 },
		{ SSL3_MT_SERVER_DONE, 0, 0 },
		{ SSL3_MT_CERTIFICATE, 0, 7 },
		{ SSL3_MT_CLIENT_KEY_EXCHANGE, 0, 2 },
	};
	struct span	 body;
	uint8_t		 type, high;
	uint16_t	 low;
	size_t		 i;

	for (i = 0; i < nitems(order); i++) {
		if (order[i].may && s.n > 0 && s.p[0] != order[i].type)
			continue;
		if (span_get_u8(&s, &type) == -1 || type != order[i].type ||
		    span_get_u8(&s, &high) == -1 ||
		    span_get_u16(&s, &low) == -1 ||
		    span_take(&s, (size_t)high << 16 | low, &body) == -1 ||
		    body.n < order[i].least || (i < 2 && !is_hello(body)))
			return (0);
	}
	return (s.n == 0);
}

/* Nothing is both, whatever key is shared. */
static int
is_tls12(struct span s, enum key_end end)
{
	int	 server = is_tls12_server(s);

	return (end == KEY_SERVER ? server : !server && is_tls12_client(s));
}

/* Which key signs how; PKCS #1 is of the past, RFC 8446 4.2.3. */
static const struct {
	int	 id;
	uint8_t	 op;
	int	 hashed, old_only, padding;
} ways[] = {
	{ EVP_PKEY_RSA,		SIGN_RSA_PKCS1,	1, 1, RSA_PKCS1_PADDING },
	{ EVP_PKEY_RSA,		SIGN_RSA_PSS,	1, 0, RSA_PKCS1_PSS_PADDING },
	{ EVP_PKEY_EC,		SIGN_ECDSA,	1, 0, 0 },
	{ EVP_PKEY_ED25519,	SIGN_ED25519,	0, 0, 0 },
};

int
key_sign(EVP_PKEY *key, enum key_end end, const struct msg_sign *m,
    struct buf *sig)
{
	const EVP_MD	*md = NULL;
	EVP_PKEY_CTX	*pctx = NULL;
	EVP_MD_CTX	*ctx = NULL;
	uint8_t		 room[KEY_SIG_MAX];
	size_t		 i, n = sizeof(room);
	int		 old = is_tls12(m->data, end);

	errno = EINVAL;
	for (i = 0; i < nitems(ways); i++)
		if (ways[i].id == EVP_PKEY_base_id(key) && ways[i].op == m->op)
			break;
	if (i == nitems(ways) || (!old && !is_tls13(m->data, end)) ||
	    (ways[i].old_only && !old))
		return (-1);
	if (m->hash == NID_sha256 || m->hash == NID_sha384 ||
	    m->hash == NID_sha512)
		md = EVP_get_digestbynid((int)m->hash);
	if ((md != NULL) != ways[i].hashed || (md == NULL && m->hash != 0))
		return (-1);
	errno = EIO;
	if ((ctx = EVP_MD_CTX_new()) == NULL ||
	    EVP_DigestSignInit(ctx, &pctx, md, NULL, key) != 1 ||
	    (ways[i].padding != 0 &&
	    EVP_PKEY_CTX_set_rsa_padding(pctx, ways[i].padding) != 1) ||
	    (ways[i].padding == RSA_PKCS1_PSS_PADDING &&
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) !=
	    1) || (size_t)EVP_PKEY_size(key) > sizeof(room) ||
	    EVP_DigestSign(ctx, room, &n, m->data.p, m->data.n) != 1 ||
	    buf_add(sig, room, n) == -1) {
		ERR_clear_error();
		EVP_MD_CTX_free(ctx);
		return (-1);
	}
	EVP_MD_CTX_free(ctx);
	return (0);
}

/* ---- loading ------------------------------------------------------------ */

static int
read_all(int fd, struct buf *b)
{
	uint8_t	*p;
	ssize_t	 n = -1;

	b->max = FILE_MAX;
	if (lseek(fd, 0, SEEK_SET) == -1)
		return (-1);
	/* All at once: a buffer that grows would leave copies behind. */
	if ((p = buf_reserve(b, FILE_MAX)) == NULL)
		return (-1);
	while (b->n < FILE_MAX &&
	    (n = read(fd, p + b->n, FILE_MAX - b->n)) > 0)
		buf_commit(b, (size_t)n);
	return (n == 0 && b->n > 0 ? 0 : -1);
}

static int
id_of(EVP_PKEY *key, uint8_t id[KEY_ID])
{
	unsigned char	*der = NULL;
	unsigned int	 n = KEY_ID;
	int		 len, rc;

	if ((len = i2d_PUBKEY(key, &der)) <= 0)
		return (-1);
	rc = EVP_Digest(der, (size_t)len, id, &n, EVP_sha256(), NULL);
	OPENSSL_free(der);
	return (rc == 1 ? 0 : -1);
}

EVP_PKEY *
key_load(int fd, const char *path, const uint8_t id[KEY_ID], struct buf *why)
{
	struct buf	 b = { 0 };
	EVP_PKEY	*key = NULL;
	uint8_t		 its[KEY_ID];
	char		 none[] = "";
	const char	*wrong = NULL;
	BIO		*bio = NULL;
	size_t		 i;

	if (read_all(fd, &b) == -1 ||
	    (bio = BIO_new_mem_buf(b.p, (int)b.n)) == NULL)
		wrong = "cannot be read";
	/* An empty passphrase: an encrypted key is an error, not a question. */
	else if ((key = PEM_read_bio_PrivateKey(bio, NULL, NULL, none)) == NULL)
		wrong = "holds no private key in PEM form without a passphrase";
	else if (id_of(key, its) == -1 || memcmp(its, id, KEY_ID) != 0)
		wrong = "does not belong to the certificate";
	else if (EVP_PKEY_security_bits(key) < 112 ||
	    EVP_PKEY_size(key) > KEY_SIG_MAX)
		wrong = "too weak, or too large, for TLS";
	for (i = 0; wrong == NULL && i < nitems(ways) &&
	    ways[i].id != EVP_PKEY_base_id(key); i++)
		;
	if (i == nitems(ways))
		wrong = "neither RSA nor ECDSA nor Ed25519";
	BIO_free(bio);
	buf_freezero(&b);
	ERR_clear_error();
	if (wrong == NULL)
		return (key);
	buf_addf(why, "%s: %s", path, wrong);
	EVP_PKEY_free(key);
	return (NULL);
}
