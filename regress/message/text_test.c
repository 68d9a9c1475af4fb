/* Texts: HTML, folding, search, previews, ids, subjects. */
#include <time.h>
#include <uninorm.h>

#include "fold.h"
#include "html.h"
#include "msgid.h"
#include "subject.h"
#include "test.h"
#include "text.h"
#include "utf8.h"

static const struct {
	const char	*in, *want;
} htmls[] = {
	{ "", "" },
	{ "plain  \r\n text", "plain text" },
	{ "<p>one</p><p>two</p>", "one\ntwo" },
	{ "a<br>b<BR/>c", "a\nb\nc" },
	{ "a<b>b</b>c <i>d</i>", "abc d" },
	{ "<td>a</td><td>b</td>", "a b" },
	{ "<html><head><title>no</title><style>p{a:b}</style></head>"
	    "<body>yes</body></html>", "yes" },
	{ "<head>no</title><body>yes", "no\nyes" },
	{ "<head> <meta x> <!-- no --><title>no</title><p>yes", "yes" },
	{ "<head><script>'<p>no'</script><style>no</style>\n</head>yes", "yes" },
	{ "<head><script>no</script></head><head>&lt;yes", "<yes" },
	{ "<head></style><html><title>no</head></title></body>yes", "yes" },
	{ "a<svg/>b<svg width=\"1\" />c<svg x='/'>no<path/>no</svg>d", "abcd" },
	{ "a<div/>b<script/>no</script>c", "a\nbc" },
	{ "don&#146;t &#x93;a&#148; &#128;5 &#129;",
	    "don\342\200\231t \342\200\234a\342\200\235 \342\202\2545 "
	    "\357\277\275" },
	{ "&alpha;&Omega; &ne; &rArr; &AMP; &COPY; &zwnj;|",
	    "\316\261\316\251 \342\211\240 \342\207\222 & \302\251 "
	    "\342\200\214|" },
	{ "a<script>if (a<b && c>d) x='</p>';</script>b", "ab" },
	{ "a<script>a<b=\"</script>b", "ab" },
	{ "a<style><!-- x > y --></style>b", "ab" },
	{ "a<style><!-- x </style>b", "ab" },
	{ "a<!-- no > -- > no -->b", "ab" },
	{ "a<!---->b<!-->c<!DOCTYPE x>d<?xml y?>e", "abcde" },
	{ "a<!-- unterminated", "a" },
	{ "&lt;b&gt; &amp;amp; &quot;&#65;&#x42;&#x43", "<b> &amp; \"ABC" },
	{ "&eacute;&Eacute;&nbsp;&euro;&mdash;x",
	    "\303\251\303\211 \342\202\254\342\200\224x" },
	{ "&unknown; &; & &#; &#xZZ; &#99999999999;",
	    "&unknown; &; & \357\277\275 \357\277\275 \357\277\275" },
	{ "a &am", "a &am" },
	{ "a < b > c <", "a < b > c" },
	{ "<a href=\"x>y\" title='q>\"'>t</a>", "t" },
	{ "<a href=\"unterminated>t</a> more", "" },
	{ "<p <p>a</p>", "a" },
	{ "<pre>a\nb</pre>c", "a\nb\nc" },
	{ "zero\303\251\342\200\213width", "zero\303\251\342\200\213width" },
	{ "so&shy;ft", "soft" },
	{ "</>a</ >b", "ab" },
	{ "a\001b\177c", "abc" },
};

static double
now(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return ((double)t.tv_sec + (double)t.tv_nsec / 1e9);
}

