/*
 * One attempt: some recipients of one message at one destination, from their
 * turn to the result on disk.
 *
 *	begin		records are read, what may not go now is put back
 *	who		a recipient whose place is not known: auth is asked
 *	route		account's routes from auth; account, domain, global
 *	transport	"fail" is decided at once; "deliver" and local mail go
 *			to a store; all others to a worker
 *	hop		the place of all that goes there: it waits there, or
 *			goes on
 *	result		written, flushed, logged, scheduled again or reported
 */
#ifndef QUEUED_ATTEMPT_H
#define QUEUED_ATTEMPT_H

#include "queued/route.h"
#include "queued/sched.h"

/* What it came to, for one recipient. */
struct outcome {
	uint8_t		 result;	/* enum result */
	uint32_t	 code;
	char		 enhanced[16];
	struct buf	 text;
	int		 gone;		/* its record is */
	int		 expired;	/* "later", once too often */
};

struct attempt {
	TAILQ_ENTRY(attempt)	 entry;
	struct dest		*dest;
	struct q_msg		 m;
	struct q_rcpt		*r;
	struct outcome		*out;
	size_t			 n;
	size_t			 octets;	/* of the recipients */
	uint64_t		 began;
	uint64_t		 due;
	int			 counted;	/* in the records already */
	int			 landed;	/* no longer in flight */
	/* where to */
	const struct conf_transport *t;		/* NULL: "default", local */
	char			*transport;	/* name; "local" */
	struct worker		*worker;
	uint64_t		 account;	/* of "deliver" */
	uint32_t		 partition;
	char			*name;
	int			 local;		/* a store has it */
	uint64_t		 moves;		/* had ended when it was asked */
	int			 moving;	/* it said so */
	/* how it went */
	struct buf		 host, address, tls;
	int			 dsn;		/* the next hop reports */
	int			 lost;		/* the worker died with it */
	struct dbenv_wait	 wait;
	struct event		*retry;
};

void	 attempt_begin(struct dest *, const struct item *, size_t n);
/* Where it goes is known, see dest.h.  1: go on; 0: it waits there, and this
 * attempt is over. */
int	 attempt_enter(struct attempt *, const char *hop);
/* It waits there, and is over. */
void	 attempt_park(struct attempt *, struct dest *);
/* Is one under way for it? */
int	 attempt_running(uint64_t msg, uint32_t n);
/* Something was asked of one under way; see change.h. */
void	 attempt_mark(uint64_t msg, uint32_t n);
int	 attempt_of_message(uint64_t msg);
size_t	 attempts_now(void);
/* Not now: try again in so many seconds, 0: in its turn; nothing is counted. */
void	 attempt_putoff(struct attempt *, unsigned seconds);
/* Only the first n now, the others in a turn of their own. */
void	 attempt_cut(struct attempt *, size_t n);
/* The same outcome for all. */
void	 attempt_all(struct attempt *, enum result, uint32_t code,
	    const char *enhanced, struct span text);
void	 outcome_set(struct outcome *, enum result, uint32_t code,
	    struct span enhanced, struct span text);
/* The result of one is on disk: its turn comes again, or now what was asked of
 * it between that and the write. */
void	 attempt_next(struct attempt *, size_t);
/* All outcomes are set: write them; this ends the attempt. */
void	 attempt_result(struct attempt *);
void	 attempt_end(struct attempt *);
/* Its place is free for another, the result is still to be written. */
void	 attempt_land(struct attempt *);
/* Is a report of this to be written? */
int	 report_wanted(const struct rec_msg *, const struct rec_rcpt *,
	    unsigned notify);

/* ---- local.c: stores --------------------------------------------------------- */

void	 local_deliver(struct attempt *);
/* The account moved, and that is over: the answer came behind the end. */
int	 local_moved(const struct attempt *);

/* ---- worker.c: relays -------------------------------------------------------- */

void	 worker_deliver(struct attempt *);
void	 worker_up(struct peer *);
void	 worker_down(struct peer *);
void	 workers_commit(void);
int	 workers_start(struct event_base *);

#endif
