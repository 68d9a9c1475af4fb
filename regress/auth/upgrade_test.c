/*
 * "authd: auth": what is stored of a password follows the configuration, and
 * names without an account show what those with one do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authd/roles.h"
#include "clients.h"
#include "test.h"

#define NAMES	200

static uint64_t	 alice, bob, next = 1000;

static void
serve_cram(int on)
{
	struct conf_listener	*l = rig_conf->listeners.v;
	size_t			 i;

	for (i = 0; i < RIG_LISTENERS; i++)
		if (l[i].kind != KIND_SMTP) {
			l[i].mechs &= ~SASL_BIT(SASL_MECH_CRAM_MD5);
			if (on)
				l[i].mechs |= SASL_BIT(SASL_MECH_CRAM_MD5);
		}
	auth_ops.commit();
	rig_run();
}

/* Which of the two have a verifier: bits. */
static int
stored(void)
{
	struct sasl_cram_secret	 s;

	return ((userdb_cram(&auth.db, alice, &s) == 0) |
	    (userdb_cram(&auth.db, bob, &s) == 0) << 1);
}

static uint32_t
iterations(uint64_t id, enum scram_hash h)
{
	struct scram_secret	 s;

	return (userdb_verifier(&auth.db, id, h, &s) == 0 ? s.iterations : 0);
}

/* -2: the connection was refused. */
static int
login(const char *mech, const char *user, const char *password)
{
	uint64_t	 n = next++;
	int		 c = open_conn(front, RIG_IMAP, n), rc;

	if (c == -1)
		return (-2);
	rc = scram(mech, 0, NULL, user, password, n);
	close_conn(front, n);
	close(c);
	return (rc);
}

static void
until(int (*so)(void))
{
	while (!so())
		event_base_loop(proc_base(), EVLOOP_ONCE);
}

static int
alice_has(void)
{
	return (stored() & 1);
}

static int
alice_moved(void)
{
	return (iterations(alice, SCRAM_SHA_256) == rig_conf->iterations);
}

static int
bob_moved(void)
{
	return (iterations(bob, SCRAM_SHA_256) == rig_conf->iterations);
}

static void
test_cram(void)
{
	int	 i, rc;

	CHECK(stored() == 3, "stored with the password where it is served");
	CHECK(login("CRAM-MD5", "ALICE@d.example", "password-alice") ==
	    SASL_OK && span_eqs(rig_session.mech, "CRAM-MD5"),
	    "a login with it");
	CHECK(login("CRAM-MD5", "alice@d.example", "password-alicf") ==
	    SASL_BAD_CREDENTIALS, "not with a wrong password");
	CHECK(login("CRAM-MD5", "nobody@d.example", "password-alice") ==
	    SASL_BAD_CREDENTIALS, "nor as nobody");
	serve_cram(0);
	CHECK(stored() == 0, "removed where no listener has it any more");
	CHECK(login("CRAM-MD5", "alice@d.example", "password-alice") ==
	    SASL_UNKNOWN_MECH, "which knows no such mechanism");
	CHECK(RIG_CTL("account password", "bob", "password-new") == 0 &&
	    stored() == 0, "nor is it stored with a password then");
	forgive();
	serve_cram(1);
	for (i = 0, rc = 0; i < 30; i++)
		rc += login("CRAM-MD5", "alice@d.example", "password-alice") ==
		    SASL_BAD_CREDENTIALS;
	CHECK(rc == 30, "without one it is a wrong password, not counted: %d",
	    rc);
	for (i = 0, rc = 0; i < 30; i++)
		rc += login("CRAM-MD5", "nobody@d.example", "password-alice") ==
		    SASL_BAD_CREDENTIALS;
	CHECK(rc == 10, "as nobody's is: %d", rc);
	forgive();
	CHECK(try_plain("alice@d.example", "wrong-password") ==
	    SASL_BAD_CREDENTIALS, "a wrong password with PLAIN");
	rig_run();
	CHECK(stored() == 0, "makes none");
	CHECK(try_plain("alice@d.example", "password-alice") == SASL_OK,
	    "the right one");
	until(alice_has);
	CHECK(stored() == 1, "makes it, for that account");
	CHECK(login("CRAM-MD5", "alice@d.example", "password-alice") ==
	    SASL_OK, "which is as good as one that was there");
	CHECK(RIG_CTL("account password", "alice", "password-next") == 0 &&
	    login("CRAM-MD5", "alice@d.example", "password-alice") ==
	    SASL_BAD_CREDENTIALS && login("CRAM-MD5", "alice@d.example",
	    "password-next") == SASL_OK, "it changes with the password");
	forgive();
}

