/*
 * APPEND and REPLACE: what may come, and what becomes of it.  See append.h.  When
 * the command is whole and all intakes are done, they become messages in one
 * transaction.  What is more than STAGE_OCTETS in small messages waits in files
 * and is staged.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/append_int.h"
#include "imapd/batch.h"
#include "imapd/cmd.h"
#include "imapd/flags.h"
#include "imapd/limited.h"
#include "imapd/notify.h"
#include "imapd/place.h"
#include "imapd/quota.h"
#include "imapd/stage.h"

#define SLICE_OCTETS	(256 * 1024)	/* staged in one slice */

static enum lex_policy	 policy(void *, struct span, uint64_t, int);
static enum lex_policy	 refuse(struct session *, const char *);
static enum lex_policy	 take(struct session *, struct span, uint64_t,
			    uint32_t);
static int		 crowded(const struct session *,
			    const struct account *, uint64_t, size_t,
			    uint32_t);
static int		 old_one(struct cursor *, struct session *, int,
			    uint32_t *);
static enum step	 read_messages(struct session *, struct cursor *,
			    const struct place *);
static int		 arguments(struct cursor *, struct append *);
static int		 note_flag(void *, struct span);
static int		 keywords(struct append *, struct mailbox *,
			    struct msgrec *);
static enum step	 appending(struct session *);
static enum step	 store(struct session *, struct mailbox *);
static enum step	 begin_stage(struct session *, struct mailbox *);
static enum step	 staging(struct session *);
static int		 stage_one(struct append *, struct msg *);
static enum step	 stored(struct session *, const struct mailbox *,
			    uint32_t, uint32_t);

void
append_lexer(struct session *s)
{
	const struct store_limits	*l = &s->store->limits;
	struct lex_limits		 limits = { l->line, l->literals,
					    l->literals, l->nliterals };

	lex_init(&s->lex, &limits);
	s->lex.policy = policy;
	s->lex.arg = s;
}

static enum lex_policy
refuse(struct session *s, const char *why)
{
	s->lex.refused = why;
	return (LEX_REFUSE);
}

/* A command that takes messages as literals, up to the name of its mailbox;
 * *old: the UID of the message that goes, as far as it is known; 0: none. */
static int
takes_message(struct cursor *c, struct session *s, uint32_t *old)
{
	struct span	 tag, word;
	int		 uid = 0;

	*old = 0;
	if (cur_tag(c, &tag) == -1 || cur_sp(c) == -1 ||
	    cur_word(c, &word) == -1)
		return (0);
	if (span_caseeqs(word, "APPEND"))
		return (1);
	if (span_caseeqs(word, "UID")) {
		uid = 1;
		if (cur_sp(c) == -1 || cur_word(c, &word) == -1)
			return (0);
	}
	return (span_caseeqs(word, "REPLACE") && s->state == ST_SELECTED &&
	    old_one(c, s, uid, old) == 0);
}

/* SP seq-number of RFC 8508 section 4, as a UID; 0 when there is no such
 * message. */
static int
old_one(struct cursor *c, struct session *s, int uid, uint32_t *old)
{
	uint64_t	 n;

	*old = 0;
	if (cur_sp(c) == -1)
		return (-1);
	if (cur_peek(c) == '*') {
		(void)cur_char(c, '*');
		*old = seen_uid(&s->seen, seen_count(&s->seen));
		return (0);
	}
	if (cur_number(c, UINT32_MAX, &n) == -1)
		return (-1);
	if (n == 0) {
		c->error = "expected the number of a message";
		return (-1);
	}
	if (!uid)
		*old = seen_uid(&s->seen, (uint32_t)n);
	else if (seen_rec(&s->seen, (uint32_t)n) != NULL)
		*old = (uint32_t)n;
	return (0);
}

/*
 * A literal is announced.  Is it a message of APPEND?  Whatever can be said
 * against it is said before the client sends it.
 */
