/*
 * Whole sessions of the IMAP client as scripts, each with the server's octets
 * in one piece and one by one.  A line of a script is
 *	S text	the server says it (lines in a row arrive as one segment)
 *	C text	the client said it; "C" alone: nothing more was said
 *	W name	it now waits for this
 *	T	the handshake is done
 *	X	the connection ends
 *	B text	begin a command; A, s: an argument, as an atom, as a string;
 *		s with a number: a string of so many octets "x"
 *	P n	its last argument is a literal of n octets, read in pieces
 *	U a b	LOGIN with name and password; ! before B, A, s, P or U: this is
 *		refused
 *	O	LOGOUT
 */
#include "imapclient.h"
#include "test.h"

#define HELLO	"S * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\n"
#define READY	"S * OK [CAPABILITY IMAP4rev1] hi\nW ready\n"
#define PLUS	"S * OK [CAPABILITY IMAP4rev1 LITERAL+] hi\nW ready\n"
#define MINUS	"S * OK [CAPABILITY IMAP4rev1 LITERAL-] hi\nW ready\n"

#define HAS	(IMAPCLIENT_IMAP4REV1 | IMAPCLIENT_SASL_IR)

enum login { NO_LOGIN, ONE, EMPTY, TWO, NO_MECH, BAD_MECH, UNPROVEN, GIVES_UP };

static const char *const	 wants[] = { "read", "write", "tls", "ready",
				    "end", "failed" };

