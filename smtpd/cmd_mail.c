/*
 * MAIL and RCPT: who sends what to whom, RFC 5321 sections 4.1.1.2 and
 * 4.1.1.3, with SIZE (RFC 1870), BODY (RFC 6152, RFC 3030), SMTPUTF8 (RFC 6531),
 * DSN (RFC 3461), AUTH (RFC 4954), FUTURERELEASE (RFC 4865) and REQUIRETLS
 * (RFC 8689).
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "date.h"
#include "log.h"
#include "path.h"
#include "session.h"

/* Parameters seen, each once. */
#define SEEN_SIZE	0x01u
#define SEEN_BODY	0x02u
#define SEEN_UTF8	0x04u
#define SEEN_RET	0x08u
#define SEEN_ENVID	0x10u
#define SEEN_AUTH	0x20u
#define SEEN_NOTIFY	0x40u
#define SEEN_ORCPT	0x80u
#define SEEN_HOLD	0x100u
#define SEEN_TLS	0x200u

struct param {
	const char	*key;
	unsigned	 seen;
	/* 0, or -1: malformed */
	int		(*set)(struct session *, struct span value, void *);
	/* NULL: always announced */
	int		(*offered)(const struct session *);
};

static int	 put(struct session *, struct span, uint32_t *, uint32_t *);
static int	 params(struct session *, struct span, const struct param *,
		    size_t, void *);

static int
put(struct session *s, struct span v, uint32_t *at, uint32_t *n)
{
	*at = (uint32_t)s->env.text.n;
	*n = (uint32_t)v.n;
	return (buf_add_span(&s->env.text, v));
}

/* All parameters; -1: refused, the reply was given. */
static int
params(struct session *s, struct span args, const struct param *known,
    size_t n, void *arg)
{
	struct span	 key, value;
	unsigned	 seen = 0;
	size_t		 i;
	int		 rc;

	while ((rc = path_param(&args, &key, &value)) == 1) {
		if (!s->esmtp) {
			session_reply(s, 555, "5.5.4",
			    "parameters need EHLO");
			return (-1);
		}
		for (i = 0; i < n && !span_caseeqs(key, known[i].key); i++)
			continue;
		if (i == n || (known[i].offered != NULL &&
		    !known[i].offered(s))) {
			session_reply(s, 555, "5.5.4", "unknown parameter %s",
			    log_esc(key));
			return (-1);
		}
		if ((seen & known[i].seen) != 0) {
			session_reply(s, 501, "5.5.4", "%s twice",
			    known[i].key);
			return (-1);
		}
		seen |= known[i].seen;
		if (known[i].set(s, value, arg) == -1) {
			session_reply(s, 501, "5.5.4", "malformed %s",
			    known[i].key);
			return (-1);
		}
	}
	if (rc == -1)
		session_reply(s, 501, "5.5.4", "malformed parameters");
	return (rc);
}

/* ---- MAIL --------------------------------------------------------------- */

static int
set_size(struct session *s, struct span v, void *arg)
{
	(void)arg;
	/* RFC 1870: up to 20 digits; more than we count is too much anyway. */
	if (v.n == 0 || v.n > 20)
		return (-1);
	if (span_num(v, UINT64_MAX, &s->env.size) == 0)
		return (0);
	s->env.size = UINT64_MAX;
	return (path_digits(v, 0));
}

static int
set_body(struct session *s, struct span v, void *arg)
{
	static const char *const	 names[] = { "7BIT", "8BITMIME",
	    "BINARYMIME" };
	size_t				 i;

	(void)arg;
	for (i = 0; i < nitems(names); i++)
		if (span_caseeqs(v, names[i])) {
			s->env.body = (uint8_t)i;
			return (0);
		}
	return (-1);
}

static int
set_utf8(struct session *s, struct span v, void *arg)
{
	(void)arg;
	s->env.utf8 = 1;
	return (v.p == NULL ? 0 : -1);
}

static int
set_ret(struct session *s, struct span v, void *arg)
{
	(void)arg;
	s->env.ret = span_caseeqs(v, "FULL") ? 1 :
	    span_caseeqs(v, "HDRS") ? 2 : 0;
	return (s->env.ret == 0 ? -1 : 0);
}

static int
set_envid(struct session *s, struct span v, void *arg)
{
	(void)arg;
	if (v.n > PATH_ENVID_MAX || path_xtext(v) == -1)
		return (-1);
	return (put(s, v, &s->env.envid, &s->env.envid_n));
}

