/*
 * Messages that were found, all of them kept, in the order they came or in
 * another, and the answer that tells of them: SORT, or ESEARCH (RFC 4731, RFC
 * 5267, RFC 9394).
 */
#ifndef RESULTS_H
#define RESULTS_H

#include "imapd/memuse.h"
#include "imapd/session.h"
#include "imapd/parse/search.h"

struct hit {
	uint64_t	 modseq;
	uint32_t	 uid, seq;
};

struct results {
	struct hit	*r;		/* by UID */
	size_t		 n, cap;
	const uint32_t	*order;		/* n of them, borrowed; NULL: by UID */
	unsigned	 returns;	/* RETURN_*; 0: no ESEARCH */
	struct partial	 partial;	/* of RETURN_PARTIAL */
	int		 with_modseq;	/* RFC 7162 section 3.1.5 */
	int		 by_uid;	/* UIDs are told, else numbers */
	unsigned	 failed;	/* messages that could not be read */

	struct memuse	 memory;	/* of r */

	/* private: the answer on its way */
	int		 begun;
	size_t		 at, to;
	uint32_t	 lo, hi;	/* run not written yet */
	int		 any;
};

/* "* ESEARCH", the tag, UID where it applies; with the mailbox, unless NULL, RFC
 * 7377. */
void		 esearch_begin(struct session *, const struct mailbox *);
/* 0, or -1 with errno; what is counted is the session's once memory has begun. */
int		 results_add(struct results *, const struct msgrec *,
		    uint32_t seq);
/*
 * Write the answer from behind its name (and behind its correlator, of ESEARCH),
 * as far as there is room: 1 there is more, 0 it is whole.
 */
int		 results_write(struct session *, struct results *);
/* Need no more be found? */
int		 results_enough(const struct results *);
/* They become "$", as far as RETURN says so: 0, or -1: too many. */
int		 results_save(struct session *, const struct results *);
/* The same, and the tagged answer; or NO, for an errno. */
enum step	 results_end(struct session *, const struct results *);
enum step	 results_no(struct session *, const struct results *, int);
void		 results_free(struct results *);

#endif
