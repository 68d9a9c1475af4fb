/*
 * "authd: auth": exchanges and vouching, with every mechanism; limits.
 */
#include <errno.h>
#include <sys/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients.h"
#include "test.h"

static const struct {
	const char	*name, *user, *password;
	int		 want;
} logins[] = {
	{ "right", "alice@d.example", "password-alice", SASL_OK },
	{ "right again", "alice@d.example", "password-alice", SASL_OK },
	{ "other case", "ALICE@D.Example", "password-alice", SASL_OK },
	{ "separator", "alice+x@d.example", "password-alice", SASL_OK },
	{ "second address", "al@d.example", "password-alice", SASL_OK },
	{ "catch-all", "any@e.example", "password-bob", SASL_OK },
	{ "name decomposed", "u\314\210@d.example", "password-bob", SASL_OK },
	{ "wrong", "alice@d.example", "password-alicf",
	  SASL_BAD_CREDENTIALS },
	{ "another's", "alice@d.example", "password-bob",
	  SASL_BAD_CREDENTIALS },
	{ "longer", "alice@d.example", "password-alice1",
	  SASL_BAD_CREDENTIALS },
	{ "nobody", "nobody@d.example", "password-alice",
	  SASL_BAD_CREDENTIALS },
	{ "account name", "alice", "password-alice", SASL_BAD_CREDENTIALS },
	{ "foreign", "alice@x.example", "password-alice",
	  SASL_BAD_CREDENTIALS },
	{ "postmaster is no login", "postmaster@d.example", "password-alice",
	  SASL_BAD_CREDENTIALS },
	{ "whole domain", "@e.example", "password-bob",
	  SASL_BAD_CREDENTIALS },
	{ "no password", "alice@d.example", "", -3 },
};

static void
test_logins(void)
{
	size_t	 i;
	int	 rc;

	for (i = 0; i < nitems(logins); i++) {
		rig_nsessions = 0;
		rc = try_plain(logins[i].user, logins[i].password);
		CHECK((rc == logins[i].want || (logins[i].want == -3 &&
		    (rc == SASL_BAD_CREDENTIALS || rc == SASL_MALFORMED))) &&
		    rig_nsessions == (rc == SASL_OK),
		    "login, %s: %d", logins[i].name, rc);
		if (rc != SASL_OK)
			CHECK(said.delay_ms > 0 && said.account.n == 0 &&
			    said.text.n == 0, "and nothing else is said");
		forgive();
	}
}