static void
test_html(void)
{
	struct html	 h;
	struct buf	 b = { 0 };
	struct span	 s, part;
	size_t		 i, n;

	for (i = 0; i < nitems(htmls); i++)
		for (n = strlen(htmls[i].in); n > 0; n--) {
			buf_reset(&b);
			html_start(&h);
			for (s = span_str(htmls[i].in); s.n > 0;) {
				(void)span_take(&s, s.n < n ? s.n : n, &part);
				html_feed(&h, &b, part);
			}
			html_end(&h, &b);
			if (!CHECK(span_eqs(span_buf(&b), htmls[i].want),
			    "%s by %zu: %s", htmls[i].in, n, buf_cstr(&b)))
				break;
		}
	buf_free(&b);
}

static const struct {
	const char	*text, *needle;
	int		 found;
} folds[] = {
	{ "Hello World", "hello", 1 },
	{ "hello world", "O W", 1 },
	{ "hello", "", 1 },
	{ "", "", 1 },
	{ "", "a", 0 },
	{ "Z\303\274rich", "zurich", 1 },
	{ "Zurich", "z\303\274rich", 1 },
	{ "Zu\314\210rich", "z\303\234rich", 1 },
	{ "\320\237\320\240\320\230\320\222\320\225\320\242",
	    "\320\277\321\200\320\270\320\262", 1 },
	{ "\316\243\316\243", "\317\203\317\202", 1 },
	{ "\357\274\241\357\274\242", "ab", 1 },
	{ "\357\254\201ne", "fine", 1 },
	{ "\342\204\253", "\303\245", 1 },
	{ "abc", "abd", 0 },
	{ "\346\227\245\346\234\254\350\252\236", "\346\234\254", 1 },
	{ "a\377b", "a\377b", 1 },
	{ "a\377b", "ab", 0 },
	/* octets that are no UTF-8 are the same as themselves alone */
	{ "a\377b", "a\376b", 0 },
	{ "a\377b", "a\357\277\275b", 0 },
	{ "caf\351", "CAF\351", 1 },
	{ "caf\351", "CAF\311", 0 },
	{ "\320\244", "\244", 0 },
	{ "\320\244\244", "\244", 1 },
	{ "\360\237\230x", "\237\230X", 1 },
	{ "\360\237\230\200", "\237\230", 0 },
	{ "aaaaaaaaab", "aab", 1 },
	/* what nobody sees */
	{ "so\302\255ft\357\273\277\342\200\213ly", "SOFTLY", 1 },
	{ "softly", "so\302\255ft", 1 },
};

/* RFC 5051 alone: marks stay, title case comes before the decomposition. */
static void
test_casemap(void)
{
	static const struct {
		const char	*text, *want;
	} t[] = {
		{ "abcdefghi Z", "ABCDEFGHI Z" },
		{ "\303\251a", "E\314\201A" },
		{ "e\314\201a", "E\314\201A" },
		{ "\357\254\200", "ff" },
		{ "\317\202", "\316\243" },
		{ "a\377b", "A\355\263\277B" },
		{ "\352\260\200", "\341\204\200\341\205\241" },
	};
	struct buf	 b = { 0 };
	size_t		 i;

	for (i = 0; i < nitems(t); i++) {
		buf_reset(&b);
		CHECK(fold_casemap(&b, span_str(t[i].text)) == 0 &&
		    span_eqs(span_buf(&b), t[i].want), "\"%s\": \"%.*s\"",
		    t[i].text, (int)b.n, (const char *)b.p);
	}
	buf_free(&b);
}

static void
test_fold(void)
{
	struct fold_find	 f;
	struct buf		 needle = { 0 };
	struct span		 s, part;
	size_t			 i, n;
	int			 rc;

	for (i = 0; i < nitems(folds); i++) {
		buf_reset(&needle);
		fold_text(&needle, span_str(folds[i].needle));
		rc = fold_contains(span_str(folds[i].text), span_buf(&needle));
		CHECK(rc == folds[i].found, "\"%s\" in \"%s\": %d",
		    folds[i].needle, folds[i].text, rc);
		for (n = 1; n <= strlen(folds[i].text); n++) {
			fold_find_start(&f, span_buf(&needle));
			rc = f.found;
			for (s = span_str(folds[i].text); s.n > 0;) {
				(void)span_take(&s, s.n < n ? s.n : n, &part);
				rc = fold_find_feed(&f, part);
			}
			if (rc == 0)
				rc = fold_find_break(&f);
			fold_find_end(&f);
			if (rc != folds[i].found)
				CHECK(0, "\"%s\" by %zu", folds[i].text, n);
		}
	}
	buf_free(&needle);
}

