/*
 * "letterctl export": a mailbox, or all of an account, as an mbox.  Mailboxes in
 * the order of their names, messages in that of their UIDs; what comes or goes
 * meanwhile is in it or not.  A message that has begun goes on when it is
 * expunged: a small one is written at once, the file of a large one is open.
 * One that cannot be read is left out and told.  It is answered when the receiver
 * has all of it, and with how much that was.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imapd/account.h"
#include "imapd/flags.h"
#include "mbox.h"
#include "imapd/store_ctl.h"
#include "io.h"
#include "log.h"

#define OUT_HIGH	(512 * 1024)	/* octets queued */
#define OUT_LOW		(128 * 1024)
#define READ_OCTETS	BODY_INLINE	/* of a body in one slice */

struct export {
	struct ctl_job		 job;		/* first */
	struct account		*account;
	struct io		*io;
	char			*name;		/* of the mailbox */
	int			 one;		/* it alone */
	uint64_t		 mailbox;	/* 0: look for the next */
	uint32_t		 uid;		/* the last one begun */
	int			 fd;		/* of one that goes on; or -1 */
	uint64_t		 off;
	uint64_t		 size;
	struct mbox_writer	 w;
	uint64_t		 messages;
	uint64_t		 damaged;	/* left out */
	uint64_t		 octets;	/* written, all in all */
	int			 done;		/* what is queued is the last */
};

static int	 run(struct work *);
static int	 step(struct export *);
static int	 next_mailbox(struct export *);
static int	 next_message(struct export *, struct mailbox *);
static ssize_t	 first_octets(struct export *, uint64_t, uint8_t *);
static int	 begin_message(struct export *, const struct mailbox *,
		    const struct msgrec *);
static int	 some_body(struct export *);
static int	 end_message(struct export *);
static int	 damaged(struct export *, const struct mailbox *, int);
static void	 on_io(struct io *, enum io_event, void *);
static void	 finish(struct export *, const char *);
static void	 whole(struct export *);
static void	 stop(struct ctl_job *);

static void
drop(struct export *x)
{
	if (x->io != NULL)
		io_free(x->io);
	if (x->fd != -1)
		close(x->fd);
	account_put(x->account);
	free(x->name);
	free(x);
}

static void
finish(struct export *x, const char *why)
{
	ctl_job_end(&x->job, 1, why);
	drop(x);
}

/* Nothing is queued any more. */
static void
whole(struct export *x)
{
	struct json_object	*o = json_object_new_object();
	struct buf		 text = { 0 };
	struct page		 page = { 0 };

	io_set(x->io, NULL, NULL);
	io_finish(x->io);
	x->io = NULL;
	row_num(o, "messages", x->messages);
	row_num(o, "octets", x->octets);
	row_num(o, "damaged", x->damaged);
	(void)page_row(&page, o);
	(void)buf_addf(&text, "%llu messages",
	    (unsigned long long)x->messages);
	ctl_job_done(&x->job, &page, buf_cstr(&text));
	buf_free(&text);
	drop(x);
}

static void
stop(struct ctl_job *j)
{
	finish((struct export *)(void *)j, "given up");
}

static void
on_io(struct io *io, enum io_event what, void *arg)
{
	struct export	*x = arg;

	switch (what) {
	case IO_DATA:
		io_drain(io, io_in(io).n);
		break;
	case IO_LOWAT:
		store_work(x->job.store, &x->job.work);
		break;
	case IO_EOF:	/* it only reads */
		break;
	default:
		finish(x, "the receiver went away");
	}
}

/* The first mailbox behind the last: 1, 0 at the end. */
static int
next_mailbox(struct export *x)
{
	struct account	*a = x->account;
	struct span	 name = span_str(x->name == NULL ? "" : x->name);
	size_t		 i = x->one ? mailbox_lower(a, name) :
			    mailbox_behind(a, name);
	char		*copy;

	if (i == a->nmailboxes || (x->one && x->uid != 0))
		return (0);
	if ((copy = strdup(a->mailboxes[i]->name)) == NULL)
		return (-1);
	free(x->name);
	x->name = copy;
	x->mailbox = a->mailboxes[i]->id;
	x->uid = 0;
	return (1);
}