static enum lex_policy
policy(void *arg, struct span so_far, uint64_t size, int nonsync)
{
	struct session	*s = arg;
	struct append	*a = s->append;
	struct buf	 scratch = { 0 };
	struct cursor	 c;
	struct span	 name;
	enum lex_policy	 p = LEX_KEEP;
	size_t		 n = 0, had = a == NULL ? 0 : a->n;
	uint32_t	 old;

	(void)so_far;
	(void)nonsync;
	cursor_init(&c, &s->lex, &scratch, s->enabled & ENABLED_UTF8);
	if (takes_message(&c, s, &old) &&
	    cur_sp(&c) == 0 && cur_mailbox(&c, &name) == 0 &&
	    cur_peek(&c) == ' ') {
		/* Flags and dates are strings without a literal: the one
		 * that is announced is the message behind those we have. */
		while (n < had && arguments(&c, NULL) == 0)
			n++;
		p = old != 0 && had > 0 ?
		    refuse(s, "REPLACE takes one message") :
		    n == had ? take(s, name, size, old) :
		    refuse(s, "malformed APPEND");
	}
	buf_free(&scratch);
	return (p);
}

/* No room for so many octets and messages, once the old one has gone? */
static int
crowded(const struct session *s, const struct account *to, uint64_t octets,
    size_t n, uint32_t old)
{
	const struct msgrec	*rec;

	if (old != 0 && s->seen.view->mb->account == to &&
	    (rec = seen_rec(&s->seen, old)) != NULL) {
		octets -= octets < rec->size ? octets : rec->size;
		n--;
	}
	return ((octets > 0 || n > 0) && quota_over(to, octets, n));
}

static enum lex_policy
take(struct session *s, struct span name, uint64_t size, uint32_t old)
{
	struct append	*a = s->append;
	struct place	 w;

	if (place_need(s, name, RIGHT_INSERT, &w) == -1)
		return (refuse(s, errno == EACCES ? "[NOPERM] you may not" :
		    "[TRYCREATE] no such mailbox"));
	if (size > s->limits.message)
		return (refuse(s, "[TOOBIG] message too large"));
	if (size == 0)
		return (refuse(s, "[CANNOT] a message of no octets"));
	if (!dbenv_writable(s->account->part->env))
		return (refuse(s, "[UNAVAILABLE] the disk is full"));
	if (crowded(s, w.account, size + (a == NULL ? 0 : a->octets),
	    1 + (a == NULL ? 0 : a->n), old))
		return (refuse(s, "[OVERQUOTA] the quota is used up"));
	if (a != NULL && limited_copies(s) != 0 && a->n >= limited_copies(s)) {
		(void)snprintf(a->why, sizeof(a->why), "[MESSAGELIMIT %u] too "
		    "many messages for one command", limited_copies(s));
		return (refuse(s, a->why));
	}
	if (a != NULL && a->n >= BATCH_MAX)
		return (refuse(s, "[LIMIT] too many messages in one command"));
	if (a == NULL && (a = calloc(1, sizeof(*a))) == NULL)
		return (refuse(s, "[UNAVAILABLE] no memory"));
	if (s->append == NULL)
		a->spool = -1;
	a->session = s;
	s->append = a;
	if (append_msg_new(a) == NULL)
		return (refuse(s, "[UNAVAILABLE] no memory"));
	a->octets += size;
	return (LEX_STREAM);
}

static int
note_flag(void *arg, struct span flag)
{
	struct append	*a = arg;
	uint32_t	 bit = flag_bit(flag);

	if (a == NULL)
		return (0);
	a->flags |= bit;
	if (bit != 0)
		return (0);
	if (a->nwords == APPEND_FLAGS)
		return (-1);
	a->words[a->nwords++] = flag;
	return (0);
}

/* A literal, or that of UTF8 SP "(" literal8 ")", RFC 6855 section 4, which says
 * nothing that we need to know: what comes is kept as it is. */
