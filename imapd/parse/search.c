/*
 * SEARCH programs.  See search.h.
 */
#include <stdlib.h>
#include <string.h>

#include "search.h"
#include "write.h"

enum arg { NONE, FIXED, FLAG, DATE, NUMBER, INTERVAL, TEXT, FIELD, UIDS, SUB,
    TWO, MODSEQ, OBJECTID, ABOVE, BELOW };

static const struct key {
	const char	*name;
	enum search_key	 key;
	enum arg	 arg;
	const char	*fixed;		/* flag or header field */
} keys[] = {
	{ "ALL",	SEARCH_ALL,		NONE,	NULL },
	{ "ANSWERED",	SEARCH_FLAG,		FIXED,	"\\Answered" },
	{ "BCC",	SEARCH_HEADER,		TEXT,	"Bcc" },
	{ "BEFORE",	SEARCH_BEFORE,		DATE,	NULL },
	{ "BODY",	SEARCH_BODY,		TEXT,	"" },
	{ "CC",		SEARCH_HEADER,		TEXT,	"Cc" },
	{ "DELETED",	SEARCH_FLAG,		FIXED,	"\\Deleted" },
	{ "DRAFT",	SEARCH_FLAG,		FIXED,	"\\Draft" },
	{ "EMAILID",	SEARCH_EMAILID,		OBJECTID, NULL },
	{ "FLAGGED",	SEARCH_FLAG,		FIXED,	"\\Flagged" },
	{ "FROM",	SEARCH_HEADER,		TEXT,	"From" },
	{ "HEADER",	SEARCH_HEADER,		FIELD,	NULL },
	{ "KEYWORD",	SEARCH_FLAG,		FLAG,	NULL },
	{ "LARGER",	SEARCH_LARGER,		NUMBER,	NULL },
	{ "MODSEQ",	SEARCH_MODSEQ,		MODSEQ,	NULL },
	{ "NEW",	SEARCH_NEW,		NONE,	NULL },
	{ "NOT",	SEARCH_NOT,		SUB,	NULL },
	{ "OLD",	SEARCH_OLD,		NONE,	NULL },
	{ "OLDER",	SEARCH_OLDER,		INTERVAL,	NULL },
	{ "ON",		SEARCH_ON,		DATE,	NULL },
	{ "OR",		SEARCH_OR,		TWO,	NULL },
	{ "RECENT",	SEARCH_RECENT,		NONE,	NULL },
	{ "SAVEDATESUPPORTED", SEARCH_ALL,	NONE,	NULL },
	{ "SAVEDBEFORE", SEARCH_SAVEDBEFORE,	DATE,	NULL },
	{ "SAVEDON",	SEARCH_SAVEDON,		DATE,	NULL },
	{ "SAVEDSINCE",	SEARCH_SAVEDSINCE,	DATE,	NULL },
	{ "SEEN",	SEARCH_FLAG,		FIXED,	"\\Seen" },
	{ "SENTBEFORE",	SEARCH_SENTBEFORE,	DATE,	NULL },
	{ "SENTON",	SEARCH_SENTON,		DATE,	NULL },
	{ "SENTSINCE",	SEARCH_SENTSINCE,	DATE,	NULL },
	{ "SINCE",	SEARCH_SINCE,		DATE,	NULL },
	{ "SMALLER",	SEARCH_SMALLER,		NUMBER,	NULL },
	{ "SUBJECT",	SEARCH_HEADER,		TEXT,	"Subject" },
	{ "TEXT",	SEARCH_TEXT,		TEXT,	"" },
	{ "THREADID",	SEARCH_NOTHING,		OBJECTID, NULL },
	{ "TO",		SEARCH_HEADER,		TEXT,	"To" },
	{ "UID",	SEARCH_UID,		UIDS,	NULL },
	{ "UIDAFTER",	SEARCH_UID,		ABOVE,	NULL },
	{ "UIDBEFORE",	SEARCH_UID,		BELOW,	NULL },
	{ "UNANSWERED",	SEARCH_UNFLAG,		FIXED,	"\\Answered" },
	{ "UNDELETED",	SEARCH_UNFLAG,		FIXED,	"\\Deleted" },
	{ "UNDRAFT",	SEARCH_UNFLAG,		FIXED,	"\\Draft" },
	{ "UNFLAGGED",	SEARCH_UNFLAG,		FIXED,	"\\Flagged" },
	{ "UNKEYWORD",	SEARCH_UNFLAG,		FLAG,	NULL },
	{ "UNSEEN",	SEARCH_UNFLAG,		FIXED,	"\\Seen" },
	{ "YOUNGER",	SEARCH_YOUNGER,		INTERVAL,	NULL },
};

static int	 node(struct cursor *, struct search *, enum search_key);
static int	 one(struct cursor *, struct search *, int depth, int *at);
static int	 many(struct cursor *, struct search *, int depth, int parent);
static int	 argument(struct cursor *, struct search *, const struct key *,
		    int depth, int at);
