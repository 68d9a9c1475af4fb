/*
 * Roles without their work: they come up, keep their links and say so in the
 * log.  For tests of the parent.
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "msg.h"
#include "dummy.h"
#include "proc.h"

static void	 up(struct peer *);
static void	 down(struct peer *);
static int	 start(void);
static int	 prepare(const struct conf *, struct buf *);
static void	 commit(void);
static void	 commit_smtpd(void);
static void	 commit_store(void);
static void	 blame(enum role, unsigned);
static void	 slander(enum role, unsigned);

#define DUMMY(r, name, begin, ready, take)				\
const struct role_ops name = { .role = (r), .link_up = up,		\
    .link_down = down, .commit = (take), .start = (begin),		\
    .prepare = (ready) }

DUMMY(ROLE_AUTH, auth_ops, NULL, NULL, commit);
DUMMY(ROLE_KEYS, keys_ops, NULL, NULL, commit);
DUMMY(ROLE_LOOKUP, lookup_ops, NULL, NULL, commit);
DUMMY(ROLE_SMTPD, smtpd_ops, NULL, NULL, commit_smtpd);
DUMMY(ROLE_FRONT, front_ops, NULL, NULL, commit);
DUMMY(ROLE_STORE, store_ops, NULL, NULL, commit_store);
DUMMY(ROLE_RELAY, relay_ops, NULL, NULL, commit);
DUMMY(ROLE_QUEUED, queued_ops, start, prepare, commit);

static void
up(struct peer *p)
{
	log_info("link to %s", peer_name(p));
}

static void
down(struct peer *p)
{
	log_info("no link to %s", peer_name(p));
}

/* queued wants a worker for every transport there is. */
static int
start(void)
{
	struct msg_text	 t;

	CONF_EACH(struct conf_transport, c, &proc_conf()->transports) {
		t.text = span_str(c->name);
		(void)peer_put(proc_parent(), M_WORKER_START, &c_text, &t, -1);
	}
	return (0);
}

/* A host name with "refuse" in it is too much for queued. */
static int
prepare(const struct conf *c, struct buf *why)
{
	if (strstr(c->hostname, "refuse") == NULL)
		return (0);
	buf_adds(why, "this name is refused");
	return (-1);
}

/* As if it had sent what it may not. */
static void
blame(enum role role, unsigned inst)
{
	peer_close(proc_peer(role, inst), "protocol");
}

/* Of a link that there is not, or not any more. */
static void
slander(enum role role, unsigned inst)
{
	struct msg_link	 l = { .role = (uint8_t)role, .instance = inst };

	(void)peer_put(proc_parent(), M_END_PEER, &c_link, &l, -1);
}

/* The host name of a new configuration says what to do wrong. */
static void
commit(void)
{
	const char	*what = proc_conf()->hostname;

	log_info("generation %llu",
	    (unsigned long long)proc_conf()->generation);
	if (proc_peer(ROLE_QUEUED, 0) == NULL)
		return;
	if (strncmp(what, "drop.", 5) == 0 && proc_peer(ROLE_SMTPD, 0) != NULL)
		peer_close(proc_peer(ROLE_QUEUED, 0), "for the test");
}

static void
commit_smtpd(void)
{
	struct msg_text	 t = { span_str("t1") };
	const char	*what = proc_conf()->hostname;

	commit();
	if (proc_instance() != 0)
		return;
	if (strncmp(what, "blame.", 6) == 0)
		blame(ROLE_STORE, 0);
	if (strncmp(what, "forbidden.", 10) == 0)
		(void)peer_put(proc_parent(), M_WORKER_START, &c_text, &t, -1);
	if (strncmp(what, "malformed.", 10) == 0)
		(void)peer_send(proc_parent(), M_LINK_LOST, NULL, -1);
}

static void
commit_store(void)
{
	commit();
	if (proc_instance() == 0 &&
	    strncmp(proc_conf()->hostname, "end.", 4) == 0)
		blame(ROLE_SMTPD, 1);
	if (proc_instance() == 0 &&
	    strncmp(proc_conf()->hostname, "slander.", 8) == 0) {
		slander(ROLE_SMTPD, 1);
		slander(ROLE_RELAY, 0);
		slander(ROLE_LOOKUP, 0);
	}
}