static int
message(struct cursor *c, struct span *octets, int *streamed, int *binary)
{
	if (cur_is(c, "UTF8") == -1)
		return (cur_message(c, octets, streamed, binary));
	if (cur_sp(c) == -1 || cur_char(c, '(') == -1)
		return (-1);
	if (!c->utf8 || cur_peek(c) != '~') {
		c->error = c->utf8 ? "expected a literal8" :
		    "UTF8 is for after ENABLE UTF8=ACCEPT";
		return (-1);
	}
	if (cur_message(c, octets, streamed, binary) == -1)
		return (-1);
	return (cur_char(c, ')'));
}

/* SP [flags SP] [date SP] message: of one message.  a may be NULL. */
static int
arguments(struct cursor *c, struct append *a)
{
	struct span	 octets;
	int64_t		 date = (int64_t)store_time();
	int		 zone = 0, streamed = -1, binary;

	if (a != NULL) {
		a->flags = 0;
		a->nwords = 0;
	}
	if (cur_sp(c) == -1)
		return (-1);
	if (cur_peek(c) == '(' &&
	    (cur_flags(c, 0, note_flag, a) == -1 || cur_sp(c) == -1))
		return (-1);
	if (cur_peek(c) == '"' &&
	    (cur_date_time(c, &date, &zone) == -1 || cur_sp(c) == -1))
		return (-1);
	if (message(c, &octets, &streamed, &binary) == -1)
		return (-1);
	if (streamed == -1) {
		c->error = "expected the literal of a message";
		return (-1);
	}
	if (a != NULL) {
		a->binary |= binary;
		a->date = date < 0 ? 0 : (uint64_t)date;
		a->zone = zone;
	}
	return (0);
}

/* The bits of the keywords noted last; a new one is made in the mailbox. */
static int
keywords(struct append *a, struct mailbox *mb, struct msgrec *r)
{
	size_t	 i;
	int	 bit;

	r->keywords = 0;
	for (i = 0; i < a->nwords; i++) {
		if ((bit = mailbox_keyword_add(mb, a->words[i])) == -1)
			return (-1);
		r->keywords |= (uint64_t)1 << bit;
	}
	return (0);
}

enum step
cmd_append(struct session *s, struct cursor *c)
{
	struct place	 w;
	struct span	 name;

	if (cur_sp(c) == -1 || cur_mailbox(c, &name) == -1)
		return (session_syntax(s, c));
	if (s->append == NULL) {
		c->error = "expected the literal of a message";
		return (session_syntax(s, c));
	}
	if (place_need(s, name, RIGHT_INSERT, &w) == -1)
		return (errno == EACCES ? session_no(s, EACCES) :
		    session_reply(s, "NO [TRYCREATE] no such mailbox"));
	return (read_messages(s, c, &w));
}

/* RFC 8508 section 3: a message comes, another one goes, in one transaction. */
enum step
cmd_replace(struct session *s, struct cursor *c)
{
	struct place	 w;
	struct span	 name;
	uint32_t	 old, gone = RIGHT_DELETED | RIGHT_EXPUNGE;

	if (old_one(c, s, s->uid, &old) == -1 || cur_sp(c) == -1 ||
	    cur_mailbox(c, &name) == -1)
		return (session_syntax(s, c));
	if (s->append == NULL) {
		c->error = "expected the literal of a message";
		return (session_syntax(s, c));
	}
	if (old == 0)
		return (session_reply(s, s->uid ?
		    "NO [NONEXISTENT] no such message" :
		    "BAD no such message"));
	if (s->seen.readonly)
		return (session_no(s, EROFS));
	if ((place_selected(s) & gone) != gone)
		return (session_no(s, EACCES));
	if (place_need(s, name, RIGHT_INSERT, &w) == -1)
		return (errno == EACCES ? session_no(s, EACCES) :
		    session_reply(s, "NO [TRYCREATE] no such mailbox"));
	s->append->replaced = old;
	return (read_messages(s, c, &w));
}

