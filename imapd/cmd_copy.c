/*
 * COPY, RFC 3501 section 6.4.7, and MOVE, RFC 6851.  Copies share the body.  A
 * COPY is one transaction, so all or nothing; one of more than BATCH_MAX
 * messages is staged.  A MOVE goes in slices, each message whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/batch.h"
#include "imapd/cmd.h"
#include "imapd/limited.h"
#include "imapd/notify.h"
#include "imapd/place.h"
#include "imapd/quota.h"
#include "imapd/stage.h"
#include "imapd/targets.h"

#define MOVE_SLICE	100	/* messages in one transaction */
#define MOVE_TELL	1000	/* moved before the client is told */

struct copying {
	struct targets	 targets;
	struct account	*account;
	uint64_t	 to;		/* mailbox */
	uint32_t	 rights;	/* on it */
	int8_t		 bits[KEYWORDS_MAX];	/* its bit for each of ours;
						 * -1: none */
	size_t		 n;		/* messages to be copied */
	struct seqset	 from_uids, to_uids;
	size_t		 untold;	/* moved, COPYUID not sent yet */
	int		 move;
	int		 moved;		/* all; the answer is left */
	int		 any;
	uint64_t	 before;	/* see batch_again() */
	struct stage	*stage;
};

static enum step	 begin(struct session *, struct cursor *, int);
static enum step	 start(struct session *);
static enum step	 copy(struct session *, struct copying *,
			    struct mailbox *);
static enum step	 staging(struct session *);
static int		 stage_some(struct session *, struct copying *);
static enum step	 moving(struct session *);
static int		 move_some(struct session *, struct copying *,
			    struct mailbox *);
static void		 tell_moved(struct session *, struct copying *,
			    const struct mailbox *);
static int		 survey(struct session *, struct copying *,
			    struct mailbox *);
static int		 copy_one(struct session *, struct copying *,
			    struct mailbox *, const struct msgrec *);
static void		 forget(void *);

enum step
cmd_copy(struct session *s, struct cursor *c)
{
	return (begin(s, c, 0));
}

enum step
cmd_move(struct session *s, struct cursor *c)
{
	return (begin(s, c, 1));
}

static void
forget(void *arg)
{
	struct copying	*x = arg;

	stage_free(x->stage);
	targets_free(&x->targets);
	seqset_free(&x->from_uids);
	seqset_free(&x->to_uids);
	free(x);
}

static struct mailbox *
where_to(const struct copying *x)
{
	return (mailbox_by_id(x->account, x->to));
}

static enum step
failed(struct session *s, int error)
{
	if (error == ENOENT)		/* the mailbox it goes to */
		return (session_reply(s, "NO [TRYCREATE] no such mailbox"));
	if (error == EAGAIN)		/* see stage.h */
		return (session_reply(s, "NO [INUSE] try again later"));
	return (session_no(s, error));
}

static void
make_record(const struct copying *x, const struct msgrec *from,
    struct msgrec *r)
{
	unsigned	 i;

	*r = *from;
	r->flags &= place_flags(x->rights);
	r->keywords = 0;
	for (i = 0; i < KEYWORDS_MAX && from->keywords >> i != 0 &&
	    (x->rights & RIGHT_WRITE) != 0; i++)
		if ((from->keywords >> i & 1) != 0 && x->bits[i] >= 0)
			r->keywords |= (uint64_t)1 << x->bits[i];
}

/* RFC 5465 section 5.2, should it be the one that is selected. */
static void
brought(struct session *s, const struct copying *x, const struct mailbox *to)
{
	size_t	 i;

	for (i = 0; i < x->to_uids.n; i++)
		notify_brought(s, to, x->to_uids.r[i].lo,
		    x->to_uids.r[i].hi);
}

/* RFC 9051 section 6.4.7: to who may not read it nothing is said of it. */
static int
may_read(const struct session *s, const struct mailbox *to)
{
	return ((place_rights(s, to) & RIGHT_READ) != 0);
}

static enum step
answer(struct session *s, const struct copying *x, const struct mailbox *to)
{
	struct buf	 b = { 0 };

	if (x->from_uids.n == 0)
		return (session_replyf(s, "OK %s completed, no messages",
		    s->command->name));
	brought(s, x, to);
	if (!may_read(s, to))
		return (session_replyf(s, "OK %s completed",
		    s->command->name));
	(void)buf_addf(&b, "OK [COPYUID %u ", to->uidvalidity);
	seqset_write(&b, &x->from_uids);
	(void)buf_addc(&b, ' ');
	seqset_write(&b, &x->to_uids);
	(void)buf_addf(&b, "] %s completed", s->command->name);
	(void)session_reply(s, buf_cstr(&b));
	buf_free(&b);
	return (STEP_DONE);
}

