/*
 * What letterctl asks of the queue, M_CTL: plumbing and verbs.
 */
#ifndef QUEUED_CTL_H
#define QUEUED_CTL_H

#include <sys/queue.h>

#include "page.h"
#include "queued/sched.h"

#define CTL_MAX		256	/* requests under way */
#define CTL_SCAN	2000	/* records looked at for a page */
#define CTL_CHANGES	200	/* records changed for a page */
#define CTL_WORDS	64	/* arguments of a request */
#define FILTER_IDS	CTL_WORDS

struct holdrule;

/* Recipients that letterctl means; all that is said must be so. */
#define FILTERS		"--from, --to, --domain, --account, "	\
			"--transport, --held, --age, --next, --code"
#define RETIRED_FILTERS	"--from, --to, --domain, --account, "	\
			"--transport, --age, --code, --result, --ended"
struct filter_id {
	uint64_t	 msg;
	uint32_t	 n;		/* of the recipient; 0: all */
};
struct filter {
	struct filter_id ids[FILTER_IDS]; /* sorted; none: any */
	size_t		 nids;
	struct span	 from, to, domain, account, transport;
	int		 held;		/* -1: either */
	int		 age, next;	/* '<', '>', or 0: any */
	int64_t		 age_s, next_s;
	unsigned	 code, class;	/* of the last reply; 0: any */
	int		 result;	/* RETIRED_; -1: any */
	int		 ended;		/* like age */
	int64_t		 ended_s;
	const struct holdrule *rule;	/* or NULL */
	int		 any;		/* something was said */
};
/* -1: the reason in why.  Spans borrow from the arguments. */
int		 filter_parse(const struct msg_ctl *, struct filter *,
		    struct buf *why);
/* On to the first place from there on that an id may mean.  0: there is none. */
int		 filter_seek(const struct filter *, uint64_t *msg, uint32_t *n);
int		 filter_matches(const struct filter *, const struct rec_msg *,
		    uint64_t msg, uint32_t n, const struct rec_rcpt *);
int		 filter_retired(const struct filter *, uint64_t msg,
		    uint32_t n, const struct rec_retired *);
extern const char *const retired_names[RETIRED_COUNT];

/* "1d12h", "-90", "20m": seconds.  0 or -1. */
int		 duration_parse(struct span, int64_t *);

/* A request, until it is answered. */
struct ctl {
	LIST_ENTRY(ctl)		 entry;
	struct peer		*peer;		/* NULL: it went away */
	uint32_t		 id;
	struct buf		 octets;	/* of the request */
	struct msg_ctl		 m;		/* decoded from them */
	int			 fd;		/* that came with it, or -1 */
	struct filter		 filter;
	struct buf		 text;
	struct buf		 cursor;	/* not empty: more to come */
	struct buf		 missing;	/* ids that are not there */
	struct page		 page;
	struct q_msg		 of;		/* the last row */
	/* a change being flushed: message and recipient in turn */
	struct dbenv_wait	 wait;
	uint64_t		*changed;
	size_t			 nchanged;
	int			 kicked;
	int			 from_now;	/* schedule */
	int64_t			 delay;
	struct buf		 value;		/* transport, domain */
	uint8_t			 tls;		/* requiretls */
	/* queue dump */
	struct event		*ev;
	uint64_t		 body, off;
	/* route explain */
	uint64_t		 account;
	uint32_t		 attempts;
	/* verify */
	struct dbenv_verify	 verify;
	struct body_check	 check;
	struct buf		 bad;
};

int		 on_ctl(struct peer *, struct imsg *);
void		 ctl_down(struct peer *);
/* Each of these is the single answer; c is gone afterwards. */
void		 ctl_error(struct ctl *, const char *, ...)
		    __attribute__((__format__(printf, 2, 3)));
void		 ctl_done(struct ctl *);
/* The same, once what was changed is on disk. */
void		 ctl_done_flushed(struct ctl *);
struct span	 ctl_arg(const struct ctl *, size_t);
/* Take the last argument off; take a flag out: 1 it was there. */
struct span	 ctl_last(struct ctl *);
int		 ctl_flag(struct ctl *, const char *);

/* ctl_page.c: a listing, and what is known of ids. */
/* 1: the page is full, 0. */
typedef int	(*ctl_list_fn)(struct ctl *, uint64_t msg, uint32_t n,
		    struct span record);
void		 ctl_listing(struct ctl *, struct dbenv_db *, ctl_list_fn);
/* Rows of a message, or of one recipient, from recipient *n on.  1: the page is
 * full, *n is the next; 0. */
typedef int	(*ctl_show_fn)(struct ctl *, uint64_t msg, uint32_t only,
		    uint32_t *n);
void		 ctl_showing(struct ctl *, ctl_show_fn);
void		 ctl_missing(struct ctl *, uint64_t msg, uint32_t n);

/* ctl_queue.c */
void		 ctl_list(struct ctl *);
void		 ctl_show(struct ctl *);
struct json_object *ctl_row(const struct rec_msg *, uint64_t msg, uint32_t n,
		    const struct rec_rcpt *);
struct json_object *ctl_attempts(uint64_t msg, uint32_t n);
/* ctl_rule.c */
void		 ctl_rule_list(struct ctl *);
void		 ctl_rule_add(struct ctl *);
void		 ctl_rule_remove(struct ctl *);
/* ctl_retired.c */
void		 ctl_retired_list(struct ctl *);
void		 ctl_retired_show(struct ctl *);
/* ctl_suppress.c */
void		 ctl_suppress_list(struct ctl *);
void		 ctl_suppress_add(struct ctl *);
void		 ctl_suppress_remove(struct ctl *);
void		 ctl_suppress_lookup(struct ctl *);
/* ctl_sts.c */
void		 ctl_sts_list(struct ctl *);
void		 ctl_sts_show(struct ctl *);
void		 ctl_sts_forget(struct ctl *);
void		 ctl_sts_refresh(struct ctl *);
/* ctl_change.c */
void		 ctl_hold_by(struct ctl *, const struct holdrule *);
void		 ctl_hold(struct ctl *);
void		 ctl_release(struct ctl *);
void		 ctl_kick(struct ctl *);
void		 ctl_schedule(struct ctl *);
void		 ctl_transport(struct ctl *);
void		 ctl_requiretls(struct ctl *);
void		 ctl_drop(struct ctl *);
void		 ctl_fail(struct ctl *);
/* ctl_more.c */
void		 ctl_dump(struct ctl *);
void		 ctl_route(struct ctl *);
void		 ctl_submissions(struct ctl *);
void		 ctl_submissions_end(struct ctl *);
/* ctl_verify.c */
void		 ctl_verify(struct ctl *);

#endif
