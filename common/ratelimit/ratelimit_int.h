/* Between the files of this component: keys and networks. */
#ifndef RATELIMIT_INT_H
#define RATELIMIT_INT_H

#include "ratelimit.h"
#include "siphash.h"

/* A table's key: whose, and how wide. */
struct slot_key {
	uint8_t	 kind;		/* of struct ratelimit_key */
	uint8_t	 bits;
	uint8_t	 octets[16];
};

/* The network around an address; a name is its own. */
struct slot_key	 slot_key(const struct ratelimit_key *, unsigned bits);
int		 slot_key_eq(const struct slot_key *, const struct slot_key *);

#endif