static void
test_vouch(void)
{
	struct buf	 b = { 0 };
	char		 o;
	int		 c, ours;

	c = open_conn(front, RIG_IMAP, 1);
	buf_add(&b, "\0alice+x@d.example\0password-alice", 33);
	CHECK(start(front, 1, "PLAIN", span_buf(&b), 1, &ours) == SASL_OK &&
	    span_eqs(rig_session.name, "alice") &&
	    span_eqs(rig_session.address, "alice+x@d.example") &&
	    span_eqs(rig_session.mech, "PLAIN") &&
	    span_eqs(rig_session.remote, "127.0.0.1") &&
	    span_eqs(rig_session.tag, "a1") &&
	    span_eqs(rig_session.pending, "x") &&
	    rig_session.proto == SASL_IMAP && !rig_session.tls &&
	    rig_session.password_serial == 1 && !rig_session.admin,
	    "the store hears whose session it is");
	CHECK(write(rig_session_fd, "!", 1) == 1 && read(ours, &o, 1) == 1 &&
	    o == '!', "and has the other end of the pair");
	close(ours);
	CHECK(plain(front, 1, "alice@d.example", "password-alice") ==
	    SASL_MALFORMED, "once on a connection");
	close_conn(front, 1);
	close(c);

	c = open_conn(front, RIG_IMAP, 2);
	rig_answer = RESULT_TEMP;
	CHECK(start(front, 2, "PLAIN", span_buf(&b), 1, &ours) ==
	    SASL_UNAVAILABLE, "not taken: not logged in");
	close(rig_session_fd);
	rig_session_fd = -1;
	CHECK(read(ours, &o, 1) == 0, "and the end is closed");
	close(ours);
	rig_answer = RESULT_OK;
	rig_unlink(ROLE_STORE, 0);
	CHECK(start(front, 2, "PLAIN", span_buf(&b), 1, &ours) ==
	    SASL_UNAVAILABLE, "no store: not logged in");
	CHECK(read(ours, &o, 1) == 0, "and the end is closed again");
	close(ours);
	rig_link(ROLE_STORE, 0);
	CHECK(plain(front, 2, "alice@d.example", "password-alice") == SASL_OK,
	    "until it is back");
	close_conn(front, 2);
	close(c);

	c = open_conn(front, RIG_IMAP, 3);
	rig_silent = 1;
	rig_nsessions = 0;
	{
		struct msg_sasl_start	 s = { .conn = 3,
					    .mech = span_str("PLAIN"),
					    .has_initial = 1 };
		int			 fds[2];

		s.initial = span_buf(&b);
		(void)stream_pair(fds);
		(void)peer_ask(front, M_SASL_START, &c_sasl_start, &s, fds[1],
		    NULL, NULL);
		rig_run();
		close(fds[0]);
	}
	CHECK(rig_nsessions == 1, "a store that does not answer");
	CHECK(peer_pending(front) == 1, "keeps the client waiting");
	rig_unlink(ROLE_STORE, 0);
	rig_run();
	CHECK(peer_pending(front) == 0, "until it ends");
	rig_silent = 0;
	rig_link(ROLE_STORE, 0);
	close_conn(front, 3);
	close(c);

	c = open_conn(smtpd, RIG_SUBMISSION, 4);
	{
		struct msg_conn_tls	 t = { .conn = 4,
					    .version = span_str("TLSv1.3") };

		(void)peer_put(smtpd, M_CONN_TLS, &c_conn_tls, &t, -1);
	}
	CHECK(plain(smtpd, 4, "alice@d.example", "password-alice") ==
	    SASL_OK && span_eqs(said.account, "alice") &&
	    span_eqs(said.address, "alice@d.example") &&
	    rig_session.proto == SASL_SUBMISSION && rig_session.tls,
	    "submission goes to queued");
	close_conn(smtpd, 4);
	close(c);
	buf_free(&b);
}

static void
test_tls(void)
{
	int	 c;

	c = open_conn(smtpd, RIG_SUBMISSION, 1);
	CHECK(plain(smtpd, 1, "alice@d.example", "password-alice") ==
	    SASL_NEEDS_TLS, "no clear-text password without TLS");
	CHECK(start(smtpd, 1, "SCRAM-SHA-256", span_of("", 0), 0, NULL) ==
	    SASL_MORE, "but SCRAM");
	close_conn(smtpd, 1);
	close(c);
	c = open_conn(front, RIG_IMAP_TLS, 2);
	CHECK(start(front, 2, "SCRAM-SHA-256", span_of("", 0), 0, NULL) ==
	    SASL_NEEDS_TLS, "nothing where TLS is required");
	CHECK(start(front, 2, "", span_of("alice@d.example\0password-alice",
	    30), 1, NULL) == SASL_NEEDS_TLS, "nor the LOGIN command");
	close_conn(front, 2);
	close(c);
	c = open_conn(front, RIG_IMAP, 3);
	CHECK(start(front, 3, "SCRAM-SHA-256-PLUS", span_of("", 0), 0, NULL) ==
	    SASL_NEEDS_TLS, "no binding without TLS");
	CHECK(start(front, 3, "NTLM", span_of("", 0), 0, NULL) ==
	    SASL_UNKNOWN_MECH, "no such mechanism");
	close_conn(front, 3);
	close(c);
	forgive();
}

