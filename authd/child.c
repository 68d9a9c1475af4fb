/*
 * The other processes: each is forked and executed anew, told who it is, and
 * started again when it ends.
 */
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build.h"
#include "log.h"
#include "msg.h"
#include "parent.h"
#include "proc.h"
#include "sandbox.h"

#define SETTLED		30	/* seconds after which a death is the first */
#define STORE_TRIES	6	/* at the first start: two a partition */
#define LOG_LINE	2048

static void	 run(struct child *, int, pid_t)
		    __attribute__((__noreturn__));
static int	 birth(struct child *, int);
static void	 gone(struct child *, int);
static void	 on_again(evutil_socket_t, short, void *);
static void	 on_down(struct peer *, const char *);
static int	 on_ready(struct peer *, struct imsg *);
static int	 on_failed(struct peer *, struct imsg *);
static int	 on_end_peer(struct peer *, struct imsg *);
static int	 on_link_lost(struct peer *, struct imsg *);
static int	 on_do_reload(struct peer *, struct imsg *);
static int	 on_do_stop(struct peer *, struct imsg *);
static int	 on_do_status(struct peer *, struct imsg *);
static int	 on_do_logfile(struct peer *, struct imsg *);
static int	 on_log_level(struct peer *, struct imsg *);
static int	 on_worker(struct peer *, struct imsg *);
static int	 on_worker_end(struct peer *, struct imsg *);
static void	 give_logs(struct child *);
static int	 give_log(struct child *, const struct child *);

/* Everything that the parent listens to. */
#define ANY	(PEER(ROLE_CONTROL) | PEER(ROLE_AUTH) | PEER(ROLE_KEYS) | \
    PEER(ROLE_LOOKUP) | PEER(ROLE_SMTPD) | PEER(ROLE_FRONT) | \
    PEER(ROLE_STORE) | PEER(ROLE_QUEUED) | PEER(ROLE_RELAY))

static const struct msg_rule rules[] = {
	{ M_READY,	ANY,			MSG_EMPTY,	on_ready },
	{ M_FAILED,	ANY,			MSG_BODY,	on_failed },
	{ M_END_PEER,	ANY,			MSG_BODY,	on_end_peer },
	{ M_LINK_LOST,	ANY,			MSG_BODY,	on_link_lost },
	{ M_DO_RELOAD,	PEER(ROLE_CONTROL),	MSG_EMPTY,	on_do_reload },
	{ M_DO_STOP,	PEER(ROLE_CONTROL),	MSG_EMPTY,	on_do_stop },
	{ M_DO_STATUS,	PEER(ROLE_CONTROL),	MSG_EMPTY,	on_do_status },
	{ M_DO_LOGFILE,	PEER(ROLE_CONTROL),	MSG_EMPTY,	on_do_logfile },
	{ M_LOG_LEVEL,	PEER(ROLE_CONTROL),	MSG_BODY,	on_log_level },
	{ M_WORKER_START, PEER(ROLE_QUEUED),	MSG_BODY,	on_worker },
	{ M_WORKER_END,	PEER(ROLE_QUEUED),	MSG_BODY,	on_worker_end },
};
static const struct peer_ops ops = { rules, nitems(rules), on_down };

/* Which program a role lives in; all of them take "-R role". */
static const char *const programs[ROLE_COUNT] = {
	[ROLE_CONTROL] = "authd", [ROLE_AUTH] = "authd", [ROLE_KEYS] = "authd",
	[ROLE_LOOKUP] = "authd", [ROLE_SMTPD] = "smtpd", [ROLE_FRONT] = "imapd",
	[ROLE_STORE] = "imapd", [ROLE_QUEUED] = "queued",
	[ROLE_RELAY] = "queued"
};

/* The more trusted first; equals share a number. */
static const int trust[ROLE_COUNT] = {
	[ROLE_PARENT] = 0, [ROLE_KEYS] = 1, [ROLE_AUTH] = 2, [ROLE_STORE] = 3,
	[ROLE_QUEUED] = 3, [ROLE_LOOKUP] = 4, [ROLE_SMTPD] = 5,
	[ROLE_FRONT] = 5, [ROLE_RELAY] = 5, [ROLE_CONTROL] = 5,
	[ROLE_SESSION] = 6
};

