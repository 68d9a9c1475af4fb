/*
 * The tree that a parser leaves: sections, storage, whole messages.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mime_int.h"

#define VERSION		1
#define SLICE		(64 * 1024)	/* octets read from a source at once */
#define PART_LEAST	10		/* octets that a saved part has */

static void	 put_num(struct buf *, uint64_t);
static int	 get_num(struct span *, uint64_t, uint64_t *);
static void	 put_text(struct buf *, const struct mime *, struct mime_str);
static int	 get_text(struct span *, struct mime *, struct mime_str *);
static int	 load_part(struct span *, struct mime *, uint32_t,
		    uint32_t *, uint16_t *);
static int	 link_part(struct mime *, uint32_t, uint32_t *, uint16_t *);
static int	 load(struct span, struct mime *);
static struct mime *finish(struct mime_parser *, int);

struct span
mime_text(const struct mime *m, struct mime_str s)
{
	if (s.n == 0 || s.at > m->text.n || s.n > m->text.n - s.at)
		return (span_of("", 0));
	return (span_of(m->text.p + s.at, s.n));
}

/* The tree of a parser that was fed everything, then the parser goes. */
static struct mime *
finish(struct mime_parser *p, int rc)
{
	struct mime	*m = NULL;
	int		 err = errno;

	if (rc == 0 && mime_end(p) != NULL &&
	    (m = malloc(sizeof(*m))) != NULL)
		mime_detach(p, m);
	else if (rc == 0)
		err = ENOMEM;
	mime_parser_free(p);
	if (m == NULL)
		errno = err;
	return (m);
}

struct mime *
message_parse(struct span s)
{
	struct mime_parser	*p;

	if ((p = mime_parser_new(NULL)) == NULL)
		return (NULL);
	return (finish(p, mime_feed(p, s)));
}

struct mime *
message_parse_source(const struct message_source *src)
{
	struct mime_parser	*p;
	uint8_t			*slice;
	uint64_t		 at = 0;
	ssize_t			 n = -1;
	int			 rc = -1, err;

	slice = malloc(SLICE);
	p = mime_parser_new(NULL);
	if (slice == NULL || p == NULL) {
		free(slice);
		mime_parser_free(p);
		errno = ENOMEM;
		return (NULL);
	}
	while ((n = src->read(src->arg, at, slice, SLICE)) > 0) {
		if (mime_feed(p, span_of(slice, (size_t)n)) == -1)
			break;
		at += (uint64_t)n;
	}
	if (n == 0)
		rc = 0;
	err = errno;
	free(slice);
	errno = err;
	return (finish(p, rc));
}

void
mime_free(struct mime *m)
{
	if (m == NULL)
		return;
	free(m->parts);
	buf_free(&m->text);
	free(m);
}

uint32_t
mime_find(const struct mime *m, const uint32_t *path, size_t n)
{
	const struct mime_part	*part;
	uint32_t		 cur = 0, k;
	size_t			 i;
	int			 message = 1;	/* cur stands for a message */

	for (i = 0; i < n; i++) {
		part = &m->parts[cur];
		if (part->kind == MIME_MESSAGE && !message) {
			cur = part->child;
			message = 1;
			part = &m->parts[cur];
		}
		if (path[i] == 0)
			return (MIME_NONE);
		if (part->kind == MIME_MULTIPART) {
			if (path[i] > part->children)
				return (MIME_NONE);
			for (cur = part->child, k = 1; k < path[i]; k++)
				cur = m->parts[cur].next;
		} else if (!message || path[i] != 1)
			return (MIME_NONE);
		message = 0;
	}
	return (cur);
}

int
mime_section(const struct mime *m, const uint32_t *path, size_t n,
    enum mime_section what, struct mime_range *r)
{
	const struct mime_part	*part;
	uint32_t		 i;
	uint64_t		 begin, end;

