/*
 * Lists of rights in the database and in memory.  See sharing.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/mailbox_int.h"
#include "imapd/notify.h"
#include "imapd/sharing.h"
#include "log.h"

#define WORDS_MAX	3	/* of each kind, the others are counted */

static int	 note(struct mailbox *, uint64_t, struct span, uint32_t,
		    uint32_t);

/* ---- memory ------------------------------------------------------------------ */

uint32_t
sharing_rights(const struct mailbox *mb, uint64_t account)
{
	/* one that cannot be read again has no number */
	if (account != 0 && mb->account->id == account)
		return (RIGHTS_ALL);
	return (acl_rights(mb->acl, mb->nacl, account));
}

static size_t
entry_lower(const struct mailbox *mb, uint64_t account)
{
	size_t	 i = 0;

	while (i < mb->nacl && mb->acl[i].account < account)
		i++;
	return (i);
}

const struct acl_entry *
sharing_entry(const struct mailbox *mb, uint64_t account)
{
	size_t	 i = entry_lower(mb, account);

	return (i < mb->nacl && mb->acl[i].account == account ? &mb->acl[i] :
	    NULL);
}

void
sharing_drop(struct mailbox *mb)
{
	while (mb->nacl > 0)
		free(mb->acl[--mb->nacl].name);
	free(mb->acl);
	mb->acl = NULL;
}

/* An entry that is not there yet. */
static int
note(struct mailbox *mb, uint64_t account, struct span name, uint32_t give,
    uint32_t take)
{
	struct acl_entry	*nv;
	char			*copy;
	size_t			 i = entry_lower(mb, account);

	if ((nv = reallocarray(mb->acl, mb->nacl + 1, sizeof(*nv))) == NULL)
		return (-1);
	mb->acl = nv;
	if ((copy = span_dup(name)) == NULL)
		return (-1);
	memmove(nv + i + 1, nv + i, (mb->nacl - i) * sizeof(*nv));
	nv[i].account = account;
	nv[i].name = copy;
	nv[i].give = give;
	nv[i].take = take;
	mb->nacl++;
	return (0);
}

static void
unnote(struct mailbox *mb, uint64_t account)
{
	size_t	 i = entry_lower(mb, account);

	if (i == mb->nacl || mb->acl[i].account != account)
		return;
	free(mb->acl[i].name);
	mb->nacl--;
	memmove(mb->acl + i, mb->acl + i + 1, (mb->nacl - i) *
	    sizeof(*mb->acl));
}

/* It may have taken something away: it takes everything. */
static void
damaged(const struct account *a, struct rec_acl *r)
{
	log_error("account %s: an entry of a list of rights is damaged",
	    log_escs(a->name));
	r->name = span_str("damaged");
	r->give = 0;
	r->take = RIGHTS_ALL;
}

/* Records come in the order of the mailboxes' identities, as v is. */
int
sharing_load(struct account *a, struct mailbox **v, size_t n)
{
	struct dbenv_iter	 it;
	struct rec_acl		 r;
	struct span		 key, val, s;
	uint64_t		 id, account;
	uint8_t			 k[8];
	size_t			 i;
	int			 rc;

	for (i = 0; i < n; i++)
		sharing_drop(v[i]);
	dbenv_iter_init(&it, a->part->acl, key_u64(k, a->id),
	    key_u64(k, a->id));
	for (i = 0; (rc = dbenv_iter_next(&it, &key, &val)) != 0;) {
		if (rc == -1 && errno != EILSEQ)
			break;
		s = span_of(key.p + 8, key.n - 8);
		if (span_get_u64(&s, &id) == -1 ||
		    span_get_u64(&s, &account) == -1)
			continue;
		if (rc == -1 || codec_get(&val, &c_rec_acl, &r) == -1)
			damaged(a, &r);
		while (i < n && v[i]->id < id)
			i++;
		if (i == n || v[i]->id != id)
			continue;
		if (note(v[i], account, r.name, r.give, r.take) == -1) {
			rc = -1;
			break;
		}
	}
	dbenv_iter_free(&it);
	return (rc);
}

/* ---- records ------------------------------------------------------------------ */

void
sharing_key(struct buf *k, uint64_t account, struct span owner)
{
	(void)buf_put_u64(k, account);
	(void)buf_add_span(k, owner);
	(void)buf_addc(k, '\0');
}

