/*
 * Staged messages.  See stage.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/batch.h"
#include "imapd/ending.h"
#include "imapd/quota.h"
#include "imapd/session.h"
#include "imapd/stage.h"
#include "imapd/store.h"

#define STAGE_MODSEQ	1000000		/* changes of others meanwhile */

struct stage {
	struct account		*account;
	uint64_t		 mailbox;
	uint32_t		 first;
	uint64_t		 modseq;
	struct msgrec		*recs;
	size_t			 n, cap;
	uint64_t		 seq;		/* of the last slice */
	int			 error;
	int			 marked;	/* the "dead" record is there */
	int			 committed;
	int			 (*with)(void *);
	void			*arg;
	LIST_ENTRY(stage)	 entry;
};

static int	 left_over(const struct mailbox *);
static int	 mark(struct stage *);

/* Of a former stage of this mailbox something is still to be removed. */
static int
left_over(const struct mailbox *mb)
{
	struct span	 key, val;
	uint8_t		 k[12];

	return (dbenv_next(mb->account->part->dead, key_msg(k, mb->id, 0),
	    &key, &val) == 0 && key.n == sizeof(k) &&
	    memcmp(key.p, k, 8) == 0);
}

struct stage *
stage_new(struct mailbox *mb)
{
	struct part	*p = mb->account->part;
	struct stage	*st;

	if (mb->staged != 0 || left_over(mb)) {
		errno = EAGAIN;
		return (NULL);
	}
	if (mb->st.uidnext > UINT32_MAX - 10 * STAGE_GAP) {
		errno = EMLINK;
		return (NULL);
	}
	if ((st = calloc(1, sizeof(*st))) == NULL)
		return (NULL);
	st->account = account_hold(mb->account);
	st->mailbox = mb->id;
	st->first = mb->staged = mb->st.uidnext + STAGE_GAP;
	st->modseq = mb->st.modseq + STAGE_MODSEQ;
	LIST_INSERT_HEAD(&p->stages, st, entry);
	return (st);
}

/* Before anything else of it is on disk. */
static int
mark(struct stage *st)
{
	struct buf	 v = { 0 };
	uint8_t		 k[12];
	int		 rc;

	if (st->marked)
		return (0);
	(void)buf_put_u64(&v, st->account->id);
	rc = buf_failed(&v) ? -1 : dbenv_put(st->account->part->dead,
	    key_msg(k, st->mailbox, st->first), span_buf(&v));
	buf_free(&v);
	st->marked = rc == 0;
	return (rc);
}

int
stage_add(struct stage *st, struct msgrec *r)
{
	struct part	*p = st->account->part;
	struct msgrec	*nv;
	uint8_t		 k[12];
	size_t		 cap;

	if (st->n == st->cap) {
		cap = st->cap == 0 ? 64 : st->cap * 2;
		if ((nv = reallocarray(st->recs, cap, sizeof(*nv))) == NULL)
			st->error = ENOMEM;
		else {
			st->recs = nv;
			st->cap = cap;
		}
	}
	if (st->error == 0 && st->n >= UINT32_MAX - st->first - 1)
		st->error = EMLINK;
	if (st->error == 0) {
		r->uid = st->first + (uint32_t)st->n;
		r->modseq = st->modseq;
		r->saved = store_time();
		if (mark(st) == -1 || msgrec_write(p, key_msg(k,
		    st->mailbox, r->uid), r) == -1)
			st->error = errno;
	}
	if (st->error != 0) {
		errno = st->error;
		return (-1);
	}
	st->recs[st->n++] = *r;
	st->seq = dbenv_seq(p->env);
	return (0);
}

struct mailbox *
stage_mailbox(const struct stage *st)
{
	return (mailbox_by_id(st->account, st->mailbox));
}

size_t
stage_count(const struct stage *st)
{
	return (st->n);
}

uint32_t
stage_first(const struct stage *st)
{
	return (st->first);
}

int
stage_over(const struct stage *st)
{
	uint64_t	 octets = 0;
	size_t		 i;

	for (i = 0; i < st->n; i++)
		octets += st->recs[i].size;
	return (quota_over(st->account, octets, st->n));
}

void
stage_with(struct stage *st, int (*with)(void *), void *arg)
{
	st->with = with;
	st->arg = arg;
}

int
stage_commit(struct stage *st, uint64_t *seq)
{
	struct part	*p = st->account->part;
	struct mailbox	*mb = stage_mailbox(st);
	uint8_t		 k[12];

	*seq = 0;
	if (mb == NULL || st->error != 0) {
		errno = mb == NULL ? ENOENT : st->error;
		return (-1);
	}
	if (st->n == 0) {
		st->committed = 1;
		return (0);
	}
	if (batch_begin(p) == -1)
		return (-1);
	if (batch_staged(mb, st->recs, st->n) == -1 ||
	    dbenv_del(p->dead, key_msg(k, st->mailbox, st->first)) == -1 ||
	    (st->with != NULL && st->with(st->arg) == -1)) {
		batch_abort();
		return (-1);
	}
	if (batch_commit() == -1)
		return (-1);
	st->committed = 1;
	*seq = st->seq = mb->seq;
	return (0);
}

void
stage_free(struct stage *st)
{
	struct mailbox	*mb;
	struct session	*s;
	struct part	*p;

	if (st == NULL)
		return;
	p = st->account->part;
	if ((mb = stage_mailbox(st)) != NULL)
		mb->staged = 0;
	if (!st->committed && st->marked)
		ending_staged(p, st->account->id, st->mailbox, st->first);
	TAILQ_FOREACH(s, &p->store->sessions, entry)
		if (s->phase == PHASE_STEP && (s->account == st->account ||
		    session_visits(s, st->account->id)))
			session_wake(s);
	LIST_REMOVE(st, entry);
	account_put(st->account);
	free(st->recs);
	free(st);
}

int
stage_is(const struct part *p, uint64_t mailbox, uint32_t first)
{
	const struct stage	*st;

	LIST_FOREACH(st, &p->stages, entry)
		if (st->mailbox == mailbox && st->first == first)
			return (1);
	return (0);
}

void
stage_undone(struct part *p, uint64_t seq, int error)
{
	struct stage	*st;

	LIST_FOREACH(st, &p->stages, entry) {
		if (st->seq < seq)
			continue;
		st->committed = 0;
		if (st->error == 0)
			st->error = error;
	}
}
