/*
 * STORE and EXPUNGE: what changes, what is said to whom, what is refused.
 */
#include <stdlib.h>
#include <string.h>

#include "imaptest.h"

#define SELECT(n, exists, recent)					\
	"S" n ": * FLAGS ~", "S" n ": * " exists " EXISTS",		\
	"S" n ": * " recent " RECENT", "S" n ": * OK [UNS~",		\
	"S" n ": * OK [PERM~", "S" n ": * OK [UIDV~",			\
	"S" n ": * OK [UIDN~",						\
	"S" n ": * OK [HIGHEST~", "S" n ": ~ OK [READ-~"

static const char *const store[] = {
	"O1", "D1: Subject: 1\r\n\r\n", "D1: Subject: 2\r\n\r\n",
	"D1: Subject: 3\r\n\r\n",
	"C1: a SELECT INBOX", SELECT("1", "3", "3"),
	"C1: b STORE 1 FLAGS (\\seen \\Answered)",
	"S1: * 1 FETCH (FLAGS (\\Seen \\Answered \\Recent))",
	"S1: b OK STORE completed",
	"C1: c STORE 1:2 +FLAGS \\Flagged",
	"S1: * 1 FETCH (FLAGS (\\Seen \\Answered \\Flagged \\Recent))",
	"S1: * 2 FETCH (FLAGS (\\Flagged \\Recent))", "S1: c OK ~",
	"C1: d STORE * -FLAGS (\\Flagged)",
	"S1: * 3 FETCH (FLAGS (\\Recent))", "S1: d OK ~",
	"C1: e UID STORE 2:3 +FLAGS.SILENT (\\Draft $Junk NonJunk)",
	"S1: * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Junk "
	    "NonJunk)",
	"S1: e OK ~",
	"C1: f FETCH 1:* FLAGS",
	"S1: * 1 FETCH (FLAGS (\\Seen \\Answered \\Flagged \\Recent))",
	"S1: * 2 FETCH (FLAGS (\\Flagged \\Draft \\Recent $Junk NonJunk))",
	"S1: * 3 FETCH (FLAGS (\\Draft \\Recent $Junk NonJunk))",
	"S1: f OK ~",
	/* keywords are the same whatever their case */
	"C1: g UID STORE 3 -FLAGS ($JUNK $other)",
	"S1: * 3 FETCH (UID 3 FLAGS (\\Draft \\Recent NonJunk))",
	"S1: g OK ~",
	"C1: h STORE 1:* FLAGS.SILENT ()", "S1: h OK ~",
	"C1: i FETCH 1:2 FLAGS", "S1: * 1 FETCH (FLAGS (\\Recent))",
	"S1: * 2 FETCH (FLAGS (\\Recent))", "S1: i OK ~",
	"C1: j STORE 1 FLAGS (\\Recent)", "S1: j BAD ~",
	"C1: j STORE 1 FLAG (\\Seen)", "S1: j BAD ~",
	"C1: j STORE 4 FLAGS (\\Seen)", "S1: j BAD ~",
	"C1: j STORE 1 +FLAGS (\\Seen", "S1: j BAD ~",
	"C1: j STORE 1 +FLAGS", "S1: j BAD ~",
	"C1: j UID STORE 9 +FLAGS (\\Seen)", "S1: j OK ~",
	/* and they are there after a restart */
	"C1: k STORE 2 FLAGS (\\Deleted $Junk)",
	"S1: * 2 FETCH (FLAGS (\\Deleted \\Recent $Junk))", "S1: k OK ~",
	"R", "O1", "C1: l EXAMINE INBOX", SELECT("1", "3", "0"),
	"C1: m FETCH 2 FLAGS", "S1: * 2 FETCH (FLAGS (\\Deleted $Junk))",
	"S1: m OK ~",
	"C1: n STORE 1 +FLAGS (\\Seen)", "S1: n NO [READ-ONLY] ~",
	"C1: n EXPUNGE", "S1: n NO [READ-ONLY] ~",
	"C1: n UID EXPUNGE 1:*", "S1: n NO [READ-ONLY] ~", NULL
};