static int
write_share(const struct mailbox *mb, uint64_t id, uint64_t account, int on)
{
	const struct account	*a = mb->account;
	struct buf		 k = { 0 };
	uint8_t			 v[8];
	int			 rc;

	sharing_key(&k, account, span_str(a->name));
	(void)buf_put_u64(&k, id);
	if (buf_failed(&k))
		rc = -1;
	else if (on)
		rc = dbenv_put(a->part->share, span_buf(&k),
		    key_u64(v, a->id));
	else if ((rc = dbenv_del(a->part->share, span_buf(&k))) == -1 &&
	    errno == ENOENT)
		rc = 0;
	buf_free(&k);
	return (rc);
}

/* Of mailbox id, which may not be in memory yet, after the example of mb. */
static int
write_entry(const struct mailbox *mb, uint64_t id, const struct acl_entry *e)
{
	const struct account	*a = mb->account;
	struct rec_acl		 r = { .give = e->give, .take = e->take };
	uint8_t			 k[24];
	int			 on = (e->give | e->take) != 0;

	r.name = span_str(e->name);
	(void)key_u64_3(k, a->id, id, e->account);
	if (write_share(mb, id, e->account, on) == -1)
		return (-1);
	if (on)
		return (part_put(a->part->acl, span_of(k, 24), &c_rec_acl,
		    &r));
	if (dbenv_del(a->part->acl, span_of(k, 24)) == -1 && errno != ENOENT)
		return (-1);
	return (0);
}

/* The name that others find it by, on disk as it is here. */
static int
write_set(struct mailbox *mb, const struct acl_entry *e)
{
	struct dbenv	*env = mb->account->part->env;

	if (dbenv_begin(env) == -1)
		return (-1);
	if (account_write(mb->account) == -1 ||
	    write_entry(mb, mb->id, e) == -1) {
		dbenv_abort(env);
		return (-1);
	}
	return (dbenv_commit(env));
}

/* Of all lists of an account. */
static size_t
entries(const struct account *a)
{
	size_t	 i, n = 0;

	for (i = 0; i < a->nmailboxes; i++)
		n += a->mailboxes[i]->nacl;
	return (n);
}

int
sharing_set(struct mailbox *mb, uint64_t account, struct span name,
    uint32_t give, uint32_t take)
{
	const struct acl_entry	*old = sharing_entry(mb, account);
	struct acl_entry	 e = { .account = account, .give = give,
				    .take = take };
	const char		*owner = mb->account->name;
	int			 rc = 0, fresh = 0;
	size_t			 i;

	if (old == NULL && (give | take) == 0)
		return (0);
	if (owner[0] == '\0' || owner[0] == '#') {
		errno = EINVAL;
		return (-1);
	}
	if (old == NULL && (mb->nacl >= ACL_ENTRIES ||
	    entries(mb->account) >= ACL_ALL)) {
		errno = EMLINK;
		return (-1);
	}
	/* Memory first: it can be taken back, a commit cannot. */
	if (old == NULL) {
		if (note(mb, account, name, 0, 0) == -1)
			return (-1);
		fresh = 1;
	}
	i = entry_lower(mb, account);
	e.name = mb->acl[i].name;
	notify_had(mb);
	if ((rc = write_set(mb, &e)) == 0) {
		mb->account->seq = dbenv_seq(mb->account->part->env);
		mb->acl[i].give = give;
		mb->acl[i].take = take;
	}
	if (rc == -1 ? fresh : (give | take) == 0)
		unnote(mb, account);
	if (rc == 0)
		notify_rights(mb);
	return (rc);
}

int
sharing_write_removed(const struct mailbox *mb)
{
	struct acl_entry	 e = { 0 };
	size_t			 i;

	for (i = 0; i < mb->nacl; i++) {
		e.account = mb->acl[i].account;
		e.name = mb->acl[i].name;
		if (write_entry(mb, mb->id, &e) == -1)
			return (-1);
	}
	return (0);
}

/* The nearest mailbox above a name. */
static const struct mailbox *
above(const struct account *a, struct span name)
{
	const struct mailbox	*mb;
	size_t			 n;

	for (n = name.n; n > 0; n--)
		if (name.p[n - 1] == MAILBOX_SEPARATOR &&
		    (mb = mailbox_named(a, span_of(name.p, n - 1))) != NULL)
			return (mb);
	return (NULL);
}

