/* IMAP grammar: mailbox names, patterns, sets, FETCH, SEARCH, dates, flags. */
#include "imapd/parse/fetch.h"
#include "mboxname.h"
#include "mutf7.h"
#include "imapd/parse/search.h"
#include "imapd/parse/write.h"
#include "test.h"

static const struct name_case {
	const char	*name, *in, *want;	/* NULL: refused */
} names[] = {
	{ "plain",		"Archive/2026",	"Archive/2026" },
	{ "ampersand",		"A&-B",		"A&B" },
	{ "smiley",		"&Jjo-",	"\xe2\x98\xba" },
	{ "beyond the BMP",	"&2D3eAA-",	"\xf0\x9f\x98\x80" },
	{ "unterminated",	"&",		NULL },
	{ "ASCII encoded",	"&AGE-",	NULL },
	{ "no dash",		"&AGEA",	NULL },
	{ "adjacent shifts",	"&Jjo-&Jjo-",	NULL },
	{ "lone high half",	"&2AA-",	NULL },
	{ "lone low half",	"&3AA-",	NULL },
	{ "NUL",		"&AAA-",	NULL },
	{ "bits left over",	"&Jjp-",	NULL },
	{ "too few bits",	"&J-",		NULL },
	{ "a whole digit over",	"&JjoA-",	NULL },
	{ "plain base64 slash",	"&//8-",	NULL },
	{ "raw UTF-8",		"\xe2\x98\xba",	NULL },
	{ "control",		"a\tb",		NULL },
};

/* Forms of names, as they come in UTF-8. */
static const struct {
	const char	*in, *want;	/* NULL: refused */
	int		 may;		/* be of a mailbox of an account */
} forms[] = {
	{ "inbox",		"INBOX",		1 },
	{ "Inbox/Sub",		"INBOX/Sub",		1 },
	{ "INBOX/inbox",	"INBOX/inbox",		1 },
	{ "inboxes",		"inboxes",		1 },
	{ "a/inbox",		"a/inbox",		1 },
	{ "Entwu\xcc\x88rfe",	"Entw\xc3\xbcrfe",	1 },
	{ "Entw\xc3\xbcrfe",	"Entw\xc3\xbcrfe",	1 },
	{ "\xe2\x84\xab",	"\xc3\x85",		1 },
	{ "other users/a",	"other users/a",	1 },
	{ "Other Users2",	"Other Users2",		1 },
	{ "Other Users",	"Other Users",		0 },
	{ "Other Users/a",	"Other Users/a",	0 },
	{ "",			"",			0 },
	{ "inbox/",		"INBOX/",		0 },
	{ "/a",			"/a",			0 },
	{ "a//b",		"a//b",			0 },
	{ "50%",		"50%",			0 },
	{ "a*",			"a*",			0 },
	{ "Entw\xfcrfe",	NULL,			0 },
	{ "a\xed\xa0\x80",	NULL,			0 },
	{ "a\nb",		NULL,			0 },
	{ "\x7f",		NULL,			0 },
};

static const struct match_case {
	const char	*pattern, *name;
	int		 want;
} matches[] = {
	{ "*",		"a/b/c",	1 },
	{ "%",		"a/b",		0 },
	{ "%",		"ab",		1 },
	{ "%/%",	"a/b",		1 },
	{ "a%",		"a/b",		0 },
	{ "a*c",	"a/b/c",	1 },
	{ "",		"",		1 },
	{ "",		"a",		0 },
	{ "%%%%%*%b",	"aaaaaab",	1 },
	{ "INBOX",	"INBOX",	1 },
	{ "*x",		"abc",		0 },
};

