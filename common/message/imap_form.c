/*
 * ENVELOPE, BODY, BODYSTRUCTURE.  The tree is walked with its own links, not
 * by recursion; a failed append is sticky, so only the end looks.
 */
#include <errno.h>
#include <string.h>

#include "address.h"
#include "content.h"
#include "header.h"
#include "imap_form.h"
#include "utf8.h"

struct form {
	struct buf		*b;
	const struct mime	*m;
	unsigned		 flags;
	struct content		 content;
	struct buf		 text;		/* unfolded values */
};

static void	 string(struct buf *, struct span, unsigned);
static void	 text_field(struct form *, struct span);
static int	 addresses(struct buf *, const struct header_facts *,
		    enum header_id, struct span, unsigned);
static int	 address_one(struct buf *, struct span, unsigned, int *);
static void	 params(struct form *);
static void	 disposition(struct form *, struct span);
static void	 languages(struct form *, struct span);
static void	 extension(struct form *, const struct mime_part *,
		    const struct header_facts *);
static void	 encoding(struct form *, const struct mime_part *,
		    const struct header_facts *);
static int	 is_message(const struct form *, const struct mime_part *);
static void	 leaf_begin(struct form *, const struct mime_part *,
		    const struct header_facts *);
static void	 leaf_end(struct form *, const struct mime_part *,
		    const struct header_facts *);
static void	 multi_end(struct form *, const struct mime_part *,
		    const struct header_facts *);

/*
 * Octets as a string.  CR, LF and NUL become spaces; controls, octets above
 * 127 and what is long make it a literal.
 */
static void
string(struct buf *b, struct span s, unsigned flags)
{
	size_t	 i, begin;
	int	 quoted = s.n <= IMAP_FORM_QUOTED;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] >= 0x80)
			quoted &= (flags & IMAP_FORM_UTF8) != 0;
		else if (s.p[i] < 0x20 || s.p[i] == 0x7f)
			quoted &= s.p[i] == '\0' || s.p[i] == '\r' ||
			    s.p[i] == '\n' || s.p[i] == '\t';
	}
	if (quoted && (flags & IMAP_FORM_UTF8))
		quoted = utf8_valid(s);
	if (!quoted)
		buf_addf(b, "{%zu}\r\n", s.n);
	begin = b->n;
	if (quoted)
		buf_add_quoted(b, s);
	else
		buf_add_span(b, s);
	for (i = begin; i < b->n; i++)
		if (b->p[i] == '\0' || b->p[i] == '\r' || b->p[i] == '\n')
			b->p[i] = ' ';
}

int
message_nstring(struct buf *b, struct span s, unsigned flags)
{
	if (s.p == NULL)
		return (buf_adds(b, "NIL"));
	string(b, s, flags);
	return (buf_failed(b) ? -1 : 0);
}

/* A field's value on one line, or NIL. */
static void
text_field(struct form *f, struct span value)
{
	if (value.p == NULL) {
		buf_adds(f->b, "NIL");
		return;
	}
	buf_reset(&f->text);
	header_unfold(&f->text, value);
	string(f->b, span_buf(&f->text), f->flags);
}

static void
optional(struct buf *b, struct span s, unsigned flags)
{
	if (s.n == 0)
		buf_adds(b, "NIL");
	else
		string(b, s, flags);
}

/* The addresses of one value, without parentheses around; *any: some. */
static int
address_one(struct buf *b, struct span value, unsigned flags, int *any)
{
	struct address_list	 l;
	struct address		 a;
	int			 rc;

	address_begin(&l, value);
	while ((rc = address_next(&l, &a)) == 1) {
		if (!*any)
			buf_addc(b, '(');
		*any = 1;
		buf_addc(b, '(');
		switch (a.kind) {
		case ADDRESS_GROUP:
			buf_adds(b, "NIL NIL ");
			string(b, a.name, flags);
			buf_adds(b, " NIL");
			break;
		case ADDRESS_GROUP_END:
			buf_adds(b, "NIL NIL NIL NIL");
			break;
		case ADDRESS_MAILBOX:
			optional(b, a.name, flags);
			buf_addc(b, ' ');
			optional(b, a.route, flags);
			buf_addc(b, ' ');
			string(b, a.local, flags);
			buf_addc(b, ' ');
			string(b, a.host, flags);	/* NIL means a group */
			break;
		}
		buf_addc(b, ')');
	}
	address_end(&l);
	if (rc == -1)
		b->failed = ENOMEM;
	return (rc);
}

int
message_addresses(struct buf *b, struct span value, unsigned flags)
{
	int	 any = 0;

	if (value.p != NULL)
		address_one(b, value, flags, &any);
	buf_adds(b, any ? ")" : "NIL");
	return (buf_failed(b) ? -1 : 0);
}

