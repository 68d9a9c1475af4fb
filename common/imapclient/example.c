/*
 * A message is put into a mailbox and read back, through a server that is a
 * script: what both say, and what the program makes of it.
 */
#include <stdio.h>
#include <string.h>

#include "imapclient.h"

static const char	 message[] =
    "From: <alice@example.org>\r\n"
    "Subject: lunch\r\n"
    "\r\n"
    "At noon?\r\n";

/* What the server answers, each when the client waits for something. */
static const char *const	 script[] = {
	"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] at your service\r\n",
	"a1 OK [CAPABILITY IMAP4rev1] welcome\r\n",
	"+ go ahead\r\n",
	"a2 OK [APPENDUID 7 12] filed\r\n",
	"* 1 EXISTS\r\na3 OK [READ-WRITE] open\r\n",
	"* 1 FETCH (BODY[TEXT] {10}\r\nAt noon?\r\n)\r\na4 OK done\r\n",
	"* BYE see you\r\na5 OK done\r\n",
};

/* The message, as pread(2) would give it. */
static ssize_t
read_message(void *arg, uint64_t off, void *p, size_t n)
{
	size_t	 size = sizeof(message) - 1;

	(void)arg;
	if (off >= size)
		return (0);
	if (n > size - off)
		n = (size_t)(size - off);
	memcpy(p, message + off, n);
	return ((ssize_t)n);
}

/* PLAIN; sasl(3) knows better ones. */
static enum imapclient_sasl_answer
login(void *arg, enum imapclient_sasl_event ev, struct span data,
    struct buf *mech, struct buf *out)
{
	(void)arg;
	(void)data;
	if (ev == IMAPCLIENT_SASL_CHALLENGE)
		return (IMAPCLIENT_SASL_ABORT);
	if (ev == IMAPCLIENT_SASL_OFFER) {
		buf_adds(mech, "PLAIN");
		buf_add(out, "\0alice\0secret", 13);
	}
	return (IMAPCLIENT_SASL_SEND);
}

/* Pieces of literals are what was asked for. */
static int
on_data(void *arg, enum imapclient_piece piece, struct span s)
{
	(void)arg;
	if (piece == IMAPCLIENT_LITERAL)
		printf("got \"%.*s\"\n", (int)s.n - 2, (const char *)s.p);
	return (0);
}

static void
trace(void *arg, int sent, struct span s)
{
	(void)arg;
	printf("%s %.*s\n", sent ? "C:" : "S:", (int)s.n, (const char *)s.p);
}

/* The next command; 0 when that was the last. */
static int
next(struct imapclient *c, int n)
{
	if (n > 0)
		printf("-- %s: %s\n", imapclient_result(c) == IMAPCLIENT_OK ?
		    "yes" : "no", imapclient_text(c));
	switch (n) {
	case 0:
		return (imapclient_begin(c, "APPEND") == 0 &&
		    imapclient_string(c, span_str("Archive")) == 0 &&
		    imapclient_literal(c, sizeof(message) - 1, read_message,
		    NULL) == 0);
	case 1:
		return (imapclient_begin(c, "SELECT") == 0 &&
		    imapclient_string(c, span_str("Archive")) == 0);
	case 2:
		return (imapclient_begin(c, "FETCH 1 (BODY.PEEK[TEXT])") == 0);
	default:
		return (imapclient_logout(c) == 0);
	}
}

int
main(void)
{
	struct imapclient_settings	 set = { .in_clear = 1, .sasl = login,
					    .data = on_data, .trace = trace };
	struct imapclient		*c;
	struct buf			 out = { 0 };
	struct span			 in = span_str("");
	enum imapclient_want		 want;
	size_t				 line = 0;
	int				 commands = 0;

	if ((c = imapclient_new(&set)) == NULL)
		return (1);
	do {
		want = imapclient_step(c, &in, &out);
		buf_freezero(&out);	/* sent */
		if (want == IMAPCLIENT_READY && !next(c, commands++))
			break;
		if (want == IMAPCLIENT_READ &&
		    line < sizeof(script) / sizeof(script[0]))
			in = span_str(script[line++]);
	} while (want != IMAPCLIENT_END && want != IMAPCLIENT_FAILED);
	printf("%s\n", want == IMAPCLIENT_END ? "over" :
	    imapclient_error(c));
	imapclient_free(c);
	return (0);
}
