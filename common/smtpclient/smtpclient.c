/*
 * The client's side of SMTP: the states, what each waits for, and the ends.
 * Sessions are in session.c, messages in mail.c.  See smtpclient.h.
 */
#include <stdlib.h>
#include <string.h>

#include "smtpclient_int.h"

static void	 on_ready(struct smtpclient *);
static void	 on_quit(struct smtpclient *);
static int	 take_replies(struct smtpclient *, struct span *);
static void	 bad_reply(struct smtpclient *);

/*
 * reply: what a reply does in that state, NULL: none may come.  send: appends
 * what can be sent.  Seconds of patience are RFC 5321 section 4.5.3.2's.
 */
static const struct {
	const char		*name;
	unsigned		 patience;
	void			(*reply)(struct smtpclient *);
	void			(*send)(struct smtpclient *);
	enum smtpclient_want	 want;
} states[S_COUNT] = {
	[S_GREETING]	= { "greeting", 300, session_greeting, NULL,
			    SMTPCLIENT_READ },
	[S_EHLO]	= { "EHLO", 300, session_ehlo, NULL, SMTPCLIENT_READ },
	[S_HELO]	= { "HELO", 300, session_helo, NULL, SMTPCLIENT_READ },
	[S_STARTTLS]	= { "STARTTLS", 120, session_starttls, NULL,
			    SMTPCLIENT_READ },
	[S_TLS]		= { "handshake", 60, NULL, NULL, SMTPCLIENT_TLS_NOW },
	[S_AUTH]	= { "AUTH", 300, session_auth, NULL, SMTPCLIENT_READ },
	[S_CANCEL]	= { "AUTH cancelled", 60, session_cancel, NULL,
			    SMTPCLIENT_READ },
	[S_SASL]	= { "SASL", 60, on_ready, NULL, SMTPCLIENT_SASL },
	[S_READY]	= { "ready", 300, on_ready, NULL, SMTPCLIENT_READY },
	[S_SCAN]	= { "scan", 60, on_ready, mail_send_scan,
			    SMTPCLIENT_AGAIN },
	[S_RSET]	= { "RSET", 60, mail_rset, NULL, SMTPCLIENT_READ },
	[S_ENVELOPE]	= { "envelope", 300, mail_envelope, mail_send_envelope,
			    SMTPCLIENT_READ },
	[S_BODY]	= { "body", 180, mail_body_reply, mail_send_body,
			    SMTPCLIENT_WRITE },
	[S_FINAL]	= { "end of data", 600, mail_final, NULL,
			    SMTPCLIENT_READ },
	[S_CHUNKS]	= { "BDAT", 600, mail_chunk, mail_send_chunks,
			    SMTPCLIENT_READ },
	[S_QUIT]	= { "QUIT", 10, on_quit, NULL, SMTPCLIENT_READ },
	[S_END]		= { "end", 10, NULL, NULL, SMTPCLIENT_END },
	[S_FAILED]	= { "failed", 10, NULL, NULL, SMTPCLIENT_FAILED },
};

struct smtpclient *
smtpclient_new(const struct smtpclient_settings *set)
{
	struct smtpclient	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	c->set = *set;
	if (c->set.rcpts == 0)
		c->set.rcpts = 100;
	if (c->set.out_high == 0)
		c->set.out_high = 65536;
	if ((c->hostname = strdup(set->hostname)) == NULL) {
		free(c);
		return (NULL);
	}
	c->tls = set->tls == SMTPCLIENT_TLS_IMPLICIT;
	c->out = &c->queued;
	c->reply.each = session_extension;
	c->reply.arg = c;
	return (c);
}

void
smtpclient_free(struct smtpclient *c)
{
	if (c == NULL)
		return;
	smtpreply_free(&c->reply);
	buf_free(&c->mechs);
	buf_freezero(&c->challenge);
	buf_freezero(&c->queued);
	free(c->error.text);
	free(c->hostname);
	free(c);
}

void
smtpclient_enter(struct smtpclient *c, enum state s)
{
	c->state = s;
}

void
smtpclient_line(struct smtpclient *c, size_t start, int secret)
{
	struct span	 s;
	ptrdiff_t	 sp;

	if (c->set.trace != NULL && !buf_failed(c->out)) {
		s = span_of(c->out->p + start, c->out->n - start);
		if (secret)
			s.n = (sp = span_find(s, ' ')) == -1 ? 0 : (size_t)sp;
		c->set.trace(c->set.arg, 1, s);
	}
	buf_add(c->out, "\r\n", 2);
}

