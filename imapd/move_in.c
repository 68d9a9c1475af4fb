/*
 * The side to which an account moves.  See move.h.  Nothing of it is anybody's
 * until the last, small transaction; what came before is "dead" and goes in
 * slices when there is no such end.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "imapd/ending.h"
#include "imapd/intake.h"
#include "imapd/left.h"
#include "imapd/move.h"

#define MEMORY		65536		/* octets of one message in memory */
#define IN_MAX		(256 * 1024)	/* octets read ahead */
/* Octets of records for the end: more than as many mailboxes as one may have
 * take with all their keywords.  10,000 with plain names take 0.2 s. */
#define LATER_MAX	(64u << 20)
#define TURN_US		500

struct arriving {
	struct move		 m;		/* first */
	struct buf		 later;		/* payloads, each behind its length */

	uint64_t		 body;		/* theirs, 0: none is coming */
	uint64_t		 size, got;
	int			 once;		/* no other message has it */
	struct buf		 mem;
	int			 fd;		/* its spool, or -1 */
	struct intake		 in;
	int			 taking;	/* in is under way */
	int			 taken;		/* in is complete */
	int			 ended;		/* committed */
	int			 flushing;
	int			 gone;		/* nothing more comes */
	const char		*why;		/* it failed */
};

static int	 run(struct work *);
static int	 take(struct arriving *, struct span);
static int	 later(struct arriving *, struct span);
static int	 now(struct arriving *, struct span);
static int	 body(struct arriving *, struct span);
static int	 of_body(struct arriving *, struct span);
static int	 whole_body(struct arriving *);
static int	 message(struct arriving *, struct span);
static int	 end(struct arriving *, struct span);
static void	 on_intake(struct intake *, int);
static void	 on_flushed(struct dbenv_wait *, int);
static void	 on_io(struct io *, enum io_event, void *);

static int	(*const kinds[])(struct arriving *, struct span) = {
	[MOVE_LATER] = later, [MOVE_NOW] = now, [MOVE_BODY] = body,
	[MOVE_OF_BODY] = of_body, [MOVE_MESSAGE] = message, [MOVE_END] = end,
};

static void
drop(struct move *m, int failed)
{
	struct arriving	*x = (struct arriving *)(void *)m;
	size_t		 i;

	for (i = 0; failed && i < m->nmailboxes; i++)
		(void)ending_add(m->part, m->mailboxes[i], 0);
	if (x->in.part != NULL)
		intake_free(&x->in);
	if (x->fd != -1)
		close(x->fd);
	buf_free(&x->later);
	buf_free(&x->mem);
}

void
move_in(struct store *st, struct peer *peer, uint32_t id,
    const struct msg_account *m, int fd)
{
	struct arriving	*x;

	if ((x = (struct arriving *)(void *)move_begin(st, peer, M_MOVE_IN,
	    id, m, fd, sizeof(*x), on_io, drop)) == NULL)
		return;
	x->m.work.run = run;
	x->m.wait.done = on_flushed;
	x->fd = -1;
	x->later.max = LATER_MAX;
	io_inmax(x->m.io, IN_MAX);
}

static void
on_io(struct io *io, enum io_event what, void *arg)
{
	struct arriving	*x = arg;

	(void)io;
	if (what == IO_LOWAT)
		return;
	x->gone |= what != IO_DATA;
	store_work(x->m.store, &x->m.work);
}

/* ---- frames ------------------------------------------------------------------------- */

/* A record: its database, key and value. */
static int
record(struct span s, uint8_t *db, struct span *key, struct span *val)
{
	uint32_t	 n;

	if (span_get_u8(&s, db) == -1 || *db >= MOVE_DBS ||
	    span_get_u32(&s, &n) == -1 || span_take(&s, n, key) == -1) {
		errno = EILSEQ;
		return (-1);
	}
	*val = s;
	return (0);
}

static int
is_mailbox(const struct arriving *x, struct span key)
{
	uint64_t	 id;

	return (span_get_u64(&key, &id) == 0 &&
	    move_map_get(&x->m.is_mailbox, id) != 0);
}

/* Does a database have something of a mailbox, damaged or not?  1, 0, -1. */
static int
has_some(struct dbenv_db *db, const uint8_t k[8])
{
	struct span	 key, val;

	if (dbenv_next(db, span_of(k, 8), &key, &val) == -1 && errno != EILSEQ)
		return (errno == ENOENT ? 0 : -1);
	return (key.n >= 8 && memcmp(key.p, k, 8) == 0);
}