static const struct set_case {
	const char	*in;
	uint32_t	 largest;
	const char	*want;		/* NULL: refused */
} sets[] = {
	{ "1",			9,	"1" },
	{ "3,1,2",		9,	"1:3" },
	{ "5:2",		9,	"2:5" },
	{ "*",			9,	"9" },
	{ "*:1",		9,	"1:9" },
	{ "7:*",		5,	"5:7" },
	{ "*",			0,	"" },
	{ "*:1",		0,	"1" },
	{ "1:4294967295",	9,	"1:4294967295" },
	{ "4294967295:*",	9,	"9:4294967295" },
	{ "0",			9,	NULL },
	{ "1:0",		9,	NULL },
	{ "4294967296",		9,	NULL },
	{ "",			9,	NULL },
	{ ",1",			9,	NULL },
	{ "1,",			9,	NULL },
};

static const struct fetch_case {
	const char	*in, *want;	/* items in hex, then the sections */
} fetches[] = {
	{ "ALL",			"1e" },
	{ "FULL",			"3e" },
	{ "(FLAGS uid)",		"3" },
	{ "(ALL)",			NULL },
	{ "BODY",			"20" },
	{ "BODY[]",			"0 BODY[]!" },
	{ "BODY.PEEK[]",		"0 BODY[]" },
	{ "BODY.PEEK",			NULL },
	{ "RFC822",			"0 RFC822!" },
	{ "RFC822.HEADER",		"0 RFC822.HEADER" },
	{ "BODY[1.2.MIME]",		"0 BODY[1.2.MIME]!" },
	{ "BODY[MIME]",			NULL },
	{ "BODY[1.]",			NULL },
	{ "BODY[0]",			NULL },
	{ "BODY[1TEXT]",		NULL },
	{ "BODY[]<0.0>",		NULL },
	{ "BODY[]<5.10>",		"0 BODY[]<5>!" },
	{ "BODY[]<4294967295.4294967295>", "0 BODY[]<4294967295>!" },
	{ "BODY[]<99999999999999999999.1>", NULL },
	{ "body.peek[header.fields (from {2}\r\nto)]",
	    "0 BODY[HEADER.FIELDS (from to)]" },
	{ "BODY[HEADER.FIELDS (\"a b\")]", "0 BODY[HEADER.FIELDS (\"a b\")]!" },
	{ "BODY[HEADER.FIELDS ()]",	NULL },
	{ "()",				NULL },
	{ "(UID",			NULL },
	{ "(UID) x",			NULL },
};

static const struct search_case {
	const char	*in;
	int		 nodes;		/* 0: refused */
} searches[] = {
	{ "ALL",				2 },
	{ "UNSEEN SINCE 1-Jan-2026",		3 },
	{ "OR (SEEN FLAGGED) NOT DELETED",	7 },
	{ "CHARSET UTF-8 SUBJECT {2}\r\n\xc3\xa9", 2 },
	{ "HEADER Message-ID \"<x@y>\"",	2 },
	{ "1:* UID 5",				3 },
	{ "UIDAFTER 5 UIDBEFORE 9",		3 },
	{ "UIDAFTER 4294967295",		2 },
	{ "UIDBEFORE 1",			2 },
	{ "UIDAFTER 0",				0 },
	{ "UIDBEFORE 1:2",			0 },
	{ "UIDAFTER 4294967296",		0 },
	{ "MODSEQ \"/flags/\\\\draft\" all 620162338", 2 },
	{ "MODSEQ 7",				2 },
	{ "KEYWORD $Junk",			2 },
	{ "KEYWORD \\Seen",			0 },
	{ "OR SEEN",				0 },
	{ "NOT",				0 },
	{ "(SEEN",				0 },
	{ "SINCE 31-Feb-2026",			0 },
	{ "LARGER -1",				0 },
	{ "LARGER 9223372036854775807",		2 },
	{ "LARGER 9223372036854775808",		0 },
	{ "OLDER 4294967296",			0 },
	{ "FOO",				0 },
	{ "",					0 },
	{ "ALL ",				0 },
};

