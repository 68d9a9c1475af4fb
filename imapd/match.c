/*
 * Evaluating SEARCH programs.  Each key of the program has a value for the
 * message at work: yes, no, or not known yet.  The tree is evaluated with what
 * is known; while that does not decide it, the cheapest key that could is
 * looked into.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fold.h"
#include "header.h"
#include "imapd/filter.h"
#include "imapd/flags.h"
#include "imapd/known.h"
#include "imapd/match.h"
#include "imapd/ready.h"

#define DAY	86400
#define LOOKS	50		/* keys looked into in one step */

/* Values of a key. */
enum { NO, YES, OPEN };

/* What it takes to know a key's value. */
enum cost { COST_RECORD, COST_READY, COST_HEADER, COST_TEXT, COST_NONE };

struct leaf {
	uint8_t		 value;
	uint8_t		 cost;
	uint8_t		 known_field;	/* kept ready */
	uint64_t	 bits;		/* of a keyword */
	uint32_t	 flag;
	struct span	 needle;	/* folded, in match.texts */
	struct buf	 grams;		/* its trigrams, see filter.h */
};

struct match {
	struct search		 program;
	struct leaf		*leaves;	/* beside program.nodes */
	struct buf		 texts;
	const struct charsets	*charsets;
	int64_t			 now;
	int			 failed;	/* errno */
	int			 begun;		/* with the message */

	/* the text being looked through */
	struct text_walk	*walk;
	struct text_fields	 fields;	/* of a long header */
	int			 wanted;	/* the field at work is the one */
	struct fold_find	 find;
	int			 finding;	/* which node; -1 none */
};

static int	 compile(struct match *, const struct match_env *);
static int	 compile_text(struct match *, const struct charset *,
		    struct search_node *, struct leaf *);
static void	 compile_flag(const struct match_env *, struct search_node *,
		    struct leaf *);
static int	 eval(const struct match *, int);
static int	 open_leaf(const struct match *, int, enum cost);
static int	 of_record(const struct match *, const struct match_message *,
		    int);
static int	 of_header(struct match *, const struct match_message *, int);
static enum match_result look(struct match *, const struct match_message *,
		    int);
static void	 records(struct match *, const struct match_message *);
static int	 long_header(struct match *, const struct match_message *,
		    int);
static int	 filtered(const struct leaf *, const struct match_message *);
static enum match_result text(struct match *, const struct match_message *,
		    int);
static void	 text_stop(struct match *);

static const struct {
	enum search_key	 key;
	enum cost	 cost;
} costs[] = {
	{ SEARCH_AND,		COST_NONE },
	{ SEARCH_OR,		COST_NONE },
	{ SEARCH_NOT,		COST_NONE },
	{ SEARCH_SENTBEFORE,	COST_READY },
	{ SEARCH_SENTON,	COST_READY },
	{ SEARCH_SENTSINCE,	COST_READY },
	{ SEARCH_HEADER,	COST_READY },
	{ SEARCH_BODY,		COST_TEXT },
	{ SEARCH_TEXT,		COST_TEXT },
};

struct match *
match_new(struct search *s, const struct match_env *env)
{
	struct match	*m;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		return (NULL);
	m->program = *s;
	memset(s, 0, sizeof(*s));
	m->charsets = env->charsets;
	m->now = env->now;
	m->finding = -1;
	if ((m->leaves = calloc(m->program.n, sizeof(*m->leaves))) == NULL ||
	    compile(m, env) == -1) {
		match_free(m);
		return (NULL);
	}
	return (m);
}

void
match_free(struct match *m)
{
	size_t	 i;
	int	 e = errno;

	if (m == NULL)
		return;
	text_stop(m);
	for (i = 0; m->leaves != NULL && i < m->program.n; i++)
		buf_free(&m->leaves[i].grams);
	search_free(&m->program);
	free(m->leaves);
	buf_free(&m->texts);
	free(m);
	errno = e;
}

static void
compile_flag(const struct match_env *env, struct search_node *n,
    struct leaf *l)
{
	int	 bit;

