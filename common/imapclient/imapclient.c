/*
 * A session with an IMAP server; see imapclient.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imapclient_int.h"

#define SASL_LINE	12288

static void	 refused(struct imapclient *, const char *, struct span);
static void	 greeting(struct imapclient *, struct span);
static void	 capabilities(struct imapclient *, struct span);
static void	 code(struct imapclient *, struct span);
static void	 begin_auth(struct imapclient *);
static void	 send_auth(struct imapclient *, const char *,
		    const struct buf *, int);
static void	 answer(struct imapclient *, enum imapclient_sasl_event,
		    struct span);
static void	 challenge(struct imapclient *, struct span);
static void	 tagged(struct imapclient *, struct span);
static void	 login_answered(struct imapclient *, struct span);
static int	 early(struct imapclient *);
static void	 ask(struct imapclient *, enum imap_state, const char *);
static void	 forward(struct imapclient *);
static void	 know(struct imapclient *);

static const struct {
	const char	*name;
	unsigned	 bit;
} words[] = {
	{ "STARTTLS",		IMAPCLIENT_STARTTLS },
	{ "LOGINDISABLED",	IMAPCLIENT_LOGINDISABLED },
	{ "SASL-IR",		IMAPCLIENT_SASL_IR },
	{ "LITERAL+",		IMAPCLIENT_LITERAL_PLUS },
	{ "LITERAL-",		IMAPCLIENT_LITERAL_MINUS },
	{ "IMAP4rev1",		IMAPCLIENT_IMAP4REV1 },
	{ "IMAP4rev2",		IMAPCLIENT_IMAP4REV2 },
};

struct imapclient *
imapclient_new(const struct imapclient_settings *set)
{
	struct imapclient	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	c->set = *set;
	c->tls = set->tls == IMAPCLIENT_TLS_IMPLICIT;
	c->names.max = 8192;
	c->text.max = c->error.max = 4096;
	return (c);
}

void
imapclient_free(struct imapclient *c)
{
	if (c == NULL)
		return;
	buf_free(&c->names);
	buf_freezero(&c->line);
	buf_freezero(&c->cmd);
	buf_free(&c->text);
	buf_free(&c->error);
	free(c);
}

void
imap_enter(struct imapclient *c, enum imap_state st)
{
	c->state = st;
}

void
imap_fail(struct imapclient *c, const char *text)
{
	if (c->state == I_FAILED || c->state == I_END)
		return;
	buf_freezero(&c->cmd);
	buf_reset(&c->error);
	buf_add_escaped(&c->error, span_str(text));
	(void)buf_cstr(&c->error);
	imap_enter(c, I_FAILED);
}

/* imap_fail() with what the server said about it. */
static void
refused(struct imapclient *c, const char *what, struct span text)
{
	struct buf	 b = { .max = 1200 };

	text = span_trim(text);
	buf_adds(&b, what);
	if (text.n > 0)
		buf_adds(&b, ": ");
	buf_add_span(&b, text.n > 1000 ? span_of(text.p, 1000) : text);
	imap_fail(c, buf_cstr(&b));
	buf_free(&b);
}

void
imap_trace(struct imapclient *c, int sent, struct span s)
{
	if (c->set.trace != NULL)
		c->set.trace(c->set.arg, sent, s);
}

int
imap_is(struct span s, const char *word)
{
	size_t	 n = strlen(word);

	if (s.n < n + 2 || memcmp(s.p, "* ", 2) != 0)
		return (0);
	s = span_of(s.p + 2, s.n - 2);
	return (span_caseprefix(s, word) && (s.n == n || s.p[n] == ' '));
}

static void
ask(struct imapclient *c, enum imap_state st, const char *text)
{
	size_t	 at = c->out->n;

	c->untagged = 0;
	buf_addf(c->out, "a%u %s", ++c->tag, text);
	if (!buf_failed(c->out))
		imap_trace(c, 1, span_of(c->out->p + at, c->out->n - at));
	buf_adds(c->out, "\r\n");
	imap_enter(c, st);
}

/* ---- what the server says ----------------------------------------------- */

static void
capabilities(struct imapclient *c, struct span s)
{
	struct span	 w;
	size_t		 i;

	c->caps = 0;
	c->fresh = 1;
	buf_reset(&c->names);
	while (s.n > 0) {
		(void)span_split(&s, ' ', &w);
		for (i = 0; i < nitems(words); i++)
			if (span_caseeqs(w, words[i].name))
				c->caps |= words[i].bit;
		buf_add_span(&c->names, w);
		buf_addc(&c->names, ' ');
	}
}

