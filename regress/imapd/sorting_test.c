/*
 * SORT, THREAD and searches while they are at work: in slices beside another
 * session, with little memory, and for so long that the client is told.
 */
#include <stdlib.h>
#include <string.h>

#include "charset.h"
#include "imapd/session.h"
#include "imaptest.h"

#define LARGE	(2 * 1024 * 1024)	/* several slices */

static struct session	*session;	/* of client 1 */
static const char	 date[] = " 1-Jan-2020 00:00:00 +0000";

/* Numbers 1 to 4, sent on 3, 1, 4 and 2 February; the first is large. */
static const char *const	 texts[] = {
	"Date: Mon, 3 Feb 2020 10:00:00 +0000\r\nSubject: d\r\n"
	    "Message-ID: <a@x>\r\n\r\n",
	"Date: Sat, 1 Feb 2020 10:00:00 +0000\r\nSubject: c\r\n"
	    "Message-ID: <b@x>\r\n\r\n",
	"Date: Tue, 4 Feb 2020 10:00:00 +0000\r\nSubject: b\r\n"
	    "References: <a@x>\r\n\r\n",
	"Date: Sun, 2 Feb 2020 10:00:00 +0000\r\nSubject: a\r\n"
	    "References: <none@x>\r\n\r\n",
};

static void
fill(void)
{
	char	*large;
	size_t	 i, n;

	t_fill(1);
	if ((large = malloc(LARGE + 1)) == NULL)
		abort();
	n = strlen(texts[0]);
	memset(large, 'x', LARGE);
	memcpy(large, texts[0], n);
	for (i = n; i + 76 < LARGE; i += 76)
		memcpy(large + i, "\r\n", 2);
	large[LARGE] = '\0';
	t_append("INBOX", "", date, large);
	free(large);
	for (i = 1; i < nitems(texts); i++)
		t_append("INBOX", "", date, texts[i]);
	t_filled();
}

/* Nothing is kept ready, as in a partition that was salvaged. */
static void
empty(struct dbenv_db *db)
{
	struct span	 k, v;
	uint8_t		 key[10];

	while (dbenv_next(db, span_of("", 0), &k, &v) == 0) {
		CHECK(k.n == sizeof(key), "a key of %zu octets", k.n);
		memcpy(key, k.p, sizeof(key));
		if (dbenv_del(db, span_of(key, sizeof(key))) == -1)
			break;
	}
}

static void
unready(void)
{
	empty(t_part->ready);
	empty(t_part->fields);
	t_settle();
}

static void
says(int n, const char *want)
{
	const char	*l = t_line(n);

	CHECK(l != NULL && strncmp(l, want, strlen(want)) == 0,
	    "client %d: %s, not %s", n, l == NULL ? "(nothing)" : l, want);
}

static void
send_line(int n, const char *text)
{
	t_send(n, text, strlen(text));
	t_send(n, "\r\n", 2);
}

/* Its command is at work. */
static void
goes_on(struct session *s, const char *command)
{
	int	 i;

	for (i = 0; i < 50 && s->phase != PHASE_STEP; i++)
		t_turn();
	CHECK(s->phase == PHASE_STEP, "%s: it goes on", command);
}

/* One is in the middle of a message whose date the other has just learnt. */
static void
beside(void)
{
	struct session	*s;
	int		 i;

	t_account[2] = 1;
	t_login(2, 1);
	send_line(2, "a EXAMINE INBOX");
	for (i = 0; i < 10; i++)
		(void)t_line(2);
	unready();
	TAILQ_FOREACH(s, &t_store.sessions, entry)
		if (s != session)
			break;
	if (s == NULL)
		abort();
	send_line(2, "b SORT (DATE) UTF-8 1");
	goes_on(s, "the other's");
	send_line(1, "b SORT (DATE) UTF-8 ALL");
	says(1, "* SORT 2 4 1 3");
	says(1, "b OK");
	says(2, "* SORT 1");
	says(2, "b OK");
	send_line(1, "c SORT (DATE) UTF-8 ALL");
	says(1, "* SORT 2 4 1 3");
	says(1, "c OK");
	t_logout(2);
	t_settle();
}