static void
test_scram(void)
{
	struct msg_conn_tls	 t = { .version = span_str("TLSv1.3") };
	struct scram_bindings	 b = { 0 }, other = { 0 };
	static const struct {
		const char	*name, *mech, *user, *password;
		int		 plus, want;
	} v[] = {
		{ "256", "SCRAM-SHA-256", "alice@d.example", "password-alice",
		  0, SASL_OK },
		{ "1", "SCRAM-SHA-1", "alice@d.example", "password-alice", 0,
		  SASL_OK },
		{ "256 bound", "SCRAM-SHA-256-PLUS", "alice@d.example",
		  "password-alice", 1, SASL_OK },
		{ "1 bound", "SCRAM-SHA-1-PLUS", "alice@d.example",
		  "password-alice", 1, SASL_OK },
		{ "wrong password", "SCRAM-SHA-256", "alice@d.example",
		  "password-bob", 0, SASL_BAD_CREDENTIALS },
		{ "unknown user", "SCRAM-SHA-256", "nobody@d.example",
		  "password-bob", 0, SASL_BAD_CREDENTIALS },
		{ "bound to another", "SCRAM-SHA-256-PLUS", "alice@d.example",
		  "password-alice", 2, SASL_BAD_CREDENTIALS },
	};
	size_t			 i;
	int			 c, rc;

	b.data[SCRAM_TLS_EXPORTER] = span_str("0123456789abcdef0123456789abcde");
	other.data[SCRAM_TLS_EXPORTER] = span_str("another");
	t.exporter = b.data[SCRAM_TLS_EXPORTER];
	for (i = 0; i < nitems(v); i++) {
		t.conn = 10 + i;
		c = open_conn(front, RIG_IMAP_TLS, t.conn);
		(void)peer_put(front, M_CONN_TLS, &c_conn_tls, &t, -1);
		rc = scram(v[i].mech, v[i].plus, v[i].plus == 2 ? &other : &b,
		    v[i].user, v[i].password, t.conn);
		CHECK(rc == v[i].want, "SCRAM, %s: %d", v[i].name, rc);
		close_conn(front, t.conn);
		close(c);
	}
	forgive();
}

/* An unknown user gets the same salt every time, and another than others. */
static void
test_invented(void)
{
	static const char *const	 users[] = { "nobody@d.example",
					    "nobody@d.example",
					    "noone@d.example" };
	struct span			 s, part;
	struct buf			 b = { 0 }, salt[3] = { { 0 } };
	int				 i, c;

	for (i = 0; i < 3; i++) {
		c = open_conn(front, RIG_IMAP, 1);
		buf_reset(&b);
		buf_addf(&b, "n,,n=%s,r=0123456789abcdef", users[i]);
		CHECK(start(front, 1, "SCRAM-SHA-256", span_buf(&b), 1,
		    NULL) == SASL_MORE, "an unknown user is asked for proof");
		for (s = said.data; s.n > 0;) {
			(void)span_split(&s, ',', &part);
			if (span_caseprefix(part, "s="))
				buf_add_span(&salt[i], part);
		}
		close_conn(front, 1);
		close(c);
	}
	CHECK(salt[0].n > 10 && span_eq(span_buf(&salt[0]),
	    span_buf(&salt[1])), "with a salt that stays");
	CHECK(!span_eq(span_buf(&salt[0]), span_buf(&salt[2])),
	    "and is that name's own");
	for (i = 0; i < 3; i++)
		buf_free(&salt[i]);
	buf_free(&b);
	forgive();
}