/* Its From_ line has the sender of the Return-Path, if that comes first. */
static void
sender_of(struct buf *b, struct span octets)
{
	static const char	 path[] = "Return-Path: <";
	struct span		 who;

	if (octets.n > 512)
		octets.n = 512;
	if (octets.n < sizeof(path) ||
	    memcmp(octets.p, path, sizeof(path) - 1) != 0)
		return;
	octets.p += sizeof(path) - 1;
	octets.n -= sizeof(path) - 1;
	if (span_split(&octets, '>', &who) == 1 && span_find(who, '\n') == -1)
		(void)buf_add_span(b, who);
}

/* All of a small one; of a large one, whose file is open then, the first. */
static ssize_t
first_octets(struct export *x, uint64_t body, uint8_t *room)
{
	struct body		*bodies = x->account->part->bodies;
	struct body_info	 info;
	ssize_t			 n;

	if (body_stat(bodies, body, &info) == -1)
		return (-1);
	x->size = info.size;
	x->off = 0;
	if (info.big)
		n = (x->fd = body_fd(bodies, body)) == -1 ? -1 :
		    pread(x->fd, room, READ_OCTETS, 0);
	else
		n = body_read(bodies, body, 0, room, READ_OCTETS);
	if (n != -1 && (uint64_t)n < x->size && !info.big) {
		errno = EILSEQ;
		return (-1);
	}
	return (n);
}

static int
begin_message(struct export *x, const struct mailbox *mb,
    const struct msgrec *r)
{
	static uint8_t	 room[READ_OCTETS];
	struct mbox_meta m = { .date = (int64_t)r->date, .zone = r->zone };
	struct buf	 flags = { 0 }, sender = { 0 };
	uint8_t		 last = '\n';
	ssize_t		 n;
	int		 rc;

	if ((n = first_octets(x, r->body, room)) == -1)
		return (-1);
	if (x->fd == -1 && n > 0)
		last = room[n - 1];
	else if (x->fd != -1 && pread(x->fd, &last, 1,
	    (off_t)x->size - 1) != 1) {
		errno = EILSEQ;		/* a file that is too short */
		return (-1);
	}
	m.noeol = last != '\n';
	m.mailbox = span_str(mb->name);
	(void)keywords_write(&flags, mb, r->keywords, flags_write(&flags,
	    r->flags, ""));
	m.flags = span_buf(&flags);
	sender_of(&sender, span_of(room, (size_t)n));
	rc = mbox_begin(&x->w, io_out(x->io), span_buf(&sender), &m);
	buf_free(&flags);
	buf_free(&sender);
	if (rc == 0 && x->fd == -1 && (mbox_octets(&x->w, io_out(x->io),
	    span_of(room, (size_t)n)) == -1 || end_message(x) == -1))
		rc = -1;
	return (rc);
}

/* What is behind it is exported nevertheless. */
static int
damaged(struct export *x, const struct mailbox *mb, int error)
{
	if (error != EILSEQ && error != ENOENT)
		return (-1);
	log_error("account %s: export: message %u of %s is damaged and left "
	    "out", log_escs(x->account->name), x->uid, log_escs(mb->name));
	x->damaged++;
	if (x->fd != -1)
		close(x->fd);
	x->fd = -1;
	return (1);
}

