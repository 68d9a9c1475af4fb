/*
 * HTML to text, one octet at a time.  See html.h.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "charset.h"
#include "html.h"
#include "utf8.h"

enum { TEXT, OPEN, NAME, ATTRIBUTES, VALUE, MARKUP, COMMENT, ENTITY };

static const char	*const hiding[] = { "head", "script", "style", "title",
    "template", "svg" };

/* Tags that begin a line; all others mean nothing. */
static const char	*const blocks[] = { "address", "article", "aside",
    "blockquote", "body", "br", "caption", "center", "dd", "div", "dl", "dt",
    "fieldset", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6",
    "header", "hr", "html", "legend", "li", "main", "nav", "ol", "option", "p",
    "pre", "section", "table", "tbody", "tfoot", "thead", "tr", "ul" };
/* Tags that are at least a space. */
static const char	*const spaces[] = { "img", "input", "select", "td",
    "textarea", "th" };

/* What may stand in a head, besides comments; other tags and text end it. */
static const char	*const in_head[] = { "base", "head", "html", "link",
    "meta", "noscript", "script", "style", "template", "title" };
/* And these end tags, which would be none of its own. */
static const char	*const end_head[] = { "body", "br", "head", "html" };

/* HTML 4's, and what HTML 5 has of them in capitals; by name. */
static const struct entity {
	const char	*name;
	uint16_t	 cp;
} entities[] = {
	{ "AElig", 0xc6 }, { "AMP", '&' }, { "Aacute", 0xc1 },
	{ "Acirc", 0xc2 }, { "Agrave", 0xc0 }, { "Alpha", 0x391 },
	{ "Aring", 0xc5 }, { "Atilde", 0xc3 }, { "Auml", 0xc4 },
	{ "Beta", 0x392 }, { "COPY", 0xa9 }, { "Ccedil", 0xc7 },
	{ "Chi", 0x3a7 }, { "Dagger", 0x2021 }, { "Delta", 0x394 },
	{ "ETH", 0xd0 }, { "Eacute", 0xc9 }, { "Ecirc", 0xca },
	{ "Egrave", 0xc8 }, { "Epsilon", 0x395 }, { "Eta", 0x397 },
	{ "Euml", 0xcb }, { "GT", '>' }, { "Gamma", 0x393 },
	{ "Iacute", 0xcd }, { "Icirc", 0xce }, { "Igrave", 0xcc },
	{ "Iota", 0x399 }, { "Iuml", 0xcf }, { "Kappa", 0x39a }, { "LT", '<' },
	{ "Lambda", 0x39b }, { "Mu", 0x39c }, { "Ntilde", 0xd1 },
	{ "Nu", 0x39d }, { "OElig", 0x152 }, { "Oacute", 0xd3 },
	{ "Ocirc", 0xd4 }, { "Ograve", 0xd2 }, { "Omega", 0x3a9 },
	{ "Omicron", 0x39f }, { "Oslash", 0xd8 }, { "Otilde", 0xd5 },
	{ "Ouml", 0xd6 }, { "Phi", 0x3a6 }, { "Pi", 0x3a0 },
	{ "Prime", 0x2033 }, { "Psi", 0x3a8 }, { "QUOT", '"' },
	{ "REG", 0xae }, { "Rho", 0x3a1 }, { "Scaron", 0x160 },
	{ "Sigma", 0x3a3 }, { "THORN", 0xde }, { "Tau", 0x3a4 },
	{ "Theta", 0x398 }, { "Uacute", 0xda }, { "Ucirc", 0xdb },
	{ "Ugrave", 0xd9 }, { "Upsilon", 0x3a5 }, { "Uuml", 0xdc },
	{ "Xi", 0x39e }, { "Yacute", 0xdd }, { "Yuml", 0x178 },
	{ "Zeta", 0x396 }, { "aacute", 0xe1 }, { "acirc", 0xe2 },
	{ "acute", 0xb4 }, { "aelig", 0xe6 }, { "agrave", 0xe0 },
	{ "alefsym", 0x2135 }, { "alpha", 0x3b1 }, { "amp", '&' },
	{ "and", 0x2227 }, { "ang", 0x2220 }, { "apos", '\'' },
	{ "aring", 0xe5 }, { "asymp", 0x2248 }, { "atilde", 0xe3 },
	{ "auml", 0xe4 }, { "bdquo", 0x201e }, { "beta", 0x3b2 },
	{ "brvbar", 0xa6 }, { "bull", 0x2022 }, { "cap", 0x2229 },
	{ "ccedil", 0xe7 }, { "cedil", 0xb8 }, { "cent", 0xa2 },
	{ "chi", 0x3c7 }, { "circ", 0x2c6 }, { "clubs", 0x2663 },
	{ "cong", 0x2245 }, { "copy", 0xa9 }, { "crarr", 0x21b5 },
	{ "cup", 0x222a }, { "curren", 0xa4 }, { "dArr", 0x21d3 },
	{ "dagger", 0x2020 }, { "darr", 0x2193 }, { "deg", 0xb0 },
	{ "delta", 0x3b4 }, { "diams", 0x2666 }, { "divide", 0xf7 },
	{ "eacute", 0xe9 }, { "ecirc", 0xea }, { "egrave", 0xe8 },
	{ "empty", 0x2205 }, { "emsp", 0x2003 }, { "ensp", 0x2002 },
	{ "epsilon", 0x3b5 }, { "equiv", 0x2261 }, { "eta", 0x3b7 },
	{ "eth", 0xf0 }, { "euml", 0xeb }, { "euro", 0x20ac },
	{ "exist", 0x2203 }, { "fnof", 0x192 }, { "forall", 0x2200 },
	{ "frac12", 0xbd }, { "frac14", 0xbc }, { "frac34", 0xbe },
	{ "frasl", 0x2044 }, { "gamma", 0x3b3 }, { "ge", 0x2265 },
	{ "gt", '>' }, { "hArr", 0x21d4 }, { "harr", 0x2194 },
	{ "hearts", 0x2665 }, { "hellip", 0x2026 }, { "iacute", 0xed },
	{ "icirc", 0xee }, { "iexcl", 0xa1 }, { "igrave", 0xec },
	{ "image", 0x2111 }, { "infin", 0x221e }, { "int", 0x222b },
	{ "iota", 0x3b9 }, { "iquest", 0xbf }, { "isin", 0x2208 },
	{ "iuml", 0xef }, { "kappa", 0x3ba }, { "lArr", 0x21d0 },
	{ "lambda", 0x3bb }, { "lang", 0x2329 }, { "laquo", 0xab },
	{ "larr", 0x2190 }, { "lceil", 0x2308 }, { "ldquo", 0x201c },
	{ "le", 0x2264 }, { "lfloor", 0x230a }, { "lowast", 0x2217 },
	{ "loz", 0x25ca }, { "lrm", 0x200e }, { "lsaquo", 0x2039 },
	{ "lsquo", 0x2018 }, { "lt", '<' }, { "macr", 0xaf },
	{ "mdash", 0x2014 }, { "micro", 0xb5 }, { "middot", 0xb7 },
	{ "minus", 0x2212 }, { "mu", 0x3bc }, { "nabla", 0x2207 },
	{ "nbsp", ' ' }, { "ndash", 0x2013 }, { "ne", 0x2260 },
	{ "ni", 0x220b }, { "not", 0xac }, { "notin", 0x2209 },
	{ "nsub", 0x2284 }, { "ntilde", 0xf1 }, { "nu", 0x3bd },
	{ "oacute", 0xf3 }, { "ocirc", 0xf4 }, { "oelig", 0x153 },
	{ "ograve", 0xf2 }, { "oline", 0x203e }, { "omega", 0x3c9 },
	{ "omicron", 0x3bf }, { "oplus", 0x2295 }, { "or", 0x2228 },
	{ "ordf", 0xaa }, { "ordm", 0xba }, { "oslash", 0xf8 },
	{ "otilde", 0xf5 }, { "otimes", 0x2297 }, { "ouml", 0xf6 },
	{ "para", 0xb6 }, { "part", 0x2202 }, { "permil", 0x2030 },
	{ "perp", 0x22a5 }, { "phi", 0x3c6 }, { "pi", 0x3c0 },
	{ "piv", 0x3d6 }, { "plusmn", 0xb1 }, { "pound", 0xa3 },
	{ "prime", 0x2032 }, { "prod", 0x220f }, { "prop", 0x221d },
	{ "psi", 0x3c8 }, { "quot", '"' }, { "rArr", 0x21d2 },
	{ "radic", 0x221a }, { "rang", 0x232a }, { "raquo", 0xbb },
	{ "rarr", 0x2192 }, { "rceil", 0x2309 }, { "rdquo", 0x201d },
	{ "real", 0x211c }, { "reg", 0xae }, { "rfloor", 0x230b },
	{ "rho", 0x3c1 }, { "rlm", 0x200f }, { "rsaquo", 0x203a },
	{ "rsquo", 0x2019 }, { "sbquo", 0x201a }, { "scaron", 0x161 },
	{ "sdot", 0x22c5 }, { "sect", 0xa7 }, { "shy", 0xad },
	{ "sigma", 0x3c3 }, { "sigmaf", 0x3c2 }, { "sim", 0x223c },
	{ "spades", 0x2660 }, { "sub", 0x2282 }, { "sube", 0x2286 },
	{ "sum", 0x2211 }, { "sup", 0x2283 }, { "sup1", 0xb9 },
	{ "sup2", 0xb2 }, { "sup3", 0xb3 }, { "supe", 0x2287 },
	{ "szlig", 0xdf }, { "tau", 0x3c4 }, { "there4", 0x2234 },
	{ "theta", 0x3b8 }, { "thetasym", 0x3d1 }, { "thinsp", 0x2009 },
	{ "thorn", 0xfe }, { "tilde", 0x2dc }, { "times", 0xd7 },
	{ "trade", 0x2122 }, { "uArr", 0x21d1 }, { "uacute", 0xfa },
	{ "uarr", 0x2191 }, { "ucirc", 0xfb }, { "ugrave", 0xf9 },
	{ "uml", 0xa8 }, { "upsih", 0x3d2 }, { "upsilon", 0x3c5 },
	{ "uuml", 0xfc }, { "weierp", 0x2118 }, { "xi", 0x3be },
	{ "yacute", 0xfd }, { "yen", 0xa5 }, { "yuml", 0xff },
	{ "zeta", 0x3b6 }, { "zwj", 0x200d }, { "zwnj", 0x200c },
};

