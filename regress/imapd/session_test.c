/*
 * Sessions of a store: what clients say and what they hear.
 */
#include <string.h>

#include "imaptest.h"
#include "imapd/session.h"

static const char *const simple[] = {
	"O1", "C1: a NOOP", "S1: a OK NOOP completed",
	"C1: b CAPABILITY",
	"S1: * CAPABILITY IMAP4rev1 ~",
	"S1: b OK CAPABILITY completed",
	"C1: c ID (\"name\" \"x\" \"version\" NIL)",
	"S1: * ID (\"name\" \"Letterlock\")", "S1: c OK ID completed",
	"C1: c ID (", "S1: c BAD ~",
	"C1: d NAMESPACE", "S1: * NAMESPACE ((\"\" \"/\")) ((\"Other Users/\" \"/\")) NIL",
	"S1: d OK NAMESPACE completed",
	"C1: e ENABLE CONDSTORE X-FOO", "S1: * ENABLED CONDSTORE",
	"S1: e OK ENABLE completed",
	"C1: f CHECK", "S1: f BAD no mailbox is selected",
	"C1: g NOOP x", "S1: g BAD ~",
	"C1: h FROBNICATE", "S1: h BAD unknown command",
	"C1: UID", "S1: UID BAD ~",
	"C1: i UID NOOP", "S1: i BAD unknown command",
	"C1: ", "S1: * BAD ~",
	"C1: j LOGOUT", "S1: * BYE until next time",
	"S1: j OK LOGOUT completed", "E1", NULL
};

/* RFC 3501 7.1.4; what belongs before a login is NO, whatever its arguments. */
static const char *const preauth[] = {
	"P1", "S1: * PREAUTH [CAPABILITY IMAP4rev1 IMAP4rev2 ID ~] Letterlock ready",
	"C1: a LOGIN b c", "S1: a NO LOGIN: you are logged in already",
	"C1: b AUTHENTICATE EXTERNAL =",
	"S1: b NO AUTHENTICATE: you are logged in already",
	"C1: c authenticate", "S1: c NO AUTHENTICATE: you are logged in already",
	"C1: d STARTTLS", "S1: d NO STARTTLS: you are logged in already",
	"C1: e NOOP", "S1: e OK NOOP completed",
	"C1: f LOGOUT", "S1: * BYE until next time",
	"S1: f OK LOGOUT completed", "E1", NULL
};

