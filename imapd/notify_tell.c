/*
 * Telling what NOTIFY asked for while no command runs.  See notify.h.
 */
#include <stdlib.h>
#include <string.h>

#include "imapd/cmd.h"
#include "imapd/notify_int.h"

#define SLICE_MAILBOXES	8	/* looked up by their id */

static int	 items(struct session *);
static int	 begin_items(struct session *);
static void	 give_up(struct session *);
static void	 states(struct session *);
static void	 lines(struct session *);

int
notify_expunges(const struct session *s)
{
	const struct notify	*n = s->notify;

	return (n->at_once || s->phase == PHASE_IDLE);
}

/* Section 3.1: who did not ask for flags is not told of them at the end of
 * commands either. */
int
notify_flags(const struct session *s)
{
	const struct notify	*n = s->notify;

	return (n == NULL || (n->selected & EVENT_FLAGS) != 0);
}

void
notify_brought(struct session *s, const struct mailbox *mb, uint32_t lo,
    uint32_t hi)
{
	struct notify	*n = s->notify;
	uint32_t	 uid;

	if (n == NULL || n->items.n == 0 || s->state != ST_SELECTED ||
	    s->seen.view->mb != mb)
		return;
	for (uid = lo; uid >= lo && uid <= hi; uid++)
		if (seqset_add(&n->brought, uid) == -1)
			return;		/* then they are told, too */
}

/* Section 5.2: but for those that it has brought itself. */
void
notify_arrived(struct session *s, uint32_t lo, uint32_t hi)
{
	struct notify	*n = s->notify;
	size_t		 i;

	if (n->items.n == 0 || (n->selected & EVENT_NEW) == 0)
		return;
	for (i = seqset_lower(&n->brought, lo); lo <= hi; lo++) {
		while (i < n->brought.n && n->brought.r[i].hi < lo)
			i++;
		if (i < n->brought.n && n->brought.r[i].lo <= lo)
			continue;
		if (seqset_add(&n->fresh, lo) == -1)
			n->over = 1;
		if (lo == UINT32_MAX)
			break;
	}
	seqset_free(&n->brought);
}

void
notify_left(struct session *s, int untold)
{
	struct notify		*n = s->notify;
	const struct mailbox	*mb = s->seen.view->mb;
	unsigned		 wants;

	fetch_end(n->fetch);
	n->fetch = NULL;
	seqset_free(&n->fresh);
	seqset_free(&n->brought);
	if (untold && !n->over && (wants = notify_wanted(n, mb)) != 0)
		notify_dirty(n, mb, wants);
}

void
notify_lost(struct session *s)
{
	struct notify	*n = s->notify;

	if (n == NULL)
		return;
	n->over = 1;
	if (n->fetch != NULL)	/* half of a message may have left */
		s->broken = 1;
}

/* The items were read once already, by the command. */
static int
begin_items(struct session *s)
{
	struct notify	*n = s->notify;
	struct cursor	 c;
	struct fetch	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return (-1);
	cursor_init_span(&c, span_buf(&n->items), &n->scratch);
	if (cur_fetch_list(&c, &f->items) == -1) {
		fetch_end(f);
		return (-1);
	}
	f->targets.set = n->fresh;
	memset(&n->fresh, 0, sizeof(n->fresh));
	f->items.what |= FETCH_UID;
	f->items.sets_seen = 0;		/* section 5.2: nobody read it */
	if (fetch_plan(f) == -1) {
		fetch_end(f);
		return (-1);
	}
	n->fetch = f;
	return (0);
}

/* Those of new messages, a slice: 1 when something was done, else 0. */
static int
items(struct session *s)
{
	struct notify	*n = s->notify;

	if (n->fetch == NULL && n->fresh.n == 0)
		return (0);
	if (view_need(s->seen.view) == -1)
		return (1);		/* it is lost */
	if (n->fetch == NULL && begin_items(s) == -1) {
		n->over = 1;
		return (0);
	}
	if (fetch_some(s, n->fetch) == FETCH_END) {
		fetch_end(n->fetch);
		n->fetch = NULL;
	}
	return (1);
}

/* Section 5.8: as after NOTIFY NONE. */
static void
give_up(struct session *s)
{
	struct notify	*n = s->notify;

	n->over = 0;
	n->ngroups = n->ndirty = 0;
	n->selected = 0;
	seqset_free(&n->fresh);
	seqset_free(&n->brought);
	buf_free(&n->items);
	buf_free(&n->lines);
	n->lines.max = NOTIFY_LINES;
	(void)buf_adds(session_out(s), "* OK [NOTIFICATIONOVERFLOW] too much "
	    "happened, look for yourself; NOTIFY is off\r\n");
}

/* One that cannot be read is told when it changes again. */
static void
states(struct session *s)
{
	struct notify		*n = s->notify;
	struct account		*a;
	const struct mailbox	*mb;
	unsigned		 wants;
	size_t			 i;

	for (i = 0; i < n->ndirty && i < SLICE_MAILBOXES; i++) {
		if ((a = account_find(s->account->part,
		    n->dirty[i].account)) == NULL)
			continue;
		mb = mailbox_by_id(a, n->dirty[i].id);
		if (mb != NULL && (wants = notify_wanted(n, mb)) != 0) {
			session_hold(s, a->seq);	/* rights, its name */
			(void)cmd_status_write(s, mb, notify_items(s,
			    n->dirty[i].events, wants));
		}
		account_put(a);
	}
	n->ndirty -= i;
	memmove(n->dirty, n->dirty + i, n->ndirty * sizeof(*n->dirty));
}

static void
lines(struct session *s)
{
	struct notify	*n = s->notify;

	session_hold(s, n->seq);
	(void)buf_add_span(session_out(s), span_buf(&n->lines));
	buf_free(&n->lines);
	n->lines.max = NOTIFY_LINES;
}

int
notify_some(struct session *s)
{
	struct notify	*n = s->notify;

	if (!session_room(s))
		return (n->fetch != NULL ? -1 : 0);
	if (items(s))
		return (1);
	if (n->selected != 0)
		session_tell(s, notify_expunges(s));
	if (n->over)
		give_up(s);
	if (n->lines.n > 0)
		lines(s);
	if (n->ndirty > 0)
		states(s);
	return (s->out.n > 0 || n->fresh.n > 0 || n->ndirty > 0);
}
