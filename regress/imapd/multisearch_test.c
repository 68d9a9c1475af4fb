/*
 * ESEARCH over many mailboxes, RFC 7377.
 */
#include <stdio.h>
#include <string.h>

#include "charset.h"
#include "imaptest.h"

#define FOUND(box, what)						\
	"S1: * ESEARCH (TAG \"t\" MAILBOX " box " UIDVALIDITY ~) UID " what
#define OK	"S1: t OK ESEARCH completed"

static const char *const	 fill[] = {
	"O1",
	"C1: a CREATE work", "S1: a OK ~", "C1: a CREATE work/a",
	"S1: a OK ~", "C1: a CREATE work/a/b", "S1: a OK ~",
	"C1: a CREATE workshop", "S1: a OK ~",
	"C1: a SUBSCRIBE work/a/b", "S1: a OK ~",
	"C1: a UNSUBSCRIBE work", "S1: a OK ~",
	"C1: a UNSUBSCRIBE work/a", "S1: a OK ~",
	"C1: a UNSUBSCRIBE workshop", "S1: a OK ~",
	NULL
};

static const char *const	 boxes[] = {
	"C1: t ESEARCH IN (mailboxes INBOX) SUBJECT one",
	FOUND("INBOX", "ALL 1:2"), OK,
	/* many, by name, each once; what is not there is passed over */
	"C1: t ESEARCH IN (mailboxes (work/a none INBOX) inboxes mailboxes "
	    "inbox) RETURN (COUNT MIN MAX) ALL",
	FOUND("INBOX", "MIN 1 MAX 3 COUNT 3"),
	FOUND("work/a", "MIN 1 MAX 1 COUNT 1"), OK,
	"C1: t ESEARCH IN (mailboxes none) ALL", OK,
	"C1: t ESEARCH IN (personal) RETURN () SUBJECT one",
	FOUND("INBOX", "ALL 1:2"), FOUND("work/a", "ALL 1"),
	FOUND("work/a/b", "ALL 1"), FOUND("workshop", "ALL 1"), OK,
	"C1: t ESEARCH IN (subtree work) RETURN (COUNT) ALL",
	FOUND("work", "COUNT 1"), FOUND("work/a", "COUNT 1"),
	FOUND("work/a/b", "COUNT 1"), OK,
	"C1: t ESEARCH IN (subtree-one (work)) RETURN (COUNT) ALL",
	FOUND("work", "COUNT 1"), FOUND("work/a", "COUNT 1"), OK,
	"C1: t ESEARCH IN (subscribed) RETURN (COUNT) SUBJECT one",
	FOUND("INBOX", "COUNT 2"), FOUND("work/a/b", "COUNT 1"), OK,
	/* nothing found, nothing said */
	"C1: t ESEARCH IN (personal) RETURN (COUNT) SUBJECT nothing", OK,
	/* keywords and UIDs are of each mailbox */
	"C1: t ESEARCH IN (personal) KEYWORD k", FOUND("INBOX", "ALL 1"),
	FOUND("work/a", "ALL 1"), OK,
	"C1: t ESEARCH IN (personal) RETURN (ALL) UID *", FOUND("INBOX",
	    "ALL 3"), FOUND("work", "ALL 1"), FOUND("work/a", "ALL 1"),
	FOUND("work/a/b", "ALL 1"), FOUND("workshop", "ALL 1"), OK,
	"C1: t ESEARCH IN (inboxes) RETURN (PARTIAL -1:-1) CHARSET UTF-8 ALL",
	FOUND("INBOX", "PARTIAL (-1:-1 3)"), OK,
	"C1: t ESEARCH IN (mailboxes work/a) RETURN (COUNT) MODSEQ 1",
	FOUND("work/a", "COUNT 1 MODSEQ ~"), OK,
	/* nothing is selected */
	"C1: t ESEARCH ALL", "S1: t BAD no mailbox is selected",
	"C1: t ESEARCH IN (selected) ALL", "S1: t BAD ~",
	"C1: t ESEARCH IN (personal) RETURN (SAVE) ALL", "S1: t BAD ~",
	"C1: t ESEARCH IN (personal) 1:2", "S1: t BAD ~",
	"C1: t ESEARCH IN (personal) OR SEEN UID $", "S1: t NO [CANNOT] ~",
	"C1: t ESEARCH IN (personal) CHARSET KLINGON ALL",
	"S1: t NO [BADCHARSET ~",
	"C1: t ESEARCH", "S1: t BAD ~",
	"C1: t ESEARCH IN () ALL", "S1: t BAD ~",
	"C1: t ESEARCH IN personal ALL", "S1: t BAD ~",
	"C1: t ESEARCH IN (personal )", "S1: t BAD ~",
	"C1: t ESEARCH IN (personal)", "S1: t BAD ~",
	"C1: t ESEARCH IN (subtree) ALL", "S1: t BAD ~",
	"C1: t ESEARCH IN (mailboxes ()) ALL", "S1: t BAD ~",
	"C1: t ESEARCH IN (selected-delayed) ALL", "S1: t BAD ~",
	"C1: t NOOP", "S1: t OK ~",
	"C1: t ESEARCH IN (personal (x)) ALL", "S1: t BAD ~",
	"C1: t ESEARCH IN (personal) RETURN (MIN)", "S1: t BAD ~",
	"C1: t UID ESEARCH IN (personal) ALL", "S1: t BAD ~",
	/* the selected one as the session sees it */
	"C1: s SELECT work/a", "S1: * FLAGS ~", "S1: * 1 EXISTS",
	"S1: * ~ RECENT", "S1: * OK [UNS~", "S1: * OK [PERM~",
	"S1: * OK [UIDV~", "S1: * OK [UIDN~", "S1: * OK [HIGHEST~",
	"S1: s OK ~",
	"C1: t ESEARCH 1 SUBJECT one", FOUND("work/a", "ALL 1"), OK,
	"C1: t ESEARCH IN (selected) RETURN (SAVE) ALL", OK,
	"C1: t ESEARCH IN (selected) RETURN (COUNT) $",
	FOUND("work/a", "COUNT 1"), OK,
	"C1: t ESEARCH IN (selected mailboxes work) RETURN (COUNT) ALL",
	FOUND("work", "COUNT 1"), FOUND("work/a", "COUNT 1"), OK,
	"C1: t ESEARCH IN (selected inboxes) $", "S1: t NO [CANNOT] ~",
	"C1: t ESEARCH IN (selected inboxes) RETURN (SAVE) ALL",
	"S1: t BAD ~",
	NULL
};

