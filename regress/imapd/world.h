/*
 * What all clients together know for certain: which message a UID means, for
 * ever; whose \Recent it was; of which messages the server said that it has
 * them.
 */
#ifndef WORLD_H
#define WORLD_H

#include <stdint.h>

#define WORLD_NUMBERS	200000

enum world_role {
	WORLD_FREE,		/* anything happens there */
	WORLD_KEEP,		/* nothing is ever removed */
	WORLD_RING		/* messages move from one ring to the other */
};

struct world_box {		/* of one UIDVALIDITY */
	uint32_t	 uidvalidity, uidnext;
	uint64_t	 highest;
	char		 name[64];
};

struct world {
	struct world_uid {
		uint32_t	 uidvalidity, uid;
		uint32_t	 number;	/* 0: not known */
		uint32_t	 session;	/* to which it was \Recent */
	}		*uids;
	size_t		 cap, n;
	struct world_box *boxes;
	size_t		 nboxes;
	uint32_t	 next;			/* number not yet used */
	uint8_t		 role[WORLD_NUMBERS];	/* of where it was sent to */
	uint8_t		 acked[WORLD_NUMBERS];
	uint8_t		 count[WORLD_NUMBERS];	/* where it should be once */
};

void		 world_free(struct world *);
/* This UID is that message's.  0, -1 it was another's. */
int		 world_is(struct world *, uint32_t uidvalidity, uint32_t uid,
		    uint32_t number);
uint32_t	 world_number(struct world *, uint32_t uidvalidity,
		    uint32_t uid);
/* It is \Recent to this session.  0, -1 it was to another. */
int		 world_recent(struct world *, uint32_t uidvalidity,
		    uint32_t uid, uint32_t session);
/* What a fresh session was told of a mailbox: NULL or what is wrong.  Is it as
 * it was the last time? */
const char	*world_box(struct world *, uint32_t uidvalidity,
		    const char *name, uint32_t uidnext, uint64_t highest,
		    int *same);
enum world_role	 world_role(const char *name);

#endif
