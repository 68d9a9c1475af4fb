/*
 * Accounts in memory: reading them, making them, and reading them again when
 * what was applied here was undone on disk.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/account.h"
#include "imapd/annotation.h"
#include "imapd/ending.h"
#include "imapd/late.h"
#include "imapd/left.h"
#include "imapd/mailbox_int.h"
#include "imapd/notify.h"
#include "imapd/sharing.h"
#include "imapd/store.h"
#include "imapd/vanished.h"
#include "imapd/view.h"
#include "log.h"

#define REMOVE_SLICE	100	/* mailboxes and subscriptions in a turn */

static const struct {
	const char	*name;
	uint32_t	 uses;
} usual[] = {
	{ "INBOX",	0 },
	{ "Archive",	USE_ARCHIVE },
	{ "Drafts",	USE_DRAFTS },
	{ "Junk",	USE_JUNK },
	{ "Sent",	USE_SENT },
	{ "Trash",	USE_TRASH },
};

static int		 account_load(struct account *);
static int		 load_mailboxes(struct account *);
static int		 load_mailbox(struct account *, uint64_t,
			    const struct rec_mailbox *, struct mailbox ***,
			    size_t *);
static int		 load_subs(struct account *);
static int		 account_make(struct account *);
static void		 account_free(struct account *);
static void		 account_trim(struct part *);

struct account *
account_lookup(const struct part *p, uint64_t id)
{
	struct account	*a;

	for (a = p->accounts[id % PART_BUCKETS]; a != NULL; a = a->next)
		if (a->id == id)
			return (a);
	return (NULL);
}

static int
by_name(const void *x, const void *y)
{
	const struct mailbox *const *a = x, *const *b = y;

	return (strcmp((*a)->name, (*b)->name));
}

/* Fill a mailbox from its record; keeps what a view holds. */
static int
mailbox_fill(struct mailbox *mb, const struct rec_mailbox *r)
{
	struct span	 words = r->keywords, word;
	char		*name;
	int		 more;

	if ((name = span_dup(r->name)) == NULL)
		return (-1);
	free(mb->name);
	mb->name = name;
	mb->uidvalidity = r->uidvalidity;
	mb->uses = r->uses;
	mb->created = r->created;
	mailbox_drop_keywords(mb);
	while (words.n > 0 && mb->nkeywords < KEYWORDS_MAX) {
		more = span_split(&words, ' ', &word);
		if (mailbox_note_keyword(mb, word) == -1)
			return (-1);
		if (!more)
			break;
	}
	return (0);
}

static int
load_mailbox(struct account *a, uint64_t id, const struct rec_mailbox *r,
    struct mailbox ***v, size_t *n)
{
	struct mailbox	*mb, **nv;
	uint8_t		 k[16];

	if ((nv = reallocarray(*v, *n + 1, sizeof(*nv))) == NULL)
		return (-1);
	*v = nv;
	if ((mb = mailbox_by_id(a, id)) == NULL) {
		if ((mb = calloc(1, sizeof(*mb))) == NULL)
			return (-1);
		mb->account = a;
		mb->id = id;
	}
	(*v)[(*n)++] = mb;
	if (mailbox_fill(mb, r) == -1)
		return (-1);
	return (part_get(a->part->state, key_u64_2(k, a->id, id), &c_mbstate,
	    &mb->st));
}

/* A mailbox that is in memory and not in the new list any more. */
static void
drop_missing(struct account *a, struct mailbox **v, size_t n)
{
	size_t	 i, j;

	for (i = 0; i < a->nmailboxes; i++) {
		for (j = 0; j < n && v[j] != a->mailboxes[i]; j++)
			continue;
		if (j == n)
			mailbox_detach(a->mailboxes[i]);
	}
}

