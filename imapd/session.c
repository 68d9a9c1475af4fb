/*
 * The life of an IMAP session: its turns, its output, its end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imapcap.h"
#include "imapd/append.h"
#include "imapd/notify.h"
#include "imapd/place.h"
#include "imapd/session.h"
#include "io.h"
#include "log.h"

#define REST	5		/* seconds of silence */

static int	 run(struct work *);
static int	 turn(struct session *);
static void	 on_io(struct io *, enum io_event, void *);
static void	 on_flushed(struct dbenv_wait *, int);
static int	 flushed(struct session *);
static void	 send_out(struct session *);
static void	 command_end(struct session *);
static void	 greet(struct session *, const struct msg_session *);

static struct session *
session_alloc(struct store *store, const struct msg_session *m)
{
	struct session	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	s->store = store;
	s->work.run = run;
	s->id = store->next_session += store->step_session;
	s->since = s->last_in = s->last_out = store_now();
	s->state = ST_AUTH;
	s->serial = m->password_serial;
	s->tls = m->tls;
	s->admin = m->admin;
	s->seen.news = session_news;
	s->keylen = m->key.n;
	if ((s->address = span_dup(m->address)) == NULL ||
	    (s->mech = span_dup(m->mech)) == NULL ||
	    (s->remote = span_dup(m->remote)) == NULL ||
	    (s->key = malloc(m->key.n + 1)) == NULL ||
	    buf_add_span(&s->pending, m->pending) == -1) {
		session_free(s);
		errno = ENOMEM;
		return (NULL);
	}
	if (m->key.n > 0)
		memcpy(s->key, m->key.p, m->key.n);
	append_lexer(s);
	return (s);
}

int
session_new(struct store *store, struct part *part,
    const struct msg_session *m, const struct session_limits *limits, int fd)
{
	struct session	*s;
	int		 e;

	if ((s = session_alloc(store, m)) == NULL) {
		close(fd);
		return (-1);
	}
	s->limits = *limits;
	if (!imapcap_on(limits->off, "MESSAGELIMIT"))
		s->limits.messages = 0;
	if (!imapcap_on(limits->off, "SAVELIMIT"))
		s->limits.saves = 0;
	if ((s->account = account_get(part, m->account, m->name)) == NULL)
		goto err;
	if (s->account->nsessions >= store->limits.sessions) {
		errno = EMLINK;
		goto err;
	}
	if ((s->io = io_new(store->base, fd, on_io, s)) == NULL) {
		fd = -1;
		errno = ENOMEM;
		goto err;
	}
	io_lowat(s->io, store->limits.out_low);
	s->work.share = &s->account->share;
	s->account->nsessions++;
	TAILQ_INSERT_TAIL(&store->sessions, s, entry);
	store->nsessions++;
	log_debug("session i%llu: account %s, %s from %s",
	    (unsigned long long)s->id, log_escs(s->account->name),
	    log_escs(s->mech), log_escs(s->remote));
	greet(s, m);
	/* The account may have been made just now. */
	session_hold(s, s->account->seq);
	s->phase = PHASE_FLUSH;
	session_wake(s);
	return (0);
err:
	e = errno;
	if (fd != -1)
		close(fd);
	session_free(s);
	errno = e;
	return (-1);
}

/* The answer to the login command, or a PREAUTH greeting, RFC 3501 7.1.4. */
static void
greet(struct session *s, const struct msg_session *m)
{
	if (m->preauth || m->tag.n == 0)
		(void)buf_adds(&s->reply, "* PREAUTH [");
	else {
		(void)buf_add_span(&s->reply, m->tag);
		(void)buf_adds(&s->reply, " OK [");
	}
	session_capability(s, &s->reply);
	(void)buf_adds(&s->reply, m->preauth || m->tag.n == 0 ?
	    "] Letterlock ready" : "] Logged in");
}