/* Ranges that are folded by rule are folded as by the tables of Unicode. */
static void
test_rules(void)
{
	struct buf	 b = { 0 }, one = { 0 }, want = { 0 };
	uint32_t	 in;
	ucs4_t		 out[8];
	size_t		 i, n;
	int		 bad = 0;

	for (in = 0x3400; in <= 0xd7a3; in++) {
		if (in == 0xa000)
			in = 0xac00;
		n = nitems(out);
		buf_reset(&b);
		buf_reset(&one);
		buf_reset(&want);
		if (u32_normalize(UNINORM_NFKD, &in, 1, out, &n) == NULL)
			bad++;
		for (i = 0; i < n; i++)
			utf8_add(&want, out[i]);
		utf8_add(&one, in);
		fold_text(&b, span_buf(&one));
		bad += !span_eq(span_buf(&b), span_buf(&want));
	}
	CHECK(bad == 0, "%d ideographs and syllables differ", bad);
	buf_free(&b);
	buf_free(&one);
	buf_free(&want);
}

#define MAIL								\
	"From: =?utf-8?q?Zo=C3=AB?= <zoe@example.org>\r\n"		\
	"Subject: =?iso-8859-1?q?caf=E9?=\r\n"				\
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n"		\
	"preamble\r\n"							\
	"--b\r\nContent-Type: text/html; charset=iso-8859-1\r\n"	\
	"Content-Transfer-Encoding: quoted-printable\r\n\r\n"		\
	"<p>na=EFve <b>H</b>TM=\r\nL &lt;text&gt;</p>\r\n"		\
	"--b\r\nContent-Type: text/plain\r\n"				\
	"Content-Transfer-Encoding: base64\r\n\r\n"			\
	"cGxhaW4gdGV4dA==\r\n"						\
	"--b\r\nContent-Type: application/pdf; name=\"secret.pdf\"\r\n\r\n"\
	"hidden words\r\n"						\
	"--b\r\nContent-Type: text/plain; charset=x-nobody\r\n"		\
	"Content-Disposition: attachment; size=2;\r\n"			\
	" filename*=iso-8859-1'de'Entw%FCrfe%20%zz%2\r\n"		\
	"Content-Disposition: attachment; filename*0*=utf-8''M%C3%BCl;\r\n"\
	" filename*1=\"ler's\"; filename*2*=%2Epdf; x*=%41\r\n"		\
	"X-Raw: 8 b\351ts\r\n\r\n"					\
	"as it \344tands or st\303\244nds, to its last \344\r\n"		\
	"--b\r\nContent-Type: message/rfc822\r\n\r\n"			\
	"Subject: the inner one\r\n\r\nwithin\r\n--b--\r\n"

