/*
 * UTF8=ACCEPT, RFC 9755 and RFC 6855: names and quoted strings in UTF-8 for
 * whoever enabled it, and for nobody else.
 */
#include "charset.h"
#include "imaptest.h"

/* NOLINTBEGIN(bugprone-suspicious-missing-comma): long literals meet. */
static const char *const before[] = {
	"O1",
	"C1: a CREATE \"M\303\274ll\"", "S1: a BAD ~",
	"C1: b CREATE M&APw-ll", "S1: b OK ~",
	"C1: c CREATE A&-B", "S1: c OK ~",
	"C1: d LIST \"\" M%", "S1: * LIST (\\HasNoChildren) \"/\" M&APw-ll",
	"S1: d OK ~",
	"C1: e APPEND INBOX UTF8 (~{3+}", "C1= abc)\r\n", "S1: e BAD ~",
	"C1: f SEARCH", "S1: f BAD ~",
	"C1: g APPEND INBOX {54+}", "C1= Subject: M\303\274ll\r\n\r\n"
	    "123456789012345678901234567890123\r\n\r\n", "S1: g OK ~",
	"C1: h ENABLE UTF8=ACCEPT", "S1: * ENABLED UTF8=ACCEPT", "S1: h OK ~",
	NULL
};

static const char *const names[] = {
	"C1: a LIST \"\" \"M%\"",
	"S1: * LIST (\\HasNoChildren) \"/\" \"M\303\274ll\"", "S1: a OK ~",
	"C1: b LIST \"\" A&B",
	"S1: * LIST (\\HasNoChildren) \"/\" \"A&B\"", "S1: b OK ~",
	/* one name in both Unicode forms */
	"C1: c STATUS \"Mu\314\210ll\" (MESSAGES)",
	"S1: * STATUS \"M\303\274ll\" (MESSAGES 0)", "S1: c OK ~",
	"C1: d CREATE \"Mu\314\210ll\"", "S1: d NO [ALREADYEXISTS] ~",
	/* modified UTF-7 is a name like others now */
	"C1: e STATUS M&APw-ll (MESSAGES)", "S1: e NO [NONEXISTENT] ~",
	"C1: f CREATE \"\346\227\245/\346\234\254\"", "S1: f OK ~",
	"C1: f SUBSCRIBE \"\346\227\245/\346\234\254\"", "S1: f OK ~",
	"C1: g LSUB \"\" \"\346\227\245*\"",
	"S1: * LSUB (\\HasNoChildren) \"/\" \"\346\227\245/\346\234\254\"", "S1: g OK ~",
	"C1: h RENAME \"M\303\274ll\" \"q\\\"\303\237\\\\\"", "S1: h OK ~",
	"C1: i LIST \"\" q%",
	"S1: * LIST (\\HasNoChildren) \"/\" \"q\\\"\303\237\\\\\"",
	"S1: i OK ~",
	"C1: j CREATE {4+}", "C1= x\303\274y\r\n", "S1: j OK ~",
	"C1: k DELETE \"x\303\274y\"", "S1: k OK ~",
	/* not UTF-8, overlong, half of a pair, a control */
	"C1: l CREATE \"x\374\"", "S1: l BAD ~",
	"C1: m CREATE \"x\300\257y\"", "S1: m BAD ~",
	"C1: n CREATE \"x\355\240\200\"", "S1: n BAD ~",
	"C1: o CREATE {3+}", "C1= a\001b\r\n", "S1: o BAD ~",
	/* what ends a line elsewhere */
	"C1: o CREATE \"a\302\205b\"", "S1: o NO [CANNOT] ~",
	"C1: o CREATE \"a\302\200\"", "S1: o NO [CANNOT] ~",
	"C1: o CREATE \"a/b\302\237\"", "S1: o NO [CANNOT] ~",
	"C1: o CREATE \"a\342\200\250\"", "S1: o NO [CANNOT] ~",
	"C1: o RENAME Archive \"a\342\200\251b\"", "S1: o NO [CANNOT] ~",
	"C1: o CREATE \"a\302\240\342\200\252b\"", "S1: o OK ~",
	"C1: o DELETE \"a\302\240\342\200\252b\"", "S1: o OK ~",
	"C1: p CREATE {2+}", "C1= x\374\r\n", "S1: p BAD ~",
	NULL
};

