/*
 * SORT: every key, ties, display names, ESEARCH answers, charsets, $.
 */
#include <stdlib.h>
#include <string.h>

#include "charset.h"
#include "imaptest.h"

/* Numbers 1 to 8, UIDs 11 to 18. */
static const struct message {
	const char	*date, *text;
} messages[] = {
	/* 1: dates with zones: 10:00 UTC */
	{ " 5-Feb-2020 00:00:00 +0000",
	    "Date: Mon, 3 Feb 2020 12:00:00 +0200\r\n"
	    "From: Zoe <bob@example.org>\r\nTo: carol@example.net\r\n"
	    "Cc: dave@example.org\r\nSubject: Re: zebra\r\n\r\n1\r\n" },
	/* 2: 09:00 UTC, though it looks later */
	{ " 4-Feb-2020 00:00:00 +0000",
	    "Date: Mon, 3 Feb 2020 19:00:00 +1000\r\n"
	    "From: =?utf-8?q?=C3=84rger?= <zeno@example.org>\r\n"
	    "To: Bob <x@example.net>\r\nCc: Alice@example.org\r\n"
	    "Subject: =?utf-8?q?=C3=A4pfel?=\r\n\r\nlonger than one\r\n" },
	/* 3: no Date: its INTERNALDATE, 3 Feb 09:30 UTC */
	{ " 3-Feb-2020 11:30:00 +0200",
	    "From: alice@example.org\r\nSubject: [list] apple (fwd)\r\n"
	    "\r\nthe longest text of all of them, by far\r\n" },
	/* 4: a group; the subject of number 1 */
	{ " 6-Feb-2020 00:00:00 +0000",
	    "Date: Tue, 4 Feb 2020 00:00:00 +0000\r\n"
	    "From: Friends: yan@example.org, x@example.org;\r\n"
	    "To: undisclosed-recipients:;\r\n"
	    "Subject: ZEBRA\r\n\r\n4\r\n" },
	/* 5: a time that is none: midnight, UTC */
	{ " 7-Feb-2020 00:00:00 +0000",
	    "Date: Mon, 3 Feb 2020 late +0500\r\n"
	    "From: \"\" <Alice@example.org>\r\nTo: \"amy\" <q@example.net>\r\n"
	    "Subject: banana\r\n\r\n55\r\n" },
	/* 6: a date that is none; nothing else */
	{ " 1-Feb-2020 00:00:00 +0000",
	    "Date: yesterday\r\nSubject:\r\n\r\n666\r\n" },
	/* 7: the same sent date as number 1 */
	{ " 8-Feb-2020 00:00:00 +0000",
	    "Date: Mon, 3 Feb 2020 10:00:00 GMT\r\n"
	    "From: (Alfons) mallory@example.org\r\nCc: dave@example.com\r\n"
	    "To: <carol@example.org>\r\n"
	    "Subject: Fwd: [x] Apple\r\n\r\n7777\r\n" },
	/* 8: a zone that is none is UTC; e with an accent sorts behind ez */
	{ " 2-Feb-2020 00:00:00 +0000",
	    "Date: Mon, 3 Feb 2020 09:15:00 NONE\r\n"
	    "From: \"ez\" <bob@example.org>\r\n"
	    "Subject: =?iso-8859-1?q?=E9a?=\r\n\r\n88888\r\n" },
};