/* 1: one is begun; 0: this was the last of the mailbox. */
static int
next_message(struct export *x, struct mailbox *mb)
{
	struct part	*p = x->account->part;
	struct span	 key, val;
	struct msgrec	 r;
	uint8_t		 k[12];
	int		 rc;

	rc = dbenv_next(p->index, key_msg(k, mb->id, x->uid + 1), &key, &val);
	if (rc == -1 && errno != EILSEQ)
		return (errno == ENOENT ? 0 : -1);
	if (key.n != 12 || memcmp(key.p, k, 8) != 0 ||
	    key_uid(key) >= mb->st.uidnext)
		return (0);
	x->uid = key_uid(key);
	if (rc == -1 || msgrec_get(val, &r) == -1)
		return (damaged(x, mb, EILSEQ));
	return (begin_message(x, mb, &r) == -1 ? damaged(x, mb, errno) : 1);
}

static int
end_message(struct export *x)
{
	if (x->fd != -1)
		close(x->fd);
	x->fd = -1;
	x->messages++;
	return (mbox_end(&x->w, io_out(x->io)));
}

static int
some_body(struct export *x)
{
	static uint8_t	 room[READ_OCTETS];
	ssize_t		 n;

	n = pread(x->fd, room, sizeof(room), (off_t)x->off);
	if (n == -1)
		return (-1);
	x->off += (uint64_t)n;
	if (mbox_octets(&x->w, io_out(x->io), span_of(room,
	    (size_t)n)) == -1)
		return (-1);
	if (n > 0 && x->off < x->size)
		return (1);
	return (end_message(x) == -1 ? -1 : 1);
}

/* 1: there is more; 0: that was all; -1. */
static int
step(struct export *x)
{
	struct mailbox	*mb;
	int		 rc;

	if (x->fd != -1)
		return (some_body(x));
	if (x->mailbox == 0)
		return (next_mailbox(x));
	mb = mailbox_by_id(x->account, x->mailbox);
	if (mb == NULL || (rc = next_message(x, mb)) == 0) {
		x->mailbox = 0;
		return (x->one ? 0 : 1);
	}
	return (rc);
}

static int
run(struct work *w)
{
	struct export	*x = (struct export *)(void *)w;
	uint64_t	 until = store_us() + 500;
	size_t		 had = io_outlen(x->io);
	int		 rc = x->done ? 0 : 1;

	while (rc == 1 && io_outlen(x->io) < OUT_HIGH && store_us() < until)
		rc = step(x);
	if (rc == -1) {
		finish(x, strerror(errno));
		return (0);
	}
	x->octets += io_outlen(x->io) - had;
	if (rc == 0) {
		x->done = 1;
		io_lowat(x->io, 0);
	}
	io_kick(x->io);
	if (rc == 1)
		return (io_outlen(x->io) < OUT_HIGH);
	if (io_outlen(x->io) == 0)
		whole(x);
	return (0);
}

void
ctl_export(struct ctl_ask *a)
{
	struct export	*x;
	struct account	*acc;
	struct mailbox	*mb = NULL;
	const char	*why = NULL;

	if ((acc = ctl_account(a)) == NULL)
		return;
	if (a->nargs > 3 &&
	    (mb = mailbox_called(acc, a->args[3].arg)) == NULL)
		why = "no such mailbox";
	else if (a->imsg->fd == -1)
		why = "no descriptor to write to";
	if (why != NULL || (x = calloc(1, sizeof(*x))) == NULL) {
		page_error(a->peer, a->imsg->id, "%s", why != NULL ? why :
		    strerror(errno));
		account_put(acc);
		return;
	}
	x->account = acc;
	x->fd = -1;
	x->job.work.run = run;
	if (mb != NULL) {
		x->one = 1;
		x->mailbox = mb->id;
	}
	ctl_job_begin(&x->job, a->store, a->peer, a->imsg->id, stop);
	x->io = io_new(a->store->base, a->imsg->fd, on_io, x);
	a->imsg->fd = -1;
	if (x->io == NULL) {
		finish(x, "no memory");
		return;
	}
	io_lowat(x->io, OUT_LOW);
	store_work(a->store, &x->job.work);
}
