/*
 * Shared mailboxes, RFC 4314, RFC 8440: what each command needs, what nobody is
 * told about, what changes at once, and what goes with an account.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/account.h"
#include "imapd/session.h"
#include "imapd/sharing.h"
#include "imaptest.h"

#define OTHERS	"Other Users/user1/"

/* NOLINTBEGIN(bugprone-suspicious-missing-comma): names begin with OTHERS. */

/* ---- what a client says and hears ------------------------------------------------ */

/* All lines that answer a command; the last one. */
static const char *
ask(int n, const char *command, struct buf *all)
{
	const char	*line;

	buf_reset(all);
	t_send(n, "t ", 2);
	t_send(n, command, strlen(command));
	t_send(n, "\r\n", 2);
	while ((line = t_line(n)) != NULL) {
		(void)buf_adds(all, line);
		(void)buf_adds(all, "\n");
		if (strncmp(line, "t ", 2) == 0)
			return (line);
		if (line[0] == '+')
			return (line);
	}
	return ("nothing");
}

static void
must(int n, const char *command)
{
	struct buf	 all = { 0 };
	const char	*line = ask(n, command, &all);

	CHECK(strncmp(line, "t OK", 4) == 0, "client %d: %s: %s", n, command,
	    line);
	buf_free(&all);
}

static void
grant(const char *mailbox, const char *who, const char *rights)
{
	char	 command[256];

	snprintf(command, sizeof(command), "SETACL %s %s \"%s\"", mailbox, who,
	    rights);
	must(1, command);
}

/* ---- the commands themselves ------------------------------------------------------ */

static const char *const own[] = {
	"O1",
	"C1: a GETACL INBOX", "S1: * ACL INBOX user1 lrswipkxteacd",
	"S1: a OK ~",
	"C1: b MYRIGHTS INBOX", "S1: * MYRIGHTS INBOX lrswipkxteacd",
	"S1: b OK ~",
	"C1: c SETACL Sent user2 lrk", "S1: c OK ~",
	"C1: d SETACL Sent USER3 +lr", "S1: d OK ~",
	"C1: e SETACL Sent -user2 r", "S1: e OK ~",
	"C1: f SETACL Sent anyone l", "S1: f OK ~",
	"C1: g GETACL Sent",
	"S1: * ACL Sent user1 lrswipkxteacd anyone l user2 lrkc -user2 r "
	    "user3 lr", "S1: g OK ~",
	"C1: h SETACL Sent user2 -k", "S1: h OK ~",
	"C1: i DELETEACL Sent -user2", "S1: i OK ~",
	"C1: j DELETEACL Sent user3", "S1: j OK ~",
	"C1: k DELETEACL Sent user9", "S1: k OK there was none",
	"C1: l GETACL Sent",
	"S1: * ACL Sent user1 lrswipkxteacd anyone l user2 lr", "S1: l OK ~",
	"C1: m SETACL Sent user2 \"\"", "S1: m OK ~",
	"C1: n SETACL Sent anyone -l", "S1: n OK ~",
	"C1: o GETACL Sent", "S1: * ACL Sent user1 lrswipkxteacd", "S1: o OK ~",
	/* what cannot be */
	"C1: p SETACL Sent user2 lrq", "S1: p BAD unknown right",
	"C1: q SETACL Sent user2 LR", "S1: q BAD ~",
	"C1: r SETACL Sent nobody lr",
	"S1: r NO [CANNOT] ~letterctl account add --near user1 NAME ADDRESS",
	"C1: s SETACL Sent away lr", "S1: s NO [UNAVAILABLE] ~",
	"C1: t SETACL Sent user1 l", "S1: t NO [CANNOT] the owner ~",
	"C1: u SETACL Sent -user1 l", "S1: u NO [CANNOT] the owner ~",
	"C1: v DELETEACL Sent user1", "S1: v NO [CANNOT] the owner ~",
	"C1: w SETACL None user2 lr", "S1: w NO [NONEXISTENT] ~",
	"C1: x SETACL Sent user2", "S1: x BAD ~",
	"C1: x SETACL Sent \"\" lr", "S1: x BAD an identifier ~",
	"C1: x DELETEACL Sent \"\"", "S1: x BAD an identifier ~",
	"C1: x LISTRIGHTS Sent \"\"", "S1: x BAD an identifier ~",
	"C1: y GETACL", "S1: y BAD ~",
	"C1: z GETACL Sent x", "S1: z BAD ~",
	"C1: a LISTRIGHTS Sent user2",
	"S1: * LISTRIGHTS Sent user2 \"\" l r s w i p k x t e a c d",
	"S1: a OK ~",
	"C1: b LISTRIGHTS Sent user1",
	"S1: * LISTRIGHTS Sent user1 lrswipkxteacd", "S1: b OK ~",
	"C1: c LISTRIGHTS Sent -anyone",
	"S1: * LISTRIGHTS Sent -anyone \"\" ~", "S1: c OK ~",
	"C1: d LISTRIGHTS Sent nobody", "S1: d NO [CANNOT] ~",
	"C1: e CREATE \"Other Users\"", "S1: e NO [CANNOT] ~",
	"C1: f CREATE \"Other Users/user2/x\"", "S1: f NO [NONEXISTENT] ~",
	"C1: g RENAME Sent \"Other Users/user2/x\"", "S1: g NO [CANNOT] ~",
	"C1: h CREATE \"Other Users/x\"", "S1: h NO [CANNOT] ~",
	"C1: i LIST \"\" (INBOX \"O*\") RETURN (MYRIGHTS)",
	"S1: * LIST (\\HasNoChildren) \"/\" INBOX",
	"S1: * MYRIGHTS INBOX lrswipkxteacd", "S1: i OK ~",
	NULL
};

