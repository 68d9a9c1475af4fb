/*
 * "authd: auth": the role.  What it is asked, by whom, is the table of rules;
 * the work is in auth_*.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "authd/auth.h"
#include "authd/roles.h"
#include "dblog.h"
#include "log.h"
#include "sandbox.h"

#define TICK_S		60
#define CACHE		(16u << 20)	/* octets of page cache */
#define COUNTERS	100000		/* of failed logins, in memory */
#define CONNS_MAX	200000		/* of one kind, whatever limits say */

struct auth	 auth;

#define WIRE	(PEER(ROLE_SMTPD) | PEER(ROLE_FRONT))
#define MAIL	(PEER(ROLE_SMTPD) | PEER(ROLE_QUEUED))

static const struct msg_rule	 rules[] = {
	{ M_CONN_OPEN,	WIRE,	MSG_BODY | MSG_FD,	on_conn_open },
	{ M_CONN_TLS,	WIRE,	MSG_BODY,		on_conn_tls },
	{ M_CONN_KEY,	WIRE,	MSG_BODY,		on_conn_key },
	{ M_CONN_CLOSED, WIRE,	MSG_BODY,		on_conn_closed },
	{ M_SASL_START,	WIRE,	MSG_BODY | MSG_FD,	on_sasl_start },
	{ M_SASL_STEP,	WIRE,	MSG_BODY,		on_sasl_step },
	{ M_SASL_ABORT,	WIRE,	MSG_BODY,		on_sasl_abort },
	{ M_RCPT,	MAIL,	MSG_BODY,		on_rcpt },
	{ M_MAY_USE,	PEER(ROLE_QUEUED), MSG_BODY,	on_may_use },
	{ M_ACCOUNT_ROUTES, PEER(ROLE_QUEUED), MSG_BODY, on_account_routes },
	{ M_ACCOUNT_NAMED, PEER(ROLE_QUEUED) | PEER(ROLE_STORE), MSG_BODY,
	    on_account_named },
	{ M_RELAY_LOGIN, PEER(ROLE_RELAY), MSG_BODY,	on_relay_login },
	{ M_RELAY_STEP,	PEER(ROLE_RELAY), MSG_BODY,	on_relay_step },
	{ M_RELAY_SECRET, PEER(ROLE_RELAY), MSG_BODY,	on_relay_secret },
	{ M_RELAY_LEFT,	PEER(ROLE_RELAY), MSG_BODY,	on_relay_left },
	{ M_CTL,	PEER(ROLE_CONTROL), MSG_BODY | MSG_MAYFD, on_ctl },
};

static void	 db_log(void *, enum dbenv_level, const char *);
static void	 db_begun(void *);
static void	 db_undone(void *, uint64_t, int);
static void	 db_fatal(void *, const char *);
static void	 on_notify(evutil_socket_t, short, void *);
static void	 on_turn(evutil_socket_t, short, void *);
static void	 on_tick(evutil_socket_t, short, void *);
static int	 limiter(const struct conf *);
static int	 connect_limiters(const struct conf *);

uint64_t
auth_now(void)
{
	return (proc_now_ms() / 1000);
}

/* ---- the database --------------------------------------------------------- */

static void
db_log(void *arg, enum dbenv_level level, const char *text)
{
	(void)arg;
	dblog("accounts", level, text);
}

/* The end of the turn comes behind everything that is to be done in it. */
static void
db_begun(void *arg)
{
	(void)arg;
	if (event_initialized(&auth.turn))
		event_active(&auth.turn, EV_TIMEOUT, 0);
}

static void
db_undone(void *arg, uint64_t seq, int error)
{
	(void)arg;
	(void)seq;
	log_warn("accounts: writes undone: %s", strerror(error));
	userdb_recount(&auth.db);
}

static void
db_fatal(void *arg, const char *text)
{
	(void)arg;
	log_error("accounts: %s; ending", text);
	_exit(1);
}

static void
on_notify(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	dbenv_notify(auth.db.env);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	dbenv_turn_end(auth.db.env);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	logins_prune();
	auth_tell_gone();
}

/* ---- the role --------------------------------------------------------------- */

/* Failed logins of an address: so many a minute, five times as many a day; for
 * the networks around it three and nine times that. */
static int
limiter(const struct conf *c)
{
	struct ratelimit_window	 w[2] = { { .seconds = 60 },
				    { .seconds = 86400 } };
	struct ratelimit	*r;
	uint32_t		 n = 0, i;

	CONF_EACH(struct conf_listener, l, &c->listeners)
		if (l->limits.login_failures_address > n)
			n = l->limits.login_failures_address;
	if (auth.failures != NULL && n == auth.failures_limit)
		return (0);
	for (i = 0; i < RATELIMIT_CLASSES; i++) {
		w[0].limit[i] = n * (i == 0 ? 1 : i == 1 ? 3 : 9);
		w[1].limit[i] = w[0].limit[i] * 5;
	}
	if ((r = ratelimit_new(w, 2, COUNTERS)) == NULL)
		return (-1);
	ratelimit_free(auth.failures);
	auth.failures = r;
	auth.failures_limit = n;
	return (0);
}

/* New connections to listeners of one kind: so many a minute from an address,
 * three and nine times that from the networks around it. */
