/*
 * "authd: auth" at its links: connections, exchanges and vouching, recipients,
 * what letterctl asks, and what a hostile peer may try.
 */
#include <sys/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "rig.h"
#include "test.h"

static struct peer	*front, *smtpd, *queued;
static uint64_t		 next_conn;

/* ---- small words ------------------------------------------------------------ */

static struct msg_conn_opened	 opened;

/* Open connection n at a listener; the client's end, or -1: refused. */
static int
open_conn(struct peer *p, int listener, uint64_t n)
{
	struct msg_number	 m = { n };
	int			 fd, client = rig_client(listener, &fd);

	if (rig_ask(p, M_CONN_OPEN, &c_number, &m, fd, &c_conn_opened,
	    &opened) == 0 && opened.allowed && opened.conn == n)
		return (client);
	close(client);
	return (-1);
}

static void
close_conn(struct peer *p, uint64_t n)
{
	struct msg_number	 m = { n };

	(void)peer_put(p, M_CONN_CLOSED, &c_number, &m, -1);
	rig_run();
}

static struct msg_sasl	 said;

/* Begin an exchange; ours is the end of the session's pair that stays. */
static int
start(struct peer *p, uint64_t conn, const char *mech, struct span initial,
    int has, int *ours)
{
	struct msg_sasl_start	 s = { .conn = conn, .mech = span_str(mech),
				    .has_initial = (uint8_t)has,
				    .initial = initial,
				    .tag = span_str("a1"),
				    .pending = span_str("x") };
	int			 fds[2];

	s.login_command = strcmp(mech, "") == 0;
	if ((p == smtpd ? imsg_pair(fds) : stream_pair(fds)) == -1)
		abort();
	if (ours != NULL)
		*ours = fds[0];
	else
		close(fds[0]);
	if (rig_ask(p, M_SASL_START, &c_sasl_start, &s, fds[1], &c_sasl,
	    &said) == -1)
		return (-1);
	return (said.outcome);
}

static int
step(struct peer *p, uint64_t conn, struct span data)
{
	struct msg_sasl_step	 s = { conn, data };

	if (rig_ask(p, M_SASL_STEP, &c_sasl_step, &s, -1, &c_sasl,
	    &said) == -1)
		return (-1);
	return (said.outcome);
}

static int
abort_sasl(struct peer *p, uint64_t conn)
{
	struct msg_number	 n = { conn };

	if (rig_ask(p, M_SASL_ABORT, &c_number, &n, -1, &c_sasl, &said) == -1)
		return (-1);
	return (said.outcome);
}

/* "user NUL user NUL password", or what stands for it in LOGIN. */
static int
plain(struct peer *p, uint64_t conn, const char *user, const char *password)
{
	struct buf	 b = { 0 };
	int		 rc;

	buf_addc(&b, '\0');
	buf_adds(&b, user);
	buf_addc(&b, '\0');
	buf_adds(&b, password);
	rc = start(p, conn, "PLAIN", span_buf(&b), 1, NULL);
	buf_free(&b);
	return (rc);
}

/* A connection of its own for one try. */
static int
try_plain(const char *user, const char *password)
{
	uint64_t	 n = ++next_conn;
	int		 c = open_conn(front, RIG_IMAP, n), rc;

	if (c == -1)
		return (-2);
	rc = plain(front, n, user, password);
	close_conn(front, n);
	close(c);
	return (rc);
}

static void
forgive(void)
{
	rig_later += 86400ull * 1000 * 2;
}

/* ---- connections ------------------------------------------------------------------ */

