/*
 * Many clients at random on the same mailboxes, over sockets: what each is told
 * is held against its own model (told.h), against what all know (world.h), and
 * now and then against what a fresh session is told.
 */
#ifndef STORM_H
#define STORM_H

#include <zlib.h>

#include "told.h"
#include "world.h"

#define STORM_CLIENTS	7
#define STORM_FRESH	STORM_CLIENTS	/* the one that is asked for the truth */
#define STORM_PIPELINE	5

/* How the server is reached. */
struct storm_net {
	int	 (*open)(int n);	/* logged in and greeted, or -1 */
	void	 (*close)(int n);
	void	 (*turn)(int busy);	/* let it work; wait, unless busy */
	void	 (*settle)(void);	/* until nothing is left to do, or NULL:
					 * nobody can tell */
	void	 (*restart)(void);	/* or NULL */
	int	 cut;			/* connections may end at any time */
};

enum storm_kind { KIND_PLAIN, KIND_CONDSTORE, KIND_QRESYNC };

enum storm_what { SAY_ANY, SAY_APPEND, SAY_COPY, SAY_SELECT, SAY_ENABLE,
    SAY_COMPRESS, SAY_CHANGED, SAY_UIDS, SAY_IDLE, SAY_LOGOUT, SAY_CLOSE,
    SAY_WHATS };

struct storm_cmd {
	unsigned	 tag;
	enum storm_what	 what;
	int		 quiet;		/* no EXPUNGE meanwhile */
	int		 alone;		/* nothing was before it */
	uint32_t	 first, last;	/* numbers of an APPEND's messages */
	char		 text[160];
};

struct storm_client {
	int		 i, fd;
	struct storm	*storm;
	struct told	 told;
	enum storm_kind	 kind;
	uint32_t	 session;	/* each SELECT is one */
	char		 name[64];	/* of the mailbox */
	int		 readonly, enabled, idle, eof, leaving;
	int		 lone;		/* nothing else before its answer */
	int		 resync;	/* SELECT said what it has */
	struct storm_cmd queue[STORM_PIPELINE + 2];
	unsigned	 nqueue, tags;
	int		 compressed;
	z_stream	 in, out;
	uint32_t	 kept_validity;	/* of what it keeps */
	uint64_t	 kept_modseq;
};

struct storm {
	const struct storm_net *net;
	struct world	 world;
	struct storm_client clients[STORM_CLIENTS + 1];
	uint32_t	 seed, sessions;
	unsigned	 nrole[3];	/* messages sent to a box of a role */
	unsigned	 wrong, answers, resyncs, restarts, looks, refused;
	int		 loud;
	int		 still;		/* nothing changed between two looks */
	/* a SEARCH of the fresh one */
	uint8_t		*found;
	size_t		 nfound;
	char		 boxes[64][64];
	size_t		 nboxes;
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

/* storm_say.c: anything that a client may say now */
void		 storm_anything(struct storm_client *);

/* storm_look.c: compare all with what a fresh session is told */
void		 storm_look(struct storm *);
/* What it is told besides. */
void		 storm_look_untagged(struct storm *, struct span);

#endif
