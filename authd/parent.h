/*
 * "authd: parent": starts the other processes, gives them their links, starts
 * them again.  It alone keeps root, and hears nothing but the few messages of
 * the table in child.c.
 */
#ifndef PARENT_H
#define PARENT_H

#include <sys/queue.h>
#include <sys/types.h>
#include "conf.h"
#include "imsg.h"
#include "parse.h"

struct event;

#define STOP_NETWORK	5	/* seconds smtpd, front, relays have to end */
#define STOP_ALL	10	/* ... and all together; then they are killed */
#define RELOAD_PATIENCE	20	/* seconds for all answers to "prepare" */
#define RELAYS_MAX	64	/* workers at once */

enum child_state { CHILD_DOWN, CHILD_STARTING, CHILD_READY, CHILD_STOPPING };

/* A process there should be, whether it runs or not. */
struct child {
	TAILQ_ENTRY(child)	 entry;
	enum role		 role;
	unsigned		 inst;
	char			*name;		/* transport of a relay, or "" */
	enum child_state	 state;
	pid_t			 pid;		/* 0: down */
	struct peer		*peer;		/* NULL: down */
	int			 log;		/* reading end of its log */
	uint64_t		 generation;	/* of its configuration */
	unsigned		 restarts;
	unsigned		 deaths;	/* in a row, each soon after birth */
	time_t			 born;		/* monotonic */
	struct event		*again;		/* back-off */
	char			*failed;	/* its own last words */
	int			 leaving;	/* a worker no longer wanted */
	int			 prepared;	/* reload: -1 asked, 1 said yes */
};
TAILQ_HEAD(children, child);

/* Sockets listened on, each in the place of its conf->listeners; -1: none. */
struct sock {
	int			 fd;
};

struct sockets {
	struct sock		*v;
	size_t			 n;
};

struct parent {
	struct event_base	*base;
	struct conf		*conf;
	struct sockets		 sockets;
	int			 control;	/* control socket */
	int			 lock;
	int			 privileged;
	int			 debug;		/* in the foreground */
	int			 starting;	/* not everybody was ready yet */
	int			 stopping;
	int			 status;	/* of exit */
	int			 tell;		/* -1, or who waits for "ready" */
	int			 log_level;
	const char		*conf_path;
	char			*bindir;
	struct children		 children;
	int			 log[2];	/* the parent's own lines */
};
extern struct parent	 parent;

/* parent.c */
int		 parent_main(struct conf *, const char *path, int debug);
void		 parent_stop(int status);
/* A child changed its state: go on starting or stopping. */
void		 parent_step(void);
/* Everything ends with this message, because a role cannot come up. */
void		 parent_fatal(const char *, ...)
		    __attribute__((__format__(printf, 1, 2)));
time_t		 now(void);

/* child.c */
struct child	*child_new(enum role, unsigned inst, const char *name);
void		 child_free(struct child *);
struct child	*child_find(enum role, unsigned inst);
void		 child_start(struct child *);
void		 child_reap(void);
/* Ask it to end; kill it. */
void		 child_stop(struct child *);
void		 child_kill(struct child *);
const char	*child_name(const struct child *);
/* Certificates, sockets and the rest of a configuration, for one role. */
int		 child_send_conf(struct child *, const struct conf *,
		    const struct sockets *);
/* Open the log file, when there is one, and hand it to control. */
void		 child_log_file(void);
/* What is left in the log of a process that is gone, to standard error. */
void		 drain_log(int fd, const char *name);

/* link.c: who is linked with whom. */
void		 links_make(struct child *);
void		 links_drop(struct child *);
/* Of the link between two; 0: there is none. */
uint64_t	 link_generation(struct child *, struct child *);
void		 link_lost(struct child *, enum role, unsigned inst,
		    uint64_t generation);

/* worker.c */
void		 worker_start(struct span transport);
void		 worker_end(struct span transport);
/* The configuration is another one now. */
void		 workers_adjust(const struct conf *old);

/* place.c: directories and sockets. */
int		 place_directories(struct conf *);
int		 place_lock(const struct conf *);
int		 place_control(const struct conf *);
/* Bind what a configuration listens on; sockets of old are used again.  -1
 * with the reason. */
int		 sockets_open(const struct conf *, const struct conf *,
		    const struct sockets *, struct sockets *, struct buf *why);
/* Close what the other one does not have. */
void		 sockets_close(struct sockets *, const struct sockets *keep);
void		 place_unlink(const struct conf *);
void		 place_unlink_socket(const char *);

/* reload.c */
/* Answers request id of control, or nobody when p is NULL. */
void		 reload(struct peer *p, uint32_t id);
/* A child ended meanwhile. */
void		 reload_disturbed(struct child *);

/* status.c */
void		 status(struct buf *);

#endif