int
sharing_write_new(const struct account *a, struct span name, uint64_t id)
{
	const struct mailbox	*mb = above(a, name);
	size_t			 i;

	if (mb != NULL && mb->nacl > 0 && entries(a) + mb->nacl > ACL_ALL) {
		errno = EMLINK;
		return (-1);
	}
	for (i = 0; mb != NULL && i < mb->nacl; i++)
		if (write_entry(mb, id, &mb->acl[i]) == -1)
			return (-1);
	return (0);
}

int
sharing_apply_new(struct mailbox *mb)
{
	const struct mailbox	*from = above(mb->account, span_str(mb->name));
	size_t			 i;

	for (i = 0; from != NULL && i < from->nacl; i++)
		if (note(mb, from->acl[i].account, span_str(from->acl[i].name),
		    from->acl[i].give, from->acl[i].take) == -1)
			return (-1);
	return (0);
}

/* Key of "share" of some account: the mailbox; its value: the owner. */
static int
share_read(struct span key, struct span val, uint64_t *mailbox,
    uint64_t *owner)
{
	struct span	 s;

	if (key.n < 18) {
		errno = EILSEQ;
		return (-1);
	}
	s = span_of(key.p + key.n - 8, 8);
	if (span_get_u64(&s, mailbox) == 0 && span_get_u64(&val, owner) == 0)
		return (0);
	errno = EILSEQ;
	return (-1);
}

int
sharing_named(struct part *p, uint64_t account)
{
	struct span	 key, val;
	uint8_t		 k[8];

	return (dbenv_next(p->share, key_u64(k, account), &key, &val) == 0 &&
	    key.n > 8 && memcmp(key.p, k, 8) == 0);
}

/* What an account has for others: how many entries; some of them in words. */
static int
given_words(struct part *p, uint64_t account, struct buf *b)
{
	struct dbenv_iter	 it;
	struct rec_acl		 r;
	struct rec_mailbox	 m;
	struct span		 key, val, mv;
	uint8_t			 k[8];
	int			 rc, n = 0;

	dbenv_iter_init(&it, p->acl, key_u64(k, account),
	    key_u64(k, account));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1) {
		if (n++ >= WORDS_MAX)
			continue;
		(void)buf_adds(b, n > 1 ? ", " : "");
		if (key.n == 24 && dbenv_get(p->mailbox, span_of(key.p, 16),
		    &mv) == 0 && codec_get(&mv, &c_rec_mailbox, &m) == 0)
			(void)buf_addf(b, "\"%.*s\"", (int)m.name.n,
			    (const char *)m.name.p);
		else
			(void)buf_adds(b, "a mailbox");
		if (codec_get(&val, &c_rec_acl, &r) == 0)
			(void)buf_addf(b, " with %.*s", (int)r.name.n,
			    (const char *)r.name.p);
	}
	dbenv_iter_free(&it);
	if (n > WORDS_MAX)
		(void)buf_addf(b, " and %d more", n - WORDS_MAX);
	return (rc == -1 ? -1 : n);
}

/* And who has something for it. */
static int
taken_words(struct part *p, uint64_t account, struct buf *b)
{
	struct dbenv_iter	 it;
	struct span		 key, val, name, last = { 0 };
	struct buf		 before = { 0 };
	uint8_t			 k[8];
	int			 rc, n = 0;

	dbenv_iter_init(&it, p->share, key_u64(k, account),
	    key_u64(k, account));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1) {
		if (key.n < 18)
			continue;
		name = span_of(key.p + 8, key.n - 17);
		last = span_buf(&before);
		if (n > 0 && span_eq(name, last))
			continue;
		buf_reset(&before);
		(void)buf_add_span(&before, name);
		if (n++ < WORDS_MAX)
			(void)buf_addf(b, "%s%.*s", n > 1 ? ", " : "",
			    (int)name.n, (const char *)name.p);
	}
	dbenv_iter_free(&it);
	buf_free(&before);
	if (n > WORDS_MAX)
		(void)buf_addf(b, " and %d more", n - WORDS_MAX);
	if (n > 0)
		(void)buf_adds(b, " with it");
	return (rc == -1 ? -1 : n);
}