static int
connect_limiters(const struct conf *c)
{
	struct ratelimit_window	 w = { .seconds = 60 };
	struct ratelimit	*r;
	uint32_t		 most[nitems(auth.connects)] = { 0 }, n;
	size_t			 k;

	CONF_EACH(struct conf_listener, l, &c->listeners) {
		n = l->limits.connects_address;
		if (n == 0)
			n = CONNECTS_ADDRESS;
		if (n > most[l->kind])
			most[l->kind] = n;
	}
	for (k = 0; k < nitems(auth.connects); k++) {
		if (auth.connects_limit[k] == most[k])
			continue;
		w.limit[0] = most[k];
		w.limit[1] = most[k] * 3;
		w.limit[2] = most[k] * 9;
		if ((r = ratelimit_new(&w, 1, COUNTERS)) == NULL)
			return (-1);
		ratelimit_free(auth.connects[k]);
		auth.connects[k] = r;
		auth.connects_limit[k] = most[k];
	}
	return (0);
}

int
auth_init(const char *home, uid_t uid, gid_t gid)
{
	const struct conf	*c = proc_conf();
	struct dbenv_conf	 dc = { .home = home, .uid = uid, .gid = gid,
				    .cache = CACHE, .margin = c->disk_reserve,
				    .log = db_log, .begun = db_begun,
				    .undone = db_undone, .fatal = db_fatal };
	struct buf		 why = { 0 };
	size_t			 i;

	if (userdb_open(&auth.db, &dc, &why) == -1) {
		log_error("accounts: %s", buf_cstr(&why));
		buf_free(&why);
		return (-1);
	}
	buf_free(&why);
	for (i = 0; i < nitems(auth.open); i++)
		if ((auth.open[i] = ratelimit_open_new(CONNS_MAX)) == NULL)
			return (-1);
	if (verify_init() == 0 && limiter(c) == 0 &&
	    connect_limiters(c) == 0 && canon_conf(c) == 0)
		return (0);
	log_error("no memory");
	return (-1);
}

static int
auth_open(void)
{
	const struct conf	*c = proc_conf();
	struct buf		 dir = { 0 };
	uid_t			 uid = 0;
	gid_t			 gid = 0;
	int			 rc;

	if (proc_privileged() && sandbox_user(c->users[ROLE_AUTH], &uid,
	    &gid) == -1) {
		log_error("no user %s", c->users[ROLE_AUTH]);
		return (-1);
	}
	buf_addf(&dir, "%s/%s", c->state, sandbox_directory(ROLE_AUTH));
	if ((rc = chdir(buf_cstr(&dir))) == -1)
		log_error("%s: %s", buf_cstr(&dir), strerror(errno));
	buf_free(&dir);
	return (rc == -1 ? -1 : auth_init(".", uid, gid));
}

static int
auth_start(void)
{
	static const struct timeval	 every = { TICK_S, 0 };
	struct buf			 why = { 0 };

	event_assign(&auth.notify, proc_base(), dbenv_fd(auth.db.env),
	    EV_READ | EV_PERSIST, on_notify, NULL);
	event_assign(&auth.turn, proc_base(), -1, 0, on_turn, NULL);
	event_assign(&auth.tick, proc_base(), -1, EV_PERSIST, on_tick, NULL);
	logins_init(proc_base());
	if (event_add(&auth.notify, NULL) == -1 ||
	    event_add(&auth.tick, &every) == -1 ||
	    dbenv_start(auth.db.env) == -1) {
		log_error("accounts: %s", strerror(errno));
		return (-1);
	}
	upgrade_settle();
	if (account_routes_check(proc_conf(), &why) == -1)	/* not by a reload */
		log_warn("accounts: %s", buf_cstr(&why));
	buf_free(&why);
	return (0);
}

static void
auth_link_up(struct peer *p)
{
	switch (peer_role(p)) {
	case ROLE_SMTPD:
	case ROLE_FRONT:
		peer_set_arg(p, link_new(p));
		break;
	case ROLE_STORE:
	case ROLE_QUEUED:
		auth_sessions_link_up(p);
		break;
	default:
		break;
	}
}

static void
auth_link_down(struct peer *p)
{
	switch (peer_role(p)) {
	case ROLE_SMTPD:
	case ROLE_FRONT:
		link_free(peer_arg(p));
		peer_set_arg(p, NULL);
		break;
	case ROLE_CONTROL:
		ctl_link_down(p);
		break;
	case ROLE_RELAY:
		relay_link_down(p);
		break;
	default:
		break;
	}
}

/* A domain that is left out takes no key along unasked, a transport no route. */
static int
auth_prepare(const struct conf *c, struct buf *why)
{
	return (tlskey_domains(&auth.db, c, why) == -1 ||
	    account_routes_check(c, why) == -1 ? -1 : 0);
}

static void
auth_commit(void)
{
	if (canon_conf(proc_conf()) == -1 || limiter(proc_conf()) == -1 ||
	    connect_limiters(proc_conf()) == -1)
		log_error("no memory for the new configuration");
	upgrade_settle();
}

static void
auth_stop(void)
{
	logins_flush();
	userdb_close(&auth.db);
	proc_exit(0);
}

const struct role_ops auth_ops = {
	.role = ROLE_AUTH,
	.rules = rules,
	.nrules = nitems(rules),
	.open = auth_open,
	.start = auth_start,
	.link_up = auth_link_up,
	.link_down = auth_link_down,
	.prepare = auth_prepare,
	.commit = auth_commit,
	.stop = auth_stop,
};
