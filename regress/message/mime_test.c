/*
 * The MIME parser: structures, limits (hardcases I1, I2, I3, I6), any split,
 * sections (H13), saving and loading (I10).
 */
#include <errno.h>
#include <time.h>

#include "content.h"
#include "mime.h"
#include "test.h"

#define MP(b)	"Content-Type: multipart/mixed; boundary=\"" b "\"\r\n\r\n"

/*
 * A tree is written as KIND[body text]CHILDREN: L leaf, M multipart (body
 * left out), R message/rfc822, O opaque.
 */
static const struct {
	const char	*name, *in, *want;
} cases[] = {
	{ "empty", "", "L[]" },
	{ "header alone", "A: b", "L[]" },
	{ "header and empty line", "A: b\r\n\r\n", "L[]" },
	{ "empty line alone", "\r\n", "L[]" },
	{ "body", "A: b\r\n\r\nx\r\ny", "L[x\r\ny]" },
	{ "LF alone", "A: b\n\nx\ny", "L[x\ny]" },
	{ "two parts", MP("b") "pre\r\n--b\r\n\r\none\r\n--b\r\n"
	    "X: y\r\n\r\ntwo\r\n--b--\r\nepi", "M(L[one]L[two])" },
	{ "LF parts", "Content-Type: multipart/mixed; boundary=b\n\n"
	    "--b\n\none\n\n--b\n\ntwo\n--b--\n", "M(L[one\n]L[two])" },
	{ "boundary at the very start of the body", MP("b")
	    "--b\r\n\r\none\r\n--b--", "M(L[one])" },
	{ "no close", MP("b") "--b\r\n\r\none\r\n", "M(L[one\r\n])" },
	{ "close at once", MP("b") "--b--\r\n--b\r\n\r\nx", "M()" },
	{ "parts behind the close", MP("b")
	    "--b\r\n\r\none\r\n--b--\r\n--b\r\n\r\ntwo\r\n--b--\r\n",
	    "M(L[one])" },
	{ "no boundary line", MP("b") "text", "M()" },
	{ "no body", "Content-Type: multipart/mixed; boundary=b", "M()" },
	{ "parts without header", MP("b") "--b\r\n--b\r\n--b--",
	    "M(L[]L[])" },
	{ "header not ended", MP("b") "--b\r\nA: b\r\n--b\r\n\r\nx\r\n--b--",
	    "M(L[]L[x])" },
	{ "multipart header not ended", MP("b") "--b\r\n"
	    "Content-Type: multipart/mixed; boundary=c\r\n--b\r\n\r\nx\r\n--b--",
	    "M(M()L[x])" },
	{ "rfc822 header not ended", MP("b") "--b\r\n"
	    "Content-Type: message/rfc822\r\n--b--", "M(R(L[]))" },
	{ "empty body", MP("b") "--b\r\n\r\n--b\r\n\r\n\r\n--b--",
	    "M(L[]L[])" },
	{ "spaces behind it", MP("b") "--b \t \r\n\r\none\r\n--b--  \r\n",
	    "M(L[one])" },
	{ "no line start", MP("b") "--b\r\n\r\none --b\r\n --b\r\n--b--",
	    "M(L[one --b\r\n --b])" },
	{ "longest boundary counts", MP("b") "--b\r\n" MP("b1") "--b1\r\n"
	    MP("b1x") "--b1x\r\n\r\n1\r\n--b1x--\r\n--b1\r\n\r\n2\r\n--b1--\r\n"
	    "--b\r\n\r\n3\r\n--b--", "M(M(M(L[1])L[2])L[3])" },
	{ "inner left open", MP("o") "--o\r\n" MP("i") "--i\r\n\r\n1\r\n"
	    "--o\r\n\r\n2\r\n--o--", "M(M(L[1])L[2])" },
	{ "the same boundary twice", MP("b") "--b\r\n" MP("b")
	    "--b\r\n\r\n1\r\n--b--\r\n--b\r\n\r\n2\r\n--b--",
	    "M(M(L[1])L[2])" },
	{ "in base64", MP("b") "--b\r\nContent-Transfer-Encoding: base64\r\n"
	    "\r\nYWJj\r\n--b\r\n\r\nx\r\n--b--", "M(L[YWJj]L[x])" },
	{ "quoted boundary", "Content-Type: multipart/mixed;\r\n"
	    " boundary=\"a b?=\\\"c\"\r\n\r\n--a b?=\"c\r\n\r\nx\r\n"
	    "--a b?=\"c--", "M(L[x])" },
	{ "boundary in pieces", "Content-Type: multipart/mixed; "
	    "boundary*1=c; boundary*0=b\r\n\r\n--bc\r\n\r\nx\r\n--bc--",
	    "M(L[x])" },
	{ "no boundary", "Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nx",
	    "L[--b\r\n\r\nx]" },
	{ "boundary of 0", "Content-Type: multipart/mixed; boundary=\"\"\r\n"
	    "\r\n--\r\n\r\nx", "L[--\r\n\r\nx]" },
	{ "boundary of spaces", "Content-Type: multipart/mixed; "
	    "boundary=\"  \"\r\n\r\n--\r\n\r\nx", "L[--\r\n\r\nx]" },
	{ "message", "Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\nx",
	    "R(L[x])" },
	{ "message in message", "Content-Type: message/rfc822\r\n\r\n"
	    "Content-Type: message/rfc822\r\n\r\nx: y", "R(R(L[]))" },
	{ "message with parts", MP("o") "--o\r\nContent-Type: "
	    "message/rfc822\r\n\r\n" MP("i") "--i\r\n\r\n1\r\n--i--\r\n"
	    "--o--", "M(R(M(L[1])))" },
	{ "inner boundary leaks from a message", MP("o") "--o\r\n"
	    "Content-Type: message/rfc822\r\n\r\n" MP("i") "--i\r\n\r\n1\r\n"
	    "--o\r\n\r\n2\r\n--i\r\n\r\n3\r\n--o--",
	    "M(R(M(L[1]))L[2\r\n--i\r\n\r\n3])" },
	{ "digest", "Content-Type: multipart/digest; boundary=b\r\n\r\n"
	    "--b\r\n\r\nSubject: x\r\n\r\ny\r\n--b\r\n"
	    "Content-Type: text/plain\r\n\r\nz\r\n--b--",
	    "M(R(L[y])L[z])" },
	{ "bad type", "Content-Type: nonsense\r\n\r\nx", "L[x]" },
	{ "two types: the first", "Content-Type: text/plain\r\n"
	    MP("b") "--b\r\n\r\nx", "L[--b\r\n\r\nx]" },
};

