/*
 * Quotas, RFC 9208: what is used and may be, what has no room, what is counted
 * as deleted.
 */
#include <stdio.h>
#include <string.h>

#include "imaptest.h"
#include "imapd/batch.h"
#include "imapd/quota.h"

#define OF_16	"0123456789abcde\n"
#define OF_128	OF_16 OF_16 OF_16 OF_16 OF_16 OF_16 OF_16 OF_16
#define OF_1K	OF_128 OF_128 OF_128 OF_128 OF_128 OF_128 OF_128 OF_128

static const char *const no_limits[] = {
	"O1",
	"C1: a GETQUOTA \"\"", "S1: * QUOTA \"\" ()", "S1: a OK ~",
	"C1: b GETQUOTAROOT INBOX", "S1: * QUOTAROOT INBOX \"\"",
	"S1: * QUOTA \"\" ()", "S1: b OK ~",
	"C1: c GETQUOTA other", "S1: c NO [NONEXISTENT] ~",
	"C1: d SETQUOTA \"\" (STORAGE 1)", "S1: d NO [NOPERM] ~",
	"C1: e GETQUOTAROOT \"\"", "S1: e NO ~",
	"C1: f GETQUOTA", "S1: f BAD ~",
	"C1: g GETQUOTAROOT INBOX x", "S1: g BAD ~",
	NULL
};

/* 4096 octets and 5 messages. */
static const char *const storage[] = {
	"C1: a APPEND INBOX {1024+}", "C1= " OF_1K "\r\n", "S1: a OK ~",
	"C1: b APPEND Sent {1024+}", "C1= " OF_1K "\r\n", "S1: b OK ~",
	"C1: c GETQUOTAROOT \"not yet\"",
	"S1: * QUOTAROOT \"not yet\" \"\"",
	"S1: * QUOTA \"\" (STORAGE 2 4 MESSAGE 2 5)", "S1: c OK ~",
	"C1: d APPEND INBOX {2049}", "S1: d NO [OVERQUOTA] ~",
	"C1: e APPEND INBOX {2048}", "S1: + ~", "C1= " OF_1K OF_1K "\r\n",
	"S1: e OK ~",
	"C1: f GETQUOTA \"\"",
	"S1: * QUOTA \"\" (STORAGE 4 4 MESSAGE 3 5)", "S1: f OK ~",
	NULL
};

static const char *const copies[] = {
	"C1: h COPY 1 INBOX", "S1: h NO [OVERQUOTA] ~",
	/* it takes no room */
	"C1: i MOVE 1 INBOX", "S1: * OK ~", "S1: * 1 EXPUNGE",
	"S1: i OK ~",
	NULL
};

static const char *const deleted[] = {
	"C1: b STORE 2:3 +FLAGS.SILENT (\\Deleted)", "S1: b OK ~",
	"C1: c STATUS INBOX (DELETED DELETED-STORAGE)",
	"S1: * STATUS INBOX (DELETED 2 DELETED-STORAGE 3072)", "S1: c OK ~",
	"C1: d UNSELECT", "S1: d OK ~",
	NULL
};

/* From the database, and after it is expunged. */
static const char *const again[] = {
	"O1",
	"C1: a STATUS INBOX (DELETED-STORAGE MESSAGES)",
	"S1: * STATUS INBOX (MESSAGES 3 DELETED-STORAGE 3072)", "S1: a OK ~",
	NULL
};

static const char *const messages[] = {
	"C1: c CLOSE", "S1: c OK ~",
	"C1: d STATUS INBOX (DELETED DELETED-STORAGE)",
	"S1: * STATUS INBOX (DELETED 0 DELETED-STORAGE 0)", "S1: d OK ~",
	"C1: e APPEND INBOX {1+}", "C1= a {1+}\r\nb {1+}\r\nc {1+}\r\nd\r\n",
	"S1: e OK ~",
	"C1: f GETQUOTA \"\"",
	"S1: * QUOTA \"\" (STORAGE 2 4 MESSAGE 5 5)", "S1: f OK ~",
	"C1: g APPEND INBOX {1}", "S1: g NO [OVERQUOTA] ~",
	NULL
};

/* Of its own: 10 messages, any size; then nothing of the kind. */
static const char *const own[] = {
	"C1: a GETQUOTA \"\"", "S1: * QUOTA \"\" (MESSAGE 5 10)", "S1: a OK ~",
	"C1: b APPEND INBOX {1+}", "C1= a\r\n", "S1: b OK ~",
	"O2", "C2: a GETQUOTA \"\"",
	"S2: * QUOTA \"\" (STORAGE 0 4 MESSAGE 0 5)", "S2: a OK ~",
	NULL
};