struct child *
child_new(enum role role, unsigned inst, const char *name)
{
	struct child	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	c->role = role;
	c->inst = inst;
	c->log = -1;
	c->name = strdup(name);
	c->again = event_new(parent.base, -1, 0, on_again, c);
	TAILQ_INSERT_TAIL(&parent.children, c, entry);
	if (c->name == NULL || c->again == NULL) {
		child_free(c);
		return (NULL);
	}
	return (c);
}

void
child_free(struct child *c)
{
	if (c->log != -1) {
		drain_log(c->log, child_name(c));
		close(c->log);
	}
	links_drop(c);
	TAILQ_REMOVE(&parent.children, c, entry);
	peer_free(c->peer);
	if (c->again != NULL)
		event_free(c->again);
	free(c->failed);
	free(c->name);
	free(c);
}

struct child *
child_find(enum role role, unsigned inst)
{
	struct child	*c;

	TAILQ_FOREACH(c, &parent.children, entry)
		if (c->role == role && c->inst == inst)
			return (c);
	return (NULL);
}

const char *
child_name(const struct child *c)
{
	static char	 name[96];

	if (c->name[0] != '\0')
		snprintf(name, sizeof(name), "%s %s", role_name(c->role),
		    log_escs(c->name));
	else
		snprintf(name, sizeof(name), "%s %u", role_name(c->role),
		    c->inst);
	return (name);
}

/* ---- birth ---------------------------------------------------------------- */

/* In the new process: nothing of the parent's is kept but the link and fd 1, 2. */
static void
run(struct child *c, int fd, pid_t ppid)
{
	static char	 path_env[] = "PATH=/usr/bin:/bin";
	static const char *const keep[] = { "TZ=", "ASAN_OPTIONS=",
			    "UBSAN_OPTIONS=", "LSAN_OPTIONS=" };
	char		*env[nitems(keep) + 2] = { path_env };
	char		 program[4096], arg[96], dash_r[] = "-R", role[32];
	char		*argv[] = { arg, dash_r, role, NULL };
	sigset_t	 none;
	size_t		 i, n = 1;
	int		 null;

	for (char **e = environ; *e != NULL; e++)
		for (i = 0; i < nitems(keep); i++)
			if (strncmp(*e, keep[i], strlen(keep[i])) == 0 &&
			    n < nitems(env) - 1)
				env[n++] = *e;
	snprintf(program, sizeof(program), "%s/%s", parent.bindir,
	    programs[c->role]);
	snprintf(arg, sizeof(arg), "%s: %s", programs[c->role], child_name(c));
	snprintf(role, sizeof(role), "%s", role_name(c->role));
	signal(SIGINT, SIG_IGN);	/* a terminal's are for the parent */
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if ((null = open("/dev/null", O_RDWR)) == -1 ||
	    dup2(null, STDIN_FILENO) == -1 ||
	    (!parent.debug && (dup2(null, STDOUT_FILENO) == -1 ||
	    dup2(null, STDERR_FILENO) == -1)) ||
	    (parent.debug && dup2(STDERR_FILENO, STDOUT_FILENO) == -1))
		_exit(126);
	/* dup2() onto itself would keep close-on-exec. */
	if (fd == PROC_FD ? fcntl(fd, F_SETFD, 0) == -1 :
	    dup2(fd, PROC_FD) == -1)
		_exit(126);
	if (close_range(PROC_FD + 1, ~0u, 0) == -1)
		_exit(126);
	if (chdir(parent.conf->state) == -1 ||
	    chdir(sandbox_directory(c->role)) == -1)
		_exit(126);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != ppid)
		_exit(126);
	execve(program, argv, env);
	fprintf(stderr, "authd: %s: %s\n", program, strerror(errno));
	_exit(127);
}

