/*
 * Content-Transfer-Encoding, RFC 2045 section 6: decoders and encoders that
 * take their input in slices of any size.  Decoding is lenient: what is no
 * base64 is passed over, what is no quoted-printable stays as it stands.
 */
#ifndef TRANSFER_H
#define TRANSFER_H

#include "buf.h"
#include "mime.h"

#define TRANSFER_LINE	76	/* octets of an encoded line */
#define TRANSFER_BLANKS	1000	/* spaces at the end of a line that are held */

/* No memory of its own; copying it copies the state. */
struct transfer {
	enum mime_encoding	 encoding;
	uint32_t		 bits;		/* base64: collected */
	unsigned		 nbits;
	unsigned		 col;		/* encoders: octets on the line */
	unsigned		 nhold;
	uint8_t			 hold[4];	/* octets not understood yet */
	unsigned		 blanks;	/* of these .. */
	uint8_t			 blank[TRANSFER_BLANKS];
	int			 broken;	/* input was malformed */
};

/*
 * Decode.  7bit, 8bit, binary and unknown: the octets as they are.  Appends to
 * the buf; 0, or -1 as buf_add().
 */
void	 transfer_start(struct transfer *, enum mime_encoding);
int	 transfer_feed(struct transfer *, struct buf *, struct span);
int	 transfer_end(struct transfer *, struct buf *);

/*
 * Encode.  Quoted-printable takes text with CRLF line ends, which stay; all
 * else is encoded, so any octets survive.  Output lines end with CRLF; no line
 * is longer than TRANSFER_LINE, none is a lone dot.
 */
int	 transfer_encode(struct transfer *, struct buf *, struct span);
int	 transfer_encode_end(struct transfer *, struct buf *);

#endif
