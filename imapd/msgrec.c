/*
 * The record of a message, as octets.  What a change of flags changes stands at
 * the end, next to the checksum: Berkeley DB logs what lies between the first
 * octet that differs and the last, twice.
 *
 *	since schema 3	date saved body email size zone keywords modseq flags
 *	before		flags keywords modseq date saved body email size zone
 *
 * Those of before are longer, are read as they stand, and are written anew when
 * something of them changes.  These are the records that are read and written
 * by the thousand: hence no table, see codec.h.
 */
#include <errno.h>

#include "imapd/part.h"

#define OCTETS		55	/* seven numbers of 8, and so on */
#define OCTETS_BEFORE	58

_Static_assert(MF_ALL <= UINT8_MAX, "flags are one octet");

static uint8_t *
put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
	return (p + 4);
}

static uint8_t *
put64(uint8_t *p, uint64_t v)
{
	return (put32(put32(p, (uint32_t)(v >> 32)), (uint32_t)v));
}

static uint16_t
get16(const uint8_t **p)
{
	const uint8_t	*o = *p;

	*p += 2;
	return ((uint16_t)(o[0] << 8 | o[1]));
}

static uint32_t
get32(const uint8_t **p)
{
	const uint8_t	*o = *p;

	*p += 4;
	return ((uint32_t)o[0] << 24 | (uint32_t)o[1] << 16 |
	    (uint32_t)o[2] << 8 | o[3]);
}

static uint64_t
get64(const uint8_t **p)
{
	uint64_t	 high = get32(p);

	return (high << 32 | get32(p));
}

int
msgrec_put(struct buf *b, const struct msgrec *r)
{
	uint8_t	*p;

	if ((p = buf_reserve(b, OCTETS)) == NULL)
		return (-1);
	p = put64(p, r->date);
	p = put64(p, r->saved);
	p = put64(p, r->body);
	p = put64(p, r->email);
	p = put32(p, r->size);
	*p++ = (uint8_t)((uint16_t)r->zone >> 8);
	*p++ = (uint8_t)r->zone;
	p = put64(p, r->keywords);
	p = put64(p, r->modseq);
	*p = (uint8_t)r->flags;
	buf_commit(b, OCTETS);
	return (0);
}

static void
get_rest(const uint8_t **p, struct msgrec *r)
{
	r->date = get64(p);
	r->saved = get64(p);
	r->body = get64(p);
	r->email = get64(p);
	r->size = get32(p);
	r->zone = (int16_t)get16(p);
}

int
msgrec_get(struct span s, struct msgrec *r)
{
	const uint8_t	*p = s.p;

	r->uid = 0;
	switch (s.n) {
	case OCTETS:
		get_rest(&p, r);
		r->keywords = get64(&p);
		r->modseq = get64(&p);
		r->flags = *p;
		return (0);
	case OCTETS_BEFORE:
		r->flags = get32(&p);
		r->keywords = get64(&p);
		r->modseq = get64(&p);
		get_rest(&p, r);
		return (0);
	}
	errno = EBADMSG;
	return (-1);
}

int
msgrec_write(struct part *p, struct span key, const struct msgrec *r)
{
	static struct buf	 b;	/* kept: most writes pass here */

	buf_reset(&b);
	if (msgrec_put(&b, r) == -1)
		return (-1);
	return (dbenv_put(p->index, key, span_buf(&b)));
}
