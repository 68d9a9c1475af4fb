/*
 * "letterctl import": an mbox into a mailbox, or, without one, into the
 * mailboxes that its X-Letterlock lines name.  All messages for one mailbox that
 * stand together become messages at once, at their end (stage.h); where they
 * have marks, sooner, and the mark that was reached is an annotation of the
 * account that is written with them.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imapd/account.h"
#include "imapd/annotation.h"
#include "imapd/flags.h"
#include "imapd/intake.h"
#include "date.h"
#include "header.h"
#include "mbox.h"
#include "imapd/stage.h"
#include "imapd/store_ctl.h"
#include "io.h"

#define MEMORY		65536		/* octets of one message in memory */
#define IN_MAX		(256 * 1024)	/* octets read ahead */
#define SLICE		16384		/* octets fed at once */
#define MARK_EVERY	2000		/* messages */
#define MARK_KEY	16		/* hexadecimal digits, then ":" */
#define MARK_MAX	(MARK_KEY + 1 + 32)
#define MARKS		ANNOTATION_OURS "import/"

struct import {
	struct ctl_job		 job;		/* first */
	struct account		*account;
	struct io		*io;
	int			 ended;		/* nothing more comes */
	int			 broken;	/* but there was more */
	struct mbox_reader	 reader;
	struct buf		 name;		/* of the mailbox, or empty */
	struct buf		 at;		/* of the one at work */
	struct stage		*stage;
	struct msgrec		 rec;
	struct buf		 mem;		/* the message being read */
	int			 fd;		/* its spool, or -1 */
	uint64_t		 size;
	struct intake		 in;
	int			 taking;	/* in is under way */
	int			 only;		/* the mailbox, no message */
	int			 foreign;	/* its flags are in its header */
	int			 undated;	/* and its date */
	int			 begun;		/* it is not the first one */
	uint64_t		 messages;
	struct buf		 mark;		/* of the message at work */
	struct buf		 reached;	/* of the last one staged */
	uint64_t		 seq;		/* of what was written last */
	uint64_t		 group;		/* of the last stage that ended */
	uint64_t		 kept;		/* messages of all that ended, */
	uint64_t		 before;	/* without those of that group */
	struct part_watch	 watch;
	struct dbenv_wait	 wait;
	const char		*why;		/* it failed */
};

static int	 run(struct work *);
static int	 on_begin(void *, const struct mbox_meta *);
static int	 on_octets(void *, struct span);
static int	 on_end(void *);
static void	 on_intake(struct intake *, int);
static void	 on_io(struct io *, enum io_event, void *);
static void	 on_flushed(struct dbenv_wait *, int);
static void	 on_undone(struct part_watch *, uint64_t, int);
static int	 into(struct import *, struct span, struct span);
static int	 put(struct import *);
static int	 commit(struct import *);
static void	 finish(struct import *, const char *);
static void	 stop(struct ctl_job *);

static const struct mbox_ops	 ops = { on_begin, on_octets, on_end };

/* What an error is to an administrator. */
static const char *
reason(int error)
{
	static const struct { int error; const char *text; } reasons[] = {
		{ EINVAL,	"this is no mbox" },
		{ EAGAIN,	"into this mailbox another import is under way, "
		    "or what one left is being removed: try again later" },
		{ ENOSPC,	"the disk is full" },
		{ EFBIG,	"the message is too large" },
		{ EMLINK,	"there are too many mailboxes, or messages in "
		    "this one" },
		{ ENOENT,	"the mailbox was removed meanwhile" },
		{ ENAMETOOLONG,	"its mailbox has a name that none can "
		    "have here" },
	};
	size_t	 i;

	for (i = 0; i < nitems(reasons); i++)
		if (reasons[i].error == error)
			return (reasons[i].text);
	return (strerror(error));
}

static void
drop(struct import *x)
{
	io_free(x->io);
	stage_free(x->stage);
	if (x->in.part != NULL)
		intake_free(&x->in);
	if (x->fd != -1)
		close(x->fd);
	dbenv_unwait(x->account->part->env, &x->wait);
	LIST_REMOVE(&x->watch, entry);
	mbox_reader_free(&x->reader);
	buf_free(&x->mem);
	buf_free(&x->mark);
	buf_free(&x->reached);
	buf_free(&x->name);
	buf_free(&x->at);
	account_put(x->account);
	free(x);
}

/* How many messages are in, of those that came first. */
static uint64_t
kept(const struct import *x)
{
	return (dbenv_committed(x->account->part->env) >= x->group ? x->kept :
	    x->before);
}

