/*
 * SEARCH: every key, alone and nested, texts in many forms.
 */
#include <stdlib.h>
#include <string.h>

#include "charset.h"
#include "imaptest.h"

/*
 * The messages.  Internal dates are given; number 3 is \Recent for the session
 * of the tables alone when the others were claimed before.
 */
static const struct message {
	const char	*flags, *date, *text;
} messages[] = {
	{ "\\Seen \\Answered", " 1-Feb-2020 23:30:00 -0500",
	    "Date: Sat, 1 Feb 2020 12:00:00 +0000\r\n"
	    "From: Alice <alice@example.org>\r\nTo: bob@example.net\r\n"
	    "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_aus_Z=C3=BCrich?=\r\n"
	    "X-Tag: first\r\nMessage-ID: <one@example.org>\r\n\r\n"
	    "The quick brown fox.\r\n" },
	{ "\\Flagged \\Draft", " 2-Feb-2020 00:30:00 +0000",
	    "Date: Mon, 3 Feb 2020 01:00:00 +1400\r\n"
	    "From: bob@example.net\r\nCc: Carol <carol@example.com>\r\n"
	    "Bcc: dave@example.com\r\nSubject: lunch\r\n"
	    "Content-Type: multipart/alternative; boundary=b\r\n\r\n"
	    "--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	    "caf=E9 at no=\r\non\r\n"
	    "--b\r\nContent-Type: text/html; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n"
	    "PGI+ZGljPC9iPmU8c2NyaXB0PnNlY3JldDwvc2NyaXB0Pg==\r\n"
	    "--b--\r\n" },
	{ "\\Deleted $Work", " 3-Feb-2020 12:00:00 +0000",
	    "Subject:\r\nX-Tag: second\r\n\r\n"
	    "no date here, and a longer text so that sizes differ: "
	    "0123456789012345678901234567890123456789\r\n" },
	{ "", "31-Dec-2021 12:00:00 +0000",
	    "Date: nonsense\r\nFrom: eve@example.org\r\n"
	    "Content-Type: message/rfc822\r\n\r\n"
	    "Subject: within\r\nX-Deep: yes\r\n\r\ninside text\r\n" },
};

