/*
 * "authd: control": the control socket and the log.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <stdint.h>

struct msg_link;
struct imsg;
struct peer;

extern const struct role_ops	 control_ops;

/* control_log.c: lines of every role, to where the configuration says. */
int	 control_log_open(const char *where);
/* M_LOGPIPE, M_LOGFILE from the parent. */
int	 control_on_logpipe(struct peer *, struct imsg *);
int	 control_on_logfile(struct peer *, struct imsg *);
/* What roles have said so far is written when it returns. */
void	 control_log_settle(void);
/* Lines written, lines that roles could not send are not among them. */
uint64_t control_log_lines(void);

#endif
