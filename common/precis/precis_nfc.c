/*
 * NFC of a run of code points (Unicode Standard Annex 15).  libunistring has
 * the tables; its u8_normalize() is not used because it leaves what it was
 * given in memory that it frees, and these are passwords.
 */
#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <uninorm.h>

#include "precis_int.h"

static int		 points_put(struct points *, uint32_t);
static int		 decompose(struct points *, uint32_t, int);
static void		 reorder(struct points *);
static void		 compose(struct points *);

void
points_free(struct points *s)
{
	if (s->p != NULL)
		explicit_bzero(s->p, s->cap * sizeof(*s->p));
	free(s->p);
	memset(s, 0, sizeof(*s));
}

static int
points_put(struct points *s, uint32_t c)
{
	if (s->n == s->cap)
		return (-1);
	s->p[s->n++] = c;
	return (0);
}

/* Canonical decomposition, whole; the tables nest a few levels at most. */
static int
decompose(struct points *s, uint32_t c, int depth)
{
	ucs4_t	 parts[UC_DECOMPOSITION_MAX_LENGTH];
	int	 i, n, rc = 0;

	n = depth > 8 ? -1 : uc_canonical_decomposition(c, parts);
	if (n <= 0)
		return (points_put(s, c));
	for (i = 0; i < n && rc == 0; i++)
		rc = parts[i] == c ? points_put(s, c) :
		    decompose(s, parts[i], depth + 1);
	explicit_bzero(parts, sizeof(parts));
	return (rc);
}

/*
 * Canonical ordering: marks behind one starter by their class.  By insertion:
 * a run has at most POINTS_MAX of them.
 */
static void
reorder(struct points *s)
{
	size_t	 i, j;
	uint32_t c;
	int	 ccc;

	for (i = 1; i < s->n; i++) {
		c = s->p[i];
		if ((ccc = uc_combining_class(c)) == 0)
			continue;
		for (j = i; j > 0 && uc_combining_class(s->p[j - 1]) > ccc;
		    j--)
			s->p[j] = s->p[j - 1];
		s->p[j] = c;
	}
}

/* Canonical composition: a mark joins its starter unless one of its class or
 * a higher one, or a starter, stands between. */
static void
compose(struct points *s)
{
	size_t	 i, out, starter = 0;
	ucs4_t	 joined;
	int	 ccc, last = -1, have = 0;

	for (i = out = 0; i < s->n; i++) {
		ccc = uc_combining_class(s->p[i]);
		if (have && last < ccc &&
		    (joined = uc_composition(s->p[starter], s->p[i])) != 0) {
			s->p[starter] = joined;
			continue;
		}
		if (ccc == 0) {
			have = 1;
			starter = out;
			last = -1;
		} else
			last = ccc;
		s->p[out++] = s->p[i];
	}
	s->n = out;
}

enum precis
points_nfc(struct points *s)
{
	struct points	 d;
	size_t		 i;

	for (i = 0; i < s->n && s->p[i] < 0x300; i++)
		;
	if (i == s->n)			/* nothing below combines */
		return (PRECIS_OK);
	memset(&d, 0, sizeof(d));
	d.cap = s->n * 4;		/* UAX 15: at most so many */
	if ((d.p = calloc(d.cap, sizeof(*d.p))) == NULL)
		return (PRECIS_NOMEM);
	for (i = 0; i < s->n; i++)
		if (decompose(&d, s->p[i], 0) == -1) {
			points_free(&d);
			return (PRECIS_LONG);
		}
	reorder(&d);
	compose(&d);
	points_free(s);
	*s = d;
	return (PRECIS_OK);
}
