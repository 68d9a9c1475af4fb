/*
 * "imapd: store": partitions, sessions that auth hands over, deliveries.  See
 * store.h for what goes on in it.
 */
#include <sys/queue.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "charset.h"
#include "imapd/deliver.h"
#include "imapd/ending.h"
#include "imapd/gone.h"
#include "imapd/move.h"
#include "imapd/quota.h"
#include "imapd/session.h"
#include "imapd/store_ctl.h"
#include "log.h"
#include "proc.h"
#include "sandbox.h"

#define STOP_GRACE_US	300000	/* for last words and last answers */
#define CACHE_LEAST	(4u << 20)	/* octets of a partition's cache */

/* Who waits for a delivery's answer. */
struct asker {
	struct peer		*peer;
	uint32_t		 id;
	LIST_ENTRY(asker)	 entry;
};

static int	 on_session(struct peer *, struct imsg *);
static int	 on_end_sessions(struct peer *, struct imsg *);
static int	 on_account_gone(struct peer *, struct imsg *);
static int	 on_move(struct peer *, struct imsg *);
static int	 on_move_off(struct peer *, struct imsg *);
static int	 on_limits(struct peer *, struct imsg *);
static int	 on_deliver(struct peer *, struct imsg *);
static int	 on_settled(struct peer *, struct imsg *);
static void	 delivered(void *, const struct msg_stored *);
static void	 answer(struct peer *, uint32_t, uint32_t, enum result,
		    const char *);
static size_t	 cache_size(const struct conf *, size_t);

static struct store		 store;
static struct event		 grace_ev;
static int			 stopping;
static LIST_HEAD(, asker)	 askers = LIST_HEAD_INITIALIZER(askers);

static const struct msg_rule rules[] = {
	{ M_SESSION,	PEER(ROLE_AUTH), MSG_BODY | MSG_FD, on_session },
	{ M_END_SESSIONS, PEER(ROLE_AUTH), MSG_BODY, on_end_sessions },
	{ M_ACCOUNT_GONE, PEER(ROLE_AUTH), MSG_BODY, on_account_gone },
	{ M_MOVE_OUT,	PEER(ROLE_AUTH), MSG_BODY | MSG_FD, on_move },
	{ M_MOVE_IN,	PEER(ROLE_AUTH), MSG_BODY | MSG_FD, on_move },
	{ M_MOVE_OFF,	PEER(ROLE_AUTH), MSG_BODY, on_move_off },
	{ M_LIMITS,	PEER(ROLE_AUTH), MSG_BODY, on_limits },
	{ M_DELIVER,	PEER(ROLE_SMTPD) | PEER(ROLE_QUEUED),
	    MSG_BODY | MSG_FD, on_deliver },
	{ M_SETTLED,	PEER(ROLE_QUEUED), MSG_BODY, on_settled },
	{ M_CTL,	PEER(ROLE_CONTROL), MSG_BODY | MSG_MAYFD,
	    store_ctl },
};

struct store *
store_self(void)
{
	return (&store);
}

static void
answer(struct peer *p, uint32_t type, uint32_t id, enum result result,
    const char *text)
{
	struct msg_result	 r = { .result = (uint8_t)result };

	r.text = span_str(text);
	(void)peer_reply(p, type, id, &c_result, &r, -1);
}

/* ---- sessions ----------------------------------------------------------- */

/* What holds for who came in by this listener. */
static void
limit(struct session_limits *limits, const struct msg_session *m)
{
	const struct conf		*c = proc_conf();
	const struct conf_listener	*l = c->listeners.v;

	l = m->listener < c->listeners.n && l[m->listener].kind == KIND_IMAP ?
	    &l[m->listener] : NULL;
	limits->message = l != NULL ? l->limits.message_size : 50u << 20;
	limits->messages = c->message_limit;
	limits->saves = c->save_limit;
	limits->off = conf_no_caps(c, l, m->name);
}

