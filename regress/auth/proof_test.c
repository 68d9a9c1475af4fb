/*
 * The proof of a client's key: real handshakes, with every octet changed, with
 * messages lost, doubled, moved and added, with what only the holder of the key
 * could do wrong, and against other keys.
 */
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>

#include "authd/auth_proof.h"
#include "msg.h"
#include "shake.h"
#include "test.h"
#include "tlsproof.h"

#define T12	TLS1_2_VERSION
#define T13	TLS1_3_VERSION
#define SHA384_12	"ECDHE-ECDSA-AES256-GCM-SHA384:" \
			"ECDHE-RSA-AES256-GCM-SHA384"

static const struct shake shakes[] = {
	{ "1.3, P-256", T13, P256, P256, "TLS_AES_128_GCM_SHA256", NULL, NULL,
	    0 },
	{ "1.3, P-256, SHA-384", T13, P256, P256, "TLS_AES_256_GCM_SHA384",
	    NULL, NULL, 0 },
	{ "1.3, P-256, ChaCha20", T13, P256, P256,
	    "TLS_CHACHA20_POLY1305_SHA256", NULL, NULL, 0 },
	{ "1.3, P-256, a retry", T13, P256, P256, "TLS_AES_128_GCM_SHA256",
	    NULL, "P-384", 1 },
	{ "1.3, P-256, a retry, SHA-384", T13, P256, P256,
	    "TLS_AES_256_GCM_SHA384", NULL, "P-521", 1 },
	{ "1.3, P-384", T13, P256, P384, NULL, NULL, NULL, 0 },
	{ "1.3, P-521", T13, P256, P521, NULL, NULL, NULL, 0 },
	{ "1.3, Ed25519", T13, P256, ED25519, NULL, NULL, NULL, 0 },
	{ "1.3, Ed25519, a retry", T13, ED25519, ED25519, NULL, NULL, "P-256",
	    1 },
	{ "1.3, RSA, SHA-256", T13, RSA2048, RSA2048, NULL,
	    "rsa_pss_rsae_sha256", NULL, 0 },
	{ "1.3, RSA, SHA-384", T13, RSA2048, RSA2048, NULL,
	    "rsa_pss_rsae_sha384", NULL, 0 },
	{ "1.3, RSA, SHA-512", T13, P384, RSA2048, NULL,
	    "rsa_pss_rsae_sha512", NULL, 0 },
	{ "1.2, P-256", T12, P256, P256, NULL, NULL, NULL, 0 },
	{ "1.2, P-256, a suite with SHA-384", T12, P256, P256, SHA384_12, NULL,
	    NULL, 0 },
	{ "1.2, P-256, SHA-512", T12, RSA2048, P256, NULL, "ECDSA+SHA512",
	    NULL, 0 },
	{ "1.2, P-384, SHA-256", T12, P256, P384, NULL, "ECDSA+SHA256", NULL,
	    0 },
	{ "1.2, P-384", T12, P256, P384, NULL, "ECDSA+SHA384", "P-384", 0 },
	{ "1.2, P-521", T12, P256, P521, NULL, NULL, "P-521", 0 },
	{ "1.2, Ed25519", T12, ED25519, ED25519, NULL, NULL, NULL, 0 },
	{ "1.2, RSA, PKCS #1", T12, RSA2048, RSA2048, NULL, "RSA+SHA256", NULL,
	    0 },
	{ "1.2, RSA, PKCS #1, SHA-512", T12, P256, RSA2048, NULL, "RSA+SHA512",
	    NULL, 0 },
	{ "1.2, RSA, PSS", T12, P256, RSA2048, SHA384_12,
	    "rsa_pss_rsae_sha256", NULL, 0 },
	{ "1.2, RSA, PSS, SHA-384", T12, P256, RSA2048, NULL,
	    "rsa_pss_rsae_sha384", NULL, 0 },
};

static const char	*why;
static uint8_t		 server[32];

