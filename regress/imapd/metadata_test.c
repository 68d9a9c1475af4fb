/*
 * Annotations: RFC 5464, and in LIST RFC 9590.
 */
#include <stdlib.h>
#include <string.h>

#include "imaptest.h"
#include "imapd/annotation.h"

static const char *const values[] = {
	"O1",
	"C1: a GETMETADATA \"\" /private/comment",
	"S1: * METADATA \"\" (/private/comment NIL)", "S1: a OK ~",
	"C1: b SETMETADATA INBOX (/private/Comment \"my own\" "
	    "/shared/comment {4+}", "C1= a\r\nb)\r\n", "S1: b OK ~",
	"C1: c GETMETADATA INBOX (/PRIVATE/comment /shared/comment)",
	"S1: * METADATA INBOX (/PRIVATE/comment \"my own\" /shared/comment {4}",
	"S1: a", "S1: b)", "S1: c OK ~",
	"C1: d SETMETADATA \"\" (/private/vendor/x \"\" /private/vendor/x/y 1)",
	"S1: d BAD ~",
	"C1: e SETMETADATA \"\" (/private/vendor/x \"\" /private/vendor/x/y "
	    "\"1\" /private/vendor/x/y/z \"2\" /private/vendor/xx \"3\")",
	"S1: e OK ~",
	"C1: f GETMETADATA (DEPTH 1) \"\" /private/vendor/x",
	"S1: * METADATA \"\" (/private/vendor/x \"\" /private/vendor/x/y "
	    "\"1\")", "S1: f OK ~",
	"C1: g GETMETADATA \"\" (DEPTH infinity MAXSIZE 0) /private/vendor",
	"S1: * METADATA \"\" (/private/vendor/x \"\")",
	"S1: g OK [METADATA LONGENTRIES 1] ~",
	"C1: h GETMETADATA (DEPTH 1) \"\" /private/none", "S1: h OK ~",
	"C1: i SETMETADATA \"\" (/private/vendor/x NIL /private/none nil)",
	"S1: i OK ~",
	"C1: j GETMETADATA (DEPTH infinity) \"\" /private/vendor/x",
	"S1: * METADATA \"\" (/private/vendor/x/y \"1\" "
	    "/private/vendor/x/y/z \"2\")", "S1: j OK ~",
	NULL
};

/* RFC 7162 section 3.2: what is set of a mailbox, not of the account, counts. */
static const char *const modseq[] = {
	"C1: a STATUS INBOX (HIGHESTMODSEQ)",
	"S1: * STATUS INBOX (HIGHESTMODSEQ 2)", "S1: a OK ~",
	"C1: b SETMETADATA \"\" (/private/comment NIL)", "S1: b OK ~",
	"C1: c SETMETADATA INBOX (/private/x \"x\" /private/y \"y\")",
	"S1: c OK ~",
	"C1: d STATUS INBOX (HIGHESTMODSEQ)",
	"S1: * STATUS INBOX (HIGHESTMODSEQ 3)", "S1: d OK ~",
	"C1: e SETMETADATA INBOX (/private/x NIL /private/y NIL)",
	"S1: e OK ~",
	"R", "O1", "C1: f STATUS INBOX (HIGHESTMODSEQ)",
	"S1: * STATUS INBOX (HIGHESTMODSEQ 4)", "S1: f OK ~",
	NULL
};

