/*
 * What is computed once about a message, when it comes, and kept ready to send
 * beside its body: ENVELOPE, BODY, BODYSTRUCTURE, the header fields that
 * clients ask for, where its parts are.  Stored in pieces of READY_PIECE octets
 * (a larger value would take whole pages), shared by all copies of the body.
 *
 * What is stored is a head (version, flags, the day of the Date field, octets
 * of the header, octets of each section), then the sections; pieces are cut
 * from that without regard to it.  The fields have a database of their own, so
 * that who looks for words in subjects reads these alone: a head (version, flags,
 * day, octets of the header, octets of the fields), then the fields.  In version
 * 1 they stood among the sections; such are read as they are.
 */
#ifndef READY_H
#define READY_H

#include "imapd/part.h"

#define READY_PIECE	900
#define READY_VERSION	2
#define READY_MAX	(2 * 1024 * 1024)	/* octets; more is not kept */

enum ready_section {
	READY_ENVELOPE,		/* parenthesised, to be sent as they stand */
	READY_STRUCTURE,	/* BODYSTRUCTURE */
	READY_FIELDS,		/* fields that ready_field() knows, as they
				 * stand in the header, and its empty line; 0
				 * octets among the sections, see above */
	READY_TREE,		/* mime_save() */
	READY_BODY,		/* BODY */
	READY_SECTIONS
};
#define READY_BIT(section)	(1u << (section))
#define READY_HEAD		READY_BIT(READY_SECTIONS)	/* no section */

#define READY_WHOLE	0x1u	/* READY_FIELDS has them all: the header was not
				 * longer than the parser keeps */
#define READY_DATED	0x2u	/* day is that of the Date field */

struct ready_build;

/* Octets of the message in order; by any thread, one at a time. */
struct ready_build	*ready_begin(void);
/* Structures as RFC 9051 has them: message/global is a message.  Not to be kept. */
void			 ready_rev2(struct ready_build *);
int			 ready_feed(struct ready_build *, struct span);
/* All octets were fed. */
int			 ready_end(struct ready_build *);
void			 ready_free(struct ready_build *);
/* Write it, in the open command. */
int			 ready_put(struct part *, uint64_t body,
			    const struct ready_build *);

/* One reference to the body less; with the last one the pieces go too.  A record
 * of references that is damaged or missing is no failure. */
int			 ready_unref(struct part *, uint64_t body);

/* What one of the two databases has of a message.  Many in a row are read in
 * bulk; what is kept never changes. */
struct ready_row {
	struct buf	 data;		/* as far as read */
	uint64_t	 body;		/* whose; 0: nobody's */
	uint32_t	 npieces;	/* read so far */
	struct dbenv_iter it;
	int		 bulk;		/* it is under way */
	unsigned	 row;		/* read in a row so far */
	uint64_t	 last;		/* body before this one */
	struct span	 key, val;	/* where it is */
};

/* One message's, read back; used again and again, ready_clear() at the end. */
struct ready {
	struct ready_row made;		/* head and sections */
	struct ready_row fields;	/* head and fields */
	uint64_t	 body;		/* what was read last is of this one */
	int		 old;		/* and that of version 1 */
	uint8_t		 flags;		/* READY_WHOLE ... */
	int32_t		 day;		/* since 1970, as date_day() */
	uint64_t	 header;	/* octets of the message's header */
	size_t		 at[READY_SECTIONS + 1];	/* in made.data */
};

/*
 * Read what is asked for (READY_BIT, READY_HEAD), and little else.  0, or -1: ENOENT,
 * EILSEQ or EBADMSG: there is none, or it is damaged, and must be made anew
 * from the octets; then ready_take().
 */
int			 ready_get(struct ready *, struct part *,
			    uint64_t body, unsigned sections);
/* From a build that ended. */
int			 ready_take(struct ready *, uint64_t body,
			    const struct ready_build *);
/* Borrowed until the next call; of one that was asked for. */
struct span		 ready_section(const struct ready *,
			    enum ready_section);
void			 ready_clear(struct ready *);
/* Is this one of the fields in READY_FIELDS? */
int			 ready_field(struct span name);

#endif
