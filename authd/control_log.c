/*
 * The log writer.  Every role has a datagram socket to here; a line is one
 * datagram, its first octet the level.  Role and pid come from the link, the
 * time is ours.  What cannot be written (disk full, a closed terminal) is
 * counted and dropped: logging never stops the service.
 */
#include <sys/queue.h>
#include <sys/socket.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "control.h"
#include "log.h"
#include "msg.h"
#include "proc.h"

#define LINE	2048	/* octets of a datagram, at most */
#define ROUND	64	/* lines of one role a turn */

struct pipe {
	LIST_ENTRY(pipe)	 entry;
	struct event		*ev;
	int			 fd;
	char			 name[64];
};

static void	 on_lines(evutil_socket_t, short, void *);
static void	 write_line(const struct pipe *, char *, size_t);

static LIST_HEAD(, pipe)	 pipes = LIST_HEAD_INITIALIZER(pipes);
static int			 out = STDERR_FILENO;
static int			 to_syslog;
static uint64_t			 lines, lost;

static const char *const levels[] = { "error", "warning", "info", "debug" };
static const int	 priorities[] = { LOG_ERR, LOG_WARNING, LOG_INFO,
			    LOG_DEBUG };

int
control_log_open(const char *where)
{
	to_syslog = strcmp(where, "syslog") == 0;
	if (to_syslog)		/* connect now: later there is no file system */
		openlog("letterlock", LOG_NDELAY, LOG_MAIL);
	return (0);
}

uint64_t
control_log_lines(void)
{
	return (lines);
}

static void
write_line(const struct pipe *p, char *text, size_t n)
{
	char		 head[128];
	char		 stamp[32];
	struct tm	 tm;
	struct timespec	 t;
	unsigned	 level = (unsigned)text[0] - '0';
	size_t		 i;
	int		 k;

	if (level >= nitems(levels))
		level = LOG_LEVEL_INFO;
	for (i = 1; i < n; i++)		/* a role may be taken: one line, text */
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
	lines++;
	if (to_syslog) {
		syslog(priorities[level], "%s: %.*s", p->name, (int)n - 1,
		    text + 1);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	k = snprintf(head, sizeof(head), "%s.%03ldZ %s: %s: ", stamp,
	    t.tv_nsec / 1000000, p->name, levels[level]);
	memmove(text, text + 1, n - 1);
	text[n - 1] = '\n';
	if (dprintf(out, "%.*s%.*s", k, head, (int)n, text) < 0)
		lost++;
}

static void
on_lines(evutil_socket_t fd, short what, void *arg)
{
	struct pipe	*p = arg;
	char		 line[LINE];
	ssize_t		 n;
	int		 i;

	(void)what;
	for (i = 0; i < ROUND; i++) {
		n = recv(fd, line, sizeof(line), MSG_DONTWAIT);
		if (n > 1) {
			write_line(p, line, (size_t)n);
			continue;
		}
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n == 0 || n == -1) {	/* the role is gone */
			LIST_REMOVE(p, entry);
			event_free(p->ev);
			close(p->fd);
			free(p);
			return;
		}
	}
}

int
control_on_logpipe(struct peer *peer, struct imsg *m)
{
	struct msg_link	 l;
	struct pipe	*p;

	(void)peer;
	if (imsg_get(m, &c_link, &l) == -1)
		return (-1);
	if (m->fd == -1 || (p = calloc(1, sizeof(*p))) == NULL)
		return (0);
	p->fd = m->fd;
	m->fd = -1;
	snprintf(p->name, sizeof(p->name), "%s%s%.*s[%u]",
	    role_name((enum role)l.role), l.name.n > 0 ? " " : "",
	    l.name.n > 32 ? 32 : (int)l.name.n, (const char *)l.name.p, l.pid);
	p->ev = event_new(proc_base(), p->fd, EV_READ | EV_PERSIST, on_lines,
	    p);
	if (p->ev == NULL || event_add(p->ev, NULL) == -1) {
		close(p->fd);
		free(p);
		return (0);
	}
	LIST_INSERT_HEAD(&pipes, p, entry);
	return (0);
}

int
control_on_logfile(struct peer *peer, struct imsg *m)
{
	(void)peer;
	if (m->fd == -1)
		return (0);
	if (out != STDERR_FILENO)
		close(out);
	out = m->fd;
	m->fd = -1;
	to_syslog = 0;
	return (0);
}