static const struct imap_case {
	const char		*name;
	enum imapclient_tls	 tls;
	int			 in_clear, by_login;
	enum login		 login;
	int			 whole;		/* not octet by octet */
	size_t			 line_max;
	uint64_t		 literal_max, untagged_max;
	unsigned		 literals_max;
	int			 refuse;	/* data() says no */
	const char		*script;
	const char		*data;		/* as data() saw it, or NULL */
	const char		*trace;		/* or NULL */
	enum imapclient_status	 result;
	const char		*text;		/* or NULL */
	const char		*error;		/* part of it; NULL: none */
	int			 authed, preauth;
	unsigned		 caps;
} cases[] = {
	/* greetings and capabilities */
	{ .name = "OK without capabilities",
	    .script = "C\nS * OK hi\nC a1 CAPABILITY\nC\nW read\n"
	    "S * CAPABILITY IMAP4rev1 literal+ X\nS a1 OK done\nC\nW ready\n",
	    .result = IMAPCLIENT_OK, .text = "done",
	    .caps = IMAPCLIENT_IMAP4REV1 | IMAPCLIENT_LITERAL_PLUS },
	{ .name = "capabilities in the greeting",
	    .script = "S * OK [CAPABILITY IMAP4rev2 STARTTLS LOGINDISABLED "
	    "LITERAL- SASL-IR] hi\nC\nW ready\n",
	    .caps = IMAPCLIENT_IMAP4REV2 | IMAPCLIENT_STARTTLS |
	    IMAPCLIENT_LOGINDISABLED | IMAPCLIENT_LITERAL_MINUS |
	    IMAPCLIENT_SASL_IR },
	{ .name = "capabilities in the answer's code",
	    .script = "S * OK hi\nC a1 CAPABILITY\n"
	    "S a1 OK [CAPABILITY IMAP4rev1] done\nW ready\n",
	    .result = IMAPCLIENT_OK, .text = "[CAPABILITY IMAP4rev1] done",
	    .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "capabilities in an untagged code, the last count",
	    .script = READY "S * OK [CAPABILITY IMAP4rev2 SASL-IR] news\n"
	    "W ready\n", .caps = IMAPCLIENT_IMAP4REV2 | IMAPCLIENT_SASL_IR },
	{ .name = "CAPABILITY refused",
	    .script = "S * OK hi\nC a1 CAPABILITY\nS a1 BAD what\nW failed\n",
	    .result = IMAPCLIENT_BAD, .text = "what",
	    .error = "CAPABILITY refused: what" },
	{ .name = "PREAUTH", .tls = IMAPCLIENT_TLS_IMPLICIT, .login = ONE,
	    .script = "S * PREAUTH [CAPABILITY IMAP4rev1] hi a\nC\nW ready\n"
	    "!U u p\n", .authed = 1, .preauth = 1,
	    .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "PREAUTH where TLS is to begin",
	    .tls = IMAPCLIENT_TLS_REQUIRED,
	    .script = "S * PREAUTH [CAPABILITY STARTTLS] hi\nC\nW failed\n",
	    .error = "PREAUTH in clear" },
	{ .name = "PREAUTH without TLS, as wanted",
	    .script = "S * PREAUTH [CAPABILITY IMAP4rev1] hi\nW ready\n",
	    .authed = 1, .preauth = 1, .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "BYE", .script = "S * BYE not \377 now\nC\nW failed\n",
	    .error = "the server refuses the session: not \\xff now" },
	{ .name = "no greeting", .script = "S 220 mail ESMTP\nC\nW failed\n",
	    .error = "no IMAP greeting" },
	{ .name = "no greeting, nearly", .script = "S * OKAY\nW failed\n",
	    .error = "no IMAP greeting" },
	{ .name = "nothing at all", .script = "C\nW read\nX\nW failed\n",
	    .error = "gone" },
	/* STARTTLS */
	{ .name = "STARTTLS", .tls = IMAPCLIENT_TLS_REQUIRED, .login = ONE,
	    .script = "S * OK [CAPABILITY STARTTLS AUTH=X SASL-IR] hi\n"
	    "C a1 STARTTLS\nC\nS a1 OK go\nC\nW tls\nT\nW read\n"
	    "C a2 CAPABILITY\nC\n"
	    "S * CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=EXTERNAL\n"
	    "S a2 OK done\nC a3 AUTHENTICATE M\nC\nS +\nC aW5pdA==\nC\n"
	    "S a3 OK [CAPABILITY IMAP4rev2] in\nC\nW ready\n",
	    .result = IMAPCLIENT_OK, .text = "[CAPABILITY IMAP4rev2] in",
	    .authed = 1, .caps = IMAPCLIENT_IMAP4REV2 },
	{ .name = "no mechanism at all, for LOGIN", .in_clear = 1,
	    .by_login = 1, .login = ONE,
	    .script = "S * OK [CAPABILITY IMAP4rev1] hi\nC\nW ready\n",
	    .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "STARTTLS not offered", .tls = IMAPCLIENT_TLS_REQUIRED,
	    .login = ONE, .in_clear = 1, .script = HELLO "C\nW failed\n",
	    .error = "TLS is required and not offered",
	    .caps = HAS },
	{ .name = "STARTTLS refused", .tls = IMAPCLIENT_TLS_REQUIRED,
	    .login = ONE, .in_clear = 1,
	    .script = "S * OK [CAPABILITY STARTTLS] hi\nC a1 STARTTLS\n"
	    "S a1 NO sorry\nC\nW failed\n",
	    .result = IMAPCLIENT_NO, .text = "sorry",
	    .error = "STARTTLS refused: sorry",
	    .caps = IMAPCLIENT_STARTTLS },
	{ .name = "more behind the OK to STARTTLS", .whole = 1,
	    .tls = IMAPCLIENT_TLS_REQUIRED,
	    .script = "S * OK [CAPABILITY STARTTLS] hi\nC a1 STARTTLS\n"
	    "S a1 OK go\nS * CAPABILITY AUTH=PLAIN\nC\nW failed\n",
	    .result = IMAPCLIENT_OK, .text = "go", .error = "an injection",
	    .caps = IMAPCLIENT_STARTTLS },
	{ .name = "a capability said in clear is forgotten",
	    .tls = IMAPCLIENT_TLS_REQUIRED,
	    .script = "S * OK [CAPABILITY STARTTLS LITERAL+] hi\n"
	    "C a1 STARTTLS\n"
	    "S a1 OK [CAPABILITY IMAP4rev1 LITERAL+] go\nW tls\nT\n"
	    "C a2 CAPABILITY\nS a2 OK\nW ready\n",
	    .result = IMAPCLIENT_OK, .text = "",
	    .trace = "<* OK [CAPABILITY STARTTLS LITERAL+] hi\n>a1 STARTTLS\n"
	    "<a1 OK [CAPABILITY IMAP4rev1 LITERAL+] go\n>a2 CAPABILITY\n"
	    "<a2 OK\n" },
	/* logins */
	{ .name = "no login in clear", .login = ONE, .script = HELLO
	    "C\nW failed\n", .error = "no login without TLS",
	    .caps = HAS },
	{ .name = "SASL-IR", .tls = IMAPCLIENT_TLS_IMPLICIT, .login = ONE,
	    .script = HELLO "C a1 AUTHENTICATE M aW5pdA==\nC\nW read\n"
	    "S a1 OK in\nC a2 CAPABILITY\nS * CAPABILITY IMAP4rev2\n"
	    "S a2 OK\nC\nW ready\n", .result = IMAPCLIENT_OK, .text = "",
	    .authed = 1, .caps = IMAPCLIENT_IMAP4REV2,
	    .trace = "<* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\n"
	    ">a1 AUTHENTICATE M\n<a1 OK in\n>a2 CAPABILITY\n"
	    "<* CAPABILITY IMAP4rev2\n<a2 OK\n" },
	{ .name = "capabilities while it logs in", .in_clear = 1, .login = ONE,
	    .script = HELLO "C a1 AUTHENTICATE M aW5pdA==\n"
	    "S * CAPABILITY IMAP4rev2\nS a1 OK in\nC\nW ready\n",
	    .result = IMAPCLIENT_OK, .text = "in", .authed = 1,
	    .caps = IMAPCLIENT_IMAP4REV2 },
	{ .name = "an empty initial response", .in_clear = 1, .login = EMPTY,
	    .script = HELLO "C a1 AUTHENTICATE M =\nC\n"
	    "S a1 OK [CAPABILITY X] in\nW ready\n", .result = IMAPCLIENT_OK,
	    .authed = 1 },
	{ .name = "an empty one, without SASL-IR", .in_clear = 1,
	    .login = EMPTY, .script = "S * OK [CAPABILITY AUTH=M] hi\n"
	    "C a1 AUTHENTICATE M\nC\nS + \nC \nC\nS a1 OK [CAPABILITY X] in\n"
	    "W ready\n", .result = IMAPCLIENT_OK, .authed = 1 },
	{ .name = "the server begins", .in_clear = 1, .login = TWO,
	    .script = HELLO "C a1 AUTHENTICATE M\nC\nS + Zmlyc3Q=\n"
	    "C cmU6Zmlyc3Q=\nC\nS + \nC cmU6\nS a1 OK [CAPABILITY X] in\n"
	    "W ready\n", .result = IMAPCLIENT_OK, .authed = 1 },
	{ .name = "untagged responses in between", .in_clear = 1, .login = TWO,
	    .script = HELLO "C a1 AUTHENTICATE M\nC\nS * OK [ALERT] look\n"
	    "S + YQ==\nC cmU6YQ==\nS * 5 EXISTS\nS a1 OK [CAPABILITY X] in\n"
	    "W ready\n", .result = IMAPCLIENT_OK, .authed = 1 },
	{ .name = "wrong password", .in_clear = 1, .login = ONE,
	    .script = HELLO "C a1 AUTHENTICATE M aW5pdA==\n"
	    "S a1 NO [AUTHENTICATIONFAILED] wrong\nC\nW failed\n",
	    .result = IMAPCLIENT_NO, .text = "[AUTHENTICATIONFAILED] wrong",
	    .error = "login refused: [AUTHENTICATIONFAILED] wrong",
	    .caps = HAS },
	{ .name = "a challenge that is no base64", .in_clear = 1, .login = TWO,
	    .script = HELLO "C a1 AUTHENTICATE M\nS + ?\nC *\nC\n"
	    "S a1 BAD cancelled\nW failed\n", .result = IMAPCLIENT_BAD,
	    .text = "cancelled", .error = "login refused: cancelled",
	    .caps = HAS },
	{ .name = "given up", .in_clear = 1, .login = GIVES_UP,
	    .script = HELLO "C a1 AUTHENTICATE M\nS + YQ==\nC *\nC\n"
	    "S a1 BAD cancelled\nW failed\n", .result = IMAPCLIENT_BAD,
	    .error = "login refused: cancelled",
	    .caps = HAS },
	{ .name = "given up, and let in", .in_clear = 1, .login = GIVES_UP,
	    .script = HELLO "C a1 AUTHENTICATE M\nS + YQ==\nC *\nC\n"
	    "S a1 OK in\nC\nW failed\n", .result = IMAPCLIENT_OK,
	    .error = "that was none",
	    .caps = HAS },
	{ .name = "given up, and asked on", .in_clear = 1, .login = GIVES_UP,
	    .script = HELLO "C a1 AUTHENTICATE M\nS + YQ==\nC *\nC\n"
	    "S + YQ==\nC\nW failed\n", .error = "a login given up",
	    .caps = HAS },
	{ .name = "let in before anything was said", .in_clear = 1,
	    .login = ONE, .script = "S * OK [CAPABILITY AUTH=M] hi\n"
	    "C a1 AUTHENTICATE M\nS a1 OK in\nC\nW failed\n",
	    .result = IMAPCLIENT_OK, .error = "that was none" },
	{ .name = "let in by a server that proved nothing", .in_clear = 1,
	    .login = UNPROVEN, .script = HELLO
	    "C a1 AUTHENTICATE M aW5pdA==\nS a1 OK in\nC\nW failed\n",
	    .result = IMAPCLIENT_OK, .error = "could not prove itself",
	    .caps = HAS },
	{ .name = "no mechanism", .in_clear = 1, .login = NO_MECH,
	    .script = HELLO "C\nW failed\n",
	    .error = "no usable login mechanism",
	    .caps = HAS },
	{ .name = "a mechanism with a line end", .in_clear = 1,
	    .login = BAD_MECH, .script = HELLO "C\nW failed\n",
	    .error = "no usable login mechanism",
	    .caps = HAS },
	/* LOGIN */
	{ .name = "LOGIN", .in_clear = 1, .script = READY "U u p\n"
	    "C a1 LOGIN \"u\" \"p\"\nC\nW read\nS a1 OK in\n"
	    "C a2 CAPABILITY\nS * CAPABILITY X IMAP4rev1\nS a2 OK\nC\nW ready\n"
	    "!U u p\n", .result = IMAPCLIENT_OK, .authed = 1,
	    .caps = IMAPCLIENT_IMAP4REV1,
	    .trace = "<* OK [CAPABILITY IMAP4rev1] hi\n>a1 LOGIN\n<a1 OK in\n"
	    ">a2 CAPABILITY\n<* CAPABILITY X IMAP4rev1\n<a2 OK\n" },
	{ .name = "LOGIN, quoted", .in_clear = 1, .script = READY
	    "U u\"\\ \\p\"\nC a1 LOGIN \"u\\\"\\\\\" \"\\\\p\\\"\"\nC\n"
	    "S a1 NO no\nC\nW ready\n", .result = IMAPCLIENT_NO, .text = "no",
	    .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "LOGIN, empty", .in_clear = 1, .script = READY
	    "U  \nC a1 LOGIN \"\" \"\"\nS a1 OK [CAPABILITY X] in\nW ready\n",
	    .result = IMAPCLIENT_OK, .authed = 1 },
	{ .name = "LOGIN, literals that are asked for", .in_clear = 1,
	    .script = READY "U \303\251 \303\274\nC a1 LOGIN {2}\nC\nW read\n"
	    "S + go\nC \303\251 {2}\nC\nS + go\nC \303\274\nC\n"
	    "S a1 OK [CAPABILITY X] in\nW ready\n", .result = IMAPCLIENT_OK,
	    .authed = 1, .trace = "<* OK [CAPABILITY IMAP4rev1] hi\n"
	    ">a1 LOGIN\n<+ go\n<+ go\n<a1 OK [CAPABILITY X] in\n" },
	{ .name = "LOGIN, literals that are not", .in_clear = 1,
	    .script = PLUS "U \303\251 \303\274\n"
	    "C a1 LOGIN {2+}\nC \303\251 {2+}\nC \303\274\nC\n"
	    "S a1 OK [CAPABILITY X] in\nW ready\n", .result = IMAPCLIENT_OK,
	    .authed = 1 },
	{ .name = "LOGIN in clear", .script = READY "!U u p\nW ready\nC\n",
	    .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "LOGIN disabled", .in_clear = 1,
	    .script = "S * OK [CAPABILITY LOGINDISABLED] hi\n!U u p\nC\n",
	    .caps = IMAPCLIENT_LOGINDISABLED },
	/* commands and their literals */
	{ .name = "a command", .script = READY "B SELECT\ns INBOX\nA (X)\n"
	    "W read\nC a1 SELECT \"INBOX\" (X)\nC\nS * 3 EXISTS\n"
	    "S a1 OK [READ-WRITE] selected\nC\nW ready\n"
	    "B NOOP\nW read\nC a2 NOOP\nS a2 BAD [X] what\nW ready\n",
	    .data = "* OK [CAPABILITY IMAP4rev1] hi\n* 3 EXISTS\n",
	    .result = IMAPCLIENT_BAD, .text = "[X] what",
	    .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "what cannot be sent", .script = READY
	    "!B NOOP\r\nB NOOP\n!A a\tb\n!A c\nC\nW ready\nB NOOP\n!A a\177\n"
	    "B NOOP\nW read\n!B NOOP\nC a3 NOOP\nC\n",
	    .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "nothing before it is ready",
	    .script = "!B NOOP\n!U a b\n!A x\n!s x\n!P 3\nC\n" },
	{ .name = "quoted as long as it may be", .script = READY "B X\ns 1024\n"
	    "W read\nS a1 OK\nW ready\nB X\ns 1025\nW read\n"
	    "S a2 OK\nW failed\n", .result = IMAPCLIENT_OK,
	    .error = "not sent yet", .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "LITERAL-, as long as it may be", .script = MINUS
	    "B APPEND\ns INBOX\nP 4096\nW read\nC a1 APPEND \"INBOX\" {4096+}\n"
	    "L 4096\nC \nC\nS a1 OK done\nW ready\n"
	    "B APPEND\ns INBOX\nP 4097\nW read\nC a2 APPEND \"INBOX\" {4097}\n"
	    "C\nS + go\nL 4097\nC \nC\nW read\nS a2 OK done\nW ready\n",
	    .result = IMAPCLIENT_OK,
	    .caps = IMAPCLIENT_IMAP4REV1 | IMAPCLIENT_LITERAL_MINUS },
	{ .name = "a literal that is refused", .script = READY
	    "B APPEND\ns INBOX\nP 5\nW read\nC a1 APPEND \"INBOX\" {5}\nC\n"
	    "S a1 NO [TOOBIG] no\nC\nW ready\nB NOOP\nC a2 NOOP\nC\n"
	    "S a2 OK done\nW ready\n", .result = IMAPCLIENT_OK,
	    .text = "done", .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "an empty literal", .script = READY
	    "B APPEND\nP 0\nW read\nC a1 APPEND {0}\nC\nS + go\nC \nC\n"
	    "S a1 OK done\nW ready\n", .result = IMAPCLIENT_OK,
	    .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "a long literal that is asked for", .script = READY
	    "B APPEND\nP 200000\nW read\nC a1 APPEND {200000}\nC\nS + go\n"
	    "W write\nW read\nL 200000\nC \nC\nS a1 OK done\nW ready\n",
	    .result = IMAPCLIENT_OK, .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "a long one refused on its way goes to its end",
	    .script = PLUS "B APPEND\nP 200000\nW write\n"
	    "S a1 NO [OVERQUOTA] full\nW ready\nC a1 APPEND {200000+}\n"
	    "L 200000\nC \nC\nW ready\nB NOOP\nC a2 NOOP\nC\nS a2 OK\nW ready\n",
	    .whole = 1, .result = IMAPCLIENT_OK,
	    .caps = IMAPCLIENT_IMAP4REV1 | IMAPCLIENT_LITERAL_PLUS },
	{ .name = "success on its way", .script = PLUS
	    "B APPEND\nP 200000\nW write\nS a1 OK done\nW failed\n",
	    .whole = 1, .result = IMAPCLIENT_OK, .error = "not sent yet",
	    .caps = IMAPCLIENT_IMAP4REV1 | IMAPCLIENT_LITERAL_PLUS },
	{ .name = "two answers on its way", .script = PLUS
	    "B APPEND\nP 200000\nW write\nS a1 NO a\nS a1 NO b\nW failed\n",
	    .whole = 1, .result = IMAPCLIENT_NO, .error = "two answers",
	    .caps = IMAPCLIENT_IMAP4REV1 | IMAPCLIENT_LITERAL_PLUS },
	{ .name = "a literal that cannot be read", .script = PLUS
	    "B APPEND\nP 300000\nW failed\n", .error = "cannot be read",
	    .caps = IMAPCLIENT_IMAP4REV1 | IMAPCLIENT_LITERAL_PLUS },
	{ .name = "sixteen literals that are asked for", .script = READY
	    "B X\ns \377\ns \377\ns \377\ns \377\ns \377\ns \377\ns \377\n"
	    "s \377\ns \377\ns \377\ns \377\ns \377\ns \377\ns \377\ns \377\n"
	    "s \377\n!s \377\n", .caps = IMAPCLIENT_IMAP4REV1 },
	/* what comes */
	{ .name = "literals of the server", .script = READY "B FETCH\nA 1\n"
	    "C a1 FETCH 1\nS * 1 FETCH (A {5}\nS helloB {0}\nS C {3}\nS \n"
	    "S x \"{9}\")\nS * 2 FETCH ()\nS a1 OK {3}\nW ready\n",
	    .data = "* OK [CAPABILITY IMAP4rev1] hi\n* 1 FETCH (A {5}<hello>"
	    "B {0}<>C {3}<\r\nx> \"{9}\")\n* 2 FETCH ()\n",
	    .result = IMAPCLIENT_OK, .text = "{3}",
	    .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "a tag in a literal is no answer", .script = READY
	    "B FETCH\nA 1\nC a1 FETCH 1\nS * 1 FETCH (A {9}\nS a1 OK x\n"
	    "S )\nW read\nS a1 NO y\nW ready\n", .result = IMAPCLIENT_NO,
	    .text = "y", .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "braces in texts are no literals", .script = READY
	    "S * OK see {5}\nS * NO see {5}\nS * BAD {5}\nW ready\nB NOOP\n"
	    "C a1 NOOP\nS * OK [X {5}] {6}\nS a1 OK\nW ready\n",
	    .result = IMAPCLIENT_OK, .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "braces that hold no number", .script = READY
	    "S * X {}\nS * X {a}\nS * X {1+}\nS * X }\nS * X {-1}\nW ready\n",
	    .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "an answer to nothing", .script = READY
	    "S a0 OK what\nW failed\n", .error = "out of order",
	    .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "an answer of tomorrow", .script = READY "B NOOP\nC a1 NOOP\n"
	    "S a2 OK what\nW failed\n", .error = "out of order",
	    .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "an answer that is none", .script = READY "B NOOP\n"
	    "C a1 NOOP\nS a1 MAYBE\nW failed\n",
	    .error = "a tagged response that is none",
	    .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "go ahead, unasked", .script = READY "B NOOP\nC a1 NOOP\n"
	    "S + go\nW failed\n", .error = "out of order",
	    .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "an empty line", .script = READY "S \nW failed\n",
	    .error = "out of order", .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "the caller has enough", .script = READY "S * 3 EXISTS\n"
	    "W failed\n", .refuse = 1, .error = "given up by the caller",
	    .caps = IMAPCLIENT_IMAP4REV1 },
	/* bounds */
	{ .name = "a line as long as it may be", .line_max = 21,
	    .script = "S * OK 78901234567890\nC a1 CAPABILITY\n"
	    "S * OK 78901234567890\nW read\n" },
	{ .name = "a line too long", .line_max = 21,
	    .script = "S * OK 789012345678901\nC\nW failed\n",
	    .error = "a line too long" },
	{ .name = "lines too long, together", .line_max = 40, .script = READY
	    "S * X {1}\nS a34567 {1}\nS a3456789012345678901\nW failed\n",
	    .error = "a line too long", .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "a literal as long as it may be", .literal_max = 3,
	    .script = READY "S * X {3}\nS abc\nS * X {4}\nW failed\n",
	    .error = "a literal too many, or too long",
	    .data = "* OK [CAPABILITY IMAP4rev1] hi\n* X {3}<abc>\n",
	    .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "a literal beyond numbers", .script = READY
	    "S * X {99999999999999999999999}\nW failed\n",
	    .error = "too long", .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "literals, as many as may be", .literals_max = 2,
	    .script = READY "S * X {0}\nS  {0}\nS \nS * X {0}\nS  {0}\n"
	    "S  {0}\nW failed\n", .error = "a literal too many",
	    .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "responses, as many as may be", .untagged_max = 2,
	    .script = READY "B NOOP\nC a1 NOOP\nS * 1 EXISTS\nS * 2 EXISTS\n"
	    "W read\nS a1 OK\nW ready\nB NOOP\nC a2 NOOP\nS * 1 EXISTS\n"
	    "S * 2 EXISTS\nS * 3 EXISTS\nW failed\n",
	    .error = "too many responses", .result = IMAPCLIENT_NONE,
	    .caps = IMAPCLIENT_IMAP4REV1 },
	/* ends */
	{ .name = "BYE in the middle", .script = READY "B NOOP\nC a1 NOOP\n"
	    "S * BYE too late\nS a1 OK\nC\nW failed\n!B NOOP\n",
	    .error = "the server ends the session: too late",
	    .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "LOGOUT", .script = READY "O\nW read\nC a1 LOGOUT\nC\n"
	    "S * BYE see you\nW read\nS a1 OK done\nW end\n!B NOOP\n",
	    .result = IMAPCLIENT_OK, .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "LOGOUT, and the connection ends", .script = READY
	    "O\nW read\nC a1 LOGOUT\nS * BYE see you\nX\nW end\n",
	    .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "a mailbox LOGOUT is no logout", .script = READY
	    "B SELECT\nA LOGOUT\nW read\nC a1 SELECT LOGOUT\n"
	    "S a1 OK selected\nW ready\nB X LOGOUT\nW read\nC a2 X LOGOUT\n"
	    "S * BYE no\nW failed\n", .error = "ends the session: no",
	    .caps = IMAPCLIENT_IMAP4REV1 },
	{ .name = "a LOGOUT that another command took the place of",
	    .script = READY "O\nB NOOP\nW read\nC a2 NOOP\nX\nW failed\n",
	    .error = "gone", .caps = IMAPCLIENT_IMAP4REV1 },
};

