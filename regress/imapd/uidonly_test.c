/*
 * UIDONLY, RFC 9586: no number of a message is taken or told, whoever changes
 * what; alone, with CONDSTORE, with QRESYNC, with "$".
 */
#include <stdio.h>
#include <string.h>

#include "imapd/account.h"
#include "imaptest.h"

#define LINES	64

/* NOLINTBEGIN(bugprone-suspicious-missing-comma): the macro's literals meet. */

/* Four messages that were read, so that no UNSEEN is shown to the other. */
static const char *const begin[] = {
	"O1", "O2",
	"C1: a APPEND INBOX (\\Draft) {1+}", "C1= a\r\n", "S1: a OK ~",
	"C1: a APPEND INBOX {1+}", "C1= b\r\n", "S1: a OK ~",
	"C1: a APPEND INBOX {1+}", "C1= c\r\n", "S1: a OK ~",
	"C1: a APPEND INBOX {1+}", "C1= d\r\n", "S1: a OK ~",
	"C1: b ENABLE UIDONLY", "S1: * ENABLED UIDONLY", "S1: b OK ~",
	/* no UNSEEN, though there is one */
	"C1: c SELECT INBOX", "S1: * FLAGS ~", "S1: * 4 EXISTS",
	"S1: * 4 RECENT", "S1: * OK [PERM~", "S1: * OK [UIDV~",
	"S1: * OK [UIDNEXT 5] ~", "S1: * OK [HIGHEST~", "S1: c OK [READ-WRITE~",
	"C2: c SELECT INBOX", "S2: * FLAGS ~", "S2: * 4 EXISTS",
	"S2: * 0 RECENT", "S2: * OK [UNSEEN 1] ~", "S2: * OK [PERM~",
	"S2: * OK [UIDV~", "S2: * OK [UIDNEXT 5] ~", "S2: * OK [HIGHEST~",
	"S2: c OK [READ-WRITE~",
	NULL
};

#define REFUSED "S1: a BAD [UIDREQUIRED] no numbers of messages, UIDONLY is "	\
	"enabled"

static const char *const refused[] = {
	"C1: a FETCH 1 FLAGS", REFUSED,
	"C1: a fetch $ FLAGS", REFUSED,
	"C1: a STORE 1 +FLAGS (\\Seen)", REFUSED,
	"C1: a COPY 1 Archive", REFUSED,
	"C1: a MOVE 1:* Archive", REFUSED,
	"C1: a SEARCH ALL", REFUSED,
	"C1: a SEARCH RETURN (COUNT) UID 1:*", REFUSED,
	"C1: a SORT (ARRIVAL) UTF-8 ALL", REFUSED,
	"C1: a THREAD REFERENCES UTF-8 ALL", REFUSED,
	"C1: a REPLACE 4 Drafts {1+}", "C1= x\r\n", REFUSED,
	"C1: a UID SORT (ARRIVAL) UTF-8 1:2", REFUSED,
	"C1: a UID THREAD ORDEREDSUBJECT UTF-8 NOT *", REFUSED,
	"C1: a UID SORT (ARRIVAL) UTF-8 UID 1:2", "S1: * SORT 1 2",
	"S1: a OK ~",
	"C1: a UID SEARCH 1", REFUSED,
	"C1: a UID SEARCH *", REFUSED,
	"C1: a UID SEARCH RETURN (SAVE) OR SEEN (NOT 2:3)", REFUSED,
	"C1: a UID SEARCH UID 1:* ALL", "S1: * SEARCH 1 2 3 4", "S1: a OK ~",
	/* what stays as it was */
	"C1: a UID SEARCH RETURN (MIN COUNT) DRAFT",
	"S1: * ESEARCH (TAG \"a\") UID MIN 1 COUNT 1", "S1: a OK ~",
	"C1: a UID COPY 2 Archive", "S1: a OK [COPYUID ~",
	"C1: a UID STORE 9 +FLAGS (\\Seen)", "S1: a OK ~",
	"C1: a UID FETCH 9 FLAGS", "S1: a OK ~",
	/* another session knows nothing of it */
	"C2: a SEARCH 2:3", "S2: * SEARCH 2 3", "S2: a OK ~",
	NULL
};