/* With the reason, which is that of what ok was made of. */
static void
check(int ok, const char *what, const char *name)
{
	CHECK(ok, "%s: %s: %s", what, name, why);
}

static int
proven(const struct recorded *r, enum kind kind)
{
	return (proof_check(span_buf(&r->b), shake_spki(kind), server,
	    &why) == 0);
}

static void
record(const struct shake *s, struct recorded *r)
{
	if (shake(s, r, 0, 0, MSG_RECORD_MAX) == -1 || r->n == 0) {
		printf("Bail out! %s: no handshake\n", s->name);
		ERR_print_errors_fp(stdout);
		exit(1);
	}
}

static size_t
offset(const struct recorded *r, unsigned part)
{
	return ((size_t)(r->part[part].p - r->b.p));
}

/* ---- the same done by hand ---------------------------------------------- */

static const struct hand {
	const char	*name;
	enum kind	 kind;
	int		 version;
	uint16_t	 scheme;
	const char	*md;
	int		 padding, salt;
	int		 want;
} hands[] = {
	{ "P-256", P256, T13, 0x0403, "SHA256", 0, 0, 1 },
	{ "P-384", P384, T13, 0x0503, "SHA384", 0, 0, 1 },
	{ "P-521", P521, T13, 0x0603, "SHA512", 0, 0, 1 },
	{ "P-256, another hash", P256, T13, 0x0503, "SHA384", 0, 0, 0 },
	{ "P-384, another hash", P384, T13, 0x0403, "SHA256", 0, 0, 0 },
	{ "P-521, another hash", P521, T13, 0x0503, "SHA384", 0, 0, 0 },
	{ "P-256, not the hash it says", P256, T13, 0x0403, "SHA384", 0, 0,
	    0 },
	{ "P-256, SHA-1", P256, T13, 0x0203, "SHA1", 0, 0, 0 },
	{ "P-224", P224, T13, 0x0403, "SHA256", 0, 0, 0 },
	{ "Ed25519", ED25519, T13, 0x0807, NULL, 0, 0, 1 },
	{ "Ed25519 as Ed448", ED25519, T13, 0x0808, NULL, 0, 0, 0 },
	{ "Ed448", ED448, T13, 0x0808, NULL, 0, 0, 0 },
	{ "Ed448 as Ed25519", ED448, T13, 0x0807, NULL, 0, 0, 0 },
	{ "RSA, PSS", RSA2048, T13, 0x0804, "SHA256", RSA_PKCS1_PSS_PADDING,
	    RSA_PSS_SALTLEN_DIGEST, 1 },
	{ "RSA, PSS, no salt", RSA2048, T13, 0x0804, "SHA256",
	    RSA_PKCS1_PSS_PADDING, 0, 0 },
	{ "RSA, PSS, much salt", RSA2048, T13, 0x0804, "SHA256",
	    RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_MAX, 0 },
	{ "RSA, PSS, for keys of that kind", RSA2048, T13, 0x0809, "SHA256",
	    RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST, 0 },
	{ "RSA-PSS", RSAPSS, T13, 0x0809, "SHA256", RSA_PKCS1_PSS_PADDING,
	    RSA_PSS_SALTLEN_DIGEST, 0 },
	{ "RSA, PKCS #1", RSA2048, T13, 0x0401, "SHA256", RSA_PKCS1_PADDING, 0,
	    0 },
	{ "RSA, 1024 bits", RSA1024, T13, 0x0804, "SHA256",
	    RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST, 0 },
	{ "RSA, PKCS #1, 1.2", RSA2048, T12, 0x0501, "SHA384",
	    RSA_PKCS1_PADDING, 0, 1 },
	{ "RSA, PSS as PKCS #1, 1.2", RSA2048, T12, 0x0401, "SHA256",
	    RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST, 0 },
	{ "RSA, SHA-1, 1.2", RSA2048, T12, 0x0201, "SHA1", RSA_PKCS1_PADDING,
	    0, 0 },
	{ "RSA, SHA-224, 1.2", RSA2048, T12, 0x0301, "SHA224",
	    RSA_PKCS1_PADDING, 0, 0 },
	{ "P-256, another hash, 1.2", P256, T12, 0x0503, "SHA384", 0, 0, 1 },
	{ "P-256, SHA-1, 1.2", P256, T12, 0x0203, "SHA1", 0, 0, 0 },
	{ "P-256, SHA-224, 1.2", P256, T12, 0x0303, "SHA224", 0, 0, 0 },
	{ "no scheme, 1.2", P256, T12, 0, "SHA256", 0, 0, 0 },
};

