/*
 * The account's side from which it moves away.  See move.h.  It is frozen: no
 * session, no delivery, no command finds it, so that its records do not change
 * while they are read.
 */
#include <errno.h>
#include <string.h>

#include "imapd/account.h"
#include "imapd/left.h"
#include "imapd/move.h"
#include "imapd/sharing.h"
#include "utf8.h"

#define OUT_HIGH	(512 * 1024)	/* octets queued */
#define OUT_LOW		(128 * 1024)
#define TURN_US		500
#define BUSY_US		100000		/* between two looks whether it is idle */
#define BUSY_TRIES	300

struct leaving {
	struct move		 m;		/* first */
	struct event		 again;
	unsigned		 tries;
	int			 frozen;	/* on disk */

	unsigned		 db;		/* being read */
	struct dbenv_iter	 it;
	int			 reading;	/* it is under way */
	size_t			 at;		/* mailbox */
	uint32_t		 uidnext;	/* of the mailbox at work */
	struct msgrec		 rec;		/* whose body is being sent */
	struct buf		 message;	/* frame that follows the body */
	uint64_t		 off, size;
	int			 ended;		/* MOVE_END was sent */
};

static int	 run(struct work *);
static int	 step(struct leaving *);
static int	 records(struct leaving *);
static int	 messages(struct leaving *);
static int	 some_body(struct leaving *);
static void	 begin(evutil_socket_t, short, void *);
static void	 shares(struct leaving *);
static void	 marked(struct dbenv_wait *, int);
static void	 on_io(struct io *, enum io_event, void *);

/* Once that is on disk the account stays frozen until auth has said what becomes
 * of it. */
static void
drop(struct move *m, int failed)
{
	struct leaving	*x = (struct leaving *)(void *)m;

	(void)failed;
	if (!x->frozen)
		(void)account_thaw(m->part, m->account);
	event_del(&x->again);
	if (x->reading)
		dbenv_iter_free(&x->it);
	buf_free(&x->message);
}

void
move_out(struct store *st, struct peer *peer, uint32_t id,
    const struct msg_account *m, int fd)
{
	struct leaving	*x;

	if ((x = (struct leaving *)(void *)move_begin(st, peer, M_MOVE_OUT,
	    id, m, fd, sizeof(*x), on_io, drop)) == NULL)
		return;
	x->m.work.run = run;
	x->m.wait.done = marked;
	event_assign(&x->again, st->base, -1, 0, begin, x);
	io_lowat(x->m.io, OUT_LOW);
	begin(-1, 0, x);
}

/* Sessions were ended, a delivery under way is done soon; then it is frozen. */
static void
begin(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	 soon = { 0, BUSY_US };
	struct leaving			*x = arg;
	struct dbenv			*env = x->m.part->env;

	(void)fd;
	(void)what;
	if (account_freeze(x->m.part, x->m.account) == 0) {
		x->frozen = 1;
		if (dbenv_wait(env, dbenv_seq(env), &x->m.wait) == 1)
			marked(&x->m.wait, 0);
	} else if (errno == EBUSY && ++x->tries < BUSY_TRIES)
		event_add(&x->again, &soon);
	else if (errno == EBUSY)
		move_finish(&x->m, "it is in use");
	else if (errno == EXDEV)
		shares(x);
	else
		move_finish(&x->m, errno == ENOENT ? "it has no mail yet" :
		    strerror(errno));
}

/* Sharing stays inside a partition. */
static void
shares(struct leaving *x)
{
	struct buf	 b = { 0 };

	(void)buf_adds(&b, "it shares mailboxes: ");
	if (sharing_words(x->m.part, x->m.account, &b) == -1)
		move_finish(&x->m, strerror(errno));
	else {
		buf_truncate(&b, utf8_cut(span_buf(&b), MSG_TEXT_MAX));
		move_finish(&x->m, buf_cstr(&b));
	}
	buf_free(&b);
}

static void
marked(struct dbenv_wait *w, int error)
{
	struct leaving	*x = w->arg;

	if (error != 0)
		move_finish(&x->m, strerror(error));
	else
		store_work(x->m.store, &x->m.work);
}

static void
on_io(struct io *io, enum io_event what, void *arg)
{
	struct leaving	*x = arg;

	(void)io;
	if (what == IO_LOWAT)
		store_work(x->m.store, &x->m.work);
	else if (what == IO_DATA)
		io_drain(io, io_in(io).n);
	else if (what == IO_EOF && x->ended)
		move_finish(&x->m, NULL);	/* the other side has all of it */
	else
		move_gave_up(&x->m);
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
	struct buf	*b = io_out(x->m.io);

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
	uint64_t	 account, id;

	if (span_get_u64(&key, &account) == -1 ||
	    span_get_u64(&key, &id) == -1) {
		errno = EILSEQ;
		return (-1);
	}
	return (move_note_mailbox(&x->m, id));
}

/* The next record of the small databases, and of the keys of deliveries, which
 * stand by delivery: 1, or 0 when all were sent. */
static int
records(struct leaving *x)
{
	struct span	 key, val;
	uint8_t		 k[8];
	int		 rc, keys = x->db == MOVE_KEY;

	(void)key_u64(k, x->m.account);
	if (!x->reading) {
		dbenv_iter_init(&x->it, move_database(x->m.part, x->db),
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
	struct buf		*b = io_out(x->m.io);

	if (key.n != 12 || msgrec_get(val, &x->rec) == -1) {
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
	x->m.messages++;
	if (move_map_get(&x->m.bodies, x->rec.body) != 0)
		return (buf_add_span(b, span_buf(&x->message)) == -1 ? -1 : 1);
	if (body_stat(x->m.part->bodies, x->rec.body, &info) == -1 ||
	    (info.refs > 1 && move_map_set(&x->m.bodies, x->rec.body, 1) == -1))
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
	struct buf	*b = io_out(x->m.io);
	ssize_t		 n;

	if ((n = body_read(x->m.part->bodies, x->rec.body, x->off, room,
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
	uint64_t	 id = x->m.mailboxes[x->at];
	uint8_t		 k[8], ks[16];
	int		 rc;

	if (!x->reading) {
		if (x->db == MOVE_VANISHED && part_get(x->m.part->state,
		    key_u64_2(ks, x->m.account, id), &c_mbstate, &st) == -1)
			return (-1);
		if (x->db == MOVE_VANISHED)
			x->uidnext = st.uidnext;
		dbenv_iter_init(&x->it, x->db == MOVE_VANISHED ?
		    x->m.part->vanished : x->m.part->index, span_of("", 0),
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
	if (x->at < x->m.nmailboxes)
		return (messages(x));
	x->ended = 1;
	return (frame(io_out(x->m.io), MOVE_END, 0));
}

static int
run(struct work *w)
{
	struct leaving	*x = (struct leaving *)(void *)w;
	uint64_t	 until = store_us() + TURN_US;
	int		 rc = 1;

	while (rc == 1 && io_outlen(x->m.io) < OUT_HIGH && store_us() < until)
		rc = step(x);
	io_kick(x->m.io);
	if (rc == -1)
		move_finish(&x->m, errno == EILSEQ ? "a record or body is damaged: "
		    "letterctl verify" : strerror(errno));
	return (rc == 1 && io_outlen(x->m.io) < OUT_HIGH);
}
