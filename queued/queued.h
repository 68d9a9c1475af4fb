/*
 * What the files of the queue say to each other.
 */
#ifndef QUEUED_H
#define QUEUED_H

#include "imsg.h"
#include "msg.h"
#include "proc.h"
#include "queued/db.h"

struct event_base;

/* ---- clock.c: the queue's time -------------------------------------------- */

/*
 * Seconds since 1970 as the clock said at the start, and monotonic from then
 * on: a clock that jumps neither expires mail nor sends everything at once.
 */
uint64_t	 q_now(void);
/* A moment of the queue as the clock shows it, for people. */
uint64_t	 q_clock(uint64_t);
void		 q_clock_start(void);

/* "0000002a" and, with a recipient, "0000002a.1". */
#define Q_ID	32
const char	*q_id(char room[Q_ID], uint64_t msg, uint32_t n);
/* 0 or -1; *n is 0 when only a message is named. */
int		 q_id_parse(struct span, uint64_t *msg, uint32_t *n);

/* ---- slot.c: empty files for bodies ---------------------------------------- */

struct intake;
struct slot {
	uint32_t	 num;
	uint8_t		 id[16];
	int		 wfd, rfd;
	struct intake	*in;		/* on its way into the queue */
	int		 committing;	/* a request waits for its answer */
	uint32_t	 req;
	int		 shown;		/* a store may read it */
};
/* An unlinked file, opened to write and, by itself, to read.  0 or -1. */
int		 slot_file(int *wfd, int *rfd);
int		 slot_start(void);
void		 slots_up(struct peer *);
void		 slots_down(struct peer *);
struct slot	*slot_find(struct peer *, const uint8_t id[16]);
void		 slot_taken(struct peer *, struct slot *, int shown);
/* An empty file for a submission that came through that smtpd, and back. */
int		 slot_file_get(unsigned inst, int *wfd, int *rfd);
void		 slot_file_put(unsigned inst, int wfd, int rfd);
int		 on_slot_want(struct peer *, struct imsg *);
int		 on_slot_settled(struct peer *, struct imsg *);

/* ---- intake.c: a message on its way into the queue -------------------------- */

struct intake_body {
	int		 fd;		/* stays the caller's */
	uint64_t	 max;
	uint64_t	 size;		/* of the file; 0: to its end */
	struct span	 prefix;	/* goes in front */
	int		(*feed)(void *, struct span);	/* body_source's */
	void		*arg;
};

/*
 * Fill in m and recipients (strings by intake_keep()), have the body read,
 * then stored.  Each step calls its callback once, at once or later, with 0 or
 * an errno; intake_free() at any time ends it without.  A message that is
 * written already is delivered all the same.
 */
struct intake {
	struct rec_msg	 m;
	struct rec_rcpt	*rcpts;
	size_t		 n, cap;
	uint64_t	 num;		/* of the message, once it is stored */
	int		 failed;	/* no memory */
	uint64_t	 body_size;	/* octets read, prefix counted */
	void		*arg;		/* the caller's */
	int		 own_arg;	/* freed with it */
	/* the rest is intake's */
	void		*pieces;
	struct body_in	*in;
	struct dbenv_wait wait;
	int		 storing;	/* written, not flushed yet */
	int		 orphan;	/* whoever brought it is gone */
	struct intake_body body;
	void		(*read)(struct intake *, int);
	void		(*stored)(struct intake *, int);
};
struct intake	*intake_new(void);
void		 intake_free(struct intake *);
struct span	 intake_keep(struct intake *, struct span);
struct rec_rcpt	*intake_rcpt(struct intake *);
void		 intake_read(struct intake *, const struct intake_body *,
		    void (*)(struct intake *, int));
void		 intake_store(struct intake *, void (*)(struct intake *, int));
/* Within a command of the caller's: write it; then, when that is flushed,
 * intake_schedule(). */
int		 intake_put(struct intake *);
void		 intake_schedule(struct intake *);

/* ---- address.c ---------------------------------------------------------------- */

/* Where mail to an address goes: a domain in A-labels or a literal, appended
 * to the buf.  0, or -1: there is no such place. */
int		 address_destination(struct span address, struct buf *);
struct span	 address_domain(struct span address);
/* Its domain as routes see it, appended; nothing for literals and "". */
void		 address_route_domain(struct span address, struct buf *);

/* ---- commit.c: messages that smtpd could not store by itself ---------------- */

int		 on_queue_rcpts(struct peer *, struct imsg *);
int		 on_queue_commit(struct peer *, struct imsg *);
/* The answer for an errno of intake. */
void		 stored_error(struct msg_stored *, int error);

/* ---- session.c, submit.c: submissions --------------------------------------- */

int		 on_session(struct peer *, struct imsg *);
int		 on_end_sessions(struct peer *, struct imsg *);
void		 sessions_end(const char *why);

#endif
