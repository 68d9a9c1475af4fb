/*
 * Every command in every state, well-formed, malformed and too long, against a
 * table written from RFC 5321, RFC 3030 and RFC 4954 (hardcases 5.C).
 */
#include "test.h"

#include "regress/smtpd/stub.h"

enum where { START, READY, MAIL, RCPT, REFUSED, CHUNKS, WHERE_COUNT };

static const char *const	 where_names[] = { "start", "ready", "mail",
    "rcpt", "all refused", "chunks" };

static const enum session_state	 states[] = { S_START, S_READY, S_MAIL,
    S_RCPT, S_MAIL, S_CHUNKS };

/* How to get there, after the greeting. */
static const char *const	 paths[] = {
	"",
	"EHLO x.example\r\n",
	"EHLO x.example\r\n|MAIL FROM:<a@x.example>\r\n",
	"EHLO x.example\r\n|MAIL FROM:<a@x.example>\r\n"
	    "RCPT TO:<b@here.example>\r\n",
	"EHLO x.example\r\n|MAIL FROM:<a@x.example>\r\n"
	    "RCPT TO:<nobody@here.example>\r\n",
	"EHLO x.example\r\n|MAIL FROM:<a@x.example>\r\n"
	    "RCPT TO:<b@here.example>\r\nBDAT 3\r\nabc",
};

/* Who connects where. */
enum kind { MX, SUB_OUT, SUB_IN, SUB_KEY, KIND_COUNT };
static const char *const	 kind_names[] = { "mx", "submission",
    "logged in", "by key" };

#define GONE	S_END
#define SAME	S_COUNT

struct row {
	const char	*name;
	const char	*line;
	/* The reply in each state: start ready mail rcpt refused chunks */
	int		 code[WHERE_COUNT];
	/* The state after a reply under 400. */
	enum session_state	 then;
	/* Needs to be logged in: 530 else, but 503 before EHLO. */
	int		 sends;
};

static const struct row rows[] = {
	{ "EHLO", "EHLO y.example\r\n",
	    { 250, 250, 250, 250, 250, 250 }, S_READY, 0 },
	{ "HELO", "HELO y.example\r\n",
	    { 250, 250, 250, 250, 250, 250 }, S_READY, 0 },
	{ "MAIL", "MAIL FROM:<c@x.example>\r\n",
	    { 503, 250, 503, 503, 503, 503 }, S_MAIL, 1 },
	{ "RCPT", "RCPT TO:<d@here.example>\r\n",
	    { 503, 503, 250, 250, 250, 503 }, S_RCPT, 1 },
	{ "DATA", "DATA\r\n",
	    { 503, 503, 503, 354, 554, 503 }, S_DATA, 1 },
	{ "BDAT", "BDAT 3\r\nxyz",
	    { 503, 503, 503, 250, 554, 250 }, S_CHUNKS, 1 },
	{ "BDAT LAST", "BDAT 3 last\r\nxyz",
	    { 503, 503, 503, 250, 554, 250 }, S_READY, 1 },
	{ "BDAT 0 LAST", "BDAT 0 LAST\r\n",
	    { 503, 503, 503, 250, 554, 250 }, S_READY, 1 },
	{ "BDAT 0", "BDAT 0\r\n",
	    { 503, 503, 503, 250, 554, 250 }, S_CHUNKS, 1 },
	{ "RSET", "RSET\r\n",
	    { 250, 250, 250, 250, 250, 250 }, S_READY, 0 },
	{ "NOOP", "NOOP\r\n",
	    { 250, 250, 250, 250, 250, 250 }, SAME, 0 },
	{ "NOOP x", "noop x y\r\n",
	    { 250, 250, 250, 250, 250, 250 }, SAME, 0 },
	{ "VRFY", "VRFY b\r\n",
	    { 252, 252, 252, 252, 252, 252 }, SAME, 0 },
	{ "HELP", "HELP\r\n",
	    { 214, 214, 214, 214, 214, 214 }, SAME, 0 },
	{ "QUIT", "QUIT\r\n",
	    { 221, 221, 221, 221, 221, 221 }, GONE, 0 },
	{ "STARTTLS", "STARTTLS\r\n",
	    { 220, 220, 503, 503, 503, 503 }, S_START, 0 },
	{ "EXPN", "EXPN b\r\n",
	    { 500, 500, 500, 500, 500, 500 }, SAME, 0 },
	{ "nonsense", "XYZZY\r\n",
	    { 500, 500, 500, 500, 500, 500 }, SAME, 0 },
	{ "nothing", "\r\n",
	    { 500, 500, 500, 500, 500, 500 }, SAME, 0 },
	/* malformed */
	{ "EHLO alone", "EHLO\r\n",
	    { 501, 501, 501, 501, 501, 501 }, SAME, 0 },
	{ "EHLO two words", "EHLO a b\r\n",
	    { 501, 501, 501, 501, 501, 501 }, SAME, 0 },
	{ "HELO alone", "HELO \r\n",
	    { 501, 501, 501, 501, 501, 501 }, SAME, 0 },
	{ "MAIL alone", "MAIL\r\n",
	    { 503, 501, 503, 503, 503, 503 }, SAME, 1 },
	{ "MAIL without <>", "MAIL FROM:c@x.example\r\n",
	    { 503, 501, 503, 503, 503, 503 }, SAME, 1 },
	{ "MAIL with an unknown parameter", "MAIL FROM:<c@x.example> X=1\r\n",
	    { 503, 555, 503, 503, 503, 503 }, SAME, 1 },
	{ "RCPT alone", "RCPT\r\n",
	    { 503, 503, 501, 501, 501, 503 }, SAME, 1 },
	{ "RCPT of nobody", "RCPT TO:<>\r\n",
	    { 503, 503, 501, 501, 501, 503 }, SAME, 1 },
	{ "RCPT with SIZE", "RCPT TO:<d@here.example> SIZE=1\r\n",
	    { 503, 503, 555, 555, 555, 503 }, SAME, 1 },
	{ "DATA x", "DATA x\r\n",
	    { 503, 501, 501, 501, 501, 501 }, SAME, 1 },
	{ "RSET x", "RSET x\r\n",
	    { 501, 501, 501, 501, 501, 501 }, SAME, 0 },
	{ "QUIT x", "QUIT x\r\n",
	    { 501, 501, 501, 501, 501, 501 }, SAME, 0 },
	{ "VRFY alone", "VRFY\r\n",
	    { 501, 501, 501, 501, 501, 501 }, SAME, 0 },
	{ "STARTTLS x", "STARTTLS x\r\n",
	    { 501, 501, 501, 501, 501, 501 }, SAME, 0 },
	{ "a control", "NOOP \x01\r\n",
	    { 501, 501, 501, 501, 501, 501 }, SAME, 0 },
	{ "a CR within", "NOOP a\rb\r\n",
	    { 501, 501, 501, 501, 501, 501 }, SAME, 0 },
};