/* ---- results ------------------------------------------------------------- */

void
smtpclient_result_set(struct smtpclient_result *r, enum smtpclient_outcome o,
    unsigned code, const char *enhanced, const char *text)
{
	free(r->text);
	r->outcome = o;
	r->code = code;
	memset(r->enhanced, 0, sizeof(r->enhanced));
	memcpy(r->enhanced, enhanced,
	    strnlen(enhanced, sizeof(r->enhanced) - 1));
	r->text = strdup(text);
}

void
smtpclient_result_reply(struct smtpclient_result *r,
    const struct smtpreply *reply)
{
	enum smtpclient_outcome	 o;
	const char		*none;

	switch (reply->code / 100) {
	case 2:
		o = SMTPCLIENT_OK;
		none = "2.0.0";
		break;
	case 5:
		o = SMTPCLIENT_PERM;
		none = "5.0.0";
		break;
	default:
		o = SMTPCLIENT_TEMP;
		none = "4.0.0";
	}
	smtpclient_result_set(r, o, reply->code,
	    reply->enhanced[0] != '\0' ? reply->enhanced : none, reply->text);
}

void
smtpclient_result_all(struct smtpclient *c, const struct smtpclient_result *r)
{
	struct smtpclient_rcpt	*p;
	size_t			 i;

	for (i = 0; c->msg != NULL && i < c->msg->nrcpts; i++) {
		p = &c->msg->rcpts[i];
		if (p->progress == R_OVER)
			continue;
		smtpclient_result_set(&p->result, r->outcome, r->code,
		    r->enhanced, r->text == NULL ? "" : r->text);
		p->progress = R_OVER;
	}
}

void
smtpclient_results_free(struct smtpclient_message *m)
{
	size_t	 i;

	for (i = 0; i < m->nrcpts; i++) {
		free(m->rcpts[i].result.text);
		memset(&m->rcpts[i].result, 0, sizeof(m->rcpts[i].result));
		m->rcpts[i].progress = R_NEW;
	}
}

/* ---- ends ---------------------------------------------------------------- */

/* c->error says why. */
static void
end_failed(struct smtpclient *c, enum smtpclient_failure f)
{
	c->failure = f;
	smtpclient_result_all(c, &c->error);
	c->msg = NULL;
	/* Who refused us is told that we go. */
	if (f >= SMTPCLIENT_FAIL_GREETING &&
	    f <= SMTPCLIENT_FAIL_AUTH)
		buf_adds(c->out, "QUIT\r\n");
	smtpclient_enter(c, S_FAILED);
}

void
smtpclient_fail(struct smtpclient *c, enum smtpclient_failure f,
    const char *enhanced, const char *text)
{
	smtpclient_result_set(&c->error, *enhanced == '5' ? SMTPCLIENT_PERM :
	    SMTPCLIENT_TEMP, 0, enhanced, text);
	end_failed(c, f);
}

void
smtpclient_fail_reply(struct smtpclient *c, enum smtpclient_failure f)
{
	smtpclient_result_reply(&c->error, &c->reply);
	if (c->error.outcome == SMTPCLIENT_OK) {
		smtpclient_fail(c, SMTPCLIENT_FAIL_PROTOCOL, "4.5.0",
		    "a reply that makes no sense here");
		return;
	}
	end_failed(c, f);
}

void
smtpclient_abort(struct smtpclient *c, const char *enhanced, const char *text)
{
	if (c->state == S_QUIT || c->state == S_END) {
		smtpclient_enter(c, S_END);
		return;
	}
	if (c->state != S_FAILED)
		smtpclient_fail(c, SMTPCLIENT_FAIL_CLOSED, enhanced, text);
}

static void
on_ready(struct smtpclient *c)
{
	smtpclient_fail_reply(c, SMTPCLIENT_FAIL_CLOSED);
}

static void
on_quit(struct smtpclient *c)
{
	smtpclient_enter(c, S_END);
}

/*
 * A reply that is none.  One octet is enough of an acceptance: who answers the
 * end of the data with 250 and a text without end has taken the message.
 */
