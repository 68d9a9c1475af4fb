/*
 * letterctl's changes to what waits, also while it is being tried; records as
 * an older version wrote them.
 */
#include <sys/syscall.h>
#include <sys/wait.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "queued/attempt.h"
#include "queued/change.h"
#include "queued/ctl.h"
#include "standin.h"

#define NEW_MSG		(8 + 4)			/* octets since schema 1 */
#define NEW_RCPT	(4 + 1 + 8 + 8)

static const char	 body[] = "From: alice@letterlock.test\r\n\r\nhello\r\n";
static struct conf_transport	 transports[2];

static void
submit_to(const char *to)
{
	si_session(1, "alice");
	si_mail("alice@letterlock.test");
	si_rcpt(to, 0);
	CHECK(si_data(body) == 250, "submitted to %s", to);
}

/* ---- an older version's records -------------------------------------------- */

static void
shorten(struct dbenv_db *db, size_t by)
{
	struct dbenv_iter	 it;
	struct span		 key, val;

	dbenv_iter_init(&it, db, span_of(NULL, 0), span_of(NULL, 0));
	while (dbenv_iter_next(&it, &key, &val) == 1)
		if (dbenv_put(db, key, span_of(val.p, val.n - by)) == -1)
			_exit(4);
	dbenv_iter_free(&it);
}

static void
make_old(void)
{
	struct dbenv_db	*db = NULL;
	struct buf	 one = { 0 };

	si_up();
	si.relay = RESULT_TEMP;
	si.relay_code = 451;
	si_session(1, "alice");		/* not a word from this process */
	si_mail("alice@letterlock.test");
	si_rcpt("old@example.org", 0);
	if (si_data(body) != 250)
		_exit(3);
	UNTIL(si.ngot == 1, 60);
	UNTIL(attempts_now() == 0, 60);
	shorten(q.message, NEW_MSG);
	shorten(q.rcpt, NEW_RCPT);
	while ((db = dbenv_db_next(q.env, db)) != NULL)
		if (strcmp(dbenv_db_name(db), "schema") == 0)
			break;
	buf_put_u32(&one, 1);
	if (db == NULL || dbenv_put(db, span_str("version"), span_buf(&one)) ==
	    -1)
		_exit(5);
	buf_free(&one);
	db_close();
	_exit(0);
}

static void
test_old(void)
{
	struct q_rcpt	 r;
	uint64_t	 msg = 0;

	CHECK(db_rcpt_next(&msg, 0, &r) == 0 && r.r.attempts == 1 &&
	    r.r.pin.n == 0 && r.r.asked == 0, "a record of schema 1");
	db_rcpt_free(&r);
	CHECK(si_ctl("queue list", "--to old@example.org") == 0 &&
	    si.nrows == 1 && strstr(si.rows, "\"attempts\":1") != NULL &&
	    strstr(si.rows, "\"code\"") == NULL, "it is listed: %s", si.rows);
	CHECK(si_ctl("queue hold", "--to old@example.org") == 0 &&
	    si_ctl("queue release", "--held yes") == 0, "changed");
	CHECK(db_rcpt_next(&msg, 0, &r) == 0 && r.octets.n > NEW_RCPT &&
	    r.r.attempts == 1, "written whole");
	db_rcpt_free(&r);
	CHECK(si_ctl("queue kick", "--to old@example.org") == 0, "kicked");
	UNTIL(si_count(q.rcpt) == 0, 60);
	CHECK(si.ngot == 1 && si_count(q.message) == 0, "and delivered");
	si_forget();
}

/* ---- filters --------------------------------------------------------------- */

static const struct {
	const char	*text;
	int64_t		 want;
	int		 rc;
} durations[] = {
	{ "0", 0, 0 }, { "90", 90, 0 }, { "90s", 90, 0 }, { "20m", 1200, 0 },
	{ "4h", 14400, 0 }, { "1d12h", 129600, 0 }, { "1h30", 3630, 0 },
	{ "-1h", -3600, 0 }, { "", 0, -1 }, { "-", 0, -1 }, { "h", 0, -1 },
	{ "1w", 0, -1 }, { "1 h", 0, -1 }, { "--1", 0, -1 },
	{ "99999999999999999999", 0, -1 }, { "4000d", 0, -1 },
};

