/*
 * What a client that opens a mailbox remembers of it: the QRESYNC parameter of
 * SELECT and EXAMINE, RFC 7162 section 3.2.5.
 */
#ifndef QRESYNC_H
#define QRESYNC_H

#include "imapd/targets.h"

struct qresync {
	int		 given;
	uint32_t	 uidvalidity;
	uint64_t	 modseq;
	struct seqset	 known;		/* UIDs; none: all */
	struct seqset	 seqs, uids;	/* which had which, when given */
	struct targets	 targets;
};

/* What stands in its parenthesis: 0, or -1 and the cursor says why. */
int	 qresync_read(struct cursor *, struct qresync *);
/*
 * The mailbox is open: tell what vanished; 1 and qresync_some() goes on, 0 when
 * what the client remembers is of another mailbox, -1 with errno.
 */
int	 qresync_begin(struct session *, struct qresync *);
/* Tell some of what has changed: 1 there is more, 0. */
int	 qresync_some(struct session *, struct qresync *);
void	 qresync_free(struct qresync *);

#endif
