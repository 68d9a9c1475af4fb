/* Header blocks: where they end, what their fields are. */
#include "header.h"
#include "test.h"

/* D13, A11: one definition of the end. */
static const struct {
	const char	*name, *in;
	size_t		 n;
	int		 complete;
	const char	*fields;	/* name=value, | between; name empty: ? */
} blocks[] = {
	{ "empty", "", 0, 0, "" },
	{ "only the empty line", "\r\nx: y\r\n", 2, 1, "" },
	{ "plain", "A: b\r\nC: d\r\n\r\nbody", 14, 1, "A=b|C=d" },
	{ "LF LF", "A: b\n\nE: f\n", 6, 1, "A=b" },
	{ "CRLF LF", "A: b\r\n\nE: f", 7, 1, "A=b" },
	{ "LF CRLF", "A: b\n\r\nE: f", 7, 1, "A=b" },
	{ "CR CR does not end it", "A: b\r\rE: f\r\n\r\n", 14, 1,
	    "A=b\r\rE: f" },
	{ "CR before CRLF does not", "A: b\r\r\nE: f\r\n\r\n", 15, 1,
	    "A=b\r|E=f" },
	{ "a line with a CR alone does not", "A: b\r\n\r\r\nC: d\r\n", 15, 0,
	    "A=b|?|C=d" },
	{ "no empty line", "A: b\r\n", 6, 0, "A=b" },
	{ "no line end", "A: b", 4, 0, "A=b" },
	{ "starts folded", " x\r\nA: b\r\n\r\n", 12, 1, "?|A=b" },
	{ "space before colon", "A \t: b\r\n\r\n", 10, 1, "A=b" },
	{ "no colon", "A: b\r\nnonsense\r\nC: d\r\n\r\n", 24, 1,
	    "A=b|?|C=d" },
	{ "no colon, folded", "nonsense\r\n x: y\r\nC: d\r\n\r\n", 25, 1,
	    "?|C=d" },
	{ "space in the name", "From a@b Thu 10:00\r\nC: d\r\n\r\n", 28, 1,
	    "?|C=d" },
	{ "only a colon", ": b\r\n\r\n", 7, 1, "?" },
	{ "no value", "A:\r\nB:\r\n\r\n", 10, 1, "A=|B=" },
	{ "folded", "A: b\r\n\tc\r\n  d\r\nE: f\r\n\r\n", 23, 1,
	    "A=b\r\n\tc\r\n  d|E=f" },
	{ "folded with a line of blanks", "A: b\r\n \r\n c\r\n\r\n", 15, 1,
	    "A=b\r\n \r\n c" },
};

static const struct {
	const char	*name, *in;
	size_t		 n;
	const char	*want;
	int		 dirty;
} unfolds[] = {
	{ "plain", " abc ", 5, "abc", 0 },
	{ "folded", " a\r\n b\n\tc", 9, "a b\tc", 0 },
	{ "injection", " a\rBcc: x", 9, "a Bcc: x", 1 },
	{ "line end without space", "a\r\nBcc: x", 9, "a  Bcc: x", 1 },
	{ "NUL", "a\0b", 3, "a b", 1 },
	{ "blanks alone", " \r\n \r\n ", 7, "", 0 },
	{ "CR at the end", "a\r", 2, "a", 1 },
};

static const struct {
	const char	*names, *in, *want, *not;
} selects[] = {
	{ "from to", "To: a\r\nX: b\r\n c\r\nFrom: d\r\n\r\nTo: no",
	    "To: a\r\nFrom: d\r\n\r\n", "X: b\r\n c\r\n\r\n" },
	{ "x", "To: a\r\nX: b\r\n c\r\nFrom: d\r\n\r\n",
	    "X: b\r\n c\r\n\r\n", "To: a\r\nFrom: d\r\n\r\n" },
	{ "x", " first\r\nX : 1\r\njunk\r\nx: 2", "X : 1\r\nx: 2",
	    " first\r\njunk\r\n" },
	{ "to", "", "", "" },
	{ "to", "\r\n", "\r\n", "\r\n" },
	{ "to", "T", "", "T" },
	{ "tox", "to: b\n\r\nq", "\r\n", "to: b\n\r\n" },
	{ "", "a: b\n\n", "\n", "a: b\n\n" },
};

static void
test_blocks(void)
{
	struct header_field	 f;
	struct buf		 b = { 0 }, raw = { 0 };
	struct span		 left;
	size_t			 i, n;
	int			 complete;

	for (i = 0; i < nitems(blocks); i++) {
		n = header_length(span_str(blocks[i].in), &complete);
		CHECK(n == blocks[i].n && complete == blocks[i].complete,
		    "%s: %zu octets, %d", blocks[i].name, n, complete);
		buf_reset(&b);
		buf_reset(&raw);
		for (left = span_of(blocks[i].in, n); header_next(&left, &f);) {
			if (b.n > 0)
				buf_addc(&b, '|');
			if (f.name.n == 0)
				buf_addc(&b, '?');
			else {
				buf_add_span(&b, f.name);
				buf_addc(&b, '=');
				buf_add_span(&b, span_trim(f.value));
			}
			buf_add_span(&raw, f.raw);
		}
		CHECK(span_eqs(span_buf(&b), blocks[i].fields),
		    "%s: fields", blocks[i].name);
		buf_add_span(&raw, left);
		CHECK(span_eq(span_buf(&raw), span_of(blocks[i].in, n)),
		    "%s: raws are the header", blocks[i].name);
	}
	buf_free(&b);
	buf_free(&raw);
}