/* What is left of an earlier try must be gone first. */
static int
new_mailbox(struct arriving *x, struct span key)
{
	struct part	*p = x->m.part;
	uint64_t	 id;
	uint8_t		 k[8];
	int		 has;

	if (key.n != 16) {
		errno = EILSEQ;
		return (-1);
	}
	memcpy(k, key.p + 8, 8);
	if ((has = has_some(p->dead, k)) == 0)
		has = has_some(p->index, k);
	if (has != 0) {
		errno = has == 1 ? EAGAIN : errno;
		return (-1);
	}
	if (dbenv_put(p->dead, span_of(k, 8), span_of("", 0)) == -1)
		return (-1);
	key = span_of(k, 8);
	return (span_get_u64(&key, &id) == -1 ? -1 :
	    move_note_mailbox(&x->m, id));
}

static int
later(struct arriving *x, struct span s)
{
	struct span	 key, val;
	uint8_t		 db, k[8];
	int		 has = 0;

	if (record(s, &db, &key, &val) == -1)
		return (-1);
	if (db > MOVE_ANNOTATION || key.n < 8 ||
	    memcmp(key.p, key_u64(k, x->m.account).p, 8) != 0) {
		errno = EILSEQ;
		return (-1);
	}
	if (db == MOVE_ACCOUNT)
		has = dbenv_has(x->m.part->account, key);
	if (has != 0) {
		errno = has == 1 ? EAGAIN : errno;
		return (-1);
	}
	if (db == MOVE_MAILBOX && new_mailbox(x, key) == -1)
		return (-1);
	(void)buf_put_u32(&x->later, (uint32_t)s.n);
	return (buf_add_span(&x->later, s));
}

static int
now(struct arriving *x, struct span s)
{
	struct span	 key, val;
	uint8_t		 db, k[8];

	if (record(s, &db, &key, &val) == -1)
		return (-1);
	if (db == MOVE_VANISHED ? !is_mailbox(x, key) : db != MOVE_KEY ||
	    key.n < 24 || memcmp(key.p + 16, key_u64(k, x->m.account).p,
	    8) != 0) {
		errno = EILSEQ;
		return (-1);
	}
	return (dbenv_put(move_database(x->m.part, db), key, val));
}

static int
body(struct arriving *x, struct span s)
{
	uint8_t	 once;

	if (x->body != 0 || span_get_u64(&s, &x->body) == -1 ||
	    span_get_u64(&s, &x->size) == -1 || x->size > MESSAGE_MAX ||
	    span_get_u8(&s, &once) == -1) {
		errno = EILSEQ;
		return (-1);
	}
	x->once = once;
	x->got = 0;
	x->taken = 0;
	return (x->size == 0 ? whole_body(x) : 0);
}

static int
of_body(struct arriving *x, struct span s)
{
	if (x->body == 0 || x->taken || s.n > x->size - x->got) {
		errno = EILSEQ;
		return (-1);
	}
	if (x->size > MEMORY && x->fd == -1 &&
	    (x->fd = body_spool(x->m.part->bodies)) == -1)
		return (-1);
	if ((x->fd == -1 ? buf_add_span(&x->mem, s) :
	    body_spool_write(x->fd, s, x->got)) == -1)
		return (-1);
	x->got += s.n;
	return (x->got == x->size ? whole_body(x) : 0);
}

static int
whole_body(struct arriving *x)
{
	int	 rc;

	x->in.done = on_intake;
	x->in.arg = x;
	rc = intake_start(&x->in, x->m.part, x->fd, span_buf(&x->mem), 0,
	    MESSAGE_MAX);
	buf_reset(&x->mem);
	if (x->fd != -1)
		close(x->fd);
	x->fd = -1;
	x->taken = rc == 1;
	x->taking = rc == 0;
	return (rc == -1 ? -1 : 0);
}

static void
on_intake(struct intake *in, int error)
{
	struct arriving	*x = in->arg;

	x->taking = 0;
	x->taken = 1;
	if (error != 0 && x->why == NULL)
		x->why = strerror(error);
	store_work(x->m.store, &x->m.work);
}