/* What 2 sees of 1; a list stays over a restart, a new mailbox takes it over. */
static const char *const seen[] = {
	"C1: a CREATE Work/Plans", "S1: a OK ~",
	"C1: b SETACL Work/Plans user2 lrk", "S1: b OK ~",
	"C1: c CREATE Work/Plans/Old", "S1: c OK ~",
	"C1: d CREATE Work/Secret", "S1: d OK ~",
	"C1: e GETACL Work/Plans/Old",
	"S1: * ACL Work/Plans/Old user1 ~ user2 lrkc", "S1: e OK ~",
	"R", "O2",
	"C2: a LIST \"\" \"O*\"",
	"S2: * LIST (\\Noselect \\HasChildren) \"/\" \"Other Users\"",
	"S2: * LIST (\\Noselect \\HasChildren) \"/\" \"Other Users/user1\"",
	"S2: * LIST (\\Noselect \\HasChildren) \"/\" \"Other Users/user1/Work\"",
	"S2: * LIST (\\HasChildren) \"/\" \"Other Users/user1/Work/Plans\"",
	"S2: * LIST (\\HasNoChildren) \"/\" \"Other Users/user1/Work/Plans/Old\"",
	"S2: a OK ~",
	"C2: b LIST \"\" %", "S2: * LIST ~Archive", "S2: * LIST ~Drafts",
	"S2: * LIST ~INBOX", "S2: * LIST ~Junk", "S2: * LIST ~Sent",
	"S2: * LIST ~Trash",
	"S2: * LIST (\\Noselect \\HasChildren) \"/\" \"Other Users\"",
	"S2: b OK ~",
	"C2: c LIST \"Other Users/\" %/W%/% RETURN (MYRIGHTS STATUS (MESSAGES))",
	"S2: * LIST (\\HasChildren) \"/\" \"Other Users/user1/Work/Plans\"",
	"S2: * STATUS \"Other Users/user1/Work/Plans\" (MESSAGES 0)",
	"S2: * MYRIGHTS \"Other Users/user1/Work/Plans\" lrkc", "S2: c OK ~",
	"C2: d SUBSCRIBE \"Other Users/user1/Work/Plans\"", "S2: d OK ~",
	"C2: e LSUB \"\" \"Other*\"",
	"S2: * LSUB (\\HasChildren) \"/\" \"Other Users/user1/Work/Plans\"",
	"S2: e OK ~",
	"C2: f CREATE \"Other Users/user1/Work/Plans/New\"",
	"S2: f OK [MAILBOXID (F~)] ~",
	"C2: g SELECT \"Other Users/user1/Work/Plans/New\"",
	"S2: * FLAGS ~", "S2: * 0 EXISTS", "S2: * 0 RECENT",
	"S2: * OK [PERMANENTFLAGS ()] ~", "S2: * OK [UIDVALIDITY ~",
	"S2: * OK [UIDNEXT 1] ~", "S2: * OK [HIGHESTMODSEQ ~",
	"S2: g OK [READ-ONLY] ~",
	"C2: h GETQUOTAROOT \"Other Users/user1/Work/Plans\"",
	"S2: * QUOTAROOT \"Other Users/user1/Work/Plans\" \"Other Users/user1\"",
	"S2: * QUOTA \"Other Users/user1\" ()", "S2: h OK ~",
	"C2: i GETQUOTA \"Other Users/user1\"",
	"S2: * QUOTA \"Other Users/user1\" ()", "S2: i OK ~",
	"C2: j GETQUOTA \"Other Users/user3\"", "S2: j NO [NONEXISTENT] ~",
	"X2", "O1",
	"C1: a LIST \"\" \"O*\"", "S1: a OK ~",
	"C1: b RENAME Work Play", "S1: b OK ~",
	"C1: c GETACL Play/Plans", "S1: * ACL Play/Plans user1 ~ user2 lrkc",
	"S1: c OK ~",
	"C1: d DELETE Play/Plans/New", "S1: d OK ~",
	"C1: e DELETE Play/Plans/Old", "S1: e OK ~",
	"C1: f DELETE Play/Plans", "S1: f OK ~",
	"O2",
	"C2: a LIST \"\" \"Other*\"", "S2: a OK ~",
	"C2: b LIST (SUBSCRIBED) \"\" \"Other*\"",
	"S2: * LIST (\\NonExistent \\HasNoChildren \\Subscribed) \"/\" ~Plans\"",
	"S2: b OK ~",
	"X1", "X2",
	NULL
};

/* ---- each command, each right -------------------------------------------------- */

/* Client 2 does it to "Shared" of 1, which has three messages; selected: in it. */
static const struct {
	const char	*command;	/* %s: its name */
	const char	*need;
	int		 selected;
	const char	*octets;	/* sent after "+" */
} needs[] = {
	{ "SELECT %s",				"r",	0, NULL },
	{ "EXAMINE %s",				"r",	0, NULL },
	{ "STATUS %s (MESSAGES)",		"r",	0, NULL },
	{ "SETMETADATA %s (/shared/comment \"x\")", "w",	0, NULL },
	{ "GETQUOTAROOT %s",			"r",	0, NULL },
	{ "SUBSCRIBE %s",			"",	0, NULL },
	{ "MYRIGHTS %s",			"",	0, NULL },
	{ "GETACL %s",				"a",	0, NULL },
	{ "SETACL %s user3 l",			"a",	0, NULL },
	{ "DELETEACL %s user3",			"a",	0, NULL },
	{ "LISTRIGHTS %s user3",		"a",	0, NULL },
	{ "APPEND %s {3}",			"i",	0, "x\r\n\r\n" },
	{ "CREATE \"" OTHERS "Shared/Sub\"",	"k",	0, NULL },
	{ "RENAME %s \"" OTHERS "Parent/Shared\"", "x",	0, NULL },
	{ "DELETE %s",				"x",	0, NULL },
	{ "FETCH 1 BODY[]",			"r",	1, NULL },
	{ "SEARCH ALL",				"r",	1, NULL },
	{ "COPY 1 INBOX",			"r",	1, NULL },
	{ "COPY 1 %s",				"ri",	1, NULL },
	{ "MOVE 1 INBOX",			"rte",	1, NULL },
	{ "MOVE 1 %s",				"rtei",	1, NULL },
	{ "STORE 1 +FLAGS (\\Seen)",		"rs",	1, NULL },
	{ "STORE 1 +FLAGS (\\Deleted)",		"rt",	1, NULL },
	{ "STORE 1 +FLAGS (\\Flagged)",		"rw",	1, NULL },
	{ "STORE 1 -FLAGS (word)",		"rw",	1, NULL },
	{ "EXPUNGE",				"re",	1, NULL },
	{ "UID EXPUNGE 1:*",			"re",	1, NULL },
	{ "REPLACE 1 %s {3}",			"rtei",	1, "x\r\n\r\n" },
	{ "REPLACE 1 INBOX {3}",		"rte",	1, "x\r\n\r\n" },
};

