/*
 * Submission sessions: what auth vouched for, on a descriptor of its own.
 */
#ifndef QUEUED_SESSION_H
#define QUEUED_SESSION_H

#include <sys/queue.h>

#include "queued/queued.h"

enum session_state { SS_IDLE, SS_MAIL_WAIT, SS_MAIL, SS_DATA, SS_COMMIT };

struct session;
/* A question about a session; s is NULL when it ended meanwhile. */
struct question {
	LIST_ENTRY(question)	 entry;
	struct session		*s;
	uint32_t		 req;	/* to be answered */
	uint32_t		 turn;	/* of which transaction */
	/* M_SUB_RCPT */
	char			*address, *orcpt;
	uint32_t		 notify;
};

/* The header of a message as it is stored, and who it says wrote it. */
struct authors {
	struct buf	 header;
	int		 done, too_large;
	char		**v;		/* addresses, each once */
	size_t		 n, asked;
};
/* A body_source's feed. */
int		 authors_feed(void *authors, struct span);
/* 0, or -1: it does not say plainly. */
int		 authors_find(struct authors *);
/* Do its policies of TLS not matter to who wrote it? */
int	 authors_tls_no(const struct authors *);
void		 authors_free(struct authors *);

struct session {
	LIST_ENTRY(session)	 entry;
	struct peer		*peer;
	uint64_t		 id;
	uint64_t		 account;
	char			*name, *address, *remote, *mech;
	struct buf		 key;
	uint64_t		 serial, conn, since;
	uint32_t		 listener, instance;
	uint8_t			 tls;
	uint64_t		 messages;
	/* the transaction */
	enum session_state	 state;
	uint32_t		 turn;
	struct intake		*in;
	int			 wfd, rfd;
	uint8_t			 slot[16];
	uint32_t		 req;		/* of M_SUB_COMMIT */
	struct authors		 authors;
	LIST_HEAD(, question)	 questions;
};

extern const struct msg_rule	 submit_rules[];
extern const size_t		 submit_nrules;

/* The transaction is over; what comes back for it is dropped. */
void		 submit_reset(struct session *);
struct question	*question_new(struct session *, uint32_t req);
void		 question_free(struct question *);

LIST_HEAD(sessions, session);
extern struct sessions	 sessions;
/* End one with 421 and this text. */
void		 session_end(struct session *, const char *why);

#endif