static void
test_conns(void)
{
	struct msg_conn_tls	 t = { .conn = 100,
				    .version = span_str("TLSv1.3") };
	struct msg_number	 n = { 1 };
	int			 c[16], i, fds[2], got;

	c[0] = open_conn(front, RIG_IMAP, 100);
	CHECK(c[0] != -1 && opened.listener == RIG_IMAP &&
	    span_eqs(opened.remote, "127.0.0.1") && opened.port != 0,
	    "a connection, as the kernel sees it");
	CHECK(peer_put(front, M_CONN_TLS, &c_conn_tls, &t, -1) == 0,
	    "TLS is told");
	close_conn(front, 100);
	close(c[0]);
	for (i = 0, got = 0; i < 11; i++) {
		c[i] = open_conn(front, RIG_IMAP, 200 + (uint64_t)i);
		got += c[i] != -1;
	}
	CHECK(got == 10 && c[10] == -1 && opened.text.n > 0,
	    "so many from one address: %d", got);
	CHECK((i = open_conn(smtpd, RIG_SMTP, 200)) != -1,
	    "another kind is counted by itself");
	close(i);
	close_conn(smtpd, 200);
	close_conn(front, 203);
	close(c[3]);
	CHECK((c[3] = open_conn(front, RIG_IMAP, 220)) != -1,
	    "a place that was given back");
	rig_unlink(ROLE_FRONT, 0);
	front = rig_link(ROLE_FRONT, 0);
	for (i = 0; i < 10; i++)
		close(c[i]);
	for (i = 0, got = 0; i < 10; i++) {
		c[i] = open_conn(front, RIG_IMAP, 200 + (uint64_t)i);
		got += c[i] != -1;
	}
	CHECK(got == 10, "all places, when the link was lost");
	for (i = 0; i < 10; i++) {
		close_conn(front, 200 + (uint64_t)i);
		close(c[i]);
	}
	CHECK(open_conn(front, RIG_SUBMISSION, 300) == -1 &&
	    open_conn(smtpd, RIG_IMAP, 300) == -1,
	    "a socket of the other's listener is refused");
	if (pipe(fds) == -1)
		abort();
	CHECK(rig_ask(front, M_CONN_OPEN, &c_number, &n, fds[0],
	    &c_conn_opened, &opened) == 0 && !opened.allowed,
	    "a pipe is no connection");
	close(fds[1]);
	fds[0] = open("/", O_RDONLY | O_DIRECTORY);
	CHECK(rig_ask(front, M_CONN_OPEN, &c_number, &n, fds[0],
	    &c_conn_opened, &opened) == 0 && !opened.allowed,
	    "nor is a directory");
	CHECK(rig_ask(front, M_CONN_OPEN, &c_number, &n, -1, &c_conn_opened,
	    &opened) == 0 && !opened.allowed, "nor is nothing");
	if (stream_pair(fds) == -1)
		abort();
	CHECK(rig_ask(front, M_CONN_OPEN, &c_number, &n, fds[0],
	    &c_conn_opened, &opened) == 0 && !opened.allowed,
	    "nor is a pair");
	close(fds[1]);
	close_conn(front, 12345);
	CHECK(rig_linked(ROLE_FRONT, 0), "closing what is not open is nothing");
}

/* ---- logins ------------------------------------------------------------------------- */

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

/* The client's side of SCRAM, by the component. */
static int
scram(const char *mech, int plus, const struct scram_bindings *b,
    const char *user, const char *password, uint64_t conn)
{
	struct sasl_login	 l = { .user = span_str(user),
				    .password = span_str(password), .tls = 1,
				    .trusted = 1 };
	struct sasl_client	*k;
	struct sasl_reply	 r;
	struct span		 in;
	int			 rc, begun = 0;
	enum sasl_step		 what;

	if (plus)
		l.bindings = *b;
	k = sasl_client_new(sasl_mech_by_name(span_str(mech)), &l, 0);
	what = sasl_client_step(k, NULL, &r);
	for (rc = SASL_MORE; rc == SASL_MORE; ) {
		if (what == SASL_STEP_WORK) {
			sasl_client_work(k);
			what = sasl_client_step(k, NULL, &r);
			continue;
		}
		if (what != SASL_STEP_MORE) {
			rc = abort_sasl(front, conn);
			break;
		}
		rc = begun++ ? step(front, conn, r.data) : start(front, conn,
		    mech, r.data, r.present, NULL);
		in = said.data;
		if (rc == SASL_MORE)
			what = sasl_client_step(k, &in, &r);
	}
	if (rc == SASL_OK && sasl_client_success(k) == -1)
		rc = -4;
	sasl_client_free(k);
	return (rc);
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
	rig_later += 61 * 1000;
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

/* ---- local users ------------------------------------------------------------------------ */

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
	    SASL_UNKNOWN_MECH, "which is not so from the network");
	close_conn(front, 3);
	close(c);
	CHECK(RIG_CTL("account local-user", "bob", "-") == 0 &&
	    open_conn(smtpd, RIG_LOCAL, 4) == -1, "nor any more");
	forgive();
}