static void
fresh(void)
{
	static const char	 three[] = "t APPEND Shared {3+}\r\nx\r\n {3+}\r\n"
				    "y\r\n {3+}\r\nz\r\n\r\n";
	struct buf		 all = { 0 };

	(void)ask(1, "DELETE Shared/Sub", &all);
	(void)ask(1, "DELETE Parent/Shared", &all);
	(void)ask(1, "DELETE Shared", &all);
	must(1, "CREATE Shared");
	buf_free(&all);
	t_send(1, three, strlen(three));
	while (strncmp(t_line(1), "t ", 2) != 0)
		continue;
}

static const char *
run(size_t i, const char *name, struct buf *all)
{
	char		 command[512];
	const char	*line;

	snprintf(command, sizeof(command), needs[i].command, name);
	line = ask(2, command, all);
	if (line[0] != '+')
		return (line);
	t_send(2, needs[i].octets, strlen(needs[i].octets));
	while ((line = t_line(2)) != NULL && strncmp(line, "t ", 2) != 0)
		continue;
	return (line);
}

static void
one(size_t i, const char *rights, int ok)
{
	struct buf	 all = { 0 };
	const char	*line;

	fresh();
	if (needs[i].selected && strchr(rights, 'r') == NULL)
		return;
	grant("Shared", "user2", rights);
	if (needs[i].selected)
		must(2, "SELECT \"" OTHERS "Shared\"");
	line = run(i, "\"" OTHERS "Shared\"", &all);
	if (line == NULL)
		line = "nothing";
	CHECK(ok ? strncmp(line, "t OK", 4) == 0 :
	    strncmp(line, "t NO [NOPERM", 12) == 0 ||
	    strncmp(line, "t NO [READ-ONLY", 15) == 0,
	    "%s with %s: %s", needs[i].command, rights, line);
	(void)ask(2, "UNSELECT", &all);
	buf_free(&all);
}

static void
test_needs(void)
{
	static const char	 all[] = "lrswipkxtea";
	char			 rights[32];
	const char		*p;
	size_t			 i;

	must(1, "CREATE Parent");
	grant("Parent", "user2", "lk");
	for (i = 0; i < nitems(needs); i++) {
		snprintf(rights, sizeof(rights), "l%s", needs[i].need);
		one(i, rights, 1);
		for (p = needs[i].need; *p != '\0'; p++) {
			snprintf(rights, sizeof(rights), "%.*s%s",
			    (int)(strchr(all, *p) - all), all,
			    strchr(all, *p) + 1);
			one(i, rights, 0);
		}
	}
}

/* ---- nobody is told ------------------------------------------------------------- */

/* %s: the name.  "Hidden" is there, with all rights but l; "Absent" is not. */
static const char *const secret[] = {
	"SELECT \"%s\"", "EXAMINE \"%s\"", "STATUS \"%s\" (MESSAGES)",
	"LIST \"\" \"%s\"", "LSUB \"\" \"%s\"",
	"LIST (SUBSCRIBED) \"\" \"%s\" RETURN (MYRIGHTS STATUS (MESSAGES))",
	"LIST \"\" \"%s\" RETURN (MYRIGHTS METADATA (/shared/comment))",
	"SUBSCRIBE \"%s\"", "UNSUBSCRIBE \"%s\"",
	"APPEND \"%s\" {3}", "CREATE \"%s/Sub\"", "DELETE \"%s\"",
	"RENAME \"%s\" x", "RENAME \"%s\" \"" OTHERS "Open/x\"",
	"RENAME Sent \"%s\"", "RENAME \"" OTHERS "Open\" \"%s\"",
	"RENAME \"" OTHERS "Open\" \"%s/x\"",
	"GETMETADATA \"%s\" /shared/comment",
	"SETMETADATA \"%s\" (/shared/comment \"x\")", "GETQUOTAROOT \"%s\"",
	"GETACL \"%s\"", "SETACL \"%s\" user2 l", "DELETEACL \"%s\" user2",
	"LISTRIGHTS \"%s\" user2", "MYRIGHTS \"%s\"",
	"SETACL \"%s\" nobody l", "SETACL \"%s\" user1 l",
	"COPY 1 \"%s\"", "MOVE 1 \"%s\"", "REPLACE 1 \"%s\" {3}",
	"CREATE \"%s\"", "GETQUOTA \"%s\"",
	"UID COPY 1 \"%s\"", "UID MOVE 1 \"%s\"", "UID REPLACE 1 \"%s\" {3}",
	"SUBSCRIBE \"%s/x\"", "DELETE \"%s/x\"", "DELETE \"%s/\"",
	"SELECT \"%s\" (CONDSTORE)", "LIST \"\" (INBOX \"%s\" \"%s*\")",
	"LIST (SUBSCRIBED RECURSIVEMATCH) \"\" \"%s\" RETURN (CHILDREN)",
	"ESEARCH IN (mailboxes \"%s\") ALL",
	"ESEARCH IN (subtree \"%s\") RETURN (ALL COUNT) ALL",
	"ESEARCH IN (subtree-one (\"%s\" INBOX)) RETURN (COUNT) ALL",
	"NOTIFY SET STATUS (mailboxes \"%s\" (MessageNew MessageExpunge "
	    "FlagChange MailboxName MailboxMetadataChange))",
	"NOTIFY SET STATUS (subtree (\"%s\" \"%s/x\") (MessageNew "
	    "MessageExpunge))",
};

