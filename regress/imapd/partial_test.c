/*
 * PARTIAL, RFC 9394: of what SEARCH finds, or of the messages in a set of FETCH,
 * some by their order.
 */
#include <stdio.h>

#include "imaptest.h"

#define ONE "C1: a APPEND INBOX {1+}", "C1= a\r\n", "S1: a OK ~"

/* UIDs 2, 4, 6 of six are left; the other does not know yet. */
static const char *const filling[] = {
	"O1", "O2", ONE, ONE, ONE, ONE, ONE, ONE,
	"C1: b SELECT INBOX", "S1: * FLAGS ~", "S1: * 6 EXISTS", "S1: * ~",
	"S1: * ~", "S1: * ~", "S1: * ~", "S1: * ~", "S1: * ~", "S1: b OK ~",
	"C2: b SELECT INBOX", "S2: * FLAGS ~", "S2: * 6 EXISTS", "S2: * ~",
	"S2: * ~", "S2: * ~", "S2: * ~", "S2: * ~", "S2: * ~", "S2: b OK ~",
	"C1: c STORE 1,3,5 +FLAGS.SILENT (\\Deleted)", "S1: c OK ~",
	"C1: d EXPUNGE", "S1: * 5 EXPUNGE", "S1: * 3 EXPUNGE",
	"S1: * 1 EXPUNGE", "S1: d OK ~",
	NULL
};

#define M1 "S1: * 1 FETCH (UID 2)"
#define M2 "S1: * 2 FETCH (UID 4)"
#define M3 "S1: * 3 FETCH (UID 6)"
#define OK "S1: a OK FETCH completed"

static const char *const ranges[] = {
	"C1: a UID FETCH 1:* UID (PARTIAL 1:2)", M1, M2, OK,
	"C1: a UID FETCH 1:* UID (PARTIAL 2:1)", M1, M2, OK,
	"C1: a UID FETCH 1:* UID (PARTIAL 3:3)", M3, OK,
	"C1: a UID FETCH 1:* UID (PARTIAL 1:500)", M1, M2, M3, OK,
	"C1: a UID FETCH 1:* UID (PARTIAL 3:4294967295)", M3, OK,
	"C1: a UID FETCH 1:* UID (PARTIAL 4:5)", OK,
	"C1: a UID FETCH 1:* UID (PARTIAL -1:-2)", M2, M3, OK,
	"C1: a UID FETCH 1:* UID (PARTIAL -3:-2)", M1, M2, OK,
	"C1: a UID FETCH 1:* UID (PARTIAL -1:-4294967295)", M1, M2, M3, OK,
	"C1: a UID FETCH 1:* UID (PARTIAL -3:-9)", M1, OK,
	"C1: a UID FETCH 1:* UID (PARTIAL -4:-9)", OK,
	/* of a set with holes */
	"C1: a UID FETCH 6:9,1:2 UID (PARTIAL 2:2)", M3, OK,
	"C1: a UID FETCH 6:9,1:2 UID (PARTIAL -2:-2)", M1, OK,
	"C1: a UID FETCH 5,1,3 UID (PARTIAL 1:9)", OK,
	"C1: a UID FETCH 3:5 UID (PARTIAL -1:-1)", M2, OK,
	"C1: a UID FETCH 4294967295 UID (PARTIAL 1:1)", OK,
	"C1: a UID FETCH 4:4294967295 UID (PARTIAL -2:-2)", M2, OK,
	"C1: b UID SEARCH RETURN (SAVE) UID 4:6", "S1: b OK ~",
	"C1: a UID FETCH $ UID (PARTIAL 1:1)", M2, OK,
	NULL
};

