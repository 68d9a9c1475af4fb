/*
 * What messages are sorted by.  See sortkey.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "date.h"
#include "fold.h"
#include "header.h"
#include "imapd/sortkey.h"
#include "rfc2047.h"
#include "subject.h"

#define HEAD	sizeof(((struct sort_value *)NULL)->head)

static int	 text(struct sort_table *, struct sort_value *, struct span);
static int	 address(struct sort_table *, struct sort_value *, struct span,
		    int display);
static int	 subject(struct sort_table *, struct sort_value *,
		    struct span);
static uint64_t	 number(int64_t);

/* The field of a key; HDR_OTHER: none. */
static const enum header_id	 field[SORT_KEYS] = {
	[SORT_ARRIVAL] = HDR_OTHER, [SORT_CC] = HDR_CC, [SORT_DATE] = HDR_DATE,
	[SORT_DISPLAYFROM] = HDR_FROM, [SORT_DISPLAYTO] = HDR_TO,
	[SORT_FROM] = HDR_FROM, [SORT_SIZE] = HDR_OTHER,
	[SORT_SUBJECT] = HDR_SUBJECT, [SORT_TO] = HDR_TO,
};

int
sort_needs_header(const struct sort_key *k, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (field[k[i].by] != HDR_OTHER)
			return (1);
	return (0);
}

int
sort_needs_date(const struct sort_key *k, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (field[k[i].by] != HDR_OTHER && k[i].by != SORT_DATE)
			return (0);
	return (1);
}

/* In the order of the numbers, without a sign. */
static uint64_t
number(int64_t v)
{
	return ((uint64_t)v ^ (uint64_t)1 << 63);
}

/* A text that is folded already. */
static int
text(struct sort_table *t, struct sort_value *v, struct span s)
{
	size_t	 i;

	if (s.n > SORTKEY_TEXT)
		s.n = SORTKEY_TEXT;
	if (t->texts.n + s.n > UINT32_MAX) {
		errno = ENOMEM;
		return (-1);
	}
	for (i = 0; i < HEAD; i++)
		v->head = v->head << 8 | (i < s.n ? s.p[i] : 0);
	v->at = (uint32_t)t->texts.n;
	v->n = (uint32_t)s.n;
	return (s.n <= HEAD ? 0 : buf_add(&t->texts, s.p + HEAD, s.n - HEAD));
}

/*
 * Of the first address: its local part or, of a group, its name, as in ENVELOPE;
 * or what is shown of it, RFC 5957 section 3.
 */
static int
address(struct sort_table *t, struct sort_value *v, struct span value,
    int display)
{
	struct address_list	 l;
	struct address		 a;
	int			 rc;

	buf_reset(&t->tmp);
	buf_reset(&t->tmp2);
	address_begin(&l, value);
	if ((rc = address_next(&l, &a)) == 1) {
		if (display && a.name.n > 0)
			rc = rfc2047_decode(&t->tmp, a.name, t->charsets);
		else if (a.kind == ADDRESS_GROUP)
			rc = buf_add_span(&t->tmp, a.name);
		else {
			rc = buf_add_span(&t->tmp, a.local);
			if (rc == 0 && display && a.host.n > 0) {
				(void)buf_addc(&t->tmp, '@');
				rc = buf_add_span(&t->tmp, a.host);
			}
		}
	}
	address_end(&l);
	if (rc == -1 || fold_casemap(&t->tmp2, span_buf(&t->tmp)) == -1)
		return (-1);
	return (text(t, v, span_buf(&t->tmp2)));
}

int
sort_subject(struct buf *b, struct span value, const struct charsets *cs,
    struct buf *tmp, int *reply)
{
	size_t	 decoded;
	int	 is = 0;

	buf_reset(tmp);
	if (rfc2047_decode(tmp, value, cs) == -1)
		return (-1);
	decoded = tmp->n;
	/* The base goes behind what it is made from, which may move. */
	if (buf_reserve(tmp, decoded + 1) == NULL ||
	    subject_base(tmp, span_of(tmp->p, decoded), &is) == -1)
		return (-1);
	if (reply != NULL)
		*reply = is;
	return (fold_casemap(b, span_of(tmp->p + decoded, tmp->n - decoded)));
}

