/*
 * Checking the proof of a client's key: see auth_proof.h.
 *
 * The client signs all messages of the handshake before its CertificateVerify,
 * so these are not believed but hashed.  Looked at is what says how that is to
 * be done, and what must not be left to whoever recorded it: which messages
 * there are, the version, the hash of the cipher suite, the extended master
 * secret, the scheme of the signature, which must be one of the key's kind.
 */
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "auth_proof.h"
#include "msg.h"
#include "tlsproof.h"

#define HEADER		4	/* octets of type and length */
#define MESSAGES_MAX	11
#define RANDOM		32
#define TEXT_MAX	256	/* octets: 1.3 signs 162, 1.2 201 with P-521 */
#define EXT_EMS		23	/* RFC 7627 */
#define EXT_VERSIONS	43	/* RFC 8446, 4.2.1 */

enum {
	CLIENT_HELLO = 1, SERVER_HELLO = 2, EXTENSIONS = 8, CERTIFICATE = 11,
	SERVER_KEY = 12, REQUEST = 13, DONE = 14, VERIFY = 15, CLIENT_KEY = 16,
	FINISHED = 20, MESSAGE_HASH = 254
};

/* The only orders there are, RFC 8446 2 and RFC 5246 7.3. */
static const struct shape {
	uint16_t	 version;
	uint8_t		 n, retry;
	uint8_t		 hello, server;	/* ServerHello, with its signature */
	uint8_t		 types[MESSAGES_MAX];
} shapes[] = {
	{ TLS1_3_VERSION, 9, 0, 1, 5, { CLIENT_HELLO, SERVER_HELLO, EXTENSIONS,
	    REQUEST, CERTIFICATE, VERIFY, FINISHED, CERTIFICATE, VERIFY } },
	{ TLS1_3_VERSION, 11, 1, 3, 7, { CLIENT_HELLO, SERVER_HELLO,
	    CLIENT_HELLO, SERVER_HELLO, EXTENSIONS, REQUEST, CERTIFICATE,
	    VERIFY, FINISHED, CERTIFICATE, VERIFY } },
	{ TLS1_2_VERSION, 9, 0, 1, 3, { CLIENT_HELLO, SERVER_HELLO, CERTIFICATE,
	    SERVER_KEY, REQUEST, DONE, CERTIFICATE, CLIENT_KEY, VERIFY } },
};

/* RFC 8446 4.2.3; with 1.2 the hash of ECDSA is not bound to the curve. */
static const struct scheme {
	uint16_t	 id;
	uint8_t		 kind, old, new;	/* enum tlsproof_kind */
	int		 padding;
	const EVP_MD	*(*md)(void);
} schemes[] = {
	{ 0x0403, TLSPROOF_P256,  1, 1, 0, EVP_sha256 },
	{ 0x0503, TLSPROOF_P256,  1, 0, 0, EVP_sha384 },
	{ 0x0603, TLSPROOF_P256,  1, 0, 0, EVP_sha512 },
	{ 0x0403, TLSPROOF_P384,  1, 0, 0, EVP_sha256 },
	{ 0x0503, TLSPROOF_P384,  1, 1, 0, EVP_sha384 },
	{ 0x0603, TLSPROOF_P384,  1, 0, 0, EVP_sha512 },
	{ 0x0403, TLSPROOF_P521,  1, 0, 0, EVP_sha256 },
	{ 0x0503, TLSPROOF_P521,  1, 0, 0, EVP_sha384 },
	{ 0x0603, TLSPROOF_P521,  1, 1, 0, EVP_sha512 },
	{ 0x0807, TLSPROOF_ED25519, 1, 1, 0, NULL },
	{ 0x0804, TLSPROOF_RSA,   1, 1, RSA_PKCS1_PSS_PADDING, EVP_sha256 },
	{ 0x0805, TLSPROOF_RSA,   1, 1, RSA_PKCS1_PSS_PADDING, EVP_sha384 },
	{ 0x0806, TLSPROOF_RSA,   1, 1, RSA_PKCS1_PSS_PADDING, EVP_sha512 },
	{ 0x0401, TLSPROOF_RSA,   1, 0, RSA_PKCS1_PADDING, EVP_sha256 },
	{ 0x0501, TLSPROOF_RSA,   1, 0, RSA_PKCS1_PADDING, EVP_sha384 },
	{ 0x0601, TLSPROOF_RSA,   1, 0, RSA_PKCS1_PADDING, EVP_sha512 },
};

