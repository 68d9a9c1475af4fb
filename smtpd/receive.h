/*
 * The octets of a message as a client sends them, RFC 5321 section 4.1.1.4 and
 * RFC 3030: a step function, no I/O, no memory of its own.
 *
 * After DATA only CR LF . CR LF ends the message; the CR LF of the line before
 * the first octet counts as the first pair.  Nothing else ends it, whatever a
 * bare CR, a bare LF or a NUL may mean to others: such a message is "dirty", is
 * read to its real end and is then for the caller to refuse.
 */
#ifndef RECEIVE_H
#define RECEIVE_H

#include "buf.h"

struct receive {
	uint64_t	 size;		/* octets of the message so far */
	uint8_t		 state;
	uint8_t		 dirty;		/* bare CR, bare LF or NUL */
	uint8_t		 high;		/* octets above 127 */
};

/* All zeroes is ready, too. */
void	 receive_begin(struct receive *);
/*
 * Take octets from the front of in, append those of the message to out.
 * Returns 1 at the end of the message (what follows it stays in the span), 0
 * when all was taken, -1 without memory.
 */
int	 receive_data(struct receive *, struct span *in, struct buf *out);
/* Octets of a BDAT chunk: all are the message's.  0 or -1. */
int	 receive_chunk(struct receive *, struct span, struct buf *out);
/* No more chunks. */
void	 receive_chunks_end(struct receive *);

#endif