static void
go(struct stub *st, const char *path)
{
	const char	*bar;

	while ((bar = strchr(path, '|')) != NULL) {
		stub_send(st, path, (size_t)(bar - path), SIZE_MAX);
		path = bar + 1;
	}
	stub_sends(st, path);
}

/* 0: no such state for these. */
static int
arrive(struct stub *st, enum kind k, enum where w)
{
	stub_init(st, k == MX ? KIND_SMTP : KIND_SUBMISSION, TLS_OPTIONAL);
	if (k == SUB_KEY)
		stub_key(st, IDENTITY_LATENT);
	session_greet(&st->s);
	if (k == SUB_OUT && w > READY)
		return (0);
	if (k == SUB_IN && w > START)
		go(st, "EHLO x.example\r\n|AUTH PLAIN Z29vZA==\r\n");
	else if (k == SUB_IN)
		return (0);
	if (k == SUB_IN && w == READY)
		(void)stub_codes(st);
	else
		go(st, paths[w]);
	(void)stub_codes(st);
	return (1);
}

static int
wanted(const struct row *r, enum kind k, enum where w)
{
	/* Not before a login: to hand in mail; after one: TLS. */
	if (k == SUB_OUT && r->sends && w != START)
		return (530);
	if ((k == SUB_IN || k == SUB_KEY) && strcmp(r->name, "STARTTLS") == 0)
		return (503);
	return (r->code[w]);
}