static const char *const lists[] = {
	"O1", "C1: a LIST \"\" *",
	"S1: * LIST (\\HasNoChildren \\Archive) \"/\" Archive",
	"S1: * LIST (\\HasNoChildren \\Drafts) \"/\" Drafts",
	"S1: * LIST (\\HasNoChildren) \"/\" INBOX",
	"S1: * LIST (\\HasNoChildren \\Junk) \"/\" Junk",
	"S1: * LIST (\\HasNoChildren \\Sent) \"/\" Sent",
	"S1: * LIST (\\HasNoChildren \\Trash) \"/\" Trash",
	"S1: a OK LIST completed",
	"C1: b LSUB \"\" %",
	"S1: * LSUB (\\HasNoChildren \\Archive) \"/\" Archive",
	"S1: * LSUB (\\HasNoChildren \\Drafts) \"/\" Drafts",
	"S1: * LSUB (\\HasNoChildren) \"/\" INBOX",
	"S1: * LSUB (\\HasNoChildren \\Junk) \"/\" Junk",
	"S1: * LSUB (\\HasNoChildren \\Sent) \"/\" Sent",
	"S1: * LSUB (\\HasNoChildren \\Trash) \"/\" Trash",
	"S1: b OK LSUB completed",
	"C1: c LIST \"\" \"\"", "S1: * LIST (\\Noselect) \"/\" \"\"",
	"S1: c OK LIST completed",
	"C1: d CREATE a/b/c", "S1: d OK ~",
	"C1: d CREATE a/b-d", "S1: d OK ~",
	"C1: d CREATE a/b/c", "S1: d NO [ALREADYEXISTS] ~",
	"C1: d CREATE inbox", "S1: d NO [ALREADYEXISTS] ~",
	"C1: d CREATE a//b", "S1: d NO [CANNOT] ~",
	"C1: d CREATE a*", "S1: d BAD ~",
	"C1: d CREATE \"a*\"", "S1: d NO [CANNOT] ~",
	"C1: d CREATE x/", "S1: d OK ~",
	"C1: d CREATE &AGE-", "S1: d BAD ~",
	"C1: d CREATE &Jjo-", "S1: d OK ~",
	"C1: e LIST \"\" a*",
	"S1: * LIST (\\Noselect \\HasChildren) \"/\" a",
	"S1: * LIST (\\HasNoChildren) \"/\" a/b-d",
	"S1: * LIST (\\Noselect \\HasChildren) \"/\" a/b",
	"S1: * LIST (\\HasNoChildren) \"/\" a/b/c",
	"S1: e OK LIST completed",
	"C1: e LIST a/ %",
	"S1: * LIST (\\HasNoChildren) \"/\" a/b-d",
	"S1: * LIST (\\Noselect \\HasChildren) \"/\" a/b",
	"S1: e OK LIST completed",
	"C1: e LIST \"\" &Jjo-",
	"S1: * LIST (\\HasNoChildren) \"/\" &Jjo-",
	"S1: e OK LIST completed",
	"C1: e LIST \"\" iNbOx",
	"S1: * LIST (\\HasNoChildren) \"/\" INBOX",
	"S1: e OK LIST completed",
	"C1: f SUBSCRIBE a/b/c", "S1: f OK SUBSCRIBE completed",
	"C1: f SUBSCRIBE nowhere", "S1: f NO [NONEXISTENT] ~",
	"C1: g LSUB \"\" a%",
	"S1: * LSUB (\\Noselect) \"/\" a", "S1: g OK LSUB completed",
	"C1: g LSUB a/ *",
	"S1: * LSUB (\\HasNoChildren) \"/\" a/b/c", "S1: g OK LSUB completed",
	"C1: h RENAME a/b z", "S1: h OK RENAME completed",
	"C1: h RENAME a/b y", "S1: h NO [NONEXISTENT] ~",
	"C1: h RENAME z Sent", "S1: h NO [ALREADYEXISTS] ~",
	"C1: h LIST \"\" z*",
	"S1: * LIST (\\Noselect \\HasChildren) \"/\" z",
	"S1: * LIST (\\HasNoChildren) \"/\" z/c",
	"S1: h OK LIST completed",
	"C1: i DELETE z", "S1: i NO [HASCHILDREN] ~",
	"C1: i DELETE z/c", "S1: i OK DELETE completed",
	"C1: i DELETE z/c", "S1: i NO [NONEXISTENT] ~",
	"C1: i DELETE INBOX", "S1: i NO [CANNOT] ~",
	"C1: j UNSUBSCRIBE a/b/c", "S1: j OK UNSUBSCRIBE completed",
	"C1: j UNSUBSCRIBE a/b/c", "S1: j OK UNSUBSCRIBE completed",
	"R", "O1",
	"C1: k LIST \"\" %",
	"S1: * LIST (\\HasNoChildren \\Archive) \"/\" Archive",
	"S1: * LIST (\\HasNoChildren \\Drafts) \"/\" Drafts",
	"S1: * LIST (\\HasNoChildren) \"/\" INBOX",
	"S1: * LIST (\\HasNoChildren \\Junk) \"/\" Junk",
	"S1: * LIST (\\HasNoChildren \\Sent) \"/\" Sent",
	"S1: * LIST (\\HasNoChildren \\Trash) \"/\" Trash",
	"S1: * LIST (\\Noselect \\HasChildren) \"/\" a",
	"S1: * LIST (\\HasNoChildren) \"/\" x",
	"S1: * LIST (\\HasNoChildren) \"/\" &Jjo-",
	"S1: k OK LIST completed", "X1", NULL
};

/* Where the command ends nobody knows: nothing behind it is one. */
static const char *const endless[] = {
	"O1", "C1: a NOOP {99999999999999999999}", "S1: a BAD malformed ~",
	"C1= b NOOP {9223372036854775808+}\r\nc LOGOUT\r\n",
	"S1: * BYE malformed literal size", "E1", NULL
};

