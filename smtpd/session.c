/*
 * An SMTP session: lines, the table of commands, states.  What each command
 * does is in cmd_*.c and auth.c.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "session.h"

#define BIT(s)		(1u << (s))
#define IDLE_STATES	(BIT(S_START) | BIT(S_READY) | BIT(S_MAIL) | \
			    BIT(S_RCPT) | BIT(S_CHUNKS))

/* Flags of a command. */
#define LAST_IN_GROUP	0x01	/* RFC 2920 section 3.1 */

static const struct command {
	const char	*verb;
	unsigned	 flags;
	void		(*run)(struct session *, struct span);
} commands[] = {
	{ "RCPT",	0,		cmd_rcpt },
	{ "MAIL",	0,		cmd_mail },
	{ "DATA",	0,		cmd_data },
	{ "BDAT",	0,		cmd_bdat },
	{ "EHLO",	LAST_IN_GROUP,	cmd_ehlo },
	{ "HELO",	LAST_IN_GROUP,	cmd_helo },
	{ "QUIT",	LAST_IN_GROUP,	cmd_quit },
	{ "RSET",	0,		cmd_rset },
	{ "NOOP",	0,		cmd_noop },
	{ "STARTTLS",	LAST_IN_GROUP,	cmd_starttls },
	{ "AUTH",	LAST_IN_GROUP,	cmd_auth },
	{ "VRFY",	0,		cmd_vrfy },
	{ "HELP",	0,		cmd_help },
};

static const char *const state_names[S_COUNT] = {
	"start", "ready", "mail", "rcpt", "chunks", "mail-wait", "rcpt-wait",
	"file-wait", "data", "chunk", "skip", "storing", "challenged",
	"auth-wait", "key-wait", "delay", "tls", "end"
};

/* Where each state may lead; S_END is open to all. */
static const unsigned edges[S_COUNT] = {
	[S_START]	= BIT(S_READY) | BIT(S_SKIP) | BIT(S_TLS) |
	    BIT(S_AUTH_WAIT),
	[S_READY]	= BIT(S_START) | BIT(S_MAIL) | BIT(S_MAIL_WAIT) |
	    BIT(S_SKIP) | BIT(S_TLS) | BIT(S_AUTH_WAIT) | BIT(S_CHALLENGED) |
	    BIT(S_KEY_WAIT),
	[S_MAIL]	= BIT(S_READY) | BIT(S_RCPT_WAIT) | BIT(S_SKIP),
	[S_RCPT]	= BIT(S_READY) | BIT(S_RCPT_WAIT) | BIT(S_FILE_WAIT) |
	    BIT(S_SKIP),
	[S_CHUNKS]	= BIT(S_READY) | BIT(S_CHUNK) | BIT(S_SKIP),
	[S_MAIL_WAIT]	= BIT(S_READY) | BIT(S_MAIL),
	[S_RCPT_WAIT]	= BIT(S_READY) | BIT(S_MAIL) | BIT(S_RCPT),
	[S_FILE_WAIT]	= BIT(S_READY) | BIT(S_DATA) | BIT(S_CHUNK) |
	    BIT(S_SKIP),
	[S_DATA]	= BIT(S_READY) | BIT(S_STORING),
	[S_CHUNK]	= BIT(S_READY) | BIT(S_CHUNKS) | BIT(S_STORING),
	[S_SKIP]	= BIT(S_START) | BIT(S_READY) | BIT(S_MAIL) |
	    BIT(S_RCPT) | BIT(S_CHUNKS),
	[S_STORING]	= BIT(S_READY),
	[S_CHALLENGED]	= BIT(S_READY) | BIT(S_AUTH_WAIT),
	[S_AUTH_WAIT]	= BIT(S_START) | BIT(S_READY) | BIT(S_CHALLENGED) |
	    BIT(S_DELAY),
	[S_KEY_WAIT]	= BIT(S_READY) | BIT(S_MAIL_WAIT),
	[S_DELAY]	= BIT(S_READY),
	[S_TLS]		= BIT(S_START),
	[S_END]		= 0,
};

