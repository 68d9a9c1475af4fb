/*
 * SEARCH, RFC 3501 section 6.4.4, with the answers of RFC 4731 and the saved
 * result of RFC 5182: goes through the messages in slices and looks into each
 * as far as it must (match.h).  The answer is one line, which is sent as it
 * grows; what is known at the end alone stands at its end.
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
#define SAVED_MAX	100000	/* runs of messages in a saved result */

/* What was found, for the answer; numbers as the client wants them. */
struct found {
	unsigned		 returns;	/* RETURN_*; 0: as in RFC 3501 */
	uint32_t		 count;
	uint32_t		 min, max;
	uint32_t		 minuid, maxuid;
	struct range		 run;		/* of ALL, not written yet */
	int			 listed;	/* "ALL" is written */
	int			 with_modseq;	/* RFC 7162 section 3.1.5 */
	uint64_t		 modseq, minmodseq, maxmodseq;

	struct seqset		 saved;		/* UIDs */
	uint32_t		 saved_seq;	/* of the last one */
	int			 not_saved;	/* too many */
};

struct searching {
	struct match		*match;
	struct targets		 targets;
	unsigned		 failed;	/* messages not to be read */
	struct found		 found;

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
static void		 hit(struct session *, struct searching *);
static void		 list_run(struct session *, struct found *);
static void		 save(struct found *, uint32_t, uint32_t);
static void		 saved(struct session *, struct found *);
static void		 note_modseq(struct found *, uint64_t);
static uint64_t		 shown_modseq(const struct found *);
static int		 enough(const struct searching *);
static enum step	 refuse(struct session *, int, unsigned);
static enum step	 finish(struct session *, struct searching *);
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

	if (set->saved)
		return (targets_saved(set, s));
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

/* RFC 5182 section 2.1: NO to a search that should be saved saves nothing. */
static enum step
refuse(struct session *s, int e, unsigned returns)
{
	if ((returns & RETURN_SAVE) != 0)
		seqset_free(&s->saved);
	if (e == EILSEQ)
		return (session_reply(s, "NO [BADCHARSET (US-ASCII "
		    "UTF-8)] that charset is not known"));
	return (session_no(s, e));
}

static void
begin_answer(struct session *s, unsigned returns)
{
	struct buf	*out = session_out(s);

	if (returns == 0)
		(void)buf_adds(out, "* SEARCH");
	if ((returns & ~RETURN_SAVE) == 0)
		return;
	(void)buf_adds(out, "* ESEARCH (TAG ");
	string_write(out, s->tag);
	(void)buf_adds(out, s->uid ? ") UID" : ")");
}

enum step
cmd_search(struct session *s, struct cursor *c)
{
	struct match_env	 env = { 0 };
	struct search		 program;
	struct searching	*g;
	unsigned		 returns;
	int			 e;

	if (cur_sp(c) == -1 || cur_search(c, &program) == -1)
		return (session_syntax(s, c));
	if (cur_end(c) == -1) {
		search_free(&program);
		return (session_syntax(s, c));
	}
	if ((g = calloc(1, sizeof(*g))) == NULL) {
		returns = program.returns;
		search_free(&program);
		return (refuse(s, ENOMEM, returns));
	}
	g->found.returns = program.returns;
	g->found.with_modseq = program.modseq;
	env.keyword = keyword;
	env.uids = uids;
	env.arg = s;
	env.charsets = s->store->charsets;
	env.now = (int64_t)store_time();
	if ((g->match = match_new(&program, &env)) == NULL ||
	    plan(s, g) == -1) {
		e = errno;
		returns = g->found.returns;
		forget(g);
		return (refuse(s, e, returns));
	}
	if (g->found.with_modseq)
		cmd_condstore(s);
	begin_answer(s, g->found.returns);
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
	seqset_free(&g->found.saved);
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
		if (enough(g))
			more = 0;
		else if (g->busy || (more = next_message(s, g)) == 1)
			rc = one(s, g);
	}
	targets_pause(&g->targets);
	return (more ? STEP_AGAIN : finish(s, g));
}

/* The ranges of ALL go out as they are found. */
static void
list_run(struct session *s, struct found *f)
{
	struct buf	*out = session_out(s);

	if (f->run.lo == 0)
		return;
	(void)buf_adds(out, f->listed ? "," : " ALL ");
	f->listed = 1;
	number_write(out, f->run.lo);
	if (f->run.hi != f->run.lo) {
		(void)buf_addc(out, ':');
		number_write(out, f->run.hi);
	}
}

