/*
 * How much of the processor SORT and THREAD of many messages take, the client's
 * part with it: sort_bench [messages].
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "charset.h"
#include "imaptest.h"

static const char *const	 commands[] = {
	"SEARCH SUBJECT \"zzz\"", "SORT (ARRIVAL) UTF-8 ALL",
	"SORT (DATE) UTF-8 ALL", "SORT (SUBJECT) UTF-8 ALL",
	"SORT (DISPLAYFROM) UTF-8 ALL",
	"SORT (REVERSE DATE FROM) UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL",
	"THREAD ORDEREDSUBJECT UTF-8 ALL",
};

static void
append(unsigned i)
{
	struct buf	 b = { 0 }, m = { 0 };

	(void)buf_addf(&m, "Date: Mon, %u Feb 2020 %02u:%02u:00 +0100\r\n"
	    "From: Person %u <p%u@example.org>\r\nTo: me@example.org\r\n"
	    "Message-ID: <%u.%u@example.org>\r\nSubject: %ssubject %u of many"
	    "\r\n", i * 7 % 28 + 1, i * 11 % 24, i * 13 % 60, i * 17 % 500,
	    i * 17 % 500, i, i, i % 3 ? "Re: " : "", i * 31 % 2000);
	if (i % 3)
		(void)buf_addf(&m, "In-Reply-To: <%u.%u@example.org>\r\n"
		    "References: <%u.%u@example.org>\r\n"
		    " <%u.%u@example.org>\r\n", i - 1, i - 1, i / 3 * 3,
		    i / 3 * 3, i - 1, i - 1);
	(void)buf_addf(&m, "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n"
	    "\r\nA text.\r\n");
	(void)buf_addf(&b, "a APPEND INBOX {%zu+}\r\n", m.n);
	(void)buf_add_span(&b, span_buf(&m));
	(void)buf_adds(&b, "\r\n");
	t_send(1, (const char *)b.p, b.n);
	(void)t_line(1);
	buf_free(&b);
	buf_free(&m);
}

static uint64_t
used(void)
{
	struct timespec	 t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return ((uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000);
}

int
main(int argc, char **argv)
{
	unsigned	 i, k, n = argc > 1 ? (unsigned)atoi(argv[1]) : 10000;
	uint64_t	 t0, best, t;
	char		 cmd[256];
	const char	*l;

	t_open(NULL);
	t_store.charsets = charsets_open();
	t_login(1, 1);
	(void)t_line(1);
	for (i = 0; i < n; i++)
		append(i);
	t_send(1, "s SELECT INBOX\r\n", 16);
	while ((l = t_line(1)) != NULL && l[0] != 's')
		;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		snprintf(cmd, sizeof(cmd), "t %s\r\n", commands[i]);
		for (k = 0, best = UINT64_MAX; k < 5; k++) {
			t0 = used();
			t_send(1, cmd, strlen(cmd));
			while ((l = t_line(1)) != NULL && l[0] == '*')
				;
			t = used() - t0;
			best = t < best ? t : best;
		}
		printf("%-46s %8.1f ms\n", commands[i], (double)best / 1000);
	}
	t_close();
	charsets_free(t_store.charsets);
	t_remove();
	return (0);
}
