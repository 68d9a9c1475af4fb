/*
 * FETCH items.  See fetch.h.
 */
#include <stdlib.h>
#include <string.h>

#include "fetch.h"
#include "write.h"

#define FAST	(FETCH_FLAGS | FETCH_INTERNALDATE | FETCH_RFC822_SIZE)

static const struct {
	const char	*name;
	uint32_t	 what;
	int		 macro;		/* only alone */
} simple[] = {
	{ "ALL",		FAST | FETCH_ENVELOPE,			1 },
	{ "FAST",		FAST,					1 },
	{ "FULL",		FAST | FETCH_ENVELOPE | FETCH_BODY,	1 },
	{ "UID",		FETCH_UID,				0 },
	{ "FLAGS",		FETCH_FLAGS,				0 },
	{ "INTERNALDATE",	FETCH_INTERNALDATE,			0 },
	{ "RFC822.SIZE",	FETCH_RFC822_SIZE,			0 },
	{ "ENVELOPE",		FETCH_ENVELOPE,				0 },
	{ "BODYSTRUCTURE",	FETCH_BODYSTRUCTURE,			0 },
	{ "MODSEQ",		FETCH_MODSEQ,				0 },
	{ "SAVEDATE",		FETCH_SAVEDATE,				0 },
	{ "EMAILID",		FETCH_EMAILID,				0 },
	{ "THREADID",		FETCH_THREADID,				0 },
	{ "PREVIEW",		FETCH_PREVIEW,				0 },
};

static const struct {
	const char		*name;
	enum section_form	 form;
	enum section_kind	 kind;
	int			 peek;
} whole[] = {
	{ "RFC822",		FORM_RFC822,		SECTION_ALL,	0 },
	{ "RFC822.HEADER",	FORM_RFC822_HEADER,	SECTION_HEADER,	1 },
	{ "RFC822.TEXT",	FORM_RFC822_TEXT,	SECTION_TEXT,	0 },
};

static const struct {
	const char		*name;
	enum section_form	 form;
	int			 peek;
} bodies[] = {
	{ "BODY",		FORM_BODY,		0 },	/* first */
	{ "BODY.PEEK",		FORM_BODY,		1 },
	{ "BINARY",		FORM_BINARY,		0 },
	{ "BINARY.PEEK",	FORM_BINARY,		1 },
	{ "BINARY.SIZE",	FORM_BINARY_SIZE,	1 },
};

static int	 item(struct cursor *, struct fetch_items *, int);
static int	 items(struct cursor *, struct fetch_items *);
static int	 modifiers(struct cursor *, struct fetch_items *);
static struct section *add(struct cursor *, struct fetch_items *);
static int	 section(struct cursor *, struct section *);
static int	 fields(struct cursor *, struct section *);
static int	 partial(struct cursor *, struct section *);

static struct section *
add(struct cursor *c, struct fetch_items *f)
{
	struct section	*more;

	if (f->nsections == FETCH_SECTIONS) {
		c->error = "too many body sections";
		return (NULL);
	}
	more = reallocarray(f->sections, f->nsections + 1, sizeof(*more));
	if (more == NULL) {
		c->error = "no memory";
		return (NULL);
	}
	f->sections = more;
	memset(&more[f->nsections], 0, sizeof(*more));
	return (&more[f->nsections++]);
}

static int
fields(struct cursor *c, struct section *s)
{
	struct span	*more, name;

	if (cur_sp(c) == -1 || cur_char(c, '(') == -1)
		return (-1);
	do {
		if (s->nfields > 0)
			(void)cur_sp(c);
		if (s->nfields == FETCH_FIELDS) {
			c->error = "too many header fields";
			return (-1);
		}
		if (cur_astring(c, &name) == -1)
			return (-1);
		more = reallocarray(s->fields, s->nfields + 1, sizeof(*more));
		if (more == NULL) {
			c->error = "no memory";
			return (-1);
		}
		s->fields = more;
		s->fields[s->nfields++] = name;
	} while (cur_peek(c) == ' ');
	return (cur_char(c, ')'));
}

