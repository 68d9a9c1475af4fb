/*
 * The life of the suite: directories, sockets and processes come up, in that
 * order; signals; the end.
 */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "msg.h"
#include "parent.h"

struct parent	 parent = { .control = -1, .lock = -1, .tell = -1,
		    .log = { -1, -1 } };

static void	 on_signal(evutil_socket_t, short, void *);
static void	 on_patience(evutil_socket_t, short, void *);
static void	 detach(void);
static void	 came_up(void);
static void	 stop_phase(void);
static int	 set_up(const char *);
static int	 signals(void);
static void	 start_all(void);

/* Who ends together, and in this order; the log writer last. */
static const unsigned	 phases[] = {
	PEER(ROLE_SMTPD) | PEER(ROLE_FRONT) | PEER(ROLE_RELAY),
	PEER(ROLE_QUEUED), PEER(ROLE_STORE), PEER(ROLE_AUTH),
	PEER(ROLE_KEYS) | PEER(ROLE_LOOKUP), PEER(ROLE_CONTROL)
};

static struct event	*patience;
static size_t		 phase;

time_t
now(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (t.tv_sec);
}

/* ---- the end -------------------------------------------------------------- */

/* Those of this phase that still run; the next phase when there are none. */
static void
stop_phase(void)
{
	struct child	*c;
	int		 left = 0;

	while (phase < nitems(phases)) {
		TAILQ_FOREACH(c, &parent.children, entry)
			if ((phases[phase] & PEER(c->role)) != 0 &&
			    c->pid != 0) {
				left++;
				if (c->state != CHILD_STOPPING)
					child_stop(c);
			}
		if (left > 0)
			return;
		phase++;
	}
	event_base_loopbreak(parent.base);
}

/* Patience is over: with the network first, then with all. */
static void
on_patience(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	 rest = { STOP_ALL - STOP_NETWORK, 0 };
	struct child			*c;

	(void)fd;
	(void)what;
	(void)arg;
	TAILQ_FOREACH(c, &parent.children, entry)
		if (c->pid != 0 && (parent.stopping > 1 ||
		    (phases[0] & PEER(c->role)) != 0)) {
			log_warn("%s does not end, killed", child_name(c));
			child_kill(c);
		}
	parent.stopping++;
	event_add(patience, &rest);
}

void
parent_stop(int status)
{
	static const struct timeval	 first = { STOP_NETWORK, 0 };
	struct child			*c;

	if (parent.stopping)
		return;
	parent.stopping = 1;
	parent.status = status;
	log_info("stopping");
	TAILQ_FOREACH(c, &parent.children, entry)
		event_del(c->again);
	patience = event_new(parent.base, -1, 0, on_patience, NULL);
	if (patience != NULL)
		event_add(patience, &first);
	stop_phase();
}

void
parent_fatal(const char *fmt, ...)
{
	struct buf	 b = { 0 };
	va_list		 ap;

	if (parent.stopping)
		return;
	va_start(ap, fmt);
	buf_addv(&b, fmt, ap);
	va_end(ap);
	/* To whoever waits for us to come up, if that is not where logs go. */
	if (parent.log[1] == -1 && strcmp(parent.conf->log, "stderr") != 0)
		fprintf(stderr, "authd: %s\n", buf_cstr(&b));
	log_error("%s", buf_cstr(&b));
	buf_free(&b);
	parent_stop(1);
}

/* ---- the beginning -------------------------------------------------------- */

/* All roles are ready: whoever waits may go on. */
static void
came_up(void)
{
	int	 null;

	parent.starting = 0;
	log_info("ready");
	if (parent.debug) {
		printf("ready\n");
		fflush(stdout);
		return;
	}
	if (parent.tell != -1 && write(parent.tell, "", 1) == 1)
		close(parent.tell);
	parent.tell = -1;
	if ((null = open("/dev/null", O_RDWR | O_CLOEXEC)) != -1) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		close(null);
	}
}

