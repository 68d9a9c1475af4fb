/*
 * The server's side of PLAIN (RFC 4616), LOGIN, IMAP's LOGIN command and
 * EXTERNAL (RFC 4422 appendix A).
 */
#include <string.h>

#include "precis.h"
#include "sasl_int.h"

static enum sasl_step	 take_password(struct sasl_server *, struct span);
static enum sasl_step	 verdict(struct sasl_server *);
static enum sasl_step	 plain_response(struct sasl_server *, struct span);
static enum sasl_step	 login_start(struct sasl_server *);
static enum sasl_step	 login_response(struct sasl_server *, struct span);
static enum sasl_step	 command_start(struct sasl_server *);
static enum sasl_step	 command_response(struct sasl_server *, struct span);
static enum sasl_step	 external_response(struct sasl_server *,
			    struct span);

const struct server_mech	 server_plain = {
	.name = "PLAIN",
	.response = plain_response,
	.resume = verdict,
};

const struct server_mech	 server_login = {
	.name = "LOGIN",
	.start = login_start,
	.response = login_response,
	.resume = verdict,
};

const struct server_mech	 server_command = {
	.name = "LOGIN",
	.start = command_start,
	.response = command_response,
	.resume = verdict,
};

const struct server_mech	 server_external = {
	.name = "EXTERNAL",
	.response = external_response,
};

/* A name that is no name is a name that we do not know: nothing is told. */
enum sasl_step
server_take_name(struct sasl_server *s, struct buf *to, struct span name)
{
	enum precis	 rc;

	buf_reset(to);
	if ((rc = precis_name(to, name)) == PRECIS_OK)
		return (SASL_STEP_MORE);
	if (rc == PRECIS_NOMEM)
		return (server_nomem(s));
	return (server_fail(s, SASL_WHY_USER, rc == PRECIS_EMPTY ?
	    "no user name" : "user name is too long or not one"));
}

/*
 * Ask for the verdict.  What cannot be a password goes the same way and takes
 * the same time.
 */
static enum sasl_step
take_password(struct sasl_server *s, struct span password)
{
	enum precis	 rc;

	rc = precis_password(&s->password, password);
	if (rc != PRECIS_OK && rc != PRECIS_NOMEM) {
		s->impossible = 1;
		rc = buf_add_span(&s->password, password) == -1 ?
		    PRECIS_NOMEM : PRECIS_OK;
	}
	if (rc != PRECIS_OK)
		return (server_nomem(s));
	s->wait = WAIT_VERIFY;
	return (SASL_STEP_VERIFY);
}

static enum sasl_step
verdict(struct sasl_server *s)
{
	if (s->ok && s->known && !s->impossible)
		return (server_done(s));
	if (!s->known)
		return (server_fail(s, SASL_WHY_USER, "unknown user"));
	return (server_fail(s, SASL_WHY_PASSWORD, s->impossible ?
	    "password has characters that none can have" :
	    "wrong password"));
}

/* message = [authzid] NUL authcid NUL passwd */
static enum sasl_step
plain_response(struct sasl_server *s, struct span in)
{
	struct span	 authzid, authcid;
	enum sasl_step	 st;

	if (!span_split(&in, 0, &authzid) || !span_split(&in, 0, &authcid) ||
	    span_find(in, 0) != -1)
		return (server_malformed(s,
		    "not two NULs in the message (RFC 4616 2)"));
	if (authzid.n != 0 &&
	    (st = server_take_name(s, &s->authzid, authzid)) != SASL_STEP_MORE)
		return (st);
	if ((st = server_take_name(s, &s->name, authcid)) != SASL_STEP_MORE)
		return (st);
	if (authzid.n != 0 &&
	    !span_eq(span_buf(&s->authzid), span_buf(&s->name)))
		return (server_fail(s, SASL_WHY_AUTHZID,
		    "authorization identity is another user's"));
	return (take_password(s, in));
}

static enum sasl_step
login_start(struct sasl_server *s)
{
	return (server_more(s, span_str("Username:")));
}

/*
 * The prompts are what old clients look for.  A name that is none is kept for
 * the end, so that it looks like any other.
 */
static enum sasl_step
login_response(struct sasl_server *s, struct span in)
{
	enum precis	 rc;

	if (s->stage)			/* the name is taken */
		return (s->name.n == 0 ? server_fail(s, SASL_WHY_USER,
		    "no user name, or not one") : take_password(s, in));
	s->stage = 1;
	if ((rc = precis_name(&s->name, in)) == PRECIS_NOMEM)
		return (server_nomem(s));
	return (server_more(s, span_str("Password:")));
}

static enum sasl_step
command_start(struct sasl_server *s)
{
	return (server_malformed(s, "LOGIN command without arguments"));
}

static enum sasl_step
command_response(struct sasl_server *s, struct span in)
{
	struct span	 name;
	enum sasl_step	 st;

	if (!span_split(&in, 0, &name) || span_find(in, 0) != -1)
		return (server_malformed(s,
		    "not one NUL between user and password"));
	if ((st = server_take_name(s, &s->name, name)) != SASL_STEP_MORE)
		return (st);
	return (take_password(s, in));
}

/* Whether the holder of the key may be that one is for the caller to say. */
static enum sasl_step
external_response(struct sasl_server *s, struct span in)
{
	enum sasl_step	 st;
	struct span	 name;

	if (in.n != 0 &&
	    (st = server_take_name(s, &s->authzid, in)) != SASL_STEP_MORE)
		return (st);
	if (s->external.n == 0)
		return (server_fail(s, SASL_WHY_USER,
		    "no client certificate that we know"));
	name = in.n != 0 ? span_buf(&s->authzid) : span_buf(&s->external);
	if ((st = server_take_name(s, &s->name, name)) != SASL_STEP_MORE)
		return (st);
	return (server_done(s));
}