static void
one(const struct row *r, enum kind k, enum where w)
{
	enum session_state	 then = r->then;
	struct stub		 st;
	const char		*codes;
	int			 want, got;

	if (arrive(&st, k, w) == 0) {
		stub_free(&st);
		return;
	}
	if (!CHECK(st.s.state == states[w], "%s, %s: there",
	    kind_names[k], where_names[w]))
		printf("# %s\n", session_state_name(st.s.state));
	stub_sends(&st, r->line);
	codes = stub_codes(&st);
	got = atoi(codes);
	want = wanted(r, k, w);
	if (want >= 400 || then == SAME)
		then = states[w];
	/* Who begins with nonsense is no client; before EHLO nothing changes
	 * by RSET. */
	if (w == START && want == 500)
		then = S_END;
	if (w == START && strcmp(r->name, "RSET") == 0)
		then = S_START;
	CHECK(got == want && strlen(codes) == 3 && st.s.state == then,
	    "%s, %s: %s: %s, then %s", kind_names[k], where_names[w], r->name,
	    codes, session_state_name(st.s.state));
	CHECK(st.taken == (want == 250 && then == S_READY &&
	    strncmp(r->name, "BDAT", 4) == 0), "%s, %s: %s: %u taken",
	    kind_names[k], where_names[w], r->name, st.taken);
	stub_free(&st);
}

/* The verb and very much behind it. */
static void
too_long(const char *verb, enum kind k, enum where w)
{
	struct stub	 st;
	struct buf	 b = { 0 };
	const char	*codes;
	size_t		 piece;

	for (piece = 100; piece <= 100000; piece *= 10) {
		if (arrive(&st, k, w) == 0) {
			stub_free(&st);
			return;
		}
		buf_reset(&b);
		buf_addf(&b, "%s ", verb);
		while (b.n < 40000)
			buf_addc(&b, 'a');
		buf_adds(&b, "\r\n");
		stub_send(&st, b.p, b.n, piece);
		codes = stub_codes(&st);
		CHECK(strcmp(codes, "500") == 0 && st.s.state == states[w],
		    "%s, %s: %s of 40000 octets in pieces of %zu: %s",
		    kind_names[k], where_names[w], verb, piece, codes);
		stub_free(&st);
	}
	buf_free(&b);
}