/*
 * All fields of one kind: To, Cc and Bcc may come more than once (RFC 5322
 * section 4.5.3).  Returns whether there was an address.
 */
static int
addresses(struct buf *b, const struct header_facts *facts, enum header_id id,
    struct span header, unsigned flags)
{
	struct header_field	 f;
	int			 any = 0, more;

	more = facts->count[id] > 1 &&
	    (id == HDR_TO || id == HDR_CC || id == HDR_BCC);
	if (more) {
		while (header_next(&header, &f))
			if (header_id(f.name) == id)
				address_one(b, f.value, flags, &any);
	} else if (facts->count[id] > 0)
		address_one(b, facts->value[id], flags, &any);
	if (any)
		buf_addc(b, ')');
	return (any);
}

static void
envelope(struct form *f, struct span header, const struct header_facts *facts)
{
	static const enum header_id	 lists[] = { HDR_FROM, HDR_SENDER,
	    HDR_REPLY_TO, HDR_TO, HDR_CC, HDR_BCC };
	struct buf			*b = f->b;
	size_t				 i, from = 0, n = 0;

	buf_addc(b, '(');
	text_field(f, facts->value[HDR_DATE]);
	buf_addc(b, ' ');
	text_field(f, facts->value[HDR_SUBJECT]);
	for (i = 0; i < nitems(lists); i++) {
		buf_addc(b, ' ');
		if (i == 0)
			from = b->n;
		if (!addresses(b, facts, lists[i], header, f->flags)) {
			if (lists[i] == HDR_SENDER || lists[i] == HDR_REPLY_TO) {
				/* as From, RFC 3501 section 7.4.2 */
				if (buf_reserve(b, n) != NULL)
					buf_add(b, b->p + from, n);
			} else
				buf_adds(b, "NIL");
		}
		if (i == 0)
			n = b->n - from;
	}
	buf_addc(b, ' ');
	text_field(f, facts->value[HDR_IN_REPLY_TO]);
	buf_addc(b, ' ');
	text_field(f, facts->value[HDR_MESSAGE_ID]);
	buf_addc(b, ')');
}

int
message_envelope(struct buf *b, struct span header, unsigned flags)
{
	struct header_facts	 facts;
	struct form		 f;

	memset(&f.text, 0, sizeof(f.text));
	f.b = b;
	f.flags = flags;
	header_facts(header, &facts);
	envelope(&f, header, &facts);
	buf_free(&f.text);
	return (buf_failed(b) ? -1 : 0);
}

/* The parameters of what content holds, or NIL. */
static void
params(struct form *f)
{
	const struct content	*c = &f->content;
	size_t			 i;

	if (c->nparams == 0) {
		buf_adds(f->b, "NIL");
		return;
	}
	for (i = 0; i < c->nparams; i++) {
		buf_addc(f->b, i == 0 ? '(' : ' ');
		string(f->b, c->params[i].name, f->flags);
		buf_addc(f->b, ' ');
		string(f->b, c->params[i].value, f->flags);
	}
	buf_addc(f->b, ')');
}

static void
disposition(struct form *f, struct span value)
{
	if (value.p == NULL || content_disposition(&f->content, value) == -1) {
		buf_adds(f->b, "NIL");
		return;
	}
	buf_addc(f->b, '(');
	string(f->b, f->content.type, f->flags);
	buf_addc(f->b, ' ');
	params(f);
	buf_addc(f->b, ')');
}

/* Content-Language: tags with commas between, RFC 3282. */
static void
languages(struct form *f, struct span value)
{
	struct span	 left, tag;
	int		 any = 0;

	buf_reset(&f->text);
	if (value.p != NULL)
		header_unfold(&f->text, value);
	for (left = span_buf(&f->text); left.n > 0;) {
		(void)span_split(&left, ',', &tag);
		tag = span_trim(tag);
		if (tag.n == 0)
			continue;
		buf_addc(f->b, any ? ' ' : '(');
		string(f->b, tag, f->flags);
		any = 1;
	}
	buf_adds(f->b, any ? ")" : "NIL");
}

static void
extension(struct form *f, const struct mime_part *part,
    const struct header_facts *facts)
{
	if (!(f->flags & IMAP_FORM_EXTENDED))
		return;
	if (part->kind != MIME_MULTIPART) {
		buf_addc(f->b, ' ');
		text_field(f, facts->value[HDR_CONTENT_MD5]);
	}
	buf_addc(f->b, ' ');
	disposition(f, facts->value[HDR_CONTENT_DISPOSITION]);
	buf_addc(f->b, ' ');
	languages(f, facts->value[HDR_CONTENT_LANGUAGE]);
	buf_addc(f->b, ' ');
	text_field(f, facts->value[HDR_CONTENT_LOCATION]);
}

