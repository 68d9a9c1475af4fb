/*
 * The queue's environment and records.  See db.h.
 */
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dblog.h"
#include "log.h"
#include "msg.h"
#include "queued/db.h"

#define NUMBERS		1000	/* message numbers taken at a time */
#define RECORD_MAX	16384	/* octets of a record */

struct queue		 q;
static struct event	 notify_ev, turn_ev;

static void	 on_log(void *, enum dbenv_level, const char *);
static void	 on_begun(void *);
static void	 on_undone(void *, uint64_t, int);
static void	 on_fatal(void *, const char *);
static void	 on_notify(evutil_socket_t, short, void *);
static void	 on_turn(evutil_socket_t, short, void *);
static int	 upgrade(struct dbenv *, uint32_t, void *);
static int	 get(struct dbenv_db *, struct span, const struct codec *,
		    void *, struct buf *);
static int	 put(struct dbenv_db *, struct span, const struct codec *,
		    const void *);

static const struct field f_msg[] = {
	F_RAW(rec_msg, id), F_U64(rec_msg, body), F_U64(rec_msg, size),
	F_U64(rec_msg, arrival), F_U64(rec_msg, account),
	F_STR(rec_msg, name, MSG_NAME_MAX), F_STR(rec_msg, from, MSG_ADDR_MAX),
	F_STR(rec_msg, envid, MSG_NAME_MAX),
	F_STR(rec_msg, session, MSG_NAME_MAX),
	F_STR(rec_msg, remote, MSG_NAME_MAX), F_U8(rec_msg, ret),
	F_U8(rec_msg, utf8), F_U8(rec_msg, bodytype),
	F_U8(rec_msg, requiretls), F_U8(rec_msg, flags),
	F_U32(rec_msg, nrcpts),
	F_U64(rec_msg, release), F_STR(rec_msg, future, Q_FUTURE_MAX),
};
const struct codec	c_rec_msg = CODEC(rec_msg, f_msg);
static const struct codec c_msg_1 = { f_msg, nitems(f_msg) - 2,
			    sizeof(struct rec_msg) };

static const struct field f_rcpt[] = {
	F_STR(rec_rcpt, address, MSG_ADDR_MAX),
	F_STR(rec_rcpt, orcpt, MSG_ADDR_MAX),
	F_STR(rec_rcpt, dest, MSG_ADDR_MAX), F_STR(rec_rcpt, name, MSG_NAME_MAX),
	F_U64(rec_rcpt, account), F_U32(rec_rcpt, partition),
	F_U32(rec_rcpt, notify), F_U8(rec_rcpt, kind), F_U8(rec_rcpt, state),
	F_U8(rec_rcpt, flags), F_U32(rec_rcpt, attempts),
	F_U32(rec_rcpt, lost), F_U64(rec_rcpt, next), F_U64(rec_rcpt, last),
	F_U64(rec_rcpt, delayed), F_STR(rec_rcpt, transport, MSG_NAME_MAX),
	F_STR(rec_rcpt, host, MSG_NAME_MAX), F_STR(rec_rcpt, enhanced, 16),
	F_STR(rec_rcpt, text, Q_TEXT_MAX), F_U32(rec_rcpt, code),
	F_STR(rec_rcpt, pin, MSG_NAME_MAX), F_U8(rec_rcpt, tls),
	F_U64(rec_rcpt, asked), F_U64(rec_rcpt, release),
};
const struct codec	c_rec_rcpt = CODEC(rec_rcpt, f_rcpt);
static const struct codec c_rcpt_1 = { f_rcpt, nitems(f_rcpt) - 4,
			    sizeof(struct rec_rcpt) };

static const struct field f_attempt[] = {
	F_U64(rec_attempt, began), F_U64(rec_attempt, ended),
	F_STR(rec_attempt, transport, MSG_NAME_MAX),
	F_STR(rec_attempt, host, MSG_NAME_MAX),
	F_STR(rec_attempt, address, MSG_NAME_MAX),
	F_STR(rec_attempt, tls, MSG_NAME_MAX), F_U8(rec_attempt, result),
	F_U32(rec_attempt, code), F_STR(rec_attempt, enhanced, 16),
	F_STR(rec_attempt, text, Q_TEXT_MAX),
};
const struct codec	c_rec_attempt = CODEC(rec_attempt, f_attempt);