struct play {
	const struct imap_case	*k;
	struct imapclient	*c;
	int			 single;	/* octet by octet */
	size_t			 line;
	struct buf		 in, out, data, trace;
	struct buf		 now;		/* said in one step */
	int			 inside;	/* a literal, in data */
	int			 ok;
	enum imapclient_want	 want;
};

static enum imapclient_sasl_answer
sasl(void *arg, enum imapclient_sasl_event ev, struct span in,
    struct buf *mech, struct buf *out)
{
	enum login	 login = *(const enum login *)arg;

	if (ev == IMAPCLIENT_SASL_DONE)
		return (login == UNPROVEN ? IMAPCLIENT_SASL_ABORT :
		    IMAPCLIENT_SASL_SEND);
	if (ev == IMAPCLIENT_SASL_REFUSED)
		return (IMAPCLIENT_SASL_SEND);
	if (ev == IMAPCLIENT_SASL_CHALLENGE) {
		buf_adds(out, "re:");
		buf_add_span(out, in);
		return (login == GIVES_UP ? IMAPCLIENT_SASL_ABORT :
		    IMAPCLIENT_SASL_SEND);
	}
	buf_adds(mech, login == BAD_MECH ? "M\r\nX" : "M");
	if (login == ONE || login == UNPROVEN)
		buf_adds(out, "init");
	return (login == NO_MECH ? IMAPCLIENT_SASL_ABORT : login == EMPTY ?
	    IMAPCLIENT_SASL_SEND_EMPTY : IMAPCLIENT_SASL_SEND);
}

