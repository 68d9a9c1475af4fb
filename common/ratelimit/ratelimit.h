/*
 * Counting by network, in bounded memory: events in sliding windows of time,
 * each counted for an address and for two networks around it (IPv4 /32, /26,
 * /21; IPv6 /64, /48, /32), and connections that are open now (per /32 or /64,
 * per /24 or /48, in all).  A window forgets in eighths: nothing passes a limit
 * because some minute ended, and what counted is forgotten when the window, or
 * at most an eighth more, is over.  Does no I/O and knows no clock: the caller
 * says what time it is, in seconds of a clock that does not go back.
 */
#ifndef RATELIMIT_H
#define RATELIMIT_H

#include <sys/socket.h>
#include "buf.h"

#define RATELIMIT_CLASSES	3	/* from the address to the widest net */
#define RATELIMIT_WINDOWS	4	/* at most */

/* Who is counted: an address, or a name (which has the first class alone). */
struct ratelimit_key {
	uint8_t		 kind;		/* 4, 6, or 'n' */
	uint8_t		 octets[16];
};

/*
 * The key of an address; IPv4 in IPv6 (::ffff:192.0.2.1) counts as IPv4.
 * 0, or -1 EAFNOSUPPORT.
 */
int		 ratelimit_address(struct ratelimit_key *,
		    const struct sockaddr *);
/* The key of a name, an account for example: a digest of its octets. */
void		 ratelimit_name(struct ratelimit_key *, struct span);

/* --- events -------------------------------------------------------------- */
struct ratelimit_window {
	uint32_t	 seconds;
	uint32_t	 limit[RATELIMIT_CLASSES];	/* 0: none */
};
/* Failed logins: 10, 30, 90 a minute; 50, 150, 450 a day. */
extern const struct ratelimit_window	 ratelimit_logins[2];
/* New connections: 300, 900, 2700 a minute. */
extern const struct ratelimit_window	 ratelimit_connects[1];

struct ratelimit;

/*
 * Up to RATELIMIT_WINDOWS windows (copied), at most max counters in memory: at
 * the limit the counter that was not touched for the longest time is forgotten.
 * An event takes up to three counters.  NULL with EINVAL or ENOMEM.
 */
struct ratelimit	*ratelimit_new(const struct ratelimit_window *,
			    size_t n, size_t max);
void			 ratelimit_free(struct ratelimit *);
/*
 * May n more events be counted?  1 or 0; counts nothing.
 */
int			 ratelimit_check(const struct ratelimit *,
			    const struct ratelimit_key *, uint64_t now,
			    uint32_t n);
/*
 * Count n events.  1; 0 when that would pass a limit: then nothing is counted,
 * in no class and no window.
 */
int			 ratelimit_add(struct ratelimit *,
			    const struct ratelimit_key *, uint64_t now,
			    uint32_t n);
/* As ratelimit_add() whatever the limits; counters stop at their maximum. */
void			 ratelimit_force(struct ratelimit *,
			    const struct ratelimit_key *, uint64_t now,
			    uint32_t n);
/*
 * Forget what this address did, and take it off its networks (a success).
 */
void			 ratelimit_reset(struct ratelimit *,
			    const struct ratelimit_key *, uint64_t now);
/* Events of the first class in a window now, by the window's index. */
uint32_t		 ratelimit_count(const struct ratelimit *,
			    const struct ratelimit_key *, uint64_t now,
			    size_t window);
/* Counters in memory. */
size_t			 ratelimit_entries(const struct ratelimit *);

/* --- open connections ---------------------------------------------------- */
struct ratelimit_open;

struct ratelimit_bounds {	/* 0: none */
	uint32_t	 total;
	uint32_t	 address;	/* per /32 or /64 */
	uint32_t	 prefix;	/* per /24 or /48 */
};

enum ratelimit_verdict {
	RATELIMIT_OK,
	RATELIMIT_TOTAL,
	RATELIMIT_ADDRESS,
	RATELIMIT_PREFIX,
	RATELIMIT_NOMEM
};

/* At most max connections are ever held, whatever the bounds say. */
struct ratelimit_open	*ratelimit_open_new(size_t max);
void			 ratelimit_open_free(struct ratelimit_open *);
/*
 * Take one more; the bounds are those of the listener it came in by.  What is
 * not RATELIMIT_OK was not taken.
 */
enum ratelimit_verdict	 ratelimit_open_add(struct ratelimit_open *,
			    const struct ratelimit_key *,
			    const struct ratelimit_bounds *);
/* Give one back that was taken. */
void			 ratelimit_open_remove(struct ratelimit_open *,
			    const struct ratelimit_key *);
size_t			 ratelimit_open_total(const struct ratelimit_open *);

#endif
