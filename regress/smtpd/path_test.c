/* Paths and parameters, hardcases 5.E. */
#include "test.h"

#include "smtpd/path.h"

static const struct {
	const char	*in;
	unsigned	 flags;
	const char	*want;		/* NULL: malformed */
	int		 utf8;
} paths[] = {
	{ "<a@b.example>",		0,	"a@b.example", 0 },
	{ " <a@b.example>",		0,	"a@b.example", 0 },
	{ "  <a@b.example>",		0,	NULL, 0 },
	{ "<a@b.example> SIZE=1",	0,	"a@b.example", 0 },
	{ "<a@b.example.>",		0,	"a@b.example", 0 },
	{ "<a.b+c@x.example>",		0,	"a.b+c@x.example", 0 },
	{ "<\"a b\"@x.example>",	0,	"\"a b\"@x.example", 0 },
	{ "<\"a\\b\"@x.example>",	0,	"ab@x.example", 0 },
	{ "<\"a\\\"b\"@x.example>",	0,	"\"a\\\"b\"@x.example", 0 },
	{ "<\"a@b\"@x.example>",	0,	"\"a@b\"@x.example", 0 },
	{ "<\"\"@x.example>",		0,	"\"\"@x.example", 0 },
	{ "<\"a>b\"@x.example>",	0,	"\"a>b\"@x.example", 0 },
	{ "<>",				PATH_NULL, "", 0 },
	{ "<>",				0,	NULL, 0 },
	{ "<postmaster>",		PATH_POSTMASTER, "postmaster", 0 },
	{ "<PostMaster>",		PATH_POSTMASTER, "postmaster", 0 },
	{ "<postmaster>",		0,	NULL, 0 },
	{ "<root>",			PATH_POSTMASTER, NULL, 0 },
	/* E1, E2 */
	{ "<;for i in 0 1 2;do read r;done;sh;exit 0;>", 0, NULL, 0 },
	{ "<\"x'/**/UNION/**/SELECT/**/X'00'--\"@a.example>", 0,
	    "x'/**/UNION/**/SELECT/**/X'00'--@a.example", 0 },
	{ "<`id`@a.example>",		0,	"`id`@a.example", 0 },
	{ "<$(id)@a.example>",		0,	NULL, 0 },
	{ "<%n%s@a.example>",		0,	"%n%s@a.example", 0 },
	{ "<../../etc/passwd@a.example>", 0,	NULL, 0 },
	{ "<-oQ/tmp@a.example>",	0,	"-oQ/tmp@a.example", 0 },
	{ "<--@a.example>",		0,	"--@a.example", 0 },
	{ "<|sh@a.example>",		0,	"|sh@a.example", 0 },
	/* E4 */
	{ "\"unterminated@x>",		0,	NULL, 0 },
	{ "<\"unterminated@x>",		0,	NULL, 0 },
	{ "<a@b",			0,	NULL, 0 },
	{ "a@b>",			0,	NULL, 0 },
	{ "<<a@b>>",			0,	NULL, 0 },
	{ "< a@b >",			0,	NULL, 0 },
	{ "<a@b >",			0,	NULL, 0 },
	{ "<a@b>junk",			0,	NULL, 0 },
	{ "<a@b.example>\tX",		0,	NULL, 0 },
	{ "",				0,	NULL, 0 },
	{ "<",				0,	NULL, 0 },
	{ "<\"a\\",			0,	NULL, 0 },
	{ "<\"a\x01\"@x.example>",	0,	NULL, 0 },
	/* E5 */
	{ "<@a.example,@b.example:user@c.example>", 0, "user@c.example", 0 },
	{ "<@a.example:user@c.example>", 0,	"user@c.example", 0 },
	{ "<a:b@c.example>",		0,	NULL, 0 },
	{ "<@a.example,user@c.example>", 0,	NULL, 0 },
	{ "<@a.example:>",		0,	NULL, 0 },
	{ "<@:user@c.example>",		0,	NULL, 0 },
	/* E6 */
	{ "<user%other@here.example>",	0,	"user%other@here.example", 0 },
	{ "<other!user@here.example>",	0,	"other!user@here.example", 0 },
	{ "<user@other@here.example>",	0,	NULL, 0 },
	/* E7 */
	{ "<user@[192.0.2.1]>",		0,	"user@[192.0.2.1]", 0 },
	{ "<user@[IPv6:2001:db8::1]>",	0,	"user@[IPv6:2001:db8::1]", 0 },
	{ "<user@[IPv6:::ffff:10.0.0.1]>", 0,	"user@[IPv6:::ffff:10.0.0.1]", 0 },
	{ "<user@[1.2.3]>",		0,	NULL, 0 },
	{ "<user@[IPv6:%eth0]>",	0,	NULL, 0 },
	{ "<user@[IPv6:fe80::1%eth0]>",	0,	NULL, 0 },
	{ "<user@[x]>",			0,	NULL, 0 },
	{ "<user@[IPv6:1:2:3:4:5:6:7:8:9]>", 0,	NULL, 0 },
	{ "<user@[192.0.2.1>",		0,	NULL, 0 },
	{ "<user@[192.0.2.1].example>",	0,	NULL, 0 },
	{ "<user@192.0.2.1>",		0,	NULL, 0 },
	/* E9 */
	{ "<a@x..y>",			0,	NULL, 0 },
	{ "<a@.x>",			0,	NULL, 0 },
	{ "<a@x.>",			0,	"a@x", 0 },
	{ "<a@x..>",			0,	NULL, 0 },
	{ "<a@.>",			0,	NULL, 0 },
	{ "<a@-x.example>",		0,	NULL, 0 },
	{ "<a@x-.example>",		0,	NULL, 0 },
	{ "<a@x_y.example>",		0,	"a@x_y.example", 0 },
	{ "<a@*>",			0,	NULL, 0 },
	{ "<a@localhost>",		0,	"a@localhost", 0 },
	{ "<a@x.123>",			0,	NULL, 0 },
	{ "<a@>",			0,	NULL, 0 },
	{ "<a>",			0,	NULL, 0 },
	{ "<@x.example>",		0,	NULL, 0 },
	{ "<a..b@x.example>",		0,	NULL, 0 },
	{ "<.a@x.example>",		0,	NULL, 0 },
	{ "<a.@x.example>",		0,	NULL, 0 },
	/* D7, D8 */
	{ "<\xc3\xa9@x.example>",	0,	"\xc3\xa9@x.example", 1 },
	{ "<a@\xc3\xa9.example>",	0,	"a@\xc3\xa9.example", 1 },
	{ "<\"\xc3\xa9 x\"@x.example>",	0,	"\"\xc3\xa9 x\"@x.example", 1 },
	{ "<\xc3@x.example>",		0,	NULL, 0 },
	{ "<\xc0\xae@x.example>",	0,	NULL, 0 },
	{ "<\xed\xa0\x80@x.example>",	0,	NULL, 0 },
	{ "<\xf4\x90\x80\x80@x.example>", 0,	NULL, 0 },
	{ "<a@x.example\xc3>",		0,	NULL, 0 },
	/* E12 */
	{ "<user+../../x@ex.example>",	0,	NULL, 0 },
	{ "<user+@ex.example>",		0,	"user+@ex.example", 0 },
	{ "<USER@EX.example>",		0,	"USER@EX.example", 0 },
};

