/*
 * CONDSTORE, RFC 7162: what switches it on, mod-sequences that only grow,
 * FETCH of what changed since, STORE of what did not, SEARCH.
 */
#include "imaptest.h"

/* SELECT's answers up to the last; EXISTS and the rest as they are. */
#define OPENED(n, exists)						\
	"S" n ": * FLAGS ~", "S" n ": * " exists " EXISTS", "S" n ": * ~",	\
	"S" n ": * OK [UNSEEN ~", "S" n ": * OK [PERM~",			\
	"S" n ": * OK [UIDV~", "S" n ": * OK [UIDN~"

/* A mailbox begins at 1; each command that changes it takes the next. */
static const char *const opening[] = {
	"O1",
	"C1: a APPEND INBOX {3+}", "C1= abc\r\n", "S1: a OK ~",
	"C1: b APPEND INBOX {3+}", "C1= def\r\n", "S1: b OK ~",
	"C1: c APPEND INBOX {3+}", "C1= ghi\r\n", "S1: c OK ~",
	"C1: d STATUS INBOX (HIGHESTMODSEQ)",
	"S1: * STATUS INBOX (HIGHESTMODSEQ 4)", "S1: d OK ~",
	"C1: e SELECT INBOX (CONDSTORE)", OPENED("1", "3"),
	"S1: * OK [HIGHESTMODSEQ 4] ~", "S1: e OK ~",
	"C1: f FETCH 1:* MODSEQ",
	"S1: * 1 FETCH (MODSEQ (2))", "S1: * 2 FETCH (MODSEQ (3))",
	"S1: * 3 FETCH (MODSEQ (4))", "S1: f OK ~",
	NULL
};

static const char *const storing[] = {
	/* plain ones tell it too, also when silent */
	"C1: a STORE 1 +FLAGS (\\Flagged)",
	"S1: * 1 FETCH (UID 1 FLAGS (\\Flagged \\Recent) MODSEQ (5))", "S1: a OK ~",
	"C1: b UID STORE 2 +FLAGS.SILENT (\\Flagged)",
	"S1: * 2 FETCH (UID 2 MODSEQ (6))", "S1: b OK ~",
	/* one command, one number; what changes nothing takes none */
	"C1: c STORE 2:3 +FLAGS.SILENT (\\Draft)",
	"S1: * 2 FETCH (UID 2 MODSEQ (7))",
	"S1: * 3 FETCH (UID 3 MODSEQ (7))",
	"S1: c OK ~",
	"C1: d STORE 3 +FLAGS.SILENT (\\Draft)",
	"S1: * 3 FETCH (UID 3 MODSEQ (7))", "S1: d OK ~",
	"C1: e FETCH 1 BODY.PEEK[]<0.1>",
	"S1: * 1 FETCH (BODY[]<0> {1}", "S1: a)", "S1: e OK ~",
	"C1: f FETCH 1 (BODY[TEXT])",
	"S1: * 1 FETCH (UID 1 FLAGS (\\Seen \\Flagged \\Recent) "
	    "MODSEQ (8) BODY[TEXT] {0}", "S1: )", "S1: f OK ~",
	NULL
};

static const char *const since[] = {
	"C1: a FETCH 1:* (FLAGS) (CHANGEDSINCE 7)",
	"S1: * 1 FETCH (FLAGS (\\Seen \\Flagged \\Recent) MODSEQ (8))",
	"S1: a OK ~",
	"C1: b UID FETCH 1:* UID (CHANGEDSINCE 6)",
	"S1: * 1 FETCH (UID 1 MODSEQ (8))", "S1: * 2 FETCH (UID 2 MODSEQ (7))",
	"S1: * 3 FETCH (UID 3 MODSEQ (7))", "S1: b OK ~",
	"C1: c FETCH 1:* (UID) (CHANGEDSINCE 8)", "S1: c OK ~",
	"C1: d FETCH 1:* FLAGS (CHANGEDSINCE)", "S1: d BAD ~",
	"C1: e FETCH 1:* FLAGS (CHANGEDSINCE x)", "S1: e BAD ~",
	"C1: f FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)", "S1: f BAD ~",
	"C1: g FETCH 1:* FLAGS (CHANGEDSINCE 9223372036854775808)",
	"S1: g BAD ~",
	"C1: h NOOP", "S1: h OK ~",
	NULL
};

