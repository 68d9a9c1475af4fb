/*
 * The push parser.  Octets are taken line by line; of a line that came in
 * pieces its first octets are kept, as many as a boundary can have.  A frame
 * is a part that is still open; a boundary line closes all frames above the
 * multipart that it belongs to.  Of boundaries that a line begins with the
 * longest counts, then the innermost open one (RFC 2046 section 5.1.1).  A multipart
 * that was closed stays until its parent goes on, so that what follows is its
 * epilogue, whatever it looks like.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "content.h"
#include "header.h"
#include "mime_int.h"

const struct mime_limits	 mime_limits_default = {
	.depth = 100,
	.parts = 10000,
	.boundary = 2048,
	.field = 64 * 1024,
	.header = 256 * 1024,
	.content = 16 * 1024,
	.headers = 2 * 1024 * 1024,
};

struct frame {
	uint32_t	 part;
	uint32_t	 last;		/* of its children */
	uint32_t	 lf;		/* lines before its body */
	uint8_t		 over;		/* its closing boundary was seen */
	uint8_t		 digest;	/* RFC 2046 section 5.1.5 */
	size_t		 at, n;		/* its boundary in bounds; n 0: none */
	uint64_t	 head, mask;	/* the first 8 octets of it */
};

struct mime_parser {
	struct mime_limits	 lim;
	struct mime		 m;
	size_t			 room;		/* for parts */
	struct frame		*frames;	/* lim.depth + 1 */
	uint32_t		 nframes;
	struct buf		 bounds;
	struct content		 content;
	int			 in_header;
	int			 failed;
	uint64_t		 at;		/* octets fed */
	uint32_t		 lf;		/* line ends so far */
	/* the line we are in */
	struct buf		 line;		/* how it begins, if in pieces */
	uint64_t		 line_n;
	uint8_t			 prev;		/* its last octet */
	unsigned		 eol;		/* octets of the end before it */
	/* the header we are in */
	size_t			 mark;		/* in m.text: where it begins */
	size_t			 field;		/* its last field */
	size_t			 undo;		/* its last line */
	int			 cut;		/* octets of this line dropped */
};

static int	 new_part(struct mime_parser *, uint32_t, uint64_t);
static void	 close_frame(struct mime_parser *, uint64_t);
static void	 field_end(struct mime_parser *);
static void	 keep(struct mime_parser *, struct span);
static int	 header_done(struct mime_parser *, uint64_t);
static void	 boundary_set(struct mime_parser *, struct frame *);
static void	 type_string(struct mime_parser *, struct mime_str *,
		    struct span);
static void	 type_set(struct mime_parser *, struct mime_part *,
		    const char *, const char *);
static void	 classify(struct mime_parser *, struct mime_part *,
		    struct frame *, const struct span *);
static int	 match(struct mime_parser *, struct span, uint32_t *, int *);
static int	 boundary(struct mime_parser *, uint32_t, int, uint64_t);
static int	 one_line(struct mime_parser *, struct span, uint64_t,
		    unsigned);
static int	 piece(struct mime_parser *, struct span, int);
static void	 octets(struct mime *, struct span);

struct mime_parser *
mime_parser_new(const struct mime_limits *lim)
{
	struct mime_parser	*p;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		return (NULL);
	p->lim = lim == NULL ? mime_limits_default : *lim;
	content_init(&p->content);
	if ((p->frames = calloc((size_t)p->lim.depth + 2,
	    sizeof(p->frames[0]))) == NULL) {
		free(p);
		return (NULL);
	}
	mime_parser_reset(p);
	return (p);
}

void
mime_parser_free(struct mime_parser *p)
{
	if (p == NULL)
		return;
	free(p->m.parts);
	buf_free(&p->m.text);
	buf_free(&p->bounds);
	buf_free(&p->line);
	content_free(&p->content);
	free(p->frames);
	free(p);
}

void
mime_parser_reset(struct mime_parser *p)
{
	struct mime_part	*parts = p->m.parts;
	struct buf		 text = p->m.text;

	memset(&p->m, 0, sizeof(p->m));
	p->m.parts = parts;
	p->m.text = text;
	buf_reset(&p->m.text);
	buf_reset(&p->bounds);
	buf_reset(&p->line);
	p->nframes = 0;
	p->at = p->line_n = 0;
	p->lf = 0;
	p->prev = 0;
	p->eol = 0;
	p->failed = new_part(p, MIME_NONE, 0);
}

/* Take the tree out of the parser, which then holds nothing. */
void
mime_detach(struct mime_parser *p, struct mime *m)
{
	*m = p->m;
	memset(&p->m, 0, sizeof(p->m));
	p->room = 0;
}

