/*
 * "authd: control": letterctl's requests.  A client is one SOCK_SEQPACKET
 * connection that speaks M_CTL alone.  The kernel says who it is; a table says
 * who may ask what, and which process answers.  Requests and their descriptors
 * are handed on, answers come back in pages; nothing is kept here.
 */
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build.h"
#include "control.h"
#include "log.h"
#include "msg.h"
#include "proc.h"

#define CLIENTS_MAX	64	/* connections, all users together */
#define CLIENTS_OTHERS	48	/* of all but root and the owner */
#define CLIENTS_USER	16	/* of one of them */
#define REQUESTS_MAX	256	/* under way, those of clients that left too */
#define ACCEPT_PAUSE	200000	/* microseconds without a free descriptor */
#define IDLE		300	/* seconds a client may be silent */

struct client {
	LIST_ENTRY(client)	 entry;
	struct peer		*peer;
	struct event		*idle;
	uid_t			 uid;
	unsigned		 open;	/* requests without an answer yet */
};

/* A request under way.  Its client may leave meanwhile. */
struct request {
	LIST_ENTRY(request)	 entry;
	struct client		*client;	/* NULL: gone */
	uint32_t		 id;
	const struct verb	*verb;
	struct buf		 octets;	/* the request, to be sent again */
	struct msg_ctl		 m;		/* decoded from octets */
	unsigned		 instance;	/* of the role being asked */
	int			 fd;
};

enum answerer { BY_CONTROL, BY_AUTH, BY_QUEUED, BY_STORE, BY_ALL_STORES,
    BY_ALL_SMTPD, BY_LOOKUP };

struct verb {
	const char	*name;
	enum answerer	 who;
	int		 change;	/* the owner and root alone */
	void		(*run)(struct request *);
};

static void	 on_accept(evutil_socket_t, short, void *);
static void	 on_idle(evutil_socket_t, short, void *);
static int	 on_ctl(struct peer *, struct imsg *);
static void	 on_down(struct peer *, const char *);
static int	 on_page(void *, struct peer *, struct imsg *);
static int	 on_located(void *, struct peer *, struct imsg *);
static int	 on_result(void *, struct peer *, struct imsg *);
static int	 on_status(void *, struct peer *, struct imsg *);
static void	 error(struct request *, const char *);
static void	 done(struct request *, const struct msg_ctl_page *);
static void	 forget(struct request *);
static void	 start(struct request *);
static void	 pass_on(struct request *, struct peer *, const struct msg_ctl *,
		    reply_fn);
static int	 split_cursor(struct request *);
static enum role	 answering(const struct verb *);
static void	 run_status(struct request *);
static void	 run_reload(struct request *);
static void	 run_stop(struct request *);
static void	 run_log_level(struct request *);
static void	 run_log_reopen(struct request *);

static const struct msg_rule	 client_rules[] = {
	{ M_CTL, PEER(ROLE_SESSION), MSG_BODY | MSG_MAYFD, on_ctl },
};
static const struct peer_ops	 client_ops = { client_rules,
    nitems(client_rules), on_down };

static LIST_HEAD(, client)	 clients = LIST_HEAD_INITIALIZER(clients);
static LIST_HEAD(, request)	 requests = LIST_HEAD_INITIALIZER(requests);
static struct event		*accepting, *accept_again;
static unsigned			 nclients, nothers, nrequests;
static uid_t			 owner;