/* Section 3.1.3: those that changed meanwhile are left alone and named. */
static const char *const unchanged[] = {
	"C1: a STORE 1:3 (UNCHANGEDSINCE 7) +FLAGS.SILENT (\\Answered)",
	"S1: * 2 FETCH (UID 2 MODSEQ (9))",
	"S1: * 3 FETCH (UID 3 MODSEQ (9))",
	"S1: a OK [MODIFIED 1] ~",
	"C1: b UID STORE 1:3 (UNCHANGEDSINCE 8) FLAGS (\\Seen)",
	"S1: * 1 FETCH (UID 1 FLAGS (\\Seen \\Recent) MODSEQ (10))",
	"S1: b OK [MODIFIED 2:3] ~",
	"C1: c STORE 1:* (UNCHANGEDSINCE 0) +FLAGS ($x)", "S1: * FLAGS ~",
	"S1: c OK [MODIFIED 1:3] ~",
	"C1: d STORE 1 (UNCHANGEDSINCE 10) -FLAGS.SILENT (\\Seen)",
	"S1: * 1 FETCH (UID 1 MODSEQ (11))", "S1: d OK STORE completed",
	"C1: e STORE 1 (UNCHANGEDSINCE) FLAGS ()", "S1: e BAD ~",
	"C1: f STORE 1 (FROB 1) FLAGS ()", "S1: f BAD ~",
	"C1: g STORE 1 (UNCHANGEDSINCE 1)FLAGS ()", "S1: g BAD ~",
	"C1: h NOOP", "S1: h OK ~",
	NULL
};

static const char *const searching[] = {
	"C1: a SEARCH MODSEQ 10", "S1: * SEARCH 1 (MODSEQ 11)", "S1: a OK ~",
	"C1: b SEARCH MODSEQ 9", "S1: * SEARCH 1 2 3 (MODSEQ 11)",
	"S1: b OK ~",
	"C1: c SEARCH MODSEQ 12", "S1: * SEARCH", "S1: c OK ~",
	"C1: d SEARCH NOT MODSEQ 10", "S1: * SEARCH 2 3 (MODSEQ 9)",
	"S1: d OK ~",
	"C1: e SEARCH MODSEQ \"/flags/\\\\draft\" all 9",
	"S1: * SEARCH 1 2 3 (MODSEQ 11)", "S1: e OK ~",
	"C1: f SEARCH RETURN (ALL) MODSEQ 1",
	"S1: * ESEARCH (TAG \"f\") ALL 1:3 MODSEQ 11", "S1: f OK ~",
	/* RFC 4731 section 3.2: of those that are shown */
	"C1: g SEARCH RETURN (MAX) MODSEQ 1",
	"S1: * ESEARCH (TAG \"g\") MAX 3 MODSEQ 9", "S1: g OK ~",
	"C1: h SEARCH RETURN (MIN) MODSEQ 1",
	"S1: * ESEARCH (TAG \"h\") MIN 1 MODSEQ 11", "S1: h OK ~",
	"C1: i UID SEARCH RETURN (MIN MAX) MODSEQ 1",
	"S1: * ESEARCH (TAG \"i\") UID MIN 1 MAX 3 MODSEQ 11", "S1: i OK ~",
	"C1: j SEARCH RETURN (MAX COUNT) MODSEQ 1",
	"S1: * ESEARCH (TAG \"j\") MAX 3 COUNT 3 MODSEQ 11", "S1: j OK ~",
	"C1: k SEARCH RETURN (ALL) MODSEQ 99",
	"S1: * ESEARCH (TAG \"k\")", "S1: k OK ~",
	"C1: l SEARCH ALL", "S1: * SEARCH 1 2 3", "S1: l OK ~",
	NULL
};

