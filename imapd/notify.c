/*
 * Who wants to be told what, and what happened.  See notify.h; the telling is
 * in notify_tell.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/notify_int.h"
#include "imapd/parse/list.h"
#include "imapd/parse/write.h"

static const struct session	*acting;

static int	 fill(struct notify *, const struct notify_request *);
static int	 under(const char *, const char *);
static int	 in_group(const struct notify *, const struct notify_group *,
		    const char *);
static unsigned	 wanted(const struct notify *, const char *);
static void	 wake(struct notify *);
static int	 ready(const struct notify *);
static void	 list_line(struct notify *, const char *, const char *);
static void	 line_done(struct notify *);

/* Copies of all that is borrowed. */
static int
fill(struct notify *n, const struct notify_request *r)
{
	size_t	 i;

	n->lines.max = NOTIFY_LINES;
	memcpy(n->groups, r->groups, sizeof(n->groups));
	n->ngroups = r->ngroups;
	for (i = 0; i < r->ngroups; i++)
		if (r->groups[i].filter == FILTER_SELECTED ||
		    r->groups[i].filter == FILTER_DELAYED) {
			n->selected = r->groups[i].events;
			n->at_once = r->groups[i].filter == FILTER_SELECTED;
		}
	if (r->nnames > 0 && (n->names = calloc(r->nnames,
	    sizeof(*n->names))) == NULL)
		return (-1);
	for (i = 0; i < r->nnames; i++, n->nnames++)
		if ((n->names[i] = span_dup(r->names[i])) == NULL)
			return (-1);
	return (buf_add_span(&n->items, r->fetch));
}

int
notify_set(struct session *s, const struct notify_request *r)
{
	struct notify	*n;

	if ((n = calloc(1, sizeof(*n))) == NULL)
		return (-1);
	if (fill(n, r) == -1) {
		notify_free(n);
		errno = ENOMEM;
		return (-1);
	}
	notify_free(s->notify);
	n->session = s;
	s->notify = n;
	LIST_INSERT_HEAD(&s->account->notifies, n, entry);
	return (0);
}

void
notify_free(struct notify *n)
{
	size_t	 i;

	if (n == NULL)
		return;
	if (n->session != NULL) {
		LIST_REMOVE(n, entry);
		n->session->notify = NULL;
	}
	fetch_end(n->fetch);
	for (i = 0; i < n->nnames; i++)
		free(n->names[i]);
	free(n->names);
	free(n->dirty);
	buf_free(&n->items);
	buf_free(&n->scratch);
	buf_free(&n->lines);
	free(n);
}

/* Is it that mailbox, or under it?  All are under "". */
static int
under(const char *name, const char *top)
{
	size_t	 n = strlen(top);

	return (n == 0 || (strncmp(name, top, n) == 0 &&
	    (name[n] == '\0' || name[n] == MAILBOX_SEPARATOR)));
}

static int
in_group(const struct notify *n, const struct notify_group *g,
    const char *name)
{
	size_t	 i;

	switch (g->filter) {
	case FILTER_SELECTED:
	case FILTER_DELAYED:
		return (0);
	case FILTER_INBOXES:	/* there alone mail is delivered */
		return (strcmp(name, "INBOX") == 0);
	case FILTER_PERSONAL:
		return (1);
	case FILTER_SUBSCRIBED:
		return (account_subscribed(n->session->account,
		    span_str(name)));
	case FILTER_SUBTREE:
	case FILTER_MAILBOXES:
		break;
	}
	for (i = g->name; i < g->name + g->nnames; i++)
		if (g->filter == FILTER_SUBTREE ?
		    under(name, n->names[i]) : strcmp(name, n->names[i]) == 0)
			return (1);
	return (0);
}

/* Section 6: more than one group may be about a mailbox. */
static unsigned
wanted(const struct notify *n, const char *name)
{
	unsigned	 events = 0;
	size_t		 i;

	for (i = 0; i < n->ngroups; i++)
		if ((n->groups[i].events & ~events) != 0 &&
		    in_group(n, &n->groups[i], name))
			events |= n->groups[i].events;
	return (events);
}

unsigned
notify_wanted(const struct notify *n, const struct mailbox *mb)
{
	const struct session	*s = n->session;

	if (s->state == ST_SELECTED && s->seen.view->mb == mb)
		return (0);
	return (wanted(n, mb->name) & EVENTS_MESSAGE);
}

unsigned
notify_items(const struct session *s, unsigned events, unsigned wants)
{
	unsigned	 what = 1u << STATUS_UIDVALIDITY;

	if ((events & (EVENT_NEW | EVENT_EXPUNGE)) != 0)
		what |= 1u << STATUS_MESSAGES | 1u << STATUS_UIDNEXT;
	if ((wants & EVENT_FLAGS) != 0)
		what |= 1u << STATUS_UNSEEN;
	if ((s->enabled & ENABLED_CONDSTORE) != 0)
		what |= 1u << STATUS_HIGHESTMODSEQ;
	return (what);
}

