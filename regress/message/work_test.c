/*
 * What a hostile message costs, counted, not timed: the sources that read
 * messages are compiled anew so that each of their branches counts one, and the
 * functions of libc that go through octets count those.  Twice as much of the
 * same is to cost at most a little more than twice as much, so that no structure
 * has a quadratic way through the parser, the answers about a message that are
 * made when it comes, or a search of its text.
 */
#include "charset.h"
#include "fold.h"
#include "imap_form.h"
#include "mime.h"
#include "test.h"
#include "text.h"

#define OCTETS	(96 * 1024)	/* of the smaller one */
#define WORD	16		/* octets that libc looks at in a step */
#define SLICE	4096		/* fed at once */

#define H	"From: a@b.example\r\nMIME-Version: 1.0\r\n"
#define MIXED	H "Content-Type: multipart/mixed; boundary="
#define PLAIN	"Content-Type: text/plain"
#define HTML	H "Content-Type: text/html\r\n\r\n"

/* "%u" in a unit stands for how many there were before. */
static const struct {
	const char	*name, *head, *unit, *tail;
} cases[] = {
	{ "plain text", H "\r\n", "a line of text and its end\r\n", "" },
	{ "deep multiparts", H, "Content-Type: multipart/mixed; boundary=b%u"
	    "\r\n\r\n--b%u\r\n", "\r\nend\r\n" },
	{ "deep multiparts, one boundary", H, "Content-Type: multipart/mixed; "
	    "boundary=b\r\n\r\n--b\r\n", "\r\nend\r\n" },
	{ "deep messages", H, "Content-Type: message/rfc822\r\n\r\n",
	    "Subject: last\r\n\r\nend\r\n" },
	{ "empty parts", MIXED "b\r\n\r\n", "--b\r\n\r\n", "--b--\r\n" },
	{ "parts", MIXED "b\r\n\r\n", "--b\r\n" PLAIN "; name=n%u\r\n\r\n"
	    "text\r\n", "--b--\r\n" },
	{ "parts without headers' ends", MIXED "b\r\n\r\n", "--b\r\n"
	    "A: b\r\n", "--b--\r\n" },
	{ "ends of parts", MIXED "b\r\n\r\n", "--b--\r\n", "" },
	{ "lines like boundaries", MIXED "b\r\n\r\n--b\r\n\r\n",
	    "--bb\r\n--\r\n--c\r\n", "--b--\r\n" },
	{ "a boundary", MIXED "\"", "b", "\"\r\n\r\n--bb\r\n\r\nx\r\n" },
	{ "boundaries that begin alike", MIXED "bbbbbbbbbb\r\n\r\n",
	    "--bbbbbbbbb\r\n--bbbbbbbbbbb\r\n", "" },
	{ "parameters", H PLAIN, "; a%u=b", "\r\n\r\nx\r\n" },
	{ "one parameter in pieces", H PLAIN, "; name*%u=a", "\r\n\r\nx\r\n" },
	{ "encoded pieces", H PLAIN, "; name*%u*=%%41", "\r\n\r\nx\r\n" },
	{ "the same parameter", H PLAIN, "; name=a", "\r\n\r\nx\r\n" },
	{ "folded parameters", H PLAIN ";", "\r\n name*%u=a;", "\r\n\r\nx\r\n" },
	{ "semicolons", H PLAIN, ";", "\r\n\r\nx\r\n" },
	{ "types", H, "Content-Type: text/plain\r\n", "\r\nx\r\n" },
	{ "languages", H "Content-Language: a", ", a%u", "\r\n\r\nx\r\n" },
	{ "fields", H, "X-%u: y\r\n", "\r\nx\r\n" },
	{ "the same field", H, "Subject: y\r\n", "\r\nx\r\n" },
	{ "lines that are no fields", H, "no colon\r\n", "\r\nx\r\n" },
	{ "a field", H "Subject: ", "y", "\r\n\r\nx\r\n" },
	{ "a folded field", H "Subject: y", "\r\n y", "\r\n\r\nx\r\n" },
	{ "a name of a field", H, "N", ": y\r\n\r\nx\r\n" },
	{ "encoded words", H "Subject:", " =?utf-8?q?=C3=A4?=",
	    "\r\n\r\nx\r\n" },
	{ "encoded words of halves", H "Subject:", " =?utf-8?q?=C3?=",
	    "\r\n\r\nx\r\n" },
	{ "words without an end", H "Subject: ", "=?utf-8?q?x", "\r\n\r\nx\r\n" },
	{ "=?", H "Subject: ", "=?", "\r\n\r\nx\r\n" },
	{ "spaces in words", H "Subject: =?utf-8?q?", " ", "\r\n\r\nx\r\n" },
	{ "spaces", H "Subject: a", " ", "b\r\n\r\nx\r\n" },
	{ "addresses", H "To: a@b.example", ", a%u@b.example",
	    "\r\n\r\nx\r\n" },
	{ "fields of addresses", H, "To: a%u@b.example\r\n", "\r\nx\r\n" },
	{ "comments deep", H "To: ", "(", "\r\n\r\nx\r\n" },
	{ "comments", H "To: a@b.example ", "(c)", "\r\n\r\nx\r\n" },
	{ "quotes", H "To: ", "\"a\" ", "<a@b.example>\r\n\r\nx\r\n" },
	{ "a quote without an end", H "To: \"", "a ", "\r\n\r\nx\r\n" },
	{ "backslashes", H "To: \"", "\\", "\r\n\r\nx\r\n" },
	{ "angles", H "To: ", "<", "\r\n\r\nx\r\n" },
	{ "routes", H "To: <", "@a,", ":a@b.example>\r\n\r\nx\r\n" },
	{ "groups", H "To: ", "g:a,b;, ", "\r\n\r\nx\r\n" },
	{ "groups without an end", H "To: ", "g:", "\r\n\r\nx\r\n" },
	{ "commas", H "To: ", ",", "\r\n\r\nx\r\n" },
	{ "dots", H "To: a", ".", "@b\r\n\r\nx\r\n" },
	{ "references", H "References:", " <r%u@b.example>", "\r\n\r\nx\r\n" },
	{ "Re:", H "Subject: ", "Re: [x] ", "\r\n\r\nx\r\n" },
	{ "a date", H "Date: ", "1 ", "\r\n\r\nx\r\n" },
	{ "comments in a date", H "Date: ", "(", "\r\n\r\nx\r\n" },
	{ "a line", H "\r\n", "w", "" },
	{ "empty lines", H "\r\n", "\r\n", "" },
	{ "bare CR", H "\r\n", "\r", "" },
	{ "CR before each end", H "\r\n", "\r\r\n", "" },
	{ "bare LF", H "\r\n", "a\nb\r\n", "" },
	{ "8-bit", H "\r\n", "\377\303\344", "" },
	{ "base64", H "Content-Transfer-Encoding: base64\r\n\r\n",
	    "8NLJ18XU\r\n", "" },
	{ "base64 ends", H "Content-Transfer-Encoding: base64\r\n\r\n",
	    "=Q", "" },
	{ "quoted-printable", H "Content-Transfer-Encoding: quoted-printable"
	    "\r\n\r\n", "=C3=A4=\r\n", "" },
	{ "spaces at the ends of lines", H "Content-Transfer-Encoding: "
	    "quoted-printable\r\n\r\n", " ", "\r\n" },
	{ "tags", HTML, "<div>", "x" },
	{ "tags without an end", HTML, "<a ", "x" },
	{ "attributes", HTML "<a", " b%u=\"c\"", ">x" },
	{ "remarks", HTML, "<!--", "x" },
	{ "dashes", HTML "<!-", "-", "x" },
	{ "entities", HTML, "&eacute;&#1234;", "x" },
	{ "&", HTML, "&", "x" },
	{ "an entity", HTML "&", "e", ";x" },
	{ "scripts", HTML, "<script></scrip", "x" },
	{ "marks", H "Content-Type: text/plain; charset=utf-8\r\n\r\na",
	    "\314\201\314\247", "" },
	{ "quoted lines", H "\r\n", "> a\r\n", "" },
};

