/*
 * MESSAGELIMIT and SAVELIMIT, RFC 9738: of more messages than a command may
 * work on, the last ones; a COPY or an APPEND not at all; EXPUNGE and CLOSE
 * know no limit.
 */
#include <string.h>

#include "imapcap.h"
#include "imapd/session.h"
#include "imaptest.h"

#define ONE "C1: a APPEND INBOX {1+}", "C1= a\r\n", "S1: a OK ~"
#define OPENED "S1: * FLAGS ~", "S1: * 6 EXISTS", "S1: * ~", "S1: * ~",	\
	"S1: * ~", "S1: * ~", "S1: * ~", "S1: * ~", "S1: b OK ~"

static const char *const begin[] = {
	"O1", ONE, ONE, ONE, ONE, ONE, ONE,
	"C1: b SELECT INBOX", OPENED, NULL
};

static const char *const fetching[] = {
	"C1: a FETCH 1:3 UID", "S1: * 1 FETCH (UID 1)", "S1: * 2 FETCH (UID 2)",
	"S1: * 3 FETCH (UID 3)", "S1: a OK FETCH completed",
	"C1: b FETCH 1:4 UID", "S1: * 2 FETCH (UID 2)", "S1: * 3 FETCH (UID 3)",
	"S1: * 4 FETCH (UID 4)",
	"S1: b OK [MESSAGELIMIT 3 2] FETCH completed for the last messages",
	"C1: c UID FETCH 6,1,2,5 UID", "S1: * 2 FETCH (UID 2)",
	"S1: * 5 FETCH (UID 5)", "S1: * 6 FETCH (UID 6)",
	"S1: c OK [MESSAGELIMIT 3 2] ~",
	"C1: d UID FETCH 1:2,7:9 UID", "S1: * 1 FETCH (UID 1)",
	"S1: * 2 FETCH (UID 2)", "S1: d OK FETCH completed",
	"C1: e UID FETCH 1:* UID (PARTIAL 1:3)", "S1: * 1 ~", "S1: * 2 ~",
	"S1: * 3 ~", "S1: e OK FETCH completed",
	"C1: e UID FETCH 1:* UID (PARTIAL -2:-5)",
	"S1: e NO [MESSAGELIMIT 3] ~",
	NULL
};

static const char *const searching[] = {
	"C1: a SEARCH ALL", "S1: * SEARCH 4 5 6",
	"S1: a OK [MESSAGELIMIT 3 4] SEARCH completed for the last messages",
	"C1: b UID SEARCH RETURN (COUNT MIN) UID 1:5",
	"S1: * ESEARCH (TAG \"b\") UID MIN 3 COUNT 3",
	"S1: b OK [MESSAGELIMIT 3 3] ~",
	"C1: c UID SEARCH UIDBEFORE 4", "S1: * SEARCH 1 2 3",
	"S1: c OK SEARCH completed",
	"C1: d UID SEARCH UIDAFTER 3", "S1: * SEARCH 4 5 6",
	"S1: d OK SEARCH completed",
	"C1: d UID SEARCH UIDAFTER 6", "S1: * SEARCH", "S1: d OK ~",
	"C1: d UID SEARCH UIDBEFORE 1", "S1: * SEARCH", "S1: d OK ~",
	"C1: d UID SEARCH UIDAFTER 4294967295", "S1: * SEARCH", "S1: d OK ~",
	/* section 3.2: what is in all sets counts */
	"C1: d UID SEARCH UIDAFTER 1 UIDBEFORE 4", "S1: * SEARCH 2 3",
	"S1: d OK SEARCH completed",
	"C1: d UID SEARCH ALL (UIDBEFORE 6 UID 6,4:5,1,2) UIDAFTER 1",
	"S1: * SEARCH 2 4 5", "S1: d OK SEARCH completed",
	"C1: d UID SEARCH 2:3,5 3:6,1", "S1: * SEARCH 3 5", "S1: d OK ~",
	"C1: d UID SEARCH UIDAFTER 1 OR UIDBEFORE 4 SEEN",
	"S1: * SEARCH", "S1: d OK [MESSAGELIMIT 3 4] ~",
	/* in pages; and what has no limit */
	"C1: d UID SEARCH RETURN (PARTIAL 1:9) ALL",
	"S1: * NO [MESSAGELIMIT 3 4] ~",
	"S1: * ESEARCH (TAG \"d\") UID PARTIAL (1:9 4:6)", "S1: d OK ~",
	"C1: d UID SORT (ARRIVAL) UTF-8 ALL", "S1: * SORT 1 2 3 4 5 6",
	"S1: d OK SORT completed",
	/* what is saved ends there as well */
	"C1: e UID SEARCH RETURN (SAVE) ALL", "S1: e OK [MESSAGELIMIT 3 4] ~",
	"C1: f UID FETCH $ UID", "S1: * 4 ~", "S1: * 5 ~", "S1: * 6 ~",
	"S1: f OK FETCH completed",
	NULL
};

