/*
 * A DNS message, as the resolver gives it: the records that answer a question.
 * Everything in it may come from a stranger.
 */
#include <string.h>

#include "lookup.h"

#define CNAMES_MAX	11	/* in a chain */
#define HEADER		12
#define CLASS_IN	1

struct record {
	uint8_t		 owner[DNS_WIRE_MAX];
	size_t		 nowner;
	uint16_t	 type, class;
	uint32_t	 ttl;
	size_t		 at, n;		/* its data in the message */
};

struct message {
	struct span	 all;
	size_t		 first;		/* where the answers begin */
	uint16_t	 answers;
	uint8_t		 rcode;
};

static int	 expand(struct span, size_t *, uint8_t *, size_t *);
static uint16_t	 get16(const uint8_t *);
static int	 open_message(struct span, struct message *);
static int	 next(const struct message *, size_t *, struct record *);
static int	 same(const uint8_t *, size_t, const uint8_t *, size_t);
static int	 add_name(struct buf *, struct span, size_t, size_t);
static int	 add_data(struct buf *, struct span, const struct record *);
static int	 follow(const struct message *, uint8_t *, size_t *, uint32_t *);
static int	 collect(struct answer *, const struct message *, uint16_t,
		    const uint8_t *, size_t);
static int	 parse(struct answer *, struct span, struct span, uint16_t);

static uint16_t
get16(const uint8_t *p)
{
	return ((uint16_t)(p[0] << 8 | p[1]));
}

/*
 * The name at *at, uncompressed; *at is behind it afterwards.  Every pointer
 * leads further back than the one before, RFC 1035 4.1.4.
 */
static int
expand(struct span all, size_t *at, uint8_t *out, size_t *n)
{
	size_t	 i = *at, limit = *at, end = 0, len;

	for (*n = 0; i < all.n;) {
		len = all.p[i];
		if (len >= 0xc0) {
			if (all.n - i < 2)
				return (-1);
			if (end == 0)
				end = i + 2;
			if ((i = get16(all.p + i) & 0x3fffu) >= limit)
				return (-1);
			limit = i;
			continue;
		}
		if (len > 63 || len >= all.n - i ||
		    *n + len + 1 > DNS_WIRE_MAX)
			return (-1);
		memcpy(out + *n, all.p + i, len + 1);
		*n += len + 1;
		i += len + 1;
		if (len == 0) {
			*at = end != 0 ? end : i;
			return (0);
		}
	}
	return (-1);
}

static int
open_message(struct span s, struct message *m)
{
	uint8_t	 name[DNS_WIRE_MAX];
	size_t	 n, at = HEADER;
	int	 i;

	if (s.n < HEADER)
		return (-1);
	m->all = s;
	m->rcode = s.p[3] & 0x0f;
	m->answers = get16(s.p + 6);
	for (i = get16(s.p + 4); i > 0; i--, at += 4)
		if (expand(s, &at, name, &n) == -1 || s.n - at < 4)
			return (-1);
	m->first = at;
	return (0);
}

static int
next(const struct message *m, size_t *at, struct record *r)
{
	const uint8_t	*p;

	if (expand(m->all, at, r->owner, &r->nowner) == -1 ||
	    m->all.n - *at < 10)
		return (-1);
	p = m->all.p + *at;
	r->type = get16(p);
	r->class = get16(p + 2);
	r->ttl = (uint32_t)get16(p + 4) << 16 | get16(p + 6);
	r->n = get16(p + 8);
	r->at = *at + 10;
	if (m->all.n - r->at < r->n)
		return (-1);
	*at = r->at + r->n;
	return (0);
}

/* Lengths of labels are no letters: one rule for every octet. */
static int
same(const uint8_t *a, size_t na, const uint8_t *b, size_t nb)
{
	return (span_caseeq(span_of(a, na), span_of(b, nb)));
}

/* A name that fills the rest of a record. */
static int
add_name(struct buf *b, struct span all, size_t at, size_t end)
{
	uint8_t	 name[DNS_WIRE_MAX];
	size_t	 n;

	all.n = end;
	if (expand(all, &at, name, &n) == -1 || at != end)
		return (-1);
	return (buf_add(b, name, n));
}