void
child_start(struct child *c)
{
	int	 fds[2] = { -1, -1 }, logs[2];
	pid_t	 pid, self = getpid();

	if (parent.stopping || c->pid != 0)
		return;
	if (imsg_pair(fds) == -1 || imsg_pair(logs) == -1) {
		log_error("cannot start %s: %s", child_name(c),
		    strerror(errno));
		if (fds[0] != -1) {
			close(fds[0]);
			close(fds[1]);
		}
		gone(c, 0);
		return;
	}
	if ((pid = fork()) == 0)
		run(c, fds[1], self);
	close(fds[1]);
	if (pid == -1) {
		log_error("cannot start %s: %s", child_name(c),
		    strerror(errno));
		close(fds[0]);
		close(logs[0]);
		close(logs[1]);
		gone(c, 0);
		return;
	}
	c->pid = pid;
	c->state = CHILD_STARTING;
	c->born = now();
	c->log = logs[0];
	c->prepared = 0;
	free(c->failed);
	c->failed = NULL;
	c->peer = peer_new(parent.base, fds[0], c->role, c->inst, &ops, c);
	if (c->peer == NULL)
		close(logs[1]);
	if (c->peer == NULL || birth(c, logs[1]) == -1) {
		log_error("cannot start %s: no memory", child_name(c));
		child_kill(c);
		return;
	}
	give_logs(c);
	links_make(c);
	log_debug("%s started, pid %d", child_name(c), (int)pid);
}

int
child_send_conf(struct child *c, const struct conf *conf,
    const struct sockets *socks)
{
	const struct conf_listener	*l = conf->listeners.v;
	const struct conf_cert		*k = conf->certs.v;
	struct msg_number		 n;
	struct buf			 b = { .max = CONF_MAX }, why = { 0 };
	struct buf			 piece;
	size_t				 at, i;
	int				 rc = -1;

	if (conf_put(&b, conf, c->role, c->name) == -1)
		goto out;
	for (at = 0; at < b.n; at += piece.n) {
		piece = b;
		piece.p = b.p + at;
		piece.n = b.n - at < IMSG_MAX / 2 ? b.n - at : IMSG_MAX / 2;
		if (peer_send(c->peer, M_CONF, &piece, -1) == -1)
			goto out;
	}
	for (i = 0; i < socks->n; i++) {
		n.number = i;
		if (socks->v[i].fd != -1 &&
		    (l[i].kind == KIND_IMAP ? ROLE_FRONT : ROLE_SMTPD) ==
		    c->role && peer_put(c->peer, M_LISTENER, &c_number, &n,
		    fcntl(socks->v[i].fd, F_DUPFD_CLOEXEC, 0)) == -1)
			goto out;
	}
	n.number = 0;
	if (c->role == ROLE_CONTROL && peer_put(c->peer, M_LISTENER, &c_number,
	    &n, fcntl(parent.control, F_DUPFD_CLOEXEC, 0)) == -1)
		goto out;
	for (i = 0; c->role == ROLE_KEYS && i < conf->certs.n; i++) {
		n.number = i;
		/* One that is gone since: keys says which. */
		if (peer_put(c->peer, M_KEYFILE, &c_number, &n,
		    open_key(k[i].keyfile, &why)) == -1)
			goto out;
	}
	rc = 0;
out:
	buf_freezero(&b);
	buf_free(&why);
	return (rc);
}

static int
birth(struct child *c, int logfd)
{
	struct msg_birth	 m = { 0 };

	m.build = span_str(LETTERLOCK_BUILD);
	m.role = (uint8_t)c->role;
	m.instance = c->inst;
	m.name = span_str(c->name);
	m.privileged = (uint8_t)parent.privileged;
	m.log_level = (uint8_t)parent.log_level;
	c->generation = parent.conf->generation;
	if (peer_put(c->peer, M_BIRTH, &c_birth, &m, -1) == -1 ||
	    child_send_conf(c, parent.conf, &parent.sockets) == -1) {
		close(logfd);
		return (-1);
	}
	if (peer_send(c->peer, M_LOG, NULL, logfd) == -1)
		return (-1);
	return (peer_send(c->peer, M_BIRTH_END, NULL, -1));
}

/* ---- logs ----------------------------------------------------------------- */

static int
give_log(struct child *control, const struct child *of)
{
	struct msg_link	 m = { .role = of == NULL ? ROLE_PARENT :
			    (uint8_t)of->role };
	int		 fd = of == NULL ? parent.log[0] : of->log;

	if (control == NULL || control->peer == NULL || fd == -1)
		return (0);
	if (of != NULL) {
		m.instance = of->inst;
		m.name = span_str(of->name);
		m.pid = (uint32_t)of->pid;
	} else
		m.pid = (uint32_t)getpid();
	return (peer_put(control->peer, M_LOGPIPE, &c_link, &m,
	    fcntl(fd, F_DUPFD_CLOEXEC, 0)));
}

