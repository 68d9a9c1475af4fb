/*
 * Filters of messages: their bits, and the database.  See filter.h; who makes
 * them stands in filter_make.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fold.h"
#include "imapd/filter.h"
#include "imapd/store.h"
#include "text.h"

#define BREAK		0xff	/* between runs of text; in no folded one */
#define BULK_AFTER	4	/* in a row, then they are read in bulk */
#define BULK_NEAR	64	/* pieces passed over in it */

#define PIECE		(4 * 1024)	/* octets folded at once; that may
					 * make them many more */

/* A record on its way. */
struct filter_build {
	const struct charsets	*charsets;
	struct text_walk	*walk;
	struct fold_stream	 fold;
	struct span		 left;	/* of the walk's run, to be folded */
	struct buf		 text;	/* folded */
	int			 too_long;
};

/* Trigrams of a text that comes in pieces of whole characters. */
struct grams {
	uint64_t	 chars;		/* the last ones, 21 bits each */
	unsigned	 n;		/* how many there are, 3 at most */
};

static int		 next_char(struct span *, uint32_t *);
static int		 gram(struct grams *, struct span *, uint32_t *);
static int		 collect(struct filter_build *);
static int		 finish(const struct filter_build *, struct buf *);
static uint64_t		 to_read(const struct mime *);
static uint32_t		 bit_of(uint32_t, size_t);
static struct span	 piece_key(uint8_t [10], uint64_t, uint32_t);
static int		 get(struct buf *, struct part *, uint64_t);
static int		 bulk(struct filter_read *, struct span);
static struct span	 rest(struct filter_read *, uint64_t);