static const struct field f_holdrule[] = {
	F_U64(rec_holdrule, created), F_STR(rec_holdrule, account, MSG_NAME_MAX),
	F_STR(rec_holdrule, from, MSG_ADDR_MAX),
	F_STR(rec_holdrule, to, MSG_ADDR_MAX),
};
const struct codec	c_rec_holdrule = CODEC(rec_holdrule, f_holdrule);

/* In front of the records of message and recipient. */
static const struct field f_retired[] = {
	F_U8(rec_retired, how), F_U64(rec_retired, ended),
	F_U64(rec_retired, until),
};
static const struct codec c_retired = CODEC(rec_retired, f_retired);

static const struct field f_suppress[] = {
	F_U8(rec_suppress, listed), F_U32(rec_suppress, failures),
	F_U64(rec_suppress, since), F_U64(rec_suppress, last),
	F_STR(rec_suppress, name, MSG_NAME_MAX),
	F_STR(rec_suppress, address, MSG_ADDR_MAX),
	F_STR(rec_suppress, reason, Q_TEXT_MAX),
};
const struct codec	c_rec_suppress = CODEC(rec_suppress, f_suppress);

/* ---- the environment ------------------------------------------------------ */

static void
on_log(void *arg, enum dbenv_level level, const char *text)
{
	(void)arg;
	dblog("queue", level, text);
}

/* Runs behind everything that this turn of the loop has to do. */
static void
on_begun(void *arg)
{
	(void)arg;
	if (event_initialized(&turn_ev))
		event_active(&turn_ev, EV_TIMEOUT, 0);
}

static void
on_undone(void *arg, uint64_t seq, int error)
{
	(void)arg;
	(void)seq;
	q.num_limit = q.next_num;	/* it may not have been written */
	log_warn("queue: writes undone: %s", strerror(error));
}

static void
on_fatal(void *arg, const char *text)
{
	(void)arg;
	log_error("queue: %s; ending", text);
	_exit(1);
}

static void
on_notify(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	dbenv_notify(q.env);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	dbenv_turn_end(q.env);
}

/* To rewrite a million records in one transaction would take its time and its
 * locks: they are read as they are, see decode(). */
static int
upgrade(struct dbenv *env, uint32_t from, void *arg)
{
	(void)env;
	(void)arg;
	log_info("queue: records of schema %u are read as they are", from);
	return (0);
}

/* Above all that were given, though the record of them should be damaged. */
static int
first_number(uint64_t *num)
{
	struct dbenv_db	*dbs[] = { q.message, q.rcpt };
	struct span	 key, val;
	uint64_t	 last;
	size_t		 i;

	*num = 1;
	if (dbenv_get(q.meta, span_str("number"), &val) == 0)
		(void)span_get_u64(&val, num);
	else if (errno != ENOENT && errno != EILSEQ)
		return (-1);
	for (i = 0; i < nitems(dbs); i++) {
		if (dbenv_last(dbs[i], span_of(NULL, 0), &key, &val) == -1 &&
		    errno != EILSEQ) {
			if (errno != ENOENT)
				return (-1);
			continue;
		}
		if (span_get_u64(&key, &last) == 0 && last >= *num)
			*num = last + 1;
	}
	return (0);
}

