/*
 * The filter of a message: the trigrams of its folded text, as SEARCH TEXT sees
 * it, one hash and one bit each.  A needle with a trigram that is not there is
 * not in the message; else the message is compared.  So it chooses, and never
 * decides.  An eighth of the text, FILTER_MIN to FILTER_MAX octets; none for a
 * text past FILTER_TEXT, or one that takes more than FILTER_READ to read.
 *
 * A record is a head (version, charsets known, version of the fold), then the
 * bits; a head alone: the message has no filter.  It belongs to the body, so
 * copies share it, and it goes with the body.  It is stored in pieces of
 * FILTER_PIECE octets (a larger value would take whole pages, and a search reads
 * them all): the first under the body alone, the others numbered from 1; one
 * that is shorter is the last, so no record is a multiple of that long.
 *
 * Filters are made behind deliveries, in the order of bodies, when few messages
 * come or a search misses one; how far that is stands in the record of body 0,
 * head and body.  One that is missed, damaged or of another version is made anew
 * then.
 */
#ifndef FILTER_H
#define FILTER_H

#include "charset.h"
#include "imapd/part.h"
#include "mime.h"

#define FILTER_VERSION	3	/* 1: one value each; 2: other text of HTML */
#define FILTER_MIN	64
#define FILTER_MAX	4096
#define FILTER_PIECE	900
#define FILTER_TEXT	(256 * 1024)	/* octets of folded text */
#define FILTER_READ	(512 * 1024)	/* of the message, for it */
#define FILTER_CHARS	3		/* of a needle, at least */

/* Append the hashes of a folded text's trigrams, a uint32_t each. */
int		 filter_trigrams(struct buf *, struct span folded);
/*
 * Make a record, in steps of a few ms at most: the tree, the source and the
 * charsets stay borrowed; NULL: no memory.  A step returns 1: call again; 0: it
 * is appended; -1: ENOMEM or that of the source.
 */
struct filter_build;
struct filter_build	*filter_build_new(const struct mime *,
		    const struct message_source *, const struct charsets *);
int		 filter_build_step(struct filter_build *, struct buf *);
void		 filter_build_free(struct filter_build *);
/* The head of a record: append it; take it off, 1 if it is of this version. */
int		 filter_head_put(struct buf *, const struct charsets *);
int		 filter_head(struct span *record, const struct charsets *);
/* The bits of a record; p NULL: it has none that can be used. */
struct span	 filter_bits(struct span record, const struct charsets *);
/* May a text with these trigrams be there? */
int		 filter_may_have(struct span bits, const uint32_t *, size_t n);

/* Reading them, many in a row in bulk.  All zeroes: begins. */
struct filter_read {
	struct part		*part;
	struct dbenv_iter	 it;
	struct buf		 one;		/* read alone, or in pieces */
	struct span		 key, bulk;	/* where it is */
	uint64_t		 last;		/* body before this one */
	unsigned		 row;		/* in a row so far */
	int			 reading;
};
/* Its bits, borrowed until the next call; p NULL: it has no filter. */
struct span	 filter_get(struct filter_read *, struct part *,
		    uint64_t body);
void		 filter_read_end(struct filter_read *);

/* Write a record, in the open command.  0 or -1. */
int		 filter_put(struct part *, uint64_t body, struct span record);
/* Is there one of this version, whole?  1 or 0. */
int		 filter_has(struct part *, uint64_t body);
/* The body goes, in the open command.  0 or -1. */
int		 filter_drop(struct part *, uint64_t body);
/* After salvage, in slices of n: those of bodies that are lost.  1 when there
 * may be more behind *at, 0, -1. */
int		 filter_sweep(struct part *, uint64_t *at, unsigned n);

/* Making them: of one partition. */
struct filter_maker;
struct filter_maker	*filter_maker_new(struct part *);
void		 filter_maker_free(struct filter_maker *);
/* A body came: begin when no more of them do, after limits.filter_pause. */
void		 filter_soon(struct part *);
/* A search looked for that of a body, and there is none: begin now. */
void		 filter_missed(struct part *, uint64_t body);
/* Every few seconds. */
void		 filter_tick(struct part *);
/* All that are missing, now; for tests. */
int		 filter_all(struct part *);

#endif