	r->at = r->n = 0;
	if ((i = mime_find(m, path, n)) == MIME_NONE)
		goto none;
	part = &m->parts[i];
	if (what == MIME_SECTION_HEADER || what == MIME_SECTION_TEXT) {
		if (n > 0 && part->kind != MIME_MESSAGE)
			goto none;
		if (n > 0)
			part = &m->parts[part->child];
	} else if (what == MIME_SECTION_MIME && n == 0)
		goto none;
	begin = part->body;
	end = part->end;
	if (what == MIME_SECTION_HEADER || what == MIME_SECTION_MIME) {
		begin = part->header;
		end = part->body;
	} else if (what == MIME_SECTION_ALL && n == 0)
		begin = part->header;
	r->at = begin;
	r->n = end - begin;
	return (0);
none:
	errno = ENOENT;
	return (-1);
}

/* Numbers of any size, seven bits an octet, the lowest first. */
static void
put_num(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_put_u8(b, (uint8_t)(v | 0x80));
	buf_put_u8(b, (uint8_t)v);
}

static int
get_num(struct span *s, uint64_t max, uint64_t *v)
{
	unsigned	 shift;
	uint8_t		 o = 0x80;

	for (*v = 0, shift = 0; o & 0x80; shift += 7) {
		if (shift > 56 || span_get_u8(s, &o) == -1)
			return (-1);
		*v |= (uint64_t)(o & 0x7f) << shift;
	}
	return (*v > max ? -1 : 0);
}

static void
put_text(struct buf *b, const struct mime *m, struct mime_str s)
{
	put_num(b, s.n);
	buf_add_span(b, mime_text(m, s));
}

static int
get_text(struct span *s, struct mime *m, struct mime_str *str)
{
	struct span	 t;
	uint64_t	 n;

	if (get_num(s, UINT32_MAX, &n) == -1 ||
	    span_take(s, (size_t)n, &t) == -1)
		return (-1);
	str->at = (uint32_t)m->text.n;
	str->n = (uint32_t)n;
	return (buf_add_span(&m->text, t));
}

/*
 * Offsets are written as distances: of a header from the body of its parent,
 * of a body from its header, of an end from the body.
 */
int
mime_save(struct buf *b, const struct mime *m)
{
	const struct mime_part	*part;
	uint64_t		 base;
	uint32_t		 i;

	buf_put_u8(b, VERSION);
	buf_put_u8(b, (uint8_t)(m->nul | m->eightbit << 1 | m->bare << 2));
	put_num(b, m->size);
	put_num(b, m->lines);
	put_num(b, m->longest);
	put_num(b, m->nparts);
	for (i = 0; i < m->nparts; i++) {
		part = &m->parts[i];
		base = part->parent == MIME_NONE ? 0 :
		    m->parts[part->parent].body;
		put_num(b, part->parent == MIME_NONE ? 0 :
		    (uint64_t)part->parent + 1);
		buf_put_u8(b, (uint8_t)(part->kind | part->encoding << 2 |
		    part->opaque << 6 | part->typed << 7));
		put_num(b, part->header - base);
		put_num(b, part->body - part->header);
		put_num(b, part->end - part->body);
		put_num(b, part->header_lines);
		put_num(b, part->lines);
		put_text(b, m, part->type);
		put_text(b, m, part->subtype);
		put_text(b, m, part->charset);
	}
	return (buf_failed(b) ? -1 : 0);
}

/* Put part i where it belongs, behind the last child of its parent. */
static int
link_part(struct mime *m, uint32_t i, uint32_t *last, uint16_t *depth)
{
	struct mime_part	*part = &m->parts[i], *up;

	last[i] = MIME_NONE;
	depth[i] = 0;
	if (i == 0)
		return (part->parent == MIME_NONE && part->header == 0 &&
		    part->end <= m->size ? 0 : -1);
	if (part->parent >= i)
		return (-1);
	up = &m->parts[part->parent];
	if (up->kind == MIME_LEAF || part->end > up->end ||
	    (up->kind == MIME_MESSAGE && up->children != 0) ||
	    depth[part->parent] >= mime_limits_default.depth)
		return (-1);
	depth[i] = (uint16_t)(depth[part->parent] + 1);
	if (last[part->parent] == MIME_NONE)
		up->child = i;
	else {
		if (part->header < m->parts[last[part->parent]].end)
			return (-1);
		m->parts[last[part->parent]].next = i;
	}
	last[part->parent] = i;
	up->children++;
	return (0);
}

