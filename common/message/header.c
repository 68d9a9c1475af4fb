/*
 * Header blocks: where they end, one field after another, unfolding.  See
 * header.h for the definition.
 */
#include <errno.h>
#include <string.h>

#include "header.h"

static size_t		 line_length(const uint8_t *, size_t);
static int		 line_empty(const uint8_t *, size_t);
static struct span	 strip_end(struct span);
static int		 is_wsp(int);

static int
is_wsp(int c)
{
	return (c == ' ' || c == '\t');
}

/* Octets of the line at p, its end counted. */
static size_t
line_length(const uint8_t *p, size_t n)
{
	const uint8_t	*lf;

	lf = n == 0 ? NULL : memchr(p, '\n', n);
	return (lf == NULL ? n : (size_t)(lf - p) + 1);
}

static int
line_empty(const uint8_t *p, size_t n)
{
	return (n >= 1 && (p[0] == '\n' ||
	    (n >= 2 && p[0] == '\r' && p[1] == '\n')));
}

static struct span
strip_end(struct span s)
{
	if (s.n > 0 && s.p[s.n - 1] == '\n') {
		s.n--;
		if (s.n > 0 && s.p[s.n - 1] == '\r')
			s.n--;
	}
	return (s);
}

size_t
header_length(struct span m, int *complete)
{
	size_t	 at, n;

	for (at = 0; at < m.n; at += n) {
		n = line_length(m.p + at, m.n - at);
		if (line_empty(m.p + at, m.n - at)) {
			if (complete != NULL)
				*complete = 1;
			return (at + n);
		}
	}
	if (complete != NULL)
		*complete = 0;
	return (m.n);
}

int
header_next(struct span *h, struct header_field *f)
{
	const uint8_t	*p = h->p, *colon;
	size_t		 n, name, i;

	if (h->n == 0 || line_empty(p, h->n))
		return (0);
	n = line_length(p, h->n);
	colon = is_wsp(p[0]) ? NULL : memchr(p, ':', n);
	while (n < h->n && is_wsp(p[n]))
		n += line_length(p + n, h->n - n);
	f->raw = span_of(p, n);
	h->p += n;
	h->n -= n;

	name = colon == NULL ? 0 : (size_t)(colon - p);
	while (name > 0 && is_wsp(p[name - 1]))
		name--;
	for (i = 0; i < name; i++)
		if (p[i] <= ' ' || p[i] == 0x7f)
			name = 0;
	f->name = span_of(p, name);
	if (name == 0)		/* no field; the octets are in raw */
		f->value = span_of(p, 0);
	else
		f->value = strip_end(span_of(colon + 1,
		    (size_t)(p + n - (colon + 1))));
	return (1);
}

int
header_find(struct span h, const char *name, unsigned nth,
    struct header_field *f)
{
	struct span	 want = span_str(name);

	if (want.n == 0)
		return (0);
	while (header_next(&h, f))
		if (f->name.n == want.n && span_caseeq(f->name, want) &&
		    nth-- == 0)
			return (1);
	return (0);
}

unsigned
header_count(struct span h, const char *name)
{
	struct header_field	 f;
	struct span		 want = span_str(name);
	unsigned		 n = 0;

	while (want.n != 0 && header_next(&h, &f))
		n += f.name.n == want.n && span_caseeq(f.name, want);
	return (n);
}

/* What the line end at s.p[i] is: its octets when folding, else 0. */
static size_t
fold_at(struct span s, size_t i)
{
	if (s.p[i] == '\r' && i + 2 < s.n && s.p[i + 1] == '\n' &&
	    is_wsp(s.p[i + 2]))
		return (2);
	if (s.p[i] == '\n' && i + 1 < s.n && is_wsp(s.p[i + 1]))
		return (1);
	return (0);
}

int
header_unfold(struct buf *b, struct span s)
{
	uint8_t	*to;
	size_t	 i, n, begin = b->n;

	if ((to = buf_reserve(b, s.n)) == NULL)
		return (-1);
	for (i = n = 0; i < s.n; i++) {
		size_t	 fold;

		if (s.p[i] != '\r' && s.p[i] != '\n' && s.p[i] != '\0') {
			if (n != 0 || !is_wsp(s.p[i]))
				to[n++] = s.p[i];
		} else if ((fold = fold_at(s, i)) != 0)
			i += fold - 1;
		else if (n != 0)
			to[n++] = ' ';
	}
	while (n > 0 && is_wsp(to[n - 1]))
		n--;
	b->n = begin + n;
	return (0);
}

