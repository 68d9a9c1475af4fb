/*
 * The account's side from which it moves away.  See move.h.  It is frozen: no
 * session, no delivery, no command finds it, so that its records do not change
 * while they are read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imapd/account.h"
#include "imapd/left.h"
#include "imapd/move.h"
#include "imapd/sharing.h"
#include "io.h"
#include "log.h"
#include "proc.h"

#define OUT_HIGH	(512 * 1024)	/* octets queued */
#define OUT_LOW		(128 * 1024)
#define TURN_US		500
#define BUSY_US		100000		/* between two looks whether it is idle */
#define BUSY_TRIES	300

struct leaving {
	struct work		 work;		/* first */
	struct store		*store;
	struct part		*part;
	struct peer		*peer;		/* NULL: nobody waits */
	uint32_t		 id;
	uint64_t		 account;
	struct io		*io;
	struct event		 again;
	unsigned		 tries;
	struct dbenv_wait	 wait;

	unsigned		 db;		/* being read */
	struct dbenv_iter	 it;
	int			 reading;	/* it is under way */
	uint64_t		*mailboxes;
	size_t			 nmailboxes, at;
	uint32_t		 uidnext;	/* of the mailbox at work */
	struct move_map		 sent;		/* bodies of several messages */
	struct msgrec		 rec;		/* whose body is being sent */
	struct buf		 message;	/* frame that follows the body */
	uint64_t		 off, size;
	int			 ended;		/* MOVE_END was sent */
	LIST_ENTRY(leaving)	 entry;
};

static LIST_HEAD(, leaving)	 all = LIST_HEAD_INITIALIZER(all);

static int	 run(struct work *);
static int	 step(struct leaving *);
static int	 records(struct leaving *);
static int	 messages(struct leaving *);
static int	 some_body(struct leaving *);
static void	 begin(evutil_socket_t, short, void *);
static void	 marked(struct dbenv_wait *, int);
static void	 on_io(struct io *, enum io_event, void *);
static void	 finish(struct leaving *, const char *);

struct dbenv_db *
move_database(const struct part *p, unsigned db)
{
	struct dbenv_db	*const all_[MOVE_DBS] = {
		[MOVE_ACCOUNT] = p->account, [MOVE_MAILBOX] = p->mailbox,
		[MOVE_STATE] = p->state, [MOVE_SUB] = p->sub,
		[MOVE_ANNOTATION] = p->annotation, [MOVE_KEY] = p->key,
		[MOVE_VANISHED] = p->vanished,
	};

	return (db < MOVE_DBS ? all_[db] : NULL);
}

/* ---- the map -------------------------------------------------------------------- */

static size_t
place(const struct move_map *m, uint64_t id)
{
	size_t	 i = (size_t)(id * 0x9e3779b97f4a7c15u >> 20) & (m->cap - 1);

	while (m->v[2 * i] != 0 && m->v[2 * i] != id)
		i = (i + 1) & (m->cap - 1);
	return (i);
}

uint64_t
move_map_get(const struct move_map *m, uint64_t id)
{
	size_t	 i;

	if (m->cap == 0)
		return (0);
	i = place(m, id);
	return (m->v[2 * i] == id ? m->v[2 * i + 1] : 0);
}

int
move_map_set(struct move_map *m, uint64_t id, uint64_t value)
{
	struct move_map	 nm = { .n = m->n };
	size_t		 i, k;

	if (2 * (m->n + 1) > m->cap) {
		nm.cap = m->cap == 0 ? 1024 : 2 * m->cap;
		if ((nm.v = calloc(2 * nm.cap, sizeof(*nm.v))) == NULL)
			return (-1);
		for (i = 0; i < m->cap; i++)
			if (m->v[2 * i] != 0) {
				k = place(&nm, m->v[2 * i]);
				nm.v[2 * k] = m->v[2 * i];
				nm.v[2 * k + 1] = m->v[2 * i + 1];
			}
		free(m->v);
		*m = nm;
	}
	i = place(m, id);
	m->n += m->v[2 * i] == 0;
	m->v[2 * i] = id;
	m->v[2 * i + 1] = value;
	return (0);
}

/* ---- its end ---------------------------------------------------------------------- */

/* NULL: all of it is there.  The account stays frozen until auth has said what
 * becomes of it. */
static void
finish(struct leaving *x, const char *why)
{
	struct msg_result	 r = { .result = why == NULL ? RESULT_OK :
				    RESULT_TEMP };

	if (why != NULL)
		log_warn("partition %02u: account #%llu does not move: %s",
		    x->part->num, (unsigned long long)x->account, why);
	r.text = span_str(why == NULL ? "" : why);
	if (x->peer != NULL)
		(void)peer_reply(x->peer, M_MOVE_OUT, x->id, &c_result, &r,
		    -1);
	store_unwork(x->store, &x->work);
	event_del(&x->again);
	dbenv_unwait(x->part->env, &x->wait);
	if (x->reading)
		dbenv_iter_free(&x->it);
	io_free(x->io);
	buf_free(&x->message);
	free(x->mailboxes);
	free(x->sent.v);
	LIST_REMOVE(x, entry);
	free(x);
}

