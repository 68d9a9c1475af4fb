/*
 * IMAP sessions of anything: two sessions of one account, octets for one or the
 * other (0xff changes to the other), each mailbox with some messages in it.
 * Afterwards both end, and nothing is left of them.
 */
#include <sys/stat.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imapd/account.h"
#include "imapd/session.h"
#include "../imapd/imaptest.h"

#define ROUNDS	500	/* inputs for one store */

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);
const char	*__lsan_default_suppressions(void);

/* Berkeley DB keeps what it has while the environment is open. */
const char *
__lsan_default_suppressions(void)
{
	return ("leak:__os_malloc");
}

static unsigned	 round_;
static uint64_t	 account;

static void
end(void)
{
	t_close();
	t_remove();
}

static void
begin(void)
{
	struct stat	 st;

	if (round_ == 0) {
		if (stat("/dev/shm", &st) == 0 && access("/dev/shm", W_OK) == 0)
			(void)setenv("TMPDIR", "/dev/shm", 1);
		(void)atexit(end);
	} else
		end();
	t_open(NULL);
}

static void
some_mail(void)
{
	static const char	 one[] = "From: a@b\r\nSubject: one\r\n\r\n"
				    "text\r\n";
	static const char	 two[] = "From: a@b\r\nMIME-Version: 1.0\r\n"
				    "Content-Type: multipart/mixed; "
				    "boundary=x\r\n\r\n--x\r\n\r\nfirst\r\n"
				    "--x\r\nContent-Type: message/rfc822\r\n"
				    "\r\nSubject: inner\r\n\r\nsecond\r\n"
				    "--x--\r\n";
	uint8_t			 id[16] = { 0 };

	memcpy(id, &account, sizeof(account));
	(void)t_deliver(id, one, sizeof(one) - 1, &account, 1);
	id[15] = 1;
	(void)t_deliver(id, two, sizeof(two) - 1, &account, 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const uint8_t	*q, *end_ = p + n;
	struct account	*a;
	int		 who = 1;

	if (round_ % ROUNDS == 0)
		begin();
	round_++;
	account++;
	some_mail();
	t_login(1, account);
	t_preauth(2, account);
	t_settle();
	for (; p < end_; p = q + 1, who = 3 - who) {
		if ((q = memchr(p, 0xff, (size_t)(end_ - p))) == NULL)
			q = end_;
		t_send(who, (const char *)p, (size_t)(q - p));
		t_settle();
		t_drain(who);
		if (q == end_)
			break;
	}
	t_logout(1);
	t_logout(2);
	t_settle();
	if (!TAILQ_EMPTY(&t_store.sessions))
		abort();
	if ((a = account_find(t_part, account)) == NULL || a->refs != 1)
		abort();
	account_put(a);
	return (0);
}
