/*
 * REPLACE and UID REPLACE, RFC 8508: what comes and goes, who is told what in
 * which order, and that the old message stays whenever the new one does not
 * come.
 */
#include "imapd/session.h"
#include "imaptest.h"

#define SELECT(n, exists, recent)					\
	"S" n ": * FLAGS ~", "S" n ": * " exists " EXISTS",		\
	"S" n ": * " recent " RECENT", "S" n ": * OK [UNS~",		\
	"S" n ": * OK [PERM~", "S" n ": * OK [UIDV~",			\
	"S" n ": * OK [UIDN~",						\
	"S" n ": * OK [HIGHEST~", "S" n ": ~ OK [READ-~"

/* NOLINTBEGIN(bugprone-suspicious-missing-comma): the macro's literals meet. */
static const char *const whole[] = {
	"O1", "D1: Subject: 1\r\n\r\n1", "D1: Subject: 2\r\n\r\n2",
	"D1: Subject: 3\r\n\r\n3",
	"C1: a SELECT INBOX", SELECT("1", "3", "3"),
	/* in place: the new one first, then the old one is gone */
	"C1: b REPLACE 2 inbox (\\Seen $A) \" 1-Feb-2020 10:00:00 +0000\" {3}",
	"S1: + OK", "C1= new\r\n",
	"S1: * OK [APPENDUID ~ 4] ~", "S1: * FLAGS (~ $A)", "S1: * 2 EXPUNGE",
	"S1: * 3 EXISTS", "S1: * 3 RECENT", "S1: b OK REPLACE completed",
	"C1: c UID SEARCH 1:2", "S1: * SEARCH 1 3", "S1: c OK ~",
	"C1: c FETCH 3 (UID FLAGS BODY.PEEK[])",
	"S1: * 3 FETCH (UID 4 FLAGS (\\Seen \\Recent $A) BODY[] {3}",
	"S1: new)", "S1: c OK ~",
	/* by UID, to somewhere else, without waiting */
	"C1= d UID REPLACE 1 Drafts (\\Draft) {2+}\r\nhi\r\n",
	"S1: * OK [APPENDUID ~ 1] ~", "S1: * 1 EXPUNGE", "S1: d OK ~",
	"C1: e STATUS Drafts (MESSAGES UNSEEN)",
	"S1: * STATUS Drafts (MESSAGES 1 UNSEEN 1)", "S1: e OK ~",
	/* the last one */
	"C1= f REPLACE * INBOX {1+}\r\nx\r\n",
	"S1: * OK [APPENDUID ~ 5] ~", "S1: * 2 EXPUNGE", "S1: * 2 EXISTS",
	"S1: * 2 RECENT", "S1: f OK ~",
	"C1: g UID SEARCH ALL", "S1: * SEARCH 3 5", "S1: g OK ~",
	"R", "O1", "C1: h SELECT INBOX", SELECT("1", "2", "0"),
	"C1: i UID SEARCH ALL", "S1: * SEARCH 3 5", "S1: i OK ~",
	NULL
};

