/*
 * NOTIFY, RFC 5465: what is asked for, what comes of it while no command runs,
 * what does not.  Client 1 watches, client 2 of the same account does things.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imaptest.h"
#include "imapd/account.h"
#include "imapd/notify.h"

/* NOLINTBEGIN(bugprone-suspicious-missing-comma): the macros' literals meet. */
#define ALL	"MessageNew MessageExpunge FlagChange"
#define OPENED(n)							\
	"S" n ": * FLAGS ~", "S" n ": * ~", "S" n ": * ~",		\
	"S" n ": * OK [PERM~", "S" n ": * OK [UIDV~", "S" n ": * OK [UIDN~", \
	"S" n ": * OK [HIGH~"
#define EVENTS	"(MessageNew MessageExpunge FlagChange MailboxName "	\
	"SubscriptionChange MailboxMetadataChange ServerMetadataChange)"

static const char *const grammar[] = {
	"O1",
	"C1: a NOTIFY", "S1: a BAD ~",
	"C1: b NOTIFY NONE", "S1: b OK ~",
	"C1: c NOTIFY NONE x", "S1: c BAD ~",
	"C1: d NOTIFY SET", "S1: d BAD ~",
	"C1: e NOTIFY SET STATUS", "S1: e BAD ~",
	"C1: f NOTIFY SET (personal NONE)", "S1: f OK ~",
	"C1: g NOTIFY SET (personal)", "S1: g BAD ~",
	"C1: h NOTIFY SET (personal ())", "S1: h BAD ~",
	"C1: i NOTIFY SET (everything (" ALL "))", "S1: i BAD ~",
	"C1: j NOTIFY SET (personal (MessageNew))", "S1: j BAD ~",
	"C1: k NOTIFY SET (personal (MessageExpunge))", "S1: k BAD ~",
	"C1: l NOTIFY SET (personal (FlagChange))", "S1: l BAD ~",
	"C1: m NOTIFY SET (selected (" ALL ")) (selected-delayed NONE)",
	"S1: m BAD ~",
	"C1: n NOTIFY SET (selected (MailboxName))", "S1: n BAD ~",
	"C1: o NOTIFY SET (personal (MessageNew (UID) MessageExpunge))",
	"S1: o BAD ~",
	"C1: p NOTIFY SET (selected (MessageNew () MessageExpunge))",
	"S1: p BAD ~",
	"C1: q NOTIFY SET (selected (MessageNew (FLAGS BODY.PEEK[HEADER.FIELDS "
	    "({4+}", "C1= From)]) MessageExpunge))\r\n", "S1: q OK ~",
	"C1: r NOTIFY SET (mailboxes (a b INBOX) (" ALL ")) (subtree x "
	    "(MailboxName))  (inboxes NONE)", "S1: r BAD ~",
	"C1: s notify set status (Mailboxes (a b) (messagenew messageexpunge "
	    "flagchange)) (SUBTREE x (mailboxname)) (inboxes none)",
	"S1: s OK ~",
	"C1: t NOTIFY SET (mailboxes () (MailboxName))", "S1: t BAD ~",
	/* section 3.1: the whole command is refused */
	"C1: u NOTIFY SET (personal (" ALL " AnnotationChange))",
	"S1: u NO [BADEVENT " EVENTS "] ~",
	"C1: v NOTIFY SET (selected (Frob)) (personal (MailboxName))",
	"S1: v NO [BADEVENT " EVENTS "] ~",
	"C1: w NOTIFY SET (personal (Frob)", "S1: w BAD ~",
	"X1",
	NULL
};

/* Other mailboxes: STATUS, what was asked for alone, each once. */
static const char *const others[] = {
	"O1", "O2",
	"C1: a NOTIFY SET STATUS (mailboxes (Sent Trash) (" ALL ")) "
	    "(mailboxes Junk (MessageNew MessageExpunge)) "
	    "(mailboxes Drafts (MailboxName))",
	"S1: * STATUS Junk (MESSAGES 0 UIDNEXT 1 UIDVALIDITY ~",
	"S1: * STATUS Sent (MESSAGES 0 UIDNEXT 1 UIDVALIDITY ~",
	"S1: * STATUS Trash (~", "S1: a OK ~",
	"C2: a APPEND Sent {1+}", "C2= a\r\n", "S2: a OK ~",
	"S1: * STATUS Sent (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ~",
	"C2: b SELECT Sent", "S2: * FLAGS ~", "S2: * 1 EXISTS",
	"S2: * 1 RECENT", "S2: * OK [UNSEEN 1] ~", "S2: * OK [PERM~",
	"S2: * OK [UIDV~", "S2: * OK [UIDN~", "S2: * OK [HIGH~", "S2: b OK ~",
	"C2: c STORE 1 FLAGS (\\Seen)", "S2: * 1 FETCH ~", "S2: c OK ~",
	"S1: * STATUS Sent (UIDVALIDITY ~",
	"C2: d APPEND Junk {1+}", "C2= a\r\n", "S2: d OK ~",
	"S1: * STATUS Junk (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ~",
	"C2: e APPEND INBOX {1+}", "C2= a\r\n", "S2: e OK ~",
	"C2: f APPEND Drafts {1+}", "C2= a\r\n", "S2: f OK ~",
	"C2: g STORE 1 +FLAGS (\\Deleted)", "S2: * 1 FETCH ~", "S2: g OK ~",
	"S1: * STATUS Sent (UIDVALIDITY ~",
	"C2: h EXPUNGE", "S2: * 1 EXPUNGE", "S2: h OK ~",
	"S1: * STATUS Sent (MESSAGES 0 UIDNEXT 2 UIDVALIDITY ~",
	"C2: i SELECT Junk", "S2: * OK [CLOSED] ~", "S2: * FLAGS ~",
	"S2: * 1 EXISTS", "S2: * 1 RECENT", "S2: * OK [UNSEEN 1] ~",
	"S2: * OK [PERM~", "S2: * OK [UIDV~", "S2: * OK [UIDN~",
	"S2: * OK [HIGH~", "S2: i OK ~",
	/* not asked for */
	"C2: j STORE 1 FLAGS (\\Seen)", "S2: * 1 FETCH ~", "S2: j OK ~",
	"C2: k MOVE 1 Trash", "S2: * OK [COPYUID ~", "S2: * 1 EXPUNGE",
	"S2: k OK ~",
	"S1: * STATUS ~", "S1: * STATUS ~",
	/* who does it is not told */
	"C1: l APPEND Sent {1+}", "C1= a\r\n", "S1: l OK ~",
	"C1: m NOOP", "S1: m OK ~",
	/* CONDSTORE */
	"C1: n ENABLE CONDSTORE", "S1: * ENABLED CONDSTORE", "S1: n OK ~",
	"C2: n APPEND Sent {1+}", "C2= a\r\n", "S2: n OK ~",
	"S1: * STATUS Sent (MESSAGES 2 UIDNEXT 4 UIDVALIDITY ~",
	"C1: o NOTIFY NONE", "S1: o OK ~",
	"C2: o APPEND Sent {1+}", "C2= a\r\n", "S2: o OK ~",
	"C1: p NOOP", "S1: p OK ~",
	"X1", "X2",
	NULL
};