void
session_free(struct session *s)
{
	if (s == NULL)
		return;
	store_unwork(s->store, &s->work);
	if (s->data_free != NULL)
		s->data_free(s->data);
	append_free(s);
	notify_free(s->notify);
	session_unselect(s);
	place_drop(s);
	if (s->account != NULL) {
		dbenv_unwait(s->account->part->env, &s->wait);
		if (s->io != NULL)
			s->account->nsessions--;
		account_put(s->account);
	}
	if (s->account != NULL)
		log_debug("session i%llu: ended", (unsigned long long)s->id);
	if (s->io != NULL) {
		TAILQ_REMOVE(&s->store->sessions, s, entry);
		s->store->nsessions--;
		io_free(s->io);
	}
	lex_free(&s->lex);
	buf_freezero(&s->pending);
	buf_free(&s->scratch);
	buf_free(&s->out);
	buf_free(&s->reply);
	free(s->address);
	free(s->mech);
	free(s->remote);
	free(s->key);
	free(s);
}

void
session_bye(struct session *s, const char *text)
{
	struct io	*io = s->io;

	/* In the middle of an answer it would be taken for a part of it. */
	if (s->phase != PHASE_OVER && !s->half)
		(void)io_printf(io, "* BYE %s\r\n", text);
	s->phase = PHASE_OVER;
	/* The socket lives on until the client took its BYE. */
	TAILQ_REMOVE(&s->store->sessions, s, entry);
	s->store->nsessions--;
	s->account->nsessions--;
	s->io = NULL;
	io_set(io, on_io, NULL);
	io_finish(io);
	session_free(s);
}

void
session_wake(struct session *s)
{
	store_work(s->store, &s->work);
}

struct buf *
session_out(struct session *s)
{
	return (&s->out);
}

void
session_hold(struct session *s, uint64_t seq)
{
	if (seq > s->hold)
		s->hold = seq;
}

void
session_hold_mailbox(struct session *s, const struct mailbox *mb)
{
	session_hold(s, mb->seq);
	if (mb->late > s->late)
		s->late = mb->late;
}

int
session_room(struct session *s)
{
	return (s->out.n + io_outlen(s->io) < s->store->limits.out_high);
}

enum step
session_begin(struct session *s, enum step (*step)(struct session *),
    void *data, void (*data_free)(void *))
{
	s->step = step;
	s->data = data;
	s->data_free = data_free;
	return (STEP_AGAIN);
}

void
session_unselect(struct session *s)
{
	int	 untold;

	s->state = ST_AUTH;
	s->untold = 0;
	if (s->notify != NULL && s->seen.view != NULL) {
		untold = !s->seen.view->mb->removed && seen_news(&s->seen, 1);
		notify_left(s, untold);
	}
	seen_close(&s->seen);
	account_put(s->guest);
	s->guest = NULL;
	seqset_free(&s->saved);
	s->seen.news = session_news;
}

void
session_rights(struct store *st)
{
	struct session	*s;

	TAILQ_FOREACH(s, &st->sessions, entry)
		if (s->state == ST_SELECTED && s->guest != NULL &&
		    (place_selected(s) & RIGHT_READ) == 0) {
			s->seen.lost = SEEN_RIGHTS;
			session_wake(s);
		}
}

int
session_visits(const struct session *s, uint64_t account)
{
	return ((s->guest != NULL && s->guest->id == account) ||
	    (s->looked[0] != NULL && s->looked[0]->id == account) ||
	    (s->looked[1] != NULL && s->looked[1]->id == account));
}

/* Output goes to the socket; a large buffer changes hands.  As long as a command
 * has more to say, two of them go to and fro. */
static void
send_out(struct session *s)
{
	struct buf	*to, tmp;

	if (s->out.n == 0)
		return;
	io_busy(s->io, s->phase == PHASE_STEP);
	s->half = s->literal || s->out.p[s->out.n - 1] != '\n';
	to = io_out(s->io);
	if (to->n == 0) {
		tmp = *to;
		*to = s->out;
		to->max = tmp.max;
		s->out = tmp;
		s->out.max = 0;
	} else
		(void)buf_add(to, s->out.p, s->out.n);
	if (s->phase == PHASE_STEP)
		buf_reset(&s->out);
	else
		buf_freezero(&s->out);
	io_kick(s->io);
	s->last_out = store_now();
}