static int
load_part(struct span *s, struct mime *m, uint32_t i, uint32_t *last,
    uint16_t *depth)
{
	struct mime_part	*part = &m->parts[i];
	uint64_t		 parent, header, body, end, hlines, lines;
	uint8_t			 bits;

	if (get_num(s, i, &parent) == -1 || span_get_u8(s, &bits) == -1 ||
	    get_num(s, m->size, &header) == -1 ||
	    get_num(s, m->size, &body) == -1 ||
	    get_num(s, m->size, &end) == -1 ||
	    get_num(s, UINT32_MAX, &hlines) == -1 ||
	    get_num(s, UINT32_MAX, &lines) == -1 ||
	    get_text(s, m, &part->type) == -1 ||
	    get_text(s, m, &part->subtype) == -1 ||
	    get_text(s, m, &part->charset) == -1)
		return (-1);
	part->parent = parent == 0 ? MIME_NONE : (uint32_t)parent - 1;
	part->child = part->next = MIME_NONE;
	part->kind = bits & 3;
	part->encoding = bits >> 2 & 15;
	part->opaque = bits >> 6 & 1;
	part->typed = bits >> 7;
	if (part->kind > MIME_MESSAGE || part->encoding > MIME_UNKNOWN)
		return (-1);
	if (part->parent != MIME_NONE) {
		if (part->parent >= i)
			return (-1);
		header += m->parts[part->parent].body;
	}
	part->header = header;
	part->body = header + body;
	part->end = header + body + end;
	part->header_lines = (uint32_t)hlines;
	part->lines = (uint32_t)lines;
	return (link_part(m, i, last, depth));
}

static int
load(struct span s, struct mime *m)
{
	uint64_t	 nparts, longest;
	uint32_t	 i, *last;
	uint16_t	*depth;
	uint8_t		 version, bits;
	int		 rc = -1;

	if (span_get_u8(&s, &version) == -1 || version != VERSION ||
	    span_get_u8(&s, &bits) == -1 || bits > 7 ||
	    get_num(&s, (uint64_t)INT64_MAX / 4, &m->size) == -1 ||
	    get_num(&s, (uint64_t)INT64_MAX, &m->lines) == -1 ||
	    get_num(&s, UINT32_MAX, &longest) == -1 ||
	    get_num(&s, s.n / PART_LEAST, &nparts) == -1 || nparts == 0)
		return (-1);
	m->nul = bits & 1;
	m->eightbit = bits >> 1 & 1;
	m->bare = bits >> 2 & 1;
	m->longest = (uint32_t)longest;
	m->parts = calloc((size_t)nparts, sizeof(m->parts[0]));
	last = calloc((size_t)nparts, sizeof(last[0]));
	depth = calloc((size_t)nparts, sizeof(depth[0]));
	if (m->parts == NULL || last == NULL || depth == NULL)
		goto out;
	for (i = 0; i < nparts; i++, m->nparts++)
		if (load_part(&s, m, i, last, depth) == -1)
			goto out;
	for (i = 0; i < nparts; i++)
		if (m->parts[i].kind == MIME_MESSAGE &&
		    m->parts[i].children != 1)
			goto out;
	rc = s.n == 0 ? 0 : -1;
out:
	free(last);
	free(depth);
	return (rc);
}

struct mime *
mime_load(struct span s)
{
	struct mime	*m;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		return (NULL);
	if (load(s, m) == -1) {
		mime_free(m);
		errno = EBADMSG;
		return (NULL);
	}
	return (m);
}