static int
add_data(struct buf *b, struct span all, const struct record *r)
{
	const uint8_t	*p = all.p + r->at;
	size_t		 i;

	switch (r->type) {
	case DNS_A:
	case DNS_AAAA:
		if (r->n != (r->type == DNS_A ? 4u : 16u))
			return (-1);
		break;
	case DNS_MX:
		if (r->n < 3)
			return (-1);
		buf_add(b, p, 2);
		return (add_name(b, all, r->at + 2, r->at + r->n));
	case DNS_SRV:
		if (r->n < 7)
			return (-1);
		buf_add(b, p, 6);
		return (add_name(b, all, r->at + 6, r->at + r->n));
	case DNS_CNAME:
	case DNS_PTR:
		return (add_name(b, all, r->at, r->at + r->n));
	case DNS_TXT:
		for (i = 0; i < r->n; i += p[i] + 1u)
			if (p[i] >= r->n - i)
				return (-1);
		break;
	}
	return (buf_add(b, p, r->n));
}

/* From name to the end of its CNAMEs, in whatever order they stand. */
static int
follow(const struct message *m, uint8_t *name, size_t *n, uint32_t *ttl)
{
	uint8_t		 room[DNS_WIRE_MAX];
	struct buf	 b = { room, 0, sizeof(room), sizeof(room), 0 };
	struct record	 r;
	size_t		 at;
	int		 links, i, found = 1;

	for (links = 0; found; links++) {
		if (links == CNAMES_MAX)
			return (-1);
		found = 0;
		at = m->first;
		for (i = 0; i < m->answers && !found; i++) {
			if (next(m, &at, &r) == -1)
				return (-1);
			found = r.type == DNS_CNAME && r.class == CLASS_IN &&
			    same(r.owner, r.nowner, name, *n);
		}
		if (!found)
			break;
		buf_reset(&b);
		if (add_data(&b, m->all, &r) == -1)
			return (-1);
		memcpy(name, b.p, b.n);
		*n = b.n;
		if (r.ttl < *ttl)
			*ttl = r.ttl;
	}
	return (0);
}

/* What does not fit any more is left out. */
static int
collect(struct answer *a, const struct message *m, uint16_t type,
    const uint8_t *name, size_t n)
{
	struct record	 r;
	size_t		 at = m->first, was, i;
	int		 k;

	for (k = 0; k < m->answers; k++) {
		if (next(m, &at, &r) == -1)
			return (-1);
		if (r.type != type || r.class != CLASS_IN ||
		    !same(r.owner, r.nowner, name, n))
			continue;
		was = a->octets.n;
		if (add_data(&a->octets, m->all, &r) == -1)
			return (-1);
		if (a->n == ANSWER_RECORDS || a->octets.n + 8 * a->n >
		    ANSWER_OCTETS) {
			buf_truncate(&a->octets, was);
			break;
		}
		a->records[a->n++].rdata.n = a->octets.n - was;
		if (r.ttl < a->ttl)
			a->ttl = r.ttl;
	}
	if (buf_failed(&a->octets))
		return (-1);
	for (i = 0, at = 0; i < a->n; i++) {	/* the memory stays now */
		a->records[i].rdata.p = a->octets.p + at;
		at += a->records[i].rdata.n;
	}
	return (0);
}

static int
parse(struct answer *a, struct span s, struct span question, uint16_t type)
{
	uint8_t		 name[DNS_WIRE_MAX];
	struct buf	 b = { name, 0, sizeof(name), sizeof(name), 0 };
	struct message	 m;
	struct span	 text;

	if (dns_name_put(&b, question) == -1 || open_message(s, &m) == -1)
		return (-1);
	a->ttl = UINT32_MAX;
	if ((type != DNS_CNAME && follow(&m, name, &b.n, &a->ttl) == -1) ||
	    collect(a, &m, type, name, b.n) == -1)
		return (-1);
	text = span_of(name, b.n);
	if (dns_name_get(&text, &a->canonical) == -1)
		return (-1);
	if (a->ttl == UINT32_MAX)
		a->ttl = 0;
	a->status = m.rcode == 3 ? DNS_NXDOMAIN : m.rcode != 0 ?
	    DNS_TEMPFAIL : a->n == 0 ? DNS_NODATA : DNS_OK;
	return (m.rcode == 0 || a->n == 0 ? 0 : -1);
}

void
answer_parse(struct answer *a, struct span message, struct span name,
    uint16_t type)
{
	memset(a, 0, sizeof(*a));
	if (parse(a, message, name, type) == 0)
		return;
	answer_free(a);
	a->status = DNS_TEMPFAIL;
}

void
answer_free(struct answer *a)
{
	buf_free(&a->canonical);
	buf_free(&a->octets);
	memset(a, 0, sizeof(*a));
}