/* "[CAPABILITY ...]" before a text. */
static void
code(struct imapclient *c, struct span s)
{
	struct span	 in;

	if (!span_caseprefix(s, "[CAPABILITY "))
		return;
	s = span_of(s.p + 12, s.n - 12);
	if (span_split(&s, ']', &in))
		capabilities(c, in);
}

static void
greeting(struct imapclient *c, struct span s)
{
	if (imap_is(s, "BYE")) {
		refused(c, "the server refuses the session",
		    span_of(s.p + 5, s.n - 5));
		return;
	}
	if (imap_is(s, "PREAUTH")) {
		/* Whoever stands between could have said it, RFC 9051 11.1. */
		if (!c->tls && c->set.tls != IMAPCLIENT_TLS_OFF) {
			imap_fail(c, "PREAUTH in clear where TLS is required");
			return;
		}
		c->preauth = c->authed = 1;
		s = span_of(s.p + 9, s.n - 9);
	} else if (imap_is(s, "OK")) {
		s = span_of(s.p + 4, s.n - 4);
	} else {
		imap_fail(c, "no IMAP greeting");
		return;
	}
	code(c, span_trim(s));
	know(c);
}

/* Go on with the capabilities that the server gave, or ask for them. */
static void
know(struct imapclient *c)
{
	if (c->fresh)
		forward(c);
	else
		ask(c, I_CAPABILITY, "CAPABILITY");
}

/* The capabilities are known: TLS, login, ready, in this order. */
static void
forward(struct imapclient *c)
{
	if (!c->tls && c->set.tls == IMAPCLIENT_TLS_REQUIRED) {
		if ((c->caps & IMAPCLIENT_STARTTLS) == 0)
			imap_fail(c, "TLS is required and not offered");
		else
			ask(c, I_STARTTLS, "STARTTLS");
	} else if (!c->authed && c->set.sasl != NULL)
		begin_auth(c);
	else
		imap_enter(c, I_READY);
}

static void
begin_auth(struct imapclient *c)
{
	struct span	 s = span_buf(&c->names), w;
	struct buf	 list = { .max = 4096 };

	if (!c->tls && !c->set.in_clear) {
		imap_fail(c, "no login without TLS");
		return;
	}
	while (s.n > 0) {
		(void)span_split(&s, ' ', &w);
		if (!span_caseprefix(w, "AUTH="))
			continue;
		buf_add_span(&list, span_of(w.p + 5, w.n - 5));
		buf_addc(&list, ' ');
	}
	if (list.n == 0 && c->set.by_login)
		imap_enter(c, I_READY);
	else
		answer(c, IMAPCLIENT_SASL_OFFER, span_buf(&list));
	buf_free(&list);
}

/* AUTHENTICATE, with the initial response where the server takes it. */
static void
send_auth(struct imapclient *c, const char *mech, const struct buf *ir,
    int empty)
{
	size_t	 at = c->out->n;

	buf_addf(c->out, "a%u AUTHENTICATE %s", ++c->tag, mech);
	if (!buf_failed(c->out))
		imap_trace(c, 1, span_of(c->out->p + at, c->out->n - at));
	c->waiting = c->fresh = c->gaveup = 0;
	c->untagged = 0;
	buf_freezero(&c->cmd);
	if ((c->caps & IMAPCLIENT_SASL_IR) == 0) {
		/* kept until the server asks for it */
		c->waiting = ir->n > 0 || empty;
		(void)buf_reserve(&c->cmd, 2 * ir->n + 4);
		buf_add_base64(&c->cmd, span_buf(ir));
	} else if (ir->n > 0) {
		(void)buf_reserve(c->out, 2 * ir->n + 8);
		buf_addc(c->out, ' ');
		buf_add_base64(c->out, span_buf(ir));
	} else if (empty)
		buf_adds(c->out, " =");
	buf_adds(c->out, "\r\n");
	imap_enter(c, I_AUTH);
}