static void	 vreply(struct session *, int, const char *, const char *,
		    va_list) __attribute__((__format__(printf, 4, 0)));
static enum want	 step(struct session *, struct span *);
static void	 line(struct session *, struct span, int);
static int	 foreign(struct span);
static int	 clean(struct span);
static size_t	 longest(const struct session *, struct span);

const char *
session_state_name(enum session_state s)
{
	return (s < S_COUNT ? state_names[s] : "none");
}

void
session_enter(struct session *s, enum session_state to, const char *why)
{
	if (s->state == to)
		return;
	if (log_enabled(LOG_LEVEL_DEBUG))
		log_debug("%s: %s -> %s, %s", s->id, state_names[s->state],
		    state_names[to], why);
	if (to != S_END && (edges[s->state] & BIT(to)) == 0) {
		/* Ours to blame, not the client's: end this session alone. */
		log_error("%s: no way from %s to %s", s->id,
		    state_names[s->state], state_names[to]);
		to = S_END;
	}
	s->state = to;
}

/* ---- replies ------------------------------------------------------------ */

static void
vreply(struct session *s, int code, const char *enhanced, const char *fmt,
    va_list ap)
{
	char	 head[4];

	head[0] = (char)('0' + code / 100 % 10);
	head[1] = (char)('0' + code / 10 % 10);
	head[2] = (char)('0' + code % 10);
	head[3] = ' ';
	buf_add(s->out, head, sizeof(head));
	if (enhanced != NULL) {
		buf_adds(s->out, enhanced);
		buf_addc(s->out, ' ');
	}
	if (strchr(fmt, '%') == NULL)
		buf_adds(s->out, fmt);
	else
		buf_addv(s->out, fmt, ap);
	buf_add(s->out, "\r\n", 2);
}

void
session_say(struct session *s, int code, const char *enhanced,
    const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vreply(s, code, enhanced, fmt, ap);
	va_end(ap);
}

void
session_reply(struct session *s, int code, const char *enhanced,
    const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vreply(s, code, enhanced, fmt, ap);
	va_end(ap);
	if (code >= 500)
		session_count(s);
}

/* An error of the client's. */
void
session_count(struct session *s)
{
	if (s->state == S_END || ++s->errors <= s->listener->limits.errors)
		return;
	log_info("%s: %s: too many errors", s->id, s->remote);
	session_end(s, "4.7.0", "too many errors");
}

void
session_junk(struct session *s)
{
	if (s->state == S_END || ++s->junk <= s->listener->limits.junk)
		return;
	log_info("%s: %s: too many commands without mail", s->id, s->remote);
	session_end(s, "4.7.0", "too many commands without mail");
}

/* What a peer decided, in its words or the usual ones. */
void
session_reply_result(struct session *s, uint8_t result, uint32_t code,
    struct span enhanced, struct span text, const char *usual)
{
	struct buf	 enh = { .max = 16 };
	uint32_t	 want = result == RESULT_OK ? 2 :
			    result == RESULT_TEMP ? 4 : 5;

	if (code / 100 != want)
		code = want == 2 ? 250 : want == 4 ? 451 : 550;
	if (enhanced.n > 0 && enhanced.p[0] == '0' + want)
		buf_add_escaped(&enh, enhanced);
	else
		buf_addf(&enh, "%u.0.0", want);
	if (text.n == 0)
		text = span_str(usual);
	session_reply(s, (int)code, buf_cstr(&enh), "%s", log_esc(text));
	buf_free(&enh);
}

void
session_end(struct session *s, const char *enhanced, const char *why)
{
	if (s->state == S_END)
		return;
	if (s->state == S_STORING) {
		s->close_after = 1;
		return;
	}
	session_say(s, 421, enhanced, "%s %s", s->listener->hostname, why);
	if (s->has_file || s->env.has_from)
		s->ops->drop(s);
	session_enter(s, S_END, why);
}

void
session_refuse(struct session *s, int code, const char *enhanced,
    const char *why)
{
	session_say(s, code, enhanced, "%s %s", s->listener->hostname, why);
	session_enter(s, S_END, why);
}

