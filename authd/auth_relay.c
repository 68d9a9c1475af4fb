/*
 * Logging in to other servers: SASL's client side, for the relay workers, who
 * say what a server offers and says.  Which transport a worker is for is the
 * parent's word; its secret leaves this process only as a mechanism sends it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authd/auth.h"
#include "authd/auth_secret.h"
#include "log.h"

#define LOGINS_MAX	1000	/* of one worker at once */

/* A login of a worker, from what was offered to the verdict. */
struct relay_login {
	LIST_ENTRY(relay_login)	 entry;
	struct peer		*peer;		/* NULL: nobody waits */
	uint64_t		 conn;		/* the worker's number */
	uint32_t		 type, request;	/* to be answered */
	struct sasl_client	*sasl;
	enum sasl_mech		 mech;
	int			 begun;		/* the server heard of it */
	int			 working;	/* on a helper thread */
	struct dbenv_job	 job;
};

static LIST_HEAD(, relay_login)	 logins = LIST_HEAD_INITIALIZER(logins);

static struct relay_login	*find(struct peer *, uint64_t, unsigned *);
static void	 login_free(struct relay_login *);
static void	 answer(struct relay_login *, enum relay_sasl, struct span,
		    const char *);
static void	 refuse(struct peer *, uint32_t, const struct msg_number *,
		    uint32_t, const char *, ...)
		    __attribute__((__format__(printf, 5, 6)));
static void	 step(struct relay_login *, const struct span *);
static void	 work(struct dbenv_job *);
static void	 worked(struct dbenv_job *);
static void	 no_mechanism(struct peer *, uint32_t,
		    const struct conf_transport *, const struct msg_relay_login *,
		    enum sasl_mech);
static int	 choose(const struct conf_transport *, struct sasl_login *,
		    const struct msg_relay_login *, int *missed);

static struct relay_login *
find(struct peer *p, uint64_t conn, unsigned *n)
{
	struct relay_login	*l, *found = NULL;

	*n = 0;
	LIST_FOREACH(l, &logins, entry)
		if (l->peer == p) {
			++*n;
			if (l->conn == conn)
				found = l;
		}
	return (found);
}

/* A helper thread may have it still: then it goes when that is done. */
static void
login_free(struct relay_login *l)
{
	if (l->working) {
		l->peer = NULL;
		return;
	}
	LIST_REMOVE(l, entry);
	sasl_client_free(l->sasl);
	free(l);
}

static void
answer(struct relay_login *l, enum relay_sasl what, struct span data,
    const char *text)
{
	struct msg_relay_sasl	 r = { .conn = l->conn, .data = data,
				    .outcome = (uint8_t)what };

	r.text = span_str(text);
	if (!l->begun)
		r.mech = span_str(sasl_mech_names[l->mech]);
	l->begun = 1;
	(void)peer_reply(l->peer, l->type, l->request, &c_relay_sasl, &r, -1);
	if (what == RELAY_SASL_NO || what == RELAY_SASL_DONE)
		login_free(l);
}

static void
refuse(struct peer *p, uint32_t type, const struct msg_number *conn,
    uint32_t id, const char *fmt, ...)
{
	struct msg_relay_sasl	 r = { .conn = conn->number,
				    .outcome = RELAY_SASL_NO };
	struct buf		 text = { .max = MSG_TEXT_MAX };
	va_list			 ap;

	va_start(ap, fmt);
	buf_addv(&text, fmt, ap);
	va_end(ap);
	r.text = span_buf(&text);
	(void)peer_reply(p, type, id, &c_relay_sasl, &r, -1);
	buf_free(&text);
}

static const struct conf_transport *
transport_of(struct peer *p)
{
	const char	*name = peer_arg(p);

	return (name == NULL ? NULL : conf_transport(proc_conf(), name));
}

static void
no_secret(struct buf *why, const char *name)
{
	buf_addf(why, errno == ENOENT ?
	    "there is no secret \"%s\": letterctl secret set" :
	    "the secret \"%s\" cannot be read", name);
}

/* ---- an exchange -------------------------------------------------------------- */

static void
work(struct dbenv_job *j)
{
	struct relay_login	*l = j->arg;

	sasl_client_work(l->sasl);
}