	if ((l->flag = flag_bit(n->text)) != 0)
		return;
	if ((bit = env->keyword(env->arg, n->text)) >= 0)
		l->bits = (uint64_t)1 << bit;
}

/* The text in UTF-8, then as it is compared; needle.n for the time being. */
static int
compile_text(struct match *m, const struct charset *cs, struct search_node *n,
    struct leaf *l)
{
	struct buf	 utf8 = { 0 };
	size_t		 was = m->texts.n;
	int		 rc;

	if (charset_is_utf8(cs))	/* what is none is compared as it is */
		rc = fold_text(&m->texts, n->text);
	else if ((rc = charset_convert(&utf8, cs, n->text)) == 0)
		rc = fold_text(&m->texts, span_buf(&utf8));
	buf_free(&utf8);
	l->needle.n = m->texts.n - was;
	l->known_field = (uint8_t)(n->key == SEARCH_HEADER &&
	    ready_field(n->field));
	return (rc);
}

static int
compile(struct match *m, const struct match_env *env)
{
	const struct charset	*cs = NULL;
	struct search		*s = &m->program;
	size_t			 i, k, at = 0;

	if (s->charset.n > 0 &&
	    (cs = charset_find(env->charsets, s->charset)) == NULL) {
		errno = EILSEQ;
		return (-1);
	}
	for (i = 0; i < s->n; i++) {
		for (k = 0; k < nitems(costs); k++)
			if (costs[k].key == s->nodes[i].key)
				m->leaves[i].cost = (uint8_t)costs[k].cost;
		switch (s->nodes[i].key) {
		case SEARCH_FLAG:
		case SEARCH_UNFLAG:
			compile_flag(env, &s->nodes[i], &m->leaves[i]);
			break;
		case SEARCH_HEADER:
		case SEARCH_BODY:
		case SEARCH_TEXT:
			if (compile_text(m, cs, &s->nodes[i],
			    &m->leaves[i]) == -1)
				return (-1);
			break;
		case SEARCH_SEQ:
		case SEARCH_UID:
			if (env->uids(env->arg, &s->nodes[i].set,
			    s->nodes[i].key == SEARCH_UID) == -1)
				return (-1);
			break;
		default:
			break;
		}
	}
	/* Now that the texts stay where they are. */
	for (i = 0; i < s->n; i++)
		if (m->leaves[i].needle.n > 0) {
			m->leaves[i].needle.p = m->texts.p + at;
			at += m->leaves[i].needle.n;
			if (m->leaves[i].cost == COST_TEXT &&
			    filter_trigrams(&m->leaves[i].grams,
			    m->leaves[i].needle) == -1)
				return (-1);
		}
	return (0);
}

static int
sets_below(const struct match *m, int at,
    int (*each)(void *, const struct seqset *), void *arg)
{
	const struct search_node	*n;
	int				 i, rc, sum = 0;

	for (i = m->program.nodes[at].first; i != -1; i = n->next) {
		n = &m->program.nodes[i];
		rc = 0;
		if (n->key == SEARCH_AND)
			rc = sets_below(m, i, each, arg);
		else if (n->key == SEARCH_SEQ || n->key == SEARCH_UID)
			rc = each(arg, &n->set) == -1 ? -1 : 1;
		if (rc == -1)
			return (-1);
		sum += rc;
	}
	return (sum);
}

int
match_sets(const struct match *m, int (*each)(void *, const struct seqset *),
    void *arg)
{
	return (sets_below(m, 0, each, arg));
}

void
match_begin(struct match *m)
{
	size_t	 i;

	text_stop(m);
	m->begun = 0;
	for (i = 0; i < m->program.n; i++)
		m->leaves[i].value = OPEN;
}

/* The depth was bounded when it was parsed. */
static int
eval(const struct match *m, int at)
{
	const struct search_node	*n = &m->program.nodes[at];
	int				 i, v, all;

	switch (n->key) {
	case SEARCH_NOT:
		v = eval(m, n->first);
		return (v == OPEN ? OPEN : v == YES ? NO : YES);
	case SEARCH_AND:
	case SEARCH_OR:
		all = n->key == SEARCH_AND ? YES : NO;
		v = all;
		for (i = n->first; i != -1; i = m->program.nodes[i].next)
			switch (eval(m, i)) {
			case YES:
				if (all == NO)
					return (YES);
				break;
			case NO:
				if (all == YES)
					return (NO);
				break;
			default:
				v = OPEN;
				break;
			}
		return (v);
	default:
		return (m->leaves[at].value);
	}
}

