/*
 * Records: reading and writing them with their checksums, and reading many.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbenv_int.h"

#define SUM		4		/* octets of a checksum */
#define VALUE_ROOM	1024		/* first room for a value read */
#define PIECE_FIRST	(16 * 1024)	/* of an iterator, then more */
#define PIECE_NEXT	(128 * 1024)

static uint32_t
sum_of(struct span key, const uint8_t *p, size_t n)
{
	return (crc32c(crc32c(0, key.p, key.n), p, n));
}

int
dbenv_seal(struct buf *out, struct span key, struct span val)
{
	if (buf_add_span(out, val) == -1)
		return (-1);
	return (buf_put_u32(out, sum_of(key, val.p, val.n)));
}

int
dbenv_unseal(struct span key, struct span *val)
{
	struct span	 sum;
	uint32_t	 have;

	if (val->n >= SUM) {
		sum = span_of(val->p + val->n - SUM, SUM);
		if (span_get_u32(&sum, &have) == 0 &&
		    have == sum_of(key, val->p, val->n - SUM)) {
			val->n -= SUM;
			return (0);
		}
	}
	errno = EILSEQ;
	return (-1);
}

static void
dbt_span(DBT *t, struct span s)
{
	memset(t, 0, sizeof(*t));
	/* Berkeley DB does not write to what it is given */
	t->data = (void *)(uintptr_t)s.p;
	t->size = (uint32_t)s.n;
}

static int
unseal(struct dbenv_db *db, struct span key, struct span *val)
{
	struct dbenv	*env = db->env;
	struct buf	 hex = { 0 };

	if (dbenv_unseal(key, val) == 0)
		return (0);
	*val = span_of(NULL, 0);
	env->st.checksum_errors++;
	buf_add_hex(&hex, key);
	dbenv_fail(env, EILSEQ, "%s: key %s: checksum", db->name,
	    buf_cstr(&hex));
	dbenv_line(env, DBENV_LOG_ERR, "%s: %s: key %s: checksum error",
	    env->home, db->name, buf_cstr(&hex));
	buf_free(&hex);
	errno = EILSEQ;
	return (-1);
}

static int
check_key(struct dbenv_db *db, struct span key)
{
	if (key.n == 0 || key.n > DBENV_KEY_MAX)
		return (dbenv_fail(db->env, EINVAL, "%s: key of %zu octets",
		    db->name, key.n));
	return (0);
}

/* A read failed: a deadlock or worse goes to the log of the group too. */
static int
read_failed(struct dbenv_db *db, int r)
{
	int	 e = dbenv_errno(r);

	if (e == ENOENT) {
		errno = ENOENT;
		return (-1);
	}
	dbenv_fail(db->env, e, "%s: read", db->name);
	if (e == ENOTRECOVERABLE || db->env->open)
		dbenv_break(db->env, e);
	errno = e;
	return (-1);
}

static uint32_t
read_flags(struct dbenv *env)
{
	return (dbenv_reader(env) == NULL ? 0 : DB_READ_COMMITTED);
}

/* Room for the next value in the handle, and a DBT over it. */
static int
val_room(struct dbenv_db *db, DBT *v, uint32_t want)
{
	uint8_t	*p;

	if (want < VALUE_ROOM)
		want = VALUE_ROOM;
	if (want > db->valcap) {
		if ((p = realloc(db->val, want)) == NULL)
			return (dbenv_fail(db->env, ENOMEM, "%s", db->name));
		db->val = p;
		db->valcap = want;
	}
	memset(v, 0, sizeof(*v));
	v->data = db->val;
	v->ulen = db->valcap;
	v->flags = DB_DBT_USERMEM;
	return (0);
}

int
dbenv_get(struct dbenv_db *db, struct span key, struct span *val)
{
	DBT	 k, v;
	int	 r;

	*val = span_of(NULL, 0);
	if (check_key(db, key) == -1)
		return (-1);
	/* the caller's may lie in the room for the value */
	memmove(db->key, key.p, key.n);
	key.p = db->key;
	dbt_span(&k, key);
	if (val_room(db, &v, 0) == -1)
		return (-1);
	while ((r = db->db->get(db->db, dbenv_reader(db->env), &k, &v,
	    read_flags(db->env))) == DB_BUFFER_SMALL)
		if (val_room(db, &v, v.size) == -1)
			return (-1);
	if (r != 0)
		return (read_failed(db, r));
	*val = span_of(db->val, v.size);
	return (unseal(db, key, val));
}

