/*
 * SASL, both sides: hardcases F2 to F10 and F20, behaviour 0.7, 0.8, 2, 5 and
 * A.4.  An exchange is written down as what the server says, step by step.
 */
#include <errno.h>

#include "precis.h"
#include "sasl.h"
#include "test.h"

#define S(s)		{ (const uint8_t *)(s), sizeof(s) - 1 }
#define N		"fyko+d2lbbFgONRv9qkxdawL"
#define NN		N "3rfcNHYJY1ZVvWVs7j"
#define CHAL		"<1896.697170952@postoffice.reston.mci.net>"

/* Who is known here.  \xc3\xa9 is e with acute. */
static const struct {
	const char	*name, *password;
} users[] = {
	{ "bob@x", "secret pw" },
	{ "user", "pencil" },
	{ "tim", "tanstaaftanstaaf" },
	{ "tim tom", "tanstaaftanstaaf" },
	{ "\xc3\xa9@x", "a \xc3\x85 b" },
};

static const char *
password_of(struct span name)
{
	size_t	 i;

	for (i = 0; i < nitems(users); i++)
		if (span_eqs(name, users[i].name))
			return (users[i].password);
	return (NULL);
}

/* Answer LOOKUP or VERIFY as auth would. */
static void
answer(struct sasl_server *s, enum sasl_step st)
{
	const char		*pw = password_of(sasl_server_name(s));
	struct sasl_cram_secret	 cram;
	struct scram_secret	 scram;
	struct buf		 salt = { 0 };

	if (st == SASL_STEP_VERIFY) {
		sasl_server_set_verdict(s, pw != NULL &&
		    span_eqs(sasl_server_password(s), pw), pw != NULL);
	} else if (sasl_server_wants(s) == SASL_WANT_CRAM) {
		if (pw == NULL)
			sasl_cram_invent(&cram);
		else
			sasl_cram_derive(&cram, span_str(pw));
		sasl_server_set_cram(s, &cram);
	} else {
		buf_add_unbase64(&salt, span_str("QSXCR+Q6sek8bf92"));
		if (pw == NULL)
			scram_secret_invent(&scram, sasl_server_hash(s),
			    span_str("key"), sasl_server_name(s), 4096);
		else
			scram_derive(&scram, sasl_server_hash(s),
			    span_str(pw), span_buf(&salt), 4096);
		sasl_server_set_scram(s, &scram);
		buf_free(&salt);
	}
}

/*
 * What the client says, a line an item: "-" nothing at all (first only), "*"
 * gives up, ~ is NUL.  want: what the server says, and whom it lets in; /why.
 */
#define ANY		{ SASL_ALL, 1, 0, 0, { { S(""), S(""), S("") } }, S("") }
static const struct sasl_facts	 any = ANY;
static const struct sasl_facts	 bound = { SASL_ALL, 1, 0, 0, { {
    S("exporter"), S(""), S("") } }, S("bob@x") };