static const char *const appends[] = {
	"O1", "C1: a APPEND nowhere {5}", "S1: a NO [TRYCREATE] ~",
	"C1: a APPEND nowhere {7+}", "C1= x LOGOUT\r\n",
	"S1: a NO [TRYCREATE] ~",
	"C1: a APPEND INBOX {99999999}", "S1: a NO [TOOBIG] ~",
	"C1: a APPEND INBOX {0}", "S1: a NO [CANNOT] ~",
	"C1: a APPEND INBOX \"string\"", "S1: a BAD ~",
	"C1: a APPEND INBOX", "S1: a BAD ~",
	"C1: a APPEND INBOX (\\Seen) {20}", "S1: + OK",
	"C1= Subject: x\r\n\r\nbody\r\n\r\n",
	"S1: a OK [APPENDUID ~ 1] APPEND completed",
	"C1: a APPEND INBOX (\\Recent) {20}", "S1: + OK",
	"C1= Subject: x\r\n\r\nbody\r\n\r\n",
	"S1: a BAD ~",
	"C1: b APPEND INBOX (\\Seen $Label) \"17-Jul-1996 02:44:25 -0700\" "
	    "{3+}", "C1= abc (\\Draft) {3+}\r\ndef {3+}\r\nghi\r\n",
	"S1: b OK [APPENDUID ~ 2:4] APPEND completed",
	"C1: c APPEND {5}", "S1: + OK", "C1= inbox {3}\r\n",
	"S1: + OK", "C1= abc\r\n",
	"S1: c OK [APPENDUID ~ 5] APPEND completed",
	"C1: d STATUS INBOX (MESSAGES RECENT UIDNEXT UNSEEN APPENDLIMIT)",
	"S1: * STATUS INBOX (MESSAGES 5 RECENT 5 UIDNEXT 6 UNSEEN 3 "
	    "APPENDLIMIT 52428800)", "S1: d OK STATUS completed",
	"C1: d STATUS INBOX ()", "S1: d BAD ~",
	"C1: d STATUS INBOX (FOO)", "S1: d BAD ~",
	"C1: d STATUS nowhere (UNSEEN)", "S1: d NO [NONEXISTENT] ~",
	"C1: e EXAMINE INBOX",
	"S1: * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Label)",
	"S1: * 5 EXISTS", "S1: * 5 RECENT", "S1: * OK [UNSEEN 3] ~",
	"S1: * OK [PERMANENTFLAGS ()] ~", "S1: * OK [UIDVALIDITY ~] ~",
	"S1: * OK [UIDNEXT 6] ~",
	"S1: * OK [HIGHEST~", "S1: e OK [READ-ONLY] EXAMINE completed",
	"C1: f SELECT INBOX", "S1: * OK [CLOSED] ~",
	"S1: * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Label)",
	"S1: * 5 EXISTS", "S1: * 5 RECENT", "S1: * OK [UNSEEN 3] ~",
	"S1: * OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen "
	    "\\Draft $Label \\*)] ~",
	"S1: * OK [UIDVALIDITY ~] ~",
	"S1: * OK [UIDNEXT 6] ~",
	"S1: * OK [HIGHEST~", "S1: f OK [READ-WRITE] SELECT completed",
	"C1: g APPEND INBOX {3+}", "C1= new\r\n",
	"S1: * 6 EXISTS", "S1: * 6 RECENT",
	"S1: g OK [APPENDUID ~ 6] APPEND completed",
	"D1: Subject: hello\r\n\r\nworld\r\n",
	"C1: h CHECK", "S1: * 7 EXISTS", "S1: * 7 RECENT",
	"S1: h OK CHECK completed",
	"C1: i UNSELECT", "S1: i OK UNSELECT completed",
	"C1: i UNSELECT", "S1: i BAD ~",
	"C1: j STATUS INBOX (RECENT)", "S1: * STATUS INBOX (RECENT 0)",
	"S1: j OK STATUS completed",
	"C1: k APPEND INBOX {3+}", "C1= abc {99999999+}",
	"X1", "O1",
	"C1: l STATUS INBOX (MESSAGES)", "S1: * STATUS INBOX (MESSAGES 7)",
	"S1: l OK STATUS completed", "X1", NULL
};