void
move_out(struct store *st, struct peer *peer, uint32_t id,
    const struct msg_account *m, int fd)
{
	struct leaving	*x;

	if ((x = calloc(1, sizeof(*x))) == NULL) {
		close(fd);
		(void)peer_reply(peer, M_MOVE_OUT, id, &c_result,
		    &(struct msg_result){ .result = RESULT_TEMP,
		    .text = span_str("no memory") }, -1);
		return;
	}
	x->work.run = run;
	x->store = st;
	x->peer = peer;
	x->id = id;
	x->account = m->account;
	x->wait.done = marked;
	x->wait.arg = x;
	LIST_INSERT_HEAD(&all, x, entry);
	event_assign(&x->again, st->base, -1, 0, begin, x);
	x->io = io_new(st->base, fd, on_io, x);
	if ((x->part = store_part(st, m->partition)) == NULL ||
	    x->io == NULL) {
		if (x->part == NULL)
			x->part = st->parts[0];
		finish(x, x->io == NULL ? "no memory" : "not here");
		return;
	}
	io_lowat(x->io, OUT_LOW);
	begin(-1, 0, x);
}

/* Sessions were ended, a delivery under way is done soon; then it is frozen. */
static void
begin(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	 soon = { 0, BUSY_US };
	struct leaving			*x = arg;
	struct dbenv			*env = x->part->env;

	(void)fd;
	(void)what;
	if (account_freeze(x->part, x->account) == 0) {
		if (dbenv_wait(env, dbenv_seq(env), &x->wait) == 1)
			marked(&x->wait, 0);
	} else if (errno == EBUSY && ++x->tries < BUSY_TRIES)
		event_add(&x->again, &soon);
	else if (errno == EBUSY)
		finish(x, "it is in use");
	else if (errno == EXDEV)
		finish(x, "it shares mailboxes with others here: letterctl "
		    "acl");
	else
		finish(x, errno == ENOENT ? "it has no mail yet" :
		    strerror(errno));
}

static void
marked(struct dbenv_wait *w, int error)
{
	struct leaving	*x = w->arg;

	if (error != 0)
		finish(x, strerror(error));
	else
		store_work(x->store, &x->work);
}

static void
on_io(struct io *io, enum io_event what, void *arg)
{
	struct leaving	*x = arg;

	(void)io;
	if (what == IO_LOWAT)
		store_work(x->store, &x->work);
	else if (what == IO_DATA)
		io_drain(io, io_in(io).n);
	else if (what == IO_EOF && x->ended)
		finish(x, NULL);	/* the other side has all of it */
	else
		finish(x, "the other partition gave up");
}

/* ---- what it sends ------------------------------------------------------------------ */

static int
frame(struct buf *b, enum move_kind kind, size_t n)
{
	(void)buf_put_u32(b, (uint32_t)n + 1);
	return (buf_put_u8(b, (uint8_t)kind));
}

static int
send_record(struct leaving *x, enum move_kind kind, unsigned db,
    struct span key, struct span val)
{
	struct buf	*b = io_out(x->io);

	if (5 + key.n + val.n > MOVE_FRAME) {
		errno = EILSEQ;
		return (-1);
	}
	(void)frame(b, kind, 5 + key.n + val.n);
	(void)buf_put_u8(b, (uint8_t)db);
	(void)buf_put_u32(b, (uint32_t)key.n);
	(void)buf_add_span(b, key);
	return (buf_add_span(b, val));
}

static int
note_mailbox(struct leaving *x, struct span key)
{
	uint64_t	*nv;

	if ((nv = reallocarray(x->mailboxes, x->nmailboxes + 1,
	    sizeof(*nv))) == NULL || key.n != 16)
		return (-1);
	x->mailboxes = nv;
	key.p += 8;
	key.n -= 8;
	return (span_get_u64(&key, &nv[x->nmailboxes++]));
}

/* The next record of the small databases, and of the keys of deliveries, which
 * stand by delivery: 1, or 0 when all were sent. */
static int
records(struct leaving *x)
{
	struct span	 key, val;
	uint8_t		 k[8];
	int		 rc, keys = x->db == MOVE_KEY;

	(void)key_u64(k, x->account);
	if (!x->reading) {
		dbenv_iter_init(&x->it, move_database(x->part, x->db),
		    span_of("", 0), keys ? span_of("", 0) : span_of(k, 8));
		x->reading = 1;
	}
	if ((rc = dbenv_iter_next(&x->it, &key, &val)) == 0) {
		dbenv_iter_free(&x->it);
		x->reading = 0;
		x->db++;
		return (x->db <= MOVE_KEY);
	}
	if (rc == -1)
		return (-1);
	if (keys && (key.n < 24 || memcmp(key.p + 16, k, 8) != 0))
		return (1);
	if (x->db == MOVE_MAILBOX && note_mailbox(x, key) == -1)
		return (-1);
	return (send_record(x, keys ? MOVE_NOW : MOVE_LATER, x->db, key,
	    val) == -1 ? -1 : 1);
}