static void
bad_reply(struct smtpclient *c)
{
	if (c->state == S_FINAL && c->reply.last && c->reply.code / 100 == 2)
		mail_final(c);
	smtpclient_fail(c, SMTPCLIENT_FAIL_PROTOCOL, "4.5.0",
	    c->reply.why == NULL ? "malformed reply" : c->reply.why);
}

/* ---- steps --------------------------------------------------------------- */

static void
trace_reply(struct smtpclient *c)
{
	struct buf	 b = { 0 };

	if (c->set.trace == NULL)
		return;
	buf_addf(&b, "%u %s%s%s", c->reply.code, c->reply.enhanced,
	    c->reply.enhanced[0] == '\0' ? "" : " ",
	    c->state == S_AUTH ? "" : c->reply.text);
	c->set.trace(c->set.arg, 0, span_buf(&b));
	buf_free(&b);
}

/* Octets of the server; 1: one reply was handled. */
static int
take_replies(struct smtpclient *c, struct span *in)
{
	enum smtpreply_status	 st;

	if (in->n == 0 || states[c->state].reply == NULL)
		return (0);
	c->reply.line_max = c->state == S_AUTH ? SASL_LINE : 0;
	if ((st = smtpreply_parse(&c->reply, in)) == SMTPREPLY_MORE)
		return (0);
	if (st == SMTPREPLY_DONE)
		trace_reply(c);
	if (st == SMTPREPLY_BAD)
		bad_reply(c);
	else if (c->reply.code == 421 && c->state != S_QUIT)
		smtpclient_fail_reply(c, c->state == S_GREETING ?
		    SMTPCLIENT_FAIL_GREETING : SMTPCLIENT_FAIL_CLOSED);
	else
		states[c->state].reply(c);
	smtpreply_reset(&c->reply);
	return (1);
}

enum smtpclient_want
smtpclient_step(struct smtpclient *c, struct span *in, struct buf *out)
{
	enum state	 before;

	buf_add_span(out, span_buf(&c->queued));
	buf_freezero(&c->queued);
	c->out = out;
	while (take_replies(c, in))
		continue;
	*in = span_of(NULL, 0);
	do {
		before = c->state;
		if (states[c->state].send != NULL)
			states[c->state].send(c);
	} while (c->state != before);
	if (buf_failed(out) && c->state != S_FAILED)
		smtpclient_fail(c, SMTPCLIENT_FAIL_LOCAL, "4.3.0",
		    "no memory");
	c->out = &c->queued;
	if ((c->state == S_ENVELOPE || c->state == S_CHUNKS) &&
	    out->n >= c->set.out_high)
		return (SMTPCLIENT_WRITE);
	return (states[c->state].want);
}

void
smtpclient_tls_done(struct smtpclient *c)
{
	if (c->state != S_TLS)
		return;
	c->tls = 1;
	session_hello(c);	/* as after a greeting, RFC 3207 section 4.2 */
}

int
smtpclient_send(struct smtpclient *c, struct smtpclient_message *m)
{
	if (c->state != S_READY)
		return (-1);
	smtpclient_results_free(m);
	c->msg = m;
	mail_begin(c);
	smtpclient_enter(c, S_SCAN);
	return (0);
}

void
smtpclient_quit(struct smtpclient *c)
{
	size_t	 start = c->out->n;

	if (c->state != S_READY)
		return;
	buf_adds(c->out, "QUIT");
	smtpclient_line(c, start, 0);
	smtpclient_enter(c, S_QUIT);
}

unsigned
smtpclient_patience(const struct smtpclient *c)
{
	return (states[c->state].patience);
}

unsigned
smtpclient_extensions(const struct smtpclient *c)
{
	return (c->ext);
}

uint64_t
smtpclient_size_max(const struct smtpclient *c)
{
	return (c->size_max);
}

int
smtpclient_more(const struct smtpclient *c)
{
	return (c->state == S_READY &&
	    (c->mail_max == 0 || c->mails < c->mail_max));
}

uint64_t
smtpclient_sent(const struct smtpclient *c)
{
	return (c->off);
}

int
smtpclient_answered(const struct smtpclient *c)
{
	return (c->answered);
}

const char *
smtpclient_state(const struct smtpclient *c)
{
	return (states[c->state].name);
}

enum smtpclient_failure
smtpclient_failure(const struct smtpclient *c)
{
	return (c->failure);
}

const struct smtpclient_result *
smtpclient_error(const struct smtpclient *c)
{
	return (&c->error);
}