struct record {
	const struct shape	*shape;
	struct span		 all;
	struct span		 msg[MESSAGES_MAX];	/* with header */
	uint32_t		 n;
	const EVP_MD		*md;		/* of the cipher suite, 1.3 */
};

struct text {				/* what was signed */
	uint8_t		 room[TEXT_MAX];
	struct span	 span;
};

static struct span	 body(const struct record *, unsigned);
static int	 split(struct record *, struct span);
static int	 prefixed(struct span *, unsigned, struct span *);
static int	 signature(struct span, uint16_t *, struct span *);
static int	 extensions(struct span, uint16_t, int *);
static const EVP_MD	*suite_hash(uint16_t);
static int	 server_hello(struct record *, unsigned, const char **);
static int	 transcript(const struct record *, unsigned, const char *,
		    struct text *);
static int	 server_key(struct span, struct span *, struct span *);
static int	 server_signed(const struct record *, uint8_t [32],
		    const char **);
static int	 verify(EVP_PKEY *, const struct scheme *, struct span,
		    struct span);
static int	 client_signed(const struct record *, EVP_PKEY *,
		    const char **);

/* ---- messages ----------------------------------------------------------- */

static struct span
body(const struct record *r, unsigned i)
{
	return (span_of(r->msg[i].p + HEADER, r->msg[i].n - HEADER));
}

/* Into messages; it must have one of the shapes, to the last octet. */
static int
split(struct record *r, struct span all)
{
	const struct shape	*s;
	struct span		 left = all;
	size_t			 n;
	unsigned		 i;

	r->all = all;
	for (r->n = 0; left.n > 0; r->n++) {
		if (r->n == MESSAGES_MAX || left.n < HEADER)
			return (-1);
		n = (size_t)left.p[1] << 16 | (size_t)left.p[2] << 8 |
		    left.p[3];
		if (span_take(&left, HEADER + n, &r->msg[r->n]) == -1)
			return (-1);
	}
	for (s = shapes; s < shapes + nitems(shapes); s++) {
		for (i = 0; i < r->n && r->n == s->n &&
		    r->msg[i].p[0] == s->types[i]; i++)
			;
		if (i == s->n && r->n == s->n) {
			r->shape = s;
			return (0);
		}
	}
	return (-1);
}

/* A length of so many octets, then so much. */
static int
prefixed(struct span *s, unsigned width, struct span *out)
{
	struct span	 length;
	size_t		 n = 0, i;

	if (span_take(s, width, &length) == -1)
		return (-1);
	for (i = 0; i < width; i++)
		n = n << 8 | length.p[i];
	return (span_take(s, n, out));
}

/* Scheme and signature, and nothing else. */
static int
signature(struct span s, uint16_t *scheme, struct span *sig)
{
	if (span_get_u16(&s, scheme) == -1 || prefixed(&s, 2, sig) == -1 ||
	    s.n != 0 || sig->n == 0)
		return (-1);
	return (0);
}

/* ---- ServerHello -------------------------------------------------------- */

/* Is there the extended master secret?  The version must be this one. */
static int
extensions(struct span s, uint16_t version, int *ems)
{
	struct span	 all, data;
	uint16_t	 id, v, said = TLS1_2_VERSION;

	*ems = 0;
	if (s.n == 0)
		return (version == TLS1_2_VERSION ? 0 : -1);
	if (prefixed(&s, 2, &all) == -1 || s.n != 0)
		return (-1);
	while (all.n > 0) {
		if (span_get_u16(&all, &id) == -1 ||
		    prefixed(&all, 2, &data) == -1)
			return (-1);
		if (id == EXT_EMS)
			*ems = 1;
		if (id != EXT_VERSIONS)
			continue;
		if (span_get_u16(&data, &v) == -1 || data.n != 0)
			return (-1);
		said = v;
	}
	return (said == version ? 0 : -1);
}