static void
test_find(void)
{
	static const struct {
		const char	*needle;
		int		 body, text;
	} t[] = {
		{ "cafe", 0, 1 }, { "zo\303\253", 0, 1 },
		{ "zoe@example", 0, 1 }, { "naive html <TEXT>", 1, 1 },
		{ "<b>", 0, 0 }, { "plain text", 1, 1 },
		{ "cGxhaW4", 0, 0 }, { "hidden", 0, 0 },
		{ "secret.pdf", 0, 1 }, { "preamble", 0, 0 },
		{ "inner ONE", 1, 1 }, { "within", 1, 1 },
		{ "subject: caf\303\251", 0, 1 }, { "", 1, 1 },
		/* what is said to be in a charset that nobody knows */
		{ "as it \344tands", 1, 1 }, { "as it \345tands", 0, 0 },
		{ "as it \357\277\275", 0, 0 }, { "\344tands", 1, 1 },
		{ "Entw\303\274rfe %zz%2", 0, 1 }, { "entw%fcrfe", 0, 1 },
		{ "M\303\274ller's.pdf", 0, 1 }, { "2 Entw\303\274rfe", 0, 1 },
		{ "st\303\244nds", 1, 1 }, { "8 b\351ts", 0, 1 },
		{ "8 b\303\251ts", 0, 0 }, { "last \344", 1, 1 },
	};
	struct span		 s = span_str(MAIL);
	struct message_source	 src = { message_source_span, &s };
	struct charsets		*all = charsets_open();
	struct mime		*m = message_parse(s);
	struct buf		 needle = { 0 };
	size_t			 i;

	for (i = 0; i < nitems(t); i++) {
		buf_reset(&needle);
		fold_text(&needle, span_str(t[i].needle));
		CHECK(text_find(m, &src, all, TEXT_SEARCH_BODY,
		    span_buf(&needle)) == t[i].body &&
		    text_find(m, &src, all, TEXT_SEARCH_TEXT,
		    span_buf(&needle)) == t[i].text, "search \"%s\"",
		    t[i].needle);
	}
	mime_free(m);
	charsets_free(all);
	buf_free(&needle);
}

/* A header of several slices, fields of more than one, and the end of it. */
static void
test_long_header(void)
{
	static const struct {
		const char	*needle;
		int		 text;
	} t[] = {
		{ "x-first: one", 1 }, { "x-last: behind", 1 },
		{ "w0 w1 w2", 1 }, { "w60000 w60001", 1 },
		{ "the END. x-last", 0 }, { "w69999 the end.", 1 },
		{ "wordword", 1 }, { "word word", 0 }, { "x-none", 0 },
		{ "solid", 1 }, { "no field", 0 },
	};
	struct buf		 b = { 0 }, needle = { 0 };
	struct message_source	 src = { message_source_span, NULL };
	struct mime		*m;
	struct span		 s;
	unsigned		 i, n = 0;

	buf_adds(&b, "X-First: one\r\nX-Long:");
	for (i = 0; i < 70000; i++) {
		buf_addf(&b, " w%u", i);
		if (i % 10 == 9)
			buf_adds(&b, "\r\n");
	}
	buf_adds(&b, " the end.\r\nno field\r\nX-Words:");
	for (i = 0; i < 30000; i++)
		buf_adds(&b, "\r\n =?utf-8?q?word?=");
	buf_adds(&b, "\r\nX-Solid: ");
	for (i = 0; i < 600000; i++)
		buf_addc(&b, 'x');
	buf_adds(&b, "solid\r\nX-Last: behind\r\n\r\nbody\r\n");
	s = span_buf(&b);
	src.arg = &s;
	m = message_parse(s);
	for (i = 0; i < nitems(t); i++) {
		buf_reset(&needle);
		fold_text(&needle, span_str(t[i].needle));
		CHECK(text_find(m, &src, NULL, TEXT_SEARCH_TEXT,
		    span_buf(&needle)) == t[i].text, "long header: \"%s\"",
		    t[i].needle);
	}
	/* the words are one word, wherever the slices are cut */
	buf_reset(&needle);
	for (n = 0; n < 30000; n++)
		buf_adds(&needle, "WORD");
	CHECK(text_find(m, &src, NULL, TEXT_SEARCH_TEXT, span_buf(&needle)) ==
	    1, "long header: words");
	mime_free(m);
	buf_free(&needle);
	buf_free(&b);
}

