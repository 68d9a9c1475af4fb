/*
 * When: recipients wait in lists of destinations, dest.h, which take turns.  A
 * recipient may stand in the lists more than once, or in vain: its record says
 * what is true when its turn comes.
 */
#ifndef QUEUED_SCHED_H
#define QUEUED_SCHED_H

#include "queued/dest.h"
#include "queued/queued.h"

#define SLICE_US	5000	/* of one turn of the loop */

int		 sched_start(struct event_base *);
/* A recipient as its record stands: scheduled, to be reported, or held. */
void		 sched_add(uint64_t msg, uint32_t n, const struct rec_rcpt *);
/* The same, by reading the record. */
void		 sched_again(uint64_t msg, uint32_t n);
/* Of a destination known. */
void		 sched_push(struct dest *, uint64_t msg, uint32_t n,
		    uint64_t due);
/* Waiting in memory, stale ones counted too. */
size_t		 sched_items(void);
uint64_t	 sched_microseconds(void);

/* recover.c: what is in the database at the start, read in slices. */
void		 recover_start(void);
/* 1: there is more. */
int		 recover(void);

/* From the attempt before it to attempt n. */
uint64_t	 schedule_step(const struct conf_schedule *, uint32_t n);
/* Seconds until the next attempt when so many were made; 10 % jitter. */
uint64_t	 schedule_gap(const struct conf_schedule *, uint32_t attempts);
/* Too old.  A few attempts are made however old it is: the service may have
 * been down, or the clock wrong. */
int		 schedule_expired(const struct conf_schedule *, uint64_t age,
		    uint32_t attempts);
int		 schedule_report(const struct conf_schedule *, uint64_t arrival,
		    uint64_t reported, uint64_t now);
/* Not later than the schedule could have said. */
uint64_t	 schedule_clamp(const struct conf_schedule *, uint64_t next,
		    uint64_t now);

#endif