static int	 is_space(int);
static int	 in_list(const char *const *, size_t, const char *);
static void	 separate(struct html *, struct buf *);
static void	 out(struct html *, struct buf *, uint32_t);
static void	 hide(struct html *);
static int	 hidden(struct html *);
static void	 tag(struct html *);
static uint32_t	 numeric(const char *);
static int	 by_name(const void *, const void *);
static int	 entity(struct html *, struct buf *);
static int	 plain(uint8_t);
static int	 text(struct html *, struct buf *, struct span *);
static void	 skip(struct html *, struct span *);
static int	 raw(const struct html *);
static void	 inside(struct html *, uint8_t);
static int	 step(struct html *, struct buf *, uint8_t);

static int
is_space(int c)
{
	return (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f');
}

static int
in_list(const char *const *list, size_t n, const char *name)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (list[i][0] == name[0] && strcmp(list[i], name) == 0)
			return (1);
	return (0);
}

void
html_start(struct html *h)
{
	memset(h, 0, sizeof(*h));
	h->state = TEXT;
}

/* The space or line that is due, if there is something before it. */
static void
separate(struct html *h, struct buf *b)
{
	if (h->begun && h->space != 0)
		buf_addc(b, h->space == 2 ? '\n' : ' ');
	h->space = 0;
	h->begun = 1;
}

