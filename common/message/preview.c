/*
 * The beginning of a message's text, RFC 8970.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "content.h"
#include "header.h"
#include "text.h"
#include "utf8.h"

#define HEADER_READ	4096	/* octets of a part's header */
#define HEADERS		32	/* looked at: that many files may come first */

struct preview {
	struct buf	*to;
	size_t		 chars;		/* still to come */
	int		 space;
	int		 begun;
};

static int	 is_attachment(const struct mime_part *,
		    const struct message_source *);
static uint32_t	 alternative(const struct mime *, uint32_t);
static int	 is_within(const struct mime *, uint32_t, uint32_t);
static uint32_t	 choose(const struct mime *, const struct message_source *);
static int	 part_text(struct buf *, const struct mime *, uint32_t,
		    const struct message_source *, const struct charsets *);
static void	 add(struct preview *, struct span);
static int	 is_quote(struct span);
static void	 lines(struct preview *, struct span, int);

/* Is it a file that came along?  Its header is not in every tree. */
static int
is_attachment(const struct mime_part *p, const struct message_source *src)
{
	struct header_field	 f;
	struct content		 c;
	uint8_t			 header[HEADER_READ];
	uint64_t		 n = p->body - p->header;
	ssize_t			 got;
	int			 is;

	if (p->parent == MIME_NONE)
		return (0);
	if ((got = src->read(src->arg, p->header, header,
	    n < sizeof(header) ? (size_t)n : sizeof(header))) <= 0 ||
	    !header_find(span_of(header, (size_t)got), "Content-Disposition",
	    0, &f))
		return (0);
	content_init(&c);
	is = content_disposition(&c, f.value) == 0 &&
	    span_caseeqs(c.type, "attachment");
	content_free(&c);
	return (is);
}

/* Where it is said in several forms: the part around it, or MIME_NONE. */
static uint32_t
alternative(const struct mime *m, uint32_t i)
{
	while ((i = m->parts[i].parent) != MIME_NONE &&
	    !span_eqs(mime_text(m, m->parts[i].subtype), "alternative"))
		if (m->parts[i].kind == MIME_MESSAGE)
			return (MIME_NONE);
	return (i);
}

static int
is_within(const struct mime *m, uint32_t i, uint32_t part)
{
	while (i != MIME_NONE && i != part)
		i = m->parts[i].parent;
	return (i == part);
}

/*
 * The first text that is not empty and no attachment, in its plain form if it
 * has one; what is forwarded comes where it stands.
 */
static uint32_t
choose(const struct mime *m, const struct message_source *src)
{
	const struct mime_part	*p;
	uint32_t		 i, first = MIME_NONE, forms = MIME_NONE;
	int			 plain, left = HEADERS;

	for (i = 0; i < m->nparts && left > 0; i++) {
		p = &m->parts[i];
		if (p->kind != MIME_LEAF || p->body == p->end ||
		    !span_eqs(mime_text(m, p->type), "text"))
			continue;
		plain = span_eqs(mime_text(m, p->subtype), "plain");
		if (first != MIME_NONE ? !plain || !is_within(m, i, forms) :
		    !plain && !span_eqs(mime_text(m, p->subtype), "html"))
			continue;
		left--;
		if (is_attachment(p, src))
			continue;
		first = i;
		if (plain || (forms = alternative(m, i)) == MIME_NONE)
			break;
	}
	return (first);
}

static int
part_text(struct buf *b, const struct mime *m, uint32_t i,
    const struct message_source *src, const struct charsets *all)
{
	const struct mime_part	*p = &m->parts[i];
	struct text_stream	*t;
	uint8_t			*slice;
	uint64_t		 at, end = p->end;
	ssize_t			 got = 0;
	size_t			 n;
	int			 rc = -1;

	if (end - p->body > PREVIEW_READ)
		end = p->body + PREVIEW_READ;
	t = malloc(sizeof(*t));
	slice = malloc(4096);
	if (t == NULL || slice == NULL)
		goto out;
	text_start(t, (enum mime_encoding)p->encoding,
	    mime_text(m, p->charset),
	    span_eqs(mime_text(m, p->subtype), "html"), all);
	for (at = p->body; at < end && b->n < 8 * 1024; at += (size_t)got) {
		n = end - at < 4096 ? (size_t)(end - at) : 4096;
		if ((got = src->read(src->arg, at, slice, n)) <= 0 ||
		    text_feed(t, b, span_of(slice, (size_t)got)) == -1)
			break;
	}
	rc = text_end(t, b) == -1 || got == -1 ? -1 : 0;
out:
	free(t);
	free(slice);
	return (rc);
}

/* Text, with one space where there are some, as far as there is room. */
static void
add(struct preview *pv, struct span s)
{
	uint32_t	 cp;
	int		 n;

	for (; s.n > 0 && pv->chars > 0; s.p += n, s.n -= (size_t)n) {
		if ((n = utf8_decode(s, &cp)) <= 0)
			n = 1;
		if (cp <= ' ' || cp == 0x7f || cp == 0xa0 || cp == 0x2028 ||
		    cp == 0x2029 || (cp >= 0x80 && cp < 0xa0) ||
		    (cp >= 0x2000 && cp <= 0x200f) || cp == 0x3000) {
			pv->space = pv->begun;
			continue;
		}
		if (cp == 0xfeff || cp == 0xad || cp == 0x34f)
			continue;	/* fillers of those who write previews */
		if (pv->space) {
			if (pv->chars < 2)
				break;
			buf_addc(pv->to, ' ');
			pv->chars--;
			pv->space = 0;
		}
		utf8_add(pv->to, cp);
		pv->chars--;
		pv->begun = 1;
	}
}

static int
is_quote(struct span line)
{
	line = span_trim(line);
	return (line.n > 0 && line.p[0] == '>');
}

static void
lines(struct preview *pv, struct span s, int quotes)
{
	struct span	 line;

	while (s.n > 0 && pv->chars > 0) {
		(void)span_split(&s, '\n', &line);
		if (quotes || !is_quote(line))
			add(pv, line);
		pv->space = pv->begun;
	}
}

int
message_preview(struct buf *b, const struct mime *m,
    const struct message_source *src, const struct charsets *all,
    size_t chars)
{
	struct preview	 pv = { .to = b };
	struct buf	 text = { 0 };
	uint32_t	 i;
	int		 rc = 0;

	pv.chars = chars == 0 ? PREVIEW_CHARS : chars;
	if ((i = choose(m, src)) == MIME_NONE)
		return (0);
	if (part_text(&text, m, i, src, all) == -1)
		rc = -1;
	else {
		lines(&pv, span_buf(&text), 0);
		if (!pv.begun)
			lines(&pv, span_buf(&text), 1);
		rc = buf_failed(b) ? -1 : 0;
	}
	buf_free(&text);
	return (rc);
}
