/*
 * CRAM-MD5, RFC 2195: the server's side, and the arithmetic for both.  What is
 * stored is the state of MD5 after either pad, so that the password itself
 * need not be.
 */
#include <sys/random.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/md5.h>

#include "precis.h"
#include "sasl_int.h"

static int		 md5_pad(const uint8_t *key, uint8_t pad, uint8_t *state);
static int		 md5_resume(const uint8_t *state, struct span,
			    uint8_t *out);
static int		 unhex(struct span, uint8_t *out);
static enum sasl_step	 cram_start(struct sasl_server *);
static enum sasl_step	 cram_response(struct sasl_server *, struct span);
static enum sasl_step	 cram_resume(struct sasl_server *);

const struct server_mech	 server_cram = {
	.name = "CRAM-MD5",
	.start = cram_start,
	.response = cram_response,
	.resume = cram_resume,
	.no_initial = 1,
};

static void
put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

static uint32_t
get32(const uint8_t *p)
{
	return ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24);
}

/* MD5's chaining value after one block of key XOR pad. */
static int
md5_pad(const uint8_t *key, uint8_t pad, uint8_t *state)
{
	MD5_CTX	 c;
	uint8_t	 block[MD5_CBLOCK];
	size_t	 i;
	int	 ok;

	for (i = 0; i < sizeof(block); i++)
		block[i] = key[i] ^ pad;
	ok = MD5_Init(&c) == 1 && MD5_Update(&c, block, sizeof(block)) == 1;
	put32(state, c.A);
	put32(state + 4, c.B);
	put32(state + 8, c.C);
	put32(state + 12, c.D);
	explicit_bzero(block, sizeof(block));
	explicit_bzero(&c, sizeof(c));
	return (ok ? 0 : -1);
}

/* Go on from there. */
static int
md5_resume(const uint8_t *state, struct span data, uint8_t *out)
{
	MD5_CTX	 c;
	int	 ok;

	if (MD5_Init(&c) != 1)
		return (-1);
	c.A = get32(state);
	c.B = get32(state + 4);
	c.C = get32(state + 8);
	c.D = get32(state + 12);
	c.Nl = MD5_CBLOCK * 8;
	ok = MD5_Update(&c, data.p, data.n) == 1 && MD5_Final(out, &c) == 1;
	explicit_bzero(&c, sizeof(c));
	return (ok ? 0 : -1);
}

int
sasl_cram_derive(struct sasl_cram_secret *s, struct span password)
{
	uint8_t	 key[MD5_CBLOCK];
	int	 rc;

	memset(s, 0, sizeof(*s));
	memset(key, 0, sizeof(key));
	if (password.n > sizeof(key))		/* RFC 2104 section 2 */
		(void)MD5(password.p, password.n, key);
	else if (password.n != 0)
		memcpy(key, password.p, password.n);
	rc = md5_pad(key, 0x36, s->inner) == -1 ||
	    md5_pad(key, 0x5c, s->outer) == -1 ? -1 : 0;
	explicit_bzero(key, sizeof(key));
	return (rc);
}

void
sasl_cram_invent(struct sasl_cram_secret *s)
{
	memset(s, 0, sizeof(*s));
	s->invented = 1;		/* that alone decides */
}

int
cram_digest(const struct sasl_cram_secret *s, struct span challenge,
    uint8_t *out)
{
	uint8_t	 inner[MD5_DIGEST_LENGTH];
	int	 rc;

	rc = md5_resume(s->inner, challenge, inner);
	if (rc == 0)
		rc = md5_resume(s->outer, span_of(inner, sizeof(inner)), out);
	explicit_bzero(inner, sizeof(inner));
	return (rc);
}

static enum sasl_step
cram_start(struct sasl_server *s)
{
	uint8_t		 raw[16];
	struct buf	 b = { 0 };

	if (s->challenge[0] == '\0') {
		if (getentropy(raw, sizeof(raw)) == -1)
			return (server_nomem(s));
		buf_addc(&b, '<');
		buf_add_hex(&b, span_of(raw, sizeof(raw)));
		buf_adds(&b, "@sasl.invalid>");
		if (buf_cstr(&b) == NULL) {
			buf_free(&b);
			return (server_nomem(s));
		}
		memcpy(s->challenge, b.p, b.n + 1);
		buf_free(&b);
	}
	return (server_more(s, span_str(s->challenge)));
}

/* 32 lower-case hexadecimal digits, as RFC 2195 section 2 has them. */
static int
unhex(struct span in, uint8_t *out)
{
	static const char	 digits[] = "0123456789abcdef";
	const char		*d;
	size_t			 i;

	if (in.n != CRAM_HEX)
		return (-1);
	for (i = 0; i < in.n; i++) {
		if (in.p[i] == 0 || (d = strchr(digits, in.p[i])) == NULL)
			return (-1);
		out[i / 2] = (uint8_t)(out[i / 2] << 4 | (d - digits));
	}
	return (0);
}

/* user SP digest; a user name may have spaces itself. */
static enum sasl_step
cram_response(struct sasl_server *s, struct span in)
{
	enum sasl_step	 st;
	size_t		 at = in.n;

	while (at > 0 && in.p[at - 1] != ' ')
		at--;
	if (at == 0 || unhex(span_of(in.p + at, in.n - at), s->digest) == -1)
		return (server_malformed(s,
		    "no digest behind a space (RFC 2195 2)"));
	st = server_take_name(s, &s->name, span_of(in.p, at - 1));
	if (st != SASL_STEP_MORE)
		return (st);
	s->wait = WAIT_LOOKUP;
	s->want = SASL_WANT_CRAM;
	return (SASL_STEP_LOOKUP);
}

static enum sasl_step
cram_resume(struct sasl_server *s)
{
	uint8_t	 want[MD5_DIGEST_LENGTH];
	int	 ok;

	if (cram_digest(&s->cram, span_str(s->challenge), want) == -1)
		return (server_nomem(s));
	ok = CRYPTO_memcmp(want, s->digest, sizeof(want)) == 0;
	explicit_bzero(want, sizeof(want));
	ok &= !s->cram.invented;
	if (ok)
		return (server_done(s));
	if (s->cram.invented)
		return (server_fail(s, SASL_WHY_USER,
		    "unknown user, or one without such a verifier"));
	return (server_fail(s, SASL_WHY_PASSWORD, "wrong password"));
}
