/*
 * Answers to letterctl: pages of rows, each a JSON object.  A role fills a
 * page until a row does not fit, sends it with a cursor that says where to go
 * on, and is asked again.
 */
#ifndef PAGE_H
#define PAGE_H

#include <json-c/json.h>

#include "msg.h"

#define PAGE_ROWS	100
#define PAGE_OCTETS	10000	/* of rows, but for the first */

struct page {				/* all zeroes is an empty one */
	struct buf	 octets;
	struct {
		size_t	 off, n;
	}		 row[PAGE_ROWS];
	size_t		 n;
};

/*
 * A row.  Takes the object over.  0, or -1: the page is full, send it and let
 * the next one begin with this row.
 */
int	 page_row(struct page *, struct json_object *);
/*
 * The single answer to request id.  An empty cursor: that was all.  The page
 * may be NULL and is empty afterwards.  The peer may be NULL.
 */
void	 page_answer(struct peer *, uint32_t id, struct page *,
	    struct span text, struct span cursor);
/* The answer is an error. */
void	 page_error(struct peer *, uint32_t id, const char *, ...)
	    __attribute__((__format__(printf, 3, 4)));
void	 page_verror(struct peer *, uint32_t id, const char *, va_list)
	    __attribute__((__format__(printf, 3, 0)));
void	 page_free(struct page *);

/* Members of a row; what is not UTF-8 in a text is replaced. */
void	 row_str(struct json_object *, const char *name, struct span);
void	 row_num(struct json_object *, const char *name, uint64_t);
void	 row_bool(struct json_object *, const char *name, int);

#endif
