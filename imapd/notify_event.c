/*
 * What happened, for those who want to be told.  See notify.h.
 */
#include <stdlib.h>
#include <string.h>

#include "imapd/notify_int.h"
#include "imapd/parse/write.h"

/* All that may see a mailbox and asked to be told of something. */
struct watchers {
	const struct mailbox	*mb;
	size_t			 at;		/* in its list of rights */
	struct notify		*n;		/* the last one */
};

/* A name as a session sees it. */
struct named {
	struct span		 name;		/* as the session says it */
	const struct mailbox	*mb;		/* that is seen, or NULL */
	uint32_t		 rights;	/* on it */
	int			 own, children;
};

static struct session	*acting;

static struct notify	*next(struct watchers *);
static int		 ready(const struct notify *);
static void		 wake(struct notify *);
static void		 line_done(struct notify *, uint64_t);
static void		 list_write(struct notify *, const struct named *,
			    struct span);
static void		 list_line(struct notify *, const struct account *,
			    struct span, const char *);
static void		 affected(struct notify *, const struct mailbox *);
static void		 begins(struct notify *, const struct mailbox *,
			    unsigned);

void
notify_by(struct session *s)
{
	acting = s;
}

/* Section 5: who did it need not be told. */
static int
ready(const struct notify *n)
{
	return (n->session != acting && !n->over);
}

/* "anyone" is the first of a list. */
static struct notify *
next(struct watchers *w)
{
	const struct mailbox	*mb = w->mb;
	struct part		*p = mb->account->part;
	struct account		*a = mb->account;
	struct notify		*n;

	do {
		if (mb->nacl > 0 && mb->acl[0].account == 0) {
			n = w->n == NULL ? LIST_FIRST(&p->notifies) :
			    LIST_NEXT(w->n, every);
		} else {
			n = w->n == NULL ? LIST_FIRST(&a->notifies) :
			    LIST_NEXT(w->n, entry);
			while (n == NULL && w->at < mb->nacl)
				if ((a = account_lookup(p,
				    mb->acl[w->at++].account)) != NULL)
					n = LIST_FIRST(&a->notifies);
		}
		w->n = n;
	} while (n != NULL && !ready(n));
	return (n);
}

static void
wake(struct notify *n)
{
	if (n->session->phase == PHASE_READ ||
	    n->session->phase == PHASE_IDLE)
		session_wake(n->session);
}

/* ---- messages --------------------------------------------------------------- */

/* Each mailbox once, in the order of their first change. */
void
notify_dirty(struct notify *n, const struct mailbox *mb, unsigned events)
{
	struct notify_dirty	*d;
	size_t			 i, cap;

	for (i = n->ndirty; i > 0; i--)
		if (n->dirty[i - 1].id == mb->id) {
			n->dirty[i - 1].events |= events;
			return;
		}
	if (n->ndirty == n->capdirty) {
		cap = n->capdirty == 0 ? 4 : n->capdirty * 2;
		if (n->ndirty == NOTIFY_DIRTY || (d = reallocarray(n->dirty,
		    cap, sizeof(*d))) == NULL) {
			n->over = 1;
			return;
		}
		n->dirty = d;
		n->capdirty = cap;
	}
	n->dirty[n->ndirty].account = mb->account->id;
	n->dirty[n->ndirty].id = mb->id;
	n->dirty[n->ndirty++].events = events;
}

void
notify_messages(const struct mailbox *mb, unsigned events)
{
	struct watchers	 w = { .mb = mb };
	struct notify	*n;
	unsigned	 e;

	if (LIST_EMPTY(&mb->account->part->notifies))
		return;
	while ((n = next(&w)) != NULL)
		if ((e = notify_wanted(n, mb) & events) != 0) {
			notify_dirty(n, mb, e);
			wake(n);
		}
}

/* Section 5.1: another UIDVALIDITY may belong to that name from now on. */
static void
begins(struct notify *n, const struct mailbox *mb, unsigned wants)
{
	if ((wants & EVENT_FLAGS) == 0 ||
	    (notify_wanted(n, mb) & EVENT_FLAGS) == 0)
		return;
	notify_dirty(n, mb, wants & EVENTS_MESSAGE);
	wake(n);
}

/* ---- names -------------------------------------------------------------------- */

static void
line_done(struct notify *n, uint64_t seq)
{
	(void)buf_adds(&n->lines, "\r\n");
	if (buf_failed(&n->lines))
		n->over = 1;
	if (seq > n->seq)
		n->seq = seq;
	wake(n);
}

