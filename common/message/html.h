/*
 * HTML to text as people read it, for SEARCH and PREVIEW: without tags,
 * comments, scripts, styles and the head; entities resolved; runs of space one
 * space; a line for each block.  It is no parser of documents: whatever comes
 * in, text comes out, in linear time and with the memory of the struct.
 * UTF-8 in slices of any size, UTF-8 out.
 */
#ifndef HTML_H
#define HTML_H

#include "buf.h"

#define HTML_NAME	32	/* octets of a tag's or an entity's name */

struct html {
	int	 state;
	int	 space;			/* a space or line is due: 1, 2 */
	int	 begun;			/* text came out */
	int	 quote;			/* in a value: its quote */
	int	 closing;		/* a tag with a slash */
	int	 dashes;		/* at the end of a comment */
	int	 pre;			/* <pre> nested so deep */
	size_t	 nname;
	char	 name[HTML_NAME];
	char	 hidden[HTML_NAME];	/* until the end tag of that name */
	int	 head;			/* the head goes on behind it */
	int	 empty;			/* this tag hides, unless it ends "/>" */
};

void	 html_start(struct html *);
/* Append the text; 0, or -1 as buf_add(). */
int	 html_feed(struct html *, struct buf *, struct span);
int	 html_end(struct html *, struct buf *);

#endif
