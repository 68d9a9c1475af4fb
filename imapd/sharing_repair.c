/*
 * Lists of rights after "letterctl salvage": entries of a mailbox that is lost
 * go; what finds an entry is made again from it, and goes without it.  And for
 * "letterctl verify": whether they belong together.
 */
#include <errno.h>
#include <string.h>

#include "imapd/sharing.h"
#include "log.h"

static int	 entry(struct part *, struct span);
static int	 share(struct part *, struct span, struct span);

/*
 * The key in "share" of an entry of "acl": 1, 0 nobody knows the owner's name,
 * -1 with errno.
 */
static int
share_key(struct part *p, struct span key, struct buf *k)
{
	struct rec_account	 r;
	struct span		 entry = key;
	uint64_t		 owner, mailbox, account;

	if (span_get_u64(&entry, &owner) == -1 ||
	    span_get_u64(&entry, &mailbox) == -1 ||
	    span_get_u64(&entry, &account) == -1)
		return (0);
	if (part_get(p->account, span_of(key.p, 8), &c_rec_account, &r) == -1)
		return (errno == ENOENT ? 0 : -1);
	if (r.name.n == 0 || r.name.p[0] == '#')
		return (0);
	sharing_key(k, account, r.name);
	return (buf_put_u64(k, mailbox) == -1 ? -1 : 1);
}

/* One of "acl". */
static int
entry(struct part *p, struct span key)
{
	struct buf	 k = { 0 };
	uint8_t		 owner[8];
	int		 rc;

	if (key.n != 24 || dbenv_has(p->mailbox, span_of(key.p, 16)) != 1) {
		log_warn("partition %02u: rights on a lost mailbox go",
		    p->num);
		return (dbenv_del(p->acl, key));
	}
	memcpy(owner, key.p, sizeof(owner));
	if ((rc = share_key(p, key, &k)) == 1)
		rc = dbenv_put(p->share, span_buf(&k), span_of(owner, 8));
	buf_free(&k);
	return (rc);
}

/* Has one of "share" its entry?  1, 0, -1. */
static int
has_entry(struct part *p, struct span key, struct span val)
{
	struct buf	 k = { 0 };
	int		 there = 0;

	if (key.n >= 18 && val.n == 8) {
		(void)buf_add_span(&k, val);
		(void)buf_add(&k, key.p + key.n - 8, 8);
		(void)buf_add(&k, key.p, 8);
		there = buf_failed(&k) ? -1 : dbenv_has(p->acl, span_buf(&k));
	}
	buf_free(&k);
	return (there);
}

/* One of "share". */
static int
share(struct part *p, struct span key, struct span val)
{
	int	 there = has_entry(p, key, val);

	if (there != 0)
		return (there == 1 ? 0 : -1);
	log_warn("partition %02u: a record of a shared mailbox goes", p->num);
	return (dbenv_del(p->share, key));
}

int
sharing_repair(struct part *p)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	int			 rc;

	if (dbenv_begin(p->env) == -1)
		return (-1);
	dbenv_iter_init(&it, p->acl, span_of("", 0), span_of("", 0));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1)
		if ((rc = entry(p, key)) == -1)
			break;
	dbenv_iter_free(&it);
	if (rc == 0) {
		dbenv_iter_init(&it, p->share, span_of("", 0), span_of("", 0));
		while ((rc = dbenv_iter_next(&it, &key, &val)) == 1)
			if ((rc = share(p, key, val)) == -1)
				break;
		dbenv_iter_free(&it);
	}
	if (rc == 0)
		return (dbenv_commit(p->env));
	dbenv_abort(p->env);
	return (-1);
}

/* What is wrong with one of "acl", or NULL; -1 in *rc with errno. */
static const char *
entry_wrong(struct part *p, struct span key, struct span val, int *rc)
{
	struct rec_acl	 r;
	struct buf	 k = { 0 };
	const char	*why = NULL;
	uint8_t		 id[24];

	if (key.n != sizeof(id) || codec_get(&val, &c_rec_acl, &r) == -1)
		return ("record is malformed");
	memcpy(id, key.p, sizeof(id));
	if ((*rc = dbenv_has(p->mailbox, span_of(id, 16))) == 0)
		why = "rights on a mailbox that is not there";
	else if (*rc == 1 && (*rc = share_key(p, span_of(id, sizeof(id)),
	    &k)) == 1 && (*rc = dbenv_has(p->share, span_buf(&k))) == 0)
		why = "rights that nobody finds";
	buf_free(&k);
	return (why);
}

/* The first octet of from is the database, then comes the last key. */
int
sharing_verify(struct part *p, struct buf *from, int n,
    void (*bad)(void *, const char *, struct span, const char *), void *arg)
{
	struct dbenv_iter	 it;
	struct span		 key, val, after = span_buf(from);
	const char		*why;
	int			 shares, rc = 1, ok = 0;

	shares = after.n > 0 && after.p[0] == 's';
	if (after.n > 0)
		after = span_of(after.p + 1, after.n - 1);
	dbenv_iter_init(&it, shares ? p->share : p->acl, after,
	    span_of("", 0));
	buf_reset(from);
	for (; n > 0 && (rc = dbenv_iter_next(&it, &key, &val)) != 0; n--) {
		if (rc == -1 && errno != EILSEQ)
			break;
		buf_reset(from);
		(void)buf_addc(from, shares ? 's' : 'a');
		(void)buf_add_span(from, key);
		(void)buf_addc(from, 0);	/* behind it */
		if (rc == -1)
			continue;	/* told with the records */
		why = NULL;
		if (!shares)
			why = entry_wrong(p, key, val, &ok);
		else if ((ok = has_entry(p, key, val)) == 0)
			why = "it finds rights that are not there";
		if (ok == -1) {
			rc = -1;
			break;
		}
		if (why != NULL)
			bad(arg, shares ? "share" : "acl", span_of(from->p + 1,
			    from->n - 2), why);
		rc = 1;
	}
	dbenv_iter_free(&it);
	if (rc == -1 && errno != EILSEQ)
		return (-1);
	if (rc == 0 && !shares) {
		buf_reset(from);
		(void)buf_addc(from, 's');
		rc = 1;
	}
	return (buf_failed(from) ? -1 : rc != 0);
}