int
header_dirty(struct span s)
{
	size_t	 i, fold;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] != '\r' && s.p[i] != '\n' && s.p[i] != '\0')
			continue;
		if ((fold = fold_at(s, i)) == 0)
			return (1);
		i += fold - 1;
	}
	return (0);
}

static const char	*const names[HDR_COUNT] = {
	[HDR_OTHER] =			"",
	[HDR_DATE] =			"Date",
	[HDR_SUBJECT] =			"Subject",
	[HDR_FROM] =			"From",
	[HDR_SENDER] =			"Sender",
	[HDR_REPLY_TO] =		"Reply-To",
	[HDR_TO] =			"To",
	[HDR_CC] =			"Cc",
	[HDR_BCC] =			"Bcc",
	[HDR_IN_REPLY_TO] =		"In-Reply-To",
	[HDR_MESSAGE_ID] =		"Message-ID",
	[HDR_REFERENCES] =		"References",
	[HDR_RETURN_PATH] =		"Return-Path",
	[HDR_RECEIVED] =		"Received",
	[HDR_DELIVERED_TO] =		"Delivered-To",
	[HDR_MIME_VERSION] =		"MIME-Version",
	[HDR_CONTENT_TYPE] =		"Content-Type",
	[HDR_CONTENT_TRANSFER_ENCODING] = "Content-Transfer-Encoding",
	[HDR_CONTENT_ID] =		"Content-ID",
	[HDR_CONTENT_DESCRIPTION] =	"Content-Description",
	[HDR_CONTENT_DISPOSITION] =	"Content-Disposition",
	[HDR_CONTENT_LANGUAGE] =	"Content-Language",
	[HDR_CONTENT_LOCATION] =	"Content-Location",
	[HDR_CONTENT_MD5] =		"Content-MD5",
};

/* Identities by the length of the name; a 0 ends a row. */
#define BY_LENGTH	26
static const uint8_t	 by_length[BY_LENGTH][5] = {
	[2] = { HDR_TO, HDR_CC },
	[3] = { HDR_BCC },
	[4] = { HDR_DATE, HDR_FROM },
	[6] = { HDR_SENDER },
	[7] = { HDR_SUBJECT },
	[8] = { HDR_REPLY_TO, HDR_RECEIVED },
	[10] = { HDR_MESSAGE_ID, HDR_REFERENCES, HDR_CONTENT_ID },
	[11] = { HDR_IN_REPLY_TO, HDR_RETURN_PATH, HDR_CONTENT_MD5 },
	[12] = { HDR_DELIVERED_TO, HDR_MIME_VERSION, HDR_CONTENT_TYPE },
	[16] = { HDR_CONTENT_LANGUAGE, HDR_CONTENT_LOCATION },
	[19] = { HDR_CONTENT_DESCRIPTION, HDR_CONTENT_DISPOSITION },
	[25] = { HDR_CONTENT_TRANSFER_ENCODING },
};

enum header_id
header_id(struct span name)
{
	const uint8_t	*id;

	if (name.n >= BY_LENGTH)
		return (HDR_OTHER);
	for (id = by_length[name.n]; *id != HDR_OTHER; id++)
		if (((name.p[0] ^ (uint8_t)names[*id][0]) & 0xdf) == 0 &&
		    span_caseeqs(name, names[*id]))
			return ((enum header_id)*id);
	return (HDR_OTHER);
}

const char *
header_id_name(enum header_id id)
{
	return (id < HDR_COUNT ? names[id] : "");
}

void
header_facts(struct span h, struct header_facts *facts)
{
	struct header_field	 f;
	enum header_id		 id;

	memset(facts, 0, sizeof(*facts));
	while (header_next(&h, &f)) {
		if (f.name.n == 0) {
			facts->broken++;
			continue;
		}
		facts->fields++;
		id = header_id(f.name);
		if (facts->count[id]++ == 0 && id != HDR_OTHER)
			facts->value[id] = f.value;
	}
}