/* ---- life --------------------------------------------------------------- */

void
session_init(struct session *s, const struct session_ops *ops, void *arg,
    const struct conf_listener *l, struct buf *out)
{
	memset(s, 0, sizeof(*s));
	s->ops = ops;
	s->arg = arg;
	s->listener = l;
	s->out = out;
}

static void
envelope_clear(struct envelope *e, size_t keep)
{
	struct buf	 text = e->text;
	struct rcpt	*rcpts = e->rcpts;
	size_t		 room = e->room;

	memset(e, 0, sizeof(*e));
	if (text.cap > keep)
		buf_free(&text);
	buf_reset(&text);
	e->text = text;
	if (room * sizeof(*rcpts) > keep) {
		free(rcpts);
		return;
	}
	e->rcpts = rcpts;
	e->room = room;
}

void
session_free(struct session *s)
{
	envelope_clear(&s->env, 0);
	buf_free(&s->env.text);
	free(s->env.rcpts);
	free(s->helo);
	free(s->account);
	free(s->login);
	explicit_bzero(s, sizeof(*s));
}

/* The envelope is given back when nothing is under way for a while: that a
 * small one stays makes a stream of messages cheap. */
void
session_reset(struct session *s, const char *why)
{
	if (s->has_file || s->env.has_from)
		s->ops->drop(s);
	s->has_file = 0;
	envelope_clear(&s->env, SESSION_KEEP);
	s->full = s->too_big = s->chunked = 0;
	s->written = 0;
	if (s->state != S_START && s->state != S_END)
		session_enter(s, S_READY, why);
}

struct span
envelope_span(const struct envelope *e, uint32_t at, uint32_t n)
{
	return (span_of(n == 0 ? NULL : e->text.p + at, n));
}

int
session_is_mx(const struct session *s)
{
	return (s->listener->kind == KIND_SMTP);
}

int
session_receiving(const struct session *s)
{
	return (s->state == S_DATA || s->state == S_CHUNK ||
	    s->state == S_SKIP);
}

int
session_waiting(const struct session *s)
{
	return (s->state == S_MAIL_WAIT || s->state == S_RCPT_WAIT ||
	    s->state == S_FILE_WAIT || s->state == S_STORING ||
	    s->state == S_AUTH_WAIT || s->state == S_KEY_WAIT ||
	    s->state == S_DELAY);
}

void
session_greet(struct session *s)
{
	session_say(s, 220, NULL, "%s ESMTP Letterlock",
	    s->listener->hostname);
}

void
session_on_tls(struct session *s)
{
	s->tls = 1;
	if (s->state == S_TLS)
		session_enter(s, S_START, "TLS");
	/* RFC 3207 section 4.2: nothing from before counts. */
	free(s->helo);
	s->helo = NULL;
	s->esmtp = 0;
}

void
session_on_identity(struct session *s, const struct msg_conn_identity *m)
{
	s->client_key = s->key_lost = 0;
	if (m == NULL)
		s->key_lost = 1;
	else if (m->identity == IDENTITY_REFUSED)
		session_refuse(s, 421, "4.7.0", m->text.n == 0 ?
		    "this certificate is not welcome" : log_esc(m->text));
	else
		s->client_key = m->identity != IDENTITY_NONE;
}

void
session_timeout(struct session *s)
{
	switch (s->state) {
	case S_DELAY:
		auth_refuse(s);
		break;
	case S_STORING:
		s->ops->late(s);
		break;
	case S_FILE_WAIT:
		if (session_is_mx(s)) {
			session_on_file(s, -1);
			break;
		}
		/* FALLTHROUGH */
	default:
		session_end(s, "4.4.2", session_receiving(s) ?
		    "too slow" : "timeout");
	}
}

/* ---- input -------------------------------------------------------------- */

/*
 * Another protocol's words: a browser or a program was talked into connecting
 * here.  Nothing after them is a command.
 */
static int
foreign(struct span verb)
{
	static const char *const	 words[] = { "GET", "POST", "PUT",
	    "HEAD", "CONNECT", "OPTIONS", "DELETE", "PATCH", "PRI" };
	size_t				 i;

	for (i = 0; i < nitems(words); i++)
		if (span_caseeqs(verb, words[i]))
			return (1);
	return (verb.n > 1 && verb.p[verb.n - 1] == ':');
}

