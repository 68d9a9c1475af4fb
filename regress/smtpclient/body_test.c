/* The body of a message on its way out: dots, line ends, in random pieces. */
#include "smtpclient_int.h"
#include "test.h"

static const struct {
	const char	*name;
	const char	*in;
	const char	*want;
} dots[] = {
	{ "empty", "", ".\r\n" },
	{ "a line", "a\r\n", "a\r\n.\r\n" },
	{ "no end", "a", "a\r\n.\r\n" },
	{ "a dot", ".", "..\r\n.\r\n" },
	{ "dots", ".\r\n..\r\na.b\r\n", "..\r\n...\r\na.b\r\n.\r\n" },
	{ "the end within", "a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n" },
	{ "LF alone", "a\n.\nb", "a\r\n..\r\nb\r\n.\r\n" },
	{ "CR alone", "a\r.\rb", "a\r\n..\r\nb\r\n.\r\n" },
	{ "CR at the end", "a\r", "a\r\n.\r\n" },
	{ "CR CR LF", "a\r\r\n.b", "a\r\n\r\n..b\r\n.\r\n" },
	{ "LF CR", "\n\r.", "\r\n\r\n..\r\n.\r\n" },
	{ "LF dot LF", "a\n.\n", "a\r\n..\r\n.\r\n" },
	{ "empty lines", "\r\n\r\n", "\r\n\r\n.\r\n" },
};

static const struct {
	const char	*name;
	const char	*in;
	size_t		 n;
	int		 header8, any8, binary;
} scans[] = {
#define S(in)	in, sizeof(in) - 1
	{ "plain", S("A: b\r\n\r\nc\r\n"), 0, 0, 0 },
	{ "in the header", S("A: \xc3\xa9\r\n\r\nc\r\n"), 1, 1, 0 },
	{ "in the body", S("A: b\r\n\r\n\xc3\xa9\r\n"), 0, 1, 0 },
	{ "body right away", S("\r\n\xc3\xa9"), 0, 1, 0 },
	{ "LF lines", S("A: b\n\n\xc3\xa9\n"), 0, 1, 1 },
	{ "NUL", S("A: b\r\n\r\n\0\r\n"), 0, 0, 1 },
	{ "CR", S("A: b\r\n\r\na\rb\r\n"), 0, 0, 1 },
	{ "CR CR LF", S("A: b\r\n\r\na\r\r\n"), 0, 0, 1 },
	{ "LF first", S("\nA"), 0, 0, 1 },
};

static const struct {
	const char	*name;
	const char	*in;
	size_t		 n;
	int		 rc;
} addresses[] = {
	{ "plain", S("a@b"), 0 },
	{ "quoted", S("\"a b\\\"<>\"@b"), 0 },
	{ "beyond ASCII", S("\xc3\xa9@b"), 0 },
	{ "CR LF", S("a@b>\r\nRCPT TO:<c@d"), -1 },
	{ "CR LF in quotes", S("\"a\r\n\"@b"), -1 },
	{ "escaped LF", S("\"a\\\n\"@b"), -1 },
	{ "NUL", S("a\0@b"), -1 },
	{ "DEL", S("a\x7f@b"), -1 },
	{ "bracket", S("a>@b"), -1 },
	{ "space", S("a@b SIZE=1"), -1 },
	{ "open quote", S("\"a@b"), -1 },
	{ "quote of a quote", S("\"a\\\"@b"), -1 },
#undef S
};

/* What is sent for it, given in pieces of so many octets. */
static void
stuff(struct span in, size_t step, struct buf *out)
{
	struct smtpclient_dots	 d = { 0 };
	size_t			 n;

	buf_reset(out);
	while (in.n > 0) {
		n = in.n < step ? in.n : step;
		smtpclient_dots(&d, span_of(in.p, n), out);
		in.p += n;
		in.n -= n;
	}
	smtpclient_dots_end(&d, out);
}

/* The same, an octet at a time, without cleverness. */
static void
reference(struct span in, struct buf *out)
{
	size_t	 i;
	int	 begin = 1;

	buf_reset(out);
	for (i = 0; i < in.n; i++) {
		if (in.p[i] == '\n' && i > 0 && in.p[i - 1] == '\r')
			continue;
		if (in.p[i] == '\r' || in.p[i] == '\n') {
			buf_adds(out, "\r\n");
			begin = 1;
			continue;
		}
		if (begin && in.p[i] == '.')
			buf_addc(out, '.');
		buf_addc(out, in.p[i]);
		begin = 0;
	}
	if (!begin)
		buf_adds(out, "\r\n");
	buf_adds(out, ".\r\n");
}

static void
random_bodies(void)
{
	struct buf	 got = { 0 }, want = { 0 };
	uint8_t		 in[64];
	unsigned	 seed = 1, i, k, bad = 0;
	size_t		 n;

	for (i = 0; i < 20000; i++) {
		n = i % sizeof(in);
		for (k = 0; k < n; k++) {
			seed = seed * 1103515245u + 12345u;
			in[k] = (uint8_t)"\r\n.ab"[(seed >> 16) % 5];
		}
		stuff(span_of(in, n), 1 + i % 7, &got);
		reference(span_of(in, n), &want);
		bad += !span_eq(span_buf(&got), span_buf(&want));
	}
	CHECK(bad == 0, "20000 random bodies in pieces equal the reference");
	buf_free(&got);
	buf_free(&want);
}

static void
scan(void)
{
	struct scan	 s;
	struct span	 in;
	struct buf	 line = { 0 };
	size_t		 i, step, k;
	int		 ok;

	for (i = 0; i < nitems(scans); i++) {
		for (step = 1, ok = 1; ok && step < 20; step++) {
			memset(&s, 0, sizeof(s));
			in = span_of(scans[i].in, scans[i].n);
			while (in.n > 0) {
				k = in.n < step ? in.n : step;
				scan_octets(&s, span_of(in.p, k));
				in.p += k;
				in.n -= k;
			}
			ok = s.header8 == scans[i].header8 &&
			    s.any8 == scans[i].any8 &&
			    s.binary == scans[i].binary;
		}
		CHECK(ok, "scan: %s (step %zu: %d %d %d)", scans[i].name,
		    step - 1, s.header8, s.any8, s.binary);
	}
	for (k = 998; k <= 999; k++) {
		buf_reset(&line);
		memset(buf_reserve(&line, k), 'x', k);
		buf_commit(&line, k);
		buf_adds(&line, "\r\n");
		memset(&s, 0, sizeof(s));
		scan_octets(&s, span_buf(&line));
		CHECK(s.binary == (k == 999), "a line of %zu octets", k);
	}
	buf_free(&line);
}

int
main(void)
{
	struct buf	 out = { 0 };
	size_t		 i, step;
	int		 ok;

	for (i = 0; i < nitems(dots); i++) {
		for (step = 1, ok = 1; ok && step < 12; step++) {
			stuff(span_str(dots[i].in), step, &out);
			ok = span_eqs(span_buf(&out), dots[i].want);
		}
		CHECK(ok, "%s", dots[i].name);
	}
	buf_free(&out);
	random_bodies();
	scan();
	for (i = 0; i < nitems(addresses); i++)
		CHECK(scan_address(span_of(addresses[i].in,
		    addresses[i].n)) == addresses[i].rc, "address: %s",
		    addresses[i].name);
	return (test_done());
}
