/*
 * A mailbox is opened by who remembers it.  See qresync.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/qresync.h"
#include "imapd/vanished.h"

#define LOOK_AT		2000		/* messages in one slice */

static int	 read_set(struct cursor *, struct seqset *, int);
static int	 read_match(struct cursor *, struct qresync *);
static uint32_t	 matched(const struct seen *, const struct qresync *);

/* Numbers and ranges without "*"; those that are matched only grow. */
static int
read_set(struct cursor *c, struct seqset *set, int ordered)
{
	uint32_t	 last = 0;
	size_t		 i;

	if (cur_seqset(c, set) == -1)
		return (-1);
	for (i = 0; i < set->n && !set->saved; i++) {
		if (set->r[i].lo == 0 || set->r[i].hi == 0 || (ordered &&
		    (set->r[i].lo <= last || set->r[i].hi < set->r[i].lo)))
			break;
		last = set->r[i].hi;
	}
	if (i == set->n && !set->saved)
		return (0);
	c->error = ordered ? "expected numbers in order" :
	    "expected numbers without \"*\"";
	return (-1);
}

/* SP "(" known-sequence-set SP known-uid-set ")" */
static int
read_match(struct cursor *c, struct qresync *q)
{
	if (c->uidonly) {	/* RFC 9586 section 3.7 */
		c->error = "[UIDREQUIRED] no numbers of messages, UIDONLY is "
		    "enabled";
		return (-1);
	}
	if (cur_char(c, '(') == -1 || read_set(c, &q->seqs, 1) == -1 ||
	    cur_sp(c) == -1 || read_set(c, &q->uids, 1) == -1 ||
	    cur_char(c, ')') == -1)
		return (-1);
	if (seqset_count(&q->seqs) == seqset_count(&q->uids))
		return (0);
	c->error = "expected as many numbers as UIDs";
	return (-1);
}

int
qresync_read(struct cursor *c, struct qresync *q)
{
	uint64_t	 v;
	int		 more = 0;

	if (q->given) {
		c->error = "QRESYNC twice";
		return (-1);
	}
	q->given = 1;
	if (cur_char(c, '(') == -1 || cur_number(c, UINT32_MAX, &v) == -1 ||
	    cur_sp(c) == -1 || cur_number(c, INT64_MAX, &q->modseq) == -1)
		return (-1);
	q->uidvalidity = (uint32_t)v;
	if (v == 0 || q->modseq == 0) {
		c->error = "expected a number above zero";
		return (-1);
	}
	if (cur_peek(c) == ' ') {
		(void)cur_sp(c);
		if ((more = cur_peek(c) != '(') && read_set(c,
		    &q->known, 0) == -1)
			return (-1);
	} else
		return (cur_char(c, ')'));
	if (more && cur_peek(c) == ' ')
		more = cur_sp(c) == -1;
	else if (more)
		return (cur_char(c, ')'));
	return (more || read_match(c, q) == -1 ? -1 : cur_char(c, ')'));
}

void
qresync_free(struct qresync *q)
{
	seqset_free(&q->known);
	seqset_free(&q->seqs);
	seqset_free(&q->uids);
	targets_free(&q->targets);
}

/*
 * The highest UID that has the number which the client remembers: as nothing is
 * ever put in between, nothing below vanished.  Above the first that has not,
 * none has.
 */
static uint32_t
matched(const struct seen *n, const struct qresync *q)
{
	uint32_t	 seq, uid, best = 0;
	size_t		 i = 0, j = 0;
	uint32_t	 a = 0, b = 0;

	while (i < q->seqs.n && j < q->uids.n) {
		seq = q->seqs.r[i].lo + a;
		uid = q->uids.r[j].lo + b;
		if (seen_seq(n, uid) != seq)
			break;
		best = uid;
		/* the next pair that is not in the same runs of both */
		a = seq == q->seqs.r[i].hi ? 0 : a + 1;
		b = uid == q->uids.r[j].hi ? 0 : b + 1;
		i += a == 0;
		j += b == 0;
	}
	return (best);
}

int
qresync_begin(struct session *s, struct qresync *q)
{
	struct seqset	 gone;
	const struct seen *n = &s->seen;

	if (!q->given || q->uidvalidity != n->view->mb->uidvalidity)
		return (0);
	if (targets_all(&q->targets, n) == -1)
		return (-1);
	if (q->known.n > 0) {
		seqset_free(&q->targets.set);
		q->targets.set = q->known;
		memset(&q->known, 0, sizeof(q->known));
		seqset_resolve(&q->targets.set, 0);
	}
	if (vanished_since(n, q->modseq, &q->targets.set, matched(n, q),
	    &gone) == -1)
		return (-1);
	vanished_write(session_out(s), &gone, 1);
	seqset_free(&gone);
	return (1);
}

int
qresync_some(struct session *s, struct qresync *q)
{
	struct target	 t;
	unsigned	 n;
	int		 more = 1;

	for (n = 0; n < LOOK_AT && session_room(s) &&
	    (more = targets_next(&q->targets, &s->seen, &t)) == 1; n++)
		if (!t.gone && t.rec->modseq > q->modseq)
			session_write_changed(s, t.rec);
	targets_pause(&q->targets);
	return (more);
}
