/*
 * Pages, past Berkeley DB.  See dbenv_page_int.h.
 */
#include <string.h>
#include <unistd.h>

#include "dbenv_page_int.h"

#define PAGE_NUMBER	8	/* 32 bits: which page this is */
#define PAGE_NEXT	16	/* 32 bits */
#define PAGE_ENTRIES	20	/* 16 bits */
#define PAGE_OFFSET	22	/* 16 bits: of what is used; octets of a piece */
#define PAGE_TYPE	25	/* 8 bits */
#define PAGE_HEADER	26	/* octets; then, where pages have sums: */
#define PAGE_SUM	28	/* 32 bits */
#define PAGE_HEADER_SUM	32
#define PAGE_LEAF	5	/* P_LBTREE */
#define PAGE_OVERFLOW	7	/* P_OVERFLOW */
#define PAGE_TYPE_MAX	13
#define META_MAGIC	12	/* 32 bits */
#define META_FLAGS	26	/* 8 bits */
#define META_SUM	492	/* 32 bits */
#define META_SIZE	512	/* octets that the sum covers */
#define BTREE_MAGIC	0x053162
#define FLAG_CHKSUM	0x01
/* An item: length, type, octets; or where its overflow pages begin. */
#define ITEM_TYPE	2	/* 8 bits */
#define ITEM_DATA	3
#define ITEM_PAGE	4	/* 32 bits */
#define ITEM_SIZE	8	/* 32 bits */
#define ITEM_OCTETS	12	/* of an item with overflow pages */
#define ITEM_PLAIN	1	/* B_KEYDATA */
#define ITEM_OVERFLOW	3	/* B_OVERFLOW */
#define ITEM_DELETED	0x80
#define GUESS		64	/* pages looked at for sums */

static uint32_t
word(const uint8_t *p)
{
	uint32_t	 w;

	memcpy(&w, p, sizeof(w));
	return (w);
}

static unsigned
half(const uint8_t *p)
{
	uint16_t	 h;

	memcpy(&h, p, sizeof(h));
	return (h);
}

/* Berkeley DB's __ham_func4, by which it sums pages: h * 33 + octet. */
static uint32_t
page_sum(const uint8_t *p, size_t n)
{
	uint32_t	 h = 0;

	while (n-- > 0)
		h = h * 33 + *p++;
	return (h);
}

static int
sum_ok(uint8_t *page, size_t at, size_t n)
{
	uint32_t	 have = word(page + at);

	memset(page + at, 0, sizeof(have));
	return (page_sum(page, n) == have);
}

int
dbenv_page_ok(uint8_t page[DBENV_PAGE], uint32_t no, int *sums)
{
	static const uint8_t	 zero[DBENV_PAGE];

	if (no == 0) {
		if (word(page + META_MAGIC) != BTREE_MAGIC)
			return (0);
		*sums = (page[META_FLAGS] & FLAG_CHKSUM) != 0;
		return (!*sums || sum_ok(page, META_SUM, META_SIZE));
	}
	/* made by growing the file, never written */
	if (memcmp(page, zero, sizeof(zero)) == 0)
		return (1);
	if (word(page + PAGE_NUMBER) != no || page[PAGE_TYPE] > PAGE_TYPE_MAX)
		return (0);
	return (!*sums || sum_ok(page, PAGE_SUM, DBENV_PAGE));
}

void
dbenv_page_mend(uint8_t page[DBENV_PAGE], uint32_t no)
{
	size_t		 at = no == 0 ? META_SUM : PAGE_SUM;
	uint32_t	 sum;

	memset(page + at, 0, sizeof(sum));
	sum = page_sum(page, no == 0 ? META_SIZE : DBENV_PAGE);
	memcpy(page + at, &sum, sizeof(sum));
}