static const struct exchange {
	enum sasl_mech			 mech;	/* SASL_MECHS: the command */
	const struct sasl_facts		*facts;
	const char			*in[4];
	const char			*want;
} exchanges[] = {
	{ SASL_MECH_PLAIN, &any, { "~bob@x~secret pw" },
	    "verify done bob@x/ok" },
	{ SASL_MECH_PLAIN, &any, { "-", "~bob@x~secret pw" },
	    "more() verify done bob@x/ok" },
	{ SASL_MECH_PLAIN, &any, { "bob@x~bob@x~secret pw" },
	    "verify done bob@x/ok" },
	{ SASL_MECH_PLAIN, &any, { "e\xcc\x81@x~\xc3\xa9@x~a\xc2\xa0"
	    "\xe2\x84\xab\xe3\x80\x80" "b" },
	    "verify done \xc3\xa9@x/ok" },
	{ SASL_MECH_PLAIN, &any, { "admin~bob@x~secret pw" },
	    "fail/badcreds" },
	{ SASL_MECH_PLAIN, &any, { "BOB@x~bob@x~secret pw" },
	    "fail/badcreds" },
	{ SASL_MECH_PLAIN, &any, { "~bob@x~secret pW" },
	    "verify fail/badpassword" },
	{ SASL_MECH_PLAIN, &any, { "~bob@x~secret pw " },
	    "verify fail/badpassword" },
	{ SASL_MECH_PLAIN, &any, { "~bob@x~" }, "verify fail/badpassword" },
	{ SASL_MECH_PLAIN, &any, { "~bob@x~secret\tpw" },
	    "verify fail/badpassword" },
	{ SASL_MECH_PLAIN, &any, { "~eve@x~secret pw" },
	    "verify fail/baduser" },
	{ SASL_MECH_PLAIN, &any, { "~eve@x~" }, "verify fail/baduser" },
	{ SASL_MECH_PLAIN, &any, { "~~pass" }, "fail/baduser" },
	{ SASL_MECH_PLAIN, &any, { "~b\xe9" "b~pass" }, "fail/baduser" },
	{ SASL_MECH_PLAIN, &any, { "~b\tb~pass" }, "fail/baduser" },
	{ SASL_MECH_PLAIN, &any, { "user~pass" }, "malformed/badprotocol" },
	{ SASL_MECH_PLAIN, &any, { "~user~pa~ss" },
	    "malformed/badprotocol" },
	{ SASL_MECH_PLAIN, &any, { "~bob@x~secret pw~" },
	    "malformed/badprotocol" },
	{ SASL_MECH_PLAIN, &any, { "" }, "malformed/badprotocol" },
	{ SASL_MECH_PLAIN, &any, { "-", "*" }, "more() aborted/aborted" },
	{ SASL_MECH_PLAIN, &any, { "-", "" },
	    "more() malformed/badprotocol" },

	{ SASL_MECH_LOGIN, &any, { "-", "bob@x", "secret pw" },
	    "more(Username:) more(Password:) verify done bob@x/ok" },
	{ SASL_MECH_LOGIN, &any, { "bob@x", "secret pw" },
	    "more(Password:) verify done bob@x/ok" },
	{ SASL_MECH_LOGIN, &any, { "e\xcc\x81@x", "a A\xcc\x8a b" },
	    "more(Password:) verify done \xc3\xa9@x/ok" },
	{ SASL_MECH_LOGIN, &any, { "bob@x", "wrong" },
	    "more(Password:) verify fail/badpassword" },
	{ SASL_MECH_LOGIN, &any, { "bob@x", "" },
	    "more(Password:) verify fail/badpassword" },
	{ SASL_MECH_LOGIN, &any, { "eve@x", "wrong" },
	    "more(Password:) verify fail/baduser" },
	{ SASL_MECH_LOGIN, &any, { "-", "", "x" },
	    "more(Username:) more(Password:) fail/baduser" },
	{ SASL_MECH_LOGIN, &any, { "-", "*" },
	    "more(Username:) aborted/aborted" },
	{ SASL_MECH_LOGIN, &any, { "-", "bob@x", "*" },
	    "more(Username:) more(Password:) aborted/aborted" },

	{ SASL_MECHS, &any, { "bob@x~secret pw" }, "verify done bob@x/ok" },
	{ SASL_MECHS, &any, { "bob@x~wrong" }, "verify fail/badpassword" },
	{ SASL_MECHS, &any, { "eve@x~wrong" }, "verify fail/baduser" },
	{ SASL_MECHS, &any, { "~x" }, "fail/baduser" },
	{ SASL_MECHS, &any, { "bob@x" }, "malformed/badprotocol" },
	{ SASL_MECHS, &any, { "a~b~c" }, "malformed/badprotocol" },
	{ SASL_MECHS, &any, { "-" }, "malformed/badprotocol" },

	{ SASL_MECH_SCRAM_SHA_1, &any, { "n,,n=user,r=" N, "c=biws,r=" NN
	    ",p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "" },
	    "lookup more(r=" NN ",s=QSXCR+Q6sek8bf92,i=4096) "
	    "more(v=rmF9pqV8S7suAoZWja4dJRkFsKQ=) done user/ok" },
	{ SASL_MECH_SCRAM_SHA_1, &any, { "-", "n,,n=user,r=" N, "*" },
	    "more() lookup more(r=" NN ",s=QSXCR+Q6sek8bf92,i=4096) "
	    "aborted/aborted" },
	{ SASL_MECH_SCRAM_SHA_1, &any, { "n,,n=user,r=" N, "c=biws,r=" NN
	    ",p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "x" },
	    "lookup more(r=" NN ",s=QSXCR+Q6sek8bf92,i=4096) "
	    "more(v=rmF9pqV8S7suAoZWja4dJRkFsKQ=) malformed/badprotocol" },
	{ SASL_MECH_SCRAM_SHA_1, &any, { "n,,n=user,r=" N, "c=biws,r=" NN
	    ",p=w0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "" },
	    "lookup more(r=" NN ",s=QSXCR+Q6sek8bf92,i=4096) "
	    "more(e=invalid-proof) fail/badpassword" },
	{ SASL_MECH_SCRAM_SHA_1, &any, { "n,,n=user,r=" N, "c=biws,r=" NN
	    ",p=w0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "*" },
	    "lookup more(r=" NN ",s=QSXCR+Q6sek8bf92,i=4096) "
	    "more(e=invalid-proof) fail/badpassword" },
	{ SASL_MECH_SCRAM_SHA_1, &any, { "n,,n=user,r=" N, "nonsense" },
	    "lookup more(r=" NN ",s=QSXCR+Q6sek8bf92,i=4096) "
	    "malformed/badprotocol" },
	{ SASL_MECH_SCRAM_SHA_1, &any, { "n,a=bob,n=user,r=" N, "*" },
	    "more(e=other-error) fail/badcreds" },
	{ SASL_MECH_SCRAM_SHA_1, &any, { "y,,n=user,r=" N, "*" },
	    "lookup more(r=" NN ",s=QSXCR+Q6sek8bf92,i=4096) "
	    "aborted/aborted" },
	{ SASL_MECH_SCRAM_SHA_1, &bound, { "y,,n=user,r=" N, "*" },
	    "more(e=server-does-support-channel-binding) "
	    "fail/badchanbind" },
	{ SASL_MECH_SCRAM_SHA_256_PLUS, &bound, { "n,,n=user,r=" N, "" },
	    "more(e=channel-bindings-dont-match) fail/badchanbind" },
	{ SASL_MECH_SCRAM_SHA_256, &any, { "" }, "malformed/badprotocol" },

	{ SASL_MECH_CRAM_MD5, &any, { "-",
	    "tim b913a602c7eda7a495b4e6e7334d3890" },
	    "more(" CHAL ") lookup done tim/ok" },
	{ SASL_MECH_CRAM_MD5, &any, { "-",
	    "tim tom b913a602c7eda7a495b4e6e7334d3890" },
	    "more(" CHAL ") lookup done tim tom/ok" },
	{ SASL_MECH_CRAM_MD5, &any, { "-",
	    "tim  b913a602c7eda7a495b4e6e7334d3890" },
	    "more(" CHAL ") lookup fail/baduser" },
	{ SASL_MECH_CRAM_MD5, &any, { "-",
	    "tim b913a602c7eda7a495b4e6e7334d3891" },
	    "more(" CHAL ") lookup fail/badpassword" },
	{ SASL_MECH_CRAM_MD5, &any, { "-",
	    "eve b913a602c7eda7a495b4e6e7334d3890" },
	    "more(" CHAL ") lookup fail/baduser" },
	{ SASL_MECH_CRAM_MD5, &any, { "-",
	    "tim b913a602c7eda7a495b4e6e7334d389" },
	    "more(" CHAL ") malformed/badprotocol" },
	{ SASL_MECH_CRAM_MD5, &any, { "-",
	    "tim b913a602c7eda7a495b4e6e7334d38901" },
	    "more(" CHAL ") malformed/badprotocol" },
	{ SASL_MECH_CRAM_MD5, &any, { "-",
	    "tim b913a602c7eda7a495b4e6e7334d389g" },
	    "more(" CHAL ") malformed/badprotocol" },
	{ SASL_MECH_CRAM_MD5, &any, { "-",
	    "tim B913A602C7EDA7A495B4E6E7334D3890" },
	    "more(" CHAL ") malformed/badprotocol" },
	{ SASL_MECH_CRAM_MD5, &any, { "-",
	    " b913a602c7eda7a495b4e6e7334d3890" },
	    "more(" CHAL ") fail/baduser" },
	{ SASL_MECH_CRAM_MD5, &any, { "-",
	    "b913a602c7eda7a495b4e6e7334d3890" },
	    "more(" CHAL ") malformed/badprotocol" },
	{ SASL_MECH_CRAM_MD5, &any, { "-", "tim" },
	    "more(" CHAL ") malformed/badprotocol" },
	{ SASL_MECH_CRAM_MD5, &any, { "-", "" },
	    "more(" CHAL ") malformed/badprotocol" },
	{ SASL_MECH_CRAM_MD5, &any, { "tim b913a602c7eda7a495b4e6e7334d3890" },
	    "malformed/badprotocol" },
	{ SASL_MECH_CRAM_MD5, &any, { "-", "*" },
	    "more(" CHAL ") aborted/aborted" },

	{ SASL_MECH_EXTERNAL, &bound, { "" }, "done bob@x/ok" },
	{ SASL_MECH_EXTERNAL, &bound, { "-", "" }, "more() done bob@x/ok" },
	{ SASL_MECH_EXTERNAL, &bound, { "e\xcc\x81@x" },
	    "done \xc3\xa9@x/ok" },
	{ SASL_MECH_EXTERNAL, &bound, { "b~b" }, "fail/baduser" },
	{ SASL_MECH_EXTERNAL, &any, { "" }, "fail/baduser" },
	{ SASL_MECH_EXTERNAL, &any, { "bob@x" }, "fail/baduser" },
};

/* Run it and write down what the server says. */
static void
trace(struct buf *b, const struct exchange *x)
{
	static uint8_t		 room[256];
	struct sasl_server	*s;
	struct span		 in, out = span_str("");
	enum sasl_step		 st = SASL_STEP_MORE;
	size_t			 i, k;

	s = x->mech == SASL_MECHS ? sasl_server_new_command() :
	    sasl_server_new(x->mech, x->facts);
	if (x->mech != SASL_MECHS)
		(void)sasl_server_set_nonce(s, x->mech == SASL_MECH_CRAM_MD5 ?
		    CHAL : "3rfcNHYJY1ZVvWVs7j");
	for (i = 0; i < nitems(x->in) && x->in[i] != NULL; i++) {
		in = span_of(room, strlen(x->in[i]));
		for (k = 0; k < in.n; k++)
			room[k] = x->in[i][k] == '~' ? 0 : x->in[i][k];
		if (strcmp(x->in[i], "*") == 0)
			st = sasl_server_abort(s);
		else
			st = sasl_server_step(s, strcmp(x->in[i], "-") == 0 ?
			    NULL : &in, &out);
		while (st == SASL_STEP_LOOKUP || st == SASL_STEP_VERIFY) {
			buf_addf(b, "%s ", sasl_step_names[st]);
			answer(s, st);
			st = sasl_server_step(s, NULL, &out);
		}
		buf_adds(b, sasl_step_names[st]);
		if (st == SASL_STEP_MORE)
			buf_addf(b, "(%.*s) ", (int)out.n,
			    (const char *)out.p);
	}
	if (st == SASL_STEP_DONE)
		buf_addf(b, " %.*s", (int)sasl_server_name(s).n,
		    (const char *)sasl_server_name(s).p);
	buf_addf(b, "/%s", sasl_why_names[sasl_server_why(s)]);
	CHECK(sasl_server_password(s).n == 0 && sasl_server_step(s, NULL,
	    &out) >= SASL_STEP_FAIL, "over");
	sasl_server_free(s);
}

static void
test_exchanges(void)
{
	struct buf	 b = { 0 };
	size_t		 i;

	for (i = 0; i < nitems(exchanges); i++) {
		buf_reset(&b);
		trace(&b, &exchanges[i]);
		CHECK(span_eqs(span_buf(&b), exchanges[i].want),
		    "%zu, %s: %s", i, exchanges[i].want, buf_cstr(&b));
	}
	buf_free(&b);
}

/* Order and bounds. */
static void
test_order(void)
{
	static uint8_t		 big[SASL_DATA_MAX + 1];
	struct sasl_server	*s;
	struct scram_secret	 secret;
	struct span		 in = span_of("\0bob@x\0secret pw", 16), out;

	s = sasl_server_new(SASL_MECH_PLAIN, &any);
	CHECK(sasl_server_set_verdict(s, 1, 1) == -1 && errno == EINVAL,
	    "verdict before the password");
	CHECK(sasl_server_step(s, &in, &out) == SASL_STEP_VERIFY &&
	    span_eqs(sasl_server_password(s), "secret pw"), "verify");
	scram_secret_new(&secret, SCRAM_SHA_256, span_str("x"), 4096);
	CHECK(sasl_server_set_scram(s, &secret) == -1, "no secret is wanted");
	CHECK(sasl_server_step(s, NULL, &out) == SASL_STEP_MALFORMED &&
	    sasl_server_why(s) == SASL_WHY_PROTOCOL, "step without verdict");
	sasl_server_free(s);

	s = sasl_server_new(SASL_MECH_PLAIN, &any);
	(void)sasl_server_step(s, &in, &out);
	(void)sasl_server_set_verdict(s, 1, 1);
	CHECK(sasl_server_step(s, &in, &out) == SASL_STEP_MALFORMED,
	    "client speaks while it is verified");
	sasl_server_free(s);

	s = sasl_server_new(SASL_MECH_PLAIN, &any);
	(void)sasl_server_step(s, &in, &out);
	(void)sasl_server_set_verdict(s, 1, 0);
	CHECK(sasl_server_step(s, NULL, &out) == SASL_STEP_FAIL,
	    "right, but unknown");
	sasl_server_free(s);

	memset(big, 'x', sizeof(big));
	memcpy(big, "\0b\0", 3);
	in = span_of(big, sizeof(big));
	s = sasl_server_new(SASL_MECH_PLAIN, &any);
	CHECK(sasl_server_step(s, &in, &out) == SASL_STEP_MALFORMED,
	    "over SASL_DATA_MAX");
	sasl_server_free(s);
	in.n--;
	s = sasl_server_new(SASL_MECH_PLAIN, &any);
	CHECK(sasl_server_step(s, &in, &out) == SASL_STEP_VERIFY,
	    "huge password");
	(void)sasl_server_set_verdict(s, 1, 1);
	CHECK(sasl_server_step(s, NULL, &out) == SASL_STEP_FAIL,
	    "fails whatever the verdict");
	sasl_server_free(s);
	CHECK(sasl_server_new(SASL_MECHS, &any) == NULL, "no mechanism");
	sasl_server_free(NULL);
}

/* --- what is offered ------------------------------------------------------- */
#define B(m)	SASL_BIT(SASL_MECH_##m)
#define SCRAMS	(B(SCRAM_SHA_256) | B(SCRAM_SHA_1))
#define PLUSES	(B(SCRAM_SHA_256_PLUS) | B(SCRAM_SHA_1_PLUS))
static const struct {
	struct sasl_facts	 f;
	uint32_t		 want;
} offers[] = {
	{ ANY, SCRAMS | B(CRAM_MD5) | B(PLAIN) | B(LOGIN) },
	{ { SASL_ALL, 1, 1, 0, { { S("x"), S(""), S("") } }, S("bob") },
	    SASL_ALL },
	{ { SASL_ALL, 1, 1, 0, { { S(""), S(""), S("x") } }, S("") },
	    SASL_ALL & ~B(EXTERNAL) },
	{ { SASL_ALL, 0, 1, 0, { { S(""), S(""), S("") } }, S("") }, 0 },
	{ { SASL_ALL, 0, 1, 1, { { S(""), S(""), S("") } }, S("") }, 0 },
	{ { SASL_ALL, 0, 0, 0, { { S(""), S(""), S("") } }, S("") },
	    SCRAMS | B(CRAM_MD5) },
	{ { SASL_ALL, 0, 0, 1, { { S(""), S(""), S("") } }, S("") },
	    SCRAMS | B(CRAM_MD5) | B(PLAIN) | B(LOGIN) },
	{ { B(PLAIN), 1, 0, 0, { { S("x"), S(""), S("") } }, S("") },
	    B(PLAIN) },
	{ { 0, 1, 0, 0, { { S("x"), S(""), S("") } }, S("") }, 0 },
};

static const struct {
	struct sasl_facts	 f;
	enum sasl_mech		 m;
	enum sasl_refusal	 want;
} refusals[] = {
	{ ANY, SASL_MECHS, SASL_NOT_KNOWN },
	{ { B(PLAIN), 1, 0, 0, { { S(""), S(""), S("") } }, S("") },
	    SASL_MECH_LOGIN, SASL_NOT_KNOWN },
	{ { SASL_ALL, 0, 0, 0, { { S(""), S(""), S("") } }, S("") },
	    SASL_MECH_PLAIN, SASL_AFTER_TLS },
	{ { SASL_ALL, 0, 0, 1, { { S(""), S(""), S("") } }, S("") },
	    SASL_MECH_PLAIN, SASL_MAY },
	{ { SASL_ALL, 0, 1, 1, { { S(""), S(""), S("") } }, S("") },
	    SASL_MECH_SCRAM_SHA_256, SASL_AFTER_TLS },
	{ { SASL_ALL, 0, 0, 1, { { S(""), S(""), S("") } }, S("") },
	    SASL_MECH_SCRAM_SHA_256_PLUS, SASL_AFTER_TLS },
	{ { SASL_ALL, 0, 0, 1, { { S(""), S(""), S("") } }, S("") },
	    SASL_MECH_EXTERNAL, SASL_AFTER_TLS },
	{ ANY, SASL_MECH_SCRAM_SHA_1_PLUS, SASL_NO_BINDING },
	{ ANY, SASL_MECH_EXTERNAL, SASL_NO_KEY },
};

static void
test_offers(void)
{
	uint32_t	 bits;
	size_t		 i;

	for (i = 0; i < nitems(offers); i++) {
		bits = sasl_offer(&offers[i].f);
		CHECK(bits == offers[i].want, "offer %zu: %02x", i, bits);
	}
	for (i = 0; i < nitems(refusals); i++)
		CHECK(sasl_refuse(&refusals[i].f, refusals[i].m) ==
		    refusals[i].want, "refusal %zu", i);
	for (i = 0; i < SASL_MECHS; i++)
		CHECK(sasl_mech_by_name(span_str(sasl_mech_names[i])) ==
		    (enum sasl_mech)i, "%s", sasl_mech_names[i]);
	CHECK(sasl_mech_by_name(span_str("scram-sha-256")) ==
	    SASL_MECH_SCRAM_SHA_256, "case");
	CHECK(sasl_mech_by_name(span_str("")) == SASL_MECHS &&
	    sasl_mech_by_name(span_str("PLAINX")) == SASL_MECHS &&
	    sasl_mech_by_name(span_str("PLAI")) == SASL_MECHS, "unknown");
	CHECK(sasl_mechs_parse(span_str("PLAIN  login XOAUTH2 CRAM-MD5")) ==
	    (B(PLAIN) | B(LOGIN) | B(CRAM_MD5)) &&
	    sasl_mechs_parse(span_str("")) == 0, "list");
}

/* --- what a client chooses, A.4 -------------------------------------------- */
static const enum sasl_mech	 only256[] = { SASL_MECH_SCRAM_SHA_256 };
static const enum sasl_mech	 only_plain[] = { SASL_MECH_PLAIN };
static const enum sasl_mech	 no_plain[] = { SASL_MECH_SCRAM_SHA_256_PLUS,
    SASL_MECH_SCRAM_SHA_256, SASL_MECH_SCRAM_SHA_1_PLUS,
    SASL_MECH_SCRAM_SHA_1, SASL_MECH_CRAM_MD5 };
static const enum sasl_mech	 plain_cram[] = { SASL_MECH_PLAIN,
    SASL_MECH_CRAM_MD5 };

#define LOGIN_AS(tls, trusted, cleartext, key, cb) { S("bob"), S(""),	\
    S("pw"), tls, trusted, cleartext, key, { { S(cb), S(""), S("") } } }
static const struct {
	struct sasl_login	 l;
	const char		*announced;
	const enum sasl_mech	*order;
	size_t			 n;
	enum sasl_mech		 floor, want;
	int			 missed;
} choices[] = {
	{ LOGIN_AS(1, 1, 0, 0, "x"), "PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS",
	    NULL, 0, SASL_MECHS, SASL_MECH_SCRAM_SHA_256_PLUS, 0 },
	{ LOGIN_AS(1, 1, 0, 0, "x"), "SCRAM-SHA-256", NULL, 0, SASL_MECHS,
	    SASL_MECH_SCRAM_SHA_256, 1 },
	{ LOGIN_AS(0, 0, 0, 0, ""), "SCRAM-SHA-256", NULL, 0, SASL_MECHS,
	    SASL_MECH_SCRAM_SHA_256, 0 },
	{ LOGIN_AS(0, 0, 0, 0, ""), "SCRAM-SHA-256 SCRAM-SHA-256-PLUS", NULL,
	    0, SASL_MECHS, SASL_MECH_SCRAM_SHA_256, 0 },
	{ LOGIN_AS(1, 1, 0, 0, "x"), "SCRAM-SHA-256", only256, 1, SASL_MECHS,
	    SASL_MECH_SCRAM_SHA_256, 0 },
	{ LOGIN_AS(1, 1, 0, 0, "x"), "SCRAM-SHA-256 SCRAM-SHA-256-PLUS",
	    only256, 1, SASL_MECHS, SASL_MECH_SCRAM_SHA_256, 0 },
	{ LOGIN_AS(1, 1, 0, 0, ""), "SCRAM-SHA-256 SCRAM-SHA-256-PLUS", NULL,
	    0, SASL_MECHS, SASL_MECH_SCRAM_SHA_256, 0 },
	{ LOGIN_AS(1, 1, 0, 0, "x"), "SCRAM-SHA-256 SCRAM-SHA-1-PLUS", NULL, 0,
	    SASL_MECHS, SASL_MECH_SCRAM_SHA_256, 1 },
	{ LOGIN_AS(1, 1, 0, 0, "x"), "PLAIN LOGIN", no_plain, 5, SASL_MECHS,
	    SASL_MECHS, 0 },
	{ LOGIN_AS(1, 1, 0, 0, "x"), "PLAIN LOGIN", only_plain, 1, SASL_MECHS,
	    SASL_MECH_PLAIN, 0 },
	{ LOGIN_AS(1, 0, 0, 0, "x"), "PLAIN LOGIN", NULL, 0, SASL_MECHS,
	    SASL_MECHS, 0 },
	{ LOGIN_AS(1, 1, 0, 0, "x"), "PLAIN LOGIN", NULL, 0, SASL_MECHS,
	    SASL_MECH_PLAIN, 0 },
	{ LOGIN_AS(1, 1, 0, 0, "x"), "LOGIN", NULL, 0, SASL_MECHS,
	    SASL_MECH_LOGIN, 0 },
	{ LOGIN_AS(1, 1, 0, 0, "x"), "PLAIN LOGIN", NULL, 0,
	    SASL_MECH_SCRAM_SHA_256, SASL_MECHS, 0 },
	{ LOGIN_AS(0, 0, 1, 0, ""), "PLAIN", only_plain, 1, SASL_MECHS,
	    SASL_MECH_PLAIN, 0 },
	{ LOGIN_AS(0, 0, 0, 0, ""), "PLAIN", only_plain, 1, SASL_MECHS,
	    SASL_MECHS, 0 },
	{ LOGIN_AS(1, 1, 0, 0, "x"), "CRAM-MD5 PLAIN", plain_cram, 2,
	    SASL_MECHS, SASL_MECH_PLAIN, 0 },
	{ LOGIN_AS(1, 1, 0, 1, "x"), "EXTERNAL SCRAM-SHA-256-PLUS", NULL, 0,
	    SASL_MECHS, SASL_MECH_EXTERNAL, 0 },
	{ LOGIN_AS(1, 1, 0, 0, "x"), "EXTERNAL", NULL, 0, SASL_MECHS,
	    SASL_MECHS, 0 },
	{ LOGIN_AS(1, 1, 0, 0, "x"), "CRAM-MD5", NULL, 0,
	    SASL_MECH_SCRAM_SHA_1, SASL_MECHS, 0 },
	{ LOGIN_AS(1, 1, 0, 0, "x"), "XOAUTH2 GSSAPI", NULL, 0, SASL_MECHS,
	    SASL_MECHS, 0 },
	{ LOGIN_AS(1, 1, 0, 0, "x"), "", NULL, 0, SASL_MECHS, SASL_MECHS,
	    0 },
	{ { S("bob"), S(""), S(""), 1, 1, 0, 0, { { S("x"), S(""), S("") } } },
	    "PLAIN SCRAM-SHA-1", NULL, 0, SASL_MECHS, SASL_MECHS, 0 },
};

static void
test_choices(void)
{
	enum sasl_mech	 m;
	uint32_t	 bits;
	size_t		 i;
	int		 missed;

	for (i = 0; i < nitems(choices); i++) {
		bits = sasl_mechs_parse(span_str(choices[i].announced));
		m = sasl_choose(&choices[i].l, bits, choices[i].order,
		    choices[i].n, choices[i].floor);
		missed = sasl_missed_plus(&choices[i].l, m, bits,
		    choices[i].order, choices[i].n);
		CHECK(m == choices[i].want && missed == choices[i].missed,
		    "choice %zu: %s, %d", i, m < SASL_MECHS ?
		    sasl_mech_names[m] : "none", missed);
	}
}

/* --- client against server ------------------------------------------------- */
static const struct sasl_login	 bob = { S("bob@x"), S(""), S("secret pw"), 1,
    1, 0, 1, { { S("exporter"), S(""), S("") } } };
static const struct sasl_login	 accent = { S("e\xcc\x81@x"), S(""),
    S("a\xc2\xa0\xe2\x84\xab" "\xe2\x80\x8a" "b"), 1, 1, 0, 1, { {
    S("exporter"), S(""), S("") } } };
static const struct sasl_login	 wrong = { S("bob@x"), S(""), S("secret"), 1,
    1, 0, 1, { { S("exporter"), S(""), S("") } } };

/* Copy, as a connection would. */
static struct span
copy(struct buf *b, struct span s)
{
	buf_reset(b);
	buf_add_span(b, s);
	return (span_buf(b));
}

/* 1 in, 0 out, -1 a side is not content with that. */
static int
together(enum sasl_mech m, const struct sasl_login *l, int initial)
{
	struct sasl_client	*c = sasl_client_new(m, l, 0);
	struct sasl_server	*s = sasl_server_new(m, &bound);
	struct sasl_reply	 r;
	struct buf		 wire = { 0 };
	struct span		 in, out;
	enum sasl_step		 cs, ss;
	int			 rc = -1;

	cs = sasl_client_step(c, NULL, &r);
	if (r.present && !initial) {	/* as a protocol without it does */
		(void)sasl_server_step(s, NULL, &out);
		initial = 1;
	} else
		initial = r.present;
	for (;;) {
		if (cs == SASL_STEP_WORK) {
			sasl_client_work(c);
			cs = sasl_client_step(c, NULL, &r);
			continue;
		}
		if (cs != SASL_STEP_MORE) {
			ss = sasl_server_abort(s);
			break;
		}
		in = copy(&wire, r.data);
		ss = sasl_server_step(s, initial ? &in : NULL, &out);
		initial = 1;
		while (ss == SASL_STEP_LOOKUP || ss == SASL_STEP_VERIFY) {
			answer(s, ss);
			ss = sasl_server_step(s, NULL, &out);
		}
		if (ss != SASL_STEP_MORE)
			break;
		in = copy(&wire, out);
		cs = sasl_client_step(c, &in, &r);
	}
	if (ss == SASL_STEP_DONE)
		rc = sasl_client_success(c) == 0 ? 1 : -1;
	else if (ss == SASL_STEP_FAIL)
		rc = 0;
	if (rc == 1 && m != SASL_MECH_EXTERNAL &&
	    password_of(sasl_server_name(s)) == NULL)
		rc = -1;
	buf_freezero(&wire);
	sasl_client_free(c);
	sasl_server_free(s);
	return (rc);
}

static void
test_together(void)
{
	int	 i, k;

	for (i = 0; i < SASL_MECHS; i++)
		for (k = 0; k < 2; k++) {
			CHECK(together((enum sasl_mech)i, &bob, k) == 1,
			    "%s", sasl_mech_names[i]);
			CHECK(together((enum sasl_mech)i, &wrong, k) ==
			    (i == SASL_MECH_EXTERNAL), "%s, wrong",
			    sasl_mech_names[i]);
			CHECK(together((enum sasl_mech)i, &accent, k) == 1,
			    "%s, spelt otherwise", sasl_mech_names[i]);
		}
}

/* A client alone: initial responses, "last", servers that misbehave. */
static void
test_client(void)
{
	const struct span	 chal = span_str(CHAL), empty = span_str("");
	struct sasl_login	 l = bob;
	struct sasl_client	*c;
	struct sasl_reply	 r;

	c = sasl_client_new(SASL_MECH_PLAIN, &bob, 0);
	CHECK(sasl_client_cleartext(c) && strcmp(sasl_client_name(c),
	    "PLAIN") == 0, "info");
	CHECK(sasl_client_step(c, NULL, &r) == SASL_STEP_MORE && r.present &&
	    r.last && span_eq(r.data, span_of("\0bob@x\0secret pw", 16)),
	    "PLAIN");
	CHECK(sasl_client_step(c, &empty, &r) == SASL_STEP_MALFORMED,
	    "PLAIN, server goes on");
	CHECK(sasl_client_success(c) == -1, "no success after that");
	sasl_client_free(c);

	c = sasl_client_new(SASL_MECH_LOGIN, &bob, 0);
	CHECK(sasl_client_step(c, NULL, &r) == SASL_STEP_MORE && r.present &&
	    !r.last && span_eqs(r.data, "bob@x"), "LOGIN, user");
	CHECK(sasl_client_step(c, &empty, &r) == SASL_STEP_MORE && r.last &&
	    span_eqs(r.data, "secret pw"), "LOGIN, password");
	CHECK(sasl_client_success(c) == 0, "LOGIN, in");
	sasl_client_free(c);

	c = sasl_client_new(SASL_MECH_EXTERNAL, &bob, 0);
	CHECK(!sasl_client_cleartext(c) && sasl_client_step(c, NULL, &r) ==
	    SASL_STEP_MORE && r.present && r.last && r.data.n == 0,
	    "EXTERNAL: empty is not absent");
	sasl_client_free(c);

	l.user = span_str("tim");
	l.password = span_str("tanstaaftanstaaf");
	c = sasl_client_new(SASL_MECH_CRAM_MD5, &l, 0);
	CHECK(sasl_client_step(c, NULL, &r) == SASL_STEP_MORE && !r.present &&
	    !r.last, "CRAM-MD5: absent");
	CHECK(sasl_client_step(c, &chal, &r) == SASL_STEP_MORE && r.last &&
	    span_eqs(r.data, "tim b913a602c7eda7a495b4e6e7334d3890"),
	    "CRAM-MD5, RFC 2195");
	CHECK(sasl_client_step(c, &chal, &r) == SASL_STEP_MALFORMED,
	    "CRAM-MD5, a second challenge");
	sasl_client_free(c);

	c = sasl_client_new(SASL_MECH_SCRAM_SHA_256, &bob, 1);
	CHECK(sasl_client_step(c, NULL, &r) == SASL_STEP_MORE && r.present &&
	    r.data.n > 2 && memcmp(r.data.p, "y,,", 3) == 0, "SCRAM, y");
	CHECK(sasl_client_success(c) == -1, "SCRAM, yes without proof");
	CHECK(sasl_client_step(c, &empty, &r) == SASL_STEP_MALFORMED,
	    "SCRAM, over");
	sasl_client_free(c);

	l.password = span_of("a\0b", 3);
	c = sasl_client_new(SASL_MECH_PLAIN, &l, 0);
	CHECK(c == NULL && errno == EINVAL, "PLAIN cannot send a NUL");
	l.password = span_str("x");
	l.user = span_str("");
	c = sasl_client_new(SASL_MECH_PLAIN, &l, 0);
	CHECK(c == NULL && errno == EINVAL, "no user");
	l.user = span_str("bob");
	memset(&l.bindings, 0, sizeof(l.bindings));
	c = sasl_client_new(SASL_MECH_SCRAM_SHA_256_PLUS, &l, 0);
	CHECK(c == NULL && errno == EINVAL, "-PLUS without binding");
	sasl_client_free(NULL);
}

/* Long keys are hashed first, RFC 2104: as Python's hmac has it. */
static void
test_cram_long(void)
{
	uint8_t			 key[80];
	struct sasl_login	 l = bob;
	struct sasl_client	*c;
	struct sasl_reply	 r;
	struct span		 chal = span_str("Test Using Larger Than "
	    "Block-Size Key - Hash Key First");

	memset(key, 'k', sizeof(key));
	l.password = span_of(key, sizeof(key));
	c = sasl_client_new(SASL_MECH_CRAM_MD5, &l, 0);
	(void)sasl_client_step(c, NULL, &r);
	CHECK(sasl_client_step(c, &chal, &r) == SASL_STEP_MORE &&
	    span_eqs(r.data, "bob@x 01bc5b88dc6a56018686a956c14c8d08"), "key of 80 octets: %.*s",
	    (int)r.data.n, (const char *)r.data.p);
	sasl_client_free(c);
}

int
main(void)
{
	test_exchanges();
	test_order();
	test_offers();
	test_choices();
	test_together();
	test_client();
	test_cram_long();
	return (test_done());
}
