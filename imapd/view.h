/*
 * A mailbox as its sessions see it.  One view in memory serves them all: the
 * records sorted by UID, what is gone but still counted by somebody, and a
 * journal of what was added or changed.  Each session has a place in it
 * (struct seen): how far it was told, the highest UID it counts, and the UIDs
 * it still counts though they are gone.  A sequence number is a position among
 * the records up to that UID with those put back in.
 *
 * What is in the view may be newer than the disk.  Each change carries the
 * number of its group; nobody is told of one that is not flushed, or for late
 * changes of flags (late.h) not committed.
 */
#ifndef VIEW_H
#define VIEW_H

#include <sys/queue.h>
#include <stdint.h>

#include "account.h"
#include "datecache.h"
#include "imapd/store.h"
#include "imapd/parse/seqset.h"
#include "part.h"

#define VIEW_GONE_MAX		10000	/* UIDs gone that a session counts */
#define VIEW_JOURNAL_MAX	(1024 * 1024)	/* octets */
#define VIEW_RECENT_MAX		256	/* runs of \Recent UIDs of a session */
#define VIEW_LINGER		60	/* s a view stays without sessions, and its
					 * records while all of them rest */

struct view_gone {
	struct msgrec	 rec;
	uint64_t	 seq;
	unsigned	 refs;		/* sessions that count it */
	int		 kept;		/* its body waits for them */
};

enum change_kind { CHANGE_ADD, CHANGE_FLAGS };

struct view_change {
	uint64_t	 seq;
	uint32_t	 lo, hi;	/* UIDs: every record between */
	uint32_t	 author;	/* who was told already, or 0 */
	uint8_t		 kind;
	uint8_t		 late;		/* told when it is committed */
};

#define SEEN_RIGHTS	2
#define SEEN_RENAMED	3

struct seen_gone {
	uint64_t	 seq, modseq;
	uint32_t	 uid;
};

struct view;

struct seen {
	struct view		*view;
	uint64_t		 place;		/* in the journal */
	uint32_t		 maxuid;
	uint32_t		 author;	/* its number */
	struct seen_gone	*gone;		/* by UID */
	size_t			 ngone, capgone;
	struct range		*recent;
	size_t			 nrecent;
	int			 readonly;
	int			 lost;		/* too far behind, or the mailbox is
						 * removed: BYE; SEEN_RIGHTS: it
						 * may not be read any more;
						 * SEEN_RENAMED: it was INBOX */
	/* Something flushed is there to be told. */
	void			(*news)(struct seen *);
	LIST_ENTRY(seen)	 entry;
};

struct view {
	struct known		*known;		/* of header fields, known.h */
	struct mailbox		*mb;
	struct part		*part;
	struct msgrec		*recs;		/* by UID */
	size_t			 n, cap;
	struct view_gone	*gone;		/* by UID */
	size_t			 ngone, capgone;
	struct view_change	*journal;
	size_t			 njournal, capjournal;
	uint64_t		 base;		/* place of journal[0] */
	LIST_HEAD(, seen)	 seens;
	unsigned		 nseens;
	uint32_t		 authors;	/* last number given */
	int			 loaded;
	size_t			 at;	/* record changed last */
	uint32_t		 seen_below;	/* this UID all are */
	uint32_t		 next;	/* UID where loading goes on */
	struct datecache	 dates;	/* of those that were sorted */
	int			 sealed;	/* the last journal entry is final */
	struct dbenv_wait	 wait;		/* then news are told */
	int			 waiting;
	uint64_t		 used;		/* store_now(), last time */
};

/*
 * The view of a mailbox, made when there is none.  view_load() reads on, about
 * a millisecond: 1 there is more, 0 loaded, -1 with errno.
 */
struct view	*view_get(struct mailbox *);
int		 view_load(struct view *);
/*
 * Its records are there from now on, read at once if they were given up: before
 * each use of them and before each write to the mailbox.  0, or -1: every session
 * of it is lost.
 */
int		 view_need(struct view *);
/* Give up the records until somebody needs them. */
void		 view_rest(struct view *);
/* What is known of header fields, until it rests; NULL without memory. */
struct known	*view_known(struct view *);
/* Free it, unless somebody looks at it. */
void		 view_drop(struct view *);
void		 view_free(struct view *);
/* Sessions let go of some that are gone: forget those that nobody counts. */
void		 view_release(struct view *, const uint32_t *uids, size_t n);
/* Forget what every session was told. */
void		 view_trim(struct view *);
/* Its mailbox was removed, or is INBOX no more: every session of it is lost. */
void		 view_gone(struct view *, int lost);
/* Group seq was undone. */
void		 view_reload(struct view *, uint64_t seq);

/* Changes, applied when they were committed in group seq. */
int		 view_add(struct view *, const struct msgrec *, uint64_t seq);
void		 view_flags(struct view *, const struct msgrec *, uint64_t seq,
		    uint32_t author, int late);
/* There are late changes to be told. */
void		 view_news(struct view *);
/* UIDs ascending; kept[i]: its body stays until nobody counts it. */
void		 view_expunge(struct view *, const uint32_t *uids,
		    const uint8_t *kept, size_t n, uint64_t seq);
/* Would anybody but this session count it afterwards? */
int		 view_counted(const struct view *, const struct seen *,
		    uint32_t uid);

/* The first record with this UID or a greater one: index, n at the end. */
size_t		 view_lower(const struct view *, uint32_t uid);
struct msgrec	*view_find(const struct view *, uint32_t uid);

/* A session begins and ends to look. */
void		 seen_open(struct seen *, struct view *);
void		 seen_close(struct seen *);
/* Count no more what is gone, though nobody was told: it is about to close. */
void		 seen_forget(struct seen *);
/* How many messages it counts. */
uint32_t	 seen_count(const struct seen *);
/* Sequence number of a UID, 0 when it does not count it. */
uint32_t	 seen_seq(const struct seen *, uint32_t uid);
/* UID of a sequence number, 0 when there is none. */
uint32_t	 seen_uid(const struct seen *, uint32_t seq);
/* The record, of a gone message too, of a UID that it counts; or NULL. */
const struct msgrec *seen_rec(const struct seen *, uint32_t uid);
int		 seen_is_gone(const struct seen *, uint32_t uid);
/* The next UID above this one that it counts, 0 at the end. */
uint32_t	 seen_next(const struct seen *, uint32_t uid);
int		 seen_recent(const struct seen *, uint32_t uid);
uint32_t	 seen_nrecent(const struct seen *);
/* Claim what is \Recent up to its maxuid. */
void		 seen_claim(struct seen *);
/* The mod-sequence before the first removal that it was not told, 0: none. */
uint64_t	 seen_below(const struct seen *);
/* Is anything flushed and not told? */
int		 seen_news(const struct seen *, int expunges);
/*
 * Tell.  First the expunged ones, if wanted: exp is called with each sequence
 * number; then flags with each UID changed by others; then exists, if there is
 * more than before.
 */
struct seen_teller {
	void	(*expunged)(struct seen *, uint32_t seq, uint32_t uid);
	/* all of them at once, ascending */
	void	(*vanished)(struct seen *, const uint32_t *uids, size_t n);
	void	(*flags)(struct seen *, const struct msgrec *);
	void	(*exists)(struct seen *, uint32_t count, uint32_t recent);
};
void		 seen_tell(struct seen *, const struct seen_teller *,
		    int expunges);

#endif