/* ---- recipients ---------------------------------------------------------------------------- */

static void
test_rcpt(void)
{
	static const struct {
		const char	*address, *account, *canonical;
		int		 result, local;
	} v[] = {
		{ "alice@d.example", "alice", "alice@d.example", RESULT_OK, 1 },
		{ "ALICE+x@D.EXAMPLE", "alice", "alice@d.example", RESULT_OK,
		  1 },
		{ "al@d.example", "alice", "al@d.example", RESULT_OK, 1 },
		{ "nobody@d.example", "", "nobody@d.example", RESULT_NO, 1 },
		{ "nobody@x.example", "", "nobody@x.example", RESULT_NO, 0 },
		{ "any@e.example", "bob", "any@e.example", RESULT_OK, 1 },
		{ "postmaster@d.example", "alice", "postmaster@d.example",
		  RESULT_OK, 1 },
		{ "POSTMASTER", "alice", "postmaster", RESULT_OK, 1 },
		{ "postmaster@mail.d.example", "alice",
		  "postmaster@mail.d.example", RESULT_OK, 1 },
		{ "root@mail.d.example", "", "root@mail.d.example", RESULT_NO,
		  0 },
		{ "postmaster@x.example", "", "postmaster@x.example",
		  RESULT_NO, 0 },
		{ "\"alice\"@d.example", "alice", "alice@d.example", RESULT_OK,
		  1 },
		{ "junk", "", "", RESULT_NO, 0 },
	};
	struct msg_may_use	 u;
	struct msg_result	 r;
	struct msg_text		 t;
	struct msg_rcpt		 a;
	struct msg_number	 n;
	uint64_t		 alice;
	size_t			 i;

	free(rig_conf->postmaster);
	rig_conf->postmaster = strdup("al@d.example");
	for (i = 0; i < nitems(v); i++) {
		t.text = span_str(v[i].address);
		CHECK(rig_ask(smtpd, M_RCPT, &c_text, &t, -1, &c_rcpt, &a) ==
		    0 && a.result == v[i].result && a.local == v[i].local &&
		    span_eqs(a.name, v[i].account) &&
		    span_eqs(a.address, v[i].canonical),
		    "recipient %s: %u %.*s", v[i].address, a.result,
		    (int)a.address.n, (const char *)a.address.p);
	}
	free(rig_conf->postmaster);
	rig_conf->postmaster = strdup("");
	t.text = span_str("postmaster@d.example");
	CHECK(rig_ask(smtpd, M_RCPT, &c_text, &t, -1, &c_rcpt, &a) == 0 &&
	    a.result == RESULT_OK && span_eqs(a.name, "alice"),
	    "postmaster is the oldest account where nobody is named");
	t.text = span_str("alice");
	CHECK(rig_ask(queued, M_ACCOUNT_NAMED, &c_text, &t, -1, &c_rcpt,
	    &a) == 0 && a.result == RESULT_OK &&
	    span_eqs(a.address, "alice@d.example"), "an account by name");
	alice = a.account;
	t.text = span_str("nobody");
	CHECK(rig_ask(queued, M_ACCOUNT_NAMED, &c_text, &t, -1, &c_rcpt,
	    &a) == 0 && a.result == RESULT_NO, "one that is not there");

	u.account = alice;
	u.address = span_str("AL+tag@d.example");
	CHECK(rig_ask(queued, M_MAY_USE, &c_may_use, &u, -1, &c_result, &r) ==
	    0 && r.result == RESULT_OK, "an address of one's own");
	u.address = span_str("bob@d.example");
	CHECK(rig_ask(queued, M_MAY_USE, &c_may_use, &u, -1, &c_result, &r) ==
	    0 && r.result == RESULT_NO && r.code == 550, "another's");
	u.address = span_str("alice@x.example");
	CHECK(rig_ask(queued, M_MAY_USE, &c_may_use, &u, -1, &c_result, &r) ==
	    0 && r.result == RESULT_NO, "a foreign one");
	u.address = span_str("");
	CHECK(rig_ask(queued, M_MAY_USE, &c_may_use, &u, -1, &c_result, &r) ==
	    0 && r.result == RESULT_NO, "none");
	u.account = 9999;
	CHECK(rig_ask(queued, M_MAY_USE, &c_may_use, &u, -1, &c_result, &r) ==
	    0 && r.result == RESULT_NO, "of an account that is gone");

	CHECK(RIG_CTL("account route add", "alice",
	    "route to d.example transport default") == 0 &&
	    RIG_CTL("account route add", "alice", "transport default") == 0, "routes of an account");
	n.number = alice;
	CHECK(rig_ask(queued, M_ACCOUNT_ROUTES, &c_number, &n, -1, &c_text,
	    &t) == 0 && span_eqs(t.text, "route to d.example transport "
	    "default\ntransport default\n"), "as they were written");
	CHECK(RIG_CTL("account route add", "alice", "transport nowhere") == 1 && RIG_CTL("account route add", "alice", "to") == 1, "routes that cannot be");
	CHECK(RIG_CTL("account route remove", "alice", "1") == 0 &&
	    RIG_CTL("account route remove", "alice", "2") == 1,
	    "one is removed");
	CHECK(RIG_CTL("account route list", "alice") == 0 &&
	    rig_page.rows.n == 1, "one is left");
}

