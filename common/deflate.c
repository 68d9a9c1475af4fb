/*
 * DEFLATE with zlib.  See deflate.h.
 *
 * Behind a flush the deflater begins anew as well as it goes on, so at rest
 * nothing of it is kept.  The other end may refer to what it has sent before:
 * that window is kept, in its real length, itself deflated if that is long, where
 * the inflater stands between two blocks; elsewhere all of it stays.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "deflate.h"

#define LEVEL		6
#define OUT_BITS	13	/* a window of 8 KiB, 2 for each octet of it */
#define OUT_MEM		6	/* 32 KiB more */
#define PIECE		8192	/* octets of output at once */
#define WINDOW		32768
#define LONG		4096	/* a window that is worth being deflated */

struct deflate {
	z_stream	 in, out;
	int		 has_in, has_out;
	int		 held;		/* the inflater has more, for want of room */
	struct buf	 window;	/* of the inflater, at rest */
	size_t		 packed;	/* its length before it was deflated */
};

static int	 begin_in(struct deflate *);
static int	 begin_out(struct deflate *);
static void	 pack(struct deflate *);
static int	 set_window(struct deflate *);

struct deflate *
deflate_new(void)
{
	return (calloc(1, sizeof(struct deflate)));
}

void
deflate_free(struct deflate *z)
{
	if (z == NULL)
		return;
	if (z->has_in)
		(void)inflateEnd(&z->in);
	if (z->has_out)
		(void)deflateEnd(&z->out);
	buf_freezero(&z->window);
	free(z);
}

/* The window at rest becomes that of the inflater, which has begun. */
static int
set_window(struct deflate *z)
{
	uint8_t		 room[WINDOW];
	struct span	 w = span_buf(&z->window);
	int		 rc = 0;

	if (z->packed > 0) {
		z->in.next_in = (Bytef *)(uintptr_t)w.p;
		z->in.avail_in = (uInt)w.n;
		z->in.next_out = room;
		z->in.avail_out = sizeof(room);
		if (inflate(&z->in, Z_FINISH) != Z_STREAM_END ||
		    inflateReset(&z->in) != Z_OK)
			rc = -1;
		w = span_of(room, z->packed);
	}
	if (rc == 0 && inflateSetDictionary(&z->in, w.p, (uInt)w.n) != Z_OK)
		rc = -1;
	if (z->packed > 0)
		explicit_bzero(room, sizeof(room));
	return (rc);
}

/* Deflate the window at rest, if that helps and there is memory. */
static void
pack(struct deflate *z)
{
	z_stream	 s;
	struct buf	 b = { 0 };
	uint8_t		*room;
	size_t		 n = z->window.n;

	memset(&s, 0, sizeof(s));
	if (n <= LONG || deflateInit2(&s, Z_BEST_SPEED, Z_DEFLATED,
	    -MAX_WBITS, OUT_MEM, Z_DEFAULT_STRATEGY) != Z_OK)
		return;
	s.next_in = z->window.p;
	s.avail_in = (uInt)n;
	s.avail_out = (uInt)n - 1;
	if ((room = malloc(n)) != NULL) {
		s.next_out = room;
		if (deflate(&s, Z_FINISH) == Z_STREAM_END &&
		    buf_add(&b, room, s.total_out) == 0) {
			z->packed = n;
			buf_freezero(&z->window);
			z->window = b;
		}
		explicit_bzero(room, n);
		free(room);
	}
	(void)deflateEnd(&s);
}

static int
begin_in(struct deflate *z)
{
	if (z->has_in)
		return (0);
	memset(&z->in, 0, sizeof(z->in));
	if (inflateInit2(&z->in, -MAX_WBITS) != Z_OK)
		return (-1);
	z->has_in = 1;
	if (z->window.n > 0 && set_window(z) == -1)
		return (-1);
	buf_freezero(&z->window);
	z->packed = 0;
	return (0);
}

static int
begin_out(struct deflate *z)
{
	if (z->has_out)
		return (0);
	memset(&z->out, 0, sizeof(z->out));
	if (deflateInit2(&z->out, LEVEL, Z_DEFLATED, -OUT_BITS, OUT_MEM,
	    Z_DEFAULT_STRATEGY) != Z_OK)
		return (-1);
	z->has_out = 1;
	return (0);
}

int
deflate_in(struct deflate *z, struct span *in, struct buf *out, size_t max)
{
	uint8_t	*room;
	size_t	 n;
	int	 rc;

	/* Without any it would no longer stand between two blocks. */
	if (in->n == 0 && !z->held)
		return (0);
	if (begin_in(z) == -1)
		return (-1);
	/* What it holds back for want of room needs no input. */
	while ((n = out->n < max ? max - out->n : 0) > 0) {
		if (n > PIECE)
			n = PIECE;
		if ((room = buf_reserve(out, n)) == NULL)
			return (-1);
		z->in.next_in = (Bytef *)(uintptr_t)in->p;
		z->in.avail_in = (uInt)in->n;
		z->in.next_out = room;
		z->in.avail_out = (uInt)n;
		rc = inflate(&z->in, Z_SYNC_FLUSH);
		in->p += in->n - z->in.avail_in;
		in->n = z->in.avail_in;
		buf_commit(out, n - z->in.avail_out);
		z->held = z->in.avail_out == 0;
		if (rc == Z_BUF_ERROR)
			return (0);
		if (rc != Z_OK)		/* also the end of the stream */
			return (-1);
		if (in->n == 0 && z->in.avail_out > 0)
			return (0);
	}
	return (0);
}

int
deflate_out(struct deflate *z, struct span s, struct buf *out)
{
	uint8_t	*room;

	if (begin_out(z) == -1)
		return (-1);
	z->out.next_in = (Bytef *)(uintptr_t)s.p;
	z->out.avail_in = (uInt)s.n;
	do {
		if ((room = buf_reserve(out, PIECE)) == NULL)
			return (-1);
		z->out.next_out = room;
		z->out.avail_out = PIECE;
		if (deflate(&z->out, Z_SYNC_FLUSH) == Z_STREAM_ERROR)
			return (-1);
		buf_commit(out, PIECE - z->out.avail_out);
	} while (z->out.avail_out == 0);
	return (0);
}

void
deflate_rest(struct deflate *z)
{
	uint8_t	 room[WINDOW];
	uInt	 n = 0;

	if (z->has_out) {
		(void)deflateEnd(&z->out);
		z->has_out = 0;
	}
	/* between two blocks, and no bits left over */
	if (!z->has_in || z->held || (z->in.data_type & 0xff) != 128 ||
	    inflateGetDictionary(&z->in, room, &n) != Z_OK)
		return;
	if (buf_add(&z->window, room, n) == 0) {
		(void)inflateEnd(&z->in);
		z->has_in = 0;
		pack(z);
	} else
		buf_freezero(&z->window);
	explicit_bzero(room, n);
}
