/*
 * What stays the same over names and copies, RFC 8474; and when a message came
 * to its mailbox, RFC 8514.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imaptest.h"

static const char *const begin[] = {
	"O1",
	"C1: a APPEND INBOX \" 1-Feb-2020 10:00:00 +0000\" {3+}",
	"C1= abc\r\n", "S1: a OK ~",
	"C1: b APPEND INBOX {3+}", "C1= abc\r\n", "S1: b OK ~",
	"C1: c CREATE x", "S1: c OK [MAILBOXID (F~)] CREATE completed",
	NULL
};

static const char *const searches[] = {
	"C1: a SEARCH SAVEDATESUPPORTED", "S1: * SEARCH 1 2 3", "S1: a OK ~",
	"C1: b SEARCH SAVEDSINCE 1-Jan-2021", "S1: * SEARCH 1 2 3",
	"S1: b OK ~",
	"C1: c SEARCH SAVEDBEFORE 1-Jan-2021", "S1: * SEARCH", "S1: c OK ~",
	"C1: d SEARCH BEFORE 1-Jan-2021", "S1: * SEARCH 1 3", "S1: d OK ~",
	"C1: e SEARCH SAVEDON 1-Jan-2021", "S1: * SEARCH", "S1: e OK ~",
	"C1: f SEARCH EMAILID M0", "S1: * SEARCH", "S1: f OK ~",
	"C1: g SEARCH EMAILID M0000000000000000", "S1: * SEARCH", "S1: g OK ~",
	"C1: h SEARCH THREADID T1", "S1: * SEARCH", "S1: h OK ~",
	"C1: i SEARCH EMAILID", "S1: i BAD ~",
	"C1: j SEARCH SAVEDON x", "S1: j BAD ~",
	"C1: k FETCH 1 (SAVEDATE THREADID)",
	"S1: * 1 FETCH (SAVEDATE \"~\" THREADID NIL)", "S1: k OK ~",
	NULL
};

static char	 got[4][64];

/* What stands in the first "(X...)" of an answer that begins with kind. */
static const char *
id_of(int which, const char *command, const char *kind)
{
	const char	*l, *p;

	t_send(1, command, strlen(command));
	got[which][0] = '\0';
	while ((l = t_line(1)) != NULL && l[0] == '*')
		if ((p = strstr(l, kind)) != NULL)
			(void)snprintf(got[which], sizeof(got[which]),
			    "%.17s", p + strlen(kind));
	return (got[which]);
}

static int
same(int a, int b)
{
	return (strlen(got[a]) == 17 && strcmp(got[a], got[b]) == 0);
}

int
main(void)
{
	char	 search[128];

	t_open(NULL);
	t_shows_ids = 1;
	t_script("begin", begin);
	id_of(0, "a STATUS x (MAILBOXID)\r\n", "MAILBOXID (");
	id_of(1, "a SELECT x\r\n", "[MAILBOXID (");
	CHECK(same(0, 1) && got[0][0] == 'F', "a mailbox has an id: %s %s",
	    got[0], got[1]);
	id_of(2, "a RENAME x y\r\n", "none");
	id_of(1, "a STATUS y (MAILBOXID MESSAGES)\r\n", "MAILBOXID (");
	CHECK(same(0, 1), "which stays when its name is another: %s %s",
	    got[0], got[1]);
	id_of(1, "a STATUS INBOX (MAILBOXID)\r\n", "MAILBOXID (");
	CHECK(!same(0, 1) && strlen(got[1]) == 17, "others have others");

	id_of(0, "a SELECT INBOX\r\n", "[MAILBOXID (");
	id_of(0, "a FETCH 1 EMAILID\r\n", "EMAILID (");
	id_of(1, "a FETCH 2 EMAILID\r\n", "EMAILID (");
	CHECK(got[0][0] == 'M' && !same(0, 1) && strlen(got[1]) == 17,
	    "messages have ids");
	id_of(2, "a COPY 1 INBOX\r\n", "none");
	id_of(1, "a FETCH 3 EMAILID\r\n", "EMAILID (");
	CHECK(same(0, 1), "a copy has that of the message: %s %s", got[0],
	    got[1]);
	t_script("searches", searches);
	snprintf(search, sizeof(search), "a SEARCH EMAILID %s\r\n", got[0]);
	t_send(1, search, strlen(search));
	CHECK(strcmp(t_line(1), "* SEARCH 1 3") == 0, "found by it");
	t_close();
	t_open(t_dir());
	(void)t_login(1, 1);
	(void)t_line(1);
	id_of(2, "a SELECT INBOX\r\n", "none");
	id_of(1, "a FETCH 3 EMAILID\r\n", "EMAILID (");
	CHECK(same(0, 1), "after a restart too");
	t_close();
	t_remove();
	return (t_done());
}