/* What takes too much is refused, and nothing of it stays. */
static void
memory(void)
{
	static const char *const	 commands[] = {
		"SORT (SUBJECT) UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL",
		"UID SORT RETURN (ALL) (ARRIVAL) UTF-8 ALL",
		"THREAD ORDEREDSUBJECT UTF-8 ALL",
		"SEARCH RETURN (PARTIAL 1:4 COUNT) ALL",
		"ESEARCH IN (personal) ALL",
	};
	struct account	*a = session->account;
	const size_t	 all = t_store.limits.memory;
	const size_t	 one = t_store.limits.memory_one;
	char		 line[128];
	size_t		 i;
	int		 k;

	for (i = 0; i < nitems(commands); i++)
		for (k = 0; k < 4; k++) {
			switch (k) {
			case 0:
				t_store.limits.memory = 100;
				break;
			case 1:
				t_store.limits.memory_one = 100;
				break;
			case 2:		/* others have the rest of it */
				t_store.memory = all - 100;
				break;
			}
			(void)snprintf(line, sizeof(line), "m %s",
			    commands[i]);
			send_line(1, line);
			if (k == 3)
				says(1, "* ");
			says(1, k == 3 ? "m OK" : "m NO [LIMIT] that takes "
			    "too much memory");
			CHECK(t_store.memory == (k == 2 ? all - 100 : 0) &&
			    a->memory == 0, "%s: %zu and %zu octets stay",
			    commands[i], t_store.memory, a->memory);
			t_store.limits.memory = all;
			t_store.limits.memory_one = one;
			t_store.memory = 0;
		}
}

/* With what is found there is room, but not for the rest; "$" is empty then. */
static void
later(void)
{
	static const char *const	 commands[] = {
		"m SORT RETURN (SAVE) (SUBJECT) UTF-8 ALL",
		"m THREAD REFERENCES UTF-8 ALL",
	};
	size_t	 i;

	for (i = 0; i < nitems(commands); i++) {
		send_line(1, "k SEARCH RETURN (SAVE) 2");
		says(1, "k OK");
		t_store.limits.memory_one = 1100;
		send_line(1, commands[i]);
		says(1, "m NO [LIMIT]");
		t_store.limits.memory_one = t_store.limits.memory;
		CHECK(t_store.memory == 0, "%zu octets stay", t_store.memory);
		send_line(1, "n SEARCH $");
		says(1, i == 0 ? "* SEARCH" : "* SEARCH 2");
		says(1, "n OK");
	}
}

/* RFC 9585: what goes on for long says so, between lines. */
static void
progress(void)
{
	static const struct {
		const char	*command, *want;
	} cases[] = {
		{ "SORT (DATE) UTF-8 ALL", "* SORT 2 4 1 3" },
		{ "SORT RETURN (MIN) (SUBJECT) UTF-8 ALL",
		    "* ESEARCH (TAG \"p\") MIN 4" },
		{ "THREAD REFERENCES UTF-8 ALL", "* THREAD (2)(4)(1 3)" },
		{ "SEARCH FROM nobody", "* SEARCH" },
		{ "SEARCH RETURN (COUNT) BODY xx SUBJECT c",
		    "* ESEARCH (TAG \"p\") COUNT 0" },
		{ "UID SEARCH OR SUBJECT b BODY xx", "* SEARCH 11 13" },
	};
	struct session	*s = session;
	char		 line[128];
	size_t		 i;

	for (i = 0; i < nitems(cases); i++) {
		unready();
		datecache_free(&s->seen.view->dates);
		(void)snprintf(line, sizeof(line), "p %s", cases[i].command);
		send_line(1, line);
		goes_on(s, cases[i].command);
		t_store.limits.progress = 0;
		session_tick(s);
		t_store.limits.progress = 3600;
		says(1, "* OK [INPROGRESS (\"p\" NIL NIL)] ");
		says(1, cases[i].want);
		says(1, "p OK");
	}
}

int
main(void)
{
	t_open(NULL);
	t_store.charsets = charsets_open();
	fill();
	session = TAILQ_FIRST(&t_store.sessions);
	beside();
	memory();
	later();
	progress();
	t_close();
	charsets_free(t_store.charsets);
	t_remove();
	return (t_done());
}
