/* Passwords and names: RFC 8265, hardcases F30, behaviour part 2. */
#include <uninorm.h>
#include <unistr.h>

#include "precis.h"
#include "test.h"

#define S(s)	{ (const uint8_t *)(s), sizeof(s) - 1 }

static const struct {
	const char	*name;
	struct span	 in;
	const char	*want;		/* NULL: refused with rc */
	enum precis	 rc;
} passwords[] = {
	{ "ASCII", S("correct horse"), "correct horse", PRECIS_OK },
	{ "spaces stay", S(" a  b "), " a  b ", PRECIS_OK },
	{ "one character", S("x"), "x", PRECIS_OK },
	{ "case stays", S("\xc3\x85pfel"), "\xc3\x85pfel", PRECIS_OK },
	{ "RFC 8265 example 2", S("Correct Horse Battery Staple"),
	    "Correct Horse Battery Staple", PRECIS_OK },
	{ "RFC 8265 example 3", S("\xcf\x80\xc3\x9f\xc3\xa5"),
	    "\xcf\x80\xc3\x9f\xc3\xa5", PRECIS_OK },
	{ "RFC 8265 example 4", S("Jack of \xe2\x99\xa6s"),
	    "Jack of \xe2\x99\xa6s", PRECIS_OK },
	{ "RFC 8265 example 5, ogham space", S("foo\xe1\x9a\x80" "bar"),
	    "foo bar", PRECIS_OK },
	{ "RFC 8265 example 6, empty", S(""), NULL, PRECIS_EMPTY },
	{ "RFC 8265 example 7, tab", S("my cat is a \tby"), NULL,
	    PRECIS_DISALLOWED },
	{ "no-break space", S("a\xc2\xa0z"), "a z", PRECIS_OK },
	{ "ideographic space", S("a\xe3\x80\x80z"), "a z", PRECIS_OK },
	{ "hair space", S("a\xe2\x80\x8az"), "a z", PRECIS_OK },
	{ "A with ring, decomposed", S("A\xcc\x8a"), "\xc3\x85", PRECIS_OK },
	{ "angstrom sign", S("\xe2\x84\xab"), "\xc3\x85", PRECIS_OK },
	{ "ohm sign", S("\xe2\x84\xa6"), "\xce\xa9", PRECIS_OK },
	{ "full width stays", S("\xef\xbc\xa1"), "\xef\xbc\xa1", PRECIS_OK },
	{ "ligature stays", S("\xef\xac\x81"), "\xef\xac\x81", PRECIS_OK },
	{ "marks reordered", S("q\xcc\x87\xcc\xa3"), "q\xcc\xa3\xcc\x87",
	    PRECIS_OK },
	{ "two marks joined", S("s\xcc\x87\xcc\xa3"), "\xe1\xb9\xa9",
	    PRECIS_OK },
	{ "hangul from jamo", S("\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab"),
	    "\xed\x95\x9c", PRECIS_OK },
	{ "jamo alone", S("\xe1\x84\x92"), NULL, PRECIS_DISALLOWED },
	{ "composition exclusion", S("\xe0\xa5\x98"),
	    "\xe0\xa4\x95\xe0\xa4\xbc", PRECIS_OK },
	{ "emoji", S("\xf0\x9f\x90\x88"), "\xf0\x9f\x90\x88", PRECIS_OK },
	{ "NUL", S("a\0b"), NULL, PRECIS_DISALLOWED },
	{ "DEL", S("a\x7f"), NULL, PRECIS_DISALLOWED },
	{ "C1 control", S("a\xc2\x85"), NULL, PRECIS_DISALLOWED },
	{ "newline", S("a\n"), NULL, PRECIS_DISALLOWED },
	{ "soft hyphen", S("a\xc2\xad"), NULL, PRECIS_DISALLOWED },
	{ "zero width space", S("a\xe2\x80\x8b"), NULL, PRECIS_DISALLOWED },
	{ "byte order mark", S("\xef\xbb\xbf" "a"), NULL, PRECIS_DISALLOWED },
	{ "variation selector", S("\xe2\x99\xa6\xef\xb8\x8f"), NULL,
	    PRECIS_DISALLOWED },
	{ "unassigned", S("\xcd\xb8"), NULL, PRECIS_DISALLOWED },
	{ "noncharacter", S("\xef\xbf\xbf"), NULL, PRECIS_DISALLOWED },
	{ "private use", S("\xee\x80\x80"), NULL, PRECIS_DISALLOWED },
	{ "line separator", S("\xe2\x80\xa8"), NULL, PRECIS_DISALLOWED },
	{ "tatweel", S("\xd9\x80"), NULL, PRECIS_DISALLOWED },
	{ "ZWJ alone", S("a\xe2\x80\x8d" "b"), NULL, PRECIS_CONTEXT },
	{ "ZWJ behind virama", S("\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d"),
	    "\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d", PRECIS_OK },
	{ "ZWNJ alone", S("a\xe2\x80\x8c" "b"), NULL, PRECIS_CONTEXT },
	{ "ZWNJ at the end", S("\xd8\xa8\xe2\x80\x8c"), NULL,
	    PRECIS_CONTEXT },
	{ "ZWNJ between joining letters", S("\xd8\xa8\xe2\x80\x8c\xd8\xa8"),
	    "\xd8\xa8\xe2\x80\x8c\xd8\xa8", PRECIS_OK },
	{ "ela geminada", S("col\xc2\xb7la"), "col\xc2\xb7la", PRECIS_OK },
	{ "middle dot", S("a\xc2\xb7" "b"), NULL, PRECIS_CONTEXT },
	{ "middle dot at the start", S("\xc2\xb7l"), NULL, PRECIS_CONTEXT },
	{ "Greek keraia", S("\xcd\xb5\xce\xb1"), "\xcd\xb5\xce\xb1",
	    PRECIS_OK },
	{ "Greek keraia alone", S("\xcd\xb5"), NULL, PRECIS_CONTEXT },
	{ "geresh", S("\xd7\x90\xd7\xb3"), "\xd7\x90\xd7\xb3", PRECIS_OK },
	{ "geresh first", S("\xd7\xb3\xd7\x90"), NULL, PRECIS_CONTEXT },
	{ "katakana dot", S("\xe3\x82\xa2\xe3\x83\xbb"),
	    "\xe3\x82\xa2\xe3\x83\xbb", PRECIS_OK },
	{ "katakana dot alone", S("a\xe3\x83\xbb"), NULL, PRECIS_CONTEXT },
	{ "Arabic digits", S("\xd9\xa0\xd9\xa1"), "\xd9\xa0\xd9\xa1",
	    PRECIS_OK },
	{ "Arabic digits mixed", S("\xd9\xa0\xdb\xb1"), NULL,
	    PRECIS_CONTEXT },
	{ "Latin-1", S("caf\xe9"), NULL, PRECIS_UTF8 },
	{ "overlong", S("\xc0\xaf"), NULL, PRECIS_UTF8 },
	{ "surrogate", S("\xed\xa0\x80"), NULL, PRECIS_UTF8 },
	{ "cut sequence", S("a\xe2\x99"), NULL, PRECIS_UTF8 },
	{ "beyond Unicode", S("\xf4\x90\x80\x80"), NULL, PRECIS_UTF8 },
};