/* No message stands between neighbours, and none ever will. */
static void
save(struct found *f, uint32_t seq, uint32_t uid)
{
	struct seqset	*set = &f->saved;

	if (set->n > 0 && f->saved_seq + 1 == seq)
		set->r[set->n - 1].hi = uid;
	else if (set->n == SAVED_MAX || seqset_add(set, uid) == -1)
		f->not_saved = 1;
	f->saved_seq = seq;
}

/* With MIN or MAX and neither ALL nor COUNT only these are saved. */
static int
saves_ends(const struct found *f)
{
	return ((f->returns & (RETURN_MIN | RETURN_MAX)) != 0 &&
	    (f->returns & (RETURN_ALL | RETURN_COUNT)) == 0);
}

static void
note_modseq(struct found *f, uint64_t modseq)
{
	if (f->count == 0)
		f->minmodseq = modseq;
	f->maxmodseq = modseq;
	if (modseq > f->modseq)
		f->modseq = modseq;
}

/* The highest of what is shown, RFC 4731 section 3.2. */
static uint64_t
shown_modseq(const struct found *f)
{
	switch (f->returns & ~RETURN_SAVE) {
	case RETURN_MIN:
		return (f->minmodseq);
	case RETURN_MAX:
		return (f->maxmodseq);
	case RETURN_MIN | RETURN_MAX:
		return (f->minmodseq > f->maxmodseq ? f->minmodseq :
		    f->maxmodseq);
	default:
		return (f->modseq);
	}
}

/* The message at work matches. */
static void
hit(struct session *s, struct searching *g)
{
	struct found	*f = &g->found;
	uint32_t	 uid = g->letter.rec.uid;
	uint32_t	 n = s->uid ? uid : g->seq;

	note_modseq(f, g->letter.rec.modseq);
	if (f->count++ == 0) {
		f->min = n;
		f->minuid = uid;
	}
	if (f->returns == 0) {
		(void)buf_addc(session_out(s), ' ');
		number_write(session_out(s), n);
		return;
	}
	f->max = n;
	f->maxuid = uid;
	if ((f->returns & RETURN_ALL) != 0) {
		if (f->run.lo != 0 && f->run.hi + 1 == n)
			f->run.hi = n;
		else {
			list_run(s, f);
			f->run.lo = f->run.hi = n;
		}
	}
	if ((f->returns & RETURN_SAVE) != 0 && !saves_ends(f) &&
	    !f->not_saved)
		save(f, g->seq, uid);
}

/* Who asks for the first alone need not wait for the others. */
static int
enough(const struct searching *g)
{
	return (!g->busy && g->found.count > 0 &&
	    (g->found.returns & ~RETURN_SAVE) == RETURN_MIN);
}

/* What was found becomes "$". */
static void
saved(struct session *s, struct found *f)
{
	if (saves_ends(f) && f->count > 0) {
		if (((f->returns & RETURN_MIN) != 0 &&
		    seqset_add(&f->saved, f->minuid) == -1) ||
		    ((f->returns & RETURN_MAX) != 0 &&
		    ((f->returns & RETURN_MIN) == 0 ||
		    f->maxuid != f->minuid) &&
		    seqset_add(&f->saved, f->maxuid) == -1))
			f->not_saved = 1;
	}
	seqset_free(&s->saved);
	if (f->not_saved)
		return;
	s->saved = f->saved;
	memset(&f->saved, 0, sizeof(f->saved));
}

static enum step
finish(struct session *s, struct searching *g)
{
	struct found	*f = &g->found;
	struct buf	*out = session_out(s);

	list_run(s, f);
	if ((f->returns & RETURN_MIN) != 0 && f->count > 0)
		(void)buf_addf(out, " MIN %u", f->min);
	if ((f->returns & RETURN_MAX) != 0 && f->count > 0)
		(void)buf_addf(out, " MAX %u", f->max);
	if ((f->returns & RETURN_COUNT) != 0)
		(void)buf_addf(out, " COUNT %u", f->count);
	if (f->with_modseq && f->count > 0 && f->returns != RETURN_SAVE)
		(void)buf_addf(out, f->returns == 0 ? " (MODSEQ %llu)" :
		    " MODSEQ %llu", (unsigned long long)shown_modseq(f));
	if (f->returns != RETURN_SAVE)
		(void)buf_adds(out, "\r\n");
	if ((f->returns & RETURN_SAVE) != 0)
		saved(s, f);
	if (f->not_saved)
		return (session_reply(s, "NO [NOTSAVED] too many messages to "
		    "be remembered"));
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
	int	 rc = 0;

	while (rc == 0)
		switch (match_step(g->match, &g->msg)) {
		case MATCH_YES:
			hit(s, g);
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