/* AUTH has rules of its own, behaviour.md 0.7. */
static void
test_auth(void)
{
	static const struct {
		enum kind	 k;
		enum where	 w;
		const char	*line, *codes;
	} cases[] = {
		{ MX, START, "AUTH PLAIN Z29vZA==\r\n", "503" },
		{ MX, READY, "AUTH PLAIN Z29vZA==\r\n", "503" },
		{ SUB_OUT, START, "AUTH PLAIN Z29vZA==\r\n", "503" },
		{ SUB_OUT, READY, "AUTH PLAIN Z29vZA==\r\n", "235" },
		{ SUB_OUT, READY, "auth plain Z29vZA==\r\n", "235" },
		{ SUB_OUT, READY, "AUTH PLAIN  Z29vZA==\r\n", "235" },
		{ SUB_OUT, READY, "AUTH\r\n", "501" },
		{ SUB_OUT, READY, "AUTH PLAIN \r\n", "501" },
		{ SUB_OUT, READY, "AUTH PLAIN !!!!\r\n", "501" },
		{ SUB_OUT, READY, "AUTH PLAIN QQ=\r\n", "501" },
		{ SUB_OUT, READY, "AUTH PLAIN QQ===\r\n", "501" },
		{ SUB_OUT, READY, "AUTH PLAIN Q\r\n", "501" },
		{ SUB_OUT, READY, "AUTH PLAIN AHVz ZXI=\r\n", "501" },
		{ SUB_OUT, READY, "AUTH PLAIN =\r\n", "535" },
		{ SUB_OUT, READY, "AUTH PLAIN YmFk\r\n", "535" },
		{ SUB_OUT, READY, "AUTH NONE\r\n", "504" },
		{ SUB_OUT, READY, "AUTH CRAM-MD5\r\n", "504" },
		{ SUB_OUT, READY, "AUTH PLAIN\r\n|*\r\n", "334 501" },
		{ SUB_OUT, READY, "AUTH PLAIN\r\n|!\r\n", "334 501" },
		{ SUB_OUT, READY, "AUTH PLAIN\r\n|=\r\n", "334 535" },
		{ SUB_OUT, READY, "AUTH PLAIN    Z29vZA==\r\n", "235" },
		{ SUB_OUT, READY, "Auth pLaIn Z29vZA==\r\n", "235" },
		{ SUB_OUT, READY, "AUTH EXTERNAL =\r\n", "504" },
		{ SUB_OUT, READY, "AUTH SCRAM-SHA-256-PLUS =\r\n", "504" },
		{ SUB_OUT, READY, "AUTH PLAIN\r\n|bW9yZQ==\r\n|Z29vZA==\r\n",
		    "334 334 235" },
		{ SUB_OUT, READY, "AUTH PLAIN\r\n|ZGlzYWJsZWQ=\r\n",
		    "334 525" },
		{ SUB_OUT, READY, "AUTH PLAIN\r\n|ZW5vdWdo\r\n", "334 421" },
		{ SUB_OUT, READY, "AUTH PLAIN YmFk\r\n|AUTH PLAIN YmFk\r\n|"
		    "AUTH PLAIN YmFk\r\n|NOOP\r\n", "535 535 535 421" },
		{ SUB_IN, READY, "AUTH PLAIN Z29vZA==\r\n", "503" },
		{ SUB_IN, MAIL, "AUTH PLAIN Z29vZA==\r\n", "503" },
		/* a key alone is no AUTH: one may follow, outside a message */
		{ SUB_KEY, START, "AUTH EXTERNAL Z29vZA==\r\n", "503" },
		{ SUB_KEY, READY, "AUTH EXTERNAL Z29vZA==\r\n", "235" },
		{ SUB_KEY, READY, "AUTH EXTERNAL =\r\n", "535" },
		{ SUB_KEY, READY, "AUTH PLAIN Z29vZA==\r\n|"
		    "AUTH PLAIN Z29vZA==\r\n", "235 503" },
		{ SUB_KEY, MAIL, "AUTH EXTERNAL Z29vZA==\r\n", "503" },
		{ SUB_KEY, RCPT, "AUTH PLAIN Z29vZA==\r\n", "503" },
		{ SUB_KEY, MAIL, "RSET\r\nAUTH PLAIN YmFk\r\n|"
		    "MAIL FROM:<a@x.example>\r\n", "250 535 250" },
		{ SUB_KEY, MAIL, "RSET\r\nAUTH PLAIN Z29vZA==\r\n|"
		    "MAIL FROM:<a@x.example>\r\nRSET\r\n"
		    "AUTH PLAIN Z29vZA==\r\n", "250 235 250 250 503" },
		{ SUB_KEY, READY, "AUTH PLAIN YmFk\r\n|"
		    "MAIL FROM:<a@x.example>\r\n", "535 250" },
	};
	struct stub	 st;
	const char	*codes;
	size_t		 i;

	for (i = 0; i < nitems(cases); i++) {
		(void)arrive(&st, cases[i].k, cases[i].w);
		(void)stub_codes(&st);
		go(&st, cases[i].line);
		codes = stub_codes(&st);
		CHECK(strcmp(codes, cases[i].codes) == 0, "%s, %s: %.*s: %s",
		    kind_names[cases[i].k], where_names[cases[i].w],
		    (int)strcspn(cases[i].line, "\r"), cases[i].line, codes);
		stub_free(&st);
	}
	/* D3: a response as long as may be, and longer ones */
	for (i = 12288; i <= 1 << 20; i = i < 12289 ? i + 1 : i * 85) {
		struct buf	 b = { 0 };

		(void)arrive(&st, SUB_OUT, READY);
		go(&st, "AUTH PLAIN\r\n");
		while (b.n < i)
			buf_addc(&b, 'A');
		buf_adds(&b, "\r\nNOOP\r\n");
		stub_send(&st, b.p, b.n, 4096);
		codes = stub_codes(&st);
		CHECK(strcmp(codes, i == 12288 ? "334 535 250" :
		    "334 500 250") == 0, "a response of %zu octets: %s", i,
		    codes);
		stub_free(&st);
		buf_free(&b);
	}
	/* No TLS, no password in clear. */
	stub_init(&st, KIND_SUBMISSION, TLS_REQUIRED);
	go(&st, "EHLO x.example\r\n|AUTH PLAIN Z29vZA==\r\n|"
	    "MAIL FROM:<a@x.example>\r\n");
	CHECK(memmem(st.out.p, st.out.n, "250-AUTH", 8) == NULL,
	    "AUTH is not announced without TLS");
	codes = stub_codes(&st);
	CHECK(strcmp(codes, "250 538 530") == 0, "tls required: %s", codes);
	go(&st, "STARTTLS\r\n");
	(void)stub_codes(&st);
	go(&st, "AUTH PLAIN Z29vZA==\r\n|EHLO x.example\r\n|");
	CHECK(memmem(st.out.p, st.out.n, "250-AUTH ", 9) != NULL,
	    "AUTH is announced with TLS");
	go(&st, "AUTH PLAIN Z29vZA==\r\n");
	codes = stub_codes(&st);
	CHECK(strcmp(codes, "503 250 235") == 0, "after STARTTLS: %s", codes);
	stub_free(&st);
}

