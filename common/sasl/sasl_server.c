/*
 * The server of one SASL exchange: what all mechanisms have in common.  Holds a
 * password from the response that brought it until the verdict, and no secret
 * after the end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sasl_int.h"

static struct sasl_server *server_alloc(const struct server_mech *);
static enum sasl_step	 server_over(struct sasl_server *, enum sasl_step,
			    enum sasl_why, const char *);

static const struct {
	const struct server_mech	*mech;
	enum scram_hash			 hash;	/* of SCRAM */
	int				 plus;
} mechs[SASL_MECHS] = {
	[SASL_MECH_EXTERNAL] = { &server_external, 0, 0 },
	[SASL_MECH_SCRAM_SHA_256_PLUS] = { &server_scram, SCRAM_SHA_256, 1 },
	[SASL_MECH_SCRAM_SHA_256] = { &server_scram, SCRAM_SHA_256, 0 },
	[SASL_MECH_SCRAM_SHA_1_PLUS] = { &server_scram, SCRAM_SHA_1, 1 },
	[SASL_MECH_SCRAM_SHA_1] = { &server_scram, SCRAM_SHA_1, 0 },
	[SASL_MECH_CRAM_MD5] = { &server_cram, 0, 0 },
	[SASL_MECH_PLAIN] = { &server_plain, 0, 0 },
	[SASL_MECH_LOGIN] = { &server_login, 0, 0 },
};

static struct sasl_server *
server_alloc(const struct server_mech *mech)
{
	struct sasl_server	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	s->mech = mech;
	s->error = "nothing wrong";
	return (s);
}

struct sasl_server *
sasl_server_new(enum sasl_mech m, const struct sasl_facts *f)
{
	const uint32_t		 plus = SASL_BIT(SASL_MECH_SCRAM_SHA_256_PLUS) |
	    SASL_BIT(SASL_MECH_SCRAM_SHA_1_PLUS);
	struct sasl_server	*s;

	if (m >= SASL_MECHS) {
		errno = EINVAL;
		return (NULL);
	}
	if ((s = server_alloc(mechs[m].mech)) == NULL)
		return (NULL);
	s->which = m;
	if (s->mech == &server_scram && (s->scram = scram_server_new(
	    mechs[m].hash, mechs[m].plus, (sasl_offer(f) & plus) != 0,
	    &f->bindings)) == NULL) {
		sasl_server_free(s);
		return (NULL);
	}
	if (m == SASL_MECH_EXTERNAL &&
	    buf_add_span(&s->external, f->external) == -1) {
		sasl_server_free(s);
		return (NULL);
	}
	return (s);
}

struct sasl_server *
sasl_server_new_command(void)
{
	struct sasl_server	*s;

	if ((s = server_alloc(&server_command)) != NULL)
		s->which = SASL_MECH_LOGIN;
	return (s);
}

void
sasl_server_free(struct sasl_server *s)
{
	if (s == NULL)
		return;
	buf_freezero(&s->name);
	buf_freezero(&s->authzid);
	buf_freezero(&s->password);
	buf_freezero(&s->out);
	buf_freezero(&s->external);
	scram_server_free(s->scram);
	explicit_bzero(s, sizeof(*s));
	free(s);
}

static enum sasl_step
server_over(struct sasl_server *s, enum sasl_step st, enum sasl_why why,
    const char *text)
{
	s->wait = WAIT_NEVER;
	s->why = why;
	if (text != NULL)
		s->error = text;
	buf_reset(&s->out);
	buf_freezero(&s->password);
	explicit_bzero(&s->cram, sizeof(s->cram));
	explicit_bzero(s->digest, sizeof(s->digest));
	return (st);
}

enum sasl_step
server_done(struct sasl_server *s)
{
	return (server_over(s, SASL_STEP_DONE, SASL_WHY_NONE, NULL));
}

enum sasl_step
server_fail(struct sasl_server *s, enum sasl_why why, const char *text)
{
	return (server_over(s, SASL_STEP_FAIL, why, text));
}

enum sasl_step
server_malformed(struct sasl_server *s, const char *text)
{
	return (server_over(s, SASL_STEP_MALFORMED, SASL_WHY_PROTOCOL, text));
}

enum sasl_step
server_nomem(struct sasl_server *s)
{
	return (server_over(s, SASL_STEP_ERROR, SASL_WHY_MEMORY,
	    "no memory"));
}

