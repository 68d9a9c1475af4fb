/* Encoded words (hardcases I7), transfer encodings, character sets. */
#include <iconv.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "charset.h"
#include "rfc2047.h"
#include "test.h"
#include "transfer.h"
#include "utf8.h"

#define FFFD	"\357\277\275"

static const struct {
	const char	*in, *want;
} words[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ " folded\r\n text", " folded text" },
	{ "=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Gr\303\274\303\237e" },
	{ "=?UTF-8?B?R3LDvMOfZQ==?=", "Gr\303\274\303\237e" },
	{ "=?iso-8859-1?Q?Keld_J=F8rn?= Simonsen", "Keld J\303\270rn Simonsen" },
	{ "=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore" },
	{ "(=?ISO-8859-1?Q?a?=)", "(a)" },
	{ "(=?ISO-8859-1?Q?a?= b)", "(a b)" },
	{ "(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)" },
	{ "=?ISO-8859-1?Q?a?=\r\n \t =?utf-8?Q?b?=", "ab" },
	{ "=?ISO-8859-1?Q?a_?= =?ISO-8859-2?Q?_b?=", "a  b" },
	{ "x  =?utf-8?q?a?=  y  =?utf-8?q?b?=  ", "x  a  y  b  " },
	{ "=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "\303\251" },
	{ "=?utf-8?b?ww==?= =?utf-8?b?qQ==?=", "\303\251" },
	{ "=?utf-8?q?=C3?=", FFFD },
	{ "=?utf-8?q?a?b", "=?utf-8?q?a?b" },
	{ "=?utf-8?q?unterminated", "=?utf-8?q?unterminated" },
	{ "=?utf-8?q?", "=?utf-8?q?" },
	{ "=?utf-8?x?a?=", "=?utf-8?x?a?=" },
	{ "=??q?a?=", "=??q?a?=" },
	{ "=?utf-8?q?\?=", "" },
	{ "=?x-unknown?b?YQ==?=", "=?x-unknown?b?YQ==?=" },
	{ "=?x-unknown?b?YQ==?= =?utf-8?q?a?=", "=?x-unknown?b?YQ==?= a" },
	{ "=?utf-8?q?a?= =?x-unknown?q?b?=", "a =?x-unknown?q?b?=" },
	{ "=?utf-8?q?=3D=3Futf-8=3Fq=3Fa=3F=3D?=", "=?utf-8?q?a?=" },
	{ "=?utf-8?q?=?utf-8?q?a?=?=", "=?utf-8?q?a?=" },
	{ "=?utf-8?q?a=0D=0ABcc:_x?=", "a  Bcc: x" },
	{ "=?utf-8?q?a=00b?=", "a b" },
	{ "=?utf-8?q?a=XYb=4?=", "a=XYb=4" },
	{ "=?utf-8?q?a b?=", "a b" },
	{ "=?utf-8?b?YWJj!ZGVm?=", "abcdef" },
	{ "=?utf-8?b?YWJ?=", "ab" },
	{ "raw \303\251 \351", "raw \303\251 " FFFD },
	{ "a\rBcc: x", "a Bcc: x" },
	{ "=?koi8-r?B?89TB1NjRIM/C?=", "\320\241\321\202\320\260\321\202\321"
	    "\214\321\217 \320\276\320\261" },
	{ "=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=", "\346\227\245\346\234\254" },
	{ "=?gb2312?B?1tDOxA==?=", "\344\270\255\346\226\207" },
	{ "=?shift_jis?q?=93=FA=96{?=", "\346\227\245\346\234\254" },
	{ "=?windows-1252?q?=80_=93x=94?=", "\342\202\254 \342\200\234x\342\200"
	    "\235" },
	{ "=?iso-8859-15?q?=A4?=", "\342\202\254" },
};