/* Hash of the messages before this one; with a retry in front or not. */
static size_t
hash_before(const struct recorded *r, unsigned end, int retry,
    const EVP_MD *md, uint8_t *out)
{
	uint8_t		 first[4 + EVP_MAX_MD_SIZE] = { 254 };
	EVP_MD_CTX	*ctx = EVP_MD_CTX_new();
	unsigned int	 n;
	unsigned	 i = 0;

	EVP_DigestInit_ex(ctx, md, NULL);
	if (retry) {
		EVP_Digest(r->part[0].p, r->part[0].n, first + 4, &n, md, NULL);
		first[3] = (uint8_t)n;
		EVP_DigestUpdate(ctx, first, 4 + n);
		i = 1;
	}
	for (; i < end; i++)
		EVP_DigestUpdate(ctx, r->part[i].p, r->part[i].n);
	EVP_DigestFinal_ex(ctx, out, &n);
	EVP_MD_CTX_free(ctx);
	return (n);
}

/* What is signed before the message with this number, RFC 8446 4.4.3. */
static void
text13(const struct recorded *r, unsigned end, int retry, const char *who,
    const EVP_MD *md, struct buf *text)
{
	uint8_t	 hash[EVP_MAX_MD_SIZE];

	buf_addf(text, "%64s", "");
	buf_addf(text, "TLS 1.3, %s CertificateVerify", who);
	buf_addc(text, 0);
	buf_add(text, hash, hash_before(r, end, retry, md, hash));
}

/* The last message anew: signed like this by this key. */
static void
sign_again(struct recorded *r, const struct hand *h, int retry)
{
	unsigned	 last = r->n - 1;
	EVP_MD_CTX	*ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX	*p;
	struct buf	 text = { 0 };
	uint8_t		 sig[1024], head[8];
	size_t		 n = sizeof(sig);

	if (h->version == T13)
		text13(r, last, retry, "client", EVP_sha256(), &text);
	else
		buf_add(&text, r->b.p, offset(r, last));
	if (EVP_DigestSignInit(ctx, &p, h->md == NULL ? NULL :
	    EVP_get_digestbyname(h->md), NULL, shake_key(h->kind)) != 1 ||
	    (h->padding != 0 &&
	    EVP_PKEY_CTX_set_rsa_padding(p, h->padding) != 1) ||
	    (h->padding == RSA_PKCS1_PSS_PADDING &&
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(p, h->salt) != 1) ||
	    EVP_DigestSign(ctx, sig, &n, text.p, text.n) != 1) {
		ERR_print_errors_fp(stdout);
		exit(1);
	}
	EVP_MD_CTX_free(ctx);
	buf_free(&text);
	buf_truncate(&r->b, offset(r, last));
	head[0] = 15;
	head[1] = 0;
	head[2] = (uint8_t)((n + 4) >> 8);
	head[3] = (uint8_t)(n + 4);
	head[4] = (uint8_t)(h->scheme >> 8);
	head[5] = (uint8_t)h->scheme;
	head[6] = (uint8_t)(n >> 8);
	head[7] = (uint8_t)n;
	buf_add(&r->b, head, sizeof(head));
	buf_add(&r->b, sig, n);
	shake_parts(r);
}

