/*
 * UIDBATCHES, RFC 10022: ranges from the newest down, of a mailbox with holes,
 * with messages gone that were not told yet, of one that is empty.
 */
#include <string.h>

#include "imaptest.h"

static const char *const empty[] = {
	"O1",
	"C1: a UIDBATCHES 500", "S1: a BAD no mailbox ~",
	"C1: a SELECT INBOX", "S1: * FLAGS ~", "S1: * 0 EXISTS", "S1: * ~",
	"S1: * ~", "S1: * ~", "S1: * ~", "S1: * ~", "S1: a OK ~",
	"C1: b UIDBATCHES 500", "S1: * UIDBATCHES (TAG \"b\")",
	"S1: b OK UIDBATCHES completed",
	"C1: b UIDBATCHES 500 1:2", "S1: * UIDBATCHES (TAG \"b\")",
	"S1: b OK ~",
	NULL
};

/* Its arguments, with one message. */
static const char *const arguments[] = {
	"C1: a APPEND INBOX {1+}", "C1= a\r\n", "S1: * 1 EXISTS", "S1: * ~",
	"S1: a OK ~",
	"C1: b UIDBATCHES 500", "S1: * UIDBATCHES (TAG \"b\") 1:1",
	"S1: b OK ~",
	"C1: b UIDBATCHES 4294967295", "S1: * UIDBATCHES (TAG \"b\") 1:1",
	"S1: b OK ~",
	"C1: b UIDBATCHES 500 1:1", "S1: * UIDBATCHES (TAG \"b\") 1:1",
	"S1: b OK ~",
	"C1: b UIDBATCHES 500 2:4", "S1: * UIDBATCHES (TAG \"b\")",
	"S1: b OK ~",
	"C1: b UIDBATCHES 499", "S1: b NO [TOOFEW] ~",
	"C1: b UIDBATCHES 1 1:1", "S1: b NO [TOOFEW] ~",
	"C1: b UIDBATCHES 500 2:1", "S1: b BAD [CLIENTBUG] ~",
	"C1: b UIDBATCHES 500 1:200", "S1: * UIDBATCHES (TAG \"b\") 1:1",
	"S1: b OK ~",
	"C1: b UIDBATCHES 500 1:201", "S1: b NO [TOOMANY] ~",
	"C1: b UIDBATCHES 2000 10:60", "S1: b NO [TOOMANY] ~",
	"C1: b UIDBATCHES 500 4294967295:4294967295",
	"S1: * UIDBATCHES (TAG \"b\")", "S1: b OK ~",
	"C1: b UIDBATCHES 4294967295 1:4294967295", "S1: b NO [TOOMANY] ~",
	"C1: b UIDBATCHES", "S1: b BAD ~",
	"C1: b UIDBATCHES 0", "S1: b BAD ~",
	"C1: b UIDBATCHES 500 0:1", "S1: b BAD ~",
	"C1: b UIDBATCHES 500 1", "S1: b BAD ~",
	"C1: b UIDBATCHES 500 1:2 3", "S1: b BAD ~",
	"C1: b UIDBATCHES 500 1:*", "S1: b BAD ~",
	"C1: b UIDBATCHES 4294967296", "S1: b BAD ~",
	"C1: b UID UIDBATCHES 500", "S1: b BAD unknown command",
	NULL
};

/* 1 to 1024, and of each hundred the first ten go: 914 are left. */
static const char *const many[] = {
	"C1: a UIDBATCHES 1023",
	"S1: * UIDBATCHES (TAG \"a\") 1024:2,1:1", "S1: a OK ~",
	"C1: a UIDBATCHES 1024", "S1: * UIDBATCHES (TAG \"a\") 1024:1",
	"S1: a OK ~",
	"C1: a UIDBATCHES 500",
	"S1: * UIDBATCHES (TAG \"a\") 1024:525,524:25,24:1", "S1: a OK ~",
	"C1: a UIDBATCHES 500 2:3",
	"S1: * UIDBATCHES (TAG \"a\") 524:25,24:1", "S1: a OK ~",
	"C1: a UIDBATCHES 512",
	"S1: * UIDBATCHES (TAG \"a\") 1024:513,512:1", "S1: a OK ~",
	/* the result of a search is as it was */
	"C1: b UID SEARCH RETURN (SAVE) UID 7", "S1: b OK ~",
	"C1: b UIDBATCHES 1024", "S1: * UIDBATCHES ~", "S1: b OK ~",
	"C1: b UID SEARCH $", "S1: * SEARCH 7", "S1: b OK ~",
	NULL
};

static const char *const holes[] = {
	"C1: a UID STORE 1:10,101:110,201:210,301:310,401:410,501:510,601:610,"
	    "701:710,801:810,901:910,1001:1010 +FLAGS.SILENT (\\Deleted)",
	"S1: a OK ~",
	"O2",
	"C2: b SELECT INBOX", "S2: * FLAGS ~", "S2: * 1024 EXISTS", "S2: * ~",
	"S2: * ~", "S2: * ~", "S2: * ~", "S2: * ~", "S2: * ~", "S2: b OK ~",
	"C2: c ENABLE UIDONLY", "S2: * ENABLED UIDONLY", "S2: c OK ~",
	"C2: d IDLE", "S2: + idling",
	NULL
};

/* What has not been told yet counts, and then it does not. */
static const char *const told[] = {
	"C2: DONE", "S2: d OK ~",
	"C1: a UID STORE 515 +FLAGS.SILENT (\\Deleted)", "S1: a OK ~",
	"C1: b UID EXPUNGE 515", "S1: * 455 EXPUNGE", "S1: b OK ~",
	"C2: b UIDBATCHES 500",
	"S2: * UIDBATCHES (TAG \"b\") 1024:465,464:1", "S2: * VANISHED 515",
	"S2: b OK ~",
	"C2: c UIDBATCHES 500",
	"S2: * UIDBATCHES (TAG \"c\") 1024:464,463:1", "S2: c OK ~",
	"C2: d UID SEARCH RETURN (COUNT) UID 1024:464",
	"S2: * ESEARCH (TAG \"d\") UID COUNT 500", "S2: d OK ~",
	NULL
};

static void
say(const char *line)
{
	t_send(1, line, strlen(line));
	t_settle();
	t_drain(1);
}

int
main(void)
{
	int	 i;

	t_account[2] = 1;
	t_open(NULL);
	t_script("empty", empty);
	t_script("arguments", arguments);
	for (i = 0; i < 9; i++)
		say("a UID COPY 1:* INBOX\r\n");
	say("a UID COPY 1:500 INBOX\r\n");
	say("a UID COPY 1:12 INBOX\r\n");
	t_script("many", many);
	t_script("holes", holes);
	say("a EXPUNGE\r\n");
	t_drain(2);
	t_script("told", told);
	t_close();
	t_remove();
	return (t_done());
}
