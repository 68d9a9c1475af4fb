/*
 * Logging.  A role writes one line a datagram into a socket that
 * "authd: control" reads; control adds time, level, role and pid.  A full
 * socket drops the line and counts it.  Before log_fd() lines go to standard
 * error.  Text from outside must be passed through log_esc().
 */
#ifndef LOG_H
#define LOG_H

#include "buf.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG };

/* The name shown on standard error, borrowed for ever. */
void	 log_init(const char *name);
/* From now on lines are datagrams to fd (owned); its first octet is the level. */
void	 log_fd(int fd);
/* Lines above the level are not sent. */
void	 log_level(enum log_level);
int	 log_enabled(enum log_level);
/* The last line of log_error() in this thread, "" before there is one. */
const char	*log_last_error(void);
/* How many lines did not fit into the socket. */
unsigned long	 log_dropped(void);

void	 log_error(const char *, ...) __attribute__((__format__(printf, 1, 2)));
void	 log_warn(const char *, ...) __attribute__((__format__(printf, 1, 2)));
void	 log_info(const char *, ...) __attribute__((__format__(printf, 1, 2)));
void	 log_debug(const char *, ...) __attribute__((__format__(printf, 1, 2)));
/*
 * Octets from outside, escaped (controls, 8-bit and \ as \xNN) and bounded to
 * 256, for one argument of a log line.  The result lives until the eighth
 * call after this one.
 */
const char	*log_esc(struct span);
const char	*log_escs(const char *);

#endif
