/*
 * A session before its first message: greeting, EHLO, STARTTLS, AUTH.  What a
 * server says in clear is forgotten once TLS begins, RFC 3207 section 4.2.
 */
#include <string.h>

#include "smtpclient_int.h"

#define MECH_MAX	20	/* octets of a name, RFC 4422 section 3.1 */

static void	 say_hello(struct smtpclient *, const char *);
static void	 after_hello(struct smtpclient *);
static void	 begin_auth(struct smtpclient *);
static void	 ready(struct smtpclient *);
static void	 limits(struct smtpclient *, struct span);
static void	 ask_sasl(struct smtpclient *, enum smtpclient_sasl_event,
		    struct span);
static int	 mech_ok(struct span);
static void	 send_auth(struct smtpclient *, enum smtpclient_sasl_answer,
		    struct span, struct span);

static const struct {
	const char	*name;
	unsigned	 bit;
} extensions[] = {
	{ "PIPELINING",			SMTPCLIENT_PIPELINING },
	{ "SIZE",			SMTPCLIENT_SIZE },
	{ "8BITMIME",			SMTPCLIENT_8BITMIME },
	{ "SMTPUTF8",			SMTPCLIENT_SMTPUTF8 },
	{ "DSN",			SMTPCLIENT_DSN },
	{ "STARTTLS",			SMTPCLIENT_STARTTLS },
	{ "AUTH",			SMTPCLIENT_AUTH },
	{ "CHUNKING",			SMTPCLIENT_CHUNKING },
	{ "BINARYMIME",			SMTPCLIENT_BINARYMIME },
	{ "REQUIRETLS",			SMTPCLIENT_REQUIRETLS },
	{ "LIMITS",			SMTPCLIENT_LIMITS },
	{ "ENHANCEDSTATUSCODES",	SMTPCLIENT_ENHANCED },
};

static void
say_hello(struct smtpclient *c, const char *verb)
{
	size_t	 start = c->out->n;

	c->ext = 0;
	c->size_max = 0;
	c->rcpt_max = c->mail_max = 0;
	buf_reset(&c->mechs);
	buf_addf(c->out, "%s %s", verb, c->hostname);
	smtpclient_line(c, start, 0);
}

void
session_hello(struct smtpclient *c)
{
	say_hello(c, c->set.lmtp ? "LHLO" : "EHLO");
	smtpclient_enter(c, S_EHLO);
}

void
session_greeting(struct smtpclient *c)
{
	if (c->reply.code != 220)
		smtpclient_fail_reply(c, SMTPCLIENT_FAIL_GREETING);
	else
		session_hello(c);
}

/* LIMITS RCPTMAX=n MAILMAX=n, RFC 9422 section 4. */
static void
limits(struct smtpclient *c, struct span args)
{
	struct span	 word;
	uint64_t	 n;

	while (args.n > 0) {
		(void)span_split(&args, ' ', &word);
		if (word.n <= 8 || span_num(span_of(word.p + 8, word.n - 8),
		    1000000, &n) == -1 || n == 0)
			continue;
		if (span_caseprefix(word, "RCPTMAX="))
			c->rcpt_max = (unsigned)n;
		else if (span_caseprefix(word, "MAILMAX="))
			c->mail_max = (unsigned)n;
	}
}

/* A line of a reply: of EHLO, from the second on, an extension. */
void
session_extension(void *arg, unsigned nth, struct span args)
{
	struct smtpclient	*c = arg;
	struct span		 name;
	size_t			 i;
	unsigned		 bit = 0;

	if (c->state == S_AUTH) {
		buf_reset(&c->challenge);
		buf_add_span(&c->challenge, args);
	}
	if (c->state != S_EHLO || nth == 0 || c->reply.code != 250)
		return;
	(void)span_split(&args, ' ', &name);
	for (i = 0; i < nitems(extensions); i++)
		if (span_caseeqs(name, extensions[i].name))
			bit = extensions[i].bit;
	/* A reply for each recipient belongs to the end of DATA here. */
	if (c->set.lmtp && (bit == SMTPCLIENT_CHUNKING ||
	    bit == SMTPCLIENT_BINARYMIME))
		return;
	c->ext |= bit;
	if (bit == SMTPCLIENT_SIZE &&
	    span_num(span_trim(args), UINT64_MAX, &c->size_max) == -1)
		c->size_max = 0;	/* no word about it */
	else if (bit == SMTPCLIENT_LIMITS)
		limits(c, args);
	else if (bit == SMTPCLIENT_AUTH && c->mechs.n == 0)
		buf_add_span(&c->mechs, span_trim(args));
}

void
session_ehlo(struct smtpclient *c)
{
	unsigned	 code = c->reply.code;

	if (code == 250) {
		after_hello(c);
	} else if (code >= 500 && code <= 504 && !c->tls &&
	    !c->set.lmtp) {
		say_hello(c, "HELO");
		smtpclient_enter(c, S_HELO);
	} else
		smtpclient_fail_reply(c, SMTPCLIENT_FAIL_HELLO);
}

void
session_helo(struct smtpclient *c)
{
	if (c->reply.code == 250)
		after_hello(c);
	else
		smtpclient_fail_reply(c, SMTPCLIENT_FAIL_HELLO);
}

static void
after_hello(struct smtpclient *c)
{
	size_t	 start = c->out->n;

	if (c->tls || c->set.tls == SMTPCLIENT_TLS_OFF) {
		begin_auth(c);
	} else if ((c->ext & SMTPCLIENT_STARTTLS) != 0) {
		buf_adds(c->out, "STARTTLS");
		smtpclient_line(c, start, 0);
		smtpclient_enter(c, S_STARTTLS);
	} else if (c->set.tls == SMTPCLIENT_TLS_REQUIRED) {
		smtpclient_fail(c, SMTPCLIENT_FAIL_TLS, "4.7.5",
		    "TLS is required and the server does not offer it");
	} else
		begin_auth(c);
}