static int
on_data(void *arg, enum imapclient_piece piece, struct span s)
{
	struct play	*p = arg;

	if (p->inside && piece != IMAPCLIENT_LITERAL)
		buf_addc(&p->data, '>');
	if (!p->inside && piece == IMAPCLIENT_LITERAL)
		buf_addc(&p->data, '<');
	p->inside = piece == IMAPCLIENT_LITERAL;
	buf_add_span(&p->data, s);
	if (piece == IMAPCLIENT_RESPONSE_END)
		buf_addc(&p->data, '\n');
	return (p->k->refuse && span_caseeqs(s, "* 3 EXISTS") ? -1 : 0);
}

static void
on_trace(void *arg, int sent, struct span s)
{
	struct play	*p = arg;

	buf_addc(&p->trace, sent ? '>' : '<');
	buf_add_span(&p->trace, s);
	buf_addc(&p->trace, '\n');
}

/* The octets of a literal, up to 200000 of them. */
static ssize_t
read_literal(void *arg, uint64_t off, void *to, size_t n)
{
	uint8_t	*p = to;
	size_t	 i;

	(void)arg;
	if (off >= 200000)
		return (-1);
	n = n > 999 ? 999 : n;
	for (i = 0; i < n; i++)
		p[i] = (uint8_t)('a' + (off + i) % 26);
	return ((ssize_t)n);
}