/* The reading end of a new role's log; to a new control all there are. */
static void
give_logs(struct child *c)
{
	struct child	*other;

	if (c->role != ROLE_CONTROL) {
		(void)give_log(child_find(ROLE_CONTROL, 0), c);
		return;
	}
	child_log_file();
	(void)give_log(c, NULL);
	TAILQ_FOREACH(other, &parent.children, entry)
		(void)give_log(c, other);
}

/* Open the log file anew, when there is one. */
void
child_log_file(void)
{
	const char	*path = parent.conf->log;
	struct child	*c = child_find(ROLE_CONTROL, 0);
	int		 fd;

	if (path[0] != '/' || c == NULL || c->peer == NULL)
		return;
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW |
	    O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
	if (fd == -1) {
		log_error("%s: %s", path, strerror(errno));
		return;
	}
	(void)peer_send(c->peer, M_LOGFILE, NULL, fd);
}

void
drain_log(int fd, const char *name)
{
	char	 line[LOG_LINE];
	ssize_t	 n;
	int	 i;

	while ((n = recv(fd, line, sizeof(line), MSG_DONTWAIT)) > 1) {
		for (i = 1; i < n; i++)
			if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
				line[i] = '?';
		fprintf(stderr, "%s: %.*s\n", name, (int)n - 1, line + 1);
	}
}

/* ---- death ---------------------------------------------------------------- */

void
child_kill(struct child *c)
{
	if (c->pid != 0)
		(void)kill(c->pid, SIGKILL);
}

void
child_stop(struct child *c)
{
	c->state = CHILD_STOPPING;
	if (c->peer == NULL || peer_send(c->peer, M_STOP, NULL, -1) == -1)
		child_kill(c);
}

static void
on_down(struct peer *p, const char *why)
{
	struct child	*c = peer_arg(p);

	(void)why;
	c->peer = NULL;
	child_kill(c);		/* it ended, or is not to be trusted */
}

void
child_reap(void)
{
	struct child	*c;
	pid_t		 pid;
	int		 status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		TAILQ_FOREACH(c, &parent.children, entry)
			if (c->pid == pid)
				break;
		if (c != NULL)
			gone(c, status);
	}
}

/* What an exit status says. */
static void
log_end(const struct child *c, int status)
{
	if (WIFSIGNALED(status))
		log_warn("%s[%d] was ended by signal %d", child_name(c),
		    (int)c->pid, WTERMSIG(status));
	else
		log_warn("%s[%d] ended with status %d", child_name(c),
		    (int)c->pid, WEXITSTATUS(status));
}

/*
 * At the first start.  A store that ends without saying that it cannot come up
 * may have found a partition damaged, and serves the others once it has found
 * that twice.
 */
static int
may_come_up(const struct child *c)
{
	return (c->role == ROLE_STORE && c->failed == NULL &&
	    c->restarts < STORE_TRIES);
}

static void
gone(struct child *c, int status)
{
	static const int	 delays[] = { 0, 1, 2, 4 };
	struct child		*control = child_find(ROLE_CONTROL, 0);
	struct timeval		 delay = { 0, 0 };
	int			 expected = c->state == CHILD_STOPPING;

	if (!expected && c->pid != 0)
		log_end(c, status);
	c->pid = 0;
	if (c->peer != NULL)
		peer_drain(c->peer);	/* why, maybe */
	if (c->failed != NULL && !parent.starting)
		log_error("%s cannot come up: %s", child_name(c), c->failed);
	peer_free(c->peer);
	c->peer = NULL;
	c->state = CHILD_DOWN;
	if (c->log != -1 && !parent.stopping && (!parent.starting ||
	    may_come_up(c))) {
		if (control == NULL || control->state != CHILD_READY)
			drain_log(c->log, child_name(c));
		close(c->log);
		c->log = -1;
	}
	reload_disturbed(c);
	if (parent.starting && !parent.stopping && !expected &&
	    !may_come_up(c)) {
		parent_fatal("%s cannot come up%s%s", child_name(c),
		    c->failed != NULL ? ": " : "",
		    c->failed != NULL ? c->failed : "");
		return;
	}
	if (parent.stopping) {
		parent_step();
		return;
	}
	if (c->leaving) {
		child_free(c);
		return;
	}
	if (now() - c->born > SETTLED)
		c->deaths = 0;
	delay.tv_sec = delays[c->deaths < nitems(delays) ? c->deaths :
	    nitems(delays) - 1];
	c->deaths++;
	c->restarts++;
	event_add(c->again, &delay);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	child_start(arg);
}

