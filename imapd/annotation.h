/*
 * Annotations, RFC 5464: named values of an account or of one of its mailboxes.
 * They are read when asked for and live in the database alone.  Case of a name
 * does not count; they are kept in lower case.
 */
#ifndef ANNOTATION_H
#define ANNOTATION_H

#include "account.h"
#include "imapd/parse/cursor.h"

#define ANNOTATION_NAME		CUR_ENTRY_MAX	/* octets of a name */
#define ANNOTATION_VALUE	32768	/* octets of a value */
#define ANNOTATIONS		1000	/* of an account with its mailboxes */
#define ANNOTATIONS_OCTETS	(1u << 20)	/* of their names and values */

/* Of the account itself, what the service keeps below this is not the user's to
 * set, and does not count as his. */
#define ANNOTATION_OURS		"/private/vendor/letterlock/"
int	 annotation_is_ours(uint64_t mailbox, struct span name);

/* A position among those of one mailbox. */
struct annotation {
	uint8_t		 key[16 + ANNOTATION_NAME];
	size_t		 n;
	struct span	 name, value;	/* good until the next call */
};

/* mailbox 0 is the account itself.  0; -1 with ENOENT or a database's error. */
int	 annotation_get(struct account *, uint64_t mailbox, struct span name,
	    struct span *value);
/*
 * The one behind the position that begins with prefix, from *at zeroed: 1, 0
 * there is none, -1 with errno.
 */
int	 annotation_next(struct account *, uint64_t mailbox, struct span prefix,
	    struct annotation *at);
/* What an account has of them, for annotation_set(); zeroed at first. */
struct annotation_sum {
	int		 known;
	size_t		 n, octets;
};

/*
 * In an open command: set it, or remove it when value is NULL.  -1 with errno;
 * EMLINK: they would be too many or too large.  They are counted once for all
 * that one command sets.
 */
int	 annotation_set(struct account *, uint64_t mailbox, struct span name,
	    const struct span *value, struct annotation_sum *);
/* In an open command: those of one mailbox for another, too, as many as there is
 * room for. */
int	 annotation_copy(struct account *, uint64_t from, uint64_t to);
/* In an open command: all of a mailbox, or with NULL of all the account. */
int	 annotation_remove_all(struct account *, const uint64_t *mailbox);

#endif