/* RFC 8446, B.4 */
static const EVP_MD *
suite_hash(uint16_t suite)
{
	switch (suite) {
	case 0x1301:		/* TLS_AES_128_GCM_SHA256 */
	case 0x1303:		/* TLS_CHACHA20_POLY1305_SHA256 */
		return (EVP_sha256());
	case 0x1302:		/* TLS_AES_256_GCM_SHA384 */
		return (EVP_sha384());
	default:
		return (NULL);
	}
}

/* The random of a HelloRetryRequest, RFC 8446 4.1.3. */
static const uint8_t retry_random[RANDOM] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02,
	0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
	0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c
};

static int
server_hello(struct record *r, unsigned i, const char **why)
{
	struct span	 s = body(r, i), random, session;
	const EVP_MD	*md;
	uint16_t	 version, suite;
	uint8_t		 compression;
	int		 ems, retry;

	*why = "a malformed ServerHello";
	if (span_get_u16(&s, &version) == -1 || version != TLS1_2_VERSION ||
	    span_take(&s, RANDOM, &random) == -1 ||
	    prefixed(&s, 1, &session) == -1 || session.n > 32 ||
	    span_get_u16(&s, &suite) == -1 ||
	    span_get_u8(&s, &compression) == -1 || compression != 0)
		return (-1);
	if (extensions(s, r->shape->version, &ems) == -1)
		return (-1);
	retry = memcmp(random.p, retry_random, RANDOM) == 0;
	if (retry != (i != r->shape->hello))
		return (-1);
	if (r->shape->version == TLS1_2_VERSION) {
		*why = "no extended master secret";
		return (ems ? 0 : -1);
	}
	md = suite_hash(suite);
	*why = "an unknown cipher suite";
	if (md == NULL || (r->md != NULL && md != r->md))
		return (-1);
	r->md = md;
	return (0);
}

/* ---- what was signed ---------------------------------------------------- */

/* RFC 8446, 4.4.1 and 4.4.3: the messages before the one with this number. */
static int
transcript(const struct record *r, unsigned end, const char *context,
    struct text *t)
{
	EVP_MD_CTX	*ctx = EVP_MD_CTX_new();
	uint8_t		 hash[HEADER + EVP_MAX_MD_SIZE] = { MESSAGE_HASH };
	uint8_t		*p = t->room;
	size_t		 nc = strlen(context) + 1;	/* and its NUL */
	unsigned int	 n;
	unsigned	 i = 0;
	int		 ok;

	ok = ctx != NULL && EVP_DigestInit_ex(ctx, r->md, NULL) == 1;
	if (ok && r->shape->retry) {
		ok = EVP_Digest(r->msg[0].p, r->msg[0].n, hash + HEADER, &n,
		    r->md, NULL) == 1;
		if (ok) {
			hash[3] = (uint8_t)n;
			ok = EVP_DigestUpdate(ctx, hash, HEADER + n) == 1;
		}
		i = 1;
	}
	for (; ok && i < end; i++)
		ok = EVP_DigestUpdate(ctx, r->msg[i].p, r->msg[i].n) == 1;
	memset(p, ' ', 64);
	memcpy(p + 64, context, nc);
	n = 0;
	ok = ok && EVP_DigestFinal_ex(ctx, p + 64 + nc, &n) == 1;
	t->span = span_of(p, 64 + nc + n);
	EVP_MD_CTX_free(ctx);
	return (ok ? 0 : -1);
}

/* ServerKeyExchange, RFC 8422 5.4: the parameters, then their signature. */
static int
server_key(struct span s, struct span *params, struct span *sig)
{
	struct span	 point;
	uint16_t	 group, scheme;
	uint8_t		 type;

	*params = s;
	if (span_get_u8(&s, &type) == -1 || type != 3 ||
	    span_get_u16(&s, &group) == -1 || prefixed(&s, 1, &point) == -1)
		return (-1);
	params->n -= s.n;
	return (signature(s, &scheme, sig));
}

