/*
 * renameat2(2) is Linux's alone.  See exchange.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "compat/exchange.h"

int
exchange(const char *a, const char *b)
{
#ifdef RENAME_EXCHANGE
	return (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE));
#else
	(void)a;
	(void)b;
	errno = ENOSYS;
	return (-1);
#endif
}
