/*
 * Reports to senders: failures, delays, successes that were asked for.
 */
#ifndef QUEUED_REPORT_H
#define QUEUED_REPORT_H

#include <stdint.h>

struct event_base;

/* Something of this message is to be reported, soon, in one report. */
void	 report_pending(uint64_t msg);
int	 report_start(struct event_base *);

#endif
