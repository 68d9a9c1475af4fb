/*
 * Two names of one file system change places at once: 0, or -1 with errno ENOSYS
 * or EINVAL where nothing can do that.
 */
#ifndef EXCHANGE_H
#define EXCHANGE_H

int	 exchange(const char *, const char *);

#endif
