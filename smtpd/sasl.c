/*
 * Logins: octets to auth and back.  With the first of them auth gets one end of
 * a pair; when it says yes, queued has taken that end and the session is there.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authconn.h"
#include "log.h"
#include "smtpd.h"

static int	 on_sasl(void *, struct peer *, struct imsg *);
static void	 give_up(struct conn *);
static int	 begin(struct conn *, const struct msg_sasl_start *);

static void
give_up(struct conn *c)
{
	if (c->link_fd != -1)
		close(c->link_fd);
	c->link_fd = -1;
}

static int
on_sasl(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_sasl	 r = { .outcome = SASL_UNAVAILABLE };
	struct conn	*c = arg;
	int		 rc = 0;

	(void)p;
	c->ask = 0;
	if (m != NULL && (imsg_get(m, &c_sasl, &r) == -1 ||
	    r.conn != c->number)) {
		memset(&r, 0, sizeof(r));
		r.outcome = SASL_UNAVAILABLE;
		rc = -1;
	}
	if (r.outcome == SASL_OK) {
		if (submit_begin(c, c->link_fd) == -1)
			r.outcome = SASL_UNAVAILABLE;
		c->link_fd = -1;
	} else if (r.outcome != SASL_MORE)
		give_up(c);
	session_on_sasl(&c->s, &r);
	conn_run(c);
	return (rc);
}

static int
begin(struct conn *c, const struct msg_sasl_start *m)
{
	int	 fds[2];

	if (!c->counted || authconn_crowded(authconn_who(span_str(c->s.remote))) ||
	    imsg_pair(fds) == -1)
		return (-1);
	give_up(c);
	c->link_fd = fds[0];
	c->ask = peer_ask_behind(authconn_peer(),
	    authconn_who(span_str(c->s.remote)), M_SASL_START, &c_sasl_start, m, fds[1], on_sasl, c);
	return (c->ask == 0 ? -1 : 0);
}

int
sasl_start(struct session *s, struct span mech, int has_initial,
    struct span initial)
{
	struct conn		*c = s->arg;
	struct msg_sasl_start	 m = { .conn = c->number, .mech = mech,
				    .has_initial = (uint8_t)has_initial,
				    .initial = initial };

	return (begin(c, &m));
}

int
sasl_key(struct session *s)
{
	struct conn		*c = s->arg;
	struct msg_sasl_start	 m = { .conn = c->number, .certificate = 1 };

	return (begin(c, &m));
}

int
sasl_step(struct session *s, struct span data)
{
	struct conn		*c = s->arg;
	struct msg_sasl_step	 m = { c->number, data };

	c->ask = peer_ask_behind(authconn_peer(), authconn_who(span_str(s->remote)),
	    M_SASL_STEP, &c_sasl_step, &m, -1, on_sasl, c);
	return (c->ask == 0 ? -1 : 0);
}

int
sasl_abort(struct session *s)
{
	struct conn		*c = s->arg;
	struct msg_number	 m = { c->number };

	c->ask = peer_ask_behind(authconn_peer(), authconn_who(span_str(s->remote)),
	    M_SASL_ABORT, &c_number, &m, -1, on_sasl, c);
	return (c->ask == 0 ? -1 : 0);
}

void
sasl_cancel(struct session *s)
{
	struct conn		*c = s->arg;
	struct msg_number	 m = { c->number };
	uint32_t		 id;

	give_up(c);
	id = peer_ask_behind(authconn_peer(), authconn_who(span_str(s->remote)),
	    M_SASL_ABORT, &c_number, &m, -1, NULL, NULL);
	if (id != 0)
		peer_forget(authconn_peer(), id);
}