static void
show(struct buf *b, const struct mime *m, uint32_t i, struct span s)
{
	const struct mime_part	*p = &m->parts[i];
	uint32_t		 k;

	buf_addc(b, p->kind == MIME_MULTIPART ? 'M' : p->kind ==
	    MIME_MESSAGE ? 'R' : p->opaque ? 'O' : 'L');
	if (p->kind == MIME_LEAF) {
		buf_addc(b, '[');
		buf_add(b, s.p + p->body, (size_t)(p->end - p->body));
		buf_addc(b, ']');
		return;
	}
	buf_addc(b, '(');
	for (k = p->child; k != MIME_NONE; k = m->parts[k].next)
		show(b, m, k, s);
	buf_addc(b, ')');
}

/* What holds of every tree. */
static int
sane(const struct mime *m)
{
	const struct mime_part	*p, *up;
	uint32_t		 i, k, n;

	for (i = 0; i < m->nparts; i++) {
		p = &m->parts[i];
		if (p->header > p->body || p->body > p->end ||
		    p->end > m->size)
			return (0);
		for (n = 0, k = p->child; k != MIME_NONE;
		    k = m->parts[k].next, n++) {
			up = &m->parts[m->parts[k].parent];
			if (k <= i || up != p ||
			    m->parts[k].header < p->body ||
			    m->parts[k].end > p->end)
				return (0);
		}
		if (n != p->children || (p->kind == MIME_MESSAGE && n != 1) ||
		    (p->kind == MIME_LEAF && n != 0))
			return (0);
	}
	return (1);
}

static int
same(const struct mime *a, const struct mime *b, int kept)
{
	struct buf	 x = { 0 }, y = { 0 };
	uint32_t	 i;
	int		 eq;

	mime_save(&x, a);
	mime_save(&y, b);
	eq = span_eq(span_buf(&x), span_buf(&y));
	for (i = 0; kept && eq && i < a->nparts; i++)
		eq = span_eq(mime_text(a, a->parts[i].kept),
		    mime_text(b, b->parts[i].kept));
	buf_free(&x);
	buf_free(&y);
	return (eq);
}

