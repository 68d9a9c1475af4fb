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
#include "imapd/limited.h"
#include "imapd/look.h"
#include "imapd/parse/write.h"
#include "imapd/results.h"
#include "imapd/searching.h"
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
	struct targets		 targets;
	unsigned		 failed;	/* messages not to be read */
	struct look		 look;
	uint32_t		 seq;		/* of the message at work */
	struct found		 found;		/* of SEARCH itself */

	const struct search_use	*use;		/* of others; or NULL */
	void			*data;
	int			 error;		/* of it */
	int			 enough;
};

static enum step	 begin(struct session *, struct searching *,
			    struct search *);
static enum step	 searching(struct session *);
static int		 next_message(struct session *, struct searching *);
static void		 one(struct session *, struct searching *);
static int		 plan(struct session *, struct searching *);
static void		 hit(struct session *, struct searching *);
static void		 list_run(struct session *, struct found *);
static void		 saved(struct session *, struct found *);
static void		 note_modseq(struct found *, uint64_t);
static uint64_t		 shown_modseq(const struct found *);
static int		 enough(const struct searching *);
static enum step	 refuse(struct session *, int, unsigned);
static enum step	 finish(struct session *, struct searching *);
static enum step	 hand_over(struct session *, struct searching *);
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

static int
within(void *arg, const struct seqset *set)
{
	return (targets_within(arg, set));
}

/* Only what is in all sets that must hold for every match is gone through, and
 * counts for a limit. */
static int
plan(struct session *s, struct searching *g)
{
	if (targets_all(&g->targets, &s->seen) == -1)
		return (-1);
	return (match_sets(g->look.match, within, &g->targets) == -1 ? -1 : 0);
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
	if (returns == 0)
		(void)buf_adds(session_out(s), "* SEARCH");
	else if (returns != RETURN_SAVE)
		esearch_begin(s, NULL);
}

enum step
cmd_search(struct session *s, struct cursor *c)
{
	struct search		 program;
	struct searching	*g;
	unsigned		 returns;

	if (cur_sp(c) == -1 || cur_search(c, &program) == -1)
		return (session_syntax(s, c));
	if (cur_end(c) == -1) {
		search_free(&program);
		return (session_syntax(s, c));
	}
	if (c->rev2 && program.returns == 0)	/* RFC 9051 section 6.4.4 */
		program.returns = RETURN_ALL;
	if ((program.returns & RETURN_PARTIAL) != 0)
		return (search_partial(s, &program));
	if ((g = calloc(1, sizeof(*g))) == NULL) {
		returns = program.returns;
		search_free(&program);
		return (refuse(s, ENOMEM, returns));
	}
	return (begin(s, g, &program));
}

enum step
search_for(struct session *s, struct search *program,
    const struct search_use *use, void *data)
{
	struct searching	*g;
	unsigned		 returns = program->returns;

	if ((g = calloc(1, sizeof(*g))) == NULL) {
		search_free(program);
		use->free(data);
		return (refuse(s, ENOMEM, returns));
	}
	g->use = use;
	g->data = data;
	return (begin(s, g, program));
}

static enum step
begin(struct session *s, struct searching *g, struct search *program)
{
	struct match_env	 env = { 0 };
	unsigned		 returns = program->returns;
	int			 e, modseq = program->modseq;

	s->numbers = program->numbers;
	g->found.returns = returns;
	g->found.with_modseq = modseq;
	env.keyword = keyword;
	env.uids = uids;
	env.arg = s;
	env.charsets = s->store->charsets;
	env.now = (int64_t)store_time();
	if ((g->look.match = match_new(program, &env)) == NULL ||
	    plan(s, g) == -1) {
		e = errno;
		search_free(program);
		forget(g);
		return (refuse(s, e, returns));
	}
	if (s->command->run == cmd_search)	/* RFC 9738 section 3.3 */
		limited_cut(s, &g->targets);
	if (modseq)
		cmd_condstore(s);
	if (g->use == NULL)
		begin_answer(s, returns);
	return (session_begin(s, searching, g, forget));
}

static void
forget(void *arg)
{
	struct searching	*g = arg;

	look_free(&g->look);
	targets_free(&g->targets);
	seqset_free(&g->found.saved);
	if (g->use != NULL)
		g->use->free(g->data);
	free(g);
}

static enum step
searching(struct session *s)
{
	struct searching	*g = s->data;
	uint64_t		 until = store_us() + TURN_US;
	unsigned		 n = 0;
	int			 more = 1;

	for (;;) {
		/* after each run of a text too: that may have taken long */
		if ((g->look.busy || ++n % TURN_MESSAGES == 0) &&
		    (store_us() >= until || !session_room(s)))
			break;
		if (enough(g) || (!g->look.busy && !next_message(s, g))) {
			more = 0;
			break;
		}
		one(s, g);
	}
	targets_pause(&g->targets);
	if (more)
		return (STEP_AGAIN);
	return (g->use == NULL ? finish(s, g) : hand_over(s, g));
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

int
search_save(struct seqset *set, uint32_t *last, uint32_t seq, uint32_t uid)
{
	if (set->n > 0 && *last + 1 == seq)
		set->r[set->n - 1].hi = uid;
	else if (set->n == SAVED_MAX || seqset_add(set, uid) == -1)
		return (-1);
	*last = seq;
	return (0);
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
	uint32_t	 uid = g->look.letter.rec.uid;
	uint32_t	 n = s->uid ? uid : g->seq;

	note_modseq(f, g->look.letter.rec.modseq);
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
		f->not_saved = search_save(&f->saved, &f->saved_seq, g->seq,
		    uid) == -1;
}

/* Who asks for the first alone need not wait for the others. */
static int
enough(const struct searching *g)
{
	if (g->look.busy)
		return (0);
	if (g->use != NULL)
		return (g->enough);
	return (g->found.count > 0 &&
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
	if (!f->not_saved && g->failed == 0)
		return (limited_reply(s, &g->targets));
	limited_tell(s, &g->targets);
	if (f->not_saved)
		return (session_reply(s, "NO [NOTSAVED] too many messages to "
		    "be remembered"));
	return (session_replyf(s, "OK SEARCH completed, %u messages could not "
	    "be read", g->failed));
}

/* What was found is another's, who goes on. */
static enum step
hand_over(struct session *s, struct searching *g)
{
	const struct search_use	*use = g->use;
	void			*data = g->data;
	unsigned		 failed = g->failed;
	int			 e = g->error;

	if (e != 0)
		return (refuse(s, e, g->found.returns));
	limited_tell(s, &g->targets);
	g->use = NULL;
	forget(g);
	use->over(data, failed);
	return (session_begin(s, use->step, data, use->free));
}

static int
next_message(struct session *s, struct searching *g)
{
	struct target	 t;

	if (!targets_next(&g->targets, &s->seen, &t))
		return (0);
	g->seq = t.seq;
	look_begin(&g->look, s->account->part, t.rec,
	    seen_recent(&s->seen, t.rec->uid));
	return (1);
}

/* Look into the message at work, as far as one slice goes. */
static void
one(struct session *s, struct searching *g)
{
	int	 rc;

	g->look.msg.known = view_known(s->seen.view);
	switch (look_on(&g->look)) {
	case LOOK_YES:
		if (g->use == NULL) {
			hit(s, g);
			break;
		}
		rc = g->use->hit(g->data, &g->look.letter.rec, g->seq);
		g->enough = rc != 0;
		if (rc == -1)
			g->error = errno;
		break;
	case LOOK_FAILED:
		g->failed++;
		break;
	case LOOK_NO:
	case LOOK_LATER:
		break;
	}
}
