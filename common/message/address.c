/*
 * Address lists, one address at a time.  The words of an address go into two
 * bufs at once, as they read in a display name (one space between words) and
 * as they read in a local part (none around dots), because which of both it is
 * shows only at the "<" or "@" behind them.
 */
#include <errno.h>
#include <string.h>

#include "address.h"

struct words {				/* since the last delimiter */
	int	 n;			/* how many */
	int	 space;			/* before the next one */
	int	 dot;			/* the last was a dot */
	int	 angle;			/* in <>: no display name */
	int	 gap;			/* a space that a local part has not */
};

/* RFC 5322 section 3.2.3, and white space. */
static const uint8_t	 specials[256] = {
	['('] = 1, [')'] = 1, ['<'] = 1, ['>'] = 1, ['['] = 1, [']'] = 1,
	[':'] = 1, [';'] = 1, ['@'] = 1, ['\\'] = 1, [','] = 1, ['.'] = 1,
	['"'] = 1, [' '] = 1, ['\t'] = 1, ['\r'] = 1, ['\n'] = 1, ['\0'] = 1
};

static int	 is_space(int);
static void	 next(struct span *);
static void	 comment(struct address_list *, int *);
static void	 quoted(struct address_list *, struct words *, int *);
static void	 atom(struct address_list *, struct words *);
static void	 word(struct address_list *, struct words *, struct span, int);
static void	 domain(struct address_list *, const char *, int *);
static void	 angle(struct address_list *, struct address *);
static int	 done(struct address_list *, struct address *);
static int	 special(struct address_list *, struct address *,
		    struct words *);
static void	 one(struct address_list *, struct address *);