int
dbenv_has(struct dbenv_db *db, struct span key)
{
	DBT	 k;
	int	 r;

	if (check_key(db, key) == -1)
		return (-1);
	dbt_span(&k, key);
	r = db->db->exists(db->db, dbenv_reader(db->env), &k,
	    read_flags(db->env));
	if (r == 0)
		return (1);
	return (read_failed(db, r) == -1 && errno == ENOENT ? 0 : -1);
}

/* One step of a cursor into the handle's room. */
static int
step(struct dbenv_db *db, DBC *c, struct span key, DBT *k, DBT *v,
    uint32_t how)
{
	int	 r;

	do {
		memset(k, 0, sizeof(*k));
		k->data = db->key;
		k->ulen = sizeof(db->key);
		k->size = (uint32_t)key.n;
		k->flags = DB_DBT_USERMEM;
		if (key.n != 0)
			memmove(db->key, key.p, key.n);
		if (val_room(db, v, v->size) == -1)
			return (ENOMEM);
	} while ((r = c->get(c, k, v, how)) == DB_BUFFER_SMALL);
	return (r);
}

/* Position a cursor for one record, take it, and close the cursor. */
static int
seek(struct dbenv_db *db, struct span key, int before, struct span *found,
    struct span *val)
{
	struct span	 none = { NULL, 0 };
	DBT		 k, v;
	DBC		*c;
	int		 r, r2;

	*found = *val = none;
	if (key.n > DBENV_KEY_MAX)
		return (check_key(db, key));
	if ((r = db->db->cursor(db->db, dbenv_reader(db->env), &c,
	    read_flags(db->env))) != 0)
		return (read_failed(db, r));
	memset(&v, 0, sizeof(v));
	if (!before)
		r = step(db, c, key, &k, &v, key.n == 0 ? DB_FIRST :
		    DB_SET_RANGE);
	else if (key.n == 0 ||
	    (r = step(db, c, key, &k, &v, DB_SET_RANGE)) == DB_NOTFOUND)
		r = step(db, c, none, &k, &v, DB_LAST);
	else if (r == 0)
		r = step(db, c, none, &k, &v, DB_PREV);
	if ((r2 = c->close(c)) != 0 && r == 0)
		r = r2;
	if (r != 0)
		return (read_failed(db, r));
	*found = span_of(db->key, k.size);
	*val = span_of(db->val, v.size);
	return (unseal(db, *found, val));
}

int
dbenv_next(struct dbenv_db *db, struct span key, struct span *found,
    struct span *val)
{
	return (seek(db, key, 0, found, val));
}

int
dbenv_prev(struct dbenv_db *db, struct span key, struct span *found,
    struct span *val)
{
	return (seek(db, key, 1, found, val));
}

static int
begins(struct span key, struct span prefix)
{
	return (key.n >= prefix.n &&
	    (prefix.n == 0 || memcmp(key.p, prefix.p, prefix.n) == 0));
}

int
dbenv_last(struct dbenv_db *db, struct span prefix, struct span *found,
    struct span *val)
{
	uint8_t	 after[DBENV_KEY_MAX], copy[DBENV_KEY_MAX];
	size_t	 n = prefix.n;
	int	 r;

	*found = *val = span_of(NULL, 0);
	if (n > sizeof(after))
		return (check_key(db, prefix));
	/* the first key behind all that begin so */
	if (n != 0) {
		memcpy(after, prefix.p, n);
		memcpy(copy, prefix.p, n);
		prefix.p = copy;
	}
	while (n != 0 && after[n - 1] == 0xff)
		n--;
	if (n != 0)
		after[n - 1]++;
	r = seek(db, span_of(after, n), 1, found, val);
	if (r == -1 && errno != EILSEQ)
		return (-1);
	if (!begins(*found, prefix)) {
		*found = *val = span_of(NULL, 0);
		errno = ENOENT;
		return (-1);
	}
	return (r);
}