static const struct {
	const char	*in;
	const char	*want;		/* "KEY=value|KEY|", "!" malformed */
} params[] = {
	{ "",				"" },
	{ "  ",				"" },
	{ " SIZE=10",			"SIZE=10|" },
	{ " SIZE=10  BODY=8BITMIME ",	"SIZE=10|BODY=8BITMIME|" },
	{ " SMTPUTF8",			"SMTPUTF8|" },
	{ " SIZE=",			"!" },
	{ " =x",			"!" },
	{ " SIZE==1",			"!" },
	{ " SIZE=1=2",			"!" },
	{ " -X=1",			"!" },
	{ " X-Y=1",			"X-Y=1|" },
	{ " X_Y=1",			"!" },
	{ " SIZE 10",			"SIZE|10|" },
	{ " A=\xc3",			"!" },
	{ " A=\xc3\xa9",		"A=\xc3\xa9|" },
};

static const struct {
	const char	*in;
	int		 xtext;		/* 0 or -1 */
	int		 orcpt, orcpt8;
} texts[] = {
	{ "abc",			0,	-1, -1 },
	{ "a+2Bb",			0,	-1, -1 },
	{ "a+2bb",			-1,	-1, -1 },
	{ "a+2",			-1,	-1, -1 },
	{ "a+",				-1,	-1, -1 },
	{ "a=b",			-1,	-1, -1 },
	{ "<x+0Aroot>",			-1,	-1, -1 },
	{ "a+00",			-1,	-1, -1 },
	{ "",				-1,	-1, -1 },
	{ "a b",			-1,	-1, -1 },
	{ "rfc822;a@b",			0,	0, 0 },
	{ "rfc822;a+2Bc@b",		0,	0, 0 },
	{ "rfc822;",			0,	-1, -1 },
	{ ";a@b",			0,	-1, -1 },
	{ "rfc822;a+0Ab",		-1,	-1, -1 },
	{ "rfc 822;a",			-1,	-1, -1 },
	{ "rfc822;\xc3\xa9",		-1,	-1, -1 },
	{ "utf-8;\xc3\xa9@x",		-1,	-1, 0 },
	{ "utf-8;\\x{e9}@x",		0,	0, 0 },
	{ "utf-8;\xc3@x",		-1,	-1, -1 },
};