static void
test_names(void)
{
	const struct name_case	*c;
	struct buf		 b = { 0 }, e = { 0 };
	size_t			 i;
	int			 rc;

	for (i = 0; i < nitems(names); i++) {
		c = &names[i];
		buf_reset(&b);
		buf_reset(&e);
		rc = mutf7_decode(&b, span_str(c->in));
		CHECK((rc == 0) == (c->want != NULL) && (rc == -1 ||
		    (span_eqs(span_buf(&b), c->want) &&
		    mutf7_encode(&e, span_buf(&b)) == 0 &&
		    span_eqs(span_buf(&e), c->in))), "name: %s", c->name);
	}
	for (i = 0; i < nitems(matches); i++)
		CHECK(list_match(span_str(matches[i].pattern),
		    span_str(matches[i].name), '/') == matches[i].want,
		    "\"%s\" against \"%s\"", matches[i].pattern,
		    matches[i].name);
	buf_free(&b);
	buf_free(&e);
}

static void
test_forms(void)
{
	struct buf	 b = { 0 }, own = { 0 };
	size_t		 i;
	int		 rc;

	for (i = 0; i < nitems(forms); i++) {
		buf_reset(&b);
		buf_reset(&own);
		(void)buf_adds(&own, "Own");	/* it is appended */
		rc = mailbox_normal(&b, span_str(forms[i].in));
		CHECK((rc == 0) == (forms[i].want != NULL) && (rc == -1 ||
		    span_eqs(span_buf(&b), forms[i].want)),
		    "form of a name, %zu: %s", i, buf_cstr(&b));
		rc = mailbox_own_name(&own, span_str(forms[i].in));
		CHECK((rc == 0) == forms[i].may && (rc == -1 ||
		    span_eqs(span_of(own.p + 3, own.n - 3), forms[i].want)),
		    "name of a mailbox, %zu: %s", i, buf_cstr(&own));
	}
	buf_free(&b);
	buf_free(&own);
}

static void
test_sets(void)
{
	const struct set_case	*c;
	struct seqset		 s;
	struct cursor		 cur;
	struct buf		 b = { 0 }, scratch = { 0 };
	size_t			 i;
	int			 rc;

	for (i = 0; i < nitems(sets); i++) {
		c = &sets[i];
		buf_reset(&b);
		cursor_init_span(&cur, span_str(c->in), &scratch);
		if ((rc = cur_seqset(&cur, &s)) == 0 &&
		    (rc = cur_end(&cur)) == 0) {
			seqset_resolve(&s, c->largest);
			seqset_write(&b, &s);
		}
		CHECK((rc == 0) == (c->want != NULL) && (rc == -1 ||
		    span_eqs(span_buf(&b), c->want)), "set \"%s\" of %u",
		    c->in, c->largest);
		seqset_free(&s);
	}
	buf_free(&b);
	buf_free(&scratch);
}

static void
test_fetch(void)
{
	const struct fetch_case	*c;
	struct fetch_items	 f;
	struct cursor		 cur;
	struct buf		 b = { 0 }, scratch = { 0 };
	size_t			 i, k;
	int			 rc;

	for (i = 0; i < nitems(fetches); i++) {
		c = &fetches[i];
		buf_reset(&b);
		cursor_init_span(&cur, span_str(c->in), &scratch);
		if ((rc = cur_fetch(&cur, &f)) == 0) {
			buf_addf(&b, "%x", f.what);
			for (k = 0; k < f.nsections; k++) {
				buf_addc(&b, ' ');
				section_write(&b, &f.sections[k]);
				if (!f.sections[k].peek)
					buf_addc(&b, '!');
			}
			rc = cur_end(&cur);
		}
		if (!CHECK((rc == 0) == (c->want != NULL) && (rc == -1 ||
		    span_eqs(span_buf(&b), c->want)), "FETCH, case %zu", i))
			printf("# %s\n", buf_cstr(&b));
		fetch_free(&f);
	}
	buf_free(&b);
	buf_free(&scratch);
}

