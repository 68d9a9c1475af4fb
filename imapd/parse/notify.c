/*
 * NOTIFY and its groups of events.  See notify.h.
 */
#include <string.h>

#include "notify.h"

static const struct {
	const char	*name;
	unsigned	 bit;
} events[] = {
	{ "MessageNew",			EVENT_NEW },
	{ "MessageExpunge",		EVENT_EXPUNGE },
	{ "FlagChange",			EVENT_FLAGS },
	{ "MailboxName",		EVENT_NAME },
	{ "SubscriptionChange",		EVENT_SUBSCRIPTION },
	{ "MailboxMetadataChange",	EVENT_METADATA },
	{ "ServerMetadataChange",	EVENT_SERVER_METADATA },
};

static const char *const filters[] = {
	[FILTER_SELECTED] = "SELECTED",
	[FILTER_DELAYED] = "SELECTED-DELAYED",
	[FILTER_INBOXES] = "INBOXES",
	[FILTER_PERSONAL] = "PERSONAL",
	[FILTER_SUBSCRIBED] = "SUBSCRIBED",
	[FILTER_SUBTREE] = "SUBTREE",
	[FILTER_MAILBOXES] = "MAILBOXES",
};

static int	 group(struct cursor *, struct notify_request *);
static int	 filter(struct cursor *, struct notify_request *,
		    struct notify_group *);
static int	 names(struct cursor *, struct notify_request *,
		    struct notify_group *);
static int	 event(struct cursor *, struct notify_request *,
		    struct notify_group *);
static int	 check(struct cursor *, const struct notify_group *);

void
notify_events_write(struct buf *b)
{
	size_t	 i;

	for (i = 0; i < nitems(events); i++)
		(void)buf_addf(b, "%s%s", i > 0 ? " " : "", events[i].name);
}

static int
is_selected(const struct notify_group *g)
{
	return (g->filter == FILTER_SELECTED || g->filter == FILTER_DELAYED);
}

static int
one_name(struct cursor *c, struct notify_request *r, struct notify_group *g)
{
	struct span	 name;

	if (cur_mailbox(c, &name) == -1)
		return (-1);
	if (r->nnames == NOTIFY_NAMES) {
		r->many = 1;
		return (0);
	}
	r->names[r->nnames++] = name;
	g->nnames++;
	return (0);
}

static int
names(struct cursor *c, struct notify_request *r, struct notify_group *g)
{
	int	 n = 0;

	g->name = r->nnames;
	if (cur_sp(c) == -1)
		return (-1);
	if (cur_peek(c) != '(')
		return (one_name(c, r, g));
	(void)cur_char(c, '(');
	do {
		if ((n++ > 0 && cur_sp(c) == -1) || one_name(c, r, g) == -1)
			return (-1);
	} while (cur_peek(c) != ')');
	return (cur_char(c, ')'));
}

static int
filter(struct cursor *c, struct notify_request *r, struct notify_group *g)
{
	struct span	 word;
	size_t		 i;

	if (cur_word(c, &word) == -1)
		return (-1);
	for (i = 0; i < nitems(filters); i++)
		if (span_caseeqs(word, filters[i]))
			break;
	if (i == nitems(filters)) {
		c->error = "unknown mailbox filter";
		return (-1);
	}
	g->filter = (enum notify_filter)i;
	if (g->filter == FILTER_SUBTREE || g->filter == FILTER_MAILBOXES)
		return (names(c, r, g));
	return (0);
}

/* Items of FETCH behind MessageNew: their text is kept. */
static int
items(struct cursor *c, struct notify_request *r)
{
	struct fetch_items	 f;
	const uint8_t		*p;

	if (cur_sp(c) == -1)
		return (-1);
	p = c->s.p;
	if (cur_fetch_list(c, &f) == -1)
		return (-1);
	fetch_free(&f);
	r->fetch = span_of(p, (size_t)(c->s.p - p));
	return (0);
}

static int
event(struct cursor *c, struct notify_request *r, struct notify_group *g)
{
	struct span	 word;
	size_t		 i;

	if (cur_atom(c, &word) == -1)
		return (-1);
	for (i = 0; i < nitems(events); i++)
		if (span_caseeqs(word, events[i].name))
			break;
	if (i == nitems(events)) {
		g->events |= EVENT_UNKNOWN;
		r->unknown = 1;
		return (0);
	}
	g->events |= events[i].bit;
	if (events[i].bit != EVENT_NEW || c->s.n < 2 || c->s.p[0] != ' ' ||
	    c->s.p[1] != '(')
		return (0);
	if (!is_selected(g)) {
		c->error = "items are for the selected mailbox";
		return (-1);
	}
	return (items(c, r));
}

/* Sections 5 and 6.1: what goes with what. */
static int
check(struct cursor *c, const struct notify_group *g)
{
	unsigned	 e = g->events, both = EVENT_NEW | EVENT_EXPUNGE;

	if ((e & EVENTS_MESSAGE) != 0 && (e & both) != both) {
		c->error = "message events need MessageNew and MessageExpunge";
		return (-1);
	}
	if (is_selected(g) &&
	    (e & ~(EVENTS_MESSAGE | EVENT_UNKNOWN)) != 0) {
		c->error = "the selected mailbox has message events alone";
		return (-1);
	}
	return (0);
}

/* "(" filter SP ("(" events ")" / "NONE") ")" */
static int
group(struct cursor *c, struct notify_request *r)
{
	struct notify_group	 g = { 0 };
	size_t			 i;
	int			 n = 0;

	if (cur_char(c, '(') == -1 || filter(c, r, &g) == -1 ||
	    cur_sp(c) == -1)
		return (-1);
	for (i = 0; is_selected(&g) && i < r->ngroups; i++)
		if (is_selected(&r->groups[i])) {
			c->error = "the selected mailbox is named twice";
			return (-1);
		}
	if (cur_peek(c) == '(') {
		(void)cur_char(c, '(');
		do {
			if (n == NOTIFY_EVENTS || (n++ > 0 &&
			    cur_sp(c) == -1) || event(c, r, &g) == -1)
				return (-1);
		} while (cur_peek(c) != ')');
		(void)cur_char(c, ')');
	} else if (cur_is(c, "NONE") == -1)
		return (-1);
	if (cur_char(c, ')') == -1 || check(c, &g) == -1)
		return (-1);
	if (r->ngroups == NOTIFY_GROUPS)
		r->many = 1;
	else
		r->groups[r->ngroups++] = g;
	return (0);
}

int
cur_notify(struct cursor *c, struct notify_request *r)
{
	memset(r, 0, sizeof(*r));
	if (cur_sp(c) == -1)
		return (-1);
	if (cur_is(c, "NONE") == 0) {
		r->none = 1;
		return (cur_end(c));
	}
	if (cur_is(c, "SET") == -1 || cur_sp(c) == -1)
		return (-1);
	if (cur_is(c, "STATUS") == 0) {
		r->status = 1;
		if (cur_sp(c) == -1)
			return (-1);
	}
	do {
		if (group(c, r) == -1)
			return (-1);
	} while (cur_peek(c) == ' ' && cur_sp(c) == 0);
	return (cur_end(c));
}
