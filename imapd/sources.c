/*
 * Mailboxes of an ESEARCH.  See sources.h.
 *
 * Names come one by one, each behind the one before it, for the lists may
 * change between two slices.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/place.h"
#include "imapd/sources.h"

/* One name of a stage: 1 there are more, 0 that was the last one, -1. */
typedef int	 stage_fn(struct session *, struct sources *);

static stage_fn	 own, named, subscribed, selected, under;

static stage_fn *const	 stages[SOURCES_ALL] = {
	[SOURCES_OWN] = own, [SOURCES_NAMED] = named,
	[SOURCES_SUBSCRIBED] = subscribed, [SOURCES_SELECTED] = selected,
	[SOURCES_UNDER] = under
};

/* Is name root, or right under it? */
static int
is_next_to(struct span name, struct span root)
{
	size_t	 at = root.n == 0 ? 0 : root.n + 1;

	return (mailbox_is_within(name, root) && (name.n <= at ||
	    memchr(name.p + at, MAILBOX_SEPARATOR, name.n - at) == NULL));
}

/* Is it a name of another's? */
static int
is_other(struct span name)
{
	size_t	 n = sizeof(OTHER_USERS) - 1;

	return (name.n >= n && memcmp(name.p, OTHER_USERS, n) == 0);
}

static int
filters(const struct sources *g, enum multi_filter filter)
{
	size_t	 i;

	for (i = 0; i < g->asked.ngroups; i++)
		if (g->asked.groups[i].filter == filter)
			return (1);
	return (0);
}

/* Is it one of these, under the name by which the session knows it? */
static int
in_group(const struct session *s, const struct multi_sources *m,
    const struct multi_group *g, const struct mailbox *mb, const char *name)
{
	struct span	 n = span_str(name);
	size_t		 i;

	switch (g->filter) {
	case MULTI_SELECTED:
		return (s->state == ST_SELECTED && s->seen.view->mb == mb);
	case MULTI_INBOXES:
		return (mb == s->account->inbox);
	case MULTI_PERSONAL:
		return (mb->account == s->account);
	case MULTI_SUBSCRIBED:
		return (account_subscribed(s->account, n));
	case MULTI_SUBTREE:
	case MULTI_SUBTREE_ONE:
	case MULTI_MAILBOXES:
		break;
	}
	for (i = g->name; i < g->name + g->nnames; i++)
		if (g->filter == MULTI_MAILBOXES ? span_eq(m->names[i], n) :
		    g->filter == MULTI_SUBTREE ?
		    mailbox_is_within(n, m->names[i]) :
		    is_next_to(n, m->names[i]))
			return (1);
	return (0);
}

static int
asked_for(const struct session *s, const struct multi_sources *m,
    const struct mailbox *mb, const char *name)
{
	size_t	 i;

	for (i = 0; i < m->ngroups; i++)
		if (in_group(s, m, &m->groups[i], mb, name))
			return (1);
	return (0);
}

/* It is searched; takes the name of another's.  0, or -1: no memory. */
static int
add(struct sources *g, const struct mailbox *mb, char *name)
{
	struct source	*nv;

	if ((g->n & (g->n - 1)) == 0) {		/* a power of two */
		if ((nv = reallocarray(g->v, 2 * g->n + 1,
		    sizeof(*nv))) == NULL)
			return (-1);
		g->v = nv;
	}
	g->v[g->n].id = mb->id;
	g->v[g->n++].name = name;
	return (0);
}

/* One that another shares, unless it is there already. */
static int
add_other(struct session *s, struct sources *g, const struct mailbox *mb,
    struct span name)
{
	uint32_t	*value;
	uint8_t		 k[8];
	char		*copy;
	int		 rc;

	if (g->others.slots == NULL && idtable_init(&g->others, 0) == -1)
		return (-1);
	if ((rc = idtable_get(&g->others, key_u64(k, mb->id), &value)) != 0)
		return (rc == 1 ? 0 : -1);
	if (g->others.n > s->store->limits.mailboxes) {
		errno = EMLINK;
		return (-1);
	}
	if ((copy = span_dup(name)) == NULL)
		return (-1);
	if (add(g, mb, copy) == 0)
		return (0);
	free(copy);
	return (-1);
}