static const struct {
	const char	*command, *want;
} cases[] = {
	{ "SORT (ARRIVAL) UTF-8 ALL",		"SORT 6 8 3 2 1 4 5 7" },
	{ "SORT (REVERSE ARRIVAL) UTF-8 ALL",	"SORT 7 5 4 1 2 3 8 6" },
	{ "SORT (DATE) UTF-8 ALL",		"SORT 6 5 2 8 3 1 7 4" },
	/* ties by number, whatever is reversed */
	{ "SORT (REVERSE DATE) UTF-8 ALL",	"SORT 4 1 7 3 8 2 5 6" },
	{ "SORT (SIZE) US-ASCII ALL",		"SORT 6 3 8 5 1 4 7 2" },
	{ "SORT (SUBJECT) UTF-8 ALL",		"SORT 6 3 7 2 5 8 1 4" },
	{ "SORT (REVERSE SUBJECT) UTF-8 ALL",	"SORT 1 4 8 5 2 3 7 6" },
	{ "SORT (SUBJECT REVERSE DATE) UTF-8 ALL", "SORT 6 7 3 2 5 8 4 1" },
	{ "SORT (FROM) UTF-8 ALL",		"SORT 6 3 5 1 8 4 7 2" },
	{ "SORT (REVERSE FROM SIZE) UTF-8 ALL",	"SORT 2 7 4 8 1 3 5 6" },
	{ "SORT (CC) UTF-8 ALL",		"SORT 3 4 5 6 8 2 1 7" },
	{ "SORT (TO) UTF-8 ALL",		"SORT 3 6 8 1 7 5 4 2" },
	{ "SORT (DISPLAYFROM) UTF-8 ALL",	"SORT 6 7 3 5 2 8 4 1" },
	{ "SORT (REVERSE DISPLAYFROM) UTF-8 ALL", "SORT 1 4 8 2 3 5 7 6" },
	{ "SORT (DISPLAYTO) UTF-8 ALL",		"SORT 3 6 8 5 2 1 7 4" },
	{ "SORT (FROM FROM REVERSE FROM DATE) UTF-8 1,8",	"SORT 8 1" },
	/* the program */
	{ "SORT (DATE) UTF-8 UNSEEN NOT 3:7",	"SORT 2 8 1" },
	{ "SORT (DATE) UTF-8 BODY nothing",	"SORT" },
	{ "SORT (DATE) ISO-8859-1 SUBJECT {1+}\r\n\xe4", "SORT 5 2 8 3 1 7 4" },
	{ "UID SORT (DATE) UTF-8 1:3",		"SORT 12 13 11" },
	{ "uid sort (reverse size) \"utf-8\" uid 11:12", "SORT 12 11" },
	/* RFC 7162: a modseq at the end, of all that are found */
	{ "SORT (DATE) UTF-8 1:2 MODSEQ 1",	"SORT 2 1 (MODSEQ ~)" },
	{ "SORT (DATE) UTF-8 1:2 MODSEQ 99999",	"SORT" },
	/* RFC 5267: in this order */
	{ "SORT RETURN () (DATE) UTF-8 ALL",
	    "ESEARCH (TAG \"t\") ALL 6,5,2,8,3,1,7,4" },
	{ "UID SORT RETURN (ALL) (ARRIVAL) UTF-8 1,4:5,7",
	    "ESEARCH (TAG \"t\") UID ALL 11,14:15,17" },
	{ "SORT RETURN (MIN MAX COUNT) (DATE) UTF-8 ALL",
	    "ESEARCH (TAG \"t\") MIN 6 MAX 4 COUNT 8" },
	{ "UID SORT RETURN (MIN) (REVERSE DATE) UTF-8 ALL",
	    "ESEARCH (TAG \"t\") UID MIN 14" },
	{ "SORT RETURN (ALL MIN COUNT) (DATE) UTF-8 BODY nothing",
	    "ESEARCH (TAG \"t\") COUNT 0" },
	{ "SORT RETURN (COUNT) (DATE) UTF-8 MODSEQ 1",
	    "ESEARCH (TAG \"t\") COUNT 8 MODSEQ ~" },
	/* RFC 9394: parts of that order */
	{ "SORT RETURN (PARTIAL 1:3) (DATE) UTF-8 ALL",
	    "ESEARCH (TAG \"t\") PARTIAL (1:3 6,5,2)" },
	{ "UID SORT RETURN (PARTIAL -2:-3 COUNT) (DATE) UTF-8 ALL",
	    "ESEARCH (TAG \"t\") UID PARTIAL (-2:-3 11,17) COUNT 8" },
	{ "SORT RETURN (PARTIAL 9:10) (DATE) UTF-8 ALL",
	    "ESEARCH (TAG \"t\") PARTIAL (9:10 NIL)" },
	{ "SORT RETURN (SAVE PARTIAL 7:8) (DATE) UTF-8 ALL",
	    "ESEARCH (TAG \"t\") PARTIAL (7:8 7,4)" },
	{ "SEARCH $",				"SEARCH 4 7" },
	/* RFC 5182 */
	{ "SORT RETURN (SAVE) (DATE) UTF-8 1,4:5,7", NULL },
	{ "SORT RETURN () (DATE) UTF-8 $",
	    "ESEARCH (TAG \"t\") ALL 5,1,7,4" },
	{ "SEARCH RETURN () $",	"ESEARCH (TAG \"t\") ALL 1,4:5,7" },
	{ "SORT RETURN (SAVE MAX) (DATE) UTF-8 1:3",
	    "ESEARCH (TAG \"t\") MAX 1" },
	{ "SEARCH $",				"SEARCH 1" },
	{ "UID SORT RETURN (SAVE MAX MIN) (DATE) UTF-8 ALL",
	    "ESEARCH (TAG \"t\") UID MIN 16 MAX 14" },
	{ "SEARCH $",				"SEARCH 4 6" },
	{ "SORT RETURN (SAVE COUNT MIN) (DATE) UTF-8 2:3",
	    "ESEARCH (TAG \"t\") MIN 2 COUNT 2" },
	{ "SEARCH $",				"SEARCH 2 3" },
};

