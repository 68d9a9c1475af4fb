/*
 * Addresses in canonical form: what is the same address, and what is none.
 */
#include "authd/auth_address.h"
#include "test.h"

static struct conf_domain	 domains[] = {
	{ .name = "plain.example", .separators = "+" },
	{ .name = "exact.example", .separators = "+", .case_sensitive = 1 },
	{ .name = "many.example", .separators = "+-" },
	{ .name = "none.example", .separators = "" },
	{ .name = "xn--bcher-kva.example", .separators = "+" },
};

static const struct {
	const char	*name, *in, *want;	/* NULL: no address */
	int		 ours, flags;
} cases[] = {
	{ "plain", "user@plain.example", "user@plain.example", 1, 0 },
	{ "upper case", "USER@PLAIN.EXAMPLE", "user@plain.example", 1, 0 },
	{ "case counts", "User@Exact.example", "User@exact.example", 1, 0 },
	{ "foreign: as it is", "User@Elsewhere.example",
	  "User@elsewhere.example", 0, 0 },
	{ "separator", "user+lists@plain.example", "user@plain.example", 1, 0 },
	{ "separator twice", "a+b+c@plain.example", "a@plain.example", 1, 0 },
	{ "two separators", "a-b+c@many.example", "a@many.example", 1, 0 },
	{ "the other order", "a+b-c@many.example", "a@many.example", 1, 0 },
	{ "no separator there", "a+b@none.example", "a+b@none.example", 1, 0 },
	{ "nothing before it", "+x@plain.example", "@plain.example", 1, 0 },
	{ "not at a foreign domain", "a+b@elsewhere.example",
	  "a+b@elsewhere.example", 0, 0 },
	{ "quoted", "\"user\"@plain.example", "user@plain.example", 1, 0 },
	{ "quoted pair", "\"u\\ser\"@plain.example", "user@plain.example",
	  1, 0 },
	{ "quoted space", "\"a b\"@plain.example", "a b@plain.example", 1, 0 },
	{ "quoted at", "\"a@b\"@plain.example", "a@b@plain.example", 1, 0 },
	{ "U-label", "user@b\303\274cher.example",
	  "user@xn--bcher-kva.example", 1, 0 },
	{ "U-label, upper case", "user@B\303\234CHER.example",
	  "user@xn--bcher-kva.example", 1, 0 },
	{ "U-label, decomposed", "user@bu\314\210cher.example",
	  "user@xn--bcher-kva.example", 1, 0 },
	{ "A-label, upper case", "user@XN--BCHER-KVA.EXAMPLE",
	  "user@xn--bcher-kva.example", 1, 0 },
	{ "NFC", "bu\314\210cher@plain.example",
	  "b\303\274cher@plain.example", 1, 0 },
	{ "NFC and lower case", "BU\314\210CHER@plain.example",
	  "b\303\274cher@plain.example", 1, 0 },
	{ "NFC, case counts", "BU\314\210@exact.example",
	  "B\303\234@exact.example", 1, 0 },
	{ "ohm is omega", "\342\204\246@plain.example",
	  "\317\211@plain.example", 1, 0 },
	{ "omicron is not o", "\316\277@plain.example",
	  "\316\277@plain.example", 1, 0 },
	{ "postmaster, any case", "PostMaster@exact.example",
	  "postmaster@exact.example", 1, 0 },
	{ "postmaster alone", "Postmaster", "postmaster", 0, 0 },
	{ "catch-all", "@plain.example", "@plain.example", 1,
	  CANON_CATCHALL },
	{ "catch-all not here", "@plain.example", NULL, 0, 0 },
	{ "no domain", "user", NULL, 0, 0 },
	{ "nothing", "", NULL, 0, 0 },
	{ "only an at", "@", NULL, 0, 0 },
	{ "domain missing", "user@", NULL, 0, 0 },
	{ "space", "a b@plain.example", NULL, 0, 0 },
	{ "control", "a\001@plain.example", NULL, 0, 0 },
	{ "quoted control", "\"a\001\"@plain.example", NULL, 0, 0 },
	{ "quote open", "\"a@plain.example", NULL, 0, 0 },
	{ "quote within", "a\"b@plain.example", NULL, 0, 0 },
	{ "backslash at the end", "\"a\\\"@plain.example", NULL, 0, 0 },
	{ "not UTF-8", "a\377@plain.example", NULL, 0, 0 },
	{ "overlong UTF-8", "a\300\257@plain.example", NULL, 0, 0 },
	{ "false A-label", "user@xn--a\303\274.example", NULL, 0, 0 },
};

static void
lengths(void)
{
	struct canon	 c;
	struct buf	 b = { 0 };
	int		 i;

	for (i = 0; i < CANON_LOCAL; i++)
		buf_addc(&b, 'a');
	buf_adds(&b, "@plain.example");
	CHECK(canon_address(span_buf(&b), 0, &c) == 0 && c.n == b.n &&
	    c.nlocal == CANON_LOCAL, "the longest local part");
	buf_reset(&b);
	for (i = 0; i <= CANON_LOCAL; i++)
		buf_addc(&b, 'a');
	buf_adds(&b, "@plain.example");
	CHECK(canon_address(span_buf(&b), 0, &c) == -1, "one octet more");
	/* U+0130 in lower case is longer */
	buf_reset(&b);
	for (i = 0; i < CANON_LOCAL / 2; i++)
		buf_adds(&b, "\304\260");
	buf_adds(&b, "@plain.example");
	CHECK(canon_address(span_buf(&b), 0, &c) == -1,
	    "one that grows in lower case");
	buf_reset(&b);
	buf_adds(&b, "a@");
	for (i = 0; i < 300; i++)
		buf_addc(&b, 'a');
	CHECK(canon_address(span_buf(&b), 0, &c) == -1, "a domain too long");
	CHECK(canon_address(span_of("a\0b@plain.example", 17), 0, &c) == -1,
	    "a NUL in the local part");
	CHECK(canon_address(span_of("a@plain\0.example", 16), 0, &c) == -1,
	    "a NUL in the domain");
	buf_free(&b);
}

int
main(void)
{
	struct conf	 conf = { .hostname = "mail.example" };
	struct canon	 c;
	struct buf	 b = { 0 };
	size_t		 i;
	int		 rc;

	conf.domains.v = domains;
	conf.domains.n = nitems(domains);
	if (canon_conf(&conf) == -1)
		return (1);
	for (i = 0; i < nitems(cases); i++) {
		rc = canon_address(span_str(cases[i].in), cases[i].flags, &c);
		if (cases[i].want == NULL)
			CHECK(rc == -1, "%s: refused", cases[i].name);
		else
			CHECK(rc == 0 && strcmp(c.text, cases[i].want) == 0 &&
			    c.n == strlen(cases[i].want) &&
			    (c.domain != NULL) == cases[i].ours,
			    "%s: %s", cases[i].name, rc == 0 ? c.text : "-");
	}
	lengths();
	CHECK(canon_address(span_str("postmaster@Mail.example"), 0, &c) == 0 &&
	    c.host && c.postmaster, "postmaster of this host");
	(void)canon_address(span_str("\"a b\"@plain.example"), 0, &c);
	canon_write(&b, &c);
	CHECK(span_eqs(span_buf(&b), "\"a b\"@plain.example"),
	    "quoted again where it must be");
	buf_free(&b);
	conf.domains.n = 0;
	CHECK(canon_conf(&conf) == 0 && canon_address(span_str(
	    "user@plain.example"), 0, &c) == 0 && c.domain == NULL,
	    "no domains any more");
	return (test_done());
}
