/*
 * ESEARCH, RFC 7377: a search of many mailboxes, one after another, in slices.
 * Each has an answer of its own when something was found in it.  The program is
 * read anew for each, because keywords and UIDs mean something else there.  The
 * selected mailbox is searched as the session sees it, the others as they stand.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/cmd.h"
#include "imapd/look.h"
#include "imapd/results.h"
#include "imapd/sources.h"
#include "imapd/targets.h"

#define TURN_US		500	/* in one slice */
#define TURN_MESSAGES	16	/* before looking at the clock */

struct multi {
	struct cursor		 program;	/* where it begins */
	struct buf		 scratch;	/* of that cursor */
	struct search		 options;	/* RETURN and CHARSET */
	struct sources		 sources;	/* mailboxes to be searched */
	int			 chosen;	/* all of them */
	size_t			 at;
	unsigned		 failed;	/* messages not to be read */

	/* the mailbox at work */
	struct session		*s;
	struct mailbox		*mb;		/* in this slice; or NULL */
	int			 begun, selected, named, ended;
	struct look		 look;
	uint32_t		 seq;
	struct results		 results;
	struct targets		 targets;	/* of the selected one */
	struct dbenv_iter	 it;		/* of another */
	int			 iterating;
};

static const char	*wrong(struct session *, const struct search *,
			    const struct multi_sources *);
static int		 choose(struct session *, struct multi *, uint64_t);
static enum step	 searching(struct session *);
static int		 begin(struct session *, struct multi *);
static int		 next_message(struct session *, struct multi *);
static int		 some(struct session *, struct multi *);
static int		 tell(struct session *, struct multi *);
static void		 end(struct multi *);
static void		 forget(void *);

/* What cannot be: an answer, or NULL. */
static const char *
wrong(struct session *s, const struct search *p, const struct multi_sources *m)
{
	const struct search_node	*n;
	size_t				 i;

	for (i = 0; i < m->ngroups; i++)
		if (m->groups[i].filter == MULTI_SELECTED &&
		    s->state != ST_SELECTED)
			return ("BAD no mailbox is selected");
	if (m->selected_only)
		return (NULL);
	if ((p->returns & RETURN_SAVE) != 0)	/* RFC 7377 section 2.2 */
		return ("BAD SAVE is for the selected mailbox alone");
	for (i = 0; i < p->n; i++) {
		n = &p->nodes[i];
		if (n->key != SEARCH_SEQ && n->key != SEARCH_UID)
			continue;
		if (n->set.saved)
			return ("NO [CANNOT] what was saved is of the "
			    "selected mailbox alone");
		if (n->key == SEARCH_SEQ)
			return ("BAD numbers of messages are of the "
			    "selected mailbox alone");
	}
	return (NULL);
}

enum step
cmd_multisearch(struct session *s, struct cursor *c)
{
	static const struct multi_sources	 selected = {
		.groups = { { MULTI_SELECTED, 0, 0 } }, .ngroups = 1,
		.selected_only = 1
	};
	struct search		*p;
	struct multi		*g;
	const char		*no = NULL;

	if ((g = calloc(1, sizeof(*g))) == NULL)
		return (session_no(s, ENOMEM));
	p = &g->options;
	g->sources.asked = selected;
	if (cur_sp(c) == -1 || (cur_is(c, "IN") == 0 &&
	    cur_multi_sources(c, &g->sources.asked) == -1) || (cur_is(c, "RETURN") == 0 &&
	    cur_search_return(c, p) == -1) || cur_search_charset(c, p) == -1)
		goto syntax;
	g->program = *c;
	if (cur_search_keys(c, p) == -1 || cur_end(c) == -1)
		goto syntax;
	if (p->charset.n > 0 && charset_find(s->store->charsets,
	    p->charset) == NULL)
		no = "NO [BADCHARSET (US-ASCII UTF-8)] that charset is not "
		    "known";
	else
		no = wrong(s, p, &g->sources.asked);
	if (no != NULL) {
		if ((p->returns & RETURN_SAVE) != 0 && no[0] == 'N')
			seqset_free(&s->saved);
		forget(g);
		return (session_reply(s, no));
	}
	if (p->returns == 0)
		p->returns = RETURN_ALL;
	if (p->modseq)
		cmd_condstore(s);
	g->s = s;
	return (session_begin(s, searching, g, forget));
syntax:
	forget(g);
	return (session_syntax(s, c));
}

