/*
 * DEFLATE of both directions of a connection, RFC 1951, as IMAP's COMPRESS (RFC
 * 4978) has it: no zlib header, every piece of output flushed to an octet's
 * boundary.  The windows go while nothing is under way.
 */
#ifndef DEFLATE_H
#define DEFLATE_H

#include "buf.h"

struct deflate;

/* NULL without memory. */
struct deflate	*deflate_new(void);
void		 deflate_free(struct deflate *);
/*
 * Octets from the front of in, inflated, to out, which holds max octets at most
 * afterwards.  0; -1: that is no DEFLATE, or its end.
 */
int		 deflate_in(struct deflate *, struct span *in, struct buf *out,
		    size_t max);
/* All of s, deflated and flushed, to out.  -1: no memory, no way on. */
int		 deflate_out(struct deflate *, struct span s, struct buf *out);
/* Nothing has come or gone for a while: keep as little as can be. */
void		 deflate_rest(struct deflate *);

#endif