/* What a name is shown: iterations, and its salt. */
static uint32_t
shown(const char *name, struct buf *salt)
{
	struct buf	 b = { 0 };
	struct span	 s, part;
	uint64_t	 n = next++, count = 0;
	int		 c = open_conn(front, RIG_IMAP, n);

	buf_addf(&b, "n,,n=%s,r=0123456789abcdef", name);
	if (start(front, n, "SCRAM-SHA-256", span_buf(&b), 1, NULL) !=
	    SASL_MORE)
		abort();
	buf_reset(salt);
	for (s = said.data; s.n > 0;) {
		(void)span_split(&s, ',', &part);
		if (span_caseprefix(part, "s="))
			buf_add_span(salt, part);
		else if (span_caseprefix(part, "i="))
			(void)span_num(span_of(part.p + 2, part.n - 2),
			    UINT32_MAX, &count);
	}
	close_conn(front, n);
	close(c);
	buf_free(&b);
	return ((uint32_t)count);
}

static void
test_iterations(void)
{
	struct buf	 salts[NAMES] = { { 0 } }, again = { 0 };
	uint32_t	 was[NAMES], now;
	char		 name[32];
	size_t		 i, moved = 0, back = 0, other = 0, same = 0;

	rig_conf->iterations = 5000;
	auth_ops.commit();
	verify_forget();
	for (i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "n%zu@d.example", i);
		was[i] = shown(name, &salts[i]);
		other += was[i] != 4096;
	}
	CHECK(other == 0, "a new count alone changes nothing: %zu", other);
	CHECK(try_plain("alice@d.example", "password-next") == SASL_OK,
	    "a login");
	until(alice_moved);
	CHECK(iterations(alice, SCRAM_SHA_1) == 5000 &&
	    iterations(bob, SCRAM_SHA_256) == 4096,
	    "moves that account to it");
	CHECK(login("SCRAM-SHA-256", "alice@d.example", "password-next") ==
	    SASL_OK && login("SCRAM-SHA-1", "alice@d.example",
	    "password-next") == SASL_OK && login("SCRAM-SHA-1",
	    "alice@d.example", "password-nexu") == SASL_BAD_CREDENTIALS,
	    "whose password is the same");
	forgive();
	for (i = 0, other = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "n%zu@d.example", i);
		now = shown(name, &again);
		same += span_eq(span_buf(&again), span_buf(&salts[i])) !=
		    (now == was[i]);
		moved += now == 5000;
		other += now != 5000 && now != 4096;
		was[i] = now;
		buf_reset(&salts[i]);
		buf_add_span(&salts[i], span_buf(&again));
		if (i % 2 == 0)
			other += shown(name, &again) != now;
	}
	CHECK(other == 0, "nobody shows what no account has, or changes");
	CHECK(moved > NAMES / 4 && moved < NAMES * 3 / 4,
	    "half of them show what half of the accounts have: %zu", moved);
	CHECK(same == 0, "the salt changes with the count, as with accounts");
	CHECK(try_plain("bob@d.example", "password-new") == SASL_OK,
	    "another login");
	until(bob_moved);
	for (i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "n%zu@d.example", i);
		now = shown(name, &again);
		back += now != 5000;
		same += span_eq(span_buf(&again), span_buf(&salts[i])) !=
		    (was[i] == 5000);
		buf_free(&salts[i]);
	}
	CHECK(back == 0, "at last all show the new one");
	CHECK(same == 0, "and who showed it before shows the same salt");
	buf_free(&again);
}

int
main(void)
{
	struct account	 a;

	clients_begin();
	if (userdb_by_name(&auth.db, span_str("alice"), &a) == -1)
		return (1);
	alice = a.id;
	if (userdb_by_name(&auth.db, span_str("bob"), &a) == -1)
		return (1);
	bob = a.id;
	test_cram();
	test_iterations();
	rig_end_all();
	return (test_done());
}
