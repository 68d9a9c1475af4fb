/*
 * Text as it is compared in SEARCH: RFC 5051 (i;unicode-casemap: title case,
 * then decomposed with compatibility), and then without the marks that have no
 * width, so that "Zürich" is found by "zurich" and the other way round.
 * An octet that is no UTF-8 is the same as itself alone: it folds to three
 * octets that no character folds to, those of the surrogate U+DC00 + octet.
 */
#ifndef FOLD_H
#define FOLD_H

#include "buf.h"

/* Append the folded form of UTF-8 text.  0, or -1 as buf_add(). */
int	 fold_text(struct buf *, struct span utf8);
/* The same, but by RFC 5051 alone: for sorting. */
int	 fold_casemap(struct buf *, struct span utf8);
/* The version of all this: other tables of Unicode fold otherwise. */
uint32_t fold_version(void);
/* Does text contain the needle, which is folded already?  1, 0, -1 ENOMEM. */
int	 fold_contains(struct span utf8, struct span needle);

/* A text that comes in slices; characters may be cut.  All zeroes: begins. */
struct fold_stream {
	uint8_t		 cut[4];	/* the start of a character */
	size_t		 ncut;
};
int	 fold_feed(struct fold_stream *, struct buf *, struct span utf8);
/* The text ends here. */
int	 fold_flush(struct fold_stream *, struct buf *);

/*
 * The same in a text that comes in slices.  The needle is folded, borrowed,
 * and not to be longer than what one has in memory: so much of the text is
 * held.  An empty needle is in every text.
 */
struct fold_find {
	struct span		 needle;
	struct buf		 text;	/* folded: the end of it */
	struct fold_stream	 stream;
	int			 found;
};
void	 fold_find_start(struct fold_find *, struct span needle);
/* Returns 1 when it was found (in this slice or before), 0, or -1 ENOMEM. */
int	 fold_find_feed(struct fold_find *, struct span utf8);
/* The text ends: nothing is found across this and the next.  As feed. */
int	 fold_find_break(struct fold_find *);
/* Free; a text that was not at its end is given up. */
void	 fold_find_end(struct fold_find *);

#endif
