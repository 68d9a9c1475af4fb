/*
 * The receiver of DATA: equal to the reference in every split, and what must
 * not end a message does not.
 */
#include "test.h"

#include "smtpd/receive.h"
#include "smtpd/reference.h"

#define AFTER	"MAIL FROM:<smug@x>\r\nRCPT TO:<victim>\r\nDATA\r\n" \
		"Subject: s\r\n\r\nx\r\n.\r\n"

/* hardcases A1: text, the sequence, an envelope and a true end */
static const struct {
	const char	*name;
	const char	*seq;
	size_t		 n;
	int		 ends, dirty;
} rows[] = {
#define ROW(name, s, ends, dirty) { name, s, sizeof(s) - 1, ends, dirty }
	ROW("A1.1 CRLF . CRLF", "\r\n.\r\n", 1, 0),
	ROW("A1.2 LF . LF", "\n.\n", 0, 1),
	ROW("LF . CRLF", "\n.\r\n", 0, 1),
	ROW("A1.4 CRLF . LF", "\r\n.\n", 0, 1),
	ROW("A1.5 CR . CR", "\r.\r", 0, 1),
	ROW("CR . CRLF", "\r.\r\n", 0, 1),
	ROW("A1.6 CR . LF", "\r.\n", 0, 1),
	ROW("A1.7 LF . CR", "\n.\r", 0, 1),
	ROW("A1.9 CRLF . CR X", "\r\n.\rX", 0, 1),
	ROW("A1.10 CRLF . CR CRLF", "\r\n.\r\r\n", 0, 1),
	ROW("A1.11 CR CRLF . CR CRLF", "\r\r\n.\r\r\n", 0, 1),
	ROW("A1.11 CRLF . CR CR CRLF", "\r\n.\r\r\r\n", 0, 1),
	ROW("A1.12 CRLF NUL . CRLF", "\r\n\0.\r\n", 0, 1),
	ROW("CRLF . NUL CRLF", "\r\n.\0\r\n", 0, 1),
	ROW("A1.14 NEL", "\r\n.\x85", 0, 0),
	ROW("A1.14 VT LF", "\r\n.\x0b\n", 0, 1),
	ROW("A1.14 FF LF", "\r\n.\x0c\n", 0, 1),
	ROW("A1.15 dot space", "\r\n. \r\n", 0, 0),
	ROW("A1.15 dot tab", "\r\n.\t\r\n", 0, 0),
	ROW("A1.16 two dots", "\r\n..\r\n", 0, 0),
	ROW("CRLF LF . CRLF", "\r\n\n.\r\n", 0, 1),
};

static uint64_t	 seed = 88172645463325252ull;

static unsigned
next_random(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return ((unsigned)(seed >> 11) % below);
}

/* Pieces of the given size, 0: of random sizes.  Octets used, 0: no end. */
static size_t
run(const uint8_t *p, size_t n, size_t piece, struct buf *out, int *dirty)
{
	struct receive	 r;
	struct span	 s;
	size_t		 i = 0, k;

	receive_begin(&r);
	buf_reset(out);
	while (i < n) {
		k = piece != 0 ? piece : next_random(7) + 1;
		if (k > n - i)
			k = n - i;
		s = span_of(p + i, k);
		if (receive_data(&r, &s, out) == 1) {
			*dirty = r.dirty;
			if (r.size != out->n)
				return (0);
			return (i + k - s.n);
		}
		i += k;
	}
	*dirty = r.dirty;
	return (0);
}

static void
test_rows(void)
{
	uint8_t		 in[512];
	struct buf	 out = { 0 }, want = { 0 };
	size_t		 i, n, end, used, split, bad;
	int		 dirty, ref_dirty;

	for (i = 0; i < nitems(rows); i++) {
		n = 0;
		memcpy(in, "text", 4);
		n += 4;
		memcpy(in + n, rows[i].seq, rows[i].n);
		n += rows[i].n;
		end = n;
		memcpy(in + n, AFTER, sizeof(AFTER) - 1);
		n += sizeof(AFTER) - 1;
		used = run(in, n, n, &out, &dirty);
		CHECK(rows[i].ends ? used == end : used == n,
		    "%s: %s", rows[i].name, rows[i].ends ? "ends" :
		    "does not end");
		CHECK(dirty == rows[i].dirty, "%s: %s", rows[i].name,
		    rows[i].dirty ? "to be refused" : "fine");
		buf_reset(&want);
		(void)reference(in, n, &want, &ref_dirty);
		CHECK(span_eq(span_buf(&out), span_buf(&want)),
		    "%s: octets as in the reference", rows[i].name);
		/* A4: the same at every position of one split, and of all */
		for (bad = 0, split = 1; split < n; split++) {
			struct receive	 r;
			struct span	 a = span_of(in, split), b;
			int		 rc;

			receive_begin(&r);
			buf_reset(&out);
			if ((rc = receive_data(&r, &a, &out)) == 0) {
				b = span_of(in + split, n - split);
				rc = receive_data(&r, &b, &out);
			}
			bad += rc != 1 || r.dirty != dirty ||
			    !span_eq(span_buf(&out), span_buf(&want));
		}
		CHECK(bad == 0, "%s: every split", rows[i].name);
		(void)run(in, n, 1, &out, &dirty);
		CHECK(dirty == rows[i].dirty && span_eq(span_buf(&out),
		    span_buf(&want)), "%s: one octet at a time",
		    rows[i].name);
	}
	buf_free(&out);
	buf_free(&want);
}