/* Two sessions of one account, told at their next command or in IDLE. */
static const char *const others[] = {
	"O2", "D2: Subject: 1\r\n\r\n", "D2: Subject: 2\r\n\r\n",
	"D2: Subject: 3\r\n\r\n",
	"C2: a SELECT INBOX", SELECT("2", "3", "3"),
	"O3", "C3: a SELECT INBOX", SELECT("3", "3", "0"),
	"O4", "C4: a SELECT INBOX", SELECT("4", "3", "0"),
	"C4: b IDLE", "S4: + idling",
	"C2: b STORE 2 +FLAGS.SILENT (\\Deleted $New)", "S2: * FLAGS ~",
	"S2: b OK ~",
	/* a new keyword is announced before a message has it */
	"S4: * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $New)",
	"S4: * 2 FETCH (UID 2 FLAGS (\\Deleted $New))",
	"C3: b NOOP", "S3: * FLAGS ~", "S3: * 2 FETCH (UID 2 FLAGS (\\Deleted $New))",
	"S3: b OK ~",
	"C2: c NOOP", "S2: c OK ~",
	"C2: d EXPUNGE", "S2: * 2 EXPUNGE", "S2: d OK EXPUNGE completed",
	"S4: * 2 EXPUNGE",
	/* no EXPUNGE while numbers are in use: FETCH, STORE, SEARCH */
	"C3: c FETCH 3 UID", "S3: * 3 FETCH (UID 3)", "S3: c OK ~",
	"C3: d STORE 3 +FLAGS.SILENT (\\Seen)", "S3: d OK ~",
	"C3: e SEARCH 3", "S3: * SEARCH 3", "S3: e OK ~",
	"C3: f UID FETCH 3 UID", "S3: * 3 FETCH (UID 3)",
	"S3: * 2 EXPUNGE", "S3: f OK ~",
	"S4: * 2 FETCH (UID 3 FLAGS (\\Seen))",
	"C4: DONE", "S4: b OK ~",
	/* STORE and EXPUNGE in one segment, in order */
	"C2= e STORE 1 +FLAGS (\\Deleted)\r\nf EXPUNGE\r\ng NOOP\r\n",
	"S2: * 1 FETCH (FLAGS (\\Deleted \\Recent))",
	"S2: * 2 FETCH (UID 3 FLAGS (\\Seen \\Recent))", "S2: e OK ~",
	"S2: * 1 EXPUNGE", "S2: f OK ~", "S2: g OK ~", NULL
};

static const char *const expunge[] = {
	"O5", "D5: Subject: 1\r\n\r\n", "D5: Subject: 2\r\n\r\n",
	"D5: Subject: 3\r\n\r\n", "D5: Subject: 4\r\n\r\n",
	"C5: a SELECT INBOX", SELECT("5", "4", "4"),
	"C5: b EXPUNGE", "S5: b OK EXPUNGE completed",
	"C5: c STORE 1,3:4 +FLAGS.SILENT (\\Deleted)", "S5: c OK ~",
	"C5: d UID EXPUNGE 2:3", "S5: * 3 EXPUNGE", "S5: d OK ~",
	"C5: e UID EXPUNGE 99", "S5: e OK ~",
	"C5: f UID EXPUNGE", "S5: f BAD ~",
	"C5: f EXPUNGE 1", "S5: f BAD ~",
	"C5: g EXPUNGE", "S5: * 3 EXPUNGE", "S5: * 1 EXPUNGE", "S5: g OK ~",
	"C5: h UID FETCH 1:* FLAGS",
	"S5: * 1 FETCH (UID 2 FLAGS (\\Recent))", "S5: h OK ~",
	"R", "O5", "C5: i SELECT INBOX", SELECT("5", "1", "0"), NULL
};

/* More than one transaction holds: slices, and others are told meanwhile. */
#define MANY	1200