/* Section 3.1: what waits is told before anything is asked for. */
static const char *const implied[] = {
	"O1", "O2",
	"C1: a CREATE Waits", "S1: a OK ~",
	"C1: b APPEND Waits {1+}", "C1= a\r\n", "S1: b OK ~",
	"C1: c SELECT Waits", "S1: * FLAGS ~", "S1: * 1 EXISTS", "S1: * ~",
	"S1: * OK [UNSEEN 1] ~", "S1: * OK [PERM~", "S1: * OK [UIDV~",
	"S1: * OK [UIDN~", "S1: * OK [HIGH~", "S1: c OK ~",
	"C2: c SELECT Waits", "S2: * FLAGS ~", "S2: * 1 EXISTS", "S2: * ~",
	"S2: * OK [UNSEEN 1] ~", "S2: * OK [PERM~", "S2: * OK [UIDV~",
	"S2: * OK [UIDN~", "S2: * OK [HIGH~", "S2: c OK ~",
	"C2: d STORE 1 FLAGS.SILENT (\\Flagged)", "S2: d OK ~",
	"C2: e APPEND Waits {1+}", "C2= b\r\n", "S2: * 2 EXISTS", "S2: * ~",
	"S2: e OK ~",
	"C1: f NOTIFY SET (selected (MessageNew MessageExpunge))",
	"S1: * 1 FETCH (UID 1 FLAGS (\\Flagged~))", "S1: * 2 EXISTS",
	"S1: * ~", "S1: f OK ~",
	"C2: g STORE 1 FLAGS.SILENT ()", "S2: g OK ~",
	"C1: h NOOP", "S1: h OK ~",
	"C1: i NOTIFY SET (personal (MailboxName))", "S1: i OK ~",
	"C2: i STORE 1 FLAGS.SILENT (\\Seen)", "S2: i OK ~",
	"C1: j NOOP", "S1: j OK ~",
	"C1: k NOTIFY NONE", "S1: k OK ~",
	"C2: k STORE 1 FLAGS.SILENT ()", "S2: k OK ~",
	"C2: l APPEND Waits {1+}", "C2= b\r\n", "S2: * 3 EXISTS", "S2: * ~",
	"S2: l OK ~",
	"C1: m NOOP", "S1: * 3 EXISTS", "S1: * ~", "S1: m OK ~",
	"C1: i DELETE Waits", "S1: * OK [CLOSED] ~", "S1: i OK ~",
	"X1", "X2",
	NULL
};

/* RFC 7162 section 3.2: who is not told of flags comes back to hear of them. */
static const char *const kept[] = {
	"O1", "O2",
	"C1: a CREATE Keeps", "S1: a OK ~",
	"C1: b APPEND Keeps {1+}", "C1= a {1+}\r\nb\r\n", "S1: b OK ~",
	"C1: c APPEND Keeps {1+}", "C1= c\r\n", "S1: c OK ~",
	"C1: d ENABLE QRESYNC", "S1: * ENABLED QRESYNC", "S1: d OK ~",
	"C1: e SELECT Keeps", "S1: * FLAGS ~", "S1: * 3 EXISTS", "S1: * ~",
	"S1: * OK [UNSEEN 1] ~", "S1: * OK [PERM~", "S1: * OK [UIDV~",
	"S1: * OK [UIDN~", "S1: * OK [HIGHESTMODSEQ 3] ~", "S1: e OK ~",
	"C2: e SELECT Keeps", "S2: * FLAGS ~", "S2: * 3 EXISTS", "S2: * ~",
	"S2: * OK [UNSEEN 1] ~", "S2: * OK [PERM~", "S2: * OK [UIDV~",
	"S2: * OK [UIDN~", "S2: * OK [HIGHESTMODSEQ 3] ~", "S2: e OK ~",
	"C1: f NOTIFY NONE", "S1: f OK ~",
	"C2: g STORE 1 FLAGS.SILENT (\\Seen)", "S2: g OK ~",
	"C1: h UID STORE 2:3 FLAGS.SILENT (\\Deleted)",
	"S1: * 2 FETCH (UID 2 MODSEQ (5))", "S1: * 3 FETCH (UID 3 MODSEQ (5))",
	"S1: * OK [HIGHESTMODSEQ 3] ~", "S1: h OK ~",
	"C1: i UID EXPUNGE 2", "S1: * VANISHED 2",
	"S1: i OK [HIGHESTMODSEQ 3] EXPUNGE completed",
	"C1: j UNSELECT", "S1: * OK [HIGHESTMODSEQ 3] ~", "S1: j OK ~",
	"C1: k DELETE Keeps", "S1: k OK ~",
	"X1", "X2",
	NULL
};