static const char *const errors[] = {
	"C1: a GETMETADATA none /private/comment", "S1: a NO [NONEXISTENT] ~",
	"C1: b SETMETADATA none (/private/comment \"x\")",
	"S1: b NO [NONEXISTENT] ~",
	"C1: c SETMETADATA \"\" (/shared/comment \"x\")", "S1: c NO [NOPERM] ~",
	"C1: d SETMETADATA INBOX (/other \"x\")", "S1: d NO [CANNOT] ~",
	"C1: e GETMETADATA INBOX private", "S1: e BAD ~",
	"C1: f GETMETADATA INBOX /private//x", "S1: f BAD ~",
	"C1: g GETMETADATA INBOX /private/", "S1: g BAD ~",
	"C1: h GETMETADATA INBOX \"/private/*\"", "S1: h BAD ~",
	"C1: i GETMETADATA (DEPTH 2) INBOX /private/x", "S1: i BAD ~",
	"C1: j GETMETADATA () INBOX /private/x", "S1: j BAD ~",
	"C1: k SETMETADATA INBOX ()", "S1: k BAD ~",
	"C1: k SETMETADATA INBOX (/private/comment ~\"x\")", "S1: k BAD ~",
	"C1= k SETMETADATA \"\" (/private/vendor/l8 ~{3+}\r\nabc)\r\n",
	"S1: k OK ~",
	"C1: k GETMETADATA \"\" /private/vendor/l8",
	"S1: * METADATA \"\" (/private/vendor/l8 \"abc\")", "S1: k OK ~",
	"C1: k SETMETADATA \"\" (/private/vendor/l8 NIL)", "S1: k OK ~",
	"C1: k SETMETADATA \"\" (/private/Vendor/letterlock/x \"1\")",
	"S1: k NO [NOPERM] ~",
	"C1: k SETMETADATA \"\" (/private/vendor/letterlock/x NIL)",
	"S1: k OK ~",
	"C1: k SETMETADATA INBOX (/private/vendor/letterlock/x \"1\" "
	    "/private/vendor/letterlock/x NIL)", "S1: k OK ~",
	"C1: l SETMETADATA INBOX (/private/x)", "S1: l BAD ~",
	"C1: m LIST \"\" * RETURN (METADATA)", "S1: m BAD ~",
	"C1: n LIST \"\" * RETURN (METADATA ())", "S1: n BAD ~",
	NULL
};

static const char *const lists[] = {
	"C1: a SETMETADATA Junk (/shared/color \"#b71c1c\")", "S1: a OK ~",
	"C1: b LIST \"\" %n% RETURN (METADATA (/shared/color /private/x))",
	"S1: * LIST (\\HasNoChildren \\Junk) \"/\" Junk",
	"S1: * METADATA Junk (/shared/color \"#b71c1c\" /private/x NIL)",
	"S1: * LIST (\\HasNoChildren \\Sent) \"/\" Sent",
	"S1: * METADATA Sent (/shared/color NIL /private/x NIL)", "S1: b OK ~",
	NULL
};

/* What becomes of them. */
static const char *const lives[] = {
	"O1",
	"C1: a RENAME Junk Spam", "S1: a OK ~",
	"C1: b GETMETADATA Spam /shared/color",
	"S1: * METADATA Spam (/shared/color \"#b71c1c\")", "S1: b OK ~",
	"R", "O1", "O2",
	"C1: c GETMETADATA Spam /shared/color",
	"S1: * METADATA Spam (/shared/color \"#b71c1c\")", "S1: c OK ~",
	"C2: d GETMETADATA INBOX /private/comment",
	"S2: * METADATA INBOX (/private/comment NIL)", "S2: d OK ~",
	"C1: e DELETE Spam", "S1: e OK ~",
	"C1: f CREATE Spam", "S1: f OK ~",
	"C1: g GETMETADATA Spam /shared/color",
	"S1: * METADATA Spam (/shared/color NIL)", "S1: g OK ~",
	NULL
};

static void
say(const char *command, const char *want)
{
	const char	*l;

	t_send(1, command, strlen(command));
	l = t_line(1);
	CHECK(l != NULL && strncmp(l, want, strlen(want)) == 0, "%s: %s", want,
	    l == NULL ? "(nothing)" : l);
}

/* Section 4.1: of the INBOX they stay, and go with its messages, too. */
static const char *const inbox[] = {
	"C1: a SETMETADATA INBOX (/private/comment \"mine\" /shared/comment "
	    "\"ours\")", "S1: a OK ~",
	"C1: b RENAME INBOX Before", "S1: b OK ~",
	"C1: c GETMETADATA INBOX (/private/comment /shared/comment)",
	"S1: * METADATA INBOX (/private/comment \"mine\" /shared/comment "
	    "\"ours\")", "S1: c OK ~",
	"C1: d SETMETADATA INBOX (/private/comment NIL)", "S1: d OK ~",
	"C1: e GETMETADATA Before (/private/comment /shared/comment)",
	"S1: * METADATA Before (/private/comment \"mine\" /shared/comment "
	    "\"ours\")", "S1: e OK ~",
	"C1: f DELETE Before", "S1: f OK ~",
	"C1: g GETMETADATA INBOX /shared/comment",
	"S1: * METADATA INBOX (/shared/comment \"ours\")", "S1: g OK ~",
	NULL
};

