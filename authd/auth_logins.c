/*
 * The log of logins: one row for all that are alike, with when it was first,
 * when last, and how often.  Kept for 30 days and for so many rows an account;
 * what comes beyond is one row that says only the result.  Nobody waits for it
 * to be on disk: it is written a moment later, what is alike at once, and a full
 * disk loses rows, not logins.
 */
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "authd/auth.h"
#include "log.h"
#include "page.h"

#define ROWS_MAX	10000	/* of one account; of all unknown ones too */
#define KEEP		(30 * 86400)
#define PENDING_MAX	64	/* rows to be written soon */
#define LATE_US		100000	/* how soon */
#define PRUNE_AT_ONCE	2000	/* rows looked at in a go */
#define FIELD		256	/* octets of one */

struct rec_login {
	uint64_t	 first, last, count;
	struct span	 name, address, remote, protocol, mech, tls, result;
	struct span	 local, key, agent;
};

static const struct field f_login[] = {
	F_U64(rec_login, first), F_U64(rec_login, last),
	F_U64(rec_login, count), F_STR(rec_login, name, FIELD),
	F_STR(rec_login, address, FIELD), F_STR(rec_login, remote, FIELD),
	F_STR(rec_login, protocol, FIELD), F_STR(rec_login, mech, FIELD),
	F_STR(rec_login, tls, FIELD), F_STR(rec_login, result, FIELD),
	F_STR(rec_login, local, FIELD), F_STR(rec_login, key, FIELD),
	F_STR(rec_login, agent, FIELD),
};
static const struct codec c_rec_login = CODEC(rec_login, f_login);
/* As it was before our address and the key were noted, and then the agent. */
static const struct codec c_rec_login_1 = { f_login,
    nitems(f_login) - 3, sizeof(struct rec_login) };
static const struct codec c_rec_login_2 = { f_login,
    nitems(f_login) - 1, sizeof(struct rec_login) };

struct rec_rows {
	uint64_t	 n;
};
static const struct field f_rows[] = { F_U64(rec_rows, n) };
static const struct codec c_rec_rows = CODEC(rec_rows, f_rows);

/* What is to be written within LATE_US, alike ones in one: a client that comes
 * a thousand times a second makes ten writes of it. */
static struct {
	struct buf	 key, val;
} pending[PENDING_MAX];
static size_t		 npending;
static struct event	 late;

static struct buf	 prune_from;

static int	 get_row(struct span, struct rec_login *);
static int	 wanted(const struct login_filter *, const struct rec_login *);
static int	 row_key(uint64_t, const struct rec_login *, struct buf *);
static uint64_t	 rows_of(uint64_t);
static void	 set_rows(uint64_t, uint64_t);
static void	 fold(struct rec_login *);
static struct span	 cut(struct span);
static void	 write_row(uint64_t, struct buf *, struct rec_login *);
static void	 on_late(evutil_socket_t, short, void *);
static void	 put_off(struct buf *, struct rec_login *);

static struct span
cut(struct span s)
{
	return (span_of(s.p, s.n < FIELD ? s.n : FIELD));
}

static int
get_row(struct span val, struct rec_login *r)
{
	struct span	 s = val;

	if (codec_get(&s, &c_rec_login, r) == 0)
		return (0);
	memset(r, 0, sizeof(*r));
	s = val;
	if (codec_get(&s, &c_rec_login_2, r) == 0)
		return (0);
	memset(r, 0, sizeof(*r));
	return (codec_get(&val, &c_rec_login_1, r));
}

/* Account and a digest of what describes it. */
static int
row_key(uint64_t account, const struct rec_login *r, struct buf *key)
{
	struct buf	 b = { 0 };
	uint8_t		 sum[EVP_MAX_MD_SIZE];
	unsigned	 n = 0;

	buf_put_str(&b, r->address);
	buf_put_str(&b, r->remote);
	buf_put_str(&b, r->protocol);
	buf_put_str(&b, r->mech);
	buf_put_str(&b, r->tls);
	buf_put_str(&b, r->result);
	buf_put_str(&b, r->local);
	buf_put_str(&b, r->key);
	buf_put_str(&b, r->agent);
	buf_put_u64(key, account);
	if (!buf_failed(&b) && EVP_Digest(b.p, b.n, sum, &n, EVP_sha256(),
	    NULL) == 1)
		buf_add(key, sum, 16);
	buf_free(&b);
	return (n == 0 || buf_failed(key) ? -1 : 0);
}