/* The selected one, at once; IDLE adds nothing. */
static const char *const selected[] = {
	"O1", "O2",
	"C1: a NOTIFY SET (selected (" ALL ")) (personal (" ALL "))",
	"S1: a OK ~",
	"C1: b SELECT Archive", OPENED("1"), "S1: b OK ~",
	"C2: b SELECT Archive", OPENED("2"), "S2: b OK ~",
	"C2: c APPEND Archive {1+}", "C2= a\r\n", "S2: * 1 EXISTS",
	"S2: * 0 RECENT", "S2: c OK ~",
	"S1: * 1 EXISTS", "S1: * 1 RECENT",
	"C2: d STORE 1 FLAGS (\\Flagged)", "S2: * 1 FETCH ~", "S2: d OK ~",
	"S1: * 1 FETCH (UID 1 FLAGS (\\Flagged \\Recent))",
	"C2: e STORE 1 +FLAGS.SILENT (\\Deleted)", "S2: e OK ~",
	"S1: * 1 FETCH (UID 1 FLAGS (\\Flagged \\Deleted \\Recent))",
	"C2: f EXPUNGE", "S2: * 1 EXPUNGE", "S2: f OK ~",
	"S1: * 1 EXPUNGE",
	/* not also as a STATUS */
	"C1: g IDLE", "S1: + ~",
	"C2: g APPEND Archive {1+}", "C2= a\r\n", "S2: * 1 EXISTS",
	"S2: * ~", "S2: g OK ~", "S1: * 1 EXISTS", "S1: * 1 RECENT",
	"C2: h APPEND Junk {1+}", "C2= a\r\n", "S2: h OK ~",
	"S1: * STATUS Junk (~",
	"C1: DONE", "S1: g OK ~",
	/* now it is another one, and this is told as others */
	"C1: i EXAMINE Drafts", "S1: * OK [CLOSED] ~", "S1: * FLAGS ~",
	"S1: * 1 EXISTS", "S1: * 1 RECENT", "S1: * OK [UNSEEN 1] ~",
	"S1: * OK [PERM~", "S1: * OK [UIDV~", "S1: * OK [UIDN~",
	"S1: * OK [HIGH~", "S1: i OK ~",
	"C2: i APPEND Archive {1+}", "C2= a\r\n", "S2: * 2 EXISTS",
	"S2: * ~", "S2: i OK ~",
	"S1: * STATUS Archive (MESSAGES 2 ~",
	"X1", "X2",
	NULL
};

/* Expunged ones wait for a command that may tell them. */
static const char *const delayed[] = {
	"O1", "O2",
	"C1: a SELECT Archive", "S1: * FLAGS ~", "S1: * 2 EXISTS", "S1: * ~",
	"S1: * OK [UNSEEN 1] ~", "S1: * OK [PERM~", "S1: * OK [UIDV~",
	"S1: * OK [UIDN~", "S1: * OK [HIGH~", "S1: a OK ~",
	"C2: a SELECT Archive", "S2: * FLAGS ~", "S2: * 2 EXISTS", "S2: * ~",
	"S2: * OK [UNSEEN 1] ~", "S2: * OK [PERM~", "S2: * OK [UIDV~",
	"S2: * OK [UIDN~", "S2: * OK [HIGH~", "S2: a OK ~",
	/* it begins with what there was */
	"C2: b STORE 2 FLAGS (\\Draft)", "S2: * 2 FETCH ~", "S2: b OK ~",
	"C1: b NOTIFY SET (selected-delayed (" ALL "))",
	"S1: * 2 FETCH (UID 3 FLAGS (\\Draft~", "S1: b OK ~",
	"C2: c STORE 1 +FLAGS (\\Deleted)", "S2: * 1 FETCH ~", "S2: c OK ~",
	"S1: * 1 FETCH (UID 2 FLAGS (\\Deleted~",
	"C2: d EXPUNGE", "S2: * 1 EXPUNGE", "S2: d OK ~",
	"C2: e APPEND Archive {1+}", "C2= a\r\n", "S2: * 2 EXISTS",
	"S2: * ~", "S2: e OK ~",
	"S1: * 3 EXISTS", "S1: * ~",
	"C1: f FETCH 1:3 UID", "S1: * 1 FETCH (UID 2)", "S1: * 2 FETCH (UID 3)",
	"S1: * 3 FETCH (UID 4)", "S1: f OK ~",
	"C1: g NOOP", "S1: * 1 EXPUNGE", "S1: g OK ~",
	/* IDLE may tell them */
	"C2: h STORE 1 FLAGS.SILENT (\\Deleted)", "S2: h OK ~",
	"S1: * 1 FETCH ~",
	"C2: i EXPUNGE", "S2: * 1 EXPUNGE", "S2: i OK ~",
	"C1: i IDLE", "S1: + ~", "S1: * 1 EXPUNGE", "C1: DONE", "S1: i OK ~",
	/* flags were not asked for: not told, and not counted as told */
	"C1: j NOTIFY SET (selected-delayed (MessageNew MessageExpunge))",
	"S1: j OK ~",
	"C2: k STORE 1 FLAGS (\\Flagged)", "S2: * 1 FETCH ~", "S2: k OK ~",
	"C2: l APPEND Archive {1+}", "C2= a\r\n", "S2: * 2 EXISTS",
	"S2: * ~", "S2: l OK ~",
	"S1: * 2 EXISTS", "S1: * ~", "C1: l NOOP", "S1: l OK ~",
	/* nothing at all, but a command still learns what RFC 3501 wants */
	"C1: m NOTIFY SET (personal (MailboxName))", "S1: m OK ~",
	"C2: n APPEND Archive {1+}", "C2= a\r\n", "S2: * 3 EXISTS",
	"S2: * ~", "S2: n OK ~",
	"C1: o IDLE", "S1: + ~", "C1: DONE", "S1: * 3 EXISTS", "S1: * ~",
	"S1: o OK ~",
	"X1", "X2",
	NULL
};

