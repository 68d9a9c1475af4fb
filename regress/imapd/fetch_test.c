/*
 * FETCH: every item, sections and partials, what it sets, what it says of
 * broken messages, and data that was kept ready and is damaged.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/ready.h"
#include "imaptest.h"

static const char *const items[] = {
	"O1",
	"C1= a APPEND INBOX (\\Flagged) \" 1-Feb-2020 10:00:00 +0200\" {145+}"
	    "\r\nDate: Tue, 24 Nov 2026 10:07:42 +0100\r\n"
	    "From: \"A. B\" <a@b.example>\r\nTo: c@d.example\r\n"
	    "Subject: hi \"x\"\r\nMessage-ID: <1@b.example>\r\nX-A: b\r\n"
	    "\r\nhello\r\n\r\n",
	"S1: a OK [APPENDUID ~ 1] ~",
	"C1: b SELECT INBOX",
	"S1: * FLAGS ~", "S1: * 1 EXISTS", "S1: * 1 RECENT",
	"S1: * OK [UNSEEN 1] ~", "S1: * OK [PERMANENTFLAGS ~",
	"S1: * OK [UIDVALIDITY ~", "S1: * OK [UIDNEXT 2] ~",
	"S1: * OK [HIGHEST~",
	"S1: b OK [READ-WRITE] ~",
	"C1: c FETCH 1 FAST",
	"S1: * 1 FETCH (FLAGS (\\Flagged \\Recent) INTERNALDATE "
	    "\"01-Feb-2020 10:00:00 +0200\" RFC822.SIZE 145)",
	"S1: c OK FETCH completed",
	"C1: d fetch 1 (uid envelope)",
	"S1: * 1 FETCH (UID 1 ENVELOPE (\"Tue, 24 Nov 2026 10:07:42 +0100\" "
	    "\"hi \\\"x\\\"\" ((\"A. B\" NIL \"a\" \"b.example\")) "
	    "((\"A. B\" NIL \"a\" \"b.example\")) "
	    "((\"A. B\" NIL \"a\" \"b.example\")) "
	    "((NIL NIL \"c\" \"d.example\")) NIL NIL NIL "
	    "\"<1@b.example>\"))",
	"S1: d OK FETCH completed",
	"C1: e FETCH 1 ALL",
	"S1: * 1 FETCH (FLAGS ~ INTERNALDATE ~ "
	    "RFC822.SIZE 145 ENVELOPE (~))", "S1: e OK ~",
	"C1: e FETCH 1 FULL",
	"S1: * 1 FETCH (FLAGS ~ INTERNALDATE ~ "
	    "RFC822.SIZE 145 ENVELOPE (~) BODY (\"text\" \"plain\" "
	    "(\"charset\" \"us-ascii\") NIL NIL \"7bit\" 7 1))",
	"S1: e OK ~",
	"C1: f FETCH 1 BODYSTRUCTURE",
	"S1: * 1 FETCH (BODYSTRUCTURE (\"text\" \"plain\" (\"charset\" "
	    "\"us-ascii\") NIL NIL \"7bit\" 7 1 NIL NIL NIL NIL))",
	"S1: f OK ~",
	/* \Seen is set by what is no PEEK, and said */
	"C1: g FETCH 1 (BODY.PEEK[TEXT] RFC822.HEADER)",
	"S1: * 1 FETCH (BODY[TEXT] {7}", "S1: hello",
	"S1:  RFC822.HEADER {138}", "S1: Date: ~", "S1: From: ~",
	"S1: To: ~", "S1: Subject: ~", "S1: Message-ID: ~", "S1: X-A: b",
	"S1: ", "S1: )", "S1: g OK ~",
	"C1: h FETCH 1 FLAGS",
	"S1: * 1 FETCH (FLAGS (\\Flagged \\Recent))", "S1: h OK ~",
	"C1: i UID FETCH 1 RFC822.TEXT",
	"S1: * 1 FETCH (UID 1 FLAGS (\\Seen \\Flagged \\Recent) RFC822.TEXT "
	    "{7}", "S1: hello", "S1: )", "S1: i OK ~",
	"C1: j FETCH 1 (BODY[HEADER.FIELDS (x-a SUBJECT)])",
	"S1: * 1 FETCH (BODY[HEADER.FIELDS (x-a SUBJECT)] {27}",
	"S1: Subject: hi \"x\"", "S1: X-A: b", "S1: ", "S1: )", "S1: j OK ~",
	"C1: k FETCH 1 BODY[HEADER.FIELDS (subject from cc)]<1.20>",
	"S1: * 1 FETCH (BODY[HEADER.FIELDS (subject from cc)]<1> {20}",
	"S1: rom: \"A. B\" <a@b.exa)", "S1: k OK ~",
	"C1: l FETCH 1 BODY[HEADER.FIELDS.NOT (date from to subject)]",
	"S1: * 1 FETCH (BODY[HEADER.FIELDS.NOT (date from to subject)] {37}",
	"S1: Message-ID: <1@b.example>", "S1: X-A: b", "S1: ", "S1: )",
	"S1: l OK ~",
	"C1: m FETCH 1 (BODY[]<138.3> BODY[]<145.5> BODY[TEXT]<5.100>)",
	"S1: * 1 FETCH (BODY[]<138> {3}", "S1: hel BODY[]<145> {0}",
	"S1:  BODY[TEXT]<5> {2}", "S1: ", "S1: )", "S1: m OK ~",
	"C1: n FETCH 1 BODY[HEADER.FIELDS (none)]",
	"S1: * 1 FETCH (BODY[HEADER.FIELDS (none)] {2}", "S1: ", "S1: )",
	"S1: n OK ~",
	"C1: o FETCH 1 (BODY[1] BODY[1.1] BODY[2] BODY[1.MIME]<0.5> "
	    "BODY[1.TEXT])",
	"S1: * 1 FETCH (BODY[1] {7}", "S1: hello",
	"S1:  BODY[1.1] NIL BODY[2] NIL BODY[1.MIME]<0> {5}",
	"S1: Date: BODY[1.TEXT] NIL)", "S1: o OK ~", NULL
};