static void
append(const char *box, const char *flags, const char *subject)
{
	char	 text[64];

	(void)snprintf(text, sizeof(text), "Subject: %s\r\n\r\n", subject);
	t_append(box, flags, " 1-Jan-2020 00:00:00 +0000", text);
}

/* What another shares: found where it may be read, else as if it were not. */
static const char *const shared[] = {
	"O5", "C5: a CREATE Plans", "S5: a OK ~",
	"C5: b CREATE Plans/Old", "S5: b OK ~",
	"C5: c APPEND Plans {3+}", "C5= abc\r\n", "S5: c OK ~",
	"C5: d APPEND Plans/Old {3+}", "C5= abc\r\n", "S5: d OK ~",
	"C5: e SETACL Plans user6 lr", "S5: e OK ~",
	"C5: f SETACL Plans/Old user6 l", "S5: f OK ~",
	"O6",
	"C6: a ESEARCH IN (mailboxes \"Other Users/user5/Plans\") ALL",
	"S6: * ESEARCH (TAG \"a\" MAILBOX \"Other Users/user5/Plans\" "
	    "UIDVALIDITY ~) UID ALL 1", "S6: a OK ~",
	"C6: b ESEARCH IN (subtree \"Other Users/user5\") ALL",
	"S6: * ESEARCH (TAG \"b\" MAILBOX \"Other Users/user5/Plans\" ~",
	"S6: b OK ~",
	"C6: c ESEARCH IN (mailboxes (\"Other Users/user5/Plans/Old\" "
	    "\"Other Users/user5/INBOX\")) ALL", "S6: c OK ~",
	/* by two names, or in two ways: once */
	"C6: c ESEARCH IN (mailboxes \"Other Users/user5/Plans\" subtree "
	    "\"Other Users/user5\") ALL",
	"S6: * ESEARCH (TAG \"c\" MAILBOX \"Other Users/user5/Plans\" ~",
	"S6: c OK ~",
	"C6: c SUBSCRIBE \"Other Users/user5/Plans\"", "S6: c OK ~",
	"C6: c ESEARCH IN (subtree \"Other Users\" subtree-one \"Other "
	    "Users/user5\" subscribed mailboxes (\"Other Users/user5/Plans\" "
	    "\"Other Users/user5/Plans\")) RETURN (COUNT) ALL",
	"S6: * ESEARCH (TAG \"c\" MAILBOX \"Other Users/user5/Plans\" "
	    "UIDVALIDITY ~) UID COUNT 1", "S6: c OK ~",
	"C6: d ESEARCH IN (personal) ALL", "S6: d OK ~",
	"C6: e EXAMINE \"Other Users/user5/Plans\"", "S6: * ~", "S6: * ~",
	"S6: * ~", "S6: * ~", "S6: * ~", "S6: * ~", "S6: * ~", "S6: * ~",
	"S6: e OK ~",
	"C6: f ESEARCH ALL",
	"S6: * ESEARCH (TAG \"f\" MAILBOX \"Other Users/user5/Plans\" ~",
	"S6: f OK ~",
	"C6: g ESEARCH IN (selected subtree \"Other Users\") ALL",
	"S6: * ESEARCH (TAG \"g\" MAILBOX \"Other Users/user5/Plans\" ~",
	"S6: g OK ~",
	NULL
};

