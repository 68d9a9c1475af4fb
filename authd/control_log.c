/*
 * The log writer.  Every role has a datagram socket to here; a line is one
 * datagram, its first octet the level.  Role and pid come from the link, the
 * time is ours.  What cannot be written (disk full, a closed terminal) is
 * counted and dropped: logging never stops the service.
 *
 * A role that has just said something is listened to again REST_US later: who
 * logs thousands of lines a second wakes this process some hundred times, and
 * the lines of a round are written together.  What was said before an answer to
 * letterctl is written before it all the same.
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
#define ROUNDS	16	/* of those before an answer, at most */
#define HEAD	128	/* what is put in front of a line, at most */
#define ROOM	32768	/* octets written at once */
#define REST_US	5000

struct pipe {
	LIST_ENTRY(pipe)	 entry;
	struct event		*ev, *rest;
	int			 fd;
	char			 name[64];
};

static void	 on_lines(evutil_socket_t, short, void *);
static void	 on_rest(evutil_socket_t, short, void *);
static int	 take(struct pipe *);
static void	 pipe_free(struct pipe *);
static void	 write_line(const struct pipe *, char *, size_t);
static const char *stamp(const struct timespec *);
static void	 flush(void);

static LIST_HEAD(, pipe)	 pipes = LIST_HEAD_INITIALIZER(pipes);
static int			 out = STDERR_FILENO;
static int			 to_syslog;
static uint64_t			 lines, lost;
static struct {
	char	 p[ROOM];
	size_t	 n;
	unsigned lines;
}				 room;		/* empty between turns */

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

/* To the second, which is the same for many lines. */
static const char *
stamp(const struct timespec *t)
{
	static char	 text[32];
	static time_t	 of;
	struct tm	 tm;

	if (text[0] == '\0' || t->tv_sec != of) {
		of = t->tv_sec;
		gmtime_r(&of, &tm);
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	}
	return (text);
}

static void
flush(void)
{
	size_t	 at = 0;
	ssize_t	 n;

	while (at < room.n) {
		n = write(out, room.p + at, room.n - at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			lost += room.lines;
			break;
		}
		at += (size_t)n;
	}
	room.n = 0;
	room.lines = 0;
}

static void
write_line(const struct pipe *p, char *text, size_t n)
{
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
	if (sizeof(room.p) - room.n < HEAD + n)
		flush();
	clock_gettime(CLOCK_REALTIME, &t);
	k = snprintf(room.p + room.n, HEAD, "%s.%03ldZ %s: %s: ", stamp(&t),
	    t.tv_nsec / 1000000, p->name, levels[level]);
	room.n += k < HEAD ? (size_t)k : HEAD - 1;
	memcpy(room.p + room.n, text + 1, n - 1);
	room.n += n - 1;
	room.p[room.n++] = '\n';
	room.lines++;
}

static void
pipe_free(struct pipe *p)
{
	if (p->ev != NULL)
		event_free(p->ev);
	if (p->rest != NULL)
		event_free(p->rest);
	close(p->fd);
	free(p);
}

/* A round of its lines: how many; -1 the role is gone, and the pipe. */
static int
take(struct pipe *p)
{
	char		 line[LINE];
	ssize_t		 n = 1;
	int		 i, gone;

	for (i = 0; i < ROUND; i++) {
		n = recv(p->fd, line, sizeof(line), MSG_DONTWAIT);
		if (n <= 0)
			break;
		if (n > 1)
			write_line(p, line, (size_t)n);
	}
	gone = n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR);
	flush();
	if (gone) {
		LIST_REMOVE(p, entry);
		pipe_free(p);
		return (-1);
	}
	return (i);
}

static void
on_lines(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	 rest = { 0, REST_US };
	struct pipe			*p = arg;

	(void)fd;
	(void)what;
	if (take(p) != -1) {
		event_del(p->ev);
		event_add(p->rest, &rest);
	}
}

static void
on_rest(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	 rest = { 0, REST_US };
	struct pipe			*p = arg;
	int				 n = take(p);

	(void)fd;
	(void)what;
	if (n == 0 || n == ROUND)
		event_add(p->ev, NULL);
	else if (n != -1)
		event_add(p->rest, &rest);
}

/*
 * Whoever has an answer of letterctl's finds in the log what any role said
 * before it.
 */
void
control_log_settle(void)
{
	struct pipe	*p, *next;
	int		 i;

	for (p = LIST_FIRST(&pipes); p != NULL; p = next) {
		next = LIST_NEXT(p, entry);
		for (i = 0; i < ROUNDS && take(p) == ROUND; i++)
			continue;
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
	p->rest = event_new(proc_base(), -1, 0, on_rest, p);
	if (p->ev == NULL || p->rest == NULL ||
	    event_add(p->ev, NULL) == -1) {
		pipe_free(p);
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
