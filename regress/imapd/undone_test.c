/*
 * A group of writes that is undone takes along all that was said to depend on
 * it: no command is answered OK, no mailbox or message goes, nothing comes
 * back.  And damage: what cannot be read keeps nothing else from being done.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dbenv_int.h"
#include "imapd/account.h"
#include "imapd/batch.h"
#include "imapd/ending.h"
#include "imapd/gone.h"
#include "imapd/left.h"
#include "imapd/session.h"
#include "imapd/stage.h"
#include "imaptest.h"

#define MANY	2500

static uint8_t	 id[16];

static void
deliver_one(void)
{
	static const char	 text[] = "Subject: one\r\n\r\nx\r\n";

	id[0]++;
	CHECK(t_deliver(id, text, strlen(text), (uint64_t[]){ 1 }, 1) ==
	    RESULT_OK, "a message");
}

/* One message of account 1, and n more with the same body. */
static void
fill(unsigned n)
{
	struct account	*a;
	struct msgrec	 r = { .size = 10 };
	unsigned	 i, k;

	deliver_one();
	a = account_find(t_part, 1);
	(void)body_next(t_part->bodies, 0, &r.body);
	for (i = 0; i < n; i += k) {
		(void)batch_begin(t_part);
		for (k = 0; k < 100 && i + k < n; k++)
			if (body_ref(t_part->bodies, r.body, 1) == -1 ||
			    batch_add(a->inbox, &r) == -1)
				abort();
		(void)batch_commit();
		t_loop();
	}
	account_put(a);
	t_settle();
}

/* The tagged answer. */
static const char *
answer(int n, const char *command)
{
	const char	*l;
	char		 line[256];

	snprintf(line, sizeof(line), "t %s\r\n", command);
	t_send(n, line, strlen(line));
	while ((l = t_line(n)) != NULL && strncmp(l, "t ", 2) != 0)
		continue;
	return (l == NULL ? "nothing" : l);
}

static uint32_t
messages(void)
{
	struct account	*a = account_find(t_part, 1);
	uint32_t	 n = a == NULL ? 0 : a->inbox->st.messages;

	account_put(a);
	return (n);
}

/* A command in slices: one of them is undone before it waits for any. */
static void
test_slices(void)
{
	static const struct {
		const char	*before, *command;
	} t[] = {
		{ NULL, "STORE 1:* +FLAGS.SILENT (\\Flagged)" },
		{ NULL, "STORE 1:* +FLAGS.SILENT (word)" },
		{ "STORE 1:* +FLAGS.SILENT (\\Deleted)", "EXPUNGE" },
		{ NULL, "COPY 1:* Archive" },
		{ NULL, "MOVE 1:* Archive" },
	};
	const char	*l;
	size_t		 i;

	for (i = 0; i < nitems(t); i++) {
		t_open(NULL);
		fill(MANY - 1);
		t_login(1, 1);
		(void)t_line(1);
		(void)answer(1, "SELECT INBOX");
		if (t[i].before != NULL)
			(void)answer(1, t[i].before);
		t_undo();
		l = answer(1, t[i].command);
		CHECK(t_undone() && strncmp(l, "t NO [UNAVAILABLE] ", 19) == 0,
		    "%s: %s", t[i].command, l);
		CHECK(messages() <= MANY, "%u messages", messages());
		l = answer(1, t[i].command);
		CHECK(strncmp(l, "t OK ", 5) == 0, "and again: %s", l);
		t_close();
		t_remove();
	}
}

