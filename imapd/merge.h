/*
 * Sorting in slices: a stable merge sort of numbers, by whatever the caller
 * compares; n log n, no recursion.
 */
#ifndef MERGE_H
#define MERGE_H

#include <stddef.h>
#include <stdint.h>

typedef int	 merge_order(const void *arg, uint32_t, uint32_t);

struct merge {
	uint32_t	*from, *to;	/* n each */
	size_t		 n, width;	/* runs of width are sorted in from */
	size_t		 lo, mid, hi;	/* the two being merged */
	size_t		 i, j, k;
};

/* Octets that it takes. */
size_t	 merge_size(size_t n);
/* Takes the numbers 0 to n - 1, in this order.  0 or -1. */
int	 merge_begin(struct merge *, size_t n);
/* Some of it; 1: there is more, 0: from is sorted. */
int	 merge_step(struct merge *, merge_order *, const void *arg);
void	 merge_end(struct merge *);

#endif