static const struct {
	const char	*in, *want, *phrase;
} encodes[] = {
	{ "", "", "\"\"" },
	{ "plain text", "plain text", "plain text" },
	{ "  trimmed ", "trimmed", "trimmed" },
	{ "comma, dot.", "comma, dot.", "\"comma, dot.\"" },
	{ "Gr\303\274\303\237e", "=?utf-8?q?Gr=C3=BC=C3=9Fe?=",
	    "=?utf-8?q?Gr=C3=BC=C3=9Fe?=" },
	{ "a \303\251 b", "a =?utf-8?q?=C3=A9?= b",
	    "=?utf-8?q?a_=C3=A9_b?=" },
	{ "a\r\nBcc: b", "a  Bcc: b", "\"a  Bcc: b\"" },
	{ "say =?utf-8?q?x?=", "say =?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3F=3D?=",
	    "=?utf-8?q?say_=3D=3Futf-8=3Fq=3Fx=3F=3D?=" },
	{ "bad \303", "bad =?utf-8?q?=EF=BF=BD?=",
	    "=?utf-8?q?bad_=EF=BF=BD?=" },
};

static struct charsets	*all;

static double
now(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return ((double)t.tv_sec + (double)t.tv_nsec / 1e9);
}

static void
test_words(void)
{
	struct buf	 b = { 0 };
	size_t		 i;

	for (i = 0; i < nitems(words); i++) {
		buf_reset(&b);
		rfc2047_decode(&b, span_str(words[i].in), all);
		CHECK(span_eqs(span_buf(&b), words[i].want), "%s: %s",
		    words[i].in, buf_cstr(&b));
	}
	buf_free(&b);
}

/* Every line of at most 76 octets, every word of at most 75; and back. */
static int
lines_good(struct span s, size_t first)
{
	struct span	 line;
	size_t		 n = first;

	while (s.n > 0) {
		(void)span_split(&s, '\n', &line);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n + n > 76)
			return (0);
		n = 0;
		if (s.n > 0 && s.p[0] != ' ')
			return (0);
	}
	return (1);
}

static void
test_encode(void)
{
	static const char	*const units[] = { "\303\251", "word ",
	    "\346\227\245", "\360\237\230\200", "w\303\266rd ", "=?", " ", "a\t" };
	struct buf	 b = { 0 }, in = { 0 }, back = { 0 }, clean = { 0 };
	size_t		 i, k, n;

	for (i = 0; i < nitems(encodes); i++) {
		buf_reset(&b);
		rfc2047_encode(&b, span_str(encodes[i].in), 9);
		CHECK(span_eqs(span_buf(&b), encodes[i].want), "%s: %s",
		    encodes[i].in, buf_cstr(&b));
		buf_reset(&b);
		rfc2047_encode_phrase(&b, span_str(encodes[i].in));
		CHECK(span_eqs(span_buf(&b), encodes[i].phrase),
		    "phrase %s: %s", encodes[i].in, buf_cstr(&b));
	}
	for (i = 0; i < nitems(units); i++)
		for (n = 1; n < 200; n += 7) {
			buf_reset(&in);
			buf_reset(&b);
			buf_reset(&back);
			for (k = 0; k < n; k++)
				buf_adds(&in, units[k % 3 == 2 ? i :
				    (i + k) % nitems(units)]);
			rfc2047_encode(&b, span_buf(&in), 20);
			if (!lines_good(span_buf(&b), 20))
				CHECK(0, "unit %zu x %zu: long line: %s", i, n,
				    buf_cstr(&b));
			rfc2047_decode(&back, span_buf(&b), all);
			buf_reset(&clean);
			buf_add_span(&clean, span_buf(&in));
			for (k = 0; k < clean.n; k++)
				if (clean.p[k] == '\t')
					clean.p[k] = ' ';
			if (!span_eq(span_buf(&back),
			    span_trim(span_buf(&clean))))
				CHECK(0, "unit %zu x %zu: %s became %s", i, n,
				    buf_cstr(&in), buf_cstr(&back));
		}
	CHECK(1, "encoded text comes back");
	buf_free(&b);
	buf_free(&in);
	buf_free(&back);
	buf_free(&clean);
}