static const struct {
	const char	*program, *want;
} cases[] = {
	{ "ALL",				" 1 2 3 4" },
	{ "SEEN",				" 1" },
	{ "UNSEEN",				" 2 3 4" },
	{ "ANSWERED",				" 1" },
	{ "UNANSWERED",				" 2 3 4" },
	{ "FLAGGED",				" 2" },
	{ "UNFLAGGED",				" 1 3 4" },
	{ "DELETED",				" 3" },
	{ "UNDELETED",				" 1 2 4" },
	{ "DRAFT",				" 2" },
	{ "UNDRAFT",				" 1 3 4" },
	{ "KEYWORD $Work",			" 3" },
	{ "KEYWORD $work",			" 3" },
	{ "KEYWORD $None",			"" },
	{ "UNKEYWORD $Work",			" 1 2 4" },
	{ "UNKEYWORD $None",			" 1 2 3 4" },
	{ "RECENT",				" 1 2 3 4" },
	{ "NEW",				" 2 3 4" },
	{ "OLD",				"" },
	/* dates without regard to time and zone */
	{ "ON 1-Feb-2020",			" 1" },
	{ "ON \"2-Feb-2020\"",			" 2" },
	{ "BEFORE 2-Feb-2020",			" 1" },
	{ "SINCE 3-Feb-2020",			" 3 4" },
	{ "SENTON 3-Feb-2020",			" 2" },
	{ "SENTON 2-Feb-2020",			"" },
	{ "SENTBEFORE 1-Jan-2030",		" 1 2" },
	{ "SENTSINCE 1-Jan-1990",		" 1 2" },
	{ "NOT SENTSINCE 1-Jan-1990",		" 3 4" },
	{ "LARGER 140 SMALLER 300",		" 1" },
	{ "LARGER 300",				" 2" },
	{ "LARGER 4294967296",			"" },
	{ "SMALLER 4294967596 LARGER 300",	" 2" },
	{ "SMALLER 140",			" 3 4" },
	{ "OLDER 1000",				" 1 2 3 4" },
	{ "YOUNGER 1000",			"" },
	/* sets */
	{ "2:3",				" 2 3" },
	{ "1,3:*",				" 1 3 4" },
	{ "*",					" 4" },
	{ "9",					"" },
	{ "3:9",				" 3 4" },
	{ "NOT 2:3",				" 1 4" },
	{ "UID 12,14",				" 2 4" },
	{ "UID 1:11",				" 1" },
	{ "UID 99:*",				" 4" },
	{ "1:2 2:3",				" 2" },
	/* header fields */
	{ "FROM alice",				" 1" },
	{ "FROM EXAMPLE",			" 1 2 4" },
	{ "TO bob",				" 1" },
	{ "CC carol",				" 2" },
	{ "BCC dave",				" 2" },
	{ "SUBJECT lunch",			" 2" },
	{ "SUBJECT zurich",			" 1" },
	{ "SUBJECT \"aus z\"",			" 1" },
	{ "SUBJECT \"\"",			" 1 2 3" },
	{ "NOT SUBJECT \"\"",			" 4" },
	{ "HEADER X-Tag \"\"",			" 1 3" },
	{ "HEADER x-tag FIRST",			" 1" },
	{ "HEADER Message-ID <one@example.org>", " 1" },
	{ "HEADER X-None \"\"",			"" },
	{ "HEADER X-Deep yes",			"" },
	/* texts */
	{ "BODY fox",				" 1" },
	{ "BODY \"QUICK  brown\"",		"" },
	{ "BODY \"quick BROWN\"",		" 1" },
	{ "BODY cafe",				" 2" },
	{ "BODY \"at noon\"",			" 2" },
	{ "BODY dice",				" 2" },
	{ "BODY secret",			"" },
	{ "BODY alice",				"" },
	{ "TEXT alice",				" 1" },
	{ "TEXT first",				" 1" },
	{ "TEXT within",			" 4" },
	{ "BODY inside",			" 4" },
	{ "TEXT \"\"",				" 1 2 3 4" },
	/* together */
	{ "OR SEEN FLAGGED",			" 1 2" },
	{ "OR BODY fox BODY cafe",		" 1 2" },
	{ "OR (SEEN BODY fox) (NOT (UNDELETED))", " 1 3" },
	{ "NOT NOT SEEN",			" 1" },
	{ "NOT (SEEN DELETED)",			" 1 2 3 4" },
	{ "TEXT fox SUBJECT lunch",		"" },
	{ "BODY fox TEXT alice FROM alice SEEN 1 UID 11", " 1" },
	{ "OR OR OR DELETED DRAFT SEEN BODY inside", " 1 2 3 4" },
	{ "NOT BODY fox",			" 2 3 4" },
	{ "OR SUBJECT lunch NOT HEADER X-Tag \"\"", " 2 4" },
	/* charsets; the text is a literal where it has 8 bits */
	{ "CHARSET UTF-8 SUBJECT {7+}\r\nz\xc3\xbcrich", " 1" },
	{ "CHARSET utf-8 SUBJECT {6+}\r\ngr\xc3\xbc\xc3\x9f", " 1" },
	{ "CHARSET ISO-8859-1 BODY {4+}\r\nCAF\xc9", " 2" },
	{ "CHARSET US-ASCII BODY fox",		" 1" },
	{ "CHARSET ISO-8859-15 BODY {4+}\r\ncaf\xe9", " 2" },
};

static const struct {
	const char	*program, *want;
} errors[] = {
	{ "CHARSET KLINGON TEXT x",	"NO [BADCHARSET (" },
	{ "",				"BAD " },
	{ "FROBNICATE",			"BAD " },
	{ "SEEN x",			"BAD " },
	{ "ON 30-Feb-2020",		"BAD " },
	{ "NOT",			"BAD " },
	{ "OR SEEN",			"BAD " },
	{ "(SEEN",			"BAD " },
	{ "0",				"BAD " },
	{ "UID 4294967296",		"BAD " },
	{ "OLDER 0",			"BAD " },
	{ "YOUNGER 0",			"BAD " },
	{ "RETURN ALL SEEN",		"BAD " },
	{ "RETURN (",			"BAD " },
	{ "RETURN (ALL)",		"BAD " },
	{ "RETURN (MIN MIN",		"BAD " },
	{ "RETURN (MINMAX) ALL",	"BAD " },
	{ "RETURN (ALL)SEEN",		"BAD " },
	{ "RETURN (ALL ) SEEN",		"BAD " },
	{ "RETURN (PARTIAL 1:2 ALL) SEEN", "BAD " },
};