static const char *const errors[] = {
	"O1", "C1: a FETCH 1 FLAGS", "S1: a BAD no mailbox is selected",
	"C1: a SELECT Drafts", "S1: * FLAGS ~", "S1: * 0 EXISTS",
	"S1: * 0 RECENT", "S1: * OK [PERM~", "S1: * OK [UIDV~",
	"S1: * OK [UIDN~",
	"S1: * OK [HIGHEST~", "S1: a OK ~",
	"C1: b FETCH 1:* FLAGS", "S1: b OK FETCH completed",
	"C1: b FETCH * FLAGS", "S1: b OK FETCH completed",
	"C1: b FETCH *:1 FLAGS", "S1: b OK FETCH completed",
	"C1: b UID FETCH 4294967295:* FLAGS", "S1: b OK FETCH completed",
	"C1: b UID FETCH 1,5:7 FLAGS", "S1: b OK FETCH completed",
	"C1: c FETCH 1 FLAGS", "S1: c BAD no message has that number",
	"C1: c FETCH 0 FLAGS", "S1: c BAD ~",
	"C1: c FETCH 4294967296 FLAGS", "S1: c BAD ~",
	"C1: c FETCH 1:* BODY[TEXT", "S1: c BAD ~",
	"C1: c FETCH 1:* BODY[]<0.0>", "S1: c BAD ~",
	"C1: c FETCH 1:* BODY[]<9223372036854775808.1>", "S1: c BAD ~",
	"C1: c FETCH 1:* BODY[0]", "S1: c BAD ~",
	"C1: c FETCH 1:* BODY[MIME]", "S1: c BAD ~",
	"C1: c FETCH 1:* (ALL)", "S1: c BAD ~",
	"C1: c FETCH 1:* ()", "S1: c BAD ~",
	"C1: c FETCH 1:* FLAGS x", "S1: c BAD ~",
	"C1: c FETCH $ FLAGS", "S1: c OK FETCH completed",
	"C1: c FETCH", "S1: c BAD ~", NULL
};

