/*
 * Many clients at random on the same mailboxes, over sockets: what each is told
 * is held against its own model (told.h), against what all know (world.h), and
 * now and then against what a fresh session is told.
 *
 * Most are of the account that owns the mailboxes.  Guests are of another, and
 * may do what its rights allow, which change all the time; they have mailboxes
 * of their own as well.  Some know UIDs alone (RFC 9586); some of both accounts
 * are told of changes without asking (RFC 5465), and one of each only watches: it
 * knows all mailboxes by that.
 */
#ifndef STORM_H
#define STORM_H

#include <zlib.h>

#include "told.h"
#include "world.h"

#define STORM_CLIENTS	15
#define STORM_FRESH	STORM_CLIENTS	/* the one that is asked for the truth */
#define STORM_PIPELINE	5
#define STORM_BOXES	64
#define STORM_GUEST	0x80000000u	/* UIDVALIDITY: of a guest's own */

/* How the server is reached. */
struct storm_net {
	int	 (*open)(int n, int guest);	/* logged in and greeted, or
					 * -1 */
	void	 (*close)(int n);
	void	 (*turn)(int busy);	/* let it work; wait, unless busy */
	void	 (*settle)(void);	/* until nothing is left to do, or NULL:
					 * nobody can tell */
	void	 (*restart)(void);	/* or NULL */
	int	 cut;			/* connections may end at any time */
	const char *owner, *guest;	/* names; guest: NULL, there is none */
};

enum storm_kind { KIND_PLAIN, KIND_CONDSTORE, KIND_QRESYNC };

/* NOTIFY: what was expunged is told at once, or when a command may tell it. */
enum storm_notify { NOTIFY_NOT, NOTIFY_AT_ONCE, NOTIFY_DELAYED };

enum storm_what { SAY_ANY, SAY_APPEND, SAY_COPY, SAY_SELECT, SAY_ENABLE,
    SAY_COMPRESS, SAY_CHANGED, SAY_UIDS, SAY_IDLE, SAY_LOGOUT, SAY_CLOSE,
    SAY_SETACL, SAY_PROBE, SAY_WHATS };

struct storm_cmd {
	unsigned	 tag;
	enum storm_what	 what;
	int		 quiet;		/* no EXPUNGE meanwhile */
	int		 alone;		/* nothing was before it */
	uint32_t	 first, last;	/* numbers of an APPEND's messages */
	uint32_t	 other;		/* STORM_GUEST: to its own mailbox */
	uint32_t	 rights;	/* of SETACL */
	uint32_t	 silent_lo, silent_hi;	/* numbers of a STORE */
	char		 text[160];
};

/* A mailbox as one who watches knows it. */
struct storm_box {
	char		 name[64];
	int		 known;		/* its state is */
	uint32_t	 uidvalidity, messages, uidnext, unseen;
	uint64_t	 highest;
};

struct storm_client {
	int		 i, fd;
	struct storm	*storm;
	struct told	 told;
	enum storm_kind	 kind;
	enum storm_notify notify;
	int		 guest, uidonly, watches;
	int		 uids;		/* it never says numbers */
	int		 notified;	/* NOTIFY was said */
	uint32_t	 other;		/* STORM_GUEST: in its own mailbox */
	uint32_t	 chosen;	/* the same, of one not yet selected */
	struct storm_box boxes[STORM_BOXES];
	size_t		 nboxes;
	uint32_t	 session;	/* each SELECT is one */
	char		 name[64];	/* of the mailbox */
	int		 readonly, enabled, idle, eof, leaving;
	int		 lone;		/* nothing else before its answer */
	int		 resync;	/* SELECT said what it has */
	struct storm_cmd queue[STORM_PIPELINE + 2];
	unsigned	 nqueue, tags;
	int		 compressed;
	z_stream	 in, out;
	uint32_t	 kept_validity;	/* of what it keeps, with other */
	uint64_t	 kept_modseq;
};

