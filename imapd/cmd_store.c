/*
 * STORE, RFC 3501 section 6.4.6, RFC 7162 section 3.1.3.  Up to BATCH_MAX messages change in one
 * transaction; more in slices.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/batch.h"
#include "imapd/cmd.h"
#include "imapd/flags.h"
#include "imapd/limited.h"
#include "imapd/parse/write.h"
#include "imapd/place.h"
#include "imapd/targets.h"

#define STORE_SLICE	250	/* messages in one transaction of many */

enum how { SET, ADD, REMOVE };

struct storing {
	struct targets	 targets;
	enum how	 how;
	int		 silent;
	uint32_t	 flags;
	uint64_t	 bits;		/* of the keywords */
	uint32_t	 may;		/* those that the session may change */
	uint64_t	 may_bits;
	size_t		 slice;
	struct span	 words[KEYWORDS_MAX];
	size_t		 nwords;
	int		 gone;		/* some of them are */
	int		 conditional;	/* UNCHANGEDSINCE was given */
	uint64_t	 since;
	struct seqset	 modified;	/* so these were left alone */
	struct touched {
		uint32_t	 uid, seq;
	}		 touched[BATCH_MAX];
	size_t		 ntouched;
};

static enum step	 storing(struct session *);
static int		 parse(struct session *, struct cursor *,
			    struct storing *);
static int		 note_flag(void *, struct span);
static int		 keywords(struct session *, struct storing *);
static int		 modifiers(struct cursor *, struct storing *);
static int		 change_one(struct session *, struct storing *,
			    const struct target *);
static int		 change(struct session *, struct storing *);
static void		 answer(struct session *, const struct storing *);
static enum step	 reply_modified(struct session *,
			    const struct storing *);
static void		 forget(void *);

static const struct {
	const char	*name;
	enum how	 how;
	int		 silent;
} items[] = {
	{ "FLAGS",		SET,	0 },
	{ "+FLAGS",		ADD,	0 },
	{ "-FLAGS",		REMOVE,	0 },
	{ "FLAGS.SILENT",	SET,	1 },
	{ "+FLAGS.SILENT",	ADD,	1 },
	{ "-FLAGS.SILENT",	REMOVE,	1 },
};

static int
note_flag(void *arg, struct span flag)
{
	struct storing	*g = arg;
	uint32_t	 bit = flag_bit(flag);

	g->flags |= bit;
	if (bit != 0)
		return (0);
	if (g->nwords == nitems(g->words))
		return (-1);
	g->words[g->nwords++] = flag;
	return (0);
}

/* "(" "UNCHANGEDSINCE" SP number ")" SP */
static int
modifiers(struct cursor *c, struct storing *g)
{
	if (cur_peek(c) != '(')
		return (0);
	g->conditional = 1;
	if (cur_char(c, '(') == -1 || cur_is(c, "UNCHANGEDSINCE") == -1 ||
	    cur_sp(c) == -1 || cur_number(c, INT64_MAX, &g->since) == -1 ||
	    cur_char(c, ')') == -1)
		return (-1);
	return (cur_sp(c));
}

static int
parse(struct session *s, struct cursor *c, struct storing *g)
{
	size_t	 i;

	if (cur_sp(c) == -1 || targets_read(&g->targets, s, c) == -1 ||
	    cur_sp(c) == -1 || modifiers(c, g) == -1)
		return (-1);
	for (i = 0; i < nitems(items); i++)
		if (cur_is(c, items[i].name) == 0)
			break;
	if (i == nitems(items)) {
		c->error = "expected FLAGS";
		return (-1);
	}
	g->how = items[i].how;
	g->silent = items[i].silent;
	if (cur_sp(c) == -1 || cur_flags(c, 1, note_flag, g) == -1)
		return (-1);
	return (cur_end(c));
}