static void
replace(struct buf *b, const char *what)
{
	char	*p;

	(void)buf_addc(b, '\0');
	while ((p = strstr((char *)b->p, what)) != NULL)
		memset(p, 'N', strlen(what));
}

static void
compare(const char *form, const char *a, const char *b)
{
	struct buf	 x = { 0 }, y = { 0 };
	char		 command[512];

	must(2, "SELECT INBOX");
	snprintf(command, sizeof(command), form, a, a);
	(void)ask(2, command, &x);
	must(2, "SELECT INBOX");
	snprintf(command, sizeof(command), form, b, b);
	(void)ask(2, command, &y);
	replace(&x, a);
	replace(&y, b);
	CHECK(span_eq(span_buf(&x), span_buf(&y)), "%s: %s", form,
	    (const char *)x.p);
	if (!span_eq(span_buf(&x), span_buf(&y)))
		printf("# or: %s\n", (const char *)y.p);
	buf_free(&x);
	buf_free(&y);
}

/* Of one that is there and one that is not; and of an account that shares with
 * others, and one that does not exist. */
static void
test_secret(void)
{
	size_t	 i;

	must(1, "CREATE Hidden");
	must(1, "CREATE Open");
	grant("Hidden", "user2", "rswipkxtea");
	grant("Hidden", "user3", "lr");
	grant("Open", "user2", "lr");
	for (i = 0; i < nitems(secret); i++)
		compare(secret[i], OTHERS "Hidden", OTHERS "Absent");
	grant("Open", "user2", "");
	grant("Parent", "user2", "");
	for (i = 0; i < nitems(secret); i++)
		compare(secret[i], OTHERS "Hidden",
		    "Other Users/user7/Hidden");
	grant("Hidden", "user2", "lr");
	grant("Hidden", "-anyone", "l");
	for (i = 0; i < nitems(secret); i++)
		compare(secret[i], OTHERS "Hidden",
		    OTHERS "Absent");
	must(1, "DELETE Hidden");
	must(1, "DELETE Open");
}

/* What he does not see may be in the way of what he renames. */
static const char *const inway[] = {
	"C1: a CREATE A", "S1: a OK ~", "C1: b CREATE A/h", "S1: b OK ~",
	"C1: c CREATE P", "S1: c OK ~", "C1: d CREATE P/A/h", "S1: d OK ~",
	"C1: e SETACL A user2 lx", "S1: e OK ~",
	"C1: f SETACL P user2 lk", "S1: f OK ~",
	"C2: a RENAME \"" OTHERS "A\" \"" OTHERS "P/A\"", "S2: a NO [NOPERM] ~",
	"C2: b RENAME \"" OTHERS "A\" \"" OTHERS "P/A/h\"", "S2: b NO [NOPERM] ~",
	"C2: c CREATE \"" OTHERS "P/A/h\"", "S2: c NO [NOPERM] ~",
	"C2: d RENAME \"" OTHERS "A\" \"" OTHERS "None/A\"", "S2: d NO [NOPERM] ~",
	"C2: e RENAME \"" OTHERS "A\" \"" OTHERS "A\"", "S2: e NO [ALREADY~",
	"C2: f RENAME \"" OTHERS "A\" \"" OTHERS "P/B\"", "S2: f OK ~",
	"C1: g LIST \"\" P/B/%", "S1: * LIST ~ P/B/h", "S1: g OK ~",
	"C1: h DELETE P/B/h", "S1: h OK ~", "C1: i DELETE P/B", "S1: i OK ~",
	"C1: j DELETE P/A/h", "S1: j OK ~", "C1: k DELETE P", "S1: k OK ~",
	NULL
};

/* ---- rights that go while a command is under way ---------------------------------- */

#define MANY	3072

/* One that takes many slices is sent, then what takes a right away. */
static const struct {
	const char	*command;	/* of client 2, in Shared */
	const char	*less;		/* rights on Shared */
	const char	*want;		/* the answer */
	const char	*left;		/* SEARCH of what it is about, before
					 * and after */
	int		 whole;		/* nothing of it is done */
	int		 own;		/* it is in its own mailbox of many */
} going[] = {
	{ "MOVE 1:* Trash",		"-e",	"t NO [NOPERM]", "ALL", 0, 0 },
	{ "UID MOVE 1:* Trash",		"-t",	"t NO [NOPERM]", "ALL", 0, 0 },
	{ "STORE 1:* +FLAGS.SILENT (\\Flagged)", "-w", "t NO [NOPERM]",
	  "UNFLAGGED", 0, 0 },
	{ "STORE 1:* FLAGS.SILENT (\\Seen word)", "-sw", "t NO [NOPERM]",
	  "UNSEEN", 0, 0 },
	{ "STORE 1:* +FLAGS.SILENT (\\Answered other)", "-w",
	  "t NO [NOPERM]", "UNKEYWORD other", 0, 0 },
	{ "EXPUNGE",			"-e",	"t NO [NOPERM]", "ALL", 0, 0 },
	{ "UID EXPUNGE 1:*",		"-e",	"t NO [NOPERM]", "ALL", 0, 0 },
	{ "CLOSE",			"-e",	"t OK CLOSE", "ALL", 0, 0 },
	{ "COPY 1:* \"" OTHERS "Shared\"", "-i", "t NO [NOPERM]", "ALL", 1, 1 },
	{ "COPY 1:* \"" OTHERS "Shared\"", "-lr", "t NO [TRYCREATE]", "ALL", 1,
	  1 },
};