static void
test_durations(void)
{
	int64_t	 got;
	size_t	 i;

	for (i = 0; i < nitems(durations); i++) {
		got = 0;
		CHECK(duration_parse(span_str(durations[i].text), &got) ==
		    durations[i].rc && got == durations[i].want,
		    "\"%s\": %lld", durations[i].text, (long long)got);
	}
}

static const struct {
	const char	*args;
	int		 rows;		/* -1: an error */
} filters[] = {
	{ "", 2 },
	{ "--code 451", 2 }, { "--code 4xx", 2 }, { "--code 4XX", 2 },
	{ "--code 5xx", 0 }, { "--code 450", 0 }, { "--code 4x", -1 },
	{ "--code 99", -1 }, { "--code 4511", -1 },
	{ "--age <1h", 2 }, { "--age >1h", 0 }, { "--age 1h", -1 },
	{ "--age <", -1 }, { "--next >1m", 2 }, { "--next <1h", 2 },
	{ "--next <0", 0 }, { "--next >-1h", 2 }, { "--next >1h", 0 },
	{ "--account alice", 2 }, { "--account bob", 0 },
	{ "--account alice --domain example.net", 1 },
	{ "--account alice --domain example.net --code 5xx", 0 },
	{ "--from @letterlock.test --to @example.org", 1 },
	{ "--transport default", 2 }, { "--transport other", 0 },
	{ "--held no", 2 }, { "--held maybe", -1 }, { "--id zz", -1 },
	{ "--to", -1 }, { "--now", -1 },
};

static void
test_filters(void)
{
	size_t	 i;
	int	 rc;

	for (i = 0; i < nitems(filters); i++) {
		rc = si_ctl("queue list", filters[i].args);
		CHECK(filters[i].rows == -1 ? rc == 1 : rc == 0 &&
		    (int)si.nrows == filters[i].rows, "queue list %s: %d, %u "
		    "rows: %s", filters[i].args, rc, si.nrows, si.text);
	}
}

/* ---- ids --------------------------------------------------------------------- */

