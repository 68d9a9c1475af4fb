/*
 * Threads of messages, RFC 5256 section 3: REFERENCES and ORDEREDSUBJECT, the
 * algorithms alone, without session or database.  Messages are added in the
 * order of their numbers; then the tree is made in steps, and written in steps.
 * n log n, without recursion, whatever stands in the messages; memory is some 60
 * octets for each message and each other message that they name.
 */
#ifndef THREAD_H
#define THREAD_H

#include "imapd/parse/sort.h"

#define THREAD_REFS	200	/* ids of a References field that count: its
				 * last ones */
#define THREAD_ABSENT	10	/* others named, for each message of the lot, */
#define THREAD_ABSENT_MIN 10000	/* and beyond that */

/* Spans that are not there have p NULL. */
struct thread_message {
	uint32_t	 number;	/* to be told; not 0 */
	int64_t		 date;		/* sent, RFC 5256 section 2.2 */
	struct span	 subject;	/* base subject as it is compared */
	int		 reply;		/* it was that of a reply or forward */
	struct span	 id, references, in_reply_to;	/* values of fields */
};

struct threads;

/* NULL with errno.  So many messages are expected. */
struct threads	*threads_new(enum thread_how, size_t expected);
void		 threads_free(struct threads *);
/* Octets that they take. */
size_t		 threads_size(const struct threads *);
/* 0, or -1 with errno. */
int		 threads_add(struct threads *, const struct thread_message *);
/* All were added: make the tree.  1 there is more to do, 0 done, -1 errno. */
int		 threads_step(struct threads *);
/* Then: append the next of the answer.  1 there is more, 0 that was all. */
int		 threads_write(struct threads *, struct buf *);

#endif
