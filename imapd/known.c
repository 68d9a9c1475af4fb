/*
 * Header fields seen by SEARCH.  See known.h.
 *
 * Searches go from the lowest UID up, and so do the entries of a field: one is
 * only ever added at the end, and the one that is asked for is mostly that
 * behind the one before.
 */
#include <stdlib.h>
#include <string.h>

#include "imapd/known.h"

struct entry {
	uint32_t	 uid;
	uint32_t	 end;		/* of its text, in texts */
};

struct field {
	uint8_t		 name[KNOWN_NAME];
	size_t		 len;		/* of it; 0: free */
	struct entry	*v;
	size_t		 n, cap;
	size_t		 at;		/* entry asked for last */
	struct buf	 texts;
};

struct known {
	struct field	 fields[KNOWN_FIELDS];
	unsigned	 next;		/* the one to be given up */
};

static size_t	 octets;		/* of all, as they are allocated */

struct known *
known_new(void)
{
	return (calloc(1, sizeof(struct known)));
}

static size_t
size_of(const struct field *f)
{
	return (f->cap * sizeof(*f->v) + f->texts.cap);
}

static void
forget(struct field *f)
{
	octets -= size_of(f);
	free(f->v);
	buf_freezero(&f->texts);
	memset(f, 0, sizeof(*f));
}

void
known_free(struct known *k)
{
	size_t	 i;

	if (k == NULL)
		return;
	for (i = 0; i < KNOWN_FIELDS; i++)
		forget(&k->fields[i]);
	free(k);
}

static struct field *
field_of(struct known *k, struct span name)
{
	struct field	*f;

	for (f = k->fields; f < k->fields + KNOWN_FIELDS; f++)
		if (f->len > 0 && span_caseeq(span_of(f->name, f->len), name))
			return (f);
	return (NULL);
}

static struct field *
field_new(struct known *k, struct span name)
{
	struct field	*f = &k->fields[k->next];

	if (name.n == 0 || name.n > KNOWN_NAME)
		return (NULL);
	k->next = (k->next + 1) % KNOWN_FIELDS;
	forget(f);
	memcpy(f->name, name.p, name.n);
	f->len = name.n;
	return (f);
}

int
known_get(struct known *k, struct span name, uint32_t uid, struct span *text)
{
	struct field	*f;
	size_t		 lo = 0, hi, mid, begin;

	if (k == NULL || (f = field_of(k, name)) == NULL || f->n == 0 ||
	    uid > f->v[f->n - 1].uid)
		return (0);
	if (f->at + 1 < f->n && f->v[f->at + 1].uid == uid)
		lo = f->at + 1;
	else
		for (hi = f->n; lo < hi;) {
			mid = lo + (hi - lo) / 2;
			if (f->v[mid].uid < uid)
				lo = mid + 1;
			else
				hi = mid;
		}
	if (f->v[lo].uid != uid)
		return (0);
	f->at = lo;
	begin = lo == 0 ? 0 : f->v[lo - 1].end;
	*text = span_of(f->texts.p + begin, f->v[lo].end - begin);
	return (1);
}

/* Room for one more. */
static int
grow(struct field *f)
{
	struct entry	*v;
	size_t		 cap = f->cap == 0 ? 64 : f->cap * 2;

	if (f->n < f->cap)
		return (0);
	if ((v = reallocarray(f->v, cap, sizeof(*v))) == NULL)
		return (-1);
	f->v = v;
	f->cap = cap;
	return (0);
}

void
known_put(struct known *k, struct span name, uint32_t uid, struct span text)
{
	struct field	*f;
	size_t		 was;

	if (k == NULL || text.n > KNOWN_TEXT || octets > KNOWN_ALL)
		return;
	if ((f = field_of(k, name)) == NULL && (f = field_new(k, name)) == NULL)
		return;
	if (f->texts.n + text.n > KNOWN_MAX ||
	    f->n * sizeof(*f->v) > KNOWN_MAX ||
	    (f->n > 0 && uid <= f->v[f->n - 1].uid))
		return;
	was = size_of(f);
	if (grow(f) == 0 && buf_add_span(&f->texts, text) == 0) {
		f->v[f->n].uid = uid;
		f->v[f->n++].end = (uint32_t)f->texts.n;
	}
	octets += size_of(f) - was;
	if (buf_failed(&f->texts))
		forget(f);
}