/* What was told without asking may have crossed a silent STORE: then that says
 * what the flags are. */
static const char *const crossed[] = {
	"O1", "O2", "C2: a CREATE Crossed", "S2: a OK ~",
	"C1: a NOTIFY SET (selected (" ALL "))", "S1: a OK ~",
	"C1: b SELECT Crossed", OPENED("1"), "S1: b OK ~",
	"C2: b SELECT Crossed", OPENED("2"), "S2: b OK ~",
	"C2: c APPEND Crossed {1+}", "C2= a\r\n", "S2: * 1 EXISTS",
	"S2: * 0 RECENT", "S2: c OK ~",
	"S1: * 1 EXISTS", "S1: * 1 RECENT",
	"C1: d STORE 1 +FLAGS.SILENT (\\Seen)", "S1: d OK ~",
	"C2: d STORE 1 +FLAGS.SILENT (\\Flagged)", "S2: * 1 FETCH ~",
	"S2: d OK ~",
	"S1: * 1 FETCH (UID 1 FLAGS (\\Seen \\Flagged \\Recent))",
	"C1: e STORE 1 +FLAGS.SILENT (\\Draft)",
	"S1: * 1 FETCH (FLAGS (\\Seen \\Flagged \\Draft \\Recent))",
	"S1: e OK ~",
	"C1: f STORE 1 -FLAGS.SILENT (\\Draft)", "S1: f OK ~",
	"C1: g UNSELECT", "S1: g OK ~", "C1: h DELETE Crossed", "S1: h OK ~",
	"X1", "X2",
	NULL
};

/* QRESYNC: UIDs; and the items of new messages. */
static const char *const fetched[] = {
	"O1", "O2",
	"C1: a ENABLE QRESYNC", "S1: * ENABLED ~", "S1: a OK ~",
	"C1: b CREATE F", "S1: b OK ~", "C1: c SELECT F", OPENED("1"),
	"S1: c OK ~",
	"C1: d NOTIFY SET (selected (MessageNew (BODY[HEADER.FIELDS ({2+}",
	"C1= To Subject)] RFC822.SIZE) MessageExpunge FlagChange))\r\n",
	"S1: d OK ~",
	"C2: b APPEND F (\\Flagged) {22+}",
	"C2= Subject: hello\r\n\r\nbody\r\n", "S2: b OK ~",
	"S1: * 1 EXISTS", "S1: * 1 RECENT",
	"S1: * 1 FETCH (UID 1 RFC822.SIZE 22 BODY[HEADER.FIELDS (To "
	    "Subject)] {18}", "S1: Subject: hello", "S1: ", "S1: )",
	/* nobody has read it */
	"C1: e FETCH 1 FLAGS", "S1: * 1 FETCH (FLAGS (\\Flagged \\Recent))",
	"S1: e OK ~",
	/* of its own it is told that they are there (section 5.2) */
	"C1: f APPEND F {14+}", "C1= Subject: two\r\n\r\n",
	"S1: * 2 EXISTS", "S1: * 2 RECENT", "S1: f OK ~",
	"C1: g UID COPY 1 F", "S1: * 3 EXISTS", "S1: * 3 RECENT",
	"S1: g OK [COPYUID ~ 1 3] ~",
	"C1: h UID MOVE 1 F", "S1: * OK [COPYUID ~ 1 4] ~", "S1: * VANISHED 1",
	"S1: * 3 EXISTS", "S1: * 3 RECENT", "S1: h OK ~",
	"C1: i UID REPLACE 3 F {14+}", "C1= Subject: six\r\n\r\n",
	"S1: * OK [APPENDUID ~ 5] ~", "S1: * VANISHED 3",
	"S1: * 3 EXISTS", "S1: * 3 RECENT", "S1: i OK ~",
	"C2: c APPEND F {16+}", "C2= Subject: seven\r\n\r\n", "S2: c OK ~",
	"S1: * 4 EXISTS", "S1: * 4 RECENT",
	"S1: * 4 FETCH (UID 6 RFC822.SIZE 16 BODY[HEADER.FIELDS (To "
	    "Subject)] {16}", "S1: Subject: seven", "S1: )",
	"C1: j UID STORE 4:6 FLAGS.SILENT (\\Deleted)", "S1: * 2 FETCH ~",
	"S1: * 3 FETCH ~", "S1: * 4 FETCH ~", "S1: j OK ~",
	"C1: k EXPUNGE", "S1: * VANISHED 4:6", "S1: k OK ~",
	"C1: l UID COPY 2 F", "S1: * 2 EXISTS", "S1: * 2 RECENT", "S1: l OK ~",
	"C1: m UID STORE 2 FLAGS.SILENT (\\Flagged)", "S1: * 1 FETCH ~",
	"S1: m OK ~",
	"D2: Subject: x\r\n\r\n",		/* that is the INBOX */
	"C2: h SELECT F", "S2: * FLAGS ~", "S2: * 2 EXISTS", "S2: * ~",
	"S2: * OK [UNSEEN 1] ~", "S2: * OK [PERM~", "S2: * OK [UIDV~",
	"S2: * OK [UIDN~", "S2: * OK [HIGH~", "S2: h OK ~",
	"C2: i STORE 1 +FLAGS.SILENT (\\Deleted)", "S2: i OK ~",
	"S1: * 1 FETCH (UID 2 FLAGS (\\Flagged \\Deleted \\Recent) MODSEQ (~",
	"C2: j EXPUNGE", "S2: * 1 EXPUNGE", "S2: j OK ~",
	"S1: * VANISHED 2",
	/* many at once, and without reading */
	"C1: k NOTIFY SET (selected-delayed (MessageNew (PREVIEW UID) "
	    "MessageExpunge))", "S1: k OK ~",
	"C2: k UID COPY 7 F", "S2: * 2 EXISTS", "S2: * ~", "S2: k OK ~",
	"S1: * 2 EXISTS", "S1: * ~",
	"S1: * 2 FETCH (UID 8 PREVIEW \"\")",
	"X1", "X2",
	NULL
};

