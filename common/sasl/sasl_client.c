/*
 * The client's side of one SASL exchange.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "precis.h"
#include "sasl_int.h"

struct client_mech {
	/* 0, or -1 with errno */
	int		(*begin)(struct sasl_client *,
			    const struct sasl_login *, int missed);
	/* in is NULL the first time and after WORK */
	enum sasl_step	(*step)(struct sasl_client *, const struct span *in,
			    struct sasl_reply *);
};

struct sasl_client {
	enum sasl_mech		 which;
	const struct client_mech *mech;
	int			 stage;		/* steps done */
	int			 last;		/* the verdict may come */
	int			 over;
	struct buf		 user, authzid, password, out;
	struct scram_client	*scram;
	const char		*error;
};

static enum sasl_step	 stop(struct sasl_client *, enum sasl_step,
			    const char *);
static enum sasl_step	 reply(struct sasl_client *, struct sasl_reply *,
			    int last);
static int		 has_nul(const struct buf *);
static int		 begin_external(struct sasl_client *,
			    const struct sasl_login *, int);
static int		 begin_clear(struct sasl_client *,
			    const struct sasl_login *, int);
static int		 begin_cram(struct sasl_client *,
			    const struct sasl_login *, int);
static int		 begin_scram(struct sasl_client *,
			    const struct sasl_login *, int);
static enum sasl_step	 step_external(struct sasl_client *,
			    const struct span *, struct sasl_reply *);
static enum sasl_step	 step_plain(struct sasl_client *,
			    const struct span *, struct sasl_reply *);
static enum sasl_step	 step_login(struct sasl_client *,
			    const struct span *, struct sasl_reply *);
static enum sasl_step	 step_cram(struct sasl_client *,
			    const struct span *, struct sasl_reply *);
static enum sasl_step	 step_scram(struct sasl_client *,
			    const struct span *, struct sasl_reply *);

static const struct client_mech	 mechs[SASL_MECHS] = {
	[SASL_MECH_EXTERNAL] = { begin_external, step_external },
	[SASL_MECH_SCRAM_SHA_256_PLUS] = { begin_scram, step_scram },
	[SASL_MECH_SCRAM_SHA_256] = { begin_scram, step_scram },
	[SASL_MECH_SCRAM_SHA_1_PLUS] = { begin_scram, step_scram },
	[SASL_MECH_SCRAM_SHA_1] = { begin_scram, step_scram },
	[SASL_MECH_CRAM_MD5] = { begin_cram, step_cram },
	[SASL_MECH_PLAIN] = { begin_clear, step_plain },
	[SASL_MECH_LOGIN] = { begin_clear, step_login },
};

struct sasl_client *
sasl_client_new(enum sasl_mech m, const struct sasl_login *l, int missed)
{
	struct sasl_client	*c;
	enum precis		 rc = PRECIS_OK;
	int			 err;

	if (m >= SASL_MECHS) {
		errno = EINVAL;
		return (NULL);
	}
	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	c->which = m;
	c->mech = &mechs[m];
	c->error = "nothing wrong";
	if (m != SASL_MECH_EXTERNAL)
		rc = precis_name(&c->user, l->user);
	if (rc == PRECIS_OK && l->authzid.n != 0)
		rc = precis_name(&c->authzid, l->authzid);
	if (rc != PRECIS_OK)
		errno = rc == PRECIS_NOMEM ? ENOMEM : EINVAL;
	if (rc != PRECIS_OK || c->mech->begin(c, l, missed) == -1) {
		err = errno;
		sasl_client_free(c);
		errno = err;
		return (NULL);
	}
	return (c);
}

void
sasl_client_free(struct sasl_client *c)
{
	if (c == NULL)
		return;
	buf_freezero(&c->user);
	buf_freezero(&c->authzid);
	buf_freezero(&c->password);
	buf_freezero(&c->out);
	scram_client_free(c->scram);
	explicit_bzero(c, sizeof(*c));
	free(c);
}