/* What fold_text() made is well formed, surrogates among it.  0: a break. */
static int
next_char(struct span *s, uint32_t *cp)
{
	const uint8_t	*p = s->p;
	size_t		 n;

	if (p[0] < 0x80) {
		*cp = p[0];
		n = 1;
	} else if (p[0] < 0xe0 && s->n > 1) {
		*cp = (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
		n = 2;
	} else if (p[0] < 0xf0 && s->n > 2) {
		*cp = (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 |
		    (p[2] & 0x3fu);
		n = 3;
	} else if (p[0] != BREAK && s->n > 3) {
		*cp = (p[0] & 7u) << 18 | (p[1] & 0x3fu) << 12 |
		    (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
		n = 4;
	} else
		n = 0;
	s->p += n > 0 ? n : 1;
	s->n -= n > 0 ? n : 1;
	return (n > 0);
}

/* The next one's hash: 1, or 0 at the end. */
static int
gram(struct grams *g, struct span *s, uint32_t *hash)
{
	uint32_t	 cp;

	while (s->n > 0) {
		if (!next_char(s, &cp)) {
			g->n = 0;
			continue;
		}
		g->chars = (g->chars << 21 | cp) & UINT64_C(0x7fffffffffffffff);
		if (g->n < FILTER_CHARS)
			g->n++;
		if (g->n < FILTER_CHARS)
			continue;
		*hash = (uint32_t)(g->chars * UINT64_C(0x9e3779b97f4a7c15) >>
		    32);
		return (1);
	}
	return (0);
}

int
filter_trigrams(struct buf *b, struct span folded)
{
	struct grams	 g = { 0 };
	uint32_t	 hash;

	while (gram(&g, &folded, &hash))
		(void)buf_add(b, &hash, sizeof(hash));
	return (buf_failed(b) ? -1 : 0);
}

int
filter_head_put(struct buf *b, const struct charsets *all)
{
	(void)buf_put_u8(b, FILTER_VERSION);
	(void)buf_put_u8(b, (uint8_t)charsets_count(all));
	return (buf_put_u32(b, fold_version()));
}

/* Octets of the message that a walk over its texts reads. */
static uint64_t
to_read(const struct mime *m)
{
	const struct mime_part	*p;
	uint64_t		 n = 0;
	uint32_t		 i;

	for (i = 0; i < m->nparts; i++) {
		p = &m->parts[i];
		n += p->body - p->header;
		if (p->kind == MIME_LEAF && p->end > p->body &&
		    span_eqs(mime_text(m, p->type), "text"))
			n += p->end - p->body;
	}
	return (n);
}

static uint32_t
bit_of(uint32_t hash, size_t octets)
{
	return ((uint32_t)((uint64_t)hash * (octets * 8) >> 32));
}

struct filter_build *
filter_build_new(const struct mime *m, const struct message_source *src,
    const struct charsets *all)
{
	struct filter_build	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return (NULL);
	f->charsets = all;
	if (to_read(m) > FILTER_READ)
		f->too_long = 1;
	else if ((f->walk = text_walk_new(m, src, all, TEXT_SEARCH_TEXT)) ==
	    NULL) {
		free(f);
		return (NULL);
	}
	return (f);
}

void
filter_build_free(struct filter_build *f)
{
	if (f == NULL)
		return;
	text_walk_free(f->walk);
	buf_free(&f->text);
	free(f);
}

/* The next piece of its texts, folded, with breaks: 1; 0 at the end; -1. */
static int
collect(struct filter_build *f)
{
	struct span	 s;
	int		 rc, begins;

	if (f->left.n == 0) {
		rc = text_walk_next(f->walk, &f->left, &begins);
		if (rc == 0)
			rc = fold_flush(&f->fold, &f->text);
		else if (rc == 1 && begins &&
		    (fold_flush(&f->fold, &f->text) == -1 ||
		    buf_addc(&f->text, BREAK) == -1))
			rc = -1;
		return (rc);
	}
	(void)span_take(&f->left, f->left.n < PIECE ? f->left.n : PIECE, &s);
	return (fold_feed(&f->fold, &f->text, s) == -1 ? -1 : 1);
}

/* The whole text is there. */
static int
finish(const struct filter_build *f, struct buf *b)
{
	struct grams	 g = { 0 };
	struct span	 s = span_buf(&f->text);
	uint8_t		*bits;
	uint32_t	 hash, bit;
	size_t		 n, was = b->n;

	(void)filter_head_put(b, f->charsets);
	n = s.n / 8 < FILTER_MIN ? FILTER_MIN : s.n / 8 > FILTER_MAX ?
	    FILTER_MAX : s.n / 8;
	if ((b->n - was + n) % FILTER_PIECE == 0)	/* see filter.h */
		n++;
	if (!f->too_long && (bits = buf_reserve(b, n)) != NULL) {
		memset(bits, 0, n);
		while (gram(&g, &s, &hash)) {
			bit = bit_of(hash, n);
			bits[bit / 8] |= (uint8_t)(1u << bit % 8);
		}
		buf_commit(b, n);
	}
	return (buf_failed(b) ? -1 : 0);
}

int
filter_build_step(struct filter_build *f, struct buf *b)
{
	int	 rc;

	if (!f->too_long) {
		rc = collect(f);
		f->too_long = f->text.n > FILTER_TEXT;
		if (rc != 0)
			return (rc);
	}
	return (finish(f, b));
}

int
filter_head(struct span *record, const struct charsets *all)
{
	uint32_t	 fold;
	uint8_t		 version, count;

	return (span_get_u8(record, &version) == 0 &&
	    version == FILTER_VERSION &&
	    span_get_u8(record, &count) == 0 &&
	    count == (uint8_t)charsets_count(all) &&
	    span_get_u32(record, &fold) == 0 && fold == fold_version());
}

struct span
filter_bits(struct span record, const struct charsets *all)
{
	if (!filter_head(&record, all) || record.n < FILTER_MIN)
		return (span_of(NULL, 0));
	return (record);
}

int
filter_may_have(struct span bits, const uint32_t *grams, size_t n)
{
	uint32_t	 bit;
	size_t		 i;

	for (i = 0; i < n; i++) {
		bit = bit_of(grams[i], bits.n);
		if ((bits.p[bit / 8] & 1u << bit % 8) == 0)
			return (0);
	}
	return (1);
}

/* ---- the database ------------------------------------------------------------- */

/* The first one's is that of the body alone. */
static struct span
piece_key(uint8_t k[10], uint64_t body, uint32_t n)
{
	(void)key_u64(k, body);
	k[8] = (uint8_t)(n >> 8);
	k[9] = (uint8_t)n;
	return (span_of(k, n == 0 ? 8 : 10));
}

int
filter_put(struct part *p, uint64_t body, struct span record)
{
	struct span	 one;
	uint8_t		 k[10];
	uint32_t	 n = 0;

	do {
		(void)span_take(&record, record.n < FILTER_PIECE ? record.n :
		    FILTER_PIECE, &one);
		if (dbenv_put(p->filter, piece_key(k, body, n++), one) == -1)
			return (-1);
	} while (one.n == FILTER_PIECE && record.n > 0);
	return (0);
}

/* All of its pieces, one after the other: 0, or -1. */
static int
get(struct buf *b, struct part *p, uint64_t body)
{
	struct span	 v;
	uint8_t		 k[10];
	uint32_t	 n = 0;

	buf_reset(b);
	do {
		if (dbenv_get(p->filter, piece_key(k, body, n++), &v) == -1 ||
		    buf_add_span(b, v) == -1)
			return (-1);
	} while (v.n == FILTER_PIECE && b->n <= FILTER_MAX);
	return (0);
}

int
filter_has(struct part *p, uint64_t body)
{
	struct buf	 b = { 0 };
	struct span	 s;
	int		 rc;

	rc = get(&b, p, body) == 0;
	s = span_buf(&b);
	rc = rc && filter_head(&s, p->store->charsets);
	buf_free(&b);
	return (rc);
}

static void
bulk_end(struct filter_read *r)
{
	if (r->reading)
		dbenv_iter_free(&r->it);
	r->reading = 0;
	r->row = 0;
}

void
filter_read_end(struct filter_read *r)
{
	bulk_end(r);
	buf_free(&r->one);
	memset(r, 0, sizeof(*r));
}

/* Go on to that key: 1, or 0: it is not there; -1: it is far away, or nothing is
 * behind. */
static int
bulk(struct filter_read *r, struct span key)
{
	unsigned	 passed = 0;
	int		 c = -1;

	if (!r->reading) {
		dbenv_iter_init(&r->it, r->part->filter, key, span_of("", 0));
		r->reading = 1;
		r->key = span_of("", 0);
	}
	while (r->key.n != key.n || (c = memcmp(r->key.p, key.p, key.n)) < 0)
		if (passed++ == BULK_NEAR ||
		    dbenv_iter_next(&r->it, &r->key, &r->bulk) != 1) {
			bulk_end(r);
			return (-1);
		}
	return (c == 0);
}

/* The pieces that follow the one at hand. */
static struct span
rest(struct filter_read *r, uint64_t body)
{
	struct span	 key;
	uint8_t		 k[10];
	uint32_t	 n = 1;

	buf_reset(&r->one);
	do {
		(void)buf_add_span(&r->one, r->bulk);
		key = piece_key(k, body, n++);
		if (dbenv_iter_next(&r->it, &r->key, &r->bulk) != 1) {
			bulk_end(r);
			return (span_of("", 0));
		}
		if (!span_eq(r->key, key))
			return (span_of("", 0));
	} while (r->bulk.n == FILTER_PIECE && r->one.n <= FILTER_MAX);
	(void)buf_add_span(&r->one, r->bulk);
	return (buf_failed(&r->one) ? span_of("", 0) : span_buf(&r->one));
}

struct span
filter_get(struct filter_read *r, struct part *p, uint64_t body)
{
	struct span	 v = { (const uint8_t *)"", 0 };
	uint8_t		 k[8];
	int		 at = -1;

	if (r->part != p || body <= r->last)
		bulk_end(r);
	else
		r->row++;
	r->part = p;
	r->last = body;
	if (r->row >= BULK_AFTER)
		at = bulk(r, key_u64(k, body));
	if (at == 1)
		v = r->bulk.n < FILTER_PIECE ? r->bulk : rest(r, body);
	else if (at == -1 && get(&r->one, p, body) == 0)
		v = span_buf(&r->one);	/* others read there meanwhile */
	if (v.n == 0)
		filter_missed(p, body);
	return (filter_bits(v, p->store->charsets));
}

/* Pieces are numbered without a gap, the first may be missing. */
int
filter_drop(struct part *p, uint64_t body)
{
	uint8_t		 k[10];
	uint32_t	 n;

	for (n = 0; n <= FILTER_MAX / FILTER_PIECE + 1; n++)
		if (dbenv_del(p->filter, piece_key(k, body, n)) == -1) {
			if (errno != ENOENT)
				return (-1);
			if (n > 0)
				break;
		}
	return (0);
}

int
filter_sweep(struct part *p, uint64_t *at, unsigned n)
{
	struct body_info	 info;
	struct span		 key, val;
	uint64_t		 body;
	uint8_t			 k[8];

	for (; n > 0; n--) {
		if (dbenv_next(p->filter, key_u64(k, *at), &key, &val) == -1)
			return (errno == ENOENT ? 0 : -1);
		if (span_get_u64(&key, &body) == -1 || body == UINT64_MAX)
			return (0);
		*at = body + 1;
		if (body != 0 && body_stat(p->bodies, body, &info) == -1 &&
		    filter_drop(p, body) == -1)
			return (-1);
	}
	return (1);
}