static const char *const messages[] = {
	"C1: a SELECT INBOX", "S1: * FLAGS ~", "S1: * 1 EXISTS", "S1: * ~",
	"S1: * ~", "S1: * ~", "S1: * ~", "S1: * ~", "S1: * ~", "S1: a OK ~",
	"C1: b SEARCH SUBJECT \"M\303\234LL\"", "S1: * SEARCH 1", "S1: b OK ~",
	"C1: c SEARCH CHARSET UTF-8 SUBJECT x", "S1: c BAD ~",
	"C1: d SEARCH RETURN () CHARSET UTF-8 SUBJECT x", "S1: d BAD ~",
	"C1: d ESEARCH IN (personal) CHARSET UTF-8 SUBJECT x", "S1: d BAD ~",
	"C1: d ESEARCH IN (personal) SUBJECT x", "S1: d OK ~",
	"C1: e FETCH 1 BODY.PEEK[HEADER]", "S1: * 1 FETCH (BODY[HEADER] {18}",
	"S1: Subject: M\303\274ll", "S1: ", "S1: )", "S1: e OK ~",
	"C1: f APPEND INBOX (\\Seen) UTF8 (~{3}", "S1: + OK", "C1= abc)\r\n",
	"S1: * 2 EXISTS", "S1: * 2 RECENT", "S1: f OK [APPENDUID ~ 2] ~",
	"C1: g APPEND INBOX utf8 (~{3+}", "C1= abc) UTF8 (~{2+}\r\nde)\r\n",
	"S1: * 4 EXISTS", "S1: * 4 RECENT", "S1: g OK [APPENDUID ~ 3:4] ~",
	"C1: h APPEND INBOX UTF8 (~{3+}", "C1= abc\r\n", "S1: h BAD ~",
	"C1: i APPEND INBOX UTF8 ({3+}", "C1= abc)\r\n", "S1: i BAD ~",
	"C1: j APPEND INBOX UTF8 ~{3+}", "C1= abc\r\n", "S1: j BAD ~",
	"C1: k FETCH 1:* RFC822.SIZE", "S1: * 1 FETCH (RFC822.SIZE 54)",
	"S1: * 2 FETCH (RFC822.SIZE 3)", "S1: * 3 FETCH (RFC822.SIZE 3)",
	"S1: * 4 FETCH (RFC822.SIZE 2)", "S1: k OK ~",
	NULL
};

/* Another session did not. */
static const char *const other[] = {
	"O2",
	"C2: a LIST \"\" q%",
	"S2: * LIST (\\HasNoChildren) \"/\" \"q\\\"&AN8-\\\\\"", "S2: a OK ~",
	"C2: b EXAMINE INBOX", "S2: * FLAGS ~", "S2: * ~", "S2: * ~",
	"S2: * ~", "S2: * ~", "S2: * ~", "S2: * ~", "S2: * ~", "S2: b OK ~",
	"C2: c FETCH 1 ENVELOPE", "S2: * 1 FETCH (ENVELOPE (NIL {5}",
	"S2: M\303\274ll NIL ~", "S2: c OK ~",
	NULL
};

/* NOLINTEND(bugprone-suspicious-missing-comma) */

int
main(void)
{
	t_account[1] = t_account[2] = 1;
	t_open(NULL);
	t_store.charsets = charsets_open();
	t_script("before", before);
	t_script("names", names);
	t_script("messages", messages);
	t_script("another session", other);
	charsets_free(t_store.charsets);
	t_store.charsets = NULL;
	t_close();
	t_remove();
	return (t_done());
}
