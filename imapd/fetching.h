/*
 * A FETCH under way: what cmd_fetch.c (messages, what is ready-made) and
 * cmd_fetch_body.c (octets of bodies) share.
 */
#ifndef FETCHING_H
#define FETCHING_H

#include "header.h"
#include "imapd/parse/fetch.h"
#include "imapd/letter.h"
#include "imapd/targets.h"
#include "transfer.h"

enum fetch_stage {
	FETCH_NEXT,		/* no message at work */
	FETCH_READY,		/* what is ready-made is read */
	FETCH_ITEMS,		/* all but sections */
	FETCH_SECTION,		/* the next section begins */
	FETCH_SELECT,		/* fields of a header, or octets decoded, are
				 * counted, then sent */
	FETCH_OCTETS		/* the octets of a section */
};

/* What one part of the work says. */
enum fetch_result {
	FETCH_MORE,		/* go on */
	FETCH_LATER,		/* in a later slice */
	FETCH_END
};

struct fetch {
	struct targets		 targets;
	struct fetch_items	 items;
	unsigned		 need;		/* READY_BIT of sections */
	struct buf		 labels;	/* of the sections, for answers */
	enum fetch_stage	 stage;
	unsigned		 failed;	/* messages not to be read */
	unsigned		 unknown;	/* messages not to be decoded */

	/* the message at work */
	struct letter		 letter;
	uint32_t		 seq;
	int			 gone;
	int			 rev2;		/* its structure is RFC 9051's */
	int			 marked;	/* \Seen was set for this */

	/* the section at work */
	size_t			 section;
	uint64_t		 at, end;	/* octets of the message */
	struct header_selector	 selector;
	struct transfer		 decoder;
	int			 decoding;	/* it, not the selector, works */
	int			 nul;		/* there may be one: literal8 */
	uint64_t		 begin;		/* of what goes through them */
	uint64_t		 total;		/* octets that come out */
	uint64_t		 skip, left;	/* of these to be sent */
	int			 counting;
	struct buf		 slice, chosen;
};

/* What of the ready-made data the items need: once they are read.  0, or -1: no
 * memory. */
int			 fetch_plan(struct fetch *);
/* A slice. */
enum fetch_result	 fetch_some(struct session *, struct fetch *);
/* Free it; NULL is none. */
void			 fetch_end(void *);
enum fetch_result	 fetch_section(struct session *, struct fetch *);
enum fetch_result	 fetch_select(struct session *, struct fetch *);
/* Can the sections that are to be decoded be?  RFC 3516 section 4.2. */
int			 fetch_decodable(const struct fetch *);
enum fetch_result	 fetch_octets(struct session *, struct fetch *);

#endif
