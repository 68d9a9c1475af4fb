/*
 * BINARY, RFC 3516: parts with their transfer encoding undone, their sizes,
 * literal8 both ways.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imaptest.h"
#include "transfer.h"

#define BIG	(700 * 1024)	/* octets of a part: many slices */

static const char	 parts[] =
	"MIME-Version: 1.0\r\n"
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	"--b\r\n\r\nplain\r\n"
	"--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
	"a=3Db =\r\nc\r\n"
	"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	"aGVs\r\nbG8=\r\n"
	"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	"YQBi\r\n"
	"--b\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nx\r\n"
	"--b\r\nContent-Type: message/rfc822\r\n\r\n"
	"Content-Transfer-Encoding: base64\r\n\r\naW4=\r\n"
	"--b--\r\n";

static const char *const fetch[] = {
	"C1: a FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[1])",
	"S1: * 1 FETCH (BINARY[1] {5}", "S1: plain BINARY.SIZE[1] 5)",
	"S1: a OK ~",
	"C1: b FETCH 1 (BINARY.PEEK[2] BINARY.SIZE[2])",
	"S1: * 1 FETCH (BINARY[2] {5}", "S1: a=b c BINARY.SIZE[2] 5)",
	"S1: b OK ~",
	"C1: c UID FETCH 1 BINARY.PEEK[3]",
	"S1: * 1 FETCH (UID 1 BINARY[3] {5}", "S1: hello)", "S1: c OK ~",
	"C1: d FETCH 1 BINARY.PEEK[3]<1.3>",
	"S1: * 1 FETCH (BINARY[3]<1> {3}", "S1: ell)", "S1: d OK ~",
	"C1: e FETCH 1 BINARY.PEEK[3]<9.3>",
	"S1: * 1 FETCH (BINARY[3]<9> {0}", "S1: )", "S1: e OK ~",
	/* an encoding nobody knows: the item is not there at all */
	"C1: f FETCH 1 (UID BINARY.PEEK[5])", "S1: f NO [UNKNOWN-CTE] ~",
	"C1: g FETCH 1 BINARY.SIZE[5]", "S1: g NO [UNKNOWN-CTE] ~",
	"C1: h FETCH 1 BODY.PEEK[5]", "S1: * 1 FETCH (BODY[5] {1}", "S1: x)",
	"S1: h OK ~",
	/* an attached message as it stands, what is in it decoded */
	"C1: i FETCH 1 (BINARY.SIZE[6] BINARY.PEEK[6.1])",
	"S1: * 1 FETCH (BINARY.SIZE[6] 41 BINARY[6.1] {2}", "S1: in)",
	"S1: i OK ~",
	/* no such part; all of it */
	"C1: j FETCH 1 (BINARY.SIZE[9] BINARY.PEEK[9] BINARY.SIZE[])",
	"S1: * 1 FETCH (BINARY.SIZE[9] 0 BINARY[9] NIL BINARY.SIZE[] ~)",
	"S1: j OK ~",
	"C1: k FETCH 1 BINARY.PEEK[]<0.5>",
	"S1: * 1 FETCH (BINARY[]<0> {5}", "S1: MIME-)", "S1: k OK ~",
	"C1: l FETCH 1 FLAGS", "S1: * 1 FETCH (FLAGS (\\Recent))", "S1: l OK ~",
	"C1: m FETCH 1 BINARY[3]",
	"S1: * 1 FETCH (FLAGS (\\Seen \\Recent) BINARY[3] {5}", "S1: hello)",
	"S1: m OK ~",
	"C1: n FETCH 1 BINARY", "S1: n BAD ~",
	"C1: o FETCH 1 BINARY[TEXT]", "S1: o BAD ~",
	"C1: p FETCH 1 BINARY[1.MIME]", "S1: p BAD ~",
	"C1: q FETCH 1 BINARY.SIZE[1]<0.1>", "S1: q BAD ~",
	"C1: r FETCH 1 BINARY.PEEK", "S1: r BAD ~",
	"C1: s FETCH 1 BINARY[0]", "S1: s BAD ~",
	NULL
};

