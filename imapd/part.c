/*
 * A partition's environment: opening, the schema, the turn of the loop.  What
 * the databases hold: part.h.
 */
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imapd/account.h"
#include "imapd/ending.h"
#include "imapd/filter.h"
#include "imapd/late.h"
#include "imapd/move.h"
#include "imapd/notify.h"
#include "imapd/part.h"
#include "imapd/repair.h"
#include "imapd/session.h"
#include "imapd/stage.h"
#include "imapd/store.h"
#include "dblog.h"
#include "log.h"

static void	 part_log(void *, enum dbenv_level, const char *);
static void	 part_begun(void *);
static void	 part_undone(void *, uint64_t, int);
static void	 part_fatal(void *, const char *);
static int	 panicked_twice(const struct part_conf *);
static void	 part_notify(evutil_socket_t, short, void *);
static void	 part_turn(evutil_socket_t, short, void *);
static int	 part_databases(struct part *);
static void	 expire_keys(struct part *);

#define PANIC_NAME	"panic"	/* in its directory: what it panicked of */
#define PANIC_MAX	4096	/* octets of it */
#define PANIC_S		3600	/* between two of the same thing */
#define SWEEP_S		3600		/* between two looks for stray files */
#define KEY_S		(30 * 86400)	/* a delivery key is kept, at most */
#define KEYS_SLICE	200		/* looked at in one tick */

static const struct field f_account[] = {
	F_STR(rec_account, name, 512), F_U32(rec_account, uidvalidity),
	F_U64(rec_account, created),
};
const struct codec c_rec_account = CODEC(rec_account, f_account);

static const struct field f_mailbox[] = {
	F_STR(rec_mailbox, name, MAILBOX_NAME_MAX),
	F_U32(rec_mailbox, uidvalidity), F_U32(rec_mailbox, uses),
	F_U64(rec_mailbox, created),
	F_STR(rec_mailbox, keywords, KEYWORDS_MAX * (KEYWORD_MAX + 1)),
};
const struct codec c_rec_mailbox = CODEC(rec_mailbox, f_mailbox);

static const struct field f_acl[] = {
	F_STR(rec_acl, name, 512), F_U32(rec_acl, give), F_U32(rec_acl, take),
};
const struct codec c_rec_acl = CODEC(rec_acl, f_acl);

static const struct field f_state[] = {
	F_U32(mbstate, uidnext), F_U32(mbstate, recent),
	F_U32(mbstate, messages), F_U32(mbstate, unseen),
	F_U32(mbstate, deleted), F_U64(mbstate, octets),
	F_U64(mbstate, modseq), F_U64(mbstate, floor),
};
const struct codec c_mbstate = CODEC(mbstate, f_state);

static const struct {
	const char	*name;
	size_t		 off;
} databases[] = {
	{ "account",	offsetof(struct part, account) },
	{ "mailbox",	offsetof(struct part, mailbox) },
	{ "state",	offsetof(struct part, state) },
	{ "sub",	offsetof(struct part, sub) },
	{ "annotation",	offsetof(struct part, annotation) },
	{ "acl",	offsetof(struct part, acl) },
	{ "share",	offsetof(struct part, share) },
	{ "index",	offsetof(struct part, index) },
	{ "ready",	offsetof(struct part, ready) },
	{ "fields",	offsetof(struct part, fields) },
	{ "filter",	offsetof(struct part, filter) },
	{ "late",	offsetof(struct part, late) },
	{ "vanished",	offsetof(struct part, vanished) },
	{ "gone",	offsetof(struct part, gone) },
	{ "dead",	offsetof(struct part, dead) },
	{ "key",	offsetof(struct part, key) },
	{ "left",	offsetof(struct part, left) },
};

