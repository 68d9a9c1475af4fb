/*
 * SipHash-2-4 (Aumasson, Bernstein): a hash under a key that nobody else has, so
 * that whoever chooses what goes into a table cannot aim at one chain of it.
 * Fast for short inputs; no MAC of what leaves the process.
 */
#ifndef SIPHASH_H
#define SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t	 k0, k1;
};

/* A fresh key: 0, or -1 with errno. */
int		 siphash_init(struct siphash_key *);
/* 64 bits, for a place in a table whose keys are compared. */
uint64_t	 siphash(const struct siphash_key *, const void *, size_t);
/* 128 bits: so many that equal ones stand for equal inputs. */
void		 siphash_long(const struct siphash_key *, const void *, size_t,
		    uint64_t hash[2]);

#endif
