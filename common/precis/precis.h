/*
 * Passwords and user names as they are compared: OpaqueString of RFC 8265
 * section 4.2 for passwords, NFC for names.  UTF-8 is taken strictly (RFC
 * 3629).  Does no I/O, keeps no global state, may be used on any thread; what
 * it copied of a password is wiped before it returns.
 */
#ifndef PRECIS_H
#define PRECIS_H

#include "buf.h"

#define PRECIS_PASSWORD_MAX	1024	/* octets, before and after */
#define PRECIS_NAME_MAX		512	/* octets, before and after */

enum precis {
	PRECIS_OK,
	PRECIS_EMPTY,
	PRECIS_LONG,		/* over the maximum, before or after */
	PRECIS_UTF8,		/* not well formed */
	PRECIS_DISALLOWED,	/* a code point the class does not have */
	PRECIS_CONTEXT,		/* one that may not stand where it does */
	PRECIS_NOT_NFC,		/* precis_name_check() alone */
	PRECIS_NOMEM
};

/*
 * Enforce OpaqueString (RFC 8265 section 4.2.2, in the order of RFC 8264
 * section 7): non-ASCII spaces become U+0020, then NFC, then every code point
 * must be valid in FreeformClass; letters keep their case and width.  The
 * result is appended to out in one piece: an out that holds nothing leaves no
 * copy behind when it is wiped.  Whoever owns out wipes it (buf_freezero).
 * On anything but PRECIS_OK nothing is appended.
 */
enum precis	 precis_password(struct buf *out, struct span in);

/*
 * Map a user name to NFC.  Controls are disallowed, nothing else is: what a
 * name may be is for the address parser to say.  As precis_password().
 */
enum precis	 precis_name(struct buf *out, struct span in);

/*
 * Is this name one that precis_name() would return as it is?  For SCRAM, where
 * the name is part of what is signed and cannot be mapped.
 */
enum precis	 precis_name_check(struct span in);

/* In a few words, for a log. */
const char	*precis_text(enum precis);

#endif