int
sharing_words(struct part *p, uint64_t account, struct buf *b)
{
	struct buf	 taken = { 0 };
	int		 given, n;

	if ((given = given_words(p, account, b)) == -1)
		return (-1);
	if ((n = taken_words(p, account, &taken)) > 0) {
		(void)buf_adds(b, given > 0 ? "; " : "");
		(void)buf_add_span(b, span_buf(&taken));
	}
	buf_free(&taken);
	return (n == -1 ? -1 : given + n > 0);
}

int
sharing_write_gone(struct part *p, uint64_t account)
{
	struct span	 key, val;
	uint64_t	 mailbox, owner;
	uint8_t		 k[8], ka[24];

	while (dbenv_next(p->share, key_u64(k, account), &key, &val) == 0 &&
	    key.n > 8 && memcmp(key.p, k, 8) == 0) {
		if (share_read(key, val, &mailbox, &owner) == -1)
			return (-1);
		if (dbenv_del(p->share, key) == -1 ||
		    (dbenv_del(p->acl, key_u64_3(ka, owner, mailbox,
		    account)) == -1 && errno != ENOENT))
			return (-1);
	}
	return (0);
}

void
sharing_apply_gone(struct part *p, uint64_t account)
{
	struct account	*a;
	size_t		 i, j;

	for (i = 0; i < PART_BUCKETS; i++)
		for (a = p->accounts[i]; a != NULL; a = a->next)
			for (j = 0; j < a->nmailboxes; j++) {
				if (sharing_entry(a->mailboxes[j],
				    account) == NULL)
					continue;
				unnote(a->mailboxes[j], account);
				a->seq = dbenv_seq(p->env);
			}
}

/* ---- who shares ---------------------------------------------------------------- */

static uint64_t
owner_for(struct part *p, uint64_t account, struct span name)
{
	struct buf	 k = { 0 };
	struct span	 key, val;
	uint64_t	 mailbox, owner = 0;

	sharing_key(&k, account, name);
	if (buf_failed(&k) || dbenv_next(p->share, span_buf(&k), &key,
	    &val) == -1 || key.n != k.n + 8 ||
	    memcmp(key.p, k.p, k.n) != 0 ||
	    share_read(key, val, &mailbox, &owner) == -1)
		owner = 0;
	buf_free(&k);
	return (owner);
}

uint64_t
sharing_owner(struct part *p, uint64_t account, struct span name)
{
	uint64_t	 owner;

	if (name.n == 0 || memchr(name.p, '\0', name.n) != NULL)
		return (0);
	if ((owner = owner_for(p, account, name)) == 0)
		owner = owner_for(p, 0, name);
	return (owner == account ? 0 : owner);
}

/* No name has an octet up to a space: behind all of one is name and 1. */
static int
next_for(struct part *p, uint64_t account, struct span after,
    struct buf *name)
{
	struct buf	 k = { 0 };
	struct span	 key = span_of("", 0), val;
	int		 rc = -1;

	(void)buf_put_u64(&k, account);
	if (after.n > 0) {
		(void)buf_add_span(&k, after);
		(void)buf_addc(&k, 1);
	}
	if (!buf_failed(&k))
		rc = dbenv_next(p->share, span_buf(&k), &key, &val);
	if (rc == -1)
		rc = errno == ENOENT ? 0 : -1;
	else if (key.n < 18 || memcmp(key.p, k.p, 8) != 0)
		rc = 0;
	else
		rc = buf_add(name, key.p + 8, key.n - 17) == -1 ? -1 : 1;
	buf_free(&k);
	return (rc);
}

static int
before(const struct buf *a, const struct buf *b)
{
	int	 c = memcmp(a->p, b->p, a->n < b->n ? a->n : b->n);

	return (c != 0 ? c < 0 : a->n < b->n);
}

int
sharing_next(struct part *p, uint64_t account, struct span after,
    struct buf *name)
{
	struct buf	 mine = { 0 }, any = { 0 };
	int		 m, n, rc = 0;

	m = next_for(p, account, after, &mine);
	n = next_for(p, 0, after, &any);
	if (m == -1 || n == -1)
		rc = -1;
	else if (m == 1 || n == 1)
		rc = buf_add_span(name, span_buf(n == 0 || (m == 1 &&
		    before(&mine, &any)) ? &mine : &any)) == -1 ? -1 : 1;
	buf_free(&mine);
	buf_free(&any);
	return (rc);
}