/* What stands between "[" and "]". */
static int
section(struct cursor *c, struct section *s)
{
	static const struct {
		const char		*name;
		enum section_kind	 kind;
	} kinds[] = {
		{ "HEADER.FIELDS.NOT",	SECTION_FIELDS_NOT },
		{ "HEADER.FIELDS",	SECTION_FIELDS },
		{ "HEADER",		SECTION_HEADER },
		{ "TEXT",		SECTION_TEXT },
		{ "MIME",		SECTION_MIME },
	};
	const uint8_t	*begin = c->s.p;
	uint64_t	 n;
	size_t		 i;
	int		 dot = 0;

	while (cur_peek(c) >= '0' && cur_peek(c) <= '9') {
		if (cur_number(c, UINT32_MAX, &n) == -1)
			return (-1);
		if (n == 0 || s->nparts == FETCH_DEPTH) {
			c->error = "no such part";
			return (-1);
		}
		s->part[s->nparts++] = (uint32_t)n;
		if ((dot = cur_peek(c) == '.'))
			(void)cur_char(c, '.');
	}
	if (cur_peek(c) != ']') {
		if (s->nparts > 0 && !dot) {
			c->error = "malformed part number";
			return (-1);
		}
		for (i = 0; i < nitems(kinds); i++)
			if (cur_is(c, kinds[i].name) == 0)
				break;
		if (i == nitems(kinds) || (kinds[i].kind == SECTION_MIME &&
		    s->nparts == 0)) {
			c->error = "unknown body section";
			return (-1);
		}
		s->kind = kinds[i].kind;
		if ((s->kind == SECTION_FIELDS ||
		    s->kind == SECTION_FIELDS_NOT) && fields(c, s) == -1)
			return (-1);
	} else if (dot) {
		c->error = "malformed part number";
		return (-1);
	}
	s->text = span_of(begin, (size_t)(c->s.p - begin));
	return (cur_char(c, ']'));
}

static int
partial(struct cursor *c, struct section *s)
{
	if (cur_peek(c) != '<')
		return (0);
	s->partial = 1;
	if (cur_char(c, '<') == -1 ||
	    cur_number(c, INT64_MAX, &s->offset) == -1 ||
	    cur_char(c, '.') == -1 ||
	    cur_number(c, INT64_MAX, &s->length) == -1)
		return (-1);
	if (s->length == 0) {
		c->error = "partial fetch of no octets";
		return (-1);
	}
	return (cur_char(c, '>'));
}

/* RFC 8970 section 4: SP "(LAZY)"; we always have it at hand. */
static int
lazy(struct cursor *c)
{
	struct span	 was = c->s;

	if (cur_peek(c) != ' ' || cur_sp(c) == -1)
		return (0);
	if (cur_peek(c) != '(') {	/* the next item, or modifiers */
		c->s = was;
		return (0);
	}
	(void)cur_char(c, '(');
	if (cur_is(c, "LAZY") == 0)
		return (cur_char(c, ')'));
	c->s = was;
	return (0);
}

static int
item(struct cursor *c, struct fetch_items *f, int alone)
{
	struct section	*s;
	struct span	 w;
	size_t		 i;

	if (cur_word(c, &w) == -1)
		return (-1);
	for (i = 0; i < nitems(simple); i++)
		if (span_caseeqs(w, simple[i].name) &&
		    (alone || !simple[i].macro)) {
			f->what |= simple[i].what;
			return (simple[i].what == FETCH_PREVIEW ? lazy(c) : 0);
		}
	for (i = 0; i < nitems(whole) && !c->rev2; i++)
		if (span_caseeqs(w, whole[i].name)) {
			if ((s = add(c, f)) == NULL)
				return (-1);
			s->form = whole[i].form;
			s->kind = whole[i].kind;
			s->peek = whole[i].peek;
			f->sets_seen |= !s->peek;
			return (0);
		}
	for (i = 0; i < nitems(bodies); i++)
		if (span_caseeqs(w, bodies[i].name))
			break;
	if (i == nitems(bodies)) {
		c->error = "unknown FETCH item";
		return (-1);
	}
	if (cur_peek(c) != '[') {
		if (i > 0) {
			c->error = "expected a section";
			return (-1);
		}
		f->what |= FETCH_BODY;
		return (0);
	}
	if ((s = add(c, f)) == NULL)
		return (-1);
	s->form = bodies[i].form;
	s->peek = bodies[i].peek;
	f->sets_seen |= !s->peek;
	(void)cur_char(c, '[');
	if (section(c, s) == -1)
		return (-1);
	if (s->form != FORM_BODY && s->kind != SECTION_ALL) {
		c->error = "expected the numbers of a part";
		return (-1);
	}
	return (s->form == FORM_BINARY_SIZE ? 0 : partial(c, s));
}