static void
test_preview(void)
{
	static const struct {
		const char	*in, *want;
		size_t		 chars;
	} t[] = {
		{ "", "", 0 },
		{ "A: b\r\n\r\n  hello \r\n\r\n there\t you\r\n",
		    "hello there you", 0 },
		{ "A: b\r\n\r\n> quoted\r\nanswer\r\n > more\r\n", "answer",
		    0 },
		{ "A: b\r\n\r\n> only\r\n> quotes\r\n", "> only > quotes", 0 },
		{ "A: b\r\n\r\nabc def", "abc", 4 },
		{ "A: b\r\n\r\nabc def", "abc d", 5 },
		{ "Content-Type: text/plain; charset=utf-8\r\n\r\n"
		    "\303\251\303\251\303\251", "\303\251\303\251", 2 },
		{ "Content-Type: text/html\r\n\r\n<head><style>x</style>"
		    "</head><p>Hi <b>you</b></p><p>2</p>", "Hi you 2", 0 },
		{ "Content-Type: image/png\r\n\r\nxyz", "", 0 },
		{ "A: b\r\n\r\na\033[1mb\302\205c", "a [1mb c", 0 },
		{ MAIL, "na\303\257ve HTML <text>", 0 },
#define MIXED	"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
#define HTML	"--b\r\nContent-Type: text/html\r\n\r\n<p>yes\r\n"
		{ MIXED HTML "--b\r\n\r\nthe list\r\n", "yes", 0 },
		{ MIXED "--b\r\nContent-Disposition: attachment; filename=a\r\n"
		    "\r\nno\r\n" HTML, "yes", 0 },
		{ MIXED "--b\r\nContent-Disposition: attachment\r\n\r\nno\r\n",
		    "", 0 },
		{ MIXED "--b\r\nContent-Disposition: inline\r\n\r\nyes\r\n",
		    "yes", 0 },
		{ MIXED "--b\r\nContent-Type: message/rfc822\r\n\r\nA: b\r\n\r\n"
		    "within\r\n", "within", 0 },
		{ MIXED "--b\r\nContent-Type: multipart/alternative; boundary=c"
		    "\r\n\r\n--c\r\nContent-Type: text/html\r\n\r\n<p>no\r\n"
		    "--c\r\nContent-Type: text/plain\r\n\r\nyes\r\n--c--\r\n"
		    "--b\r\n\r\nfooter\r\n", "yes", 0 },
		{ MIXED "--b\r\nContent-Type: multipart/alternative; boundary=c"
		    "\r\n\r\n--c\r\nContent-Type: text/html\r\n\r\n<p>yes\r\n"
		    "--c--\r\n--b\r\n\r\nfooter\r\n", "yes", 0 },
	};
	struct message_source	 src = { message_source_span, NULL };
	struct buf		 b = { 0 };
	struct mime		*m;
	struct span		 s;
	size_t			 i;

	for (i = 0; i < nitems(t); i++) {
		s = span_str(t[i].in);
		src.arg = &s;
		m = message_parse(s);
		buf_reset(&b);
		CHECK(message_preview(&b, m, &src, NULL, t[i].chars) == 0 &&
		    span_eqs(span_buf(&b), t[i].want), "preview: %s",
		    buf_cstr(&b));
		mime_free(m);
	}
	buf_free(&b);
}

