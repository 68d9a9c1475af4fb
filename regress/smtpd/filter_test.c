/*
 * The header in passing: the same as submit_header() makes of it at once, in
 * every split.
 */
#include "test.h"

#include "header.h"
#include "smtpd/filter.h"
#include "submit.h"

#define D	"Tue, 24 Nov 2026 10:07:42 +0000"
#define M	"<1@x.example>"

static const struct filter_add	 add = { D, M };

static const struct {
	const char	*name;
	const char	*in;
	unsigned	 received;
} cases[] = {
	{ "plain", "From: a@b\r\nSubject: s\r\n\r\nbody\r\n", 0 },
	{ "complete", "Date: x\r\nMessage-ID: <a@b>\r\n\r\nbody", 0 },
	{ "Bcc", "Bcc: x@y\r\nFrom: a\r\nBcc: y\r\n z\r\n\tw\r\nTo: b\r\n\r\nBcc: b\r\n", 0 },
	{ "case", "bCC: x\r\ndate : x\r\nMESSAGE-id: <a@b>\r\n\r\n", 0 },
	{ "Return-Path", "Return-Path: <x>\r\nFrom: a\r\n\r\n", 0 },
	{ "blanks", "Bcc                                      : x@y\r\n"
	    "Return-Path\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t: x\r\n z\r\nA: b\r\n\r\n",
	    0 },
	{ "Resent-Bcc", "Resent-Bcc: <x>\r\nFrom: a\r\n\r\n", 0 },
	{ "not Bcc", "Bccc: x\r\nX-Bcc: y\r\nBc: z\r\n\r\n", 0 },
	{ "empty", "", 0 },
	{ "no header", "\r\nbody\r\n", 0 },
	{ "no body", "From: a\r\nTo: b\r\n", 0 },
	{ "no end of line", "From: a", 0 },
	{ "Bcc alone, no end", "Bcc: a", 0 },
	{ "folded first", " x\r\nFrom: a\r\n\r\n", 0 },
	{ "no colon", "nonsense\r\nFrom: a\r\n\r\nb", 0 },
	{ "long name", "A-name-longer-than-any-that-matters-here: x\r\n\r\n", 0 },
	{ "received", "Received: a\r\nreceived: b\r\n\tc\r\nReceived : d\r\n"
	    "Received-SPF: e\r\n\r\nReceived: f\r\n", 3 },
	{ "name only", "Bcc\r\nFrom: a\r\n\r\n", 0 },
	{ "CR within", "From: a\rBcc: x\r\n\r\n", 0 },
	{ "ends in CR", "From: a\r", 0 },
	{ "body with CRLF", "A: b\r\n\r\n\r\n\r\nx\r\n", 0 },
};

static void
run(const char *in, size_t piece, struct buf *out, struct filter *f)
{
	size_t	 n = strlen(in), i, k;

	buf_reset(out);
	filter_begin(f, 1);
	for (i = 0; i < n; i += k) {
		k = n - i < piece ? n - i : piece;
		filter_feed(f, span_of(in + i, k), out, &add);
	}
	filter_end(f, out, &add);
}

int
main(void)
{
	struct buf	 out = { 0 }, want = { 0 };
	struct filter	 f;
	struct span	 s;
	size_t		 i, n, piece, bad;
	int		 complete;

	for (i = 0; i < nitems(cases); i++) {
		s = span_str(cases[i].in);
		n = header_length(s, &complete);
		buf_reset(&want);
		submit_header(&want, span_of(s.p, n), D, M);
		buf_add(&want, s.p + n, s.n - n);
		run(cases[i].in, s.n + 1, &out, &f);
		if (!CHECK(span_eq(span_buf(&out), span_buf(&want)),
		    "%s: as submit_header()", cases[i].name))
			printf("# got %s\n# want %s\n", buf_cstr(&out),
			    buf_cstr(&want));
		CHECK(f.received == cases[i].received, "%s: %u Received",
		    cases[i].name, f.received);
		for (piece = 1, bad = 0; piece < s.n; piece++) {
			run(cases[i].in, piece, &out, &f);
			bad += !span_eq(span_buf(&out), span_buf(&want)) ||
			    f.received != cases[i].received;
		}
		CHECK(bad == 0, "%s: in pieces of every size", cases[i].name);
		filter_begin(&f, 0);
		filter_feed(&f, s, NULL, NULL);
		CHECK(f.received == cases[i].received, "%s: only looking",
		    cases[i].name);
	}
	buf_free(&out);
	buf_free(&want);
	return (test_done());
}