static void
test_random(void)
{
	static const char	 letters[] = "\r\n.\r\n.\r\n..ab\0\xc3";
	uint8_t			 in[64];
	struct buf		 out = { 0 }, want = { 0 };
	size_t			 i, n, a, b, bad = 0;
	int			 round, d1, d2;

	for (round = 0; round < 200000; round++) {
		n = next_random(sizeof(in) - 5);
		for (i = 0; i < n; i++)
			in[i] = (uint8_t)letters[next_random(
			    sizeof(letters) - 1)];
		memcpy(in + n, "\r\n.\r\n", 5);
		n += 5;
		buf_reset(&want);
		a = reference(in, n, &want, &d1);
		b = run(in, n, 0, &out, &d2);
		/* Behind a held CR a "." ends nothing in either. */
		if (a != b || (a != 0 && (d1 != d2 ||
		    !span_eq(span_buf(&out), span_buf(&want)))))
			bad++;
	}
	CHECK(bad == 0, "200000 random messages in random pieces: %zu differ",
	    bad);
	buf_free(&out);
	buf_free(&want);
}

/* A2, A4 and A5: the beginning, and lines longer than any buffer. */
static void
test_long(void)
{
	static const size_t	 sizes[] = { 1, 512, 1024, 4096, 8192, 16384 };
	struct buf		 in = { 0 }, out = { 0 };
	size_t			 i, used;
	int			 dirty;

	used = run((const uint8_t *)".\r\n", 3, 3, &out, &dirty);
	CHECK(used == 3 && out.n == 0 && !dirty, "A2: an empty message");
	for (i = 0; i < nitems(sizes); i++) {
		buf_reset(&in);
		while (in.n + 1 < sizes[i])
			buf_addc(&in, 'x');
		buf_adds(&in, "\r\ny\r\n.\r\n");
		used = run(in.p, in.n, sizes[i], &out, &dirty);
		CHECK(used == in.n && out.n == in.n - 3 && !dirty,
		    "A4: CR is the last of %zu octets", sizes[i]);
	}
	buf_reset(&in);
	while (in.n < 10 * 1024 * 1024)
		buf_addc(&in, in.n % 16384 == 0 && in.n > 0 ? '.' : 'x');
	buf_adds(&in, "\r\n.\r\n");
	used = run(in.p, in.n, 16384, &out, &dirty);
	CHECK(used == in.n && out.n == in.n - 3 && !dirty,
	    "A5: a line of 10 MB with dots where buffers begin");
	buf_free(&in);
	buf_free(&out);
}

static void
test_chunks(void)
{
	static const struct {
		const char	*a, *b;
		int		 dirty;
	} cases[] = {
		{ "a\r\n", "b\r\n", 0 }, { "a\r", "\nb\r\n", 0 },
		{ "a\n", "", 1 }, { "a\r", "b", 1 }, { "a\r", "", 1 },
		{ "a\r", "\r\n", 1 }, { "\n", "", 1 }, { "", "\r\n.\r\nMAIL\r\n", 0 },
		{ "no end", "", 0 }, { "\r\n\r\n", "\n", 1 },
	};
	struct receive	 r;
	struct buf	 out = { 0 };
	size_t		 i;

	for (i = 0; i < nitems(cases); i++) {
		receive_begin(&r);
		buf_reset(&out);
		receive_chunk(&r, span_str(cases[i].a), &out);
		receive_chunk(&r, span_str(cases[i].b), &out);
		receive_chunks_end(&r);
		CHECK(r.dirty == cases[i].dirty && out.n ==
		    strlen(cases[i].a) + strlen(cases[i].b) && r.size ==
		    out.n, "chunks %zu: %s", i, cases[i].dirty ? "bare" :
		    "fine");
	}
	buf_free(&out);
}

int
main(void)
{
	test_rows();
	test_random();
	test_long();
	test_chunks();
	return (test_done());
}