static void
encoding(struct form *f, const struct mime_part *part,
    const struct header_facts *facts)
{
	static const char	*const names[] = { "\"7bit\"", "\"8bit\"",
	    "\"binary\"", "\"quoted-printable\"", "\"base64\"" };

	if (part->encoding < nitems(names))
		buf_adds(f->b, names[part->encoding]);
	else
		text_field(f, facts->value[HDR_CONTENT_TRANSFER_ENCODING]);
}

/* Is it written with an envelope and a structure? */
static int
is_message(const struct form *f, const struct mime_part *part)
{
	return (part->kind == MIME_MESSAGE &&
	    ((f->flags & IMAP_FORM_REV2) ||
	    span_eqs(mime_text(f->m, part->subtype), "rfc822")));
}

/* Everything of a part that is no multipart, up to what is inside it. */
static void
leaf_begin(struct form *f, const struct mime_part *part,
    const struct header_facts *facts)
{
	struct buf	*b = f->b;

	buf_addc(b, '(');
	string(b, mime_text(f->m, part->type), f->flags);
	buf_addc(b, ' ');
	string(b, mime_text(f->m, part->subtype), f->flags);
	buf_addc(b, ' ');
	if (part->typed &&
	    content_type(&f->content, facts->value[HDR_CONTENT_TYPE]) == 0)
		params(f);
	else if (span_eqs(mime_text(f->m, part->type), "text"))
		buf_adds(b, "(\"charset\" \"us-ascii\")");
	else
		buf_adds(b, "NIL");
	buf_addc(b, ' ');
	text_field(f, facts->value[HDR_CONTENT_ID]);
	buf_addc(b, ' ');
	text_field(f, facts->value[HDR_CONTENT_DESCRIPTION]);
	buf_addc(b, ' ');
	encoding(f, part, facts);
	buf_addf(b, " %llu", (unsigned long long)(part->end - part->body));
	if (is_message(f, part)) {
		const struct mime_part	*in = &f->m->parts[part->child];
		struct header_facts	 inner;

		header_facts(mime_text(f->m, in->kept), &inner);
		buf_addc(b, ' ');
		envelope(f, mime_text(f->m, in->kept), &inner);
		buf_addc(b, ' ');
	}
}

static void
leaf_end(struct form *f, const struct mime_part *part,
    const struct header_facts *facts)
{
	if (is_message(f, part) ||
	    span_eqs(mime_text(f->m, part->type), "text"))
		buf_addf(f->b, " %u", part->lines);
	extension(f, part, facts);
	buf_addc(f->b, ')');
}

static void
multi_end(struct form *f, const struct mime_part *part,
    const struct header_facts *facts)
{
	if (part->children == 0) {	/* there must be one */
		buf_adds(f->b, "(\"text\" \"plain\" (\"charset\" \"us-ascii\")"
		    " NIL NIL \"7bit\" 0 0");
		if (f->flags & IMAP_FORM_EXTENDED)
			buf_adds(f->b, " NIL NIL NIL NIL");
		buf_addc(f->b, ')');
	}
	buf_addc(f->b, ' ');
	string(f->b, mime_text(f->m, part->subtype), f->flags);
	if (f->flags & IMAP_FORM_EXTENDED) {
		buf_addc(f->b, ' ');
		if (content_type(&f->content,
		    facts->value[HDR_CONTENT_TYPE]) == 0)
			params(f);
		else
			buf_adds(f->b, "NIL");
	}
	extension(f, part, facts);
	buf_addc(f->b, ')');
}

int
message_bodystructure(struct buf *b, const struct mime *m, unsigned flags)
{
	struct header_facts	 facts;
	const struct mime_part	*part;
	struct form		 f;
	uint32_t		 i = 0;
	int			 down = 1;	/* else we come back up */

	f.b = b;
	f.m = m;
	f.flags = flags;
	memset(&f.text, 0, sizeof(f.text));
	content_init(&f.content);
	for (;;) {
		part = &m->parts[i];
		header_facts(mime_text(m, part->kept), &facts);
		if (down && part->kind == MIME_MULTIPART)
			buf_addc(b, '(');
		else if (down)
			leaf_begin(&f, part, &facts);
		if (down && part->child != MIME_NONE &&
		    (part->kind == MIME_MULTIPART || is_message(&f, part))) {
			i = part->child;
			continue;
		}
		if (part->kind == MIME_MULTIPART)
			multi_end(&f, part, &facts);
		else
			leaf_end(&f, part, &facts);
		if (i == 0)
			break;
		down = part->next != MIME_NONE;
		i = down ? part->next : part->parent;
	}
	buf_free(&f.text);
	content_free(&f.content);
	return (buf_failed(b) ? -1 : 0);
}
