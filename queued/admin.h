/*
 * What administrators decide beforehand: what is held when it comes, whom an
 * account does not write to, how long it is remembered what left the queue.
 */
#ifndef QUEUED_ADMIN_H
#define QUEUED_ADMIN_H

#include "queued/queued.h"

struct event_base;

/* ---- holdrule.c ------------------------------------------------------------ */

#define HOLDRULES_MAX	1000

struct holdrule {
	uint32_t	 id;
	uint64_t	 created;
	char		*account;	/* name, "" for any */
	char		*from, *to;	/* patterns of domains, or "" for any */
};

/* -1 after logging why. */
int			 holdrules_start(void);
/* All that the rule says must be so. */
int			 holdrule_is(const struct holdrule *,
			    const struct rec_msg *, const struct rec_rcpt *);
/* Is it held as it comes?  Mail of others for accounts here never is. */
int			 holdrules_hold(const struct rec_msg *,
			    const struct rec_rcpt *);
/* The rule after that number, and one that says the same; or NULL. */
const struct holdrule	*holdrule_after(uint32_t id);
const struct holdrule	*holdrule_find(const char *account, const char *from,
			    const char *to);
/* Each a command of its own.  NULL, -1: errno, ENOENT, ENOSPC too many */
const struct holdrule	*holdrule_add(const char *account, const char *from,
			    const char *to);
int			 holdrule_remove(uint32_t id);

/* ---- retired.c ------------------------------------------------------------- */

#define RETIRED_MAX	1000000	/* recipients; the oldest go first */

/*
 * Within a command: a recipient leaves the queue, and is remembered as long as
 * the configuration says.
 */
int			 retire(const struct q_msg *, uint32_t n,
			    const struct rec_rcpt *, int how);
/* Forget those whose time is over, some at a time.  1: there are more */
int			 retired_sweep(void);
int			 retired_start(struct event_base *);

/* ---- suppress.c ------------------------------------------------------------ */

#define SUPPRESS_MAX	1000000	/* addresses */
#define SUPPRESS_AFTER	3	/* failures in a row */
#define SUPPRESS_KEPT	(30 * 86400)	/* s that failures are counted */

/* The key of an address in an account's list: 0, or -1: there is none. */
int			 suppress_key(struct buf *, uint64_t account,
			    struct span address);
/* Does a failure with these say that there will be no other answer? */
int			 suppress_at_once(uint32_t code, struct span enhanced);
/* 1 with its record in *s, borrowed from octets; 0; -1 */
int			 suppress_get(uint64_t account, struct span address,
			    struct rec_suppress *s, struct buf *octets);
/* Within a command.  remove: 1, 0 there was none, -1 */
int			 suppress_add(uint64_t account,
			    const struct rec_suppress *);
int			 suppress_remove(uint64_t account, struct span address);
/* Within a command: what came of an attempt somewhere else, RESULT_OK or
 * RESULT_NO. */
int			 suppress_result(const struct q_msg *,
			    const struct rec_rcpt *, uint8_t result);
/* Counts that are old go, some at a time. */
void			 suppress_sweep(void);
/* suppress_gone.c: the list of that account goes if auth does not know it any
 * more; the same for some of those that have any, in turn. */
void			 suppress_account(uint64_t);
void			 suppress_accounts(void);

#endif
