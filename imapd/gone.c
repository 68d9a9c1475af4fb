/*
 * Accounts that go, and those that stay after all.  See gone.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/account.h"
#include "imapd/gone.h"
#include "imapd/left.h"
#include "imapd/move.h"
#include "imapd/session.h"
#include "log.h"
#include "proc.h"

#define BUSY_US		100000	/* between two tries to remove one */
#define BUSY_TRIES	100

struct removal {
	struct dbenv_wait	 wait;
	struct event		 again;
	struct part		*part;
	uint64_t		 account;
	unsigned		 tries;
	int			 refused;	/* until auth says it again */
	struct peer		*peer;
	uint32_t		 id;
	LIST_ENTRY(removal)	 entry;
};

struct thaw {
	struct peer		*peer;
	uint32_t		 id;
	unsigned		 waiting;
	int			 error;
	LIST_ENTRY(thaw)	 entry;
	struct dbenv_wait	 wait[];	/* of each partition */
};

static LIST_HEAD(, removal)	 removals = LIST_HEAD_INITIALIZER(removals);
static LIST_HEAD(, thaw)	 thaws = LIST_HEAD_INITIALIZER(thaws);

static void	 answer(struct peer *, enum msg_type, uint32_t, int);
static struct removal *find(const struct part *, uint64_t);
static void	 removed(struct dbenv_wait *, int);
static void	 try(evutil_socket_t, short, void *);

/* 0 or an errno. */
static void
answer(struct peer *p, enum msg_type type, uint32_t id, int error)
{
	struct msg_result	 r = { .result = error == 0 ? RESULT_OK :
				    RESULT_TEMP };

	r.text = span_str(error == 0 ? "" : strerror(error));
	if (p != NULL)
		(void)peer_reply(p, type, id, &c_result, &r, -1);
}

/* ---- those that go ------------------------------------------------------- */

static struct removal *
find(const struct part *p, uint64_t account)
{
	struct removal	*r;

	LIST_FOREACH(r, &removals, entry)
		if (r->part == p && r->account == account)
			break;
	return (r);
}

/* One that could not go is not served meanwhile. */
static void
removed(struct dbenv_wait *w, int error)
{
	struct removal	*r = w->arg;

	answer(r->peer, M_ACCOUNT_GONE, r->id, error);
	r->peer = NULL;
	r->refused = error != 0;
	if (r->refused)
		return;
	LIST_REMOVE(r, entry);
	free(r);
}

/* Whoever uses it, a delivery under way, is done soon. */
static void
try(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	 soon = { 0, BUSY_US }, now = { 0, 0 };
	struct removal			*r = arg;
	uint64_t			 seq;

	(void)fd;
	(void)what;
	if (account_remove(r->part, r->account, &seq) == -1) {
		if (errno == EAGAIN)
			event_add(&r->again, &now);
		else if (errno == EBUSY && ++r->tries < BUSY_TRIES)
			event_add(&r->again, &soon);
		else
			removed(&r->wait, errno);
	} else if (seq == 0 ||
	    dbenv_wait(r->part->env, seq, &r->wait) == 1)
		removed(&r->wait, 0);
}

static void
end_sessions(struct store *st, const struct part *p, uint64_t account)
{
	struct session	*s, *next;

	for (s = TAILQ_FIRST(&st->sessions); s != NULL; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (s->account->part != p)
			continue;
		if (s->account->id == account)
			session_bye(s, "the account was removed");
		else if (session_visits(s, account))
			session_bye(s, "the selected mailbox was removed");
	}
}

void
gone_account(struct store *st, struct peer *p, uint32_t id,
    const struct msg_account *m)
{
	struct part	*part = store_part(st, m->partition);
	struct removal	*r;

	if (part == NULL) {
		answer(p, M_ACCOUNT_GONE, id, ENOENT);
		return;
	}
	end_sessions(st, part, m->account);
	move_stop(part, m->account);
	if ((r = find(part, m->account)) == NULL) {
		if ((r = calloc(1, sizeof(*r))) == NULL) {
			answer(p, M_ACCOUNT_GONE, id, ENOMEM);
			return;
		}
		r->wait.arg = r;
		r->wait.done = removed;
		r->part = part;
		r->account = m->account;
		event_assign(&r->again, st->base, -1, 0, try, r);
		LIST_INSERT_HEAD(&removals, r, entry);
		r->refused = 1;
	}
	r->peer = p;
	r->id = id;
	if (r->refused) {
		r->refused = 0;
		r->tries = 0;
		try(-1, 0, r);
	}
}

/* ---- those that stay ------------------------------------------------------- */

static void
thawed(struct thaw *t, int error)
{
	if (error != 0 && t->error == 0)
		t->error = error;
	if (--t->waiting > 0)
		return;
	answer(t->peer, M_MOVE_OFF, t->id, t->error);
	LIST_REMOVE(t, entry);
	free(t);
}

static void
on_flushed(struct dbenv_wait *w, int error)
{
	thawed(w->arg, error);
}

/* Those of a partition: how many, or -1 with errno. */
static int
thaw_part(struct part *p, uint64_t account)
{
	uint64_t	 id = 0;
	int		 n = 0, rc;

	while ((rc = left_moving(p, id, &id)) == 1) {
		if ((account != 0 && id != account) || find(p, id) != NULL)
			continue;
		if (account_thaw(p, id) == -1) {
			log_error("partition %02u: account #%llu cannot be "
			    "served: %s", p->num, (unsigned long long)id,
			    strerror(errno));
			return (-1);
		}
		n++;
	}
	if (rc == -1)
		log_error("partition %02u: accounts that were to move: %s",
		    p->num, dbenv_error(p->env));
	return (rc == -1 ? -1 : n);
}

void
gone_thaw(struct store *st, struct peer *p, uint32_t id, uint64_t account)
{
	struct thaw	*t;
	struct dbenv	*env;
	size_t		 i;
	int		 n;

	if ((t = calloc(1, sizeof(*t) + st->nparts * sizeof(t->wait[0]))) ==
	    NULL) {
		answer(p, M_MOVE_OFF, id, ENOMEM);
		return;
	}
	t->peer = p;
	t->id = id;
	t->waiting = 1;
	LIST_INSERT_HEAD(&thaws, t, entry);
	for (i = 0; i < st->nparts; i++) {
		env = st->parts[i]->env;
		t->wait[i].done = on_flushed;
		t->wait[i].arg = t;
		if ((n = thaw_part(st->parts[i], account)) == -1)
			t->error = errno;
		else if (n > 0 && dbenv_wait(env, dbenv_seq(env),
		    &t->wait[i]) == 0)
			t->waiting++;
	}
	thawed(t, 0);
}

/* ------------------------------------------------------------------------- */

void
gone_link_down(const struct peer *p)
{
	struct removal	*r;
	struct thaw	*t;

	LIST_FOREACH(r, &removals, entry)
		if (r->peer == p)
			r->peer = NULL;
	LIST_FOREACH(t, &thaws, entry)
		if (t->peer == p)
			t->peer = NULL;
}