/* The name of the server's signature. */
static int
server_signed(const struct record *r, uint8_t server[32], const char **why)
{
	static const unsigned	 past = sizeof(uint16_t);	/* version */
	struct span		 sig, params, client = body(r, 0);
	struct text		 t;
	uint16_t		 scheme;

	*why = "no signature of a server";
	if (r->shape->version == TLS1_3_VERSION) {
		if (signature(body(r, r->shape->server), &scheme, &sig) == -1 ||
		    transcript(r, r->shape->server,
		    "TLS 1.3, server CertificateVerify", &t) == -1)
			return (-1);
		return (tlsproof_claim(t.span, sig, server));
	}
	if (client.n < past + RANDOM || server_key(body(r, r->shape->server),
	    &params, &sig) == -1 || params.n > sizeof(t.room) - 2 * RANDOM)
		return (-1);
	memcpy(t.room, client.p + past, RANDOM);
	memcpy(t.room + RANDOM, body(r, r->shape->hello).p + past, RANDOM);
	memcpy(t.room + 2 * RANDOM, params.p, params.n);
	return (tlsproof_claim(span_of(t.room, 2 * RANDOM + params.n), sig,
	    server));
}

static int
verify(EVP_PKEY *key, const struct scheme *s, struct span text,
    struct span sig)
{
	EVP_MD_CTX	*ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX	*p = NULL;
	int		 ok;

	ok = ctx != NULL && EVP_DigestVerifyInit(ctx, &p, s->md == NULL ? NULL :
	    s->md(), NULL, key) == 1;
	if (ok && s->padding != 0)
		ok = EVP_PKEY_CTX_set_rsa_padding(p, s->padding) == 1;
	if (ok && s->padding == RSA_PKCS1_PSS_PADDING)
		ok = EVP_PKEY_CTX_set_rsa_pss_saltlen(p,
		    RSA_PSS_SALTLEN_DIGEST) == 1;
	ok = ok && EVP_DigestVerify(ctx, sig.p, sig.n, text.p, text.n) == 1;
	EVP_MD_CTX_free(ctx);
	return (ok ? 0 : -1);
}

static int
client_signed(const struct record *r, EVP_PKEY *key, const char **why)
{
	const struct scheme	*s;
	enum tlsproof_kind	 kind = tlsproof_kind(key);
	struct span		 sig;
	struct text		 t;
	unsigned		 last = r->n - 1;
	uint16_t		 id;
	int			 new = r->shape->version == TLS1_3_VERSION;

	*why = "a malformed CertificateVerify";
	if (signature(body(r, last), &id, &sig) == -1)
		return (-1);
	for (s = schemes; s < schemes + nitems(schemes); s++)
		if (s->id == id && s->kind == kind && (new ? s->new : s->old))
			break;
	*why = "a signature scheme that is not the key's";
	if (s == schemes + nitems(schemes))
		return (-1);
	*why = "signed by another key, or for another handshake";
	if (!new)	/* RFC 5246, 7.4.8: the messages themselves */
		t.span = span_of(r->all.p, r->all.n - r->msg[last].n);
	else if (transcript(r, last, "TLS 1.3, client CertificateVerify",
	    &t) == -1)
		return (-1);
	return (verify(key, s, t.span, sig));
}

int
proof_check(struct span record, struct span spki, uint8_t server[32],
    const char **why)
{
	const unsigned char	*p = spki.p;
	struct record		 r = { 0 };
	EVP_PKEY		*key;
	int			 rc = -1;

	memset(server, 0, 32);
	*why = "more octets than a handshake has";
	if (record.n > MSG_RECORD_MAX)
		return (-1);
	*why = "not the messages of a handshake";
	if (split(&r, record) == -1)
		return (-1);
	if ((r.shape->retry && server_hello(&r, 1, why) == -1) ||
	    server_hello(&r, r.shape->hello, why) == -1 ||
	    server_signed(&r, server, why) == -1)
		goto out;
	key = d2i_PUBKEY(NULL, &p, (long)spki.n);
	if (key == NULL || p != spki.p + spki.n) {
		*why = "the key that is known is malformed";
		rc = -1;
	} else
		rc = client_signed(&r, key, why);
	EVP_PKEY_free(key);
out:
	ERR_clear_error();
	if (rc == -1)
		memset(server, 0, 32);
	else
		*why = "";
	return (rc);
}
