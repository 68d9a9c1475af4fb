/*
 * Whole sessions of the SMTP client as scripts.  A line of a script is
 *	S text	the server says it (lines in a row arrive as one segment)
 *	C text	the client said it; "C" alone: nothing more was said
 *	W name	it now waits for this
 *	T	the handshake is done
 *	M	send the message
 *	Q	quit
 *	X	the connection ends
 *	A text	the SASL answer that was put off
 */
#include "smtpclient.h"
#include "test.h"

#define TO(a)	{ (a), NULL, 0 }
#define HELLO	"S 220 hi\nC EHLO me\n"

static const char *const	 wants[] = { "read", "write", "again", "tls",
				    "sasl", "ready", "end", "failed" };

static const struct client_case {
	const char		*name;
	enum smtpclient_tls	 tls;
	int			 sasl;		/* 1: clear too; 2: puts off */
	unsigned		 rcpts;
	const char		*from;
	struct { const char *address, *orcpt; unsigned notify; } to[4];
	const char		*envid;
	unsigned		 ret;
	int			 utf8, body, requiretls;
	const char		*content;
	const char		*script;
	const char		*want;	/* results, one a line */
	enum smtpclient_failure	 failure;
} cases[] = {
	{ .name = "everything in one go", .from = "a@b", .to = { TO("c@d") },
	    .content = "A: b\r\n\r\n.x\r\n",
	    .script = HELLO
	    "S 250-srv\nS 250-PIPELINING\nS 250-8BITMIME\nS 250 SIZE 1000\n"
	    "C\nW ready\nM\n"
	    "C MAIL FROM:<a@b> SIZE=12\nC RCPT TO:<c@d>\nC DATA\nC\n"
	    "S 250 2.1.0 a\nS 250 2.1.5 b\nS 354 go\n"
	    "C A: b\nC \nC ..x\nC .\nC\nS 250 2.0.0 taken as 12\nW ready\nC\n"
	    "Q\nC QUIT\nW read\nS 221 bye\nW end\n",
	    .want = "ok 250 2.0.0 taken as 12\n" },
	{ .name = "one by one", .from = "", .to = { TO("c@d"), TO("e@f") },
	    .content = "x",
	    .script = HELLO "S 250 srv\nW ready\nM\nC MAIL FROM:<>\nC\n"
	    "S 250 ok\nC RCPT TO:<c@d>\nC\nS 250 ok\nC RCPT TO:<e@f>\nC\n"
	    "S 550 5.1.1 no\nC DATA\nC\nS 354 go\nC x\nC .\nC\nS 250 ok\n"
	    "W ready\n",
	    .want = "ok 250 2.0.0 ok\nperm 550 5.1.1 no\n" },
	{ .name = "three outcomes", .from = "a@b",
	    .to = { TO("c@d"), TO("e@f"), TO("g@h") }, .content = "x",
	    .script = HELLO "S 250-srv\nS 250 PIPELINING\nM\n"
	    "C MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC RCPT TO:<e@f>\n"
	    "C RCPT TO:<g@h>\nC DATA\nC\n"
	    "S 250 ok\nS 250 ok\nS 450 4.2.0 later\nS 550 no\nS 354 go\n"
	    "C x\nC .\nS 250 ok\nW ready\n",
	    .want = "ok 250 2.0.0 ok\ntemp 450 4.2.0 later\nperm 550 5.0.0 no\n" },
	{ .name = "nobody, yet DATA is taken", .from = "a@b",
	    .to = { TO("c@d") }, .content = "secret",
	    .script = HELLO "S 250-srv\nS 250 PIPELINING\nM\n"
	    "C MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC DATA\nC\n"
	    "S 250 ok\nS 550 no\nS 354 go\nC .\nC\nS 250 taken\nW ready\n",
	    .want = "perm 550 5.0.0 no\n" },
	{ .name = "nobody, one by one", .from = "a@b", .to = { TO("c@d") },
	    .content = "x",
	    .script = HELLO "S 250 srv\nM\nC MAIL FROM:<a@b>\nS 250 ok\n"
	    "C RCPT TO:<c@d>\nS 450 4.7.1 grey\nC\nW ready\n"
	    "M\nC RSET\nC\nS 250 ok\nC MAIL FROM:<a@b>\nC\nS 250 ok\n"
	    "C RCPT TO:<c@d>\nS 250 ok\nC DATA\nS 354 go\nC x\nC .\nS 250 ok\n"
	    "W ready\n",
	    .want = "ok 250 2.0.0 ok\n" },
	{ .name = "sender refused", .from = "a@b",
	    .to = { TO("c@d"), TO("e@f") }, .content = "x",
	    .script = HELLO "S 250-srv\nS 250 PIPELINING\nM\n"
	    "C MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC RCPT TO:<e@f>\nC DATA\n"
	    "S 550 5.7.1 not you\nS 503 what\nS 503 what\nS 503 what\nC\n"
	    "W ready\nM\nC MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC RCPT TO:<e@f>\n"
	    "C DATA\nS 451 4.3.0 busy\nS 503 -\nS 503 -\nS 503 -\nW ready\n",
	    .want = "temp 451 4.3.0 busy\ntemp 451 4.3.0 busy\n" },
	{ .name = "sender refused, one by one", .from = "a@b",
	    .to = { TO("c@d") }, .content = "x",
	    .script = HELLO "S 250 srv\nM\nC MAIL FROM:<a@b>\n"
	    "S 550 5.7.1 no\nC\nW ready\n",
	    .want = "perm 550 5.7.1 no\n" },
	{ .name = "data refused", .from = "a@b", .to = { TO("c@d"), TO("e@f") },
	    .content = "x",
	    .script = HELLO "S 250-srv\nS 250 PIPELINING\nM\n"
	    "C MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC RCPT TO:<e@f>\nC DATA\n"
	    "S 250 ok\nS 250 ok\nS 550 5.1.1 no\nS 451 4.3.2 full\nC\nW ready\n",
	    .want = "temp 451 4.3.2 full\nperm 550 5.1.1 no\n" },
	{ .name = "message refused", .from = "a@b", .to = { TO("c@d") },
	    .content = "x",
	    .script = HELLO "S 250-srv\nS 250 PIPELINING\nM\n"
	    "C MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC DATA\n"
	    "S 250 ok\nS 250 ok\nS 354 go\nC x\nC .\nS 554 5.7.0 spam\n"
	    "W ready\nM\nC MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC DATA\nC\n"
	    "S 250 ok\nS 250 ok\nS 354 go\nC x\nC .\nS 250 fine\nW ready\n",
	    .want = "ok 250 2.0.0 fine\n" },
	{ .name = "too many recipients", .from = "a@b",
	    .to = { TO("c@d"), TO("e@f"), TO("g@h") }, .content = "x",
	    .script = HELLO "S 250-srv\nS 250 PIPELINING\nM\n"
	    "C MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC RCPT TO:<e@f>\n"
	    "C RCPT TO:<g@h>\nC DATA\n"
	    "S 250 ok\nS 250 ok\nS 452 4.5.3 many\nS 552 many\nS 354 go\n"
	    "C x\nC .\nS 250 first\n"
	    "C MAIL FROM:<a@b>\nC RCPT TO:<e@f>\nC RCPT TO:<g@h>\nC DATA\n"
	    "S 250 ok\nS 452 4.2.2 quota\nS 250 ok\nS 354 go\nC x\nC .\n"
	    "S 250 second\nW ready\n",
	    .want = "ok 250 2.0.0 first\ntemp 452 4.2.2 quota\n"
	    "ok 250 2.0.0 second\n" },
	{ .name = "552 for the first", .from = "a@b", .to = { TO("c@d") },
	    .content = "x",
	    .script = HELLO "S 250 srv\nM\nC MAIL FROM:<a@b>\nS 250 ok\n"
	    "C RCPT TO:<c@d>\nS 552 many\nC\nW ready\n",
	    .want = "temp 552 5.0.0 many\n" },
	{ .name = "a full mailbox", .from = "a@b",
	    .to = { TO("c@d"), TO("e@f") }, .content = "x",
	    .script = HELLO "S 250-srv\nS 250 PIPELINING\nM\n"
	    "C MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC RCPT TO:<e@f>\nC DATA\n"
	    "S 250 ok\nS 250 ok\nS 552 5.2.2 full\nS 354 go\nC x\nC .\n"
	    "S 250 ok\nC\nW ready\n",
	    .want = "ok 250 2.0.0 ok\nperm 552 5.2.2 full\n" },
	{ .name = "recipients a transaction, ours", .from = "a@b", .rcpts = 2,
	    .to = { TO("c@d"), TO("e@f"), TO("g@h") }, .content = "x",
	    .script = HELLO "S 250-srv\nS 250 PIPELINING\nM\n"
	    "C MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC RCPT TO:<e@f>\nC DATA\n"
	    "S 250 ok\nS 250 ok\nS 550 no\nS 354 go\nC x\nC .\nS 250 one\n"
	    "C MAIL FROM:<a@b>\nC RCPT TO:<g@h>\nC DATA\n"
	    "S 250 ok\nS 250 ok\nS 354 go\nC x\nC .\nS 250 two\nW ready\n",
	    .want = "ok 250 2.0.0 one\nperm 550 5.0.0 no\nok 250 2.0.0 two\n" },
	{ .name = "recipients a transaction, theirs", .from = "a@b",
	    .to = { TO("c@d"), TO("e@f") }, .content = "x",
	    .script = HELLO "S 250-srv\nS 250-PIPELINING\n"
	    "S 250 LIMITS RCPTMAX=1 RCPTDOMAINMAX=x MAILMAX=0\nM\n"
	    "C MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC DATA\n"
	    "S 250 ok\nS 550 no\nS 554 none\n"
	    "C RSET\nS 250 ok\nC MAIL FROM:<a@b>\nC RCPT TO:<e@f>\nC DATA\n"
	    "S 250 ok\nS 250 ok\nS 354 go\nC x\nC .\nS 250 two\nW ready\n",
	    .want = "perm 550 5.0.0 no\nok 250 2.0.0 two\n" },
	{ .name = "transactions a session", .from = "a@b", .rcpts = 1,
	    .to = { TO("c@d"), TO("e@f") }, .content = "x",
	    .script = HELLO "S 250-srv\nS 250-PIPELINING\nS 250 LIMITS MAILMAX=1\n"
	    "M\nC MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC DATA\n"
	    "S 250 ok\nS 250 ok\nS 354 go\nC x\nC .\nS 250 one\nW failed\n",
	    .want = "ok 250 2.0.0 one\ntemp 0 4.5.3 the server takes no more "
	    "messages in one session\n", .failure = SMTPCLIENT_FAIL_CLOSED },
	/* DSN, sizes, character sets */
	{ .name = "DSN", .from = "a@b", .ret = 2, .envid = "id+2B1",
	    .to = { { "c@d", "rfc822;c@d", 6 }, { "e@f", NULL, 1 },
	    { "g@h", "bad one", 8 } }, .content = "x",
	    .script = HELLO "S 250-srv\nS 250-DSN\nS 250 PIPELINING\nM\n"
	    "C MAIL FROM:<a@b> RET=HDRS ENVID=id+2B1\n"
	    "C RCPT TO:<c@d> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;c@d\n"
	    "C RCPT TO:<e@f> NOTIFY=NEVER\nC RCPT TO:<g@h> NOTIFY=DELAY\n"
	    "C DATA\nX\n",
	    .want = "temp 0 4.4.2 gone\ntemp 0 4.4.2 gone\n"
	    "temp 0 4.4.2 gone\n", .failure = SMTPCLIENT_FAIL_CLOSED },
	{ .name = "too large", .from = "a@b", .to = { TO("c@d") },
	    .content = "01234567890",
	    .script = HELLO "S 250-srv\nS 250 SIZE 10\nM\nC\nW ready\n",
	    .want = "perm 0 5.3.4 the message is larger than the next server "
	    "allows\n" },
	{ .name = "SIZE of nothing", .from = "a@b", .to = { TO("c@d") },
	    .content = "01",
	    .script = HELLO "S 250-srv\nS 250 SIZE 0\nM\n"
	    "C MAIL FROM:<a@b> SIZE=2\nX\n",
	    .want = "temp 0 4.4.2 gone\n", .failure = SMTPCLIENT_FAIL_CLOSED },
	{ .name = "SIZE of what", .from = "a@b", .to = { TO("c@d") },
	    .content = "01",
	    .script = HELLO "S 250-srv\nS 250 SIZE x\nM\n"
	    "C MAIL FROM:<a@b> SIZE=2\nX\n",
	    .want = "temp 0 4.4.2 gone\n", .failure = SMTPCLIENT_FAIL_CLOSED },
	{ .name = "8-bit, declared or not", .from = "a@b", .to = { TO("c@d") },
	    .content = "\r\n\xc3\xa9\r\n",
	    .script = HELLO "S 250-srv\nS 250 8BITMIME\nM\n"
	    "C MAIL FROM:<a@b> BODY=8BITMIME\nX\n",
	    .want = "temp 0 4.4.2 gone\n", .failure = SMTPCLIENT_FAIL_CLOSED },
	{ .name = "8-bit to a server without", .from = "a@b", .body = 1,
	    .to = { TO("c@d") }, .content = "\r\n\xc3\xa9\r\n",
	    .script = HELLO "S 250 srv\nM\nC\nW ready\n",
	    .want = "perm 0 5.6.3 the next server takes no 8-bit mail\n" },
	{ .name = "8-bit declared for nothing", .from = "a@b", .body = 1,
	    .to = { TO("c@d") }, .content = "x\r\n",
	    .script = HELLO "S 250 srv\nM\nC MAIL FROM:<a@b>\nX\n",
	    .want = "temp 0 4.4.2 gone\n", .failure = SMTPCLIENT_FAIL_CLOSED },
	{ .name = "SMTPUTF8", .from = "\xc3\xa9@b", .utf8 = 1, .body = 1,
	    .to = { TO("c@d") }, .content = "x",
	    .script = HELLO "S 250-srv\nS 250-SMTPUTF8\nS 250 8BITMIME\nM\n"
	    "C MAIL FROM:<\xc3\xa9@b> BODY=8BITMIME SMTPUTF8\nX\n",
	    .want = "temp 0 4.4.2 gone\n", .failure = SMTPCLIENT_FAIL_CLOSED },
	{ .name = "SMTPUTF8 to a server without", .from = "\xc3\xa9@b",
	    .utf8 = 1, .to = { TO("c@d") }, .content = "x",
	    .script = HELLO "S 250 srv\nM\nC\nW ready\n",
	    .want = "perm 0 5.6.7 the next server takes no internationalized "
	    "mail (SMTPUTF8)\n" },
	{ .name = "one recipient of that kind", .from = "a@b", .utf8 = 1,
	    .to = { TO("\xc3\xa9@d"), TO("c@d") }, .content = "x",
	    .script = HELLO "S 250 srv\nM\nC MAIL FROM:<a@b>\nS 250 ok\n"
	    "C RCPT TO:<c@d>\nS 250 ok\nC DATA\nS 354 go\nC x\nC .\nS 250 ok\n",
	    .want = "perm 0 5.6.7 the next server takes no internationalized "
	    "addresses (SMTPUTF8)\nok 250 2.0.0 ok\n" },
	{ .name = "SMTPUTF8 declared for nothing", .from = "a@b", .utf8 = 1,
	    .to = { TO("c@d") }, .content = "A: b\r\n\r\n\xc3\xa9",
	    .script = HELLO "S 250-srv\nS 250 8BITMIME\nM\n"
	    "C MAIL FROM:<a@b> BODY=8BITMIME\nX\n",
	    .want = "temp 0 4.4.2 gone\n", .failure = SMTPCLIENT_FAIL_CLOSED },
	{ .name = "header in UTF-8", .from = "a@b", .utf8 = 1,
	    .to = { TO("c@d") }, .content = "A: \xc3\xa9\r\n\r\n",
	    .script = HELLO "S 250-srv\nS 250 8BITMIME\nM\nC\nW ready\n",
	    .want = "perm 0 5.6.7 the next server takes no internationalized "
	    "mail (SMTPUTF8)\n" },
	{ .name = "binary", .from = "a@b", .body = 2, .to = { TO("c@d") },
	    .content = "a\n.\r",
	    .script = HELLO "S 250-srv\nS 250-PIPELINING\nS 250-CHUNKING\n"
	    "S 250-BINARYMIME\nS 250 8BITMIME\nM\n"
	    "C MAIL FROM:<a@b> BODY=BINARYMIME\nC RCPT TO:<c@d>\nC\n"
	    "S 250 ok\nS 250 ok\nC BDAT 4 LAST\nR a\\n.\\r\nC\n"
	    "S 250 2.6.0 ok\nW ready\n",
	    .want = "ok 250 2.6.0 ok\n" },
	{ .name = "binary refused", .from = "a@b", .body = 2,
	    .to = { TO("c@d") }, .content = "a\n",
	    .script = HELLO "S 250-srv\nS 250-CHUNKING\nS 250 BINARYMIME\nM\n"
	    "C MAIL FROM:<a@b> BODY=BINARYMIME\nS 250 ok\n"
	    "C RCPT TO:<c@d>\nS 250 ok\nC BDAT 2 LAST\nR a\\n\nS 552 5.3.4 big\n"
	    "W ready\nM\nC RSET\nX\n",
	    .want = "temp 0 4.4.2 gone\n", .failure = SMTPCLIENT_FAIL_CLOSED },
	{ .name = "binary to a server without", .from = "a@b", .body = 2,
	    .to = { TO("c@d") }, .content = "a\n",
	    .script = HELLO "S 250-srv\nS 250 8BITMIME\nM\nC\nW ready\n",
	    .want = "perm 0 5.6.3 the next server takes no binary mail\n" },
	{ .name = "binary that is none", .from = "a@b", .body = 2,
	    .to = { TO("c@d") }, .content = "a\r\n",
	    .script = HELLO "S 250-srv\nS 250 8BITMIME\nM\n"
	    "C MAIL FROM:<a@b>\nX\n",
	    .want = "temp 0 4.4.2 gone\n", .failure = SMTPCLIENT_FAIL_CLOSED },
	{ .name = "addresses that are commands", .from = "a@b",
	    .to = { TO("c@d>\r\nRCPT TO:<e@f"), TO("") }, .content = "x",
	    .script = HELLO "S 250 srv\nM\nC\nW ready\n",
	    .want = "perm 0 5.1.3 malformed recipient address\n"
	    "perm 0 5.1.3 malformed recipient address\n" },
	{ .name = "sender that is a command", .from = "a@b>\r\nDATA",
	    .to = { TO("c@d") }, .content = "x",
	    .script = HELLO "S 250 srv\nM\nC\nW ready\n",
	    .want = "perm 0 5.1.7 malformed sender address\n" },
	{ .name = "a message shorter than said", .from = "a@b",
	    .to = { TO("c@d") }, .content = "x!",
	    .script = HELLO "S 250-srv\nS 250 8BITMIME\nM\nC\nW failed\n",
	    .want = "temp 0 4.3.0 the message cannot be read\n",
	    .failure = SMTPCLIENT_FAIL_LOCAL },
	/* TLS */
	{ .name = "TLS, what was said before is forgotten",
	    .tls = SMTPCLIENT_TLS_OPTIONAL, .from = "a@b", .to = { TO("c@d") },
	    .content = "x",
	    .script = HELLO "S 250-srv\nS 250-PIPELINING\nS 250-DSN\n"
	    "S 250 STARTTLS\nC STARTTLS\nC\nS 220 go\nW tls\nT\nC EHLO me\nC\n"
	    "W read\nS 250-srv\nS 250 STARTTLS\nC\nW ready\nM\n"
	    "C MAIL FROM:<a@b>\nC\nX\n",
	    .want = "temp 0 4.4.2 gone\n", .failure = SMTPCLIENT_FAIL_CLOSED },
	{ .name = "B10: replies behind the 220",
	    .tls = SMTPCLIENT_TLS_REQUIRED, .sasl = 1,
	    .script = HELLO "S 250-srv\nS 250 STARTTLS\nC STARTTLS\n"
	    "S 220 go\nS 250-evil\nS 250 AUTH LOGIN\nS 235 in\nW tls\nC\nT\n"
	    "C EHLO me\nC\nW read\nX\n",
	    .failure = SMTPCLIENT_FAIL_CLOSED },
	{ .name = "TLS stripped, optional", .tls = SMTPCLIENT_TLS_OPTIONAL,
	    .script = HELLO "S 250 srv\nW ready\nC\n" },
	{ .name = "TLS stripped, required", .tls = SMTPCLIENT_TLS_REQUIRED,
	    .script = HELLO "S 250 srv\nC QUIT\nW failed\n",
	    .failure = SMTPCLIENT_FAIL_TLS },
	{ .name = "STARTTLS refused, optional", .tls = SMTPCLIENT_TLS_OPTIONAL,
	    .script = HELLO "S 250-srv\nS 250 STARTTLS\nC STARTTLS\n"
	    "S 454 not now\nC\nW ready\n" },
	{ .name = "STARTTLS refused, required", .tls = SMTPCLIENT_TLS_REQUIRED,
	    .script = HELLO "S 250-srv\nS 250 STARTTLS\nC STARTTLS\n"
	    "S 454 not now\nC QUIT\nW failed\n",
	    .failure = SMTPCLIENT_FAIL_TLS },
	{ .name = "HELO and TLS required", .tls = SMTPCLIENT_TLS_REQUIRED,
	    .script = HELLO "S 500 what\nC HELO me\nS 250 srv\nC QUIT\nW failed\n",
	    .failure = SMTPCLIENT_FAIL_TLS },
	{ .name = "no HELO after TLS", .tls = SMTPCLIENT_TLS_IMPLICIT,
	    .script = HELLO "S 500 what\nC QUIT\nW failed\n",
	    .failure = SMTPCLIENT_FAIL_HELLO },
	{ .name = "no STARTTLS in TLS", .tls = SMTPCLIENT_TLS_IMPLICIT,
	    .script = HELLO "S 250-srv\nS 250 STARTTLS\nC\nW ready\n" },
	{ .name = "REQUIRETLS in clear", .from = "a@b", .requiretls = 1,
	    .to = { TO("c@d") }, .content = "x",
	    .script = HELLO "S 250-srv\nS 250 REQUIRETLS\nM\nC\nW ready\n",
	    .want = "perm 554 5.7.30 the next server does not support "
	    "REQUIRETLS, which the sender asked for\n" },
	{ .name = "REQUIRETLS", .from = "a@b", .requiretls = 1,
	    .tls = SMTPCLIENT_TLS_IMPLICIT, .to = { TO("c@d") }, .content = "x",
	    .script = HELLO "S 250-srv\nS 250 REQUIRETLS\nM\n"
	    "C MAIL FROM:<a@b> REQUIRETLS\nX\n",
	    .want = "temp 0 4.4.2 gone\n", .failure = SMTPCLIENT_FAIL_CLOSED },
	/* AUTH */
	{ .name = "AUTH", .sasl = 1,
	    .script = HELLO "S 250-srv\nS 250 AUTH PLAIN TEST\n"
	    "C AUTH TEST Zmlyc3Q=\nC\nS 334 YQ==\nC cjphCg==\nC\nS 334 \n"
	    "C cjoK\nC\nS 235 in\nC\nW ready\n" },
	{ .name = "AUTH put off", .sasl = 2,
	    .script = HELLO "S 250-srv\nS 250 AUTH PLAIN TEST\nC\nW sasl\n"
	    "A first\nC AUTH TEST Zmlyc3Q=\nC\nS 334 YQ==\nW sasl\nA r\n"
	    "C cg==\nC\nS 235 in\nW sasl\nA \nW ready\n" },
	{ .name = "AUTH refused", .sasl = 1,
	    .script = HELLO "S 250-srv\nS 250 AUTH TEST\n"
	    "C AUTH TEST Zmlyc3Q=\nS 535 5.7.8 no\nC QUIT\nW failed\n",
	    .failure = SMTPCLIENT_FAIL_AUTH },
	{ .name = "AUTH, challenge of two lines", .sasl = 1,
	    .script = HELLO "S 250-srv\nS 250 AUTH TEST\n"
	    "C AUTH TEST Zmlyc3Q=\nS 334-YQ==\nS 334 YQ==\nC *\nC\n"
	    "S 501 ok\nC QUIT\nW failed\n",
	    .failure = SMTPCLIENT_FAIL_AUTH },
	{ .name = "AUTH, challenge that is no base64", .sasl = 1,
	    .script = HELLO "S 250-srv\nS 250 AUTH TEST\n"
	    "C AUTH TEST Zmlyc3Q=\nS 334 hello\nC *\nC\n"
	    "S 501 ok\nC QUIT\nW failed\n",
	    .failure = SMTPCLIENT_FAIL_AUTH },
	{ .name = "AUTH not offered", .sasl = 1,
	    .script = HELLO "S 250 srv\nC QUIT\nW failed\n",
	    .failure = SMTPCLIENT_FAIL_AUTH },
	{ .name = "no AUTH in clear", .sasl = 3,
	    .script = HELLO "S 250-srv\nS 250 AUTH TEST\nC QUIT\nW failed\n",
	    .failure = SMTPCLIENT_FAIL_AUTH },
	/* ends */
	{ .name = "greeting later", .script = "S 421 4.3.2 later\nC QUIT\n"
	    "W failed\n", .failure = SMTPCLIENT_FAIL_GREETING },
	{ .name = "greeting never", .script = "S 554 5.7.1 go away\nC QUIT\n"
	    "W failed\n", .failure = SMTPCLIENT_FAIL_GREETING },
	{ .name = "greeting that is none", .script = "S SSH-2.0\nC\nW failed\n",
	    .failure = SMTPCLIENT_FAIL_PROTOCOL },
	{ .name = "HELO", .script = HELLO "S 502 what\nC HELO me\n"
	    "S 250 srv\nC\nW ready\n" },
	{ .name = "EHLO refused", .script = HELLO "S 550 no\nC QUIT\nW failed\n",
	    .failure = SMTPCLIENT_FAIL_HELLO },
	{ .name = "421 while idle", .script = HELLO "S 250 srv\nW ready\n"
	    "S 421 bye\nW failed\n", .failure = SMTPCLIENT_FAIL_CLOSED },
	{ .name = "a word while idle", .script = HELLO "S 250 srv\nW ready\n"
	    "S 250 ok\nW failed\n", .failure = SMTPCLIENT_FAIL_PROTOCOL },
	{ .name = "421 in the envelope", .from = "a@b",
	    .to = { TO("c@d"), TO("e@f") }, .content = "x",
	    .script = HELLO "S 250-srv\nS 250 PIPELINING\nM\n"
	    "C MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC RCPT TO:<e@f>\nC DATA\n"
	    "S 250 ok\nS 550 5.1.1 no\nS 421 4.3.2 bye\nC\nW failed\n",
	    .want = "perm 550 5.1.1 no\ntemp 421 4.3.2 bye\n",
	    .failure = SMTPCLIENT_FAIL_CLOSED },
	{ .name = "refused, then closed", .from = "a@b", .to = { TO("c@d") },
	    .content = "x",
	    .script = HELLO "S 250-srv\nS 250 PIPELINING\nM\n"
	    "C MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC DATA\n"
	    "S 550 5.7.1 no\nX\n",
	    .want = "perm 550 5.7.1 no\n", .failure = SMTPCLIENT_FAIL_CLOSED },
	{ .name = "closed before the last reply", .from = "a@b",
	    .to = { TO("c@d") }, .content = "x",
	    .script = HELLO "S 250-srv\nS 250 PIPELINING\nM\n"
	    "C MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC DATA\n"
	    "S 250 ok\nS 250 ok\nS 354 go\nC x\nC .\nX\n",
	    .want = "temp 0 4.4.2 gone\n", .failure = SMTPCLIENT_FAIL_CLOSED },
	{ .name = "354 for the last reply", .from = "a@b",
	    .to = { TO("c@d") }, .content = "x",
	    .script = HELLO "S 250-srv\nS 250 PIPELINING\nM\n"
	    "C MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC DATA\n"
	    "S 250 ok\nS 250 ok\nS 354 go\nC x\nC .\nS 354 again\nW failed\n",
	    .want = "temp 354 4.0.0 again\n",
	    .failure = SMTPCLIENT_FAIL_PROTOCOL },
	{ .name = "250 for DATA", .from = "a@b", .to = { TO("c@d") },
	    .content = "x",
	    .script = HELLO "S 250-srv\nS 250 PIPELINING\nM\n"
	    "C MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC DATA\n"
	    "S 250 ok\nS 250 ok\nS 250 go\nW failed\n",
	    .want = "temp 0 4.5.0 a reply that makes no sense here\n",
	    .failure = SMTPCLIENT_FAIL_PROTOCOL },
	{ .name = "more replies than commands", .from = "a@b",
	    .to = { TO("c@d") }, .content = "x",
	    .script = HELLO "S 250 srv\nM\nC MAIL FROM:<a@b>\n"
	    "S 250 ok\nS 250 ok\nS 354 go\nS 250 ok\nS 250 ok\nS 250 ok\n"
	    "S 250 ok\nC\nW failed\n",
	    .want = "temp 0 4.5.0 a reply that makes no sense here\n",
	    .failure = SMTPCLIENT_FAIL_PROTOCOL },
};

