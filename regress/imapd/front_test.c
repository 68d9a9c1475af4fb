/*
 * "imapd: front" without a suite: what it asks of auth, its bounds, its time.
 */
#include <string.h>

#include "frontrig.h"
#include "imapd/front.h"
#include "test.h"

/* What a client says, auth's answers, and the end of what it hears. */
static const struct {
	const char	*name;
	enum conf_tls	 tls;
	const char	*answers;
	const char	*says;
	const char	*hears;
} rows[] = {
	{ "LOGIN", TLS_OFF, "\1", "a LOGIN a b\r\n", "a OK Logged in\r\n" },
	{ "what came behind LOGIN is the store's", TLS_OFF, "\1",
	    "a LOGIN a b\r\nb NOOP\r\n", "a OK Logged in\r\n" },
	{ "LOGIN with literals", TLS_OFF, "\1",
	    "a LOGIN {1+}\r\na {1+}\r\nb\r\n", "a OK Logged in\r\n" },
	{ "LOGIN in clear where TLS may begin", TLS_OPTIONAL, "\1",
	    "a LOGIN a b\r\n", "a NO [PRIVACYREQUIRED] TLS first\r\n" },
	{ "a wrong password", TLS_OFF, "\2", "a LOGIN a b\r\n",
	    "a NO [AUTHENTICATIONFAILED] bad credentials\r\n" },
	{ "an account that is disabled", TLS_OFF, "\6", "a LOGIN a b\r\n",
	    "a NO login is disabled\r\n" },
	{ "auth's text is a text", TLS_OFF, "\x26", "a LOGIN a b\r\n",
	    "a NO not\\x0d\\x0atoday\r\n" },
	{ "too many", TLS_OFF, "\x9", "a LOGIN a b\r\n",
	    "* BYE too many failed logins\r\n" },
	{ "a literal whose size is none", TLS_OFF, "",
	    "a NOOP {9223372036854775808+}\r\nb LOGOUT\r\n",
	    "* BYE malformed literal size\r\n" },
	{ "a challenge", TLS_OFF, "\x80\1", "a AUTHENTICATE PLAIN\r\nAGEAYg==\r\n",
	    "+ YSBjaGFsbGVuZ2U=\r\na OK Logged in\r\n" },
	{ "broken off", TLS_OFF, "\x80\1", "a AUTHENTICATE PLAIN\r\n*\r\n",
	    "a BAD aborted\r\n" },
	{ "no base64", TLS_OFF, "\x80\1", "a AUTHENTICATE PLAIN\r\n!\r\n",
	    "a BAD malformed authentication data\r\n" },
	{ "COMPRESS is for later", TLS_OFF, "", "a COMPRESS DEFLATE\r\n",
	    "a BAD no such command before login\r\n" },
	{ "STARTTLS where there is none", TLS_OFF, "", "a STARTTLS\r\n",
	    "a BAD no TLS here\r\n" },
	{ "a command behind STARTTLS is not heard", TLS_OPTIONAL, "",
	    "a STARTTLS\r\nb NOOP\r\n", "a OK begin TLS\r\n" },
};

static int
ends_with(struct span s, const char *end)
{
	size_t	 n = strlen(end);

	return (s.n >= n && memcmp(s.p + s.n - n, end, n) == 0);
}

static void
exchanges(void)
{
	size_t	 i, piece;

	for (i = 0; i < nitems(rows); i++)
		for (piece = 0; piece < 2; piece++) {
			frontrig_begin(rows[i].tls);
			buf_adds(&rig.outcomes, rows[i].answers);
			frontrig_connect();
			frontrig_say(rows[i].says, strlen(rows[i].says),
			    rows[i].tls == TLS_OPTIONAL ? 0 : piece);
			CHECK(ends_with(span_buf(&rig.out), rows[i].hears) ||
			    printf("# %s", buf_cstr(&rig.out)) == 0, "%s",
			    rows[i].name);
			CHECK(frontrig_end() == 0, "and nothing is left");
		}
}