/* A part whose header begins at this offset, open, behind its siblings. */
static int
new_part(struct mime_parser *p, uint32_t parent, uint64_t at)
{
	struct mime_part	*new, *part;
	struct frame		*f, *up;
	uint32_t		 i = p->m.nparts;
	size_t			 room;

	if (i == p->room) {
		room = p->room == 0 ? 4 : p->room * 2;
		if ((new = reallocarray(p->m.parts, room,
		    sizeof(*new))) == NULL)
			return (-1);
		p->m.parts = new;
		p->room = room;
	}
	part = &p->m.parts[i];
	memset(part, 0, sizeof(*part));
	part->parent = parent;
	part->child = part->next = MIME_NONE;
	part->header = part->body = part->end = at;
	p->m.nparts++;
	if (parent != MIME_NONE) {
		up = &p->frames[p->nframes - 1];
		if (up->last == MIME_NONE)
			p->m.parts[parent].child = i;
		else
			p->m.parts[up->last].next = i;
		up->last = i;
		p->m.parts[parent].children++;
	}
	f = &p->frames[p->nframes++];
	memset(f, 0, sizeof(*f));
	f->part = i;
	f->last = MIME_NONE;
	p->in_header = 1;
	p->mark = p->field = p->undo = p->m.text.n;
	p->cut = 0;
	return (0);
}

/* The innermost part ends at the line that begins here. */
static void
close_frame(struct mime_parser *p, uint64_t at)
{
	struct frame		*f = &p->frames[--p->nframes];
	struct mime_part	*part = &p->m.parts[f->part];

	part->end = at;
	part->lines = p->lf - f->lf;
	/* the line end before a boundary is the boundary's, but for the empty
	 * line behind a header, here or in the last part inside */
	if (p->eol > 0 && at - part->body >= p->eol && (f->last == MIME_NONE ||
	    p->m.parts[f->last].end <= at - p->eol)) {
		part->end -= p->eol;
		if (part->lines > 0)
			part->lines--;
	}
	if (f->n > 0)
		buf_truncate(&p->bounds, f->at);
}

/* The last field is complete: it goes if there is no room for it. */
static void
field_end(struct mime_parser *p)
{
	struct buf	*t = &p->m.text;
	struct span	 f = span_of(t->p + p->field, t->n - p->field);
	size_t		 header = p->lim.header, all = p->lim.headers;

	if (t->n - p->mark <= header && t->n <= all)
		return;
	if (span_caseprefix(f, "content-")) {
		header += p->lim.content;
		all *= 2;
	}
	if (t->n - p->mark > header || t->n > all)
		buf_truncate(t, p->field);
}

/* Octets of the header, which begin a line or go on with one. */
static void
keep(struct mime_parser *p, struct span s)
{
	struct buf	*t = &p->m.text;
	size_t		 used, n = s.n;

	if (p->line_n == 0) {
		if (s.p[0] != ' ' && s.p[0] != '\t') {
			if (t->n > p->field)
				field_end(p);
			p->field = t->n;
		}
		p->undo = t->n;
		p->cut = 0;
	}
	used = t->n - p->field;
	if (used + n > p->lim.field) {
		n = used < p->lim.field ? p->lim.field - used : 0;
		p->cut = 1;
	}
	buf_add(t, s.p, n);
	if (p->cut && s.p[s.n - 1] == '\n' && t->n > p->undo &&
	    t->p[t->n - 1] != '\n')
		buf_addc(t, '\n');
}

static void
type_string(struct mime_parser *p, struct mime_str *str, struct span s)
{
	struct buf	*t = &p->m.text;
	size_t		 i;

	str->at = (uint32_t)t->n;
	str->n = (uint32_t)s.n;
	if (buf_add_span(t, s) == -1)
		return;
	for (i = str->at; i < t->n; i++)
		if (t->p[i] >= 'A' && t->p[i] <= 'Z')
			t->p[i] += 32;
}

static void
type_set(struct mime_parser *p, struct mime_part *part, const char *type,
    const char *subtype)
{
	type_string(p, &part->type, span_str(type));
	type_string(p, &part->subtype, span_str(subtype));
}

/* The content's boundary, if it has one that can be used, is the frame's. */
static void
boundary_set(struct mime_parser *p, struct frame *f)
{
	struct span	 b = content_param(&p->content, "boundary", NULL);
	size_t		 i;

	while (b.n > 0 && (b.p[b.n - 1] == ' ' || b.p[b.n - 1] == '\t'))
		b.n--;
	if (b.n == 0 || b.n > p->lim.boundary)
		return;
	f->at = p->bounds.n;
	f->n = b.n;
	f->head = f->mask = 0;
	for (i = 0; i < 8 && i < b.n; i++) {
		f->head |= (uint64_t)b.p[i] << (8 * i);
		f->mask |= (uint64_t)0xff << (8 * i);
	}
	buf_add_span(&p->bounds, b);
}

