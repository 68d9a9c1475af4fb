/*
 * Quotas, RFC 9208: what is used and may be, what has no room, what is counted
 * as deleted.
 */
#include <string.h>

#include "imaptest.h"
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
	t_close();
	t_remove();
	return (t_done());
}
