/*
 * Logging in to the server of a transport: octets between it and auth, which
 * has the secret and knows what they mean.
 */
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "proc.h"
#include "queued/relay_conn.h"
#include "io.h"
#include "tlsctx.h"

static int	 ask(struct conn *, enum msg_type, const struct codec *,
		    const void *);
static int	 on_answer(void *, struct peer *, struct imsg *);
static int	 offer(struct conn *, struct span);
static void	 note(struct conn *, struct span);

static struct peer *
auth(void)
{
	return (proc_peer(ROLE_AUTH, 0));
}

/* Why it cannot be: for the log and the result. */
static void
note(struct conn *c, struct span text)
{
	snprintf(c->login_why, sizeof(c->login_why), "%s", log_esc(text));
}

static int
ask(struct conn *c, enum msg_type type, const struct codec *codec,
    const void *m)
{
	c->login_ask = peer_ask(auth(), type, codec, m, -1, on_answer, c);
	if (c->login_ask == 0)
		note(c, span_str("authentication is away"));
	return (c->login_ask == 0 ? -1 : 0);
}

static int
offer(struct conn *c, struct span mechs)
{
	struct msg_relay_login	 m = { .conn = c->number, .offered = mechs };
	struct tlsctx_facts	 f;

	c->login_why[0] = '\0';
	c->mech[0] = '\0';
	if (c->tls[0] != '\0') {
		tlsctx_facts(c->io, &f);
		m.tls = 1;
		m.verified = (uint8_t)(c->policy.verify != 0);
		m.key = f.shown;
		m.exporter = span_of(f.exporter, f.exporter_n);
		m.unique = span_of(f.unique, f.unique_n);
		m.end_point = span_of(f.end_point, f.end_point_n);
	}
	return (ask(c, M_RELAY_LOGIN, &c_relay_login, &m));
}

enum smtpclient_sasl_answer
login_sasl(void *arg, enum smtpclient_sasl_event ev, struct span data,
    struct buf *mech, struct buf *out)
{
	struct conn		*c = arg;
	struct msg_relay_step	 m = { .conn = c->number, .data = data };

	(void)mech;
	(void)out;
	switch (ev) {
	case SMTPCLIENT_SASL_OFFER:
		if (offer(c, data) == 0)
			return (SMTPCLIENT_SASL_WAIT);
		break;
	case SMTPCLIENT_SASL_DONE:
		m.success = 1;
		/* FALLTHROUGH */
	case SMTPCLIENT_SASL_CHALLENGE:
		if (ask(c, M_RELAY_STEP, &c_relay_step, &m) == 0)
			return (SMTPCLIENT_SASL_WAIT);
		break;
	case SMTPCLIENT_SASL_REFUSED:
		break;		/* the connection ends, and tells auth */
	}
	return (SMTPCLIENT_SASL_ABORT);
}

static int
on_answer(void *arg, struct peer *p, struct imsg *m)
{
	static const enum smtpclient_sasl_answer	 answers[] = {
		[RELAY_SASL_SEND] = SMTPCLIENT_SASL_SEND,
		[RELAY_SASL_EMPTY] = SMTPCLIENT_SASL_SEND_EMPTY,
		[RELAY_SASL_NOTHING] = SMTPCLIENT_SASL_SEND,
		[RELAY_SASL_DONE] = SMTPCLIENT_SASL_SEND,
		[RELAY_SASL_NO] = SMTPCLIENT_SASL_ABORT,
	};
	struct msg_relay_sasl	 r = { .outcome = RELAY_SASL_NO };
	struct conn		*c = arg;
	int			 rc = 0;

	(void)p;
	c->login_ask = 0;
	if (m == NULL)
		r.text = span_str("authentication is away");
	else if (imsg_get(m, &c_relay_sasl, &r) == -1 ||
	    r.outcome > RELAY_SASL_NO || r.conn != c->number) {
		memset(&r, 0, sizeof(r));
		r.outcome = RELAY_SASL_NO;
		rc = -1;
	}
	if (r.outcome == RELAY_SASL_NO)
		note(c, r.text);
	c->login_open = r.outcome != RELAY_SASL_NO &&
	    r.outcome != RELAY_SASL_DONE;
	if (r.mech.n > 0)
		snprintf(c->mech, sizeof(c->mech), "%s", log_esc(r.mech));
	if (r.outcome == RELAY_SASL_DONE)
		log_debug("%s: logged in by %s", c->where, c->mech);
	smtpclient_sasl_ready(c->c, answers[r.outcome], r.mech, r.data);
	conn_drive(c);
	return (rc);
}

void
login_left(struct conn *c)
{
	struct msg_number	 m = { c->number };

	if (c->login_ask != 0)
		peer_forget(auth(), c->login_ask);
	c->login_ask = 0;
	if (c->login_open)
		(void)peer_put(auth(), M_RELAY_LEFT, &c_number, &m, -1);
	c->login_open = 0;
}