/* A mailbox of client n has so many messages, all of them \Deleted. */
static void
fill(int n, const char *name)
{
	static const char	 three[] = "t APPEND %s (\\Deleted) {3+}\r\nx\r\n "
				    "(\\Deleted) {3+}\r\ny\r\n (\\Deleted) "
				    "{3+}\r\nz\r\n\r\n";
	char			 b[256];
	const char		*line;
	int			 i;

	snprintf(b, sizeof(b), three, name);
	t_send(n, b, strlen(b));
	while ((line = t_line(n)) != NULL && strncmp(line, "t ", 2) != 0)
		continue;
	snprintf(b, sizeof(b), "SELECT %s", name);
	must(n, b);
	snprintf(b, sizeof(b), "COPY 1:* %s", name);
	for (i = 3; i < MANY; i *= 2)
		must(n, b);
	must(n, "UNSELECT");
}

static long
found(int n, const char *key)
{
	struct buf	 all = { 0 };
	char		 command[64];
	const char	*p;
	long		 k = -1;

	snprintf(command, sizeof(command), "SEARCH RETURN (COUNT) %s", key);
	(void)ask(n, command, &all);
	if ((p = strstr(buf_cstr(&all), " COUNT ")) != NULL)
		k = strtol(p + 7, NULL, 10);
	buf_free(&all);
	return (k);
}

static void
one_going(size_t i)
{
	struct buf	 all = { 0 };
	char		 b[256];
	const char	*line = NULL;
	long		 before, after;

	must(1, "DELETE Shared");
	must(1, "CREATE Shared");
	must(1, "SELECT Big");
	must(1, "COPY 1:* Shared");
	grant("Shared", "user2", "lrswite");
	must(2, going[i].own ? "SELECT Many" :
	    "SELECT \"" OTHERS "Shared\"");
	must(1, "SELECT Shared");
	before = found(1, going[i].left);
	snprintf(b, sizeof(b), "t %s\r\n", going[i].command);
	t_send(2, b, strlen(b));
	snprintf(b, sizeof(b), "SETACL Shared user2 %s", going[i].less);
	must(1, b);
	while ((line = t_line(2)) != NULL && strncmp(line, "t ", 2) != 0)
		continue;
	CHECK(line != NULL && strncmp(line, going[i].want,
	    strlen(going[i].want)) == 0, "%s: %s", going[i].command,
	    line == NULL ? "nothing" : line);
	must(1, "NOOP");
	after = found(1, going[i].left);
	CHECK(before > 500 && after > 0 && (going[i].whole ? after == before :
	    after < before), "%s: of %ld %ld are left", going[i].command,
	    before, after);
	(void)ask(2, "UNSELECT", &all);
	must(1, "UNSELECT");
	buf_free(&all);
}

static void
test_going(void)
{
	size_t	 i;

	must(1, "CREATE Big");
	fill(1, "Big");
	must(2, "CREATE Many");
	fill(2, "Many");
	for (i = 0; i < nitems(going); i++)
		one_going(i);
	must(1, "DELETE Big");
	must(1, "DELETE Shared");
	must(2, "DELETE Many");
}

/* A message that comes in pieces: the right goes before its end, or before it is
 * stored. */
static const char *const coming[] = {
	"C1: a SETACL Shared user2 lrswite", "S1: a OK ~",
	"C1: b SELECT Shared", "S1: * FLAGS ~", "S1: * 3 EXISTS",
	"S1: * ~ RECENT", "S1: * OK ~", "S1: * OK ~", "S1: * OK ~",
	"S1: * OK ~", "S1: * OK ~", "S1: b OK ~",
	"C2: a APPEND \"" OTHERS "Shared\" (\\Seen word) {6}", "S2: + ~",
	"C2= abc", "C1: c SETACL Shared user2 -i", "S1: c OK ~",
	"C2= def\r\n", "S2: a NO [NOPERM] ~",
	"C1: d SETACL Shared user2 +i", "S1: d OK ~",
	"C2: b APPEND \"" OTHERS "Shared\" (\\Seen word) {6}", "S2: + ~",
	"C2= abc", "C1: e SETACL Shared user2 -w", "S1: e OK ~",
	"C2= def\r\n", "S2: b OK ~",
	"C1: e NOOP", "S1: * 4 EXISTS", "S1: * ~", "S1: e OK ~",
	"C1: f FETCH 4 FLAGS", "S1: * 4 FETCH (FLAGS (\\Seen~))", "S1: f OK ~",
	"C2: c SELECT \"" OTHERS "Shared\"", "S2: * OK [CLOSED] ~",
	"S2: * FLAGS ~", "S2: * 4 EXISTS",
	"S2: * ~", "S2: * OK ~", "S2: * OK ~", "S2: * OK ~", "S2: * OK ~",
	"S2: * OK ~", "S2: c OK ~",
	"C2: d REPLACE 4 INBOX {3}", "S2: + ~", "C2= a",
	"C1: g SETACL Shared user2 -e", "S1: g OK ~", "C2= bc\r\n",
	"S2: d NO [NOPERM] ~",
	"C2: e UNSELECT", "S2: e OK ~", "C1: h UNSELECT", "S1: h OK ~",
	NULL
};

/* ---- flags ------------------------------------------------------------------------ */

