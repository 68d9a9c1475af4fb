/*
 * NOTIFY, RFC 5465.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/cmd.h"
#include "imapd/notify.h"

#define SLICE_NAMES	50

struct telling {
	char	*last;		/* mailbox that was told last */
};

static enum step	 refused(struct session *);
static enum step	 telling(struct session *);
static void		 forget(void *);

static void
forget(void *arg)
{
	struct telling	*t = arg;

	free(t->last);
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

enum step
cmd_notify(struct session *s, struct cursor *c)
{
	static const struct telling	 none;
	struct notify_request		 r;
	struct fetch_items		 f;
	struct cursor			 at;
	struct telling			*t;

	if (cur_notify(c, &r) == -1)
		return (session_syntax(s, c));
	if (r.unknown)
		return (refused(s));
	if (r.many)
		return (session_reply(s, "NO [NOTIFICATIONOVERFLOW] too many "
		    "groups or names"));
	if ((t = malloc(sizeof(*t))) == NULL || notify_set(s, &r) == -1) {
		free(t);
		return (session_no(s, ENOMEM));
	}
	*t = none;
	at = *c;
	at.s = r.fetch;
	if (r.fetch.n > 0 && cur_fetch_list(&at, &f) == 0) {
		if ((f.what & FETCH_MODSEQ) != 0)
			cmd_condstore(s);
		fetch_free(&f);
	}
	if (!r.status) {
		forget(t);
		return (session_reply(s, "OK NOTIFY completed"));
	}
	session_hold(s, s->account->seq);
	return (session_begin(s, telling, t, forget));
}

/* The states of all mailboxes whose messages it wants to know of. */
static enum step
telling(struct session *s)
{
	struct telling		*t = s->data;
	const struct account	*a = s->account;
	const struct mailbox	*mb;
	unsigned		 wants;
	char			*copy;
	size_t			 i, end;

	i = mailbox_behind(a, span_str(t->last == NULL ? "" : t->last));
	for (end = i + SLICE_NAMES; i < a->nmailboxes && i < end; i++) {
		mb = a->mailboxes[i];
		wants = notify_wanted(s->notify, mb);
		if (wants != 0 && cmd_status_write(s, mb, notify_items(s,
		    wants, wants)) == -1)
			return (session_no(s, errno));
	}
	if (i == a->nmailboxes)
		return (session_reply(s, "OK NOTIFY completed"));
	if ((copy = strdup(a->mailboxes[i - 1]->name)) == NULL)
		return (session_no(s, ENOMEM));
	free(t->last);
	t->last = copy;
	return (STEP_AGAIN);
}
