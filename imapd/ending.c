/*
 * Removals in slices.  See ending.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/ending.h"
#include "imapd/ready.h"
#include "imapd/stage.h"
#include "imapd/store.h"
#include "log.h"

struct leaving {
	uint64_t	 mailbox;
	uint64_t	 body;
	uint32_t	 uid;
};

struct staged {
	uint64_t	 account, mailbox;
	uint32_t	 first;
};

struct ending {
	struct work	 work;
	struct part	*part;
	uint64_t	*dead;
	size_t		 ndead;
	struct leaving	*gone;
	size_t		 ngone, capgone;
	struct staged	*staged;
	size_t		 nstaged;
	unsigned	 kind;			/* tried first */
};

static int	 run(struct work *);
static int	 some(struct ending *);
static int	 some_gone(struct ending *);
static int	 some_dead(struct ending *);
static int	 some_staged(struct ending *);
static int	 remove_some(struct part *, uint64_t, uint32_t);
static int	 read_dead(struct ending *);
static int	 read_left(struct ending *);

/* One transaction of messages that nobody counts. */
static int
some_gone(struct ending *e)
{
	struct part	*p = e->part;
	struct leaving	*l;
	uint8_t		 k[12];
	size_t		 n;

	if (dbenv_begin(p->env) == -1)
		return (-1);
	for (n = 0; n < ENDING_MESSAGES && n < e->ngone; n++) {
		l = &e->gone[e->ngone - 1 - n];
		if (dbenv_del(p->gone, key_msg(k, l->mailbox,
		    l->uid)) == -1) {
			if (errno == ENOENT)
				continue;
			goto err;
		}
		if (ready_unref(p, l->body) == -1)
			goto err;
	}
	if (dbenv_commit(p->env) == -1)
		return (-1);
	e->ngone -= n;
	return (0);
err:
	dbenv_abort(p->env);
	return (-1);
}

/* Some messages of a mailbox: 1 there may be more, 0 none, -1. */
static int
remove_some(struct part *p, uint64_t id, uint32_t from)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	struct msgrec		 r;
	uint8_t			 k[12], kp[8];
	int			 rc = 0, n = 0;

	dbenv_iter_init(&it, p->index, key_msg(k, id, from), key_u64(kp, id));
	while (n < ENDING_MESSAGES &&
	    (rc = dbenv_iter_next(&it, &key, &val)) != 0) {
		if (rc == -1 && errno != EILSEQ)
			break;
		n++;
		if (dbenv_del(p->index, key_msg(k, id, key_uid(key))) == -1) {
			rc = -1;
			break;
		}
		/* A damaged one leaves its body behind, which verify tells. */
		if (rc == 1 && msgrec_get(val, &r) == 0 &&
		    ready_unref(p, r.body) == -1) {
			rc = -1;
			break;
		}
		rc = 1;
	}
	dbenv_iter_free(&it);
	return (rc);
}

/* The records of what vanished there. */
static int
remove_vanished(struct part *p, uint64_t id)
{
	struct span	 key, val;
	uint8_t		 k[8];
	int		 n;

	for (n = 0; n < ENDING_MESSAGES; n++) {
		/* a damaged one has its key */
		if (dbenv_next(p->vanished, key_u64(k, id), &key, &val) == -1 &&
		    errno != EILSEQ)
			return (errno == ENOENT ? 0 : -1);
		if (key.n < 8 || memcmp(key.p, k, 8) != 0)
			return (0);
		if (dbenv_del(p->vanished, key) == -1)
			return (-1);
	}
	return (1);
}

static int
some_dead(struct ending *e)
{
	struct part	*p = e->part;
	uint64_t	 id = e->dead[e->ndead - 1];
	uint8_t		 k[8];
	int		 rc;

	/* The group that removed the mailbox was undone: it is there. */
	if ((rc = dbenv_has(p->dead, key_u64(k, id))) != 1) {
		e->ndead -= rc == 0;
		return (rc);
	}
	if (dbenv_begin(p->env) == -1)
		return (-1);
	if ((rc = remove_some(p, id, 0)) == 0)
		rc = remove_vanished(p, id);
	if (rc == 0 && dbenv_del(p->dead, key_u64(k, id)) == -1 &&
	    errno != ENOENT)
		rc = -1;
	if (rc == -1) {
		dbenv_abort(p->env);
		return (-1);
	}
	if (dbenv_commit(p->env) == -1)
		return (-1);
	if (rc == 0)
		e->ndead--;
	return (0);
}