static const struct verb verbs[] = {
	{ "status",		BY_CONTROL,	0, run_status },
	{ "reload",		BY_CONTROL,	1, run_reload },
	{ "stop",		BY_CONTROL,	1, run_stop },
	{ "log level",		BY_CONTROL,	1, run_log_level },
	{ "log reopen",		BY_CONTROL,	1, run_log_reopen },
	{ "account add",	BY_AUTH,	1, NULL },
	{ "account list",	BY_AUTH,	0, NULL },
	{ "account show",	BY_AUTH,	0, NULL },
	{ "account remove",	BY_AUTH,	1, NULL },
	{ "account move",	BY_AUTH,	1, NULL },
	{ "account moves",	BY_AUTH,	0, NULL },
	{ "account disable",	BY_AUTH,	1, NULL },
	{ "account enable",	BY_AUTH,	1, NULL },
	{ "account password",	BY_AUTH,	1, NULL },
	{ "account quota",	BY_AUTH,	1, NULL },
	{ "account local-user",	BY_AUTH,	1, NULL },
	{ "account route add",	BY_AUTH,	1, NULL },
	{ "account route list",	BY_AUTH,	0, NULL },
	{ "account route remove", BY_AUTH,	1, NULL },
	{ "address add",	BY_AUTH,	1, NULL },
	{ "address remove",	BY_AUTH,	1, NULL },
	{ "tlspubkey add",	BY_AUTH,	1, NULL },
	{ "tlspubkey list",	BY_AUTH,	0, NULL },
	{ "tlspubkey show",	BY_AUTH,	0, NULL },
	{ "tlspubkey remove",	BY_AUTH,	1, NULL },
	{ "tlspubkey update",	BY_AUTH,	1, NULL },
	{ "secret set",		BY_AUTH,	1, NULL },
	{ "secret list",	BY_AUTH,	0, NULL },
	{ "secret remove",	BY_AUTH,	1, NULL },
	{ "secret relax",	BY_AUTH,	1, NULL },
	{ "dns query",		BY_LOOKUP,	0, NULL },
	{ "dns facts",		BY_LOOKUP,	0, NULL },
	{ "dns sts",		BY_LOOKUP,	0, NULL },
	{ "logins",		BY_AUTH,	0, NULL },
	{ "backup auth",	BY_AUTH,	1, NULL },
	{ "verify auth",	BY_AUTH,	0, NULL },
	{ "queue list",		BY_QUEUED,	0, NULL },
	{ "queue show",		BY_QUEUED,	0, NULL },
	{ "queue dump",		BY_QUEUED,	1, NULL },
	{ "queue hold",		BY_QUEUED,	1, NULL },
	{ "queue release",	BY_QUEUED,	1, NULL },
	{ "queue kick",		BY_QUEUED,	1, NULL },
	{ "queue schedule",	BY_QUEUED,	1, NULL },
	{ "queue transport",	BY_QUEUED,	1, NULL },
	{ "queue requiretls",	BY_QUEUED,	1, NULL },
	{ "queue drop",		BY_QUEUED,	1, NULL },
	{ "queue fail",		BY_QUEUED,	1, NULL },
	{ "queue holdrule list", BY_QUEUED,	0, NULL },
	{ "queue holdrule add",	BY_QUEUED,	1, NULL },
	{ "queue holdrule remove", BY_QUEUED,	1, NULL },
	{ "queue retired list",	BY_QUEUED,	0, NULL },
	{ "queue retired show",	BY_QUEUED,	0, NULL },
	{ "suppression list",	BY_QUEUED,	0, NULL },
	{ "suppression add",	BY_QUEUED,	1, NULL },
	{ "suppression remove",	BY_QUEUED,	1, NULL },
	{ "suppression lookup",	BY_QUEUED,	0, NULL },
	{ "mtasts list",	BY_QUEUED,	0, NULL },
	{ "mtasts show",	BY_QUEUED,	0, NULL },
	{ "mtasts forget",	BY_QUEUED,	1, NULL },
	{ "mtasts refresh",	BY_QUEUED,	1, NULL },
	{ "route explain",	BY_QUEUED,	0, NULL },
	{ "backup queue",	BY_QUEUED,	1, NULL },
	{ "verify queue",	BY_QUEUED,	0, NULL },
	{ "submissions list",	BY_QUEUED,	0, NULL },
	{ "submissions end",	BY_QUEUED,	1, NULL },
	{ "mailbox list",	BY_STORE,	0, NULL },
	{ "acl list",		BY_STORE,	0, NULL },
	{ "acl set",		BY_STORE,	1, NULL },
	{ "acl delete",		BY_STORE,	1, NULL },
	{ "export mbox",	BY_STORE,	1, NULL },
	{ "import mbox",	BY_STORE,	1, NULL },
	{ "import mark",	BY_STORE,	1, NULL },
	{ "backup mail",	BY_ALL_STORES,	1, NULL },
	{ "verify mail",	BY_ALL_STORES,	0, NULL },
	{ "sessions list",	BY_ALL_STORES,	0, NULL },
	{ "sessions end",	BY_ALL_STORES,	1, NULL },
	{ "connections list",	BY_ALL_SMTPD,	0, NULL },
	{ "connections end",	BY_ALL_SMTPD,	1, NULL },
};

/* ---- clients ------------------------------------------------------------ */

static void
on_idle(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	 idle = { IDLE, 0 };
	struct client			*c = arg;

	(void)fd;
	(void)what;
	if (c->open > 0)
		event_add(c->idle, &idle);
	else
		peer_close(c->peer, "idle");
}