/* The body of a message, and the message behind it. */
static int
one_message(struct leaving *x, struct span key, struct span val)
{
	struct body_info	 info;
	struct span		 v = val;
	struct buf		*b = io_out(x->io);

	if (key.n != 12 || codec_get(&v, &c_msgrec, &x->rec) == -1) {
		errno = EILSEQ;
		return (-1);
	}
	if (key_uid(key) >= x->uidnext)		/* staged, stage.h */
		return (1);
	buf_reset(&x->message);
	(void)frame(&x->message, MOVE_MESSAGE, key.n + val.n);
	(void)buf_add_span(&x->message, key);
	if (buf_add_span(&x->message, val) == -1)
		return (-1);
	if (move_map_get(&x->sent, x->rec.body) != 0)
		return (buf_add_span(b, span_buf(&x->message)) == -1 ? -1 : 1);
	if (body_stat(x->part->bodies, x->rec.body, &info) == -1 ||
	    (info.refs > 1 && move_map_set(&x->sent, x->rec.body, 1) == -1))
		return (-1);
	x->off = 0;
	x->size = info.size;
	(void)frame(b, MOVE_BODY, 17);
	(void)buf_put_u64(b, x->rec.body);
	(void)buf_put_u64(b, x->size);
	(void)buf_put_u8(b, info.refs == 1);
	return (x->size == 0 ? (buf_add_span(b, span_buf(&x->message)) == -1 ?
	    -1 : 1) : 1);
}

static int
some_body(struct leaving *x)
{
	static uint8_t	 room[MOVE_OCTETS];
	struct buf	*b = io_out(x->io);
	ssize_t		 n;

	if ((n = body_read(x->part->bodies, x->rec.body, x->off, room,
	    sizeof(room))) <= 0) {
		if (n == 0)
			errno = EILSEQ;
		return (-1);
	}
	x->off += (uint64_t)n;
	(void)frame(b, MOVE_OF_BODY, (size_t)n);
	(void)buf_add(b, room, (size_t)n);
	if (x->off < x->size)
		return (buf_failed(b) ? -1 : 1);
	x->off = x->size = 0;
	return (buf_add_span(b, span_buf(&x->message)) == -1 ? -1 : 1);
}

/* What vanished from a mailbox and what is in it: 1, or 0: that was all. */
static int
messages(struct leaving *x)
{
	struct mbstate	 st;
	struct span	 key, val;
	uint64_t	 id = x->mailboxes[x->at];
	uint8_t		 k[8], ks[16];
	int		 rc;

	if (!x->reading) {
		if (x->db == MOVE_VANISHED && part_get(x->part->state,
		    key_u64_2(ks, x->account, id), &c_mbstate, &st) == -1)
			return (-1);
		if (x->db == MOVE_VANISHED)
			x->uidnext = st.uidnext;
		dbenv_iter_init(&x->it, x->db == MOVE_VANISHED ?
		    x->part->vanished : x->part->index, span_of("", 0),
		    key_u64(k, id));
		x->reading = 1;
	}
	if ((rc = dbenv_iter_next(&x->it, &key, &val)) == -1)
		return (-1);
	if (rc == 1 && x->db == MOVE_VANISHED)
		return (send_record(x, MOVE_NOW, MOVE_VANISHED, key, val) ==
		    -1 ? -1 : 1);
	if (rc == 1)
		return (one_message(x, key, val));
	dbenv_iter_free(&x->it);
	x->reading = 0;
	if (x->db == MOVE_VANISHED)
		x->db++;
	else {
		x->db = MOVE_VANISHED;
		x->at++;
	}
	return (1);
}

/* 1: there is more; 0: that was all; -1 with errno. */
static int
step(struct leaving *x)
{
	if (x->size > 0)
		return (some_body(x));
	if (x->db <= MOVE_KEY)
		return (records(x) == -1 ? -1 : 1);
	if (x->at < x->nmailboxes)
		return (messages(x));
	x->ended = 1;
	return (frame(io_out(x->io), MOVE_END, 0));
}

static int
run(struct work *w)
{
	struct leaving	*x = (struct leaving *)(void *)w;
	uint64_t	 until = store_us() + TURN_US;
	int		 rc = 1;

	while (rc == 1 && io_outlen(x->io) < OUT_HIGH && store_us() < until)
		rc = step(x);
	io_kick(x->io);
	if (rc == -1)
		finish(x, errno == EILSEQ ? "a record or body is damaged: "
		    "letterctl verify" : strerror(errno));
	return (rc == 1 && io_outlen(x->io) < OUT_HIGH);
}

/* Those of a peer or of a partition (NULL: any) end. */
void
move_out_end(const struct peer *peer, const struct part *part,
    const char *why)
{
	struct leaving	*x, *next;

	for (x = LIST_FIRST(&all); x != NULL; x = next) {
		next = LIST_NEXT(x, entry);
		if ((peer != NULL && x->peer != peer) ||
		    (part != NULL && x->part != part))
			continue;
		if (part == NULL)
			x->peer = NULL;
		finish(x, why);
	}
}