/* Of others no more than an account may have itself. */
static const char *const many[] = {
	"C5: a SETACL Plans/Old user6 lr", "S5: a OK ~",
	"C6: a ESEARCH IN (mailboxes \"Other Users/user5/Plans\") ALL",
	"S6: * ESEARCH ~", "S6: a OK ~",
	"C6: b ESEARCH IN (subtree \"Other Users\") ALL",
	"S6: b NO [LIMIT] ~",
	NULL
};

/* Expunged while another mailbox is searched: no message is damaged by that. */
static void
expunged(void)
{
	static const char	 copy[] = "x COPY 1:* gone\r\n",
	    search[] = "x ESEARCH IN (mailboxes gone) RETURN (COUNT) BODY zz"
	    "\r\n", all_go[] = "x STORE 1:* +FLAGS.SILENT (\\Deleted)\r\n"
	    "y EXPUNGE\r\n";
	const char		*line;
	static char		 first[32768];
	int			 i;

	i = snprintf(first, sizeof(first), "x APPEND gone {20000+}\r\nA: b"
	    "\r\n\r\n%*s\r\n", 19992, "c");
	t_login(1, 7);
	t_login(2, 7);
	(void)t_line(1);
	(void)t_line(2);
	t_send(2, "x CREATE gone\r\n", 15);
	t_send(2, "x SELECT gone\r\n", 15);
	t_send(2, first, (size_t)i);
	t_settle();
	for (i = 0; i < 10; i++) {
		t_send(2, copy, sizeof(copy) - 1);
		t_settle();
	}
	t_drain(2);
	t_send(1, search, sizeof(search) - 1);
	t_send(2, all_go, sizeof(all_go) - 1);
	while ((line = t_line(1)) != NULL && strncmp(line, "x ", 2) != 0)
		continue;
	CHECK(line != NULL && strcmp(line, "x OK ESEARCH completed") == 0,
	    "nothing of it is said to be damaged: %s", line == NULL ?
	    "(nothing)" : line);
	t_logout(1);
	t_logout(2);
	t_settle();
}

int
main(void)
{
	t_open(NULL);
	t_store.charsets = charsets_open();
	t_script("fill", fill);
	append("INBOX", "k", "one");
	append("INBOX", "", "one more");
	append("INBOX", "", "three");
	append("work", "", "two");
	append("work/a", "k", "one");
	append("work/a/b", "", "one");
	append("workshop", "", "one");
	t_script("boxes", boxes);
	t_script("shared", shared);
	expunged();
	t_store.limits.mailboxes = 1;
	t_script("many", many);
	t_close();
	charsets_free(t_store.charsets);
	t_remove();
	return (t_done());
}