/* One character of text. */
static void
out(struct html *h, struct buf *b, uint32_t cp)
{
	if (h->hidden[0] != '\0')
		return;
	if (cp < 0x80 && is_space((int)cp)) {
		if (h->space == 0)
			h->space = h->pre > 0 && cp == '\n' ? 2 : 1;
		return;
	}
	if (cp < 0x20 || cp == 0x7f || cp == 0xad || cp == 0xfeff ||
	    cp == 0x200b)		/* not to be seen */
		return;
	separate(h, b);
	utf8_add(b, cp);
}

static void
hide(struct html *h)
{
	memcpy(h->hidden, h->name, sizeof(h->hidden));
	h->empty = strcmp(h->name, "svg") == 0;
}

/* Does what is hidden go on behind this tag, or begin with it? */
static int
hidden(struct html *h)
{
	const int	 hides = !h->closing &&
			    in_list(hiding, nitems(hiding), h->name);

	if (strcmp(h->hidden, "head") == 0) {
		if (h->closing ?
		    !in_list(end_head, nitems(end_head), h->name) :
		    in_list(in_head, nitems(in_head), h->name)) {
			h->head = hides && strcmp(h->name, "head") != 0;
			if (h->head)
				hide(h);
			return (1);
		}
		h->hidden[0] = '\0';
	}
	if (h->hidden[0] == '\0') {
		if (hides)
			hide(h);
		return (0);
	}
	if (!h->closing || strcmp(h->hidden, h->name) != 0)
		return (1);
	memcpy(h->hidden, h->head ? "head" : "", h->head ? sizeof("head") : 1);
	h->head = 0;
	return (h->hidden[0] != '\0');
}

