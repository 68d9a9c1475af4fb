/*
 * NOTIFY, RFC 5465.
 */
#include <errno.h>
#include <stdlib.h>

#include "imapd/cmd.h"
#include "imapd/notify.h"
#include "imapd/parse/write.h"
#include "imapd/place.h"

#define SLICE_NAMES	50
#define SLICE_OTHERS	10		/* another's account may be read */

struct telling {
	struct notify_request	 request;
	int		 others;	/* own ones are done */
	struct buf	 last;		/* name that was told last */
	struct buf	 name;		/* of another's */
};

static enum step	 refused(struct session *);
static enum step	 setting(struct session *);
static enum step	 telling(struct session *);
static enum step	 telling_others(struct session *);
static void		 no_access(struct session *, struct span);
static int		 state(struct session *, const struct mailbox *);
static void		 forget(void *);

static void
forget(void *arg)
{
	struct telling	*t = arg;

	buf_free(&t->last);
	buf_free(&t->name);
	free(t);
}

/* Section 3.1: none of it holds, and the client learns what there is. */
static enum step
refused(struct session *s)
{
	struct buf	 b = { 0 };
	enum step	 r;

	notify_events_write(&b);
	r = session_replyf(s, "NO [BADEVENT (%s)] not all of these events are "
	    "known here", buf_cstr(&b));
	buf_free(&b);
	return (r);
}

/* Section 3.1: what it was to be told until now is told first. */
enum step
cmd_notify(struct session *s, struct cursor *c)
{
	struct telling	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return (session_no(s, ENOMEM));
	if (cur_notify(c, &t->request) == -1) {
		forget(t);
		return (session_syntax(s, c));
	}
	if (t->request.unknown || t->request.many) {
		if (t->request.unknown)
			(void)refused(s);
		else
			(void)session_reply(s, "NO [NOTIFICATIONOVERFLOW] too "
			    "many groups or names");
		forget(t);
		return (STEP_DONE);
	}
	(void)session_begin(s, setting, t, forget);
	if (s->state != ST_SELECTED)
		return (STEP_AGAIN);
	session_hold_mailbox(s, s->seen.view->mb);
	return (STEP_FLUSH);
}

static enum step
setting(struct session *s)
{
	struct telling			*t = s->data;
	const struct notify_request	*r = &t->request;
	struct fetch_items		 f;
	struct cursor			 c;

	if (notify_set(s, r) == -1)
		return (session_no(s, ENOMEM));
	cursor_init_span(&c, r->fetch, &s->scratch);
	if (r->fetch.n > 0 && cur_fetch_list(&c, &f) == 0) {
		if ((f.what & FETCH_MODSEQ) != 0)
			cmd_condstore(s);
		fetch_free(&f);
	}
	if (!r->status && !notify_others(s->notify))
		return (session_reply(s, "OK NOTIFY completed"));
	session_hold(s, s->account->seq);
	s->step = r->status ? telling : telling_others;
	return (STEP_AGAIN);
}

/* Section 3.1: as far as it wants to know of its messages. */
static int
state(struct session *s, const struct mailbox *mb)
{
	unsigned	 wants = notify_wanted(s->notify, mb);

	return (wants == 0 ? 0 : cmd_status_write(s, mb,
	    notify_items_first(s, wants)));
}

static int
remember(struct telling *t, struct span name)
{
	buf_reset(&t->last);
	return (buf_add_span(&t->last, name));
}

/* The states of all mailboxes whose messages it wants to know of. */
static enum step
telling(struct session *s)
{
	struct telling		*t = s->data;
	const struct account	*a = s->account;
	size_t			 i, end;

	i = mailbox_behind(a, span_buf(&t->last));
	for (end = i + SLICE_NAMES; i < a->nmailboxes && i < end; i++)
		if (state(s, a->mailboxes[i]) == -1)
			return (session_no(s, errno));
	if (i < a->nmailboxes)
		return (remember(t, span_str(a->mailboxes[i - 1]->name)) ==
		    -1 ? session_no(s, ENOMEM) : STEP_AGAIN);
	if (!notify_others(s->notify))
		return (session_reply(s, "OK NOTIFY completed"));
	buf_reset(&t->last);
	s->step = telling_others;
	return (STEP_AGAIN);
}

/* Section 3.1: it is seen, but nothing of it will be told. */
static void
no_access(struct session *s, struct span name)
{
	struct buf	*b = session_out(s);

	(void)buf_addf(b, "* LIST (\\NoAccess %s) \"/\" ",
	    place_has_children(s, name) ? "\\HasChildren" :
	    "\\HasNoChildren");
	mailbox_write(b, name, s->enabled & ENABLED_UTF8);
	(void)buf_adds(b, "\r\n");
}

/* The same of what others share, and what of it may not be read. */
static enum step
telling_others(struct session *s)
{
	struct telling	*t = s->data;
	struct place	 w;
	struct span	 name;
	int		 i, rc;

	for (i = 0; i < SLICE_OTHERS; i++) {
		buf_reset(&t->name);
		rc = place_next_other(s, span_buf(&t->last), &t->name);
		if (rc != 1)
			return (rc == -1 ? session_no(s, errno) :
			    session_reply(s, "OK NOTIFY completed"));
		name = span_buf(&t->name);
		if (remember(t, name) == -1)
			return (session_no(s, ENOMEM));
		if (place_find(s, name, &w) == -1 || !w.other ||
		    notify_named(s->notify, 0, name) == 0)
			continue;
		if ((w.rights & RIGHT_READ) == 0)
			no_access(s, name);
		else if (t->request.status && state(s, w.mb) == -1)
			return (session_no(s, errno));
	}
	place_drop(s);
	return (STEP_AGAIN);
}