static const char *const flags[] = {
	"C1: a SETACL Shared user2 lrsi", "S1: a OK ~",
	"C2: b SELECT \"" OTHERS "Shared\"", "S2: * FLAGS ~",
	"S2: * 3 EXISTS", "S2: * 3 RECENT", "S2: * OK [UNSEEN 1] ~",
	"S2: * OK [PERMANENTFLAGS (\\Seen)] ~", "S2: * OK ~", "S2: * OK ~",
	"S2: * OK ~", "S2: b OK [READ-WRITE] ~",
	/* some of what is named will do */
	"C2: c STORE 1 FLAGS (\\Seen \\Flagged)",
	"S2: * 1 FETCH (FLAGS (\\Seen \\Recent))", "S2: c OK ~",
	"C2: d STORE 1 +FLAGS (\\Flagged word)", "S2: d NO [NOPERM] ~",
	"C2: e STORE 1 FLAGS (\\Deleted)", "S2: e NO [NOPERM] ~",
	"C2: f STORE 1 FLAGS ()", "S2: * 1 FETCH (FLAGS (\\Recent))",
	"S2: f OK ~",
	"C2: g FETCH 2 BODY[]",
	"S2: * 2 FETCH (FLAGS (\\Seen \\Recent) BODY[] {3}", "S2: y", "S2: )",
	"S2: g OK ~",
	/* and of what comes */
	"C2: h APPEND \"" OTHERS "Shared\" (\\Seen \\Flagged \\Deleted word) {3+}",
	"C2= w\r\n\r\n", "S2: * 4 EXISTS", "S2: * ~ RECENT", "S2: h OK ~",
	"C2: i FETCH 4 FLAGS", "S2: * 4 FETCH (FLAGS (\\Seen~))", "S2: i OK ~",
	"C1: j SELECT Shared", "S1: * FLAGS (\\Answered \\Flagged \\Deleted "
	    "\\Seen \\Draft)", "S1: * 4 EXISTS", "S1: * ~ RECENT",
	"S1: * OK [UNSEEN 1] ~", "S1: * OK [PERMANENTFLAGS ~\\*)] ~",
	"S1: * OK ~", "S1: * OK ~", "S1: * OK ~", "S1: j OK [READ-WRITE] ~",
	/* no s: what is read stays unseen */
	"C1: k SETACL Shared user2 lr", "S1: k OK ~",
	"C2: l FETCH 1 BODY[]", "S2: * 1 FETCH (BODY[] {3}", "S2: x", "S2: )",
	"S2: l OK ~",
	"C2: m STORE 1 +FLAGS (\\Seen)", "S2: m NO [NOPERM] ~",
	"C2: n CLOSE", "S2: n OK ~",
	"C1: o UNSELECT", "S1: o OK ~",
	NULL
};

/* ---- two at once ------------------------------------------------------------------- */

static const char *const both[] = {
	"C1: a SETACL Shared user2 lrswite", "S1: a OK ~",
	"C1: b EXAMINE Shared", "S1: * FLAGS ~", "S1: * 3 EXISTS",
	"S1: * ~ RECENT", "S1: * OK ~", "S1: * OK ~", "S1: * OK ~",
	"S1: * OK ~", "S1: * OK ~", "S1: b OK ~",
	"C2: b SELECT \"" OTHERS "Shared\"", "S2: * FLAGS ~",
	"S2: * 3 EXISTS", "S2: * ~ RECENT", "S2: * OK ~",
	"S2: * OK [PERMANENTFLAGS (\\Seen \\Answered \\Flagged \\Deleted "
	    "\\Draft \\*)] ~", "S2: * OK ~", "S2: * OK ~",
	"S2: * OK ~", "S2: b OK [READ-WRITE] ~",
	"C1: c IDLE", "S1: + ~",
	"C2: c STORE 2 +FLAGS.SILENT (\\Deleted word)", "S2: * FLAGS ~ word)",
	"S2: c OK ~",
	"S1: * FLAGS ~ word)", "S1: * 2 FETCH (UID 2 FLAGS (\\Deleted ~word))",
	"C2: d EXPUNGE", "S2: * 2 EXPUNGE", "S2: d OK ~", "S1: * 2 EXPUNGE",
	"C2: e APPEND \"" OTHERS "Shared\" {3+}", "C2= w\r\n\r\n",
	"S2: * 3 EXISTS", "S2: * ~ RECENT", "S2: e OK [APPENDUID ~ 4] ~",
	"S1: * 3 EXISTS", "S1: * ~ RECENT",
	"C1: DONE", "S1: c OK ~",
	/* into an own mailbox and back; the keyword goes along */
	"C2: f STORE 1 +FLAGS.SILENT (word)", "S2: f OK ~",
	"C2: g COPY 1 INBOX", "S2: g OK [COPYUID ~ 1 ~] ~",
	"C2: h MOVE 1 INBOX", "S2: * OK [COPYUID ~ 1 ~] ~", "S2: * 1 EXPUNGE",
	"S2: h OK ~",
	"C1: i NOOP", "S1: * 1 EXPUNGE", "S1: i OK ~",
	/* what is taken away is gone at once, in IDLE too */
	"C2: j IDLE", "S2: + ~",
	"C1: j SETACL Shared user2 -r", "S1: j OK ~",
	"S2: * BYE [NOPERM] ~", "E2", "X2", "O2",
	"C2: k SELECT \"" OTHERS "Shared\"", "S2: k NO [NOPERM] ~",
	"C1: k SETACL Shared user2 +r", "S1: k OK ~",
	"C2: l SELECT \"" OTHERS "Shared\"", "S2: * FLAGS ~",
	"S2: * 2 EXISTS", "S2: * ~ RECENT", "S2: * OK ~", "S2: * OK ~",
	"S2: * OK ~", "S2: * OK ~", "S2: * OK ~", "S2: l OK [READ-WRITE] ~",
	"C1: m UNSELECT", "S1: m OK ~",
	"C1: n DELETE Shared", "S1: n OK ~",
	"S2: * BYE the selected mailbox was removed", "E2", "X2", "O2",
	NULL
};