/* Nobody here is trusted to say it for another; checked, then forgotten. */
static int
set_auth(struct session *s, struct span v, void *arg)
{
	(void)s;
	(void)arg;
	return (span_eqs(v, "<>") ? 0 : path_xtext(v));
}

/* What is announced over TLS alone, and to those who log in alone. */
static int
over_tls(const struct session *s)
{
	return (s->tls);
}

static int
submitting(const struct session *s)
{
	return (!session_is_mx(s));
}

/* RFC 8689 section 4.1 */
static int
set_requiretls(struct session *s, struct span v, void *arg)
{
	(void)arg;
	s->env.requiretls = 1;
	return (v.p == NULL ? 0 : -1);
}

/* The words of a report's Future-Release-Request, RFC 4865 section 5. */
static int
set_future(struct session *s, const char *how, struct span v)
{
	struct envelope	*e = &s->env;

	if (v.n > MSG_FUTURE_MAX - 8)
		return (-1);
	e->future = (uint32_t)e->text.n;
	buf_adds(&e->text, how);
	buf_add_span(&e->text, v);
	e->future_n = (uint32_t)e->text.n - e->future;
	return (0);
}

/* RFC 4865 section 3: 1 to 9 digits */
static int
set_holdfor(struct session *s, struct span v, void *arg)
{
	(void)arg;
	if (v.n > 9 || path_digits(v, 0) == -1 ||
	    span_num(v, UINT64_MAX, &s->env.hold) == -1 ||
	    s->env.hold > MSG_HOLD_MAX)
		return (-1);
	return (set_future(s, "for;", v));
}

/* A moment that is over is a mistake: it would leave at once. */
static int
set_holduntil(struct session *s, struct span v, void *arg)
{
	struct date	 d;
	int64_t		 now = (int64_t)time(NULL);

	(void)arg;
	if (date_rfc3339_parse(v, &d) == -1 || d.time < now ||
	    d.time > now + MSG_HOLD_MAX)
		return (-1);
	s->env.hold = (uint64_t)(d.time - now);
	return (set_future(s, "until;", v));
}

static const struct param mail_params[] = {
	{ "SIZE",	SEEN_SIZE,	set_size,	NULL },
	{ "BODY",	SEEN_BODY,	set_body,	NULL },
	{ "SMTPUTF8",	SEEN_UTF8,	set_utf8,	NULL },
	{ "RET",	SEEN_RET,	set_ret,	NULL },
	{ "ENVID",	SEEN_ENVID,	set_envid,	NULL },
	{ "AUTH",	SEEN_AUTH,	set_auth,	NULL },
	{ "REQUIRETLS",	SEEN_TLS,	set_requiretls,	over_tls },
	/* one or the other */
	{ "HOLDFOR",	SEEN_HOLD,	set_holdfor,	submitting },
	{ "HOLDUNTIL",	SEEN_HOLD,	set_holduntil,	submitting },
};

/* May this client hand in mail at all? */
int
session_may_send(struct session *s)
{
	if (s->listener->tls == TLS_REQUIRED && !s->tls)
		session_reply(s, 530, "5.7.0", "STARTTLS first");
	else if (session_is_mx(s) || s->account != NULL || s->client_key)
		return (1);
	else if (s->key_lost)	/* on another connection it may be known */
		session_end(s, "4.7.0", "try again later");
	else
		session_reply(s, 530, "5.7.0", "log in first");
	return (0);
}

/* Take "FROM:" or "TO:", spaces before it tolerated. */
static int
keyword(struct span *arg, const char *word)
{
	size_t	 n = strlen(word);

	while (arg->n > 0 && arg->p[0] == ' ') {
		arg->p++;
		arg->n--;
	}
	if (!span_caseprefix(*arg, word))
		return (-1);
	arg->p += n;
	arg->n -= n;
	return (0);
}

static int
too_large(const struct session *s)
{
	return (s->env.size > s->listener->limits.message_size);
}

void
mail_ask(struct session *s)
{
	session_enter(s, S_MAIL_WAIT, "MAIL");
	if (s->ops->mail(s) == -1) {
		session_say(s, 451, "4.3.0", "try again later");
		session_reset(s, "no queue");
	}
}

