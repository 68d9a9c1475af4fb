/*
 * The way through a SOCKS proxy, before the mail server says its first word.
 * Whatever goes wrong with the proxy itself ends the attempt: there is no way
 * around it, and never a direct one.
 */
#include <stdio.h>
#include <string.h>

#include "io.h"
#include "log.h"
#include "proc.h"
#include "queued/relay_conn.h"
#include "socks.h"

static void	 begin(struct conn *, const struct socks_login *);
static int	 on_secret(void *, struct peer *, struct imsg *);

/* Another server would not be reached either. */
void
proxy_failed(struct conn *c, const char *why)
{
	conn_dial_failed(c, why);
	c->at = c->place.ncandidates;
	conn_next_candidate(c);
}

static void
begin(struct conn *c, const struct socks_login *login)
{
	const struct dns_addr	*a = &c->place.candidates[c->at].addr;
	struct socks_target	 to = { .addr = *a,
				    .port = c->dest->t->port };

	if (a->family == 0)
		to.name = conn_host(c);
	if ((c->socks = socks_new(&to, login)) == NULL)
		proxy_failed(c, "the secret cannot be used for a proxy");
	else
		proxy_drive(c);
}

void
proxy_begin(struct conn *c)
{
	struct msg_number	 m = { c->number };

	c->proxying = 1;
	io_deadline(c->io, RELAY_CONNECT);
	if (*c->dest->t->auth == '\0') {
		begin(c, NULL);
		return;
	}
	c->login_ask = peer_ask(proc_peer(ROLE_AUTH, 0), M_RELAY_SECRET,
	    &c_number, &m, -1, on_secret, c);
	if (c->login_ask == 0)
		proxy_failed(c, "authentication is away");
}

/* The one secret that only its owner's worker can use. */
static int
on_secret(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_relay_secret	 r = { .result = RESULT_TEMP };
	struct conn		*c = arg;
	struct socks_login	 login;
	int			 rc = 0;

	(void)p;
	c->login_ask = 0;
	if (m != NULL && imsg_get(m, &c_relay_secret, &r) == -1) {
		memset(&r, 0, sizeof(r));
		r.result = RESULT_TEMP;
		rc = -1;
	}
	if (r.result != RESULT_OK) {
		proxy_failed(c, m == NULL ? "authentication is away" :
		    log_esc(r.text));
		return (rc);
	}
	login.user = r.user;
	login.password = r.password;
	begin(c, &login);
	return (rc);
}

void
proxy_drive(struct conn *c)
{
	struct span		 in = io_in(c->io);
	size_t			 n = in.n;
	enum socks_want		 want;
	enum socks_failure	 f;

	if (c->socks == NULL)		/* its secret is not here yet */
		return;
	want = socks_step(c->socks, &in, io_out(c->io));
	io_drain(c->io, n - in.n);
	io_kick(c->io);
	switch (want) {
	case SOCKS_MORE:
		break;
	case SOCKS_DONE:
		proxy_end(c);
		conn_drive(c);
		break;
	case SOCKS_FAILED:
		f = socks_failure(c->socks);
		if (f == SOCKS_LOGIN || f == SOCKS_PROTOCOL)
			log_error("transport %s: proxy %s: %s",
			    c->dest->t->name, c->dest->t->proxy,
			    socks_error(c->socks));
		if (f != SOCKS_TARGET) {
			proxy_failed(c, socks_error(c->socks));
			break;
		}
		conn_dial_failed(c, socks_error(c->socks));
		conn_next_candidate(c);
		break;
	}
}

void
proxy_end(struct conn *c)
{
	socks_free(c->socks);
	c->socks = NULL;
	c->proxying = 0;
}
