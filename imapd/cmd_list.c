/*
 * LIST and LSUB, RFC 3501 sections 6.3.8 and 6.3.9, with the attributes of RFC
 * 3348 and RFC 6154 in the plain form, because that is where clients look.
 * Names that are only above others are listed as \Noselect.
 */
#include <stdlib.h>
#include <string.h>

#include "imapd/cmd.h"
#include "imapd/parse/mutf7.h"
#include "imapd/parse/write.h"

#define SLICE_NAMES	50

struct listing {
	struct buf	 pattern;
	int		 lsub;
	char		*last;		/* name shown or passed last */
};

static enum step	 begin(struct session *, struct cursor *, int);
static enum step	 listing(struct session *);
static void		 listing_free(void *);
static void		 join(struct buf *, struct span, struct span);
static void		 parents(struct session *, struct listing *,
			    const char *);
static int		 matches(const struct listing *, struct span);
static void		 show(struct session *, const struct listing *,
			    struct span);

enum step
cmd_list(struct session *s, struct cursor *c)
{
	return (begin(s, c, 0));
}

enum step
cmd_lsub(struct session *s, struct cursor *c)
{
	return (begin(s, c, 1));
}

static void
listing_free(void *arg)
{
	struct listing	*l = arg;

	buf_free(&l->pattern);
	free(l->last);
	free(l);
}

/* Reference and pattern as one; a run of wildcards is one of them. */
static void
join(struct buf *b, struct span ref, struct span pattern)
{
	size_t	 i;
	int	 c;

	for (i = 0; i < ref.n + pattern.n; i++) {
		c = i < ref.n ? ref.p[i] : pattern.p[i - ref.n];
		if ((c == '*' || c == '%') && b->n > 0 &&
		    (b->p[b->n - 1] == '*' || b->p[b->n - 1] == '%')) {
			if (c == '*')
				b->p[b->n - 1] = '*';
			continue;
		}
		(void)buf_addc(b, c);
	}
}

static enum step
begin(struct session *s, struct cursor *c, int lsub)
{
	struct listing	*l;
	struct span	 ref, pattern;

	if (cur_sp(c) == -1 || cur_mailbox(c, &ref) == -1 ||
	    cur_sp(c) == -1 || cur_pattern(c, &pattern) == -1 ||
	    cur_end(c) == -1)
		return (session_syntax(s, c));
	if (pattern.n == 0) {	/* what is the separator? */
		(void)buf_addf(session_out(s), "* %s (\\Noselect) \"/\" \"\""
		    "\r\n", s->command->name);
		return (session_replyf(s, "OK %s completed",
		    s->command->name));
	}
	if ((l = calloc(1, sizeof(*l))) == NULL)
		return (session_reply(s, "NO [UNAVAILABLE] no memory"));
	l->lsub = lsub;
	join(&l->pattern, ref, pattern);
	session_hold(s, s->account->seq);
	return (session_begin(s, listing, l, listing_free));
}

/* A pattern that is longer than any name with wildcards between matches none,
 * so time is bounded. */
static int
matches(const struct listing *l, struct span name)
{
	struct span	 pattern = span_buf(&l->pattern);

	if (buf_failed(&l->pattern) || pattern.n > 2 * MAILBOX_NAME_MAX + 1)
		return (0);
	return (list_match(pattern, name, MAILBOX_SEPARATOR));
}

static void
show(struct session *s, const struct listing *l, struct span name)
{
	const struct mailbox	*mb = mailbox_named(s->account, name);
	struct buf		*b = session_out(s);
	uint32_t		 use;

	(void)buf_addf(b, "* %s (", l->lsub ? "LSUB" : "LIST");
	if (mb == NULL)
		(void)buf_adds(b, "\\Noselect ");
	(void)buf_adds(b, mailbox_has_children(s->account, name) ?
	    "\\HasChildren" : "\\HasNoChildren");
	for (use = 1; mb != NULL && use <= mb->uses; use <<= 1)
		if ((mb->uses & use) != 0 && use_name(use) != NULL)
			(void)buf_addf(b, " %s", use_name(use));
	(void)buf_adds(b, ") \"/\" ");
	mailbox_write(b, name, s->enabled & ENABLED_UTF8);
	(void)buf_adds(b, "\r\n");
}

/*
 * Names above this one that are no mailboxes, or in LSUB not subscribed (there
 * only where "%" ends before it).  In the order of names all that is below one
 * of them stands together, so the first is where it is shown.
 */
static void
parents(struct session *s, struct listing *l, const char *name)
{
	struct span	 above;
	size_t		 i, had = l->last == NULL ? 0 : strlen(l->last);

	for (i = 1; name[i] != '\0'; i++) {
		if (name[i] != MAILBOX_SEPARATOR)
			continue;
		if (had > i && memcmp(l->last, name, i + 1) == 0)
			continue;	/* shown with that one */
		above = span_of(name, i);
		if (!matches(l, above))
			continue;
		if (l->lsub ? account_subscribed(s->account, above) ||
		    matches(l, span_str(name)) :
		    mailbox_named(s->account, above) != NULL)
			continue;
		if (!l->lsub) {
			show(s, l, above);
			continue;
		}
		(void)buf_adds(session_out(s), "* LSUB (\\Noselect) \"/\" ");
		mailbox_write(session_out(s), above,
		    s->enabled & ENABLED_UTF8);
		(void)buf_adds(session_out(s), "\r\n");
	}
}

/* The first name behind the last; the list may have changed meanwhile. */
static const char *
next_name(const struct account *a, const struct listing *l)
{
	size_t	 i = 0, lo, hi;

	if (!l->lsub) {
		if (l->last != NULL)
			i = mailbox_lower(a, span_str(l->last));
		if (l->last != NULL && i < a->nmailboxes &&
		    strcmp(a->mailboxes[i]->name, l->last) == 0)
			i++;
		return (i < a->nmailboxes ? a->mailboxes[i]->name : NULL);
	}
	for (lo = 0, hi = a->nsubs; l->last != NULL && lo < hi;) {
		i = lo + (hi - lo) / 2;
		if (strcmp(a->subs[i], l->last) <= 0)
			lo = i + 1;
		else
			hi = i;
	}
	return (lo < a->nsubs ? a->subs[lo] : NULL);
}

static enum step
listing(struct session *s)
{
	struct listing	*l = s->data;
	const char	*name;
	char		*copy;
	int		 n;

	for (n = 0; n < SLICE_NAMES; n++) {
		if ((name = next_name(s->account, l)) == NULL)
			return (session_replyf(s, "OK %s completed",
			    s->command->name));
		parents(s, l, name);
		if (matches(l, span_str(name)))
			show(s, l, span_str(name));
		if ((copy = strdup(name)) == NULL)
			return (session_reply(s,
			    "NO [UNAVAILABLE] no memory"));
		free(l->last);
		l->last = copy;
	}
	return (STEP_AGAIN);
}
