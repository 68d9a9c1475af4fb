/*
 * The text of a message as people read it, in UTF-8: parts decoded, converted,
 * HTML without its tags, header fields unfolded and decoded.
 */
#ifndef TEXT_H
#define TEXT_H

#include "charset.h"
#include "html.h"
#include "mime.h"
#include "transfer.h"

#define TEXT_SLICE	(64 * 1024)	/* octets of a message read at once */
#define TEXT_HEADER	(64 * 1024)	/* octets of a header read at once */

/* One body on its way; any slices. */
struct text_stream {
	struct transfer		 transfer;
	struct charset_stream	 charset;
	struct html		 html;
	int			 is_html;
	int			 raw;	/* what is no UTF-8 stays as it is */
	struct buf		 octets, utf8;
};
/* charsets may be NULL.  An unknown charset is taken for UTF-8. */
void	 text_start(struct text_stream *, enum mime_encoding,
	    struct span charset, int html, const struct charsets *);
/* Append to the buf what can be told so far; 0, or -1 as buf_add(). */
int	 text_feed(struct text_stream *, struct buf *, struct span);
/* Append the rest, free. */
int	 text_end(struct text_stream *, struct buf *);

/*
 * One unstructured value, for comparing: unfolded and decoded, but octets that
 * are no UTF-8 stay as they are.  0, or -1 as buf_add().
 */
int	 text_value(struct buf *, struct span value, const struct charsets *);

/* What a walk over a message shows. */
#define TEXT_BODY	0x1u	/* its text parts */
#define TEXT_HEADERS	0x2u	/* its header */
#define TEXT_INNER	0x4u	/* headers of messages inside it */
#define TEXT_PARTS	0x8u	/* headers of parts: names of files */
/* SEARCH BODY and SEARCH TEXT, RFC 3501 section 6.4.4. */
#define TEXT_SEARCH_BODY (TEXT_BODY | TEXT_INNER)
#define TEXT_SEARCH_TEXT (TEXT_BODY | TEXT_HEADERS | TEXT_INNER | TEXT_PARTS)

/*
 * The fields of a header of any length, in slices.  A field that is longer than
 * a slice comes in pieces, cut between its lines where it has some.
 */
struct text_fields {
	const struct message_source	*src;
	uint64_t			 at, end;
	struct buf			 in, name;
	struct span			 left;	/* of in */
	int				 cut;	/* in ends within a field */
	int				 inside;	/* a field, at left */
	int				 word, blank;	/* how the last piece
							 * ended */
};
struct text_piece {
	struct span	 name;		/* of the field; empty: it is none */
	struct span	 value;		/* or a piece of it, as it stands */
	int		 begins, ends;	/* the field */
};
/* From octet at to end; the source stays borrowed. */
void	 text_fields_start(struct text_fields *, const struct message_source *,
	    uint64_t at, uint64_t end);
/*
 * The next one, borrowed until the next call, which may read: left.n is 0
 * before it does.  1, 0 at the end, -1: ENOMEM or that of the source.
 */
int	 text_fields_next(struct text_fields *, struct text_piece *);
/* Append its text; those of all pieces together are text_value(). */
int	 text_fields_value(struct text_fields *, struct buf *,
	    const struct text_piece *, const struct charsets *);
void	 text_fields_end(struct text_fields *);

/* A walk: slice by slice, so that long ones can be interrupted. */
struct text_walk;
/*
 * The tree (from mime_load() will do), the source and the charsets stay
 * borrowed.  NULL: no memory.
 */
struct text_walk	*text_walk_new(const struct mime *,
			    const struct message_source *,
			    const struct charsets *, unsigned what);
/*
 * The next run of text, borrowed until the next call; at most TEXT_SLICE
 * octets of the message are read for it, TEXT_HEADER of a header.  It is UTF-8
 * but for octets that were none to begin with, and a character may be cut by
 * its end.  *begins (may be NULL): it does not
 * go on where the one before ended.  Returns 1 (the run may be empty), 0 at
 * the end, -1: ENOMEM or that of the source.
 */
int			 text_walk_next(struct text_walk *, struct span *,
			    int *begins);
void			 text_walk_free(struct text_walk *);
/* The whole walk for a needle that fold_text() made: 1, 0, -1. */
int			 text_find(const struct mime *,
			    const struct message_source *,
			    const struct charsets *, unsigned what,
			    struct span needle);

/* A message in memory as a source; arg is a struct span *. */
ssize_t			 message_source_span(void *arg, uint64_t off, void *,
			    size_t n);

/*
 * The beginning of the text on one line, for a list of messages, RFC 8970:
 * at most chars characters (of PREVIEW_CHARS if 0), of the first text that is
 * no attachment, in its plain form if it has one, without lines that quote if
 * others are left.  Appends UTF-8, perhaps nothing.  0, or -1: ENOMEM or that
 * of the source.
 */
#define PREVIEW_CHARS	200
#define PREVIEW_READ	(128 * 1024)	/* octets of a part looked at */
int			 message_preview(struct buf *, const struct mime *,
			    const struct message_source *,
			    const struct charsets *, size_t chars);

#endif
