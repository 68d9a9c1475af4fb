/*
 * One message to two recipients, through a server that is a function: what
 * both say, and what became of each recipient.
 */
#include <stdio.h>
#include <string.h>

#include "smtpclient.h"

static const char	 body[] =
    "From: <alice@example.org>\r\n"
    "Subject: lunch\r\n"
    "\r\n"
    "At noon?\r\n"
    ".\r\n";

/* The body, as pread(2) would give it. */
static ssize_t
read_body(void *arg, uint64_t off, void *p, size_t n)
{
	size_t	 size = sizeof(body) - 1;

	(void)arg;
	if (off >= size)
		return (0);
	if (n > size - off)
		n = (size_t)(size - off);
	memcpy(p, body + off, n);
	return ((ssize_t)n);
}

/* The server: a line in, a reply out. */
static const char *
serve(struct span line, int *data)
{
	if (*data && span_eqs(line, ".")) {
		*data = 0;
		return ("250 2.0.0 thank you\r\n");
	}
	if (*data)
		return ("");
	if (span_caseprefix(line, "EHLO"))
		return ("250-mx.example.net\r\n250-SIZE 1000000\r\n"
		    "250-PIPELINING\r\n250 ENHANCEDSTATUSCODES\r\n");
	if (span_caseprefix(line, "RCPT TO:<nobody@"))
		return ("550 5.1.1 no such user\r\n");
	if (span_caseprefix(line, "DATA")) {
		*data = 1;
		return ("354 go ahead\r\n");
	}
	if (span_caseprefix(line, "QUIT"))
		return ("221 2.0.0 bye\r\n");
	return ("250 2.0.0 ok\r\n");
}

/* All that the client said, and all that the server answers. */
static void
exchange(struct buf *said, struct buf *answer, int *data)
{
	struct span	 s = span_buf(said), line;

	while (s.n > 0) {
		(void)span_split(&s, '\n', &line);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		printf("C: %.*s\n", (int)line.n, (const char *)line.p);
		buf_adds(answer, serve(line, data));
	}
	buf_reset(said);
	for (s = span_buf(answer); s.n > 0;) {
		(void)span_split(&s, '\r', &line);
		printf("S: %.*s\n", (int)line.n, (const char *)line.p);
		s.p++;
		s.n--;
	}
}

static void
show(const struct smtpclient_message *m)
{
	static const char *const	 outcomes[] = { "pending", "delivered",
					    "later", "failed" };
	const struct smtpclient_result	*r;
	size_t				 i;

	for (i = 0; i < m->nrcpts; i++) {
		r = &m->rcpts[i].result;
		printf("%.*s: %s, %u %s %s\n", (int)m->rcpts[i].address.n,
		    (const char *)m->rcpts[i].address.p, outcomes[r->outcome],
		    r->code, r->enhanced, r->text);
	}
}

int
main(void)
{
	struct smtpclient_settings	 set = { .hostname = "example.org" };
	struct smtpclient_rcpt		 rcpts[2] = { 0 };
	struct smtpclient_message	 m = { .read = read_body,
					    .size = sizeof(body) - 1,
					    .rcpts = rcpts, .nrcpts = 2 };
	struct smtpclient		*c;
	struct buf			 in = { 0 }, out = { 0 };
	struct span			 s;
	enum smtpclient_want		 want;
	int				 data = 0, done = 0;

	m.from = span_str("alice@example.org");
	rcpts[0].address = span_str("bob@example.net");
	rcpts[1].address = span_str("nobody@example.net");
	if ((c = smtpclient_new(&set)) == NULL)
		return (1);
	buf_adds(&in, "220 mx.example.net\r\n");
	do {
		s = span_buf(&in);
		want = smtpclient_step(c, &s, &out);
		buf_reset(&in);
		if (want == SMTPCLIENT_READY && done++ == 0)
			smtpclient_send(c, &m);
		else if (want == SMTPCLIENT_READY)
			smtpclient_quit(c);
		else if (want == SMTPCLIENT_READ)
			exchange(&out, &in, &data);
	} while (want != SMTPCLIENT_END && want != SMTPCLIENT_FAILED);
	show(&m);
	smtpclient_results_free(&m);
	smtpclient_free(c);
	buf_free(&in);
	buf_free(&out);
	return (0);
}
