/*
 * The role "smtpd": births, reloads, links that come and go, the end.
 */
#include <event2/event.h>
#include <stdlib.h>

#include "doors.h"
#include "log.h"
#include "smtpd.h"

static int	 on_prepare(const struct conf *, struct buf *);
static void	 on_commit(void);
static int	 on_open(void);
static int	 on_start(void);
static void	 on_stop(void);
static void	 on_stop_late(evutil_socket_t, short, void *);
static void	 on_link_up(struct peer *);
static void	 on_link_down(struct peer *);

static int	 stopping;

static int
on_prepare(const struct conf *conf, struct buf *why)
{
	return (doors_prepare(conf, 1u << KIND_SMTP | 1u << KIND_SUBMISSION,
	    why));
}

static void
on_commit(void)
{
	doors_open(conn_new);
}

static int
on_open(void)
{
	struct buf	 why = { 0 };
	int		 rc = on_prepare(proc_conf(), &why);

	if (rc == -1)
		log_error("%s", buf_cstr(&why));
	buf_free(&why);
	return (rc);
}

static int
on_start(void)
{
	on_commit();
	return (0);
}

static void
on_link_up(struct peer *p)
{
	struct conn	*c;

	if (peer_role(p) == ROLE_AUTH)
		TAILQ_FOREACH(c, &conns, entry)
			conn_register(c);
}

static void
on_link_down(struct peer *p)
{
	struct conn	*c;

	if (peer_role(p) == ROLE_QUEUED)
		slot_queued_down();
	if (peer_role(p) == ROLE_AUTH)
		TAILQ_FOREACH(c, &conns, entry)
			conn_forgotten(c);
}

static void
on_stop_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	proc_exit(0);
}

/* No new connections; those there are told, once what they handed in is
 * answered. */
static void
on_stop(void)
{
	static const struct timeval	 wait = { CONN_STOP_WAIT, 0 };
	struct conn			*c, *next;

	stopping = 1;
	doors_close();
	for (c = TAILQ_FIRST(&conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		conn_end(c, "4.3.2", "shutting down");
	}
	(void)event_base_once(proc_base(), -1, EV_TIMEOUT, on_stop_late, NULL,
	    &wait);
	role_conn_gone();
}

void
role_conn_gone(void)
{
	static const struct timeval	 soon = { 0, 100000 };

	/* The last replies are still on their way out. */
	if (stopping && TAILQ_EMPTY(&conns))
		(void)event_base_once(proc_base(), -1, EV_TIMEOUT,
		    on_stop_late, NULL, &soon);
}

static const struct msg_rule	 rules[] = {
	{ M_SLOT,	PEER(ROLE_QUEUED), MSG_BODY | MSG_FD, slot_on_slot },
	{ M_SLOT_READ,	PEER(ROLE_QUEUED), MSG_BODY | MSG_FD, slot_on_read },
	{ M_SLOT_ID,	PEER(ROLE_QUEUED), MSG_BODY, slot_on_id },
	{ M_CTL,	PEER(ROLE_CONTROL), MSG_BODY | MSG_MAYFD,
	    control_on_ctl },
};

const struct role_ops smtpd_ops = {
	.role = ROLE_SMTPD,
	.rules = rules,
	.nrules = nitems(rules),
	.open = on_open,
	.start = on_start,
	.link_up = on_link_up,
	.link_down = on_link_down,
	.prepare = on_prepare,
	.commit = on_commit,
	.cancel = doors_cancel,
	.stop = on_stop,
};