/* SELECT, undone: nothing is selected, RFC 9051 section 6.3.2. */
static void
test_select(void)
{
	static const struct command	 selects = { "SELECT", ST_BOTH,
					    CF_SELECTS, NULL };
	const char	*l;
	struct session	*s;

	t_open(NULL);
	fill(3);
	t_login(1, 1);
	(void)t_line(1);
	(void)answer(1, "SELECT Archive");
	s = TAILQ_FIRST(&t_store.sessions);
	s->phase = PHASE_FLUSH;		/* as if it waited for a group */
	s->command = &selects;
	s->tag = span_str("t");
	s->hold = dbenv_flushed(t_part->env) + 1;
	session_undone(s, s->hold, ENOSPC);
	l = t_line(1);
	CHECK(l != NULL && strstr(l, "NO [UNAVAILABLE] ") != NULL,
	    "SELECT: %s", l == NULL ? "" : l);
	l = answer(1, "CHECK");
	CHECK(strncmp(l, "t BAD ", 6) == 0, "nothing is selected: %s", l);
	l = answer(1, "SELECT INBOX");
	CHECK(strncmp(l, "t OK ", 5) == 0, "and again: %s", l);
	t_close();
	t_remove();
}

static enum step
all_done(struct session *s)
{
	return (session_reply(s, "OK done"));
}

/* A long command that waits for one group has written in the next. */
static void
test_waiting(void)
{
	static const struct command	 stores = { "STORE", ST_BOTH, 0, NULL };
	const char	*l;
	struct session	*s;
	struct dbenv	*env;
	uint8_t		 k[8];

	t_open(NULL);
	fill(3);
	env = t_part->env;
	t_login(1, 1);
	(void)t_line(1);
	(void)answer(1, "SELECT INBOX");
	t_settle();
	s = TAILQ_FIRST(&t_store.sessions);
	s->command = &stores;
	s->tag = span_str("t");
	s->step = all_done;
	s->phase = PHASE_PAUSE;
	CHECK(dbenv_put(t_part->left, key_u64(k, 98), span_str("")) == 0,
	    "a first group");
	s->hold = dbenv_seq(env);
	(void)s->work.run(&s->work);	/* before it can be flushed */
	CHECK(s->waiting, "that it waits for");
	s->phase = PHASE_STEP;		/* the client made room */
	dbenv_turn_end(env);
	CHECK(dbenv_put(t_part->left, key_u64(k, 99), span_str("")) == 0 &&
	    s->wait.seq < dbenv_seq(env), "a second one");
	s->hold = s->wrote = dbenv_seq(env);
	dbenv_break(env, ENOSPC);
	dbenv_turn_end(env);
	l = t_line(1);
	CHECK(l != NULL && strncmp(l, "t NO [UNAVAILABLE] ", 19) == 0,
	    "it is undone: %s", l == NULL ? "" : l);
	l = answer(1, "NOOP");
	CHECK(strncmp(l, "t OK ", 5) == 0, "and all goes on: %s", l);
	t_close();
	t_remove();
}

/* DELETE, undone: the mailbox and what is in it are there. */
static void
test_delete(void)
{
	static const char	*const before[] = {
		"O1",
		"C1: a CREATE x", "S1: a OK~",
		"C1: b APPEND x {3+}", "C1= a\r\n", "C1= \r\n",
		"S1: b OK~",
		NULL
	};
	static const char	*const after[] = {
		"C1: c STATUS x (MESSAGES)", "S1: * STATUS x (MESSAGES 1)",
		"S1: c OK~",
		"C1: d SELECT x", "S1: * FLAGS~", "S1: * 1 EXISTS",
		NULL
	};
	struct account	*a;

	t_open(NULL);
	t_script("delete, before", before);
	a = account_find(t_part, 1);
	CHECK(mailbox_delete(mailbox_named(a, span_str("x"))) == 0, "deleted");
	dbenv_break(t_part->env, ENOSPC);
	t_settle();
	CHECK(mailbox_named(a, span_str("x")) != NULL, "it is back");
	account_put(a);
	t_script("delete, undone", after);
	CHECK(!ending_busy(t_part), "nothing is being removed");
	t_close();
	t_remove();
}