/* The same by its name, if it may be read. */
static int
add_named(struct session *s, struct sources *g, struct span name)
{
	struct place	 w;

	if (place_need(s, name, RIGHT_READ, &w) == -1 || !w.other)
		return (0);
	return (add_other(s, g, w.mb, name));
}

static int
remember(struct sources *g, struct span name)
{
	buf_reset(&g->last);
	return (buf_add_span(&g->last, name));
}

static int
own(struct session *s, struct sources *g)
{
	const struct account	*a = s->account;
	const struct mailbox	*mb;
	size_t			 i;

	i = mailbox_behind(a, span_buf(&g->last));
	if (i == a->nmailboxes)
		return (0);
	mb = a->mailboxes[i];
	if (asked_for(s, &g->asked, mb, mb->name) && add(g, mb, NULL) == -1)
		return (-1);
	return (remember(g, span_str(mb->name)) == -1 ? -1 : 1);
}

static int
named(struct session *s, struct sources *g)
{
	const struct multi_group	*x = &g->asked.groups[g->group];

	if (g->group == g->asked.ngroups)
		return (0);
	if (x->filter != MULTI_MAILBOXES || g->word == x->nnames) {
		g->group++;
		g->word = 0;
		return (1);
	}
	return (add_named(s, g, g->asked.names[x->name + g->word++]) == -1 ?
	    -1 : 1);
}

static int
subscribed(struct session *s, struct sources *g)
{
	const struct account	*a = s->account;
	struct span		 name;
	size_t			 i;

	if (!filters(g, MULTI_SUBSCRIBED) ||
	    (i = account_sub_behind(a, span_buf(&g->last))) == a->nsubs)
		return (0);
	name = span_str(a->subs[i]);
	if (add_named(s, g, name) == -1 || remember(g, name) == -1)
		return (-1);
	return (1);
}

static int
selected(struct session *s, struct sources *g)
{
	struct buf	 name = { 0 };
	int		 rc;

	if (!filters(g, MULTI_SELECTED) || s->state != ST_SELECTED ||
	    s->seen.view->mb->account == s->account)
		return (0);
	place_name(s, s->seen.view->mb, &name);
	rc = buf_failed(&name) ? -1 : add_named(s, g, span_buf(&name));
	buf_free(&name);
	return (rc);
}

/* All that is seen of others, for those who ask for what is under a name. */
static int
under(struct session *s, struct sources *g)
{
	const struct multi_sources	*m = &g->asked;
	struct buf			 name = { 0 };
	struct place			 w;
	size_t				 i, k;
	int				 rc = 0;

	for (i = 0; i < m->ngroups && rc == 0; i++)
		for (k = 0; k < m->groups[i].nnames && rc == 0; k++)
			rc = m->groups[i].filter != MULTI_MAILBOXES &&
			    is_other(m->names[m->groups[i].name + k]);
	if (rc == 1)
		rc = place_next_other(s, span_buf(&g->last), &name);
	if (rc == 1 && (remember(g, span_buf(&name)) == -1 ||
	    (place_need(s, span_buf(&name), RIGHT_READ, &w) == 0 && w.other &&
	    asked_for(s, m, w.mb, buf_cstr(&name)) &&
	    add_other(s, g, w.mb, span_buf(&name)) == -1)))
		rc = -1;
	buf_free(&name);
	return (rc);
}

int
sources_choose(struct session *s, struct sources *g)
{
	int	 rc;

	if (g->stage == SOURCES_ALL)
		return (0);
	if ((rc = stages[g->stage](s, g)) != 0)
		return (rc);
	buf_reset(&g->last);
	g->stage++;
	return (1);
}

struct mailbox *
sources_mailbox(struct session *s, const struct sources *g, size_t i)
{
	const struct source	*v = &g->v[i];
	struct place		 w;

	if (v->name == NULL)
		return (mailbox_by_id(s->account, v->id));
	if (place_need(s, span_str(v->name), RIGHT_READ, &w) == -1 ||
	    w.mb->id != v->id)
		return (NULL);
	return (w.mb);
}

void
sources_free(struct sources *g)
{
	while (g->n > 0)
		free(g->v[--g->n].name);
	free(g->v);
	buf_free(&g->last);
	idtable_free(&g->others);
}
