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

struct text_walk {
	const struct mime		*m;
	const struct message_source	*src;
	const struct charsets		*charsets;
	unsigned			 what;
	uint32_t			 part;
	int				 in_body;	/* of part */
	int				 in_header;	/* the same */
	int				 past_header;	/* the same */
	int				 begins;	/* a run */
	struct text_fields		 fields;
	uint64_t			 at;
	struct text_stream		 stream;
	struct buf			 in, out;
};

static int	 convert(struct text_stream *, struct buf *, struct span, int);
static int	 fill(struct buf *, const struct message_source *, uint64_t,
		    size_t);
static unsigned	 header_kind(const struct text_walk *, uint32_t);
static int	 hex(int);
static int	 extended(struct buf *, struct span, const struct charsets *);
static int	 walk_params(struct text_walk *, const struct text_piece *);
static int	 walk_header(struct text_walk *);
static int	 walk_body(struct text_walk *, struct span *);
static void	 walk_part(struct text_walk *);
static int	 plain(const struct text_stream *);
static size_t	 whole_fields(struct span, int *);
static int	 fields_read(struct text_fields *);
static size_t	 piece_length(const struct text_fields *);
static int	 is_blank(int);
static struct span trim(struct span);

void
text_start(struct text_stream *t, enum mime_encoding e, struct span charset,
    int html, const struct charsets *all)
{
	transfer_start(&t->transfer, e);
	charset_start(&t->charset, charset_find(all, charset));
	html_start(&t->html);
	t->is_html = html;
	t->raw = 0;
	buf_init(&t->octets, 0);
	buf_init(&t->utf8, 0);
}

