/*
 * Marks of mailboxes with late flag changes.  See late.h.
 */
#include <errno.h>
#include <string.h>

#include "imapd/late.h"
#include "imapd/store.h"
#include "log.h"

#define LATE_S		5		/* without a change: the mark goes */
#define LATE_SLICE	2000		/* messages in one transaction */

static int	 renumber(struct part *, struct span, uint64_t);
static int	 renumber_some(struct part *, uint64_t, const struct mbstate *,
		    uint32_t *);

/* Some messages from *uid on: 1 there are more, 0, -1. */
static int
renumber_some(struct part *p, uint64_t id, const struct mbstate *st,
    uint32_t *uid)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	struct msgrec		 r;
	uint8_t			 k[12], kp[8];
	int			 rc = 1, n;

	dbenv_iter_init(&it, p->index, key_msg(k, id, *uid), key_u64(kp, id));
	for (n = 0; n < LATE_SLICE; n++) {
		if ((rc = dbenv_iter_next(&it, &key, &val)) == 0 ||
		    (rc == -1 && errno != EILSEQ))
			break;
		*uid = key_uid(key);
		if (*uid >= st->uidnext) {	/* staged, they go */
			rc = 0;
			break;
		}
		/* A damaged one stays as it is, for verify to tell. */
		if (rc == 1 && msgrec_get(val, &r) == 0) {
			r.modseq = st->modseq;
			if (msgrec_write(p, key_msg(k, id, *uid), &r) == -1) {
				rc = -1;
				break;
			}
		}
		++*uid;
		rc = 1;
	}
	dbenv_iter_free(&it);
	return (rc);
}

/*
 * Key: account, mailbox.  Cut short, it is done again: the mark goes with the
 * last transaction.
 */
static int
renumber(struct part *p, struct span key, uint64_t ceiling)
{
	struct span	 s = key;
	struct mbstate	 st;
	uint64_t	 account, id;
	uint32_t	 uid = 0;
	int		 rc;

	if (span_get_u64(&s, &account) == -1 || span_get_u64(&s, &id) == -1 ||
	    s.n != 0)
		return (dbenv_del(p->late, key));
	if (part_get(p->state, key, &c_mbstate, &st) == -1) {
		if (errno == ENOENT)
			return (dbenv_del(p->late, key));
		/* Nobody opens that mailbox; salvage does as much and more. */
		return (errno == EILSEQ ? 0 : -1);
	}
	st.modseq = (st.modseq > ceiling ? st.modseq : ceiling) + 1;
	while ((rc = renumber_some(p, id, &st, &uid)) == 1)
		if (dbenv_turn_end(p->env) == -1)
			return (-1);
	if (rc == -1)
		return (-1);
	log_info("partition %02u: mailbox %016llx: flags are told anew from "
	    "%llu on", p->num, (unsigned long long)id,
	    (unsigned long long)st.modseq);
	if (part_put(p->state, key, &c_mbstate, &st) == -1)
		return (-1);
	return (dbenv_del(p->late, key));
}

/* What is marked is dealt with, and the marks go. */
static int
unmark(struct part *p)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	uint64_t		 ceiling;
	int			 rc, uncertain = dbenv_uncertain(p->env);

	dbenv_iter_init(&it, p->late, span_of("", 0), span_of("", 0));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1) {
		if (span_get_u64(&val, &ceiling) == -1)
			ceiling = 0;
		if ((uncertain ? renumber(p, key, ceiling) :
		    dbenv_del(p->late, key)) == -1) {
			rc = -1;
			break;
		}
	}
	dbenv_iter_free(&it);
	return (rc == 0 ? dbenv_certain(p->env) : rc);
}

int
late_start(struct part *p)
{
	int	 rc;

	/* A full disk: the second time with the space of the reserve file. */
	if ((rc = unmark(p)) == -1 && errno == ENOSPC) {
		(void)dbenv_turn_end(p->env);
		rc = unmark(p);
	}
	if (rc == -1)
		log_error("partition %02u: marks of flags: %s", p->num,
		    dbenv_error(p->env));
	return (rc);
}

void
late_stop(struct part *p)
{
	struct dbenv_iter	 it;
	struct span		 key, val;

	dbenv_iter_init(&it, p->late, span_of("", 0), span_of("", 0));
	while (dbenv_iter_next(&it, &key, &val) == 1)
		if (dbenv_del(p->late, key) == -1)
			break;
	dbenv_iter_free(&it);
}

int
late_load(struct account *a)
{
	struct dbenv_iter	 it;
	struct mailbox		*mb;
	struct span		 key, val;
	uint64_t		 id;
	uint8_t			 k[8];
	size_t			 i;
	int			 rc;

	for (i = 0; i < a->nmailboxes; i++)
		a->mailboxes[i]->ceiling = 0;
	dbenv_iter_init(&it, a->part->late, key_u64(k, a->id),
	    key_u64(k, a->id));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1) {
		key = span_of(key.p + 8, key.n - 8);
		if (span_get_u64(&key, &id) == 0 &&
		    (mb = mailbox_by_id(a, id)) != NULL &&
		    span_get_u64(&val, &mb->ceiling) == 0)
			mb->late_at = store_now();
	}
	dbenv_iter_free(&it);
	return (rc);
}

int
late_mark(const struct mailbox *mb, uint64_t modseq, uint64_t *ceiling)
{
	struct buf	 v = { 0 };
	uint8_t		 k[16];
	int		 rc = -1;

	*ceiling = modseq + LATE_RANGE;
	if (buf_put_u64(&v, *ceiling) == 0)
		rc = dbenv_put(mb->account->part->late, key_u64_2(k,
		    mb->account->id, mb->id), span_buf(&v));
	buf_free(&v);
	return (rc);
}

int
late_remove(const struct mailbox *mb)
{
	uint8_t	 k[16];

	if (dbenv_del(mb->account->part->late, key_u64_2(k, mb->account->id,
	    mb->id)) == -1 && errno != ENOENT)
		return (-1);
	return (0);
}

/* Nobody waits for it. */
void
late_tick(struct mailbox *mb)
{
	if (mb->ceiling == 0 || mb->removed || mb->account->id == 0 ||
	    store_now() - mb->late_at < LATE_S || late_remove(mb) == -1)
		return;
	mb->ceiling = 0;
	mb->late = dbenv_seq(mb->account->part->env);
}