/* The bits of its keywords; what is not there need not be taken away. */
static int
keywords(struct session *s, struct storing *g)
{
	struct mailbox	*mb = s->seen.view->mb;
	size_t		 i;
	int		 bit;

	for (i = 0; g->may_bits != 0 && i < g->nwords; i++) {
		if (g->how == REMOVE)
			bit = mailbox_keyword(mb, g->words[i]);
		else if ((bit = mailbox_keyword_add(mb, g->words[i])) == -1)
			return (-1);
		if (bit >= 0)
			g->bits |= (uint64_t)1 << bit;
	}
	return (0);
}

static size_t
slice_size(struct storing *g, const struct seen *n)
{
	struct target	 t;
	size_t		 k = 0;

	while (k <= BATCH_MAX && targets_next(&g->targets, n, &t))
		k++;
	targets_rewind(&g->targets);
	return (k <= BATCH_MAX ? BATCH_MAX : STORE_SLICE);
}

/* The first step of a removal, which a full disk does not keep from anyone. */
static int
deleting(const struct storing *g)
{
	return (g->how == ADD && g->flags == MF_DELETED && g->nwords == 0);
}

/*
 * RFC 4314 section 4: a STORE changes what the session may change, and is refused
 * when that is nothing of what it names.
 */
static int
permitted(struct session *s, struct storing *g)
{
	uint32_t	 rights = place_selected(s);

	g->may = place_flags(rights);
	g->may_bits = (rights & RIGHT_WRITE) != 0 ? UINT64_MAX : 0;
	if (g->flags == 0 && g->nwords == 0)
		return (g->may != 0);
	return ((g->flags & g->may) != 0 ||
	    (g->nwords > 0 && g->may_bits != 0));
}

/* Its answer waits for a new mark alone, see late.h and after_step(). */
static void
note_writing(struct session *s)
{
	const struct mailbox	*mb = s->seen.view->mb;

	s->wrote = mb->late > mb->seq ? mb->late : mb->seq;
}

enum step
cmd_store(struct session *s, struct cursor *c)
{
	struct storing	*g;
	int		 e;

	if ((g = calloc(1, sizeof(*g))) == NULL)
		return (session_no(s, ENOMEM));
	if (parse(s, c, g) == -1) {
		forget(g);
		return (session_syntax(s, c));
	}
	if (!s->seen.readonly && !permitted(s, g)) {
		forget(g);
		return (session_no(s, EACCES));
	}
	if (s->seen.readonly || (!deleting(g) &&
	    !dbenv_writable(s->account->part->env)) || keywords(s, g) == -1) {
		e = s->seen.readonly ? EROFS : errno == EMLINK ? EMLINK :
		    ENOSPC;
		forget(g);
		return (session_no(s, e));
	}
	note_writing(s);
	if (g->conditional)
		cmd_condstore(s);
	session_tell_keywords(s);
	limited_cut(s, &g->targets);
	/*
	 * RFC 3501 section 6.4.6: it must be able to tell what the flags are.  What
	 * NOTIFY has told just now may have crossed this command.
	 */
	g->silent &= !s->pushed;
	g->slice = slice_size(g, &s->seen);
	return (session_begin(s, storing, g, forget));
}

static void
forget(void *arg)
{
	struct storing	*g = arg;

	targets_free(&g->targets);
	seqset_free(&g->modified);
	free(g);
}

static void
apply(const struct storing *g, struct msgrec *r)
{
	switch (g->how) {
	case SET:
		r->flags = (g->flags & g->may) | (r->flags & ~g->may);
		r->keywords = (g->bits & g->may_bits) |
		    (r->keywords & ~g->may_bits);
		break;
	case ADD:
		r->flags |= g->flags & g->may;
		r->keywords |= g->bits & g->may_bits;
		break;
	case REMOVE:
		r->flags &= ~(g->flags & g->may);
		r->keywords &= ~(g->bits & g->may_bits);
		break;
	}
}