/* Fed in slices of n octets. */
static const struct mime *
sliced(struct mime_parser *p, struct span s, size_t n)
{
	struct span	 part;

	mime_parser_reset(p);
	while (s.n > 0) {
		(void)span_take(&s, s.n < n ? s.n : n, &part);
		if (mime_feed(p, part) == -1)
			return (NULL);
	}
	return (mime_end(p));
}

static void
test_cases(void)
{
	struct mime_parser	*p = mime_parser_new(NULL);
	struct buf		 b = { 0 }, saved = { 0 };
	struct mime		*m, *loaded;
	const struct mime	*t;
	struct span		 s;
	size_t			 i, n, bad;

	for (i = 0; i < nitems(cases); i++) {
		s = span_str(cases[i].in);
		m = message_parse(s);
		buf_reset(&b);
		show(&b, m, 0, s);
		CHECK(span_eqs(span_buf(&b), cases[i].want) && sane(m),
		    "%s: %s", cases[i].name, buf_cstr(&b));
		for (n = 1, bad = 0; n < s.n; n++) {
			t = sliced(p, s, n);
			bad += t == NULL || !same(m, t, 1);
		}
		CHECK(bad == 0, "%s: %zu splits differ", cases[i].name, bad);
		buf_reset(&saved);
		mime_save(&saved, m);
		loaded = mime_load(span_buf(&saved));
		CHECK(loaded != NULL && sane(loaded) && same(m, loaded, 0),
		    "%s: saved and loaded", cases[i].name);
		mime_free(loaded);
		for (n = bad = 0; n < saved.n; n++) {
			loaded = mime_load(span_of(saved.p, n));
			bad += loaded != NULL;
			mime_free(loaded);
		}
		CHECK(bad == 0, "%s: cut short does not load", cases[i].name);
		for (n = bad = 0; n < saved.n * 8; n++) {
			saved.p[n / 8] ^= (uint8_t)(1u << n % 8);
			loaded = mime_load(span_buf(&saved));
			bad += loaded != NULL && !sane(loaded);
			mime_free(loaded);
			saved.p[n / 8] ^= (uint8_t)(1u << n % 8);
		}
		CHECK(bad == 0, "%s: what loads is sane", cases[i].name);
		mime_free(m);
	}
	buf_free(&b);
	buf_free(&saved);
	mime_parser_free(p);
}

static double
now(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return ((double)t.tv_sec + (double)t.tv_nsec / 1e9);
}

static uint32_t
depth(const struct mime *m)
{
	uint32_t	 i, k, d, most = 0;

	for (i = 0; i < m->nparts; i++) {
		for (d = 0, k = i; m->parts[k].parent != MIME_NONE; d++)
			k = m->parts[k].parent;
		most = d > most ? d : most;
	}
	return (most);
}

/* Deep, many, long: bounded and fast. */
static void
test_hostile(void)
{
	static const struct {
		const char	*name, *head, *unit;
		size_t		 n;
		uint32_t	 parts, depth;	/* at most */
	} h[] = {
		{ "100,000 deep", "", MP("b") "--b\r\n", 100000, 10000,
		    100 },
		{ "100,000 messages deep", "",
		    "Content-Type: message/rfc822\r\n\r\n", 100000, 101, 100 },
		{ "a million parts", MP("b"), "--b\r\n\r\n", 1000000, 10000,
		    1 },
		{ "a million parts without header", MP("b"), "--b\r\n",
		    1000000, 10000, 1 },
		{ "a million dashes", MP("b"), "--\r\n", 1000000, 1, 0 },
		{ "a long line", "", "aaaaaaaaaa", 1000000, 1, 0 },
		{ "a long field", "A: ", "aaaaaaaaaa", 1000000, 1, 0 },
		{ "many fields", "", "A: b\r\n", 1000000, 1, 0 },
		{ "many types", "", "Content-Type: text/plain\r\n", 300000, 1,
		    0 },
		{ "many parameters", "Content-Type: text/plain", "; a0=b",
		    1000000, 1, 0 },
		{ "many pieces", "Content-Type: text/plain", "; a*1*=b",
		    1000000, 1, 0 },
		{ "a boundary of 10 MB", "Content-Type: multipart/mixed; "
		    "boundary=b", "bbbbbbbbbb", 1000000, 1, 0 },
		{ "comments", "Content-Type: (", "(((((((((", 1000000, 1, 0 },
	};
	struct buf	 b = { 0 };
	struct mime	*m;
	double		 begin;
	size_t		 i, k;

	for (i = 0; i < nitems(h); i++) {
		buf_reset(&b);
		buf_adds(&b, h[i].head);
		for (k = 0; k < h[i].n; k++)
			buf_adds(&b, h[i].unit);
		begin = now();
		m = message_parse(span_buf(&b));
		CHECK(m != NULL && sane(m) && m->nparts <= h[i].parts &&
		    depth(m) <= h[i].depth && now() - begin < 60 &&
		    m->text.n < 8000000, "%s: %u parts, depth %u, %zu kept, "
		    "%.3f s", h[i].name, m->nparts, depth(m), m->text.n,
		    now() - begin);
		mime_free(m);
	}
	buf_free(&b);
}