/* MAIL by the client's key alone, behaviour.md 1.4 and A.1. */
static void
test_key(void)
{
	static const struct {
		const char		*name;
		int			 identity;	/* -1: auth is away */
		enum sasl_outcome	 by_key;
		const char		*codes;	/* EHLO MAIL NOOP MAIL */
		unsigned		 keys;	/* auth was asked so often */
		int			 external;	/* announced after it */
	} cases[] = {
		{ "a key", IDENTITY_LATENT, SASL_OK, "250 250 250 503", 1, 1 },
		{ "with PREAUTH", IDENTITY_PREAUTH, SASL_OK, "250 250 250 503",
		    1, 1 },
		{ "none", IDENTITY_NONE, SASL_OK, "250 530 250 530", 0, 0 },
		{ "login disabled", IDENTITY_LATENT, SASL_DISABLED,
		    "250 525 250 525", 2, 1 },
		{ "no queue", IDENTITY_LATENT, SASL_UNAVAILABLE,
		    "250 454 250 454", 2, 1 },
		{ "removed meanwhile", IDENTITY_LATENT, SASL_BAD_CREDENTIALS,
		    "250 530 250 530", 1, 0 },
		{ "too many failures", IDENTITY_LATENT, SASL_TOO_MANY,
		    "250 421", 1, 1 },
		{ "refused", IDENTITY_REFUSED, SASL_OK, "421", 0, 0 },
		{ "auth is away", -1, SASL_OK, "250 421", 0, 0 },
	};
	struct stub	 st;
	const char	*codes;
	size_t		 i;

	for (i = 0; i < nitems(cases); i++) {
		stub_init(&st, KIND_SUBMISSION, TLS_IMPLICIT);
		stub_key(&st, cases[i].identity);
		st.by_key = cases[i].by_key;
		go(&st, "EHLO x.example\r\n|MAIL FROM:<a@x.example>\r\n"
		    "NOOP\r\nMAIL FROM:<b@x.example>\r\n");
		codes = stub_codes(&st);
		CHECK(strcmp(codes, cases[i].codes) == 0 &&
		    st.keys == cases[i].keys, "%s: %s, %u asked",
		    cases[i].name, codes, st.keys);
		if (!st.closed) {
			go(&st, "EHLO x.example\r\n");
			CHECK((memmem(st.out.p, st.out.n, "250-AUTH EXTERNAL ",
			    18) != NULL) == cases[i].external,
			    "%s: EXTERNAL %s", cases[i].name,
			    cases[i].external ? "first" : "not announced");
		}
		stub_free(&st);
	}
	/* nobody to ask */
	stub_init(&st, KIND_SUBMISSION, TLS_IMPLICIT);
	stub_key(&st, IDENTITY_LATENT);
	st.no_auth = 1;
	go(&st, "EHLO x.example\r\n|MAIL FROM:<a@x.example>\r\n");
	codes = stub_codes(&st);
	CHECK(strcmp(codes, "250 454") == 0 && st.s.state == S_READY,
	    "auth goes away: %s", codes);
	st.no_auth = 0;
	go(&st, "MAIL FROM:<foreign@x.example>\r\nMAIL FROM:<>\r\n");
	codes = stub_codes(&st);
	CHECK(strcmp(codes, "550 250") == 0 && st.keys == 1 &&
	    strcmp(st.s.account, "alice") == 0,
	    "and comes back: one session, its senders: %s", codes);
	/* who was forgotten is told so at the next MAIL, not while in */
	session_on_identity(&st.s, NULL);
	go(&st, "RSET\r\nMAIL FROM:<>\r\nRSET\r\nAUTH EXTERNAL =\r\n");
	codes = stub_codes(&st);
	CHECK(strcmp(codes, "250 250 250 454") == 0, "forgotten, but in: %s",
	    codes);
	stub_free(&st);
}

int
main(void)
{
	static const char *const	 verbs[] = { "EHLO", "HELO", "MAIL",
	    "RCPT", "DATA", "BDAT", "RSET", "NOOP", "VRFY", "HELP", "QUIT",
	    "STARTTLS", "AUTH", "XYZZY" };
	size_t				 i;
	int				 k, w;

	for (k = 0; k < KIND_COUNT; k++)
		for (w = 0; w < WHERE_COUNT; w++) {
			for (i = 0; i < nitems(rows); i++)
				one(&rows[i], (enum kind)k, (enum where)w);
			for (i = 0; i < nitems(verbs); i++)
				too_long(verbs[i], (enum kind)k,
				    (enum where)w);
		}
	test_auth();
	test_key();
	return (test_done());
}