static int
is_space(int c)
{
	return (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0');
}

static void
next(struct span *s)
{
	s->p++;
	s->n--;
}

void
address_begin(struct address_list *l, struct span value)
{
	memset(l, 0, sizeof(*l));
	l->left = value;
}

void
address_end(struct address_list *l)
{
	buf_free(&l->name);
	buf_free(&l->route);
	buf_free(&l->local);
	buf_free(&l->host);
	buf_free(&l->comment);
	memset(l, 0, sizeof(*l));
}

/* At "(": up to its ")", which may never come.  Keeps the text. */
static void
comment(struct address_list *l, int *broken)
{
	struct span	*s = &l->left;
	size_t		 depth = 0;

	buf_reset(&l->comment);
	for (; s->n > 0; next(s)) {
		if (s->p[0] == '(' && depth++ == 0)
			continue;
		if (s->p[0] == ')' && --depth == 0) {
			next(s);
			return;
		}
		if (s->p[0] == '\\' && s->n > 1)
			next(s);
		if (!is_space(s->p[0]))
			buf_addc(&l->comment, s->p[0]);
		else if (l->comment.n > 0 &&
		    l->comment.p[l->comment.n - 1] != ' ')
			buf_addc(&l->comment, ' ');
	}
	*broken = 1;
}

/* A run of octets that is a word, or goes on with one. */
static void
word(struct address_list *l, struct words *w, struct span s, int dot)
{
	if (w->n++ > 0 && w->space) {
		if (!w->angle)
			buf_addc(&l->name, ' ');
		if (!dot && !w->dot) {
			buf_addc(&l->local, ' ');
			w->gap = 1;
		}
	}
	w->space = 0;
	w->dot = dot;
	if (!w->angle)
		buf_add_span(&l->name, s);
	buf_add_span(&l->local, s);
}

/* At a quote. */
static void
quoted(struct address_list *l, struct words *w, int *broken)
{
	struct span	*s = &l->left;
	const uint8_t	*begin;

	word(l, w, span_of(s->p, 0), 0);
	for (next(s), begin = s->p; s->n > 0 && s->p[0] != '"'; next(s)) {
		if (s->p[0] != '\\' && s->p[0] != '\r' && s->p[0] != '\n' &&
		    s->p[0] != '\0')
			continue;
		word(l, w, span_of(begin, (size_t)(s->p - begin)), 0);
		if (s->p[0] == '\\' && s->n > 1) {
			next(s);
			begin = s->p;	/* the octet itself, whatever it is */
			if (!is_space(s->p[0]) || s->p[0] == ' ')
				continue;
		}
		begin = s->p + 1;
	}
	word(l, w, span_of(begin, (size_t)(s->p - begin)), 0);
	if (s->n > 0)
		next(s);
	else
		*broken = 1;
}

/* At an octet that is not special. */
static void
atom(struct address_list *l, struct words *w)
{
	size_t	 n = 0;

	while (n < l->left.n && !specials[l->left.p[n]])
		n++;
	word(l, w, span_of(l->left.p, n), 0);
	l->left.p += n;
	l->left.n -= n;
}

/* Behind the "@": up to one of the octets in stop. */
static void
domain(struct address_list *l, const char *stop, int *broken)
{
	struct span	*s = &l->left;
	int		 literal = 0, gap = 0;

	buf_reset(&l->host);
	while (s->n > 0) {
		if (s->p[0] == '(' && !literal) {
			comment(l, broken);
			gap = 1;
			continue;
		}
		if (!literal && s->p[0] != '\0' && strchr(stop, s->p[0]))
			break;
		if (is_space(s->p[0])) {
			gap = 1;
			next(s);
			continue;
		}
		if (gap && s->p[0] != '.' && l->host.n > 0 &&
		    l->host.p[l->host.n - 1] != '.' && !literal)
			*broken = 1;	/* two words */
		gap = 0;
		if (s->p[0] == '[' || s->p[0] == ']')
			literal = s->p[0] == '[';
		else if (s->p[0] == '\\' || (specials[s->p[0]] &&
		    s->p[0] != '.' && !literal))
			*broken = 1;
		buf_addc(&l->host, s->p[0]);
		next(s);
	}
	if (l->host.n == 0 || literal)
		*broken = 1;
}

/* At "<": route, local part, domain, ">". */
static void
angle(struct address_list *l, struct address *a)
{
	struct span	*s = &l->left;
	struct words	 w = { .angle = 1 };

	buf_reset(&l->local);
	next(s);
	while (s->n > 0 && is_space(s->p[0]))
		next(s);
	while (s->n > 0 && (s->p[0] == '@' || s->p[0] == ',')) {
		if (s->p[0] == '@') {
			next(s);
			domain(l, ",:>", &a->broken);
			if (l->route.n > 0)
				buf_addc(&l->route, ',');
			buf_addc(&l->route, '@');
			buf_add_span(&l->route, span_buf(&l->host));
			buf_reset(&l->host);
		} else
			next(s);
		if (s->n > 0 && s->p[0] == ':') {
			next(s);
			break;
		}
		while (s->n > 0 && is_space(s->p[0]))
			next(s);
	}
	while (s->n > 0 && s->p[0] != '>' && s->p[0] != '@') {
		if (s->p[0] == '"')
			quoted(l, &w, &a->broken);
		else if (s->p[0] == '(')
			comment(l, &a->broken);
		else if (is_space(s->p[0])) {
			w.space = 1;
			next(s);
		} else if (specials[s->p[0]]) {
			if (s->p[0] != '.')
				a->broken = 1;
			word(l, &w, span_of(s->p, 1), s->p[0] == '.');
			next(s);
		} else
			atom(l, &w);
	}
	a->broken |= w.gap;
	if (s->n > 0 && s->p[0] == '@') {
		next(s);
		domain(l, ">", &a->broken);
	} else
		a->broken = 1;
	if (s->n > 0)
		next(s);
	else
		a->broken = 1;
}

/* Fill the result from the bufs.  Returns 1, or -1. */
static int
done(struct address_list *l, struct address *a)
{
	if (buf_failed(&l->name) || buf_failed(&l->route) ||
	    buf_failed(&l->local) || buf_failed(&l->host) ||
	    buf_failed(&l->comment)) {
		errno = ENOMEM;
		return (-1);
	}
	if (l->comment.n > 0 && l->comment.p[l->comment.n - 1] == ' ')
		l->comment.n--;
	a->name = span_buf(l->name.n > 0 ? &l->name : &l->comment);
	a->route = span_buf(&l->route);
	a->local = span_buf(&l->local);
	a->host = span_buf(&l->host);
	if (a->kind != ADDRESS_MAILBOX) {
		a->route.n = a->local.n = a->host.n = 0;
		if (a->kind == ADDRESS_GROUP)
			a->name = span_buf(&l->name);
		else
			a->name.n = 0;
	} else if (a->local.n == 0 || a->host.n == 0)
		a->broken = 1;
	return (1);
}

/*
 * An octet that means something between words.  Returns 1 when the address
 * ends with it.
 */
static int
special(struct address_list *l, struct address *a, struct words *w)
{
	struct span	*s = &l->left;
	int		 c = s->p[0];

	switch (c) {
	case '<':
		angle(l, a);
		w->n = -1;		/* what follows is passed over */
		return (0);
	case '@':
		next(s);
		a->broken |= w->gap;
		buf_reset(&l->name);
		domain(l, ",;<", &a->broken);
		if (s->n > 0 && s->p[0] == '<') {	/* a@b <c@d> */
			a->broken = 1;
			buf_reset(&l->name);
			buf_add_span(&l->name, span_buf(&l->local));
			buf_addc(&l->name, '@');
			buf_add_span(&l->name, span_buf(&l->host));
			return (0);
		}
		w->n = -1;
		return (0);
	case ':':
		next(s);
		if (l->group) {
			a->broken = 1;
			word(l, w, span_of(":", 1), 1);
			return (0);
		}
		l->group = 1;
		a->kind = ADDRESS_GROUP;
		return (1);
	default:
		if (c != '.')
			a->broken = 1;
		word(l, w, span_of(s->p, 1), c == '.');
		next(s);
		return (0);
	}
}

/* Everything of one address up to its "," or ";", which stays. */
static void
one(struct address_list *l, struct address *a)
{
	struct span	*s = &l->left;
	struct words	 w = { 0 };

	while (s->n > 0 && s->p[0] != ',' && s->p[0] != ';') {
		if (s->p[0] == '(')
			comment(l, &a->broken);
		else if (is_space(s->p[0])) {
			w.space = 1;
			next(s);
		} else if (w.n < 0) {		/* behind the address */
			a->broken = 1;
			next(s);
		} else if (s->p[0] == '"')
			quoted(l, &w, &a->broken);
		else if (!specials[s->p[0]])
			atom(l, &w);
		else if (special(l, a, &w))
			return;
	}
	if (w.n >= 0)				/* no "@": a name, a mailbox */
		buf_reset(&l->name);
}

int
address_next(struct address_list *l, struct address *a)
{
	struct span	*s = &l->left;

	memset(a, 0, sizeof(*a));
	buf_reset(&l->name);
	buf_reset(&l->route);
	buf_reset(&l->local);
	buf_reset(&l->host);
	buf_reset(&l->comment);
	for (;;) {
		while (s->n > 0 && (is_space(s->p[0]) || s->p[0] == ',' ||
		    (s->p[0] == ';' && !l->group)))
			next(s);
		if (s->n > 0 && s->p[0] == '(') {
			comment(l, &a->broken);
			continue;
		}
		break;
	}
	if (s->n == 0 || s->p[0] == ';') {
		if (!l->group)
			return (0);
		if (s->n > 0)
			next(s);
		else
			a->broken = 1;
		l->group = 0;
		a->kind = ADDRESS_GROUP_END;
		return (done(l, a));
	}
	one(l, a);
	return (done(l, a));
}