/* A multipart with a message in it, whose own parts have numbers. */
#define NESTED								\
	"From: a@b\r\nSubject: outer\r\nMIME-Version: 1.0\r\n"		\
	"Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n"	\
	"preamble\r\n"							\
	"--b1\r\nContent-Type: text/html; charset=utf-8\r\n"		\
	"Content-Transfer-Encoding: quoted-printable\r\n\r\n"		\
	"<p>one</p>\r\n"						\
	"--b1\r\nContent-Type: message/rfc822\r\n"			\
	"Content-Description: fwd\r\n\r\n"				\
	"Subject: inner\r\nFrom: c@d\r\n"				\
	"Content-Type: multipart/alternative; boundary=b2\r\n\r\n"	\
	"--b2\r\n\r\nplain\r\n"						\
	"--b2\r\nContent-Type: image/png; name=x.png\r\n"		\
	"Content-Disposition: attachment; filename=x.png\r\n"		\
	"Content-ID: <i@d>\r\n\r\npng\r\n--b2--\r\n"			\
	"--b1--\r\nepilogue\r\n"

static const char *const nested[] = {
	"O2", "D2: " NESTED,
	"C2: a EXAMINE INBOX", "S2: * FLAGS ~", "S2: * 1 EXISTS",
	"S2: * 1 RECENT", "S2: * OK [UNSEEN 1] ~", "S2: * OK [PERM~",
	"S2: * OK [UIDV~", "S2: * OK [UIDN~",
	"S2: * OK [HIGHEST~", "S2: a OK [READ-ONLY] ~",
	"C2: b FETCH 1 BODYSTRUCTURE",
	"S2: * 1 FETCH (BODYSTRUCTURE ((\"text\" \"html\" (\"charset\" "
	    "\"utf-8\") NIL NIL \"quoted-printable\" 10 0 NIL NIL NIL NIL)"
	    "(\"message\" \"rfc822\" NIL NIL \"fwd\" \"7bit\" 218 "
	    "(NIL \"inner\" ((NIL NIL \"c\" \"d\")) ((NIL NIL \"c\" \"d\")) "
	    "((NIL NIL \"c\" \"d\")) NIL NIL NIL NIL NIL) "
	    "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL "
	    "\"7bit\" 5 0 NIL NIL NIL NIL)(\"image\" \"png\" (\"name\" "
	    "\"x.png\") \"<i@d>\" NIL \"7bit\" 3 NIL (\"attachment\" "
	    "(\"filename\" \"x.png\")) NIL NIL) \"alternative\" "
	    "(\"boundary\" \"b2\") NIL NIL NIL) 13 NIL NIL NIL NIL) "
	    "\"mixed\" (\"boundary\" \"b1\") NIL NIL NIL))",
	"S2: b OK FETCH completed",
	"C2: c FETCH 1 (BODY[1] BODY[1.MIME] BODY[2.HEADER] BODY[2.2] "
	    "BODY[2.1.MIME] BODY[2.2.MIME])",
	"S2: * 1 FETCH (BODY[1] {10}", "S2: <p>one</p> BODY[1.MIME] {87}",
	"S2: Content-Type: text/html; charset=utf-8",
	"S2: Content-Transfer-Encoding: quoted-printable", "S2: ",
	"S2:  BODY[2.HEADER] {79}", "S2: Subject: inner", "S2: From: c@d",
	"S2: Content-Type: multipart/alternative; boundary=b2", "S2: ",
	"S2:  BODY[2.2] {3}", "S2: png BODY[2.1.MIME] {2}", "S2: ",
	"S2:  BODY[2.2.MIME] {107}", "S2: Content-Type: image/png; name=x.png",
	"S2: Content-Disposition: attachment; filename=x.png",
	"S2: Content-ID: <i@d>", "S2: ", "S2: )", "S2: c OK ~",
	"C2: d FETCH 1 (BODY[2.TEXT]<0.8> BODY[2.MIME]<0.4> "
	    "BODY[2.HEADER.FIELDS (SUBJECT)] "
	    "BODY[2.HEADER.FIELDS.NOT (SUBJECT)]<0.9> BODY[1.HEADER] "
	    "BODY[3] BODY[2.2.1])",
	"S2: * 1 FETCH (BODY[2.TEXT]<0> {8}", "S2: --b2",
	"S2: ", "S2:  BODY[2.MIME]<0> {4}",
	"S2: Cont BODY[2.HEADER.FIELDS (SUBJECT)] {18}",
	"S2: Subject: inner", "S2: ",
	"S2:  BODY[2.HEADER.FIELDS.NOT (SUBJECT)]<0> {9}",
	"S2: From: c@d BODY[1.HEADER] NIL BODY[3] NIL BODY[2.2.1] NIL)",
	"S2: d OK ~",
	/* read-only: nothing is set */
	"C2: e FETCH 1 (BODY[1]<0.1> FLAGS)",
	"S2: * 1 FETCH (FLAGS (\\Recent) BODY[1]<0> {1}", "S2: <)",
	"S2: e OK ~", NULL
};