/* What was to be said did not happen, or not all of it. */
static void
take_back(struct session *s, int error)
{
	buf_reset(&s->out);
	s->broken |= s->half;	/* it cannot be unsaid */
	if (s->phase == PHASE_FLUSH && s->command == NULL) {
		buf_reset(&s->reply);
		(void)buf_adds(&s->reply,
		    "* BYE [UNAVAILABLE] try again later");
		s->over = 1;
	} else if (s->phase == PHASE_FLUSH || s->phase == PHASE_PAUSE ||
	    s->phase == PHASE_STEP) {
		(void)session_no(s, error);
		s->unselect = s->command != NULL &&
		    (s->command->flags & CF_SELECTS) != 0;
		s->phase = PHASE_FLUSH;
	} else if (s->phase == PHASE_PUSH) {
		notify_lost(s);
		s->phase = s->resume;
	}
	s->hold = s->late = s->wrote = 0;
}

static void
on_flushed(struct dbenv_wait *w, int error)
{
	struct session	*s = w->arg;

	s->waiting = 0;
	if (error != 0)
		take_back(s, error);
	session_wake(s);
}

/*
 * A group was undone.  Who waits for it is told by its wait; a command that
 * wrote in it and goes on, or has not come to waiting yet, or waits for an
 * earlier one, is told here.
 */
void
session_undone(struct session *s, uint64_t seq, int error)
{
	if ((s->waiting && s->wait.seq == seq) ||
	    (s->hold < seq && s->late < seq && s->wrote < seq))
		return;
	dbenv_unwait(s->account->part->env, &s->wait);
	s->waiting = 0;
	take_back(s, error);
	session_wake(s);
}

/* 1: all that this session's output depends on is on disk. */
static int
flushed(struct session *s)
{
	struct dbenv	*env = s->account->part->env;

	if (s->late > dbenv_committed(env))
		dbenv_turn_end(env);
	s->late = 0;
	if (s->hold == 0 || s->hold <= dbenv_flushed(env)) {
		s->hold = 0;
		return (1);
	}
	if (s->waiting)
		return (0);
	s->wait.done = on_flushed;
	s->wait.arg = s;
	if (dbenv_wait(env, s->hold, &s->wait) == 1) {
		s->hold = 0;
		return (1);
	}
	s->waiting = 1;
	return (0);
}

/* Is the tagged answer a BAD? */
static int
was_bad(const struct session *s)
{
	struct span	 r = span_buf(&s->reply), word;

	return (span_split(&r, ' ', &word) == 1 && r.n >= 4 &&
	    memcmp(r.p, "BAD ", 4) == 0);
}

/* The tagged answer, and everything of the command is given back. */
static void
command_end(struct session *s)
{
	int	 quiet = s->command != NULL &&
		    (s->command->flags & CF_NOEXPUNGE) != 0 &&
		    (!s->uid || s->numbers);	/* RFC 7162 3.2.10.2 */

	if (s->unselect)	/* RFC 9051 section 6.3.2 */
		session_unselect(s);
	s->unselect = 0;
	session_tell(s, !quiet);
	session_tell_below(s, quiet);
	if (!was_bad(s))
		s->bad = 0;
	(void)buf_add_span(&s->out, span_buf(&s->reply));
	(void)buf_adds(&s->out, "\r\n");
	s->literal = 0;
	send_out(s);
	if (s->compress == 1) {
		s->compress = 2;
		s->broken |= io_compress(s->io) == -1;
	}
	buf_free(&s->reply);
	buf_free(&s->scratch);
	if (s->data_free != NULL)
		s->data_free(s->data);
	s->data = NULL;
	s->data_free = NULL;
	s->step = NULL;
	s->command = NULL;
	append_free(s);
	place_drop(s);
	lex_next(&s->lex);
	s->wrote = 0;
	s->pushed = 0;
	s->phase = PHASE_READ;
}