static unsigned long long	 work;

void	 __sanitizer_cov_trace_pc(void);
void	*__wrap_memchr(const void *, int, size_t);
void	*__wrap_memrchr(const void *, int, size_t);
void	*__wrap_memmem(const void *, size_t, const void *, size_t);
int	 __wrap_memcmp(const void *, const void *, size_t);
void	*__wrap_memcpy(void *, const void *, size_t);
void	*__wrap_memmove(void *, const void *, size_t);
void	*__wrap_memset(void *, int, size_t);
size_t	 __wrap_strlen(const char *);
void	*__real_memchr(const void *, int, size_t);
void	*__real_memrchr(const void *, int, size_t);
void	*__real_memmem(const void *, size_t, const void *, size_t);
int	 __real_memcmp(const void *, const void *, size_t);
void	*__real_memcpy(void *, const void *, size_t);
void	*__real_memmove(void *, const void *, size_t);
void	*__real_memset(void *, int, size_t);
size_t	 __real_strlen(const char *);

/* ---- what counts -------------------------------------------------------------- */

void
__sanitizer_cov_trace_pc(void)
{
	work++;
}

/* As far as it was found, or all. */
static size_t
passed(const void *from, size_t n, const void *found)
{
	return (found == NULL ? n :
	    (size_t)((const char *)found - (const char *)from));
}