static void
be64(uint8_t *p, uint64_t v)
{
	int	 i;

	for (i = 7; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

struct span
key_u64(uint8_t k[8], uint64_t a)
{
	be64(k, a);
	return (span_of(k, 8));
}

struct span
key_u64_2(uint8_t k[16], uint64_t a, uint64_t b)
{
	be64(k, a);
	be64(k + 8, b);
	return (span_of(k, 16));
}

struct span
key_u64_3(uint8_t k[24], uint64_t a, uint64_t b, uint64_t c)
{
	(void)key_u64_2(k, a, b);
	be64(k + 16, c);
	return (span_of(k, 24));
}

struct span
key_msg(uint8_t k[12], uint64_t mailbox, uint32_t uid)
{
	int	 i;

	be64(k, mailbox);
	for (i = 11; i >= 8; i--, uid >>= 8)
		k[i] = (uint8_t)uid;
	return (span_of(k, 12));
}

uint32_t
key_uid(struct span k)
{
	if (k.n != 12)
		return (0);
	return ((uint32_t)k.p[8] << 24 | (uint32_t)k.p[9] << 16 |
	    (uint32_t)k.p[10] << 8 | k.p[11]);
}

int
part_put(struct dbenv_db *db, struct span key, const struct codec *c,
    const void *v)
{
	static struct buf	 b;	/* kept: every write passes here */

	buf_reset(&b);
	if (codec_put(&b, c, v) == -1)
		return (-1);
	return (dbenv_put(db, key, span_buf(&b)));
}

int
part_get(struct dbenv_db *db, struct span key, const struct codec *c, void *v)
{
	struct span	 val;

	if (dbenv_get(db, key, &val) == -1)
		return (-1);
	if (codec_get(&val, c, v) == -1 || val.n != 0) {
		log_error("database %s: a record of %zu octets does not decode",
		    dbenv_db_name(db), val.n);
		errno = EILSEQ;
		return (-1);
	}
	return (0);
}

static void
part_log(void *arg, enum dbenv_level level, const char *text)
{
	const struct part	*p = arg;
	char			 whose[24];

	snprintf(whose, sizeof(whose), "partition %02u", p->num);
	dblog(whose, level, text);
}

/* Runs behind everything that this turn of the loop has to do. */
static void
part_begun(void *arg)
{
	struct part	*p = arg;

	if (event_initialized(&p->turn))
		event_active(&p->turn, EV_TIMEOUT, 0);
}

/* After the account was read again: what is answered is as the disk has it. */
static void
sessions_undone(struct part *p, uint64_t seq, int error)
{
	struct session	*s;

	session_rights(p->store);
	TAILQ_FOREACH(s, &p->store->sessions, entry)
		if (s->account->part == p)
			session_undone(s, seq, error);
}

static void
part_undone(void *arg, uint64_t seq, int error)
{
	struct part		*p = arg;
	struct part_watch	*w;

	log_warn("partition %02u: writes undone: %s", p->num, strerror(error));
	move_undone(p);
	stage_undone(p, seq, error);
	account_undone(p, seq);
	notify_group_undone(p, seq);
	ending_undone(p);
	LIST_FOREACH(w, &p->watches, entry)
		w->undone(w, seq, error);
	sessions_undone(p, seq, error);
}

static void
note_panic(struct part *p, const char *text)
{
	struct stat	 sb;
	int		 fd;

	fd = openat(dbenv_dirfd(p->env), PANIC_NAME, O_WRONLY | O_CREAT |
	    O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return;
	/* what comes next is compared with the last line alone */
	if (fstat(fd, &sb) == 0 && (sb.st_size < PANIC_MAX / 2 ||
	    ftruncate(fd, 0) == 0))
		(void)dprintf(fd, "%llu %.*s\n",
		    (unsigned long long)store_time(), PANIC_MAX / 4, text);
	close(fd);
}

static void
part_fatal(void *arg, const char *text)
{
	struct part	*p = arg;

	log_error("partition %02u: %s; ending", p->num, text);
	if (strncmp(text, DBENV_PANIC, strlen(DBENV_PANIC)) == 0)
		note_panic(p, text);
	_exit(1);
}

/*
 * Of the same thing within an hour, and no restart will heal it: the partition
 * is left alone, so that the others of this store are served.
 */
static int
panicked_twice(const struct part_conf *conf)
{
	struct buf	 b = { 0 };
	struct span	 s, line = { NULL, 0 }, before = { NULL, 0 };
	struct span	 when, then;
	uint64_t	 t = 0, t0 = 0;
	uint8_t		*room;
	ssize_t		 n = -1;
	int		 dir, fd = -1;

	dir = open(conf->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir != -1)
		fd = openat(dir, PANIC_NAME, O_RDONLY | O_CLOEXEC |
		    O_NOFOLLOW);
	if (fd != -1 && (room = buf_reserve(&b, PANIC_MAX)) != NULL &&
	    (n = read(fd, room, PANIC_MAX)) > 0)
		buf_commit(&b, (size_t)n);
	for (s = span_buf(&b); s.n > 0;) {
		before = line;
		(void)span_split(&s, '\n', &line);
	}
	n = before.n > 0 && span_split(&before, ' ', &then) == 1 &&
	    span_split(&line, ' ', &when) == 1 &&
	    span_num(then, UINT64_MAX, &t0) == 0 &&
	    span_num(when, UINT64_MAX, &t) == 0 && t >= t0 &&
	    t - t0 <= PANIC_S && span_eq(before, line);
	if (n)
		log_error("partition %02u: twice: %s", conf->num,
		    log_esc(line));
	buf_free(&b);
	if (fd != -1)
		close(fd);
	if (dir != -1)
		close(dir);
	return (n != 0);
}

static void
part_notify(evutil_socket_t fd, short what, void *arg)
{
	struct part	*p = arg;

	(void)fd;
	(void)what;
	dbenv_notify(p->env);
}

static void
part_turn(evutil_socket_t fd, short what, void *arg)
{
	struct part	*p = arg;

	(void)fd;
	(void)what;
	dbenv_turn_end(p->env);
}

static int
part_databases(struct part *p)
{
	struct dbenv_db	*db;
	size_t		 i;

	for (i = 0; i < nitems(databases); i++) {
		if ((db = dbenv_db(p->env, databases[i].name, 0)) == NULL)
			return (-1);
		memcpy((uint8_t *)p + databases[i].off, &db, sizeof(db));
	}
	return (0);
}

/* What was stored by versions before is read as it stands. */
static int
upgrade(struct dbenv *env, uint32_t from, void *arg)
{
	(void)env;
	(void)from;
	(void)arg;
	return (0);
}

struct part *
part_open(struct store *store, const struct part_conf *conf)
{
	struct dbenv_conf	 dc = { 0 };
	struct buf		 why = { 0 };
	struct part		*p;
	int			 e;

	if (panicked_twice(conf)) {
		errno = EILSEQ;
		return (NULL);
	}
	if ((p = calloc(1, sizeof(*p))) == NULL) {
		log_error("no memory");
		return (NULL);
	}
	p->store = store;
	p->num = conf->num;
	LIST_INIT(&p->stages);
	LIST_INIT(&p->watches);
	dc.home = conf->home;
	dc.uid = conf->uid;
	dc.gid = conf->gid;
	dc.cache = conf->cache;
	dc.margin = conf->margin;
	dc.log = part_log;
	dc.begun = part_begun;
	dc.undone = part_undone;
	dc.fatal = part_fatal;
	dc.arg = p;
	if (dbenv_open(&dc, &p->env, &why) == -1) {
		e = errno;
		log_error("partition %02u: %s", p->num, buf_cstr(&why));
		buf_free(&why);
		free(p);
		errno = e;
		return (NULL);
	}
	buf_free(&why);
	if ((p->filters = filter_maker_new(p)) == NULL ||
	    part_databases(p) == -1 ||
	    (p->bodies = body_open(p->env)) == NULL ||
	    dbenv_schema(p->env, PART_SCHEMA, upgrade, NULL) == -1 ||
	    (dbenv_is_salvaged(p->env) && part_repair(p) == -1)) {
		e = errno;
		log_error("partition %02u: %s", p->num, dbenv_error(p->env));
		part_close(p);
		errno = e;
		return (NULL);
	}
	if (late_start(p) == -1) {
		e = errno;
		part_close(p);
		errno = e;
		return (NULL);
	}
	return (p);
}

int
part_start(struct part *p)
{
	event_assign(&p->ev, p->store->base, dbenv_fd(p->env),
	    EV_READ | EV_PERSIST, part_notify, p);
	event_assign(&p->turn, p->store->base, -1, 0, part_turn, p);
	if (event_add(&p->ev, NULL) == -1 || dbenv_start(p->env) == -1) {
		log_error("partition %02u: %s", p->num, strerror(errno));
		return (-1);
	}
	return (0);
}

void
part_close(struct part *p)
{
	if (p == NULL)
		return;
	account_free_all(p);
	filter_maker_free(p->filters);
	buf_free(&p->key_at);
	if (event_initialized(&p->ev)) {
		event_del(&p->ev);
		event_del(&p->turn);
	}
	body_close(p->bodies);
	/* not when its opening failed before the marks were dealt with */
	if (p->key != NULL && !dbenv_uncertain(p->env))
		late_stop(p);
	dbenv_close(p->env);
	free(p);
}

/* queued says when an id is settled; what it forgot goes by age. */
static void
expire_keys(struct part *p)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	uint64_t		 at, now = store_time();
	int			 n, rc = 0;

	dbenv_iter_init(&it, p->key, span_buf(&p->key_at), span_of("", 0));
	for (n = 0; n < KEYS_SLICE; n++) {
		if ((rc = dbenv_iter_next(&it, &key, &val)) == 0)
			break;
		if (rc == -1 && errno != EILSEQ)
			break;
		buf_reset(&p->key_at);
		(void)buf_add_span(&p->key_at, key);
		if (rc == -1 || span_get_u64(&val, &at) == -1 ||
		    at + KEY_S < now || at > now + KEY_S)
			(void)dbenv_del(p->key, span_buf(&p->key_at));
	}
	dbenv_iter_free(&it);
	if (rc == 0)		/* from the start, next time */
		buf_reset(&p->key_at);
}

void
part_tick(struct part *p)
{
	uint64_t	 now = store_now();

	account_tick(p);
	filter_tick(p);
	ending_kick(p);
	expire_keys(p);
	if (p->swept == 0)
		p->swept = now;
	if (now - p->swept >= SWEEP_S) {
		p->swept = now;
		body_sweep(p->bodies);
	}
}