static int
load_mailboxes(struct account *a)
{
	struct rec_mailbox	 r;
	struct dbenv_iter	 it;
	struct mailbox		**v = NULL;
	struct span		 key, val, id;
	uint64_t		 mbid;
	uint8_t			 k[8];
	size_t			 n = 0;
	int			 rc, e;

	dbenv_iter_init(&it, a->part->mailbox, key_u64(k, a->id),
	    key_u64(k, a->id));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1) {
		id = span_of(key.p + 8, key.n - 8);
		if (span_get_u64(&id, &mbid) == -1 ||
		    codec_get(&val, &c_rec_mailbox, &r) == -1) {
			errno = EILSEQ;
			rc = -1;
			break;
		}
		if (load_mailbox(a, mbid, &r, &v, &n) == -1) {
			rc = -1;
			break;
		}
	}
	/* ENOENT would say that there is no such account. */
	e = errno == ENOENT ? EILSEQ : errno;
	dbenv_iter_free(&it);
	if (rc == 0 && sharing_load(a, v, n) == -1) {
		e = errno == ENOENT ? EILSEQ : errno;
		rc = -1;
	}
	drop_missing(a, v, n);
	free(a->mailboxes);
	a->mailboxes = v;
	a->nmailboxes = n;
	if (n > 0)
		qsort(v, n, sizeof(*v), by_name);
	a->inbox = mailbox_named(a, span_str("INBOX"));
	errno = e;
	return (rc);
}

static int
load_subs(struct account *a)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	uint8_t			 k[8];
	char			**nv, *name;
	int			 rc;

	while (a->nsubs > 0)
		free(a->subs[--a->nsubs]);
	dbenv_iter_init(&it, a->part->sub, key_u64(k, a->id),
	    key_u64(k, a->id));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1) {
		if ((nv = reallocarray(a->subs, a->nsubs + 1,
		    sizeof(*nv))) != NULL)
			a->subs = nv;
		name = span_dup(span_of(key.p + 8, key.n - 8));
		if (nv == NULL || name == NULL) {
			free(name);
			rc = -1;
			break;
		}
		a->subs[a->nsubs++] = name;
	}
	dbenv_iter_free(&it);
	return (rc);
}

/* Everything of it but its messages. */
static int
account_load(struct account *a)
{
	struct rec_account	 r;
	uint8_t			 k[8];
	char			*name;
	int			 left;

	if (part_get(a->part->account, key_u64(k, a->id), &c_rec_account,
	    &r) == -1)
		return (-1);
	if ((name = span_dup(r.name)) == NULL)
		return (-1);
	free(a->name);
	a->name = name;
	a->uidvalidity = r.uidvalidity;
	a->created = r.created;
	if ((left = left_get(a->part, a->id)) == -1)
		return (-1);
	a->moving = left == LEFT_MOVING;
	if (load_mailboxes(a) == -1 || load_subs(a) == -1 ||
	    late_load(a) == -1)
		return (-1);
	if (a->inbox == NULL) {
		log_error("account %s has no INBOX", log_escs(a->name));
		errno = EILSEQ;
		return (-1);
	}
	return (0);
}

/* A new account with the usual mailboxes, subscribed, in one command. */
static int
account_make(struct account *a)
{
	struct part	*p = a->part;
	size_t		 i;

	if (!dbenv_writable(p->env)) {
		errno = ENOSPC;
		return (-1);
	}
	if (dbenv_begin(p->env) == -1)
		return (-1);
	a->created = store_time();
	a->uidvalidity = (uint32_t)a->created;
	for (i = 0; i < nitems(usual); i++)
		if (mailbox_write_new(a, span_str(usual[i].name),
		    usual[i].uses, NULL) == -1 ||
		    account_write_sub(a, span_str(usual[i].name), 1) == -1)
			goto err;
	if (account_write(a) == -1 || dbenv_commit(p->env) == -1)
		goto err;
	a->seq = dbenv_seq(p->env);
	if (account_load(a) == -1)
		return (-1);
	log_info("account %s: made in partition %02u", log_escs(a->name),
	    p->num);
	return (0);
err:
	dbenv_abort(p->env);
	return (-1);
}