static const char *const copying[] = {
	"C1: a COPY 1:4 Archive", "S1: a NO [MESSAGELIMIT 3 2] ~",
	"C1: b COPY 4:6 Archive", "S1: b OK [COPYUID ~",
	"C1: c STATUS Archive (MESSAGES)", "S1: * STATUS Archive (MESSAGES 3)",
	"S1: c OK ~",
	"C1: d APPEND Archive {1+}", "C1= a {1+}\r\nb {1+}\r\nc {1}\r\n",
	"S1: d NO [MESSAGELIMIT 3] ~",
	"C1: e APPEND Archive {1+}", "C1= a {1+}\r\nb {1+}\r\nc\r\n",
	"S1: e OK [APPENDUID ~",
	"C1: f STATUS Archive (MESSAGES)", "S1: * STATUS Archive (MESSAGES 6)",
	"S1: f OK ~",
	NULL
};

static const char *const storing[] = {
	"C1: a UID STORE 1:* +FLAGS (\\Deleted)", "S1: * 4 ~", "S1: * 5 ~",
	"S1: * 6 ~", "S1: a OK [MESSAGELIMIT 3 4] ~",
	"C1: b UID STORE 1:3 +FLAGS.SILENT (\\Deleted)",
	"S1: b OK STORE completed",
	/* two codes */
	"C1: c UID STORE 1:* (UNCHANGEDSINCE 1) FLAGS (\\Deleted)",
	"S1: * OK [HIGHESTMODSEQ ~", "S1: * NO [MESSAGELIMIT 3 4] ~",
	"S1: c OK [MODIFIED 4:6] ~",
	/* of those that are marked */
	"C1: d UID STORE 5:6 -FLAGS.SILENT (\\Deleted)", "S1: * 5 ~",
	"S1: * 6 ~", "S1: d OK STORE completed",
	"C1: e UID EXPUNGE 1:*", "S1: * 4 EXPUNGE", "S1: * 3 EXPUNGE",
	"S1: * 2 EXPUNGE",
	"S1: e OK [MESSAGELIMIT 3 2] EXPUNGE completed for the last messages",
	"C1: f UID EXPUNGE 1:*", "S1: * 1 EXPUNGE", "S1: f OK EXPUNGE completed",
	NULL
};

/* UIDs 5 and 6 are left. */
static const char *const moving[] = {
	"C1: a ENABLE QRESYNC", "S1: * ENABLED QRESYNC", "S1: a OK ~",
	"C1: b UID COPY 5:6 INBOX", "S1: * 4 EXISTS", "S1: * 4 RECENT",
	"S1: b OK [COPYUID ~",
	"C1: c UID MOVE 1:* Archive", "S1: * OK [COPYUID ~ 6:8 ~",
	"S1: * VANISHED 6:8", "S1: * NO [MESSAGELIMIT 3 6] ~",
	"S1: c OK [HIGHESTMODSEQ ~",
	"C1: d UID MOVE 1:* Archive", "S1: * OK [COPYUID ~",
	"S1: * VANISHED 5", "S1: d OK [HIGHESTMODSEQ ~",
	NULL
};