/* The rest of the command, and then on with them. */
static enum step
read_messages(struct session *s, struct cursor *c, const struct place *w)
{
	struct append	*a = s->append;
	struct mailbox	*mb = w->mb;

	a->account = w->account;
	a->mailbox = mb->id;
	for (a->at = 0; a->at < a->n; a->at++) {
		if (arguments(c, a) == -1)
			return (session_syntax(s, c));
		/* RFC 4314 section 4: others are left out */
		a->msgs[a->at]->rec.flags = a->flags &
		    place_flags(w->rights);
		if ((w->rights & RIGHT_WRITE) == 0)
			a->nwords = 0;
		a->msgs[a->at]->rec.date = a->date;
		a->msgs[a->at]->rec.zone = (int16_t)a->zone;
		if (a->nwords > 0 && !cmd_writable(s))
			return (STEP_DONE);
		if (keywords(a, mb, &a->msgs[a->at]->rec) == -1)
			return (session_no(s, errno));
		s->wrote = mb->seq;
	}
	if (cur_end(c) == -1)
		return (session_syntax(s, c));
	/* BODY[] has to give what was stored, and cannot have one. */
	if (a->nul)
		return (session_reply(s, a->binary ?
		    "NO [UNKNOWN-CTE] a message with a NUL" :
		    "NO [CANNOT] a message with a NUL"));
	return (session_begin(s, appending, NULL, NULL));
}

/* In each slice; flags that are not allowed any more are left out, too. */
static int
may_store(struct session *s, const struct mailbox *mb)
{
	struct append	*a = s->append;
	uint32_t	 has, gone = RIGHT_DELETED | RIGHT_EXPUNGE;
	size_t		 i;

	if (place_still(s, mb, RIGHT_INSERT, &has) == -1)
		return (0);
	errno = EACCES;
	if (a->replaced != 0 && (place_selected(s) & gone) != gone)
		return (0);
	for (i = 0; has != RIGHTS_ALL && i < a->n; i++) {
		a->msgs[i]->rec.flags &= place_flags(has);
		if ((has & RIGHT_WRITE) == 0)
			a->msgs[i]->rec.keywords = 0;
	}
	return (1);
}

static enum step
not_stored(struct session *s, int error)
{
	return (error == ENOENT ? session_reply(s,
	    "NO [TRYCREATE] no such mailbox") : session_no(s, error));
}

static enum step
appending(struct session *s)
{
	struct append	*a = s->append;
	struct mailbox	*mb;

	if (a->error != 0)
		return (session_no(s, a->error));
	if (a->pending > 0)
		return (STEP_WAIT);
	if ((mb = mailbox_by_id(a->account, a->mailbox)) == NULL)
		return (not_stored(s, ENOENT));
	if (!may_store(s, mb))
		return (not_stored(s, errno));
	if (!cmd_writable(s))
		return (STEP_DONE);
	if (crowded(s, a->account, a->octets, a->n, a->replaced))
		return (session_no(s, EDQUOT));
	return (a->small > STAGE_OCTETS ? begin_stage(s, mb) : store(s, mb));
}

static enum step
begin_stage(struct session *s, struct mailbox *mb)
{
	struct append	*a = s->append;

	if (mb->staged != 0)
		return (STEP_WAIT);	/* somebody else's; it wakes us */
	if ((a->stage = stage_new(mb)) == NULL)
		return (session_no(s, errno));
	a->at = 0;
	s->step = staging;
	return (STEP_AGAIN);
}

/* Some of them in one command of the database. */
static int
stage_one(struct append *a, struct msg *m)
{
	if (!m->started && append_msg_start(m) != 1) {
		errno = EIO;	/* it was small when it was written */
		return (-1);
	}
	if (intake_put(&m->in, 1, &m->rec) == -1 ||
	    stage_add(a->stage, &m->rec) == -1)
		return (-1);
	return (0);
}