static struct span
ask(const char *command, size_t n)
{
	t_send(1, command, n);
	t_settle();
	return (t_take(1));
}

/* RFC 5464 section 5: a literal8 has any octets. */
static void
octets(void)
{
	static const char	 set[] = "a SETMETADATA \"\" (/private/vendor/l8 "
	    "~{3+}\r\na\0b)\r\n";
	static const char	 get[] = "b GETMETADATA \"\" /private/vendor/l8"
	    "\r\n";
	static const char	 want[] = "* METADATA \"\" (/private/vendor/l8 "
	    "~{3}\r\na\0b)\r\nb OK";
	static const char	 plain[] = "c SETMETADATA \"\" (/private/vendor/l8 "
	    "{3+}\r\na\0b)\r\n";
	struct span		 got;

	got = ask(set, sizeof(set) - 1);
	CHECK(got.n > 4 && memcmp(got.p, "a OK", 4) == 0, "NUL in a literal8");
	got = ask(get, sizeof(get) - 1);
	CHECK(got.n > sizeof(want) && memcmp(got.p, want, sizeof(want) -
	    1) == 0, "it comes back");
	got = ask(plain, sizeof(plain) - 1);
	CHECK(got.n > 5 && memcmp(got.p, "c BAD", 5) == 0,
	    "NUL in another literal");
	say("d SETMETADATA \"\" (/private/vendor/l8 NIL)\r\n", "d OK");
}

/* Too large, too many, too many octets; what is replaced makes room. */
static void
bounds(void)
{
	static char	 b[64 + ANNOTATION_VALUE * 4];
	size_t		 i, n;

	n = (size_t)snprintf(b, sizeof(b),
	    "a SETMETADATA INBOX (/private/x {%d+}\r\n", ANNOTATION_VALUE + 1);
	memset(b + n, 'x', ANNOTATION_VALUE + 1);
	memcpy(b + n + ANNOTATION_VALUE + 1, ")\r\n", 4);
	say(b, "a NO [METADATA MAXSIZE 32768]");
	for (i = 0; i < ANNOTATIONS_OCTETS / ANNOTATION_VALUE; i++) {
		n = (size_t)snprintf(b, sizeof(b),
		    "a SETMETADATA INBOX (/private/x%zu {%d+}\r\n", i,
		    ANNOTATION_VALUE);
		memset(b + n, 'x', ANNOTATION_VALUE);
		memcpy(b + n + ANNOTATION_VALUE, ")\r\n", 4);
		say(b, i + 1 < ANNOTATIONS_OCTETS / ANNOTATION_VALUE ?
		    "a OK" : "a NO [METADATA TOOMANY]");
	}
	say("b SETMETADATA INBOX (/private/x0 \"\" /private/x1 NIL)\r\n",
	    "b OK");
	for (i = 0; i < ANNOTATIONS; i += 50) {
		n = (size_t)snprintf(b, sizeof(b), "a SETMETADATA Sent (");
		for (size_t j = 0; j < 50; j++)
			n += (size_t)snprintf(b + n, sizeof(b) - n,
			    "%s/private/%zu \"\"", j > 0 ? " " : "", i + j);
		(void)snprintf(b + n, sizeof(b) - n, ")\r\n");
		say(b, i + 50 < ANNOTATIONS ? "a OK" :
		    "a NO [METADATA TOOMANY]");
	}
}

int
main(void)
{
	t_open(NULL);
	t_script("values", values);
	t_script("modseq", modseq);
	t_script("errors", errors);
	t_script("lists", lists);
	t_script("lives", lives);
	t_script("inbox", inbox);
	octets();
	bounds();
	t_close();
	t_remove();
	return (t_done());
}