/* RFC 4731 and RFC 5182: the whole answer; without one, NULL. */
static const struct {
	const char	*command, *want;
} extended[] = {
	{ "SEARCH RETURN () UNSEEN",		" ALL 2:4" },
	{ "UID SEARCH RETURN () UNSEEN",	" UID ALL 12:14" },
	{ "SEARCH RETURN (ALL) OR 1 3:4",	" ALL 1,3:4" },
	{ "SEARCH RETURN (MIN) 2:4",		" MIN 2" },
	{ "SEARCH RETURN (MAX) 2:4",		" MAX 4" },
	{ "UID SEARCH RETURN (MIN MAX) 2:3",	" UID MIN 12 MAX 13" },
	{ "SEARCH RETURN (COUNT) UNSEEN",	" COUNT 3" },
	{ "SEARCH RETURN (min count ALL MAX) NOT 2",
	    " ALL 1,3:4 MIN 1 MAX 4 COUNT 3" },
	{ "SEARCH RETURN (MIN MAX ALL) BODY nothing", "" },
	{ "SEARCH RETURN (MIN MAX COUNT) BODY nothing", " COUNT 0" },
	{ "SEARCH RETURN (COUNT) CHARSET UTF-8 BODY fox", " COUNT 1" },
	/* nothing is saved at first */
	{ "SEARCH RETURN (COUNT) $",		" COUNT 0" },
	{ "SEARCH RETURN (SAVE) NOT 2",		NULL },
	{ "SEARCH RETURN (ALL) $",		" ALL 1,3:4" },
	{ "UID SEARCH RETURN () UID $",		" UID ALL 11,13:14" },
	{ "SEARCH RETURN () NOT $",		" ALL 2" },
	{ "SEARCH RETURN () OR 2 ($ SEEN)",	" ALL 1:2" },
	/* what it is made from and what it becomes */
	{ "SEARCH RETURN (SAVE) $ UNSEEN",	NULL },
	{ "SEARCH RETURN () $",			" ALL 3:4" },
	{ "SEARCH RETURN (SAVE COUNT MIN) 2:4",	" MIN 2 COUNT 3" },
	{ "SEARCH RETURN () $",			" ALL 2:4" },
	/* the ends alone, RFC 5182 section 2.4 */
	{ "SEARCH RETURN (SAVE MIN) 2:4",	" MIN 2" },
	{ "SEARCH RETURN () $",			" ALL 2" },
	{ "SEARCH RETURN (MAX SAVE) 2:4",	" MAX 4" },
	{ "SEARCH RETURN () $",			" ALL 4" },
	{ "SEARCH RETURN (MAX SAVE MIN) 2:4",	" MIN 2 MAX 4" },
	{ "SEARCH RETURN () $",			" ALL 2,4" },
	{ "SEARCH RETURN (MAX SAVE MIN) 3",	" MIN 3 MAX 3" },
	{ "SEARCH RETURN () $",			" ALL 3" },
	{ "SEARCH RETURN (SAVE) BODY nothing",	NULL },
	{ "SEARCH RETURN (COUNT) $",		" COUNT 0" },
};

static void
esearch(const char *command, const char *want)
{
	char		 cmd[512], first[512];
	const char	*l;

	snprintf(cmd, sizeof(cmd), "a-b %s\r\n", command);
	t_send(1, cmd, strlen(cmd));
	if (want != NULL) {
		l = t_line(1);
		snprintf(first, sizeof(first), "%s",
		    l == NULL ? "(nothing)" : l);
		snprintf(cmd, sizeof(cmd), "* ESEARCH (TAG \"a-b\")%s", want);
		CHECK(strcmp(first, cmd) == 0, "%s: %s", command, first);
	}
	l = t_line(1);
	CHECK(l != NULL && strcmp(l, "a-b OK SEARCH completed") == 0,
	    "%s: %s", command, l == NULL ? "(nothing)" : l);
}

static void
fill(uint64_t account)
{
	size_t	 i;

	t_fill(account);
	for (i = 0; i < nitems(messages); i++)
		t_append("INBOX", messages[i].flags, messages[i].date,
		    messages[i].text);
	t_filled();
}

static void
search(const char *program, const char *want)
{
	char		 cmd[512], first[512];
	const char	*l;
	int		 n;

	snprintf(cmd, sizeof(cmd), "s SEARCH %s\r\n", program);
	t_send(1, cmd, strlen(cmd));
	l = t_line(1);
	snprintf(first, sizeof(first), "%s", l == NULL ? "(nothing)" : l);
	snprintf(cmd, sizeof(cmd), "* SEARCH%s", want);
	n = (int)strcspn(program, "\r");
	CHECK(strcmp(first, cmd) == 0, "%.*s: %s", n, program, first);
	l = t_line(1);
	CHECK(l != NULL && strcmp(l, "s OK SEARCH completed") == 0,
	    "%.*s: %s", n, program, l == NULL ? "(nothing)" : l);
}

/* Nested to the bound, and beyond it. */
static void
deep(void)
{
	struct buf	 b = { 0 };
	const char	*l;
	int		 depth, i;

	for (depth = 20; depth <= 2000; depth *= 10) {
		buf_reset(&b);
		(void)buf_adds(&b, "n SEARCH ");
		for (i = 0; i < depth; i++)
			(void)buf_adds(&b, "NOT (");
		(void)buf_adds(&b, "SEEN");
		for (i = 0; i < depth; i++)
			(void)buf_adds(&b, ")");
		(void)buf_adds(&b, "\r\n");
		t_send(1, (const char *)b.p, b.n);
		l = t_line(1);
		CHECK(l != NULL && strncmp(l, depth <= 20 ? "* SEARCH 1" :
		    "n BAD", depth <= 20 ? 10 : 5) == 0, "%d deep: %s", depth,
		    l);
		if (depth <= 20)
			(void)t_line(1);
	}
	buf_free(&b);
}

