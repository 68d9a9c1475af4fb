/*
 * The mailboxes of ESEARCH.  See multisearch.h.
 */
#include <string.h>

#include "multisearch.h"

static const struct {
	const char	*name;
	enum multi_filter filter;
	int		 named;
} filters[] = {
	{ "SELECTED",		MULTI_SELECTED,		0 },
	{ "INBOXES",		MULTI_INBOXES,		0 },
	{ "PERSONAL",		MULTI_PERSONAL,		0 },
	{ "SUBSCRIBED",		MULTI_SUBSCRIBED,	0 },
	{ "SUBTREE",		MULTI_SUBTREE,		1 },
	{ "SUBTREE-ONE",	MULTI_SUBTREE_ONE,	1 },
	{ "MAILBOXES",		MULTI_MAILBOXES,	1 },
};

static int	 name(struct cursor *, struct multi_sources *,
		    struct multi_group *);
static int	 group(struct cursor *, struct multi_sources *);

static int
name(struct cursor *c, struct multi_sources *m, struct multi_group *g)
{
	if (m->nnames == MULTI_NAMES) {
		c->error = "too many mailboxes";
		return (-1);
	}
	if (cur_mailbox(c, &m->names[m->nnames]) == -1)
		return (-1);
	m->nnames++;
	g->nnames++;
	return (0);
}

/* RFC 5465 "filter-mailboxes"; "selected-delayed" is for NOTIFY alone. */
static int
group(struct cursor *c, struct multi_sources *m)
{
	struct multi_group	*g = &m->groups[m->ngroups];
	size_t			 i;

	for (i = 0; i < nitems(filters); i++)
		if (cur_is(c, filters[i].name) == 0)
			break;
	if (i == nitems(filters) || m->ngroups == MULTI_GROUPS) {
		c->error = i == nitems(filters) ? "which mailboxes?" :
		    "too many kinds of mailboxes";
		return (-1);
	}
	g->filter = filters[i].filter;
	g->name = m->nnames;
	g->nnames = 0;
	m->ngroups++;
	m->selected_only &= g->filter == MULTI_SELECTED;
	if (!filters[i].named)
		return (0);
	if (cur_sp(c) == -1)
		return (-1);
	if (cur_peek(c) != '(')
		return (name(c, m, g));
	(void)cur_char(c, '(');
	do {
		if (name(c, m, g) == -1)
			return (-1);
	} while (cur_peek(c) == ' ' && cur_sp(c) == 0);
	return (cur_char(c, ')'));
}

int
cur_multi_sources(struct cursor *c, struct multi_sources *m)
{
	memset(m, 0, sizeof(*m));
	m->selected_only = 1;
	if (cur_sp(c) == -1 || cur_char(c, '(') == -1)
		return (-1);
	do {
		if (group(c, m) == -1)
			return (-1);
	} while (cur_peek(c) == ' ' && cur_sp(c) == 0);
	return (cur_char(c, ')') == -1 || cur_sp(c) == -1 ? -1 : 0);
}