/* Who may put something there, but not read it, is not told what became of it. */
static const char *const blind[] = {
	"C1: a CREATE Drop", "S1: a OK ~",
	"C1: b SETACL Drop user2 li", "S1: b OK ~",
	"C2: c APPEND \"" OTHERS "Drop\" {3+}", "C2= w\r\n\r\n",
	"S2: c OK APPEND completed",
	"C2: d APPEND \"" OTHERS "Drop\" {3+}", "C2= w\r\n {3+}\r\nw\r\n\r\n",
	"S2: d OK APPEND completed",
	"C2: e SELECT INBOX", "S2: * FLAGS ~", "S2: * ~ EXISTS",
	"S2: * ~ RECENT", "S2: * OK ~", "S2: * OK ~", "S2: * OK ~",
	"S2: * OK ~", "S2: * OK ~", "S2: e OK ~",
	"C2: f COPY 1 \"" OTHERS "Drop\"", "S2: f OK COPY completed",
	"C2: g MOVE 1 \"" OTHERS "Drop\"", "S2: * 1 EXPUNGE",
	"S2: g OK MOVE completed",
	"C2: h REPLACE 1 \"" OTHERS "Drop\" {3+}", "C2= w\r\n\r\n",
	"S2: * 1 EXPUNGE", "S2: h OK ~",
	/* RFC 5819 section 2 */
	"C2: i LIST \"\" \"" OTHERS "Drop\" RETURN (STATUS (MESSAGES))",
	"S2: * LIST (\\Noselect \\HasNoChildren) \"/\" \"" OTHERS "Drop\"",
	"S2: i OK ~",
	"C2: j UNSELECT", "S2: j OK ~",
	"C1: k STATUS Drop (MESSAGES)", "S1: * STATUS Drop (MESSAGES 6)",
	"S1: k OK ~",
	"C1: l DELETE Drop", "S1: l OK ~",
	NULL
};

/* ---- quota, metadata --------------------------------------------------------------- */

/* It counts for the owner, whoever brings it. */
static const char *const quota[] = {
	"C1: a CREATE Shared", "S1: a OK ~",
	"C1: b SETACL Shared user3 lriwe", "S1: b OK ~",
	"C1: c APPEND Shared {3+}", "C1= x\r\n\r\n", "S1: c OK ~",
	"O3",
	"C3: c APPEND \"" OTHERS "Shared\" {3}",
	"S3: c NO [OVERQUOTA] ~",
	"C3: d APPEND INBOX {3+}", "C3= x\r\n\r\n", "S3: d OK ~",
	"C3: e SELECT INBOX", "S3: * FLAGS ~", "S3: * ~ EXISTS",
	"S3: * ~ RECENT", "S3: * OK ~", "S3: * OK ~", "S3: * OK ~",
	"S3: * OK ~", "S3: * OK ~", "S3: e OK ~",
	"C3: f COPY 1 \"" OTHERS "Shared\"", "S3: f NO [OVERQUOTA] ~",
	"C3: g MOVE 1 \"" OTHERS "Shared\"", "S3: g NO [OVERQUOTA] ~",
	"X3",
	"C1: i SETACL Shared user2 lriw", "S1: i OK ~",
	NULL
};

static const char *const metadata[] = {
	"C1: a SETMETADATA Shared (/private/comment \"mine\" /shared/comment "
	    "\"ours\")",
	"S1: a OK ~",
	"C2: b GETMETADATA (DEPTH infinity) \"" OTHERS "Shared\" (/shared "
	    "/private)",
	"S2: * METADATA \"" OTHERS "Shared\" (/shared/comment \"ours\")",
	"S2: b OK ~",
	"C2: c GETMETADATA \"" OTHERS "Shared\" (/shared/comment "
	    "/private/comment)",
	"S2: * METADATA \"" OTHERS "Shared\" (/shared/comment \"ours\" "
	    "/private/comment NIL)", "S2: c OK ~",
	"C2: d SETMETADATA \"" OTHERS "Shared\" (/shared/comment \"theirs\")",
	"S2: d OK ~",
	"C2: e SETMETADATA \"" OTHERS "Shared\" (/private/comment \"x\")",
	"S2: e NO [METADATA NOPRIVATE] ~",
	/* not the others either, then */
	"C2: f SETMETADATA \"" OTHERS "Shared\" (/shared/comment \"y\" "
	    "/private/comment \"x\")", "S2: f NO [METADATA NOPRIVATE] ~",
	"C1: f GETMETADATA Shared (/shared/comment /private/comment)",
	"S1: * METADATA Shared (/shared/comment \"theirs\" /private/comment "
	    "\"mine\")", "S1: f OK ~",
	/* RFC 5464 section 3.3: l, and one of r, s, w, i, p */
	"C1: g SETACL Shared user2 lp", "S1: g OK ~",
	"C2: g GETMETADATA \"" OTHERS "Shared\" /shared/comment",
	"S2: * METADATA \"" OTHERS "Shared\" (/shared/comment \"theirs\")",
	"S2: g OK ~",
	"C2: h SETMETADATA \"" OTHERS "Shared\" (/shared/comment \"x\")",
	"S2: h NO [NOPERM] ~",
	"C1: i SETACL Shared user2 lsi", "S1: i OK ~",
	"C2: i GETMETADATA \"" OTHERS "Shared\" /shared/comment",
	"S2: * METADATA ~theirs\")", "S2: i OK ~",
	"C2: j LIST \"\" \"" OTHERS "S%\" RETURN (METADATA (/shared/comment))",
	"S2: * LIST ~Shared\"",
	"S2: * METADATA \"" OTHERS "Shared\" (/shared/comment \"theirs\")",
	"S2: j OK ~",
	"C1: k SETACL Shared user2 lkxtea", "S1: k OK ~",
	"C2: k GETMETADATA \"" OTHERS "Shared\" /shared/comment",
	"S2: k NO [NOPERM] ~",
	"C2: l SETMETADATA \"" OTHERS "Shared\" (/shared/comment \"x\")",
	"S2: l NO [NOPERM] ~",
	"C2: m LIST \"\" \"" OTHERS "S%\" RETURN (METADATA (/shared/comment))",
	"S2: * LIST ~Shared\"", "S2: m OK ~",
	"C1: n SETACL Shared user2 lw", "S1: n OK ~",
	"C2: n SETMETADATA \"" OTHERS "Shared\" (/shared/comment NIL)",
	"S2: n OK ~",
	"C1: o SETACL Shared user2 rswip", "S1: o OK ~",
	"C2: o GETMETADATA \"" OTHERS "Shared\" /shared/comment",
	"S2: o NO [NONEXISTENT] ~",
	"C2: p SETMETADATA \"" OTHERS "Shared\" (/shared/comment \"x\")",
	"S2: p NO [NONEXISTENT] ~",
	"C1: q SETACL Shared user2 lriw", "S1: q OK ~",
	NULL
};