static void
say(const char *s)
{
	frontrig_say(s, strlen(s), 0);
}

/* The time until login is one, however often somebody tries. */
static void
patience(void)
{
	frontrig_begin(TLS_OFF);
	buf_adds(&rig.outcomes, "\x80\2\x12");
	frontrig_connect();
	rig.later += 100000;
	say("a AUTHENTICATE PLAIN\r\nAGEAYg==\r\n");
	CHECK(ends_with(span_buf(&rig.out), "credentials\r\n"), "refused");
	say("b LOGIN a b\r\n");
	CHECK(ends_with(span_buf(&rig.out), "a NO [AUTHENTICATIONFAILED] bad "
	    "credentials\r\n"), "a refusal that waits");
	frontrig_late();
	CHECK(ends_with(span_buf(&rig.out), "b NO [AUTHENTICATIONFAILED] bad "
	    "credentials\r\n"), "comes when its time has come");
	CHECK(!rig.over, "and the connection goes on");
	frontrig_late();
	CHECK(rig.over && ends_with(span_buf(&rig.out), "* BYE too slow\r\n"),
	    "until it was too long without a login");
	CHECK(frontrig_end() == 0, "and nothing is left");
}

/* Nobody reads: no command is, either. */
static void
unread(void)
{
	static const char	 one[] = "a CAPABILITY\r\n";
	size_t			 i, n = 0;

	frontrig_begin(TLS_OFF);
	frontrig_connect();
	frontrig_deaf(1);
	for (i = 0; i < FRONT_COMMANDS / 2; i++)
		say(one);
	CHECK(rig.queued > FRONT_OUT / 2 && rig.queued < FRONT_OUT + 4096,
	    "%zu octets wait to be read", rig.queued);
	frontrig_deaf(0);
	for (i = 0; i < FRONT_COMMANDS / 2; i++)
		frontrig_run();
	for (i = 0; i + 9 < rig.out.n; i++)
		n += memcmp(rig.out.p + i, "a OK done", 9) == 0;
	CHECK(n > 10, "%zu answers come when somebody reads", n);
	say("z NOOP\r\n");
	CHECK(ends_with(span_buf(&rig.out), "z OK done\r\n"), "and more");
	CHECK(frontrig_end() == 0, "and nothing is left");
}

/* Its end waits for a client that does not read and goes on sending: no turn of
 * the loop is spent on that. */
static void
ends_unread(void)
{
	int	 i;

	frontrig_begin(TLS_OFF);
	frontrig_connect();
	frontrig_deaf(1);
	for (i = 0; i < 30; i++)
		say("a CAPABILITY\r\n");
	say("a X\r\na X\r\na X\r\nb NOOP\r\nc NOOP\r\n");
	frontrig_deaf(0);
	for (i = 0; i < 30; i++)
		frontrig_run();
	CHECK(ends_with(span_buf(&rig.out), "* BYE too many bad commands\r\n"),
	    "who reads late reads the last words");
	CHECK(frontrig_end() == 0, "and nothing is left");
}

/* Under TLS its octets go to and fro. */
static void
relayed(void)
{
	frontrig_begin(TLS_IMPLICIT);
	buf_adds(&rig.outcomes, "\1");
	frontrig_connect();
	say("a LOGIN alice secret\r\nb NOOP\r\n");
	CHECK(rig.login && rig.in && span_eqs(span_buf(&rig.mech), "PLAIN") &&
	    span_eq(span_buf(&rig.initial), span_of("alice\0secret", 12)),
	    "LOGIN is PLAIN for auth");
	frontrig_store("* 1 EXISTS\r\n", 12);
	frontrig_run();
	CHECK(ends_with(span_buf(&rig.out), "a OK Logged in\r\n* 1 EXISTS\r\n"),
	    "what the store says comes");
	frontrig_store("", 0);
	say("c NOOP\r\n");
	CHECK(frontrig_end() == 0, "and nothing is left");
}

int
main(void)
{
	exchanges();
	patience();
	unread();
	ends_unread();
	relayed();
	return (test_done());
}