/* Root and the owner of the service always find room. */
static int
privileged(uid_t uid)
{
	return (uid == 0 || uid == owner);
}

static int
has_room(uid_t uid)
{
	struct client	*c;
	unsigned	 same = 0;

	if (privileged(uid))
		return (nclients < CLIENTS_MAX);
	LIST_FOREACH(c, &clients, entry)
		same += c->uid == uid;
	return (nclients < CLIENTS_MAX && nothers < CLIENTS_OTHERS &&
	    same < CLIENTS_USER);
}

static void
on_accept_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	event_add(accepting, NULL);
}

static void
on_accept(evutil_socket_t lfd, short what, void *arg)
{
	static const struct timeval	 idle = { IDLE, 0 };
	static const struct timeval	 pause = { 0, ACCEPT_PAUSE };
	struct ucred			 who;
	struct client			*c;
	socklen_t			 n = sizeof(who);
	int				 fd;

	(void)what;
	(void)arg;
	fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1) {
		/* It stays readable while there is no descriptor for it. */
		if (errno != EAGAIN && errno != EINTR &&
		    errno != ECONNABORTED) {
			event_del(accepting);
			event_add(accept_again, &pause);
		}
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == -1) {
		close(fd);
		return;
	}
	if (!has_room(who.uid) || (c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return;
	}
	c->uid = who.uid;
	c->peer = peer_new(proc_base(), fd, ROLE_SESSION, (unsigned)who.pid,
	    &client_ops, c);
	if (c->peer == NULL) {
		free(c);
		return;
	}
	if ((c->idle = event_new(proc_base(), -1, 0, on_idle, c)) != NULL)
		event_add(c->idle, &idle);
	LIST_INSERT_HEAD(&clients, c, entry);
	nclients++;
	nothers += !privileged(c->uid);
}

static void
on_down(struct peer *p, const char *why)
{
	struct client	*c = peer_arg(p);
	struct request	*r;

	(void)why;
	LIST_FOREACH(r, &requests, entry)
		if (r->client == c)
			r->client = NULL;
	LIST_REMOVE(c, entry);
	if (c->idle != NULL)
		event_free(c->idle);
	nclients--;
	nothers -= !privileged(c->uid);
	free(c);
}

/* ---- requests ----------------------------------------------------------- */

static void
forget(struct request *r)
{
	if (r->client != NULL)
		r->client->open--;
	if (r->fd != -1)
		close(r->fd);
	codec_free(&c_ctl, &r->m);
	buf_freezero(&r->octets);	/* it may have held a password */
	LIST_REMOVE(r, entry);
	nrequests--;
	free(r);
}

static void
done(struct request *r, const struct msg_ctl_page *page)
{
	control_log_settle();
	if (r->client != NULL)
		(void)peer_reply(r->client->peer, M_CTL, r->id, &c_ctl_page,
		    page, -1);
	forget(r);
}

static void
error(struct request *r, const char *why)
{
	struct msg_ctl_page	 page = { .status = 1, .text = span_str(why) };

	done(r, &page);
}

static int
on_ctl(struct peer *p, struct imsg *m)
{
	struct client	*c = peer_arg(p);
	struct request	*r;
	size_t		 i;

	if (c->open >= IMSG_CREDIT || (r = calloc(1, sizeof(*r))) == NULL)
		return (-1);
	r->id = m->id;
	r->fd = m->fd;
	m->fd = -1;
	buf_add_span(&r->octets, m->data);
	m->data.n = 0;
	LIST_INSERT_HEAD(&requests, r, entry);
	nrequests++;
	m->data = span_buf(&r->octets);
	if (imsg_get(m, &c_ctl, &r->m) == -1) {
		m->data.n = 0;
		forget(r);
		return (-1);
	}
	r->client = c;
	c->open++;
	r->m.uid = c->uid;
	for (i = 0; i < nitems(verbs); i++)
		if (span_eqs(r->m.verb, verbs[i].name))
			break;
	if (i == nitems(verbs))
		error(r, "no such command");
	else if (nrequests > REQUESTS_MAX && !privileged(c->uid))
		error(r, "too many requests, try again later");
	else if (verbs[i].change && !privileged(c->uid))
		error(r, "only root and the owner of the service may do that");
	else {
		r->verb = &verbs[i];
		start(r);
	}
	return (0);
}

