/*
 * IMAP4rev2, RFC 9051: a script for each line of its appendix E that shows on
 * the wire; what it took out is there for whoever did not enable it.
 */
#include "charset.h"
#include "imapcap.h"
#include "imapd/session.h"
#include "imaptest.h"

#define SELECTED(n)	"S1: * FLAGS ~", "S1: * " n " EXISTS"
#define REST		"S1: * OK [PERMANENTFLAGS ~", "S1: * OK [UIDVALIDITY ~", \
			"S1: * OK [UIDNEXT ~", "S1: * OK [HIGHESTMODSEQ ~"

/* NOLINTBEGIN(bugprone-suspicious-missing-comma): long literals meet. */
static const char *const rev1[] = {
	"O1",
	"C1= x APPEND INBOX (\\Seen) {9+}\r\nA: b\r\n\r\nc\r\n", "S1: x OK ~",
	"C1= x APPEND INBOX {9+}\r\nA: c\r\n\r\nd\r\n", "S1: x OK ~",
	"C1: x CREATE M&APw-ll", "S1: x OK ~",
	/* before ENABLE everything is as it was */
	"C1: a SELECT INBOX", SELECTED("2"), "S1: * 2 RECENT",
	"S1: * OK [UNSEEN 2] ~", REST, "S1: a OK ~",
	"C1: b SEARCH NEW", "S1: * SEARCH 2", "S1: b OK ~",
	"C1: c CHECK", "S1: c OK ~",
	"C1: d LSUB \"\" INBOX", "S1: * LSUB ~", "S1: d OK ~",
	"C1: e FETCH 1 (RFC822.TEXT FLAGS)", "S1: * 1 FETCH (FLAGS (\\Seen "
	    "\\Recent) RFC822.TEXT {1}", "S1: c)", "S1: e OK ~",
	"C1: f STATUS Drafts (RECENT)", "S1: * STATUS Drafts (RECENT 0)",
	"S1: f OK ~",
	"C1: g LIST \"\" M%", "S1: * LIST (\\HasNoChildren) \"/\" M&APw-ll",
	"S1: g OK ~",
	"C1: h STATUS \"M\303\274ll\" (MESSAGES)", "S1: h BAD ~",
	NULL
};

static const char *const enable[] = {
	"C1: a ENABLE imap4REV2", "S1: * ENABLED IMAP4rev2",
	"S1: a OK ENABLE completed",
	/* it comes with UTF-8, but is not UTF8=ACCEPT */
	"C1: b ENABLE X-NOTHING", "S1: * ENABLED", "S1: b OK ~",
	"C1: c SEARCH CHARSET UTF-8 SUBJECT x", "S1: * ESEARCH (TAG \"c\")",
	"S1: c OK ~",
	NULL
};

/* SELECT and EXAMINE: CLOSED, an untagged LIST; no RECENT, no UNSEEN. */
static const char *const selects[] = {
	"C1: a SELECT INBOX", "S1: * OK [CLOSED] ~", SELECTED("2"),
	"S1: * LIST (\\HasNoChildren) \"/\" \"INBOX\"", REST,
	"S1: a OK [READ-WRITE] ~",
	"C1: b EXAMINE \"M\303\274ll\"", "S1: * OK [CLOSED] ~", SELECTED("0"),
	"S1: * LIST (\\HasNoChildren) \"/\" \"M\303\274ll\"", REST,
	"S1: b OK [READ-ONLY] ~",
	"C1: c SELECT \"no such\"", "S1: * OK [CLOSED] ~",
	"S1: c NO [NONEXISTENT] ~",
	"C1: d FETCH 1 FLAGS", "S1: d BAD ~",
	"C1: e SELECT Sent", SELECTED("0"),
	"S1: * LIST (\\HasNoChildren \\Sent) \"/\" \"Sent\"", REST,
	"S1: e OK ~",
	"C1: f UNSELECT", "S1: f OK ~",
	NULL
};