static const char *const named[] = {
	"O1", "O2",
	"C1: a NOTIFY SET (subtree N (MailboxName SubscriptionChange)) "
	    "(mailboxes M (MailboxName)) (subscribed (SubscriptionChange))",
	"S1: a OK ~",
	"C2: a CREATE N", "S2: a OK ~",
	"S1: * LIST (\\HasNoChildren) \"/\" N",
	"C2: b CREATE N/a&AOk-", "S2: b OK ~",
	"S1: * LIST (\\HasNoChildren) \"/\" N/a&AOk-",
	"S1: * LIST (\\HasChildren) \"/\" N",	/* its parent is, too */
	"C2: c CREATE NN", "S2: c OK ~",
	"C2: d SUBSCRIBE N", "S2: d OK ~",
	"S1: * LIST (\\HasChildren \\Subscribed) \"/\" N",
	"C2: e SUBSCRIBE N", "S2: e OK ~",		/* it was */
	"C2: f RENAME N M", "S2: f OK ~",
	/* and what is below is not told one by one */
	"S1: * LIST (\\HasChildren) \"/\" M (\"OLDNAME\" (N))",
	"C2: g DELETE M/a&AOk-", "S2: g OK ~",
	"S1: * LIST (\\HasNoChildren) \"/\" M",
	"C2: h DELETE M", "S2: h OK ~",
	"S1: * LIST (\\NonExistent \\HasNoChildren) \"/\" M",
	"C2: i UNSUBSCRIBE N", "S2: i OK ~",
	"S1: * LIST (\\NonExistent \\HasNoChildren) \"/\" N",
	"C2: j UNSUBSCRIBE Junk", "S2: j OK ~",
	"S1: * LIST (\\HasNoChildren \\Junk) \"/\" Junk",
	"C2: k SUBSCRIBE Junk", "S2: k OK ~",
	"S1: * LIST (\\HasNoChildren \\Junk \\Subscribed) \"/\" Junk",
	/* the INBOX's messages go, it stays */
	"C1: l NOTIFY SET (personal (" ALL " MailboxName))", "S1: l OK ~",
	"C2: l RENAME INBOX Old", "S2: l OK ~",
	"S1: * LIST (\\HasNoChildren) \"/\" Old",
	"S1: * STATUS Old (MESSAGES ~", "S1: * STATUS INBOX (MESSAGES 0 UIDNEXT 1 UIDVALIDITY ~",
	/* what is above others goes, and they stay */
	"C2: m CREATE t/b", "S2: m OK ~",
	"S1: * LIST (\\HasNoChildren) \"/\" t/b",
	"S1: * LIST (\\NonExistent \\HasChildren) \"/\" t",
	"S1: * STATUS t/b (MESSAGES 0 UIDNEXT 1 UIDVALIDITY ~",
	"C2: n CREATE t", "S2: n OK ~",
	"S1: * LIST (\\HasChildren) \"/\" t", "S1: * STATUS t (MESSAGES 0 ~",
	"C2: o DELETE t", "S2: o OK ~",
	"S1: * LIST (\\NonExistent \\HasChildren) \"/\" t",
	"C1: p CREATE mine", "S1: p OK ~", "C1: q NOOP", "S1: q OK ~",
	/* who sees what is above and who does not */
	"C1: r NOTIFY SET (subtree u/v (MailboxName)) (mailboxes (w "
	    "w/y) (" ALL "))", "S1: r OK ~",
	"C2: r CREATE u/v", "S2: r OK ~", "S1: * LIST (\\HasNoChildren) ~ u/v",
	"C2: s CREATE u/v/x", "S2: s OK ~",
	"S1: * LIST (\\HasNoChildren) ~ u/v/x",
	"S1: * LIST (\\HasChildren) ~ u/v",
	"C2: t CREATE u/z", "S2: t OK ~",
	"C2: u RENAME u w", "S2: u OK ~",
	"S1: * LIST (\\HasChildren) ~ w/v (\"OLDNAME\" (u/v))",
	"C2: v RENAME w/z w/y", "S2: v OK ~",
	"S1: * STATUS w/y (MESSAGES 0 UIDNEXT 1 UIDVALIDITY ~",
	"X1", "X2",
	NULL
};

static const char *const metadata[] = {
	"O1", "O2",
	"C1: a NOTIFY SET (mailboxes Sent (MailboxMetadataChange))",
	"S1: a OK ~",
	"C2: a SETMETADATA Sent (/private/comment \"x\" /shared/comment "
	    "\"y\")", "S2: a OK ~",
	"S1: * METADATA Sent /private/comment /shared/comment",
	"C2: b SETMETADATA Junk (/private/comment \"x\")", "S2: b OK ~",
	"C2: c SETMETADATA \"\" (/private/comment \"x\")", "S2: c OK ~",
	"C1: d NOTIFY SET (inboxes (ServerMetadataChange))", "S1: d OK ~",
	"C2: e SETMETADATA Sent (/private/comment NIL)", "S2: e OK ~",
	"C2: f SETMETADATA \"\" (/private/comment NIL)", "S2: f OK ~",
	"S1: * METADATA \"\" /private/comment",
	"X1", "X2",
	NULL
};

