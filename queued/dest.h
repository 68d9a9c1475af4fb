/*
 * Destinations: lists of recipients, of two kinds.
 *
 *	domain	"#123".  Here a recipient waits until it is due; where it goes is
 *		decided at its turn.  Domains share DEST_DOMAINS lists, by a
 *		hash, so that a million domains take no more memory than one
 *	hop	"@3": a partition; ">NAME example.org": a domain by a transport
 *		that asks DNS, with "/1" or "/2" behind it for mail whose sender
 *		said something about TLS; ">NAME": the server of a transport.  Here waits
 *		what is due, for room.  A hop has the limits, the back-off, and is
 *		remembered for a while when nothing waits
 *
 * The route is looked for at each turn, so a change of routes counts for those
 * that wait at a hop as well, and what waits for one hop is in nobody's way to
 * another.  The timer holds destinations, not recipients.
 */
#ifndef QUEUED_DEST_H
#define QUEUED_DEST_H

#include <sys/queue.h>

#include "buf.h"
#include "queued/items.h"

#define DEST_DOMAINS	4096

struct event_base;
struct worker;

struct dest {
	char			*name;
	struct items		 items;
	unsigned		 inflight;
	unsigned		 attempts; /* of them some are being written */
	unsigned		 limit;	/* in flight at once; it grows ... */
	unsigned		 most;	/* up to this */
	unsigned		 group;	/* recipients at once */
	unsigned		 failures; /* in a row, of the place itself */
	uint64_t		 not_before;
	uint64_t		 doomed; /* due until then: not tried, deferred */
	char			*trouble; /* and this is why */
	uint64_t		 known;	/* kept until then */
	struct worker		*blocked; /* waits for room there */
	size_t			 place;	/* in the timer's heap + 1; 0: not */
	int			 ready;
	TAILQ_ENTRY(dest)	 ready_entry, blocked_entry;
};

int		 dest_start(struct event_base *);
/* By name, made when it is new; NULL: no memory. */
struct dest	*dest_of(const char *name);
/* Where recipients of a domain wait. */
struct dest	*dest_of_domain(struct span);
/* Something of it changed.  It may be gone afterwards. */
void		 dest_update(struct dest *);
/* May one that was due then go there at once? */
int		 dest_open(const struct dest *, uint64_t due);
/* What its transport allows. */
void		 dest_limits(struct dest *, unsigned most, unsigned group);
/*
 * The place itself cannot be reached: nothing for it for a while.  When that
 * happened twice in a row, all that is due by now shares that fate without being
 * tried, else it would wait for its turn for days, and not expire.
 */
void		 dest_failed(struct dest *, unsigned first, unsigned most);
void		 dest_trouble(struct dest *, struct span why);
void		 dest_works(struct dest *);
/* None is left alone any longer: somebody says it works. */
void		 dest_kick(void);
/* How many there are. */
size_t		 dest_count(void);

/* sched.c: its turn is to come, or not any more. */
void		 sched_ready(struct dest *);
void		 sched_unready(struct dest *);

#endif
