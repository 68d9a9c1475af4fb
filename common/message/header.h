/*
 * Header blocks of messages and of MIME parts, RFC 5322 section 2.2.
 *
 * One definition of where a header ends, for all of the suite: a line ends
 * with LF, a CR right before it belongs to the line's end, any other CR is an
 * octet like others.  The header ends with the first empty line, which is part
 * of it; without one all octets are header.  A line that begins with a space
 * or a tab continues the field before it.  A line without a colon, with a
 * space or a control in its name, or a continuation with nothing before it is
 * no field, does not end the header, and is passed over.
 *
 * Nothing here allocates but the bufs that are written to; all results borrow.
 */
#ifndef HEADER_H
#define HEADER_H

#include "buf.h"

#define HEADER_NAME_MAX	256	/* octets of a field's name that count */

/*
 * One field.  name is empty for octets that are no field (see above), so the
 * raws of all of them put together are the header without its empty line.
 */
struct header_field {
	struct span	 name;		/* without colon and space before it */
	struct span	 value;		/* behind the colon, folded as it came,
					 * without the last line's end */
	struct span	 raw;		/* all of it, with the line's end */
};

/*
 * Octets of the header at the start of a message, with the empty line.
 * *complete (may be NULL) says whether there is an empty line.
 */
size_t		 header_length(struct span message, int *complete);
/*
 * Take the next field from the front of a header.  Returns 1, or 0 at its end
 * (the empty line, or nothing left).
 */
int		 header_next(struct span *header, struct header_field *);
/* The nth (0 is the first) field of that name.  Returns 1, or 0: none. */
int		 header_find(struct span header, const char *name, unsigned nth,
		    struct header_field *);
/* How many fields of that name there are. */
unsigned	 header_count(struct span header, const char *name);
/*
 * A value on one line, appended: line ends before a space go, any other CR, LF
 * or NUL becomes a space, no space at either end.  RFC 5322 section 2.2.3.
 * Returns as buf_add().
 */
int		 header_unfold(struct buf *, struct span value);
/* Does a value have a CR, LF (but in folding) or NUL in it? */
int		 header_dirty(struct span value);

/* Fields with an identity, so that one pass over a header finds them all. */
enum header_id {
	HDR_OTHER,
	HDR_DATE, HDR_SUBJECT, HDR_FROM, HDR_SENDER, HDR_REPLY_TO, HDR_TO,
	HDR_CC, HDR_BCC, HDR_IN_REPLY_TO, HDR_MESSAGE_ID, HDR_REFERENCES,
	HDR_RETURN_PATH, HDR_RECEIVED, HDR_DELIVERED_TO, HDR_MIME_VERSION,
	HDR_CONTENT_TYPE, HDR_CONTENT_TRANSFER_ENCODING, HDR_CONTENT_ID,
	HDR_CONTENT_DESCRIPTION, HDR_CONTENT_DISPOSITION, HDR_CONTENT_LANGUAGE,
	HDR_CONTENT_LOCATION, HDR_CONTENT_MD5,
	HDR_COUNT
};
/* Which one a name is, case not counting. */
enum header_id	 header_id(struct span name);
/* As it is written: "Message-ID".  HDR_OTHER: "". */
const char	*header_id_name(enum header_id);

/* What one pass finds: the first of each, and how many there are. */
struct header_facts {
	struct span	 value[HDR_COUNT];	/* p NULL: there is none */
	uint32_t	 count[HDR_COUNT];
	uint32_t	 fields;
	uint32_t	 broken;		/* lines that are no field */
};
void		 header_facts(struct span header, struct header_facts *);

/*
 * Some fields of a header, or all but some, with its empty line if it has one:
 * RFC 3501 HEADER.FIELDS and HEADER.FIELDS.NOT.  Names are compared without
 * regard to case; octets that are no field are in none but NOT.
 * Appends to the buf; returns as buf_add().
 */
int		 header_select(struct buf *, struct span header,
		    const struct span *names, size_t n, int except);
/*
 * The same for a header that comes in slices.  start; feed every octet of the
 * header, in order, each feed appends what can be told so far; end.  The names
 * are borrowed throughout.  Memory is bounded by HEADER_NAME_MAX.
 */
struct header_selector {
	const struct span	*names;
	size_t			 n;
	int			 except;
	int			 take;		/* the field we are in */
	int			 state;
	size_t			 held;
	uint8_t			 hold[HEADER_NAME_MAX + 2];
};
void		 header_selector_start(struct header_selector *,
		    const struct span *names, size_t n, int except);
int		 header_selector_feed(struct header_selector *, struct buf *,
		    struct span);
int		 header_selector_end(struct header_selector *, struct buf *);

#endif
