/*
 * SipHash-2-4: the first vectors of its authors, whose key is 00 to 0f and whose
 * inputs are 00, 01, 02 and so on.
 */
#include <string.h>

#include "siphash.h"
#include "test.h"

static const struct {
	size_t		 n;		/* octets of input */
	uint64_t	 hash;
	uint64_t	 hashes[2];	/* of 128 bits */
} cases[] = {
	{ 0,	0x726fdb47dd0e0e31,
	    { 0xe6a825ba047f81a3, 0x930255c71472f66d } },
	{ 1,	0x74f839c593dc67fd,
	    { 0x44af996bd8c187da, 0x45fc229b11597634 } },
	{ 8,	0x93f5f5799a932462, { 0, 0 } },
	{ 15,	0xa129ca6149be45e5, { 0, 0 } },
};

int
main(void)
{
	const struct siphash_key	 k = { 0x0706050403020100,
					    0x0f0e0d0c0b0a0908 };
	struct siphash_key		 a, b;
	uint64_t			 hash[2];
	uint8_t				 in[16];
	size_t				 i;

	for (i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	for (i = 0; i < nitems(cases); i++) {
		CHECK(siphash(&k, in, cases[i].n) == cases[i].hash,
		    "%zu octets", cases[i].n);
		if (cases[i].hashes[0] == 0)
			continue;
		siphash_long(&k, in, cases[i].n, hash);
		CHECK(hash[0] == cases[i].hashes[0] &&
		    hash[1] == cases[i].hashes[1], "%zu octets: %016llx "
		    "%016llx", cases[i].n, (unsigned long long)hash[0],
		    (unsigned long long)hash[1]);
	}
	CHECK(siphash_init(&a) == 0 && siphash_init(&b) == 0 &&
	    siphash(&a, in, 8) != siphash(&b, in, 8), "keys differ");
	return (test_done());
}