static const struct {
	const char	*command, *want;
} errors[] = {
	{ "SORT",				"BAD " },
	{ "SORT UTF-8 ALL",			"BAD " },
	{ "SORT () UTF-8 ALL",			"BAD " },
	{ "SORT (DATE) ALL",			"BAD " },
	{ "SORT (DATE) UTF-8",			"BAD " },
	{ "SORT (DATE UTF-8 ALL",		"BAD " },
	{ "SORT (DATE ) UTF-8 ALL",		"BAD " },
	{ "SORT (REVERSE) UTF-8 ALL",		"BAD " },
	{ "SORT (REVERSE REVERSE DATE) UTF-8 ALL", "BAD " },
	{ "SORT (BCC) UTF-8 ALL",		"BAD " },
	{ "SORT (DATE) UTF-8 ALL x",		"BAD " },
	{ "SORT (DATE) CHARSET UTF-8 ALL",	"BAD " },
	{ "SORT RETURN ALL (DATE) UTF-8 ALL",	"BAD " },
	{ "SORT RETURN (FIRST) (DATE) UTF-8 ALL", "BAD " },
	{ "SORT (DATE) KLINGON ALL",		"NO [BADCHARSET (" },
	{ "SORT RETURN (SAVE) (DATE) KLINGON ALL", "NO [BADCHARSET (" },
	/* that made it empty */
	{ "UID SORT (DATE) UTF-8",		"BAD " },
};

static void
fill(void)
{
	size_t	 i;

	t_fill(1);
	for (i = 0; i < nitems(messages); i++)
		t_append("INBOX", "", messages[i].date, messages[i].text);
	t_filled();
}

/* "~" in what is wanted stands for digits. */
static int
same(const char *line, const char *want)
{
	for (; *want != '\0'; want++) {
		if (*want == '~') {
			line += strspn(line, "0123456789");
			continue;
		}
		if (*line++ != *want)
			return (0);
	}
	return (*line == '\0');
}

static void
sort(const char *command, const char *want)
{
	char		 cmd[512];
	const char	*l;
	int		 n = (int)strcspn(command, "\r");

	snprintf(cmd, sizeof(cmd), "t %s\r\n", command);
	t_send(1, cmd, strlen(cmd));
	l = t_line(1);
	if (l != NULL && strncmp(l, "* OK [HIGHESTMODSEQ ", 20) == 0)
		l = t_line(1);
	if (want != NULL) {
		CHECK(l != NULL && strncmp(l, "* ", 2) == 0 &&
		    same(l + 2, want), "%.*s: %s", n, command,
		    l == NULL ? "(nothing)" : l);
		l = t_line(1);
	}
	CHECK(l != NULL && strncmp(l, "t OK S", 6) == 0 &&
	    strstr(l, " completed") != NULL, "%.*s: %s", n, command,
	    l == NULL ? "(nothing)" : l);
}

/* Gone, but still counted; with a modseq; told only after UID SORT. */
static void
gone(void)
{
	static const char *const	 lines[] = {
		"O2", "C2: a SELECT INBOX", "S2: * FLAGS ~", "S2: * 8 EXISTS",
		"S2: * 0 RECENT", "S2: * OK [UNS~", "S2: * OK [PERM~",
		"S2: * OK [UIDV~", "S2: * OK [UIDN~", "S2: * OK [HIGHEST~",
		"S2: a OK ~",
		"C2: b STORE 2 +FLAGS.SILENT (\\Deleted)", "S2: b OK ~",
		"C2: c EXPUNGE", "S2: * 2 EXPUNGE", "S2: c OK ~",
		"C1: d SORT (DATE) UTF-8 1:4", "S1: * SORT 2 3 1 4",
		"S1: * OK [HIGHESTMODSEQ 21] ~", "S1: d OK ~",
		"C1: e SORT (SUBJECT) UTF-8 1:4", "S1: * SORT 3 2 1 4",
		"S1: * OK [HIGHESTMODSEQ 21] ~", "S1: e OK ~",
		"C1: f UID SORT (DATE) UTF-8 UID 11:14",
		"S1: * SORT 12 13 11 14",
		"S1: * 2 EXPUNGE", "S1: f OK ~",
		"C1: g SORT (DATE) UTF-8 ALL", "S1: * SORT 5 4 7 2 1 6 3",
		"S1: g OK ~",
		NULL
	};

	t_account[2] = 1;
	t_script("gone", lines);
}

int
main(void)
{
	char		 cmd[256];
	const char	*l;
	size_t		 i;

	t_open(NULL);
	t_store.charsets = charsets_open();
	fill();
	for (i = 0; i < nitems(cases); i++)
		sort(cases[i].command, cases[i].want);
	for (i = 0; i < nitems(errors); i++) {
		snprintf(cmd, sizeof(cmd), "s %s\r\n", errors[i].command);
		t_send(1, cmd, strlen(cmd));
		l = t_line(1);
		CHECK(l != NULL && strncmp(l, "s ", 2) == 0 &&
		    strncmp(l + 2, errors[i].want,
		    strlen(errors[i].want)) == 0, "%s: %s", errors[i].command,
		    l == NULL ? "(nothing)" : l);
	}
	sort("SEARCH $", "SEARCH");
	gone();
	t_close();
	charsets_free(t_store.charsets);
	t_remove();
	return (t_done());
}