/* What others share: client 3 is another account, client 4 a third. */
#define OTHER	"\"Other Users/user1/"
static const char *const shared[] = {
	"O1", "O3",
	"C1: a CREATE S", "S1: a OK ~", "C1: b CREATE S/low", "S1: b OK ~",
	"C1: c CREATE T", "S1: c OK ~", "C1: d CREATE L", "S1: d OK ~",
	"C1: e SETACL S user3 lrswite", "S1: e OK ~",
	"C1: f SETACL L user3 l", "S1: f OK ~",
	"C1: g APPEND S {1+}", "C1= a\r\n", "S1: g OK ~",
	/* those that may be read; of those that may not, that it is so */
	"C3: a NOTIFY SET STATUS (subtree \"Other Users\" (" ALL "))",
	"S3: * LIST (\\NoAccess \\HasNoChildren) \"/\" " OTHER "L\"",
	"S3: * STATUS " OTHER "S\" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ~ "
	    "HIGHESTMODSEQ ~)", "S3: a OK ~",
	"C3: b NOTIFY SET (mailboxes (" OTHER "L\" " OTHER "none\" "
	    OTHER "T\") (" ALL "))",
	"S3: * LIST (\\NoAccess ~ " OTHER "L\"", "S3: b OK ~",
	"C3: c NOTIFY SET STATUS (personal (" ALL ")) (inboxes (" ALL "))",
	"S3: * STATUS Archive ~", "S3: * STATUS Drafts ~", "S3: * STATUS INBOX ~",
	"S3: * STATUS Junk ~", "S3: * STATUS Sent ~", "S3: * STATUS Trash ~",
	"S3: c OK ~",
	"C1: h APPEND S {1+}", "C1= a\r\n", "S1: h OK ~",
	"C1: i APPEND INBOX {1+}", "C1= a\r\n", "S1: i OK ~",
	"C3: d NOOP", "S3: d OK ~",
	"C3: e NOTIFY SET (subtree \"Other Users\" (" ALL "))",
	"S3: * LIST (\\NoAccess ~ " OTHER "L\"", "S3: e OK ~",
	"C1: j APPEND S {1+}", "C1= a\r\n", "S1: j OK ~",
	"S3: * STATUS " OTHER "S\" (MESSAGES 3 UIDNEXT 4 UIDVALIDITY ~",
	/* no r, no l, nothing */
	"C1: k APPEND L {1+}", "C1= a\r\n", "S1: k OK ~",
	"C1: l APPEND T {1+}", "C1= a\r\n", "S1: l OK ~",
	"C1: m APPEND S/low {1+}", "C1= a\r\n", "S1: m OK ~",
	"C3: f NOOP", "S3: f OK ~",
	/* what a guest does its owner is told, and not the guest */
	"C1: n NOTIFY SET (personal (" ALL "))", "S1: n OK ~",
	"C3: g APPEND " OTHER "S\" {1+}", "C3= a\r\n", "S3: g OK ~",
	"S1: * STATUS S (MESSAGES 4 ~",
	/* when it has it selected it is told otherwise */
	"C3: h EXAMINE " OTHER "S\"", "S3: * FLAGS ~", "S3: * 4 EXISTS",
	"S3: * ~ RECENT", "S3: * OK [UNSEEN 1] ~", "S3: * OK [PERM~",
	"S3: * OK [UIDV~", "S3: * OK [UIDN~", "S3: * OK [HIGH~", "S3: h OK ~",
	"C1: o APPEND S {1+}", "C1= a\r\n", "S1: o OK ~",
	"C3: i NOOP", "S3: * 5 EXISTS", "S3: * ~ RECENT", "S3: i OK ~",
	"C3: j UNSELECT", "S3: j OK ~",
	/* subscribed */
	"C3: k NOTIFY SET (subscribed (" ALL " SubscriptionChange))",
	"S3: k OK ~",
	"C1: p APPEND S {1+}", "C1= a\r\n", "S1: p OK ~",
	"C3: l SUBSCRIBE " OTHER "S\"", "S3: l OK ~",
	"C1: q APPEND S {1+}", "C1= a\r\n", "S1: q OK ~",
	"S3: * STATUS " OTHER "S\" (MESSAGES 7 ~",
	/* another session of the same account changes what is subscribed */
	"O5", "C5: a SUBSCRIBE " OTHER "L\"", "S5: a OK ~",
	"S3: * LIST (\\NoAccess \\HasNoChildren \\Subscribed) \"/\" "
	    OTHER "L\"",
	"C5: b UNSUBSCRIBE " OTHER "S\"", "S5: b OK ~",
	"S3: * LIST (\\HasNoChildren) \"/\" " OTHER "S\"",
	"C1: r APPEND S {1+}", "C1= a\r\n", "S1: r OK ~",
	"C3: m NOOP", "S3: m OK ~", "X5",
	"C1: s NOTIFY NONE", "S1: s OK ~",
	"X1", "X3",
	NULL
};

/* An INBOX takes its rights along: what is there now is not shared. */
static const char *const inbox[] = {
	"O6", "O7",
	"C6: a SETACL INBOX user7 lr", "S6: a OK ~",
	"C7: a NOTIFY SET (subtree \"Other Users\" (" ALL " MailboxName))",
	"S7: a OK ~",
	"C6: b RENAME INBOX Moved", "S6: b OK ~",
	"S7: * LIST (\\HasNoChildren) \"/\" \"Other Users/user6/Moved\"",
	"S7: * LIST (\\NonExistent \\HasChildren) ~",
	"S7: * LIST (\\NonExistent \\HasNoChildren) \"/\" "
	    "\"Other Users/user6/INBOX\"",
	"S7: * LIST (\\NonExistent \\HasChildren) ~",
	"S7: * STATUS \"Other Users/user6/Moved\" (MESSAGES 0 ~",
	"C7: b NOOP", "S7: b OK ~",
	"X6", "X7",
	NULL
};