static int
items(struct cursor *c, struct fetch_items *f)
{
	if (cur_peek(c) != '(')
		return (item(c, f, 1));
	(void)cur_char(c, '(');
	for (;;) {
		if (item(c, f, 0) == -1)
			return (-1);
		if (cur_peek(c) != ' ')
			break;
		(void)cur_sp(c);
	}
	return (cur_char(c, ')'));
}

/* "CHANGEDSINCE" SP number, "VANISHED": RFC 7162 sections 3.1.4.1, 3.2.6;
 * "PARTIAL" SP range: RFC 9394 section 3.3. */
static int
modifier(struct cursor *c, struct fetch_items *f, int *since)
{
	if (cur_is(c, "VANISHED") == 0) {
		f->vanished = 1;
		return (0);
	}
	if (cur_is(c, "PARTIAL") == 0) {
		if (f->partial.lo != 0) {
			c->error = "PARTIAL twice";
			return (-1);
		}
		return (cur_sp(c) == -1 ? -1 : cur_partial(c, &f->partial));
	}
	if (cur_is(c, "CHANGEDSINCE") == -1 || cur_sp(c) == -1 ||
	    cur_number(c, INT64_MAX, &f->since) == -1)
		return (-1);
	f->what |= FETCH_MODSEQ;
	*since = 1;
	return (0);
}

/* SP "(" modifier *(SP modifier) ")" */
static int
modifiers(struct cursor *c, struct fetch_items *f)
{
	int	 since = 0;

	if (cur_peek(c) != ' ')
		return (0);
	if (cur_sp(c) == -1 || cur_char(c, '(') == -1)
		return (-1);
	do {
		if (modifier(c, f, &since) == -1)
			return (-1);
	} while (cur_peek(c) == ' ' && cur_sp(c) == 0);
	if (f->vanished && !since) {
		c->error = "VANISHED without CHANGEDSINCE";
		return (-1);
	}
	return (cur_char(c, ')'));
}

int
cur_fetch(struct cursor *c, struct fetch_items *f)
{
	memset(f, 0, sizeof(*f));
	if (items(c, f) == 0 && modifiers(c, f) == 0)
		return (0);
	fetch_free(f);
	return (-1);
}

int
cur_fetch_list(struct cursor *c, struct fetch_items *f)
{
	memset(f, 0, sizeof(*f));
	if (cur_peek(c) != '(') {
		c->error = "expected \"(\"";
		return (-1);
	}
	if (items(c, f) == 0)
		return (0);
	fetch_free(f);
	return (-1);
}

void
fetch_free(struct fetch_items *f)
{
	size_t	 i;

	for (i = 0; i < f->nsections; i++)
		free(f->sections[i].fields);
	free(f->sections);
	memset(f, 0, sizeof(*f));
}

void
section_write(struct buf *b, const struct section *s)
{
	static const char *const forms[] = { "BODY", "RFC822",
	    "RFC822.HEADER", "RFC822.TEXT", "BINARY", "BINARY.SIZE" };
	size_t	 i;

	buf_adds(b, forms[s->form]);
	if (s->form >= FORM_RFC822 && s->form <= FORM_RFC822_TEXT)
		return;
	buf_addc(b, '[');
	/* A name of a field may have come as a literal: write it anew. */
	for (i = 0; i < s->nparts; i++)
		buf_addf(b, "%s%u", i == 0 ? "" : ".", s->part[i]);
	if (s->kind != SECTION_ALL && s->nparts > 0)
		buf_addc(b, '.');
	switch (s->kind) {
	case SECTION_ALL:
		break;
	case SECTION_HEADER:
		buf_adds(b, "HEADER");
		break;
	case SECTION_TEXT:
		buf_adds(b, "TEXT");
		break;
	case SECTION_MIME:
		buf_adds(b, "MIME");
		break;
	case SECTION_FIELDS:
	case SECTION_FIELDS_NOT:
		buf_adds(b, s->kind == SECTION_FIELDS ? "HEADER.FIELDS (" :
		    "HEADER.FIELDS.NOT (");
		for (i = 0; i < s->nfields; i++)
			astring_write(b, s->fields[i], i > 0);
		buf_addc(b, ')');
		break;
	}
	buf_addc(b, ']');
	if (s->partial)
		buf_addf(b, "<%llu>", (unsigned long long)s->offset);
}