static const char *const telling[] = {
	"C1: a UID FETCH 1:* FLAGS",
	"S1: * 1 UIDFETCH (FLAGS (\\Draft \\Recent))",
	"S1: * 2 UIDFETCH (FLAGS (\\Recent))",
	"S1: * 3 UIDFETCH (FLAGS (\\Recent))",
	"S1: * 4 UIDFETCH (FLAGS (\\Recent))", "S1: a OK ~",
	"C1: b UID FETCH 3 (UID RFC822.SIZE)",
	"S1: * 3 UIDFETCH (UID 3 RFC822.SIZE 1)", "S1: b OK ~",
	"C1: c UID FETCH 4 BODY[]",
	"S1: * 4 UIDFETCH (FLAGS (\\Seen \\Recent) BODY[] {1}", "S1: d)",
	"S1: c OK ~",
	"C1: d UID STORE 2:3 FLAGS (\\Answered)",
	"S1: * 2 UIDFETCH (FLAGS (\\Answered \\Recent))",
	"S1: * 3 UIDFETCH (FLAGS (\\Answered \\Recent))", "S1: d OK ~",
	"C1: e UID STORE 3 +FLAGS.SILENT (\\Deleted)", "S1: e OK ~",
	"C2: f NOOP", "S2: * 4 FETCH (UID 4 FLAGS (\\Seen))",
	"S2: * 2 FETCH (UID 2 FLAGS (\\Answered))",
	"S2: * 3 FETCH (UID 3 FLAGS (\\Answered \\Deleted))",
	"S2: * 3 FETCH (UID 3 FLAGS (\\Answered \\Deleted))", "S2: f OK ~",
	"C2: g STORE 1 +FLAGS (\\Flagged)", "S2: * 1 FETCH (FLAGS ~",
	"S2: g OK ~",
	"C1: h NOOP", "S1: * 1 UIDFETCH (FLAGS (\\Flagged \\Draft \\Recent))",
	"S1: h OK ~",
	"C1: i EXPUNGE", "S1: * VANISHED 3", "S1: i OK EXPUNGE completed",
	"C2: j NOOP", "S2: * 3 EXPUNGE", "S2: j OK ~",
	NULL
};

/* "$", removals, IDLE and what comes while it idles. */
static const char *const moving[] = {
	"C1: a UID SEARCH RETURN (SAVE) FLAGGED", "S1: a OK ~",
	"C1: b UID FETCH $ FLAGS",
	"S1: * 1 UIDFETCH (FLAGS (\\Flagged \\Draft \\Recent))", "S1: b OK ~",
	"C1: c UID SEARCH $", "S1: * SEARCH 1", "S1: c OK ~",
	"C1: d UID MOVE $ Archive", "S1: * OK [COPYUID ~",
	"S1: * VANISHED 1", "S1: d OK ~",
	"C2: e NOOP", "S2: * 1 EXPUNGE", "S2: e OK ~",
	"C2: f STORE 1 +FLAGS (\\Deleted)", "S2: * 1 FETCH ~", "S2: f OK ~",
	"C1: g IDLE", "S1: + idling", "S1: * 2 UIDFETCH (FLAGS ~",
	"C2: h UID EXPUNGE 1:2", "S2: * 1 EXPUNGE", "S2: h OK ~",
	"S1: * VANISHED 2",
	"C2: i APPEND INBOX {1+}", "C2= e\r\n", "S2: * 2 EXISTS", "S2: * ~",
	"S2: i OK ~",
	"S1: * 2 EXISTS", "S1: * 2 RECENT",
	"C1: DONE", "S1: g OK ~",
	"C1: j UID EXPUNGE 1:*", "S1: j OK ~",
	NULL
};