/* Names, rights that come and go, metadata. */
static const char *const rights[] = {
	"O1", "O3", "O4",
	"C3: a NOTIFY SET (subtree \"Other Users\" (MailboxName)) (mailboxes "
	    OTHER "T\" (" ALL "))",
	"S3: * LIST (\\NoAccess ~ " OTHER "L\"", "S3: a OK ~",
	"C4: a NOTIFY SET (mailboxes " OTHER "T\" (" ALL "))", "S4: a OK ~",
	/* 5.4: l is given, and with it comes r */
	"C1: a SETACL T user3 lr", "S1: a OK ~",
	"S3: * LIST (\\HasNoChildren) \"/\" " OTHER "T\"",
	"S3: * LIST (\\NonExistent \\HasChildren) \"/\" "
	    "\"Other Users/user1\"",
	"S3: * STATUS " OTHER "T\" (MESSAGES 1 ~",
	"C1: b APPEND T {1+}", "C1= a\r\n", "S1: b OK ~",
	"S3: * STATUS " OTHER "T\" (MESSAGES 2 ~",
	/* a right that changes nothing of this */
	"C1: c SETACL T user3 +i", "S1: c OK ~",
	/* 5.9: it stops, and begins again */
	"C1: d SETACL T user3 -r", "S1: d OK ~",
	"S3: * LIST (\\NoAccess \\HasNoChildren) \"/\" " OTHER "T\"",
	"C1: e APPEND T {1+}", "C1= a\r\n", "S1: e OK ~",
	"C1: f SETACL T user3 +r", "S1: f OK ~",
	"S3: * LIST (\\HasNoChildren) \"/\" " OTHER "T\"",
	"S3: * STATUS " OTHER "T\" (MESSAGES 3 ~",
	/* everybody; who has more already learns nothing */
	"C1: g SETACL T anyone lr", "S1: g OK ~",
	"S4: * LIST (\\HasNoChildren) \"/\" " OTHER "T\"",
	"S4: * STATUS " OTHER "T\" (MESSAGES 3 ~",
	"C1: h APPEND T {1+}", "C1= a\r\n", "S1: h OK ~",
	"S3: * STATUS " OTHER "T\" (MESSAGES 4 ~",
	"S4: * STATUS " OTHER "T\" (MESSAGES 4 ~",
	"C1: i DELETEACL T user3", "S1: i OK ~",
	"C1: j DELETEACL T anyone", "S1: j OK ~",
	"S3: * LIST (\\NonExistent \\HasNoChildren) \"/\" " OTHER "T\"",
	"S3: * LIST (\\NonExistent \\HasChildren) ~ \"Other Users/user1\"",
	/* nobody learns that it is still there */
	"S4: * LIST (\\NonExistent \\HasNoChildren) \"/\" " OTHER "T\"",
	"C1: k APPEND T {1+}", "C1= a\r\n", "S1: k OK ~",
	/* names */
	"C1: l CREATE S/new", "S1: l OK ~",	/* has the list of S */
	"S3: * LIST (\\HasNoChildren) \"/\" " OTHER "S/new\"",
	"S3: * LIST (\\HasChildren) \"/\" " OTHER "S\"",
	"C1: m RENAME S Z", "S1: m OK ~",
	"S3: * LIST (\\HasChildren) \"/\" " OTHER "Z\" (\"OLDNAME\" ("
	    OTHER "S\"))",
	"C1: n DELETE Z/new", "S1: n OK ~",
	"S3: * LIST (\\NonExistent \\HasNoChildren) ~ " OTHER "Z/new\"",
	"S3: * LIST (\\HasNoChildren) \"/\" " OTHER "Z\"",
	"C1: o RENAME Z/low low", "S1: o OK ~",	/* it has no list */
	"C1: p RENAME L LL", "S1: p OK ~",		/* no r */
	"C1: q DELETE LL", "S1: q OK ~",
	"C3: b NOOP", "S3: b OK ~",
	/* what is private is the owner's */
	"C3: c NOTIFY SET (mailboxes " OTHER "Z\" (MailboxMetadataChange "
	    "ServerMetadataChange))", "S3: c OK ~",
	"C1: r SETMETADATA Z (/private/comment \"x\" /shared/comment \"y\")",
	"S1: r OK ~", "S3: * METADATA " OTHER "Z\" /shared/comment",
	"C1: s SETMETADATA Z (/private/comment NIL)", "S1: s OK ~",
	"C1: t SETMETADATA \"\" (/private/comment \"x\")", "S1: t OK ~",
	"C1: u NOTIFY SET (personal (MailboxMetadataChange))", "S1: u OK ~",
	"C3: d SETMETADATA " OTHER "Z\" (/shared/comment NIL)", "S3: d OK ~",
	"S1: * METADATA Z /shared/comment",
	"C1: v SETACL Z user3 l", "S1: v OK ~",
	"S3: * LIST (\\NoAccess ~ " OTHER "Z\"",
	"C1: w SETMETADATA Z (/shared/comment \"z\")", "S1: w OK ~",
	"C3: e NOOP", "S3: e OK ~",
	"C3: f NOTIFY SET (subtree \"Other Users\" (MailboxName " ALL "))",
	"S3: * LIST (\\NoAccess ~ " OTHER "Z\"", "S3: f OK ~",
	"C1: x SETACL Z user3 lr", "S1: x OK ~",
	"S3: * LIST (\\HasNoChildren) ~ " OTHER "Z\"",
	"S3: * STATUS " OTHER "Z\" ~",
	"X1",
	NULL
};