void
session_starttls(struct smtpclient *c)
{
	if (c->reply.code == 220)
		smtpclient_enter(c, S_TLS);
	else if (c->set.tls == SMTPCLIENT_TLS_REQUIRED)
		smtpclient_fail_reply(c, SMTPCLIENT_FAIL_TLS);
	else
		begin_auth(c);
}

/* ---- AUTH, RFC 4954 ------------------------------------------------------ */

static void
ready(struct smtpclient *c)
{
	smtpclient_enter(c, S_READY);
}

static void
begin_auth(struct smtpclient *c)
{
	if (c->set.sasl == NULL) {
		ready(c);
		return;
	}
	if ((c->ext & SMTPCLIENT_AUTH) == 0 ||
	    (!c->tls && !c->set.sasl_in_clear)) {
		smtpclient_fail(c, SMTPCLIENT_FAIL_AUTH, "4.7.0",
		    (c->ext & SMTPCLIENT_AUTH) == 0 ?
		    "the server offers no login" : "no login without TLS");
		return;
	}
	ask_sasl(c, SMTPCLIENT_SASL_OFFER, span_buf(&c->mechs));
}

static void
ask_sasl(struct smtpclient *c, enum smtpclient_sasl_event ev,
    struct span data)
{
	enum smtpclient_sasl_answer	 a;
	struct buf			 mech = { .max = MECH_MAX },
					 out = { .max = SASL_LINE };

	c->sasl_event = ev;
	a = c->set.sasl(c->set.arg, ev, data, &mech, &out);
	if (buf_failed(&out) || buf_failed(&mech))
		a = SMTPCLIENT_SASL_ABORT;
	if (ev == SMTPCLIENT_SASL_REFUSED)
		;
	else if (a == SMTPCLIENT_SASL_WAIT)
		smtpclient_enter(c, S_SASL);
	else
		send_auth(c, a, span_buf(&mech), span_buf(&out));
	buf_free(&mech);
	buf_freezero(&out);
}

static int
mech_ok(struct span m)
{
	size_t	 i;

	for (i = 0; i < m.n; i++)
		if ((m.p[i] < 'A' || m.p[i] > 'Z') && m.p[i] != '-' &&
		    m.p[i] != '_' && (m.p[i] < '0' || m.p[i] > '9'))
			return (0);
	return (m.n > 0 && m.n <= MECH_MAX);
}

/* What the callback answered, at once or later. */
static void
send_auth(struct smtpclient *c, enum smtpclient_sasl_answer a,
    struct span mech, struct span out)
{
	size_t	 start = c->out->n;

	if (c->sasl_event == SMTPCLIENT_SASL_OFFER) {
		if (a == SMTPCLIENT_SASL_ABORT || !mech_ok(mech)) {
			smtpclient_fail(c, SMTPCLIENT_FAIL_AUTH, "4.7.0",
			    "no usable login mechanism");
			return;
		}
		buf_adds(c->out, "AUTH ");
		buf_add_span(c->out, mech);
		if (out.n > 0) {
			buf_addc(c->out, ' ');
			buf_add_base64(c->out, out);
		} else if (a == SMTPCLIENT_SASL_SEND_EMPTY)
			buf_adds(c->out, " =");
	} else if (c->sasl_event == SMTPCLIENT_SASL_DONE) {
		if (a == SMTPCLIENT_SASL_ABORT) {
			smtpclient_fail(c, SMTPCLIENT_FAIL_AUTH, "4.7.0",
			    "the server could not prove itself");
			return;
		}
		c->authed = 1;
		ready(c);
		return;
	} else if (a == SMTPCLIENT_SASL_ABORT) {
		buf_adds(c->out, "*");
		smtpclient_line(c, start, 1);
		smtpclient_enter(c, S_CANCEL);
		return;
	} else
		buf_add_base64(c->out, out);
	smtpclient_line(c, start, 1);
	smtpclient_enter(c, S_AUTH);
}

void
smtpclient_sasl_ready(struct smtpclient *c, enum smtpclient_sasl_answer a,
    struct span mech, struct span out)
{
	if (c->state == S_SASL)
		send_auth(c, a, mech, out);
}

void
session_auth(struct smtpclient *c)
{
	struct buf	 data = { .max = SASL_LINE };
	size_t		 start = c->out->n;

	if (c->reply.code == 235) {
		ask_sasl(c, SMTPCLIENT_SASL_DONE, span_of(NULL, 0));
	} else if (c->reply.code != 334) {
		ask_sasl(c, SMTPCLIENT_SASL_REFUSED,
		    span_of(c->reply.text, c->reply.ntext));
		smtpclient_fail_reply(c, SMTPCLIENT_FAIL_AUTH);
	} else if (c->reply.lines != 1 ||
	    buf_add_unbase64(&data, span_trim(span_buf(&c->challenge))) == -1) {
		buf_adds(c->out, "*");
		smtpclient_line(c, start, 1);
		smtpclient_enter(c, S_CANCEL);
	} else
		ask_sasl(c, SMTPCLIENT_SASL_CHALLENGE, span_buf(&data));
	buf_freezero(&data);
	buf_freezero(&c->challenge);
}

void
session_cancel(struct smtpclient *c)
{
	smtpclient_fail(c, SMTPCLIENT_FAIL_AUTH, "4.7.0",
	    "the login was given up");
}
