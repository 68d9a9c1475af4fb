/*
 * A hostile server: whatever it says, every recipient gets one result, no line
 * of ours is cut or added, and the session ends.
 */
#include <stdlib.h>
#include <string.h>

#include "smtpclient.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define must(ok) do {	\
	if (!(ok))	\
		abort();\
} while (0)

static ssize_t
read_body(void *arg, uint64_t off, void *p, size_t n)
{
	(void)arg;
	(void)off;
	memset(p, '.', n);
	return ((ssize_t)n);
}

static enum smtpclient_sasl_answer
sasl(void *arg, enum smtpclient_sasl_event ev, struct span data,
    struct buf *mech, struct buf *out)
{
	(void)arg;
	if (ev == SMTPCLIENT_SASL_OFFER)
		buf_adds(mech, "PLAIN");
	buf_add_span(out, data);
	return (SMTPCLIENT_SASL_SEND);
}

/* Every CR stands before an LF, every LF behind a CR. */
static void
check_lines(const struct buf *b)
{
	size_t	 i;

	for (i = 0; i < b->n; i++) {
		must(b->p[i] != '\n' || (i > 0 && b->p[i - 1] == '\r'));
		must(b->p[i] != '\r' || i + 1 == b->n || b->p[i + 1] == '\n');
	}
}

static void
session(struct smtpclient *c, struct smtpclient_message *m, struct span s)
{
	struct buf		 out = { 0 };
	enum smtpclient_want	 want = SMTPCLIENT_READ;
	struct span		 piece;
	size_t			 n;
	int			 sent = 0;

	while (want != SMTPCLIENT_END && want != SMTPCLIENT_FAILED) {
		n = 0;
		if (want == SMTPCLIENT_READ || want == SMTPCLIENT_READY) {
			if (s.n == 0)
				break;
			n = s.n < 1 + (size_t)s.p[0] * 4 ? s.n :
			    1 + (size_t)s.p[0] * 4;
		}
		piece = span_of(s.p, n);
		want = smtpclient_step(c, &piece, &out);
		must(piece.n == 0);
		if (n > 0) {
			s.p += n;
			s.n -= n;
		}
		check_lines(&out);
		buf_reset(&out);
		if (want == SMTPCLIENT_TLS_NOW)
			smtpclient_tls_done(c);
		if (want == SMTPCLIENT_READY && sent++ == 0)
			must(smtpclient_send(c, m) == 0);
		else if (want == SMTPCLIENT_READY && sent == 3)
			smtpclient_quit(c);
	}
	smtpclient_abort(c, "4.4.2", "gone");
	buf_free(&out);
	if (sent == 0)
		return;
	for (n = 0; n < m->nrcpts; n++)
		must(m->rcpts[n].result.outcome != SMTPCLIENT_PENDING &&
		    m->rcpts[n].result.enhanced[0] != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct smtpclient_settings	 set = { .hostname = "me",
					    .sasl_in_clear = 1, .rcpts = 2 };
	struct smtpclient_rcpt		 rcpts[3] = { 0 };
	struct smtpclient_message	 m = { .rcpts = rcpts, .nrcpts = 3,
					    .read = read_body, .size = 100 };
	struct smtpclient		*c;
	size_t				 i;

	if (n < 1)
		return (0);
	set.tls = (enum smtpclient_tls)(data[0] & 3);
	set.sasl = (data[0] & 4) != 0 ? sasl : NULL;
	m.utf8 = (data[0] & 8) != 0;
	m.from = span_str("a@b");
	for (i = 0; i < 3; i++)
		rcpts[i].address = span_str("c@d");
	if ((c = smtpclient_new(&set)) == NULL)
		return (0);
	session(c, &m, span_of(data + 1, n - 1));
	smtpclient_results_free(&m);
	smtpclient_free(c);
	return (0);
}