static void
wrong(struct play *p, const char *what, struct span s)
{
	if (p->ok)
		printf("# %s, %s, line %zu: %s: %.*s\n", p->k->name,
		    p->single ? "octet by octet" : "whole", p->line, what,
		    (int)s.n, (const char *)s.p);
	p->ok = 0;
}

static void
step(struct play *p)
{
	struct span	 s = span_buf(&p->in), piece;

	do {
		piece = span_of(s.p, p->single && s.n > 1 ? 1 : s.n);
		if (s.n > 0) {
			s.p += piece.n;
			s.n -= piece.n;
		}
		p->want = imapclient_step(p->c, &piece, &p->now);
		buf_add_span(&p->out, span_buf(&p->now));
		buf_reset(&p->now);
		if (piece.n != 0)
			wrong(p, "not all taken", piece);
	} while (s.n > 0);
	buf_reset(&p->in);
}

/* What the client said begins with this. */
static void
said(struct play *p, struct span line)
{
	struct buf	 b = { 0 };

	if (p->out.n == 0)
		step(p);
	buf_add_span(&b, line);
	buf_adds(&b, "\r\n");
	if (p->out.n < b.n || memcmp(p->out.p, b.p, b.n) != 0)
		wrong(p, "it said", span_buf(&p->out));
	buf_drain(&p->out, b.n);
	buf_free(&b);
}

