/*
 * Sessions that store and queued hold: telling them to end some, and telling
 * stores of accounts that are gone.  A process that dies takes its sessions
 * along, but a link may be lost while both ends live: what could not be said is
 * said when the link is back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authd/auth.h"
#include "authd/auth_tlskey.h"
#include "log.h"

#define ENDS_MAX	4096	/* to be said or not answered yet */

/* "End what matches", for one process, until it answered. */
struct ending {
	TAILQ_ENTRY(ending)	 entry;
	enum role		 role;
	unsigned		 instance;
	int			 sent;
	uint64_t		 account, serial_below;
	uint8_t			 key[TLSKEY_ID];
	size_t			 nkey;		/* 0: any */
	char			 why[ACCOUNT_TEXT + 1];
};

static TAILQ_HEAD(, ending)	 endings = TAILQ_HEAD_INITIALIZER(endings);
static size_t			 nendings;

static void	 ending_new(enum role, unsigned, const struct msg_end_sessions *);
static void	 ending_send(struct ending *);
static int	 ending_done(void *, struct peer *, struct imsg *);

static void
ending_new(enum role role, unsigned inst, const struct msg_end_sessions *m)
{
	struct ending	*e;

	if (nendings >= ENDS_MAX || (e = calloc(1, sizeof(*e))) == NULL) {
		log_warn("%s %u is not told to end sessions",
		    role_name(role), inst);
		return;
	}
	e->role = role;
	e->instance = inst;
	e->account = m->account;
	e->serial_below = m->serial_below;
	if (m->key.n == sizeof(e->key)) {
		memcpy(e->key, m->key.p, m->key.n);
		e->nkey = m->key.n;
	}
	memcpy(e->why, m->why.p, m->why.n < ACCOUNT_TEXT ? m->why.n :
	    ACCOUNT_TEXT);
	TAILQ_INSERT_TAIL(&endings, e, entry);
	nendings++;
	ending_send(e);
}

static void
ending_send(struct ending *e)
{
	struct msg_end_sessions	 m = { .account = e->account,
				    .serial_below = e->serial_below,
				    .key = span_of(e->key, e->nkey),
				    .why = span_str(e->why) };

	e->sent = peer_ask(proc_peer(e->role, e->instance), M_END_SESSIONS,
	    &c_end_sessions, &m, -1, ending_done, e) != 0;
}

static int
ending_done(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_number	 n;
	struct ending		*e = arg;

	(void)p;
	e->sent = 0;
	if (m == NULL)
		return (0);
	TAILQ_REMOVE(&endings, e, entry);
	nendings--;
	free(e);
	return (imsg_get(m, &c_number, &n));
}

void
auth_end_sessions(const struct msg_end_sessions *m)
{
	unsigned	 i;

	for (i = 0; i < proc_count(ROLE_STORE); i++)
		ending_new(ROLE_STORE, i, m);
	ending_new(ROLE_QUEUED, 0, m);
}

void
auth_sessions_link_up(struct peer *p)
{
	struct ending	*e;

	TAILQ_FOREACH(e, &endings, entry)
		if (!e->sent && e->role == peer_role(p) &&
		    e->instance == peer_instance(p))
			ending_send(e);
	if (peer_role(p) != ROLE_STORE)
		return;
	auth_tell_limits(p);
	auth_thaw();
}

/* What a partition has of an account is to be removed: that was said, and is not
 * answered yet. */
struct gone {
	LIST_ENTRY(gone) entry;
	uint64_t	 id;
	uint32_t	 part;
};

static LIST_HEAD(, gone) telling = LIST_HEAD_INITIALIZER(telling);
static struct gone gone_at;	/* where telling goes on */
static int	 thaw_wanted;	/* behind the last of them: what is frozen and
				 * is not moving stays where it is */
static unsigned	 thaws;		/* that have no answer yet */

static int
is_told(uint64_t id, uint32_t part)
{
	const struct gone	*g;

	LIST_FOREACH(g, &telling, entry)
		if (g->id == id && g->part == part)
			break;
	return (g != NULL);
}

/* A store began to remove an account, or could not.  The account may have begun
 * to move meanwhile. */
static int
told(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_result	 r;
	struct gone		*g = arg;
	int			 rc = 0;

	(void)p;
	if (m != NULL && (rc = imsg_get(m, &c_result, &r)) == 0 &&
	    r.result == RESULT_OK && g->id != auth_moving() &&
	    userdb_gone_done(&auth.db, g->id, g->part) == -1)
		log_warn("accounts: %s", dbenv_error(auth.db.env));
	LIST_REMOVE(g, entry);
	free(g);
	return (rc);
}

static int
tell_one(uint64_t id, uint32_t part)
{
	struct msg_account	 m = { id, part };
	struct gone		*g;

	if ((g = malloc(sizeof(*g))) == NULL)
		return (-1);
	g->id = id;
	g->part = part;
	LIST_INSERT_HEAD(&telling, g, entry);
	if (peer_ask(proc_peer(ROLE_STORE, part % proc_count(ROLE_STORE)),
	    M_ACCOUNT_GONE, &c_account, &m, -1, told, g) != 0)
		return (1);
	LIST_REMOVE(g, entry);
	free(g);
	return (0);
}

static void
thaw_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (thaw_wanted)
		auth_tell_gone();
}

/* When all stores serve again what stays, what queued has for it may go on. */
static int
thawed(void *arg, struct peer *p, struct imsg *m)
{
	static const struct timeval	 soon = { 1, 0 };
	const struct msg_account	 all = { 0 };
	struct msg_result		 r;
	int				 rc = 0;

	(void)arg;
	(void)p;
	if (m != NULL && ((rc = imsg_get(m, &c_result, &r)) == -1 ||
	    r.result != RESULT_OK)) {
		thaw_wanted = 1;
		(void)event_base_once(proc_base(), -1, EV_TIMEOUT, thaw_again,
		    NULL, &soon);
	}
	if (--thaws == 0 && !thaw_wanted)
		(void)peer_put(proc_peer(ROLE_QUEUED, 0), M_MOVE_OFF,
		    &c_account, &all, -1);
	return (rc);
}

static void
tell_thaw(void)
{
	const struct msg_account	 all = { 0 };
	unsigned			 i;

	for (i = 0; i < proc_count(ROLE_STORE); i++)
		if (peer_ask(proc_peer(ROLE_STORE, i), M_MOVE_OFF, &c_account,
		    &all, -1, thawed, NULL) != 0)
			thaws++;
}

/* Again and again until a store took it. */
void
auth_tell_gone(void)
{
	uint64_t	 id = gone_at.id;
	uint32_t	 part = gone_at.part;
	int		 sent = 0, rc;

	for (; sent < IMSG_CREDIT &&
	    userdb_gone_next(&auth.db, &id, &part) == 0; part++) {
		if (id == auth_moving() || is_told(id, part))
			continue;
		if ((rc = tell_one(id, part)) == -1)
			return;
		sent += rc;
	}
	gone_at.id = sent < IMSG_CREDIT ? 0 : id;
	gone_at.part = sent < IMSG_CREDIT ? 0 : part;
	if (gone_at.id == 0 && thaw_wanted && auth_moving() == 0) {
		thaw_wanted = 0;
		tell_thaw();
	}
}

void
auth_thaw(void)
{
	thaw_wanted = 1;
	gone_at.id = gone_at.part = 0;
	auth_tell_gone();
}
