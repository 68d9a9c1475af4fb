/*
 * Reports, octet by octet: regress/queued/report/NAME.ok.  With REWRITE set in
 * the environment these files are written anew.
 */
#include <fcntl.h>
#include <unistd.h>

#include "queued/queued.h"
#include "queued/report.h"
#include "test.h"

#define S(s)	{ (const uint8_t *)(s), sizeof(s) - 1 }

static const char	 original[] = "Received: by here\r\n"
    "From: alice@letterlock.test\r\nMessage-ID: <1@letterlock.test>\r\n"
    "Subject: =?utf-8?Q?gr=C3=BC=C3=9Fe?=\r\n\r\nline 1\r\n.line 2\r\n";
static const char	 utf8[] = "From: \303\244@letterlock.test\r\n"
    "Subject: gr\303\274\303\237e\r\n\r\nx\r\n";

static const struct report_case {
	const char		*name;
	enum report_kind	 kind;
	struct rec_msg		 m;
	struct rec_rcpt		 r[2];
	size_t			 n;
	const char		*to;
	const char		*original;
	int			 whole;
} cases[] = {
	{ "failed", REPORT_FAILED, { .envid = S("a+2Bb"), .arrival = 1000 },
	  { { .address = S("x@example.org"),
	      .orcpt = S("rfc822;X+40there@example.net"), .state = RS_FAILED,
	      .code = 550, .enhanced = S("5.1.1"), .last = 2000,
	      .text = S("no \"such\"\r\nX-Evil: user\001 here"),
	      .host = S("mx.example.org") },
	    { .address = S("y@example.org"), .state = RS_FAILED, .code = 554,
	      .text = S("we do not send there"), .last = 2000 } }, 2,
	  "alice@letterlock.test", original, 1 },
	{ "full", REPORT_FAILED, { .ret = 1, .arrival = 1000 },
	  { { .address = S("x@example.org"), .state = RS_FAILED,
	      .enhanced = S("5.4.7"), .text = S("no route to host"),
	      .last = 2000 } }, 1, "alice@letterlock.test", original, 1 },
	{ "delayed", REPORT_DELAYED, { .arrival = 1000 },
	  { { .address = S("x@example.org"), .flags = RF_DELAYED,
	      .code = 451, .enhanced = S("4.2.0"), .text = S("later"),
	      .host = S("mx.example.org"), .last = 2000 } }, 1,
	  "alice@letterlock.test", original, 0 },
	{ "future", REPORT_DELAYED, { .arrival = 1000, .release = 4600,
	    .future = S("for;3600") },
	  { { .address = S("x@example.org"), .flags = RF_DELAYED,
	      .code = 0, .enhanced = S("4.4.1"), .text = S("refused"),
	      .host = S("mx.example.org"), .last = 5000 } }, 1,
	  "alice@letterlock.test", original, 0 },
	{ "expired", REPORT_FAILED, { .arrival = 1000 },
	  { { .address = S("x@example.org"), .state = RS_FAILED,
	      .code = 451, .enhanced = S("4.2.0"), .text = S("later"),
	      .host = S("mx.example.org"), .last = 2000 } }, 1,
	  "alice@letterlock.test", original, 0 },
	{ "done", REPORT_DONE, { .ret = 1, .arrival = 1000 },
	  { { .address = S("bob@letterlock.test"), .state = RS_DELIVERED,
	      .code = 250, .enhanced = S("2.0.0"), .text = S("stored"),
	      .last = 2000 },
	    { .address = S("x@example.org"), .state = RS_RELAYED, .code = 250,
	      .enhanced = S("2.1.5"), .text = S("ok"),
	      .host = S("mx.example.org"), .last = 2000 } }, 2,
	  "\"a b\"@letterlock.test", original, 1 },
	{ "delivered", REPORT_DONE, { .arrival = 1000 },
	  { { .address = S("bob@letterlock.test"), .state = RS_DELIVERED,
	      .code = 250, .enhanced = S("2.0.0"), .text = S("stored"),
	      .last = 2000 } }, 1, "alice@letterlock.test", original, 1 },
	{ "utf8", REPORT_FAILED, { .utf8 = 1, .arrival = 1000 },
	  { { .address = S("\303\266@example.org"), .state = RS_FAILED,
	      .code = 550, .enhanced = S("5.1.1"), .text = S("unbekannt"),
	      .orcpt = S("utf-8;\\x{F6}@example.org"),
	      .host = S("mx.example.org"), .last = 2000 } }, 1,
	  "\303\244@letterlock.test", utf8, 1 },
	{ "nothing", REPORT_FAILED, { .arrival = 1000 },
	  { { .address = S("x@example.org"), .state = RS_FAILED } }, 1,
	  "alice@letterlock.test", "", 1 },
};