static const char *const refused[] = {
	"C1: a FETCH 1:* UID (PARTIAL 1:2)", "S1: a BAD PARTIAL is for UID ~",
	"C1: a UID FETCH 1:* UID (PARTIAL 1)", "S1: a BAD ~",
	"C1: a UID FETCH 1:* UID (PARTIAL 0:1)", "S1: a BAD ~",
	"C1: a UID FETCH 1:* UID (PARTIAL -1:2)", "S1: a BAD ~",
	"C1: a UID FETCH 1:* UID (PARTIAL 1:-2)", "S1: a BAD ~",
	"C1: a UID FETCH 1:* UID (PARTIAL 1:*)", "S1: a BAD ~",
	"C1: a UID FETCH 1:* UID (PARTIAL -0:-1)", "S1: a BAD ~",
	"C1: a UID FETCH 1:* UID (PARTIAL 4294967296:1)", "S1: a BAD ~",
	"C1: a UID FETCH 1:* UID (PARTIAL)", "S1: a BAD ~",
	"C1: a UID FETCH 1:* UID (PARTIAL 1:1 PARTIAL 2:2)",
	"S1: a BAD PARTIAL twice",
	NULL
};

/* Of 2, 4, 6; numbers 1 to 3. */
static const struct {
	const char	*keys, *want;
} searches[] = {
	{ "(PARTIAL 1:2) ALL",		"PARTIAL (1:2 2,4)" },
	{ "(PARTIAL 2:1) ALL",		"PARTIAL (2:1 2,4)" },
	{ "(PARTIAL 3:3) ALL",		"PARTIAL (3:3 6)" },
	{ "(PARTIAL 3:500) ALL",	"PARTIAL (3:500 6)" },
	{ "(PARTIAL 4:500) ALL",	"PARTIAL (4:500 NIL)" },
	{ "(PARTIAL 1:1) UID 1",	"PARTIAL (1:1 NIL)" },
	{ "(PARTIAL -1:-1) UID 1",	"PARTIAL (-1:-1 NIL)" },
	{ "(PARTIAL -1:-2) ALL",	"PARTIAL (-1:-2 4,6)" },
	{ "(PARTIAL -3:-2) ALL",	"PARTIAL (-3:-2 2,4)" },
	{ "(PARTIAL -3:-4294967295) ALL", "PARTIAL (-3:-4294967295 2)" },
	{ "(PARTIAL -4:-5) ALL",	"PARTIAL (-4:-5 NIL)" },
	{ "(PARTIAL 1:4294967295) ALL",	"PARTIAL (1:4294967295 2,4,6)" },
	{ "(PARTIAL 2:2) UID 4:6",	"PARTIAL (2:2 6)" },
	{ "(PARTIAL 1:1 COUNT) ALL",	"PARTIAL (1:1 2) COUNT 3" },
	{ "(MAX PARTIAL 1:1) ALL",	"PARTIAL (1:1 2) MAX 6" },
	{ "(MIN PARTIAL 9:9) ALL",	"PARTIAL (9:9 NIL) MIN 2" },
	{ "(PARTIAL 9:9 COUNT MIN MAX) UID 1", "PARTIAL (9:9 NIL) COUNT 0" },
	/* what becomes "$", table 1 */
	{ "(SAVE PARTIAL 2:3) ALL",	"PARTIAL (2:3 4,6)" },
	{ "(COUNT) $",			"COUNT 2" },
	{ "(SAVE PARTIAL 2:2 MIN) ALL",	"PARTIAL (2:2 4) MIN 2" },
	{ "(ALL) $",			"ALL 2,4" },
	{ "(SAVE PARTIAL -3:-3 MAX) ALL", "PARTIAL (-3:-3 2) MAX 6" },
	{ "(ALL) $",			"ALL 2,6" },
	{ "(SAVE PARTIAL 2:2 MIN MAX) ALL",
	    "PARTIAL (2:2 4) MIN 2 MAX 6" },
	{ "(ALL) $",			"ALL 2,4,6" },
	{ "(SAVE PARTIAL 2:2 COUNT) ALL", "PARTIAL (2:2 4) COUNT 3" },
	{ "(ALL) $",			"ALL 2,4,6" },
	{ "(SAVE PARTIAL 4:9) ALL",	"PARTIAL (4:9 NIL)" },
	{ "(COUNT) $",			"COUNT 0" },
	/* the highest of what is shown */
	{ "(PARTIAL 1:1) MODSEQ 1",	"PARTIAL (1:1 2) MODSEQ 10" },
	{ "(PARTIAL -1:-1) MODSEQ 1",	"PARTIAL (-1:-1 6) MODSEQ 10" },
	{ "(PARTIAL 2:2) MODSEQ 1",	"PARTIAL (2:2 4) MODSEQ 11" },
	{ "(PARTIAL 1:1 COUNT) MODSEQ 1", "PARTIAL (1:1 2) COUNT 3 MODSEQ 11" },
	{ "(PARTIAL 8:9) MODSEQ 1",	"PARTIAL (8:9 NIL)" },
	{ "(PARTIAL 1:2 ALL) ALL",	NULL },
	{ "(ALL PARTIAL 1:2) ALL",	NULL },
	{ "(PARTIAL 1:2 PARTIAL 3:4) ALL", NULL },
	{ "(PARTIAL) ALL",		NULL },
	{ "(PARTIAL 1) ALL",		NULL },
	{ "(PARTIAL 0:1) ALL",		NULL },
	{ "(PARTIAL -1:2) ALL",		NULL },
	{ "(PARTIAL 1:*) ALL",		NULL },
};