static const char *const append[] = {
	"C1: a APPEND INBOX ~{3}", "S1: + OK", "C1= abc\r\n", "S1: * ~",
	"S1: * ~", "S1: a OK ~",
	"C1= b APPEND INBOX (\\Seen) ~{3+}\r\nabc\r\n", "S1: * ~", "S1: * ~",
	"S1: b OK ~",
	"C1= c APPEND INBOX {3+}\r\nabc ~{3+}\r\ndef\r\n", "S1: * ~",
	"S1: * ~", "S1: c OK ~",
	"C1: d UID FETCH 3:* RFC822.SIZE", "S1: * 3 FETCH (~ 3)",
	"S1: * 4 FETCH (~ 3)", "S1: * 5 FETCH (~ 3)", "S1: * 6 FETCH (~ 3)",
	"S1: d OK ~",
	NULL
};

/* The octets of an answer up to its tag, in a new string. */
static size_t
ask(const char *command, char *room, size_t size)
{
	const char	*l;
	size_t		 n = 0;

	t_send(1, command, strlen(command));
	while ((l = t_line(1)) != NULL && strncmp(l, "x ", 2) != 0)
		n += (size_t)snprintf(room + n, size - n, "%s\r\n", l);
	return (n);
}

/* A part of many slices: what comes out is what went in. */
static void
large(void)
{
	enum { N = 100000 };
	static const char	 head[] = "Content-Transfer-Encoding: "
				    "quoted-printable\r\n\r\n";
	char			*message = malloc(N * 8), *got = malloc(N * 8),
				*want = malloc(N * 8), line[100];
	size_t			 m, w = 0, i;

	if (message == NULL || got == NULL || want == NULL)
		abort();
	m = (size_t)sprintf(message, "%s", head);
	for (i = 0; i < N; i++) {
		m += (size_t)sprintf(message + m, i % 20 == 19 ? "=%02X\r\n" :
		    "=%02X", (unsigned)('A' + i % 26));
		w += (size_t)sprintf(want + w, i % 20 == 19 ? "%c\r\n" : "%c",
		    (char)('A' + i % 26));
	}
	(void)snprintf(line, sizeof(line), "a APPEND INBOX {%zu+}\r\n", m);
	t_send(1, line, strlen(line));
	t_send(1, message, m);
	t_send(1, "\r\n", 2);
	t_settle();
	t_drain(1);
	(void)snprintf(line, sizeof(line), "* 7 FETCH (BINARY.SIZE[1] %zu)",
	    w);
	got[ask("x FETCH 7 BINARY.SIZE[1]\r\n", got, N * 8) - 2] = '\0';
	CHECK(strcmp(got, line) == 0, "the size of much: %s", got);
	i = (size_t)snprintf(line, sizeof(line),
	    "* 7 FETCH (BINARY[1] {%zu}\r\n", w);
	m = ask("x FETCH 7 BINARY.PEEK[1]\r\n", got, N * 8);
	CHECK(m == i + w + 3 && memcmp(got, line, i) == 0 &&
	    memcmp(got + i, want, w) == 0, "much: %zu octets", m);
	m = ask("x FETCH 7 BINARY.PEEK[1]<80000.1000>\r\n", got, N * 8);
	i = strlen("* 7 FETCH (BINARY[1]<80000> {1000}\r\n");
	CHECK(m == i + 1003 && memcmp(got + i, want + 80000, 1000) == 0,
	    "a piece of much: %zu octets", m);
	free(message);
	free(got);
	free(want);
}

/* All up to the tagged answer "x". */
static struct span
all(void)
{
	static struct buf	 b;
	struct span		 s;
	size_t			 i;

	buf_reset(&b);
	do {
		t_settle();
		s = t_take(1);
		(void)buf_add_span(&b, s);
		for (i = b.n > 1 ? b.n - 2 : 0; i > 0 && b.p[i - 1] != '\n';
		    i--)
			continue;
	} while (s.n > 0 && (b.n < i + 2 || b.p[i] != 'x' ||
	    b.p[b.n - 1] != '\n'));
	return (span_buf(&b));
}