/* What is named: in which order rows come, and what is not there. */
static void
test_ids(void)
{
	static const struct {
		const char	*verb, *args;	/* @ and # are the two ids */
		int		 rc;
		unsigned	 rows;
		const char	*text;		/* in the answer; NULL: any */
	} cases[] = {
		{ "queue list", "@", 0, 1, NULL },
		{ "queue list", "@ #", 0, 2, NULL },
		{ "queue list", "# @ @.1", 0, 2, NULL },
		{ "queue list", "--id # --id @", 0, 2, NULL },
		{ "queue list", "@.1 #.1", 0, 2, NULL },
		{ "queue list", "@.2 #.1", 0, 1, NULL },
		{ "queue list", "ffff", 0, 0, NULL },
		{ "queue list", "@ # --domain example.net", 0, 1, NULL },
		{ "queue list", "--domain example.net @ #", 0, 1, NULL },
		{ "queue list", "@ --code 5xx #", 0, 0, NULL },
		{ "queue list", "@ nonsense", 1, 0, "an id reads" },
		{ "queue list", "--code 4xx --code 451", 1, 0,
		    "--code is there twice" },
		{ "queue list", "--to --to --to x", 1, 0, "there twice" },
		{ "queue list", "--nothing x", 1, 0, "filters are --from" },
		{ "queue show", "@", 0, 1, NULL },
		{ "queue show", "# @", 0, 2, NULL },
		{ "queue show", "@ fffe # ffff.2", 1, 2,
		    "not there: 0000fffe, 0000ffff.2" },
		{ "queue show", "@.7", 1, 0, "not there: @.7" },
		{ "queue show", "@ x", 1, 0, "an id reads" },
		{ "queue hold", "@ #", 0, 0, "2 recipients held" },
		{ "queue release", "fffe @ #.9", 1, 0, "1 recipient released; "
		    "not there: #.9, 0000fffe" },
		{ "queue release", "# --held no", 0, 0,
		    "0 recipients released" },
		{ "queue release", "# --held yes", 0, 0,
		    "1 recipient released" },
		{ "queue schedule", "# @ 1h", 0, 0,
		    "2 recipients rescheduled" },
		{ "queue schedule", "# @", 1, 0, "a duration" },
		{ "queue requiretls", "# default", 0, 0,
		    "0 recipients changed" },
	};
	struct buf	 id[2] = { { 0 }, { 0 } }, args = { 0 }, want = { 0 };
	struct buf	*to;
	struct q_rcpt	 r;
	const char	*p;
	uint64_t	 msg = 0;
	size_t		 i, k;
	int		 rc;

	for (i = 0; i < 2 && db_rcpt_next(&msg, 0, &r) == 0; i++) {
		buf_adds(&id[i], q_id((char[Q_ID]){ 0 }, msg++, 0));
		db_rcpt_free(&r);
	}
	CHECK(id[0].n > 0 && id[1].n > 0, "two messages");
	for (i = 0; i < nitems(cases); i++) {
		buf_reset(&args);
		buf_reset(&want);
		for (k = 0; k < 2; k++) {
			to = k == 0 ? &args : &want;
			p = k == 0 ? cases[i].args : cases[i].text;
			for (; p != NULL && *p != '\0'; p++)
				if (*p == '@' || *p == '#')
					buf_add_span(to, span_buf(&id[*p ==
					    '#']));
				else
					buf_addc(to, *p);
		}
		rc = si_ctl(cases[i].verb, buf_cstr(&args));
		CHECK(rc == cases[i].rc && si.nrows == cases[i].rows &&
		    (want.n == 0 || strstr(si.text, buf_cstr(&want)) != NULL),
		    "%s %s: %d, %u, %s", cases[i].verb, buf_cstr(&args), rc,
		    si.nrows, si.text);
	}
	for (i = 0; i < 2; i++)
		buf_free(&id[i]);
	buf_free(&args);
	buf_free(&want);
}

/* ---- changes ---------------------------------------------------------------- */

/* When it is due. */
static uint64_t
next_of(const char *to)
{
	struct q_rcpt	 r;
	uint64_t	 msg = 0, next = 0;
	uint32_t	 n = 0;

	while (next == 0 && db_rcpt_next(&msg, n, &r) == 0) {
		n = r.n + 1;
		if (span_eqs(r.r.address, to))
			next = r.r.next;
		db_rcpt_free(&r);
	}
	return (next);
}

/* So long after the command, which was given after since. */
static int
due_in(const char *to, uint64_t since, uint64_t seconds)
{
	uint64_t	 next = next_of(to);

	return (next >= since + seconds && next <= q_now() + seconds);
}

static void
test_schedule(void)
{
	uint64_t	 was = next_of("y@example.org"), now = q_now();

	CHECK(si_ctl("queue schedule", "--to y@example.org 1h") == 0 &&
	    strcmp(si.text, "1 recipient rescheduled") == 0, "%s", si.text);
	CHECK(next_of("y@example.org") == was + 3600, "an hour later");
	CHECK(si_ctl("queue schedule", "--to y@example.org --now 2d") == 0 &&
	    due_in("y@example.org", now, 2 * 86400), "in two days");
	now = q_now();
	CHECK(si_ctl("queue schedule", "--now --to y@example.org 10m") == 0 &&
	    due_in("y@example.org", now, 600), "in ten minutes");
	was = next_of("y@example.org");
	CHECK(si_ctl("queue schedule", "--to y@example.org -5m") == 0 &&
	    next_of("y@example.org") == was - 300, "five minutes earlier");
	CHECK(si_ctl("queue schedule", "--to y@example.org soon") == 1,
	    "no duration: %s", si.text);
	CHECK(si_ctl("queue schedule", "10m") == 1, "no filter: %s", si.text);
	CHECK(si_ctl("queue schedule", "--to y@example.org --now") == 1,
	    "nothing to add: %s", si.text);
	CHECK(si_ctl("queue schedule", "--to y@example.org -1d") == 0,
	    "%s", si.text);
	UNTIL(si.ngot == 1, 60);
	CHECK(si.ngot == 1, "not before now, which is now");
	UNTIL(attempts_now() == 0, 60);
	si_forget();
}

