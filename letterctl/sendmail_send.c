/*
 * The session of sendmail(8) with a submission server, or with the suite on
 * this machine through its socket.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "letterctl/sendmail.h"
#include "netclient.h"

struct session {
	struct sendmail_conf		*conf;
	struct smtpclient_message	*m;
	struct netlogin			 login;
	struct tlsctx_client		*tls;
	struct smtpclient		*c;
	struct buf			*why;
	int				 verbose;
	int				 rc;	/* of what is not a reply */
};

/* ---- the session ------------------------------------------------------------ */

/* The engine's callbacks have one argument. */
static enum smtpclient_sasl_answer
on_sasl(void *arg, enum smtpclient_sasl_event what, struct span data,
    struct buf *mech, struct buf *out)
{
	struct session	*s = arg;

	return (netlogin_smtp(&s->login, what, data, mech, out));
}

static void
trace(void *arg, int sent, struct span line)
{
	struct session	*s = arg;
	struct buf	 b = { .max = 4096 };

	if (!s->verbose)
		return;
	buf_add_escaped(&b, line);
	fprintf(stderr, "%s %s\n", sent ? ">>>" : "<<<", buf_cstr(&b));
	buf_free(&b);
}

/* Hand the message in, and say goodbye. */
static void
hand_in(struct session *s)
{
	uint64_t	 max;

	if (netclient_smtp(s->login.net, s->c) != SMTPCLIENT_READY)
		return;
	max = smtpclient_size_max(s->c);
	if (max > 0 && s->m->size > max) {
		buf_addf(s->why, "the message has %llu octets, and the server "
		    "takes %llu", (unsigned long long)s->m->size,
		    (unsigned long long)max);
		s->rc = EX_DATAERR;
	} else if (smtpclient_send(s->c, s->m) == 0 &&
	    netclient_smtp(s->login.net, s->c) != SMTPCLIENT_READY)
		return;
	smtpclient_quit(s->c);
	(void)netclient_smtp(s->login.net, s->c);
}

/* ---- what became of it ----------------------------------------------------- */

/* A reply in terms of sysexits.h. */
static int
status(const struct smtpclient_result *r)
{
	if (r->outcome == SMTPCLIENT_TEMP)
		return (EX_TEMPFAIL);
	if (strncmp(r->enhanced, "5.1.", 4) == 0)
		return (EX_NOUSER);
	if (strncmp(r->enhanced, "5.7.", 4) == 0)
		return (EX_NOPERM);
	if (strncmp(r->enhanced, "5.6.", 4) == 0 ||
	    strcmp(r->enhanced, "5.3.4") == 0)
		return (EX_DATAERR);
	return (EX_UNAVAILABLE);
}

static void
say(struct buf *why, struct span who, const struct smtpclient_result *r)
{
	if (why->n > 0)
		buf_adds(why, "; ");
	if (who.n > 0) {
		buf_add_escaped(why, who);
		buf_adds(why, ": ");
	}
	if (r->code != 0)
		buf_addf(why, "%u ", r->code);
	buf_addf(why, "%s %s", r->enhanced, r->text == NULL ? "" : r->text);
}