static void
literal(struct play *p, size_t n)
{
	size_t	 i;

	for (i = 0; i < n && i < p->out.n; i++)
		if (p->out.p[i] != 'a' + i % 26)
			break;
	if (i < n)
		wrong(p, "not the literal", span_of(NULL, 0));
	buf_drain(&p->out, n);
}

static void
waits(struct play *p, struct span name)
{
	int	 n = 0;

	do
		step(p);
	while (p->want == IMAPCLIENT_WRITE && n++ < 100 &&
	    !span_eqs(name, "write"));
	if (!span_eqs(name, wants[p->want]))
		wrong(p, "it waits for", span_str(wants[p->want]));
}

static int
command(struct play *p, int op, struct span s)
{
	struct span	 first;
	struct buf	 b = { 0 };
	uint64_t	 n;
	int		 rc = -1;

	switch (op) {
	case 'B':
		buf_add_span(&b, s);
		rc = imapclient_begin(p->c, buf_cstr(&b));
		break;
	case 'A':
		rc = imapclient_atom(p->c, s);
		break;
	case 's':
		if (span_num(s, 9999, &n) == 0) {
			while (b.n < n)
				buf_addc(&b, 'x');
			s = span_buf(&b);
		}
		rc = imapclient_string(p->c, s);
		break;
	case 'P':
		(void)span_num(s, UINT64_MAX, &n);
		rc = imapclient_literal(p->c, n, read_literal, NULL);
		break;
	case 'U':
		(void)span_split(&s, ' ', &first);
		rc = imapclient_login(p->c, first, s);
		break;
	case 'O':
		rc = imapclient_logout(p->c);
		break;
	}
	buf_free(&b);
	return (rc);
}