static void
test_unfold(void)
{
	struct buf	 b = { 0 };
	size_t		 i;

	for (i = 0; i < nitems(unfolds); i++) {
		struct span	 s = span_of(unfolds[i].in, unfolds[i].n);

		buf_reset(&b);
		header_unfold(&b, s);
		CHECK(span_eqs(span_buf(&b), unfolds[i].want),
		    "unfold %s: \"%s\"", unfolds[i].name, buf_cstr(&b));
		CHECK(header_dirty(s) == unfolds[i].dirty, "%s: dirty",
		    unfolds[i].name);
	}
	buf_free(&b);
}

/* At once, and octet by octet. */
static void
test_select(void)
{
	struct header_selector	 sel;
	struct span		 names[8], left;
	struct buf		 b = { 0 };
	size_t			 i, k, n;
	int			 not, bytes;

	for (i = 0; i < nitems(selects); i++) {
		left = span_str(selects[i].names);
		for (n = 0; left.n > 0; n++)
			(void)span_split(&left, ' ', &names[n]);
		for (not = 0; not < 2; not++)
			for (bytes = 0; bytes < 2; bytes++) {
				left = span_str(selects[i].in);
				buf_reset(&b);
				if (!bytes)
					header_select(&b, left, names, n, not);
				else {
					header_selector_start(&sel, names, n,
					    not);
					for (k = 0; k < left.n; k++)
						header_selector_feed(&sel, &b,
						    span_of(left.p + k, 1));
					header_selector_end(&sel, &b);
				}
				CHECK(span_eqs(span_buf(&b), not ?
				    selects[i].not : selects[i].want),
				    "select %zu not %d bytes %d", i, not,
				    bytes);
			}
	}
	buf_free(&b);
}

/* Names about as long as they count: the same however they come. */
static void
test_select_long(void)
{
	struct header_selector	 sel;
	struct buf		 in = { 0 }, whole = { 0 }, bytes = { 0 };
	struct span		 name;
	size_t			 i, n;

	for (n = HEADER_NAME_MAX - 1; n <= HEADER_NAME_MAX + 2; n++) {
		buf_reset(&in);
		buf_reset(&whole);
		buf_reset(&bytes);
		for (i = 0; i < n; i++)
			(void)buf_addc(&in, 'n');
		(void)buf_adds(&in, ": x\r\n\ty\r\n\r\n");
		name = span_of(in.p, n);
		header_select(&whole, span_buf(&in), &name, 1, 0);
		header_selector_start(&sel, &name, 1, 0);
		for (i = 0; i < in.n; i++)
			header_selector_feed(&sel, &bytes,
			    span_of(in.p + i, 1));
		header_selector_end(&sel, &bytes);
		CHECK(whole.n == (n <= HEADER_NAME_MAX ? in.n : 2) &&
		    span_eq(span_buf(&whole), span_buf(&bytes)),
		    "a name of %zu octets: %zu and %zu", n, whole.n, bytes.n);
	}
	buf_free(&in);
	buf_free(&whole);
	buf_free(&bytes);
}

static void
test_names(void)
{
	struct header_facts	 facts;
	struct header_field	 f;
	enum header_id		 id;
	struct span		 h;
	char			 lower[64];
	size_t			 i;

	for (id = HDR_DATE; id < HDR_COUNT; id++) {
		snprintf(lower, sizeof(lower), "%s", header_id_name(id));
		for (i = 0; lower[i] != '\0'; i++)
			if (lower[i] >= 'A' && lower[i] <= 'Z')
				lower[i] += 32;
		CHECK(header_id(span_str(header_id_name(id))) == id &&
		    header_id(span_str(lower)) == id, "%s", lower);
		lower[0] = '#';
		CHECK(header_id(span_str(lower)) == HDR_OTHER, "%s", lower);
	}
	CHECK(header_id(span_str("")) == HDR_OTHER, "no name");
	h = span_str("to: a\r\nTo: b\r\nX: c\r\nTO : d\r\nnone\r\n\r\nTo: e");
	header_facts(h, &facts);
	CHECK(facts.count[HDR_TO] == 3 && facts.fields == 4 &&
	    facts.broken == 1 && span_eqs(facts.value[HDR_TO], " a") &&
	    facts.value[HDR_CC].p == NULL, "facts");
	CHECK(header_count(h, "tO") == 3 && header_find(h, "to", 2, &f) &&
	    span_eqs(f.value, " d") && !header_find(h, "to", 3, &f),
	    "find, count");
}

int
main(void)
{
	test_blocks();
	test_unfold();
	test_select();
	test_select_long();
	test_names();
	return (test_done());
}