struct run {
	const struct client_case	*t;
	struct smtpclient		*c;
	struct smtpclient_message	 m;
	struct smtpclient_rcpt		 rcpts[4];
	struct buf			 in, out;
	enum smtpclient_want		 want;
	const char			*bad;		/* line that failed */
};

static ssize_t
read_content(void *arg, uint64_t off, void *p, size_t n)
{
	const struct client_case	*t = arg;
	size_t				 len = strlen(t->content);

	if (off >= len || (t->content[off] == '!' && off > 0))
		return (0);
	if (n > len - off)
		n = len - off;
	if (n > 1 && t->content[off + 1] == '!')
		n = 1;
	memcpy(p, t->content + off, n);
	return ((ssize_t)n);
}

static enum smtpclient_sasl_answer
sasl(void *arg, enum smtpclient_sasl_event ev, struct span data,
    struct buf *mech, struct buf *out)
{
	struct run	*r = arg;

	if (r->t->sasl == 2)
		return (SMTPCLIENT_SASL_WAIT);
	if (ev == SMTPCLIENT_SASL_OFFER) {
		buf_adds(mech, "TEST");
		buf_adds(out, "first");
	} else
		buf_addf(out, "r:%.*s\n", (int)data.n, (const char *)data.p);
	return (SMTPCLIENT_SASL_SEND);
}

