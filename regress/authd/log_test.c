/*
 * The log writer and who writes to it: what is lost is said, and what a taken
 * role writes is text.
 */
#include <sys/socket.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authd/control.h"
#include "log.h"
#include "msg.h"
#include "proc.h"
#include "test.h"

static struct event_base	*base;
static uint64_t			 clock_ms = 1000;

struct event_base *
proc_base(void)
{
	return (base);
}

uint64_t
proc_now_ms(void)
{
	return (clock_ms);
}

/* A role's end of a pipe to the log writer. */
static int
pipe_of(const char *name)
{
	struct msg_link	 l = { .role = ROLE_SMTPD, .name = span_str(name),
			    .pid = 7 };
	struct buf	 b = { 0 };
	struct imsg	 m = { .type = M_LOGPIPE };
	int		 fds[2];

	if (imsg_pair(fds) == -1 || codec_put(&b, &c_link, &l) == -1)
		exit(1);
	m.data = span_buf(&b);
	m.fd = fds[1];
	CHECK(control_on_logpipe(NULL, &m) == 0 && m.fd == -1, "a pipe");
	buf_free(&b);
	return (fds[0]);
}

static int
is_in(FILE *f, const char *text)
{
	char	 line[4096];
	int	 found = 0;

	rewind(f);
	while (fgets(line, sizeof(line), f) != NULL)
		found += strstr(line, text) != NULL;
	return (found);
}

/* The log writer rests now and then. */
static int
comes(FILE *f, const char *text)
{
	int	 i;

	for (i = 0; i < 1000 && is_in(f, text) == 0; i++)
		event_base_loop(base, EVLOOP_ONCE);
	return (is_in(f, text));
}

static void
test_lost(FILE *f)
{
	int	 fd = pipe_of("lossy"), i;

	log_fd(fd);
	for (i = 0; i < 3000; i++)
		log_info("a line that may be lost");
	CHECK(log_dropped() > 0, "some do not fit");
	for (i = 0; i < 5; i++)
		event_base_loop(base, EVLOOP_ONCE);
	log_info("there is room again");
	CHECK(comes(f, "there is room again") == 1, "a line");
	CHECK(comes(f, "lines of this log are lost") == 1, "what is lost");
	log_info("another");
	CHECK(comes(f, "another") == 1 &&
	    is_in(f, "lines of this log are lost") == 1, "once");
}

static void
test_hostile(FILE *f)
{
	int	 fd = pipe_of("evil");

	(void)send(fd, "2a\nb\033c", 6, 0);
	(void)send(fd, "\377level", 6, 0);
	(void)send(fd, "2", 1, 0);
	CHECK(comes(f, "info: a?b?c") == 1, "controls are none in the log");
	CHECK(comes(f, "info: level") == 1, "nor is an unknown level");
	close(fd);
}

/* Before an answer: while it rests after a line, and more than a round. */
static void
test_settled(FILE *f)
{
	int	 fd = pipe_of("early"), i;

	(void)send(fd, "2first", 6, 0);
	CHECK(comes(f, "first") == 1, "a line, after which it rests");
	for (i = 0; i < 150; i++)
		(void)send(fd, "2early", 6, 0);
	control_log_settle();
	CHECK(is_in(f, "info: early") == 150, "is written at once");
	(void)send(fd, "2the last", 9, 0);
	close(fd);
	control_log_settle();
	CHECK(is_in(f, "info: the last") == 1, "that of who is gone too");
	control_log_settle();
	fd = pipe_of("later");
	(void)send(fd, "2later", 6, 0);
	CHECK(comes(f, "info: later") == 1, "and it goes on as before");
	close(fd);
}

int
main(void)
{
	struct imsg	 m = { .type = M_LOGFILE };
	FILE		*f = tmpfile();

	base = event_base_new();
	if (f == NULL || base == NULL)
		exit(1);
	m.fd = dup(fileno(f));
	(void)control_on_logfile(NULL, &m);
	test_hostile(f);
	test_settled(f);
	test_lost(f);
	fclose(f);
	return (test_done());
}