/* Octets that are no MIME at all come back as they are. */
static const char *const broken[] = {
	"O3",
	"D3: Content-Type: multipart/mixed; boundary=\"never closed\r\n"
	    "no colon here\r\n\r\n--never closed\r\n\r\nx\r\n",
	"D3: \r\njust a body\r\n",
	"C3: a SELECT INBOX", "S3: * FLAGS ~", "S3: * 2 EXISTS",
	"S3: * 2 RECENT", "S3: * OK [UNSEEN 1] ~", "S3: * OK [PERM~",
	"S3: * OK [UIDV~", "S3: * OK [UIDN~",
	"S3: * OK [HIGHEST~", "S3: a OK ~",
	"C3: b FETCH 1 BODY.PEEK[]", "S3: * 1 FETCH (BODY[] {128}",
	"S3: Return-Path: ~",
	"S3: Content-Type: multipart/mixed; boundary=\"never closed",
	"S3: no colon here", "S3: ", "S3: --never closed", "S3: ", "S3: x",
	"S3: )", "S3: b OK ~",
	"C3: c FETCH 2 (ENVELOPE BODY[TEXT])",
	"S3: * 2 FETCH (FLAGS (\\Seen \\Recent) ENVELOPE (NIL NIL NIL NIL "
	    "NIL NIL NIL NIL NIL NIL) BODY[TEXT] {13}",
	"S3: just a body", "S3: )", "S3: c OK ~", NULL
};

/* One sees what the other removed, until it may be told. */
static const char *const two[] = {
	"O4", "D4: Subject: one\r\n\r\n1\r\n", "D4: Subject: two\r\n\r\n2\r\n",
	"C4: a SELECT INBOX", "S4: * FLAGS ~", "S4: * 2 EXISTS",
	"S4: * 2 RECENT", "S4: * OK [UNSEEN 1] ~", "S4: * OK [PERM~",
	"S4: * OK [UIDV~", "S4: * OK [UIDN~",
	"S4: * OK [HIGHEST~", "S4: a OK ~",
	"O5", "C5: a SELECT INBOX", "S5: * FLAGS ~", "S5: * 2 EXISTS",
	"S5: * 0 RECENT", "S5: * OK [UNSEEN 1] ~", "S5: * OK [PERM~",
	"S5: * OK [UIDV~", "S5: * OK [UIDN~",
	"S5: * OK [HIGHEST~", "S5: a OK ~",
	"C5: b STORE 1 +FLAGS.SILENT (\\Deleted)", "S5: b OK ~",
	"C5: c EXPUNGE", "S5: * 1 EXPUNGE", "S5: c OK ~",
	"C4: b FETCH 1:2 (UID BODY[TEXT])",
	"S4: * 1 FETCH (UID 1 BODY[TEXT] {3}", "S4: 1", "S4: )",
	"S4: * 2 FETCH (UID 2 FLAGS (\\Seen \\Recent) BODY[TEXT] {3}",
	"S4: 2", "S4: )", "S4: b OK ~",
	"C4: c STORE 1 +FLAGS (\\Flagged)",
	"S4: c NO [EXPUNGEISSUED] ~",
	"C4: d COPY 1:2 Archive", "S4: * 1 EXPUNGE",
	"S4: d NO [EXPUNGEISSUED] ~",
	"C4: e UID FETCH 1:* FLAGS",
	"S4: * 1 FETCH (UID 2 FLAGS (\\Seen \\Recent))", "S4: e OK ~",
	"C5: d NOOP", "S5: * 1 FETCH (UID 2 FLAGS (\\Seen))", "S5: d OK ~",
	NULL
};

