/*
 * "authd: auth": what letterctl asks, and what changes do to sessions.
 */
#include <sys/socket.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authd/auth_secret.h"
#include "clients.h"
#include "test.h"

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
	    rig_page.text.n > 8 && memcmp(rig_page.text.p +
	    rig_page.text.n - 8, " 1 carol", 8) == 0,
	    "is where bob is");
	CHECK(RIG_CTL("logins", "carol") == 0 && rig_page.rows.n == 1,
	    "its login");
	CHECK(try_plain("alice@d.example", "password-alice") == SASL_OK &&
	    try_plain("bob@d.example", "password-bob") == SASL_OK &&
	    RIG_CTL("logins") == 0 && rig_page.rows.n == 3, "everybody's");
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

/* A store that could not serve again what stays is told until it could. */
static void
test_thaw(void)
{
	unsigned	 i, n = rig_nthaws;

	rig_thawed = RESULT_TEMP;
	rig_unlink(ROLE_STORE, 1);
	rig_link(ROLE_STORE, 1);
	rig_run();
	CHECK(rig_nthaws > n, "asked when it is back");
	rig_thawed = RESULT_OK;
	n = rig_nthaws;
	for (i = 0; i < 60000 && rig_nthaws == n; i++) {
		usleep(1000);
		rig_run();
	}
	CHECK(rig_nthaws > n, "and again");
}

/* Its store learns what an account may keep, at once and when it is back. */
static void
test_quota(void)
{
	static const char *const	 bad[] = { "", "0", "-1", "x", "K", "1KK",
				    "1 K", "99999999999999999999", "9999999999T" };
	unsigned			 n = rig_nlimits;
	size_t				 i;

	for (i = 0; i < nitems(bad); i++)
		CHECK(RIG_CTL("account quota", "alice", bad[i]) == 1,
		    "no size: %s", bad[i]);
	CHECK(RIG_CTL("account quota", "alice") == 1 &&
	    RIG_CTL("account quota", "nobody", "1G") == 1 &&
	    RIG_CTL("account quota", "--messages", "1.5", "alice") == 1,
	    "what cannot be");
	rig_run();
	CHECK(rig_nlimits == n, "and nobody is told");
	CHECK(RIG_CTL("account quota", "alice", "3m") == 0, "octets");
	rig_run();
	CHECK(rig_nlimits == n + 1 && !rig_whole && rig_limited == 1 &&
	    rig_limits.octets == (3 << 20) + 1 && rig_limits.messages == 0,
	    "its store is told");
	CHECK(RIG_CTL("account quota", "--messages", "none", "ALICE") == 0,
	    "messages, octets stay");
	rig_run();
	CHECK(rig_limits.octets == (3 << 20) + 1 && rig_limits.messages == 1,
	    "are told");
	n = rig_nlimits;
	rig_unlink(ROLE_STORE, 0);
	rig_unlink(ROLE_STORE, 1);
	rig_link(ROLE_STORE, 0);
	rig_link(ROLE_STORE, 1);
	rig_run();
	CHECK(rig_nlimits == n + 2 && rig_whole,
	    "both are told all when they are back");
	CHECK(RIG_CTL("account quota", "--messages", "default", "alice",
	    "default") == 0, "taken back");
	rig_run();
	CHECK(rig_limited == 1 && rig_limits.octets == 0 &&
	    rig_limits.messages == 0, "is told");
}

/* More secrets than a page has room for: each is shown, once, in order. */
static void
test_secrets(void)
{
	struct msg_ctl			 m = { .verb = span_str("secret list") };
	const struct msg_ctl_row	*r;
	struct buf			 cursor = { 0 };
	char				 name[32], user[SECRET_TEXT + 1];
	size_t				 i, n = 0, pages = 0, bad = 0;

	memset(user, 'u', SECRET_TEXT);
	user[SECRET_TEXT] = '\0';
	for (i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "secret%02zu", i);
		bad += RIG_CTL("secret set", name, user, "swordfish") != 0;
	}
	CHECK(bad == 0, "secrets are set");
	do {
		m.cursor = span_buf(&cursor);
		codec_free(&c_ctl_page, &rig_page);
		if (rig_ask(rig_control(), M_CTL, &c_ctl, &m, -1, &c_ctl_page,
		    &rig_page) == -1)
			abort();
		r = rig_page.rows.v;
		for (i = 0; i < rig_page.rows.n; i++, n++) {
			snprintf(name, sizeof(name), "\"secret%02zu\"", n);
			bad += memmem(r[i].json.p, r[i].json.n, name,
			    strlen(name)) == NULL;
		}
		buf_reset(&cursor);
		buf_add_span(&cursor, rig_page.cursor);
	} while (rig_page.more && ++pages < 30);
	CHECK(pages > 1 && n == 30 && bad == 0, "%zu of 30 listed, %zu of them "
	    "out of order, in %zu pages", n, bad, pages + 1);
	buf_free(&cursor);
}

int
main(void)
{
	clients_begin();
	test_ctl();
	test_secrets();
	test_thaw();
	test_quota();
	test_backup();
	test_changes();
	rig_end_all();
	return (test_done());
}