static const struct {
	const char	*name;
	struct span	 in;
	const char	*want;
	enum precis	 rc;		/* of precis_name() */
	enum precis	 check;		/* of precis_name_check() */
} names[] = {
	{ "ASCII", S("bob@example.org"), "bob@example.org", PRECIS_OK,
	    PRECIS_OK },
	{ "precomposed", S("\xc3\xa9@example.org"), "\xc3\xa9@example.org",
	    PRECIS_OK, PRECIS_OK },
	{ "decomposed", S("e\xcc\x81@example.org"), "\xc3\xa9@example.org",
	    PRECIS_OK, PRECIS_NOT_NFC },
	{ "ohm is omega", S("\xe2\x84\xa6@x"), "\xce\xa9@x", PRECIS_OK,
	    PRECIS_NOT_NFC },
	{ "omicron is not o", S("b\xce\xbf" "b@x"), "b\xce\xbf" "b@x",
	    PRECIS_OK, PRECIS_OK },
	{ "no compatibility folding", S("\xef\xac\x81@x"), "\xef\xac\x81@x",
	    PRECIS_OK, PRECIS_OK },
	{ "empty", S(""), NULL, PRECIS_EMPTY, PRECIS_EMPTY },
	{ "NUL", S("a\0b"), NULL, PRECIS_DISALLOWED, PRECIS_DISALLOWED },
	{ "tab", S("a\tb"), NULL, PRECIS_DISALLOWED, PRECIS_DISALLOWED },
	{ "C1", S("a\xc2\x80" "b"), NULL, PRECIS_DISALLOWED,
	    PRECIS_DISALLOWED },
	{ "Latin-1", S("\xe9@x"), NULL, PRECIS_UTF8, PRECIS_UTF8 },
};

