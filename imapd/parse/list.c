/*
 * LIST and its options.  See list.h.
 */
#include <string.h>

#include "list.h"

#define STATUS_MAX	32	/* items in one command */

struct option {
	const char	*name;
	unsigned	 bit;
};

static int	 selection(struct cursor *, struct list_request *);
static int	 patterns(struct cursor *, struct list_request *);
static int	 returns(struct cursor *, struct list_request *);
static int	 option(struct cursor *, const struct option *, size_t,
		    unsigned *);

static const char *const status[STATUS_ITEMS] = {
	[STATUS_MESSAGES] = "MESSAGES",
	[STATUS_RECENT] = "RECENT",
	[STATUS_UIDNEXT] = "UIDNEXT",
	[STATUS_UIDVALIDITY] = "UIDVALIDITY",
	[STATUS_UNSEEN] = "UNSEEN",
	[STATUS_APPENDLIMIT] = "APPENDLIMIT",
	[STATUS_SIZE] = "SIZE",
	[STATUS_HIGHESTMODSEQ] = "HIGHESTMODSEQ",
	[STATUS_DELETED] = "DELETED",
	[STATUS_DELETED_STORAGE] = "DELETED-STORAGE",
	[STATUS_MAILBOXID] = "MAILBOXID",
};

const char *
status_name(enum status_item item)
{
	return (status[item]);
}

int
cur_status_items(struct cursor *c, unsigned *what)
{
	struct span	 word;
	size_t		 i;
	int		 n;

	*what = 0;
	if (cur_char(c, '(') == -1)
		return (-1);
	for (n = 0; n == 0 || cur_peek(c) != ')'; n++) {
		if (n == STATUS_MAX || (n > 0 && cur_sp(c) == -1) ||
		    cur_word(c, &word) == -1)
			return (-1);
		for (i = 0; i < nitems(status); i++)
			if (span_caseeqs(word, status[i]))
				break;
		if (i == nitems(status) || (i == STATUS_RECENT && c->rev2)) {
			c->error = "unknown STATUS item";
			return (-1);
		}
		*what |= 1u << i;
	}
	return (cur_char(c, ')'));
}

/* One of a table: its bit, 0 for one that has none. */
static int
option(struct cursor *c, const struct option *o, size_t n, unsigned *bit)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (cur_is(c, o[i].name) == 0) {
			*bit = o[i].bit;
			return (0);
		}
	c->error = "unknown LIST option";
	return (-1);
}

/* RFC 5258 section 3.1: RECURSIVEMATCH needs one to match. */
static int
selection(struct cursor *c, struct list_request *r)
{
	static const struct option	 options[] = {
		{ "SUBSCRIBED",		LIST_SUBSCRIBED },
		{ "SPECIAL-USE",	LIST_SPECIAL_USE },
		{ "RECURSIVEMATCH",	LIST_RECURSIVE },
		{ "REMOTE",		LIST_REMOTE },
	};
	unsigned	 bit;

	if (cur_peek(c) != '(')
		return (0);
	r->extended = 1;
	(void)cur_char(c, '(');
	while (cur_peek(c) != ')') {
		if (r->select != 0 && cur_sp(c) == -1)
			return (-1);
		if (option(c, options, nitems(options), &bit) == -1)
			return (-1);
		r->select |= bit;
	}
	if ((r->select & LIST_RECURSIVE) != 0 &&
	    (r->select & (LIST_SUBSCRIBED | LIST_SPECIAL_USE)) == 0) {
		c->error = "RECURSIVEMATCH of nothing";
		return (-1);
	}
	if ((r->select & LIST_SUBSCRIBED) != 0)
		r->returns |= LIST_RETURN_SUBSCRIBED;
	return (cur_char(c, ')') == -1 || cur_sp(c) == -1 ? -1 : 0);
}

static int
patterns(struct cursor *c, struct list_request *r)
{
	if (cur_peek(c) != '(') {
		r->npatterns = 1;
		return (cur_pattern(c, &r->patterns[0]));
	}
	r->extended = 1;
	(void)cur_char(c, '(');
	do {
		if (r->npatterns == LIST_PATTERNS) {
			c->error = "too many patterns";
			return (-1);
		}
		if ((r->npatterns > 0 && cur_sp(c) == -1) ||
		    cur_pattern(c, &r->patterns[r->npatterns++]) == -1)
			return (-1);
	} while (cur_peek(c) != ')');
	return (cur_char(c, ')'));
}

/* SP "(" names of entries ")", RFC 9590 section 5. */
static int
entries(struct cursor *c, struct list_request *r)
{
	r->nentries = 0;
	if (cur_sp(c) == -1 || cur_char(c, '(') == -1)
		return (-1);
	do {
		if (r->nentries == LIST_ENTRIES ||
		    (r->nentries > 0 && cur_sp(c) == -1) ||
		    cur_entry(c, &r->entries[r->nentries++]) == -1)
			return (-1);
	} while (cur_peek(c) != ')');
	return (cur_char(c, ')'));
}

static int
returns(struct cursor *c, struct list_request *r)
{
	static const struct option	 options[] = {
		{ "SUBSCRIBED",		LIST_RETURN_SUBSCRIBED },
		{ "STATUS",		LIST_RETURN_STATUS },
		{ "METADATA",		LIST_RETURN_METADATA },
		{ "MYRIGHTS",		LIST_RETURN_MYRIGHTS },
		{ "CHILDREN",		0 },
		{ "SPECIAL-USE",	0 },
	};
	unsigned	 bit;
	int		 n;

	if (cur_peek(c) != ' ')
		return (0);
	r->extended = 1;
	if (cur_sp(c) == -1 || cur_is(c, "RETURN") == -1 ||
	    cur_sp(c) == -1 || cur_char(c, '(') == -1)
		return (-1);
	for (n = 0; cur_peek(c) != ')'; n++) {
		if ((n > 0 && cur_sp(c) == -1) ||
		    option(c, options, nitems(options), &bit) == -1)
			return (-1);
		r->returns |= bit;
		if (bit == LIST_RETURN_STATUS && (cur_sp(c) == -1 ||
		    cur_status_items(c, &r->status) == -1))
			return (-1);
		if (bit == LIST_RETURN_METADATA && entries(c, r) == -1)
			return (-1);
	}
	return (cur_char(c, ')'));
}

int
cur_list(struct cursor *c, struct list_request *r)
{
	memset(r, 0, sizeof(*r));
	if (cur_sp(c) == -1 || selection(c, r) == -1 ||
	    cur_mailbox(c, &r->reference) == -1 || cur_sp(c) == -1 ||
	    patterns(c, r) == -1 || returns(c, r) == -1)
		return (-1);
	return (cur_end(c));
}