static int
on_session(struct peer *p, struct imsg *m)
{
	struct session_limits	 limits;
	struct msg_session	 s;
	struct part		*part;
	int			 fd = m->fd, rc = -1;

	if (imsg_get(m, &c_session, &s) == -1)
		return (-1);
	m->fd = -1;
	if ((part = store_part(&store, s.partition)) == NULL) {
		log_error("partition %02u is not here", s.partition);
		if (fd != -1)
			close(fd);
	} else if (fd != -1 && stopping) {
		close(fd);
		errno = ECANCELED;
	} else if (fd != -1) {
		limit(&limits, &s);
		rc = session_new(&store, part, &s, &limits, fd);
	}
	if (rc == 0) {
		answer(p, M_SESSION, m->id, RESULT_OK, "");
		return (0);
	}
	if (part != NULL)
		log_warn("account %s: no session: %s", log_esc(s.name),
		    strerror(errno));
	answer(p, M_SESSION, m->id, RESULT_TEMP, part != NULL &&
	    errno == EMLINK ? "too many sessions" : "try again later");
	return (0);
}

static int
on_named(void *arg, struct peer *p, struct imsg *m)
{
	struct naming		*n = arg;
	struct msg_rcpt		 r = { 0 };
	enum naming_result	 result = NAMING_AWAY;
	int			 rc = 0;

	(void)p;
	if (m != NULL && (rc = imsg_get(m, &c_rcpt, &r)) == 0) {
		if (r.result == RESULT_NO || (r.result == RESULT_OK &&
		    r.partition != n->partition))
			result = NAMING_NO;
		else if (r.result == RESULT_OK && r.account != 0)
			result = NAMING_HERE;
	}
	if (n->done != NULL)
		n->done(n, result, r.account, r.name);
	free(n);
	return (rc);
}

static int
ask_name(struct naming *n, struct span name)
{
	struct msg_text	 t = { name };

	return (peer_ask(proc_peer(ROLE_AUTH, 0), M_ACCOUNT_NAMED, &c_text,
	    &t, -1, on_named, n) != 0);
}

static int
matches(const struct session *s, const struct msg_end_sessions *m)
{
	if (m->account != 0 && s->account->id != m->account)
		return (0);
	if (m->key.n != 0 &&
	    !span_eq(m->key, span_of(s->key, s->keylen)))
		return (0);
	/* A key's session has no password that could be old. */
	if (m->serial_below != 0 &&
	    (s->keylen != 0 || s->serial >= m->serial_below))
		return (0);
	return (m->session == 0 || s->id == m->session);
}

static int
on_end_sessions(struct peer *p, struct imsg *m)
{
	struct msg_end_sessions	 e;
	struct msg_number	 n = { 0 };
	struct session		*s, *next;
	struct buf		 why = { .max = MSG_TEXT_MAX };

	if (imsg_get(m, &c_end_sessions, &e) == -1)
		return (-1);
	(void)buf_adds(&why, e.why.n == 0 ? "ended by the administrator" :
	    log_esc(e.why));
	for (s = TAILQ_FIRST(&store.sessions); s != NULL; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (!matches(s, &e))
			continue;
		n.number++;
		session_bye(s, buf_cstr(&why));
	}
	buf_free(&why);
	(void)peer_reply(p, M_END_SESSIONS, m->id, &c_number, &n, -1);
	return (0);
}

static int
on_account_gone(struct peer *p, struct imsg *m)
{
	struct msg_account	 a;

	if (imsg_get(m, &c_account, &a) == -1)
		return (-1);
	gone_account(&store, p, m->id, &a);
	return (0);
}

/* ---- accounts that move ---------------------------------------------------- */

static int
on_move(struct peer *p, struct imsg *m)
{
	struct msg_account	 a;
	int			 fd = m->fd;

	if (imsg_get(m, &c_account, &a) == -1)
		return (-1);
	m->fd = -1;
	if (fd == -1)
		answer(p, m->type, m->id, RESULT_TEMP, "no descriptor");
	else if (m->type == M_MOVE_OUT)
		move_out(&store, p, m->id, &a, fd);
	else
		move_in(&store, p, m->id, &a, fd);
	return (0);
}