static void
test_hands(void)
{
	const struct hand	*h;
	struct recorded		 r;
	int			 ok;

	for (h = hands; h < hands + nitems(hands); h++) {
		record(&shakes[h->version == T13 ? 0 : 12], &r);
		sign_again(&r, h, 0);
		ok = proven(&r, h->kind);
		check(ok == h->want, "by hand", h->name);
		buf_free(&r.b);
	}
}

/* ---- what is changed ---------------------------------------------------- */

/* Every bit of one, every octet of another, some of the others: a check is
 * dear. */
static void
test_flips(const struct shake *s, struct recorded *r)
{
	size_t	 i, step;
	int	 bit, ok = 1, all = s == &shakes[0];

	step = s->client == P521 ? 149 : s->client == P384 ? 47 :
	    all || s == &shakes[12] ? 1 : 19;

	for (i = 0; i < r->b.n && ok; i += step)
		for (bit = all ? 0 : (int)(i & 7); ok && bit <= (all ? 7 :
		    (int)(i & 7)); bit++) {
			r->b.p[i] ^= (uint8_t)(1 << bit);
			ok = !proven(r, s->client);
			r->b.p[i] ^= (uint8_t)(1 << bit);
		}
	CHECK(ok, "%s: %s is changed, %zu", s->name, all ? "every bit" :
	    "an octet", i);
	check(proven(r, s->client), s->name, "and as it was");
}

/* No beginning of it, and nothing behind it. */
static void
test_length(const struct shake *s, struct recorded *r)
{
	size_t	 n, step = s->client == P521 ? 31 : 7;
	int	 ok = 1;

	for (n = 0; n < r->b.n && ok; n += step)
		ok = proof_check(span_of(r->b.p, n), shake_spki(s->client),
		    server, &why) == -1;
	CHECK(ok, "%s: cut, %zu", s->name, n);
	buf_addc(&r->b, 0);
	check(!proven(r, s->client), s->name, "an octet more");
	buf_add(&r->b, "\0\0\0", 3);
	check(!proven(r, s->client), s->name, "a message more");
	buf_truncate(&r->b, r->b.n - 4);
}

/* Put together anew from these parts; is it refused for what it is made of? */
static int
unshaped(const struct span *parts, unsigned n, enum kind kind)
{
	struct buf	 b = { 0 };
	unsigned	 i;
	int		 rc;

	for (i = 0; i < n; i++)
		buf_add_span(&b, parts[i]);
	rc = proof_check(span_buf(&b), shake_spki(kind), server, &why) == -1 &&
	    strcmp(why, "not the messages of a handshake") == 0;
	buf_free(&b);
	return (rc);
}

static void
test_order(const struct shake *s, const struct recorded *r)
{
	struct span	 parts[PARTS_MAX + 1];
	uint8_t		 other[6] = { 0, 0, 0, 2, 0, 0 };
	unsigned	 i, k, type;
	int		 lost = 1, doubled = 1, swapped = 1, added = 1;

	for (i = 0; i < r->n; i++) {
		for (k = 0; k < r->n; k++)
			parts[k - (k > i)] = r->part[k];
		lost &= unshaped(parts, r->n - 1, s->client);
		for (k = 0; k <= r->n; k++)
			parts[k] = r->part[k - (k > i)];
		doubled &= unshaped(parts, r->n + 1, s->client);
		memcpy(parts, r->part, sizeof(r->part));
		for (k = i + 1; k < r->n; k++) {
			if (r->part[i].p[0] == r->part[k].p[0])
				continue;
			parts[i] = r->part[k];
			parts[k] = r->part[i];
			swapped &= unshaped(parts, r->n, s->client);
			parts[i] = r->part[i];
			parts[k] = r->part[k];
		}
		for (k = 0; k <= r->n; k++)
			parts[k] = k == i ? span_of(other, sizeof(other)) :
			    r->part[k - (k > i)];
		for (type = 0; type < 256; type++) {
			other[0] = (uint8_t)type;
			added &= unshaped(parts, r->n + 1, s->client);
		}
	}
	CHECK(lost, "%s: a message is missing", s->name);
	CHECK(doubled, "%s: a message is there twice", s->name);
	CHECK(swapped, "%s: two messages are exchanged", s->name);
	CHECK(added, "%s: a message is added", s->name);
}