/* Whatever goes wrong, the old one stays; no literal is read as a command. */
static const char *const wrong[] = {
	"C1: a REPLACE 3 INBOX {1+}", "C1= x\r\n", "S1: a BAD no such message",
	"C1: b UID REPLACE 4 INBOX {1+}", "C1= x\r\n",
	"S1: b NO [NONEXISTENT] ~",
	"C1: c REPLACE 1 nowhere {1}", "S1: c NO [TRYCREATE] ~",
	"C1= d REPLACE 1 nowhere {1+}\r\nx\r\n", "S1: d NO [TRYCREATE] ~",
	"C1= e REPLACE 1 INBOX {1+}\r\nx {1+}\r\ny\r\n", "S1: e BAD ~",
	"C1: f REPLACE 0 INBOX {1+}", "C1= x\r\n", "S1: f BAD ~",
	"C1: g REPLACE 1:2 INBOX {1+}", "C1= x\r\n", "S1: g BAD ~",
	"C1: h REPLACE $ INBOX {1+}", "C1= x\r\n", "S1: h BAD ~",
	"C1: i REPLACE 1 INBOX", "S1: i BAD ~",
	"C1: j REPLACE 1 INBOX \"x\"", "S1: j BAD ~",
	"C1= k REPLACE 1 INBOX {3+}\r\na\\0b x\r\n", "S1: k BAD ~",
	"C1: l REPLACE 1 INBOX {99999999}", "S1: l NO [TOOBIG] ~",
	"C1: m REPLACE 1 INBOX {0}", "S1: m NO [CANNOT] ~",
	"C1: n UID REPLACE 3 INBOX (\\Bogus", "S1: n BAD ~",
	"C1: o UID SEARCH ALL", "S1: * SEARCH 3 5", "S1: o OK ~",
	"C1: p EXAMINE INBOX", "S1: * OK [CLOSED] ~", SELECT("1", "2", "0"),
	"C1: q REPLACE 1 INBOX {1+}", "C1= x\r\n", "S1: q NO [READ-ONLY] ~",
	"C1: r UNSELECT", "S1: r OK ~",
	"C1: s REPLACE 1 INBOX {1+}", "C1= x\r\n",
	"S1: s BAD no mailbox is selected",
	"C1: t STATUS INBOX (MESSAGES)", "S1: * STATUS INBOX (MESSAGES 2)",
	"S1: t OK ~",
	NULL
};

/* Another session counts the message still, or has removed it. */
static const char *const others[] = {
	"C1: a SELECT INBOX", SELECT("1", "2", "0"),
	"O2", "C2: a SELECT INBOX", SELECT("2", "2", "0"),
	"O3", "C3: a ENABLE QRESYNC", "S3: * ENABLED ~", "S3: a OK ~",
	"C3: b SELECT INBOX", SELECT("3", "2", "0"),
	"C2= b REPLACE 1 INBOX {3+}\r\nabc\r\n",
	"S2: * OK [APPENDUID ~ 6] ~", "S2: * 1 EXPUNGE", "S2: * 2 EXISTS",
	"S2: * 1 RECENT", "S2: b OK ~",
	"C1: c FETCH 1 BODY.PEEK[TEXT]", "S1: * 1 FETCH (BODY[TEXT] {1}",
	"S1: 3)", "S1: * 3 EXISTS", "S1: * 0 RECENT", "S1: c OK ~",
	"C1= d REPLACE 1 INBOX {1+}\r\nx\r\n", "S1: * 1 EXPUNGE",
	"S1: d NO [EXPUNGEISSUED] ~",
	"C3: c NOOP", "S3: * VANISHED 3", "S3: * 2 EXISTS", "S3: * 0 RECENT",
	"S3: c OK ~",
	"C3= d UID REPLACE 5 INBOX {1+}\r\nx\r\n",
	"S3: * OK [APPENDUID ~ 7] ~", "S3: * VANISHED 5", "S3: * 2 EXISTS",
	"S3: * 1 RECENT",
	"S3: d OK [HIGHESTMODSEQ ~] REPLACE completed",
	NULL
};

/* The quota counts what goes. */
static const char *const quota[] = {
	"C1: a NOOP", "S1: ~", "S1: ~", "S1: ~", "S1: a OK ~",
	"C1: b APPEND INBOX {1}", "S1: b NO [OVERQUOTA] ~",
	"C1= c REPLACE 1 INBOX {1+}\r\nx\r\n", "S1: * OK [APPENDUID ~ 8] ~",
	"S1: * 1 EXPUNGE", "S1: * 2 EXISTS", "S1: * 1 RECENT", "S1: c OK ~",
	"C1= d REPLACE 1 INBOX {4+}\r\nwxyz\r\n",
	"S1: d NO [OVERQUOTA] ~",
	"C1: e FETCH 1:* (UID)", "S1: * 1 FETCH (UID 7)",
	"S1: * 2 FETCH (UID 8)", "S1: e OK ~",
	NULL
};

/* NOLINTEND(bugprone-suspicious-missing-comma) */

int
main(void)
{
	t_account[1] = t_account[2] = t_account[3] = 1;
	t_open(NULL);
	t_script("whole", whole);
	t_script("wrong", wrong);
	t_script("others", others);
	t_store.limits.quota = 6;
	t_script("quota", quota);
	t_close();
	t_remove();
	return (t_done());
}