static int	 modseq(struct cursor *, struct search *, int at);
static int	 returns(struct cursor *, struct search *);
static int	 children(struct cursor *, struct search *, int depth, int at,
		    int n);

static int
node(struct cursor *c, struct search *s, enum search_key key)
{
	struct search_node	*more;

	if (s->n == SEARCH_NODES) {
		c->error = "search too long";
		return (-1);
	}
	if ((s->n & (s->n - 1)) == 0) {	/* powers of two */
		more = reallocarray(s->nodes, s->n == 0 ? 1 : s->n * 2,
		    sizeof(*more));
		if (more == NULL) {
			c->error = "no memory";
			return (-1);
		}
		s->nodes = more;
	}
	memset(&s->nodes[s->n], 0, sizeof(*s->nodes));
	s->nodes[s->n].key = key;
	s->nodes[s->n].first = s->nodes[s->n].next = -1;
	return ((int)s->n++);
}

static int
children(struct cursor *c, struct search *s, int depth, int at, int n)
{
	int	 i, child, last = -1;

	for (i = 0; i < n; i++) {
		if (cur_sp(c) == -1 || one(c, s, depth + 1, &child) == -1)
			return (-1);
		if (last == -1)
			s->nodes[at].first = child;
		else
			s->nodes[last].next = child;
		last = child;
	}
	return (0);
}

/* MODSEQ [entry SP type SP] number, RFC 7162 3.1.5; the entry is not used. */
static int
modseq(struct cursor *c, struct search *s, int at)
{
	struct span	 entry;
	uint64_t	 v;

	if (cur_peek(c) == '"' && (cur_string(c, &entry) == -1 ||
	    cur_sp(c) == -1 || (cur_is(c, "all") == -1 &&
	    cur_is(c, "priv") == -1 && cur_is(c, "shared") == -1) ||
	    cur_sp(c) == -1))
		return (-1);
	if (cur_number(c, INT64_MAX, &v) == -1)
		return (-1);
	s->nodes[at].number = (int64_t)v;
	s->modseq = 1;
	return (0);
}

/* UIDAFTER, UIDBEFORE, RFC 9738 section 3.2: all that are past a UID. */
static int
past(struct cursor *c, struct search_node *n, int above)
{
	uint64_t	 uid;

	if (cur_number(c, UINT32_MAX, &uid) == -1)
		return (-1);
	if (uid == 0) {
		c->error = "expected a UID";
		return (-1);
	}
	if (uid == (above ? UINT32_MAX : 1)) {
		n->key = SEARCH_NOTHING;
		return (0);
	}
	if ((n->set.r = calloc(1, sizeof(*n->set.r))) == NULL) {
		c->error = "no memory";
		return (-1);
	}
	n->set.n = 1;
	n->set.r->lo = above ? (uint32_t)uid + 1 : 1;
	n->set.r->hi = above ? UINT32_MAX : (uint32_t)uid - 1;
	return (0);
}

static int
argument(struct cursor *c, struct search *s, const struct key *k, int depth,
    int at)
{
	struct search_node	*n = &s->nodes[at];
	uint64_t		 v;

	switch (k->arg) {
	case NONE:
		return (0);
	case FIXED:
		n->text = span_str(k->fixed);
		return (0);
	case SUB:
		return (children(c, s, depth, at, 1));
	case TWO:
		return (children(c, s, depth, at, 2));
	default:
		break;
	}
	if (cur_sp(c) == -1)
		return (-1);
	switch (k->arg) {
	case FLAG:
		return (cur_atom(c, &n->text));
	case DATE:
		s->needs_header |= k->key >= SEARCH_SENTBEFORE &&
		    k->key <= SEARCH_SENTSINCE;
		return (cur_date(c, &n->number));
	case NUMBER:
	case INTERVAL:
		/* RFC 9051 section 9: sizes have 63 bits */
		if (cur_number(c, k->arg == NUMBER ? INT64_MAX : UINT32_MAX,
		    &v) == -1)
			return (-1);
		if (v == 0 && k->arg == INTERVAL) {
			c->error = "an interval of nothing";
			return (-1);
		}
		n->number = (int64_t)v;
		return (0);
	case FIELD:
		s->needs_header = 1;
		if (cur_astring(c, &n->field) == -1 || cur_sp(c) == -1)
			return (-1);
		return (cur_astring(c, &n->text));
	case TEXT:
		n->field = span_str(k->fixed);
		s->needs_header |= k->key == SEARCH_HEADER;
		s->needs_body |= k->key != SEARCH_HEADER;
		return (cur_astring(c, &n->text));
	case UIDS:
		return (cur_seqset(c, &n->set));
	case ABOVE:
	case BELOW:
		return (past(c, n, k->arg == ABOVE));
	case MODSEQ:
		return (modseq(c, s, at));
	case OBJECTID:
		if (cur_atom(c, &n->text) == -1)
			return (-1);
		n->id = objectid_read(n->text, OBJECTID_EMAIL);
		return (0);
	default:
		return (-1);
	}
}