/*
 * Flags as another session has just changed them may have been shown: these
 * changes are committed first, and what allows them to be late is flushed.
 */
static void
hold_flags(struct session *s)
{
	const struct mailbox	*mb;

	if (s->state != ST_SELECTED)
		return;
	mb = s->seen.view->mb;
	if (mb->marked > dbenv_flushed(s->account->part->env))
		session_hold(s, mb->marked);
	if (mb->late > dbenv_committed(s->account->part->env))
		s->late = mb->late;
}

/*
 * Mod-sequences may have been shown of what changed just now: nothing below them
 * may be missing when the client has its answer.
 */
static void
hold_modseqs(struct session *s)
{
	if (s->state == ST_SELECTED && s->command != NULL &&
	    (s->command->flags & CF_NOEXPUNGE) != 0 &&
	    (s->enabled & ENABLED_CONDSTORE) != 0)
		session_hold(s, s->seen.view->mb->seq);
}

/*
 * A command that may take long waits with a line until it is whole, or there is
 * no more room: between lines the client can be told that it goes on.
 */
static int
half_told(const struct session *s)
{
	return (s->command != NULL && (s->command->flags & CF_LONG) != 0 &&
	    s->out.n > 0 && s->out.p[s->out.n - 1] != '\n');
}

static void
after_step(struct session *s, enum step r)
{
	hold_flags(s);
	switch (r) {
	case STEP_DONE:
		hold_modseqs(s);
		s->phase = PHASE_FLUSH;
		break;
	case STEP_FLUSH:
		s->phase = PHASE_PAUSE;
		break;
	case STEP_AGAIN:
	case STEP_WAIT:
		s->phase = PHASE_STEP;
		break;
	}
	if (s->hold == 0 && s->late == 0 && !half_told(s))
		send_out(s);
}

/* What NOTIFY asked for, or else IDLE.  Returns as notify_some(). */
static int
push(struct session *s)
{
	int	 rc = 0;

	if (s->notify != NULL) {
		if ((rc = notify_some(s)) == 1) {
			hold_flags(s);
			s->resume = s->phase;
			s->phase = PHASE_PUSH;
		}
	} else if (s->phase == PHASE_IDLE && session_room(s)) {
		session_tell(s, 1);
		send_out(s);
	}
	return (rc);
}

/* Waits for a command, or for DONE.  Returns as turn(). */
static int
turn_read(struct session *s)
{
	enum step	 r;
	int		 rc;

	if ((rc = push(s)) != 0)
		return (rc == 1);
	if ((rc = session_input(s)) == 0 && s->ended) {
		s->phase = PHASE_OVER;	/* it closed; flush and go */
		session_bye(s, "");
		return (-1);
	}
	if (rc == 0 && s->phase == PHASE_IDLE)
		io_rest(s->io);
	if (rc <= 0)
		return (rc);
	if (s->phase == PHASE_READ) {
		r = command_run(s);
		if (s->phase == PHASE_READ)
			after_step(s, r);
	}
	return (1);
}

/*
 * One turn of a session, half a millisecond or so.  1: it has more to do now;
 * 0: it waits for octets, room, a flush; -1: it is gone.
 */