static void
act(struct play *p, struct span line)
{
	int		 op = line.p[0], no = op == '!';
	struct span	 s;
	uint64_t	 n = 0;

	if (no)
		op = (++line.p, --line.n, line.p[0]);
	s = line.n > 2 ? span_of(line.p + 2, line.n - 2) : span_of("", 0);
	if (op == 'S') {
		buf_add_span(&p->in, s);
		buf_adds(&p->in, "\r\n");
		return;
	}
	if (p->in.n > 0)
		step(p);
	if (op == 'C' && line.n == 1) {
		step(p);
		if (p->out.n > 0)
			wrong(p, "it said more", span_buf(&p->out));
	} else if (op == 'C')
		said(p, s);
	else if (op == 'L') {
		(void)span_num(s, UINT64_MAX, &n);
		literal(p, (size_t)n);
	} else if (op == 'W')
		waits(p, s);
	else if (op == 'T')
		imapclient_tls_done(p->c);
	else if (op == 'X')
		imapclient_abort(p->c, "gone");
	else if ((command(p, op, s) == -1) != no)
		wrong(p, no ? "taken" : "refused", line);
}

static void
ends(struct play *p)
{
	const struct imap_case	*k = p->k;
	const char		*error = imapclient_error(p->c);

	if (k->data != NULL && strcmp(buf_cstr(&p->data), k->data) != 0)
		wrong(p, "data", span_buf(&p->data));
	if (k->trace != NULL && strcmp(buf_cstr(&p->trace), k->trace) != 0)
		wrong(p, "trace", span_buf(&p->trace));
	if (imapclient_result(p->c) != k->result)
		wrong(p, "result", span_str(imapclient_text(p->c)));
	if (k->text != NULL && strcmp(imapclient_text(p->c), k->text) != 0)
		wrong(p, "text", span_str(imapclient_text(p->c)));
	if (k->error == NULL ? strcmp(error, "nothing wrong") != 0 :
	    strstr(error, k->error) == NULL)
		wrong(p, "error", span_str(error));
	if (imapclient_authenticated(p->c) != k->authed ||
	    imapclient_preauth(p->c) != k->preauth)
		wrong(p, "logged in, or not", span_of("", 0));
	if (imapclient_capabilities(p->c) != k->caps)
		wrong(p, "capabilities", span_of("", 0));
}