void
notify_by(const struct session *s)
{
	acting = s;
}

/* Section 5: who did it need not be told. */
static int
ready(const struct notify *n)
{
	return (n->session != acting && !n->over);
}

static void
wake(struct notify *n)
{
	if (n->session->phase == PHASE_READ ||
	    n->session->phase == PHASE_IDLE)
		session_wake(n->session);
}

/* Each mailbox once, in the order of their first change. */
void
notify_dirty(struct notify *n, uint64_t id, unsigned events)
{
	struct notify_dirty	*d;
	size_t			 i, cap;

	for (i = n->ndirty; i > 0; i--)
		if (n->dirty[i - 1].id == id) {
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
	n->dirty[n->ndirty].id = id;
	n->dirty[n->ndirty++].events = events;
}

void
notify_messages(struct mailbox *mb, unsigned events)
{
	struct notify	*n;
	unsigned	 e;

	LIST_FOREACH(n, &mb->account->notifies, entry)
		if (ready(n) && (e = notify_wanted(n, mb) & events) != 0) {
			notify_dirty(n, mb->id, e);
			wake(n);
		}
}

static void
line_done(struct notify *n)
{
	(void)buf_adds(&n->lines, "\r\n");
	if (buf_failed(&n->lines))
		n->over = 1;
	wake(n);
}

/* Sections 5.4 and 5.5: the name as it stands now. */
static void
list_line(struct notify *n, const char *name, const char *old)
{
	struct account	*a = n->session->account;
	struct span	 as = span_str(name);
	struct mailbox	*mb = mailbox_named(a, as);
	struct buf	*b = &n->lines;
	int		 utf8 = n->session->enabled & ENABLED_UTF8;
	uint32_t	 use;

	(void)buf_addf(b, "* LIST (%s%s", mb == NULL ? "\\NonExistent " : "",
	    mailbox_has_children(a, as) ? "\\HasChildren" :
	    "\\HasNoChildren");
	for (use = 1; mb != NULL && use <= mb->uses; use <<= 1)
		if ((mb->uses & use) != 0 && use_name(use) != NULL)
			(void)buf_addf(b, " %s", use_name(use));
	(void)buf_adds(b, account_subscribed(a, as) ? " \\Subscribed" : "");
	(void)buf_adds(b, ") \"/\" ");
	mailbox_write(b, as, utf8);
	if (old != NULL) {
		(void)buf_adds(b, " (\"OLDNAME\" (");
		mailbox_write(b, span_str(old), utf8);
		(void)buf_adds(b, "))");
	}
	line_done(n);
}

void
notify_name(struct account *a, const char *name, const char *old)
{
	struct notify	*n;

	LIST_FOREACH(n, &a->notifies, entry)
		if (ready(n) && ((wanted(n, name) | (old != NULL ?
		    wanted(n, old) : 0)) & EVENT_NAME) != 0)
			list_line(n, name, old);
}

/* What is not subscribed any more was until now. */
void
notify_subscription(struct account *a, const char *name)
{
	struct notify	*n;
	unsigned	 events;
	size_t		 i;

	LIST_FOREACH(n, &a->notifies, entry) {
		events = wanted(n, name);
		for (i = 0; i < n->ngroups; i++)
			if (n->groups[i].filter == FILTER_SUBSCRIBED)
				events |= n->groups[i].events;
		if (ready(n) && (events & EVENT_SUBSCRIPTION) != 0)
			list_line(n, name, NULL);
	}
}

/* Any group may ask for the account's. */
static unsigned
wanted_of_server(const struct notify *n)
{
	unsigned	 events = 0;
	size_t		 i;

	for (i = 0; i < n->ngroups; i++)
		events |= n->groups[i].events;
	return (events & EVENT_SERVER_METADATA);
}

/* RFC 5464 section 4.4.2: without the values. */
void
notify_metadata(struct account *a, struct span name,
    const struct span *entries, size_t nentries)
{
	const struct mailbox	*mb = mailbox_named(a, name);
	struct notify		*n;
	size_t			 i;

	LIST_FOREACH(n, &a->notifies, entry) {
		if (!ready(n) || (name.n == 0 ? wanted_of_server(n) :
		    mb == NULL ? 0 : wanted(n, mb->name) &
		    EVENT_METADATA) == 0)
			continue;
		(void)buf_adds(&n->lines, "* METADATA ");
		mailbox_write(&n->lines, name,
		    n->session->enabled & ENABLED_UTF8);
		for (i = 0; i < nentries; i++)
			astring_write(&n->lines, entries[i], 1);
		line_done(n);
	}
}

void
notify_undone(struct account *a)
{
	struct notify	*n;

	LIST_FOREACH(n, &a->notifies, entry)
		if (n->ngroups > 0) {
			n->over = 1;
			wake(n);
		}
}