/* One session idles while others do something. */
static const char *const idles[] = {
	"O1", "O2", "C1: a SELECT INBOX",
	"S1: * FLAGS ~", "S1: * 0 EXISTS", "S1: * 0 RECENT",
	"S1: * OK [PERMANENTFLAGS ~", "S1: * OK [UIDVALIDITY ~",
	"S1: * OK [UIDNEXT 1] ~",
	"S1: * OK [HIGHEST~", "S1: a OK ~",
	"C1: b IDLE", "S1: + idling",
	"C2: a APPEND INBOX {3+}", "C2= abc\r\n",
	"S2: a OK [APPENDUID ~ 1] APPEND completed",
	"S1: * 1 EXISTS", "S1: * 1 RECENT",
	"D2: Subject: hello\r\n\r\nworld\r\n",
	"S1: * 2 EXISTS", "S1: * 2 RECENT",
	"C1: done", "S1: b OK IDLE terminated",
	"C1: c IDLE", "S1: + idling", "C1: NOOP", "S1: c BAD expected DONE",
	"C1: d IDLE\r\nDONE\r\ne NOOP", "S1: + idling",
	"S1: d OK IDLE terminated", "S1: e OK NOOP completed",
	"C2: b DELETE Trash", "S2: b OK DELETE completed",
	"C2: b CREATE box", "S2: b OK ~",
	"C1: f SELECT box", "S1: * OK [CLOSED] ~", "S1: * FLAGS ~",
	"S1: * 0 EXISTS", "S1: * 0 RECENT",
	"S1: * OK [PERMANENTFLAGS ~", "S1: * OK [UIDVALIDITY ~",
	"S1: * OK [UIDNEXT 1] ~",
	"S1: * OK [HIGHEST~", "S1: f OK ~",
	"C1: g IDLE", "S1: + idling",
	"C2: c DELETE box", "S2: c OK DELETE completed",
	"S1: * BYE the selected mailbox was removed", "E1", "X2", NULL
};

/* The INBOX renamed leaves an empty one. */
static const char *const inbox[] = {
	"O1", "D1: Subject: hello\r\n\r\nworld\r\n",
	"C1: a RENAME INBOX old", "S1: a OK RENAME completed",
	"C1: b STATUS INBOX (MESSAGES UIDNEXT)",
	"S1: * STATUS INBOX (MESSAGES 0 UIDNEXT 1)",
	"S1: b OK STATUS completed",
	"C1: b STATUS old (MESSAGES UIDNEXT)",
	"S1: * STATUS old (MESSAGES 1 UIDNEXT 2)",
	"S1: b OK STATUS completed",
	"D1: Subject: hello\r\n\r\nworld\r\n", "R", "O1",
	"C1: b STATUS INBOX (MESSAGES UIDNEXT)",
	"S1: * STATUS INBOX (MESSAGES 1 UIDNEXT 2)",
	"S1: b OK STATUS completed", "X1", NULL
};

/* Who has it selected must not take the other for it. */
static const char *const inbox_selected[] = {
	"O1", "O2", "D1: Subject: hello\r\n\r\nworld\r\n",
	"C1: a SELECT INBOX", "S1: * FLAGS ~", "S1: * 1 EXISTS", "S1: * 1 RECENT",
	"S1: * OK [UNSEEN~", "S1: * OK [PERM~",
	"S1: * OK [UIDV~", "S1: * OK [UIDNEXT 2] ~",
	"S1: * OK [HIGHEST~", "S1: a OK ~",
	"C2: a EXAMINE INBOX", "S2: * FLAGS ~", "S2: * 1 EXISTS",
	"S2: * 0 RECENT", "S2: * OK [UNSEEN~", "S2: * OK [PERM~",
	"S2: * OK [UIDV~",
	"S2: * OK [UIDNEXT 2] ~", "S2: * OK [HIGHEST~", "S2: a OK ~",
	"C2: b IDLE", "S2: + idling",
	"C1: b RENAME INBOX Drafts", "S1: b NO [ALREADYEXISTS] ~",
	"C1: c RENAME INBOX old", "S1: * OK [CLOSED] closed",
	"S1: c OK RENAME completed", "C1: d EXPUNGE", "S1: d BAD ~",
	"S2: * BYE the INBOX was renamed~", "E2", "X1", NULL
};