static void
finish(struct import *x, const char *why)
{
	struct buf	 text = { 0 };

	if (why == NULL)
		(void)buf_addf(&text, "%llu messages",
		    (unsigned long long)x->messages);
	else
		(void)buf_addf(&text, "%s, at message %llu: the first %llu "
		    "are in", why, (unsigned long long)x->messages + 1,
		    (unsigned long long)kept(x));
	ctl_job_end(&x->job, why != NULL, buf_cstr(&text));
	buf_free(&text);
	drop(x);
}

static void
stop(struct ctl_job *j)
{
	finish((struct import *)(void *)j, "given up");
}

/* Who has sent all of it ends its side alone, and waits for the answer. */
static int
is_closed(struct io *io)
{
	struct pollfd	 p = { .fd = io_fd(io) };

	return (poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0);
}

static void
on_io(struct io *io, enum io_event what, void *arg)
{
	struct import	*x = arg;

	switch (what) {
	case IO_DATA:
		break;
	case IO_EOF:
		x->ended = 1;
		x->broken = is_closed(io);
		break;
	case IO_LOWAT:
		return;
	default:
		x->ended = x->broken = 1;
	}
	store_work(x->job.store, &x->job.work);
}

/* ---- what the reader finds ---------------------------------------------------- */

/* The name of the annotation that a mark's key stands for. */
static struct span
mark_name(struct span key, char room[sizeof(MARKS) + MARK_KEY])
{
	size_t	 i;

	for (i = 0; i < key.n; i++)
		if (memchr("0123456789abcdef", key.p[i], 16) == NULL)
			break;
	if (key.n != MARK_KEY || i < key.n)
		return (span_of("", 0));
	memcpy(room, MARKS, sizeof(MARKS) - 1);
	memcpy(room + sizeof(MARKS) - 1, key.p, key.n);
	return (span_of(room, sizeof(MARKS) - 1 + key.n));
}

/* In the command that makes them messages: both or neither. */
static int
write_mark(void *arg)
{
	struct import		*x = arg;
	struct annotation_sum	 sum = { 0 };
	struct span		 value = span_buf(&x->reached), key, name;
	char			 room[sizeof(MARKS) + MARK_KEY];

	if (span_split(&value, ':', &key) == 0 ||
	    (name = mark_name(key, room)).n == 0)
		return (0);
	return (annotation_set(x->account, 0, name, &value, &sum));
}

/* A command of ours is in the open group. */
static void
wrote(struct import *x)
{
	x->seq = dbenv_seq(x->account->part->env);
}

/* What is staged so far, and where the next message goes. */
static int
commit(struct import *x)
{
	uint64_t	 seq;
	int		 rc;

	if (x->stage == NULL)
		return (0);
	stage_with(x->stage, write_mark, x);
	rc = stage_commit(x->stage, &seq);
	if (rc == 0 && seq != 0) {
		x->seq = x->account->seq = seq;
		if (x->group != seq) {
			x->group = seq;
			x->before = x->kept;
		}
		x->kept = x->messages;
	}
	buf_reset(&x->reached);
	stage_free(x->stage);
	x->stage = NULL;
	return (rc);
}

/* The last mark of each key is to be written, and all after so many messages. */
static int
is_mark_due(const struct import *x, struct span mark)
{
	struct span	 reached = span_buf(&x->reached), key, next;

	if (x->reached.n == 0)
		return (0);
	(void)span_split(&reached, ':', &key);
	(void)span_split(&mark, ':', &next);
	return (!span_eq(key, next) || stage_count(x->stage) >= MARK_EVERY);
}

/* The mailbox of that name, which is in its form, is where messages go. */
static int
into(struct import *x, struct span name, struct span mark)
{
	struct mailbox	*mb;

	if (x->stage != NULL) {
		if ((mb = stage_mailbox(x->stage)) == NULL) {
			errno = ENOENT;
			return (-1);
		}
		if (span_eqs(name, mb->name) && !is_mark_due(x, mark))
			return (0);
		if (commit(x) == -1)
			return (-1);
	}
	if ((mb = mailbox_named(x->account, name)) == NULL &&
	    (mailbox_create(x->account, name, 0, &mb) == -1 ||
	    account_subscribe(x->account, name, 1) == -1))
		return (-1);
	wrote(x);
	x->stage = stage_new(mb);
	return (x->stage == NULL ? -1 : 0);
}

/* An mbox may have anything between its spaces. */
static int
is_keyword(struct span s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f ||
		    strchr("(){%*\"\\]", s.p[i]) != NULL)
			return (0);
	return (s.n > 0);
}

static int
flags(struct import *x, struct span s)
{
	struct mailbox	*mb = stage_mailbox(x->stage);
	struct span	 word;
	int		 more, bit;

	do {
		more = span_split(&s, ' ', &word);
		x->rec.flags |= flag_bit(word);
		if (!is_keyword(word) || mb == NULL)
			continue;
		/* More than there is room for are left out. */
		if ((bit = mailbox_keyword_add(mb, word)) != -1)
			x->rec.keywords |= (uint64_t)1 << bit;
		else if (errno != EMLINK)
			return (-1);
		wrote(x);
	} while (more);
	return (0);
}