/* The second and third step. */
static int
convert(struct text_stream *t, struct buf *b, struct span s, int last)
{
	struct buf	*to = t->is_html ? &t->utf8 : b;

	if (t->raw && charset_is_utf8(t->charset.charset)) {
		if (!t->is_html)
			return (buf_add_span(b, s));
		if (html_feed(&t->html, b, s) == -1)
			return (-1);
		return (last ? html_end(&t->html, b) : 0);
	}
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

static int
is_blank(int c)
{
	return (c == ' ' || c == '\t' || c == '\r' || c == '\n');
}

/* Folding at either end too. */
static struct span
trim(struct span v)
{
	while (v.n > 0 && is_blank(v.p[v.n - 1]))
		v.n--;
	for (; v.n > 0 && is_blank(v.p[0]); v.n--)
		v.p++;
	return (v);
}

int
text_value(struct buf *b, struct span value, const struct charsets *all)
{
	return (rfc2047_decode_raw(b, trim(value), all));
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
	text_fields_end(&w->fields);
	buf_free(&w->in);
	buf_free(&w->out);
	free(w);
}

/* So many octets from there, fewer when the source is shorter. */
static int
fill(struct buf *b, const struct message_source *src, uint64_t at, size_t n)
{
	uint8_t	*to;
	ssize_t	 got = 1;

	buf_reset(b);
	if ((to = buf_reserve(b, n + 1)) == NULL)
		return (-1);
	while (b->n < n && got > 0) {
		got = src->read(src->arg, at + b->n, to + b->n, n - b->n);
		if (got == -1)
			return (-1);
		buf_commit(b, (size_t)got);
	}
	return (0);
}

void
text_fields_start(struct text_fields *t, const struct message_source *src,
    uint64_t at, uint64_t end)
{
	memset(t, 0, sizeof(*t));
	t->src = src;
	t->at = at;
	t->end = end;
}

void
text_fields_end(struct text_fields *t)
{
	buf_free(&t->in);
	buf_free(&t->name);
	t->left = span_of("", 0);
}

/*
 * How much of s, with more behind it, to look at: up to where a field ends for
 * certain, else where a line of one does, else all.  *cut: within a field.
 */
static size_t
whole_fields(struct span s, int *cut)
{
	size_t	 i, line = 0;

	*cut = 0;
	for (i = s.n - 1; i > 0; i--) {
		if (s.p[i - 1] != '\n')
			continue;
		if (s.p[i] != ' ' && s.p[i] != '\t')
			return (i);
		if (line == 0)
			line = i;
	}
	*cut = 1;
	return (line != 0 ? line : s.n);
}

static int
fields_read(struct text_fields *t)
{
	uint64_t	 n = t->end - t->at;
	size_t		 take;

	if (fill(&t->in, t->src, t->at, n < TEXT_HEADER ? (size_t)n :
	    TEXT_HEADER) == -1)
		return (-1);
	take = t->in.n;
	t->cut = 0;
	if (t->in.n < n && t->in.n > 0)
		take = whole_fields(span_buf(&t->in), &t->cut);
	t->left = span_of(t->in.p, take);
	t->at = take == 0 ? t->end : t->at + take;
	return (0);
}

/* The rest of a field, or the next piece of it, at the front of left. */
static size_t
piece_length(const struct text_fields *t)
{
	struct span	 s = t->left;
	size_t		 i;

	for (i = 1; i < s.n; i++)
		if (s.p[i - 1] == '\n' && s.p[i] != ' ' && s.p[i] != '\t')
			return (i);
	return (s.n);
}

int
text_fields_next(struct text_fields *t, struct text_piece *f)
{
	struct header_field	 h;

	if (t->left.n == 0) {
		if (t->at >= t->end)
			return (0);
		if (fields_read(t) == -1)
			return (-1);
	}
	f->begins = !t->inside;
	if (t->inside) {
		f->name = span_buf(&t->name);
		(void)span_take(&t->left, piece_length(t), &f->value);
	} else if (header_next(&t->left, &h)) {
		f->name = h.name;
		f->value = h.value;
	} else {
		t->at = t->end;
		t->left = span_of("", 0);
		return (0);
	}
	f->ends = t->left.n > 0 || !t->cut;
	if (f->begins && !f->ends) {	/* the octets it is in are read over */
		buf_reset(&t->name);
		if (buf_add_span(&t->name, span_of(f->name.p, f->name.n <
		    HEADER_NAME_MAX ? f->name.n : HEADER_NAME_MAX)) == -1)
			return (-1);
	}
	t->inside = !f->ends;
	return (1);
}

/* Between two pieces there is the space of folding, but not between words. */
int
text_fields_value(struct text_fields *t, struct buf *b,
    const struct text_piece *f, const struct charsets *all)
{
	struct span	 v = trim(f->value);
	int		 begins;

	begins = v.n > 1 && v.p[0] == '=' && v.p[1] == '?';
	if (!f->begins && (t->blank || f->value.p != v.p) &&
	    !(t->word && begins))
		(void)buf_addc(b, ' ');
	t->blank = f->value.p + f->value.n != v.p + v.n;
	t->word = v.n > 1 && v.p[v.n - 2] == '?' && v.p[v.n - 1] == '=';
	return (text_value(b, v, all));
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
hex(int c)
{
	return (c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ?
	    c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1);
}

/* charset'language'text%20with%20octets */
static int
extended(struct buf *b, struct span s, const struct charsets *all)
{
	struct buf	 octets = { 0 };
	struct span	 charset, language;
	int		 rc;

	if (!span_split(&s, '\'', &charset) || !span_split(&s, '\'', &language))
		return (0);
	for (; s.n > 0; s.p++, s.n--) {
		if (s.n > 2 && s.p[0] == '%' && hex(s.p[1]) != -1 &&
		    hex(s.p[2]) != -1) {
			buf_addc(&octets, hex(s.p[1]) << 4 | hex(s.p[2]));
			s.p += 2;
			s.n -= 2;
		} else
			buf_addc(&octets, s.p[0]);
	}
	rc = buf_failed(&octets) ? -1 : charset_convert(b,
	    charset_find(all, charset), span_buf(&octets));
	buf_free(&octets);
	return (rc);
}

/* Behind a field that has some in the form of RFC 2231: its parameters as
 * people read them. */
static int
walk_params(struct text_walk *w, const struct text_piece *f)
{
	struct content	 c;
	struct span	 name;
	size_t		 i;
	int		 rc = 0, type = span_caseeqs(f->name, "Content-Type");

	if (!f->begins || !f->ends || span_find(f->value, '*') == -1 ||
	    (!type && !span_caseeqs(f->name, "Content-Disposition")))
		return (0);
	content_init(&c);
	if ((type ? content_type(&c, f->value) :
	    content_disposition(&c, f->value)) == -1)
		rc = errno == ENOMEM ? -1 : 0;
	for (i = 0; i < c.nparams && rc == 0; i++) {
		buf_addc(&w->out, ' ');
		name = c.params[i].name;
		if (name.n > 0 && name.p[name.n - 1] == '*')
			rc = extended(&w->out, c.params[i].value, w->charsets);
		else
			buf_add_span(&w->out, c.params[i].value);
	}
	content_free(&c);
	return (rc);
}

static int
walk_header(struct text_walk *w)
{
	struct text_piece	 f;
	const uint8_t		*from = NULL;
	int			 rc;

	do {
		if ((rc = text_fields_next(&w->fields, &f)) != 1)
			break;
		if (from == NULL)
			from = w->fields.left.p;
		if (f.name.n == 0)
			continue;
		if (f.begins) {
			buf_add_span(&w->out, f.name);
			buf_adds(&w->out, ": ");
		}
		if (text_fields_value(&w->fields, &w->out, &f,
		    w->charsets) == -1 || walk_params(w, &f) == -1)
			return (-1);
		if (f.ends)
			buf_addc(&w->out, '\n');
	} while (w->fields.left.n > 0 &&
	    w->fields.left.p - from < TEXT_SLICE);
	if (rc == 0) {
		w->in_header = 0;
		w->past_header = 1;
		text_fields_end(&w->fields);
	}
	return (rc == -1 || buf_failed(&w->out) ? -1 : 0);
}

/* Is the text what stands there? */
static int
plain(const struct text_stream *t)
{
	return (t->raw && !t->is_html &&
	    t->transfer.encoding != MIME_BASE64 &&
	    t->transfer.encoding != MIME_QP &&
	    charset_is_utf8(t->charset.charset));
}

static int
walk_body(struct text_walk *w, struct span *out)
{
	const struct mime_part	*p = &w->m->parts[w->part];
	uint64_t		 n = p->end - w->at;

	if (fill(&w->in, w->src, w->at, n < TEXT_SLICE ? (size_t)n :
	    TEXT_SLICE) == -1)
		return (-1);
	if (plain(&w->stream))
		*out = span_buf(&w->in);
	else if (text_feed(&w->stream, &w->out, span_buf(&w->in)) == -1)
		return (-1);
	w->at += w->in.n;
	if (w->at < p->end && w->in.n > 0)
		return (0);
	w->in_body = 0;
	w->part++;
	return (text_end(&w->stream, &w->out));
}

/* The header is over: what comes is the body, or the next part. */
static void
walk_part(struct text_walk *w)
{
	const struct mime_part	*p = &w->m->parts[w->part];

	w->past_header = 0;
	w->at = p->body;
	if (!(w->what & TEXT_BODY) || p->kind != MIME_LEAF ||
	    p->end <= p->body ||
	    !span_eqs(mime_text(w->m, p->type), "text")) {
		w->part++;
		return;
	}
	text_start(&w->stream, (enum mime_encoding)p->encoding,
	    mime_text(w->m, p->charset),
	    span_eqs(mime_text(w->m, p->subtype), "html"), w->charsets);
	w->stream.raw = 1;
	w->in_body = 1;
}

int
text_walk_next(struct text_walk *w, struct span *out, int *begins)
{
	const struct mime_part	*p;
	int			 rc;

	buf_reset(&w->out);
	*out = span_of("", 0);
	while (!w->in_header && !w->in_body) {
		if (w->part >= w->m->nparts)
			return (0);
		p = &w->m->parts[w->part];
		w->begins = 1;
		if (!w->past_header && p->body > p->header &&
		    (w->what & header_kind(w, w->part)) != 0) {
			text_fields_start(&w->fields, w->src, p->header,
			    p->body);
			w->in_header = 1;
		} else
			walk_part(w);
	}
	if (begins != NULL)
		*begins = w->begins;
	w->begins = 0;
	rc = w->in_header ? walk_header(w) : walk_body(w, out);
	if (rc == -1)
		return (-1);
	if (out->n == 0)
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
		if (begins && (rc = fold_find_break(&f)) != 0)
			break;
		if ((rc = fold_find_feed(&f, s)) != 0)
			break;
	}
	if (rc == 0)
		rc = fold_find_break(&f);
	fold_find_end(&f);
	text_walk_free(w);
	return (rc);
}