/* What has no limit. */
static const char *const expunging[] = {
	"O1", "C1: b SELECT INBOX", OPENED,
	"C1: a STORE 4:6 +FLAGS.SILENT (\\Deleted)", "S1: a OK ~",
	"C1: a STORE 2:3 +FLAGS.SILENT (\\Deleted)", "S1: a OK ~",
	"C1: b EXPUNGE", "S1: * 6 EXPUNGE", "S1: * 5 EXPUNGE",
	"S1: * 4 EXPUNGE", "S1: * 3 EXPUNGE", "S1: * 2 EXPUNGE",
	"S1: b OK EXPUNGE completed",
	NULL
};

/* SAVELIMIT: copies alone. */
static const char *const saving[] = {
	"C1: a FETCH 1:4 UID", "S1: * 1 ~", "S1: * 2 ~", "S1: * 3 ~",
	"S1: * 4 ~", "S1: a OK FETCH completed",
	"C1: b COPY 1:3 Archive", "S1: b NO [MESSAGELIMIT 2 2] ~",
	"C1: c COPY 1:2 Archive", "S1: c OK [COPYUID ~",
	"C1: d APPEND Archive {1+}", "C1= a {1+}\r\nb {1}\r\n",
	"S1: d NO [MESSAGELIMIT 2] ~",
	"C1: e MOVE 1:3 Archive", "S1: * OK [COPYUID ~", "S1: * 3 EXPUNGE",
	"S1: * 2 EXPUNGE", "S1: * 1 EXPUNGE", "S1: e OK MOVE completed",
	NULL
};

static const struct {
	uint32_t	 messages, saves;
	const char	*off;
	const char	*want;		/* "": neither */
} lists[] = {
	{ 0,	0,	NULL,		"" },
	{ 1000,	0,	NULL,		" MESSAGELIMIT=1000]" },
	{ 0,	1000,	NULL,		" SAVELIMIT=1000]" },
	{ 2000,	1000,	NULL,		" MESSAGELIMIT=2000]" },
	{ 2000,	1000,	"MESSAGELIMIT",	" SAVELIMIT=1000]" },
	{ 2000,	0,	"MESSAGELIMIT",	"" },
	{ 0,	1000,	"SAVELIMIT",	"" },
};

static void
test_lists(void)
{
	const char	*line;
	size_t		 i;

	for (i = 0; i < nitems(lists); i++) {
		t_limits.messages = lists[i].messages;
		t_limits.saves = lists[i].saves;
		t_limits.off = lists[i].off == NULL ? 0 :
		    imapcap_bits(span_str(lists[i].off));
		(void)t_login(1, 1);
		line = t_line(1);
		CHECK(line != NULL && strstr(line, "APPENDLIMIT=") != NULL &&
		    (lists[i].want[0] == '\0' ?
		    strstr(line, "MESSAGELIMIT=") == NULL &&
		    strstr(line, "SAVELIMIT=") == NULL :
		    strstr(line, lists[i].want) != NULL), "%zu: \"%s\" in %s",
		    i, lists[i].want, line == NULL ? "nothing" : line);
		t_logout(1);
	}
	t_limits.off = 0;
	t_limits.messages = t_limits.saves = 0;
}

int
main(void)
{
	t_open(NULL);
	test_lists();
	t_limits.messages = 3;
	t_script("begin", begin);
	t_script("fetching", fetching);
	t_script("searching", searching);
	t_script("copying", copying);
	t_script("storing", storing);
	t_script("moving", moving);
	t_close();
	t_remove();

	t_open(NULL);
	t_limits.messages = 0;
	t_limits.saves = 2;
	t_script("begin again", begin);
	t_script("saving", saving);
	t_close();
	t_remove();

	t_open(NULL);
	t_limits.saves = 0;
	t_script("six", begin);
	t_logout(1);
	t_limits.messages = 3;
	t_script("expunging", expunging);
	t_close();
	t_remove();
	return (t_done());
}