static int
on_begin(void *arg, const struct mbox_meta *m)
{
	struct import	*x = arg;

	buf_reset(&x->at);
	if (mailbox_own_name(&x->at, x->name.n > 0 ? span_buf(&x->name) :
	    m->mailbox.n > 0 ? m->mailbox : span_str("INBOX")) == -1) {
		/* It is another one: what came before is whole. */
		if (errno != ENOMEM && commit(x) == 0)
			errno = ENAMETOOLONG;
		return (-1);
	}
	if (into(x, span_buf(&x->at), m->mark) == -1)
		return (-1);
	x->only = m->only;
	x->foreign = !m->ours;
	x->undated = m->date < 0;
	memset(&x->rec, 0, sizeof(x->rec));
	x->rec.date = m->date < 0 ? store_time() : (uint64_t)m->date;
	x->rec.zone = (int16_t)m->zone;
	x->size = 0;
	buf_reset(&x->mark);
	if (m->mark.n <= MARK_MAX)
		(void)buf_add_span(&x->mark, m->mark);
	return (flags(x, m->flags));
}

/* From_ has none that is known: when it was sent, then. */
static void
sent(struct import *x)
{
	struct header_field	 f;
	struct date		 d;

	if (header_find(span_buf(&x->mem), "Date", 0, &f) == 0 ||
	    date_parse(f.value, &d) == -1 || d.time < 0)
		return;
	x->rec.date = (uint64_t)d.time;
	x->rec.zone = (int16_t)(d.zone % 1440);
}

/*
 * The header is in memory, as much of it as ever is.  What another program keeps
 * of the mbox itself is the first in it; one that looks so behind it was mailed.
 */
static int
foreign(struct import *x)
{
	struct buf	 b = { .max = MEMORY };
	int		 rc, first = !x->begun;

	if (!x->foreign)
		return (0);
	x->foreign = 0;
	x->begun = 1;
	if (x->undated)
		sent(x);
	if (mbox_flags(span_buf(&x->mem), &b) == 1 && first)
		x->only = 1;
	rc = flags(x, span_buf(&b));
	buf_free(&b);
	return (rc);
}

static int
spool(struct import *x, struct span s)
{
	if ((x->fd == -1 &&
	    (x->fd = body_spool(x->account->part->bodies)) == -1) ||
	    body_spool_write(x->fd, s, x->size) == -1)
		return (-1);
	x->size += s.n;
	return (0);
}

static int
on_octets(void *arg, struct span s)
{
	struct import	*x = arg;
	int		 rc;

	if (x->only)
		return (0);
	if (x->size + x->mem.n + s.n > MESSAGE_MAX) {
		errno = EFBIG;
		return (-1);
	}
	if (x->fd == -1 && x->mem.n + s.n <= MEMORY)
		return (buf_add_span(&x->mem, s));
	if (foreign(x) == -1)
		return (-1);
	if (x->only) {
		buf_free(&x->mem);
		return (0);
	}
	rc = x->mem.n > 0 ? spool(x, span_buf(&x->mem)) : 0;
	buf_free(&x->mem);
	return (rc == -1 ? -1 : spool(x, s));
}

static int
on_end(void *arg)
{
	struct import	*x = arg;
	int		 rc;

	if (foreign(x) == -1)
		return (-1);
	if (x->only) {
		buf_reset(&x->mem);
		return (0);
	}
	x->in.done = on_intake;
	x->in.arg = x;
	rc = intake_start(&x->in, x->account->part, x->fd, x->fd == -1 ?
	    span_buf(&x->mem) : span_of("", 0), 0, MESSAGE_MAX);
	buf_reset(&x->mem);
	if (x->fd != -1)
		close(x->fd);
	x->fd = -1;
	if (rc == 0)		/* a large one: nothing is read meanwhile */
		x->taking = 1;
	return (rc == 1 ? put(x) : rc == 0 ? 1 : -1);
}

/* The message into the stage. */
static int
put(struct import *x)
{
	struct dbenv	*env = x->account->part->env;

	if (dbenv_begin(env) == -1)
		return (-1);
	if (intake_put(&x->in, 1, &x->rec) == -1 ||
	    stage_add(x->stage, &x->rec) == -1) {
		dbenv_abort(env);
		return (-1);
	}
	if (dbenv_commit(env) == -1)
		return (-1);
	wrote(x);
	intake_free(&x->in);
	x->messages++;
	buf_reset(&x->reached);
	return (buf_add_span(&x->reached, span_buf(&x->mark)));
}

