/*
 * Texts of a message: one body through its three converters, headers, and the
 * walk over all parts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "content.h"
#include "fold.h"
#include "header.h"
#include "rfc2047.h"
#include "text.h"
#include "utf8.h"

struct text_walk {
	const struct mime		*m;
	const struct message_source	*src;
	const struct charsets		*charsets;
	unsigned			 what;
	uint32_t			 part;
	int				 in_body;	/* of part */
	uint64_t			 at;
	struct text_stream		 stream;
	struct buf			 in, out;
};

static int	 convert(struct text_stream *, struct buf *, struct span, int);
static int	 fill(struct text_walk *, uint64_t, size_t);
static unsigned	 header_kind(const struct text_walk *, uint32_t);
static int	 walk_header(struct text_walk *);
static int	 walk_body(struct text_walk *);

void
text_start(struct text_stream *t, enum mime_encoding e, struct span charset,
    int html, const struct charsets *all)
{
	transfer_start(&t->transfer, e);
	charset_start(&t->charset, charset_find(all, charset));
	html_start(&t->html);
	t->is_html = html;
	buf_init(&t->octets, 0);
	buf_init(&t->utf8, 0);
}

/* The second and third step. */
static int
convert(struct text_stream *t, struct buf *b, struct span s, int last)
{
	struct buf	*to = t->is_html ? &t->utf8 : b;

	buf_reset(&t->utf8);
	if (charset_feed(&t->charset, to, s) == -1 ||
	    (last && charset_end(&t->charset, to) == -1))
		return (-1);
	if (!t->is_html)
		return (0);
	if (html_feed(&t->html, b, span_buf(to)) == -1)
		return (-1);
	return (last ? html_end(&t->html, b) : 0);
}

int
text_feed(struct text_stream *t, struct buf *b, struct span s)
{
	if (t->transfer.encoding != MIME_BASE64 &&
	    t->transfer.encoding != MIME_QP)
		return (convert(t, b, s, 0));
	buf_reset(&t->octets);
	if (transfer_feed(&t->transfer, &t->octets, s) == -1)
		return (-1);
	return (convert(t, b, span_buf(&t->octets), 0));
}

int
text_end(struct text_stream *t, struct buf *b)
{
	int	 rc = 0;

	buf_reset(&t->octets);
	if (transfer_end(&t->transfer, &t->octets) == -1 ||
	    convert(t, b, span_buf(&t->octets), 1) == -1)
		rc = -1;
	buf_free(&t->charset.held);
	buf_free(&t->octets);
	buf_free(&t->utf8);
	return (rc);
}

int
text_value(struct buf *b, struct span value, const struct charsets *all)
{
	return (rfc2047_decode(b, span_trim(value), all));
}

int
text_header(struct buf *b, struct span header, const struct charsets *all)
{
	struct header_field	 f;

	while (header_next(&header, &f)) {
		if (f.name.n == 0)
			continue;
		utf8_add_clean(b, f.name);
		buf_adds(b, ": ");
		text_value(b, f.value, all);
		buf_addc(b, '\n');
	}
	return (buf_failed(b) ? -1 : 0);
}

ssize_t
message_source_span(void *arg, uint64_t off, void *to, size_t n)
{
	const struct span	*s = arg;

	if (off >= s->n)
		return (0);
	if (n > s->n - off)
		n = (size_t)(s->n - off);
	memcpy(to, s->p + off, n);
	return ((ssize_t)n);
}

struct text_walk *
text_walk_new(const struct mime *m, const struct message_source *src,
    const struct charsets *all, unsigned what)
{
	struct text_walk	*w;

	if ((w = calloc(1, sizeof(*w))) == NULL)
		return (NULL);
	w->m = m;
	w->src = src;
	w->charsets = all;
	w->what = what;
	return (w);
}

