/*
 * The credentials database: records and their tables.  See auth_userdb.h.
 */
#include <errno.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "authd/auth_address.h"
#include "authd/auth_tlskey.h"
#include "authd/auth_userdb.h"
#include "log.h"

struct rec_account {
	struct span	 name, disabled;
	uint32_t	 partition;
	uint64_t	 created, serial, user;
};

struct rec_address {
	uint64_t	 account, created;
};

struct rec_number {
	uint64_t	 number;
};

static const struct field f_account[] = {
	F_STR(rec_account, name, ACCOUNT_NAME),
	F_STR(rec_account, disabled, ACCOUNT_TEXT),
	F_U32(rec_account, partition), F_U64(rec_account, created),
	F_U64(rec_account, serial), F_U64(rec_account, user),
};
static const struct codec c_rec_account = CODEC(rec_account, f_account);

static const struct field f_address[] = {
	F_U64(rec_address, account), F_U64(rec_address, created),
};
static const struct codec c_rec_address = CODEC(rec_address, f_address);

static const struct field f_number[] = { F_U64(rec_number, number) };
static const struct codec c_rec_number = CODEC(rec_number, f_number);

static const struct {
	const char	*name;
	size_t		 off;
} databases[] = {
	{ "account",	offsetof(struct userdb, account) },
	{ "name",	offsetof(struct userdb, name) },
	{ "user",	offsetof(struct userdb, user) },
	{ "address",	offsetof(struct userdb, address) },
	{ "owner",	offsetof(struct userdb, owner) },
	{ "verifier",	offsetof(struct userdb, verifier) },
	{ "route",	offsetof(struct userdb, route) },
	{ "limits",	offsetof(struct userdb, limits) },
	{ "gone",	offsetof(struct userdb, gone) },
	{ "login",	offsetof(struct userdb, login) },
	{ "logins",	offsetof(struct userdb, logins) },
	{ "secrets",	offsetof(struct userdb, secrets) },
	{ "floors",	offsetof(struct userdb, floors) },
	{ "meta",	offsetof(struct userdb, meta) },
	{ "tlskey",	offsetof(struct userdb, tlskey) },
	{ "tlsowner",	offsetof(struct userdb, tlsowner) },
	{ "tlscert",	offsetof(struct userdb, tlscert) },
};

static int	 put_number(struct dbenv_db *, struct span, uint64_t);
static int	 load_secret(struct userdb *);
static int	 load_counts(struct userdb *);
static int	 upgrade(struct dbenv *, uint32_t, void *);
static int	 del_if(struct dbenv_db *, struct span);
static void	 to_account(uint64_t, const struct rec_account *,
		    struct account *);

struct span
key64(uint8_t k[8], uint64_t v)
{
	int	 i;

	for (i = 7; i >= 0; i--, v >>= 8)
		k[i] = (uint8_t)v;
	return (span_of(k, 8));
}

uint64_t
unkey64(struct span s)
{
	uint64_t	 v = 0;

	(void)span_get_u64(&s, &v);
	return (v);
}

/* A record that does not decode is as bad as one with a wrong checksum. */
int
userdb_read(struct dbenv_db *db, struct span key, const struct codec *c,
    void *v)
{
	struct span	 val;

	if (dbenv_get(db, key, &val) == -1) {
		if (errno != ENOENT)
			log_error("database %s: %s", dbenv_db_name(db),
			    dbenv_error(dbenv_db_env(db)));
		return (-1);
	}
	if (codec_get(&val, c, v) == -1 || val.n != 0) {
		log_error("database %s: a record does not decode",
		    dbenv_db_name(db));
		errno = EILSEQ;
		return (-1);
	}
	return (0);
}

int
userdb_write(struct dbenv_db *db, struct span key, const struct codec *c,
    const void *v)
{
	struct buf	 b = { 0 };
	int		 rc, e;

	if (codec_put(&b, c, v) == -1) {
		buf_freezero(&b);
		errno = EINVAL;
		return (-1);
	}
	rc = dbenv_put(db, key, span_buf(&b));
	e = errno;
	buf_freezero(&b);
	errno = e;
	return (rc);
}

static int
put_number(struct dbenv_db *db, struct span key, uint64_t n)
{
	struct rec_number	 r = { n };

	return (userdb_write(db, key, &c_rec_number, &r));
}

