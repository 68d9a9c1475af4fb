/*
 * The clock is set, while the queue runs and while it does not (L15, M14): by a
 * day and by ten years, to both sides.  Nothing expires by that, nothing waits
 * for years, nothing is tried all at once.
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "standin.h"

#define DAY	86400
#define YEAR	(365 * DAY)

static const char	 body[] = "From: alice@letterlock.test\r\n\r\nhello\r\n";
static time_t		 off;		/* of the clock */

static const struct {
	const char	*name;
	time_t		 off;
} jumps[] = {
	{ "a day on", DAY }, { "a day back", -DAY },
	{ "ten years on", 10 * YEAR }, { "ten years back", -10 * YEAR },
	{ "beyond 2038", 20 * (time_t)YEAR },
};

int	 clock_gettime(clockid_t, struct timespec *);

int
clock_gettime(clockid_t which, struct timespec *t)
{
	int	 rc = (int)syscall(SYS_clock_gettime, which, t);

	if (which == CLOCK_REALTIME)
		t->tv_sec += off;
	return (rc);
}

/* The one recipient that there is; 0 or -1. */
static int
waiting(struct rec_rcpt *r)
{
	struct q_rcpt	 x;
	uint64_t	 msg = 0;

	if (db_rcpt_next(&msg, 0, &x) == -1)
		return (-1);
	*r = x.r;
	db_rcpt_free(&x);
	return (0);
}

static void
up(enum result result)
{
	si_base();
	si.relay = (uint8_t)result;
	si.relay_code = result == RESULT_OK ? 250 : 451;
	si.conf->schedule.first[0] = 0;
	si.conf->schedule.first[1] = 3600;
	si.conf->schedule.nfirst = 2;
	si.conf->schedule.every = 3600;
	si.conf->schedule.expire = 4 * DAY;
	si.conf->schedule.delay_report = 0;
	si_up();
}

/* Tried once, then it waits for an hour. */
static void
submit(void)
{
	struct rec_rcpt	 r = { 0 };

	si_session(1, "alice");
	si_mail("alice@letterlock.test");
	si_rcpt("y@example.org", 0);
	CHECK(si_data(body) == 250, "a message");
	UNTIL(waiting(&r) == 0 && r.last != 0 &&
	    (r.flags & RF_STARTED) == 0, 60);
	CHECK(r.attempts == 1, "is tried once: %u", r.attempts);
}

static void
test_running(void)
{
	struct rec_rcpt	 r = { 0 };
	uint64_t	 now;
	size_t		 i;

	for (i = 0; i < nitems(jumps); i++) {
		now = q_now();
		off = jumps[i].off;
		CHECK(q_now() - now <= 60, "%s: the queue's time goes on",
		    jumps[i].name);
		CHECK(llabs((long long)(q_clock(now) - now) - off) <= 60,
		    "%s: the clock's is shown", jumps[i].name);
		UNTIL(0, 0.2);
		CHECK(waiting(&r) == 0 && r.attempts == 1 &&
		    r.next > q_now() + 3000 && r.next < q_now() + 4000,
		    "%s: it waits as before", jumps[i].name);
	}
	off = 0;
}

/* What is seen is on disk only then. */
static void
flushed(void)
{
	UNTIL(dbenv_flushed(q.env) == dbenv_seq(q.env), 60);
}

/* Another start, another clock: the same directory.  Attempts, or 0: gone. */
static int
restarted(time_t by, enum result result, unsigned attempts)
{
	struct rec_rcpt	 r = { 0 };

	off = by;
	up(result);
	UNTIL(waiting(&r) == -1 || ((r.flags & RF_STARTED) == 0 &&
	    r.attempts == attempts && r.next <= q_now() + 3600 + 361), 60);
	flushed();
	if (waiting(&r) == -1)
		return (0);
	if (r.state != RS_QUEUED)
		return (100);
	if (r.next > q_now() + 3600 + 361)
		return (101);
	UNTIL(0, 0.2);
	flushed();
	return (waiting(&r) == -1 ? 102 : (int)r.attempts);
}

static void
test_restart(const char *name, time_t by, enum result result, int want)
{
	pid_t	 pid;
	int	 status;

	if ((pid = fork()) == 0)
		_exit(restarted(by, result, (unsigned)want));
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == want,
	    "%s at a start: %d", name, WEXITSTATUS(status));
}

int
main(void)
{
	pid_t	 pid;
	size_t	 i;
	int	 status;

	si_open_only();
	if ((pid = fork()) == 0) {
		up(RESULT_TEMP);
		submit();
		test_running();
		flushed();
		_exit(test_failed);
	}
	waitpid(pid, &status, 0);
	test_count = 2 + 3 * (int)nitems(jumps);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "while it runs");
	/* behind what was: it waits no longer than the schedule can say */
	for (i = 0; i < nitems(jumps); i++)
		if (jumps[i].off < 0)
			test_restart(jumps[i].name, jumps[i].off, RESULT_TEMP,
			    1);
	/* ahead: it is tried, and four times at least before it is given up */
	test_restart("ten years on", 10 * YEAR, RESULT_TEMP, 2);
	test_restart("twenty", 20 * (time_t)YEAR, RESULT_TEMP, 3);
	test_restart("and as it was", 0, RESULT_TEMP, 3);
	test_restart("and on again", 30 * (time_t)YEAR, RESULT_OK, 0);
	si_base();
	si_up();
	si_close();
	return (test_done());
}
