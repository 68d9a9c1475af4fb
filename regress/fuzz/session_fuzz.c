/*
 * IMAP sessions of anything: two sessions of one account, octets for one or the
 * other (0xff changes to the other), each mailbox with some messages in it.  The
 * first octet says in what state they begin.  What they are told is held
 * against a client's model: no number that does not exist, no UID of another
 * message.  Afterwards both end, and nothing is left of them.
 */
#include <sys/stat.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "imapd/account.h"
#include "imapd/session.h"
#include "../imapd/imaptest.h"
#include "../imapd/told.h"

#define ROUNDS	500	/* inputs for one store */

/* The first octet. */
#define ONE_SELECTS	0x01
#define TWO_SELECTS	0x02
#define QRESYNC		0x04
#define UTF8		0x08
#define COMPRESSED	0x10	/* client 1, octets are deflated here */
#define RAW		0x20	/* client 1, octets are sent as they are */
#define TWO_IDLES	0x40
#define IN_LITERAL	0x80	/* of client 1 */

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
	t_live();
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

/* ---- the clients ---------------------------------------------------------- */

static struct told	 told[3];
static z_stream		 out, in;	/* of client 1 */
static int		 deflated, inflated;
static unsigned		 answers;

static void
bad(struct told *t, const char *why, struct span s)
{
	fprintf(stderr, "client %d: %s: %.*s\n", (int)(t - told), why,
	    (int)s.n, (const char *)s.p);
	abort();
}

static void
tagged(struct told *t, struct span tag, struct span rest)
{
	(void)t;
	(void)tag;
	(void)rest;
	answers++;
}

/* What came, behind COMPRESS inflated: it must be. */
static void
receive(int who)
{
	uint8_t		 room[65536];
	struct span	 s = t_take(who);

	if (who != 1 || !inflated) {
		told_take(&told[who], s.p, s.n);
		return;
	}
	in.next_in = s.p == NULL ? room : (Bytef *)(uintptr_t)s.p;
	in.avail_in = (uInt)s.n;
	do {
		in.next_out = room;
		in.avail_out = sizeof(room);
		switch (inflate(&in, Z_SYNC_FLUSH)) {
		case Z_OK:
		case Z_BUF_ERROR:
		case Z_STREAM_END:
			break;
		default:
			abort();
		}
		told_take(&told[who], room, sizeof(room) - in.avail_out);
	} while (in.avail_out == 0);
}

static void
say(int who, const uint8_t *p, size_t n)
{
	uint8_t	 room[4096];

	if (who != 1 || !deflated) {
		t_send(who, (const char *)p, n);
	} else if (n > 0) {
		out.next_in = (Bytef *)(uintptr_t)p;
		out.avail_in = (uInt)n;
		do {
			out.next_out = room;
			out.avail_out = sizeof(room);
			(void)deflate(&out, Z_SYNC_FLUSH);
			t_send(who, (const char *)room, sizeof(room) -
			    out.avail_out);
		} while (out.avail_out == 0);
	}
	t_settle();
	receive(who);
	receive(3 - who);
}

static void
line(int who, const char *s)
{
	say(who, (const uint8_t *)s, strlen(s));
}

/* To the state that the first octet names. */
static void
prepare(uint8_t how)
{
	unsigned	 was;
	int		 i;

	for (i = 1; i <= 2; i++) {
		was = answers;
		if ((how & QRESYNC) != 0) {
			line(i, "p ENABLE QRESYNC\r\n");
			told[i].qresync = 1;
			was++;
		}
		if ((how & UTF8) != 0) {
			line(i, "p ENABLE UTF8=ACCEPT\r\n");
			was++;
		}
		if ((how & (i == 1 ? ONE_SELECTS : TWO_SELECTS)) != 0) {
			line(i, "p SELECT INBOX\r\n");
			if (told[i].n != 2)
				abort();
			was++;
		}
		if (answers != was)
			abort();
	}
	if ((how & TWO_IDLES) != 0)
		line(2, "p IDLE\r\n");
	if ((how & (COMPRESSED | RAW)) != 0) {
		line(1, "p COMPRESS DEFLATE\r\n");
		inflated = 1;
		deflated = (how & RAW) == 0;
	}
	if ((how & IN_LITERAL) != 0)
		line(1, "p APPEND INBOX {10+}\r\nSubj");
}

static void
clients(void)
{
	int	 i;

	deflated = inflated = 0;
	memset(&in, 0, sizeof(in));
	memset(&out, 0, sizeof(out));
	if (inflateInit2(&in, -15) != Z_OK || deflateInit2(&out, 1,
	    Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	for (i = 1; i <= 2; i++) {
		told[i].bad = bad;
		told[i].tagged = tagged;
		told[i].tolerant = 1;
	}
	t_login(1, account);
	t_preauth(2, account);
	t_settle();
	receive(1);
	receive(2);
}

static void
done(void)
{
	struct account	*a;
	int		 i;

	t_logout(1);
	t_logout(2);
	t_settle();
	for (i = 1; i <= 2; i++) {
		told_again(&told[i]);
		told_free(&told[i]);
	}
	(void)inflateEnd(&in);
	(void)deflateEnd(&out);
	if (!TAILQ_EMPTY(&t_store.sessions))
		abort();
	if ((a = account_find(t_part, account)) == NULL || a->refs != 1)
		abort();
	account_put(a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const uint8_t	*q, *end_ = p + n;
	int		 who = 1;

	if (n < 1 || n > 8192)
		return (0);
	if (round_ % ROUNDS == 0)
		begin();
	round_++;
	account++;
	some_mail();
	clients();
	prepare(*p++);
	for (; p < end_; p = q + 1, who = 3 - who) {
		if ((q = memchr(p, 0xff, (size_t)(end_ - p))) == NULL)
			q = end_;
		say(who, p, (size_t)(q - p));
		if (q == end_)
			break;
	}
	done();
	return (0);
}