static enum role
answering(const struct verb *v)
{
	switch (v->who) {
	case BY_AUTH:
		return (ROLE_AUTH);
	case BY_QUEUED:
		return (ROLE_QUEUED);
	case BY_LOOKUP:
		return (ROLE_LOOKUP);
	case BY_ALL_SMTPD:
		return (ROLE_SMTPD);
	default:
		return (ROLE_STORE);
	}
}

/* The cursor of a question to several: "instance:theirs". */
static int
split_cursor(struct request *r)
{
	struct span	 head;
	uint64_t	 n;

	if (r->m.cursor.n == 0)
		return (0);
	if (span_split(&r->m.cursor, ':', &head) == 0 ||
	    span_num(head, 255, &n) == -1 ||
	    n >= proc_count(answering(r->verb)))
		return (-1);
	r->instance = (unsigned)n;
	return (0);
}

static void
start(struct request *r)
{
	struct msg_ctl_arg	 who;
	struct msg_ctl		 q = { .verb = span_str("account locate") };

	switch (r->verb->who) {
	case BY_CONTROL:
		r->verb->run(r);
		break;
	case BY_STORE:		/* auth knows where an account is */
		if (r->m.args.n == 0) {
			error(r, "an account is missing");
			break;
		}
		who = *(struct msg_ctl_arg *)r->m.args.v;
		q.args.v = &who;
		q.args.n = 1;
		pass_on(r, proc_peer(ROLE_AUTH, 0), &q, on_located);
		break;
	case BY_ALL_STORES:
	case BY_ALL_SMTPD:
		if (split_cursor(r) == -1) {
			error(r, "malformed cursor");
			break;
		}
		/* FALLTHROUGH */
	default:
		pass_on(r, proc_peer(answering(r->verb), r->instance), &r->m,
		    on_page);
	}
}

static void
pass_on(struct request *r, struct peer *p, const struct msg_ctl *m,
    reply_fn fn)
{
	int	 fd = fn == on_page ? r->fd : -1;

	if (fd != -1)
		r->fd = -1;
	if (peer_ask(p, M_CTL, &c_ctl, m, fd, fn, r) == 0)
		error(r, p == NULL ? "that process is being restarted; "
		    "try again" : "request too large");
}

/* A page of an answer.  Of several who answer, the next comes after it. */
static int
on_page(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_ctl_page	 page;
	struct request		*r = arg;
	struct buf		 cursor = { 0 };
	int			 several;

	(void)p;
	if (m == NULL) {
		error(r, "that process ended; try again");
		return (0);
	}
	if (imsg_get(m, &c_ctl_page, &page) == -1) {
		error(r, "malformed answer");
		return (-1);
	}
	several = r->verb->who == BY_ALL_STORES || r->verb->who == BY_ALL_SMTPD;
	if (several && page.status == 0) {
		if (page.more) {
			buf_addf(&cursor, "%u:", r->instance);
			buf_add_span(&cursor, page.cursor);
		} else if (r->instance + 1 < proc_count(answering(r->verb))) {
			page.more = 1;
			buf_addf(&cursor, "%u:", r->instance + 1);
		}
		page.cursor = span_buf(&cursor);
	}
	done(r, &page);
	buf_free(&cursor);
	codec_free(&c_ctl_page, &page);
	return (0);
}

/*
 * auth said where an account is: "id partition name".  Its store gets these in
 * front of the other arguments, in place of the name as it was given.
 */
static int
on_located(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_ctl_page	 page;
	struct msg_ctl_arg	*args;
	struct request		*r = arg;
	struct msg_ctl		 q;
	struct span		 id, part, name;
	uint64_t		 n;

	(void)p;
	if (m == NULL) {
		error(r, "auth is being restarted; try again");
		return (0);
	}
	if (imsg_get(m, &c_ctl_page, &page) == -1) {
		error(r, "malformed answer");
		return (-1);
	}
	name = page.text;
	if (page.status != 0) {
		done(r, &page);
	} else if (span_split(&name, ' ', &id) == 0 ||
	    span_split(&name, ' ', &part) == 0 ||
	    span_num(part, UINT32_MAX, &n) == -1 || (args =
	    calloc(r->m.args.n + 2, sizeof(*args))) == NULL) {
		error(r, "malformed answer");
	} else {
		args[0].arg = id;
		args[1].arg = part;
		args[2].arg = name;
		memcpy(args + 3, (struct msg_ctl_arg *)r->m.args.v + 1,
		    (r->m.args.n - 1) * sizeof(*args));
		q = r->m;
		q.args.v = args;
		q.args.n = r->m.args.n + 2;
		pass_on(r, proc_peer(ROLE_STORE, (unsigned)n %
		    proc_count(ROLE_STORE)), &q, on_page);
		free(args);
	}
	codec_free(&c_ctl_page, &page);
	return (0);
}

