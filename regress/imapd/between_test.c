/*
 * What another session does between two slices of a FETCH that sets \Seen: its
 * flags stay, counters are right, and what it has removed does not come back.
 */
#include <stdlib.h>
#include <string.h>

#include "imapd/session.h"
#include "imaptest.h"

#define LARGE	(6 * 1024 * 1024)	/* many slices */

static struct session	*session;	/* of client 1 */

static const char *const filling[] = {
	"O1", "O2",
	"C1: a SELECT INBOX", "S1: * FLAGS ~", "S1: * 3 EXISTS", "S1: * ~",
	"S1: * OK ~", "S1: * OK ~", "S1: * OK ~", "S1: * OK ~", "S1: * OK ~",
	"S1: a OK ~",
	"C2: a SELECT INBOX", "S2: * FLAGS ~", "S2: * 3 EXISTS", "S2: * ~",
	"S2: * OK ~", "S2: * OK ~", "S2: * OK ~", "S2: * OK ~", "S2: * OK ~",
	"S2: a OK ~",
	NULL
};

static const char *const flagged[] = {
	"S1: * 1 FETCH (FLAGS (\\Seen \\Flagged \\Recent) ENVELOPE ~", "S1: x)",
	"S1: * 1 FETCH (UID 1 FLAGS (\\Seen \\Flagged \\Recent))", "S1: b OK ~",
	NULL
};

/* It is counted once. */
static const char *const seen[] = {
	"S1: * 2 FETCH (ENVELOPE ~", "S1: x)",
	"S1: * 2 FETCH (UID 2 FLAGS (\\Seen \\Recent))", "S1: d OK ~",
	"C2: e STATUS INBOX (UNSEEN)", "S2: * STATUS INBOX (UNSEEN 1)",
	"S2: e OK ~", "C2: f STORE 3 +FLAGS.SILENT (\\Deleted)", "S2: f OK ~",
	NULL
};

/* It does not come back. */
static const char *const removed[] = {
	"S1: * 3 FETCH (ENVELOPE ~", "S1: x)", "S1: g OK ~",
	"C1: h NOOP", "S1: * 3 EXPUNGE", "S1: h OK ~", "X1", "X2", "R", "O1",
	"C1: a EXAMINE INBOX", "S1: * FLAGS ~", "S1: * 2 EXISTS", "S1: * ~",
	"S1: * OK ~", "S1: * OK ~", "S1: * OK ~", "S1: * OK ~",
	"S1: a OK ~",
	"C1: b STATUS INBOX (MESSAGES UNSEEN)",
	"S1: * STATUS INBOX (MESSAGES 2 UNSEEN 0)", "S1: b OK ~",
	"X1",
	NULL
};

/* Nothing is kept ready, so that a FETCH makes it, slice by slice. */
static void
empty(struct dbenv_db *db)
{
	struct span	 k, v;
	uint8_t		 key[10];

	while (dbenv_next(db, span_of("", 0), &k, &v) == 0) {
		if (k.n != sizeof(key))
			abort();
		memcpy(key, k.p, sizeof(key));
		if (dbenv_del(db, span_of(key, sizeof(key))) == -1)
			break;
	}
}

static void
say(int n, const char *line)
{
	t_send(n, line, strlen(line));
	t_send(n, "\r\n", 2);
}

/*
 * Client 1 is in the middle of a message when the other says something: its
 * answer shows which came first.
 */
static void
during(const char *command, const char *other, const char *what,
    const char *const *lines)
{
	int	 i;

	empty(t_part->ready);
	empty(t_part->fields);
	t_settle();
	say(1, command);
	for (i = 0; i < 50 && session->phase != PHASE_STEP; i++)
		t_turn();
	CHECK(session->phase == PHASE_STEP, "%s: it goes on", what);
	say(2, other);
	t_settle();
	t_drain(2);
	t_script(what, lines);
}

int
main(void)
{
	static const uint8_t	 ids[3][16] = { "1", "2", "3" };
	static const char	 head[] = "Subject: s\r\n\r\n";
	uint64_t		 account = 1;
	char			*large;
	size_t			 i;

	t_open(NULL);
	t_store.limits.slice = 0;	/* one has its turn, then the other */
	t_account[2] = 1;
	if ((large = malloc(LARGE)) == NULL)
		abort();
	memset(large, 'x', LARGE);
	memcpy(large, head, sizeof(head) - 1);
	for (i = sizeof(head); i + 76 < LARGE; i += 76)
		memcpy(large + i, "\r\n", 2);
	t_login(1, 1);
	(void)t_line(1);
	for (i = 0; i < nitems(ids); i++)
		CHECK(t_deliver(ids[i], large, LARGE, &account, 1) ==
		    RESULT_OK, "delivered");
	free(large);
	t_logout(1);
	t_settle();
	t_script("filling", filling);
	session = TAILQ_FIRST(&t_store.sessions);
	during("b FETCH 1 (ENVELOPE BODY[TEXT]<0.1>)",
	    "b STORE 1 +FLAGS (\\Flagged)", "flagged", flagged);
	during("d FETCH 2 (ENVELOPE BODY[TEXT]<0.1>)",
	    "d STORE 2 +FLAGS.SILENT (\\Seen)", "seen", seen);
	during("g FETCH 3 (ENVELOPE BODY[TEXT]<0.1>)", "g EXPUNGE", "removed",
	    removed);
	t_close();
	t_remove();
	return (t_done());
}