static int
on_move_off(struct peer *p, struct imsg *m)
{
	struct msg_account	 a;

	if (imsg_get(m, &c_account, &a) == -1)
		return (-1);
	gone_thaw(&store, p, m->id, a.account);
	return (0);
}

/* ---- limits ---------------------------------------------------------------- */

static int
on_limits(struct peer *p, struct imsg *m)
{
	struct msg_limits_list	 l;

	(void)p;
	if (imsg_get(m, &c_limits_list, &l) == -1)
		return (-1);
	quota_told(&store, &l);
	codec_free(&c_limits_list, &l);
	return (0);
}

/* ---- deliveries ----------------------------------------------------------- */

static void
delivered(void *arg, const struct msg_stored *m)
{
	struct asker	*a = arg;

	if (a->peer != NULL)
		(void)peer_reply(a->peer, M_DELIVER, a->id, &c_stored, m, -1);
	LIST_REMOVE(a, entry);
	free(a);
}

static int
on_deliver(struct peer *p, struct imsg *m)
{
	struct msg_deliver	 d;
	struct msg_stored	 no = { .result = RESULT_TEMP, .code = 451 };
	struct asker		*a;

	if (imsg_get(m, &c_deliver, &d) == -1)
		return (-1);
	no.enhanced = span_str("4.3.0");
	no.text = span_str("not now");
	if (d.rcpts.n == 0 || d.size > UINT32_MAX - IMSG_MAX) {
		codec_free(&c_deliver, &d);
		return (-1);
	}
	if (stopping || m->fd == -1 || (a = calloc(1, sizeof(*a))) == NULL) {
		(void)peer_reply(p, M_DELIVER, m->id, &c_stored, &no, -1);
		codec_free(&c_deliver, &d);
		return (0);
	}
	a->peer = p;
	a->id = m->id;
	LIST_INSERT_HEAD(&askers, a, entry);
	deliver(&store, &d, m->fd, delivered, a);
	codec_free(&c_deliver, &d);
	return (0);
}

static int
on_settled(struct peer *p, struct imsg *m)
{
	struct msg_settled_ids	 s;
	const struct msg_settled *v;
	size_t			 i;

	(void)p;
	if (imsg_get(m, &c_settled_ids, &s) == -1)
		return (-1);
	for (i = 0, v = s.ids.v; i < s.ids.n; i++)
		deliver_settled(&store, &v[i]);
	codec_free(&c_settled_ids, &s);
	return (0);
}

/* Whoever asked is gone; what was begun is done. */
static void
store_link_down(struct peer *p)
{
	struct asker	*a;

	LIST_FOREACH(a, &askers, entry)
		if (a->peer == p)
			a->peer = NULL;
	gone_link_down(p);
	move_link_down(p);
	store_ctl_down(p);
}

/* ---- the role -------------------------------------------------------------- */

/* Of a partition: Berkeley DB takes half as much again for itself. */
static size_t
cache_size(const struct conf *c, size_t nparts)
{
	uint64_t	 all = c->cache;
	long		 pages = sysconf(_SC_PHYS_PAGES);
	long		 page = sysconf(_SC_PAGESIZE);

	if (all == 0 && pages > 0 && page > 0)
		all = (uint64_t)pages * (uint64_t)page / 4 / c->nstore;
	all = all * 2 / 3 / (nparts == 0 ? 1 : nparts);
	return (all < CACHE_LEAST ? CACHE_LEAST : (size_t)all);
}

/*
 * What keeps one from being opened, and is not damage of its own: then nothing
 * goes on, and the next try may do.
 */