/* A hundred boundaries open, and lines that nearly are one of them. */
static void
test_near(void)
{
	struct buf	 b = { 0 };
	struct mime	*m;
	double		 begin;
	int		 i, k;

	for (i = 0; i < 99; i++) {
		buf_adds(&b, "Content-Type: multipart/mixed; boundary=");
		for (k = 0; k < 60; k++)
			buf_addc(&b, 'a');
		buf_addf(&b, "%03d\r\n\r\n--", i);
		for (k = 0; k < 60; k++)
			buf_addc(&b, 'a');
		buf_addf(&b, "%03d\r\n", i);
	}
	buf_adds(&b, "\r\n");
	for (i = 0; i < 150000; i++)
		buf_adds(&b, "--aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaaaaaa\r\n");
	begin = now();
	m = message_parse(span_buf(&b));
	CHECK(m != NULL && m->nparts == 100 && now() - begin < 60,
	    "10 MB of lines that nearly are boundaries: %.3f s",
	    now() - begin);
	mime_free(m);
	buf_free(&b);
}

/* Boundary lengths; fields that no longer fit do not hide Content-Type. */
static void
test_bounds(void)
{
	static const struct {
		size_t		 n;
		uint32_t	 parts;
	} len[] = { { 1, 2 }, { 70, 2 }, { 71, 2 }, { 2048, 2 }, { 2049, 1 } };
	struct buf	 b = { 0 };
	struct mime	*m;
	size_t		 i, k;

	for (i = 0; i < nitems(len); i++) {
		buf_reset(&b);
		buf_adds(&b, "Content-Type: multipart/mixed; boundary=");
		for (k = 0; k < len[i].n; k++)
			buf_addc(&b, 'b');
		buf_adds(&b, "\r\n\r\n--");
		for (k = 0; k < len[i].n; k++)
			buf_addc(&b, 'b');
		buf_adds(&b, "\r\n\r\nx\r\n");
		m = message_parse(span_buf(&b));
		CHECK(m->nparts == len[i].parts, "boundary of %zu: %u parts",
		    len[i].n, m->nparts);
		mime_free(m);
	}
	buf_reset(&b);
	for (i = 0; i < 8; i++) {
		buf_adds(&b, "X: ");
		for (k = 0; k < 100000; k++)
			buf_addc(&b, 'x');
		buf_adds(&b, "\r\n");
	}
	buf_adds(&b, MP("b") "--b\r\n\r\nx\r\n");
	m = message_parse(span_buf(&b));
	CHECK(m->nparts == 2 && m->text.n < 300000,
	    "type behind 800 KB of header: %u parts, %zu kept", m->nparts,
	    m->text.n);
	mime_free(m);
	buf_free(&b);
}

