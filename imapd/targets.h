/*
 * The messages that a command is about: a set of sequence numbers or UIDs,
 * turned into UIDs when the command begins, gone through in slices.
 */
#ifndef TARGETS_H
#define TARGETS_H

#include "imapd/session.h"

struct targets {
	struct seqset	 set;		/* of UIDs */
	uint32_t	 uid;		/* the last one that was shown */
	size_t		 range;		/* in set */
	size_t		 i, g;		/* in the view's records, in the gone */
	int		 placed;	/* i and g are right */
	uint32_t	 limited;	/* the lowest of those that were left,
					 * limited.h; 0: all were */
};

struct target {
	const struct msgrec	*rec;	/* until something is written */
	uint32_t		 seq;
	int			 gone;
};

/*
 * Read a set; the numbers are UIDs when the session's command is a UID one.
 * -1: BAD, the cursor says why.
 */
int	 targets_read(struct targets *, struct session *, struct cursor *);
/* All that the session counts. */
int	 targets_all(struct targets *, const struct seen *);
/*
 * A set of sequence numbers (or of UIDs) as it was parsed into one of UIDs,
 * sorted.  Returns 1 when a number was larger than any message has: such are
 * left out; else 0.
 */
int	 targets_resolve(struct seqset *, const struct seen *, int uid);
/*
 * "$", RFC 5182, becomes what the session has saved (UIDs, sorted): 0, or -1
 * with errno.
 */
int	 targets_saved(struct seqset *, const struct session *);
/*
 * The next one: 1, 0 at the end.  Call targets_pause() before anything is
 * written, and when the turn is over.
 */
int	 targets_next(struct targets *, const struct seen *, struct target *);
void	 targets_pause(struct targets *);
/* How many there are; a few steps for each range. */
uint32_t targets_count(const struct targets *, const struct seen *);
/* The UID of number k of them, the first is 1; 0: there is none. */
uint32_t targets_number(const struct targets *, const struct seen *,
	    uint32_t k);
/* From here on only those from number lo (of 1) to hi; those that RFC 9394
 * speaks of; those with this UID and above. */
void	 targets_between(struct targets *, const struct seen *, uint32_t lo,
	    uint32_t hi);
void	 targets_partial(struct targets *, const struct seen *,
	    const struct partial *);
void	 targets_from(struct targets *, uint32_t uid);
/* From here on only those in a set of UIDs too: 0, or -1 with errno. */
int	 targets_within(struct targets *, const struct seqset *);
/* Begin again. */
void	 targets_rewind(struct targets *);
/* Is one of them gone already? */
int	 targets_gone(const struct targets *, const struct seen *);
void	 targets_free(struct targets *);

#endif