/* Sections 5.4 and 5.5: the name as it stands now. */
static void
list_write(struct notify *n, const struct named *x, struct span old)
{
	struct buf	*b = &n->lines;
	int		 utf8 = n->session->enabled & ENABLED_UTF8;
	uint32_t	 use;

	(void)buf_addf(b, "* LIST (%s%s", x->mb == NULL ? "\\NonExistent " :
	    (x->rights & RIGHT_READ) == 0 ? "\\NoAccess " : "",
	    x->children ? "\\HasChildren" : "\\HasNoChildren");
	for (use = 1; x->own && x->mb != NULL && use <= x->mb->uses; use <<= 1)
		if ((x->mb->uses & use) != 0 && use_name(use) != NULL)
			(void)buf_addf(b, " %s", use_name(use));
	(void)buf_adds(b, account_subscribed(n->session->account, x->name) ?
	    " \\Subscribed" : "");
	(void)buf_adds(b, ") \"/\" ");
	mailbox_write(b, x->name, utf8);
	if (old.n > 0) {
		(void)buf_adds(b, " (\"OLDNAME\" (");
		mailbox_write(b, old, utf8);
		(void)buf_adds(b, "))");
	}
}

/* inner: what its owner calls it. */
static void
list_line(struct notify *n, const struct account *owner, struct span inner,
    const char *old)
{
	const struct session	*s = n->session;
	struct buf		 name = { 0 }, was = { 0 };
	struct named		 x = { .own = owner == s->account };

	place_join(s, owner, inner, &name);
	if (old != NULL)
		place_join(s, owner, span_str(old), &was);
	x.name = span_buf(&name);
	if ((x.mb = mailbox_named(owner, inner)) != NULL)
		x.rights = place_rights(s, x.mb);
	if (x.rights == 0)
		x.mb = NULL;
	x.children = place_below(s, owner, inner);
	list_write(n, &x, span_buf(&was));
	if (buf_failed(&name) || buf_failed(&was))
		n->over = 1;
	line_done(n, owner->seq);
	buf_free(&name);
	buf_free(&was);
}

/* Section 5.4: it, and its direct parent, whether there is one or not. */
static void
affected(struct notify *n, const struct mailbox *mb)
{
	const struct account	*a = mb->account;
	const char		*sep = strrchr(mb->name, MAILBOX_SEPARATOR);
	struct span		 above;

	if ((notify_wants(n, a, span_str(mb->name)) & EVENT_NAME) != 0)
		list_line(n, a, span_str(mb->name), NULL);
	if (sep == NULL && a == n->session->account)
		return;
	above = span_of(mb->name, sep == NULL ? 0 : (size_t)(sep - mb->name));
	if ((notify_wants(n, a, above) & EVENT_NAME) != 0)
		list_line(n, a, above, NULL);
}

void
notify_name(const struct mailbox *mb)
{
	const struct account	*a = mb->account;
	struct watchers		 w = { .mb = mb };
	struct notify		*n;
	int			 there;

	if (LIST_EMPTY(&a->part->notifies))
		return;
	there = mailbox_named(a, span_str(mb->name)) == mb;
	while ((n = next(&w)) != NULL) {
		if ((place_rights(n->session, mb) & NOTIFY_RIGHTS) !=
		    NOTIFY_RIGHTS)
			continue;
		affected(n, mb);
		if (there)
			begins(n, mb, notify_wanted(n, mb));
	}
}

/* Is it told that this one is renamed? */
static int
tells(const struct notify *n, const struct mailbox *mb, struct span old)
{
	const struct account	*a;

	if (mb == NULL || (place_rights(n->session, mb) & NOTIFY_RIGHTS) !=
	    NOTIFY_RIGHTS)
		return (0);
	a = mb->account;
	return (((notify_wants(n, a, span_str(mb->name)) |
	    notify_wants(n, a, old)) & EVENT_NAME) != 0);
}

/* Section 5.4: children are renamed, too, and who knows this of one above is
 * told no more. */
static int
tells_above(const struct notify *n, const struct mailbox *mb, const char *old,
    size_t top)
{
	size_t	 i, from = strlen(old) - (strlen(mb->name) - top);

	for (i = top; mb->name[i] != '\0'; i++)
		if (mb->name[i] == MAILBOX_SEPARATOR &&
		    tells(n, mailbox_named(mb->account, span_of(mb->name, i)),
		    span_of(old, from + i - top)))
			return (1);
	return (0);
}

void
notify_renamed(const struct mailbox *mb, const char *old, size_t top)
{
	struct watchers	 w = { .mb = mb };
	struct notify	*n;

	while ((n = next(&w)) != NULL) {
		if (tells(n, mb, span_str(old)) &&
		    !tells_above(n, mb, old, top))
			list_line(n, mb->account, span_str(mb->name), old);
		begins(n, mb, notify_wanted(n, mb) & ~notify_wants(n,
		    mb->account, span_str(old)));
	}
}

/* ---- rights ----------------------------------------------------------------------- */

void
notify_had(const struct mailbox *mb)
{
	struct notify	*n;

	LIST_FOREACH(n, &mb->account->part->notifies, every)
		n->had = place_rights(n->session, mb) & NOTIFY_RIGHTS;
}