const char *
sasl_client_name(const struct sasl_client *c)
{
	return (sasl_mech_names[c->which]);
}

int
sasl_client_cleartext(const struct sasl_client *c)
{
	return (sasl_mech_cleartext(c->which));
}

const char *
sasl_client_error(const struct sasl_client *c)
{
	return (c->error);
}

static enum sasl_step
stop(struct sasl_client *c, enum sasl_step st, const char *text)
{
	c->over = 1;
	c->last = 0;
	c->error = text;
	buf_freezero(&c->password);
	buf_reset(&c->out);
	return (st);
}

/* Send what is in out. */
static enum sasl_step
reply(struct sasl_client *c, struct sasl_reply *r, int last)
{
	if (buf_failed(&c->out))
		return (stop(c, SASL_STEP_ERROR, "no memory"));
	r->data = span_buf(&c->out);
	r->present = 1;
	r->last = last != 0;
	c->last = last;
	if (last)
		buf_freezero(&c->password);
	return (SASL_STEP_MORE);
}

static int
has_nul(const struct buf *b)
{
	return (span_find(span_buf(b), 0) != -1);
}

static int
begin_external(struct sasl_client *c, const struct sasl_login *l, int missed)
{
	(void)c;
	(void)l;
	(void)missed;
	return (0);
}

/* The server makes it OpaqueString, so it goes as it is. */
static int
begin_clear(struct sasl_client *c, const struct sasl_login *l, int missed)
{
	(void)missed;
	if (buf_add_span(&c->password, l->password) == -1)
		return (-1);
	if (c->password.n == 0 || c->password.n > PRECIS_PASSWORD_MAX ||
	    has_nul(&c->password)) {
		errno = EINVAL;
		return (-1);
	}
	return (0);
}

/* The server has it as OpaqueString, if it can be one. */
static int
begin_cram(struct sasl_client *c, const struct sasl_login *l, int missed)
{
	enum precis	 rc;

	(void)missed;
	if (l->password.n > PRECIS_PASSWORD_MAX) {
		errno = EINVAL;
		return (-1);
	}
	rc = precis_password(&c->password, l->password);
	if (rc == PRECIS_NOMEM) {
		errno = ENOMEM;
		return (-1);
	}
	return (rc == PRECIS_OK ? 0 : buf_add_span(&c->password, l->password));
}

static int
begin_scram(struct sasl_client *c, const struct sasl_login *l, int missed)
{
	int	 plus, sha1;

	plus = c->which == SASL_MECH_SCRAM_SHA_256_PLUS ||
	    c->which == SASL_MECH_SCRAM_SHA_1_PLUS;
	sha1 = c->which == SASL_MECH_SCRAM_SHA_1_PLUS ||
	    c->which == SASL_MECH_SCRAM_SHA_1;
	c->scram = scram_client_new(sha1 ? SCRAM_SHA_1 : SCRAM_SHA_256,
	    l->user, l->authzid, l->password, plus, missed, &l->bindings);
	return (c->scram == NULL ? -1 : 0);
}

static enum sasl_step
step_external(struct sasl_client *c, const struct span *in,
    struct sasl_reply *r)
{
	(void)in;
	if (c->stage != 0)
		return (stop(c, SASL_STEP_MALFORMED,
		    "server goes on after EXTERNAL's only response"));
	buf_add_span(&c->out, span_buf(&c->authzid));
	return (reply(c, r, 1));
}

static enum sasl_step
step_plain(struct sasl_client *c, const struct span *in, struct sasl_reply *r)
{
	(void)in;
	if (c->stage != 0)
		return (stop(c, SASL_STEP_MALFORMED,
		    "server goes on after PLAIN's only response"));
	/* in one piece: growing would leave the password behind */
	(void)buf_reserve(&c->out, c->authzid.n + c->user.n + c->password.n +
	    2);
	buf_add_span(&c->out, span_buf(&c->authzid));
	buf_addc(&c->out, 0);
	buf_add_span(&c->out, span_buf(&c->user));
	buf_addc(&c->out, 0);
	buf_add_span(&c->out, span_buf(&c->password));
	return (reply(c, r, 1));
}

