/*
 * One command's writes.  See batch.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/batch.h"
#include "imapd/late.h"
#include "imapd/notify.h"
#include "imapd/ready.h"
#include "imapd/store.h"
#include "imapd/vanished.h"

#define FLAGS_AT_ONCE	500	/* records written at once */

enum op_kind { OP_ADD, OP_FLAGS, OP_EXPUNGE };

struct op {
	struct msgrec	 rec;
	size_t		 box;		/* in batch.boxes */
	uint32_t	 author;
	uint8_t		 kind;
	uint8_t		 kept;
};

struct box {
	struct mailbox	*mb;
	struct mbstate	 st;
	uint32_t	*uids;		/* removed */
	uint8_t		*kept;
	size_t		 nuids, capuids;
	int		 flags;		/* some changed */
	int		 more;		/* and something else */
	int		 late;
	unsigned	 events;	/* notify.h */
	uint64_t	 ceiling;	/* of a new mark */
};

static struct {
	struct part	*part;		/* NULL: none open */
	struct box	*boxes;
	size_t		 nboxes, capboxes;
	struct op	*ops;
	size_t		 nops, capops;
	size_t		 written;	/* ops up to here are */
	const struct mailbox *again;	/* batch_again() */
	uint64_t	 before;
} batch;

static struct box	*box_of(struct mailbox *);
static struct op	*op_new(enum op_kind, struct box *,
			    const struct msgrec *);
static void		 apply(void);
static void		 done(void);

int
batch_begin(struct part *p)
{
	if (batch.part != NULL) {
		errno = EINVAL;
		return (-1);
	}
	if (dbenv_begin(p->env) == -1)
		return (-1);
	batch.part = p;
	batch.nboxes = 0;
	batch.nops = batch.written = 0;
	batch.again = NULL;
	return (0);
}

void
batch_again(const struct mailbox *mb, uint64_t before)
{
	batch.again = mb;
	batch.before = before;
}

/* Its counters as this batch leaves them. */
static struct box *
box_of(struct mailbox *mb)
{
	struct box	*b;
	size_t		 i, cap;

	for (i = batch.nboxes; i > 0; i--)
		if (batch.boxes[i - 1].mb == mb)
			return (&batch.boxes[i - 1]);
	if (mb->removed || mb->account->id == 0) {
		errno = mb->removed ? ENOENT : EIO;
		return (NULL);
	}
	/* Who counts a message that goes needs its record yet. */
	if (mb->view != NULL && mb->view->nseens > 0 &&
	    view_need(mb->view) == -1)
		return (NULL);
	if (batch.nboxes == batch.capboxes) {
		cap = batch.capboxes == 0 ? 16 : batch.capboxes * 2;
		if ((b = reallocarray(batch.boxes, cap, sizeof(*b))) == NULL)
			return (NULL);
		batch.boxes = b;
		batch.capboxes = cap;
	}
	b = &batch.boxes[batch.nboxes++];
	memset(b, 0, sizeof(*b));
	b->mb = mb;
	b->st = mb->st;
	b->st.modseq++;
	return (b);
}

static struct op *
op_new(enum op_kind kind, struct box *b, const struct msgrec *r)
{
	struct op	*o;
	size_t		 cap;

	if (batch.nops == batch.capops) {
		cap = batch.capops == 0 ? 64 : batch.capops * 2;
		if ((o = reallocarray(batch.ops, cap, sizeof(*o))) == NULL)
			return (NULL);
		batch.ops = o;
		batch.capops = cap;
	}
	o = &batch.ops[batch.nops++];
	memset(o, 0, sizeof(*o));
	o->kind = (uint8_t)kind;
	o->box = (size_t)(b - batch.boxes);
	o->rec = *r;
	return (o);
}

static void
count(struct mbstate *st, const struct msgrec *r)
{
	st->messages++;
	st->octets += r->size;
	st->unseen += (r->flags & MF_SEEN) == 0;
	st->deleted += (r->flags & MF_DELETED) != 0;
}

int
batch_touch(struct mailbox *mb)
{
	struct box	*b = box_of(mb);

	if (b == NULL)
		return (-1);
	b->more = 1;
	return (0);
}