static enum step
staging(struct session *s)
{
	struct append	*a = s->append;
	struct dbenv	*env = s->account->part->env;
	struct mailbox	*mb = stage_mailbox(a->stage);
	uint64_t	 seq, octets = 0;
	size_t		 i, from = a->at;

	if (mb == NULL)
		return (not_stored(s, ENOENT));
	if (!may_store(s, mb))
		return (not_stored(s, errno));
	if (a->at == a->n) {
		if (stage_over(a->stage))
			return (session_no(s, EDQUOT));
		if (stage_commit(a->stage, &seq) == -1)
			return (session_no(s, errno));
		session_hold(s, seq);
		notify_brought(s, mb, a->msgs[0]->rec.uid,
		    a->msgs[a->n - 1]->rec.uid);
		return (stored(s, mb, a->msgs[0]->rec.uid,
		    a->msgs[a->n - 1]->rec.uid));
	}
	if (!cmd_writable(s))
		return (STEP_DONE);
	if (dbenv_begin(env) == -1)
		return (session_no(s, errno));
	for (; a->at < a->n && octets < SLICE_OCTETS; a->at++) {
		if (stage_one(a, a->msgs[a->at]) == -1) {
			dbenv_abort(env);
			return (session_no(s, errno));
		}
		octets += intake_size(&a->msgs[a->at]->in);
	}
	if (dbenv_commit(env) == -1)
		return (session_no(s, errno));
	for (i = from; i < a->at; i++) {
		intake_free(&a->msgs[i]->in);
		a->msgs[i]->started = 0;
	}
	return (STEP_AGAIN);
}

/* RFC 9051 section 6.3.12: to who may not read it nothing is said of it. */
static enum step
stored(struct session *s, const struct mailbox *mb, uint32_t lo, uint32_t hi)
{
	if ((place_rights(s, mb) & RIGHT_READ) == 0)
		return (session_reply(s, "OK APPEND completed"));
	if (lo == hi)
		return (session_replyf(s, "OK [APPENDUID %u %u] APPEND "
		    "completed", mb->uidvalidity, lo));
	return (session_replyf(s, "OK [APPENDUID %u %u:%u] APPEND completed",
	    mb->uidvalidity, lo, hi));
}

/* The old one goes, in the open batch.  -1 with errno. */
static int
drop_old(struct session *s, uint32_t uid)
{
	const struct msgrec	*rec = view_find(s->seen.view, uid);

	if (rec == NULL) {
		errno = ESTALE;
		return (-1);
	}
	return (batch_expunge(s->seen.view->mb, rec, &s->seen));
}

static enum step
replaced(struct session *s, const struct mailbox *mb, uint32_t uid)
{
	session_hold(s, s->seen.view->mb->seq);
	if ((place_rights(s, mb) & RIGHT_READ) != 0)
		(void)buf_addf(session_out(s), "* OK [APPENDUID %u %u] the new "
		    "one is there\r\n", mb->uidvalidity, uid);
	return (cmd_expunged(s, NULL, 1));
}

static enum step
store(struct session *s, struct mailbox *mb)
{
	struct append	*a = s->append;
	struct msg	*m;
	size_t		 i;
	int		 rc = 0;

	if (batch_begin(s->account->part) == -1)
		return (session_no(s, errno));
	for (i = 0; i < a->n && rc == 0; i++) {
		m = a->msgs[i];
		if ((rc = intake_put(&m->in, 1, &m->rec)) == 0)
			rc = batch_add(mb, &m->rec);
	}
	if (rc == 0 && a->replaced != 0)
		rc = drop_old(s, a->replaced);
	if (rc == -1) {
		rc = errno;
		batch_abort();
		return (rc == ESTALE ? session_reply(s,
		    "NO [EXPUNGEISSUED] the old message is gone") :
		    session_no(s, rc));
	}
	if (batch_commit() == -1)
		return (session_no(s, errno));
	session_hold(s, mb->seq);
	notify_brought(s, mb, a->msgs[0]->rec.uid,
	    a->msgs[a->n - 1]->rec.uid);
	if (a->replaced != 0)
		return (replaced(s, mb, a->msgs[0]->rec.uid));
	return (stored(s, mb, a->msgs[0]->rec.uid,
	    a->msgs[a->n - 1]->rec.uid));
}
