/*
 * What vanished.  See vanished.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/parse/write.h"
#include "imapd/store.h"
#include "imapd/vanished.h"

#define RUNS		80		/* in one record: under 900 octets */
#define DROP		4		/* old ones that one command drops */
#define LINE_RANGES	1000		/* in one line */

static int	 put_runs(struct mailbox *, uint64_t, const struct buf *,
		    unsigned);
static int	 count(struct mailbox *);
static int	 take_back(struct mailbox *, uint64_t, struct buf *);
static uint32_t	 joined(struct buf *, uint32_t);
static int	 trim(struct mailbox *, uint64_t *);
static int	 add_range(struct seqset *, uint32_t, uint32_t);
static int	 read_runs(struct span, const struct seqset *, struct seqset *);
static int	 recorded(const struct mailbox *, uint64_t,
		    const struct seqset *, struct seqset *);
static int	 missing(const struct seen *, const struct range *,
		    struct seqset *);

/* Key: mailbox, modseq, number of the piece. */
static int
put_runs(struct mailbox *mb, uint64_t modseq, const struct buf *runs,
    unsigned piece)
{
	struct buf	 k = { 0 };
	int		 rc = -1;

	(void)buf_put_u64(&k, mb->id);
	(void)buf_put_u64(&k, modseq);
	(void)buf_put_u16(&k, (uint16_t)piece);
	if (!buf_failed(&k) && !buf_failed(runs))
		rc = dbenv_put(mb->account->part->vanished, span_buf(&k),
		    span_buf(runs));
	buf_free(&k);
	mb->nvanished++;
	return (rc);
}

/* How many there are, once. */
static int
count(struct mailbox *mb)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	uint8_t			 k[8];
	int			 rc;

	if (mb->vanished_counted)
		return (0);
	mb->nvanished = 0;
	(void)key_u64(k, mb->id);
	dbenv_iter_init(&it, mb->account->part->vanished, span_of(k, 8),
	    span_of(k, 8));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1 ||
	    (rc == -1 && errno == EILSEQ))
		mb->nvanished++;
	dbenv_iter_free(&it);
	mb->vanished_counted = rc == 0;
	return (rc);
}

/* The oldest go, when they are too old or too many; a damaged one as well. */
static int
trim(struct mailbox *mb, uint64_t *floor)
{
	struct dbenv_db	*db = mb->account->part->vanished;
	struct span	 key, val, k;
	uint64_t	 at = 0, modseq;
	uint8_t		 prefix[8];
	int		 n;

	(void)key_u64(prefix, mb->id);
	for (n = 0; n < DROP; n++) {
		if (dbenv_next(db, span_of(prefix, 8), &key, &val) == -1)
			return (errno == ENOENT || errno == EILSEQ ? 0 : -1);
		if (key.n < 16 || memcmp(key.p, prefix, 8) != 0)
			return (0);
		if (mb->nvanished <= VANISHED_RECORDS &&
		    span_get_u64(&val, &at) == 0 &&
		    at + VANISHED_S > store_time())
			return (0);
		k = span_of(key.p + 8, 8);
		if (span_get_u64(&k, &modseq) == 0 && modseq > *floor)
			*floor = modseq;
		if (dbenv_del(db, key) == -1)
			return (-1);
		mb->nvanished--;
	}
	return (0);
}

/*
 * The last piece with that modseq is gone, and its runs (with the time in front)
 * are in *runs, if more have room there.  Whoever knew of them already is told
 * once more.
 */
static int
take_back(struct mailbox *mb, uint64_t modseq, struct buf *runs)
{
	struct dbenv_db	*db = mb->account->part->vanished;
	struct span	 key, val;
	uint8_t		 k[18];
	int		 rc;

	(void)key_u64_2(k, mb->id, modseq);
	k[16] = k[17] = 0xff;			/* above any piece */
	if (dbenv_prev(db, span_of(k, sizeof(k)), &key, &val) == -1)
		return (errno == ENOENT || errno == EILSEQ ? 0 : -1);
	if (key.n != sizeof(k) || memcmp(key.p, k, 16) != 0 || val.n < 16 ||
	    val.n % 8 != 0 || val.n / 8 - 1 >= RUNS)
		return (0);
	memcpy(k, key.p, sizeof(k));
	if (buf_add_span(runs, val) == -1)
		return (-1);
	rc = dbenv_del(db, span_of(k, sizeof(k)));
	mb->nvanished -= mb->nvanished > 0;
	return (rc);
}

/* The last run of these ends right before uid: it is taken out. */
static uint32_t
joined(struct buf *runs, uint32_t uid)
{
	struct span	 s;
	uint32_t	 lo, hi;

	if (runs->n < 16)
		return (uid);
	s = span_of(runs->p + runs->n - 8, 8);
	if (span_get_u32(&s, &lo) == -1 || span_get_u32(&s, &hi) == -1 ||
	    hi == UINT32_MAX || hi + 1 != uid)
		return (uid);
	runs->n -= 8;
	return (lo);
}