/* Any other scheme in the last message. */
static void
test_schemes(const struct shake *s, struct recorded *r)
{
	uint8_t		*p = r->b.p + offset(r, r->n - 1) + 4;
	unsigned	 was = (unsigned)p[0] << 8 | p[1], id;
	int		 ok = 1;

	for (id = 0; id < 0x1000 && ok; id += (id & 0x1f) == 0x1f ? 0xe1 : 1) {
		p[0] = (uint8_t)(id >> 8);
		p[1] = (uint8_t)id;
		ok = id == was || !proven(r, s->client);
	}
	p[0] = (uint8_t)(was >> 8);
	p[1] = (uint8_t)was;
	CHECK(ok, "%s: another scheme, %u", s->name, id);
}

static void
test_shakes(void)
{
	const struct shake	*s;
	struct recorded		 r, again;
	uint8_t			 name[32];
	int			 k, ok;

	for (s = shakes; s < shakes + nitems(shakes); s++) {
		record(s, &r);
		check(proven(&r, s->client), s->name, "proven");
		memcpy(name, server, sizeof(name));
		CHECK((r.n == 11) == s->retry, "%s: %u messages", s->name,
		    r.n);
		for (k = 0, ok = 1; k < NKINDS; k++)
			ok &= k == (int)s->client || !proven(&r, (enum kind)k);
		CHECK(ok, "%s: not by another key", s->name);
		CHECK(memcmp(server, (const uint8_t[32]){ 0 }, 32) == 0,
		    "%s: then no server signed", s->name);
		test_flips(s, &r);
		test_length(s, &r);
		test_order(s, &r);
		test_schemes(s, &r);
		record(s, &again);
		CHECK(proven(&again, s->client) && memcmp(server, name,
		    sizeof(name)) != 0, "%s: another one has another name",
		    s->name);
		buf_free(&r.b);
		buf_free(&again.b);
	}
}

/* ---- whom the server's signature names ---------------------------------- */

static struct span
signature_at(struct span s, size_t skip)
{
	return (span_of(s.p + skip + 4, s.n - skip - 4));
}

/* By hand, as tlsproof.h says. */
static void
name_of(const struct recorded *r, const struct shake *s, uint8_t name[32])
{
	unsigned	 hello = s->retry ? 3 : 1, n = 32;
	struct span	 part = r->part[s->version == T13 ? hello + 4 : 3];
	struct buf	 text = { 0 };
	struct span	 sig;
	uint8_t		 hash[32];
	size_t		 params;

	if (s->version == T13) {
		text13(r, hello + 4, s->retry, "server", s->suite != NULL &&
		    strstr(s->suite, "128") != NULL ? EVP_sha256() :
		    EVP_sha384(), &text);
		sig = signature_at(part, 4);
	} else {
		params = 4u + part.p[7];
		buf_add(&text, r->part[0].p + 6, 32);
		buf_add(&text, r->part[1].p + 6, 32);
		buf_add(&text, part.p + 4, params);
		sig = signature_at(part, 4 + params);
	}
	EVP_Digest(text.p, text.n, hash, &n, EVP_sha256(), NULL);
	buf_reset(&text);
	buf_add(&text, hash, n);
	buf_add_span(&text, sig);
	EVP_Digest(text.p, text.n, name, &n, EVP_sha256(), NULL);
	buf_free(&text);
}