static const char *const taken_back[] = {
	"C1: a GETQUOTA \"\"",
	"S1: * QUOTA \"\" (STORAGE 2 4 MESSAGE 6 5)", "S1: a OK ~",
	"C1: b APPEND INBOX {1}", "S1: b NO [OVERQUOTA] ~",
	NULL
};

/* Accounts in any order; the second list is whole. */
static void
tell(void)
{
	struct msg_limits	 some[] = { { 9, 2, 2 }, { 1, 2, 2 },
				    { 1, 1, 11 } };
	struct msg_limits	 other[] = { { 9, 1, 1 } };
	struct msg_limits_list	 m = { .limits = { some, 3 } };

	quota_told(&t_store, &m);
	t_script("of its own", own);
	m.whole = 1;
	m.limits.v = other;
	m.limits.n = 1;
	quota_told(&t_store, &m);
	t_script("taken back", taken_back);
	m.whole = 0;
	other[0].account = 1;
	other[0].octets = other[0].messages = 0;
	quota_told(&t_store, &m);
	t_script("of the configuration", taken_back);
}

/* What client n is answered to its last command, "x". */
static const char *
answered(int n)
{
	const char	*l;

	while ((l = t_line(n)) != NULL && strncmp(l, "x ", 2) != 0)
		;
	return (l == NULL ? "nothing" : l);
}

/* Two are staged at the same time, and there is room for one of them. */
static void
one_of_two(const char *what)
{
	static const char	 no[] = "x NO [OVERQUOTA]";
	char			 first[64];
	int			 ok;

	snprintf(first, sizeof(first), "%s", answered(3));
	ok = strncmp(first, "x OK", 4) == 0;
	CHECK(ok || strncmp(first, no, sizeof(no) - 1) == 0, "%s: %s", what,
	    first);
	snprintf(first, sizeof(first), "%s", answered(4));
	CHECK(strncmp(first, ok ? no : "x OK", ok ? sizeof(no) - 1 : 4) == 0,
	    "%s: %s", what, first);
}

#define COPIED	(BATCH_MAX + 100)
#define APPENDS	40			/* of 32 KiB: more than STAGE_OCTETS */

static void
say(int n, const char *line)
{
	t_send(n, line, strlen(line));
}

static void
appends(int n)
{
	static char	 text[32 * 1024];
	int		 i;

	memset(text, 'x', sizeof(text));
	say(n, n == 3 ? "x APPEND Drafts" : "x APPEND Sent");
	for (i = 0; i < APPENDS; i++) {
		say(n, " {32768+}\r\n");
		t_send(n, text, sizeof(text));
	}
}

static void
at_once(void)
{
	unsigned	 slice = t_store.limits.slice;
	int		 i;

	t_store.limits.quota = t_store.limits.quota_messages = 0;
	t_account[3] = t_account[4] = 3;
	t_login(3, 3);
	for (i = 0; i < COPIED; i++)
		say(3, i % (COPIED / 2) == 0 ? "\r\na APPEND INBOX {1+}\r\nx" :
		    " {1+}\r\nx");
	say(3, "\r\nx SELECT INBOX\r\n");
	(void)answered(3);
	t_login(4, 3);
	say(4, "x SELECT INBOX\r\n");
	(void)answered(4);
	t_store.limits.slice = 0;	/* they take turns */
	t_store.limits.quota_messages = COPIED * 2 + 1;
	say(3, "x COPY 1:* Drafts\r\n");
	say(4, "x COPY 1:* Sent\r\n");
	one_of_two("COPY");
	t_store.limits.quota_messages = 0;
	t_store.limits.quota = 2 * 1024 * 1024;
	appends(3);
	appends(4);
	t_settle();
	say(3, "\r\n");
	say(4, "\r\n");
	one_of_two("APPEND");
	t_store.limits.slice = slice;
}

static void
select_mailbox(const char *command)
{
	t_send(1, command, strlen(command));
	t_settle();
	t_drain(1);
}

int
main(void)
{
	t_open(NULL);
	t_script("without limits", no_limits);
	t_store.limits.quota = 4096;
	t_store.limits.quota_messages = 5;
	t_script("octets", storage);
	select_mailbox("s SELECT Sent\r\n");
	t_script("copies", copies);
	select_mailbox("s SELECT INBOX\r\n");
	t_script("deleted", deleted);
	t_close();
	t_open(t_dir());
	t_store.limits.quota = 4096;
	t_store.limits.quota_messages = 5;
	t_script("after a restart", again);
	select_mailbox("s SELECT INBOX\r\n");
	t_script("messages", messages);
	tell();
	at_once();
	t_close();
	t_remove();
	return (t_done());
}