static const struct {
	const char		*name;
	const char *const	*script;
	int			 shared;	/* client 2 is of account 1 */
} cases[] = {
	{ "simple", simple, 0 },
	{ "preauth", preauth, 0 },
	{ "lists", lists, 0 },
	{ "endless", endless, 0 },
	{ "append", appends, 0 },
	{ "idle", idles, 1 },
	{ "inbox", inbox, 0 },
	{ "inbox selected", inbox_selected, 1 },
};

/* Part of a command that comes while another is at work: the rest is read. */
static void
test_parts(void)
{
	static const struct {
		const char	*busy, *part, *rest, *want;
	} parts[] = {
		{ "a CREATE x\r\n", "b NO", "OP\r\n", "b OK" },
		{ "a CREATE y\r\nb IDLE\r\n", "DO", "NE\r\n", "b OK" },
		{ "a CREATE z\r\n", "b LIST \"\" {1+}\r\n", "x\r\n", "b OK" },
	};
	const char	*l;
	size_t		 i;

	t_open(NULL);
	t_login(1, 1);
	t_drain(1);
	for (i = 0; i < nitems(parts); i++) {
		t_send(1, parts[i].busy, strlen(parts[i].busy));
		t_loop();		/* read, and not flushed yet */
		t_send(1, parts[i].part, strlen(parts[i].part));
		t_settle();
		t_send(1, parts[i].rest, strlen(parts[i].rest));
		while ((l = t_line(1)) != NULL &&
		    strncmp(l, parts[i].want, strlen(parts[i].want)) != 0)
			continue;
		CHECK(l != NULL, "\"%s\", while another is at work",
		    parts[i].part);
	}
	t_close();
	t_remove();
}

static enum step
waits(struct session *s)
{
	(void)s;
	return (STEP_WAIT);
}

/* Who waits for long is told that it is not over. */
static void
test_progress(void)
{
	static const struct command	 search = { "SEARCH", ST_SELECTED,
					    CF_LONG, NULL },
					 fetch = { "FETCH", ST_SELECTED, 0,
					    NULL };
	struct session	*s;
	const char	*l;

	t_open(NULL);
	t_login(1, 1);
	t_drain(1);
	t_store.limits.progress = 0;
	s = TAILQ_FIRST(&t_store.sessions);
	session_tick(s);
	CHECK(s->out.n == 0, "nothing is said when nothing is done");
	s->phase = PHASE_STEP;
	s->step = waits;
	s->tag = span_str("tag1");
	s->command = &search;
	session_tick(s);
	l = t_line(1);
	CHECK(l != NULL && strcmp(l, "* OK [INPROGRESS (\"tag1\" NIL NIL)] "
	    "still at it") == 0, "still at it: %s", l == NULL ? "" : l);
	s->tag = span_str("a]b");
	session_tick(s);
	l = t_line(1);
	CHECK(l != NULL && strcmp(l, "* OK [INPROGRESS] still at it") == 0,
	    "with a tag that ends a code: %s", l == NULL ? "" : l);
	t_store.limits.progress = 3600;
	session_tick(s);
	CHECK(s->out.n == 0, "not after a short time");
	t_store.limits.progress = 0;
	s->command = &fetch;
	session_tick(s);
	CHECK(s->out.n == 0, "not within a message");
	s->phase = PHASE_READ;
	s->step = NULL;
	s->command = NULL;
	t_close();
	t_remove();
}