/* SEARCH always answers with ESEARCH; its keys for \Recent are gone. */
static const char *const searches[] = {
	"C1: x SELECT INBOX", SELECTED("2"), "S1: * LIST ~", REST,
	"S1: x OK ~",
	"C1: a SEARCH ALL", "S1: * ESEARCH (TAG \"a\") ALL 1:2", "S1: a OK ~",
	"C1: b UID SEARCH UNSEEN", "S1: * ESEARCH (TAG \"b\") UID ALL 2",
	"S1: b OK ~",
	"C1: c SEARCH DELETED", "S1: * ESEARCH (TAG \"c\")", "S1: c OK ~",
	"C1: d SEARCH RETURN (COUNT MIN) ALL",
	"S1: * ESEARCH (TAG \"d\") MIN 1 COUNT 2", "S1: d OK ~",
	"C1: e SEARCH RETURN (SAVE) SEEN", "S1: e OK ~",
	"C1: f FETCH $ UID", "S1: * 1 FETCH (UID 1)", "S1: f OK ~",
	"C1: g SEARCH NEW", "S1: g BAD unknown search key",
	"C1: h SEARCH OLD", "S1: h BAD unknown search key",
	"C1: i SEARCH NOT (RECENT)", "S1: i BAD unknown search key",
	"C1: j SEARCH HEADER A \"\303\274\"", "S1: * ESEARCH (TAG \"j\")",
	"S1: j OK ~",
	"C1: k SEARCH CHARSET X-NONE SUBJECT x", "S1: k NO [BADCHARSET ~",
	NULL
};

/* \Recent is never shown, STATUS has DELETED and SIZE and not RECENT. */
static const char *const recent[] = {
	"C1: a FETCH 1:2 FLAGS", "S1: * 1 FETCH (FLAGS (\\Seen))",
	"S1: * 2 FETCH (FLAGS ())", "S1: a OK ~",
	"D1: Subject: new\r\n\r\n",
	"C1: b NOOP", "S1: * 3 EXISTS", "S1: b OK ~",
	"C1: b FETCH 3 FAST", "S1: * 3 FETCH (FLAGS () INTERNALDATE ~ "
	    "RFC822.SIZE ~)", "S1: b OK ~",
	"C1: c STATUS INBOX (RECENT)", "S1: c BAD unknown STATUS item",
	"C1: d LIST \"\" INBOX RETURN (STATUS (RECENT))", "S1: d BAD ~",
	"C1: e STORE 3 +FLAGS (\\Deleted)",
	"S1: * 3 FETCH (FLAGS (\\Deleted))", "S1: e OK ~",
	"C1: f STATUS INBOX (MESSAGES UNSEEN DELETED SIZE UIDNEXT)",
	"S1: * STATUS \"INBOX\" (MESSAGES 3 UIDNEXT 4 UNSEEN 2 SIZE ~ "
	    "DELETED 1)", "S1: f OK ~",
	"C1: g UID EXPUNGE 3", "S1: * 3 EXPUNGE", "S1: g OK ~",
	NULL
};

/* What another session changes comes with its UID. */
static const char *const others[] = {
	"O2", "C2: x SELECT INBOX", "S2: * FLAGS ~", "S2: * 2 EXISTS",
	"S2: * 0 RECENT", "S2: * OK [UNSEEN 2] ~", "S2: * OK [PERMANENTFLAGS ~",
	"S2: * OK [UIDVALIDITY ~", "S2: * OK [UIDNEXT ~",
	"S2: * OK [HIGHESTMODSEQ ~", "S2: x OK ~",
	"C2: a STORE 2 +FLAGS.SILENT (\\Flagged $Forwarded)",
	"S2: * FLAGS ~", "S2: a OK ~",
	"C1: a NOOP", "S1: * FLAGS (~ $Forwarded)",
	"S1: * 2 FETCH (UID 2 FLAGS (\\Flagged $Forwarded))", "S1: a OK ~",
	"C1: b STORE 1 FLAGS ($MDNSent $Junk $NotJunk $Phishing)",
	"S1: * FLAGS (~)",
	"S1: * 1 FETCH (FLAGS ($MDNSent $Junk $NotJunk $Phishing))",
	"S1: b OK ~",
	/* the other one is IMAP4rev1 still: it sees \Recent and RECENT */
	"C2: c NOOP", "S2: * FLAGS ~", "S2: * 1 FETCH (UID 1 FLAGS (~))",
	"S2: c OK ~",
	"X2",
	NULL
};