/* A key of at most that cost whose value is open and matters; -1: none. */
static int
open_leaf(const struct match *m, int at, enum cost cost)
{
	const struct search_node	*n = &m->program.nodes[at];
	int				 i, found;

	if (m->leaves[at].cost != COST_NONE)
		return (m->leaves[at].value == OPEN &&
		    m->leaves[at].cost <= cost ? at : -1);
	for (i = n->first; i != -1; i = m->program.nodes[i].next)
		if (eval(m, i) == OPEN &&
		    (found = open_leaf(m, i, cost)) != -1)
			return (found);
	return (-1);
}

/* RFC 3501: dates without regard to time and zone; RFC 5032 for the last. */
static int
of_record(const struct match *m, const struct match_message *msg, int at)
{
	const struct search_node	*n = &m->program.nodes[at];
	const struct leaf		*l = &m->leaves[at];
	const struct msgrec		*r = msg->rec;
	int64_t				 date = (int64_t)r->date;
	int64_t				 day = date + (int64_t)r->zone * 60;
	int64_t				 saved = (int64_t)r->saved / DAY * DAY;
	int				 has;

	day -= ((day % DAY) + DAY) % DAY;
	has = (r->flags & l->flag) != 0 || (r->keywords & l->bits) != 0;
	switch (n->key) {
	case SEARCH_ALL:
		return (YES);
	case SEARCH_FLAG:
		return (has);
	case SEARCH_UNFLAG:
		return (!has);
	case SEARCH_NEW:
		return (msg->recent && (r->flags & MF_SEEN) == 0);
	case SEARCH_OLD:
		return (!msg->recent);
	case SEARCH_RECENT:
		return (msg->recent != 0);
	case SEARCH_BEFORE:
		return (day < n->number);
	case SEARCH_ON:
		return (day == n->number);
	case SEARCH_SINCE:
		return (day >= n->number);
	case SEARCH_LARGER:
		return (r->size > n->number);
	case SEARCH_SMALLER:
		return (r->size < n->number);
	case SEARCH_SEQ:
	case SEARCH_UID:
		return (seqset_has(&n->set, r->uid));
	case SEARCH_MODSEQ:
		return (r->modseq >= (uint64_t)n->number);
	case SEARCH_SAVEDBEFORE:
		return (r->saved != 0 && saved < n->number);
	case SEARCH_SAVEDON:
		return (r->saved != 0 && saved == n->number);
	case SEARCH_SAVEDSINCE:
		return (r->saved != 0 && saved >= n->number);
	case SEARCH_EMAILID:
		return (n->id != 0 && r->email == n->id);
	case SEARCH_OLDER:
		return (date <= m->now - n->number);
	case SEARCH_YOUNGER:
		return (date >= m->now - n->number);
	default:
		return (NO);
	}
}

/* SENTBEFORE and so on: a message without a Date matches none. */
static int
of_date(const struct match_message *msg, const struct search_node *n)
{
	int64_t	 day = (int64_t)msg->day * DAY;

	if (!msg->dated)
		return (NO);
	if (n->key == SEARCH_SENTBEFORE)
		return (day < n->number);
	if (n->key == SEARCH_SENTSINCE)
		return (day >= n->number);
	return (day == n->number);
}

/* Is the needle in a field of that name?  An empty one: is there a field? */
static int
of_header(struct match *m, const struct match_message *msg, int at)
{
	const struct search_node	*n = &m->program.nodes[at];
	struct span			 left = msg->header.p != NULL ?
					    msg->header : msg->fields;
	struct header_field		 h;
	struct buf			 b = { 0 };
	int				 rc = NO;

	while (rc == NO && header_next(&left, &h)) {
		if (h.name.n == 0 || !span_caseeq(h.name, n->field))
			continue;
		if (m->leaves[at].needle.n == 0) {
			rc = YES;
			break;
		}
		buf_reset(&b);
		if (text_value(&b, h.value, m->charsets) == -1 ||
		    (rc = fold_contains(span_buf(&b),
		    m->leaves[at].needle)) == -1) {
			m->failed = ENOMEM;
			rc = NO;
			break;
		}
	}
	buf_free(&b);
	return (rc);
}

