/*
 * Folding for SEARCH and SORT.  ASCII goes eight octets at a time; characters below
 * FOLD_TABLE come from a table that is filled once, by whoever comes first.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistring/version.h>

#include "fold.h"
#include "utf8.h"

#define FOLD_VERSION	2u		/* a change here is another one */
#define FOLD_TABLE	0x3400u	/* with the kana */
#define FOLD_OCTETS	11		/* of one character's folded form */
#define FOLD_CHARS	18		/* U+FDFA has the most */

struct folded {
	uint8_t	 n;			/* FOLD_OCTETS + 1: too long for it */
	uint8_t	 exact;			/* the same by RFC 5051 alone */
	uint8_t	 octets[FOLD_OCTETS];
};

static struct folded	 table[FOLD_TABLE];
static pthread_once_t	 table_once = PTHREAD_ONCE_INIT;

static size_t	 fold_one(uint32_t, uint32_t *);
static size_t	 casemap_one(uint32_t, uint32_t *);
static int	 unseen(uint32_t);
static void	 table_fill(void);
static size_t	 fold_ascii(uint8_t *, const uint8_t *, size_t);
static size_t	 fold_hangul(uint32_t, uint32_t *);
static int	 fold_other(struct buf *, uint32_t, int);
static int	 fold_octet(struct buf *, uint8_t);
static int	 fold(struct buf *, struct span, int);
static int	 find(struct fold_find *);

/* One character by RFC 5051, up to FOLD_CHARS characters. */
static size_t
casemap_one(uint32_t cp, uint32_t *to)
{
	ucs4_t	 title = uc_totitle(cp), parts[FOLD_CHARS * 2];
	size_t	 i, len = nitems(parts);

	if (u32_normalize(UNINORM_NFKD, &title, 1, parts, &len) == NULL) {
		parts[0] = title;
		len = 1;
	}
	if (len > FOLD_CHARS)
		len = FOLD_CHARS;
	for (i = 0; i < len; i++)
		to[i] = parts[i];
	return (len);
}

/* What only says where a line or a word may be cut, or which order octets have:
 * it is in texts so that nobody sees it. */
static int
unseen(uint32_t cp)
{
	return (cp == 0xad || cp == 0x200b || cp == 0x2060 || cp == 0xfeff);
}

/* The same without marks and what is not to be seen, and title case once more. */
static size_t
fold_one(uint32_t cp, uint32_t *to)
{
	uint32_t	 parts[FOLD_CHARS];
	size_t		 i, n = 0, len = casemap_one(cp, parts);

	for (i = 0; i < len; i++)
		if (!unseen(parts[i]) && !uc_is_general_category_withtable(
		    parts[i], UC_CATEGORY_MASK_Mn))
			to[n++] = uc_totitle(parts[i]);
	return (n);
}

static void
table_fill(void)
{
	struct buf	 b = { 0 };
	uint32_t	 cp, to[FOLD_CHARS], plain[FOLD_CHARS];
	size_t		 i, n;

	for (cp = 0x80; cp < FOLD_TABLE; cp++) {
		buf_reset(&b);
		n = fold_one(cp, to);
		table[cp].exact = casemap_one(cp, plain) == n &&
		    memcmp(to, plain, n * sizeof(*to)) == 0;
		for (i = 0; i < n; i++)
			utf8_add(&b, to[i]);
		table[cp].n = FOLD_OCTETS + 1;
		if (!buf_failed(&b) && b.n <= FOLD_OCTETS) {
			table[cp].n = (uint8_t)b.n;
			if (b.n > 0)
				memcpy(table[cp].octets, b.p, b.n);
		}
	}
	buf_free(&b);
}

/* Fold the ASCII at the front of s.  Returns how much that was. */
static size_t
fold_ascii(uint8_t *to, const uint8_t *s, size_t n)
{
	const uint64_t	 ones = 0x0101010101010101;
	uint64_t	 w, lower;
	size_t		 i;

	for (i = 0; i + 8 <= n; i += 8) {
		memcpy(&w, s + i, 8);
		if (w & ones << 7)
			break;
		/* the top bit of each octet from 'a' to 'z' */
		lower = (w + ones * (0x80 - 'a')) &
		    ~(w + ones * (0x80 - 'z' - 1)) & ones << 7;
		w ^= lower >> 2;
		memcpy(to + i, &w, 8);
	}
	for (; i < n && s[i] < 0x80; i++)
		to[i] = s[i] >= 'a' && s[i] <= 'z' ? s[i] - 32 : s[i];
	return (i);
}

/* A Hangul syllable is two or three letters, by arithmetic. */
static size_t
fold_hangul(uint32_t cp, uint32_t *to)
{
	cp -= 0xac00;
	to[0] = 0x1100 + cp / 588;
	to[1] = 0x1161 + cp % 588 / 28;
	to[2] = 0x11a7 + cp % 28;
	return (cp % 28 == 0 ? 2 : 3);
}

