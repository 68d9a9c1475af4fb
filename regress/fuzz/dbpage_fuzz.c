/*
 * Pages of a database as they may be after damage: nothing is read outside of
 * them, and reading comes to an end.
 */
#include <sys/mman.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dbenv_page_int.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t		 page[DBENV_PAGE];
	struct buf	 value = { 0 };
	struct span	 key;
	uint32_t	 no;
	unsigned	 i;
	int		 fd, sums = 1;

	if ((fd = memfd_create("pages", MFD_CLOEXEC)) == -1)
		return (0);
	if (write(fd, data, n) != (ssize_t)n)
		abort();
	sums = dbenv_page_sums(fd, page);
	for (no = 0; pread(fd, page, sizeof(page), (off_t)no * DBENV_PAGE) ==
	    sizeof(page); no++) {
		if (no > 0 && dbenv_page_leaf(page, no))
			for (i = 0; dbenv_page_record(page, sums, fd, i, &key,
			    &value) != 0; i++)
				if (key.n > DBENV_PAGE || value.n >
				    DBENV_VALUE_MAX + 4)
					abort();
		dbenv_page_mend(page, no);
		(void)dbenv_page_ok(page, no, &sums);
	}
	buf_free(&value);
	close(fd);
	return (0);
}