/* Ten megabytes of each are done in a moment. */
static void
test_large(void)
{
	static const char	*const units[] = { "=?utf-8?q?", "=?utf-8?q?a?=",
	    "=?utf-8?q?a?= ", "=?utf-8?b?", "=?", "=", "?=", " ", "\r\n ",
	    "=?x-unknown?b?YQ==?= ", "=?aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
	struct buf	 b = { 0 }, in = { 0 };
	double		 begin;
	size_t		 i;

	for (i = 0; i < nitems(units); i++) {
		buf_reset(&b);
		buf_reset(&in);
		while (in.n < 10000000)
			buf_adds(&in, units[i]);
		begin = now();
		rfc2047_decode(&b, span_buf(&in), all);
		CHECK(now() - begin < 60 && b.n <= in.n,
		    "10 MB of \"%s\": %.2f s", units[i], now() - begin);
	}
	buf_free(&b);
	buf_free(&in);
}

static const struct {
	enum mime_encoding	 e;
	const char		*in, *want;
	int			 broken;
} decodes[] = {
	{ MIME_QP, "a=3Db", "a=b", 0 },
	{ MIME_QP, "a=3db", "a=b", 0 },
	{ MIME_QP, "soft =\r\nend", "soft end", 0 },
	{ MIME_QP, "soft = \t\r\nend", "soft end", 0 },
	{ MIME_QP, "soft =\nend", "soft end", 0 },
	{ MIME_QP, "blanks  \t \r\nnext ", "blanks\r\nnext", 0 },
	{ MIME_QP, "a b  c", "a b  c", 0 },
	{ MIME_QP, "a =20 \r\n", "a  \r\n", 0 },
	{ MIME_QP, "bad=", "bad", 0 },
	{ MIME_QP, "bad=4", "bad=4", 0 },
	{ MIME_QP, "bad=4=41", "bad=4A", 1 },
	{ MIME_QP, "bad=XY=zz==41", "bad=XY=zz=A", 1 },
	{ MIME_QP, "a=\rb", "a=\rb", 1 },
	{ MIME_QP, "a= b", "a= b", 1 },
	{ MIME_QP, "\r\n\r\n", "\r\n\r\n", 0 },
	{ MIME_BASE64, "YWJj", "abc", 0 },
	{ MIME_BASE64, "YW\r\nJj\r\n", "abc", 0 },
	{ MIME_BASE64, "YWI=", "ab", 0 },
	{ MIME_BASE64, "YQ==", "a", 0 },
	{ MIME_BASE64, "YQ==YQ==", "aa", 0 },
	{ MIME_BASE64, "YWI", "ab", 0 },
	{ MIME_BASE64, "Y", "", 1 },
	{ MIME_BASE64, "Y!W*J-j", "abc", 1 },
	{ MIME_BASE64, "====", "", 0 },
	{ MIME_7BIT, "as =3D it", "as =3D it", 0 },
};

static void
test_decode(void)
{
	struct transfer	 t;
	struct buf	 b = { 0 };
	struct span	 s, part;
	size_t		 i, n;

	for (i = 0; i < nitems(decodes); i++)
		for (n = 1; n <= strlen(decodes[i].in); n++) {
			buf_reset(&b);
			transfer_start(&t, decodes[i].e);
			for (s = span_str(decodes[i].in); s.n > 0;) {
				(void)span_take(&s, s.n < n ? s.n : n, &part);
				transfer_feed(&t, &b, part);
			}
			transfer_end(&t, &b);
			if (!CHECK(span_eqs(span_buf(&b), decodes[i].want) &&
			    t.broken == decodes[i].broken, "%s by %zu: %s %d",
			    decodes[i].in, n, buf_cstr(&b), t.broken))
				break;
		}
	buf_free(&b);
}

/* Random octets there and back, in any slices; the lines are good. */
static void
test_round(void)
{
	static const enum mime_encoding	 e[] = { MIME_QP, MIME_BASE64 };
	struct transfer	 t;
	struct buf	 in = { 0 }, out = { 0 }, back = { 0 };
	struct span	 s, part, line;
	unsigned	 seed = 1, k, n;
	size_t		 i;
	int		 bad = 0, longs = 0;

	for (k = 0; k < 4000; k++)
		for (i = 0; i < nitems(e); i++) {
			buf_reset(&in);
			buf_reset(&out);
			buf_reset(&back);
			seed = seed * 1103515245 + 12345;
			for (n = seed >> 16 & 255; n > 0; n--) {
				seed = seed * 1103515245 + 12345;
				buf_addc(&in, k & 1 ? (int)(seed >> 16) :
				    "a .=\r\n\t~"[seed >> 16 & 7]);
			}
			transfer_start(&t, e[i]);
			for (s = span_buf(&in); s.n > 0;) {
				n = 1 + k % 7;
				(void)span_take(&s, s.n < n ? s.n : n, &part);
				transfer_encode(&t, &out, part);
			}
			transfer_encode_end(&t, &out);
			for (s = span_buf(&out); s.n > 0;) {
				(void)span_split(&s, '\n', &line);
				longs += line.n > 77 || line.n == 0 ||
				    line.p[line.n - 1] != '\r' ||
				    line.p[0] == '.';
			}
			transfer_start(&t, e[i]);
			transfer_feed(&t, &back, span_buf(&out));
			transfer_end(&t, &back);
			bad += !span_eq(span_buf(&in), span_buf(&back));
		}
	CHECK(bad == 0 && longs == 0, "random octets: %d changed, %d bad lines",
	    bad, longs);
	buf_free(&in);
	buf_free(&out);
	buf_free(&back);
}

/* Each text whole and in slices of any size; output is always UTF-8. */
static void
test_charsets(void)
{
	static const struct {
		const char	*name, *in;
		size_t		 n;
		const char	*want;
	} t[] = {
		{ "utf-8", "\303\251\342\202\254\360\237\230\200", 9,
		    "\303\251\342\202\254\360\237\230\200" },
		{ "utf-8", "a\300\257b\355\240\200c\364\220\200\200", 12,
		    "a" FFFD FFFD "b" FFFD FFFD FFFD "c" FFFD FFFD FFFD FFFD },
		{ "latin1", "\351\200", 2, "\303\251\342\202\254" },
		{ "koi8-r", "\301\302", 2, "\320\260\320\261" },
		{ "iso-2022-jp", "\033$BF|K\\\033(B\n\033$BF|\033(B", 19,
		    "\346\227\245\346\234\254\n\346\227\245" },
		{ "euc-jp", "\306\374\313\334", 4, "\346\227\245\346\234\254" },
		{ "big5", "\244\244\244\345", 4, "\344\270\255\346\226\207" },
		{ "gb18030", "\326\320\201\060\201\060", 6,
		    "\344\270\255\302\200" },
		{ "euc-kr", "\307\321", 2, "\355\225\234" },
		{ "utf-16", "\376\377\000a\330\075\336\000", 8,
		    "a\360\237\230\200" },
		{ "utf-16", "\377\376a\000\075\330\000\336", 8,
		    "a\360\237\230\200" },
		{ "utf-16", "\000a\000b\000", 5, "ab" FFFD },
		{ "utf-16", "\330\075\000a", 4, FFFD "a" },
		{ "utf-16le", "a\000b\000", 4, "ab" },
		{ "utf-7", "Hi +AOk-\n", 9, "Hi \303\251\n" },
		{ "latin-1", "\351", 1, "\303\251" },
		{ "cp50220", "\033$BF|\033(B", 8, "\346\227\245" },
		{ "cp50221", "\033(I1\033(B", 7, "\357\275\261" },
		{ "iso-2022-jp-ms", "\033$BF|\033(B", 8, "\346\227\245" },
		{ "ksc_5601", "\307\321", 2, "\355\225\234" },
		{ "x-mac-cyrillic", "\200\337", 2, "\320\220\321\217" },
		{ "ibm855", "\240", 1, "\320\260" },
		{ "windows-1251", "\335", 1, "\320\255" },
		{ "shift_jis", "\223\372\377\226{", 5,
		    "\346\227\245" FFFD "\346\234\254" },
	};
	struct charset_stream	 cs;
	const struct charset	*c;
	struct buf		 b = { 0 };
	struct span		 s, part;
	size_t			 i, n;

	for (i = 0; i < nitems(t); i++) {
		c = charset_find(all, span_str(t[i].name));
		buf_reset(&b);
		if (c != NULL)
			charset_convert(&b, c, span_of(t[i].in, t[i].n));
		CHECK(c != NULL && span_eqs(span_buf(&b), t[i].want), "%s: %s",
		    t[i].name, buf_cstr(&b));
		for (n = 1; n < t[i].n; n++) {
			buf_reset(&b);
			charset_start(&cs, c);
			for (s = span_of(t[i].in, t[i].n); s.n > 0;) {
				(void)span_take(&s, s.n < n ? s.n : n, &part);
				charset_feed(&cs, &b, part);
			}
			charset_end(&cs, &b);
			CHECK(span_eqs(span_buf(&b), t[i].want),
			    "%s by %zu: %s", t[i].name, n, buf_cstr(&b));
		}
	}
	CHECK(charset_find(all, span_str("x-unknown")) == NULL &&
	    charset_find(all, span_str("")) == NULL &&
	    charset_find(all, span_str("utf-8 koi8-r")) == NULL &&
	    charset_find(NULL, span_str("koi8-r")) == NULL &&
	    charset_find(NULL, span_str("ISO-8859-1")) != NULL, "names");
	CHECK(charsets_count(all) > 40, "%zu sets", charsets_count(all));
	buf_free(&b);
}

static void
test_utf8(void)
{
	static const struct {
		const char	*in;
		int		 n;
	} t[] = {
		{ "a", 1 }, { "\302\200", 2 }, { "\340\240\200", 3 },
		{ "\360\220\200\200", 4 }, { "\364\217\277\277", 4 },
		{ "\200", 0 }, { "\300\200", 0 }, { "\301\277", 0 },
		{ "\340\237\277", 0 }, { "\355\240\200", 0 },
		{ "\360\217\277\277", 0 }, { "\364\220\200\200", 0 },
		{ "\365\200\200\200", 0 }, { "\377", 0 }, { "\303", -1 },
		{ "\303a", 0 }, { "\342\202", -1 }, { "", -1 },
		{ "\360\237\230", -1 },
	};
	uint32_t	 cp;
	size_t		 i;

	for (i = 0; i < nitems(t); i++)
		CHECK(utf8_decode(span_str(t[i].in), &cp) == t[i].n,
		    "utf8 %zu", i);
	CHECK(utf8_cut(span_str("a\303\251b"), 2) == 1 &&
	    utf8_cut(span_str("a\303\251b"), 3) == 3 &&
	    utf8_cut(span_str("\200\200\200\200\200"), 4) == 4 &&
	    utf8_cut(span_str("ab"), 9) == 2, "cut");
}

/* What was opened before a chroot goes on after it. */
static void
test_caged(void)
{
	char	 dir[] = "/tmp/word_test.XXXXXX";
	pid_t	 pid;
	int	 status = 0;

	if ((pid = fork()) == 0) {
		if (freopen("/dev/null", "w", stdout) == NULL ||
		    mkdtemp(dir) == NULL || chdir(dir) == -1 ||
		    rmdir(dir) == -1)
			_exit(1);
		if (chroot(".") == -1)
			_exit(0);	/* not root: nothing to try */
		test_failed = 0;
		CHECK(iconv_open("UTF-8", "EBCDIC-US") == (iconv_t)-1,
		    "caged");
		test_charsets();
		_exit(test_failed != 0);
	}
	CHECK(pid != -1 && waitpid(pid, &status, 0) == pid && status == 0,
	    "all sets after chroot");
}

int
main(void)
{
	if ((all = charsets_open()) == NULL)
		return (1);
	test_utf8();
	test_words();
	test_encode();
	test_decode();
	test_round();
	test_charsets();
	test_large();
	test_caged();
	charsets_free(all);
	return (test_done());
}
