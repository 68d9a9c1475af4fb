/*
 * EHLO and HELO, STARTTLS, and the commands that do nothing.
 */
#include <stdlib.h>
#include <time.h>

#include "date.h"
#include "offer.h"
#include "path.h"
#include "session.h"

static int	 hello(struct session *, struct span, int);

/* A name goes into Received: only what cannot be mistaken there. */
static int
hello(struct session *s, struct span name, int esmtp)
{
	char	*copy;

	name = span_trim(name);
	if (name.n == 0) {
		session_reply(s, 501, "5.5.4", "a name is missing");
		return (-1);
	}
	if (name.n > 1 && name.p[name.n - 1] == '.')
		name.n--;
	/* Many say their address without the brackets. */
	if (name.n > SESSION_HELO_MAX || (path_domain(name, NULL) == -1 &&
	    path_digits(name, 1) == -1)) {
		session_reply(s, 501, "5.5.2", "malformed name");
		return (-1);
	}
	if ((copy = span_dup(name)) == NULL) {
		session_end(s, "4.3.0", "no memory");
		return (-1);
	}
	free(s->helo);
	s->helo = copy;
	s->esmtp = esmtp != 0;
	if (s->state == S_START)
		session_enter(s, S_READY, "hello");
	else
		session_reset(s, "hello");
	return (0);
}

void
cmd_helo(struct session *s, struct span arg)
{
	if (hello(s, arg, 0) == 0)
		session_say(s, 250, NULL, "%s", s->listener->hostname);
}

unsigned
session_has(const struct session *s)
{
	return ((s->tls ? OFFER_TLS : 0) | (s->binding ? OFFER_BINDING : 0) |
	    (s->client_key ? OFFER_KEY : 0));
}

void
cmd_ehlo(struct session *s, struct span arg)
{
	const struct conf_listener	*l = s->listener;
	struct buf			*o = s->out;
	int				 m, any = 0;

	if (hello(s, arg, 1) == -1)
		return;
	buf_addf(o, "250-%s\r\n250-PIPELINING\r\n250-SIZE %llu\r\n",
	    l->hostname, (unsigned long long)l->limits.message_size);
	if (!s->tls && s->can_tls)
		buf_adds(o, "250-STARTTLS\r\n");
	for (m = 0; !session_is_mx(s) && !s->sasl && m < MECH_COUNT; m++) {
		if (!offered(l, session_has(s), (enum mech)m))
			continue;
		buf_addf(o, "%s %s", any ? "" : "250-AUTH", mech_names[m]);
		any = 1;
	}
	if (any)
		buf_adds(o, "\r\n");
	if (s->tls)
		buf_adds(o, "250-REQUIRETLS\r\n");
	if (!session_is_mx(s)) {
		buf_addf(o, "250-FUTURERELEASE %d ", MSG_HOLD_MAX);
		(void)date_rfc3339_write(o, (int64_t)time(NULL) +
		    MSG_HOLD_MAX);
		buf_adds(o, "\r\n");
	}
	buf_addf(o, "250-LIMITS RCPTMAX=%u\r\n", l->limits.recipients);
	buf_adds(o, "250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n"
	    "250-BINARYMIME\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n"
	    "250 HELP\r\n");
}

void
cmd_starttls(struct session *s, struct span arg)
{
	if (arg.n > 0)
		session_reply(s, 501, "5.5.4", "STARTTLS takes no argument");
	else if (s->tls)
		session_reply(s, 503, "5.5.1", "TLS is active");
	else if (s->account != NULL)
		session_reply(s, 503, "5.5.1", "after a login it is too late");
	else if (s->listener->tls == TLS_OFF)
		session_reply(s, 502, "5.5.1", "no TLS here");
	else if (!s->can_tls)
		session_say(s, 454, "4.7.0", "no TLS for the moment");
	else if (s->state != S_READY && s->state != S_START)
		session_reply(s, 503, "5.5.1", "not within a transaction");
	else {		/* before EHLO too: gsasl does so */
		session_say(s, 220, "2.0.0", "begin TLS");
		session_enter(s, S_TLS, "STARTTLS");
	}
}

void
cmd_rset(struct session *s, struct span arg)
{
	if (arg.n > 0)
		session_reply(s, 501, "5.5.4", "RSET takes no argument");
	else {
		session_reset(s, "RSET");
		session_say(s, 250, "2.0.0", "reset");
	}
	session_junk(s);
}

void
cmd_noop(struct session *s, struct span arg)
{
	(void)arg;		/* RFC 5321 section 4.1.1.9: ignored */
	session_say(s, 250, "2.0.0", "nothing done");
	session_junk(s);
}

void
cmd_help(struct session *s, struct span arg)
{
	(void)arg;
	session_say(s, 214, "2.0.0", "EHLO HELO MAIL RCPT DATA BDAT RSET "
	    "NOOP VRFY HELP QUIT STARTTLS AUTH: RFC 5321");
	session_junk(s);
}

void
cmd_vrfy(struct session *s, struct span arg)
{
	if (arg.n == 0)
		session_reply(s, 501, "5.5.4", "an address is missing");
	else
		session_say(s, 252, "2.5.0",
		    "not verified here; send and it will be seen");
	session_junk(s);
}

void
cmd_quit(struct session *s, struct span arg)
{
	if (arg.n > 0) {
		session_reply(s, 501, "5.5.4", "QUIT takes no argument");
		return;
	}
	session_reset(s, "QUIT");
	session_say(s, 221, "2.0.0", "%s until next time",
	    s->listener->hostname);
	session_enter(s, S_END, "QUIT");
}