/*
 * Section 5.4: to get l, or to lose it, is as if it were made or deleted.
 * Section 5.9: who watches it without the event for names is told, too.
 */
void
notify_rights(const struct mailbox *mb)
{
	struct notify	*n;
	struct span	 name = span_str(mb->name);
	unsigned	 wants;
	uint32_t	 has;

	LIST_FOREACH(n, &mb->account->part->notifies, every) {
		has = place_rights(n->session, mb) & NOTIFY_RIGHTS;
		if (!ready(n) || has == n->had)
			continue;
		wants = notify_wants(n, mb->account, name);
		if (wants != 0 && ((wants & EVENT_NAME) == 0 ||
		    ((has ^ n->had) & RIGHT_LOOKUP) == 0))
			list_line(n, mb->account, name, NULL);
		if (((has ^ n->had) & RIGHT_LOOKUP) != 0)
			affected(n, mb);
		if (has != NOTIFY_RIGHTS ||
		    (wants = notify_wanted(n, mb)) == 0)
			continue;
		notify_dirty(n, mb, wants);
		wake(n);
	}
}

/* ---- subscriptions, metadata ------------------------------------------------------ */

/* What another shares is looked up by who subscribes to it. */
static void
look_up(struct account *a, struct span name, struct named *x)
{
	struct place	 w;

	x->name = name;
	if (acting != NULL && acting->account == a) {
		(void)place_find(acting, name, &w);
		x->mb = w.mb;
		x->rights = w.rights;
		x->own = !w.other;
		x->children = place_has_children(acting, name);
		return;
	}
	x->mb = mailbox_named(a, name);
	x->rights = RIGHTS_ALL;
	x->own = 1;
	x->children = mailbox_has_children(a, name);
}

/* What is not subscribed any more was until now. */
void
notify_subscription(struct account *a, const char *name)
{
	struct named	 x = { .own = 0 };
	struct notify	*n;
	unsigned	 events;
	size_t		 i;

	if (LIST_EMPTY(&a->notifies))
		return;
	look_up(a, span_str(name), &x);
	LIST_FOREACH(n, &a->notifies, entry) {
		events = notify_named(n, x.own, x.name);
		for (i = 0; i < n->ngroups; i++)
			if (n->groups[i].filter == FILTER_SUBSCRIBED)
				events |= n->groups[i].events;
		if (!ready(n) || (events & EVENT_SUBSCRIPTION) == 0)
			continue;
		list_write(n, &x, span_of("", 0));
		line_done(n, a->seq);
	}
}

/* RFC 5464 section 4.4.2: without the values.  Who is not the owner knows of
 * what is shared alone. */
static void
metadata_line(struct notify *n, const struct account *a,
    const struct mailbox *mb, const struct span *entries, size_t nentries)
{
	struct buf	 name = { 0 };
	size_t		 i, k = 0;
	int		 own = a == n->session->account;

	for (i = 0; i < nentries; i++) {
		if (!own && !span_caseprefix(entries[i], "/shared/"))
			continue;
		if (k++ == 0) {
			(void)buf_adds(&n->lines, "* METADATA ");
			if (mb != NULL)
				place_name(n->session, mb, &name);
			mailbox_write(&n->lines, span_buf(&name),
			    n->session->enabled & ENABLED_UTF8);
		}
		astring_write(&n->lines, entries[i], 1);
	}
	buf_free(&name);
	if (k > 0)
		line_done(n, a->seq);
}

/* Any group may ask for the account's. */
static int
wants_server(const struct notify *n)
{
	size_t	 i;

	for (i = 0; i < n->ngroups; i++)
		if ((n->groups[i].events & EVENT_SERVER_METADATA) != 0)
			return (1);
	return (0);
}

void
notify_metadata(const struct account *a, const struct mailbox *mb,
    const struct span *entries, size_t nentries)
{
	struct watchers	 w = { .mb = mb };
	struct notify	*n;

	if (LIST_EMPTY(&a->part->notifies))
		return;
	if (mb == NULL) {
		LIST_FOREACH(n, &a->notifies, entry)
			if (ready(n) && wants_server(n))
				metadata_line(n, a, mb, entries, nentries);
		return;
	}
	while ((n = next(&w)) != NULL)
		if ((notify_of(n, mb) & EVENT_METADATA) != 0)
			metadata_line(n, a, mb, entries, nentries);
}

void
notify_undone(struct account *a, int others)
{
	struct notify	*n;

	LIST_FOREACH(n, &a->part->notifies, every)
		if (n->ngroups > 0 && (others || n->session->account == a)) {
			n->over = 1;
			wake(n);
		}
}

void
notify_group_undone(struct part *p, uint64_t seq)
{
	struct notify	*n;

	LIST_FOREACH(n, &p->notifies, every)
		if (n->lines.n > 0 && n->seq >= seq) {
			n->over = 1;
			wake(n);
		}
}