static void
worked(struct dbenv_job *j)
{
	struct relay_login	*l = j->arg;

	l->working = 0;
	if (l->peer == NULL)
		login_free(l);
	else
		step(l, NULL);
}

static void
step(struct relay_login *l, const struct span *challenge)
{
	struct sasl_reply	 r;

	switch (sasl_client_step(l->sasl, challenge, &r)) {
	case SASL_STEP_MORE:
		answer(l, r.data.n > 0 ? RELAY_SASL_SEND : r.present ?
		    RELAY_SASL_EMPTY : RELAY_SASL_NOTHING, r.data, "");
		break;
	case SASL_STEP_WORK:
		l->working = 1;
		l->job.run = work;
		l->job.done = worked;
		l->job.arg = l;
		dbenv_job(auth.db.env, &l->job);
		break;
	default:
		answer(l, RELAY_SASL_NO, span_of("", 0),
		    sasl_client_error(l->sasl));
		break;
	}
}

/* What the transport's list, the server and the past leave. */
static int
choose(const struct conf_transport *t, struct sasl_login *l,
    const struct msg_relay_login *m, int *missed)
{
	enum sasl_mech	 order[SASL_MECHS], floor, mech;
	uint32_t	 offered = sasl_mechs_parse(m->offered);
	size_t		 n = 0;

	CONF_EACH(uint32_t, v, &t->mechs)
		if (n < SASL_MECHS) {
			order[n++] = (enum sasl_mech)*v;
			/* Who writes them down may want them anyhow. */
			if (sasl_mech_cleartext((enum sasl_mech)*v))
				l->cleartext = 1;
		}
	floor = secret_floor(&auth.db, t->name);
	mech = sasl_choose(l, offered, n == 0 ? NULL : order, n, floor);
	if (mech != SASL_MECHS)
		*missed = sasl_missed_plus(l, mech, offered,
		    n == 0 ? NULL : order, n);
	else if (sasl_choose(l, offered, n == 0 ? NULL : order, n,
	    SASL_MECHS) != SASL_MECHS)
		log_error("transport %s: the server offers less than %s, by "
		    "which it let us in before: somebody may be in between. "
		    "If it is meant: letterctl secret relax %s", t->name,
		    sasl_mech_names[floor], t->name);
	return (mech);
}

static void
no_mechanism(struct peer *p, uint32_t id, const struct conf_transport *t,
    const struct msg_relay_login *r, enum sasl_mech mech)
{
	struct msg_number	 conn = { r->conn };

	if (mech != SASL_MECHS)
		refuse(p, M_RELAY_LOGIN, &conn, id, "%s cannot be done with "
		    "this secret", sasl_mech_names[mech]);
	else
		refuse(p, M_RELAY_LOGIN, &conn, id, "no mechanism that will "
		    "do is offered%s", t->certificate[0] == '\0' ? "" :
		    r->key ? "; our certificate was shown" :
		    "; the server did not ask for our certificate");
}

int
on_relay_login(struct peer *p, struct imsg *m)
{
	const struct conf_transport	*t;
	struct msg_relay_login		 r;
	struct msg_number		 conn;
	struct relay_login		*l;
	struct sasl_login		 who = { 0 };
	struct secret			 s = { 0 };
	struct buf			 why = { 0 };
	enum sasl_mech			 mech;
	unsigned			 n;
	int				 missed = 0;

	if (imsg_get(m, &c_relay_login, &r) == -1)
		return (-1);
	conn.number = r.conn;
	if (find(p, r.conn, &n) != NULL)
		return (-1);
	t = transport_of(p);
	if (t == NULL || !TRANSPORT_LOGIN(t) || n >= LOGINS_MAX) {
		refuse(p, M_RELAY_LOGIN, &conn, m->id, "no login is configured");
		return (0);
	}
	/* A certificate needs no secret. */
	if (t->auth[0] != '\0' &&
	    secret_get(&auth.db, span_str(t->auth), &s) == -1) {
		no_secret(&why, t->auth);
		refuse(p, M_RELAY_LOGIN, &conn, m->id, "%s", buf_cstr(&why));
		buf_free(&why);
		return (0);
	}
	who.user = span_buf(&s.user);
	who.password = span_buf(&s.password);
	who.tls = r.tls;
	who.trusted = r.verified;
	who.key = r.key && t->certificate[0] != '\0';
	who.bindings.data[SCRAM_TLS_EXPORTER] = r.exporter;
	who.bindings.data[SCRAM_TLS_UNIQUE] = r.unique;
	who.bindings.data[SCRAM_TLS_SERVER_END_POINT] = r.end_point;
	mech = choose(t, &who, &r, &missed);
	l = mech == SASL_MECHS ? NULL : calloc(1, sizeof(*l));
	if (l != NULL && (l->sasl = sasl_client_new(mech, &who, missed)) ==
	    NULL) {
		free(l);
		l = NULL;
	}
	secret_wipe(&s);
	if (l == NULL) {
		no_mechanism(p, m->id, t, &r, mech);
		return (0);
	}
	l->peer = p;
	l->conn = r.conn;
	l->mech = mech;
	l->type = M_RELAY_LOGIN;
	l->request = m->id;
	LIST_INSERT_HEAD(&logins, l, entry);
	step(l, NULL);
	return (0);
}