static int
one(struct cursor *c, struct search *s, int depth, int *at)
{
	struct span	 w;
	size_t		 i;
	int		 o = cur_peek(c);

	if (depth > SEARCH_DEPTH) {
		c->error = "search nested too deep";
		return (-1);
	}
	if (o == '(') {
		if ((*at = node(c, s, SEARCH_AND)) == -1 ||
		    cur_char(c, '(') == -1 || many(c, s, depth + 1, *at) == -1)
			return (-1);
		return (cur_char(c, ')'));
	}
	if (o == '*' || o == '$' || (o >= '0' && o <= '9')) {
		if (c->uidonly && o != '$') {	/* RFC 9586 section 3.5 */
			c->error = "[UIDREQUIRED] no numbers of messages, "
			    "UIDONLY is enabled";
			return (-1);
		}
		s->numbers |= o != '$';
		if ((*at = node(c, s, SEARCH_SEQ)) == -1)
			return (-1);
		return (cur_seqset(c, &s->nodes[*at].set));
	}
	if (cur_word(c, &w) == -1)
		return (-1);
	for (i = 0; i < nitems(keys); i++)
		if (span_caseeqs(w, keys[i].name)) {
			if (c->rev2 && (keys[i].key == SEARCH_NEW ||
			    keys[i].key == SEARCH_OLD ||
			    keys[i].key == SEARCH_RECENT))
				break;
			if ((*at = node(c, s, keys[i].key)) == -1)
				return (-1);
			return (argument(c, s, &keys[i], depth, *at));
		}
	c->error = "unknown search key";
	return (-1);
}

static int
many(struct cursor *c, struct search *s, int depth, int parent)
{
	int	 child, last = -1;

	for (;;) {
		if (one(c, s, depth, &child) == -1)
			return (-1);
		if (last == -1)
			s->nodes[parent].first = child;
		else
			s->nodes[last].next = child;
		last = child;
		if (cur_peek(c) != ' ')
			return (0);
		(void)cur_sp(c);
	}
}

/* RETURN (...), RFC 4731 section 3.1; no option at all is ALL. */
static int
returns(struct cursor *c, struct search *s)
{
	static const struct {
		const char	*name;
		unsigned	 bit;
	} options[] = {
		{ "MIN",	RETURN_MIN },
		{ "MAX",	RETURN_MAX },
		{ "ALL",	RETURN_ALL },
		{ "COUNT",	RETURN_COUNT },
		{ "SAVE",	RETURN_SAVE },
		{ "PARTIAL",	RETURN_PARTIAL },
	};
	size_t	 i;

	if (cur_sp(c) == -1 || cur_char(c, '(') == -1)
		return (-1);
	while (cur_peek(c) != ')') {
		if (s->returns != 0 && cur_sp(c) == -1)
			return (-1);
		for (i = 0; i < nitems(options); i++)
			if (cur_is(c, options[i].name) == 0)
				break;
		if (i == nitems(options)) {
			c->error = "unknown search return option";
			return (-1);
		}
		if (options[i].bit == RETURN_PARTIAL &&
		    ((s->returns & RETURN_PARTIAL) != 0 || cur_sp(c) == -1 ||
		    cur_partial(c, &s->partial) == -1))
			return (-1);
		s->returns |= options[i].bit;
		if ((s->returns & RETURN_PARTIAL) != 0 &&
		    (s->returns & RETURN_ALL) != 0) {
			c->error = "PARTIAL and ALL";	/* RFC 9394 3.1 */
			return (-1);
		}
	}
	if (s->returns == 0)
		s->returns = RETURN_ALL;
	return (cur_char(c, ')') == -1 || cur_sp(c) == -1 ? -1 : 0);
}

int
cur_search_return(struct cursor *c, struct search *s)
{
	if (returns(c, s) == 0)
		return (0);
	search_free(s);
	return (-1);
}

int
cur_search_charset(struct cursor *c, struct search *s)
{
	if (cur_is(c, "CHARSET") == -1)
		return (0);
	if (c->accept)		/* RFC 9755 section 3 */
		c->error = "CHARSET after ENABLE UTF8=ACCEPT";
	else if (cur_sp(c) == 0 && cur_astring(c, &s->charset) == 0 &&
	    cur_sp(c) == 0)
		return (0);
	search_free(s);
	return (-1);
}

int
cur_search_keys(struct cursor *c, struct search *s)
{
	if (node(c, s, SEARCH_AND) == 0 && many(c, s, 0, 0) == 0)
		return (0);
	search_free(s);
	return (-1);
}

int
cur_search(struct cursor *c, struct search *s)
{
	memset(s, 0, sizeof(*s));
	if (cur_is(c, "RETURN") == 0 && cur_search_return(c, s) == -1)
		return (-1);
	if (cur_search_charset(c, s) == -1)
		return (-1);
	return (cur_search_keys(c, s));
}

void
search_free(struct search *s)
{
	size_t	 i;

	for (i = 0; i < s->n; i++)
		seqset_free(&s->nodes[i].set);
	free(s->nodes);
	memset(s, 0, sizeof(*s));
}