/* Commands and items that were taken out; those that take their place. */
static const char *const gone[] = {
	"C1: a CHECK", "S1: a BAD unknown command",
	"C1: b LSUB \"\" *", "S1: b BAD unknown command",
	"C1: c LIST (SUBSCRIBED) \"\" INBOX",
	"S1: * LIST (~\\Subscribed) \"/\" \"INBOX\"", "S1: c OK ~",
	"C1: d FETCH 1 RFC822", "S1: d BAD unknown FETCH item",
	"C1: e FETCH 1 (UID RFC822.HEADER)", "S1: e BAD unknown FETCH item",
	"C1: f FETCH 1 RFC822.TEXT", "S1: f BAD unknown FETCH item",
	"C1: g FETCH 1 (RFC822.SIZE BODY.PEEK[TEXT])",
	"S1: * 1 FETCH (RFC822.SIZE 9 BODY[TEXT] {1}", "S1: c)",
	"S1: g OK ~",
	"C1: h NOOP", "S1: h OK ~",
	NULL
};

/* Folded in: NAMESPACE, UNSELECT, UIDPLUS, ENABLE, IDLE, LIST-EXTENDED, MOVE,
 * literals, BINARY's FETCH, special uses, response codes. */
static const char *const folded[] = {
	"C1: a NAMESPACE", "S1: * NAMESPACE ~", "S1: a OK ~",
	"C1: b COPY 1 Archive", "S1: b OK [COPYUID ~ 1 1] ~",
	"C1: c UID COPY 1 none", "S1: c NO [TRYCREATE] ~",
	"C1: d MOVE 1 none", "S1: d NO [TRYCREATE] ~",
	"C1: e UID MOVE 1 Archive", "S1: * OK [COPYUID ~ 1 2] ~",
	"S1: * 1 EXPUNGE", "S1: e OK ~",
	"C1= f APPEND INBOX {9+}\r\nA: b\r\n\r\nc\r\n", "S1: * 2 EXISTS",
	"S1: f OK [APPENDUID ~ 4] ~",
	"C1: g FETCH 2 (BINARY.SIZE[1] BINARY.PEEK[1])",
	"S1: * 2 FETCH (BINARY.SIZE[1] 1 BINARY[1] {1}", "S1: c)", "S1: g OK ~",
	"C1: h IDLE", "S1: + idling",
	"D1: Subject: x\r\n\r\n", "S1: * 3 EXISTS", "C1: DONE", "S1: h OK ~",
	"C1: i LIST (SPECIAL-USE) \"\" (\"A*\" \"T*\") RETURN (STATUS "
	    "(MESSAGES SIZE))",
	"S1: * LIST (\\HasNoChildren \\Archive) \"/\" \"Archive\"",
	"S1: * STATUS \"Archive\" (MESSAGES 2 SIZE 18)",
	"S1: * LIST (\\HasNoChildren \\Trash) \"/\" \"Trash\"",
	"S1: * STATUS \"Trash\" (MESSAGES 0 SIZE 0)", "S1: i OK ~",
	"C1: j CREATE Archive", "S1: j NO [ALREADYEXISTS] ~",
	"C1: k ID NIL", "S1: * ID ~", "S1: k OK ~",
	"C1: l CLOSE", "S1: l OK ~",
	"C1: m UNSELECT", "S1: m BAD ~",
	NULL
};

/* Names are UTF-8 both ways; modified UTF-7 is a name like others. */
static const char *const names[] = {
	"C1: a CREATE \"\346\227\245\"", "S1: a OK ~",
	"C1: b LIST \"\" \"\346\227\245\"",
	"S1: * LIST (\\HasNoChildren) \"/\" \"\346\227\245\"", "S1: b OK ~",
	"C1: c STATUS &ZeU- (MESSAGES)", "S1: c NO [NONEXISTENT] ~",
	"C1: d CREATE \"\346\"", "S1: d BAD ~",
	"C1: e DELETE \"\346\227\245\"", "S1: e OK ~",
	/* one that is not in NFC is told as it is kept, with OLDNAME */
	"C1: f CREATE \"u\314\210\"", "S1: * LIST (\\HasNoChildren) \"/\" "
	    "\"\303\274\" (\"OLDNAME\" (\"u\314\210\"))",
	"S1: f OK [MAILBOXID ~",
	"C1: g EXAMINE \"u\314\210\"", SELECTED("0"), "S1: * LIST "
	    "(\\HasNoChildren) \"/\" \"\303\274\" (\"OLDNAME\" "
	    "(\"u\314\210\"))", REST, "S1: g OK ~",
	"C1: h RENAME \"\303\274\" {5+}", "C1= \"o\314\210\\\r\n",
	"S1: * LIST (\\HasNoChildren) \"/\" \"\\\"\303\266\\\\\" "
	    "(\"OLDNAME\" (\"\\\"o\314\210\\\\\"))", "S1: h OK ~",
	"C1: i SELECT inbox", "S1: * OK [CLOSED] ~", "S1: * FLAGS ~",
	"S1: * ~ EXISTS", "S1: * LIST (\\HasNoChildren) \"/\" \"INBOX\"",
	REST, "S1: i OK ~", "C1: j UNSELECT", "S1: j OK ~",
	NULL
};