int
db_open(const struct db_conf *conf)
{
	struct dbenv_conf	 dc = { 0 };
	struct buf		 why = { 0 };

	dc.home = conf->home;
	dc.uid = conf->uid;
	dc.gid = conf->gid;
	dc.margin = conf->margin;
	dc.log = on_log;
	dc.begun = on_begun;
	dc.undone = on_undone;
	dc.fatal = on_fatal;
	if (dbenv_open(&dc, &q.env, &why) == -1) {
		log_error("queue: %s", buf_cstr(&why));
		buf_free(&why);
		return (-1);
	}
	buf_free(&why);
	if ((q.meta = dbenv_db(q.env, "meta", 0)) == NULL ||
	    (q.message = dbenv_db(q.env, "message", 0)) == NULL ||
	    (q.rcpt = dbenv_db(q.env, "rcpt", 0)) == NULL ||
	    (q.attempt = dbenv_db(q.env, "attempt", 0)) == NULL ||
	    (q.pin = dbenv_db(q.env, "pin", 0)) == NULL ||
	    (q.sts = dbenv_db(q.env, "sts", 0)) == NULL ||
	    (q.holdrule = dbenv_db(q.env, "holdrule", 0)) == NULL ||
	    (q.retired = dbenv_db(q.env, "retired", 0)) == NULL ||
	    (q.until = dbenv_db(q.env, "until", 0)) == NULL ||
	    (q.suppress = dbenv_db(q.env, "suppress", 0)) == NULL ||
	    (q.bodies = body_open(q.env)) == NULL ||
	    dbenv_schema(q.env, Q_SCHEMA, upgrade, NULL) == -1 ||
	    (dbenv_is_salvaged(q.env) && dbenv_salvaged_done(q.env) == -1)) {
		log_error("queue: %s", dbenv_error(q.env));
		db_close();
		return (-1);
	}
	if (first_number(&q.next_num) == -1) {
		log_error("queue: %s", dbenv_error(q.env));
		db_close();
		return (-1);
	}
	q.num_limit = q.next_num;
	return (0);
}

int
db_start(struct event_base *base)
{
	event_assign(&notify_ev, base, dbenv_fd(q.env), EV_READ | EV_PERSIST,
	    on_notify, NULL);
	event_assign(&turn_ev, base, -1, 0, on_turn, NULL);
	if (event_add(&notify_ev, NULL) == -1 || dbenv_start(q.env) == -1) {
		log_error("queue: %s", strerror(errno));
		return (-1);
	}
	return (0);
}

void
db_close(void)
{
	if (event_initialized(&notify_ev)) {
		event_del(&notify_ev);
		event_del(&turn_ev);
	}
	body_close(q.bodies);
	dbenv_close(q.env);
	memset(&q, 0, sizeof(q));
	memset(&notify_ev, 0, sizeof(notify_ev));
	memset(&turn_ev, 0, sizeof(turn_ev));
}

int
db_begin(void)
{
	return (dbenv_begin(q.env));
}

int
db_end(int rc)
{
	int	 error = errno;

	if (rc == 0 && dbenv_commit(q.env) == 0)
		return (0);
	if (rc == 0)
		error = errno;
	else
		dbenv_abort(q.env);
	q.num_limit = q.next_num;	/* what was taken may be undone */
	errno = error;
	return (-1);
}

/*
 * Numbers are taken a thousand at a time: the record says up to where they
 * are given.  A command that is undone takes its numbers along, unused.
 */
uint64_t
db_number(void)
{
	struct buf	 b = { 0 };
	int		 rc;

	if (q.next_num == q.num_limit) {
		buf_put_u64(&b, q.num_limit + NUMBERS);
		rc = buf_failed(&b) ? -1 :
		    dbenv_put(q.meta, span_str("number"), span_buf(&b));
		buf_free(&b);
		if (rc == -1)
			return (0);
		q.num_limit += NUMBERS;
	}
	return (q.next_num++);
}

/* ---- keys ----------------------------------------------------------------- */

static void
be(uint8_t *p, uint64_t v, int n)
{
	while (n-- > 0) {
		p[n] = (uint8_t)v;
		v >>= 8;
	}
}

struct span
key_msg(uint8_t k[8], uint64_t msg)
{
	be(k, msg, 8);
	return (span_of(k, 8));
}

struct span
key_rcpt(uint8_t k[12], uint64_t msg, uint32_t n)
{
	be(k, msg, 8);
	be(k + 8, n, 4);
	return (span_of(k, 12));
}

int
key_rcpt_get(struct span s, uint64_t *msg, uint32_t *n)
{
	return (span_get_u64(&s, msg) == -1 || span_get_u32(&s, n) == -1 ||
	    s.n != 0 ? -1 : 0);
}

/* ---- reads ---------------------------------------------------------------- */