/* Who is in the middle of a literal hears nothing in the middle of it. */
static void
half_said(void)
{
	static const char *const	 before[] = { "O1", "C1: a CREATE big",
					    "S1: a OK ~", NULL };
	static const char *const	 removed[] = { "O2", "C2: b DELETE big",
					    "S2: b OK ~", "X2", NULL };
	static char	 text[3000000];
	char		 cmd[64];
	struct buf	 all = { 0 };
	int		 i;

	t_open(NULL);
	t_account[2] = 1;
	t_script("half said", before);
	memset(text, 'x', sizeof(text));
	i = snprintf(cmd, sizeof(cmd), "c APPEND big {%zu+}\r\n", sizeof(text));
	t_send(1, cmd, (size_t)i);
	t_send(1, text, sizeof(text));
	t_send(1, "\r\nd SELECT big\r\n", 16);
	t_settle();
	t_drain(1);
	t_send(1, "e FETCH 1 BODY[]\r\n", 18);
	t_settle();
	t_script("half said", removed);
	for (i = 0; i < 100; i++) {
		t_loop();
		(void)buf_add_span(&all, t_take(1));
	}
	CHECK(all.n > 10000 && all.n < sizeof(text), "%zu octets of it came", all.n);
	CHECK(all.n > 1000 && all.p[all.n - 1] == 'x' &&
	    memmem(all.p, all.n, "BYE", 3) == NULL, "and nothing else");
	CHECK(t_line(1) == NULL, "then the end");
	buf_free(&all);
	t_close();
	t_remove();
}

/* RFC 9051 section 7.1: when there can be no more keywords that is told. */
static void
last_keyword(void)
{
	static const char *const	 before[] = {
		"O1", "C1: a APPEND INBOX {1+}", "C1= a\r\n", "S1: a OK ~",
		"C1: b SELECT INBOX", "S1: * ~", "S1: * ~", "S1: * ~",
		"S1: * ~", "S1: * OK [PERMANENTFLAGS (~ \\*)] ~", "S1: * ~",
		"S1: * ~", "S1: * ~", "S1: b OK ~",
		"O2", "C2: b SELECT INBOX", "S2: * ~", "S2: * ~", "S2: * ~",
		"S2: * ~", "S2: * OK [PERMANENTFLAGS (~ \\*)] ~", "S2: * ~",
		"S2: * ~", "S2: * ~", "S2: b OK ~",
		"O3", "C3: b EXAMINE INBOX", "S3: * ~", "S3: * ~", "S3: * ~",
		"S3: * ~", "S3: * OK [PERMANENTFLAGS ()] ~", "S3: * ~",
		"S3: * ~", "S3: * ~", "S3: b OK ~", NULL
	};
	static const char *const	 after[] = {
		"C1: d STORE 1 +FLAGS.SILENT (z1)", "S1: * FLAGS (~ z1)",
		"S1: d OK ~",
		"C1: e STORE 1 +FLAGS.SILENT (z2 z3)", "S1: * FLAGS (~ z3)",
		"S1: * OK [PERMANENTFLAGS (~ z2 z3)] ~", "S1: e OK ~",
		"C1: f STORE 1 +FLAGS.SILENT (z4)", "S1: f NO [LIMIT] ~",
		"C2: g NOOP", "S2: * FLAGS (~ z3)",
		"S2: * OK [PERMANENTFLAGS (~ z2 z3)] ~", "S2: * 1 FETCH ~",
		"S2: * 1 FETCH ~", "S2: * 1 FETCH ~", "S2: g OK ~",
		"C3: g NOOP", "S3: * FLAGS (~ z3)", "S3: * 1 FETCH ~",
		"S3: * 1 FETCH ~", "S3: * 1 FETCH ~", "S3: g OK ~", NULL
	};
	char				 b[1024];
	size_t				 i, n;

	t_open(NULL);
	t_account[2] = t_account[3] = 1;
	t_script("the last keyword", before);
	n = (size_t)snprintf(b, sizeof(b), "c STORE 1 +FLAGS.SILENT (k0");
	for (i = 1; i < KEYWORDS_MAX - 3; i++)
		n += (size_t)snprintf(b + n, sizeof(b) - n, " k%zu", i);
	n += (size_t)snprintf(b + n, sizeof(b) - n, ")\r\n");
	t_send(1, b, n);
	t_settle();
	t_drain(1);
	t_script("the last keyword", after);
	t_account[2] = t_account[3] = 0;
	t_close();
	t_remove();
}

int
main(void)
{
	size_t	 i;

	for (i = 0; i < nitems(cases); i++) {
		t_open(NULL);
		t_account[2] = cases[i].shared ? 1 : 0;
		t_script(cases[i].name, cases[i].script);
		t_close();
		t_remove();
	}
	test_parts();
	test_progress();
	half_said();
	last_keyword();
	return (t_done());
}