enum sasl_step
server_more(struct sasl_server *s, struct span challenge)
{
	buf_reset(&s->out);
	if (buf_add_span(&s->out, challenge) == -1)
		return (server_nomem(s));
	s->wait = WAIT_CLIENT;
	return (SASL_STEP_MORE);
}

enum sasl_step
sasl_server_step(struct sasl_server *s, const struct span *in,
    struct span *out)
{
	enum sasl_step	 st;
	enum server_wait w = s->wait;

	if (in != NULL && in->n > SASL_DATA_MAX)
		st = server_malformed(s, "response too long");
	else if (w == WAIT_REFUSED)	/* why and error are set */
		st = server_over(s, SASL_STEP_FAIL, s->why, NULL);
	else if (w == WAIT_START && in == NULL)
		st = s->mech->start != NULL ? s->mech->start(s) :
		    server_more(s, span_str(""));
	else if (w == WAIT_START && s->mech->no_initial)
		st = server_malformed(s,
		    "initial response to a mechanism that has none "
		    "(RFC 4422 3)");
	else if ((w == WAIT_START || w == WAIT_CLIENT) && in != NULL)
		st = s->mech->response(s, *in);
	else if ((w == WAIT_LOOKUP || w == WAIT_VERIFY) && in == NULL &&
	    s->answered) {
		s->answered = 0;
		st = s->mech->resume(s);
	} else
		st = server_malformed(s, "step out of order");
	*out = span_buf(&s->out);
	return (st);
}

enum sasl_step
sasl_server_abort(struct sasl_server *s)
{
	if (s->wait == WAIT_REFUSED || s->wait == WAIT_NEVER)
		return (server_over(s, SASL_STEP_FAIL, s->why, NULL));
	return (server_over(s, SASL_STEP_ABORTED, SASL_WHY_ABORTED,
	    "client gave up"));
}

struct span
sasl_server_name(const struct sasl_server *s)
{
	return (span_buf(&s->name));
}

struct span
sasl_server_authzid(const struct sasl_server *s)
{
	return (span_buf(&s->authzid));
}

const char *
sasl_server_mech(const struct sasl_server *s)
{
	return (sasl_mech_names[s->which]);
}

const char *
sasl_server_binding(const struct sasl_server *s)
{
	return (s->scram == NULL ? NULL : scram_server_binding(s->scram));
}

enum sasl_want
sasl_server_wants(const struct sasl_server *s)
{
	return (s->wait == WAIT_LOOKUP ? s->want : SASL_WANT_NOTHING);
}

enum scram_hash
sasl_server_hash(const struct sasl_server *s)
{
	return (mechs[s->which].hash);
}

int
sasl_server_set_scram(struct sasl_server *s, const struct scram_secret *x)
{
	if (sasl_server_wants(s) != SASL_WANT_SCRAM) {
		errno = EINVAL;
		return (-1);
	}
	if (scram_server_set_secret(s->scram, x) == -1)
		return (-1);
	s->answered = 1;
	return (0);
}

int
sasl_server_set_cram(struct sasl_server *s, const struct sasl_cram_secret *x)
{
	if (sasl_server_wants(s) != SASL_WANT_CRAM) {
		errno = EINVAL;
		return (-1);
	}
	s->cram = *x;
	s->answered = 1;
	return (0);
}

struct span
sasl_server_password(const struct sasl_server *s)
{
	return (s->wait == WAIT_VERIFY ? span_buf(&s->password) :
	    span_str(""));
}

int
sasl_server_set_verdict(struct sasl_server *s, int ok, int known)
{
	if (s->wait != WAIT_VERIFY) {
		errno = EINVAL;
		return (-1);
	}
	s->ok = ok != 0;
	s->known = known != 0;
	s->answered = 1;
	return (0);
}

int
sasl_server_set_nonce(struct sasl_server *s, const char *nonce)
{
	if (s->wait == WAIT_START && s->scram != NULL)
		return (scram_server_set_nonce(s->scram, nonce));
	if (s->wait == WAIT_START && s->mech == &server_cram &&
	    strlen(nonce) < sizeof(s->challenge)) {
		strcpy(s->challenge, nonce);
		return (0);
	}
	errno = EINVAL;
	return (-1);
}

enum sasl_why
sasl_server_why(const struct sasl_server *s)
{
	return (s->why);
}

const char *
sasl_server_error(const struct sasl_server *s)
{
	return (s->error);
}