/* UIDs 4 and 5 are left. */
static const char *const condstore[] = {
	"C1: a ENABLE CONDSTORE", "S1: * OK [HIGHESTMODSEQ ~",
	"S1: * ENABLED CONDSTORE", "S1: a OK ~",
	"C1: b UID STORE 4 +FLAGS.SILENT ($x)",
	"S1: * FLAGS ~", "S1: * 4 UIDFETCH (MODSEQ (~", "S1: b OK ~",
	"C1: c UID STORE 4 (UNCHANGEDSINCE 1) FLAGS ()",
	"S1: c OK [MODIFIED 4] ~",
	"C1: d UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1)",
	"S1: * 4 UIDFETCH (FLAGS (\\Seen \\Recent $x) MODSEQ (~",
	"S1: * 5 UIDFETCH (FLAGS (\\Recent) MODSEQ (~", "S1: d OK ~",
	"C2: e STORE 2 +FLAGS ($x)", "S2: * FLAGS ~", "S2: * 2 FETCH ~",
	"S2: * 1 FETCH ~", "S2: e OK ~",
	"C1: f NOOP",
	"S1: * 5 UIDFETCH (FLAGS (\\Recent $x) MODSEQ (~", "S1: f OK ~",
	NULL
};

#define AGAIN "S1: * OK [CLOSED] ~", "S1: * FLAGS ~", "S1: * 2 EXISTS",	\
	"S1: * 0 RECENT", "S1: * OK [PERM~", "S1: * OK [UIDV~",		\
	"S1: * OK [UIDNEXT 6] ~", "S1: * OK [HIGHEST~"

static const char *const qresync[] = {
	"C1: a ENABLE QRESYNC UIDONLY", "S1: * ENABLED QRESYNC UIDONLY",
	"S1: a OK ~",
	"C1: b SELECT INBOX (QRESYNC (UIDVALIDITY 1 1:5))", AGAIN,
	"S1: * VANISHED (EARLIER) 1:3",
	"S1: * 4 UIDFETCH (FLAGS (\\Seen $x) MODSEQ (~",
	"S1: * 5 UIDFETCH (FLAGS ($x) MODSEQ (~", "S1: b OK ~",
	"C1: c SELECT INBOX (QRESYNC (UIDVALIDITY 1 1:5 (1 1)))",
	"S1: c BAD [UIDREQUIRED] ~",
	"C1: d SELECT INBOX (QRESYNC (UIDVALIDITY 1 (1 1)))",
	"S1: d BAD [UIDREQUIRED] ~",
	"C1: e UID FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)",
	"S1: * VANISHED (EARLIER) 1:3", "S1: * 4 UIDFETCH ~",
	"S1: * 5 UIDFETCH ~", "S1: e OK ~",
	"C1: f UID STORE 5 +FLAGS (\\Deleted)", "S1: * 5 UIDFETCH ~",
	"S1: f OK ~",
	"C1: g UID EXPUNGE 5", "S1: * VANISHED 5",
	"S1: g OK [HIGHESTMODSEQ ~",
	"C1: h CLOSE", "S1: h OK ~",
	"X1", "X2",
	NULL
};

/* NOLINTEND(bugprone-suspicious-missing-comma) */

/* With the mailbox's UIDVALIDITY for the word. */
static void
script(const char *name, const char *const *lines)
{
	static char	 room[LINES][160];
	const char	*put[LINES], *p;
	struct account	*a = account_find(t_part, 1);
	size_t		 i;

	for (i = 0; i < LINES - 1 && lines[i] != NULL; i++) {
		put[i] = lines[i];
		if ((p = strstr(lines[i], "(UIDVALIDITY ")) == NULL)
			continue;
		snprintf(room[i], sizeof(room[i]), "%.*s%u%s",
		    (int)(p + 1 - lines[i]), lines[i], a->inbox->uidvalidity,
		    p + 12);
		put[i] = room[i];
	}
	put[i] = NULL;
	account_put(a);
	t_script(name, put);
}

int
main(void)
{
	t_account[2] = 1;
	t_open(NULL);
	t_script("begin", begin);
	t_script("refused", refused);
	t_script("telling", telling);
	t_script("moving", moving);
	t_script("condstore", condstore);
	script("qresync", qresync);
	t_close();
	t_remove();
	return (t_done());
}
