/*
 * COPY and MOVE: what arrives, COPYUID, all or nothing, many messages.
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

static const char *const copy[] = {
	"O1",
	"C1= a APPEND INBOX (\\Seen $A $B) \" 1-Feb-2020 10:00:00 +0200\" "
	    "{9+}\r\nx: 1\r\n\r\na\r\n", "S1: a OK ~",
	"D1: Subject: 2\r\n\r\n", "D1: Subject: 3\r\n\r\n",
	"C1: b SELECT INBOX", SELECT("1", "3", "3"),
	/* a mailbox that has another keyword already */
	"C1= c APPEND Archive ($Z) {9+}\r\nx: 0\r\n\r\nz\r\n", "S1: c OK ~",
	"C1: d COPY 1,3 Archive",
	"S1: d OK [COPYUID ~ 1,3 2:3] COPY completed",
	"C1: e UID COPY 2:99 Archive", "S1: e OK [COPYUID ~ 2:3 4:5] ~",
	"C1: f COPY 2 \"nowhere\"", "S1: f NO [TRYCREATE] ~",
	"C1: f COPY 4 Archive", "S1: f BAD ~",
	"C1: f COPY 1", "S1: f BAD ~",
	"C1: f COPY 1 Archive x", "S1: f BAD ~",
	"C1: g UID COPY 99 Archive", "S1: g OK COPY completed, no messages",
	/* to itself */
	"C1: h COPY 1 inbox", "S1: * 4 EXISTS", "S1: * 4 RECENT",
	"S1: h OK [COPYUID ~ 1 4] ~",
	"C1: i SELECT Archive", "S1: * OK [CLOSED] ~",
	SELECT("1", "5", "5"),
	"C1: j FETCH 1:* (FLAGS INTERNALDATE BODY.PEEK[TEXT])",
	"S1: * 1 FETCH (FLAGS (\\Recent $Z) INTERNALDATE ~ BODY[TEXT] {1}",
	"S1: z)",
	"S1: * 2 FETCH (FLAGS (\\Seen \\Recent $A $B) INTERNALDATE "
	    "\"01-Feb-2020 10:00:00 +0200\" BODY[TEXT] {1}", "S1: a)",
	"S1: * 3 FETCH (~ {0}", "S1: )", "S1: * 4 FETCH (~ {0}", "S1: )",
	"S1: * 5 FETCH (~ {0}", "S1: )", "S1: j OK ~",
	"R",
	"O1", "C1: k EXAMINE Archive", SELECT("1", "5", "0"),
	"C1: l COPY 1:2 Junk", "S1: l OK [COPYUID ~ 1:2 1:2] ~",
	"C1: m MOVE 1 Junk", "S1: m NO [READ-ONLY] ~",
	"C1: n FETCH 2 BODY[TEXT]", "S1: * 2 FETCH (BODY[TEXT] {1}", "S1: a)",
	"S1: n OK ~", NULL
};

static const char *const move[] = {
	"O2", "D2: Subject: 1\r\n\r\n1", "D2: Subject: 2\r\n\r\n2",
	"D2: Subject: 3\r\n\r\n3",
	"C2: a SELECT INBOX", SELECT("2", "3", "3"),
	"O3", "C3: a SELECT INBOX", SELECT("3", "3", "0"),
	"O4", "C4: a SELECT Trash", "S4: * FLAGS ~", "S4: * 0 EXISTS",
	"S4: * 0 RECENT", "S4: * OK [PERM~", "S4: * OK [UIDV~",
	"S4: * OK [UIDN~",
	"S4: * OK [HIGHEST~", "S4: a OK ~", "C4: b IDLE", "S4: + idling",
	"C2: b MOVE 1,3 Trash", "S2: * OK [COPYUID ~ 1,3 1:2] moved",
	"S2: * 3 EXPUNGE", "S2: * 1 EXPUNGE", "S2: b OK MOVE completed",
	"S4: * 2 EXISTS", "S4: * 2 RECENT", "C4: DONE", "S4: b OK ~",
	/* who still counts it can still read it */
	"C3: b FETCH 3 BODY.PEEK[TEXT]", "S3: * 3 FETCH (BODY[TEXT] {1}",
	"S3: 3)", "S3: b OK ~",
	"C3: c MOVE 3 Trash", "S3: * 3 EXPUNGE", "S3: * 1 EXPUNGE",
	"S3: c NO [EXPUNGEISSUED] ~",
	"C2: c MOVE 1 Nowhere", "S2: c NO [TRYCREATE] ~",
	"C2: d UID MOVE 1 Trash", "S2: d OK MOVE completed",
	"C4: c FETCH 1:2 BODY.PEEK[TEXT]", "S4: * 1 FETCH (~ {1}", "S4: 1)",
	"S4: * 2 FETCH (~ {1}", "S4: 3)", "S4: c OK ~",
	/* to itself: a new UID */
	"C2: e MOVE 1 INBOX", "S2: * OK [COPYUID ~ 2 4] moved",
	"S2: * 1 EXPUNGE", "S2: * 1 EXISTS", "S2: * 1 RECENT",
	"S2: e OK MOVE completed",
	"C2: f FETCH 1 (UID BODY.PEEK[TEXT])",
	"S2: * 1 FETCH (UID 4 BODY[TEXT] {1}", "S2: 2)", "S2: f OK ~", NULL
};