/* An account whose making was undone takes no mail. */
static void
test_account(void)
{
	struct account	*a;
	struct msgrec	 r = { .size = 1, .body = 1 };

	t_open(NULL);
	a = account_get(t_part, 7, span_str("seven"));
	CHECK(a != NULL, "made");
	dbenv_break(t_part->env, ENOSPC);
	t_settle();
	CHECK(batch_begin(t_part) == 0 && batch_add(a->inbox, &r) == -1,
	    "what is not there takes nothing");
	batch_abort();
	account_put(a);
	CHECK((a = account_get(t_part, 7, span_str("seven"))) != NULL,
	    "made again");
	account_put(a);
	t_close();
	t_remove();
}

/* A stage that is committed, undone: its records go, and another may begin. */
static void
test_stage(void)
{
	struct account	*a;
	struct msgrec	 r = { .size = 1 };
	struct stage	*st;
	uint64_t	 seq;
	unsigned	 i;

	t_open(NULL);
	deliver_one();
	a = account_find(t_part, 1);
	(void)body_next(t_part->bodies, 0, &r.body);
	st = stage_new(a->inbox);
	(void)dbenv_begin(t_part->env);
	for (i = 0; i < MANY; i++)
		if (body_ref(t_part->bodies, r.body, 1) == -1 ||
		    stage_add(st, &r) == -1)
			abort();
	(void)dbenv_commit(t_part->env);
	t_settle();
	alarm(120);	/* it must not go round for ever above UIDNEXT */
	CHECK(view_get(a->inbox) != NULL && view_need(a->inbox->view) == 0 &&
	    a->inbox->view->n == 1, "what is staged is not read");
	alarm(0);
	CHECK(stage_commit(st, &seq) == 0, "committed");
	dbenv_break(t_part->env, ENOSPC);
	t_loop();
	stage_free(st);
	t_settle();
	CHECK(messages() == 1 && !ending_busy(t_part), "undone");
	CHECK((st = stage_new(a->inbox)) != NULL, "another: %s",
	    strerror(errno));
	stage_free(st);
	account_put(a);
	t_close();
	t_remove();
}

/* Nobody knows how many have the body: the message goes, the body stays. */
static void
test_reference(void)
{
	static const char	*const lines[] = {
		"O1",
		"C1: a SELECT INBOX", "S1: * FLAGS~", "S1: * 2 EXISTS",
		"S1: ~", "S1: ~", "S1: ~", "S1: ~", "S1: ~", "S1: ~",
		"S1: a OK~",
		"C1: b STORE 1:2 +FLAGS.SILENT (\\Deleted)", "S1: b OK~",
		"C1: c EXPUNGE", "S1: * 2 EXPUNGE", "S1: * 1 EXPUNGE",
		"S1: c OK~",
		NULL
	};
	struct dbenv_db	*db = NULL;
	uint64_t	 body;
	uint8_t		 k[8];

	t_open(NULL);
	deliver_one();
	deliver_one();
	(void)body_next(t_part->bodies, 0, &body);
	while ((db = dbenv_db_next(t_part->env, db)) != NULL &&
	    strcmp(dbenv_db_name(db), "bodyref") != 0)
		continue;
	CHECK(db != NULL && dbenv_put(db, key_u64(k, body),
	    span_str("junk")) == 0, "a record of references is damaged");
	t_settle();
	t_script("a damaged reference", lines);
	t_close();
	t_remove();
}

/* A record whose sum is wrong. */
static void
junk(struct dbenv_db *db, struct span key)
{
	DB_TXN	*txn;
	DBT	 k = { 0 }, v = { 0 };

	k.data = (void *)(uintptr_t)key.p;
	k.size = (uint32_t)key.n;
	v.data = k.data;
	v.size = k.size;
	CHECK(dbenv_writer(t_part->env, &txn) == 0 &&
	    db->db->put(db->db, txn, &k, &v, 0) == 0, "a damaged record of %s",
	    dbenv_db_name(db));
}

