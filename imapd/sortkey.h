/*
 * What messages are sorted by, RFC 5256 section 3 and RFC 5957: a number or a
 * text for each key of each message, made so that comparing needs nothing else.
 * Knows no session and no database.
 */
#ifndef SORTKEY_H
#define SORTKEY_H

#include "charset.h"
#include "imapd/parse/sort.h"

#define SORTKEY_TEXT	1000	/* octets of a text that count */

struct sort_value {
	uint64_t	 head;		/* the number; the text's beginning */
	uint32_t	 n, at;		/* octets of the text; where those
					 * behind head are, in texts */
};

struct sort_table {
	const struct sort_key	*keys;
	size_t			 nkeys;
	const struct charsets	*charsets;
	struct sort_value	*values;	/* nkeys for each message */
	size_t			 n, cap;	/* messages */
	struct buf		 texts, tmp, tmp2;
};

/* What is known of a message. */
struct sort_message {
	int64_t		 date;		/* INTERNALDATE */
	int64_t		 sent;		/* sort_sent(), for SORT_DATE */
	uint32_t	 size;
	struct span	 header;	/* or those fields of it that matter */
};

/* Do these keys need the header? */
int	 sort_needs_header(const struct sort_key *, size_t n);
/* Do they need nothing of it but the Date? */
int	 sort_needs_date(const struct sort_key *, size_t n);
/* The sent date of a message whose header is there. */
int64_t	 sort_sent(const struct sort_message *);
/* The next message: 0, or -1 with errno. */
int	 sort_add(struct sort_table *, const struct sort_message *);
/* Which of two messages comes first; by their numbers where nothing else says
 * so.  As merge_order. */
int	 sort_order(const void *table, uint32_t, uint32_t);
/* Octets that it takes. */
size_t	 sort_table_size(const struct sort_table *);
void	 sort_table_free(struct sort_table *);

/* Sent date, RFC 5256 section 2.2; of a Date field (p NULL: none). */
int64_t	 sort_date(struct span date, int64_t internal);
/* Append the base subject as it is compared; *reply as subject_base(). */
int	 sort_subject(struct buf *, struct span subject,
	    const struct charsets *, struct buf *tmp, int *reply);

#endif
