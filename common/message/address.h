/*
 * Address lists in header fields, RFC 5322 section 3.4, with the obsolete
 * forms of 4.4 and, since mail is what it is, whatever else stands between two
 * commas.  One pass, linear in the input; comments nest to any depth without
 * recursion.  RFC 6532: octets above 127 are letters.
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include "buf.h"

enum address_kind {
	ADDRESS_MAILBOX,
	ADDRESS_GROUP,		/* name: the group's; mailboxes follow */
	ADDRESS_GROUP_END
};

/* Spans borrow from the list's own memory, until the next address_next(). */
struct address {
	enum address_kind	 kind;
	struct span		 name;	/* display name without quoting, else
					 * the last comment; may be empty.  Not
					 * decoded, see rfc2047.h */
	struct span		 route;	/* "@a,@b" of an obsolete route */
	struct span		 local;	/* without quoting */
	struct span		 host;	/* empty: there is none */
	int			 broken;/* not what RFC 5322 allows */
};

struct address_list {
	struct span	 left;
	int		 group;		/* between a group and its end */
	struct buf	 name, route, local, host, comment;
};

/* Over the value of a field, which stays borrowed. */
void	 address_begin(struct address_list *, struct span);
/* Returns 1; 0 at the end; -1: no memory.  Empty places are passed over. */
int	 address_next(struct address_list *, struct address *);
/* Free; in any case, also half way. */
void	 address_end(struct address_list *);

/* Append local@host, the local part quoted where it must be. */
int	 address_write_spec(struct buf *, struct span local, struct span host);
/*
 * Append a mailbox for a header field, `"Name" <local@host>`; the name is
 * UTF-8, and encoded by RFC 2047 where it is not ASCII.
 */
int	 address_write(struct buf *, struct span name, struct span local,
	    struct span host);

#endif
