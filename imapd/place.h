/*
 * A mailbox name as a session says it: of its own account, or below "Other
 * Users/NAME/" of another in its partition.  What the session may not see is not
 * there, whoever asks.
 */
#ifndef PLACE_H
#define PLACE_H

#include "imapd/session.h"
#include "imapd/sharing.h"

struct place {
	struct account	*account;	/* whose; NULL: nobody's */
	struct span	 name;		/* there */
	struct mailbox	*mb;		/* NULL: none that is seen */
	uint32_t	 rights;	/* on it */
	int		 other;		/* not the session's own account */
};

/*
 * Look a name up.  The account of another stays in memory until the command
 * ends.  0, or -1 with ENOENT and mb NULL when there is none.
 */
int		 place_find(struct session *, struct span name,
		    struct place *);
/* The same, and -1 with EACCES when one of these rights is missing. */
int		 place_need(struct session *, struct span name,
		    uint32_t rights, struct place *);
/* Of a mailbox that was looked up in an earlier slice: 0, or -1 with ENOENT or
 * EACCES; what the session has now. */
int		 place_still(const struct session *, const struct mailbox *,
		    uint32_t rights, uint32_t *has);
/* Something below a name is seen. */
int		 place_has_children(struct session *, struct span name);
/* The same of a name of an account that is in memory ("": of all). */
int		 place_below(const struct session *, const struct account *owner,
		    struct span inner);
/* The account whose mailboxes are below a name, if one of them may be read. */
struct account	*place_account(struct session *, struct span name);
/* May a mailbox of that name be made there: k on what is nearest above.  0, or
 * -1 with errno. */
int		 place_may_create(struct session *, const struct place *);
/*
 * The first name of another's that is seen, behind one of these names ("": the
 * first): 1, 0 at the end, -1 with errno.
 */
int		 place_next_other(struct session *, struct span after,
		    struct buf *name);
/* What the session may do with a mailbox; with the one it has selected. */
uint32_t	 place_rights(const struct session *, const struct mailbox *);
uint32_t	 place_selected(const struct session *);
/* Append the name by which the session knows it: a mailbox, or what an account
 * calls so ("": what is above all of it). */
void		 place_join(const struct session *, const struct account *owner,
		    struct span inner, struct buf *);
void		 place_name(const struct session *, const struct mailbox *,
		    struct buf *);
/* The same as an argument of an answer. */
void		 place_write(const struct session *, const struct mailbox *,
		    struct buf *);
/* Give back what the command has looked up. */
void		 place_drop(struct session *);
/* Flags that the session may change, and whether keywords. */
uint32_t	 place_flags(uint32_t rights);

#endif