static int
write_failed(struct dbenv_db *db, int r, const char *what)
{
	int	 e = dbenv_errno(r);

	if (e == ENOENT || e == EEXIST) {
		errno = e;
		return (-1);
	}
	dbenv_fail(db->env, e, "%s: %s", db->name, what);
	dbenv_break(db->env, e);
	errno = e;
	return (-1);
}

/* What may not be put, and the sealed value of what may. */
static int
check_put(struct dbenv_db *db, struct span key, struct span val)
{
	struct dbenv	*env = db->env;

	if (check_key(db, key) == -1)
		return (-1);
	if (val.n > DBENV_VALUE_MAX)
		return (dbenv_fail(env, EINVAL, "%s: value of %zu octets",
		    db->name, val.n));
	buf_reset(&env->scratch);
	if (dbenv_seal(&env->scratch, key, val) == -1)
		return (dbenv_fail(env, ENOMEM, "%s", db->name));
	return (0);
}

static int
put(struct dbenv_db *db, struct span key, struct span val, uint32_t flags)
{
	struct dbenv	*env = db->env;
	DB_TXN		*txn;
	DBT		 k, v;
	int		 r;

	if (check_put(db, key, val) == -1 || dbenv_writer(env, &txn) == -1)
		return (-1);
	dbt_span(&k, key);
	dbt_span(&v, span_buf(&env->scratch));
	if ((r = db->db->put(db->db, txn, &k, &v, flags)) != 0)
		return (write_failed(db, r, "put"));
	return (0);
}

int
dbenv_put(struct dbenv_db *db, struct span key, struct span val)
{
	return (put(db, key, val, 0));
}

/*
 * With one cursor, that looks for the next key where it was last.  To be as it
 * was after a put that failed, it would be copied before each, a tenth of all
 * of the work; so it is told that nobody will use it then, as DB->put() tells
 * its own.
 */
static int
put_all(struct dbenv_db *db, DBC *c, const struct dbenv_record *rec, size_t n)
{
	struct buf	*b = &db->env->scratch;
	DBT		 k, v;
	int		 r;

	c->flags |= DBC_TRANSIENT;
	for (; n > 0; n--, rec++) {
		if (check_put(db, rec->key, rec->val) == -1)
			return (-1);
		dbt_span(&k, rec->key);
		dbt_span(&v, span_buf(b));
		if ((r = c->put(c, &k, &v, DB_KEYLAST)) != 0)
			return (write_failed(db, r, "put of many"));
	}
	return (0);
}

int
dbenv_put_many(struct dbenv_db *db, const struct dbenv_record *rec, size_t n)
{
	DB_TXN	*txn;
	DBC	*c;
	int	 r, rc;

	if (n == 0)
		return (0);
	if (dbenv_writer(db->env, &txn) == -1)
		return (-1);
	if ((r = db->db->cursor(db->db, txn, &c, DB_CURSOR_BULK)) != 0)
		return (write_failed(db, r, "cursor"));
	rc = put_all(db, c, rec, n);
	if ((r = c->close(c)) != 0 && rc == 0)
		rc = write_failed(db, r, "put of many");
	return (rc);
}

int
dbenv_add(struct dbenv_db *db, struct span key, struct span val)
{
	return (put(db, key, val, DB_NOOVERWRITE));
}

int
dbenv_del(struct dbenv_db *db, struct span key)
{
	DB_TXN	*txn;
	DBT	 k;
	int	 r;

	if (check_key(db, key) == -1 || dbenv_writer(db->env, &txn) == -1)
		return (-1);
	dbt_span(&k, key);
	if ((r = db->db->del(db->db, txn, &k, 0)) != 0)
		return (write_failed(db, r, "del"));
	return (0);
}