static const char *const again[] = {
	"O6", "D6: " NESTED,
	"C6: a SELECT INBOX", "S6: * FLAGS ~", "S6: * 1 EXISTS",
	"S6: * 1 RECENT", "S6: * OK [UNSEEN 1] ~", "S6: * OK [PERM~",
	"S6: * OK [UIDV~", "S6: * OK [UIDN~",
	"S6: * OK [HIGHEST~", "S6: a OK ~", NULL
};
static const char *const healed[] = {
	"C6: b FETCH 1 (ENVELOPE BODY.PEEK[2.2])",
	"S6: * 1 FETCH (ENVELOPE (NIL \"outer\" ~ BODY[2.2] {3}", "S6: png)",
	"S6: b OK ~",
	"C6: c FETCH 1 BODY.PEEK[HEADER.FIELDS (Subject)]",
	"S6: * 1 FETCH (BODY[HEADER.FIELDS (Subject)] {18}",
	"S6: Subject: outer", "S6: ", "S6: )", "S6: c OK ~",
	"C6: d SEARCH SUBJECT outer", "S6: * SEARCH 1", "S6: d OK ~", NULL
};

static uint64_t
last_body(void)
{
	uint64_t	 id = 0, last = 0;

	while (body_next(t_part->bodies, id, &id) == 0)
		last = id;
	return (last);
}

/* What is kept ready goes missing, changes, or claims what is not so. */
static void
damage(struct dbenv_db *db, const char *line)
{
	struct buf	 was = { 0 };
	struct span	 v;
	uint8_t		 k[10] = { 0 };
	size_t		 i, n;

	(void)key_u64(k, last_body());
	CHECK(dbenv_get(db, span_of(k, 10), &v) == 0, "it is there");
	(void)buf_add_span(&was, v);
	for (i = 0; i < was.n; i += 13) {
		was.p[i] ^= 0x5a;
		(void)dbenv_put(db, span_of(k, 10), span_buf(&was));
		t_send(6, line, strlen(line));
		for (n = 0; n < 20; n++) {
			const char	*l = t_line(6);

			if (l == NULL || strncmp(l, "x ", 2) == 0)
				break;
		}
		was.p[i] ^= 0x5a;
	}
	(void)dbenv_del(db, span_of(k, 10));
	t_script("removed", healed);
	CHECK(dbenv_has(db, span_of(k, 10)) == 1, "it was kept again");
	(void)dbenv_put(db, span_of(k, 10), span_of("\1", 1));
	t_script("too short", healed);
	k[9] = 1;
	(void)dbenv_del(db, span_of(k, 10));
	t_script("without an end", healed);
	buf_free(&was);
}

/* All of a record that stands in pieces; they go. */
static void
take_pieces(struct dbenv_db *db, uint8_t k[10], struct buf *b)
{
	struct span	 v;

	buf_reset(b);
	for (k[9] = 0; dbenv_get(db, span_of(k, 10), &v) == 0; k[9]++) {
		(void)buf_add_span(b, v);
		(void)dbenv_del(db, span_of(k, 10));
	}
}

/* A message of a store of old: its fields stand among the sections. */
static void
of_old(void)
{
	struct buf	 made = { 0 }, fields = { 0 }, old = { 0 };
	uint8_t		 k[10] = { 0 };
	size_t		 at = 34, n, i;

	(void)key_u64(k, last_body());
	take_pieces(t_part->ready, k, &made);
	take_pieces(t_part->fields, k, &fields);
	CHECK(made.n > at && made.p[0] == READY_VERSION && fields.n > 18,
	    "there is one");
	n = (size_t)fields.p[16] << 8 | fields.p[17];
	made.p[0] = 1;			/* version, octets of the third */
	made.p[24] = fields.p[16];
	made.p[25] = fields.p[17];
	for (i = 0; i < 2; i++)		/* behind the first two */
		at += (size_t)made.p[16 + 4 * i] << 8 | made.p[17 + 4 * i];
	(void)buf_add(&old, made.p, at);
	(void)buf_add(&old, fields.p + 18, n);
	(void)buf_add(&old, made.p + at, made.n - at);
	for (k[9] = 0, at = 0; at < old.n; at += n, k[9]++) {
		n = old.n - at < READY_PIECE ? old.n - at : READY_PIECE;
		(void)dbenv_put(t_part->ready, span_of(k, 10),
		    span_of(old.p + at, n));
	}
	t_script("of old", healed);
	k[9] = 0;
	CHECK(dbenv_has(t_part->fields, span_of(k, 10)) == 0,
	    "read as it stands");
	buf_free(&made);
	buf_free(&fields);
	buf_free(&old);
}