static void
test_transport(void)
{
	CHECK(si_ctl("queue transport", "--to y@example.org none") == 1 &&
	    strstr(si.text, "there is no transport") != NULL, "%s", si.text);
	CHECK(si_ctl("queue transport", "--to y@example.org OUT2") == 0 &&
	    strcmp(si.text, "1 recipient pinned") == 0, "%s", si.text);
	CHECK(si_ctl("queue list", "--transport out2") == 0 && si.nrows == 1 &&
	    strstr(si.rows, "\"pinned\":\"out2\"") != NULL, "listed: %s",
	    si.rows);
	si.routes = "transport \"default\"";
	CHECK(si_ctl("queue kick", "--transport out2") == 0, "%s", si.text);
	UNTIL(si.ngot == 1, 60);
	CHECK(si.ngot == 1 && strcmp(si.got->transport, "out2") == 0,
	    "the pin goes before routes");
	UNTIL(attempts_now() == 0, 60);
	si_forget();
}

/* A configuration without that transport is not taken. */
static void
test_reload(void)
{
	struct buf	 why = { 0 };
	struct conf	*c = conf_new();

	CHECK(pins_check(si.conf, &why) == 0, "as it is");
	CHECK(pins_check(c, &why) == -1 &&
	    strstr(buf_cstr(&why), "pinned to transport \"out2\"") != NULL,
	    "without it: %s", buf_cstr(&why));
	buf_reset(&why);
	CHECK(si_ctl("queue transport", "--transport out2 -") == 0 &&
	    strcmp(si.text, "1 recipient left to routes") == 0, "%s", si.text);
	CHECK(pins_check(c, &why) == 0, "no longer pinned");
	CHECK(si_count(q.pin) == 1, "what was is in the index");
	pins_sweep();
	CHECK(si_count(q.pin) == 0, "until it is swept");
	CHECK(si_ctl("queue transport", "--to y@example.org default") == 0 &&
	    pins_check(c, &why) == 0, "default is always there");
	(void)si_ctl("queue transport", "--to y@example.org -");
	si.routes = NULL;
	conf_free(c);
	buf_free(&why);
}

static const struct {
	const char	*word;
	unsigned	 want;
} tls[] = {
	{ "yes", REQUIRETLS_ALL }, { "no", REQUIRETLS_NO },
	{ "default", REQUIRETLS_NONE },
};

/* What rows say of it: the recipient's goes before the message's. */
static const struct {
	uint8_t		 msg, rcpt;
	const char	*want;
} shown[] = {
	{ REQUIRETLS_NONE, 0, NULL },
	{ REQUIRETLS_ALL, 0, "yes" },
	{ REQUIRETLS_NO, 0, "no" },
	{ REQUIRETLS_NONE, 1 + REQUIRETLS_NO, "no" },
	{ REQUIRETLS_ALL, 1 + REQUIRETLS_NO, "no" },
	{ REQUIRETLS_NO, 1 + REQUIRETLS_ALL, "yes" },
};

static void
test_shown(void)
{
	struct rec_msg		 m = { 0 };
	struct rec_rcpt		 r = { .kind = RK_REMOTE };
	struct json_object	*o, *v;
	const char		*got;
	size_t			 i;

	for (i = 0; i < nitems(shown); i++) {
		m.requiretls = shown[i].msg;
		r.tls = shown[i].rcpt;
		o = ctl_row(&m, 1, 1, &r);
		got = json_object_object_get_ex(o, "requiretls", &v) ?
		    json_object_get_string(v) : NULL;
		CHECK(shown[i].want == NULL ? got == NULL : got != NULL &&
		    strcmp(got, shown[i].want) == 0, "message %u, recipient "
		    "%u: shown as %s", shown[i].msg, shown[i].rcpt,
		    got == NULL ? "-" : got);
		json_object_put(o);
	}
}