/* Above the first of them, and above what has become messages. */
static int
some_staged(struct ending *e)
{
	struct part	*p = e->part;
	struct staged	*s = &e->staged[e->nstaged - 1];
	struct mbstate	 st = { 0 };
	uint8_t		 k[16];
	int		 rc;

	if ((rc = dbenv_has(p->dead, key_msg(k, s->mailbox, s->first))) != 1) {
		e->nstaged -= rc == 0;
		return (rc);
	}
	if (part_get(p->state, key_u64_2(k, s->account, s->mailbox),
	    &c_mbstate, &st) == -1 && errno != ENOENT) {
		if (errno != EILSEQ)
			return (-1);
		/* nobody opens that mailbox; salvage does as much and more */
		log_error("partition %02u: what was staged in a damaged "
		    "mailbox stays: %s", p->num, dbenv_error(p->env));
		e->nstaged--;
		return (0);
	}
	if (dbenv_begin(p->env) == -1)
		return (-1);
	rc = remove_some(p, s->mailbox, st.uidnext > s->first ? st.uidnext :
	    s->first);
	if (rc == 0 && dbenv_del(p->dead, key_msg(k, s->mailbox,
	    s->first)) == -1 && errno != ENOENT)
		rc = -1;
	if (rc == -1) {
		dbenv_abort(p->env);
		return (-1);
	}
	if (dbenv_commit(p->env) == -1)
		return (-1);
	if (rc == 0)
		e->nstaged--;
	return (0);
}

/*
 * One transaction of one kind.  What cannot be removed keeps nothing else of its
 * kind, and no other kind, from it: it comes last the next time.
 */
static int
some(struct ending *e)
{
	static int	(*const kinds[])(struct ending *) = {
		some_gone, some_staged, some_dead
	};
	const size_t	 n[] = { e->ngone, e->nstaged, e->ndead };
	struct leaving	 gone;
	struct staged	 staged;
	uint64_t	 dead;
	unsigned	 i, k = 0;

	for (i = 0; i < nitems(n); i++)
		if (n[k = (e->kind + i) % nitems(n)] > 0)
			break;
	if (i == nitems(n) || kinds[k](e) == 0)
		return (0);
	e->kind = (k + 1) % nitems(n);
	if (k == 0) {
		gone = e->gone[e->ngone - 1];
		memmove(e->gone + 1, e->gone, (e->ngone - 1) * sizeof(gone));
		e->gone[0] = gone;
	} else if (k == 1) {
		staged = e->staged[e->nstaged - 1];
		memmove(e->staged + 1, e->staged,
		    (e->nstaged - 1) * sizeof(staged));
		e->staged[0] = staged;
	} else {
		dead = e->dead[e->ndead - 1];
		memmove(e->dead + 1, e->dead, (e->ndead - 1) * sizeof(dead));
		e->dead[0] = dead;
	}
	return (-1);
}

static int
run(struct work *w)
{
	struct ending	*e = (struct ending *)(void *)w;

	if (some(e) == -1) {	/* what is left waits for the next occasion */
		log_error("partition %02u: removing: %s", e->part->num,
		    dbenv_error(e->part->env));
		return (0);
	}
	return (e->ngone > 0 || e->nstaged > 0 || e->ndead > 0);
}

void
ending_staged(struct part *p, uint64_t account, uint64_t mailbox,
    uint32_t first)
{
	struct ending	*e = p->endings;
	struct staged	*nv;

	if (e == NULL || (nv = reallocarray(e->staged, e->nstaged + 1,
	    sizeof(*nv))) == NULL)
		return;
	e->staged = nv;
	nv[e->nstaged].account = account;
	nv[e->nstaged].mailbox = mailbox;
	nv[e->nstaged++].first = first;
	store_work(p->store, &e->work);
}

