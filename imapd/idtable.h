/*
 * A table from texts to numbers that keeps no text: each is known by 128 bits of
 * SipHash-2-4 under a key that nobody else has, so that neither chance nor intent
 * makes two of them one.
 */
#ifndef IDTABLE_H
#define IDTABLE_H

#include <stdint.h>

#include "buf.h"
#include "siphash.h"

struct idslot {
	uint64_t	 hash[2];
	uint32_t	 value;
	uint32_t	 used;
};

struct idtable {
	struct siphash_key key;
	struct idslot	*slots;
	size_t		 size, n;	/* size is a power of two */
};

/* 0, or -1 with errno. */
int		 idtable_init(struct idtable *, size_t expected);
/*
 * The number of a text: 1; 0: it was not in it and is now, with the number 0.
 * *value is good until the next call.  -1 with errno.
 */
int		 idtable_get(struct idtable *, struct span, uint32_t **value);
/* The same, but nothing is added: 1, or 0. */
int		 idtable_find(const struct idtable *, struct span,
		    uint32_t *value);
void		 idtable_free(struct idtable *);

#endif
