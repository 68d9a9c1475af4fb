/*
 * Capabilities that an administrator switched off: not announced, their
 * commands unknown, not to be enabled; all others as ever.
 */
#include <string.h>

#include "imapcap.h"
#include "imapd/session.h"
#include "imaptest.h"

static const struct {
	const char	*off;		/* names, a space behind each */
	const char	*gone[4];	/* not in the list any more */
	const char	*there[4];	/* still there */
} lists[] = {
	{ "", { NULL }, { "IDLE", "QRESYNC", "APPENDLIMIT=52428800" } },
	{ "IDLE ", { "IDLE" }, { "NAMESPACE", "ID", "QRESYNC" } },
	{ "idle Quota ", { "IDLE", "QUOTA", "QUOTA=RES-STORAGE",
	    "QUOTA=RES-MESSAGE" }, { "NAMESPACE" } },
	{ "QUOTA=RES-MESSAGE ", { "QUOTA=RES-MESSAGE" }, { "QUOTA",
	    "QUOTA=RES-STORAGE" } },
	{ "CONDSTORE ", { "CONDSTORE", "QRESYNC" }, { "ENABLE" } },
	{ "APPENDLIMIT ", { "APPENDLIMIT=52428800", "APPENDLIMIT" },
	    { "INPROGRESS" } },
};

static const char *const	 without[] = {
	"O1",
	"C1: a idle", "S1: a BAD unknown command",
	"C1: a GETQUOTA \"\"", "S1: a BAD unknown command",
	"C1: a ENABLE CONDSTORE QRESYNC", "S1: * ENABLED",
	"S1: a OK ENABLE completed",
	"C1: a NAMESPACE", "S1: * NAMESPACE ~", "S1: a OK ~",
	NULL
};

static uint64_t
set(const char *names)
{
	const char	*e;
	uint64_t	 off = 0, bits;

	for (; (e = strchr(names, ' ')) != NULL; names = e + 1) {
		bits = imapcap_bits(span_of(names, (size_t)(e - names)));
		CHECK(bits != 0, "%s: is one", names);
		off |= bits;
	}
	return (off);
}

/* Is the word in the line? */
static int
has(const char *line, const char *word)
{
	size_t	 n = strlen(word);

	for (; (line = strstr(line, word)) != NULL; line += n)
		if (line[-1] == ' ' && strchr(" ]", line[n]) != NULL)
			return (1);
	return (0);
}

int
main(void)
{
	const char	*line;
	size_t		 i, k;

	t_open(NULL);
	for (i = 0; i < nitems(lists); i++) {
		t_limits.off = set(lists[i].off);
		(void)t_login(1, 1);
		line = t_line(1);
		CHECK(line != NULL, "\"%s\": a list", lists[i].off);
		for (k = 0; line != NULL && k < 4; k++) {
			if (lists[i].gone[k] != NULL)
				CHECK(!has(line, lists[i].gone[k]),
				    "without \"%s\": no %s", lists[i].off,
				    lists[i].gone[k]);
			if (lists[i].there[k] != NULL)
				CHECK(has(line, lists[i].there[k]),
				    "without \"%s\": %s", lists[i].off,
				    lists[i].there[k]);
		}
		t_logout(1);
	}
	t_limits.off = set("IDLE QUOTA CONDSTORE ");
	t_script("without", without);
	CHECK(imapcap_bits(span_str("IMAP4rev1")) == 0, "IMAP4rev1 stays");
	CHECK(imapcap_bits(span_str("")) == 0, "no name is none");
	t_close();
	t_remove();
	return (t_done());
}