static uint64_t
rows_of(uint64_t account)
{
	struct rec_rows	 r = { 0 };
	struct span	 val;
	uint8_t		 k[8];

	if (dbenv_get(auth.db.logins, key64(k, account), &val) == 0)
		(void)codec_get(&val, &c_rec_rows, &r);
	return (r.n);
}

static void
set_rows(uint64_t account, uint64_t n)
{
	struct rec_rows	 r = { n };
	struct buf	 b = { 0 };
	uint8_t		 k[8];

	if (codec_put(&b, &c_rec_rows, &r) == 0)
		(void)dbenv_put(auth.db.logins, key64(k, account),
		    span_buf(&b));
	buf_free(&b);
}

/* One row for all the rest. */
static void
fold(struct rec_login *r)
{
	r->address = r->remote = r->tls = r->local = r->key = r->agent =
	    span_str("(others)");
}

/* A row with what is on disk of it already. */
static void
write_row(uint64_t account, struct buf *key, struct rec_login *r)
{
	struct rec_login	 old;
	struct buf		 val = { 0 };
	struct span		 v;
	uint64_t		 rows;

	if (!dbenv_writable(auth.db.env) || dbenv_begin(auth.db.env) == -1)
		return;
	if (dbenv_has(auth.db.login, span_buf(key)) == 0 &&
	    (rows = rows_of(account)) < ROWS_MAX)
		set_rows(account, rows + 1);
	else if (dbenv_has(auth.db.login, span_buf(key)) == 0) {
		fold(r);
		buf_reset(key);
		(void)row_key(account, r, key);
	}
	if (dbenv_get(auth.db.login, span_buf(key), &v) == 0 &&
	    get_row(v, &old) == 0) {
		r->first = old.first;
		r->count += old.count;
	}
	if (codec_put(&val, &c_rec_login, r) == 0)
		(void)dbenv_put(auth.db.login, span_buf(key), span_buf(&val));
	(void)dbenv_commit(auth.db.env);
	buf_free(&val);
}

void
logins_flush(void)
{
	struct rec_login	 r;
	size_t			 i;

	for (i = 0; i < npending; i++) {
		if (get_row(span_buf(&pending[i].val), &r) == 0)
			write_row(unkey64(span_buf(&pending[i].key)),
			    &pending[i].key, &r);
		buf_free(&pending[i].key);
		buf_free(&pending[i].val);
	}
	npending = 0;
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	logins_flush();
}

void
logins_init(struct event_base *base)
{
	event_assign(&late, base, -1, 0, on_late, NULL);
}

/* Among the rows that wait to be written; key is the row's from now on. */
static void
put_off(struct buf *key, struct rec_login *r)
{
	static const struct timeval	 soon = { 0, LATE_US };
	struct rec_login		 old;
	struct buf			 val = { 0 };
	size_t				 i;

	for (i = 0; i < npending; i++)
		if (span_eq(span_buf(&pending[i].key), span_buf(key)))
			break;
	if (i < npending && get_row(span_buf(&pending[i].val), &old) == 0) {
		r->first = old.first;
		r->count += old.count;
	}
	if (codec_put(&val, &c_rec_login, r) == -1) {
		buf_free(&val);
		buf_free(key);
		return;
	}
	if (i < npending) {
		buf_free(&pending[i].val);
		buf_free(key);
	} else
		pending[npending++].key = *key;
	pending[i].val = val;
	/* Without a loop there is no later. */
	if (npending == PENDING_MAX || !event_initialized(&late) ||
	    (npending == 1 && !event_pending(&late, EV_TIMEOUT, NULL) &&
	    event_add(&late, &soon) == -1))
		logins_flush();
}