static void
test_requiretls(void)
{
	char	 args[64];
	size_t	 i;

	for (i = 0; i < nitems(tls); i++) {
		snprintf(args, sizeof(args), "--to y@example.org %s",
		    tls[i].word);
		CHECK(si_ctl("queue requiretls", args) == 0 &&
		    strcmp(si.text, "1 recipient changed") == 0, "%s",
		    si.text);
		(void)si_ctl("queue kick", "--to y@example.org");
		UNTIL(si.ngot == 1, 60);
		CHECK(si.ngot == 1 && si.got->requiretls == tls[i].want,
		    "%s: %u", tls[i].word, si.got == NULL ? 99 :
		    si.got->requiretls);
		UNTIL(attempts_now() == 0, 60);
		si_forget();
	}
	CHECK(si_ctl("queue requiretls", "--to y@example.org maybe") == 1,
	    "%s", si.text);
}

/* ---- under way ----------------------------------------------------------------- */

static void
worker_holds(const char *to)
{
	si.relay_silent = 1;
	(void)si_ctl("queue kick", to);
	UNTIL(si.ngot == 1, 60);
	CHECK(si.ngot == 1 && attempts_now() == 1, "under way");
	si_forget();
}

/* The worker dies with it: what was asked is done then. */
static void
test_under_way(void)
{
	uint64_t	 now;

	worker_holds("--to y@example.org");
	now = q_now();
	CHECK(si_ctl("queue schedule", "--to y@example.org --now 3h") == 0 &&
	    strcmp(si.text, "1 recipient rescheduled") == 0, "%s", si.text);
	si_disconnect(ROLE_RELAY, 0);
	UNTIL(attempts_now() == 0, 60);
	CHECK(due_in("y@example.org", now, 3 * 3600),
	    "tried again when it was asked for: %llu",
	    (unsigned long long)(next_of("y@example.org") - now));
	worker_holds("--to y@example.org");
	CHECK(si_ctl("queue drop", "--to y@example.org") == 0 &&
	    strcmp(si.text, "1 recipient removed") == 0, "%s", si.text);
	CHECK(si_ctl("queue list", "--to y@example.org") == 0 &&
	    strstr(si.rows, "active, to be removed") != NULL, "%s", si.rows);
	si_disconnect(ROLE_RELAY, 0);
	UNTIL(si_count(q.rcpt) == 1, 60);
	CHECK(si_count(q.rcpt) == 1, "removed");
}

/* No store: the attempt is put off again and again, and the mark still counts. */
static void
test_put_off(void)
{
	static const char	*const one[] = { "alice@letterlock.test",
				    NULL };
	struct q_rcpt		 r;
	uint64_t		 msg = 0;

	si.relay_silent = 0;
	CHECK(si_ctl("queue drop", "--age >-1h") == 0, "%s", si.text);
	UNTIL(si_count(q.rcpt) == 0, 60);
	si_forget();
	si_disconnect(ROLE_AUTH, 0);
	si_commit("x@example.org", (const char *const[]){ "z@example.org",
	    NULL }, body);		/* auth is asked who that is */
	CHECK(db_rcpt_next(&msg, 0, &r) == 0, "queued");
	r.r.flags |= RF_DROP;		/* as it stands when it is put off */
	CHECK(db_begin() == 0 && db_end(db_rcpt_put(msg, r.n, &r.r)) == 0,
	    "marked");
	db_rcpt_free(&r);
	UNTIL(si_count(q.rcpt) == 0, 60);
	CHECK(si_count(q.rcpt) == 0, "gone at its next turn");
	si_connect(ROLE_AUTH, 0, NULL);
	si_disconnect(ROLE_STORE, 0);
	si_commit("alice@letterlock.test", one, body);
	CHECK(si_ctl("queue fail", "--to alice@letterlock.test") == 0 &&
	    strcmp(si.text, "1 recipient given up") == 0, "%s", si.text);
	si_connect(ROLE_STORE, 0, NULL);
	UNTIL(si.ngot == 1, 60);
	CHECK(si.ngot == 1 && strstr(buf_cstr(&si.got->body),
	    "given up by the administrator") != NULL, "a report alone");
	si_forget();
}

