/*
 * Addresses in the one form in which they are stored and looked up: the domain
 * as lower-case A-labels, the local part without quoting, in NFC, without what
 * follows a separator, and in lower case unless its domain says otherwise.
 */
#ifndef AUTH_ADDRESS_H
#define AUTH_ADDRESS_H

#include "buf.h"
#include "conf.h"

#define CANON_LOCAL	256	/* octets of a local part */
#define CANON_MAX	(CANON_LOCAL + 1 + 253)

struct canon {
	char				 text[CANON_MAX + 1];	/* local@domain */
	size_t				 n;
	size_t				 nlocal;
	const struct conf_domain	*domain;	/* NULL: not ours */
	unsigned			 postmaster : 1, /* in any case */
					 bare : 1,	/* without a domain */
					 host : 1,	/* domain: our host's name */
					 cut : 1;	/* had a separator */
};

enum { CANON_CATCHALL = 1 };	/* "@domain" may stand for all of a domain */

/* The domains that are ours from now on; conf is borrowed.  0, -1 ENOMEM. */
int		 canon_conf(const struct conf *);
/* 0, or -1 when it is no address. */
int		 canon_address(struct span, int flags, struct canon *);
struct span	 canon_span(const struct canon *);
struct span	 canon_local(const struct canon *);
struct span	 canon_host(const struct canon *);
/* Append it as it stands in a header or a path: quoted where it must be. */
int		 canon_write(struct buf *, const struct canon *);
/* UTF-8 text in NFC, and in lower case if asked.  0, or -1 (EILSEQ, ENOMEM). */
int		 canon_text(struct span, int lower, struct buf *);

#endif