/* ---- opening ------------------------------------------------------------- */

static int
load_secret(struct userdb *u)
{
	struct span	 val;

	if (dbenv_get(u->meta, span_str("salt"), &val) == 0) {
		if (val.n == sizeof(u->secret)) {
			memcpy(u->secret, val.p, val.n);
			return (0);
		}
		errno = EILSEQ;
		return (-1);
	}
	if (errno != ENOENT || RAND_bytes(u->secret, sizeof(u->secret)) != 1 ||
	    dbenv_put(u->meta, span_str("salt"),
	    span_of(u->secret, sizeof(u->secret))) == -1)
		return (-1);
	return (dbenv_turn_end(u->env));
}

static int
load_counts(struct userdb *u)
{
	struct rec_account	 r;
	struct dbenv_iter	 it;
	struct span		 none = { 0 }, k, v;
	int			 rc;

	memset(u->load, 0, sizeof(u->load));
	dbenv_iter_init(&it, u->account, none, none);
	while ((rc = dbenv_iter_next(&it, &k, &v)) == 1)
		if (codec_get(&v, &c_rec_account, &r) == 0 &&
		    r.partition < PARTITIONS_MAX)
			u->load[r.partition]++;
	dbenv_iter_free(&it);
	return (rc);
}

/* 2: keys of clients, in databases of their own. */
static int
upgrade(struct dbenv *env, uint32_t from, void *arg)
{
	(void)env;
	(void)arg;
	if (from == 1)
		return (0);
	errno = EPROTO;
	return (-1);
}

int
userdb_open(struct userdb *u, const struct dbenv_conf *dc, struct buf *why)
{
	struct dbenv_db	*db, **at;
	size_t		 i;

	memset(u, 0, sizeof(*u));
	if (dbenv_open(dc, &u->env, why) == -1)
		return (-1);
	for (i = 0; i < nitems(databases); i++) {
		if ((db = dbenv_db(u->env, databases[i].name, 0)) == NULL)
			goto err;
		at = (void *)((uint8_t *)u + databases[i].off);
		*at = db;
	}
	if (dbenv_schema(u->env, USERDB_SCHEMA, upgrade, NULL) == 0 &&
	    load_secret(u) == 0 && load_counts(u) == 0 &&
	    userdb_load_verifiers(u) == 0 &&
	    (!dbenv_is_salvaged(u->env) || dbenv_salvaged_done(u->env) == 0))
		return (0);
err:
	buf_adds(why, dbenv_error(u->env));
	userdb_close(u);
	return (-1);
}

void
userdb_recount(struct userdb *u)
{
	if (load_counts(u) == -1 || userdb_load_verifiers(u) == -1)
		log_warn("accounts: %s", dbenv_error(u->env));
}

void
userdb_close(struct userdb *u)
{
	dbenv_close(u->env);
	free(u->known);
	explicit_bzero(u, sizeof(*u));
}

/* ---- accounts ------------------------------------------------------------ */

static void
to_account(uint64_t id, const struct rec_account *r, struct account *a)
{
	memset(a, 0, sizeof(*a));
	a->id = id;
	a->partition = r->partition;
	a->created = r->created;
	a->serial = r->serial;
	a->user = r->user;
	memcpy(a->name, r->name.p, r->name.n);
	if (r->disabled.n > 0)
		memcpy(a->disabled, r->disabled.p, r->disabled.n);
}

int
userdb_get(struct userdb *u, uint64_t id, struct account *a)
{
	struct rec_account	 r;
	uint8_t			 k[8];

	if (userdb_read(u->account, key64(k, id), &c_rec_account, &r) == -1)
		return (-1);
	to_account(id, &r, a);
	return (0);
}

int
userdb_by_name(struct userdb *u, struct span name, struct account *a)
{
	struct rec_number	 r;
	struct buf		 b = { .max = ACCOUNT_NAME };
	int			 rc = -1;

	if (userdb_name(name, &b) == -1)
		errno = ENOENT;
	else if (userdb_read(u->name, span_buf(&b), &c_rec_number, &r) == 0)
		rc = userdb_get(u, r.number, a);
	buf_free(&b);
	return (rc);
}