/* ---- letterctl -------------------------------------------------------------------------------- */

static int
says(const char *what)
{
	struct buf	 b = { 0 };
	int		 rc;

	buf_add_span(&b, rig_page.text);
	rc = strstr(buf_cstr(&b), what) != NULL;
	buf_free(&b);
	return (rc);
}

static void
test_ctl(void)
{
	static const struct {
		const char	*name, *address, *password, *want;
	} bad[] = {
		{ "alice", "new@d.example", "password", "already" },
		{ "a/b", "new@d.example", "password", "not a name" },
		{ "new", "alice@d.example", "password", "of alice already" },
		{ "new", "new@x.example", "password", "no domain" },
		{ "new", "new", "password", "not an address" },
		{ "new", "new+x@d.example", "password", "that is the address "
		  "new@d.example" },
		{ "new", "new@d.example", "passwor", "at least 8" },
		{ "new", "new@d.example", "", "cannot be a password" },
		{ "new", "new@d.example", "pass\001word", "cannot be" },
		{ "new", "new@d.example", "password\377", "cannot be" },
	};
	size_t	 i;

	for (i = 0; i < nitems(bad); i++)
		CHECK(RIG_CTL("account add", bad[i].name, bad[i].address,
		    bad[i].password) == 1 && says(bad[i].want),
		    "refused: %.*s", (int)rig_page.text.n,
		    (const char *)rig_page.text.p);
	CHECK(RIG_CTL("account add", "alice") == 1 && says("usage"),
	    "too few words");
	CHECK(RIG_CTL("account explode") == 1, "no such command");
	CHECK(RIG_CTL("account add", "--far", "bob", "new", "new@d.example",
	    "password") == 1 && says("usage"), "no such flag");
	CHECK(RIG_CTL("account remove", "--near", "bob", "new") == 1 &&
	    says("usage"), "the flag of another");
	CHECK(RIG_CTL("account add", "--near", "bob", "carol",
	    "carol@d.example", "pa\314\210ssword\302\240x") == 0,
	    "near to another");
	CHECK(try_plain("carol@d.example", "p\303\244ssword x") == SASL_OK,
	    "a password in another spelling");
	CHECK(RIG_CTL("account list") == 0 && rig_page.rows.n == 3,
	    "a list");
	CHECK(RIG_CTL("account show", "CAROL") == 0 &&
	    rig_page.rows.n == 1, "one of them");
	CHECK(RIG_CTL("account locate", "carol") == 0 &&
	    rig_page.text.n > 2 && rig_page.text.p[rig_page.text.n - 1] == '1',
	    "is where bob is");
	CHECK(RIG_CTL("logins", "carol") == 0 && rig_page.rows.n == 1,
	    "its login");
	CHECK(RIG_CTL("logins") == 0 && rig_page.rows.n > 5,
	    "everybody's");
	CHECK(RIG_CTL("verify auth") == 0 && rig_page.more,
	    "a check begins");
	CHECK(RIG_CTL("address add", "carol", "c@d.example") == 0 &&
	    RIG_CTL("address remove", "alice", "c@d.example") == 1 &&
	    RIG_CTL("address remove", "carol", "c@d.example") == 0 &&
	    RIG_CTL("address remove", "carol", "c@d.example") == 1,
	    "addresses come and go");
}