static void
test_limits(void)
{
	char	 word[32];
	int	 c, i, rc = 0;

	c = open_conn(front, RIG_IMAP, 1);
	for (i = 0; i < 3; i++) {
		snprintf(word, sizeof(word), "wrong-password-%d", i);
		rc += plain(front, 1, "alice@d.example", word) ==
		    SASL_BAD_CREDENTIALS;
	}
	CHECK(rc == 3, "three failures of a connection");
	CHECK(said.delay_ms >= 2000, "each later than the one before");
	CHECK(plain(front, 1, "alice@d.example", "password-alice") ==
	    SASL_TOO_MANY, "then it is over");
	close_conn(front, 1);
	close(c);
	for (i = 0; i < 20; i++)
		rc += try_plain("alice@d.example", "wrong-password-2") ==
		    SASL_BAD_CREDENTIALS;
	CHECK(rc == 23, "the same again is no guess");
	for (i = 3, rc = 3; i < 10; i++) {
		snprintf(word, sizeof(word), "wrong-password-%d", i);
		rc += try_plain("alice@d.example", word) ==
		    SASL_BAD_CREDENTIALS;
	}
	CHECK(rc == 10, "ten of an address in a minute");
	CHECK(open_conn(front, RIG_IMAP, 1) == -1 && opened.text.n > 0,
	    "then it is not let in");
	CHECK((c = open_conn(smtpd, RIG_SMTP, 1)) != -1,
	    "mail comes from there all the same");
	close_conn(smtpd, 1);
	close(c);
	rig_later += 68 * 1000;
	CHECK(try_plain("alice@d.example", "password-alice") == SASL_OK,
	    "until a minute has passed");
	for (i = 0, rc = 0; i < 15; i++) {
		snprintf(word, sizeof(word), "wrong-again-%d", i);
		rc += try_plain("alice@d.example", word) ==
		    SASL_BAD_CREDENTIALS;
		rc += try_plain("alice@d.example", "password-alice") ==
		    SASL_OK;
	}
	CHECK(rc == 30, "a success forgives");
	CHECK(try_plain("alice@d.example", "wrong-once-more") ==
	    SASL_BAD_CREDENTIALS && said.delay_ms == 8000,
	    "but a name that is guessed at is slow to refuse");
	CHECK(try_plain("bob@d.example", "wrong-once-more") ==
	    SASL_BAD_CREDENTIALS && said.delay_ms < 8000, "and no other is");
	forgive();
}

static void
test_abort(void)
{
	struct buf	 b = { 0 };
	int		 c, ours;
	char		 o;

	c = open_conn(front, RIG_IMAP, 1);
	CHECK(start(front, 1, "PLAIN", span_of("", 0), 0, &ours) == SASL_MORE,
	    "a challenge");
	CHECK(abort_sasl(front, 1) == SASL_ABORTED, "aborted");
	CHECK(read(ours, &o, 1) == 0, "the descriptor is given up");
	close(ours);
	CHECK(abort_sasl(front, 1) == SASL_ABORTED, "twice is nothing");
	CHECK(plain(front, 1, "alice@d.example", "password-alice") == SASL_OK,
	    "the connection goes on");
	close_conn(front, 1);
	close(c);
	/* LOGIN, step by step */
	c = open_conn(front, RIG_IMAP, 2);
	CHECK(start(front, 2, "LOGIN", span_of("", 0), 0, NULL) == SASL_MORE &&
	    step(front, 2, span_str("alice@d.example")) == SASL_MORE &&
	    step(front, 2, span_str("password-alice")) == SASL_OK, "LOGIN");
	close_conn(front, 2);
	close(c);
	c = open_conn(front, RIG_IMAP, 3);
	CHECK(start(front, 3, "", span_of("alice@d.example\0password-alice",
	    30), 1, NULL) == SASL_OK && span_eqs(rig_session.mech, "LOGIN"),
	    "the LOGIN command");
	close_conn(front, 3);
	close(c);
	/* the client leaves while its password is compared */
	c = open_conn(front, RIG_IMAP, 4);
	buf_add(&b, "\0alice@d.example\0another-password", 33);
	{
		struct msg_sasl_start	 s = { .conn = 4,
					    .mech = span_str("PLAIN"),
					    .has_initial = 1 };
		int			 fds[2];

		s.initial = span_buf(&b);
		(void)stream_pair(fds);
		(void)peer_ask(front, M_SASL_START, &c_sasl_start, &s, fds[1],
		    NULL, NULL);
		close(fds[0]);
	}
	close_conn(front, 4);
	close(c);
	CHECK(peer_pending(front) == 0, "leaving is answered too");
	while (verify_waiting() > 0)
		event_base_loop(proc_base(), EVLOOP_ONCE);
	CHECK(step(front, 4, span_str("x")) == SASL_UNAVAILABLE,
	    "what is not open is unavailable");
	/* who begins and gives up, again and again */
	c = open_conn(front, RIG_IMAP, 5);
	while (start(front, 5, "PLAIN", span_of("", 0), 0, NULL) == SASL_MORE)
		(void)abort_sasl(front, 5);
	CHECK(said.outcome == SASL_TOO_MANY, "aborts are counted");
	close_conn(front, 5);
	close(c);
	buf_free(&b);
	forgive();
}