static void
expect_line(const char *what, const char *want)
{
	const char	*l = t_line(7);

	if (l == NULL || strcmp(l, want) != 0)
		CHECK(0, "%s: %s, want %s", what, l == NULL ? "(nothing)" : l,
		    want);
}

/* Many in a row, some with nothing kept ready, or with half of it. */
static void
row(void)
{
	uint64_t	 account = 8, body;
	uint8_t		 id[16] = "row", k[10] = { 0 };
	char		 text[2048], line[128];
	const char	*l;
	int		 i, n;

	t_login(0, 8);
	(void)t_line(0);
	for (i = 0; i < 60; i++) {
		id[15] = (uint8_t)i;
		n = snprintf(text, sizeof(text), "Subject: number %d\r\n"
		    "References: %0*d\r\n\r\nbody %d\r\n", i, i * 20, i, i);
		(void)t_deliver(id, text, (size_t)n, &account, 1);
	}
	body = last_body();
	(void)key_u64(k, body - 20);
	CHECK(dbenv_del(t_part->ready, span_of(k, 10)) == 0, "one is gone");
	(void)key_u64(k, body - 4);
	k[9] = 1;
	CHECK(dbenv_del(t_part->fields, span_of(k, 10)) == 0, "half of one");
	t_send(0, "a EXAMINE INBOX\r\n", 17);
	for (i = 0; i < 9; i++)
		(void)t_line(0);
	t_send(0, "b FETCH 1:* (ENVELOPE BODY[HEADER.FIELDS (subject)] "
	    "BODY[TEXT])\r\n", 65);
	for (i = n = 0; i < 60; i++) {
		snprintf(line, sizeof(line), "* %d FETCH (ENVELOPE (NIL "
		    "\"number %d\" ", i + 1, i);
		n += (l = t_line(0)) != NULL &&
		    strncmp(l, line, strlen(line)) == 0;
		snprintf(line, sizeof(line), "Subject: number %d", i);
		n += (l = t_line(0)) != NULL && strcmp(l, line) == 0;
		(void)t_line(0);
		(void)t_line(0);
		snprintf(line, sizeof(line), "body %d", i);
		n += (l = t_line(0)) != NULL && strcmp(l, line) == 0;
		(void)t_line(0);
	}
	l = t_line(0);
	CHECK(n == 180 && l != NULL && strcmp(l, "b OK FETCH completed") == 0,
	    "in a row: %d, %s", n, l);
	CHECK(dbenv_has(t_part->fields, span_of(k, 10)) == 1, "healed");
}

/* A header that is longer than a slice, and a body in a file of its own. */
static void
large(void)
{
	static const char	*names[] = { "X-Odd", "X-Even" };
	struct buf		 b = { 0 };
	char			 line[128], cmd[128];
	uint64_t		 account = 7;
	size_t			 i, odd = 0;
	static const uint8_t	 id[16] = "large";

	for (i = 0; i < 3000; i++)
		(void)buf_addf(&b, "%s: field number %zu of many\r\n",
		    names[i % 2 == 0], i);
	(void)buf_adds(&b, "\r\n");
	for (i = 0; i < 40000; i++)
		(void)buf_addf(&b, "line %zu of a large body\r\n", i);
	CHECK(t_deliver(id, (char *)b.p, b.n, &account, 1) == RESULT_OK,
	    "large: delivered");
	t_login(7, 7);
	(void)t_line(7);
	t_send(7, "a EXAMINE INBOX\r\n", 17);
	for (i = 0; i < 9; i++)
		(void)t_line(7);
	for (i = 1; i < 3000; i += 2) {
		snprintf(line, sizeof(line), "X-Odd: field number %zu of "
		    "many\r\n", i);
		odd += strlen(line);
	}
	odd += 2;
	snprintf(cmd, sizeof(cmd), "b FETCH 1 BODY[HEADER.FIELDS (x-odd)]");
	t_send(7, cmd, strlen(cmd));
	t_send(7, "\r\n", 2);
	snprintf(line, sizeof(line), "* 1 FETCH (BODY[HEADER.FIELDS (x-odd)] "
	    "{%zu}", odd);
	expect_line("large", line);
	for (i = 1; i < 3000; i += 2) {
		snprintf(line, sizeof(line), "X-Odd: field number %zu of "
		    "many", i);
		expect_line("large", line);
	}
	expect_line("large", "");
	expect_line("large", ")");
	CHECK(strncmp(t_line(7), "b OK", 4) == 0, "large: fields");
	t_send(7, "c FETCH 1 BODY[HEADER.FIELDS (x-odd)]<34.10>\r\n", 46);
	expect_line("large", "* 1 FETCH (BODY[HEADER.FIELDS (x-odd)]<34> {10}");
	expect_line("large", "dd: field )");
	CHECK(strncmp(t_line(7), "c OK", 4) == 0, "large: a window of fields");
	t_send(7, "d FETCH 1 BODY[TEXT]\r\n", 22);
	(void)t_line(7);
	for (i = 0; i < 40000; i++) {
		snprintf(line, sizeof(line), "line %zu of a large body", i);
		expect_line("large", line);
	}
	expect_line("large", ")");
	CHECK(strncmp(t_line(7), "d OK", 4) == 0, "large: body");
	buf_free(&b);
}