/*
 * What becomes of a result: behaviour.md A.7, RFC 3463, RFC 3464 section 2.3.
 * want: the fields from Action to Diagnostic-Code.
 */
static const struct field_case {
	const char	*name;
	uint8_t		 state;
	uint32_t	 code;
	const char	*enhanced, *host, *text;
	const char	*want;
} fields[] = {
	{ "the server refuses", RS_FAILED, 550, "5.1.1", "mx.x", "no",
	  "Action: failed|Status: 5.1.1|Remote-MTA: dns; mx.x|"
	  "Diagnostic-Code: smtp; 550 5.1.1 no|" },
	{ "without an enhanced code", RS_FAILED, 550, "", "mx.x", "no",
	  "Action: failed|Status: 5.0.0|Remote-MTA: dns; mx.x|"
	  "Diagnostic-Code: smtp; 550 no|" },
	{ "a server without a name", RS_FAILED, 550, "5.1.1", "192.0.2.1",
	  "no", "Action: failed|Status: 5.1.1|Remote-MTA: dns; [192.0.2.1]|"
	  "Diagnostic-Code: smtp; 550 5.1.1 no|" },
	{ "IPv6", RS_FAILED, 550, "5.1.1", "2001:db8::1", "no",
	  "Action: failed|Status: 5.1.1|Remote-MTA: dns; [IPv6:2001:db8::1]|"
	  "Diagnostic-Code: smtp; 550 5.1.1 no|" },
	{ "a socket is no name", RS_FAILED, 550, "5.1.1", "/run/lmtp", "no",
	  "Action: failed|Status: 5.1.1|Diagnostic-Code: smtp; 550 5.1.1 no|" },
	{ "expired: what was said last", RS_FAILED, 451, "4.2.0", "mx.x",
	  "later", "Action: failed|Status: 5.4.7|Remote-MTA: dns; mx.x|"
	  "Diagnostic-Code: smtp; 451 4.2.0 later|" },
	{ "expired, no enhanced code", RS_FAILED, 451, "", "mx.x", "later",
	  "Action: failed|Status: 5.4.7|Remote-MTA: dns; mx.x|"
	  "Diagnostic-Code: smtp; 451 later|" },
	{ "expired, nobody there", RS_FAILED, 0, "4.4.1", "mx.x", "refused",
	  "Action: failed|Status: 5.4.7|"
	  "Diagnostic-Code: x-letterlock; refused|" },
	{ "expired, login", RS_FAILED, 535, "4.7.8", "mx.x", "login",
	  "Action: failed|Status: 5.4.7|Remote-MTA: dns; mx.x|"
	  "Diagnostic-Code: smtp; 535 4.7.8 login|" },
	{ "delayed, nobody there", RS_QUEUED, 0, "4.4.1", "mx.x", "refused",
	  "Action: delayed|Status: 4.4.1|"
	  "Diagnostic-Code: x-letterlock; refused|" },
	{ "delayed, TLS", RS_QUEUED, 0, "4.7.5", "mx.x", "expired",
	  "Action: delayed|Status: 4.7.5|"
	  "Diagnostic-Code: x-letterlock; expired|" },
	{ "REQUIRETLS: our word", RS_FAILED, 554, "5.7.30", "mx.x", "no TLS",
	  "Action: failed|Status: 5.7.30|"
	  "Diagnostic-Code: x-letterlock; 554 5.7.30 no TLS|" },
	{ "a fail transport", RS_FAILED, 554, "5.7.0", "", "we do not",
	  "Action: failed|Status: 5.7.0|"
	  "Diagnostic-Code: x-letterlock; 554 5.7.0 we do not|" },
	{ "a fail transport, 4xx", RS_FAILED, 450, "4.7.0", "", "not now",
	  "Action: failed|Status: 5.4.7|"
	  "Diagnostic-Code: x-letterlock; 450 4.7.0 not now|" },
	{ "no transport of that name", RS_QUEUED, 451, "4.3.5", "", "none",
	  "Action: delayed|Status: 4.3.5|"
	  "Diagnostic-Code: x-letterlock; 451 4.3.5 none|" },
	{ "null MX", RS_FAILED, 556, "5.1.10", "", "takes no mail",
	  "Action: failed|Status: 5.1.10|"
	  "Diagnostic-Code: x-letterlock; 556 5.1.10 takes no mail|" },
	{ "the administrator", RS_FAILED, 0, "5.7.0", "mx.x", "given up",
	  "Action: failed|Status: 5.7.0|"
	  "Diagnostic-Code: x-letterlock; given up|" },
	{ "size", RS_FAILED, 0, "5.3.4", "mx.x", "too large",
	  "Action: failed|Status: 5.3.4|"
	  "Diagnostic-Code: x-letterlock; too large|" },
	{ "nothing is known", RS_FAILED, 0, "", "", "",
	  "Action: failed|Status: 5.0.0|" },
	{ "CR, LF, NUL-less controls, 8 bit (O6)", RS_FAILED, 550, "5.1.1",
	  "mx.x", "a\r\n.\r\nX: y\033[2J<b>\377", "Action: failed|"
	  "Status: 5.1.1|Remote-MTA: dns; mx.x|"
	  "Diagnostic-Code: smtp; 550 5.1.1 a . X: y [2J<b>???|" },
};

