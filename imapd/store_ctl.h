/*
 * What letterctl asks of a store: M_CTL.  Quick questions are answered in
 * store_ctl.c; what takes time is a job, that works in slices and answers at
 * its end.
 */
#ifndef STORE_CTL_H
#define STORE_CTL_H

#include <sys/queue.h>

#include "imapd/store.h"
#include "imsg.h"
#include "msg.h"
#include "page.h"

struct account;
struct mailbox;

struct ctl_job {
	struct work		 work;		/* first */
	struct store		*store;
	struct peer		*peer;		/* NULL: nobody waits any more */
	uint32_t		 id;
	/* Nobody waits: give up, free.  From link_down. */
	void			(*stop)(struct ctl_job *);
	LIST_ENTRY(ctl_job)	 entry;
};
void		 ctl_job_begin(struct ctl_job *, struct store *,
		    struct peer *, uint32_t id, void (*stop)(struct ctl_job *));
/* Answer with a text and leave the list; the caller frees it. */
void		 ctl_job_end(struct ctl_job *, int status, const char *text);
/* The same with rows, of what went well. */
void		 ctl_job_done(struct ctl_job *, struct page *,
		    const char *text);

/* A request with its arguments decoded. */
struct ctl_ask {
	struct store		*store;
	struct peer		*peer;
	struct imsg		*imsg;
	struct span		 verb;
	const struct msg_ctl_arg *args;
	size_t			 nargs;
	struct span		 cursor;
};
/* The account that args 0 to 2 name (by id, partition, and what auth calls it),
 * or NULL after an answer; account_put() it. */
struct account	*ctl_account(const struct ctl_ask *);

/* ctl_acl.c, ctl_export.c, ctl_import.c, ctl_verify.c */
void		 ctl_acl_list(struct ctl_ask *);
void		 ctl_acl_set(struct ctl_ask *);	/* and delete */
void		 ctl_export(struct ctl_ask *);
void		 ctl_import(struct ctl_ask *);
void		 ctl_import_mark(struct ctl_ask *);
void		 ctl_verify(struct ctl_ask *);

/* The store of this process. */
struct store	*store_self(void);
/* Handler of M_CTL. */
int		 store_ctl(struct peer *, struct imsg *);
/* The link to control ended. */
void		 store_ctl_down(struct peer *);
/* The store ends. */
void		 store_ctl_stop(void);

#endif
