/*
 * The structure of a message, RFC 2045 and 2046: where its parts are and what
 * they are.
 *
 * A parser is fed the octets in slices of any size, in order; however they are
 * cut the result is the same.  Time is linear, memory is bounded by the limits
 * whatever the message.  No message is refused: what is malformed, too deep or
 * too many stays part of what it stands in.
 *
 * The result is a tree in an array, parents before children, part 0 the whole
 * message.  A message/rfc822 part has one child, the message in it.  The range
 * of a child lies inside its parent's body.
 */
#ifndef MIME_H
#define MIME_H

#include <sys/types.h>

#include "buf.h"

#define MIME_NONE	UINT32_MAX

struct mime_limits {
	uint32_t	 depth;		/* parts in parts: 100 */
	uint32_t	 parts;		/* in all: 10000 */
	size_t		 boundary;	/* octets of a boundary: 2048 */
	size_t		 field;		/* octets kept of a field: 65536 */
	size_t		 header;	/* octets kept of a header: 262144 */
	size_t		 content;	/* more of it for Content- fields that
					 * come later: 16384 */
	size_t		 headers;	/* octets kept in all: 2097152 */
};
extern const struct mime_limits	 mime_limits_default;

enum mime_kind {
	MIME_LEAF,
	MIME_MULTIPART,			/* any number of children */
	MIME_MESSAGE			/* one child, a message */
};

enum mime_encoding {			/* Content-Transfer-Encoding */
	MIME_7BIT, MIME_8BIT, MIME_BINARY, MIME_QP, MIME_BASE64,
	MIME_UNKNOWN			/* x-uuencode, nonsense */
};

/* Octets in the tree's own memory, see mime_text(). */
struct mime_str {
	uint32_t	 at, n;
};

struct mime_part {
	uint32_t	 parent;	/* MIME_NONE: part 0 */
	uint32_t	 child;		/* the first; MIME_NONE: none */
	uint32_t	 next;		/* sibling; MIME_NONE: the last */
	uint32_t	 children;	/* how many */
	uint8_t		 kind;		/* enum mime_kind */
	uint8_t		 encoding;	/* enum mime_encoding */
	uint8_t		 opaque;	/* a limit kept it from being parsed */
	uint8_t		 typed;		/* its header says what it is */
	uint64_t	 header;	/* offset of its header */
	uint64_t	 body;		/* of its body: the header's end */
	uint64_t	 end;		/* of its body's end */
	uint32_t	 header_lines;
	uint32_t	 lines;		/* line ends in the body */
	struct mime_str	 type;		/* "text", in lower case */
	struct mime_str	 subtype;	/* "plain" */
	struct mime_str	 charset;	/* in lower case; empty: not said */
	struct mime_str	 kept;		/* its header as far as kept; empty in
					 * a tree from mime_load() */
};

struct mime {
	struct mime_part	*parts;
	uint32_t		 nparts;
	uint64_t		 size;		/* octets of the message */
	uint64_t		 lines;
	uint8_t			 nul;		/* a NUL somewhere */
	uint8_t			 eightbit;	/* an octet above 127 */
	uint8_t			 bare;		/* a CR or LF that is not CRLF */
	uint32_t		 longest;	/* octets of the longest line,
						 * its end not counted */
	struct buf		 text;		/* what mime_str points into */
};

/* The octets of a mime_str. */
struct span	 mime_text(const struct mime *, struct mime_str);

struct mime_parser;
/* limits NULL: the defaults.  NULL: no memory. */
struct mime_parser	*mime_parser_new(const struct mime_limits *);
void			 mime_parser_free(struct mime_parser *);
/* Octets of the message, in order.  0, or -1: ENOMEM. */
int			 mime_feed(struct mime_parser *, struct span);
/*
 * All octets were fed.  The tree is the parser's, and valid until the parser
 * is freed or reset.  NULL: ENOMEM.
 */
const struct mime	*mime_end(struct mime_parser *);
/* Begin another message with the same memory. */
void			 mime_parser_reset(struct mime_parser *);

/*
 * Where octets of a message are read from when it is not in memory: up to n
 * octets from offset off.  Returns how many (less than n only at the end), or
 * -1 with errno.
 */
struct message_source {
	ssize_t		(*read)(void *arg, uint64_t off, void *, size_t n);
	void		*arg;
};
/*
 * Parse all of a message in memory; or of a source, in slices.  The result is
 * the caller's, mime_free().  NULL with errno.
 */
struct mime	*message_parse(struct span);
struct mime	*message_parse_source(const struct message_source *);
void		 mime_free(struct mime *);

/* What a section of RFC 3501 section 6.4.5 is of a part. */
enum mime_section {
	MIME_SECTION_ALL,	/* BODY[], BODY[1.2]: all of a message, the
				 * body of a part */
	MIME_SECTION_HEADER,	/* of the message, or of a message/rfc822 */
	MIME_SECTION_TEXT,	/* body of the message, or of a message/rfc822*/
	MIME_SECTION_MIME	/* header of the part itself */
};
struct mime_range {
	uint64_t	 at, n;
};
/*
 * The part that numbers name: 1.2 is { 1, 2 }.  Returns its index, MIME_NONE:
 * there is none.  Without numbers: part 0.
 */
uint32_t	 mime_find(const struct mime *, const uint32_t *path, size_t n);
/*
 * Where a section is in the message.  Returns 0, or -1 (ENOENT): no such part,
 * or HEADER or TEXT of what is no message, or MIME without a part.
 */
int		 mime_section(const struct mime *, const uint32_t *path,
		    size_t n, enum mime_section, struct mime_range *);

/*
 * The tree as octets, to be stored, and back.  Kept headers are not in it.
 * mime_load() believes nothing: every index, offset and length is checked, so
 * that a damaged record is an error (EBADMSG) and the message parsed anew.
 * NULL with errno.
 */
int		 mime_save(struct buf *, const struct mime *);
struct mime	*mime_load(struct span);

#endif