/* ---- local users ---------------------------------------------------------- */

static void
test_local(void)
{
	char	 uid[16];
	int	 c;

	snprintf(uid, sizeof(uid), "%u", getuid());
	CHECK(open_conn(smtpd, RIG_LOCAL, 1) == -1 && opened.text.n > 0,
	    "a local user without an account");
	CHECK(RIG_CTL("account local-user", "bob", uid) == 0,
	    "who gets one");
	c = open_conn(smtpd, RIG_LOCAL, 1);
	CHECK(c != -1 && span_eqs(opened.remote, "local"), "is let in");
	CHECK(start(smtpd, 1, "EXTERNAL", span_of("", 0), 1, NULL) ==
	    SASL_OK && span_eqs(said.account, "bob") &&
	    span_eqs(said.address, "bob@d.example") && rig_session.admin,
	    "and is that account");
	close_conn(smtpd, 1);
	close(c);
	c = open_conn(smtpd, RIG_LOCAL, 2);
	CHECK(start(smtpd, 2, "EXTERNAL", span_str("alice@d.example"), 1,
	    NULL) == SASL_BAD_CREDENTIALS, "and no other");
	CHECK(start(smtpd, 2, "EXTERNAL", span_str("x@e.example"), 1,
	    NULL) == SASL_OK, "by any address of it");
	close_conn(smtpd, 2);
	close(c);
	c = open_conn(front, RIG_IMAP, 3);
	CHECK(start(front, 3, "EXTERNAL", span_of("", 0), 1, NULL) ==
	    SASL_NEEDS_TLS, "which is not so from the network");
	close_conn(front, 3);
	close(c);
	CHECK(RIG_CTL("account local-user", "bob", "-") == 0 &&
	    open_conn(smtpd, RIG_LOCAL, 4) == -1, "nor any more");
	forgive();
}

/* ---- many at once --------------------------------------------------------- */

/* Many at once: bounded, and each answered once. */
static unsigned	 answers, unavailable;

static int
count(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_sasl	 r;

	(void)arg;
	(void)p;
	if (m == NULL || imsg_get(m, &c_sasl, &r) == -1)
		return (-1);
	answers++;
	unavailable += r.outcome != SASL_OK;
	return (0);
}

static void
test_many(void)
{
	struct msg_sasl_start	 s = { .mech = span_str("PLAIN"),
				    .has_initial = 1 };
	int			 c[10], fds[2];
	unsigned		 i;

	s.initial = span_of("\0bob@d.example\0password-bob", 27);
	answers = unavailable = 0;
	CHECK(RIG_CTL("account password", "bob", "password-bob") == 0,
	    "a password that is not remembered");
	for (i = 0; i < 10; i++) {
		c[i] = open_conn(front, RIG_IMAP, 500 + i);
		s.conn = 500 + i;
		(void)stream_pair(fds);
		(void)peer_ask(front, M_SASL_START, &c_sasl_start, &s, fds[1],
		    count, NULL);
		close(fds[0]);
	}
	rig_run();
	CHECK(verify_waiting() <= 1, "ten of one account: one comparison");
	while (answers < 10)
		event_base_loop(proc_base(), EVLOOP_ONCE);
	CHECK(unavailable == 0, "and all are in");
	for (i = 0; i < 10; i++) {
		close_conn(front, 500 + i);
		close(c[i]);
	}
}

/* Who sends many waits behind who sends one, wherever there are two such. */
static unsigned	 crowd, crowd_first;
static int	 one;

static int
count_turns(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_sasl	 r;

	(void)p;
	if (m == NULL || imsg_get(m, &c_sasl, &r) == -1)
		return (-1);
	if (arg == NULL)
		crowd++;
	else {
		one = r.outcome;
		crowd_first = crowd;
	}
	return (0);
}