/* Everything that an account shares goes with it. */
static void
removal(void)
{
	uint64_t	 seq;
	const char	*l;
	int		 rc;

	t_settle();
	while ((rc = account_remove(t_part, 1, &seq)) == -1 && errno == EAGAIN)
		t_loop();
	CHECK(rc == 0 && seq != 0, "1 goes: %s", strerror(errno));
	l = t_line(3);
	CHECK(l != NULL && strcmp(l, "* LIST (\\NonExistent \\HasNoChildren) "
	    "\"/\" " OTHER "Z\"") == 0, "so it is: %s", l == NULL ? "-" : l);
	l = t_line(3);
	CHECK(l != NULL && strcmp(l, "* LIST (\\NonExistent \\HasNoChildren) "
	    "\"/\" \"Other Users/user1\"") == 0, "all: %s",
	    l == NULL ? "-" : l);
	t_logout(3);
	t_logout(4);
}

/* A command on its way is no reason to wait. */
static const char *const between[] = {
	"O1", "O2",
	"C1: a NOTIFY SET (selected (" ALL ")) (mailboxes Sent (" ALL "))",
	"S1: a OK ~",
	"C1: b APPEND Junk {10}", "S1: + ~",
	"C2: b APPEND Sent {1+}", "C2= a\r\n", "S2: b OK ~",
	"S1: * STATUS Sent ~", "C1= 0123456789\r\n", "S1: b OK ~",
	"C1: c COMPRESS DEFLATE", "S1: c OK ~",
	"X1", "X2",
	NULL
};

/* NOLINTEND(bugprone-suspicious-missing-comma) */

static int
ask(int n, const char *text, const char *want)
{
	const char	*l = NULL;
	int		 i;

	t_send(n, text, strlen(text));
	for (i = 0; i < 20000 && (l = t_line(n)) != NULL &&
	    strncmp(l, want, 2) != 0; i++)
		continue;
	return (CHECK(l != NULL && strncmp(l, want, strlen(want)) == 0,
	    "%s: %s", want, l == NULL ? "(nothing)" : l));
}

/* Too many groups, names. */
static void
many(void)
{
	static char	 b[16384];
	size_t		 i, n;

	n = (size_t)snprintf(b, sizeof(b), "a NOTIFY SET");
	for (i = 0; i <= NOTIFY_GROUPS; i++)
		n += (size_t)snprintf(b + n, sizeof(b) - n, " (inboxes NONE)");
	snprintf(b + n, sizeof(b) - n, "\r\n");
	ask(1, b, "a NO [NOTIFICATIONOVERFLOW]");
	n = (size_t)snprintf(b, sizeof(b), "a NOTIFY SET (mailboxes (");
	for (i = 0; i <= NOTIFY_NAMES; i++)
		n += (size_t)snprintf(b + n, sizeof(b) - n, "%sm%zu",
		    i > 0 ? " " : "", i);
	snprintf(b + n, sizeof(b) - n, ") NONE)\r\n");
	ask(1, b, "a NO [NOTIFICATIONOVERFLOW]");
}

/* Much happens while the client does not read: it is told so, once. */
static void
overflow(void)
{
	static char	 b[65536];
	const char	*l;
	size_t		 i, n = 0;
	int		 k, found = 0;

	t_store.limits.out_high = 1;	/* what waits to be sent is enough */
	ask(1, "a NOTIFY SET (personal (MailboxName))\r\n", "a OK");
	t_store.limits.out_high = 0;	/* and now it seems to read nothing */
	for (k = 0; k < 2; k++) {
		for (i = 0, n = 0; i < 600; i++)
			n += (size_t)snprintf(b + n, sizeof(b) - n,
			    "x CREATE a-name-of-forty-octets-to-fill-it-up/%d/%zu"
			    "\r\n", k, i);
		t_send(2, b, n);
	}
	ask(2, "z NOOP\r\n", "z OK");
	t_store.limits.out_high = 1 << 20;
	t_send(1, "y NOOP\r\n", 8);
	while ((l = t_line(1)) != NULL && strncmp(l, "y ", 2) != 0)
		found += strncmp(l, "* OK [NOTIFICATIONOVERFLOW]", 27) == 0;
	CHECK(l != NULL && found == 1, "told %d times: %s", found,
	    l == NULL ? "(nothing)" : l);
	ask(2, "w CREATE onemore\r\n", "w OK");
	t_send(1, "v NOOP\r\n", 8);
	l = t_line(1);
	CHECK(l != NULL && strncmp(l, "v OK", 4) == 0, "off: %s",
	    l == NULL ? "(nothing)" : l);
}

/* Of a RENAME that takes many along one line is told: look for yourself. */
static void
along(void)
{
	ask(1, "a NOTIFY SET (personal (MailboxName))\r\n", "a OK");
	ask(2, "a RENAME a-name-of-forty-octets-to-fill-it-up/1 few\r\n",
	    "a OK");
	ask(1, "b NOOP\r\n", "* OK [NOTIFICATIONOVERFLOW]");
	CHECK(strncmp(t_line(1), "b OK", 4) == 0, "nothing else");
}

int
main(void)
{
	int	 i;

	t_open(NULL);
	for (i = 0; i < IMAPTEST_CLIENTS; i++)
		t_account[i] = 1;
	t_script("grammar", grammar);
	t_script("others", others);
	t_script("implied", implied);
	t_script("kept", kept);
	t_script("selected", selected);
	t_script("delayed", delayed);
	t_script("crossed", crossed);
	t_script("fetched", fetched);
	t_script("named", named);
	t_script("metadata", metadata);
	t_script("between", between);
	t_login(1, 1);
	t_login(2, 1);
	(void)t_line(1);
	(void)t_line(2);
	many();
	overflow();
	along();
	t_logout(1);
	t_logout(2);
	t_account[3] = t_account[5] = 3;
	t_account[4] = 4;
	t_script("shared", shared);
	t_script("rights", rights);
	t_account[6] = 6;
	t_account[7] = 7;
	t_script("inbox", inbox);
	removal();
	t_close();
	t_remove();
	return (t_done());
}