/* What the part is, by its header and by where it stands. */
static void
classify(struct mime_parser *p, struct mime_part *part, struct frame *f,
    const struct span *value)
{
	struct content	*c = &p->content;
	int		 deep, known, set;

	known = value != NULL && content_type(c, *value) == 0;
	deep = p->nframes > p->lim.depth || p->m.nparts >= p->lim.parts;
	part->kind = MIME_LEAF;
	if (known && span_caseeqs(c->type, "multipart")) {
		boundary_set(p, f);
		if (f->n == 0)
			known = 0;	/* RFC 2045 section 5.2 */
		else if (deep) {
			buf_truncate(&p->bounds, f->at);
			f->n = 0;
			part->opaque = 1;
		} else
			part->kind = MIME_MULTIPART;
		f->digest = span_caseeqs(c->subtype, "digest");
	} else if (known && span_caseeqs(c->type, "message") &&
	    (span_caseeqs(c->subtype, "rfc822") ||
	    span_caseeqs(c->subtype, "global"))) {
		part->opaque = (uint8_t)deep;
		part->kind = deep ? MIME_LEAF : MIME_MESSAGE;
	}
	set = known && !part->opaque;
	part->typed = (uint8_t)set;
	if (set) {
		type_string(p, &part->type, c->type);
		type_string(p, &part->subtype, c->subtype);
		type_string(p, &part->charset,
		    content_param(c, "charset", NULL));
	} else if (part->opaque)
		type_set(p, part, "application", "octet-stream");
	else if (value == NULL && part->parent != MIME_NONE && p->nframes > 1 &&
	    p->frames[p->nframes - 2].digest && !deep) {
		type_set(p, part, "message", "rfc822");
		part->kind = MIME_MESSAGE;
	} else
		type_set(p, part, "text", "plain");
}

/* The innermost part's header is complete, its body begins here. */
static int
header_done(struct mime_parser *p, uint64_t at)
{
	struct frame		*f = &p->frames[p->nframes - 1];
	struct mime_part	*part = &p->m.parts[f->part];
	struct header_field	 h;
	struct span		 left, type = { NULL, 0 }, enc = { NULL, 0 };
	enum header_id		 id;
	int			 typed = 0, encoded = 0;

	part->body = part->end = at;
	part->kept.at = (uint32_t)p->mark;
	part->kept.n = (uint32_t)(p->m.text.n - p->mark);
	f->lf = p->lf;
	p->in_header = 0;
	if (buf_failed(&p->m.text))
		return (-1);
	for (left = mime_text(&p->m, part->kept); header_next(&left, &h);) {
		id = header_id(h.name);
		if (id == HDR_CONTENT_TYPE && !typed) {
			type = h.value;
			typed = 1;
		} else if (id == HDR_CONTENT_TRANSFER_ENCODING && !encoded) {
			enc = h.value;
			encoded = 1;
		}
	}
	part->encoding = (uint8_t)(encoded ? content_encoding(enc) :
	    MIME_7BIT);
	classify(p, part, f, typed ? &type : NULL);
	if (buf_failed(&p->m.text) || buf_failed(&p->bounds) ||
	    buf_failed(&p->content.text))
		return (-1);
	if (part->kind == MIME_MESSAGE)
		return (new_part(p, f->part, at));
	return (0);
}

/* s: a line behind its "--".  Whose boundary is it?  Returns 1, or 0. */
static int
match(struct mime_parser *p, struct span s, uint32_t *found, int *closing)
{
	const struct frame	*f;
	uint64_t		 head = 0;
	uint32_t		 i;
	size_t			 longest = 0;

	for (i = 0; i < 8 && i < s.n; i++)
		head |= (uint64_t)s.p[i] << (8 * i);
	for (i = p->nframes; i-- > 0;) {
		f = &p->frames[i];
		if (f->n == 0 || f->n < longest || f->n > s.n ||
		    (f->n == longest && !p->frames[*found].over) ||
		    (head & f->mask) != f->head ||
		    memcmp(s.p, p->bounds.p + f->at, f->n) != 0)
			continue;
		longest = f->n;
		*found = i;
	}
	if (longest == 0 || p->frames[*found].over)
		return (0);
	*closing = s.n >= longest + 2 && s.p[longest] == '-' &&
	    s.p[longest + 1] == '-';
	return (1);
}

/* A boundary of that frame; its line begins at start and was counted in at. */
static int
boundary(struct mime_parser *p, uint32_t frame, int closing, uint64_t start)
{
	uint64_t	 end = start;
	uint32_t	 i;

	if (p->in_header) {		/* it has no empty line */
		buf_truncate(&p->m.text, p->undo);
		i = p->frames[p->nframes - 1].part;
		if (start - p->m.parts[i].header >= p->eol)
			end -= p->eol;
	}
	while (p->in_header)
		if (header_done(p, end) == -1)
			return (-1);
	while (p->nframes > frame + 1)
		close_frame(p, start);
	if (closing)
		p->frames[frame].over = 1;
	return (0);
}