static void
test_searches(void)
{
	static char	 ask[128], want[128];
	const char	*script[4] = { ask, want, "S1: a OK ~", NULL };
	size_t		 i;

	for (i = 0; i < nitems(searches); i++) {
		snprintf(ask, sizeof(ask), "C1: a UID SEARCH RETURN %s",
		    searches[i].keys);
		if (searches[i].want == NULL)
			snprintf(want, sizeof(want), "S1: a BAD ~");
		else
			snprintf(want, sizeof(want),
			    "S1: * ESEARCH (TAG \"a\") UID %s",
			    searches[i].want);
		script[2] = searches[i].want == NULL ? NULL : "S1: a OK ~";
		t_script(searches[i].keys, script);
	}
}

static const char *const numbers[] = {
	"C1: a SEARCH RETURN (PARTIAL -1:-2) ALL",
	"S1: * ESEARCH (TAG \"a\") PARTIAL (-1:-2 2:3)", "S1: a OK ~",
	NULL
};

/* First so many, then those of them that changed. */
static const char *const changed[] = {
	"C1: b UID STORE 2,6 +FLAGS.SILENT ($x)", "S1: * FLAGS ~", "S1: b OK ~",
	"C1: c UID FETCH 1:* UID (PARTIAL -1:-2 CHANGEDSINCE 9)",
	"S1: * OK [HIGHESTMODSEQ 10] ~", "S1: * 3 FETCH (UID 6 MODSEQ (10))",
	"S1: c OK ~",
	"C1: d UID FETCH 1:* UID (CHANGEDSINCE 9 PARTIAL 1:2)",
	"S1: * 1 FETCH (UID 2 MODSEQ (10))", "S1: d OK ~",
	/* as this session counts them */
	"C2: e UID FETCH 1:* UID (PARTIAL 1:2)", "S2: * FLAGS ~",
	"S2: * 1 FETCH (UID 1)", "S2: * 2 FETCH (UID 2)",
	"S2: * 5 EXPUNGE", "S2: * 3 EXPUNGE", "S2: * 1 EXPUNGE",
	"S2: * 1 FETCH ~", "S2: * 3 FETCH ~", "S2: e OK ~",
	/* only what was shown is read */
	"C1: f UID FETCH 1:* BODY[] (PARTIAL 2:2)",
	"S1: * 2 FETCH (UID 4 FLAGS ~", "S1: a)", "S1: f OK ~",
	"C1: g UID SEARCH SEEN", "S1: * SEARCH 4", "S1: g OK ~",
	NULL
};

int
main(void)
{
	t_account[2] = 1;
	t_open(NULL);
	t_script("filling", filling);
	t_script("ranges", ranges);
	t_script("refused", refused);
	t_script("changed", changed);
	t_script("numbers", numbers);
	test_searches();
	t_close();
	t_remove();
	return (t_done());
}