/* ---- what roles may say --------------------------------------------------- */

static int
on_ready(struct peer *p, struct imsg *m)
{
	struct child	*c = peer_arg(p);

	(void)m;
	if (c->state != CHILD_STARTING)
		return (c->state == CHILD_STOPPING ? 0 : -1);
	c->state = CHILD_READY;
	log_debug("%s is ready", child_name(c));
	if (c->role == ROLE_CONTROL && parent.log[1] != -1) {
		log_fd(parent.log[1]);	/* from now on by the same way */
		parent.log[1] = -1;
	}
	parent_step();
	return (0);
}

static int
on_failed(struct peer *p, struct imsg *m)
{
	struct child	*c = peer_arg(p);
	struct msg_text	 t;

	if (imsg_get(m, &c_text, &t) == -1)
		return (-1);
	free(c->failed);
	c->failed = strdup(log_esc(t.text));
	return (0);
}

/* Belief follows trust: the more trusted end decides. */
static int
on_end_peer(struct peer *p, struct imsg *m)
{
	struct child	*c = peer_arg(p), *other;
	struct msg_link	 l;
	char		 by[96];

	if (imsg_get(m, &c_link, &l) == -1 || l.role >= ROLE_COUNT)
		return (-1);
	if ((other = child_find((enum role)l.role, l.instance)) == NULL)
		return (0);
	/* Of the link that they have, not of a former one or of none. */
	if (l.generation == 0 || link_generation(c, other) != l.generation)
		return (0);
	if (trust[c->role] < trust[other->role]) {
		snprintf(by, sizeof(by), "%s", child_name(c));
		log_warn("%s is ended at the word of %s", child_name(other),
		    by);
		child_kill(other);
	} else
		link_lost(c, other->role, other->inst, l.generation);
	return (0);
}

static int
on_link_lost(struct peer *p, struct imsg *m)
{
	struct msg_link	 l;

	if (imsg_get(m, &c_link, &l) == -1 || l.role >= ROLE_COUNT)
		return (-1);
	link_lost(peer_arg(p), (enum role)l.role, l.instance, l.generation);
	return (0);
}

static int
on_do_reload(struct peer *p, struct imsg *m)
{
	reload(p, m->id);
	return (0);
}

static int
on_do_stop(struct peer *p, struct imsg *m)
{
	struct msg_result	 r = { .result = RESULT_OK };

	(void)peer_reply(p, M_DO_STOP, m->id, &c_result, &r, -1);
	parent_stop(0);
	return (0);
}

static int
on_do_status(struct peer *p, struct imsg *m)
{
	struct buf	 b = { .max = IMSG_MAX - 64 };
	struct msg_text	 t;

	status(&b);
	t.text = span_buf(&b);
	(void)peer_reply(p, M_DO_STATUS, m->id, &c_text, &t, -1);
	buf_free(&b);
	return (0);
}

static int
on_do_logfile(struct peer *p, struct imsg *m)
{
	struct msg_result	 r = { .result = RESULT_OK };

	child_log_file();
	(void)peer_reply(p, M_DO_LOGFILE, m->id, &c_result, &r, -1);
	return (0);
}

static int
on_log_level(struct peer *p, struct imsg *m)
{
	struct msg_number	 n;
	struct child		*c;

	(void)p;
	if (imsg_get(m, &c_number, &n) == -1 || n.number > LOG_LEVEL_DEBUG)
		return (-1);
	parent.log_level = (int)n.number;
	log_level((enum log_level)n.number);
	TAILQ_FOREACH(c, &parent.children, entry)
		if (c->peer != NULL)
			(void)peer_put(c->peer, M_LOG_LEVEL, &c_number, &n,
			    -1);
	return (0);
}

static int
on_worker(struct peer *p, struct imsg *m)
{
	struct msg_text	 t;

	(void)p;
	if (imsg_get(m, &c_text, &t) == -1)
		return (-1);
	worker_start(t.text);
	return (0);
}

static int
on_worker_end(struct peer *p, struct imsg *m)
{
	struct msg_text	 t;

	(void)p;
	if (imsg_get(m, &c_text, &t) == -1)
		return (-1);
	worker_end(t.text);
	return (0);
}