static void
test_sections(void)
{
	static const char	 in[] = "A: b\r\n" MP("o")
	    "--o\r\nP: 1\r\n\r\none\r\n"
	    "--o\r\nContent-Type: message/rfc822\r\nP: 2\r\n\r\n"
	    "In: 2\r\n" MP("i") "--i\r\nP: 21\r\n\r\ntwo-one\r\n--i--\r\n"
	    "--o\r\nContent-Type: message/rfc822\r\n\r\nIn: 3\r\n\r\nthree\r\n"
	    "--o--\r\n";
	static const struct {
		const char	*path, *want;	/* NULL: none */
		enum mime_section what;
	} t[] = {
		{ "1", "one", MIME_SECTION_ALL },
		{ "1", "P: 1\r\n\r\n", MIME_SECTION_MIME },
		{ "1", NULL, MIME_SECTION_HEADER },
		{ "1", NULL, MIME_SECTION_TEXT },
		{ "1.1", NULL, MIME_SECTION_ALL },
		{ "2", "In: 2\r\n" MP("i")
		    "--i\r\nP: 21\r\n\r\ntwo-one\r\n--i--",
		    MIME_SECTION_ALL },
		{ "2", "Content-Type: message/rfc822\r\nP: 2\r\n\r\n",
		    MIME_SECTION_MIME },
		{ "2", "In: 2\r\n" MP("i"), MIME_SECTION_HEADER },
		{ "2", "--i\r\nP: 21\r\n\r\ntwo-one\r\n--i--",
		    MIME_SECTION_TEXT },
		{ "2.1", "two-one", MIME_SECTION_ALL },
		{ "2.1", "P: 21\r\n\r\n", MIME_SECTION_MIME },
		{ "2.2", NULL, MIME_SECTION_ALL },
		{ "2.1.1", NULL, MIME_SECTION_ALL },
		{ "3", "In: 3\r\n\r\nthree", MIME_SECTION_ALL },
		{ "3.1", "three", MIME_SECTION_ALL },
		{ "3.1", "In: 3\r\n\r\n", MIME_SECTION_MIME },
		{ "3.1.1", NULL, MIME_SECTION_ALL },
		{ "3.2", NULL, MIME_SECTION_ALL },
		{ "4", NULL, MIME_SECTION_ALL },
		{ "0", NULL, MIME_SECTION_ALL },
		{ "1.0", NULL, MIME_SECTION_ALL },
		{ "4294967295", NULL, MIME_SECTION_ALL },
		{ "", in, MIME_SECTION_ALL },
		{ "", "A: b\r\n" MP("o"), MIME_SECTION_HEADER },
		{ "", NULL, MIME_SECTION_MIME },
	};
	struct span		 s = span_str(in), left, num;
	struct mime		*m = message_parse(s);
	struct mime_range	 r;
	uint32_t		 path[1000];
	uint64_t		 v;
	size_t			 i, n;
	int			 rc;

	for (i = 0; i < nitems(t); i++) {
		for (n = 0, left = span_str(t[i].path); left.n > 0; n++) {
			(void)span_split(&left, '.', &num);
			(void)span_num(num, UINT32_MAX, &v);
			path[n] = (uint32_t)v;
		}
		rc = mime_section(m, path, n, t[i].what, &r);
		CHECK(t[i].want == NULL ? rc == -1 && errno == ENOENT :
		    rc == 0 && span_eqs(span_of(s.p + r.at, (size_t)r.n),
		    t[i].want), "section %s %d: %.*s", t[i].path, t[i].what,
		    (int)r.n, in + r.at);
	}
	for (i = 0; i < nitems(path); i++)
		path[i] = 1;
	CHECK(mime_section(m, path, nitems(path), MIME_SECTION_ALL, &r) == -1,
	    "a thousand numbers");
	mime_free(m);
	/* a message that is no multipart is its own part 1 */
	m = message_parse(span_str("A: b\r\n\r\nxyz"));
	CHECK(mime_section(m, path, 1, MIME_SECTION_ALL, &r) == 0 &&
	    r.at == 8 && r.n == 3 && mime_section(m, path, 2,
	    MIME_SECTION_ALL, &r) == -1, "part 1 of a plain message");
	mime_free(m);
	m = message_parse(span_str("Content-Type: message/rfc822\r\n\r\n"
	    "A: b\r\n\r\nxyz"));
	CHECK(mime_section(m, path, 1, MIME_SECTION_HEADER, &r) == 0 &&
	    r.at == 32 && r.n == 8 && mime_section(m, path, 2,
	    MIME_SECTION_ALL, &r) == 0 && r.at == 40 && r.n == 3,
	    "a message that is a message");
	mime_free(m);
}