#define MANY	1300

/* Skip to the answer of a tag; how many other lines there were. */
static size_t
until(int n, const char *tag, const char **line)
{
	size_t	 k = 0;

	while ((*line = t_line(n)) != NULL &&
	    (strncmp(*line, tag, strlen(tag)) != 0 ||
	    (*line)[strlen(tag)] != ' '))
		k++;
	return (k);
}

static void
ask(int n, const char *cmd, size_t others, const char *want)
{
	const char	*l;
	char		 text[128], tag[8];
	size_t		 k;

	snprintf(text, sizeof(text), "%s\r\n", cmd);
	snprintf(tag, sizeof(tag), "%.*s", (int)strcspn(cmd, " "), cmd);
	t_send(n, text, strlen(text));
	k = until(n, tag, &l);
	CHECK(l != NULL && k == others && strstr(l, want) != NULL,
	    "%s: %zu lines, %s", cmd, k, l == NULL ? "(nothing)" : l);
}

static void
many(void)
{
	char		 cmd[64];
	const char	*l;
	size_t		 i, n = 0;
	uint64_t	 body;

	t_login(5, 5);
	(void)t_line(5);
	for (i = 0; i < MANY; i++) {
		snprintf(cmd, sizeof(cmd),
		    "a APPEND INBOX {11+}\r\nx: y\r\n\r\n%03zu\r\n", i % 1000);
		t_send(5, cmd, strlen(cmd));
		l = t_line(5);
		n += l != NULL && strncmp(l, "a OK", 4) == 0;
	}
	CHECK(n == MANY, "%zu messages", n);
	ask(5, "b SELECT INBOX", 8, "OK");
	ask(5, "c COPY 1:* Archive", 0, "OK [COPYUID ");
	ask(5, "d STATUS Archive (MESSAGES)", 1, "OK");
	/* behind what was staged, deliveries go on */
	t_send(5, "e APPEND Archive {3+}\r\nx\r\n\r\n", 28);
	(void)until(5, "e", &l);
	CHECK(l != NULL && strstr(l, "APPENDUID") != NULL, "%s", l);
	ask(5, "f MOVE 1:* Trash", MANY + 2, "OK MOVE completed");
	ask(5, "g SELECT Trash", 9, "OK");
	ask(5, "h FETCH 1:* UID", MANY, "OK");
	ask(5, "i SELECT Archive", 9, "OK");
	ask(5, "j FETCH 1:* UID", MANY + 1, "OK");
	/* shared: each body twice, and gone with the last one */
	ask(5, "k STORE 1:* +FLAGS.SILENT (\\Deleted)", 0, "OK");
	ask(5, "l EXPUNGE", MANY + 1, "OK");
	ask(5, "m SELECT Trash", 9, "OK");
	ask(5, "n FETCH 1:* BODY.PEEK[TEXT]", MANY * 2, "OK");
	ask(5, "o STORE 1:* +FLAGS.SILENT (\\Deleted)", 0, "OK");
	ask(5, "p EXPUNGE", MANY, "OK");
	/* a staged copy into the mailbox that is looked at */
	for (i = 0; i < 600; i++) {
		t_send(5, "r APPEND Junk {3+}\r\nx\r\n\r\n", 25);
		(void)until(5, "r", &l);
	}
	ask(5, "s SELECT Junk", 9, "OK");
	ask(5, "t UID COPY 1:* Junk", 2, "OK [COPYUID ");
	ask(5, "u FETCH 1:* UID", 1200, "OK");
	ask(5, "v UID SEARCH 601:*", 1, "OK");
	ask(5, "w STORE 1:* +FLAGS.SILENT (\\Deleted)", 0, "OK");
	ask(5, "x CLOSE", 0, "OK");
	ask(5, "q LOGOUT", 1, "OK");
	t_settle();
	for (n = 0, body = 0; body_next(t_part->bodies, body, &body) == 0;)
		n++;
	CHECK(n == 0, "%zu bodies are left", n);
}

int
main(void)
{
	struct span	 k, v;

	t_open(NULL);
	/* First, so that nothing else is in the partition. */
	many();
	CHECK(dbenv_next(t_part->ready, span_of("", 0), &k, &v) == -1,
	    "nothing is left of what was ready");
	t_account[3] = t_account[4] = 2;
	t_script("COPY", copy);
	t_script("MOVE", move);
	t_close();
	t_remove();
	return (t_done());
}
