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
	{ "done", REPORT_DONE, { .ret = 1, .arrival = 1000 },
	  { { .address = S("bob@letterlock.test"), .state = RS_DELIVERED,
	      .code = 250, .enhanced = S("2.0.0"), .text = S("stored"),
	      .last = 2000 },
	    { .address = S("x@example.org"), .state = RS_RELAYED, .code = 250,
	      .enhanced = S("2.1.5"), .text = S("ok"),
	      .host = S("mx.example.org"), .last = 2000 } }, 2,
	  "\"a b\"@letterlock.test", original, 1 },
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