/* RFC 7162 section 3.2: as runs lo, hi.  Time stands in front. */
int
vanished_put(struct mailbox *mb, uint64_t before, uint64_t modseq,
    const uint32_t *uids, size_t n, uint64_t *floor)
{
	struct buf	 runs = { 0 };
	unsigned	 piece = 0;
	size_t		 i, j;
	int		 rc = count(mb);

	if (rc == 0 && before != 0 && n > 0)
		rc = take_back(mb, before, &runs);
	for (i = 0; i < n && rc == 0; i = j) {
		for (j = i + 1; j < n && uids[j] == uids[j - 1] + 1; j++)
			continue;
		if (runs.n == 0)
			(void)buf_put_u64(&runs, store_time());
		(void)buf_put_u32(&runs, joined(&runs, uids[i]));
		(void)buf_put_u32(&runs, uids[j - 1]);
		if (runs.n == 8 + 8 * RUNS || j == n) {
			rc = put_runs(mb, modseq, &runs, piece++);
			buf_reset(&runs);
		}
	}
	buf_free(&runs);
	return (rc == 0 ? trim(mb, floor) : -1);
}

void
vanished_undone(struct mailbox *mb)
{
	mb->vanished_counted = 0;
}

/* 0, 1 there are too many, -1. */
static int
add_range(struct seqset *s, uint32_t lo, uint32_t hi)
{
	struct range	*nv;

	if (s->n > 0 && lo > 1 && s->r[s->n - 1].hi == lo - 1) {
		s->r[s->n - 1].hi = hi;
		return (0);
	}
	if ((s->n & (s->n - 1)) == 0) {		/* powers of two */
		nv = reallocarray(s->r, s->n == 0 ? 1 : s->n * 2, sizeof(*nv));
		if (nv == NULL) {
			errno = ENOMEM;
			return (-1);
		}
		s->r = nv;
	}
	s->r[s->n].lo = lo;
	s->r[s->n++].hi = hi;
	return (s->n > VANISHED_RANGES);
}

/* One record's runs, as far as they are asked for. */
static int
read_runs(struct span val, const struct seqset *asked, struct seqset *out)
{
	uint64_t	 at;
	uint32_t	 lo, hi, a, b;
	size_t		 i;
	int		 rc = 0;

	if (span_get_u64(&val, &at) == -1)
		return (1);
	while (rc == 0 && val.n > 0) {
		if (span_get_u32(&val, &lo) == -1 ||
		    span_get_u32(&val, &hi) == -1 || lo == 0 || lo > hi)
			return (1);
		i = seqset_lower(asked, lo);
		for (; rc == 0 && i < asked->n && asked->r[i].lo <= hi; i++) {
			a = asked->r[i].lo > lo ? asked->r[i].lo : lo;
			b = asked->r[i].hi < hi ? asked->r[i].hi : hi;
			rc = add_range(out, a, b);
		}
	}
	return (rc);
}

/* 0, 1 it is not known, or too much, -1 with errno. */
static int
recorded(const struct mailbox *mb, uint64_t since, const struct seqset *asked,
    struct seqset *out)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	uint8_t			 k[16], kp[8];
	int			 rc;

	if (since < mb->st.floor)
		return (1);
	dbenv_iter_init(&it, mb->account->part->vanished, key_u64_2(k, mb->id,
	    since + 1), key_u64(kp, mb->id));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1)
		if ((rc = read_runs(val, asked, out)) != 0)
			break;
	dbenv_iter_free(&it);
	if (rc == -1 && errno == EILSEQ)
		rc = 1;
	return (rc);
}

/* What is between those that the session counts. */
static int
missing(const struct seen *n, const struct range *r, struct seqset *out)
{
	const struct view	*v = n->view;
	uint32_t		 at = r->lo, next, gone;
	uint32_t		 end = r->hi < n->maxuid ? r->hi : n->maxuid;
	size_t			 i = view_lower(v, at), g = 0;

	while (g < n->ngone && n->gone[g].uid < at)
		g++;
	while (at <= end) {
		next = i < v->n ? v->recs[i].uid : UINT32_MAX;
		gone = g < n->ngone ? n->gone[g].uid : UINT32_MAX;
		if (gone < next) {
			next = gone;
			g++;
		} else
			i++;
		if (next > at && add_range(out, at, next > end ? end :
		    next - 1) == -1)
			return (-1);
		if (next >= end)
			break;
		at = next + 1;
	}
	return (0);
}

int
vanished_since(const struct seen *n, uint64_t since,
    const struct seqset *asked, uint32_t from, struct seqset *out)
{
	struct seqset	 found = { 0 };
	struct range	 r;
	size_t		 i;
	int		 rc;

	memset(out, 0, sizeof(*out));
	rc = recorded(n->view->mb, since, asked, &found);
	if (rc == 0) {
		seqset_resolve(&found, 0);
		asked = &found;
		from = 0;
	}
	for (i = 0; i < asked->n && rc != -1; i++) {
		r = asked->r[i];
		if (r.hi <= from)
			continue;
		if (r.lo <= from)
			r.lo = from + 1;
		if (missing(n, &r, out) == -1)
			rc = -1;
	}
	seqset_free(&found);
	if (rc == -1)
		seqset_free(out);
	return (rc == -1 ? -1 : 0);
}

void
vanished_write(struct buf *b, const struct seqset *set, int earlier)
{
	struct seqset	 some = { 0 };
	size_t		 i;

	for (i = 0; i < set->n; i += some.n) {
		some.r = set->r + i;
		some.n = set->n - i < LINE_RANGES ? set->n - i : LINE_RANGES;
		(void)buf_adds(b, earlier ? "* VANISHED (EARLIER) " :
		    "* VANISHED ");
		seqset_write(b, &some);
		(void)buf_adds(b, "\r\n");
	}
}