/* The server let us in: this far down and no further. */
static void
success(struct relay_login *l)
{
	const char	*transport = peer_arg(l->peer);
	enum sasl_mech	 floor;

	if (sasl_client_success(l->sasl) == -1) {
		answer(l, RELAY_SASL_NO, span_of("", 0),
		    sasl_client_error(l->sasl));
		return;
	}
	floor = secret_floor(&auth.db, transport);
	if (l->mech < floor && dbenv_writable(auth.db.env) &&
	    dbenv_begin(auth.db.env) == 0) {
		if (secret_set_floor(&auth.db, transport, l->mech) == -1)
			dbenv_abort(auth.db.env);
		else
			(void)dbenv_commit(auth.db.env);
	}
	answer(l, RELAY_SASL_DONE, span_of("", 0), "");
}

int
on_relay_step(struct peer *p, struct imsg *m)
{
	struct msg_relay_step	 s;
	struct msg_number	 conn;
	struct relay_login	*l;
	unsigned		 n;

	if (imsg_get(m, &c_relay_step, &s) == -1)
		return (-1);
	if ((l = find(p, s.conn, &n)) == NULL) {
		conn.number = s.conn;	/* of before this process's start */
		refuse(p, M_RELAY_STEP, &conn, m->id, "the login is over");
		return (0);
	}
	if (l->working)
		return (-1);
	l->type = M_RELAY_STEP;
	l->request = m->id;
	if (s.success)
		success(l);
	else
		step(l, &s.data);
	return (0);
}

/* A proxy takes a password and nothing else: the one case in which a worker
 * sees a secret before it is used. */
int
on_relay_secret(struct peer *p, struct imsg *m)
{
	const struct conf_transport	*t;
	struct msg_relay_secret		 r = { .result = RESULT_TEMP };
	struct msg_number		 n;
	struct secret			 s = { 0 };
	struct buf			 why = { 0 };

	if (imsg_get(m, &c_number, &n) == -1)
		return (-1);
	t = transport_of(p);
	if (t == NULL || t->kind != TRANSPORT_SOCKS || t->auth[0] == '\0')
		buf_adds(&why, "no login is configured");
	else if (secret_get(&auth.db, span_str(t->auth), &s) == -1)
		no_secret(&why, t->auth);
	else
		r.result = RESULT_OK;
	r.user = span_buf(&s.user);
	r.password = span_buf(&s.password);
	r.text = span_buf(&why);
	(void)peer_reply(p, M_RELAY_SECRET, m->id, &c_relay_secret, &r, -1);
	secret_wipe(&s);
	buf_free(&why);
	return (0);
}

int
on_relay_left(struct peer *p, struct imsg *m)
{
	struct msg_number	 n;
	struct relay_login	*l;
	unsigned		 count;

	if (imsg_get(m, &c_number, &n) == -1)
		return (-1);
	if ((l = find(p, n.number, &count)) != NULL)
		login_free(l);
	return (0);
}

void
relay_link_down(struct peer *p)
{
	struct relay_login	*l, *next;

	for (l = LIST_FIRST(&logins); l != NULL; l = next) {
		next = LIST_NEXT(l, entry);
		if (l->peer == p)
			login_free(l);
	}
	free(peer_arg(p));		/* its transport's name */
	peer_set_arg(p, NULL);
}
