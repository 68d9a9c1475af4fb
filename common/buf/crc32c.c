/*
 * CRC-32C, RFC 3720 appendix B.4: by the processor's own instruction where the
 * compiler's target has it at run time, else by a table.
 */
#include <string.h>

#include "buf.h"

#define POLY	0x82f63b78u	/* reflected */

static uint32_t		 table[8][256];
static uint32_t		 by_table(uint32_t, const uint8_t *, size_t);

static void __attribute__((__constructor__))
crc32c_init(void)
{
	uint32_t	 c;
	int		 i, k;

	for (i = 0; i < 256; i++) {
		for (c = (uint32_t)i, k = 0; k < 8; k++)
			c = (c & 1) != 0 ? c >> 1 ^ POLY : c >> 1;
		table[0][i] = c;
	}
	for (i = 0; i < 256; i++)
		for (c = table[0][i], k = 1; k < 8; k++)
			table[k][i] = c = table[0][c & 255] ^ c >> 8;
}

static uint32_t
by_table(uint32_t c, const uint8_t *p, size_t n)
{
	for (; n >= 8; p += 8, n -= 8) {
		c ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 |
		    (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
		c = table[7][c & 255] ^ table[6][c >> 8 & 255] ^
		    table[5][c >> 16 & 255] ^ table[4][c >> 24] ^
		    table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^
		    table[0][p[7]];
	}
	for (; n > 0; p++, n--)
		c = table[0][(c ^ *p) & 255] ^ c >> 8;
	return (c);
}

#if defined(__x86_64__)
static uint32_t __attribute__((__target__("sse4.2")))
by_instruction(uint32_t c, const uint8_t *p, size_t n)
{
	uint64_t	 v, w = c;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&v, p, 8);
		w = __builtin_ia32_crc32di(w, v);
	}
	for (c = (uint32_t)w; n > 0; p++, n--)
		c = __builtin_ia32_crc32qi(c, *p);
	return (c);
}
#endif

uint32_t
crc32c(uint32_t crc, const void *p, size_t n)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return (~by_instruction(~crc, p, n));
#endif
	return (~by_table(~crc, p, n));
}
