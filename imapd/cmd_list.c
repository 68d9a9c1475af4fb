/*
 * LIST and LSUB, RFC 3501 sections 6.3.8 and 6.3.9, with the attributes of RFC
 * 3348 and RFC 6154 in the plain form, because that is where clients look; and
 * the extended LIST of RFC 5258.  Names that are only above others are listed
 * as \Noselect, in extended answers as \NonExistent.
 */
#include <stdlib.h>
#include <string.h>

#include "imapd/cmd.h"
#include "mutf7.h"
#include "imapd/parse/write.h"
#include "imapd/place.h"

#define SLICE_NAMES	50		/* with one pattern */

struct listing {
	struct buf	 patterns[LIST_PATTERNS];
	size_t		 npatterns;
	int		 lsub;
	int		 extended;
	unsigned	 select, returns, status;
	struct span	 entries[LIST_ENTRIES];	/* good until the end */
	size_t		 nentries;
	char		*last;		/* name shown or passed last */
	struct span	 old;		/* OLDNAME of RFC 9051, or nothing */
	int		 others;	/* own ones are done */
	struct buf	 name;		/* of one of those */
};

static enum step	 begin(struct session *,
			    const struct list_request *, int);
static enum step	 listing(struct session *);
static void		 listing_free(void *);
static void		 join(struct buf *, struct span, struct span);
static void		 parents(struct session *, struct listing *,
			    const char *);
static int		 matches(const struct listing *, struct span);
static int		 lists_subs(const struct listing *);
static int		 selected(struct session *,
			    const struct listing *, struct span);
static int		 below(struct session *, const struct listing *,
			    struct span);
static void		 consider(struct session *, const struct listing *,
			    struct span);
static void		 show(struct session *, const struct listing *,
			    struct span, int);
static void		 show_more(struct session *, const struct listing *,
			    struct span);

enum step
cmd_list(struct session *s, struct cursor *c)
{
	struct list_request	 r;

	if (cur_list(c, &r) == -1)
		return (session_syntax(s, c));
	return (begin(s, &r, 0));
}

enum step
cmd_lsub(struct session *s, struct cursor *c)
{
	struct list_request	 r = { .npatterns = 1 };

	if (cur_sp(c) == -1 || cur_mailbox(c, &r.reference) == -1 ||
	    cur_sp(c) == -1 || cur_pattern(c, &r.patterns[0]) == -1 ||
	    cur_end(c) == -1)
		return (session_syntax(s, c));
	return (begin(s, &r, 1));
}