struct storm {
	const struct storm_net *net;
	struct world	 world;
	struct storm_client clients[STORM_CLIENTS + 1];
	uint32_t	 seed, sessions;
	unsigned	 nrole[3];	/* messages sent to a box of a role */
	unsigned	 wrong, answers, resyncs, restarts, looks, refused;
	unsigned	 denied, grants, statuses;
	int		 loud;
	int		 still;		/* nothing changed between two looks */
	/* what the fresh one was told last: numbers found, or in order */
	uint32_t	*found;
	size_t		 nfound, capfound;
	unsigned	 threads;	/* of found: threads, each from */
	uint32_t	*thread;
	uint64_t	 count;		/* COUNT of ESEARCH */
	struct {
		uint64_t	 messages, unseen, deleted, highest;
	}		 status;	/* of STATUS */
	int		 probe;		/* its last answer was OK */
	/* what there is, and what the guest may do with it */
	char		 boxes[STORM_BOXES][64];
	uint32_t	 rights[STORM_BOXES];
	size_t		 nboxes;
	uint64_t	 listed;	/* the guest saw these of them */
	char		 own[STORM_BOXES][64];	/* and has these */
	size_t		 nown;
	uint32_t	 myrights;
	/* what the guest has on the mailboxes that are never renamed */
	uint32_t	 granted[3];
	int		 granting[3];	/* SETACL is under way, or was cut */
};

/* Begin; go on for so many steps, then look; the end. */
void		 storm_begin(struct storm *, const struct storm_net *,
		    uint32_t seed);
void		 storm_run(struct storm *, unsigned steps);
void		 storm_end(struct storm *);

/* storm.c, for the others */
unsigned	 storm_pick(struct storm *, unsigned n);
void		 storm_bad(struct storm_client *, const char *why, struct span);
int		 storm_connect(struct storm_client *);
void		 storm_disconnect(struct storm_client *);
void		 storm_send(struct storm_client *, const char *, size_t);
void		 storm_receive(struct storm_client *);
struct storm_cmd *storm_say(struct storm_client *, enum storm_what, int quiet,
		    const char *, ...)
		    __attribute__((__format__(printf, 4, 5)));
/* Until all have their answers: 0, -1 one is cut off. */
int		 storm_drain(struct storm *);

/* UIDVALIDITY, apart for both accounts. */
uint32_t	 storm_validity(const struct storm_client *);
/* May there be no EXPUNGE now? */
int		 storm_quiet(const struct storm_client *);
/* A mailbox's name as the client says it. */
const char	*storm_name(const struct storm_client *, uint32_t other,
		    const char *name);

/* storm_say.c: anything that a client may say now */
void		 storm_anything(struct storm_client *);
/* Any mailbox where anything may happen. */
const char	*storm_free_box(struct storm *);

/* storm_acl.c: rights that change; what the guest has now, and that it has no
 * more. */
void		 storm_grant(struct storm_client *, const char *box, int all);
/* ok: -1, nobody knows */
void		 storm_granted(struct storm_client *, const struct storm_cmd *,
		    int ok);
void		 storm_acl_untagged(struct storm *, struct span);
int		 storm_acl_look(struct storm *);
int		 storm_acl_probe(struct storm *, size_t box);

/* storm_notify.c: what one who watches knows */
void		 storm_watch(struct storm_client *);
void		 storm_watch_untagged(struct storm_client *, struct span);
void		 storm_watch_selected(struct storm_client *);
/* A mailbox is as the fresh one sees it; and there are no others. */
void		 storm_watched(struct storm_client *,
		    const struct storm_client *fresh, const char *name);
void		 storm_watched_all(struct storm_client *);

/* storm_check.c: what SEARCH, SORT, THREAD find */
void		 storm_found(struct storm_client *, struct span);
int		 storm_searches(struct storm *);

/* storm_look.c: compare all with what a fresh session is told */
void		 storm_look(struct storm *);
/* What it is told besides. */
void		 storm_look_untagged(struct storm *, struct span);

#endif