static void
end(struct multi *g)
{
	look_free(&g->look);
	targets_free(&g->targets);
	if (g->iterating)
		dbenv_iter_free(&g->it);
	results_free(&g->results);
	g->iterating = g->begun = g->named = g->ended = 0;
}

static void
forget(void *arg)
{
	struct multi	*g = arg;

	end(g);
	search_free(&g->options);
	buf_free(&g->scratch);
	sources_free(&g->sources);
	free(g);
}

/* Which mailboxes?  1 there is more to do, 0, or -1 with errno. */
static int
choose(struct session *s, struct multi *g, uint64_t until)
{
	int	 rc;

	while ((rc = sources_choose(s, &g->sources)) == 1)
		if (store_us() >= until)
			return (1);
	g->chosen = 1;
	return (rc);
}

static enum step
searching(struct session *s)
{
	struct multi	*g = s->data;
	uint64_t	 until = store_us() + TURN_US;
	int		 rc;

	if (!g->chosen && (rc = choose(s, g, until)) != 0)
		return (rc == 1 ? STEP_AGAIN : errno == EMLINK ?
		    session_reply(s, "NO [LIMIT] that is too many mailboxes") :
		    session_no(s, errno));
	while (g->at < g->sources.n) {
		rc = 0;
		g->mb = sources_mailbox(s, &g->sources, g->at);
		if (g->mb == NULL && g->named)	/* half of its line is out */
			(void)buf_adds(session_out(s), "\r\n");
		if (g->mb != NULL && !g->begun)
			rc = begin(s, g);
		if (g->mb != NULL && rc == 0 && !g->ended)
			rc = some(s, g);
		if (g->mb != NULL && rc == 0)
			rc = tell(s, g);
		if (rc == -1) {
			g->results.returns = g->options.returns;
			return (results_no(s, &g->results, errno));
		}
		if (rc == 1)
			return (STEP_AGAIN);
		end(g);
		g->at++;
		if (store_us() >= until)
			return (STEP_AGAIN);
	}
	if (g->failed > 0)
		return (session_replyf(s, "OK ESEARCH completed, %u messages "
		    "could not be read", g->failed));
	return (session_reply(s, "OK ESEARCH completed"));
}

static int
keyword(void *arg, struct span name)
{
	struct multi	*g = arg;

	return (mailbox_keyword(g->mb, name));
}

/* The highest UID of a message there, 0: none. */
static uint32_t
last_uid(const struct mailbox *mb)
{
	struct span	 found, val;
	uint8_t		 k[12];

	if (dbenv_prev(mb->account->part->index, key_msg(k, mb->id,
	    mb->st.uidnext), &found, &val) == -1 || found.n != sizeof(k) ||
	    memcmp(found.p, k, 8) != 0)
		return (0);
	return (key_uid(found));
}

static int
uids(void *arg, struct seqset *set, int uid)
{
	struct multi	*g = arg;

	if (set->saved)
		return (targets_saved(set, g->s));
	if (g->selected)
		(void)targets_resolve(set, &g->s->seen, uid);
	else
		seqset_resolve(set, last_uid(g->mb));
	return (0);
}