/* message/global is a message, before and behind others, whatever its kind. */
static const char *const global[] = {
	"C1= x APPEND Drafts {135+}\r\nContent-Type: message/global\r\n\r\n"
	    "Subject: M\303\274ll\r\nContent-Type: multipart/x; boundary=b"
	    "\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo 90123456789012"
	    "\r\n--b--\r\n\r\n", "S1: x OK ~",
	"C1= x APPEND Drafts {9+}\r\nA: b\r\n\r\nc\r\n", "S1: x OK ~",
	"C1: x EXAMINE Drafts", SELECTED("2"), "S1: * LIST ~", REST,
	"S1: x OK ~",
	"C1: a FETCH 1:2 BODY",
	"S1: * 1 FETCH (BODY (\"message\" \"global\" NIL NIL NIL \"7bit\" ~ "
	    "(NIL {5}", "S1: M\303\274ll NIL NIL NIL NIL NIL NIL NIL NIL) "
	    "((\"text\" \"plain\" ~)(\"text\" \"plain\" ~) \"x\") ~))",
	"S1: * 2 FETCH (BODY (\"text\" ~))", "S1: a OK ~",
	"C1: b FETCH 2:1 (BODYSTRUCTURE BODY.PEEK[1.2])",
	"S1: * 1 FETCH (BODYSTRUCTURE (\"message\" \"global\" NIL NIL NIL "
	    "\"7bit\" ~ (NIL {5}", "S1: M\303\274ll ~ NIL NIL NIL NIL) "
	    "BODY[1.2] {18}", "S1: two 90123456789012)",
	"S1: * 2 FETCH (BODYSTRUCTURE (\"text\" ~) BODY[1.2] NIL)",
	"S1: b OK ~",
	/* to IMAP4rev1 it is none */
	"O2", "C2: x EXAMINE Drafts", "S2: * FLAGS ~", "S2: * 2 EXISTS",
	"S2: * ~", "S2: * ~", "S2: * ~", "S2: * ~", "S2: * ~", "S2: * ~",
	"S2: x OK ~",
	"C2: a FETCH 1:2 BODY", "S2: * 1 FETCH (BODY (\"message\" \"global\" "
	    "NIL NIL NIL \"7bit\" ~))", "S2: * 2 FETCH ~", "S2: a OK ~",
	"X2",
	NULL
};

/* Without IMAP4rev2 at a listener it is not to be enabled. */
static const char *const off[] = {
	"O1",
	"C1: a ENABLE IMAP4rev2", "S1: * ENABLED", "S1: a OK ~",
	"C1: b SELECT INBOX", "S1: * FLAGS ~", "S1: * 3 EXISTS", "S1: * ~",
	"S1: * ~", "S1: * ~", "S1: * ~", "S1: * ~", "S1: * ~", "S1: b OK ~",
	"C1: c CHECK", "S1: c OK ~",
	NULL
};
/* NOLINTEND(bugprone-suspicious-missing-comma) */

static const struct {
	const char		*name;
	const char *const	*lines;
} scripts[] = {
	{ "before ENABLE", rev1 },
	{ "ENABLE", enable },
	{ "SELECT", selects },
	{ "SEARCH", searches },
	{ "\\Recent and STATUS", recent },
	{ "changes by others, keywords", others },
	{ "what was taken out", gone },
	{ "what was folded in", folded },
	{ "names", names },
	{ "message/global", global },
};

int
main(void)
{
	size_t	 i;

	t_open(NULL);
	t_store.charsets = charsets_open();
	t_account[2] = 1;
	for (i = 0; i < nitems(scripts); i++)
		t_script(scripts[i].name, scripts[i].lines);
	t_logout(1);
	t_limits.off = imapcap_bits(span_str("IMAP4rev2"));
	CHECK(t_limits.off != 0, "it can be switched off");
	t_script("switched off", off);
	charsets_free(t_store.charsets);
	t_store.charsets = NULL;
	t_close();
	t_remove();
	return (t_done());
}
