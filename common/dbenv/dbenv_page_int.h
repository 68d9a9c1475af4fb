/*
 * A page of a B-tree as Berkeley DB 5.3 writes it, in the order of this machine:
 * for looking for damage, and for reading records past it.
 */
#ifndef DBENV_PAGE_INT_H
#define DBENV_PAGE_INT_H

#include "dbenv.h"

/* Is page number "no" whole?  Page 0 says if pages have sums: *sums is set then,
 * and used for others.  The page's own sum is zero afterwards. */
int	 dbenv_page_ok(uint8_t page[DBENV_PAGE], uint32_t no, int *sums);
/* Give it the sum that its octets have. */
void	 dbenv_page_mend(uint8_t page[DBENV_PAGE], uint32_t no);
/* Does page 0 of the file say that pages have sums?  One that cannot be read: by
 * what its other pages have. */
int	 dbenv_page_sums(int fd, uint8_t page[DBENV_PAGE]);
/* Is it a leaf with records? */
int	 dbenv_page_leaf(const uint8_t page[DBENV_PAGE], uint32_t no);
/*
 * Record i of a leaf of the file: 1 and its key (in the page) and value; -1 one
 * that was removed; 0 there are no more.  A value that cannot be read makes the
 * buf fail (buf_failed()).
 */
int	 dbenv_page_record(const uint8_t page[DBENV_PAGE], int sums, int fd,
	    unsigned i, struct span *key, struct buf *value);

#endif