static void
step(struct run *r)
{
	struct span	 in = span_buf(&r->in);

	r->want = smtpclient_step(r->c, &in, &r->out);
	buf_reset(&r->in);
}

static int
begins(struct run *r, const char *line, size_t n, const char *end)
{
	struct buf	 b = { 0 };
	int		 ok;

	buf_add(&b, line, n);
	buf_adds(&b, end);
	ok = r->out.n >= b.n && memcmp(r->out.p, b.p, b.n) == 0;
	if (ok)
		buf_drain(&r->out, b.n);
	buf_free(&b);
	return (ok);
}

/* "a\n" as it is written in a script. */
static int
begins_raw(struct run *r, const char *s, size_t n)
{
	struct buf	 b = { 0 };
	size_t		 i;
	int		 ok;

	for (i = 0; i < n; i++)
		if (s[i] == '\\')
			buf_addc(&b, s[++i] == 'n' ? '\n' : '\r');
		else
			buf_addc(&b, s[i]);
	ok = begins(r, (const char *)b.p, b.n, "");
	buf_free(&b);
	return (ok);
}

/* One line; 0 when it is as it says. */
static int
line(struct run *r, const char *s, size_t n)
{
	const char	*text = n > 2 ? s + 2 : "";
	size_t		 len = n > 2 ? n - 2 : 0;

	switch (*s) {
	case 'S':
		buf_add(&r->in, text, len);
		buf_adds(&r->in, "\r\n");
		return (0);
	case 'C':
		step(r);
		return (n == 1 ? r->out.n != 0 : !begins(r, text, len, "\r\n"));
	case 'R':
		return (!begins_raw(r, text, len));
	case 'W':
		step(r);
		return (strlen(wants[r->want]) != len ||
		    memcmp(wants[r->want], text, len) != 0);
	case 'T':
		smtpclient_tls_done(r->c);
		return (0);
	case 'M':
		step(r);
		return (smtpclient_send(r->c, &r->m) == -1);
	case 'Q':
		smtpclient_quit(r->c);
		return (0);
	case 'A':
		smtpclient_sasl_ready(r->c, SMTPCLIENT_SASL_SEND,
		    span_str("TEST"), span_of(text, len));
		return (0);
	default:
		step(r);
		smtpclient_abort(r->c, "4.4.2", "gone");
		return (0);
	}
}

