/*
 * The queue after its process was killed: everything accepted is there and
 * comes out; what a worker had is marked and tried again; a report half done is
 * done.
 */
#include <sys/wait.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "queued/sched.h"
#include "standin.h"

#define MANY	2000

static const char	 body[] = "From: alice@letterlock.test\r\n\r\nhello\r\n";

static void
submit(const char *to)
{
	si_session(1, "alice");
	si_mail("alice@letterlock.test");
	si_rcpt(to, 0);
	if (si_data(body) != 250)
		_exit(2);
}

static void
fill_read(struct intake *in, int error)
{
	if (error != 0 || db_begin() == -1 || db_end(intake_put(in)) == -1)
		_exit(3);
}

/* Many recipients that wait, by the ways of intake. */
static void
fill(void)
{
	struct intake_body	 b = { .fd = -1, .max = 1000 };
	struct intake		*in = intake_new();
	struct rec_rcpt		*r;
	struct buf		 a = { 0 };
	int			 i;

	in->m.from = intake_keep(in, span_str("alice@letterlock.test"));
	b.prefix = span_str(body);
	for (i = 0; i < MANY; i++) {
		buf_reset(&a);
		buf_addf(&a, "x@h%d.example", i);
		r = intake_rcpt(in);
		r->kind = RK_REMOTE;
		r->flags = i % 2 == 0 ? RF_HELD : 0;
		r->address = intake_keep(in, span_buf(&a));
		r->dest = intake_keep(in, span_of(a.p + 2, a.n - 2));
	}
	intake_read(in, &b, fill_read);
	buf_free(&a);
}

/* A damaged record of the numbers: none is given again. */
static void
lose_numbers(void)
{
	(void)dbenv_put(q.meta, span_str("number"), span_str("junk"));
}

/* What happens before the kill; the parent waits for the signal. */
static void
before(void)
{
	static const char	*const one[] = { "alice@letterlock.test",
				    NULL };

	si_up();
	si_disconnect(ROLE_STORE, 0);
	si_commit("x@example.org", one, body);	/* waits for the store */
	si.relay_silent = 1;
	submit("y@example.org");		/* a worker has it */
	UNTIL(si.ngot == 1, 60);
	submit("bob@letterlock.test");
	UNTIL(si.ngot == 2, 60);
	fill();
	lose_numbers();
	/* the two that wait, these, and bob's is gone */
	UNTIL(si_count(q.rcpt) == 2 + MANY &&
	    dbenv_flushed(q.env) == dbenv_seq(q.env), 60);
	(void)kill(getpid(), SIGKILL);
}

static void
held(void)
{
	struct q_rcpt	 r;
	uint64_t	 msg = 0;
	uint32_t	 n = 0;
	unsigned	 count = 0;

	while (db_rcpt_next(&msg, n, &r) == 0) {
		n = r.n + 1;
		count += (r.r.flags & RF_HELD) != 0;
		db_rcpt_free(&r);
	}
	CHECK(count == MANY / 2, "what was held is held: %u", count);
}

/*
 * A message that comes while the start is still reading is not taken for one
 * that a crash cut off.
 */
static void
test_meanwhile(void)
{
	const struct got	*g;
	unsigned		 n = 0;

	si.relay_silent = 0;
	submit("early@example.net");
	UNTIL(si_got_to("early@example.net") != NULL, 60);
	UNTIL(si_count(q.rcpt) == MANY / 2, 60);
	for (g = si.got; g != NULL; g = g->next)
		n += strcmp(g->to, "early@example.net") == 0;
	CHECK(n == 1, "what came meanwhile goes out once: %u", n);
}

int
main(void)
{
	uint8_t	 k[12];
	pid_t	 pid;
	int	 status = 0;

	si_open_only();
	if ((pid = fork()) == 0) {
		si_base();
		before();
		_exit(1);
	}
	waitpid(pid, &status, 0);
	CHECK(WIFSIGNALED(status), "killed with mail in the queue: %x",
	    status);
	si_base();
	si_up();
	CHECK(q.next_num > 4, "M12 numbers go on: %llu",
	    (unsigned long long)q.next_num);
	test_meanwhile();
	UNTIL(si_got_to("y@example.org") != NULL, 60);
	CHECK(si_got_to("alice@letterlock.test") != NULL,
	    "what waited for a store is delivered");
	CHECK(si_got_to("y@example.org") != NULL && si_got_to("y@example.org")->relay,
	    "what a worker had is tried again");
	CHECK(si_got_to("bob@letterlock.test") == NULL,
	    "M13 what was delivered is not delivered again");
	UNTIL(si_count(q.rcpt) == MANY / 2, 60);
	CHECK(si_count(q.rcpt) == MANY / 2 && si_count(q.message) == 1,
	    "all that waited went out");
	UNTIL(dest_count() == 0, 60);
	CHECK(sched_items() == 0 && dest_count() == 0,
	    "no memory for what does not wait: %zu, %zu", sched_items(),
	    dest_count());
	held();
	(void)dbenv_put(q.rcpt, key_rcpt(k, 1, 1), span_str("junk"));
	held();
	CHECK(si_ctl("queue drop", "--held yes") == 0 &&
	    strcmp(si.text, "1000 recipients removed") == 0, "drop: %s",
	    si.text);
	CHECK(dbenv_del(q.rcpt, key_rcpt(k, 1, 1)) == 0,
	    "a damaged one hides no other");
	CHECK(si_count(q.rcpt) == 0 && si_count(q.message) == 0,
	    "nothing is left");
	si_close();
	return (test_done());
}