int
ending_add(struct part *p, uint64_t id, uint64_t seq)
{
	struct ending	*e = p->endings;
	uint64_t	*nv;

	(void)seq;	/* later groups are flushed later */
	if (e == NULL || (nv = reallocarray(e->dead, e->ndead + 1,
	    sizeof(*nv))) == NULL)
		return (-1);
	e->dead = nv;
	nv[e->ndead++] = id;
	store_work(p->store, &e->work);
	return (0);
}

void
ending_message(struct part *p, uint64_t mailbox, const struct msgrec *r)
{
	struct ending	*e = p->endings;
	struct leaving	*nv;
	size_t		 cap;

	if (e == NULL)
		return;
	if (e->ngone == e->capgone) {
		cap = e->capgone == 0 ? 64 : e->capgone * 2;
		if ((nv = reallocarray(e->gone, cap, sizeof(*nv))) == NULL)
			return;
		e->gone = nv;
		e->capgone = cap;
	}
	e->gone[e->ngone].mailbox = mailbox;
	e->gone[e->ngone].body = r->body;
	e->gone[e->ngone++].uid = r->uid;
	store_work(p->store, &e->work);
}

/* The next one, behind any whose value is damaged, which the log tells: 1, 0,
 * -1. */
static int
next(struct dbenv_iter *it, struct span *key, struct span *val)
{
	int	 rc;

	rc = dbenv_iter_next(it, key, val);
	return (rc == -1 && errno == EILSEQ ? 1 : rc);
}

/* What "dead" holds, but for stages under way. */
static int
read_dead(struct ending *e)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	uint32_t		 uid;
	uint64_t		 id, owner;
	int			 rc;

	dbenv_iter_init(&it, e->part->dead, span_of("", 0), span_of("", 0));
	while ((rc = next(&it, &key, &val)) == 1)
		if (key.n == 12 && span_get_u64(&val, &owner) == 0) {
			uid = key_uid(key);
			if (span_get_u64(&key, &id) == 0 &&
			    !stage_is(e->part, id, uid))
				ending_staged(e->part, owner, id, uid);
		} else if (key.n == 8 && span_get_u64(&key, &id) == 0 &&
		    ending_add(e->part, id, 0) == -1)
			break;
	dbenv_iter_free(&it);
	return (rc == 0 ? 0 : -1);
}

/* The lists as the disk has them now; what was done in the group is not. */
void
ending_undone(struct part *p)
{
	struct ending	*e = p->endings;

	if (e == NULL)
		return;
	e->ndead = e->nstaged = 0;
	if (read_dead(e) == -1)
		log_error("partition %02u: removals wait for the next start: "
		    "%s", p->num, dbenv_error(p->env));
}

static int
read_left(struct ending *e)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	struct msgrec		 r = { 0 };
	uint64_t		 id;
	int			 rc;

	if (read_dead(e) == -1)
		return (-1);
	dbenv_iter_init(&it, e->part->gone, span_of("", 0), span_of("", 0));
	while ((rc = next(&it, &key, &val)) == 1) {
		r.uid = key_uid(key);
		if (span_get_u64(&key, &id) == 0 &&
		    span_get_u64(&val, &r.body) == 0)
			ending_message(e->part, id, &r);
	}
	dbenv_iter_free(&it);
	return (rc);
}

int
ending_start(struct part *p)
{
	struct ending	*e;

	if ((e = calloc(1, sizeof(*e))) == NULL)
		return (-1);
	e->part = p;
	e->work.run = run;
	p->endings = e;
	return (read_left(e));
}

void
ending_stop(struct part *p)
{
	struct ending	*e = p->endings;

	if (e == NULL)
		return;
	store_unwork(p->store, &e->work);
	free(e->dead);
	free(e->gone);
	free(e->staged);
	free(e);
	p->endings = NULL;
}

int
ending_busy(const struct part *p)
{
	return (p->endings != NULL &&
	    (p->endings->ndead > 0 || p->endings->ngone > 0 ||
	    p->endings->nstaged > 0));
}

void
ending_kick(struct part *p)
{
	if (ending_busy(p))
		store_work(p->store, &p->endings->work);
}