static void
results(struct run *r, struct buf *b)
{
	static const char *const	 names[] = { "pending", "ok", "temp",
					    "perm" };
	const struct smtpclient_result	*x;
	size_t				 i;

	for (i = 0; i < r->m.nrcpts; i++) {
		x = &r->rcpts[i].result;
		buf_addf(b, "%s %u %s %s\n", names[x->outcome], x->code,
		    x->enhanced, x->text == NULL ? "" : x->text);
	}
}

static void
prepare(struct run *r, const struct client_case *t)
{
	struct smtpclient_settings	 set = { .hostname = "me",
					    .tls = t->tls, .rcpts = t->rcpts,
					    .sasl_in_clear = t->sasl != 3,
					    .sasl = t->sasl ? sasl : NULL };
	size_t				 i;

	memset(r, 0, sizeof(*r));
	r->t = t;
	set.arg = r;
	r->c = smtpclient_new(&set);
	r->m.from = span_str(t->from == NULL ? "" : t->from);
	r->m.envid = span_str(t->envid == NULL ? "" : t->envid);
	r->m.ret = t->ret;
	r->m.utf8 = t->utf8;
	r->m.body = (enum smtpclient_body)t->body;
	r->m.requiretls = t->requiretls;
	r->m.read = read_content;
	r->m.arg = (void *)(uintptr_t)t;
	r->m.size = t->content == NULL ? 0 : strlen(t->content);
	r->m.rcpts = r->rcpts;
	for (i = 0; i < 4 && t->to[i].address != NULL; i++) {
		r->rcpts[i].address = span_str(t->to[i].address);
		if (t->to[i].orcpt != NULL)
			r->rcpts[i].orcpt = span_str(t->to[i].orcpt);
		r->rcpts[i].notify = t->to[i].notify;
	}
	r->m.nrcpts = i;
}