static struct account *
account_new(struct part *p, uint64_t id)
{
	struct account	*a;

	if ((a = calloc(1, sizeof(*a))) == NULL)
		return (NULL);
	a->part = p;
	a->id = id;
	TAILQ_INIT(&a->share.works);
	return (a);
}

/* One that is moving away too. */
static struct account *
any_account(struct part *p, uint64_t id)
{
	struct account	*a, **bucket = &p->accounts[id % PART_BUCKETS];
	int		 e, fresh = 0;

	if ((a = account_lookup(p, id)) == NULL) {
		if ((a = account_new(p, id)) == NULL)
			return (NULL);
		if (account_load(a) == -1) {
			e = errno;
			account_free(a);
			errno = e;
			return (NULL);
		}
		a->next = *bucket;
		*bucket = a;
		p->naccounts++;
		fresh = 1;
	}
	a->refs++;
	a->used = store_now();
	if (fresh && p->naccounts > PART_UNUSED)
		account_trim(p);
	return (a);
}

struct account *
account_find(struct part *p, uint64_t id)
{
	struct account	*a = any_account(p, id);

	if (a == NULL || !a->moving)
		return (a);
	account_put(a);
	errno = EBUSY;
	return (NULL);
}

/* auth knows what it is called; a name with "#" is made up from its id. */
static void
learn_name(struct account *a, struct span name)
{
	char	*copy;

	if (name.n == 0 || name.p[0] == '#' || span_eqs(name, a->name) ||
	    (copy = span_dup(name)) == NULL)
		return;
	free(a->name);
	a->name = copy;
}

struct account *
account_get(struct part *p, uint64_t id, struct span name)
{
	struct account	*a, **bucket = &p->accounts[id % PART_BUCKETS];
	int		 e;

	if ((a = account_find(p, id)) != NULL) {
		learn_name(a, name);
		return (a);
	}
	if (errno != ENOENT)
		return (NULL);
	if (left_get(p, id) != LEFT_NOT) {
		errno = EBUSY;
		return (NULL);
	}
	if ((a = account_new(p, id)) == NULL)
		return (NULL);
	if ((a->name = span_dup(name)) == NULL || account_make(a) == -1) {
		e = errno;
		account_free(a);
		errno = e;
		return (NULL);
	}
	a->next = *bucket;
	*bucket = a;
	p->naccounts++;
	a->refs = 1;
	a->used = store_now();
	return (a);
}

struct account *
account_hold(struct account *a)
{
	a->refs++;
	return (a);
}

void
account_put(struct account *a)
{
	if (a != NULL)
		a->refs--;
}

static void
account_free(struct account *a)
{
	size_t	 i;

	for (i = 0; i < a->nmailboxes; i++)
		mailbox_detach(a->mailboxes[i]);
	free(a->mailboxes);
	for (i = 0; i < a->nsubs; i++)
		free(a->subs[i]);
	free(a->subs);
	free(a->name);
	free(a);
}

static int
account_busy(const struct account *a)
{
	size_t	 i;

	if (a->refs > 0 || a->seq > dbenv_flushed(a->part->env))
		return (1);
	for (i = 0; i < a->nmailboxes; i++)
		if (a->mailboxes[i]->view != NULL ||
		    a->mailboxes[i]->ceiling != 0 ||
		    a->mailboxes[i]->seq > dbenv_flushed(a->part->env))
			return (1);
	return (0);
}

/* Forget a tenth of the accounts that nobody uses. */
static void
account_trim(struct part *p)
{
	struct account	*a, **ap;
	uint64_t	 before = store_now();
	size_t		 i, left = PART_UNUSED / 10;

	for (i = 0; i < PART_BUCKETS && left > 0; i++) {
		for (ap = &p->accounts[i]; (a = *ap) != NULL && left > 0;) {
			if (account_busy(a) || a->used + 10 > before) {
				ap = &a->next;
				continue;
			}
			*ap = a->next;
			account_free(a);
			p->naccounts--;
			left--;
		}
	}
}