static void
test_passwords(void)
{
	struct buf	 b = { 0 };
	enum precis	 rc;
	size_t		 i;

	for (i = 0; i < nitems(passwords); i++) {
		buf_reset(&b);
		rc = precis_password(&b, passwords[i].in);
		CHECK(rc == passwords[i].rc && (passwords[i].want == NULL ?
		    b.n == 0 : span_eqs(span_buf(&b), passwords[i].want)),
		    "%s: %s", passwords[i].name, precis_text(rc));
	}
	buf_freezero(&b);
}

static void
test_names(void)
{
	struct buf	 b = { 0 };
	enum precis	 rc, check;
	size_t		 i;

	for (i = 0; i < nitems(names); i++) {
		buf_reset(&b);
		rc = precis_name(&b, names[i].in);
		check = precis_name_check(names[i].in);
		CHECK(rc == names[i].rc && check == names[i].check &&
		    (names[i].want == NULL ? b.n == 0 :
		    span_eqs(span_buf(&b), names[i].want)), "name, %s: %s, %s",
		    names[i].name, precis_text(rc), precis_text(check));
	}
	buf_freezero(&b);
}

/* At the bounds, before and after: U+0958 grows from 3 octets to 6. */
static void
test_lengths(void)
{
	static uint8_t	 in[PRECIS_PASSWORD_MAX + 3];
	struct buf	 b = { 0 };
	size_t		 i;

	memset(in, 'x', sizeof(in));
	CHECK(precis_password(&b, span_of(in, PRECIS_PASSWORD_MAX)) ==
	    PRECIS_OK && b.n == PRECIS_PASSWORD_MAX, "longest password");
	CHECK(precis_password(&b, span_of(in, PRECIS_PASSWORD_MAX + 1)) ==
	    PRECIS_LONG && b.n == PRECIS_PASSWORD_MAX, "too long");
	buf_reset(&b);
	CHECK(precis_name(&b, span_of(in, PRECIS_NAME_MAX)) == PRECIS_OK &&
	    precis_name_check(span_of(in, PRECIS_NAME_MAX)) == PRECIS_OK,
	    "longest name");
	CHECK(precis_name(&b, span_of(in, PRECIS_NAME_MAX + 1)) ==
	    PRECIS_LONG, "name too long");
	for (i = 0; i + 3 <= sizeof(in); i += 3)
		memcpy(in + i, "\xe0\xa5\x98", 3);
	buf_reset(&b);
	CHECK(precis_password(&b, span_of(in, 510)) == PRECIS_OK &&
	    b.n == 1020, "grown, %zu octets", b.n);
	buf_reset(&b);
	CHECK(precis_password(&b, span_of(in, 513)) == PRECIS_LONG &&
	    b.n == 0, "too long when grown");
	buf_freezero(&b);
}

/* One string of three code points as libunistring has it. */
static int
nfc_agrees(uint32_t a, uint32_t b, uint32_t c)
{
	static struct buf	 out;
	uint32_t		 in[3] = { a, b, c }, want[64];
	uint8_t			 in8[16], want8[256];
	size_t			 n = nitems(want), n8 = sizeof(in8);
	size_t			 w8 = sizeof(want8);

	buf_reset(&out);
	return (u32_normalize(UNINORM_NFC, in, 3, want, &n) == want &&
	    u32_to_u8(in, 3, in8, &n8) == in8 &&
	    u32_to_u8(want, n, want8, &w8) == want8 &&
	    precis_name(&out, span_of(in8, n8)) == PRECIS_OK &&
	    span_eq(span_buf(&out), span_of(want8, w8)));
}

/* Every code point alone, with a mark, as a mark, with a jamo. */
static void
test_nfc(void)
{
	uint32_t	 c, bad = 0;

	for (c = 0xa0; c < 0x30000 && bad == 0; c++) {
		if (c >= 0xd800 && c < 0xe000)
			continue;
		if (!nfc_agrees(c, 'z', 'z') || !nfc_agrees(c, 0x301, 0x323) ||
		    !nfc_agrees('e', 0x323, c) || !nfc_agrees(0x1112, c, 0x11ab))
			bad = c;
	}
	CHECK(bad == 0, "NFC as libunistring's (U+%04X)", bad);
}

int
main(void)
{
	test_passwords();
	test_names();
	test_lengths();
	test_nfc();
	return (test_done());
}
