/*
 * EXPUNGE, RFC 3501 section 6.4.3, and UID EXPUNGE, RFC 4315 section 2.1: in
 * slices, each its own transaction; told when it is on disk.
 */
#include <errno.h>
#include <stdlib.h>

#include "imapd/batch.h"
#include "imapd/cmd.h"
#include "imapd/ending.h"
#include "imapd/place.h"
#include "imapd/limited.h"
#include "imapd/targets.h"

#define LOOK_AT		5000	/* messages looked at in one slice */
#define TELL_AFTER	1000	/* removed before the client is told */

struct expunging {
	struct targets	 targets;
	unsigned	 untold;
	uint64_t	 before;	/* see batch_again() */
	int		 any;
};

static enum step	 expunging(struct session *);
static int		 some(struct session *, struct expunging *);
static void		 cut(struct session *, struct targets *);
static void		 forget(void *);

enum step
cmd_expunge(struct session *s, struct cursor *c)
{
	struct expunging	*x;
	int			 rc;

	if ((x = calloc(1, sizeof(*x))) == NULL)
		return (session_no(s, ENOMEM));
	if ((s->uid && (cur_sp(c) == -1 ||
	    targets_read(&x->targets, s, c) == -1)) || cur_end(c) == -1) {
		forget(x);
		return (session_syntax(s, c));
	}
	rc = s->uid ? 0 : targets_all(&x->targets, &s->seen);
	if (rc == -1 || s->seen.readonly) {
		forget(x);
		return (session_no(s, rc == -1 ? ENOMEM : EROFS));
	}
	if ((place_selected(s) & RIGHT_EXPUNGE) == 0) {
		forget(x);
		return (session_no(s, EACCES));
	}
	if (s->uid)
		cut(s, &x->targets);
	return (session_begin(s, expunging, x, forget));
}

/*
 * RFC 9738 section 3.1: of those that are marked, the last ones; EXPUNGE itself
 * has no limit.
 */
static void
cut(struct session *s, struct targets *t)
{
	uint32_t	 most = limited_all(s), n, lowest = 0;
	struct target	 m;

	if (most == 0 || s->seen.view->mb->st.deleted <= most)
		return;
	for (n = 0; targets_next(t, &s->seen, &m);)
		n += !m.gone && (m.rec->flags & MF_DELETED) != 0;
	targets_rewind(t);
	if (n <= most)
		return;
	for (n -= most - 1; n > 0 && targets_next(t, &s->seen, &m);)
		if (!m.gone && (m.rec->flags & MF_DELETED) != 0) {
			lowest = m.rec->uid;
			n--;
		}
	targets_rewind(t);
	targets_from(t, lowest);
	t->limited = lowest;
}

static void
forget(void *arg)
{
	struct expunging	*x = arg;

	targets_free(&x->targets);
	free(x);
}

/* One transaction: 1 there are more, 0 all were seen, -1 with errno. */
static int
some(struct session *s, struct expunging *x)
{
	struct mailbox	*mb = s->seen.view->mb;
	struct target	 t;
	unsigned	 n = 0, looked = 0;
	int		 more = 1;

	if (batch_begin(s->account->part) == -1)
		return (-1);
	batch_again(mb, x->before);
	while (n < ENDING_MESSAGES && looked++ < LOOK_AT &&
	    (more = targets_next(&x->targets, &s->seen, &t)) == 1) {
		if (t.gone || (t.rec->flags & MF_DELETED) == 0)
			continue;
		if (batch_expunge(mb, t.rec, &s->seen) == -1) {
			batch_abort();
			return (-1);
		}
		n++;
	}
	targets_pause(&x->targets);
	x->untold += n;
	x->any |= n > 0;
	if (batch_commit() == -1)
		return (-1);
	if (n > 0)
		x->before = mb->st.modseq;
	return (more);
}

/* RFC 7162 section 3.2.7: all up to there is told before the answer. */
enum step
cmd_expunged(struct session *s, const struct targets *t, int any)
{
	static const struct targets	 none;
	const struct mailbox		*mb = s->seen.view->mb;

	if (t == NULL)
		t = &none;
	if (!any || (s->enabled & ENABLED_QRESYNC) == 0)
		return (limited_reply(s, t));
	limited_tell(s, t);
	session_hold_mailbox(s, mb);
	return (session_replyf(s, "OK [HIGHESTMODSEQ %llu] %s completed",
	    (unsigned long long)mb->st.modseq, s->command->name));
}

static enum step
expunging(struct session *s)
{
	struct expunging	*x = s->data;
	int			 rc;

	if ((place_selected(s) & RIGHT_EXPUNGE) == 0) {
		session_hold(s, s->seen.view->mb->seq);
		return (session_no(s, EACCES));
	}
	if ((rc = some(s, x)) == -1)
		return (session_no(s, errno));
	if (x->untold > 0)
		session_hold(s, s->seen.view->mb->seq);
	if (rc == 0)
		return (cmd_expunged(s, &x->targets, x->any));
	if (x->untold < TELL_AFTER)
		return (STEP_AGAIN);
	x->untold = 0;
	return (STEP_FLUSH);
}
