/*
 * How many messages a second a partition takes: deliver_bench [in flight]
 * [seconds] [octets].
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imapd/deliver.h"
#include "imaptest.h"

static size_t	 flying, done, failed;

static void
on_stored(void *arg, const struct msg_stored *m)
{
	(void)arg;
	flying--;
	done++;
	failed += m->result != RESULT_OK;
}

int
main(int argc, char **argv)
{
	struct msg_deliver_rcpt	 r = { .account = 1 };
	struct msg_deliver	 m = { 0 };
	struct buf		 text = { 0 };
	size_t			 most = argc > 1 ? strtoul(argv[1], 0, 10) : 16;
	uint64_t		 s = argc > 2 ? strtoul(argv[2], 0, 10) : 2;
	size_t			 octets = argc > 3 ? strtoul(argv[3], 0, 10) :
				    4096;
	struct rusage		 u;
	uint64_t		 t0, id = 0;
	int			 fd;

	t_open(NULL);
	t_live();
	(void)buf_adds(&text, "Received: from a (a [192.0.2.1])\r\n\tby b "
	    "with ESMTP id abc;\r\n\tMon, 1 Jan 2024 00:00:00 +0000\r\n"
	    "From: Some One <a@example.org>\r\nTo: b@example.org\r\n"
	    "Subject: a message for a test\r\nMessage-ID: <1@a>\r\n"
	    "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n");
	while (text.n < octets)
		(void)buf_adds(&text, "A line of text that goes on for about "
		    "seventy octets, as lines do.\r\n");
	if ((fd = memfd_create("body", 0)) == -1 ||
	    write(fd, text.p, text.n) != (ssize_t)text.n)
		return (1);
	m.size = text.n;
	m.from = span_str("sender@example.org");
	m.session = span_str("bench");
	r.name = r.address = span_str("user");
	m.rcpts.v = &r;
	m.rcpts.n = 1;
	t0 = store_us();
	while (store_us() - t0 < s * 1000000) {
		while (flying < most) {
			id++;
			memcpy(m.id, &id, sizeof(id));
			r.account = id % 8 + 1;
			flying++;
			deliver(&t_store, &m, fd, on_stored, NULL);
		}
		t_turn();
	}
	getrusage(RUSAGE_SELF, &u);
	printf("%zu in flight, %zu octets: %.0f a second, %zu failed, "
	    "%.1f us of the processor each\n", most,
	    text.n, (double)done * 1e6 / (double)(store_us() - t0), failed,
	    ((double)u.ru_utime.tv_sec * 1e6 + (double)u.ru_utime.tv_usec +
	    (double)u.ru_stime.tv_sec * 1e6 + (double)u.ru_stime.tv_usec) /
	    (double)done);
	t_settle();
	t_close();
	t_remove();
	return (0);
}
