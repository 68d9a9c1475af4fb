/*
 * The arguments of SORT and THREAD, RFC 5256, with RETURN (RFC 5267) and the
 * display names of RFC 5957.
 */
#ifndef IMAP_SORT_H
#define IMAP_SORT_H

#include "search.h"

enum sort_by {
	SORT_ARRIVAL, SORT_CC, SORT_DATE, SORT_DISPLAYFROM, SORT_DISPLAYTO,
	SORT_FROM, SORT_SIZE, SORT_SUBJECT, SORT_TO,
	SORT_KEYS
};

struct sort_key {
	enum sort_by	 by;
	int		 reverse;
};

struct sort {
	struct sort_key	 keys[SORT_KEYS];	/* none twice: only the first
						 * of two counts */
	size_t		 nkeys;
	struct search	 search;		/* its charset is always given */
};

enum thread_how { THREAD_ORDEREDSUBJECT, THREAD_REFERENCES };

struct thread_args {
	enum thread_how	 how;
	struct search	 search;
};

/* Everything after "SORT SP"; free with search_free(&sort.search). */
int	 cur_sort(struct cursor *, struct sort *);
/* Everything after "THREAD SP", likewise. */
int	 cur_thread(struct cursor *, struct thread_args *);

#endif