/* A copy is all or nothing: the answer is given, then. */
static int
too_many(struct session *s, const struct targets *t)
{
	uint32_t	 most = limited_copies(s), n;

	if (most == 0 || (n = targets_count(t, &s->seen)) <= most)
		return (0);
	(void)limited_refuse(s, most, targets_number(t, &s->seen,
	    n - most + 1));
	return (1);
}

/* RFC 6851 section 4.4: what is moved is removed here. */
static int
may_leave(const struct session *s)
{
	uint32_t	 need = RIGHT_DELETED | RIGHT_EXPUNGE;

	errno = s->seen.readonly ? EROFS : EACCES;
	return (!s->seen.readonly && (place_selected(s) & need) == need);
}

static enum step
begin(struct session *s, struct cursor *c, int move)
{
	struct copying	*x;
	struct place	 w;
	struct span	 name;

	if ((x = calloc(1, sizeof(*x))) == NULL)
		return (session_no(s, ENOMEM));
	x->move = move;
	if (cur_sp(c) == -1 || targets_read(&x->targets, s, c) == -1 ||
	    cmd_one_mailbox(c, &name) == -1) {
		forget(x);
		return (session_syntax(s, c));
	}
	if (place_need(s, name, RIGHT_INSERT, &w) == -1 ||
	    (move && !may_leave(s))) {
		forget(x);
		return (failed(s, errno));
	}
	if (!s->uid && targets_gone(&x->targets, &s->seen)) {
		forget(x);	/* RFC 2180 section 4.4, RFC 5530 */
		return (session_reply(s,
		    "NO [EXPUNGEISSUED] some messages are gone"));
	}
	if (!cmd_writable(s) || (!move && too_many(s, &x->targets))) {
		forget(x);
		return (STEP_DONE);
	}
	if (move)
		limited_cut(s, &x->targets);
	x->account = w.account;
	x->to = w.mb->id;
	x->rights = w.rights;
	return (session_begin(s, start, x, forget));
}

/*
 * How many there are, whether the quota takes them, and the keywords that the
 * other mailbox must know; what it has no room for gets lost.
 */
static int
survey(struct session *s, struct copying *x, struct mailbox *to)
{
	const struct mailbox	*mb = s->seen.view->mb;
	uint64_t		 words = 0, octets = 0;
	struct target		 t;
	size_t			 i;

	while (targets_next(&x->targets, &s->seen, &t)) {
		if (t.gone)
			continue;
		x->n++;
		octets += t.rec->size;
		words |= t.rec->keywords;
	}
	targets_rewind(&x->targets);
	if ((!x->move || to->account != mb->account) &&
	    quota_over(to->account, octets, x->n)) {
		errno = EDQUOT;
		return (-1);
	}
	for (i = 0; i < KEYWORDS_MAX; i++) {
		x->bits[i] = -1;
		if (i < mb->nkeywords && (words >> i & 1) != 0 &&
		    (x->rights & RIGHT_WRITE) != 0)
			x->bits[i] = (int8_t)(mb == to ? (int)i :
			    mailbox_keyword_add(to,
			    span_str(mb->keywords[i])));
	}
	return (0);
}

/* In each slice: it may have gone, or its rights. */
static int
may_go_on(struct session *s, struct copying *x, const struct mailbox *to)
{
	errno = ENOENT;
	if (to == NULL ||
	    place_still(s, to, RIGHT_INSERT, &x->rights) == -1)
		return (0);
	return (!x->move || may_leave(s));
}

static enum step
start(struct session *s)
{
	struct copying	*x = s->data;
	struct mailbox	*to = where_to(x);

	if (!may_go_on(s, x, to))
		return (failed(s, errno));
	if (survey(s, x, to) == -1)
		return (failed(s, errno));
	s->wrote = to->seq;
	if (!x->move && x->n <= BATCH_MAX)
		return (copy(s, x, to));
	s->step = x->move ? moving : staging;
	return (STEP_AGAIN);
}

/* In the open command: a copy that is staged, or a message right away. */
static int
copy_one(struct session *s, struct copying *x, struct mailbox *to,
    const struct msgrec *rec)
{
	struct msgrec	 r;

	make_record(x, rec, &r);
	if (body_ref(s->account->part->bodies, r.body, 1) == -1) {
		if (errno == ENOENT)
			errno = EILSEQ;
		return (-1);
	}
	if ((to == NULL ? stage_add(x->stage, &r) : batch_add(to, &r)) == -1)
		return (-1);
	if (seqset_add(&x->from_uids, rec->uid) == -1 ||
	    seqset_add(&x->to_uids, r.uid) == -1) {
		errno = ENOMEM;
		return (-1);
	}
	return (0);
}