static void
many(void)
{
	char		 cmd[64];
	const char	*l;
	size_t		 i, n = 0;

	t_login(6, 6);
	t_login(7, 6);
	(void)t_line(6);
	(void)t_line(7);
	for (i = 0; i < MANY; i++) {
		snprintf(cmd, sizeof(cmd),
		    "a APPEND INBOX {10+}\r\nx: y\r\n\r\nz\n\r\n");
		t_send(6, cmd, strlen(cmd));
		l = t_line(6);
		n += l != NULL && strncmp(l, "a OK", 4) == 0;
	}
	CHECK(n == MANY, "%zu messages", n);
	/* one after the other: what is recent is so for the first */
	t_send(6, "b SELECT INBOX\r\n", 16);
	while ((l = t_line(6)) != NULL && strncmp(l, "b OK", 4) != 0)
		continue;
	t_send(7, "b SELECT INBOX\r\n", 16);
	while ((l = t_line(7)) != NULL && strncmp(l, "b OK", 4) != 0)
		continue;
	t_send(6, "c STORE 1:* +FLAGS (\\Deleted)\r\n", 31);
	for (n = 0; (l = t_line(6)) != NULL && l[0] == '*'; n++) {
		snprintf(cmd, sizeof(cmd), "* %zu FETCH (FLAGS (\\Deleted "
		    "\\Recent))", n + 1);
		if (strcmp(l, cmd) != 0)
			CHECK(0, "%s, want %s", l, cmd);
	}
	CHECK(n == MANY && strncmp(l, "c OK", 4) == 0, "STORE: %zu", n);
	t_send(7, "c NOOP\r\n", 8);
	for (n = 0; (l = t_line(7)) != NULL && l[0] == '*'; n++)
		continue;
	CHECK(n == MANY, "the other was told of %zu", n);
	t_send(6, "d UID STORE 2:* -FLAGS.SILENT (\\Deleted)\r\n", 42);
	CHECK(strncmp(t_line(6), "d OK", 4) == 0, "STORE .SILENT");
	t_send(6, "e STORE 2:* +FLAGS.SILENT (\\Deleted)\r\n", 38);
	CHECK(strncmp(t_line(6), "e OK", 4) == 0, "STORE .SILENT");
	t_send(6, "f EXPUNGE\r\n", 11);
	for (n = 0; (l = t_line(6)) != NULL && l[0] == '*'; n++)
		if (strstr(l, " EXPUNGE") == NULL)
			break;
	CHECK(n == MANY && strncmp(l, "f OK", 4) == 0, "EXPUNGE: %zu", n);
	t_send(7, "g FETCH 1,1200 UID\r\n", 20);
	n = 0;
	while ((l = t_line(7)) != NULL && strncmp(l, "g OK", 4) != 0)
		n += strncmp(l, "* 1 FETCH (UID 1)", 17) == 0 ||
		    strncmp(l, "* 1200 FETCH (UID 1200)", 23) == 0;
	CHECK(n == 2, "the other still counts them");
	t_send(7, "h NOOP\r\n", 8);
	for (n = 0; (l = t_line(7)) != NULL && l[0] == '*'; n++)
		if (strstr(l, " EXPUNGE") == NULL)
			break;
	CHECK(n == MANY && strncmp(l, "h OK", 4) == 0,
	    "the other was told of %zu", n);
}

/* Only those in a row are held against a client. */
static void
mistakes(void)
{
	const char	*l = NULL;
	int		 i, k;

	t_login(0, 8);
	(void)t_line(0);
	for (k = 0; k < 3; k++) {
		for (i = 0; i < 15; i++) {
			t_send(0, "a STORE\r\n", 9);
			(void)t_line(0);
		}
		t_send(0, "b NOOP\r\n", 8);
		l = t_line(0);
	}
	CHECK(l != NULL && strncmp(l, "b OK", 4) == 0,
	    "mistakes that are not in a row");
	for (i = 0; i < 30 && l != NULL && strncmp(l, "* BYE", 5) != 0; i++) {
		t_send(0, "c STORE\r\n", 9);
		l = t_line(0);
	}
	CHECK(l != NULL && strncmp(l, "* BYE", 5) == 0,
	    "%d in a row: the end", i);
}

int
main(void)
{
	t_open(NULL);
	t_account[3] = t_account[4] = 2;
	t_script("STORE", store);
	t_script("others", others);
	t_script("EXPUNGE", expunge);
	many();
	mistakes();
	t_close();
	t_remove();
	return (t_done());
}