/* One message: 0, or -1 with errno. */
static int
change_one(struct session *s, struct storing *g, const struct target *t)
{
	struct msgrec	 now = *t->rec;

	if (t->gone) {
		g->gone = 1;
		return (0);
	}
	if (g->conditional && now.modseq > g->since)
		return (seqset_add(&g->modified, s->uid ? now.uid : t->seq));
	apply(g, &now);
	if ((now.flags != t->rec->flags ||
	    now.keywords != t->rec->keywords) && batch_flags(
	    s->seen.view->mb, t->rec, &now, s->seen.author) == -1)
		return (-1);
	g->touched[g->ntouched].uid = now.uid;
	g->touched[g->ntouched++].seq = t->seq;
	return (0);
}

/* One transaction: 1 there are more, 0 all were done, -1 with errno. */
static int
change(struct session *s, struct storing *g)
{
	struct target	 t;
	size_t		 n;
	int		 more = 0;

	g->ntouched = 0;
	if (batch_begin(s->account->part) == -1)
		return (-1);
	for (n = 0; n < g->slice &&
	    (more = targets_next(&g->targets, &s->seen, &t)) == 1; n++)
		if (change_one(s, g, &t) == -1) {
			batch_abort();
			return (-1);
		}
	targets_pause(&g->targets);
	return (batch_commit() == -1 ? -1 : more);
}

/* With CONDSTORE a silent one tells the new mod-sequence all the same, and the
 * UID, RFC 7162 section 3.2.4. */
static void
answer(struct session *s, const struct storing *g)
{
	struct buf		*b = session_out(s);
	const struct msgrec	*r;
	size_t			 i;
	int			 modseq;

	modseq = (s->enabled & ENABLED_CONDSTORE) != 0;
	for (i = 0; i < g->ntouched && (modseq || !g->silent); i++) {
		if ((r = view_find(s->seen.view, g->touched[i].uid)) == NULL)
			continue;
		session_write_fetch(s, b, g->touched[i].seq, r->uid);
		if ((s->enabled & ENABLED_UIDONLY) == 0 &&
		    (s->uid || modseq)) {
			(void)buf_adds(b, "UID ");
			number_write(b, r->uid);
			(void)buf_addc(b, ' ');
		}
		if (!g->silent)
			session_write_flags(s, b, r,
			    seen_recent(&s->seen, r->uid));
		if (modseq)
			(void)buf_addf(b, "%sMODSEQ (%llu)", g->silent ? "" :
			    " ", (unsigned long long)r->modseq);
		(void)buf_adds(b, ")\r\n");
	}
}

static enum step
reply_modified(struct session *s, const struct storing *g)
{
	struct buf	 b = { 0 };
	enum step	 r;

	seqset_write(&b, &g->modified);
	if (buf_failed(&b))
		r = session_no(s, ENOMEM);
	else
		r = session_replyf(s, "%s [MODIFIED %.*s] some were changed "
		    "meanwhile", g->gone && !s->uid ? "NO" : "OK", (int)b.n,
		    (const char *)b.p);
	buf_free(&b);
	return (r);
}

static enum step
storing(struct session *s)
{
	struct storing	*g = s->data;
	uint32_t	 may = g->may;
	uint64_t	 may_bits = g->may_bits;
	int		 rc;

	if (!permitted(s, g))		/* not any more */
		return (session_no(s, EACCES));
	/* What was permitted only meanwhile is for the next one. */
	g->may &= may;
	g->may_bits &= may_bits;
	if ((rc = change(s, g)) == -1)
		return (session_no(s, errno));
	note_writing(s);
	answer(s, g);
	if (rc == 1)
		return (STEP_AGAIN);
	if (g->modified.n == 0 && (!g->gone || s->uid))
		return (limited_reply(s, &g->targets));
	limited_tell(s, &g->targets);
	if (g->modified.n > 0)
		return (reply_modified(s, g));
	/* RFC 2180 section 4.2.2, RFC 5530 */
	return (session_reply(s, "NO [EXPUNGEISSUED] some messages are gone"));
}