/* A tag's name is complete. */
static void
tag(struct html *h)
{
	size_t	 i;

	h->name[h->nname] = '\0';
	for (i = 0; i < h->nname; i++)
		if (h->name[i] >= 'A' && h->name[i] <= 'Z')
			h->name[i] += 32;
	h->nname = 0;
	h->empty = 0;
	if (hidden(h))
		return;
	if (strcmp(h->name, "pre") == 0) {
		if (!h->closing && h->pre < 1000)
			h->pre++;
		else if (h->closing && h->pre > 0)
			h->pre--;
	}
	if (in_list(blocks, nitems(blocks), h->name))
		h->space = 2;
	else if (h->space == 0 && in_list(spaces, nitems(spaces), h->name))
		h->space = 1;
}

/* Behind "#".  128 to 159 are those of Windows-1252, as in all browsers. */
static uint32_t
numeric(const char *s)
{
	uint32_t	 v = 0;
	unsigned	 base = 10, digit;

	if (*s == 'x' || *s == 'X') {
		base = 16;
		s++;
	}
	if (*s == '\0')
		return (0xfffd);
	for (; *s != '\0'; s++) {
		if (*s >= '0' && *s <= '9')
			digit = (unsigned)(*s - '0');
		else if ((*s | 0x20) >= 'a' && (*s | 0x20) <= 'f')
			digit = (unsigned)((*s | 0x20) - 'a') + 10;
		else
			return (0xfffd);
		if (digit >= base)
			return (0xfffd);
		if (v < 0x110000)
			v = v * base + digit;
	}
	if (v >= 0x80 && v < 0xa0)
		return (charset_c1((uint8_t)v));
	return (v == 0 ? 0xfffd : v == 0xa0 ? ' ' : v);
}

static int
by_name(const void *name, const void *e)
{
	return (strcmp(name, ((const struct entity *)e)->name));
}

/* "&name" has ended; what is not known is text.  Returns whether it was. */
static int
entity(struct html *h, struct buf *b)
{
	const struct entity	*e;
	size_t			 i;

	h->name[h->nname] = '\0';
	h->state = TEXT;
	if (h->name[0] == '#') {
		out(h, b, numeric(h->name + 1));
		return (1);
	}
	if ((e = bsearch(h->name, entities, nitems(entities),
	    sizeof(*entities), by_name)) != NULL) {
		out(h, b, e->cp);
		return (1);
	}
	out(h, b, '&');
	for (i = 0; i < h->nname; i++)
		out(h, b, (uint8_t)h->name[i]);
	return (0);
}

/* Text that is only itself. */
static int
plain(uint8_t c)
{
	return (c > ' ' && c != '<' && c != '&' && c != 0x7f);
}

/* A run of plain text at the front of s.  Returns whether there was one. */
static int
text(struct html *h, struct buf *b, struct span *s)
{
	const uint8_t	*lt;
	size_t		 n;

	if (strcmp(h->hidden, "head") == 0) {
		for (n = 0; n < s->n && is_space(s->p[n]); n++)
			;
		if (n < s->n && s->p[n] != '<')
			h->hidden[0] = '\0';
	} else if (h->hidden[0] != '\0') {
		lt = memchr(s->p, '<', s->n);
		n = lt == NULL ? s->n : (size_t)(lt - s->p);
	} else {
		/* a space with text on both sides is part of it */
		for (n = 0; n < s->n && (plain(s->p[n]) || (s->p[n] == ' ' &&
		    n > 0 && n + 1 < s->n && plain(s->p[n + 1]))); n++)
			;
		if (n > 0) {
			separate(h, b);
			buf_add(b, s->p, n);
		}
	}
	s->p += n;
	s->n -= n;
	return (n > 0);
}

