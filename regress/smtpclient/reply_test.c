/* Replies of servers, whole and cut anywhere: common/smtpclient/smtpreply. */
#include "smtpreply.h"
#include "test.h"

static const struct reply_case {
	const char	*name;
	const char	*in;
	unsigned	 code;		/* 0: must be refused */
	const char	*enhanced;
	const char	*text;
	size_t		 left;		/* octets not taken */
} cases[] = {
	{ "one line", "250 2.1.5 ok\r\n", 250, "2.1.5", "ok", 0 },
	{ "no text", "250\r\n", 250, "", "", 0 },
	{ "a space alone", "250 \r\n", 250, "", "", 0 },
	{ "LF alone", "250 fine\n", 250, "", "fine", 0 },
	{ "several lines", "250-2.0.0 a\r\n250-2.0.0 b\r\n250 2.0.0 c\r\n",
	    250, "2.0.0", "a b c", 0 },
	{ "several without text", "250-\r\n250-\r\n250\r\n", 250, "", "", 0 },
	{ "first code counts", "550-5.1.1 a\r\n550 5.7.1 b\r\n", 550, "5.1.1",
	    "a b", 0 },
	{ "more behind it", "250 a\r\n550 b\r\n", 250, "", "a", 7 },
	{ "code alone with nothing after", "554 5.7.2\r\n", 554, "5.7.2", "", 0 },
	{ "of another class", "550 4.1.1 x\r\n", 550, "", "4.1.1 x", 0 },
	{ "class 3", "250 3.1.1 x\r\n", 250, "", "3.1.1 x", 0 },
	{ "too many digits", "250 2.1234.1 x\r\n", 250, "", "2.1234.1 x", 0 },
	{ "longest code", "250 2.123.456 x\r\n", 250, "2.123.456", "x", 0 },
	{ "two parts", "250 2.1 x\r\n", 250, "", "2.1 x", 0 },
	{ "four parts", "250 2.1.1.1 x\r\n", 250, "", "2.1.1.1 x", 0 },
	{ "dots alone", "250 2... x\r\n", 250, "", "2... x", 0 },
	{ "ends with a dot", "250 2.1. x\r\n", 250, "", "2.1. x", 0 },
	{ "no space behind", "250 2.1.1x\r\n", 250, "", "2.1.1x", 0 },
	{ "control characters", "250 a\033[2Jb\tc\x80\r\n", 250, "",
	    "a?[2Jb?c?", 0 },
	{ "CR in the middle", "250 a\rb\r\n", 250, "", "a?b", 0 },
	{ "two digits", "25\r\n", 0, NULL, NULL, 0 },
	{ "four digits", "2500 x\r\n", 0, NULL, NULL, 0 },
	{ "space in front", " 250 x\r\n", 0, NULL, NULL, 0 },
	{ "tab behind", "250\tx\r\n", 0, NULL, NULL, 0 },
	{ "999", "999 x\r\n", 0, NULL, NULL, 0 },
	{ "199", "199 x\r\n", 0, NULL, NULL, 0 },
	{ "600", "600 x\r\n", 0, NULL, NULL, 0 },
	{ "enhanced code alone", "5.7.2\r\n", 0, NULL, NULL, 0 },
	{ "empty line", "\r\n", 0, NULL, NULL, 0 },
	{ "HTTP", "HTTP/1.1 400 Bad Request\r\n", 0, NULL, NULL, 0 },
	{ "code changes", "250-x\r\n550 y\r\n", 0, NULL, NULL, 0 },
	{ "junk between", "250-x\r\nhello\r\n250 y\r\n", 0, NULL, NULL, 0 },
};

/* Feed so many octets at a time. */
static enum smtpreply_status
feed(struct smtpreply *r, struct span all, size_t step, size_t *left)
{
	enum smtpreply_status	 st = SMTPREPLY_MORE;
	struct span		 s;
	size_t			 at = 0, n;

	while (st == SMTPREPLY_MORE && at < all.n) {
		n = all.n - at < step ? all.n - at : step;
		s = span_of(all.p + at, n);
		st = smtpreply_parse(r, &s);
		at += n - s.n;
	}
	*left = all.n - at;
	return (st);
}

static void
table(void)
{
	const struct reply_case	*c;
	enum smtpreply_status	 st;
	struct smtpreply	 r = { 0 };
	size_t			 i, step, left;
	int			 ok;

	for (i = 0; i < nitems(cases); i++) {
		c = &cases[i];
		for (step = 1, ok = 1; ok && step < 40; step++) {
			smtpreply_reset(&r);
			st = feed(&r, span_str(c->in), step, &left);
			if (c->code == 0)
				ok = st == SMTPREPLY_BAD && r.why != NULL;
			else
				ok = st == SMTPREPLY_DONE &&
				    r.code == c->code && left == c->left &&
				    strcmp(r.enhanced, c->enhanced) == 0 &&
				    strcmp(r.text, c->text) == 0;
		}
		CHECK(ok, "%s (step %zu: %u \"%s\" \"%s\")", c->name, step - 1,
		    r.code, r.enhanced, r.text);
	}
	smtpreply_free(&r);
}

static void
bounds(void)
{
	struct smtpreply	 r = { 0 };
	struct buf		 b = { 0 };
	enum smtpreply_status	 st;
	size_t			 i, left;

	for (i = 0; i < 10000; i++)
		buf_adds(&b, "250-x\r\n");
	st = feed(&r, span_buf(&b), 4096, &left);
	CHECK(st == SMTPREPLY_BAD && r.lines <= SMTPREPLY_LINES,
	    "lines without end");

	buf_reset(&b);
	for (i = 0; i < 1000000; i++)
		buf_addc(&b, i < 4 ? "250 "[i] : 'x');
	smtpreply_reset(&r);
	st = feed(&r, span_buf(&b), 16384, &left);
	CHECK(st == SMTPREPLY_BAD && r.last && r.code == 250,
	    "a line without end, whose code is known");
	CHECK(r.line.n <= SMTPREPLY_LINE, "is not kept");
	smtpreply_reset(&r);
	st = feed(&r, span_buf(&b), 100, &left);
	CHECK(st == SMTPREPLY_BAD && r.last && r.code == 250,
	    "the same in small pieces");
	b.p[3] = '-';
	smtpreply_reset(&r);
	st = feed(&r, span_buf(&b), 16384, &left);
	CHECK(st == SMTPREPLY_BAD && !r.last, "and one that is not the last");

	buf_reset(&b);
	for (i = 0; i < 100; i++)
		buf_addf(&b, "250-%01000d\r\n", 1);
	smtpreply_reset(&r);
	st = feed(&r, span_buf(&b), 512, &left);
	CHECK(st == SMTPREPLY_BAD && r.octets <= SMTPREPLY_OCTETS + 512,
	    "octets of a reply");
	CHECK(r.ntext == SMTPREPLY_TEXT && r.text[r.ntext] == '\0',
	    "text that is kept");
	smtpreply_free(&r);
	buf_free(&b);
}

int
main(void)
{
	table();
	bounds();
	return (test_done());
}
