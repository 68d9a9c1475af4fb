/*
 * SEARCH, RFC 3501 section 6.4.4: goes through the messages in slices and looks
 * into each as far as it must (match.h).  The answer is one line, which is sent
 * as it grows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/cmd.h"
#include "imapd/letter.h"
#include "imapd/match.h"
#include "imapd/parse/write.h"
#include "imapd/targets.h"

#define TURN_US		500	/* in one slice */
#define TURN_MESSAGES	16	/* before looking at the clock */

struct searching {
	struct match		*match;
	struct targets		 targets;
	unsigned		 failed;	/* messages not to be read */

	/* the message at work */
	int			 busy;
	uint32_t		 seq;
	struct letter		 letter;
	struct match_message	 msg;
	struct buf		 header;
};

static enum step	 searching(struct session *);
static int		 next_message(struct session *, struct searching *);
static int		 one(struct session *, struct searching *);
static int		 need(struct searching *, unsigned);
static int		 read_header(struct searching *);
static int		 plan(struct session *, struct searching *);
static int		 keyword(void *, struct span);
static int		 uids(void *, struct seqset *, int);
static void		 forget(void *);

static int
keyword(void *arg, struct span name)
{
	struct session	*s = arg;

	return (mailbox_keyword(s->seen.view->mb, name));
}

/* A number that no message has is no error here: nothing has it. */
static int
uids(void *arg, struct seqset *set, int uid)
{
	struct session	*s = arg;

	if (set->saved) {
		errno = EINVAL;
		return (-1);
	}
	(void)targets_resolve(set, &s->seen, uid);
	return (0);
}

/* Where a set must hold for every match, only that is gone through. */
static int
plan(struct session *s, struct searching *g)
{
	const struct seqset	*set = match_set(g->match);
	struct targets		*t = &g->targets;

	if (set == NULL)
		return (targets_all(t, &s->seen));
	if ((t->set.r = calloc(set->n + 1, sizeof(*set->r))) == NULL)
		return (-1);
	memcpy(t->set.r, set->r, set->n * sizeof(*set->r));
	t->set.n = set->n;
	return (0);
}

enum step
cmd_search(struct session *s, struct cursor *c)
{
	struct match_env	 env = { 0 };
	struct search		 program;
	struct searching	*g;
	int			 e;

	if (cur_sp(c) == -1 || cur_search(c, &program) == -1)
		return (session_syntax(s, c));
	if (cur_end(c) == -1) {
		search_free(&program);
		return (session_syntax(s, c));
	}
	if ((g = calloc(1, sizeof(*g))) == NULL) {
		search_free(&program);
		return (session_no(s, ENOMEM));
	}
	env.keyword = keyword;
	env.uids = uids;
	env.arg = s;
	env.charsets = s->store->charsets;
	env.now = (int64_t)store_time();
	if ((g->match = match_new(&program, &env)) == NULL ||
	    plan(s, g) == -1) {
		e = errno;
		forget(g);
		if (e == EINVAL)
			return (session_reply(s, "BAD unexpected \"$\""));
		if (e == EILSEQ)
			return (session_reply(s, "NO [BADCHARSET (US-ASCII "
			    "UTF-8)] that charset is not known"));
		return (session_no(s, e));
	}
	(void)buf_adds(session_out(s), "* SEARCH");
	return (session_begin(s, searching, g, forget));
}

static void
forget(void *arg)
{
	struct searching	*g = arg;

	match_free(g->match);
	targets_free(&g->targets);
	letter_close(&g->letter);
	buf_free(&g->header);
	free(g);
}

static enum step
searching(struct session *s)
{
	struct searching	*g = s->data;
	uint64_t		 until = store_us() + TURN_US;
	unsigned		 n = 0;
	int			 rc = 0, more = 1;

	while (rc == 0 && more) {
		if (++n % TURN_MESSAGES == 0 && (store_us() >= until ||
		    !session_room(s)))
			break;
		if (g->busy || (more = next_message(s, g)) == 1)
			rc = one(s, g);
	}
	targets_pause(&g->targets);
	if (more)
		return (STEP_AGAIN);
	(void)buf_adds(session_out(s), "\r\n");
	if (g->failed > 0)
		return (session_replyf(s, "OK SEARCH completed, %u messages "
		    "could not be read", g->failed));
	return (session_reply(s, "OK SEARCH completed"));
}

static int
next_message(struct session *s, struct searching *g)
{
	struct target	 t;

	if (!targets_next(&g->targets, &s->seen, &t))
		return (0);
	letter_open(&g->letter, s->account->part, t.rec);
	g->seq = t.seq;
	memset(&g->msg, 0, sizeof(g->msg));
	g->msg.rec = &g->letter.rec;
	g->msg.recent = seen_recent(&s->seen, t.rec->uid);
	g->msg.source = g->letter.source;
	match_begin(g->match);
	g->busy = 1;
	return (1);
}

/* 0, 1: later, -1. */
static int
need(struct searching *g, unsigned sections)
{
	const struct ready	*r = &g->letter.ready;
	int			 rc;

	sections |= READY_BIT(READY_FIELDS);
	if ((rc = letter_need(&g->letter, sections)) != 0)
		return (rc);
	g->msg.ready = 1;
	g->msg.fields = ready_section(r, READY_FIELDS);
	g->msg.whole = (r->flags & READY_WHOLE) != 0;
	g->msg.dated = (r->flags & READY_DATED) != 0;
	g->msg.day = r->day;
	g->msg.tree = g->letter.tree;
	return (0);
}

static int
read_header(struct searching *g)
{
	uint64_t	 n = g->letter.ready.header;

	if (n > g->letter.rec.size)
		n = g->letter.rec.size;
	if (n > MATCH_HEADER)
		n = MATCH_HEADER;
	buf_reset(&g->header);
	if (letter_read(&g->letter, &g->header, 0, (size_t)n) == -1)
		return (-1);
	g->msg.header = span_of(n == 0 ? (const uint8_t *)"" : g->header.p,
	    (size_t)n);
	return (0);
}

/* Look into the message at work: 0 it is decided, 1 go on later. */
static int
one(struct session *s, struct searching *g)
{
	struct buf	*out = session_out(s);
	int		 rc = 0;

	while (rc == 0)
		switch (match_step(g->match, &g->msg)) {
		case MATCH_YES:
			(void)buf_addc(out, ' ');
			number_write(out, s->uid ? g->letter.rec.uid : g->seq);
			/* FALLTHROUGH */
		case MATCH_NO:
			g->busy = 0;
			return (0);
		case MATCH_READY:
			rc = need(g, 0);
			break;
		case MATCH_HEADER_WANTED:
			rc = read_header(g);
			break;
		case MATCH_TREE:
			rc = need(g, READY_BIT(READY_TREE));
			break;
		case MATCH_LATER:
			return (1);
		case MATCH_ERROR:
			rc = -1;
			break;
		}
	if (rc == 1)
		return (1);
	g->failed++;
	g->busy = 0;
	return (0);
}