static void
test_facts(void)
{
	static const struct {
		const char	*name, *in;
		size_t		 n;
		int		 nul, eightbit, bare;
		uint32_t	 longest, lines;
	} t[] = {
		{ "plain", "A: b\r\n\r\nabcdef\r\n", 16, 0, 0, 0, 6, 3 },
		{ "NUL", "A: b\r\n\r\na\0b\r\n", 13, 1, 0, 0, 4, 3 },
		{ "NUL far on", "A: b\r\n\r\nabcdefghijklmnop\0\r\n", 27, 1, 0,
		    0, 17, 3 },
		{ "8 bit", "A: b\r\n\r\n\303\251\r\n", 12, 0, 1, 0, 4, 3 },
		{ "bare LF", "A: b\n\r\n", 7, 0, 0, 1, 4, 2 },
		{ "bare CR", "A: \rb\r\n\r\n", 9, 0, 0, 1, 5, 2 },
		{ "bare CR at a line's start", "\rA: b\r\n\r\n", 9, 0, 0, 1, 5,
		    2 },
		{ "CR CRLF", "A: b\r\r\n\r\n", 9, 0, 0, 1, 5, 2 },
		{ "CR at the end", "A: b\r", 5, 0, 0, 1, 5, 0 },
	};
	struct mime_parser	*p = mime_parser_new(NULL);
	const struct mime	*m;
	size_t			 i, n, bad;

	for (i = 0; i < nitems(t); i++) {
		for (n = 1, bad = 0; n <= t[i].n; n++) {
			m = sliced(p, span_of(t[i].in, t[i].n), n);
			bad += m->nul != t[i].nul ||
			    m->eightbit != t[i].eightbit ||
			    m->bare != t[i].bare ||
			    m->longest != t[i].longest ||
			    m->lines != t[i].lines;
		}
		CHECK(bad == 0, "facts: %s", t[i].name);
	}
	mime_parser_free(p);
}

static void
test_content(void)
{
	static const struct {
		const char	*in, *want;	/* type/subtype name=value ... */
	} t[] = {
		{ "text/plain", "text/plain" },
		{ " TEXT / Plain (c) ; charset = (x) utf-8 (y)",
		    "TEXT/Plain charset=utf-8" },
		{ "a/b; c=\"d;\\\"e\"; f=g", "a/b c=d;\"e f=g" },
		{ "a/b; c=d e.txt; f=g", "a/b c=d e.txt f=g" },
		{ "a/b; c; d=; =e; f=g;;", "a/b d= f=g" },
		{ "a/b; n*0=x; n*1=y", "a/b n=xy" },
		{ "a/b; n*1=y; n*0=x", "a/b n=xy" },
		{ "a/b; n*0*=utf-8''a%20; n*1=\"b%\"; n*2*=c%21",
		    "a/b n*=utf-8''a%20b%25c%21" },
		{ "a/b; n*0=x; n*2=z", "a/b n=x" },
		{ "a/b; n*1=y; n*2=z", "a/b" },
		{ "a/b; n*0=x; n*0=y; n*1=z", "a/b n=xz" },
		{ "a/b; n*=utf-8''x; N*0=q", "a/b n*=utf-8''x N=q" },
		{ "a/b; n*99999999999=x", "a/b n*99999999999=x" },
		{ "a/b; c=\"unterminated", "a/b c=unterminated" },
		{ "a/b; c=\"x\\", "a/b c=x\\" },
		{ "a/b; c=\"x\r\n y\"", "a/b c=x y" },
		{ "a", NULL }, { "a/", NULL }, { "/b", NULL }, { "", NULL },
		{ "(((", NULL },
	};
	struct content	 c;
	struct buf	 b = { 0 };
	size_t		 i, k;
	int		 rc, ext;

	content_init(&c);
	for (i = 0; i < nitems(t); i++) {
		buf_reset(&b);
		if ((rc = content_type(&c, span_str(t[i].in))) == 0) {
			buf_add_span(&b, c.type);
			buf_addc(&b, '/');
			buf_add_span(&b, c.subtype);
		}
		for (k = 0; k < c.nparams; k++) {
			buf_addc(&b, ' ');
			buf_add_span(&b, c.params[k].name);
			buf_addc(&b, '=');
			buf_add_span(&b, c.params[k].value);
		}
		CHECK(t[i].want == NULL ? rc == -1 :
		    span_eqs(span_buf(&b), t[i].want), "%s: %s", t[i].in,
		    buf_cstr(&b));
	}
	buf_reset(&b);
	buf_adds(&b, "a/b");
	for (i = 0; i < 10000; i++)
		buf_addf(&b, "; a%zu=b", i);
	CHECK(content_type(&c, span_buf(&b)) == 0 &&
	    c.nparams == CONTENT_PARAMS, "10,000 parameters");
	content_disposition(&c, span_str("attachment; filename*=utf-8''x"));
	CHECK(span_eqs(c.type, "attachment") && span_eqs(content_param(&c,
	    "FileName", &ext), "utf-8''x") && ext, "disposition");
	content_free(&c);
	buf_free(&b);
}

int
main(void)
{
	test_cases();
	test_facts();
	test_sections();
	test_content();
	test_bounds();
	test_near();
	test_hostile();
	return (test_done());
}