/*
 * A line of n octets has ended, eol of them its end; s is how it begins, at
 * least as far as a boundary can reach.
 */
static int
one_line(struct mime_parser *p, struct span s, uint64_t n, unsigned eol)
{
	uint64_t	 len = n - eol;
	uint32_t	 frame = 0;
	int		 closing = 0, opens = 0;

	if (len < s.n)
		s.n = (size_t)len;
	if (s.n > 2 && s.p[0] == '-' && s.p[1] == '-' && p->bounds.n > 0 &&
	    match(p, span_of(s.p + 2, s.n - 2), &frame, &closing)) {
		if (boundary(p, frame, closing, p->at - n) == -1)
			return (-1);
		opens = !closing && p->m.nparts < p->lim.parts;
	} else if (p->in_header)
		p->m.parts[p->frames[p->nframes - 1].part].header_lines +=
		    eol != 0;
	if (len > p->m.longest)
		p->m.longest = len > UINT32_MAX ? UINT32_MAX : (uint32_t)len;
	p->lf += eol != 0;
	p->eol = eol;
	if (opens)
		return (new_part(p, p->frames[frame].part, p->at));
	if (p->in_header && len == 0 && eol != 0)
		return (header_done(p, p->at));
	return (0);
}

/* Octets of one line, with its LF if complete. */
static int
piece(struct mime_parser *p, struct span s, int complete)
{
	size_t		 room = p->lim.boundary + 4;
	uint64_t	 n;
	uint8_t		 before;
	unsigned	 eol = 0;

	if (p->in_header)
		keep(p, s);
	before = s.n > 1 ? s.p[s.n - 2] : p->line_n > 0 ? p->prev : 0;
	if (complete)
		eol = before == '\r' ? 2 : 1;
	if (!p->m.bare && (eol == 1 || (p->line_n > 0 && p->prev == '\r' &&
	    s.p[0] != '\n') || (s.n > eol && memchr(s.p, '\r', s.n -
	    (eol != 0 ? eol : 1)) != NULL)))
		p->m.bare = 1;
	n = p->line_n + s.n;
	p->at += s.n;
	p->prev = s.p[s.n - 1];
	if (complete && p->line_n == 0)		/* it came in one */
		return (one_line(p, s, n, eol));
	if (p->line.n < room && buf_add(&p->line, s.p,
	    s.n < room - p->line.n ? s.n : room - p->line.n) == -1)
		return (-1);
	p->line_n = n;
	if (!complete)
		return (0);
	if (one_line(p, span_buf(&p->line), n, eol) == -1)
		return (-1);
	p->line_n = 0;
	buf_reset(&p->line);
	return (0);
}

/* Is there a NUL, is there an octet above 127? */
static void
octets(struct mime *m, struct span s)
{
	const uint64_t	 ones = 0x0101010101010101, tops = ones << 7;
	uint64_t	 w, high = 0, nul = 0;
	size_t		 i;

	for (i = 0; i + 8 <= s.n; i += 8) {
		memcpy(&w, s.p + i, 8);
		high |= w;
		nul |= (w - ones) & ~w;
	}
	for (; i < s.n; i++) {
		high |= s.p[i];
		nul |= s.p[i] == 0 ? tops : 0;
	}
	m->eightbit |= (high & tops) != 0;
	m->nul |= (nul & tops) != 0;
}

int
mime_feed(struct mime_parser *p, struct span in)
{
	const uint8_t	*lf;
	size_t		 n;

	octets(&p->m, in);
	while (in.n > 0 && !p->failed) {
		lf = memchr(in.p, '\n', in.n);
		n = lf == NULL ? in.n : (size_t)(lf - in.p) + 1;
		if (piece(p, span_of(in.p, n), lf != NULL) == -1)
			p->failed = 1;
		in.p += n;
		in.n -= n;
	}
	if (!p->failed)
		return (0);
	errno = ENOMEM;
	return (-1);
}

const struct mime *
mime_end(struct mime_parser *p)
{
	if (!p->failed && p->line_n > 0) {
		if (p->prev == '\r')
			p->m.bare = 1;
		if (one_line(p, span_buf(&p->line), p->line_n, 0) == -1)
			p->failed = 1;
		p->line_n = 0;
	}
	while (!p->failed && p->in_header)
		p->failed = header_done(p, p->at) == -1;
	if (p->failed) {
		errno = ENOMEM;
		return (NULL);
	}
	p->eol = 0;
	while (p->nframes > 0)
		close_frame(p, p->at);
	p->m.size = p->at;
	p->m.lines = p->lf;
	return (&p->m);
}
