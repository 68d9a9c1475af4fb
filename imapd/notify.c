/*
 * Who wants to be told what.  See notify.h; what happened is in notify_event.c,
 * the telling in notify_tell.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapcap.h"
#include "imapd/notify_int.h"
#include "imapd/parse/list.h"

static int	 fill(struct notify *, const struct notify_request *);
static int	 in_group(const struct notify *, const struct notify_group *,
		    int, struct span);

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
	LIST_INSERT_HEAD(&s->account->part->notifies, n, every);
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
		LIST_REMOVE(n, every);
		n->session->notify = NULL;
	}
	fetch_end(n->fetch);
	for (i = 0; i < n->nnames; i++)
		free(n->names[i]);
	free(n->names);
	free(n->dirty);
	seqset_free(&n->fresh);
	seqset_free(&n->brought);
	buf_free(&n->items);
	buf_free(&n->scratch);
	buf_free(&n->lines);
	free(n);
}

/* Section 6; own: a name of the session's account, the personal namespace. */
static int
in_group(const struct notify *n, const struct notify_group *g, int own,
    struct span name)
{
	size_t	 i;

	switch (g->filter) {
	case FILTER_SELECTED:
	case FILTER_DELAYED:
		return (0);
	case FILTER_INBOXES:	/* there alone mail is delivered */
		return (own && span_eqs(name, "INBOX"));
	case FILTER_PERSONAL:
		return (own);
	case FILTER_SUBSCRIBED:
		return (account_subscribed(n->session->account, name));
	case FILTER_SUBTREE:
	case FILTER_MAILBOXES:
		break;
	}
	for (i = g->name; i < g->name + g->nnames; i++)
		if (g->filter == FILTER_SUBTREE ?
		    mailbox_is_within(name, span_str(n->names[i])) :
		    span_eqs(name, n->names[i]))
			return (1);
	return (0);
}

/* Section 6: more than one group may be about a mailbox. */
unsigned
notify_named(const struct notify *n, int own, struct span name)
{
	unsigned	 events = 0;
	size_t		 i;

	for (i = 0; i < n->ngroups; i++)
		if ((n->groups[i].events & ~events) != 0 &&
		    in_group(n, &n->groups[i], own, name))
			events |= n->groups[i].events;
	return (events);
}

int
notify_others(const struct notify *n)
{
	size_t	 i;

	for (i = 0; i < n->ngroups; i++)
		if (n->groups[i].events != 0 &&
		    (n->groups[i].filter == FILTER_SUBSCRIBED ||
		    n->groups[i].filter == FILTER_SUBTREE ||
		    n->groups[i].filter == FILTER_MAILBOXES))
			return (1);
	return (0);
}

unsigned
notify_wants(const struct notify *n, const struct account *owner,
    struct span inner)
{
	struct buf	 name = { 0 };
	unsigned	 events;

	if (owner == n->session->account)
		return (notify_named(n, 1, inner));
	place_join(n->session, owner, inner, &name);
	events = notify_named(n, 0, span_buf(&name));
	buf_free(&name);
	return (events);
}

unsigned
notify_of(const struct notify *n, const struct mailbox *mb)
{
	if ((place_rights(n->session, mb) & NOTIFY_RIGHTS) != NOTIFY_RIGHTS)
		return (0);
	return (notify_wants(n, mb->account, span_str(mb->name)));
}

unsigned
notify_wanted(const struct notify *n, const struct mailbox *mb)
{
	const struct session	*s = n->session;

	if (s->state == ST_SELECTED && s->seen.view->mb == mb)
		return (0);
	return (notify_of(n, mb) & EVENTS_MESSAGE);
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

/* Section 3.1: who asks for flags is told where they stand, whatever it has
 * enabled. */
unsigned
notify_items_first(const struct session *s, unsigned wants)
{
	unsigned	 what = notify_items(s, wants, wants);

	if ((wants & EVENT_FLAGS) != 0 &&
	    imapcap_on(s->limits.off, "CONDSTORE"))
		what |= 1u << STATUS_HIGHESTMODSEQ;
	return (what);
}
