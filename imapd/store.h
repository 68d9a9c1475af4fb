/*
 * The store process: its partitions, its sessions, and the work that is done
 * a slice at a time so that nobody waits for somebody else's long command.
 */
#ifndef STORE_H
#define STORE_H

#include <sys/queue.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdint.h>

#include "part.h"
#include "work.h"


/* Limits of IMAP sessions, with their defaults. */
struct store_limits {
	size_t		 line;		/* of a command, 64 KiB */
	size_t		 literals;	/* of a command's literals, 1 MiB */
	unsigned	 nliterals;	/* 1000 */
	size_t		 out_high;	/* output queued: stop making more */
	size_t		 out_low;	/* go on */
	unsigned	 sessions;	/* of one account, 200 */
	unsigned	 autologout;	/* s without a command, 1800 */
	unsigned	 still_here;	/* s of silence in IDLE, 110 */
	unsigned	 progress;	/* s of silence in a long command, 10 */
	unsigned	 stalled;	/* s a client may read nothing, 300 */
	unsigned	 bad;		/* BAD commands in a row, 20 */
	unsigned	 filter_pause;	/* ms after a delivery until filters
					 * are made, 250; 0: never by
					 * themselves, for tests */
	unsigned	 slice;		/* us of work in one turn of the loop,
					 * 500 */
	unsigned	 mailboxes;	/* of an account, 10000 */
	size_t		 memory;	/* that commands keep of messages, all
					 * together, 512 MiB */
	size_t		 memory_one;	/* and those of one account, 384 MiB */
	uint64_t	 quota;		/* octets of an account; 0: none */
	uint64_t	 quota_messages;	/* likewise */
};

/*
 * Who asks what an account is called by its name; the answer gives it back, and
 * frees it.  done NULL: nobody waits any more.
 */
enum naming_result {
	NAMING_HERE,		/* in this partition */
	NAMING_NO,		/* unknown, or elsewhere */
	NAMING_AWAY		/* try again later */
};
struct naming {
	void		(*done)(struct naming *, enum naming_result,
			    uint64_t account, struct span name);
	void		*arg;
	unsigned	 partition;
};

struct charsets;
struct msg_limits;
struct session;
TAILQ_HEAD(sessions, session);

struct store {
	struct event_base	*base;
	struct part		**parts;
	size_t			 nparts;
	unsigned		*away;		/* ours, but not to be opened */
	size_t			 naway;
	struct store_limits	 limits;
	struct msg_limits	*own;	/* of accounts, by their ids, quota.h */
	size_t			 nown;
	const char		*hostname;
	/* auth is asked; 0: it cannot be, and the caller keeps it */
	int			 (*named)(struct naming *, struct span name);
	struct charsets		*charsets;	/* opened before the cage */
	struct sessions		 sessions;
	size_t			 nsessions;
	size_t			 memory;	/* that commands keep, memuse.h */
	uint64_t		 next_session;	/* the last id given */
	unsigned		 step_session;	/* so that no two stores give
						 * the same */
	TAILQ_HEAD(, share)	 shares;	/* that have work */
	struct share		 share;		/* of what is no session */
	struct event		 work_ev;
	struct event		 tick_ev;	/* every few seconds */
};

/* Ready for parts and sessions.  0 or -1. */
int		 store_init(struct store *, struct event_base *);
/* Sessions, works and parts end. */
void		 store_free(struct store *);
struct part	*store_part(struct store *, unsigned num);
/* Queue it at the end, unless it is queued; take it off. */
void		 store_work(struct store *, struct work *);
void		 store_unwork(struct store *, struct work *);
/* Microseconds and seconds, monotonic; seconds since 1970. */
uint64_t	 store_us(void);
uint64_t	 store_now(void);
uint64_t	 store_time(void);

#endif
