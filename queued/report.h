/*
 * Reports to senders: failures, delays, successes that were asked for.  What
 * happens to a message within moments is one report.  The report's message and
 * the end of the recipients it is about are one transaction.
 */
#ifndef QUEUED_REPORT_H
#define QUEUED_REPORT_H

#include "compose.h"
#include "queued/db.h"

struct event_base;

/* Something of this message is to be reported, soon. */
void	 report_pending(uint64_t msg);
int	 report_start(struct event_base *);

#define REPORT_RCPTS	200	/* recipients in one report */
#define REPORT_WHOLE	51200	/* a longer original is not sent back whole */
#define REPORT_HEADER	65536	/* nor more of its header */

enum report_kind { REPORT_FAILED, REPORT_DELAYED, REPORT_DONE };

/* What a report is made of; all is borrowed. */
struct report_in {
	enum report_kind	 kind;
	const struct q_msg	*m;
	const struct q_rcpt	*r;
	size_t			 n;
	struct span		 to;		/* an address */
	struct span		 original;	/* of it, from its start */
	int			 whole;		/* that is all of it */
	const char		*hostname;
	int64_t			 now;
	int64_t			 arrival;	/* as the clock shows it */
	int64_t			 until;		/* delays: when we give up */
	int64_t			 clock;		/* add to a record's moment */
	uint8_t			 random[16];
};
/* Append the report's message.  0 or -1. */
int	 report_write(struct buf *, const struct report_in *);

/* RFC 3461 section 4: a NUL or what is no xtext is -1. */
int	 xtext_decode(struct buf *, struct span);

#endif
