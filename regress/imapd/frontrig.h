/*
 * "imapd: front" without a suite around it: one connection, whose client's end the
 * test holds, an auth that answers as it is told, and a TLS that changes nothing
 * but what the front knows: octets stay as they are.
 *
 * To be linked with FRONTRIG_LIBS (imapd/src.mk): it takes the place of common/proc.c
 * and common/doors.c and looks at calls of io.h.
 */
#ifndef FRONTRIG_H
#define FRONTRIG_H

#include "buf.h"
#include "conf.h"
#include "io.h"
#include "msg.h"

/* What auth says, set by frontrig_begin() to what lets nobody in. */
struct frontrig {
	struct conf_listener	*listener;	/* of what comes next */
	uint64_t	 later;		/* ms that went by */
	uint8_t		 unwanted;	/* not allowed to stay */
	uint8_t		 identity;	/* enum conn_identity, of a key */
	uint8_t		 shows_key;	/* the client has one */
	uint8_t		 binds;		/* there is a channel binding */
	uint8_t		 broken_tls;	/* no handshake ends well */
	uint8_t		 silent;	/* no answer to anything */
	uint8_t		 lies;		/* answers are of another connection */
	/* One octet for each answer of an exchange: enum sasl_outcome in the low
	 * four bits, 0x10: with a delay.  Behind the last it is bad credentials. */
	struct buf	 outcomes;

	/* what came of it */
	unsigned	 opened, closed, starts, steps, aborts;
	struct buf	 mech, initial, agent;	/* of the last start */
	uint8_t		 login;		/* that was the command LOGIN */
	uint8_t		 tls;		/* a handshake was done */
	uint8_t		 starttls;	/* not with the connection */
	uint8_t		 in;		/* logged in */
	uint8_t		 over;		/* the front let go of the connection */
	size_t		 queued;	/* most output that waited */
	struct buf	 out;		/* all that the client got */
};
extern struct frontrig	 rig;

void	 frontrig_begin(enum conf_tls);
/* A connection, until nothing is left to do. */
void	 frontrig_connect(void);
/* From the client, so many octets at a time; 0: all at once. */
void	 frontrig_say(const void *, size_t n, size_t piece);
/* From the store, when somebody is logged in. */
void	 frontrig_store(const void *, size_t n);
/* The deadline passes. */
void	 frontrig_late(void);
/* auth ends, or is there again. */
void	 frontrig_auth(int there);
/* The client sends no more, does not read, reads again, is gone. */
void	 frontrig_half(void);
void	 frontrig_deaf(int);
void	 frontrig_gone(void);
void	 frontrig_run(void);
/* All of it ends.  0, or -1 when something of it is left. */
int	 frontrig_end(void);

#endif
