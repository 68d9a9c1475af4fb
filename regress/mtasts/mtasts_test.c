/*
 * MTA-STS, RFC 8461: records, policies, patterns, as tables.
 */
#include <stdlib.h>
#include <string.h>

#include "mtasts.h"
#include "test.h"

static const struct {
	const char	*name, *txt[3], *id;	/* NULL: there is no policy */
} records[] = {
	{ "plain", { "v=STSv1; id=20160831085700Z;" }, "20160831085700Z" },
	{ "no end", { "v=STSv1;id=1" }, "1" },
	{ "blanks", { "v=STSv1 ; \t id=1 ; " }, "1" },
	{ "an extension", { "v=STSv1; x=y; id=1; z=" }, "1" },
	{ "others beside", { "v=spf1 -all", "v=STSv1; id=1" }, "1" },
	{ "two of them", { "v=STSv1; id=1", "v=STSv1; id=2" }, NULL },
	{ "one of two is broken", { "v=STSv1; id=1", "v=STSv1;" }, NULL },
	{ "others of nearly that version", { "v=STSv10; id=2", "v=STSv1",
	    "v=STSv1; id=1" }, "1" },
	{ "a blank in front", { " v=STSv1; id=1" }, NULL },
	{ "the version alone", { "v=STSv1" }, NULL },
	{ "another version", { "v=STSv2; id=1" }, NULL },
	{ "a longer version", { "v=STSv10; id=1" }, NULL },
	{ "version in small letters", { "v=stsv1; id=1" }, NULL },
	{ "version not first", { "id=1; v=STSv1" }, NULL },
	{ "no id", { "v=STSv1;" }, NULL },
	{ "an empty id", { "v=STSv1; id=;" }, NULL },
	{ "an id of 32", { "v=STSv1; id=01234567890123456789012345678901" },
	    "01234567890123456789012345678901" },
	{ "an id of 33", { "v=STSv1; id=012345678901234567890123456789012" },
	    NULL },
	{ "not of letters and digits", { "v=STSv1; id=1-2" }, NULL },
	{ "two ids", { "v=STSv1; id=1; id=2" }, NULL },
	{ "no field", { "v=STSv1; id=1; x" }, NULL },
	{ "nothing", { NULL }, NULL },
};

#define GOOD	"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 86400\n"

static const struct {
	const char	*name, *text, *why;	/* NULL: it is good */
	enum mtasts_mode mode;
	uint32_t	 age;
	size_t		 nmx;
} policies[] = {
	{ "good", GOOD, NULL, MTASTS_ENFORCE, 86400, 1 },
	{ "CRLF, no line end at the end", "version: STSv1\r\nmode: testing\r\n"
	    "mx: *.example.com\r\nmx: b\r\nmax_age: 1", NULL, MTASTS_TESTING,
	    1, 2 },
	{ "none needs no mx", "version: STSv1\nmode: none\nmax_age: 0\n", NULL,
	    MTASTS_NONE, 0, 0 },
	{ "any order, blanks, empty lines", "\n max_age :  5 \n\nmx:\tx.y\n"
	    "mode:enforce\nversion:STSv1\n", NULL, MTASTS_ENFORCE, 5, 1 },
	{ "keys of others", GOOD "foo: bar\n", NULL, MTASTS_ENFORCE, 86400, 1 },
	{ "the first counts", GOOD "mode: none\nmax_age: x\n", NULL,
	    MTASTS_ENFORCE, 86400, 1 },
	{ "for ever is a year", "version: STSv1\nmode: none\n"
	    "max_age: 9999999999\n", NULL, MTASTS_NONE, MTASTS_AGE, 0 },
	{ "version", "version: STSv2\nmode: none\nmax_age: 0\n",
	    "line 1: another version", 0, 0, 0 },
	{ "mode", "version: STSv1\nmode: Enforce\n", "line 2: an unknown mode",
	    0, 0, 0 },
	{ "age", "version: STSv1\nmode: none\nmax_age: -1\n",
	    "line 3: max_age", 0, 0, 0 },
	{ "age of many digits", "max_age: 00000000001\n", "line 1: max_age",
	    0, 0, 0 },
	{ "without mode", "version: STSv1\nmax_age: 0\n", "without mode",
	    0, 0, 0 },
	{ "without age", "version: STSv1\nmode: none\n", "without max_age",
	    0, 0, 0 },
	{ "without version", "mode: none\nmax_age: 0\n", "without version",
	    0, 0, 0 },
	{ "without mx", "version: STSv1\nmode: enforce\nmax_age: 0\n",
	    "without mx", 0, 0, 0 },
	{ "no text", "", "without version", 0, 0, 0 },
	{ "a page", "<html>\n", "line 1: no key", 0, 0, 0 },
	{ "mx", GOOD "mx: a b\n", "line 5: not a pattern", 0, 0, 0 },
	{ "a star inside", GOOD "mx: a.*.b\n", "line 5: not a pattern",
	    0, 0, 0 },
	{ "stars", GOOD "mx: *.*.b\n", "line 5: not a pattern", 0, 0, 0 },
	{ "a star alone", GOOD "mx: *\n", "line 5: not a pattern", 0, 0, 0 },
	{ "nothing of a mx", GOOD "mx:\n", "line 5: not a pattern", 0, 0, 0 },
	{ "an empty label", GOOD "mx: a..b\n", "line 5: not a pattern",
	    0, 0, 0 },
	{ "a dot at the end", GOOD "mx: a.b.\n", "line 5: not a pattern",
	    0, 0, 0 },
};