/* Have the callback's answer sent. */
static void
answer(struct imapclient *c, enum imapclient_sasl_event ev, struct span data)
{
	enum imapclient_sasl_answer	 a;
	struct buf			 mech = { .max = 64 };
	struct buf			 out = { .max = SASL_LINE };
	const char			*name;

	a = c->set.sasl(c->set.sasl_arg, ev, data, &mech, &out);
	name = buf_cstr(&mech);
	if (buf_failed(&mech) || buf_failed(&out))
		a = IMAPCLIENT_SASL_ABORT;
	if (ev == IMAPCLIENT_SASL_OFFER) {
		if (a == IMAPCLIENT_SASL_ABORT || *name == '\0' ||
		    strpbrk(name, " \r\n") != NULL)
			imap_fail(c, "no usable login mechanism");
		else
			send_auth(c, name, &out,
			    a == IMAPCLIENT_SASL_SEND_EMPTY);
	} else if (ev == IMAPCLIENT_SASL_CHALLENGE) {
		if (a == IMAPCLIENT_SASL_ABORT) {
			c->gaveup = 1;
			buf_addc(c->out, '*');
		} else
			buf_add_base64(c->out, span_buf(&out));
		buf_adds(c->out, "\r\n");
	} else if (ev == IMAPCLIENT_SASL_DONE && a == IMAPCLIENT_SASL_ABORT)
		imap_fail(c, "the server could not prove itself");
	buf_free(&mech);
	buf_freezero(&out);
}

static void
challenge(struct imapclient *c, struct span s)
{
	struct buf	 data = { .max = SASL_LINE };

	s = s.n > 1 ? span_trim(span_of(s.p + 1, s.n - 1)) : span_of(NULL, 0);
	if (c->gaveup) {
		imap_fail(c, "the server goes on with a login given up");
	} else if (c->waiting) {
		c->waiting = 0;
		buf_add_span(c->out, span_buf(&c->cmd));
		buf_adds(c->out, "\r\n");
		buf_freezero(&c->cmd);
	} else if (buf_add_unbase64(&data, s) == -1) {
		c->gaveup = 1;
		buf_adds(c->out, "*\r\n");
	} else
		answer(c, IMAPCLIENT_SASL_CHALLENGE, span_buf(&data));
	buf_freezero(&data);
}

/* The end of AUTHENTICATE. */
static void
login_answered(struct imapclient *c, struct span text)
{
	int	 ok = c->result == IMAPCLIENT_OK;

	if (!ok || c->gaveup || c->waiting)
		answer(c, IMAPCLIENT_SASL_REFUSED, text);
	else
		answer(c, IMAPCLIENT_SASL_DONE, text);
	if (ok && (c->gaveup || c->waiting))
		imap_fail(c, "the server says that a login succeeded that "
		    "was none");
	else if (!ok)
		refused(c, "login refused", text);
	c->waiting = 0;
	buf_freezero(&c->cmd);
	if (c->state == I_FAILED)
		return;
	c->authed = 1;
	know(c);
}

/*
 * An answer before all of the command is there.  A literal that was asked for
 * is not sent then; one that goes without asking must go on to its end, or what
 * comes next would be taken for a piece of it (RFC 7888, section 4).
 */
static int
early(struct imapclient *c)
{
	if (c->state != I_COMMAND || (!c->waiting && !c->streaming))
		return (0);
	if (c->result == IMAPCLIENT_OK)
		imap_fail(c, "success of a command that is not sent yet");
	else if (!c->waiting && !c->held)
		c->held = 1;
	else if (!c->waiting)
		imap_fail(c, "two answers to one command");
	else
		return (0);
	return (1);
}

/* Behind "aN ": the end of what we asked. */
static void
tagged(struct imapclient *c, struct span s)
{
	struct span	 w;
	int		 ok;

	(void)span_split(&s, ' ', &w);
	c->result = span_caseeqs(w, "OK") ? IMAPCLIENT_OK :
	    span_caseeqs(w, "NO") ? IMAPCLIENT_NO :
	    span_caseeqs(w, "BAD") ? IMAPCLIENT_BAD : IMAPCLIENT_NONE;
	buf_reset(&c->text);
	buf_add_escaped(&c->text, s.n > 1000 ? span_of(s.p, 1000) : s);
	(void)buf_cstr(&c->text);
	ok = c->result == IMAPCLIENT_OK;
	if (c->result == IMAPCLIENT_NONE) {
		imap_fail(c, "a tagged response that is none");
		return;
	}
	if (early(c))
		return;
	if (c->state != I_AUTH) {
		buf_freezero(&c->cmd);
		c->waiting = c->streaming = 0;
		c->nstop = c->at = 0;
	}
	if (ok && c->state != I_STARTTLS)
		code(c, s);
	if (c->state == I_AUTH) {
		login_answered(c, s);
	} else if (!ok && c->state == I_CAPABILITY) {
		refused(c, "CAPABILITY refused", s);
	} else if (!ok && c->state == I_STARTTLS) {
		refused(c, "STARTTLS refused", s);
	} else if (c->state == I_CAPABILITY) {
		forward(c);
	} else if (c->state == I_STARTTLS) {
		imap_enter(c, I_TLS);
	} else if (c->login && ok) {
		c->login = 0;
		c->authed = 1;
		know(c);
	} else
		imap_enter(c, c->state == I_LOGOUT ? I_END : I_READY);
}