/* May another search have seen that field?  An empty text asks for something
 * else, and NUL stands between values. */
static int
may_be_known(const struct match *m, const struct match_message *msg, int at)
{
	const struct leaf	*l = &m->leaves[at];

	return (msg->known != NULL && l->known_field && l->needle.n > 0 &&
	    memchr(l->needle.p, 0, l->needle.n) == NULL);
}

static int
in_known(const struct match *m, struct span text, int at)
{
	struct span	 needle = m->leaves[at].needle;

	return (text.n >= needle.n && memmem(text.p, text.n, needle.p,
	    needle.n) != NULL ? YES : NO);
}

/* As of_header(), for the searches to come too. */
static int
learn(struct match *m, const struct match_message *msg, int at)
{
	struct span		 name = m->program.nodes[at].field;
	struct span		 left = msg->header.p != NULL ? msg->header :
				    msg->fields;
	struct header_field	 h;
	struct buf		 value = { 0 }, all = { 0 };
	int			 rc = NO;

	while (m->failed == 0 && header_next(&left, &h)) {
		if (h.name.n == 0 || !span_caseeq(h.name, name))
			continue;
		buf_reset(&value);
		if (text_value(&value, h.value, m->charsets) == -1 ||
		    fold_text(&all, span_buf(&value)) == -1 ||
		    buf_addc(&all, 0) == -1)
			m->failed = ENOMEM;
	}
	if (m->failed == 0) {
		known_put(msg->known, name, msg->rec->uid, span_buf(&all));
		rc = in_known(m, span_buf(&all), at);
	}
	buf_free(&value);
	buf_free(&all);
	return (rc);
}

static void
text_stop(struct match *m)
{
	if (m->finding != -1)
		fold_find_end(&m->find);
	text_walk_free(m->walk);
	m->walk = NULL;
	text_fields_end(&m->fields);
	m->finding = -1;
}

/* The same in a header that is read in slices; OPEN: there is more. */
static int
long_header(struct match *m, const struct match_message *msg, int at)
{
	struct text_piece	 f;
	struct buf		 b = { 0 };
	int			 rc, v = OPEN;

	if (m->finding != at) {
		text_stop(m);
		text_fields_start(&m->fields, &msg->source, 0,
		    msg->header_long);
		fold_find_start(&m->find, m->leaves[at].needle);
		m->finding = at;
	}
	do {
		if ((rc = text_fields_next(&m->fields, &f)) == 0)
			v = NO;
		if (rc != 1)
			break;
		rc = 0;
		if (f.begins)
			m->wanted = f.name.n > 0 && span_caseeq(f.name,
			    m->program.nodes[at].field);
		if (!m->wanted)
			continue;
		buf_reset(&b);
		if ((rc = text_fields_value(&m->fields, &b, &f,
		    m->charsets)) == 0 &&
		    (rc = fold_find_feed(&m->find, span_buf(&b))) == 0 &&
		    f.ends)
			rc = fold_find_break(&m->find);
		if (rc == 1)
			v = YES;
	} while (rc == 0 && m->fields.left.n > 0);
	if (rc == -1)
		m->failed = errno;
	buf_free(&b);
	return (v);
}

/* Does its filter say that the message has not got that text? */
static int
filtered(const struct leaf *l, const struct match_message *msg)
{
	return (l->grams.n > 0 && msg->filter.p != NULL &&
	    !filter_may_have(msg->filter,
	    (const uint32_t *)(const void *)l->grams.p,
	    l->grams.n / sizeof(uint32_t)));
}