static void
run(const struct imap_case *k, int single)
{
	enum login			 login = k->login;
	struct play			 p = { .k = k, .single = single,
					    .ok = 1 };
	struct imapclient_settings	 set = {
		.tls = k->tls, .in_clear = k->in_clear,
		.by_login = k->by_login,
		.sasl = login == NO_LOGIN ? NULL : sasl, .sasl_arg = &login,
		.data = on_data, .trace = on_trace, .arg = &p,
		.line_max = k->line_max, .literal_max = k->literal_max,
		.literals_max = k->literals_max,
		.untagged_max = k->untagged_max
	};
	struct span			 s = span_str(k->script), line;

	p.c = imapclient_new(&set);
	while (s.n > 0 && p.ok) {
		(void)span_split(&s, '\n', &line);
		p.line++;
		act(&p, line);
	}
	if (p.ok)
		ends(&p);
	CHECK(p.ok, "%s%s", k->name, single ? ", octet by octet" : "");
	imapclient_free(p.c);
	buf_free(&p.in);
	buf_free(&p.out);
	buf_free(&p.now);
	buf_free(&p.data);
	buf_free(&p.trace);
}

static void
other_capabilities(void)
{
	struct imapclient_settings	 set = { 0 };
	struct imapclient		*c = imapclient_new(&set);
	struct span			 s = span_str(
	    "* OK [CAPABILITY IMAP4rev1 Idle X-A] hi\r\n");
	struct buf			 out = { 0 };

	imapclient_step(c, &s, &out);
	CHECK(imapclient_can(c, "IDLE") && imapclient_can(c, "x-a"),
	    "capabilities by name");
	CHECK(!imapclient_can(c, "X") && !imapclient_can(c, "UIDPLUS") &&
	    !imapclient_can(c, ""), "no others");
	imapclient_free(c);
	buf_free(&out);
	imapclient_free(NULL);
}

int
main(void)
{
	size_t	 i;

	for (i = 0; i < nitems(cases); i++) {
		run(&cases[i], 0);
		if (!cases[i].whole)
			run(&cases[i], 1);
	}
	other_capabilities();
	return (test_done());
}