void
imap_line(struct imapclient *c, struct span s)
{
	char	 tag[16];
	size_t	 n;

	if (c->state != I_AUTH || s.n == 0 || s.p[0] != '+')
		imap_trace(c, 0, s);
	n = (size_t)snprintf(tag, sizeof(tag), "a%u ", c->tag);
	if (c->state == I_GREETING) {
		greeting(c, s);
	} else if (imap_is(s, "CAPABILITY")) {
		capabilities(c, span_trim(span_of(s.p + 12, s.n - 12)));
	} else if (imap_is(s, "BYE") && c->state != I_LOGOUT) {
		refused(c, "the server ends the session",
		    span_of(s.p + 5, s.n - 5));
	} else if (imap_is(s, "OK")) {
		code(c, span_trim(span_of(s.p + 4, s.n - 4)));
	} else if (s.n > 0 && s.p[0] == '+' && c->state == I_AUTH) {
		challenge(c, s);
	} else if (s.n > 0 && s.p[0] == '+' && c->state == I_COMMAND &&
	    c->waiting) {
		c->waiting = 0;
	} else if (s.n > n && memcmp(s.p, tag, n) == 0 &&
	    c->state != I_READY) {
		tagged(c, span_of(s.p + n, s.n - n));
	} else if (s.n < 2 || s.p[0] != '*' || s.p[1] != ' ')
		imap_fail(c, "a response out of order");
}

/* ---- the caller's side -------------------------------------------------- */

enum imapclient_want
imapclient_step(struct imapclient *c, struct span *in, struct buf *out)
{
	struct span	 nothing;

	c->out = out;
	if (c->building && c->state == I_READY)
		imap_start(c);
	if (c->secured && c->state == I_CAPABILITY)
		ask(c, I_CAPABILITY, "CAPABILITY");
	c->secured = 0;
	while (c->state != I_FAILED && c->state != I_END &&
	    c->state != I_TLS && imap_scan(c, in) == 1)
		continue;
	if (c->state == I_TLS && in->n > 0)
		imap_fail(c, "more behind the OK to STARTTLS: an injection");
	if (c->state == I_FAILED || c->state == I_END)
		(void)span_take(in, in->n, &nothing);
	if (c->state == I_COMMAND || c->state == I_LOGOUT)
		imap_push(c);
	if (buf_failed(out))
		imap_fail(c, "no memory");
	switch (c->state) {
	case I_TLS:
		return (IMAPCLIENT_TLS_NOW);
	case I_READY:
		return (IMAPCLIENT_READY);
	case I_END:
		return (IMAPCLIENT_END);
	case I_FAILED:
		return (IMAPCLIENT_FAILED);
	default:
		return (c->streaming && !c->waiting ? IMAPCLIENT_WRITE :
		    IMAPCLIENT_READ);
	}
}

void
imapclient_tls_done(struct imapclient *c)
{
	if (c->state != I_TLS)
		return;
	c->tls = 1;
	c->caps = 0;
	buf_reset(&c->names);
	buf_reset(&c->line);
	c->secured = 1;
	imap_enter(c, I_CAPABILITY);
}

void
imapclient_abort(struct imapclient *c, const char *text)
{
	if (c->state == I_LOGOUT)
		imap_enter(c, I_END);
	else
		imap_fail(c, text);
}

enum imapclient_status
imapclient_result(const struct imapclient *c)
{
	return (c->result);
}

const char *
imapclient_text(const struct imapclient *c)
{
	return (c->text.n == 0 ? "" : (const char *)c->text.p);
}

int
imapclient_preauth(const struct imapclient *c)
{
	return (c->preauth);
}

int
imapclient_authenticated(const struct imapclient *c)
{
	return (c->authed);
}

unsigned
imapclient_capabilities(const struct imapclient *c)
{
	return (c->caps);
}

int
imapclient_can(const struct imapclient *c, const char *name)
{
	struct span	 s = span_buf(&c->names), w;

	while (s.n > 0) {
		(void)span_split(&s, ' ', &w);
		if (span_caseeqs(w, name))
			return (1);
	}
	return (0);
}

const char *
imapclient_error(const struct imapclient *c)
{
	return (c->error.n == 0 ? "nothing wrong" : (const char *)c->error.p);
}