/* The next mailbox. */
static int
begin(struct session *s, struct multi *g)
{
	struct cursor		 c = g->program;
	struct match_env	 env = { 0 };
	struct search		 p = { 0 };
	uint8_t			 k[12], kp[8];

	g->selected = s->state == ST_SELECTED && s->seen.view->mb == g->mb;
	env.keyword = keyword;
	env.uids = uids;
	env.arg = g;
	env.charsets = s->store->charsets;
	env.now = (int64_t)store_time();
	buf_reset(&g->scratch);
	c.scratch = &g->scratch;
	if (cur_search_keys(&c, &p) == -1) {	/* it was read once before */
		errno = ENOMEM;
		return (-1);
	}
	p.charset = g->options.charset;
	if ((g->look.match = match_new(&p, &env)) == NULL) {
		search_free(&p);
		return (-1);
	}
	if (g->selected) {
		if (targets_all(&g->targets, &s->seen) == -1)
			return (-1);
	} else {
		dbenv_iter_init(&g->it, g->mb->account->part->index,
		    key_msg(k, g->mb->id, 1), key_u64(kp, g->mb->id));
		g->iterating = 1;
	}
	g->results.returns = g->options.returns;
	g->results.partial = g->options.partial;
	g->results.with_modseq = g->options.modseq;
	g->results.by_uid = 1;
	memuse_begin(&g->results.memory, s);
	g->begun = 1;
	return (0);
}

/* 1, 0 at the end, -1 with errno. */
static int
next_message(struct session *s, struct multi *g)
{
	struct part	*part = s->account->part;
	struct span	 key, val;
	struct target	 t;
	struct msgrec	 r;
	int		 rc;

	if (g->selected) {
		if (!targets_next(&g->targets, &s->seen, &t))
			return (0);
		g->seq = t.seq;
		look_begin(&g->look, part, t.rec, seen_recent(&s->seen,
		    t.rec->uid));
		return (1);
	}
	while ((rc = dbenv_iter_next(&g->it, &key, &val)) != 0) {
		if (rc == -1 && errno != EILSEQ)
			return (-1);
		if (key_uid(key) >= g->mb->st.uidnext)
			return (0);
		if (rc == -1 || msgrec_get(val, &r) == -1) {
			g->failed++;
			continue;
		}
		r.uid = key_uid(key);
		look_begin(&g->look, part, &r, r.uid >= g->mb->st.recent);
		g->look.letter.mailbox = g->mb->id;
		return (1);
	}
	return (0);
}

/* Search on in the mailbox at work: 1 there is more, 0 it is done, -1. */
static int
some(struct session *s, struct multi *g)
{
	uint64_t	 until = store_us() + TURN_US;
	unsigned	 n = 0;
	int		 rc = 1;

	while (rc == 1) {
		if (++n % TURN_MESSAGES == 0 && store_us() >= until)
			break;
		if (!g->look.busy && (rc = next_message(s, g)) != 1)
			break;
		switch (look_on(&g->look)) {
		case LOOK_YES:
			if (results_add(&g->results, &g->look.letter.rec,
			    g->seq) == -1)
				rc = -1;
			else if (results_enough(&g->results))
				rc = 0;
			break;
		case LOOK_FAILED:
			g->failed += !letter_gone(&g->look.letter);
			break;
		case LOOK_NO:
		case LOOK_LATER:
			break;
		}
		if (g->look.busy)
			break;
	}
	if (g->selected)
		targets_pause(&g->targets);
	g->ended = rc == 0;
	return (rc);
}

/* Nothing is said of a mailbox in which nothing was found. */
static int
tell(struct session *s, struct multi *g)
{
	struct results	*l = &g->results;

	if (l->n > 0 && l->returns != RETURN_SAVE) {
		session_hold_mailbox(s, g->mb);
		if (!g->named)
			esearch_begin(s, g->mb);
		g->named = 1;
		if (results_write(s, l) == 1)
			return (1);
	}
	if (results_save(s, l) == -1) {
		errno = ENOMEM;
		return (-1);
	}
	return (0);
}