/* Gone, but still counted: found by its number until it may be told. */
static void
gone(void)
{
	static const char *const	 lines[] = {
		"O2", "C2: a SELECT INBOX", "S2: * FLAGS ~", "S2: * 4 EXISTS",
		"S2: * 0 RECENT", "S2: * OK [UNS~", "S2: * OK [PERM~",
		"S2: * OK [UIDV~", "S2: * OK [UIDN~",
		"S2: * OK [HIGHEST~", "S2: a OK ~",
		"C2: b EXPUNGE", "S2: * 3 EXPUNGE", "S2: b OK ~",
		"C1: c SEARCH OR 4 BODY longer", "S1: * SEARCH 3 4",
		"S1: c OK ~",
		"C1: d UID SEARCH BODY inside", "S1: * SEARCH 14",
		"S1: * 3 EXPUNGE", "S1: d OK ~",
		"C1: e SEARCH BODY inside", "S1: * SEARCH 3", "S1: e OK ~",
		NULL
	};

	t_account[2] = 1;
	t_script("gone", lines);
}

/* "$" in other commands; what makes it empty and what leaves it alone. */
static void
saved(void)
{
	static const char *const	 lines[] = {
		"C1: a SEARCH RETURN (SAVE) 1:2", "S1: a OK ~",
		"C1: b FETCH $ UID", "S1: * 1 FETCH (UID 11)",
		"S1: * 2 FETCH (UID 12)", "S1: b OK ~",
		"C1: c UID STORE $ +FLAGS.SILENT (note)",
		"S1: * FLAGS ~", "S1: c OK ~",
		"C1: d SEARCH KEYWORD note", "S1: * SEARCH 1 2", "S1: d OK ~",
		"C1: e UID COPY $ Sent", "S1: e OK [COPYUID ~",
		/* BAD leaves it alone, NO makes it empty */
		"C1: f SEARCH RETURN (SAVE) FROB", "S1: f BAD ~",
		"C1: g SEARCH $", "S1: * SEARCH 1 2", "S1: g OK ~",
		"C1: h SEARCH RETURN (SAVE) CHARSET KLINGON TEXT x",
		"S1: h NO [BADCHARSET ~",
		"C1: i SEARCH $", "S1: * SEARCH", "S1: i OK ~",
		/* what is expunged is none of it, what is next is not */
		"C1: j SEARCH RETURN (SAVE) 1:2", "S1: j OK ~",
		"C1: k STORE 1 +FLAGS.SILENT (\\Deleted)", "S1: k OK ~",
		"C1: l UID EXPUNGE $", "S1: * 1 EXPUNGE", "S1: l OK ~",
		"C1: m FETCH $ UID", "S1: * 1 FETCH (UID 12)", "S1: m OK ~",
		/* of the mailbox that is selected alone */
		"C1: n EXAMINE INBOX", "S1: * OK [CLOSED] ~", "S1: * FLAGS ~",
		"S1: * 2 EXISTS", "S1: * 0 RECENT", "S1: * OK [UNS~",
		"S1: * OK [PERM~", "S1: * OK [UIDV~", "S1: * OK [UIDN~",
		"S1: * OK [HIGHEST~",
		"S1: n OK ~",
		"C1: o SEARCH RETURN (COUNT) $",
		"S1: * ESEARCH (TAG \"o\") COUNT 0", "S1: o OK ~",
		NULL
	};

	t_script("saved", lines);
}

int
main(void)
{
	char		 cmd[256];
	const char	*l;
	size_t		 i;

	t_open(NULL);
	t_store.charsets = charsets_open();
	fill(1);
	/* The second time what was read of headers is known. */
	for (i = 0; i < 2 * nitems(cases); i++)
		search(cases[i % nitems(cases)].program,
		    cases[i % nitems(cases)].want);
	for (i = 0; i < nitems(errors); i++) {
		snprintf(cmd, sizeof(cmd), "s SEARCH %s\r\n",
		    errors[i].program);
		t_send(1, cmd, strlen(cmd));
		l = t_line(1);
		CHECK(l != NULL && strncmp(l, "s ", 2) == 0 &&
		    strncmp(l + 2, errors[i].want,
		    strlen(errors[i].want)) == 0, "%s: %s", errors[i].program,
		    l == NULL ? "(nothing)" : l);
	}
	for (i = 0; i < nitems(extended); i++)
		esearch(extended[i].command, extended[i].want);
	deep();
	gone();
	saved();
	t_close();
	charsets_free(t_store.charsets);
	t_remove();
	return (t_done());
}