/* A record that ends where those of schema 1 do is one of these. */
static int
decode(struct span val, const struct codec *c, void *v)
{
	const struct codec	*was = c == &c_rec_msg ? &c_msg_1 :
				    c == &c_rec_rcpt ? &c_rcpt_1 : NULL;
	struct span		 s = val;

	if (codec_get(&s, c, v) == 0 && s.n == 0)
		return (0);
	s = val;
	return (was == NULL || codec_get(&s, was, v) == -1 || s.n != 0 ? -1 :
	    0);
}

/* A copy of the value, decoded. */
static int
keep(struct dbenv_db *db, struct span val, const struct codec *c, void *v,
    struct buf *octets)
{
	memset(octets, 0, sizeof(*octets));
	if (buf_add_span(octets, val) == -1)
		return (-1);
	if (decode(span_buf(octets), c, v) == -1) {
		log_error("queue: database %s: a record of %zu octets does "
		    "not decode", dbenv_db_name(db), val.n);
		buf_free(octets);
		errno = EILSEQ;
		return (-1);
	}
	return (0);
}

static int
get(struct dbenv_db *db, struct span key, const struct codec *c, void *v,
    struct buf *octets)
{
	struct span	 val;

	return (dbenv_get(db, key, &val) == -1 ? -1 :
	    keep(db, val, c, v, octets));
}

int
db_msg(uint64_t msg, struct q_msg *m)
{
	uint8_t	 k[8];

	m->num = msg;
	return (get(q.message, key_msg(k, msg), &c_rec_msg, &m->r,
	    &m->octets));
}

void
db_msg_free(struct q_msg *m)
{
	buf_free(&m->octets);
	memset(m, 0, sizeof(*m));
}

int
db_rcpt(uint64_t msg, uint32_t n, struct q_rcpt *r)
{
	uint8_t	 k[12];

	r->n = n;
	return (get(q.rcpt, key_rcpt(k, msg, n), &c_rec_rcpt, &r->r,
	    &r->octets));
}

int
db_rcpt_next(uint64_t *msg, uint32_t n, struct q_rcpt *r)
{
	struct span	 key, val;
	uint8_t		 k[12];

	for (;;) {
		if (dbenv_next(q.rcpt, key_rcpt(k, *msg, n), &key, &val) ==
		    -1 && errno != EILSEQ)
			return (-1);
		if (key_rcpt_get(key, msg, &r->n) == -1) {
			errno = EILSEQ;
			return (-1);
		}
		if (keep(q.rcpt, val, &c_rec_rcpt, &r->r, &r->octets) == 0)
			return (0);
		if (errno != EILSEQ || r->n == UINT32_MAX)
			return (-1);
		n = r->n + 1;	/* one that is damaged hides no other */
	}
}

void
db_rcpt_free(struct q_rcpt *r)
{
	buf_free(&r->octets);
	memset(r, 0, sizeof(*r));
}

int
db_rcpt_decode(struct span val, struct rec_rcpt *r)
{
	return (decode(val, &c_rec_rcpt, r));
}

int
db_msg_decode(struct span val, struct rec_msg *m)
{
	return (decode(val, &c_rec_msg, m));
}

/* ---- writes --------------------------------------------------------------- */

static int
put(struct dbenv_db *db, struct span key, const struct codec *c,
    const void *v)
{
	static struct buf	 b = { .max = RECORD_MAX };

	buf_reset(&b);
	if (codec_put(&b, c, v) == -1) {
		errno = buf_failed(&b) ? ENOMEM : EINVAL;
		return (-1);
	}
	return (dbenv_put(db, key, span_buf(&b)));
}

int
db_msg_put(uint64_t msg, const struct rec_msg *r)
{
	uint8_t	 k[8];

	return (put(q.message, key_msg(k, msg), &c_rec_msg, r));
}

int
db_rcpt_put(uint64_t msg, uint32_t n, const struct rec_rcpt *r)
{
	uint8_t	 k[12];

	return (put(q.rcpt, key_rcpt(k, msg, n), &c_rec_rcpt, r));
}

int
db_attempt_put(uint64_t msg, uint32_t n, uint32_t attempt,
    const struct rec_attempt *a)
{
	uint8_t	 k[16];

	key_rcpt(k, msg, n);
	be(k + 12, attempt, 4);
	return (put(q.attempt, span_of(k, 16), &c_rec_attempt, a));
}