/* What letterctl does with its end: read until nobody writes any more. */
static void *
drain(void *arg)
{
	static uint8_t	 room[65536], last[5];
	int		*fd = arg;
	ssize_t		 n;
	size_t		 k, all = 0;

	while ((n = read(*fd, room, sizeof(room))) > 0) {
		all += (size_t)n;
		k = (size_t)n < sizeof(last) ? (size_t)n : sizeof(last);
		memmove(last, last + k, sizeof(last) - k);
		memcpy(last + sizeof(last) - k, room + n - k, k);
	}
	close(*fd);
	/* the end of the stream: ARCHIVE_END, no error */
	return (all > 100000 && last[0] == 4 && last[1] + last[2] + last[3] +
	    last[4] == 0 ? arg : NULL);
}

static void
test_backup(void)
{
	struct msg_ctl	 m = { .verb = span_str("backup auth") };
	pthread_t	 t;
	void		*whole = NULL;
	int		 fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == -1 ||
	    pthread_create(&t, NULL, drain, &fds[0]) != 0)
		abort();
	codec_free(&c_ctl_page, &rig_page);
	CHECK(rig_ask(rig_control(), M_CTL, &c_ctl, &m, fds[1], &c_ctl_page,
	    &rig_page) == 0 && rig_page.status == 0, "a backup");
	pthread_join(t, &whole);
	CHECK(whole != NULL, "which is whole");
	CHECK(RIG_CTL("backup auth") == 1, "not without a descriptor");
}

