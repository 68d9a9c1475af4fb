/*
 * AUTH, RFC 4954: octets of SASL between the client and auth.  What they mean
 * only auth knows.
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "offer.h"
#include "session.h"

static void	 answer(struct session *, enum sasl_outcome, struct span);
static void	 not_base64(struct session *);
static int	 allowed(struct session *, enum mech);
static void	 start(struct session *, enum mech, int, struct span);
static int	 remember(struct session *, const struct msg_sasl *);
static void	 logged_in(struct session *, const struct msg_sasl *);
static void	 key_refused(struct session *, enum sasl_outcome, struct span);
static void	 on_key(struct session *, const struct msg_sasl *);

static const struct {
	int		 code;
	const char	*enhanced, *text;
} answers[] = {
	[SASL_BAD_CREDENTIALS]	= { 535, "5.7.8", "bad credentials" },
	[SASL_MALFORMED]	= { 501, "5.5.2", "malformed response" },
	[SASL_UNKNOWN_MECH]	= { 504, "5.5.4", "no such mechanism here" },
	[SASL_NEEDS_TLS]	= { 538, "5.7.11", "TLS first" },
	[SASL_DISABLED]		= { 525, "5.7.13", "login is disabled" },
	[SASL_UNAVAILABLE]	= { 454, "4.7.0", "try again later" },
	[SASL_ABORTED]		= { 501, "5.5.0", "aborted" },
};

/* A login that ends without success. */
static void
answer(struct session *s, enum sasl_outcome what, struct span text)
{
	if (s->state != S_READY && s->state != S_START)
		session_enter(s, s->implicit ? S_START : S_READY, "refused");
	if (s->implicit) {
		/* No other way in exists on such a socket. */
		if (what == SASL_UNAVAILABLE || what == SASL_TOO_MANY)
			session_refuse(s, 421, "4.7.0", "try again later");
		else
			session_refuse(s, 530, "5.7.0",
			    "no account for this user");
		return;
	}
	if (what >= nitems(answers) || answers[what].code == 0) {
		session_end(s, "4.7.0", "too many failed logins");
		return;
	}
	/* What base64 stood for is a parameter, 5.5.4. */
	session_reply(s, answers[what].code, what == SASL_MALFORMED &&
	    s->plain ? "5.5.4" : answers[what].enhanced, "%s",
	    what == SASL_DISABLED && text.n > 0 ? log_esc(text) :
	    answers[what].text);
	if (what != SASL_UNAVAILABLE && s->state != S_END &&
	    ++s->logins_failed >= s->listener->limits.login_failures)
		session_end(s, "4.7.0", "too many failed logins");
}

/* Auth was not asked what it means. */
static void
not_base64(struct session *s)
{
	s->plain = 0;
	answer(s, SASL_MALFORMED, span_of(NULL, 0));
}

/* What auth would refuse without looking at a response is refused here; about a
 * key, and whatever looks like one, it says itself. */
static int
allowed(struct session *s, enum mech m)
{
	switch (offer_refuse(s->listener, session_has(s), m)) {
	case SASL_MAY:
		return (1);
	case SASL_NO_KEY:
		if (!s->key_lost)
			return (1);
		answer(s, SASL_UNAVAILABLE, span_of(NULL, 0));
		break;
	case SASL_AFTER_TLS:
		answer(s, SASL_NEEDS_TLS, span_of(NULL, 0));
		break;
	default:
		answer(s, SASL_UNKNOWN_MECH, span_of(NULL, 0));
	}
	return (0);
}

static void
start(struct session *s, enum mech m, int has_initial, struct span initial)
{
	session_enter(s, S_AUTH_WAIT, mech_names[m]);
	s->plain = m == MECH_PLAIN;
	if (s->ops->auth_start(s, span_str(mech_names[m]), has_initial,
	    initial) == -1)
		answer(s, SASL_UNAVAILABLE, span_of(NULL, 0));
}

void
cmd_auth(struct session *s, struct span arg)
{
	struct buf	 data = { .max = MSG_SASL_MAX };
	struct span	 name;
	enum mech	 m;
	int		 has;

	if (s->state == S_START || !s->esmtp) {
		session_reply(s, 503, "5.5.1", "EHLO first");
		return;
	}
	if (session_is_mx(s) || s->sasl || s->state != S_READY) {
		session_reply(s, 503, "5.5.1", session_is_mx(s) ?
		    "no logins on this port" : s->sasl ?
		    "logged in already" : "not within a transaction");
		return;
	}
	has = span_split(&arg, ' ', &name);
	if (name.n == 0) {
		session_reply(s, 501, "5.5.4", "AUTH mechanism [response]");
		return;
	}
	if (!allowed(s, m = mech_by_name(name)))
		return;
	arg = span_trim(arg);	/* some clients write two spaces */
	if (has && !span_eqs(arg, "=") &&
	    (arg.n == 0 || buf_add_unbase64(&data, arg) == -1))
		not_base64(s);
	else
		start(s, m, has, span_buf(&data));
	buf_freezero(&data);
}