int
batch_add(struct mailbox *mb, struct msgrec *r)
{
	struct box	*b;
	uint8_t		 k[12];

	if ((b = box_of(mb)) == NULL)
		return (-1);
	if (b->st.uidnext >= UINT32_MAX - 1) {
		errno = EMLINK;
		return (-1);
	}
	if (mb->staged != 0 && b->st.uidnext >= mb->staged) {
		errno = EAGAIN;
		return (-1);
	}
	r->uid = b->st.uidnext++;
	b->more = 1;
	r->modseq = b->st.modseq;
	r->saved = store_time();
	count(&b->st, r);
	if (msgrec_write(batch.part, key_msg(k, mb->id, r->uid), r) == -1)
		return (-1);
	return (op_new(OP_ADD, b, r) == NULL ? -1 : 0);
}

int
batch_staged(struct mailbox *mb, const struct msgrec *r, size_t n)
{
	struct box	*b;
	size_t		 i;

	if ((b = box_of(mb)) == NULL)
		return (-1);
	if (b->st.modseq > r->modseq || b->st.uidnext > r->uid) {
		errno = EAGAIN;		/* too much happened meanwhile */
		return (-1);
	}
	b->more = 1;
	b->st.modseq = r->modseq;
	b->st.uidnext = r[n - 1].uid + 1;
	for (i = 0; i < n; i++) {
		count(&b->st, &r[i]);
		if (mb->view != NULL && op_new(OP_ADD, b, &r[i]) == NULL)
			return (-1);
	}
	return (0);
}

/* Counters are taken from a count that may not go below nothing. */
static void
less(uint32_t *n, int by)
{
	if (by && *n > 0)
		(*n)--;
}

int
batch_flags(struct mailbox *mb, const struct msgrec *old, struct msgrec *r,
    uint32_t author)
{
	struct box	*b;
	struct op	*o;

	if ((b = box_of(mb)) == NULL)
		return (-1);
	b->flags = 1;
	r->modseq = b->st.modseq;
	if (((old->flags ^ r->flags) & MF_SEEN) != 0) {
		b->st.unseen += (r->flags & MF_SEEN) == 0;
		less(&b->st.unseen, (r->flags & MF_SEEN) != 0);
	}
	if (((old->flags ^ r->flags) & MF_DELETED) != 0) {
		b->st.deleted += (r->flags & MF_DELETED) != 0;
		less(&b->st.deleted, (r->flags & MF_DELETED) == 0);
	}
	if ((o = op_new(OP_FLAGS, b, r)) == NULL)
		return (-1);
	o->author = author;
	return (0);
}

/* The records whose flags are new, many at once. */
static int
write_flags(void)
{
	static struct dbenv_record	 recs[FLAGS_AT_ONCE];
	static uint8_t			 keys[FLAGS_AT_ONCE][12];
	static struct buf		 vals;	/* kept */
	const struct op			*o;
	size_t				 n, j, each;

	while (batch.written < batch.nops) {
		buf_reset(&vals);
		for (n = 0; n < FLAGS_AT_ONCE && batch.written < batch.nops;
		    batch.written++) {
			o = &batch.ops[batch.written];
			if (o->kind != OP_FLAGS)
				continue;
			recs[n].key = key_msg(keys[n],
			    batch.boxes[o->box].mb->id, o->rec.uid);
			if (msgrec_put(&vals, &o->rec) == -1)
				return (-1);
			n++;
		}
		for (j = 0, each = n > 0 ? vals.n / n : 0; j < n; j++)
			recs[j].val = span_of(vals.p + j * each, each);
		if (dbenv_put_many(batch.part->index, recs, n) == -1)
			return (-1);
	}
	return (0);
}

static int
note_uid(struct box *b, uint32_t uid, uint8_t kept)
{
	uint32_t	*nu;
	uint8_t		*nk;
	size_t		 cap;

	if (b->nuids == b->capuids) {
		cap = b->capuids == 0 ? 64 : b->capuids * 2;
		if ((nu = reallocarray(b->uids, cap, sizeof(*nu))) == NULL)
			return (-1);
		b->uids = nu;
		if ((nk = reallocarray(b->kept, cap, sizeof(*nk))) == NULL)
			return (-1);
		b->kept = nk;
		b->capuids = cap;
	}
	if (b->nuids > 0 && b->uids[b->nuids - 1] >= uid) {
		errno = EINVAL;		/* callers go upwards */
		return (-1);
	}
	b->uids[b->nuids] = uid;
	b->kept[b->nuids++] = kept;
	return (0);
}