static void
test_names(void)
{
	static const size_t	 some[] = { 0, 1, 3, 4, 12, 15, 16, 18 };
	const struct shake	*s;
	struct recorded		 r;
	uint8_t			 name[32];
	size_t			 i;

	for (i = 0; i < nitems(some); i++) {
		s = &shakes[some[i]];
		record(s, &r);
		name_of(&r, s, name);
		CHECK(proven(&r, s->client) && memcmp(name, server, 32) == 0,
		    "%s: the name of the server's signature", s->name);
		buf_free(&r.b);
	}
}

/*
 * A signature that keys made, put into another handshake whose client signed
 * it, since it took it for some other server's: never by that name.
 */
static void
test_transplant(void)
{
	static const struct {
		size_t		 shake, hand;
		unsigned	 part;
	} cases[] = { { 0, 0, 5 }, { 12, 24, 3 } };
	struct recorded	 a, b;
	struct span	 pa, pb;
	uint8_t		 name[32];
	size_t		 i, skip;

	for (i = 0; i < nitems(cases); i++) {
		do {
			record(&shakes[cases[i].shake], &a);
			record(&shakes[cases[i].shake], &b);
			pa = a.part[cases[i].part];
			pb = b.part[cases[i].part];
			if (pa.n == pb.n)	/* DER's lengths differ */
				break;
			buf_free(&a.b);
			buf_free(&b.b);
		} while (1);
		(void)proven(&a, P256);
		memcpy(name, server, sizeof(name));
		skip = cases[i].part == 3 ? 8u + pa.p[7] : 4;
		memcpy(b.b.p + offset(&b, cases[i].part) + skip, pa.p + skip,
		    pa.n - skip);
		check(!proven(&b, P256), "transplanted", "not signed");
		sign_again(&b, &hands[cases[i].hand], 0);
		check(proven(&b, P256) && memcmp(server, name, 32) != 0,
		    "transplanted", "signed, by another name");
		buf_free(&a.b);
		buf_free(&b.b);
	}
}

/* ---- what a client may have signed, and is refused ---------------------- */

enum { SUITE = -1, AFTER_SUITE = -2 };	/* offsets that depend */

static const struct lie {
	const char	*name;
	size_t		 shake;
	unsigned	 part;
	int		 at;		/* in its body */
	uint8_t		 octets[34];
	size_t		 n;
} lies[] = {
	{ "an old version", 0, 1, 0, { 3, 2 }, 2 },
	{ "an unknown suite", 0, 1, SUITE, { 0x13, 6 }, 2 },
	{ "a suite of 1.2", 0, 1, SUITE, { 0xc0, 0x2b }, 2 },
	{ "compressed", 0, 1, AFTER_SUITE, { 1 }, 1 },
	{ "no extensions", 0, 1, AFTER_SUITE, { 0, 0, 0 }, 3 },
	{ "more extensions", 0, 1, AFTER_SUITE, { 0, 1 }, 2 },
	{ "a session's id that is too long", 0, 1, 34, { 33 }, 1 },
	{ "a retry that is none", 3, 1, 2, { 0 }, 1 },
	{ "two retries", 3, 3, 2, { 0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61,
	    0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2,
	    0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8,
	    0xa8, 0x33, 0x9c }, 32 },
	{ "two suites", 3, 1, SUITE, { 0x13, 2 }, 2 },
	{ "a server's signature that is longer", 0, 5, 2, { 1 }, 1 },
	{ "a server's signature of nothing", 0, 5, 2, { 0, 0 }, 2 },
	{ "an old version, 1.2", 12, 1, 0, { 3, 1 }, 2 },
	{ "compressed, 1.2", 12, 1, AFTER_SUITE, { 1 }, 1 },
	{ "an explicit curve", 12, 3, 0, { 1 }, 1 },
	{ "a longer point", 12, 3, 3, { 255 }, 1 },
	{ "a shorter point", 12, 3, 3, { 1 }, 1 },
};

