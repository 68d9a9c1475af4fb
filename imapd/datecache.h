/*
 * Sent dates of a mailbox's messages by UID, once somebody has sorted by them:
 * neither changes as long as a message lives.  16 octets for each.
 */
#ifndef DATECACHE_H
#define DATECACHE_H

#include <stddef.h>
#include <stdint.h>

struct datecache {
	struct dateslot	*slots;
	size_t		 size, n;	/* size is a power of two, or 0 */
};

/* 1, or 0: not known. */
int	 datecache_find(const struct datecache *, uint32_t uid, int64_t *date);
/*
 * Remember one, of a mailbox that has so many messages; when many more are known
 * all are forgotten first.  That there is no memory is no failure.
 */
void	 datecache_add(struct datecache *, uint32_t uid, int64_t date,
	    size_t messages);
void	 datecache_free(struct datecache *);

#endif