void
account_free_all(struct part *p)
{
	struct account	*a;
	size_t		 i;

	for (i = 0; i < PART_BUCKETS; i++)
		while ((a = p->accounts[i]) != NULL) {
			p->accounts[i] = a->next;
			account_free(a);
		}
	p->naccounts = 0;
}

/* Did something change in it in this group, or later? */
static int
mailbox_since(const struct mailbox *mb, uint64_t seq)
{
	return (mb->seq >= seq || mb->late >= seq);
}

static int
shares(const struct account *a)
{
	size_t	 i;

	for (i = 0; i < a->nmailboxes; i++)
		if (a->mailboxes[i]->nacl > 0)
			return (1);
	return (0);
}

static void
reload(struct account *a, uint64_t seq)
{
	struct mailbox	*mb;
	size_t		 i;
	int		 shared = shares(a);

	if (account_load(a) == -1) {
		log_error("account %s: cannot be read again: %s",
		    log_escs(a->name), strerror(errno));
		a->id = 0;	/* nobody finds it any more */
	}
	notify_undone(a, shared || shares(a));
	for (i = 0; i < a->nmailboxes; i++) {
		mb = a->mailboxes[i];
		vanished_undone(mb);
		if (mailbox_since(mb, seq) && mb->view != NULL)
			view_reload(mb->view, seq);
	}
}

void
account_undone(struct part *p, uint64_t seq)
{
	struct account	*a;
	size_t		 i, j;
	int		 hit;

	for (i = 0; i < PART_BUCKETS; i++)
		for (a = p->accounts[i]; a != NULL; a = a->next) {
			hit = a->seq >= seq;
			for (j = 0; j < a->nmailboxes && !hit; j++)
				hit = mailbox_since(a->mailboxes[j], seq);
			if (hit)
				reload(a, seq);
		}
}

void
account_tick(struct part *p)
{
	struct account	*a;
	struct view	*v;
	uint64_t	 now = store_now();
	size_t		 i, j;

	for (i = 0; i < PART_BUCKETS; i++)
		for (a = p->accounts[i]; a != NULL; a = a->next)
			for (j = 0; j < a->nmailboxes; j++) {
				late_tick(a->mailboxes[j]);
				v = a->mailboxes[j]->view;
				if (v == NULL || now - v->used < VIEW_LINGER)
					continue;
				if (v->nseens == 0)
					view_drop(v);
				else
					view_rest(v);
			}
}

/* Records of it go, its mailboxes are "dead" from now on. */
static int
write_removed(struct account *a)
{
	struct part	*p = a->part;
	uint8_t		 k[16], kd[8];
	size_t		 i;

	for (i = 0; i < a->nmailboxes; i++) {
		(void)key_u64_2(k, a->id, a->mailboxes[i]->id);
		if (dbenv_del(p->mailbox, span_of(k, 16)) == -1 ||
		    dbenv_del(p->state, span_of(k, 16)) == -1 ||
		    late_remove(a->mailboxes[i]) == -1 ||
		    sharing_write_removed(a->mailboxes[i]) == -1 ||
		    dbenv_put(p->dead, key_u64(kd, a->mailboxes[i]->id),
		    span_of("", 0)) == -1)
			return (-1);
	}
	for (i = 0; i < a->nsubs; i++)
		if (account_write_sub(a, span_str(a->subs[i]), 0) == -1)
			return (-1);
	if (annotation_remove_all(a, NULL) == -1)
		return (-1);
	return (dbenv_del(p->account, key_u64(k, a->id)));
}

/* What its removal would take too long with at once: some of that. */
static int
remove_some(struct account *a)
{
	size_t	 i = a->nmailboxes, n = 0;
	int	 rc = 0;

	for (; rc == 0 && a->nsubs > 0 && n < REMOVE_SLICE; n++)
		rc = account_subscribe(a, span_str(a->subs[a->nsubs - 1]), 0);
	for (; rc == 0 && i > 0 && n < REMOVE_SLICE; i--)
		if (a->mailboxes[i - 1] != a->inbox) {
			rc = mailbox_delete(a->mailboxes[i - 1]);
			n++;
		}
	return (rc);
}

