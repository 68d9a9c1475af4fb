/*
 * MTA-STS policies, RFC 8461, kept for as long as they say: database "sts",
 * domain (lower case, A-labels) to the record below; the text is what lookup
 * made of what the domain's server gave.  Records of earlier versions end after
 * the text.
 */
#ifndef QUEUED_STS_H
#define QUEUED_STS_H

#include "buf.h"
#include "imsg.h"
#include "msg.h"

struct event_base;

/* Moments are those of q_now(), true to the hour. */
struct rec_sts {
	uint64_t	 fetched;
	uint32_t	 max_age;
	struct span	 id, text;
	uint64_t	 used;		/* mail asked for it */
	uint64_t	 checked;	/* DNS or its server confirmed it */
	uint64_t	 failed;	/* it could not be; 0: it could, last */
};

/* Handler of M_STS, from workers. */
int	 on_sts(struct peer *, struct imsg *);
/* The link ended. */
void	 sts_down(struct peer *);

/* Of octets that a record holds; spans borrow.  0, or -1. */
int	 sts_decode(struct span, struct rec_sts *);
int	 sts_is_over(const struct rec_sts *);
/* The one that is kept and holds: 1, or 0. */
int	 sts_kept(const char *domain, struct rec_sts *);
/* Keep it.  0, or -1 with errno. */
int	 sts_put(const char *domain, const struct rec_sts *);

/*
 * Have a domain's policy looked at: fetched whatever its record says (anew), or
 * if that or its age asks for it.  done is called once, at once or later, when
 * what came of it is kept: STS_POLICY it is a new one, STS_SAME, STS_NONE,
 * STS_FAILED with why, STS_TEMPFAIL.  0, or -1: too much is asked already.
 */
int	 sts_ask(const char *domain, int anew,
	    void (*done)(void *, enum sts_status, struct span why), void *);

/* sts_refresh.c: those in use are looked at once a day. */
int	 sts_start(struct event_base *);
/* Once an hour: what is over goes; what is to be looked at is listed. */
void	 sts_sweep(void);
/* Look at the next of the list; how many are left. */
size_t	 sts_refresh(void);
/* Is it to be looked at? */
int	 sts_is_due(const struct rec_sts *);

#endif