/* No controls in a command line. */
static int
clean(struct span s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] == 0x7f)
			return (0);
	return (1);
}

/* One command; more: octets follow it in what was received. */
static void
line(struct session *s, struct span l, int more)
{
	const struct conf_limits	*lim = &s->listener->limits;
	const struct command		*c;
	struct span			 verb;
	int				 first = !s->any;

	s->any = 1;
	if (++s->commands > lim->commands) {
		session_end(s, "4.7.0", "too many commands");
		return;
	}
	(void)span_split(&l, ' ', &verb);
	for (c = commands; c < commands + nitems(commands); c++)
		if (span_caseeqs(verb, c->verb))
			break;
	if (c == commands + nitems(commands)) {
		if (foreign(verb)) {
			log_info("%s: %s: does not speak SMTP: %s", s->id,
			    s->remote, log_esc(verb));
			session_refuse(s, 554, "5.5.0",
			    "this is a mail server");
			return;
		}
		session_reply(s, 500, "5.5.2", "no such command");
		/* Whoever begins like this has lost its way. */
		if (first && s->state != S_END)
			session_enter(s, S_END, "no SMTP client");
		return;
	}
	if (more && (c->flags & LAST_IN_GROUP) != 0 && (session_is_mx(s) ||
	    c->run == cmd_starttls)) {
		log_info("%s: %s: octets follow %s", s->id, s->remote,
		    c->verb);
		session_refuse(s, 554, "5.5.0", "wait for the reply");
		return;
	}
	if (!clean(l)) {
		session_reply(s, 501, "5.5.2", "controls in a command");
		return;
	}
	/* In AUTH a space and nothing behind it has a meaning. */
	while (l.n > 0 && l.p[l.n - 1] == ' ' && c->run != cmd_auth)
		l.n--;
	s->more = more != 0;
	c->run(s, l);
}

/* Octets that a line may have before its end. */
static size_t
longest(const struct session *s, struct span in)
{
	if (s->state == S_CHALLENGED)
		return (SESSION_SASL_LINE);
	if (span_caseprefix(in, "AUTH "))
		return (SESSION_SASL_LINE + 64);
	return (s->listener->limits.line);
}

static void
too_long(struct session *s)
{
	if (s->state == S_CHALLENGED)
		auth_too_long(s);
	else
		session_reply(s, 500, "5.5.2", "line too long");
}

/* One line, or a part of it that is to be passed over. */
static enum want
take_line(struct session *s, struct span *in)
{
	struct span	 rest = *in, l;
	size_t		 max = longest(s, *in);

	if (span_split(&rest, '\n', &l) == 0) {
		if (s->skip_line || l.n > max + 1) {
			s->skip_line = 1;
			*in = rest;
		}
		return (WANT_READ);
	}
	*in = rest;
	if (l.n > 0 && l.p[l.n - 1] == '\r')
		l.n--;
	if (s->skip_line || l.n > max) {
		s->skip_line = 0;
		too_long(s);
	} else if (s->state == S_CHALLENGED)
		auth_line(s, l);
	else
		line(s, l, in->n > 0);
	return (WANT_PEER);
}

/* WANT_PEER: something was done, look again. */
static enum want
step(struct session *s, struct span *in)
{
	if (session_receiving(s)) {
		if (data_input(s, in) == 0)
			return (WANT_READ);
		return (WANT_PEER);
	}
	if (in->n == 0)
		return (WANT_READ);
	return (take_line(s, in));
}

enum want
session_input(struct session *s, struct span *in)
{
	while (s->state != S_END) {
		if (s->state == S_TLS)
			return (WANT_TLS);
		if (session_waiting(s))
			return (WANT_PEER);
		if (s->out->n > SESSION_OUT_MAX)
			return (WANT_WRITE);
		if (step(s, in) == WANT_READ)
			return (WANT_READ);
	}
	return (WANT_CLOSE);
}