/* In what has no tags but its own end. */
static int
raw(const struct html *h)
{
	return (strcmp(h->hidden, "script") == 0 ||
	    strcmp(h->hidden, "style") == 0);
}

/* One octet of what nobody reads: attributes, comments. */
static void
inside(struct html *h, uint8_t c)
{
	switch (h->state) {
	case ATTRIBUTES:
		if (c == '>') {
			h->state = TEXT;
			if (h->empty && h->dashes == '/')
				h->hidden[0] = '\0';
		}
		else if (c == '<' && h->hidden[0] != '\0')
			h->state = OPEN;
		else if ((c == '"' || c == '\'') && h->dashes == '=' &&
		    !raw(h)) {
			h->state = VALUE;
			h->quote = c;
		}
		if (!is_space(c))
			h->dashes = c;	/* the octet before */
		break;
	case VALUE:
		if (c == h->quote)
			h->state = ATTRIBUTES;
		break;
	case MARKUP:		/* <!--, <!DOCTYPE, <?xml */
		if (c == '-' && ++h->dashes == 2) {
			h->state = COMMENT;
			h->dashes = 2;	/* "<!-->" is a whole one */
		} else if (c == '>')
			h->state = TEXT;
		else if (c != '-')
			h->dashes = -1000000;
		break;
	case COMMENT:
		if (c == '>' && h->dashes >= 2)
			h->state = TEXT;
		h->dashes = c == '-' ? (h->dashes < 2 ? h->dashes + 1 : 2) : 0;
		break;
	}
}

/* One octet that means something, or in a tag.  Returns 0: look again. */
static int
step(struct html *h, struct buf *b, uint8_t c)
{
	switch (h->state) {
	case TEXT:
		if (c == '<')
			h->state = OPEN;
		else if (c == '&' && h->hidden[0] == '\0')
			h->state = ENTITY;
		else
			out(h, b, c);
		h->nname = 0;
		return (1);
	case ENTITY:
		if (h->nname < HTML_NAME - 1 && ((c >= '0' && c <= '9') ||
		    ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
		    (c == '#' && h->nname == 0))) {
			h->name[h->nname++] = (char)c;
			return (1);
		}
		return (entity(h, b) && c == ';');
	case OPEN:
		h->closing = c == '/';
		h->nname = 0;
		if (c == '!' || c == '?') {
			h->state = raw(h) ? TEXT : MARKUP;
			h->dashes = 0;
			return (1);
		}
		if (h->closing || (c | 0x20) < 'a' || (c | 0x20) > 'z') {
			h->state = h->closing ? NAME : TEXT;
			if (!h->closing)
				out(h, b, '<');
			return (h->closing);
		}
		h->state = NAME;
		return (0);
	case NAME:
		if (c == '<') {
			h->state = OPEN;
			return (1);
		}
		if (c != '>' && c != '/' && !is_space(c)) {
			if (h->nname < HTML_NAME - 1)
				h->name[h->nname++] = (char)c;
			return (1);
		}
		tag(h);
		h->dashes = c;
		h->state = c == '>' ? TEXT : ATTRIBUTES;
		return (1);
	default:
		inside(h, c);
		return (1);
	}
}

/* Octets in a value, or in a comment, that cannot end it. */
static void
skip(struct html *h, struct span *s)
{
	const uint8_t	*end;
	int		 c = h->state == VALUE ? h->quote : '-';

	if (h->state != VALUE && (h->state != COMMENT || h->dashes != 0))
		return;
	end = memchr(s->p, c, s->n);
	s->n -= end == NULL ? s->n : (size_t)(end - s->p);
	s->p = end == NULL ? s->p : end;
}

int
html_feed(struct html *h, struct buf *b, struct span s)
{
	while (s.n > 0) {
		if (h->state == TEXT && text(h, b, &s))
			continue;
		skip(h, &s);
		if (s.n == 0)
			break;
		if (step(h, b, s.p[0])) {
			s.p++;
			s.n--;
		}
	}
	return (buf_failed(b) ? -1 : 0);
}

int
html_end(struct html *h, struct buf *b)
{
	if (h->state == ENTITY)
		(void)entity(h, b);
	h->state = TEXT;
	return (buf_failed(b) ? -1 : 0);
}