/* What switches it on; until then nobody hears of it but in SELECT. */
static const char *const enabling[] = {
	"O2", "C2: a SELECT INBOX", OPENED("2", "3"),
	"S2: * OK [HIGHESTMODSEQ 11] ~", "S2: a OK ~",
	"C2: b STORE 2 FLAGS (\\Deleted)",
	"S2: * 2 FETCH (FLAGS (\\Deleted))", "S2: b OK ~",
	/* the other one, which has it on, is told */
	"C1: c NOOP",
	"S1: * 2 FETCH (UID 2 FLAGS (\\Deleted \\Recent) MODSEQ (12))",
	"S1: c OK ~",
	"C2: d ENABLE CONDSTORE X-NONE",
	"S2: * OK [HIGHESTMODSEQ 12] ~", "S2: * ENABLED CONDSTORE",
	"S2: d OK ~",
	"C1: e STORE 3 FLAGS ()",
	"S1: * 3 FETCH (UID 3 FLAGS (\\Recent) MODSEQ (13))", "S1: e OK ~",
	"C2: f NOOP", "S2: * 3 FETCH (UID 3 FLAGS () MODSEQ (13))",
	"S2: f OK ~", "X2",
	"O2", "C2: g EXAMINE INBOX", OPENED("2", "3"),
	"S2: * OK [HIGHESTMODSEQ 13] ~", "S2: g OK ~",
	"C2: h SEARCH MODSEQ 13", "S2: * OK [HIGHESTMODSEQ 13] ~",
	"S2: * SEARCH 3 (MODSEQ 13)", "S2: h OK ~", "X2",
	"O2", "C2: i EXAMINE INBOX", OPENED("2", "3"),
	"S2: * OK [HIGHESTMODSEQ 13] ~", "S2: i OK ~",
	"C2: j FETCH 1:* UID (CHANGEDSINCE 12)",
	"S2: * OK [HIGHESTMODSEQ 13] ~",
	"S2: * 3 FETCH (UID 3 MODSEQ (13))", "S2: j OK ~",
	"C2: k SELECT INBOX (QRESYNC (1 2))", "S2: k BAD ~",
	"C2: l SELECT INBOX ()", "S2: l BAD ~",
	"C2: m SELECT INBOX (CONDSTORE", "S2: m BAD ~", "X2",
	NULL
};

/* A change that is not one of flags counts as well, and a start is none. */
static const char *const growing[] = {
	"C1: a COPY 1 INBOX", "S1: * 4 EXISTS", "S1: * 4 RECENT",
	"S1: a OK ~",
	"X1", "O1",
	"C1: b STATUS INBOX (HIGHESTMODSEQ)",
	"S1: * STATUS INBOX (HIGHESTMODSEQ 14)", "S1: b OK ~",
	"C1: c SELECT INBOX", OPENED("1", "4"),
	"S1: * OK [HIGHESTMODSEQ 14] ~", "S1: c OK ~",
	"C1: d EXPUNGE", "S1: * 2 EXPUNGE", "S1: d OK ~",
	"C1: e STATUS INBOX (HIGHESTMODSEQ)",
	"S1: * STATUS INBOX (HIGHESTMODSEQ 15)", "S1: e OK ~",
	"R", "O1",
	"C1: f LIST \"\" INBOX RETURN (STATUS (HIGHESTMODSEQ))",
	"S1: * LIST ~", "S1: * STATUS INBOX (HIGHESTMODSEQ 15)", "S1: f OK ~",
	"C1: g SELECT INBOX", OPENED("1", "3"),
	"S1: * OK [HIGHESTMODSEQ 15] ~", "S1: g OK ~",
	"C1: h FETCH 1:* (MODSEQ)", "S1: * 1 FETCH (MODSEQ (11))",
	"S1: * 2 FETCH (MODSEQ (13))", "S1: * 3 FETCH (MODSEQ (14))",
	"S1: h OK ~",
	NULL
};

int
main(void)
{
	t_open(NULL);
	t_account[2] = 1;
	t_script("opening", opening);
	t_script("storing", storing);
	t_script("since", since);
	t_script("unchanged", unchanged);
	t_script("searching", searching);
	t_script("enabling", enabling);
	t_script("growing", growing);
	t_close();
	t_remove();
	return (t_done());
}
