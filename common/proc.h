/*
 * A role: a process of the suite, started by the parent with one link to it.
 *
 * role_main() does what every role does, in this order: read the birth messages
 * (configuration, listening sockets, log socket) from the parent on descriptor
 * PROC_FD; ops->open (open and load what the role needs); the cage
 * (sandbox.h); ops->start (threads may start here); tell the parent "ready";
 * run the event loop.  All other links arrive later, at any time, and again
 * whenever a peer was restarted.  When the parent's link ends the role ends.
 *
 * A configuration stays valid for what began under it: proc_conf() changes at a
 * commit, the former one is never freed.
 */
#ifndef PROC_H
#define PROC_H

#include "imsg.h"
#include "conf.h"

#define PROC_FD		3

struct event_base;

struct role_ops {
	enum role		 role;
	const struct msg_rule	*rules;		/* for all links of the role */
	size_t			 nrules;
	/* Before the cage, as root if the suite runs as root.  -1: logged, the
	 * role cannot come up. */
	int			(*open)(void);
	/* In the cage.  May be NULL. */
	int			(*start)(void);
	/* A link came up, or ended (the peer is freed afterwards).  May be
	 * NULL.  The arg of a relay's peer is its transport's name, malloced. */
	void			(*link_up)(struct peer *);
	void			(*link_down)(struct peer *);
	/*
	 * Reload: build this role's side of the new configuration, 0, or -1 with
	 * a reason in why; then one of commit (conf is proc_conf() from now on)
	 * or cancel.  NULL: nothing of the configuration matters here.
	 */
	int			(*prepare)(const struct conf *, struct buf *why);
	void			(*commit)(void);
	void			(*cancel)(void);
	/* Orderly stop: end sessions, flush, then call proc_exit(0), now or
	 * later (the parent kills after 10 s).  NULL: exit at once. */
	void			(*stop)(void);
};

int			 role_main(int argc, char **argv,
			    const struct role_ops *);

/* Valid from ops->open on. */
struct event_base	*proc_base(void);
const struct conf	*proc_conf(void);
unsigned		 proc_instance(void);
/* Transport of a relay, else "". */
const char		*proc_name(void);
/* The link to a peer, NULL while it is away.  Remember no peer across turns
 * without link_down. */
struct peer		*proc_peer(enum role, unsigned instance);
struct peer		*proc_parent(void);
/* How many instances of a role the configuration has. */
unsigned		 proc_count(enum role);
/* Listening socket of conf->listeners[i], or -1 when it is not ours. */
int			 proc_listener(size_t i);
/*
 * The link to keys, for synchronous signing (smtpd, front, relay): no peer of
 * the loop.  -1 while keys is away.  proc_keys_lost() closes it after a failure;
 * the parent brings a new one.
 */
int			 proc_keys_fd(void);
void			 proc_keys_lost(void);
/* A key file's descriptor for conf->certs[i] (role keys), or -1. */
int			 proc_keyfile(size_t i);
/* Is this run isolated as root would be (chroot, users)? */
int			 proc_privileged(void);
/* Seconds, monotonic, of this turn of the loop. */
uint64_t		 proc_now_ms(void);
void			 proc_exit(int status) __attribute__((__noreturn__));

#endif