int
userdb_by_user(struct userdb *u, uid_t uid, struct account *a)
{
	struct rec_number	 r;
	uint8_t			 k[8];

	if (userdb_read(u->user, key64(k, uid), &c_rec_number, &r) == -1)
		return (-1);
	return (userdb_get(u, r.number, a));
}

int
userdb_next(struct userdb *u, uint64_t id, struct account *a)
{
	struct rec_account	 r;
	struct span		 found, val;
	uint8_t			 k[8];

	if (dbenv_next(u->account, key64(k, id), &found, &val) == -1)
		return (-1);
	if (codec_get(&val, &c_rec_account, &r) == -1) {
		errno = EILSEQ;
		return (-1);
	}
	to_account(unkey64(found), &r, a);
	return (0);
}

/*
 * A name is a word of letters, digits and a few marks; it is no address, and
 * never part of a path.
 */
int
userdb_name(struct span s, struct buf *out)
{
	size_t	 i;

	if (s.n == 0 || s.n > ACCOUNT_NAME || s.p[0] == '-' || s.p[0] == '.')
		return (-1);
	for (i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] == 0x7f ||
		    (s.p[i] < 0x80 && strchr("@/\\\"'`<>(),;:[]{}|&*?$!",
		    s.p[i]) != NULL))
			return (-1);
	out->max = ACCOUNT_NAME;
	return (canon_text(s, 1, out));
}

uint32_t
userdb_partition(const struct userdb *u, uint32_t n)
{
	uint32_t	 i, best = 0;

	for (i = 1; i < n && i < PARTITIONS_MAX; i++)
		if (u->load[i] < u->load[best])
			best = i;
	return (best);
}

int
userdb_put(struct userdb *u, const struct account *a)
{
	struct rec_account	 r = { .partition = a->partition,
				    .created = a->created,
				    .serial = a->serial, .user = a->user };
	uint8_t			 k[8];

	r.name = span_str(a->name);
	r.disabled = span_str(a->disabled);
	return (userdb_write(u->account, key64(k, a->id), &c_rec_account, &r));
}

/* The next number of all that are numbered here. */
static int
next_number(struct userdb *u, uint64_t *n)
{
	struct rec_number	 r = { 0 };

	if (userdb_read(u->meta, span_str("next"), &c_rec_number, &r) == -1 &&
	    errno != ENOENT)
		return (-1);
	*n = r.number + 1;
	return (put_number(u->meta, span_str("next"), *n));
}

int
userdb_add(struct userdb *u, struct account *a)
{
	struct buf	 name = { 0 };
	int		 rc = -1;

	if (userdb_name(span_str(a->name), &name) == -1) {
		errno = EINVAL;
	} else if (dbenv_has(u->name, span_buf(&name)) == 1) {
		errno = EEXIST;
	} else if (next_number(u, &a->id) == 0) {
		memcpy(a->name, name.p, name.n);
		a->name[name.n] = '\0';
		a->created = (uint64_t)time(NULL);
		a->serial = 1;
		rc = put_number(u->name, span_buf(&name), a->id);
		if (rc == 0)
			rc = userdb_put(u, a);
		if (rc == 0 && a->partition < PARTITIONS_MAX)
			u->load[a->partition]++;
	}
	buf_free(&name);
	return (rc);
}

static int
del_if(struct dbenv_db *db, struct span key)
{
	return (dbenv_del(db, key) == -1 && errno != ENOENT ? -1 : 0);
}

/* Every record whose key begins so. */
int
userdb_del_all(struct dbenv_db *db, struct span prefix)
{
	struct span	 found, val;
	struct buf	 key = { 0 };
	int		 rc;

	while ((rc = dbenv_next(db, prefix, &found, &val)) == 0) {
		if (found.n < prefix.n ||
		    memcmp(found.p, prefix.p, prefix.n) != 0)
			break;
		buf_reset(&key);
		buf_add_span(&key, found);
		if ((rc = dbenv_del(db, span_buf(&key))) == -1)
			break;
	}
	buf_free(&key);
	return (rc == -1 && errno != ENOENT ? -1 : 0);
}

