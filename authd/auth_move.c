/*
 * An account moves to another partition: its stores carry it over, the write
 * that says where it is is ours.  One at a time.  See imapd/move.h for what a
 * crash leaves at each step.
 */
#include <sys/socket.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authd/auth.h"
#include "authd/auth_ctl.h"
#include "log.h"

enum side { SOURCE, TARGET, SIDES };

static struct {
	struct ctl	*q;		/* who asked; NULL: nothing moves */
	uint64_t	 account;
	uint32_t	 part[SIDES];
	int		 waiting[SIDES];	/* its answer has not come */
	int		 failed;
	struct buf	 why;
} move;

static void	 marked(struct dbenv_wait *, int);
static int	 begin(void);
static void	 ask(enum side, enum msg_type, int);
static int	 on_source(void *, struct peer *, struct imsg *);
static int	 on_target(void *, struct peer *, struct imsg *);
static int	 on_side(enum side, struct imsg *);
static void	 fail(const char *);
static void	 over(void);
static int	 settle(void);
static void	 settled(struct dbenv_wait *, int);

/* Moves so far, and a number of its own each time that auth starts. */
static uint64_t	 moves;
static uint32_t	 began;

/* For a backup, which sees partition after partition: has anything moved? */
void
ctl_account_moves(struct ctl *q)
{
	if (move.q != NULL) {
		ctl_error(q, "an account is being moved");
		return;
	}
	if (began == 0)
		began = arc4random();
	buf_addf(&q->text, "%u.%llu", began, (unsigned long long)moves);
	ctl_done(q);
}

uint64_t
auth_moving(void)
{
	return (move.q != NULL ? move.account : 0);
}

static struct peer *
store_of(enum side side)
{
	return (proc_peer(ROLE_STORE, move.part[side] %
	    proc_count(ROLE_STORE)));
}

/* One command of ours and the wait for it: 0, or -1 with errno. */
static int
write_flushed(int (*fn)(void), void (*done)(struct dbenv_wait *, int))
{
	struct dbenv	*env = auth.db.env;
	int		 e;

	if (dbenv_begin(env) == -1)
		return (-1);
	if (fn() == -1) {
		e = errno;
		dbenv_abort(env);
		userdb_recount(&auth.db);
		errno = e;
		return (-1);
	}
	if (dbenv_commit(env) == -1) {
		userdb_recount(&auth.db);
		return (-1);
	}
	move.q->wait.done = done;
	move.q->wait.arg = move.q;
	if (dbenv_wait(env, dbenv_seq(env), &move.q->wait) == 1)
		done(&move.q->wait, 0);
	return (0);
}

/* Until it is over, what the target has of it is to be removed. */
static int
begin(void)
{
	return (userdb_gone_add(&auth.db, move.account, move.part[TARGET]));
}

void
ctl_account_move(struct ctl *q)
{
	uint64_t	 part;

	if (ctl_account(q, q->args[0]) == -1)
		return;
	if (span_num(q->args[1], UINT32_MAX, &part) == -1 ||
	    part >= proc_conf()->npartitions)
		ctl_error(q, "there are partitions from 00 to %02u",
		    proc_conf()->npartitions - 1);
	else if (part == q->account.partition)
		ctl_error(q, "account %s is in partition %02u already",
		    q->account.name, q->account.partition);
	else if (move.q != NULL)
		ctl_error(q, "another account is being moved");
	else if (userdb_gone_has(&auth.db, q->account.id))
		ctl_error(q, "what is left of account %s in another "
		    "partition is not removed yet; try again later",
		    q->account.name);
	else if (ctl_room(q) == 0) {
		move.q = q;
		move.account = q->account.id;
		move.part[SOURCE] = q->account.partition;
		move.part[TARGET] = (uint32_t)part;
		move.failed = 0;
		buf_reset(&move.why);
		if (write_flushed(begin, marked) == -1) {
			move.q = NULL;
			ctl_error(q, "nothing was changed: %s",
			    strerror(errno));
		}
	}
}

static void
ask(enum side side, enum msg_type type, int fd)
{
	struct msg_account	 m = { move.account, move.part[side] };

	move.waiting[side] = peer_ask(store_of(side), type, &c_account, &m,
	    fd, side == SOURCE ? on_source : on_target, NULL) != 0;
	if (!move.waiting[side])
		fail("a store is away");
}

static void
marked(struct dbenv_wait *w, int error)
{
	struct msg_end_sessions	 e = { .account = move.account,
				    .why = span_str("the account is moved; "
				    "come again soon") };
	int			 sv[2];

	(void)w;
	if (error != 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0, sv) == -1) {
		fail(strerror(error != 0 ? error : errno));
		over();
		return;
	}
	log_info("account %s moves from partition %02u to %02u",
	    move.q->account.name, move.part[SOURCE], move.part[TARGET]);
	auth_end_sessions(&e);
	ask(TARGET, M_MOVE_IN, sv[0]);
	ask(SOURCE, M_MOVE_OUT, sv[1]);
	over();
}

/* The first reason is the one that is told; a side that only saw the other give
 * up has none. */
static void
fail(const char *why)
{
	if (span_buf(&move.why).n == 0)
		(void)buf_adds(&move.why, why);
	move.failed = 1;
}

static int
on_side(enum side side, struct imsg *m)
{
	struct msg_result	 r;
	int			 rc = 0;

	move.waiting[side] = 0;
	if (m == NULL)
		fail("a store went away");
	else if ((rc = imsg_get(m, &c_result, &r)) == -1 ||
	    r.result != RESULT_OK)
		fail(rc == -1 ? "malformed answer" : log_esc(r.text));
	over();
	return (rc);
}

static int
on_source(void *arg, struct peer *p, struct imsg *m)
{
	(void)arg;
	(void)p;
	return (on_side(SOURCE, m));
}

static int
on_target(void *arg, struct peer *p, struct imsg *m)
{
	(void)arg;
	(void)p;
	return (on_side(TARGET, m));
}

/* It is there now, and what was here is to be removed. */
static int
settle(void)
{
	struct account	 a;

	if (userdb_get(&auth.db, move.account, &a) == -1 ||
	    userdb_move(&auth.db, &a, move.part[TARGET]) == -1 ||
	    userdb_gone_done(&auth.db, move.account, move.part[TARGET]) == -1)
		return (-1);
	return (userdb_gone_add(&auth.db, move.account, move.part[SOURCE]));
}

/* Both sides have answered: the account moves, or stays. */
static void
over(void)
{
	struct ctl		*q = move.q;

	if (move.waiting[SOURCE] || move.waiting[TARGET])
		return;
	if (!move.failed && write_flushed(settle, settled) == 0)
		return;
	if (!move.failed)
		fail(strerror(errno));
	move.q = NULL;
	auth_thaw();
	ctl_error(q, "account %s stays where it is: %s", q->account.name,
	    buf_cstr(&move.why));
}

static void
settled(struct dbenv_wait *w, int error)
{
	struct ctl	*q = w->arg;

	if (error != 0) {	/* undone */
		fail(strerror(error));
		over();
		return;
	}
	move.q = NULL;
	moves++;
	auth_tell_limits_of(move.account);
	auth_thaw();
	log_info("uid %u: account %s is in partition %02u", q->m.uid,
	    q->account.name, move.part[TARGET]);
	buf_addf(&q->text, "account %s is in partition %02u",
	    q->account.name, move.part[TARGET]);
	ctl_done(q);
}
