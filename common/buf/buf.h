/*
 * Octets: struct span borrows and reads, struct buf owns and grows.  These two
 * are the only string handling in protocol code.
 *
 * A span is a cursor over octets that somebody else owns; the getters take from
 * its front.  A buf is a growing run of octets with a sticky error: once an
 * append failed (no memory, or over max) every later append fails too, so a
 * builder may append without looking and ask buf_failed() once at the end.
 * Integers are put and taken in network byte order.
 */
#ifndef BUF_H
#define BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifndef nitems
#define nitems(a)	(sizeof((a)) / sizeof((a)[0]))
#endif

struct span {
	const uint8_t	*p;
	size_t		 n;		/* octets left */
};

struct buf {
	uint8_t		*p;		/* may be NULL while empty */
	size_t		 n;		/* octets held */
	size_t		 cap;		/* octets allocated */
	size_t		 max;		/* never more than this; 0: no bound */
	int		 failed;	/* errno of the first failed append */
};

/* A span over n octets, over a C string, over what a buf holds. */
struct span	 span_of(const void *, size_t);
struct span	 span_str(const char *);
struct span	 span_buf(const struct buf *);

int		 span_eq(struct span, struct span);
int		 span_eqs(struct span, const char *);
/* Equal but for the case of ASCII letters. */
int		 span_caseeq(struct span, struct span);
int		 span_caseeqs(struct span, const char *);
/* Does the span begin with the string, ASCII case not counting? */
int		 span_caseprefix(struct span, const char *);
/* Offset of the first octet c, or -1. */
ptrdiff_t	 span_find(struct span, int c);
/* Without spaces and tabs at both ends. */
struct span	 span_trim(struct span);
/*
 * Take everything up to the first octet c into *head and step over c.  Returns
 * 1; 0 when there is no c (then *head is all that was left and s is empty).
 */
int		 span_split(struct span *s, int c, struct span *head);
/* Take n octets.  Returns 0, or -1 when fewer are left (nothing is taken). */
int		 span_take(struct span *s, size_t n, struct span *out);
/*
 * A copy as a C string, the caller frees; NULL when there is no memory
 * (ENOMEM) or the span holds a NUL (EINVAL).
 */
char		*span_dup(struct span);
/*
 * Decimal digits only, the whole span, no sign, at most max.
 * Returns 0, or -1 (EINVAL, ERANGE).
 */
int		 span_num(struct span, uint64_t max, uint64_t *out);

/*
 * Binary getters, each 0 or -1 when the span is too short (nothing is taken).
 * A "str" is a 32-bit length followed by so many octets; the result borrows.
 */
int		 span_get_u8(struct span *, uint8_t *);
int		 span_get_u16(struct span *, uint16_t *);
int		 span_get_u32(struct span *, uint32_t *);
int		 span_get_u64(struct span *, uint64_t *);
int		 span_get_raw(struct span *, void *, size_t);
int		 span_get_str(struct span *, struct span *);
/* As span_get_str, into a new C string; a NUL inside is an error. */
int		 span_get_cstr(struct span *, char **);

/* Ready for use; all zeroes is ready too, without a bound. */
void		 buf_init(struct buf *, size_t max);
/* Free and zero; the buf may be used again.  max is kept. */
void		 buf_free(struct buf *);
/* As buf_free, wiping what it held. */
void		 buf_freezero(struct buf *);
/* Hold nothing, keep the memory, forget the error. */
void		 buf_reset(struct buf *);
int		 buf_failed(const struct buf *);
/* Drop n octets (at most all) from the front. */
void		 buf_drain(struct buf *, size_t n);
/* Drop everything after the first n octets. */
void		 buf_truncate(struct buf *, size_t n);
/*
 * Room for n more octets behind what is held; write there, then buf_commit.
 * NULL on failure.
 */
uint8_t		*buf_reserve(struct buf *, size_t n);
void		 buf_commit(struct buf *, size_t n);

/* Appends: 0, or -1 with errno ENOMEM or EMSGSIZE, sticky. */
int		 buf_add(struct buf *, const void *, size_t);
int		 buf_add_span(struct buf *, struct span);
int		 buf_adds(struct buf *, const char *);
int		 buf_addc(struct buf *, int);
int		 buf_addf(struct buf *, const char *, ...)
		    __attribute__((__format__(printf, 2, 3)));
int		 buf_addv(struct buf *, const char *, va_list)
		    __attribute__((__format__(printf, 2, 0)));
/* Between double quotes, with \ before each of those and before \. */
int		 buf_add_quoted(struct buf *, struct span);
/* Text from outside for a log or a listing: controls, 8-bit, \ as \xNN. */
int		 buf_add_escaped(struct buf *, struct span);
/* Lower-case hexadecimal. */
int		 buf_add_hex(struct buf *, struct span);
int		 buf_put_u8(struct buf *, uint8_t);
int		 buf_put_u16(struct buf *, uint16_t);
int		 buf_put_u32(struct buf *, uint32_t);
int		 buf_put_u64(struct buf *, uint64_t);
int		 buf_put_str(struct buf *, struct span);
/* A C string as a str; NULL as an empty one. */
int		 buf_put_cstr(struct buf *, const char *);
/* End with a NUL that is not counted, and return it as a C string. */
const char	*buf_cstr(struct buf *);

/* Base64, RFC 4648 section 4: with padding, nothing else, on one line. */
int		 buf_add_base64(struct buf *, struct span);
/* Decode strictly: canonical padding, no white space.  -1 EINVAL. */
int		 buf_add_unbase64(struct buf *, struct span);

/* CRC-32C (Castagnoli), RFC 3720 appendix B.4; start with crc 0. */
uint32_t	 crc32c(uint32_t crc, const void *, size_t);

#endif