void
parent_step(void)
{
	struct child	*c;

	if (parent.stopping) {
		stop_phase();
		return;
	}
	if (!parent.starting)
		return;
	TAILQ_FOREACH(c, &parent.children, entry)
		if (c->state != CHILD_READY)
			return;
	came_up();
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	(void)what;
	(void)arg;
	switch (sig) {
	case SIGCHLD:
		child_reap();
		break;
	case SIGHUP:
		reload(NULL, 0);
		break;
	case SIGUSR1:
		child_log_file();
		break;
	default:
		parent_stop(0);
	}
}

static int
signals(void)
{
	static const int	 which[] = { SIGCHLD, SIGHUP, SIGUSR1, SIGTERM,
				    SIGINT };
	struct event		*ev;
	size_t			 i;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < nitems(which); i++) {
		ev = evsignal_new(parent.base, which[i], on_signal, NULL);
		if (ev == NULL || event_add(ev, NULL) == -1)
			return (-1);
	}
	return (0);
}

/*
 * Into the background.  The process that was started stays until all roles are
 * ready, or says with its exit status that they are not.
 */
static void
detach(void)
{
	char	 c;
	int	 fds[2];

	if (pipe2(fds, O_CLOEXEC) == -1)
		return;
	switch (fork()) {
	case -1:
		close(fds[0]);
		close(fds[1]);
		return;
	case 0:
		close(fds[0]);
		parent.tell = fds[1];
		(void)setsid();
		return;
	default:
		close(fds[1]);
		_exit(read(fds[0], &c, 1) == 1 ? 0 : 1);
	}
}

/* Where the other programs are: beside this one. */
static char *
own_directory(void)
{
	char	*self, *dir, *copy;

	if ((self = realpath("/proc/self/exe", NULL)) == NULL)
		return (NULL);
	copy = (dir = dirname(self)) == NULL ? NULL : strdup(dir);
	free(self);
	return (copy);
}

static int
set_up(const char *path)
{
	static const struct rlimit	 none = { 0, 0 };
	struct buf			 why = { 0 };

	parent.conf_path = path;
	parent.privileged = geteuid() == 0;
	parent.log_level = parent.conf->log_level;
	log_level((enum log_level)parent.log_level);
	umask(022);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
	TAILQ_INIT(&parent.children);
	if ((parent.bindir = own_directory()) == NULL || chdir("/") == -1) {
		log_error("cannot find its own directory");
		return (-1);
	}
	if (place_directories(parent.conf) == -1 ||
	    place_lock(parent.conf) == -1)
		return (-1);
	parent.conf->generation = 1;
	if (sockets_open(parent.conf, NULL, NULL, &parent.sockets,
	    &why) == -1) {
		log_error("%s", buf_cstr(&why));
		buf_free(&why);
		return (-1);
	}
	if ((parent.control = place_control(parent.conf)) == -1 ||
	    imsg_pair(parent.log) == -1)
		return (-1);
	if ((parent.base = event_base_new()) == NULL || signals() == -1)
		return (-1);
	return (0);
}

static void
start_all(void)
{
	const struct conf	*c = parent.conf;
	struct child		*ch;
	unsigned		 i;

	(void)child_new(ROLE_CONTROL, 0, "");
	(void)child_new(ROLE_KEYS, 0, "");
	(void)child_new(ROLE_AUTH, 0, "");
	(void)child_new(ROLE_LOOKUP, 0, "");
	for (i = 0; i < c->nstore; i++)
		(void)child_new(ROLE_STORE, i, "");
	(void)child_new(ROLE_QUEUED, 0, "");
	for (i = 0; i < c->nsmtpd; i++)
		(void)child_new(ROLE_SMTPD, i, "");
	for (i = 0; i < c->nfront; i++)
		(void)child_new(ROLE_FRONT, i, "");
	parent.starting = 1;
	TAILQ_FOREACH(ch, &parent.children, entry)
		child_start(ch);
}

int
parent_main(struct conf *conf, const char *path, int debug)
{
	struct child	*c;

	log_init("authd");
	parent.conf = conf;
	parent.debug = debug;
	if (!debug)
		detach();
	if (set_up(path) == -1)
		return (1);
	start_all();
	if (!parent.stopping && event_base_dispatch(parent.base) == -1)
		parent.status = 1;
	place_unlink(parent.conf);
	drain_log(parent.log[0], "authd");
	while ((c = TAILQ_FIRST(&parent.children)) != NULL)
		child_free(c);
	return (parent.status);
}
