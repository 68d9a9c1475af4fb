/*
 * SCRAM as a SASL mechanism: common/scram does it all.
 */
#include "sasl_int.h"

static enum sasl_step	 scram_response(struct sasl_server *, struct span);
static enum sasl_step	 scram_resume(struct sasl_server *);
static enum sasl_step	 advance(struct sasl_server *, struct span);
static enum sasl_step	 refused(struct sasl_server *, struct span);

const struct server_mech	 server_scram = {
	.name = "SCRAM",
	.response = scram_response,
	.resume = scram_resume,
};

static const enum sasl_why	 whys[] = {
	[SCRAM_WHY_NONE] = SASL_WHY_NONE,
	[SCRAM_WHY_SYNTAX] = SASL_WHY_PROTOCOL,
	[SCRAM_WHY_EXTENSION] = SASL_WHY_PROTOCOL,
	[SCRAM_WHY_BINDING] = SASL_WHY_BINDING,
	[SCRAM_WHY_AUTHZID] = SASL_WHY_AUTHZID,
	[SCRAM_WHY_NONCE] = SASL_WHY_PROTOCOL,
	[SCRAM_WHY_PROOF] = SASL_WHY_PASSWORD,
	[SCRAM_WHY_UNKNOWN] = SASL_WHY_USER,
	[SCRAM_WHY_MEMORY] = SASL_WHY_MEMORY,
};

/* "e=" goes out as a challenge; the failure is what answers the next line. */
static enum sasl_step
refused(struct sasl_server *s, struct span e)
{
	enum sasl_step	 st;

	if ((st = server_more(s, e)) != SASL_STEP_MORE)
		return (st);
	s->wait = WAIT_REFUSED;
	s->why = whys[scram_server_why(s->scram)];
	s->error = scram_server_error(s->scram);
	return (st);
}

static enum sasl_step
advance(struct sasl_server *s, struct span in)
{
	enum scram_status	 st;
	struct span		 out;

	st = scram_server_step(s->scram, in, &out);
	if (s->name.n == 0 && (buf_add_span(&s->name,
	    scram_server_name(s->scram)) == -1 || buf_add_span(&s->authzid,
	    scram_server_authzid(s->scram)) == -1))
		return (server_nomem(s));
	switch (st) {
	case SCRAM_MORE:
		return (server_more(s, out));
	case SCRAM_LOOKUP:
		s->wait = WAIT_LOOKUP;
		s->want = SASL_WANT_SCRAM;
		return (SASL_STEP_LOOKUP);
	case SCRAM_DONE:
		s->stage = 1;
		return (server_more(s, out));
	case SCRAM_FAIL:
		return (refused(s, out));
	default:
		break;
	}
	if (scram_server_why(s->scram) == SCRAM_WHY_MEMORY)
		return (server_nomem(s));
	return (server_malformed(s, scram_server_error(s->scram)));
}

static enum sasl_step
scram_response(struct sasl_server *s, struct span in)
{
	if (!s->stage)
		return (advance(s, in));
	if (in.n != 0)
		return (server_malformed(s,
		    "something said to the server's signature (RFC 5802 5)"));
	return (server_done(s));
}

static enum sasl_step
scram_resume(struct sasl_server *s)
{
	return (advance(s, span_str("")));
}