static void
test_lies(void)
{
	const struct lie	*l;
	struct recorded		 r;
	uint8_t			*p;
	int			 at;

	for (l = lies; l < lies + nitems(lies); l++) {
		record(&shakes[l->shake], &r);
		p = r.b.p + offset(&r, l->part) + 4;
		at = l->at;
		if (at < 0)
			at = 35 + p[34] + (at == AFTER_SUITE ? 2 : 0);
		memcpy(p + at, l->octets, l->n);
		shake_parts(&r);
		sign_again(&r, &hands[shakes[l->shake].version == T13 ? 0 : 24],
		    shakes[l->shake].retry);
		check(!proven(&r, P256) && strstr(why, "another key") == NULL,
		    "signed", l->name);
		buf_free(&r.b);
	}
	/* By hand is as good as by libssl, also with a retry. */
	record(&shakes[3], &r);
	sign_again(&r, &hands[0], 1);
	check(proven(&r, P256), "signed", "a retry as it was");
	buf_free(&r.b);
	if (shake(&shakes[12], &r, 0, SSL_OP_NO_EXTENDED_MASTER_SECRET,
	    MSG_RECORD_MAX) == -1 || r.n == 0)
		exit(1);
	check(!proven(&r, P256) && strstr(why, "master") != NULL,
	    "signed", "without that");
	buf_free(&r.b);
}

/* ---- what is not recorded, and other nonsense --------------------------- */

static void
test_records(void)
{
	static const size_t	 some[] = { 0, 3, 12 };
	struct recorded		 r;
	size_t			 i, n;

	for (i = 0; i < nitems(some); i++) {
		CHECK(shake(&shakes[some[i]], &r, 1, 0, MSG_RECORD_MAX) == 0 &&
		    r.b.n == 0, "%s: without a certificate no record",
		    shakes[some[i]].name);
		buf_free(&r.b);
		record(&shakes[some[i]], &r);
		n = r.b.n;
		buf_free(&r.b);
		CHECK(shake(&shakes[some[i]], &r, 0, 0, n - 10) == 0 &&
		    r.b.n == 0, "%s: too long for a record",
		    shakes[some[i]].name);
		buf_free(&r.b);
	}
}

static void
test_keys(void)
{
	static const enum tlsproof_kind	 want[NKINDS] = {
		[RSA2048] = TLSPROOF_RSA, [P256] = TLSPROOF_P256,
		[P384] = TLSPROOF_P384, [P521] = TLSPROOF_P521,
		[ED25519] = TLSPROOF_ED25519,	/* others: none */
	};
	struct recorded	 r;
	struct span	 spki = shake_spki(P256), s;
	uint8_t		 big[MSG_RECORD_MAX + 1] = { 0 };
	uint8_t		 longer[256];
	int		 k;

	for (k = 0; k < NKINDS; k++)
		CHECK(tlsproof_kind(shake_key((enum kind)k)) == want[k],
		    "kind of key %d", k);
	CHECK(tlsproof_kind(NULL) == TLSPROOF_NONE, "no key is none");
	record(&shakes[0], &r);
	s = span_buf(&r.b);
	memcpy(longer, spki.p, spki.n);
	longer[spki.n] = 0;
	check(proof_check(s, span_of(longer, spki.n + 1), server, &why) == -1,
	    "nonsense", "a key and more");
	check(proof_check(s, span_of(spki.p, spki.n - 1), server, &why) == -1,
	    "nonsense", "a key and less");
	check(proof_check(s, span_of("", 0), server, &why) == -1,
	    "nonsense", "no key");
	check(proof_check(span_of("", 0), spki, server, &why) == -1,
	    "nonsense", "no record");
	check(proof_check(span_of(big, sizeof(big)), spki, server, &why) ==
	    -1 && strstr(why, "more octets") != NULL, "nonsense",
	    "a large record");
	buf_free(&r.b);
}

int
main(void)
{
	shake_init();
	test_shakes();
	test_hands();
	test_names();
	test_transplant();
	test_lies();
	test_records();
	test_keys();
	shake_end();
	return (test_done());
}