void *
__wrap_memchr(const void *s, int c, size_t n)
{
	void	*p = __real_memchr(s, c, n);

	work += passed(s, n, p) / WORD;
	return (p);
}

void *
__wrap_memrchr(const void *s, int c, size_t n)
{
	void	*p = __real_memrchr(s, c, n);

	work += (p == NULL ? n : n - passed(s, n, p)) / WORD;
	return (p);
}

void *
__wrap_memmem(const void *s, size_t n, const void *what, size_t len)
{
	void	*p = __real_memmem(s, n, what, len);

	work += (passed(s, n, p) + len) / WORD;
	return (p);
}

int
__wrap_memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t	*x = a, *y = b;
	size_t		 i;

	for (i = 0; i < n && x[i] == y[i]; i++)
		continue;
	work += i / WORD;
	return (i == n ? 0 : x[i] - y[i]);
}

void *
__wrap_memcpy(void *to, const void *from, size_t n)
{
	work += n / WORD;
	return (__real_memcpy(to, from, n));
}

void *
__wrap_memmove(void *to, const void *from, size_t n)
{
	work += n / WORD;
	return (__real_memmove(to, from, n));
}

void *
__wrap_memset(void *to, int c, size_t n)
{
	work += n / WORD;
	return (__real_memset(to, c, n));
}

size_t
__wrap_strlen(const char *s)
{
	size_t	 n = __real_strlen(s);

	work += n / WORD;
	return (n);
}

/* ---- what is done with a message --------------------------------------------- */

static const struct charsets	*charsets;

static void
parse(struct span msg, struct mime_parser *p)
{
	struct span	 slice;

	while (msg.n > 0) {
		(void)span_take(&msg, msg.n < SLICE ? msg.n : SLICE, &slice);
		if (mime_feed(p, slice) == -1)
			abort();
	}
}

enum { PARSE, ENVELOPE, STRUCTURE, PREVIEW, SEARCH, WORKS };
static const char *const	 works[WORKS] = { "parse", "envelope",
	"structure", "preview", "search" };

static void
count(struct span msg, unsigned long long done[WORKS])
{
	struct message_source	 src = { message_source_span, &msg };
	struct mime_parser	*p = mime_parser_new(NULL);
	const struct mime	*m = NULL;
	struct buf		 b = { 0 };
	int			 i, rc = 0;

	for (i = 0; i < WORKS; i++) {
		work = 0;
		switch (i) {
		case PARSE:
			parse(msg, p);
			if ((m = mime_end(p)) == NULL)
				abort();
			break;
		case ENVELOPE:
			rc = message_envelope(&b, span_of(msg.p,
			    (size_t)m->parts[0].body), 0);
			break;
		case STRUCTURE:
			rc = message_bodystructure(&b, m, IMAP_FORM_EXTENDED);
			break;
		case PREVIEW:
			rc = message_preview(&b, m, &src, charsets, 0);
			break;
		case SEARCH:
			rc = text_find(m, &src, charsets, TEXT_SEARCH_TEXT,
			    span_str("needle"));
			break;
		}
		done[i] = work;
		if (rc != 0)
			abort();
	}
	buf_free(&b);
	mime_parser_free(p);
}

static void
make(struct buf *b, size_t octets, const char *head, const char *unit,
    const char *tail)
{
	const char	*u;
	unsigned	 k;

	buf_reset(b);
	(void)buf_adds(b, head);
	for (k = 0; b->n < octets; k++)
		for (u = unit; *u != '\0'; u++)
			if (*u != '%')
				(void)buf_addc(b, *u);
			else if (*++u == 'u')
				(void)buf_addf(b, "%u", k);
			else
				(void)buf_addc(b, '%');
	(void)buf_adds(b, tail);
}

int
main(void)
{
	unsigned long long	 once[WORKS], twice[WORKS];
	struct charsets		*all = charsets_open();
	struct buf		 b = { 0 };
	size_t			 i, k;

	charsets = all;
	for (i = 0; i < nitems(cases); i++) {
		make(&b, OCTETS, cases[i].head, cases[i].unit, cases[i].tail);
		count(span_buf(&b), once);
		make(&b, 2 * OCTETS, cases[i].head, cases[i].unit,
		    cases[i].tail);
		count(span_buf(&b), twice);
		CHECK(once[PARSE] > 0, "%s: it is counted", cases[i].name);
		for (k = 0; k < WORKS; k++)
			CHECK(twice[k] <= once[k] * 5 / 2 + 1000, "%s, %s: "
			    "%llu, twice as long %llu", cases[i].name,
			    works[k], once[k], twice[k]);
	}
	buf_free(&b);
	charsets_free(all);
	return (test_done());
}
