/*
 * Mail for accounts that move, at an attempt after which it would wait for half
 * a minute: all that a store refused because of it is tried as soon as no
 * account moves any more, also where the answer, or its flush, comes later than
 * that word.  So is what administrators ask before that flush.
 */
#include <sys/syscall.h>
#include <pthread.h>
#include <unistd.h>

#include "queued/attempt.h"
#include "queued/change.h"
#include "queued/local.h"
#include "standin.h"

#define TRIED	9	/* times */
#define SOON	15	/* s, far from half a minute */

static pthread_mutex_t	 gate = PTHREAD_MUTEX_INITIALIZER;

int	 fdatasync(int);

/* libdb's, in the thread that flushes. */
int
fdatasync(int fd)
{
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	return ((int)syscall(SYS_fdatasync, fd));
}

/* One message for alice, due now; its number. */
static uint64_t
queue_one(void)
{
	struct body_source	 src = { .fd = -1, .max = 100,
				    .prefix = span_str("Subject: x\r\n\r\nx\r\n") };
	struct rec_msg		 m = { .nrcpts = 1,
				    .from = span_str("x@example.org") };
	struct rec_rcpt		 r = { .kind = RK_LOCAL,
				    .attempts = TRIED };
	struct body_in		*in;
	uint64_t		 msg;
	int			 rc;

	r.address = span_str("alice@letterlock.test");
	r.dest = span_str("letterlock.test");
	m.arrival = r.next = q_now();
	(void)body_in_start(q.bodies, &src, &in);
	m.size = body_in_size(in);
	(void)db_begin();
	rc = body_in_put(in, 1, &m.body);
	msg = db_number();
	if (rc == 0)
		rc = db_msg_put(msg, &m) | db_rcpt_put(msg, 1, &r);
	CHECK(db_end(rc) == 0, "it is put");
	body_in_free(in);
	sched_again(msg, 1);
	return (msg);
}

/* How long it waits still, as its record says. */
static uint64_t
waits(uint64_t msg)
{
	struct q_rcpt	 r;
	uint64_t	 now = q_now(), s = 0;

	if (db_rcpt(msg, 1, &r) == 0) {
		s = r.r.next > now ? r.r.next - now : 0;
		db_rcpt_free(&r);
	}
	return (s);
}

static void
move_off(void)
{
	const struct msg_account	 all = { 0 };

	(void)peer_put(si.there[ROLE_AUTH][0], M_MOVE_OFF, &c_account, &all,
	    -1);
}

static void
delivered(unsigned n, const char *what)
{
	UNTIL(si.ngot == n && si_count(q.rcpt) == 0, SOON);
	CHECK(si.ngot == n && si_count(q.rcpt) == 0,
	    "%s: %u delivered, %zu wait", what, si.ngot, si_count(q.rcpt));
	si_forget();
}

/* The usual order, and the answer that comes behind. */
static void
test_answer_late(void)
{
	uint64_t	 early, late;

	si.store = RESULT_TEMP;
	early = queue_one();
	UNTIL(waits(early) > SOON, SOON);
	CHECK(waits(early) > SOON, "it waits: %llu s",
	    (unsigned long long)waits(early));
	UNTIL(!attempt_running(early, 1), SOON);
	si.store_waits = 1;
	late = queue_one();
	UNTIL(si.store_asked != 0, SOON);
	CHECK(si.store_asked != 0, "the store has the other");
	si.store = RESULT_OK;
	si.store_waits = 0;
	move_off();
	UNTIL(si.ngot == 1, SOON);
	CHECK(si.ngot == 1 && attempt_running(late, 1), "the first goes");
	si_stored(RESULT_TEMP);
	delivered(2, "the answer is late");
}

/* A result that is written, and not flushed until the gate is unlocked. */
static uint64_t
result_waits(void)
{
	uint64_t	 msg;

	si.store = RESULT_TEMP;
	si.store_waits = 1;
	msg = queue_one();
	UNTIL(si.store_asked != 0, SOON);
	pthread_mutex_lock(&gate);
	si_stored(RESULT_TEMP);
	UNTIL(waits(msg) > SOON, SOON);
	CHECK(waits(msg) > SOON && attempt_running(msg, 1),
	    "written, not flushed");
	return (msg);
}

/* The word comes between the result's writing and its flush. */
static void
test_flush_late(void)
{
	uint64_t	 msg = result_waits();

	si.store = RESULT_OK;
	si.store_waits = 0;
	move_off();
	UNTIL(waits(msg) == 0, SOON);
	pthread_mutex_unlock(&gate);
	delivered(1, "the flush is late");
}

/* An administrator's word comes then: it is not left until the next attempt. */
static void
test_removed_late(void)
{
	struct q_msg	 m = { 0 };
	struct q_rcpt	 r = { 0 };
	uint64_t	 msg = result_waits();

	CHECK(db_msg(msg, &m) == 0 && db_rcpt(msg, 1, &r) == 0 &&
	    db_begin() == 0 && db_end(change_drop(&m, &r) == 1 ? 0 : -1) == 0,
	    "removed meanwhile");
	db_rcpt_free(&r);
	db_msg_free(&m);
	pthread_mutex_unlock(&gate);
	si.store = RESULT_OK;
	si.store_waits = 0;
	delivered(0, "removed when it is flushed");
}

/* An answer about a later move is not tried again and again. */
static void
test_once(void)
{
	uint64_t	 msg;

	si.store = RESULT_TEMP;
	msg = queue_one();
	UNTIL(waits(msg) > SOON, SOON);
	CHECK(waits(msg) > SOON, "an end long ago counts no more");
	move_off();
	UNTIL(waits(msg) == 0, SOON);
	UNTIL(waits(msg) > SOON, SOON);
	CHECK(waits(msg) > SOON, "and each once");
	si.store = RESULT_OK;
	UNTIL(!attempt_running(msg, 1), SOON);
	move_off();
	delivered(1, "moved again");
}

int
main(void)
{
	si_open();
	test_answer_late();
	test_flush_late();
	test_removed_late();
	test_once();
	si_close();
	return (test_done());
}
