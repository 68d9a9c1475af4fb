/*
 * What is computed once about a message, when it comes, and kept ready to send
 * beside its body: ENVELOPE, BODY, BODYSTRUCTURE, the header fields that
 * clients ask for, where its parts are.  Stored in pieces of READY_PIECE octets
 * (a larger value would take whole pages), shared by all copies of the body.
 */
#ifndef READY_H
#define READY_H

#include "imapd/part.h"

#define READY_PIECE	900
#define READY_VERSION	1

struct ready_build;

/* Octets of the message in order; by any thread, one at a time. */
struct ready_build	*ready_begin(void);
int			 ready_feed(struct ready_build *, struct span);
/* All octets were fed. */
int			 ready_end(struct ready_build *);
void			 ready_free(struct ready_build *);
/* Write it, in the open command. */
int			 ready_put(struct part *, uint64_t body,
			    const struct ready_build *);

/* One reference to the body less; with the last one the pieces go too. */
int			 ready_unref(struct part *, uint64_t body);

#endif