/* A part that is decoded twice, and windows of it. */
static void
windows(void)
{
	static const struct {
		size_t	 at, n;
	} rows[] = {
		{ 0, SIZE_MAX }, { 0, 10 }, { BIG - 7, 100 },
		{ 300000, 5 }, { 1000, 600000 }, { BIG, 1 }
	};
	static const char	 size[] = "x FETCH 8 BINARY.SIZE[1]\r\n";
	struct transfer	 t;
	struct buf	 b = { 0 }, want = { 0 };
	struct span	 got;
	uint8_t		*octets = malloc(BIG);
	size_t		 i, n;

	for (i = 0; i < BIG; i++)
		octets[i] = (uint8_t)(i * 7 + i / 251);
	(void)buf_adds(&b, "Content-Transfer-Encoding: base64\r\n\r\n");
	transfer_start(&t, MIME_BASE64);
	(void)transfer_encode(&t, &b, span_of(octets, BIG));
	(void)transfer_encode_end(&t, &b);
	(void)buf_addf(&want, "x APPEND INBOX {%zu+}\r\n", b.n);
	t_send(1, (const char *)want.p, want.n);
	t_send(1, (const char *)b.p, b.n);
	t_send(1, "\r\n", 2);
	(void)all();
	t_send(1, size, sizeof(size) - 1);
	buf_reset(&b);
	(void)buf_addf(&b, "* 8 FETCH (BINARY.SIZE[1] %d)\r\nx OK FETCH "
	    "completed\r\n", BIG);
	CHECK(span_eq(all(), span_buf(&b)), "the size of a large part");
	for (i = 0; i < nitems(rows); i++) {
		buf_reset(&b);
		buf_reset(&want);
		n = BIG - rows[i].at;
		if (n > rows[i].n)
			n = rows[i].n;
		(void)buf_adds(&b, "x FETCH 8 BINARY.PEEK[1]");
		(void)buf_adds(&want, "* 8 FETCH (BINARY[1]");
		if (rows[i].n != SIZE_MAX) {
			(void)buf_addf(&b, "<%zu.%zu>", rows[i].at,
			    rows[i].n);
			(void)buf_addf(&want, "<%zu>", rows[i].at);
		}
		(void)buf_adds(&b, "\r\n");
		/* there is a NUL in its first octets */
		(void)buf_addf(&want, " ~{%zu}\r\n", n);
		(void)buf_add(&want, octets + rows[i].at, n);
		(void)buf_adds(&want, ")\r\nx OK FETCH completed\r\n");
		t_send(1, (const char *)b.p, b.n);
		got = all();
		CHECK(span_eq(got, span_buf(&want)), "window %zu of a large "
		    "part: %zu octets for %zu", i, got.n, want.n);
	}
	buf_free(&b);
	buf_free(&want);
	free(octets);
}

int
main(void)
{
	static const char	 nul[] = "x FETCH 1 (BINARY.PEEK[4])\r\n";
	static const char	 lit8[] = "b APPEND INBOX ~{3+}\r\na\0b\r\n";
	static const char	 lit[] = "c APPEND INBOX {3+}\r\na\0b\r\n";
	char			 line[100];
	const char		*l;

	t_open(NULL);
	(void)t_login(1, 1);
	(void)snprintf(line, sizeof(line), "a APPEND INBOX {%zu+}\r\n",
	    sizeof(parts) - 1);
	t_send(1, line, strlen(line));
	t_send(1, parts, sizeof(parts) - 1);
	t_send(1, "\r\ns SELECT INBOX\r\n", 18);
	t_settle();
	t_drain(1);
	t_script("fetch", fetch);
	/* NULs come as literal8 alone, and do not go in */
	t_send(1, nul, sizeof(nul) - 1);
	l = t_line(1);
	CHECK(l != NULL && strcmp(l, "* 1 FETCH (BINARY[4] ~{3}") == 0,
	    "a NUL in what is decoded: %s", l);
	t_settle();
	t_drain(1);
	t_send(1, lit8, sizeof(lit8) - 1);
	l = t_line(1);
	CHECK(l != NULL && strncmp(l, "b NO [UNKNOWN-CTE]", 18) == 0,
	    "a NUL in a literal8: %s", l);
	t_send(1, lit, sizeof(lit) - 1);
	l = t_line(1);
	CHECK(l != NULL && strncmp(l, "c NO [CANNOT]", 13) == 0,
	    "a NUL in a literal: %s", l);
	t_script("one more", (const char *const []){ "D1: x\r\n\r\n",
	    "C1: a NOOP", "S1: * ~", "S1: * ~", "S1: a OK ~", NULL });
	t_script("append", append);
	large();
	windows();
	t_close();
	t_remove();
	return (t_done());
}
