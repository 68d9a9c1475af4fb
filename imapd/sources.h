/*
 * The mailboxes that an ESEARCH searches (RFC 7377), chosen in slices by what
 * it names: our own by name, then those of others, each once.  What there is
 * none of is passed over, and so is what may not be read.
 */
#ifndef SOURCES_H
#define SOURCES_H

#include "imapd/idtable.h"
#include "imapd/parse/multisearch.h"
#include "imapd/session.h"

struct source {
	uint64_t	 id;
	char		*name;		/* of another's; NULL: our own */
};

enum sources_stage { SOURCES_OWN, SOURCES_NAMED, SOURCES_SUBSCRIBED,
    SOURCES_SELECTED, SOURCES_UNDER, SOURCES_ALL };

struct sources {
	struct multi_sources	 asked;		/* borrows from the command */
	struct source		*v;
	size_t			 n;

	/* private: where choosing has come to */
	enum sources_stage	 stage;
	size_t			 group, word;	/* in asked */
	struct buf		 last;		/* the name before */
	struct idtable		 others;	/* ids that are in v */
};

/*
 * Choose on, a little: 1 there is more to do, 0 that is all, -1 with errno;
 * EMLINK: others share more than an account may have.
 */
int		 sources_choose(struct session *, struct sources *);
/* The ith, if it is there and may be read, still; else NULL. */
struct mailbox	*sources_mailbox(struct session *, const struct sources *,
		    size_t i);
void		 sources_free(struct sources *);

#endif