int
dbenv_page_sums(int fd, uint8_t page[DBENV_PAGE])
{
	uint32_t	 no;
	int		 sums = 1;

	if (pread(fd, page, DBENV_PAGE, 0) == DBENV_PAGE &&
	    word(page + META_MAGIC) == BTREE_MAGIC)
		return ((page[META_FLAGS] & FLAG_CHKSUM) != 0);
	for (no = 1; no < GUESS; no++)
		if (pread(fd, page, DBENV_PAGE, (off_t)no * DBENV_PAGE) ==
		    DBENV_PAGE && page[PAGE_TYPE] == PAGE_LEAF &&
		    dbenv_page_ok(page, no, &sums))
			return (1);
	return (0);
}

int
dbenv_page_leaf(const uint8_t page[DBENV_PAGE], uint32_t no)
{
	return (page[PAGE_TYPE] == PAGE_LEAF && word(page + PAGE_NUMBER) == no);
}

/* Pieces on pages of their own, one after the other. */
static int
overflow(const uint8_t *item, size_t header, int fd, struct buf *b)
{
	uint8_t		 page[DBENV_PAGE];
	uint32_t	 no = word(item + ITEM_PAGE);
	size_t		 left = word(item + ITEM_SIZE), n;

	if (left > DBENV_VALUE_MAX + 4)
		return (-1);
	while (left > 0) {
		if (no == 0 || pread(fd, page, sizeof(page), (off_t)no *
		    DBENV_PAGE) != sizeof(page) ||
		    page[PAGE_TYPE] != PAGE_OVERFLOW ||
		    word(page + PAGE_NUMBER) != no)
			return (-1);
		n = half(page + PAGE_OFFSET);
		if (n == 0 || n > left || n > DBENV_PAGE - header)
			return (-1);
		(void)buf_add(b, page + header, n);
		left -= n;
		no = word(page + PAGE_NEXT);
	}
	return (0);
}

/* Item i within the page, NULL when it is not. */
static const uint8_t *
item_at(const uint8_t page[DBENV_PAGE], size_t header, unsigned i)
{
	size_t	 at = header + 2 * (size_t)i, off, n;

	if (i >= half(page + PAGE_ENTRIES) || at + 2 > DBENV_PAGE)
		return (NULL);
	off = half(page + at);
	if (off < header || off + ITEM_DATA > DBENV_PAGE)
		return (NULL);
	n = (page[off + ITEM_TYPE] & ~ITEM_DELETED) == ITEM_PLAIN ?
	    ITEM_DATA + half(page + off) : ITEM_OCTETS;
	return (off + n > DBENV_PAGE ? NULL : page + off);
}

int
dbenv_page_record(const uint8_t page[DBENV_PAGE], int sums, int fd,
    unsigned i, struct span *key, struct buf *value)
{
	size_t		 header = sums ? PAGE_HEADER_SUM : PAGE_HEADER;
	const uint8_t	*k, *v;

	if (2 * i + 1 >= half(page + PAGE_ENTRIES) ||
	    header + 4 * (size_t)i + 4 > DBENV_PAGE)
		return (0);
	k = item_at(page, header, 2 * i);
	v = item_at(page, header, 2 * i + 1);
	buf_free(value);
	*key = span_of("", 0);
	if (k == NULL || (k[ITEM_TYPE] & ~ITEM_DELETED) != ITEM_PLAIN)
		value->failed = 1;
	else {
		*key = span_of(k + ITEM_DATA, half(k));
		if ((k[ITEM_TYPE] & ITEM_DELETED) != 0)
			return (-1);
	}
	if (v == NULL) {
		value->failed = 1;
		return (1);
	}
	if ((v[ITEM_TYPE] & ITEM_DELETED) != 0)
		return (-1);
	if (v[ITEM_TYPE] == ITEM_PLAIN)
		(void)buf_add(value, v + ITEM_DATA, half(v));
	else if (v[ITEM_TYPE] != ITEM_OVERFLOW ||
	    overflow(v, header, fd, value) == -1)
		value->failed = 1;
	return (1);
}