void
logins_note(const struct login *l)
{
	uint64_t		 now = (uint64_t)time(NULL);
	struct rec_login	 r = { .first = now, .last = now, .count = 1,
				    .name = span_str(l->name),
				    .address = cut(l->address) };
	struct buf		 key = { 0 };

	r.remote = span_str(l->remote);
	r.protocol = span_str(l->protocol);
	r.mech = cut(span_str(l->mech));
	r.tls = cut(span_str(l->tls));
	r.result = span_str(l->result);
	r.local = span_str(l->local);
	r.key = span_str(l->key);
	r.agent = cut(span_str(l->agent));
	if (row_key(l->account, &r, &key) == -1)
		buf_free(&key);
	else
		put_off(&key, &r);
}

void
logins_prune(void)
{
	uint64_t		 now = (uint64_t)time(NULL), n;
	struct rec_login	 r;
	struct buf		 key = { 0 };
	struct span		 found, val;
	int			 i, rc = 0;

	for (i = 0; i < PRUNE_AT_ONCE; i++) {
		rc = dbenv_next(auth.db.login, span_buf(&prune_from), &found,
		    &val);
		if (rc == -1)
			break;
		buf_reset(&key);
		buf_add_span(&key, found);
		buf_reset(&prune_from);
		buf_add_span(&prune_from, found);
		buf_addc(&prune_from, 0);
		if (get_row(val, &r) == 0 && r.last + KEEP > now)
			continue;
		if (dbenv_begin(auth.db.env) == -1)
			break;
		if (dbenv_del(auth.db.login, span_buf(&key)) == 0 &&
		    (n = rows_of(unkey64(span_buf(&key)))) > 0)
			set_rows(unkey64(span_buf(&key)), n - 1);
		(void)dbenv_commit(auth.db.env);
	}
	if (rc == -1)		/* at the end: from the start next time */
		buf_reset(&prune_from);
	buf_free(&key);
}

static int
wanted(const struct login_filter *f, const struct rec_login *r)
{
	const struct {
		struct span	 want, have;
	} v[] = {
		{ f->address, r->address }, { f->remote, r->remote },
		{ f->protocol, r->protocol }, { f->mech, r->mech },
		{ f->result, r->result },
	};
	size_t	 i;
	int	 ok = span_eqs(r->result, "ok");

	for (i = 0; i < nitems(v); i++)
		if (v[i].want.n > 0 && !span_caseeq(v[i].want, v[i].have))
			return (0);
	return (r->last >= f->since && (f->failed == 0 ||
	    ok == (f->failed == -1)));
}

int
logins_next(const struct login_filter *f, struct buf *from,
    struct json_object **row)
{
	struct rec_login	 r;
	struct json_object	*o;
	struct span		 found, val;
	uint8_t			 k[8];

	*row = NULL;
	if (from->n == 0)
		logins_flush();
	if (from->n == 0 && f->account != NULL)
		buf_add_span(from, key64(k, *f->account));
	if (dbenv_next(auth.db.login, span_buf(from), &found, &val) == -1)
		return (errno == ENOENT ? 0 : -1);
	if (f->account != NULL && unkey64(found) != *f->account)
		return (0);
	if (get_row(val, &r) == -1)
		return (-1);
	buf_reset(from);
	buf_add_span(from, found);
	buf_addc(from, 0);
	if (!wanted(f, &r))
		return (1);
	if ((o = json_object_new_object()) == NULL)
		return (-1);
	row_str(o, "account", r.name);
	row_str(o, "address", r.address);
	row_str(o, "remote", r.remote);
	row_str(o, "protocol", r.protocol);
	row_str(o, "mechanism", r.mech);
	row_str(o, "tls", r.tls);
	row_str(o, "local", r.local);
	row_str(o, "key", r.key);
	row_str(o, "agent", r.agent);
	row_str(o, "result", r.result);
	row_num(o, "first_at", r.first);
	row_num(o, "last_at", r.last);
	row_num(o, "count", r.count);
	*row = o;
	return (1);
}