static enum step
copy(struct session *s, struct copying *x, struct mailbox *to)
{
	struct target	 t;

	if (batch_begin(s->account->part) == -1)
		return (failed(s, errno));
	while (targets_next(&x->targets, &s->seen, &t)) {
		if (t.gone || copy_one(s, x, to, t.rec) == 0)
			continue;
		batch_abort();
		return (failed(s, errno));
	}
	targets_pause(&x->targets);
	if (batch_commit() == -1)
		return (failed(s, errno));
	session_hold(s, to->seq);
	return (answer(s, x, to));
}

/* One transaction: 1 there are more, 0 all are staged, -1 with errno. */
static int
stage_some(struct session *s, struct copying *x)
{
	struct dbenv	*env = s->account->part->env;
	struct target	 t;
	int		 n = 0, more = 1;

	if (dbenv_begin(env) == -1)
		return (-1);
	while (n < STAGE_SLICE &&
	    (more = targets_next(&x->targets, &s->seen, &t)) == 1) {
		if (t.gone)
			continue;
		if (copy_one(s, x, NULL, t.rec) == -1) {
			dbenv_abort(env);
			return (-1);
		}
		n++;
	}
	targets_pause(&x->targets);
	return (dbenv_commit(env) == -1 ? -1 : more);
}

static enum step
staging(struct session *s)
{
	struct copying	*x = s->data;
	struct mailbox	*to = where_to(x);
	uint64_t	 seq;
	int		 rc;

	if (!may_go_on(s, x, to))
		return (failed(s, errno));
	if (x->stage == NULL && (x->stage = stage_new(to)) == NULL)
		return (errno == EAGAIN ? STEP_AGAIN : failed(s, errno));
	if ((rc = stage_some(s, x)) == 1)
		return (STEP_AGAIN);
	if (rc == 0 && stage_over(x->stage))
		return (failed(s, EDQUOT));
	if (rc == -1 || stage_commit(x->stage, &seq) == -1)
		return (failed(s, errno));
	session_hold(s, seq);
	return (answer(s, x, to));
}

/* One transaction: 1 there are more, 0 all were moved, -1 with errno. */
static int
move_some(struct session *s, struct copying *x, struct mailbox *to)
{
	struct mailbox	*mb = s->seen.view->mb;
	struct target	 t;
	int		 n = 0, more = 1;

	if (batch_begin(s->account->part) == -1)
		return (-1);
	batch_again(mb, x->before);
	while (n < MOVE_SLICE &&
	    (more = targets_next(&x->targets, &s->seen, &t)) == 1) {
		if (t.gone)
			continue;
		if (copy_one(s, x, to, t.rec) == -1 ||
		    batch_expunge(mb, t.rec, &s->seen) == -1) {
			batch_abort();
			return (-1);
		}
		n++;
	}
	targets_pause(&x->targets);
	if (batch_commit() == -1)
		return (-1);
	x->untold += (size_t)n;
	x->any |= n > 0;
	if (n > 0)
		x->before = mb->st.modseq;
	session_hold(s, mb->seq > to->seq ? mb->seq : to->seq);
	return (more);
}

/* RFC 6851 section 4.3: COPYUID goes before the EXPUNGE responses. */
static void
tell_moved(struct session *s, struct copying *x, const struct mailbox *to)
{
	struct buf	*b = session_out(s);

	brought(s, x, to);
	if (may_read(s, to)) {
		(void)buf_addf(b, "* OK [COPYUID %u ", to->uidvalidity);
		seqset_write(b, &x->from_uids);
		(void)buf_addc(b, ' ');
		seqset_write(b, &x->to_uids);
		(void)buf_adds(b, "] moved\r\n");
	}
	seqset_free(&x->from_uids);
	seqset_free(&x->to_uids);
	x->untold = 0;
}

static enum step
moving(struct session *s)
{
	struct copying	*x = s->data;
	struct mailbox	*to = where_to(x);
	int		 rc;

	if (x->moved)
		return (cmd_expunged(s, &x->targets, x->any));
	if (!may_go_on(s, x, to)) {
		rc = errno;
		if (to != NULL && x->untold > 0)
			tell_moved(s, x, to);
		return (failed(s, rc));
	}
	if ((rc = move_some(s, x, to)) == -1) {
		seqset_free(&x->from_uids);
		seqset_free(&x->to_uids);
		return (failed(s, errno));
	}
	x->moved = rc == 0;
	if (rc == 1 && x->untold < MOVE_TELL)
		return (STEP_AGAIN);
	if (x->untold > 0)
		tell_moved(s, x, to);
	return (STEP_FLUSH);
}