static void
test_paths(void)
{
	struct buf	 out = { 0 };
	struct path	 path;
	struct span	 s;
	size_t		 i;
	int		 rc;

	for (i = 0; i < nitems(paths); i++) {
		buf_reset(&out);
		buf_adds(&out, "kept ");
		s = span_str(paths[i].in);
		rc = path_parse(&s, paths[i].flags, &out, &path);
		if (paths[i].want == NULL)
			CHECK(rc == -1 && out.n == 5, "%s: refused",
			    paths[i].in);
		else
			CHECK(rc == 0 && strcmp(buf_cstr(&out) + 5,
			    paths[i].want) == 0 && path.utf8 == paths[i].utf8
			    && (s.n == 0 || s.p[0] == ' '), "%s: \"%s\"",
			    paths[i].in, buf_cstr(&out) + 5);
	}
	buf_free(&out);
}

static void
test_lengths(void)
{
	struct buf	 in = { 0 }, out = { 0 };
	struct path	 path;
	struct span	 s;
	int		 n, i, rc;

	for (n = PATH_LOCAL_MAX; n <= PATH_LOCAL_MAX + 1; n++) {
		buf_reset(&in);
		buf_addc(&in, '<');
		for (i = 0; i < n; i++)
			buf_addc(&in, 'a');
		buf_adds(&in, "@x.example>");
		s = span_buf(&in);
		rc = path_parse(&s, 0, &out, &path);
		CHECK(rc == (n == PATH_LOCAL_MAX ? 0 : -1),
		    "a local part of %d octets", n);
	}
	for (n = PATH_LABEL_MAX; n <= PATH_LABEL_MAX + 1; n++) {
		buf_reset(&in);
		for (i = 0; i < n; i++)
			buf_addc(&in, 'a');
		buf_adds(&in, ".example");
		CHECK(path_domain(span_buf(&in), NULL) ==
		    (n == PATH_LABEL_MAX ? 0 : -1), "a label of %d octets",
		    n);
	}
	for (n = 127; n <= 128; n++) {
		buf_reset(&in);
		for (i = 0; i < n; i++)
			buf_adds(&in, i == 0 ? "a" : ".a");
		CHECK(path_domain(span_buf(&in), NULL) == 0,
		    "a domain of %zu octets", in.n);
	}
	buf_adds(&in, ".a");
	CHECK(path_domain(span_buf(&in), NULL) == -1,
	    "a domain of %zu octets", in.n);
	buf_free(&in);
	buf_free(&out);
}

static void
test_params(void)
{
	struct buf	 out = { 0 };
	struct span	 s, key, value;
	size_t		 i;
	int		 rc;

	for (i = 0; i < nitems(params); i++) {
		buf_reset(&out);
		s = span_str(params[i].in);
		while ((rc = path_param(&s, &key, &value)) == 1) {
			buf_add_span(&out, key);
			if (value.p != NULL) {
				buf_addc(&out, '=');
				buf_add_span(&out, value);
			}
			buf_addc(&out, '|');
		}
		if (params[i].want[0] == '!')
			CHECK(rc == -1, "\"%s\": malformed", params[i].in);
		else
			CHECK(rc == 0 && strcmp(buf_cstr(&out),
			    params[i].want) == 0, "\"%s\": %s", params[i].in,
			    buf_cstr(&out));
	}
	for (i = 0; i < nitems(texts); i++) {
		s = span_str(texts[i].in);
		CHECK(path_xtext(s) == texts[i].xtext &&
		    path_orcpt(s, 0) == texts[i].orcpt &&
		    path_orcpt(s, 1) == texts[i].orcpt8, "xtext \"%s\"",
		    texts[i].in);
	}
	buf_free(&out);
}

int
main(void)
{
	test_paths();
	test_lengths();
	test_params();
	return (test_done());
}