static int
subject(struct sort_table *t, struct sort_value *v, struct span value)
{
	buf_reset(&t->tmp2);
	if (sort_subject(&t->tmp2, value, t->charsets, &t->tmp, NULL) == -1)
		return (-1);
	return (text(t, v, span_buf(&t->tmp2)));
}

int64_t
sort_date(struct span value, int64_t internal)
{
	struct date	 d;

	return (value.p != NULL && date_sent(value, &d) == 0 ? d.time :
	    internal);
}

/* The first field of that name; p NULL: there is none. */
static struct span
find(const struct sort_message *m, enum header_id id)
{
	struct header_field	 f;

	if (header_find(m->header, header_id_name(id), 0, &f) == 1)
		return (f.value);
	return (span_of(NULL, 0));
}

int64_t
sort_sent(const struct sort_message *m)
{
	return (sort_date(find(m, HDR_DATE), m->date));
}

static int
value(struct sort_table *t, struct sort_value *v, const struct sort_message *m,
    enum sort_by by)
{
	struct span	 s = span_of(NULL, 0);

	if (field[by] != HDR_OTHER && by != SORT_DATE)
		s = find(m, field[by]);
	memset(v, 0, sizeof(*v));
	switch (by) {
	case SORT_ARRIVAL:
		v->head = number(m->date);
		return (0);
	case SORT_DATE:
		v->head = number(m->sent);
		return (0);
	case SORT_SIZE:
		v->head = m->size;
		return (0);
	case SORT_CC:
	case SORT_FROM:
	case SORT_TO:
		return (address(t, v, s, 0));
	case SORT_DISPLAYFROM:
	case SORT_DISPLAYTO:
		return (address(t, v, s, 1));
	case SORT_SUBJECT:
		return (subject(t, v, s));
	case SORT_KEYS:
		break;
	}
	return (0);
}

int
sort_add(struct sort_table *t, const struct sort_message *m)
{
	struct sort_value	*more;
	size_t			 i, cap;

	if (t->n == t->cap) {
		cap = t->cap == 0 ? 64 : t->cap * 2;
		more = reallocarray(t->values, cap, t->nkeys * sizeof(*more));
		if (more == NULL)
			return (-1);
		t->values = more;
		t->cap = cap;
	}
	for (i = 0; i < t->nkeys; i++)
		if (value(t, &t->values[t->n * t->nkeys + i], m,
		    t->keys[i].by) == -1) {
			errno = ENOMEM;
			return (-1);
		}
	t->n++;
	return (0);
}

int
sort_order(const void *arg, uint32_t a, uint32_t b)
{
	const struct sort_table	*t = arg;
	const struct sort_value	*x = &t->values[a * t->nkeys];
	const struct sort_value	*y = &t->values[b * t->nkeys];
	size_t			 i, n;
	int			 c;

	for (i = 0; i < t->nkeys; i++, x++, y++) {
		c = x->head < y->head ? -1 : x->head > y->head;
		n = x->n < y->n ? x->n : y->n;
		if (c == 0 && n > HEAD)
			c = memcmp(t->texts.p + x->at, t->texts.p + y->at,
			    n - HEAD);
		if (c == 0)
			c = x->n < y->n ? -1 : x->n > y->n;
		if (c != 0)
			return (t->keys[i].reverse ? -c : c);
	}
	return (a < b ? -1 : a > b);
}

size_t
sort_table_size(const struct sort_table *t)
{
	return (t->cap * t->nkeys * sizeof(*t->values) + t->texts.cap +
	    t->tmp.cap + t->tmp2.cap);
}

void
sort_table_free(struct sort_table *t)
{
	free(t->values);
	buf_free(&t->texts);
	buf_free(&t->tmp);
	buf_free(&t->tmp2);
	memset(t, 0, sizeof(*t));
}
