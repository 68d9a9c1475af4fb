/*
 * Log lines to control, or to standard error before there is a control.
 */
#include <sys/socket.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define LINE_MAX_	1024	/* octets of a log line */
#define ESC_MAX		256	/* octets from outside in one argument */
#define ESC_SLOTS	8
#define LAST_MAX	256	/* octets kept of the last error */

static void	 tell_dropped(void);
static void	 vlog(enum log_level, const char *, va_list)
		    __attribute__((__format__(printf, 2, 0)));

static const char	*name = "letterlock";
static int		 sock = -1;
static enum log_level	 highest = LOG_LEVEL_INFO;
static unsigned long	 dropped, told;
static _Thread_local char last_error[LAST_MAX];

void
log_init(const char *n)
{
	name = n;
}

void
log_fd(int fd)
{
	if (sock != -1)
		close(sock);
	sock = fd;
}

void
log_level(enum log_level level)
{
	highest = level;
}

int
log_enabled(enum log_level level)
{
	return (level <= highest);
}

const char *
log_last_error(void)
{
	return (last_error);
}

unsigned long
log_dropped(void)
{
	return (dropped);
}

/* The level in front as one digit; control takes it off. */
static void
vlog(enum log_level level, const char *fmt, va_list ap)
{
	char	 line[LINE_MAX_];
	int	 n;

	if (level > highest)
		return;
	line[0] = (char)('0' + level);
	n = vsnprintf(line + 1, sizeof(line) - 1, fmt, ap);
	if (n < 0)
		return;
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	if (level == LOG_LEVEL_ERROR)
		snprintf(last_error, sizeof(last_error), "%.*s", n, line + 1);
	if (sock == -1) {
		fprintf(stderr, "%s: %.*s\n", name, n, line + 1);
		return;
	}
	if (send(sock, line, (size_t)n + 1, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
		dropped++;
	else if (dropped != told)
		tell_dropped();
}

/* There is room again: say what is missing. */
static void
tell_dropped(void)
{
	char	 line[64];
	int	 n;

	n = snprintf(line, sizeof(line), "%d%lu lines of this log are lost",
	    LOG_LEVEL_WARN, dropped - told);
	if (n > 0 && send(sock, line, (size_t)n, MSG_DONTWAIT |
	    MSG_NOSIGNAL) != -1)
		told = dropped;
}

#define LOG_FUNCTION(fn, level)			\
void						\
fn(const char *fmt, ...)			\
{						\
	va_list	 ap;				\
						\
	va_start(ap, fmt);			\
	vlog((level), fmt, ap);			\
	va_end(ap);				\
}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warn, LOG_LEVEL_WARN)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)

const char *
log_esc(struct span s)
{
	static struct buf	 slots[ESC_SLOTS];
	static unsigned		 next;
	struct buf		*b = &slots[next++ % ESC_SLOTS];
	int			 cut = s.n > ESC_MAX;

	buf_reset(b);
	if (cut)
		s.n = ESC_MAX;
	buf_add_escaped(b, s);
	if (cut)
		buf_adds(b, "...");
	return (buf_cstr(b));
}

const char *
log_escs(const char *s)
{
	return (log_esc(span_str(s)));
}