void
auth_line(struct session *s, struct span l)
{
	struct buf	 data = { .max = MSG_SASL_MAX };

	if (span_eqs(l, "*")) {
		session_enter(s, S_AUTH_WAIT, "aborted");
		if (s->ops->auth_abort(s) == -1)
			answer(s, SASL_ABORTED, span_of(NULL, 0));
	} else if (!span_eqs(l, "=") &&	/* what some send for nothing */
	    buf_add_unbase64(&data, l) == -1) {
		s->ops->auth_cancel(s);
		not_base64(s);
	} else {
		session_enter(s, S_AUTH_WAIT, "response");
		if (s->ops->auth_step(s, span_buf(&data)) == -1)
			answer(s, SASL_UNAVAILABLE, span_of(NULL, 0));
	}
	buf_freezero(&data);
}

void
auth_too_long(struct session *s)
{
	s->ops->auth_cancel(s);
	session_enter(s, S_READY, "response too long");
	session_reply(s, 500, "5.5.6", "line too long");
}

void
auth_refuse(struct session *s)
{
	answer(s, s->refusal, span_of(NULL, 0));
}

void
session_login_peer(struct session *s)
{
	s->implicit = 1;
	start(s, MECH_EXTERNAL, 1, span_of("", 0));
}

/* Who it is.  -1 without memory. */
static int
remember(struct session *s, const struct msg_sasl *m)
{
	char	*account = span_dup(m->account), *login = span_dup(m->address);

	if (account == NULL || login == NULL) {
		free(account);
		free(login);
		return (-1);
	}
	free(s->account);
	free(s->login);
	s->account = account;
	s->login = login;
	log_info("%s: %s: logged in as %s, account %s", s->id, s->remote,
	    log_escs(login), log_escs(account));
	return (0);
}

static void
logged_in(struct session *s, const struct msg_sasl *m)
{
	if (remember(s, m) == -1) {
		answer(s, SASL_UNAVAILABLE, span_of(NULL, 0));
		return;
	}
	s->sasl = 1;
	s->logins_failed = 0;
	session_enter(s, s->implicit ? S_START : S_READY, "logged in");
	if (s->implicit)
		session_greet(s);
	else
		session_say(s, 235, "2.7.0", "logged in");
	s->implicit = 0;
}

/* ---- by the client's key alone -------------------------------------------- */

static void
key_refused(struct session *s, enum sasl_outcome what, struct span text)
{
	s->env.has_from = 0;
	session_reset(s, "refused");
	switch (what) {
	case SASL_DISABLED:
		session_reply(s, 525, "5.7.13", "%s", text.n > 0 ?
		    log_esc(text) : "login is disabled");
		break;
	case SASL_UNAVAILABLE:
		session_say(s, 454, "4.7.0", "try again later");
		break;
	case SASL_TOO_MANY:
		session_end(s, "4.7.0", "too many failed logins");
		break;
	default:		/* it was removed meanwhile */
		s->client_key = 0;
		session_reply(s, 530, "5.7.0", "log in first");
	}
}

void
auth_by_key(struct session *s)
{
	session_enter(s, S_KEY_WAIT, "by key");
	if (s->ops->auth_key(s) == -1)
		key_refused(s, SASL_UNAVAILABLE, span_of(NULL, 0));
}

static void
on_key(struct session *s, const struct msg_sasl *m)
{
	enum sasl_outcome	 what = (enum sasl_outcome)m->outcome;

	if (what == SASL_OK && remember(s, m) == 0)
		mail_ask(s);
	else
		key_refused(s, what == SASL_OK ? SASL_UNAVAILABLE : what,
		    m->text);
}

void
session_on_sasl(struct session *s, const struct msg_sasl *m)
{
	if (s->state == S_KEY_WAIT) {
		on_key(s, m);
		return;
	}
	if (s->state != S_AUTH_WAIT)
		return;
	switch ((enum sasl_outcome)m->outcome) {
	case SASL_MORE:
		session_enter(s, S_CHALLENGED, "challenge");
		buf_adds(s->out, "334 ");
		buf_add_base64(s->out, m->data);
		buf_adds(s->out, "\r\n");
		break;
	case SASL_OK:
		logged_in(s, m);
		break;
	default:
		s->refusal = (enum sasl_outcome)m->outcome;
		if (m->delay_ms > 0 && !s->implicit) {
			s->delay_ms = m->delay_ms;
			session_enter(s, S_DELAY, "refused");
		} else
			answer(s, s->refusal, m->text);
	}
}