static void
test_msgid(void)
{
	static const struct {
		const char	*in, *want;	/* normal forms, | between */
	} t[] = {
		{ "<a@b>", "a@b" },
		{ " <a@b>\r\n <c@d> junk <e@f>", "a@b|c@d|e@f" },
		{ "a@b", "" }, { "<>", "" }, { "<a@b", "" },
		{ "<a@b <c@d>", "c@d" },
		{ "<\"a>b\"@c>", "a>b@c" }, { "<\"a@c>", "a@c" },
		{ "<\"01KF8JCEOCBS0045PS\"@xxx.yyy.com>",
		    "01KF8JCEOCBS0045PS@xxx.yyy.com" },
		{ "<a @ b>", "a@b" }, { "<a(x(y))@b>", "a@b" },
		{ "<A@b>", "A@b" },
	};
	const uint8_t	 rnd[16] = { 0xab, 1 };
	struct buf	 b = { 0 };
	struct span	 s, id;
	double		 begin;
	size_t		 i;

	for (i = 0; i < nitems(t); i++) {
		buf_reset(&b);
		for (s = span_str(t[i].in); msgid_next(&s, &id);) {
			if (b.n > 0)
				buf_addc(&b, '|');
			msgid_normal(&b, id);
		}
		CHECK(span_eqs(span_buf(&b), t[i].want), "%s: %s", t[i].in,
		    buf_cstr(&b));
	}
	buf_reset(&b);
	msgid_write(&b, 255, rnd, "mail.example\r\n>");
	CHECK(span_eqs(span_buf(&b),
	    "<ff.ab010000000000000000000000000000@mail.example>"), "%s",
	    buf_cstr(&b));
	buf_reset(&b);
	for (i = 0; i < 16000; i++)
		buf_adds(&b, "<\"\\\"");
	begin = now();
	for (s = span_buf(&b), i = 0; msgid_next(&s, &id); i++)
		;
	CHECK(now() - begin < 60, "hostile ids: %.3f s", now() - begin);
	buf_free(&b);
}

static void
test_subject(void)
{
	static const struct {
		const char	*in, *want;
		int		 reply;
	} t[] = {
		{ "", "", 0 }, { "abc", "abc", 0 },
		{ "  a  b\tc ", "a b c", 0 },
		{ "Re: abc", "abc", 1 }, { "RE : abc", "abc", 1 },
		{ "re: Fwd: FW: abc", "abc", 1 },
		{ "Re[2]: abc", "abc", 1 }, { "Re [x] : abc", "abc", 1 },
		{ "[list] Re: abc", "abc", 1 }, { "[list] abc", "abc", 0 },
		{ "[a] [b] abc", "abc", 0 }, { "[a][b]", "[b]", 0 },
		{ "[list]", "[list]", 0 }, { "abc (fwd)", "abc", 1 },
		{ "abc (FWD) (fwd)", "abc", 1 },
		{ "[Fwd: abc]", "abc", 1 }, { "[fwd: [Fwd: Re: abc]]", "abc",
		    1 },
		{ "Re:", "", 1 }, { "Re", "Re", 0 }, { "Reply: x", "Reply: x",
		    0 },
		{ "re: [list] re: abc", "abc", 1 }, { "[[a]] b", "[[a]] b",
		    0 },
		{ "[unclosed abc", "[unclosed abc", 0 },
		{ "Fwd: [Fwd: x] y", "y", 1 },
	};
	static const char	*const units[] = { "[", "[]", "re:", "[Fwd: ",
	    "(fwd)", " ", "re[", "[a] re: ", "re [x" };
	struct buf	 b = { 0 }, in = { 0 };
	double		 begin;
	size_t		 i;
	int		 re;

	for (i = 0; i < nitems(t); i++) {
		buf_reset(&b);
		subject_base(&b, span_str(t[i].in), &re);
		CHECK(span_eqs(span_buf(&b), t[i].want) && re == t[i].reply,
		    "%s: %s %d", t[i].in, buf_cstr(&b), re);
	}
	for (i = 0; i < nitems(units); i++) {
		buf_reset(&b);
		buf_reset(&in);
		while (in.n < 1000000)
			buf_adds(&in, units[i]);
		begin = now();
		subject_base(&b, span_buf(&in), NULL);
		CHECK(now() - begin < 60, "a megabyte of \"%s\": %.3f s",
		    units[i], now() - begin);
	}
	buf_free(&b);
	buf_free(&in);
}

int
main(void)
{
	test_html();
	test_fold();
	test_casemap();
	test_rules();
	test_find();
	test_long_header();
	test_preview();
	test_msgid();
	test_subject();
	return (test_done());
}