void
cmd_mail(struct session *s, struct span arg)
{
	struct envelope	*e = &s->env;
	struct path	 path;

	if (s->state == S_START) {
		session_reply(s, 503, "5.5.1", "EHLO first");
		return;
	}
	if (!session_may_send(s))
		return;
	if (s->state != S_READY) {
		session_reply(s, 503, "5.5.1", "there is a sender already");
		return;
	}
	if (keyword(&arg, "FROM:") == -1) {
		session_reply(s, 501, "5.5.4", "MAIL FROM:<address>");
		return;
	}
	session_reset(s, "MAIL");
	if (path_parse(&arg, PATH_NULL, &e->text, &path) == -1) {
		session_reply(s, 501, "5.1.7", "malformed sender");
		return;
	}
	e->from_n = (uint32_t)e->text.n;
	if (params(s, arg, mail_params, nitems(mail_params), NULL) == -1)
		session_reset(s, "refused");
	else if (path.utf8 && !e->utf8) {
		session_reply(s, 553, "5.6.7", "SMTPUTF8 is needed");
		session_reset(s, "refused");
	} else if (too_large(s)) {
		session_reply(s, 552, "5.3.4", "at most %llu octets",
		    (unsigned long long)s->listener->limits.message_size);
		session_reset(s, "refused");
	} else if (buf_failed(&e->text)) {
		session_say(s, 451, "4.3.0", "no memory");
		session_reset(s, "refused");
	} else {
		e->has_from = 1;
		s->transactions++;
		if (session_is_mx(s)) {
			session_enter(s, S_MAIL, "MAIL");
			session_say(s, 250, "2.1.0", "sender is fine");
			return;
		}
		if (s->account == NULL)
			auth_by_key(s);
		else
			mail_ask(s);
	}
}

void
session_on_mail(struct session *s, const struct msg_result *m)
{
	if (s->state != S_MAIL_WAIT)
		return;
	if (m->result == RESULT_OK) {
		session_enter(s, S_MAIL, "sender is fine");
		session_say(s, 250, "2.1.0", "sender is fine");
		return;
	}
	s->env.has_from = 0;
	session_reset(s, "sender refused");
	session_reply_result(s, m->result, m->code, m->enhanced, m->text,
	    m->result == RESULT_NO ? "this sender is not yours" :
	    "try again later");
}

/* ---- RCPT --------------------------------------------------------------- */

static int
set_notify(struct session *s, struct span v, void *arg)
{
	static const struct {
		const char	*name;
		uint32_t	 bit;
	} words[] = {
		{ "NEVER", NOTIFY_NEVER }, { "SUCCESS", NOTIFY_SUCCESS },
		{ "FAILURE", NOTIFY_FAILURE }, { "DELAY", NOTIFY_DELAY },
	};
	struct rcpt	*r = arg;
	struct span	 word;
	size_t		 i;
	int		 more;

	(void)s;
	if (v.p == NULL)
		return (-1);
	do {
		more = span_split(&v, ',', &word);
		for (i = 0; i < nitems(words) &&
		    !span_caseeqs(word, words[i].name); i++)
			continue;
		if (i == nitems(words) || (r->notify & words[i].bit) != 0)
			return (-1);
		r->notify |= words[i].bit;
	} while (more);
	/* RFC 3461 section 4.1: NEVER stands alone */
	return ((r->notify & NOTIFY_NEVER) != 0 && r->notify != NOTIFY_NEVER ?
	    -1 : 0);
}

static int
set_orcpt(struct session *s, struct span v, void *arg)
{
	struct rcpt	*r = arg;

	if (path_orcpt(v, s->env.utf8) == -1)
		return (-1);
	return (put(s, v, &r->orcpt, &r->orcpt_n));
}

static const struct param rcpt_params[] = {
	{ "NOTIFY",	SEEN_NOTIFY,	set_notify,	NULL },
	{ "ORCPT",	SEEN_ORCPT,	set_orcpt,	NULL },
};

static int
room_for_one(struct envelope *e)
{
	struct rcpt	*more;
	size_t		 n = e->room == 0 ? 4 : e->room * 2;

	if (e->nrcpts < e->room)
		return (0);
	if ((more = reallocarray(e->rcpts, n, sizeof(*more))) == NULL)
		return (-1);
	e->rcpts = more;
	e->room = n;
	return (0);
}

/* Is the last recipient one of those before it?  Then it is one. */
static int
twice(const struct envelope *e, const struct rcpt *r)
{
	struct span	 a = envelope_span(e, r->address, r->address_n);
	const struct rcpt *q;

	for (q = e->rcpts; q < e->rcpts + e->nrcpts; q++)
		if (span_eq(a, envelope_span(e, q->address, q->address_n)))
			return (1);
	return (0);
}

/* Forget the recipient that is being looked at. */
static void
forget(struct session *s, const struct rcpt *r)
{
	buf_truncate(&s->env.text, r->address);
	session_enter(s, s->env.nrcpts > 0 ? S_RCPT : S_MAIL, "refused");
}

