/*
 * The queue's process: what others may ask of it, start, reload, end.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "queued/admin.h"
#include "queued/attempt.h"
#include "queued/change.h"
#include "queued/ctl.h"
#include "queued/local.h"
#include "queued/queued.h"
#include "queued/report.h"
#include "queued/sts.h"
#include "sandbox.h"

extern const struct role_ops	 queued_ops;

static int	 open_queue(void);
static int	 start(void);
static void	 on_hour(evutil_socket_t, short, void *);
static void	 link_up(struct peer *);
static void	 link_down(struct peer *);
static int	 prepare(const struct conf *, struct buf *);
static void	 commit(void);
static void	 stop(void);

static const struct msg_rule	 rules[] = {
	{ M_SLOT_WANT,	PEER(ROLE_SMTPD),	MSG_BODY,	on_slot_want },
	{ M_SLOT_SETTLED, PEER(ROLE_SMTPD),	MSG_BODY,	on_slot_settled },
	{ M_QUEUE_RCPTS, PEER(ROLE_SMTPD),	MSG_BODY,	on_queue_rcpts },
	{ M_QUEUE_COMMIT, PEER(ROLE_SMTPD),	MSG_BODY,	on_queue_commit },
	{ M_SESSION,	PEER(ROLE_AUTH),	MSG_BODY | MSG_FD, on_session },
	{ M_STS,	PEER(ROLE_RELAY),	MSG_BODY,	on_sts },
	{ M_CTL,	PEER(ROLE_CONTROL), MSG_BODY | MSG_MAYFD, on_ctl },
	{ M_END_SESSIONS, PEER(ROLE_AUTH),	MSG_BODY,	on_end_sessions },
	{ M_MOVE_OFF,	PEER(ROLE_AUTH),	MSG_BODY,	on_move_off },
};

const struct role_ops	 queued_ops = {
	.role = ROLE_QUEUED,
	.rules = rules, .nrules = nitems(rules),
	.open = open_queue, .start = start,
	.link_up = link_up, .link_down = link_down,
	.prepare = prepare, .commit = commit, .stop = stop
};

/* Into the directory that stays the working directory in the cage. */
static int
open_queue(void)
{
	const struct conf	*c = proc_conf();
	struct db_conf		 dc = { .home = ".",
				    .margin = c->disk_reserve };
	struct buf		 dir = { 0 };
	int			 rc;

	if (proc_privileged() && sandbox_user(c->users[ROLE_QUEUED], &dc.uid,
	    &dc.gid) == -1) {
		log_error("there is no user %s", c->users[ROLE_QUEUED]);
		return (-1);
	}
	buf_addf(&dir, "%s/%s", c->state, sandbox_directory(ROLE_QUEUED));
	rc = chdir(buf_cstr(&dir));
	if (rc == -1)
		log_error("%s: %s", buf_cstr(&dir), strerror(errno));
	buf_free(&dir);
	return (rc == -1 ? -1 : db_open(&dc));
}

/* Files of bodies that a crash left, pins of mail that is gone. */
static void
on_hour(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	body_sweep(q.bodies);
	pins_sweep();
	suppress_sweep();
	suppress_accounts();
	sts_sweep();
}

static int
start(void)
{
	static const struct timeval	 hour = { 3600, 0 };
	struct event_base		*base = proc_base();
	struct event			*sweep;
	struct buf			 why = { 0 };

	q_clock_start();
	if (pins_check(proc_conf(), &why) == -1)	/* not by a reload */
		log_warn("queue: %s", buf_cstr(&why));
	buf_free(&why);
	sweep = event_new(base, -1, EV_PERSIST, on_hour, NULL);
	if (sweep == NULL || event_add(sweep, &hour) == -1)
		return (-1);
	return (holdrules_start() == -1 || slot_start() == -1 ||
	    db_start(base) == -1 || retired_start(base) == -1 ||
	    local_start(base) == -1 || workers_start(base) == -1 ||
	    report_start(base) == -1 || sts_start(base) == -1 ||
	    sched_start(base) == -1 ? -1 : 0);
}

static void
link_up(struct peer *p)
{
	if (peer_role(p) == ROLE_SMTPD)
		slots_up(p);
	else if (peer_role(p) == ROLE_RELAY)
		worker_up(p);
}

static void
link_down(struct peer *p)
{
	if (peer_role(p) == ROLE_SMTPD)
		slots_down(p);
	else if (peer_role(p) == ROLE_RELAY) {
		sts_down(p);
		worker_down(p);
	}
	else if (peer_role(p) == ROLE_CONTROL)
		ctl_down(p);
}

/* A pin is never found to lead nowhere at delivery. */
static int
prepare(const struct conf *c, struct buf *why)
{
	return (pins_check(c, why));
}

static void
commit(void)
{
	workers_commit();
}

/* What is under way is tried again at the next start. */
static void
stop(void)
{
	sessions_end("the service is being stopped");
	db_close();
	proc_exit(0);
}
