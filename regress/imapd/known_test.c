/*
 * What SEARCH remembers of header fields: the same answers with it as without,
 * for what came and went in between too; and its bounds.
 */
#include <stdio.h>
#include <string.h>

#include "imapd/known.h"
#include "imaptest.h"

static const char *const again[] = {
	"O1",
	"D1: Subject: Z\303\274rich one\r\nTo: a\r\n\r\nx",
	"D1: Subject: two\r\nSubject: again\r\n\r\nx",
	"D1: To: nobody\r\n\r\nx",
	"C1: a SELECT INBOX",
	"S1: * FLAGS ~",
	"S1: * 3 EXISTS",
	"S1: * 3 RECENT",
	"S1: ~", "S1: ~", "S1: ~", "S1: ~", "S1: ~",
	"S1: a OK ~",
	/* read, then known */
	"C1: b SEARCH SUBJECT zurich",
	"S1: * SEARCH 1", "S1: b OK ~",
	"C1: b SEARCH SUBJECT zurich",
	"S1: * SEARCH 1", "S1: b OK ~",
	"C1: b SEARCH SUBJECT Zurich",
	"S1: * SEARCH 1", "S1: b OK ~",
	"C1: b SEARCH SUBJECT again",
	"S1: * SEARCH 2", "S1: b OK ~",
	/* not across two fields, not of another one */
	"C1: b SEARCH SUBJECT twoagain",
	"S1: * SEARCH", "S1: b OK ~",
	"C1: b SEARCH SUBJECT nobody",
	"S1: * SEARCH", "S1: b OK ~",
	"C1: b SEARCH NOT SUBJECT two",
	"S1: * SEARCH 1 3", "S1: b OK ~",
	/* an empty text asks whether there is one */
	"C1: b SEARCH SUBJECT \"\"",
	"S1: * SEARCH 1 2", "S1: b OK ~",
	"C1: b SEARCH TO \"\"",
	"S1: * SEARCH 1 3", "S1: b OK ~",
	"C1: b SEARCH TO body",
	"S1: * SEARCH 3", "S1: b OK ~",
	/* what goes and what comes */
	"C1: b STORE 1 +FLAGS.SILENT (\\Deleted)",
	"S1: b OK ~",
	"C1: b EXPUNGE",
	"S1: * 1 EXPUNGE", "S1: b OK ~",
	"D1: Subject: two too\r\n\r\nx",
	"C1: b NOOP",
	"S1: * 3 EXISTS", "S1: * ~", "S1: b OK ~",
	"C1: b SEARCH SUBJECT two",
	"S1: * SEARCH 1 3", "S1: b OK ~",
	"C1: b SEARCH SUBJECT zurich",
	"S1: * SEARCH", "S1: b OK ~",
	/* another mailbox of that name has other messages with these UIDs */
	"C1: b CREATE x", "S1: b OK ~",
	"C1: b COPY 1 x", "S1: b OK ~",
	"C1: b SELECT x",
	"S1: ~", "S1: ~", "S1: ~", "S1: ~", "S1: ~", "S1: ~", "S1: ~", "S1: ~", "S1: ~",
	"S1: b OK ~",
	"C1: b SEARCH SUBJECT two", "S1: * SEARCH 1", "S1: b OK ~",
	"C1: b CLOSE", "S1: b OK ~",
	"C1: b DELETE x", "S1: b OK ~",
	"C1: b CREATE x", "S1: b OK ~",
	"C1= b APPEND x {16+}\r\nSubject: six\r\n\r\n\r\n",
	"S1: b OK ~",
	"C1: b SELECT x",
	"S1: ~", "S1: ~", "S1: ~", "S1: ~", "S1: ~", "S1: ~", "S1: ~", "S1: ~",
	"S1: b OK ~",
	"C1: b SEARCH SUBJECT two", "S1: * SEARCH", "S1: b OK ~",
	"C1: b SEARCH SUBJECT six", "S1: * SEARCH 1", "S1: b OK ~",
	NULL
};

static int
has(struct known *k, const char *field, uint32_t uid, const char *want)
{
	struct span	 s;

	if (known_get(k, span_str(field), uid, &s) == 0)
		return (want == NULL);
	return (want != NULL && span_eqs(s, want));
}

static void
entries(void)
{
	struct known	*k = known_new();
	struct span	 subject = span_str("Subject");
	char		 name[40];
	int		 i;

	CHECK(has(k, "Subject", 1, NULL) && has(NULL, "Subject", 1, NULL),
	    "nothing is known");
	known_put(k, subject, 2, span_str("B"));
	known_put(k, subject, 5, span_str(""));
	known_put(k, subject, 9, span_str("NINE"));
	CHECK(has(k, "subject", 2, "B") && has(k, "SUBJECT", 5, "") &&
	    has(k, "Subject", 9, "NINE"), "in a row, whatever case");
	CHECK(has(k, "Subject", 9, "NINE") && has(k, "Subject", 2, "B"),
	    "in any order");
	CHECK(has(k, "Subject", 1, NULL) && has(k, "Subject", 3, NULL) &&
	    has(k, "Subject", 8, NULL) && has(k, "Subject", 10, NULL) &&
	    has(k, "Subject", UINT32_MAX, NULL), "those between are not");
	known_put(k, subject, 4, span_str("FOUR"));
	known_put(k, subject, 9, span_str("OTHER"));
	CHECK(has(k, "Subject", 4, NULL) && has(k, "Subject", 9, "NINE"),
	    "none comes between, none is changed");
	CHECK(has(k, "To", 2, NULL), "another field");
	for (i = 0; i < KNOWN_FIELDS; i++) {
		snprintf(name, sizeof(name), "X-%d", i);
		known_put(k, span_str(name), 1, span_str(name));
	}
	CHECK(has(k, "Subject", 2, NULL), "too many fields: the first goes");
	CHECK(has(k, "X-0", 1, "X-0") && has(k, name, 1, name),
	    "the others are known");
	known_free(k);
	known_free(NULL);
}

static void
bounds(void)
{
	struct known	*k = known_new();
	static char	 text[KNOWN_TEXT + 2], name[KNOWN_NAME + 2];
	uint32_t	 uid, n = KNOWN_MAX / KNOWN_TEXT;

	memset(text, 'A', sizeof(text) - 1);
	memset(name, 'n', sizeof(name) - 1);
	known_put(k, span_str("To"), 1, span_str(text));
	CHECK(has(k, "To", 1, NULL), "a text too long is not kept");
	known_put(k, span_str(name), 1, span_str("A"));
	CHECK(has(k, name, 1, NULL), "nor is that of a field like this");
	text[KNOWN_TEXT] = '\0';
	for (uid = 1; uid <= n + 1; uid++)
		known_put(k, span_str("To"), uid, span_str(text));
	CHECK(has(k, "To", 1, text) && has(k, "To", n, text) &&
	    has(k, "To", n + 1, NULL), "as much as there is room for");
	known_free(k);
}

int
main(void)
{
	t_open(NULL);
	t_script("again", again);
	t_close();
	t_remove();
	entries();
	bounds();
	return (t_done());
}