static void
on_intake(struct intake *in, int error)
{
	struct import	*x = in->arg;

	x->taking = 0;
	if (error == 0 && put(x) == -1)
		error = errno;
	if (error != 0)
		x->why = reason(error);
	store_work(x->job.store, &x->job.work);
}

/* ---- its work ----------------------------------------------------------------- */

static void
on_flushed(struct dbenv_wait *w, int error)
{
	finish(w->arg, error == 0 ? NULL : reason(error));
}

/* What came behind it is worth nothing without it, nor is the count. */
static void
on_undone(struct part_watch *w, uint64_t seq, int error)
{
	struct import	*x = w->arg;

	if (x->seq < seq)
		return;
	if (x->group >= seq) {
		x->kept = x->before;
		x->group = 0;
	}
	x->why = reason(error);
	store_work(x->job.store, &x->job.work);
}

static int
end(struct import *x)
{
	struct dbenv	*env = x->account->part->env;

	if (x->broken) {
		/* Where it can go on behind them, those that are whole stay. */
		finish(x, x->reached.n > 0 && commit(x) == -1 ?
		    reason(errno) : "it was broken off");
		return (0);
	}
	if (mbox_feed_end(&x->reader) == -1 || (!x->taking &&
	    commit(x) == -1)) {
		finish(x, reason(errno));
		return (0);
	}
	if (x->taking) {	/* the last one, a large one */
		mbox_reader_free(&x->reader);
		mbox_reader_init(&x->reader, &ops, x);
		return (0);
	}
	x->wait.done = on_flushed;
	x->wait.arg = x;
	if (x->seq == 0 || dbenv_wait(env, x->seq, &x->wait) == 1)
		finish(x, NULL);
	return (0);
}

static int
run(struct work *w)
{
	struct import	*x = (struct import *)(void *)w;
	uint64_t	 until = store_us() + 500;
	struct span	 in;
	size_t		 had;

	while (x->why == NULL && !x->taking && store_us() < until) {
		in = io_in(x->io);
		if (in.n == 0)
			break;
		if (in.n > SLICE)
			in.n = SLICE;
		had = in.n;
		if (mbox_feed(&x->reader, &in) == -1)
			x->why = reason(errno);
		io_drain(x->io, had - in.n);
	}
	if (x->why != NULL) {
		finish(x, x->why);
		return (0);
	}
	if (x->taking)
		return (0);
	if (io_in(x->io).n == 0)
		return (x->ended ? end(x) : 0);
	return (1);
}

void
ctl_import(struct ctl_ask *a)
{
	struct import	*x;
	struct account	*acc;
	struct buf	 name = { 0 };
	const char	*why = NULL;

	if ((acc = ctl_account(a)) == NULL)
		return;
	if (a->imsg->fd == -1)
		why = "no descriptor to read from";
	else if (!dbenv_writable(acc->part->env))
		why = "the disk is full";
	else if (a->nargs > 3 && mailbox_own_name(&name, a->args[3].arg) == -1)
		why = "not a possible name";
	if (why != NULL || (x = calloc(1, sizeof(*x))) == NULL) {
		page_error(a->peer, a->imsg->id, "%s", why != NULL ? why :
		    strerror(errno));
		buf_free(&name);
		account_put(acc);
		return;
	}
	x->account = acc;
	x->name = name;
	x->fd = -1;
	x->job.work.run = run;
	x->watch.undone = on_undone;
	x->watch.arg = x;
	LIST_INSERT_HEAD(&acc->part->watches, &x->watch, entry);
	mbox_reader_init(&x->reader, &ops, x);
	ctl_job_begin(&x->job, a->store, a->peer, a->imsg->id, stop);
	x->io = io_new(a->store->base, a->imsg->fd, on_io, x);
	a->imsg->fd = -1;
	if (x->io == NULL) {
		finish(x, "no memory");
		return;
	}
	io_inmax(x->io, IN_MAX);
}

/* How far an import came, by the key of its marks: a text, or none. */
void
ctl_import_mark(struct ctl_ask *a)
{
	struct account	*acc;
	struct span	 name, value = span_of("", 0);
	char		 room[sizeof(MARKS) + MARK_KEY];

	if ((acc = ctl_account(a)) == NULL)
		return;
	name = mark_name(a->nargs > 3 ? a->args[3].arg : value, room);
	if (name.n == 0 || (annotation_get(acc, 0, name, &value) == -1 &&
	    errno != ENOENT))
		page_error(a->peer, a->imsg->id, "%s", name.n == 0 ?
		    "that is no mark" : strerror(errno));
	else
		page_answer(a->peer, a->imsg->id, NULL, value, span_str(""));
	account_put(acc);
}