static void
listing_free(void *arg)
{
	struct listing	*l = arg;
	size_t		 i;

	for (i = 0; i < l->npatterns; i++)
		buf_free(&l->patterns[i]);
	buf_free(&l->name);
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
begin(struct session *s, const struct list_request *r, int lsub)
{
	struct listing	*l;
	size_t		 i;

	if (!r->extended && r->patterns[0].n == 0) {
		/* what is the separator? */
		(void)buf_addf(session_out(s), "* %s (\\Noselect) \"/\" \"\""
		    "\r\n", s->command->name);
		return (session_replyf(s, "OK %s completed",
		    s->command->name));
	}
	if ((l = calloc(1, sizeof(*l))) == NULL)
		return (session_reply(s, "NO [UNAVAILABLE] no memory"));
	l->lsub = lsub;
	l->extended = r->extended;
	l->select = r->select;
	l->returns = r->returns;
	l->status = r->status;
	memcpy(l->entries, r->entries, sizeof(l->entries));
	l->nentries = r->nentries;
	for (i = 0; i < r->npatterns; i++)
		if (r->patterns[i].n > 0)	/* RFC 5258 section 3 */
			join(&l->patterns[l->npatterns++], r->reference,
			    r->patterns[i]);
	if (l->npatterns == 0) {
		listing_free(l);
		return (session_reply(s, "OK LIST completed"));
	}
	session_hold(s, s->account->seq);
	return (session_begin(s, listing, l, listing_free));
}

/* A pattern that is longer than any name with wildcards between matches none,
 * so time is bounded. */
static int
matches(const struct listing *l, struct span name)
{
	struct span	 pattern;
	size_t		 i;

	for (i = 0; i < l->npatterns; i++) {
		pattern = span_buf(&l->patterns[i]);
		if (!buf_failed(&l->patterns[i]) &&
		    pattern.n <= 2 * MAILBOX_NAME_MAX + 1 &&
		    list_match(pattern, name, MAILBOX_SEPARATOR))
			return (1);
	}
	return (0);
}

/* Is it the subscriptions that are gone through? */
static int
lists_subs(const struct listing *l)
{
	return (l->lsub || (l->select & LIST_SUBSCRIBED) != 0);
}

/* Does it meet the selection options?  A name that is subscribed need not be a
 * mailbox. */
static int
selected(struct session *s, const struct listing *l, struct span name)
{
	struct place	 w;

	if ((l->select & LIST_SUBSCRIBED) != 0 &&
	    !account_subscribed(s->account, name))
		return (0);
	(void)place_find(s, name, &w);
	if ((l->select & LIST_SPECIAL_USE) != 0)
		return (w.mb != NULL && !w.other && w.mb->uses != 0);
	return (w.mb != NULL || (l->select & LIST_SUBSCRIBED) != 0);
}

/* RFC 5258 section 3.5: does something below meet them, shown or not? */
static int
below(struct session *s, const struct listing *l, struct span name)
{
	const struct account	*a = s->account;
	const char		*under;
	size_t			 i, n;
	int			 subs = (l->select & LIST_SUBSCRIBED) != 0;

	/* what others share has no special use here */
	n = subs ? a->nsubs : a->nmailboxes;
	i = subs ? account_sub_under(a, name) : mailbox_first_under(a, name);
	for (; i < n; i++) {
		under = subs ? a->subs[i] : a->mailboxes[i]->name;
		if (!mailbox_is_under(under, name))
			break;
		if (selected(s, l, span_str(under)))
			return (1);
	}
	return (0);
}

/* A name that no pattern has kept out. */
static void
consider(struct session *s, const struct listing *l, struct span name)
{
	int	 under, chosen;

	under = (l->select & LIST_RECURSIVE) != 0 && below(s, l, name);
	chosen = selected(s, l, name) ||
	    (l->select & (LIST_SUBSCRIBED | LIST_SPECIAL_USE)) == 0;
	if (under || chosen)
		show(s, l, name, under);
	if (chosen)
		show_more(s, l, name);
}

static void
show(struct session *s, const struct listing *l, struct span name, int under)
{
	struct buf		*b = session_out(s);
	const struct mailbox	*mb;
	struct place		 w;
	uint32_t		 use;

	(void)place_find(s, name, &w);
	mb = w.mb;

	(void)buf_addf(b, "* %s (", l->lsub ? "LSUB" : "LIST");
	if (mb == NULL)
		(void)buf_adds(b, l->extended ? "\\NonExistent " :
		    "\\Noselect ");
	else if (l->status != 0 && (w.rights & RIGHT_READ) == 0)
		(void)buf_adds(b, "\\Noselect ");	/* RFC 5819 section 2 */
	(void)buf_adds(b, place_has_children(s, name) ?
	    "\\HasChildren" : "\\HasNoChildren");
	for (use = 1; mb != NULL && !w.other && use <= mb->uses; use <<= 1)
		if ((mb->uses & use) != 0 && use_name(use) != NULL)
			(void)buf_addf(b, " %s", use_name(use));
	if ((l->returns & LIST_RETURN_SUBSCRIBED) != 0 &&
	    account_subscribed(s->account, name))
		(void)buf_adds(b, " \\Subscribed");
	(void)buf_adds(b, ") \"/\" ");
	mailbox_write(b, name, s->enabled & ENABLED_UTF8);
	if (under)
		(void)buf_addf(b, " (\"CHILDINFO\" (%s%s%s))",
		    (l->select & LIST_SUBSCRIBED) != 0 ? "\"SUBSCRIBED\"" :
		    "", (l->select & LIST_SUBSCRIBED) != 0 &&
		    (l->select & LIST_SPECIAL_USE) != 0 ? " " : "",
		    (l->select & LIST_SPECIAL_USE) != 0 ?
		    "\"SPECIAL-USE\"" : "");
	if (l->old.n > 0) {		/* RFC 9051 section 6.3.9.7 */
		(void)buf_adds(b, " (\"OLDNAME\" (");
		mailbox_write(b, l->old, 1);
		(void)buf_adds(b, "))");
	}
	(void)buf_adds(b, "\r\n");
}

/* What RETURN asks of a name that is selected itself, RFC 5819 section 3; one that
 * cannot be told is left out. */
static void
show_more(struct session *s, const struct listing *l, struct span name)
{
	struct place	 w;

	if (l->status == 0 && l->nentries == 0 &&
	    (l->returns & LIST_RETURN_MYRIGHTS) == 0)
		return;
	(void)place_find(s, name, &w);
	if ((w.rights & RIGHT_READ) != 0 && l->status != 0) {
		if ((l->status & 1u << STATUS_HIGHESTMODSEQ) != 0)
			cmd_condstore(s);
		(void)cmd_status_write(s, w.mb, l->status);
	}
	if ((w.rights & RIGHTS_METADATA) != 0 && l->nentries != 0)
		(void)cmd_metadata_write(s, w.mb, l->entries, l->nentries);
	if (w.mb != NULL && (l->returns & LIST_RETURN_MYRIGHTS) != 0)
		cmd_myrights_write(s, w.mb);
}

void
cmd_list_write(struct session *s, struct span name, struct span old)
{
	struct listing	 plain = { .old = old };

	show(s, &plain, name, 0);
}

struct span
cmd_old_name(const struct session *s, struct cursor at, struct span name)
{
	struct span	 raw;

	if ((s->enabled & ENABLED_REV2) == 0 ||
	    cur_astring(&at, &raw) == -1 || span_caseeq(raw, name))
		return (span_of("", 0));
	return (raw);
}

/*
 * Names above this one that are no mailboxes, or where subscriptions are listed
 * not subscribed (in LSUB only where "%" ends before it).  In the order of names all that is below one
 * of them stands together, so the first is where it is shown.
 */
static void
parents(struct session *s, struct listing *l, const char *name)
{
	struct place	 w;
	struct span	 above;
	size_t		 i, had = l->last == NULL ? 0 : strlen(l->last);
	int		 subs = lists_subs(l);

	for (i = 1; name[i] != '\0'; i++) {
		if (name[i] != MAILBOX_SEPARATOR)
			continue;
		if (had > i && memcmp(l->last, name, i + 1) == 0)
			continue;	/* shown with that one */
		above = span_of(name, i);
		if (!matches(l, above))
			continue;
		if (subs ? account_subscribed(s->account, above) :
		    place_find(s, above, &w) == 0)
			continue;
		if (!l->lsub) {
			consider(s, l, above);
			continue;
		}
		if (matches(l, span_str(name)))
			continue;
		(void)buf_adds(session_out(s), "* LSUB (\\Noselect) \"/\" ");
		mailbox_write(session_out(s), above,
		    s->enabled & ENABLED_UTF8);
		(void)buf_adds(session_out(s), "\r\n");
	}
}

/* May a pattern match a name of what others share? */
static int
lists_others(const struct listing *l)
{
	static const char	 prefix[] = OTHER_USERS "/";
	struct span		 p;
	size_t			 i, n;

	for (i = 0; i < l->npatterns; i++) {
		p = span_buf(&l->patterns[i]);
		for (n = 0; n < p.n && n < sizeof(prefix) - 1 &&
		    p.p[n] == (uint8_t)prefix[n]; n++)
			continue;
		if (n == p.n || n == sizeof(prefix) - 1 || p.p[n] == '*' ||
		    p.p[n] == '%')
			return (1);
	}
	return (0);
}

/* The same of what others share. */
static const char *
next_other(struct session *s, struct listing *l)
{
	if (!l->others) {
		if (lists_subs(l) || !lists_others(l))
			return (NULL);
		l->others = 1;
		free(l->last);
		l->last = NULL;
	}
	buf_reset(&l->name);
	if (place_next_other(s, span_str(l->last == NULL ? "" : l->last),
	    &l->name) != 1)
		return (NULL);
	return (buf_cstr(&l->name));
}

/* The first name behind the last; the list may have changed meanwhile. */
static const char *
next_name(const struct account *a, const struct listing *l)
{
	struct span	 last = span_str(l->last == NULL ? "" : l->last);
	size_t		 i;

	if (lists_subs(l)) {
		i = account_sub_behind(a, last);
		return (i < a->nsubs ? a->subs[i] : NULL);
	}
	i = mailbox_behind(a, last);
	return (i < a->nmailboxes ? a->mailboxes[i]->name : NULL);
}

/* Of a name, as a part of a slice: counting \Recent or what is \Deleted, and
 * metadata, may read the database; what is below goes through names. */
static size_t
cost(const struct listing *l)
{
	if (l->nentries != 0 || (l->status & (1u << STATUS_RECENT |
	    1u << STATUS_DELETED_STORAGE)) != 0 ||
	    (l->select & LIST_RECURSIVE) != 0)
		return (SLICE_NAMES);
	/* another's account may be read for it */
	return (l->others ? SLICE_NAMES / 5 : l->npatterns);
}

static enum step
listing(struct session *s)
{
	struct listing	*l = s->data;
	const char	*name;
	char		*copy;
	size_t		 n;

	for (n = 0; n < SLICE_NAMES; n += cost(l)) {
		name = l->others ? NULL : next_name(s->account, l);
		if (name == NULL && (name = next_other(s, l)) == NULL)
			return (session_replyf(s, "OK %s completed",
			    s->command->name));
		parents(s, l, name);
		if (matches(l, span_str(name))) {
			if (l->lsub)
				show(s, l, span_str(name), 0);
			else
				consider(s, l, span_str(name));
		}
		if ((copy = strdup(name)) == NULL)
			return (session_reply(s,
			    "NO [UNAVAILABLE] no memory"));
		free(l->last);
		l->last = copy;
	}
	place_drop(s);
	return (STEP_AGAIN);
}