static const struct {
	const char	*mx, *host;
	int		 match;
} hosts[] = {
	{ "mail.example.com", "mail.example.com", 1 },
	{ "mail.example.com", "MAIL.Example.COM", 1 },
	{ "Mail.Example.com", "mail.example.com.", 1 },
	{ "mail.example.com", "xmail.example.com", 0 },
	{ "mail.example.com", "a.mail.example.com", 0 },
	{ "mail.example.com", "mail.example.co", 0 },
	{ "*.example.com", "mail.example.com", 1 },
	{ "*.example.com", "mail.example.com.", 1 },
	{ "*.example.com", "a.b.example.com", 0 },
	{ "*.example.com", "example.com", 0 },
	{ "*.example.com", ".example.com", 0 },
	{ "*.example.com", "mailexample.com", 0 },
	{ "*.com", "localhost", 0 },
	{ "a", "", 0 },
};

static void
bounds(void)
{
	struct mtasts_policy	 p;
	struct buf		 b = { 0 }, why = { 0 };
	size_t			 i;

	(void)buf_adds(&b, GOOD);
	for (i = 1; i < MTASTS_MX; i++)
		(void)buf_addf(&b, "mx: m%zu.example\n", i);
	CHECK(mtasts_parse(span_buf(&b), &p, &why) == 0 &&
	    p.nmx == MTASTS_MX, "as many mx as may be");
	(void)buf_adds(&b, "mx: one.more\n");
	CHECK(mtasts_parse(span_buf(&b), &p, &why) == -1, "one too many: %s",
	    buf_cstr(&why));
	buf_reset(&b);
	buf_reset(&why);
	(void)buf_adds(&b, GOOD);
	for (i = 0; i < MTASTS_LINES; i++)
		(void)buf_adds(&b, "x: y\n");
	CHECK(mtasts_parse(span_buf(&b), &p, &why) == -1, "lines: %s",
	    buf_cstr(&why));
	buf_reset(&b);
	buf_reset(&why);
	(void)buf_adds(&b, GOOD "x: ");
	for (i = 0; i < MTASTS_TEXT; i++)
		(void)buf_addc(&b, 'y');
	CHECK(mtasts_parse(span_buf(&b), &p, &why) == -1, "octets: %s",
	    buf_cstr(&why));
	buf_free(&b);
	buf_free(&why);
}

int
main(void)
{
	struct mtasts_policy	 p;
	struct span		 txt[3], id;
	struct buf		 why = { 0 }, text = { 0 };
	size_t			 i, n;
	int			 rc;

	for (i = 0; i < nitems(records); i++) {
		for (n = 0; n < 3 && records[i].txt[n] != NULL; n++)
			txt[n] = span_str(records[i].txt[n]);
		rc = mtasts_record(txt, n, &id);
		CHECK(records[i].id == NULL ? rc == 0 : rc == 1 &&
		    span_eqs(id, records[i].id), "record: %s",
		    records[i].name);
	}
	for (i = 0; i < nitems(policies); i++) {
		buf_reset(&why);
		rc = mtasts_parse(span_str(policies[i].text), &p, &why);
		if (policies[i].why != NULL)
			CHECK(rc == -1 && strncmp(buf_cstr(&why),
			    policies[i].why, strlen(policies[i].why)) == 0,
			    "policy: %s: %s", policies[i].name,
			    buf_cstr(&why));
		else
			CHECK(rc == 0 && p.mode == policies[i].mode &&
			    p.max_age == policies[i].age &&
			    p.nmx == policies[i].nmx, "policy: %s",
			    policies[i].name);
	}
	for (i = 0; i < nitems(hosts); i++) {
		buf_reset(&text);
		(void)buf_addf(&text, "version: STSv1\nmode: enforce\n"
		    "max_age: 1\nmx: %s\n", hosts[i].mx);
		CHECK(mtasts_parse(span_buf(&text), &p, &why) == 0 &&
		    mtasts_match(&p, hosts[i].host) == hosts[i].match,
		    "%s, %s", hosts[i].mx, hosts[i].host);
	}
	bounds();
	buf_free(&why);
	buf_free(&text);
	return (test_done());
}