/* One slice of one key's text. */
static enum match_result
text(struct match *m, const struct match_message *msg, int at)
{
	struct leaf	*l = &m->leaves[at];
	struct span	 some;
	int		 rc, begins;

	if (l->needle.n == 0) {
		l->value = YES;
		return (MATCH_LATER);
	}
	if (l->grams.n > 0 && !msg->filtered)
		return (MATCH_FILTER);
	if (m->finding != at && filtered(l, msg)) {
		l->value = NO;
		return (MATCH_LATER);
	}
	if (msg->tree == NULL)
		return (MATCH_TREE);
	if (m->finding != at) {
		text_stop(m);
		if ((m->walk = text_walk_new(msg->tree, &msg->source,
		    m->charsets, m->program.nodes[at].key == SEARCH_BODY ?
		    TEXT_SEARCH_BODY : TEXT_SEARCH_TEXT)) == NULL)
			return (MATCH_ERROR);
		fold_find_start(&m->find, l->needle);
		m->finding = at;
	}
	rc = text_walk_next(m->walk, &some, &begins);
	if (rc == 0) {
		if ((rc = fold_find_break(&m->find)) == 0)
			l->value = NO;
	} else if (rc == 1 &&
	    (!begins || (rc = fold_find_break(&m->find)) == 0))
		rc = fold_find_feed(&m->find, some);
	if (rc == -1)
		return (MATCH_ERROR);
	if (rc == 1)
		l->value = YES;
	if (l->value != OPEN)
		text_stop(m);
	return (MATCH_LATER);
}

/* Look into one open key; MATCH_LATER: look again. */
static enum match_result
look(struct match *m, const struct match_message *msg, int at)
{
	const struct search_node	*n = &m->program.nodes[at];
	struct leaf			*l = &m->leaves[at];
	struct span			 s;

	switch ((enum cost)l->cost) {
	case COST_READY:
	case COST_HEADER:
		if (n->key == SEARCH_HEADER && may_be_known(m, msg, at) &&
		    known_get(msg->known, n->field, msg->rec->uid, &s)) {
			l->value = (uint8_t)in_known(m, s, at);
			break;
		}
		if (!msg->ready)
			return (MATCH_READY);
		if (n->key != SEARCH_HEADER) {
			l->value = (uint8_t)of_date(msg, n);
			break;
		}
		if (msg->header.p == NULL && (!l->known_field ||
		    !msg->whole)) {
			if (l->cost == COST_HEADER)
				return (MATCH_HEADER_WANTED);
			l->cost = COST_HEADER;	/* others may do */
			break;
		}
		if (msg->header.p == NULL || msg->header_long == 0) {
			l->value = (uint8_t)(may_be_known(m, msg, at) ?
			    learn(m, msg, at) : of_header(m, msg, at));
			break;
		}
		l->value = (uint8_t)long_header(m, msg, at);
		if (l->value != OPEN)
			text_stop(m);
		break;
	case COST_TEXT:
		return (text(m, msg, at));
	default:
		break;
	}
	return (MATCH_LATER);
}

/* What costs nothing, all at once. */
static void
records(struct match *m, const struct match_message *msg)
{
	size_t	 i;

	for (i = 0; i < m->program.n; i++)
		if (m->leaves[i].cost == COST_RECORD)
			m->leaves[i].value = (uint8_t)of_record(m, msg,
			    (int)i);
	m->begun = 1;
}

enum match_result
match_step(struct match *m, const struct match_message *msg)
{
	enum match_result	 r;
	enum cost		 cost;
	int			 at, v, looks = 0;

	if (!m->begun)
		records(m, msg);
	while ((v = eval(m, 0)) == OPEN) {
		if (looks++ == LOOKS)
			return (MATCH_LATER);
		at = m->finding;	/* go on with what was begun */
		for (cost = COST_READY; at == -1; cost++)
			at = open_leaf(m, 0, cost);
		r = look(m, msg, at);
		if (m->failed != 0) {
			errno = m->failed;
			m->failed = 0;
			return (MATCH_ERROR);
		}
		if (r != MATCH_LATER || m->finding != -1)
			return (r);
	}
	return (v == YES ? MATCH_YES : MATCH_NO);
}
