/*
 * ENVELOPE, BODY and BODYSTRUCTURE as they go over the wire, RFC 3501 section
 * 7.4.2 and RFC 9051 section 7.5.2.  What comes from the message is a quoted
 * string where that can be, else a literal, with CR, LF and NUL taken out:
 * nothing in a message can end a line of the protocol.
 */
#ifndef IMAP_FORM_H
#define IMAP_FORM_H

#include "buf.h"
#include "mime.h"

#define IMAP_FORM_QUOTED	1000	/* octets; longer ones are literals */
/* Flags. */
#define IMAP_FORM_EXTENDED	0x1u	/* BODYSTRUCTURE rather than BODY */
#define IMAP_FORM_UTF8		0x2u	/* UTF-8 may stand in quotes */
#define IMAP_FORM_REV2		0x4u	/* RFC 9051: message/global is one */

/* All append to the buf and return as buf_add(). */

/* The parenthesised ENVELOPE of a header. */
int	 message_envelope(struct buf *, struct span header, unsigned flags);
/*
 * The parenthesised structure.  The tree must have its kept headers, so it is
 * one from message_parse() or mime_end().
 */
int	 message_bodystructure(struct buf *, const struct mime *,
	    unsigned flags);
/* One string, or NIL when p is NULL. */
int	 message_nstring(struct buf *, struct span, unsigned flags);
/* The parenthesised list of one address field, or NIL. */
int	 message_addresses(struct buf *, struct span value, unsigned flags);

#endif