/* In the open command: the body that came before it, or one that is known. */
static int
with_body(struct arriving *x, struct msgrec *r)
{
	uint64_t	 theirs = r->body, email = r->email;
	uint32_t	 size = r->size;

	if (x->body == 0) {
		if ((r->body = move_map_get(&x->m.bodies, theirs)) == 0) {
			errno = EILSEQ;
			return (-1);
		}
		return (body_ref(x->m.part->bodies, r->body, 1));
	}
	if (x->body != theirs || !x->taken || size != x->size) {
		errno = EILSEQ;
		return (-1);
	}
	if (intake_put(&x->in, 1, r) == -1)
		return (-1);
	r->email = email;
	return (x->once ? 0 : move_map_set(&x->m.bodies, theirs, r->body));
}

static int
message(struct arriving *x, struct span s)
{
	struct msgrec	 r;
	struct span	 key;

	if (span_take(&s, 12, &key) == -1 || !is_mailbox(x, key) ||
	    msgrec_get(s, &r) == -1) {
		errno = EILSEQ;
		return (-1);
	}
	if (with_body(x, &r) == -1 ||
	    msgrec_write(x->m.part, key, &r) == -1)
		return (-1);
	x->m.messages++;
	return (0);
}

static int
end(struct arriving *x, struct span s)
{
	struct part	*p = x->m.part;
	struct span	 all_ = span_buf(&x->later), one, key, val;
	uint32_t	 n;
	uint8_t		 db, k[8];
	size_t		 i;

	if (s.n != 0 || x->body != 0) {
		errno = EILSEQ;
		return (-1);
	}
	while (all_.n > 0)
		if (span_get_u32(&all_, &n) == -1 ||
		    span_take(&all_, n, &one) == -1 ||
		    record(one, &db, &key, &val) == -1 ||
		    dbenv_put(move_database(p, db), key, val) == -1)
			return (-1);
	for (i = 0; i < x->m.nmailboxes; i++)
		if (dbenv_del(p->dead, key_u64(k, x->m.mailboxes[i])) == -1)
			return (-1);
	x->ended = 1;
	return (left_put(p, x->m.account, LEFT_NOT));
}

static void
on_flushed(struct dbenv_wait *w, int error)
{
	move_finish(w->arg, error == 0 ? NULL : strerror(error));
}

/* One frame, a command of the database: 0, or -1 with errno. */
static int
take(struct arriving *x, struct span s)
{
	struct dbenv	*env = x->m.part->env;
	uint8_t		 kind;

	if (span_get_u8(&s, &kind) == -1 || kind >= nitems(kinds)) {
		errno = EILSEQ;
		return (-1);
	}
	if (!dbenv_writable(env)) {
		errno = ENOSPC;
		return (-1);
	}
	if (dbenv_begin(env) == -1)
		return (-1);
	if (kinds[kind](x, s) == -1) {
		dbenv_abort(env);
		return (-1);
	}
	if (dbenv_commit(env) == -1)
		return (-1);
	if (kind == MOVE_MESSAGE && x->body != 0) {
		intake_free(&x->in);
		x->in.part = NULL;
		x->body = 0;
	}
	return (0);
}

/* The frame that stands first, 0: it is not whole yet; -1. */
static int
next(struct arriving *x)
{
	struct span	 in = io_in(x->m.io), s;
	uint32_t	 n;

	if (span_get_u32(&in, &n) == -1)
		return (0);
	if (n == 0 || n > MOVE_FRAME + 1) {
		errno = EILSEQ;
		return (-1);
	}
	if (span_take(&in, n, &s) == -1)
		return (0);
	if (take(x, s) == -1)
		return (-1);
	io_drain(x->m.io, 4 + n);
	return (1);
}

static int
run(struct work *w)
{
	struct arriving	*x = (struct arriving *)(void *)w;
	uint64_t	 until = store_us() + TURN_US;
	struct dbenv	*env = x->m.part->env;
	int		 rc = 1;

	while (rc == 1 && !x->taking && !x->ended && store_us() < until)
		rc = next(x);
	if (rc == -1) {
		move_finish(&x->m, errno == EAGAIN ? "what is here of it from before "
		    "is still being removed; try again later" :
		    errno == EILSEQ ? "what comes is malformed" :
		    strerror(errno));
		return (0);
	}
	if (x->ended) {
		if (!x->flushing && dbenv_wait(env, dbenv_seq(env),
		    &x->m.wait) == 1)
			move_finish(&x->m, NULL);
		else
			x->flushing = 1;
		return (0);
	}
	if (x->why != NULL && !x->taking) {
		move_finish(&x->m, x->why);
		return (0);
	}
	if (x->gone && !x->taking) {
		move_gave_up(&x->m);
		return (0);
	}
	return (rc == 1 && !x->taking);
}