int
userdb_remove(struct userdb *u, const struct account *a)
{
	struct buf	 list = { 0 };
	struct span	 s, one;
	uint8_t		 k[8], ku[8];
	int		 rc;

	rc = userdb_addresses(u, a->id, 0, &list);
	for (s = span_buf(&list); rc == 0 && s.n > 0;) {
		(void)span_split(&s, '\0', &one);
		rc = del_if(u->address, one);
	}
	buf_free(&list);
	key64(k, a->id);
	if (rc == 0)
		rc = userdb_del_all(u->owner, span_of(k, 8));
	if (rc == 0)
		rc = userdb_del_verifiers(u, a->id);
	if (rc == 0)
		rc = del_if(u->route, span_of(k, 8));
	if (rc == 0)
		rc = del_if(u->limits, span_of(k, 8));
	if (rc == 0)
		rc = tlskey_del_all(u, a->id);
	if (rc == 0 && a->user != 0)
		rc = del_if(u->user, key64(ku, a->user - 1));
	if (rc == 0)
		rc = dbenv_del(u->name, span_str(a->name));
	if (rc == 0)
		rc = dbenv_del(u->account, span_of(k, 8));
	if (rc == 0)
		rc = userdb_gone_add(u, a->id, a->partition);
	if (rc == 0 && a->partition < PARTITIONS_MAX &&
	    u->load[a->partition] > 0)
		u->load[a->partition]--;
	return (rc);
}

int
userdb_move(struct userdb *u, struct account *a, uint32_t partition)
{
	uint32_t	 was = a->partition;

	a->partition = partition;
	if (userdb_put(u, a) == -1)
		return (-1);
	if (was < PARTITIONS_MAX && u->load[was] > 0)
		u->load[was]--;
	if (partition < PARTITIONS_MAX)
		u->load[partition]++;
	return (0);
}

static struct span
gone_key(uint8_t k[12], uint64_t id, uint32_t partition)
{
	int	 i;

	(void)key64(k, id);
	for (i = 11; i >= 8; i--, partition >>= 8)
		k[i] = (uint8_t)partition;
	return (span_of(k, 12));
}

int
userdb_gone_add(struct userdb *u, uint64_t id, uint32_t partition)
{
	uint8_t	 k[12];

	return (put_number(u->gone, gone_key(k, id, partition), partition));
}

int
userdb_gone_has(struct userdb *u, uint64_t id)
{
	uint64_t	 found = id;
	uint32_t	 partition = 0;

	return (userdb_gone_next(u, &found, &partition) == 0 && found == id);
}

int
userdb_gone_next(struct userdb *u, uint64_t *id, uint32_t *partition)
{
	struct rec_number	 r;
	struct span		 found, val;
	uint8_t			 k[12];

	(void)gone_key(k, *id, *partition);
	/* the id alone is before all of them, and what the key once was */
	if (dbenv_next(u->gone, span_of(k, *partition == 0 ? 8 : 12), &found,
	    &val) == -1)
		return (-1);
	if (codec_get(&val, &c_rec_number, &r) == -1) {
		errno = EILSEQ;
		return (-1);
	}
	*id = unkey64(found);
	*partition = (uint32_t)r.number;
	return (0);
}

int
userdb_gone_done(struct userdb *u, uint64_t id, uint32_t partition)
{
	struct rec_number	 r;
	uint8_t			 k[12];

	if (userdb_read(u->gone, key64(k, id), &c_rec_number, &r) == 0 &&
	    r.number == partition && del_if(u->gone, key64(k, id)) == -1)
		return (-1);
	return (del_if(u->gone, gone_key(k, id, partition)));
}

/* ---- what belongs to an account ------------------------------------------- */

int
userdb_set_user(struct userdb *u, struct account *a, uint64_t user)
{
	uint8_t	 k[8];

	if (user != 0 && dbenv_has(u->user, key64(k, user - 1)) == 1 &&
	    user != a->user) {
		errno = EEXIST;
		return (-1);
	}
	if (a->user != 0 && del_if(u->user, key64(k, a->user - 1)) == -1)
		return (-1);
	if (user != 0 && put_number(u->user, key64(k, user - 1), a->id) == -1)
		return (-1);
	a->user = user;
	return (userdb_put(u, a));
}

int
userdb_routes(struct userdb *u, uint64_t id, struct buf *out)
{
	struct span	 val;
	uint8_t		 k[8];

	if (dbenv_get(u->route, key64(k, id), &val) == -1)
		return (errno == ENOENT ? 0 : -1);
	return (buf_add_span(out, val));
}

