/*
 * SELECT, EXAMINE, CLOSE, UNSELECT: RFC 3501 sections 6.3.1, 6.3.2, 6.4.2, RFC
 * 3691, RFC 7162.
 */
#include <errno.h>
#include <stdlib.h>

#include "imapd/batch.h"
#include "imapd/cmd.h"
#include "imapd/parse/write.h"
#include "imapd/place.h"
#include "imapd/qresync.h"

#define CLOSE_SLICE	50	/* messages removed in one transaction */

struct opening {
	struct mailbox	*mb;
	struct account	*account;
	uint64_t	 id;
	int		 readonly;
	int		 condstore;
	struct span	 old;		/* how its name was written */
	struct qresync	 qresync;
};

static enum step	 open_mailbox(struct session *, struct cursor *, int);
static int		 parameters(struct session *, struct cursor *,
			    struct opening *);
static enum step	 opening(struct session *);
static enum step	 opened(struct session *, struct opening *);
static enum step	 resyncing(struct session *);
static enum step	 answer(struct session *);
static void		 forget(void *);
static enum step	 closing(struct session *);
static enum step	 closed(struct session *);
static uint32_t		 first_unseen(const struct seen *);

enum step
cmd_select(struct session *s, struct cursor *c)
{
	return (open_mailbox(s, c, 0));
}

enum step
cmd_examine(struct session *s, struct cursor *c)
{
	return (open_mailbox(s, c, 1));
}

static void
forget(void *arg)
{
	struct opening	*o = arg;

	qresync_free(&o->qresync);
	free(o);
}

/*
 * SP "(" parameter *(SP parameter) ")": RFC 7162 sections 3.1.8, 3.2.5.  What is
 * open is told with the others.
 */
static int
parameters(struct session *s, struct cursor *c, struct opening *o)
{
	if (cur_peek(c) != ' ')
		return (0);
	if (cur_sp(c) == -1 || cur_char(c, '(') == -1)
		return (-1);
	do {
		if (cur_is(c, "CONDSTORE") == 0) {
			o->condstore = 1;
			continue;
		}
		if (cur_is(c, "QRESYNC") == -1 || cur_sp(c) == -1 ||
		    qresync_read(c, &o->qresync) == -1)
			return (-1);
	} while (cur_peek(c) == ' ' && cur_sp(c) == 0);
	if (o->qresync.given && (s->enabled & ENABLED_QRESYNC) == 0) {
		c->error = "QRESYNC is not enabled";
		return (-1);
	}
	return (cur_char(c, ')'));
}

/* Whatever comes of it, the former mailbox is not selected any more. */
static enum step
open_mailbox(struct session *s, struct cursor *c, int readonly)
{
	struct opening	*o;
	struct place	 w;
	struct cursor	 at;
	struct span	 name;

	if (cur_sp(c) == -1)
		return (session_syntax(s, c));
	at = *c;
	if ((o = calloc(1, sizeof(*o))) == NULL)
		return (session_no(s, ENOMEM));
	if (cur_mailbox(c, &name) == -1 || parameters(s, c, o) == -1 ||
	    cur_end(c) == -1) {
		forget(o);
		return (session_syntax(s, c));
	}
	o->old = cmd_old_name(s, at, name);
	if (o->condstore)
		s->enabled |= ENABLED_CONDSTORE;
	if (s->state == ST_SELECTED) {
		session_tell_below(s, 1);
		session_unselect(s);
		/* RFC 7162 section 3.2.11: what comes is of the new one. */
		(void)buf_adds(session_out(s), "* OK [CLOSED] closed\r\n");
	}
	if (place_need(s, name, RIGHT_READ, &w) == -1) {
		forget(o);
		return (session_no(s, errno));
	}
	if (view_get(w.mb) == NULL) {
		forget(o);
		return (session_no(s, ENOMEM));
	}
	o->account = w.account;
	o->mb = w.mb;
	o->id = w.mb->id;
	o->readonly = readonly;
	return (session_begin(s, opening, o, forget));
}

/* Its records are read in slices; meanwhile it may go. */
static enum step
opening(struct session *s)
{
	struct opening	*o = s->data;
	struct mailbox	*mb;
	struct view	*v;

	if ((mb = mailbox_by_id(o->account, o->id)) == NULL ||
	    (place_rights(s, mb) & RIGHT_READ) == 0)
		return (session_no(s, ENOENT));
	if ((v = view_get(mb)) == NULL)
		return (session_no(s, ENOMEM));
	switch (view_load(v)) {
	case 1:
		return (STEP_AGAIN);
	case 0:
		o->mb = mb;
		return (opened(s, o));
	default:
		return (session_no(s, errno));
	}
}

/* It is looked for from where it was found last. */
static uint32_t
first_unseen(const struct seen *n)
{
	struct view	*v = n->view;
	size_t		 i;

	if (v->mb->st.unseen == 0)
		return (0);
	for (i = view_lower(v, v->seen_below); i < v->n &&
	    v->recs[i].uid <= n->maxuid; i++) {
		v->seen_below = v->recs[i].uid;
		if ((v->recs[i].flags & MF_SEEN) == 0)
			return (seen_seq(n, v->recs[i].uid));
	}
	return (0);
}

/* RFC 4314 section 5.2: something there may be changed. */
static int
may_change(uint32_t rights)
{
	return ((rights & (RIGHT_SEEN | RIGHT_WRITE | RIGHT_INSERT |
	    RIGHT_DELETED | RIGHT_EXPUNGE)) != 0);
}