static void
run(const struct client_case *t)
{
	struct run	 r;
	struct buf	 got = { 0 };
	const char	*s = t->script, *e;

	prepare(&r, t);
	step(&r);
	for (; *s != '\0' && r.bad == NULL; s = e + 1) {
		e = strchr(s, '\n');
		if (line(&r, s, (size_t)(e - s)) != 0)
			r.bad = s;
	}
	step(&r);
	results(&r, &got);
	CHECK(r.bad == NULL && smtpclient_failure(r.c) == t->failure &&
	    span_eqs(span_buf(&got), t->want == NULL ? "" : t->want), "%s",
	    t->name);
	if (r.bad != NULL)
		printf("# at \"%.*s\": waits for %s, said \"%.*s\"\n",
		    (int)strcspn(r.bad, "\n"), r.bad, wants[r.want],
		    (int)r.out.n, (const char *)r.out.p);
	else if (test_failed)
		printf("# failure %d, %s", (int)smtpclient_failure(r.c),
		    buf_cstr(&got));
	smtpclient_results_free(&r.m);
	smtpclient_free(r.c);
	buf_free(&r.in);
	buf_free(&r.out);
	buf_free(&got);
}

/* A text without end behind the 250 that takes the message: L10. */
static void
endless_text(void)
{
	static const struct client_case	 t = { .name = "endless", .from = "a@b",
	    .to = { TO("c@d") }, .content = "x" };
	struct run	 r;
	int		 i;

	prepare(&r, &t);
	buf_adds(&r.in, "220 hi\r\n250-srv\r\n250 PIPELINING\r\n");
	step(&r);
	smtpclient_send(r.c, &r.m);
	buf_adds(&r.in, "");
	step(&r);
	buf_adds(&r.in, "250 ok\r\n250 ok\r\n354 go\r\n");
	step(&r);
	buf_adds(&r.in, "250 ");
	for (i = 0; i < 1000 && r.want != SMTPCLIENT_FAILED; i++) {
		buf_addf(&r.in, "%01000d", i);
		step(&r);
	}
	CHECK(r.want == SMTPCLIENT_FAILED && i < 6 &&
	    r.rcpts[0].result.outcome == SMTPCLIENT_OK,
	    "250 with a text without end is still taken");
	smtpclient_results_free(&r.m);
	smtpclient_free(r.c);
	buf_free(&r.in);
	buf_free(&r.out);
}