/* ---- what the parent does ------------------------------------------------- */

static int
on_result(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_ctl_page	 page = { 0 };
	struct msg_result	 res;
	struct request		*r = arg;

	(void)p;
	if (m == NULL || imsg_get(m, &c_result, &res) == -1) {
		error(r, "no answer from the parent");
		return (m == NULL ? 0 : -1);
	}
	page.status = res.result != RESULT_OK;
	page.text = res.text;
	done(r, &page);
	return (0);
}

static void
ask_parent(struct request *r, enum msg_type type, reply_fn fn)
{
	if (peer_ask(proc_parent(), type, NULL, NULL, -1, fn, r) == 0)
		error(r, "the parent cannot be asked");
}

static void
run_reload(struct request *r)
{
	ask_parent(r, M_DO_RELOAD, on_result);
}

static void
run_stop(struct request *r)
{
	ask_parent(r, M_DO_STOP, on_result);
}

static void
run_log_reopen(struct request *r)
{
	ask_parent(r, M_DO_LOGFILE, on_result);
}

static void
run_log_level(struct request *r)
{
	static const char *const names[] = { "error", "warning", "info",
	    "debug" };
	struct msg_ctl_page	 page = { 0 };
	struct msg_ctl_arg	*a = r->m.args.v;
	struct msg_number	 n = { 0 };

	while (r->m.args.n == 1 && n.number < nitems(names) &&
	    !span_eqs(a->arg, names[n.number]))
		n.number++;
	if (r->m.args.n != 1 || n.number == nitems(names)) {
		error(r, "one of error, warning, info, debug is needed");
		return;
	}
	(void)peer_put(proc_parent(), M_LOG_LEVEL, &c_number, &n, -1);
	done(r, &page);
}

/* The parent's list of roles, one JSON object a line. */
static int
on_status(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_ctl_page	 page = { 0 };
	struct msg_ctl_row	 rows[64];
	struct msg_text		 t;
	struct request		*r = arg;
	struct span		 line;

	(void)p;
	if (m == NULL || imsg_get(m, &c_text, &t) == -1) {
		error(r, "no answer from the parent");
		return (m == NULL ? 0 : -1);
	}
	page.rows.v = rows;
	while (t.text.n > 0 && page.rows.n < nitems(rows)) {
		(void)span_split(&t.text, '\n', &line);
		if (line.n > 0)
			rows[page.rows.n++].json = line;
	}
	page.text = span_str("Letterlock " LETTERLOCK_VERSION);
	done(r, &page);
	return (0);
}

static void
run_status(struct request *r)
{
	ask_parent(r, M_DO_STATUS, on_status);
}

/* ---- the role ------------------------------------------------------------- */

static int
control_open(void)
{
	struct stat	 st;

	if (proc_listener(0) == -1 || fstat(proc_listener(0), &st) == -1) {
		log_error("no control socket from the parent");
		return (-1);
	}
	owner = getuid();	/* before the cage: whoever started the suite */
	return (control_log_open(proc_conf()->log));
}

static int
control_start(void)
{
	accepting = event_new(proc_base(), proc_listener(0),
	    EV_READ | EV_PERSIST, on_accept, NULL);
	if (accept_again == NULL)
		accept_again = event_new(proc_base(), -1, 0, on_accept_again,
		    NULL);
	return (accepting == NULL || accept_again == NULL ? -1 : event_add(accepting, NULL));
}

/* The parent sends the same socket again with a new configuration. */
static void
control_commit(void)
{
	event_del(accept_again);
	event_free(accepting);
	(void)control_start();
}

static const struct msg_rule	 rules[] = {
	{ M_LOGPIPE,	PEER(ROLE_PARENT),	MSG_BODY | MSG_FD,
	    control_on_logpipe },
	{ M_LOGFILE,	PEER(ROLE_PARENT),	MSG_EMPTY | MSG_FD,
	    control_on_logfile },
};

const struct role_ops control_ops = {
	.role = ROLE_CONTROL,
	.rules = rules,
	.nrules = nitems(rules),
	.open = control_open,
	.start = control_start,
	.commit = control_commit,
};