int
batch_expunge(struct mailbox *mb, const struct msgrec *r,
    const struct seen *self)
{
	struct box	*b;
	struct buf	 v = { 0 };
	uint8_t		 k[12], kept;
	int		 rc;

	if ((b = box_of(mb)) == NULL || write_flags() == -1)
		return (-1);
	(void)key_msg(k, mb->id, r->uid);
	if (dbenv_del(batch.part->index, span_of(k, 12)) == -1)
		return (-1);
	b->more = 1;
	kept = mb->view != NULL && view_counted(mb->view, self, r->uid);
	if (kept) {
		(void)buf_put_u64(&v, r->body);
		rc = dbenv_put(batch.part->gone, span_of(k, 12), span_buf(&v));
		buf_free(&v);
	} else
		rc = ready_unref(batch.part, r->body);
	if (rc == -1)
		return (-1);
	less(&b->st.messages, 1);
	b->st.octets -= r->size < b->st.octets ? r->size : b->st.octets;
	less(&b->st.unseen, (r->flags & MF_SEEN) == 0);
	less(&b->st.deleted, (r->flags & MF_DELETED) != 0);
	return (note_uid(b, r->uid, kept));
}

/* Changes of flags alone are late, if the mailbox's mark allows it. */
static int
decide(struct box *b)
{
	if (!b->flags)
		return (0);
	if (b->mb->ceiling < b->st.modseq)
		return (late_mark(b->mb, b->st.modseq, &b->ceiling));
	b->late = !b->more;
	return (0);
}

static void
apply_box(struct box *b, uint64_t seq)
{
	struct mailbox	*mb = b->mb;

	b->events = (b->st.uidnext != mb->st.uidnext ? EVENT_NEW : 0) |
	    (b->nuids > 0 ? EVENT_EXPUNGE : 0) | (b->flags ? EVENT_FLAGS : 0);
	b->st.recent = mb->st.recent;
	mb->st = b->st;
	if (b->late)
		mb->late = seq;
	else
		mb->seq = seq;
	if (b->flags)
		mb->late_at = store_now();
	if (b->ceiling != 0) {
		mb->ceiling = b->ceiling;
		mb->marked = seq;
	}
}

static void
apply(void)
{
	uint64_t	 seq = dbenv_seq(batch.part->env);
	struct op	*o;
	struct box	*b;
	struct view	*v;
	size_t		 i;

	for (i = 0; i < batch.nboxes; i++)
		apply_box(&batch.boxes[i], seq);
	for (i = 0; i < batch.nops; i++) {
		o = &batch.ops[i];
		if ((v = batch.boxes[o->box].mb->view) == NULL)
			continue;
		if (o->kind == OP_ADD)
			(void)view_add(v, &o->rec, seq);
		else
			view_flags(v, &o->rec, seq, o->author,
			    batch.boxes[o->box].late);
	}
	for (i = 0; i < batch.nboxes; i++) {
		b = &batch.boxes[i];
		if (b->nuids > 0 && b->mb->view != NULL)
			view_expunge(b->mb->view, b->uids, b->kept, b->nuids,
			    seq);
		if (b->late && b->mb->view != NULL)
			view_news(b->mb->view);
		notify_messages(b->mb, b->events);
	}
}

static void
done(void)
{
	size_t	 i;

	for (i = 0; i < batch.nboxes; i++) {
		free(batch.boxes[i].uids);
		free(batch.boxes[i].kept);
	}
	/* A large one gives its memory back. */
	if (batch.capops > 1024) {
		free(batch.ops);
		batch.ops = NULL;
		batch.capops = 0;
	}
	batch.nboxes = 0;
	batch.nops = 0;
	batch.part = NULL;
}

int
batch_commit(void)
{
	struct box	*b;
	uint8_t		 k[16];
	size_t		 i;

	if (write_flags() == -1) {
		batch_abort();
		return (-1);
	}
	for (i = 0; i < batch.nboxes; i++) {
		b = &batch.boxes[i];
		if ((b->nuids > 0 && vanished_put(b->mb, b->mb == batch.again ?
		    batch.before : 0, b->st.modseq, b->uids, b->nuids,
		    &b->st.floor) == -1) || decide(b) == -1 ||
		    part_put(batch.part->state,
		    key_u64_2(k, b->mb->account->id, b->mb->id), &c_mbstate,
		    &b->st) == -1) {
			batch_abort();
			return (-1);
		}
	}
	if (dbenv_commit(batch.part->env) == -1) {
		batch_abort();
		return (-1);
	}
	apply();
	done();
	return (0);
}

void
batch_abort(void)
{
	size_t	 i;
	int	 e = errno;

	if (batch.part == NULL)
		return;
	dbenv_abort(batch.part->env);
	for (i = 0; i < batch.nboxes; i++)
		vanished_undone(batch.boxes[i].mb);
	done();
	errno = e;
}