/* RFC 9051 section 6.3.2: what it is called. */
static void
list_name(struct session *s, const struct mailbox *mb, struct span old)
{
	struct buf	 name = { 0 };

	place_name(s, mb, &name);
	cmd_list_write(s, span_buf(&name), old);
	buf_free(&name);
}

/* What is said must be on disk first: the state as it is now is shown. */
static enum step
opened(struct session *s, struct opening *o)
{
	struct mailbox	*mb = o->mb;
	struct buf	*b = session_out(s);
	uint32_t	 unseen, rights = place_rights(s, mb);
	int		 rc, readonly = o->readonly || !may_change(rights);

	if (view_need(mb->view) == -1)
		return (session_no(s, errno));
	if (mb->account != s->account && (s->guest = account_find(
	    s->account->part, mb->account->id)) == NULL)
		return (session_no(s, errno));
	s->seen.readonly = readonly;
	seen_open(&s->seen, mb->view);
	s->state = ST_SELECTED;
	session_hold_mailbox(s, mb);
	(void)buf_adds(b, "* FLAGS ");
	session_write_keywords(s, b);
	(void)buf_addf(b, ")\r\n* %u EXISTS\r\n", seen_count(&s->seen));
	if ((s->enabled & ENABLED_REV2) != 0)	/* RFC 9051 section 6.3.2 */
		list_name(s, mb, o->old);
	else
		(void)buf_addf(b, "* %u RECENT\r\n",
		    seen_nrecent(&s->seen));
	if ((s->enabled & (ENABLED_UIDONLY | ENABLED_REV2)) == 0 &&
	    (unseen = first_unseen(&s->seen)) != 0)
		(void)buf_addf(b, "* OK [UNSEEN %u] first unseen\r\n", unseen);
	(void)buf_adds(b, "* OK [PERMANENTFLAGS ");
	if (readonly)
		(void)buf_adds(b, "(");
	else
		session_write_permanent(s, b, rights);
	(void)buf_addf(b, ")] kept\r\n"
	    "* OK [UIDVALIDITY %u] UIDs valid\r\n"
	    "* OK [UIDNEXT %u] next UID\r\n"
	    "* OK [HIGHESTMODSEQ %llu] highest\r\n* OK [MAILBOXID (",
	    mb->uidvalidity, s->seen.maxuid + 1,
	    (unsigned long long)mb->st.modseq);
	objectid_write(b, OBJECTID_MAILBOX, mb->id);
	(void)buf_adds(b, ")] its id\r\n");
	if ((rc = qresync_begin(s, &o->qresync)) == -1) {
		session_unselect(s);
		return (session_no(s, errno));
	}
	if (rc == 0)
		return (answer(s));
	s->step = resyncing;
	return (STEP_AGAIN);
}

static enum step
answer(struct session *s)
{
	return (session_replyf(s, "OK [READ-%s] %s completed",
	    s->seen.readonly ? "ONLY" : "WRITE", s->command->name));
}

static enum step
resyncing(struct session *s)
{
	struct opening	*o = s->data;

	if (qresync_some(s, &o->qresync))
		return (STEP_AGAIN);
	/* Meanwhile messages may have been removed, and others have changed
	 * after that: who is told of these must not miss the former. */
	session_hold_mailbox(s, s->seen.view->mb);
	return (answer(s));
}

enum step
cmd_unselect(struct session *s, struct cursor *c)
{
	if (cur_end(c) == -1)
		return (session_syntax(s, c));
	session_tell_below(s, 1);
	session_unselect(s);
	return (session_reply(s, "OK UNSELECT completed"));
}

/* As EXPUNGE, but nobody is told here. */
enum step
cmd_close(struct session *s, struct cursor *c)
{
	uint64_t	*before;	/* see batch_again() */

	if (cur_end(c) == -1)
		return (session_syntax(s, c));
	session_tell_below(s, 1);
	if (s->seen.readonly || (place_selected(s) & RIGHT_EXPUNGE) == 0 ||
	    s->seen.view->mb->st.deleted == 0)
		return (closed(s));
	if ((before = calloc(1, sizeof(*before))) == NULL)
		return (session_no(s, ENOMEM));
	return (session_begin(s, closing, before, free));
}

/* RFC 7162 section 3.2.8: without HIGHESTMODSEQ, for nobody was told of what it
 * would stand for. */
static enum step
closed(struct session *s)
{
	session_unselect(s);
	return (session_reply(s, "OK CLOSE completed"));
}

/* Of those that this session counts; a few a slice, from where we are. */
static enum step
closing(struct session *s)
{
	struct view	*v = s->seen.view;
	struct mailbox	*mb = v->mb;
	uint64_t	*before = s->data;
	size_t		 i, n = 0;

	if ((place_selected(s) & RIGHT_EXPUNGE) == 0)
		return (closed(s));
	/* It will not be told; others are counted against VIEW_GONE_MAX. */
	if (s->seen.ngone > VIEW_GONE_MAX / 2)
		seen_forget(&s->seen);
	if (batch_begin(v->part) == -1)
		return (session_no(s, errno));
	batch_again(mb, *before);
	for (i = 0; i < v->n && v->recs[i].uid <= s->seen.maxuid &&
	    n < CLOSE_SLICE; i++) {
		if ((v->recs[i].flags & MF_DELETED) == 0)
			continue;
		if (batch_expunge(mb, &v->recs[i], &s->seen) == -1) {
			batch_abort();
			return (session_no(s, errno));
		}
		n++;
	}
	if (batch_commit() == -1)
		return (session_no(s, errno));
	if (n > 0)
		*before = mb->st.modseq;
	session_hold(s, mb->seq);
	if (n == CLOSE_SLICE)
		return (STEP_AGAIN);
	return (closed(s));
}
