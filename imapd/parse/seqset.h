/*
 * Sets of sequence numbers or UIDs, RFC 3501 "sequence-set".
 */
#ifndef IMAP_SEQSET_H
#define IMAP_SEQSET_H

#include "cursor.h"

#define SEQSET_RANGES	10000		/* in one set */

struct range { uint32_t lo, hi; };	/* lo <= hi after seqset_resolve() */

struct seqset {
	struct range	*r;
	size_t		 n;
	int		 saved;		/* "$", RFC 5182 */
};

/*
 * Which of some results, RFC 9394: the first is 1, or the last one when they are
 * counted from the end.  lo <= hi.
 */
struct partial {
	uint32_t	 lo, hi;
	int		 from_end;
	int		 swapped;	/* hi was given first */
};

/* "PARTIAL" was read: a range as "1:500" or "-1:-500", either way round. */
int	 cur_partial(struct cursor *, struct partial *);
/* As it was given. */
void	 partial_write(struct buf *, const struct partial *);
/* Which of n results these are: from *first, at most n, up to and without *end. */
void	 partial_of(const struct partial *, size_t n, size_t *first,
	    size_t *end);
/* "*" is 0 until seqset_resolve().  Free with seqset_free(). */
int	 cur_seqset(struct cursor *, struct seqset *);
/*
 * Put the largest number for "*" (0 when there is no message: ranges of "*"
 * alone go), turn ranges the right way round, sort and merge.
 */
void	 seqset_resolve(struct seqset *, uint32_t largest);
/* The first range that ends at v or above: index, n at the end. */
size_t	 seqset_lower(const struct seqset *, uint32_t v);
int	 seqset_has(const struct seqset *, uint32_t);	/* after resolve */
uint64_t seqset_count(const struct seqset *);		/* numbers covered */
int	 seqset_add(struct seqset *, uint32_t);		/* ascending, merging */
void	 seqset_write(struct buf *, const struct seqset *);
void	 seqset_free(struct seqset *);

#endif
