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

#define DUMMY(r, name, begin, ready)					\
const struct role_ops name = { .role = (r), .link_up = up,		\
    .link_down = down, .commit = commit, .start = (begin),		\
    .prepare = (ready) }

DUMMY(ROLE_AUTH, auth_ops, NULL, NULL);
DUMMY(ROLE_KEYS, keys_ops, NULL, NULL);
DUMMY(ROLE_LOOKUP, lookup_ops, NULL, NULL);
DUMMY(ROLE_SMTPD, smtpd_ops, NULL, NULL);
DUMMY(ROLE_FRONT, front_ops, NULL, NULL);
DUMMY(ROLE_STORE, store_ops, NULL, NULL);
DUMMY(ROLE_RELAY, relay_ops, NULL, NULL);
DUMMY(ROLE_QUEUED, queued_ops, start, prepare);

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

static void
commit(void)
{
	log_info("generation %llu",
	    (unsigned long long)proc_conf()->generation);
}