/* The worst that happened; one that may pass over others that may not. */
static int
judge(struct session *s)
{
	static const int	 failures[] = {
		[SMTPCLIENT_FAIL_TLS] = EX_TEMPFAIL,
		[SMTPCLIENT_FAIL_AUTH] = EX_NOPERM,
		[SMTPCLIENT_FAIL_PROTOCOL] = EX_PROTOCOL,
		[SMTPCLIENT_FAIL_LOCAL] = EX_OSERR,
	};
	const struct smtpclient_result	*r;
	enum smtpclient_failure		 f = smtpclient_failure(s->c);
	size_t				 i, bad = 0;
	int				 rc = s->rc;

	for (i = 0; i < s->m->nrcpts; i++) {
		r = &s->m->rcpts[i].result;
		if (r->outcome == SMTPCLIENT_OK)
			continue;
		if (r->outcome == SMTPCLIENT_PENDING || bad++ >= 3)
			continue;
		say(s->why, s->m->rcpts[i].address, r);
		if (rc == 0)
			rc = status(r);
	}
	for (i = 0; i < s->m->nrcpts; i++)
		if (s->m->rcpts[i].result.outcome != SMTPCLIENT_OK)
			break;
	if (i == s->m->nrcpts)
		return (0);	/* whatever happened afterwards */
	if (f != SMTPCLIENT_NO_FAILURE && bad == 0) {
		r = smtpclient_error(s->c);
		if (s->why->n == 0 && r->code == 0 && s->login.error != NULL)
			buf_addf(s->why, "login: %s", s->login.error);
		else if (s->why->n == 0 || r->code != 0)
			say(s->why, span_str(""), r);
		if (rc == 0 && (size_t)f < nitems(failures))
			rc = failures[f];
		if (rc == 0)
			rc = status(r);
	}
	return (rc != 0 ? rc : EX_TEMPFAIL);
}

/* Who we are there, and what may be shown to whom. */
static int
prepare(struct session *s)
{
	const struct sendmail_conf	*c = s->conf;
	struct sasl_login		*who = &s->login.who;
	struct buf			 none = { .max = 256 };

	s->login.used = SASL_MECHS;
	if (c->server == NULL)
		return (0);
	s->login.order = c->nmechs > 0 ? c->mechs : NULL;
	s->login.norder = c->nmechs;
	if (c->user != NULL)
		who->user = span_str(c->user);
	if (c->cert.n > 0)
		who->authzid = who->user;
	who->password = span_buf(&c->password);
	who->cleartext = !c->verify || c->tls == SMTPCLIENT_TLS_OFF;
	s->tls = tlsctx_client_new(c->ca, &none);
	buf_free(&none);
	if (s->tls == NULL) {
		buf_adds(s->why, "no memory");
		return (EX_OSERR);
	}
	return (c->cert.n > 0 && tlsctx_client_key(s->tls, span_buf(&c->cert),
	    span_buf(&c->key), s->why) == -1 ? EX_CONFIG : 0);
}

static int
connect_to(struct session *s)
{
	const struct sendmail_conf	*c = s->conf;
	struct netclient_settings	 to = { .tls = s->tls };
	char				 port[8];

	snprintf(port, sizeof(port), "%u", (unsigned)c->port);
	to.host = c->server != NULL ? c->server : c->socket;
	to.port = port;
	to.unverified = !c->verify;
	if ((s->login.net = netclient_open(&to, s->why)) == NULL)
		return (c->server != NULL && errno == ENOENT ? EX_NOHOST :
		    EX_TEMPFAIL);
	if (c->server != NULL && c->tls == SMTPCLIENT_TLS_IMPLICIT &&
	    netclient_tls(s->login.net) == -1) {
		buf_adds(s->why, netclient_error(s->login.net));
		return (EX_TEMPFAIL);
	}
	return (0);
}

int
sendmail_send(struct sendmail_conf *conf, struct smtpclient_message *m,
    int verbose, struct buf *why)
{
	struct session			 s = { .conf = conf, .m = m, .why = why,
					    .verbose = verbose };
	struct smtpclient_settings	 set = { .trace = trace, .arg = &s };
	int				 rc;

	set.hostname = conf->hostname;
	set.tls = SMTPCLIENT_TLS_OFF;
	if (conf->server != NULL) {
		set.tls = conf->tls;
		set.sasl = on_sasl;
		set.sasl_in_clear = conf->tls == SMTPCLIENT_TLS_OFF;
	}
	if ((rc = prepare(&s)) == 0 && (rc = connect_to(&s)) == 0) {
		if ((s.c = smtpclient_new(&set)) == NULL) {
			buf_adds(why, "no memory");
			rc = EX_OSERR;
		} else {
			hand_in(&s);
			rc = judge(&s);
		}
	}
	netlogin_clear(&s.login);
	smtpclient_free(s.c);
	netclient_free(s.login.net);
	tlsctx_client_free(s.tls);
	return (rc);
}
