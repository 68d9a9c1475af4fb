/*
 * SCRAM, both sides: vectors of RFC 5802 and RFC 7677, hardcases F12 to F20,
 * behaviour part 3 and A.3.
 */
#include <errno.h>

#include "precis.h"
#include "scram.h"
#include "test.h"

#define NONE		{ { { NULL, 0 }, { NULL, 0 }, { NULL, 0 } } }
#define S(s)		{ (const uint8_t *)(s), sizeof(s) - 1 }

static const struct scram_bindings	 none = NONE;
static const struct scram_bindings	 tls13 = { { S("exporter-data-of-this-"
    "one-0123"), S(""), S("hash-of-the-cert") } };
static const struct scram_bindings	 tls12 = { { S(""), S("unique-12oct"),
    S("hash-of-the-cert") } };

/* --- the RFCs' own exchanges ---------------------------------------------- */
static const struct vector {
	enum scram_hash	 hash;
	const char	*cnonce, *snonce, *salt;
	const char	*msg[4];
} vectors[] = {
	{ SCRAM_SHA_1, "fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j",
	    "QSXCR+Q6sek8bf92", {
	    "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
	    "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
	    "s=QSXCR+Q6sek8bf92,i=4096",
	    "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
	    "p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
	    "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=" } },
	{ SCRAM_SHA_256, "rOprNGfwEbeRWgbNEkqO",
	    "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "W22ZaJ0SNY7soEsUEjb6gQ==", {
	    "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
	    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	    "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
	    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" } },
};

static void
secret_of(struct scram_secret *s, const struct vector *v)
{
	struct buf	 salt = { 0 };

	buf_add_unbase64(&salt, span_str(v->salt));
	if (scram_derive(s, v->hash, span_str("pencil"), span_buf(&salt),
	    4096) == -1)
		abort();
	buf_free(&salt);
}

/* A server that was asked v's first question and answered it. */
static struct scram_server *
asked(const struct vector *v)
{
	struct scram_server	*s;
	struct scram_secret	 secret;
	struct span		 out;

	secret_of(&secret, v);
	if ((s = scram_server_new(v->hash, 0, 0, NULL)) == NULL ||
	    scram_server_set_nonce(s, v->snonce) == -1 ||
	    scram_server_step(s, span_str(v->msg[0]), &out) != SCRAM_LOOKUP ||
	    scram_server_set_secret(s, &secret) == -1 ||
	    scram_server_step(s, span_str(""), &out) != SCRAM_MORE)
		abort();
	return (s);
}

/* A client that began v's exchange. */
static struct scram_client *
begun(const struct vector *v)
{
	struct scram_client	*c;
	struct span		 out;

	if ((c = scram_client_new(v->hash, span_str("user"), span_str(""),
	    span_str("pencil"), 0, 0, NULL)) == NULL ||
	    scram_client_set_nonce(c, v->cnonce) == -1 ||
	    scram_client_step(c, span_str(""), &out) != SCRAM_MORE ||
	    !span_eqs(out, v->msg[0]))
		abort();
	return (c);
}

static void
test_vectors(void)
{
	const struct vector	*v;
	struct scram_server	*s;
	struct scram_client	*c;
	struct scram_secret	 secret;
	struct span		 out;
	size_t			 i;

	for (i = 0; i < nitems(vectors); i++) {
		v = &vectors[i];
		secret_of(&secret, v);
		s = scram_server_new(v->hash, 0, 0, NULL);
		scram_server_set_nonce(s, v->snonce);
		CHECK(scram_server_step(s, span_str(v->msg[0]), &out) ==
		    SCRAM_LOOKUP && out.n == 0 &&
		    span_eqs(scram_server_name(s), "user"), "server, name");
		CHECK(scram_server_set_secret(s, &secret) == 0 &&
		    scram_server_step(s, span_str(""), &out) == SCRAM_MORE &&
		    span_eqs(out, v->msg[1]), "server-first");
		CHECK(scram_server_step(s, span_str(v->msg[2]), &out) ==
		    SCRAM_DONE && span_eqs(out, v->msg[3]), "server-final");
		CHECK(scram_server_step(s, span_str(v->msg[2]), &out) ==
		    SCRAM_ERROR && out.n == 0, "no step after the end");
		scram_server_free(s);

		c = begun(v);
		CHECK(scram_client_step(c, span_str(v->msg[1]), &out) ==
		    SCRAM_WORK && out.n == 0, "client, work");
		scram_client_work(c);
		CHECK(scram_client_step(c, span_str(""), &out) == SCRAM_MORE &&
		    span_eqs(out, v->msg[2]), "client-final");
		CHECK(scram_client_step(c, span_str(v->msg[3]), &out) ==
		    SCRAM_DONE && out.n == 0, "client, done");
		CHECK(scram_client_step(c, span_str(v->msg[3]), &out) ==
		    SCRAM_ERROR, "client, no step after the end");
		scram_client_free(c);
		CHECK(scram_verify(&secret, span_str("pencil")) == 1 &&
		    scram_verify(&secret, span_str("pencils")) == 0 &&
		    scram_verify(&secret, span_str("")) == 0, "verify");
	}
}

/* --- first messages -------------------------------------------------------- */
#define R	",r=0123456789"
static const struct {
	const char			*in;
	int				 plus, announced;
	const struct scram_bindings	*b;
	enum scram_status		 want;
	enum scram_why			 why;
	const char			*out;
} firsts[] = {
	/* A.3: n */
	{ "n,,n=u" R, 0, 0, &none, SCRAM_LOOKUP, SCRAM_WHY_NONE, "" },
	{ "n,,n=u" R, 0, 1, &tls13, SCRAM_LOOKUP, SCRAM_WHY_NONE, "" },
	{ "n,,n=u" R, 1, 1, &tls13, SCRAM_FAIL, SCRAM_WHY_BINDING,
	    "e=channel-bindings-dont-match" },
	/* y */
	{ "y,,n=u" R, 0, 0, &none, SCRAM_LOOKUP, SCRAM_WHY_NONE, "" },
	{ "y,,n=u" R, 0, 0, &tls13, SCRAM_LOOKUP, SCRAM_WHY_NONE, "" },
	{ "y,,n=u" R, 0, 1, &tls13, SCRAM_FAIL, SCRAM_WHY_BINDING,
	    "e=server-does-support-channel-binding" },
	{ "y,,n=u" R, 1, 1, &tls13, SCRAM_FAIL, SCRAM_WHY_BINDING,
	    "e=channel-bindings-dont-match" },
	/* p= */
	{ "p=tls-exporter,,n=u" R, 1, 1, &tls13, SCRAM_LOOKUP,
	    SCRAM_WHY_NONE, "" },
	{ "p=tls-exporter,,n=u" R, 0, 1, &tls13, SCRAM_LOOKUP,
	    SCRAM_WHY_NONE, "" },
	{ "p=tls-exporter,,n=u" R, 1, 1, &tls12, SCRAM_FAIL,
	    SCRAM_WHY_BINDING, "e=channel-bindings-dont-match" },
	{ "p=tls-unique,,n=u" R, 1, 1, &tls12, SCRAM_LOOKUP,
	    SCRAM_WHY_NONE, "" },
	{ "p=tls-unique,,n=u" R, 1, 1, &tls13, SCRAM_FAIL,
	    SCRAM_WHY_BINDING, "e=channel-bindings-dont-match" },
	{ "p=tls-server-end-point,,n=u" R, 1, 1, &tls12, SCRAM_LOOKUP,
	    SCRAM_WHY_NONE, "" },
	{ "p=tls-server-end-point,,n=u" R, 1, 1, &tls13, SCRAM_LOOKUP,
	    SCRAM_WHY_NONE, "" },
	{ "p=tls-exporter,,n=u" R, 0, 0, &none, SCRAM_FAIL,
	    SCRAM_WHY_BINDING, "e=channel-binding-not-supported" },
	{ "p=foo,,n=u" R, 1, 1, &tls13, SCRAM_FAIL, SCRAM_WHY_BINDING,
	    "e=unsupported-channel-binding-type" },
	{ "p=TLS-EXPORTER,,n=u" R, 1, 1, &tls13, SCRAM_FAIL,
	    SCRAM_WHY_BINDING, "e=unsupported-channel-binding-type" },
	{ "p=,,n=u" R, 1, 1, &tls13, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "p=tls unique,,n=u" R, 1, 1, &tls12, SCRAM_ERROR,
	    SCRAM_WHY_SYNTAX, "" },
	{ "q,,n=u" R, 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "nn,,n=u" R, 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "N,,n=u" R, 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	/* names */
	{ "n,a=u,n=u" R, 0, 0, &none, SCRAM_LOOKUP, SCRAM_WHY_NONE, "" },
	{ "n,a=v,n=u" R, 0, 0, &none, SCRAM_FAIL, SCRAM_WHY_AUTHZID,
	    "e=other-error" },
	{ "n,a=U,n=u" R, 0, 0, &none, SCRAM_FAIL, SCRAM_WHY_AUTHZID,
	    "e=other-error" },
	{ "n,a=,n=u" R, 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "n,,n=a=2Cb=3d" R, 0, 0, &none, SCRAM_LOOKUP, SCRAM_WHY_NONE, "" },
	{ "n,,n=a=2" R, 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "n,,n=a=20" R, 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "n,,n=a==" R, 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "n,,n=" R, 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "n,,n=\xc3\xa9" R, 0, 0, &none, SCRAM_LOOKUP, SCRAM_WHY_NONE, "" },
	{ "n,,n=e\xcc\x81" R, 0, 0, &none, SCRAM_FAIL, SCRAM_WHY_SYNTAX,
	    "e=invalid-username-encoding" },
	{ "n,,n=\xe9" R, 0, 0, &none, SCRAM_FAIL, SCRAM_WHY_SYNTAX,
	    "e=invalid-username-encoding" },
	{ "n,,n=a\tb" R, 0, 0, &none, SCRAM_FAIL, SCRAM_WHY_SYNTAX,
	    "e=invalid-username-encoding" },
	/* nonces */
	{ "n,,n=u,r=12345678", 0, 0, &none, SCRAM_LOOKUP, SCRAM_WHY_NONE,
	    "" },
	{ "n,,n=u,r=1234567", 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX,
	    "" },
	{ "n,,n=u,r=", 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "n,,n=u,r=1234 5678", 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX,
	    "" },
	{ "n,,n=u,r=12345678\xc3\xa9", 0, 0, &none, SCRAM_ERROR,
	    SCRAM_WHY_SYNTAX, "" },
	{ "n,,n=u,r=12345678\x7f", 0, 0, &none, SCRAM_ERROR,
	    SCRAM_WHY_SYNTAX, "" },
	{ "n,,n=u", 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "n,,n=u,", 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	/* extensions, order */
	{ "n,,m=x,n=u" R, 0, 0, &none, SCRAM_FAIL, SCRAM_WHY_EXTENSION,
	    "e=extensions-not-supported" },
	{ "n,,n=u" R ",m=x", 0, 0, &none, SCRAM_FAIL, SCRAM_WHY_EXTENSION,
	    "e=extensions-not-supported" },
	{ "n,,n=u" R ",x=1,y=2", 0, 0, &none, SCRAM_LOOKUP,
	    SCRAM_WHY_NONE, "" },
	{ "n,,n=u" R ",x=1,Y=2=3", 0, 0, &none, SCRAM_LOOKUP,
	    SCRAM_WHY_NONE, "" },
	{ "n,,n=u" R ",a=1,b=2", 0, 0, &none, SCRAM_ERROR,
	    SCRAM_WHY_SYNTAX, "" },
	{ "n,,n=u" R ",x=", 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "n,,n=u" R ",1=1", 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX,
	    "" },
	{ "n,,n=u" R ",x", 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "n,,n=u" R ",", 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "n,,n=u" R ",p=x", 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX,
	    "" },
	{ "n,,n=u,n=v" R, 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "n,,n=u" R ",n=v", 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX,
	    "" },
	{ "n,,r=0123456789,n=u", 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX,
	    "" },
	{ "n,,N=u" R, 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "n,n=u" R, 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "n=u" R, 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "n,", 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "n,,", 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "n", 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "", 0, 0, &none, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
};

static void
test_firsts(void)
{
	struct scram_server	*s;
	struct span		 out;
	enum scram_status	 st;
	size_t			 i;

	for (i = 0; i < nitems(firsts); i++) {
		s = scram_server_new(SCRAM_SHA_256, firsts[i].plus,
		    firsts[i].announced, firsts[i].b);
		st = scram_server_step(s, span_str(firsts[i].in), &out);
		CHECK(st == firsts[i].want &&
		    scram_server_why(s) == firsts[i].why &&
		    span_eqs(out, firsts[i].out), "first \"%s\": %d, %s",
		    firsts[i].in, st, scram_server_error(s));
		scram_server_free(s);
	}
	s = scram_server_new(SCRAM_SHA_1, 0, 0, NULL);
	CHECK(scram_server_step(s, span_of("n,,n=u\0v,r=0123456789", 21),
	    &out) == SCRAM_ERROR, "NUL in a name");
	scram_server_free(s);
	s = scram_server_new(SCRAM_SHA_1, 0, 0, NULL);
	(void)scram_server_step(s, span_str("n,,n=a=2Cb=3Dc" R), &out);
	CHECK(span_eqs(scram_server_name(s), "a,b=c"), "name unescaped");
	scram_server_free(s);
}

/* Messages at and over their bounds. */
static void
test_lengths(void)
{
	static const size_t	 sizes[] = { SCRAM_NONCE_MAX,
	    SCRAM_NONCE_MAX + 1, SCRAM_MSG_MAX, 65536 };
	struct scram_server	*s;
	struct span		 out;
	struct buf		 b = { 0 };
	size_t			 i, k;

	for (i = 0; i < nitems(sizes); i++) {
		buf_reset(&b);
		buf_adds(&b, "n,,n=u,r=");
		for (k = 0; k < sizes[i]; k++)
			buf_addc(&b, 'x');
		s = scram_server_new(SCRAM_SHA_1, 0, 0, NULL);
		CHECK((scram_server_step(s, span_buf(&b), &out) ==
		    SCRAM_LOOKUP) == (sizes[i] <= SCRAM_NONCE_MAX),
		    "nonce of %zu octets", sizes[i]);
		scram_server_free(s);
	}
	buf_free(&b);
}

/* --- final messages -------------------------------------------------------- */
#define N1	"fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j"
#define P1	"p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
static const struct {
	const char		*in;
	enum scram_status	 want;
	enum scram_why		 why;
	const char		*out;
} finals[] = {
	{ "c=biws,r=" N1 "," P1, SCRAM_DONE, SCRAM_WHY_NONE,
	    "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=" },
	{ "c=eSws,r=" N1 "," P1, SCRAM_FAIL, SCRAM_WHY_BINDING,
	    "e=channel-bindings-dont-match" },
	{ "c=biwsYQ==,r=" N1 "," P1, SCRAM_FAIL, SCRAM_WHY_BINDING,
	    "e=channel-bindings-dont-match" },
	{ "c=,r=" N1 "," P1, SCRAM_FAIL, SCRAM_WHY_BINDING,
	    "e=channel-bindings-dont-match" },
	{ "c=biwt,r=" N1 "," P1, SCRAM_FAIL, SCRAM_WHY_BINDING,
	    "e=channel-bindings-dont-match" },
	{ "c=biws,r=" N1 "x," P1, SCRAM_FAIL, SCRAM_WHY_NONCE,
	    "e=invalid-proof" },
	{ "c=biws,r=fyko+d2lbbFgONRv9qkxdawL," P1, SCRAM_FAIL,
	    SCRAM_WHY_NONCE, "e=invalid-proof" },
	{ "c=biws,r=," P1, SCRAM_FAIL, SCRAM_WHY_NONCE, "e=invalid-proof" },
	{ "c=biws,r=" N1 ",p=", SCRAM_FAIL, SCRAM_WHY_PROOF,
	    "e=invalid-proof" },
	{ "c=biws,r=" N1 ",p=w0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", SCRAM_FAIL,
	    SCRAM_WHY_PROOF, "e=invalid-proof" },
	{ "c=biws,r=" N1 ",p=v0X8v3Bz2T0CJGbJQyF0X+HI4Q==", SCRAM_FAIL,
	    SCRAM_WHY_PROOF, "e=invalid-proof" },
	{ "c=biws,r=" N1 ",p=v0X8v3Bz2T0CJGbJQyF0X+HI4TsA", SCRAM_FAIL,
	    SCRAM_WHY_PROOF, "e=invalid-proof" },
	{ "c=biws,r=" N1 ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	    SCRAM_FAIL, SCRAM_WHY_PROOF, "e=invalid-proof" },
	{ "c=biws,r=" N1 ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVRB",
	    SCRAM_FAIL, SCRAM_WHY_PROOF, "e=invalid-proof" },
	{ "c=biws,r=" N1 ",x=1," P1, SCRAM_FAIL, SCRAM_WHY_PROOF,
	    "e=invalid-proof" },		/* it was not signed */
	{ "c=biws,r=" N1 ",m=1," P1, SCRAM_FAIL, SCRAM_WHY_EXTENSION,
	    "e=extensions-not-supported" },
	{ "c=biws,r=" N1 ",p=v0X8v3Bz2T0CJGbJQyF0X+HI4Tt=", SCRAM_ERROR,
	    SCRAM_WHY_SYNTAX, "" },		/* not canonical */
	{ "c=biws,r=" N1 ",p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts", SCRAM_ERROR,
	    SCRAM_WHY_SYNTAX, "" },
	{ "c=biws,r=" N1 ",p=!!!!", SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "c=biws,r=" N1 "," P1 ",x=1", SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "c=biws,r=" N1 "," P1 "," P1, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "c=biws,r=" N1 "," P1 ",", SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "c=biws,r=" N1, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "c=biws," P1, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "r=" N1 ",c=biws," P1, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "C=biws,r=" N1 "," P1, SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "c=biws", SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
	{ "", SCRAM_ERROR, SCRAM_WHY_SYNTAX, "" },
};

static void
test_finals(void)
{
	struct scram_server	*s;
	struct span		 out;
	enum scram_status	 st;
	size_t			 i;

	for (i = 0; i < nitems(finals); i++) {
		s = asked(&vectors[0]);
		st = scram_server_step(s, span_str(finals[i].in), &out);
		CHECK(st == finals[i].want &&
		    scram_server_why(s) == finals[i].why &&
		    span_eqs(out, finals[i].out), "final \"%s\": %d, %s",
		    finals[i].in, st, scram_server_error(s));
		scram_server_free(s);
	}
}

/* --- what a server may say to a client -------------------------------------- */
#define SALT	"s=QSXCR+Q6sek8bf92"
static const struct {
	const char		*in;
	enum scram_status	 want;
	enum scram_why		 why;
} offers[] = {
	{ "r=" N1 "," SALT ",i=4096", SCRAM_WORK, SCRAM_WHY_NONE },
	{ "r=" N1 "," SALT ",i=600000", SCRAM_WORK, SCRAM_WHY_NONE },
	{ "r=" N1 "," SALT ",i=4096,x=1,y=2", SCRAM_WORK, SCRAM_WHY_NONE },
	{ "r=" N1 "," SALT ",i=0", SCRAM_ERROR, SCRAM_WHY_ITERATIONS },
	{ "r=" N1 "," SALT ",i=1", SCRAM_ERROR, SCRAM_WHY_ITERATIONS },
	{ "r=" N1 "," SALT ",i=4095", SCRAM_ERROR, SCRAM_WHY_ITERATIONS },
	{ "r=" N1 "," SALT ",i=600001", SCRAM_ERROR, SCRAM_WHY_ITERATIONS },
	{ "r=" N1 "," SALT ",i=2147483647", SCRAM_ERROR,
	    SCRAM_WHY_ITERATIONS },
	{ "r=" N1 "," SALT ",i=99999999999", SCRAM_ERROR,
	    SCRAM_WHY_ITERATIONS },
	{ "r=" N1 "," SALT ",i=18446744073709555712", SCRAM_ERROR,
	    SCRAM_WHY_ITERATIONS },
	{ "r=" N1 "," SALT ",i=4294971392", SCRAM_ERROR,
	    SCRAM_WHY_ITERATIONS },
	{ "r=" N1 "," SALT ",i=+4096", SCRAM_ERROR, SCRAM_WHY_ITERATIONS },
	{ "r=" N1 "," SALT ",i=-4096", SCRAM_ERROR, SCRAM_WHY_ITERATIONS },
	{ "r=" N1 "," SALT ",i=04096", SCRAM_ERROR, SCRAM_WHY_ITERATIONS },
	{ "r=" N1 "," SALT ",i=4096x", SCRAM_ERROR, SCRAM_WHY_ITERATIONS },
	{ "r=" N1 "," SALT ",i= 4096", SCRAM_ERROR, SCRAM_WHY_ITERATIONS },
	{ "r=" N1 "," SALT ",i=", SCRAM_ERROR, SCRAM_WHY_ITERATIONS },
	{ "r=" N1 ",s=,i=4096", SCRAM_ERROR, SCRAM_WHY_SYNTAX },
	{ "r=" N1 ",s=QUJD,i=4096", SCRAM_ERROR, SCRAM_WHY_SYNTAX },
	/* 7 and 8, 64 and 65 octets */
	{ "r=" N1 ",s="
	    "MDAwMDAwMA=="
	    ",i=4096", SCRAM_ERROR, SCRAM_WHY_SYNTAX },
	{ "r=" N1 ",s="
	    "MDAwMDAwMDA="
	    ",i=4096", SCRAM_WORK, SCRAM_WHY_NONE },
	{ "r=" N1 ",s="
	    "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw"
	    "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMA=="
	    ",i=4096", SCRAM_WORK, SCRAM_WHY_NONE },
	{ "r=" N1 ",s="
	    "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw"
	    "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA="
	    ",i=4096", SCRAM_ERROR, SCRAM_WHY_SYNTAX },
	{ "r=" N1 ",s=!!!!,i=4096", SCRAM_ERROR, SCRAM_WHY_SYNTAX },
	{ "r=" N1 ",s=QSXCR+Q6sek8bf9,i=4096", SCRAM_ERROR,
	    SCRAM_WHY_SYNTAX },
	{ "r=fyko+d2lbbFgONRv9qkxdawL," SALT ",i=4096", SCRAM_ERROR,
	    SCRAM_WHY_NONCE },
	{ "r=fyko+d2lbbFgONRv9qkxdawL1234567," SALT ",i=4096", SCRAM_ERROR,
	    SCRAM_WHY_NONCE },
	{ "r=xyko+d2lbbFgONRv9qkxdawL12345678," SALT ",i=4096", SCRAM_ERROR,
	    SCRAM_WHY_NONCE },
	{ "r=fyko+d2lbbFgONRv9qkxdawL1234 5678," SALT ",i=4096",
	    SCRAM_ERROR, SCRAM_WHY_NONCE },
	{ "m=x,r=" N1 "," SALT ",i=4096", SCRAM_ERROR, SCRAM_WHY_SYNTAX },
	{ "r=" N1 "," SALT ",i=4096,m=x", SCRAM_ERROR, SCRAM_WHY_SYNTAX },
	{ "r=" N1 "," SALT ",i=4096,p=x", SCRAM_ERROR, SCRAM_WHY_SYNTAX },
	{ "r=" N1 "," SALT, SCRAM_ERROR, SCRAM_WHY_SYNTAX },
	{ "r=" N1 ",i=4096," SALT, SCRAM_ERROR, SCRAM_WHY_SYNTAX },
	{ "e=other-error", SCRAM_FAIL, SCRAM_WHY_SERVER },
	{ "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", SCRAM_ERROR, SCRAM_WHY_SYNTAX },
	{ "", SCRAM_ERROR, SCRAM_WHY_SYNTAX },
}, verdicts[] = {
	{ "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", SCRAM_DONE, SCRAM_WHY_NONE },
	{ "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=,x=1", SCRAM_DONE,
	    SCRAM_WHY_NONE },
	{ "v=smF9pqV8S7suAoZWja4dJRkFsKQ=", SCRAM_FAIL,
	    SCRAM_WHY_SIGNATURE },
	{ "v=rmF9pqV8S7suAoZWja4dJRkFsA==", SCRAM_FAIL,
	    SCRAM_WHY_SIGNATURE },
	{ "v=", SCRAM_FAIL, SCRAM_WHY_SIGNATURE },
	{ "v=%", SCRAM_FAIL, SCRAM_WHY_SIGNATURE },
	{ "e=invalid-proof", SCRAM_FAIL, SCRAM_WHY_SERVER },
	{ "e=", SCRAM_FAIL, SCRAM_WHY_SERVER },
	{ "e=\x1b[2J", SCRAM_FAIL, SCRAM_WHY_SERVER },
	{ "x=1", SCRAM_ERROR, SCRAM_WHY_SYNTAX },
	{ "", SCRAM_ERROR, SCRAM_WHY_SYNTAX },
};

static void
test_client(void)
{
	struct scram_client	*c;
	struct span		 out;
	enum scram_status	 st;
	size_t			 i;

	for (i = 0; i < nitems(offers); i++) {
		c = begun(&vectors[0]);
		st = scram_client_step(c, span_str(offers[i].in), &out);
		CHECK(st == offers[i].want && out.n == 0 &&
		    scram_client_why(c) == offers[i].why,
		    "client, \"%s\": %d, %s", offers[i].in, st,
		    scram_client_error(c));
		scram_client_free(c);
	}
	for (i = 0; i < nitems(verdicts); i++) {
		c = begun(&vectors[0]);
		(void)scram_client_step(c, span_str(vectors[0].msg[1]), &out);
		scram_client_work(c);
		(void)scram_client_step(c, span_str(""), &out);
		st = scram_client_step(c, span_str(verdicts[i].in), &out);
		CHECK(st == verdicts[i].want && out.n == 0 &&
		    scram_client_why(c) == verdicts[i].why,
		    "client, end %zu: %d, %s", i, st, scram_client_error(c));
		CHECK(strchr(scram_client_error(c), 0x1b) == NULL,
		    "nothing that a terminal obeys");
		scram_client_free(c);
	}
}

/* --- whole exchanges -------------------------------------------------------- */
static const struct {
	const char			*user, *authzid, *right, *typed;
	enum scram_hash			 hash;
	int				 plus, missed;
	const struct scram_bindings	*cb, *sb;	/* client's, server's */
	int				 announced, ok;
} wholes[] = {
	{ "bob@x", "", "secret pw", "secret pw", SCRAM_SHA_1, 0, 0, NULL,
	    NULL, 0, 1 },
	{ "bob@x", "", "secret pw", "secret pW", SCRAM_SHA_1, 0, 0, NULL,
	    NULL, 0, 0 },
	{ "bob@x", "bob@x", "secret pw", "secret pw", SCRAM_SHA_256, 0, 0,
	    NULL, NULL, 0, 1 },
	{ "bob@x", "al@x", "secret pw", "secret pw", SCRAM_SHA_256, 0, 0,
	    NULL, NULL, 0, 0 },
	{ "a,b=c@x", "a,b=c@x", "secret pw", "secret pw", SCRAM_SHA_256, 0,
	    0, NULL, NULL, 0, 1 },
	/* decomposed name, exotic spaces: the client maps */
	{ "e\xcc\x81@x", "", "a \xc3\x85 b", "a\xc2\xa0" "A\xcc\x8a\xe2\x80\x8a"
	    "b", SCRAM_SHA_256, 0, 0, NULL, NULL, 0, 1 },
	{ "bob@x", "", "tab\tbed", "tab\tbed", SCRAM_SHA_256, 0, 0, NULL,
	    NULL, 0, 1 },
	{ "bob@x", "", "secret pw", "", SCRAM_SHA_256, 0, 0, NULL, NULL, 0,
	    0 },
	{ "bob@x", "", "secret pw", "secret pw", SCRAM_SHA_256, 1, 0, &tls13,
	    &tls13, 1, 1 },
	{ "bob@x", "", "secret pw", "secret pw", SCRAM_SHA_1, 1, 0, &tls12,
	    &tls12, 1, 1 },
	{ "bob@x", "", "secret pw", "secret pw", SCRAM_SHA_1, 1, 0, &tls12,
	    &tls13, 1, 0 },
	{ "bob@x", "", "secret pw", "secret pw", SCRAM_SHA_256, 1, 0, &tls13,
	    NULL, 0, 0 },
	{ "bob@x", "", "secret pw", "secret pw", SCRAM_SHA_256, 0, 1, NULL,
	    &tls13, 1, 0 },
	{ "bob@x", "", "secret pw", "secret pw", SCRAM_SHA_256, 0, 1, NULL,
	    NULL, 0, 1 },
};

/* One exchange from end to end: 1 both sides are content, 0 neither is. */
static int
whole(struct scram_client *c, struct scram_server *s,
    const struct scram_secret *secret)
{
	enum scram_status	 cs, ss = SCRAM_ERROR;
	struct span		 cout, sout = span_str("");

	for (;;) {
		cs = scram_client_step(c, sout, &cout);
		sout = span_str("");
		if (cs == SCRAM_WORK) {
			scram_client_work(c);
			continue;
		}
		if (cs != SCRAM_MORE)
			break;
		ss = scram_server_step(s, cout, &sout);
		if (ss == SCRAM_LOOKUP) {
			if (scram_server_set_secret(s, secret) == -1)
				return (-1);
			ss = scram_server_step(s, span_str(""), &sout);
		}
		if (ss == SCRAM_ERROR)
			break;
	}
	return (cs == SCRAM_DONE && ss == SCRAM_DONE ? 1 :
	    cs != SCRAM_DONE && ss != SCRAM_DONE ? 0 : -1);
}

static void
test_wholes(void)
{
	struct scram_client	*c;
	struct scram_server	*s;
	struct scram_secret	 secret;
	size_t			 i;
	int			 rc;

	for (i = 0; i < nitems(wholes); i++) {
		scram_secret_new(&secret, wholes[i].hash,
		    span_str(wholes[i].right), 4096);
		c = scram_client_new(wholes[i].hash, span_str(wholes[i].user),
		    span_str(wholes[i].authzid), span_str(wholes[i].typed),
		    wholes[i].plus, wholes[i].missed, wholes[i].cb);
		s = scram_server_new(wholes[i].hash, wholes[i].plus,
		    wholes[i].announced, wholes[i].sb);
		rc = whole(c, s, &secret);
		CHECK(rc == wholes[i].ok, "exchange %zu: %s; %s", i,
		    scram_server_error(s), scram_client_error(c));
		CHECK((scram_server_binding(s) != NULL) ==
		    (rc == 1 && wholes[i].plus), "exchange %zu: binding", i);
		scram_client_free(c);
		scram_server_free(s);
	}
}

/* The same type of binding, but another connection. */
static void
test_other_connection(void)
{
	static const struct scram_bindings	 other = { { S("exporter-data-"
	    "of-that-one-0123"), S(""), S("") } };
	struct scram_client	*c;
	struct scram_server	*s;
	struct scram_secret	 secret;

	scram_secret_new(&secret, SCRAM_SHA_256, span_str("secret pw"), 4096);
	c = scram_client_new(SCRAM_SHA_256, span_str("bob"), span_str(""),
	    span_str("secret pw"), 1, 0, &tls13);
	s = scram_server_new(SCRAM_SHA_256, 1, 1, &other);
	CHECK(whole(c, s, &secret) == 0 &&
	    scram_server_why(s) == SCRAM_WHY_BINDING &&
	    scram_client_why(c) == SCRAM_WHY_SERVER, "relayed: %s",
	    scram_server_error(s));
	scram_client_free(c);
	scram_server_free(s);
	c = scram_client_new(SCRAM_SHA_256, span_str("bob"), span_str(""),
	    span_str("secret pw"), 1, 0, &none);
	CHECK(c == NULL && errno == EINVAL, "plus without a binding");
	c = scram_client_new(SCRAM_SHA_256, span_str("bob"), span_str(""),
	    span_str("secret pw"), 1, 1, &tls13);
	CHECK(c == NULL && errno == EINVAL, "plus and missed");
	c = scram_client_new(SCRAM_SHA_256, span_str(""), span_str(""),
	    span_str("secret pw"), 0, 0, NULL);
	CHECK(c == NULL && errno == EINVAL, "no name");
}

static void
test_unknown(void)
{
	struct scram_secret	 a, b;
	struct scram_client	*c;
	struct scram_server	*s;
	struct span		 key = span_str("of this installation");

	scram_secret_invent(&a, SCRAM_SHA_256, key, span_str("eve@x"), 4096);
	scram_secret_invent(&b, SCRAM_SHA_256, key, span_str("eve@x"), 4096);
	CHECK(a.saltlen == SCRAM_SALT_NEW && b.saltlen == SCRAM_SALT_NEW &&
	    memcmp(a.salt, b.salt, a.saltlen) == 0 && a.invented &&
	    a.iterations == 4096, "invented salt is stable");
	scram_secret_invent(&b, SCRAM_SHA_256, key, span_str("eva@x"), 4096);
	CHECK(memcmp(a.salt, b.salt, a.saltlen) != 0, "another name");
	scram_secret_invent(&b, SCRAM_SHA_1, key, span_str("eve@x"), 4096);
	CHECK(memcmp(a.salt, b.salt, a.saltlen) != 0, "another hash");
	scram_secret_invent(&b, SCRAM_SHA_256, span_str("x"),
	    span_str("eve@x"), 4096);
	CHECK(memcmp(a.salt, b.salt, a.saltlen) != 0, "another installation");

	/* even the password that fits does not get in */
	scram_secret_new(&a, SCRAM_SHA_256, span_str("secret pw"), 4096);
	a.invented = 1;
	CHECK(scram_verify(&a, span_str("secret pw")) == 0, "PLAIN");
	c = scram_client_new(SCRAM_SHA_256, span_str("eve@x"), span_str(""),
	    span_str("secret pw"), 0, 0, NULL);
	s = scram_server_new(SCRAM_SHA_256, 0, 0, NULL);
	CHECK(whole(c, s, &a) == 0 && scram_server_why(s) ==
	    SCRAM_WHY_UNKNOWN && strcmp(scram_client_error(c),
	    "server refused: invalid-proof") == 0, "fails at the proof: %s",
	    scram_client_error(c));
	scram_client_free(c);
	scram_server_free(s);
}

static void
test_secrets(void)
{
	struct scram_secret	 a, b;
	struct scram_server	*s;
	struct span		 out;
	uint8_t			 salt[SCRAM_SALT_MAX + 1] = { 0 };

	scram_secret_new(&a, SCRAM_SHA_256, span_str("pw"), 4096);
	scram_secret_new(&b, SCRAM_SHA_256, span_str("pw"), 4096);
	CHECK(a.saltlen == SCRAM_SALT_NEW && memcmp(a.salt, b.salt,
	    a.saltlen) != 0 && memcmp(a.stored_key, b.stored_key, 32) != 0,
	    "fresh salts");
	CHECK(scram_derive(&a, SCRAM_SHA_1, span_str("pw"), span_str(""),
	    4096) == -1 && errno == EINVAL, "no salt");
	CHECK(scram_derive(&a, SCRAM_SHA_1, span_str("pw"),
	    span_of(salt, sizeof(salt)), 4096) == -1 && errno == EINVAL,
	    "salt too long");
	CHECK(scram_derive(&a, SCRAM_SHA_1, span_str("pw"),
	    span_of(salt, 16), 0) == -1 && errno == EINVAL, "no iterations");

	s = scram_server_new(SCRAM_SHA_1, 0, 0, NULL);
	scram_derive(&a, SCRAM_SHA_1, span_str("pw"), span_of(salt, 16), 4096);
	CHECK(scram_server_set_secret(s, &a) == -1, "secret too early");
	(void)scram_server_step(s, span_str("n,,n=u" R), &out);
	CHECK(scram_server_set_secret(s, &b) == -1, "secret of another hash");
	CHECK(scram_server_set_secret(s, &a) == 0, "secret");
	CHECK(scram_server_step(s, span_str("x"), &out) == SCRAM_ERROR,
	    "out of order");
	scram_server_free(s);
	s = scram_server_new(SCRAM_SHA_1, 0, 0, NULL);
	(void)scram_server_step(s, span_str("n,,n=u" R), &out);
	CHECK(scram_server_step(s, span_str(""), &out) == SCRAM_ERROR,
	    "step without a secret");
	scram_server_free(s);
	scram_server_free(NULL);
	scram_client_free(NULL);
}

int
main(void)
{
	test_vectors();
	test_firsts();
	test_lengths();
	test_finals();
	test_client();
	test_wholes();
	test_other_connection();
	test_unknown();
	test_secrets();
	return (test_done());
}