void
dbenv_iter_init(struct dbenv_iter *it, struct dbenv_db *db, struct span from,
    struct span prefix)
{
	memset(it, 0, sizeof(*it));
	it->db = db;
	buf_add_span(&it->prefix, prefix);
	/* from lies before the prefix: begin at the prefix */
	if (from.n == 0 || (!begins(from, prefix) && prefix.n != 0 &&
	    memcmp(from.p, prefix.p, from.n < prefix.n ? from.n :
	    prefix.n) <= 0))
		from = prefix;
	buf_add_span(&it->from, from);
	it->failed = buf_failed(&it->prefix) || buf_failed(&it->from) ?
	    ENOMEM : 0;
}

void
dbenv_iter_free(struct dbenv_iter *it)
{
	free(it->piece);
	it->piece = NULL;
	it->at = NULL;
	it->ended = 1;
	buf_free(&it->from);
	buf_free(&it->prefix);
}

/* Room for a piece: more the second time, and what one large record needs. */
static int
piece_room(struct dbenv_iter *it, uint32_t need)
{
	uint32_t	 size = it->size == 0 ? PIECE_FIRST : PIECE_NEXT;
	uint8_t		*p;

	if (need > size)
		size = (need + 1023) / 1024 * 1024 + 1024;
	if (size <= it->size)
		return (0);
	if ((p = malloc(size)) == NULL)
		return (dbenv_fail(it->db->env, ENOMEM, "%s", it->db->name));
	free(it->piece);
	it->piece = p;
	it->size = size;
	return (0);
}

/* Read the next piece with a cursor of its own.  1, 0 at the end, -1. */
static int
next_piece(struct dbenv_iter *it)
{
	struct dbenv_db	*db = it->db;
	DBC		*c;
	DBT		 k, v;
	int		 r, r2;

	it->at = NULL;
	if (it->from.n > DBENV_KEY_MAX + 1)
		return (check_key(db, span_buf(&it->from)));
	if (piece_room(it, 0) == -1)
		return (-1);
	if ((r = db->db->cursor(db->db, dbenv_reader(db->env), &c,
	    read_flags(db->env))) != 0)
		return (read_failed(db, r));
	for (;;) {
		dbt_span(&k, span_buf(&it->from));
		memset(&v, 0, sizeof(v));
		v.data = it->piece;
		v.ulen = it->size;
		v.flags = DB_DBT_USERMEM;
		r = c->get(c, &k, &v, DB_MULTIPLE_KEY |
		    (it->from.n == 0 ? DB_FIRST : DB_SET_RANGE));
		if (r != DB_BUFFER_SMALL)
			break;
		if (piece_room(it, v.size > it->size ? v.size :
		    it->size * 2) == -1) {
			r = ENOMEM;
			break;
		}
	}
	if ((r2 = c->close(c)) != 0 && r == 0)
		r = r2;
	if (r == DB_NOTFOUND)
		return (0);
	if (r != 0)
		return (read_failed(db, r));
	DB_MULTIPLE_INIT(it->at, &v);
	return (1);
}

int
dbenv_iter_next(struct dbenv_iter *it, struct span *key, struct span *val)
{
	void		*kp = NULL, *vp = NULL;
	uint32_t	 kn = 0, vn = 0;
	DBT		 v;
	int		 r;

	*key = *val = span_of(NULL, 0);
	if (it->failed != 0)
		return (dbenv_fail(it->db->env, it->failed, "iterator"));
	while (!it->ended) {
		if (it->at == NULL && (r = next_piece(it)) != 1) {
			it->ended = 1;
			return (r);
		}
		v.data = it->piece;
		DB_MULTIPLE_KEY_NEXT(it->at, &v, kp, kn, vp, vn);
		if (it->at != NULL)
			break;
		/* the next piece begins with the first key behind the last */
		buf_reset(&it->from);
		buf_add_span(&it->from, it->last);
		if (buf_addc(&it->from, 0) == -1) {
			it->failed = ENOMEM;
			return (dbenv_fail(it->db->env, ENOMEM, "iterator"));
		}
	}
	if (it->ended)
		return (0);
	*key = span_of(kp, kn);
	if (!begins(*key, span_buf(&it->prefix))) {
		*key = span_of(NULL, 0);
		it->ended = 1;
		return (0);
	}
	*val = span_of(vp, vn);
	it->last = *key;
	return (unseal(it->db, *key, val) == 0 ? 1 : -1);
}