/* ---- between the write of a result and its flush ------------------------------ */

static atomic_int	 disk_stands;

int	 fdatasync(int);

int
fdatasync(int fd)
{
	static const struct timespec	 t = { 0, 1000000 };

	while (disk_stands)
		nanosleep(&t, NULL);
	return ((int)syscall(SYS_fdatasync, fd));
}

static void
stop_disk(const struct got *g)
{
	(void)g;
	disk_stands = 1;
}

static int
now(const struct q_msg *m, struct q_rcpt *r)
{
	return (change_next(m, r, q_now()));
}

static const struct {
	const char	*name;
	int		(*change)(const struct q_msg *, struct q_rcpt *);
	unsigned	 got;		/* deliveries then: the message's, the
					 * report's */
} unflushed[] = {
	{ "tried now", now, 1 }, { "removed", change_drop, 0 },
	{ "given up", change_fail, 1 },
};

/* The only recipient there is. */
static int
written(struct q_rcpt *r, uint64_t *msg)
{
	*msg = 0;
	if (db_rcpt_next(msg, 0, r) == -1)
		return (0);
	if (r->r.attempts == 1 && (r->r.flags & RF_STARTED) == 0)
		return (1);
	db_rcpt_free(r);
	return (0);
}

static void
test_unflushed(void)
{
	struct q_rcpt	 r = { 0 };
	struct q_msg	 m = { 0 };
	uint64_t	 msg = 0;
	size_t		 i;
	int		 is;

	for (i = 0; i < nitems(unflushed); i++) {
		UNTIL(si_count(q.rcpt) == 0, 60);
		si_forget();
		si.relay = RESULT_TEMP;
		si.told = stop_disk;
		submit_to("y@example.org");
		is = 0;
		UNTIL((is = written(&r, &msg)) != 0, 60);
		si.told = NULL;
		si.relay = RESULT_OK;
		CHECK(is && attempt_running(msg, r.n), "%s: written, not "
		    "flushed", unflushed[i].name);
		CHECK(db_msg(msg, &m) == 0 && db_begin() == 0 &&
		    db_end(unflushed[i].change(&m, &r) == 1 ? 0 : -1) == 0,
		    "%s: asked for", unflushed[i].name);
		db_msg_free(&m);
		db_rcpt_free(&r);
		si_forget();
		disk_stands = 0;
		UNTIL(si_count(q.rcpt) == 0, 60);
		CHECK(si_count(q.rcpt) == 0 && si.ngot == unflushed[i].got,
		    "%s: done when it is flushed: %u", unflushed[i].name,
		    si.ngot);
	}
	si_forget();
}

static void
add_transport(void)
{
	struct conf_transport	*t = transports;
	static char		 none[] = "";

	t->kind = TRANSPORT_DIRECT;
	t->name = strdup("out2");
	t->host = t->source4 = t->source6 = t->helo = t->text = t->where =
	    none;
	si.conf->transports.v = transports;
	si.conf->transports.n = 1;
}

int
main(void)
{
	pid_t	 pid;
	int	 status = 1;

	si_open_only();
	if ((pid = fork()) == 0) {
		si_base();
		make_old();
	}
	waitpid(pid, &status, 0);
	CHECK(status == 0, "a queue of schema 1: %x", status);
	si_base();
	add_transport();
	si_up();
	test_durations();
	test_old();
	si.relay = RESULT_TEMP;
	si.relay_code = 451;
	submit_to("y@example.org");
	submit_to("z@example.net");
	UNTIL(si.ngot == 2, 60);
	UNTIL(attempts_now() == 0, 60);
	si_forget();
	test_filters();
	test_ids();
	test_schedule();
	test_transport();
	test_reload();
	test_requiretls();
	test_shown();
	test_under_way();
	test_put_off();
	test_unflushed();
	si.conf->transports.n = 0;
	free(transports[0].name);
	si_close();
	return (test_done());
}
