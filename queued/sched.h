/*
 * When: each destination has its waiting recipients, 16 octets each, ordered
 * by when they are due.  Destinations that have something to do take turns, a
 * timer holds the others.  A recipient may stand in the lists more than once,
 * or in vain: its record says what is true when its turn comes.
 */
#ifndef QUEUED_SCHED_H
#define QUEUED_SCHED_H

#include <sys/queue.h>

#include "queued/queued.h"

struct worker;

struct item {
	uint64_t	 msg;
	uint32_t	 n;
	uint32_t	 due;		/* seconds of q_now() */
};

struct dest {
	char			*name;	/* domain, [literal], "@3": partition */
	struct item		*items;	/* a heap */
	size_t			 n, cap;
	unsigned		 inflight;
	unsigned		 attempts; /* of them some are being written */
	unsigned		 limit;	/* in flight at once */
	unsigned		 group;	/* recipients at once */
	unsigned		 failures; /* in a row, of the place itself */
	uint64_t		 not_before;
	uint64_t		 doomed; /* due until then: not tried, deferred */
	struct buf		 trouble; /* and this is why */
	struct worker		*blocked; /* waits for room there */
	size_t			 place;	/* in the timer's heap + 1; 0: not */
	int			 ready;
	TAILQ_ENTRY(dest)	 ready_entry, blocked_entry;
};

int		 sched_start(struct event_base *);
/* A recipient as its record stands: scheduled, to be reported, or held. */
void		 sched_add(uint64_t msg, uint32_t n, const struct rec_rcpt *);
/* The same, by reading the record. */
void		 sched_again(uint64_t msg, uint32_t n);
/* Of a destination known. */
void		 sched_push(struct dest *, uint64_t msg, uint32_t n,
		    uint64_t due);
/* Something of it changed. */
void		 dest_update(struct dest *);
/*
 * The place itself cannot be reached: nothing for it for a while.  When that
 * happened twice in a row, all that is due by now shares that fate without being
 * tried, else it would wait for its turn for days, and not expire.
 */
void		 dest_failed(struct dest *, unsigned first, unsigned most);
void		 dest_trouble(struct dest *, struct span why);
void		 dest_works(struct dest *);
/* No destination is left alone any longer: somebody says it works. */
void	 sched_kick(void);
/* Waiting in memory, stale ones counted too. */
size_t		 sched_items(void);
size_t		 sched_dests(void);

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