void
text_walk_free(struct text_walk *w)
{
	if (w == NULL)
		return;
	if (w->in_body) {
		buf_reset(&w->out);
		(void)text_end(&w->stream, &w->out);
	}
	buf_free(&w->in);
	buf_free(&w->out);
	free(w);
}

/* So many octets from there, fewer when the source is shorter, into in. */
static int
fill(struct text_walk *w, uint64_t at, size_t n)
{
	uint8_t	*to;
	ssize_t	 got = 1;

	buf_reset(&w->in);
	if ((to = buf_reserve(&w->in, n + 1)) == NULL)
		return (-1);
	while (w->in.n < n && got > 0) {
		got = w->src->read(w->src->arg, at + w->in.n, to + w->in.n,
		    n - w->in.n);
		if (got == -1)
			return (-1);
		buf_commit(&w->in, (size_t)got);
	}
	return (0);
}

/* Which flag shows the header of a part. */
static unsigned
header_kind(const struct text_walk *w, uint32_t i)
{
	uint32_t	 parent = w->m->parts[i].parent;

	if (parent == MIME_NONE)
		return (TEXT_HEADERS);
	return (w->m->parts[parent].kind == MIME_MESSAGE ? TEXT_INNER :
	    TEXT_PARTS);
}

static int
walk_header(struct text_walk *w)
{
	const struct mime_part	*p = &w->m->parts[w->part];
	uint64_t		 n = p->body - p->header;

	if (!(w->what & header_kind(w, w->part)) || n == 0)
		return (0);
	if (fill(w, p->header, n < TEXT_HEADER ? (size_t)n :
	    TEXT_HEADER) == -1)
		return (-1);
	return (text_header(&w->out, span_buf(&w->in), w->charsets));
}

static int
walk_body(struct text_walk *w)
{
	const struct mime_part	*p = &w->m->parts[w->part];
	uint64_t		 n = p->end - w->at;

	if (fill(w, w->at, n < TEXT_SLICE ? (size_t)n : TEXT_SLICE) == -1 ||
	    text_feed(&w->stream, &w->out, span_buf(&w->in)) == -1)
		return (-1);
	w->at += w->in.n;
	if (w->at < p->end && w->in.n > 0)
		return (0);
	w->in_body = 0;
	w->part++;
	return (text_end(&w->stream, &w->out));
}

int
text_walk_next(struct text_walk *w, struct span *out, int *begins)
{
	const struct mime_part	*p;
	int			 rc;

	buf_reset(&w->out);
	*out = span_of("", 0);
	if (begins != NULL)
		*begins = !w->in_body;
	if (w->in_body)
		rc = walk_body(w);
	else if (w->part >= w->m->nparts)
		return (0);
	else {
		p = &w->m->parts[w->part];
		rc = walk_header(w);
		w->at = p->body;
		if ((w->what & TEXT_BODY) && p->kind == MIME_LEAF &&
		    p->end > p->body &&
		    span_eqs(mime_text(w->m, p->type), "text")) {
			buf_addc(&w->out, '\n');
			text_start(&w->stream,
			    (enum mime_encoding)p->encoding,
			    mime_text(w->m, p->charset),
			    span_eqs(mime_text(w->m, p->subtype), "html"),
			    w->charsets);
			w->in_body = 1;
		} else
			w->part++;
	}
	if (rc == -1)
		return (-1);
	*out = span_buf(&w->out);
	return (1);
}

int
text_find(const struct mime *m, const struct message_source *src,
    const struct charsets *all, unsigned what, struct span needle)
{
	struct fold_find	 f;
	struct text_walk	*w;
	struct span		 s;
	int			 rc, begins;

	if ((w = text_walk_new(m, src, all, what)) == NULL)
		return (-1);
	fold_find_start(&f, needle);
	while ((rc = text_walk_next(w, &s, &begins)) == 1) {
		if (begins)
			fold_find_break(&f);
		if ((rc = fold_find_feed(&f, s)) != 0)
			break;
	}
	fold_find_end(&f);
	text_walk_free(w);
	return (rc);
}