/* Removals go on behind what is damaged. */
static void
test_removals(void)
{
	static char	 dir[128];
	struct account	*a;
	struct buf	 v = { 0 };
	uint64_t	 x, y;
	uint8_t		 k[16];
	size_t		 n;

	t_open(NULL);
	deliver_one();
	a = account_find(t_part, 1);
	t_login(1, 1);
	(void)t_line(1);
	(void)answer(1, "CREATE x");
	(void)answer(1, "CREATE y");
	x = mailbox_named(a, span_str("x"))->id;
	y = mailbox_named(a, span_str("y"))->id;
	account_put(a);
	junk(t_part->vanished, key_u64_2(k, y, 7));
	CHECK(strncmp(answer(1, "DELETE x"), "t OK ", 5) == 0 &&
	    strncmp(answer(1, "DELETE y"), "t OK ", 5) == 0, "deleted");
	t_settle();
	CHECK(!ending_busy(t_part) && t_count(t_part->vanished) == 0 &&
	    t_count(t_part->dead) == 0, "all of both is gone");

	/* staged, in a mailbox whose state cannot be read: it stays */
	(void)buf_put_u64(&v, 9);
	CHECK(dbenv_put(t_part->dead, key_msg(k, x, 5), span_buf(&v)) == 0,
	    "something staged");
	buf_free(&v);
	junk(t_part->state, key_u64_2(k, 9, x));
	CHECK(dbenv_put(t_part->dead, key_u64(k, y), span_of("", 0)) == 0 &&
	    ending_add(t_part, y, 0) == 0, "another mailbox");
	ending_staged(t_part, 9, x, 5);
	t_settle();
	CHECK(!ending_busy(t_part) && t_count(t_part->dead) == 1,
	    "which goes: %zu", t_count(t_part->dead));

	/* and at the start */
	junk(t_part->dead, key_u64(k, y));
	junk(t_part->dead, key_msg(k, y, 7));
	junk(t_part->gone, key_msg(k, y, 8));
	t_settle();
	snprintf(dir, sizeof(dir), "%s", t_dir());
	t_close();
	t_open(dir);
	t_settle();
	n = t_count(t_part->dead);
	CHECK(!ending_busy(t_part) && n == 2 && dbenv_has(t_part->dead,
	    key_u64(k, y)) == 0, "it starts, and that mailbox goes: %zu", n);
	t_close();
	t_remove();
}

static int
served(void)
{
	struct account	*a = account_find(t_part, 1);

	account_put(a);
	return (a != NULL);
}

/* One that was to move stays, unless it is to go. */
static void
test_thaw(void)
{
	const struct msg_account	 gone = { .account = 1 };

	t_open(NULL);
	deliver_one();
	CHECK(account_freeze(t_part, 1) == 0 && !served(), "it is frozen");
	t_settle();
	gone_thaw(&t_store, NULL, 0, 2);
	CHECK(!served(), "another is to be served");
	gone_thaw(&t_store, NULL, 0, 0);
	CHECK(served(), "all are to be served");
	dbenv_break(t_part->env, ENOSPC);
	t_settle();
	CHECK(!served(), "that is undone");
	gone_thaw(&t_store, NULL, 0, 0);
	t_settle();
	CHECK(served(), "and said again");

	CHECK(account_freeze(t_part, 1) == 0, "it is frozen");
	t_settle();
	(void)dbenv_begin(t_part->env);
	(void)left_put(t_part, 3, LEFT_NOT);
	(void)dbenv_commit(t_part->env);
	dbenv_break(t_part->env, ENOSPC);
	gone_account(&t_store, NULL, 0, &gone);
	t_settle();
	CHECK(left_get(t_part, 1) == LEFT_MOVING, "it could not be removed");
	gone_thaw(&t_store, NULL, 0, 0);
	t_settle();
	CHECK(!served(), "what is to go is not served");
	gone_account(&t_store, NULL, 0, &gone);
	t_settle();
	CHECK(left_get(t_part, 1) == LEFT_GONE, "it goes");
	t_close();
	t_remove();
}

int
main(void)
{
	test_thaw();
	test_slices();
	test_select();
	test_waiting();
	test_delete();
	test_account();
	test_stage();
	test_reference();
	test_removals();
	return (t_done());
}
