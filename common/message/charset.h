/*
 * Character sets to UTF-8.  UTF-8, US-ASCII, ISO 8859-1 and Windows-1252 need
 * nothing; the others come from iconv, whose modules cannot be loaded in a
 * chroot, so all that shall be known later is opened at once before it.
 * Single-octet sets are turned into tables then.  What a struct charsets holds
 * is used by one thread at a time; texts may be converted by turns.
 *
 * Output is always well-formed UTF-8: what cannot be converted is U+FFFD.
 */
#ifndef CHARSET_H
#define CHARSET_H

#include "buf.h"

#define CHARSET_LINE	4096	/* octets of a line held back at most */
#define CHARSET_NAME	40	/* octets of a name that counts */

struct charsets;
struct charset;

/* Before the cage.  Sets that this system lacks are left out.  NULL: ENOMEM. */
struct charsets		*charsets_open(void);
void			 charsets_free(struct charsets *);
/* How many there are, those that need nothing counted. */
size_t			 charsets_count(const struct charsets *);
/*
 * By name, aliases too, case not counting.  NULL: unknown.  charsets may be
 * NULL: the ones that need nothing are known.
 */
const struct charset	*charset_find(const struct charsets *, struct span);
/* Its own name. */
const char		*charset_name(const struct charset *);

/* What 128 to 159 are in Windows-1252; U+FFFD: nothing. */
uint32_t		 charset_c1(uint8_t);
/* Is it UTF-8, US-ASCII, or not known (NULL)? */
int			 charset_is_utf8(const struct charset *);

/* A text on its way.  charset NULL: taken for UTF-8, as it stands. */
struct charset_stream {
	const struct charset	*charset;
	struct buf		 held;		/* not yet converted */
	int			 begun;
};
void	 charset_start(struct charset_stream *, const struct charset *);
/* Append what can be told so far; 0, or -1 as buf_add(). */
int	 charset_feed(struct charset_stream *, struct buf *, struct span);
/* Append the rest, free. */
int	 charset_end(struct charset_stream *, struct buf *);
/* A whole text. */
int	 charset_convert(struct buf *, const struct charset *, struct span);

#endif