int
userdb_set_routes(struct userdb *u, uint64_t id, struct span lines)
{
	uint8_t	 k[8];

	if (lines.n == 0)
		return (del_if(u->route, key64(k, id)));
	return (dbenv_put(u->route, key64(k, id), lines));
}

/* ---- addresses ------------------------------------------------------------ */

int
userdb_address(struct userdb *u, struct span canonical, uint64_t *id)
{
	struct rec_address	 r;

	if (canonical.n == 0 || canonical.n > DBENV_KEY_MAX) {
		errno = ENOENT;
		return (-1);
	}
	if (userdb_read(u->address, canonical, &c_rec_address, &r) == -1)
		return (-1);
	*id = r.account;
	return (0);
}

static int
owner_key(struct buf *b, uint64_t id, struct span address)
{
	buf_put_u64(b, id);
	return (buf_add_span(b, address));
}

int
userdb_add_address(struct userdb *u, uint64_t id, struct span canonical)
{
	struct rec_address	 r = { id, (uint64_t)time(NULL) };
	struct buf		 k = { 0 };
	uint64_t		 n;
	int			 rc = -1;

	if (dbenv_has(u->address, canonical) != 0) {
		errno = EEXIST;
		return (-1);
	}
	if (owner_key(&k, id, canonical) == 0 && next_number(u, &n) == 0 &&
	    userdb_write(u->address, canonical, &c_rec_address, &r) == 0)
		rc = put_number(u->owner, span_buf(&k), n);
	buf_free(&k);
	return (rc);
}

int
userdb_del_address(struct userdb *u, uint64_t id, struct span canonical)
{
	struct buf	 k = { 0 };
	uint64_t	 whose;
	int		 rc = -1;

	if (userdb_address(u, canonical, &whose) == -1)
		return (-1);
	if (whose != id) {
		errno = ENOENT;
		return (-1);
	}
	if (owner_key(&k, id, canonical) == 0 &&
	    dbenv_del(u->owner, span_buf(&k)) == 0)
		rc = dbenv_del(u->address, canonical);
	buf_free(&k);
	return (rc);
}

struct owned {
	uint64_t	 order;
	size_t		 off, n;	/* of the address, in the buffer */
};

static int
by_order(const void *a, const void *b)
{
	const struct owned	*x = a, *y = b;

	return (x->order < y->order ? -1 : x->order > y->order);
}

int
userdb_addresses(struct userdb *u, uint64_t id, size_t max, struct buf *out)
{
	struct dbenv_iter	 it;
	struct rec_number	 r;
	struct owned		*v = NULL, *w;
	struct buf		 all = { 0 };
	struct span		 none = { 0 }, key, val;
	uint8_t			 k[8];
	size_t			 n = 0, i;
	int			 rc, more = 0;

	dbenv_iter_init(&it, u->owner, none, key64(k, id));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1) {
		if ((w = reallocarray(v, n + 1, sizeof(*v))) == NULL ||
		    key.n < 8 || codec_get(&val, &c_rec_number, &r) == -1) {
			v = w == NULL ? v : w;
			rc = -1;
			break;
		}
		v = w;
		v[n].order = r.number;
		v[n].off = all.n;
		v[n++].n = key.n - 8;
		buf_add(&all, key.p + 8, key.n - 8);
	}
	dbenv_iter_free(&it);
	if (n > 0)
		qsort(v, n, sizeof(*v), by_order);
	for (i = 0; rc == 0 && i < n && !more; i++) {
		if (max != 0 && out->n + v[i].n + 1 > max) {
			more = 1;
			break;
		}
		buf_add(out, all.p + v[i].off, v[i].n);
		buf_addc(out, '\0');
	}
	free(v);
	if (buf_failed(&all) || buf_failed(out))
		rc = -1;
	buf_free(&all);
	return (rc == -1 ? -1 : more);
}

int
userdb_first_address(struct userdb *u, uint64_t id, struct buf *out)
{
	struct buf	 all = { 0 };
	struct span	 s, one;
	int		 rc;

	if ((rc = userdb_addresses(u, id, 0, &all)) == 0)
		for (rc = -1, errno = ENOENT, s = span_buf(&all);
		    rc == -1 && s.n > 0;) {
			(void)span_split(&s, '\0', &one);
			if (one.n > 0 && one.p[0] != '@')
				rc = buf_add_span(out, one);
		}
	buf_free(&all);
	return (rc);
}