static void
test_search(void)
{
	struct search	 s;
	struct cursor	 cur;
	struct buf	 deep = { 0 }, scratch = { 0 };
	size_t		 i;
	int		 rc;

	for (i = 0; i < nitems(searches); i++) {
		cursor_init_span(&cur, span_str(searches[i].in), &scratch);
		if ((rc = cur_search(&cur, &s)) == 0)
			rc = cur_end(&cur);
		CHECK(searches[i].nodes == 0 ? rc == -1 : rc == 0 &&
		    s.n == (size_t)searches[i].nodes, "SEARCH, case %zu", i);

		search_free(&s);
	}
	for (i = 0; i < 10000; i++)
		buf_adds(&deep, "NOT ");
	buf_adds(&deep, "ALL");
	cursor_init_span(&cur, span_buf(&deep), &scratch);
	CHECK(cur_search(&cur, &s) == -1, "NOT, ten thousand deep");
	buf_reset(&deep);
	for (i = 0; i < 10000; i++)
		buf_adds(&deep, "(");
	cursor_init_span(&cur, span_buf(&deep), &scratch);
	CHECK(cur_search(&cur, &s) == -1, "parentheses, ten thousand deep");
	buf_free(&deep);
	buf_free(&scratch);
}

static int
count(void *arg, struct span f)
{
	(void)f;
	return (++*(int *)arg > 3 ? -1 : 0);
}

static void
test_rest(void)
{
	struct cursor	 c;
	struct buf	 scratch = { 0 }, out = { 0 };
	struct span	 s;
	int64_t		 t;
	int		 zone, n = 0;

	cursor_init_span(&c, span_str("\"23-Nov-2026 12:00:00 +0100\""),
	    &scratch);
	CHECK(cur_date_time(&c, &t, &zone) == 0 && t == 1795431600 &&
	    zone == 60, "date-time");
	cursor_init_span(&c, span_str("\" 1-jan-1970 00:00:00 +0000\""),
	    &scratch);
	CHECK(cur_date_time(&c, &t, &zone) == 0 && t == 0, "day with a space");
	cursor_init_span(&c, span_str("\"32-Nov-2026 12:00:00 +0000\""),
	    &scratch);
	CHECK(cur_date_time(&c, &t, &zone) == -1, "no such day");
	cursor_init_span(&c, span_str("(\\seen $x \\Deleted)"), &scratch);
	CHECK(cur_flags(&c, 0, count, &n) == 0 && n == 3, "flags");
	cursor_init_span(&c, span_str("(\\Recent)"), &scratch);
	CHECK(cur_flags(&c, 0, count, &n) == -1, "\\Recent is not for clients");
	cursor_init_span(&c, span_str("\"a\\\"b\\\\\""), &scratch);
	CHECK(cur_astring(&c, &s) == 0 && span_eqs(s, "a\"b\\"), "unescaped");
	cursor_init_span(&c, span_str("\"a\\x\""), &scratch);
	CHECK(cur_astring(&c, &s) == -1, "bad escape");
	cursor_init_span(&c, span_str("\"a\\"), &scratch);
	CHECK(cur_astring(&c, &s) == -1, "escape at the end");
	cursor_init_span(&c, span_str("\"a\xc3\xa9\""), &scratch);
	CHECK(cur_astring(&c, &s) == -1, "8-bit");
	cursor_init_span(&c, span_str("inbox/A"), &scratch);
	CHECK(cur_mailbox(&c, &s) == 0 && span_eqs(s, "INBOX/A"), "INBOX");
	cursor_init_span(&c, span_str("\"e&AwE-\""), &scratch);
	CHECK(cur_mailbox(&c, &s) == 0 && span_eqs(s, "\xc3\xa9"), "NFC");
	string_write(&out, span_str("a\"\r\n"));
	CHECK(span_eqs(span_buf(&out), "{4}\r\na\"\r\n"), "literal written");
	buf_reset(&out);
	mailbox_write(&out, span_str("a b\xc3\xa9"), 0);
	CHECK(span_eqs(span_buf(&out), "\"a b&AOk-\""), "mailbox written");
	buf_free(&scratch);
	buf_free(&out);
}

int
main(void)
{
	test_names();
	test_forms();
	test_sets();
	test_fetch();
	test_search();
	test_rest();
	return (test_done());
}
