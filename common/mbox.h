/*
 * Messages as an mbox, for what letterctl(8) exports and imports.
 *
 *	From sender Thu Jan  1 00:00:00 1970
 *	X-Letterlock: date=0 zone=0 mark=K:V flags=(\Seen word) noeol=0 mailbox=Name
 *	the message, its lines ended by LF
 *	(an empty line)
 *
 * A line of the message that begins with any number of ">" and "From " gets
 * one ">" more; reading takes it off again ("mboxrd").  The X-Letterlock line is
 * none of the message; an mbox of other programs has none, and may not quote: a
 * line behind an empty one that begins with "From " begins a message only if there
 * is a time in it, or nothing.  With "only=1" behind
 * its zone there is no message: the mailbox is to be there, though nothing is in
 * it.  Such ones are read, and written for imports alone.  Its mark is optional:
 * once the message is in, value V is kept under K, see letterctl/import.h.  What was exported is
 * imported the same but for one thing: a bare LF comes back as CRLF.
 *
 * Both directions are step functions: no descriptors, slices of any size.
 */
#ifndef MBOX_H
#define MBOX_H

#include <stdint.h>

#include "buf.h"

#define MBOX_LINE	8192	/* octets kept of the lines in front */

struct mbox_meta {
	int		 ours;		/* there was an X-Letterlock line */
	int64_t		 date;		/* INTERNALDATE; -1: not known */
	int		 zone;
	struct span	 flags;		/* names with a space between */
	struct span	 mailbox;	/* UTF-8, or empty */
	int		 noeol;		/* its last line has no end */
	int		 only;		/* the mailbox, no message */
	struct span	 mark;		/* no space in it; or empty */
};

struct mbox_writer {
	int	 state;
	int	 cr;			/* one is held back */
	size_t	 matched;		/* octets of "From " */
};

/* Begin a message; sender may be empty.  All append and return as buf_add(). */
int	 mbox_begin(struct mbox_writer *, struct buf *, struct span sender,
	    const struct mbox_meta *);
int	 mbox_octets(struct mbox_writer *, struct buf *, struct span);
int	 mbox_end(struct mbox_writer *, struct buf *);

/*
 * Each is called in order: begin, octets any number of times, end.  meta is
 * good during begin.  Each returns 0, or -1 with errno to stop with; end may
 * return 1: the next message has to wait.
 */
struct mbox_ops {
	int	(*begin)(void *, const struct mbox_meta *);
	int	(*octets)(void *, struct span);
	int	(*end)(void *);
};

struct mbox_reader {
	const struct mbox_ops	*ops;
	void			*arg;
	int			 state;
	struct buf		 line;		/* From_, X-Letterlock */
	struct buf		 from;		/* the first of them */
	struct buf		 out;		/* octets not handed on yet */
	size_t			 quotes;	/* ">" at the line's start */
	size_t			 matched;	/* octets of "From " */
	uint64_t		 held;		/* line ends not handed on */
	int			 cr;
	int			 some;		/* the message has octets */
	int			 ours, noeol;
};

void	 mbox_reader_init(struct mbox_reader *, const struct mbox_ops *,
	    void *arg);
/*
 * Take octets from the front: all of them (0), or up to where end said 1 (1);
 * -1 with errno: EINVAL: not an mbox; that of a callback.
 */
int	 mbox_feed(struct mbox_reader *, struct span *);
/* All octets were fed.  Returns as mbox_feed(). */
int	 mbox_feed_end(struct mbox_reader *);
void	 mbox_reader_free(struct mbox_reader *);

/*
 * A line that begins with "From ": 0 when there is a time in it, or nothing more at
 * all; a date of a known form is put into the meta, with its zone.  Else -1.
 */
int	 mbox_from(struct span, struct mbox_meta *);
/*
 * Flags and keywords that a program which is not us wrote into the header of a
 * message, whose first octets these are: appended, with a space between.  1: it
 * is no message but what such a program keeps about the mbox (UW IMAP); else 0.
 */
int	 mbox_flags(struct span, struct buf *);

#endif