static ssize_t
read_zeros(void *arg, uint64_t off, void *p, size_t n)
{
	(void)arg;
	(void)off;
	memset(p, 'z', n);
	return ((ssize_t)n);
}

/* A large body: never more queued than asked for, and in the end all of it. */
static void
large(void)
{
	static const struct client_case	 t = { .name = "large", .from = "a@b",
	    .to = { TO("c@d") }, .content = "x" };
	struct run	 r;
	uint64_t	 total = 0;
	size_t		 most = 0;

	prepare(&r, &t);
	r.m.read = read_zeros;
	r.m.size = 3000000;
	r.m.body = SMTPCLIENT_8BIT;
	buf_adds(&r.in, "220 hi\r\n250-srv\r\n250-8BITMIME\r\n250 PIPELINING\r\n");
	step(&r);
	smtpclient_send(r.c, &r.m);
	step(&r);
	buf_adds(&r.in, "250 ok\r\n250 ok\r\n354 go\r\n");
	buf_reset(&r.out);
	while (step(&r), r.want == SMTPCLIENT_WRITE) {
		total += r.out.n;
		most = r.out.n > most ? r.out.n : most;
		buf_reset(&r.out);
	}
	total += r.out.n;
	CHECK(total == 3000000 + 5 && most < 65536 + 16384 * 2,
	    "a large body goes in pieces (%zu at most)", most);
	CHECK(smtpclient_sent(r.c) == 3000000 &&
	    strcmp(smtpclient_state(r.c), "end of data") == 0 &&
	    smtpclient_patience(r.c) == 600, "and its end is waited for");
	smtpclient_results_free(&r.m);
	smtpclient_free(r.c);
	buf_free(&r.in);
	buf_free(&r.out);
}

int
main(void)
{
	size_t	 i;

	for (i = 0; i < nitems(cases); i++)
		run(&cases[i]);
	endless_text();
	large();
	return (test_done());
}
