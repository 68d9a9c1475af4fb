/*
 * Paths and parameters of MAIL and RCPT, RFC 5321 section 4.1.2, with the
 * extensions of RFC 6531 (UTF-8), RFC 3461 (xtext) and RFC 4954.  Strict: what
 * the grammar does not have is refused, never repaired, because whoever reads
 * the address next may repair it otherwise.
 */
#ifndef PATH_H
#define PATH_H

#include "buf.h"

#define PATH_LOCAL_MAX	255	/* octets of a local part; RFC 5321 has 64,
				 * forwarders write longer ones */
#define PATH_DOMAIN_MAX	255
#define PATH_LABEL_MAX	63
#define PATH_ORCPT_MAX	500	/* RFC 3461 section 4.2 */
#define PATH_ENVID_MAX	100	/* RFC 3461 section 4.4 */

#define PATH_NULL	0x01u	/* "<>" is fine */
#define PATH_POSTMASTER	0x02u	/* "<postmaster>" is fine */

struct path {
	int	 utf8;		/* octets above 127 in it, well formed */
	int	 null;		/* "<>" */
};

/*
 * Take "<...>", after at most one space, from the front of the span; what
 * follows is empty or begins with a space.  Appends the address without <> and
 * source route, the local part quoted only where it must be, no dot at the end
 * of the domain.  Returns 0, or -1: malformed, nothing is appended.
 */
int	 path_parse(struct span *, unsigned flags, struct buf *out,
	    struct path *);
/*
 * Take the next parameter.  value->p is NULL when there is no "=".  Returns 1;
 * 0 at the end; -1: malformed.
 */
int	 path_param(struct span *, struct span *key, struct span *value);
/* A domain or an address literal, as in EHLO: no octet above 127 unless utf8
 * is not NULL (set to 1 when there are some). */
int	 path_domain(struct span, int *utf8);
int	 path_literal(struct span);
/* Digits, and with dots also those: an address without its brackets.  Not
 * empty. */
int	 path_digits(struct span, int dots);
/* xtext, RFC 3461 section 4, of printable characters; not empty. */
int	 path_xtext(struct span);
/* "type;xtext"; with utf8 also what RFC 6533 section 3 has. */
int	 path_orcpt(struct span, int utf8);

#endif