/* What the prompts say does not matter: their order is fixed. */
static enum sasl_step
step_login(struct sasl_client *c, const struct span *in, struct sasl_reply *r)
{
	(void)in;
	if (c->stage > 1)
		return (stop(c, SASL_STEP_MALFORMED,
		    "server goes on after LOGIN's password"));
	(void)buf_reserve(&c->out, c->user.n + c->password.n);
	buf_add_span(&c->out, span_buf(c->stage == 0 ? &c->user :
	    &c->password));
	return (reply(c, r, c->stage == 1));
}

/* The server speaks first: no initial response. */
static enum sasl_step
step_cram(struct sasl_client *c, const struct span *in, struct sasl_reply *r)
{
	struct sasl_cram_secret	 secret;
	uint8_t			 digest[CRAM_HEX / 2];
	int			 rc;

	if (c->stage == 0)
		return (SASL_STEP_MORE);
	if (c->stage > 1 || in == NULL || in->n == 0)
		return (stop(c, SASL_STEP_MALFORMED,
		    "no challenge for CRAM-MD5, or a second one"));
	rc = sasl_cram_derive(&secret, span_buf(&c->password));
	if (rc == 0)
		rc = cram_digest(&secret, *in, digest);
	explicit_bzero(&secret, sizeof(secret));
	if (rc == -1)
		return (stop(c, SASL_STEP_ERROR, "no memory"));
	buf_add_span(&c->out, span_buf(&c->user));
	buf_addc(&c->out, ' ');
	buf_add_hex(&c->out, span_of(digest, sizeof(digest)));
	return (reply(c, r, 1));
}

static enum sasl_step
step_scram(struct sasl_client *c, const struct span *in, struct sasl_reply *r)
{
	enum scram_status	 st;
	struct span		 out;

	if (c->last)
		return (stop(c, SASL_STEP_MALFORMED,
		    "server goes on after its signature"));
	st = scram_client_step(c->scram, in == NULL ? span_str("") : *in,
	    &out);
	buf_add_span(&c->out, out);
	switch (st) {
	case SCRAM_MORE:
		return (reply(c, r, 0));
	case SCRAM_WORK:
		return (SASL_STEP_WORK);
	case SCRAM_DONE:
		return (reply(c, r, 1));
	case SCRAM_FAIL:
		return (stop(c, SASL_STEP_FAIL,
		    scram_client_error(c->scram)));
	default:
		break;
	}
	return (stop(c, scram_client_why(c->scram) == SCRAM_WHY_MEMORY ?
	    SASL_STEP_ERROR : SASL_STEP_MALFORMED,
	    scram_client_error(c->scram)));
}

enum sasl_step
sasl_client_step(struct sasl_client *c, const struct span *in,
    struct sasl_reply *r)
{
	enum sasl_step	 st;

	memset(r, 0, sizeof(*r));
	buf_reset(&c->out);
	if (c->over)
		return (SASL_STEP_MALFORMED);
	if ((c->stage == 0) != (in == NULL) && c->scram == NULL)
		return (stop(c, SASL_STEP_MALFORMED,
		    "challenge out of order"));
	if (in != NULL && in->n > SASL_DATA_MAX)
		return (stop(c, SASL_STEP_MALFORMED, "challenge too long"));
	st = c->mech->step(c, in, r);
	c->stage++;
	return (st);
}

void
sasl_client_work(struct sasl_client *c)
{
	if (c->scram != NULL)
		scram_client_work(c->scram);
}

int
sasl_client_success(struct sasl_client *c)
{
	if (c->over || !c->last) {
		(void)stop(c, SASL_STEP_FAIL,
		    "server says yes before it can know who we are");
		return (-1);
	}
	c->over = 1;
	return (0);
}