int
db_record_put(struct dbenv_db *db, struct span key, const struct codec *c,
    const void *v)
{
	return (put(db, key, c, v));
}

int
db_retired_put(uint64_t msg, uint32_t n, const struct rec_retired *r)
{
	struct buf	 b = { .max = 2 * RECORD_MAX };
	uint8_t		 k[12];
	int		 rc = -1;

	if (codec_put(&b, &c_retired, r) == 0 &&
	    codec_put(&b, &c_rec_msg, &r->m) == 0 &&
	    codec_put(&b, &c_rec_rcpt, &r->r) == 0)
		rc = dbenv_put(q.retired, key_rcpt(k, msg, n), span_buf(&b));
	else
		errno = buf_failed(&b) ? ENOMEM : EINVAL;
	buf_free(&b);
	return (rc);
}

int
db_retired_decode(struct span s, struct rec_retired *r)
{
	return (codec_get(&s, &c_retired, r) == -1 ||
	    codec_get(&s, &c_rec_msg, &r->m) == -1 ||
	    codec_get(&s, &c_rec_rcpt, &r->r) == -1 || s.n != 0 ||
	    r->how >= RETIRED_COUNT ? -1 : 0);
}

uint64_t
db_count(const char *name, int64_t change)
{
	struct buf	 b = { 0 };
	struct span	 val;
	uint64_t	 n = 0;
	int		 rc;

	if (dbenv_get(q.meta, span_str(name), &val) == 0)
		(void)span_get_u64(&val, &n);
	else if (errno != ENOENT && errno != EILSEQ)
		return (UINT64_MAX);
	if (change == 0)
		return (n);
	n = change < 0 && n < (uint64_t)-change ? 0 : n + (uint64_t)change;
	buf_put_u64(&b, n);
	rc = buf_failed(&b) ? -1 : dbenv_put(q.meta, span_str(name),
	    span_buf(&b));
	buf_free(&b);
	return (rc == -1 ? UINT64_MAX : n);
}

int
db_attempts_del(uint64_t msg, uint32_t n)
{
	struct span	 key, val;
	uint8_t		 k[12], found[16];

	key_rcpt(k, msg, n);
	while (dbenv_next(q.attempt, span_of(k, 12), &key, &val) == 0 &&
	    key.n == 16 && memcmp(key.p, k, 12) == 0) {
		memcpy(found, key.p, 16);
		if (dbenv_del(q.attempt, span_of(found, 16)) == -1)
			return (-1);
	}
	return (0);
}

int
db_rcpt_del(uint64_t msg, uint32_t n)
{
	return (db_attempts_del(msg, n) == -1 ? -1 : db_rcpt_leave(msg, n));
}

/* A body whose references nobody knows stays; verify tells of it. */
static int
msg_del(uint64_t msg, const struct rec_msg *m)
{
	uint8_t	 k[8];

	if (m != NULL && body_unref(q.bodies, m->body) == -1 &&
	    errno != ENOENT && errno != EILSEQ)
		return (-1);
	return (dbenv_del(q.message, key_msg(k, msg)));
}

int
db_rcpt_leave(uint64_t msg, uint32_t n)
{
	struct rec_msg	 m;
	struct span	 key, val;
	uint8_t		 k[12];
	int		 only;

	/* Mostly there is one: then others need not be looked for. */
	only = n == 1 && dbenv_get(q.message, key_msg(k, msg), &val) == 0 &&
	    db_msg_decode(val, &m) == 0 && m.nrcpts == 1;
	if (dbenv_del(q.rcpt, key_rcpt(k, msg, n)) == -1)
		return (-1);
	if (only)
		return (msg_del(msg, &m));
	if (dbenv_next(q.rcpt, key_msg(k, msg), &key, &val) == 0 &&
	    key.n == 12 && memcmp(key.p, k, 8) == 0)
		return (0);
	if (dbenv_get(q.message, key_msg(k, msg), &val) == -1 &&
	    errno != EILSEQ)
		return (errno == ENOENT ? 0 : -1);
	return (msg_del(msg, db_msg_decode(val, &m) == 0 ? &m : NULL));
}