static int
fold_other(struct buf *b, uint32_t cp, int exact)
{
	uint32_t	 to[FOLD_CHARS];
	size_t		 i, n;

	if (cp < FOLD_TABLE && table[cp].n <= FOLD_OCTETS &&
	    (!exact || table[cp].exact))
		return (buf_add(b, table[cp].octets, table[cp].n));
	if (cp >= 0x3400 && cp < 0xa000)	/* ideographs stay */
		return (utf8_add(b, cp));
	if (cp >= 0xac00 && cp <= 0xd7a3)
		n = fold_hangul(cp, to);
	else
		n = exact ? casemap_one(cp, to) : fold_one(cp, to);
	for (i = 0; i < n; i++)
		utf8_add(b, to[i]);
	return (buf_failed(b) ? -1 : 0);
}

/* An octet that is no UTF-8: as a surrogate, which no text folds to. */
static int
fold_octet(struct buf *b, uint8_t o)
{
	uint8_t	 to[3] = { 0xed, (uint8_t)(0xb0 | o >> 6),
		    (uint8_t)(0x80 | (o & 0x3f)) };

	return (buf_add(b, to, sizeof(to)));
}

int
fold_text(struct buf *b, struct span s)
{
	return (fold(b, s, 0));
}

int
fold_casemap(struct buf *b, struct span s)
{
	return (fold(b, s, 1));
}

static int
fold(struct buf *b, struct span s, int exact)
{
	uint8_t		*to;
	uint32_t	 cp;
	size_t		 n;
	int		 len;

	(void)pthread_once(&table_once, table_fill);
	while (s.n > 0) {
		if ((to = buf_reserve(b, s.n)) == NULL)
			return (-1);
		n = fold_ascii(to, s.p, s.n);
		buf_commit(b, n);
		s.p += n;
		s.n -= n;
		while (s.n > 0 && s.p[0] >= 0x80) {
			len = utf8_decode(s, &cp);
			if ((len > 0 ? fold_other(b, cp, exact) :
			    fold_octet(b, s.p[0])) == -1)
				return (-1);
			len = len > 0 ? len : 1;
			s.p += len;
			s.n -= (size_t)len;
		}
	}
	return (buf_failed(b) ? -1 : 0);
}

uint32_t
fold_version(void)
{
	return (FOLD_VERSION << 16 | (uint32_t)_libunistring_version);
}

int
fold_contains(struct span s, struct span needle)
{
	struct fold_find	 f;
	int			 rc;

	fold_find_start(&f, needle);
	if ((rc = fold_find_feed(&f, s)) == 0)
		rc = fold_find_break(&f);
	fold_find_end(&f);
	return (rc);
}

/* How many octets at the end of s begin a character and do not end it. */
static size_t
cut_short(struct span s)
{
	uint32_t	 cp;
	size_t		 keep;

	for (keep = 1; keep <= 3 && keep <= s.n; keep++)
		if (s.p[s.n - keep] >= 0xc0)
			return (utf8_decode(span_of(s.p + s.n - keep, keep),
			    &cp) == -1 ? keep : 0);
	return (0);
}

int
fold_feed(struct fold_stream *f, struct buf *b, struct span s)
{
	uint32_t	 cp;
	size_t		 keep;

	while (f->ncut > 0 && s.n > 0) {	/* a character cut in two */
		if ((s.p[0] & 0xc0) != 0x80) {
			if (fold_flush(f, b) == -1)
				return (-1);
			break;
		}
		f->cut[f->ncut++] = s.p[0];
		s.p++;
		s.n--;
		if (utf8_decode(span_of(f->cut, f->ncut), &cp) != -1 &&
		    fold_flush(f, b) == -1)
			return (-1);
	}
	if ((keep = cut_short(s)) > 0) {
		memcpy(f->cut, s.p + s.n - keep, keep);
		f->ncut = keep;
		s.n -= keep;
	}
	return (fold_text(b, s));
}

int
fold_flush(struct fold_stream *f, struct buf *b)
{
	size_t	 n = f->ncut;

	f->ncut = 0;
	return (fold_text(b, span_of(f->cut, n)));
}

void
fold_find_start(struct fold_find *f, struct span needle)
{
	memset(f, 0, sizeof(*f));
	f->needle = needle;
	f->found = needle.n == 0;
}

/* Look through what is held, and keep what may be the start of a needle. */
static int
find(struct fold_find *f)
{
	if (f->text.n >= f->needle.n) {
		f->found = memmem(f->text.p, f->text.n, f->needle.p,
		    f->needle.n) != NULL;
		buf_drain(&f->text, f->text.n - (f->needle.n - 1));
	}
	return (f->found);
}

int
fold_find_feed(struct fold_find *f, struct span s)
{
	if (f->found || s.n == 0)
		return (f->found);
	if (fold_feed(&f->stream, &f->text, s) == -1)
		return (-1);
	return (find(f));
}

int
fold_find_break(struct fold_find *f)
{
	if (!f->found) {
		if (fold_flush(&f->stream, &f->text) == -1)
			return (-1);
		(void)find(f);
	}
	buf_reset(&f->text);
	return (f->found);
}

void
fold_find_end(struct fold_find *f)
{
	buf_free(&f->text);
}
