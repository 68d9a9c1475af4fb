/*
 * A search of the selected mailbox for commands that go on with what it finds:
 * SORT, THREAD, SEARCH with PARTIAL.
 */
#ifndef SEARCHING_H
#define SEARCHING_H

#include "imapd/parse/search.h"
#include "imapd/session.h"

struct search_use {
	/* One was found, in order: 0; 1 that is enough; -1 with errno. */
	int		(*hit)(void *data, const struct msgrec *, uint32_t seq);
	/* The search is over: goes on as session.step with data as
	 * session.data.  So many messages could not be read. */
	enum step	(*step)(struct session *);
	void		(*over)(void *data, unsigned failed);
	void		(*free)(void *data);
};

/* SEARCH with PARTIAL among its RETURN options: takes the program. */
enum step	 search_partial(struct session *, struct search *);

/*
 * Search by this program, which it takes, in slices; then the use goes on.  data
 * is the search's from here on, and is freed at the command's end.
 */
enum step	 search_for(struct session *, struct search *,
		    const struct search_use *, void *data);
/*
 * Add a message to a set of UIDs that becomes "$": in order, last is the number
 * of the one before (0: none).  Neighbours make a run: no message stands between
 * them, and none ever will.  0, or -1: too many.
 */
int		 search_save(struct seqset *, uint32_t *last, uint32_t seq,
		    uint32_t uid);

#endif