static void
ask_turn(uint64_t n, const char *user, const char *password, void *arg)
{
	struct msg_sasl_start	 s = { .conn = n, .mech = span_str("PLAIN"),
				    .has_initial = 1 };
	struct buf		 b = { 0 };
	int			 fds[2];

	buf_addc(&b, 0);
	buf_adds(&b, user);
	buf_addc(&b, 0);
	buf_adds(&b, password);
	s.initial = span_buf(&b);
	(void)stream_pair(fds);
	(void)peer_ask(front, M_SASL_START, &c_sasl_start, &s, fds[1],
	    count_turns, arg);
	close(fds[0]);
	buf_free(&b);
}

#define CROWD	8	/* fewer than may fail */

static int	 gate[2];

static void
hold(struct dbenv_job *j)
{
	char	 b;

	(void)j;
	while (read(gate[0], &b, 1) == -1 && errno == EINTR)
		;
}

static void
held(struct dbenv_job *j)
{
	j->arg = NULL;
}

/* Nothing is compared until all have asked; then by one thread alone. */
static void
test_turns(const char *other)
{
	struct dbenv_job holds[2] = { { hold, held, gate, NULL },
			    { hold, held, gate, NULL } };
	char		 password[16];
	int		 c[CROWD + 1];
	unsigned	 i;

	crowd = crowd_first = 0;
	one = -1;
	for (i = 0; i <= CROWD; i++) {
		rig_from(i == CROWD ? other : "127.0.0.1");
		c[i] = open_conn(front, RIG_IMAP, 600 + i);
	}
	if (pipe(gate) == -1)
		abort();
	for (i = 0; i < 2; i++)
		dbenv_job(auth.db.env, &holds[i]);
	for (i = 0; i < CROWD; i++) {
		snprintf(password, sizeof(password), "wrong-%u", i);
		ask_turn(600 + i, "nobody@d.example", password, NULL);
	}
	/* Who is right waits for a store as well: this is in order. */
	ask_turn(600 + CROWD, "bob@d.example", "wrong", &one);
	rig_run();
	CHECK(verify_waiting() == CROWD + 1, "%s: all wait", other);
	if (write(gate[1], "x", 1) != 1)
		abort();
	while (one == -1)
		event_base_loop(proc_base(), EVLOOP_ONCE);
	CHECK(one == SASL_BAD_CREDENTIALS, "%s: answered", other);
	/* Two were given to the threads, then it was the crowd's turn. */
	CHECK(crowd_first == 3, "%s: after %u of a crowd", other, crowd_first);
	/* The crowd leaves, and with it what it waits for. */
	for (i = 0; i <= CROWD; i++) {
		close_conn(front, 600 + i);
		close(c[i]);
	}
	CHECK(crowd == CROWD, "%s: each of it is answered", other);
	CHECK(verify_waiting() <= 2, "%s: nobody waits for nothing", other);
	close(gate[1]);
	while (verify_waiting() > 0 || holds[0].arg != NULL ||
	    holds[1].arg != NULL)
		event_base_loop(proc_base(), EVLOOP_ONCE);
	close(gate[0]);
	rig_from("0.0.0.0");
	forgive();
}

/* Who is unknown is compared as often as who is not. */
static void
test_alike(void)
{
	static const char *const	 users[] = { "bob@d.example",
					    "nobody@d.example" };
	int				 c[4];
	unsigned			 i, k;

	for (k = 0; k < 2; k++) {
		for (i = 0; i < 4; i++)
			c[i] = open_conn(front, RIG_IMAP, 700 + i);
		crowd = 0;
		for (i = 0; i < 4; i++)
			ask_turn(700 + i, users[k], "alike", NULL);
		rig_run();
		CHECK(verify_waiting() <= 1, "%s: compared once", users[k]);
		while (crowd < 4)
			event_base_loop(proc_base(), EVLOOP_ONCE);
		for (i = 0; i < 4; i++) {
			close_conn(front, 700 + i);
			close(c[i]);
		}
		forgive();
	}
}

int
main(void)
{
	clients_begin();
	test_logins();
	test_vouch();
	test_tls();
	test_scram();
	test_invented();
	test_limits();
	test_abort();
	test_local();
	test_many();
	test_turns("127.0.0.2");
	test_turns("127.0.1.1");
	test_alike();
	rig_end_all();
	return (test_done());
}