static void
test_changes(void)
{
	unsigned	 n;

	CHECK(RIG_CTL("account disable", "carol", "on \001 leave") == 1,
	    "a text that cannot be shown");
	n = rig_nends;
	CHECK(RIG_CTL("account disable", "carol", "on leave") == 0,
	    "disabled");
	rig_run();
	CHECK(rig_nends == n + 3 && rig_end.serial_below == 0 &&
	    span_eqs(rig_end.why, "on leave"), "which ends its sessions");
	CHECK(try_plain("carol@d.example", "p\303\244ssword x") ==
	    SASL_DISABLED && span_eqs(said.text, "on leave"),
	    "with the right password the reason is told");
	CHECK(try_plain("carol@d.example", "wrong-password") ==
	    SASL_BAD_CREDENTIALS && said.text.n == 0,
	    "with a wrong one it is not");
	forgive();
	CHECK(RIG_CTL("account enable", "carol") == 0, "enabled");
	CHECK(RIG_CTL("account enable", "carol") == 1, "once");
	n = rig_nends;
	CHECK(RIG_CTL("account password", "carol", "password-new") == 0,
	    "a new password");
	rig_run();
	CHECK(rig_nends == n, "which ends nothing");
	CHECK(try_plain("carol@d.example", "password-new") == SASL_OK &&
	    rig_session.password_serial == 2, "is the one that counts");
	CHECK(try_plain("carol@d.example", "p\303\244ssword x") ==
	    SASL_BAD_CREDENTIALS, "and the old one, remembered, does not");
	forgive();
	CHECK(RIG_CTL("account password", "--end-sessions", "yes", "carol",
	    "password-newer") == 0, "another");
	rig_run();
	CHECK(rig_nends == n + 3 && rig_end.serial_below == 3,
	    "which ends the sessions before it");
	n = rig_nends;
	rig_unlink(ROLE_QUEUED, 0);
	CHECK(RIG_CTL("account password", "--end-sessions", "yes", "carol",
	    "password-newer") == 0, "and once more");
	rig_run();
	CHECK(rig_nends == n + 2, "while queued's link is lost");
	queued = rig_link(ROLE_QUEUED, 0);
	rig_run();
	CHECK(rig_nends == n + 3 && rig_end.serial_below == 4,
	    "who is told when it is back");
	n = rig_ngone;
	rig_unlink(ROLE_STORE, 1);
	CHECK(RIG_CTL("account remove", "carol") == 0, "removed");
	rig_run();
	CHECK(rig_ngone == n, "its store is away");
	rig_link(ROLE_STORE, 1);
	rig_run();
	CHECK(rig_ngone == n + 1 && rig_gone.partition == 1,
	    "and is told when it is back");
	rig_unlink(ROLE_STORE, 1);
	rig_link(ROLE_STORE, 1);
	rig_run();
	CHECK(rig_ngone == n + 1, "once");
	CHECK(try_plain("carol@d.example", "password-newer") ==
	    SASL_BAD_CREDENTIALS, "nobody logs in there");
	forgive();
}

/* ---- hostile peers ------------------------------------------------------------------------------ */

