/*
 * Accounts that are not here any more.  See left.h.
 */
#include <errno.h>

#include "imapd/left.h"

int
left_get(struct part *p, uint64_t account)
{
	struct span	 val;
	uint8_t		 k[8];

	if (dbenv_get(p->left, key_u64(k, account), &val) == -1)
		return (errno == ENOENT ? LEFT_NOT : -1);
	return (val.n == 1 && val.p[0] == LEFT_MOVING ? LEFT_MOVING :
	    LEFT_GONE);
}

int
left_put(struct part *p, uint64_t account, enum left how)
{
	uint8_t		 k[8], v = (uint8_t)how;

	if (how != LEFT_NOT)
		return (dbenv_put(p->left, key_u64(k, account),
		    span_of(&v, 1)));
	return (dbenv_del(p->left, key_u64(k, account)) == -1 &&
	    errno != ENOENT ? -1 : 0);
}

int
left_moving(struct part *p, uint64_t after, uint64_t *account)
{
	struct span	 key = { NULL, 0 }, val;
	uint8_t		 k[8];

	for (;; after = *account) {
		if (dbenv_next(p->left, key_u64(k, after + 1), &key, &val) ==
		    -1) {
			if (errno != EILSEQ)
				return (errno == ENOENT ? 0 : -1);
			val = span_of("", 0);	/* a damaged one has its key */
		}
		if (span_get_u64(&key, account) == -1) {
			errno = EILSEQ;
			return (-1);
		}
		if (val.n == 1 && val.p[0] == LEFT_MOVING)
			return (1);
	}
}