/* More of a header, and more parts, than is kept; a structure still ends. */
static void
hostile(void)
{
	static const uint8_t	 ids[2][16] = { "fields", "parts" };
	uint64_t		 account = 9;
	struct buf		 b = { 0 };
	const char		*l;
	size_t			 i, open = 0, close = 0;

	for (i = 0; i < 12000; i++)
		(void)buf_addf(&b, "X-Field: number %zu of very many\r\n", i);
	(void)buf_adds(&b, "Subject: at the end\r\n\r\nx\r\n");
	(void)t_deliver(ids[0], (char *)b.p, b.n, &account, 1);
	buf_reset(&b);
	(void)buf_adds(&b, "Content-Type: multipart/mixed; boundary=b\r\n"
	    "\r\n");
	for (i = 0; i < 200000; i++)
		(void)buf_adds(&b, "--b\r\n\r\n");
	(void)t_deliver(ids[1], (char *)b.p, b.n, &account, 1);
	buf_free(&b);
	t_login(0, 9);
	(void)t_line(0);
	t_send(0, "a EXAMINE INBOX\r\n", 17);
	for (i = 0; i < 9; i++)
		(void)t_line(0);
	t_send(0, "b FETCH 1 BODY[HEADER.FIELDS (SUBJECT)]\r\n", 41);
	(void)t_line(0);
	l = t_line(0);
	CHECK(l != NULL && strcmp(l, "Subject: at the end") == 0,
	    "a field beyond what is kept: %s", l);
	for (i = 0; i < 3; i++)
		l = t_line(0);
	CHECK(l != NULL && strncmp(l, "b OK", 4) == 0, "and no other");
	t_send(0, "c FETCH 2 (BODYSTRUCTURE BODY[9999] BODY[123456])\r\n", 51);
	l = t_line(0);
	for (i = 0; l != NULL && l[i] != '\0'; i++) {
		open += l[i] == '(';
		close += l[i] == ')';
	}
	CHECK(open > 9000 && open == close + 1, "10000 parts: %zu, %zu", open,
	    close);
	while (l != NULL && strncmp(l, "c ", 2) != 0)
		l = t_line(0);
	CHECK(l != NULL && strncmp(l, "c OK", 4) == 0, "%s", l);
}

int
main(void)
{
	t_open(NULL);
	t_account[5] = 4;
	t_script("items", items);
	t_script("errors", errors);
	t_script("nested", nested);
	t_script("broken", broken);
	t_script("two sessions", two);
	t_script("before damage", again);
	damage(t_part->ready, "x FETCH 1 (ENVELOPE BODY.PEEK[2.2])\r\n");
	damage(t_part->fields, "x FETCH 1 BODY.PEEK[HEADER.FIELDS (Date)]\r\n");
	of_old();
	large();
	row();
	t_logout(0);
	hostile();
	t_close();
	t_remove();
	return (t_done());
}