static void
test_hostile(void)
{
	struct msg_sasl_start	 s = { .conn = 1, .mech = span_str("PLAIN") };
	struct msg_conn_tls	 t = { .conn = 1 };
	struct msg_number	 n = { 1 };
	struct buf		 junk = { 0 };
	uint32_t		 type;
	int			 c, c2, fds[2], bad = 0;

	/* octets that are no message, under every type */
	buf_adds(&junk, "\377\377\377\377 junk");
	for (type = 1; type < 800; type++) {
		front = rig_link(ROLE_FRONT, 0);
		(void)peer_send(front, type, &junk, -1);
		rig_run();
		bad += rig_linked(ROLE_FRONT, 0);
	}
	CHECK(bad == 0, "junk closes the link");
	buf_free(&junk);
	front = rig_link(ROLE_FRONT, 0);
	CHECK(try_plain("alice@d.example", "password-alice") == SASL_OK,
	    "and nothing else");
	CHECK(rig_linked(ROLE_SMTPD, 0) && rig_linked(ROLE_QUEUED, 0),
	    "other links stay");

	/* a number twice */
	c = open_conn(front, RIG_IMAP, 1);
	c2 = open_conn(front, RIG_IMAP, 1);
	CHECK(c2 == -1 && !rig_linked(ROLE_FRONT, 0), "a number twice");
	close(c);
	front = rig_link(ROLE_FRONT, 0);

	/* TLS twice */
	c = open_conn(front, RIG_IMAP, 1);
	(void)peer_put(front, M_CONN_TLS, &c_conn_tls, &t, -1);
	rig_run();
	CHECK(rig_linked(ROLE_FRONT, 0), "TLS once");
	(void)peer_put(front, M_CONN_TLS, &c_conn_tls, &t, -1);
	rig_run();
	CHECK(!rig_linked(ROLE_FRONT, 0), "TLS twice");
	close(c);
	front = rig_link(ROLE_FRONT, 0);

	/* another's connection */
	c = open_conn(smtpd, RIG_SUBMISSION, 77);
	CHECK(plain(front, 77, "alice@d.example", "password-alice") ==
	    SASL_UNAVAILABLE, "another's connection is not there");
	(void)peer_put(front, M_CONN_CLOSED, &c_number,
	    &(struct msg_number){ 77 }, -1);
	rig_run();
	CHECK(start(smtpd, 77, "SCRAM-SHA-1", span_of("", 0), 0, NULL) ==
	    SASL_MORE, "and cannot be closed");
	close_conn(smtpd, 77);
	close(c);

	/* an exchange in an exchange; a step of one that is not known */
	c = open_conn(front, RIG_IMAP, 1);
	CHECK(start(front, 1, "PLAIN", span_of("", 0), 0, NULL) ==
	    SASL_MORE, "an exchange");
	CHECK(start(front, 1, "LOGIN", span_of("", 0), 0, NULL) == -1 &&
	    !rig_linked(ROLE_FRONT, 0), "an exchange in an exchange");
	close(c);
	front = rig_link(ROLE_FRONT, 0);
	c = open_conn(front, RIG_IMAP, 1);
	CHECK(step(front, 1, span_str("x")) == SASL_UNAVAILABLE &&
	    rig_linked(ROLE_FRONT, 0), "a step of one begun before we were");
	close_conn(front, 1);
	close(c);

	/* descriptors that are no sessions */
	c = open_conn(front, RIG_IMAP, 1);
	if (pipe(fds) == -1)
		abort();
	CHECK(rig_ask(front, M_SASL_START, &c_sasl_start, &s, fds[0], &c_sasl,
	    &said) == -1 && !rig_linked(ROLE_FRONT, 0), "a pipe for a session");
	close(fds[1]);
	close(c);
	front = rig_link(ROLE_FRONT, 0);
	c = open_conn(front, RIG_IMAP, 1);
	CHECK(rig_ask(front, M_SASL_START, &c_sasl_start, &s, -1, &c_sasl,
	    &said) == 0 && said.outcome == SASL_UNAVAILABLE,
	    "none at all is unavailable");
	close(c);
	close_conn(front, 1);

	/* SMTP has no logins */
	c = open_conn(smtpd, RIG_SMTP, 1);
	CHECK(plain(smtpd, 1, "alice@d.example", "password-alice") == -1 &&
	    !rig_linked(ROLE_SMTPD, 0), "no login on port 25");
	close(c);
	smtpd = rig_link(ROLE_SMTPD, 0);

	/* who may not ask */
	CHECK(rig_ask(front, M_MAY_USE, &c_number, &n, -1, &c_sasl, &said) ==
	    -1 && !rig_linked(ROLE_FRONT, 0), "front may not ask for queued");
	front = rig_link(ROLE_FRONT, 0);
}

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

int
main(void)
{
	rig_begin();
	front = rig_link(ROLE_FRONT, 0);
	smtpd = rig_link(ROLE_SMTPD, 0);
	queued = rig_link(ROLE_QUEUED, 0);
	rig_link(ROLE_STORE, 0);
	rig_link(ROLE_STORE, 1);
	rig_account("alice", "alice@d.example");
	rig_account("bob", "bob@d.example");
	if (RIG_CTL("address add", "alice", "al@d.example") != 0 ||
	    RIG_CTL("address add", "bob", "@e.example") != 0 ||
	    RIG_CTL("address add", "bob", "\303\274@d.example") != 0)
		return (1);
	test_conns();
	test_logins();
	test_vouch();
	test_tls();
	test_scram();
	test_invented();
	test_limits();
	test_abort();
	test_local();
	test_rcpt();
	test_ctl();
	test_backup();
	test_changes();
	test_many();
	test_hostile();
	rig_end_all();
	return (test_done());
}