int
account_remove(struct part *p, uint64_t id, uint64_t *seq)
{
	struct account	*a, **ap;
	size_t		 i, n;

	*seq = 0;
	if ((a = any_account(p, id)) == NULL && errno != ENOENT)
		return (-1);
	account_put(a);
	if (a == NULL && !sharing_named(p, id) &&
	    left_get(p, id) != LEFT_MOVING)
		return (0);
	if (a != NULL && a->refs > 0) {
		errno = EBUSY;
		return (-1);
	}
	if (a != NULL && a->nmailboxes + a->nsubs > REMOVE_SLICE) {
		if (remove_some(a) == 0)
			errno = EAGAIN;
		return (-1);
	}
	if (dbenv_begin(p->env) == -1)
		return (-1);
	/* Others may have shared with one that nobody has used yet. */
	if ((a != NULL && write_removed(a) == -1) ||
	    sharing_write_gone(p, id) == -1 ||
	    left_put(p, id, LEFT_GONE) == -1) {
		dbenv_abort(p->env);
		return (-1);
	}
	if (dbenv_commit(p->env) == -1)
		return (-1);
	*seq = dbenv_seq(p->env);
	sharing_apply_gone(p, id);
	if (a == NULL)
		return (0);
	a->seq = *seq;
	for (i = 0; i < a->nmailboxes; i++)
		(void)ending_add(p, a->mailboxes[i]->id, *seq);
	/* None is there when others are told. */
	n = a->nmailboxes;
	a->nmailboxes = 0;
	for (i = 0; i < n; i++)
		notify_name(a->mailboxes[i]);
	a->nmailboxes = n;
	for (ap = &p->accounts[id % PART_BUCKETS]; *ap != a;
	    ap = &(*ap)->next)
		continue;
	*ap = a->next;
	p->naccounts--;
	account_free(a);
	return (0);
}

/* Its mark in "left", a command of its own. */
static int
mark_left(struct part *p, uint64_t id, enum left how)
{

	if (dbenv_begin(p->env) == -1)
		return (-1);
	if (left_put(p, id, how) == -1) {
		dbenv_abort(p->env);
		return (-1);
	}
	return (dbenv_commit(p->env));
}

/* Has it something for others, or others for it? */
static int
is_shared(struct part *p, uint64_t id)
{
	struct span	 key, val;
	uint8_t		 k[8];

	return (sharing_named(p, id) || (dbenv_next(p->acl, key_u64(k, id),
	    &key, &val) == 0 && key.n >= 8 && memcmp(key.p, k, 8) == 0));
}

int
account_freeze(struct part *p, uint64_t id)
{
	struct account	*a = any_account(p, id);

	if (a == NULL && errno != ENOENT)
		return (-1);
	account_put(a);
	/* Nobody new from now on; who uses it is done soon. */
	if (a != NULL)
		a->moving = 1;
	if (is_shared(p, id))
		errno = EXDEV;
	else if (a != NULL && a->refs > 0)
		errno = EBUSY;
	else if (mark_left(p, id, LEFT_MOVING) == 0) {
		if (a != NULL)
			a->seq = dbenv_seq(p->env);
		return (0);
	}
	if (a != NULL && errno != EBUSY)
		a->moving = 0;
	return (-1);
}

int
account_thaw(struct part *p, uint64_t id)
{
	struct account	*a = account_lookup(p, id);
	int		 left = left_get(p, id);

	if (left == -1 || (left == LEFT_MOVING &&
	    mark_left(p, id, LEFT_NOT) == -1))
		return (-1);
	if (a != NULL) {
		a->moving = 0;
		a->seq = dbenv_seq(p->env);
	}
	return (0);
}