static int
turn(struct session *s)
{
	enum step	 r;

	if (s->broken) {
		session_free(s);
		return (-1);
	}
	if (s->seen.lost) {
		session_bye(s, s->seen.view->mb->removed ?
		    "the selected mailbox was removed" :
		    s->seen.lost == SEEN_RIGHTS ?
		    "[NOPERM] the selected mailbox is not shared with you "
		    "any more" :
		    s->seen.lost == SEEN_RENAMED ?
		    "the INBOX was renamed, please reconnect" :
		    "[UNAVAILABLE] too far behind, please reconnect");
		return (-1);
	}
	switch ((enum phase)s->phase) {
	case PHASE_READ:
	case PHASE_IDLE:
		return (turn_read(s));
	case PHASE_STEP:
		if (!session_room(s) && flushed(s))
			send_out(s);
		if (s->phase != PHASE_STEP)
			return (1);	/* it was undone */
		if (!session_room(s))
			return (0);
		if (s->state == ST_SELECTED && view_need(s->seen.view) == -1)
			return (1);	/* it is lost */
		r = s->step(s);
		after_step(s, r);
		return (r != STEP_WAIT);
	case PHASE_PAUSE:
		if (!flushed(s))
			return (0);
		if (s->phase != PHASE_PAUSE)
			return (1);
		session_tell(s, 1);
		send_out(s);
		s->phase = PHASE_STEP;
		return (1);
	case PHASE_PUSH:
		if (!flushed(s))
			return (0);
		if (s->phase == PHASE_PUSH) {
			send_out(s);
			s->phase = s->resume;
		}
		return (1);
	case PHASE_FLUSH:
		hold_flags(s);
		if (!flushed(s))
			return (0);
		command_end(s);
		if (s->over) {
			s->phase = PHASE_OVER;
			session_bye(s, "");
			return (-1);
		}
		return (1);
	case PHASE_OVER:
		break;
	}
	return (0);
}

static int
run(struct work *w)
{
	struct session	*s = (struct session *)(void *)w;
	uint64_t	 until = store_us() + 500;
	int		 rc;

	notify_by(s);
	do {
		rc = turn(s);
	} while (rc == 1 && store_us() < until);
	notify_by(NULL);
	return (rc == 1);
}

static void
on_io(struct io *io, enum io_event what, void *arg)
{
	struct session	*s = arg;

	(void)io;
	if (s == NULL)
		return;		/* only its BYE is under way */
	switch (what) {
	case IO_DATA:
		s->last_in = store_now();
		if (s->phase == PHASE_READ || s->phase == PHASE_IDLE)
			session_wake(s);
		else {
			io_pause(s->io);
			s->paused = 1;
		}
		break;
	case IO_EOF:
		s->ended = 1;
		session_wake(s);
		break;
	case IO_LOWAT:
		session_wake(s);
		break;
	default:
		session_free(s);
		break;
	}
}

/* RFC 9585: so that nobody in between takes the connection for dead.  It depends
 * on no flush, so it passes what the command has said and waits for one.  A "]"
 * of the tag would be taken for the code's end. */
static void
still_at_it(struct session *s, uint64_t now)
{
	if (s->phase != PHASE_STEP || s->command == NULL ||
	    (s->command->flags & CF_LONG) == 0 || s->half ||
	    now - s->last_in < s->store->limits.progress ||
	    now - s->last_out < s->store->limits.progress)
		return;
	if (span_find(s->tag, ']') != -1)
		(void)buf_adds(io_out(s->io),
		    "* OK [INPROGRESS] still at it\r\n");
	else
		(void)buf_addf(io_out(s->io), "* OK [INPROGRESS (\"%.*s\" NIL "
		    "NIL)] still at it\r\n", (int)s->tag.n,
		    (const char *)s->tag.p);
	io_kick(s->io);
	s->last_out = now;
}

void
session_tick(struct session *s)
{
	const struct store_limits	*l = &s->store->limits;
	uint64_t			 now = store_now();
	size_t				 left = io_outlen(s->io);

	if (left > 0) {		/* it has something to read first */
		if (left != s->unread)
			s->progress = now;
		else if (now - s->progress > l->stalled) {
			session_free(s);
			return;
		}
		s->unread = left;
		return;
	}
	s->unread = 0;
	still_at_it(s, now);
	if (now - s->last_in > REST && now - s->last_out > REST)
		io_rest(s->io);
	if (now - s->last_in > l->autologout && s->phase == PHASE_IDLE)
		session_bye(s, "idle for too long, please reconnect");
	else if (now - s->last_in > l->autologout && s->phase == PHASE_READ)
		session_bye(s, "idle for too long");
	else if (s->phase == PHASE_IDLE && now - s->last_out >= l->still_here) {
		(void)buf_adds(&s->out, "* OK still here\r\n");
		send_out(s);
		io_rest(s->io);
	}
}
