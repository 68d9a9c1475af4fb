/*
 * Typed octets: one table describes a struct, and encoder and decoder both
 * read that table, so that they cannot differ.  Messages between processes,
 * the configuration as roles get it, and database records are made with it.
 *
 * Decoded spans borrow from the octets that were decoded; C strings and lists are
 * allocated and freed by codec_free().  Integers are in network byte order.
 */
#ifndef CODEC_H
#define CODEC_H

#include <stddef.h>
#include "buf.h"

enum field_type {
	FT_U8, FT_U16, FT_U32, FT_U64,	/* uint8_t ... uint64_t */
	FT_RAW,				/* uint8_t x[size] */
	FT_STR,				/* struct span, 32-bit length before it */
	FT_CSTR,			/* char *, allocated by codec_get(), never NULL */
	FT_LIST				/* struct list of sub-structs */
};

struct codec;

struct list {
	void		*v;		/* array of the sub-codec's struct */
	size_t		 n;
};

struct field {
	enum field_type		 type;
	size_t			 off;
	size_t			 size;	/* FT_RAW: octets; else max for STR/LIST */
	const struct codec	*sub;	/* FT_LIST */
};

struct codec {
	const struct field	*f;
	size_t			 n;
	size_t			 size;	/* sizeof the struct */
};

#define F_U8(s, m)		{ FT_U8, offsetof(struct s, m), 1, NULL }
#define F_U16(s, m)		{ FT_U16, offsetof(struct s, m), 2, NULL }
#define F_U32(s, m)		{ FT_U32, offsetof(struct s, m), 4, NULL }
#define F_U64(s, m)		{ FT_U64, offsetof(struct s, m), 8, NULL }
#define F_RAW(s, m)		{ FT_RAW, offsetof(struct s, m), \
				    sizeof(((struct s *)0)->m), NULL }
#define F_STR(s, m, max)	{ FT_STR, offsetof(struct s, m), (max), NULL }
#define F_CSTR(s, m, max)	{ FT_CSTR, offsetof(struct s, m), (max), NULL }
#define F_LIST(s, m, max, c)	{ FT_LIST, offsetof(struct s, m), (max), (c) }
#define CODEC(s, fields)	{ (fields), nitems(fields), sizeof(struct s) }

/* Append the struct.  0, or -1 (no memory, a length over its maximum). */
int	 codec_put(struct buf *, const struct codec *, const void *);
/*
 * Read one struct from the front of the span.  0, or -1 with nothing to free:
 * short, a length over its maximum, no memory.  Octets left behind it stay in
 * the span: the caller decides (peer_dispatch() calls that malformed).
 */
int	 codec_get(struct span *, const struct codec *, void *);
/* Free the lists and C strings inside; the struct is zeroed. */
void	 codec_free(const struct codec *, void *);

#endif