/* ---- records that were lost ------------------------------------------------------------ */

/* The first record of a database goes. */
static void
lose(struct dbenv_db *db)
{
	struct span	 key, val;

	CHECK(dbenv_next(db, span_of("\0", 1), &key, &val) == 0 &&
	    dbenv_del(db, key) == 0, "a record of %s is lost",
	    dbenv_db_name(db));
}

static void
wrong(void *arg, const char *db, struct span key, const char *problem)
{
	struct buf	*b = arg;

	(void)buf_addf(b, "%s %zu: %s\n", db, key.n, problem);
}

/* One record a time, as many slices as it takes. */
static void
verify(const char *want)
{
	struct buf	 from = { 0 }, all = { 0 };
	int		 rc, n = 0;

	while ((rc = sharing_verify(t_part, &from, 1, wrong, &all)) == 1 &&
	    n++ < 1000)
		continue;
	CHECK(rc == 0 && strcmp(buf_cstr(&all), want) == 0,
	    "verified, %d: \"%s\"", rc, buf_cstr(&all));
	buf_free(&from);
	buf_free(&all);
}

static void
test_repair(void)
{
	size_t	 n = t_count(t_part->acl);

	CHECK(n >= 2 && t_count(t_part->share) == n, "one for one: %zu", n);
	verify("");
	lose(t_part->share);
	verify("acl 24: rights that nobody finds\n");
	CHECK(sharing_repair(t_part) == 0 && t_count(t_part->share) == n &&
	    t_count(t_part->acl) == n, "made again");
	verify("");
	lose(t_part->acl);
	verify("share 22: it finds rights that are not there\n");
	CHECK(sharing_repair(t_part) == 0 && t_count(t_part->share) == n - 1 &&
	    t_count(t_part->acl) == n - 1, "gone with it");
	verify("");
	t_settle();
}

/* ---- accounts go --------------------------------------------------------------------- */

static void
test_removal(void)
{
	struct buf	 all = { 0 };
	uint64_t	 seq;

	/* 5 has never been here */
	grant("Shared", "user5", "lr");
	grant("Shared", "user2", "lr");
	t_logout(2);
	t_settle();
	CHECK(account_remove(t_part, 2, &seq) == 0 && seq != 0, "2 goes");
	CHECK(account_remove(t_part, 5, &seq) == 0 && seq != 0, "5 goes");
	(void)ask(1, "GETACL Shared", &all);
	CHECK(strstr(buf_cstr(&all), "user1 ") != NULL &&
	    strstr(buf_cstr(&all), "user2") == NULL &&
	    strstr(buf_cstr(&all), "user5") == NULL, "no list names them: %s",
	    buf_cstr(&all));
	grant("Shared", "user4", "lr");
	t_login(2, 4);
	CHECK(strncmp(t_line(2), "login OK", 8) == 0, "another one");
	must(2, "SELECT \"" OTHERS "Shared\"");
	t_logout(1);
	t_settle();
	CHECK(account_remove(t_part, 1, &seq) == -1, "a guest is in it");
	must(2, "UNSELECT");
	CHECK(account_remove(t_part, 1, &seq) == 0, "the owner goes");
	(void)ask(2, "LIST \"\" \"Other*\"", &all);
	CHECK(strncmp(buf_cstr(&all), "t OK", 4) == 0, "and what it shared");
	(void)ask(2, "SELECT \"" OTHERS "Shared\"", &all);
	CHECK(strncmp(buf_cstr(&all), "t NO [NONEX", 11) == 0, "all of it");
	buf_free(&all);
}

int
main(void)
{
	t_open(NULL);
	t_script("own", own);
	t_script("seen", seen);
	t_login(1, 1);
	t_login(2, 2);
	(void)t_line(1);
	(void)t_line(2);
	test_needs();
	fresh();
	t_script("flags", flags);
	fresh();
	t_script("both", both);
	t_script("blind", blind);
	test_secret();
	t_script("inway", inway);
	fresh();
	t_script("coming", coming);
	test_going();
	t_store.limits.quota = 5;
	t_script("quota", quota);
	t_store.limits.quota = 0;
	t_script("metadata", metadata);
	test_repair();
	test_removal();
	t_close();
	t_remove();
	return (t_done());
}
/* NOLINTEND(bugprone-suspicious-missing-comma) */