static int
is_passing(int error)
{
	static const int	 errors[] = { EAGAIN, EPERM, EACCES, ENOTSUP,
				    EPROTO, ENOSPC, EDQUOT, ENOMEM, EMFILE,
				    ENFILE, EROFS, ENOTDIR };
	size_t			 i;

	for (i = 0; i < nitems(errors); i++)
		if (errors[i] == error)
			return (1);
	return (0);
}

/*
 * Its partitions, and no others: see landlock() in sandbox.c.  Without one that
 * is damaged the others are served; its accounts are told to come later, their
 * mail stays in the queue.
 */
static int
open_parts(const struct conf *c)
{
	struct part_conf	 pc = { 0 };
	struct part		*p;
	char			 home[16];
	size_t			 n;
	unsigned		 i;

	n = (c->npartitions + c->nstore - 1 - proc_instance()) / c->nstore;
	if ((store.parts = calloc(n + 1, sizeof(*store.parts))) == NULL ||
	    (store.away = calloc(n + 1, sizeof(*store.away))) == NULL)
		return (-1);
	pc.home = home;
	pc.cache = cache_size(c, n);
	pc.margin = c->disk_reserve;
	if (proc_privileged() && sandbox_user(c->users[ROLE_STORE], &pc.uid,
	    &pc.gid) == -1)
		return (-1);
	for (i = proc_instance(); i < c->npartitions; i += c->nstore) {
		snprintf(home, sizeof(home), "%02u", i);
		pc.num = i;
		if ((p = part_open(&store, &pc)) != NULL)
			store.parts[store.nparts++] = p;
		else if (is_passing(errno))
			return (-1);
		else {
			log_error("partition %02u is not served until it is "
			    "restored or salvaged, see letterctl(8); after a "
			    "restore remove \"panic\" in its directory", i);
			store.away[store.naway++] = i;
		}
	}
	return (0);
}

static int
store_open(void)
{
	const struct conf	*c = proc_conf();
	struct buf		 dir = { 0 };
	int			 rc;

	if (store_init(&store, proc_base()) == -1)
		return (-1);
	store.hostname = c->hostname;
	store.named = ask_name;
	store.limits.quota = c->mailbox_quota;
	store.limits.quota_messages = c->mailbox_messages;
	store.next_session = proc_instance();
	store.step_session = c->nstore;
	if ((store.charsets = charsets_open()) == NULL) {
		log_error("no memory");
		return (-1);
	}
	(void)buf_addf(&dir, "%s/%s", c->state,
	    sandbox_directory(ROLE_STORE));
	if ((rc = chdir(buf_cstr(&dir))) == -1)
		log_error("%s: %s", buf_cstr(&dir), strerror(errno));
	buf_free(&dir);
	return (rc == -1 ? -1 : open_parts(c));
}

static int
store_start(void)
{
	size_t	 i;

	for (i = 0; i < store.nparts; i++)
		if (part_start(store.parts[i]) == -1 ||
		    ending_start(store.parts[i]) == -1)
			return (-1);
	return (0);
}

static void
store_commit(void)
{
	store.hostname = proc_conf()->hostname;
	store.limits.quota = proc_conf()->mailbox_quota;
	store.limits.quota_messages = proc_conf()->mailbox_messages;
}

static void
stop_now(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	store_ctl_stop();
	move_link_down(NULL);
	deliver_stop();
	store_free(&store);
	proc_exit(0);
}

static void
store_stop(void)
{
	static const struct timeval	 grace = { 0, STOP_GRACE_US };
	struct session			*s;

	while ((s = TAILQ_FIRST(&store.sessions)) != NULL)
		session_bye(s, "shutting down");
	stopping = 1;
	event_assign(&grace_ev, proc_base(), -1, 0, stop_now, NULL);
	event_add(&grace_ev, &grace);
}

const struct role_ops store_ops = {
	.role = ROLE_STORE,
	.rules = rules,
	.nrules = nitems(rules),
	.open = store_open,
	.start = store_start,
	.link_down = store_link_down,
	.commit = store_commit,
	.stop = store_stop,
};
