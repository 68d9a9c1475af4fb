/*
 * A hostile IMAP server: nothing that it says is taken differently because it
 * came in other pieces, no line of ours is cut or added, bounds hold, and what
 * was not proven is no login.
 */
#include <stdlib.h>
#include <string.h>

#include "imapclient.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define must(ok) do {	\
	if (!(ok))	\
		abort();\
} while (0)

#define LITERAL	512u
#define PIECES	4u

/* One session, and all that can be seen of it. */
struct seen {
	struct buf		 out, data;
	int			 literal;	/* data is in one */
	unsigned		 pieces;	/* literals in a response */
	size_t			 octets;	/* in a literal */
	int			 commands;
	int			 proven;
	enum imapclient_want	 want;
	enum imapclient_status	 result;
	int			 authed;
	struct buf		 error;
};

static enum imapclient_sasl_answer
sasl(void *arg, enum imapclient_sasl_event ev, struct span data,
    struct buf *mech, struct buf *out)
{
	struct seen	*s = arg;

	if (ev == IMAPCLIENT_SASL_OFFER)
		buf_adds(mech, "PLAIN");
	if (ev == IMAPCLIENT_SASL_DONE)
		s->proven = 1;
	if (ev == IMAPCLIENT_SASL_CHALLENGE && data.n > 4)
		return (IMAPCLIENT_SASL_ABORT);
	buf_add_span(out, data);
	return (IMAPCLIENT_SASL_SEND_EMPTY);
}

static int
on_data(void *arg, enum imapclient_piece piece, struct span d)
{
	struct seen	*s = arg;

	if (piece == IMAPCLIENT_LITERAL) {
		s->octets = s->literal ? s->octets + d.n : d.n;
		s->pieces += !s->literal;
		s->literal = 1;
		must(s->octets <= LITERAL && s->pieces <= PIECES);
	} else {
		s->literal = 0;
		if (piece == IMAPCLIENT_RESPONSE_END)
			s->pieces = 0;
		else
			must(d.n <= 4096);
		buf_addf(&s->data, "(%d)", (int)piece);
	}
	buf_add_span(&s->data, d);
	return (0);
}

static ssize_t
read_literal(void *arg, uint64_t off, void *p, size_t n)
{
	(void)arg;
	(void)off;
	memset(p, 'x', n);
	return ((ssize_t)n);
}

/* The next command of the session, by number. */
static void
command(struct imapclient *c, int n)
{
	switch (n % 4) {
	case 0:
		if (imapclient_login(c, span_str("us\"er"),
		    span_str("pass\303\251")) == -1)
			must(imapclient_begin(c, "NOOP") == 0);
		break;
	case 1:
		must(imapclient_begin(c, "APPEND") == 0 &&
		    imapclient_string(c, span_str("IN\r\nBOX")) == 0 &&
		    imapclient_literal(c, 70000, read_literal, NULL) == 0);
		break;
	case 2:
		must(imapclient_begin(c, "FETCH 1") == 0 &&
		    imapclient_atom(c, span_str("(BODY[])")) == 0);
		break;
	case 3:
		must(imapclient_logout(c) == 0);
		break;
	}
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

/*
 * A line of the server at a time, cut into pieces of so many octets.  Between
 * lines the client may send, so that both ways to cut see the same order.
 */
static void
session(const struct imapclient_settings *set, struct span in, size_t cut,
    struct seen *s)
{
	struct imapclient	*c = imapclient_new(set);
	struct span		 piece;
	struct buf		 out = { 0 };
	size_t			 n;
	ptrdiff_t		 lf;

	if (c == NULL)
		return;
	s->want = IMAPCLIENT_WRITE;
	while (s->want != IMAPCLIENT_END && s->want != IMAPCLIENT_FAILED) {
		n = 0;
		if (s->want == IMAPCLIENT_READY && s->commands < 8)
			command(c, s->commands++);
		else if (s->want == IMAPCLIENT_READ ||
		    s->want == IMAPCLIENT_READY) {
			if (in.n == 0)
				break;
			lf = span_find(in, '\n');
			n = lf == -1 ? in.n : (size_t)lf + 1;
			n = n < cut ? n : cut;
		}
		(void)span_take(&in, n, &piece);
		s->want = imapclient_step(c, &piece, &out);
		must(piece.n == 0);
		must(out.n <= 2u * 65536 + 20000);
		buf_add_span(&s->out, span_buf(&out));
		buf_reset(&out);
		if (s->want == IMAPCLIENT_TLS_NOW)
			imapclient_tls_done(c);
	}
	check_lines(&s->out);
	s->result = imapclient_result(c);
	s->authed = imapclient_authenticated(c);
	must(strlen(imapclient_text(c)) <= 4096);
	buf_adds(&s->error, imapclient_error(c));
	imapclient_abort(c, "gone");
	must(imapclient_step(c, &piece, &out) == IMAPCLIENT_FAILED ||
	    s->want == IMAPCLIENT_END || s->commands > 3);
	imapclient_free(c);
	buf_free(&out);
}

static int
same(const struct buf *a, const struct buf *b)
{
	return (span_eq(span_buf(a), span_buf(b)));
}

static void
forget(struct seen *s)
{
	buf_free(&s->out);
	buf_free(&s->data);
	buf_free(&s->error);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct imapclient_settings	 set = { .data = on_data,
					    .line_max = 4096,
					    .literal_max = LITERAL,
					    .literals_max = PIECES,
					    .untagged_max = 16 };
	struct seen			 a = { 0 }, b = { 0 };

	if (n < 2)
		return (0);
	set.tls = (enum imapclient_tls)((data[0] & 3) % 3);
	set.sasl = (data[0] & 4) != 0 ? sasl : NULL;
	set.in_clear = (data[0] & 8) != 0;
	set.arg = set.sasl_arg = &a;
	session(&set, span_of(data + 2, n - 2), SIZE_MAX, &a);
	set.arg = set.sasl_arg = &b;
	session(&set, span_of(data + 2, n - 2), 1 + data[1] % 16u, &b);
	must(same(&a.out, &b.out) && same(&a.data, &b.data) &&
	    same(&a.error, &b.error));
	must(a.want == b.want && a.result == b.result && a.authed == b.authed);
	forget(&a);
	forget(&b);
	return (0);
}