static const struct {
	const char	*in, *want;
} xtexts[] = {
	{ "abc", "abc" }, { "a+2Bb", "a+b" }, { "a+2bb", NULL },
	{ "a+2", NULL }, { "a=b", NULL }, { "a b", NULL }, { "+00", NULL },
	{ "", "" },
};

static void
compare(const char *name, const struct buf *b)
{
	struct buf	 want = { 0 };
	uint8_t		*room;
	char		 path[128];
	ssize_t		 n = 0;
	int		 fd;

	snprintf(path, sizeof(path), "regress/queued/report/%s.ok", name);
	if (getenv("REWRITE") != NULL) {
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		CHECK(fd != -1 && write(fd, b->p, b->n) == (ssize_t)b->n,
		    "%s is written", path);
		close(fd);
		return;
	}
	if ((fd = open(path, O_RDONLY)) != -1 &&
	    (room = buf_reserve(&want, 65536)) != NULL &&
	    (n = read(fd, room, 65536)) > 0)
		buf_commit(&want, (size_t)n);
	CHECK(span_eq(span_buf(b), span_buf(&want)), "%s", name);
	if (fd != -1)
		close(fd);
	buf_free(&want);
}

static void
test_fields(const struct field_case *c)
{
	struct q_msg	 m = { .r = { .arrival = 1000 } };
	struct q_rcpt	 r = { .n = 1 };
	struct report_in in = { .m = &m, .r = &r, .n = 1,
			    .to = span_str("alice@letterlock.test"),
			    .hostname = "mail.letterlock.test" };
	struct buf	 b = { 0 }, got = { 0 };
	const char	*p;

	r.r.address = span_str("x@example.org");
	r.r.state = c->state;
	r.r.code = c->code;
	r.r.enhanced = span_str(c->enhanced);
	r.r.host = span_str(c->host);
	r.r.text = span_str(c->text);
	in.kind = c->state == RS_QUEUED ? REPORT_DELAYED : REPORT_FAILED;
	CHECK(report_write(&b, &in) == 0, "%s: a report", c->name);
	p = strstr(buf_cstr(&b), "Action: ");
	for (; p != NULL && strncmp(p, "\r\n\r\n", 4) != 0; p++)
		if (*p != '\n')
			buf_addc(&got, *p == '\r' ? '|' : *p);
	buf_addc(&got, '|');
	CHECK(strcmp(buf_cstr(&got), c->want) == 0, "%s: %s", c->name,
	    buf_cstr(&got));
	buf_free(&b);
	buf_free(&got);
}

int
main(void)
{
	const struct report_case	*c;
	struct report_in		 in;
	struct q_msg			 m;
	struct q_rcpt			 r[2];
	struct buf			 b = { 0 };
	size_t				 i, k;
	int				 rc;

	for (i = 0; i < nitems(cases); i++) {
		c = &cases[i];
		memset(&in, 0, sizeof(in));
		memset(&m, 0, sizeof(m));
		memset(r, 0, sizeof(r));
		m.r = c->m;
		for (k = 0; k < c->n; k++)
			r[k].r = c->r[k];
		in.kind = c->kind;
		in.m = &m;
		in.r = r;
		in.n = c->n;
		in.to = span_str(c->to);
		in.original = span_str(c->original);
		in.whole = c->whole;
		in.hostname = "mail.letterlock.test";
		in.now = 1795600000;
		in.clock = 1795590000;
		in.arrival = in.clock + 1000;
		in.until = in.arrival + 345600;
		buf_reset(&b);
		CHECK(report_write(&b, &in) == 0, "%s is a report", c->name);
		compare(c->name, &b);
	}
	for (i = 0; i < nitems(fields); i++)
		test_fields(&fields[i]);
	for (i = 0; i < nitems(xtexts); i++) {
		buf_reset(&b);
		rc = xtext_decode(&b, span_str(xtexts[i].in));
		CHECK(xtexts[i].want == NULL ? rc == -1 : rc == 0 &&
		    strcmp(buf_cstr(&b), xtexts[i].want) == 0, "xtext \"%s\"",
		    xtexts[i].in);
	}
	buf_free(&b);
	return (test_done());
}
