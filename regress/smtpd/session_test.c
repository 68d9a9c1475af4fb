/*
 * Whole sessions: what the peers before us got wrong (hardcases 5.A to 5.E),
 * limits, and what is written about a message.
 */
#include "test.h"

#include "regress/smtpd/stub.h"

#define HELLO	"EHLO x.example\r\n|"
#define MAILX	"MAIL FROM:<a@x.example>\r\n"
#define RCPTX	"RCPT TO:<b@here.example>\r\n"
#define OPEN	HELLO MAILX RCPTX
#define LOGIN	HELLO "AUTH PLAIN Z29vZA==\r\n|"

/* "|" in the input: the client waits there. */
static const struct script {
	const char	*name;
	enum conf_kind	 kind;
	const char	*in;
	const char	*codes;
	int		 closed;
	unsigned	 taken;
} scripts[] = {
	/* the ordinary */
	{ "a message", KIND_SMTP, OPEN "DATA\r\n|A: b\r\n\r\nx\r\n.\r\nQUIT\r\n",
	    "250 250 250 354 250 221", 1, 1 },
	{ "HELO", KIND_SMTP, "HELO x\r\n|" MAILX RCPTX
	    "DATA\r\n|x\r\n.\r\n", "250 250 250 354 250", 0, 1 },
	{ "two messages", KIND_SMTP, OPEN "DATA\r\n|x\r\n.\r\n" MAILX RCPTX
	    "DATA\r\n|y\r\n.\r\n", "250 250 250 354 250 250 250 354 250", 0, 2 },
	{ "lines end in LF", KIND_SMTP, "EHLO x\n|MAIL FROM:<a@x.example>\n",
	    "250 250", 0, 0 },
	{ "A2 an empty message", KIND_SMTP, OPEN "DATA\r\n|.\r\nNOOP\r\n",
	    "250 250 250 354 250 250", 0, 1 },
	{ "A1.2 smuggling", KIND_SMTP, OPEN "DATA\r\n|x\n.\nMAIL FROM:<s@x>\r\n"
	    "RCPT TO:<b@here.example>\r\nDATA\r\ny\r\n.\r\n",
	    "250 250 250 354 550", 1, 0 },
	{ "A6 dots in a chunk", KIND_SMTP, OPEN
	    "BDAT 30 LAST\r\na\r\n.\r\nMAIL FROM:<c@x.exam>\r\n\r\n",
	    "250 250 250 250", 0, 1 },
	{ "A7 bare LF in a chunk", KIND_SMTP, OPEN "BDAT 4 LAST\r\na\nbc",
	    "250 250 250 550", 1, 0 },
	{ "BINARYMIME", KIND_SMTP, HELLO
	    "MAIL FROM:<a@x.example> BODY=BINARYMIME\r\n" RCPTX
	    "BDAT 4 LAST\r\na\nb\r", "250 250 250 250", 0, 1 },
	{ "BINARYMIME and DATA", KIND_SMTP, HELLO
	    "MAIL FROM:<a@x.example> BODY=BINARYMIME\r\n" RCPTX "DATA\r\n",
	    "250 250 250 503", 0, 0 },
	/* 5.B */
	{ "B1 injected", KIND_SMTP, HELLO "STARTTLS\r\nEHLO inj\r\n",
	    "250 554", 1, 0 },
	{ "B1 injected at submission", KIND_SUBMISSION, HELLO
	    "STARTTLS\r\nEHLO inj\r\n", "250 554", 1, 0 },
	{ "B7 forgotten", KIND_SMTP, HELLO "STARTTLS\r\n|" MAILX
	    "EHLO x\r\n|STARTTLS\r\n", "250 220 503 250 503", 0, 0 },
	{ "B17 HTTP", KIND_SMTP, "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	    "554", 1, 0 },
	{ "B17 POST", KIND_SUBMISSION, HELLO "POST / HTTP/1.1\r\n" MAILX,
	    "250 554", 1, 0 },
	{ "B17 a header", KIND_SMTP, HELLO "Host: x\r\n" MAILX,
	    "250 554", 1, 0 },
	/* 5.C */
	{ "C1 DATA after a chunk too large", KIND_SMTP, OPEN
	    "BDAT 15000 LAST\r\n~15000DATA\r\n",
	    "250 250 250 552 503", 0, 0 },
	{ "C2 RCPT after a refusal", KIND_SMTP, OPEN
	    "DATA\r\n|REFUSE\r\n.\r\nRCPT TO:<c@here.example>\r\nDATA\r\n",
	    "250 250 250 354 550 503 503", 0, 0 },
	{ "a refusal of one's own", KIND_SMTP, OPEN
	    "DATA\r\n|QUOTA\r\n.\r\n", "250 250 250 354 552", 0, 0 },
	{ "later", KIND_SMTP, OPEN "DATA\r\n|LATER\r\n.\r\n" MAILX,
	    "250 250 250 354 451 250", 0, 0 },
	{ "C5 a chunk without MAIL", KIND_SMTP, HELLO
	    "BDAT 30\r\nMAIL FROM:<a@x.example>\r\nxxxxxNOOP\r\n",
	    "250 503 250", 0, 0 },
	{ "C6 BDAT 2^64-1", KIND_SMTP, OPEN "BDAT 18446744073709551615\r\n",
	    "250 250 250 501", 1, 0 },
	{ "C6 BDAT -1", KIND_SMTP, OPEN "BDAT -1\r\n", "250 250 250 501", 1, 0 },
	{ "C6 BDAT 0x10", KIND_SMTP, OPEN "BDAT 0x10\r\n",
	    "250 250 250 501", 1, 0 },
	{ "C6 BDAT 10 LAST x", KIND_SMTP, OPEN "BDAT 10 LAST x\r\n",
	    "250 250 250 501", 1, 0 },
	{ "C6 BDAT", KIND_SMTP, OPEN "BDAT\r\n", "250 250 250 501", 1, 0 },
	{ "C6 last", KIND_SMTP, OPEN "BDAT 5 last\r\nabcde",
	    "250 250 250 250", 0, 1 },
	{ "a chunk of 2^62", KIND_SMTP, OPEN "BDAT 4611686018427387904\r\n",
	    "250 250 250 552", 1, 0 },
	{ "C7 RSET within chunks", KIND_SMTP, OPEN
	    "BDAT 1\r\nxRSET\r\nBDAT 1 LAST\r\nx",
	    "250 250 250 250 250 503", 0, 0 },
	{ "chunks", KIND_SMTP, OPEN "BDAT 3\r\na\r\nBDAT 2\r\nb\r|BDAT 1 LAST\r\n\n",
	    "250 250 250 250 250 250", 0, 1 },
	{ "chunks too large together", KIND_SMTP, OPEN
	    "BDAT 6000\r\n~6000BDAT 6000 LAST\r\n~6000NOOP\r\n",
	    "250 250 250 250 552 250", 0, 0 },
	{ "C10 EHLO and MAIL", KIND_SMTP, "EHLO x\r\n" MAILX, "554", 1, 0 },
	{ "C10 EHLO and MAIL at submission", KIND_SUBMISSION,
	    "EHLO x\r\nNOOP\r\n", "250 250", 0, 0 },
	{ "C10 DATA and a body", KIND_SMTP, OPEN "DATA\r\nx\r\n.\r\n",
	    "250 250 250 554", 1, 0 },
	{ "C10 QUIT and more", KIND_SMTP, HELLO "QUIT\r\nNOOP\r\n",
	    "250 554", 1, 0 },
	{ "C10 BDAT LAST and more", KIND_SMTP, OPEN
	    "BDAT 1 LAST\r\nxNOOP\r\n", "250 250 250 554", 1, 0 },
	{ "C11 nobody", KIND_SMTP, HELLO MAILX "RCPT TO:<nobody@here.example>\r\n"
	    "RCPT TO:<c@elsewhere.example>\r\nDATA\r\nx\r\n.\r\n",
	    "250 250 550 550 554 500 500", 0, 0 },
	{ "C12 RSET and EHLO", KIND_SUBMISSION, LOGIN MAILX "RSET\r\n" MAILX
	    "EHLO y\r\n" MAILX, "250 235 250 250 250 250 250", 0, 0 },
	{ "C15 parameters after HELO", KIND_SMTP,
	    "HELO x\r\n|MAIL FROM:<a@x.example> SIZE=10 BODY=8BITMIME\r\n",
	    "250 555", 0, 0 },
	/* 5.D */
	{ "D2 EHLO and 8-bit", KIND_SMTP, "EHLO \xc3\xa9\r\n", "501", 0, 0 },
	{ "D2 EHLO and DEL", KIND_SMTP, "EHLO a\x7f\r\n", "501", 0, 0 },
	{ "D5 SIZE", KIND_SMTP, HELLO
	    "MAIL FROM:<a@x.example> SIZE=0\r\nRSET\r\n"
	    "MAIL FROM:<a@x.example> SIZE=10000\r\nRSET\r\n"
	    "MAIL FROM:<a@x.example> SIZE=10001\r\n"
	    "MAIL FROM:<a@x.example> SIZE=99999999999999999999\r\n"
	    "MAIL FROM:<a@x.example> SIZE=-1\r\n"
	    "MAIL FROM:<a@x.example> SIZE=\r\n",
	    "250 250 250 250 250 552 552 501 501", 0, 0 },
	{ "D5 more than said", KIND_SMTP, HELLO
	    "MAIL FROM:<a@x.example> SIZE=10\r\n" RCPTX "DATA\r\n|~20000\r\n"
	    ".\r\n" MAILX, "250 250 250 354 552 250", 0, 0 },
	{ "D7 without SMTPUTF8", KIND_SMTP, HELLO
	    "MAIL FROM:<\xc3\xa9@x.example>\r\n", "250 553", 0, 0 },
	{ "D7 with SMTPUTF8", KIND_SMTP, HELLO
	    "MAIL FROM:<\xc3\xa9@x.example> SMTPUTF8\r\n"
	    "RCPT TO:<\xc3\xa9@here.example>\r\n", "250 250 250", 0, 0 },
	{ "D7 RCPT without SMTPUTF8", KIND_SMTP, HELLO MAILX
	    "RCPT TO:<\xc3\xa9@here.example>\r\n", "250 250 553", 0, 0 },
	{ "D8 malformed UTF-8", KIND_SMTP, HELLO
	    "MAIL FROM:<\xc3@x.example> SMTPUTF8\r\n"
	    "MAIL FROM:<\xc0\xae@x.example> SMTPUTF8\r\n", "250 501 501", 0, 0 },
	/* 5.E */
	{ "E10 postmaster", KIND_SMTP, HELLO MAILX "RCPT TO:<Postmaster>\r\n",
	    "250 250 250", 0, 0 },
	{ "E11 the null sender", KIND_SMTP, HELLO "MAIL FROM:<>\r\n" RCPTX
	    "RCPT TO:<c@here.example>\r\nRCPT TO:<>\r\n",
	    "250 250 250 250 501", 0, 0 },
	{ "E14 AUTH=", KIND_SMTP, HELLO
	    "MAIL FROM:<a@x.example> AUTH=<x+0Aroot>\r\n"
	    "MAIL FROM:<a@x.example> AUTH=<>\r\n", "250 501 250", 0, 0 },
	{ "E15 parameters", KIND_SMTP, HELLO
	    "MAIL FROM:<a@x.example> X=y\r\n"
	    "MAIL FROM:<a@x.example> SIZE=1 SIZE=2\r\n"
	    "MAIL FROM:<a@x.example> BODY=9BIT\r\n"
	    "MAIL FROM:<a@x.example> SMTPUTF8=1\r\n"
	    "MAIL FROM:<a@x.example> size=1 body=7bit ret=full envid=q\r\n"
	    "RCPT TO:<b@here.example> NOTIFY=NEVER,DELAY\r\n"
	    "RCPT TO:<b@here.example> NOTIFY=SUCCESS,FAILURE,DELAY "
	    "ORCPT=rfc822;b+2Bc@y\r\n"
	    "RCPT TO:<c@here.example> NOTIFY\r\n"
	    "RCPT TO:<c@here.example> ORCPT=nothing\r\n",
	    "250 555 501 501 501 250 501 250 501 501", 0, 0 },
	{ "E16 too many recipients", KIND_SMTP, HELLO MAILX
	    "RCPT TO:<1@here.example>\r\nRCPT TO:<2@here.example>\r\n"
	    "RCPT TO:<3@here.example>\r\nRCPT TO:<4@here.example>\r\n"
	    "RCPT TO:<5@here.example>\r\nRCPT TO:<6@here.example>\r\n"
	    "DATA\r\n|x\r\n.\r\n",
	    "250 250 250 250 250 250 250 452 354 250", 0, 1 },
	{ "twice the same recipient", KIND_SMTP, OPEN RCPTX
	    "DATA\r\n|x\r\n.\r\n", "250 250 250 250 354 250", 0, 1 },
	{ "not now", KIND_SMTP, HELLO MAILX "RCPT TO:<temp@here.example>\r\n"
	    "DATA\r\n", "250 250 451 554", 0, 0 },
	/* RFC 4865 */
	{ "held by a stranger", KIND_SMTP, HELLO
	    "MAIL FROM:<a@x.example> HOLDFOR=60\r\n", "250 555", 0, 0 },
	{ "HOLDFOR", KIND_SUBMISSION, LOGIN
	    "MAIL FROM:<a@x.example> HOLDFOR=5184001\r\n"
	    "MAIL FROM:<a@x.example> HOLDFOR=0000000001\r\n"
	    "MAIL FROM:<a@x.example> HOLDFOR=-1\r\n"
	    "MAIL FROM:<a@x.example> HOLDFOR=\r\n"
	    "MAIL FROM:<a@x.example> HOLDFOR\r\n"
	    "MAIL FROM:<a@x.example> HOLDFOR=1 HOLDFOR=1\r\n"
	    "MAIL FROM:<a@x.example> HOLDFOR=1 HOLDUNTIL=2099-01-01T00:00:00Z"
	    "\r\nMAIL FROM:<a@x.example> holdfor=5184000\r\n",
	    "250 235 501 501 501 501 501 501 501 250", 0, 0 },
	{ "HOLDUNTIL", KIND_SUBMISSION, LOGIN
	    "MAIL FROM:<a@x.example> HOLDUNTIL=2099-01-01T00:00:00Z\r\n"
	    "MAIL FROM:<a@x.example> HOLDUNTIL=2020-01-01T00:00:00Z\r\n"
	    "MAIL FROM:<a@x.example> HOLDUNTIL=tomorrow\r\n"
	    "MAIL FROM:<a@x.example> HOLDUNTIL\r\n",
	    "250 235 501 501 501 501", 0, 0 },
	/* RFC 8689 */
	{ "REQUIRETLS without TLS", KIND_SMTP, HELLO
	    "MAIL FROM:<a@x.example> REQUIRETLS\r\n", "250 555", 0, 0 },
	{ "REQUIRETLS", KIND_SMTP, HELLO "STARTTLS\r\n|" HELLO
	    "MAIL FROM:<a@x.example> REQUIRETLS=1\r\n"
	    "MAIL FROM:<a@x.example> REQUIRETLS REQUIRETLS\r\n"
	    "MAIL FROM:<a@x.example> requiretls\r\n",
	    "250 220 250 501 501 250", 0, 0 },
	/* submission */
	{ "submitted", KIND_SUBMISSION, LOGIN MAILX
	    "RCPT TO:<c@elsewhere.example>\r\nDATA\r\nx\r\n.\r\n",
	    "250 235 250 250 354 250", 0, 1 },
	{ "another's sender", KIND_SUBMISSION, LOGIN
	    "MAIL FROM:<foreign@x.example>\r\n" MAILX, "250 235 550 250", 0, 0 },
	{ "not logged in", KIND_SUBMISSION, HELLO MAILX RCPTX "DATA\r\n"
	    "BDAT 4\r\nNOOP", "250 530 530 530 530", 0, 0 },
	/* a loop: 100 is fine, 101 is not ('^': a Received field) */
	{ "100 hops", KIND_SMTP, OPEN "DATA\r\n|^100\r\nx\r\n.\r\n",
	    "250 250 250 354 250", 0, 1 },
	{ "101 hops", KIND_SMTP, OPEN "DATA\r\n|^101\r\nx\r\n.\r\n",
	    "250 250 250 354 554", 0, 0 },
	{ "Received in a body", KIND_SMTP, OPEN "DATA\r\n|\r\n^150\r\n.\r\n",
	    "250 250 250 354 250", 0, 1 },
};

/* ~N: N octets; ^N: N Received fields. */
static void
expand(struct buf *b, const char *in, size_t n)
{
	size_t	 i, k, max;

	for (i = 0; i < n; i++) {
		if (in[i] != '~' && in[i] != '^') {
			buf_addc(b, in[i]);
			continue;
		}
		max = strtoul(in + i + 1, NULL, 10);
		for (k = 0; k < max; k++)
			buf_adds(b, in[i] == '~' ? "x" : "Received: x\r\n");
		while (in[i + 1] >= '0' && in[i + 1] <= '9')
			i++;
	}
}

static void
play(struct stub *st, const char *in, size_t piece)
{
	struct buf	 b = { 0 };
	const char	*bar;

	for (;;) {
		bar = strchr(in, '|');
		buf_reset(&b);
		expand(&b, in, bar == NULL ? strlen(in) : (size_t)(bar - in));
		stub_send(st, b.p, b.n, piece);
		if (bar == NULL)
			break;
		in = bar + 1;
	}
	buf_free(&b);
}

static void
test_scripts(void)
{
	const struct script	*s;
	struct stub		 st;
	const char		*codes;

	for (s = scripts; s < scripts + nitems(scripts); s++) {
		stub_init(&st, s->kind, TLS_OPTIONAL);
		play(&st, s->in, SIZE_MAX);
		codes = stub_codes(&st);
		if (!CHECK(strcmp(codes, s->codes) == 0, "%s: %s", s->name,
		    s->codes))
			printf("# got %s\n", codes);
		CHECK(st.closed == s->closed && st.taken == s->taken,
		    "%s: %s, %u taken", s->name, st.closed ? "closed" :
		    "open", st.taken);
		stub_free(&st);
		/* Octet by octet nothing follows anything: the rule of groups
		 * aside the replies are the same. */
		if (strncmp(s->name, "C10", 3) == 0 ||
		    strncmp(s->name, "B1 ", 3) == 0)
			continue;
		stub_init(&st, s->kind, TLS_OPTIONAL);
		play(&st, s->in, 1);
		codes = stub_codes(&st);
		CHECK(strcmp(codes, s->codes) == 0 && st.taken == s->taken,
		    "%s, an octet at a time: %s", s->name, codes);
		stub_free(&st);
	}
}

static void
repeat(const char *name, const char *start, const char *in, int times,
    const char *last, unsigned at_most)
{
	struct stub	 st;
	unsigned	 n = 0;
	const char	*codes = "";

	stub_init(&st, KIND_SMTP, TLS_OFF);
	play(&st, start, SIZE_MAX);
	(void)stub_codes(&st);
	while (times-- > 0 && !st.closed) {
		play(&st, in, SIZE_MAX);
		if (!st.closed)
			(void)stub_codes(&st);
		n++;
	}
	codes = stub_codes(&st);
	CHECK(st.closed && strcmp(codes + strlen(codes) - 3, last) == 0 &&
	    n <= at_most, "%s: %s after %u", name, codes, n);
	stub_free(&st);
}

static void
test_limits(void)
{
	repeat("C14 NOOP", HELLO, "NOOP\r\n", 1000, "421", 21);
	repeat("C14 RSET", HELLO, "RSET\r\n", 1000, "421", 21);
	repeat("C14 HELP", HELLO, "HELP\r\n", 1000, "421", 21);
	repeat("C14 VRFY", HELLO, "VRFY x\r\n", 1000, "421", 21);
	repeat("C4 BDAT 1", OPEN, "BDAT 1\r\nx", 1000000, "421", 200);
	repeat("errors", HELLO, "XYZZY\r\n", 1000, "421", 11);
	repeat("E16 refused recipients", HELLO MAILX,
	    "RCPT TO:<nobody@here.example>\r\n", 10000, "421", 11);
	repeat("E16 more recipients", HELLO MAILX
	    "RCPT TO:<1@here.example>\r\nRCPT TO:<2@here.example>\r\n"
	    "RCPT TO:<3@here.example>\r\nRCPT TO:<4@here.example>\r\n"
	    "RCPT TO:<5@here.example>\r\n", "RCPT TO:<6@here.example>\r\n",
	    10000, "421", 6);
	repeat("commands", HELLO, "EHLO x\r\n", 10000, "421", 200);
}

static void
test_failures(void)
{
	struct stub	 st;
	const char	*codes;

	stub_init(&st, KIND_SMTP, TLS_OFF);
	st.no_file = 1;
	play(&st, OPEN "DATA\r\n|" MAILX RCPTX "BDAT 4\r\nNOOP", SIZE_MAX);
	codes = stub_codes(&st);
	CHECK(strcmp(codes, "250 250 250 452 250 250 452") == 0,
	    "no file: %s", codes);
	st.no_file = 0;
	st.no_room = 100;
	play(&st, MAILX RCPTX "DATA\r\n|~1000\r\n.\r\n" MAILX RCPTX
	    "BDAT 1000\r\n~1000BDAT 4 LAST\r\nNOOP", SIZE_MAX);
	codes = stub_codes(&st);
	CHECK(strcmp(codes, "250 250 354 452 250 250 452 503") == 0,
	    "no room: %s", codes);
	st.no_room = 0;
	st.late = 1;
	play(&st, MAILX RCPTX "DATA\r\n|x\r\n.\r\n", SIZE_MAX);
	session_timeout(&st.s);
	codes = stub_codes(&st);
	CHECK(strcmp(codes, "250 250 354 451") == 0, "late: %s", codes);
	st.late = 0;
	play(&st, MAILX RCPTX "DATA\r\n|x\r\n", SIZE_MAX);
	session_timeout(&st.s);
	codes = stub_codes(&st);
	CHECK(strcmp(codes, "250 250 354 421") == 0 && st.s.state == S_END,
	    "too slow: %s", codes);
	stub_free(&st);

	stub_init(&st, KIND_SMTP, TLS_OFF);
	st.late = 1;
	play(&st, OPEN "DATA\r\n|x\r\n.\r\n", SIZE_MAX);
	(void)stub_codes(&st);
	session_end(&st.s, "4.3.2", "shutting down");
	CHECK(st.s.state == S_STORING && st.out.n == 0,
	    "an end waits for what is being stored");
	session_timeout(&st.s);
	codes = stub_codes(&st);
	CHECK(strcmp(codes, "451 421") == 0 && st.s.state == S_END,
	    "and comes behind its answer: %s", codes);
	stub_free(&st);
}

static int
holds(struct buf *b, const char *text)
{
	return (memmem(b->p, b->n, text, strlen(text)) != NULL);
}

static void
test_written(void)
{
	struct buf	 written = { 0 };
	struct stub	 st;

	stub_init(&st, KIND_SMTP, TLS_OPTIONAL);
	play(&st, HELLO "STARTTLS\r\n|" OPEN
	    "DATA\r\n|Subject: s\r\nBcc: kept\r\n\r\n..\r\n.\r\n", SIZE_MAX);
	CHECK(st.stored.n > 0 && holds(&st.stored, "<a@x.example> "
	    "b@here.example\nReceived: from x.example ([192.0.2.1])\r\n"
	    "\tby mx.here.example (Letterlock) with ESMTPS id t.1\r\n"
	    "\t(TLSv1.3 AES)\r\n\tfor <b@here.example>;\r\n\t"),
	    "Received, first of all");
	CHECK(holds(&st.stored, "\r\nSubject: s\r\nBcc: kept\r\n\r\n.\r\n"),
	    "then the message as it was sent");
	CHECK(!holds(&st.stored, "Message-ID"), "nothing is added to it");
	stub_free(&st);

	stub_init(&st, KIND_SMTP, TLS_OPTIONAL);
	strcpy(st.s.remote, "2001:db8::1");
	play(&st, HELLO "MAIL FROM:<a@x.example> SMTPUTF8\r\n" RCPTX
	    "RCPT TO:<c@here.example>\r\nBDAT 3 LAST\r\nx\r\n", SIZE_MAX);
	CHECK(holds(&st.stored, "([IPv6:2001:db8::1])\r\n\tby "
	    "mx.here.example (Letterlock) with UTF8SMTP id t.1;\r\n"),
	    "UTF8SMTP, and no recipient where there are two");
	stub_free(&st);

	stub_init(&st, KIND_SUBMISSION, TLS_IMPLICIT);
	stub_key(&st, IDENTITY_LATENT);
	play(&st, OPEN "DATA\r\n|x\r\n.\r\n"
	    "MAIL FROM:<a@x.example> SMTPUTF8\r\n" RCPTX
	    "DATA\r\n|x\r\n.\r\n", SIZE_MAX);
	CHECK(st.taken == 2 && st.keys == 1, "two messages by one key");
	play(&st, MAILX RCPTX, SIZE_MAX);
	received_write(&written, &st.s);
	CHECK(holds(&written, " with ESMTPSA id t.3\r\n"), "ESMTPSA");
	play(&st, "RSET\r\nMAIL FROM:<a@x.example> SMTPUTF8\r\n" RCPTX,
	    SIZE_MAX);
	received_write(&written, &st.s);
	CHECK(holds(&written, " with UTF8SMTPSA id t.4\r\n"), "UTF8SMTPSA");
	buf_free(&written);
	stub_free(&st);

	stub_init(&st, KIND_SUBMISSION, TLS_OPTIONAL);
	play(&st, LOGIN MAILX RCPTX
	    "DATA\r\n|Subject: s\r\nBcc: secret\r\n\tmore\r\n\r\nBcc: x\r\n.\r\n",
	    SIZE_MAX);
	CHECK(holds(&st.stored, "b@here.example\nSubject: s\r\nDate: ") &&
	    holds(&st.stored, "\r\nMessage-ID: <") &&
	    holds(&st.stored, "@mx.here.example>\r\n\r\nBcc: x\r\n") &&
	    !holds(&st.stored, "secret") && !holds(&st.stored, "more"),
	    "a submission: Date and Message-ID added, Bcc removed");
	stub_free(&st);
}

static void
test_ehlo(void)
{
	static const char *const	 words[] = { "PIPELINING",
	    "SIZE 10000", "STARTTLS", "LIMITS RCPTMAX=5", "8BITMIME",
	    "SMTPUTF8", "CHUNKING", "BINARYMIME", "DSN",
	    "ENHANCEDSTATUSCODES", "HELP" };
	struct buf			 line = { 0 };
	struct stub			 st;
	size_t				 i;

	stub_init(&st, KIND_SMTP, TLS_OPTIONAL);
	play(&st, "EHLO x\r\n", SIZE_MAX);
	for (i = 0; i < nitems(words); i++) {
		buf_reset(&line);
		buf_addf(&line, "\r\n250%c%s\r\n", i + 1 < nitems(words) ?
		    '-' : ' ', words[i]);
		CHECK(holds(&st.out, buf_cstr(&line)), "EHLO: %s", words[i]);
	}
	CHECK(!holds(&st.out, "AUTH") && !holds(&st.out, "FUTURERELEASE") &&
	    !holds(&st.out, "REQUIRETLS"), "EHLO on port 25: no AUTH");
	st.s.tls = 1;
	play(&st, "EHLO x\r\n", SIZE_MAX);
	CHECK(holds(&st.out, "\r\n250-REQUIRETLS\r\n"), "EHLO over TLS");
	stub_free(&st);
	stub_init(&st, KIND_SUBMISSION, TLS_OFF);
	play(&st, "EHLO x\r\n", SIZE_MAX);
	CHECK(holds(&st.out, "\r\n250-AUTH SCRAM-SHA-256 PLAIN LOGIN\r\n") &&
	    !holds(&st.out, "STARTTLS") &&
	    holds(&st.out, "\r\n250-FUTURERELEASE 5184000 20"),
	    "EHLO at submission without TLS");
	buf_free(&line);
	stub_free(&st);
}

/* What is announced, behaviour.md 1.4, 3.5 and "Settled" 2 and 3. */
static void
test_offers(void)
{
	static const struct {
		const char	*name;
		enum conf_tls	 tls;
		int		 clear, has_tls, binding, key;
		const char	*auth;		/* NULL: no such line */
	} cases[] = {
		{ "tls required, before it", TLS_REQUIRED, 1, 0, 0, 0, NULL },
		{ "tls optional, before it", TLS_OPTIONAL, 0, 0, 0, 0,
		    "SCRAM-SHA-256 SCRAM-SHA-1" },
		{ "and cleartext", TLS_OPTIONAL, 1, 0, 0, 0,
		    "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN" },
		{ "no tls", TLS_OFF, 0, 0, 0, 0, "SCRAM-SHA-256 SCRAM-SHA-1" },
		{ "TLS", TLS_REQUIRED, 0, 1, 1, 0,
		    "SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS "
		    "SCRAM-SHA-1 PLAIN LOGIN" },
		{ "TLS without a binding", TLS_IMPLICIT, 0, 1, 0, 0,
		    "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN" },
		{ "TLS and a key", TLS_IMPLICIT, 0, 1, 1, 1,
		    "EXTERNAL SCRAM-SHA-256-PLUS SCRAM-SHA-256 "
		    "SCRAM-SHA-1-PLUS SCRAM-SHA-1 PLAIN LOGIN" },
		{ "TLS and a key without a binding", TLS_OPTIONAL, 0, 1, 0, 1,
		    "EXTERNAL SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN" },
	};
	struct buf	 line = { 0 };
	struct stub	 st;
	size_t		 i;

	for (i = 0; i < nitems(cases); i++) {
		stub_init(&st, KIND_SUBMISSION, cases[i].tls);
		st.l.cleartext_auth = cases[i].clear != 0;
		st.l.mechs = ((1u << MECH_COUNT) - 1) & ~(1u << MECH_CRAM_MD5);
		st.s.tls = cases[i].has_tls != 0;
		st.s.binding = cases[i].binding != 0;
		st.s.client_key = cases[i].key != 0;
		play(&st, "EHLO x\r\n", SIZE_MAX);
		buf_reset(&line);
		buf_addf(&line, "\r\n250-AUTH %s\r\n", cases[i].auth == NULL ?
		    "" : cases[i].auth);
		CHECK(cases[i].auth == NULL ? !holds(&st.out, "AUTH") :
		    holds(&st.out, buf_cstr(&line)), "EHLO: %s",
		    cases[i].name);
		stub_free(&st);
	}
	/* a list is a limit */
	stub_init(&st, KIND_SUBMISSION, TLS_IMPLICIT);
	stub_key(&st, IDENTITY_LATENT);
	st.l.mechs = 1u << MECH_PLAIN | 1u << MECH_CRAM_MD5;
	play(&st, "EHLO x\r\n|AUTH EXTERNAL =\r\nAUTH LOGIN\r\n", SIZE_MAX);
	CHECK(holds(&st.out, "\r\n250-AUTH CRAM-MD5 PLAIN\r\n"),
	    "EHLO: only what is listed");
	CHECK(strcmp(stub_codes(&st), "250 504 504") == 0,
	    "and only that is taken");
	stub_free(&st);
	buf_free(&line);
}

/* What a session keeps when nothing is under way. */
static void
test_memory(void)
{
	struct stub	 st;

	stub_init(&st, KIND_SMTP, TLS_OFF);
	play(&st, OPEN "DATA\r\n|~9000\r\n.\r\n", SIZE_MAX);
	CHECK(st.s.env.text.cap <= SESSION_KEEP && st.s.env.room *
	    sizeof(struct rcpt) <= SESSION_KEEP && sizeof(st.s) <= 1024,
	    "an idle session: %zu octets", sizeof(st.s) + st.s.env.text.cap +
	    st.s.env.room * sizeof(struct rcpt));
	stub_free(&st);
}

int
main(void)
{
	test_scripts();
	test_limits();
	test_failures();
	test_written();
	test_ehlo();
	test_offers();
	test_memory();
	return (test_done());
}
