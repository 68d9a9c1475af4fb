/*
 * Work of the store process that is done a slice at a time, in turns.  See
 * store_work().
 */
#ifndef WORK_H
#define WORK_H

#include <sys/queue.h>

/*
 * Those that have one turn together, and take it one after another: the sessions
 * of an account.  However many they are, they hold up others no more than one.
 */
struct share {
	TAILQ_HEAD(, work)	 works;
	TAILQ_ENTRY(share)	 entry;		/* when there are any */
};

/*
 * Something that goes on over many turns.  run does a little, about half a
 * millisecond, and returns 1 when there is more to do now, else 0: then it is
 * off the list before run returns, and may have been freed.
 */
struct work {
	int			(*run)(struct work *);
	struct share		*share;		/* NULL: the store's own */
	int			 queued;
	TAILQ_ENTRY(work)	 entry;
};

#endif