static int
rcpt_when(struct session *s)
{
	const struct conf_limits	*lim = &s->listener->limits;

	if (s->state == S_START)
		session_reply(s, 503, "5.5.1", "EHLO first");
	else if (!session_may_send(s))
		return (-1);
	else if (s->state == S_CHUNKS)
		session_reply(s, 503, "5.5.1", "not within BDAT");
	else if (s->state != S_MAIL && s->state != S_RCPT)
		session_reply(s, 503, "5.5.1", "MAIL first");
	else if (s->env.nrcpts >= lim->recipients) {
		/* RFC 5321 section 4.5.3.1.10 */
		session_say(s, 452, "4.5.3", "too many recipients");
		if (++s->over > lim->recipients)
			session_end(s, "4.7.0", "too many recipients");
	} else
		return (0);
	return (-1);
}

void
cmd_rcpt(struct session *s, struct span arg)
{
	struct envelope	*e = &s->env;
	struct path	 path;
	struct rcpt	 r = { 0 };

	if (rcpt_when(s) == -1)
		return;
	if (keyword(&arg, "TO:") == -1) {
		session_reply(s, 501, "5.5.4", "RCPT TO:<address>");
		return;
	}
	e->tried++;
	r.address = (uint32_t)e->text.n;
	if (path_parse(&arg, PATH_POSTMASTER, &e->text, &path) == -1) {
		session_reply(s, 501, "5.1.3", "malformed recipient");
		return;
	}
	r.address_n = (uint32_t)e->text.n - r.address;
	if (params(s, arg, rcpt_params, nitems(rcpt_params), &r) == -1) {
		buf_truncate(&e->text, r.address);
		return;
	}
	if (path.utf8 && !e->utf8) {
		buf_truncate(&e->text, r.address);
		session_reply(s, 553, "5.6.7", "SMTPUTF8 is needed");
		return;
	}
	if (buf_failed(&e->text) || room_for_one(e) == -1) {
		session_say(s, 451, "4.3.0", "no memory");
		session_reset(s, "no memory");
		return;
	}
	if (twice(e, &r)) {
		buf_truncate(&e->text, r.address);
		session_say(s, 250, "2.1.5", "recipient is fine");
		return;
	}
	e->rcpts[e->nrcpts] = r;	/* counted once it is accepted */
	session_enter(s, S_RCPT_WAIT, "RCPT");
	if (s->ops->rcpt(s) == -1) {
		forget(s, &r);
		session_say(s, 451, "4.3.0", "try again later");
	}
}

static void
accepted(struct session *s)
{
	s->env.nrcpts++;
	session_enter(s, S_RCPT, "recipient is fine");
	session_say(s, 250, "2.1.5", "recipient is fine");
}

/* What auth knows of an address. */
void
session_on_rcpt(struct session *s, const struct msg_rcpt *m)
{
	struct rcpt	*r;

	if (s->state != S_RCPT_WAIT)
		return;
	r = &s->env.rcpts[s->env.nrcpts];
	if (m->result == RESULT_OK) {
		r->account = m->account;
		r->partition = m->partition;
		if (put(s, m->name, &r->name, &r->name_n) == 0)
			accepted(s);
		else {
			session_say(s, 451, "4.3.0", "no memory");
			session_reset(s, "no memory");
		}
		return;
	}
	log_info("%s: %s: recipient <%s> refused: %s", s->id, s->remote,
	    log_esc(envelope_span(&s->env, r->address, r->address_n)),
	    m->result == RESULT_TEMP ? "temporarily" :
	    m->local ? "unknown" : "not ours");
	forget(s, r);
	if (m->result == RESULT_TEMP)
		session_say(s, 451, "4.3.0", "%s", m->text.n == 0 ?
		    "try again later" : log_esc(m->text));
	else if (m->local)
		session_reply(s, 550, "5.1.1", "%s", m->text.n == 0 ?
		    "no such address here" : log_esc(m->text));
	else
		session_reply(s, 550, "5.7.1", "we do not relay for you");
}

void
session_on_rcpt_result(struct session *s, const struct msg_result *m)
{
	if (s->state != S_RCPT_WAIT)
		return;
	if (m->result == RESULT_OK) {
		accepted(s);
		return;
	}
	forget(s, &s->env.rcpts[s->env.nrcpts]);
	session_reply_result(s, m->result, m->code, m->enhanced, m->text,
	    m->result == RESULT_NO ? "no such address" : "try again later");
}
