/*
 * Lists of rights after "letterctl salvage": entries of a mailbox that is lost
 * go; what finds an entry is made again from it, and goes without it.
 */
#include <errno.h>

#include "imapd/sharing.h"
#include "log.h"

static int	 entry(struct part *, struct span);
static int	 share(struct part *, struct span, struct span);

/* One of "acl". */
static int
entry(struct part *p, struct span key)
{
	struct rec_account	 r;
	struct buf		 k = { 0 };
	struct span		 s = key;
	uint64_t		 owner;
	uint8_t			 id[8];
	int			 rc;

	if (key.n != 24 || dbenv_has(p->mailbox, span_of(key.p, 16)) != 1) {
		log_warn("partition %02u: rights on a lost mailbox go",
		    p->num);
		return (dbenv_del(p->acl, key));
	}
	(void)span_get_u64(&s, &owner);
	if (part_get(p->account, key_u64(id, owner), &c_rec_account, &r) == -1)
		return (errno == ENOENT ? 0 : -1);
	if (r.name.n == 0 || r.name.p[0] == '#')
		return (0);	/* nobody knows its name */
	(void)buf_add(&k, key.p + 16, 8);
	(void)buf_add_span(&k, r.name);
	(void)buf_addc(&k, '\0');
	(void)buf_add(&k, key.p + 8, 8);
	rc = buf_failed(&k) ? -1 : dbenv_put(p->share, span_buf(&k),
	    key_u64(id, owner));
	buf_free(&k);
	return (rc);
}

/* One of "share". */
static int
share(struct part *p, struct span key, struct span val)
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
	int			 rc, e;

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
	e = errno;
	dbenv_abort(p->env);
	errno = e;
	return (-1);
}
